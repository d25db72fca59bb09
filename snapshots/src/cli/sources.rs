//! `sources`: which connector a file looks like.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::json;
use snapshots::connect::{Connector, detect};

use super::table::table;
use super::{Done, files};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Files to look at; none lists the connectors.
    files: Vec<PathBuf>,
    /// Answer as JSON, one object a line.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<Done> {
    if args.files.is_empty() {
        for connector in Connector::ALL {
            println!("{}", connector.as_str());
        }
        return Ok(Done::Yes);
    }
    let mut rows = Vec::new();
    let mut all = true;
    for path in &args.files {
        let bytes =
            std::fs::read(path).with_context(|| format!("{} can't be read", path.display()))?;
        let connector = detect(path, &bytes).map(Connector::as_str);
        all &= connector.is_some();
        if args.json {
            println!(
                "{}",
                json!({"file": path.display().to_string(), "connector": connector, "blake3": files::hex(blake3::hash(&bytes).as_bytes())})
            );
        }
        rows.push(vec![
            path.display().to_string(),
            connector.unwrap_or("(none)").to_owned(),
        ]);
    }
    if !args.json {
        println!("{}", table(rows).trim_fmt());
    }
    Ok(if all { Done::Yes } else { Done::CheckFailed })
}
