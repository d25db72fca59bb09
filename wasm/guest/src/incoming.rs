//! A snapshot on its way into the guest, in pieces: room is made once, when its header has said how
//! long it is, and each piece is copied once.

use std::fmt;

use enrich_core::SnapshotError;
use enrich_core::snapshot::{Header, header::HEADER_LEN};

use crate::instance::code;
use crate::owned::SnapshotBytes;

/// Why a snapshot was refused on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// What arrived is no snapshot, or not the one that its header describes.
    Snapshot(SnapshotError),
    /// Longer than the host allows.
    TooLong {
        /// What its header says.
        bytes: u64,
        /// What the host allows.
        most: u64,
    },
    /// Linear memory could not grow.
    NoMemory {
        /// What its header says.
        bytes: u64,
    },
}

impl Refused {
    /// The number of `docs/abi.md`.
    #[must_use]
    pub const fn code(&self) -> i32 {
        match self {
            Self::Snapshot(error) => error.code(),
            Self::TooLong { .. } | Self::NoMemory { .. } => code::TOO_LARGE,
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Snapshot(error) => error.fmt(f),
            Self::TooLong { bytes, most } => write!(
                f,
                "snapshot has {bytes} bytes, the host allows {most}; raise its limit, or build a shard for each pipeline"
            ),
            Self::NoMemory { bytes } => write!(
                f,
                "snapshot has {bytes} bytes, and the module's memory could not grow by them; give the host more memory, or build a shard for each pipeline"
            ),
        }
    }
}

impl core::error::Error for Refused {}

/// A piece of memory as aligned as a snapshot has to be.
#[repr(align(64))]
struct Line {
    _bytes: [u8; 64],
}

/// An empty vector with room, or nothing when memory could not grow.
fn with_room(len: usize) -> Option<SnapshotBytes> {
    // The vector of snapshots aborts where there is no memory. This one, of the same alignment and
    // at least the length, does not; what it got back is there for the other.
    let mut attempt: Vec<Line> = Vec::new();
    let lines = len.div_ceil(size_of::<Line>());
    attempt.try_reserve_exact(lines).ok()?;
    drop(attempt);
    Some(SnapshotBytes::with_capacity(len))
}

/// Takes a snapshot in pieces of any length.
#[derive(Debug)]
pub struct Incoming {
    /// Until the header is whole.
    head: Vec<u8>,
    /// From then on, with room for all of it.
    bytes: SnapshotBytes,
    /// What the header says, once it is known.
    total: Option<usize>,
    most: u64,
}

impl Incoming {
    /// Refuses snapshots of more than `most` bytes.
    #[must_use]
    pub fn new(most: u64) -> Self {
        Self {
            head: Vec::new(),
            bytes: SnapshotBytes::new(),
            total: None,
            most,
        }
    }

    /// Takes the next piece, of `len` bytes: `copy` is called with where each part of it belongs, and
    /// from which byte of the piece on.
    ///
    /// # Errors
    /// As soon as it is clear that the snapshot cannot be attached. What arrived is let go.
    pub fn push(
        &mut self,
        len: usize,
        mut copy: impl FnMut(usize, &mut [u8]),
    ) -> Result<(), Refused> {
        let mut at = 0;
        if self.total.is_none() {
            let had = self.head.len();
            at = len.min(HEADER_LEN - had);
            self.head.resize(had + at, 0);
            if let Some(room) = self.head.get_mut(had..) {
                copy(0, room);
            }
            if self.head.len() < HEADER_LEN {
                return Ok(());
            }
            self.begin().inspect_err(|_| self.let_go())?;
        }
        let total = self.total.unwrap_or(0);
        if len - at > total - self.bytes.len() {
            self.let_go();
            return Err(Refused::Snapshot(SnapshotError::Layout {
                offset: total as u64,
                what: "bytes after the end",
            }));
        }
        // Filled and then copied into, bit by bit: what was filled is still in the cache.
        while at < len {
            let had = self.bytes.len();
            let part = (len - at).min(PART);
            self.bytes.resize(had + part, 0);
            if let Some(room) = self.bytes.as_mut_slice().get_mut(had..) {
                copy(at, room);
            }
            at += part;
        }
        Ok(())
    }

