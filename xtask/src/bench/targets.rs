//! The goals, and what of them was reached: the table at the top of the report.

use super::figures::{bytes_a_second, digits, grouped, median, percent, spread, time};
use super::rows::{Measured, Row};

const NATIVE: &str = "whose, native";
const WASM: &str = "whose, wasm simd128";
const MAIN: &str = "100k, Zipf 1.1";

/// A goal and what was measured of it.
#[derive(Debug, PartialEq)]
pub(super) struct Target {
    what: &'static str,
    target: &'static str,
    /// What was measured, and whether that is enough; `None` when it was not measured.
    reached: Option<(String, bool)>,
    how: &'static str,
}

/// A markdown table of all goals.
pub(super) fn table(measured: &Measured) -> String {
    let mut text = "| what | target | reached | | how |\n|---|---|---|---|---|\n".to_owned();
    for target in all(measured) {
        let (reached, holds) = match &target.reached {
            Some((reached, holds)) => (reached.as_str(), if *holds { "yes" } else { "no" }),
            None => ("not measured", ""),
        };
        text.push_str(&format!(
            "| {} | {} | {reached} | {holds} | {} |\n",
            target.what, target.target, target.how
        ));
    }
    text
}

fn all(measured: &Measured) -> Vec<Target> {
    let m = measured;
    let row = |group: &str, size: &str, what: &str| m.row(group, size, what);
    vec![
        Target {
            what: "CloudTrail in, enriched out, in wasm, one core, 100,000 identities",
            target: "≥ 1,000,000 events/s",
            reached: row("enrich", MAIN, WASM).map(|row| events(row, 1e6)),
            how: "`enrich`, Zipf 1.1, module simd128, 64 events a call",
        },
        Target {
            what: "the same beside VRL",
            target: "≥ 12 ×",
            reached: times(m, ("peers", MAIN), "VRL, Vector's file table", WASM, 12.0),
            how: "`peers`, the same events in the same rounds, Vector's file table",
        },
        Target {
            what: "the same beside Python with orjson and a dict",
            target: "≥ 5 ×",
            reached: times(m, ("peers", MAIN), "Python, orjson + dict", WASM, 5.0),
            how: "`peers`, the same events in the same rounds",
        },
        Target {
            what: "the same over 10,000,000 identities, uniform",
            target: "≥ 700,000 events/s",
            reached: row("enrich", "10M, uniform", WASM).map(|row| events(row, 7e5)),
            how: "`enrich`, `--large`",
        },
        Target {
            what: "time in wasm by native time of the same work",
            target: "≤ 1.15",
            reached: part(row("enrich", MAIN, WASM), row("enrich", MAIN, NATIVE), 1.15),
            how: "`enrich`, Zipf 1.1, round by round",
        },
        Target {
            what: "identity keys out of CloudTrail, in wasm",
            target: "≥ 3 GB/s",
            reached: row("observe", "aws_cloudtrail", WASM).map(|row| speed(row, 3e9)),
            how: "`observe`; the copy of the line to the output is part of the time",
        },
        Target {
            what: "lookup in wasm by hashbrown natively, uniform hits, 10,000,000 keys and more",
            target: "≤ 1.0 single",
            reached: of_lookup(m, WASM, 1.0),
            how: "`lookup, hit, uniform`, `--large`",
        },
        Target {
            what: "the same, lookups in groups",
            target: "≤ 0.45 grouped",
            reached: of_lookup(m, "whose, wasm simd128, grouped", 0.45),
            how: "`lookup, hit, uniform`, `--large`",
        },
        Target {
            what: "from the file to the first enriched event, 10,000,000 identities, file in the system's cache",
            target: "≤ 1 ms",
            reached: first_event(m, "first event", "", 1e6),
            how: "`first event`, `--large`, in the harness; the goal is about the file alone, which the host vouches for",
        },
        Target {
            what: "the same, nothing of the file in the cache",
            target: "≤ 50 ms",
            reached: first_event(m, "first event, cold disk", ", cold disk", 50e6),
            how: "`first event, cold disk`, `--large`",
        },
        Target {
            what: "memory that an instance shares with nobody, 10,000,000 identities",
            target: "≤ 20 MB",
            reached: fact(
                m,
                ("first event", "10M", "private memory of an instance"),
                20e6,
                "B",
            ),
            how: "`first event`, `--large`, after 5,000 events",
        },
        Target {
            what: "checked open, any size",
            target: "≤ 1 ms",
            reached: slowest_open(m),
            how: "`open`, the slowest size",
        },
        Target {
            what: "digest of every byte, native",
            target: "≥ 5 GB/s",
            reached: row("open", "1M", "whose, open with every digest").map(|row| speed(row, 5e9)),
            how: "`open`, 1,000,000 identities, one thread",
        },
        Target {
            what: "bytes an identity at 10,000,000 (1.9 keys of 73 B)",
            target: "≤ 130 B",
            reached: fact(m, ("open", "10M", "bytes an identity"), 130.0, "B"),
            how: "`open`, `--large`",
        },
        Target {
            what: "plain guest, baseline",
            target: "≤ 300 kB, ≤ 120 kB gzip",
            reached: size_of_guest(m),
            how: "`modules`; `cargo xtask test guests` holds 300 kB and 128 kB (docs/design.md)",
        },
        Target {
            what: "allocations an event in the steady state, native",
            target: "0",
            reached: fact(m, ("allocations", "1k", "allocations an event"), 0.0, ""),
            how: "`allocations`, counted in the allocator",
        },
        Target {
            what: "growth of the module's memory in the steady state",
            target: "0",
            reached: fact(m, ("allocations", "1k", "growth of the module"), 0.0, "B"),
            how: "`allocations`",
        },
        Target {
            what: "imports of the plain guest",
            target: "0",
            reached: fact(m, ("allocations", "1k", "imports"), 0.0, ""),
            how: "`allocations`",
        },
    ]
}

