//! The parts of a record: expectations, revocations, credentials, findings; and triage rules.

use super::super::Snapshot;
use super::super::schema::*;
use super::TimeFact;
use crate::vocabulary::{Basis, CredentialStatus, Dimension, Priority, Severity};

/// What is expected in one dimension.
#[derive(Clone, Copy, Debug)]
pub struct ExpectationRef<'s> {
    pub(super) snapshot: &'s Snapshot<'s>,
    pub(crate) number: u32,
    pub(super) row: &'s ArchivedExpectationRow,
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
    pub(super) snapshot: &'s Snapshot<'s>,
    pub(super) row: &'s ArchivedRevocationRow,
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
    pub(super) snapshot: &'s Snapshot<'s>,
    pub(super) row: &'s ArchivedCredentialRow,
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
    pub(super) snapshot: &'s Snapshot<'s>,
    pub(crate) number: u32,
    pub(super) row: &'s ArchivedFindingRow,
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
    pub(super) snapshot: &'s Snapshot<'s>,
    pub(crate) number: u32,
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
