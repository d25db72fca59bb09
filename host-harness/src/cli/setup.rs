//! What several commands share: which module, which snapshots, whom to trust.

use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use enrich_core::Config;
use host_harness::{
    Access, Backend, Check, GuestModule, HarnessError, Limits, Native, Session, SnapshotFile,
    discover,
};
use serde_json::{Value, json};

use super::Usage;

/// Longest public key file that is read: one line.
const MAX_KEY_FILE: u64 = 4 << 10;

/// Who does the work.
#[derive(Args, Debug)]
pub(crate) struct Engine {
    /// The module; otherwise WHOSE_MODULE, the build beside this program, or the file next to it.
    #[arg(long, value_name = "FILE", conflicts_with = "native")]
    module: Option<PathBuf>,
    /// A module of `whose-snapshot bake`: it brings its snapshots and its configuration.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["module", "native", "snapshot", "trust", "refuse_expired", "integrity", "access", "config", "default_domains"])]
    baked: Option<PathBuf>,
    /// Do the work in this process, without a module.
    #[arg(long)]
    native: bool,
    /// Compile the module each time instead of keeping its code in the user's cache folder.
    #[arg(long, conflicts_with = "native")]
    no_cache: bool,
    /// Seconds that the module may spend on one batch.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400), conflicts_with = "native")]
    deadline: u64,
    /// MiB of memory that the module may use beyond the snapshots.
    #[arg(long, value_name = "MIB", default_value_t = 512, value_parser = clap::value_parser!(u32).range(8..=4096), conflicts_with = "native")]
    working_memory: u32,
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
    refuse_expired: bool,
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
    fn set(&self, config: &mut Value) -> anyhow::Result<()> {
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
    fn check(&self) -> anyhow::Result<Check> {
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

fn configured(domains: &Domains, trusted: Option<&Trusted>) -> anyhow::Result<Value> {
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

/// The module that does the work, compiled; `None`: this process does it.
pub(crate) fn module(engine: &Engine) -> anyhow::Result<Option<Arc<GuestModule>>> {
    if engine.native {
        return Ok(None);
    }
    let path = discover::module(
        engine.baked.as_deref().or(engine.module.as_deref()),
        std::env::var_os("WHOSE_MODULE").as_deref(),
        std::env::current_exe().ok().as_deref(),
    )?;
    let mut limits = Limits::default();
    limits.cache = !engine.no_cache;
    limits.call_deadline = Duration::from_secs(engine.deadline);
    limits.working_memory = (engine.working_memory as usize) << 20;
    Ok(Some(GuestModule::from_file(&path, limits)?))
}

/// Whoever does the work, with nothing attached.
pub(crate) fn backend<'s>(
    module: Option<&Arc<GuestModule>>,
) -> anyhow::Result<Box<dyn Backend<'s> + 's>> {
    Ok(match module {
        Some(module) => {
            let mut session = Session::open(Arc::clone(module))?;
            // What is baked in would be attached beside the snapshots that are named.
            match session.baked() {
                Ok(0) => {}
                // Also when it is refused: it is there.
                Ok(_) | Err(HarnessError::Snapshot { .. }) => bail!(Usage(format!(
                    "something is baked into module {}; give it as --baked, without snapshots, or name the module as it was built",
                    module.name()
                ))),
                Err(error) => return Err(error.into()),
            }
            Box::new(session)
        }
        None => Box::new(Native::default()),
    })
}

/// Configures, and attaches the snapshots.
pub(crate) fn prepare<'s>(
    backend: &mut (dyn Backend<'s> + 's),
    config: &[u8],
    trusted: Option<&Trusted>,
    snapshots: &'s [SnapshotFile],
) -> anyhow::Result<()> {
    backend.configure(config)?;
    let now = if trusted.is_some_and(|trusted| trusted.refuse_expired) {
        let since_1970 = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .context("this machine's clock stands before 1970")?;
        Some(i64::try_from(since_1970.as_millis())?)
    } else {
        None
    };
    let check = trusted.map_or(Ok(Check::default()), Trusted::check)?;
    for snapshot in snapshots {
        backend.attach(snapshot, check, now)?;
    }
    Ok(())
}

/// Whoever does the work, configured, with the snapshots attached.
pub(crate) fn open<'s>(
    engine: &Engine,
    domains: &Domains,
    inventory: Option<&Inventory>,
    snapshots: &'s [SnapshotFile],
) -> anyhow::Result<Box<dyn Backend<'s> + 's>> {
    Opener::new(engine, domains, &Rendered::default(), inventory)?.open(snapshots)
}

/// All that is needed to open backends that work alike.
pub(crate) struct Opener<'a> {
    is_baked: bool,
    module: Option<Arc<GuestModule>>,
    config: Vec<u8>,
    trusted: Option<&'a Trusted>,
}

impl<'a> Opener<'a> {
    pub(crate) fn new(
        engine: &Engine,
        domains: &Domains,
        rendered: &Rendered,
        inventory: Option<&'a Inventory>,
    ) -> anyhow::Result<Self> {
        let is_baked = engine.baked.is_some();
        if is_baked && *rendered != Rendered::default() {
            bail!(Usage(
                "a baked module brings its configuration, so --baked goes without --rendering, --detail, --fields and --pseudonymise-people; bake it again with another --config"
                    .to_owned()
            ));
        }
        let trusted = inventory.map(|inventory| &inventory.trusted);
        let mut config = configured(domains, trusted)?;
        rendered.set(&mut config)?;
        // Before anything is compiled.
        trusted.map(Trusted::check).transpose()?;
        Ok(Self {
            is_baked,
            module: module(engine)?,
            config: serde_json::to_vec(&config)?,
            trusted,
        })
    }

    /// Whoever does the work.
    pub(crate) fn open<'s>(
        &self,
        snapshots: &'s [SnapshotFile],
    ) -> anyhow::Result<Box<dyn Backend<'s> + 's>> {
        match &self.module {
            Some(module) if self.is_baked => baked(module),
            module => {
                let mut backend = backend(module.as_ref())?;
                prepare(backend.as_mut(), &self.config, self.trusted, snapshots)?;
                Ok(backend)
            }
        }
    }

    /// So many workers. The first shows whether all is in order; the others are opened side by side,
    /// because each of them checks the snapshots.
    pub(crate) fn open_all<'s>(
        &self,
        count: usize,
        snapshots: &'s [SnapshotFile],
    ) -> anyhow::Result<Vec<Box<dyn Backend<'s> + 's>>> {
        let mut all = vec![self.open(snapshots)?];
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..count)
                .map(|_| scope.spawn(|| self.open(snapshots)))
                .collect();
            for other in others {
                all.push(other.join().unwrap_or_else(|panic| resume_unwind(panic))?);
            }
            Ok(all)
        })
    }
}

/// A baked module at work, as it was baked.
fn baked<'s>(module: &Arc<GuestModule>) -> anyhow::Result<Box<dyn Backend<'s> + 's>> {
    let mut session = Session::open(Arc::clone(module))?;
    if session.baked()? == 0 {
        bail!("nothing is baked into the module; `whose-snapshot bake` does that");
    }
    Ok(Box::new(session))
}
