//! Walking arrays and objects under a found value, for readers that need more than its first
//! element. These are small; the walk is byte by byte.

use crate::bytewise;
use crate::findings::{Found, Sort};
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
    let bytes = buffers.get(items.rest).as_bytes();
    let (mut at, mut byte) = bytewise::next_byte(bytes, 0);
    if byte == Some(b',') {
        (at, byte) = bytewise::next_byte(bytes, at + 1);
    }
    if matches!(byte, None | Some(b']')) {
        items.rest = Span::EMPTY;
        return None;
    }
    let Ok(end) = bytewise::skip_value(bytes, at, 0, MAX_DEPTH) else {
        items.rest = Span::EMPTY;
        return None;
    };
    let element = items.rest.part(at, end);
    items.rest = items.rest.behind(end);
    Some(value(buffers, element))
}

/// A member of an object; the last one of that name, as everywhere.
pub fn member(buffers: &mut TextBuffers<'_>, object: Found, name: &str) -> Found {
    if object.sort != Sort::Object {
        return Found::default();
    }
    let mut found = None;
    let mut decoded = core::mem::take(buffers.bytes);
    let bytes = buffers.get(object.span).as_bytes();
    let mut at = 1;
    loop {
        let (key_at, byte) = bytewise::next_byte(bytes, at);
        if byte != Some(b'"') {
            break;
        }
        let Ok(key_end) = bytewise::skip_value(bytes, key_at, 0, MAX_DEPTH) else {
            break;
        };
        let (colon, _) = bytewise::next_byte(bytes, key_end);
        let (from, _) = bytewise::next_byte(bytes, colon + 1);
        let Ok(end) = bytewise::skip_value(bytes, from, 0, MAX_DEPTH) else {
            break;
        };
        let key = bytes.get(key_at + 1..key_end.saturating_sub(1));
        let key = key.unwrap_or(&[]);
        decoded.clear();
        // A name is the same name with escapes.
        let is_it = if memchr::memchr(b'\\', key).is_none() {
            key == name.as_bytes()
        } else {
            bytewise::decode(key, &mut decoded).is_ok() && decoded == name.as_bytes()
        };
        if is_it {
            found = Some(object.span.part(from, end));
        }
        let (comma, byte) = bytewise::next_byte(bytes, end);
        if byte != Some(b',') {
            break;
        }
        at = comma + 1;
    }
    *buffers.bytes = decoded;
    found.map_or_else(Found::default, |span| value(buffers, span))
}

/// The value at a span; a string is decoded.
fn value(buffers: &mut TextBuffers<'_>, span: Span) -> Found {
    let text = buffers.get(span);
    let sort = match text.as_bytes().first() {
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
    if !text.contains('\\') {
        return Found { sort, span: inner };
    }
    let mut decoded = core::mem::take(buffers.bytes);
    decoded.clear();
    let raw = buffers.get(inner).as_bytes();
    let is_read = bytewise::decode(raw, &mut decoded).is_ok();
    let text = core::str::from_utf8(&decoded).unwrap_or("");
    let span = buffers.compose(|scratch| scratch.push_str(text));
    *buffers.bytes = decoded;
    if is_read {
        Found { sort, span }
    } else {
        Found::default()
    }
}
