//! `whose replay`: which past events read differently with another snapshot, and in which fields.

mod differences;
mod report;

use std::io::{IsTerminal, Write, stdout};
use std::path::PathBuf;

use anyhow::{Context, anyhow};
use clap::Args;
use enrich_core::explain::fields;
use enrich_core::snapshot::Header;
use host_harness::output::Lines;
use host_harness::text::printable;
use host_harness::{Backend, SnapshotFile};
use serde_json::{Value, json};

use self::differences::{Difference, differences, identities};
use self::report::{Differing, Summary};
use super::Failure;
use super::contexts::{contexts_of_enriched, say_the_same};
use super::explain::time;
use super::input::{Part, read_all};
use super::setup::{Domains, Engine, Trusted, backend, module, native_rendering, prepare};
use super::table::Colour;

/// Arguments of `whose replay`.
#[derive(Args, Debug)]
pub(crate) struct Replay {
    /// The snapshot that events were read with.
    old: PathBuf,
    /// The snapshot that they are read with now.
    new: PathBuf,
    /// Files with past events, one JSON document a line; standard input when none is named.
    #[arg(value_name = "EVENTS")]
    events: Vec<PathBuf>,
    /// A further snapshot, attached after OLD; may be given several times.
    #[arg(long = "old-layer", value_name = "FILE")]
    old_layers: Vec<PathBuf>,
    /// A further snapshot, attached after NEW; may be given several times.
    #[arg(long = "new-layer", value_name = "FILE")]
    new_layers: Vec<PathBuf>,
    /// Only these fields and what is below them, such as owner,triage.priority,findings
    #[arg(long, value_name = "FIELDS", value_delimiter = ',')]
    fields: Vec<String>,
    /// Not these fields and what is below them, such as findings.evidence
    #[arg(long, value_name = "FIELDS", value_delimiter = ',')]
    except: Vec<String>,
    /// Print only the summary.
    #[arg(long)]
    summary: bool,
    /// Print JSON: an object for the snapshots, one for each differing event, one for the summary.
    #[arg(long)]
    json: bool,
    /// Exit with 3 when an event reads differently, with 1 when none was compared.
    #[arg(long)]
    fail_on_change: bool,
    #[command(flatten)]
    trusted: Trusted,
    #[command(flatten)]
    domains: Domains,
    #[command(flatten)]
    engine: Engine,
}

/// One of the two, with its name in messages.
struct Side<'s> {
    name: &'static str,
    backend: Box<dyn Backend<'s> + 's>,
}

/// Events of one batch that differ, before their times are known.
struct Batch {
    found: Vec<Differing>,
    /// The lines that they stand in, one after the other, each with its line end.
    lines: Vec<u8>,
}

