//! Which triage rules were tried, and where each one failed.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::assess::triage::{self, Condition};
use crate::assess::{Assessed, Assessment};
use crate::layers::Layers;
use crate::snapshot::RuleRef;
use crate::vocabulary::{
    Criticality, Dimension, Environment, Kind, LifecycleState, OutcomeKind, Priority, Role,
    Severity, Verdict,
};

/// Every condition, in the order in which it is looked at.
const CONDITIONS: [Condition; 11] = [
    Condition::Roles,
    Condition::Outcomes,
    Condition::Verdicts,
    Condition::Kinds,
    Condition::LifecycleStates,
    Condition::MaxTier,
    Condition::MinCriticality,
    Condition::Environments,
    Condition::Deviations,
    Condition::MinFindingSeverity,
    Condition::Findings,
];

/// The rules of an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TriageTrace {
    /// Those that were tried, in order; the last one won if `winner` says so.
    pub rules: Vec<RuleTrace>,
    /// Number of the rule that won and of the identity that it fits.
    pub winner: Option<(usize, usize)>,
    /// How many rules after the winner were not looked at.
    pub not_looked_at: usize,
    /// Number of the attached snapshot that the rules come from; `None` when none has any.
    pub layer: Option<usize>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RuleTrace {
    /// Its name.
    pub name: String,
    /// The priority that it gives.
    pub priority: Priority,
    /// Why it exists.
    pub rationale: String,
    /// The identities that it was tried with, up to the first that it fits.
    pub tried: Vec<Tried>,
}

/// One rule with one identity.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tried {
    /// Number of the identity.
    pub identity: usize,
    /// The first condition that does not hold; `None` when the rule fits.
    pub unmet: Option<Stated>,
    /// When the rule fits: every condition that it states.
    pub met: Vec<Stated>,
}

/// One condition of a rule beside what is known of an identity.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stated {
    /// What it is about, such as `verdict`.
    pub about: &'static str,
    /// What is known, in words.
    pub has: String,
    /// What the rule wants, in words.
    pub wants: String,
}

/// Tries the rules as triage does.
pub(super) fn trace(layers: &Layers<'_>, assessment: &Assessment<'_>, time_ms: i64) -> TriageTrace {
    let mut out = TriageTrace::default();
    let Some(layer) = triage::layer_with_rules(layers) else {
        return out;
    };
    out.layer = layers.iter().position(|one| core::ptr::eq(one, layer));
    for rule in layer.snapshot.rules() {
        if out.winner.is_some() {
            out.not_looked_at += 1;
            continue;
        }
        let mut tried = Vec::new();
        for (identity, assessed) in assessment.identities.iter().enumerate() {
            let unmet = triage::unmet(&rule, assessment, assessed, time_ms);
            let side_by_side = |condition| stated(condition, &rule, assessment, assessed, time_ms);
            let fits = unmet.is_none();
            tried.push(Tried {
                identity,
                unmet: unmet.and_then(side_by_side),
                met: if fits {
                    CONDITIONS.into_iter().filter_map(side_by_side).collect()
                } else {
                    Vec::new()
                },
            });
            if fits {
                out.winner = Some((out.rules.len(), identity));
                break;
            }
        }
        out.rules.push(RuleTrace {
            name: rule.name().to_owned(),
            priority: rule.priority(),
            rationale: rule.rationale().to_owned(),
            tried,
        });
    }
    out
}

