//! Input in batches of whole lines, byte for byte as it came.

use std::io::{self, Read};

use memchr::{memchr, memrchr};

/// How input is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BatchSize {
    /// Bytes asked for at once. A batch is at most twice as long, unless one line is longer.
    /// About 100 KiB stay in a processor's second-level cache on the way in and out.
    pub target: usize,
    /// The longest line, without its line end, that is read whole. A longer one is passed through
    /// in pieces, so that memory stays bounded whatever comes in.
    pub longest_line: usize,
}

impl Default for BatchSize {
    fn default() -> Self {
        Self {
            target: 128 << 10,
            longest_line: 64 << 20,
        }
    }
}

/// A part of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Chunk<'a> {
    /// Whole lines; only the last line of the input may lack its line end.
    Batch(&'a [u8]),
    /// A piece of a line that is longer than [`BatchSize::longest_line`].
    Oversize {
        /// The piece.
        piece: &'a [u8],
        /// Whether the line ends with this piece.
        is_last: bool,
    },
}

impl<'a> Chunk<'a> {
    /// Its bytes.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        match self {
            Self::Batch(bytes) | Self::Oversize { piece: bytes, .. } => bytes,
        }
    }
}

/// What a part is whose bytes were taken ([`BatchReader::take_chunk`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChunkKind {
    /// As [`Chunk::Batch`].
    Batch,
    /// As [`Chunk::Oversize`].
    Oversize {
        /// Whether the line ends with this piece.
        is_last: bool,
    },
}

/// Reads batches. What it gives, put together, is the input.
#[derive(Debug)]
pub struct BatchReader<R> {
    input: R,
    size: BatchSize,
    buffer: Vec<u8>,
    /// Bytes in the buffer that were given out and go with the next call.
    given: usize,
    /// Start of the part of the buffer that has not been searched for a line end.
    searched: usize,
    in_oversize: bool,
    is_at_end: bool,
}

impl<R: Read> BatchReader<R> {
    /// A reader with the usual sizes.
    pub fn new(input: R) -> Self {
        Self::with_size(input, BatchSize::default())
    }

    /// A reader with other sizes; each is at least 1.
    pub fn with_size(input: R, size: BatchSize) -> Self {
        let size = BatchSize {
            target: size.target.max(1),
            longest_line: size.longest_line.max(1),
        };
        Self {
            input,
            size,
            buffer: Vec::new(),
            given: 0,
            searched: 0,
            in_oversize: false,
            is_at_end: false,
        }
    }

