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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    source: Source,
    from: u32,
    to: u32,
}

impl Span {
    /// Of no text.
    pub const EMPTY: Self = Self {
        source: Source::Line,
        from: 0,
        to: 0,
    };

    /// The bytes `from..to` of a source.
    pub const fn new(source: Source, from: usize, to: usize) -> Self {
        Self {
            source,
            from: from as u32,
            to: to as u32,
        }
    }

    /// Whether it holds nothing, which means absent.
    pub const fn is_empty(self) -> bool {
        self.from >= self.to
    }

    /// Its first byte.
    pub const fn start(self) -> usize {
        self.from as usize
    }

    /// One past its last byte.
    pub const fn end(self) -> usize {
        self.to as usize
    }

    /// Its length in bytes.
    pub const fn len(self) -> usize {
        self.to.saturating_sub(self.from) as usize
    }

    /// Whether another span lies in this one.
    pub fn holds(self, other: Self) -> bool {
        self.source == other.source && self.from <= other.from && other.to <= self.to
    }

    /// Whether it ends where another does, or before.
    pub const fn ends_in(self, other: Self) -> bool {
        self.to <= other.to
    }

    /// This span without its first bytes.
    pub const fn behind(self, count: usize) -> Self {
        Self {
            source: self.source,
            from: self.from + count as u32,
            to: self.to,
        }
    }

    /// This span without its first and its last byte.
    pub(crate) const fn without_ends(self) -> Self {
        Self {
            source: self.source,
            from: self.from + 1,
            to: self.to.saturating_sub(1),
        }
    }

    /// A part of this span, given by its offsets in it.
    pub const fn part(self, from: usize, to: usize) -> Self {
        Self {
            source: self.source,
            from: self.from + from as u32,
            to: self.from + to as u32,
        }
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

impl TextBuffers<'_> {
    /// The text of a span.
    pub fn get(&self, span: Span) -> &str {
        let text: &str = match span.source {
            Source::Line => self.line,
            Source::Inner => self.inner,
            Source::Scratch => self.scratch,
        };
        text.get(span.from as usize..span.to as usize).unwrap_or("")
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
        let mut from = whole.from;
        let mut is_done = true;
        for (place, text) in places {
            is_done &= place.source == whole.source && place.from >= from;
            let before = Span {
                from,
                to: place.from,
                ..whole
            };
            inner.extend_from_slice(self.get(before).as_bytes());
            inner.extend_from_slice(self.get(*text).as_bytes());
            from = place.to;
        }
        inner.extend_from_slice(self.get(Span { from, ..whole }).as_bytes());
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
            match part {
                Part::Text(text) => self.scratch.push_str(text),
                Part::Span(span) => match span.source {
                    Source::Line => self.scratch.push_str(
                        self.line
                            .get(span.from as usize..span.to as usize)
                            .unwrap_or(""),
                    ),
                    Source::Inner => self.scratch.push_str(
                        self.inner
                            .get(span.from as usize..span.to as usize)
                            .unwrap_or(""),
                    ),
                    Source::Scratch => {
                        let range = span.from as usize..span.to as usize;
                        if self.scratch.get(range.clone()).is_some() {
                            self.scratch.extend_from_within(range);
                        }
                    }
                },
            }
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
