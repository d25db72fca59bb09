//! The wanted paths of all formats, merged into one trie, so that one pass serves them all.
//!
//! Nodes are numbered in depth-first order and slots in the order of their nodes, so a subtree is
//! a range of nodes and a range of slots: clearing it, when a duplicate key overrides it, is cheap.

use alloc::string::String;
use alloc::vec::Vec;

/// A slot: where the scanner leaves one wanted value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SlotId(pub(crate) u16);

/// One node: a place in a document.
#[derive(Debug, Default)]
pub(crate) struct Node {
    /// Children reached by an object key.
    pub(crate) keys: Vec<(String, u16)>,
    /// The child that is the first element of an array.
    pub(crate) first: Option<u16>,
    /// One past the last node of this subtree.
    pub(crate) end: u16,
    /// First slot of this node; the node's slots end where `own_end` says.
    pub(crate) slot: u16,
    /// One past the node's own slots.
    pub(crate) own_end: u16,
    /// One past the last slot of this subtree.
    pub(crate) slot_end: u16,
}

impl Node {
    /// The child of a key.
    #[inline]
    pub(crate) fn child(&self, key: &[u8]) -> Option<u16> {
        // Most keys of an event are not wanted; length and first byte tell without a call.
        let (len, first) = (key.len(), key.first());
        self.keys
            .iter()
            .find(|(name, _)| {
                name.len() == len && name.as_bytes().first() == first && name.as_bytes() == key
            })
            .map(|(_, node)| *node)
    }

    pub(crate) fn is_leaf(&self) -> bool {
        self.keys.is_empty() && self.first.is_none()
    }
}

/// The trie.
#[derive(Debug)]
pub(crate) struct Trie {
    pub(crate) nodes: Vec<Node>,
    /// Slot of each path, in the order in which the paths were given.
    slots: Vec<SlotId>,
}

#[derive(Default)]
struct Draft {
    keys: Vec<(String, Self)>,
    first: Option<alloc::boxed::Box<Self>>,
    paths: Vec<usize>,
}

impl Draft {
    fn insert(&mut self, steps: &[&str], path: usize) {
        let Some((step, rest)) = steps.split_first() else {
            self.paths.push(path);
            return;
        };
        if *step == "0" {
            self.first.get_or_insert_default().insert(rest, path);
            return;
        }
        let key = step.replace("~1", "/").replace("~0", "~");
        if let Some((_, child)) = self.keys.iter_mut().find(|(name, _)| *name == key) {
            child.insert(rest, path);
            return;
        }
        let mut child = Self::default();
        child.insert(rest, path);
        self.keys.push((key, child));
    }
}

impl Trie {
    /// Merges JSON pointers (RFC 6901). The step `0` stands for the first element of an array.
    pub(crate) fn new<'p>(pointers: impl IntoIterator<Item = &'p str>) -> Self {
        let mut root = Draft::default();
        let mut count = 0;
        for (number, pointer) in pointers.into_iter().enumerate() {
            count = number + 1;
            let steps: Vec<&str> = pointer.split('/').skip(1).collect();
            root.insert(&steps, number);
        }
        let mut trie = Self {
            nodes: Vec::new(),
            slots: Vec::new(),
        };
        trie.slots.resize(count, SlotId(0));
        let mut next_slot = 0;
        trie.place(root, &mut next_slot);
        trie
    }

    fn place(&mut self, draft: Draft, next_slot: &mut u16) -> u16 {
        let number = self.nodes.len() as u16;
        let slot = *next_slot;
        for path in &draft.paths {
            if let Some(place) = self.slots.get_mut(*path) {
                *place = SlotId(*next_slot);
            }
            *next_slot += 1;
        }
        let own_end = *next_slot;
        self.nodes.push(Node::default());
        let mut keys = Vec::with_capacity(draft.keys.len());
        for (key, child) in draft.keys {
            keys.push((key, self.place(child, next_slot)));
        }
        let first = draft.first.map(|child| self.place(*child, next_slot));
        let end = self.nodes.len() as u16;
        if let Some(node) = self.nodes.get_mut(usize::from(number)) {
            *node = Node {
                keys,
                first,
                end,
                slot,
                own_end,
                slot_end: *next_slot,
            };
        }
        number
    }

    pub(crate) fn node(&self, number: u16) -> Option<&Node> {
        self.nodes.get(usize::from(number))
    }

    /// The slot of the path with this number.
    pub(crate) fn slot(&self, path: usize) -> SlotId {
        self.slots.get(path).copied().unwrap_or(SlotId(u16::MAX))
    }

    pub(crate) fn slot_count(&self) -> usize {
        self.slots.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_paths_have_a_slot_each_and_subtrees_are_ranges() {
        let trie = Trie::new(["/a/b", "/a/c/0", "/d~1e", "/a/b", "/a"]);
        let root = &trie.nodes[0];
        let a = &trie.nodes[usize::from(root.child(b"a").unwrap())];
        let slots: Vec<u16> = (0..5).map(|path| trie.slot(path).0).collect();
        assert_eq!(slots, [1, 3, 4, 2, 0]);
        assert_eq!((a.slot, a.own_end, a.slot_end), (0, 1, 4));
        assert!(root.child(b"d/e").is_some());
        assert_eq!(root.end as usize, trie.nodes.len());
    }
}
