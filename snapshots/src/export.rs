//! The export: sources → connect → reconcile → classify → an inventory that can be built.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use enrich_core::vocabulary::Severity;

use crate::assemble::{Assembly, Settings};
use crate::config::{InventoryConfig, SourceConfig};
use crate::connect::{self, ConnectError, Connector, Input, connect, detect};
use crate::format::BuildError;
use crate::limits::Cleaned;
use crate::model::Inventory;
use crate::policy::{ConfigError, Policy};
use crate::previous::Previous;
use crate::privacy::{LEAST_KEY, Pseudonyms};
use crate::record::{Harvest, Source};

/// What a caller decides that the configuration does not.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Explicit {
    /// When the inventory was taken.
    pub created_ms: i64,
    /// Sequence number.
    pub sequence: u64,
    /// For how long it counts as fresh.
    pub valid_for_s: u64,
    /// The previous snapshot.
    pub previous: Option<Previous>,
}

impl Explicit {
    /// Facts of the header, without a previous snapshot.
    #[must_use]
    pub const fn new(created_ms: i64, sequence: u64, valid_for_s: u64) -> Self {
        Self {
            created_ms,
            sequence,
            valid_for_s,
            previous: None,
        }
    }
}

/// An inventory, and what a person should know about how it came to be.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Exported {
    /// The inventory.
    pub inventory: Inventory,
    /// Numbers and names.
    pub report: Report,
}

/// What was read from the files of one source through one connector.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Read {
    /// Name of the source.
    pub source: String,
    /// The connector.
    pub connector: &'static str,
    /// Files.
    pub files: usize,
    /// Statements about identities.
    pub records: usize,
    /// People and teams.
    pub people: usize,
    /// Accounts, projects and clusters of which something is said.
    pub domains: usize,
    /// Places of secrets.
    pub secrets: usize,
    /// What makes no statement by itself: catalogue entities, rules of ownership, paging services.
    pub besides: usize,
}

impl Read {
    /// What a harvest holds by now, to be taken off what it holds later.
    fn so_far(harvest: &Harvest) -> [usize; 5] {
        [
            harvest.len(),
            harvest.directory.entries.len(),
            harvest.domains.len(),
            harvest.stored_secrets.len(),
            harvest.joins.entries,
        ]
    }
}

/// What a person should know about an export.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// What was read from each source.
    pub read: Vec<Read>,
    /// Identities, tombstones among them.
    pub identities: usize,
    /// Identities by kind.
    pub kinds: BTreeMap<&'static str, usize>,
    /// Identities without an owner.
    pub without_owner: usize,
    /// Identities whose owner is gone.
    pub departed_owner: usize,
    /// Findings by name: count and the highest severity.
    pub findings: BTreeMap<String, (usize, Severity)>,
    /// Fields about which sources differ.
    pub conflicts: usize,
    /// Keys that several identities hold at once.
    pub ambiguous_keys: Vec<String>,
    /// Claims about keys that no inventory lists.
    pub unmatched: Vec<String>,
    /// Identities that are kept as tombstones.
    pub tombstones: usize,
    /// What was taken out or cut.
    pub cleaned: Cleaned,
    /// Warnings.
    pub warnings: Vec<String>,
}

/// An export that can't be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// A configuration file is at fault.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An export is at fault.
    #[error("source {source_name:?} can't be used")]
    Connect {
        /// Name of the source.
        source_name: String,
        /// Why.
        #[source]
        cause: ConnectError,
    },
    /// A file of a required source is missing.
    #[error(
        "source {source_name:?}: {file} can't be read: {reason}; a source that may be missing says required = false"
    )]
    Missing {
        /// Name of the source.
        source_name: String,
        /// The file.
        file: String,
        /// What the system says.
        reason: String,
    },
    /// People are to be hidden and there is no key to do it with.
    #[error(
        "the policy says pseudonymise_people = true; name a file of random bytes with pseudonym_key = \"…\" in the inventory configuration (`openssl rand -base64 32` makes one)"
    )]
    NoPseudonymKey,
    /// The key that people are to be hidden with can't be used.
    #[error("the pseudonym key {file} can't be used: {reason}")]
    PseudonymKey {
        /// The file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The inventory does not fit the format.
    #[error("the inventory does not fit a snapshot")]
    Build(#[from] BuildError),
    /// No connector recognises a file.
    #[error(
        "source {source_name:?}: no connector recognises {file}; name one with connector = \"…\""
    )]
    Unrecognised {
        /// Name of the source.
        source_name: String,
        /// The file.
        file: String,
    },
}

/// Told about each step, for a progress display.
pub trait Progress {
    /// A step begins: what, and of which source.
    fn step(&mut self, what: &str);
}

/// No display.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quiet;

impl Progress for Quiet {
    fn step(&mut self, _what: &str) {}
}

