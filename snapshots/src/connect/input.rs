//! One file of a source, opened when it is read and never held as a whole: plain, gzip or zstd (told
//! by their first bytes), with or without a byte order mark; `-` is standard input.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// How many bytes of a file decide which connector it looks like.
const LOOK: usize = 1 << 20;
/// Bytes that are asked of the system at once.
const CHUNK: usize = 1 << 17;

/// One file of a source.
#[derive(Clone, Debug)]
pub struct Input {
    path: PathBuf,
    origin: Origin,
}

#[derive(Clone, Debug)]
enum Origin {
    File,
    Memory(Arc<[u8]>),
    /// What was looked at before the reading began; `taken` once it has begun.
    Stdin(Arc<Mutex<Stdin>>),
}

#[derive(Debug, Default)]
struct Stdin {
    looked_at: Option<Arc<[u8]>>,
    taken: bool,
}

impl Input {
    /// A file; `-` is standard input, which can be read once.
    #[must_use]
    pub fn file(path: &Path) -> Self {
        let origin = if path.as_os_str() == "-" {
            Origin::Stdin(Arc::default())
        } else {
            Origin::File
        };
        Self {
            path: path.to_owned(),
            origin,
        }
    }

    /// Bytes that are at hand, under a name for messages.
    #[must_use]
    pub fn memory(path: &Path, bytes: &[u8]) -> Self {
        Self {
            path: path.to_owned(),
            origin: Origin::Memory(bytes.into()),
        }
    }

    /// Where it is read from, for messages.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The bytes as they lie in the file.
    ///
    /// # Errors
    /// What the system says; standard input that was read before.
    pub fn raw(&self) -> io::Result<Box<dyn Read>> {
        Ok(match &self.origin {
            Origin::File => Box::new(File::open(&self.path)?),
            Origin::Memory(bytes) => Box::new(Cursor::new(Arc::clone(bytes))),
            Origin::Stdin(state) => {
                let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                if std::mem::replace(&mut state.taken, true) {
                    return Err(io::Error::other("standard input was read before"));
                }
                match &state.looked_at {
                    Some(bytes) => Box::new(Cursor::new(Arc::clone(bytes)).chain(io::stdin())),
                    None => Box::new(io::stdin()),
                }
            }
        })
    }

    /// Whether it can be opened.
    ///
    /// # Errors
    /// What the system says.
    pub fn probe(&self) -> io::Result<()> {
        match &self.origin {
            Origin::File => File::open(&self.path).map(|_| ()),
            Origin::Memory(_) | Origin::Stdin(_) => Ok(()),
        }
    }

    /// The text: unpacked, without a byte order mark.
    ///
    /// # Errors
    /// What the system says; a packing or an encoding that is not read.
    pub fn open(&self) -> io::Result<Box<dyn BufRead>> {
        unpacked(self.raw()?)
    }