fn events(row: &Row, least: f64) -> (String, bool) {
    let super::rows::Work::Events(events) = row.work else {
        return ("not of events".to_owned(), false);
    };
    let rate = events / row.median() * 1e9;
    let text = format!("{} events/s ± {}", grouped(rate), percent(row.spread()));
    (text, rate >= least)
}

fn speed(row: &Row, least: f64) -> (String, bool) {
    let super::rows::Work::Bytes(bytes) = row.work else {
        return ("not of bytes".to_owned(), false);
    };
    let rate = bytes / row.median() * 1e9;
    let text = format!("{} ± {}", bytes_a_second(rate), percent(row.spread()));
    (text, rate >= least)
}

fn at_most(row: &Row, most: f64) -> (String, bool) {
    let text = format!("{} ± {}", time(row.median()), percent(row.spread()));
    (text, row.median() <= most)
}

/// Unchecked, and with the chunks checked that the event needs.
fn first_event(
    measured: &Measured,
    group: &str,
    suffix: &str,
    most: f64,
) -> Option<(String, bool)> {
    let of = |way: &str| measured.row(group, "10M", &format!("whose, {way}{suffix}"));
    let (text, holds) = at_most(of("the host vouches")?, most);
    let checked = of("on first touch").map_or_else(String::new, |row| {
        format!("; {} with checks on first touch", time(row.median()))
    });
    Some((format!("{text}{checked}"), holds))
}

/// How many times as fast as a peer, round by round.
fn times(
    measured: &Measured,
    (group, size): (&str, &str),
    peer: &str,
    ours: &str,
    least: f64,
) -> Option<(String, bool)> {
    let ratios = measured
        .row(group, size, peer)?
        .ratios(measured.row(group, size, ours)?);
    let middle = median(&ratios);
    let text = format!("{} × ± {}", digits(middle), percent(spread(&ratios)));
    Some((text, middle >= least))
}

fn part(ours: Option<&Row>, other: Option<&Row>, most: f64) -> Option<(String, bool)> {
    let ratios = ours?.ratios(other?);
    let middle = median(&ratios);
    let text = format!("{} ± {}", digits(middle), percent(spread(&ratios)));
    Some((text, middle <= most))
}

