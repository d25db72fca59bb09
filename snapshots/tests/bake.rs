//! Baking: what comes out is a valid module with the snapshots where it says, and what must not be
//! baked is refused with its fault named.

use enrich_core::{Check, Config, Enricher};
use rkyv::util::AlignedVec;
use snapshots::bake::{BakeError, Ingredients, SECTION, bake};
use snapshots::config::InventoryConfig;
use snapshots::export::{Explicit, Quiet, export_snapshot};
use wasmtime::{Engine, Instance, Module, Store};

/// A module with the shape of a guest: memory, descriptor, data, and a function that reads it.
const GUEST: &str = r#"(module
    (memory (export "memory") 2)
    (global (export "WHOSE_BAKED") i32 (i32.const 1024))
    (global (export "other") (mut i32) (i32.const 7))
    (data (i32.const 16) "kept")
    (data (i32.const 1024) "\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00"))"#;

fn snapshot(seed: Option<[u8; 32]>) -> AlignedVec<64> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let config = InventoryConfig::read(&folder.join("inventory.toml")).expect("sample inventory");
    let explicit = Explicit::new(1_773_985_500_000, 41, 0);
    let (mut bytes, _) = export_snapshot(&config, &explicit, &mut Quiet).expect("samples load");
    if let Some(seed) = seed {
        snapshots::format::sign(&mut bytes, &seed).expect("signs");
    }
    let mut aligned = AlignedVec::new();
    aligned.extend_from_slice(&bytes);
    aligned
}

fn ingredients<'a>(module: &'a [u8], snapshots: &[&'a [u8]], config: &str) -> Ingredients<'a> {
    let mut ingredients = Ingredients::default();
    ingredients.module = module;
    ingredients.snapshots = snapshots.to_vec();
    ingredients.config = config.as_bytes().to_vec();
    ingredients
}

/// Memory of a fresh instance, and the four numbers of the descriptor.
fn memory_of(module: &[u8]) -> (Vec<u8>, [u32; 4]) {
    let engine = Engine::default();
    let module = Module::new(&engine, module).expect("valid");
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).expect("starts");
    let memory = instance
        .get_memory(&mut store, "memory")
        .expect("exported")
        .data(&store)
        .to_vec();
    let word = |at: usize| u32::from_le_bytes(memory[at..at + 4].try_into().expect("four bytes"));
    let descriptor = [word(1024), word(1028), word(1032), word(1036)];
    (memory, descriptor)
}

#[test]
fn a_baked_module_holds_the_snapshots_where_its_descriptor_says() {
    let module = wat::parse_str(GUEST).expect("text");
    let snapshot = snapshot(None);
    let config = r#"{"detail":"minimal"}"#;
    let baked = bake(&ingredients(&module, &[&snapshot], config)).expect("bakes");
    let (memory, [table, table_len, config_at, config_len]) = memory_of(&baked);

    assert_eq!(&memory[16..20], b"kept", "what was there stays");
    assert!(table >= 2 * 65_536, "above the memory that it began with");
    assert_eq!(table_len, 16);
    let at = config_at as usize;
    assert_eq!(&memory[at..at + config_len as usize], config.as_bytes());
    let entry: Vec<u32> = memory[table as usize..table as usize + 16]
        .chunks(4)
        .map(|word| u32::from_le_bytes(word.try_into().expect("four bytes")))
        .collect();
    assert_eq!(entry[0] % 64, 0, "aligned as rows have to be");
    assert_eq!(entry[1] as usize, snapshot.len());
    let start = entry[0] as usize;
    assert_eq!(&memory[start..start + snapshot.len()], snapshot.as_slice());
    assert_eq!(
        bake(&ingredients(&module, &[&snapshot], config)).expect("bakes"),
        baked,
        "the same ingredients give the same bytes"
    );
}

#[test]
fn a_module_without_data_or_with_a_limit_is_baked_as_well() {
    let module = wat::parse_str(
        r#"(module (memory (export "memory") 1 1) (global (export "WHOSE_BAKED") i32 (i32.const 1024)))"#,
    )
    .expect("text");
    let snapshot = snapshot(None);
    let baked = bake(&ingredients(&module, &[&snapshot], "")).expect("bakes");
    let (memory, [table, ..]) = memory_of(&baked);
    assert_eq!(table, 65_536);
    assert!(memory.len() > 65_536 + snapshot.len());
}

