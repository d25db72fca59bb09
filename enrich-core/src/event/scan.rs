//! The scanner: one pass over the bytes of a JSON object, directed by the trie of wanted paths.
//!
//! It builds no tree. What is not wanted is skipped: delimited, with brackets matched and strings
//! closed, but numbers and literals inside are not validated. What is wanted is validated and
//! decoded. Duplicate keys: the last one wins, as in `serde_json`.

use alloc::string::String;
use alloc::vec::Vec;

use super::index::{self, BLOCK, Index};
use super::text::{Source, Span, TextBuffers};
use super::trie::{Node, NodeId, Trie};

/// Brackets open at once; as many as `serde_json` allows.
pub(crate) const MAX_DEPTH: u32 = 128;

/// The name of our member at the top of an event.
pub(crate) const OUR_MEMBER: &[u8] = b"whose";

/// Why a text is not scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScanError {
    /// Not JSON.
    Syntax,
    /// More brackets open at once than allowed.
    TooDeep,
}

/// The sort of a found value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sort {
    /// Missing or null.
    #[default]
    Absent,
    Text,
    Number,
    True,
    False,
    Object,
    Array,
}

/// One found value. For objects and arrays the span is the raw text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) sort: Sort,
    pub(crate) span: Span,
}

impl Found {
    /// The text; empty when it is of another sort.
    pub(crate) const fn text(self) -> Span {
        match self.sort {
            Sort::Text => self.span,
            _ => Span::EMPTY,
        }
    }
}

/// A range of bytes to cut out of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) from: usize,
    pub(crate) to: usize,
}

/// What is known of one node of the trie.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// The scan in which the node was met last.
    met: u32,
    found: Found,
    /// Where a text stands in the scanned document, with its quotes.
    raw: Span,
}

/// What a scan leaves behind. Reused for every event.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    slots: Vec<Slot>,
    /// Number of the scan under way; slots of earlier ones count as empty, so none is cleared.
    scan: u32,
    /// Members named `whose` at the top of the scanned object.
    pub(crate) cuts: Vec<Cut>,
    /// Whether a member is left after the cuts.
    pub(crate) has_members: bool,
    /// Where the closing brace stands.
    pub(crate) close: usize,
    /// The scanned object.
    pub(crate) whole: Span,
}

impl Findings {
    pub(crate) fn new(trie: &Trie) -> Self {
        let mut this = Self::default();
        this.slots.resize(trie.node_count(), Slot::default());
        this
    }

    #[inline]
    pub(crate) fn get(&self, node: NodeId) -> Found {
        match self.slots.get(usize::from(node)) {
            Some(slot) if slot.met == self.scan => slot.found,
            _ => Found::default(),
        }
    }

    /// Where the text of a node stands in the scanned document, with its quotes.
    pub(crate) fn raw(&self, node: NodeId) -> Span {
        match self.slots.get(usize::from(node)) {
            Some(slot) if slot.met == self.scan => slot.raw,
            _ => Span::EMPTY,
        }
    }

    fn reset(&mut self) {
        if self.scan == u32::MAX {
            self.slots.fill(Slot::default());
            self.scan = 0;
        }
        self.scan += 1;
        self.cuts.clear();
        self.has_members = false;
    }

    /// Notes that a node was met. A duplicate key: what the earlier one held counts no longer.
    #[inline]
    fn meet(&mut self, number: NodeId, node: &Node) {
        let from = usize::from(number);
        if let Some(slot) = self.slots.get_mut(from) {
            let is_duplicate = slot.met == self.scan;
            (slot.met, slot.found) = (self.scan, Found::default());
            if is_duplicate {
                let below = self.slots.get_mut(from + 1..usize::from(node.end));
                below.unwrap_or_default().fill(Slot::default());
            }
        }
    }

    #[inline]
    fn note(&mut self, number: NodeId, sort: Sort, span: Span) {
        if let Some(slot) = self.slots.get_mut(usize::from(number)) {
            slot.found = Found { sort, span };
        }
    }
}

/// A scan under way.
pub(crate) struct Scanner<'a> {
    bytes: &'a [u8],
    index: &'a Index,
    at: usize,
    depth: u32,
    max_depth: u32,
    source: Source,
    trie: &'a Trie,
    scratch: &'a mut String,
    key: &'a mut Vec<u8>,
}

