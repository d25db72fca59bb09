//! `whose bench`: how fast a module, a snapshot and events are on this machine.

mod measure;
mod memory;
mod report;

use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::Args;

use self::measure::Bench;
use super::Failure;
use super::setup::{Domains, Engine, Inventory, Rendered};

/// Arguments of `whose bench`.
#[derive(Args, Debug)]
pub(crate) struct BenchArguments {
    /// Files with events, one JSON document a line; each is read once for each measurement.
    #[arg(value_name = "EVENTS", required = true)]
    events: Vec<PathBuf>,
    #[command(flatten)]
    inventory: Inventory,
    /// How often each measurement is repeated; the median is reported, with the least and the most.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    repetitions: u16,
    /// Also with so many workers.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(2..=256))]
    threads: Option<u16>,
    /// Instances that memory is measured with.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    instances: u16,
    /// Print the results as JSON.
    #[arg(long)]
    json: bool,
    /// Only enrich the first event: how long this takes is the time that a process takes.
    #[arg(long, hide = true)]
    once: bool,
    #[command(flatten)]
    rendered: Rendered,
    #[command(flatten)]
    domains: Domains,
    #[command(flatten)]
    engine: Engine,
}

impl BenchArguments {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        if self.events.iter().any(|path| path == Path::new("-")) {
            return Err(Failure::Usage(anyhow!(
                "standard input can be read once only; name a file with events"
            )));
        }
        let bench = Bench {
            events: &self.events,
            inventory: &self.inventory,
            rendered: &self.rendered,
            domains: &self.domains,
            engine: &self.engine,
            repetitions: usize::from(self.repetitions),
            threads: self.threads.map(usize::from),
            instances: usize::from(self.instances),
        };
        let mut out = stdout().lock();
        if self.once {
            out.write_all(&bench.once()?)?;
            return Ok(out.flush()?);
        }
        let results = bench.run()?;
        if self.json {
            let json = serde_json::to_string_pretty(&results).map_err(anyhow::Error::from)?;
            writeln!(out, "{json}")?;
        } else {
            out.write_all(report::page(&results).as_bytes())?;
        }
        Ok(out.flush()?)
    }
}
