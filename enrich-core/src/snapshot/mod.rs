//! A snapshot: open it, look into it, verify it.

pub mod error;
pub mod header;
pub mod integrity;
pub mod schema;

mod directory;
mod index;
mod verify;
mod view;

use key_index::find::{Finder, Part, Seen};
use rkyv::rend::u32_le;

pub use self::directory::SectionEntry;
pub use self::error::SnapshotError;
pub use self::header::Header;
pub use self::index::Candidate;
pub(crate) use self::index::Candidates;
pub use self::integrity::{Check, Trust};
pub use self::view::{
    AliasRef, CredentialRef, EntityRef, EscalationRef, ExpectationRef, FindingRef, IdentityRef,
    Limits, Networks, RevocationRef, RuleRef, ScopeRef, TimeFact,
};
pub use key_index::find::Probe;

use self::directory::Directory;
use self::integrity::ChunkGuard;
use self::schema::*;
use self::view::ScopeHints;
use crate::vocabulary::Integrity;

/// The rows of one section and where they start in the file.
#[derive(Debug)]
pub(crate) struct Table<'a, R> {
    pub(crate) rows: &'a [R],
    at: usize,
}

impl<R> Clone for Table<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<R> Copy for Table<'_, R> {}

impl<'a, R> Table<'a, R> {
    pub(crate) const fn len(&self) -> usize {
        self.rows.len()
    }

    const fn part(self, body_at: usize) -> Part<'a, R> {
        Part {
            rows: self.rows,
            at: self.at.saturating_sub(body_at),
        }
    }
}

macro_rules! tables {
    ($( $field:ident : $row:ty, $section:ident; )+) => {
        /// Every table of the format.
        #[derive(Debug)]
        pub(crate) struct Tables<'a> { $( pub(crate) $field: Table<'a, $row>, )+ }

        impl<'a> Tables<'a> {
            fn read(directory: &Directory<'a>) -> Result<Self, SnapshotError> {
                let mut fault = None;
                let tables = Self { $( $field: directory.table::<$row>(section::$section, &mut fault), )+ };
                fault.map_or(Ok(tables), Err)
            }
        }
    };
}

tables! {
    text: u8, TEXT;
    lists: u32_le, LISTS;
    index: ArchivedBucketRow, INDEX;
    key_classes: ArchivedKeyClassRow, KEY_CLASSES;
    keys: ArchivedKeyRow, KEYS;
    validity: ArchivedValidityRow, VALIDITY;
    key_holders: ArchivedKeyHolderRow, KEY_HOLDERS;
    identities: ArchivedIdentityRow, IDENTITIES;
    profiles: ArchivedProfileRow, PROFILES;
    types: ArchivedTypeRow, TYPES;
    entities: ArchivedEntityRow, ENTITIES;
    ownership: ArchivedOwnershipRow, OWNERSHIP;
    exposure: ArchivedExposureRow, EXPOSURE;
    expectations: ArchivedExpectationRow, EXPECTATIONS;
    hours: ArchivedHoursRow, HOURS;
    responses: ArchivedResponseRow, RESPONSES;
    revocations: ArchivedRevocationRow, REVOCATIONS;
    escalations: ArchivedEscalationRow, ESCALATIONS;
    credentials: ArchivedCredentialRow, CREDENTIALS;
    details: ArchivedDetailsRow, DETAILS;
    findings: ArchivedFindingRow, FINDINGS;
    conflicts: ArchivedConflictRow, CONFLICTS;
    provenance: ArchivedProvenanceRow, PROVENANCE;
    blast_radius: ArchivedBlastRadiusRow, BLAST_RADIUS;
    scopes: ArchivedScopeRow, SCOPES;
    networks: ArchivedNetworkRow, NETWORKS;
    ranges_v4: ArchivedRangeV4Row, RANGES_V4;
    ranges_v6: ArchivedRangeV6Row, RANGES_V6;
    rules: ArchivedRuleRow, RULES;
    never_since: rkyv::rend::i64_le, NEVER_SINCE;
    meta: ArchivedMetaRow, META;
    scope_environments: ArchivedScopeEnvironmentRow, SCOPE_ENVIRONMENTS;
    exceptions: ArchivedExceptionRow, EXCEPTIONS;
}

