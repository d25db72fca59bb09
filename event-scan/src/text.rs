//! Spans: where a text of an event lies, without borrowing it.
//!
//! A value lies in the line itself, in a document that stood in the line as a string, or in the
//! scratch text, where decoded, folded and put-together values go. All three are reused.

use alloc::string::String;
use alloc::vec::Vec;

use crate::index::Index;

/// Where a span lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// In the line.
    #[default]
    Line,
    /// In the document that stood in the line as a string.
    Inner,
    /// In the scratch text.
    Scratch,
}

/// A range of one of the texts of an event. Empty means absent.
///
/// One word, so that a guest passes and returns it as a value and not through memory: the source
/// in the upper two bits, then where it begins and how long it is, in 31 bits each. A line has at
/// most 2^30 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span(u64);

/// Bits of a position.
const BITS: u32 = 31;
/// The longest text and the last position.
const MOST: usize = (1 << BITS) - 1;

impl Span {
    /// Of no text.
    pub const EMPTY: Self = Self(0);

    /// The bytes `from..to` of a source. Empty where no line can reach, behind 2 GiB.
    #[inline]
    pub const fn new(source: Source, from: usize, to: usize) -> Self {
        if to > MOST || from > to {
            return Self::EMPTY;
        }
        Self((source as u64) << (2 * BITS) | (from as u64) << BITS | (to - from) as u64)
    }

    #[inline]
    const fn is_of(self, source: Source) -> bool {
        self.0 >> (2 * BITS) == source as u64
    }

    #[inline]
    const fn source(self) -> Source {
        match self.0 >> (2 * BITS) {
            0 => Source::Line,
            1 => Source::Inner,
            _ => Source::Scratch,
        }
    }

    /// Whether it holds nothing, which means absent.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Its first byte.
    #[inline]
    pub const fn start(self) -> usize {
        (self.0 >> BITS) as usize & MOST
    }

    /// One past its last byte.
    #[inline]
    pub const fn end(self) -> usize {
        self.start() + self.len()
    }

    /// Its length in bytes.
    #[inline]
    pub const fn len(self) -> usize {
        self.0 as usize & MOST
    }

    /// This one, or another where it is empty.
    #[inline]
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        if self.is_empty() { other } else { self }
    }

    /// As [`Self::or`], where the other has to be looked for.
    #[inline]
    #[must_use]
    pub fn or_else(self, other: impl FnOnce() -> Self) -> Self {
        if self.is_empty() { other() } else { self }
    }

    /// Whether another span lies in this one.
    pub const fn holds(self, other: Self) -> bool {
        self.0 >> (2 * BITS) == other.0 >> (2 * BITS)
            && self.start() <= other.start()
            && other.end() <= self.end()
    }

    /// Whether it ends where another does, or before.
    pub const fn ends_in(self, other: Self) -> bool {
        self.end() <= other.end()
    }

    /// This span without its first bytes.
    #[inline]
    #[must_use]
    pub const fn behind(self, count: usize) -> Self {
        self.part(count, self.len())
    }

    /// This span without its first and its last byte.
    #[inline]
    pub(crate) const fn without_ends(self) -> Self {
        self.part(1, self.len().saturating_sub(1))
    }

    /// A part of this span, given by its offsets in it.
    #[inline]
    #[must_use]
    pub const fn part(self, from: usize, to: usize) -> Self {
        if from >= to || to > self.len() {
            return Self::EMPTY;
        }
        let without_len = self.0 & !(MOST as u64);
        Self(without_len + ((from as u64) << BITS) + (to - from) as u64)
    }
}

/// The texts of one event.
#[derive(Debug)]
pub struct TextBuffers<'a> {
    /// The line.
    pub line: &'a str,
    /// A document that stood in the line as a string.
    pub inner: &'a mut String,
    /// Where decoded and put-together texts go.
    pub scratch: &'a mut String,
    /// For what needs bytes for a moment.
    pub bytes: &'a mut Vec<u8>,
    /// Where the quotes of the line are.
    pub line_index: &'a Index,
    /// Where those of the inner text are.
    pub inner_index: &'a mut Index,
}

/// The texts of one event, to be read only.
#[derive(Clone, Copy, Debug)]
pub struct Texts<'a> {
    /// The line.
    pub line: &'a str,
    /// A document that stood in the line as a string.
    pub inner: &'a str,
    /// Decoded and put-together texts.
    pub scratch: &'a str,
}

