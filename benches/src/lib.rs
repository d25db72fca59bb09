//! What the measuring program is made of: data, rounds that alternate, and what is measured.

#![forbid(unsafe_code)]

pub mod clock;
pub mod dataset;
pub mod events;
pub mod formats;
pub mod groups;
pub mod module;
pub mod peer;
pub mod plot;
pub mod random;
pub mod record;
pub mod rounds;

use std::path::PathBuf;

/// Lines of one batch.
pub const BATCH: usize = 64;

/// A file of the repository.
#[must_use]
pub fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(path)
}

/// Lines in batches of [`BATCH`].
#[must_use]
pub fn batches(lines: &[u8]) -> Vec<Vec<u8>> {
    in_batches(lines, BATCH)
}

/// Lines in batches of so many.
#[must_use]
pub fn in_batches(lines: &[u8], size: usize) -> Vec<Vec<u8>> {
    let lines: Vec<&[u8]> = lines.split_inclusive(|byte| *byte == b'\n').collect();
    lines.chunks(size).map(<[&[u8]]>::concat).collect()
}

/// Bytes that start at a multiple of 64.
#[derive(Clone, Debug)]
pub struct Aligned {
    bytes: Vec<u8>,
    from: usize,
    len: usize,
}

impl Aligned {
    /// A copy of the bytes, aligned.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        let mut buffer = vec![0; bytes.len() + 64];
        let from = buffer.as_ptr().align_offset(64);
        buffer[from..from + bytes.len()].copy_from_slice(bytes);
        Self {
            bytes: buffer,
            from,
            len: bytes.len(),
        }
    }

    /// The bytes.
    #[must_use]
    pub fn get(&self) -> &[u8] {
        &self.bytes[self.from..self.from + self.len]
    }
}
