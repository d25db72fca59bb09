//! Debian's second Rust compiler, which is recent and comes with the library's source.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process;
use crate::progress::Step;
use crate::workspace::{Workspace, parse_version};

/// A matched compiler, build tool, library source and linker. `lld-22` has to be named:
/// `/usr/bin/rust-lld` is a link to it, and no dependency of the others brings it.
pub(crate) const PACKAGES: [&str; 5] = [
    "rustc-web",
    "cargo-web",
    "rust-web-src",
    "rust-web-llvm",
    "lld-22",
];

const RUSTC: &str = "/usr/bin/rustc";

/// Makes sure that the packages are there, and returns the compiler.
pub(crate) fn find(workspace: &Workspace) -> Result<PathBuf, String> {
    ensure(&PACKAGES)?;
    let version = process::read(plain(&mut Command::new(RUSTC)).arg("--version"))
        .map_err(|failure| failure.to_string())?;
    let oldest = workspace
        .oldest_rust()
        .map_err(|failure| failure.to_string())?;
    match parse_version(&version) {
        Some(found) if found >= oldest => Ok(PathBuf::from(RUSTC)),
        _ => Err(format!(
            "{RUSTC} is {version}, and the project needs {}.{}; Debian's security archive has newer ones",
            oldest.0, oldest.1
        )),
    }
}

/// Installs packages with apt-get where that is possible without asking anybody: as root on
/// Debian. Says so first.
pub(crate) fn ensure(packages: &[&str]) -> Result<(), String> {
    if !Path::new("/etc/debian_version").is_file() {
        return Err("this is not Debian".to_owned());
    }
    let missing: Vec<&str> = packages
        .iter()
        .copied()
        .filter(|package| !is_installed(package))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let words = missing.join(" ");
    if process::read(Command::new("id").arg("-u"))
        .as_deref()
        .unwrap_or("")
        != "0"
    {
        return Err(format!(
            "packages are missing; run `sudo apt-get install {words}`"
        ));
    }
    eprintln!("  installing Debian packages, as root: {words}");
    let step = Step::begin("apt-get install");
    let mut output = install(&missing, &step);
    if output.is_err() {
        // The usual reason is a package list that is missing or old.
        let mut update = Command::new("apt-get");
        update.arg("update");
        let _ = process::capture(&mut update, step.watcher());
        output = install(&missing, &step);
    }
    output.map(|()| {
        step.end("");
    })
}

fn install(packages: &[&str], step: &Step) -> Result<(), String> {
    let mut command = Command::new("apt-get");
    // --no-remove: a machine whose own compiler conflicts with these packages keeps it.
    command
        .args(["install", "--yes", "--no-remove", "--no-install-recommends"])
        .args(packages);
    command.env("DEBIAN_FRONTEND", "noninteractive");
    match process::capture(&mut command, step.watcher()) {
        Err(failure) => Err(failure.to_string()),
        Ok((_, true, _)) => Ok(()),
        Ok((output, false, _)) => Err(format!(
            "apt-get install failed: {}",
            process::complaint(&output)
        )),
    }
}

fn is_installed(package: &str) -> bool {
    process::read(Command::new("dpkg-query").args(["-W", "-f", "${Status}", package]))
        .is_ok_and(|status| status == "install ok installed")
}

/// Debian's cargo, with Debian's compiler and linker found first.
pub(crate) fn cargo(subcommand: &str) -> Command {
    let mut command = Command::new("/usr/bin/cargo");
    plain(&mut command).arg(subcommand);
    let mut path = std::ffi::OsString::from("/usr/bin:");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    command.env("PATH", path);
    command
}

/// Takes away what names another toolchain.
fn plain(command: &mut Command) -> &mut Command {
    for name in [
        "CARGO",
        "RUSTC",
        "RUSTDOC",
        "RUSTUP_TOOLCHAIN",
        "LD_LIBRARY_PATH",
    ] {
        command.env_remove(name);
    }
    command
}
