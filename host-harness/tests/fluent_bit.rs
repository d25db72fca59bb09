//! The guest for Fluent Bit's `filter_wasm`: what becomes of records. Fluent Bit itself is not part of this
//! test; `docs/hosts/fluent-bit.md` says what runs in it.

#[path = "common/fluent_bit.rs"]
mod fluent_bit;
#[path = "common/inventory.rs"]
mod inventory;
#[path = "common/place.rs"]
mod place;

use snapshots::bake::{Ingredients, bake};
use whose_cases::{Aligned, samples};

use fluent_bit::{Filter, folders, module, native, sample, small};
use inventory::EVENT;

const CONFIG: &str = r#"{"v":1,"default_domains":{"k8s_audit":"prod-eu"}}"#;

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
    filter.enriches_with(&snapshot);
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
    filter.enriches_with(&snapshot);
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
    filter.enriches_with(&snapshot);
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
