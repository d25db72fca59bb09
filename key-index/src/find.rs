//! The lookup, in steps: hash, bucket, row, class and text, validity and prefix, comparison.

use core::cell::Cell;

use rkyv::rend::u32_le;

use crate::hash;
use crate::rows::{ArchivedBucketRow, ArchivedKeyClassRow, ArchivedKeyRow, ArchivedValidityRow};

/// Binary logarithm of the bytes that one digest covers.
pub const CHUNK_BITS: u32 = 20;

/// Probes that are worth taking together: the misses of more no longer overlap, and of fewer leave
/// the processor waiting.
pub const GROUP: usize = 16;

/// Where there is no row.
const NONE: u32 = u32::MAX;

/// The key that is looked for, folded.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a key has these parts in every version of the format"
)]
pub struct Query<'k> {
    /// Code of its type.
    pub key_type: u8,
    /// Its domain, or nothing.
    pub domain: &'k [u8],
    /// Its value.
    pub value: &'k [u8],
}

impl Query<'_> {
    /// The seeded hash that the index is built on.
    #[must_use]
    #[inline(never)]
    pub fn hash(&self, seed: u64) -> u64 {
        hash::key_hash(seed, self.key_type, self.domain, self.value)
    }
}

/// Which chunks of the body have been checked: bit `n % 64` of word `n / 64` stands for chunk `n`.
pub type Seen<'s> = Option<&'s [Cell<u64>]>;

/// The rows of one section.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a section is its rows and its place"
)]
pub struct Part<'a, R> {
    /// Rows.
    pub rows: &'a [R],
    /// Where they start, in bytes from the beginning of the body.
    pub at: usize,
}

impl<'a, R> Part<'a, R> {
    /// A row, unless it is past the end or in a chunk that nobody has checked.
    #[inline(always)]
    fn get(&self, number: u32, seen: Seen<'_>) -> Option<&'a R> {
        let row = self.rows.get(number as usize)?;
        self.is_seen(number as usize, 1, seen).then_some(row)
    }

    #[inline(always)]
    fn is_seen(&self, first: usize, count: usize, seen: Seen<'_>) -> bool {
        let Some(words) = seen else { return true };
        let from = self.at.wrapping_add(size_of::<R>().wrapping_mul(first));
        let last = from
            .wrapping_add(size_of::<R>().wrapping_mul(count))
            .wrapping_sub(1);
        let chunk = from >> CHUNK_BITS;
        // What lies in two chunks is rare, and left to the core.
        chunk == last >> CHUNK_BITS
            && words
                .get(chunk / 64)
                .is_some_and(|word| word.get() >> (chunk % 64) & 1 == 1)
    }
}

/// What the index says about a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever asks has to handle each of them"
)]
pub enum Found {
    /// The key is not there.
    Absent,
    /// The key is there.
    Row {
        /// As [`crate::rows::KeyRow::holder`].
        holder: u32,
        /// As [`crate::rows::ValidityRow::from_ms`].
        from_ms: i64,
        /// As [`crate::rows::ValidityRow::to_ms`].
        to_ms: i64,
    },
    /// The lookup met what is rare, and left to the core.
    Unsure,
}

/// How far one lookup is.
#[derive(Clone, Copy, Debug)]
pub struct Probe {
    hash: u64,
    /// Row of the candidate; [`NONE`] when there is none that could be read.
    row: u32,
    /// Nothing in the bucket, and nothing behind it.
    is_absent: bool,
    key_type: u32,
    class: u32,
    domain: u32,
    prefix: u32,
    prefix_len: u8,
    rest: u32,
    rest_len: u8,
    /// Last byte of the rest, which may stand in another cache line than its length.
    rest_last: u8,
    suffix: u32,
    validity: u32,
    holder: u32,
    from_ms: i64,
    to_ms: i64,
}

impl Probe {
    /// A probe that has not begun.
    pub const EMPTY: Self = Self {
        hash: 0,
        row: NONE,
        is_absent: false,
        key_type: 0,
        class: 0,
        domain: 0,
        prefix: 0,
        prefix_len: 0,
        rest: 0,
        rest_len: 0,
        rest_last: 0,
        suffix: 0,
        validity: 0,
        holder: 0,
        from_ms: i64::MIN,
        to_ms: i64::MAX,
    };
}

