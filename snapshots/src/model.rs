//! The inventory in memory: what connectors produce, reconcile merges, classify completes and
//! `build` writes.
//!
//! Times are milliseconds since 1970-01-01T00:00:00Z. Third-party strings are stored as they came,
//! capped by [`crate::limits`] when they enter.

use std::borrow::Cow;
use std::sync::Arc;

use enrich_core::KeyType;
use enrich_core::vocabulary::{
    Basis, CredentialStatus, Criticality, Dimension, Environment, Kind, LifecycleState,
    NetworkKind, OutcomeKind, OwnerStatus, Priority, PrivilegeLevel, Provider, Role, Severity,
    Verdict,
};

/// Everything that goes into one snapshot. All of it is explicit: the same inventory gives the
/// same bytes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inventory {
    /// The header's facts.
    pub meta: Meta,
    /// Identities; their order does not matter to the result.
    pub identities: Vec<Identity>,
    /// Which accounts, clusters and namespaces are covered, and who owns each.
    pub scopes: Vec<Scope>,
    /// Named networks.
    pub networks: Vec<Network>,
    /// Triage rules, first match wins.
    pub rules: Vec<TriageRule>,
    /// Limits that are judged at the time of an event.
    pub limits: EventLimits,
    /// For an overlay: keys that belong to nobody any more.
    pub removed_keys: Vec<Alias>,
}

/// Limits of the policy that are judged at the time of an event, in days; absent: not judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventLimits {
    /// Without use for longer than this, an identity is dormant.
    pub dormant_after_days: Option<u16>,
    /// For so long after its replacement a credential may still be used.
    pub rotation_grace_days: Option<u16>,
}

/// The header's facts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Meta {
    /// Snapshot id, at most 48 ASCII characters of `A-Z a-z 0-9 . _ : -`. Empty: made from
    /// organisation, created and sequence.
    pub id: String,
    /// Name of the organisation, for people.
    pub organization: String,
    /// When the inventory was taken.
    pub created_ms: i64,
    /// Counts up; a module refuses a lower one than it has attached.
    pub sequence: u64,
    /// For how long the snapshot counts as fresh; 0 = no limit declared.
    pub valid_for_s: u64,
    /// Digest of the previous snapshot, when there was one.
    pub previous: Option<[u8; 32]>,
    /// For an overlay: digest of the base that it changes.
    pub overlay_of: Option<[u8; 32]>,
}

/// One identity (DESIGN section 3), all groups.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// Canonical id, `provider:domain:…`, unique in the inventory.
    pub uid: String,
    /// Display name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// The provider's own word (`aws_iam_role`).
    pub sub_type: String,
    /// Whose system it lives in.
    pub provider: Provider,
    /// Account, tenant, project, cluster, org.
    pub domain: String,
    /// Business purpose.
    pub purpose: Option<String>,
    /// Only for kind `ai_agent`.
    pub agent: Option<Agent>,
    /// The keys that lead here.
    pub aliases: Vec<Alias>,
    /// Who answers for it.
    pub owner: Option<Owner>,
    /// The accountable human (`user:ns/name`).
    pub sponsor: Option<EntityRef>,
    /// Further owners, as entity refs.
    pub secondary_owners: Vec<String>,
    /// Owning service or system.
    pub service: Option<String>,
    /// Third party, when present.
    pub vendor: Option<String>,
    /// Where it is used.
    pub environment: Vec<Environment>,
    /// How much depends on it; absent = unknown.
    pub criticality: Option<Criticality>,
    /// What it may do.
    pub privilege: Option<Privilege>,
    /// What is within its reach.
    pub blast_radius: Option<BlastRadius>,
    /// The trust edges.
    pub lineage: Lineage,
    /// Where it stands in its life.
    pub lifecycle_state: LifecycleState,
    /// When it was created.
    pub created: Time,
    /// When it was last seen in use.
    pub last_seen: Time,
    /// For a tombstone: when it was removed.
    pub retired_at_ms: Option<i64>,
    /// Its credentials.
    pub credentials: Vec<Credential>,
    /// The workloads that use it (`k8s:CLUSTER/NAMESPACE/NAME`, `github-actions:ORG/REPO`, …).
    pub workloads: Vec<String>,
    /// What is expected of it; one entry a dimension.
    pub behavior: Vec<Expectation>,
    /// How to switch it off.
    pub response: Response,
    /// What is wrong with it, as known at build time.
    pub findings: Vec<Finding>,
    /// Findings that it does not have and that are accepted should an event show them.
    pub accepted: Box<[Exception]>,
    /// Where each field comes from.
    pub provenance: Vec<Provenance>,
    /// What losing sources said.
    pub conflicts: Vec<Conflict>,
}

