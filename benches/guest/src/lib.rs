//! The bare lookup: loops over packed queries, the same natively and in a module.
//!
//! Each loop returns a checksum of what it found, so that nothing is optimised away and so that all of
//! them can be held against each other.

#[cfg(target_arch = "wasm32")]
pub mod exports;
mod queries;

use enrich_core::snapshot::Probe;
use enrich_core::{Key, Snapshot};
use rkyv::collections::swiss_table::ArchivedHashMap;
use rkyv::rend::u32_le;
use rkyv::string::ArchivedString;

pub use queries::{Pack, Queries};

/// rkyv's own map, as it lies in an archive.
pub type Map = ArchivedHashMap<ArchivedString, u32_le>;

/// Lookups that are done together.
const TOGETHER: usize = 16;

/// How the queries of a pass follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Mode {
    /// One after the other, independent of each other: a processor works on several at once.
    Single = 0,
    /// Which query is next depends on the answer before: the time that one lookup takes.
    Dependent = 1,
    /// rkyv's map, one after the other.
    Rkyv = 2,
    /// Groups of queries, of which each stage is done for all before the next one begins.
    Grouped = 3,
}

impl Mode {
    /// The mode of a number.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::Single,
            1 => Self::Dependent,
            2 => Self::Rkyv,
            3 => Self::Grouped,
            _ => return None,
        })
    }
}

/// What one answer adds to the checksum.
const fn worth(identity: u32) -> u64 {
    identity as u64 + 1
}

/// Every query once, independent of each other.
#[must_use]
pub fn single(snapshot: &Snapshot<'_>, queries: &Queries) -> u64 {
    let mut sum = 0;
    for number in 0..queries.len() {
        snapshot.holders(&queries.key(number), |holder| sum += worth(holder.identity));
    }
    sum
}

/// Every query once; the next one is known only when the answer is.
#[must_use]
pub fn dependent(snapshot: &Snapshot<'_>, queries: &Queries) -> u64 {
    chain(queries, |number| {
        let mut found = 0;
        snapshot.holders(&queries.key(number), |holder| {
            found = worth(holder.identity)
        });
        found
    })
}

/// Every query once, sixteen at a time: what one waits for is fetched while the others take their step.
#[must_use]
pub fn grouped(snapshot: &Snapshot<'_>, queries: &Queries) -> u64 {
    let mut sum = 0;
    let mut probes = [Probe::EMPTY; TOGETHER];
    let mut keys = [queries.key(0); TOGETHER];
    for from in (0..queries.len()).step_by(TOGETHER) {
        let count = TOGETHER.min(queries.len() - from);
        for (number, key) in (from..).zip(&mut keys[..count]) {
            *key = queries.key(number);
        }
        snapshot.probe(&keys[..count], &mut probes);
        for (key, probe) in keys[..count].iter().zip(&probes) {
            snapshot.holders_probed(key, probe, |holder| sum += worth(holder.identity));
        }
    }
    sum
}

/// Asks for every query in turn, where the place of each comes out of the answer before.
pub fn chain(queries: &Queries, mut ask: impl FnMut(usize) -> u64) -> u64 {
    let (mut sum, mut at) = (0, 0);
    while at < queries.len() {
        let found = ask(at);
        sum += found;
        // No snapshot has 2^40 identities, which nobody told the processor.
        at += 1 + (found >> 40) as usize;
    }
    sum
}

/// Every query once, of rkyv's map.
#[must_use]
pub fn of_rkyv(map: &Map, queries: &Queries) -> u64 {
    (0..queries.len())
        .filter_map(|number| map.get(queries.text(number)))
        .map(|identity| worth(identity.to_native()))
        .sum()
}

/// A key as the snapshots know it, and as one text for the maps.
#[must_use]
pub fn text_of(key: &Key<'_>) -> String {
    format!("{}{}", key.domain, key.value)
}
