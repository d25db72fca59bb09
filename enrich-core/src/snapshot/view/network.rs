//! Named networks: which of them hold an address.

use core::net::IpAddr;

use rkyv::rend::u32_le;

use super::super::{Snapshot, Table};
use crate::vocabulary::NetworkKind;

impl<'a> Snapshot<'a> {
    /// The named networks that an address lies in, the most specific first.
    #[must_use]
    pub fn networks_of(&self, address: IpAddr) -> Networks<'_, 'a> {
        let list = match address.to_canonical() {
            IpAddr::V4(v4) => {
                let wanted = v4.to_bits();
                self.last_before(self.tables.ranges_v4, |row| row.first.to_native() <= wanted)
                    .filter(|(_, row)| wanted <= row.last.to_native())
                    .map(|(_, row)| row.networks)
            }
            IpAddr::V6(v6) => {
                let bits = v6.to_bits();
                self.last_before(self.tables.ranges_v6, |row| words(&row.first) <= bits)
                    .filter(|(_, row)| bits <= words(&row.last))
                    .map(|(_, row)| row.networks)
            }
        };
        Networks {
            snapshot: self,
            rows: list.map_or(&[], |list| self.list(list.to_native())),
        }
    }

    /// The last row, and its number, of those at the start of a sorted table of which something holds.
    pub(super) fn last_before<R>(
        &self,
        table: Table<'a, R>,
        holds: impl Fn(&R) -> bool,
    ) -> Option<(u32, &'a R)> {
        let (mut low, mut high) = (0_u32, table.len() as u32);
        while low < high {
            let middle = low + (high - low) / 2;
            if holds(self.row(table, middle)?) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let last = low.checked_sub(1)?;
        Some((last, self.row(table, last)?))
    }
}

/// 128 bits from four words, most significant first.
pub(crate) fn words(words: &[u32_le; 4]) -> u128 {
    words
        .iter()
        .fold(0, |bits, word| bits << 32 | u128::from(word.to_native()))
}

/// The named networks of an address.
#[derive(Clone, Copy, Debug)]
pub struct Networks<'s, 'a> {
    snapshot: &'s Snapshot<'a>,
    rows: &'a [u32_le],
}

impl<'s> Networks<'s, '_> {
    /// Name and kind of each, the most specific first.
    pub fn iter(&self) -> impl Iterator<Item = (&'s str, NetworkKind)> + '_ {
        self.rows.iter().filter_map(|number| {
            let row = self
                .snapshot
                .row(self.snapshot.tables.networks, number.to_native())?;
            let kind =
                NetworkKind::from_code(row.kind.to_native() as u8).unwrap_or(NetworkKind::Other);
            Some((self.snapshot.text(row.name.to_native()), kind))
        })
    }
}