#[test]
fn an_address_above_two_gigabytes_keeps_its_sign() {
    let module = wat::parse_str(
        r#"(module (memory (export "memory") 40000) (global (export "WHOSE_BAKED") i32 (i32.const 1024)))"#,
    )
    .expect("text");
    let snapshot = snapshot(None);
    let baked = bake(&ingredients(&module, &[&snapshot], "")).expect("bakes");
    let (memory, [table, ..]) = memory_of(&baked);
    assert_eq!(table, 40_000 * 65_536);
    let at = table as usize;
    let start = u32::from_le_bytes(memory[at..at + 4].try_into().expect("four bytes")) as usize;
    assert_eq!(&memory[start..start + snapshot.len()], snapshot.as_slice());
}

#[test]
fn what_cannot_be_baked_is_refused_by_name() {
    let module = wat::parse_str(GUEST).expect("text");
    let good = snapshot(None);
    let mut damaged = good.clone();
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    let other = wat::parse_str("(module (memory (export \"memory\") 1))").expect("text");
    let imports = wat::parse_str("(module (import \"env\" \"memory\" (memory 1)))").expect("text");
    let huge = wat::parse_str(
        r#"(module (memory 65535) (global (export "WHOSE_BAKED") i32 (i32.const 0)))"#,
    )
    .expect("text");
    let baked = bake(&ingredients(&module, &[&good], "")).expect("bakes");

    let refusal = |module: &[u8], snapshots: &[&[u8]], config: &str| {
        bake(&ingredients(module, snapshots, config)).expect_err("refused")
    };
    assert!(matches!(
        refusal(b"\0asm", &[&good], ""),
        BakeError::NotAModule(_)
    ));
    assert!(matches!(
        refusal(&other, &[&good], ""),
        BakeError::NotAGuest
    ));
    assert!(matches!(
        refusal(&imports, &[&good], ""),
        BakeError::Unsupported(_)
    ));
    assert!(matches!(
        refusal(&huge, &[&good], ""),
        BakeError::TooLarge { .. }
    ));
    assert!(matches!(
        refusal(&baked, &[&good], ""),
        BakeError::AlreadyBaked
    ));
    assert!(matches!(
        refusal(&module, &[&good, &damaged], ""),
        BakeError::Snapshot { number: 2, .. }
    ));
    assert!(matches!(
        refusal(&module, &[&good], r#"{"v":9}"#),
        BakeError::Config(_)
    ));
    let key =
        r#"{"trusted_keys":["whose-public-ed25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="]}"#;
    assert!(matches!(
        refusal(&module, &[&good], key),
        BakeError::Snapshot { number: 1, .. }
    ));
}

#[test]
fn the_mark_names_each_snapshot() {
    let module = wat::parse_str(GUEST).expect("text");
    let snapshot = snapshot(Some([7; 32]));
    let baked = bake(&ingredients(&module, &[&snapshot], "")).expect("bakes");
    let mark = wasmparser::Parser::new(0)
        .parse_all(&baked)
        .find_map(|payload| match payload.expect("valid") {
            wasmparser::Payload::CustomSection(custom) if custom.name() == SECTION => {
                Some(String::from_utf8_lossy(custom.data()).into_owned())
            }
            _ => None,
        })
        .expect("marked");
    let mut enricher = Enricher::new(Config::default());
    enricher
        .attach(&snapshot, Check::All, None)
        .expect("attaches");
    let attached: serde_json::Value =
        serde_json::from_slice(enricher.snapshots_json()).expect("JSON");
    let line = format!(
        "{} {}\n",
        attached[0]["id"].as_str().expect("id"),
        attached[0]["digest"].as_str().expect("digest")
    );
    assert_eq!(mark, line);
}

#[test]
fn the_limit_that_is_told_is_below_what_is_needed() {
    // Fills the page that has to stay free, and no more: 4 GiB hold it.
    let module = wat::parse_str(
        r#"(module (memory 65534) (global (export "WHOSE_BAKED") i32 (i32.const 0)))"#,
    )
    .expect("text");
    let snapshot = snapshot(None);
    match bake(&ingredients(&module, &[&snapshot], "")) {
        Err(BakeError::TooLarge { needed, limit }) => {
            assert!(limit < needed, "{limit} {needed}");
            assert_eq!(limit, 65_535 * 65_536);
        }
        other => panic!("{:?}", other.map(|bytes| bytes.len())),
    }
}

/// A folder with a guest, a snapshot and a configuration, and the command line in it.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(guest: &str) -> Self {
        let folder = Self(tempfile::tempdir().expect("folder"));
        folder.put("m.wasm", &wat::parse_str(guest).expect("text"));
        folder.put("s.whose", &snapshot(None));
        folder.put("c.json", b"{}");
        folder
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.0.path().join(name), bytes).expect("written");
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.0.path().join(name)).expect("there")
    }

    /// Code, standard output, standard error of `bake` with a module of this folder.
    fn bake(&self, line: &str) -> (Option<i32>, String, String) {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_whose-snapshot"))
            .args(["bake", "--module", "m.wasm"])
            .args(line.split_whitespace())
            .current_dir(self.0.path())
            .output()
            .expect("runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    }
}

/// A guest that says that one snapshot is baked in.
fn starting(more: &str, baked: &str) -> String {
    format!(
        r#"(module (memory (export "memory") 2) (global (export "WHOSE_BAKED") i32 (i32.const 1024))
            (func (export "whose_baked") (result i32) {baked} (i32.const 1)) {more})"#
    )
}