/// Scans the object that stands at `at`; whitespace may stand before it. Leaves the position after
/// its closing brace in the result.
pub(crate) fn scan_object(
    buffers: &mut TextBuffers<'_>,
    source: Source,
    at: usize,
    max_depth: u32,
    trie: &Trie,
    findings: &mut Findings,
) -> Result<usize, ScanError> {
    findings.reset();
    let (text, index, scratch, key) = buffers.scan_parts(source);
    let mut scanner = Scanner {
        bytes: text.as_bytes(),
        index,
        at,
        depth: 0,
        max_depth: max_depth.min(MAX_DEPTH),
        source,
        trie,
        scratch,
        key,
    };
    scanner.blank();
    let start = scanner.at;
    scanner.expect(b'{')?;
    let Some(root) = trie.node(0) else {
        return Err(ScanError::Syntax);
    };
    scanner.object(root, findings, true)?;
    findings.close = scanner.at.saturating_sub(1);
    findings.whole = Span::new(source, start, scanner.at);
    Ok(scanner.at)
}

/// Delimits the value at `at`, byte by byte; returns the position after it.
pub(crate) fn skip_value_at(bytes: &[u8], at: usize, max_depth: u32) -> Result<usize, ScanError> {
    let mut skipper = Skipper {
        bytes,
        at,
        max_depth: max_depth.min(MAX_DEPTH),
    };
    skipper.value(0)?;
    Ok(skipper.at)
}

