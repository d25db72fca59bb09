//! Finding a way to build for a target that the machine is not: wasm32, and one without std.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::debian;
use crate::failure::Failure;
use crate::process;
use crate::progress::Step;
use crate::workspace::{Workspace, sysroot_of};

/// What the guests are built for.
pub(crate) const GUEST: Target = Target {
    triple: "wasm32-unknown-unknown",
    library: "std",
    build_std: "std,panic_abort",
};

/// A target that has no std at all: what builds here is `no_std` beyond doubt.
pub(crate) const BARE: Target = Target {
    triple: "thumbv7em-none-eabi",
    library: "core",
    build_std: "core,alloc",
};

/// A target, and which part of the standard library a build for it needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    pub(crate) triple: &'static str,
    library: &'static str,
    build_std: &'static str,
}

/// The ways, in the order in which they are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// The toolchain has the target's standard library.
    Installed,
    /// `rustup target add` brought it.
    Rustup,
    /// The toolchain has the library's source, which is compiled along.
    BuildStd,
    /// Debian's second compiler with its source of the library, compiled along.
    Debian,
}

const WAYS: [Way; 4] = [Way::Installed, Way::Rustup, Way::BuildStd, Way::Debian];

impl Way {
    /// The value of `WHOSE_WASM32` that forces it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Installed => "installed",
            Self::Rustup => "rustup",
            Self::BuildStd => "build-std",
            Self::Debian => "debian",
        }
    }

    pub(crate) fn explained(self) -> &'static str {
        match self {
            Self::Installed => "the toolchain has the target",
            Self::Rustup => "rustup added the target",
            Self::BuildStd => "the standard library is built from the toolchain's rust-src",
            Self::Debian => "Debian's rustc-web, with the standard library built from rust-web-src",
        }
    }
}

/// A compiler that can build for a target, and how.
#[derive(Debug)]
pub(crate) struct Toolchain {
    pub(crate) way: Way,
    target: Target,
    pub(crate) rustc: PathBuf,
}

impl Toolchain {
    /// A cargo command for the target: `build`, `clippy` and the like.
    pub(crate) fn cargo(&self, workspace: &Workspace, subcommand: &str) -> Command {
        let mut command = if self.way == Way::Debian {
            let mut command = debian::cargo(subcommand);
            workspace.settle(&mut command);
            command
        } else {
            workspace.cargo(subcommand)
        };
        command.args(["--target", self.target.triple]);
        // The flags of a person's own builds would only make the guests differ.
        command.env_remove("RUSTFLAGS");
        if matches!(self.way, Way::BuildStd | Way::Debian) {
            command.arg(format!("-Zbuild-std={}", self.target.build_std));
            command.env("RUSTC_BOOTSTRAP", "1");
        }
        command
    }

    /// A build folder for this way: libraries of two compilers must not meet.
    pub(crate) fn folder(&self, below: &Path, name: &str) -> PathBuf {
        match self.way {
            Way::Installed | Way::Rustup => below.join(name),
            Way::BuildStd | Way::Debian => below.join(self.way.name()).join(name),
        }
    }
}

/// What `WHOSE_WASM32` asks for.
pub(crate) fn forced() -> Option<String> {
    std::env::var("WHOSE_WASM32")
        .ok()
        .filter(|value| !value.is_empty())
}

/// Finds the first way that works, or says for each why it does not.
pub(crate) fn find(workspace: &Workspace, target: Target) -> Result<Toolchain, Failure> {
    let forced = forced();
    let ways = ways_for(forced.as_deref())?;
    let mut reasons = Vec::new();
    for way in ways {
        match attempt(workspace, target, way) {
            Ok(rustc) => return Ok(Toolchain { way, target, rustc }),
            Err(reason) => reasons.push(format!("tried {}: {reason}", way.name())),
        }
    }
    if let Some(forced) = &forced {
        reasons.push(format!("WHOSE_WASM32={forced} forbids the other ways"));
    }
    Err(advice(target, &reasons))
}

fn ways_for(forced: Option<&str>) -> Result<Vec<Way>, Failure> {
    match forced {
        None => Ok(WAYS.to_vec()),
        Some("none") => Ok(Vec::new()),
        Some(name) => WAYS
            .into_iter()
            .find(|way| way.name() == name)
            .map(|way| vec![way])
            .ok_or_else(|| {
                Failure::usage(format!(
                    "WHOSE_WASM32 is `{name}`; it can be installed, rustup, build-std, debian or none"
                ))
            }),
    }
}

fn attempt(workspace: &Workspace, target: Target, way: Way) -> Result<PathBuf, String> {
    match way {
        Way::Installed => installed(workspace, target),
        Way::Rustup => rustup(workspace, target),
        Way::BuildStd => build_std(workspace),
        Way::Debian => debian::find(workspace),
    }
}

