//! What stood between values before, and what came next: most events are written by the program
//! that wrote the one before, member by member in the same order.
//!
//! A step is the text from the end of one value to the beginning of the next, such as
//! `,"eventName":`, at one place of a document. Where the text that followed the last time stands
//! again, the key, its child in the trie and its colon are known by one comparison. That a step is
//! remembered, replaced or forgotten changes how long a scan takes, never what it finds.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cell::Cell;

use crate::trie::NodeId;

/// Steps that are remembered; an event has some fifty, and a pipeline a few kinds of events.
const STEPS: usize = 1024;

/// Longest text of a step.
pub(crate) const LONGEST: usize = 32;

/// Places that are tried for a step before another one has to go.
const PROBES: usize = 8;

/// No child.
pub(crate) const UNWANTED: NodeId = NodeId::MAX;

/// Number of what stands before a step: an earlier step, or the beginning of an object.
pub(crate) type Link = usize;

/// Where a step stands: at which node, and whether it is an object's first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(u32);

impl Place {
    const NOWHERE: Self = Self(u32::MAX);

    /// Behind the opening brace of an object at a node.
    #[inline(always)]
    pub(crate) const fn first(node: NodeId) -> Self {
        Self((node as u32) << 1 | 1)
    }

    /// Behind a value of the same object.
    #[inline(always)]
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

/// What is known of a step, in one word: in a guest, structs are returned through memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known(u32);

impl Known {
    /// Of a key that leads to a child, or to [`UNWANTED`], and of a text of this length.
    /// `is_wanted`: a path ends at the child.
    pub(crate) const fn new(child: NodeId, is_wanted: bool, len: usize) -> Self {
        let len = if len > 0x7F { 0x7F } else { len as u32 };
        Self((child as u32) << 16 | (is_wanted as u32) << 8 | len)
    }

    /// The child of the object's node that the key leads to, or [`UNWANTED`].
    #[inline(always)]
    pub(crate) const fn child(self) -> NodeId {
        (self.0 >> 16) as NodeId
    }

    /// Whether a path ends at the child.
    #[inline(always)]
    pub(crate) const fn is_wanted(self) -> bool {
        self.0 & 0x100 != 0
    }

    /// Length of the text.
    #[inline(always)]
    pub(crate) const fn len(self) -> usize {
        (self.0 & 0x7F) as usize
    }
}

/// A step that was recognised, in one word: what is known of it, and what it is to the step after
/// it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Met(u64);

impl Met {
    /// No step. A step's text is never empty.
    pub(crate) const NONE: Self = Self(0);

    #[inline(always)]
    const fn new(number: usize, known: Known) -> Self {
        Self((number as u64) << 32 | known.0 as u64)
    }

    #[inline(always)]
    pub(crate) const fn is_none(self) -> bool {
        self.0 == 0
    }

    #[inline(always)]
    pub(crate) const fn known(self) -> Known {
        Known(self.0 as u32)
    }

    #[inline(always)]
    pub(crate) const fn link(self) -> Link {
        (self.0 >> 32) as Link
    }
}

/// One step, in a cache line of its own.
#[derive(Debug)]
#[repr(align(64))]
struct Step {
    text: Cell<[u8; LONGEST]>,
    /// One bit for each byte of the text.
    bits: Cell<u32>,
    /// Where it stands. The same text means something else elsewhere.
    place: Cell<Place>,
    known: Cell<Known>,
}

impl Step {
    const fn nothing() -> Self {
        Self {
            text: Cell::new([0; LONGEST]),
            bits: Cell::new(0),
            place: Cell::new(Place::NOWHERE),
            known: Cell::new(Known(0)),
        }
    }

    #[inline(always)]
    fn is_at(&self, place: Place, text: &[u8; LONGEST]) -> bool {
        let bits = self.bits.get();
        equal(&self.text.get(), text) & bits == bits && self.place.get() == place
    }
}

#[cfg(any(
    target_feature = "sse2",
    target_feature = "simd128",
    all(target_feature = "neon", target_arch = "aarch64")
))]
use agreeing_vectors as equal;
#[cfg(not(any(
    target_feature = "sse2",
    target_feature = "simd128",
    all(target_feature = "neon", target_arch = "aarch64")
)))]
use agreeing_words as equal;