/// First byte that is not blank at or after `at`.
pub(crate) fn next_byte(bytes: &[u8], at: usize) -> (usize, Option<u8>) {
    let mut at = at;
    while let Some(byte) = bytes.get(at) {
        if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
            return (at, Some(*byte));
        }
        at += 1;
    }
    (at, None)
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn blank(&mut self) {
        self.at = next_byte(self.bytes, self.at).0;
    }

    fn expect(&mut self, byte: u8) -> Result<(), ScanError> {
        if self.peek() != Some(byte) {
            return Err(ScanError::Syntax);
        }
        self.at += 1;
        Ok(())
    }

    fn enter(&mut self) -> Result<(), ScanError> {
        self.depth += 1;
        if self.depth > self.max_depth {
            Err(ScanError::TooDeep)
        } else {
            Ok(())
        }
    }

    /// After `{`. `top`: members named `whose` are noted for cutting.
    fn object(&mut self, node: &Node, findings: &mut Findings, top: bool) -> Result<(), ScanError> {
        self.enter()?;
        self.blank();
        if self.peek() == Some(b'}') {
            self.at += 1;
            self.depth -= 1;
            return Ok(());
        }
        let mut comma_at = None;
        loop {
            let member_at = self.at;
            let (key_from, key_to, escaped) = self.string_bounds()?;
            let raw = self.bytes.get(key_from..key_to).unwrap_or(&[]);
            if escaped {
                self.key.clear();
                decode(raw, self.key)?;
            }
            let key: &[u8] = if escaped { self.key } else { raw };
            let is_ours = top && key == OUR_MEMBER;
            let child = if is_ours {
                None
            } else if escaped {
                self.trie.child(node, self.key, 0, self.key.len())
            } else {
                self.trie.child(node, self.bytes, key_from, key_to)
            };
            self.blank();
            self.expect(b':')?;
            self.blank();
            match child.and_then(|number| Some((number, self.trie.node(number)?))) {
                Some((number, child)) => self.wanted(number, child, findings)?,
                None => self.skip()?,
            }
            let value_end = self.at;
            self.blank();
            let next = self.peek();
            if is_ours {
                findings.cuts.push(match comma_at {
                    Some(comma) if findings.has_members => Cut {
                        from: comma,
                        to: value_end,
                    },
                    _ if next == Some(b',') => Cut {
                        from: member_at,
                        to: self.at + 1,
                    },
                    _ => Cut {
                        from: member_at,
                        to: value_end,
                    },
                });
            } else if top {
                findings.has_members = true;
            }
            match next {
                Some(b',') => {
                    comma_at = Some(self.at);
                    self.at += 1;
                    self.blank();
                }
                Some(b'}') => {
                    self.at += 1;
                    self.depth -= 1;
                    return Ok(());
                }
                _ => return Err(ScanError::Syntax),
            }
        }
    }

    /// A value that the trie leads to.
    fn wanted(
        &mut self,
        number: u16,
        node: &Node,
        findings: &mut Findings,
    ) -> Result<(), ScanError> {
        findings.meet(number, node);
        let from = self.at;
        let sort = match self.peek() {
            Some(b'"') => {
                if node.is_wanted {
                    let span = self.string()?;
                    findings.note(number, Sort::Text, span);
                    let raw = Span::new(self.source, from, self.at);
                    if let Some(slot) = findings.slots.get_mut(usize::from(number)) {
                        slot.raw = raw;
                    }
                } else {
                    self.string_bounds()?;
                }
                return Ok(());
            }
            Some(b'{') => {
                if !node.has_keys() {
                    self.skip()?;
                } else {
                    self.at += 1;
                    self.object(node, findings, false)?;
                }
                Sort::Object
            }
            Some(b'[') => {
                match node
                    .first()
                    .and_then(|first| Some((first, self.trie.node(first)?)))
                {
                    Some((number, first)) => self.array(number, first, findings)?,
                    None => self.skip()?,
                }
                Sort::Array
            }
            Some(b't') => self.literal(b"true", Sort::True)?,
            Some(b'f') => self.literal(b"false", Sort::False)?,
            Some(b'n') => self.literal(b"null", Sort::Absent)?,
            _ => {
                self.number()?;
                Sort::Number
            }
        };
        let span = Span::new(self.source, from, self.at);
        if node.is_wanted {
            findings.note(number, sort, span);
        }
        Ok(())
    }

    /// At `[`: the first element is wanted, the others are skipped.
    fn array(
        &mut self,
        number: u16,
        first: &Node,
        findings: &mut Findings,
    ) -> Result<(), ScanError> {
        self.at += 1;
        self.enter()?;
        self.blank();
        if self.peek() == Some(b']') {
            self.at += 1;
            self.depth -= 1;
            return Ok(());
        }
        self.wanted(number, first, findings)?;
        loop {
            self.blank();
            match self.peek() {
                Some(b',') => {
                    self.at += 1;
                    self.blank();
                    self.skip()?;
                }
                Some(b']') => {
                    self.at += 1;
                    self.depth -= 1;
                    return Ok(());
                }
                _ => return Err(ScanError::Syntax),
            }
        }
    }

    fn literal(&mut self, text: &[u8], sort: Sort) -> Result<Sort, ScanError> {
        let end = self.at + text.len();
        if self.bytes.get(self.at..end) != Some(text) {
            return Err(ScanError::Syntax);
        }
        self.at = end;
        Ok(sort)
    }

    /// A number as RFC 8259 writes it.
    fn number(&mut self) -> Result<(), ScanError> {
        let mut at = self.at;
        let digits = |at: &mut usize| {
            let from = *at;
            while self.bytes.get(*at).is_some_and(u8::is_ascii_digit) {
                *at += 1;
            }
            if *at > from {
                Ok(())
            } else {
                Err(ScanError::Syntax)
            }
        };
        if self.bytes.get(at) == Some(&b'-') {
            at += 1;
        }
        if self.bytes.get(at) == Some(&b'0') {
            at += 1;
        } else {
            digits(&mut at)?;
        }
        if self.bytes.get(at) == Some(&b'.') {
            at += 1;
            digits(&mut at)?;
        }
        if matches!(self.bytes.get(at), Some(b'e' | b'E')) {
            at += 1;
            if matches!(self.bytes.get(at), Some(b'+' | b'-')) {
                at += 1;
            }
            digits(&mut at)?;
        }
        self.at = at;
        Ok(())
    }

    /// Bounds of the string at `at`, without the quotes, and whether it holds escapes.
    #[inline]
    fn string_bounds(&mut self) -> Result<(usize, usize, bool), ScanError> {
        if self.peek() != Some(b'"') {
            return Err(ScanError::Syntax);
        }
        let from = self.at + 1;
        let end = match self.index.next_quote(from) {
            Some(end) if end < self.bytes.len() => end,
            _ => return Err(ScanError::Syntax),
        };
        self.at = end + 1;
        if !self.index.has_escapes && !self.index.has_controls {
            return Ok((from, end, false));
        }
        let raw = self.bytes.get(from..end).unwrap_or(&[]);
        // RFC 8259: control characters stand in strings only escaped.
        if self.index.has_controls && raw.iter().any(|byte| *byte < 0x20) {
            return Err(ScanError::Syntax);
        }
        Ok((from, end, memchr::memchr(b'\\', raw).is_some()))
    }

    /// The string at `at`, decoded when it holds escapes.
    fn string(&mut self) -> Result<Span, ScanError> {
        let (from, to, escaped) = self.string_bounds()?;
        if !escaped {
            return Ok(Span::new(self.source, from, to));
        }
        self.key.clear();
        decode(self.bytes.get(from..to).unwrap_or(&[]), self.key)?;
        let text = core::str::from_utf8(self.key).map_err(|_| ScanError::Syntax)?;
        let start = self.scratch.len();
        self.scratch.push_str(text);
        Ok(Span::new(Source::Scratch, start, self.scratch.len()))
    }

    /// Delimits the value at `at`.
    fn skip(&mut self) -> Result<(), ScanError> {
        match self.peek() {
            Some(b'"') => self.string_bounds().map(|_| ()),
            // Control characters are rare, and only some may stand outside strings.
            Some(b'{' | b'[') if !self.index.has_controls => self.skip_brackets(),
            _ => {
                let mut skipper = Skipper {
                    bytes: self.bytes,
                    at: self.at,
                    max_depth: self.max_depth,
                };
                skipper.value(self.depth)?;
                self.at = skipper.at;
                Ok(())
            }
        }
    }

    /// From an opening bracket to the one that closes it, a block at a time: brackets outside
    /// strings are counted. Which kind closes which is not looked at.
    fn skip_brackets(&mut self) -> Result<(), ScanError> {
        let mut number = self.at / BLOCK;
        let mut wanted = u64::MAX << (self.at % BLOCK);
        let mut depth = 0_u32;
        // All ones while a string reaches into the block.
        let mut inside = 0_u64;
        while let Some(quotes) = self.index.quotes(number) {
            let quotes = quotes & wanted;
            // Each bit becomes the parity of the quotes up to it.
            let mut strings = quotes;
            for shift in [1, 2, 4, 8, 16, 32] {
                strings ^= strings << shift;
            }
            strings ^= inside;
            inside = 0_u64.wrapping_sub(strings >> 63);
            let from = number * BLOCK;
            let rest = self.bytes.get(from..).unwrap_or(&[]);
            let (open, close) = if let Some(block) = rest.first_chunk::<BLOCK>() {
                index::brackets(block)
            } else {
                let mut padded = [b' '; BLOCK];
                if let Some(head) = padded.get_mut(..rest.len()) {
                    head.copy_from_slice(rest);
                }
                index::brackets(&padded)
            };
            let outside = wanted & !strings;
            let (open, close) = (open & outside, close & outside);
            let (opened, closed) = (open.count_ones(), close.count_ones());
            if closed < depth && self.depth + depth + opened <= self.max_depth {
                depth = depth + opened - closed;
            } else {
                let mut both = open | close;
                while both != 0 {
                    let bit = both & both.wrapping_neg();
                    both ^= bit;
                    if open & bit != 0 {
                        depth += 1;
                        if self.depth + depth > self.max_depth {
                            return Err(ScanError::TooDeep);
                        }
                    } else {
                        depth = depth.saturating_sub(1);
                        if depth == 0 {
                            self.at = from + bit.trailing_zeros() as usize + 1;
                            return Ok(());
                        }
                    }
                }
            }
            number += 1;
            wanted = u64::MAX;
        }
        Err(ScanError::Syntax)
    }
}

