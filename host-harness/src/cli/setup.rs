//! What several commands are told alike: which module, which snapshots, whom to trust, how to write.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use enrich_core::Config;
use host_harness::{Access, Check, HarnessError, SnapshotFile};
use serde_json::{Value, json};

use super::Usage;

/// Longest public key file that is read: one line.
const MAX_KEY_FILE: u64 = 4 << 10;

/// Who does the work.
#[derive(Args, Debug)]
pub(crate) struct Engine {
    /// The module; otherwise WHOSE_MODULE, the build beside this program, or the file next to it.
    #[arg(long, value_name = "FILE", conflicts_with = "native")]
    pub(super) module: Option<PathBuf>,
    /// A module of `whose-snapshot bake`: it brings its snapshots and its configuration.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["module", "native", "snapshot", "trust", "refuse_expired", "integrity", "access", "config", "default_domains"])]
    pub(super) baked: Option<PathBuf>,
    /// Do the work in this process, without a module.
    #[arg(long)]
    pub(super) native: bool,
    /// Compile the module each time instead of keeping its code in the user's cache folder.
    #[arg(long, conflicts_with = "native")]
    pub(super) no_cache: bool,
    /// Seconds that the module may spend on one batch.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400), conflicts_with = "native")]
    pub(super) deadline: u64,
    /// MiB of memory that the module may use beyond the snapshots.
    #[arg(long, value_name = "MIB", default_value_t = 512, value_parser = clap::value_parser!(u32).range(8..=4096), conflicts_with = "native")]
    pub(super) working_memory: u32,
}

impl Engine {
    /// The same work without the module; `None` when it is done so already, or when what is baked into
    /// the module is needed.
    pub(crate) fn in_process(&self) -> Option<Self> {
        (!self.native && self.baked.is_none()).then_some(Self {
            module: None,
            baked: None,
            native: true,
            no_cache: self.no_cache,
            deadline: self.deadline,
            working_memory: self.working_memory,
        })
    }
}

/// How events are read.
#[derive(Args, Debug)]
pub(crate) struct Domains {
    /// The core's configuration, a JSON document: mappings of in-house logs, limits, default domains.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Account, cluster, … of events that do not name one.
    #[arg(long = "default-domain", value_name = "FORMAT=DOMAIN", value_parser = domain)]
    default_domains: Vec<(String, String)>,
}

/// The inventory.
#[derive(Args, Debug)]
pub(crate) struct Inventory {
    /// A snapshot; several are attached in order.
    #[arg(
        id = "snapshot",
        long,
        value_name = "FILE",
        required_unless_present = "baked"
    )]
    snapshots: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) trusted: Trusted,
}

/// Which snapshots are believed.
#[derive(Args, Debug)]
pub(crate) struct Trusted {
    /// A public key that may sign snapshots; with one, unsigned snapshots are refused.
    #[arg(long = "trust", value_name = "PUBFILE")]
    trust: Vec<PathBuf>,
    /// Refuse a snapshot whose declared time is over by this machine's clock. Otherwise past events
    /// can be read with the snapshot of their day; each context says whether it was fresh for its event.
    #[arg(long)]
    pub(super) refuse_expired: bool,
    /// When the bytes of snapshots are held against their digests.
    #[arg(long, value_enum, value_name = "WHEN", default_value_t)]
    integrity: Integrity,
    /// How the files of snapshots are brought into memory.
    #[arg(
        id = "access",
        long = "snapshot-access",
        value_enum,
        value_name = "HOW",
        default_value_t
    )]
    access: SnapshotAccess,
}

/// When snapshots are checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Integrity {
    /// All of them before the first event: a damaged snapshot is refused.
    #[default]
    All,
    /// Header, tables and signature before the first event, each mebibyte when it is first needed: what
    /// a damaged one answers leaves without context.
    FirstTouch,
    /// Not at all, nor the signature: you vouch for the bytes. Contexts say `by_host`.
    ByHost,
}

/// How snapshots come into memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum SnapshotAccess {
    /// Mapped: nothing is copied and all workers share the pages. Files that everybody may write to, that
    /// belong to other users or that are no regular files are copied.
    #[default]
    Mapped,
    /// Copied.
    Copied,
}

/// How contexts are written. What is given here outranks the configuration file.
#[derive(Args, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rendered {
    /// Whose words: one member `whose`, OCSF's `enrichments`, ECS' `Nhi` and `related.user`, or flat
    /// fields for Splunk.
    #[arg(long, value_name = "RENDERING", value_parser = ["native", "ocsf", "ecs", "splunk"])]
    rendering: Option<String>,
    /// How much: `minimal` is who, how bad and whom to call, `full` all that the snapshot knows.
    #[arg(long, value_name = "LEVEL", value_parser = ["minimal", "standard", "full"])]
    detail: Option<String>,
    /// Only these fields, by the names of `whose fields`: owner,triage.priority
    #[arg(
        long,
        value_name = "FIELD",
        value_delimiter = ',',
        conflicts_with = "detail"
    )]
    fields: Vec<String>,
    /// Name people by pseudonyms; without a key they are withheld.
    #[arg(long)]
    pseudonymise_people: bool,
    /// The key of pseudonyms, the same as for `whose-snapshot build`.
    #[arg(long, value_name = "FILE", requires = "pseudonymise_people")]
    pseudonym_key: Option<PathBuf>,
}

