//! Version 1.1: environments of scopes, exceptions of findings that only an event shows, and limits.

use super::*;

/// What the file of version 1.0 holds, and what version 1.1 adds.
fn full_1_1() -> Inventory {
    let mut inventory = full();
    inventory.meta.id = "golden-v1.1".to_owned();
    inventory.scopes[0].environment = vec![Environment::Production];
    inventory.scopes[3].environment = vec![Environment::Test, Environment::Staging];
    inventory.limits = EventLimits {
        dormant_after_days: Some(90),
        rotation_grace_days: Some(7),
    };
    let accepted = |finding: &str, reason: &str| Exception {
        finding: finding.to_owned(),
        until_ms: CREATED_MS + 86_400_000,
        reason: reason.to_owned(),
    };
    inventory.identities[0].accepted = Box::new([
        accepted("human_use_suspected", "until the pipeline is there"),
        accepted("outside_environment", "migration"),
    ]);
    inventory.identities[2].accepted = Box::new([accepted("dormant_identity_used", "")]);
    inventory
}

fn golden_1_1() -> Aligned {
    committed("v1-1.whose", full_1_1)
}

#[test]
fn golden_1_1_opens_and_verifies() {
    let bytes = golden_1_1();
    let snapshot = Snapshot::open(&bytes, Check::All, &trust()).expect("signed by the test key");
    assert_eq!(snapshot.verify(), Ok(()));
    assert_eq!((snapshot.header().major, snapshot.header().minor), (1, 1));
    let lengths: Vec<(u32, u32)> = snapshot
        .sections()
        .filter(|entry| entry.id >= SECTIONS)
        .map(|entry| (entry.id, entry.row_len))
        .collect();
    assert_eq!(
        lengths,
        [(section::SCOPE_ENVIRONMENTS, 8), (section::EXCEPTIONS, 16)]
    );
}

#[test]
fn golden_1_1_is_rebuilt_byte_for_byte() {
    assert!(golden_1_1().as_slice() == build_signed(&full_1_1(), &SIGNING_SEED).as_slice());
}

#[test]
fn golden_1_1_reads_as_its_source() {
    let bytes = golden_1_1();
    let snapshot = open(&bytes).unwrap();
    let source = full_1_1();
    for expected in &source.scopes {
        let stored = snapshot.environments_of(expected.provider, &expected.domain, &expected.part);
        let mask = expected
            .environment
            .iter()
            .fold(0, |mask, word| mask | 1 << word.code());
        assert_eq!(stored, mask, "{} {}", expected.domain, expected.part);
    }
    assert_eq!(snapshot.limits().dormant_after_days, Some(90));
    assert_eq!(snapshot.limits().rotation_grace_days, Some(7));
    let read = snapshots::read::inventory(&snapshot).unwrap();
    assert_eq!(read.limits, source.limits);
    let mut identities = source.identities;
    identities.sort_by(|a, b| a.uid.cmp(&b.uid));
    for (read, expected) in read.identities.iter().zip(&identities) {
        assert_eq!(read.accepted, expected.accepted, "{}", expected.uid);
        source::same_identity(&snapshot_row(&snapshot, &expected.uid), expected);
    }
}

fn snapshot_row<'s>(snapshot: &'s Snapshot<'_>, uid: &str) -> IdentityRef<'s> {
    let mut rows = snapshot.identities();
    rows.find(|row| row.uid().concat() == uid)
        .expect("every identity is there")
}

/// What uses nothing of version 1.1 is written as version 1.0; what is not known reads as absent.
#[test]
fn a_file_carries_the_lowest_minor_that_has_all_it_uses() {
    let mut inventory = full();
    inventory.limits = full_1_1().limits;
    let bytes = build(&inventory);
    let snapshot = open(&bytes).unwrap();
    assert_eq!((snapshot.header().major, snapshot.header().minor), (1, 0));
    assert!(snapshot.sections().all(|entry| entry.id < SECTIONS));
    assert_eq!(snapshot.limits().dormant_after_days, Some(90));
    let old = golden();
    let old = open(&old).unwrap();
    assert_eq!(old.limits().dormant_after_days, None);
    for scope in &full().scopes {
        let known = old.environments_of(scope.provider, &scope.domain, &scope.part);
        assert_eq!(known, 0);
    }
    assert!(old.identities().all(|row| row.accepted().next().is_none()));
}

/// Each fault of the new sections is found by the full walk.
#[test]
fn faults_are_found() {
    for (section, at, value, what) in [
        (
            section::SCOPE_ENVIRONMENTS,
            0,
            99,
            "row number past the end of its table",
        ),
        (
            section::SCOPE_ENVIRONMENTS,
            8,
            0,
            "environments are not in the order of their scopes",
        ),
        (
            section::EXCEPTIONS,
            0,
            99,
            "row number past the end of its table",
        ),
        (
            section::EXCEPTIONS,
            0,
            7,
            "exceptions are not in the order of their identities",
        ),
        (
            section::EXCEPTIONS,
            4,
            0x7FFF_FFFF,
            "text lies outside the heap, or is empty",
        ),
        (
            section::EXCEPTIONS,
            8,
            3,
            "time is no state, no start of \"never since\" and no second",
        ),
    ] {
        let mut bytes = golden_1_1();
        let (rows, _) = rows_of(&bytes, section);
        let at = rows.start + at;
        bytes[at..at + 4].copy_from_slice(&u32::to_le_bytes(value));
        reseal(&mut bytes);
        match open(&bytes).unwrap().verify() {
            Err(SnapshotError::Inconsistent {
                section: found,
                what: said,
                ..
            }) => {
                assert_eq!((found, said), (section, what));
            }
            other => panic!("{section} {at}: {other:?}"),
        }
    }
}
