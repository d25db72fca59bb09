//! A snapshot's bytes as an inventory again: for tombstones, for `inspect`, and for tests that a
//! record comes back as it went in.

use enrich_core::snapshot::{EntityRef as StoredEntity, EscalationRef, IdentityRef, TimeFact};
use enrich_core::vocabulary::{Environment, LifecycleState, Provider};
use enrich_core::{Snapshot, SnapshotError};

use crate::model::{
    Agent, Alias, BlastRadius, Conflict, Credential, EntityRef, EscalationPolicy, EventLimits,
    Exception, Expectation, Finding, Identity, Inventory, Lineage, Meta, Owner, Privilege,
    Provenance, Response, Revocation, Scope, Time,
};

/// Reads identities, scopes and the header's facts. Networks and rules are not read back: they
/// belong to the policy, and each build writes its own.
///
/// # Errors
/// What is wrong with the snapshot; the digests are checked.
pub fn inventory(snapshot: &Snapshot<'_>) -> Result<Inventory, SnapshotError> {
    let header = snapshot.header();
    let digest = |bytes: [u8; 32]| (bytes != [0; 32]).then_some(bytes);
    let inventory = Inventory {
        meta: Meta {
            id: header.id().to_owned(),
            organization: snapshot.meta("organization").unwrap_or("").to_owned(),
            created_ms: header.created_ms,
            sequence: header.sequence,
            valid_for_s: header.valid_for_s,
            previous: digest(header.previous),
            overlay_of: digest(header.overlay_of),
        },
        identities: snapshot.identities().map(|row| identity(&row)).collect(),
        scopes: snapshot
            .scopes()
            .map(|scope| Scope {
                provider: scope.provider.unwrap_or(Provider::Other),
                domain: scope.domain.to_owned(),
                part: scope.part.to_owned(),
                name: scope.name.map(str::to_owned),
                owner: scope.owner.map(entity),
                escalation_policy: scope.escalation_policy.map(escalation),
                covered: scope.is_covered,
                environment: scope.provider.map_or_else(Vec::new, |provider| {
                    environments(snapshot.environments_of(provider, scope.domain, scope.part))
                }),
            })
            .collect(),
        limits: EventLimits {
            dormant_after_days: snapshot.limits().dormant_after_days,
            rotation_grace_days: snapshot.limits().rotation_grace_days,
        },
        ..Inventory::default()
    };
    if snapshot.is_damaged() {
        return Err(SnapshotError::DigestMismatch);
    }
    Ok(inventory)
}

/// The environments of a mask of codes.
fn environments(mask: u32) -> Vec<Environment> {
    let words = Environment::ALL.iter().copied();
    words.filter(|word| mask >> word.code() & 1 == 1).collect()
}

fn texts<'s>(list: impl Iterator<Item = &'s str>) -> Vec<String> {
    list.map(str::to_owned).collect()
}

fn time(fact: TimeFact) -> Time {
    match fact {
        TimeFact::NotTracked => Time::NotTracked,
        TimeFact::Never => Time::Never,
        TimeFact::NeverSince(ms) => Time::NeverSince(ms),
        TimeFact::At(ms) => Time::At(ms),
        _ => Time::Unknown,
    }
}

fn entity(stored: StoredEntity<'_>) -> EntityRef {
    EntityRef {
        reference: stored.reference.to_owned(),
        name: stored.name.map(str::to_owned),
        contact: stored.contact.map(str::to_owned),
    }
}

fn escalation(stored: EscalationRef<'_>) -> EscalationPolicy {
    EscalationPolicy {
        system: stored.system.to_owned(),
        id: stored.id.to_owned(),
        url: stored.url.map(str::to_owned),
    }
}

