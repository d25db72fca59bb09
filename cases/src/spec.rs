//! The case file as it is written: mirrors of the inventory model with every member optional that
//! the record lets be absent, and no other members.

use enrich_core::vocabulary as v;
use serde::{Deserialize, Deserializer, de::Error as _};

/// A closed vocabulary.
pub(crate) trait Vocabulary: Copy + 'static {
    fn word(text: &str) -> Option<Self>;
    fn texts() -> Vec<&'static str>;
}

macro_rules! vocabularies {
    ($($name:ident)+) => { $(
        impl Vocabulary for v::$name {
            fn word(text: &str) -> Option<Self> { Self::parse(text) }
            fn texts() -> Vec<&'static str> { Self::ALL.iter().map(|word| word.as_str()).collect() }
        }
    )+ };
}
vocabularies! {
    Basis CredentialStatus Criticality Dimension Environment Kind LayerKind LifecycleState NetworkKind OutcomeKind OwnerStatus Priority
    PrivilegeLevel Provider Role Severity Verdict
}

/// A word of a vocabulary.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Word<T>(pub(crate) T);

impl<'de, T: Vocabulary> Deserialize<'de> for Word<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let unknown = || {
            D::Error::custom(format!(
                "unknown word {text:?}, the words are {}",
                T::texts().join(", ")
            ))
        };
        T::word(&text).map(Self).ok_or_else(unknown)
    }
}

/// One case file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CaseSpec {
    pub(crate) title: String,
    pub(crate) config: Option<toml::Table>,
    #[serde(default)]
    pub(crate) snapshot: SnapshotSpec,
    #[serde(default)]
    pub(crate) identity: Vec<IdentitySpec>,
    #[serde(default)]
    pub(crate) scope: Vec<ScopeSpec>,
    #[serde(default)]
    pub(crate) network: Vec<NetworkSpec>,
    #[serde(default)]
    pub(crate) rule: Vec<RuleSpec>,
    #[serde(default)]
    pub(crate) layer: Vec<LayerSpec>,
    pub(crate) event: Option<String>,
    pub(crate) event_hex: Option<String>,
    pub(crate) event_base64: Option<String>,
    pub(crate) expect: toml::Table,
}

/// The header's facts; all have defaults.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SnapshotSpec {
    pub(crate) id: Option<String>,
    pub(crate) organization: Option<String>,
    pub(crate) created: Option<String>,
    pub(crate) sequence: Option<u64>,
    #[serde(default)]
    pub(crate) valid_for_s: u64,
    pub(crate) dormant_after_days: Option<u16>,
    pub(crate) rotation_grace_days: Option<u16>,
    /// No snapshot is attached at all.
    #[serde(default)]
    pub(crate) none: bool,
}

