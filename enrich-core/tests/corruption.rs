//! Changed, cut, forged and misplaced snapshots: each has a defined result, and none a panic.
//!
//! The tests take a good file, say what stands at a place, change it, and name the error variant.

mod common;

use common::inventory::{ACCOUNT, CREATED_MS, full, many, many_path, many_principal, meta, role, scope};
use common::{
    Aligned, Lcg, SIGNING_SEED, Under, aligned, attach, body_at, build, build_signed, digest, entry_at, k8s_event, open, public_key, reseal,
    role_event, u32_at, u64_at, user_event,
};
use enrich_core::config::Config;
use enrich_core::snapshot::SnapshotError::*;
use enrich_core::snapshot::header::{CHUNK_LEN, DIGEST_AT, ENTRY_LEN, HEADER_LEN, SIGNATURE_AT, SIGNER_AT};
use enrich_core::snapshot::schema::section;
use enrich_core::vocabulary::{Integrity, Provider};
use enrich_core::{Check, Enricher, Key, KeyType, LayerHandle, MAX_LAYERS, Snapshot, SnapshotError, Trust};
use snapshots::model::{Inventory, Meta};

/// Identities in the long snapshot, which has more than one chunk.
const MANY: usize = 20_000;
/// Another test key.
const STRANGER: [u8; 32] = *b"another test key, also no secret";

fn trust() -> Trust {
    Trust::new(vec![public_key(&SIGNING_SEED)])
}

fn long() -> Aligned {
    build_signed(&many(MANY), &SIGNING_SEED)
}

fn refusal(bytes: &[u8], check: Check, trust: &Trust) -> Option<SnapshotError> {
    Snapshot::open(bytes, check, trust).err()
}

/// Events that touch every part of the lookup: hits, misses, shared keys, tombstones, envelopes.
fn events() -> String {
    let mut lines = vec![
        role_event(ACCOUNT, "ci/deployer", "AROAGOLDENDEPLOYER01", "2026-03-20T05:00:00Z"),
        role_event(ACCOUNT, "ci/deployer", "AROASOMEBODYELSE0001", "2026-03-20T05:00:00Z"),
        role_event(ACCOUNT, "shop/worker", "AROAGOLDENWORKEROLD1", "2026-03-20T05:00:00Z"),
        role_event(ACCOUNT, "shop/worker", "AROAGOLDENWORKERNEW1", "2026-03-20T05:00:00Z"),
        role_event(ACCOUNT, "shop/worker", "", "2026-03-10T20:00:00Z"),
        role_event("999900001111", "x", "AROAUNKNOWNUNKNOWN01", "2026-03-20T05:00:00Z"),
        user_event(ACCOUNT, "legacy-backup", "AIDAGOLDENLEGACY0001", "AKIAGOLDENSHARED0001", "2026-03-20T05:00:00Z"),
        user_event(ACCOUNT, "nobody", "", "AKIAGOLDENSHARED0001", "2026-03-20T05:00:00Z"),
        user_event(ACCOUNT, "nobody", "", "AKIAGOLDENDEPLOYER01", "2026-03-20T05:00:00Z"),
        user_event(ACCOUNT, "nobody", "", "AKIAGOLDENLENTOUT001", "2026-01-01T00:00:00Z"),
        k8s_event("system:serviceaccount:payments:api", "5b0a1f8e-7d7e-4c55-9a53-2f0c3f5e1a01", "payments", "2026-03-20T05:00:00Z"),
        k8s_event("system:serviceaccount:payments:gone", "", "payments", "2026-03-20T05:00:00Z"),
        k8s_event("kubernetes-admin", "", "kube-system", "no time"),
        r#"{"eventSource":"x.amazonaws.com","eventName":"y","userIdentity":{"type":"Root"}}"#.to_owned(),
        r#"{"whose":"forged","message":"hello"}"#.to_owned(),
        "not json".to_owned(),
    ];
    for n in 0..24 {
        lines.push(role_event(ACCOUNT, &many_path(n * 7), &many_principal(n * 7), "2026-03-20T05:30:00Z"));
    }
    let records = lines[..4].join(",");
    lines.push(format!("{{\"Records\":[{records}]}}"));
    for n in 0..12 {
        lines.push(role_event(ACCOUNT, &many_path(n * 1663), "", "2026-03-20T05:30:00Z"));
    }
    lines.join("\n")
}

/// Keys of each sort, for lookups on a snapshot that may say anything.
const KEYS: [&str; 9] = [
    "aws_arn:arn:aws:iam::111122223333:role/ci/deployer",
    "aws_principal_id:AROAGOLDENDEPLOYER01",
    "aws_access_key_id:AKIAGOLDENSHARED0001",
    "aws_access_key_id:AKIAGOLDENLENTOUT001",
    "k8s_user@prod-eu:system:serviceaccount:payments:api",
    "github_app:scanner",
    "spiffe_id:spiffe://golden.example/ns/scan",
    "oidc_subject@token.actions.githubusercontent.com:repo:golden/shop:ref:refs/heads/main",
    "aws_arn:arn:aws:iam::111122223333:role/nobody",
];

