//! Where things are: the project, its build folder, the compiler that runs this.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::{Failure, While};
use crate::process;

/// The project on this machine.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// The folder of the workspace's Cargo.toml.
    pub(crate) root: PathBuf,
    /// Cargo's build folder.
    pub(crate) target: PathBuf,
    /// Where release programs land.
    programs: PathBuf,
    cargo: PathBuf,
    /// The compiler that belongs to `cargo`.
    pub(crate) rustc: PathBuf,
}

impl Workspace {
    pub(crate) fn find() -> Result<Self, Failure> {
        // Read at run time: a path compiled in would be wrong after the folder has moved.
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
            .ok_or_else(|| Failure::new("xtask was not started by cargo; use `cargo xtask`"))?;
        let root = Path::new(&manifest)
            .parent()
            .ok_or_else(|| Failure::new("xtask's own folder has no parent"))?
            .to_owned();
        let executable =
            std::env::current_exe().while_doing(|| "cannot find xtask's own file".to_owned())?;
        let programs = executable.parent().unwrap_or(&root).to_owned();
        // Cargo marks its build folder; whatever setting moved it, xtask itself lies inside.
        let target = executable
            .ancestors()
            .find(|folder| folder.join("CACHEDIR.TAG").is_file())
            .map_or_else(|| root.join("target"), Path::to_owned);
        let cargo = std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from);
        let beside = cargo.with_file_name(format!("rustc{}", std::env::consts::EXE_SUFFIX));
        let rustc = match std::env::var_os("RUSTC") {
            Some(rustc) => PathBuf::from(rustc),
            None if beside.is_file() => beside,
            None => PathBuf::from("rustc"),
        };
        Ok(Self {
            root,
            target,
            programs,
            cargo,
            rustc,
        })
    }

    /// Cargo, in the project, with an environment as if a person had started it.
    pub(crate) fn cargo(&self, subcommand: &str) -> Command {
        let mut command = Command::new(&self.cargo);
        command.arg(subcommand);
        self.settle(&mut command);
        command
    }

    /// Sets folder and environment for a build that this run starts: what `cargo run` told xtask
    /// about xtask must not reach other packages.
    pub(crate) fn settle(&self, command: &mut Command) {
        command.current_dir(&self.root);
        for name in leaked_variables(std::env::vars_os().map(|(name, _)| name)) {
            command.env_remove(name);
        }
    }

    /// A program of this project, as built by `cargo build --release`.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.programs
            .join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
    }

    /// A command for a program of this project, run in its root.
    pub(crate) fn run_program(&self, name: &str) -> Command {
        let mut command = Command::new(self.program(name));
        command.current_dir(&self.root);
        command
    }

    /// A path as it is shortest from where the person stands.
    pub(crate) fn shown(&self, path: &Path) -> String {
        let here = std::env::current_dir().unwrap_or_else(|_| self.root.clone());
        path.strip_prefix(&here)
            .unwrap_or(path)
            .display()
            .to_string()
    }

    /// A path as seen from the root: for commands that run there.
    pub(crate) fn within(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.root).unwrap_or(path).to_owned()
    }

    /// The oldest compiler that the workspace accepts, as (major, minor).
    pub(crate) fn oldest_rust(&self) -> Result<(u32, u32), Failure> {
        let path = self.root.join("Cargo.toml");
        let text =
            std::fs::read_to_string(&path).while_doing(|| "cannot read Cargo.toml".to_owned())?;
        text.lines()
            .find_map(|line| line.strip_prefix("rust-version = \""))
            .and_then(|rest| parse_version(rest.trim_end_matches('"')))
            .ok_or_else(|| Failure::new("Cargo.toml states no rust-version"))
    }

    /// The folder that the compiler calls its own.
    pub(crate) fn sysroot(&self) -> Result<PathBuf, Failure> {
        sysroot_of(&self.rustc)
    }
}

/// The folder that a compiler calls its own.
pub(crate) fn sysroot_of(rustc: &Path) -> Result<PathBuf, Failure> {
    process::read(Command::new(rustc).args(["--print", "sysroot"])).map(PathBuf::from)
}

/// Major and minor of `1.95`, `1.95.0` or `rustc 1.95.0 (…)`.
pub(crate) fn parse_version(text: &str) -> Option<(u32, u32)> {
    let text = text.strip_prefix("rustc ").unwrap_or(text);
    let mut parts = text.split(['.', ' ', '-']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn leaked_variables(names: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let prefixes = [
        "CARGO_PKG_",
        "CARGO_MANIFEST_",
        "CARGO_BIN_",
        "CARGO_CRATE_",
        "CARGO_PRIMARY_",
    ];
    names
        .filter(|name| {
            let name = name.to_string_lossy();
            prefixes.iter().any(|prefix| name.starts_with(prefix))
        })
        .collect()
}

/// Whether this runs in continuous integration, where nothing may be skipped.
pub(crate) fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_every_spelling() {
        assert_eq!(parse_version("1.95"), Some((1, 95)));
        assert_eq!(
            parse_version("rustc 1.96.0 (ac68faa20 2026-05-25)"),
            Some((1, 96))
        );
        assert_eq!(parse_version("1.99-nightly"), Some((1, 99)));
        assert_eq!(parse_version("rustc"), None);
    }

    #[test]
    fn only_what_describes_xtask_is_taken_from_the_environment() {
        let names = [
            "CARGO_PKG_NAME",
            "CARGO_HOME",
            "CARGO_MANIFEST_DIR",
            "PATH",
            "CARGO_TARGET_DIR",
        ];
        let leaked = leaked_variables(names.iter().map(OsString::from));
        assert_eq!(leaked, ["CARGO_PKG_NAME", "CARGO_MANIFEST_DIR"]);
    }
}
