//! The native rendering: one member `whose`. Member order is fixed; absent facts are absent.

use alloc::vec::Vec;

use super::json::Json;
use super::reasons;
use crate::assess::findings::{DAY_MS, EventFinding, Evidence};
use crate::assess::{Assessed, Assessment, Because, behavior};
use crate::event::observation::{Observation, Observed};
use crate::event::text::TextBuffers;
use crate::layers::Layers;
use crate::lookup::Resolution;
use crate::snapshot::{
    CredentialRef, EntityRef, EscalationRef, Header, IdentityRef, RevocationRef, ScopeRef, TimeFact,
};
use crate::vocabulary::{Dimension, Environment, OutcomeKind, OwnerStatus};

/// Most allowed values of a deviation that are written.
const MAX_EXPECTED: usize = 8;
/// Longest seen value of a deviation.
const MAX_SEEN: usize = 256;

/// Everything that one event's context is made of.
pub(crate) struct Context<'c, 's, 'a> {
    pub(crate) layers: &'s Layers<'a>,
    pub(crate) buffers: &'c TextBuffers<'c>,
    pub(crate) observation: &'c Observation,
    pub(crate) resolutions: &'c [Resolution],
    pub(crate) assessment: &'c Assessment<'s>,
    /// When keys were resolved.
    pub(crate) time_ms: i64,
}

/// Writes `{"v":1,…}`.
pub(crate) fn write(context: &Context<'_, '_, '_>, out: &mut Json<'_>) {
    out.object(|out| {
        out.number("v", 1);
        if context.observation.identities.is_empty() {
            out.string("outcome", "no_identity");
        }
        out.member("identities", |out| {
            out.array(|out| {
                for ((observed, resolution), assessed) in context
                    .observation
                    .identities
                    .iter()
                    .zip(context.resolutions)
                    .zip(&context.assessment.identities)
                {
                    out.element(|out| {
                        out.object(|out| identity(context, observed, resolution, assessed, out))
                    });
                }
            });
        });
        if let Some(triage) = &context.assessment.triage {
            let assessed = context.assessment.identities.get(triage.identity);
            out.member("triage", |out| {
                out.object(|out| {
                    out.string("priority", triage.rule.priority().as_str());
                    out.string("rule", triage.rule.name());
                    if let Some(assessed) = assessed {
                        out.member("reasons", |out| {
                            out.array(|out| reasons::write(context, &triage.rule, assessed, out))
                        });
                    }
                });
            });
        }
        response(context, out);
        snapshot(context, out);
    });
}

fn identity(
    context: &Context<'_, '_, '_>,
    observed: &Observed,
    resolution: &Resolution,
    assessed: &Assessed<'_>,
    out: &mut Json<'_>,
) {
    out.string("role", assessed.role.as_str());
    out.string("outcome", assessed.outcome.as_str());
    // What the event says; the record's `agent` says what the inventory knows.
    if observed.is_agent {
        out.bool("acted_as_agent", true);
    }
    // The key that decided; for a miss the first, which is the strongest that the event shows.
    let keys = context.observation.keys_of(observed);
    if let Some(key) = keys.get(resolution.key.unwrap_or(0)) {
        out.member("key", |out| {
            out.object(|out| {
                out.string("type", key.key_type.as_str());
                out.some_string("domain", Some(context.buffers.get(key.domain)));
                out.string("value", context.buffers.get(key.value));
            });
        });
    }
    if resolution.outcome == OutcomeKind::Ambiguous {
        out.number("candidate_count", resolution.candidate_count as u64);
        out.member("candidates", |out| {
            out.array(|out| {
                for holder in &resolution.candidates {
                    if let Some(candidate) = context.layers.identity(*holder) {
                        out.element(|out| {
                            out.object(|out| {
                                out.member("uid", |out| out.text(&candidate.uid()));
                                out.string("name", candidate.name());
                                out.some_string(
                                    "owner",
                                    candidate.owner().map(|owner| owner.reference),
                                );
                            });
                        });
                    }
                }
            });
        });
    }
    if let Some(scope) = &assessed.scope {
        out.member("scope_owner", |out| {
            out.object(|out| scope_owner(scope, out))
        });
    }
    let Some(identity) = &assessed.identity else {
        return;
    };
    facts(identity, out);
    if let Some(credential) = &assessed.credential {
        out.member("credential", |out| {
            out.object(|out| self::credential(credential, Some(context.time_ms), out))
        });
    }
    out.strings("workloads", identity.workloads());
    if let Some(judgement) = &assessed.judgement {
        out.member("behavior", |out| {
            out.object(|out| {
                out.string("verdict", judgement.verdict.as_str());
                let deviations = context.assessment.deviations(judgement);
                if !deviations.is_empty() {
                    out.member("deviations", |out| {
                        out.array(|out| {
                            for deviation in deviations {
                                out.element(|out| {
                                    out.object(|out| self::deviation(context, deviation, out))
                                });
                            }
                        });
                    });
                }
            });
        });
    }
    let findings = context.assessment.findings(assessed);
    if !findings.is_empty() {
        out.member("findings", |out| {
            out.array(|out| {
                for finding in findings {
                    out.element(|out| {
                        out.object(|out| self::finding(finding, context.time_ms, out))
                    });
                }
            });
        });
    }
}

