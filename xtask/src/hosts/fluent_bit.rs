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
        Err(failure) => return Ok(Checked::missing(failure)),
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
    if let Err(reason) = debugger() {
        return Ok(Checked::rows(rows).without(format!("filter_wasm itself: {reason}")));
    }
    rows.push(run("filter_wasm.py", &FLUENT_BIT)?);
    Ok(Checked::rows(rows))
}

/// Makes sure of a gdb that may trace a program.
fn debugger() -> Result<(), String> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Err("its driver reads registers of Linux on x86-64".to_owned());
    }
    let is_there = || process::succeeds(Command::new("gdb").arg("--version"));
    if !is_there() {
        debian::ensure(&["gdb"]).map_err(|reason| format!("that takes gdb: {reason}"))?;
        if !is_there() {
            return Err("that takes gdb, which does not start".to_owned());
        }
    }
    let mut trace = Command::new("gdb");
    trace.args(["-batch", "-nx", "-ex", "run", "--args", "/bin/true"]);
    trace.env("LC_ALL", "C").env("SHELL", "/bin/sh");
    let (said, _, _) = process::capture(&mut trace, None).map_err(|failure| failure.to_string())?;
    may_trace(&said)
}

/// Whether gdb, from what it said, ran a program.
fn may_trace(said: &str) -> Result<(), String> {
    if said.contains("exited normally") {
        return Ok(());
    }
    let line = said.lines().find(|line| line.contains("ptrace"));
    let line = line.map_or_else(|| process::complaint(said), |line| line.trim().to_owned());
    Err(format!("gdb may not trace a program here: {line}"))
}

/// The folder of this project's programs.
fn programs(given: &Given<'_>) -> PathBuf {
    let program = given.workspace.program("whose");
    program.parent().map(PathBuf::from).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_debugger_that_runs_nothing_is_missing() {
        assert_eq!(
            may_trace("[Inferior 1 (process 7) exited normally]\n"),
            Ok(())
        );
        let refused = "warning: ptrace: Operation not permitted\nDuring startup program exited.\n";
        assert_eq!(
            may_trace(refused).unwrap_err(),
            "gdb may not trace a program here: warning: ptrace: Operation not permitted"
        );
        assert!(may_trace("").unwrap_err().ends_with("it printed nothing"));
    }
}
