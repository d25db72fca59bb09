//! The peers: installed and built, each as a command that obeys `benches/src/peer.rs`.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::data;
use crate::failure::{Failure, While};
use crate::packages;
use crate::process;
use crate::workspace::{Workspace, in_ci};

/// A program in Rust, with a lock file of its own.
const RUST: &str = "benches/peers/Cargo.toml";
/// Drivers in Python, and what they need.
const PYTHON: &str = "benches/python/peers";
const NODE: &str = "benches/node/map.mjs";

const IN_PYTHON: [(&str, &str); 4] = [
    ("Python, orjson + dict", "orjson_dict.py"),
    ("DuckDB, hash join", "duckdb_join.py"),
    ("ClickHouse, dictionary", "clickhouse_dictionary.py"),
    ("Tenzir, lookup context", "tenzir_context.py"),
];
const IN_RUST: &str = "VRL, Vector's file table";

/// Installs them, and writes the list that `whose-bench` reads. What cannot be had on this machine is left out,
/// and said.
pub(super) fn prepare(workspace: &Workspace) -> Result<PathBuf, Failure> {
    let mut list: Vec<Value> = Vec::new();
    let target = folder(workspace);
    let mut build = workspace.cargo("build");
    build.args(["--release", "--locked", "--manifest-path", RUST]);
    build.arg("--target-dir").arg(&target);
    process::quietly("peers in Rust", &mut build)?;
    let program = target
        .join("release")
        .join(format!("whose-peers{}", std::env::consts::EXE_SUFFIX));
    list.push(entry(IN_RUST, &[&program]));
    match packages::python(workspace, PYTHON) {
        Ok(python) => {
            for (name, file) in IN_PYTHON {
                let file = workspace.root.join(PYTHON).join(file);
                list.push(entry(name, &[&python, Path::new("-B"), &file]));
            }
        }
        Err(failure) => missing("peers in Python", failure)?,
    }
    match packages::node() {
        Ok(()) => {
            let file = workspace.root.join(NODE);
            list.push(entry("Node, Map", &[Path::new("node"), &file]));
        }
        Err(failure) => missing("Node", failure)?,
    }
    let path = data::folder(workspace).join("peers.json");
    std::fs::write(&path, Value::Array(list).to_string())
        .while_doing(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// Whether the peers in Rust compile; `cargo xtask test` asks no more of them.
pub(crate) fn compile(workspace: &Workspace) -> Result<(), Failure> {
    let mut check = workspace.cargo("clippy");
    check.args(["--release", "--locked", "--manifest-path", RUST]);
    check.arg("--target-dir").arg(folder(workspace));
    check.args(["--", "-D", "warnings"]);
    process::quietly("peers in Rust", &mut check).map(|_| ())
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target.join("peers")
}

fn entry(name: &str, command: &[&Path]) -> Value {
    let command: Vec<String> = command
        .iter()
        .map(|word| word.display().to_string())
        .collect();
    json!({"name": name, "command": command})
}

fn missing(what: &str, failure: Failure) -> Result<(), Failure> {
    if in_ci() {
        return Err(failure.under(what));
    }
    eprintln!("not measured: {what}: {failure}");
    Ok(())
}
