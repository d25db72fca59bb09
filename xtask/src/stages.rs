//! The stages of `cargo xtask test`, cheapest first.

use std::process::Command;

use crate::bench;
use crate::demo::{self, Demo};
use crate::deny;
use crate::dist;
use crate::failure::{Failure, While};
use crate::guests::{self, Size};
use crate::hosts;
use crate::process::{self, quietly};
use crate::standards;
use crate::test::Outcome;
use crate::tree::Tree;
use crate::wasm32::{self, Way};
use crate::workspace::Workspace;

/// What all stages of one run share.
#[derive(Debug)]
pub(crate) struct Run<'w> {
    workspace: &'w Workspace,
    /// The working tree before the first stage.
    before: Result<Tree, String>,
}

impl<'w> Run<'w> {
    pub(crate) fn begin(workspace: &'w Workspace) -> Self {
        Self {
            workspace,
            before: Tree::read(workspace).map_err(|failure| failure.to_string()),
        }
    }
}

/// One check with a name.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) run: fn(&Run<'_>) -> Result<Outcome, Failure>,
}

const fn stage(
    name: &'static str,
    about: &'static str,
    run: fn(&Run<'_>) -> Result<Outcome, Failure>,
) -> Stage {
    Stage { name, about, run }
}

/// Every stage, in the order in which they run. `unchanged` is last: it looks at what the others
/// left behind.
pub(crate) const STAGES: &[Stage] = &[
    stage("fmt", "the formatting is rustfmt's", fmt),
    stage(
        "no-std",
        "enrich-core builds for a target that has no std",
        no_std,
    ),
    stage(
        "clippy-wasm",
        "clippy on the guests, for wasm32, warnings are errors",
        clippy_wasm,
    ),
    stage(
        "clippy",
        "clippy on all packages, tests and benches, warnings are errors",
        clippy,
    ),
    stage(
        "docs",
        "the documentation builds, warnings are errors",
        docs,
    ),
    stage(
        "guests",
        "both modules build, within their size limits, and pass `whose check`",
        modules,
    ),
    stage("tests", "unit, integration and documentation tests", tests),
    stage(
        "demo",
        "the demo works, twice alike, and so do the commands that it suggests",
        demo_works,
    ),
    stage(
        "standards",
        "enriched events are valid by what OCSF, ECS and Splunk publish",
        |run| standards::check(run.workspace),
    ),
    stage(
        "hosts",
        "real hosts load their modules and answer as the core does natively",
        |run| hosts::check(run.workspace),
    ),
    stage(
        "dist",
        "every artifact is built twice alike, starts, and has a bill of materials",
        |run| dist::check(run.workspace),
    ),
    stage(
        "benches",
        "every benchmark runs once, and the peers compile",
        benches,
    ),
    stage(
        "deny",
        "licences, sources and duplicates of the dependencies",
        deny_stage,
    ),
    stage(
        "unchanged",
        "no stage changed a file of the project",
        unchanged,
    ),
];

fn passed() -> Result<Outcome, Failure> {
    Ok(Outcome::Passed(String::new()))
}

/// Whether a part of the toolchain is there, after rustup had a chance to bring it.
fn has_component(workspace: &Workspace, name: &str) -> bool {
    let there = || process::succeeds(workspace.cargo(name).arg("--version"));
    let component = if name == "fmt" { "rustfmt" } else { name };
    there()
        || (process::succeeds(Command::new("rustup").args(["component", "add", component]))
            && there())
}

fn without(component: &str) -> Result<Outcome, Failure> {
    Ok(Outcome::Skipped(format!(
        "the toolchain has no {component}; run `rustup component add {component}`"
    )))
}

fn fmt(run: &Run<'_>) -> Result<Outcome, Failure> {
    if !has_component(run.workspace, "fmt") {
        return without("rustfmt");
    }
    quietly(
        "cargo fmt",
        run.workspace.cargo("fmt").args(["--all", "--check"]),
    )?;
    passed()
}

fn clippy(run: &Run<'_>) -> Result<Outcome, Failure> {
    if !has_component(run.workspace, "clippy") {
        return without("clippy");
    }
    // The release profile, so that build scripts and macros are compiled once for everything.
    let mut command = run.workspace.cargo("clippy");
    command.args([
        "--release",
        "--workspace",
        "--all-targets",
        "--keep-going",
        "--",
        "-D",
        "warnings",
    ]);
    quietly("cargo clippy", &mut command)?;
    passed()
}

fn clippy_wasm(run: &Run<'_>) -> Result<Outcome, Failure> {
    let toolchain = wasm32::find(run.workspace, wasm32::GUEST)?;
    if toolchain.way == Way::Debian {
        if let Err(reason) = crate::debian::ensure(&["rust-web-clippy"]) {
            return Ok(Outcome::Skipped(reason));
        }
    } else if !has_component(run.workspace, "clippy") {
        return without("clippy");
    }
    quietly(
        "cargo clippy, wasm32",
        &mut guests::clippy(run.workspace, &toolchain),
    )?;
    Ok(Outcome::Passed(toolchain.way.explained().to_owned()))
}

fn no_std(run: &Run<'_>) -> Result<Outcome, Failure> {
    let toolchain = wasm32::find(run.workspace, wasm32::BARE)?;
    let mut command = toolchain.cargo(run.workspace, "build");
    command.args([
        "--release",
        "--package",
        "enrich-core",
        "--lib",
        "--target-dir",
    ]);
    command.arg(toolchain.folder(&run.workspace.target.join("bare"), "release"));
    quietly("cargo build, without std", &mut command)?;
    Ok(Outcome::Passed(format!(
        "{}; {}",
        wasm32::BARE.triple,
        toolchain.way.explained()
    )))
}

fn docs(run: &Run<'_>) -> Result<Outcome, Failure> {
    let mut command = run.workspace.cargo("doc");
    command
        .args(["--release", "--workspace", "--no-deps", "--keep-going"])
        .env("RUSTDOCFLAGS", "-D warnings");
    quietly("cargo doc", &mut command)?;
    passed()
}

fn modules(run: &Run<'_>) -> Result<Outcome, Failure> {
    demo::build_programs(run.workspace)?;
    let mut notes = Vec::new();
    for guest in guests::ALL {
        let built = guests::build(run.workspace, guest)?;
        for module in &built.modules {
            let size = Size::of(module)?;
            if built.are_finished() && !size.within(guest.limits) {
                return Err(Failure::check(format!(
                    "{} has {size}; the limits are {} and {} bytes",
                    run.workspace.shown(module),
                    guest.limits.0,
                    guest.limits.1
                )));
            }
            let name = module.file_name().unwrap_or_default().to_string_lossy();
            eprintln!("  {name}: {size}");
            // The others keep to their hosts' ABIs, which the stage `hosts` checks.
            if guest.package == guests::PLAIN.package {
                let mut check = run.workspace.run_program("whose");
                check.arg("check").arg(run.workspace.within(module));
                quietly(&format!("whose check {name}"), &mut check)?;
                notes.push(size.to_string());
            }
        }
        // What makes a second demo fast must be seen to work.
        if !guests::build(run.workspace, guest)?.cached {
            return Err(Failure::check(format!(
                "a second build of {} compiled it again",
                guest.stem
            )));
        }
        notes.extend((guest.package == guests::PLAIN.package).then_some(built.way));
    }
    Ok(Outcome::Passed(notes.join("; ")))
}

fn tests(run: &Run<'_>) -> Result<Outcome, Failure> {
    // Tests of the harness run the modules.
    for guest in guests::ALL {
        guests::build(run.workspace, guest)?;
    }
    let mut command = run.workspace.cargo("test");
    // One run shows everything that is wrong.
    command.args(["--release", "--no-fail-fast"]);
    let output = quietly("cargo test", &mut command)?;
    let count = TestCount::read(&output);
    if count.passed == 0 {
        return Err(Failure::check("cargo test ran no test"));
    }
    let ignored = if count.ignored == 0 {
        String::new()
    } else {
        format!(", {} ignored", count.ignored)
    };
    Ok(Outcome::Passed(format!("{} tests{ignored}", count.passed)))
}

#[derive(Debug, PartialEq, Eq, Default)]
struct TestCount {
    passed: u64,
    ignored: u64,
}

impl TestCount {
    /// Adds up the summary lines of all test programs.
    fn read(output: &str) -> Self {
        let mut count = Self::default();
        for line in output
            .lines()
            .filter_map(|line| line.strip_prefix("test result: ok. "))
        {
            for part in line.split("; ") {
                let number = |word| {
                    part.strip_suffix(word)
                        .and_then(|n| n.trim().parse::<u64>().ok())
                };
                count.passed += number("passed").unwrap_or(0);
                count.ignored += number("ignored").unwrap_or(0);
            }
        }
        count
    }
}

fn demo_works(run: &Run<'_>) -> Result<Outcome, Failure> {
    let workspace = run.workspace;
    guests::build(workspace, &guests::PLAIN)?;
    let demo = Demo::of(workspace);
    let read = |path: &std::path::Path| {
        std::fs::read(path).while_doing(|| format!("cannot read {}", path.display()))
    };
    let mut outputs = Vec::new();
    for _ in 0..2 {
        demo.prepare(workspace)?;
        quietly("whose enrich", demo.enrich(workspace).arg("--table"))?;
        outputs.push(read(&demo.enriched)?);
    }
    if outputs[0] != outputs[1] {
        return Err(Failure::check("two runs of the demo gave different bytes"));
    }
    let lines = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count();
    let (before, after) = (lines(&read(&demo.events)?), lines(&outputs[0]));
    if before != after {
        return Err(Failure::check(format!(
            "{before} lines went in and {after} came out"
        )));
    }
    let enriched = String::from_utf8_lossy(&outputs[0]);
    let matched = enriched
        .lines()
        .filter(|line| line.contains(r#""outcome":"matched""#))
        .count();
    if matched == 0 {
        return Err(Failure::check("no event of the demo matched an identity"));
    }
    for line in demo.next_commands(workspace) {
        let output = quietly(&shortened(&line), &mut pasted(&line))?;
        if output.trim().is_empty() {
            return Err(Failure::check(format!("`{line}` prints nothing")));
        }
    }
    Ok(Outcome::Passed(format!(
        "{matched} of {after} events matched"
    )))
}

/// A command line as a person pastes it, in the folder in which they were told to.
fn pasted(line: &str) -> Command {
    let (shell, option) = if cfg!(windows) {
        ("cmd", "/C")
    } else {
        ("sh", "-c")
    };
    let mut command = Command::new(shell);
    command.args([option, line]);
    command
}

/// Program and subcommand: enough to tell three lines apart.
fn shortened(line: &str) -> String {
    let mut words = line.split(' ');
    let program = words
        .next()
        .and_then(|program| program.rsplit('/').next())
        .unwrap_or("");
    format!("{program} {}", words.next().unwrap_or(""))
}

fn benches(run: &Run<'_>) -> Result<Outcome, Failure> {
    let count = bench::smoke(run.workspace)?;
    bench::compile_peers(run.workspace)?;
    if count == 0 {
        return Err(Failure::check("whose-bench measured nothing"));
    }
    Ok(Outcome::Passed(format!("{count} measurements")))
}

fn deny_stage(run: &Run<'_>) -> Result<Outcome, Failure> {
    if let Err(failure) = deny::find(run.workspace) {
        return Ok(Outcome::Skipped(failure.to_string()));
    }
    deny::check(run.workspace)?;
    Ok(Outcome::Passed(
        "advisories are apart: `cargo xtask advisories`".to_owned(),
    ))
}

fn unchanged(run: &Run<'_>) -> Result<Outcome, Failure> {
    let before = match &run.before {
        Ok(before) => before,
        Err(reason) => return Ok(Outcome::Skipped(format!("git cannot tell: {reason}"))),
    };
    match before.changes(&Tree::read(run.workspace)?) {
        None => passed(),
        Some(changes) => {
            eprintln!("{changes}");
            Err(Failure::check("the run changed files of the project"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_of_several_programs_add_up() {
        let output = "running 3 tests\n\
            test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out\n\
            test result: ok. 40 passed; 0 failed; 0 ignored; 0 measured; 2 filtered out; finished in 0.1s\n";
        assert_eq!(
            TestCount::read(output),
            TestCount {
                passed: 43,
                ignored: 1
            }
        );
        assert_eq!(TestCount::read("error: no"), TestCount::default());
    }

    #[test]
    fn stage_names_are_unique_and_the_last_one_looks_back() {
        for (index, stage) in STAGES.iter().enumerate() {
            assert!(
                STAGES[..index].iter().all(|other| other.name != stage.name),
                "{}",
                stage.name
            );
        }
        assert_eq!(STAGES.last().map(|stage| stage.name), Some("unchanged"));
    }

    #[test]
    fn labels_name_program_and_subcommand() {
        assert_eq!(
            shortened("target/release/whose lookup k --snapshot f"),
            "whose lookup"
        );
    }
}
