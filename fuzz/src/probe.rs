//! The scanner by itself, for comparing it with another reader of JSON.

use event_scan::familiar::Familiar;
use event_scan::findings::{Findings, Found, Sort};
use event_scan::index::Index;
use event_scan::scan::{self, MAX_DEPTH, ScanError};
use event_scan::text::{Source, Span, TextBuffers};
use event_scan::trie::Trie;
use event_scan::walk;

/// What stands at one pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probed {
    /// Nothing, or null.
    Absent,
    /// A string, decoded.
    Text(String),
    /// A number, as it is written.
    Number(String),
    /// `true`.
    True,
    /// `false`.
    False,
    /// An object, as it is written.
    Object(String),
    /// An array, as it is written, and its elements as the readers walk them.
    Array(String, Vec<Self>),
}

/// Why a text is not scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Not JSON.
    Syntax,
    /// More brackets open at once than allowed.
    TooDeep,
}

/// What a scan found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// One value for each pointer, in their order.
    pub values: Vec<Probed>,
    /// Position after the closing brace.
    pub end: usize,
}

/// A scanner that looks for the values at some pointers.
#[derive(Debug)]
pub struct Probe {
    trie: Trie,
    count: usize,
    findings: Findings,
    familiar: Familiar,
    inner: String,
    scratch: String,
    bytes: Vec<u8>,
    line_index: Index,
    inner_index: Index,
}

impl Probe {
    /// Takes JSON pointers (RFC 6901) that begin with `/`. The step `0` means the first element of
    /// an array, and no member.
    pub fn new(pointers: &[&str]) -> Self {
        let trie = Trie::new(
            &mut ["/whose"].into_iter(),
            &mut pointers.iter().copied(),
            &[],
        );
        Self {
            findings: Findings::new(&trie),
            familiar: Familiar::new(trie.node_count()),
            trie,
            count: pointers.len(),
            inner: String::new(),
            scratch: String::new(),
            bytes: Vec::new(),
            line_index: Index::default(),
            inner_index: Index::default(),
        }
    }

    /// Scans the object at `at` in the first line of a text, as that of a batch.
    pub fn line(&mut self, text: &str, at: usize) -> Result<Scan, Refusal> {
        let len = self.line_index.line(text.as_bytes());
        let line = text.get(..len).unwrap_or(text);
        let line = line.strip_suffix('\n').unwrap_or(line);
        self.scan(
            Source::Line,
            line.strip_suffix('\r').unwrap_or(line),
            "",
            at,
        )
    }

    /// Scans the object at `at` in a text, as a document that stood in a string.
    pub fn inner(&mut self, text: &str, at: usize) -> Result<Scan, Refusal> {
        self.scan(Source::Inner, "", text, at)
    }

    /// A member of a valid object, as readers look for it in one that they have found.
    pub fn member(&mut self, object: &str, name: &str) -> Probed {
        self.scratch.clear();
        self.line_index.whole(object.as_bytes());
        let found = Found {
            sort: Sort::Object,
            span: Span::new(Source::Line, 0, object.len()),
        };
        let mut buffers = TextBuffers {
            line: object,
            inner: &mut self.inner,
            scratch: &mut self.scratch,
            bytes: &mut self.bytes,
            line_index: &self.line_index,
            inner_index: &mut self.inner_index,
        };
        let mut member = [Found::default()];
        walk::members(&mut buffers, found, &[name], &mut member);
        probed(&mut buffers, member[0])
    }

    fn scan(
        &mut self,
        source: Source,
        line: &str,
        inner: &str,
        at: usize,
    ) -> Result<Scan, Refusal> {
        self.inner.clear();
        self.inner.push_str(inner);
        self.scratch.clear();
        let mut buffers = TextBuffers {
            line,
            inner: &mut self.inner,
            scratch: &mut self.scratch,
            bytes: &mut self.bytes,
            line_index: &self.line_index,
            inner_index: &mut self.inner_index,
        };
        let end = scan::scan_object(
            &mut buffers,
            source,
            at,
            MAX_DEPTH,
            &self.trie,
            &self.familiar,
            &mut self.findings,
        )
        .map_err(|error| match error {
            ScanError::Syntax => Refusal::Syntax,
            ScanError::TooDeep => Refusal::TooDeep,
        })?;
        let values = (0..self.count)
            .map(|number| {
                let found = self.findings.get(self.trie.of_path(number));
                probed(&mut buffers, found)
            })
            .collect();
        Ok(Scan { values, end })
    }
}

/// A found value without its buffers.
fn probed(buffers: &mut TextBuffers<'_>, found: Found) -> Probed {
    let mut elements = Vec::new();
    let mut items = walk::Items::of(found);
    while let Some(element) = walk::next(buffers, &mut items) {
        // One level: no reader walks arrays in arrays.
        elements.push(copied(buffers, element, Vec::new()));
    }
    copied(buffers, found, elements)
}

fn copied(buffers: &TextBuffers<'_>, found: Found, elements: Vec<Probed>) -> Probed {
    let text = buffers.get(found.span).to_owned();
    match found.sort {
        Sort::Absent => Probed::Absent,
        Sort::Text => Probed::Text(text),
        Sort::Number => Probed::Number(text),
        Sort::True => Probed::True,
        Sort::False => Probed::False,
        Sort::Object => Probed::Object(text),
        Sort::Array => Probed::Array(text, elements),
    }
}