impl Rendered {
    /// Sets in a configuration what is given.
    pub(super) fn set(&self, config: &mut Value) -> anyhow::Result<()> {
        if let Some(rendering) = &self.rendering {
            config["rendering"] = json!(rendering);
        }
        if let Some(detail) = &self.detail {
            config["detail"] = json!(detail);
            if let Some(config) = config.as_object_mut() {
                config.remove("fields");
            }
        }
        if !self.fields.is_empty() {
            config["fields"] = json!(self.fields);
        }
        if self.pseudonymise_people {
            config["people"] = json!("pseudonymous");
        }
        if let Some(path) = &self.pseudonym_key {
            let name = path.display();
            let key = std::fs::read(path)
                .with_context(|| format!("key of pseudonyms {name} cannot be read"))?;
            let key = String::from_utf8(key).ok();
            let key = key.with_context(|| {
                format!("{name} is no text; keep the key in base64: openssl rand -base64 32")
            })?;
            config["pseudonym_key"] = json!(key);
        }
        Ok(())
    }
}

fn domain(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((format, domain)) if !format.is_empty() && !domain.is_empty() => {
            Ok((format.to_owned(), domain.to_owned()))
        }
        _ => Err("write FORMAT=DOMAIN, for example k8s_audit=prod-eu".into()),
    }
}

impl Inventory {
    /// Opens the snapshot files.
    pub(crate) fn read(&self) -> anyhow::Result<Vec<SnapshotFile>> {
        self.snapshots
            .iter()
            .map(|path| Ok(self.trusted.open(path)?))
            .collect()
    }

    /// The names of the snapshot files.
    pub(crate) fn paths(&self) -> &[PathBuf] {
        &self.snapshots
    }
}

impl Trusted {
    /// Opens a snapshot file.
    pub(crate) fn open(&self, path: &Path) -> Result<SnapshotFile, HarnessError> {
        let access = match self.access {
            SnapshotAccess::Mapped => Access::Mapped,
            SnapshotAccess::Copied => Access::Copied,
        };
        SnapshotFile::open(path, access)
    }

    /// How the guest checks snapshots.
    pub(super) fn check(&self) -> anyhow::Result<Check> {
        Ok(match self.integrity {
            Integrity::All => Check::All,
            Integrity::FirstTouch => Check::OnFirstTouch,
            Integrity::ByHost if self.trust.is_empty() => Check::ByHost,
            Integrity::ByHost => bail!(Usage(
                "--integrity by-host checks no signature, and --trust asks for one; give first-touch"
                    .to_owned()
            )),
        })
    }

    fn trusted_keys(&self) -> anyhow::Result<Vec<String>> {
        self.trust
            .iter()
            .map(|path| {
                let name = path.display();
                let length = std::fs::metadata(path).with_context(|| format!("public key file {name} cannot be read"))?.len();
                if length > MAX_KEY_FILE {
                    bail!("{name} has {length} bytes and is no public key file; give the .pub file of `whose-snapshot keygen`");
                }
                let bytes = std::fs::read(path).with_context(|| format!("public key file {name} cannot be read"))?;
                let line = String::from_utf8(bytes).unwrap_or_default();
                let line = line.trim();
                if line.starts_with("whose-private-") {
                    bail!("{name} holds a private key; give the .pub file beside it, and keep this one to the signer");
                }
                if enrich_core::config::public_key(line).is_none() {
                    bail!("{name} is no public key file; give the .pub file of `whose-snapshot keygen`");
                }
                Ok(line.to_owned())
            })
            .collect()
    }
}

/// The configuration that is handed to the core: the file's, with what the options say in it.
pub(crate) fn configuration(
    domains: &Domains,
    trusted: Option<&Trusted>,
) -> anyhow::Result<Vec<u8>> {
    Ok(serde_json::to_vec(&configured(domains, trusted)?)?)
}

/// The same for `replay`, which reads contexts itself: whatever the file says, the rendering is the
/// native one.
pub(crate) fn native_rendering(domains: &Domains, trusted: &Trusted) -> anyhow::Result<Vec<u8>> {
    let mut config = configured(domains, Some(trusted))?;
    config["rendering"] = json!("native");
    Ok(serde_json::to_vec(&config)?)
}

/// Whether the configuration asks for the native rendering.
pub(crate) fn is_native(domains: &Domains) -> anyhow::Result<bool> {
    let config = configured(domains, None)?;
    Ok(matches!(
        config["rendering"].as_str(),
        None | Some("native")
    ))
}

/// The same for `explain`, which tells everything of the usual detail, whatever a pipeline keeps.
pub(crate) fn usual_detail(domains: &Domains, trusted: &Trusted) -> anyhow::Result<Vec<u8>> {
    let mut config = configured(domains, Some(trusted))?;
    config["rendering"] = json!("native");
    if let Some(config) = config.as_object_mut() {
        config.remove("detail");
        config.remove("fields");
    }
    Ok(serde_json::to_vec(&config)?)
}

/// The same as a document.
pub(super) fn configured(domains: &Domains, trusted: Option<&Trusted>) -> anyhow::Result<Value> {
    let mut config = match &domains.config {
        Some(path) => configuration_file(path)?,
        None => json!({ "v": 1 }),
    };
    for (format, domain) in &domains.default_domains {
        if config["default_domains"].is_null() {
            config["default_domains"] = json!({});
        }
        config["default_domains"][format] = json!(domain);
    }
    if let Some(trusted) = trusted.filter(|trusted| !trusted.trust.is_empty()) {
        config["trusted_keys"] = json!(trusted.trusted_keys()?);
        config["require_signature"] = json!(true);
    }
    Ok(config)
}

/// A configuration file. What is wrong with it is said here, with its own lines and columns.
fn configuration_file(path: &Path) -> anyhow::Result<Value> {
    let name = path.display();
    let bytes =
        std::fs::read(path).with_context(|| format!("configuration {name} cannot be read"))?;
    Config::from_json(&bytes).with_context(|| format!("{name} is refused"))?;
    serde_json::from_slice(&bytes).with_context(|| format!("{name} is refused"))
}
