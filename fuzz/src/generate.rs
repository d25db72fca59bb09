//! Inputs made from a seed: JSON documents with everything that is rare, and changed seeds.

use crate::corpus::Seed;

/// Seeded numbers (SplitMix64), so that the inputs are the same everywhere.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The series of a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The series of a text (FNV-1a).
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let hash = bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3)
        });
        Self(hash)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`; 0 when there is none.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 32) as usize % limit.max(1)
    }

    /// Whether one of `many` chances came up.
    pub fn is_one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    fn pick<'l, T>(&mut self, list: &'l [T]) -> &'l T {
        &list[self.below(list.len())]
    }
}

/// Names that readers look for, names that nearly are, and names that are hard to tell apart.
const NAMES: &[&str] = &[
    "",
    "0",
    "1",
    "a",
    "b",
    "c",
    "a/b",
    "~",
    "~1",
    "/",
    "\"",
    "\\",
    "\0",
    "é",
    "\u{1F600}",
    "whose",
    "Whose",
    "whose ",
    "12345678",
    "123456789",
    "1234567812345678",
    "12345678x12345678",
    "12345678y12345678",
    "12345678-between-the-ends-12345678",
    "12345678-between the ends-12345678",
    "eventName",
    "eventNamf",
    "eventTime",
    "eventSource",
    "userIdentity",
    "type",
    "arn",
    "ARN",
    "principalId",
    "accessKeyId",
    "accountId",
    "sessionContext",
    "sessionIssuer",
    "resources",
    "requestParameters",
    "roleArn",
    "kind",
    "user",
    "username",
    "extra",
    "protoPayload",
    "authenticationInfo",
    "detail",
    "Records",
    "records",
    "items",
    "message",
    "time",
];

const TEXTS: &[&str] = &[
    "",
    "x",
    "AssumedRole",
    "IAMUser",
    "AROAGOLDENDEPLOYER01:session",
    "AKIAGOLDENSHARED0001",
    "arn:aws:iam::111122223333:role/ci/deployer",
    "arn:aws:sts::111122223333:assumed-role/deployer/session",
    "111122223333",
    "sts.amazonaws.com",
    "GetObject",
    "2026-03-20T05:00:00Z",
    "Event",
    "system:serviceaccount:payments:api",
    "{\"eventName\":\"GetObject\",\"eventVersion\":\"1.11\",\"userIdentity\":{\"type\":\"Root\"}}",
    "{\"whose\":1}",
    "[{}]",
    "}],:{[\"",
    "\\\\\"",
    "\u{7f}\u{80}\u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}",
    "\0\u{1}\u{1f}\u{8}\u{c}\n\r\t",
    "one of more than sixty-four bytes, so that it reaches from block to block, wherever it begins",
];

const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "1",
    "-1",
    "111122223333",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775809",
    "123456789012345678901234567890",
    "0.0",
    "-0.25",
    "1.5e3",
    "1E+2",
    "10.5e-3",
    "1e308",
    "1e-400",
];

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

/// Pieces that a change puts in.
const PIECES: &[&[u8]] = &[
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\n",
    b"\r",
    b"\t",
    b"\0",
    b"\x1f",
    b"\x7f",
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\\u",
    b"\\ud800",
    b"\\udc00",
    b"\"\":",
    b"\"a\":1,",
    b"\"whose\":{},",
    b"null",
    b"-",
    b"1e400",
    b"                                                                ",
];

/// One of the seeds with some changes; the same for the same number and seeds.
#[must_use]
pub fn changed(number: u64, seeds: &[Seed]) -> Vec<u8> {
    let mut random = Random::new(number);
    let seed = &random.pick(seeds).bytes;
    let other = &random.pick(seeds).bytes;
    change(&mut random, seed, other)
}

/// A seed with some changes. `other`: a seed from which a part may come.
fn change(random: &mut Random, seed: &[u8], other: &[u8]) -> Vec<u8> {
    let mut out = seed.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(out.len() + 1);
        match random.below(7) {
            0 => {
                if let Some(byte) = out.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
            1 => {
                if let Some(byte) = out.get_mut(at) {
                    *byte = random.next() as u8;
                }
            }
            2 if random.is_one_in(4) => out.truncate(at),
            3 => {
                let end = (at + random.below(20)).min(out.len());
                out.drain(at..end);
            }
            4 => {
                let from = random.below(other.len());
                let end = (from + random.below(60)).min(other.len());
                out.splice(at..at, other[from..end].iter().copied());
            }
            5 => {
                // A part of itself once more: duplicate keys, brackets that do not match.
                let end = (at + random.below(80)).min(out.len());
                let part = out[at..end].to_vec();
                let place = random.below(out.len() + 1);
                out.splice(place..place, part);
            }
            _ => {
                let piece = random.pick(PIECES).iter().copied();
                out.splice(at..at, piece);
            }
        }
    }
    out
}
