//! Whoever does the work, opened: a module or this process, configured, with snapshots attached.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use host_harness::{
    Backend, Check, GuestModule, HarnessError, Limits, Native, Session, SnapshotFile, discover,
};

use super::Usage;
use super::setup::{Domains, Engine, Inventory, Rendered, Trusted, configured};

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
    attach(backend, trusted, snapshots)
}

fn attach<'s>(
    backend: &mut (dyn Backend<'s> + 's),
    trusted: Option<&Trusted>,
    snapshots: &'s [SnapshotFile],
) -> anyhow::Result<()> {
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

    /// What does the work, in a word.
    pub(crate) const fn engine(&self) -> &'static str {
        match self.module {
            Some(_) => "wasm",
            None => "native",
        }
    }

    /// Whoever does the work.
    pub(crate) fn open<'s>(
        &self,
        snapshots: &'s [SnapshotFile],
    ) -> anyhow::Result<Box<dyn Backend<'s> + 's>> {
        let mut backend = self.configured()?;
        self.attach(backend.as_mut(), snapshots)?;
        Ok(backend)
    }

    /// Whoever does the work, with the configuration and without snapshots, or with those that are
    /// baked in.
    pub(crate) fn configured<'s>(&self) -> anyhow::Result<Box<dyn Backend<'s> + 's>> {
        match &self.module {
            Some(module) if self.is_baked => baked(module),
            module => {
                let mut backend = backend(module.as_ref())?;
                backend.configure(&self.config)?;
                Ok(backend)
            }
        }
    }

    /// Attaches the snapshots.
    pub(crate) fn attach<'s>(
        &self,
        backend: &mut (dyn Backend<'s> + 's),
        snapshots: &'s [SnapshotFile],
    ) -> anyhow::Result<()> {
        attach(backend, self.trusted, snapshots)
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
