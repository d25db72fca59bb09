//! Classes of bytes: what keys are checked by. The loops do not leave early, so that they become
//! vectors; keys are short.

/// Whether all are capital ASCII letters or digits.
#[must_use]
pub fn is_upper_or_digit(bytes: &[u8]) -> bool {
    let fits = |byte: &u8| byte.is_ascii_uppercase() | byte.is_ascii_digit();
    bytes.iter().fold(true, |all, byte| all & fits(byte))
}

/// Whether there is a capital ASCII letter.
#[must_use]
pub fn has_upper(bytes: &[u8]) -> bool {
    let is_upper = u8::is_ascii_uppercase;
    bytes.iter().fold(false, |any, byte| any | is_upper(byte))
}

/// Whether it is a GUID as Microsoft writes it, with hyphens and without braces.
#[must_use]
pub fn is_guid(bytes: &[u8]) -> bool {
    let Some((bytes, [])) = bytes.split_first_chunk::<36>() else {
        return false;
    };
    // One bit for each byte that has to be a hyphen.
    const HYPHENS: u64 = 1 << 8 | 1 << 13 | 1 << 18 | 1 << 23;
    bytes.iter().enumerate().fold(true, |all, (at, byte)| {
        let is_hyphen = HYPHENS >> at & 1 == 1;
        all & (((*byte == b'-') & is_hyphen) | (byte.is_ascii_hexdigit() & !is_hyphen))
    })
}

/// What stands behind the mark that comes as the `count`th; nothing when there are fewer.
#[must_use]
pub fn behind(bytes: &[u8], mark: u8, count: u32) -> Option<&[u8]> {
    let mut left = count;
    let mut marks = memchr::memchr_iter(mark, bytes);
    let at = loop {
        left = left.checked_sub(1)?;
        let at = marks.next()?;
        if left == 0 {
            break at;
        }
    };
    bytes.get(at + 1..)
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