/// An opened snapshot over borrowed bytes.
///
/// Opening reads the header, the directory and the shape of each section; it costs the same at any
/// size. It does not read the rows: a reference that leads nowhere reads as an absent fact.
/// [`Snapshot::verify`] is the full walk.
#[derive(Debug)]
pub struct Snapshot<'a> {
    bytes: &'a [u8],
    header: Header,
    integrity: Integrity,
    directory: Directory<'a>,
    guard: Option<ChunkGuard<'a>>,
    scope_hints: ScopeHints,
    pub(crate) tables: Tables<'a>,
    finder: Finder<'a>,
}

impl<'a> Snapshot<'a> {
    /// Opens a snapshot. The bytes must start at a multiple of 64.
    ///
    /// # Errors
    /// What is wrong with the snapshot, in the order header, layout, digest, signature.
    pub fn open(bytes: &'a [u8], check: Check, trust: &Trust) -> Result<Self, SnapshotError> {
        let header = Header::parse(bytes)?;
        if !(bytes.as_ptr() as usize).is_multiple_of(header::ALIGNMENT) {
            return Err(SnapshotError::Unaligned);
        }
        let directory = Directory::parse(bytes, &header)?;
        let digests = directory.chunk_digests()?;
        let body_at = directory.body_at();
        let mut guard = None;
        let integrity = if check == Check::ByHost {
            Integrity::ByHost
        } else {
            let digest =
                integrity::header_digest(bytes, directory.bytes(), directory.chunk_table());
            if digest != header.digest {
                return Err(SnapshotError::DigestMismatch);
            }
            let signed = integrity::check_signature(bytes, &header, trust)?;
            if check == Check::All {
                integrity::check_chunks(bytes, digests, body_at, 0..digests.len())?;
            } else {
                guard = Some(ChunkGuard::new(bytes, digests, body_at));
            }
            if signed {
                Integrity::Verified
            } else {
                Integrity::Unverified
            }
        };
        let tables = Tables::read(&directory)?;
        let finder = Finder {
            buckets: tables.index.part(body_at),
            keys: tables.keys.part(body_at),
            classes: tables.key_classes.part(body_at),
            validity: tables.validity.part(body_at),
            text: tables.text.part(body_at),
            seed: header.index_seed,
            longest_probe: header.longest_probe,
        };
        Ok(Self {
            bytes,
            header,
            integrity,
            directory,
            guard,
            scope_hints: ScopeHints::default(),
            tables,
            finder,
        })
    }

    /// The header.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// How the bytes were checked.
    #[must_use]
    pub const fn integrity(&self) -> Integrity {
        self.integrity
    }

