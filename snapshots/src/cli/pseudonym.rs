//! `pseudonym`: the pseudonyms of people, for who holds the key and may resolve them.

use std::io::BufRead;
use std::path::PathBuf;

use anyhow::{Context, Result};
use snapshots::export::pseudonyms;
use snapshots::text::printable;

use super::Done;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The key file that `pseudonym_key` names in the inventory configuration.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// References such as user:default/jane; none: one a line on standard input.
    references: Vec<String>,
}

pub(super) fn run(args: &Args) -> Result<Done> {
    let pseudonyms = pseudonyms(&args.key).context("no pseudonym can be made")?;
    let tell = |reference: &str| {
        let reference = reference.trim();
        if !reference.is_empty() {
            say!(
                "{}\t{}",
                pseudonyms.of(reference),
                printable(reference, 400)
            );
        }
    };
    args.references.iter().for_each(|reference| tell(reference));
    if args.references.is_empty() {
        for line in std::io::stdin().lock().lines() {
            tell(&line.context("standard input can't be read")?);
        }
    }
    Ok(Done::Yes)
}
