//! Why a snapshot is refused.

use core::fmt;

/// The snapshot is at fault. Each variant has the numbers that a person needs and a fixed code
/// that the plain ABI returns.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The first bytes are not those of a snapshot.
    NotASnapshot,
    /// A major version that this core doesn't read.
    UnsupportedMajor {
        /// In the file.
        found: u16,
        /// By this core.
        supported: u16,
    },
    /// Fewer bytes than the file says it has.
    Truncated {
        /// Bytes needed.
        need: u64,
        /// Bytes there.
        have: u64,
    },
    /// Something does not lie where it must.
    Layout {
        /// Byte in the file.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// The bytes do not start at a multiple of 64.
    Unaligned,
    /// The digest of header, directory and chunk table is not the one in the header.
    DigestMismatch,
    /// A chunk does not have the digest that the chunk table says.
    ChunkMismatch {
        /// Number of the chunk.
        chunk: u64,
        /// Byte in the file where it starts.
        offset: u64,
    },
    /// A signature is required and there is none.
    Unsigned,
    /// Signed by a key that the host did not name.
    UntrustedSigner {
        /// First bytes of that key.
        signer: [u8; 8],
    },
    /// The signature does not fit the header.
    BadSignature,
    /// A trusted key in the configuration is not a valid public key.
    BadTrustedKey,
    /// Older than the one that is attached.
    Rollback {
        /// Sequence of this one.
        found: u64,
        /// Sequence of the attached one.
        attached: u64,
    },
    /// An overlay whose base is not attached.
    MissingBase {
        /// First bytes of the base's digest.
        base: [u8; 8],
    },
    /// No room for another layer.
    TooManyLayers {
        /// The limit.
        limit: usize,
    },
    /// No layer has that handle.
    UnknownHandle {
        /// The handle.
        handle: i32,
    },
    /// A base that an attached overlay stands on cannot be detached.
    BaseInUse {
        /// Its handle.
        handle: i32,
    },
    /// Its declared time is over.
    Expired {
        /// When it ended, milliseconds since 1970.
        ended_ms: i64,
    },
    /// A reference inside leads nowhere, or an order is not kept. Only `verify` reports it.
    Inconsistent {
        /// Section.
        section: u32,
        /// Row.
        row: u64,
        /// What is wrong.
        what: &'static str,
    },
}

impl SnapshotError {
    /// The number that the plain ABI returns for it (`docs/abi.md`).
    #[must_use]
    pub const fn code(&self) -> i32 {
        match self {
            Self::NotASnapshot => -4,
            Self::UnsupportedMajor { .. } => -5,
            Self::Truncated { .. } => -6,
            Self::DigestMismatch | Self::ChunkMismatch { .. } => -7,
            Self::Unsigned => -8,
            Self::UntrustedSigner { .. } => -9,
            Self::BadSignature => -10,
            Self::Rollback { .. } => -11,
            Self::Layout { .. } | Self::Inconsistent { .. } => -12,
            Self::MissingBase { .. } => -13,
            Self::TooManyLayers { .. } => -14,
            Self::UnknownHandle { .. } | Self::BaseInUse { .. } => -15,
            Self::Expired { .. } => -18,
            Self::Unaligned => -2,
            Self::BadTrustedKey => -3,
        }
    }
}

/// Writes bytes as lower-case hex.
pub(crate) fn hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotASnapshot => f.write_str(
                "not a snapshot: the first bytes are wrong; give a file written by `whose-snapshot build`, unchanged by text-mode transfer",
            ),
            Self::UnsupportedMajor { found, supported } => write!(
                f,
                "snapshot has format major {found}, this module reads {supported}; either use a module of that major or rebuild the snapshot with the matching whose-snapshot"
            ),
            Self::Truncated { need, have } => {
                write!(f, "snapshot is cut off: {have} bytes of {need}; copy it again and publish it by rename")
            }
            Self::Layout { offset, what } => {
                write!(f, "snapshot is malformed at byte {offset}: {what}; rebuild it")
            }
            Self::Unaligned => f.write_str("snapshot bytes must start at a multiple of 64; allocate them with that alignment"),
            Self::DigestMismatch => f.write_str(
                "snapshot digest does not fit its header, directory or chunk table; the file was changed after it was built",
            ),
            Self::ChunkMismatch { chunk, offset } => write!(
                f,
                "snapshot chunk {chunk} (from byte {offset}) does not have its digest; the file was changed after it was built"
            ),
            Self::Unsigned => f.write_str(
                "snapshot is not signed and a signature is required; sign it with `whose-snapshot sign`, or do not require one",
            ),
            Self::UntrustedSigner { signer } => {
                f.write_str("snapshot is signed by a key that is not trusted here (")?;
                hex(f, signer)?;
                f.write_str("…); add that key to the trusted keys only if it is yours")
            }
            Self::BadSignature => f.write_str("snapshot signature does not fit its header; the file was changed after it was signed"),
            Self::BadTrustedKey => f.write_str("a trusted key is not an ed25519 public key; check the configuration"),
            Self::Rollback { found, attached } => write!(
                f,
                "snapshot has sequence {found}, older than the attached {attached}; publish a newer one, or detach first if going back is meant"
            ),
            Self::MissingBase { base } => {
                f.write_str("overlay belongs to a base that is not attached (")?;
                hex(f, base)?;
                f.write_str("…); attach that base first")
            }
            Self::TooManyLayers { limit } => write!(f, "{limit} layers are attached already; detach one or merge shards"),
            Self::UnknownHandle { handle } => write!(f, "no attached layer has the handle {handle}"),
            Self::BaseInUse { handle } => write!(f, "layer {handle} is the base of an attached overlay; detach the overlay first"),
            Self::Expired { ended_ms } => {
                f.write_str("snapshot expired at ")?;
                crate::time::write_rfc3339(f, *ended_ms)?;
                f.write_str("; build a new one")
            }
            Self::Inconsistent { section, row, what } => {
                write!(f, "snapshot is inconsistent in section {section}, row {row}: {what}; rebuild it")
            }
        }
    }
}

impl core::error::Error for SnapshotError {}
