//! Fluent Bit's `filter_wasm` as a module sees it: the functions that it calls, in its order, on an engine
//! with the features that Fluent Bit's has.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;

use enrich_core::{Check, Config, Enricher};
use wasmtime::{Caller, Engine, Extern, Linker, Memory, Module, ResourceLimiter, Store, TypedFunc};
use whose_cases::{Aligned, samples};

use crate::inventory::{self, EVENT};
use crate::place::Place;

/// What `function_name` is set to on the page.
pub(crate) const FUNCTION: &str = "enrich";
pub(crate) const MODULE: &str = "whose-fluent-bit.wasm";
const NOENT: i32 = 44;
const BADF: i32 = 8;

/// The host's side: folders, open files, the log, and how much memory there may be.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) folders: Vec<PathBuf>,
    /// Answer of `path_open` instead of opening, when it is not 0.
    pub(crate) refuse_open: i32,
    /// Added to what a file's size is said to be.
    pub(crate) more_size: u64,
    /// Most bytes of one read; 0: as many as asked for.
    pub(crate) short_reads: usize,
    /// What the clock says, in milliseconds.
    pub(crate) now_ms: u64,
    pub(crate) files: BTreeMap<i32, std::fs::File>,
    pub(crate) log: Vec<u8>,
    pub(crate) memory_limit: usize,
}

impl ResourceLimiter for State {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self.memory_limit == 0 || desired <= self.memory_limit)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        _desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(true)
    }
}

/// The module, when it is built.
pub(crate) fn module_file() -> Option<PathBuf> {
    let file = match std::env::var_os("WHOSE_FLUENT_BIT_MODULE") {
        Some(file) => PathBuf::from(file),
        None => inventory::real_module()?.with_file_name(MODULE),
    };
    if file.is_file() {
        return Some(file);
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "{} is not built",
        file.display()
    );
    eprintln!("{MODULE} is not built, nothing was tested; `cargo xtask test` builds it");
    None
}

/// An engine with what Fluent Bit 5.1.1's accepts, and without the rest.
pub(crate) fn engine() -> Engine {
    let mut config = wasmtime::Config::new();
    config
        .wasm_simd(false)
        .wasm_relaxed_simd(false)
        .wasm_tail_call(false)
        .wasm_extended_const(false)
        .wasm_multi_memory(false)
        .wasm_memory64(false)
        .wasm_wide_arithmetic(false)
        .wasm_custom_page_sizes(false);
    Engine::new(&config).expect("an engine")
}

fn memory_of(caller: &mut Caller<'_, State>) -> Memory {
    match caller.get_export("memory") {
        Some(Extern::Memory(memory)) => memory,
        _ => panic!("the module exports its memory"),
    }
}

fn word(data: &[u8], at: i32) -> u32 {
    let at = at as u32 as usize;
    u32::from_le_bytes(data[at..at + 4].try_into().expect("four bytes"))
}

fn put(data: &mut [u8], at: i32, bytes: &[u8]) {
    let at = at as u32 as usize;
    data[at..at + bytes.len()].copy_from_slice(bytes);
}

/// The functions of WASI that the module imports, as far as it may use them.
fn linker(engine: &Engine) -> Linker<State> {
    const WASI: &str = "wasi_snapshot_preview1";
    let mut linker = Linker::<State>::new(engine);
    linker
        .func_wrap(
            WASI,
            "fd_prestat_get",
            |mut caller: Caller<'_, State>, fd: i32, at: i32| {
                let Some(folder) = fd
                    .checked_sub(3)
                    .and_then(|fd| caller.data().folders.get(fd as usize))
                else {
                    return BADF;
                };
                let len = folder.as_os_str().len() as u32;
                let memory = memory_of(&mut caller);
                put(
                    memory.data_mut(&mut caller),
                    at,
                    &[[0; 4], len.to_le_bytes()].concat(),
                );
                0
            },
        )
        .and_then(|linker| linker.func_wrap(WASI, "path_open", path_open))
        .and_then(|linker| {
            linker.func_wrap(
                WASI,
                "fd_filestat_get",
                |mut caller: Caller<'_, State>, fd: i32, at: i32| {
                    let state = caller.data();
                    let size = match state.files.get(&fd) {
                        Some(file) => file.metadata().expect("a file").len() + state.more_size,
                        None => return BADF,
                    };
                    let memory = memory_of(&mut caller);
                    let mut stat = [0; 64];
                    stat[32..40].copy_from_slice(&size.to_le_bytes());
                    put(memory.data_mut(&mut caller), at, &stat);
                    0
                },
            )
        })
        .and_then(|linker| linker.func_wrap(WASI, "fd_read", fd_read))
        .and_then(|linker| linker.func_wrap(WASI, "fd_write", fd_write))
        .and_then(|linker| {
            linker.func_wrap(
                WASI,
                "fd_close",
                |mut caller: Caller<'_, State>, fd: i32| {
                    caller.data_mut().files.remove(&fd).map_or(BADF, |_| 0)
                },
            )
        })
        .and_then(|linker| {
            linker.func_wrap(
                WASI,
                "clock_time_get",
                |mut caller: Caller<'_, State>, _clock: i32, _precision: i64, at: i32| {
                    let ns = caller.data().now_ms * 1_000_000;
                    let memory = memory_of(&mut caller);
                    put(memory.data_mut(&mut caller), at, &ns.to_le_bytes());
                    0
                },
            )
        })
        .expect("defined once each");
    linker
}

