//! What goes into the bytes: everything explicit, nothing else; and how many there are.

use super::*;

/// Greatest number of bytes an identity takes in [`size_of_a_long_snapshot`], a tenth above what
/// was measured when the format was frozen.
const MOST_BYTES_AN_IDENTITY: usize = 140;

#[test]
fn the_order_of_identities_does_not_matter() {
    let expected = build(&full());
    let mut lcg = Lcg(1);
    for _ in 0..20 {
        let mut inventory = full();
        shuffle(&mut inventory.identities, &mut lcg);
        shuffle(&mut inventory.scopes, &mut lcg);
        shuffle(&mut inventory.networks, &mut lcg);
        for identity in &mut inventory.identities {
            shuffle(&mut identity.credentials, &mut lcg);
            shuffle(&mut identity.behavior, &mut lcg);
            shuffle(&mut identity.environment, &mut lcg);
        }
        assert!(
            build(&inventory).as_slice() == expected.as_slice(),
            "other bytes"
        );
    }
    let mut long = many(3000);
    let expected = build(&long);
    shuffle(&mut long.identities, &mut lcg);
    assert!(
        build(&long).as_slice() == expected.as_slice(),
        "other bytes"
    );
}

/// Nor does the order of an identity's keys, of which one was valid in two intervals.
#[test]
fn the_order_of_aliases_does_not_matter() {
    let expected = build(&full());
    let mut inventory = full();
    for identity in &mut inventory.identities {
        identity.aliases.reverse();
    }
    assert!(
        build(&inventory).as_slice() == expected.as_slice(),
        "other bytes"
    );
}

pub(super) fn shuffle<T>(list: &mut [T], lcg: &mut Lcg) {
    for at in (1..list.len()).rev() {
        list.swap(at, lcg.below(at + 1));
    }
}

