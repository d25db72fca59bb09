//! The central policy: what `policy.toml` says, checked. `docs/policy.md` describes every key.

mod error;
pub mod hours;
mod parse;
mod shares;
pub(crate) mod words;

use std::collections::BTreeMap;
use std::sync::Arc;

use enrich_core::vocabulary::{
    Criticality, Dimension, Environment, Kind, LifecycleState, PrivilegeLevel,
};
use serde::Deserialize;

pub use error::ConfigError;
pub(crate) use parse::cidr;
pub use words::{Many, Tables, Word};

use crate::lint::Limit;
use crate::model::{EscalationPolicy, Expectation, Network, Scope, TriageRule};
use crate::reconcile::Subject;
use crate::record::notation;
use crate::text::glob;

/// The default policy, as it is shipped.
pub const DEFAULT: &str = include_str!("../../policies/default.toml");

/// A policy, read and checked.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Policy {
    /// Limits behind the findings.
    pub thresholds: Thresholds,
    /// Named networks.
    pub networks: Vec<Network>,
    /// Classification rules, in order.
    pub classify: Vec<ClassifyRule>,
    /// Policy and role names, in order.
    pub privilege: Vec<PrivilegeRule>,
    /// Behaviour baselines, in order.
    pub behavior: Vec<Baseline>,
    /// Response rules, in order.
    pub response: Vec<ResponseRule>,
    /// Owners of accounts, clusters and namespaces.
    pub scopes: Vec<Scope>,
    /// Accepted findings.
    pub exceptions: Vec<ExceptionRule>,
    /// Triage rules, in order.
    pub triage: Vec<TriageRule>,
    /// Tags that name an owner, in order of preference.
    pub owner_tags: Vec<String>,
    /// Tags that name an environment.
    pub environment_tags: Vec<String>,
    /// Tags that name a criticality.
    pub criticality_tags: Vec<String>,
    /// Whether people are hidden behind pseudonyms.
    pub pseudonymise_people: bool,
    /// Shares that `lint` asks for.
    pub lint: Vec<Limit>,
}

/// Limits behind the findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Thresholds {
    /// Age from which an active credential is a finding.
    pub credential_max_age_days: u16,
    /// Time without use from which an identity is stale.
    pub dormant_after_days: u16,
    /// Privilege tier up to which admin rights are a finding.
    pub overprivileged_max_tier: u8,
    /// Number of workloads above which an identity is reused.
    pub max_workloads: u16,
    /// Time after its replacement for which a credential may still be used.
    pub rotation_grace_days: u16,
}

/// A rule that sets facts.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassifyRule {
    /// Which identities.
    #[serde(rename = "match", default)]
    pub matches: Match,
    /// What is set.
    pub set: Set,
    /// Whether facts of a source are overridden.
    #[serde(default)]
    pub force: bool,
}

/// Conditions on an identity; all that are given must hold, a list means any of its globs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Match {
    /// Canonical uid.
    pub uid: Many<String>,
    /// Display name.
    pub name: Many<String>,
    /// Kind.
    pub kind: Many<String>,
    /// Provider's word.
    pub sub_type: Many<String>,
    /// Provider.
    pub provider: Many<String>,
    /// Account or cluster.
    pub domain: Many<String>,
    /// Namespace.
    pub namespace: Many<String>,
    /// Tags, labels, annotations; all of them must match.
    pub tag: BTreeMap<String, Many<String>>,
    /// Name of an attached policy or role.
    pub policy: Many<String>,
    /// Owner reference.
    pub owner: Many<String>,
    /// A key in KEY notation.
    pub alias: Many<String>,
    /// A source that speaks about it.
    pub source: Many<String>,
}

/// Facts that a rule sets.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Set {
    /// Kind.
    pub kind: Option<Word<Kind>>,
    /// Environments.
    pub environment: Many<Word<Environment>>,
    /// Criticality.
    pub criticality: Option<Word<Criticality>>,
    /// Privilege tier.
    pub tier: Option<u8>,
    /// Owner reference.
    pub owner: Option<String>,
    /// Sponsor reference.
    pub sponsor: Option<String>,
    /// Further owners.
    pub secondary_owners: Many<String>,
    /// Purpose.
    pub purpose: Option<String>,
    /// Service.
    pub service: Option<String>,
    /// Vendor.
    pub vendor: Option<String>,
    /// Lifecycle state.
    pub lifecycle_state: Option<Word<LifecycleState>>,
    /// Where the secrets live.
    pub secret_source: Option<String>,
    /// Age limit of the credentials.
    pub max_age_days: Option<u16>,
    /// Framework of an AI agent.
    pub agent_framework: Option<String>,
    /// uid of what an AI agent belongs to.
    pub agent_parent: Option<String>,
}

/// What a policy or role of this name allows.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrivilegeRule {
    /// Glob over names.
    pub name: String,
    /// Level.
    pub level: Word<PrivilegeLevel>,
    /// Tier, 0 to 3.
    pub tier: u8,
}

/// Expected behaviour of the identities that match.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Baseline {
    /// Its name.
    pub name: String,
    /// What provenance calls it.
    pub source: Arc<str>,
    /// Which identities.
    pub matches: Match,
    /// One entry a dimension that it states.
    pub expectations: Vec<Expectation>,
}