/// Where a string that starts at `at` (after its quote) ends, and whether it holds escapes.
#[inline]
fn string_end(bytes: &[u8], at: usize) -> Result<(usize, bool), ScanError> {
    let mut escaped = false;
    let mut at = at;
    loop {
        // Eight bytes at a time while nothing in them needs a look.
        while let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
            let stop = special(u64::from_le_bytes(*word));
            if stop == 0 {
                at += 8;
            } else {
                at += (stop.trailing_zeros() / 8) as usize;
                break;
            }
        }
        match bytes.get(at) {
            Some(b'"') => return Ok((at, escaped)),
            Some(b'\\') => {
                escaped = true;
                // The escaped byte may be a quote; whatever it is, it is not looked at.
                if bytes.get(at + 1).is_none_or(|byte| *byte < 0x20) {
                    return Err(ScanError::Syntax);
                }
                at += 2;
            }
            // RFC 8259: control characters stand in strings only escaped.
            Some(0..0x20) | None => return Err(ScanError::Syntax),
            Some(_) => at += 1,
        }
    }
}

/// A set high bit for each byte that is a quote, a backslash or below 0x20. Bytes above a set one
/// may be set by the borrow; only the lowest counts.
#[inline]
const fn special(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let quote = word ^ (ONES * b'"' as u64);
    let slash = word ^ (ONES * b'\\' as u64);
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    ((quote.wrapping_sub(ONES) & !quote) | (slash.wrapping_sub(ONES) & !slash) | control) & HIGH
}