/// Makes the inventory that a configuration describes.
///
/// # Errors
/// The first file that can't be used.
pub fn export(
    config: &InventoryConfig,
    explicit: &Explicit,
    progress: &mut dyn Progress,
) -> Result<Exported, ExportError> {
    let (inventory, report) = with_assembly(config, explicit, progress, |assembly, _| {
        let exported = assembly.into_inventory();
        Ok((exported.inventory, exported.report))
    })?;
    Ok(Exported { inventory, report })
}

/// Makes the snapshot that a configuration describes, unsigned. The inventory that comes with it has
/// no identities: a large one is written as it is made.
///
/// # Errors
/// The first file that can't be used, or what does not fit the format.
pub fn export_snapshot(
    config: &InventoryConfig,
    explicit: &Explicit,
    progress: &mut dyn Progress,
) -> Result<(Vec<u8>, Exported), ExportError> {
    let ((bytes, inventory), report) =
        with_assembly(config, explicit, progress, |assembly, progress| {
            progress.step("writing");
            let (bytes, exported) = assembly.into_snapshot()?;
            Ok(((bytes, exported.inventory), exported.report))
        })?;
    Ok((bytes, Exported { inventory, report }))
}

/// Reads all sources and hands over what they come to.
fn with_assembly<T>(
    config: &InventoryConfig,
    explicit: &Explicit,
    progress: &mut dyn Progress,
    end: impl FnOnce(Assembly<'_>, &mut dyn Progress) -> Result<(T, Report), ExportError>,
) -> Result<(T, Report), ExportError> {
    let policy = policy(config)?;
    let (mut harvest, read) = harvest(config, explicit, progress)?;
    progress.step("reconciling");
    let warnings = std::mem::take(&mut harvest.warnings);
    let settings = settings(config, &policy)?;
    let assembly = Assembly::new(&settings, &mut harvest, &policy, explicit);
    let (out, mut report) = end(assembly, progress)?;
    report.read = read;
    report
        .warnings
        .splice(0..0, warnings.into_iter().map(crate::limits::told));
    Ok((out, report))
}

fn settings(config: &InventoryConfig, policy: &Policy) -> Result<Settings, ExportError> {
    let mut settings = Settings::new(&config.organization);
    settings.precedence.clone_from(&config.precedence);
    if let Some(retention_ms) = config.tombstone_retention_ms {
        settings.retention_ms = retention_ms;
    }
    if policy.pseudonymise_people {
        let path = config
            .pseudonym_key
            .as_ref()
            .ok_or(ExportError::NoPseudonymKey)?;
        settings.pseudonyms = Some(pseudonyms(path)?);
    }
    Ok(settings)
}

/// Reads the key that pseudonyms are made with.
///
/// # Errors
/// When it can't be read or is too short.
pub fn pseudonyms(path: &Path) -> Result<Pseudonyms, ExportError> {
    let fault = |reason: String| ExportError::PseudonymKey {
        file: path.display().to_string(),
        reason,
    };
    let key = std::fs::read(path).map_err(|error| fault(error.to_string()))?;
    Pseudonyms::of_key(&key).ok_or_else(|| fault(format!("it has fewer than {LEAST_KEY} bytes")))
}

fn policy(config: &InventoryConfig) -> Result<Policy, ExportError> {
    let Some(path) = &config.policy else {
        return Ok(Policy::built_in()?);
    };
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Read {
        file: file.clone(),
        reason: error.to_string(),
    })?;
    Ok(Policy::parse(&file, &text)?)
}

/// What one source says, and what was read from it.
type Sourced = (Harvest, Vec<Read>);

/// Reads all sources, several at a time; what they say is put together in their order.
fn harvest(
    config: &InventoryConfig,
    explicit: &Explicit,
    progress: &mut dyn Progress,
) -> Result<Sourced, ExportError> {
    let sources = &config.sources;
    let next = AtomicUsize::new(0);
    let done: Vec<Mutex<Option<Result<Sourced, ExportError>>>> =
        sources.iter().map(|_| Mutex::new(None)).collect();
    let work = |progress: &mut dyn Progress| {
        loop {
            let rank = next.fetch_add(1, Ordering::Relaxed);
            let (Some(source), Some(slot)) = (sources.get(rank), done.get(rank)) else {
                break;
            };
            progress.step(&format!("reading {}", source.name));
            let mut harvest = Harvest::default();
            let read = harvest_source(source, rank, explicit.created_ms, &mut harvest);
            if read.is_err() {
                // What follows is not needed any more.
                next.store(done.len(), Ordering::Relaxed);
            }
            harvest.settle();
            if let Ok(mut slot) = slot.lock() {
                *slot = Some(read.map(|read| (harvest, read)));
            }
        }
    };
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 1..workers.min(sources.len()) {
            scope.spawn(|| work(&mut Quiet));
        }
        work(progress);
    });
    let (mut out, mut read) = Sourced::default();
    for slot in done {
        if let Some(result) = slot.into_inner().ok().flatten() {
            let (harvest, more) = result?;
            out.absorb(harvest);
            read.extend(more);
        }
    }
    connect::finish(&mut out);
    Ok((out, read))
}

