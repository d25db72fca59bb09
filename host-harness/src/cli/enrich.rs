//! `whose enrich`: context for events.

use std::fs::File;
use std::io::{IsTerminal, Write, stderr, stdout};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::Args;
use host_harness::{Backend, HarnessError};

use super::Failure;
use super::input::{Part, read_all};
use super::pretty::Pretty;
use super::setup::{Domains, Engine, Inventory, Rendered, is_native, open_as};
use super::table::{Colour, Story};

/// Arguments of `whose enrich`.
#[derive(Args, Debug)]
pub(crate) struct Enrich {
    /// Files with events, one JSON document a line; standard input when none is named.
    #[arg(value_name = "EVENTS")]
    events: Vec<PathBuf>,
    #[command(flatten)]
    inventory: Inventory,
    /// Write the enriched events here instead of to standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print each event for a person instead: what happened, who it was, whom to call.
    #[arg(long, conflicts_with_all = ["rendering", "table"])]
    pretty: bool,
    /// Print what happened as a table for a person, instead of the events on standard output.
    #[arg(long, conflicts_with = "rendering")]
    table: bool,
    /// Print the counters on standard error.
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

impl Enrich {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        self.refuse_overwriting()?;
        if (self.table || self.pretty) && !is_native(&self.domains)? {
            return Err(Failure::Usage(anyhow!(
                "--pretty and --table read the native rendering, and the configuration asks for another"
            )));
        }
        let snapshots = self.inventory.read()?;
        let mut backend = open_as(
            &self.engine,
            &self.domains,
            &self.rendered,
            Some(&self.inventory),
            &snapshots,
        )?;
        // Only when everything is in order: a refused snapshot must not empty an existing file.
        let mut out = self.output()?;
        let mut story = self.table.then(Story::default);
        let colour = Colour::for_stdout(stdout().is_terminal());
        let mut pretty = self.pretty.then(|| Pretty::new(colour));
        let tally = self.enrich(backend.as_mut(), &mut out, story.as_mut(), pretty.as_mut())?;
        out.flush()
            .context("the enriched events cannot be written")?;
        let damaged = self.tell(backend.as_mut(), story, &tally)?;
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

    fn enrich<'s>(
        &self,
        backend: &mut (dyn Backend<'s> + 's),
        out: &mut dyn Write,
        mut story: Option<&mut Story>,
        mut pretty: Option<&mut Pretty>,
    ) -> anyhow::Result<Tally> {
        let mut tally = Tally::default();
        read_all(&self.events, |part| {
            match part {
                Part::Lines(batch) => {
                    let enriched = backend.enrich(batch);
                    if let Some(error) = enriched.failure {
                        tally.failed_batches += 1;
                        tally.failed_lines += host_harness::output::count_lines(batch);
                        tally.first_failure.get_or_insert(error);
                    }
                    out.write_all(enriched.bytes)?;
                    if let Some(story) = &mut story {
                        story.read(enriched.bytes);
                    }
                    if let Some(pretty) = &mut pretty {
                        let page = pretty.batch(enriched.bytes);
                        stdout().lock().write_all(page.as_bytes())?;
                    }
                }
                Part::Oversize { piece, is_first } => {
                    tally.oversize_lines += u64::from(is_first);
                    out.write_all(piece)?;
                }
                Part::LineEnd => out.write_all(b"\n")?,
            }
            Ok(())
        })?;
        Ok(tally)
    }

    fn output(&self) -> anyhow::Result<Box<dyn Write>> {
        match &self.out {
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

    /// Tells the counters where they are asked for; says how many lines a damaged snapshot cost.
    fn tell<'s>(
        &self,
        backend: &mut (dyn Backend<'s> + 's),
        story: Option<Story>,
        tally: &Tally,
    ) -> anyhow::Result<u64> {
        let mut counters = backend.counters()?;
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
            stderr().write_all(super::counters::lines(&counters).as_bytes())?;
        }
        if self.json {
            let mut line = serde_json::to_string(&counters)?;
            line.push('\n');
            stderr().write_all(line.as_bytes())?;
        }
        Ok(counters.events.damaged)
    }

    /// An output that is also an input would be emptied before it is read.
    fn refuse_overwriting(&self) -> Result<(), Failure> {
        let Some(out) = self.out.as_deref().and_then(|out| out.canonicalize().ok()) else {
            return Ok(());
        };
        let is_out = |path: &Path| {
            path.canonicalize()
                .is_ok_and(|path| path == out && !path.starts_with("/dev"))
        };
        match self.events.iter().find(|path| is_out(path)) {
            Some(path) => Err(Failure::Usage(anyhow!(
                "{} is both input and --out; name another file",
                path.display()
            ))),
            None => Ok(()),
        }
    }
}
