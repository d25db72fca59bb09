//! Interning: each distinct text, list and row is stored once.

use std::collections::HashMap;
use std::hash::Hash;

use super::BuildError;

/// Longest text of the format: a length takes at most two bytes here, three in the format.
pub(super) const MAX_TEXT: usize = 16_383;

/// The text section.
#[derive(Debug)]
pub(super) struct Texts {
    heap: Vec<u8>,
    known: HashMap<String, u32>,
}

impl Texts {
    pub(super) fn new() -> Self {
        // Offset 0 means absent; a zero length stands there.
        Self {
            heap: vec![0],
            known: HashMap::new(),
        }
    }

    /// The offset of a text; 0 for the empty one.
    pub(super) fn add(&mut self, text: &str) -> Result<u32, BuildError> {
        if text.is_empty() {
            return Ok(0);
        }
        if let Some(at) = self.known.get(text) {
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
        self.known.insert(text.to_owned(), at);
        Ok(at)
    }

    pub(super) fn option(&mut self, text: Option<&str>) -> Result<u32, BuildError> {
        self.add(text.unwrap_or(""))
    }

    pub(super) fn into_heap(self) -> Vec<u8> {
        self.heap
    }
}

/// The list section.
#[derive(Debug)]
pub(super) struct Lists {
    numbers: Vec<u32>,
    known: HashMap<Vec<u32>, u32>,
}

impl Lists {
    pub(super) fn new() -> Self {
        Self {
            numbers: vec![0],
            known: HashMap::new(),
        }
    }

    /// The offset of a list; 0 for the empty one.
    pub(super) fn add(&mut self, list: Vec<u32>) -> Result<u32, BuildError> {
        if list.is_empty() {
            return Ok(0);
        }
        if let Some(at) = self.known.get(&list) {
            return Ok(*at);
        }
        let at = super::fit("list entries", self.numbers.len())?;
        self.numbers
            .push(super::fit("entries of one list", list.len())?);
        self.numbers.extend_from_slice(&list);
        self.known.insert(list, at);
        Ok(at)
    }

    pub(super) fn into_numbers(self) -> Vec<u32> {
        self.numbers
    }
}

/// A table whose distinct rows are stored once. Row 0 stands for absent.
#[derive(Debug)]
pub(super) struct Rows<R> {
    rows: Vec<R>,
    known: HashMap<R, u32>,
}

impl<R: Copy + Default + Eq + Hash> Rows<R> {
    /// A table whose row 0 is the default row, which stands for absent.
    pub(super) fn new() -> Self {
        let mut known = HashMap::new();
        known.insert(R::default(), 0);
        Self {
            rows: vec![R::default()],
            known,
        }
    }

    /// The number of a row.
    pub(super) fn add(&mut self, row: R) -> Result<u32, BuildError> {
        if let Some(number) = self.known.get(&row) {
            return Ok(*number);
        }
        let number = super::fit("rows of one table", self.rows.len())?;
        self.rows.push(row);
        self.known.insert(row, number);
        Ok(number)
    }

    pub(super) fn into_rows(self) -> Vec<R> {
        self.rows
    }
}
