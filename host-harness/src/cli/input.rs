//! Events from files or standard input, one after the other, packed or not.
//!
//! Files are read and not mapped: logs are appended to and rotated by truncation while they are read.

use std::fs::File;
use std::io::{IsTerminal, Read, stderr, stdin, stdout};
use std::path::{Path, PathBuf};

use anyhow::Context;
use host_harness::{BatchReader, ChunkKind};
use indicatif::{ProgressBar, ProgressStyle};

use super::unpack::unpacked;

/// A part of the events.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part<'a> {
    /// Whole lines.
    Lines(&'a [u8]),
    /// A piece of a line that is too long to be read whole.
    Oversize {
        /// The piece.
        piece: &'a [u8],
        /// Whether the line begins with it.
        is_first: bool,
    },
    /// A line end that a file lacked and another file follows: two events must not become one line.
    LineEnd,
}

/// What a part is whose bytes stand in a buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    #[default]
    Lines,
    Oversize {
        is_first: bool,
    },
    /// No bytes.
    LineEnd,
}

/// All inputs, one after the other.
pub(crate) struct Inputs {
    /// The next one is the last: they are taken from the end.
    files: Vec<PathBuf>,
    progress: Option<ProgressBar>,
    /// The one that is read, by its name.
    open: Option<(String, BatchReader<Box<dyn Read>>)>,
    /// The bytes before this input ended without a line end, and it has given none yet.
    lacks_line_end: bool,
    /// What was read last ended without a line end.
    is_open_line: bool,
    is_in_oversize: bool,
    /// What has to wait for a line end.
    waiting: Option<(Kind, Vec<u8>)>,
}

impl Inputs {
    /// Files by name; `-`, or none at all, is standard input.
    pub(crate) fn new(files: &[PathBuf]) -> Self {
        let mut names = files.to_vec();
        names.reverse();
        if names.is_empty() {
            names.push(PathBuf::from("-"));
        }
        Self {
            files: names,
            progress: progress(files),
            open: None,
            lacks_line_end: false,
            is_open_line: false,
            is_in_oversize: false,
            waiting: None,
        }
    }

    /// The next part; its bytes are in `bytes`, whose room is used again. `None` at the end.
    pub(crate) fn next(&mut self, bytes: &mut Vec<u8>) -> anyhow::Result<Option<Kind>> {
        if let Some((kind, waiting)) = self.waiting.take() {
            *bytes = waiting;
            return Ok(Some(kind));
        }
        loop {
            let Some((name, reader)) = &mut self.open else {
                match self.files.pop() {
                    Some(path) => self.open(&path)?,
                    None => return Ok(None),
                }
                continue;
            };
            let chunk = reader
                .take_chunk(bytes)
                .with_context(|| format!("{name} cannot be read"))?;
            let Some(chunk) = chunk else {
                self.open = None;
                if let (true, Some(bar)) = (self.files.is_empty(), &self.progress) {
                    bar.finish_and_clear();
                }
                continue;
            };
            self.is_open_line = bytes.last().is_some_and(|last| *last != b'\n');
            let kind = match chunk {
                ChunkKind::Oversize { is_last } => {
                    let is_first = !std::mem::replace(&mut self.is_in_oversize, !is_last);
                    Kind::Oversize { is_first }
                }
                _ => Kind::Lines,
            };
            if std::mem::take(&mut self.lacks_line_end) {
                self.waiting = Some((kind, std::mem::take(bytes)));
                return Ok(Some(Kind::LineEnd));
            }
            return Ok(Some(kind));
        }
    }

    fn open(&mut self, path: &Path) -> anyhow::Result<()> {
        let (name, raw): (String, Box<dyn Read>) = if path == Path::new("-") {
            ("standard input".into(), Box::new(stdin().lock()))
        } else {
            let name = path.display().to_string();
            let file =
                File::open(path).with_context(|| format!("events file {name} cannot be read"))?;
            match &self.progress {
                Some(bar) => (name, Box::new(bar.wrap_read(file))),
                None => (name, Box::new(file)),
            }
        };
        let input = unpacked(raw).with_context(|| format!("{name} cannot be read"))?;
        self.lacks_line_end = self.is_open_line;
        self.is_in_oversize = false;
        self.open = Some((name, BatchReader::new(input)));
        Ok(())
    }
}

/// Reads all inputs and hands their parts to `each`.
pub(crate) fn read_all(
    files: &[PathBuf],
    mut each: impl FnMut(Part<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut inputs = Inputs::new(files);
    let mut bytes = Vec::new();
    while let Some(kind) = inputs.next(&mut bytes)? {
        each(match kind {
            Kind::Lines => Part::Lines(&bytes),
            Kind::Oversize { is_first } => Part::Oversize {
                piece: &bytes,
                is_first,
            },
            Kind::LineEnd => Part::LineEnd,
        })?;
    }
    Ok(())
}

/// A bar on stderr, when a person watches there and nothing else is printed on the same terminal.
fn progress(files: &[PathBuf]) -> Option<ProgressBar> {
    if !stderr().is_terminal() || stdout().is_terminal() {
        return None;
    }
    let total = files
        .iter()
        .filter_map(|path| path.metadata().ok())
        .map(|metadata| metadata.len())
        .sum();
    let style =
        ProgressStyle::with_template("{bytes}/{total_bytes} {bar:30} {bytes_per_sec} {eta}")
            .ok()?;
    Some(ProgressBar::new(total).with_style(style))
}