/// Who answers, and how an identity is switched off.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ResponseRule {
    /// Which identities.
    #[serde(rename = "match")]
    pub matches: Match,
    /// Who switches it off.
    pub response_owner: Option<String>,
    /// Who knows it; the owner when none is named.
    pub context_owner: Option<String>,
    /// Who is paged.
    pub escalation_policy: Option<EscalationSpec>,
    /// Ways to switch it off.
    pub revocation: Vec<RevocationSpec>,
}

/// A way to switch an identity off.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevocationSpec {
    /// What is done.
    pub action: String,
    /// Through which system.
    pub system: String,
    /// By which team; the response owner when none is named.
    pub team: Option<String>,
    /// How long it takes.
    pub expected_minutes: u32,
    /// Link.
    pub runbook: Option<String>,
}

/// A reference to an escalation policy.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EscalationSpec {
    /// `pagerduty`, …
    pub system: String,
    /// Id there.
    pub id: String,
    /// Link.
    pub url: Option<String>,
}

impl From<&EscalationSpec> for EscalationPolicy {
    fn from(spec: &EscalationSpec) -> Self {
        Self {
            system: spec.system.clone(),
            id: spec.id.clone(),
            url: spec.url.clone(),
        }
    }
}

/// A finding that is accepted for a while; it stays visible.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExceptionRule {
    /// Which identities.
    pub matches: Match,
    /// Name of the finding.
    pub finding: String,
    /// Until when.
    pub until_ms: i64,
    /// Why.
    pub reason: String,
}

impl Policy {
    /// Reads a policy. `file` is named in errors.
    ///
    /// # Errors
    /// Position, and the closest known key or name.
    pub fn parse(file: &str, text: &str) -> Result<Self, ConfigError> {
        parse::parse(file, text)
    }

    /// The built-in policy.
    ///
    /// # Errors
    /// Never for the shipped file; a test reads it.
    pub fn built_in() -> Result<Self, ConfigError> {
        Self::parse("the built-in default policy", DEFAULT)
    }
}

impl Match {
    /// Whether every given condition holds.
    #[must_use]
    pub fn holds(&self, subject: &Subject) -> bool {
        let identity = &subject.identity;
        let any = |globs: &Many<String>, text: &str| {
            globs.0.is_empty() || globs.0.iter().any(|pattern| glob(pattern, text))
        };
        any(&self.uid, &identity.uid)
            && any(&self.name, &identity.name)
            && any(&self.kind, identity.kind.as_str())
            && any(&self.sub_type, &identity.sub_type)
            && any(&self.provider, identity.provider.as_str())
            && any(&self.domain, &identity.domain)
            && (self.namespace.0.is_empty()
                || subject
                    .namespace
                    .as_deref()
                    .is_some_and(|namespace| any(&self.namespace, namespace)))
            && self
                .tag
                .iter()
                .all(|(key, globs)| subject.tags.get(key).is_some_and(|value| any(globs, value)))
            && (self.policy.0.is_empty()
                || subject.grants.iter().any(|grant| {
                    any(&self.policy, &grant.name) || any(&self.policy, grant.bare_name())
                }))
            && (self.owner.0.is_empty()
                || identity
                    .owner
                    .as_ref()
                    .is_some_and(|owner| any(&self.owner, &owner.entity.reference)))
            && (self.alias.0.is_empty()
                || identity
                    .aliases
                    .iter()
                    .any(|alias| any(&self.alias, &notation(alias))))
            && (self.source.0.is_empty()
                || subject
                    .sources
                    .iter()
                    .any(|source| any(&self.source, source)))
    }
}

/// The dimensions, with the names that a policy and its errors use.
pub(crate) const DIMENSIONS: &[(&str, Dimension)] = &[
    ("networks", Dimension::Network),
    ("regions", Dimension::Region),
    ("actions", Dimension::Action),
    ("user_agents", Dimension::UserAgent),
    ("workloads", Dimension::Workload),
    ("resources", Dimension::Resource),
];

/// An owner as people write it in a tag (`payments`, `group:default/payments`, `jane@example.com`),
/// as a reference.
#[must_use]
pub(crate) fn owner_reference(text: &str) -> String {
    let text = text.trim();
    if crate::limits::is_secret(text) {
        // In lower case and joined it would not be recognised any more when texts are cleaned.
        return text.to_owned();
    }
    let known =
        |kind: &str| text.len() > kind.len() && text[..kind.len()].eq_ignore_ascii_case(kind);
    let joined = text
        .split_whitespace()
        .collect::<Vec<_>>()
        .join("-")
        .to_lowercase();
    if ["user:", "group:", "service:", "vendor:"]
        .iter()
        .any(|kind| text.is_char_boundary(kind.len().min(text.len())) && known(kind))
    {
        let (kind, rest) = joined.split_once(':').unwrap_or(("group", joined.as_str()));
        let (namespace, name) = rest.split_once('/').unwrap_or(("default", rest));
        return format!("{kind}:{namespace}/{name}");
    }
    let kind = if joined.contains('@') {
        "user"
    } else {
        "group"
    };
    match joined.split_once('/') {
        Some((namespace, name)) => format!("{kind}:{namespace}/{name}"),
        None => format!("{kind}:default/{joined}"),
    }
}

#[cfg(test)]
mod tests;