impl Probe {
    /// Row of the identity that the candidate names, or a code of `KeyRow::holder`: not compared yet, so
    /// good for nothing but to fetch it.
    #[must_use]
    #[inline]
    pub const fn likely_holder(&self) -> u32 {
        self.holder
    }
}

impl Default for Probe {
    fn default() -> Self {
        Self::EMPTY
    }
}

/// The sections that a lookup reads.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a lookup reads these sections in every version of the format"
)]
pub struct Finder<'a> {
    /// Index buckets.
    pub buckets: Part<'a, ArchivedBucketRow>,
    /// Keys.
    pub keys: Part<'a, ArchivedKeyRow>,
    /// Key classes.
    pub classes: Part<'a, ArchivedKeyClassRow>,
    /// Validity intervals.
    pub validity: Part<'a, ArchivedValidityRow>,
    /// Texts.
    pub text: Part<'a, u8>,
    /// Seed of the hash.
    pub seed: u64,
    /// Most buckets read after the first.
    pub longest_probe: u16,
}

impl<'a> Finder<'a> {
    /// Looks a key up.
    #[must_use]
    pub fn find(&self, query: &Query<'_>, seen: Seen<'_>) -> Found {
        let mut probe = self.begin(query);
        self.advance(core::slice::from_mut(&mut probe), seen);
        self.finish(query, &probe, seen)
    }

    /// Begins a lookup: the hash. Nothing is read of the snapshot.
    #[must_use]
    #[inline]
    pub fn begin(&self, query: &Query<'_>) -> Probe {
        Probe {
            hash: query.hash(self.seed),
            ..Probe::EMPTY
        }
    }

    /// Takes lookups that have begun as far as the comparison, all of them one step at a time, so that
    /// what one waits for is fetched while the others' steps are taken. [`GROUP`] at once is best.
    #[inline(never)]
    pub fn advance(&self, probes: &mut [Probe], seen: Seen<'_>) {
        for probe in probes.iter_mut() {
            self.read_bucket(probe, seen);
        }
        for probe in probes.iter_mut() {
            self.read_row(probe, seen);
        }
        for probe in probes.iter_mut() {
            self.read_class(probe, seen);
        }
        for probe in probes.iter_mut() {
            self.read_validity(probe, seen);
        }
    }

    /// Ends a lookup that was advanced, with the query that it began with.
    #[must_use]
    #[inline(never)]
    pub fn finish(&self, query: &Query<'_>, probe: &Probe, seen: Seen<'_>) -> Found {
        if probe.row != NONE && self.is_key(query, probe, seen) == Some(true) {
            Found::Row {
                holder: probe.holder,
                from_ms: probe.from_ms,
                to_ms: probe.to_ms,
            }
        } else if probe.is_absent {
            Found::Absent
        } else {
            // Also a tag that another key has, which is one probe in thousands.
            Found::Unsure
        }
    }

    /// Reads a word of the first bucket of each hash, so that all of them are fetched together.
    #[inline]
    pub fn touch(&self, hashes: impl Iterator<Item = u64>) {
        let buckets = self.buckets.rows.len() as u32;
        let words = hashes.map(|hash| {
            let bucket = self.buckets.get(hash::home_bucket(hash, buckets), None);
            bucket.map_or(0, |bucket| bucket.overflow.to_native())
        });
        core::hint::black_box(words.fold(0, |all, word| all | word));
    }

    /// Whether the probe of a hash meets a key row within its bound. What has been checked does not
    /// matter here: this is for whoever reads everything.
    #[must_use]
    #[inline]
    pub fn leads_to(&self, hash: u64, row: u32) -> bool {
        let buckets = self.buckets.rows.len() as u32;
        let mut number = hash::home_bucket(hash, buckets);
        for _ in 0..=self.longest_probe {
            let Some(bucket) = self.buckets.get(number, None) else {
                return false;
            };
            let mut slots = matches(&bucket.tags, hash::tag(hash));
            while slots != 0 {
                if slot(bucket, slots) == row {
                    return true;
                }
                slots &= slots - 1;
            }
            if bucket.overflow.to_native() == 0 {
                return false;
            }
            number = if number + 1 == buckets { 0 } else { number + 1 };
        }
        false
    }

    // The steps. Each reads what the one before has found a place for, and stores something of it: a
    // load whose value nobody needs would not be made.

