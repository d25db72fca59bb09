//! The wanted paths of all formats, merged into one trie, so that one pass serves them all.
//!
//! Nodes are numbered in depth-first order, so a subtree is a range of nodes: clearing it, when a
//! duplicate key overrides it, is cheap. A found value is kept by the number of its node.

use alloc::string::String;
use alloc::vec::Vec;

/// Number of a node.
pub type NodeId = u16;

/// No node.
const NONE: NodeId = NodeId::MAX;

/// One node: a place in a document.
#[derive(Clone, Copy, Debug)]
pub struct Node {
    /// The child that is the first element of an array.
    first: NodeId,
    /// One past the last node of this subtree.
    pub end: NodeId,
    /// Whether a path ends here.
    pub is_wanted: bool,
    /// Where the node's hash table begins in `Trie::table`, and its length less one, a mask. A node
    /// without children has a table of one empty place.
    table: u32,
    mask: u32,
}

impl Node {
    /// Whether an object at this place is looked into.
    pub const fn has_keys(&self) -> bool {
        self.mask != 0
    }

    /// The child that is the first element of an array.
    pub const fn first(&self) -> Option<NodeId> {
        if self.first == NONE {
            None
        } else {
            Some(self.first)
        }
    }
}

/// A key of an object, with what tells it apart fastest: its length, its first and its last eight
/// bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    first: u64,
    last: u64,
    len: u32,
}

impl Shape {
    /// The shape of the key at `from..to` of a text.
    #[inline(always)]
    pub fn at(text: &[u8], from: usize, to: usize) -> Self {
        let len = to.saturating_sub(from);
        let word = |at: usize| {
            let bytes = text.get(at..).and_then(<[u8]>::first_chunk::<8>);
            bytes.map(|bytes| u64::from_le_bytes(*bytes))
        };
        // Both words are loaded whatever the length: a branch on it would be guessed wrong too often.
        let (Some(first), Some(last)) = (word(from), word(to.saturating_sub(8))) else {
            return Self::near_end(text, from, to);
        };
        let shift = 64_u32.saturating_sub((len as u32).saturating_mul(8));
        let is_short = len < 8;
        Self {
            // Without the bytes behind a short key. A shift by 64 is that of an empty key.
            first: if is_short {
                first.checked_shl(shift).unwrap_or(0) >> (shift & 63)
            } else {
                first
            },
            last: if is_short { 0 } else { last },
            len: len as u32,
        }
    }

    /// The same where there are not eight bytes to load.
    #[cold]
    #[inline(never)]
    fn near_end(text: &[u8], from: usize, to: usize) -> Self {
        let key = text.get(from..to).unwrap_or(&[]);
        let word = |bytes: &[u8]| {
            let bytes = bytes.iter().rev();
            bytes.fold(0, |word, byte| word << 8 | u64::from(*byte))
        };
        let first = key.first_chunk::<8>();
        Self {
            first: word(first.map_or(key, |chunk| chunk)),
            last: key.last_chunk::<8>().map_or(0, |chunk| word(chunk)),
            len: key.len() as u32,
        }
    }

