//! The bytes of a snapshot depend on what sources say, not on the order in which files and entries come;
//! who is believed depends on the declared precedence.

use std::path::Path;

use serde_json::Value;
use snapshots::config::InventoryConfig;
use snapshots::export::{Explicit, Quiet, export, export_snapshot};
use snapshots::format::build;
use snapshots::model::Identity;
use snapshots::text::time;

const NOW: i64 = 1_773_986_400_000; // 2026-03-20T06:00:00Z

/// A linear congruential generator, so that a failure can be looked at again.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            list.swap(at, self.below(at + 1));
        }
    }
}

/// Shuffles the lists of an export that hold its entries; lists inside an entry may have a meaning.
fn shuffle(value: &mut Value, random: &mut Random) {
    match value {
        Value::Object(map) => map.values_mut().for_each(|inner| {
            if let Value::Array(items) = inner {
                random.shuffle(items);
            }
        }),
        Value::Array(items) => random.shuffle(items),
        _ => {}
    }
}

#[test]
fn files_and_entries_may_come_in_any_order() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let text = std::fs::read_to_string(samples.join("inventory.toml")).unwrap();
    let explicit = Explicit::new(NOW, 1, 0);
    let bytes = |config: &InventoryConfig| {
        let (bytes, exported) = export_snapshot(config, &explicit, &mut Quiet).unwrap();
        assert!(exported.report.identities > 60);
        bytes
    };
    let config = InventoryConfig::parse(&samples.join("inventory.toml"), &text).unwrap();
    let expected = bytes(&config);
    // The streamed way and the one over an inventory in memory make the same snapshot.
    let inventory = export(&config, &explicit, &mut Quiet).unwrap().inventory;
    assert_eq!(build(&inventory).unwrap(), expected);
    let mut random = Random(7);
    for round in 0..4 {
        let folder = tempfile::tempdir().unwrap();
        let mut altered = config.clone();
        for (number, source) in altered.sources.iter_mut().enumerate() {
            for (place, path) in source.files.iter_mut().enumerate() {
                let text = std::fs::read_to_string(&*path).unwrap();
                let Ok(mut document) = serde_json::from_str::<Value>(&text) else {
                    continue;
                };
                shuffle(&mut document, &mut random);
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                *path = folder.path().join(format!("{number}-{place}-{name}"));
                std::fs::write(&*path, document.to_string()).unwrap();
            }
            random.shuffle(&mut source.files);
        }
        assert!(
            bytes(&altered) == expected,
            "round {round} made other bytes"
        );
    }
}

const OLD: &str = r#"{"Users":[{"UserName":"ci","UserId":"AIDA4CICI4CICI4CICI4","Arn":"arn:aws:iam::111122223333:user/ci","CreateDate":"2024-01-01T00:00:00Z","Tags":[{"Key":"owner","Value":"old-team"}]}]}"#;
const NEW: &str = r#"{"Users":[{"UserName":"ci","UserId":"AIDA4CICI4CICI4CICI4","Arn":"arn:aws:iam::111122223333:user/ci","CreateDate":"2024-02-02T00:00:00Z","Tags":[{"Key":"owner","Value":"new-team"}]}]}"#;

const OLDER: &str = "2024-01-01T00:00:00Z";
const NEWER: &str = "2024-02-02T00:00:00Z";

/// The user of two sources of which the second one is newer.
fn decided(precedence: &str) -> Identity {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("old.json"), OLD).unwrap();
    std::fs::write(folder.path().join("new.json"), NEW).unwrap();
    let text = format!(
        "organization = \"x\"\n{precedence}\n\
        [[source]]\nname = \"old\"\nconnector = \"aws_iam_users\"\nfiles = [\"old.json\"]\nobserved = \"2026-03-01\"\n\
        [[source]]\nname = \"new\"\nconnector = \"aws_iam_users\"\nfiles = [\"new.json\"]\nobserved = \"2026-03-19\"\n"
    );
    let config = InventoryConfig::parse(&folder.path().join("inventory.toml"), &text).unwrap();
    let mut exported = export(&config, &Explicit::new(NOW, 1, 0), &mut Quiet).unwrap();
    assert_eq!(exported.inventory.identities.len(), 1);
    exported.inventory.identities.swap_remove(0)
}

#[test]
fn the_declared_precedence_decides_field_by_field() {
    let of = |identity: &Identity| {
        let owner = identity.owner.as_ref().unwrap();
        let lost: Vec<String> = identity
            .conflicts
            .iter()
            .map(|lost| format!("{} {}: {}", lost.field, lost.source, lost.value))
            .collect();
        (
            identity.created.at().map(time),
            owner.entity.reference.clone(),
            lost,
        )
    };
    for (precedence, created, owner, lost) in [
        (
            "",
            OLDER,
            "group:default/old-team",
            "created new: 2024-02-02T00:00:00Z",
        ),
        (
            "precedence = \"SOURCE\"",
            OLDER,
            "group:default/old-team",
            "created new: 2024-02-02T00:00:00Z",
        ),
        (
            "precedence = \"RECENCY\"",
            NEWER,
            "group:default/new-team",
            "created old: 2024-01-01T00:00:00Z",
        ),
        (
            "precedence = { default = \"RECENCY\", tags = \"SOURCE\" }",
            NEWER,
            "group:default/old-team",
            "created old: 2024-01-01T00:00:00Z",
        ),
        (
            "[precedence]\ncreated = \"RECENCY\"",
            NEWER,
            "group:default/old-team",
            "created old: 2024-01-01T00:00:00Z",
        ),
    ] {
        let identity = decided(precedence);
        let expected = (
            Some(created.to_owned()),
            owner.to_owned(),
            vec![lost.to_owned()],
        );
        assert_eq!(of(&identity), expected, "{precedence}");
        let source = if created == OLDER { "old" } else { "new" };
        let stated = identity
            .provenance
            .iter()
            .find(|stated| stated.field == "created")
            .unwrap();
        assert_eq!(&*stated.source, source, "{precedence}");
    }
}

#[test]
fn a_precedence_that_does_not_exist_is_an_error_with_its_line() {
    let message = |line: &str| {
        let text = format!(
            "organization = \"x\"\n{line}\n[[source]]\nname = \"a\"\nconnector = \"auto\"\nfiles = [\"a.json\"]\n"
        );
        InventoryConfig::parse(Path::new("inventory.toml"), &text)
            .unwrap_err()
            .to_string()
    };
    let text = message("precedence = \"NEWEST\"");
    assert!(
        text.contains("line 2") && text.contains("SOURCE, RECENCY"),
        "{text}"
    );
    let text = message("precedence = { ownr = \"SOURCE\" }");
    assert!(text.contains("did you mean \"owner\""), "{text}");
    let text = message("tombstone_retention = \"a year\"");
    assert!(text.contains("line 2") && text.contains("400d"), "{text}");
}
