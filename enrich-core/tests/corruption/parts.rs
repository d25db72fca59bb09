//! Verifying in parts: together they find what the whole walk finds, whatever is wrong.

use super::*;

fn has_section(bytes: &[u8], id: u32) -> bool {
    let mut entries =
        (0..u32_at(bytes, 100) as usize).map(|number| HEADER_LEN + number * ENTRY_LEN);
    entries.any(|at| u32_at(bytes, at) == id)
}

/// What each part says.
fn in_parts(snapshot: &Snapshot<'_>, of: usize) -> Vec<Result<(), SnapshotError>> {
    (0..of).map(|part| snapshot.verify_rows(part, of)).collect()
}

/// Changes one number of one row and compares the walks.
fn compare(good: &Aligned, id: u32, row: usize, field: usize, value: u32) -> bool {
    let (rows, row_len) = common::rows_of(good, id);
    let at = rows.start + row * row_len + 4 * field;
    let mut bytes = good.clone();
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    reseal(&mut bytes);
    let snapshot = open(&bytes).expect("rows are not read by opening");
    let whole = snapshot.verify();
    for of in [1, 2, 7, snapshot.identity_count()] {
        let parts = in_parts(&snapshot, of);
        let place = format!("section {id}, row {row}, field {field}, {value}, {of} parts");
        match &whole {
            Ok(()) => assert_eq!(parts, vec![Ok(()); of], "{place}"),
            Err(_) => assert!(parts.contains(&whole), "{place}: {whole:?} in {parts:?}"),
        }
    }
    whole.is_err()
}

#[test]
fn parts_find_what_the_whole_walk_finds() {
    let good = build(&full());
    let mut lcg = Lcg(21);
    let mut faults = 0;
    for id in 1..=section::EXCEPTIONS {
        if !has_section(&good, id) {
            continue;
        }
        let (rows, row_len) = common::rows_of(&good, id);
        let count = rows.len() / row_len;
        // Texts and lists are bytes and numbers: what is wrong there shows in the rows.
        for _ in 0..if row_len < 8 || count == 0 { 0 } else { 40 } {
            let value = [0, 1, 9999, u32::MAX, lcg.below(64) as u32][lcg.below(5)];
            let (row, field) = (lcg.below(count), lcg.below(row_len / 4));
            faults += usize::from(compare(&good, id, row, field, value));
        }
    }
    assert!(faults > 200, "{faults}");
}

/// An identity is compared with the one before it, also where that is in another part.
#[test]
fn order_holds_across_parts() {
    let good = build(&full());
    let (rows, row_len) = common::rows_of(&good, section::IDENTITIES);
    for row in 1..rows.len() / row_len {
        let before = rows.start + (row - 1) * row_len;
        for field in 0..2 {
            // Prefix and rest of the one before: not both, and not always less.
            compare(
                &good,
                section::IDENTITIES,
                row,
                field,
                u32_at(&good, before + 4 * field),
            );
        }
        let mut bytes = good.clone();
        bytes.copy_within(before..before + 8, before + row_len);
        reseal(&mut bytes);
        let snapshot = open(&bytes).unwrap();
        let count = snapshot.identity_count();
        let expected = Err(Inconsistent {
            section: section::IDENTITIES,
            row: row as u64,
            what: "identities are not in the order of their uids",
        });
        assert_eq!(snapshot.verify_rows(row, count), expected);
        assert_eq!(snapshot.verify(), expected);
    }
}

/// The digest of each chunk is checked by one part.
#[test]
fn one_part_notices_a_changed_chunk() {
    let mut bytes = long();
    let body = body_at(&bytes);
    let chunks = (bytes.len() - body).div_ceil(CHUNK_LEN);
    assert!(chunks > 2);
    for chunk in 0..chunks {
        bytes[body + chunk * CHUNK_LEN + 5] ^= 1;
        let snapshot = Snapshot::open(&bytes, Check::ByHost, &Trust::default()).unwrap();
        for of in [1, 2, chunks, 3 * chunks] {
            let parts: Vec<_> = (0..of)
                .map(|part| snapshot.verify_bytes(part, of))
                .collect();
            let expected = ChunkMismatch {
                chunk: chunk as u64,
                offset: (body + chunk * CHUNK_LEN) as u64,
            };
            let faults: Vec<_> = parts.into_iter().filter_map(Result::err).collect();
            assert_eq!(faults, [expected], "chunk {chunk}, {of} parts");
        }
        bytes[body + chunk * CHUNK_LEN + 5] ^= 1;
    }
}

/// A type of more than eight bits is none of the known ones, whatever its low bits say.
#[test]
fn key_type_with_high_bits() {
    let good = build(&full());
    let (classes, row_len) = common::rows_of(&good, section::KEY_CLASSES);
    let at = classes.start + row_len;
    let code = u32_at(&good, at);
    let mut bytes = good.clone();
    bytes[at..at + 4].copy_from_slice(&(code | 0x100).to_le_bytes());
    reseal(&mut bytes);
    let (keys, row_len) = common::rows_of(&good, section::KEYS);
    let first = (0..keys.len() / row_len)
        .find(|row| u32_at(&good, keys.start + row * row_len) == 1)
        .expect("a key of the first class");
    assert_eq!(
        open(&bytes).unwrap().verify(),
        Err(Inconsistent {
            section: section::KEYS,
            row: first as u64,
            what: "key is not found by its own value",
        })
    );
}

/// A text of any length with a byte that is no UTF-8 is refused where it is referred to.
#[test]
fn texts_that_are_not_utf_8() {
    let good = build(&full());
    let (texts, _) = common::rows_of(&good, section::TEXT);
    let (meta, _) = common::rows_of(&good, section::META);
    // The value of the first row about the snapshot itself: its organisation.
    let at = texts.start + u32_at(&good, meta.start + 4) as usize;
    for offset in 1..=usize::from(good[at]) {
        let mut bytes = good.clone();
        bytes[at + offset] = 0xFF;
        reseal(&mut bytes);
        let error = open(&bytes).unwrap().verify();
        assert!(
            matches!(
                error,
                Err(Inconsistent {
                    what: "text is not UTF-8",
                    ..
                })
            ),
            "byte {offset}: {error:?}"
        );
    }
}
