//! What a guest takes of WASI preview 1: files of the folders that the host opens to it, the clock, and
//! lines for the host's log. The functions are imported as they are; no C library stands between.

use core::fmt::Write as _;

/// The first descriptor that can be a folder; the three before it are the standard streams.
const FIRST_FOLDER: i32 = 3;
/// Most folders that are looked at. A host that calls every descriptor a folder comes to an end.
const MAX_FOLDERS: i32 = 64;
/// Most bytes of one line of the log.
const MAX_LOG_LINE: usize = 1000;
/// Bytes of one read.
const PIECE: usize = 1 << 20;

/// Read, seek and ask for the size: all that is asked of a file.
const RIGHTS: i64 = (1 << 1) | (1 << 2) | (1 << 21);
const ERRNO_NOENT: i32 = 44;
const CLOCK_REALTIME: i32 = 0;

/// Standard output.
#[cfg(feature = "exec-wasi")]
pub(crate) const STDOUT: i32 = 1;
const STDERR: i32 = 2;

#[repr(C)]
struct Piece {
    at: *const u8,
    len: usize,
}

#[repr(C)]
struct PieceToFill {
    at: *mut u8,
    len: usize,
}

#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    fn fd_prestat_get(fd: i32, prestat: *mut [u32; 2]) -> i32;
    fn path_open(
        fd: i32,
        lookup: i32,
        path: *const u8,
        path_len: usize,
        open: i32,
        rights: i64,
        inherited: i64,
        flags: i32,
        opened: *mut i32,
    ) -> i32;
    fn fd_filestat_get(fd: i32, stat: *mut [u64; 8]) -> i32;
    fn fd_read(fd: i32, pieces: *const PieceToFill, count: usize, read: *mut usize) -> i32;
    fn fd_write(fd: i32, pieces: *const Piece, count: usize, written: *mut usize) -> i32;
    fn fd_close(fd: i32) -> i32;
    fn clock_time_get(clock: i32, precision: i64, ns: *mut u64) -> i32;
}

/// A number of WASI that says what went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Errno(i32);

impl Errno {
    /// Whether there is no such file.
    pub(crate) fn is_missing(self) -> bool {
        self.0 == ERRNO_NOENT
    }
}

impl core::fmt::Display for Errno {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.0 {
            2 => formatter.write_str("access denied"),
            8 => formatter.write_str("no such descriptor"),
            29 => formatter.write_str("input or output error"),
            31 => formatter.write_str("it is a folder"),
            ERRNO_NOENT => formatter.write_str("no such file"),
            76 => formatter.write_str("not permitted by the host"),
            other => write!(formatter, "WASI error {other}"),
        }
    }
}

/// 0, or an error.
fn done(errno: i32) -> Result<(), Errno> {
    if errno == 0 {
        Ok(())
    } else {
        Err(Errno(errno))
    }
}

/// A folder that the host opened to the module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Folder(i32);

/// The folders that the host opened to the module, in its order.
pub(crate) fn folders() -> impl Iterator<Item = Folder> {
    (FIRST_FOLDER..FIRST_FOLDER + MAX_FOLDERS)
        .take_while(|fd| {
            let mut prestat = [0; 2];
            // SAFETY: the host writes the 8 bytes of a prestat, and `prestat` has them.
            unsafe { fd_prestat_get(*fd, &raw mut prestat) == 0 }
        })
        .map(Folder)
}

impl Folder {
    /// Opens a file in the folder for reading.
    pub(crate) fn open(self, name: &str) -> Result<File, Errno> {
        let mut fd = 0;
        // SAFETY: the host reads the name, which lives while the call lasts, and writes one number.
        done(unsafe {
            path_open(
                self.0,
                // Follow links: a snapshot is replaced by renaming one.
                1,
                name.as_ptr(),
                name.len(),
                0,
                RIGHTS,
                0,
                0,
                &raw mut fd,
            )
        })?;
        Ok(File(fd))
    }
}

/// An open file; closed when it is let go.
#[derive(Debug)]
pub(crate) struct File(i32);

impl Drop for File {
    fn drop(&mut self) {
        // SAFETY: takes a number only; it is the module's own descriptor, and not used after this.
        unsafe { fd_close(self.0) };
    }
}

impl File {
    /// How many bytes the file has.
    pub(crate) fn size(&self) -> Result<u64, Errno> {
        let mut stat = [0; 8];
        // SAFETY: the host writes the 64 bytes of a filestat, and `stat` has them, aligned to 8.
        done(unsafe { fd_filestat_get(self.0, &raw mut stat) })?;
        Ok(stat[4])
    }

    /// Fills the buffer in pieces; how many bytes there were, fewer when the file ends before.
    pub(crate) fn fill(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..)
            && !rest.is_empty()
        {
            let piece = PieceToFill {
                len: rest.len().min(PIECE),
                at: rest.as_mut_ptr(),
            };
            let mut read = 0;
            // SAFETY: the host reads one piece and writes at most its length to its address, which
            // is `rest`, borrowed exclusively while the call lasts.
            done(unsafe { fd_read(self.0, &raw const piece, 1, &raw mut read) })?;
            if read == 0 || read > piece.len {
                break;
            }
            filled += read;
        }
        Ok(filled)
    }
}

/// Writes everything, as far as the host takes it.
pub(crate) fn write(fd: i32, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        let piece = Piece {
            at: bytes.as_ptr(),
            len: bytes.len(),
        };
        let mut written = 0;
        // SAFETY: the host reads one piece and as many bytes as it says, which live while the call
        // lasts, and writes one number.
        done(unsafe { fd_write(fd, &raw const piece, 1, &raw mut written) })?;
        match bytes.get(written..) {
            Some(rest) if written > 0 => bytes = rest,
            _ => break,
        }
    }
    Ok(())
}

/// Milliseconds since 1970; `None` when the host has no clock.
pub(crate) fn now_ms() -> Option<i64> {
    let mut ns = 0;
    // SAFETY: the host writes one number of 8 bytes.
    let errno = unsafe { clock_time_get(CLOCK_REALTIME, 1_000_000, &raw mut ns) };
    let ms = i64::try_from(ns / 1_000_000).ok()?;
    (errno == 0 && ms > 0).then_some(ms)
}

/// One line for the host's log, on standard error. Text from outside may be in it: control characters
/// are replaced, and its length is bounded.
pub(crate) fn log(line: core::fmt::Arguments<'_>) {
    let mut text = LogLine(String::new());
    // Ends early when the line is full.
    let _ = write!(text, "whose: {line}");
    text.0.push('\n');
    // There is nowhere else to say it.
    let _ = write(STDERR, text.0.as_bytes());
}

struct LogLine(String);

impl core::fmt::Write for LogLine {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        for letter in text.chars() {
            if self.0.len() >= MAX_LOG_LINE {
                return Err(core::fmt::Error);
            }
            self.0.push(if letter.is_control() { '?' } else { letter });
        }
        Ok(())
    }
}