/// Reads everything that can be read, and does everything that can be done. What it says may be
/// wrong; that it ends, and how, is what is tested.
fn use_everything(bytes: &[u8], events: &str, check: Check, keys: &[&str]) {
    let Ok(snapshot) = Snapshot::open(bytes, check, &Trust::default()) else { return };
    let mut seen = 0_usize;
    for identity in snapshot.identities() {
        seen += identity.uid().concat().len() + identity.name().len() + identity.domain().len();
        seen += usize::from(identity.kind().code()) + identity.sub_type().map_or(0, str::len);
        seen += identity.aliases().map(|alias| alias.parts.concat().len() + usize::from(alias.value_is("x"))).sum::<usize>();
        seen += identity.owner().map_or(0, |owner| owner.reference.len()) + identity.sponsor().map_or(0, |sponsor| sponsor.reference.len());
        seen += identity.secondary_owners().map(str::len).sum::<usize>() + identity.workloads().map(str::len).sum::<usize>();
        seen += identity.privilege_basis().map(str::len).sum::<usize>() + identity.environments().count();
        seen += identity.expectations().map(|row| row.allowed().count() + (0..=255).filter(|hour| row.allows_hour(*hour) == Some(true)).count()).sum::<usize>();
        seen += identity.revocations().map(|row| row.action().len() + row.breaks().count()).sum::<usize>();
        seen += identity.credentials().map(|row| row.uid().len() + usize::from(row.status().code())).sum::<usize>();
        seen += identity.findings().map(|row| row.evidence().len() + row.exception().map_or(0, |(_, reason)| reason.len())).sum::<usize>();
        seen += identity.conflicts().count() + identity.provenance().count() + identity.blast_radius().map_or(0, |(.., teams)| teams.count());
        seen += identity.assumable_by().count() + identity.can_assume().count() + identity.on_behalf_of().count();
        seen += identity.escalation_policy().map_or(0, |policy| policy.id.len()) + identity.purpose().map_or(0, str::len);
        seen += usize::from(identity.retired_ms().is_some()) + usize::from(identity.last_seen().at().is_some());
    }
    seen += snapshot.scopes().map(|scope| scope.domain.len()).sum::<usize>();
    seen += snapshot.rules().map(|rule| rule.rationale().len() + rule.findings().count()).sum::<usize>();
    for address in ["198.51.100.7", "0.0.0.0", "255.255.255.255", "2001:db8:10::1", "::"] {
        seen += snapshot.networks_of(address.parse().unwrap()).iter().count();
    }
    seen += snapshot.meta("organization").map_or(0, str::len) + usize::from(snapshot.scope(Provider::Aws, ACCOUNT, "").is_some());
    std::hint::black_box(seen);
    let _ = snapshot.verify();

    let mut enricher = Enricher::new(common::config());
    if enricher.attach(bytes, check, None).is_err() {
        return;
    }
    let out = enricher.enrich(events.as_bytes());
    assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), events.matches('\n').count(), "lines are kept");
    assert!(std::str::from_utf8(out).is_ok(), "what comes out is text");
    for (number, (out, event)) in out.split(|byte| *byte == b'\n').zip(events.lines()).enumerate() {
        let is_json = serde_json::from_slice::<serde_json::Value>(out).is_ok();
        assert!(is_json || out == event.as_bytes(), "line {number}: {}", String::from_utf8_lossy(out));
    }
    for key in keys {
        let record = enricher.lookup(key).expect("the key is a key");
        assert!(serde_json::from_slice::<serde_json::Value>(record).is_ok(), "{key}");
    }
}

/// A patch of the header: where, what stands there, what is put there, and what comes of it.
struct Patch {
    field: &'static str,
    at: usize,
    is: Vec<u8>,
    put: Vec<u8>,
    error: SnapshotError,
    /// What comes of it when whoever changed the field also made the digests fit.
    resealed: Option<SnapshotError>,
}

fn patch(field: &'static str, at: usize, is: impl AsRef<[u8]>, put: impl AsRef<[u8]>, error: SnapshotError, resealed: Option<SnapshotError>) -> Patch {
    Patch { field, at, is: is.as_ref().to_vec(), put: put.as_ref().to_vec(), error, resealed }
}

#[test]
fn every_header_field() {
    let good = build(&full());
    let total = good.len() as u64;
    let count = u32_at(&good, 100);
    let layout = |offset, what| Layout { offset, what };
    // A field that only the digest protects: resealed, it is what the builder says.
    let fact = |field, at, is: &[u8], put: &[u8]| patch(field, at, is, put, DigestMismatch, None);
    let shape = |field, at, is: &[u8], put: &[u8], error: SnapshotError| patch(field, at, is, put, error.clone(), Some(error));
    let seed = good[112..120].to_vec();
    let own_digest = digest(&good);
    let patches = [
        shape("magic", 0, b"\x89WHS", b"\x09WHS", NotASnapshot),
        shape("magic", 4, b"\r\n\x1a\n", b"\n\x1a\n\x89", NotASnapshot),
        shape("major", 8, &[1, 0], &[2, 0], UnsupportedMajor { found: 2, supported: 1 }),
        shape("major", 8, &[1, 0], &[1, 1], UnsupportedMajor { found: 257, supported: 1 }),
        fact("minor", 10, &[0, 0], &[1, 0]),
        shape("header length", 12, &320_u32.to_le_bytes(), &321_u32.to_le_bytes(), layout(12, "header length is not 320")),
        shape("total length", 16, &total.to_le_bytes(), &(total + 1).to_le_bytes(), Truncated { need: total + 1, have: total }),
        shape("total length", 16, &total.to_le_bytes(), &(total - 1).to_le_bytes(), layout(total - 1, "bytes after the end")),
        shape("total length", 16, &total.to_le_bytes(), &319_u64.to_le_bytes(), layout(16, "total length out of range")),
        shape("total length", 16, &total.to_le_bytes(), &(1_u64 << 31).to_le_bytes(), layout(16, "total length out of range")),
        shape("total length", 16, &total.to_le_bytes(), &u64::MAX.to_le_bytes(), layout(16, "total length out of range")),
        fact("sequence", 24, &41_u64.to_le_bytes(), &42_u64.to_le_bytes()),
        fact("created", 32, &CREATED_MS.to_le_bytes(), &i64::MIN.to_le_bytes()),
        fact("created", 32, &CREATED_MS.to_le_bytes(), &i64::MAX.to_le_bytes()),
        fact("valid for", 40, &86_400_u64.to_le_bytes(), &u64::MAX.to_le_bytes()),
        fact("id", 48, b"golden-v1\0", b"golden-v2\0"),
        shape("id", 48, b"golden-v1\0", b"golden v1\0", layout(48, "id has a character outside A-Z a-z 0-9 . _ : -")),
        shape("id", 57, b"\0\0", b"\0x", layout(48, "id has a character outside A-Z a-z 0-9 . _ : -")),
        shape("layer", 96, &[1], &[3], layout(96, "unknown layer kind")),
        shape("layer", 96, &[1], &[0], layout(96, "unknown layer kind")),
        fact("layer", 96, &[1], &[2]),
        shape("reserved", 97, &[0], &[1], layout(97, "reserved bytes are not zero")),
        fact("longest probe", 98, &[0, 0], &[0xFF, 0xFF]),
        shape("section count", 100, &count.to_le_bytes(), &0_u32.to_le_bytes(), layout(100, "section count out of range")),
        shape("section count", 100, &count.to_le_bytes(), &257_u32.to_le_bytes(), layout(100, "section count out of range")),
        fact("section count", 100, &count.to_le_bytes(), &(count - 1).to_le_bytes()),
        shape("chunk length", 104, &(1_u32 << 20).to_le_bytes(), &(1_u32 << 21).to_le_bytes(), layout(104, "chunk length is not 1 MiB")),
        shape("reserved", 108, &[0; 4], &[0, 0, 0, 1], layout(97, "reserved bytes are not zero")),
        fact("index seed", 112, &seed, &[7; 8]),
        fact("overlay of", 120, &[0; 32], &[7; 32]),
        fact("previous", 152, &[0xAB; 32], &[7; 32]),
        shape("reserved", 184, &[0; 8], &[1, 0, 0, 0, 0, 0, 0, 0], layout(97, "reserved bytes are not zero")),
        fact("digest", DIGEST_AT, &own_digest, &[7; 32]),
    ];
    let mut covered = [false; SIGNER_AT];
    for patch in &patches {
        let Patch { field, at, is, put, error, resealed } = patch;
        let range = *at..*at + put.len();
        covered[range.clone()].fill(true);
        assert_eq!(good[range.clone()], is[..], "{field} at {at}");
        let mut bytes = good.clone();
        bytes[range].copy_from_slice(put);
        for check in [Check::All, Check::OnFirstTouch] {
            assert_eq!(refusal(&bytes, check, &Trust::default()).as_ref(), Some(error), "{field} at {at}");
        }
        reseal(&mut bytes);
        assert_eq!(refusal(&bytes, Check::All, &Trust::default()), *resealed, "{field} at {at}, resealed");
        use_everything(&bytes, &events(), Check::ByHost, &KEYS);
    }
    // The id's padding, and nothing else, is covered by its first bytes alone.
    let missed: Vec<usize> = (0..SIGNER_AT).filter(|at| !covered[*at] && !(48..96).contains(at)).collect();
    assert_eq!(missed, [0_usize; 0], "header bytes without a case");
}

