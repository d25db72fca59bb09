//! The index, walked: every key is found by its own value, and nothing else is there.

use alloc::vec::Vec;

use super::{Checked, Walk, rows_of};
use crate::hash;
use crate::key::KeyType;
use crate::snapshot::index::tag_at;
use crate::snapshot::schema::{BUCKET_SLOTS, NOBODY, section};

/// Keys whose buckets are waited for together.
const GROUP: usize = 32;

/// Says that a key is lost.
const NOT_FOUND: &str = "key is not found by its own value";

impl Walk<'_, '_> {
    /// Every key is found by its own value, and the index holds nothing else.
    pub(super) fn index(&mut self) -> Checked {
        if self.part.0 == 0 {
            self.slots()?;
        }
        let tables = &self.snapshot.tables;
        self.section = section::KEYS;
        let numbers = rows_of(self.part, tables.keys.rows.len());
        let mut number = numbers.start as u32;
        let keys = tables.keys.rows.get(numbers).unwrap_or(&[]);
        let mut value = Vec::new();
        // Each key waits for its bucket, and the next ones meanwhile: their hashes come first.
        let mut wanted = [(0_u64, NOBODY); GROUP];
        for group in keys.chunks(GROUP) {
            for (row, wanted) in group.iter().zip(&mut wanted) {
                self.row = u64::from(number);
                let Some(class) = tables.key_classes.rows.get(row.class.to_native() as usize)
                else {
                    return self.fault("key class cannot be read");
                };
                // A newer minor may have more types; this core finds no key of them.
                let code = class.key_type.to_native();
                let is_known = KeyType::from_code(code as u8).is_some();
                self.holds(!is_known || code <= 0xFF, NOT_FOUND)?;
                *wanted = (0, NOBODY);
                if is_known {
                    value.clear();
                    for part in [class.prefix, row.rest, class.suffix] {
                        value.extend_from_slice(self.snapshot.text_bytes(part.to_native()));
                    }
                    let domain = self.snapshot.text_bytes(class.domain.to_native());
                    let seed = self.snapshot.header.index_seed;
                    *wanted = (hash::key_hash(seed, code as u8, domain, &value), number);
                }
                number += 1;
            }
            let wanted = wanted.get(..group.len()).unwrap_or(&[]);
            self.snapshot
                .finder
                .touch(wanted.iter().map(|(hash, _)| *hash));
            for (hash, row) in wanted {
                // A key that its probe meets is found: its row is what the probe compares.
                if *row != NOBODY && !self.snapshot.finder.leads_to(*hash, *row) {
                    self.row = u64::from(*row);
                    return self.fault(NOT_FOUND);
                }
            }
        }
        Ok(())
    }

    /// As many slots are taken as there are keys: with a slot for each key, none is left over.
    fn slots(&mut self) -> Checked {
        let tables = &self.snapshot.tables;
        let keys = tables.keys.len();
        self.section = section::INDEX;
        let mut slots = 0_usize;
        for (number, bucket) in (0_u64..).zip(tables.index.rows) {
            self.row = number;
            for slot in 0..BUCKET_SLOTS {
                if tag_at(bucket, slot) != 0 {
                    slots += 1;
                    let key = bucket.slots.get(slot).map_or(NOBODY, |key| key.to_native());
                    self.holds((key as usize) < keys, "slot names a key past the end")?;
                }
            }
        }
        self.section = section::KEYS;
        self.holds(
            slots == keys,
            "index has another number of keys than the key table",
        )
    }
}