impl Replay {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        for (option, names) in [("--fields", &self.fields), ("--except", &self.except)] {
            let unknown = names.iter().find(|name| !is_comparable(name.trim()));
            if let Some(name) = unknown {
                let name = printable(name, 120);
                return Err(Failure::Usage(anyhow!(
                    "{option}: {name:?} is no field that contexts are compared by; `whose fields` lists them"
                )));
            }
        }
        let old_files = self.read("OLD", &self.old, &self.old_layers)?;
        let new_files = self.read("NEW", &self.new, &self.new_layers)?;
        let config = native_rendering(&self.domains, &self.trusted)?;
        let module = module(&self.engine)?;
        let side = |name, files| self.side(name, files, &config, module.as_ref());
        let mut old = side("OLD", &old_files)?;
        let mut new = side("NEW", &new_files)?;
        let colour = Colour::for_stdout(stdout().is_terminal());
        let mut out = stdout().lock();
        self.introduce(&old_files, &new_files, &mut out)?;
        let mut summary = Summary::default();
        let mut line = 0;
        read_all(&self.events, |part| {
            match part {
                Part::Lines(batch) => {
                    let mut found = self.batch(batch, line, &mut old, &mut new, &mut summary)?;
                    line += host_harness::output::count_lines(batch) as u64;
                    date(&mut found, &mut old)?;
                    for one in &found.found {
                        if self.summary {
                            continue;
                        }
                        if self.json {
                            writeln!(out, "{}", one.object())?;
                        } else {
                            out.write_all(one.block(colour).as_bytes())?;
                        }
                    }
                }
                Part::Oversize { is_first: true, .. } => {
                    line += 1;
                    summary.oversize += 1;
                }
                Part::Oversize { .. } | Part::LineEnd => {}
            }
            Ok(())
        })?;
        // OLD was also asked about times, which it counts.
        let counted = new.backend.counters()?.events;
        if self.json {
            writeln!(out, "{}", summary.object(&counted))?;
        } else {
            out.write_all(summary.page(&counted, colour).as_bytes())?;
        }
        out.flush()?;
        if self.fail_on_change && summary.differing > 0 {
            return Err(Failure::CheckFailed);
        }
        // A check that has seen nothing has not passed.
        if self.fail_on_change && summary.compared == 0 {
            return Err(Failure::Failed(anyhow!(
                "--fail-on-change: no event was compared, so nothing is known of what the new snapshot changes"
            )));
        }
        Ok(())
    }

    /// The snapshots of one side.
    fn read(
        &self,
        name: &'static str,
        first: &PathBuf,
        layers: &[PathBuf],
    ) -> anyhow::Result<Vec<SnapshotFile>> {
        std::iter::once(first)
            .chain(layers)
            .map(|path| {
                self.trusted
                    .open(path)
                    .with_context(|| format!("{name} cannot be used"))
            })
            .collect()
    }

    fn side<'s>(
        &self,
        name: &'static str,
        files: &'s [SnapshotFile],
        config: &[u8],
        module: Option<&std::sync::Arc<host_harness::GuestModule>>,
    ) -> anyhow::Result<Side<'s>> {
        let mut backend = backend(module)?;
        prepare(backend.as_mut(), config, Some(&self.trusted), files)
            .with_context(|| format!("{name} cannot be used"))?;
        Ok(Side { name, backend })
    }

    /// Says which snapshots are compared.
    fn introduce(
        &self,
        old: &[SnapshotFile],
        new: &[SnapshotFile],
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let sides = [("OLD", old), ("NEW", new)];
        if self.json {
            let [old, new] = sides.map(|(_, files)| files.iter().map(identity).collect::<Value>());
            writeln!(
                out,
                "{}",
                json!({ "kind": "snapshots", "old": old, "new": new })
            )?;
            return Ok(());
        }
        for (name, files) in sides {
            for file in files {
                let said = identity(file);
                let text = |member: &str| printable(said[member].as_str().unwrap_or("?"), 200);
                writeln!(
                    out,
                    "{name} {}: {}, made {}\n    {}",
                    text("file"),
                    text("id"),
                    text("created"),
                    text("digest")
                )?;
            }
        }
        let digests = |files: &[SnapshotFile]| {
            let digests = files.iter().map(|file| identity(file)["digest"].take());
            digests.collect::<Vec<_>>()
        };
        if digests(old) == digests(new) {
            writeln!(out, "OLD and NEW are the same: nothing can differ")?;
        }
        writeln!(out)?;
        Ok(())
    }

    /// Enriches a batch with both, and compares line by line. `before`: lines before the batch.
    fn batch(
        &self,
        batch: &[u8],
        before: u64,
        old: &mut Side<'_>,
        new: &mut Side<'_>,
        summary: &mut Summary,
    ) -> anyhow::Result<Batch> {
        let mut differing = Batch {
            found: Vec::new(),
            lines: Vec::new(),
        };
        let old = enriched(old, batch, before)?;
        let new = enriched(new, batch, before)?;
        let lines = Lines::new(batch).zip(Lines::new(old).zip(Lines::new(new)));
        for (number, (line, (old, new))) in lines.enumerate() {
            let (old, new) = (contexts(line, old), contexts(line, new));
            let count = old.len().max(new.len());
            summary.compared += count as u64;
            let mut is_kept = false;
            for record in 0..count {
                let (old, new) = (old.get(record).copied(), new.get(record).copied());
                if let (Some(old), Some(new)) = (old, new)
                    && say_the_same(old, new)
                {
                    continue;
                }
                let (old, new) = (parsed(old), parsed(new));
                let found = differences(&old, &new);
                let differences = self.wanted(found);
                if differences.is_empty() {
                    continue;
                }
                summary.add(&differences);
                is_kept = true;
                differing.found.push(Differing {
                    line: before + number as u64 + 1,
                    record: (count > 1).then_some((record, count)),
                    format: None,
                    time: None,
                    identities: identities(if new.is_null() { &old } else { &new }),
                    differences,
                });
            }
            if is_kept && !self.summary {
                differing.lines.extend_from_slice(line.trim_ascii_end());
                differing.lines.push(b'\n');
            }
        }
        Ok(differing)
    }

    fn wanted(&self, mut all: Vec<Difference>) -> Vec<Difference> {
        let under = |one: &Difference, prefixes: &[String]| {
            prefixes.iter().any(|prefix| one.is_under(prefix.trim()))
        };
        if !self.fields.is_empty() {
            all.retain(|one| under(one, &self.fields));
        }
        all.retain(|one| !under(one, &self.except));
        all
    }
}

