//! The sample organisation: its snapshot, its events, and what its story says of each.

use std::path::{Path, PathBuf};

use snapshots::config::InventoryConfig;
use snapshots::export::{Explicit, Quiet, export};
use snapshots::format::build;

use crate::case::Aligned;

/// One line of `expected.tsv`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Expected {
    /// Line of the events, from 1.
    pub line: usize,
    /// Record in the line's envelope, from 0.
    pub record: Option<usize>,
    /// uid of the actor, outcome, verdict; `None` where a dash stands.
    pub actor: Option<String>,
    /// The actor's outcome.
    pub outcome: Option<String>,
    /// The actor's verdict.
    pub verdict: Option<String>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../snapshots/samples")
}

fn read(name: &str) -> Result<Vec<u8>, String> {
    let path = folder().join(name);
    std::fs::read(&path).map_err(|error| format!("{} can't be read: {error}", path.display()))
}

/// Builds the snapshot that `inventory.toml` describes, unsigned.
///
/// # Errors
/// What is wrong with the sample files.
pub fn snapshot() -> Result<Aligned, String> {
    let config = InventoryConfig::read(&folder().join("inventory.toml"))
        .map_err(|error| error.to_string())?;
    let created = config
        .created_ms
        .ok_or("inventory.toml of the samples says no `created`")?;
    let explicit = Explicit::new(
        created,
        config.sequence.unwrap_or(1),
        config.valid_for_s.unwrap_or(0),
    );
    let exported = export(&config, &explicit, &mut Quiet).map_err(|error| error.to_string())?;
    build(&exported.inventory)
        .map(|bytes| Aligned::new(&bytes))
        .map_err(|error| error.to_string())
}

/// The events.
///
/// # Errors
/// The file can't be read.
pub fn events() -> Result<Vec<u8>, String> {
    read("events/events.ndjson")
}

/// The configuration that the events need: they do not name their cluster.
pub const CONFIG: &[u8] = br#"{"v":1,"default_domains":{"k8s_audit":"prod-eu"}}"#;

/// What the story says of each event.
///
/// # Errors
/// The file can't be read, or a line of it has another shape.
pub fn expected() -> Result<Vec<Expected>, String> {
    let text = String::from_utf8(read("expected.tsv")?).map_err(|error| error.to_string())?;
    let mut rows = Vec::new();
    for (number, row) in text.lines().enumerate().skip(1) {
        let fault = || {
            format!(
                "expected.tsv, line {}: not line, actor, outcome, verdict: {row:?}",
                number + 1
            )
        };
        let [line, actor, outcome, verdict] =
            <[&str; 4]>::try_from(row.split('\t').collect::<Vec<_>>()).map_err(|_| fault())?;
        let (line, record) = line
            .split_once('.')
            .map_or((line, None), |(line, record)| (line, Some(record)));
        let stated = |text: &str| (text != "-").then(|| text.to_owned());
        rows.push(Expected {
            line: line.parse().map_err(|_| fault())?,
            record: record.map(str::parse).transpose().map_err(|_| fault())?,
            actor: stated(actor),
            outcome: stated(outcome),
            verdict: stated(verdict),
        });
    }
    Ok(rows)
}
