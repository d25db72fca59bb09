//! `whose-snapshot`: makes, shows, checks and signs inventory snapshots.
#![forbid(unsafe_code)]

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