/// What a wrong seed or probe length does: keys are not found, and `verify` says so.
#[test]
fn verify_notices_an_index_that_does_not_lead_to_its_keys() {
    let good = long();
    for (field, at, put) in [("index seed", 112, &[7_u8; 8][..]), ("longest probe", 98, &[0, 0])] {
        let mut bytes = good.clone();
        assert_ne!(bytes[at..at + put.len()], *put, "{field}");
        bytes[at..at + put.len()].copy_from_slice(put);
        reseal(&mut bytes);
        let error = open(&bytes).unwrap().verify().unwrap_err();
        assert!(matches!(error, Inconsistent { section: section::KEYS, what: "key is not found by its own value", .. }), "{field}: {error:?}");
    }
}

#[test]
fn signatures() {
    let signed = build_signed(&full(), &SIGNING_SEED);
    assert_eq!(refusal(&signed, Check::All, &trust()), None);
    assert_eq!(Snapshot::open(&signed, Check::All, &trust()).unwrap().integrity(), Integrity::Verified);
    assert_eq!(Snapshot::open(&signed, Check::OnFirstTouch, &trust()).unwrap().integrity(), Integrity::Verified);
    assert_eq!(open(&signed).unwrap().integrity(), Integrity::Unverified, "no key is trusted, so none can verify");
    assert_eq!(Snapshot::open(&signed, Check::ByHost, &trust()).unwrap().integrity(), Integrity::ByHost);

    let unsigned = build(&full());
    assert_eq!(unsigned[SIGNER_AT..HEADER_LEN], [0; 96]);
    assert_eq!(refusal(&unsigned, Check::All, &trust()), Some(Unsigned));
    let mut lenient = trust();
    lenient.require_signature = false;
    assert_eq!(Snapshot::open(&unsigned, Check::All, &lenient).unwrap().integrity(), Integrity::Unverified);

    let by_stranger = build_signed(&full(), &STRANGER);
    let signer = public_key(&STRANGER)[..8].try_into().unwrap();
    assert_eq!(refusal(&by_stranger, Check::All, &trust()), Some(UntrustedSigner { signer }));
    assert_eq!(refusal(&by_stranger, Check::All, &lenient), Some(UntrustedSigner { signer }), "a wrong signature is worse than none");
    let both = Trust::new(vec![public_key(&SIGNING_SEED), public_key(&STRANGER)]);
    assert_eq!(Snapshot::open(&by_stranger, Check::All, &both).unwrap().integrity(), Integrity::Verified);

    // The signature of another file, byte for byte.
    let mut other = full();
    other.meta.sequence += 1;
    let mut bytes = build(&other);
    bytes[SIGNER_AT..HEADER_LEN].copy_from_slice(&signed[SIGNER_AT..HEADER_LEN]);
    assert_eq!(refusal(&bytes, Check::All, &trust()), Some(BadSignature));

    // Every bit of signer and signature.
    for at in SIGNER_AT..HEADER_LEN {
        for bit in 0..8 {
            let mut bytes = signed.clone();
            bytes[at] ^= 1 << bit;
            let signer = bytes[SIGNER_AT..SIGNER_AT + 8].try_into().unwrap();
            let expected = if at < SIGNATURE_AT { UntrustedSigner { signer } } else { BadSignature };
            assert_eq!(refusal(&bytes, Check::All, &trust()), Some(expected), "byte {at}, bit {bit}");
        }
    }
    // A signer that says it is trusted, over bytes that it did not sign.
    let mut bytes = by_stranger.clone();
    bytes[SIGNER_AT..SIGNATURE_AT].copy_from_slice(&public_key(&SIGNING_SEED));
    assert_eq!(refusal(&bytes, Check::All, &trust()), Some(BadSignature));
    // No signature but a signer is unsigned.
    let mut bytes = signed.clone();
    bytes[SIGNATURE_AT..HEADER_LEN].fill(0);
    assert_eq!(refusal(&bytes, Check::All, &trust()), Some(Unsigned));
    // A trusted key that is none: the configuration is at fault. 2 is no y of a curve point.
    let mut no_key = [0; 32];
    no_key[0] = 2;
    let mut bytes = signed.clone();
    bytes[SIGNER_AT..SIGNATURE_AT].copy_from_slice(&no_key);
    assert_eq!(refusal(&bytes, Check::All, &Trust::new(vec![no_key])), Some(BadTrustedKey));
    // The identity point makes a signature that fits anything, for a checker that is not strict.
    let mut small = [0; 32];
    small[0] = 1;
    let mut bytes = signed.clone();
    bytes[SIGNER_AT..SIGNATURE_AT].copy_from_slice(&small);
    bytes[SIGNATURE_AT..HEADER_LEN].fill(0);
    bytes[SIGNATURE_AT] = 1;
    assert_eq!(refusal(&bytes, Check::All, &Trust::new(vec![small])), Some(BadSignature));
}