/// A further snapshot.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LayerSpec {
    pub(crate) kind: Word<v::LayerKind>,
    /// For an overlay: the number of the snapshot that it stands on, the base being 0.
    #[serde(default)]
    pub(crate) over: usize,
    pub(crate) created: Option<String>,
    pub(crate) sequence: Option<u64>,
    #[serde(default)]
    pub(crate) valid_for_s: u64,
    #[serde(default)]
    pub(crate) identity: Vec<IdentitySpec>,
    #[serde(default)]
    pub(crate) scope: Vec<ScopeSpec>,
    #[serde(default)]
    pub(crate) network: Vec<NetworkSpec>,
    #[serde(default)]
    pub(crate) rule: Vec<RuleSpec>,
    #[serde(default)]
    pub(crate) removed_keys: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IdentitySpec {
    pub(crate) uid: String,
    pub(crate) name: Option<String>,
    pub(crate) kind: Word<v::Kind>,
    #[serde(default)]
    pub(crate) sub_type: String,
    pub(crate) provider: Word<v::Provider>,
    #[serde(default)]
    pub(crate) domain: String,
    pub(crate) purpose: Option<String>,
    pub(crate) agent: Option<AgentSpec>,
    #[serde(default)]
    pub(crate) aliases: Vec<AliasSpec>,
    pub(crate) owner: Option<OwnerSpec>,
    pub(crate) sponsor: Option<EntitySpec>,
    #[serde(default)]
    pub(crate) secondary_owners: Vec<String>,
    pub(crate) service: Option<String>,
    pub(crate) vendor: Option<String>,
    #[serde(default)]
    pub(crate) environment: Vec<Word<v::Environment>>,
    pub(crate) criticality: Option<Word<v::Criticality>>,
    pub(crate) privilege: Option<PrivilegeSpec>,
    pub(crate) blast_radius: Option<BlastRadiusSpec>,
    #[serde(default)]
    pub(crate) lineage: LineageSpec,
    pub(crate) lifecycle_state: Option<Word<v::LifecycleState>>,
    pub(crate) created: Option<String>,
    pub(crate) last_seen: Option<String>,
    pub(crate) retired_at: Option<String>,
    #[serde(default)]
    pub(crate) credentials: Vec<CredentialSpec>,
    #[serde(default)]
    pub(crate) workloads: Vec<String>,
    #[serde(default)]
    pub(crate) behavior: Vec<ExpectationSpec>,
    #[serde(default)]
    pub(crate) response: ResponseSpec,
    #[serde(default)]
    pub(crate) findings: Vec<FindingSpec>,
    #[serde(default)]
    pub(crate) accepted: Vec<AcceptedSpec>,
    #[serde(default)]
    pub(crate) provenance: Vec<ProvenanceSpec>,
    #[serde(default)]
    pub(crate) conflicts: Vec<ConflictSpec>,
}

