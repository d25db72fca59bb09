//! The scanner: one pass over the bytes of a JSON object, directed by the trie of wanted paths.
//!
//! It builds no tree. What is not wanted is skipped: delimited, with brackets matched and strings
//! closed, but numbers and literals inside are not validated. What is wanted is validated and
//! decoded. Duplicate keys: the last one wins, as in `serde_json`.

use alloc::string::String;
use alloc::vec::Vec;

use super::bytewise::{decode, next_byte, skip_value};
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
    /// Where it stands in the scanned document: of a text, with its quotes and escapes.
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
    fn note(&mut self, number: NodeId, sort: Sort, span: Span, raw: Span) {
        if let Some(slot) = self.slots.get_mut(usize::from(number)) {
            slot.found = Found { sort, span };
            slot.raw = raw;
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
                    let raw = Span::new(self.source, from, self.at);
                    findings.note(number, Sort::Text, span, raw);
                } else {
                    self.quoted()?;
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
            findings.note(number, sort, span, span);
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

    /// Bounds of the string at `at`, without the quotes.
    #[inline]
    fn quoted(&mut self) -> Result<(usize, usize), ScanError> {
        if self.peek() != Some(b'"') {
            return Err(ScanError::Syntax);
        }
        let from = self.at + 1;
        let end = match self.index.next_quote(from) {
            Some(end) if end < self.bytes.len() => end,
            _ => return Err(ScanError::Syntax),
        };
        self.at = end + 1;
        // RFC 8259: control characters stand in strings only escaped.
        if self.index.has_controls
            && let Some(raw) = self.bytes.get(from..end)
            && raw.iter().any(|byte| *byte < 0x20)
        {
            return Err(ScanError::Syntax);
        }
        Ok((from, end))
    }

    /// The same, and whether it holds escapes.
    #[inline]
    fn string_bounds(&mut self) -> Result<(usize, usize, bool), ScanError> {
        let (from, end) = self.quoted()?;
        let raw = self.bytes.get(from..end).unwrap_or(&[]);
        let escaped = self.index.has_escapes && memchr::memchr(b'\\', raw).is_some();
        Ok((from, end, escaped))
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
            Some(b'"') => self.quoted().map(|_| ()),
            // Control characters are rare, and only some may stand outside strings.
            Some(b'{' | b'[') if !self.index.has_controls => self.skip_brackets(),
            _ => {
                self.at = skip_value(self.bytes, self.at, self.depth, self.max_depth)?;
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
