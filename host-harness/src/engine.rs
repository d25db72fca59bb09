//! Engine, compiled module and instance template: made once, shared by every instance.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use wasmtime::{
    Cache, CacheConfig, Config, Engine, ExternType, InstancePre, Linker, Module, ValType,
};

use crate::abi::{self, Value};
use crate::error::{Cause, HarnessError};
use crate::guest::{Guest, StoreData};
use crate::inspect;
use crate::mapping::Memories;
use crate::text::printable;

/// How often the epoch moves. A deadline is met to within one of these.
const TICK: Duration = Duration::from_millis(10);

/// What a guest may use.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Time for one call over a batch. A batch takes under a millisecond as a rule; this is a net.
    pub call_deadline: Duration,
    /// Time for attaching one snapshot, which may read gigabytes.
    pub attach_deadline: Duration,
    /// Fuel for one call; `None` runs without counting, which is faster. Set it in tests: fuel is
    /// the same on every machine, time is not.
    pub fuel: Option<u64>,
    /// Linear memory beyond the snapshots' own bytes.
    pub working_memory: usize,
    /// Whether compiled code is kept in the user's cache folder between runs. The code that is found
    /// there is run as it is: the folder must be one that only this user writes to.
    pub cache: bool,
    /// Whether snapshot files that are open may be mapped into instances. Modules with baked
    /// snapshots are instantiated otherwise, so that these are not copied for each instance.
    pub map_snapshots: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            call_deadline: Duration::from_secs(10),
            attach_deadline: Duration::from_secs(120),
            fuel: None,
            working_memory: 512 << 20,
            cache: false,
            map_snapshots: true,
        }
    }
}

impl Limits {
    /// A deadline in epoch ticks, at least two so that the running tick never cuts it to nothing.
    pub(crate) fn ticks(deadline: Duration) -> u64 {
        u64::try_from(deadline.as_millis() / TICK.as_millis())
            .unwrap_or(u64::MAX / 4)
            .clamp(2, u64::MAX / 4)
    }
}

/// A compiled guest module: proven to import nothing and to export the ABI.
pub struct GuestModule {
    name: String,
    engine: Engine,
    template: InstancePre<StoreData>,
    limits: Limits,
    /// Memory that an instance begins with: with baked snapshots it is larger than all that it needs
    /// for its work.
    initial_memory: usize,
    /// Maker of the instances' memories; `None`: the engine makes them, and nothing is mapped.
    memories: Option<Memories>,
    _ticker: Ticker,
}

impl std::fmt::Debug for GuestModule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GuestModule")
            .field("name", &self.name)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl GuestModule {
    /// Reads and compiles a module file.
    ///
    /// # Errors
    /// The file cannot be read, or as [`GuestModule::from_bytes`].
    pub fn from_file(path: &Path, limits: Limits) -> Result<Arc<Self>, HarnessError> {
        let name = printable(&path.display().to_string(), 512);
        match std::fs::read(path) {
            Ok(bytes) => Self::from_bytes(&name, &bytes, limits),
            Err(error) => Err(HarnessError::ModuleUnreadable {
                module: name,
                cause: Cause::new(error),
            }),
        }
    }

    /// Compiles a module. `name` is what errors call it.
    ///
    /// # Errors
    /// Not a module, it imports something, an export is missing or has another type, or it has
    /// another ABI version.
    pub fn from_bytes(name: &str, bytes: &[u8], limits: Limits) -> Result<Arc<Self>, HarnessError> {
        let maps = cfg!(all(unix, target_pointer_width = "64"))
            && limits.map_snapshots
            && !inspect::is_baked(bytes);
        let memories = maps.then(Memories::default);
        let engine = engine(&limits, memories.as_ref())?;
        let module =
            Module::from_binary(&engine, bytes).map_err(|error| HarnessError::ModuleInvalid {
                module: name.to_owned(),
                cause: Cause::of_chain(&error),
            })?;
        check_imports(name, &module)?;
        check_exports(name, &module)?;
        // The linker stays empty: that the guest does no I/O is a matter of structure, not of trust.
        let template = Linker::<StoreData>::new(&engine)
            .instantiate_pre(&module)
            .map_err(|error| HarnessError::ModuleInvalid {
                module: name.to_owned(),
                cause: Cause::of_chain(&error),
            })?;
        let initial_memory = match module.get_export("memory") {
            Some(ExternType::Memory(memory)) => {
                usize::try_from(memory.minimum().saturating_mul(memory.page_size()))
                    .unwrap_or(usize::MAX)
            }
            _ => 0,
        };
        let ticker = Ticker::start(&engine)?;
        let module = Arc::new(Self {
            name: name.to_owned(),
            engine,
            template,
            limits,
            initial_memory,
            memories,
            _ticker: ticker,
        });
        // One instance shows at once whether the ABI version fits.
        module.instantiate()?;
        Ok(module)
    }

    /// What errors call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its instances may use.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) const fn initial_memory(&self) -> usize {
        self.initial_memory
    }

    pub(crate) const fn memories(&self) -> Option<&Memories> {
        self.memories.as_ref()
    }

    pub(crate) const fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) const fn template(&self) -> &InstancePre<StoreData> {
        &self.template
    }

    /// A fresh instance.
    ///
    /// # Errors
    /// It traps while starting, or has another ABI version.
    pub fn instantiate(self: &Arc<Self>) -> Result<Guest, HarnessError> {
        Guest::start(Arc::clone(self))
    }
}

