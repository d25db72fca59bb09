//! Runs one case: its own expectations, and what holds for every event whatever it is.

use enrich_core::{Check, Config, Enricher};
use serde_json::Value;

use crate::case::Case;
use crate::expect::shown;
use crate::ours::{Rendering, take_out};

/// What an engine returned.
#[derive(Clone, Debug, PartialEq)]
pub struct Ran {
    /// The lines that came out.
    pub output: Vec<u8>,
    /// The counters, as the core writes them.
    pub stats: Value,
}

/// Enriches lines for a case, starting afresh with each call.
pub type Enrich<'e> = dyn FnMut(&Case, &[u8]) -> Result<Ran, String> + 'e;

/// Enriches with the core in this process: a fresh enricher, the case's configuration and
/// snapshots, the given lines.
///
/// # Errors
/// The configuration or a snapshot is refused.
pub fn native(case: &Case, input: &[u8]) -> Result<Ran, String> {
    let config = Config::from_json(&case.config).map_err(|error| error.to_string())?;
    let mut enricher = Enricher::new(config);
    for snapshot in &case.snapshots {
        enricher
            .attach(snapshot.bytes(), Check::All, None)
            .map_err(|error| error.to_string())?;
    }
    let output = enricher.enrich(input).to_vec();
    let stats = serde_json::from_slice(enricher.stats_json()).map_err(|error| error.to_string())?;
    Ok(Ran { output, stats })
}

/// What does not hold when `enrich` runs the case; empty when all does.
pub fn check(case: &Case, enrich: &mut Enrich<'_>) -> Vec<String> {
    let input = &case.event;
    let (first, again) = match (enrich(case, input), enrich(case, input)) {
        (Ok(first), Ok(again)) => (first, again),
        (Err(error), _) | (_, Err(error)) => return vec![error],
    };
    let mut out = Vec::new();
    if first != again {
        out.push("a second run with the same lines gives something else".to_owned());
    }
    let stripped = strip(&first.output);
    let lines: Vec<Option<Value>> = lines(&first.output)
        .map(|line| serde_json::from_slice(line).ok())
        .collect();
    out.extend(
        case.expect
            .failures(input, &first.output, &stripped, &lines, &first.stats),
    );
    let rendering = Rendering::of(&case.config);
    kept(rendering, input, &first, &stripped, &mut out);
    match enrich(case, &first.output) {
        Ok(second) => once(rendering, &first, &second, &mut out),
        Err(error) => out.push(error),
    }
    out
}

/// The lines, without their ends.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n').map(|line| {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        line.strip_suffix(b"\r").unwrap_or(line)
    })
}

/// Nothing of the input is lost: as many lines, and without our member the same.
fn kept(rendering: Rendering, input: &[u8], ran: &Ran, stripped: &[u8], out: &mut Vec<String>) {
    let (before, after) = (lines(input).count(), lines(&ran.output).count());
    if before != after {
        out.push(format!("{before} lines came in, {after} went out"));
        return;
    }
    for (number, (before, after)) in lines(input).zip(lines(&ran.output)).enumerate() {
        let Ok(mut before) = serde_json::from_slice::<Value>(before) else {
            continue;
        };
        match serde_json::from_slice::<Value>(after) {
            Ok(mut after) => {
                take_out(rendering, &mut before, &mut after);
                if before != after {
                    out.push(format!(
                        "line {}: something besides our member changed",
                        number + 1
                    ));
                }
            }
            Err(error) => out.push(format!(
                "line {}: was JSON and is no more: {error}",
                number + 1
            )),
        }
    }
    // Where nothing was forged, taking our members out gives back the very bytes.
    if rendering == Rendering::Native
        && ran.stats.get("forged_removed") == Some(&Value::from(0))
        && stripped != input
    {
        out.push(format!(
            "without our member the bytes differ: {}",
            shown(stripped)
        ));
    }
}

