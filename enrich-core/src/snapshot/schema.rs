//! The archived rows: what each section of a snapshot holds, byte for byte.
//!
//! Every row is a few little-endian integers. Nothing here is a map, a string or a pointer, so a
//! checked `access` costs the same at any size, and a corrupt byte can at worst give a wrong value
//! or an error: every reference is bounds-checked when it is followed. `docs/format.md` describes
//! the same tables for readers without this crate; within major 1 a row never changes, new facts
//! come as new sections.
//!
//! References: a *text* is an offset into the text section, a *list* an offset into the list
//! section, anything else a row number. 0 means absent, except in `keys`, `identities`, `credentials`
//! and `scopes`.

#![allow(
    missing_docs,
    missing_debug_implementations,
    clippy::exhaustive_structs,
    reason = "rkyv derives bare resolver types for every row; the rows themselves are documented, and frozen within a major version"
)]

use rkyv::{Archive, Serialize};

use key_index::rows;
/// The rows that a lookup reads, in their own package.
pub use key_index::rows::*;

/// Section numbers.
pub mod section {
    /// BLAKE3 digests of the 1 MiB chunks of the body.
    pub const CHUNKS: u32 = 0;
    /// Texts: a length (LEB128, at most 3 bytes) and UTF-8 bytes each.
    pub const TEXT: u32 = 1;
    /// Lists: a count and that many numbers each.
    pub const LISTS: u32 = 2;
    /// Index buckets.
    pub const INDEX: u32 = 3;
    /// What many keys share.
    pub const KEY_CLASSES: u32 = 4;
    /// Keys.
    pub const KEYS: u32 = 5;
    /// Validity intervals.
    pub const VALIDITY: u32 = 6;
    /// Holders of keys that several identities share.
    pub const KEY_HOLDERS: u32 = 7;
    /// Identities, in the order of their uids.
    pub const IDENTITIES: u32 = 8;
    /// Combinations of facts that many identities share.
    pub const PROFILES: u32 = 9;
    /// What an identity is and where.
    pub const TYPES: u32 = 10;
    /// People, teams, services and vendors.
    pub const ENTITIES: u32 = 11;
    /// Who answers for an identity.
    pub const OWNERSHIP: u32 = 12;
    /// What an identity may do, and where.
    pub const EXPOSURE: u32 = 13;
    /// What is expected, a dimension each.
    pub const EXPECTATIONS: u32 = 14;
    /// Hours of the week.
    pub const HOURS: u32 = 15;
    /// How to respond.
    pub const RESPONSES: u32 = 16;
    /// Ways to switch an identity off.
    pub const REVOCATIONS: u32 = 17;
    /// Escalation policies.
    pub const ESCALATIONS: u32 = 18;
    /// Credentials, grouped by identity.
    pub const CREDENTIALS: u32 = 19;
    /// Facts that few identities have.
    pub const DETAILS: u32 = 20;
    /// Findings.
    pub const FINDINGS: u32 = 21;
    /// What losing sources said.
    pub const CONFLICTS: u32 = 22;
    /// Where fields come from.
    pub const PROVENANCE: u32 = 23;
    /// What is within reach.
    pub const BLAST_RADIUS: u32 = 24;
    /// Covered scopes, sorted.
    pub const SCOPES: u32 = 25;
    /// Named networks.
    pub const NETWORKS: u32 = 26;
    /// Disjoint IPv4 ranges, sorted.
    pub const RANGES_V4: u32 = 27;
    /// Disjoint IPv6 ranges, sorted.
    pub const RANGES_V6: u32 = 28;
    /// Triage rules, in order.
    pub const RULES: u32 = 29;
    /// Start times of "never since".
    pub const NEVER_SINCE: u32 = 30;
    /// Names and values about the snapshot itself.
    pub const META: u32 = 31;
    /// Environments of scopes, in the order of the scopes. From minor 1 on.
    pub const SCOPE_ENVIRONMENTS: u32 = 32;
    /// Accepted findings that only an event can show, in the order of the identities. From minor 1 on.
    pub const EXCEPTIONS: u32 = 33;
}