/// Where a signature is required and no key is trusted, no signature is good enough.
#[test]
fn a_required_signature_without_a_trusted_key_is_refused() {
    let mut nobody = Trust::default();
    nobody.require_signature = true;
    assert_eq!(refusal(&build(&full()), Check::All, &nobody), Some(Unsigned));
    let signer = public_key(&STRANGER)[..8].try_into().unwrap();
    assert_eq!(refusal(&build_signed(&full(), &STRANGER), Check::All, &nobody), Some(UntrustedSigner { signer }));
}

#[test]
fn truncated_anywhere() {
    let good = build_signed(&full(), &SIGNING_SEED);
    let need = good.len() as u64;
    let mut boundaries = vec![0, 1, 7, 8, 10, 11, 12, 16, HEADER_LEN - 1, HEADER_LEN, HEADER_LEN + 1, good.len() - 1];
    for entry in open(&good).unwrap().sections() {
        let (from, to) = (entry.offset as usize, (entry.offset + entry.len) as usize);
        boundaries.extend([from.saturating_sub(1), from, from + 1, to - 1, to.min(good.len() - 1)]);
    }
    let mut lcg = Lcg(2);
    boundaries.extend((0..500).map(|_| lcg.below(good.len())));
    for len in boundaries {
        let cut = aligned(&good[..len]);
        let have = len as u64;
        let need = if len < HEADER_LEN { HEADER_LEN as u64 } else { need };
        for check in [Check::All, Check::OnFirstTouch, Check::ByHost] {
            assert_eq!(refusal(&cut, check, &trust()), Some(Truncated { need, have }), "{len} bytes");
        }
        // Cut, and the length made to fit.
        if len >= HEADER_LEN {
            let mut cut = cut;
            cut[16..24].copy_from_slice(&have.to_le_bytes());
            assert!(refusal(&cut, Check::ByHost, &Trust::default()).is_some(), "{len} bytes with a length that fits");
            reseal(&mut cut);
            assert!(refusal(&cut, Check::All, &Trust::default()).is_some(), "{len} bytes, resealed");
        }
    }
}

#[test]
fn bytes_after_the_end() {
    let good = build(&full());
    for more in [1, 63, 64, 4096] {
        let mut bytes = aligned(&[good.as_slice(), &vec![0; more]].concat());
        let end = good.len() as u64;
        assert_eq!(open(&bytes).err(), Some(Layout { offset: end, what: "bytes after the end" }), "{more}");
        // With a length that fits, they belong to the last chunk, which has another digest.
        let total = bytes.len() as u64;
        bytes[16..24].copy_from_slice(&total.to_le_bytes());
        assert_eq!(open(&bytes).err(), Some(DigestMismatch), "{more}");
        // Resealed it is a file with a gap at the end, which harms nobody.
        reseal(&mut bytes);
        assert_eq!(open(&bytes).unwrap().verify(), Ok(()), "{more}");
    }
    // A whole chunk that the chunk table does not know.
    let mut bytes = aligned(&[good.as_slice(), &vec![0; CHUNK_LEN]].concat());
    let total = bytes.len() as u64;
    bytes[16..24].copy_from_slice(&total.to_le_bytes());
    let what = "chunk table does not cover the body";
    assert_eq!(refusal(&bytes, Check::ByHost, &Trust::default()), Some(Layout { offset: HEADER_LEN as u64, what }));
}

#[test]
fn empty_and_foreign_files() {
    assert_eq!(open(&aligned(b"")).err(), Some(Truncated { need: 320, have: 0 }));
    assert_eq!(open(&aligned(b"PK\x03\x04 no snapshot")).err(), Some(NotASnapshot));
    assert_eq!(open(&aligned(b"{\"identities\":[]}")).err(), Some(NotASnapshot));
    assert_eq!(open(&aligned(&[0; 4096])).err(), Some(NotASnapshot));
    assert_eq!(open(&aligned(b"\x89WH")).err(), Some(Truncated { need: 320, have: 3 }));
    // What a transfer in text mode leaves.
    let text_mode: Vec<u8> = build(&full()).iter().copied().filter(|byte| *byte != b'\r').collect();
    assert_eq!(open(&aligned(&text_mode)).err(), Some(NotASnapshot));
}

#[test]
fn unaligned_bytes() {
    let good = build(&full());
    let room = aligned(&[&[0; 64], good.as_slice(), &[0; 64]].concat());
    for shift in 1..64 {
        let mut bytes = room.clone();
        bytes.copy_within(64..64 + good.len(), shift);
        for check in [Check::All, Check::OnFirstTouch, Check::ByHost] {
            assert_eq!(refusal(&bytes[shift..shift + good.len()], check, &Trust::default()), Some(Unaligned), "{shift}");
        }
    }
    assert_eq!(refusal(&room[64..64 + good.len()], Check::All, &Trust::default()), None);
}

