//! Finishing modules with Binaryen's `wasm-opt`: a tenth smaller.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::packages;
use crate::process;
use crate::workspace::Workspace;

/// The package and its lock file, with hashes.
const FOLDER: &str = "wasm/binaryen";

/// Features of WebAssembly that rustc's modules use in any case.
const FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// Where `wasm-opt` is: what is there, or installed now.
pub(crate) fn find(workspace: &Workspace) -> Result<PathBuf, Failure> {
    Ok(packages::npm(workspace, FOLDER)?.join("node_modules/binaryen/bin/wasm-opt"))
}

/// Writes the optimised module beside the one that was built.
pub(crate) fn optimise(program: &Path, built: &Path, has_simd: bool) -> Result<PathBuf, Failure> {
    let finished = built.with_extension("opt.wasm");
    // A script of node's, whatever the system thinks of its first line.
    let mut command = Command::new("node");
    command.arg(program).args(["-O2", "--strip-producers"]);
    command.args(FEATURES);
    if has_simd {
        command.arg("--enable-simd");
    }
    command.arg(built).arg("-o").arg(&finished);
    process::quietly("wasm-opt", &mut command)?;
    Ok(finished)
}
