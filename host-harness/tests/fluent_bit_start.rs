//! The guest for Fluent Bit's `filter_wasm`: what it is, and what it finds when it starts.

#[path = "common/fluent_bit.rs"]
mod fluent_bit;
#[path = "common/inventory.rs"]
mod inventory;
#[path = "common/place.rs"]
mod place;

use wasmtime::Module;

use fluent_bit::{Filter, MODULE, State, engine, folders, module, module_file, native, sample};
use inventory::EVENT;

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
    filter.enriches_with(&snapshot);
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
    filter.enriches_with(&snapshot);
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
