//! Expected behaviour: does this event fit what is expected of its identity?

use arrayvec::ArrayVec;

use super::glob;
use crate::event::observation::{Facts, MAX_IDENTITIES};
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
pub(crate) struct Judgement {
    pub(crate) verdict: Verdict,
    /// Range of its deviations among those of the event.
    pub(crate) deviations: (usize, usize),
}

/// Most deviations of one identity: one a dimension.
const MOST: usize = 8;

/// All deviations of one event.
pub(crate) type Deviations<'s> = ArrayVec<Deviation<'s>, { MOST * MAX_IDENTITIES }>;

/// Judges an event. A dimension that the event does not show, such as a source that is no address,
/// cannot be compared and counts neither way.
pub(crate) fn judge<'s>(
    layers: &'s Layers<'_>,
    buffers: &TextBuffers<'_>,
    identity: &IdentityRef<'s>,
    facts: &Facts,
    time_ms: Option<i64>,
    deviations: &mut Deviations<'s>,
) -> Judgement {
    let unwatched = |_: ExpectationRef<'s>, _, _, _| ();
    judge_watched(
        layers, buffers, identity, facts, time_ms, deviations, unwatched,
    )
}

/// As [`judge`], and tells of each comparison: what was expected, whether it fits, what was seen
/// and, for hours, the hour of the week.
pub(crate) fn judge_watched<'s>(
    layers: &'s Layers<'_>,
    buffers: &TextBuffers<'_>,
    identity: &IdentityRef<'s>,
    facts: &Facts,
    time_ms: Option<i64>,
    deviations: &mut Deviations<'s>,
    mut watch: impl FnMut(ExpectationRef<'s>, Option<bool>, Span, u8),
) -> Judgement {
    let mut compared = false;
    let from = deviations.len();
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
                    expectation.allowed().any(|pattern| {
                        glob::matches(pattern, text)
                            || (dimension == Dimension::UserAgent && is_product(pattern, text))
                    })
                })
            }
        };
        watch(expectation, fits, seen, hour);
        match fits {
            None => {}
            Some(true) => compared = true,
            Some(false) => {
                compared = true;
                if deviations.len() < from + MOST {
                    let _ = deviations.try_push(Deviation {
                        dimension,
                        seen,
                        hour,
                        expected: expectation,
                    });
                }
            }
        }
    }
    let verdict = match (compared, deviations.len() == from) {
        (false, _) => Verdict::NoBaseline,
        (true, true) => Verdict::Expected,
        (true, false) => Verdict::Unexpected,
    };
    Judgement {
        verdict,
        deviations: (from, deviations.len()),
    }
}

/// Whether a pattern is the bare name of the product that leads a user agent, in any case:
/// `aws-cli` of `aws-cli/2.27.41 md/Botocore#1.38.41`.
fn is_product(pattern: &str, agent: &str) -> bool {
    let is_end = |byte: &u8| matches!(byte, b'/' | b' ');
    // Access logs of S3 stand in brackets.
    let agent = agent.strip_prefix('[').unwrap_or(agent).as_bytes();
    let product = agent.split(is_end).next().unwrap_or(agent);
    product.eq_ignore_ascii_case(pattern.as_bytes())
}

/// Calls `f` with each span of expected hours: first and last day, first hour and the hour after the
/// last. Days in a row with the same hours are one span.
pub(crate) fn spans(words: [u32; 6], f: &mut dyn FnMut([u8; 4])) {
    // Hours of one day: 24 bits, in one word or two.
    let hours = |day: u8| {
        let bit = usize::from(day) * 24;
        let word = |at: usize| u64::from(words.get(at).copied().unwrap_or(0));
        (word(bit / 32) | word(bit / 32 + 1) << 32) >> (bit % 32) as u32 & 0xFF_FFFF
    };
    let mut first = 0;
    while first < 7 {
        let mut left = hours(first);
        let mut after = first + 1;
        while after < 7 && hours(after) == left {
            after += 1;
        }
        while left != 0 {
            let from = left.trailing_zeros();
            let to = from + (!(left >> from)).trailing_zeros();
            f([first, after - 1, from as u8, to as u8]);
            left = left >> to << to;
        }
        first = after;
    }
}
