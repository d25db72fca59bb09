//! The identity and everything that its rows say.

use rkyv::rend::u32_le;

use super::super::schema::*;
use super::super::{Snapshot, Table};
use super::{
    CredentialRef, EntityRef, EscalationRef, ExpectationRef, FindingRef, RevocationRef, TimeFact,
    first_not,
};
use crate::key::KeyType;
use crate::vocabulary::{
    Criticality, Environment, Kind, LifecycleState, OwnerStatus, PrivilegeLevel, Provider,
};

/// An identity in a snapshot.
#[derive(Clone, Copy, Debug)]
pub struct IdentityRef<'s> {
    pub(super) snapshot: &'s Snapshot<'s>,
    pub(super) number: u32,
    pub(super) row: &'s ArchivedIdentityRow,
    pub(super) profile: Option<&'s ArchivedProfileRow>,
    pub(super) details: Option<&'s ArchivedDetailsRow>,
}

/// Numbers of the rows that an identity shares with others, and of its list of expectations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SharedRows {
    pub(crate) of_type: u32,
    pub(crate) ownership: u32,
    pub(crate) exposure: u32,
    pub(crate) response: u32,
    pub(crate) behavior: u32,
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

    /// The rows that it shares with others.
    pub(crate) fn shared_rows(&self) -> SharedRows {
        self.profile
            .map_or_else(SharedRows::default, |row| SharedRows {
                of_type: row.type_.to_native(),
                ownership: row.ownership.to_native(),
                exposure: row.exposure.to_native(),
                response: row.response.to_native(),
                behavior: row.behavior.to_native(),
            })
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
    #[inline(never)]
    fn span(&self, first: fn(&ArchivedIdentityRow) -> u32_le, len: usize) -> core::ops::Range<u32> {
        let from = first(self.row).to_native();
        let to = self
            .number
            .checked_add(1)
            .and_then(|next| self.snapshot.row(self.snapshot.tables.identities, next))
            .map_or(len as u32, |next| first(next).to_native());
        from..to.min(len as u32).max(from)
    }

    /// Its own keys, and those that it shares with others or holds in several intervals.
    pub fn aliases(&self) -> impl Iterator<Item = AliasRef<'s>> + use<'s> {
        let (snapshot, number) = (self.snapshot, self.number);
        // Keys of several holders stand after those of the last identity.
        let own = self
            .span(|row| row.first_key, snapshot.tables.keys.len())
            .map_while(move |key| {
                let row = snapshot.row(snapshot.tables.keys, key)?;
                let class = snapshot.row(snapshot.tables.key_classes, row.class.to_native())?;
                (row.holder.to_native() == number).then_some((row, class, class.validity))
            });
        let shared = self
            .details
            .map_or(0, |details| details.shared_keys.to_native());
        let shared = snapshot.list(shared).iter().flat_map(move |key| {
            let row = snapshot.row(snapshot.tables.keys, key.to_native());
            let holder = row.map_or(0, |row| row.holder.to_native());
            let list = if holder & SHARED != 0 && holder != NOBODY {
                holder & !SHARED
            } else {
                0
            };
            snapshot.list(list).iter().filter_map(move |holder| {
                let row = row?;
                let class = snapshot.row(snapshot.tables.key_classes, row.class.to_native())?;
                let holder = snapshot.row(snapshot.tables.key_holders, holder.to_native())?;
                (holder.identity.to_native() == number).then_some((row, class, holder.validity))
            })
        });
        own.chain(shared).filter_map(move |(row, class, validity)| {
            let validity = match validity.to_native() {
                0 => None,
                validity => snapshot.row(snapshot.tables.validity, validity),
            };
            Some(AliasRef {
                key_type: KeyType::from_code(class.key_type.to_native() as u8)?,
                domain: snapshot.text(class.domain.to_native()),
                parts: [
                    snapshot.text(class.prefix.to_native()),
                    snapshot.text(row.rest.to_native()),
                    snapshot.text(class.suffix.to_native()),
                ],
                valid_from_ms: validity.map_or(i64::MIN, |row| row.from_ms.to_native()),
                valid_to_ms: validity.map_or(i64::MAX, |row| row.to_ms.to_native()),
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

    /// Whether nobody is left to ask about it: no owner who is still there, and no sponsor.
    #[must_use]
    pub fn is_without_answer(&self) -> bool {
        let Some(row) = self.ownership() else {
            return true;
        };
        let entities = self.snapshot.tables.entities.len();
        let is_there = |number: u32| number != 0 && (number as usize) < entities;
        let has_owner = is_there(row.owner.to_native())
            && row.status.to_native() as u8 != OwnerStatus::Departed.code();
        !has_owner && !is_there(row.sponsor.to_native())
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
        table: Table<'s, R>,
    ) -> impl Iterator<Item = &'s R> + use<'s, R> {
        self.numbered_rows_of(list, table).map(|(_, row)| row)
    }

    fn numbered_rows_of<R>(
        &self,
        list: Option<u32>,
        table: Table<'s, R>,
    ) -> impl Iterator<Item = (u32, &'s R)> + use<'s, R> {
        let snapshot = self.snapshot;
        let numbers = snapshot.list(list.unwrap_or(0)).iter();
        numbers.filter_map(move |number| {
            let number = number.to_native();
            Some((number, snapshot.row(table, number)?))
        })
    }

    /// What is expected of it, a dimension each.
    pub fn expectations(&self) -> impl Iterator<Item = ExpectationRef<'s>> + use<'s> {
        let snapshot = self.snapshot;
        self.numbered_rows_of(
            self.profile.map(|row| row.behavior.to_native()),
            snapshot.tables.expectations,
        )
        .map(move |(number, row)| ExpectationRef {
            snapshot,
            number,
            row,
        })
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
        self.numbered_rows_of(
            self.details.map(|row| row.findings.to_native()),
            snapshot.tables.findings,
        )
        .map(move |(number, row)| FindingRef {
            snapshot,
            number,
            row,
        })
    }

    /// Findings that are accepted should an event show them: name, until when, and why.
    pub fn accepted(&self) -> impl Iterator<Item = (&'s str, i64, &'s str)> + use<'s> {
        let (snapshot, number) = (self.snapshot, self.number);
        let table = snapshot.tables.exceptions;
        let row = move |at| snapshot.row(table, at);
        let first = first_not(table.len(), &|at| {
            row(at).is_some_and(|row| row.identity.to_native() < number)
        });
        (first..table.len() as u32)
            .map_while(row)
            .take_while(move |row| row.identity.to_native() == number)
            .filter_map(move |row| {
                Some((
                    snapshot.text(row.finding.to_native()),
                    snapshot.time(row.until.to_native()).at()?,
                    snapshot.text(row.reason.to_native()),
                ))
            })
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
