//! Views: what the rows of a snapshot mean. Each borrows from the snapshot and copies nothing.
//!
//! Absent facts are `None` or empty. A reference that leads nowhere reads as an absent fact.

mod identity;
mod network;
mod parts;

pub use self::identity::{AliasRef, IdentityRef};
pub use self::network::Networks;
use self::network::first_not;
pub(crate) use self::network::words;
pub use self::parts::{CredentialRef, ExpectationRef, FindingRef, RevocationRef, RuleRef};

use core::cell::Cell;

use arrayvec::ArrayVec;
use key_index::find::GROUP;

use super::Snapshot;
use super::schema::{ArchivedScopeRow, time_code};
use crate::vocabulary::Provider;

/// A fact about when, in its four states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TimeFact {
    /// Nobody said.
    #[default]
    Unknown,
    /// The provider does not record it.
    NotTracked,
    /// Never; for an expiry, it never expires.
    Never,
    /// Not since then, which is when recording began.
    NeverSince(i64),
    /// At this time, milliseconds since 1970.
    At(i64),
}

impl TimeFact {
    /// The time, when there is one.
    #[must_use]
    pub const fn at(self) -> Option<i64> {
        match self {
            Self::At(ms) => Some(ms),
            _ => None,
        }
    }
}

/// Rows of scopes that were looked for, by the last bytes of their texts. A row is compared before
/// it counts.
#[derive(Debug, Default)]
pub(crate) struct ScopeHints([Cell<u32>; 32]);

impl ScopeHints {
    fn of(&self, domain: &str, part: &str) -> &Cell<u32> {
        let last = |text: &str| {
            text.bytes()
                .rev()
                .take(3)
                .fold(0_usize, |all, byte| all * 7 + usize::from(byte))
        };
        let [first, ..] = &self.0;
        self.0
            .get((last(domain) + 3 * last(part)) % 32)
            .unwrap_or(first)
    }
}

impl<'a> Snapshot<'a> {
    // As the texts: from so many places that inlined it would be a lot of code.
    #[inline(never)]
    pub(crate) fn time(&self, code: u32) -> TimeFact {
        match code {
            time_code::NOT_TRACKED => TimeFact::NotTracked,
            time_code::NEVER => TimeFact::Never,
            time_code::FIRST_SECOND.. => TimeFact::At(i64::from(code) * 1000),
            time_code::FIRST_NEVER_SINCE.. => self
                .row(self.tables.never_since, code - time_code::FIRST_NEVER_SINCE)
                .map_or(TimeFact::Unknown, |ms| TimeFact::NeverSince(ms.to_native())),
            _ => TimeFact::Unknown,
        }
    }

