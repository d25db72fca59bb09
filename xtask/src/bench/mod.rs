//! `cargo xtask bench`: measures, and writes down what was measured on which machine.

mod check;
mod data;
mod figures;
mod machine;
mod peers;
mod readme;
mod report;
mod rows;
mod targets;

use std::path::PathBuf;

use crate::failure::{Failure, While};
use crate::guests::{self, Size};
use crate::packages;
use crate::process;
use crate::workspace::Workspace;
use rows::{Fact, Measured};

const RESULTS: &str = "benches/RESULTS.md";
/// The same for programs: what `--check` compares with.
const KEPT: &str = "benches/results.json";
const README: &str = "README.md";
const PLOTS: &str = "docs/plots";
/// The group of what runs beside us in processes of its own.
const PEERS: &str = "peers";

/// What was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    filter: Option<String>,
    large: bool,
    check: bool,
    report: bool,
}

impl Asked {
    fn read(arguments: &[String]) -> Result<Self, Failure> {
        let mut asked = Self::default();
        for argument in arguments {
            match argument.as_str() {
                "--large" => asked.large = true,
                "--check" => asked.check = true,
                "--report" => asked.report = true,
                filter if !filter.starts_with('-') && asked.filter.is_none() => {
                    asked.filter = Some(filter.to_owned());
                }
                other => {
                    return Err(Failure::usage(format!(
                        "`bench` takes --large, --check, --report and one filter, which is a part of a group's name; not `{other}`"
                    )));
                }
            }
        }
        if asked.report && (asked.large || asked.check || asked.filter.is_some()) {
            return Err(Failure::usage("`bench --report` takes nothing else"));
        }
        Ok(asked)
    }

    fn command(&self) -> String {
        let mut command = "cargo xtask bench".to_owned();
        for (is, word) in [(self.large, " --large"), (self.check, " --check")] {
            command.push_str(if is { word } else { "" });
        }
        if let Some(filter) = &self.filter {
            command.push_str(&format!(" {filter}"));
        }
        command
    }
}

/// `cargo xtask bench [FILTER] [--large] [--check] | --report`.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Failure> {
    let asked = Asked::read(arguments)?;
    let kept = workspace.root.join(KEPT);
    if asked.report {
        return write(workspace, &Measured::load(&kept)?);
    }
    // Before anything takes time: without results there is nothing to compare with.
    let before = if kept.is_file() {
        Some(Measured::load(&kept)?)
    } else if asked.check {
        return Err(Failure::new(format!(
            "there is no {KEPT} to compare with; run `cargo xtask bench`"
        )));
    } else {
        None
    };
    let sizes = if asked.large {
        data::LARGE
    } else if asked.filter.as_deref() == Some(PEERS) {
        data::OF_PEERS
    } else {
        data::DEFAULT
    };
    let measured = measure(workspace, &asked, sizes)?;
    if measured.is_empty() {
        return Err(Failure::new(format!(
            "no group has `{}` in its name",
            asked.filter.as_deref().unwrap_or_default()
        )));
    }
    if let (true, Some(before)) = (asked.check, &before) {
        return check::compare(before, &measured);
    }
    if asked.filter.is_some() {
        print!("{}", report::tables(&measured));
        return Ok(());
    }
    let all = match before {
        Some(before) => before.with(measured),
        None => measured,
    };
    all.save(&kept)?;
    write(workspace, &all)
}

/// Every group once, over the smallest inventory: whether the benchmarks work.
pub(crate) fn smoke(workspace: &Workspace) -> Result<usize, Failure> {
    let asked = Asked::default();
    let program = prepare(workspace, data::SMOKE)?;
    let measured = run_program(workspace, &asked, &program, &["--smoke".into()])?;
    Ok(measured.len())
}

/// Whether the peers compile.
pub(crate) fn compile_peers(workspace: &Workspace) -> Result<(), Failure> {
    peers::compile(workspace)
}

/// Programs, modules and data.
fn prepare(workspace: &Workspace, sizes: &[u64]) -> Result<PathBuf, Failure> {
    guests::build(workspace, &guests::PLAIN)?;
    guests::build(workspace, &guests::BENCH)?;
    let mut build = workspace.cargo("build");
    build.args(["--release", "--package", "whose-benches", "--bins"]);
    process::quietly("whose-bench", &mut build)?;
    data::make(workspace, sizes)?;
    Ok(workspace.program("whose-bench"))
}