#[test]
fn an_input_is_never_replaced() {
    let folder = Folder::new(&starting("", ""));
    for (out, what) in [
        ("s.whose", "snapshot"),
        ("./m.wasm", "module"),
        ("c.json", "configuration"),
    ] {
        let before = folder.bytes(out);
        let (code, _, text) = folder.bake(&format!("--config c.json --out {out} s.whose"));
        assert_eq!(code, Some(2), "{text}");
        assert!(
            text.contains(&format!("is the {what} that is read")),
            "{text}"
        );
        assert_eq!(folder.bytes(out), before);
    }
    let (code, _, text) = folder.bake("--out - s.whose");
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("standard output"), "{text}");
    assert!(!folder.0.path().join("-").exists());
    let (code, _, text) = folder.bake("--config c.json --out b.wasm s.whose");
    assert_eq!(code, Some(0), "{text}");
}

#[cfg(unix)]
#[test]
fn what_is_no_file_stays_what_it_is() {
    let folder = Folder::new(&starting("", ""));
    let path = folder.0.path().join("socket");
    let _socket = std::os::unix::net::UnixListener::bind(&path).expect("bound");
    std::os::unix::fs::symlink(&path, folder.0.path().join("link")).expect("linked");
    for out in ["socket", "link"] {
        let (code, _, text) = folder.bake(&format!("--out {out} s.whose"));
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains("no regular file"), "{text}");
    }
    assert!(!std::fs::metadata(&path).expect("there").is_file());
}

#[test]
fn a_module_that_does_not_start_is_named_and_nothing_is_written() {
    let grows = r#"(func $f (loop (br_if 0 (i32.ne (memory.grow (i32.const 64)) (i32.const -1)))) (unreachable)) (start $f)"#;
    for (guest, why) in [
        (
            starting("(func $f (loop (br 0))) (start $f)", ""),
            "time ran out (--deadline)",
        ),
        (starting("", "(loop (br 0))"), "time ran out (--deadline)"),
        (starting(grows, ""), "memory"),
        (
            starting("(func $f (drop (i32.load (i32.const -4)))) (start $f)", ""),
            "out of bounds",
        ),
        (
            starting("(data (i32.const -4) \"12345678\")", ""),
            "out of bounds",
        ),
        (starting("", "(return (i32.const -7))"), "answers -7"),
    ] {
        let folder = Folder::new(&guest);
        let (code, _, text) = folder.bake("--deadline 1 --out b.wasm s.whose");
        assert_eq!(code, Some(1), "{text}");
        assert!(
            text.starts_with("error: module m.wasm does not start") && text.contains(why),
            "{why}: {text}"
        );
        assert!(!folder.0.path().join("b.wasm").exists());
    }
}

#[test]
fn an_expired_snapshot_is_baked_with_a_warning() {
    let folder = Folder::new(&starting("", ""));
    // The sample declares no time of its own here: for ever.
    let (code, told, text) = folder.bake("--json --out b.wasm s.whose");
    assert_eq!((code, text.as_str()), (Some(0), ""));
    let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(told["expired"], false);
    let mut inventory = snapshots::model::Inventory::default();
    inventory.meta.organization = "Northwind".into();
    inventory.meta.created_ms = 1_773_986_400_000;
    inventory.meta.sequence = 1;
    inventory.meta.valid_for_s = 86_400;
    folder.put(
        "old.whose",
        &snapshots::format::build(&inventory).expect("fits"),
    );
    let (code, told, text) = folder.bake("--json --out b.wasm old.whose");
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.starts_with(
            "warning: the declared time of snapshot old.whose was over at 2026-03-21T06:00:00Z"
        ),
        "{text}"
    );
    let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(told["expired"], true);
}
