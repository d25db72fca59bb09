//! The module driven through its ABI alone: what the guest takes, without the harness's checks.

use std::path::Path;

use wasmtime::{Config, Engine, Instance, Memory, Module, OptLevel, Store, TypedFunc};

/// An instance of the module and one buffer in it.
pub struct BareModule {
    store: Store<()>,
    memory: Memory,
    enrich: TypedFunc<(u32, u32), i64>,
    buffer: u32,
    room: usize,
}

impl std::fmt::Debug for BareModule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BareModule").finish_non_exhaustive()
    }
}

impl BareModule {
    /// Loads a module that takes batches of up to `room` bytes.
    ///
    /// # Panics
    /// When the module is missing or is not of this ABI; benches have nothing to go on with.
    #[must_use]
    pub fn open(path: &Path, room: usize) -> Self {
        assert!(
            path.exists(),
            "{} is missing; run `cargo xtask bench`, which builds the guests",
            path.display()
        );
        let mut config = Config::new();
        config.cranelift_opt_level(OptLevel::Speed);
        let engine = Engine::new(&config).expect("an engine");
        let module = Module::from_file(&engine, path).expect("compiles");
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).expect("imports nothing");
        let memory = instance
            .get_memory(&mut store, "memory")
            .expect("exports its memory");
        let alloc: TypedFunc<(u32, u32), u32> = instance
            .get_typed_func(&mut store, "whose_alloc")
            .expect("whose_alloc");
        let enrich = instance
            .get_typed_func(&mut store, "whose_enrich")
            .expect("whose_enrich");
        let buffer = alloc
            .call(&mut store, (u32::try_from(room).expect("fits"), 64))
            .expect("allocates");
        assert_ne!(buffer, 0, "the module has no room");
        Self {
            store,
            memory,
            enrich,
            buffer,
            room,
        }
    }

    /// Copies a batch in and enriches it. Returns the length of what came out.
    ///
    /// # Panics
    /// When the batch is larger than the room or the module traps.
    pub fn enrich(&mut self, batch: &[u8]) -> usize {
        assert!(batch.len() <= self.room);
        self.memory
            .write(&mut self.store, self.buffer as usize, batch)
            .expect("in bounds");
        let len = batch.len() as u32;
        let packed = self
            .enrich
            .call(&mut self.store, (self.buffer, len))
            .expect("does not trap");
        (packed as u64 & 0xFFFF_FFFF) as usize
    }
}
