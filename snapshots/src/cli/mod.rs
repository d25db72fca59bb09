//! The command line: one file a subcommand. Exit 0 done, 1 failed, 2 usage, 3 a check did not hold.

/// Writes a line of the answer to standard output.
macro_rules! say {
    ($($text:tt)*) => {
        crate::cli::answer(format_args!($($text)*))
    };
}

mod bake;
mod build;
mod diff;
mod files;
mod init;
mod inspect;
mod keygen;
mod lint;
mod pseudonym;
mod sign;
mod sources;
mod table;
mod verify;

use std::io::Write;
use std::process::ExitCode;
use std::sync::OnceLock;

use clap::{Parser, Subcommand};

/// Inventory snapshots for `whose`: who owns an identity, what is expected of it, how to revoke it.
#[derive(Debug, Parser)]
#[command(name = "whose-snapshot", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a commented inventory.toml and policy.toml to start from.
    Init(init::Args),
    /// Say which connector a file looks like an export for.
    Sources(sources::Args),
    /// Read the exports of an inventory configuration and write a snapshot.
    Build(build::Args),
    /// Show a snapshot's header, sections and counts, or one identity.
    Inspect(inspect::Args),
    /// Check a snapshot in full: layout, digests, signature, every row.
    Verify(verify::Args),
    /// Show how many identities have an owner, a sponsor, a known rotation, a revocation path and so on.
    Lint(lint::Args),
    /// Show what changed between two snapshots.
    Diff(diff::Args),
    /// Say which pseudonym a person has: the way to resolve one.
    Pseudonym(pseudonym::Args),
    /// Put snapshots into a guest module, for hosts that give it no files and no configuration.
    Bake(bake::Args),
    /// Sign a snapshot.
    Sign(sign::Args),
    /// Make a key pair to sign with.
    Keygen(keygen::Args),
}

/// How a command ended when it did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Done {
    Yes,
    /// A check did not hold.
    CheckFailed,
}

/// Why the answer did not arrive.
static UNTOLD: OnceLock<std::io::Error> = OnceLock::new();

/// Writes a line of the answer. Whoever closed the other end has seen enough, and the exit status still says
/// what it says; any other fault means that the answer did not arrive.
fn answer(line: std::fmt::Arguments<'_>) {
    if let Err(error) = writeln!(std::io::stdout().lock(), "{line}")
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        // The first fault is the one to tell.
        let _ = UNTOLD.set(error);
    }
}

pub(crate) fn run() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Init(args) => init::run(&args),
        Command::Sources(args) => sources::run(&args),
        Command::Build(args) => build::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Lint(args) => lint::run(&args),
        Command::Diff(args) => diff::run(&args),
        Command::Pseudonym(args) => pseudonym::run(&args),
        Command::Bake(args) => bake::run(&args),
        Command::Sign(args) => sign::run(&args),
        Command::Keygen(args) => keygen::run(&args),
    };
    if let (Ok(_), Some(error)) = (&done, UNTOLD.get()) {
        eprintln!("error: standard output can't be written: {error}");
        return ExitCode::from(1);
    }
    match done {
        Ok(Done::Yes) => ExitCode::SUCCESS,
        Ok(Done::CheckFailed) => ExitCode::from(3),
        Err(error) => {
            // A message of a reader may quote what it could not read.
            let told = |text: String| snapshots::limits::told(text);
            eprintln!("error: {}", told(error.to_string()));
            let mut last = error.to_string();
            for cause in error.chain().skip(1) {
                let text = cause.to_string();
                // Transparent wrappers repeat what they wrap.
                if text != last {
                    eprintln!("caused by: {}", told(text.clone()));
                }
                last = text;
            }
            ExitCode::from(if error.is::<files::Usage>() { 2 } else { 1 })
        }
    }
}