/// What an identity is, who answers for it, what it may do.
pub(crate) fn facts(identity: &IdentityRef<'_>, out: &mut Json<'_>) {
    out.member("uid", |out| out.text(&identity.uid()));
    out.string("name", identity.name());
    out.string("kind", identity.kind().as_str());
    out.some_string("sub_type", identity.sub_type());
    out.some_string(
        "provider",
        identity.provider().map(|provider| provider.as_str()),
    );
    out.some_string("domain", Some(identity.domain()));
    out.some_string("purpose", identity.purpose());
    let (framework, parent) = identity.agent();
    if framework.is_some() || parent.is_some() {
        out.member("agent", |out| {
            out.object(|out| {
                out.some_string("framework", framework);
                out.some_string("parent", parent);
            });
        });
    }
    if let Some(owner) = identity.owner() {
        out.member("owner", |out| {
            out.object(|out| {
                entity(&owner, out);
                if identity.owner_status() != OwnerStatus::Unknown {
                    out.string("status", identity.owner_status().as_str());
                }
                out.some_string("source", identity.owner_source());
            });
        });
    }
    if let Some(sponsor) = identity.sponsor() {
        out.member("sponsor", |out| out.object(|out| entity(&sponsor, out)));
    }
    out.strings("secondary_owners", identity.secondary_owners());
    out.some_string("service", identity.service());
    out.some_string("vendor", identity.vendor());
    out.strings(
        "environment",
        identity
            .environments()
            .map(|environment| environment.as_str()),
    );
    out.some_string(
        "criticality",
        identity
            .criticality()
            .map(|criticality| criticality.as_str()),
    );
    if identity.privilege_tier().is_some() || identity.privilege_level().is_some() {
        out.member("privilege", |out| {
            out.object(|out| {
                if let Some(tier) = identity.privilege_tier() {
                    out.number("tier", u64::from(tier));
                }
                out.some_string(
                    "level",
                    identity.privilege_level().map(|level| level.as_str()),
                );
                out.strings("basis", identity.privilege_basis());
            });
        });
    }
    // Active is what everybody expects; anything else is worth a member.
    if let Some(state) = identity
        .lifecycle_state()
        .filter(|state| *state != crate::vocabulary::LifecycleState::Active)
    {
        out.string("lifecycle_state", state.as_str());
    }
    if let Some(at) = identity.retired_ms() {
        out.time("retired", at);
    }
}

pub(crate) fn entity(entity: &EntityRef<'_>, out: &mut Json<'_>) {
    out.string("ref", entity.reference);
    out.some_string("name", entity.name);
    out.some_string("contact", entity.contact);
}

pub(crate) fn escalation(policy: &EscalationRef<'_>, out: &mut Json<'_>) {
    out.string("system", policy.system);
    out.string("id", policy.id);
    out.some_string("url", policy.url);
}

fn scope_owner(scope: &ScopeRef<'_>, out: &mut Json<'_>) {
    if let Some(owner) = &scope.owner {
        entity(owner, out);
    }
    out.some_string("provider", scope.provider.map(|provider| provider.as_str()));
    out.string("domain", scope.domain);
    out.some_string("part", Some(scope.part));
    out.some_string("scope", scope.name);
}