/// One identity with all its groups.
#[must_use]
pub fn identity(row: &IdentityRef<'_>) -> Identity {
    let mut out = Identity::new(
        &row.uid().concat(),
        row.name(),
        row.kind(),
        row.provider().unwrap_or(Provider::Other),
        row.domain(),
    );
    let own = |text: Option<&str>| text.map(str::to_owned);
    out.sub_type = row.sub_type().unwrap_or("").to_owned();
    out.purpose = own(row.purpose());
    let (framework, parent) = row.agent();
    out.agent = (framework.is_some() || parent.is_some()).then(|| Agent {
        framework: framework.unwrap_or("").to_owned(),
        parent: parent.unwrap_or("").to_owned(),
    });
    out.aliases = row
        .aliases()
        .map(|alias| Alias {
            key_type: alias.key_type,
            domain: alias.domain.to_owned(),
            value: alias.parts.concat(),
            valid_from_ms: Some(alias.valid_from_ms).filter(|ms| *ms != i64::MIN),
            valid_to_ms: Some(alias.valid_to_ms).filter(|ms| *ms != i64::MAX),
        })
        .collect();
    out.owner = row.owner().map(|owner| Owner {
        entity: entity(owner),
        source: row.owner_source().unwrap_or("").to_owned(),
        as_of_ms: row.owner_as_of().at(),
        status: row.owner_status(),
    });
    out.sponsor = row.sponsor().map(entity);
    out.secondary_owners = texts(row.secondary_owners());
    out.service = own(row.service());
    out.vendor = own(row.vendor());
    out.environment = row.environments().collect();
    out.criticality = row.criticality();
    if let (Some(tier), Some(level)) = (row.privilege_tier(), row.privilege_level()) {
        out.privilege = Some(Privilege {
            tier,
            level,
            basis: texts(row.privilege_basis()),
        });
    }
    out.blast_radius = row
        .blast_radius()
        .map(|(identities, accounts, environments, teams)| BlastRadius {
            identities,
            accounts,
            environments: self::environments(environments),
            teams: texts(teams),
        });
    out.lineage = Lineage {
        created_by: own(row.created_by()),
        assumable_by: texts(row.assumable_by()),
        can_assume: texts(row.can_assume()),
        on_behalf_of: texts(row.on_behalf_of()),
    };
    out.lifecycle_state = row.lifecycle_state().unwrap_or(LifecycleState::Active);
    out.created = time(row.created());
    out.last_seen = time(row.last_seen());
    out.retired_at_ms = row.retired_ms();
    out.credentials = row
        .credentials()
        .map(|credential| Credential {
            uid: credential.uid().to_owned(),
            credential_type: credential.credential_type().to_owned(),
            created: time(credential.created()),
            last_rotated: time(credential.last_rotated()),
            expires: time(credential.expires()),
            last_used: time(credential.last_used()),
            status: credential.status(),
            secret_source: own(credential.secret_source()),
            max_age_days: credential.max_age_days(),
        })
        .collect();
    out.workloads = texts(row.workloads());
    out.behavior = row
        .expectations()
        .filter_map(|stated| {
            let (window_days, samples) = stated.evidence();
            Some(Expectation {
                dimension: stated.dimension()?,
                allowed: texts(stated.allowed()),
                hours: stated.hours().map(hours),
                basis: stated.basis(),
                window_days,
                samples,
            })
        })
        .collect();
    out.response = Response {
        revocation: row
            .revocations()
            .map(|revocation| Revocation {
                action: revocation.action().to_owned(),
                system: revocation.system().to_owned(),
                team: revocation.team().to_owned(),
                runbook: own(revocation.runbook()),
                expected_minutes: revocation.expected_minutes(),
                breaks: texts(revocation.breaks()),
            })
            .collect(),
        escalation_policy: row.escalation_policy().map(escalation),
        context_owner: own(row.context_owner()),
        response_owner: own(row.response_owner()),
    };
    out.findings = row
        .findings()
        .map(|finding| Finding {
            name: finding.name().to_owned(),
            owasp: own(finding.owasp()),
            severity: finding.severity(),
            evidence: finding.evidence().to_owned(),
            exception: finding
                .exception()
                .map(|(until, reason)| (until, reason.to_owned())),
        })
        .collect();
    out.accepted = row
        .accepted()
        .map(|(finding, until_ms, reason)| Exception {
            finding: finding.to_owned(),
            until_ms,
            reason: reason.to_owned(),
        })
        .collect();
    out.provenance = row
        .provenance()
        .map(|(field, source, at)| Provenance {
            field: field.to_owned().into(),
            source: source.into(),
            observed_ms: at.at(),
        })
        .collect();
    out.conflicts = row
        .conflicts()
        .map(|[field, source, value]| Conflict {
            field: field.to_owned(),
            source: source.to_owned(),
            value: value.to_owned(),
        })
        .collect();
    out
}

/// Six words of 32 hours as 21 bytes of 8.
fn hours(words: [u32; 6]) -> [u8; 21] {
    let mut out = [0; 21];
    for (byte, slot) in words
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .zip(&mut out)
    {
        *slot = byte;
    }
    out
}
