//! The scanner: one pass over the bytes of a JSON object, directed by the trie of wanted paths.
//!
//! It builds no tree. What is not wanted is skipped: delimited, with brackets matched and strings
//! closed, but numbers and literals inside are not validated. What is wanted is validated and
//! decoded. Duplicate keys: the last one wins, as in `serde_json`.

use alloc::string::String;
use alloc::vec::Vec;

use crate::bytewise::{decode, next_byte, skip_value, word_end};
use crate::familiar::{self, Familiar, Known, LONGEST, Link, Place, UNWANTED};
use crate::findings::{self, Cut, Findings, Slot, Sort};
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
    /// A member: where its value begins, what it is to the next one, what is known of it.
    Member(usize, Link, Known),
    /// A member that is ours: where its value ends.
    Ours(usize),
    /// The closing brace, where it stands.
    End(usize),
}

/// What a scan reads from. It is copied where a loop needs it: what stands in locals does not have
/// to be loaded again after each store.
#[derive(Clone, Copy)]
struct Ground<'a> {
    bytes: &'a [u8],
    index: &'a Index,
    trie: &'a Trie,
    familiar: &'a Familiar,
    slots: &'a [Slot],
    scan: u32,
    source: Source,
    max_depth: u32,
}

/// A scan under way.
struct Scanner<'a> {
    ground: Ground<'a>,
    depth: u32,
    scratch: &'a mut String,
    decoded: &'a mut Vec<u8>,
    cuts: &'a mut Vec<Cut>,
    has_members: bool,
}