impl<'a> Texts<'a> {
    /// The text of a span.
    #[must_use]
    #[inline]
    pub fn get(self, span: Span) -> &'a str {
        let text = self.of(span);
        text.get(span.start()..span.end()).unwrap_or("")
    }

    /// The text that a span lies in.
    #[inline]
    fn of(self, span: Span) -> &'a str {
        // Most spans are the line's.
        if span.is_of(Source::Line) {
            self.line
        } else if span.is_of(Source::Inner) {
            self.inner
        } else {
            self.scratch
        }
    }
}

impl TextBuffers<'_> {
    /// The texts, to be read only.
    #[inline]
    fn texts(&self) -> Texts<'_> {
        Texts {
            line: self.line,
            inner: self.inner,
            scratch: self.scratch,
        }
    }

    /// The text of a span.
    #[inline]
    pub fn get(&self, span: Span) -> &str {
        self.texts().get(span)
    }

    /// The text of a span as bytes, for comparing: without a look at where characters begin.
    #[inline]
    pub fn bytes_of(&self, span: Span) -> &[u8] {
        let text = self.texts().of(span).as_bytes();
        text.get(span.start()..span.end()).unwrap_or(&[])
    }

    /// The text around a span, from its beginning to the end of the span, its index, and a byte
    /// buffer.
    #[inline]
    pub(crate) fn indexed(&mut self, span: Span) -> (&[u8], Option<&Index>, &mut Vec<u8>) {
        let (text, index): (&str, _) = match span.source() {
            Source::Line => (self.line, Some(self.line_index)),
            Source::Inner => (self.inner, Some(&*self.inner_index)),
            Source::Scratch => (self.scratch, None),
        };
        let text = text.as_bytes().get(..span.end()).unwrap_or(&[]);
        (text, index, self.bytes)
    }

    /// The text of a source for scanning, its index, the scratch text and a byte buffer.
    pub fn scan_parts(&mut self, source: Source) -> (&str, &Index, &mut String, &mut Vec<u8>) {
        let (text, index): (&str, &Index) = match source {
            Source::Inner => {
                self.inner_index.whole(self.inner.as_bytes());
                (self.inner, self.inner_index)
            }
            Source::Line | Source::Scratch => (self.line, self.line_index),
        };
        (text, index, self.scratch, self.bytes)
    }

    /// Makes the inner text of a whole with some of its places replaced by other texts. The places
    /// stand in order; false when a span is no span of the whole.
    pub fn replace(&mut self, places: &[(Span, Span)], whole: Span) -> bool {
        let mut inner = core::mem::take(self.bytes);
        inner.clear();
        let mut from = whole.start();
        let mut is_done = true;
        for (place, text) in places {
            is_done &= place.source() == whole.source() && place.start() >= from;
            let before = Span::new(whole.source(), from, place.start());
            inner.extend_from_slice(self.bytes_of(before));
            inner.extend_from_slice(self.bytes_of(*text));
            from = place.end();
        }
        let rest = Span::new(whole.source(), from, whole.end());
        inner.extend_from_slice(self.bytes_of(rest));
        self.inner.clear();
        self.inner
            .push_str(core::str::from_utf8(&inner).unwrap_or(""));
        *self.bytes = inner;
        is_done
    }

    /// Appends to the scratch text; the result is the span of what was appended.
    pub fn compose(&mut self, write: impl FnOnce(&mut String)) -> Span {
        let from = self.scratch.len();
        write(self.scratch);
        Span::new(Source::Scratch, from, self.scratch.len())
    }

    /// Appends texts and spans to the scratch text.
    pub fn join(&mut self, parts: &[Part<'_>]) -> Span {
        let from = self.scratch.len();
        for part in parts {
            let span = match part {
                Part::Text(text) => {
                    self.scratch.push_str(text);
                    continue;
                }
                Part::Span(span) => span,
            };
            let range = span.start()..span.end();
            let text = match span.source() {
                Source::Line => self.line,
                Source::Inner => &*self.inner,
                Source::Scratch => {
                    if self.scratch.get(range.clone()).is_some() {
                        self.scratch.extend_from_within(range);
                    }
                    continue;
                }
            };
            self.scratch.push_str(text.get(range).unwrap_or(""));
        }
        Span::new(Source::Scratch, from, self.scratch.len())
    }
}

/// A part of a text that is put together.
#[derive(Clone, Copy, Debug)]
pub enum Part<'a> {
    /// A text from elsewhere.
    Text(&'a str),
    /// A text of the event.
    Span(Span),
}
