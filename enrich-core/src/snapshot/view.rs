//! Views: what the rows of a snapshot mean. Each borrows from the snapshot and copies nothing.
//!
//! Absent facts are `None` or empty. A reference that leads nowhere reads as an absent fact.

use core::net::IpAddr;

use rkyv::rend::u32_le;

use super::Snapshot;
use super::schema::*;
use crate::key::KeyType;
use crate::vocabulary::{
    Basis, CredentialStatus, Criticality, Dimension, Environment, Kind, LifecycleState,
    NetworkKind, OwnerStatus, Priority, PrivilegeLevel, Provider, Severity,
};

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

impl<'a> Snapshot<'a> {
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
                core::cmp::Ordering::Equal => return Some(self.scope_ref(row)),
            }
        }
        None
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

    /// The named networks that an address lies in, the most specific first.
    #[must_use]
    pub fn networks_of(&self, address: IpAddr) -> Networks<'_, 'a> {
        let list = match address.to_canonical() {
            IpAddr::V4(v4) => {
                let wanted = v4.to_bits();
                self.range(self.tables.ranges_v4, |row| {
                    (
                        row.first.to_native() <= wanted,
                        wanted <= row.last.to_native(),
                    )
                })
                .map(|row| row.networks)
            }
            IpAddr::V6(v6) => {
                let bits = v6.to_bits();
                self.range(self.tables.ranges_v6, |row| {
                    (words(&row.first) <= bits, bits <= words(&row.last))
                })
                .map(|row| row.networks)
            }
        };
        Networks {
            snapshot: self,
            rows: list.map_or(&[], |list| self.list(list.to_native())),
        }
    }

    /// The last row that starts at or before the wanted address, if it also ends at or after it.
    fn range<R>(
        &self,
        table: super::Table<'a, R>,
        place: impl Fn(&R) -> (bool, bool),
    ) -> Option<&'a R> {
        let (mut low, mut high) = (0_u32, table.len() as u32);
        while low < high {
            let middle = low + (high - low) / 2;
            if place(self.row(table, middle)?).0 {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        self.row(table, low.checked_sub(1)?)
            .filter(|row| place(row).1)
    }

    /// The triage rules, in order.
    pub fn rules(&self) -> impl Iterator<Item = RuleRef<'_>> + '_ {
        (0..self.tables.rules.len() as u32)
            .filter_map(|number| self.row(self.tables.rules, number))
            .map(|row| RuleRef {
                snapshot: self,
                row,
            })
    }
}

/// 128 bits from four words, most significant first.
pub(crate) fn words(words: &[u32_le; 4]) -> u128 {
    words
        .iter()
        .fold(0, |bits, word| bits << 32 | u128::from(word.to_native()))
}

/// The named networks of an address.
#[derive(Clone, Copy, Debug)]
pub struct Networks<'s, 'a> {
    snapshot: &'s Snapshot<'a>,
    rows: &'a [u32_le],
}

impl<'s> Networks<'s, '_> {
    /// Name and kind of each, the most specific first.
    pub fn iter(&self) -> impl Iterator<Item = (&'s str, NetworkKind)> + '_ {
        self.rows.iter().filter_map(|number| {
            let row = self
                .snapshot
                .row(self.snapshot.tables.networks, number.to_native())?;
            let kind =
                NetworkKind::from_code(row.kind.to_native() as u8).unwrap_or(NetworkKind::Other);
            Some((self.snapshot.text(row.name.to_native()), kind))
        })
    }
}

/// An identity in a snapshot.
#[derive(Clone, Copy, Debug)]
pub struct IdentityRef<'s> {
    snapshot: &'s Snapshot<'s>,
    number: u32,
    row: &'s ArchivedIdentityRow,
    profile: Option<&'s ArchivedProfileRow>,
    details: Option<&'s ArchivedDetailsRow>,
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

/// A key of an identity, in its stored parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AliasRef<'s> {
    /// Type.
    pub key_type: KeyType,
    /// Domain.
    pub domain: &'s str,
    /// The value is these three, one after the other.
    pub parts: [&'s str; 3],
    /// Inclusive; `i64::MIN` when unknown.
    pub valid_from_ms: i64,
    /// Exclusive; `i64::MAX` when still valid.
    pub valid_to_ms: i64,
}

