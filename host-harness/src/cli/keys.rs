//! `whose keys`: what was observed, one JSON object for each line of input.

use std::io::{Write, stdout};
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use enrich_core::Config;

use super::Failure;
use super::explain::Explainer;
use super::input::{Part, read_all};
use super::opener::open;
use super::setup::{Domains, Engine, configuration};

/// Arguments of `whose keys`.
#[derive(Args, Debug)]
pub(crate) struct Keys {
    /// Files with events, one JSON document a line; standard input when none is named.
    #[arg(value_name = "EVENTS")]
    events: Vec<PathBuf>,
    /// Say for a person which path gave each key and why others were passed over.
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    domains: Domains,
    #[command(flatten)]
    engine: Engine,
}

impl Keys {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let mut out = stdout().lock();
        if self.explain {
            let config = Config::from_json(&configuration(&self.domains, None)?)
                .context("the configuration is refused")?;
            let mut explainer = Explainer::new(config);
            self.batches(|batch| Ok(explainer.batch(batch, &mut out)?))?;
        } else {
            let mut backend = open(&self.engine, &self.domains, None, &[])?;
            let mut lines = 0;
            self.batches(|batch| {
                // Unlike context, observations cannot be left out: a gap would read as "nobody".
                let seen = backend
                    .keys(batch)
                    .with_context(|| format!("events after line {lines} cannot be read"))?;
                lines += host_harness::output::count_lines(batch);
                Ok(out.write_all(seen)?)
            })?;
        }
        Ok(out.flush()?)
    }

    /// Hands whole lines on.
    fn batches(&self, mut each: impl FnMut(&[u8]) -> anyhow::Result<()>) -> anyhow::Result<()> {
        read_all(&self.events, |part| {
            each(match part {
                Part::Lines(lines) => lines,
                // Nothing is observed in a line that is not read; it keeps its number.
                Part::Oversize { is_first: true, .. } => b"\n",
                Part::Oversize { .. } | Part::LineEnd => return Ok(()),
            })
        })
    }
}
