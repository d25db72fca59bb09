//! `whose-bench`: measures what it is told to, and writes lines of JSON. `cargo xtask bench` runs it.

#![forbid(unsafe_code)]

use std::path::PathBuf;

use anyhow::Context;
use clap::{Parser, Subcommand};
use whose_benches::groups::{self, Given};
use whose_benches::plot;
use whose_benches::record::Sink;

#[derive(Parser)]
#[command(about, version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure, and write one line of JSON for each result.
    Run {
        /// Folder of inventories, one folder each.
        #[arg(long)]
        data: PathBuf,
        /// Folder of modules.
        #[arg(long)]
        modules: PathBuf,
        /// Where the results go.
        #[arg(long)]
        out: PathBuf,
        /// Python, for the check of what was added to the events.
        #[arg(long, default_value = "python3")]
        python: PathBuf,
        /// A list of processes to measure besides.
        #[arg(long)]
        peers: Option<PathBuf>,
        /// Everything once, over the smallest inventory.
        #[arg(long)]
        smoke: bool,
        /// The inventory of 10,000,000 identities instead of the smaller ones.
        #[arg(long)]
        large: bool,
        /// Part of a group's name.
        filter: Option<String>,
    },
    /// Draw the cost curves.
    Plot {
        /// Kept results.
        results: PathBuf,
        /// Folder for the drawings.
        out: PathBuf,
    },
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Plot { results, out } => plot::draw(&results, &out),
        Command::Run {
            data,
            modules,
            out,
            python,
            peers,
            smoke,
            large,
            filter,
        } => {
            let peers = match peers {
                Some(path) => serde_json::from_slice(
                    &std::fs::read(&path)
                        .with_context(|| format!("cannot read {}", path.display()))?,
                )?,
                None => Vec::new(),
            };
            let given = Given {
                data,
                modules,
                python,
                peers,
                smoke,
                large,
                filter,
            };
            let mut sink = Sink::create(&out)?;
            groups::enrich::measure(&given, &mut sink)?;
            groups::renderings::measure(&given, &mut sink)?;
            groups::observe::measure(&given, &mut sink)?;
            groups::attach::measure(&given, &mut sink)?;
            groups::open::measure(&given, &mut sink)?;
            groups::lookup::measure(&given, &mut sink)
        }
    }
}
