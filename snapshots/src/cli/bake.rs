//! `bake`: a guest module and snapshots become one module.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow, bail};
use enrich_core::snapshot::Header;
use rkyv::util::AlignedVec;
use serde_json::{Value, json};
use snapshots::bake::{Ingredients, bake};
use snapshots::text::time;
use wasmtime::{Config, Engine, ExternType, Linker, Module, Store, StoreLimitsBuilder, Trap};

use super::{Done, files};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The snapshot; several, a base before its overlays, are baked together.
    #[arg(required = true, value_name = "SNAPSHOT")]
    snapshots: Vec<PathBuf>,
    /// A guest module, for whichever host.
    #[arg(long, value_name = "FILE")]
    module: PathBuf,
    /// Where to write the baked module.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The configuration that the module starts with: JSON, as in docs/abi.md.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Public key that may have signed the snapshots; baked in, so that the module checks it again. Can be given
    /// several times.
    #[arg(long, value_name = "PUBFILE")]
    trust: Vec<PathBuf>,
    /// Seconds that the module may take to start; it is started a few times before anything is written.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    deadline: u64,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
}

/// Starts that are timed; the middle one is told.
const STARTS: usize = 5;
/// Memory that the module may use beyond what it begins with, as in `whose enrich`.
const WORKING_MEMORY: usize = 512 << 20;
/// Elements that its tables may have.
const TABLE_ELEMENTS: usize = 1 << 20;

pub(super) fn run(args: &Args) -> Result<Done> {
    files::check_out(&args.out, inputs(args))?;
    let module = std::fs::read(&args.module)
        .with_context(|| format!("module {} can't be read", args.module.display()))?;
    let snapshots = args
        .snapshots
        .iter()
        .map(|path| files::read_snapshot(path))
        .collect::<Result<Vec<_>>>()?;
    let mut ingredients = Ingredients::default();
    ingredients.module = &module;
    ingredients.snapshots = snapshots.iter().map(|bytes| bytes.as_slice()).collect();
    ingredients.config = config(args)?;
    let baked = bake(&ingredients)
        .with_context(|| format!("nothing is baked into {}", args.module.display()))?;
    // Before anything is written: a module that does not start is no result.
    let starts = start(&baked, args.snapshots.len(), args.deadline).with_context(|| {
        format!(
            "module {} does not start with the snapshots in it, so nothing is written; bake a guest as it was built, of the same release as this program",
            args.module.display()
        )
    })?;
    let expired = expired(args, &snapshots)?;
    files::write_atomically(&args.out, &baked, false)?;
    report(args, &module, &snapshots, &baked, starts.as_ref(), expired);
    Ok(Done::Yes)
}

/// The files that are read, by their role.
fn inputs(args: &Args) -> impl Iterator<Item = (&'static str, &Path)> {
    fn each<'a>(
        what: &'static str,
        paths: impl IntoIterator<Item = &'a PathBuf>,
    ) -> impl Iterator<Item = (&'static str, &'a Path)> {
        paths.into_iter().map(move |path| (what, path.as_path()))
    }
    each("module", [&args.module])
        .chain(each("snapshot", &args.snapshots))
        .chain(each("configuration", &args.config))
        .chain(each("public key", &args.trust))
}

/// Warns of snapshots whose declared time is over: a baked module has no clock and uses them all the same.
fn expired(args: &Args, snapshots: &[AlignedVec<64>]) -> Result<bool> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = i64::try_from(now.context("the clock stands before 1970")?.as_millis())?;
    let mut any = false;
    for (path, bytes) in args.snapshots.iter().zip(snapshots) {
        let header = Header::parse(bytes)
            .with_context(|| format!("snapshot {} is refused", path.display()))?;
        let valid_ms = i64::try_from(header.valid_for_s.saturating_mul(1000)).unwrap_or(i64::MAX);
        let end = header.created_ms.saturating_add(valid_ms);
        if header.valid_for_s == 0 || now <= end {
            continue;
        }
        any = true;
        eprintln!(
            "warning: the declared time of snapshot {} was over at {}; the module uses it all the same, so build a newer one and bake again",
            path.display(),
            time(end)
        );
    }
    Ok(any)
}

/// The configuration with the trusted keys in it; empty for the defaults.
fn config(args: &Args) -> Result<Vec<u8>> {
    let mut config = match &args.config {
        None => Value::Null,
        Some(path) => {
            let text = std::fs::read(path)
                .with_context(|| format!("configuration {} can't be read", path.display()))?;
            serde_json::from_slice(&text)
                .with_context(|| format!("configuration {} is no JSON", path.display()))?
        }
    };
    if !args.trust.is_empty() {
        if config.is_null() {
            config = json!({});
        }
        let Some(members) = config.as_object_mut() else {
            bail!("configuration is no JSON object; docs/abi.md lists its members");
        };
        let keys = members.entry("trusted_keys").or_insert_with(|| json!([]));
        let Some(keys) = keys.as_array_mut() else {
            bail!("configuration's trusted_keys are no list");
        };
        for path in &args.trust {
            let key = files::read_public_key(path)?;
            keys.push(files::public_key_text(&key).trim().into());
        }
    }
    if config.is_null() {
        return Ok(Vec::new());
    }
    serde_json::to_vec(&config).context("configuration can't be written")
}

