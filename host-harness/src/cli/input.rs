//! Events from files or standard input, one after the other, packed or not.
//!
//! Files are read and not mapped: logs are appended to and rotated by truncation while they are read.

use std::fs::File;
use std::io::{IsTerminal, Read, stderr, stdin, stdout};
use std::path::{Path, PathBuf};

use anyhow::Context;
use host_harness::{BatchReader, Chunk};
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

/// Reads all inputs and hands their parts to `each`.
pub(crate) fn read_all(
    files: &[PathBuf],
    mut each: impl FnMut(Part<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let progress = progress(files);
    let mut is_open = false;
    let standard_input = [PathBuf::from("-")];
    for path in if files.is_empty() {
        &standard_input
    } else {
        files
    } {
        is_open = if path == Path::new("-") {
            read_one("standard input", stdin().lock(), is_open, &mut each)?
        } else {
            let name = path.display().to_string();
            let file =
                File::open(path).with_context(|| format!("events file {name} cannot be read"))?;
            match &progress {
                Some(bar) => read_one(&name, bar.wrap_read(file), is_open, &mut each)?,
                None => read_one(&name, file, is_open, &mut each)?,
            }
        };
    }
    if let Some(bar) = progress {
        bar.finish_and_clear();
    }
    Ok(())
}

/// Reads one input. `is_open`: the bytes before it ended without a line end. Returns the same for
/// the bytes up to its end; an empty input changes nothing.
fn read_one(
    name: &str,
    input: impl Read,
    mut is_open: bool,
    each: &mut impl FnMut(Part<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<bool> {
    let input = unpacked(input).with_context(|| format!("{name} cannot be read"))?;
    let mut reader = BatchReader::new(input);
    let mut is_first_chunk = true;
    let mut is_in_oversize = false;
    while let Some(chunk) = reader
        .next_chunk()
        .with_context(|| format!("{name} cannot be read"))?
    {
        if std::mem::take(&mut is_first_chunk) && is_open {
            each(Part::LineEnd)?;
        }
        is_open = chunk.bytes().last().is_some_and(|last| *last != b'\n');
        match chunk {
            Chunk::Oversize { piece, is_last } => {
                each(Part::Oversize {
                    piece,
                    is_first: !is_in_oversize,
                })?;
                is_in_oversize = !is_last;
            }
            lines => each(Part::Lines(lines.bytes()))?,
        }
    }
    Ok(is_open)
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
