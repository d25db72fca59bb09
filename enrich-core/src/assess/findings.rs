//! Findings: those of the snapshot, and those that only the event's time or manner shows.

use arrayvec::ArrayVec;

use super::usage::Usage;
use crate::event::observation::{MAX_IDENTITIES, ObservedKey};
use crate::event::text::{Span, TextBuffers};
use crate::key::KeyType;
use crate::snapshot::{CredentialRef, FindingRef, IdentityRef, TimeFact};
use crate::vocabulary::{
    CredentialStatus, Criticality, Kind, LifecycleState, OutcomeKind, OwnerStatus, Role, Severity,
};

/// Milliseconds in a day.
pub(crate) const DAY_MS: i64 = 86_400_000;

/// What a finding rests on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Evidence<'s> {
    /// As the snapshot words it.
    Text(&'s str),
    /// Days between last rotation and the event, and the limit.
    Rotated { days: i64, limit: u16 },
    /// When the credential ended.
    EndedAt(i64),
    /// The state of credential or identity.
    State(&'static str),
    /// When the identity was removed.
    RetiredAt(i64),
    /// A console login or session.
    Interactive,
    /// Some words, a name, and some more words.
    Named(&'static str, &'s str, &'static str),
    /// The last use, days between it and the event, and the limit. The credential, or empty when the
    /// identity is meant.
    Unused {
        credential: &'s str,
        at: i64,
        days: i64,
        limit: u16,
    },
    /// The credential that was used, the one that replaced it and when, days between that and the
    /// event, and the grace.
    Replaced {
        old: &'s str,
        new: &'s str,
        at: i64,
        days: i64,
        grace: u16,
    },
    /// How many access keys of the identity the inventory lists, none of which was used.
    Unlisted(u64),
    /// The environments of the place and those of the identity, as masks.
    Outside { place: u32, own: u32 },
}

/// One finding of an event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EventFinding<'s> {
    pub(crate) name: &'s str,
    pub(crate) owasp: Option<&'s str>,
    pub(crate) severity: Severity,
    pub(crate) evidence: Evidence<'s>,
    pub(crate) exception: Option<(i64, &'s str)>,
    /// Its row, where all of it is the snapshot's.
    pub(crate) row: Option<u32>,
}

impl EventFinding<'_> {
    /// Whether the finding is accepted at that time.
    pub(crate) fn is_accepted(&self, time_ms: i64) -> bool {
        self.exception.is_some_and(|(until, _)| time_ms < until)
    }
}

/// Most findings of one identity in one event.
const MOST: usize = 16;

/// All findings of one event.
pub(crate) type Findings<'s> = ArrayVec<EventFinding<'s>, { MOST * MAX_IDENTITIES }>;

/// The credential that the event shows.
pub(crate) fn credential_used<'s>(
    buffers: &TextBuffers<'_>,
    keys: &[ObservedKey],
    identity: &IdentityRef<'s>,
) -> Option<CredentialRef<'s>> {
    keys.iter()
        .filter(|key| is_credential(key.key_type))
        .find_map(|key| {
            identity
                .credentials()
                .find(|credential| credential.uid() == buffers.get(key.value))
        })
}

/// A long-term access key of AWS that the event shows and the inventory does not list, although it
/// lists access keys of the identity by their ids: made after the snapshot, or unknown to those who
/// keep the inventory. A temporary key is in no inventory, and where keys are not listed by id
/// (credential reports), nothing can be compared.
pub(crate) fn unlisted(
    buffers: &TextBuffers<'_>,
    keys: &[ObservedKey],
    identity: &IdentityRef<'_>,
) -> Option<Span> {
    let key = keys
        .iter()
        .find(|key| key.key_type == KeyType::AwsAccessKeyId)?;
    let value = buffers.get(key.value);
    let is_long_term = |uid: &str| uid.starts_with("AKIA");
    let mut listed = access_keys(identity).peekable();
    let is_comparable = listed.peek().is_some() && listed.all(is_long_term);
    // An alias that is no credential is a key of the past, or one that somebody wrote down.
    let is_alias = || {
        identity
            .aliases()
            .any(|alias| alias.key_type == KeyType::AwsAccessKeyId && alias.value_is(value))
    };
    (is_long_term(value) && is_comparable && !is_alias()).then_some(key.value)
}

/// The ids of the access keys that the inventory lists.
fn access_keys<'s>(identity: &IdentityRef<'s>) -> impl Iterator<Item = &'s str> {
    identity
        .credentials()
        .filter(|credential| credential.credential_type() == "access_key")
        .map(|credential| credential.uid())
}

const fn is_credential(key_type: KeyType) -> bool {
    matches!(
        key_type,
        KeyType::AwsAccessKeyId
            | KeyType::GcpKeyId
            | KeyType::EntraKeyId
            | KeyType::GithubTokenId
            | KeyType::GithubTokenHash
            | KeyType::OktaTokenId
            | KeyType::VaultAccessor
    )
}

// Called from many places: inlined, it would be most of the code here. `owasp` may be empty.
#[inline(never)]
fn add<'s>(
    out: &mut Findings<'s>,
    name: &'static str,
    owasp: &'static str,
    severity: Severity,
    evidence: Evidence<'s>,
) {
    let _ = out.try_push(EventFinding {
        name,
        owasp: (!owasp.is_empty()).then_some(owasp),
        severity,
        evidence,
        exception: None,
        row: None,
    });
}

