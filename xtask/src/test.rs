//! `cargo xtask test`: runs the stages, and says at the end what they came to.

use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::stages::{Run, STAGES, Stage};
use crate::workspace::{Workspace, in_ci};

/// How a stage ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// With what is worth knowing about it.
    Passed(String),
    /// What was missing. In CI this counts as a failure.
    Skipped(String),
}

/// One line of the table.
#[derive(Debug)]
struct Row {
    name: &'static str,
    took: Duration,
    result: &'static str,
    note: String,
}

/// `cargo xtask test`.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Failure> {
    if arguments == ["--list"] {
        for stage in STAGES {
            println!("{:<12} {}", stage.name, stage.about);
        }
        return Ok(());
    }
    let chosen = chosen(arguments)?;
    let run = Run::begin(workspace);
    let rows: Vec<Row> = chosen
        .into_iter()
        .map(|stage| run_stage(stage, &run, in_ci()))
        .collect();
    print!("{}", table(&rows));
    let failed: Vec<&str> = rows
        .iter()
        .filter(|row| row.result == FAILED)
        .map(|row| row.name)
        .collect();
    if failed.is_empty() {
        Ok(())
    } else {
        Err(Failure::check(format!(
            "stages that failed: {}",
            failed.join(", ")
        )))
    }
}

const PASSED: &str = "passed";
const FAILED: &str = "failed";
const SKIPPED: &str = "skipped";

fn chosen(arguments: &[String]) -> Result<Vec<&'static Stage>, Failure> {
    let mut names = Vec::new();
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let name = match word.strip_prefix("--only") {
            Some("") => words.next().map(String::as_str),
            Some(rest) => rest.strip_prefix('='),
            None if word.starts_with('-') => None,
            None => Some(word.as_str()),
        };
        let name = name.ok_or_else(|| {
            Failure::usage(format!(
                "`test` takes names of stages, --only STAGE or --list, got `{word}`"
            ))
        })?;
        if !STAGES.iter().any(|stage| stage.name == name) {
            let known: Vec<&str> = STAGES.iter().map(|stage| stage.name).collect();
            return Err(Failure::usage(format!(
                "no stage is called `{name}`; there are {}",
                known.join(", ")
            )));
        }
        names.push(name);
    }
    // In the order of the list, whatever the order of the words.
    let wanted = |stage: &&Stage| names.is_empty() || names.contains(&stage.name);
    Ok(STAGES.iter().filter(wanted).collect())
}

fn run_stage(stage: &Stage, run: &Run<'_>, strict: bool) -> Row {
    eprintln!("{}: {}", stage.name, stage.about);
    let started = Instant::now();
    let outcome = (stage.run)(run);
    let took = started.elapsed();
    let (result, note) = judge(outcome, strict);
    eprintln!(
        "{}: {result}{}{note}\n",
        stage.name,
        if note.is_empty() { "" } else { ", " }
    );
    Row {
        name: stage.name,
        took,
        result,
        note,
    }
}

fn judge(outcome: Result<Outcome, Failure>, strict: bool) -> (&'static str, String) {
    match outcome {
        Ok(Outcome::Passed(note)) => (PASSED, note),
        Ok(Outcome::Skipped(reason)) if strict => {
            (FAILED, format!("{reason} (in CI nothing is skipped)"))
        }
        Ok(Outcome::Skipped(reason)) => (SKIPPED, reason),
        Err(failure) => (FAILED, failure.to_string()),
    }
}

fn table(rows: &[Row]) -> String {
    let mut text = format!("{:<12} {:<8} {:>8}  note\n", "stage", "result", "minutes");
    for Row {
        name,
        took,
        result,
        note,
    } in rows
    {
        let minutes = took.as_secs_f64() / 60.0;
        let note = shortened(note.lines().next().unwrap_or(""));
        let line = format!("{name:<12} {result:<8} {minutes:>8.2}  {note}");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    let total: Duration = rows.iter().map(|row| row.took).sum();
    text.push_str(&format!(
        "{:<12} {:<8} {:>8.2}\n",
        "together",
        "",
        total.as_secs_f64() / 60.0
    ));
    let count = |result| rows.iter().filter(|row| row.result == result).count();
    let (passed, failed, skipped) = (count(PASSED), count(FAILED), count(SKIPPED));
    text.push_str(&format!(
        "{passed} passed, {failed} failed, {skipped} skipped\n"
    ));
    text
}

/// As much as fits beside the other columns; the whole text stood where the stage ended.
fn shortened(note: &str) -> String {
    const WIDTH: usize = 84;
    if note.chars().count() <= WIDTH {
        return note.to_owned();
    }
    let kept: String = note.chars().take(WIDTH - 1).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn stages_are_chosen_by_name_and_run_in_their_own_order() {
        assert_eq!(chosen(&[]).unwrap().len(), STAGES.len());
        let stages = chosen(&words(&["--only", "docs", "--only=fmt"])).unwrap();
        assert_eq!(
            stages.len(),
            chosen(&words(&["docs", "fmt"])).unwrap().len()
        );
        let names: Vec<&str> = stages.iter().map(|stage| stage.name).collect();
        assert_eq!(names, ["fmt", "docs"]);
    }

    #[test]
    fn wrong_words_are_usage_errors() {
        for wrong in [
            &["--only"][..],
            &["--only", "nothing"],
            &["fast"],
            &["--onlyfmt"],
        ] {
            assert_eq!(
                chosen(&words(wrong)).unwrap_err().exit_status(),
                2,
                "{wrong:?}"
            );
        }
    }

    #[test]
    fn a_missing_tool_fails_only_in_ci() {
        let skipped = || Ok(Outcome::Skipped("no cargo-deny".to_owned()));
        assert_eq!(judge(skipped(), false).0, SKIPPED);
        assert_eq!(judge(skipped(), true).0, FAILED);
        assert_eq!(
            judge(Err(Failure::new("no")), false),
            (FAILED, "no".to_owned())
        );
    }

    #[test]
    fn the_last_line_counts() {
        let row = |result| Row {
            name: "fmt",
            took: Duration::from_secs(90),
            result,
            note: String::new(),
        };
        let text = table(&[row(PASSED), row(FAILED), row(PASSED), row(SKIPPED)]);
        assert!(text.ends_with("2 passed, 1 failed, 1 skipped\n"), "{text}");
        assert!(text.contains("fmt          passed       1.50\n"), "{text}");
        assert!(text.contains("together                  6.00\n"), "{text}");
    }

    #[test]
    fn notes_are_cut_at_a_character() {
        assert_eq!(shortened("short"), "short");
        assert_eq!(shortened(&"é".repeat(100)).chars().count(), 84);
    }
}