impl AliasRef<'_> {
    /// Whether the value is this text.
    #[must_use]
    pub fn value_is(&self, text: &str) -> bool {
        let [prefix, rest, suffix] = self.parts;
        text.strip_prefix(prefix)
            .and_then(|text| text.strip_suffix(suffix))
            == Some(rest)
    }
}

impl<'s> IdentityRef<'s> {
    /// Its row.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// The two parts of the uid.
    #[must_use]
    pub fn uid(&self) -> [&'s str; 2] {
        [
            self.snapshot.text(self.row.uid_prefix.to_native()),
            self.snapshot.text(self.row.uid_rest.to_native()),
        ]
    }

    /// The display name.
    #[must_use]
    pub fn name(&self) -> &'s str {
        self.detail_text(|details| details.name)
            .unwrap_or_else(|| self.snapshot.text(self.row.uid_rest.to_native()))
    }

    fn type_row(&self) -> Option<&'s ArchivedTypeRow> {
        self.snapshot
            .row(self.snapshot.tables.types, self.profile?.type_.to_native())
    }

    fn type_code(&self, shift: u32) -> u8 {
        self.type_row()
            .map_or(0, |row| (row.codes.to_native() >> shift) as u8)
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        Kind::from_code(self.type_code(0)).unwrap_or(Kind::Unknown)
    }

    /// Whose system it lives in.
    #[must_use]
    pub fn provider(&self) -> Option<Provider> {
        Provider::from_code(self.type_code(8))
    }

    /// Where it stands in its life.
    #[must_use]
    pub fn lifecycle_state(&self) -> Option<LifecycleState> {
        LifecycleState::from_code(self.type_code(16))
    }

    /// The provider's own word.
    #[must_use]
    pub fn sub_type(&self) -> Option<&'s str> {
        self.snapshot
            .some_text(self.type_row()?.sub_type.to_native())
    }

    /// Account, cluster, ….
    #[must_use]
    pub fn domain(&self) -> &'s str {
        self.type_row()
            .map_or("", |row| self.snapshot.text(row.domain.to_native()))
    }

    fn detail_text(&self, field: fn(&ArchivedDetailsRow) -> u32_le) -> Option<&'s str> {
        self.snapshot.some_text(field(self.details?).to_native())
    }

    fn detail_texts(
        &self,
        field: fn(&ArchivedDetailsRow) -> u32_le,
    ) -> impl ExactSizeIterator<Item = &'s str> + use<'s> {
        let list = self.details.map_or(0, |details| field(details).to_native());
        self.snapshot.texts(list)
    }

    /// Business purpose.
    #[must_use]
    pub fn purpose(&self) -> Option<&'s str> {
        self.detail_text(|details| details.purpose)
    }

    /// Framework and parent of an AI agent.
    #[must_use]
    pub fn agent(&self) -> (Option<&'s str>, Option<&'s str>) {
        (
            self.detail_text(|details| details.agent_framework),
            self.detail_text(|details| details.agent_parent),
        )
    }

    /// When a tombstone was retired.
    #[must_use]
    pub fn retired_ms(&self) -> Option<i64> {
        self.details
            .map(|details| details.retired_ms.to_native())
            .filter(|ms| *ms != i64::MIN)
    }

    /// Who made it.
    #[must_use]
    pub fn created_by(&self) -> Option<&'s str> {
        self.detail_text(|details| details.created_by)
    }

    /// Who may become it.
    pub fn assumable_by(&self) -> impl ExactSizeIterator<Item = &'s str> + use<'s> {
        self.detail_texts(|details| details.assumable_by)
    }

    /// What it may become.
    pub fn can_assume(&self) -> impl ExactSizeIterator<Item = &'s str> + use<'s> {
        self.detail_texts(|details| details.can_assume)
    }

    /// On whose behalf it acts.
    pub fn on_behalf_of(&self) -> impl ExactSizeIterator<Item = &'s str> + use<'s> {
        self.detail_texts(|details| details.on_behalf_of)
    }

    /// The workloads that use it.
    pub fn workloads(&self) -> impl ExactSizeIterator<Item = &'s str> + use<'s> {
        self.detail_texts(|details| details.workloads)
    }

    /// When it was created.
    #[must_use]
    pub fn created(&self) -> TimeFact {
        self.snapshot.time(self.row.created.to_native())
    }

    /// When it was last seen in use.
    #[must_use]
    pub fn last_seen(&self) -> TimeFact {
        self.snapshot.time(self.row.last_seen.to_native())
    }

    /// The rows between this identity's first and the next identity's first.
    fn span(&self, first: fn(&ArchivedIdentityRow) -> u32_le, len: usize) -> core::ops::Range<u32> {
        let from = first(self.row).to_native();
        let to = self
            .number
            .checked_add(1)
            .and_then(|next| self.snapshot.row(self.snapshot.tables.identities, next))
            .map_or(len as u32, |next| first(next).to_native());
        from..to.min(len as u32).max(from)
    }

    /// Its own keys and those that it shares.
    pub fn aliases(&self) -> impl Iterator<Item = AliasRef<'s>> + use<'s> {
        let (snapshot, number) = (self.snapshot, self.number);
        let own = self.span(|row| row.first_key, snapshot.tables.keys.len());
        let shared = self
            .details
            .map_or(0, |details| details.shared_keys.to_native());
        own.chain(snapshot.list(shared).iter().map(|key| key.to_native()))
            .filter_map(move |key| {
                let row = snapshot.row(snapshot.tables.keys, key)?;
                let class = snapshot.row(snapshot.tables.key_classes, row.class.to_native())?;
                let mut valid = (i64::MIN, i64::MAX);
                let holder = row.holder.to_native();
                let validity = if holder & SHARED != 0 && holder != NOBODY {
                    snapshot
                        .list(holder & !SHARED)
                        .iter()
                        .filter_map(|holder| {
                            snapshot.row(snapshot.tables.key_holders, holder.to_native())
                        })
                        .find(|holder| holder.identity.to_native() == number)
                        .map_or(0, |holder| holder.validity.to_native())
                } else {
                    class.validity.to_native()
                };
                if validity != 0
                    && let Some(row) = snapshot.row(snapshot.tables.validity, validity)
                {
                    valid = (row.from_ms.to_native(), row.to_ms.to_native());
                }
                Some(AliasRef {
                    key_type: KeyType::from_code(class.key_type.to_native() as u8)?,
                    domain: snapshot.text(class.domain.to_native()),
                    parts: [
                        snapshot.text(class.prefix.to_native()),
                        snapshot.text(row.rest.to_native()),
                        snapshot.text(class.suffix.to_native()),
                    ],
                    valid_from_ms: valid.0,
                    valid_to_ms: valid.1,
                })
            })
    }

    fn ownership(&self) -> Option<&'s ArchivedOwnershipRow> {
        self.snapshot.row(
            self.snapshot.tables.ownership,
            self.profile?.ownership.to_native(),
        )
    }

    /// Who answers for it.
    #[must_use]
    pub fn owner(&self) -> Option<EntityRef<'s>> {
        self.snapshot.entity(self.ownership()?.owner.to_native())
    }

    /// Which source names the owner.
    #[must_use]
    pub fn owner_source(&self) -> Option<&'s str> {
        self.snapshot
            .some_text(self.ownership()?.source.to_native())
    }

    /// As of when the owner was named.
    #[must_use]
    pub fn owner_as_of(&self) -> TimeFact {
        self.ownership().map_or(TimeFact::Unknown, |row| {
            self.snapshot.time(row.as_of.to_native())
        })
    }

    /// Whether the owner is still there.
    #[must_use]
    pub fn owner_status(&self) -> OwnerStatus {
        self.ownership()
            .and_then(|row| OwnerStatus::from_code(row.status.to_native() as u8))
            .unwrap_or(OwnerStatus::Unknown)
    }

    /// The accountable human.
    #[must_use]
    pub fn sponsor(&self) -> Option<EntityRef<'s>> {
        self.snapshot.entity(self.ownership()?.sponsor.to_native())
    }

    /// Further owners.
    pub fn secondary_owners(&self) -> impl ExactSizeIterator<Item = &'s str> + use<'s> {
        self.snapshot
            .texts(self.ownership().map_or(0, |row| row.secondary.to_native()))
    }

    /// Owning service.
    #[must_use]
    pub fn service(&self) -> Option<&'s str> {
        self.snapshot
            .some_text(self.ownership()?.service.to_native())
    }

    /// Third party.
    #[must_use]
    pub fn vendor(&self) -> Option<&'s str> {
        self.snapshot
            .some_text(self.ownership()?.vendor.to_native())
    }

    fn exposure(&self) -> Option<&'s ArchivedExposureRow> {
        self.snapshot.row(
            self.snapshot.tables.exposure,
            self.profile?.exposure.to_native(),
        )
    }

    fn exposure_codes(&self) -> u32 {
        self.exposure().map_or(0, |row| row.codes.to_native())
    }

    /// Where it is used, as a mask of environment codes.
    #[must_use]
    pub fn environment_mask(&self) -> u32 {
        self.exposure_codes() & 0xFF
    }

    /// Where it is used.
    pub fn environments(&self) -> impl Iterator<Item = Environment> + use<'s> {
        let mask = self.environment_mask();
        Environment::ALL
            .iter()
            .copied()
            .filter(move |environment| mask >> environment.code() & 1 == 1)
    }

    /// How much depends on it.
    #[must_use]
    pub fn criticality(&self) -> Option<Criticality> {
        Criticality::from_code((self.exposure_codes() >> 8) as u8)
    }

    /// Privilege tier; 0 controls everything else.
    #[must_use]
    pub fn privilege_tier(&self) -> Option<u8> {
        ((self.exposure_codes() >> 16) as u8).checked_sub(1)
    }

    /// The widest permission.
    #[must_use]
    pub fn privilege_level(&self) -> Option<PrivilegeLevel> {
        PrivilegeLevel::from_code((self.exposure_codes() >> 24) as u8)
    }

    /// Policy or role names behind the level.
    pub fn privilege_basis(&self) -> impl ExactSizeIterator<Item = &'s str> + use<'s> {
        self.snapshot
            .texts(self.exposure().map_or(0, |row| row.basis.to_native()))
    }

    fn rows_of<R>(
        &self,
        list: Option<u32>,
        table: super::Table<'s, R>,
    ) -> impl Iterator<Item = &'s R> + use<'s, R> {
        let snapshot = self.snapshot;
        snapshot
            .list(list.unwrap_or(0))
            .iter()
            .filter_map(move |number| snapshot.row(table, number.to_native()))
    }

    /// What is expected of it, a dimension each.
    pub fn expectations(&self) -> impl Iterator<Item = ExpectationRef<'s>> + use<'s> {
        let snapshot = self.snapshot;
        self.rows_of(
            self.profile.map(|row| row.behavior.to_native()),
            snapshot.tables.expectations,
        )
        .map(move |row| ExpectationRef { snapshot, row })
    }

    fn response(&self) -> Option<&'s ArchivedResponseRow> {
        self.snapshot.row(
            self.snapshot.tables.responses,
            self.profile?.response.to_native(),
        )
    }

    /// Ways to switch it off, fastest first.
    pub fn revocations(&self) -> impl Iterator<Item = RevocationRef<'s>> + use<'s> {
        let snapshot = self.snapshot;
        self.rows_of(
            self.response().map(|row| row.revocations.to_native()),
            snapshot.tables.revocations,
        )
        .map(move |row| RevocationRef { snapshot, row })
    }

    /// Who is paged.
    #[must_use]
    pub fn escalation_policy(&self) -> Option<EscalationRef<'s>> {
        self.snapshot
            .escalation(self.response()?.escalation.to_native())
    }

    /// Who knows it.
    #[must_use]
    pub fn context_owner(&self) -> Option<&'s str> {
        self.snapshot
            .some_text(self.response()?.context_owner.to_native())
    }

    /// Who switches it off.
    #[must_use]
    pub fn response_owner(&self) -> Option<&'s str> {
        self.snapshot
            .some_text(self.response()?.response_owner.to_native())
    }

    /// Its credentials.
    pub fn credentials(&self) -> impl Iterator<Item = CredentialRef<'s>> + use<'s> {
        let snapshot = self.snapshot;
        self.span(
            |row| row.first_credential,
            snapshot.tables.credentials.len(),
        )
        .filter_map(move |number| snapshot.row(snapshot.tables.credentials, number))
        .map(move |row| CredentialRef { snapshot, row })
    }

    /// What is wrong with it, as known when the snapshot was built.
    pub fn findings(&self) -> impl Iterator<Item = FindingRef<'s>> + use<'s> {
        let snapshot = self.snapshot;
        self.rows_of(
            self.details.map(|row| row.findings.to_native()),
            snapshot.tables.findings,
        )
        .map(move |row| FindingRef { snapshot, row })
    }

    /// Field, source and value of what losing sources said.
    pub fn conflicts(&self) -> impl Iterator<Item = [&'s str; 3]> + use<'s> {
        let snapshot = self.snapshot;
        self.rows_of(
            self.details.map(|row| row.conflicts.to_native()),
            snapshot.tables.conflicts,
        )
        .map(move |row| {
            [row.field, row.source, row.value].map(|text| snapshot.text(text.to_native()))
        })
    }

    /// Field, source and time of where each field comes from.
    pub fn provenance(&self) -> impl Iterator<Item = (&'s str, &'s str, TimeFact)> + use<'s> {
        let snapshot = self.snapshot;
        self.rows_of(
            self.profile.map(|row| row.provenance.to_native()),
            snapshot.tables.provenance,
        )
        .map(move |row| {
            (
                snapshot.text(row.field.to_native()),
                snapshot.text(row.source.to_native()),
                snapshot.time(row.observed.to_native()),
            )
        })
    }

    /// Identities and accounts within reach, environments as a mask, teams crossed.
    #[must_use]
    pub fn blast_radius(
        &self,
    ) -> Option<(
        u32,
        u32,
        u32,
        impl ExactSizeIterator<Item = &'s str> + use<'s>,
    )> {
        let number = self.details?.blast_radius.to_native();
        if number == 0 {
            return None;
        }
        let row = self
            .snapshot
            .row(self.snapshot.tables.blast_radius, number)?;
        Some((
            row.identities.to_native(),
            row.accounts.to_native(),
            row.environments.to_native(),
            self.snapshot.texts(row.teams.to_native()),
        ))
    }
}

