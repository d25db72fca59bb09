//! What criterion measured, read from its files and set out as tables.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;

use serde_json::Value;

use crate::failure::{Failure, While};

/// One benchmark.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Measurement {
    group: String,
    function: String,
    parameter: String,
    /// Nanoseconds an iteration.
    median: f64,
    /// Half of the samples are closer to the median than this.
    deviation: f64,
    interval: (f64, f64),
    throughput: Option<Throughput>,
}

/// What one iteration works through.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Throughput {
    Bytes(f64),
    Elements(f64),
}

/// Reads every measurement below criterion's folder that is not older than `since`.
pub(crate) fn read(folder: &Path, since: Option<SystemTime>) -> Result<Vec<Measurement>, Failure> {
    let mut found = Vec::new();
    if folder.is_dir() {
        walk(folder, since, &mut found)?;
    }
    let key = |m: &Measurement| (m.group.clone(), natural(&m.parameter), m.function.clone());
    found.sort_by_key(key);
    Ok(found)
}

fn walk(
    folder: &Path,
    since: Option<SystemTime>,
    found: &mut Vec<Measurement>,
) -> Result<(), Failure> {
    let what = || format!("cannot list {}", folder.display());
    let estimates = folder.join("estimates.json");
    if folder.ends_with("new") && estimates.is_file() {
        let written = std::fs::metadata(&estimates)
            .and_then(|data| data.modified())
            .while_doing(what)?;
        if since.is_none_or(|since| written >= since) {
            let benchmark = json(&folder.join("benchmark.json"))?;
            let measurement = parse(&benchmark, &json(&estimates)?).ok_or_else(|| {
                Failure::new(format!(
                    "{} is not as criterion 0.8 writes it",
                    estimates.display()
                ))
            })?;
            found.push(measurement);
        }
        return Ok(());
    }
    for entry in std::fs::read_dir(folder).while_doing(what)? {
        let path = entry.while_doing(what)?.path();
        if path.is_dir() {
            walk(&path, since, found)?;
        }
    }
    Ok(())
}

fn json(path: &Path) -> Result<Value, Failure> {
    let text = std::fs::read(path).while_doing(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).while_doing(|| format!("{} is not JSON", path.display()))
}

