//! Assess: what an event means for each identity in it, and what to do.

pub mod glob;

pub(crate) mod behavior;
pub(crate) mod findings;
pub(crate) mod triage;

use arrayvec::ArrayVec;

use self::behavior::{Deviation, Deviations, Judgement};
use self::findings::{EventFinding, Findings};
use self::triage::Triage;
use crate::event::observation::{MAX_IDENTITIES, Observation};
use crate::event::text::TextBuffers;
use crate::layers::Layers;
use crate::lookup::Resolution;
use crate::snapshot::{CredentialRef, IdentityRef, ScopeRef};
use crate::vocabulary::{OutcomeKind, Role};

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
    /// For those who act and are known.
    pub(crate) judgement: Option<Judgement>,
    /// Range of its findings among those of the event.
    findings: (usize, usize),
    /// For misses and orphans: who answers for the place.
    pub(crate) scope: Option<ScopeRef<'s>>,
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
            findings::collect(
                observed,
                &observation.facts,
                identity,
                credential.as_ref(),
                resolution.outcome,
                time_ms,
                &mut out.findings,
            );
        }
        // No alert is nobody's: an unknown identity and an orphan are asked about at their place.
        let nobody = identity
            .as_ref()
            .is_none_or(|identity| identity.is_without_answer());
        let scope = if nobody {
            let (domain, part) = (buffers.get(observed.domain), buffers.get(observed.part));
            layers
                .scope(observed.provider, domain, part)
                .filter(|scope| scope.owner.is_some())
                .or_else(|| {
                    layers
                        .scope(observed.provider, domain, "")
                        .filter(|scope| scope.owner.is_some())
                })
                .or_else(|| place(layers, buffers, observation))
        } else {
            None
        };
        let _ = out.identities.try_push(Assessed {
            role: observed.role,
            outcome: resolution.outcome,
            identity,
            layer: resolution.holder.map_or(0, |holder| holder.layer),
            credential,
            judgement,
            findings: (findings_from, out.findings.len()),
            scope,
        });
    }
    let rules_of = triage::layer_with_rules(layers);
    out.triage = rules_of.and_then(|layer| triage::triage(layer.snapshot.rules(), out, time_ms));
    let identities = &out.identities;
    out.primary = out.triage.map(|triage| triage.identity).or_else(|| {
        identities
            .iter()
            .position(|identity| identity.role == Role::Actor)
            .or_else(|| (!identities.is_empty()).then_some(0))
    });
}

/// The owner of the place where the event happened: its namespace, else its account or cluster.
fn place<'s>(
    layers: &'s Layers<'_>,
    buffers: &TextBuffers<'_>,
    observation: &Observation,
) -> Option<ScopeRef<'s>> {
    let provider = observation.scope_provider?;
    let domain = buffers.get(observation.scope_domain);
    let part = buffers.get(observation.scope_part);
    layers
        .scope(provider, domain, part)
        .filter(|scope| scope.owner.is_some())
        .or_else(|| {
            layers
                .scope(provider, domain, "")
                .filter(|scope| scope.owner.is_some())
        })
}
