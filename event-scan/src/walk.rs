//! Walking arrays and objects under a found value, for readers that need more than its first
//! element. Each is walked once, from string to string where the text's index knows them.

use alloc::vec::Vec;

use crate::bytewise::{self, Skipper};
use crate::class;
use crate::findings::{Found, Sort};
use crate::scan::MAX_DEPTH;
use crate::text::{Span, TextBuffers};

/// Elements of an array that are still to be taken.
#[derive(Clone, Copy, Debug)]
pub struct Items {
    /// From the next element to the end of the array.
    rest: Span,
    /// How many quotes of the text stand before it, once that is known.
    quotes_before: Option<usize>,
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
            quotes_before: None,
        }
    }
}

/// Most members that are taken at once.
const MOST: usize = 4;

/// The next element of an array.
pub fn next(buffers: &mut TextBuffers<'_>, items: &mut Items) -> Option<Found> {
    next_of(buffers, items, &[]).map(|(element, _)| element)
}

/// The next element of an array, and members of it as [`members`] gives them.
pub fn next_of<const N: usize>(
    buffers: &mut TextBuffers<'_>,
    items: &mut Items,
    names: &[&str; N],
) -> Option<(Found, [Found; N])> {
    let mut found = [Found::default(); N];
    let element = take_next(buffers, items, names, &mut found)?;
    Some((element, found))
}

/// Members of a found object by their names; absent in anything else. Of one name the last counts,
/// as everywhere.
pub fn members<const N: usize>(
    buffers: &mut TextBuffers<'_>,
    object: Found,
    names: &[&str; N],
) -> [Found; N] {
    let mut found = [Found::default(); N];
    if object.sort == Sort::Object {
        take_members(buffers, object.span, names, &mut found);
    }
    found
}

#[inline(never)]
fn take_next(
    buffers: &mut TextBuffers<'_>,
    items: &mut Items,
    names: &[&str],
    found: &mut [Found],
) -> Option<Found> {
    let rest = items.rest;
    items.rest = Span::EMPTY;
    let mut spans = [Span::EMPTY; MOST];
    let mut decoded = core::mem::take(buffers.bytes);
    let (mut skipper, quotes) = skipper(buffers, rest, items.quotes_before);
    let mut byte = skipper.solid();
    if byte == b',' {
        skipper.at += 1;
        byte = skipper.solid();
    }
    let from = skipper.at;
    let mut is_whole = false;
    if byte == b'{' && !names.is_empty() {
        is_whole = object(&mut skipper, rest, names, &mut spans, &mut decoded);
        if !is_whole {
            // What it holds is not as it should be: only where it ends counts.
            skipper.at = from;
            skipper.quotes = &[];
        }
    }
    let is_there = !matches!(byte, 0 | b']');
    let is_read = is_whole || (is_there && skipper.value(0).is_ok());
    let to = skipper.at;
    items.quotes_before = quotes.checked_sub(skipper.quotes.len());
    *buffers.bytes = decoded;
    if !is_read {
        return None;
    }
    let start = rest.start();
    let element = rest.part(from - start, to - start);
    items.rest = rest.behind(to - start);
    for (found, span) in found.iter_mut().zip(spans) {
        *found = value(buffers, span);
    }
    Some(value(buffers, element))
}

#[inline(never)]
fn take_members(buffers: &mut TextBuffers<'_>, whole: Span, names: &[&str], found: &mut [Found]) {
    let mut spans = [Span::EMPTY; MOST];
    let mut decoded = core::mem::take(buffers.bytes);
    let (mut skipper, _) = skipper(buffers, whole, None);
    object(&mut skipper, whole, names, &mut spans, &mut decoded);
    *buffers.bytes = decoded;
    for (found, span) in found.iter_mut().zip(spans) {
        *found = value(buffers, span);
    }
}

/// A skipper at the beginning of a span, and how many quotes its text has.
fn skipper<'b>(
    buffers: &'b TextBuffers<'_>,
    span: Span,
    quotes_before: Option<usize>,
) -> (Skipper<'b>, usize) {
    let (bytes, index) = buffers.indexed(span);
    let mut quotes: &[u32] = &[];
    let mut count = 0;
    if let Some(index) = index.filter(|index| !index.has_controls) {
        let before = quotes_before.unwrap_or_else(|| index.quotes_before(span.start()));
        quotes = index.positions().get(before..).unwrap_or(&[]);
        count = before + quotes.len();
    }
    let skipper = Skipper {
        bytes,
        at: span.start(),
        quotes,
        max_depth: MAX_DEPTH,
    };
    (skipper, count)
}

/// Walks an object and notes where the last members of some names stand. True when it is at its end
/// then, and false where something else stands than a member.
fn object(
    skipper: &mut Skipper<'_>,
    whole: Span,
    names: &[&str],
    found: &mut [Span; MOST],
    decoded: &mut Vec<u8>,
) -> bool {
    let start = whole.start();
    skipper.at += 1;
    loop {
        let byte = skipper.solid();
        if byte != b'"' {
            skipper.at += 1;
            return byte == b'}';
        }
        let key_from = skipper.at + 1;
        if skipper.value(0).is_err() {
            return false;
        }
        let key_to = skipper.at - 1;
        skipper.solid();
        skipper.at += 1;
        skipper.solid();
        let from = skipper.at;
        if skipper.value(0).is_err() {
            return false;
        }
        let mut key = skipper.bytes.get(key_from..key_to).unwrap_or(&[]);
        // A name is the same name with escapes.
        if class::find(key, b'\\').is_some() {
            decoded.clear();
            if bytewise::decode(key, decoded).is_err() {
                decoded.clear();
            }
            key = decoded;
        }
        let named = names.iter().zip(&mut *found);
        for (name, found) in named {
            if name.as_bytes() == key {
                *found = whole.part(from - start, skipper.at - start);
            }
        }
        match skipper.solid() {
            b',' => skipper.at += 1,
            byte => {
                skipper.at += 1;
                return byte == b'}';
            }
        }
    }
}

/// The value at a span; a string is decoded.
fn value(buffers: &mut TextBuffers<'_>, span: Span) -> Found {
    let text = buffers.bytes_of(span);
    let sort = match text.first() {
        Some(b'"') => Sort::Text,
        Some(b'{') => Sort::Object,
        Some(b'[') => Sort::Array,
        Some(b't') => Sort::True,
        Some(b'f') => Sort::False,
        Some(b'0'..=b'9' | b'-') => Sort::Number,
        _ => return Found::default(),
    };
    if sort != Sort::Text {
        return Found { sort, span };
    }
    let inner = span.part(1, text.len().saturating_sub(1));
    if class::find(text, b'\\').is_none() {
        return Found { sort, span: inner };
    }
    let mut decoded = core::mem::take(buffers.bytes);
    decoded.clear();
    let is_read = bytewise::decode(buffers.bytes_of(inner), &mut decoded).is_ok();
    let text = core::str::from_utf8(&decoded).unwrap_or("");
    let span = buffers.compose(|scratch| scratch.push_str(text));
    *buffers.bytes = decoded;
    if is_read {
        Found { sort, span }
    } else {
        Found::default()
    }
}