/// What is expected in one dimension.
#[derive(Clone, Copy, Debug)]
pub struct ExpectationRef<'s> {
    snapshot: &'s Snapshot<'s>,
    row: &'s ArchivedExpectationRow,
}

impl<'s> ExpectationRef<'s> {
    /// Of what; `None` for a dimension of a newer minor version.
    #[must_use]
    pub fn dimension(&self) -> Option<Dimension> {
        Dimension::from_code(self.row.codes.to_native() as u8)
    }

    /// Declared or observed.
    #[must_use]
    pub fn basis(&self) -> Basis {
        Basis::from_code((self.row.codes.to_native() >> 8) as u8).unwrap_or(Basis::Declared)
    }

    /// For observed: days looked at and events seen.
    #[must_use]
    pub fn evidence(&self) -> (u16, u32) {
        (
            (self.row.codes.to_native() >> 16) as u16,
            self.row.samples.to_native(),
        )
    }

    /// What is allowed.
    pub fn allowed(&self) -> impl ExactSizeIterator<Item = &'s str> + use<'s> {
        self.snapshot.texts(self.row.allowed.to_native())
    }

    /// Whether an hour of the week is allowed; `None` when no hours are stated.
    #[must_use]
    pub fn allows_hour(&self, hour: u8) -> Option<bool> {
        let number = self.row.hours.to_native();
        if number == 0 {
            return None;
        }
        let row = self.snapshot.row(self.snapshot.tables.hours, number)?;
        let word = row.words.get(usize::from(hour) / 32)?;
        Some(word.to_native() >> (hour % 32) & 1 == 1)
    }

