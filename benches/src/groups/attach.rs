//! From nothing to the first enriched event, and how fast events are afterwards, in the three ways of
//! checking a snapshot.

use anyhow::ensure;
use host_harness::{Check, GuestModule, Layer, Limits, Session, SnapshotFile};

use super::{Given, MODULES};
use crate::events;
use crate::module::{Attach, Compiled, Plain};
use crate::random::Spread;
use crate::record::{Sink, Work};
use crate::rounds::{self, Contestant};

const FIRST: &str = "first event";
const WARM: &str = "integrity";

/// The ways, for the harness and for a module.
const WAYS: [(&str, Check, Attach); 3] = [
    ("every digest first", Check::All, Attach::All),
    ("the host vouches", Check::ByHost, Attach::ByHost),
    ("on first touch", Check::OnFirstTouch, Attach::OnFirstTouch),
];

/// Measures.
///
/// # Errors
/// Something does not run.
pub fn measure(given: &Given, sink: &mut Sink) -> anyhow::Result<()> {
    if !(given.wants(FIRST) || given.wants(WARM)) {
        return Ok(());
    }
    for dataset in given.datasets(&[1_000, 10_000, 100_000, 1_000_000]) {
        let events = events::cloudtrail(&dataset.truth()?, Spread::Uniform, given.count(5_000));
        let batches = crate::batches(&events);
        let size = dataset.size();
        if given.wants(FIRST) {
            first(given, sink, &size, &dataset.snapshot_file(), &batches)?;
        }
        if !given.wants(WARM) || !(given.large || given.smoke || size == "100k") {
            continue;
        }
        let snapshot = dataset.read()?;
        let compiled = Compiled::new(&given.module(MODULES[0].1))?;
        let room = batches.iter().map(Vec::len).max().unwrap_or(0);
        let mut contestants = Vec::new();
        for (name, _, way) in WAYS {
            // One at a time where one is more than a gigabyte.
            let mut plain = Plain::start(&compiled, room, None, Some((snapshot.get(), way)))?;
            let batches = &batches;
            let contestant =
                Contestant::new(format!("whose, {name}"), move || plain.enrich_all(batches));
            contestants.push(if way == Attach::All {
                contestant.baseline()
            } else {
                contestant
            });
        }
        let work = Work::Events(events.iter().filter(|byte| **byte == b'\n').count() as f64);
        rounds::run(sink, (WARM, &size), work, given.rounds(9), contestants)?;
    }
    Ok(())
}

/// The module is compiled, as in any program that is up; file, instance, attaching and one event are new.
/// The file is in the system's cache.
fn first(
    given: &Given,
    sink: &mut Sink,
    size: &str,
    file: &std::path::Path,
    batches: &[Vec<u8>],
) -> anyhow::Result<()> {
    let module = GuestModule::from_file(&given.module(MODULES[0].1), Limits::default())?;
    let event: &[u8] = batches
        .first()
        .and_then(|batch| batch.split_inclusive(|byte| *byte == b'\n').next())
        .unwrap_or_default();
    let mut contestants = Vec::new();
    for (name, check, _) in WAYS {
        let module = &module;
        let contestant = Contestant::timed(format!("whose, {name}"), move || {
            let begun = std::time::Instant::now();
            let mut session = Session::open(std::sync::Arc::clone(module))?;
            let layer = Layer::new(SnapshotFile::read(file)?).with_check(check);
            session.attach(layer)?;
            let enriched = session.enrich_batch(event);
            let took = begun.elapsed();
            ensure!(enriched.bytes.len() > event.len(), "the event was not enriched");
            Ok(took)
        });
        contestants.push(if check == Check::All {
            contestant.baseline()
        } else {
            contestant
        });
    }
    let rounds = if given.large { 3 } else { 7 };
    rounds::run(sink, (FIRST, size), Work::Once, given.rounds(rounds), contestants)
}
