//! A snapshot's bytes on the host's side: mapped from a file that stays open, or copied.
//!
//! A file is mapped only when it is a regular one whose owner and mode say that nobody writes to it
//! but who may administer this process anyway: whoever truncates a mapped file ends the process that
//! reads it.

use std::fs::{File, Metadata};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use crate::abi::{SNAPSHOT_ALIGN, WASM_PAGE};
use crate::error::{Cause, HarnessError};
use crate::mapping::View;
use crate::stamp::{Stamp, Watch};
use crate::text::printable;

const ALIGN: usize = SNAPSHOT_ALIGN as usize;

/// How a snapshot's file is brought into memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// Mapped where that is possible and safe, else copied.
    #[default]
    Mapped,
    /// Copied: the file may then be changed or deleted.
    Copied,
}

/// The bytes of one snapshot and the name that messages give it. Cloning shares the bytes.
#[derive(Clone)]
pub struct SnapshotFile {
    name: Arc<str>,
    bytes: Bytes,
    /// Why it was copied although it was to be mapped.
    reason: Option<Arc<str>>,
}

#[derive(Clone)]
enum Bytes {
    /// The snapshot starts at `start`, a multiple of 64 in memory.
    Copied { buffer: Arc<Vec<u8>>, start: usize },
    /// A view starts at a page.
    Mapped(Arc<Mapped>),
}

/// A file that is open and mapped.
struct Mapped {
    file: File,
    view: View,
    watch: Watch,
}

impl std::fmt::Debug for SnapshotFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SnapshotFile")
            .field("name", &self.name)
            .field("len", &self.bytes().len())
            .field("is_mapped", &self.is_mapped())
            .finish()
    }
}

impl SnapshotFile {
    /// Opens a file. With [`Access::Mapped`] it stays open, nothing is read yet, and all instances
    /// that it is attached to share its pages; [`Self::copied_because`] says why it was copied
    /// nevertheless.
    ///
    /// Publish a newer snapshot under the same name by renaming it into place: the file that is
    /// mapped then stays as it was until it is let go. One that is written in place is refused from the next
    /// batch on ([`HarnessError::SnapshotChanged`]); one that is truncated between that check and the
    /// reading ends the process (SIGBUS).
    ///
    /// # Errors
    /// [`HarnessError::SnapshotUnreadable`]. What the bytes say is for the guest to judge.
    pub fn open(path: &Path, access: Access) -> Result<Self, HarnessError> {
        let name = printable(&path.display().to_string(), 512);
        Self::open_as(&name, path, access).map_err(|error| HarnessError::SnapshotUnreadable {
            file: name,
            cause: Cause::new(error),
        })
    }

    /// Reads a file into memory.
    ///
    /// # Errors
    /// [`HarnessError::SnapshotUnreadable`]. What the bytes say is for the guest to judge.
    pub fn read(path: &Path) -> Result<Self, HarnessError> {
        Self::open(path, Access::Copied)
    }