fn parse(benchmark: &Value, estimates: &Value) -> Option<Measurement> {
    let text = |name: &str| {
        benchmark
            .get(name)
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let median = estimates.get("median")?;
    let interval = median.get("confidence_interval")?;
    let throughput = benchmark.get("throughput").and_then(|throughput| {
        let number = |name: &str| throughput.get(name).and_then(Value::as_f64);
        number("Bytes")
            .or_else(|| number("BytesDecimal"))
            .map(Throughput::Bytes)
            .or_else(|| number("Elements").map(Throughput::Elements))
    });
    Some(Measurement {
        group: text("group_id")?,
        function: text("function_id").unwrap_or_default(),
        parameter: text("value_str").unwrap_or_default(),
        median: median.get("point_estimate")?.as_f64()?,
        deviation: estimates
            .get("median_abs_dev")?
            .get("point_estimate")?
            .as_f64()?,
        interval: (
            interval.get("lower_bound")?.as_f64()?,
            interval.get("upper_bound")?.as_f64()?,
        ),
        throughput,
    })
}

/// Sorts `1k`, `100k`, `1M`, `10000` by size and other parameters by name.
fn natural(parameter: &str) -> (u128, String) {
    let digits: String = parameter
        .chars()
        .filter(|c| *c != '_' && *c != ',')
        .collect();
    let end = digits
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(digits.len());
    let number: u128 = digits[..end].parse().unwrap_or(0);
    let factor = match digits[end..].chars().next() {
        Some('k' | 'K') => 1_000,
        Some('m' | 'M') => 1_000_000,
        _ => 1,
    };
    (number.saturating_mul(factor), parameter.to_owned())
}

/// One Markdown table for each group.
pub(crate) fn tables(measurements: &[Measurement]) -> String {
    let mut groups: BTreeMap<&str, Vec<&Measurement>> = BTreeMap::new();
    for measurement in measurements {
        groups
            .entry(&measurement.group)
            .or_default()
            .push(measurement);
    }
    let mut text = String::new();
    for (group, members) in groups {
        text.push_str(&format!("\n## {group}\n\n"));
        text.push_str("| what | size | median | ± MAD | 95 % interval of the median | throughput | time against |\n");
        text.push_str("|---|---|--:|--:|--:|--:|---|\n");
        for measurement in &members {
            let (low, high) = measurement.interval;
            let cells = [
                measurement.function.clone(),
                measurement.parameter.clone(),
                time(measurement.median),
                time(measurement.deviation),
                format!("{} – {}", time(low), time(high)),
                measurement
                    .throughput
                    .map_or_else(String::new, |t| rate(t, measurement.median)),
                against(measurement, &members),
            ];
            text.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
    }
    text
}

fn is_ours(measurement: &Measurement) -> bool {
    measurement.function.starts_with("whose")
}

/// Our time divided by that of each peer, and in wasm by native, at the same size in this group.
fn against(measurement: &Measurement, members: &[&Measurement]) -> String {
    if !is_ours(measurement) {
        return String::new();
    }
    let native = measurement.function.replace("wasm", "native");
    let comparable = members.iter().filter(|other| {
        other.parameter == measurement.parameter
            && other.function != measurement.function
            && (!is_ours(other) || other.function == native)
    });
    let ratios: Vec<String> = comparable
        .map(|other| {
            format!(
                "{:.2} × {}",
                measurement.median / other.median,
                other.function
            )
        })
        .collect();
    ratios.join(", ")
}

fn time(nanoseconds: f64) -> String {
    scaled(
        nanoseconds,
        &[("ns", 1.0), ("µs", 1e3), ("ms", 1e6), ("s", 1e9)],
    )
}

fn rate(throughput: Throughput, nanoseconds: f64) -> String {
    let units = |amount: f64, units: &[(&str, f64)]| scaled(amount / nanoseconds * 1e9, units);
    match throughput {
        Throughput::Bytes(bytes) => units(
            bytes,
            &[("B/s", 1.0), ("kB/s", 1e3), ("MB/s", 1e6), ("GB/s", 1e9)],
        ),
        Throughput::Elements(elements) => units(
            elements,
            &[("/s", 1.0), ("k/s", 1e3), ("M/s", 1e6), ("G/s", 1e9)],
        ),
    }
}

/// Three digits in the largest unit that leaves at least one.
fn scaled(value: f64, units: &[(&str, f64)]) -> String {
    let fitting = units
        .iter()
        .rev()
        .find(|(_, factor)| value >= *factor)
        .or_else(|| units.first());
    let (unit, factor) = fitting.copied().unwrap_or(("", 1.0));
    let value = value / factor;
    let digits = if value >= 100.0 {
        0
    } else {
        usize::from(value < 10.0) + 1
    };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measurement(function: &str, parameter: &str, median: f64) -> Measurement {
        Measurement {
            group: "lookup".to_owned(),
            function: function.to_owned(),
            parameter: parameter.to_owned(),
            median,
            deviation: 1.0,
            interval: (median - 1.0, median + 1.0),
            throughput: Some(Throughput::Elements(1.0)),
        }
    }

    #[test]
    fn criterions_files_are_understood() {
        let benchmark = serde_json::json!({"group_id": "lookup", "function_id": "whose",
            "value_str": "1k", "throughput": {"Bytes": 1500}});
        let estimate = |point: f64| {
            serde_json::json!({"point_estimate": point, "standard_error": 0.1,
                "confidence_interval": {"confidence_level": 0.95, "lower_bound": 9.5, "upper_bound": 10.5}})
        };
        let estimates = serde_json::json!({"mean": estimate(11.0), "median": estimate(10.0),
            "median_abs_dev": estimate(0.5), "slope": null});
        let read = parse(&benchmark, &estimates).unwrap();
        assert_eq!(
            (read.median, read.deviation, read.interval),
            (10.0, 0.5, (9.5, 10.5))
        );
        assert_eq!(read.throughput, Some(Throughput::Bytes(1500.0)));
        assert_eq!(parse(&benchmark, &serde_json::json!({})), None);
    }

    #[test]
    fn numbers_have_three_digits_and_a_unit() {
        assert_eq!(time(0.5), "0.50 ns");
        assert_eq!(time(41.23), "41.2 ns");
        assert_eq!(time(1_234.0), "1.23 µs");
        assert_eq!(time(456_000_000.0), "456 ms");
        assert_eq!(rate(Throughput::Bytes(1500.0), 500.0), "3.00 GB/s");
        assert_eq!(rate(Throughput::Elements(1.0), 1000.0), "1.00 M/s");
    }

    #[test]
    fn parameters_sort_by_size() {
        let mut sizes = ["1M", "100k", "1k", "10_000"];
        sizes.sort_by_key(|size| natural(size));
        assert_eq!(sizes, ["1k", "10_000", "100k", "1M"]);
    }

    #[test]
    fn ours_is_compared_with_peers_of_the_same_size_and_wasm_with_native() {
        let all = [
            measurement("whose-native", "1k", 50.0),
            measurement("whose-wasm", "1k", 60.0),
            measurement("hashbrown", "1k", 100.0),
            measurement("hashbrown", "1M", 400.0),
        ];
        let members: Vec<&Measurement> = all.iter().collect();
        assert_eq!(against(&all[0], &members), "0.50 × hashbrown");
        assert_eq!(
            against(&all[1], &members),
            "1.20 × whose-native, 0.60 × hashbrown"
        );
        assert_eq!(against(&all[2], &members), "");
    }

    #[test]
    fn a_table_has_one_row_for_each_measurement() {
        let text = tables(&[
            measurement("whose", "1k", 50.0),
            measurement("hashbrown", "1k", 100.0),
        ]);
        assert!(text.starts_with("\n## lookup\n"));
        assert!(text.contains("| whose | 1k | 50.0 ns | 1.00 ns | 49.0 ns – 51.0 ns | 20.0 M/s | 0.50 × hashbrown |"), "{text}");
        assert_eq!(
            text.lines().filter(|line| line.starts_with("| ")).count(),
            3
        );
    }
}
