//! The rendering for Splunk: flat fields at the top of the event.
//!
//! `user_…` and `src_user_…` are the fields that Splunk Enterprise Security's identity correlation
//! adds, in its own formats; `nhi_…` are ours. A field that the event has is never overwritten, and
//! `nhi_fields` lists those that we added, so that a second enrichment replaces them.

use alloc::vec::Vec;

use json_out::json::Json;

use super::fields::Field;
use super::out::reference_text;
use super::place::{Existing, Place, own_member};
use super::{Context, identity, native, reasons, response};
use crate::assess::Assessed;
use crate::event::findings::Sort;
use crate::event::text::TextBuffers;
use crate::pass::Edit;
use crate::snapshot::IdentityRef;
use crate::vocabulary::{Kind, LifecycleState, Role, Severity};

/// Fields of ours: what comes in with these names is removed.
pub(super) const OURS: &[&str] = &[
    "/nhi_fields",
    "/nhi_role",
    "/nhi_outcome",
    "/nhi_uid",
    "/nhi_kind",
    "/nhi_owner",
    "/nhi_sponsor",
    "/nhi_service",
    "/nhi_privilege_tier",
    "/nhi_credential",
    "/nhi_rotation_age_days",
    "/nhi_secret_source",
    "/nhi_behavior",
    "/nhi_deviations",
    "/nhi_findings",
    "/nhi_triage_priority",
    "/nhi_triage_rule",
    "/nhi_triage_reasons",
    "/nhi_context_owner",
    "/nhi_response_owner",
    "/nhi_revocation",
    "/nhi_escalation_policy",
    "/nhi_blast_radius",
    "/nhi_snapshot_id",
    "/nhi_snapshot_digest",
    "/nhi_snapshot_age_s",
];

/// Fields of Splunk's.
pub(super) const SHARED: &[&str] = &[
    "/nhi_fields",
    "/user_identity",
    "/user_nick",
    "/user_managedBy",
    "/user_priority",
    "/user_bunit",
    "/user_category",
    "/user_watchlist",
    "/user_startDate",
    "/user_endDate",
    "/src_user_identity",
    "/src_user_nick",
    "/src_user_managedBy",
    "/src_user_priority",
    "/src_user_bunit",
    "/src_user_category",
    "/src_user_watchlist",
    "/src_user_startDate",
    "/src_user_endDate",
];

/// Where the fields of a prefix begin in that list, and how many there are.
const FIRST: [usize; 2] = [1, 10];
const COUNT: usize = 9;

/// The name of a shared field.
fn shared_name(number: usize) -> &'static str {
    let pointer = SHARED.get(number).copied().unwrap_or("");
    pointer.strip_prefix('/').unwrap_or("")
}

/// Which shared fields we filled: `nhi_fields` lists them.
pub(super) fn existing(place: &Place, buffers: &TextBuffers<'_>) -> Existing {
    let mut out = Existing::default();
    let list = buffers.get(place.at(0).text());
    for name in list.split('|') {
        if let Some(number) = (1..SHARED.len()).find(|number| shared_name(*number) == name) {
            out.own |= 1 << number;
        }
    }
    out
}

/// Writes the fields.
pub(super) fn write(
    context: &Context<'_, '_, '_>,
    place: &Place,
    existing: &Existing,
    rendered: &mut Vec<u8>,
    edits: &mut Vec<Edit>,
) {
    let line = context.buffers.line.as_bytes();
    // Fields that are free: not there, or taken out because we wrote them.
    let mut free = 0_u32;
    for number in 1..SHARED.len() {
        let raw = place.raw(number);
        if raw.is_empty() {
            free |= 1 << number;
        } else if existing.own >> number & 1 == 1
            && place.at(number).sort != Sort::Absent
            && let Some(cut) = own_member(line, raw, shared_name(number), edits)
        {
            edits.push(cut);
            free |= 1 << number;
        }
    }
    let from = rendered.len();
    let mut json = Json::new(rendered);
    json.set_comma(place.has_members);
    let mut written = 0_u32;
    let (user, source) = users(context);
    for (assessed, first) in [user, source].into_iter().zip(FIRST) {
        if let Some(assessed) = assessed
            && let Some(identity) = &assessed.identity
        {
            for number in first..first + COUNT {
                if free >> number & 1 == 1
                    && standard(context, assessed, identity, number, first, &mut json)
                {
                    written |= 1 << number;
                }
            }
        }
    }
    own(context, &mut json);
    if written != 0 {
        json.name("nhi_fields");
        json.quoted(|json| {
            let mut pipe = Pipe::default();
            for number in (1..SHARED.len()).filter(|number| written >> number & 1 == 1) {
                pipe.next(json);
                json.raw(shared_name(number));
            }
        });
    }
    edits.push(Edit::put(place.close, from, rendered.len()));
}

