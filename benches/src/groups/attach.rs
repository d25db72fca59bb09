//! From the file to the first enriched event, and how fast events are afterwards, in the three ways of
//! checking a snapshot.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use host_harness::{Access, Check, GuestModule, Layer, Limits, Session, SnapshotFile};

use super::{Given, MODULES};
use crate::clock::Took;
use crate::events;
use crate::module::{Attach, Compiled, Plain};
use crate::random::Spread;
use crate::record::{Sink, Work};
use crate::rounds::{self, Contestant};

const FIRST: &str = "first event";
/// The same with nothing of the file in the system's cache.
const COLD: &str = "first event, cold disk";
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

/// A session with nothing but the module, which is compiled as in any program that is up: file, attaching
/// and one event are timed.
struct First<'a> {
    module: Arc<GuestModule>,
    file: &'a Path,
    event: &'a [u8],
}

impl First<'_> {
    fn take(&self, check: Check) -> anyhow::Result<(Duration, Session)> {
        let begun = Instant::now();
        let mut session = Session::open(Arc::clone(&self.module))?;
        let snapshot = SnapshotFile::open(self.file, Access::Mapped)?;
        session.attach(Layer::new(snapshot).with_check(check))?;
        let enriched = session.enrich_batch(self.event);
        let took = begun.elapsed();
        ensure!(
            enriched.bytes.len() > self.event.len(),
            "the event was not enriched"
        );
        Ok((took, session))
    }

    /// Makes the system forget the file's pages; whether it can.
    fn forget(&self) -> bool {
        let file = format!("if={}", self.file.display());
        Command::new("dd")
            .args([&file, "iflag=nocache", "count=0", "status=none"])
            .status()
            .is_ok_and(|status| status.success())
    }
}

fn first(
    given: &Given,
    sink: &mut Sink,
    size: &str,
    file: &Path,
    batches: &[Vec<u8>],
) -> anyhow::Result<()> {
    let line = batches
        .first()
        .and_then(|batch| batch.split_inclusive(|byte| *byte == b'\n').next());
    let first = First {
        module: GuestModule::from_file(&given.module(MODULES[0].1), Limits::default())?,
        // A link may lead to it, and is not what is forgotten.
        file: &file.canonicalize()?,
        event: line.unwrap_or_default(),
    };
    grown(&first, sink, size, batches)?;
    let mut contestants: Vec<Contestant<'_>> = WAYS
        .into_iter()
        .map(|(name, check, _)| {
            let contestant = Contestant::timed(format!("whose, {name}"), {
                let first = &first;
                move || Ok(Took::on_the_wall(first.take(check)?.0))
            });
            if check == Check::All {
                contestant.baseline()
            } else {
                contestant
            }
        })
        .collect();
    let rounds = given.rounds(if given.large { 5 } else { 7 });
    rounds::run(sink, (FIRST, size), Work::Once, rounds, contestants)?;
    if !first.forget() {
        return sink.note(FIRST, "cold disk", "`dd iflag=nocache` is not there");
    }
    contestants = [
        ("whose, the host vouches, cold disk", Check::ByHost),
        ("whose, on first touch, cold disk", Check::OnFirstTouch),
    ]
    .into_iter()
    .map(|(name, check)| {
        let first = &first;
        let contestant = Contestant::timed(name, move || {
            first.forget();
            Ok(Took::on_the_wall(first.take(check)?.0))
        });
        if check == Check::ByHost {
            contestant.baseline()
        } else {
            contestant
        }
    })
    .collect();
    rounds::run(sink, (COLD, size), Work::Once, rounds, contestants)
}

/// How much memory that nobody shares an instance takes, after a few thousand events.
fn grown(
    first: &First<'_>,
    sink: &mut Sink,
    size: &str,
    batches: &[Vec<u8>],
) -> anyhow::Result<()> {
    let before = private_dirty();
    let (_, mut session) = first.take(Check::OnFirstTouch)?;
    for batch in batches {
        std::hint::black_box(session.enrich_batch(batch).bytes.len());
    }
    if let (Some(before), Some(after)) = (before, private_dirty()) {
        let grown = after.saturating_sub(before) as f64;
        sink.fact((FIRST, "private memory of an instance", size), grown, "B")?;
    }
    Ok(())
}

/// Bytes that this process wrote and shares with nobody, where the system tells.
fn private_dirty() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Private_Dirty:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}
