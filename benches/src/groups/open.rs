//! Opening a snapshot: checked access, every digest, the full walk; beside reading its bytes and beside
//! filling a hash map, which is what a pipeline without snapshots does at its start.

use enrich_core::{Check, Snapshot, Trust};
use hashbrown::HashMap;

use super::Given;
use crate::dataset;
use crate::record::{Sink, Work};
use crate::rounds::{self, Contestant};

const GROUP: &str = "open";

/// Measures.
///
/// # Errors
/// Something does not run.
pub fn measure(given: &Given, sink: &mut Sink) -> anyhow::Result<()> {
    if !given.wants(GROUP) {
        return Ok(());
    }
    for dataset in given.datasets(&[1_000, 10_000, 100_000, 1_000_000]) {
        let size = dataset.size();
        let snapshot = dataset.read()?;
        let bytes = snapshot.get();
        let opened = snapshot.open()?;
        let (identities, keys) = (opened.identity_count() as f64, opened.key_count() as f64);
        let fact = |what| (GROUP, what, size.as_str());
        sink.fact(fact("snapshot"), bytes.len() as f64, "B")?;
        sink.fact(
            fact("bytes an identity"),
            bytes.len() as f64 / identities,
            "B",
        )?;
        sink.fact(fact("keys"), keys, "")?;

        let trust = Trust::default();
        // As long as it is short, several times at once.
        let times = |ns_each: f64| (5e6 / ns_each).clamp(1.0, 10_000.0) as u32;
        let by_bytes = |per_ns: f64| times(bytes.len() as f64 / per_ns);
        let all: Vec<(String, u32)> = if given.large {
            Vec::new()
        } else {
            dataset::map(&opened).into_iter().collect()
        };
        let mut contestants = vec![
            Contestant::repeated("read every byte", by_bytes(10.0), || sum(bytes)).baseline(),
            Contestant::repeated("whose, checked open", times(1_000.0), || {
                Snapshot::open(bytes, Check::ByHost, &trust).map(|snapshot| snapshot.key_count())
            })
            .with_work(Work::Once),
            Contestant::repeated("whose, open with every digest", by_bytes(5.0), || {
                Snapshot::open(bytes, Check::All, &trust).map(|snapshot| snapshot.key_count())
            }),
            Contestant::repeated("whose, full walk (verify)", by_bytes(0.5), || {
                opened.verify().is_ok()
            }),
        ];
        if !all.is_empty() {
            contestants.push(
                Contestant::repeated("hashbrown, insert every key", times(keys * 60.0), || {
                    let map: HashMap<String, u32> = all.iter().cloned().collect();
                    map.len()
                })
                .with_work(Work::Once),
            );
        }
        let rounds = if given.large { 3 } else { 7 };
        let work = Work::Bytes(bytes.len() as f64);
        rounds::run(
            sink,
            (GROUP, &size),
            work,
            given.rounds(rounds),
            contestants,
        )?;
    }
    Ok(())
}

/// Reads all bytes: what memory allows at best.
fn sum(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let words = words.iter().fold(0, |sum: u64, word| {
        sum.wrapping_add(u64::from_le_bytes(*word))
    });
    rest.iter()
        .fold(words, |sum, byte| sum.wrapping_add(u64::from(*byte)))
}
