//! A JSON writer that appends to a reused buffer. Member order is the order of the calls.

use alloc::vec::Vec;

use wide::u8x16;

use crate::time::Rfc3339;

/// Longest third-party text that is written; longer ones are cut at a character and end in `…`.
pub const MAX_TEXT: usize = 2048;

/// Writes compact JSON.
#[derive(Debug)]
pub struct Json<'a> {
    out: &'a mut Vec<u8>,
    /// Whether the next member or element needs a comma.
    comma: bool,
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Bytes that stand in a JSON string only escaped.
const fn is_plain(byte: u8) -> bool {
    byte >= 0x20 && byte != b'"' && byte != b'\\' && byte != 0x7F
}

impl<'a> Json<'a> {
    /// A writer that appends to this.
    pub const fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, comma: false }
    }

    /// A comma, where one is due.
    #[inline]
    pub fn separate(&mut self) {
        if self.comma {
            self.out.push(b',');
        }
        self.comma = true;
    }

    /// An opening bracket.
    #[inline]
    pub fn open(&mut self, bracket: u8) {
        self.out.push(bracket);
        self.comma = false;
    }

    /// The closing bracket.
    #[inline]
    pub fn close(&mut self, bracket: u8) {
        self.out.push(bracket);
        self.comma = true;
    }

    /// An object of the members that `f` writes.
    pub fn object(&mut self, f: impl FnOnce(&mut Self)) {
        self.open(b'{');
        f(self);
        self.close(b'}');
    }

    /// An array of the elements that `f` writes.
    pub fn array(&mut self, f: impl FnOnce(&mut Self)) {
        self.open(b'[');
        f(self);
        self.close(b']');
    }

    /// One element of an array.
    pub fn element(&mut self, f: impl FnOnce(&mut Self)) {
        self.separate();
        f(self);
    }

    /// `"name":` and what `f` writes. The name is one of ours and needs no escaping.
    #[inline]
    pub fn member(&mut self, name: &str, f: impl FnOnce(&mut Self)) {
        self.name(name);
        f(self);
    }

    /// The name of a member. Not inlined, like the writers below: a guest has a size budget, and
    /// there are more than a hundred calls.
    #[inline(never)]
    pub fn name(&mut self, name: &str) {
        self.separate();
        self.out.push(b'"');
        append(self.out, name.as_bytes());
        self.out.extend_from_slice(b"\":");
        // Whatever the value is, something follows it with a comma.
        self.comma = true;
    }

    /// The name of a member, put together.
    #[cold]
    #[inline(never)]
    pub fn name_parts(&mut self, parts: &[&str]) {
        self.separate();
        self.out.push(b'"');
        for part in parts {
            self.raw(part);
        }
        self.out.extend_from_slice(b"\":");
        self.comma = true;
    }

    /// Whether a comma is due, and how much is written.
    pub fn here(&self) -> (bool, usize) {
        (self.comma, self.out.len())
    }

    /// Whether something stands before what is written next.
    pub fn set_comma(&mut self, is_due: bool) {
        self.comma = is_due;
    }

    /// Where it is written: for text that needs no escaping.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        self.out
    }

    /// A member that is a text of others.
    #[inline(never)]
    pub fn string(&mut self, name: &str, text: &str) {
        self.member(name, |out| out.text(&[text]));
    }

    /// A member that is left out when there is nothing to say.
    #[inline(never)]
    pub fn some_string(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.string(name, text);
        }
    }

    /// A member that is a number.
    #[inline(never)]
    pub fn number(&mut self, name: &str, value: u64) {
        self.member(name, |out| out.digits(value));
    }

    /// A member that is a whole number, which may be negative.
    #[inline(never)]
    pub fn signed(&mut self, name: &str, value: i64) {
        self.member(name, |out| out.integer(value));
    }

    /// A member that is true or false.
    #[inline(never)]
    pub fn bool(&mut self, name: &str, value: bool) {
        self.member(name, |out| {
            out.out
                .extend_from_slice(if value { b"true" } else { b"false" })
        });
    }

    /// An array of texts, left out when empty.
    pub fn strings<'t>(&mut self, name: &str, texts: impl Iterator<Item = &'t str>) {
        let mut texts = texts.peekable();
        if texts.peek().is_some() {
            self.member(name, |out| {
                out.array(|out| texts.for_each(|text| out.element(|out| out.text(&[text]))))
            });
        }
    }

    /// A time as RFC 3339.
    #[inline(never)]
    pub fn time(&mut self, name: &str, ms: i64) {
        self.member(name, |out| {
            out.out.push(b'"');
            out.plain_time(ms);
            out.out.push(b'"');
        });
    }

    /// A time inside a text.
    #[inline(never)]
    pub fn plain_time(&mut self, ms: i64) {
        append(self.out, Rfc3339::of(ms).as_bytes());
    }

    /// A whole number.
    #[inline(never)]
    pub fn integer(&mut self, value: i64) {
        if value < 0 {
            self.out.push(b'-');
        }
        self.digits(value.unsigned_abs());
    }

    /// A number that is not negative.
    #[inline(never)]
    pub fn digits(&mut self, value: u64) {
        let mut buffer = [0_u8; 20];
        let mut rest = value;
        let mut len = 0;
        for place in buffer.iter_mut().rev() {
            *place = b'0' + (rest % 10) as u8;
            rest /= 10;
            len += 1;
            if rest == 0 {
                break;
            }
        }
        self.out
            .extend_from_slice(buffer.get(20 - len..).unwrap_or(&[]));
    }

    /// Several texts as one JSON string.
    #[inline(never)]
    pub fn text(&mut self, parts: &[&str]) {
        self.out.push(b'"');
        for part in parts {
            self.escaped(part);
        }
        self.out.push(b'"');
    }

    /// A JSON string of what `f` appends with [`Json::escaped`], [`Json::raw`] and the like.
    pub fn quoted(&mut self, f: impl FnOnce(&mut Self)) {
        self.out.push(b'"');
        f(self);
        self.out.push(b'"');
    }

    /// Text of ours that needs no escaping.
    #[inline(never)]
    pub fn raw(&mut self, text: &str) {
        append(self.out, text.as_bytes());
    }

    /// Members that are written already.
    pub fn members(&mut self, json: &[u8]) {
        self.separate();
        append(self.out, json);
    }

    /// JSON that is written already.
    pub fn bytes(&mut self, json: &[u8]) {
        self.out.extend_from_slice(json);
    }

    /// Text of others, cut and escaped.
    pub fn escaped(&mut self, text: &str) {
        self.escaped_to(text, MAX_TEXT);
    }

    /// Text of others, cut after at most so many bytes, and escaped.
    #[inline(never)]
    pub fn escaped_to(&mut self, text: &str, most: usize) {
        let (text, is_cut) = cut(text, most);
        let mut rest = text.as_bytes();
        if !is_cut && is_all_plain(rest) {
            append(self.out, rest);
            return;
        }
        while let Some(at) = rest.iter().position(|byte| !is_plain(*byte)) {
            let (plain, tail) = rest.split_at(at);
            self.out.extend_from_slice(plain);
            let Some((byte, after)) = tail.split_first() else {
                break;
            };
            match byte {
                b'"' => self.out.extend_from_slice(b"\\\""),
                b'\\' => self.out.extend_from_slice(b"\\\\"),
                b'\n' => self.out.extend_from_slice(b"\\n"),
                b'\r' => self.out.extend_from_slice(b"\\r"),
                b'\t' => self.out.extend_from_slice(b"\\t"),
                byte => {
                    self.out.extend_from_slice(b"\\u00");
                    for nibble in [byte >> 4, byte & 15] {
                        self.out
                            .push(HEX.get(usize::from(nibble)).copied().unwrap_or(b'0'));
                    }
                }
            }
            rest = after;
        }
        self.out.extend_from_slice(rest);
        if is_cut {
            self.out.extend_from_slice("…".as_bytes());
        }
    }

    /// Bytes as hexadecimal digits, in lower case.
    #[inline(never)]
    pub fn hex(&mut self, bytes: &[u8]) {
        for byte in bytes {
            for nibble in [byte >> 4, byte & 15] {
                self.out
                    .push(HEX.get(usize::from(nibble)).copied().unwrap_or(b'0'));
            }
        }
    }
}

