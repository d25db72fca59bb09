//! Panels side by side in one SVG, without a background: grey and strong colours are read on white and on black.

use std::path::Path;

use anyhow::{Context, anyhow};
use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;

use super::results::Points;

const GREY: RGBColor = RGBColor(125, 133, 144);
const PANEL: (u32, u32) = (470, 300);
const LEGEND_LINE: u32 = 20;

/// How values lie on the vertical axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    Linear,
    Log,
}

/// A curve.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) colour: (u8, u8, u8),
    pub(super) points: Points,
}

/// One drawing.
#[derive(Debug)]
pub(super) struct Panel {
    pub(super) title: String,
    pub(super) x: String,
    pub(super) y: String,
    pub(super) scale: Scale,
    pub(super) series: Vec<Series>,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws panels, two in a row, and one legend below.
pub(super) fn draw(path: &Path, panels: &[Panel]) -> anyhow::Result<()> {
    let failed = || format!("cannot draw {}", path.display());
    let mut legend: Vec<&Series> = Vec::new();
    for series in panels.iter().flat_map(|panel| &panel.series) {
        let known = legend.iter().any(|other| other.name == series.name);
        if !known && !series.points.is_empty() {
            legend.push(series);
        }
    }
    let rows = panels.len().div_ceil(2);
    let legend_height = legend.len().div_ceil(2) as u32 * LEGEND_LINE + 10;
    let size = (2 * PANEL.0, rows as u32 * PANEL.1 + legend_height);
    let root = SVGBackend::new(path, size).into_drawing_area();
    let (above, below) = root.split_vertically(size.1 - legend_height);
    for (panel, area) in panels.iter().zip(above.split_evenly((rows, 2))) {
        one(&area, panel).with_context(failed)?;
    }
    for (number, series) in legend.iter().enumerate() {
        let at = (
            70 + (number % 2) as i32 * PANEL.0 as i32,
            8 + (number / 2) as i32 * LEGEND_LINE as i32,
        );
        entry(&below, series, at).with_context(failed)?;
    }
    root.present()
        .map_err(|error| anyhow!("{error}"))
        .with_context(failed)
}

fn entry(area: &Area<'_>, series: &Series, (x, y): (i32, i32)) -> anyhow::Result<()> {
    let colour = colour(series);
    area.draw(&PathElement::new(
        vec![(x, y + 6), (x + 24, y + 6)],
        colour.stroke_width(3),
    ))
    .map_err(|error| anyhow!("{error}"))?;
    area.draw(&Text::new(
        series.name.clone(),
        (x + 32, y),
        ("sans-serif", 14).into_font().color(&GREY),
    ))
    .map_err(|error| anyhow!("{error}"))
}

fn one(area: &Area<'_>, panel: &Panel) -> anyhow::Result<()> {
    let points = || panel.series.iter().flat_map(|series| &series.points);
    let fold = |f: fn(f64, f64) -> f64, start: f64, of: fn(&(f64, f64)) -> f64| {
        points().map(of).fold(start, f)
    };
    let left = fold(f64::min, f64::INFINITY, |point| point.0);
    let right = fold(f64::max, 0.0, |point| point.0);
    let low = fold(f64::min, f64::INFINITY, |point| point.1);
    let high = fold(f64::max, 0.0, |point| point.1);
    if right == 0.0 {
        return Ok(());
    }
    let x = (left * 0.8..right * 1.25).log_scale();
    match panel.scale {
        Scale::Linear => curves(area, panel, x, 0.0..high * 1.1),
        Scale::Log => curves(area, panel, x, (low * 0.5..high * 2.0).log_scale()),
    }
}

fn curves<X, Y>(area: &Area<'_>, panel: &Panel, x: X, y: Y) -> anyhow::Result<()>
where
    X: AsRangedCoord<Value = f64>,
    Y: AsRangedCoord<Value = f64>,
    X::CoordDescType: ValueFormatter<f64>,
    Y::CoordDescType: ValueFormatter<f64>,
{
    let failed = |error: DrawingAreaErrorKind<_>| anyhow!("{error}");
    let text = |size: i32| ("sans-serif", size).into_font().color(&GREY);
    let mut chart = ChartBuilder::on(area)
        .caption(&panel.title, text(16))
        .margin(8)
        .x_label_area_size(40)
        .y_label_area_size(58)
        .build_cartesian_2d(x, y)
        .map_err(failed)?;
    chart
        .configure_mesh()
        .x_desc(&panel.x)
        .y_desc(&panel.y)
        .x_labels(8)
        .y_labels(7)
        .x_label_formatter(&|value| short(*value))
        .y_label_formatter(&|value| short(*value))
        .label_style(text(13))
        .axis_desc_style(text(13))
        .axis_style(GREY)
        .bold_line_style(GREY.mix(0.3))
        .light_line_style(TRANSPARENT)
        .draw()
        .map_err(failed)?;
    for series in &panel.series {
        let colour = colour(series);
        let line = LineSeries::new(series.points.iter().copied(), colour.stroke_width(2));
        chart.draw_series(line).map_err(failed)?;
        let dots = series
            .points
            .iter()
            .map(|point| Circle::new(*point, 3, colour.filled()));
        chart.draw_series(dots).map_err(failed)?;
    }
    Ok(())
}

fn colour(series: &Series) -> RGBColor {
    let (red, green, blue) = series.colour;
    RGBColor(red, green, blue)
}

/// A number on an axis.
fn short(value: f64) -> String {
    let (value, unit) = match value {
        1e6.. => (value / 1e6, "M"),
        1e3.. => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let text = format!("{value:.4}");
    format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_on_axes_are_short() {
        assert_eq!(short(1000.0), "1k");
        assert_eq!(short(2_500_000.0), "2.5M");
        assert_eq!(short(0.001), "0.001");
        assert_eq!(short(100.0), "100");
    }

    #[test]
    fn a_drawing_has_every_curve_and_its_name() {
        let panel = |scale| Panel {
            title: "hit".to_owned(),
            x: "keys".to_owned(),
            y: "ns".to_owned(),
            scale,
            series: vec![Series {
                name: "whose".to_owned(),
                colour: (1, 2, 3),
                points: vec![(1e3, 10.0), (1e6, 100.0)],
            }],
        };
        let path = std::env::temp_dir().join(format!("whose-plot-{}.svg", std::process::id()));
        draw(&path, &[panel(Scale::Linear), panel(Scale::Log)]).unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(svg.matches("<polyline").count() >= 2);
        assert!(svg.contains("whose") && svg.contains("keys") && svg.contains("1k"));
    }
}
