//! Command line: arguments, exit codes and error lines; each command has its own file.

use std::io;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use owo_colors::{OwoColorize, Stream};

mod check;
mod contexts;
mod counters;
mod enrich;
mod explain;
mod fields;
mod input;
mod keys;
mod lookup;
mod parallel;
mod pretty;
mod replay;
mod setup;
mod table;
mod unpack;

/// Attach identity context from a snapshot to security events.
///
/// Events are read from files or standard input, one JSON document a line. The work is done by a
/// WebAssembly module, or with --native by the same code in this process.
#[derive(Debug, Parser)]
#[command(name = "whose", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Add context to events.
    Enrich(enrich::Enrich),
    /// Show the identity behind a key.
    Lookup(lookup::Lookup),
    /// Show which identities were observed in events, one JSON object a line.
    Keys(keys::Keys),
    /// Explain for each event how its context came about: keys, behaviour, findings, triage rules.
    Explain(explain::Explain),
    /// Show which past events read differently with another snapshot, and in which fields.
    Replay(replay::Replay),
    /// Show the reference of all fields that a context may have.
    Fields(fields::Fields),
    /// Check that a module is a plain guest: imports, exports, ABI version, memory, size.
    Check(check::Check),
}

/// How a command ends, when it does not end well.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something failed: exit 1.
    Failed(anyhow::Error),
    /// The command line is wrong: exit 2.
    Usage(anyhow::Error),
    /// A check did not hold; what was found has been printed: exit 3.
    CheckFailed,
}

/// What is wrong with the command line itself, found where only errors are handed on.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        let error = error.into();
        if error.is::<Usage>() {
            return Self::Usage(error);
        }
        if let Some(harness) = error.downcast_ref::<host_harness::HarnessError>()
            && matches!(harness, host_harness::HarnessError::Key { .. })
        {
            return Self::Usage(error);
        }
        Self::Failed(error)
    }
}

/// Runs the command that the arguments name.
pub(crate) fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Prints help and version on stdout, mistakes on stderr.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let result = match arguments.command {
        Command::Enrich(command) => command.run(),
        Command::Lookup(command) => command.run(),
        Command::Keys(command) => command.run(),
        Command::Explain(command) => command.run(),
        Command::Replay(command) => command.run(),
        Command::Fields(command) => command.run(),
        Command::Check(command) => command.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::CheckFailed) => ExitCode::from(3),
        Err(Failure::Usage(error)) => {
            report(&error);
            ExitCode::from(2)
        }
        // Whoever reads our output has seen enough.
        Err(Failure::Failed(error)) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(Failure::Failed(error)) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

/// `error:` and `caused by:` lines on stderr.
fn report(error: &anyhow::Error) {
    for (at, cause) in error.chain().enumerate() {
        let word = if at == 0 { "error:" } else { "caused by:" };
        eprintln!(
            "{} {cause}",
            word.if_supports_color(Stream::Stderr, |word| word.red())
        );
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}