/// A time in its four states; unknown is absent.
pub(crate) fn time(name: &str, time: TimeFact, out: &mut Json<'_>) {
    match time {
        TimeFact::Unknown => {}
        TimeFact::NotTracked => out.string(name, "not_tracked"),
        TimeFact::Never => out.string(name, "never"),
        TimeFact::NeverSince(ms) => out.member(name, |out| {
            out.quoted(|out| {
                out.raw("never since ");
                out.plain_time(ms);
            });
        }),
        TimeFact::At(ms) => out.time(name, ms),
    }
}

/// A credential; with the age that it has at `at_ms`.
pub(crate) fn credential(credential: &CredentialRef<'_>, at_ms: Option<i64>, out: &mut Json<'_>) {
    out.string("uid", credential.uid());
    out.some_string("type", Some(credential.credential_type()));
    time("created", credential.created(), out);
    time("last_rotated", credential.last_rotated(), out);
    let rotated = credential
        .last_rotated()
        .at()
        .or_else(|| credential.created().at());
    if let (Some(rotated), Some(at)) = (rotated, at_ms) {
        out.signed(
            "rotation_age_days",
            at.saturating_sub(rotated).div_euclid(DAY_MS),
        );
    }
    if let Some(days) = credential.max_age_days() {
        out.number("max_age_days", u64::from(days));
    }
    time("expires", credential.expires(), out);
    time("last_used", credential.last_used(), out);
    if credential.status() != crate::vocabulary::CredentialStatus::Unknown {
        out.string("status", credential.status().as_str());
    }
    out.some_string("secret_source", credential.secret_source());
}

fn deviation(
    context: &Context<'_, '_, '_>,
    deviation: &behavior::Deviation<'_>,
    out: &mut Json<'_>,
) {
    out.string("dimension", deviation.dimension.as_str());
    if deviation.dimension == Dimension::Hours {
        out.member("seen", |out| out.quoted(|out| hour(deviation.hour, out)));
    } else {
        let seen = context.buffers.get(deviation.seen);
        out.member("seen", |out| {
            out.quoted(|out| out.escaped_to(seen, MAX_SEEN));
        });
    }
    if deviation.dimension == Dimension::Network
        && let Some(address) = context.observation.facts.source_address
        && let Some(name) = context.layers.iter().find_map(|layer| {
            layer
                .snapshot
                .networks_of(address)
                .iter()
                .next()
                .map(|(name, _)| name)
        })
    {
        out.string("seen_network", name);
    }
    out.strings("expected", deviation.expected.allowed().take(MAX_EXPECTED));
    if let Some(words) = deviation.expected.hours() {
        out.member("expected", |out| out.array(|out| hours(words, out)));
    }
    out.string("basis", deviation.expected.basis().as_str());
    let (days, samples) = deviation.expected.evidence();
    if days != 0 || samples != 0 {
        out.number("window_days", u64::from(days));
        out.number("samples", u64::from(samples));
    }
}

/// An hour of the week, as `fri 07:00`.
pub(crate) fn hour(hour: u8, out: &mut Json<'_>) {
    day(hour / 24, out);
    out.raw(" ");
    of_day(hour % 24, out);
}

fn day(day: u8, out: &mut Json<'_>) {
    const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    out.raw(DAYS.get(usize::from(day)).copied().unwrap_or(""));
}

fn of_day(hour: u8, out: &mut Json<'_>) {
    if hour < 10 {
        out.raw("0");
    }
    out.digits(u64::from(hour));
    out.raw(":00");
}

/// Expected hours as a policy writes them, a part an element: `mon-fri 06:00-20:00`.
fn hours(words: [u32; 6], out: &mut Json<'_>) {
    let mut left = MAX_EXPECTED;
    behavior::spans(words, &mut |[first, last, from, to]| {
        if left == 0 {
            return;
        }
        left -= 1;
        out.element(|out| {
            out.quoted(|out| {
                day(first, out);
                if last > first {
                    out.raw("-");
                    day(last, out);
                }
                out.raw(" ");
                of_day(from, out);
                out.raw("-");
                of_day(to, out);
            });
        });
    });
}

