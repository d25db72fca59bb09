//! The previous snapshot of a build: who is gone since then stays answerable. It is kept as its bytes, since as
//! an inventory it would take many times their place.

use std::fmt;

use enrich_core::{Check, Snapshot, SnapshotError, Trust};
use rkyv::util::AlignedVec;

use crate::model::Identity;
use crate::read::identity;

/// A snapshot that was checked in full.
#[derive(Clone)]
pub struct Previous {
    bytes: AlignedVec<64>,
    sequence: u64,
    created_ms: i64,
    digest: [u8; 32],
}

impl PartialEq for Previous {
    fn eq(&self, other: &Self) -> bool {
        self.bytes.as_slice() == other.bytes.as_slice()
    }
}

impl fmt::Debug for Previous {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Previous")
            .field("sequence", &self.sequence)
            .field("created_ms", &self.created_ms)
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

impl Previous {
    /// Takes a snapshot's bytes.
    ///
    /// # Errors
    /// What is wrong with the snapshot; digests and every row are checked.
    pub fn read(bytes: AlignedVec<64>) -> Result<Self, SnapshotError> {
        let snapshot = Snapshot::open(&bytes, Check::All, &Trust::default())?;
        for row in snapshot.identities() {
            drop(identity(&row));
        }
        if snapshot.is_damaged() {
            return Err(SnapshotError::DigestMismatch);
        }
        let header = snapshot.header();
        let (sequence, created_ms) = (header.sequence, header.created_ms);
        let digest = header.digest;
        Ok(Self {
            bytes,
            sequence,
            created_ms,
            digest,
        })
    }

    /// Its sequence number.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// When it was taken.
    #[must_use]
    pub const fn created_ms(&self) -> i64 {
        self.created_ms
    }

    /// Its digest, by which the next one names it.
    #[must_use]
    pub const fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Shows its identities, one at a time.
    pub(crate) fn visit(&self, see: impl FnMut(Identity)) {
        // It was opened before, when everything was checked.
        if let Ok(snapshot) = Snapshot::open(&self.bytes, Check::ByHost, &Trust::default()) {
            snapshot
                .identities()
                .map(|row| identity(&row))
                .for_each(see);
        }
    }
}
