//! `cargo xtask demo`: from vendor exports to enriched events, on this machine.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::failure::Failure;
use crate::guests;
use crate::process;
use crate::workspace::Workspace;

const INVENTORY: &str = "snapshots/samples/inventory.toml";
const EVENTS: &str = "snapshots/samples/events/events.ndjson";
/// The cluster that the sample's Kubernetes audit events come from; the events do not say.
const CLUSTER: &str = "k8s_audit=prod-eu";
/// An identity of the sample organisation, for the commands to try next.
pub(crate) const SAMPLE_KEY: &str = "aws_arn:arn:aws:iam::111122223333:role/ci/release-deployer";

/// The files of a demo.
#[derive(Debug)]
pub(crate) struct Demo {
    pub(crate) events: PathBuf,
    pub(crate) enriched: PathBuf,
    signing_key: PathBuf,
    public_key: PathBuf,
    snapshot: PathBuf,
    module: PathBuf,
}

impl Demo {
    pub(crate) fn of(workspace: &Workspace) -> Self {
        let folder = workspace.target.join("demo");
        Self {
            events: workspace.root.join(EVENTS),
            enriched: folder.join("enriched.ndjson"),
            signing_key: folder.join("signing.key"),
            public_key: folder.join("signing.key.pub"),
            snapshot: folder.join("sample.whose"),
            module: guests::preferred(workspace),
        }
    }

    /// The signed snapshot of the sample organisation.
    pub(crate) fn snapshot(&self) -> &Path {
        &self.snapshot
    }

    /// Everything up to the signed snapshot.
    pub(crate) fn prepare(&self, workspace: &Workspace) -> Result<(), Failure> {
        build_programs(workspace)?;
        make_folder(&self.snapshot)?;
        // A key that is there is kept, so that a snapshot of an earlier demo stays valid.
        if !self.signing_key.is_file() || !self.public_key.is_file() {
            for leftover in [&self.signing_key, &self.public_key] {
                let _ = std::fs::remove_file(leftover);
            }
            let mut keygen = workspace.run_program("whose-snapshot");
            keygen
                .args(["keygen", "--out"])
                .arg(workspace.within(&self.signing_key));
            process::quietly("signing key", &mut keygen)?;
        }
        let mut build = workspace.run_program("whose-snapshot");
        // Created, sequence and validity stand in the configuration, so the bytes are the same each time.
        build.args(["build", "--config", INVENTORY]);
        build.arg("--sign").arg(workspace.within(&self.signing_key));
        build.arg("--out").arg(workspace.within(&self.snapshot));
        process::quietly("signed snapshot", &mut build).map(|_| ())
    }

    /// The command that enriches the sample events through the module.
    pub(crate) fn enrich(&self, workspace: &Workspace) -> Command {
        let mut enrich = workspace.run_program("whose");
        enrich.args(["enrich", EVENTS, "--default-domain", CLUSTER, "--snapshot"]);
        enrich.arg(workspace.within(&self.snapshot));
        enrich
            .arg("--trust")
            .arg(workspace.within(&self.public_key));
        enrich.arg("--module").arg(workspace.within(&self.module));
        enrich.arg("--out").arg(workspace.within(&self.enriched));
        enrich
    }

    /// Three commands that a person can paste, as seen from where they stand.
    pub(crate) fn next_commands(&self, workspace: &Workspace) -> [String; 3] {
        let shown = |path: &Path| process::quote(&workspace.shown(path));
        let whose = shown(&workspace.program("whose"));
        let whose_snapshot = shown(&workspace.program("whose-snapshot"));
        let snapshot = shown(&self.snapshot);
        let key = process::quote(SAMPLE_KEY);
        // Some 200 lines are too many to look at; `tail`, unlike `head`, does not close the pipe early.
        let last_lines = if cfg!(windows) { "" } else { " | tail -n 3" };
        [
            format!("{whose} lookup {key} --snapshot {snapshot}"),
            format!("{whose_snapshot} inspect {snapshot}"),
            format!("{whose} keys {}{last_lines}", shown(&self.events)),
        ]
    }
}

/// Builds the two command lines.
pub(crate) fn build_programs(workspace: &Workspace) -> Result<(), Failure> {
    let mut build = workspace.cargo("build");
    build.args([
        "--release",
        "--package",
        "snapshots",
        "--package",
        "host-harness",
    ]);
    process::quietly("whose and whose-snapshot", &mut build).map(|_| ())
}

/// `cargo xtask demo`.
pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    let started = Instant::now();
    let demo = Demo::of(workspace);
    guests::build(workspace, &guests::PLAIN)?;
    demo.prepare(workspace)?;
    eprintln!("  ready after {:.1} s\n", started.elapsed().as_secs_f64());
    process::show(demo.enrich(workspace).arg("--table"))?;

    println!("\nenriched events  {}", workspace.shown(&demo.enriched));
    println!("snapshot         {}", workspace.shown(&demo.snapshot));
    println!("\nto try next:");
    for command in demo.next_commands(workspace) {
        println!("  {command}");
    }
    Ok(())
}

fn make_folder(file: &Path) -> Result<(), Failure> {
    let folder = file.parent().unwrap_or(file);
    std::fs::create_dir_all(folder).map_err(|error| {
        Failure::new(error.to_string()).under(format!("cannot make {}", folder.display()))
    })
}
