//! Several workers over one input: each has a backend of its own, and the output keeps the input's order.
//!
//! A fixed number of jobs goes round from the reader to a worker, to the writer and back. When whoever
//! reads the output is slow, all jobs wait at the writer and the reader has none to fill: memory stays
//! bounded by the jobs.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};

use anyhow::anyhow;
use host_harness::{Backend, HarnessError};

use super::input::{Part, read_all};

/// Jobs for each worker: one that it works at, one that waits for it, and some that are done and wait for
/// one before them.
const JOBS_EACH: usize = 4;
/// Most bytes that the buffers of a job keep when it goes round: one huge line must not hold its memory
/// for the rest of the run.
const KEPT: usize = 4 << 20;

/// What the output gets, in the order of the input.
#[derive(Debug)]
pub(crate) enum Done<'j> {
    /// A batch of lines, as it came and as it leaves.
    Lines {
        before: &'j [u8],
        after: &'j [u8],
        failure: Option<HarnessError>,
    },
    /// A piece of a line that is too long.
    Oversize { piece: &'j [u8], is_first: bool },
    /// A line end between two files.
    LineEnd,
}

/// A part of the input on its way.
#[derive(Default)]
struct Job {
    number: u64,
    kind: Kind,
    before: Vec<u8>,
    after: Vec<u8>,
    failure: Option<HarnessError>,
    panic: Option<Box<dyn Any + Send>>,
}

#[derive(Clone, Copy, Default)]
enum Kind {
    #[default]
    Lines,
    Oversize {
        is_first: bool,
    },
    LineEnd,
}

impl Job {
    fn fill(&mut self, number: u64, part: Part<'_>) {
        for buffer in [&mut self.before, &mut self.after] {
            buffer.clear();
            buffer.shrink_to(KEPT);
        }
        self.number = number;
        self.kind = match part {
            Part::Lines(lines) => {
                self.before.extend_from_slice(lines);
                Kind::Lines
            }
            Part::Oversize { piece, is_first } => {
                self.before.extend_from_slice(piece);
                Kind::Oversize { is_first }
            }
            Part::LineEnd => Kind::LineEnd,
        };
    }

    fn work<'s>(&mut self, backend: &mut (dyn Backend<'s> + 's)) {
        if matches!(self.kind, Kind::Lines) {
            let enriched = backend.enrich(&self.before);
            self.after.extend_from_slice(enriched.bytes);
            self.failure = enriched.failure;
        }
    }

    fn done(&mut self) -> Done<'_> {
        match self.kind {
            Kind::Lines => Done::Lines {
                before: &self.before,
                after: &self.after,
                failure: self.failure.take(),
            },
            Kind::Oversize { is_first } => Done::Oversize {
                piece: &self.before,
                is_first,
            },
            Kind::LineEnd => Done::LineEnd,
        }
    }
}

/// Why the reader stopped: nobody takes what it reads. The writer knows the reason.
#[derive(Debug, thiserror::Error)]
#[error("the output is closed")]
struct Closed;

/// Enriches all inputs with all backends and hands the results to `write`, on this thread.
///
/// # Errors
/// What `write` says; else that an input cannot be read, after all that was read before has been written.
pub(crate) fn enrich_all<'s>(
    backends: &mut [Box<dyn Backend<'s> + 's>],
    files: &[PathBuf],
    mut write: impl FnMut(Done<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let (to_workers, jobs) = channel();
    let (to_writer, done) = channel();
    let (to_reader, empty) = channel();
    for _ in 0..backends.len() * JOBS_EACH {
        // The receiver lives.
        let _ = to_reader.send(Job::default());
    }
    let jobs = Mutex::new(jobs);
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || read(files, &empty, &to_workers));
        for backend in backends {
            let (jobs, to_writer) = (&jobs, to_writer.clone());
            scope.spawn(move || work(backend.as_mut(), jobs, &to_writer));
        }
        drop(to_writer);
        let written = in_order(done, to_reader, &mut write);
        let read = reader.join().unwrap_or_else(|panic| resume_unwind(panic));
        written.and(read)
    })
}

fn read(files: &[PathBuf], empty: &Receiver<Job>, to_workers: &Sender<Job>) -> anyhow::Result<()> {
    let mut number = 0;
    read_all(files, |part| {
        let mut job = empty.recv().map_err(|_| Closed)?;
        job.fill(number, part);
        number += 1;
        to_workers.send(job).map_err(|_| anyhow!(Closed))
    })
}

fn work<'s>(
    backend: &mut (dyn Backend<'s> + 's),
    jobs: &Mutex<Receiver<Job>>,
    to_writer: &Sender<Job>,
) {
    loop {
        // Held while waiting: the others have nothing to take either.
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(mut job) = next else { return };
        // A job that never came back would let the writer wait for ever.
        job.panic = catch_unwind(AssertUnwindSafe(|| job.work(backend))).err();
        if to_writer.send(job).is_err() {
            return;
        }
    }
}

/// Writes jobs by their numbers. Those that came too early wait; there are no more than all jobs.
fn in_order(
    done: Receiver<Job>,
    to_reader: Sender<Job>,
    write: &mut impl FnMut(Done<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut early = BTreeMap::new();
    let mut next = 0;
    for job in done {
        early.insert(job.number, job);
        while let Some(mut job) = early.remove(&next) {
            if let Some(panic) = job.panic.take() {
                resume_unwind(panic);
            }
            write(job.done())?;
            next += 1;
            // The reader may be at its end.
            let _ = to_reader.send(job);
        }
    }
    Ok(())
}
