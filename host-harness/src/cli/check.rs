//! `whose check`: whether a module is a plain guest.

use std::io::{IsTerminal, Write, stdout};
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use host_harness::inspect::{ModuleReport, inspect};
use host_harness::text::printable;

use super::Failure;
use super::table::Colour;

/// Arguments of `whose check`.
#[derive(Args, Debug)]
pub(crate) struct Check {
    /// The module.
    module: PathBuf,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let name = printable(&self.module.display().to_string(), 512);
        let bytes =
            std::fs::read(&self.module).with_context(|| format!("module {name} cannot be read"))?;
        let mut out = stdout().lock();
        let report = match inspect(&name, &bytes) {
            Ok(report) => report,
            Err(error) => {
                // Not being a module is what this command is asked about, so it is a check too.
                if self.json {
                    let cause = std::error::Error::source(&error).map(ToString::to_string);
                    writeln!(
                        out,
                        "{}",
                        serde_json::json!({"problems": [error.to_string()], "cause": cause})
                    )?;
                } else {
                    super::report(&anyhow::Error::new(error));
                }
                return Err(Failure::CheckFailed);
            }
        };
        if self.json {
            writeln!(
                out,
                "{}",
                serde_json::to_string_pretty(&report).map_err(anyhow::Error::from)?
            )?;
        } else {
            out.write_all(
                page(&name, &report, Colour::for_stdout(stdout().is_terminal())).as_bytes(),
            )?;
        }
        out.flush()?;
        if report.problems.is_empty() {
            Ok(())
        } else {
            Err(Failure::CheckFailed)
        }
    }
}

fn page(name: &str, report: &ModuleReport, colour: Colour) -> String {
    let none = |list: &[String]| {
        if list.is_empty() {
            "none".to_owned()
        } else {
            list.join(", ")
        }
    };
    let features: Vec<String> = report
        .features
        .iter()
        .map(|feature| (*feature).to_owned())
        .collect();
    let mut lines = vec![
        format!("module    {name}"),
        format!(
            "size      {} bytes, {} after gzip",
            report.size, report.gzip_size
        ),
        format!("imports   {}", none(&report.imports)),
        format!(
            "memory    {}",
            report.memory_bytes.map_or_else(
                || "not exported".into(),
                |bytes| format!("{bytes} bytes at the start")
            )
        ),
        format!("features  {}", none(&features)),
        format!(
            "ABI       {}",
            report.abi_version.map_or_else(
                || "not known".into(),
                |version| format!("version {version}")
            )
        ),
        "exports".to_owned(),
    ];
    for export in &report.exports {
        let mark = if export.holds {
            colour.good("ok     ")
        } else {
            colour.bad("differs")
        };
        let found = export.found.as_deref().unwrap_or("missing");
        lines.push(format!("  {mark} {:18} {found}", export.name));
    }
    if report.problems.is_empty() {
        lines.push(
            colour
                .good("a plain guest of ABI version 1: imports nothing and starts without a host"),
        );
    }
    for problem in &report.problems {
        lines.push(format!("{} {problem}", colour.bad("does not hold:")));
    }
    lines.push(String::new());
    lines.join("\n")
}
