//! Fluent Bit 4.2.2, as Tenzir brings it: its exec_wasi runs the guest as a command, and where gdb may
//! trace, its filter_wasm runs the guest as a filter.

use std::path::PathBuf;
use std::process::Command;

use super::{Checked, Given, Row};
use crate::debian;
use crate::failure::Failure;
use crate::guests::{self, BASELINE, FLUENT_BIT, FLUENT_BIT_EXEC, Guest};
use crate::packages;
use crate::process;

const FOLDER: &str = "wasm/fluent-bit/hosts";

pub(super) fn check(given: &Given<'_>) -> Result<Checked, Failure> {
    let workspace = given.workspace;
    let python = match packages::python(workspace, FOLDER) {
        Ok(python) => python,
        Err(failure) => return Ok(Checked::Missing(failure.to_string())),
    };
    let run = |driver: &str, guest: &Guest| -> Result<Row, Failure> {
        guests::build(workspace, guest)?;
        let mut command = Command::new(&python);
        // Without -B it would leave compiled files in the project.
        command.args(["-B", &format!("{FOLDER}/{driver}")]);
        command.arg(&given.vectors.folder);
        command.arg(guests::path(workspace, guest, BASELINE));
        command.arg(programs(given));
        workspace.settle(&mut command);
        Row::read(&process::quietly(driver, &mut command)?)
    };
    let mut rows = vec![run("tenzir.py", &FLUENT_BIT_EXEC)?];
    let has_debugger = || process::succeeds(Command::new("gdb").arg("--version"));
    if !has_debugger() && (debian::ensure(&["gdb"]).is_err() || !has_debugger()) {
        return Ok(Checked::Missing(
            "filter_wasm itself is not run: that takes gdb".to_owned(),
        ));
    }
    rows.push(run("filter_wasm.py", &FLUENT_BIT)?);
    Ok(Checked::Rows(rows))
}

/// The folder of this project's programs.
fn programs(given: &Given<'_>) -> PathBuf {
    let program = given.workspace.program("whose");
    program.parent().map(PathBuf::from).unwrap_or_default()
}