/// Scans the object that stands at `at`; whitespace may stand before it. Leaves the position after
/// its closing brace in the result.
pub fn scan_object(
    buffers: &mut TextBuffers<'_>,
    source: Source,
    at: usize,
    max_depth: u32,
    trie: &Trie,
    familiar: &Familiar,
    findings: &mut Findings,
) -> Result<usize, ScanError> {
    findings.reset();
    let (text, index, scratch, decoded) = buffers.scan_parts(source);
    let mut scanner = Scanner {
        ground: Ground {
            bytes: text.as_bytes(),
            index,
            trie,
            familiar,
            slots: &findings.slots,
            scan: findings.scan,
            source,
            max_depth: max_depth.min(MAX_DEPTH),
        },
        depth: 0,
        scratch,
        decoded,
        cuts: &mut findings.cuts,
        has_members: false,
    };
    let (start, byte) = solid(text.as_bytes(), at);
    let (b'{', Some(root)) = (byte, trie.node(0)) else {
        return Err(ScanError::Syntax);
    };
    let end = scanner.object(start + 1, 0, root, true)?;
    findings.has_members = scanner.has_members;
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
        if self.depth > self.ground.max_depth {
            Err(ScanError::TooDeep)
        } else {
            Ok(())
        }
    }

    /// From behind `{` to behind `}`. `top`: members that are ours are noted for cutting.
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
        let ground = self.ground;
        let (bytes, blocks) = (ground.bytes, ground.index.blocks());
        let has_controls = ground.index.has_controls;
        let (first_escape, last_escape) = ground.index.escapes();
        let mut place = Place::first(number);
        let mut link = place.link();
        let mut at = at;
        let mut has_members = false;
        loop {
            // Behind the opening brace, or behind a value.
            let text = bytes.get(at..).and_then(<[u8]>::first_chunk::<LONGEST>);
            let met = match text {
                Some([b'}', ..]) => break,
                Some(text) => ground.familiar.next(link, place, text),
                None => familiar::Met::NONE,
            };
            let (value_at, known) = if !met.is_none() {
                link = met.link();
                (at + met.known().len(), met.known())
            } else {
                match self.meet(at, link, place, node, top && !has_members, top)? {
                    Met::Member(value_at, next, known) => {
                        link = next;
                        (value_at, known)
                    }
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
                let end = index::quote_from(blocks, value_at + 1);
                if end >= bytes.len() {
                    return Err(ScanError::Syntax);
                }
                if has_controls {
                    ground.check_controls(value_at + 1, end)?;
                }
                at = end + 1;
                if let Some(slot) = ground.slots.get(usize::from(known.child())) {
                    if slot.is_met(ground.scan) {
                        ground.forget(known.child());
                    }
                    // What stands here need not be wanted: then only an earlier value is gone.
                    let sort = if known.is_wanted() {
                        Sort::Text
                    } else {
                        Sort::Absent
                    };
                    slot.note(ground.scan, sort, ground.source, value_at, at);
                    if value_at < last_escape && first_escape < at && known.is_wanted() {
                        self.decode_text(slot, value_at + 1, end)?;
                    }
                }
            } else if byte != b'{' && byte != b'[' && known.child() == UNWANTED {
                at = word_end(bytes, value_at, byte)?;
            } else {
                at = self.value(value_at, byte, known)?;
            }
        }
        self.depth -= 1;
        if top {
            self.has_members = has_members;
        }
        Ok(at + 1)
    }

    /// Meets a member that was not expected: between a value, or the opening brace, and its value.
    /// The next time it is. `is_bare`: no member is left before it after the cuts.
    #[inline(never)]
    fn meet(
        &mut self,
        from: usize,
        link: Link,
        place: Place,
        node: &Node,
        is_bare: bool,
        top: bool,
    ) -> Result<Met, ScanError> {
        let Ground {
            bytes,
            trie,
            index,
            familiar,
            ..
        } = self.ground;
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
        let key_end = self.ground.string(at)?;
        let child = if index.may_escape(at + 1, key_end) {
            self.child_of_any(node, at + 1, key_end)?
        } else {
            trie.child(node, bytes, at + 1, key_end)
        };
        (at, byte) = solid(bytes, key_end + 1);
        if byte != b':' {
            return Err(ScanError::Syntax);
        }
        let (value_at, byte) = solid(bytes, at + 1);
        if top && let Some(ours) = child.filter(|child| trie.is_ours(*child)) {
            let end = self.skip(value_at, byte)?;
            // Cut out or not, a text that is wanted can be read; escapes stay as they are.
            let is_wanted = trie.node(ours).is_some_and(|node| node.is_wanted);
            if let Some(slot) = self.ground.slots.get(usize::from(ours))
                && is_wanted
            {
                let Ground { scan, source, .. } = self.ground;
                let sort = if byte == b'"' {
                    Sort::Text
                } else {
                    Sort::Absent
                };
                slot.note(scan, sort, source, value_at, end);
            }
            let (next, byte) = solid(bytes, end);
            self.cuts.push(match (is_bare, byte) {
                (false, _) => Cut::new(comma_at, end),
                (true, b',') => Cut::new(member_at, next + 1),
                (true, _) => Cut::new(member_at, end),
            });
            return Ok(Met::Ours(end));
        }
        let is_wanted = child
            .and_then(|child| trie.node(child))
            .is_some_and(|node| node.is_wanted);
        let len = value_at - from;
        let known = Known::new(child.unwrap_or(UNWANTED), is_wanted, len);
        let text = bytes.get(from..).and_then(<[u8]>::first_chunk::<LONGEST>);
        let next = match text.filter(|_| len <= LONGEST) {
            Some(text) => familiar.remember(link, place, text, known),
            None => link,
        };
        Ok(Met::Member(value_at, next, known))
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
        let Ground { bytes, trie, .. } = self.ground;
        let raw = bytes.get(from..to).unwrap_or(&[]);
        if !raw.contains(&b'\\') {
            return Ok(trie.child(node, bytes, from, to));
        }
        self.decoded.clear();
        decode(raw, self.decoded)?;
        Ok(trie.child(node, self.decoded, 0, self.decoded.len()))
    }

    /// A value; returns where it ends.
    fn value(&mut self, at: usize, byte: u8, known: Known) -> Result<usize, ScanError> {
        let ground = self.ground;
        let child = known.child();
        match (
            ground.trie.node(child),
            ground.slots.get(usize::from(child)),
        ) {
            (Some(node), Some(slot)) => {
                if slot.is_met(ground.scan) {
                    ground.forget(child);
                }
                self.keep(at, byte, child, node, slot)
            }
            _ => self.skip(at, byte),
        }
    }

    /// The text of a wanted string in a document that holds escapes somewhere.
    #[cold]
    #[inline(never)]
    fn decode_text(&mut self, slot: &Slot, from: usize, to: usize) -> Result<(), ScanError> {
        let raw = self.ground.bytes.get(from..to).unwrap_or(&[]);
        if memchr::memchr(b'\\', raw).is_none() {
            return Ok(());
        }
        self.decoded.clear();
        decode(raw, self.decoded)?;
        let text = core::str::from_utf8(self.decoded).map_err(|_| ScanError::Syntax)?;
        let start = self.scratch.len();
        self.scratch.push_str(text);
        slot.decoded(Span::new(Source::Scratch, start, self.scratch.len()));
        Ok(())
    }

    /// Keeps a value at its node.
    fn keep(
        &mut self,
        at: usize,
        byte: u8,
        number: NodeId,
        node: &Node,
        slot: &Slot,
    ) -> Result<usize, ScanError> {
        let ground = self.ground;
        slot.note(ground.scan, Sort::Absent, ground.source, at, at);
        let (end, sort) = match byte {
            b'"' => {
                let end = ground.string(at)?;
                if ground.index.may_escape(at + 1, end) && node.is_wanted {
                    self.decode_text(slot, at + 1, end)?;
                }
                (end + 1, Sort::Text)
            }
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
            b't' => (ground.literal(at, b"true")?, Sort::True),
            b'f' => (ground.literal(at, b"false")?, Sort::False),
            b'n' => (ground.literal(at, b"null")?, Sort::Absent),
            _ => (ground.number(at)?, Sort::Number),
        };
        slot.ended(if node.is_wanted { sort } else { Sort::Absent }, end);
        Ok(end)
    }

    /// From behind `[` to behind `]`: the first element is wanted, the others are skipped.
    fn array(&mut self, at: usize, first: NodeId) -> Result<usize, ScanError> {
        self.enter()?;
        let bytes = self.ground.bytes;
        let (mut at, mut byte) = solid(bytes, at);
        if byte != b']' {
            at = self.value(at, byte, Known::new(first, true, 0))?;
            loop {
                (at, byte) = solid(bytes, at);
                if byte == b']' {
                    break;
                }
                if byte != b',' {
                    return Err(ScanError::Syntax);
                }
                (at, byte) = solid(bytes, at + 1);
                at = self.skip(at, byte)?;
            }
        }
        self.depth -= 1;
        Ok(at + 1)
    }

    /// Delimits a value; returns where it ends.
    fn skip(&self, at: usize, byte: u8) -> Result<usize, ScanError> {
        let ground = self.ground;
        match byte {
            b'"' => Ok(ground.string(at)? + 1),
            // Control characters are rare, and only some may stand outside strings.
            b'{' | b'[' if ground.index.has_controls => {
                skip_value(ground.bytes, at, self.depth, ground.max_depth)
            }
            b'{' | b'[' => ground.skip_brackets(at, self.depth),
            _ => word_end(ground.bytes, at, byte),
        }
    }
}

