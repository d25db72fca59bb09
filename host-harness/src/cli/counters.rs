//! Counters as lines for a person.

use std::collections::BTreeMap;

use host_harness::{Counters, SnapshotFile};
use serde_json::{Value, json};

/// One line of counts for each group; what is zero is left out, except the events themselves.
pub(crate) fn lines(counters: &Counters) -> String {
    let events = &counters.events;
    let mut parts = vec![
        format!("{} events", events.events),
        format!("{} enriched", events.enriched),
    ];
    for (count, what) in [
        (events.unrecognized, "of no known format"),
        (events.no_identity, "without an identity"),
        (events.not_json, "lines not JSON"),
        (events.not_utf8, "lines not UTF-8"),
        (events.too_large, "lines too large"),
        (events.too_deep, "lines too deep"),
        (events.forged_removed, "forged contexts removed"),
        (
            events.damaged,
            "lines without context because a snapshot is damaged",
        ),
        (counters.host.oversize_lines, "lines over the hard cap"),
        (
            counters.host.trapped_lines,
            "lines without context because the module failed",
        ),
    ] {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    let mut out = format!("{}\n", parts.join(", "));
    for (title, words) in [
        ("outcomes", &events.outcomes),
        ("behaviour", &events.verdicts),
        ("priorities", &events.priorities),
    ] {
        if let Some(line) = group(words) {
            out.push_str(&format!("{title}: {line}\n"));
        }
    }
    out
}

/// How each snapshot came into memory, a line each.
pub(crate) fn snapshot_lines(snapshots: &[SnapshotFile]) -> String {
    snapshots
        .iter()
        .map(|snapshot| {
            let reason = snapshot
                .copied_because()
                .map(|reason| format!(", because {reason}"));
            format!(
                "snapshot {}: {}{}\n",
                snapshot.name(),
                access(snapshot),
                reason.unwrap_or_default()
            )
        })
        .collect()
}

/// The same as JSON.
pub(crate) fn snapshots(snapshots: &[SnapshotFile]) -> Value {
    snapshots
        .iter()
        .map(|snapshot| {
            let mut said = json!({ "file": snapshot.name(), "access": access(snapshot) });
            if let Some(reason) = snapshot.copied_because() {
                said["reason"] = json!(reason);
            }
            said
        })
        .collect()
}

const fn access(snapshot: &SnapshotFile) -> &'static str {
    if snapshot.is_mapped() {
        "mapped"
    } else {
        "copied"
    }
}

fn group(words: &BTreeMap<String, u64>) -> Option<String> {
    let mut words: Vec<(&String, &u64)> = words.iter().filter(|(_, count)| **count > 0).collect();
    words.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let words: Vec<String> = words
        .iter()
        .map(|(word, count)| format!("{count} {}", word.replace('_', " ")))
        .collect();
    (!words.is_empty()).then(|| words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_are_left_out() {
        let mut counters = Counters::default();
        counters.events.events = 5;
        counters.events.enriched = 4;
        counters.events.not_json = 1;
        counters.events.outcomes = [
            ("matched".to_owned(), 3),
            ("not_found".to_owned(), 4),
            ("retired".to_owned(), 0),
        ]
        .into();
        assert_eq!(
            lines(&counters),
            "5 events, 4 enriched, 1 lines not JSON\noutcomes: 4 not found, 3 matched\n"
        );
    }
}
