//! The scanner: one pass over the bytes of a JSON object, directed by the trie of wanted paths.
//!
//! It builds no tree. What is not wanted is skipped: delimited, with brackets matched and strings
//! closed, but numbers and literals inside are not validated. What is wanted is validated and
//! decoded. Duplicate keys: the last one wins, as in `serde_json`.

use alloc::string::String;
use alloc::vec::Vec;

use crate::bytewise::{decode, next_byte, skip_value};
use crate::findings::{Cut, Findings, Sort};
use crate::familiar::{Known, LONGEST, Link, Place};
use crate::index::{self, BLOCK, Index};
use crate::text::{Source, Span, TextBuffers};
use crate::trie::{Node, NodeId, Trie};

/// Brackets open at once; `serde_json` allows one less.
pub const MAX_DEPTH: u32 = 128;

/// Why a text is not scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanError {
    /// Not JSON.
    Syntax,
    /// More brackets open at once than allowed.
    TooDeep,
}

/// What was met where no step was expected.
enum Met {
    /// A member: where its value begins, its child, whether that is wanted.
    Member(usize, NodeId, bool),
    /// A member that is ours: where its value ends.
    Ours(usize),
    /// The closing brace, where it stands.
    End(usize),
}

/// A scan under way.
struct Scanner<'a> {
    bytes: &'a [u8],
    index: &'a Index,
    /// Where the quotes are.
    quotes: &'a [u32],
    /// How many quotes the scan has passed: it goes in step with them.
    passed: usize,
    depth: u32,
    max_depth: u32,
    source: Source,
    trie: &'a Trie,
    scratch: &'a mut String,
    decoded: &'a mut Vec<u8>,
    findings: &'a mut Findings,
}

/// Scans the object that stands at `at`; whitespace may stand before it. Leaves the position after
/// its closing brace in the result.
pub fn scan_object(
    buffers: &mut TextBuffers<'_>,
    source: Source,
    at: usize,
    max_depth: u32,
    trie: &Trie,
    findings: &mut Findings,
) -> Result<usize, ScanError> {
    findings.reset();
    let (text, index, scratch, decoded) = buffers.scan_parts(source);
    let mut scanner = Scanner {
        bytes: text.as_bytes(),
        index,
        quotes: index.positions(),
        passed: index.quotes_before(at),
        depth: 0,
        max_depth: max_depth.min(MAX_DEPTH),
        source,
        trie,
        scratch,
        decoded,
        findings,
    };
    let (start, byte) = solid(text.as_bytes(), at);
    let (b'{', Some(root)) = (byte, trie.node(0)) else {
        return Err(ScanError::Syntax);
    };
    let end = scanner.object(start + 1, 0, root, true)?;
    findings.close = end - 1;
    findings.whole = Span::new(source, start, end);
    Ok(end)
}

/// The byte at a position; 0 behind the end, where no byte of JSON is 0.
#[inline(always)]
fn byte_at(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or(0)
}

/// The first byte that is not blank at or after a position, and where it is.
#[inline(always)]
fn solid(bytes: &[u8], at: usize) -> (usize, u8) {
    let byte = byte_at(bytes, at);
    if byte > b' ' {
        (at, byte)
    } else {
        behind_blanks(bytes, at)
    }
}

#[cold]
#[inline(never)]
fn behind_blanks(bytes: &[u8], at: usize) -> (usize, u8) {
    let (at, byte) = next_byte(bytes, at);
    (at, byte.unwrap_or(0))
}

