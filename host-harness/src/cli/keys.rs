//! `whose keys`: what was observed, one JSON object for each line of input.

use std::io::{Write, stdout};
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use super::Failure;
use super::input::{Part, read_all};
use super::setup::{Domains, Engine, open};

/// Arguments of `whose keys`.
#[derive(Args, Debug)]
pub(crate) struct Keys {
    /// Files with events, one JSON document a line; standard input when none is named.
    #[arg(value_name = "EVENTS")]
    events: Vec<PathBuf>,
    #[command(flatten)]
    domains: Domains,
    #[command(flatten)]
    engine: Engine,
}

impl Keys {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let mut backend = open(&self.engine, &self.domains, None, &[])?;
        let mut out = stdout().lock();
        let mut lines = 0;
        read_all(&self.events, |part| {
            let batch = match part {
                Part::Lines(lines) => lines,
                // Nothing is observed in a line that is not read; it keeps its number.
                Part::Oversize { is_first: true, .. } => b"\n",
                Part::Oversize { .. } | Part::LineEnd => return Ok(()),
            };
            // Unlike context, observations cannot be left out: a gap would read as "nobody".
            let seen = backend
                .keys(batch)
                .with_context(|| format!("events after line {lines} cannot be read"))?;
            lines += host_harness::output::count_lines(batch);
            Ok(out.write_all(seen)?)
        })?;
        Ok(out.flush()?)
    }
}