    #[inline(always)]
    fn read_bucket(&self, probe: &mut Probe, seen: Seen<'_>) {
        let number = hash::home_bucket(probe.hash, self.buckets.rows.len() as u32);
        let Some(bucket) = self.buckets.get(number, seen) else {
            return;
        };
        let slots = matches(&bucket.tags, hash::tag(probe.hash));
        if slots != 0 {
            probe.row = slot(bucket, slots);
        } else {
            probe.is_absent = bucket.overflow.to_native() == 0;
            if !probe.is_absent {
                self.read_next_buckets(probe, seen);
            }
        }
    }

    /// The first candidate behind the first bucket: one key in 13 stands there.
    #[inline(never)]
    fn read_next_buckets(&self, probe: &mut Probe, seen: Seen<'_>) {
        let buckets = self.buckets.rows.len() as u32;
        let mut number = hash::home_bucket(probe.hash, buckets);
        for _ in 0..self.longest_probe {
            number = if number + 1 == buckets { 0 } else { number + 1 };
            let Some(bucket) = self.buckets.get(number, seen) else {
                return;
            };
            let slots = matches(&bucket.tags, hash::tag(probe.hash));
            if slots != 0 {
                probe.row = slot(bucket, slots);
                return;
            }
            if bucket.overflow.to_native() == 0 {
                break;
            }
        }
        probe.is_absent = true;
    }

    #[inline(always)]
    fn read_row(&self, probe: &mut Probe, seen: Seen<'_>) {
        if let Some(row) = self.keys.get(probe.row, seen) {
            probe.class = row.class.to_native();
            probe.rest = row.rest.to_native();
            probe.holder = row.holder.to_native();
        } else {
            probe.row = NONE;
        }
    }

    #[inline(always)]
    fn read_class(&self, probe: &mut Probe, seen: Seen<'_>) {
        if probe.row == NONE {
            return;
        }
        if let Some(class) = self.classes.get(probe.class, seen)
            && let Some(len) = self.text_len(probe.rest, seen)
        {
            probe.rest_len = len;
            probe.key_type = class.key_type.to_native();
            probe.domain = class.domain.to_native();
            probe.prefix = class.prefix.to_native();
            probe.suffix = class.suffix.to_native();
            probe.validity = class.validity.to_native();
        } else {
            probe.row = NONE;
        }
    }

    #[inline(always)]
    fn read_validity(&self, probe: &mut Probe, seen: Seen<'_>) {
        if probe.row == NONE {
            return;
        }
        let Some(len) = self.text_len(probe.prefix, seen) else {
            probe.row = NONE;
            return;
        };
        probe.prefix_len = len;
        let rest_end = probe.rest.saturating_add(u32::from(probe.rest_len));
        probe.rest_last = self.text.rows.get(rest_end as usize).copied().unwrap_or(0);
        // Half of the keys have none, at random: row 0 is read then, so that no guess goes wrong
        // while memory is waited for.
        let is_limited = probe.validity != 0;
        let (from_ms, to_ms) = match self.validity.get(probe.validity, seen) {
            Some(row) => (row.from_ms.to_native(), row.to_ms.to_native()),
            None => {
                if is_limited {
                    probe.row = NONE;
                }
                (i64::MIN, i64::MAX)
            }
        };
        probe.from_ms = if is_limited { from_ms } else { i64::MIN };
        probe.to_ms = if is_limited { to_ms } else { i64::MAX };
    }

    /// Compares the whole stored key; `None` when it cannot be read here.
    #[inline(always)]
    fn is_key(&self, query: &Query<'_>, probe: &Probe, seen: Seen<'_>) -> Option<bool> {
        let suffix_len = self.text_len(probe.suffix, seen)?;
        let domain_len = self.text_len(probe.domain, seen)?;
        let (prefix_len, rest_len) = (usize::from(probe.prefix_len), usize::from(probe.rest_len));
        let len = prefix_len + rest_len + usize::from(suffix_len);
        if probe.key_type != u32::from(query.key_type)
            || usize::from(domain_len) != query.domain.len()
            || len != query.value.len()
        {
            return Some(false);
        }
        let (prefix, value) = query.value.split_at_checked(prefix_len)?;
        let (rest, suffix) = value.split_at_checked(rest_len)?;
        Some(
            rest.last().is_none_or(|last| *last == probe.rest_last)
                && same(self.text(probe.rest, rest_len, seen)?, rest)
                && same(self.text(probe.prefix, prefix_len, seen)?, prefix)
                && same(self.text(probe.suffix, suffix.len(), seen)?, suffix)
                && same(
                    self.text(probe.domain, query.domain.len(), seen)?,
                    query.domain,
                ),
        )
    }

