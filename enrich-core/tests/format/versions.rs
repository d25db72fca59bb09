//! Later versions: a minor that adds, words that are not known yet, a major.

use super::source::same_identity;
use super::*;
use enrich_core::snapshot::header::MINOR;

/// A minor version that this core does not know.
const LATER: u16 = MINOR + 1;

/// A file of a later minor version: the same content, and a section that nobody knows yet.
fn with_unknown_section(bytes: &[u8]) -> Aligned {
    let count = u32_at(bytes, 100) as usize;
    let old_body = common::body_at(bytes);
    let table = u64_at(bytes, HEADER_LEN + 8) as usize;
    let table_len = u64_at(bytes, HEADER_LEN + 16) as usize;
    let new_table = (HEADER_LEN + (count + 1) * ENTRY_LEN).next_multiple_of(64);
    let new_body = (new_table + table_len).next_multiple_of(64);
    let shift = (new_body - old_body) as u64;
    let unknown = b"what a later version knows, as rows of eight bytes, and an end..";
    let unknown_at = (bytes.len() + shift as usize).next_multiple_of(64);

    let mut out = bytes[..HEADER_LEN + count * ENTRY_LEN].to_vec();
    for number in 0..count {
        let at = HEADER_LEN + number * ENTRY_LEN + 8;
        let offset = u64_at(bytes, at);
        let moved = if number == 0 {
            new_table as u64
        } else {
            offset + shift
        };
        out[at..at + 8].copy_from_slice(&moved.to_le_bytes());
    }
    out.extend_from_slice(&200_u32.to_le_bytes());
    out.extend_from_slice(&8_u32.to_le_bytes());
    for number in [unknown_at, unknown.len(), 7] {
        out.extend_from_slice(&(number as u64).to_le_bytes());
    }
    out.resize(new_table, 0);
    out.extend_from_slice(&bytes[table..table + table_len]);
    out.resize(new_body, 0);
    out.extend_from_slice(&bytes[old_body..]);
    out.resize(unknown_at, 0);
    out.extend_from_slice(unknown);
    let total = out.len() as u64;
    out[10..12].copy_from_slice(&LATER.to_le_bytes());
    out[16..24].copy_from_slice(&total.to_le_bytes());
    out[100..104].copy_from_slice(&(count as u32 + 1).to_le_bytes());
    let mut out = aligned(&out);
    reseal(&mut out);
    format::sign(&mut out, &SIGNING_SEED).unwrap();
    out
}

#[test]
fn a_newer_minor_opens_and_reads_the_same() {
    let bytes = with_unknown_section(&golden());
    let snapshot =
        Snapshot::open(&bytes, Check::All, &trust()).expect("a minor version only adds sections");
    assert_eq!(
        (snapshot.header().major, snapshot.header().minor),
        (1, LATER)
    );
    assert_eq!(
        snapshot
            .sections()
            .last()
            .map(|entry| (entry.id, entry.row_len, entry.rows)),
        Some((200, 8, 7))
    );
    assert_eq!(snapshot.verify(), Ok(()));
    let mut source = full().identities;
    source.sort_by(|a, b| a.uid.cmp(&b.uid));
    for (row, expected) in snapshot.identities().zip(&source) {
        same_identity(&row, expected);
    }
    assert_eq!(snapshot.rules().count(), full().rules.len());
    let mut enricher = common::enricher(&bytes);
    let event = common::role_event(
        ACCOUNT,
        "ci/deployer",
        "AROAGOLDENDEPLOYER01",
        "2026-03-20T05:00:00Z",
    );
    let mut plain = golden();
    reseal(&mut plain);
    let mut of_golden = common::enricher(&plain);
    let (newer, known) = (
        common::context_of(&mut enricher, &event),
        common::context_of(&mut of_golden, &event),
    );
    assert_eq!(newer["identities"], known["identities"]);
    assert_eq!(newer["triage"], known["triage"]);
    assert_eq!(newer["response"], known["response"]);
}

/// A word that a later minor version has added reads as an absent fact.
#[test]
fn unknown_codes_are_absent_facts() {
    let mut bytes = golden();
    let (types, row_len) = rows_of(&bytes, section::TYPES);
    for row in types.step_by(row_len) {
        bytes[row..row + 3].copy_from_slice(&[200, 201, 202]);
    }
    let (exposure, row_len) = rows_of(&bytes, section::EXPOSURE);
    for row in exposure.step_by(row_len) {
        bytes[row + 1] = 99;
        bytes[row + 3] = 99;
    }
    let (expectations, row_len) = rows_of(&bytes, section::EXPECTATIONS);
    for row in expectations.step_by(row_len) {
        bytes[row] = 77;
    }
    reseal(&mut bytes);
    let snapshot = open(&bytes).unwrap();
    for row in snapshot.identities() {
        assert_eq!(
            (row.kind(), row.provider(), row.lifecycle_state()),
            (Kind::Unknown, None, None)
        );
        assert_eq!((row.criticality(), row.privilege_level()), (None, None));
        assert!(
            row.expectations()
                .all(|expectation| expectation.dimension().is_none())
        );
    }
    let mut enricher = common::enricher(&bytes);
    let event = common::role_event(
        ACCOUNT,
        "ci/deployer",
        "AROAGOLDENDEPLOYER01",
        "2026-03-20T05:00:00Z",
    );
    let context = common::context_of(&mut enricher, &event);
    assert_eq!(context["identities"][0]["outcome"], "matched");
    assert_eq!(context["identities"][0]["kind"], "unknown");
    assert_eq!(
        context["identities"][0]["provider"],
        serde_json::Value::Null
    );
    assert_eq!(
        context["identities"][0]["behavior"]["verdict"],
        "no_baseline"
    );
}

#[test]
fn a_newer_major_is_refused_before_anything_else_is_read() {
    let refused = SnapshotError::UnsupportedMajor {
        found: 2,
        supported: 1,
    };
    let mut bytes = golden();
    bytes[8] = 2;
    reseal(&mut bytes);
    assert_eq!(open(&bytes).err(), Some(refused.clone()));
    // Nothing behind the version is looked at: neither lengths nor digests nor alignment.
    for byte in &mut bytes[10..] {
        *byte = 0xFF;
    }
    assert_eq!(Header::parse(&bytes), Err(refused.clone()));
    assert_eq!(open(&bytes).err(), Some(refused.clone()));
    assert_eq!(Header::parse(&bytes[..12]), Err(refused.clone()));
    let unaligned = aligned(&[&[0], bytes.as_slice()].concat());
    assert_eq!(open(&unaligned[1..]).err(), Some(refused));
    bytes[8..10].copy_from_slice(&[0, 0]);
    assert_eq!(
        open(&bytes).err(),
        Some(SnapshotError::UnsupportedMajor {
            found: 0,
            supported: 1
        })
    );
}
