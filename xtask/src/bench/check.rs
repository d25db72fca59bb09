//! `bench --check`: our times, as parts of what was measured beside them, against the kept ones.

use super::figures::{digits, median, percent, spread};
use super::rows::{Fact, Measured, Row};
use crate::failure::Failure;

/// What is more than this much slower, or larger, is a regression.
const LIMIT: f64 = 0.15;

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Same,
    Faster,
    Regression,
    /// Its rounds differ by more than the limit, then or now.
    TooNoisy,
}

impl Verdict {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Faster => "faster",
            Self::Regression => "REGRESSION",
            Self::TooNoisy => "too noisy to tell",
        }
    }
}

/// Prints how each of our rows changed, and fails when one is a regression.
pub(super) fn compare(before: &Measured, now: &Measured) -> Result<(), Failure> {
    let mut regressions = Vec::new();
    let mut compared = 0;
    for row in now.rows.iter().filter(|row| row.is_ours()) {
        let name = format!("{}, {}, {}", row.group, row.size, row.what);
        let Some((was, is)) = ratios(before, now, row) else {
            println!("{:<18} {name}", "nothing to compare");
            continue;
        };
        compared += 1;
        let verdict = judge(&was, &is);
        let (was, is) = (median(&was), median(&is));
        println!(
            "{:<18} {name}: {} to {} of what is beside it ({:+.0} %)",
            verdict.as_str(),
            digits(was),
            digits(is),
            (is / was - 1.0) * 100.0
        );
        if verdict == Verdict::Regression {
            regressions.push(name);
        }
    }
    for fact in now.facts.iter().filter(|fact| is_a_size(fact)) {
        let Some(was) = before.fact(&fact.group, &fact.size, &fact.what) else {
            continue;
        };
        compared += 1;
        if fact.value > was * (1.0 + LIMIT) {
            let name = format!("{}, {}, {}", fact.group, fact.size, fact.what);
            println!(
                "{:<18} {name}: {was} to {} {}",
                "REGRESSION", fact.value, fact.unit
            );
            regressions.push(name);
        }
    }
    if !regressions.is_empty() {
        return Err(Failure::check(format!(
            "more than {} slower or larger: {}",
            percent(LIMIT),
            regressions.join("; ")
        )));
    }
    if compared == 0 {
        return Err(Failure::new(
            "nothing of this run was kept to compare with; run `cargo xtask bench`",
        ));
    }
    println!("{compared} compared, no regression");
    Ok(())
}

/// Sizes of what is shipped: they are the same on every machine.
fn is_a_size(fact: &Fact) -> bool {
    fact.group == "modules" || fact.what == "bytes an identity"
}

/// The row by its baseline, round by round, then and now.
fn ratios(before: &Measured, now: &Measured, row: &Row) -> Option<(Vec<f64>, Vec<f64>)> {
    if row.baseline {
        return None;
    }
    let kept = before.row(&row.group, &row.size, &row.what)?;
    let was = kept.ratios(before.baseline_of(kept)?);
    Some((was, row.ratios(now.baseline_of(row)?)))
}

fn judge(was: &[f64], is: &[f64]) -> Verdict {
    if spread(was).max(spread(is)) > LIMIT {
        return Verdict::TooNoisy;
    }
    let change = median(is) / median(was) - 1.0;
    if change > LIMIT {
        Verdict::Regression
    } else if change < -LIMIT {
        Verdict::Faster
    } else {
        Verdict::Same
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::tests::row;
    use super::*;

    fn measured(ours: &[f64]) -> Measured {
        Measured {
            rows: vec![
                row("whose, native", ours, false),
                row("serde_json", &[100.0, 100.0, 100.0], true),
            ],
            ..Measured::default()
        }
    }

    #[test]
    fn a_slower_row_is_a_check_that_does_not_hold() {
        let before = measured(&[50.0, 51.0, 50.0]);
        assert!(compare(&before, &measured(&[55.0, 54.0, 55.0])).is_ok());
        let failure = compare(&before, &measured(&[60.0, 61.0, 60.0])).unwrap_err();
        assert_eq!(failure.exit_status(), 3);
        assert!(failure.to_string().contains("enrich, 1k, whose, native"));
    }

    #[test]
    fn a_slow_machine_is_no_regression() {
        let before = measured(&[50.0, 50.0, 50.0]);
        let mut now = measured(&[100.0, 100.0, 100.0]);
        now.rows[1].ns = vec![200.0, 200.0, 200.0];
        assert!(compare(&before, &now).is_ok());
    }

    #[test]
    fn noise_is_told_from_change() {
        let quiet = [1.0, 1.01, 0.99];
        assert_eq!(judge(&quiet, &[1.3, 1.31, 1.3]), Verdict::Regression);
        assert_eq!(judge(&quiet, &[0.8, 0.8, 0.81]), Verdict::Faster);
        assert_eq!(judge(&quiet, &[1.1, 1.1, 1.1]), Verdict::Same);
        assert_eq!(judge(&quiet, &[1.0, 1.5, 2.0]), Verdict::TooNoisy);
        assert_eq!(judge(&[1.0, 1.5, 2.0], &quiet), Verdict::TooNoisy);
    }

    #[test]
    fn without_anything_in_common_nothing_is_said_to_hold() {
        let empty = Measured::default();
        let failure = compare(&empty, &measured(&[1.0])).unwrap_err();
        assert_eq!(failure.exit_status(), 1);
    }

    #[test]
    fn a_larger_module_is_a_regression() {
        let with = |value: f64| {
            let mut measured = measured(&[1.0, 1.0, 1.0]);
            measured.add(Fact {
                group: "modules".to_owned(),
                what: "plain guest".to_owned(),
                size: String::new(),
                value,
                unit: "B".to_owned(),
            });
            measured
        };
        assert!(compare(&with(100.0), &with(114.0)).is_ok());
        assert!(compare(&with(100.0), &with(116.0)).is_err());
    }
}