#[allow(clippy::too_many_arguments, reason = "WASI's signature")]
fn path_open(
    mut caller: Caller<'_, State>,
    fd: i32,
    _lookup: i32,
    path: i32,
    path_len: i32,
    open: i32,
    rights: i64,
    _inherited: i64,
    _flags: i32,
    opened: i32,
) -> i32 {
    let memory = memory_of(&mut caller);
    let at = path as u32 as usize;
    let name = memory.data(&caller)[at..at + path_len as usize].to_vec();
    let name = String::from_utf8(name).expect("a name");
    assert_eq!(open, 0, "files are not made");
    assert_eq!(rights & (1 << 6), 0, "files are not written");
    if caller.data().refuse_open != 0 {
        return caller.data().refuse_open;
    }
    let Some(folder) = caller.data().folders.get((fd - 3) as usize) else {
        return BADF;
    };
    let Ok(file) = std::fs::File::open(folder.join(name)) else {
        return NOENT;
    };
    let state = caller.data_mut();
    let number = 100 + state.files.len() as i32;
    state.files.insert(number, file);
    put(memory.data_mut(&mut caller), opened, &number.to_le_bytes());
    0
}

fn fd_read(mut caller: Caller<'_, State>, fd: i32, pieces: i32, count: i32, read: i32) -> i32 {
    assert_eq!(count, 1, "one piece at a time");
    let memory = memory_of(&mut caller);
    let (data, state) = memory.data_and_store_mut(&mut caller);
    let at = word(data, pieces) as usize;
    let mut len = word(data, pieces + 4) as usize;
    assert!(len <= 1 << 20, "in pieces of 1 MiB");
    if state.short_reads > 0 {
        len = len.min(state.short_reads);
    }
    let Some(file) = state.files.get_mut(&fd) else {
        return BADF;
    };
    let got = file.read(&mut data[at..at + len]).expect("read") as u32;
    put(data, read, &got.to_le_bytes());
    0
}

fn fd_write(mut caller: Caller<'_, State>, fd: i32, pieces: i32, _count: i32, written: i32) -> i32 {
    assert_eq!(fd, 2, "the log is standard error");
    let memory = memory_of(&mut caller);
    let (data, state) = memory.data_and_store_mut(&mut caller);
    let at = word(data, pieces) as usize;
    let len = word(data, pieces + 4);
    state.log.extend_from_slice(&data[at..at + len as usize]);
    put(data, written, &len.to_le_bytes());
    0
}

/// `filter_wasm`, as far as a module sees it.
pub(crate) struct Filter {
    pub(crate) store: Store<State>,
    pub(crate) memory: Memory,
    pub(crate) malloc: TypedFunc<i32, i32>,
    pub(crate) free: TypedFunc<i32, ()>,
    pub(crate) function: TypedFunc<(i32, i32, i32, i32, i32, i32), i32>,
}

impl Filter {
    /// Makes the instance; `_initialize` is called because the module imports functions of WASI.
    pub(crate) fn start(module: &[u8], state: State) -> Self {
        let engine = engine();
        let module = Module::new(&engine, module).expect("baseline features only");
        let imports_wasi = module
            .imports()
            .any(|import| import.module() == "wasi_snapshot_preview1");
        let mut store = Store::new(&engine, state);
        store.limiter(|state| state);
        let instance = linker(&engine)
            .instantiate(&mut store, &module)
            .expect("an instance");
        let initialize = instance
            .get_typed_func::<(), ()>(&mut store, "_initialize")
            .expect("a reactor");
        let mut filter = Self {
            memory: instance.get_memory(&mut store, "memory").expect("memory"),
            malloc: instance
                .get_typed_func(&mut store, "malloc")
                .expect("malloc"),
            free: instance.get_typed_func(&mut store, "free").expect("free"),
            function: instance
                .get_typed_func(&mut store, FUNCTION)
                .expect("the filter function"),
            store,
        };
        if imports_wasi {
            initialize.call(&mut filter.store, ()).expect("no trap");
        }
        filter
    }

