//! Every member of a context: its name, from which detail level on it is written, and what it means.
//!
//! The writers name members by [`Field`], so what `docs/fields.md` says is what they write.

use alloc::string::String;
#[cfg(feature = "explain")]
use alloc::vec::Vec;

/// How much of what is known is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Detail {
    /// Who it is, how bad it is, whom to call.
    Minimal,
    /// What an analyst needs to decide.
    #[default]
    Standard,
    /// Everything that the snapshot knows of the identities.
    Full,
}

/// The sort of value, for readers of `docs/fields.md`.
#[cfg(feature = "explain")]
pub(super) struct About {
    /// Type and unit.
    pub(super) sort: &'static str,
    /// What it means.
    pub(super) meaning: &'static str,
    /// The standard that the name or rule comes from, and other names of the same thing.
    pub(super) source: &'static str,
    /// The field of the Splunk rendering that has it.
    pub(super) splunk: &'static str,
}

/// Path and level of a field.
struct Row {
    /// Names joined by dots; those of an identity begin at the identity.
    path: &'static str,
    /// The last of them.
    name: &'static str,
    level: Level,
}

impl Row {
    const fn new(path: &'static str, level: Level) -> Self {
        let mut at = path.len();
        while at > 0 {
            let (before, name) = path.split_at(at);
            if let Some(b'.') = before.as_bytes().last() {
                return Self { path, name, level };
            }
            at -= 1;
        }
        Self {
            path,
            name: path,
            level,
        }
    }
}

/// Where a field is written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    /// Whatever is asked for: without it the rest can't be read.
    Always,
    Minimal,
    Standard,
    Full,
    /// Only in the record that a lookup gives.
    Record,
}

macro_rules! fields {
    ($( $name:ident $level:ident $path:literal, $sort:literal, $meaning:literal, $source:literal, $splunk:literal; )+) => {
        /// A member of the context.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub(crate) enum Field { $( $name, )+ }

        const ROWS: &[Row] = &[ $( Row::new($path, Level::$level), )+ ];

        #[cfg(feature = "explain")]
        const ABOUT: &[About] = &[ $( About {
            sort: $sort,
            meaning: $meaning,
            source: $source,
            splunk: $splunk,
        }, )+ ];

        #[cfg(feature = "explain")]
        const ALL: &[Field] = &[ $( Field::$name, )+ ];
    };
}

/// What a context says of an event, and no record of an identity.
const EVENT_ONLY: &[&str] = &[
    "v",
    "outcome",
    "identities",
    "role",
    "acted_as_agent",
    "key",
    "candidate_count",
    "candidates",
    "scope_owner",
    "credential",
    "triage",
    "snapshot",
    "record",
    "response.about",
    "response.about.role",
    "response.about.uid",
    "response.about.because",
    "response.blast_radius",
    "response.blast_radius.identities",
    "response.blast_radius.accounts",
    "response.blast_radius.environments",
    "response.blast_radius.teams",
];

impl Field {
    fn row(self) -> &'static Row {
        static NONE: Row = Row::new("", Level::Record);
        ROWS.get(self as usize).unwrap_or(&NONE)
    }

    /// The name of the member.
    #[inline]
    pub(super) fn name(self) -> &'static str {
        self.row().name
    }
}

/// Which fields are written: a bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Selection([u64; 3]);

impl Selection {
    fn of(is_wanted: impl Fn(&Row) -> bool) -> Self {
        let mut bits = [0; 3];
        for (number, row) in ROWS.iter().enumerate() {
            if let Some(word) = bits.get_mut(number / 64)
                && is_wanted(row)
            {
                *word |= 1 << (number % 64);
            }
        }
        Self(bits)
    }

    /// The fields of a level of detail.
    pub(crate) fn of_detail(detail: Detail) -> Self {
        let most = match detail {
            Detail::Minimal => Level::Minimal,
            Detail::Standard => Level::Standard,
            Detail::Full => Level::Full,
        };
        Self::of(|row| row.level <= most)
    }

    /// Everything that a lookup's record has.
    pub(crate) fn of_record() -> Self {
        Self::of(|_| true)
    }

