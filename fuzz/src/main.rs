//! Replays inputs of a fuzz target, without a fuzzer and on any compiler.

#![forbid(unsafe_code)]

use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;
use clap::builder::PossibleValuesParser;
use whose_fuzz::{TARGETS, corpus, target};

/// Replay inputs of a fuzz target up to the first that does not hold.
#[derive(Debug, Parser)]
struct Arguments {
    /// What is checked.
    #[arg(value_parser = PossibleValuesParser::new(TARGETS.iter().map(|target| target.name)))]
    target: String,
    /// Files, and folders with files; without any, the corpus of the target.
    paths: Vec<PathBuf>,
    /// Names each input before it is checked.
    #[arg(short, long)]
    verbose: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let target = target(&arguments.target).context("no such target")?;
    let mut paths = arguments.paths;
    if paths.is_empty() {
        paths.push(corpus::folder(target.name));
    }
    let mut count = 0;
    for path in paths {
        for seed in corpus::read(&path)? {
            if arguments.verbose {
                eprintln!("{}", seed.path.display());
            }
            if std::panic::catch_unwind(|| (target.check)(&seed.bytes)).is_err() {
                anyhow::bail!("{} does not hold for {}", target.name, seed.path.display());
            }
            count += 1;
        }
    }
    println!("{}: {count} inputs hold", target.name);
    Ok(())
}
