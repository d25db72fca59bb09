//! `whose enrich`: context for events.

use std::fs::File;
use std::io::{IsTerminal, Write, stderr, stdout};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::Args;
use host_harness::output::count_lines;
use host_harness::{Backend, Counters, HarnessError, SnapshotFile};

use super::Failure;
use super::input::{Part, read_all};
use super::parallel::{Done, enrich_all};
use super::pretty::Pretty;
use super::setup::{Domains, Engine, Inventory, Opener, Rendered, is_native};
use super::table::{Colour, Story};

/// Arguments of `whose enrich`.
#[derive(Args, Debug)]
pub(crate) struct Enrich {
    /// Files with events, one JSON document a line; standard input when none is named.
    #[arg(value_name = "EVENTS")]
    events: Vec<PathBuf>,
    #[command(flatten)]
    inventory: Inventory,
    /// Write the enriched events here instead of to standard output, which is also called -.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Workers that share the snapshots; the output is the same with any number.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,
    /// Print each event for a person instead: what happened, who it was, whom to call.
    #[arg(long, conflicts_with_all = ["rendering", "table"])]
    pretty: bool,
    /// Print what happened as a table for a person, instead of the events on standard output.
    #[arg(long, conflicts_with = "rendering")]
    table: bool,
    /// Print the counters, and how each snapshot came into memory, on standard error.
    #[arg(long)]
    stats: bool,
    /// Print the counters as JSON on standard error.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    rendered: Rendered,
    #[command(flatten)]
    domains: Domains,
    #[command(flatten)]
    engine: Engine,
}

/// What is told when all events have left.
#[derive(Debug, Default)]
struct Tally {
    failed_batches: u64,
    failed_lines: usize,
    first_failure: Option<HarnessError>,
    oversize_lines: u64,
}

/// Where enriched events go.
struct Sinks {
    out: Box<dyn Write>,
    story: Option<Story>,
    pretty: Option<Pretty>,
    tally: Tally,
}

impl Sinks {
    fn take(&mut self, done: Done<'_>) -> anyhow::Result<()> {
        match done {
            Done::Lines {
                before,
                after,
                failure,
            } => {
                if let Some(error) = failure {
                    self.tally.failed_batches += 1;
                    self.tally.failed_lines += count_lines(before);
                    self.tally.first_failure.get_or_insert(error);
                }
                self.out.write_all(after)?;
                if let Some(story) = &mut self.story {
                    story.read(after);
                }
                if let Some(pretty) = &mut self.pretty {
                    let page = pretty.batch(after);
                    stdout().lock().write_all(page.as_bytes())?;
                }
            }
            Done::Oversize { piece, is_first } => {
                self.tally.oversize_lines += u64::from(is_first);
                self.out.write_all(piece)?;
            }
            Done::LineEnd => self.out.write_all(b"\n")?,
        }
        Ok(())
    }
}

