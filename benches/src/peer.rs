//! A peer in a process of its own: it reads events and table once, then does a pass each time it is told.
//!
//! It is started with the path of the events, of the table and of a folder for itself. It prints one line of
//! JSON when it is ready (`how`, `version`), `{"cpu_ns":…,"wall_ns":…}` for each line `pass` that it reads, and for
//! a line `write PATH` it writes the enriched events and prints the same. `cpu_ns` is of all its threads and
//! processes.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Deserialize;
use serde_json::Value;

use crate::clock::Took;

/// A peer's command line, without the three paths.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Description {
    /// Its name.
    pub name: String,
    /// Program and arguments.
    pub command: Vec<String>,
}

/// A peer that runs.
#[derive(Debug)]
pub struct Peer {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// How it is used.
    pub how: String,
    child: Child,
    /// `None` once it is told to end.
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts it and waits until it has read everything.
    ///
    /// # Errors
    /// It does not start, or ends.
    pub fn start(
        description: &Description,
        events: &Path,
        table: &Path,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let name = description.name.clone();
        let (program, arguments) = description
            .command
            .split_first()
            .with_context(|| format!("{name} has no command"))?;
        let mut child = Command::new(program)
            .args(arguments)
            .args([events, table, folder])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let orders = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().context("a pipe")?);
        let mut peer = Self {
            name,
            version: String::new(),
            how: String::new(),
            child,
            orders,
            answers,
        };
        let ready = peer.answer()?;
        let text = |name: &str| ready[name].as_str().unwrap_or_default().to_owned();
        peer.version = text("version");
        peer.how = text("how");
        Ok(peer)
    }

    /// One pass over all events: how long it says that it took.
    ///
    /// # Errors
    /// It ended.
    pub fn pass(&mut self) -> anyhow::Result<Took> {
        self.order("pass")
    }

    /// The same, and the enriched events into a file.
    ///
    /// # Errors
    /// It ended.
    pub fn write(&mut self, path: &Path) -> anyhow::Result<Took> {
        self.order(&format!("write {}", path.display()))
    }

    fn order(&mut self, order: &str) -> anyhow::Result<Took> {
        let orders = self.orders.as_mut().context("it is told to end")?;
        writeln!(orders, "{order}").with_context(|| format!("{} has ended", self.name))?;
        let answer = self.answer()?;
        let time = |name: &str| {
            answer[name]
                .as_f64()
                .map(|ns| Duration::from_secs_f64(ns / 1e9))
                .with_context(|| format!("{} does not say its {name}: {answer}", self.name))
        };
        Ok(Took {
            cpu: time("cpu_ns")?,
            wall: time("wall_ns")?,
        })
    }

    /// The next line that is JSON; programs print what they like besides.
    fn answer(&mut self) -> anyhow::Result<Value> {
        let mut line = String::new();
        loop {
            line.clear();
            if self.answers.read_line(&mut line)? == 0 {
                bail!("{} ended; what it said is above", self.name);
            }
            if line.starts_with('{') {
                return Ok(serde_json::from_str(&line)?);
            }
        }
    }
}

impl Drop for Peer {
    /// The end of its orders tells it to end, and to end what it started.
    fn drop(&mut self) {
        self.orders = None;
        for _ in 0..100 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        // It may have ended by itself meanwhile.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