/// Takes `"whose":{"v":1,…}` and the comma before it out of the bytes.
fn strip(output: &[u8]) -> Vec<u8> {
    const NAME: &[u8] = b"\"whose\":";
    const START: &[u8] = b"\"whose\":{\"v\":1,";
    let mut out = Vec::with_capacity(output.len());
    let mut rest = output;
    while let Some(at) = rest.windows(START.len()).position(|window| window == START) {
        let (before, ours) = rest.split_at(at);
        out.extend_from_slice(before);
        let mut values =
            serde_json::Deserializer::from_slice(&ours[NAME.len()..]).into_iter::<Value>();
        let len = match values.next() {
            Some(Ok(_)) => NAME.len() + values.byte_offset(),
            // Not ours after all; the bytes stay and the comparison tells.
            _ => START.len(),
        };
        if len == START.len() {
            out.extend_from_slice(START);
        } else if out.last() == Some(&b',') {
            out.pop();
        }
        rest = &ours[len..];
    }
    out.extend_from_slice(rest);
    out
}

/// What was enriched already gets its context once: the old one goes, and is counted.
fn once(rendering: Rendering, first: &Ran, second: &Ran, out: &mut Vec<String>) {
    let counter = |ran: &Ran, name: &str| ran.stats.get(name).and_then(Value::as_u64).unwrap_or(0);
    // A line that its own context makes too large or too deep is not read again, and loses it.
    let is_over = |name| counter(second, name) != counter(first, name);
    if is_over("too_large") || is_over("too_deep") {
        return;
    }
    if first.output != second.output {
        out.push(format!(
            "enriched again it differs: {}",
            shown(&second.output)
        ));
    }
    if rendering == Rendering::Native
        && counter(second, "forged_removed") != counter(first, "enriched")
    {
        out.push(format!(
            "enriched again, {} contexts were removed, {} had been added",
            counter(second, "forged_removed"),
            counter(first, "enriched")
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASE: &str = r#"
        title = "one user"
        identity = [{ uid = "aws:111122223333:user/x", kind = "iam_user", provider = "aws", domain = "111122223333", aliases = ["aws_arn:arn:aws:iam::111122223333:user/x"] }]
        scope = [{ provider = "aws", domain = "111122223333" }]
        event = '{"eventVersion":"1.11","eventName":"GetCallerIdentity","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/x"}}'
        expect = { "/whose/identities/0/outcome" = "matched" }
    "#;

    fn with(change: &dyn Fn(&mut Vec<u8>)) -> Vec<String> {
        let case = Case::parse("a/b", CASE).unwrap();
        check(&case, &mut |case, input| {
            native(case, input).map(|mut ran| {
                change(&mut ran.output);
                ran
            })
        })
    }

    #[test]
    fn a_good_engine_passes_and_bad_ones_do_not() {
        assert_eq!(with(&|_| ()), Vec::<String>::new());
        // A line more, an event member changed, a byte between them changed, no context, no JSON.
        assert!(
            with(&|out| out.extend_from_slice(b"\n{}"))[0].contains("1 lines came in, 2 went out")
        );
        assert!(
            with(&|out| out[2] = b'E')
                .iter()
                .any(|failure| failure.contains("something besides our member"))
        );
        assert!(
            with(&|out| out.insert(1, b' '))
                .iter()
                .any(|failure| failure.contains("the bytes differ"))
        );
        assert!(
            with(&|out| *out = strip(out))
                .iter()
                .any(|failure| failure.contains("is absent"))
        );
        assert!(
            with(&|out| out.truncate(out.len() - 1))
                .iter()
                .any(|failure| failure.contains("no more"))
        );
    }

    #[test]
    fn an_engine_that_remembers_or_adds_twice_is_seen() {
        let case = Case::parse("a/b", CASE).unwrap();
        let mut calls = 0;
        let failures = check(&case, &mut |case, input| {
            calls += 1;
            native(case, input).map(|mut ran| {
                ran.stats["lines"] = Value::from(calls);
                ran
            })
        });
        assert!(failures[0].contains("a second run"), "{failures:?}");
        let failures = check(&case, &mut |case, input| {
            let mut ran = native(case, input)?;
            if input != case.event {
                ran.output = input.to_vec();
                ran.output.pop();
                ran.output
                    .extend_from_slice(b",\"whose\":{\"v\":1,\"x\":0}}");
                ran.stats["forged_removed"] = Value::from(0);
            }
            Ok(ran)
        });
        assert!(
            failures
                .iter()
                .any(|failure| failure.contains("enriched again it differs")),
            "{failures:?}"
        );
        assert!(
            failures
                .iter()
                .any(|failure| failure.contains("0 contexts were removed, 1 had been added")),
            "{failures:?}"
        );
    }
}