/// The directory is checked before any digest, so that these are found however a file is checked.
#[test]
fn every_directory_field() {
    let good = build(&full());
    let numbers: Vec<u32> = open(&good).unwrap().sections().map(|entry| entry.id).collect();
    let number_at = |number: usize| HEADER_LEN + number * ENTRY_LEN;
    let total = good.len() as u64;
    for (number, id) in numbers.iter().copied().enumerate() {
        let at = entry_at(&good, id);
        assert_eq!(at, number_at(number));
        let (row_len, offset, len, rows) = (u32_at(&good, at + 4), u64_at(&good, at + 8), u64_at(&good, at + 16), u64_at(&good, at + 24));
        assert!(len >= rows * u64::from(row_len) + 8, "section {id}");
        let refused = |put: &dyn Fn(&mut [u8])| {
            let mut bytes = good.clone();
            put(&mut bytes);
            let plain = refusal(&bytes, Check::ByHost, &Trust::default());
            reseal(&mut bytes);
            assert_eq!(refusal(&bytes, Check::All, &Trust::default()).is_some(), plain.is_some(), "section {id}");
            plain
        };
        let entry = |what| Some(Layout { offset: at as u64, what });
        let table = |what| Some(Layout { offset, what });
        let u64_put = |bytes: &mut [u8], field: usize, value: u64| bytes[at + field..at + field + 8].copy_from_slice(&value.to_le_bytes());
        let u32_put = |bytes: &mut [u8], field: usize, value: u32| bytes[at + field..at + field + 4].copy_from_slice(&value.to_le_bytes());

        // Section numbers.
        if number == 0 {
            let what = "the chunk table is the first section, and only the first";
            assert_eq!(refused(&|bytes| u32_put(bytes, 0, 77)), entry(what));
            assert_eq!(refused(&|bytes| bytes[number_at(1)..number_at(1) + 4].fill(0)), Some(Layout { offset: number_at(1) as u64, what }));
        } else {
            assert_eq!(refused(&|bytes| u32_put(bytes, 0, numbers[number.max(2) - 1])), if number == 1 { None } else { entry("a section occurs twice") });
            assert_eq!(refused(&|bytes| u32_put(bytes, 0, 5000)), None, "an unknown section is skipped, a missing one is empty");
        }
        // Where it starts.
        let misaligned = "section does not start at a multiple of 64";
        let outside = "section overlaps another or the end of the file";
        for shift in [1, 8, 32, 63] {
            assert_eq!(refused(&|bytes| u64_put(bytes, 8, offset + shift)), entry(misaligned), "section {id}");
        }
        assert_eq!(refused(&|bytes| u64_put(bytes, 8, offset - 64)), entry(outside), "section {id} over the one before");
        assert_eq!(refused(&|bytes| u64_put(bytes, 8, 0)), entry(outside));
        assert_eq!(refused(&|bytes| u64_put(bytes, 8, total.next_multiple_of(64))), entry(outside));
        assert_eq!(refused(&|bytes| u64_put(bytes, 8, u64::MAX - 63)), entry(outside));
        // Its length.
        assert_eq!(refused(&|bytes| u64_put(bytes, 16, total)), entry(outside));
        assert_eq!(refused(&|bytes| u64_put(bytes, 16, u64::MAX)), entry(outside));
        let short = "section is shorter than its rows";
        assert_eq!(refused(&|bytes| u64_put(bytes, 16, 0)), entry(short));
        assert_eq!(refused(&|bytes| u64_put(bytes, 16, rows * u64::from(row_len) + 7)), entry(short));
        if number + 1 < numbers.len() {
            let next = number_at(number + 1);
            let reaches_next = u64_at(&good, next + 8) - offset + 1;
            let error = refused(&|bytes| u64_put(bytes, 16, reaches_next));
            assert_eq!(error, Some(Layout { offset: next as u64, what: outside }), "section {id} over the next");
        }
        // Its rows.
        assert_eq!(refused(&|bytes| u64_put(bytes, 24, len / u64::from(row_len) + 1)), entry(short));
        assert_eq!(refused(&|bytes| u64_put(bytes, 24, u64::MAX)), entry(short));
        if row_len > 1 {
            // So many that their length in bytes does not fit 64 bits.
            assert_eq!(refused(&|bytes| u64_put(bytes, 24, u64::MAX / u64::from(row_len) + 1)), entry(short));
        }
        assert_eq!(refused(&|bytes| u64_put(bytes, 24, rows - 1)), table("section is not an archive of as many rows as the directory says"), "section {id}");
        // The length of a row.
        assert_eq!(refused(&|bytes| u32_put(bytes, 4, 0)), entry(short));
        assert_eq!(refused(&|bytes| u32_put(bytes, 4, u32::MAX)), entry(short));
        if row_len > 1 {
            assert_eq!(refused(&|bytes| u32_put(bytes, 4, row_len - 1)), table("rows have another length than this major version says"), "section {id}");
        }
    }
    // A directory that reaches past the end.
    let mut bytes = aligned(&good[..HEADER_LEN + 64]);
    bytes[16..24].copy_from_slice(&(HEADER_LEN as u64 + 64).to_le_bytes());
    let need = (HEADER_LEN + numbers.len() * ENTRY_LEN) as u64;
    assert_eq!(refusal(&bytes, Check::ByHost, &Trust::default()), Some(Truncated { need, have: HEADER_LEN as u64 + 64 }));
}

/// The 8 bytes behind the rows: a pointer back to them, and their number.
#[test]
fn every_section_end() {
    let good = build(&full());
    for entry in open(&good).unwrap().sections() {
        let end = (entry.offset + entry.len) as usize;
        assert_eq!(u64::from(u32_at(&good, end - 4)), entry.rows, "section {}", entry.id);
        let error = Layout { offset: entry.offset, what: "section is not an archive of as many rows as the directory says" };
        for (at, put) in [(end - 4, 0_u32), (end - 4, u32::MAX), (end - 4, entry.rows as u32 + 1), (end - 8, 0), (end - 8, 0x8000_0000), (end - 8, 64)] {
            let mut bytes = good.clone();
            bytes[at..at + 4].copy_from_slice(&put.to_le_bytes());
            reseal(&mut bytes);
            assert_eq!(open(&bytes).err(), Some(error.clone()), "section {}, {put:#x} at {at}", entry.id);
        }
    }
}

/// Each single byte of a small file that has every table.
#[test]
fn any_byte_of_a_small_file() {
    let good = build_signed(&full(), &SIGNING_SEED);
    let events = events();
    let mut lcg = Lcg(3);
    let body = body_at(&good);
    let gap = gap_behind_chunk_table(&good);
    let directory_end = HEADER_LEN + ENTRY_LEN * u32_at(&good, 100) as usize;
    for at in 0..good.len() {
        let _under = Under("byte", at);
        let mut bytes = good.clone();
        bytes[at] ^= 1 << lcg.below(8);
        let error = refusal(&bytes, Check::All, &trust());
        assert!(error.is_some(), "byte {at} is changed and nobody notices");
        if at >= body {
            assert_eq!(error, Some(ChunkMismatch { chunk: 0, offset: body as u64 }), "byte {at}");
        } else if at >= directory_end && at + 8 < gap.start {
            assert_eq!(error, Some(DigestMismatch), "byte {at}");
        }
        use_everything(&bytes, &events, Check::ByHost, &KEYS[..3]);
        reseal(&mut bytes);
        use_everything(&bytes, &events, Check::All, &KEYS);
        use_everything(&bytes, &events, Check::OnFirstTouch, &KEYS[..3]);
    }
}

/// Between the chunk table and the body there may be a gap.
fn gap_behind_chunk_table(bytes: &[u8]) -> std::ops::Range<usize> {
    let end = u64_at(bytes, HEADER_LEN + 8) + u64_at(bytes, HEADER_LEN + 16);
    end as usize..body_at(bytes)
}

/// The gaps in front of and behind the chunk table are zero in every file that is accepted.
#[test]
fn gaps_around_the_chunk_table() {
    let good = build_signed(&full(), &SIGNING_SEED);
    let gap = gap_behind_chunk_table(&good);
    assert!(!gap.is_empty());
    for at in gap {
        let mut bytes = good.clone();
        assert_eq!(bytes[at], 0);
        bytes[at] = 1;
        assert!(refusal(&bytes, Check::All, &trust()).is_some(), "byte {at} is outside every digest");
    }
}

