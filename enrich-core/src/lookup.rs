//! Look up: an observed identity becomes exactly one outcome, as of the event's time.

use arrayvec::ArrayVec;

use crate::event::observation::{Observation, Observed};
use crate::event::text::TextBuffers;
use crate::key::Key;
use crate::layers::{Holder, Layers, MAX_HOLDERS};
use crate::vocabulary::OutcomeKind;

/// What was found for one observed identity.
#[derive(Clone, Debug)]
pub(crate) struct Resolution {
    pub(crate) outcome: OutcomeKind,
    /// Number of the key that decided, in the observed identity.
    pub(crate) key: Option<usize>,
    /// The identity, for `matched` and `retired`.
    pub(crate) holder: Option<Holder>,
    /// All candidates, for `ambiguous`.
    pub(crate) candidates: ArrayVec<Holder, MAX_HOLDERS>,
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
/// Keys stand in the order in which they decide: unique ids first. A name that leads to an identity
/// whose unique id is another than the event's is no match: names are reused, ids are not.
pub(crate) fn resolve(
    layers: &Layers<'_>,
    buffers: &TextBuffers<'_>,
    observed: &Observed,
    time_ms: i64,
) -> Resolution {
    let mut best: Option<Resolution> = None;
    let mut refused = false;
    let mut holders = ArrayVec::new();
    for (number, key) in observed.keys.iter().enumerate() {
        let wanted = Key::new(
            key.key_type,
            buffers.get(key.domain),
            buffers.get(key.value),
        );
        let Some(count) = layers.find(&wanted, &mut holders) else {
            continue;
        };
        let is_id = key.key_type.is_unique_id();
        if !is_id {
            let before = holders.len();
            holders.retain(|holder| !has_other_id(layers, buffers, observed, *holder));
            if holders.is_empty() && before > 0 {
                refused = true;
                continue;
            }
        }
        let mut found = at_time(layers, &holders, count, time_ms);
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
        let covered = refused || is_covered(layers, buffers, observed);
        Resolution::miss(if covered {
            OutcomeKind::NotFound
        } else {
            OutcomeKind::OutOfScope
        })
    })
}

/// Whether any attached snapshot holds the identities of that provider and domain.
fn is_covered(layers: &Layers<'_>, buffers: &TextBuffers<'_>, observed: &Observed) -> bool {
    layers.covers(observed.provider, buffers.get(observed.domain))
        || observed
            .keys
            .iter()
            .any(|key| layers.covers(key.key_type.provider(), buffers.get(key.domain)))
}

/// Whether the event shows a unique id of a type of which the identity has another one.
fn has_other_id(
    layers: &Layers<'_>,
    buffers: &TextBuffers<'_>,
    observed: &Observed,
    holder: Holder,
) -> bool {
    let Some(identity) = layers.identity(holder) else {
        return false;
    };
    observed
        .keys
        .iter()
        .filter(|key| key.key_type.is_unique_id())
        .any(|key| {
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

/// Who held the key at that time.
fn at_time(layers: &Layers<'_>, holders: &[Holder], count: usize, time_ms: i64) -> Resolution {
    let mut now: ArrayVec<Holder, MAX_HOLDERS> = ArrayVec::new();
    let mut retired: Option<(i64, Holder)> = None;
    for holder in holders {
        let candidate = holder.candidate;
        if candidate.valid_from_ms <= time_ms && time_ms < candidate.valid_to_ms {
            let same = |known: &Holder| {
                known.layer == holder.layer && known.candidate.identity == candidate.identity
            };
            if !now.iter().any(same) {
                let _ = now.try_push(*holder);
            }
        } else if candidate.valid_to_ms <= time_ms
            && let Some(at) = layers
                .identity(*holder)
                .and_then(|identity| identity.retired_ms())
            && at <= time_ms
            && retired.is_none_or(|(latest, _)| at > latest)
        {
            retired = Some((at, *holder));
        }
    }
    let mut resolution = Resolution::miss(OutcomeKind::NotFoundAtTime);
    match (now.as_slice(), retired) {
        ([one], _) if count <= MAX_HOLDERS => {
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
            resolution.candidate_count = now.len() + count.saturating_sub(holders.len());
            resolution.candidates = now;
        }
    }
    resolution
}

/// Looks up every identity of an event.
pub(crate) fn resolve_all<const N: usize>(
    layers: &Layers<'_>,
    buffers: &TextBuffers<'_>,
    observation: &Observation,
    time_ms: i64,
    out: &mut ArrayVec<Resolution, N>,
) {
    out.clear();
    for observed in &observation.identities {
        let _ = out.try_push(resolve(layers, buffers, observed, time_ms));
    }
}
