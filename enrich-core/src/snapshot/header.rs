//! The fixed header in front of a snapshot: 320 bytes, outside every archive.
//!
//! It is read first and by itself, so that a wrong file, a newer major or a cut-off file is refused
//! before anything else is looked at.

use super::error::SnapshotError;
use crate::vocabulary::LayerKind;

/// First bytes of every snapshot. The high bit and the line ends expose transfers that change bytes.
pub const MAGIC: [u8; 8] = *b"\x89WHS\r\n\x1a\n";
/// The major version that this core reads.
pub const MAJOR: u16 = 1;
/// The newest minor version that this core knows. A file carries the lowest one that has all it uses.
pub const MINOR: u16 = 1;
/// Length of the header.
pub const HEADER_LEN: usize = 320;
/// The digest covers the header up to here.
pub const DIGEST_AT: usize = 192;
/// The signer's public key stands here.
pub const SIGNER_AT: usize = 224;
/// The signature covers the header up to here.
pub const SIGNATURE_AT: usize = 256;
/// Every section starts at a multiple of this.
pub const ALIGNMENT: usize = 64;
/// Bytes under one digest of the chunk table.
pub const CHUNK_LEN: usize = 1 << key_index::find::CHUNK_BITS;
/// Length of one directory entry.
pub const ENTRY_LEN: usize = 32;
/// Greatest number of sections.
pub const MAX_SECTIONS: u32 = 256;
/// Greatest length of a snapshot: relative pointers are 32 bits wide.
pub const MAX_LEN: u64 = (1 << 31) - 1;
/// Length of the id field.
pub const ID_LEN: usize = 48;

/// The header's facts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// Major version.
    pub major: u16,
    /// Minor version.
    pub minor: u16,
    /// Length of the whole file.
    pub total_len: u64,
    /// Counts up with every snapshot of the same line.
    pub sequence: u64,
    /// When the inventory was taken, milliseconds since 1970.
    pub created_ms: i64,
    /// For how long it counts as fresh, in seconds; 0 = no limit declared.
    pub valid_for_s: u64,
    /// Snapshot id, NUL-padded ASCII.
    pub id: [u8; ID_LEN],
    /// Shard or overlay.
    pub layer: LayerKind,
    /// The greatest number of buckets that a probe reads after its first.
    pub longest_probe: u16,
    /// Number of sections.
    pub section_count: u32,
    /// Seed of the key hash.
    pub index_seed: u64,
    /// For an overlay: digest of its base.
    pub overlay_of: [u8; 32],
    /// Digest of the previous snapshot, or zeros.
    pub previous: [u8; 32],
    /// BLAKE3 of header, directory and chunk table.
    pub digest: [u8; 32],
    /// Public key of the signer, zeros when unsigned. Only a hint: trust comes from the host.
    pub signer: [u8; 32],
    /// ed25519 signature, zeros when unsigned.
    pub signature: [u8; 64],
}

/// Reads `N` bytes at `at`; zeros past the end, which [`Header::parse`] has excluded.
pub(crate) fn bytes_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk::<N>())
        .copied()
        .unwrap_or([0; N])
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes_at(bytes, at))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes_at(bytes, at))
}

