//! The section directory: where each table lies, and whether it lies there at all.

use rkyv::Portable;
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::{Failure, Strategy};
use rkyv::validation::Validator;
use rkyv::validation::archive::ArchiveValidator;
use rkyv::validation::shared::SharedValidator;
use rkyv::vec::ArchivedVec;

use super::Table;
use super::error::SnapshotError;
use super::header::{ALIGNMENT, CHUNK_LEN, ENTRY_LEN, HEADER_LEN, Header, u32_at, u64_at};
use super::schema::section;

/// One entry of the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SectionEntry {
    /// Section number.
    pub id: u32,
    /// Bytes a row.
    pub row_len: u32,
    /// Where it starts, a multiple of 64.
    pub offset: u64,
    /// Its length in bytes.
    pub len: u64,
    /// Number of rows.
    pub rows: u64,
}

/// The directory, checked: sections lie in order, inside the file, without overlap.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Directory<'a> {
    file: &'a [u8],
    bytes: &'a [u8],
}

type Validation<'a> = Strategy<Validator<ArchiveValidator<'a>, SharedValidator>, Failure>;

impl<'a> Directory<'a> {
    pub(crate) fn parse(file: &'a [u8], header: &Header) -> Result<Self, SnapshotError> {
        let end =
            HEADER_LEN.saturating_add((header.section_count as usize).saturating_mul(ENTRY_LEN));
        let Some(bytes) = file.get(HEADER_LEN..end) else {
            return Err(SnapshotError::Truncated {
                need: end as u64,
                have: file.len() as u64,
            });
        };
        let this = Self { file, bytes };
        let mut free_from = end as u64;
        for (number, entry) in this.entries().enumerate() {
            let offset = (HEADER_LEN as u64)
                .saturating_add((number as u64).saturating_mul(ENTRY_LEN as u64));
            let fault = |what| Err(SnapshotError::Layout { offset, what });
            if (number == 0) != (entry.id == section::CHUNKS) {
                return fault("the chunk table is the first section, and only the first");
            }
            if this
                .entries()
                .take(number)
                .any(|earlier| earlier.id == entry.id)
            {
                return fault("a section occurs twice");
            }
            if !entry.offset.is_multiple_of(ALIGNMENT as u64) {
                return fault("section does not start at a multiple of 64");
            }
            let section_end = entry.offset.checked_add(entry.len);
            if entry.offset < free_from || section_end.is_none_or(|end| end > header.total_len) {
                return fault("section overlaps another or the end of the file");
            }
            let rows_len = entry.rows.checked_mul(u64::from(entry.row_len));
            if entry.row_len == 0 || rows_len.is_none_or(|len| len.saturating_add(8) > entry.len) {
                return fault("section is shorter than its rows");
            }
            free_from = section_end.unwrap_or(u64::MAX);
        }
        // No digest covers the gaps around the chunk table; zeros need none.
        let table = this.entries().next();
        let table_at = table.map_or(end, |entry| entry.offset as usize);
        let table_end = table.map_or(end, |entry| entry.offset.saturating_add(entry.len) as usize);
        for (from, to) in [(end, table_at), (table_end, this.body_at())] {
            let is_zero = file
                .get(from..to)
                .is_some_and(|gap| gap.len() < ALIGNMENT && gap.iter().all(|byte| *byte == 0));
            if !is_zero {
                return Err(SnapshotError::Layout {
                    offset: from as u64,
                    what: "gap around the chunk table is not zero",
                });
            }
        }
        Ok(this)
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = SectionEntry> + use<'a> {
        self.bytes
            .chunks_exact(ENTRY_LEN)
            .map(|entry| SectionEntry {
                id: u32_at(entry, 0),
                row_len: u32_at(entry, 4),
                offset: u64_at(entry, 8),
                len: u64_at(entry, 16),
                rows: u64_at(entry, 24),
            })
    }

