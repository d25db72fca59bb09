//! JSON documents with everything that is rare, and other spellings of given ones.

use crate::document::Doc;
use crate::random::Random;
use crate::words::{NAMES, NUMBERS, TEXTS};

/// A document as it is written.
#[derive(Debug)]
struct Writer<'r> {
    random: &'r mut Random,
    out: String,
    /// Brackets that may still be opened, here and below.
    depth_left: usize,
    /// Values that may still be written.
    values_left: usize,
    /// Whether everything is written without blanks and escapes that nobody needs.
    is_compact: bool,
    /// Whether a line feed may stand between values.
    has_line_feeds: bool,
}

/// A document in another spelling: with blanks, escapes, and members that are duplicates of later
/// ones. `None` when it is no JSON. Numbers with fractions may change.
#[must_use]
pub fn respelled(random: &mut Random, text: &[u8]) -> Option<String> {
    let document = Doc::read(std::str::from_utf8(text).ok()?)?;
    let mut writer = Writer {
        is_compact: random.is_one_in(4),
        has_line_feeds: false,
        depth_left: 3,
        values_left: 60,
        out: String::new(),
        random,
    };
    writer.given(&document);
    Some(writer.out)
}

/// An object. `has_line_feeds`: whether it may be spread over lines.
#[must_use]
pub fn document(random: &mut Random, has_line_feeds: bool) -> String {
    let depth_left = match random.below(8) {
        0 => 127,
        1 => 2,
        _ => 6,
    };
    let values_left = if depth_left > 6 {
        150
    } else {
        random.below(40)
    };
    let mut writer = Writer {
        is_compact: random.is_one_in(3),
        has_line_feeds,
        depth_left,
        values_left,
        out: String::new(),
        random,
    };
    writer.blank();
    writer.object();
    writer.blank();
    writer.out
}

impl Writer<'_> {
    fn blank(&mut self) {
        if self.is_compact || !self.random.is_one_in(3) {
            return;
        }
        let count = if self.random.is_one_in(20) { 70 } else { 2 };
        let kinds = if self.has_line_feeds { 4 } else { 3 };
        for _ in 0..self.random.below(count) {
            self.out
                .push([' ', '\t', '\r', '\n'][self.random.below(kinds)]);
        }
    }

    fn value(&mut self) {
        self.blank();
        self.values_left = self.values_left.saturating_sub(1);
        // A deep document goes down most of the time.
        let is_deep = self.depth_left > 6;
        match self.random.below(if is_deep { 40 } else { 10 }) {
            0 => self.out.push_str("null"),
            1 => self.out.push_str("true"),
            2 => self.out.push_str("false"),
            3 => {
                let number = *self.random.pick(NUMBERS);
                self.out.push_str(number);
            }
            4 | 5 => {
                let text = *self.random.pick(TEXTS);
                self.text(text);
            }
            _ if self.depth_left == 0 || self.values_left == 0 => self.out.push('7'),
            kind if kind % 2 == 0 => self.object(),
            _ => self.array(),
        }
        self.blank();
    }

    fn given(&mut self, document: &Doc) {
        self.blank();
        match document {
            Doc::Null => self.out.push_str("null"),
            Doc::Bool(value) => self.out.push_str(if *value { "true" } else { "false" }),
            Doc::Number(number) => self.out.push_str(&number.to_string()),
            Doc::Text(text) => self.text(text),
            Doc::Array(items) => {
                self.out.push('[');
                for (number, item) in items.iter().enumerate() {
                    if number > 0 {
                        self.out.push(',');
                    }
                    self.given(item);
                }
                self.out.push(']');
            }
            Doc::Object(members) => {
                self.out.push('{');
                for (number, (name, value)) in members.iter().enumerate() {
                    if number > 0 {
                        self.out.push(',');
                    }
                    if self.random.is_one_in(12) {
                        self.duplicate(members);
                    }
                    self.blank();
                    self.text(name);
                    self.blank();
                    self.out.push(':');
                    self.given(value);
                }
                self.blank();
                self.out.push('}');
            }
        }
        self.blank();
    }

    /// A member by the name of one of these and with the value of another, or any value.
    fn duplicate(&mut self, members: &[(String, Doc)]) {
        let (name, _) = self.random.pick(members);
        self.text(name);
        self.out.push(':');
        if self.random.is_one_in(2) {
            let (_, value) = self.random.pick(members);
            self.given(value);
        } else {
            self.value();
        }
        self.out.push(',');
    }

    fn object(&mut self) {
        self.depth_left -= 1;
        self.out.push('{');
        let count = self.count();
        for number in 0..count {
            if number > 0 {
                self.out.push(',');
            }
            self.blank();
            // Few names in one document: duplicates are what is to be seen.
            let names = if self.random.is_one_in(2) {
                NAMES
            } else {
                &NAMES[3..8]
            };
            let name = *self.random.pick(names);
            self.text(name);
            self.blank();
            self.out.push(':');
            self.value();
        }
        self.blank();
        self.out.push('}');
        self.depth_left += 1;
    }

    fn array(&mut self) {
        self.depth_left -= 1;
        self.out.push('[');
        let count = self.count();
        for number in 0..count {
            if number > 0 {
                self.out.push(',');
            }
            self.value();
        }
        self.blank();
        self.out.push(']');
        self.depth_left += 1;
    }

    fn count(&mut self) -> usize {
        let most = if self.depth_left > 6 { 3 } else { 6 };
        self.random.below(most).min(self.values_left)
    }

    fn text(&mut self, text: &str) {
        self.out.push('"');
        for character in text.chars() {
            let must = character < ' ' || matches!(character, '"' | '\\');
            if !must && (self.is_compact || !self.random.is_one_in(10)) {
                self.out.push(character);
                continue;
            }
            let short = match character {
                '"' | '\\' | '/' => Some(character),
                '\u{8}' => Some('b'),
                '\u{c}' => Some('f'),
                '\n' => Some('n'),
                '\r' => Some('r'),
                '\t' => Some('t'),
                _ => None,
            };
            if let Some(short) = short.filter(|_| self.random.is_one_in(2)) {
                self.out.extend(['\\', short]);
                continue;
            }
            for unit in character.encode_utf16(&mut [0; 2]) {
                let digits = if self.random.is_one_in(2) {
                    format!("\\u{unit:04x}")
                } else {
                    format!("\\u{unit:04X}")
                };
                self.out.push_str(&digits);
            }
        }
        self.out.push('"');
    }
}