/// Reads the files of one source.
fn harvest_source(
    config: &SourceConfig,
    rank: usize,
    created_ms: i64,
    harvest: &mut Harvest,
) -> Result<Vec<Read>, ExportError> {
    let source = Source {
        name: config.name.clone(),
        rank,
        observed_ms: config.observed_ms.unwrap_or(created_ms),
        domain: config.domain.clone(),
    };
    if !config.paths.is_empty() {
        let paths = &mut harvest.joins.paths;
        paths.insert(config.name.clone(), config.paths.clone());
    }
    for pattern in &config.unmatched {
        missing(config, &source, harvest);
        harvest.warn(&source, format!("nothing is read: {pattern}"));
    }
    let mut inputs: BTreeMap<Connector, Vec<Input>> = BTreeMap::new();
    let mut unrecognised = Vec::new();
    let mut known: BTreeMap<PathBuf, &Path> = BTreeMap::new();
    for path in &config.files {
        if let Ok(place) = path.canonicalize()
            && let Some(first) = known.insert(place, path)
        {
            harvest.warn(
                &source,
                format!(
                    "{} is left out: it is the same file as {}",
                    path.display(),
                    first.display()
                ),
            );
            continue;
        }
        let input = Input::file(path);
        let recognised = match config.connector {
            // Whether it can be read shows here, so that an optional source may do without it.
            Some(connector) => input.probe().map(|()| Some(connector)),
            None => input.head().map(|head| detect(path, &head)),
        };
        match recognised {
            Ok(Some(connector)) => inputs.entry(connector).or_default().push(input),
            Ok(None) => unrecognised.push(path),
            Err(error) if config.required => {
                return Err(ExportError::Missing {
                    source_name: config.name.clone(),
                    file: path.display().to_string(),
                    reason: error.to_string(),
                });
            }
            Err(error) => {
                missing(config, &source, harvest);
                harvest.warn(&source, format!("{} is left out: {error}", path.display()));
            }
        }
    }
    // Folders hold other files as well; a source of which nothing is recognised is a mistake.
    if let Some(path) = unrecognised.first()
        && inputs.is_empty()
    {
        let error = ExportError::Unrecognised {
            source_name: config.name.clone(),
            file: path.display().to_string(),
        };
        return optional(config, &source, harvest, error);
    }
    for path in unrecognised {
        harvest.warn(
            &source,
            format!("{} is left out: no connector recognises it", path.display()),
        );
    }
    let mut read = Vec::new();
    for (connector, inputs) in inputs {
        let before = Read::so_far(harvest);
        if let Err(cause) = connect(connector, &source, &inputs, harvest) {
            let error = ExportError::Connect {
                source_name: config.name.clone(),
                cause,
            };
            return optional(config, &source, harvest, error);
        }
        let after = Read::so_far(harvest);
        let [records, people, domains, secrets, besides] =
            std::array::from_fn(|n| after[n].saturating_sub(before[n]));
        read.push(Read {
            source: config.name.clone(),
            connector: connector.as_str(),
            files: inputs.len(),
            records,
            people,
            domains,
            secrets,
            besides,
        });
    }
    Ok(read)
}

/// Notes that a part of a source is missing. What it makes are only claims takes no identity away.
fn missing(config: &SourceConfig, source: &Source, harvest: &mut Harvest) {
    if config.connector.is_none_or(Connector::is_inventory) {
        harvest.incomplete(source);
    }
}

/// A source that can't be read stops the export, unless it is optional: then nothing of it is believed,
/// since half a source would look like a whole one.
fn optional(
    config: &SourceConfig,
    source: &Source,
    harvest: &mut Harvest,
    error: ExportError,
) -> Result<Vec<Read>, ExportError> {
    if config.required {
        return Err(error);
    }
    let reason = match &error {
        ExportError::Connect { cause, .. } => cause.to_string(),
        other => other.to_string(),
    };
    *harvest = Harvest {
        warnings: std::mem::take(&mut harvest.warnings),
        ..Harvest::default()
    };
    missing(config, source, harvest);
    harvest.warn(source, format!("the whole source is left out: {reason}"));
    Ok(Vec::new())
}

/// Lets the records of a harvest meet, applies the policy, and counts.
#[must_use]
pub fn assemble(
    organization: &str,
    harvest: &Harvest,
    policy: &Policy,
    explicit: &Explicit,
) -> Exported {
    let mut harvest = harvest.clone();
    let settings = Settings::new(organization);
    Assembly::new(&settings, &mut harvest, policy, explicit).into_inventory()
}