    /// The fields at and below some paths, what is around them, and those without which the rest
    /// can't be read. The first path that leads to no field is an error.
    pub(crate) fn of_paths(paths: &[String]) -> Result<Self, &str> {
        let is_below = |path: &str, above: &str| {
            let rest = path.strip_prefix(above);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        for path in paths {
            let is_known = |row: &Row| row.level != Level::Record && row.path == path;
            if !ROWS.iter().any(is_known) {
                return Err(path);
            }
        }
        Ok(Self::of(|row| {
            row.level == Level::Always
                || (row.level != Level::Record
                    && paths.iter().any(|path| {
                        is_below(row.path, path)
                            || is_below(path, row.path)
                            // All credentials have the members of the one that was used.
                            || (path == "credentials" && row.path.starts_with("credential."))
                    }))
        }))
    }

    /// The member that a path begins with in the record that a lookup gives; `None` for a path that
    /// no record has.
    pub(crate) fn of_record_path(path: &str) -> Option<Self> {
        let (top, below) = path.split_once('.').unwrap_or((path, ""));
        // What stands in a record under another name than in a context.
        let (record, prefix) = match top {
            "credentials" => ("credentials", "credential"),
            "behavior" => ("record.behavior", "behavior.expectations"),
            "blast_radius" => ("record.blast_radius", "response.blast_radius"),
            "response" => ("record.response", "response"),
            _ if EVENT_ONLY.contains(&top) => return None,
            _ => (top, top),
        };
        let is_below = |row: &Row| {
            let rest = row.path.strip_prefix(prefix);
            let rest = rest.and_then(|rest| rest.strip_prefix('.'));
            rest.filter(|_| top != "response" || !EVENT_ONLY.contains(&row.path))
        };
        let is_known = |row: &Row| {
            let rest = is_below(row);
            if below.is_empty() {
                !path.ends_with('.') && row.path == record
            } else {
                rest == Some(below)
            }
        };
        if !ROWS.iter().any(is_known) {
            return None;
        }
        // All that is in the member, since some is written only beside other.
        Some(Self::of(|row| {
            row.path == record || is_below(row).is_some()
        }))
    }

    /// Leaves a field out.
    pub(crate) fn remove(&mut self, field: Field) {
        let number = field as usize;
        if let Some(word) = self.0.get_mut(number / 64) {
            *word &= !(1 << (number % 64));
        }
    }

    /// Whether a field is written.
    #[inline]
    pub(crate) fn has(&self, field: Field) -> bool {
        let number = field as usize;
        let word = self.0.get(number / 64).copied().unwrap_or(0);
        word >> (number % 64) & 1 == 1
    }
}

fields! {
    Version Always "v", "integer", "version of the native rendering: 1", "whose", "";
    NoIdentity Always "outcome", "keyword", "`no_identity` when the event names nobody; else each identity has an outcome of its own", "whose", "";
    Identities Always "identities", "array of objects", "the identities of the event, in the order in which its format names them; the members below, up to `conflicts`, are theirs", "whose", "";

    Role Always "role", "keyword", "what the identity does in the event: `actor` (authenticated), `effective` (whose permissions were used, when another), `delegator` (on whose behalf), `via` (a service that forwarded), `target` (acted upon)", "whose", "nhi_role";
    Outcome Always "outcome", "keyword", "what the lookup came to: `matched`, `not_found`, `not_found_at_time`, `retired`, `ambiguous`, `out_of_scope`", "whose", "nhi_outcome";
    ActedAsAgent Standard "acted_as_agent", "boolean", "the event itself says that an AI agent acted", "whose; OCSF 1.9 ai_agent, OpenTelemetry gen_ai.agent", "";
    Key Standard "key", "object", "the key that decided; for a miss the strongest that the event shows", "ECS threat.enrichments.matched", "";
    KeyType Standard "key.type", "keyword", "type of the key, docs/design.md lists them", "ECS matched.type", "";
    KeyDomain Standard "key.domain", "keyword", "the account, tenant, cluster or host that the value is unique in; absent for global keys", "whose", "";
    KeyValue Standard "key.value", "keyword", "the value as keys are compared: mail addresses and GUIDs in lower case", "ECS matched.atomic", "";
    KeyPath Full "key.path", "keyword", "where the value stands in the event, steps joined by dots; absent when it was put together from several", "ECS matched.field", "";
    CandidateCount Minimal "candidate_count", "integer", "how many identities hold the key", "whose", "";
    Candidates Minimal "candidates", "array of objects", "who holds an ambiguous key, at most 8", "whose", "";
    CandidateUid Minimal "candidates.uid", "keyword", "uid of a candidate", "OCSF uid", "";
    CandidateName Standard "candidates.name", "text", "name of a candidate", "whose", "";
    CandidateOwner Minimal "candidates.owner", "keyword", "owner of a candidate", "Backstage spec.owner", "";
    ScopeOwner Minimal "scope_owner", "object", "who answers for the account, project, cluster or namespace, when nobody answers for the identity or it is not known", "whose", "";
    ScopeOwnerRef Minimal "scope_owner.ref", "keyword", "`group:namespace/name` or `user:…`", "Backstage entity reference", "nhi_owner";
    ScopeOwnerName Standard "scope_owner.name", "text", "display name", "whose", "";
    ScopeOwnerContact Standard "scope_owner.contact", "text", "how to reach them", "whose", "";
    ScopeProvider Standard "scope_owner.provider", "keyword", "provider of the place", "whose", "";
    ScopeDomain Standard "scope_owner.domain", "keyword", "account, tenant, project, cluster or organisation", "OCSF cloud.account.uid", "";
    ScopePart Standard "scope_owner.part", "keyword", "a part of the domain, such as a namespace", "whose", "";
    ScopeName Standard "scope_owner.scope", "text", "name of the place", "whose", "";
    Uid Minimal "uid", "keyword", "canonical id of the identity, the same in every snapshot", "OCSF user.uid, ECS entity.id, WIMSE identifier", "nhi_uid";
    Name Minimal "name", "text", "display name", "OCSF name, ECS entity.name", "user_nick";
    Kind Minimal "kind", "keyword", "`service_account`, `iam_user`, `iam_role`, `service_principal`, `managed_identity`, `oauth_client`, `workload`, `ci_job`, `bot`, `ai_agent`, `device`, `human`, `unknown`", "whose; Google UDM User.AccountType", "nhi_kind";
    SubType Standard "sub_type", "keyword", "the provider's own word, such as `aws_iam_role`", "ECS entity.sub_type", "user_category";
    Provider Standard "provider", "keyword", "`aws`, `gcp`, `entra`, `azure`, `k8s`, `github`, …", "ECS entity.source", "user_category";
    Domain Standard "domain", "keyword", "account, tenant, project, cluster or organisation that the identity lives in", "OCSF user.domain", "";
    Purpose Standard "purpose", "text", "what it is for", "NHI Mgmt Group inventory record", "";
    Agent Standard "agent", "object", "only for kind `ai_agent`", "OCSF 1.9 ai_agent", "";
    AgentFramework Standard "agent.framework", "keyword", "what the agent runs in", "OCSF 1.9 ai_agent.type", "";
    AgentParent Standard "agent.parent", "keyword", "uid of the agent or blueprint that it comes from", "draft-abbey-scim-agent-extension-00 parent", "";
    Owner Minimal "owner", "object", "who bears responsibility: one entity", "Backstage spec.owner", "";
    OwnerRef Minimal "owner.ref", "keyword", "`group:namespace/name` or `user:…`", "Backstage entity reference", "nhi_owner";
    OwnerName Standard "owner.name", "text", "display name", "whose", "";
    OwnerContact Standard "owner.contact", "text", "how to reach them", "RFC 7591 contacts", "";
    OwnerStatus Minimal "owner.status", "keyword", "`active` or `departed`; absent when unknown", "whose", "";
    OwnerSource Standard "owner.source", "keyword", "the source that says so", "whose", "";
    OwnerAsOf Full "owner.as_of", "date", "when that source said so", "whose", "";
    Sponsor Standard "sponsor", "object", "the accountable person", "Microsoft Entra Agent ID sponsors", "";
    SponsorRef Standard "sponsor.ref", "keyword", "`user:namespace/name` or `group:…`", "Backstage entity reference", "nhi_sponsor";
    SponsorName Standard "sponsor.name", "text", "display name", "whose", "";
    SponsorContact Standard "sponsor.contact", "text", "how to reach them", "whose", "";
    SecondaryOwners Standard "secondary_owners", "array of keywords", "further owners", "SailPoint secondaryIdentities", "";
    Service Standard "service", "keyword", "owning service or system", "OpenTelemetry service.name", "nhi_service";
    Vendor Standard "vendor", "text", "the third party that holds it", "OWASP NHI3:2025", "user_category";
    Environment Minimal "environment", "array of keywords", "`production`, `staging`, `test`, `development`, `other`", "OpenTelemetry deployment.environment.name", "user_category";
    Criticality Minimal "criticality", "keyword", "`critical`, `high`, `medium`, `low`; absent when unknown", "OpenTelemetry service.criticality", "user_priority";
    Privilege Minimal "privilege", "object", "what the identity may do", "Microsoft tier model", "";
    PrivilegeTier Minimal "privilege.tier", "integer, 0 to 3", "0 controls everything else, 1 a service, 2 data, 3 is harmless", "Microsoft tier model", "nhi_privilege_tier";
    PrivilegeLevel Minimal "privilege.level", "keyword", "`admin`, `write`, `read`, `none`", "whose", "";
    PrivilegeBasis Standard "privilege.basis", "array of keywords", "the policies, roles or rules behind the level", "ECS entity.attributes.permissions", "";
    LifecycleState Minimal "lifecycle_state", "keyword", "`disabled`, `dormant` or `deprovisioned`; absent when active or unknown", "Microsoft UserState", "user_category";
    Retired Minimal "retired", "date", "when the identity was removed, for a tombstone", "whose", "user_endDate";
    Created Full "created", "date", "when the identity was made", "OCSF created_time", "user_startDate";
    LastSeen Full "last_seen", "date", "when it was last used, as of the snapshot", "OCSF identity_activity_metrics.last_seen_time", "";
    Aliases Full "aliases", "array of objects", "every key that leads to the identity", "OCSF user.uid_alt", "user_identity";
    AliasType Full "aliases.type", "keyword", "type of the key", "whose", "";
    AliasDomain Full "aliases.domain", "keyword", "what the value is unique in", "whose", "";
    AliasValue Full "aliases.value", "keyword", "the value", "whose", "";
    AliasFrom Full "aliases.valid_from", "date", "from when on it led to the identity; absent when unknown", "Google UDM metadata.interval", "";
    AliasTo Full "aliases.valid_to", "date", "until when; absent while it does", "Google UDM metadata.interval", "";
    Lineage Full "lineage", "object", "trust between identities", "whose", "";
    CreatedBy Full "lineage.created_by", "keyword", "uid of who made it", "whose", "";
    AssumableBy Full "lineage.assumable_by", "array of keywords", "uids of who may become it", "whose", "";
    CanAssume Full "lineage.can_assume", "array of keywords", "uids of whom it may become", "whose", "";
    OnBehalfOf Full "lineage.on_behalf_of", "array of keywords", "uids of whom it acts for", "whose", "";
    Credential Standard "credential", "object", "the credential that the event shows", "OCSF programmatic_credential", "";
    CredentialUid Standard "credential.uid", "keyword", "id of the credential, never the secret", "OCSF programmatic_credential.uid", "nhi_credential";
    CredentialType Standard "credential.type", "keyword", "`access_key`, `client_secret`, …", "OCSF programmatic_credential.type", "";
    CredentialCreated Standard "credential.created", "date", "when it was made", "RFC 7591 client_id_issued_at", "";
    LastRotated Standard "credential.last_rotated", "date", "when the secret was last changed", "AWS access_key_1_last_rotated", "";
    RotationAge Standard "credential.rotation_age_days", "integer, days", "age of the secret at the event's time, rounded down; negative when the event is older", "whose", "nhi_rotation_age_days";
    MaxAge Standard "credential.max_age_days", "integer, days", "the age that the policy allows", "whose", "";
    Expires Standard "credential.expires", "date", "when it ends; `never` when it has no end", "RFC 7591 client_secret_expires_at (0 = never)", "";
    LastUsed Standard "credential.last_used", "date", "last use as of the snapshot", "OCSF programmatic_credential.last_used_time", "";
    CredentialStatus Standard "credential.status", "keyword", "`active`, `inactive`, `revoked`, …; `unlisted`: the identity used an access key that the inventory does not list", "whose", "";
    SecretSource Standard "credential.secret_source", "keyword", "where the secret lives: store and reference, never the secret", "whose", "nhi_secret_source";
    Credentials Full "credentials", "array of objects", "all credentials of the identity, with the members of `credential`", "OCSF user.programmatic_credentials", "";
    Workloads Standard "workloads", "array of keywords", "what runs as the identity", "ECS entity.relationships.depends_on", "";
    Behavior Minimal "behavior", "object", "whether the event is what is expected of the identity", "NIST CSF 2.0 DE.AE-07", "";
    Verdict Minimal "behavior.verdict", "keyword", "`expected`, `unexpected`, `no_baseline`", "whose", "nhi_behavior";
    Deviations Standard "behavior.deviations", "array of objects", "where it is not", "whose", "";
    DeviationDimension Standard "behavior.deviations.dimension", "keyword", "`network`, `region`, `action`, `user_agent`, `hours`, `workload`, `resource`", "whose", "nhi_deviations";
    DeviationSeen Standard "behavior.deviations.seen", "text", "what the event shows", "whose", "";
    DeviationNetwork Standard "behavior.deviations.seen_network", "keyword", "the most specific named network of the address", "whose", "";
    DeviationExpected Standard "behavior.deviations.expected", "array of keywords", "what was expected, at most 8", "whose", "";
    DeviationMore Standard "behavior.deviations.expected_more", "integer", "how many more values were expected than are listed; absent when none", "whose", "";
    DeviationBasis Standard "behavior.deviations.basis", "keyword", "`declared` or `observed`", "whose", "";
    DeviationWindow Standard "behavior.deviations.window_days", "integer, days", "days that the observation looked at", "whose", "";
    DeviationSamples Standard "behavior.deviations.samples", "integer", "events that it rests on", "whose", "";
    Expectations Full "behavior.expectations", "array of objects", "all that is expected, judged or not", "whose", "";
    ExpectationDimension Full "behavior.expectations.dimension", "keyword", "the dimension", "whose", "";
    ExpectationAllowed Full "behavior.expectations.allowed", "array of keywords", "names and patterns that are expected", "whose", "";
    ExpectationHours Full "behavior.expectations.hours_of_week", "integer, hours", "how many hours of the 168 of a week (UTC) are expected", "whose", "";
    ExpectationBasis Full "behavior.expectations.basis", "keyword", "`declared` or `observed`", "whose", "";
    ExpectationWindow Full "behavior.expectations.window_days", "integer, days", "days that the observation looked at", "whose", "";
    ExpectationSamples Full "behavior.expectations.samples", "integer", "events that it rests on", "whose", "";
    Findings Minimal "findings", "array of objects", "what is wrong with the identity, or with its use in the event", "OWASP NHI Top 10 2025", "";
    FindingName Minimal "findings.name", "keyword", "docs/policy.md lists them", "OWASP NHI Top 10 2025", "nhi_findings";
    FindingOwasp Standard "findings.owasp", "keyword", "`NHI1:2025` to `NHI10:2025`", "OWASP NHI Top 10 2025", "";
    FindingSeverity Minimal "findings.severity", "keyword", "`info`, `low`, `medium`, `high`, `critical`", "whose", "user_watchlist";
    FindingEvidence Standard "findings.evidence", "text", "value and threshold that it rests on", "whose", "";
    FindingException Standard "findings.exception", "object", "it is accepted", "NHI Mgmt Group exception status", "";
    ExceptionUntil Standard "findings.exception.until", "date", "until when", "whose", "";
    ExceptionReason Standard "findings.exception.reason", "text", "why", "whose", "";
    ExceptionInForce Standard "findings.exception.in_force", "boolean", "whether that was so at the event's time", "whose", "";
    Provenance Full "provenance", "array of objects", "which source each fact comes from", "NIST CSF 2.0 RS.AN-07", "";
    ProvenanceOf Full "provenance.field", "keyword", "the fact", "whose", "";
    ProvenanceSource Full "provenance.source", "keyword", "the source", "whose", "";
    ProvenanceObserved Full "provenance.observed", "date", "when the source said so", "whose", "";
    Conflicts Full "conflicts", "array of objects", "what losing sources said", "Google UDM, SailPoint", "";
    ConflictIn Full "conflicts.field", "keyword", "the fact", "whose", "";
    ConflictSource Full "conflicts.source", "keyword", "the losing source", "whose", "";
    ConflictValue Full "conflicts.value", "text", "what it said", "whose", "";

    Triage Minimal "triage", "object", "how urgent it is, by the declared rules of the policy; there is no score", "NIST CSF 2.0 RS.MA-02", "";
    Priority Minimal "triage.priority", "keyword", "`critical`, `high`, `medium`, `low`, `info`", "whose", "nhi_triage_priority";
    Rule Minimal "triage.rule", "keyword", "the first rule that fits", "whose", "nhi_triage_rule";
    TriageRole Standard "triage.role", "keyword", "role of the identity that the rule fits, when the event has several", "whose", "";
    TriageUid Standard "triage.uid", "keyword", "its uid, when it is known", "whose", "";
    Reasons Standard "triage.reasons", "array of texts", "the conditions of the rule, with the values that met them", "whose", "nhi_triage_reasons";

    Response Minimal "response", "object", "what to do, for the identity that matters most", "NIST CSF 2.0 RS.CO-02, RS.CO-03", "";
    About Minimal "response.about", "object", "of several identities, the one that the response is for", "whose", "";
    AboutRole Minimal "response.about.role", "keyword", "its role", "whose", "";
    AboutUid Minimal "response.about.uid", "keyword", "its uid, when it is known", "whose", "";
    AboutBecause Minimal "response.about.because", "keyword", "why that one: `triage` (its rule fits it), `actor` (it holds the credential), `known` (of the one that triage or role would choose nothing is known), `revocable` (no way to switch that one off is known), `person` (the rule fits the identity that this person acted through), `first`", "whose", "";
    ContextOwner Standard "response.context_owner", "keyword", "who can say whether it is legitimate", "whose", "nhi_context_owner";
    ResponseOwner Minimal "response.response_owner", "keyword", "who switches it off", "OCSF assignee_group", "nhi_response_owner";
    Revocation Minimal "response.revocation", "array of objects", "ways to switch it off, fastest first; at detail minimal only the fastest", "whose", "";
    RevocationAction Minimal "response.revocation.action", "text", "what is done", "whose", "nhi_revocation";
    RevocationSystem Standard "response.revocation.system", "keyword", "through which system", "whose", "";
    RevocationTeam Minimal "response.revocation.team", "keyword", "who may do it", "whose", "nhi_revocation";
    RevocationMinutes Minimal "response.revocation.expected_minutes", "integer, minutes", "how long it takes", "whose", "nhi_revocation";
    RevocationRunbook Standard "response.revocation.runbook", "URL", "how", "whose", "";
    RevocationBreaks Standard "response.revocation.breaks", "array of keywords", "workloads that stop", "whose", "";
    Escalation Minimal "response.escalation_policy", "object", "who is paged; a reference, nobody is looked up", "PagerDuty escalation policy", "";
    EscalationSystem Minimal "response.escalation_policy.system", "keyword", "the paging system", "whose", "nhi_escalation_policy";
    EscalationId Minimal "response.escalation_policy.id", "keyword", "id of the policy there", "PagerDuty", "nhi_escalation_policy";
    EscalationUrl Standard "response.escalation_policy.url", "URL", "link", "PagerDuty html_url", "";
    BlastRadius Standard "response.blast_radius", "object", "what is within reach of the identity by trust", "Microsoft IdentityInfo BlastRadius, SailPoint", "";
    BlastIdentities Standard "response.blast_radius.identities", "integer", "identities within reach", "whose", "nhi_blast_radius";
    BlastAccounts Standard "response.blast_radius.accounts", "integer", "accounts, projects, clusters within reach", "whose", "";
    BlastEnvironments Standard "response.blast_radius.environments", "array of keywords", "environments within reach", "whose", "";
    BlastTeams Standard "response.blast_radius.teams", "array of keywords", "teams whose identities are within reach", "whose", "";

    Snapshot Always "snapshot", "object", "which inventory said all this", "NIST CSF 2.0 RS.AN-07", "";
    SnapshotId Always "snapshot.id", "keyword", "id of the snapshot", "OCSF enrichment.provider", "nhi_snapshot_id";
    SnapshotDigest Always "snapshot.digest", "keyword", "BLAKE3 digest of the snapshot", "whose", "nhi_snapshot_digest";
    SnapshotCreated Standard "snapshot.created", "date", "when the inventory was taken", "OCSF enrichment.created_time", "";
    AgeAtEvent Minimal "snapshot.age_at_event_s", "integer, seconds", "event time less creation; negative when the event is older", "whose", "nhi_snapshot_age_s";
    Fresh Minimal "snapshot.fresh", "boolean", "whether that is within the declared limit; absent without one", "NHI Mgmt Group alert routing", "";
    EventTime Minimal "snapshot.event_time", "keyword", "`absent`: the event has no time, and keys were resolved as of the snapshot", "whose", "";
    Integrity Standard "snapshot.integrity", "keyword", "`verified`, `by_host`, `unverified`", "whose", "";
    Layers Standard "snapshot.layers", "array of keywords", "digests of all attached snapshots, when there are several", "whose", "";

    RecordBlast Record "record.blast_radius", "object", "", "", "";
    RecordBehavior Record "record.behavior", "array of objects", "", "", "";
    RecordResponse Record "record.response", "object", "", "", "";
}

/// One field of the reference.
#[cfg(feature = "explain")]
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FieldReference {
    /// Names joined by dots, as `fields` of the configuration takes them; those of an identity begin
    /// at the identity.
    pub path: &'static str,
    /// From which level of detail on it is written: `always`, `minimal`, `standard`, `full`.
    pub detail: &'static str,
    /// Type and unit.
    pub sort: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// The standard that the name or rule comes from; `whose` where none has it.
    pub source: &'static str,
    /// Where the rendering of OCSF has it; empty: nowhere.
    pub ocsf: String,
    /// Where the rendering of ECS has it.
    pub ecs: String,
    /// Which field of the rendering for Splunk has it.
    pub splunk: &'static str,
}

/// Every field that a context may have.
#[cfg(feature = "explain")]
pub fn reference() -> Vec<FieldReference> {
    use super::style::{Rendering, Style};

    let style = |rendering| Style {
        rendering,
        ..Style::default()
    };
    let (ocsf, ecs) = (style(Rendering::Ocsf), style(Rendering::Ecs));
    let mut out = Vec::new();
    for ((row, about), field) in ROWS.iter().zip(ABOUT).zip(ALL) {
        if row.level == Level::Record {
            continue;
        }
        let is_native_only = matches!(
            field,
            Field::Version | Field::Identities | Field::Response | Field::NoIdentity
        );
        let renamed = |style: &Style, before: &str| {
            let mut path = String::from(before);
            let inside = row.path.strip_prefix("response.").unwrap_or(row.path);
            let skipped = row.path.len() - inside.len();
            for (at, _) in inside.match_indices('.').chain([(inside.len(), "")]) {
                let until = row.path.get(..skipped + at).unwrap_or("");
                let known = ROWS.iter().zip(ALL).find(|(row, _)| row.path == until);
                if !path.ends_with('.') {
                    path.push('.');
                }
                path.push_str(known.map_or("", |(_, field)| style.name(*field)));
            }
            path
        };
        let is_in_ocsf = !is_native_only && *field != Field::KeyPath;
        out.push(FieldReference {
            path: row.path,
            detail: match row.level {
                Level::Always => "always",
                Level::Minimal => "minimal",
                Level::Standard => "standard",
                _ => "full",
            },
            sort: about.sort,
            meaning: about.meaning,
            source: about.source,
            ocsf: match field {
                Field::KeyPath => String::from("enrichments[].name"),
                _ if is_in_ocsf => renamed(&ocsf, "enrichments[].data."),
                _ => String::new(),
            },
            ecs: match field {
                Field::NoIdentity => String::from("Nhi.outcome"),
                _ if is_native_only => String::new(),
                _ => renamed(&ecs, "Nhi."),
            },
            splunk: about.splunk,
        });
    }
    out
}
