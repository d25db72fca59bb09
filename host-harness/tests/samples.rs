//! The sample organisation: what comes out of its events is what its story says, line by line.

use enrich_core::{Check, Config, Enricher};
use serde_json::Value;
use whose_cases::samples;

const ENVELOPES: &[&str] = &["Records", "records", "Events", "logEvents", "items"];

/// The event of a line, or the record of its envelope.
fn event(line: &Value, record: Option<usize>) -> Option<&Value> {
    let Some(record) = record else {
        return Some(line);
    };
    let records = line.as_array().or_else(|| {
        ENVELOPES
            .iter()
            .find_map(|name| line.get(*name)?.as_array())
    });
    records?.get(record)
}

/// The actor as `expected.tsv` words it: uid, outcome, verdict.
fn actor(event: &Value) -> [Option<String>; 3] {
    let identities = event.pointer("/whose/identities").and_then(Value::as_array);
    let actor = identities.and_then(|identities| {
        identities
            .iter()
            .find(|identity| identity["role"] == "actor")
    });
    let text = |pointer: &str| Some(actor?.pointer(pointer)?.as_str()?.to_owned());
    // Nothing is expected of one who is not known.
    let verdict = text("/behavior/verdict").or_else(|| actor.map(|_| "no_baseline".to_owned()));
    [text("/uid"), text("/outcome"), verdict]
}

#[test]
fn the_story_is_told() {
    let snapshot = samples::snapshot().unwrap_or_else(|error| panic!("{error}"));
    let events = samples::events().expect("the events");
    let expected = samples::expected().expect("the expectations");
    let mut enricher = Enricher::new(Config::from_json(samples::CONFIG).expect("a configuration"));
    enricher
        .attach(snapshot.bytes(), Check::All, None)
        .expect("attached");
    let output = enricher.enrich(&events).to_vec();
    let lines: Vec<Value> = output
        .split_inclusive(|byte| *byte == b'\n')
        .map(|line| serde_json::from_slice(line).unwrap_or(Value::Null))
        .collect();
    let mut failures = Vec::new();
    let mut told = vec![0_usize; lines.len()];
    for row in &expected {
        let at = row.record.map_or_else(
            || row.line.to_string(),
            |record| format!("{}.{record}", row.line),
        );
        let Some(line) = row.line.checked_sub(1).and_then(|number| lines.get(number)) else {
            failures.push(format!("line {at}: there is no such line"));
            continue;
        };
        told[row.line - 1] += 1;
        let Some(event) = event(line, row.record) else {
            failures.push(format!("line {at}: there is no such record"));
            continue;
        };
        let wanted = [row.actor.clone(), row.outcome.clone(), row.verdict.clone()];
        let found = actor(event);
        if found != wanted {
            failures.push(format!(
                "line {at}: should be {wanted:?}, is {found:?}: {}",
                event.pointer("/whose/identities").unwrap_or(&Value::Null)
            ));
        }
    }
    for (number, count) in told.iter().enumerate() {
        if *count == 0 {
            failures.push(format!(
                "line {}: expected.tsv says nothing about it",
                number + 1
            ));
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {} events differ:\n{}",
        failures.len(),
        expected.len(),
        failures.join("\n")
    );
    assert!(expected.len() > 200, "{} events", expected.len());
}

/// The intruder writes a context that says all is well.
#[test]
fn the_forged_context_of_the_intruder_is_gone_and_counted() {
    let snapshot = samples::snapshot().unwrap_or_else(|error| panic!("{error}"));
    let events = samples::events().expect("the events");
    let forged = events
        .split(|byte| *byte == b'\n')
        .filter(|line| {
            serde_json::from_slice::<Value>(line).is_ok_and(|line| line.get("whose").is_some())
        })
        .count();
    assert!(forged > 0, "the samples hold a forged event");
    let mut enricher = Enricher::new(Config::from_json(samples::CONFIG).expect("a configuration"));
    enricher
        .attach(snapshot.bytes(), Check::All, None)
        .expect("attached");
    enricher.enrich(&events);
    assert_eq!(enricher.stats().forged_removed, forged as u64);
}
