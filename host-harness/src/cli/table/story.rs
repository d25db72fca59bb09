//! The story of a stream: notable events one by one, calm stretches as one line.

use std::collections::BTreeSet;

use host_harness::output::Lines;
use memchr::memmem;
use serde_json::Value;

use super::row::Row;
use crate::cli::contexts::contexts;

/// Most entries that are kept; a stream may be endless, a table is not.
const MAX_ENTRIES: usize = 500;
/// Most names that are told apart in one calm stretch.
const MAX_NAMES: usize = 1000;
/// Most actions that are listed in one row.
const MAX_ACTIONS: usize = 8;

/// A stretch of events that nobody needs to see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Calm {
    pub(crate) expected: u64,
    /// Calm for another reason: nothing is declared for the identity, or there is none.
    pub(crate) other: u64,
    pub(crate) names: BTreeSet<String>,
    pub(crate) first: String,
}

/// What was done, in order, and how often.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Actions {
    pub(crate) listed: Vec<(String, u64)>,
    /// Events whose action found no place in the list.
    pub(crate) more: u64,
}

impl Actions {
    fn add(&mut self, action: &str) {
        if let Some((_, count)) = self.listed.iter_mut().find(|(listed, _)| listed == action) {
            *count += 1;
        } else if self.listed.len() < MAX_ACTIONS {
            self.listed.push((action.to_owned(), 1));
        } else {
            self.more += 1;
        }
    }
}

/// One entry of the story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    Calm(Calm),
    /// A notable event, and all that the same identity did in the same way right after it.
    Notable(Box<Row>, Actions),
}

/// The entries, in the order of the events.
#[derive(Clone, Debug, Default)]
pub(crate) struct Story {
    pub(crate) entries: Vec<Entry>,
    /// Notable events after the table was full.
    pub(crate) left_out: u64,
    /// Lines without context.
    pub(crate) without_context: u64,
    pub(crate) notable: u64,
}

impl Story {
    /// Reads enriched lines.
    pub(crate) fn read(&mut self, lines: &[u8]) {
        let finder = memmem::Finder::new(b"\"whose\":");
        for line in Lines::new(lines) {
            if line.trim_ascii().is_empty() {
                continue;
            }
            let parsed = finder
                .find(line)
                .and_then(|_| serde_json::from_slice::<Value>(line).ok());
            let before = (self.notable, self.entries.len(), self.calm_events());
            if let Some(value) = parsed {
                for (event, context) in contexts(&value) {
                    self.add(Row::new(event, context));
                }
            }
            if before == (self.notable, self.entries.len(), self.calm_events()) {
                self.without_context += 1;
            }
        }
    }

    fn calm_events(&self) -> u64 {
        match self.entries.last() {
            Some(Entry::Calm(calm)) => calm.expected + calm.other,
            _ => 0,
        }
    }

    fn add(&mut self, row: Row) {
        if row.is_calm() {
            if !matches!(self.entries.last(), Some(Entry::Calm(_))) {
                if self.entries.len() >= MAX_ENTRIES {
                    return;
                }
                self.entries.push(Entry::Calm(Calm {
                    first: row.time.clone(),
                    ..Calm::default()
                }));
            }
            if let Some(Entry::Calm(calm)) = self.entries.last_mut() {
                let count = if row.verdict == "expected" {
                    &mut calm.expected
                } else {
                    &mut calm.other
                };
                *count += 1;
                if calm.names.len() < MAX_NAMES && !row.who.is_empty() {
                    calm.names.insert(row.who);
                }
            }
            return;
        }
        self.notable += 1;
        if let Some(Entry::Notable(last, actions)) = self.entries.last_mut()
            && last.continues(&row)
        {
            actions.add(&row.action);
        } else if self.entries.len() < MAX_ENTRIES {
            let mut actions = Actions::default();
            actions.add(&row.action);
            self.entries.push(Entry::Notable(Box::new(row), actions));
        } else {
            self.left_out += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, verdict: &str, priority: &str) -> String {
        format!(
            r#"{{"eventTime":"2026-03-20T05:00:00Z","whose":{{"identities":[{{"role":"actor","outcome":"matched","name":"{name}","behavior":{{"verdict":"{verdict}"}}}}],"triage":{{"priority":"{priority}"}}}}}}"#
        )
    }

    fn calm(entry: &Entry) -> (u64, u64, usize) {
        match entry {
            Entry::Calm(calm) => (calm.expected, calm.other, calm.names.len()),
            Entry::Notable(..) => panic!("expected a calm stretch, found {entry:?}"),
        }
    }

    #[test]
    fn calm_stretches_fold_and_repeats_are_counted() {
        let mut story = Story::default();
        let mut lines = String::new();
        for name in ["a", "b", "a"] {
            lines += &(event(name, "expected", "info") + "\n");
        }
        lines += &(event("c", "no_baseline", "low") + "\r\n");
        lines += &(event("x", "unexpected", "critical") + "\n").repeat(3);
        lines += "not json\n\n{\"plain\":1}\n";
        lines += &event("a", "expected", "info");
        story.read(lines.as_bytes());
        assert_eq!(story.entries.len(), 3);
        assert_eq!(calm(&story.entries[0]), (3, 1, 3));
        assert!(matches!(&story.entries[1], Entry::Notable(row, actions)
            if row.who == "x" && actions.listed == [(String::new(), 3)]));
        assert_eq!(calm(&story.entries[2]), (1, 0, 1));
        assert_eq!((story.without_context, story.notable), (2, 3));
    }

    #[test]
    fn envelopes_are_walked_and_content_is_not() {
        let mut story = Story::default();
        let one = event("a", "unexpected", "high");
        story.read(
            format!(
                "{{\"Records\":[{one},{}]}}\n",
                event("b", "expected", "info")
            )
            .as_bytes(),
        );
        assert_eq!(story.entries.len(), 2);
        // What an attacker wrote into a request is not a context.
        story.read(format!("{{\"requestParameters\":{one}}}\n").as_bytes());
        assert_eq!(story.entries.len(), 2);
        assert_eq!(story.without_context, 1);
    }

    #[test]
    fn a_story_is_bounded() {
        let mut story = Story::default();
        for number in 0..MAX_ENTRIES + 7 {
            story.read(event(&format!("n{number}"), "unexpected", "high").as_bytes());
        }
        assert_eq!((story.entries.len(), story.left_out), (MAX_ENTRIES, 7));
    }
}
