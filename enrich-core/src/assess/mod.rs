//! Assess: what an event means for each identity in it, and what to do.

pub mod glob;

pub(crate) mod behavior;
pub(crate) mod findings;
pub(crate) mod triage;
pub(crate) mod usage;

use arrayvec::ArrayVec;

use self::behavior::{Deviation, Deviations, Judgement};
use self::findings::{EventFinding, Findings};
use self::triage::Triage;
use self::usage::Usage;
use crate::event::observation::{MAX_IDENTITIES, Observation};
use crate::event::text::{Span, TextBuffers};
use crate::layers::Layers;
use crate::lookup::Resolution;
use crate::snapshot::{CredentialRef, IdentityRef, ScopeRef};
use crate::vocabulary::{Kind, OutcomeKind, Provider, Role};

/// What is known of one identity in one event.
#[derive(Clone, Debug)]
pub(crate) struct Assessed<'s> {
    pub(crate) role: Role,
    pub(crate) outcome: OutcomeKind,
    /// For `matched` and `retired`.
    pub(crate) identity: Option<IdentityRef<'s>>,
    /// The layer that the identity comes from.
    pub(crate) layer: u8,
    pub(crate) credential: Option<CredentialRef<'s>>,
    /// The id of an access key that it used and that the inventory does not list.
    pub(crate) unlisted: Option<Span>,
    /// For those who act and are known.
    pub(crate) judgement: Option<Judgement>,
    /// Range of its findings among those of the event.
    findings: (usize, usize),
    /// For misses and orphans: who answers for the place.
    pub(crate) scope: Option<ScopeRef<'s>>,
}

impl Assessed<'_> {
    /// How much is known to do about it: nothing, whom to ask, how to switch it off.
    fn remedy(&self) -> u8 {
        self.identity.map_or(0, |identity| {
            1 + u8::from(identity.revocations().next().is_some())
        })
    }
}

/// Why the response is about an identity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Because {
    /// No other is in the event.
    #[default]
    Only,
    /// The triage rule fits it.
    Triage,
    /// It holds the credential, and no triage rule fits.
    Actor,
    /// The event names no actor.
    First,
    /// Nothing is known of the one that triage or role would choose, and this one acted too.
    Known,
    /// No way to switch that one off is known, and this one acted too.
    Revocable,
    /// The triage rule fits the identity that this person acted through, and the person can be
    /// switched off.
    Person,
}

impl Because {
    /// The word that outputs carry.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Only => "only",
            Self::Triage => "triage",
            Self::Actor => "actor",
            Self::First => "first",
            Self::Known => "known",
            Self::Revocable => "revocable",
            Self::Person => "person",
        }
    }
}

/// What an event means. It is large and made in its place: to return it would be to copy it.
#[derive(Debug, Default)]
pub(crate) struct Assessment<'s> {
    pub(crate) identities: ArrayVec<Assessed<'s>, MAX_IDENTITIES>,
    /// Those of all identities.
    findings: Findings<'s>,
    deviations: Deviations<'s>,
    pub(crate) triage: Option<Triage<'s>>,
    /// The identity that response is about.
    pub(crate) primary: Option<usize>,
    /// Why that one.
    pub(crate) primary_because: Because,
}

impl<'s> Assessment<'s> {
    /// The findings of an identity.
    pub(crate) fn findings(&self, assessed: &Assessed<'_>) -> &[EventFinding<'s>] {
        let (from, to) = assessed.findings;
        self.findings.get(from..to).unwrap_or_default()
    }

    /// The dimensions in which an event does not fit an identity.
    pub(crate) fn deviations(&self, judgement: &Judgement) -> &[Deviation<'s>] {
        let (from, to) = judgement.deviations;
        self.deviations.get(from..to).unwrap_or_default()
    }
}

