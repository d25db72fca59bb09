//! Bytes of the body: noticed by whoever checks, harmless to who does not.

use super::*;

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
            assert_eq!(
                error,
                Some(ChunkMismatch {
                    chunk: 0,
                    offset: body as u64
                }),
                "byte {at}"
            );
        } else if at >= directory_end && at + 8 < gap.start {
            assert_eq!(error, Some(DigestMismatch), "byte {at}");
        }
        use_everything(&bytes, &events, Check::ByHost, &KEYS[..3]);
        reseal(&mut bytes);
        use_everything(&bytes, &events, Check::All, &KEYS);
        if at % 8 == 0 {
            use_everything(&bytes, &events, Check::OnFirstTouch, &KEYS[..3]);
        }
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
        assert!(
            refusal(&bytes, Check::All, &trust()).is_some(),
            "byte {at} is outside every digest"
        );
    }
}

/// Several words at once, in the tables, by somebody who can seal.
#[test]
fn many_words_of_a_small_file() {
    let good = build(&full());
    let events = events();
    let mut lcg = Lcg(4);
    let body = body_at(&good);
    let odd = [
        0,
        1,
        0x7F,
        0xFF,
        0x8000_0000,
        0x7FFF_FFFF,
        u32::MAX,
        u32::MAX - 1,
        0x0101_0101,
    ];
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
    assert!(
        good.len() - body > 2 * CHUNK_LEN,
        "at least three chunks: {}",
        good.len()
    );
    let mut lcg = Lcg(5);
    let events = events();
    let mut bytes = good.clone();
    for round in 0..2000 {
        let _under = Under("round", round);
        let at = body + lcg.below(good.len() - body);
        bytes[at] ^= 1 << lcg.below(8);
        let chunk = (at - body) / CHUNK_LEN;
        let expected = ChunkMismatch {
            chunk: chunk as u64,
            offset: (body + chunk * CHUNK_LEN) as u64,
        };
        assert_eq!(
            refusal(&bytes, Check::All, &trust()),
            Some(expected),
            "byte {at}"
        );
        if round % 40 == 0 {
            let mut sealed = bytes.clone();
            reseal(&mut sealed);
            use_everything(&sealed, &events, Check::All, &KEYS);
        }
        bytes[at] = good[at];
    }
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
    assert_eq!(
        patch(section::PROFILES, 1, 0, 9999),
        fault(section::PROFILES, 1, "row number past the end of its table")
    );
    assert_eq!(
        patch(section::PROFILES, 1, 3, 9999),
        fault(
            section::PROFILES,
            1,
            "list lies outside its section, or is empty"
        )
    );
    assert_eq!(
        patch(section::TYPES, 1, 1, u32::MAX),
        fault(section::TYPES, 1, "text lies outside the heap, or is empty")
    );
    assert_eq!(
        patch(section::IDENTITIES, 0, 2, 9999),
        fault(
            section::IDENTITIES,
            0,
            "row number past the end of its table"
        )
    );
    assert_eq!(
        patch(section::IDENTITIES, 1, 6, 9999),
        fault(section::IDENTITIES, 1, "first credential past the end")
    );
    assert_eq!(
        patch(section::IDENTITIES, 1, 7, 9999),
        fault(section::IDENTITIES, 1, "first key past the end")
    );
    assert_eq!(
        patch(section::IDENTITIES, 7, 7, 0),
        fault(
            section::IDENTITIES,
            7,
            "first keys or credentials are not in order"
        )
    );
    assert_eq!(
        patch(section::IDENTITIES, 0, 4, 7),
        fault(
            section::IDENTITIES,
            0,
            "time is no state, no start of \"never since\" and no second"
        )
    );
    assert_eq!(
        patch(section::IDENTITIES, 0, 4, 60_000),
        fault(
            section::IDENTITIES,
            0,
            "time is no state, no start of \"never since\" and no second"
        )
    );
    assert_eq!(
        patch(section::KEYS, 0, 0, 9999),
        fault(section::KEYS, 0, "row number past the end of its table")
    );
    assert_eq!(
        patch(section::KEYS, 0, 2, 9999),
        fault(section::KEYS, 0, "row number past the end of its table")
    );
    assert_eq!(
        patch(section::KEYS, 0, 2, u32::MAX),
        fault(section::KEYS, 0, "key of nobody outside an overlay")
    );
    assert_eq!(
        patch(section::KEYS, 0, 2, 0x8000_0000),
        fault(section::KEYS, 0, "shared key without holders")
    );
    assert_eq!(
        patch(section::KEY_CLASSES, 1, 0, 99),
        fault(section::KEY_CLASSES, 1, "key type is not known")
    );
    assert_eq!(
        patch(section::SCOPES, 0, 0, 99),
        fault(section::SCOPES, 1, "scopes are not in order")
    );
    assert_eq!(
        patch(section::RANGES_V4, 0, 0, u32::MAX),
        fault(
            section::RANGES_V4,
            0,
            "IPv4 ranges overlap or are not in order"
        )
    );
    assert_eq!(
        patch(section::INDEX, 0, 0, 0),
        fault(
            section::KEYS,
            0,
            "index has another number of keys than the key table"
        )
        .map_err(|error| match error {
            Inconsistent { section, what, .. } => {
                // The row is that of the last bucket.
                let row = u64_at(&good, entry_at(&good, section::INDEX) + 24) - 1;
                Inconsistent { section, row, what }
            }
            other => other,
        })
    );
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
        snapshot.holders(
            &Key::new(KeyType::AwsPrincipalId, "", "AROAGOLDENDEPLOYER01"),
            |candidate| {
                let is_known = (candidate.identity as usize) < snapshot.identity_count();
                assert_eq!(snapshot.identity(candidate.identity).is_some(), is_known);
            },
        );
        let mut enricher = Enricher::new(common::config());
        attach(&mut enricher, &bytes).unwrap();
        let out = enricher.enrich(
            role_event(
                ACCOUNT,
                "ci/deployer",
                "AROAGOLDENDEPLOYER01",
                "2026-03-20T05:00:00Z",
            )
            .as_bytes(),
        );
        assert!(serde_json::from_slice::<serde_json::Value>(out).is_ok());
    }
}
