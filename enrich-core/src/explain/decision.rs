//! How one event was decided: the keys that were looked up, what behaviour was compared with, which
//! triage rules were tried.
//!
//! Nothing is decided here: lookup, behaviour and rules are those of the enrichment, watched.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::Explanation;
use super::rules::{self, TriageTrace};
use crate::assess::behavior::{self, Deviations};
use crate::assess::{Assessed, Assessment};
use crate::event::observation::{Facts, Observation, Observed};
use crate::event::text::{Span, TextBuffers};
use crate::layers::{Holder, Layers};
use crate::lookup::{self, Watch};
use crate::snapshot::{Candidate, ExpectationRef, IdentityRef};
use crate::vocabulary::{Basis, Dimension, OutcomeKind, Provider, Role, Verdict};

/// Most holders of one key that are named.
const MAX_HOLDERS: usize = 16;

/// How one event was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Decision {
    /// What the event shows.
    pub observed: Explanation,
    /// When keys were resolved, in milliseconds since 1970: at the event's time, without one when
    /// the snapshot was made.
    pub resolved_at_ms: i64,
    /// The identities in the order of the output, as many as were observed.
    pub identities: Vec<DecidedIdentity>,
    /// The rules.
    pub triage: TriageTrace,
    /// Number of the identity that the response is about.
    pub about: Option<usize>,
    /// Why that one, in the word that outputs carry: `only`, `triage`, `actor`, `first`, `known`,
    /// `revocable`.
    pub about_because: &'static str,
}

/// How one identity was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DecidedIdentity {
    /// What it does in the event.
    pub role: Role,
    /// How the lookup ended.
    pub outcome: OutcomeKind,
    /// Number of the key that decided.
    pub key: Option<usize>,
    /// The keys in the order in which they decide, as many as were observed.
    pub lookups: Vec<KeyLookup>,
    /// Whose identities the snapshots have to cover for a miss to be one.
    pub provider: Provider,
    /// Its account, cluster, …; empty when the event does not say.
    pub domain: String,
    /// The identity, when one was found.
    pub found: Option<Named>,
    /// Whether the event fits what is expected; `None` when the identity is unknown or does not act.
    pub verdict: Option<Verdict>,
    /// What was compared.
    pub compared: Vec<Compared>,
}

/// An identity of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Named {
    /// Its uid.
    pub uid: String,
    /// Its name.
    pub name: String,
}

/// What one key came to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyLookup {
    /// The answer.
    pub answer: KeyAnswer,
    /// Who holds the key or held it, at most 16.
    pub holders: Vec<KeyHolder>,
}

/// The answer to one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyAnswer {
    /// It was not looked up: a key before it decided.
    NotAsked,
    /// Nobody ever held it, or only identities that an id of the event rules out.
    Nobody,
    /// This outcome, if no other key has a better one.
    Outcome(OutcomeKind),
}

/// Who holds a key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyHolder {
    /// Who.
    pub identity: Named,
    /// From when on, in milliseconds since 1970, inclusive.
    pub from_ms: Option<i64>,
    /// Until when, exclusive.
    pub to_ms: Option<i64>,
    /// It does not count: the event shows a unique id, and this identity has another one.
    pub is_outranked: bool,
}

/// One dimension of behaviour.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Compared {
    /// Of what.
    pub dimension: Dimension,
    /// Whether it fits; `None` when the event does not show it.
    pub fits: Option<bool>,
    /// What was seen; empty when the event does not say.
    pub seen: String,
    /// For networks: the named networks that hold the address.
    pub seen_networks: Vec<String>,
    /// What is allowed.
    pub allowed: Vec<String>,
    /// Declared or observed.
    pub basis: Basis,
    /// For observed: days looked at.
    pub window_days: u16,
    /// For observed: events seen.
    pub samples: u32,
}

/// Explains a decision.
pub(crate) fn decide<'s>(
    observed: Explanation,
    layers: &'s Layers<'_>,
    buffers: &TextBuffers<'_>,
    observation: &Observation,
    assessment: &Assessment<'s>,
    time_ms: i64,
) -> Decision {
    let identities = observation
        .identities
        .iter()
        .zip(&assessment.identities)
        .map(|(observed, assessed)| {
            let mut trace = Trace {
                layers,
                lookups: Vec::new(),
            };
            let keys = observation.keys_of(observed);
            trace.lookups.resize(
                keys.len(),
                KeyLookup {
                    answer: KeyAnswer::NotAsked,
                    holders: Vec::new(),
                },
            );
            let resolution =
                lookup::resolve_watched(layers, buffers, observed, keys, time_ms, None, &mut trace);
            let mut decided = DecidedIdentity {
                role: observed.role,
                outcome: resolution.outcome,
                key: resolution.key,
                lookups: trace.lookups,
                provider: observed.provider,
                domain: buffers.get(observed.domain).to_owned(),
                found: assessed.identity.as_ref().map(named),
                verdict: assessed
                    .judgement
                    .as_ref()
                    .map(|judgement| judgement.verdict),
                compared: Vec::new(),
            };
            compare(
                layers,
                buffers,
                observation,
                observed,
                assessed,
                &mut decided,
            );
            decided
        })
        .collect();
    Decision {
        observed,
        resolved_at_ms: time_ms,
        identities,
        triage: rules::trace(layers, assessment, time_ms),
        about: assessment.primary,
        about_because: assessment.primary_because.as_str(),
    }
}