/// What starting the baked module takes.
struct Starts {
    compiled: Duration,
    started: Duration,
    memory: u64,
}

/// What the engine says, in a line. Of a trap its kind: where in the module it was, says nothing to who bakes.
fn told(error: wasmtime::Error) -> anyhow::Error {
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => anyhow!("its time ran out (--deadline)"),
        Some(trap) => anyhow!("{trap}"),
        None => anyhow!("{error:#}"),
    }
}

/// Ends what runs in an engine when its time is over.
struct Deadline {
    /// Dropped when the work is done.
    done: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Deadline {
    /// The epoch moves once, after so many seconds; a store with a deadline of 1 is interrupted then.
    fn start(engine: &Engine, seconds: u64) -> Self {
        let engine = engine.clone();
        let (done, wait) = channel();
        let thread = std::thread::spawn(move || {
            if wait.recv_timeout(Duration::from_secs(seconds)) == Err(RecvTimeoutError::Timeout) {
                engine.increment_epoch();
            }
        });
        Self {
            done: Some(done),
            thread: Some(thread),
        }
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        self.done = None;
        if let Some(thread) = self.thread.take() {
            // It never panics; if it did, there is nothing left to do here.
            let _ = thread.join();
        }
    }
}

/// Starts the module as a host would, and asks it what was baked into it. Nothing when the engine here lacks what the
/// module uses: that for JavaScript refers to objects of its host.
fn start(baked: &[u8], snapshots: usize, deadline: u64) -> Result<Option<Starts>> {
    let mut config = Config::new();
    config.epoch_interruption(true);
    let engine = Engine::new(&config).map_err(told)?;
    // Whether it is a module at all, baking has found out.
    if Module::validate(&engine, baked).is_err() {
        return Ok(None);
    }
    let begun = Instant::now();
    let module = Module::new(&engine, baked).map_err(told)?;
    let compiled = begun.elapsed();
    let declared = match module.get_export("memory") {
        Some(ExternType::Memory(memory)) => memory.minimum().saturating_mul(memory.page_size()),
        _ => bail!("it exports no memory"),
    };
    let cap = usize::try_from(declared)
        .unwrap_or(usize::MAX)
        .saturating_add(WORKING_MEMORY);
    // One for all starts: whoever waits, waits for them together.
    let _deadline = Deadline::start(&engine, deadline);
    let mut times = Vec::new();
    let mut memory = 0;
    for _ in 0..STARTS {
        let begun = Instant::now();
        let limits = StoreLimitsBuilder::new()
            .memory_size(cap)
            .table_elements(TABLE_ELEMENTS)
            .trap_on_grow_failure(true)
            .build();
        let mut store = Store::new(&engine, limits);
        store.limiter(|limits| limits);
        store.set_epoch_deadline(1);
        let mut linker = Linker::new(&engine);
        // Whatever its host offers besides: nothing of it is needed to attach.
        linker
            .define_unknown_imports_as_default_values(&mut store, &module)
            .map_err(told)?;
        let instance = linker.instantiate(&mut store, &module).map_err(told)?;
        let attached = instance
            .get_typed_func::<(), i32>(&mut store, "whose_baked")
            .and_then(|ask| ask.call(&mut store, ()))
            .map_err(told)?;
        times.push(begun.elapsed());
        if usize::try_from(attached) != Ok(snapshots) {
            bail!(
                "it answers {attached} and not {snapshots} to whose_baked (docs/abi.md lists codes): module and tool are of different versions"
            );
        }
        memory = instance
            .get_memory(&mut store, "memory")
            .map_or(0, |memory| memory.data_size(&store) as u64);
    }
    times.sort_unstable();
    Ok(Some(Starts {
        compiled,
        started: times[STARTS / 2],
        memory,
    }))
}

fn report(
    args: &Args,
    module: &[u8],
    snapshots: &[AlignedVec<64>],
    baked: &[u8],
    starts: Option<&Starts>,
    expired: bool,
) {
    let snapshot_bytes: usize = snapshots.iter().map(|snapshot| snapshot.len()).sum();
    let digest = blake3::hash(baked).to_hex();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    if args.json {
        say!(
            "{}",
            json!({"out": args.out, "bytes": baked.len(), "module_bytes": module.len(), "snapshot_bytes": snapshot_bytes,
                "blake3": digest.as_str(), "start_ms": starts.map(|starts| ms(starts.started)),
                "compile_ms": starts.map(|starts| ms(starts.compiled)), "memory_bytes": starts.map(|starts| starts.memory), "expired": expired})
        );
        return;
    }
    say!(
        "{}: {} bytes (module {}, snapshot {snapshot_bytes}), blake3:{digest}",
        args.out.display(),
        baked.len(),
        module.len(),
    );
    match starts {
        Some(starts) => say!(
            "starts in {:.2} ms with {} of memory; compiled once in {:.0} ms (this machine, wasmtime, middle of {STARTS})",
            ms(starts.started),
            mebibytes(starts.memory),
            ms(starts.compiled)
        ),
        None => say!(
            "not started here: the module uses features of WebAssembly that this program's engine is built without; try it in its host"
        ),
    }
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