impl Identity {
    /// An identity of which nothing is known but its name and place.
    #[must_use]
    pub fn new(uid: &str, name: &str, kind: Kind, provider: Provider, domain: &str) -> Self {
        Self {
            uid: uid.to_owned(),
            name: name.to_owned(),
            kind,
            sub_type: String::new(),
            provider,
            domain: domain.to_owned(),
            purpose: None,
            agent: None,
            aliases: Vec::new(),
            owner: None,
            sponsor: None,
            secondary_owners: Vec::new(),
            service: None,
            vendor: None,
            environment: Vec::new(),
            criticality: None,
            privilege: None,
            blast_radius: None,
            lineage: Lineage::default(),
            lifecycle_state: LifecycleState::Active,
            created: Time::Unknown,
            last_seen: Time::Unknown,
            retired_at_ms: None,
            credentials: Vec::new(),
            workloads: Vec::new(),
            behavior: Vec::new(),
            response: Response::default(),
            findings: Vec::new(),
            accepted: Box::default(),
            provenance: Vec::new(),
            conflicts: Vec::new(),
        }
    }

    /// Whether the provider itself made it for its own services and answers for it.
    #[must_use]
    pub fn is_of_provider(&self) -> bool {
        matches!(
            self.sub_type.as_str(),
            "aws_service_linked_role" | "entra_microsoft_service_principal" | "gcp_service_agent"
        )
    }
}

/// A fact about when, in its four states. AWS's empty last-used is not "never".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Time {
    /// Nobody said.
    #[default]
    Unknown,
    /// The provider does not record it.
    NotTracked,
    /// Never: for an expiry, it never expires.
    Never,
    /// Not since this time, which is when recording began.
    NeverSince(i64),
    /// At this time, in milliseconds; stored to the second.
    At(i64),
}

impl Time {
    /// The moment, when it is one.
    #[must_use]
    pub const fn at(self) -> Option<i64> {
        match self {
            Self::At(ms) => Some(ms),
            _ => None,
        }
    }
}

/// A key that leads to an identity, and when it did.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Alias {
    /// Type of the key.
    pub key_type: KeyType,
    /// Cluster, org, host or issuer, for types that need one; else empty.
    pub domain: String,
    /// The value; `build` folds and checks it.
    pub value: String,
    /// From when on, inclusive; absent = always.
    pub valid_from_ms: Option<i64>,
    /// Until when, exclusive; absent = still.
    pub valid_to_ms: Option<i64>,
}

/// Facts that only an AI agent has.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Agent {
    /// The framework that runs it.
    pub framework: String,
    /// uid of the agent or identity that it belongs to.
    pub parent: String,
}

/// A reference to a person, team, service or vendor: `kind:namespace/name`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityRef {
    /// `group:default/payments`, `user:default/a.ortiz`, …
    pub reference: String,
    /// Display name.
    pub name: Option<String>,
    /// Where to reach them: a channel or a team mailbox, never a phone number.
    pub contact: Option<String>,
}

/// Who answers for an identity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner {
    /// Who.
    pub entity: EntityRef,
    /// Which source says so.
    pub source: String,
    /// As of when.
    pub as_of_ms: Option<i64>,
    /// Whether they are still there.
    pub status: OwnerStatus,
}

/// What an identity may do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Privilege {
    /// 0 controls everything else, 3 is harmless.
    pub tier: u8,
    /// The widest permission.
    pub level: PrivilegeLevel,
    /// The few policy or role names behind it.
    pub basis: Vec<String>,
}

/// What is within reach.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlastRadius {
    /// Identities that it can become.
    pub identities: u32,
    /// Accounts, projects or clusters reached.
    pub accounts: u32,
    /// Environments reached.
    pub environments: Vec<Environment>,
    /// Teams whose things are reached.
    pub teams: Vec<String>,
}

/// The trust edges of an identity, as uids.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lineage {
    /// Who made it.
    pub created_by: Option<String>,
    /// Who may become it.
    pub assumable_by: Vec<String>,
    /// What it may become.
    pub can_assume: Vec<String>,
    /// On whose behalf it acts.
    pub on_behalf_of: Vec<String>,
}

/// A credential of an identity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Credential {
    /// Its id as logs show it; also an alias of the identity when logs show it.
    pub uid: String,
    /// `access_key`, `password`, `certificate`, `token`, `oidc`, …
    pub credential_type: String,
    /// When it was made.
    pub created: Time,
    /// When it was last rotated.
    pub last_rotated: Time,
    /// When it ends.
    pub expires: Time,
    /// When it was last used.
    pub last_used: Time,
    /// Whether it can be used.
    pub status: CredentialStatus,
    /// Where the secret lives: store and reference, never the secret.
    pub secret_source: Option<String>,
    /// How old the policy lets it become; absent = no limit.
    pub max_age_days: Option<u16>,
}

