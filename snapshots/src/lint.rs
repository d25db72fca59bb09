//! Lint: how much of an inventory answers the questions of an incident, and whether that is enough.
//!
//! For each aspect the share is taken over the identities that it applies to: nobody owns a person,
//! and what has no long-lived credential has nothing to rotate.

use std::collections::BTreeMap;
use std::fmt;

use enrich_core::vocabulary::{CredentialStatus, Kind, LifecycleState, OwnerStatus, Provider};

use crate::classify::is_aged;
use crate::model::{Identity, Time};

/// A question that an incident asks about an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Aspect {
    /// Somebody who is still there answers for it.
    Owner,
    /// An accountable person is named.
    Sponsor,
    /// Of each long-lived credential it is known when it was last changed.
    Rotation,
    /// A way to switch it off is known.
    Revocation,
    /// It is known who is paged.
    Escalation,
    /// At least one dimension of its behaviour is declared or learnt.
    Behavior,
}

impl Aspect {
    /// All of them, in the order of a report.
    pub const ALL: &'static [Self] = &[
        Self::Owner,
        Self::Sponsor,
        Self::Rotation,
        Self::Revocation,
        Self::Escalation,
        Self::Behavior,
    ];

    /// Its name in policies, flags and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Sponsor => "sponsor",
            Self::Rotation => "rotation",
            Self::Revocation => "revocation",
            Self::Escalation => "escalation",
            Self::Behavior => "behavior",
        }
    }

    /// The aspect with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|aspect| aspect.as_str() == name)
    }

    /// Whether the inventory answers it for an identity; `None` where it does not apply.
    #[must_use]
    pub fn answered(self, identity: &Identity) -> Option<bool> {
        // People belong to themselves, service-linked roles and the like to the provider.
        let is_owned = identity.kind != Kind::Human && !identity.is_of_provider();
        match self {
            Self::Owner => is_owned.then(|| {
                identity
                    .owner
                    .as_ref()
                    .is_some_and(|owner| owner.status != OwnerStatus::Departed)
            }),
            Self::Sponsor => is_owned.then_some(identity.sponsor.is_some()),
            Self::Rotation => {
                let mut aged = identity
                    .credentials
                    .iter()
                    .filter(|credential| {
                        is_aged(&credential.credential_type)
                            && matches!(
                                credential.status,
                                CredentialStatus::Active | CredentialStatus::Unknown
                            )
                    })
                    .peekable();
                aged.peek()?;
                // A credential that was never changed was last changed when it was made.
                Some(aged.all(|credential| {
                    [credential.last_rotated, credential.created]
                        .iter()
                        .any(|time| matches!(time, Time::At(_)))
                }))
            }
            Self::Revocation => Some(!identity.response.revocation.is_empty()),
            Self::Escalation => Some(identity.response.escalation_policy.is_some()),
            Self::Behavior => Some(!identity.behavior.is_empty()),
        }
    }
}

impl fmt::Display for Aspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Identities that are looked at together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Group {
    /// Every identity that is not retired.
    All,
    /// Those of a kind.
    Kind(Kind),
    /// Those of a provider.
    Provider(Provider),
}

impl Group {
    /// The group with this name: `all`, a kind or a provider.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        if name == "all" {
            return Some(Self::All);
        }
        Kind::parse(name)
            .map(Self::Kind)
            .or_else(|| Provider::parse(name).map(Self::Provider))
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::All => "all",
            Self::Kind(kind) => kind.as_str(),
            Self::Provider(provider) => provider.as_str(),
        })
    }
}

/// A share that has to be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Limit {
    /// Over which identities.
    pub group: Group,
    /// Of what.
    pub aspect: Aspect,
    /// In percent.
    pub percent: u8,
}

impl Limit {
    /// A limit.
    #[must_use]
    pub const fn new(group: Group, aspect: Aspect, percent: u8) -> Self {
        Self {
            group,
            aspect,
            percent,
        }
    }

    /// Reads `owner=95` or `ai_agent:sponsor=100`.
    ///
    /// # Errors
    /// Which part is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (what, percent) = text
            .split_once('=')
            .ok_or("a limit is written ASPECT=PERCENT or GROUP:ASPECT=PERCENT")?;
        let (group, aspect) = what.split_once(':').unwrap_or(("all", what));
        let percent = percent
            .trim_end_matches('%')
            .parse()
            .ok()
            .filter(|percent| *percent <= 100)
            .ok_or_else(|| format!("{percent:?} is no percentage from 0 to 100"))?;
        Ok(Self {
            group: Group::parse(group)
                .ok_or_else(|| format!("{group:?} is neither a kind nor a provider"))?,
            aspect: Aspect::parse(aspect).ok_or_else(|| {
                let names: Vec<&str> = Aspect::ALL.iter().map(|aspect| aspect.as_str()).collect();
                format!(
                    "{aspect:?} is no aspect; the aspects are {}",
                    names.join(", ")
                )
            })?,
            percent,
        })
    }
}

/// Takes limits over; one for the same group and aspect is replaced.
pub fn replace(limits: &mut Vec<Limit>, more: &[Limit]) {
    for limit in more {
        limits.retain(|known| (known.group, known.aspect) != (limit.group, limit.aspect));
        limits.push(*limit);
    }
    limits.sort();
}

/// How many identities an aspect applies to, and of how many it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Share {
    /// It applies to so many.
    pub applies: usize,
    /// It is known of so many.
    pub known: usize,
}

impl Share {
    /// In tenths of a percent, rounded down; `None` where it applies to nobody.
    #[must_use]
    pub fn permille(self) -> Option<usize> {
        (self.known * 1000).checked_div(self.applies)
    }