/// The engine: plain WebAssembly with 128-bit vectors, interruptible, nothing that makes results
/// depend on the machine.
fn engine(limits: &Limits, memories: Option<&Memories>) -> Result<Engine, HarnessError> {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .consume_fuel(limits.fuel.is_some())
        // Relaxed vectors may differ between processors; outputs must not.
        .wasm_relaxed_simd(false)
        .wasm_multi_memory(false)
        .wasm_memory64(false);
    #[cfg(all(unix, target_pointer_width = "64"))]
    if let Some(memories) = memories {
        config
            .with_host_memory(Arc::new(memories.clone()))
            // An image of a module's data can only be mapped into memories that the engine makes.
            .memory_init_cow(false);
    }
    #[cfg(not(all(unix, target_pointer_width = "64")))]
    let _ = memories;
    if limits.cache {
        // Without a home folder there is nowhere to keep code: compile each time then.
        config.cache(Cache::new(CacheConfig::new()).ok());
    }
    Engine::new(&config).map_err(|error| HarnessError::Engine {
        cause: Cause::of_chain(&error),
    })
}

fn check_imports(name: &str, module: &Module) -> Result<(), HarnessError> {
    let mut imports = module.imports();
    let Some(first) = imports.next() else {
        return Ok(());
    };
    Err(HarnessError::ModuleImports {
        module: name.to_owned(),
        first: printable(&format!("{}.{}", first.module(), first.name()), 200),
        count: imports.count() + 1,
    })
}

fn check_exports(name: &str, module: &Module) -> Result<(), HarnessError> {
    let wrong = |export: &'static str, expected: String, found: String| {
        Err(HarnessError::ModuleExport {
            module: name.to_owned(),
            export,
            expected,
            found,
        })
    };
    match module.get_export("memory") {
        Some(ExternType::Memory(memory)) if !memory.is_64() => {}
        other => return wrong("memory", "a 32-bit memory".into(), describe(other.as_ref())),
    }
    for export in abi::EXPORTS {
        let found = module.get_export(export.name);
        let fits = matches!(&found, Some(ExternType::Func(function))
            if same(function.params(), export.parameters) && same(function.results(), export.result.as_slice()));
        if !fits {
            return wrong(export.name, export.to_string(), describe(found.as_ref()));
        }
    }
    Ok(())
}

fn same(found: impl ExactSizeIterator<Item = ValType>, expected: &[Value]) -> bool {
    found.len() == expected.len()
        && found.zip(expected).all(|(found, expected)| {
            matches!(
                (found, expected),
                (ValType::I32, Value::I32) | (ValType::I64, Value::I64)
            )
        })
}

fn describe(found: Option<&ExternType>) -> String {
    match found {
        None => "nothing".into(),
        Some(ExternType::Func(function)) => {
            let list = |values: Vec<String>| values.join(", ");
            format!(
                "({}) -> ({})",
                list(function.params().map(|value| value.to_string()).collect()),
                list(function.results().map(|value| value.to_string()).collect())
            )
        }
        Some(ExternType::Memory(_)) => "a 64-bit memory".into(),
        Some(ExternType::Global(_)) => "a global".into(),
        Some(_) => "something else".into(),
    }
}

/// Moves the engine's epoch while the module lives, so that a guest that loops is interrupted.
struct Ticker {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    fn start(engine: &Engine) -> Result<Self, HarnessError> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let engine = engine.clone();
        let thread = std::thread::Builder::new()
            .name("whose-epoch".into())
            .spawn(move || {
                while !stopped.load(Ordering::Relaxed) {
                    std::thread::park_timeout(TICK);
                    engine.increment_epoch();
                }
            })
            .map_err(|error| HarnessError::Engine {
                cause: Cause::new(error),
            })?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It never panics; if it did, there is nothing left to do here.
            let _ = thread.join();
        }
    }
}