/// `"TYPE[@DOMAIN]:VALUE"`, or a table with the time during which it held.
#[derive(Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "an alias is TYPE[@DOMAIN]:VALUE or { key = …, from = …, to = … }"
)]
pub(crate) enum AliasSpec {
    Always(String),
    During(DuringSpec),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DuringSpec {
    pub(crate) key: String,
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AgentSpec {
    #[serde(default)]
    pub(crate) framework: String,
    #[serde(default)]
    pub(crate) parent: String,
}

/// `"group:default/x"`, or a table with the rest.
#[derive(Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "an owner is a reference or { ref = …, name, contact, source, as_of, status }"
)]
pub(crate) enum OwnerSpec {
    Ref(String),
    Full(FullOwnerSpec),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FullOwnerSpec {
    pub(crate) r#ref: String,
    pub(crate) name: Option<String>,
    pub(crate) contact: Option<String>,
    #[serde(default)]
    pub(crate) source: String,
    pub(crate) as_of: Option<String>,
    pub(crate) status: Option<Word<v::OwnerStatus>>,
}

#[derive(Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "an entity is a reference or { ref = …, name, contact }"
)]
pub(crate) enum EntitySpec {
    Ref(String),
    Full(FullEntitySpec),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FullEntitySpec {
    pub(crate) r#ref: String,
    pub(crate) name: Option<String>,
    pub(crate) contact: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PrivilegeSpec {
    pub(crate) tier: u8,
    pub(crate) level: Word<v::PrivilegeLevel>,
    #[serde(default)]
    pub(crate) basis: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BlastRadiusSpec {
    #[serde(default)]
    pub(crate) identities: u32,
    #[serde(default)]
    pub(crate) accounts: u32,
    #[serde(default)]
    pub(crate) environments: Vec<Word<v::Environment>>,
    #[serde(default)]
    pub(crate) teams: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LineageSpec {
    pub(crate) created_by: Option<String>,
    #[serde(default)]
    pub(crate) assumable_by: Vec<String>,
    #[serde(default)]
    pub(crate) can_assume: Vec<String>,
    #[serde(default)]
    pub(crate) on_behalf_of: Vec<String>,
}

/// Times: RFC 3339, `never`, `never since TIME`, `not_tracked`; absent = unknown.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CredentialSpec {
    pub(crate) uid: String,
    pub(crate) r#type: String,
    pub(crate) created: Option<String>,
    pub(crate) last_rotated: Option<String>,
    pub(crate) expires: Option<String>,
    pub(crate) last_used: Option<String>,
    pub(crate) status: Option<Word<v::CredentialStatus>>,
    pub(crate) secret_source: Option<String>,
    pub(crate) max_age_days: Option<u16>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectationSpec {
    pub(crate) dimension: Word<v::Dimension>,
    #[serde(default)]
    pub(crate) allowed: Vec<String>,
    /// `mon-fri 06:00-20:00`, UTC; only for dimension `hours`.
    pub(crate) hours: Option<String>,
    pub(crate) basis: Option<Word<v::Basis>>,
    #[serde(default)]
    pub(crate) window_days: u16,
    #[serde(default)]
    pub(crate) samples: u32,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResponseSpec {
    #[serde(default)]
    pub(crate) revocation: Vec<RevocationSpec>,
    pub(crate) escalation_policy: Option<EscalationSpec>,
    pub(crate) context_owner: Option<String>,
    pub(crate) response_owner: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RevocationSpec {
    pub(crate) action: String,
    #[serde(default)]
    pub(crate) system: String,
    #[serde(default)]
    pub(crate) team: String,
    pub(crate) runbook: Option<String>,
    pub(crate) expected_minutes: u32,
    #[serde(default)]
    pub(crate) breaks: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EscalationSpec {
    pub(crate) system: String,
    pub(crate) id: String,
    pub(crate) url: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FindingSpec {
    pub(crate) name: String,
    pub(crate) owasp: Option<String>,
    pub(crate) severity: Word<v::Severity>,
    #[serde(default)]
    pub(crate) evidence: String,
    pub(crate) exception: Option<ExceptionSpec>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExceptionSpec {
    pub(crate) until: String,
    #[serde(default)]
    pub(crate) reason: String,
}

/// A finding that is accepted should an event show it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AcceptedSpec {
    pub(crate) finding: String,
    pub(crate) until: String,
    #[serde(default)]
    pub(crate) reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProvenanceSpec {
    pub(crate) field: String,
    pub(crate) source: String,
    pub(crate) observed: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConflictSpec {
    pub(crate) field: String,
    pub(crate) source: String,
    pub(crate) value: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScopeSpec {
    pub(crate) provider: Word<v::Provider>,
    pub(crate) domain: String,
    #[serde(default)]
    pub(crate) part: String,
    pub(crate) name: Option<String>,
    pub(crate) owner: Option<EntitySpec>,
    pub(crate) escalation_policy: Option<EscalationSpec>,
    /// Absent = the identities of this scope are in the snapshot.
    pub(crate) covered: Option<bool>,
    #[serde(default)]
    pub(crate) environment: Vec<Word<v::Environment>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NetworkSpec {
    pub(crate) name: String,
    pub(crate) kind: Option<Word<v::NetworkKind>>,
    pub(crate) cidrs: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleSpec {
    pub(crate) name: String,
    pub(crate) priority: Word<v::Priority>,
    #[serde(default)]
    pub(crate) rationale: String,
    #[serde(default)]
    pub(crate) when: WhenSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct WhenSpec {
    pub(crate) outcomes: Vec<Word<v::OutcomeKind>>,
    pub(crate) roles: Vec<Word<v::Role>>,
    pub(crate) verdicts: Vec<Word<v::Verdict>>,
    pub(crate) max_tier: Option<u8>,
    pub(crate) min_criticality: Option<Word<v::Criticality>>,
    pub(crate) min_finding_severity: Option<Word<v::Severity>>,
    pub(crate) findings: Vec<String>,
    pub(crate) kinds: Vec<Word<v::Kind>>,
    pub(crate) deviations: Vec<Word<v::Dimension>>,
    pub(crate) environments: Vec<Word<v::Environment>>,
    pub(crate) lifecycle_states: Vec<Word<v::LifecycleState>>,
}