    /// Makes room for what the header, now whole, announces.
    fn begin(&mut self) -> Result<(), Refused> {
        let bytes = match Header::parse(&self.head) {
            Ok(header) => header.total_len,
            Err(SnapshotError::Truncated { need, .. }) => need,
            Err(error) => return Err(Refused::Snapshot(error)),
        };
        if bytes > self.most {
            return Err(Refused::TooLong {
                bytes,
                most: self.most,
            });
        }
        let no_memory = Refused::NoMemory { bytes };
        let total = usize::try_from(bytes).map_err(|_| no_memory.clone())?;
        self.bytes = with_room(total).ok_or(no_memory)?;
        self.bytes.extend_from_slice(&self.head);
        self.head = Vec::new();
        self.total = Some(total);
        Ok(())
    }

    fn let_go(&mut self) {
        *self = Self::new(self.most);
    }

    /// What arrived. Whether it is all there, attaching finds out.
    #[must_use]
    pub fn finish(self) -> SnapshotBytes {
        if self.total.is_some() {
            return self.bytes;
        }
        let mut bytes = SnapshotBytes::with_capacity(self.head.len());
        bytes.extend_from_slice(&self.head);
        bytes
    }
}

/// How much is filled and copied at a time.
const PART: usize = 1 << 18;

#[cfg(test)]
mod tests {
    use super::*;

    const GOLDEN: &[u8] = include_bytes!("../../../enrich-core/tests/golden/v1-1.whose");

    fn arrive(bytes: &[u8], piece: usize, most: u64) -> Result<SnapshotBytes, Refused> {
        let mut incoming = Incoming::new(most);
        for piece in bytes.chunks(piece) {
            incoming.push(piece.len(), |from, room| {
                room.copy_from_slice(&piece[from..from + room.len()]);
            })?;
        }
        Ok(incoming.finish())
    }

    #[test]
    fn pieces_of_any_length_become_the_snapshot() {
        for piece in [1, 7, 319, 320, 321, 4096, GOLDEN.len()] {
            let bytes = arrive(GOLDEN, piece, u64::MAX).unwrap();
            assert_eq!(bytes.as_slice(), GOLDEN, "{piece}");
            assert_eq!(bytes.capacity(), GOLDEN.len());
            assert_eq!(bytes.as_ptr().addr() % 64, 0);
        }
    }

    #[test]
    fn too_long_is_refused_by_the_header() {
        let most = GOLDEN.len() as u64 - 1;
        let refused = arrive(&GOLDEN[..HEADER_LEN], 100, most).unwrap_err();
        assert_eq!(
            refused,
            Refused::TooLong {
                bytes: most + 1,
                most
            }
        );
        assert_eq!(refused.code(), -17);
        assert!(arrive(GOLDEN, 100, most + 1).is_ok());
    }

    #[test]
    fn what_is_no_snapshot_is_refused_with_its_header() {
        let refused = arrive(&[b'x'; 1000], 500, u64::MAX).unwrap_err();
        assert_eq!(refused, Refused::Snapshot(SnapshotError::NotASnapshot));
        let mut longer = GOLDEN.to_vec();
        longer.push(0);
        assert_eq!(arrive(&longer, 99, u64::MAX).unwrap_err().code(), -12);
    }

    #[test]
    fn a_cut_off_one_is_left_to_attaching() {
        for len in [0, 1, 319, 320, GOLDEN.len() - 1] {
            let bytes = arrive(&GOLDEN[..len], 64, u64::MAX).unwrap();
            assert_eq!(bytes.as_slice(), &GOLDEN[..len]);
        }
    }

    #[test]
    fn memory_that_is_not_there_is_an_error() {
        let mut head = GOLDEN[..HEADER_LEN].to_vec();
        // The longest that the format allows is refused, or there is that much memory.
        head[16..24].copy_from_slice(&((1_u64 << 31) - 1).to_le_bytes());
        match arrive(&head, HEADER_LEN, u64::MAX) {
            Ok(bytes) => assert_eq!(bytes.len(), HEADER_LEN),
            Err(refused) => assert_eq!(refused.code(), -17),
        }
        assert!(with_room(isize::MAX as usize - 100).is_none());
    }
}
