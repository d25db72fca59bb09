//! A JSON writer that appends to a reused buffer. Member order is the order of the calls.

use alloc::vec::Vec;

/// Longest third-party text that is written; longer ones are cut at a character and end in `…`.
pub(crate) const MAX_TEXT: usize = 2048;

/// Writes compact JSON.
#[derive(Debug)]
pub(crate) struct Json<'a> {
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
    pub(crate) const fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, comma: false }
    }

    /// A comma, where one is due.
    #[inline]
    pub(crate) fn separate(&mut self) {
        if self.comma {
            self.out.push(b',');
        }
        self.comma = true;
    }

    /// An opening bracket.
    #[inline]
    pub(crate) fn open(&mut self, bracket: u8) {
        self.out.push(bracket);
        self.comma = false;
    }

    /// The closing bracket.
    #[inline]
    pub(crate) fn close(&mut self, bracket: u8) {
        self.out.push(bracket);
        self.comma = true;
    }

    pub(crate) fn object(&mut self, f: impl FnOnce(&mut Self)) {
        self.open(b'{');
        f(self);
        self.close(b'}');
    }

    pub(crate) fn array(&mut self, f: impl FnOnce(&mut Self)) {
        self.open(b'[');
        f(self);
        self.close(b']');
    }

    /// One element of an array.
    pub(crate) fn element(&mut self, f: impl FnOnce(&mut Self)) {
        self.separate();
        f(self);
    }

    /// `"name":` and what `f` writes. The name is one of ours and needs no escaping.
    #[inline]
    pub(crate) fn member(&mut self, name: &str, f: impl FnOnce(&mut Self)) {
        self.name(name);
        f(self);
    }

    /// The name of a member. Not inlined, like the writers below: a guest has a size budget, and
    /// there are more than a hundred calls.
    #[inline(never)]
    pub(crate) fn name(&mut self, name: &str) {
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
    pub(crate) fn name_parts(&mut self, parts: &[&str]) {
        self.separate();
        self.out.push(b'"');
        for part in parts {
            self.raw(part);
        }
        self.out.extend_from_slice(b"\":");
        self.comma = true;
    }

    /// Whether something stands before what is written next.
    pub(crate) fn set_comma(&mut self, is_due: bool) {
        self.comma = is_due;
    }

    /// Where it is written: for text that needs no escaping.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        self.out
    }

    #[inline(never)]
    pub(crate) fn string(&mut self, name: &str, text: &str) {
        self.member(name, |out| out.text(&[text]));
    }

    /// A member that is left out when there is nothing to say.
    #[inline(never)]
    pub(crate) fn some_string(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.string(name, text);
        }
    }

    #[inline(never)]
    pub(crate) fn number(&mut self, name: &str, value: u64) {
        self.member(name, |out| out.digits(value));
    }

    #[inline(never)]
    pub(crate) fn signed(&mut self, name: &str, value: i64) {
        self.member(name, |out| out.integer(value));
    }

    #[inline(never)]
    pub(crate) fn bool(&mut self, name: &str, value: bool) {
        self.member(name, |out| {
            out.out
                .extend_from_slice(if value { b"true" } else { b"false" })
        });
    }

    /// An array of texts, left out when empty.
    pub(crate) fn strings<'t>(&mut self, name: &str, texts: impl Iterator<Item = &'t str>) {
        let mut texts = texts.peekable();
        if texts.peek().is_some() {
            self.member(name, |out| {
                out.array(|out| texts.for_each(|text| out.element(|out| out.text(&[text]))))
            });
        }
    }

    /// A time as RFC 3339.
    #[inline(never)]
    pub(crate) fn time(&mut self, name: &str, ms: i64) {
        self.member(name, |out| {
            out.out.push(b'"');
            out.plain_time(ms);
            out.out.push(b'"');
        });
    }

    /// A time inside a text.
    #[inline(never)]
    pub(crate) fn plain_time(&mut self, ms: i64) {
        let mut ascii = Ascii(self.out);
        let _ = crate::time::write_rfc3339(&mut ascii, ms);
    }

    #[inline(never)]
    pub(crate) fn integer(&mut self, value: i64) {
        if value < 0 {
            self.out.push(b'-');
        }
        self.digits(value.unsigned_abs());
    }

    #[inline(never)]
    pub(crate) fn digits(&mut self, value: u64) {
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
    pub(crate) fn text(&mut self, parts: &[&str]) {
        self.out.push(b'"');
        for part in parts {
            self.escaped(part);
        }
        self.out.push(b'"');
    }

    /// A JSON string of what `f` appends with [`Json::escaped`], [`Json::raw`] and the like.
    pub(crate) fn quoted(&mut self, f: impl FnOnce(&mut Self)) {
        self.out.push(b'"');
        f(self);
        self.out.push(b'"');
    }

    /// Text of ours that needs no escaping.
    #[inline(never)]
    pub(crate) fn raw(&mut self, text: &str) {
        append(self.out, text.as_bytes());
    }

    /// Members that are written already.
    pub(crate) fn members(&mut self, json: &[u8]) {
        self.separate();
        self.out.extend_from_slice(json);
    }

    /// JSON that is written already.
    pub(crate) fn bytes(&mut self, json: &[u8]) {
        self.out.extend_from_slice(json);
    }

    /// Text of others, cut and escaped.
    pub(crate) fn escaped(&mut self, text: &str) {
        self.escaped_to(text, MAX_TEXT);
    }

    /// Text of others, cut after at most so many bytes, and escaped.
    #[inline(never)]
    pub(crate) fn escaped_to(&mut self, text: &str, most: usize) {
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

    #[inline(never)]
    pub(crate) fn hex(&mut self, bytes: &[u8]) {
        for byte in bytes {
            for nibble in [byte >> 4, byte & 15] {
                self.out
                    .push(HEX.get(usize::from(nibble)).copied().unwrap_or(b'0'));
            }
        }
    }
}

/// Whether no byte of a text needs escaping: eight at a time.
fn is_all_plain(text: &[u8]) -> bool {
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
/// host's, which takes longer than a short copy; two copies of a fixed length, which may overlap,
/// are loads and stores.
fn append(out: &mut Vec<u8>, bytes: &[u8]) {
    fn ends<const N: usize>(out: &mut Vec<u8>, bytes: &[u8]) -> bool {
        let (Some(first), Some(last)) = (bytes.first_chunk::<N>(), bytes.last_chunk::<N>()) else {
            return false;
        };
        if bytes.len() > 2 * N {
            return false;
        }
        let end = out.len() + bytes.len();
        out.extend_from_slice(first);
        out.truncate(end - N);
        out.extend_from_slice(last);
        true
    }
    if bytes.len() < 4 {
        for byte in bytes {
            out.push(*byte);
        }
    } else if !(ends::<16>(out, bytes) || ends::<8>(out, bytes) || ends::<4>(out, bytes)) {
        out.extend_from_slice(bytes);
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

/// Formatted ASCII that needs no escaping.
struct Ascii<'a>(&'a mut Vec<u8>);

impl core::fmt::Write for Ascii<'_> {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
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
        for len in 0..80 {
            let text: String = ('0'..='o')
                .cycle()
                .take(len)
                .filter(|c| *c != '\\')
                .collect();
            let mut out = alloc::vec![b'x'];
            append(&mut out, text.as_bytes());
            assert_eq!(out, alloc::format!("x{text}").as_bytes());
            assert!(is_all_plain(text.as_bytes()));
            for at in 0..text.len() {
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
