//! The format is frozen: a committed v1 file reads as its source says and is rebuilt byte for byte,
//! newer minors open, newer majors do not, codes and hashes keep their values.

mod building;
#[path = "../common/mod.rs"]
mod common;
mod frozen;
mod minor_1;
mod source;
mod versions;

use std::collections::BTreeSet;
use std::path::PathBuf;

use common::inventory::{ACCOUNT, CREATED_MS, full, many};
use common::{
    Aligned, Lcg, SIGNING_SEED, aligned, build, build_signed, digest, entry_at, open, public_key,
    reseal, rows_of, u32_at, u64_at,
};
use enrich_core::hash::key_hash;
use enrich_core::snapshot::header::{ENTRY_LEN, HEADER_LEN, Header, SIGNER_AT};
use enrich_core::snapshot::schema::{section, time_code};
use enrich_core::snapshot::{EntityRef as StoredEntity, EscalationRef, IdentityRef, TimeFact};
use enrich_core::vocabulary::*;
use enrich_core::{Check, Key, KeyType, MAX_KEY_VALUE, Snapshot, SnapshotError, Trust};
use snapshots::format;
use snapshots::model::*;

/// Sections that a v1 file has.
const SECTIONS: u32 = 32;

/// A committed file. `WHOSE_BLESS=1` writes it where there is none; nothing ever overwrites it.
fn committed(name: &str, inventory: fn() -> Inventory) -> Aligned {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    if !path.exists() && std::env::var_os("WHOSE_BLESS").is_some_and(|value| value == "1") {
        std::fs::write(&path, build_signed(&inventory(), &SIGNING_SEED).as_slice())
            .expect("the golden folder can be written");
    }
    aligned(&std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// The file of version 1.0.
fn golden() -> Aligned {
    committed("v1.whose", full)
}

fn trust() -> Trust {
    Trust::new(vec![public_key(&SIGNING_SEED)])
}

#[test]
fn golden_file_opens_and_verifies() {
    let bytes = golden();
    let snapshot = Snapshot::open(&bytes, Check::All, &trust()).expect("signed by the test key");
    assert_eq!(snapshot.integrity(), Integrity::Verified);
    assert_eq!(snapshot.verify(), Ok(()));
    let header = snapshot.header();
    assert_eq!((header.major, header.minor), (1, 0));
    assert_eq!(header.total_len, bytes.len() as u64);
    assert_eq!(
        (header.sequence, header.created_ms, header.valid_for_s),
        (41, CREATED_MS, 86_400)
    );
    assert_eq!(header.id(), "golden-v1");
    assert_eq!(header.layer, LayerKind::Shard);
    assert_eq!((header.overlay_of, header.previous), ([0; 32], [0xAB; 32]));
    assert_eq!(header.signer, public_key(&SIGNING_SEED));
    assert_eq!(header.to_bytes(), bytes[..HEADER_LEN]);
    assert_eq!(snapshot.meta("organization"), Some("Golden Works"));
    assert_eq!(snapshot.meta("nothing"), None);
    assert!(!snapshot.is_damaged());
}

#[test]
fn golden_file_fills_every_section() {
    let bytes = golden();
    let snapshot = open(&bytes).unwrap();
    let mut ids: Vec<u32> = snapshot.sections().map(|entry| entry.id).collect();
    for entry in snapshot.sections() {
        // Row 0 of the tables that a zero refers to stands for absent.
        let absent = match entry.id {
            section::TEXT
            | section::LISTS
            | section::KEY_CLASSES
            | section::VALIDITY
            | section::KEY_HOLDERS
            | section::PROFILES => 1,
            section::TYPES..=section::ESCALATIONS | section::DETAILS..=section::BLAST_RADIUS => 1,
            _ => 0,
        };
        assert!(
            entry.rows > absent,
            "section {} has {} rows",
            entry.id,
            entry.rows
        );
    }
    ids.sort_unstable();
    assert_eq!(ids, (0..SECTIONS).collect::<Vec<_>>());
}

#[test]
fn golden_file_is_rebuilt_byte_for_byte() {
    let (committed, rebuilt) = (golden(), build_signed(&full(), &SIGNING_SEED));
    let differs = committed
        .iter()
        .zip(rebuilt.iter())
        .position(|(a, b)| a != b);
    assert_eq!(differs, None, "first difference");
    assert_eq!(committed.len(), rebuilt.len());
}