/// Assesses an event, into an empty assessment. `time_ms` is the time at which keys were resolved.
pub(crate) fn assess<'s>(
    layers: &'s Layers<'_>,
    buffers: &TextBuffers<'_>,
    observation: &Observation,
    resolutions: &[Resolution],
    time_ms: i64,
    out: &mut Assessment<'s>,
) {
    for (observed, resolution) in observation.identities.iter().zip(resolutions) {
        let identity = resolution.holder.and_then(|holder| layers.identity(holder));
        let acts = matches!(observed.role, Role::Actor | Role::Effective);
        let credential = identity.as_ref().and_then(|identity| {
            findings::credential_used(buffers, observation.keys_of(observed), identity)
        });
        let unlisted = identity
            .as_ref()
            .filter(|_| acts && credential.is_none() && resolution.outcome == OutcomeKind::Matched)
            .and_then(|identity| {
                findings::unlisted(buffers, observation.keys_of(observed), identity)
            });
        let judgement = identity.as_ref().filter(|_| acts).map(|identity| {
            behavior::judge(
                layers,
                buffers,
                identity,
                &observation.facts,
                observation.time_ms,
                &mut out.deviations,
            )
        });
        let findings_from = out.findings.len();
        if let Some(identity) = &identity {
            let usage = Usage {
                layers,
                buffers,
                observation,
                role: observed.role,
                outcome: resolution.outcome,
                identity,
                credential: credential.as_ref(),
                is_unlisted: unlisted.is_some(),
                time_ms,
            };
            findings::collect(&usage, &mut out.findings);
        }
        // No alert is nobody's: an unknown identity and an orphan are asked about at their place.
        let nobody = identity
            .as_ref()
            .is_none_or(|identity| identity.is_without_answer());
        let scope = if nobody {
            let (domain, part) = (buffers.get(observed.domain), buffers.get(observed.part));
            owned(layers, observed.provider, domain, part).or_else(|| {
                let (provider, domain, part) = place(buffers, observation)?;
                owned(layers, provider, domain, part)
            })
        } else {
            None
        };
        let _ = out.identities.try_push(Assessed {
            role: observed.role,
            outcome: resolution.outcome,
            identity,
            layer: resolution.holder.map_or(0, |holder| holder.layer),
            credential,
            unlisted,
            judgement,
            findings: (findings_from, out.findings.len()),
            scope,
        });
    }
    let rules_of = triage::layer_with_rules(layers);
    out.triage = rules_of.and_then(|layer| triage::triage(layer.snapshot.rules(), out, time_ms));
    let triaged = out.triage.map(|triage| triage.identity);
    if let Some((primary, because)) = response_about(&out.identities, triaged) {
        out.primary = Some(primary);
        out.primary_because = because;
    }
}

/// The identity that the response is about, and why: the one that triage chose, else the actor,
/// unless less is known to do about it than about another one that acted. What a person did through
/// another identity ends with the person: whoever switches the other one off stops what runs as it,
/// and leaves the person the credential.
fn response_about(identities: &[Assessed<'_>], triaged: Option<usize>) -> Option<(usize, Because)> {
    let actor = || {
        identities
            .iter()
            .position(|identity| identity.role == Role::Actor)
    };
    let (chosen, because) = match (triaged, actor()) {
        (Some(triaged), Some(actor)) if is_behind(identities, actor, triaged) => {
            (actor, Because::Person)
        }
        (Some(triaged), _) => (triaged, Because::Triage),
        (None, Some(actor)) => (actor, Because::Actor),
        (None, None) => (0, Because::First),
    };
    let mut best = identities.get(chosen)?.remedy();
    if identities.len() == 1 {
        return Some((chosen, Because::Only));
    }
    let mut about = (chosen, because);
    for (number, identity) in identities.iter().enumerate() {
        let remedy = identity.remedy();
        if remedy > best && matches!(identity.role, Role::Actor | Role::Effective) {
            best = remedy;
            about = if remedy == 1 {
                (number, Because::Known)
            } else {
                (number, Because::Revocable)
            };
        }
    }
    Some(about)
}

/// Whether an actor is a person who can be switched off and acted through another identity.
fn is_behind(identities: &[Assessed<'_>], actor: usize, other: usize) -> bool {
    let (actor, other) = (identities.get(actor), identities.get(other));
    other.is_some_and(|other| other.role == Role::Effective)
        && actor.is_some_and(|actor| {
            let kind = actor.identity.map(|identity| identity.kind());
            kind == Some(Kind::Human) && actor.remedy() == 2
        })
}

/// Where the event happened: provider, account or cluster, namespace.
fn place<'b>(
    buffers: &'b TextBuffers<'_>,
    observation: &Observation,
) -> Option<(Provider, &'b str, &'b str)> {
    Some((
        observation.scope_provider?,
        buffers.get(observation.scope_domain),
        buffers.get(observation.scope_part),
    ))
}

/// A namespace that somebody owns, else its account or cluster.
fn owned<'s>(
    layers: &'s Layers<'_>,
    provider: Provider,
    domain: &str,
    part: &str,
) -> Option<ScopeRef<'s>> {
    [part, ""].iter().find_map(|part| {
        layers
            .scope(provider, domain, part)
            .filter(|scope| scope.owner.is_some())
    })
}
