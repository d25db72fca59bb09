//! `sign`: puts a signature into a snapshot.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use enrich_core::{Check, Snapshot, Trust};

use super::{Done, files};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The snapshot.
    file: PathBuf,
    /// Private key file, as `keygen` writes it.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Where to write; the snapshot itself when not given.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<Done> {
    let out = args.out.as_ref().unwrap_or(&args.file);
    if args.out.is_none() && out.as_os_str() == "-" {
        bail!(files::Usage(
            "a snapshot from standard input has no place to be signed in; name one with --out FILE"
                .to_owned()
        ));
    }
    // The snapshot itself is meant to be replaced.
    files::check_out(out, [("signing key", args.key.as_path())])?;
    let seed = files::read_private_key(&args.key)?;
    let bytes = files::read_snapshot(&args.file)?;
    // A signature vouches for the content, so the content is checked first.
    Snapshot::open(&bytes, Check::All, &Trust::default())
        .with_context(|| format!("{} is not signed", args.file.display()))?;
    let mut bytes = bytes.to_vec();
    snapshots::format::sign(&mut bytes, &seed)
        .with_context(|| format!("{} is not signed", args.file.display()))?;
    files::write_atomically(out, &bytes, false)?;
    eprintln!("signed {}", out.display());
    Ok(Done::Yes)
}
