//! Why a triage rule fits: one short text for each condition that it states.

use json_out::json::Json;

use super::Context;
use super::deviation;
use crate::assess::Assessed;
use crate::snapshot::RuleRef;
use crate::vocabulary::Dimension;

/// Longest seen value in a reason.
const MAX_SEEN: usize = 128;

/// Writes the reasons: as elements of an array, or `is_flat` as one text with bars between them.
pub(super) fn write(
    context: &Context<'_, '_, '_>,
    rule: &RuleRef<'_>,
    assessed: &Assessed<'_>,
    is_flat: bool,
    out: &mut Json<'_>,
) {
    let row = rule.row;
    let identity = assessed.identity.as_ref();
    let mut is_first = true;
    let mut reason = |f: &dyn Fn(&mut Json<'_>)| {
        if !is_flat {
            out.element(|out| out.quoted(|out| f(out)));
            return;
        }
        if !is_first {
            out.raw(" | ");
        }
        is_first = false;
        f(out);
    };
    if row.outcomes.to_native() != 0 {
        reason(&|out| {
            out.raw("outcome ");
            out.raw(assessed.outcome.as_str());
        });
    }
    if row.max_tier.to_native() != 0
        && let Some(tier) = identity.and_then(|identity| identity.privilege_tier())
    {
        reason(&|out| {
            out.raw("privilege tier ");
            out.digits(u64::from(tier));
        });
    }
    if row.min_criticality.to_native() != 0
        && let Some(criticality) = identity.and_then(|identity| identity.criticality())
    {
        reason(&|out| {
            out.raw("criticality ");
            out.raw(criticality.as_str());
        });
    }
    if row.kinds.to_native() != 0
        && let Some(identity) = identity
    {
        reason(&|out| {
            out.raw("kind ");
            out.raw(identity.kind().as_str());
        });
    }
    if row.lifecycle_states.to_native() != 0
        && let Some(state) = identity.and_then(|identity| identity.lifecycle_state())
    {
        reason(&|out| {
            out.raw("lifecycle state ");
            out.raw(state.as_str());
        });
    }
    if row.environments.to_native() != 0
        && let Some(identity) = identity
    {
        for environment in identity
            .environments()
            .filter(|word| row.environments.to_native() >> word.code() & 1 == 1)
        {
            reason(&|out| {
                out.raw("environment ");
                out.raw(environment.as_str());
            });
        }
    }
    if let Some(judgement) = &assessed.judgement
        && (row.verdicts.to_native() != 0 || row.deviations.to_native() != 0)
    {
        let deviations = context.assessment.deviations(judgement);
        if deviations.is_empty() {
            reason(&|out| {
                out.raw("behavior ");
                out.raw(judgement.verdict.as_str());
            });
        }
        for seen in deviations {
            reason(&|out| {
                out.raw(seen.dimension.as_str());
                out.raw(" ");
                if seen.dimension == Dimension::Hours {
                    deviation::hour(seen.hour, out);
                    out.raw(" is outside the expected hours");
                    return;
                }
                out.escaped_to(context.buffers.get(seen.seen), MAX_SEEN);
                out.raw(" is not ");
                let mut allowed = seen.expected.allowed();
                if let Some(first) = allowed.next() {
                    out.escaped(first);
                }
                let more = allowed.len();
                if more > 0 {
                    out.raw(" or ");
                    out.digits(more as u64);
                    out.raw(" more");
                }
            });
        }
    }
    let severity = row.min_finding_severity.to_native();
    if severity != 0 || rule.findings().len() != 0 {
        for finding in context
            .assessment
            .findings(assessed)
            .iter()
            .filter(|finding| !finding.is_accepted(context.time_ms))
        {
            let named = rule.findings().any(|name| name == finding.name);
            let severe = severity != 0 && u32::from(finding.severity.code()) >= severity;
            if named || (severe && rule.findings().len() == 0) {
                reason(&|out| {
                    out.raw("finding ");
                    out.escaped(finding.name);
                });
            }
        }
    }
}
