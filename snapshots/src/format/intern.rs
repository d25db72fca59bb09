//! Interning: each distinct text, list and row is stored once.

use std::hash::{BuildHasher, Hash};

use hashbrown::{DefaultHashBuilder, HashTable};

use super::BuildError;

// The tables of known values hold places in the section, not copies of what stands there: a large
// inventory has more texts than anything else.

/// Longest text of the format: a length takes at most two bytes here, three in the format.
pub(super) const MAX_TEXT: usize = 16_383;

/// The text section.
#[derive(Debug)]
pub(super) struct Texts {
    heap: Vec<u8>,
    known: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Texts {
    pub(super) fn new() -> Self {
        // Offset 0 means absent; a zero length stands there.
        Self {
            heap: vec![0],
            known: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
        }
    }

    /// The offset of a text; 0 for the empty one.
    pub(super) fn add(&mut self, text: &str) -> Result<u32, BuildError> {
        if text.is_empty() {
            return Ok(0);
        }
        let hash = self.hasher.hash_one(text.as_bytes());
        let heap = &self.heap;
        if let Some(at) = self
            .known
            .find(hash, |at| stored(heap, *at) == text.as_bytes())
        {
            return Ok(*at);
        }
        if text.len() > MAX_TEXT {
            return Err(BuildError::TextTooLong {
                len: text.len(),
                limit: MAX_TEXT,
                start: text.chars().take(40).collect(),
            });
        }
        let at = super::fit("bytes of text", self.heap.len())?;
        let mut len = text.len();
        loop {
            let byte = (len & 0x7F) as u8;
            len >>= 7;
            self.heap.push(if len == 0 { byte } else { byte | 0x80 });
            if len == 0 {
                break;
            }
        }
        self.heap.extend_from_slice(text.as_bytes());
        let (heap, hasher) = (&self.heap, &self.hasher);
        self.known
            .insert_unique(hash, at, |at| hasher.hash_one(stored(heap, *at)));
        Ok(at)
    }

    pub(super) fn option(&mut self, text: Option<&str>) -> Result<u32, BuildError> {
        self.add(text.unwrap_or(""))
    }

    /// The text at an offset that [`Self::add`] gave.
    pub(super) fn get(&self, at: u32) -> &[u8] {
        stored(&self.heap, at)
    }

    pub(super) fn into_heap(self) -> Vec<u8> {
        self.heap
    }
}

/// The text that stands at a place of the heap.
fn stored(heap: &[u8], at: u32) -> &[u8] {
    let mut rest = heap.get(at as usize..).unwrap_or(&[]);
    let (mut len, mut shift) = (0_usize, 0);
    while let Some((byte, more)) = rest.split_first() {
        len |= usize::from(byte & 0x7F) << shift;
        shift += 7;
        rest = more;
        if byte & 0x80 == 0 {
            break;
        }
    }
    rest.get(..len).unwrap_or(&[])
}

/// The list section.
#[derive(Debug)]
pub(super) struct Lists {
    numbers: Vec<u32>,
    known: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Lists {
    pub(super) fn new() -> Self {
        Self {
            numbers: vec![0],
            known: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
        }
    }

    /// The offset of a list; 0 for the empty one.
    pub(super) fn add(&mut self, list: Vec<u32>) -> Result<u32, BuildError> {
        if list.is_empty() {
            return Ok(0);
        }
        let hash = self.hasher.hash_one(list.as_slice());
        let numbers = &self.numbers;
        if let Some(at) = self
            .known
            .find(hash, |at| listed(numbers, *at) == list.as_slice())
        {
            return Ok(*at);
        }
        let at = super::fit("list entries", self.numbers.len())?;
        self.numbers
            .push(super::fit("entries of one list", list.len())?);
        self.numbers.extend_from_slice(&list);
        let (numbers, hasher) = (&self.numbers, &self.hasher);
        self.known
            .insert_unique(hash, at, |at| hasher.hash_one(listed(numbers, *at)));
        Ok(at)
    }

    pub(super) fn into_numbers(self) -> Vec<u32> {
        self.numbers
    }
}

/// The list that stands at a place.
fn listed(numbers: &[u32], at: u32) -> &[u32] {
    let rest = numbers.get(at as usize..).unwrap_or(&[]);
    match rest.split_first() {
        Some((len, rest)) => rest.get(..*len as usize).unwrap_or(&[]),
        None => &[],
    }
}

/// A table whose distinct rows are stored once. Row 0 stands for absent.
#[derive(Debug)]
pub(super) struct Rows<R> {
    rows: Vec<R>,
    known: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl<R: Copy + Default + Eq + Hash> Rows<R> {
    /// A table whose row 0 is the default row, which stands for absent.
    pub(super) fn new() -> Self {
        let mut out = Self {
            rows: Vec::new(),
            known: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
        };
        // One row always fits.
        let _ = out.add(R::default());
        out
    }

    /// The number of a row.
    pub(super) fn add(&mut self, row: R) -> Result<u32, BuildError> {
        let hash = self.hasher.hash_one(row);
        let rows = &self.rows;
        if let Some(number) = self
            .known
            .find(hash, |number| rows.get(*number as usize) == Some(&row))
        {
            return Ok(*number);
        }
        let number = super::fit("rows of one table", self.rows.len())?;
        self.rows.push(row);
        let (rows, hasher) = (&self.rows, &self.hasher);
        self.known.insert_unique(hash, number, |number| {
            hasher.hash_one(rows[*number as usize])
        });
        Ok(number)
    }

    pub(super) fn into_rows(self) -> Vec<R> {
        self.rows
    }
}