/// Whether no byte of a text needs escaping.
#[inline(always)]
fn is_all_plain(text: &[u8]) -> bool {
    let Some(last) = text.last_chunk::<16>() else {
        return are_plain_words(text);
    };
    let mut marks = u8x16::splat(0);
    let (pieces, _) = text.as_chunks::<16>();
    for piece in pieces.iter().chain([last]) {
        let piece = u8x16::new(*piece);
        let special = piece.simd_eq(u8x16::splat(b'"'))
            | piece.simd_eq(u8x16::splat(b'\\'))
            | piece.simd_eq(u8x16::splat(0x7F));
        let most = u8x16::splat(0x1F);
        marks |= special | piece.max(most).simd_eq(most);
    }
    marks.to_bitmask() == 0
}

/// As [`is_all_plain`], of a text shorter than a vector: eight bytes at a time.
fn are_plain_words(text: &[u8]) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let (words, rest) = text.as_chunks::<8>();
    let mut marks = 0;
    for word in words {
        let word = u64::from_le_bytes(*word);
        let (quote, slash) = (word ^ (ONES * 0x22), word ^ (ONES * 0x5C));
        let delete = word ^ (ONES * 0x7F);
        // A borrow may mark a byte above a marked one, which changes nothing: there is one.
        marks |= (quote.wrapping_sub(ONES) & !quote)
            | (slash.wrapping_sub(ONES) & !slash)
            | (delete.wrapping_sub(ONES) & !delete)
            | (word.wrapping_sub(ONES * 0x20) & !word);
    }
    marks & HIGH == 0 && rest.iter().all(|byte| is_plain(*byte))
}

