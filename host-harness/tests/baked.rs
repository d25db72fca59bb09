//! Modules with snapshots in them: what is damaged is said, what does not go together is refused.

mod common;
#[path = "common/inventory.rs"]
mod inventory;
#[path = "common/place.rs"]
mod place;

use host_harness::SnapshotFile;
use inventory::{EVENT, real_module, snapshot};
use place::{Place, code, err, out};
use snapshots::bake::{Ingredients, bake};

/// A key in the account that the snapshot covers.
const KEY: &str = "aws_arn:arn:aws:iam::111122223333:user/x";

/// The real guest with a snapshot in it, and the same with one byte of the snapshot's body changed;
/// `None` when the guest is not built.
fn baked() -> Option<(Vec<u8>, Vec<u8>)> {
    let module = std::fs::read(real_module()?).expect("readable");
    let snapshot = SnapshotFile::from_bytes("s", &snapshot(1));
    let mut ingredients = Ingredients::default();
    ingredients.module = &module;
    ingredients.snapshots = vec![snapshot.bytes()];
    let whole = bake(&ingredients).expect("bakes");
    let length = snapshot.bytes().len();
    let at = whole
        .windows(length)
        .position(|window| window == snapshot.bytes())
        .expect("in it");
    let mut damaged = whole.clone();
    // In a text: what is laid out wrong would be refused at the start.
    let text = whole[at..at + length]
        .windows(9)
        .position(|window| window == b"Northwind")
        .expect("the organization is in it");
    damaged[at + text] ^= 1;
    Some((whole, damaged))
}

/// A place with both; `None` when the guest is not built.
fn place() -> Option<Place> {
    let (whole, damaged) = baked()?;
    let place = Place::new();
    place.put("whole.wasm", whole);
    place.put("damaged.wasm", damaged);
    place.put("s.whose", snapshot(1));
    Some(place)
}

#[test]
fn a_damaged_snapshot_ends_enrich_with_a_failure_and_costs_no_event() {
    let Some(place) = place() else { return };
    let events = format!("{EVENT}\n{EVENT}\n");
    let enrich = |module| {
        place.run(
            &["enrich", "--baked", module, "--no-cache"],
            events.as_bytes(),
        )
    };
    let output = enrich("whole.wasm");
    assert_eq!((code(&output), err(&output)), (Some(0), String::new()));
    assert!(out(&output).contains("\"whose\""));
    let output = enrich("damaged.wasm");
    assert_eq!((code(&output), out(&output)), (Some(1), events.clone()));
    let text = err(&output);
    assert!(
        text.starts_with("error: 2 lines left without context because a snapshot is damaged")
            && text.contains("whose-snapshot verify")
            && text.contains("bake the module again"),
        "{text}"
    );
}

#[test]
fn a_damaged_snapshot_is_not_the_keys_fault() {
    let Some(place) = place() else { return };
    let lookup = |module, key| place.run(&["lookup", "--baked", module, "--no-cache", key], b"");
    let output = lookup("whole.wasm", KEY);
    assert_eq!(code(&output), Some(3), "nobody has it: {}", err(&output));
    let output = lookup("damaged.wasm", KEY);
    let text = err(&output);
    assert_eq!(code(&output), Some(1), "{text}");
    assert!(
        text.starts_with("error: snapshot baked into damaged.wasm is damaged"),
        "{text}"
    );
    // A bad key stays one.
    let output = lookup("whole.wasm", "nonsense");
    assert_eq!(code(&output), Some(2));
    assert!(err(&output).contains("key `nonsense` is refused"));
}

#[test]
fn what_is_no_word_about_a_key_names_who_is_at_fault() {
    for (number, status, start) in [
        (-16, 2, "error: key `k:v` is refused"),
        (-17, 2, "error: key `k:v` is refused"),
        (-7, 1, "error: snapshot a.whose or b.whose is damaged"),
        (-1, 1, "error: the module refused whose_lookup"),
    ] {
        let place = Place::new();
        place.put("a.whose", b"any bytes");
        place.put("b.whose", b"any bytes");
        let body = format!("(param i32 i32) (result i64) (i64.const {number})");
        place.put("m.wasm", common::guest(&[("whose_lookup", &body)]));
        let output = place.run(
            &[
                "lookup",
                "--module",
                "m.wasm",
                "--no-cache",
                "--snapshot",
                "a.whose",
                "--snapshot",
                "b.whose",
                "k:v",
            ],
            b"",
        );
        assert_eq!(code(&output), Some(status), "{number} {}", err(&output));
        assert!(err(&output).starts_with(start), "{}", err(&output));
    }
}

#[test]
fn a_baked_module_is_not_taken_for_one_as_it_was_built() {
    let Some(place) = place() else { return };
    for module in ["whole.wasm", "damaged.wasm"] {
        for command in [
            &["enrich", "--snapshot", "s.whose"][..],
            &["lookup", "--snapshot", "s.whose", KEY],
            &["keys"],
        ] {
            let mut arguments = command.to_vec();
            arguments.extend(["--no-cache", "--module", module]);
            let output = place.run(&arguments, b"");
            assert_eq!(code(&output), Some(2), "{command:?} {}", err(&output));
            assert!(
                err(&output).starts_with(&format!(
                    "error: something is baked into module {module}; give it as --baked"
                )),
                "{}",
                err(&output)
            );
        }
    }
}

#[test]
fn what_a_baked_module_brings_cannot_be_given_beside_it() {
    let place = Place::new();
    for more in [
        &["--rendering", "ecs"][..],
        &["--detail", "full"],
        &["--fields", "owner"],
        &["--pseudonymise-people"],
        &["--snapshot", "s.whose"],
        &["--module", "m.wasm"],
    ] {
        let mut arguments = vec!["enrich", "--baked", "not-there.wasm"];
        arguments.extend(more);
        let output = place.run(&arguments, b"");
        assert_eq!(code(&output), Some(2), "{more:?} {}", err(&output));
        assert!(err(&output).contains("--baked"), "{}", err(&output));
    }
}
