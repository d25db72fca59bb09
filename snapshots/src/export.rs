//! The export: sources → connect → reconcile → classify → an inventory that can be built.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use enrich_core::vocabulary::{LifecycleState, OwnerStatus, Severity};

use crate::classify::{Context, classify, scopes};
use crate::config::{InventoryConfig, SourceConfig};
use crate::connect::{self, ConnectError, Connector, Input, connect, detect};
use crate::domains;
use crate::limits::{Cleaned, clean};
use crate::model::{Inventory, Meta, Time};
use crate::policy::{ConfigError, Policy};
use crate::reconcile::{reconcile, tombstones};
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
    /// The previous snapshot and its digest.
    pub previous: Option<(Inventory, [u8; 32])>,
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
}

impl Read {
    /// What a harvest holds by now, to be taken off what it holds later.
    fn so_far(harvest: &Harvest) -> [usize; 4] {
        [
            harvest.records.len(),
            harvest.directory.entries.len(),
            harvest.domains.len(),
            harvest.stored_secrets.len(),
        ]
    }
}

/// What a person should know about an export.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// What was read from each source.
    pub read: Vec<Read>,
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
    let policy = match &config.policy {
        Some(path) => {
            let file = path.display().to_string();
            let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Read {
                file: file.clone(),
                reason: error.to_string(),
            })?;
            Policy::parse(&file, &text)?
        }
        None => Policy::built_in()?,
    };
    let mut harvest = Harvest::default();
    let mut read = Vec::new();
    for (rank, source) in config.sources.iter().enumerate() {
        progress.step(&format!("reading {}", source.name));
        read.extend(harvest_source(
            source,
            rank,
            explicit.created_ms,
            &mut harvest,
        )?);
    }
    connect::finish(&mut harvest);
    progress.step("reconciling");
    let mut exported = assemble(&config.organization, &harvest, &policy, explicit);
    progress.step("done");
    exported.report.read = read;
    exported
        .report
        .warnings
        .splice(0..0, harvest.warnings.iter().cloned());
    Ok(exported)
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
                harvest.warn(&source, format!("{} is left out: {error}", path.display()));
            }
        }
    }
    // Folders hold other files as well; a source of which nothing is recognised is a mistake.
    if let Some(path) = unrecognised.first()
        && inputs.is_empty()
    {
        return Err(ExportError::Unrecognised {
            source_name: config.name.clone(),
            file: path.display().to_string(),
        });
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
        connect(connector, &source, &inputs, harvest).map_err(|cause| ExportError::Connect {
            source_name: config.name.clone(),
            cause,
        })?;
        let after = Read::so_far(harvest);
        let [records, people, domains, secrets] =
            std::array::from_fn(|n| after[n].saturating_sub(before[n]));
        read.push(Read {
            source: config.name.clone(),
            connector: connector.as_str(),
            files: inputs.len(),
            records,
            people,
            domains,
            secrets,
        });
    }
    Ok(read)
}

/// Lets the records of a harvest meet, applies the policy, and counts.
#[must_use]
pub fn assemble(
    organization: &str,
    harvest: &Harvest,
    policy: &Policy,
    explicit: &Explicit,
) -> Exported {
    let reconciled = reconcile(harvest);
    let mut subjects = reconciled.subjects;
    domains::apply(&harvest.domains, &mut subjects);
    let covered = domains::owned(&harvest.scopes, &harvest.domains, policy);
    let scopes = scopes(&covered, policy, &harvest.directory);
    let context = Context::new(policy, &harvest.directory, explicit.created_ms, &scopes);
    let (networks, warnings) = classify(&mut subjects, &context);
    let mut report = Report {
        ambiguous_keys: reconciled.ambiguous_keys,
        unmatched: reconciled.unmatched,
        warnings,
        ..Report::default()
    };
    let mut identities = Vec::with_capacity(subjects.len());
    for subject in subjects {
        let mut identity = subject.identity;
        if clean(&mut identity, &mut report.cleaned) {
            identities.push(identity);
        } else {
            report
                .warnings
                .push("an identity is left out because its uid is shaped as a secret".to_owned());
        }
    }
    let mut inventory = Inventory {
        meta: Meta {
            id: String::new(),
            organization: organization.to_owned(),
            created_ms: explicit.created_ms,
            sequence: explicit.sequence,
            valid_for_s: explicit.valid_for_s,
            previous: explicit.previous.as_ref().map(|(_, digest)| *digest),
            overlay_of: None,
        },
        identities,
        scopes,
        networks,
        rules: policy.triage.clone(),
        removed_keys: Vec::new(),
    };
    if let Some((previous, _)) = &explicit.previous {
        report.tombstones = tombstones(previous, &mut inventory);
    }
    count(&inventory, &mut report);
    Exported { inventory, report }
}

fn count(inventory: &Inventory, report: &mut Report) {
    for identity in &inventory.identities {
        if identity.lifecycle_state == LifecycleState::Deprovisioned {
            *report.kinds.entry("(retired)").or_default() += 1;
            continue;
        }
        *report.kinds.entry(identity.kind.as_str()).or_default() += 1;
        match &identity.owner {
            None => report.without_owner += 1,
            Some(owner) if owner.status == OwnerStatus::Departed => report.departed_owner += 1,
            Some(_) => {}
        }
        report.conflicts += identity.conflicts.len();
        for finding in &identity.findings {
            let entry = report
                .findings
                .entry(finding.name.clone())
                .or_insert((0, finding.severity));
            entry.0 += 1;
            entry.1 = entry.1.max(finding.severity);
        }
        for credential in &identity.credentials {
            if let Time::At(rotated) = credential.last_rotated
                && rotated > inventory.meta.created_ms
            {
                report.warnings.push(format!("{}: credential {} was rotated after the snapshot's time; check the clock or `created`", identity.uid, credential.uid));
            }
        }
    }
}
