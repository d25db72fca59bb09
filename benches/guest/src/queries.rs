//! Queries in one piece of memory: a table of numbers, then one text.

use enrich_core::{Key, KeyType};

/// Bytes of a query in the table: place in the text, length of domain and value, type.
const ROW: usize = 12;

#[derive(Clone, Copy, Debug)]
struct Row {
    at: u32,
    domain: u16,
    value: u16,
    key_type: KeyType,
}

/// Queries that were packed by [`Pack`].
#[derive(Debug)]
pub struct Queries {
    rows: Vec<Row>,
    text: &'static str,
}

impl Queries {
    /// Takes packed queries apart; `None` when they are not packed.
    #[must_use]
    pub fn new(bytes: &'static [u8]) -> Option<Self> {
        let (count, rest) = bytes.split_first_chunk::<4>()?;
        let count = u32::from_le_bytes(*count) as usize;
        let (table, text) = rest.split_at_checked(count.checked_mul(ROW)?)?;
        let text = core::str::from_utf8(text).ok()?;
        let rows = table.chunks_exact(ROW).map(|row| {
            let row: &[u8; ROW] = row.try_into().ok()?;
            let [a, b, c, d, e, f, g, h, key_type, ..] = *row;
            Some(Row {
                at: u32::from_le_bytes([a, b, c, d]),
                domain: u16::from_le_bytes([e, f]),
                value: u16::from_le_bytes([g, h]),
                key_type: KeyType::from_code(key_type)?,
            })
        });
        Some(Self {
            rows: rows.collect::<Option<_>>()?,
            text,
        })
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Domain and value in one, as the maps have them.
    ///
    /// # Panics
    /// When there are fewer.
    #[inline]
    #[must_use]
    pub fn text(&self, number: usize) -> &'static str {
        let row = self.rows[number];
        let at = row.at as usize;
        &self.text[at..at + usize::from(row.domain) + usize::from(row.value)]
    }

    /// One of them.
    ///
    /// # Panics
    /// When there are fewer.
    #[inline]
    #[must_use]
    pub fn key(&self, number: usize) -> Key<'static> {
        let row = self.rows[number];
        let (domain, value) = self.text(number).split_at(usize::from(row.domain));
        Key::new(row.key_type, domain, value)
    }
}

/// Packs queries.
#[derive(Debug, Default)]
pub struct Pack {
    table: Vec<u8>,
    text: String,
}

impl Pack {
    /// Adds one.
    ///
    /// # Panics
    /// When all texts together do not fit 4 GiB.
    pub fn push(&mut self, key_type: KeyType, domain: &str, value: &str) {
        let at = u32::try_from(self.text.len()).expect("fits");
        self.table.extend_from_slice(&at.to_le_bytes());
        for part in [domain, value] {
            let len = u16::try_from(part.len()).expect("a key is shorter");
            self.table.extend_from_slice(&len.to_le_bytes());
            self.text.push_str(part);
        }
        self.table.extend_from_slice(&[key_type.code(), 0, 0, 0]);
    }

    /// The bytes.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        let count = (self.table.len() / ROW) as u32;
        [&count.to_le_bytes()[..], &self.table, self.text.as_bytes()].concat()
    }
}