    /// The hours as stored.
    #[must_use]
    pub fn hours(&self) -> Option<[u32; 6]> {
        let number = self.row.hours.to_native();
        if number == 0 {
            return None;
        }
        self.snapshot
            .row(self.snapshot.tables.hours, number)
            .map(|row| row.words.map(|word| word.to_native()))
    }
}

/// One way to switch an identity off.
#[derive(Clone, Copy, Debug)]
pub struct RevocationRef<'s> {
    snapshot: &'s Snapshot<'s>,
    row: &'s ArchivedRevocationRow,
}

impl<'s> RevocationRef<'s> {
    /// What is done.
    #[must_use]
    pub fn action(&self) -> &'s str {
        self.snapshot.text(self.row.action.to_native())
    }
    /// Through which system.
    #[must_use]
    pub fn system(&self) -> &'s str {
        self.snapshot.text(self.row.system.to_native())
    }
    /// Which team may do it.
    #[must_use]
    pub fn team(&self) -> &'s str {
        self.snapshot.text(self.row.team.to_native())
    }
    /// Link.
    #[must_use]
    pub fn runbook(&self) -> Option<&'s str> {
        self.snapshot.some_text(self.row.runbook.to_native())
    }
    /// How long it takes.
    #[must_use]
    pub fn expected_minutes(&self) -> u32 {
        self.row.expected_minutes.to_native()
    }
    /// Workloads that stop.
    pub fn breaks(&self) -> impl ExactSizeIterator<Item = &'s str> + use<'s> {
        self.snapshot.texts(self.row.breaks.to_native())
    }
}