impl Header {
    /// Reads and checks the header alone.
    ///
    /// # Errors
    /// [`SnapshotError::NotASnapshot`], [`SnapshotError::UnsupportedMajor`],
    /// [`SnapshotError::Truncated`] and [`SnapshotError::Layout`], in this order.
    pub fn parse(bytes: &[u8]) -> Result<Self, SnapshotError> {
        if bytes.is_empty() {
            return Err(SnapshotError::Truncated {
                need: HEADER_LEN as u64,
                have: 0,
            });
        }
        let known = bytes.len().min(MAGIC.len());
        if bytes.get(..known) != MAGIC.get(..known) {
            return Err(SnapshotError::NotASnapshot);
        }
        let have = bytes.len() as u64;
        if bytes.len() >= 12 {
            let major = u16::from_le_bytes(bytes_at(bytes, 8));
            if major != MAJOR {
                return Err(SnapshotError::UnsupportedMajor {
                    found: major,
                    supported: MAJOR,
                });
            }
        }
        if bytes.len() < HEADER_LEN {
            return Err(SnapshotError::Truncated {
                need: HEADER_LEN as u64,
                have,
            });
        }
        let header_len = u32_at(bytes, 12);
        if header_len as usize != HEADER_LEN {
            return Err(SnapshotError::Layout {
                offset: 12,
                what: "header length is not 320",
            });
        }
        let total_len = u64_at(bytes, 16);
        if total_len > MAX_LEN || total_len < HEADER_LEN as u64 {
            return Err(SnapshotError::Layout {
                offset: 16,
                what: "total length out of range",
            });
        }
        if total_len > have {
            return Err(SnapshotError::Truncated {
                need: total_len,
                have,
            });
        }
        if total_len < have {
            return Err(SnapshotError::Layout {
                offset: total_len,
                what: "bytes after the end",
            });
        }
        let id: [u8; ID_LEN] = bytes_at(bytes, 48);
        if !id_is_clean(&id) {
            return Err(SnapshotError::Layout {
                offset: 48,
                what: "id has a character outside A-Z a-z 0-9 . _ : -",
            });
        }
        let [layer_code, zero] = bytes_at(bytes, 96);
        let Some(layer) = LayerKind::from_code(layer_code) else {
            return Err(SnapshotError::Layout {
                offset: 96,
                what: "unknown layer kind",
            });
        };
        if zero != 0 || u32_at(bytes, 108) != 0 || u64_at(bytes, 184) != 0 {
            return Err(SnapshotError::Layout {
                offset: 97,
                what: "reserved bytes are not zero",
            });
        }
        let section_count = u32_at(bytes, 100);
        if section_count == 0 || section_count > MAX_SECTIONS {
            return Err(SnapshotError::Layout {
                offset: 100,
                what: "section count out of range",
            });
        }
        if u32_at(bytes, 104) as usize != CHUNK_LEN {
            return Err(SnapshotError::Layout {
                offset: 104,
                what: "chunk length is not 1 MiB",
            });
        }
        Ok(Self {
            major: MAJOR,
            minor: u16::from_le_bytes(bytes_at(bytes, 10)),
            total_len,
            sequence: u64_at(bytes, 24),
            created_ms: i64::from_le_bytes(bytes_at(bytes, 32)),
            valid_for_s: u64_at(bytes, 40),
            id,
            layer,
            longest_probe: u16::from_le_bytes(bytes_at(bytes, 98)),
            section_count,
            index_seed: u64_at(bytes, 112),
            overlay_of: bytes_at(bytes, 120),
            previous: bytes_at(bytes, 152),
            digest: bytes_at(bytes, DIGEST_AT),
            signer: bytes_at(bytes, SIGNER_AT),
            signature: bytes_at(bytes, SIGNATURE_AT),
        })
    }

    /// A header without facts, for whoever writes a snapshot.
    #[must_use]
    pub const fn empty() -> Self {
        Self {
            major: MAJOR,
            minor: MINOR,
            total_len: 0,
            sequence: 0,
            created_ms: 0,
            valid_for_s: 0,
            id: [0; ID_LEN],
            layer: LayerKind::Shard,
            longest_probe: 0,
            section_count: 0,
            index_seed: 0,
            overlay_of: [0; 32],
            previous: [0; 32],
            digest: [0; 32],
            signer: [0; 32],
            signature: [0; 64],
        }
    }

    /// The header as bytes; the inverse of [`Header::parse`].
    #[must_use]
    pub fn to_bytes(&self) -> [u8; HEADER_LEN] {
        let mut out = [0_u8; HEADER_LEN];
        let mut put = |at: usize, bytes: &[u8]| {
            if let Some(place) = out.get_mut(at..at.saturating_add(bytes.len())) {
                place.copy_from_slice(bytes);
            }
        };
        put(0, &MAGIC);
        put(8, &self.major.to_le_bytes());
        put(10, &self.minor.to_le_bytes());
        put(12, &(HEADER_LEN as u32).to_le_bytes());
        put(16, &self.total_len.to_le_bytes());
        put(24, &self.sequence.to_le_bytes());
        put(32, &self.created_ms.to_le_bytes());
        put(40, &self.valid_for_s.to_le_bytes());
        put(48, &self.id);
        put(96, &[self.layer.code(), 0]);
        put(98, &self.longest_probe.to_le_bytes());
        put(100, &self.section_count.to_le_bytes());
        put(104, &(CHUNK_LEN as u32).to_le_bytes());
        put(112, &self.index_seed.to_le_bytes());
        put(120, &self.overlay_of);
        put(152, &self.previous);
        put(DIGEST_AT, &self.digest);
        put(SIGNER_AT, &self.signer);
        put(SIGNATURE_AT, &self.signature);
        out
    }

    /// The id as text.
    #[must_use]
    pub fn id(&self) -> &str {
        let end = self.id.iter().position(|byte| *byte == 0).unwrap_or(ID_LEN);
        self.id
            .get(..end)
            .and_then(|id| core::str::from_utf8(id).ok())
            .unwrap_or("")
    }

    /// Whether a signature stands in the header. Says nothing about its worth.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        self.signature.iter().any(|byte| *byte != 0)
    }
}

/// Whether an id field holds only its alphabet and then NULs.
fn id_is_clean(id: &[u8; ID_LEN]) -> bool {
    let end = id.iter().position(|byte| *byte == 0).unwrap_or(ID_LEN);
    id.iter().enumerate().all(|(at, byte)| {
        if at < end {
            byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-')
        } else {
            *byte == 0
        }
    })
}
