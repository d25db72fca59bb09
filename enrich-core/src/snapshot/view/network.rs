//! Named networks: which of them hold an address.

use core::net::IpAddr;

use rkyv::rend::u32_le;

use super::super::Snapshot;
use crate::vocabulary::NetworkKind;

impl<'a> Snapshot<'a> {
    /// The named networks that an address lies in, the most specific first.
    #[must_use]
    pub fn networks_of(&self, address: IpAddr) -> Networks<'_, 'a> {
        let list = match address.to_canonical() {
            IpAddr::V4(v4) => {
                let (wanted, table) = (v4.to_bits(), self.tables.ranges_v4);
                let row = |number| self.row(table, number);
                first_not(table.len(), &|number| {
                    row(number).is_some_and(|row| row.first.to_native() <= wanted)
                })
                .checked_sub(1)
                .and_then(row)
                .filter(|row| wanted <= row.last.to_native())
                .map(|row| row.networks)
            }
            IpAddr::V6(v6) => {
                let (wanted, table) = (v6.to_bits(), self.tables.ranges_v6);
                let row = |number| self.row(table, number);
                first_not(table.len(), &|number| {
                    row(number).is_some_and(|row| words(&row.first) <= wanted)
                })
                .checked_sub(1)
                .and_then(row)
                .filter(|row| wanted <= words(&row.last))
                .map(|row| row.networks)
            }
        };
        Networks {
            snapshot: self,
            rows: list.map_or(&[], |list| self.list(list.to_native())),
        }
    }
}

/// The first row of a sorted table for which something does not hold; it holds for those before.
pub(super) fn first_not(len: usize, holds: &dyn Fn(u32) -> bool) -> u32 {
    let (mut low, mut high) = (0_u32, len as u32);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
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