pub(crate) fn finding(finding: &EventFinding<'_>, time_ms: i64, out: &mut Json<'_>) {
    out.string("name", finding.name);
    out.some_string("owasp", finding.owasp);
    out.string("severity", finding.severity.as_str());
    out.member("evidence", |out| {
        out.quoted(|out| match finding.evidence {
            Evidence::Text(text) => out.escaped(text),
            Evidence::Rotated { days, limit } => {
                out.raw("rotated ");
                before_event(days, limit, out);
            }
            Evidence::EndedAt(ms) => {
                out.raw("expired at ");
                out.plain_time(ms);
            }
            Evidence::State(text) => out.raw(text),
            Evidence::RetiredAt(ms) => {
                out.raw("retired at ");
                out.plain_time(ms);
            }
            Evidence::Interactive => {
                out.raw("console login or console session by a non-human identity")
            }
            Evidence::Named(before, name, after) => {
                out.raw(before);
                out.escaped(name);
                out.raw(after);
            }
            Evidence::Unused {
                credential,
                at,
                days,
                limit,
            } => {
                if !credential.is_empty() {
                    out.raw("credential ");
                    out.escaped(credential);
                    out.raw(" ");
                }
                out.raw("last used ");
                out.plain_time(at);
                out.raw(", ");
                before_event(days, limit, out);
            }
            Evidence::Replaced {
                old,
                new,
                at,
                days,
                grace,
            } => {
                out.escaped(old);
                out.raw(" replaced by ");
                out.escaped(new);
                out.raw(" of ");
                out.plain_time(at);
                out.raw(", ");
                before_event(days, grace, out);
            }
            Evidence::Outside { place, own } => {
                out.raw("in ");
                environments(place, out);
                out.raw(", the identity is of ");
                environments(own, out);
            }
        });
    });
    if let Some((until, reason)) = finding.exception {
        out.member("exception", |out| {
            out.object(|out| {
                out.time("until", until);
                out.some_string("reason", Some(reason));
                out.bool("in_force", finding.is_accepted(time_ms));
            });
        });
    }
}

/// A count of days and its limit.
fn before_event(days: i64, limit: u16, out: &mut Json<'_>) {
    out.integer(days);
    out.raw(" days before the event, limit ");
    out.digits(u64::from(limit));
}

/// The words of a mask of environments.
fn environments(mask: u32, out: &mut Json<'_>) {
    let mut between = "";
    for word in Environment::ALL {
        if mask >> word.code() & 1 == 1 {
            out.raw(between);
            out.raw(word.as_str());
            between = ", ";
        }
    }
}

pub(crate) fn revocation(option: &RevocationRef<'_>, out: &mut Json<'_>) {
    out.string("action", option.action());
    out.some_string("system", Some(option.system()));
    out.some_string("team", Some(option.team()));
    out.number("expected_minutes", u64::from(option.expected_minutes()));
    out.some_string("runbook", option.runbook());
    out.strings("breaks", option.breaks());
}

/// Who explains, who switches off, how, and who is paged: for the identity that matters most.
fn response(context: &Context<'_, '_, '_>, out: &mut Json<'_>) {
    let Some(assessed) = context
        .assessment
        .primary
        .and_then(|primary| context.assessment.identities.get(primary))
    else {
        return;
    };
    let scope = assessed.scope.as_ref();
    match &assessed.identity {
        Some(identity) if can_respond(identity, scope) => {
            out.member("response", |out| {
                out.object(|out| {
                    about(context, assessed, out);
                    of_identity(identity, scope, out);
                });
            });
        }
        None if scope.is_some_and(|scope| scope.owner.is_some()) => {
            out.member("response", |out| {
                out.object(|out| {
                    about(context, assessed, out);
                    of_place(scope, out);
                });
            });
        }
        _ => {}
    }
}

/// Whom of several identities the response is about, and why that one.
fn about(context: &Context<'_, '_, '_>, assessed: &Assessed<'_>, out: &mut Json<'_>) {
    let because = context.assessment.primary_because;
    if because == Because::Only {
        return;
    }
    out.member("about", |out| {
        out.object(|out| {
            out.string("role", assessed.role.as_str());
            if let Some(identity) = &assessed.identity {
                out.member("uid", |out| out.text(&identity.uid()));
            }
            out.string("because", because.as_str());
        });
    });
}

