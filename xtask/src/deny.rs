//! cargo-deny: licences, sources and duplicates always, advisories when asked.

use std::path::PathBuf;
use std::process::Command;

use crate::failure::{Failure, While};
use crate::process;
use crate::workspace::Workspace;

/// The version that is installed when none is found. deny.toml is written for it.
const VERSION: &str = "0.20.2";

/// `cargo xtask advisories`: known vulnerabilities among the dependencies.
pub(crate) fn advisories(workspace: &Workspace) -> Result<(), Failure> {
    let program = find(workspace)?;
    let mut command = command(workspace, program);
    process::show(command.args(["check", "advisories"])).map_err(|failure| {
        failure.under(
            "the advisory check did not pass, or its database at github.com/RustSec/advisory-db could not be fetched",
        )
    })
}

/// Everything that needs no network besides the registry.
pub(crate) fn check(workspace: &Workspace) -> Result<(), Failure> {
    let program = find(workspace)?;
    let mut command = command(workspace, program);
    command.args(["check", "bans", "licenses", "sources"]);
    process::quietly("cargo deny", &mut command)?;
    // The peers of the benchmarks: a workspace of its own, with a deny.toml of its own.
    let mut peers = Command::new(find(workspace)?);
    workspace.settle(&mut peers);
    peers.args(["--manifest-path", "benches/peers/Cargo.toml"]);
    peers.args(["check", "bans", "licenses", "sources"]);
    process::quietly("cargo deny, peers", &mut peers).map(|_| ())
}

/// A cargo-deny that is there, or one that this installs into the build folder.
pub(crate) fn find(workspace: &Workspace) -> Result<PathBuf, Failure> {
    let tools = workspace.target.join("tools");
    let own = tools
        .join("bin")
        .join(format!("cargo-deny{}", std::env::consts::EXE_SUFFIX));
    for candidate in [own.clone(), PathBuf::from("cargo-deny")] {
        if process::succeeds(Command::new(&candidate).arg("--version")) {
            return Ok(candidate);
        }
    }
    let mut install = workspace.cargo("install");
    install
        .args(["cargo-deny", "--locked", "--version", VERSION, "--root"])
        .arg(&tools);
    // Its own build folder, so that an interrupted installation goes on where it was.
    install.arg("--target-dir").arg(tools.join("build"));
    process::quietly(&format!("cargo install cargo-deny {VERSION}"), &mut install)?;
    // 400 MB that nothing reads again.
    let _ = std::fs::remove_dir_all(tools.join("build"));
    own.canonicalize()
        .while_doing(|| "cargo-deny was installed but is not there".to_owned())
}

fn command(workspace: &Workspace, program: PathBuf) -> Command {
    let mut command = Command::new(program);
    workspace.settle(&mut command);
    command.arg("--workspace");
    command
}
