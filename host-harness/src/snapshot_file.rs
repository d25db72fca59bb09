//! A snapshot's bytes in host memory, and the one place that brings them into a guest.
//!
//! Bytes are copied today. Mapping the file over guest memory would change [`place`] and nothing
//! else.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use crate::abi::SNAPSHOT_ALIGN;
use crate::error::{Cause, HarnessError};
use crate::guest::Guest;
use crate::text::printable;

const ALIGN: usize = SNAPSHOT_ALIGN as usize;

/// The bytes of one snapshot and the name that messages give it. Cloning shares the bytes.
#[derive(Clone)]
pub struct SnapshotFile {
    name: Arc<str>,
    /// The snapshot starts at `start`, a multiple of 64 in memory.
    buffer: Arc<Vec<u8>>,
    start: usize,
}

impl std::fmt::Debug for SnapshotFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SnapshotFile")
            .field("name", &self.name)
            .field("len", &self.bytes().len())
            .finish()
    }
}

impl SnapshotFile {
    /// Reads a file.
    ///
    /// # Errors
    /// [`HarnessError::SnapshotUnreadable`]. What the bytes say is for the guest to judge.
    pub fn read(path: &Path) -> Result<Self, HarnessError> {
        let name = printable(&path.display().to_string(), 512);
        Self::read_aligned(path)
            .map(|(buffer, start)| Self {
                name: name.as_str().into(),
                buffer: Arc::new(buffer),
                start,
            })
            .map_err(|error| HarnessError::SnapshotUnreadable {
                file: name,
                cause: Cause::new(error),
            })
    }

    fn read_aligned(path: &Path) -> std::io::Result<(Vec<u8>, usize)> {
        let mut file = std::fs::File::open(path)?;
        let expected = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        let mut buffer = Vec::new();
        buffer
            .try_reserve_exact(expected.saturating_add(ALIGN + 1))
            .map_err(std::io::Error::other)?;
        let start = padding(&buffer);
        buffer.resize(start, 0);
        file.read_to_end(&mut buffer)?;
        // A file that grew while it was read moved the buffer.
        if padding(&buffer[start..]) == 0 {
            Ok((buffer, start))
        } else {
            Ok(aligned(&buffer[start..]))
        }
    }

    /// Takes bytes from memory.
    #[must_use]
    pub fn from_bytes(name: &str, bytes: &[u8]) -> Self {
        let (buffer, start) = aligned(bytes);
        Self {
            name: printable(name, 512).into(),
            buffer: Arc::new(buffer),
            start,
        }
    }

    /// The name that messages give it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The bytes; they start at a multiple of 64.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..]
    }
}

/// Bytes to skip until the next multiple of 64.
fn padding(bytes: &[u8]) -> usize {
    (bytes.as_ptr() as usize).wrapping_neg() % ALIGN
}

fn aligned(bytes: &[u8]) -> (Vec<u8>, usize) {
    let mut buffer = Vec::with_capacity(bytes.len() + ALIGN);
    let start = padding(&buffer);
    buffer.resize(start, 0);
    buffer.extend_from_slice(bytes);
    (buffer, start)
}

/// A snapshot inside a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) ptr: u32,
    pub(crate) len: u32,
    /// What was allocated: at least one byte, so that an empty file still gets the guest's verdict.
    allocated: u32,
}

/// Brings a snapshot into guest memory, at a multiple of 64.
pub(crate) fn place(guest: &mut Guest, snapshot: &SnapshotFile) -> Result<Placed, HarnessError> {
    let bytes = snapshot.bytes();
    let too_large = |cap| HarnessError::SnapshotTooLarge {
        file: snapshot.name().to_owned(),
        need: bytes.len(),
        cap,
    };
    let Ok(len) = u32::try_from(bytes.len()) else {
        return Err(too_large(guest.cap()));
    };
    let allocated = len.max(1);
    let Some(ptr) = guest.alloc(allocated as usize, SNAPSHOT_ALIGN)? else {
        return Err(too_large(guest.cap()));
    };
    guest.write(ptr, bytes)?;
    Ok(Placed {
        ptr,
        len,
        allocated,
    })
}

/// Gives the room of a snapshot back, after it was refused or detached.
pub(crate) fn remove(guest: &mut Guest, placed: Placed) -> Result<(), HarnessError> {
    guest.free(placed.ptr, placed.allocated, SNAPSHOT_ALIGN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_aligned_and_whole() {
        for len in [0, 1, 63, 64, 65, 10_000] {
            let bytes: Vec<u8> = (0..len).map(|at| at as u8).collect();
            let file = SnapshotFile::from_bytes("x", &bytes);
            assert_eq!(file.bytes(), bytes);
            assert_eq!(file.bytes().as_ptr() as usize % 64, 0);
            assert_eq!(file.clone().bytes().as_ptr(), file.bytes().as_ptr());

            let mut on_disk = tempfile::NamedTempFile::new().expect("a temporary file");
            std::io::Write::write_all(&mut on_disk, &bytes).expect("written");
            let file = SnapshotFile::read(on_disk.path()).expect("read");
            assert_eq!(file.bytes(), bytes);
            assert_eq!(file.bytes().as_ptr() as usize % 64, 0);
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let error =
            SnapshotFile::read(Path::new("no-such-dir/x.whose")).expect_err("there is none");
        assert_eq!(
            error.to_string(),
            "snapshot no-such-dir/x.whose cannot be read"
        );
    }
}