/// Collects the findings of one identity, at most [`MOST`].
pub(crate) fn collect<'s>(usage: &Usage<'_, 's>, out: &mut Findings<'s>) {
    let (identity, time_ms) = (usage.identity, usage.time_ms);
    let from = out.len();
    let is_target = usage.role == Role::Target;
    let mut add = |name, owasp, severity, evidence| add(out, name, owasp, severity, evidence);
    let is_known = usage.outcome == OutcomeKind::Matched;
    if let Some(at) = identity
        .retired_ms()
        .filter(|_| !is_target && usage.outcome == OutcomeKind::Retired)
    {
        add(
            "retired_identity_used",
            "NHI1:2025",
            Severity::Critical,
            Evidence::RetiredAt(at),
        );
    }
    if is_known && !is_target {
        if identity.lifecycle_state() == Some(LifecycleState::Disabled) {
            add(
                "disabled_identity_used",
                "NHI1:2025",
                Severity::High,
                Evidence::State("the identity is disabled"),
            );
        } else if let Some(evidence) = usage.dormant() {
            add(
                "dormant_identity_used",
                "NHI1:2025",
                Severity::Medium,
                evidence,
            );
        }
        if let Some(evidence) = usage.human() {
            add(
                "human_use_suspected",
                "NHI10:2025",
                Severity::High,
                evidence,
            );
        }
    }
    if is_known
        && matches!(usage.role, Role::Actor | Role::Effective)
        && let Some((severity, evidence)) = usage.outside()
    {
        add("outside_environment", "NHI8:2025", severity, evidence);
    }
    if usage.is_unlisted {
        // Not one of OWASP's ten: they are about what the owner of an identity leaves undone.
        let listed = access_keys(identity).count() as u64;
        add(
            "unlisted_credential_used",
            "",
            Severity::High,
            Evidence::Unlisted(listed),
        );
    }
    let mut judged_rotation = false;
    if let Some(credential) = usage.credential.filter(|_| !is_target) {
        let is_off = matches!(
            credential.status(),
            CredentialStatus::Inactive | CredentialStatus::Revoked
        );
        // It was still in use when the event happened, so it was switched off later.
        let is_off = is_off
            && credential
                .last_used()
                .at()
                .is_none_or(|last| last / 1000 < time_ms / 1000);
        if is_off {
            add(
                "inactive_credential_used",
                "NHI1:2025",
                Severity::High,
                Evidence::State("the credential is inactive"),
            );
        }
        if let Some(evidence) = usage.replaced(credential, is_off) {
            add(
                "rotated_credential_used",
                "NHI1:2025",
                Severity::Medium,
                evidence,
            );
        }
        if let TimeFact::At(ended) = credential.expires()
            && ended <= time_ms
        {
            add(
                "expired_credential_used",
                "NHI7:2025",
                Severity::High,
                Evidence::EndedAt(ended),
            );
        }
        let rotated = credential
            .last_rotated()
            .at()
            .or_else(|| credential.created().at());
        if let (Some(rotated), Some(limit)) = (rotated, credential.max_age_days()) {
            judged_rotation = true;
            let days = time_ms.saturating_sub(rotated).div_euclid(DAY_MS);
            if days > i64::from(limit) {
                add(
                    "long_lived_secret",
                    "NHI7:2025",
                    Severity::High,
                    Evidence::Rotated { days, limit },
                );
            }
        }
    }
    let of_event = out.len();
    for finding in identity.findings() {
        // The same finding, judged by the event: it has the time or the credential to tell.
        let mut made = out.iter_mut().take(of_event).skip(from);
        if let Some(known) = made.find(|known| known.name == finding.name()) {
            known.exception = finding.exception();
        } else if out.len() < from + MOST
            && !(judged_rotation && finding.name() == "long_lived_secret")
        {
            let _ = out.try_push(of_snapshot(&finding));
        }
    }
    posture(usage, from, out);
    if out.len() > from {
        for (name, until, reason) in identity.accepted() {
            for known in out.iter_mut().skip(from) {
                if known.name == name {
                    known.exception = known.exception.or(Some((until, reason)));
                }
            }
        }
    }
}

/// What a snapshot may leave out although its facts show it; where it does say it, it says more.
fn posture<'s>(usage: &Usage<'_, 's>, from: usize, out: &mut Findings<'s>) {
    let identity = usage.identity;
    if usage.outcome != OutcomeKind::Matched || out.len() + 2 > from + MOST {
        return;
    }
    let is_said = |name| identity.findings().any(|finding| finding.name() == name);
    let mut add = |name, owasp, severity, evidence| add(out, name, owasp, severity, evidence);
    if identity.kind() != Kind::Human
        && identity.owner_status() == OwnerStatus::Departed
        && identity.is_without_answer()
        && let Some(owner) = identity.owner()
        && !is_said("orphaned")
    {
        let is_powerful = identity.privilege_tier().is_some_and(|tier| tier <= 1)
            || identity.criticality() >= Some(Criticality::High);
        let severity = if is_powerful {
            Severity::High
        } else {
            Severity::Medium
        };
        add(
            "orphaned",
            "NHI1:2025",
            severity,
            Evidence::Named(
                "owner ",
                owner.reference,
                " is gone, and no sponsor is named",
            ),
        );
    }
    if let Some(vendor) = identity.vendor()
        && !is_said("third_party")
    {
        add(
            "third_party",
            "NHI3:2025",
            Severity::Info,
            Evidence::Named("vendor ", vendor, ""),
        );
    }
}

fn of_snapshot<'s>(finding: &FindingRef<'s>) -> EventFinding<'s> {
    EventFinding {
        name: finding.name(),
        owasp: finding.owasp(),
        severity: finding.severity(),
        evidence: Evidence::Text(finding.evidence()),
        exception: finding.exception(),
        row: Some(finding.number),
    }
}