/// Several words at once, in the tables, by somebody who can seal.
#[test]
fn many_words_of_a_small_file() {
    let good = build(&full());
    let events = events();
    let mut lcg = Lcg(4);
    let body = body_at(&good);
    let odd = [0, 1, 0x7F, 0xFF, 0x8000_0000, 0x7FFF_FFFF, u32::MAX, u32::MAX - 1, 0x0101_0101];
    for round in 0..3000 {
        let _under = Under("round", round);
        let mut bytes = good.clone();
        for _ in 0..=lcg.below(12) {
            let at = body + 4 * lcg.below((bytes.len() - body) / 4);
            let word = match lcg.below(3) {
                0 => odd[lcg.below(odd.len())],
                1 => lcg.below(64) as u32,
                _ => u32_at(&good, body + 4 * lcg.below((good.len() - body) / 4)),
            };
            bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
        }
        use_everything(&bytes, &events, Check::ByHost, &KEYS);
        reseal(&mut bytes);
        use_everything(&bytes, &events, Check::All, &KEYS[..3]);
    }
}

/// Seeded places of a file of several chunks: the chunk is named, and a sealed one is harmless.
#[test]
fn bytes_of_a_long_file() {
    let good = long();
    let body = body_at(&good);
    assert!(good.len() - body > 2 * CHUNK_LEN, "at least three chunks: {}", good.len());
    let mut lcg = Lcg(5);
    let events = events();
    let mut bytes = good.clone();
    for round in 0..2000 {
        let _under = Under("round", round);
        let at = body + lcg.below(good.len() - body);
        bytes[at] ^= 1 << lcg.below(8);
        let chunk = (at - body) / CHUNK_LEN;
        let expected = ChunkMismatch { chunk: chunk as u64, offset: (body + chunk * CHUNK_LEN) as u64 };
        assert_eq!(refusal(&bytes, Check::All, &trust()), Some(expected), "byte {at}");
        if round % 40 == 0 {
            let mut sealed = bytes.clone();
            reseal(&mut sealed);
            use_everything(&sealed, &events, Check::All, &KEYS);
        }
        bytes[at] = good[at];
    }
}

/// On first touch: what only touches good chunks is enriched as ever; what touches the damaged one,
/// and everything after, leaves as it came and is counted. Nothing wrong is ever said.
#[test]
fn damage_shows_on_first_touch() {
    const COUNT: usize = 3 * MANY;
    let good = build(&many(COUNT));
    let body = body_at(&good);
    let chunks = (good.len() - body).div_ceil(CHUNK_LEN);
    let events: Vec<String> = (0..COUNT).step_by(97).map(|n| role_event(ACCOUNT, &many_path(n), &many_principal(n), "2026-03-20T05:30:00Z")).collect();
    let expected: Vec<Vec<u8>> = {
        let mut enricher = Enricher::new(Config::default());
        enricher.attach(&good, Check::OnFirstTouch, None).unwrap();
        let out = events.iter().map(|event| enricher.enrich(event.as_bytes()).to_vec()).collect();
        assert_eq!((enricher.stats().damaged, enricher.stats().enriched), (0, events.len() as u64));
        out
    };
    let (mut before_damage, mut met) = (0, 0);
    let mut lcg = Lcg(6);
    for chunk in 0..chunks {
        let from = body + chunk * CHUNK_LEN;
        let mut bytes = good.clone();
        // The last bytes are the end of the last section, which is looked at when it is opened.
        let at = from + lcg.below(CHUNK_LEN.min(good.len() - from - 64));
        bytes[at] ^= 0x10;
        let mut enricher = Enricher::new(Config::default());
        if enricher.attach(&bytes, Check::OnFirstTouch, None).is_err() {
            continue;
        }
        let mut damaged = 0;
        for (event, expected) in events.iter().zip(&expected) {
            let out = enricher.enrich(event.as_bytes()).to_vec();
            let now = enricher.stats().damaged;
            if now > damaged {
                assert_eq!(out, event.as_bytes(), "chunk {chunk}: a damaged line leaves as it came");
            } else {
                assert_eq!(damaged, 0, "chunk {chunk}: once damaged, always damaged");
                assert!(out == *expected, "chunk {chunk}: nothing wrong is said");
                before_damage += 1;
            }
            damaged = now;
        }
        met += usize::from(damaged > 0);
        assert_eq!(enricher.stats().enriched + damaged, events.len() as u64);
        assert_eq!(enricher.stats().lines, events.len() as u64);
    }
    assert!(before_damage > 0, "no event was enriched before the damage was met");
    // Events of roles touch no credentials, so a chunk of nothing else stays unread.
    assert!(met >= chunks - 2, "{met} of {chunks} chunks were touched");
}

/// A lookup by hand says nothing out of a damaged snapshot either.
#[test]
fn lookup_says_nothing_out_of_a_damaged_snapshot() {
    let good = build(&full());
    let key = KEYS[0];
    let answer = {
        let mut enricher = Enricher::new(Config::default());
        enricher.attach(&good, Check::OnFirstTouch, None).unwrap();
        enricher.lookup(key).unwrap().to_vec()
    };
    let mut bytes = good.clone();
    let at = body_at(&bytes) + 70;
    bytes[at] ^= 1;
    let mut enricher = Enricher::new(Config::default());
    enricher.attach(&bytes, Check::OnFirstTouch, None).unwrap();
    match enricher.lookup(key) {
        Err(_) => {}
        Ok(found) => {
            let found: serde_json::Value = serde_json::from_slice(found).unwrap();
            panic!("the only chunk is damaged, and the lookup says {} (undamaged: {} bytes)", found["outcome"], answer.len());
        }
    }
}

/// A forged context leaves neither from a damaged snapshot: a line that can be read is cleaned.
#[test]
fn damage_lets_no_forged_context_through() {
    let mut bytes = build(&full());
    let at = body_at(&bytes) + 70;
    bytes[at] ^= 1;
    let mut enricher = Enricher::new(Config::default());
    enricher.attach(&bytes, Check::OnFirstTouch, None).unwrap();
    let event = role_event(ACCOUNT, "ci/deployer", "AROAGOLDENDEPLOYER01", "2026-03-20T05:00:00Z");
    let forged = format!("{{\"whose\":{{\"v\":1}},{}", &event[1..]);
    let out = String::from_utf8(enricher.enrich(forged.as_bytes()).to_vec()).unwrap();
    assert_eq!(enricher.stats().damaged, 1);
    assert_eq!(out, event, "the event as it came, without the forged member");
}