fn installed(workspace: &Workspace, target: Target) -> Result<PathBuf, String> {
    let sysroot = workspace.sysroot().map_err(|failure| failure.to_string())?;
    let folder = sysroot.join("lib/rustlib").join(target.triple).join("lib");
    let prefix = format!("lib{}-", target.library);
    let found = std::fs::read_dir(&folder).is_ok_and(|mut entries| {
        entries.any(|entry| {
            entry.is_ok_and(|entry| {
                let name = entry.file_name();
                let name = name.to_string_lossy();
                name.starts_with(&prefix) && name.ends_with(".rlib")
            })
        })
    });
    if found {
        Ok(workspace.rustc.clone())
    } else {
        Err(format!(
            "the toolchain has no {} for {}",
            target.library, target.triple
        ))
    }
}

fn rustup(workspace: &Workspace, target: Target) -> Result<PathBuf, String> {
    let sysroot = workspace.sysroot().map_err(|failure| failure.to_string())?;
    // Rustup knows a toolchain by the name of its folder; one that it does not manage, it cannot
    // add to.
    let toolchain = sysroot
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let managed = sysroot
        .parent()
        .is_some_and(|folder| folder.ends_with("toolchains"));
    let Some(toolchain) = toolchain.filter(|_| managed) else {
        return Err("the compiler is not one of rustup's".to_owned());
    };
    let step = Step::begin(format!("rustup target add {}", target.triple));
    let mut command = Command::new("rustup");
    command.args(["target", "add", "--toolchain", &toolchain, target.triple]);
    match process::capture(&mut command, step.watcher()) {
        Err(failure) => Err(failure.to_string()),
        Ok((output, false, _)) => Err(process::complaint(&output)),
        Ok((_, true, _)) => {
            step.end("");
            installed(workspace, target)
        }
    }
}

fn build_std(workspace: &Workspace) -> Result<PathBuf, String> {
    let sysroot = workspace.sysroot().map_err(|failure| failure.to_string())?;
    if !sysroot
        .join("lib/rustlib/src/rust/library/Cargo.lock")
        .is_file()
    {
        return Err("the toolchain has no rust-src".to_owned());
    }
    Ok(workspace.rustc.clone())
}

fn advice(target: Target, reasons: &[String]) -> Failure {
    let packages = debian::PACKAGES.join(" ");
    let mut text = format!(
        "no way to build for {}; one of these commands provides it:\n  \
         rustup target add {}\n  \
         rustup component add rust-src\n  \
         apt-get install {packages}    (Debian, as root)",
        target.triple, target.triple
    );
    for reason in reasons {
        text.push_str(&format!("\n  {reason}"));
    }
    Failure::new(text)
}

/// Paths of this machine that a compiler may leave in what it builds, each with its stand-in. A later
/// one wins where two fit.
pub(crate) fn machine_paths(workspace: &Workspace, rustc: &Path) -> Vec<(PathBuf, String)> {
    let mut paths = vec![(workspace.root.clone(), "whose".to_owned())];
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    if let Some(home) = home {
        // Below here lies one folder for each registry, named after how it is reached. There is one
        // at least: xtask has dependencies itself.
        if let Ok(registries) = std::fs::read_dir(home.join("registry/src")) {
            let registries = registries.flatten().map(|entry| entry.path());
            paths.extend(registries.map(|registry| (registry, "crates".to_owned())));
        }
        paths.insert(0, (home, "cargo".to_owned()));
    }
    if let Ok(sysroot) = sysroot_of(rustc) {
        let library = sysroot.join("lib/rustlib");
        let source = library.join("src/rust");
        // What the compiler itself writes where it has no source: then both cases give one module.
        let stand_in = format!("/rustc/{}", commit_of(rustc));
        paths.push((library, "rustlib".to_owned()));
        // Debian's rust-src is a link to another folder, and both names can appear.
        paths.extend(
            source
                .canonicalize()
                .ok()
                .map(|source| (source, stand_in.clone())),
        );
        paths.push((source, stand_in));
    }
    paths
}

/// The commit a compiler was built from, or its version where that is not told.
fn commit_of(rustc: &Path) -> String {
    let text = process::read(Command::new(rustc).arg("-vV")).unwrap_or_default();
    let field = |name: &str| {
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(name))?
            .trim();
        (value != "unknown").then(|| value.to_owned())
    };
    field("commit-hash:")
        .or_else(|| field("release:"))
        .unwrap_or_else(|| "unknown".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_can_be_forced_by_its_name() {
        for way in WAYS {
            assert_eq!(ways_for(Some(way.name())).unwrap(), [way]);
        }
        assert_eq!(ways_for(None).unwrap(), WAYS);
        assert!(ways_for(Some("none")).unwrap().is_empty());
    }

    #[test]
    fn an_unknown_way_is_an_error_that_lists_the_known_ones() {
        let failure = ways_for(Some("brew")).unwrap_err();
        assert_eq!(failure.exit_status(), 2);
        assert_eq!(
            failure.to_string(),
            "WHOSE_WASM32 is `brew`; it can be installed, rustup, build-std, debian or none"
        );
    }

    #[test]
    fn without_a_way_the_error_has_the_commands_and_the_reasons() {
        let text = advice(GUEST, &["tried rustup: no network".to_owned()]).to_string();
        for part in [
            "rustup target add wasm32-unknown-unknown",
            "rustup component add rust-src",
            "apt-get install rustc-web cargo-web rust-web-src rust-web-llvm lld-22",
            "tried rustup: no network",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }
}
