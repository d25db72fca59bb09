//! Files of another shape: cut, longer, foreign, misplaced, with another directory.

use super::*;

#[test]
fn truncated_anywhere() {
    let good = build_signed(&full(), &SIGNING_SEED);
    let need = good.len() as u64;
    let mut boundaries = vec![
        0,
        1,
        7,
        8,
        10,
        11,
        12,
        16,
        HEADER_LEN - 1,
        HEADER_LEN,
        HEADER_LEN + 1,
        good.len() - 1,
    ];
    for entry in open(&good).unwrap().sections() {
        let (from, to) = (entry.offset as usize, (entry.offset + entry.len) as usize);
        boundaries.extend([
            from.saturating_sub(1),
            from,
            from + 1,
            to - 1,
            to.min(good.len() - 1),
        ]);
    }
    let mut lcg = Lcg(2);
    boundaries.extend((0..500).map(|_| lcg.below(good.len())));
    for len in boundaries {
        let cut = aligned(&good[..len]);
        let have = len as u64;
        let need = if len < HEADER_LEN {
            HEADER_LEN as u64
        } else {
            need
        };
        for check in [Check::All, Check::OnFirstTouch, Check::ByHost] {
            assert_eq!(
                refusal(&cut, check, &trust()),
                Some(Truncated { need, have }),
                "{len} bytes"
            );
        }
        // Cut, and the length made to fit.
        if len >= HEADER_LEN {
            let mut cut = cut;
            cut[16..24].copy_from_slice(&have.to_le_bytes());
            assert!(
                refusal(&cut, Check::ByHost, &Trust::default()).is_some(),
                "{len} bytes with a length that fits"
            );
            reseal(&mut cut);
            assert!(
                refusal(&cut, Check::All, &Trust::default()).is_some(),
                "{len} bytes, resealed"
            );
        }
    }
}

#[test]
fn bytes_after_the_end() {
    let good = build(&full());
    for more in [1, 63, 64, 4096] {
        let mut bytes = aligned(&[good.as_slice(), &vec![0; more]].concat());
        let end = good.len() as u64;
        assert_eq!(
            open(&bytes).err(),
            Some(Layout {
                offset: end,
                what: "bytes after the end"
            }),
            "{more}"
        );
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
    assert_eq!(
        refusal(&bytes, Check::ByHost, &Trust::default()),
        Some(Layout {
            offset: HEADER_LEN as u64,
            what
        })
    );
}

#[test]
fn empty_and_foreign_files() {
    assert_eq!(
        open(&aligned(b"")).err(),
        Some(Truncated { need: 320, have: 0 })
    );
    assert_eq!(
        open(&aligned(b"PK\x03\x04 no snapshot")).err(),
        Some(NotASnapshot)
    );
    assert_eq!(
        open(&aligned(b"{\"identities\":[]}")).err(),
        Some(NotASnapshot)
    );
    assert_eq!(open(&aligned(&[0; 4096])).err(), Some(NotASnapshot));
    assert_eq!(
        open(&aligned(b"\x89WH")).err(),
        Some(Truncated { need: 320, have: 3 })
    );
    // What a transfer in text mode leaves.
    let text_mode: Vec<u8> = build(&full())
        .iter()
        .copied()
        .filter(|byte| *byte != b'\r')
        .collect();
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
            assert_eq!(
                refusal(&bytes[shift..shift + good.len()], check, &Trust::default()),
                Some(Unaligned),
                "{shift}"
            );
        }
    }
    assert_eq!(
        refusal(&room[64..64 + good.len()], Check::All, &Trust::default()),
        None
    );
}

