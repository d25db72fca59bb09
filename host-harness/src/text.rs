//! Text from others made fit to print: capped, control characters escaped.

use std::fmt::Write;

/// Longest sentence of a guest that is repeated to a person, in characters.
pub const MAX_SENTENCE: usize = 1024;

/// `text` with at most `cap` characters; control characters and those that reorder a line are
/// escaped, so that a third party's string cannot drive a terminal.
#[must_use]
pub fn printable(text: &str, cap: usize) -> String {
    let mut out = String::with_capacity(text.len().min(cap));
    for (count, character) in text.chars().enumerate() {
        if count == cap {
            out.push('…');
            break;
        }
        if needs_escape(character) {
            // Writing to a String cannot fail.
            let _ = write!(out, "{}", character.escape_unicode());
        } else {
            out.push(character);
        }
    }
    out
}

/// As [`printable`], for bytes that may not be UTF-8.
#[must_use]
pub fn printable_bytes(bytes: &[u8], cap: usize) -> String {
    // A character has at most four bytes: no more than that needs decoding.
    let head = &bytes[..bytes.len().min(cap.saturating_mul(4).saturating_add(4))];
    printable(&String::from_utf8_lossy(head), cap)
}

fn needs_escape(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{061C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(printable("a\x1b[31mb\n", 99), "a\\u{1b}[31mb\\u{a}");
        assert_eq!(printable("x\u{202E}y", 99), "x\\u{202e}y");
        assert_eq!(printable("Zürich", 99), "Zürich");
    }

    #[test]
    fn length_is_capped() {
        assert_eq!(printable("abcdef", 3), "abc…");
        assert_eq!(printable("abc", 3), "abc");
    }

    #[test]
    fn broken_utf8_is_replaced() {
        assert_eq!(printable_bytes(b"a\xffb", 9), "a\u{FFFD}b");
        assert_eq!(printable_bytes(&[b'x'; 100], 2), "xx…");
    }
}
