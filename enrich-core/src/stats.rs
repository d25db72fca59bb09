//! Counters: what happened to the events of an enricher.

use json_out::json::Json;

use crate::vocabulary::{OutcomeKind, Priority, Verdict};

/// Counts since the enricher was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Lines that are not empty.
    pub lines: u64,
    /// Events: one a line, or each of an envelope.
    pub events: u64,
    /// Events that received context.
    pub enriched: u64,
    /// Events of a format that is not recognised; they leave unchanged.
    pub unrecognized: u64,
    /// Lines that are not JSON; they leave unchanged.
    pub not_json: u64,
    /// Lines that are not UTF-8; they leave unchanged.
    pub not_utf8: u64,
    /// Lines over the limit; they leave unchanged.
    pub too_large: u64,
    /// Lines with more open brackets than the limit; they leave unchanged.
    pub too_deep: u64,
    /// Events without an identity.
    pub no_identity: u64,
    /// Members named `whose` that came in and were removed.
    pub forged_removed: u64,
    /// Lines that left without context because there was no room for it: an envelope of very many small
    /// events, or a host without memory.
    pub no_room: u64,
    /// Lines that left unchanged because a snapshot turned out to be damaged.
    pub damaged: u64,
    outcomes: [u64; 7],
    verdicts: [u64; 4],
    priorities: [u64; 6],
}

fn count(counters: &mut [u64], code: u8) {
    if let Some(counter) = counters.get_mut(usize::from(code)) {
        *counter = counter.saturating_add(1);
    }
}

impl Stats {
    /// Adds the counts of a line that could be read.
    pub(crate) fn add(&mut self, line: &Self) {
        self.events += line.events;
        self.enriched += line.enriched;
        self.unrecognized += line.unrecognized;
        self.no_identity += line.no_identity;
        self.forged_removed += line.forged_removed;
        // Only what is enriched has any of these.
        if line.enriched == 0 {
            return;
        }
        for (mine, more) in [
            (&mut self.outcomes[..], &line.outcomes[..]),
            (&mut self.verdicts[..], &line.verdicts[..]),
            (&mut self.priorities[..], &line.priorities[..]),
        ] {
            mine.iter_mut()
                .zip(more)
                .for_each(|(mine, more)| *mine += more);
        }
    }

    pub(crate) fn outcome(&mut self, outcome: OutcomeKind) {
        count(&mut self.outcomes, outcome.code());
    }

    pub(crate) fn verdict(&mut self, verdict: Verdict) {
        count(&mut self.verdicts, verdict.code());
    }

    pub(crate) fn priority(&mut self, priority: Priority) {
        count(&mut self.priorities, priority.code());
    }

    /// How many identities had that outcome.
    #[must_use]
    pub fn outcomes(&self, outcome: OutcomeKind) -> u64 {
        self.outcomes
            .get(usize::from(outcome.code()))
            .copied()
            .unwrap_or(0)
    }

    /// How many identities had that verdict.
    #[must_use]
    pub fn verdicts(&self, verdict: Verdict) -> u64 {
        self.verdicts
            .get(usize::from(verdict.code()))
            .copied()
            .unwrap_or(0)
    }

    /// How many events had that priority.
    #[must_use]
    pub fn priorities(&self, priority: Priority) -> u64 {
        self.priorities
            .get(usize::from(priority.code()))
            .copied()
            .unwrap_or(0)
    }

    /// The counters as one JSON object.
    pub(crate) fn write(&self, out: &mut Json<'_>) {
        out.object(|out| {
            for (name, value) in [
                ("lines", self.lines),
                ("events", self.events),
                ("enriched", self.enriched),
                ("unrecognized", self.unrecognized),
                ("not_json", self.not_json),
                ("not_utf8", self.not_utf8),
                ("too_large", self.too_large),
                ("too_deep", self.too_deep),
                ("no_identity", self.no_identity),
                ("forged_removed", self.forged_removed),
                ("no_room", self.no_room),
                ("damaged", self.damaged),
            ] {
                out.number(name, value);
            }
            out.member("outcomes", |out| {
                out.object(|out| {
                    OutcomeKind::ALL
                        .iter()
                        .for_each(|word| out.number(word.as_str(), self.outcomes(*word)))
                });
            });
            out.member("verdicts", |out| {
                out.object(|out| {
                    Verdict::ALL
                        .iter()
                        .for_each(|word| out.number(word.as_str(), self.verdicts(*word)))
                });
            });
            out.member("priorities", |out| {
                out.object(|out| {
                    Priority::ALL
                        .iter()
                        .rev()
                        .for_each(|word| out.number(word.as_str(), self.priorities(*word)))
                });
            });
        });
    }
}