/// Appends bytes. In a guest a copy of a length that is known only when it runs is a call of the
/// host's, which takes longer than a short copy; pieces of a fixed length, the last of which overlaps
/// the one before, are loads and stores.
#[inline(never)]
fn append(out: &mut Vec<u8>, bytes: &[u8]) {
    /// Two pieces, for lengths from `N` to `2 * N`.
    #[inline(always)]
    fn ends<const N: usize>(out: &mut Vec<u8>, bytes: &[u8]) {
        if let (Some(first), Some(last)) = (bytes.first_chunk::<N>(), bytes.last_chunk::<N>()) {
            let end = out.len() + bytes.len();
            out.extend_from_slice(first);
            out.truncate(end - N);
            out.extend_from_slice(last);
        }
    }
    match bytes.len() {
        0..4 => {
            for byte in bytes {
                out.push(*byte);
            }
        }
        4..8 => ends::<4>(out, bytes),
        8..16 => ends::<8>(out, bytes),
        16..=32 => ends::<16>(out, bytes),
        33..=512 => {
            let end = out.len() + bytes.len();
            // Room for the last piece as well, before the one that it overlaps is cut.
            out.reserve(bytes.len() + 32);
            let (pieces, _) = bytes.as_chunks::<32>();
            for piece in pieces {
                out.extend_from_slice(piece);
            }
            out.truncate(end - 32);
            if let Some(last) = bytes.last_chunk::<32>() {
                out.extend_from_slice(last);
            }
        }
        _ => out.extend_from_slice(bytes),
    }
}

/// A text cut at a character boundary, and whether it was.
fn cut(text: &str, most: usize) -> (&str, bool) {
    if text.len() <= most {
        return (text, false);
    }
    (
        text.get(..text.floor_char_boundary(most)).unwrap_or(""),
        true,
    )
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use super::*;

    #[test]
    fn escapes_so_that_others_read_the_same() {
        for text in [
            "",
            "plain",
            "a\"b\\c",
            "\u{0}\u{1f}\u{7f}\n\r\t",
            "é…🦀",
            "\u{2028}",
        ] {
            let mut out = Vec::new();
            Json::new(&mut out).text(&[text]);
            assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
            assert!(out.iter().all(|byte| *byte >= 0x20));
        }
    }

    #[test]
    fn cuts_long_text_at_a_character() {
        let mut out = Vec::new();
        Json::new(&mut out).text(&["é".repeat(MAX_TEXT).as_str()]);
        let text: String = serde_json::from_slice(&out).unwrap();
        assert_eq!(text.len(), MAX_TEXT + "…".len());
    }

    #[test]
    fn texts_of_every_length_are_appended_whole_and_escaped_where_they_must_be() {
        for len in (0..80).chain([500, 511, 512, 513, 528, 900]) {
            let text: String = ('0'..='o')
                .cycle()
                .take(len)
                .filter(|c| *c != '\\')
                .collect();
            let mut out = alloc::vec![b'x'];
            append(&mut out, text.as_bytes());
            assert_eq!(out, alloc::format!("x{text}").as_bytes());
            assert!(is_all_plain(text.as_bytes()));
            for at in 0..text.len().min(100) {
                for byte in [0, 0x1F, b'"', b'\\', 0x7F] {
                    let mut bytes = text.clone().into_bytes();
                    bytes[at] = byte;
                    assert!(!is_all_plain(&bytes), "{byte} at {at} of {len}");
                }
                let mut bytes = text.clone().into_bytes();
                bytes[at] = 0x80 + at as u8;
                assert!(is_all_plain(&bytes), "{at} of {len}");
            }
        }
    }

    #[test]
    fn numbers() {
        for value in [0, 7, 10, u64::MAX] {
            let mut out = Vec::new();
            Json::new(&mut out).digits(value);
            assert_eq!(out, alloc::format!("{value}").into_bytes());
        }
        let mut out = Vec::new();
        Json::new(&mut out).integer(i64::MIN);
        assert_eq!(out, b"-9223372036854775808");
    }
}