/// The largest size at which it was measured; below ten million keys nothing is held to hold.
fn of_lookup(measured: &Measured, what: &str, most: f64) -> Option<(String, bool)> {
    let group = "lookup, hit, uniform";
    ["10M", "1M"].iter().find_map(|size| {
        let row = measured.row(group, size, what)?;
        let (text, holds) = part(Some(row), measured.baseline_of(row), most)?;
        let keys = measured.fact("lookup", size, "keys")?;
        Some((
            format!("{text} ({} keys)", grouped(keys)),
            holds && keys >= 1e7,
        ))
    })
}

fn slowest_open(measured: &Measured) -> Option<(String, bool)> {
    let opens = measured
        .rows
        .iter()
        .filter(|row| row.group == "open" && row.what == "whose, checked open");
    let slowest = opens.max_by(|a, b| a.median().total_cmp(&b.median()))?;
    let (text, holds) = at_most(slowest, 1e6);
    Some((format!("{text} ({} identities)", slowest.size), holds))
}

fn fact(
    measured: &Measured,
    (group, size, what): (&str, &str, &str),
    most: f64,
    unit: &str,
) -> Option<(String, bool)> {
    let value = measured.fact(group, size, what)?;
    let text = if value.fract() == 0.0 {
        format!("{} {unit}", grouped(value))
    } else {
        format!("{} {unit}", digits(value))
    };
    Some((text.trim_end().to_owned(), value <= most))
}

fn size_of_guest(measured: &Measured) -> Option<(String, bool)> {
    let of = |what: &str| measured.fact("modules", "", &format!("plain guest, baseline, {what}"));
    let (plain, gzip) = (of("size")?, of("size, gzip")?);
    let text = format!("{:.1} kB, {:.1} kB gzip", plain / 1e3, gzip / 1e3);
    Some((text, plain <= 300e3 && gzip <= 120e3))
}

#[cfg(test)]
mod tests {
    use super::super::rows::{Fact, Work, tests::row};
    use super::*;

    fn measured() -> Measured {
        let enrich = |what: &str, ns: f64| Row {
            size: MAIN.to_owned(),
            work: Work::Events(1000.0),
            ..row(what, &[ns, ns, ns], false)
        };
        Measured {
            rows: vec![enrich(WASM, 800_000.0), enrich(NATIVE, 640_000.0)],
            ..Measured::default()
        }
    }

    fn of<'a>(targets: &'a [Target], what: &str) -> &'a Target {
        targets
            .iter()
            .find(|target| target.what.contains(what))
            .unwrap()
    }

    #[test]
    fn goals_are_compared_with_what_was_measured() {
        let targets = all(&measured());
        let rate = of(&targets, "enriched out").reached.clone().unwrap();
        assert_eq!(rate, ("1,250,000 events/s ± 0.0 %".to_owned(), true));
        let ratio = of(&targets, "native time").reached.clone().unwrap();
        assert_eq!(ratio, ("1.25 ± 0.0 %".to_owned(), false));
        assert_eq!(of(&targets, "beside VRL").reached, None);
    }

    #[test]
    fn a_lookup_over_fewer_keys_does_not_reach_the_goal() {
        let mut measured = measured();
        for (what, ns, baseline) in [(WASM, 50.0, false), ("hashbrown", 100.0, true)] {
            measured.rows.push(Row {
                group: "lookup, hit, uniform".to_owned(),
                size: "1M".to_owned(),
                ..row(what, &[ns], baseline)
            });
        }
        measured.add(Fact {
            group: "lookup".to_owned(),
            what: "keys".to_owned(),
            size: "1M".to_owned(),
            value: 1_900_000.0,
            unit: String::new(),
        });
        let (text, holds) = of_lookup(&measured, WASM, 1.0).unwrap();
        assert!(
            text.starts_with("0.50 ") && text.ends_with("(1,900,000 keys)"),
            "{text}"
        );
        assert!(!holds);
    }

    #[test]
    fn the_table_has_a_line_for_each_goal() {
        let text = table(&measured());
        assert_eq!(text.lines().count(), all(&measured()).len() + 2);
        assert!(text.contains("| not measured |  |"));
    }
}