    /// Length of a text, if one byte holds it.
    #[inline(always)]
    fn text_len(&self, at: u32, seen: Seen<'_>) -> Option<u8> {
        match self.text.get(at, seen) {
            // As above: a zero stands at offset 0.
            Some(len) => Some(if at == 0 { 0 } else { *len }).filter(|len| *len < 0x80),
            None => (at == 0).then_some(0),
        }
    }

    /// The bytes of a text of this length.
    #[inline(always)]
    fn text(&self, at: u32, len: usize, seen: Seen<'_>) -> Option<&'a [u8]> {
        if len == 0 {
            return Some(&[]);
        }
        let text = self.text.rows.get(at as usize..)?.get(1..)?.get(..len)?;
        self.text
            .is_seen(at as usize, len + 1, seen)
            .then_some(text)
    }
}

/// Which slots have the tag: of slot `4 × n + k`, bit `16 × k + n`.
#[inline(always)]
fn matches(tags: &[u32_le; 5], tag: u16) -> u64 {
    let [a, b, c, d, e] = tags.map(|word| u64::from(word.to_native()));
    let wanted = u64::from(tag) * 0x0001_0001_0001_0001;
    // The highest bit of each half that is zero.
    let zeros = |word: u64| {
        const LOW: u64 = 0x7FFF_7FFF_7FFF_7FFF;
        !(((word & LOW) + LOW) | word | LOW)
    };
    (zeros((a | b << 32) ^ wanted) >> 15)
        | (zeros((c | d << 32) ^ wanted) >> 14)
        | (zeros(e ^ wanted) & 0x8000_8000) >> 13
}

/// Key row in the first of these slots.
#[inline(always)]
fn slot(bucket: &ArchivedBucketRow, slots: u64) -> u32 {
    let bit = slots.trailing_zeros();
    let slot = 4 * (bit & 15) + (bit >> 4);
    bucket
        .slots
        .get(slot as usize)
        .map_or(NONE, |row| row.to_native())
}

/// Whether two texts are the same, in steps of a register and not of a byte.
#[inline(always)]
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && (a.is_empty() || same_bytes(a, b))
}

#[inline(never)]
fn same_bytes(a: &[u8], b: &[u8]) -> bool {
    let equal = |(a, b): (&[u8; 8], &[u8; 8])| u64::from_ne_bytes(*a) == u64::from_ne_bytes(*b);
    if let Some(ends) = a.last_chunk().zip(b.last_chunk()) {
        a.as_chunks().0.iter().zip(b.as_chunks().0).all(equal) && equal(ends)
    } else {
        a.iter().eq(b)
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn every_slot_shows_its_tag_and_no_other() {
        for slot_number in 0..10_usize {
            for other in [0_u16, 1, 0x7FFF, 0x8000, 0xFFFF] {
                let tag = 0x8001_u16;
                let mut halves = [other; 10];
                halves[slot_number] = tag;
                let mut tags = [0_u32; 5];
                for (at, half) in halves.iter().enumerate() {
                    tags[at / 2] |= u32::from(*half) << (16 * (at % 2));
                }
                let bucket = ArchivedBucketRow {
                    tags: tags.map(u32_le::from_native),
                    slots: core::array::from_fn(|at| u32_le::from_native(at as u32)),
                    overflow: u32_le::from_native(0),
                };
                let found = matches(&bucket.tags, tag);
                assert_eq!(
                    found.count_ones(),
                    1,
                    "slot {slot_number}, others {other:#x}"
                );
                assert_eq!(slot(&bucket, found), slot_number as u32);
            }
        }
    }

    #[test]
    fn texts_are_the_same_when_every_byte_is() {
        let text: Vec<u8> = (0..70).collect();
        for len in 0..=text.len() {
            let a = &text[..len];
            assert!(same(a, a));
            assert!(!same(a, &text[..len.saturating_sub(1)]) || len == 0);
            for at in 0..len {
                let mut b = a.to_vec();
                b[at] ^= 0x80;
                assert!(!same(a, &b), "byte {at} of {len}");
            }
        }
    }
}
