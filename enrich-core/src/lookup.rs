//! Look up: an observed identity becomes exactly one outcome, as of the event's time.

use arrayvec::ArrayVec;
use key_index::find::Probe;

use crate::event::observation::{Observation, Observed, ObservedKey};
use crate::event::text::TextBuffers;
use crate::key::Key;
use crate::layers::{Holder, Layers};
use crate::snapshot::Candidate;
use crate::vocabulary::OutcomeKind;

/// Most candidates of an ambiguous key that are kept; more are counted.
pub(crate) const MAX_CANDIDATES: usize = 8;

/// What was found for one observed identity.
#[derive(Clone, Debug)]
pub(crate) struct Resolution {
    pub(crate) outcome: OutcomeKind,
    /// Number of the key that decided, in the observed identity.
    pub(crate) key: Option<usize>,
    /// The identity, for `matched` and `retired`.
    pub(crate) holder: Option<Holder>,
    /// Candidates, for `ambiguous`.
    pub(crate) candidates: ArrayVec<Holder, MAX_CANDIDATES>,
    /// How many candidates there are, which may be more than are kept.
    pub(crate) candidate_count: usize,
}

impl Resolution {
    fn miss(outcome: OutcomeKind) -> Self {
        Self {
            outcome,
            key: None,
            holder: None,
            candidates: ArrayVec::new(),
            candidate_count: 0,
        }
    }

    /// How much an outcome of one key says against that of another.
    const fn rank(&self) -> u8 {
        match self.outcome {
            OutcomeKind::Matched => 5,
            OutcomeKind::Retired => 4,
            OutcomeKind::Ambiguous => 3,
            OutcomeKind::NotFoundAtTime => 2,
            OutcomeKind::NotFound => 1,
            OutcomeKind::OutOfScope => 0,
        }
    }
}

/// Looks up one observed identity.
///
/// `probe`: how far the first key is in the first layer, where its lookup has begun.
///
/// Keys stand in the order in which they decide: unique ids first. A name that leads to an identity
/// whose unique id is another than the event's is no match: names are reused, ids are not.
pub(crate) fn resolve(
    layers: &Layers<'_>,
    buffers: &TextBuffers<'_>,
    observed: &Observed,
    keys: &[ObservedKey],
    time_ms: i64,
    probe: Option<&Probe>,
) -> Resolution {
    resolve_watched(layers, buffers, observed, keys, time_ms, probe, &mut ())
}

/// Is told how a lookup goes. Whoever only wants the result watches nothing, at no cost.
pub(crate) trait Watch {
    /// Somebody holds a key, at some time. Outranked: the event shows an id that says otherwise.
    fn holder(&mut self, _key: usize, _holder: Holder, _candidate: Candidate, _outranked: bool) {}
    /// What one key came to; `None`: nobody ever held it.
    fn answer(&mut self, _key: usize, _outcome: Option<OutcomeKind>) {}
}

impl Watch for () {}

/// As [`resolve`], watched.
pub(crate) fn resolve_watched(
    layers: &Layers<'_>,
    buffers: &TextBuffers<'_>,
    observed: &Observed,
    keys: &[ObservedKey],
    time_ms: i64,
    probe: Option<&Probe>,
    watch: &mut impl Watch,
) -> Resolution {
    let mut best: Option<Resolution> = None;
    let mut refused = false;
    for (number, key) in keys.iter().enumerate() {
        let wanted = Key::new(
            key.key_type,
            buffers.get(key.domain),
            buffers.get(key.value),
        );
        let is_id = key.key_type.is_unique_id();
        let mut tally = Tally::default();
        let probe = probe.filter(|_| number == 0);
        layers.for_each_holder(&wanted, probe, |holder, candidate| {
            let is_outranked = !is_id && has_other_id(layers, buffers, keys, holder);
            watch.holder(number, holder, candidate, is_outranked);
            if is_outranked {
                refused = true;
            } else {
                tally.count(layers, holder, candidate, time_ms);
            }
        });
        let found = tally.outcome();
        watch.answer(number, found.as_ref().map(|found| found.outcome));
        let Some(mut found) = found else {
            continue;
        };
        found.key = Some(number);
        if best.as_ref().is_none_or(|best| found.rank() > best.rank()) {
            best = Some(found);
        }
        // Nothing beats a match, and an id decides alone unless several identities claim it.
        let outcome = best.as_ref().map(|best| best.outcome);
        if outcome == Some(OutcomeKind::Matched)
            || (is_id && outcome != Some(OutcomeKind::Ambiguous))
        {
            break;
        }
    }
    best.unwrap_or_else(|| {
        let covered = refused || is_covered(layers, buffers, observed, keys);
        Resolution::miss(if covered {
            OutcomeKind::NotFound
        } else {
            OutcomeKind::OutOfScope
        })
    })
}