/// One bit for each byte in which two texts agree.
#[cfg(any(
    target_feature = "sse2",
    target_feature = "simd128",
    all(target_feature = "neon", target_arch = "aarch64")
))]
#[inline(always)]
fn agreeing_vectors(one: &[u8; LONGEST], other: &[u8; LONGEST]) -> u32 {
    use wide::u8x16;
    let (one, _) = one.as_chunks::<16>();
    let (other, _) = other.as_chunks::<16>();
    let mut bits = 0;
    for (number, (one, other)) in one.iter().zip(other).enumerate() {
        let same = u8x16::new(*one).simd_eq(u8x16::new(*other));
        bits |= same.to_bitmask() << (16 * number);
    }
    bits
}

/// One bit for each byte up to the first in which two texts differ, for targets without vectors:
/// what is behind it need not be known.
#[cfg(any(
    test,
    not(any(
        target_feature = "sse2",
        target_feature = "simd128",
        all(target_feature = "neon", target_arch = "aarch64")
    ))
))]
#[inline(always)]
fn agreeing_words(one: &[u8; LONGEST], other: &[u8; LONGEST]) -> u32 {
    let (one, _) = one.as_chunks::<8>();
    let (other, _) = other.as_chunks::<8>();
    let mut same = 0;
    for (one, other) in one.iter().zip(other) {
        let differs = u64::from_le_bytes(*one) ^ u64::from_le_bytes(*other);
        same += (differs.trailing_zeros() / 8) as usize;
        if differs != 0 {
            break;
        }
    }
    ((1_u64 << same) - 1) as u32
}

/// The steps that are remembered. Room for all of them is taken once. One serves all scans by the same
/// trie.
#[derive(Debug)]
pub struct Familiar {
    steps: Box<[Step; STEPS]>,
    /// By what stands before: the steps that followed the last time and the time before.
    links: Vec<Cell<[u16; 2]>>,
}

impl Familiar {
    /// Room for steps at the nodes of a trie with so many.
    pub fn new(node_count: usize) -> Self {
        let steps: Vec<Step> = core::iter::repeat_with(Step::nothing).take(STEPS).collect();
        let links = core::iter::repeat_with(Cell::default);
        Self {
            steps: steps
                .try_into()
                .unwrap_or_else(|_| Box::new([const { Step::nothing() }; STEPS])),
            links: links.take(STEPS + node_count).collect(),
        }
    }

    /// The step that stands at the beginning of a text, if it is one that followed before.
    #[inline(always)]
    pub(crate) fn next(&self, link: Link, place: Place, text: &[u8; LONGEST]) -> Met {
        let Some(follows) = self.links.get(link) else {
            return Met::NONE;
        };
        let last = usize::from(follows.get()[0]) % STEPS;
        if let Some(step) = self.steps.get(last)
            && step.is_at(place, text)
        {
            return Met::new(last, step.known.get());
        }
        self.earlier(link, place, text)
    }

    /// As [`Self::next`], of the step that followed the time before last.
    #[inline(never)]
    fn earlier(&self, link: Link, place: Place, text: &[u8; LONGEST]) -> Met {
        let Some(follows) = self.links.get(link) else {
            return Met::NONE;
        };
        let [last, before] = follows.get();
        let number = usize::from(before) % STEPS;
        match self.steps.get(number) {
            Some(step) if step.is_at(place, text) => {
                follows.set([before, last]);
                Met::new(number, step.known.get())
            }
            _ => Met::NONE,
        }
    }