    fn open_as(name: &str, path: &Path, access: Access) -> std::io::Result<Self> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        let reason = match access {
            Access::Copied => None,
            Access::Mapped => match unsafe_to_map(&metadata) {
                Some(reason) => Some(reason.to_owned()),
                None => match map(file.try_clone()?, &metadata) {
                    Ok(mapped) => {
                        return Ok(Self {
                            name: name.into(),
                            bytes: Bytes::Mapped(Arc::new(mapped)),
                            reason: None,
                        });
                    }
                    Err(error) => Some(printable(&format!("it cannot be mapped: {error}"), 200)),
                },
            },
        };
        let (buffer, start) = read_aligned(file, &metadata)?;
        Ok(Self {
            name: name.into(),
            bytes: Bytes::Copied {
                buffer: Arc::new(buffer),
                start,
            },
            reason: reason.map(Arc::from),
        })
    }

    /// Takes bytes from memory.
    #[must_use]
    pub fn from_bytes(name: &str, bytes: &[u8]) -> Self {
        let (buffer, start) = aligned(bytes);
        Self {
            name: printable(name, 512).into(),
            bytes: Bytes::Copied {
                buffer: Arc::new(buffer),
                start,
            },
            reason: None,
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
        match &self.bytes {
            Bytes::Copied { buffer, start } => &buffer[*start..],
            Bytes::Mapped(mapped) => &mapped.view,
        }
    }

    /// Whether the bytes are the file's own pages.
    #[must_use]
    pub const fn is_mapped(&self) -> bool {
        matches!(self.bytes, Bytes::Mapped(_))
    }

    /// Why the bytes were copied although mapping was asked for.
    #[must_use]
    pub fn copied_because(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// The file, when it is mapped.
    pub(crate) fn file(&self) -> Option<&File> {
        match &self.bytes {
            Bytes::Copied { .. } => None,
            Bytes::Mapped(mapped) => Some(&mapped.file),
        }
    }

    /// Bytes of a guest's memory that it takes: mapped, whole pages of WebAssembly.
    pub(crate) fn room(&self) -> usize {
        let len = self.bytes().len();
        if self.is_mapped() {
            len.saturating_add(WASM_PAGE - 1) / WASM_PAGE * WASM_PAGE
        } else {
            len
        }
    }

    /// Whether a mapped file still is what was opened; what was copied always is.
    ///
    /// # Errors
    /// [`HarnessError::SnapshotChanged`]; from then on always.
    pub fn check_unchanged(&self) -> Result<(), HarnessError> {
        let Bytes::Mapped(mapped) = &self.bytes else {
            return Ok(());
        };
        mapped
            .watch
            .check(&mapped.file, &mapped.view)
            .map_err(|what| HarnessError::SnapshotChanged {
                file: self.name.as_ref().to_owned(),
                what,
            })
    }
}

/// Why a file is not to be mapped.
#[cfg(unix)]
fn unsafe_to_map(metadata: &Metadata) -> Option<&'static str> {
    use std::os::unix::fs::MetadataExt;

    const WRITABLE_BY_OTHERS: u32 = 0o002;
    if !metadata.is_file() {
        return Some("it is not a regular file");
    }
    if metadata.mode() & WRITABLE_BY_OTHERS != 0 {
        return Some("everybody may write to it");
    }
    if metadata.uid() != 0 && metadata.uid() != rustix::process::geteuid().as_raw() {
        return Some("it belongs to another user");
    }
    None
}

/// Why a file is not to be mapped.
#[cfg(not(unix))]
fn unsafe_to_map(_: &Metadata) -> Option<&'static str> {
    Some("this platform maps no files into a guest's memory")
}

fn map(file: File, metadata: &Metadata) -> std::io::Result<Mapped> {
    let len = usize::try_from(metadata.len()).map_err(std::io::Error::other)?;
    let view = View::of(&file, len)?;
    let watch = Watch::new(Stamp::of(metadata), &view);
    Ok(Mapped { file, view, watch })
}

fn read_aligned(mut file: File, metadata: &Metadata) -> std::io::Result<(Vec<u8>, usize)> {
    let expected = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
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
            for access in [Access::Copied, Access::Mapped] {
                let file = SnapshotFile::open(on_disk.path(), access).expect("read");
                assert_eq!(file.bytes(), bytes);
                assert_eq!(file.is_mapped(), access == Access::Mapped && cfg!(unix));
                // An empty slice has no place.
                assert!(len == 0 || file.bytes().as_ptr() as usize % 64 == 0);
                assert_eq!(file.check_unchanged(), Ok(()));
            }
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        for access in [Access::Copied, Access::Mapped] {
            let error = SnapshotFile::open(Path::new("no-such-dir/x.whose"), access)
                .expect_err("there is none");
            assert_eq!(
                error.to_string(),
                "snapshot no-such-dir/x.whose cannot be read"
            );
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_strangers_may_write_is_copied() {
        use std::os::unix::fs::PermissionsExt;

        let on_disk = tempfile::NamedTempFile::new().expect("a temporary file");
        let mode = std::fs::Permissions::from_mode(0o646);
        std::fs::set_permissions(on_disk.path(), mode).expect("set");
        let file = SnapshotFile::open(on_disk.path(), Access::Mapped).expect("read");
        assert!(!file.is_mapped());
        assert_eq!(file.copied_because(), Some("everybody may write to it"));
    }
}