/// Parts of a text, with bars between them.
#[derive(Default)]
struct Pipe(bool);

impl Pipe {
    fn next(&mut self, json: &mut Json<'_>) {
        if self.0 {
            json.raw("|");
        }
        self.0 = true;
    }

    /// A part; bars and commas in it would be read as separators.
    fn part(&mut self, text: &str, json: &mut Json<'_>) {
        self.next(json);
        for (number, part) in text.split('|').enumerate() {
            if number != 0 {
                json.raw("/");
            }
            json.escaped(part);
        }
    }
}

/// Whose `user` and `src_user` are: the identity whose permissions were used, and who initiated it
/// when that was another.
fn users<'c, 's>(
    context: &Context<'c, 's, '_>,
) -> (Option<&'c Assessed<'s>>, Option<&'c Assessed<'s>>) {
    let with_role = |role: Role| {
        let mut all = context.assessment.identities.iter();
        all.find(|assessed| assessed.role == role)
    };
    let actor = with_role(Role::Actor);
    match with_role(Role::Effective) {
        Some(effective) => (Some(effective), actor),
        None => (actor, None),
    }
}

/// One of Splunk's own fields; false when there is nothing to say.
fn standard(
    context: &Context<'_, '_, '_>,
    assessed: &Assessed<'_>,
    identity: &IdentityRef<'_>,
    number: usize,
    first: usize,
    json: &mut Json<'_>,
) -> bool {
    let style = &context.config.style;
    let wants = |field| style.fields.has(field);
    let name = shared_name(number);
    let owner = identity.owner().map(|owner| owner.reference);
    let person = |reference: &&str| reference.starts_with("user:");
    match number - first {
        // Every alias, as the lookup table's key.
        0 if wants(Field::Aliases) => {
            json.name(name);
            json.quoted(|json| {
                let mut pipe = Pipe::default();
                for alias in identity.aliases() {
                    pipe.next(json);
                    for part in alias.parts {
                        json.escaped(part);
                    }
                }
            });
        }
        1 if wants(Field::Name) => json.string(name, identity.name()),
        2 if wants(Field::Owner) => {
            let sponsor = identity.sponsor().filter(|_| wants(Field::SponsorRef));
            let sponsor = sponsor.map(|sponsor| sponsor.reference);
            let Some(manager) = owner.filter(person).or_else(|| sponsor.filter(person)) else {
                return false;
            };
            json.name(name);
            json.quoted(|json| login(context, manager, json));
        }
        // Unknown is not low: low would be a claim.
        3 if wants(Field::Criticality) => {
            let criticality = identity.criticality();
            json.string(name, criticality.map_or("unknown", |word| word.as_str()));
        }
        4 if wants(Field::Owner) => {
            let Some(team) = owner.filter(|owner| owner.starts_with("group:")) else {
                return false;
            };
            json.name(name);
            json.quoted(|json| login(context, team, json));
        }
        5 => {
            json.name(name);
            json.quoted(|json| category(context, assessed, identity, json));
        }
        6 if wants(Field::FindingSeverity) => {
            let mut findings = context.assessment.findings(assessed).iter();
            let is_watched = findings.any(|finding| {
                finding.severity >= Severity::High && !finding.is_accepted(context.time_ms)
            });
            if !is_watched {
                return false;
            }
            json.string(name, "true");
        }
        7 if wants(Field::Created) => return epoch(name, identity.created().at(), json),
        8 if wants(Field::Retired) => return epoch(name, identity.retired_ms(), json),
        _ => return false,
    }
    true
}

