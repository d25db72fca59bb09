//! The measurements of `whose bench`: what is repeated, in which order, and what is made of the times.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use host_harness::output::Lines;
use host_harness::{Backend, BatchReader, SnapshotFile};
use serde::Serialize;

use super::memory::Memory;
use crate::cli::input::{Part, read_all};
use crate::cli::opener::Opener;
use crate::cli::parallel::{Done, enrich_all};
use crate::cli::setup::{Domains, Engine, Inventory, Rendered};
use crate::cli::unpack::unpacked;

/// Least repetitions of what takes milliseconds.
const SHORT: usize = 21;

/// What is measured with.
pub(super) struct Bench<'a> {
    pub(super) events: &'a [PathBuf],
    pub(super) inventory: &'a Inventory,
    pub(super) rendered: &'a Rendered,
    pub(super) domains: &'a Domains,
    pub(super) engine: &'a Engine,
    pub(super) repetitions: usize,
    pub(super) threads: Option<usize>,
    pub(super) instances: usize,
}

/// Repeated measurements: the middle one, and both ends.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) least: f64,
    pub(super) most: f64,
    pub(super) repetitions: usize,
}

impl Spread {
    /// `None` of nothing.
    fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let repetitions = values.len();
        let (lower, upper) = (
            *values.get(repetitions.checked_sub(1)? / 2)?,
            *values.get(repetitions / 2)?,
        );
        Some(Self {
            median: f64::midpoint(lower, upper),
            least: *values.first()?,
            most: *values.last()?,
            repetitions,
        })
    }

    fn of_ms(times: &[Duration]) -> Option<Self> {
        Self::of(times.iter().map(|time| time.as_secs_f64() * 1e3).collect())
    }
}

/// How fast events are enriched.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Speed {
    /// `wasm` or `native`.
    pub(super) engine: &'static str,
    pub(super) threads: usize,
    pub(super) events_per_s: Spread,
    /// Of the input's bytes, unpacked; 10^6 each.
    pub(super) mb_per_s: Spread,
}

/// What instances add to this process.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Growth {
    pub(super) instances: usize,
    /// Mean bytes an instance, by proportional share.
    pub(super) pss_bytes: u64,
    /// Mean bytes an instance of its own, written pages.
    pub(super) private_dirty_bytes: u64,
}

/// All results.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Results {
    pub(super) snapshots: Vec<Snapshot>,
    pub(super) events: u64,
    pub(super) event_bytes: u64,
    /// Milliseconds from the start of a process to its end, in which it enriches one event.
    pub(super) process_ms: Spread,
    /// Milliseconds to read, compile or fetch, and start the module.
    pub(super) module_ms: Option<Spread>,
    /// Milliseconds to make and configure an instance.
    pub(super) instance_ms: Spread,
    /// Milliseconds from opening the snapshot files to the first enriched event, in such an instance.
    pub(super) attach_ms: Spread,
    pub(super) speeds: Vec<Speed>,
    /// Time in the module divided by time without it, both with one worker.
    pub(super) wasm_over_native: Option<f64>,
    /// Where the system tells.
    pub(super) growth: Option<Growth>,
}

/// A snapshot that was measured with.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Snapshot {
    pub(super) file: String,
    pub(super) bytes: usize,
    pub(super) is_mapped: bool,
}

/// One way of enriching, with what it took.
struct Lane<'s> {
    engine: &'static str,
    backends: Vec<Box<dyn Backend<'s> + 's>>,
    times: Vec<Duration>,
}