/// Nothing is known of the identity: whoever answers for the place explains and switches off.
fn of_place(scope: Option<&ScopeRef<'_>>, out: &mut Json<'_>) {
    let Some(scope) = scope else { return };
    let owner = scope.owner.map(|owner| owner.reference);
    out.some_string("context_owner", owner);
    out.some_string("response_owner", owner);
    if let Some(policy) = &scope.escalation_policy {
        out.member("escalation_policy", |out| {
            out.object(|out| escalation(policy, out));
        });
    }
}

/// Whether there is anything to say about a response.
fn can_respond(identity: &IdentityRef<'_>, scope: Option<&ScopeRef<'_>>) -> bool {
    scope.is_some_and(|scope| scope.owner.is_some())
        || !identity.is_without_answer()
        || identity.context_owner().is_some()
        || identity.response_owner().is_some()
        || identity.escalation_policy().is_some()
        || identity.revocations().next().is_some()
}

/// The response part of an identity. Where none is named, the owner explains, and the owner, then
/// the sponsor, then whoever answers for the place, switches off.
pub(crate) fn of_identity(
    identity: &IdentityRef<'_>,
    scope: Option<&ScopeRef<'_>>,
    out: &mut Json<'_>,
) {
    let owner = identity
        .owner()
        .filter(|_| identity.owner_status() != OwnerStatus::Departed)
        .map(|owner| owner.reference);
    let sponsor = identity.sponsor().map(|sponsor| sponsor.reference);
    let place = scope
        .and_then(|scope| scope.owner)
        .map(|owner| owner.reference);
    out.some_string(
        "context_owner",
        identity.context_owner().or(owner).or(sponsor).or(place),
    );
    out.some_string(
        "response_owner",
        identity.response_owner().or(owner).or(sponsor).or(place),
    );
    let mut options = identity.revocations().peekable();
    if options.peek().is_some() {
        out.member("revocation", |out| {
            out.array(|out| {
                options.for_each(|option| {
                    out.element(|out| out.object(|out| revocation(&option, out)));
                });
            });
        });
    }
    let policy = identity
        .escalation_policy()
        .or_else(|| scope.and_then(|scope| scope.escalation_policy));
    if let Some(policy) = policy {
        out.member("escalation_policy", |out| {
            out.object(|out| escalation(&policy, out));
        });
    }
}

/// What is said about a snapshot whatever the event: members of an object.
pub(crate) fn snapshot_facts(header: &Header) -> Vec<u8> {
    let mut facts = Vec::new();
    let mut out = Json::new(&mut facts);
    out.string("id", header.id());
    out.member("digest", |out| {
        out.quoted(|out| digest(&header.digest, out))
    });
    out.time("created", header.created_ms);
    facts
}

/// Which snapshot said all this, and how old it was.
fn snapshot(context: &Context<'_, '_, '_>, out: &mut Json<'_>) {
    let number = context
        .assessment
        .primary
        .and_then(|primary| context.assessment.identities.get(primary))
        .map_or(0, |assessed| assessed.layer);
    let Some(layer) = context.layers.get(number) else {
        return;
    };
    let header = layer.snapshot.header();
    out.member("snapshot", |out| {
        out.object(|out| {
            out.members(&layer.said);
            match context.observation.time_ms {
                Some(at) => {
                    let age = at.saturating_sub(header.created_ms).div_euclid(1000);
                    out.signed("age_at_event_s", age);
                    if header.valid_for_s != 0 {
                        out.bool(
                            "fresh",
                            age <= i64::try_from(header.valid_for_s).unwrap_or(i64::MAX),
                        );
                    }
                }
                // Keys were resolved at the snapshot's creation, for want of a better time.
                None => out.string("event_time", "absent"),
            }
            out.string("integrity", layer.snapshot.integrity().as_str());
            if context.layers.iter().nth(1).is_some() {
                out.member("layers", |out| {
                    out.array(|out| {
                        for layer in context.layers.iter() {
                            out.element(|out| {
                                out.quoted(|out| digest(&layer.snapshot.header().digest, out))
                            });
                        }
                    });
                });
            }
        });
    });
}

pub(crate) fn digest(digest: &[u8; 32], out: &mut Json<'_>) {
    out.raw("blake3:");
    out.hex(digest);
}
