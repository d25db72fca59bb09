//! What is said about one identity of an event. Member order is fixed; absent facts are absent.

use super::Context;
use super::fields::Field;
use super::out::{Out, reference_text};
use super::phrase::About;
use crate::assess::Assessed;
use crate::event::observation::Observed;
use crate::lookup::Resolution;
use crate::snapshot::{CredentialRef, EntityRef, IdentityRef, ScopeRef, TimeFact};
use crate::vocabulary::{CredentialStatus, Dimension, LifecycleState, OutcomeKind, OwnerStatus};

/// The fields of an entity: reference, name, contact.
pub(super) const OWNER: [Field; 3] = [Field::OwnerRef, Field::OwnerName, Field::OwnerContact];
const SPONSOR: [Field; 3] = [Field::SponsorRef, Field::SponsorName, Field::SponsorContact];
const SCOPE: [Field; 3] = [
    Field::ScopeOwnerRef,
    Field::ScopeOwnerName,
    Field::ScopeOwnerContact,
];

/// Milliseconds in a day.
const DAY_MS: i64 = 86_400_000;

/// Writes everything about an identity as members of an object.
pub(super) fn write(
    context: &Context<'_, '_, '_>,
    observed: &Observed,
    resolution: &Resolution,
    assessed: &Assessed<'_>,
    out: &mut Out<'_, '_>,
) {
    let standing = u32::from(assessed.role.code()) << 8 | u32::from(assessed.outcome.code());
    let standing = About::Standing.rows(0, [standing, u32::from(observed.is_agent)]);
    out.phrase(standing, |out| {
        out.string(Field::Role, assessed.role.as_str());
        out.string(Field::Outcome, assessed.outcome.as_str());
        // What the event says; the record's `agent` says what the inventory knows.
        if observed.is_agent {
            out.bool(Field::ActedAsAgent, true);
        }
    });
    if let Some(key) = context.deciding_key(observed, resolution) {
        out.object(Field::Key, |out| {
            out.string(Field::KeyType, key.key_type.as_str());
            out.some(Field::KeyDomain, Some(context.buffers.get(key.domain)));
            out.string(Field::KeyValue, context.buffers.get(key.value));
            if out.wants(Field::KeyPath)
                && let Some(pointer) = context.path_of(key)
            {
                out.quoted(Field::KeyPath, |json| super::dotted(pointer, json));
            }
        });
    }
    if resolution.outcome == OutcomeKind::Ambiguous {
        candidates(context, resolution, out);
    }
    if let Some(scope) = &assessed.scope {
        out.object(Field::ScopeOwner, |out| scope_owner(scope, out));
    }
    let Some(identity) = &assessed.identity else {
        return;
    };
    facts(identity, assessed.layer, out);
    details(identity, out);
    if let Some(credential) = &assessed.credential {
        out.object(Field::Credential, |out| {
            self::credential(credential, Some(context.time_ms), out);
        });
    } else if let Some(uid) = assessed.unlisted {
        out.object(Field::Credential, |out| {
            out.string(Field::CredentialUid, context.buffers.get(uid));
            out.string(Field::CredentialStatus, "unlisted");
        });
    }
    if out.wants(Field::Credentials) {
        credentials(identity, context.time_ms, out);
    }
    out.strings(Field::Workloads, &mut identity.workloads());
    behavior(context, identity, assessed, out);
    let findings = context.assessment.findings(assessed);
    out.objects(Field::Findings, findings.iter(), |finding, out| {
        super::finding::write(finding, assessed.layer, context.time_ms, out);
    });
    origins(identity, out);
}

fn candidates(context: &Context<'_, '_, '_>, resolution: &Resolution, out: &mut Out<'_, '_>) {
    out.number(Field::CandidateCount, resolution.candidate_count as u64);
    out.array(Field::Candidates, |out| {
        for holder in &resolution.candidates {
            if let Some(candidate) = context.layers.identity(*holder) {
                out.element(|out| {
                    out.parts(Field::CandidateUid, &candidate.uid());
                    out.string(Field::CandidateName, candidate.name());
                    out.reference(
                        Field::CandidateOwner,
                        candidate.owner().map(|owner| owner.reference),
                    );
                });
            }
        }
    });
}