fn measure(workspace: &Workspace, asked: &Asked, sizes: &[u64]) -> Result<Measured, Failure> {
    let program = prepare(workspace, sizes)?;
    let mut arguments = Vec::new();
    // Only the size that they run at needs them.
    if !asked.large && wants(asked, PEERS) {
        arguments.push("--peers".to_owned());
        arguments.push(peers::prepare(workspace)?.display().to_string());
    }
    if asked.large {
        arguments.push("--large".to_owned());
    }
    let mut measured = run_program(workspace, asked, &program, &arguments)?;
    if !asked.large && wants(asked, "modules") {
        for level in guests::PLAIN.levels {
            let size = Size::of(&guests::path(workspace, &guests::PLAIN, *level))?;
            for (what, value) in [("size", size.plain), ("size, gzip", size.gzip)] {
                measured.add(Fact {
                    group: "modules".to_owned(),
                    what: format!("plain guest, {}, {what}", level.name),
                    size: String::new(),
                    value: value as f64,
                    unit: "B".to_owned(),
                });
            }
        }
    }
    Ok(measured)
}

fn wants(asked: &Asked, group: &str) -> bool {
    asked
        .filter
        .as_ref()
        .is_none_or(|filter| group.contains(filter.as_str()))
}

fn run_program(
    workspace: &Workspace,
    asked: &Asked,
    program: &std::path::Path,
    arguments: &[String],
) -> Result<Measured, Failure> {
    let out = data::folder(workspace).join("measured.ndjson");
    let mut command = std::process::Command::new(program);
    workspace.settle(&mut command);
    command.arg("run");
    command.arg("--data").arg(data::folder(workspace));
    command.arg("--modules").arg(guests::folder(workspace));
    command.arg("--out").arg(&out);
    command.arg("--python").arg(packages::system_python());
    command.args(arguments);
    command.args(&asked.filter);
    process::show(&mut command)?;
    let mut measured = Measured::read(&out)?;
    if !asked.large && wants(asked, "allocations") {
        let mut count = std::process::Command::new(workspace.program("whose-bench-allocations"));
        workspace.settle(&mut count);
        count.arg(data::folder(workspace));
        count.arg(guests::folder(workspace));
        measured.add_lines(&process::read(&mut count)?)?;
    }
    measured.stamp(
        if asked.large { "large" } else { "default" },
        machine::describe(workspace, &asked.command()),
    );
    Ok(measured)
}

fn write(workspace: &Workspace, measured: &Measured) -> Result<(), Failure> {
    let path = workspace.root.join(RESULTS);
    std::fs::write(&path, report::write(measured))
        .while_doing(|| format!("cannot write {RESULTS}"))?;
    println!("wrote {}", workspace.shown(&path));
    let path = workspace.root.join(README);
    let text = std::fs::read_to_string(&path).while_doing(|| format!("cannot read {README}"))?;
    std::fs::write(&path, readme::with_numbers(&text, measured)?)
        .while_doing(|| format!("cannot write {README}"))?;
    println!("wrote the numbers in {}", workspace.shown(&path));
    let mut build = workspace.cargo("build");
    build.args([
        "--release",
        "--package",
        "whose-benches",
        "--bin",
        "whose-bench",
    ]);
    process::quietly("whose-bench", &mut build)?;
    let mut plot = std::process::Command::new(workspace.program("whose-bench"));
    workspace.settle(&mut plot);
    plot.args(["plot", KEPT, PLOTS]);
    process::quietly("plots", &mut plot)?;
    println!("wrote {PLOTS}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(words: &[&str]) -> Result<Asked, Failure> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        Asked::read(&words)
    }

    #[test]
    fn words_are_understood() {
        let read = asked(&["--check", "lookup", "--large"]).unwrap();
        assert!(read.check && read.large && !read.report);
        assert_eq!(read.filter.as_deref(), Some("lookup"));
        assert_eq!(read.command(), "cargo xtask bench --large --check lookup");
        assert!(wants(&read, "lookup, hit") && !wants(&read, "peers"));
        assert!(wants(&Asked::default(), "peers"));
    }

    #[test]
    fn wrong_words_are_usage_errors() {
        for wrong in [&["--fast"][..], &["a", "b"], &["--report", "a"]] {
            assert_eq!(asked(wrong).unwrap_err().exit_status(), 2, "{wrong:?}");
        }
    }
}