/// Decodes the inside of a JSON string.
pub(crate) fn decode(raw: &[u8], out: &mut Vec<u8>) -> Result<(), ScanError> {
    let mut rest = raw;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        let (plain, tail) = rest.split_at(at);
        out.extend_from_slice(plain);
        let [_, code, after @ ..] = tail else {
            return Err(ScanError::Syntax);
        };
        rest = after;
        out.push(match code {
            b'"' => b'"',
            b'\\' => b'\\',
            b'/' => b'/',
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let (mut unit, mut tail) = hex4(rest)?;
                if (0xD800..0xDC00).contains(&unit) {
                    let [b'\\', b'u', low @ ..] = tail else {
                        return Err(ScanError::Syntax);
                    };
                    let (second, after) = hex4(low)?;
                    if !(0xDC00..0xE000).contains(&second) {
                        return Err(ScanError::Syntax);
                    }
                    unit = 0x10000 + ((unit - 0xD800) << 10) + (second - 0xDC00);
                    tail = after;
                }
                let character = char::from_u32(unit).ok_or(ScanError::Syntax)?;
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                rest = tail;
                continue;
            }
            _ => return Err(ScanError::Syntax),
        });
    }
    out.extend_from_slice(rest);
    Ok(())
}

fn hex4(bytes: &[u8]) -> Result<(u32, &[u8]), ScanError> {
    let (digits, rest) = bytes.split_first_chunk::<4>().ok_or(ScanError::Syntax)?;
    let mut value = 0;
    for digit in digits {
        value = value * 16 + char::from(*digit).to_digit(16).ok_or(ScanError::Syntax)?;
    }
    Ok((value, rest))
}

/// Delimits values without looking into them.
struct Skipper<'a> {
    bytes: &'a [u8],
    at: usize,
    max_depth: u32,
}

impl Skipper<'_> {
    fn value(&mut self, depth: u32) -> Result<(), ScanError> {
        match self.bytes.get(self.at) {
            Some(b'"') => self.at = string_end(self.bytes, self.at + 1)?.0 + 1,
            Some(b'{' | b'[') => self.brackets(depth)?,
            Some(b't' | b'f' | b'n' | b'-' | b'0'..=b'9') => self.word(),
            _ => return Err(ScanError::Syntax),
        }
        Ok(())
    }

    /// A number or literal: up to the next separator.
    fn word(&mut self) {
        while self.bytes.get(self.at).is_some_and(|byte| {
            !matches!(
                byte,
                b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r' | b'"' | b'{' | b'[' | b':'
            )
        }) {
            self.at += 1;
        }
    }

    /// From an opening bracket to the one that closes it.
    fn brackets(&mut self, outer: u32) -> Result<(), ScanError> {
        // One bit for each open bracket, 1 = object; MAX_DEPTH bits are enough.
        let mut open = 0_u128;
        let mut depth = 0_u32;
        loop {
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at = string_end(self.bytes, self.at + 1)?.0 + 1;
                    continue;
                }
                Some(byte @ (b'{' | b'[')) => {
                    depth += 1;
                    if outer + depth > self.max_depth {
                        return Err(ScanError::TooDeep);
                    }
                    open = open << 1 | u128::from(*byte == b'{');
                }
                Some(byte @ (b'}' | b']')) => {
                    if (open & 1 == 1) != (*byte == b'}') {
                        return Err(ScanError::Syntax);
                    }
                    open >>= 1;
                    depth -= 1;
                    if depth == 0 {
                        self.at += 1;
                        return Ok(());
                    }
                }
                // Outside strings no control characters but blanks stand in JSON.
                Some(0..=8 | 11 | 12 | 14..=0x1F) | None => return Err(ScanError::Syntax),
                Some(_) => {}
            }
            self.at += 1;
        }
    }
}
