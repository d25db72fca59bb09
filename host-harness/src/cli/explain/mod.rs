//! `whose explain`: how the context of each event came about, for a person or as JSON.
//!
//! The core in this process explains, whatever module is installed: it is the same code, and modules
//! carry no sentences for people.

mod json;
mod observed;
mod page;
mod wrap;

use std::collections::BTreeSet;
use std::io::{IsTerminal, Write, stdout};
use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;
use enrich_core::explain::Decision;
use enrich_core::time::write_rfc3339;
use host_harness::{Backend, Native};
use serde_json::Value;

use super::Failure;
use super::contexts::contexts_of_enriched;
use super::input::{Part, read_all};
use super::opener::prepare;
use super::setup::{Domains, Inventory, usual_detail};
use super::table::Colour;

pub(crate) use self::observed::Explainer;
pub(crate) use self::wrap::Wrapped;

/// Arguments of `whose explain`.
#[derive(Args, Debug)]
pub(crate) struct Explain {
    /// Files with events, one JSON document a line; standard input when none is named.
    #[arg(value_name = "EVENTS")]
    events: Vec<PathBuf>,
    #[command(flatten)]
    inventory: Inventory,
    /// Explain only this line, counted from 1 over all files; may be given several times.
    #[arg(long = "line", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    lines: Vec<u64>,
    /// Print one JSON object an event.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    domains: Domains,
}

/// One event of a line.
pub(crate) struct Explained<'e> {
    /// Line, from 1.
    pub(crate) line: u64,
    /// Number of the event in its line, and how many there are, when there are several.
    pub(crate) record: Option<(usize, usize)>,
    pub(crate) decision: &'e Decision,
    /// What enriching attaches.
    pub(crate) context: &'e Value,
}

/// What became of a line.
enum Told {
    /// Blank.
    Nothing,
    /// Not read, or nothing in it is known; why.
    Unread(&'static str),
    /// Each with its context.
    Decisions(Vec<(Decision, Value)>),
}

/// What is said of an event that nobody knows.
const UNKNOWN: &str = "unknown; no format and no mapping has such an event";

impl Explain {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let snapshots = self.inventory.read()?;
        let trusted = &self.inventory.trusted;
        let config = usual_detail(&self.domains, trusted)?;
        let mut native = Native::default();
        prepare(&mut native, &config, Some(trusted), &snapshots)?;
        let mut out = stdout().lock();
        let colour = Colour::for_stdout(stdout().is_terminal());
        let wanted: BTreeSet<u64> = self.lines.iter().copied().collect();
        let is_wanted = |line: u64| wanted.is_empty() || wanted.contains(&line);
        let mut line = 0;
        read_all(&self.events, |part| {
            match part {
                Part::Lines(batch) => {
                    for text in batch.split_inclusive(|byte| *byte == b'\n') {
                        line += 1;
                        if is_wanted(line) {
                            let told = tell(&mut native, text);
                            self.write(line, &told, colour, &mut out)?;
                        }
                    }
                }
                Part::Oversize { is_first: true, .. } => {
                    line += 1;
                    if is_wanted(line) {
                        let told = Told::Unread("it is longer than this command reads");
                        self.write(line, &told, colour, &mut out)?;
                    }
                }
                Part::Oversize { .. } | Part::LineEnd => {}
            }
            Ok(())
        })?;
        out.flush()?;
        match wanted.last() {
            Some(last) if *last > line => Err(Failure::Failed(anyhow!(
                "there is no line {last}: the events end with line {line}"
            ))),
            _ => Ok(()),
        }
    }

    fn write(
        &self,
        line: u64,
        told: &Told,
        colour: Colour,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        match told {
            Told::Nothing => {}
            Told::Unread(why) if self.json => {
                let object = serde_json::json!({ "line": line, "error": why });
                writeln!(out, "{object}")?;
            }
            Told::Unread(why) if *why == UNKNOWN => writeln!(out, "line {line}: {why}\n")?,
            Told::Unread(why) => writeln!(out, "line {line}: not read, {why}\n")?,
            Told::Decisions(decisions) => {
                let count = decisions.len();
                for (number, (decision, context)) in decisions.iter().enumerate() {
                    let explained = Explained {
                        line,
                        record: (count > 1).then_some((number, count)),
                        decision,
                        context,
                    };
                    if self.json {
                        writeln!(out, "{}", json::object(&explained))?;
                    } else {
                        out.write_all(page::page(&explained, colour).as_bytes())?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Asks twice: how the events of a line are decided, and what enriching makes of them.
fn tell(native: &mut Native<'_>, line: &[u8]) -> Told {
    if line.trim_ascii().is_empty() {
        return Told::Nothing;
    }
    let decisions = match native.explain(line) {
        Ok(decisions) if decisions.is_empty() => return Told::Unread(UNKNOWN),
        Ok(decisions) => decisions,
        Err(why) => return Told::Unread(why),
    };
    let contexts: Vec<Value> = contexts_of_enriched(native.enrich(line).bytes)
        .into_iter()
        .filter_map(|context| serde_json::from_slice(context).ok())
        .collect();
    // Members of one name in one event, one of them forged.
    if contexts.len() != decisions.len() {
        return Told::Unread("its contexts cannot be told apart");
    }
    Told::Decisions(decisions.into_iter().zip(contexts).collect())
}

/// A time in milliseconds since 1970 as RFC 3339.
pub(crate) fn time(ms: i64) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail; a time that has no text stays empty.
    let _ = write_rfc3339(&mut text, ms);
    text
}
