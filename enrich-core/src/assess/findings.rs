//! Findings: those of the snapshot, and those that only the event's time or manner shows.

use arrayvec::ArrayVec;

use crate::event::observation::{Facts, MAX_IDENTITIES, Observed, ObservedKey};
use crate::event::text::TextBuffers;
use crate::key::KeyType;
use crate::snapshot::{CredentialRef, FindingRef, IdentityRef, TimeFact};
use crate::vocabulary::{CredentialStatus, Kind, LifecycleState, OutcomeKind, Role, Severity};

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
}

/// One finding of an event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EventFinding<'s> {
    pub(crate) name: &'s str,
    pub(crate) owasp: Option<&'s str>,
    pub(crate) severity: Severity,
    pub(crate) evidence: Evidence<'s>,
    pub(crate) exception: Option<(i64, &'s str)>,
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

/// Collects the findings of one identity, at most [`MOST`]. Times are judged at `time_ms`, the event's time or, without one, the
/// snapshot's.
pub(crate) fn collect<'s>(
    observed: &Observed,
    facts: &Facts,
    identity: &IdentityRef<'s>,
    credential: Option<&CredentialRef<'s>>,
    outcome: OutcomeKind,
    time_ms: i64,
    out: &mut Findings<'s>,
) {
    let from = out.len();
    let acts = observed.role != Role::Target;
    let mut add = |name, owasp, severity, evidence| {
        let _ = out.try_push(EventFinding {
            name,
            owasp: Some(owasp),
            severity,
            evidence,
            exception: None,
        });
    };
    if let Some(at) = identity
        .retired_ms()
        .filter(|_| acts && outcome == OutcomeKind::Retired)
    {
        add(
            "retired_identity_used",
            "NHI1:2025",
            Severity::Critical,
            Evidence::RetiredAt(at),
        );
    }
    if acts && outcome == OutcomeKind::Matched {
        match identity.lifecycle_state() {
            Some(LifecycleState::Disabled) => {
                add(
                    "disabled_identity_used",
                    "NHI1:2025",
                    Severity::High,
                    Evidence::State("the identity is disabled"),
                );
            }
            Some(LifecycleState::Dormant) => {
                add(
                    "dormant_identity_used",
                    "NHI1:2025",
                    Severity::Medium,
                    Evidence::State("the identity is dormant"),
                );
            }
            _ => {}
        }
        if facts.is_interactive && !matches!(identity.kind(), Kind::Human | Kind::Unknown) {
            add(
                "human_use_suspected",
                "NHI10:2025",
                Severity::High,
                Evidence::Interactive,
            );
        }
    }
    let mut judged_rotation = false;
    if let Some(credential) = credential {
        match credential.status() {
            CredentialStatus::Inactive | CredentialStatus::Revoked => {
                add(
                    "inactive_credential_used",
                    "NHI1:2025",
                    Severity::High,
                    Evidence::State("the credential is inactive"),
                );
            }
            _ => {}
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
    for finding in identity.findings() {
        // Judged at the event's time above, for the credential that was used.
        if judged_rotation && finding.name() == "long_lived_secret" {
            if let Some(known) = out
                .iter_mut()
                .skip(from)
                .find(|known| known.name == "long_lived_secret")
            {
                known.exception = finding.exception();
            }
            continue;
        }
        if out.len() < from + MOST {
            let _ = out.try_push(of_snapshot(&finding));
        }
    }
}

fn of_snapshot<'s>(finding: &FindingRef<'s>) -> EventFinding<'s> {
    EventFinding {
        name: finding.name(),
        owasp: finding.owasp(),
        severity: finding.severity(),
        evidence: Evidence::Text(finding.evidence()),
        exception: finding.exception(),
    }
}