    /// Whether the share reaches a percentage. Nobody at all is enough.
    #[must_use]
    pub const fn reaches(self, percent: u8) -> bool {
        self.known * 100 >= self.applies * percent as usize
    }
}

/// Counts over an inventory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lint {
    /// Identities in each group; retired ones are not counted.
    pub identities: BTreeMap<Group, usize>,
    /// Shares by group and aspect.
    pub shares: BTreeMap<(Group, Aspect), Share>,
}

impl Lint {
    /// Counts an identity.
    pub fn add(&mut self, identity: &Identity) {
        if identity.lifecycle_state == LifecycleState::Deprovisioned {
            return;
        }
        let groups = [
            Group::All,
            Group::Kind(identity.kind),
            Group::Provider(identity.provider),
        ];
        for group in groups {
            *self.identities.entry(group).or_default() += 1;
        }
        for aspect in Aspect::ALL {
            let Some(known) = aspect.answered(identity) else {
                continue;
            };
            for group in groups {
                let share = self.shares.entry((group, *aspect)).or_default();
                share.applies += 1;
                share.known += usize::from(known);
            }
        }
    }

    /// The share of an aspect in a group.
    #[must_use]
    pub fn share(&self, group: Group, aspect: Aspect) -> Share {
        self.shares
            .get(&(group, aspect))
            .copied()
            .unwrap_or_default()
    }

    /// The limits that are not reached, with the shares.
    #[must_use]
    pub fn failed(&self, limits: &[Limit]) -> Vec<(Limit, Share)> {
        limits
            .iter()
            .map(|limit| (*limit, self.share(limit.group, limit.aspect)))
            .filter(|(limit, share)| !share.reaches(limit.percent))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Credential, Owner};

    fn identity(name: &str, kind: Kind, provider: Provider) -> Identity {
        Identity::new(name, name, kind, provider, "1")
    }

    fn owned(mut identity: Identity, status: OwnerStatus) -> Identity {
        identity.owner = Some(Owner {
            entity: crate::classify::entity("group:default/x"),
            source: "s".to_owned(),
            as_of_ms: None,
            status,
        });
        identity
    }

    fn key(created: Time, status: CredentialStatus) -> Credential {
        Credential {
            uid: "k".to_owned(),
            credential_type: "access_key".to_owned(),
            created,
            last_rotated: Time::Unknown,
            expires: Time::Unknown,
            last_used: Time::Unknown,
            status,
            secret_source: None,
            max_age_days: None,
        }
    }

    #[test]
    fn shares_count_those_that_an_aspect_applies_to() {
        let mut lint = Lint::default();
        let user = || identity("u", Kind::IamUser, Provider::Aws);
        lint.add(&owned(user(), OwnerStatus::Active));
        // An owner who is gone answers no question.
        lint.add(&owned(user(), OwnerStatus::Departed));
        lint.add(&identity("s", Kind::ServiceAccount, Provider::K8s));
        lint.add(&identity("p", Kind::Human, Provider::Aws));
        let mut retired = user();
        retired.lifecycle_state = LifecycleState::Deprovisioned;
        lint.add(&retired);
        let share = lint.share(Group::All, Aspect::Owner);
        assert_eq!((share.applies, share.known), (3, 1));
        assert_eq!(share.permille(), Some(333));
        assert_eq!(lint.identities[&Group::All], 4);
        assert_eq!(
            lint.share(Group::Provider(Provider::Aws), Aspect::Owner)
                .permille(),
            Some(500)
        );
        assert_eq!(
            lint.share(Group::Kind(Kind::Human), Aspect::Owner)
                .permille(),
            None
        );
    }

    #[test]
    fn rotation_is_known_when_every_usable_credential_has_a_date() {
        let mut user = identity("u", Kind::IamUser, Provider::Aws);
        assert_eq!(Aspect::Rotation.answered(&user), None);
        user.credentials
            .push(key(Time::At(1), CredentialStatus::Active));
        assert_eq!(Aspect::Rotation.answered(&user), Some(true));
        user.credentials
            .push(key(Time::Unknown, CredentialStatus::Inactive));
        assert_eq!(Aspect::Rotation.answered(&user), Some(true));
        user.credentials
            .push(key(Time::Unknown, CredentialStatus::Active));
        assert_eq!(Aspect::Rotation.answered(&user), Some(false));
    }

    #[test]
    fn limits_are_exact_and_the_later_one_replaces() {
        let share = Share {
            applies: 1000,
            known: 949,
        };
        assert!(share.reaches(94) && !share.reaches(95));
        assert!(Share::default().reaches(100));
        let mut limits = vec![Limit::parse("owner=95").unwrap()];
        replace(
            &mut limits,
            &[
                Limit::parse("owner=50%").unwrap(),
                Limit::parse("ai_agent:sponsor=100").unwrap(),
            ],
        );
        assert_eq!(
            limits,
            [
                Limit::new(Group::All, Aspect::Owner, 50),
                Limit::new(Group::Kind(Kind::AiAgent), Aspect::Sponsor, 100)
            ]
        );
        let mut lint = Lint::default();
        lint.add(&identity("a", Kind::AiAgent, Provider::Aws));
        assert_eq!(lint.failed(&limits).len(), 2);
        for wrong in [
            "owner",
            "owner=101",
            "owners=1",
            "robots:owner=1",
            "owner=x",
        ] {
            assert!(Limit::parse(wrong).is_err(), "{wrong}");
        }
    }
}
