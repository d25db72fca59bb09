//! A module driven through its ABI alone: what the guest takes, without the harness's checks.

use std::path::Path;

use anyhow::{Context, bail, ensure};
use wasmtime::{Config, Engine, Instance, Memory, Module, OptLevel, Store, TypedFunc};

/// How a module checks a snapshot (`docs/abi.md`, `whose_attach`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Attach {
    /// Every chunk, before the first event.
    All = 0,
    /// Not at all.
    ByHost = 1,
    /// A chunk when it is first touched.
    OnFirstTouch = 2,
}

/// wasmtime's error with its causes: it is not one of the standard library's.
fn failed(error: wasmtime::Error) -> anyhow::Error {
    anyhow::anyhow!("{error:#}")
}

/// A compiled module.
#[derive(Debug)]
pub struct Compiled {
    engine: Engine,
    module: Module,
}

impl Compiled {
    /// Compiles for this machine, optimised for speed.
    ///
    /// # Errors
    /// The file is missing or no module.
    pub fn new(path: &Path) -> anyhow::Result<Self> {
        let bytes = std::fs::read(path).with_context(|| {
            format!(
                "cannot read {}; `cargo xtask bench` builds the guests",
                path.display()
            )
        })?;
        let mut config = Config::new();
        config.cranelift_opt_level(OptLevel::Speed);
        let engine = Engine::new(&config).map_err(failed)?;
        let module = Module::new(&engine, bytes).map_err(failed)?;
        Ok(Self { engine, module })
    }

    /// How many things it imports.
    #[must_use]
    pub fn imports(&self) -> usize {
        self.module.imports().len()
    }

    /// A new instance.
    ///
    /// # Errors
    /// It imports something or has no memory.
    pub fn start(&self) -> anyhow::Result<Running> {
        let mut store = Store::new(&self.engine, ());
        let instance = Instance::new(&mut store, &self.module, &[]).map_err(failed)?;
        let memory = instance
            .get_memory(&mut store, "memory")
            .context("it exports no memory")?;
        Ok(Running {
            store,
            instance,
            memory,
        })
    }
}

/// An instance.
#[derive(Debug)]
pub struct Running {
    store: Store<()>,
    instance: Instance,
    memory: Memory,
}

impl Running {
    /// A function by name.
    ///
    /// # Errors
    /// There is none of that type.
    pub fn function<P: wasmtime::WasmParams, R: wasmtime::WasmResults>(
        &mut self,
        name: &str,
    ) -> anyhow::Result<TypedFunc<P, R>> {
        self.instance
            .get_typed_func(&mut self.store, name)
            .map_err(failed)
    }

    /// Calls a function.
    ///
    /// # Errors
    /// It traps.
    pub fn call<P: wasmtime::WasmParams, R: wasmtime::WasmResults>(
        &mut self,
        function: &TypedFunc<P, R>,
        parameters: P,
    ) -> anyhow::Result<R> {
        function.call(&mut self.store, parameters).map_err(failed)
    }

    /// Writes into its memory.
    ///
    /// # Errors
    /// It has no such memory.
    pub fn write(&mut self, at: u32, bytes: &[u8]) -> anyhow::Result<()> {
        Ok(self.memory.write(&mut self.store, at as usize, bytes)?)
    }

    /// Bytes of its memory.
    ///
    /// # Errors
    /// It has no such memory.
    pub fn bytes(&self, at: usize, len: usize) -> anyhow::Result<&[u8]> {
        let end = at.checked_add(len).context("past the end")?;
        self.memory
            .data(&self.store)
            .get(at..end)
            .context("past the end of the memory")
    }

    /// Size of its memory.
    #[must_use]
    pub fn memory_len(&self) -> usize {
        self.memory.data_size(&self.store)
    }
}

/// The plain guest, and one buffer in it.
pub struct Plain {
    running: Running,
    enrich: TypedFunc<(u32, u32), i64>,
    buffer: u32,
    room: usize,
}

impl std::fmt::Debug for Plain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plain").finish_non_exhaustive()
    }
}

impl Plain {
    /// An instance that takes batches of up to `room` bytes, with a snapshot or without.
    ///
    /// # Errors
    /// The module refuses something.
    pub fn start(
        compiled: &Compiled,
        room: usize,
        config: Option<&str>,
        snapshot: Option<(&[u8], Attach)>,
    ) -> anyhow::Result<Self> {
        let mut running = compiled.start()?;
        let alloc: TypedFunc<(u32, u32), u32> = running.function("whose_alloc")?;
        let enrich = running.function("whose_enrich")?;
        let bring = |running: &mut Running, bytes: &[u8]| {
            let at = running.call(&alloc, (u32::try_from(bytes.len())?, 64))?;
            ensure!(at != 0, "the module has no room");
            running.write(at, bytes)?;
            anyhow::Ok((at, bytes.len() as u32))
        };
        if let Some(config) = config {
            let (at, len) = bring(&mut running, config.as_bytes())?;
            let configure: TypedFunc<(u32, u32), i32> = running.function("whose_configure")?;
            let answer = running.call(&configure, (at, len))?;
            ensure!(
                answer >= 0,
                "the module refuses the configuration: {answer}"
            );
        }
        if let Some((bytes, check)) = snapshot {
            let (at, len) = bring(&mut running, bytes)?;
            let attach: TypedFunc<(u32, u32, u32, i64), i32> = running.function("whose_attach")?;
            let answer = running.call(&attach, (at, len, check as u32, 0))?;
            ensure!(answer >= 0, "the module refuses the snapshot: {answer}");
        }
        let (buffer, _) = bring(&mut running, &vec![0; room])?;
        Ok(Self {
            running,
            enrich,
            buffer,
            room,
        })
    }

    /// Copies a batch in and enriches it; what came out is read where it lies.
    ///
    /// # Errors
    /// The batch is larger than the room, or the module fails.
    pub fn enrich(&mut self, batch: &[u8]) -> anyhow::Result<&[u8]> {
        ensure!(
            batch.len() <= self.room,
            "the batch is larger than the room"
        );
        self.running.write(self.buffer, batch)?;
        let packed = self
            .running
            .call(&self.enrich, (self.buffer, batch.len() as u32))?;
        if (-4095..0).contains(&packed) {
            bail!("the module refuses a batch: {packed}");
        }
        let (at, len) = ((packed as u64 >> 32) as usize, packed as u32 as usize);
        self.running.bytes(at, len)
    }

    /// All batches; how many bytes came out.
    ///
    /// # Errors
    /// As [`Self::enrich`].
    pub fn enrich_all(&mut self, batches: &[Vec<u8>]) -> anyhow::Result<usize> {
        let mut len = 0;
        for batch in batches {
            len += self.enrich(std::hint::black_box(batch))?.len();
        }
        Ok(len)
    }

    /// Size of its memory.
    #[must_use]
    pub fn memory_len(&self) -> usize {
        self.running.memory_len()
    }
}