rows! {
    /// One holder of a shared key.
    KeyHolderRow {
        /// Identity.
        identity: u32,
        /// Validity interval.
        validity: u32,
    }

    /// An identity.
    IdentityRow {
        /// Text: first part of the uid.
        uid_prefix: u32,
        /// Text: last part of the uid, also the name unless the details say otherwise.
        uid_rest: u32,
        /// Profile.
        profile: u32,
        /// Details.
        details: u32,
        /// Time.
        created: u32,
        /// Time.
        last_seen: u32,
        /// First of its credentials; they end where the next identity's begin.
        first_credential: u32,
        /// First of its own keys; they end where the next identity's begin.
        first_key: u32,
    }

    /// A combination of facts that many identities share.
    ProfileRow {
        /// Type.
        type_: u32,
        /// Ownership.
        ownership: u32,
        /// Exposure.
        exposure: u32,
        /// List of expectations.
        behavior: u32,
        /// Response.
        response: u32,
        /// List of provenance rows.
        provenance: u32,
    }

    /// What an identity is and where.
    TypeRow {
        /// Codes: kind, provider, lifecycle state in bits 0, 8, 16.
        codes: u32,
        /// Text.
        sub_type: u32,
        /// Text.
        domain: u32,
    }

    /// A person, team, service or vendor.
    EntityRow {
        /// Text: `kind:namespace/name`.
        reference: u32,
        /// Text.
        name: u32,
        /// Text.
        contact: u32,
    }

    /// Who answers for an identity.
    OwnershipRow {
        /// Entity.
        owner: u32,
        /// Text: which source says so.
        source: u32,
        /// Time.
        as_of: u32,
        /// Code.
        status: u32,
        /// Entity.
        sponsor: u32,
        /// List of texts.
        secondary: u32,
        /// Text.
        service: u32,
        /// Text.
        vendor: u32,
    }

    /// What an identity may do, and where.
    ExposureRow {
        /// Bits 0–7 environments (bit = code), 8–15 criticality, 16–23 tier + 1, 24–31 level.
        codes: u32,
        /// List of texts: policy or role names behind the level.
        basis: u32,
    }

    /// What is expected in one dimension.
    ExpectationRow {
        /// Bits 0–7 dimension, 8–15 basis, 16–31 days looked at.
        codes: u32,
        /// Events seen.
        samples: u32,
        /// List of texts; for networks, of names and prefixes.
        allowed: u32,
        /// Hours row.
        hours: u32,
    }

    /// 168 hours of the week, Monday 00:00 UTC in bit 0 of the first word.
    HoursRow {
        /// Bits.
        words: [u32; 6],
    }

    /// How to respond.
    ResponseRow {
        /// List of revocations, fastest first.
        revocations: u32,
        /// Escalation.
        escalation: u32,
        /// Text.
        context_owner: u32,
        /// Text.
        response_owner: u32,
    }

    /// A way to switch an identity off.
    RevocationRow {
        /// Text.
        action: u32,
        /// Text.
        system: u32,
        /// Text.
        team: u32,
        /// Text.
        runbook: u32,
        /// Minutes.
        expected_minutes: u32,
        /// List of texts: workloads that stop.
        breaks: u32,
    }

    /// An escalation policy.
    EscalationRow {
        /// Text.
        system: u32,
        /// Text.
        id: u32,
        /// Text.
        url: u32,
    }

    /// A credential.
    CredentialRow {
        /// Text.
        uid: u32,
        /// Text.
        type_: u32,
        /// Time.
        created: u32,
        /// Time.
        last_rotated: u32,
        /// Time.
        expires: u32,
        /// Time.
        last_used: u32,
        /// Text.
        secret_source: u32,
        /// Bits 0–7 status, 16–31 greatest age in days, 0 = no limit.
        codes: u32,
    }

    /// Facts that few identities have.
    DetailsRow {
        /// When a tombstone was retired; `i64::MIN` = not retired.
        retired_ms: i64,
        /// Text: the name, when it is not the last part of the uid.
        name: u32,
        /// Text.
        purpose: u32,
        /// Text.
        agent_framework: u32,
        /// Text: uid.
        agent_parent: u32,
        /// Text: uid.
        created_by: u32,
        /// List of texts: uids.
        assumable_by: u32,
        /// List of texts: uids.
        can_assume: u32,
        /// List of texts: uids.
        on_behalf_of: u32,
        /// List of texts.
        workloads: u32,
        /// List of findings.
        findings: u32,
        /// List of conflicts.
        conflicts: u32,
        /// Blast radius.
        blast_radius: u32,
        /// List of key rows that it shares with others.
        shared_keys: u32,
        /// 0.
        reserved: u32,
    }

    /// A finding.
    FindingRow {
        /// Text.
        name: u32,
        /// Text: OWASP NHI id.
        owasp: u32,
        /// Code.
        severity: u32,
        /// Text.
        evidence: u32,
        /// Time: accepted until.
        exception_until: u32,
        /// Text.
        exception_reason: u32,
    }

    /// What a losing source said.
    ConflictRow {
        /// Text.
        field: u32,
        /// Text.
        source: u32,
        /// Text.
        value: u32,
    }

    /// Where a field comes from.
    ProvenanceRow {
        /// Text.
        field: u32,
        /// Text.
        source: u32,
        /// Time.
        observed: u32,
    }

    /// What is within reach.
    BlastRadiusRow {
        /// Count.
        identities: u32,
        /// Count.
        accounts: u32,
        /// Environments (bit = code).
        environments: u32,
        /// List of texts.
        teams: u32,
    }

    /// A covered scope. Sorted by provider, domain, part.
    ScopeRow {
        /// Code.
        provider: u32,
        /// Text.
        domain: u32,
        /// Text: a namespace, or empty.
        part: u32,
        /// Text.
        name: u32,
        /// Entity.
        owner: u32,
        /// Escalation.
        escalation: u32,
        /// Bit 0: the identities of this scope are in the snapshot.
        flags: u32,
    }

    /// A named network.
    NetworkRow {
        /// Text.
        name: u32,
        /// Code.
        kind: u32,
    }

    /// Addresses that lie in the same networks.
    RangeV4Row {
        /// First address.
        first: u32,
        /// Last address.
        last: u32,
        /// List of networks, the most specific first.
        networks: u32,
    }

    /// Addresses that lie in the same networks.
    RangeV6Row {
        /// First address, most significant word first.
        first: [u32; 4],
        /// Last address.
        last: [u32; 4],
        /// List of networks, the most specific first.
        networks: u32,
    }

    /// A triage rule. A mask of 0 means that the condition is not stated.
    RuleRow {
        /// Text.
        name: u32,
        /// Code.
        priority: u32,
        /// Text.
        rationale: u32,
        /// Mask (bit = code).
        outcomes: u32,
        /// Mask.
        roles: u32,
        /// Mask.
        verdicts: u32,
        /// Greatest tier + 1; 0 = not stated.
        max_tier: u32,
        /// Code; 0 = not stated.
        min_criticality: u32,
        /// Code; 0 = not stated.
        min_finding_severity: u32,
        /// List of texts.
        findings: u32,
        /// Mask.
        kinds: u32,
        /// Mask.
        deviations: u32,
        /// Mask.
        environments: u32,
        /// Mask.
        lifecycle_states: u32,
    }

    /// A name and a value about the snapshot itself.
    MetaRow {
        /// Text.
        name: u32,
        /// Text.
        value: u32,
    }

    /// The environments that a scope is for. Sorted by scope.
    ScopeEnvironmentRow {
        /// Scope.
        scope: u32,
        /// Environments (bit = code).
        environments: u32,
    }

    /// A finding that is accepted should an event show it. Sorted by identity.
    ExceptionRow {
        /// Identity.
        identity: u32,
        /// Text: name of the finding.
        finding: u32,
        /// Time: accepted until.
        until: u32,
        /// Text.
        reason: u32,
    }
}

/// How a stored time is written: the four states in one number.
pub mod time_code {
    /// Nobody said.
    pub const UNKNOWN: u32 = 0;
    /// The provider does not record it.
    pub const NOT_TRACKED: u32 = 1;
    /// Never.
    pub const NEVER: u32 = 2;
    /// From here to [`FIRST_SECOND`]: never since row `code - FIRST_NEVER_SINCE` of that section.
    pub const FIRST_NEVER_SINCE: u32 = 16;
    /// From here on: seconds since 1970-01-01T00:00:00Z.
    pub const FIRST_SECOND: u32 = 65_536;
}
