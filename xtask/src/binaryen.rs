//! Finishing modules with Binaryen's `wasm-opt`: a tenth smaller.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::{Failure, While};
use crate::process;
use crate::workspace::Workspace;

/// The package and its lock file, with hashes.
const FOLDER: &str = "wasm/binaryen";
const FILES: [&str; 2] = ["package.json", "package-lock.json"];

/// Features of WebAssembly that rustc's modules use in any case.
const FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// Where `wasm-opt` is: what is there, or installed now into the build folder by npm.
pub(crate) fn find(workspace: &Workspace) -> Result<PathBuf, Failure> {
    let folder = workspace.target.join("binaryen");
    let program = folder.join("node_modules/binaryen/bin/wasm-opt");
    let is_as_wanted = FILES.iter().all(|name| {
        let wanted = std::fs::read(workspace.root.join(FOLDER).join(name));
        wanted.is_ok_and(|wanted| std::fs::read(folder.join(name)).is_ok_and(|has| has == wanted))
    });
    if !is_as_wanted || !program.is_file() {
        std::fs::create_dir_all(&folder)
            .while_doing(|| format!("cannot make {}", folder.display()))?;
        for name in FILES {
            let from = workspace.root.join(FOLDER).join(name);
            std::fs::copy(&from, folder.join(name))
                .while_doing(|| format!("cannot copy {}", from.display()))?;
        }
        let mut install = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
        install.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
        install.current_dir(&folder);
        process::quietly("binaryen", &mut install)
            .map_err(|failure| failure.under("npm could not install binaryen"))?;
    }
    Ok(program)
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