/// A condition in words; `None` when the rule does not state it. A rule that names no roles is still
/// about those who act.
fn stated(
    condition: Condition,
    rule: &RuleRef<'_>,
    assessment: &Assessment<'_>,
    assessed: &Assessed<'_>,
    time_ms: i64,
) -> Option<Stated> {
    let row = rule.row;
    let identity = assessed.identity.as_ref();
    let unknown = || "not known".to_owned();
    let (about, wants, has) = match condition {
        Condition::Roles if row.roles.to_native() == 0 => (
            "role",
            (triage::roles(rule) >> assessed.role.code() & 1 == 0).then(|| "who acts".to_owned()),
            assessed.role.to_string(),
        ),
        Condition::Roles => (
            "role",
            words(row.roles.to_native(), Role::ALL, |word| word.code()),
            assessed.role.to_string(),
        ),
        Condition::Outcomes => (
            "outcome",
            words(row.outcomes.to_native(), OutcomeKind::ALL, |word| {
                word.code()
            }),
            assessed.outcome.to_string(),
        ),
        Condition::Verdicts => (
            "verdict",
            words(row.verdicts.to_native(), Verdict::ALL, |word| word.code()),
            assessed.judgement.as_ref().map_or_else(
                || "not judged".to_owned(),
                |judgement| judgement.verdict.to_string(),
            ),
        ),
        Condition::Kinds => (
            "kind",
            words(row.kinds.to_native(), Kind::ALL, |word| word.code()),
            identity.map_or_else(unknown, |identity| identity.kind().to_string()),
        ),
        Condition::LifecycleStates => (
            "lifecycle state",
            words(
                row.lifecycle_states.to_native(),
                LifecycleState::ALL,
                |word| word.code(),
            ),
            identity
                .and_then(|identity| identity.lifecycle_state())
                .map_or_else(unknown, |state| state.to_string()),
        ),
        Condition::MaxTier => (
            "privilege tier",
            row.max_tier
                .to_native()
                .checked_sub(1)
                .map(|tier| format!("at most {tier}")),
            identity
                .and_then(|identity| identity.privilege_tier())
                .map_or_else(unknown, |tier| tier.to_string()),
        ),
        Condition::MinCriticality => (
            "criticality",
            at_least(row.min_criticality.to_native(), Criticality::from_code),
            identity
                .and_then(|identity| identity.criticality())
                .map_or_else(unknown, |criticality| criticality.to_string()),
        ),
        Condition::Environments => (
            "environment",
            words(row.environments.to_native(), Environment::ALL, |word| {
                word.code()
            }),
            identity
                .map(|identity| list(identity.environments().map(|word| word.as_str()), " and "))
                .filter(|words| !words.is_empty())
                .unwrap_or_else(unknown),
        ),
        Condition::Deviations => (
            "deviation",
            words(row.deviations.to_native(), Dimension::ALL, |word| {
                word.code()
            }),
            deviations(assessment, assessed),
        ),
        Condition::MinFindingSeverity => (
            "finding severity",
            at_least(row.min_finding_severity.to_native(), Severity::from_code),
            findings(assessment, assessed, time_ms, true),
        ),
        Condition::Findings => {
            // One finding has to be named and, where a severity is stated, as severe.
            let severity = at_least(row.min_finding_severity.to_native(), Severity::from_code);
            let names = list(rule.findings(), " or ");
            let wants = match &severity {
                Some(severity) => format!("{names}, {severity}"),
                None => names.clone(),
            };
            (
                "finding",
                (!names.is_empty()).then_some(wants),
                findings(assessment, assessed, time_ms, severity.is_some()),
            )
        }
    };
    Some(Stated {
        about,
        has,
        wants: wants?,
    })
}

/// The dimensions that deviate.
fn deviations(assessment: &Assessment<'_>, assessed: &Assessed<'_>) -> String {
    let judgement = assessed.judgement.as_ref();
    let deviations = judgement.map_or(&[][..], |judgement| assessment.deviations(judgement));
    or_none(list(
        deviations
            .iter()
            .map(|deviation| deviation.dimension.as_str()),
        " and ",
    ))
}

/// The findings, with what does not count marked.
fn findings(
    assessment: &Assessment<'_>,
    assessed: &Assessed<'_>,
    time_ms: i64,
    with_severity: bool,
) -> String {
    let mut out = String::new();
    for finding in assessment.findings(assessed) {
        if !out.is_empty() {
            out.push_str(", ");
        }
        if with_severity {
            out.push_str(finding.severity.as_str());
            out.push_str(" of ");
        }
        out.push_str(finding.name);
        if finding.is_accepted(time_ms) {
            out.push_str(" (accepted, does not count)");
        }
    }
    or_none(out)
}

fn or_none(text: String) -> String {
    if text.is_empty() {
        "none".to_owned()
    } else {
        text
    }
}

fn at_least<W: ToString>(code: u32, word: impl Fn(u8) -> Option<W>) -> Option<String> {
    if code == 0 {
        return None;
    }
    let known = u8::try_from(code).ok().and_then(word);
    Some(known.map_or_else(
        || "a word of a newer version".to_owned(),
        |word| format!("at least {}", word.to_string()),
    ))
}

/// The words of a mask; `None` when nothing is stated.
fn words<W: ToString>(mask: u32, all: &[W], code: impl Fn(&W) -> u8) -> Option<String> {
    if mask == 0 {
        return None;
    }
    let named = all.iter().filter(|word| mask >> code(word) & 1 == 1);
    let named: Vec<String> = named.map(ToString::to_string).collect();
    if named.is_empty() {
        return Some("a word of a newer version".to_owned());
    }
    Some(list(named.iter().map(String::as_str), " or "))
}

fn list<'w>(words: impl Iterator<Item = &'w str>, between: &str) -> String {
    let mut out = String::new();
    for word in words {
        if !out.is_empty() {
            out.push_str(between);
        }
        out.push_str(word);
    }
    out
}