impl Enrich {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        self.refuse_overwriting()?;
        if (self.table || self.pretty) && !is_native(&self.domains)? {
            return Err(Failure::Usage(anyhow!(
                "--pretty and --table read the native rendering, and the configuration asks for another"
            )));
        }
        let snapshots = self.inventory.read()?;
        let opener = Opener::new(
            &self.engine,
            &self.domains,
            &self.rendered,
            Some(&self.inventory),
        )?;
        let mut backends = opener.open_all(usize::from(self.threads), &snapshots)?;
        let colour = Colour::for_stdout(stdout().is_terminal());
        let mut sinks = Sinks {
            // Only when everything is in order: a refused snapshot must not empty an existing file.
            out: self.output()?,
            story: self.table.then(Story::default),
            pretty: self.pretty.then(|| Pretty::new(colour)),
            tally: Tally::default(),
        };
        match backends.as_mut_slice() {
            [backend] => enrich(backend.as_mut(), &self.events, &mut sinks)?,
            several => enrich_all(several, &self.events, |done| sinks.take(done))?,
        }
        sinks
            .out
            .flush()
            .context("the enriched events cannot be written")?;
        let damaged = self.tell(&mut backends, &snapshots, sinks.story, &sinks.tally)?;
        let tally = sinks.tally;
        let untouched = (damaged > 0).then(|| {
            anyhow!(
                "{damaged} lines left without context because a snapshot is damaged; check it with `whose-snapshot verify` and build it again, or bake the module again if it is baked in"
            )
        });
        if let (Some(_), Some(untouched)) = (&tally.first_failure, &untouched) {
            eprintln!("warning: {untouched}");
        }
        match tally.first_failure {
            None => untouched.map_or(Ok(()), |untouched| Err(Failure::Failed(untouched))),
            Some(error) => Err(Failure::Failed(anyhow::Error::new(error).context(format!(
                "{} batches with {} lines left without context",
                tally.failed_batches, tally.failed_lines
            )))),
        }
    }

    fn output(&self) -> anyhow::Result<Box<dyn Write>> {
        match self.out_file() {
            Some(path) => {
                let file = File::create(path)
                    .with_context(|| format!("{} cannot be written", path.display()))?;
                Ok(Box::new(file))
            }
            // What is for a person takes the place of the events.
            None if self.table || self.pretty => Ok(Box::new(std::io::sink())),
            None => Ok(Box::new(stdout().lock())),
        }
    }

    /// The file that the events go to; none: standard output.
    fn out_file(&self) -> Option<&Path> {
        self.out.as_deref().filter(|path| *path != Path::new("-"))
    }

    /// Tells the counters where they are asked for; says how many lines a damaged snapshot cost.
    fn tell<'s>(
        &self,
        backends: &mut [Box<dyn Backend<'s> + 's>],
        snapshots: &[SnapshotFile],
        story: Option<Story>,
        tally: &Tally,
    ) -> anyhow::Result<u64> {
        let mut counters = Counters::default();
        for backend in backends {
            counters.add(&backend.counters()?);
        }
        counters.host.oversize_lines = tally.oversize_lines;
        if let Some(story) = story {
            let colour = Colour::for_stdout(stdout().is_terminal());
            let mut page = story.print(colour);
            if !self.json {
                page.push('\n');
                page.push_str(&super::counters::lines(&counters));
            }
            let mut out = stdout().lock();
            out.write_all(page.as_bytes())?;
            out.flush()?;
        } else if self.stats && !self.json {
            let mut lines = super::counters::lines(&counters);
            lines.push_str(&super::counters::snapshot_lines(snapshots));
            stderr().write_all(lines.as_bytes())?;
        }
        if self.json {
            let mut object = serde_json::to_value(&counters)?;
            object["snapshots"] = super::counters::snapshots(snapshots);
            stderr().write_all(format!("{object}\n").as_bytes())?;
        }
        Ok(counters.events.damaged)
    }

    /// An output that is also an input would be emptied before it is read, and a mapped snapshot while
    /// it is.
    fn refuse_overwriting(&self) -> Result<(), Failure> {
        if self.out.is_some() && self.out_file().is_none() && (self.table || self.pretty) {
            return Err(Failure::Usage(anyhow!(
                "--table and --pretty print on standard output, so --out - is taken; name a file"
            )));
        }
        let Some(out) = self.out_file().and_then(|out| out.canonicalize().ok()) else {
            return Ok(());
        };
        let is_out = |path: &Path| {
            path.canonicalize().is_ok_and(|path| {
                (path == out || is_same_file(&path, &out)) && !path.starts_with("/dev")
            })
        };
        let inputs = self.events.iter().map(|path| (path, "input"));
        let snapshots = self
            .inventory
            .paths()
            .iter()
            .map(|path| (path, "--snapshot"));
        match inputs.chain(snapshots).find(|(path, _)| is_out(path)) {
            Some((path, what)) => Err(Failure::Usage(anyhow!(
                "{} is both {what} and --out; name another file",
                path.display()
            ))),
            None => Ok(()),
        }
    }
}

/// Whether two names are links to one file.
#[cfg(unix)]
fn is_same_file(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;

    let identity = |path: &Path| {
        let metadata = path.metadata().ok()?;
        Some((metadata.dev(), metadata.ino()))
    };
    identity(a).is_some_and(|a| Some(a) == identity(b))
}

/// Whether two names are links to one file: not known here.
#[cfg(not(unix))]
fn is_same_file(_: &Path, _: &Path) -> bool {
    false
}

/// One worker, on this thread.
fn enrich<'s>(
    backend: &mut (dyn Backend<'s> + 's),
    events: &[PathBuf],
    sinks: &mut Sinks,
) -> anyhow::Result<()> {
    read_all(events, |part| {
        sinks.take(match part {
            Part::Lines(before) => {
                let enriched = backend.enrich(before);
                Done::Lines {
                    before,
                    after: enriched.bytes,
                    failure: enriched.failure,
                }
            }
            Part::Oversize { piece, is_first } => Done::Oversize { piece, is_first },
            Part::LineEnd => Done::LineEnd,
        })
    })
}
