//! ClickHouse, its engine as the Python package chDB: functions over columns.

use std::path::Path;
use std::process::Command;

use super::{Checked, Given, Row};
use crate::failure::Failure;
use crate::guests::{self, CLICKHOUSE, SIMD};
use crate::packages;
use crate::process;

/// The driver, and the packages that it needs.
const FOLDER: &str = "wasm/clickhouse/hosts";
const PAGE: &str = "docs/hosts/clickhouse.md";
const SAMPLES: &str = "snapshots/samples";

pub(super) fn check(given: &Given<'_>) -> Result<Checked, Failure> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Ok(Checked::missing("chDB's wheels are for Linux on x86-64"));
    }
    let workspace = given.workspace;
    guests::build(workspace, &CLICKHOUSE)?;
    let python = match packages::python(workspace, FOLDER) {
        Ok(python) => python,
        Err(failure) => return Ok(Checked::missing(failure)),
    };
    let module = guests::path(workspace, &CLICKHOUSE, SIMD);
    let run = |label: &str, what: &[&Path]| {
        let mut command = Command::new(&python);
        workspace.settle(&mut command);
        command.arg("-B").arg(format!("{FOLDER}/clickhouse.py"));
        command.args(what).arg(&module);
        command
            .arg("--bake")
            .arg(workspace.program("whose-snapshot"));
        command.arg("--whose").arg(workspace.program("whose"));
        process::quietly(&format!("ClickHouse, {label}"), &mut command)
    };
    let vectors = given.vectors.folder.as_path();
    let row = Row::read(&run("vectors", &["vectors".as_ref(), vectors])?)?;
    run("faults", &["faults".as_ref(), vectors])?;
    run(PAGE, &["page".as_ref(), PAGE.as_ref(), SAMPLES.as_ref()])?;
    // One pass: whether a dictionary gives the same. How fast both are is measured by hand.
    let once = ["compare", "--rows", "20000", "--runs", "1"].map(Path::new);
    run(
        "beside a dictionary",
        &[once.as_slice(), &[vectors]].concat(),
    )?;
    Ok(Checked::rows(vec![row]))
}
