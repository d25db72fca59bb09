//! Every field of the header, patched.

use super::*;

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

fn patch(
    field: &'static str,
    at: usize,
    is: impl AsRef<[u8]>,
    put: impl AsRef<[u8]>,
    error: SnapshotError,
    resealed: Option<SnapshotError>,
) -> Patch {
    Patch {
        field,
        at,
        is: is.as_ref().to_vec(),
        put: put.as_ref().to_vec(),
        error,
        resealed,
    }
}

#[test]
fn every_header_field() {
    let good = build(&full());
    let total = good.len() as u64;
    let count = u32_at(&good, 100);
    let layout = |offset, what| Layout { offset, what };
    // A field that only the digest protects: resealed, it is what the builder says.
    let fact = |field, at, is: &[u8], put: &[u8]| patch(field, at, is, put, DigestMismatch, None);
    let shape = |field, at, is: &[u8], put: &[u8], error: SnapshotError| {
        patch(field, at, is, put, error.clone(), Some(error))
    };
    let seed = good[112..120].to_vec();
    let own_digest = digest(&good);
    let patches = [
        shape("magic", 0, b"\x89WHS", b"\x09WHS", NotASnapshot),
        shape("magic", 4, b"\r\n\x1a\n", b"\n\x1a\n\x89", NotASnapshot),
        shape(
            "major",
            8,
            &[1, 0],
            &[2, 0],
            UnsupportedMajor {
                found: 2,
                supported: 1,
            },
        ),
        shape(
            "major",
            8,
            &[1, 0],
            &[1, 1],
            UnsupportedMajor {
                found: 257,
                supported: 1,
            },
        ),
        fact("minor", 10, &[0, 0], &[1, 0]),
        shape(
            "header length",
            12,
            &320_u32.to_le_bytes(),
            &321_u32.to_le_bytes(),
            layout(12, "header length is not 320"),
        ),
        shape(
            "total length",
            16,
            &total.to_le_bytes(),
            &(total + 1).to_le_bytes(),
            Truncated {
                need: total + 1,
                have: total,
            },
        ),
        shape(
            "total length",
            16,
            &total.to_le_bytes(),
            &(total - 1).to_le_bytes(),
            layout(total - 1, "bytes after the end"),
        ),
        shape(
            "total length",
            16,
            &total.to_le_bytes(),
            &319_u64.to_le_bytes(),
            layout(16, "total length out of range"),
        ),
        shape(
            "total length",
            16,
            &total.to_le_bytes(),
            &(1_u64 << 31).to_le_bytes(),
            layout(16, "total length out of range"),
        ),
        shape(
            "total length",
            16,
            &total.to_le_bytes(),
            &u64::MAX.to_le_bytes(),
            layout(16, "total length out of range"),
        ),
        fact("sequence", 24, &41_u64.to_le_bytes(), &42_u64.to_le_bytes()),
        fact(
            "created",
            32,
            &CREATED_MS.to_le_bytes(),
            &i64::MIN.to_le_bytes(),
        ),
        fact(
            "created",
            32,
            &CREATED_MS.to_le_bytes(),
            &i64::MAX.to_le_bytes(),
        ),
        fact(
            "valid for",
            40,
            &86_400_u64.to_le_bytes(),
            &u64::MAX.to_le_bytes(),
        ),
        fact("id", 48, b"golden-v1\0", b"golden-v2\0"),
        shape(
            "id",
            48,
            b"golden-v1\0",
            b"golden v1\0",
            layout(48, "id has a character outside A-Z a-z 0-9 . _ : -"),
        ),
        shape(
            "id",
            57,
            b"\0\0",
            b"\0x",
            layout(48, "id has a character outside A-Z a-z 0-9 . _ : -"),
        ),
        shape("layer", 96, &[1], &[3], layout(96, "unknown layer kind")),
        shape("layer", 96, &[1], &[0], layout(96, "unknown layer kind")),
        fact("layer", 96, &[1], &[2]),
        shape(
            "reserved",
            97,
            &[0],
            &[1],
            layout(97, "reserved bytes are not zero"),
        ),
        fact("longest probe", 98, &[0, 0], &[0xFF, 0xFF]),
        shape(
            "section count",
            100,
            &count.to_le_bytes(),
            &0_u32.to_le_bytes(),
            layout(100, "section count out of range"),
        ),
        shape(
            "section count",
            100,
            &count.to_le_bytes(),
            &257_u32.to_le_bytes(),
            layout(100, "section count out of range"),
        ),
        shape(
            "chunk length",
            104,
            &(1_u32 << 20).to_le_bytes(),
            &(1_u32 << 21).to_le_bytes(),
            layout(104, "chunk length is not 1 MiB"),
        ),
        shape(
            "reserved",
            108,
            &[0; 4],
            &[0, 0, 0, 1],
            layout(97, "reserved bytes are not zero"),
        ),
        fact("index seed", 112, &seed, &[7; 8]),
        fact("overlay of", 120, &[0; 32], &[7; 32]),
        fact("previous", 152, &[0xAB; 32], &[7; 32]),
        shape(
            "reserved",
            184,
            &[0; 8],
            &[1, 0, 0, 0, 0, 0, 0, 0],
            layout(97, "reserved bytes are not zero"),
        ),
        fact("digest", DIGEST_AT, &own_digest, &[7; 32]),
    ];
    let mut covered = [false; SIGNER_AT];
    for patch in &patches {
        let Patch {
            field,
            at,
            is,
            put,
            error,
            resealed,
        } = patch;
        let range = *at..*at + put.len();
        covered[range.clone()].fill(true);
        assert_eq!(good[range.clone()], is[..], "{field} at {at}");
        let mut bytes = good.clone();
        bytes[range].copy_from_slice(put);
        for check in [Check::All, Check::OnFirstTouch] {
            assert_eq!(
                refusal(&bytes, check, &Trust::default()).as_ref(),
                Some(error),
                "{field} at {at}"
            );
        }
        reseal(&mut bytes);
        assert_eq!(
            refusal(&bytes, Check::All, &Trust::default()),
            *resealed,
            "{field} at {at}, resealed"
        );
        use_everything(&bytes, &events(), Check::ByHost, &KEYS);
    }
    // One section less: what was its entry is a gap then, and its rows belong to nobody.
    let mut bytes = good.clone();
    bytes[100..104].copy_from_slice(&(count - 1).to_le_bytes());
    assert!(refusal(&bytes, Check::All, &Trust::default()).is_some());
    reseal(&mut bytes);
    use_everything(&bytes, &events(), Check::ByHost, &KEYS);
    // The id's padding, and nothing else, is covered by its first bytes alone.
    let missed: Vec<usize> = (0..SIGNER_AT)
        .filter(|at| !covered[*at] && !(48..96).contains(at))
        .collect();
    assert_eq!(missed, [0_usize; 0], "header bytes without a case");
}

/// What a wrong seed or probe length does: keys are not found, and `verify` says so.
#[test]
fn verify_notices_an_index_that_does_not_lead_to_its_keys() {
    let good = long();
    for (field, at, put) in [
        ("index seed", 112, &[7_u8; 8][..]),
        ("longest probe", 98, &[0, 0]),
    ] {
        let mut bytes = good.clone();
        assert_ne!(bytes[at..at + put.len()], *put, "{field}");
        bytes[at..at + put.len()].copy_from_slice(put);
        reseal(&mut bytes);
        let error = open(&bytes).unwrap().verify().unwrap_err();
        assert!(
            matches!(
                error,
                Inconsistent {
                    section: section::KEYS,
                    what: "key is not found by its own value",
                    ..
                }
            ),
            "{field}: {error:?}"
        );
    }
}
