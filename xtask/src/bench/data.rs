//! Inventories to measure with: exports in the vendors' formats, a snapshot of them, and what Python reads
//! in them. Made once and kept while what they are made of stays the same.

use std::path::PathBuf;
use std::process::Command;

use crate::failure::{Failure, While};
use crate::fingerprint::Fingerprint;
use crate::packages;
use crate::process;
use crate::workspace::Workspace;

/// Identities of the inventories of a run.
pub(super) const DEFAULT: &[u64] = &[1_000, 10_000, 100_000, 1_000_000];
/// Of a run with the peers alone.
pub(super) const OF_PEERS: &[u64] = &[100_000];
/// Of a large run: 11 GB of memory, 8 GB of disk and ten minutes until it is made.
pub(super) const LARGE: &[u64] = &[10_000_000];
/// Of a run that only shows that everything works.
pub(super) const SMOKE: &[u64] = &[1_000];

/// What decides what an inventory's bytes are: who writes exports, and how a snapshot is laid out.
const SOURCES: [&str; 8] = [
    "benches/python/truth.py",
    "snapshots/examples/vendor_exports.rs",
    "snapshots/src/format",
    "snapshots/src/packed",
    "enrich-core/src/hash.rs",
    "enrich-core/src/snapshot/header.rs",
    "enrich-core/src/snapshot/schema.rs",
    "key-index/src",
];

/// Where inventories lie.
pub(super) fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target.join("bench-data")
}

/// Makes what is not there or is of another build.
pub(super) fn make(workspace: &Workspace, sizes: &[u64]) -> Result<(), Failure> {
    let wanted = fingerprint(workspace)?;
    let missing: Vec<u64> = sizes
        .iter()
        .copied()
        .filter(|size| {
            let mark = folder(workspace).join(size.to_string()).join("made");
            !std::fs::read_to_string(mark).is_ok_and(|found| found == wanted)
        })
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut build = workspace.cargo("build");
    build.args(["--release", "--package", "snapshots"]);
    build.args(["--bin", "whose-snapshot", "--example", "vendor_exports"]);
    process::quietly("whose-snapshot", &mut build)?;
    for size in missing {
        one(workspace, size, &wanted)?;
    }
    Ok(())
}

fn fingerprint(workspace: &Workspace) -> Result<String, Failure> {
    let mut fingerprint = Fingerprint::new();
    for source in SOURCES {
        // A source that was moved changes the fingerprint as well.
        if workspace.root.join(source).exists() {
            fingerprint.add_path(&workspace.root, source)?;
        }
    }
    Ok(fingerprint.finish())
}

fn one(workspace: &Workspace, size: u64, wanted: &str) -> Result<(), Failure> {
    let folder = folder(workspace).join(size.to_string());
    let _ = std::fs::remove_dir_all(&folder);
    let exports = folder.join("exports");
    std::fs::create_dir_all(&exports)
        .while_doing(|| format!("cannot make {}", exports.display()))?;

    let mut export = Command::new(example(workspace, "vendor_exports"));
    workspace.settle(&mut export);
    export.arg(size.to_string()).arg(&exports);
    process::quietly(&format!("exports of {size} identities"), &mut export)?;

    let mut build = workspace.run_program("whose-snapshot");
    build.arg("build");
    build.arg("--config").arg(exports.join("inventory.toml"));
    build.arg("--out").arg(folder.join("snapshot.whose"));
    process::quietly(&format!("snapshot of {size} identities"), &mut build)?;

    let mut truth = Command::new(packages::system_python());
    workspace.settle(&mut truth);
    truth.arg("-B").arg("benches/python/truth.py");
    truth.arg(&exports).arg(folder.join("truth.tsv"));
    process::quietly(&format!("truth about {size} identities"), &mut truth)?;

    // Ten million have 6 GB of them, and nobody reads them any more.
    std::fs::remove_dir_all(&exports)
        .while_doing(|| format!("cannot remove {}", exports.display()))?;
    let mark = folder.join("made");
    std::fs::write(&mark, wanted).while_doing(|| format!("cannot write {}", mark.display()))
}

fn example(workspace: &Workspace, name: &str) -> PathBuf {
    let program = workspace.program(name);
    let file = program.file_name().unwrap_or_default();
    program
        .parent()
        .unwrap_or(&program)
        .join("examples")
        .join(file)
}