    /// A copy of the text with a NUL behind it; 0 when there is no memory, which the host passes on.
    pub(crate) fn dup(&mut self, text: &[u8], nul: bool) -> i32 {
        let len = text.len() + usize::from(nul);
        let at = self
            .malloc
            .call(&mut self.store, len as i32)
            .expect("no trap");
        if at != 0 {
            assert_eq!(at % 16, 0, "aligned for anything");
            let data = self.memory.data_mut(&mut self.store);
            put(data, at, text);
            if nul {
                put(data, at + text.len() as i32, &[0]);
            }
        }
        at
    }

    pub(crate) fn call(&mut self, record: i32, len: usize, tag: &[u8]) -> Vec<u8> {
        let tag_at = self.dup(tag, true);
        let arguments = (
            tag_at,
            tag.len() as i32,
            1_773_986_400,
            5,
            record,
            len as i32,
        );
        let result = self
            .function
            .call(&mut self.store, arguments)
            .expect("no trap");
        let result = result as u32 as usize;
        let data = self.memory.data(&self.store);
        assert_ne!(result, 0, "a null pointer drops the record");
        let end = data[result..]
            .iter()
            .position(|byte| *byte == 0)
            .expect("a NUL inside the memory");
        let text = data[result..result + end].to_vec();
        for at in [tag_at, record] {
            if at != 0 {
                self.free.call(&mut self.store, at).expect("no trap");
            }
        }
        text
    }

    /// One record in the format `json`.
    pub(crate) fn record(&mut self, record: &[u8]) -> Vec<u8> {
        let at = self.dup(record, true);
        self.call(at, record.len(), b"cloudtrail.0")
    }

    /// One record in the format `msgpack`, whose copy has no NUL behind it.
    pub(crate) fn msgpack(&mut self, record: &[u8]) -> Vec<u8> {
        let at = self.dup(record, false);
        self.call(at, record.len(), b"cloudtrail.0")
    }

    /// An event gets the context that the core gives it in this process.
    pub(crate) fn enriches_with(&mut self, snapshot: &[u8]) {
        assert_eq!(
            self.record(EVENT.as_bytes()),
            native(snapshot, "{}", EVENT.as_bytes())
        );
    }

    pub(crate) fn log(&self) -> String {
        String::from_utf8(self.store.data().log.clone()).expect("text")
    }
}

/// A folder with these files, opened to the module behind one that has nothing in it.
pub(crate) fn folders(files: &[(&str, &[u8])]) -> (State, Place, Place) {
    let (empty, full) = (Place::new(), Place::new());
    for (name, bytes) in files {
        full.put(name, bytes);
    }
    let state = State {
        folders: vec![empty.0.path().to_owned(), full.0.path().to_owned()],
        ..State::default()
    };
    (state, empty, full)
}

/// What the core makes of it in this process.
pub(crate) fn native(snapshot: &[u8], config: &str, record: &[u8]) -> Vec<u8> {
    let aligned = Aligned::new(snapshot);
    let mut enricher =
        Enricher::new(Config::from_json(config.as_bytes()).expect("a configuration"));
    enricher
        .attach(aligned.bytes(), Check::All, None)
        .expect("attached");
    enricher.enrich(record).to_vec()
}

pub(crate) fn module() -> Option<Vec<u8>> {
    module_file().map(|file| std::fs::read(file).expect("the module"))
}

pub(crate) fn sample() -> Vec<u8> {
    let sample = samples::snapshot().unwrap_or_else(|error| panic!("{error}"));
    sample.bytes().to_vec()
}

/// A filter with a small snapshot in its folder.
pub(crate) fn small(module: &[u8]) -> (Filter, Vec<u8>, Place, Place) {
    let snapshot = inventory::snapshot(1);
    let (state, empty, full) = folders(&[("snapshot.whose", &snapshot)]);
    (Filter::start(module, state), snapshot, empty, full)
}
