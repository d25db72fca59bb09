//! Several workers over one input: each has a backend of its own, and the output keeps the input's order.
//!
//! A fixed number of jobs goes round between the reader and the workers. A worker that is done writes its
//! result itself when it is its turn, straight from the backend's memory; else it leaves a copy to whoever
//! comes before it. When whoever reads the output is slow, the jobs wait for their turn and the reader has
//! none to fill: memory stays bounded by the jobs.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};

use host_harness::{Backend, HarnessError};

use super::input::{Inputs, Kind};

/// Jobs for each worker: one that it works at, one that waits for it, and some that are done and wait for
/// their turn.
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
    /// The result, when it has to wait.
    after: Vec<u8>,
    failure: Option<HarnessError>,
}

impl Job {
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

    /// Makes it ready to be filled.
    fn clear(&mut self) {
        for buffer in [&mut self.before, &mut self.after] {
            buffer.clear();
            buffer.shrink_to(KEPT);
        }
    }
}

/// How the run ended before the input did.
enum Ended {
    Failed(anyhow::Error),
    Panicked(Box<dyn Any + Send>),
}

/// The output, and what waits for its turn. There are no more of those than jobs.
struct Output<'o, W> {
    write: W,
    next: u64,
    early: BTreeMap<u64, Job>,
    /// Gone when nothing more is to be read.
    to_reader: Option<Sender<Job>>,
    ended: Option<Ended>,
    /// Whether it has, for the reader, which must not wait while somebody writes.
    is_over: &'o AtomicBool,
}

impl<W: FnMut(Done<'_>) -> anyhow::Result<()>> Output<'_, W> {
    /// Writes a result whose turn it is.
    fn write(&mut self, done: Done<'_>) {
        self.next += 1;
        if self.ended.is_none()
            && let Err(error) = (self.write)(done)
        {
            self.end(Ended::Failed(error));
        }
    }

    /// Writes what has waited for the one before it.
    fn write_early(&mut self) {
        while let Some(mut job) = self.early.remove(&self.next) {
            self.write(job.done());
            self.give_back(job);
        }
    }

    fn give_back(&mut self, mut job: Job) {
        job.clear();
        if let Some(to_reader) = &self.to_reader {
            // The reader may be at its end.
            let _ = to_reader.send(job);
        }
    }

    fn end(&mut self, ended: Ended) {
        self.ended.get_or_insert(ended);
        self.to_reader = None;
        self.is_over.store(true, Ordering::Relaxed);
    }
}

/// Enriches all inputs with all backends and hands the results to `write`, one at a time.
///
/// # Errors
/// What `write` says; else that an input cannot be read, after all that was read before has been written.
pub(crate) fn enrich_all<'s>(
    backends: &mut [Box<dyn Backend<'s> + 's>],
    files: &[PathBuf],
    write: impl FnMut(Done<'_>) -> anyhow::Result<()> + Send,
) -> anyhow::Result<()> {
    let (to_workers, jobs) = channel();
    let (to_reader, empty) = channel();
    for _ in 0..backends.len() * JOBS_EACH {
        // The receiver lives.
        let _ = to_reader.send(Job::default());
    }
    let is_over = AtomicBool::new(false);
    let output = Mutex::new(Output {
        write,
        next: 0,
        early: BTreeMap::new(),
        to_reader: Some(to_reader),
        ended: None,
        is_over: &is_over,
    });
    let jobs = Mutex::new(jobs);
    let read = std::thread::scope(|scope| {
        for backend in backends {
            let (jobs, output) = (&jobs, &output);
            scope.spawn(move || work(backend.as_mut(), jobs, output));
        }
        // The workers end with the sender, which goes with the end of this.
        read(files, &empty, to_workers, &is_over)
    });
    let output = output.into_inner().unwrap_or_else(PoisonError::into_inner);
    match output.ended {
        Some(Ended::Panicked(panic)) => resume_unwind(panic),
        Some(Ended::Failed(error)) => Err(error),
        None => read,
    }
}

fn read(
    files: &[PathBuf],
    empty: &Receiver<Job>,
    to_workers: Sender<Job>,
    is_over: &AtomicBool,
) -> anyhow::Result<()> {
    let mut inputs = Inputs::new(files);
    let mut number = 0;
    // Without jobs to fill the output has ended, and knows why.
    while let Ok(mut job) = empty.recv() {
        let Some(kind) = inputs.next(&mut job.before)? else {
            break;
        };
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        (job.number, job.kind) = (number, kind);
        number += 1;
        if to_workers.send(job).is_err() {
            break;
        }
    }
    Ok(())
}

fn work<'s, W: FnMut(Done<'_>) -> anyhow::Result<()>>(
    backend: &mut (dyn Backend<'s> + 's),
    jobs: &Mutex<Receiver<Job>>,
    output: &Mutex<Output<'_, W>>,
) {
    loop {
        // Held while waiting: the others have nothing to take either.
        let next = lock(jobs).recv();
        let Ok(job) = next else { return };
        let outcome = catch_unwind(AssertUnwindSafe(|| finish(backend, job, output)));
        // A job that never came back would let the reader wait for ever.
        if let Err(panic) = outcome {
            lock(output).end(Ended::Panicked(panic));
            return;
        }
    }
}

/// Works at a job and writes the result, or leaves it for later.
fn finish<'s, W: FnMut(Done<'_>) -> anyhow::Result<()>>(
    backend: &mut (dyn Backend<'s> + 's),
    mut job: Job,
    output: &Mutex<Output<'_, W>>,
) {
    let mut is_written = false;
    if job.kind == Kind::Lines {
        let enriched = backend.enrich(&job.before);
        let mut now = lock(output);
        if now.next == job.number {
            now.write(Done::Lines {
                before: &job.before,
                after: enriched.bytes,
                failure: enriched.failure,
            });
            is_written = true;
        } else {
            drop(now);
            job.after.extend_from_slice(enriched.bytes);
            job.failure = enriched.failure;
        }
    }
    let mut output = lock(output);
    if is_written {
        output.give_back(job);
    } else {
        output.early.insert(job.number, job);
    }
    output.write_early();
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
