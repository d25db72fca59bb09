//! Digests and signature: BLAKE3 over 1 MiB chunks, one digest over header, directory and chunk
//! table, ed25519 over the header.
//!
//! Because the header's digest covers the table of chunk digests, one chunk can be checked when it
//! is first touched, and nothing needs a full read before the first answer.

use alloc::boxed::Box;
use core::cell::Cell;
use core::ops::Range;

use super::error::SnapshotError;
use super::header::{CHUNK_LEN, DIGEST_AT, HEADER_LEN, Header, SIGNATURE_AT};

/// What stands in front of the header when it is signed, so that a signature made for another
/// purpose can't be used here.
pub const SIGNING_CONTEXT: &[u8] = b"whose-snapshot-v1\0";

/// Bytes that are hashed at once. BLAKE3 halves what it is given by recursion, and a whole chunk takes
/// more stack than Fluent Bit gives a module by default (8 KiB of it for the interpreter). Elsewhere
/// larger pieces are 7 % faster.
const HASHED_AT_ONCE: usize = if cfg!(target_arch = "wasm32") {
    16 << 10
} else {
    128 << 10
};

/// How the bytes of a snapshot are checked when it is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Check {
    /// Everything, now.
    All,
    /// Nothing: the host vouches for it.
    ByHost,
    /// Header, directory and chunk table now, each chunk when it is first touched.
    OnFirstTouch,
}

/// Whom to believe. Comes from the host, never from a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trust {
    /// ed25519 public keys.
    pub keys: alloc::vec::Vec<[u8; 32]>,
    /// Whether an unsigned snapshot is refused.
    pub require_signature: bool,
}

impl Trust {
    /// Believes these keys, and nothing unsigned as soon as there is one.
    #[must_use]
    pub fn new(keys: alloc::vec::Vec<[u8; 32]>) -> Self {
        let require_signature = !keys.is_empty();
        Self {
            keys,
            require_signature,
        }
    }
}

/// BLAKE3 of the header up to its digest, the directory and the chunk table section.
#[must_use]
pub fn header_digest(header: &[u8], directory: &[u8], chunk_table: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(header.get(..DIGEST_AT).unwrap_or(header));
    hasher.update(directory);
    hasher.update(chunk_table);
    *hasher.finalize().as_bytes()
}

/// BLAKE3 of one chunk of the body.
#[must_use]
pub fn chunk_digest(chunk: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for piece in chunk.chunks(HASHED_AT_ONCE) {
        hasher.update(piece);
    }
    *hasher.finalize().as_bytes()
}

/// Checks the signature against the trusted keys.
pub(crate) fn check_signature(
    bytes: &[u8],
    header: &Header,
    trust: &Trust,
) -> Result<bool, SnapshotError> {
    if !header.is_signed() {
        return if trust.require_signature {
            Err(SnapshotError::Unsigned)
        } else {
            Ok(false)
        };
    }
    if trust.keys.is_empty() && !trust.require_signature {
        return Ok(false);
    }
    if !trust.keys.contains(&header.signer) {
        return Err(SnapshotError::UntrustedSigner {
            signer: super::header::bytes_at(&header.signer, 0),
        });
    }
    let key = ed25519_dalek::VerifyingKey::from_bytes(&header.signer)
        .map_err(|_| SnapshotError::BadTrustedKey)?;
    let signature = ed25519_dalek::Signature::from_bytes(&header.signature);
    let mut message = [0_u8; SIGNING_CONTEXT.len() + SIGNATURE_AT];
    let (context, signed) = message.split_at_mut(SIGNING_CONTEXT.len());
    context.copy_from_slice(SIGNING_CONTEXT);
    signed.copy_from_slice(&super::header::bytes_at::<SIGNATURE_AT>(bytes, 0));
    // Strict: no small-order keys, no malleable encodings.
    key.verify_strict(&message, &signature)
        .map_err(|_| SnapshotError::BadSignature)?;
    Ok(true)
}