/// A damaged snapshot is refused when attaching it already shows the damage: what was attached
/// before goes on.
#[test]
fn damage_met_while_attaching_is_a_refusal() {
    let good = build(&full());
    let mut older = full();
    older.meta.sequence -= 1;
    let mut bytes = build(&older);
    let at = body_at(&bytes) + 70;
    bytes[at] ^= 1;
    let mut enricher = Enricher::new(Config::default());
    attach(&mut enricher, &good).unwrap();
    let second = enricher.attach(&bytes, Check::OnFirstTouch, None);
    assert!(second.is_err(), "older, damaged, and attached beside the good one");
    let event = role_event(ACCOUNT, "ci/deployer", "AROAGOLDENDEPLOYER01", "2026-03-20T05:00:00Z");
    assert_eq!(common::outcome_of(&mut enricher, &event), "matched");
}

#[test]
fn older_than_the_attached_one() {
    let generation = |sequence| {
        let mut inventory = full();
        inventory.meta.sequence = sequence;
        build(&inventory)
    };
    let (older, attached, newer) = (generation(40), generation(41), generation(42));
    let mut enricher = Enricher::new(common::config());
    let handle = attach(&mut enricher, &attached).unwrap();
    let error = attach(&mut enricher, &older).unwrap_err();
    assert_eq!(error, Rollback { found: 40, attached: 41 });
    assert_eq!(
        error.to_string(),
        "snapshot has sequence 40, older than the attached 41; publish a newer one, or detach first if going back is meant"
    );
    for check in [Check::ByHost, Check::OnFirstTouch] {
        assert_eq!(enricher.attach(&older, check, None).unwrap_err(), Rollback { found: 40, attached: 41 });
    }
    let event = role_event(ACCOUNT, "ci/deployer", "AROAGOLDENDEPLOYER01", "2026-03-20T05:00:00Z");
    assert_eq!(common::outcome_of(&mut enricher, &event), "matched", "the attached one goes on");
    let second = attach(&mut enricher, &newer).unwrap();
    enricher.detach(handle).unwrap();
    assert_eq!(attach(&mut enricher, &attached).unwrap_err(), Rollback { found: 41, attached: 42 });
    enricher.detach(second).unwrap();
    attach(&mut enricher, &older).expect("going back is meant");
}

#[test]
fn expired() {
    let bytes = build(&full());
    let ended_ms = CREATED_MS + 86_400_000;
    let mut enricher = Enricher::new(Config::default());
    let error = enricher.attach(&bytes, Check::All, Some(ended_ms + 1)).unwrap_err();
    assert_eq!(error, Expired { ended_ms });
    assert_eq!(error.to_string(), "snapshot expired at 2026-03-21T06:00:00Z; build a new one");
    assert_eq!(enricher.attach(&bytes, Check::All, Some(i64::MAX)).unwrap_err(), Expired { ended_ms });
    for now in [None, Some(ended_ms), Some(CREATED_MS), Some(i64::MIN)] {
        let handle = enricher.attach(&bytes, Check::All, now).expect("not expired");
        enricher.detach(handle).unwrap();
    }
    let forever = build(&Inventory { meta: Meta { valid_for_s: 0, ..full().meta }, ..full() });
    enricher.attach(&forever, Check::All, Some(i64::MAX)).expect("no limit is declared");
    let long = build(&Inventory { meta: Meta { valid_for_s: u64::MAX, ..full().meta }, ..full() });
    enricher.attach(&long, Check::All, Some(i64::MAX)).expect("longer than time");
}

#[test]
fn layers_that_do_not_fit() {
    let base = build(&full());
    let overlay = build(&Inventory { meta: Meta { overlay_of: Some(digest(&base)), ..meta("Golden Works", 1) }, ..Inventory::default() });
    let mut enricher = Enricher::new(Config::default());
    let missing = digest(&base)[..8].try_into().unwrap();
    assert_eq!(attach(&mut enricher, &overlay).unwrap_err(), MissingBase { base: missing });
    assert_eq!(enricher.detach(LayerHandle::from_number(0)).unwrap_err(), UnknownHandle { handle: 0 });
    assert_eq!(enricher.detach(LayerHandle::from_number(-1)).unwrap_err(), UnknownHandle { handle: -1 });

    let bottom = attach(&mut enricher, &base).unwrap();
    let top = attach(&mut enricher, &overlay).unwrap();
    assert_eq!(enricher.detach(bottom).unwrap_err(), BaseInUse { handle: bottom.number() });
    enricher.detach(top).unwrap();
    assert_eq!(enricher.detach(top).unwrap_err(), UnknownHandle { handle: top.number() });
    enricher.detach(bottom).unwrap();
    assert_eq!(attach(&mut enricher, &overlay).unwrap_err(), MissingBase { base: missing });
}

#[test]
fn the_65th_layer() {
    let shards: Vec<Aligned> = (0..=MAX_LAYERS)
        .map(|number| {
            let account = format!("{number:012}");
            let mut inventory = Inventory { meta: meta("Golden Works", 1), ..Inventory::default() };
            inventory.identities = vec![role(&account, "x", &format!("AROASHARD{number:012}"))];
            inventory.scopes = vec![scope(Provider::Aws, &account)];
            build(&inventory)
        })
        .collect();
    let mut enricher = Enricher::new(Config::default());
    let handles: Vec<LayerHandle> = shards[..MAX_LAYERS].iter().map(|shard| attach(&mut enricher, shard).unwrap()).collect();
    assert_eq!(MAX_LAYERS, 64);
    assert_eq!(attach(&mut enricher, &shards[MAX_LAYERS]).unwrap_err(), TooManyLayers { limit: 64 });
    for number in [0, 31, 63] {
        let event = role_event(&format!("{number:012}"), "x", &format!("AROASHARD{number:012}"), "2026-03-20T05:00:00Z");
        assert_eq!(common::outcome_of(&mut enricher, &event), "matched");
    }
    enricher.detach(handles[31]).unwrap();
    attach(&mut enricher, &shards[MAX_LAYERS]).expect("there is room again");
    let event = role_event(&format!("{:012}", 31), "x", &format!("AROASHARD{:012}", 31), "2026-03-20T05:00:00Z");
    assert_eq!(common::outcome_of(&mut enricher, &event), "out_of_scope");
}

