//! Expected behaviour: does this event fit what is expected of its identity?

use arrayvec::ArrayVec;

use super::glob;
use crate::event::observation::Facts;
use crate::event::text::{Span, TextBuffers};
use crate::layers::Layers;
use crate::snapshot::{ExpectationRef, IdentityRef};
use crate::time::hour_of_week;
use crate::vocabulary::{Dimension, Verdict};

/// One dimension in which an event does not fit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deviation<'s> {
    pub(crate) dimension: Dimension,
    /// What was seen; empty for hours.
    pub(crate) seen: Span,
    /// The hour of the week that was seen, for hours.
    pub(crate) hour: u8,
    /// What was expected.
    pub(crate) expected: ExpectationRef<'s>,
}

/// The verdict on one identity in one event.
#[derive(Clone, Debug)]
pub(crate) struct Judgement<'s> {
    pub(crate) verdict: Verdict,
    pub(crate) deviations: ArrayVec<Deviation<'s>, 8>,
}

/// Judges an event. A dimension that the event does not show, such as a source that is no address,
/// cannot be compared and counts neither way.
pub(crate) fn judge<'s>(
    layers: &'s Layers<'_>,
    buffers: &TextBuffers<'_>,
    identity: &IdentityRef<'s>,
    facts: &Facts,
    time_ms: Option<i64>,
) -> Judgement<'s> {
    let mut compared = false;
    let mut deviations = ArrayVec::new();
    for expectation in identity.expectations() {
        let Some(dimension) = expectation.dimension() else {
            continue;
        };
        let mut seen = Span::EMPTY;
        let mut hour = 0;
        let fits = match dimension {
            Dimension::Network => {
                seen = facts.source;
                facts.source_address.map(|address| {
                    expectation.allowed().any(|allowed| {
                        layers.iter().any(|layer| {
                            layer
                                .snapshot
                                .networks_of(address)
                                .iter()
                                .any(|(name, _)| name == allowed)
                        })
                    })
                })
            }
            Dimension::Hours => time_ms.and_then(|ms| {
                hour = hour_of_week(ms);
                expectation.allows_hour(hour)
            }),
            Dimension::Region
            | Dimension::Action
            | Dimension::UserAgent
            | Dimension::Workload
            | Dimension::Resource => {
                seen = match dimension {
                    Dimension::Region => facts.region,
                    Dimension::Action => facts.action,
                    Dimension::UserAgent => facts.user_agent,
                    Dimension::Workload => facts.workload,
                    _ => facts.resource,
                };
                let text = buffers.get(seen);
                (!text.is_empty()).then(|| {
                    expectation
                        .allowed()
                        .any(|pattern| glob::matches(pattern, text))
                })
            }
        };
        match fits {
            None => {}
            Some(true) => compared = true,
            Some(false) => {
                compared = true;
                let _ = deviations.try_push(Deviation {
                    dimension,
                    seen,
                    hour,
                    expected: expectation,
                });
            }
        }
    }
    let verdict = match (compared, deviations.is_empty()) {
        (false, _) => Verdict::NoBaseline,
        (true, true) => Verdict::Expected,
        (true, false) => Verdict::Unexpected,
    };
    Judgement {
        verdict,
        deviations,
    }
}
