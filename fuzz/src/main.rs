//! Replays inputs of a fuzz target, without a fuzzer and on any compiler.

#![forbid(unsafe_code)]

use std::fmt::Display;
use std::panic::catch_unwind;
use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;
use clap::builder::PossibleValuesParser;
use whose_fuzz::{TARGETS, Target, change, corpus, target};

/// Replay inputs of a fuzz target up to the first that does not hold.
#[derive(Debug, Parser)]
struct Arguments {
    /// What is checked.
    #[arg(value_parser = PossibleValuesParser::new(TARGETS.iter().map(|target| target.name)))]
    target: String,
    /// Files, and folders with files; without any, the corpus of the target.
    paths: Vec<PathBuf>,
    /// How many inputs to make besides by changing these.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    changed: u64,
    /// Number of the first input that is made; each number gives the same input again.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    from: u64,
    /// Names each input before it is checked.
    #[arg(short, long)]
    verbose: bool,
}

fn main() -> anyhow::Result<()> {
    let mut arguments = Arguments::parse();
    let target = target(&arguments.target).context("no such target")?;
    if arguments.paths.is_empty() {
        arguments.paths.push(corpus::folder(target.name));
    }
    let mut seeds = Vec::new();
    for path in &arguments.paths {
        seeds.extend(corpus::read(path)?);
    }
    anyhow::ensure!(!seeds.is_empty(), "there are no files in these folders");
    for seed in &seeds {
        let name = seed.path.display();
        if arguments.verbose {
            eprintln!("{name}");
        }
        hold(target, &seed.bytes, &name)?;
    }
    for number in (arguments.from..).take(usize::try_from(arguments.changed)?) {
        if arguments.verbose {
            eprintln!("{number}");
        }
        let input = change::changed(number, &seeds);
        hold(target, &input, &format!("--changed 1 --from {number}"))?;
    }
    println!(
        "{}: {} inputs and {} made from them hold",
        target.name,
        seeds.len(),
        arguments.changed
    );
    Ok(())
}

fn hold(target: &Target, input: &[u8], name: &dyn Display) -> anyhow::Result<()> {
    match catch_unwind(|| (target.check)(input)) {
        Ok(()) => Ok(()),
        Err(_) => anyhow::bail!(
            "{} does not hold for {name}: {}",
            target.name,
            input.escape_ascii()
        ),
    }
}
