//! What was counted: by the guest about events, by the harness about batches.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::text::printable;

/// Most different words that are kept of one group; a guest cannot make this grow.
const MAX_WORDS: usize = 64;

/// What a guest counts (`whose_stats`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct EventCounters {
    /// Lines that are not empty.
    pub lines: u64,
    /// Events seen: a record of an envelope is an event.
    pub events: u64,
    /// Events that received a context.
    pub enriched: u64,
    /// JSON of no known format.
    pub unrecognized: u64,
    /// Not JSON.
    pub not_json: u64,
    /// Not UTF-8.
    pub not_utf8: u64,
    /// Longer than the limit.
    pub too_large: u64,
    /// Nested deeper than the limit.
    pub too_deep: u64,
    /// Without an identity.
    pub no_identity: u64,
    /// Events that came with a member `whose`, which was removed.
    pub forged_removed: u64,
    /// Lines that left without context because there was no room for it.
    pub no_room: u64,
    /// Lines that left unchanged because a snapshot turned out to be damaged.
    pub damaged: u64,
    /// Identities by outcome.
    pub outcomes: BTreeMap<String, u64>,
    /// Identities by verdict.
    pub verdicts: BTreeMap<String, u64>,
    /// Events by priority.
    pub priorities: BTreeMap<String, u64>,
}

impl EventCounters {
    /// Reads what a guest returned.
    ///
    /// # Errors
    /// Not the JSON that the ABI describes.
    pub fn parse(text: &str) -> Result<Self, String> {
        // Derived readers also take arrays.
        if !text.trim_start().starts_with('{') {
            return Err("not a JSON object".into());
        }
        let mut counters: Self =
            serde_json::from_str(text).map_err(|error| printable(&error.to_string(), 200))?;
        for words in [
            &mut counters.outcomes,
            &mut counters.verdicts,
            &mut counters.priorities,
        ] {
            *words = std::mem::take(words)
                .into_iter()
                .take(MAX_WORDS)
                .map(|(word, count)| (printable(&word, 64), count))
                .collect();
        }
        Ok(counters)
    }

    /// Adds another instance's counters.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in [
            (&mut self.lines, other.lines),
            (&mut self.events, other.events),
            (&mut self.enriched, other.enriched),
            (&mut self.unrecognized, other.unrecognized),
            (&mut self.not_json, other.not_json),
            (&mut self.not_utf8, other.not_utf8),
            (&mut self.too_large, other.too_large),
            (&mut self.too_deep, other.too_deep),
            (&mut self.no_identity, other.no_identity),
            (&mut self.forged_removed, other.forged_removed),
            (&mut self.no_room, other.no_room),
            (&mut self.damaged, other.damaged),
        ] {
            *mine = mine.saturating_add(theirs);
        }
        for (mine, theirs) in [
            (&mut self.outcomes, &other.outcomes),
            (&mut self.verdicts, &other.verdicts),
            (&mut self.priorities, &other.priorities),
        ] {
            for (word, count) in theirs {
                if mine.len() < MAX_WORDS || mine.contains_key(word) {
                    let sum = mine.entry(word.clone()).or_default();
                    *sum = sum.saturating_add(*count);
                }
            }
        }
    }
}

/// What the harness counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct HostCounters {
    /// Batches handed to the module.
    pub batches: u64,
    /// Batches that left unchanged because the module failed on them.
    pub trapped_batches: u64,
    /// Lines in those.
    pub trapped_lines: u64,
    /// Fresh instances that took over.
    pub renewals: u64,
    /// Lines longer than the hard cap, passed through without being read whole.
    pub oversize_lines: u64,
}

impl HostCounters {
    /// Adds another session's counters.
    pub const fn add(&mut self, other: &Self) {
        self.batches = self.batches.saturating_add(other.batches);
        self.trapped_batches = self.trapped_batches.saturating_add(other.trapped_batches);
        self.trapped_lines = self.trapped_lines.saturating_add(other.trapped_lines);
        self.renewals = self.renewals.saturating_add(other.renewals);
        self.oversize_lines = self.oversize_lines.saturating_add(other.oversize_lines);
    }
}

/// Both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Counters {
    /// About events.
    #[serde(flatten)]
    pub events: EventCounters,
    /// About batches.
    pub host: HostCounters,
}

impl Counters {
    /// Adds what another worker counted.
    pub fn add(&mut self, other: &Self) {
        self.events.add(&other.events);
        self.host.add(&other.host);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_add_up() {
        let mut sum = EventCounters::parse(r#"{"events":2,"outcomes":{"matched":1},"later":9}"#)
            .expect("parses");
        sum.add(
            &EventCounters::parse(
                r#"{"events":3,"enriched":1,"outcomes":{"matched":4,"retired":1}}"#,
            )
            .expect("parses"),
        );
        assert_eq!((sum.events, sum.enriched), (5, 1));
        assert_eq!(sum.outcomes["matched"], 5);
        assert_eq!(sum.outcomes["retired"], 1);
    }

    #[test]
    fn hostile_counters_are_bounded() {
        let words: Vec<String> = (0..1000).map(|at| format!("\"w{at}\\u001b\":1")).collect();
        let counters = EventCounters::parse(&format!("{{\"outcomes\":{{{}}}}}", words.join(",")))
            .expect("parses");
        assert_eq!(counters.outcomes.len(), MAX_WORDS);
        assert!(counters.outcomes.keys().all(|word| !word.contains('\x1b')));
        assert!(EventCounters::parse("[]").is_err());
        assert!(EventCounters::parse(r#"{"events":-1}"#).is_err());
    }
}