impl Bench<'_> {
    pub(super) fn run(&self) -> anyhow::Result<Results> {
        let first = first_line(self.events)?;
        let event_bytes = length(self.events)?;
        let process = self.processes()?;
        let modules = self.modules()?;
        let opener = self.opener(self.engine)?;
        let [instances, attached] = self.attach(&opener, &first)?;
        let growth = self.growth(&opener)?;
        let snapshots = self.inventory.read()?;
        let native = self.engine.in_process();
        let native = native.map(|native| self.opener(&native)).transpose()?;
        let mut lanes = Vec::new();
        for threads in std::iter::once(1).chain(self.threads) {
            for opener in std::iter::once(&opener).chain(&native) {
                lanes.push(Lane::new(opener, opener.open_all(threads, &snapshots)?));
            }
        }
        // A first round warms everything up, and counts.
        let mut events = 0;
        for lane in &mut lanes {
            self.pass(lane)?;
            lane.times.clear();
            events = 0;
            for backend in &mut lane.backends {
                events += backend.counters()?.events.events;
            }
        }
        ensure!(
            events > 0,
            "there is no event of a known format in the events"
        );
        // All take turns, so that a busy moment of the machine meets all of them.
        for _ in 0..self.repetitions {
            for lane in &mut lanes {
                self.pass(lane)?;
            }
        }
        let speeds: Vec<Speed> = lanes
            .iter()
            .filter_map(|lane| lane.speed(events, event_bytes))
            .collect();
        let median = |engine| {
            let mut alone = speeds.iter().filter(|speed| speed.threads == 1);
            let speed = alone.find(|speed| speed.engine == engine);
            speed.map(|speed| speed.events_per_s.median)
        };
        let wasm_over_native = median("native")
            .zip(median("wasm"))
            .map(|(native, wasm)| native / wasm);
        Ok(Results {
            snapshots: snapshots.iter().map(Snapshot::of).collect(),
            events,
            event_bytes,
            process_ms: Spread::of_ms(&process).context("nothing was repeated")?,
            module_ms: Spread::of_ms(&modules),
            instance_ms: Spread::of_ms(&instances).context("nothing was repeated")?,
            attach_ms: Spread::of_ms(&attached).context("nothing was repeated")?,
            wasm_over_native,
            speeds,
            growth,
        })
    }

    fn opener(&self, engine: &Engine) -> anyhow::Result<Opener<'_>> {
        Opener::new(engine, self.domains, self.rendered, Some(self.inventory))
    }

    /// This program, started with the same options over one event ([`Self::once`]).
    fn processes(&self) -> anyhow::Result<Vec<Duration>> {
        let program = std::env::current_exe().context("this program cannot be found")?;
        let run = || {
            let mut command = Command::new(&program);
            // The first argument is the name of this command.
            command.args(["bench", "--once"]);
            command.args(std::env::args_os().skip(2));
            let started = Instant::now();
            let ended = command.output().context("this program cannot be started")?;
            let time = started.elapsed();
            if !ended.status.success() {
                let said = String::from_utf8_lossy(&ended.stderr);
                bail!("one event cannot be enriched: {}", said.trim_end());
            }
            Ok(time)
        };
        // The module may have to be compiled for the cache.
        run()?;
        self.short().map(|_| run()).collect()
    }

    /// What `whose enrich` does with one event: everything is opened, and the first event leaves.
    pub(super) fn once(&self) -> anyhow::Result<Vec<u8>> {
        let opener = self.opener(self.engine)?;
        let snapshots = self.inventory.read()?;
        let mut backend = opener.open(&snapshots)?;
        let first = first_line(self.events)?;
        enriched(backend.as_mut(), &first).map(<[u8]>::to_vec)
    }

    /// The module, read, compiled or taken from the cache, and started.
    fn modules(&self) -> anyhow::Result<Vec<Duration>> {
        if self.engine.in_process().is_none() {
            return Ok(Vec::new());
        }
        self.short()
            .map(|_| {
                let started = Instant::now();
                let opener = self.opener(self.engine)?;
                let time = started.elapsed();
                drop(opener);
                Ok(time)
            })
            .collect()
    }

    /// New instances with their configuration, and from opening the files to the first enriched event
    /// in them.
    fn attach(&self, opener: &Opener<'_>, first: &[u8]) -> anyhow::Result<[Vec<Duration>; 2]> {
        let (mut instances, mut attached) = (Vec::new(), Vec::new());
        for _ in self.short() {
            let started = Instant::now();
            let snapshots;
            let mut backend = opener.configured()?;
            instances.push(started.elapsed());
            let started = Instant::now();
            snapshots = self.inventory.read()?;
            opener.attach(backend.as_mut(), &snapshots)?;
            enriched(backend.as_mut(), first)?;
            attached.push(started.elapsed());
        }
        Ok([instances, attached])
    }

    /// Each instance enriches all events, so that it has its buffers and has read what it needs.
    fn growth(&self, opener: &Opener<'_>) -> anyhow::Result<Option<Growth>> {
        let snapshots = self.inventory.read()?;
        let one = |backends: &mut Vec<_>| {
            let mut lane = Lane::new(opener, vec![opener.open(&snapshots)?]);
            self.pass(&mut lane)?;
            backends.append(&mut lane.backends);
            anyhow::Ok(())
        };
        let mut backends = Vec::new();
        // The first brings the pages of the file, which all share.
        one(&mut backends)?;
        let Some(before) = Memory::now() else {
            return Ok(None);
        };
        for _ in 0..self.instances {
            one(&mut backends)?;
        }
        let after = Memory::now().unwrap_or(before);
        let each = |before: u64, after: u64| after.saturating_sub(before) / self.instances as u64;
        Ok(Some(Growth {
            instances: self.instances,
            pss_bytes: each(before.pss, after.pss),
            private_dirty_bytes: each(before.private_dirty, after.private_dirty),
        }))
    }

    /// All events once, from the files to the enriched bytes.
    fn pass(&self, lane: &mut Lane<'_>) -> anyhow::Result<()> {
        let started = Instant::now();
        match lane.backends.as_mut_slice() {
            [backend] => read_all(self.events, |part| {
                if let Part::Lines(lines) = part {
                    enriched(backend.as_mut(), lines)?;
                }
                Ok(())
            })?,
            several => enrich_all(several, self.events, |done| match done {
                Done::Lines {
                    failure: Some(error),
                    ..
                } => Err(error.into()),
                _ => Ok(()),
            })?,
        }
        lane.times.push(started.elapsed());
        Ok(())
    }

    /// Repetitions of what takes milliseconds.
    fn short(&self) -> std::ops::Range<usize> {
        0..SHORT.max(self.repetitions)
    }
}