    #[inline(always)]
    const fn hash(&self) -> u32 {
        let mixed = self.first ^ self.last.rotate_left(29) ^ self.len as u64;
        (mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as u32
    }
}

/// A place of a hash table: a key that leads from a node to a child, or nothing.
#[derive(Clone, Copy, Debug)]
struct Edge {
    shape: Shape,
    /// [`NONE`] where the place is empty.
    child: NodeId,
    /// Number of the key's text, which decides where the shape does not.
    key: u16,
}

impl Edge {
    const EMPTY: Self = Self {
        shape: Shape {
            first: 0,
            last: 0,
            len: 0,
        },
        child: NONE,
        key: 0,
    };
}

/// The trie.
#[derive(Debug)]
pub struct Trie {
    nodes: Vec<Node>,
    /// Hash tables of all nodes.
    table: Vec<Edge>,
    /// Texts of the keys.
    keys: Vec<String>,
    /// Node of each path, in the order in which the paths were given.
    paths: Vec<NodeId>,
    /// Aliases that lead out of their own subtree: parent and child.
    leaps: Vec<(NodeId, NodeId)>,
    /// The last node of a member that is cut out; the first is the one behind the root.
    last_of_ours: NodeId,
}

/// Two names for one place: what stands at the first pointer counts as standing at the second.
pub type Alias<'p> = (&'p str, &'p str);

#[derive(Default)]
struct Draft {
    keys: Vec<(String, usize)>,
    first: Option<usize>,
    paths: Vec<usize>,
    number: NodeId,
}

/// Nodes under construction; the first is the root.
struct Drafts(Vec<Draft>);

impl Drafts {
    /// The node at a pointer, made if it is missing.
    fn insert(&mut self, pointer: &str) -> usize {
        let mut at = 0;
        for step in pointer.split('/').skip(1) {
            let next = self.0.len();
            let Some(draft) = self.0.get_mut(at) else {
                break;
            };
            let key = unescape(step);
            let known = if step == "0" {
                draft.first
            } else {
                let mut keys = draft.keys.iter();
                keys.find(|(name, _)| *name == key).map(|(_, child)| *child)
            };
            if let Some(known) = known {
                at = known;
                continue;
            }
            if step == "0" {
                draft.first = Some(next);
            } else {
                draft.keys.push((key, next));
            }
            self.0.push(Draft::default());
            at = next;
        }
        at
    }
}

/// A step of a JSON pointer (RFC 6901) as the key it names.
fn unescape(step: &str) -> String {
    let mut key = String::with_capacity(step.len());
    let mut rest = step.chars();
    while let Some(character) = rest.next() {
        key.push(match (character, rest.clone().next()) {
            ('~', Some(code @ ('0' | '1'))) => {
                rest.next();
                if code == '0' { '~' } else { '/' }
            }
            _ => character,
        });
    }
    key
}

/// A pointer without its last step, and that step.
fn parent_of(pointer: &str) -> (&str, &str) {
    pointer.rsplit_once('/').unwrap_or(("", pointer))
}

impl Trie {
    /// Merges JSON pointers (RFC 6901). The step `0` stands for the first element of an array.
    /// `ours`: pointers of members at the top that are to be cut out, of one step each; what such a
    /// member holds is not looked into.
    pub fn new(
        ours: &mut dyn Iterator<Item = &str>,
        pointers: &mut dyn Iterator<Item = &str>,
        aliases: &[Alias<'_>],
    ) -> Self {
        let mut drafts = Drafts(Vec::new());
        drafts.0.push(Draft::default());
        for pointer in ours {
            drafts.insert(pointer);
        }
        let last_of_ours = drafts.0.len() as NodeId - 1;
        let mut count = 0;
        for (number, pointer) in pointers.enumerate() {
            count = number + 1;
            let at = drafts.insert(pointer);
            if let Some(draft) = drafts.0.get_mut(at) {
                draft.paths.push(number);
            }
        }
        let mut trie = Self {
            nodes: Vec::new(),
            table: Vec::new(),
            keys: Vec::new(),
            paths: Vec::new(),
            leaps: Vec::new(),
            last_of_ours,
        };
        trie.paths.resize(count, NONE);
        for (other, pointer) in aliases {
            drafts.insert(pointer);
            drafts.insert(parent_of(other).0);
        }
        trie.number(&mut drafts, 0);
        for (other, pointer) in aliases {
            let child = drafts.insert(pointer);
            let (parent, key) = parent_of(other);
            let parent = drafts.insert(parent);
            let key = unescape(key);
            if let Some(draft) = drafts.0.get_mut(parent)
                && !draft.keys.iter().any(|(name, _)| *name == key)
            {
                draft.keys.push((key, child));
                let from = draft.number;
                let to = drafts.0.get(child).map_or(NONE, |child| child.number);
                // Nothing stands around the root that could come twice.
                if from != 0 {
                    trie.leaps.push((from, to));
                }
            }
        }
        trie.lay_tables(&drafts);
        trie
    }

    /// Whether a child of the root is a member that is cut out.
    pub const fn is_ours(&self, child: NodeId) -> bool {
        // Nothing stands below them, so theirs are the first numbers.
        child <= self.last_of_ours
    }

    /// Numbers the nodes in depth-first order.
    fn number(&mut self, drafts: &mut Drafts, at: usize) {
        let number = self.nodes.len() as NodeId;
        let Some(draft) = drafts.0.get_mut(at) else {
            return;
        };
        draft.number = number;
        for path in &draft.paths {
            if let Some(place) = self.paths.get_mut(*path) {
                *place = number;
            }
        }
        self.nodes.push(Node {
            first: NONE,
            end: number,
            is_wanted: !draft.paths.is_empty(),
            table: 0,
            mask: 0,
        });
        let children: Vec<usize> = draft.keys.iter().map(|(_, child)| *child).collect();
        let first = draft.first;
        for child in children {
            self.number(drafts, child);
        }
        let first_number = self.nodes.len() as NodeId;
        if let Some(first) = first {
            self.number(drafts, first);
        }
        let end = self.nodes.len() as NodeId;
        if let Some(node) = self.nodes.get_mut(usize::from(number)) {
            node.end = end;
            node.first = if first.is_some() { first_number } else { NONE };
        }
    }

    fn lay_tables(&mut self, drafts: &Drafts) {
        for draft in &drafts.0 {
            let from = self.table.len();
            // A quarter full at most: a key that is not wanted mostly meets an empty place.
            let len = if draft.keys.is_empty() {
                1
            } else {
                (draft.keys.len() * 4).next_power_of_two()
            };
            self.table.resize(from + len, Edge::EMPTY);
            let Some(node) = self.nodes.get_mut(usize::from(draft.number)) else {
                continue;
            };
            (node.table, node.mask) = (from as u32, len as u32 - 1);
            for (key, child) in &draft.keys {
                let shape = Shape::at(key.as_bytes(), 0, key.len());
                let mut place = shape.hash() & node.mask;
                let is_taken = |place: u32| {
                    let edge = self.table.get(from + place as usize);
                    edge.is_some_and(|edge| edge.child != NONE)
                };
                while is_taken(place) {
                    place = (place + 1) & node.mask;
                }
                if let Some(edge) = self.table.get_mut(from + place as usize) {
                    *edge = Edge {
                        shape,
                        child: drafts.0.get(*child).map_or(NONE, |child| child.number),
                        key: self.keys.len() as u16,
                    };
                }
                self.keys.push(key.clone());
            }
        }
    }

    /// The child of a node by the key at `from..to` of a text.
    #[inline(always)]
    pub fn child(&self, node: &Node, text: &[u8], from: usize, to: usize) -> Option<NodeId> {
        let shape = Shape::at(text, from, to);
        let mut place = shape.hash() & node.mask;
        loop {
            let edge = self.table.get((node.table + place) as usize)?;
            if edge.child == NONE {
                return None;
            }
            if edge.shape == shape && (shape.len <= 16 || text.get(from..to) == self.key(edge.key))
            {
                return Some(edge.child);
            }
            place = (place + 1) & node.mask;
        }
    }

    fn key(&self, number: u16) -> Option<&[u8]> {
        self.keys.get(usize::from(number)).map(String::as_bytes)
    }

    /// The node with a number.
    #[inline]
    pub fn node(&self, number: NodeId) -> Option<&Node> {
        self.nodes.get(usize::from(number))
    }

    /// The node of the path with this number.
    #[inline]
    pub fn of_path(&self, path: usize) -> NodeId {
        self.paths.get(path).copied().unwrap_or(NONE)
    }

    /// Places outside a subtree that a key inside it leads to.
    pub fn leaps_from(&self, from: usize, to: usize) -> impl Iterator<Item = NodeId> {
        let leaps = self.leaps.iter();
        let inside = leaps.filter(move |(parent, _)| (from..to).contains(&usize::from(*parent)));
        inside.map(|(_, child)| *child)
    }

    /// How many nodes there are.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn child(trie: &Trie, node: NodeId, key: &str) -> Option<NodeId> {
        // Once inside a longer text, once at its very end.
        let long = alloc::format!("{key}-------------------");
        let node = trie.node(node).unwrap();
        let inside = trie.child(node, long.as_bytes(), 0, key.len());
        assert_eq!(inside, trie.child(node, key.as_bytes(), 0, key.len()));
        inside
    }

