//! Target `keys`: what is observed is one JSON object for each line, whatever the lines hold, and
//! does not depend on how an event is written.

use enrich_core::Enricher;
use serde_json::Value;

use crate::document::Doc;
use crate::golden;

/// Checks one batch.
pub fn check(data: &[u8]) {
    let lines: Vec<&[u8]> = data.split_inclusive(|byte| *byte == b'\n').collect();
    let mut enricher = Enricher::new(golden::config());
    // Twice: line numbers count on, and nothing else is left from the batch before.
    let first = read(enricher.keys(data));
    let second = read(enricher.keys(data));
    assert_eq!((first.len(), second.len()), (lines.len(), lines.len()));
    for (number, (mut first, mut second)) in first.into_iter().zip(second).enumerate() {
        assert_eq!(first["line"].take(), number + 1);
        assert_eq!(second["line"].take(), number + 1 + lines.len());
        assert_eq!(first, second);
        plainly(lines[number], &first, &mut enricher);
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

/// The same is seen in the line when it is written without escapes, blanks and duplicates. Numbers
/// may be ids, and those that `serde_json` would write otherwise are left alone.
fn plainly(line: &[u8], seen: &Value, enricher: &mut Enricher<'_>) {
    let document = std::str::from_utf8(line).ok().and_then(Doc::read);
    let Some(document) = document.filter(|document| !document.has_floats()) else {
        return;
    };
    let mut plain = String::new();
    document.write_plainly(&mut plain);
    let mut again = read(enricher.keys(plain.as_bytes())).remove(0);
    again["line"].take();
    let line = String::from_utf8_lossy(line);
    assert_eq!(*seen, again, "{line} and {plain}");
}
