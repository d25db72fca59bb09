//! Packed input: gzip and zstd, told by their first bytes, are unpacked while they are read.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::rc::Rc;

/// Bytes that are asked of the system at once.
const CHUNK: usize = 128 << 10;

/// How input is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    Gzip,
    Zstd,
}

impl Packing {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// What the first bytes say. `Err` when they are too few to tell.
fn packing(start: &[u8]) -> Result<Option<Packing>, ()> {
    match start {
        [0x1F, 0x8B, ..] => Ok(Some(Packing::Gzip)),
        // A frame of data, or one to be skipped, which parallel packers write first.
        [0x28, 0xB5, 0x2F, 0xFD, ..] | [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..] => {
            Ok(Some(Packing::Zstd))
        }
        [] | [0x1F] | [0x28] | [0x28, 0xB5] | [0x28, 0xB5, 0x2F] => Err(()),
        [0x50..=0x5F] | [0x50..=0x5F, 0x2A] | [0x50..=0x5F, 0x2A, 0x4D] => Err(()),
        _ => Ok(None),
    }
}

/// A reader of what `raw` holds, unpacked when it is packed. Waits for no more bytes than it needs to
/// tell, so that a slow pipe is not held up.
pub(crate) fn unpacked<'r>(mut raw: impl Read + 'r) -> io::Result<Box<dyn Read + 'r>> {
    let mut start = vec![0; CHUNK];
    let mut filled = 0;
    let packing = loop {
        match packing(&start[..filled]) {
            Ok(packing) => break packing,
            Err(()) => match raw.read(&mut start[filled..]) {
                Ok(0) => break None,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            },
        }
    };
    start.truncate(filled);
    let whole = Cursor::new(start).chain(raw);
    let Some(packing) = packing else {
        return Ok(Box::new(whole));
    };
    let at = Rc::new(Cell::new(0));
    let packed = Counted {
        packed: BufReader::with_capacity(CHUNK, whole),
        at: Rc::clone(&at),
    };
    let unpacker: Box<dyn Read + 'r> = match packing {
        Packing::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(packed)),
        Packing::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(packed)?),
    };
    Ok(Box::new(Unpacker {
        packing,
        unpacker,
        at,
    }))
}

/// Counts the packed bytes that were taken.
struct Counted<R> {
    packed: R,
    at: Rc<Cell<u64>>,
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.packed.read(into)?;
        self.at.set(self.at.get() + read as u64);
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.packed.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.packed.consume(count);
        self.at.set(self.at.get() + count as u64);
    }
}

/// An unpacker whose errors say what is damaged, and where.
struct Unpacker<'r> {
    packing: Packing,
    unpacker: Box<dyn Read + 'r>,
    at: Rc<Cell<u64>>,
}

impl Read for Unpacker<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.unpacker.read(into).map_err(|error| {
            let (packing, at) = (self.packing.as_str(), self.at.get());
            let what = match error.kind() {
                io::ErrorKind::Interrupted => return error,
                io::ErrorKind::UnexpectedEof => {
                    format!("its {packing} data ends early, at byte {at}: it was cut off")
                }
                _ => format!("its {packing} data is damaged before byte {at}: {error}"),
            };
            io::Error::new(error.kind(), what)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const TEXT: &[u8] = b"{\"a\":1}\n{\"b\":2}\n";

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(text).expect("packed");
        packer.finish().expect("packed")
    }

    fn read(packed: &[u8]) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        unpacked(packed)?.read_to_end(&mut text).map(|_| text)
    }

    #[test]
    fn packings_are_told_by_their_first_bytes() {
        let zstd = zstd::encode_all(TEXT, 1).expect("packed");
        let two = [gzip(TEXT), gzip(b"x")].concat();
        let skipped = [b"\x50\x2A\x4D\x18\x02\0\0\0ab", &zstd[..]].concat();
        for (packed, text) in [
            (&gzip(TEXT)[..], TEXT),
            (&two, b"{\"a\":1}\n{\"b\":2}\nx"),
            (&zstd, TEXT),
            (&skipped, TEXT),
            (TEXT, TEXT),
            (b"", b""),
            (b"(", b"("),
            (b"(\xB5/x", b"(\xB5/x"),
            (b"P", b"P"),
        ] {
            assert_eq!(read(packed).expect("reads"), text);
        }
    }

    #[test]
    fn damage_is_told_with_its_place() {
        let noise: Vec<u8> = (0..400_000_u32)
            .map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8)
            .collect();
        for (packed, name) in [
            (gzip(&noise), "gzip"),
            (zstd::encode_all(&noise[..], 1).expect("packed"), "zstd"),
        ] {
            let cut = &packed[..packed.len() / 2];
            assert_eq!(
                read(cut).expect_err("cut off").to_string(),
                format!(
                    "its {name} data ends early, at byte {}: it was cut off",
                    cut.len()
                )
            );
            let mut damaged = packed.clone();
            let middle = damaged.len() / 2;
            damaged[middle..middle + 64].fill(0xFF);
            let text = read(&damaged).expect_err("damaged").to_string();
            let start = format!("its {name} data is damaged before byte ");
            assert!(text.starts_with(&start), "{text}");
        }
    }

    #[test]
    fn a_slow_pipe_is_not_held_up() {
        /// Gives one line and must not be asked again.
        struct Once(bool);
        impl Read for Once {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                assert!(!std::mem::replace(&mut self.0, true), "asked twice");
                into[..3].copy_from_slice(b"{}\n");
                Ok(3)
            }
        }
        let mut into = [0; 64];
        let read = unpacked(Once(false)).expect("plain").read(&mut into);
        assert_eq!((read.expect("read"), &into[..3]), (3, &b"{}\n"[..]));
    }
}
