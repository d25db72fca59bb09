//! `sources`: which connector a file looks like.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::json;
use snapshots::connect::{Connector, Input, detect};
use snapshots::text::printable;

use super::table::table;
use super::{Done, files};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Files to look at, `-` for standard input; none lists the connectors.
    files: Vec<PathBuf>,
    /// Answer as JSON, one object a line.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<Done> {
    if args.files.is_empty() {
        for connector in Connector::ALL {
            say!("{}", connector.as_str());
        }
        return Ok(Done::Yes);
    }
    let mut rows = Vec::new();
    let mut all = true;
    for path in &args.files {
        let input = Input::file(path);
        let shown = printable(&path.display().to_string(), 400);
        let failed = || format!("{shown} can't be read");
        let head = input.head().with_context(failed)?;
        let connector = detect(path, &head).map(Connector::as_str);
        all &= connector.is_some();
        if args.json {
            let mut hasher = blake3::Hasher::new();
            hasher
                .update_reader(input.raw().with_context(failed)?)
                .with_context(failed)?;
            say!(
                "{}",
                json!({"file": path.display().to_string(), "connector": connector, "blake3": files::hex(hasher.finalize().as_bytes())})
            );
        }
        rows.push(vec![
            shown.clone(),
            connector.unwrap_or("(none)").to_owned(),
        ]);
    }
    if !args.json {
        say!("{}", table(rows).trim_fmt());
    }
    Ok(if all { Done::Yes } else { Done::CheckFailed })
}