/// What an identity is, who answers for it, what it may do.
pub(super) fn facts(identity: &IdentityRef<'_>, layer: u8, out: &mut Out<'_, '_>) {
    let rows = identity.shared_rows();
    out.parts(Field::Uid, &identity.uid());
    out.string(Field::Name, identity.name());
    out.phrase(About::Type.rows(layer, [rows.of_type, 0]), |out| {
        type_facts(identity, out);
    });
    out.some(Field::Purpose, identity.purpose());
    let (framework, parent) = identity.agent();
    if framework.is_some() || parent.is_some() {
        out.object(Field::Agent, |out| {
            out.some(Field::AgentFramework, framework);
            out.some(Field::AgentParent, parent);
        });
    }
    let ownership = About::Ownership.rows(layer, [rows.ownership, 0]);
    out.phrase(ownership, |out| self::ownership(identity, out));
    let exposure = About::Exposure.rows(layer, [rows.exposure, 0]);
    out.phrase(exposure, |out| self::exposure(identity, out));
    // Active is what everybody expects; anything else is worth a member.
    if let Some(state) = identity
        .lifecycle_state()
        .filter(|state| *state != LifecycleState::Active)
    {
        out.string(Field::LifecycleState, state.as_str());
    }
    if let Some(at) = identity.retired_ms() {
        out.time(Field::Retired, at);
    }
}

/// What an identity's row of types says.
#[inline(never)]
fn type_facts(identity: &IdentityRef<'_>, out: &mut Out<'_, '_>) {
    out.string(Field::Kind, identity.kind().as_str());
    out.some(Field::SubType, identity.sub_type());
    out.some(
        Field::Provider,
        identity.provider().map(|provider| provider.as_str()),
    );
    out.some(Field::Domain, Some(identity.domain()));
}

/// What an identity's row of owners says.
#[inline(never)]
fn ownership(identity: &IdentityRef<'_>, out: &mut Out<'_, '_>) {
    if let Some(owner) = identity.owner() {
        out.object(Field::Owner, |out| {
            entity(&OWNER, &owner, out);
            if identity.owner_status() != OwnerStatus::Unknown {
                out.string(Field::OwnerStatus, identity.owner_status().as_str());
            }
            out.some(Field::OwnerSource, identity.owner_source());
            out.fact_time(Field::OwnerAsOf, identity.owner_as_of());
        });
    }
    if let Some(sponsor) = identity.sponsor() {
        out.object(Field::Sponsor, |out| entity(&SPONSOR, &sponsor, out));
    }
    out.references(Field::SecondaryOwners, &mut identity.secondary_owners());
    out.some(Field::Service, identity.service());
    out.some(Field::Vendor, identity.vendor());
}

/// What an identity's row of environments and privileges says.
#[inline(never)]
fn exposure(identity: &IdentityRef<'_>, out: &mut Out<'_, '_>) {
    out.strings(
        Field::Environment,
        &mut identity
            .environments()
            .map(|environment| environment.as_str()),
    );
    out.some(
        Field::Criticality,
        identity
            .criticality()
            .map(|criticality| criticality.as_str()),
    );
    if identity.privilege_tier().is_some() || identity.privilege_level().is_some() {
        out.object(Field::Privilege, |out| {
            if let Some(tier) = identity.privilege_tier() {
                out.number(Field::PrivilegeTier, u64::from(tier));
            }
            out.some(
                Field::PrivilegeLevel,
                identity.privilege_level().map(|level| level.as_str()),
            );
            out.strings(Field::PrivilegeBasis, &mut identity.privilege_basis());
        });
    }
}