    #[test]
    fn paths_share_nodes_and_subtrees_are_ranges() {
        let trie = Trie::new(
            &mut ["/whose", "/Nhi"].into_iter(),
            &mut ["/a/b", "/a/c/0", "/d~1e", "/a/b", "/a"].into_iter(),
            &[],
        );
        let a = child(&trie, 0, "a").unwrap();
        assert_eq!((a, trie.of_path(4)), (3, 3));
        assert_eq!(child(&trie, 0, "whose"), Some(1));
        assert_eq!(child(&trie, 0, "Nhi"), Some(2));
        assert!(trie.is_ours(1) && trie.is_ours(2) && !trie.is_ours(3));
        assert_eq!(trie.of_path(0), trie.of_path(3));
        assert_eq!(child(&trie, a, "b"), Some(trie.of_path(0)));
        let c = child(&trie, a, "c").unwrap();
        assert_eq!(trie.node(c).unwrap().first(), Some(trie.of_path(1)));
        assert_eq!(trie.node(a).unwrap().end, 7);
        assert_eq!(child(&trie, 0, "d/e"), Some(trie.of_path(2)));
        assert_eq!(child(&trie, 0, "d"), None);
        assert_eq!(child(&trie, c, "0"), None);
        assert_eq!(trie.node(0).unwrap().end as usize, trie.node_count());
    }

    #[test]
    fn an_alias_is_another_name_of_the_same_node() {
        let trie = Trie::new(
            &mut [].into_iter(),
            &mut ["/protoPayload/name", "/x"].into_iter(),
            &[
                ("/protopayload_auditlog", "/protoPayload"),
                ("/a.b", "/protoPayload/name"),
            ],
        );
        let payload = child(&trie, 0, "protopayload_auditlog").unwrap();
        assert_eq!(child(&trie, 0, "protoPayload"), Some(payload));
        assert_eq!(child(&trie, payload, "name"), Some(trie.of_path(0)));
        assert_eq!(child(&trie, 0, "a.b"), Some(trie.of_path(0)));
    }

    #[test]
    fn many_keys_of_every_length_are_told_apart() {
        let keys: Vec<String> = (1..600)
            .map(|number| {
                let fill = "k".repeat(number % 23);
                alloc::format!("/{fill}{number}{fill}")
            })
            .collect();
        let trie = Trie::new(
            &mut [].into_iter(),
            &mut keys.iter().map(String::as_str),
            &[],
        );
        for (number, key) in keys.iter().enumerate() {
            assert_eq!(child(&trie, 0, &key[1..]), Some(trie.of_path(number)));
            assert_eq!(child(&trie, 0, &alloc::format!("{}x", &key[1..])), None);
        }
        assert_eq!(child(&trie, 0, ""), None);
    }
}
