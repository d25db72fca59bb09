//! One line for each step: what runs, how far it is, how long it took.

use std::io::{IsTerminal, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const LABEL_WIDTH: usize = 40;
const REFRESH: Duration = Duration::from_millis(250);

/// A step that is running. On a terminal its line shows the elapsed time while it runs; elsewhere
/// the label appears at the start and the time at the end.
#[derive(Debug)]
pub(crate) struct Step {
    label: String,
    started: Instant,
    live: Option<(Sender<String>, JoinHandle<()>)>,
    ended: bool,
}

impl Step {
    pub(crate) fn begin(label: impl Into<String>) -> Self {
        let label = label.into();
        let started = Instant::now();
        let mut error_stream = std::io::stderr();
        let live = error_stream.is_terminal().then(|| {
            let (sender, receiver) = channel();
            let shown = label.clone();
            (
                sender,
                std::thread::spawn(move || refresh(&shown, started, &receiver)),
            )
        });
        if live.is_none() {
            // A log that cannot be written to is no reason to stop.
            let _ = write!(error_stream, "  {label:<LABEL_WIDTH$} ");
            let _ = error_stream.flush();
        }
        Self {
            label,
            started,
            live,
            ended: false,
        }
    }

    /// A sink for the latest line of the program that runs, shown beside the elapsed time.
    pub(crate) fn watcher(&self) -> Option<Sender<String>> {
        self.live.as_ref().map(|(sender, _)| sender.clone())
    }

    /// Ends the step and returns how long it took.
    pub(crate) fn end(mut self, note: &str) -> Duration {
        self.close(note);
        self.started.elapsed()
    }

    fn close(&mut self, note: &str) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let seconds = self.started.elapsed().as_secs_f64();
        let note = if note.is_empty() {
            String::new()
        } else {
            format!("  {note}")
        };
        match self.live.take() {
            Some((sender, thread)) => {
                drop(sender);
                let _ = thread.join();
                let label = &self.label;
                eprintln!("\r\x1b[2K  {label:<LABEL_WIDTH$} {seconds:>7.1} s{note}");
            }
            None => eprintln!("{seconds:>7.1} s{note}"),
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.close("failed");
    }
}

fn refresh(label: &str, started: Instant, lines: &Receiver<String>) {
    let mut latest = String::new();
    loop {
        match lines.recv_timeout(REFRESH) {
            Ok(line) => latest = line,
            Err(RecvTimeoutError::Timeout) => {
                let seconds = started.elapsed().as_secs_f64();
                // 28 characters keep the line within 80 columns, so that \r returns to its start.
                let shown: String = latest
                    .chars()
                    .filter(|c| !c.is_control())
                    .take(28)
                    .collect();
                eprint!("\r\x1b[2K  {label:<LABEL_WIDTH$} {seconds:>7.1} s {shown}");
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
