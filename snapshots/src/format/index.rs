//! The index: 64-byte buckets of ten 16-bit tags and ten key rows, filled by linear probing.

use enrich_core::hash;
use enrich_core::snapshot::schema::{BUCKET_SLOTS, BucketRow};

/// Mean number of keys in a bucket: 64 bytes for 8 keys are 8 bytes a key.
const KEYS_PER_BUCKET: usize = 8;
/// A probe never reads more buckets than this after its first.
const LONGEST_PROBE: u32 = 64;

/// A filled index.
#[derive(Debug)]
pub(super) struct Index {
    pub(super) seed: u64,
    pub(super) longest_probe: u16,
    pub(super) buckets: Vec<BucketRow>,
}

/// Builds the index. `hash_of` hashes key row `n` with a seed. The first seed comes from the
/// content; another is tried in the rare case that a probe grows too long, and then more buckets.
pub(super) fn build(keys: usize, first_seed: u64, hash_of: impl Fn(usize, u64) -> u64) -> Index {
    let mut buckets = keys.div_ceil(KEYS_PER_BUCKET).max(1);
    let mut seed = first_seed;
    loop {
        for _ in 0..8 {
            if let Some(index) = fill(keys, buckets, seed, &hash_of) {
                return index;
            }
            seed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        }
        buckets += buckets.div_ceil(8);
    }
}

fn fill(
    keys: usize,
    count: usize,
    seed: u64,
    hash_of: &impl Fn(usize, u64) -> u64,
) -> Option<Index> {
    let mut buckets = vec![BucketRow::default(); count];
    let mut used = vec![0_u8; count];
    let mut longest = 0_u32;
    for key in 0..keys {
        let hash = hash_of(key, seed);
        let mut number = hash::home_bucket(hash, count as u32) as usize;
        let mut step = 0_u32;
        while usize::from(used[number]) == BUCKET_SLOTS {
            step += 1;
            if step > LONGEST_PROBE.min(count as u32 - 1) {
                return None;
            }
            buckets[number].overflow += 1;
            number = if number + 1 == count { 0 } else { number + 1 };
        }
        let slot = usize::from(used[number]);
        let tag = u32::from(hash::tag(hash));
        buckets[number].tags[slot / 2] |= tag << (16 * (slot % 2));
        buckets[number].slots[slot] = key as u32;
        used[number] += 1;
        longest = longest.max(step);
    }
    Some(Index {
        seed,
        longest_probe: longest as u16,
        buckets,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_stands_within_the_longest_probe() {
        for keys in [0_usize, 1, 7, 8, 9, 100, 10_000] {
            let hash_of =
                |key: usize, seed| hash::key_hash(seed, 1, b"", &(key as u64).to_le_bytes());
            let index = build(keys, 42, hash_of);
            let count = index.buckets.len();
            for key in 0..keys {
                let hash = hash_of(key, index.seed);
                let home = hash::home_bucket(hash, count as u32) as usize;
                let step = (0..=usize::from(index.longest_probe)).position(|step| {
                    index.buckets[(home + step) % count]
                        .slots
                        .contains(&(key as u32))
                });
                assert!(step.is_some(), "key {key} of {keys}");
            }
            assert!(
                count * 64 <= (keys * 8).max(64) + 64,
                "{count} buckets for {keys} keys"
            );
        }
    }
}
