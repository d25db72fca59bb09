//! What a scan leaves behind: found values by the nodes of the trie.

use alloc::vec::Vec;

use crate::familiar::Familiar;
use crate::text::Span;
use crate::trie::{Node, NodeId, Trie};

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
pub struct Findings {
    slots: Vec<Slot>,
    /// What objects were like before.
    pub(crate) familiar: Familiar,
    /// Number of the scan under way; slots of earlier ones count as empty, so none is cleared.
    scan: u32,
    /// Members named `whose` at the top of the scanned object.
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
        let mut this = Self {
            familiar: Familiar::new(trie.node_count()),
            ..Self::default()
        };
        this.slots.resize(trie.node_count(), Slot::default());
        this
    }

    /// What was found at a node in the last scan.
    #[inline]
    pub fn get(&self, node: NodeId) -> Found {
        match self.slots.get(usize::from(node)) {
            Some(slot) if slot.met == self.scan => slot.found,
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
            Some(slot) if slot.met == self.scan => slot.raw,
            _ => Span::EMPTY,
        }
    }

    pub(crate) fn reset(&mut self) {
        if self.scan == u32::MAX {
            self.slots.fill(Slot::default());
            self.scan = 0;
        }
        self.scan += 1;
        self.cuts.clear();
        self.has_members = false;
    }

    /// Notes what stands at a node. The result is where an earlier value of a duplicate key stood.
    #[inline(always)]
    pub(crate) fn note(
        &mut self,
        number: NodeId,
        sort: Sort,
        span: Span,
        raw: Span,
    ) -> Option<Span> {
        let slot = self.slots.get_mut(usize::from(number))?;
        let earlier = (slot.met == self.scan).then_some(slot.raw);
        *slot = Slot {
            met: self.scan,
            found: Found { sort, span },
            raw,
        };
        earlier
    }

    /// What an earlier value of a duplicate key held counts no longer.
    #[cold]
    #[inline(never)]
    pub(crate) fn forget(&mut self, trie: &Trie, number: NodeId, earlier: Span) {
        let from = usize::from(number);
        let to = trie.node(number).map_or(from, |node| usize::from(node.end));
        self.clear(from + 1, to);
        for leap in trie.leaps_from(from, to) {
            // By its other name the place may stand elsewhere, and counts.
            let is_inside = self.slots.get(usize::from(leap)).is_some_and(|slot| {
                slot.met == self.scan
                    && earlier.start() <= slot.raw.start()
                    && slot.raw.ends_in(earlier)
            });
            if let Some(node) = trie.node(leap).filter(|_| is_inside) {
                self.clear(usize::from(leap), usize::from(node.end));
            }
        }
    }

    fn clear(&mut self, from: usize, to: usize) {
        let slots = self.slots.get_mut(from..to);
        slots.unwrap_or_default().fill(Slot::default());
    }

    /// Notes where a value ended that was noted when it began.
    pub(crate) fn keep(&mut self, number: NodeId, node: &Node, sort: Sort, span: Span) {
        if let Some(slot) = self.slots.get_mut(usize::from(number)) {
            slot.raw = span;
            if node.is_wanted {
                slot.found = Found { sort, span };
            }
        }
    }
}