    /// The bytes of the directory itself.
    pub(crate) const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    fn section(&self, id: u32) -> Option<(SectionEntry, &'a [u8])> {
        let entry = self.entries().find(|entry| entry.id == id)?;
        let from = entry.offset as usize;
        Some((
            entry,
            self.file.get(from..from.checked_add(entry.len as usize)?)?,
        ))
    }

    /// The bytes of the chunk table section.
    pub(crate) fn chunk_table(&self) -> &'a [u8] {
        self.section(section::CHUNKS)
            .map_or(&[], |(_, bytes)| bytes)
    }

    /// Where the body begins: the first multiple of 64 after the chunk table.
    pub(crate) fn body_at(&self) -> usize {
        let end = self
            .entries()
            .next()
            .map_or(0, |entry| entry.offset.saturating_add(entry.len));
        (end as usize)
            .next_multiple_of(ALIGNMENT)
            .min(self.file.len())
    }

    pub(crate) fn chunk_digests(&self) -> Result<&'a [[u8; 32]], SnapshotError> {
        let mut fault = None;
        let digests = self.table::<[u8; 32]>(section::CHUNKS, &mut fault).rows;
        if let Some(fault) = fault {
            return Err(fault);
        }
        let body = self.file.len().saturating_sub(self.body_at());
        if digests.len() != body.div_ceil(CHUNK_LEN) {
            return Err(SnapshotError::Layout {
                offset: HEADER_LEN as u64,
                what: "chunk table does not cover the body",
            });
        }
        Ok(digests)
    }

    /// A table; empty when the section is not in the file, or is not as the directory says: then
    /// the fault is noted, if it is the first.
    pub(crate) fn table<R>(&self, id: u32, fault: &mut Option<SnapshotError>) -> Table<'a, R>
    where
        R: Portable + for<'b> CheckBytes<Validation<'b>>,
    {
        let section = self.section_of(id, size_of::<R>(), fault);
        let rows = rkyv::access::<ArchivedVec<R>, Failure>(section.bytes)
            .map_or(&[] as &[R], ArchivedVec::as_slice);
        if section.holds(rows.len(), rows.as_ptr().cast(), fault) {
            let at = section.offset as usize;
            Table { rows, at }
        } else {
            Table { rows: &[], at: 0 }
        }
    }

    // The parts that are the same for every row type follow. They are calls, and their faults no
    // results: a guest has them once, and twenty-five copies of what is above.

    #[inline(never)]
    fn section_of(
        &self,
        id: u32,
        row_len: usize,
        fault: &mut Option<SnapshotError>,
    ) -> Section<'a> {
        match self.section(id) {
            Some((entry, _)) if entry.row_len as usize != row_len => {
                fault.get_or_insert(SnapshotError::Layout {
                    offset: entry.offset,
                    what: "rows have another length than this major version says",
                });
                Section::default()
            }
            Some((entry, bytes)) => Section {
                bytes,
                offset: entry.offset,
                rows: entry.rows,
            },
            None => Section::default(),
        }
    }
}

/// The bytes of a section, and what the directory says of them; empty when there is none.
#[derive(Default)]
struct Section<'a> {
    bytes: &'a [u8],
    offset: u64,
    rows: u64,
}

impl Section<'_> {
    /// Whether there are as many rows as the directory says, at the front of the section: the
    /// archive points back at its rows.
    #[inline(never)]
    fn holds(&self, rows: usize, at: *const u8, fault: &mut Option<SnapshotError>) -> bool {
        let is_there = !self.bytes.is_empty();
        let holds =
            rows as u64 == self.rows && (rows == 0 || core::ptr::eq(at, self.bytes.as_ptr()));
        if is_there && !holds {
            fault.get_or_insert(SnapshotError::Layout {
                offset: self.offset,
                what: "section is not an archive of as many rows as the directory says",
            });
        }
        is_there && holds
    }
}
