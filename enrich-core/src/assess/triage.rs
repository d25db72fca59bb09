//! Triage: the declared rules of the snapshot, first match wins. No score is invented.

use super::{Assessed, Assessment};
use crate::snapshot::RuleRef;
use crate::vocabulary::Role;

/// The rule that decided, and for which identity of the event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Triage<'s> {
    pub(crate) rule: RuleRef<'s>,
    /// Number of the identity.
    pub(crate) identity: usize,
}

/// The first rule that fits any identity, and the first identity that it fits.
pub(crate) fn triage<'s>(
    rules: impl Iterator<Item = RuleRef<'s>>,
    assessment: &Assessment<'s>,
    time_ms: i64,
) -> Option<Triage<'s>> {
    rules.into_iter().find_map(|rule| {
        let identity = assessment
            .identities
            .iter()
            .position(|assessed| fits(&rule, assessment, assessed, time_ms))?;
        Some(Triage { rule, identity })
    })
}

/// Whether every stated condition of a rule holds for an identity.
fn fits(
    rule: &RuleRef<'_>,
    assessment: &Assessment<'_>,
    assessed: &Assessed<'_>,
    time_ms: i64,
) -> bool {
    let row = rule.row;
    let stated =
        |mask: u32, code: Option<u8>| mask == 0 || code.is_some_and(|code| mask >> code & 1 == 1);
    let identity = assessed.identity.as_ref();
    // A target does not act: unless a rule names roles, it speaks of those who do.
    let roles = match row.roles.to_native() {
        0 => !(1 << Role::Target.code()),
        roles => roles,
    };
    if roles >> assessed.role.code() & 1 == 0
        || !stated(row.outcomes.to_native(), Some(assessed.outcome.code()))
        || !stated(
            row.verdicts.to_native(),
            assessed
                .judgement
                .as_ref()
                .map(|judgement| judgement.verdict.code()),
        )
        || !stated(
            row.kinds.to_native(),
            identity.map(|identity| identity.kind().code()),
        )
        || !stated(
            row.lifecycle_states.to_native(),
            identity
                .and_then(|identity| identity.lifecycle_state())
                .map(|state| state.code()),
        )
    {
        return false;
    }
    let max_tier = row.max_tier.to_native();
    if max_tier != 0
        && identity
            .and_then(|identity| identity.privilege_tier())
            .is_none_or(|tier| u32::from(tier) + 1 > max_tier)
    {
        return false;
    }
    let least = row.min_criticality.to_native();
    if least != 0
        && identity
            .and_then(|identity| identity.criticality())
            .is_none_or(|has| u32::from(has.code()) < least)
    {
        return false;
    }
    let environments = row.environments.to_native();
    if environments != 0
        && identity.is_none_or(|identity| identity.environment_mask() & environments == 0)
    {
        return false;
    }
    let deviations = row.deviations.to_native();
    if deviations != 0
        && assessed.judgement.as_ref().is_none_or(|judgement| {
            !assessment
                .deviations(judgement)
                .iter()
                .any(|deviation| deviations >> deviation.dimension.code() & 1 == 1)
        })
    {
        return false;
    }
    let open = || {
        assessment
            .findings(assessed)
            .iter()
            .filter(|finding| !finding.is_accepted(time_ms))
    };
    let severity = row.min_finding_severity.to_native();
    let is_any = rule.findings().len() == 0;
    // One finding has to be named and as severe, not one each.
    (severity == 0 && is_any)
        || open().any(|finding| {
            u32::from(finding.severity.code()) >= severity
                && (is_any || rule.findings().any(|name| finding.name == name))
        })
}
