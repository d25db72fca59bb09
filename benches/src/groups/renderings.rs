//! What is written, how much of it, and how many events at once: in the module, whose time this is about.

use super::{Given, MODULES};
use crate::events;
use crate::module::{Attach, Compiled, Plain};
use crate::random::Spread;
use crate::record::{Sink, Work};
use crate::rounds::{self, Contestant};

const STANDARD: &str = "native, standard";
const CONFIGS: [(&str, &str); 7] = [
    (STANDARD, r#"{"detail":"standard"}"#),
    ("outcome only", r#"{"fields":["outcome"]}"#),
    ("native, minimal", r#"{"detail":"minimal"}"#),
    ("native, full", r#"{"detail":"full"}"#),
    ("ocsf, standard", r#"{"rendering":"ocsf"}"#),
    ("ecs, standard", r#"{"rendering":"ecs"}"#),
    ("splunk, standard", r#"{"rendering":"splunk"}"#),
];
const BATCHES: [usize; 5] = [1, 8, 64, 256, 1024];

/// Measures.
///
/// # Errors
/// Something does not run.
pub fn measure(given: &Given, sink: &mut Sink) -> anyhow::Result<()> {
    if given.large || !(given.wants("renderings") || given.wants("batches")) {
        return Ok(());
    }
    for dataset in given.datasets(&[100_000]) {
        let events = events::cloudtrail(&dataset.truth()?, Spread::Zipf, given.count(10_000));
        let count = events.iter().filter(|byte| **byte == b'\n').count();
        let snapshot = dataset.read()?;
        let compiled = Compiled::new(&given.module(MODULES[0].1))?;
        let start = |batches: &[Vec<u8>], config| {
            let room = batches.iter().map(Vec::len).max().unwrap_or(0);
            let snapshot = Some((snapshot.get(), Attach::All));
            Plain::start(&compiled, room, config, snapshot)
        };
        let work = Work::Events(count as f64);
        let size = dataset.size();
        if given.wants("renderings") {
            let batches = crate::batches(&events);
            let mut contestants = Vec::new();
            for (name, config) in CONFIGS {
                let mut plain = start(&batches, Some(config))?;
                let batches = &batches;
                let contestant =
                    Contestant::new(format!("whose, {name}"), move || plain.enrich_all(batches));
                contestants.push(if name == STANDARD {
                    contestant.baseline()
                } else {
                    contestant
                });
            }
            rounds::run(
                sink,
                ("renderings", &size),
                work,
                given.rounds(9),
                contestants,
            )?;
        }
        if given.wants("batches") {
            let mut contestants = Vec::new();
            for lines in BATCHES {
                let batches = crate::in_batches(&events, lines);
                let mut plain = start(&batches, None)?;
                let name = format!("whose, wasm simd128, {lines} a call");
                let contestant = Contestant::new(name, move || plain.enrich_all(&batches));
                contestants.push(if lines == crate::BATCH {
                    contestant.baseline()
                } else {
                    contestant
                });
            }
            rounds::run(sink, ("batches", &size), work, given.rounds(9), contestants)?;
        }
    }
    Ok(())
}