    /// The next part, `None` at the end. Returns as soon as a read brought a whole line, so that a
    /// slow pipe is not held up.
    ///
    /// # Errors
    /// The input's error; what was read before it has been given out or is lost with the last,
    /// unfinished line.
    pub fn next_chunk(&mut self) -> io::Result<Option<Chunk<'_>>> {
        Ok(match self.advance()? {
            None => None,
            Some(ChunkKind::Batch) => Some(Chunk::Batch(&self.buffer[..self.given])),
            Some(ChunkKind::Oversize { is_last }) => Some(Chunk::Oversize {
                piece: &self.buffer[..self.given],
                is_last,
            }),
        })
    }

    /// As [`Self::next_chunk`], with the part's bytes in `bytes`, whose room goes to the reader in return: nothing
    /// is copied but the beginning of the next line.
    ///
    /// # Errors
    /// The input's error, as there.
    pub fn take_chunk(&mut self, bytes: &mut Vec<u8>) -> io::Result<Option<ChunkKind>> {
        bytes.clear();
        let kind = self.advance()?;
        if kind.is_some() {
            bytes.extend_from_slice(&self.buffer[self.given..]);
            self.buffer.truncate(self.given);
            std::mem::swap(bytes, &mut self.buffer);
            self.given = 0;
            self.searched = 0;
        }
        Ok(kind)
    }

    /// Finds the next part: the first `given` bytes of the buffer.
    fn advance(&mut self) -> io::Result<Option<ChunkKind>> {
        self.forget_given();
        loop {
            if self.in_oversize {
                if let Some((end, is_last)) = self.oversize_end() {
                    self.in_oversize = !is_last;
                    self.given = end;
                    return Ok(Some(ChunkKind::Oversize { is_last }));
                }
            } else if let Some(found) = self.find_batch() {
                self.given = found;
                return Ok(Some(ChunkKind::Batch));
            }
            if !self.in_oversize && self.first_line_is_oversize() {
                self.in_oversize = true;
                continue;
            }
            if self.is_at_end {
                return Ok(None);
            }
            self.fill()?;
        }
    }

    fn forget_given(&mut self) {
        if self.given > 0 {
            self.buffer.drain(..self.given);
            self.searched = 0;
            self.given = 0;
            // One huge line must not keep its memory for the rest of the run.
            if self.buffer.capacity() > 8 * self.size.target.max(self.buffer.len()) {
                self.buffer.shrink_to(2 * self.size.target);
            }
        }
    }

    /// Whether the line at the start of the buffer is longer than the limit, as far as is known.
    fn first_line_is_oversize(&self) -> bool {
        let limit = self.size.longest_line;
        self.buffer.len() > limit && memchr(b'\n', &self.buffer[..=limit]).is_none()
    }

    /// Length of the whole lines at the start of the buffer that form a batch now.
    fn find_batch(&mut self) -> Option<usize> {
        if self.first_line_is_oversize() {
            return None;
        }
        let Some(offset) = memchr(b'\n', &self.buffer[self.searched..]) else {
            self.searched = self.buffer.len();
            return (self.is_at_end && !self.buffer.is_empty()).then_some(self.buffer.len());
        };
        let first = self.searched + offset + 1;
        if first >= self.size.target {
            return Some(first);
        }
        // As many whole lines as fit; a line over the limit comes after them and is seen then.
        let window = self.buffer.len().min(2 * self.size.target);
        memrchr(b'\n', &self.buffer[..window]).map(|at| at + 1)
    }

    /// Where the piece of an oversize line ends, and whether the line does.
    fn oversize_end(&self) -> Option<(usize, bool)> {
        if let Some(at) = memchr(b'\n', &self.buffer) {
            return Some((at + 1, true));
        }
        if self.is_at_end {
            // The end of the input ends the line; there may be nothing left of it.
            return (!self.buffer.is_empty()).then_some((self.buffer.len(), true));
        }
        (!self.buffer.is_empty()).then_some((self.buffer.len(), false))
    }

    fn fill(&mut self) -> io::Result<()> {
        let from = self.buffer.len();
        self.buffer.resize(from + self.size.target, 0);
        let outcome = loop {
            match self.input.read(&mut self.buffer[from..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        let read = *outcome.as_ref().unwrap_or(&0);
        self.buffer.truncate(from + read);
        self.is_at_end |= outcome? == 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives the input in reads of these sizes, over and over.
    struct Drips<'a> {
        input: &'a [u8],
        sizes: Vec<usize>,
        at: usize,
    }

    impl Read for Drips<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let size = self.sizes[self.at % self.sizes.len()]
                .min(self.input.len())
                .min(into.len());
            self.at += 1;
            if self.at.is_multiple_of(3) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            into[..size].copy_from_slice(&self.input[..size]);
            self.input = &self.input[size..];
            Ok(size)
        }
    }

    /// All chunks: text, and `None` for a batch or whether it is the last piece.
    fn chunks(
        input: &[u8],
        target: usize,
        longest_line: usize,
        reads: &[usize],
    ) -> Vec<(Vec<u8>, Option<bool>)> {
        let drips = Drips {
            input,
            sizes: reads.to_vec(),
            at: 0,
        };
        let mut reader = BatchReader::with_size(
            drips,
            BatchSize {
                target,
                longest_line,
            },
        );
        let mut all = Vec::new();
        while let Some(chunk) = reader.next_chunk().expect("no error") {
            assert!(!chunk.bytes().is_empty());
            all.push(match chunk {
                Chunk::Batch(bytes) => (bytes.to_vec(), None),
                Chunk::Oversize { piece, is_last } => (piece.to_vec(), Some(is_last)),
            });
        }
        assert_eq!(reader.next_chunk().expect("no error"), None);
        assert_eq!(taken(input, target, longest_line, reads), all);
        all
    }

    /// The same, with the bytes taken into one buffer that goes round.
    fn taken(
        input: &[u8],
        target: usize,
        longest_line: usize,
        reads: &[usize],
    ) -> Vec<(Vec<u8>, Option<bool>)> {
        let drips = Drips {
            input,
            sizes: reads.to_vec(),
            at: 0,
        };
        let size = BatchSize {
            target,
            longest_line,
        };
        let mut reader = BatchReader::with_size(drips, size);
        let (mut all, mut bytes) = (Vec::new(), b"from before".to_vec());
        while let Some(kind) = reader.take_chunk(&mut bytes).expect("no error") {
            all.push(match kind {
                ChunkKind::Batch => (bytes.clone(), None),
                ChunkKind::Oversize { is_last } => (bytes.clone(), Some(is_last)),
            });
        }
        all
    }

    fn together(chunks: &[(Vec<u8>, Option<bool>)]) -> Vec<u8> {
        chunks.iter().flat_map(|(bytes, _)| bytes.clone()).collect()
    }

    #[test]
    fn empty_input_gives_nothing() {
        assert_eq!(chunks(b"", 8, 100, &[8]), []);
    }

    #[test]
    fn lines_stay_whole_and_bytes_stay_the_same() {
        let input = b"one\r\ntwo\n\n\nthree and more\r\nlast without end";
        for target in [1, 2, 5, 7, 16, 1000] {
            for reads in [&[1][..], &[3, 1, 7], &[1000]] {
                let all = chunks(input, target, 100, reads);
                assert_eq!(together(&all), input, "target {target}");
                for (at, (bytes, oversize)) in all.iter().enumerate() {
                    assert_eq!(*oversize, None);
                    assert!(bytes.ends_with(b"\n") || at + 1 == all.len());
                }
            }
        }
    }

    #[test]
    fn a_batch_is_bounded_and_a_longer_line_stands_alone() {
        let mut input = Vec::new();
        for _ in 0..50 {
            input.extend_from_slice(b"0123456\n");
        }
        let long = input.len();
        input.extend_from_slice(&[b'x'; 300]);
        input.extend_from_slice(b"\nshort\n");
        let all = chunks(&input, 32, 10_000, &[10_000]);
        assert_eq!(together(&all), input);
        assert!(
            all.iter()
                .all(|(bytes, _)| bytes.len() <= 64 || bytes.len() == 301),
            "{all:?}"
        );
        assert!(
            all.iter()
                .any(|(bytes, _)| *bytes == input[long..long + 301])
        );
    }

    #[test]
    fn a_line_over_the_cap_passes_in_pieces() {
        for reads in [&[1][..], &[64], &[10_000]] {
            let mut input = b"a\n".to_vec();
            input.extend_from_slice(&[b'y'; 101]);
            input.extend_from_slice(b"\nb\n");
            let all = chunks(&input, 16, 100, reads);
            assert_eq!(together(&all), input);
            let pieces: Vec<_> = all
                .iter()
                .filter(|(_, oversize)| oversize.is_some())
                .collect();
            assert!(!pieces.is_empty());
            let long: Vec<u8> = pieces.iter().flat_map(|(bytes, _)| bytes.clone()).collect();
            assert_eq!(long.len(), 102);
            assert!(long.ends_with(b"y\n"));
            assert_eq!(
                pieces
                    .iter()
                    .filter(|(_, oversize)| *oversize == Some(true))
                    .count(),
                1
            );
            assert_eq!(all.last(), Some(&(b"b\n".to_vec(), None)));
        }
    }

    #[test]
    fn a_line_of_exactly_the_cap_is_read_whole() {
        let mut input = vec![b'y'; 100];
        input.extend_from_slice(b"\nb");
        let all = chunks(&input, 16, 100, &[7]);
        assert!(all.iter().all(|(_, oversize)| oversize.is_none()));
        assert_eq!(together(&all), input);
    }

    #[test]
    fn an_oversize_line_may_end_the_input() {
        for reads in [&[1][..], &[500]] {
            let all = chunks(&[b'z'; 250], 16, 100, reads);
            assert_eq!(together(&all), [b'z'; 250]);
            assert!(all.iter().all(|(_, oversize)| oversize.is_some()));
        }
    }

    #[test]
    fn memory_stays_bounded_over_an_endless_line() {
        let input = vec![b'z'; 1 << 20];
        let mut reader = BatchReader::with_size(
            &input[..],
            BatchSize {
                target: 1 << 10,
                longest_line: 10 << 10,
            },
        );
        let mut total = 0;
        while let Some(chunk) = reader.next_chunk().expect("no error") {
            total += chunk.bytes().len();
            assert!(reader.buffer.capacity() <= 64 << 10);
        }
        assert_eq!(total, input.len());
    }

    #[test]
    fn a_read_error_is_reported() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("disk on fire"))
            }
        }
        let error = BatchReader::new(Broken)
            .next_chunk()
            .expect_err("it is broken");
        assert_eq!(error.to_string(), "disk on fire");
    }
}