impl Ground<'_> {
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
    fn string(&self, at: usize) -> Result<usize, ScanError> {
        let end = self.index.quote_from(at + 1);
        if end >= self.bytes.len() {
            return Err(ScanError::Syntax);
        }
        if self.index.has_controls {
            self.check_controls(at + 1, end)?;
        }
        Ok(end)
    }

    fn forget(&self, number: NodeId) {
        findings::forget(self.slots, self.scan, self.trie, number);
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

    /// From an opening bracket to the one that closes it, a block at a time: brackets outside
    /// strings are counted. Which kind closes which is not looked at.
    fn skip_brackets(&self, at: usize, outer: u32) -> Result<usize, ScanError> {
        let mut number = at / BLOCK;
        let mut wanted = u64::MAX << (at % BLOCK);
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
            let mut padded = [b' '; BLOCK];
            let (open, close) = index::brackets(index::block_of(rest, &mut padded));
            let outside = wanted & !strings;
            let (open, close) = (open & outside, close & outside);
            let (opened, closed) = (open.count_ones(), close.count_ones());
            if closed < depth && outer + depth + opened <= self.max_depth {
                depth = depth + opened - closed;
            } else {
                let mut both = open | close;
                while both != 0 {
                    let bit = both & both.wrapping_neg();
                    both ^= bit;
                    if open & bit != 0 {
                        depth += 1;
                        if outer + depth > self.max_depth {
                            return Err(ScanError::TooDeep);
                        }
                    } else {
                        depth = depth.saturating_sub(1);
                        if depth == 0 {
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
