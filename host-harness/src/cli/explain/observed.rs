//! `whose keys --explain`: which path gave each key, and why others were passed over, for a person.
//!
//! The core in this program does it, whatever module is installed: it is the same code, and modules
//! carry no sentences for people.

use std::io::Write;

use enrich_core::explain::{ExplainedKey, Explanation};
use enrich_core::time::write_rfc3339;
use enrich_core::{Config, Enricher};

use host_harness::text::printable;

/// Longest value on a terminal, in characters.
const VALUE: usize = 96;

/// Explains lines one after the other.
pub(crate) struct Explainer {
    enricher: Enricher<'static>,
    line: u64,
}

impl Explainer {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            enricher: Enricher::new(config),
            line: 0,
        }
    }

    /// Explains every line of a batch.
    pub(crate) fn batch(&mut self, batch: &[u8], out: &mut dyn Write) -> std::io::Result<()> {
        for line in batch.split_inclusive(|byte| *byte == b'\n') {
            self.line += 1;
            let number = self.line;
            match self.enricher.explain(line) {
                Err(why) => writeln!(out, "line {number}: not read, {why}")?,
                Ok(events) if events.is_empty() => {
                    if line.trim_ascii().is_empty() {
                        continue;
                    }
                    writeln!(
                        out,
                        "line {number}: unknown; no format and no mapping has such an event"
                    )?;
                }
                Ok(events) => {
                    let count = events.len();
                    for (record, event) in events.iter().enumerate() {
                        write!(out, "line {number}")?;
                        if count > 1 {
                            write!(out, ", record {} of {count}", record + 1)?;
                        }
                        one(event, out)?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn one(event: &Explanation, out: &mut dyn Write) -> std::io::Result<()> {
    write!(out, ": {}", event.format)?;
    match event.time_ms {
        Some(ms) => {
            let mut time = String::new();
            write_rfc3339(&mut time, ms).map_err(std::io::Error::other)?;
            write!(out, ", {time}")?;
        }
        None => write!(out, ", no time")?,
    }
    writeln!(out, "{}", place(event.time_path.as_deref()))?;
    if event.identities.is_empty() {
        writeln!(out, "  no identity")?;
    }
    for identity in &event.identities {
        let agent = if identity.is_agent {
            " (an AI agent, as the event says)"
        } else {
            ""
        };
        writeln!(out, "  {}{agent}", identity.role)?;
        for key in &identity.keys {
            key_line(event, key, out)?;
        }
    }
    if !event.passed_over.is_empty() {
        writeln!(out, "  passed over")?;
    }
    for passed in &event.passed_over {
        writeln!(
            out,
            "    {}{}: {}",
            printable(&passed.value, VALUE),
            place(passed.path.as_deref()),
            passed.why
        )?;
    }
    if !event.facts.is_empty() {
        writeln!(out, "  facts")?;
    }
    for (name, value, path) in &event.facts {
        let value = printable(value, VALUE);
        writeln!(out, "    {name} {value}{}", place(path.as_deref()))?;
    }
    Ok(())
}

fn key_line(event: &Explanation, key: &ExplainedKey, out: &mut dyn Write) -> std::io::Result<()> {
    write!(out, "    {}", key.key_type)?;
    if !key.domain.is_empty() {
        write!(out, "@{}", printable(&key.domain, VALUE))?;
    }
    write!(
        out,
        " {}{}",
        printable(&key.value, VALUE),
        place(key.path.as_deref())
    )?;
    if key.lacks_domain {
        write!(
            out,
            "; has no domain: give --default-domain {}=DOMAIN, or it stays out of scope",
            event.format
        )?;
    }
    writeln!(out)
}

fn place(path: Option<&str>) -> String {
    path.map_or_else(String::new, |path| format!("  {}", printable(path, VALUE)))
}