/// An explicit input, and how it changes.
type Change = (&'static str, fn(&mut Meta));

#[test]
fn every_explicit_input_shows_in_the_bytes() {
    let plain = build(&full());
    let changes: [Change; 6] = [
        ("sequence", |meta| meta.sequence += 1),
        ("created", |meta| meta.created_ms += 1),
        ("valid_for", |meta| meta.valid_for_s += 1),
        ("previous", |meta| meta.previous = None),
        ("overlay_of", |meta| meta.overlay_of = Some([7; 32])),
        ("organization", |meta| meta.organization.push('!')),
    ];
    let mut digests = BTreeSet::from([digest(&plain)]);
    for (name, change) in changes {
        let mut inventory = full();
        change(&mut inventory.meta);
        let changed = build(&inventory);
        assert!(
            digests.insert(digest(&changed)),
            "{name} does not reach the digest"
        );
        assert_eq!(build(&inventory).as_slice(), changed.as_slice(), "{name}");
    }
    // The digest covers the content, and the content alone moves the index seed.
    let mut inventory = full();
    inventory.meta.sequence += 1;
    let changed = build(&inventory);
    assert_eq!(u64_at(&changed, 112), u64_at(&plain, 112));
    inventory.identities.pop();
    inventory.identities.pop();
    assert_ne!(u64_at(&build(&inventory), 112), u64_at(&plain, 112));
}

#[test]
fn signing_changes_signer_and_signature_only() {
    let (unsigned, signed) = (build(&full()), build_signed(&full(), &SIGNING_SEED));
    assert_eq!(unsigned[..SIGNER_AT], signed[..SIGNER_AT]);
    assert_eq!(unsigned[HEADER_LEN..], signed[HEADER_LEN..]);
    assert_eq!(unsigned[SIGNER_AT..HEADER_LEN], [0; HEADER_LEN - SIGNER_AT]);
    let mut again = signed.clone();
    format::sign(&mut again, &SIGNING_SEED).unwrap();
    assert_eq!(again.as_slice(), signed.as_slice());
}

/// The page on the format says that gaps are zero.
#[test]
fn gaps_are_zero() {
    for bytes in [golden(), build(&many(2000))] {
        let snapshot = open(&bytes).unwrap();
        let mut end = HEADER_LEN + ENTRY_LEN * snapshot.sections().count();
        for entry in snapshot.sections() {
            assert_eq!(entry.offset % 64, 0, "section {}", entry.id);
            assert!(
                bytes[end..entry.offset as usize]
                    .iter()
                    .all(|byte| *byte == 0),
                "in front of section {}",
                entry.id
            );
            end = (entry.offset + entry.len) as usize;
        }
        assert_eq!(end, bytes.len());
    }
}

#[test]
fn size_of_a_long_snapshot() {
    const COUNT: usize = 100_000;
    let bytes = build(&many(COUNT));
    let snapshot = open(&bytes).unwrap();
    assert_eq!(snapshot.verify(), Ok(()));
    let each = bytes.len() / COUNT;
    println!(
        "{COUNT} identities, {} keys: {} bytes, {each} an identity",
        snapshot.key_count(),
        bytes.len()
    );
    for entry in snapshot
        .sections()
        .filter(|entry| entry.len as usize / COUNT > 0)
    {
        println!(
            "  section {:2}: {:5.1} bytes an identity",
            entry.id,
            entry.len as f64 / COUNT as f64
        );
    }
    assert!(each <= MOST_BYTES_AN_IDENTITY, "{each} bytes an identity");
    let index = u64_at(&bytes, entry_at(&bytes, section::INDEX) + 16) as usize;
    assert!(
        index <= 8 * snapshot.key_count() + 64 + 8,
        "the index takes more than 8 bytes a key: {index}"
    );
}

/// The longest key value goes in and is found; one byte more is an error at build.
#[test]
fn the_longest_key_is_found() {
    let longest = format!(
        "arn:aws:iam::{ACCOUNT}:role/{}",
        "x".repeat(MAX_KEY_VALUE - 31 - ACCOUNT.len() + 6)
    );
    for len in [MAX_KEY_VALUE, MAX_KEY_VALUE + 1] {
        let mut value = longest.clone();
        value.truncate(len.min(longest.len()));
        value.extend(std::iter::repeat_n('y', len - value.len()));
        let mut identity = Identity::new("aws:1:role/x", "x", Kind::IamRole, Provider::Aws, "1");
        identity.aliases = vec![common::inventory::alias(KeyType::AwsArn, &value)];
        let inventory = Inventory {
            identities: vec![identity],
            ..Inventory::default()
        };
        if len > MAX_KEY_VALUE {
            assert!(format::build(&inventory).is_err());
            continue;
        }
        let bytes = build(&inventory);
        let mut found = Vec::new();
        open(&bytes)
            .unwrap()
            .holders(&Key::new(KeyType::AwsArn, "", &value), |candidate| {
                found.push(candidate.identity)
            });
        assert_eq!(found, [0]);
    }
}

/// A snapshot of nothing is a snapshot.
#[test]
fn an_empty_inventory_is_a_snapshot() {
    let bytes = build(&Inventory::default());
    let snapshot = open(&bytes).unwrap();
    assert_eq!(snapshot.verify(), Ok(()));
    assert_eq!((snapshot.identity_count(), snapshot.key_count()), (0, 0));
    assert_eq!(
        snapshot.identities().count() + snapshot.scopes().count() + snapshot.rules().count(),
        0
    );
    let mut enricher = common::enricher(&bytes);
    let event = common::role_event(
        ACCOUNT,
        "ci/deployer",
        "AROAGOLDENDEPLOYER01",
        "2026-03-20T05:00:00Z",
    );
    assert_eq!(common::outcome_of(&mut enricher, &event), "out_of_scope");
}

/// A source may say that a key began after its identity or the key itself ended. That is refused, or
/// becomes a file that verifies; never one that `verify` refuses afterwards.
#[test]
fn a_key_that_ends_before_it_begins() {
    for (retired, from, to) in [
        (Some(CREATED_MS - 10), Some(CREATED_MS), None),
        (None, Some(CREATED_MS), Some(CREATED_MS - 10)),
        (
            Some(CREATED_MS - 10),
            Some(CREATED_MS),
            Some(CREATED_MS + 10),
        ),
    ] {
        let mut identity = common::inventory::role(ACCOUNT, "x", "AROABACKWARDS0000001");
        identity.retired_at_ms = retired;
        identity.aliases[0].valid_from_ms = from;
        identity.aliases[0].valid_to_ms = to;
        let inventory = Inventory {
            identities: vec![identity],
            ..Inventory::default()
        };
        if let Ok(bytes) = format::build(&inventory) {
            let bytes = aligned(&bytes);
            assert_eq!(
                open(&bytes).unwrap().verify(),
                Ok(()),
                "{retired:?} {from:?} {to:?}"
            );
        }
    }
}
