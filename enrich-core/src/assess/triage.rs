//! Triage: the declared rules of the snapshot, first match wins. No score is invented.

use super::findings::EventFinding;
use super::{Assessed, Assessment};
use crate::layers::{Layer, Layers};
use crate::snapshot::RuleRef;
use crate::vocabulary::Role;

/// The rule that decided, and for which identity of the event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Triage<'s> {
    pub(crate) rule: RuleRef<'s>,
    /// Number of the identity.
    pub(crate) identity: usize,
}

/// What a rule may ask for, in the order in which it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    Roles,
    Outcomes,
    Verdicts,
    Kinds,
    LifecycleStates,
    MaxTier,
    MinCriticality,
    Environments,
    Deviations,
    MinFindingSeverity,
    Findings,
}

/// The layer whose rules count: the first that has any, because a policy is central.
pub(crate) fn layer_with_rules<'l, 's>(layers: &'l Layers<'s>) -> Option<&'l Layer<'s>> {
    layers
        .iter()
        .find(|layer| layer.snapshot.rules().next().is_some())
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
            .position(|assessed| unmet(&rule, assessment, assessed, time_ms).is_none())?;
        Some(Triage { rule, identity })
    })
}

/// The roles that a rule speaks of, as a mask. A target does not act: unless a rule names roles, it
/// speaks of those who do.
pub(crate) fn roles(rule: &RuleRef<'_>) -> u32 {
    match rule.row.roles.to_native() {
        0 => !(1 << Role::Target.code()),
        roles => roles,
    }
}

/// The first stated condition of a rule that does not hold for an identity; `None` when it fits.
pub(crate) fn unmet(
    rule: &RuleRef<'_>,
    assessment: &Assessment<'_>,
    assessed: &Assessed<'_>,
    time_ms: i64,
) -> Option<Condition> {
    let row = rule.row;
    let stated =
        |mask: u32, code: Option<u8>| mask == 0 || code.is_some_and(|code| mask >> code & 1 == 1);
    let identity = assessed.identity.as_ref();
    if roles(rule) >> assessed.role.code() & 1 == 0 {
        return Some(Condition::Roles);
    }
    if !stated(row.outcomes.to_native(), Some(assessed.outcome.code())) {
        return Some(Condition::Outcomes);
    }
    let judgement = assessed.judgement.as_ref();
    let verdict = judgement.map(|judgement| judgement.verdict.code());
    if !stated(row.verdicts.to_native(), verdict) {
        return Some(Condition::Verdicts);
    }
    let kind = identity.map(|identity| identity.kind().code());
    if !stated(row.kinds.to_native(), kind) {
        return Some(Condition::Kinds);
    }
    let state = identity.and_then(|identity| identity.lifecycle_state());
    if !stated(
        row.lifecycle_states.to_native(),
        state.map(|state| state.code()),
    ) {
        return Some(Condition::LifecycleStates);
    }
    let max_tier = row.max_tier.to_native();
    if max_tier != 0
        && identity
            .and_then(|identity| identity.privilege_tier())
            .is_none_or(|tier| u32::from(tier) + 1 > max_tier)
    {
        return Some(Condition::MaxTier);
    }
    let least = row.min_criticality.to_native();
    if least != 0
        && identity
            .and_then(|identity| identity.criticality())
            .is_none_or(|has| u32::from(has.code()) < least)
    {
        return Some(Condition::MinCriticality);
    }
    let environments = row.environments.to_native();
    if environments != 0
        && identity.is_none_or(|identity| identity.environment_mask() & environments == 0)
    {
        return Some(Condition::Environments);
    }
    let deviations = row.deviations.to_native();
    if deviations != 0
        && judgement.is_none_or(|judgement| {
            !assessment
                .deviations(judgement)
                .iter()
                .any(|deviation| deviations >> deviation.dimension.code() & 1 == 1)
        })
    {
        return Some(Condition::Deviations);
    }
    let open = || {
        assessment
            .findings(assessed)
            .iter()
            .filter(|finding| !finding.is_accepted(time_ms))
    };
    let severity = row.min_finding_severity.to_native();
    let is_severe = |finding: &EventFinding<'_>| u32::from(finding.severity.code()) >= severity;
    if severity != 0 && !open().any(is_severe) {
        return Some(Condition::MinFindingSeverity);
    }
    // One finding has to be named and as severe, not one each.
    let fits = rule.findings().len() == 0
        || open()
            .any(|finding| is_severe(finding) && rule.findings().any(|name| finding.name == name));
    (!fits).then_some(Condition::Findings)
}
