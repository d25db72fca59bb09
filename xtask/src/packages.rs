//! Packages of npm and PyPI: installed into the build folder, from lock files with hashes.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::{Failure, While};
use crate::fingerprint::Fingerprint;
use crate::process;
use crate::workspace::Workspace;

const NPM_FILES: [&str; 2] = ["package.json", "package-lock.json"];
const PIP_FILE: &str = "requirements.txt";

/// npm, as a command.
pub(crate) fn npm_command() -> Command {
    Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" })
}

/// Whether node and npm are there.
pub(crate) fn node() -> Result<(), Failure> {
    let programs = [("node", Command::new("node")), ("npm", npm_command())];
    for (name, mut program) in programs {
        if !process::succeeds(program.arg("--version")) {
            return Err(Failure::new(format!(
                "`{name}` is not there; https://nodejs.org"
            )));
        }
    }
    Ok(())
}

/// Installs what `package-lock.json` in a folder of the project names, unless it is there. Returns the
/// folder that holds `node_modules`. Scripts of packages are not run.
pub(crate) fn npm(workspace: &Workspace, from: &str) -> Result<PathBuf, Failure> {
    let folder = place(workspace, "npm", from);
    let wanted = fingerprint(workspace, from, &NPM_FILES)?;
    if !is_there(&folder, &wanted) {
        begin(&folder)?;
        for name in NPM_FILES {
            let file = workspace.root.join(from).join(name);
            std::fs::copy(&file, folder.join(name))
                .while_doing(|| format!("cannot copy {}", file.display()))?;
        }
        let mut install = npm_command();
        install.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
        install.current_dir(&folder);
        process::quietly(&format!("npm packages of {from}"), &mut install)
            .map_err(|failure| failure.under("packages of npm could not be installed"))?;
        end(&folder, &wanted)?;
    }
    Ok(folder)
}

/// The Python of the machine, for scripts that need no package.
pub(crate) const fn system_python() -> &'static str {
    if cfg!(windows) { "python" } else { "python3" }
}

/// Makes a Python environment with what `requirements.txt` in a folder of the project names, unless it
/// is there. Returns its interpreter.
pub(crate) fn python(workspace: &Workspace, from: &str) -> Result<PathBuf, Failure> {
    let folder = place(workspace, "python", from);
    let python = folder.join(if cfg!(windows) {
        "Scripts/python.exe"
    } else {
        "bin/python"
    });
    let wanted = fingerprint(workspace, from, &[PIP_FILE])?;
    if !is_there(&folder, &wanted) || !process::succeeds(Command::new(&python).arg("--version")) {
        let system = system_python();
        let mut version = Command::new(system);
        version.args(["-c", "import sys; sys.exit(sys.version_info < (3, 11))"]);
        if !process::succeeds(&mut version) {
            return Err(Failure::new(format!(
                "`{system}` is not there or older than 3.11"
            )));
        }
        begin(&folder)?;
        let mut make = Command::new(system);
        make.args(["-m", "venv"]).arg(&folder);
        process::quietly("python environment", &mut make).map_err(|failure| {
            failure.under("no python environment; Debian has it in python3-venv")
        })?;
        let mut install = Command::new(&python);
        install.args(["-m", "pip", "install", "--quiet", "--no-deps"]);
        install.args(["--require-hashes", "--only-binary", ":all:", "-r"]);
        install.arg(workspace.root.join(from).join(PIP_FILE));
        process::quietly(&format!("python packages of {from}"), &mut install)
            .map_err(|failure| failure.under("packages of PyPI could not be installed"))?;
        end(&folder, &wanted)?;
    }
    Ok(python)
}

fn place(workspace: &Workspace, kind: &str, from: &str) -> PathBuf {
    workspace
        .target
        .join(kind)
        .join(from.replace(['/', '\\'], "-"))
}

fn fingerprint(workspace: &Workspace, from: &str, names: &[&str]) -> Result<String, Failure> {
    let mut fingerprint = Fingerprint::new();
    for name in names {
        fingerprint.add_path(&workspace.root, &format!("{from}/{name}"))?;
    }
    Ok(fingerprint.finish())
}

fn mark(folder: &Path) -> PathBuf {
    folder.join("installed")
}

fn is_there(folder: &Path, wanted: &str) -> bool {
    std::fs::read_to_string(mark(folder)).is_ok_and(|found| found == wanted)
}

fn begin(folder: &Path) -> Result<(), Failure> {
    let _ = std::fs::remove_dir_all(folder);
    std::fs::create_dir_all(folder).while_doing(|| format!("cannot make {}", folder.display()))
}

/// Last: an interrupted installation is begun again.
fn end(folder: &Path, wanted: &str) -> Result<(), Failure> {
    let mark = mark(folder);
    std::fs::write(&mark, wanted).while_doing(|| format!("cannot write {}", mark.display()))
}