impl<'s> Lane<'s> {
    fn new(opener: &Opener<'_>, backends: Vec<Box<dyn Backend<'s> + 's>>) -> Self {
        Self {
            engine: opener.engine(),
            backends,
            times: Vec::new(),
        }
    }

    fn speed(&self, events: u64, bytes: u64) -> Option<Speed> {
        let rate = |count: f64| {
            Spread::of(
                self.times
                    .iter()
                    .map(|time| count / time.as_secs_f64())
                    .collect(),
            )
        };
        Some(Speed {
            engine: self.engine,
            threads: self.backends.len(),
            events_per_s: rate(events as f64)?,
            mb_per_s: rate(bytes as f64 / 1e6)?,
        })
    }
}

impl Snapshot {
    fn of(file: &SnapshotFile) -> Self {
        Self {
            file: file.name().to_owned(),
            bytes: file.bytes().len(),
            is_mapped: file.is_mapped(),
        }
    }
}

fn enriched<'b>(
    backend: &'b mut (dyn Backend<'_> + '_),
    lines: &'b [u8],
) -> anyhow::Result<&'b [u8]> {
    let enriched = backend.enrich(lines);
    match enriched.failure {
        None => Ok(enriched.bytes),
        Some(error) => Err(error.into()),
    }
}

/// The first line of the first file.
fn first_line(files: &[PathBuf]) -> anyhow::Result<Vec<u8>> {
    let path = files.first().context("no file is named")?;
    let name = path.display();
    let unread = || format!("events file {name} cannot be read");
    let file = std::fs::File::open(path).with_context(unread)?;
    let mut reader = BatchReader::new(unpacked(file).with_context(unread)?);
    let chunk = reader.next_chunk().with_context(unread)?;
    let line = chunk.and_then(|chunk| Lines::new(chunk.bytes()).next());
    Ok(line.with_context(|| format!("{name} is empty"))?.to_vec())
}

/// Bytes of all lines.
fn length(files: &[PathBuf]) -> anyhow::Result<u64> {
    let mut bytes = 0;
    read_all(files, |part| {
        if let Part::Lines(lines) = part {
            bytes += lines.len() as u64;
        }
        Ok(())
    })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_one_counts() {
        let spread = |values: &[f64]| Spread::of(values.to_vec()).map(|spread| spread.median);
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[3.0]), Some(3.0));
        assert_eq!(spread(&[9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(spread(&[4.0, 1.0, 2.0, 9.0]), Some(3.0));
        let all = Spread::of(vec![9.0, 1.0, 2.0]).expect("not empty");
        assert_eq!((all.least, all.most, all.repetitions), (1.0, 9.0, 3));
    }
}
