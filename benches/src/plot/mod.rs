//! The cost curves of `docs/measurements.md`, out of the kept results.

mod canvas;
mod results;

use std::path::Path;

use anyhow::Context;

use canvas::{Panel, Scale, Series};
use results::Results;

/// Colours that stand out on white and on black, by what they are of. The first word that fits counts.
const WASM: (u8, u8, u8) = (214, 93, 14);
const GROUPED: (u8, u8, u8) = (204, 36, 120);
const NATIVE: (u8, u8, u8) = (38, 130, 215);
const BASELINE: (u8, u8, u8) = (138, 95, 200);
const HASHBROWN: (u8, u8, u8) = (46, 160, 67);
const RKYV: (u8, u8, u8) = (180, 140, 20);
const RKYV_WASM: (u8, u8, u8) = (110, 120, 60);

/// Draws all of them.
///
/// # Errors
/// The results cannot be read, or a drawing not written.
pub fn draw(results: &Path, out: &Path) -> anyhow::Result<()> {
    let results = Results::read(results)?;
    std::fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    canvas::draw(&out.join("lookup.svg"), &lookups(&results))?;
    canvas::draw(&out.join("events.svg"), &events(&results))?;
    canvas::draw(&out.join("open.svg"), &opening(&results))
}

fn lookups(results: &Results) -> Vec<Panel> {
    let series = [
        ("hashbrown, native", "hashbrown", HASHBROWN),
        ("whose, native", "whose, native", NATIVE),
        ("whose, wasm", "whose, wasm simd128", WASM),
        (
            "whose, wasm, grouped",
            "whose, wasm simd128, grouped",
            GROUPED,
        ),
        ("rkyv's map, native", "rkyv's map, native", RKYV),
        ("rkyv's map, wasm", "rkyv's map, wasm simd128", RKYV_WASM),
    ];
    [
        "hit, uniform",
        "hit, Zipf 1.1",
        "miss, uniform",
        "miss, Zipf 1.1",
    ]
    .into_iter()
    .map(|case| Panel {
        title: case.to_owned(),
        x: "keys".to_owned(),
        y: "ns a lookup".to_owned(),
        scale: Scale::Linear,
        series: series
            .iter()
            .map(|(name, what, colour)| Series {
                name: (*name).to_owned(),
                colour: *colour,
                points: results.lookups(&format!("lookup, {case}"), what),
            })
            .collect(),
    })
    .collect()
}

fn events(results: &Results) -> Vec<Panel> {
    let series = [
        ("whose, native", "whose, native", NATIVE),
        ("whose, wasm simd128", "whose, wasm simd128", WASM),
        (
            "the same in the harness",
            "whose, wasm simd128, in the harness",
            GROUPED,
        ),
        ("whose, wasm without SIMD", "whose, wasm baseline", BASELINE),
        (
            "serde_json + hashbrown",
            "serde_json Value + hashbrown + to_vec",
            HASHBROWN,
        ),
    ];
    ["Zipf 1.1", "uniform"]
        .into_iter()
        .map(|spread| {
            let mut all: Vec<Series> = series
                .iter()
                .map(|(name, what, colour)| Series {
                    name: (*name).to_owned(),
                    colour: *colour,
                    points: results.thousands("enrich", spread, what),
                })
                .collect();
            all.push(Series {
                name: "VRL, Vector's file table".to_owned(),
                colour: RKYV,
                points: results.thousands("peers", spread, "VRL, Vector's file table"),
            });
            Panel {
                title: format!("events, {spread}"),
                x: "identities".to_owned(),
                y: "thousand events/s".to_owned(),
                scale: Scale::Linear,
                series: all,
            }
        })
        .collect()
}

fn opening(results: &Results) -> Vec<Panel> {
    let times = [
        ("open", "whose, checked open", "checked open", NATIVE),
        (
            "open",
            "whose, open with every digest",
            "open with every digest",
            BASELINE,
        ),
        (
            "first event",
            "whose, on first touch",
            "file to first event, on first touch",
            WASM,
        ),
        (
            "first event",
            "whose, every digest first",
            "file to first event, every digest",
            GROUPED,
        ),
        (
            "open",
            "hashbrown, insert every key",
            "hashbrown, insert every key",
            HASHBROWN,
        ),
    ];
    vec![
        Panel {
            title: "until events can be enriched".to_owned(),
            x: "identities".to_owned(),
            y: "ms".to_owned(),
            scale: Scale::Log,
            series: times
                .iter()
                .map(|(group, what, name, colour)| Series {
                    name: (*name).to_owned(),
                    colour: *colour,
                    points: results.milliseconds(group, what),
                })
                .collect(),
        },
        Panel {
            title: "size of the snapshot".to_owned(),
            x: "identities".to_owned(),
            y: "bytes an identity".to_owned(),
            scale: Scale::Linear,
            series: vec![Series {
                name: "snapshot".to_owned(),
                colour: RKYV,
                points: results.facts("open", "bytes an identity"),
            }],
        },
    ]
}