/// What is expected in one dimension.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Expectation {
    /// Of what.
    pub dimension: Dimension,
    /// Network names, regions, patterns with `*` and `?`, workload refs. For `Hours`: empty.
    pub allowed: Vec<String>,
    /// For `Hours`: bit `24 * weekday + hour`, Monday 00:00 UTC first.
    pub hours: Option<[u8; 21]>,
    /// Declared or observed.
    pub basis: Basis,
    /// For observed: days looked at.
    pub window_days: u16,
    /// For observed: events seen.
    pub samples: u32,
}

/// How to switch an identity off, and who is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Response {
    /// Options; `build` orders them fastest first.
    pub revocation: Vec<Revocation>,
    /// Who is paged.
    pub escalation_policy: Option<EscalationPolicy>,
    /// Who knows the identity.
    pub context_owner: Option<String>,
    /// Who switches it off.
    pub response_owner: Option<String>,
}

/// One way to switch an identity off.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revocation {
    /// `deactivate the access key`.
    pub action: String,
    /// Through which system.
    pub system: String,
    /// Which team may do it.
    pub team: String,
    /// Link.
    pub runbook: Option<String>,
    /// How long it takes.
    pub expected_minutes: u32,
    /// Workloads that stop.
    pub breaks: Vec<String>,
}

/// Who is paged: a reference, resolved by nobody here.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EscalationPolicy {
    /// `pagerduty`, `opsgenie`, …
    pub system: String,
    /// Id there.
    pub id: String,
    /// Link.
    pub url: Option<String>,
}

/// Something wrong with an identity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Finding {
    /// `orphaned`, `overprivileged`, …
    pub name: String,
    /// OWASP NHI id (`NHI1:2025`).
    pub owasp: Option<String>,
    /// How bad.
    pub severity: Severity,
    /// What was seen, with value and threshold.
    pub evidence: String,
    /// Accepted until, and why.
    pub exception: Option<(i64, String)>,
}

/// A finding that is accepted until a day.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Exception {
    /// Name of the finding.
    pub finding: String,
    /// Until when.
    pub until_ms: i64,
    /// Why.
    pub reason: String,
}

/// Where a field comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Provenance {
    /// Name of the field.
    pub field: Cow<'static, str>,
    /// Name of the source; many fields of many identities share it.
    pub source: Arc<str>,
    /// When the source said so.
    pub observed_ms: Option<i64>,
}

/// What a losing source said.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Conflict {
    /// Name of the field.
    pub field: String,
    /// Name of the losing source.
    pub source: String,
    /// What it said.
    pub value: String,
}

/// A covered account, cluster, tenant, project or namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    /// Provider.
    pub provider: Provider,
    /// Account, cluster, …
    pub domain: String,
    /// A part of the domain (a namespace); empty = all of it.
    pub part: String,
    /// Name for people.
    pub name: Option<String>,
    /// Who answers for what nobody else owns here.
    pub owner: Option<EntityRef>,
    /// Who is paged.
    pub escalation_policy: Option<EscalationPolicy>,
    /// Whether the identities of this scope are in the snapshot; false = only its owner is known.
    pub covered: bool,
    /// What it is for; empty = not known.
    pub environment: Vec<Environment>,
}

/// A named set of addresses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    /// Name, as expectations use it.
    pub name: String,
    /// What it is.
    pub kind: NetworkKind,
    /// IPv4 and IPv6 prefixes.
    pub prefixes: Vec<(std::net::IpAddr, u8)>,
}

/// A rule that gives an event its priority. Every stated condition has to hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TriageRule {
    /// Name, as outputs carry it.
    pub name: String,
    /// The priority it gives.
    pub priority: Priority,
    /// Why the rule exists.
    pub rationale: String,
    /// Any of these outcomes; empty = any.
    pub outcomes: Vec<OutcomeKind>,
    /// Any of these roles; empty = any.
    pub roles: Vec<Role>,
    /// Any of these verdicts; empty = any.
    pub verdicts: Vec<Verdict>,
    /// Privilege tier known and at most this.
    pub max_tier: Option<u8>,
    /// Criticality known and at least this.
    pub min_criticality: Option<Criticality>,
    /// A finding of at least this severity.
    pub min_finding_severity: Option<Severity>,
    /// Any of these findings present; empty = any.
    pub findings: Vec<String>,
    /// Any of these kinds; empty = any.
    pub kinds: Vec<Kind>,
    /// Any of these dimensions deviates; empty = any.
    pub deviations: Vec<Dimension>,
    /// Any of these environments; empty = any.
    pub environments: Vec<Environment>,
    /// Any of these lifecycle states; empty = any.
    pub lifecycle_states: Vec<LifecycleState>,
}
