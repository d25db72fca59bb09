//! Walking arrays and objects under a found value, for readers that need more than its first
//! element. Each is walked once, from string to string where the text's index knows them.

use alloc::vec::Vec;

use crate::bytewise::{self, Skipper};
use crate::class;
use crate::findings::{Found, Sort};
use crate::index::Index;
use crate::scan::MAX_DEPTH;
use crate::text::{Span, TextBuffers};

/// Elements of an array that are still to be taken.
#[derive(Clone, Copy, Debug)]
pub struct Items {
    /// From the next element to the end of the array.
    rest: Span,
}

impl Items {
    /// The elements of a found array; none of anything else.
    pub const fn of(found: Found) -> Self {
        Self {
            rest: match found.sort {
                // Without the opening bracket.
                Sort::Array => found.span.behind(1),
                _ => Span::EMPTY,
            },
        }
    }
}

/// The next element of an array.
pub fn next(buffers: &mut TextBuffers<'_>, items: &mut Items) -> Option<Found> {
    let element = take(buffers, items, &[], &mut []);
    if element.is_empty() {
        return None;
    }
    let mut found = [raw(buffers.bytes_of(element).first().copied(), element)];
    decode(buffers, &mut found);
    let [found] = found;
    Some(found)
}

/// Members of the next element of an array, as [`members`] gives them. False when there is none.
pub fn next_members(
    buffers: &mut TextBuffers<'_>,
    items: &mut Items,
    names: &[&str],
    found: &mut [Found],
) -> bool {
    !take(buffers, items, names, found).is_empty()
}

/// Members of a found object by their names; absent in anything else. Of one name the last counts,
/// as everywhere.
#[inline(never)]
pub fn members(buffers: &mut TextBuffers<'_>, object: Found, names: &[&str], found: &mut [Found]) {
    found.fill(Found::default());
    if object.sort == Sort::Object {
        let mut walk = Walk::new(buffers, object.span);
        walk.object(names, found);
        if walk.has_escapes {
            decode(buffers, found);
        }
    }
}

/// Takes the next element, and members of it where it is an object.
#[inline(never)]
fn take(
    buffers: &mut TextBuffers<'_>,
    items: &mut Items,
    names: &[&str],
    found: &mut [Found],
) -> Span {
    found.fill(Found::default());
    let rest = items.rest;
    items.rest = Span::EMPTY;
    let mut walk = Walk::new(buffers, rest);
    let mut byte = walk.skipper.solid();
    if byte == b',' {
        walk.skipper.at += 1;
        byte = walk.skipper.solid();
    }
    let from = walk.skipper.at;
    let is_read = if byte == b'{' && !names.is_empty() {
        walk.object(names, found) || {
            // What it holds is not as it should be: only where it ends counts.
            walk.skipper.at = from;
            walk.skipper.value(0).is_ok()
        }
    } else {
        // The closing bracket is no value, and nor is the end.
        walk.skipper.value(0).is_ok()
    };
    if !is_read {
        return Span::EMPTY;
    }
    let (from, to) = (from - rest.start(), walk.skipper.at - rest.start());
    if walk.has_escapes {
        decode(buffers, found);
    }
    items.rest = rest.behind(to);
    rest.part(from, to)
}

/// A walk over a span.
struct Walk<'b> {
    skipper: Skipper<'b>,
    whole: Span,
    index: Option<&'b Index>,
    /// Where names with escapes are decoded.
    decoded: &'b mut Vec<u8>,
    /// Whether a text that was found may have escapes.
    has_escapes: bool,
}

impl<'b> Walk<'b> {
    #[inline]
    fn new(buffers: &'b mut TextBuffers<'_>, whole: Span) -> Self {
        let (bytes, index, decoded) = buffers.indexed(whole);
        let index = index.filter(|index| !index.has_controls);
        Self {
            skipper: Skipper {
                bytes,
                at: whole.start(),
                blocks: index.map_or(&[], Index::blocks),
                max_depth: MAX_DEPTH,
            },
            whole,
            index,
            decoded,
            has_escapes: false,
        }
    }

    fn may_escape(&self, from: usize, to: usize) -> bool {
        self.index.is_none_or(|index| index.may_escape(from, to))
    }

    /// Walks an object and notes the last members of some names. True when it is at its end then,
    /// and false where something else stands than a member.
    fn object(&mut self, names: &[&str], found: &mut [Found]) -> bool {
        let start = self.whole.start();
        loop {
            // The opening brace, or a comma.
            self.skipper.at += 1;
            let mut byte = self.skipper.solid();
            if byte == b'"' {
                let key_from = self.skipper.at + 1;
                if self.skipper.value(0).is_err() {
                    return false;
                }
                let key_to = self.skipper.at - 1;
                self.skipper.solid();
                self.skipper.at += 1;
                let first = self.skipper.solid();
                let from = self.skipper.at;
                if self.skipper.value(0).is_err() {
                    return false;
                }
                let to = self.skipper.at;
                if let Some(place) = self.place_of(key_from, key_to, names, found) {
                    *place = raw(Some(first), self.whole.part(from - start, to - start));
                    self.has_escapes |= self.may_escape(from, to);
                }
                byte = self.skipper.solid();
            }
            if byte != b',' {
                self.skipper.at += 1;
                return byte == b'}';
            }
        }
    }

    /// Where the value of a key goes, if it is wanted.
    #[inline]
    fn place_of<'f>(
        &mut self,
        from: usize,
        to: usize,
        names: &[&str],
        found: &'f mut [Found],
    ) -> Option<&'f mut Found> {
        let mut key = self.skipper.bytes.get(from..to)?;
        // A name is the same name with escapes.
        if self.may_escape(from, to) && class::find(key, b'\\').is_some() {
            self.decoded.clear();
            bytewise::decode(key, self.decoded).ok()?;
            key = self.decoded;
        }
        let at = names.iter().position(|name| name.as_bytes() == key)?;
        found.get_mut(at)
    }
}

/// The value at a span by its first byte; a string without its quotes, not decoded.
fn raw(first: Option<u8>, span: Span) -> Found {
    let (sort, span) = match first {
        Some(b'"') => (Sort::Text, span.part(1, span.len().saturating_sub(1))),
        Some(b'{') => (Sort::Object, span),
        Some(b'[') => (Sort::Array, span),
        Some(b't') => (Sort::True, span),
        Some(b'f') => (Sort::False, span),
        Some(b'0'..=b'9' | b'-') => (Sort::Number, span),
        _ => return Found::default(),
    };
    Found { sort, span }
}

/// Decodes the strings among some values.
#[cold]
#[inline(never)]
fn decode(buffers: &mut TextBuffers<'_>, found: &mut [Found]) {
    for found in found {
        let span = found.text();
        if class::find(buffers.bytes_of(span), b'\\').is_none() {
            continue;
        }
        let mut decoded = core::mem::take(buffers.bytes);
        decoded.clear();
        let is_read = bytewise::decode(buffers.bytes_of(span), &mut decoded).is_ok();
        let text = core::str::from_utf8(&decoded).unwrap_or("");
        found.span = buffers.compose(|scratch| scratch.push_str(text));
        *buffers.bytes = decoded;
        if !is_read {
            *found = Found::default();
        }
    }
}