impl Scanner<'_> {
    fn enter(&mut self) -> Result<(), ScanError> {
        self.depth += 1;
        if self.depth > self.max_depth {
            Err(ScanError::TooDeep)
        } else {
            Ok(())
        }
    }

    /// From behind `{` to behind `}`. `top`: members named `whose` are noted for cutting.
    ///
    /// A member whose key followed the last time is known at a glance; any other is met by its key.
    /// Strings are dealt with here: most values are strings, and in a guest each call and each
    /// store costs as much as a member's own work.
    fn object(
        &mut self,
        at: usize,
        number: NodeId,
        node: &Node,
        top: bool,
    ) -> Result<usize, ScanError> {
        self.enter()?;
        let bytes = self.bytes;
        let mut place = Place::first(number);
        let mut link = place.link();
        let mut at = at;
        let mut has_members = false;
        loop {
            // Behind the opening brace, or behind a value.
            if byte_at(bytes, at) == b'}' {
                break;
            }
            let known = bytes
                .get(at..)
                .and_then(<[u8]>::first_chunk::<LONGEST>)
                .and_then(|text| self.findings.familiar.next(&mut link, place, text));
            let (value_at, child, is_wanted) = if let Some(known) = known {
                self.passed += 2;
                (at + known.len(), known.child, known.is_wanted)
            } else {
                match self.meet(at, place, node, top, has_members, &mut link)? {
                    Met::Member(value_at, child, is_wanted) => (value_at, child, is_wanted),
                    Met::Ours(end) => {
                        place = place.behind_value();
                        at = end;
                        continue;
                    }
                    Met::End(end) => {
                        at = end;
                        break;
                    }
                }
            };
            has_members = true;
            place = place.behind_value();
            let (value_at, byte) = solid(bytes, value_at);
            if byte == b'"' {
                let end = self.string(value_at)?;
                if child != Known::UNWANTED {
                    self.keep_text(child, is_wanted, value_at, end)?;
                }
                at = end + 1;
            } else {
                let child = Some(child).filter(|child| *child != Known::UNWANTED);
                at = self.value(value_at, byte, child)?;
            }
        }
        self.depth -= 1;
        if top {
            self.findings.has_members = has_members;
        }
        Ok(at + 1)
    }

    /// Meets a member that was not expected: between a value, or the opening brace, and its value.
    /// The next time it is.
    #[inline(never)]
    fn meet(
        &mut self,
        from: usize,
        place: Place,
        node: &Node,
        top: bool,
        has_members: bool,
        link: &mut Link,
    ) -> Result<Met, ScanError> {
        let bytes = self.bytes;
        let (mut at, mut byte) = solid(bytes, from);
        if byte == b'}' {
            return Ok(Met::End(at));
        }
        let comma_at = at;
        if !place.is_first() {
            if byte != b',' {
                return Err(ScanError::Syntax);
            }
            (at, byte) = solid(bytes, at + 1);
        }
        let member_at = at;
        if byte != b'"' {
            return Err(ScanError::Syntax);
        }
        let key_end = self.string(at)?;
        let child = if self.index.may_escape(at + 1, key_end) {
            self.child_of_any(node, at + 1, key_end)?
        } else {
            self.trie.child(node, bytes, at + 1, key_end)
        };
        (at, byte) = solid(bytes, key_end + 1);
        if byte != b':' {
            return Err(ScanError::Syntax);
        }
        let (value_at, byte) = solid(bytes, at + 1);
        if top && child == Some(Trie::OURS) {
            let end = self.skip(value_at, byte)?;
            let (next, byte) = solid(bytes, end);
            let is_first = !has_members;
            self.findings.cuts.push(match (is_first, byte) {
                (false, _) => Cut::new(comma_at, end),
                (true, b',') => Cut::new(member_at, next + 1),
                (true, _) => Cut::new(member_at, end),
            });
            return Ok(Met::Ours(end));
        }
        let is_wanted = child
            .and_then(|child| self.trie.node(child))
            .is_some_and(|node| node.is_wanted);
        let len = value_at - from;
        if len <= LONGEST
            && let Some(text) = bytes.get(from..).and_then(<[u8]>::first_chunk::<LONGEST>)
        {
            let familiar = &mut self.findings.familiar;
            *link = familiar.remember(*link, place, text, len, child, is_wanted);
        }
        Ok(Met::Member(
            value_at,
            child.unwrap_or(Known::UNWANTED),
            is_wanted,
        ))
    }

    /// The child by a key that may hold escapes.
    #[cold]
    #[inline(never)]
    fn child_of_any(
        &mut self,
        node: &Node,
        from: usize,
        to: usize,
    ) -> Result<Option<NodeId>, ScanError> {
        let raw = self.bytes.get(from..to).unwrap_or(&[]);
        if !raw.contains(&b'\\') {
            return Ok(self.trie.child(node, self.bytes, from, to));
        }
        self.decoded.clear();
        decode(raw, self.decoded)?;
        Ok(self.trie.child(node, self.decoded, 0, self.decoded.len()))
    }

    /// A value; returns where it ends.
    fn value(&mut self, at: usize, byte: u8, child: Option<NodeId>) -> Result<usize, ScanError> {
        match child.and_then(|number| Some((number, self.trie.node(number)?))) {
            Some((number, _)) if byte == b'"' => {
                let end = self.string(at)?;
                let is_wanted = self.trie.node(number).is_some_and(|node| node.is_wanted);
                self.keep_text(number, is_wanted, at, end)?;
                Ok(end + 1)
            }
            Some((number, node)) => self.other(at, byte, number, node),
            None => self.skip(at, byte),
        }
    }

    /// Keeps a string, with its quotes at `at` and `end`, at its node.
    #[inline(always)]
    fn keep_text(
        &mut self,
        number: NodeId,
        is_wanted: bool,
        at: usize,
        end: usize,
    ) -> Result<(), ScanError> {
        let span = if self.index.may_escape(at + 1, end) && is_wanted {
            self.text(at + 1, end)?
        } else {
            Span::new(self.source, at + 1, end)
        };
        // What stands here need not be wanted: then only an earlier value of it is gone.
        let sort = if is_wanted { Sort::Text } else { Sort::Absent };
        let raw = Span::new(self.source, at, end + 1);
        if let Some(earlier) = self.findings.note(number, sort, span, raw) {
            self.findings.forget(self.trie, number, earlier);
        }
        Ok(())
    }

    /// A wanted value that is no string.
    fn other(
        &mut self,
        at: usize,
        byte: u8,
        number: NodeId,
        node: &Node,
    ) -> Result<usize, ScanError> {
        let begin = Span::new(self.source, at, at);
        if let Some(earlier) = self.findings.note(number, Sort::Absent, Span::EMPTY, begin) {
            self.findings.forget(self.trie, number, earlier);
        }
        let (end, sort) = match byte {
            b'{' => {
                let end = if node.has_keys() {
                    self.object(at + 1, number, node, false)?
                } else {
                    self.skip(at, byte)?
                };
                (end, Sort::Object)
            }
            b'[' => {
                let end = match node.first() {
                    Some(first) => self.array(at + 1, first)?,
                    None => self.skip(at, byte)?,
                };
                (end, Sort::Array)
            }
            b't' => (self.literal(at, b"true")?, Sort::True),
            b'f' => (self.literal(at, b"false")?, Sort::False),
            b'n' => (self.literal(at, b"null")?, Sort::Absent),
            _ => (self.number(at)?, Sort::Number),
        };
        let span = Span::new(self.source, at, end);
        self.findings.keep(number, node, sort, span);
        Ok(end)
    }

    /// From behind `[` to behind `]`: the first element is wanted, the others are skipped.
    fn array(&mut self, at: usize, first: NodeId) -> Result<usize, ScanError> {
        self.enter()?;
        let (mut at, mut byte) = solid(self.bytes, at);
        if byte == b']' {
            self.depth -= 1;
            return Ok(at + 1);
        }
        at = self.value(at, byte, Some(first))?;
        loop {
            (at, byte) = solid(self.bytes, at);
            match byte {
                b',' => {
                    (at, byte) = solid(self.bytes, at + 1);
                    at = self.skip(at, byte)?;
                }
                b']' => {
                    self.depth -= 1;
                    return Ok(at + 1);
                }
                _ => return Err(ScanError::Syntax),
            }
        }
    }

    fn literal(&self, at: usize, text: &[u8]) -> Result<usize, ScanError> {
        let end = at + text.len();
        if self.bytes.get(at..end) == Some(text) {
            Ok(end)
        } else {
            Err(ScanError::Syntax)
        }
    }

    /// A number as RFC 8259 writes it.
    fn number(&self, at: usize) -> Result<usize, ScanError> {
        let mut at = at;
        let digits = |at: usize| {
            let mut end = at;
            while byte_at(self.bytes, end).is_ascii_digit() {
                end += 1;
            }
            if end > at {
                Ok(end)
            } else {
                Err(ScanError::Syntax)
            }
        };
        if byte_at(self.bytes, at) == b'-' {
            at += 1;
        }
        at = if byte_at(self.bytes, at) == b'0' {
            at + 1
        } else {
            digits(at)?
        };
        if byte_at(self.bytes, at) == b'.' {
            at = digits(at + 1)?;
        }
        if matches!(byte_at(self.bytes, at), b'e' | b'E') {
            at += 1;
            if matches!(byte_at(self.bytes, at), b'+' | b'-') {
                at += 1;
            }
            at = digits(at)?;
        }
        Ok(at)
    }

    /// Where the string that begins with the quote at `at` has its closing quote.
    #[inline(always)]
    fn string(&mut self, at: usize) -> Result<usize, ScanError> {
        // The quote at `at` is the next one.
        let Some(end) = self.quotes.get(self.passed + 1) else {
            return Err(ScanError::Syntax);
        };
        let end = *end as usize;
        self.passed += 2;
        if self.index.has_controls {
            self.check_controls(at + 1, end)?;
        }
        Ok(end)
    }

    /// RFC 8259: control characters stand in strings only escaped.
    #[cold]
    #[inline(never)]
    fn check_controls(&self, from: usize, to: usize) -> Result<(), ScanError> {
        let raw = self.bytes.get(from..to).unwrap_or(&[]);
        if raw.iter().any(|byte| *byte < 0x20) {
            Err(ScanError::Syntax)
        } else {
            Ok(())
        }
    }

    /// The text of a wanted string in a document that holds escapes somewhere.
    #[cold]
    #[inline(never)]
    fn text(&mut self, from: usize, to: usize) -> Result<Span, ScanError> {
        let raw = self.bytes.get(from..to).unwrap_or(&[]);
        if memchr::memchr(b'\\', raw).is_none() {
            return Ok(Span::new(self.source, from, to));
        }
        self.decoded.clear();
        decode(raw, self.decoded)?;
        let text = core::str::from_utf8(self.decoded).map_err(|_| ScanError::Syntax)?;
        let start = self.scratch.len();
        self.scratch.push_str(text);
        Ok(Span::new(Source::Scratch, start, self.scratch.len()))
    }

    /// Delimits a value; returns where it ends.
    fn skip(&mut self, at: usize, byte: u8) -> Result<usize, ScanError> {
        match byte {
            b'"' => Ok(self.string(at)? + 1),
            // Control characters are rare, and only some may stand outside strings.
            b'{' | b'[' if self.index.has_controls => {
                let end = skip_value(self.bytes, at, self.depth, self.max_depth)?;
                self.passed = self.index.quotes_before(end);
                Ok(end)
            }
            b'{' | b'[' => self.skip_brackets(at),
            _ => skip_value(self.bytes, at, self.depth, self.max_depth),
        }
    }

    /// From an opening bracket to the one that closes it, a block at a time: brackets outside
    /// strings are counted. Which kind closes which is not looked at.
    fn skip_brackets(&mut self, at: usize) -> Result<usize, ScanError> {
        let mut number = at / BLOCK;
        let mut wanted = u64::MAX << (at % BLOCK);
        let mut depth = 0_u32;
        // All ones while a string reaches into the block.
        let mut inside = 0_u64;
        while let Some(quotes) = self.index.quotes(number) {
            let quotes = quotes & wanted;
            let before = self.passed;
            self.passed += quotes.count_ones() as usize;
            // Each bit becomes the parity of the quotes up to it.
            let mut strings = quotes;
            for shift in [1, 2, 4, 8, 16, 32] {
                strings ^= strings << shift;
            }
            strings ^= inside;
            inside = 0_u64.wrapping_sub(strings >> 63);
            let from = number * BLOCK;
            let rest = self.bytes.get(from..).unwrap_or(&[]);
            let mut padded = [b' '; BLOCK];
            let (open, close) = index::brackets(index::block_of(rest, &mut padded));
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
                            self.passed = before + (quotes & (bit - 1)).count_ones() as usize;
                            return Ok(from + bit.trailing_zeros() as usize + 1);
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