    /// The identity of a row.
    #[must_use]
    pub fn identity(&self, number: u32) -> Option<IdentityRef<'_>> {
        let row = self.row(self.tables.identities, number)?;
        Some(IdentityRef {
            snapshot: self,
            number,
            row,
            profile: self.row(self.tables.profiles, row.profile.to_native()),
            details: match row.details.to_native() {
                0 => None,
                details => self.row(self.tables.details, details),
            },
        })
    }

    /// Reads a word of everything that belongs to these identities alone, so that all of it is fetched
    /// at once. What is read is not used, and so needs no check. Of more than [`GROUP`] the rest waits.
    #[inline(never)]
    pub(crate) fn fetch(&self, identities: impl Iterator<Item = u32>) {
        let tables = &self.tables;
        let mut others = ArrayVec::<[u32; 4], GROUP>::new();
        for number in identities.take(GROUP) {
            if let Some(row) = tables.identities.rows.get(number as usize) {
                let _ = others.try_push([
                    row.profile.to_native(),
                    row.details.to_native(),
                    row.uid_rest.to_native(),
                    row.first_credential.to_native(),
                ]);
            }
        }
        let mut read = 0_u32;
        for [profile, details, text, credential] in others {
            let profile = tables.profiles.rows.get(profile as usize);
            read ^= profile.map_or(0, |row| row.type_.to_native());
            let details = tables.details.rows.get(details as usize);
            read ^= details.map_or(0, |row| row.name.to_native());
            let text = tables.text.rows.get(text as usize);
            read ^= text.map_or(0, |byte| u32::from(*byte));
            let credential = tables.credentials.rows.get(credential as usize);
            read ^= credential.map_or(0, |row| row.uid.to_native());
        }
        core::hint::black_box(read);
    }

    /// Every identity, in the order of the rows.
    pub fn identities(&self) -> impl Iterator<Item = IdentityRef<'_>> + '_ {
        (0..self.identity_count() as u32).filter_map(|number| self.identity(number))
    }

    fn entity(&self, number: u32) -> Option<EntityRef<'_>> {
        if number == 0 {
            return None;
        }
        let row = self.row(self.tables.entities, number)?;
        Some(EntityRef {
            reference: self.text(row.reference.to_native()),
            name: self.some_text(row.name.to_native()),
            contact: self.some_text(row.contact.to_native()),
        })
    }

    fn escalation(&self, number: u32) -> Option<EscalationRef<'_>> {
        if number == 0 {
            return None;
        }
        let row = self.row(self.tables.escalations, number)?;
        Some(EscalationRef {
            system: self.text(row.system.to_native()),
            id: self.text(row.id.to_native()),
            url: self.some_text(row.url.to_native()),
        })
    }

    /// The scope of a provider, domain and part; an empty part is the whole domain.
    #[must_use]
    pub fn scope(&self, provider: Provider, domain: &str, part: &str) -> Option<ScopeRef<'_>> {
        let number = self.scope_number(provider, domain, part)?;
        Some(self.scope_ref(self.row(self.tables.scopes, number)?))
    }

    fn scope_number(&self, provider: Provider, domain: &str, part: &str) -> Option<u32> {
        // Most events are of a few accounts, and a search compares a dozen texts.
        let hint = self.scope_hints.of(domain, part);
        let known = hint.get();
        if let Some(row) = self.row(self.tables.scopes, known)
            && row.provider.to_native() == u32::from(provider.code())
            && self.text_bytes(row.domain.to_native()) == domain.as_bytes()
            && self.text_bytes(row.part.to_native()) == part.as_bytes()
        {
            return Some(known);
        }
        let number = self.search_scope(provider, domain, part)?;
        hint.set(number);
        Some(number)
    }

    fn search_scope(&self, provider: Provider, domain: &str, part: &str) -> Option<u32> {
        let wanted = (
            u32::from(provider.code()),
            domain.as_bytes(),
            part.as_bytes(),
        );
        let (mut low, mut high) = (0_u32, self.tables.scopes.len() as u32);
        while low < high {
            let middle = low + (high - low) / 2;
            let row = self.row(self.tables.scopes, middle)?;
            let here = (
                row.provider.to_native(),
                self.text_bytes(row.domain.to_native()),
                self.text_bytes(row.part.to_native()),
            );
            match here.cmp(&wanted) {
                core::cmp::Ordering::Less => low = middle + 1,
                core::cmp::Ordering::Greater => high = middle,
                core::cmp::Ordering::Equal => return Some(middle),
            }
        }
        None
    }

    /// What a scope is for, as a mask of environment codes; 0 = not known.
    #[must_use]
    pub fn environments_of(&self, provider: Provider, domain: &str, part: &str) -> u32 {
        let table = self.tables.scope_environments;
        // Files of version 1.0 have none, and need not be searched for the scope.
        if table.len() == 0 {
            return 0;
        }
        let Some(scope) = self.scope_number(provider, domain, part) else {
            return 0;
        };
        let row = |number| self.row(table, number);
        let number = first_not(table.len(), &|number| {
            row(number).is_some_and(|row| row.scope.to_native() < scope)
        });
        row(number)
            .filter(|row| row.scope.to_native() == scope)
            .map_or(0, |row| row.environments.to_native())
    }

    fn scope_ref(&self, row: &ArchivedScopeRow) -> ScopeRef<'_> {
        ScopeRef {
            provider: Provider::from_code(row.provider.to_native() as u8),
            domain: self.text(row.domain.to_native()),
            part: self.text(row.part.to_native()),
            name: self.some_text(row.name.to_native()),
            owner: self.entity(row.owner.to_native()),
            escalation_policy: self.escalation(row.escalation.to_native()),
            is_covered: row.flags.to_native() & 1 == 1,
        }
    }

    /// Every scope, in the order of the rows.
    pub fn scopes(&self) -> impl Iterator<Item = ScopeRef<'_>> + '_ {
        (0..self.tables.scopes.len() as u32)
            .filter_map(|number| self.row(self.tables.scopes, number))
            .map(|row| self.scope_ref(row))
    }

    /// A number of days among the values about the snapshot itself.
    #[inline(never)]
    fn days(&self, name: &str) -> Option<u16> {
        let text = self.meta(name).filter(|text| !text.is_empty())?;
        text.bytes().try_fold(0_u16, |days, byte| {
            let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
            days.checked_mul(10)?.checked_add(u16::from(digit))
        })
    }

    /// The limits of the policy that are judged at the time of an event.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits {
            dormant_after_days: self.days(Limits::DORMANT_AFTER),
            rotation_grace_days: self.days(Limits::ROTATION_GRACE),
        }
    }

    /// The triage rules, in order.
    pub fn rules(&self) -> impl Iterator<Item = RuleRef<'_>> + '_ {
        (0..self.tables.rules.len() as u32).filter_map(|number| {
            Some(RuleRef {
                snapshot: self,
                number,
                row: self.row(self.tables.rules, number)?,
            })
        })
    }
}

/// Limits of the policy, in days, that are judged at the time of an event; `None` where the snapshot
/// does not carry them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Without use for longer than this, an identity is dormant.
    pub dormant_after_days: Option<u16>,
    /// For so long after its replacement a credential may still be used.
    pub rotation_grace_days: Option<u16>,
}

impl Limits {
    /// Name of the value in the snapshot's meta section.
    pub const DORMANT_AFTER: &'static str = "threshold.dormant_after_days";
    /// Name of the value in the snapshot's meta section.
    pub const ROTATION_GRACE: &'static str = "threshold.rotation_grace_days";
}

/// A person, team, service or vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntityRef<'s> {
    /// `kind:namespace/name`.
    pub reference: &'s str,
    /// Display name.
    pub name: Option<&'s str>,
    /// Where to reach them.
    pub contact: Option<&'s str>,
}

/// Who is paged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EscalationRef<'s> {
    /// `pagerduty`, …
    pub system: &'s str,
    /// Id there.
    pub id: &'s str,
    /// Link.
    pub url: Option<&'s str>,
}

/// A covered account, cluster or namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScopeRef<'s> {
    /// Provider.
    pub provider: Option<Provider>,
    /// Account, cluster, …
    pub domain: &'s str,
    /// Namespace, or empty.
    pub part: &'s str,
    /// Name for people.
    pub name: Option<&'s str>,
    /// Who answers for what nobody else owns here.
    pub owner: Option<EntityRef<'s>>,
    /// Who is paged.
    pub escalation_policy: Option<EscalationRef<'s>>,
    /// Whether its identities are in the snapshot.
    pub is_covered: bool,
}