/// Times, keys and trust: for whoever asks for everything.
pub(super) fn details(identity: &IdentityRef<'_>, out: &mut Out<'_, '_>) {
    out.fact_time(Field::Created, identity.created());
    out.fact_time(Field::LastSeen, identity.last_seen());
    if out.wants(Field::Aliases) {
        out.objects(Field::Aliases, identity.aliases(), |alias, out| {
            out.string(Field::AliasType, alias.key_type.as_str());
            out.some(Field::AliasDomain, Some(alias.domain));
            out.parts(Field::AliasValue, &alias.parts);
            if alias.valid_from_ms != i64::MIN {
                out.time(Field::AliasFrom, alias.valid_from_ms);
            }
            if alias.valid_to_ms != i64::MAX {
                out.time(Field::AliasTo, alias.valid_to_ms);
            }
        });
    }
    let (by, mut may_be, mut can_be, mut behalf) = (
        identity.created_by(),
        identity.assumable_by(),
        identity.can_assume(),
        identity.on_behalf_of(),
    );
    if by.is_some() || may_be.len() + can_be.len() + behalf.len() != 0 {
        out.object(Field::Lineage, |out| {
            out.reference(Field::CreatedBy, by);
            out.strings(Field::AssumableBy, &mut may_be);
            out.strings(Field::CanAssume, &mut can_be);
            out.references(Field::OnBehalfOf, &mut behalf);
        });
    }
}

/// Which sources said what, and what losing ones said.
pub(super) fn origins(identity: &IdentityRef<'_>, out: &mut Out<'_, '_>) {
    if !out.wants(Field::Provenance) && !out.wants(Field::Conflicts) {
        return;
    }
    out.objects(
        Field::Provenance,
        identity.provenance(),
        |(field, source, observed), out| {
            out.string(Field::ProvenanceOf, field);
            out.string(Field::ProvenanceSource, source);
            out.fact_time(Field::ProvenanceObserved, observed);
        },
    );
    out.objects(
        Field::Conflicts,
        identity.conflicts(),
        |[field, source, value], out| {
            out.string(Field::ConflictIn, field);
            out.string(Field::ConflictSource, source);
            out.reference(Field::ConflictValue, Some(value));
        },
    );
}

pub(super) fn entity(fields: &[Field; 3], entity: &EntityRef<'_>, out: &mut Out<'_, '_>) {
    let [reference, name, contact] = *fields;
    out.reference(reference, Some(entity.reference));
    if !out.style.hides(entity.reference) {
        out.some(name, entity.name);
        out.some(contact, entity.contact);
    }
}

fn scope_owner(scope: &ScopeRef<'_>, out: &mut Out<'_, '_>) {
    if let Some(owner) = &scope.owner {
        entity(&SCOPE, owner, out);
    }
    out.some(
        Field::ScopeProvider,
        scope.provider.map(|provider| provider.as_str()),
    );
    out.string(Field::ScopeDomain, scope.domain);
    out.some(Field::ScopePart, Some(scope.part));
    out.some(Field::ScopeName, scope.name);
}

/// All credentials of an identity.
pub(super) fn credentials(identity: &IdentityRef<'_>, at_ms: i64, out: &mut Out<'_, '_>) {
    out.objects(
        Field::Credentials,
        identity.credentials(),
        |credential, out| self::credential(&credential, Some(at_ms), out),
    );
}

/// A credential; with the age that it has at `at_ms`.
fn credential(credential: &CredentialRef<'_>, at_ms: Option<i64>, out: &mut Out<'_, '_>) {
    out.string(Field::CredentialUid, credential.uid());
    out.some(Field::CredentialType, Some(credential.credential_type()));
    out.fact_time(Field::CredentialCreated, credential.created());
    out.fact_time(Field::LastRotated, credential.last_rotated());
    if let (Some(age), true) = (
        rotation_age(credential, at_ms),
        out.wants(Field::RotationAge),
    ) {
        out.signed(Field::RotationAge, age);
    }
    if let Some(days) = credential.max_age_days() {
        out.number(Field::MaxAge, u64::from(days));
    }
    out.fact_time(Field::Expires, credential.expires());
    out.fact_time(Field::LastUsed, credential.last_used());
    if credential.status() != CredentialStatus::Unknown {
        out.string(Field::CredentialStatus, credential.status().as_str());
    }
    out.some(Field::SecretSource, credential.secret_source());
}

/// Days between a credential's last change and a time.
pub(super) fn rotation_age(credential: &CredentialRef<'_>, at_ms: Option<i64>) -> Option<i64> {
    let rotated = match credential.last_rotated() {
        TimeFact::At(ms) => ms,
        _ => credential.created().at()?,
    };
    Some(at_ms?.saturating_sub(rotated).div_euclid(DAY_MS))
}

