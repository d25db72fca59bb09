//! Rounds: everything that is compared runs once in each, in turn, so that a slow minute of the machine
//! is a slow minute for all of them. A ratio is taken within a round, of the time that a processor spent.

use std::time::Duration;

use crate::clock::{Stopwatch, Took};
use crate::record::{Record, Sink, Work};

/// Something that is measured.
pub struct Contestant<'a> {
    what: String,
    work: Option<Work>,
    baseline: bool,
    /// A pass: how long it took.
    pass: Box<dyn FnMut() -> anyhow::Result<Took> + 'a>,
    took: Vec<Took>,
}

impl std::fmt::Debug for Contestant<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Contestant")
            .field("what", &self.what)
            .finish_non_exhaustive()
    }
}

impl<'a> Contestant<'a> {
    /// A pass that is timed from outside.
    pub fn new<T>(what: impl Into<String>, mut pass: impl FnMut() -> T + 'a) -> Self {
        Self::timed(what, move || {
            let begun = Stopwatch::start();
            std::hint::black_box(pass());
            Ok(begun.read())
        })
    }

    /// A pass that is so short that `times` of it are timed at once.
    pub fn repeated<T>(
        what: impl Into<String>,
        times: u32,
        mut pass: impl FnMut() -> T + 'a,
    ) -> Self {
        Self::timed(what, move || {
            let begun = Stopwatch::start();
            for _ in 0..times {
                std::hint::black_box(pass());
            }
            Ok(begun.read() / times)
        })
    }

    /// A pass that says itself how long it took.
    pub fn timed(what: impl Into<String>, pass: impl FnMut() -> anyhow::Result<Took> + 'a) -> Self {
        Self {
            what: what.into(),
            work: None,
            baseline: false,
            pass: Box::new(pass),
            took: Vec::new(),
        }
    }

    /// The one that others are divided by.
    #[must_use]
    pub fn baseline(mut self) -> Self {
        self.baseline = true;
        self
    }

    /// Does another amount of work than the others.
    #[must_use]
    pub fn with_work(mut self, work: Work) -> Self {
        self.work = Some(work);
        self
    }
}

/// Runs everything once to warm up, then `rounds` times in turn, and writes the times down.
///
/// # Errors
/// A pass failed, or nothing can be written.
pub fn run(
    sink: &mut Sink,
    (group, size): (&str, &str),
    work: Work,
    rounds: usize,
    mut contestants: Vec<Contestant<'_>>,
) -> anyhow::Result<()> {
    for contestant in &mut contestants {
        (contestant.pass)()?;
    }
    let count = contestants.len();
    for round in 0..rounds {
        // Whoever begins, and whoever follows whom, is another one each time.
        for place in 0..count {
            let contestant = &mut contestants[(place + round) % count];
            contestant.took.push((contestant.pass)()?);
        }
    }
    for contestant in contestants {
        let ns = |of: fn(&Took) -> Duration| -> Vec<f64> {
            let took = contestant.took.iter();
            took.map(|took| of(took).as_secs_f64() * 1e9).collect()
        };
        let (cpu, wall) = (ns(|took| took.cpu), ns(|took| took.wall));
        let mut sorted = cpu.clone();
        sorted.sort_by(f64::total_cmp);
        let median = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
        let work = contestant.work.unwrap_or(work);
        eprintln!(
            "  {group}, {size}, {}: {}",
            contestant.what,
            shown(median, work)
        );
        sink.add(&Record::Times {
            group: group.to_owned(),
            what: contestant.what,
            size: size.to_owned(),
            work,
            baseline: contestant.baseline,
            ns: cpu,
            wall_ns: wall,
        })?;
    }
    Ok(())
}

fn shown(ns: f64, work: Work) -> String {
    match work {
        Work::Events(events) => format!("{:.0} events/s", events / ns * 1e9),
        Work::Bytes(bytes) => format!("{:.3} GB/s", bytes / ns),
        Work::Lookups(lookups) => format!("{:.1} ns each", ns / lookups),
        Work::Once => format!("{:.3} ms", ns / 1e6),
    }
}
