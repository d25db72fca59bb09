//! Target `snapshot`: any file is refused or served, and what it says may be wrong.
//!
//! Input that begins with the magic is the file. Otherwise the first byte says what is done with
//! the frozen snapshot, and the rest are edits of five bytes: a place and the byte to put there.

use std::fmt::Debug;

use enrich_core::snapshot::header::{
    ALIGNMENT, CHUNK_LEN, DIGEST_AT, ENTRY_LEN, HEADER_LEN, MAGIC,
};
use enrich_core::snapshot::integrity::{chunk_digest, header_digest};
use enrich_core::{Check, Enricher, LookupError, Snapshot, Trust};
use serde_json::Value;

use crate::golden::{self, GOLDEN};

/// Keys of each sort.
const KEYS: [&str; 8] = [
    "aws_arn:arn:aws:iam::111122223333:role/ci/deployer",
    "aws_principal_id:AROAGOLDENDEPLOYER01",
    "aws_access_key_id:AKIAGOLDENSHARED0001",
    "aws_access_key_id:AKIAGOLDENLENTOUT001",
    "k8s_user@prod-eu:system:serviceaccount:payments:api",
    "github_app:scanner",
    "spiffe_id:spiffe://golden.example/ns/scan",
    "aws_arn:arn:aws:iam::111122223333:role/nobody",
];

/// Events that lead to those keys.
const EVENTS: &str = include_str!("../corpus/enrich/golden-identities.ndjson");

/// Checks one file.
pub fn check(data: &[u8]) {
    let mut file;
    if data.starts_with(&MAGIC) {
        file = data.to_vec();
        serve(&file);
        reseal(&mut file);
    } else {
        let (mode, edits) = data.split_first().unwrap_or((&0, &[]));
        file = GOLDEN.to_vec();
        for edit in edits.chunks_exact(5) {
            let at = u32::from_le_bytes([edit[0], edit[1], edit[2], edit[3]]) as usize;
            let at = at % file.len();
            // Odd modes change bits, so that one edit of a reference leads nearby.
            file[at] = if mode & 1 == 1 {
                file[at] ^ edit[4]
            } else {
                edit[4]
            };
        }
        if mode & 2 == 2 {
            file.truncate(edits.len() * 61 % (file.len() + 1));
        }
        serve(&file);
        reseal(&mut file);
    }
    // With digests that fit, as whoever builds hostile files would make them.
    serve(&file);
}

/// Does with a file everything that can be done with it.
fn serve(file: &[u8]) {
    let file = golden::aligned(file);
    let mut enricher = None;
    for check in [Check::ByHost, Check::OnFirstTouch, Check::All] {
        let Ok(snapshot) = Snapshot::open(&file, check, &Trust::default()) else {
            continue;
        };
        let _ = snapshot.verify();
        for identity in snapshot.identities() {
            read(&(identity.uid().concat(), identity.name(), identity.domain()));
            for alias in identity.aliases() {
                read(&(alias.parts.concat(), alias.value_is("x")));
            }
        }
        let enricher = enricher.get_or_insert_with(|| Enricher::new(golden::config()));
        let Ok(attached) = enricher.attach(&file, check, Some(0)) else {
            continue;
        };
        let out = enricher.enrich(EVENTS.as_bytes());
        let out = std::str::from_utf8(out).expect("what comes out is text");
        assert_eq!(out.lines().count(), EVENTS.lines().count());
        for line in out.lines() {
            assert!(serde_json::from_str::<Value>(line).is_ok(), "{line}");
        }
        for key in KEYS {
            match enricher.lookup(key) {
                Ok(record) => {
                    assert!(serde_json::from_slice::<Value>(record).is_ok(), "{key}");
                }
                Err(LookupError::Snapshot(_)) => {}
                Err(error) => panic!("{key}: {error}"),
            }
        }
        assert_eq!(enricher.detach(attached), Ok(()));
    }
}

/// Reads a fact without looking at it.
fn read(fact: &impl Debug) {
    std::hint::black_box(format!("{fact:?}"));
}

/// Makes the digests fit changed bytes. Leaves alone what does not lie where it should.
fn reseal(file: &mut [u8]) {
    let _ = try_reseal(file);
}

fn try_reseal(file: &mut [u8]) -> Option<()> {
    let number = |file: &[u8], at: usize| {
        let bytes = file.get(at..)?.first_chunk::<8>()?;
        usize::try_from(u64::from_le_bytes(*bytes)).ok()
    };
    // The chunk table is the first section.
    let table = number(file, HEADER_LEN + 8)?;
    let table_end = table.checked_add(number(file, HEADER_LEN + 16)?)?;
    let body = table_end.checked_next_multiple_of(ALIGNMENT)?;
    let chunks = file.get(body.min(file.len())..)?.chunks(CHUNK_LEN);
    let digests: Vec<u8> = chunks.flat_map(chunk_digest).collect();
    let place = file.get_mut(table..table_end)?;
    let len = digests.len().min(place.len());
    place[..len].copy_from_slice(&digests[..len]);
    let sections = file.get(100..)?.first_chunk::<4>()?;
    let directory_len = (u32::from_le_bytes(*sections) as usize).checked_mul(ENTRY_LEN)?;
    let directory = file.get(HEADER_LEN..HEADER_LEN.checked_add(directory_len)?)?;
    let digest = header_digest(file, directory, file.get(table..table_end)?);
    file.get_mut(DIGEST_AT..DIGEST_AT + digest.len())?
        .copy_from_slice(&digest);
    Some(())
}