/// The directory is checked before any digest, so that these are found however a file is checked.
#[test]
fn every_directory_field() {
    let good = build(&full());
    let numbers: Vec<u32> = open(&good)
        .unwrap()
        .sections()
        .map(|entry| entry.id)
        .collect();
    let number_at = |number: usize| HEADER_LEN + number * ENTRY_LEN;
    let total = good.len() as u64;
    for (number, id) in numbers.iter().copied().enumerate() {
        let at = entry_at(&good, id);
        assert_eq!(at, number_at(number));
        let (row_len, offset, len, rows) = (
            u32_at(&good, at + 4),
            u64_at(&good, at + 8),
            u64_at(&good, at + 16),
            u64_at(&good, at + 24),
        );
        assert!(len >= rows * u64::from(row_len) + 8, "section {id}");
        let refused = |put: &dyn Fn(&mut [u8])| {
            let mut bytes = good.clone();
            put(&mut bytes);
            let plain = refusal(&bytes, Check::ByHost, &Trust::default());
            reseal(&mut bytes);
            assert_eq!(
                refusal(&bytes, Check::All, &Trust::default()).is_some(),
                plain.is_some(),
                "section {id}"
            );
            plain
        };
        let entry = |what| {
            Some(Layout {
                offset: at as u64,
                what,
            })
        };
        let table = |what| Some(Layout { offset, what });
        let u64_put = |bytes: &mut [u8], field: usize, value: u64| {
            bytes[at + field..at + field + 8].copy_from_slice(&value.to_le_bytes())
        };
        let u32_put = |bytes: &mut [u8], field: usize, value: u32| {
            bytes[at + field..at + field + 4].copy_from_slice(&value.to_le_bytes())
        };

        // Section numbers.
        if number == 0 {
            let what = "the chunk table is the first section, and only the first";
            assert_eq!(refused(&|bytes| u32_put(bytes, 0, 77)), entry(what));
            assert_eq!(
                refused(&|bytes| bytes[number_at(1)..number_at(1) + 4].fill(0)),
                Some(Layout {
                    offset: number_at(1) as u64,
                    what
                })
            );
        } else {
            assert_eq!(
                refused(&|bytes| u32_put(bytes, 0, numbers[number.max(2) - 1])),
                if number == 1 {
                    None
                } else {
                    entry("a section occurs twice")
                }
            );
            assert_eq!(
                refused(&|bytes| u32_put(bytes, 0, 5000)),
                None,
                "an unknown section is skipped, a missing one is empty"
            );
        }
        // Where it starts.
        let misaligned = "section does not start at a multiple of 64";
        let outside = "section overlaps another or the end of the file";
        for shift in [1, 8, 32, 63] {
            assert_eq!(
                refused(&|bytes| u64_put(bytes, 8, offset + shift)),
                entry(misaligned),
                "section {id}"
            );
        }
        assert_eq!(
            refused(&|bytes| u64_put(bytes, 8, offset - 64)),
            entry(outside),
            "section {id} over the one before"
        );
        assert_eq!(refused(&|bytes| u64_put(bytes, 8, 0)), entry(outside));
        assert_eq!(
            refused(&|bytes| u64_put(bytes, 8, total.next_multiple_of(64))),
            entry(outside)
        );
        assert_eq!(
            refused(&|bytes| u64_put(bytes, 8, u64::MAX - 63)),
            entry(outside)
        );
        // Its length.
        assert_eq!(refused(&|bytes| u64_put(bytes, 16, total)), entry(outside));
        assert_eq!(
            refused(&|bytes| u64_put(bytes, 16, u64::MAX)),
            entry(outside)
        );
        let short = "section is shorter than its rows";
        assert_eq!(refused(&|bytes| u64_put(bytes, 16, 0)), entry(short));
        assert_eq!(
            refused(&|bytes| u64_put(bytes, 16, rows * u64::from(row_len) + 7)),
            entry(short)
        );
        if number + 1 < numbers.len() {
            let next = number_at(number + 1);
            let reaches_next = u64_at(&good, next + 8) - offset + 1;
            let error = refused(&|bytes| u64_put(bytes, 16, reaches_next));
            assert_eq!(
                error,
                Some(Layout {
                    offset: next as u64,
                    what: outside
                }),
                "section {id} over the next"
            );
        }
        // Its rows.
        assert_eq!(
            refused(&|bytes| u64_put(bytes, 24, len / u64::from(row_len) + 1)),
            entry(short)
        );
        assert_eq!(refused(&|bytes| u64_put(bytes, 24, u64::MAX)), entry(short));
        if row_len > 1 {
            // So many that their length in bytes does not fit 64 bits.
            assert_eq!(
                refused(&|bytes| u64_put(bytes, 24, u64::MAX / u64::from(row_len) + 1)),
                entry(short)
            );
        }
        assert_eq!(
            refused(&|bytes| u64_put(bytes, 24, rows - 1)),
            table("section is not an archive of as many rows as the directory says"),
            "section {id}"
        );
        // The length of a row.
        assert_eq!(refused(&|bytes| u32_put(bytes, 4, 0)), entry(short));
        assert_eq!(refused(&|bytes| u32_put(bytes, 4, u32::MAX)), entry(short));
        if row_len > 1 {
            assert_eq!(
                refused(&|bytes| u32_put(bytes, 4, row_len - 1)),
                table("rows have another length than this major version says"),
                "section {id}"
            );
        }
    }
    // A directory that reaches past the end.
    let mut bytes = aligned(&good[..HEADER_LEN + 64]);
    bytes[16..24].copy_from_slice(&(HEADER_LEN as u64 + 64).to_le_bytes());
    let need = (HEADER_LEN + numbers.len() * ENTRY_LEN) as u64;
    assert_eq!(
        refusal(&bytes, Check::ByHost, &Trust::default()),
        Some(Truncated {
            need,
            have: HEADER_LEN as u64 + 64
        })
    );
}

/// The 8 bytes behind the rows: a pointer back to them, and their number.
#[test]
fn every_section_end() {
    let good = build(&full());
    for entry in open(&good).unwrap().sections() {
        let end = (entry.offset + entry.len) as usize;
        assert_eq!(
            u64::from(u32_at(&good, end - 4)),
            entry.rows,
            "section {}",
            entry.id
        );
        let error = Layout {
            offset: entry.offset,
            what: "section is not an archive of as many rows as the directory says",
        };
        for (at, put) in [
            (end - 4, 0_u32),
            (end - 4, u32::MAX),
            (end - 4, entry.rows as u32 + 1),
            (end - 8, 0),
            (end - 8, 0x8000_0000),
            (end - 8, 64),
        ] {
            let mut bytes = good.clone();
            bytes[at..at + 4].copy_from_slice(&put.to_le_bytes());
            reseal(&mut bytes);
            assert_eq!(
                open(&bytes).err(),
                Some(error.clone()),
                "section {}, {put:#x} at {at}",
                entry.id
            );
        }
    }
}
