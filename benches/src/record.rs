//! What was measured, as lines of JSON: `cargo xtask bench` reads them.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Context;
use serde::Serialize;

/// How much one pass does.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Work {
    /// Events that go in.
    Events(f64),
    /// Bytes that are read.
    Bytes(f64),
    /// Keys that are asked for.
    Lookups(f64),
    /// One of something whose time is the result.
    Once,
}

/// One line: times of all rounds, or one number.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Record {
    /// Times.
    Times {
        /// What is compared in one run.
        group: String,
        /// What was measured.
        what: String,
        /// Of how many identities, or of which events.
        size: String,
        /// How much a pass does.
        work: Work,
        /// Whether the others of the group and size are divided by this one.
        baseline: bool,
        /// Nanoseconds that a processor spent on a pass, one for each round; the rounds of a group and size
        /// belong together.
        ns: Vec<f64>,
        /// The same on the wall.
        wall_ns: Vec<f64>,
    },
    /// A number that is the same every time.
    Fact {
        /// What it belongs to.
        group: String,
        /// What it is.
        what: String,
        /// Of how many identities.
        size: String,
        /// The number.
        value: f64,
        /// Its unit.
        unit: &'static str,
    },
    /// A sentence: how something was measured, or what was checked.
    Note {
        /// What it belongs to.
        group: String,
        /// What it is about.
        what: String,
        /// The sentence.
        note: String,
    },
}

/// Where records go.
#[derive(Debug)]
pub struct Sink {
    out: BufWriter<File>,
}

impl Sink {
    /// Writes to a new file.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        let file =
            File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self {
            out: BufWriter::new(file),
        })
    }

    /// Adds a line, which is on the disk afterwards: an aborted run leaves what it had.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn add(&mut self, record: &Record) -> anyhow::Result<()> {
        serde_json::to_writer(&mut self.out, record)?;
        self.out.write_all(b"\n")?;
        Ok(self.out.flush()?)
    }

    /// Adds a number.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn fact(
        &mut self,
        (group, what, size): (&str, &str, &str),
        value: f64,
        unit: &'static str,
    ) -> anyhow::Result<()> {
        self.add(&Record::Fact {
            group: group.to_owned(),
            what: what.to_owned(),
            size: size.to_owned(),
            value,
            unit,
        })
    }

    /// Adds a sentence.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn note(&mut self, group: &str, what: &str, note: &str) -> anyhow::Result<()> {
        self.add(&Record::Note {
            group: group.to_owned(),
            what: what.to_owned(),
            note: note.to_owned(),
        })
    }
}
