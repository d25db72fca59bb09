//! Spans: where a text of an event lies, without borrowing it.
//!
//! A value lies in the line itself, in a document that stood in the line as a string, or in the
//! scratch text, where decoded, folded and put-together values go. All three are reused.

use alloc::string::String;
use alloc::vec::Vec;

/// Where a span lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Source {
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
pub(crate) struct Span {
    source: Source,
    from: u32,
    to: u32,
}

impl Span {
    pub(crate) const EMPTY: Self = Self {
        source: Source::Line,
        from: 0,
        to: 0,
    };

    pub(crate) const fn new(source: Source, from: usize, to: usize) -> Self {
        Self {
            source,
            from: from as u32,
            to: to as u32,
        }
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.from >= self.to
    }

    pub(crate) const fn start(self) -> usize {
        self.from as usize
    }

    /// A part of this span, given by its offsets in it.
    pub(crate) const fn part(self, from: usize, to: usize) -> Self {
        Self {
            source: self.source,
            from: self.from + from as u32,
            to: self.from + to as u32,
        }
    }
}

/// The texts of one event.
#[derive(Debug)]
pub(crate) struct TextBuffers<'a> {
    pub(crate) line: &'a str,
    pub(crate) inner: &'a mut String,
    pub(crate) scratch: &'a mut String,
    pub(crate) bytes: &'a mut Vec<u8>,
}

impl TextBuffers<'_> {
    pub(crate) fn get(&self, span: Span) -> &str {
        let text: &str = match span.source {
            Source::Line => self.line,
            Source::Inner => self.inner,
            Source::Scratch => self.scratch,
        };
        text.get(span.from as usize..span.to as usize).unwrap_or("")
    }

    /// The text of a source for scanning, the scratch text and a byte buffer.
    pub(crate) fn scan_parts(&mut self, source: Source) -> (&str, &mut String, &mut Vec<u8>) {
        let text = match source {
            Source::Inner => self.inner.as_str(),
            Source::Line | Source::Scratch => self.line,
        };
        (text, self.scratch, self.bytes)
    }

    /// Appends to the scratch text; the result is the span of what was appended.
    pub(crate) fn compose(&mut self, write: impl FnOnce(&mut String)) -> Span {
        let from = self.scratch.len();
        write(self.scratch);
        Span::new(Source::Scratch, from, self.scratch.len())
    }

    /// Appends texts and spans to the scratch text.
    pub(crate) fn join(&mut self, parts: &[Part<'_>]) -> Span {
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
pub(crate) enum Part<'a> {
    Text(&'a str),
    Span(Span),
}