fn behavior(
    context: &Context<'_, '_, '_>,
    identity: &IdentityRef<'_>,
    assessed: &Assessed<'_>,
    out: &mut Out<'_, '_>,
) {
    let expectations = out.wants(Field::Expectations);
    if assessed.judgement.is_none() && !expectations {
        return;
    }
    let deviations = assessed
        .judgement
        .as_ref()
        .map_or(&[] as &[_], |judgement| {
            context.assessment.deviations(judgement)
        });
    if deviations.is_empty() {
        // Without a deviation nothing of the event is in it.
        let verdict = assessed
            .judgement
            .as_ref()
            .map_or(u32::MAX, |judgement| u32::from(judgement.verdict.code()));
        let list = identity.shared_rows().behavior;
        let phrase = About::Behavior.rows(assessed.layer, [verdict, list]);
        out.phrase(phrase, |out| {
            behavior_object(context, identity, assessed, out);
        });
    } else {
        behavior_object(context, identity, assessed, out);
    }
}

#[inline(never)]
fn behavior_object(
    context: &Context<'_, '_, '_>,
    identity: &IdentityRef<'_>,
    assessed: &Assessed<'_>,
    out: &mut Out<'_, '_>,
) {
    let expectations = out.wants(Field::Expectations);
    out.object(Field::Behavior, |out| {
        if let Some(judgement) = &assessed.judgement {
            out.string(Field::Verdict, judgement.verdict.as_str());
            let deviations = context.assessment.deviations(judgement);
            out.objects(Field::Deviations, deviations.iter(), |deviation, out| {
                super::deviation::write(context, deviation, assessed.layer, out);
            });
        }
        if expectations {
            self::expectations(Field::Expectations, identity, out);
        }
    });
}

/// All that is expected of an identity.
pub(super) fn expectations(field: Field, identity: &IdentityRef<'_>, out: &mut Out<'_, '_>) {
    out.objects(field, identity.expectations(), |expectation, out| {
        out.some(
            Field::ExpectationDimension,
            expectation.dimension().map(|dimension| dimension.as_str()),
        );
        out.strings(Field::ExpectationAllowed, &mut expectation.allowed());
        if expectation.dimension() == Some(Dimension::Hours) {
            let hours = (0..168_u8)
                .filter(|hour| expectation.allows_hour(*hour) == Some(true))
                .count();
            out.number(Field::ExpectationHours, hours as u64);
        }
        out.string(Field::ExpectationBasis, expectation.basis().as_str());
        let (days, samples) = expectation.evidence();
        if days != 0 || samples != 0 {
            out.number(Field::ExpectationWindow, u64::from(days));
            out.number(Field::ExpectationSamples, u64::from(samples));
        }
    });
}

/// One line about an identity, for a person: what it is, whose, where, how privileged, how to stop it.
pub(super) fn summary(
    context: &Context<'_, '_, '_>,
    assessed: &Assessed<'_>,
    out: &mut Out<'_, '_>,
) {
    let style = out.style;
    let json = &mut *out.json;
    let owner = |reference: Option<&str>, json: &mut json_out::json::Json<'_>| {
        if let Some(reference) = reference {
            reference_text(style, reference, json);
        } else {
            json.raw("nobody");
        }
    };
    let Some(identity) = &assessed.identity else {
        json.raw(assessed.outcome.as_str());
        json.raw("; ask ");
        let scope = assessed.scope.as_ref();
        owner(
            scope
                .and_then(|scope| scope.owner)
                .map(|owner| owner.reference),
            json,
        );
        return;
    };
    json.raw(identity.kind().as_str());
    json.raw(" owned by ");
    owner(identity.owner().map(|owner| owner.reference), json);
    for environment in identity.environments() {
        json.raw("; ");
        json.raw(environment.as_str());
    }
    if let Some(level) = identity.privilege_level() {
        json.raw("; ");
        json.raw(level.as_str());
    }
    if let Some(judgement) = &assessed.judgement {
        json.raw("; behavior ");
        json.raw(judgement.verdict.as_str());
    }
    let findings = context.assessment.findings(assessed).len();
    if findings != 0 {
        json.raw("; findings ");
        json.digits(findings as u64);
    }
    if let Some(option) = identity.revocations().next() {
        json.raw("; revoke: ");
        json.escaped(option.action());
        json.raw(", ");
        json.digits(u64::from(option.expected_minutes()));
        json.raw(" min");
    }
}
