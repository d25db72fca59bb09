//! `bake`: a guest module and snapshots become one module.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};
use snapshots::bake::{Ingredients, bake};
use wasmtime::{Config, Engine, Linker, Module, Store};

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
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
}

/// Starts that are timed; the middle one is told.
const STARTS: usize = 5;

pub(super) fn run(args: &Args) -> Result<Done> {
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
    let starts = start(&baked, args.snapshots.len())?;
    files::write_atomically(&args.out, &baked, false)?;
    report(args, &module, &snapshots, &baked, starts.as_ref());
    Ok(Done::Yes)
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

fn told(error: wasmtime::Error) -> anyhow::Error {
    anyhow!("{error:#}")
}

/// Starts the module as a host would, and asks it what was baked into it. Nothing when the engine here lacks what the
/// module uses: that for JavaScript refers to objects of its host.
fn start(baked: &[u8], snapshots: usize) -> Result<Option<Starts>> {
    let engine = Engine::new(&Config::new()).map_err(told)?;
    // Whether it is a module at all, baking has found out.
    if Module::validate(&engine, baked).is_err() {
        return Ok(None);
    }
    let begun = Instant::now();
    let module = Module::new(&engine, baked).map_err(told)?;
    let compiled = begun.elapsed();
    let mut times = Vec::new();
    let mut memory = 0;
    for _ in 0..STARTS {
        let begun = Instant::now();
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        // Whatever its host offers besides: nothing of it is needed to attach.
        linker
            .define_unknown_imports_as_default_values(&mut store, &module)
            .map_err(told)?;
        let instance = linker.instantiate(&mut store, &module).map_err(told)?;
        let attached = instance
            .get_typed_func::<(), i32>(&mut store, "whose_baked")
            .and_then(|ask| ask.call(&mut store, ()))
            .map_err(told)
            .context("baked module does not start")?;
        times.push(begun.elapsed());
        if usize::try_from(attached) != Ok(snapshots) {
            bail!(
                "baked module answers {attached} and not {snapshots} to whose_baked (docs/abi.md lists codes): module and tool are of different versions"
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
    snapshots: &[rkyv::util::AlignedVec<64>],
    baked: &[u8],
    starts: Option<&Starts>,
) {
    let snapshot_bytes: usize = snapshots.iter().map(|snapshot| snapshot.len()).sum();
    let digest = blake3::hash(baked).to_hex();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    if args.json {
        say!(
            "{}",
            json!({"out": args.out, "bytes": baked.len(), "module_bytes": module.len(), "snapshot_bytes": snapshot_bytes,
                "blake3": digest.as_str(), "start_ms": starts.map(|starts| ms(starts.started)),
                "compile_ms": starts.map(|starts| ms(starts.compiled)), "memory_bytes": starts.map(|starts| starts.memory)})
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