/// Whether any attached snapshot holds the identities of that provider and domain.
fn is_covered(
    layers: &Layers<'_>,
    buffers: &TextBuffers<'_>,
    observed: &Observed,
    keys: &[ObservedKey],
) -> bool {
    layers.covers(observed.provider, buffers.get(observed.domain))
        || keys
            .iter()
            .any(|key| layers.covers(key.key_type.provider(), buffers.get(key.domain)))
}

/// Whether the event shows a unique id of a type of which the identity has another one.
fn has_other_id(
    layers: &Layers<'_>,
    buffers: &TextBuffers<'_>,
    keys: &[ObservedKey],
    holder: Holder,
) -> bool {
    let mut ids = keys
        .iter()
        .filter(|key| key.key_type.is_unique_id())
        .peekable();
    if ids.peek().is_none() {
        return false;
    }
    let Some(identity) = layers.identity(holder) else {
        return false;
    };
    ids.any(|key| {
        let (domain, value) = (buffers.get(key.domain), buffers.get(key.value));
        let mut has_type = false;
        let mut has_value = false;
        for alias in identity.aliases() {
            if alias.key_type == key.key_type && alias.domain == domain {
                has_type = true;
                has_value |= alias.value_is(value);
            }
        }
        has_type && !has_value
    })
}

/// Who held one key, counted as of a time.
#[derive(Default)]
struct Tally {
    is_known: bool,
    now: ArrayVec<Holder, MAX_CANDIDATES>,
    now_count: usize,
    retired: Option<(i64, Holder)>,
}

impl Tally {
    fn count(&mut self, layers: &Layers<'_>, holder: Holder, candidate: Candidate, time_ms: i64) {
        self.is_known = true;
        if candidate.valid_from_ms <= time_ms && time_ms < candidate.valid_to_ms {
            if !self.now.contains(&holder) {
                self.now_count += 1;
                let _ = self.now.try_push(holder);
            }
        } else if candidate.valid_to_ms <= time_ms
            && let Some(at) = layers
                .identity(holder)
                .and_then(|identity| identity.retired_ms())
            && at <= time_ms
            && self.retired.is_none_or(|(latest, _)| at > latest)
        {
            self.retired = Some((at, holder));
        }
    }

    /// `None` when nobody ever held the key.
    fn outcome(self) -> Option<Resolution> {
        if !self.is_known {
            return None;
        }
        let mut resolution = Resolution::miss(OutcomeKind::NotFoundAtTime);
        match (self.now.as_slice(), self.retired) {
            ([one], _) => {
                resolution.outcome = OutcomeKind::Matched;
                resolution.holder = Some(*one);
            }
            ([], Some((_, holder))) => {
                resolution.outcome = OutcomeKind::Retired;
                resolution.holder = Some(holder);
            }
            ([], None) => {}
            _ => {
                resolution.outcome = OutcomeKind::Ambiguous;
                resolution.candidate_count = self.now_count;
                resolution.candidates = self.now;
            }
        }
        Some(resolution)
    }
}

/// What one key leads to as of a time; `None` when nobody ever held it.
pub(crate) fn resolve_key(layers: &Layers<'_>, key: &Key<'_>, time_ms: i64) -> Option<Resolution> {
    let mut tally = Tally::default();
    layers.for_each_holder(key, None, |holder, candidate| {
        tally.count(layers, holder, candidate, time_ms);
    });
    tally.outcome()
}

/// Looks up every identity of an event. `probe`: how far the first key of the first one is in the
/// first layer.
pub(crate) fn resolve_all<const N: usize>(
    layers: &Layers<'_>,
    buffers: &TextBuffers<'_>,
    observation: &Observation,
    time_ms: i64,
    probe: Option<&Probe>,
    out: &mut ArrayVec<Resolution, N>,
) {
    out.clear();
    for (number, observed) in observation.identities.iter().enumerate() {
        let _ = out.try_push(resolve(
            layers,
            buffers,
            observed,
            observation.keys_of(observed),
            time_ms,
            probe.filter(|_| number == 0),
        ));
    }
}
