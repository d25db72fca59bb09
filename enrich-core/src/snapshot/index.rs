//! The index: from a key to its candidates in one cache line, usually.

use key_index::find::{Found, GROUP, Probe};

use super::Snapshot;
use super::schema::{ArchivedBucketRow, ArchivedKeyClassRow, ArchivedKeyRow, NOBODY, SHARED};
use crate::hash;
use crate::key::Key;

/// An identity that a key leads to, and when it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Candidate {
    /// Row of the identity.
    pub identity: u32,
    /// Inclusive, milliseconds since 1970; `i64::MIN` when unknown.
    pub valid_from_ms: i64,
    /// Exclusive; `i64::MAX` when still valid.
    pub valid_to_ms: i64,
}

/// What a key leads to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Candidates<'a> {
    /// The key is not in the snapshot.
    Absent,
    /// The key is in the snapshot and belongs to nobody (overlays only).
    Nobody,
    /// One identity.
    One(Candidate),
    /// Several, as rows of key holders.
    Many(&'a [rkyv::rend::u32_le]),
}

impl<'a> Snapshot<'a> {
    /// The identities that a key leads to, at any time. The key is folded already.
    pub fn holders(&self, key: &Key<'_>, f: impl FnMut(Candidate)) {
        self.for_each_candidate(self.find(key), f);
    }

    /// Begins the lookups of many keys, whose probes [`Self::holders_probed`] ends. The keys are
    /// folded already. Of the keys and probes, the longer list keeps its rest untouched.
    ///
    /// In a large snapshot a lookup waits for memory four times; here up to 16 wait together. The
    /// answers are those of [`Self::holders`].
    pub fn probe(&self, keys: &[Key<'_>], probes: &mut [Probe]) {
        for (keys, probes) in keys.chunks(GROUP).zip(probes.chunks_mut(GROUP)) {
            for (key, probe) in keys.iter().zip(probes.iter_mut()) {
                *probe = self.finder.begin(&key.query());
            }
            if let Some(probes) = probes.get_mut(..keys.len().min(probes.len())) {
                self.finder.advance(probes, self.seen());
            }
        }
    }

    /// As [`Self::holders`], for a key whose probe [`Self::probe`] of this snapshot has begun.
    pub fn holders_probed(&self, key: &Key<'_>, probe: &Probe, f: impl FnMut(Candidate)) {
        self.for_each_candidate(self.find_probed(key, probe), f);
    }

    /// What a key leads to. The key is folded already.
    pub(crate) fn find(&self, key: &Key<'_>) -> Candidates<'a> {
        let found = self.finder.find(&key.query(), self.seen());
        self.settle(key, found)
    }

    /// What a key leads to whose probe [`Self::probe`] has begun.
    pub(crate) fn find_probed(&self, key: &Key<'_>, probe: &Probe) -> Candidates<'a> {
        let found = self.finder.finish(&key.query(), probe, self.seen());
        self.settle(key, found)
    }

    fn settle(&self, key: &Key<'_>, found: Found) -> Candidates<'a> {
        match found {
            Found::Absent => Candidates::Absent,
            Found::Row {
                holder,
                from_ms,
                to_ms,
            } => self.candidates(Candidate {
                identity: holder,
                valid_from_ms: from_ms,
                valid_to_ms: to_ms,
            }),
            Found::Unsure => self.find_carefully(key),
        }
    }

    /// As [`Self::find`], where a text is long, a reference leads nowhere or a chunk is not checked yet.
    #[cold]
    #[inline(never)]
    fn find_carefully(&self, key: &Key<'_>) -> Candidates<'a> {
        let index = self.tables.index;
        let buckets = index.len() as u32;
        if buckets == 0 {
            return Candidates::Absent;
        }
        let hash = key.hash(self.header.index_seed);
        let tag = hash::tag(hash);
        let mut number = hash::home_bucket(hash, buckets);
        for _ in 0..=self.header.longest_probe {
            let Some(bucket) = self.row(index, number) else {
                return Candidates::Absent;
            };
            for (slot, row) in bucket.slots.iter().enumerate() {
                if tag_at(bucket, slot) == tag
                    && let Some(candidates) = self.confirm(key, row.to_native())
                {
                    return candidates;
                }
            }
            if bucket.overflow.to_native() == 0 {
                break;
            }
            number = if number + 1 == buckets { 0 } else { number + 1 };
        }
        Candidates::Absent
    }

    /// Compares the whole stored key.
    fn confirm(&self, key: &Key<'_>, number: u32) -> Option<Candidates<'a>> {
        let row = self.row(self.tables.keys, number)?;
        let class = self.row(self.tables.key_classes, row.class.to_native())?;
        self.key_equals(key, row, class).then(|| {
            self.candidates(self.candidate(row.holder.to_native(), class.validity.to_native()))
        })
    }

    fn key_equals(&self, key: &Key<'_>, row: &ArchivedKeyRow, class: &ArchivedKeyClassRow) -> bool {
        let value = key.value.as_bytes();
        class.key_type.to_native() == u32::from(key.key_type.code())
            && self.text_bytes(class.domain.to_native()) == key.domain.as_bytes()
            && value
                .strip_prefix(self.text_bytes(class.prefix.to_native()))
                .and_then(|rest| rest.strip_suffix(self.text_bytes(class.suffix.to_native())))
                == Some(self.text_bytes(row.rest.to_native()))
    }

    fn candidates(&self, candidate: Candidate) -> Candidates<'a> {
        let holder = candidate.identity;
        if holder == NOBODY {
            Candidates::Nobody
        } else if holder & SHARED != 0 {
            Candidates::Many(self.list(holder & !SHARED))
        } else {
            Candidates::One(candidate)
        }
    }

    fn candidate(&self, identity: u32, validity: u32) -> Candidate {
        let row = if validity == 0 {
            None
        } else {
            self.row(self.tables.validity, validity)
        };
        Candidate {
            identity,
            valid_from_ms: row.map_or(i64::MIN, |row| row.from_ms.to_native()),
            valid_to_ms: row.map_or(i64::MAX, |row| row.to_ms.to_native()),
        }
    }

    /// Whether a key is taken from whoever holds it in the layers below.
    pub(crate) fn takes_from_below(&self, candidates: Candidates<'a>) -> bool {
        match candidates {
            Candidates::Nobody => true,
            Candidates::Many(rows) => rows.iter().any(|number| {
                self.row(self.tables.key_holders, number.to_native())
                    .is_some_and(|row| row.identity.to_native() == NOBODY)
            }),
            Candidates::Absent | Candidates::One(_) => false,
        }
    }

    /// Calls `f` with each candidate.
    pub(crate) fn for_each_candidate(
        &self,
        candidates: Candidates<'a>,
        mut f: impl FnMut(Candidate),
    ) {
        match candidates {
            Candidates::Absent | Candidates::Nobody => {}
            Candidates::One(candidate) => f(candidate),
            Candidates::Many(rows) => {
                for number in rows {
                    if let Some(row) = self.row(self.tables.key_holders, number.to_native())
                        && row.identity.to_native() != NOBODY
                    {
                        f(self.candidate(row.identity.to_native(), row.validity.to_native()));
                    }
                }
            }
        }
    }
}

/// The tag of a slot; two stand in each word.
#[inline]
pub(crate) fn tag_at(bucket: &ArchivedBucketRow, slot: usize) -> u16 {
    let word = bucket.tags.get(slot / 2).map_or(0, |word| word.to_native());
    (word >> (16 * (slot % 2))) as u16
}