    /// All bytes.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The sections, in the order of the directory.
    pub fn sections(&self) -> impl Iterator<Item = SectionEntry> + '_ {
        self.directory.entries()
    }

    /// Whether a chunk that was touched turned out to be wrong ([`Check::OnFirstTouch`] only).
    /// From then on nothing that this snapshot says may be used.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.damage().is_some()
    }

    /// What is wrong with a chunk that was touched, if anything.
    pub(crate) fn damage(&self) -> Option<SnapshotError> {
        self.guard.as_ref().and_then(ChunkGuard::damage)
    }

    /// Which chunks have been checked; `None` when none has to be.
    fn seen(&self) -> Seen<'_> {
        self.guard.as_ref().map(ChunkGuard::checked)
    }

    /// One row, `None` past the end or in a damaged chunk.
    #[inline]
    pub(crate) fn row<R>(&self, table: Table<'a, R>, number: u32) -> Option<&'a R> {
        let row = table.rows.get(number as usize)?;
        if let Some(guard) = &self.guard
            && !guard.touch(table.at, size_of::<R>(), number as usize, 1)
        {
            return None;
        }
        Some(row)
    }

    #[inline]
    fn slice<R>(&self, table: Table<'a, R>, from: usize, to: usize) -> Option<&'a [R]> {
        let rows = table.rows.get(from..to)?;
        if let Some(guard) = &self.guard
            && !guard.touch(table.at, size_of::<R>(), from, rows.len())
        {
            return None;
        }
        Some(rows)
    }

    /// A text as stored bytes; empty when absent.
    #[inline]
    pub(crate) fn text_bytes(&self, at: u32) -> &'a [u8] {
        if at == 0 {
            return &[];
        }
        // The length takes one byte nearly always.
        if self.guard.is_none()
            && let Some([len @ ..0x80, rest @ ..]) = self.tables.text.rows.get(at as usize..)
            && let Some(text) = rest.get(..usize::from(*len))
        {
            return text;
        }
        self.any_text(at as usize)
    }

    /// As [`Self::text_bytes`], with a length of any number of bytes and chunks that may have to be
    /// checked.
    #[inline(never)]
    fn any_text(&self, at: usize) -> &'a [u8] {
        let heap = self.tables.text;
        // One touch for a short text and its length, which is not believed before.
        if let Some(guard) = &self.guard
            && let Some(len @ ..0x80) = heap.rows.get(at)
            && guard.touch(heap.at, 1, at, 1 + usize::from(*len))
        {
            let from = at.saturating_add(1);
            let to = from.saturating_add(usize::from(*len));
            return heap.rows.get(from..to).unwrap_or(&[]);
        }
        let mut len = 0_usize;
        let mut used = 0_usize;
        loop {
            let Some(byte) = self
                .slice(
                    heap,
                    at.saturating_add(used),
                    at.saturating_add(used).saturating_add(1),
                )
                .and_then(<[u8]>::first)
            else {
                return &[];
            };
            len |= usize::from(byte & 0x7F) << (7 * used);
            used += 1;
            if byte & 0x80 == 0 {
                break;
            }
            if used == 3 {
                return &[];
            }
        }
        let from = at.saturating_add(used);
        self.slice(heap, from, from.saturating_add(len))
            .unwrap_or(&[])
    }

    /// A text; empty when absent or not UTF-8.
    #[inline(never)]
    pub(crate) fn text(&self, at: u32) -> &'a str {
        core::str::from_utf8(self.text_bytes(at)).unwrap_or("")
    }

    /// A text, `None` when absent.
    pub(crate) fn some_text(&self, at: u32) -> Option<&'a str> {
        Some(self.text(at)).filter(|text| !text.is_empty())
    }

    /// A list of numbers; empty when absent.
    #[inline(never)]
    pub(crate) fn list(&self, at: u32) -> &'a [u32_le] {
        if at == 0 {
            return &[];
        }
        let at = at as usize;
        let lists = self.tables.lists;
        let Some(count) = self
            .slice(lists, at, at.saturating_add(1))
            .and_then(<[u32_le]>::first)
        else {
            return &[];
        };
        let from = at.saturating_add(1);
        self.slice(lists, from, from.saturating_add(count.to_native() as usize))
            .unwrap_or(&[])
    }

    /// A list of texts.
    pub(crate) fn texts(&self, at: u32) -> impl ExactSizeIterator<Item = &'a str> + use<'a, '_> {
        self.list(at).iter().map(|text| self.text(text.to_native()))
    }

    /// Number of identities.
    #[must_use]
    pub const fn identity_count(&self) -> usize {
        self.tables.identities.len()
    }

    /// Number of keys.
    #[must_use]
    pub const fn key_count(&self) -> usize {
        self.tables.keys.len()
    }

    /// A value about the snapshot itself, such as `organization`.
    #[must_use]
    pub fn meta(&self, name: &str) -> Option<&'a str> {
        (0..self.tables.meta.len() as u32).find_map(|number| {
            let row = self.row(self.tables.meta, number)?;
            (self.text(row.name.to_native()) == name).then(|| self.text(row.value.to_native()))
        })
    }

    /// Reads every byte and every row and follows every reference: [`Self::verify_bytes`], then
    /// [`Self::verify_rows`].
    ///
    /// # Errors
    /// The first thing that is wrong. Takes time proportional to the size.
    pub fn verify(&self) -> Result<(), SnapshotError> {
        self.verify_bytes(0, 1)?;
        self.verify_rows(0, 1)
    }

    /// Checks the digests of one part of the file, counted from 0, `of` so many. The parts together
    /// are the whole file; they need nothing of each other, so that several threads can share them,
    /// each with a snapshot that it opened over the same bytes.
    ///
    /// # Errors
    /// The first digest that does not hold.
    pub fn verify_bytes(&self, part: usize, of: usize) -> Result<(), SnapshotError> {
        verify::bytes(self, (part, of))
    }

    /// Follows every reference of one part of the rows, in parts as [`Self::verify_bytes`]. It says
    /// nothing about digests, so those come first.
    ///
    /// # Errors
    /// The first thing that is wrong in this part.
    pub fn verify_rows(&self, part: usize, of: usize) -> Result<(), SnapshotError> {
        verify::rows(self, (part, of))
    }
}
