//! Hosts of JavaScript: the npm package in Node, Deno, Bun, workerd and Chromium, driven by
//! `wasm/js/hosts/run.mjs`.

use std::path::PathBuf;
use std::process::Command;

use super::{Checked, Given, Row};
use crate::debian;
use crate::failure::{Failure, While};
use crate::npm;
use crate::packages;
use crate::process;

const DRIVERS: &str = "wasm/js/hosts";
const INVENTORY: &str = "snapshots/samples/inventory.toml";
const EVENTS: &str = "snapshots/samples/events/events.ndjson";
const CONFIG: &str = r#"{"v":1,"default_domains":{"k8s_audit":"prod-eu"}}"#;
/// For as long the snapshot of the pages' programs counts as fresh: they judge by the clock.
const VALID_FOR: &str = "3650d";

/// What does not depend on a host: the package's files, its types, that it leaks nothing, and what a
/// failure of the module comes to.
pub(super) fn package(given: &Given<'_>) -> Result<Checked, Failure> {
    if let Err(failure) = tools(given) {
        return Ok(Checked::missing(failure));
    }
    npm::make(given.workspace)?;
    sample(given)?;
    for check in ["types", "traps", "leak"] {
        let said = drive(given, check)?;
        eprintln!("  {check}: {}", said.trim());
    }
    Ok(Checked::default())
}

pub(super) fn node(given: &Given<'_>) -> Result<Checked, Failure> {
    check(given, "node")
}

pub(super) fn deno(given: &Given<'_>) -> Result<Checked, Failure> {
    check(given, "deno")
}

pub(super) fn bun(given: &Given<'_>) -> Result<Checked, Failure> {
    check(given, "bun")
}

pub(super) fn workerd(given: &Given<'_>) -> Result<Checked, Failure> {
    check(given, "workerd")
}

pub(super) fn chromium(given: &Given<'_>) -> Result<Checked, Failure> {
    const NAMES: [&str; 4] = [
        "chromium",
        "chromium-browser",
        "google-chrome",
        "google-chrome-stable",
    ];
    if let Err(failure) = tools(given) {
        return Ok(Checked::missing(failure));
    }
    let is_there = |name: &&str| process::succeeds(Command::new(name).arg("--version"));
    if std::env::var_os("CHROMIUM").is_none()
        && !NAMES.iter().any(is_there)
        && let Err(reason) = debian::ensure(&["chromium"])
    {
        return Ok(Checked::missing(reason));
    }
    check(given, "browser")
}

fn check(given: &Given<'_>, host: &str) -> Result<Checked, Failure> {
    if let Err(failure) = tools(given) {
        return Ok(Checked::missing(failure));
    }
    Ok(Checked::rows(vec![Row::read(&drive(given, host)?)?]))
}

/// The programs, or why they are not there.
fn tools(given: &Given<'_>) -> Result<PathBuf, Failure> {
    packages::node()?;
    packages::npm(given.workspace, DRIVERS)
}

fn drive(given: &Given<'_>, host: &str) -> Result<String, Failure> {
    let tools = tools(given)?;
    let below = folder(given);
    let mut command = Command::new("node");
    command.arg(format!("{DRIVERS}/run.mjs")).arg(host);
    command.arg(&given.vectors.folder);
    command.arg(given.workspace.target.join("npm/whose"));
    command.arg(tools).arg(below.join("sample"));
    command.arg(below.join(host));
    given.workspace.settle(&mut command);
    process::quietly(host, &mut command)
}

fn folder(given: &Given<'_>) -> PathBuf {
    given.workspace.target.join("hosts/javascript")
}

/// What the programs of `docs/hosts/` read, what comes out natively, and a module with all of it in it.
fn sample(given: &Given<'_>) -> Result<(), Failure> {
    let folder = folder(given).join("sample");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).while_doing(|| format!("cannot make {}", folder.display()))?;
    let [snapshot, config, events, expected, baked] = [
        "snapshot.whose",
        "config.json",
        "events.ndjson",
        "expected.ndjson",
        "baked.wasm",
    ]
    .map(|name| folder.join(name));
    std::fs::write(&config, CONFIG).while_doing(|| format!("cannot write {}", config.display()))?;
    std::fs::copy(given.workspace.root.join(EVENTS), &events)
        .while_doing(|| format!("cannot copy {EVENTS}"))?;
    let mut build = given.workspace.run_program("whose-snapshot");
    build.args(["build", "--config", INVENTORY, "--valid-for", VALID_FOR]);
    build.arg("--out").arg(&snapshot);
    process::quietly("snapshot that stays fresh", &mut build)?;
    let mut enrich = given.workspace.run_program("whose");
    enrich.args(["enrich", "--native", "--config"]).arg(&config);
    enrich.arg("--snapshot").arg(&snapshot);
    enrich.arg("--out").arg(&expected).arg(&events);
    process::quietly("what the pages' programs write", &mut enrich)?;
    let mut bake = given.workspace.run_program("whose-snapshot");
    bake.arg("bake").arg("--module");
    bake.arg(given.workspace.target.join("npm/whose/whose_bg.wasm"));
    bake.arg("--config").arg(&config).arg("--out").arg(&baked);
    bake.arg(&snapshot);
    process::quietly("whose-snapshot bake", &mut bake).map(|_| ())
}