/// Notes what a lookup tells.
struct Trace<'t, 'a> {
    layers: &'t Layers<'a>,
    lookups: Vec<KeyLookup>,
}

impl Watch for Trace<'_, '_> {
    fn holder(&mut self, key: usize, holder: Holder, candidate: Candidate, outranked: bool) {
        if let Some(lookup) = self.lookups.get_mut(key)
            && lookup.holders.len() < MAX_HOLDERS
            && let Some(identity) = self.layers.identity(holder)
        {
            lookup.holders.push(KeyHolder {
                identity: named(&identity),
                from_ms: Some(candidate.valid_from_ms).filter(|ms| *ms != i64::MIN),
                to_ms: Some(candidate.valid_to_ms).filter(|ms| *ms != i64::MAX),
                is_outranked: outranked,
            });
        }
    }

    fn answer(&mut self, key: usize, outcome: Option<OutcomeKind>) {
        if let Some(lookup) = self.lookups.get_mut(key) {
            lookup.answer = outcome.map_or(KeyAnswer::Nobody, KeyAnswer::Outcome);
        }
    }
}

fn named(identity: &IdentityRef<'_>) -> Named {
    Named {
        uid: identity.uid().concat(),
        name: identity.name().to_owned(),
    }
}

/// Judges once more, and notes each comparison.
fn compare<'s>(
    layers: &'s Layers<'_>,
    buffers: &TextBuffers<'_>,
    observation: &Observation,
    observed: &Observed,
    assessed: &Assessed<'s>,
    out: &mut DecidedIdentity,
) {
    let Some(identity) = assessed.identity.as_ref() else {
        return;
    };
    if assessed.judgement.is_none() || observed.role != assessed.role {
        return;
    }
    let facts = &observation.facts;
    let compared = &mut out.compared;
    let note = |expectation: ExpectationRef<'s>, fits: Option<bool>, seen: Span, hour: u8| {
        let Some(dimension) = expectation.dimension() else {
            return;
        };
        let is_hours = dimension == Dimension::Hours;
        let seen = match (is_hours, fits) {
            (true, Some(_)) => hour_text(hour),
            _ => buffers.get(seen).to_owned(),
        };
        let allowed = match expectation.hours().filter(|_| is_hours) {
            Some(words) => hours_text(words),
            None => expectation.allowed().map(str::to_owned).collect(),
        };
        let (window_days, samples) = expectation.evidence();
        compared.push(Compared {
            dimension,
            fits,
            seen,
            seen_networks: if dimension == Dimension::Network {
                networks(layers, facts)
            } else {
                Vec::new()
            },
            allowed,
            basis: expectation.basis(),
            window_days,
            samples,
        });
    };
    behavior::judge_watched(
        layers,
        buffers,
        identity,
        facts,
        observation.time_ms,
        &mut Deviations::new(),
        note,
    );
}

/// The named networks that hold the source address.
fn networks(layers: &Layers<'_>, facts: &Facts) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    if let Some(address) = facts.source_address {
        for layer in layers.iter() {
            for (name, _) in layer.snapshot.networks_of(address).iter() {
                if !names.iter().any(|known| known == name) {
                    names.push(name.to_owned());
                }
            }
        }
    }
    names
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

fn day(number: u8) -> &'static str {
    DAYS.get(usize::from(number)).copied().unwrap_or("")
}

/// An hour of the week, as `fri 07:00`.
fn hour_text(hour: u8) -> String {
    format!("{} {:02}:00", day(hour / 24), hour % 24)
}

/// The hours of a week as policies write them: `mon-fri 06:00-20:00`, a text a span.
fn hours_text(words: [u32; 6]) -> Vec<String> {
    let mut texts = Vec::new();
    behavior::spans(words, &mut |[first, last, from, to]| {
        let days = if first == last {
            day(first).to_owned()
        } else {
            format!("{}-{}", day(first), day(last))
        };
        texts.push(format!("{days} {from:02}:00-{to:02}:00"));
    });
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_read_as_policies_write_them() {
        let mut words = [0_u32; 6];
        let mut allow = |day: usize, hours: core::ops::Range<usize>| {
            for hour in hours {
                let bit = day * 24 + hour;
                words[bit / 32] |= 1 << (bit % 32);
            }
        };
        for day in 0..5 {
            allow(day, 6..20);
        }
        allow(5, 8..12);
        allow(5, 22..24);
        assert_eq!(
            hours_text(words),
            ["mon-fri 06:00-20:00", "sat 08:00-12:00", "sat 22:00-24:00"]
        );
        assert_eq!(hours_text([u32::MAX; 6]), ["mon-sun 00:00-24:00"]);
        assert_eq!(hours_text([0; 6]), [""; 0]);
        assert_eq!(hour_text(4 * 24 + 7), "fri 07:00");
    }
}