/// Whether a name is one by which differences are selected: a field of the reference, with or without
/// the names of elements (`findings[orphaned].severity`). Members of identities go by their own names,
/// and which snapshot spoke is no difference, so those two would select nothing.
fn is_comparable(name: &str) -> bool {
    let mut depth = 0_u32;
    let plain: String = name
        .chars()
        .filter(|letter| {
            let was_inside = depth > 0;
            match letter {
                '[' => depth += 1,
                ']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            !was_inside && *letter != '['
        })
        .collect();
    let top = plain.split('.').next().unwrap_or_default();
    depth == 0
        && !matches!(top, "v" | "identities" | "snapshot")
        && fields().iter().any(|field| field.path == plain)
}

/// The contexts that enriching put into a line.
fn contexts<'b>(line: &[u8], enriched: &'b [u8]) -> Vec<&'b [u8]> {
    if enriched == line {
        Vec::new()
    } else {
        contexts_of_enriched(enriched)
    }
}

/// A context, which the core wrote; null when there is none.
fn parsed(context: Option<&[u8]>) -> Value {
    context.map_or(Value::Null, |context| {
        serde_json::from_slice(context).unwrap_or(Value::Null)
    })
}

/// Id, digest and time of a snapshot that was attached.
fn identity(file: &SnapshotFile) -> Value {
    let Ok(header) = Header::parse(file.bytes()) else {
        return json!({ "file": file.name() });
    };
    let digest: String = header
        .digest
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    json!({
        "file": file.name(),
        "id": header.id(),
        "digest": format!("blake3:{digest}"),
        "created": time(header.created_ms),
    })
}

/// A batch without context would read as if everything had changed.
fn enriched<'b>(side: &'b mut Side<'_>, batch: &'b [u8], before: u64) -> anyhow::Result<&'b [u8]> {
    let enriched = side.backend.enrich(batch);
    match enriched.failure {
        None => Ok(enriched.bytes),
        Some(error) => Err(anyhow!(error).context(format!(
            "events after line {before} cannot be read with {}",
            side.name
        ))),
    }
}

/// Asks for format and time of the events that differ.
fn date(batch: &mut Batch, old: &mut Side<'_>) -> anyhow::Result<()> {
    if batch.lines.is_empty() {
        return Ok(());
    }
    let seen = old.backend.keys(&batch.lines)?;
    let mut seen = Lines::new(seen).map(|line| serde_json::from_slice::<Value>(line).ok());
    let mut at = 0;
    let mut now = None;
    for one in &mut batch.found {
        // Events of one line stand together.
        if one.line != at {
            at = one.line;
            now = seen.next().flatten();
        }
        let Some(line) = &now else { continue };
        let event = one
            .record
            .and_then(|(record, _)| line["records"].get(record))
            .unwrap_or(line);
        let text = |member: &str| event[member].as_str().map(str::to_owned);
        (one.format, one.time) = (text("format"), text("time"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::is_comparable;

    #[test]
    fn fields_are_those_of_the_reference() {
        for name in [
            "owner",
            "owner.ref",
            "triage.priority",
            "findings",
            "findings.severity",
            "findings[orphaned]",
            "findings[orphaned].severity",
            "candidates[aws:1:user/a.b].owner",
            "response.revocation[delete].expected_minutes",
            "outcome",
        ] {
            assert!(is_comparable(name), "{name}");
        }
        for name in [
            "own",
            "owner.",
            "ownerref",
            "findings.severities",
            "findings[orphaned",
            "snapshot.id",
            "identities",
            "identities.owner",
            "",
        ] {
            assert!(!is_comparable(name), "{name}");
        }
    }
}