/// A credential.
#[derive(Clone, Copy, Debug)]
pub struct CredentialRef<'s> {
    snapshot: &'s Snapshot<'s>,
    row: &'s ArchivedCredentialRow,
}

impl<'s> CredentialRef<'s> {
    /// Its id.
    #[must_use]
    pub fn uid(&self) -> &'s str {
        self.snapshot.text(self.row.uid.to_native())
    }
    /// `access_key`, `password`, ….
    #[must_use]
    pub fn credential_type(&self) -> &'s str {
        self.snapshot.text(self.row.type_.to_native())
    }
    /// When it was made.
    #[must_use]
    pub fn created(&self) -> TimeFact {
        self.snapshot.time(self.row.created.to_native())
    }
    /// When it was last rotated.
    #[must_use]
    pub fn last_rotated(&self) -> TimeFact {
        self.snapshot.time(self.row.last_rotated.to_native())
    }
    /// When it ends.
    #[must_use]
    pub fn expires(&self) -> TimeFact {
        self.snapshot.time(self.row.expires.to_native())
    }
    /// When it was last used.
    #[must_use]
    pub fn last_used(&self) -> TimeFact {
        self.snapshot.time(self.row.last_used.to_native())
    }
    /// Where the secret lives.
    #[must_use]
    pub fn secret_source(&self) -> Option<&'s str> {
        self.snapshot.some_text(self.row.secret_source.to_native())
    }
    /// Whether it can be used.
    #[must_use]
    pub fn status(&self) -> CredentialStatus {
        CredentialStatus::from_code(self.row.codes.to_native() as u8)
            .unwrap_or(CredentialStatus::Unknown)
    }
    /// How old the policy lets it become.
    #[must_use]
    pub fn max_age_days(&self) -> Option<u16> {
        Some((self.row.codes.to_native() >> 16) as u16).filter(|days| *days != 0)
    }
}