/// `verify` finds what opening does not look at.
#[test]
fn verify_finds_inconsistent_rows() {
    let good = build(&full());
    let patch = |id: u32, row: usize, field: usize, value: u32| {
        let (rows, row_len) = common::rows_of(&good, id);
        let mut bytes = good.clone();
        let at = rows.start + row * row_len + 4 * field;
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        reseal(&mut bytes);
        open(&bytes).expect("rows are not read by opening").verify()
    };
    let fault = |section, row, what| Err(Inconsistent { section, row, what });
    assert_eq!(patch(section::PROFILES, 1, 0, 9999), fault(section::PROFILES, 1, "row number past the end of its table"));
    assert_eq!(patch(section::PROFILES, 1, 3, 9999), fault(section::PROFILES, 1, "list lies outside its section, or is empty"));
    assert_eq!(patch(section::TYPES, 1, 1, u32::MAX), fault(section::TYPES, 1, "text lies outside the heap, or is empty"));
    assert_eq!(patch(section::IDENTITIES, 0, 2, 9999), fault(section::IDENTITIES, 0, "row number past the end of its table"));
    assert_eq!(patch(section::IDENTITIES, 1, 6, 9999), fault(section::IDENTITIES, 1, "first credential past the end"));
    assert_eq!(patch(section::IDENTITIES, 1, 7, 9999), fault(section::IDENTITIES, 1, "first key past the end"));
    assert_eq!(patch(section::IDENTITIES, 7, 7, 0), fault(section::IDENTITIES, 7, "first keys or credentials are not in order"));
    assert_eq!(patch(section::IDENTITIES, 0, 4, 7), fault(section::IDENTITIES, 0, "time is no state, no start of \"never since\" and no second"));
    assert_eq!(patch(section::IDENTITIES, 0, 4, 60_000), fault(section::IDENTITIES, 0, "time is no state, no start of \"never since\" and no second"));
    assert_eq!(patch(section::KEYS, 0, 0, 9999), fault(section::KEYS, 0, "row number past the end of its table"));
    assert_eq!(patch(section::KEYS, 0, 2, 9999), fault(section::KEYS, 0, "row number past the end of its table"));
    assert_eq!(patch(section::KEYS, 0, 2, u32::MAX), fault(section::KEYS, 0, "key of nobody outside an overlay"));
    assert_eq!(patch(section::KEYS, 0, 2, 0x8000_0000), fault(section::KEYS, 0, "shared key without holders"));
    assert_eq!(patch(section::KEY_CLASSES, 1, 0, 99), fault(section::KEY_CLASSES, 1, "key type is not known"));
    assert_eq!(patch(section::SCOPES, 0, 0, 99), fault(section::SCOPES, 1, "scopes are not in order"));
    assert_eq!(patch(section::RANGES_V4, 0, 0, u32::MAX), fault(section::RANGES_V4, 0, "IPv4 ranges overlap or are not in order"));
    assert_eq!(patch(section::INDEX, 0, 0, 0), fault(section::KEYS, 0, "index has another number of keys than the key table").map_err(|error| match error {
        Inconsistent { section, what, .. } => {
            // The row is that of the last bucket.
            let row = u64_at(&good, entry_at(&good, section::INDEX) + 24) - 1;
            Inconsistent { section, row, what }
        }
        other => other,
    }));
}

/// Every message a person may read says whose fault it is and what to do.
#[test]
fn messages_name_the_remedy() {
    for (error, code, text) in [
        (NotASnapshot, -4, "not a snapshot: the first bytes are wrong; give a file written by `whose-snapshot build`, unchanged by text-mode transfer"),
        (
            UnsupportedMajor { found: 2, supported: 1 },
            -5,
            "snapshot has format major 2, this module reads 1; either use a module of that major or rebuild the snapshot with the matching whose-snapshot",
        ),
        (Truncated { need: 320, have: 3 }, -6, "snapshot is cut off: 3 bytes of 320; copy it again and publish it by rename"),
        (DigestMismatch, -7, "snapshot digest does not fit its header, directory or chunk table; the file was changed after it was built"),
        (
            ChunkMismatch { chunk: 2, offset: 4096 },
            -7,
            "snapshot chunk 2 (from byte 4096) does not have its digest; the file was changed after it was built",
        ),
        (Unsigned, -8, "snapshot is not signed and a signature is required; sign it with `whose-snapshot sign`, or do not require one"),
        (
            UntrustedSigner { signer: [0xAB; 8] },
            -9,
            "snapshot is signed by a key that is not trusted here (abababababababab…); add that key to the trusted keys only if it is yours",
        ),
        (BadSignature, -10, "snapshot signature does not fit its header; the file was changed after it was signed"),
        (Layout { offset: 12, what: "header length is not 320" }, -12, "snapshot is malformed at byte 12: header length is not 320; rebuild it"),
        (MissingBase { base: [1; 8] }, -13, "overlay belongs to a base that is not attached (0101010101010101…); attach that base first"),
        (TooManyLayers { limit: 64 }, -14, "64 layers are attached already; detach one or merge shards"),
        (UnknownHandle { handle: 7 }, -15, "no attached layer has the handle 7"),
        (BaseInUse { handle: 7 }, -15, "layer 7 is the base of an attached overlay; detach the overlay first"),
        (Unaligned, -2, "snapshot bytes must start at a multiple of 64; allocate them with that alignment"),
        (BadTrustedKey, -3, "a trusted key is not an ed25519 public key; check the configuration"),
        (
            Inconsistent { section: 5, row: 9, what: "key is not found by its own value" },
            -12,
            "snapshot is inconsistent in section 5, row 9: key is not found by its own value; rebuild it",
        ),
    ] {
        assert_eq!((error.code(), error.to_string().as_str()), (code, text));
    }
}

/// What a key that leads nowhere says, in a file in which it once led somewhere.
#[test]
fn holders_of_a_hostile_file_stay_inside_their_tables() {
    let good = build(&full());
    let (keys, row_len) = common::rows_of(&good, section::KEYS);
    for row in keys.step_by(row_len) {
        let mut bytes = good.clone();
        bytes[row + 8..row + 12].copy_from_slice(&0x7FFF_0000_u32.to_le_bytes());
        reseal(&mut bytes);
        let snapshot = open(&bytes).unwrap();
        snapshot.holders(&Key::new(KeyType::AwsPrincipalId, "", "AROAGOLDENDEPLOYER01"), |candidate| {
            let is_known = (candidate.identity as usize) < snapshot.identity_count();
            assert_eq!(snapshot.identity(candidate.identity).is_some(), is_known);
        });
        let mut enricher = Enricher::new(common::config());
        attach(&mut enricher, &bytes).unwrap();
        let out = enricher.enrich(role_event(ACCOUNT, "ci/deployer", "AROAGOLDENDEPLOYER01", "2026-03-20T05:00:00Z").as_bytes());
        assert!(serde_json::from_slice::<serde_json::Value>(out).is_ok());
    }
}
