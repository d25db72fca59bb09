//! What stood between values before, and what came next: most events are written by the program
//! that wrote the one before, member by member in the same order.
//!
//! A step is the text from the end of one value to the beginning of the next, such as
//! `,"eventName":`, at one place of a document. Where the text that followed the last time stands
//! again, the key, its child in the trie and its colon are known by one comparison. That a step is
//! remembered, replaced or forgotten changes how long a scan takes, never what it finds.

use alloc::vec::Vec;

use crate::trie::NodeId;

/// Steps that are remembered; an event has some sixty, and a pipeline a few kinds of events.
const STEPS: usize = 1024;

/// Longest text of a step. It is compared in words of eight bytes.
pub(crate) const LONGEST: usize = 32;

/// Places that are tried for a step before another one has to go.
const PROBES: u16 = 8;

/// No step.
const NONE: u16 = u16::MAX;

/// Number of what stands before a step: an earlier step, or the beginning of an object.
pub(crate) type Link = usize;

/// Where a step stands: at which node, and whether it is an object's first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(u32);

impl Place {
    const NOWHERE: Self = Self(u32::MAX);

    /// Behind the opening brace of an object at a node.
    pub(crate) const fn first(node: NodeId) -> Self {
        Self((node as u32) << 1 | 1)
    }

    /// Behind a value of the same object.
    pub(crate) const fn behind_value(self) -> Self {
        Self(self.0 & !1)
    }

    /// Whether nothing stands before in the object.
    pub(crate) const fn is_first(self) -> bool {
        self.0 & 1 == 1
    }

    /// What stands before an object's first step.
    #[inline(always)]
    pub(crate) const fn link(self) -> Link {
        STEPS + (self.0 >> 1) as usize
    }
}

/// One step.
#[derive(Clone, Copy, Debug)]
struct Step {
    text: [u64; 4],
    /// All ones where the text has bytes.
    mask: [u64; 4],
    /// Where it stands. The same text means something else elsewhere.
    place: Place,
    known: Known,
}

/// What is known of a step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    /// The child of the object's node that the key leads to; [`Known::UNWANTED`] when to none.
    pub(crate) child: NodeId,
    /// Whether a path ends at the child.
    pub(crate) is_wanted: bool,
    len: u8,
}

impl Known {
    /// No child.
    pub(crate) const UNWANTED: NodeId = NodeId::MAX;

    /// Length of its text.
    #[inline(always)]
    pub(crate) const fn len(self) -> usize {
        self.len as usize
    }
}

/// The steps that are remembered. Room for all of them is taken once.
#[derive(Debug, Default)]
pub(crate) struct Familiar {
    steps: Vec<Step>,
    /// By what stands before: the steps that followed the last time and the time before.
    links: Vec<[u16; 2]>,
}

impl Familiar {
    /// Room for steps at the nodes of a trie.
    pub(crate) fn new(node_count: usize) -> Self {
        let nothing = Step {
            text: [0; 4],
            mask: [0; 4],
            place: Place::NOWHERE,
            known: Known {
                child: Known::UNWANTED,
                is_wanted: false,
                len: 0,
            },
        };
        Self {
            steps: alloc::vec![nothing; STEPS],
            links: alloc::vec![[NONE; 2]; STEPS + node_count],
        }
    }

    /// The step that stands at the beginning of a text, if it is one that followed before. It is
    /// what stands before the next one, then.
    #[inline(always)]
    pub(crate) fn next(
        &mut self,
        link: &mut Link,
        place: Place,
        text: &[u8; LONGEST],
    ) -> Option<Known> {
        let [last, _] = *self.links.get(*link)?;
        if let Some(step) = self.steps.get(usize::from(last))
            && step.is_at(place, text)
        {
            *link = usize::from(last);
            return Some(step.known);
        }
        self.earlier(link, place, text)
    }

    /// As [`Self::next`], of the step that followed the time before last.
    #[inline(never)]
    fn earlier(&mut self, link: &mut Link, place: Place, text: &[u8; LONGEST]) -> Option<Known> {
        let follows = self.links.get_mut(*link)?;
        let step = self.steps.get(usize::from(follows[1]))?;
        if !step.is_at(place, text) {
            return None;
        }
        *link = usize::from(follows[1]);
        follows.swap(0, 1);
        Some(step.known)
    }

    /// Remembers a step, and that it followed. `text`: at least the step's own bytes, `len` of them.
    #[inline(never)]
    pub(crate) fn remember(
        &mut self,
        link: Link,
        place: Place,
        text: &[u8; LONGEST],
        len: usize,
        child: Option<NodeId>,
        is_wanted: bool,
    ) -> Link {
        let mut mask = [0_u8; LONGEST];
        for byte in mask.iter_mut().take(len) {
            *byte = u8::MAX;
        }
        let mask = words(&mask);
        let mut text = words(text);
        let mut hash = u64::from(place.0);
        for (word, mask) in text.iter_mut().zip(mask) {
            *word &= mask;
            hash = (hash.rotate_left(23) ^ *word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        }
        let first = (hash >> 54) as u16;
        let ids = (0..PROBES).map(|probe| (first + probe) % STEPS as u16);
        let step = |id: u16| self.steps.get(usize::from(id));
        let mut ids = ids.filter(|id| {
            step(*id).is_none_or(|step| {
                step.place == Place::NOWHERE
                    || (step.place == place && step.text == text && step.mask == mask)
            })
        });
        let id = ids.next().unwrap_or(first % STEPS as u16);
        let is_there = step(id).is_some_and(|step| step.place == place && step.text == text);
        if !is_there {
            if let Some(follows) = self.links.get_mut(usize::from(id)) {
                *follows = [NONE; 2];
            }
            if let Some(step) = self.steps.get_mut(usize::from(id)) {
                *step = Step {
                    text,
                    mask,
                    place,
                    known: Known {
                        child: child.unwrap_or(Known::UNWANTED),
                        is_wanted,
                        len: len as u8,
                    },
                };
            }
        }
        if let Some(follows) = self.links.get_mut(link)
            && follows[0] != id
        {
            *follows = [id, follows[0]];
        }
        usize::from(id)
    }
}

impl Step {
    #[inline(always)]
    fn is_at(&self, place: Place, text: &[u8; LONGEST]) -> bool {
        let mut differs = 0;
        for ((word, text), mask) in words(text).iter().zip(&self.text).zip(&self.mask) {
            differs |= (word ^ text) & mask;
        }
        differs == 0 && self.place == place
    }
}

#[inline(always)]
fn words(text: &[u8; LONGEST]) -> [u64; 4] {
    let (words, _) = text.as_chunks::<8>();
    let mut out = [0; 4];
    for (out, word) in out.iter_mut().zip(words) {
        *out = u64::from_le_bytes(*word);
    }
    out
}
