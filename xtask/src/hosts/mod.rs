//! Real hosts: each loads its module and runs the shared vectors; the table that comes of it.
//!
//! A host's own file drives it: it returns one [`Row`] for each program, read from the one line of
//! JSON that a driver prints, and fails when a single vector differs.

mod clickhouse;
mod fluent_bit;
mod javascript;
mod plain;
mod vectors;

use serde_json::Value;

use crate::failure::Failure;
use crate::test::Outcome;
use crate::workspace::Workspace;
use vectors::Vectors;

/// What every host is given.
#[derive(Debug)]
struct Given<'w> {
    workspace: &'w Workspace,
    vectors: Vectors,
}

/// How a host fared: what ran, and what could not.
#[derive(Debug, Default)]
struct Checked {
    rows: Vec<Row>,
    /// What is not on this machine and could not be installed. In CI that is a failure.
    missing: Option<String>,
}

impl Checked {
    fn rows(rows: Vec<Row>) -> Self {
        Self {
            rows,
            missing: None,
        }
    }

    fn missing(reason: impl ToString) -> Self {
        Self::default().without(reason)
    }

    /// The same, with something that could not run.
    fn without(mut self, reason: impl ToString) -> Self {
        self.missing = Some(reason.to_string());
        self
    }
}

/// One line of the table.
#[derive(Debug, PartialEq)]
struct Row {
    host: String,
    version: String,
    vectors: u64,
    events_per_second: f64,
    memory_bytes: u64,
}

/// A host by name, and what runs it.
struct Host {
    name: &'static str,
    check: fn(&Given<'_>) -> Result<Checked, Failure>,
}

const HOSTS: &[Host] = &[
    Host {
        name: "wasmtime",
        check: plain::check,
    },
    Host {
        name: "ClickHouse",
        check: clickhouse::check,
    },
    Host {
        name: "Fluent Bit",
        check: fluent_bit::check,
    },
    Host {
        name: "the npm package",
        check: javascript::package,
    },
    Host {
        name: "Node",
        check: javascript::node,
    },
    Host {
        name: "Deno",
        check: javascript::deno,
    },
    Host {
        name: "Bun",
        check: javascript::bun,
    },
    Host {
        name: "workerd",
        check: javascript::workerd,
    },
    Host {
        name: "Chromium",
        check: javascript::chromium,
    },
];

/// The stage.
pub(crate) fn check(workspace: &Workspace) -> Result<Outcome, Failure> {
    let given = Given {
        workspace,
        vectors: vectors::make(workspace)?,
    };
    let mut rows = Vec::new();
    let mut missing = Vec::new();
    let mut failed = Vec::new();
    for host in HOSTS {
        match (host.check)(&given) {
            Ok(checked) => {
                rows.extend(checked.rows);
                missing.extend(
                    checked
                        .missing
                        .map(|reason| format!("{}: {reason}", host.name)),
                );
            }
            // The others are looked at all the same: one run shows everything that is wrong.
            Err(failure) => {
                eprint!("{}", failure.report());
                failed.push(host.name);
            }
        }
    }
    eprint!("{}", table(&rows));
    for reason in &missing {
        eprintln!("not run: {reason}");
    }
    if !failed.is_empty() {
        return Err(Failure::check(format!(
            "hosts that failed: {}",
            failed.join(", ")
        )));
    }
    if !missing.is_empty() {
        return Ok(Outcome::Skipped(format!(
            "{} hosts ran; not run: {}",
            rows.len(),
            missing.join("; ")
        )));
    }
    Ok(Outcome::Passed(format!("{} hosts", rows.len())))
}

impl Row {
    /// Reads what a driver printed: its last line that is a JSON object.
    fn read(output: &str) -> Result<Self, Failure> {
        let line = output
            .lines()
            .rev()
            .find(|line| line.starts_with('{'))
            .ok_or_else(|| Failure::new(format!("a driver printed no result: {output}")))?;
        let said: Value = serde_json::from_str(line)
            .map_err(|error| Failure::new(format!("a driver's result is no JSON: {error}")))?;
        let number = |name: &str| {
            said[name]
                .as_f64()
                .ok_or_else(|| Failure::new(format!("a driver's result has no {name}: {line}")))
        };
        let vectors = number("vectors")?;
        if vectors < 1.0 {
            return Err(Failure::check("a driver ran no vector"));
        }
        Ok(Self {
            host: said["host"].as_str().unwrap_or_default().to_owned(),
            version: said["version"].as_str().unwrap_or_default().to_owned(),
            vectors: vectors as u64,
            events_per_second: number("events_per_second")?,
            memory_bytes: number("memory_bytes")? as u64,
        })
    }
}

fn table(rows: &[Row]) -> String {
    let widest = |of: fn(&Row) -> &str, least: usize| {
        let widths = rows.iter().map(|row| of(row).chars().count());
        widths.max().unwrap_or(0).max(least)
    };
    let host = widest(|row| &row.host, 4);
    let version = widest(|row| &row.version, 7);
    let mut text = format!(
        "{:<host$}  {:<version$}  {:>7}  {:>9}  {:>10}\n",
        "host", "version", "vectors", "events/s", "memory"
    );
    for row in rows {
        text.push_str(&format!(
            "{:<host$}  {:<version$}  {:>7}  {:>9.0}  {:>6.1} MiB\n",
            row.host,
            row.version,
            row.vectors,
            row.events_per_second,
            row.memory_bytes as f64 / f64::from(1 << 20)
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_the_last_object() {
        let row = Row::read(
            "starting\n{\"host\":\"Node\",\"version\":\"20\",\"vectors\":3,\"events_per_second\":12.5,\"memory_bytes\":1048576}\nbye\n",
        )
        .unwrap();
        assert_eq!(row.host, "Node");
        assert_eq!(row.vectors, 3);
        let checked = Checked::rows(vec![row]).without("no gdb");
        assert!(table(&checked.rows).contains("1.0 MiB"));
        assert_eq!(checked.missing.as_deref(), Some("no gdb"));
        assert!(Row::read("nothing").is_err());
        assert!(Row::read("{\"vectors\":0}").is_err());
    }
}
