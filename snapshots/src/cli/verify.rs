//! `verify`: everything that can be checked about a snapshot.

use std::path::PathBuf;

use anyhow::Result;
use enrich_core::vocabulary::Integrity;
use enrich_core::{Check, Snapshot, SnapshotError, Trust};
use serde_json::json;

use super::{Done, files};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The snapshot; `-` for standard input.
    file: PathBuf,
    /// Public key that may have signed it; can be given several times.
    #[arg(long, value_name = "PUBFILE")]
    trust: Vec<PathBuf>,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<Done> {
    let keys = args
        .trust
        .iter()
        .map(|path| files::read_public_key(path))
        .collect::<Result<Vec<_>>>()?;
    let trust = Trust::new(keys);
    let bytes = files::read_snapshot(&args.file)?;
    // Opened for the signature; the parts check every digest.
    let checked = Snapshot::open(&bytes, Check::OnFirstTouch, &trust).and_then(|snapshot| {
        in_parts(&bytes, |snapshot, part, of| snapshot.verify_bytes(part, of))?;
        in_parts(&bytes, |snapshot, part, of| snapshot.verify_rows(part, of))?;
        Ok(snapshot)
    });
    match checked {
        Ok(snapshot) => {
            report(args, &snapshot);
            Ok(Done::Yes)
        }
        Err(error) => {
            refuse(args, &error);
            Ok(Done::CheckFailed)
        }
    }
}

/// Checks every part, each on a thread of its own; of several faults, that of the first part.
fn in_parts(
    bytes: &[u8],
    check: fn(&Snapshot<'_>, usize, usize) -> Result<(), SnapshotError>,
) -> Result<(), SnapshotError> {
    let parts = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    // A snapshot remembers what was touched, so that threads cannot share one.
    let part = |number| {
        let snapshot = Snapshot::open(bytes, Check::ByHost, &Trust::default())?;
        check(&snapshot, number, parts)
    };
    let part = &part;
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..parts)
            .map(|number| scope.spawn(move || part(number)))
            .collect();
        let first = part(0);
        others.into_iter().fold(first, |so_far, thread| {
            let here = thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            so_far.and(here)
        })
    })
}

fn report(args: &Args, snapshot: &Snapshot<'_>) {
    let header = snapshot.header();
    let signature = match (snapshot.integrity(), header.is_signed()) {
        (Integrity::Verified, _) => "signed by a trusted key",
        (_, true) => "signed, but no key was given to check it with (--trust PUBFILE)",
        _ => "not signed",
    };
    if args.json {
        let digest = format!("blake3:{}", files::hex(&header.digest));
        say!(
            "{}",
            json!({"ok": true, "id": header.id(), "sequence": header.sequence, "digest": digest, "integrity": snapshot.integrity().as_str(),
                "signed": header.is_signed(), "identities": snapshot.identity_count(), "keys": snapshot.key_count()})
        );
    } else {
        say!(
            "{}: good; {} identities, {} keys, {signature}",
            args.file.display(),
            snapshot.identity_count(),
            snapshot.key_count()
        );
    }
}

fn refuse(args: &Args, error: &SnapshotError) {
    if args.json {
        say!("{}", json!({"ok": false, "error": error.to_string()}));
    }
    eprintln!("error: {} does not hold", args.file.display());
    eprintln!("caused by: {error}");
}
