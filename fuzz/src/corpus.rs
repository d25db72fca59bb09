//! The corpus: files under a folder for each target, in an order that is the same everywhere.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// One input.
#[derive(Clone, Debug)]
pub struct Seed {
    /// Where it was read.
    pub path: PathBuf,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// The folder of a target's seeds.
#[must_use]
pub fn folder(target: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("corpus").join(target)
}

/// A file, or every file under a folder.
///
/// # Errors
/// What cannot be read.
pub fn read(path: &Path) -> anyhow::Result<Vec<Seed>> {
    let mut paths = Vec::new();
    collect(path, &mut paths)?;
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let bytes =
                fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            Ok(Seed { path, bytes })
        })
        .collect()
}

fn collect(path: &Path, out: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let shown = || format!("cannot read {}", path.display());
    if !fs::metadata(path).with_context(shown)?.is_dir() {
        out.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path).with_context(shown)? {
        collect(&entry.with_context(shown)?.path(), out)?;
    }
    Ok(())
}
