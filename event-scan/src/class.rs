//! Classes of bytes: what keys are checked by. Eight bytes at a time, in plain integers: keys are too
//! short for vectors, and this serves all targets.

const ONES: u64 = 0x0101_0101_0101_0101;
/// The highest bit of each byte.
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The highest bit of each byte that lies in a range of ASCII.
const fn within(word: u64, from: u8, to: u8) -> u64 {
    let low = word & !HIGH;
    let not_below = low + ONES * (0x80 - from as u64);
    let above = low + ONES * (0x7F - to as u64);
    not_below & !above & !word & HIGH
}

/// The highest bit of each byte that is this one.
const fn equal(word: u64, byte: u8) -> u64 {
    let differs = word ^ (ONES * byte as u64);
    !(((differs & !HIGH) + !HIGH) | differs) & HIGH
}

/// All bytes as words; the last one overlaps the one before, and a short text is filled up with one
/// of its own bytes.
#[inline(always)]
fn words(bytes: &[u8], mut each: impl FnMut(u64)) {
    let Some(last) = bytes.last_chunk::<8>() else {
        if let Some(first) = bytes.first() {
            let mut padded = [*first; 8];
            padded
                .iter_mut()
                .zip(bytes)
                .for_each(|(to, from)| *to = *from);
            each(u64::from_le_bytes(padded));
        }
        return;
    };
    let (chunks, _) = bytes.as_chunks::<8>();
    for chunk in chunks {
        each(u64::from_le_bytes(*chunk));
    }
    each(u64::from_le_bytes(*last));
}

/// Whether all are capital ASCII letters or digits.
#[must_use]
pub fn is_upper_or_digit(bytes: &[u8]) -> bool {
    let mut all = HIGH;
    words(bytes, |word| {
        all &= within(word, b'A', b'Z') | within(word, b'0', b'9');
    });
    all == HIGH
}

/// Whether there is a capital ASCII letter.
#[must_use]
pub fn has_upper(bytes: &[u8]) -> bool {
    let mut any = 0;
    words(bytes, |word| any |= within(word, b'A', b'Z'));
    any != 0
}

/// Whether it is a GUID as Microsoft writes it, with hyphens and without braces.
#[must_use]
pub fn is_guid(bytes: &[u8]) -> bool {
    let Some((bytes, [])) = bytes.split_first_chunk::<36>() else {
        return false;
    };
    let (words, _) = bytes.as_chunks::<8>();
    let mut all = HIGH;
    // The highest bits of the bytes of each word that have to be hyphens.
    let hyphens = [0, 1 << 7 | 1 << 47, 1 << 23 | 1 << 63, 0];
    for (word, hyphens) in words.iter().zip(hyphens) {
        let word = u64::from_le_bytes(*word);
        all &= hex_digits(word) | hyphens;
        all &= !(equal(word, b'-') ^ hyphens);
    }
    let last = bytes
        .last_chunk::<8>()
        .map_or(0, |last| u64::from_le_bytes(*last));
    all & hex_digits(last) == HIGH
}

const fn hex_digits(word: u64) -> u64 {
    within(word, b'0', b'9') | within(word | (ONES * 0x20), b'a', b'f')
}

/// Where a byte stands first. One copy of the search, which is inlined otherwise and large.
#[must_use]
#[inline(never)]
pub fn find(bytes: &[u8], byte: u8) -> Option<usize> {
    memchr::memchr(byte, bytes)
}

/// Whether two texts are the same but for the case of ASCII letters; a call as [`find`] is.
#[must_use]
#[inline(never)]
pub fn is_like(one: &[u8], other: &[u8]) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// What stands behind the mark that comes as the `count`th; nothing when there are fewer.
#[must_use]
pub fn behind(bytes: &[u8], mark: u8, count: u32) -> Option<&[u8]> {
    let mut left = count;
    let mut at = 0;
    let (words, _) = bytes.as_chunks::<8>();
    for word in words {
        let mut marks = equal(u64::from_le_bytes(*word), mark);
        let found = marks.count_ones();
        if found >= left {
            for _ in 1..left {
                marks &= marks.wrapping_sub(1);
            }
            return bytes.get(at + marks.trailing_zeros() as usize / 8 + 1..);
        }
        left -= found;
        at += 8;
    }
    let rest = bytes.get(at..)?;
    let end = rest.iter().position(|byte| {
        left -= u32::from(*byte == mark);
        left == 0
    })?;
    rest.get(end + 1..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes() {
        assert!(is_upper_or_digit(b"AROA4EXAMPLE012345678") && is_upper_or_digit(b""));
        for wrong in [
            &b"AROA4EXAMPLE01234567a"[..],
            b"A ",
            b"\xC3\x84",
            b"A/Z",
            b":",
            b"[",
            b"@",
        ] {
            assert!(!is_upper_or_digit(wrong));
        }
        assert!(has_upper(b"abcdefghijklmnopqrstuvwxyzA") && !has_upper(b"abc-012\xC3\x84["));
    }

    #[test]
    fn words_find_what_a_loop_finds() {
        let mut state = 1_u64;
        for number in 0..20_000 {
            let mut text = [0; 40];
            for byte in &mut text {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let any = (state >> 56) as u8;
                *byte = match number % 3 {
                    0 => any,
                    1 => b"AZ09Q5"[usize::from(any) % 6],
                    _ => b"az:@[`{/\xBA"[usize::from(any) % 9],
                };
            }
            let len = number % 41;
            if number % 5 == 0 && len > 0 {
                text[(state % len as u64) as usize] = b"@[/:Z"[number % 4];
            }
            let text = &text[..len];
            let fits = |b: &u8| b.is_ascii_uppercase() || b.is_ascii_digit();
            assert_eq!(is_upper_or_digit(text), text.iter().all(fits));
            assert_eq!(has_upper(text), text.iter().any(u8::is_ascii_uppercase));
            for count in 1..6 {
                let mut marks = (0..len).filter(|at| text[*at] == b':');
                let at = marks.nth(count - 1);
                let expected = at.map(|at| &text[at + 1..]);
                assert_eq!(behind(text, b':', count as u32), expected);
            }
        }
    }

    #[test]
    fn guids() {
        let guid = *b"3c9d7a51-64be-4F0a-8d21-7e5f4a3b2c1d";
        assert!(is_guid(&guid));
        for at in 0..guid.len() {
            let mut wrong = guid;
            wrong[at] = if wrong[at] == b'-' { b'0' } else { b'-' };
            assert!(!is_guid(&wrong), "{at}");
            wrong[at] = b'g';
            assert!(!is_guid(&wrong), "{at}");
        }
        assert!(!is_guid(&guid[1..]) && !is_guid(&[&guid[..], b"0"].concat()));
    }

    #[test]
    fn behind_the_nth_mark() {
        assert_eq!(behind(b"a:b:c", b':', 1), Some(&b"b:c"[..]));
        assert_eq!(behind(b"a:b:c", b':', 2), Some(&b"c"[..]));
        assert_eq!(behind(b"a:b:", b':', 2), Some(&b""[..]));
        assert_eq!(behind(b"a:b:c", b':', 3), None);
        assert_eq!(behind(b"", b':', 1), None);
    }
}
