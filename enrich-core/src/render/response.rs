//! Who explains, who switches off, how, and who is paged.

use super::Context;
use super::fields::Field;
use super::out::Out;
use super::phrase::About;
use crate::assess::{Assessed, Because};
use crate::snapshot::{EscalationRef, IdentityRef, RevocationRef, ScopeRef};
use crate::vocabulary::{Environment, OwnerStatus};

/// Whether there is anything to say about a response to an identity.
pub(super) fn is_any(assessed: &Assessed<'_>) -> bool {
    let has_scope = assessed
        .scope
        .as_ref()
        .is_some_and(|scope| scope.owner.is_some());
    match &assessed.identity {
        Some(identity) => {
            has_scope
                || !identity.is_without_answer()
                || identity.context_owner().is_some()
                || identity.response_owner().is_some()
                || identity.escalation_policy().is_some()
                || identity.revocations().next().is_some()
        }
        None => has_scope,
    }
}

/// For the identity that matters most: a member of the native rendering.
pub(super) fn member(context: &Context<'_, '_, '_>, out: &mut Out<'_, '_>) {
    if let Some(assessed) = context.primary().filter(|assessed| is_any(assessed)) {
        out.object(Field::Response, |out| {
            about(context, assessed, out);
            write(assessed, out);
        });
    }
}

/// Whom of several identities the response is about, and why that one.
pub(super) fn about(context: &Context<'_, '_, '_>, assessed: &Assessed<'_>, out: &mut Out<'_, '_>) {
    let because = context.assessment.primary_because;
    if because == Because::Only {
        return;
    }
    out.object(Field::About, |out| {
        out.string(Field::AboutRole, assessed.role.as_str());
        if let Some(identity) = &assessed.identity {
            out.parts(Field::AboutUid, &identity.uid());
        }
        out.string(Field::AboutBecause, because.as_str());
    });
}

/// Writes the response as members of an object.
pub(super) fn write(assessed: &Assessed<'_>, out: &mut Out<'_, '_>) {
    let scope = assessed.scope.as_ref();
    match &assessed.identity {
        Some(identity) => {
            of_identity(identity, assessed.layer, scope, out);
            blast_radius(Field::BlastRadius, identity, out);
        }
        None => of_place(scope, out),
    }
}

/// Who explains and who switches off. Where none is named, the owner explains, and the owner, then
/// the sponsor, then whoever answers for the place, switches off.
pub(super) fn owners<'s>(assessed: &Assessed<'s>) -> [Option<&'s str>; 2] {
    named(assessed.identity.as_ref(), assessed.scope.as_ref())
}

fn named<'s>(
    identity: Option<&IdentityRef<'s>>,
    scope: Option<&ScopeRef<'s>>,
) -> [Option<&'s str>; 2] {
    let place = scope
        .and_then(|scope| scope.owner)
        .map(|owner| owner.reference);
    let Some(identity) = identity else {
        return [place, place];
    };
    let anybody = identity
        .owner()
        .filter(|_| identity.owner_status() != OwnerStatus::Departed)
        .or_else(|| identity.sponsor())
        .map(|entity| entity.reference)
        .or(place);
    [
        identity.context_owner().or(anybody),
        identity.response_owner().or(anybody),
    ]
}

/// Nothing is known of the identity: whoever answers for the place explains and switches off.
fn of_place(scope: Option<&ScopeRef<'_>>, out: &mut Out<'_, '_>) {
    let [context_owner, response_owner] = named(None, scope);
    out.reference(Field::ContextOwner, context_owner);
    out.reference(Field::ResponseOwner, response_owner);
    if let Some(policy) = scope.and_then(|scope| scope.escalation_policy) {
        escalation(&policy, out);
    }
}

/// The response part of an identity.
pub(super) fn of_identity(
    identity: &IdentityRef<'_>,
    layer: u8,
    scope: Option<&ScopeRef<'_>>,
    out: &mut Out<'_, '_>,
) {
    if scope.is_some() {
        own_part(identity, scope, out);
        return;
    }
    let rows = identity.shared_rows();
    let phrase = About::Response.rows(layer, [rows.response, rows.ownership]);
    out.phrase(phrase, |out| own_part(identity, None, out));
}

#[inline(never)]
fn own_part(identity: &IdentityRef<'_>, scope: Option<&ScopeRef<'_>>, out: &mut Out<'_, '_>) {
    let [context_owner, response_owner] = named(Some(identity), scope);
    out.reference(Field::ContextOwner, context_owner);
    out.reference(Field::ResponseOwner, response_owner);
    // Whoever wants only the least wants the fastest.
    let most = if out.wants(Field::RevocationSystem) {
        usize::MAX
    } else {
        1
    };
    out.objects(
        Field::Revocation,
        identity.revocations().take(most),
        |option, out| revocation(&option, out),
    );
    let policy = identity
        .escalation_policy()
        .or_else(|| scope.and_then(|scope| scope.escalation_policy));
    if let Some(policy) = policy {
        escalation(&policy, out);
    }
}

fn revocation(option: &RevocationRef<'_>, out: &mut Out<'_, '_>) {
    out.string(Field::RevocationAction, option.action());
    out.some(Field::RevocationSystem, Some(option.system()));
    out.reference(Field::RevocationTeam, Some(option.team()));
    out.number(
        Field::RevocationMinutes,
        u64::from(option.expected_minutes()),
    );
    out.some(Field::RevocationRunbook, option.runbook());
    out.strings(Field::RevocationBreaks, &mut option.breaks());
}

fn escalation(policy: &EscalationRef<'_>, out: &mut Out<'_, '_>) {
    out.object(Field::Escalation, |out| {
        out.string(Field::EscalationSystem, policy.system);
        out.string(Field::EscalationId, policy.id);
        out.some(Field::EscalationUrl, policy.url);
    });
}

/// What is within reach of an identity.
pub(super) fn blast_radius(field: Field, identity: &IdentityRef<'_>, out: &mut Out<'_, '_>) {
    let Some((identities, accounts, environments, mut teams)) = identity.blast_radius() else {
        return;
    };
    out.object(field, |out| {
        out.number(Field::BlastIdentities, u64::from(identities));
        out.number(Field::BlastAccounts, u64::from(accounts));
        let reached = Environment::ALL
            .iter()
            .filter(|word| environments >> word.code() & 1 == 1);
        out.strings(
            Field::BlastEnvironments,
            &mut reached.map(|word| word.as_str()),
        );
        out.strings(Field::BlastTeams, &mut teams);
    });
}