    /// Remembers the step at the beginning of a text, and what it followed. The result is what it is
    /// to the step after it.
    #[inline(never)]
    pub(crate) fn remember(
        &self,
        link: Link,
        place: Place,
        text: &[u8; LONGEST],
        known: Known,
    ) -> Link {
        let len = known.len().min(LONGEST);
        let bits = ((1_u64 << len) - 1) as u32;
        let mut own = [0; LONGEST];
        let mut hash = place.0;
        for (own, byte) in own.iter_mut().zip(text).take(len) {
            *own = *byte;
            hash = (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        }
        let first = (hash ^ hash >> 16) as usize % STEPS;
        let is_it = |step: &Step| {
            step.place.get() == place && step.bits.get() == bits && step.text.get() == own
        };
        let numbers = (0..PROBES).map(|probe| (first + probe) % STEPS);
        let fits = |number: &usize| {
            let step = self.steps.get(*number);
            step.is_none_or(|step| step.place.get() == Place::NOWHERE || is_it(step))
        };
        let number = numbers.clone().find(fits).unwrap_or(first);
        if let Some(step) = self.steps.get(number)
            && !is_it(step)
        {
            step.text.set(own);
            step.bits.set(bits);
            step.place.set(place);
            step.known.set(known);
            if let Some(follows) = self.links.get(number) {
                follows.set([0; 2]);
            }
        }
        if let Some(follows) = self.links.get(link) {
            let [last, _] = follows.get();
            if usize::from(last) != number {
                follows.set([number as u16, last]);
            }
        }
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(of: &str) -> [u8; LONGEST] {
        let mut text = [b'x'; LONGEST];
        text[..of.len()].copy_from_slice(of.as_bytes());
        text
    }

    #[test]
    fn a_step_is_known_only_where_it_stood() {
        let familiar = Familiar::new(4);
        let (first, inside) = (Place::first(2), Place::first(2).behind_value());
        let known = Known::new(7, true, 5);
        assert!(
            familiar
                .next(first.link(), first, &text("\"ab\":"))
                .is_none()
        );
        let link = familiar.remember(first.link(), first, &text("\"ab\":1"), known);
        let met = familiar.next(first.link(), first, &text("\"ab\":"));
        assert!(!met.is_none() && met.link() == link);
        let known = met.known();
        assert_eq!(
            (known.child(), known.is_wanted(), known.len()),
            (7, true, 5)
        );
        for (link, place, other) in [
            (first.link(), first, "\"ac\":"),
            (first.link(), first, "\"ab\" :"),
            (first.link(), inside, "\"ab\":"),
            (first.link(), Place::first(1), "\"ab\":"),
            (link, inside, "\"ab\":"),
            (STEPS + 100, first, "\"ab\":"),
        ] {
            assert!(
                familiar.next(link, place, &text(other)).is_none(),
                "{other}"
            );
        }
    }

    #[test]
    fn vectors_and_words_agree_up_to_the_first_difference() {
        let one: [u8; LONGEST] = core::array::from_fn(|at| at as u8 * 7);
        assert_eq!((equal(&one, &one), agreeing_words(&one, &one)), (!0, !0));
        for at in 0..LONGEST {
            for bit in 0..8 {
                let mut other = one;
                other[at] ^= 1 << bit;
                let below = (1_u32 << at) - 1;
                assert_eq!(agreeing_words(&one, &other), below);
                assert_eq!(equal(&one, &other), !(1 << at), "{at}");
            }
        }
    }

    #[test]
    fn the_last_two_that_followed_are_expected_and_any_text_may_be_remembered() {
        let familiar = Familiar::new(1);
        let place = Place::first(0);
        let steps: Vec<_> = (0..3 * STEPS)
            .map(|number| (number, text(&alloc::format!(",\"{number}\":"))))
            .collect();
        let mut before: Option<usize> = None;
        for (number, text) in &steps {
            let len = alloc::format!(",\"{number}\":").len();
            let child = (*number % 100) as NodeId;
            familiar.remember(place.link(), place, text, Known::new(child, false, len));
            // The one before may have had to make room; it is never taken for another one.
            for number in [Some(*number), before].into_iter().flatten() {
                let met = familiar.next(place.link(), place, &steps[number].1);
                assert!(met.is_none() || met.known().child() == (number % 100) as NodeId);
            }
            let met = familiar.next(place.link(), place, text);
            assert_eq!(met.known().child(), child);
            before = Some(*number);
        }
        // The longest text that fits, and lengths that do not fit a word.
        let known = Known::new(UNWANTED, false, LONGEST);
        familiar.remember(place.link(), place, &[b'k'; LONGEST], known);
        let met = familiar.next(place.link(), place, &[b'k'; LONGEST]);
        assert_eq!(
            (met.known().len(), met.known().child()),
            (LONGEST, UNWANTED)
        );
        let mut other = [b'k'; LONGEST];
        other[LONGEST - 1] = b'l';
        assert!(familiar.next(place.link(), place, &other).is_none());
    }
}
