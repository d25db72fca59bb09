//! `benches/RESULTS.md`: the goals, how it was measured, every row.

use std::collections::BTreeSet;

use super::figures::{digits, grouped, median, percent, spread, time};
use super::rows::{Measured, Row};
use super::targets;

const FACTS: [&str; 8] = [
    "date",
    "commit",
    "processor",
    "memory",
    "system",
    "compiler",
    "wasmtime",
    "command",
];

const INTRODUCTION: &str = "\
# Benchmark results

Written by `cargo xtask bench`; run it to see your machine's. Times of different machines do not
compare; ratios within one table do. [docs/measurements.md](../docs/measurements.md) says what is measured, and has the curves.

";

const METHOD: &str = "
Everything in a table ran in turn, once in each round, the first one another in each round. Median: of the rounds. MAD: their
median absolute deviation, in percent of the median; more than 15 % is too noisy to tell anything. Time against: the row's
time by that of the table's baseline (**bold**) in the same round, the median of that and its MAD; below 1 the row is faster.
Times are of a processor: of the thread, and for a peer of all its threads and processes. The groups `first event` are on the wall.
";

/// The whole file.
pub(super) fn write(measured: &Measured) -> String {
    let mut text = INTRODUCTION.to_owned();
    text.push_str(&targets::table(measured));
    text.push_str("\n| run |");
    for name in measured.runs.keys() {
        text.push_str(&format!(" {name} |"));
    }
    text.push_str(&format!("\n|---|{}\n", "---|".repeat(measured.runs.len())));
    for fact in FACTS {
        text.push_str(&format!("| {fact} |"));
        for about in measured.runs.values() {
            let value = about[fact].as_str().unwrap_or_default();
            let cell = if fact == "command" {
                format!("`{value}`")
            } else {
                value.to_owned()
            };
            text.push_str(&format!(" {cell} |"));
        }
        text.push('\n');
    }
    text.push_str(METHOD);
    text.push_str(&tables(measured));
    text
}

/// One table for each group, with its numbers and notes.
pub(super) fn tables(measured: &Measured) -> String {
    let groups: BTreeSet<&str> = measured
        .rows
        .iter()
        .map(|row| row.group.as_str())
        .chain(measured.facts.iter().map(|fact| fact.group.as_str()))
        .collect();
    let mut text = String::new();
    for group in groups {
        text.push_str(&format!("\n## {group}\n"));
        rows(&mut text, measured, group);
        facts(&mut text, measured, group);
        let notes: Vec<String> = measured
            .notes
            .iter()
            .filter(|note| note.group == group)
            .map(|note| format!("- {}: {}\n", note.what, note.note))
            .collect();
        if !notes.is_empty() {
            text.push_str(&format!("\n{}", notes.concat()));
        }
    }
    text
}

fn rows(text: &mut String, measured: &Measured, group: &str) {
    let mut rows: Vec<&Row> = measured
        .rows
        .iter()
        .filter(|row| row.group == group)
        .collect();
    if rows.is_empty() {
        return;
    }
    // Stable: of one size they stay in the order in which they were measured.
    rows.sort_by_key(|row| natural(&row.size));
    text.push_str(
        "\n| size | what | rate | median of a pass | MAD | on the wall | time against | MAD |\n",
    );
    text.push_str("|---|---|--:|--:|--:|--:|--:|--:|\n");
    for row in rows {
        let (against, noise) = match measured.baseline_of(row) {
            Some(baseline) if !row.baseline => {
                let ratios = row.ratios(baseline);
                (digits(median(&ratios)), percent(spread(&ratios)))
            }
            _ => (String::new(), String::new()),
        };
        let what = if row.baseline {
            format!("**{}**", row.what)
        } else {
            row.what.clone()
        };
        text.push_str(&format!(
            "| {} | {what} | {} | {} | {} | {} | {against} | {noise} |\n",
            row.size,
            row.rate(),
            time(row.median()),
            percent(row.spread()),
            time(median(&row.wall_ns)),
        ));
    }
}

fn facts(text: &mut String, measured: &Measured, group: &str) {
    let mut facts: Vec<_> = measured
        .facts
        .iter()
        .filter(|fact| fact.group == group)
        .collect();
    if facts.is_empty() {
        return;
    }
    facts.sort_by_key(|fact| natural(&fact.size));
    text.push_str("\n| size | what | |\n|---|---|--:|\n");
    for fact in facts {
        let value = if fact.value >= 1000.0 || fact.value.fract() == 0.0 {
            grouped(fact.value)
        } else {
            digits(fact.value)
        };
        let line = format!("| {} | {} | {value} {}", fact.size, fact.what, fact.unit);
        text.push_str(&format!("{} |\n", line.trim_end()));
    }
}

/// Sorts `1k`, `100k`, `1M` by size and others by name.
fn natural(size: &str) -> (u128, String) {
    let end = size
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(size.len());
    let number: u128 = size[..end].parse().unwrap_or(0);
    let factor = match size[end..].chars().next() {
        Some('k') => 1_000,
        Some('M') => 1_000_000,
        _ => 1,
    };
    (number.saturating_mul(factor), size.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::rows::{Note, tests::row};
    use super::*;

    #[test]
    fn sizes_sort_by_number() {
        let mut sizes = ["1M, Zipf", "100k", "1k", "10M", "ecs"];
        sizes.sort_by_key(|size| natural(size));
        assert_eq!(sizes, ["ecs", "1k", "100k", "1M, Zipf", "10M"]);
    }

    #[test]
    fn a_table_divides_by_its_baseline() {
        let mut measured = Measured {
            rows: vec![
                row("serde_json", &[100.0, 200.0, 100.0], true),
                row("whose, native", &[50.0, 100.0, 50.0], false),
            ],
            notes: vec![Note {
                group: "enrich".to_owned(),
                what: "1k".to_owned(),
                note: "0 wrong".to_owned(),
            }],
            ..Measured::default()
        };
        measured.stamp(
            "default",
            serde_json::json!({"commit": "abc", "command": "x"}),
        );
        let text = write(&measured);
        assert!(
            text.contains(
                "| 1k | whose, native | 200 M/s events | 50.0 ns | 0.0 % | 50.0 ns | 0.50 | 0.0 % |"
            ),
            "{text}"
        );
        assert!(text.contains("| **serde_json** |"));
        assert!(text.contains("\n- 1k: 0 wrong\n"));
        assert!(text.contains("| commit | abc |"));
    }
}
