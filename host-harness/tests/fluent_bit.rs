//! The guest for Fluent Bit's `filter_wasm`, called in the order that the filter calls it, on an engine
//! with the features that Fluent Bit's has. Fluent Bit itself is not part of this test;
//! `docs/hosts/fluent-bit.md` says what runs in it.

#[path = "common/inventory.rs"]
mod inventory;
#[path = "common/place.rs"]
mod place;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;

use enrich_core::{Check, Config, Enricher};
use wasmtime::{Caller, Engine, Extern, Linker, Memory, Module, ResourceLimiter, Store, TypedFunc};

use snapshots::bake::{Ingredients, bake};
use whose_cases::{Aligned, samples};

use inventory::EVENT;
use place::Place;

/// What `function_name` is set to on the page.
const FUNCTION: &str = "enrich";
const MODULE: &str = "whose-fluent-bit.wasm";
const NOENT: i32 = 44;
const BADF: i32 = 8;

/// The host's side: folders, open files, the log, and how much memory there may be.
#[derive(Default)]
struct State {
    folders: Vec<PathBuf>,
    /// Answer of `path_open` instead of opening, when it is not 0.
    refuse_open: i32,
    /// Added to what a file's size is said to be.
    more_size: u64,
    /// Most bytes of one read; 0: as many as asked for.
    short_reads: usize,
    /// What the clock says, in milliseconds.
    now_ms: u64,
    files: BTreeMap<i32, std::fs::File>,
    log: Vec<u8>,
    memory_limit: usize,
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
fn module_file() -> Option<PathBuf> {
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
fn engine() -> Engine {
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
struct Filter {
    store: Store<State>,
    memory: Memory,
    malloc: TypedFunc<i32, i32>,
    free: TypedFunc<i32, ()>,
    function: TypedFunc<(i32, i32, i32, i32, i32, i32), i32>,
}

impl Filter {
    /// Makes the instance; `_initialize` is called because the module imports functions of WASI.
    fn start(module: &[u8], state: State) -> Self {
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
    fn dup(&mut self, text: &[u8], nul: bool) -> i32 {
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

    fn call(&mut self, record: i32, len: usize, tag: &[u8]) -> Vec<u8> {
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
    fn record(&mut self, record: &[u8]) -> Vec<u8> {
        let at = self.dup(record, true);
        self.call(at, record.len(), b"cloudtrail.0")
    }

    /// One record in the format `msgpack`, whose copy has no NUL behind it.
    fn msgpack(&mut self, record: &[u8]) -> Vec<u8> {
        let at = self.dup(record, false);
        self.call(at, record.len(), b"cloudtrail.0")
    }

    fn log(&self) -> String {
        String::from_utf8(self.store.data().log.clone()).expect("text")
    }
}

/// A folder with these files, opened to the module behind one that has nothing in it.
fn folders(files: &[(&str, &[u8])]) -> (State, Place, Place) {
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
fn native(snapshot: &[u8], config: &str, record: &[u8]) -> Vec<u8> {
    let aligned = Aligned::new(snapshot);
    let mut enricher =
        Enricher::new(Config::from_json(config.as_bytes()).expect("a configuration"));
    enricher
        .attach(aligned.bytes(), Check::All, None)
        .expect("attached");
    enricher.enrich(record).to_vec()
}

#[test]
fn nothing_but_baseline_features_and_seven_functions_of_wasi() {
    let Some(file) = module_file() else { return };
    let engine = engine();
    let module = Module::from_file(&engine, file).expect("baseline features only");
    let mut imports: Vec<_> = module
        .imports()
        .map(|import| format!("{}.{}", import.module(), import.name()))
        .collect();
    imports.sort();
    assert_eq!(
        imports,
        [
            "clock_time_get",
            "fd_close",
            "fd_filestat_get",
            "fd_prestat_get",
            "fd_read",
            "fd_write",
            "path_open"
        ]
        .map(|name| format!("wasi_snapshot_preview1.{name}"))
    );
    // The linker adds two of its own.
    let mut exports: Vec<_> = module
        .exports()
        .map(|export| export.name().to_owned())
        .filter(|name| !name.starts_with("__"))
        .collect();
    exports.sort();
    assert_eq!(
        exports,
        [
            "WHOSE_BAKED",
            "_initialize",
            "enrich",
            "free",
            "malloc",
            "memory",
            "whose_baked"
        ]
    );
}

const CONFIG: &str = r#"{"v":1,"default_domains":{"k8s_audit":"prod-eu"}}"#;

fn module() -> Option<Vec<u8>> {
    module_file().map(|file| std::fs::read(file).expect("the module"))
}

fn sample() -> Vec<u8> {
    let sample = samples::snapshot().unwrap_or_else(|error| panic!("{error}"));
    sample.bytes().to_vec()
}

/// A filter with a small snapshot in its folder.
fn small(module: &[u8]) -> (Filter, Vec<u8>, Place, Place) {
    let snapshot = inventory::snapshot(1);
    let (state, empty, full) = folders(&[("snapshot.whose", &snapshot)]);
    (Filter::start(module, state), snapshot, empty, full)
}

#[test]
fn records_become_what_they_become_natively() {
    let Some(module) = module() else { return };
    let snapshot = sample();
    let config = CONFIG.as_bytes();
    let (state, _empty, _full) = folders(&[("snapshot.whose", &snapshot), ("whose.json", config)]);
    let mut by_folder = Filter::start(&module, state);
    assert!(
        by_folder.log().starts_with("whose: ready: [{"),
        "{}",
        by_folder.log()
    );

    let aligned = Aligned::new(&snapshot);
    let mut ingredients = Ingredients::default();
    ingredients.module = &module;
    ingredients.snapshots = vec![aligned.bytes()];
    ingredients.config = config.to_vec();
    let baked = bake(&ingredients).expect("baked");
    // Folders are not looked into.
    let (state, _empty, _full) = folders(&[("snapshot.whose", b"nonsense")]);
    let mut by_baking = Filter::start(&baked, state);
    assert!(
        by_baking
            .log()
            .starts_with("whose: ready: 1 snapshots baked in"),
        "{}",
        by_baking.log()
    );

    let events = samples::events().expect("the events");
    let mut enriched = 0;
    for record in events.split(|byte| *byte == b'\n') {
        let expected = native(&snapshot, CONFIG, record);
        enriched += usize::from(expected != record);
        assert_eq!(by_folder.record(record), expected);
        assert_eq!(by_baking.record(record), expected);
    }
    assert!(enriched > 200, "{enriched}");
}

#[test]
fn hostile_records_leave_as_they_do_natively_and_without_a_trap() {
    let Some(module) = module() else { return };
    let (mut filter, snapshot, _empty, _full) = small(&module);
    let forged = format!("{}{}", r#"{"whose":{"v":1,"forged":true},"#, &EVENT[1..]);
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
    let mut cut = EVENT.as_bytes()[..EVENT.len() / 2].to_vec();
    cut.extend_from_slice(&[0xE2, 0x82]);
    let records: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"{}".to_vec(),
        b"{".to_vec(),
        b"null".to_vec(),
        b"\n".to_vec(),
        EVENT.as_bytes()[..EVENT.len() / 2].to_vec(),
        cut,
        [b"{\"a\":\"\xFF\"}".as_slice(), EVENT.as_bytes()].concat(),
        [EVENT.as_bytes(), b"\n", EVENT.as_bytes(), b"\r\n"].concat(),
        forged.clone().into_bytes(),
        deep.into_bytes(),
        format!("{}\"pad\":\"\\u0000\",{}", "{", &EVENT[1..]).into_bytes(),
    ];
    for record in &records {
        let shown = String::from_utf8_lossy(record);
        assert_eq!(
            filter.record(record),
            native(&snapshot, "{}", record),
            "{shown}"
        );
    }
    let out = filter.record(forged.as_bytes());
    assert!(!out.windows(6).any(|window| window == b"forged"));
    // The 1st, 2nd and 4th of the faults are in the log, and then records go on.
    let log = filter.log();
    assert_eq!(log.matches("leaves as it came").count(), 3, "{log}");
    assert_eq!(
        filter.record(EVENT.as_bytes()),
        native(&snapshot, "{}", EVENT.as_bytes())
    );
}

#[test]
fn records_over_8_kib() {
    let Some(module) = module() else { return };
    let (mut filter, snapshot, _empty, _full) = small(&module);
    for len in [8_191, 8_192, 20_000, 1 << 20, 20 << 20] {
        let record = format!("{{\"pad\":\"{}\",{}", "x".repeat(len), &EVENT[1..]);
        let out = filter.record(record.as_bytes());
        assert_eq!(out, native(&snapshot, "{}", record.as_bytes()), "{len}");
        // Longer lines than the configuration allows leave as they came.
        assert_eq!(out.len() > record.len(), len < 16 << 20, "{len}");
    }
}

#[test]
fn a_million_calls_take_no_more_memory() {
    let Some(module) = module() else { return };
    let (mut filter, snapshot, _empty, _full) = small(&module);
    let expected = native(&snapshot, "{}", EVENT.as_bytes());
    let mut warm = 0;
    for call in 0..1_000_000 {
        let out = filter.record(EVENT.as_bytes());
        if call % 100_000 == 0 {
            assert_eq!(out, expected);
        }
        if call == 100 {
            warm = filter.memory.data_size(&filter.store);
        }
    }
    assert_eq!(filter.memory.data_size(&filter.store), warm);
    assert!(warm < 8 << 20, "{warm} bytes");
}

#[test]
fn a_record_that_was_not_passed_is_told() {
    let Some(module) = module() else { return };
    let (mut filter, snapshot, _empty, _full) = small(&module);
    for len in [1, 20_000, usize::MAX >> 33] {
        let out = filter.call(0, len, b"tag");
        assert_eq!(
            String::from_utf8_lossy(&out),
            r#"{"whose_error":"the record did not fit into the memory of the module and is lost"}"#
        );
    }
    assert_eq!(
        filter.log().matches("is lost").count(),
        2,
        "{}",
        filter.log()
    );
    assert_eq!(
        filter.record(EVENT.as_bytes()),
        native(&snapshot, "{}", EVENT.as_bytes())
    );
}

#[test]
fn memory_that_runs_out_costs_the_record_and_not_the_filter() {
    let Some(module) = module() else { return };
    let (mut filter, snapshot, _empty, _full) = small(&module);
    let expected = native(&snapshot, "{}", EVENT.as_bytes());
    assert_eq!(filter.record(EVENT.as_bytes()), expected);
    filter.store.data_mut().memory_limit = filter.memory.data_size(&filter.store) + (4 << 20);
    let record = |len| format!("{{\"pad\":\"{}\",{}", "x".repeat(len), &EVENT[1..]);
    let (mut unchanged, mut lost, mut good) = (0, 0, 0);
    for megabyte in [1_usize, 2, 3, 4, 5, 6, 8, 12] {
        for len in [megabyte << 20, (megabyte << 20) - 300_000] {
            let record = record(len);
            let out = filter.record(record.as_bytes());
            if out == record.as_bytes() {
                unchanged += 1;
            } else if out.starts_with(b"{\"whose_error\"") {
                lost += 1;
            } else {
                assert_eq!(out, native(&snapshot, "{}", record.as_bytes()));
                good += 1;
            }
            // What fits goes on as before.
            assert_eq!(filter.record(EVENT.as_bytes()), expected);
        }
    }
    assert!(
        unchanged > 0 && lost > 0,
        "{unchanged} unchanged, {lost} lost, {good} enriched"
    );
    let log = filter.log();
    assert!(
        log.contains("there is no memory for a record's context"),
        "{log}"
    );
}

#[test]
fn malloc_answers_hostile_sizes_and_free_hostile_pointers() {
    let Some(module) = module() else { return };
    let (mut filter, snapshot, _empty, _full) = small(&module);
    for len in [-1, -16, -17, i32::MIN, i32::MAX, i32::MAX - 16] {
        assert_eq!(
            filter.malloc.call(&mut filter.store, len).expect("no trap"),
            0,
            "{len}"
        );
    }
    let zero = filter.malloc.call(&mut filter.store, 0).expect("no trap");
    assert_ne!(zero, 0);
    let block = filter.malloc.call(&mut filter.store, 100).expect("no trap");
    for ptr in [zero, block, block, 0, 1, 16, block + 16, -1, -16, i32::MIN] {
        filter.free.call(&mut filter.store, ptr).expect("no trap");
    }
    assert_eq!(
        filter.record(EVENT.as_bytes()),
        native(&snapshot, "{}", EVENT.as_bytes())
    );
}

#[test]
fn msgpack_leaves_as_it_came_or_says_that_it_cannot() {
    let Some(module) = module() else { return };
    let (mut filter, _snapshot, _empty, _full) = small(&module);
    // {"n":7}, and {"n":0}, which the host would cut.
    assert_eq!(filter.msgpack(b"\x81\xA1n\x07"), b"\x81\xA1n\x07");
    let cut = filter.msgpack(b"\x81\xA1n\x00");
    let text =
        "this record has a zero byte in MessagePack and is lost: set event_format of it to json";
    let mut map = b"\x81\xABwhose_error\xD9".to_vec();
    map.push(text.len() as u8);
    map.extend_from_slice(text.as_bytes());
    assert_eq!(cut, map);
    let log = filter.log();
    assert!(
        log.contains("set event_format of this filter to json (1 so far)"),
        "{log}"
    );
}

/// What is in the log when a filter starts over these folders, and that records leave as they came.
fn refused(module: &[u8], change: impl FnOnce(&mut State), files: &[(&str, &[u8])]) -> String {
    let (mut state, _empty, _full) = folders(files);
    change(&mut state);
    let mut filter = Filter::start(module, state);
    assert_eq!(filter.record(EVENT.as_bytes()), EVENT.as_bytes());
    let log = filter.log();
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(log.len() < 1100, "{log}");
    assert!(
        log.ends_with("; records leave without context until Fluent Bit is restarted\n"),
        "{log}"
    );
    log
}

#[test]
fn what_is_wrong_with_the_snapshot_is_one_line_in_the_log() {
    let Some(module) = module() else { return };
    let good = inventory::snapshot(1);
    let mut damaged = good.clone();
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    let whole = [("snapshot.whose", good.as_slice())];
    let says = |log: String, what: &str| assert!(log.contains(what), "{log}");

    says(
        refused(&module, |state| state.folders.clear(), &[]),
        "no folder is open to the module",
    );
    says(
        refused(&module, |_| {}, &[]),
        "snapshot.whose is in none of the 2 folders",
    );
    says(
        refused(&module, |state| state.refuse_open = 2, &whole),
        "snapshot.whose can't be read: access denied",
    );
    says(
        refused(&module, |_| {}, &[("snapshot.whose", b"")]),
        "snapshot.whose is refused: ",
    );
    says(
        refused(&module, |_| {}, &[("snapshot.whose", &damaged)]),
        "snapshot.whose is refused: ",
    );
    says(
        refused(
            &module,
            |_| {},
            &[("snapshot.whose", &good[..good.len() - 64])],
        ),
        "snapshot.whose is refused: ",
    );
    says(
        refused(&module, |state| state.more_size = 1, &whole),
        "snapshot.whose became shorter while it was read",
    );
    says(
        refused(&module, |state| state.more_size = 1 << 31, &whole),
        "fit into the module; build a shard",
    );
    says(
        refused(
            &module,
            |state| {
                state.more_size = 1 << 30;
                state.memory_limit = 64 << 20;
            },
            &whole,
        ),
        "the host gives the module no memory for it",
    );
    says(
        refused(
            &module,
            |_| {},
            &[whole[0], ("whose.json", br#"{"v":1,"nonsense":true}"#)],
        ),
        "whose.json is refused: ",
    );
}

#[test]
fn a_configuration_in_the_folder_decides_who_is_trusted() {
    let Some(module) = module() else { return };
    let signed = inventory::signed(1, &inventory::FRIEND);
    let trust = |seed| {
        format!(
            r#"{{"v":1,"trusted_keys":["{}"]}}"#,
            inventory::public_key(seed)
        )
    };
    let (friend, stranger) = (trust(&inventory::FRIEND), trust(&inventory::STRANGER));
    let log = refused(
        &module,
        |_| {},
        &[
            ("snapshot.whose", &signed),
            ("whose.json", stranger.as_bytes()),
        ],
    );
    assert!(log.contains("snapshot.whose is refused: "), "{log}");

    let (mut state, _empty, _full) = folders(&[
        ("snapshot.whose", &signed),
        ("whose.json", friend.as_bytes()),
    ]);
    state.short_reads = 1000;
    let mut filter = Filter::start(&module, state);
    let out = filter.record(EVENT.as_bytes());
    assert_eq!(out, native(&signed, &friend, EVENT.as_bytes()));
    assert!(
        out.windows(22)
            .any(|window| window == br#""integrity":"verified""#)
    );
    assert!(filter.store.data().files.is_empty(), "files are closed");
}

#[test]
fn an_expired_snapshot_is_used_and_the_log_says_so() {
    let Some(module) = module() else { return };
    let snapshot = sample();
    let (mut state, _empty, _full) = folders(&[("snapshot.whose", &snapshot)]);
    state.now_ms = 1_900_000_000_000;
    let mut filter = Filter::start(&module, state);
    assert_eq!(
        filter.record(EVENT.as_bytes()),
        native(&snapshot, "{}", EVENT.as_bytes())
    );
    let log = filter.log();
    assert!(
        log.starts_with("whose: snapshot.whose: snapshot expired at"),
        "{log}"
    );
    assert!(
        log.contains("it is used all the same\nwhose: ready: "),
        "{log}"
    );
}

#[test]
fn a_refused_overlay_leaves_the_snapshot_in_use() {
    let Some(module) = module() else { return };
    let snapshot = inventory::snapshot(1);
    let (state, _empty, _full) = folders(&[
        ("snapshot.whose", &snapshot),
        ("overlay.whose", b"nonsense"),
    ]);
    let mut filter = Filter::start(&module, state);
    assert_eq!(
        filter.record(EVENT.as_bytes()),
        native(&snapshot, "{}", EVENT.as_bytes())
    );
    let log = filter.log();
    assert!(
        log.starts_with("whose: overlay.whose is refused: "),
        "{log}"
    );
    assert!(
        log.contains("; snapshot.whose is used without it\nwhose: ready: "),
        "{log}"
    );
}

/// The blocks of YAML on the page, each as its lines `key: value` in order.
fn blocks() -> Vec<Vec<(String, String)>> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/hosts/fluent-bit.md");
    let page = std::fs::read_to_string(page).expect("the page");
    page.split("```yaml\n")
        .skip(1)
        .map(|rest| {
            let block = rest.split("```").next().unwrap_or_default();
            block
                .lines()
                .filter_map(|line| line.trim_start_matches([' ', '-']).split_once(": "))
                .map(|(key, value)| (key.to_owned(), value.trim_matches('\'').to_owned()))
                .collect()
        })
        .collect()
}

#[test]
fn the_page_names_what_the_module_has() {
    let Some(file) = module_file() else { return };
    let module = Module::from_file(&engine(), file).expect("baseline features only");
    let blocks = blocks();
    assert_eq!(blocks.len(), 2, "by folder and baked");
    for block in blocks {
        let value = |key: &str| {
            let found = block.iter().find(|(name, _)| name == key);
            found.map(|(_, value)| value.as_str())
        };
        assert_eq!(value("event_format"), Some("json"));
        let function = value("function_name").expect("a function");
        let export = module.get_export(function).expect("exported");
        let kind = export.func().expect("a function").clone();
        assert_eq!((kind.params().len(), kind.results().len()), (6, 1));
        let path = value("wasm_path").expect("a path");
        let is_baked = path.ends_with("whose-baked.wasm");
        assert!(is_baked || path.ends_with(MODULE), "{path}");
        assert_eq!(value("accessible_paths").is_none(), is_baked);
    }
}
