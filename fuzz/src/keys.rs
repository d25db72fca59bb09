//! Target `keys`: what is observed is one JSON object for each line, whatever the lines hold.

use enrich_core::Enricher;
use serde_json::Value;

use crate::golden;

/// Checks one batch.
pub fn check(data: &[u8]) {
    let lines = data.split_inclusive(|byte| *byte == b'\n').count();
    let mut enricher = Enricher::new(golden::config());
    // Twice: line numbers count on, and nothing else is left from the batch before.
    let first = read(enricher.keys(data));
    let second = read(enricher.keys(data));
    assert_eq!((first.len(), second.len()), (lines, lines));
    for (number, (mut first, mut second)) in first.into_iter().zip(second).enumerate() {
        assert_eq!(first["line"].take(), number + 1);
        assert_eq!(second["line"].take(), number + 1 + lines);
        assert_eq!(first, second);
    }
}

/// The lines of the output.
fn read(out: &[u8]) -> Vec<Value> {
    assert!(out.is_empty() || out.ends_with(b"\n"));
    out.split_inclusive(|byte| *byte == b'\n')
        .map(|line| {
            let value: Value = serde_json::from_slice(line)
                .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(line)));
            assert!(value["format"].is_string() && value["identities"].is_array());
            value
        })
        .collect()
}
