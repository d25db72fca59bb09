//! What a scan leaves behind: found values by the nodes of the trie.

use alloc::vec::Vec;
use core::cell::Cell;

use crate::text::{Source, Span};
use crate::trie::{NodeId, Trie};

/// The sort of a found value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// Missing or null.
    #[default]
    Absent,
    /// A string.
    Text,
    /// A number.
    Number,
    /// `true`.
    True,
    /// `false`.
    False,
    /// An object.
    Object,
    /// An array.
    Array,
}

/// One found value. For objects and arrays the span is the raw text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// What sort of value it is.
    pub sort: Sort,
    /// Where its text lies: of a string, decoded and without quotes.
    pub span: Span,
}

impl Found {
    /// The text; empty when it is of another sort.
    pub const fn text(self) -> Span {
        match self.sort {
            Sort::Text => self.span,
            _ => Span::EMPTY,
        }
    }
}

/// A range of bytes to cut out of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// First byte.
    pub from: usize,
    /// One past the last byte.
    pub to: usize,
}

impl Cut {
    pub(crate) const fn new(from: usize, to: usize) -> Self {
        Self { from, to }
    }
}

/// What is known of one node of the trie: in cells, so that a scan can hold on to all of them. Spans are
/// put together when they are read: objects are scanned within each other, and in an interpreter each
/// local takes stack (whole spans here took 2.5 kB more at six levels).
#[derive(Debug, Default)]
#[repr(align(32))]
pub(crate) struct Slot {
    /// The scan in which the node was met last.
    met: Cell<u32>,
    /// Where it stands in the scanned document: of a text, with its quotes and escapes.
    from: Cell<u32>,
    to: Cell<u32>,
    kind: Cell<Kind>,
    /// Where its text stands, when that is not between its quotes.
    decoded: Cell<Option<Span>>,
}

/// Sort and source of a value, stored as one word.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(4))]
struct Kind {
    sort: Sort,
    source: Source,
    is_decoded: bool,
}

impl Slot {
    /// Notes what stands here.
    #[inline(always)]
    pub(crate) fn note(&self, scan: u32, sort: Sort, source: Source, from: usize, to: usize) {
        self.met.set(scan);
        self.from.set(from as u32);
        self.to.set(to as u32);
        self.kind.set(Kind {
            sort,
            source,
            is_decoded: false,
        });
    }

    /// Whether something was noted in this scan.
    #[inline(always)]
    pub(crate) fn is_met(&self, scan: u32) -> bool {
        self.met.get() == scan
    }

    /// Notes that the text that was noted stands elsewhere, without its escapes.
    pub(crate) fn decoded(&self, text: Span) {
        self.decoded.set(Some(text));
        self.kind.set(Kind {
            is_decoded: true,
            ..self.kind.get()
        });
    }

    /// Notes where a value ended that was noted when it began.
    pub(crate) fn ended(&self, sort: Sort, to: usize) {
        self.to.set(to as u32);
        self.kind.set(Kind {
            sort,
            ..self.kind.get()
        });
    }

    fn raw(&self) -> Span {
        let source = self.kind.get().source;
        Span::new(source, self.from.get() as usize, self.to.get() as usize)
    }

    fn found(&self) -> Found {
        let Kind {
            sort, is_decoded, ..
        } = self.kind.get();
        let span = match (sort, is_decoded, self.decoded.get()) {
            (Sort::Absent, ..) => Span::EMPTY,
            (Sort::Text, true, Some(text)) => text,
            (Sort::Text, ..) => self.raw().without_ends(),
            _ => self.raw(),
        };
        Found { sort, span }
    }
}

/// What a scan leaves behind. Reused for every event.
#[derive(Debug)]
pub struct Findings {
    pub(crate) slots: Vec<Slot>,
    /// Number of the scan under way; slots of earlier ones count as empty, so none is cleared.
    pub(crate) scan: u32,
    /// Members at the top of the scanned object that are to be cut out.
    pub cuts: Vec<Cut>,
    /// Whether a member is left after the cuts.
    pub has_members: bool,
    /// Where the closing brace stands.
    pub close: usize,
    /// The scanned object.
    pub whole: Span,
}

impl Findings {
    /// Room for the values of a trie.
    pub fn new(trie: &Trie) -> Self {
        let slots = core::iter::repeat_with(Slot::default);
        Self {
            slots: slots.take(trie.node_count()).collect(),
            scan: 0,
            cuts: Vec::new(),
            has_members: false,
            close: 0,
            whole: Span::EMPTY,
        }
    }

    /// What was found at a node in the last scan.
    #[inline]
    pub fn get(&self, node: NodeId) -> Found {
        match self.slots.get(usize::from(node)) {
            Some(slot) if slot.met.get() == self.scan => slot.found(),
            _ => Found::default(),
        }
    }

    /// What was found at the first of some paths that holds anything.
    pub fn first(&self, trie: &Trie, path: usize, count: usize) -> Found {
        for path in path..path + count {
            let found = self.get(trie.of_path(path));
            if found.sort != Sort::Absent {
                return found;
            }
        }
        Found::default()
    }

    /// Where the text of a node stands in the scanned document, with its quotes.
    pub fn raw(&self, node: NodeId) -> Span {
        match self.slots.get(usize::from(node)) {
            Some(slot) if slot.met.get() == self.scan => slot.raw(),
            _ => Span::EMPTY,
        }
    }

    pub(crate) fn reset(&mut self) {
        if self.scan == u32::MAX {
            self.slots.fill_with(Slot::default);
            self.scan = 0;
        }
        self.scan += 1;
        self.cuts.clear();
        self.has_members = false;
    }
}

/// What an earlier value of a duplicate key held counts no longer.
#[cold]
#[inline(never)]
pub(crate) fn forget(slots: &[Slot], scan: u32, trie: &Trie, number: NodeId) {
    let Some(earlier) = slots.get(usize::from(number)).map(Slot::raw) else {
        return;
    };
    let end = |number: usize| {
        let node = trie.node(number as NodeId);
        node.map_or(number, |node| usize::from(node.end))
    };
    let clear = |from: usize, to: usize| {
        // No scan has this number.
        for slot in slots.get(from..to).unwrap_or_default() {
            slot.met.set(0);
        }
    };
    let (from, to) = (usize::from(number), end(usize::from(number)));
    clear(from + 1, to);
    for leap in trie.leaps_from(from, to) {
        let leap = usize::from(leap);
        // By its other name the place may stand elsewhere, and counts.
        let is_inside = slots.get(leap).is_some_and(|slot| {
            let raw = slot.raw();
            slot.met.get() == scan && earlier.start() <= raw.start() && raw.ends_in(earlier)
        });
        if is_inside {
            clear(leap, end(leap));
        }
    }
}
