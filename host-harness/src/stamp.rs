//! Whether a mapped file still is what was opened.
//!
//! Length and time of the last change of content must stay. The time of the last change of the file's
//! own record (ctime) also moves when it is renamed, linked or replaced by a rename, which is how
//! snapshots are published, and cannot be set back by anybody: when it alone has moved, the bytes are held
//! against their digests once.

use std::fs::{File, Metadata};
use std::sync::{Mutex, PoisonError};

use enrich_core::snapshot::{Check, Header, Snapshot, Trust};

/// What the system says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Device and number. They belong to the open file and cannot change while it is open; on
    /// network file systems they can, when the server forgets it.
    file: (u64, u64),
    len: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
    /// The same, of the record.
    recorded: (i64, i64),
}

impl Stamp {
    #[cfg(unix)]
    pub(crate) fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;

        Self {
            file: (metadata.dev(), metadata.ino()),
            len: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            recorded: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    #[cfg(not(unix))]
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self {
            file: (0, 0),
            len: metadata.len(),
            modified: (0, 0),
            recorded: (0, 0),
        }
    }
}

/// The stamp that a file must keep, and the verdict once it has not.
#[derive(Debug)]
pub(crate) struct Watch {
    verdict: Mutex<Result<Stamp, String>>,
    /// The digest in the header; `None` of what is no snapshot.
    digest: Option<[u8; 32]>,
}

impl Watch {
    /// `bytes` are the file's.
    pub(crate) fn new(stamp: Stamp, bytes: &[u8]) -> Self {
        Self {
            verdict: Mutex::new(Ok(stamp)),
            digest: digest(bytes),
        }
    }

    /// Holds an open file against its stamp; in words what has changed.
    pub(crate) fn check(&self, file: &File, bytes: &[u8]) -> Result<(), String> {
        // A file that cannot be asked is no file to read from either.
        let now = file
            .metadata()
            .map(|metadata| Stamp::of(&metadata))
            .map_err(|error| format!("the system does not answer for it any more: {error}"))?;
        let mut verdict = self.verdict.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = match &*verdict {
            Ok(kept) if *kept == now => return Ok(()),
            Ok(kept) => *kept,
            Err(what) => return Err(what.clone()),
        };
        *verdict = self.compare(kept, now, bytes).map(|()| now);
        verdict.clone().map(|_| ())
    }

    fn compare(&self, kept: Stamp, now: Stamp, bytes: &[u8]) -> Result<(), String> {
        if now.len != kept.len {
            return Err(format!("it had {} bytes and has {}", kept.len, now.len));
        }
        if now.file != kept.file {
            return Err("it is another file".into());
        }
        if now.modified != kept.modified {
            return Err("it was written to".into());
        }
        if digest(bytes) != self.digest {
            return Err("its digest is another".into());
        }
        // Signatures were judged when it was attached; the digest that they cover is the same.
        match Snapshot::open(bytes, Check::All, &Trust::default()) {
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }
}

fn digest(bytes: &[u8]) -> Option<[u8; 32]> {
    Header::parse(bytes).ok().map(|header| header.digest)
}