/// Remembers which chunks have been checked.
#[derive(Debug)]
pub(crate) struct ChunkGuard<'a> {
    bytes: &'a [u8],
    digests: &'a [[u8; 32]],
    body_at: usize,
    checked: Box<[Cell<u64>]>,
    damaged: Cell<Option<usize>>,
}

impl<'a> ChunkGuard<'a> {
    pub(crate) fn new(bytes: &'a [u8], digests: &'a [[u8; 32]], body_at: usize) -> Self {
        let words = digests.len().div_ceil(64);
        Self {
            bytes,
            digests,
            body_at,
            checked: (0..words).map(|_| Cell::new(0)).collect(),
            damaged: Cell::new(None),
        }
    }

    /// Which chunks have been checked: bit `n % 64` of word `n / 64` stands for chunk `n`.
    pub(crate) fn checked(&self) -> &[Cell<u64>] {
        &self.checked
    }

    /// A chunk that was touched and turned out to be wrong.
    pub(crate) fn damage(&self) -> Option<SnapshotError> {
        self.damaged
            .get()
            .map(|chunk| SnapshotError::ChunkMismatch {
                chunk: chunk as u64,
                offset: self.body_at.saturating_add(chunk.saturating_mul(CHUNK_LEN)) as u64,
            })
    }

    /// Checks the chunks under `count` rows of `size` bytes, from row `first` of a table that begins
    /// at `at`. False: at least one is wrong. Rows are read in many places, so it is not inlined.
    #[inline(never)]
    pub(crate) fn touch(&self, at: usize, size: usize, first: usize, count: usize) -> bool {
        let from = at
            .saturating_add(size.saturating_mul(first))
            .saturating_sub(self.body_at);
        let len = size.saturating_mul(count);
        let first = from / CHUNK_LEN;
        let last = from.saturating_add(len.saturating_sub(1)) / CHUNK_LEN;
        (first == last && self.is_checked(first)) || self.check_all(first, last)
    }

    #[inline]
    fn is_checked(&self, chunk: usize) -> bool {
        self.checked
            .get(chunk / 64)
            .is_some_and(|word| word.get() >> (chunk % 64) & 1 == 1)
    }

    #[cold]
    fn check_all(&self, first: usize, last: usize) -> bool {
        (first..=last).all(|chunk| self.is_checked(chunk) || self.check(chunk))
    }

    fn check(&self, chunk: usize) -> bool {
        let start = self.body_at.saturating_add(chunk.saturating_mul(CHUNK_LEN));
        let end = start.saturating_add(CHUNK_LEN).min(self.bytes.len());
        let good = match (self.bytes.get(start..end), self.digests.get(chunk)) {
            (Some(bytes), Some(digest)) => chunk_digest(bytes) == *digest,
            _ => false,
        };
        match self.checked.get(chunk / 64) {
            Some(word) if good => word.set(word.get() | 1 << (chunk % 64)),
            _ => self.damaged.set(Some(chunk)),
        }
        good
    }
}

/// Checks these chunks.
pub(crate) fn check_chunks(
    bytes: &[u8],
    digests: &[[u8; 32]],
    body_at: usize,
    numbers: Range<usize>,
) -> Result<(), SnapshotError> {
    let body = bytes.get(body_at..).unwrap_or(&[]);
    if body.len().div_ceil(CHUNK_LEN) != digests.len() {
        return Err(SnapshotError::Layout {
            offset: HEADER_LEN as u64,
            what: "chunk table does not cover the body",
        });
    }
    let chunks = body.chunks(CHUNK_LEN).zip(digests).enumerate();
    for (number, (chunk, digest)) in chunks.skip(numbers.start).take(numbers.len()) {
        if chunk_digest(chunk) != *digest {
            let offset = body_at.saturating_add(number.saturating_mul(CHUNK_LEN)) as u64;
            return Err(SnapshotError::ChunkMismatch {
                chunk: number as u64,
                offset,
            });
        }
    }
    Ok(())
}