/// A finding of the snapshot.
#[derive(Clone, Copy, Debug)]
pub struct FindingRef<'s> {
    snapshot: &'s Snapshot<'s>,
    row: &'s ArchivedFindingRow,
}

impl<'s> FindingRef<'s> {
    /// `orphaned`, ….
    #[must_use]
    pub fn name(&self) -> &'s str {
        self.snapshot.text(self.row.name.to_native())
    }
    /// OWASP NHI id.
    #[must_use]
    pub fn owasp(&self) -> Option<&'s str> {
        self.snapshot.some_text(self.row.owasp.to_native())
    }
    /// How bad.
    #[must_use]
    pub fn severity(&self) -> Severity {
        Severity::from_code(self.row.severity.to_native() as u8).unwrap_or(Severity::Info)
    }
    /// What was seen.
    #[must_use]
    pub fn evidence(&self) -> &'s str {
        self.snapshot.text(self.row.evidence.to_native())
    }
    /// Accepted until, and why.
    #[must_use]
    pub fn exception(&self) -> Option<(i64, &'s str)> {
        let until = self
            .snapshot
            .time(self.row.exception_until.to_native())
            .at()?;
        Some((
            until,
            self.snapshot.text(self.row.exception_reason.to_native()),
        ))
    }
}

/// A triage rule.
#[derive(Clone, Copy, Debug)]
pub struct RuleRef<'s> {
    snapshot: &'s Snapshot<'s>,
    pub(crate) row: &'s ArchivedRuleRow,
}

impl<'s> RuleRef<'s> {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'s str {
        self.snapshot.text(self.row.name.to_native())
    }
    /// The priority it gives.
    #[must_use]
    pub fn priority(&self) -> Priority {
        Priority::from_code(self.row.priority.to_native() as u8).unwrap_or(Priority::Info)
    }
    /// Why it exists.
    #[must_use]
    pub fn rationale(&self) -> &'s str {
        self.snapshot.text(self.row.rationale.to_native())
    }
    /// The findings that it names.
    pub fn findings(&self) -> impl ExactSizeIterator<Item = &'s str> + use<'s> {
        self.snapshot.texts(self.row.findings.to_native())
    }
}
