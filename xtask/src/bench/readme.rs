//! The numbers in README.md, between two marks: they are of the last run, not of somebody's memory.

use super::figures::{digits, grouped, median, time};
use super::rows::{Measured, Row, Work};
use crate::failure::Failure;

const BEGIN: &str = "<!-- written by `cargo xtask bench` -->\n";
const END: &str = "<!-- end of what it writes -->\n";
const MAIN: &str = "100k, Zipf 1.1";
const WASM: &str = "whose, wasm simd128";

/// README.md with the numbers of these results.
pub(super) fn with_numbers(readme: &str, measured: &Measured) -> Result<String, Failure> {
    let parts = readme
        .split_once(BEGIN)
        .and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let Some((before, after)) = parts else {
        return Err(Failure::new(format!(
            "README.md does not have the lines `{}` and `{}`",
            BEGIN.trim_end(),
            END.trim_end()
        )));
    };
    Ok(format!("{before}{BEGIN}{}{END}{after}", numbers(measured)))
}

fn numbers(measured: &Measured) -> String {
    let about = measured.runs.get("default");
    let fact = |name: &str| {
        about
            .and_then(|about| about[name].as_str())
            .unwrap_or("unknown")
            .to_owned()
    };
    let mut text = format!(
        "Measured on {} ({}, {}, wasmtime {}), commit {}.\n",
        fact("processor"),
        fact("system"),
        fact("compiler"),
        fact("wasmtime"),
        fact("commit"),
    );
    text.push_str(&events(measured));
    text.push_str(&others(measured));
    text.push_str(&formats(measured));
    text
}

/// Everything that adds context to the same events in the same rounds.
fn events(measured: &Measured) -> String {
    let Some(ours) = measured.row("peers", MAIN, WASM) else {
        return String::new();
    };
    let mut text = "\n| 100,000 identities, CloudTrail, one core | events/s | times as long as in the module |\n|---|--:|--:|\n".to_owned();
    for row in measured
        .rows
        .iter()
        .filter(|row| row.group == "peers" && row.size == MAIN)
    {
        let against = median(&row.ratios(ours));
        text.push_str(&format!(
            "| {} | {} | {} |\n",
            row.what,
            rate(row),
            digits(against)
        ));
    }
    text
}

fn rate(row: &Row) -> String {
    match row.work {
        Work::Events(events) => grouped(events / row.median() * 1e9),
        Work::Lookups(lookups) => time(row.median() / lookups),
        Work::Bytes(bytes) => format!("{} GB/s", digits(bytes / row.median())),
        Work::Once => time(row.median()),
    }
}

/// What has no peer in a process of its own.
fn others(measured: &Measured) -> String {
    let mut text = "\n| what | whose | beside it, in the same rounds |\n|---|--:|---|\n".to_owned();
    let mut line = |what: &str, ours: Option<String>, beside: String| {
        if let Some(ours) = ours {
            text.push_str(&format!("| {what} | {ours} | {beside} |\n"));
        }
    };
    let row = |group: &str, size: &str, what: &str| measured.row(group, size, what);
    line(
        "events/s over 10,000,000 identities, uniform, in the module",
        row("enrich", "10M, uniform", WASM).map(rate),
        row("enrich", "10M, uniform", "whose, native")
            .map_or_else(String::new, |native| format!("{} natively", rate(native))),
    );
    for size in ["1M", "10M"] {
        let group = "lookup, hit, uniform";
        let keys = measured.fact("lookup", size, "keys").unwrap_or_default();
        for (way, what) in [
            ("one by one", WASM),
            ("in groups", "whose, wasm simd128, grouped"),
        ] {
            let beside = |row: &Row| measured.baseline_of(row).map(rate);
            let ours = row(group, size, what);
            line(
                &format!("a lookup in wasm, {way}, {} keys, uniform", grouped(keys)),
                ours.map(rate),
                ours.and_then(beside)
                    .map_or_else(String::new, |beside| format!("{beside} hashbrown, native")),
            );
        }
    }
    for size in ["1M", "10M"] {
        line(
            &format!(
                "file to first enriched event, {size} identities, file in the cache, chunks checked on first touch"
            ),
            row("first event", size, "whose, on first touch").map(rate),
            row("open", size, "hashbrown, insert every key").map_or_else(String::new, |map| {
                format!("{} to fill a hash map with the keys", rate(map))
            }),
        );
    }
    line(
        "digest of every byte",
        row("open", "1M", "whose, open with every digest").map(rate),
        row("open", "1M", "read every byte")
            .map_or_else(String::new, |read| format!("{} to read them", rate(read))),
    );
    for size in ["100k", "1M", "10M"] {
        line(
            &format!("bytes an identity, {size} identities"),
            measured.fact("open", size, "bytes an identity").map(digits),
            String::new(),
        );
    }
    for level in ["baseline", "simd128"] {
        let size =
            |what: &str| measured.fact("modules", "", &format!("plain guest, {level}, {what}"));
        line(
            &format!("module, {level}"),
            size("size").map(|size| format!("{:.0} kB", size / 1e3)),
            size("size, gzip")
                .map_or_else(String::new, |gzip| format!("{:.0} kB gzipped", gzip / 1e3)),
        );
    }
    text
}

/// Keys and facts out of each format.
fn formats(measured: &Measured) -> String {
    let columns = [
        "whose, native",
        WASM,
        "whose, wasm baseline",
        "serde_json, Value",
        "simd-json, tape",
        "sonic-rs, Value",
    ];
    let mut text = "\n| keys and facts out of events, GB/s | native | wasm simd128 | wasm baseline | serde_json | simd-json | sonic-rs |\n|---|--:|--:|--:|--:|--:|--:|\n".to_owned();
    let mut sizes: Vec<&str> = Vec::new();
    for row in measured.rows.iter().filter(|row| row.group == "observe") {
        if !sizes.contains(&row.size.as_str()) {
            sizes.push(&row.size);
        }
    }
    for size in sizes {
        text.push_str(&format!("| `{size}` |"));
        for what in columns {
            let cell =
                measured
                    .row("observe", size, what)
                    .map_or_else(String::new, |row| match row.work {
                        Work::Bytes(bytes) => digits(bytes / row.median()),
                        _ => String::new(),
                    });
            text.push_str(&format!(" {cell} |"));
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::rows::tests::row;
    use super::*;

    #[test]
    fn only_what_stands_between_the_marks_changes() {
        let readme = format!("before\n{BEGIN}old\n{END}after\n");
        let peers = |what: &str, ns: f64| Row {
            group: "peers".to_owned(),
            size: MAIN.to_owned(),
            ..row(what, &[ns], false)
        };
        let measured = Measured {
            rows: vec![peers(WASM, 10.0), peers("VRL", 120.0)],
            ..Measured::default()
        };
        let text = with_numbers(&readme, &measured).unwrap();
        assert!(text.starts_with(&format!("before\n{BEGIN}Measured on unknown")));
        assert!(text.ends_with(&format!("{END}after\n")) && !text.contains("old"));
        assert!(text.contains("| VRL | 83,333,333 | 12.0 |"), "{text}");
        assert!(with_numbers("nothing", &measured).is_err());
    }
}