/// A time as Splunk's `%s`.
fn epoch(name: &str, ms: Option<i64>, json: &mut Json<'_>) -> bool {
    let Some(ms) = ms else { return false };
    json.name(name);
    json.quoted(|json| json.integer(ms.div_euclid(1000)));
    true
}

/// The last part of a reference, as people sign in with.
fn login(context: &Context<'_, '_, '_>, reference: &str, json: &mut Json<'_>) {
    let style = &context.config.style;
    if style.hides(reference) {
        reference_text(style, reference, json);
        return;
    }
    let short = reference.rsplit_once(['/', ':']);
    json.escaped(short.map_or(reference, |(_, name)| name));
}

fn category(
    context: &Context<'_, '_, '_>,
    assessed: &Assessed<'_>,
    identity: &IdentityRef<'_>,
    json: &mut Json<'_>,
) {
    let style = &context.config.style;
    let wants = |field| style.fields.has(field);
    let mut pipe = Pipe::default();
    if !matches!(identity.kind(), Kind::Human | Kind::Unknown) {
        pipe.part("nhi", json);
    }
    pipe.part(identity.kind().as_str(), json);
    if wants(Field::Provider)
        && let Some(provider) = identity.provider()
    {
        pipe.part(provider.as_str(), json);
    }
    if wants(Field::Environment) {
        for environment in identity.environments() {
            pipe.part(environment.as_str(), json);
        }
    }
    if wants(Field::Privilege) && identity.privilege_tier().is_some_and(|tier| tier <= 1) {
        pipe.part("privileged", json);
    }
    if wants(Field::Vendor) && identity.vendor().is_some() {
        pipe.part("third_party", json);
    }
    if wants(Field::LifecycleState)
        && let Some(state) = identity
            .lifecycle_state()
            .filter(|state| *state != LifecycleState::Active)
    {
        pipe.part(state.as_str(), json);
    }
    if wants(Field::FindingName) {
        for finding in context.assessment.findings(assessed) {
            pipe.part(finding.name, json);
        }
    }
}