    /// The first bytes of the text, at most a mebibyte. Damage further on does not show here.
    ///
    /// # Errors
    /// What the system says; a packing or an encoding that is not read.
    pub fn head(&self) -> io::Result<Vec<u8>> {
        let raw: Box<dyn Read> = match &self.origin {
            Origin::Stdin(state) => {
                let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                let bytes = match &state.looked_at {
                    Some(bytes) => Arc::clone(bytes),
                    None if state.taken => return Ok(Vec::new()),
                    None => {
                        let mut bytes = Vec::new();
                        io::stdin().take(LOOK as u64).read_to_end(&mut bytes)?;
                        Arc::from(bytes)
                    }
                };
                state.looked_at = Some(Arc::clone(&bytes));
                Box::new(Cursor::new(bytes))
            }
            _ => self.raw()?,
        };
        let mut reader = unpacked(raw)?;
        let mut head = vec![0; LOOK];
        let mut filled = 0;
        while filled < LOOK {
            match reader.read(&mut head[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // What could be unpacked is enough to look at.
                Err(_) if filled > 0 => break,
                Err(error) => return Err(error),
            }
        }
        head.truncate(filled);
        Ok(head)
    }
}

/// Takes gzip, zstd and a byte order mark off; names what is packed or encoded in another way.
fn unpacked(raw: Box<dyn Read>) -> io::Result<Box<dyn BufRead>> {
    let (magic, raw) = peek(raw)?;
    let refused = |what: &str| Err(io::Error::new(io::ErrorKind::InvalidData, what));
    let (start, text): (_, Box<dyn Read>) = match magic.as_slice() {
        [0x1F, 0x8B, ..] => {
            let packed = BufReader::with_capacity(CHUNK, raw);
            let unpacked = flate2::bufread::MultiGzDecoder::new(packed);
            peek(Box::new(Named("gzip", unpacked)))?
        }
        [0x28, 0xB5, 0x2F, 0xFD] => {
            let packed = BufReader::with_capacity(CHUNK, raw);
            peek(Box::new(Named(
                "zstd",
                zstd::stream::read::Decoder::with_buffer(packed)?,
            )))?
        }
        [b'P', b'K', 3, 4] => return refused("it is a zip archive; unpack it first"),
        [b'B', b'Z', b'h', _] => return refused("it is packed with bzip2; unpack it first"),
        [0xFD, b'7', b'z', b'X'] => return refused("it is packed with xz; unpack it first"),
        _ => (magic, raw),
    };
    if let [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] = start.as_slice() {
        return refused(
            "it is UTF-16, as PowerShell's > writes it; save it as UTF-8 (Out-File -Encoding utf8)",
        );
    }
    let mut reader = BufReader::with_capacity(CHUNK, text);
    if start.starts_with(b"\xEF\xBB\xBF") {
        io::copy(&mut reader.by_ref().take(3), &mut io::sink())?;
    }
    Ok(Box::new(reader))
}

/// The first four bytes, and a reader that still has them.
fn peek(mut raw: Box<dyn Read>) -> io::Result<(Vec<u8>, Box<dyn Read>)> {
    let mut start = Vec::with_capacity(4);
    raw.by_ref().take(4).read_to_end(&mut start)?;
    let reader = Cursor::new(start.clone()).chain(raw);
    Ok((start, Box::new(reader)))
}

/// A decoder whose errors say which packing is damaged, and how.
struct Named<R>(&'static str, R);

impl<R: Read> Read for Named<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.1.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => error,
            io::ErrorKind::UnexpectedEof => io::Error::new(
                error.kind(),
                format!("its {} data ends early: the file is truncated", self.0),
            ),
            kind => io::Error::new(kind, format!("its {} data is damaged: {error}", self.0)),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(text).unwrap();
        packer.finish().unwrap()
    }

    fn read(bytes: &[u8]) -> io::Result<String> {
        let mut text = String::new();
        Input::memory(Path::new("x"), bytes)
            .open()?
            .read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn packed_text_reads_as_the_text() {
        let text = "[1, 2]\n".repeat(5000);
        let mut two_members = gzip(&text.as_bytes()[..7]);
        two_members.extend(gzip(&text.as_bytes()[7..]));
        let packed = zstd::encode_all(text.as_bytes(), 1).unwrap();
        let mut marked = b"\xEF\xBB\xBF".to_vec();
        marked.extend(text.as_bytes());
        for bytes in [
            text.as_bytes(),
            &gzip(text.as_bytes()),
            &two_members,
            &packed,
            &marked,
            &gzip(&marked),
        ] {
            assert_eq!(read(bytes).unwrap(), text);
        }
        assert_eq!(read(b"").unwrap(), "");
        assert_eq!(read(b"{}").unwrap(), "{}");
    }

    #[test]
    fn damage_is_named() {
        let whole = gzip("text".repeat(1000).as_bytes());
        let packed = zstd::encode_all("text".repeat(1000).as_bytes(), 1).unwrap();
        for (bytes, words) in [
            (&whole[..whole.len() / 2], "gzip data ends early"),
            (&packed[..packed.len() / 2], "zstd data ends early"),
            (&b"PK\x03\x04rest"[..], "zip archive"),
            (&b"\xFF\xFE{\0"[..], "UTF-16"),
        ] {
            let error = read(bytes).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn the_head_of_a_truncated_file_can_be_looked_at() {
        let noise: String = (0..200_000_u32)
            .map(|n| format!("{:x},", n.wrapping_mul(2_654_435_761)))
            .collect();
        let mut whole = gzip(noise.as_bytes());
        whole.truncate(whole.len() / 2);
        let head = Input::memory(Path::new("x"), &whole).head().unwrap();
        assert!(head.len() > 1000 && noise.as_bytes().starts_with(&head));
    }
}