/// Fields of ours, about the identity that response is about.
fn own(context: &Context<'_, '_, '_>, json: &mut Json<'_>) {
    let style = &context.config.style;
    let wants = |field| style.fields.has(field);
    let Some(assessed) = context.primary() else {
        json.string("nhi_outcome", "no_identity");
        snapshot(context, json);
        return;
    };
    json.string("nhi_role", assessed.role.as_str());
    json.string("nhi_outcome", assessed.outcome.as_str());
    let reference = |name: &str, reference: Option<&str>, json: &mut Json<'_>| {
        if let Some(text) = reference {
            json.name(name);
            json.quoted(|json| reference_text(style, text, json));
        }
    };
    let scope_owner = assessed.scope.as_ref().and_then(|scope| scope.owner);
    if let Some(identity) = &assessed.identity {
        if wants(Field::Uid) {
            json.name("nhi_uid");
            json.text(&identity.uid());
        }
        if wants(Field::Kind) {
            json.string("nhi_kind", identity.kind().as_str());
        }
        if wants(Field::OwnerRef) {
            let owner = identity.owner().or(scope_owner);
            reference("nhi_owner", owner.map(|owner| owner.reference), json);
        }
        if wants(Field::SponsorRef) {
            let sponsor = identity.sponsor();
            reference("nhi_sponsor", sponsor.map(|one| one.reference), json);
        }
        if wants(Field::Service) {
            json.some_string("nhi_service", identity.service());
        }
        if let Some(tier) = identity
            .privilege_tier()
            .filter(|_| wants(Field::PrivilegeTier))
        {
            json.number("nhi_privilege_tier", u64::from(tier));
        }
    } else if wants(Field::ScopeOwnerRef) {
        reference("nhi_owner", scope_owner.map(|owner| owner.reference), json);
    }
    if let Some(credential) = &assessed.credential {
        if wants(Field::CredentialUid) {
            json.string("nhi_credential", credential.uid());
        }
        if let Some(age) = identity::rotation_age(credential, Some(context.time_ms))
            .filter(|_| wants(Field::RotationAge))
        {
            json.signed("nhi_rotation_age_days", age);
        }
        if wants(Field::SecretSource) {
            json.some_string("nhi_secret_source", credential.secret_source());
        }
    } else if let Some(uid) = assessed.unlisted.filter(|_| wants(Field::CredentialUid)) {
        json.string("nhi_credential", context.buffers.get(uid));
    }
    if let Some(judgement) = &assessed.judgement {
        if wants(Field::Verdict) {
            json.string("nhi_behavior", judgement.verdict.as_str());
        }
        let deviations = context.assessment.deviations(judgement);
        if wants(Field::DeviationDimension) && !deviations.is_empty() {
            json.name("nhi_deviations");
            json.quoted(|json| {
                let mut pipe = Pipe::default();
                for deviation in deviations {
                    pipe.part(deviation.dimension.as_str(), json);
                }
            });
        }
    }
    let findings = context.assessment.findings(assessed);
    if wants(Field::FindingName) && !findings.is_empty() {
        json.name("nhi_findings");
        json.quoted(|json| {
            let mut pipe = Pipe::default();
            for finding in findings {
                pipe.part(finding.name, json);
            }
        });
    }
    if let Some(triage) = &context.assessment.triage {
        if wants(Field::Priority) {
            json.string("nhi_triage_priority", triage.rule.priority().as_str());
        }
        if wants(Field::Rule) {
            json.string("nhi_triage_rule", triage.rule.name());
        }
        if wants(Field::Reasons)
            && let Some(assessed) = context.assessment.identities.get(triage.identity)
        {
            json.name("nhi_triage_reasons");
            json.quoted(|json| reasons::write(context, &triage.rule, assessed, true, json));
        }
    }
    let [context_owner, response_owner] = response::owners(assessed);
    if wants(Field::ContextOwner) {
        reference("nhi_context_owner", context_owner, json);
    }
    if wants(Field::ResponseOwner) {
        reference("nhi_response_owner", response_owner, json);
    }
    if let Some(identity) = &assessed.identity {
        if wants(Field::Revocation)
            && let Some(option) = identity.revocations().next()
        {
            json.name("nhi_revocation");
            json.quoted(|json| {
                json.escaped(option.action());
                json.raw(" | ");
                reference_text(style, option.team(), json);
                json.raw(" | ");
                json.digits(u64::from(option.expected_minutes()));
                json.raw(" min");
            });
        }
        if let Some((identities, ..)) = identity
            .blast_radius()
            .filter(|_| wants(Field::BlastRadius))
        {
            json.number("nhi_blast_radius", u64::from(identities));
        }
    }
    let policy = assessed
        .identity
        .as_ref()
        .and_then(|one| one.escalation_policy());
    let of_scope = assessed.scope.as_ref();
    let policy = policy.or_else(|| of_scope.and_then(|scope| scope.escalation_policy));
    if let Some(policy) = policy.filter(|_| wants(Field::Escalation)) {
        json.name("nhi_escalation_policy");
        json.text(&[policy.system, ":", policy.id]);
    }
    snapshot(context, json);
}

fn snapshot(context: &Context<'_, '_, '_>, json: &mut Json<'_>) {
    let Some(layer) = native::layer_of(context) else {
        return;
    };
    let header = layer.snapshot.header();
    json.string("nhi_snapshot_id", header.id());
    json.name("nhi_snapshot_digest");
    json.quoted(|json| native::digest(&header.digest, json));
    if let Some(at) = context.observation.time_ms {
        let age = at.saturating_sub(header.created_ms);
        json.signed("nhi_snapshot_age_s", age.div_euclid(1000));
    }
}
