//! The full walk: every row, every reference, every order.
//!
//! Opening a snapshot checks none of this, because each access is bounds-checked and a wrong
//! reference reads as an absent fact. Whoever publishes a snapshot runs this once.

mod index;

use core::ops::Range;

use rkyv::rend::u32_le;

use super::schema::*;
use super::{Snapshot, SnapshotError, Table, integrity};
use crate::key::KeyType;

/// Walks one part of a snapshot.
struct Walk<'s, 'a> {
    snapshot: &'s Snapshot<'a>,
    /// Which part of each table, of how many.
    part: (usize, usize),
    section: u32,
    row: u64,
}

type Checked = Result<(), SnapshotError>;

/// The numbers of the rows of one part of a table.
fn rows_of((part, of): (usize, usize), len: usize) -> Range<usize> {
    let at = |part: usize| {
        let at = (len as u64).saturating_mul(part as u64) / (of as u64).max(1);
        (at as usize).min(len)
    };
    at(part)..at(part.saturating_add(1))
}

pub(super) fn bytes(snapshot: &Snapshot<'_>, part: (usize, usize)) -> Checked {
    let header = snapshot.header();
    let digest = integrity::header_digest(
        snapshot.bytes,
        snapshot.directory.bytes(),
        snapshot.directory.chunk_table(),
    );
    if digest != header.digest {
        return Err(SnapshotError::DigestMismatch);
    }
    let digests = snapshot.directory.chunk_digests()?;
    integrity::check_chunks(
        snapshot.bytes,
        digests,
        snapshot.directory.body_at(),
        rows_of(part, digests.len()),
    )
}

pub(super) fn rows(snapshot: &Snapshot<'_>, part: (usize, usize)) -> Checked {
    let mut walk = Walk {
        snapshot,
        part,
        section: 0,
        row: 0,
    };
    walk.profiles()?;
    walk.facts()?;
    walk.identities()?;
    walk.keys()?;
    walk.index()?;
    // These are short, and in an order that is theirs.
    if part.0 == 0 {
        walk.part = (0, 1);
        walk.scopes_networks_rules()?;
        walk.since_minor_1()?;
    }
    Ok(())
}

macro_rules! each_row {
    ($walk:ident, $table:ident, $section:ident, |$row:ident| $body:block) => {
        $walk.section = section::$section;
        let rows = $walk.snapshot.tables.$table.rows;
        let numbers = rows_of($walk.part, rows.len());
        let first = numbers.start;
        for (number, $row) in (first as u64..).zip(rows.get(numbers).unwrap_or(&[])) {
            $walk.row = number;
            $body
        }
    };
}

impl Walk<'_, '_> {
    fn fault(&self, what: &'static str) -> Checked {
        Err(SnapshotError::Inconsistent {
            section: self.section,
            row: self.row,
            what,
        })
    }

    fn is_newer(&self) -> bool {
        self.snapshot.header.minor > super::header::MINOR
    }

    fn is_overlay(&self) -> bool {
        self.snapshot.header.layer == crate::vocabulary::LayerKind::Overlay
    }

    fn holds(&self, condition: bool, what: &'static str) -> Checked {
        if condition { Ok(()) } else { self.fault(what) }
    }

    /// A text lies inside the heap and is UTF-8.
    fn text(&self, at: u32_le) -> Checked {
        let at = at.to_native();
        if at == 0 {
            return Ok(());
        }
        let bytes = self.snapshot.text_bytes(at);
        self.holds(!bytes.is_empty(), "text lies outside the heap, or is empty")?;
        self.holds(
            bytes.is_ascii() || core::str::from_utf8(bytes).is_ok(),
            "text is not UTF-8",
        )
    }

    fn all_texts(&self, texts: &[u32_le]) -> Checked {
        texts.iter().try_for_each(|text| self.text(*text))
    }

    /// A list lies inside its section.
    fn list(&self, at: u32_le) -> Result<&[u32_le], SnapshotError> {
        if at.to_native() == 0 {
            return Ok(&[]);
        }
        let list = self.snapshot.list(at.to_native());
        self.holds(
            !list.is_empty(),
            "list lies outside its section, or is empty",
        )?;
        Ok(list)
    }

    fn text_list(&self, at: u32_le) -> Checked {
        self.list(at)?.iter().try_for_each(|text| self.text(*text))
    }

    fn row_in<R>(&self, number: u32_le, table: Table<'_, R>) -> Checked {
        self.holds(
            (number.to_native() as usize) < table.len(),
            "row number past the end of its table",
        )
    }

    fn list_of<R>(&self, at: u32_le, table: Table<'_, R>) -> Checked {
        self.list(at)?
            .iter()
            .try_for_each(|number| self.row_in(*number, table))
    }

    fn time(&self, time: u32_le) -> Checked {
        let code = time.to_native();
        let is_never_since =
            (time_code::FIRST_NEVER_SINCE..time_code::FIRST_SECOND).contains(&code);
        let known = !is_never_since
            || ((code - time_code::FIRST_NEVER_SINCE) as usize)
                < self.snapshot.tables.never_since.len();
        let is_state = code <= time_code::NEVER || code >= time_code::FIRST_NEVER_SINCE;
        self.holds(
            known && is_state,
            "time is no state, no start of \"never since\" and no second",
        )
    }

    fn profiles(&mut self) -> Checked {
        let tables = &self.snapshot.tables;
        each_row!(self, profiles, PROFILES, |row| {
            self.row_in(row.type_, tables.types)?;
            self.row_in(row.ownership, tables.ownership)?;
            self.row_in(row.exposure, tables.exposure)?;
            self.row_in(row.response, tables.responses)?;
            self.list_of(row.behavior, tables.expectations)?;
            self.list_of(row.provenance, tables.provenance)?;
        });
        each_row!(self, types, TYPES, |row| {
            self.all_texts(&[row.sub_type, row.domain])?;
        });
        each_row!(self, entities, ENTITIES, |row| {
            self.all_texts(&[row.reference, row.name, row.contact])?;
        });
        each_row!(self, ownership, OWNERSHIP, |row| {
            self.row_in(row.owner, tables.entities)?;
            self.row_in(row.sponsor, tables.entities)?;
            self.all_texts(&[row.source, row.service, row.vendor])?;
            self.time(row.as_of)?;
            self.text_list(row.secondary)?;
        });
        each_row!(self, exposure, EXPOSURE, |row| {
            self.text_list(row.basis)?;
        });
        each_row!(self, expectations, EXPECTATIONS, |row| {
            self.text_list(row.allowed)?;
            if row.hours.to_native() != 0 {
                self.row_in(row.hours, tables.hours)?;
            }
        });
        each_row!(self, responses, RESPONSES, |row| {
            self.list_of(row.revocations, tables.revocations)?;
            self.row_in(row.escalation, tables.escalations)?;
            self.all_texts(&[row.context_owner, row.response_owner])?;
        });
        each_row!(self, revocations, REVOCATIONS, |row| {
            self.all_texts(&[row.action, row.system, row.team, row.runbook])?;
            self.text_list(row.breaks)?;
        });
        each_row!(self, escalations, ESCALATIONS, |row| {
            self.all_texts(&[row.system, row.id, row.url])?;
        });
        Ok(())
    }

    fn facts(&mut self) -> Checked {
        let tables = &self.snapshot.tables;
        each_row!(self, credentials, CREDENTIALS, |row| {
            self.all_texts(&[row.uid, row.type_, row.secret_source])?;
            [row.created, row.last_rotated, row.expires, row.last_used]
                .into_iter()
                .try_for_each(|time| self.time(time))?;
        });
        each_row!(self, details, DETAILS, |row| {
            self.all_texts(&[
                row.name,
                row.purpose,
                row.agent_framework,
                row.agent_parent,
                row.created_by,
            ])?;
            [
                row.assumable_by,
                row.can_assume,
                row.on_behalf_of,
                row.workloads,
            ]
            .into_iter()
            .try_for_each(|list| self.text_list(list))?;
            self.list_of(row.findings, tables.findings)?;
            self.list_of(row.conflicts, tables.conflicts)?;
            self.list_of(row.shared_keys, tables.keys)?;
            self.row_in(row.blast_radius, tables.blast_radius)?;
        });
        each_row!(self, findings, FINDINGS, |row| {
            self.all_texts(&[row.name, row.owasp, row.evidence, row.exception_reason])?;
            self.time(row.exception_until)?;
        });
        each_row!(self, conflicts, CONFLICTS, |row| {
            self.all_texts(&[row.field, row.source, row.value])?;
        });
        each_row!(self, provenance, PROVENANCE, |row| {
            self.all_texts(&[row.field, row.source])?;
            self.time(row.observed)?;
        });
        each_row!(self, blast_radius, BLAST_RADIUS, |row| {
            self.text_list(row.teams)?;
        });
        each_row!(self, meta, META, |row| {
            self.all_texts(&[row.name, row.value])?;
        });
        Ok(())
    }

    /// Identities stand in the order of their uids, and their keys and credentials in theirs.
    fn identities(&mut self) -> Checked {
        let tables = &self.snapshot.tables;
        // The identity before the first of a part belongs to the part before.
        let identities = tables.identities.rows;
        let mut previous = rows_of(self.part, identities.len())
            .start
            .checked_sub(1)
            .and_then(|before| identities.get(before));
        each_row!(self, identities, IDENTITIES, |row| {
            self.all_texts(&[row.uid_prefix, row.uid_rest])?;
            self.row_in(row.profile, tables.profiles)?;
            if row.details.to_native() != 0 {
                self.row_in(row.details, tables.details)?;
            }
            self.time(row.created)?;
            self.time(row.last_seen)?;
            let (credential, key) = (row.first_credential.to_native(), row.first_key.to_native());
            self.holds(
                credential as usize <= tables.credentials.len(),
                "first credential past the end",
            )?;
            self.holds(key as usize <= tables.keys.len(), "first key past the end")?;
            let uid = |row: &ArchivedIdentityRow| {
                [row.uid_prefix, row.uid_rest]
                    .map(|part| self.snapshot.text_bytes(part.to_native()))
            };
            self.holds(
                uid(row).iter().any(|part| !part.is_empty()),
                "identity has no uid",
            )?;
            if let Some(before) = previous {
                let ([prefix, rest], [next_prefix, next_rest]) = (uid(before), uid(row));
                let ordered = if before.uid_prefix == row.uid_prefix {
                    rest < next_rest
                } else {
                    let next = next_prefix.iter().chain(next_rest);
                    prefix.iter().chain(rest).lt(next)
                };
                self.holds(ordered, "identities are not in the order of their uids")?;
                self.holds(
                    before.first_credential <= row.first_credential
                        && before.first_key <= row.first_key,
                    "first keys or credentials are not in order",
                )?;
            }
            previous = Some(row);
        });
        Ok(())
    }

    fn keys(&mut self) -> Checked {
        let tables = &self.snapshot.tables;
        each_row!(self, key_classes, KEY_CLASSES, |row| {
            if self.row > 0 {
                self.holds(
                    self.is_newer() || KeyType::from_code(row.key_type.to_native() as u8).is_some(),
                    "key type is not known",
                )?;
            }
            self.all_texts(&[row.domain, row.prefix, row.suffix])?;
            self.row_in(row.validity, tables.validity)?;
        });
        each_row!(self, validity, VALIDITY, |row| {
            self.holds(
                row.from_ms.to_native() <= row.to_ms.to_native(),
                "validity ends before it begins",
            )?;
        });
        each_row!(self, key_holders, KEY_HOLDERS, |row| {
            // Row 0 stands for absent; "nobody" takes a key from the base of an overlay.
            let is_nobody = row.identity.to_native() == NOBODY;
            if is_nobody {
                self.holds(self.is_overlay(), "key of nobody outside an overlay")?;
            } else if self.row > 0 {
                self.row_in(row.identity, tables.identities)?;
            }
            self.row_in(row.validity, tables.validity)?;
        });
        each_row!(self, keys, KEYS, |row| {
            self.row_in(row.class, tables.key_classes)?;
            self.text(row.rest)?;
            let holder = row.holder.to_native();
            if holder == NOBODY {
                self.holds(self.is_overlay(), "key of nobody outside an overlay")?;
            } else if holder & SHARED != 0 {
                self.list_of((holder & !SHARED).into(), tables.key_holders)?;
                self.holds(holder != SHARED, "shared key without holders")?;
            } else {
                self.row_in(row.holder, tables.identities)?;
            }
        });
        Ok(())
    }

    fn scopes_networks_rules(&mut self) -> Checked {
        let tables = &self.snapshot.tables;
        let mut previous = None;
        each_row!(self, scopes, SCOPES, |row| {
            self.all_texts(&[row.domain, row.part, row.name])?;
            self.row_in(row.owner, tables.entities)?;
            self.row_in(row.escalation, tables.escalations)?;
            let here = (
                row.provider.to_native(),
                self.snapshot.text_bytes(row.domain.to_native()),
                self.snapshot.text_bytes(row.part.to_native()),
            );
            self.holds(
                previous.is_none_or(|before| before < here),
                "scopes are not in order",
            )?;
            previous = Some(here);
        });
        each_row!(self, networks, NETWORKS, |row| {
            self.text(row.name)?;
        });
        let mut last: Option<u32> = None;
        each_row!(self, ranges_v4, RANGES_V4, |row| {
            let (first, end) = (row.first.to_native(), row.last.to_native());
            self.holds(
                first <= end && last.is_none_or(|last| last < first),
                "IPv4 ranges overlap or are not in order",
            )?;
            self.list_of(row.networks, tables.networks)?;
            last = Some(end);
        });
        let mut last: Option<u128> = None;
        each_row!(self, ranges_v6, RANGES_V6, |row| {
            let (first, end) = (
                super::view::words(&row.first),
                super::view::words(&row.last),
            );
            self.holds(
                first <= end && last.is_none_or(|last| last < first),
                "IPv6 ranges overlap or are not in order",
            )?;
            self.list_of(row.networks, tables.networks)?;
            last = Some(end);
        });
        each_row!(self, rules, RULES, |row| {
            self.all_texts(&[row.name, row.rationale])?;
            self.text_list(row.findings)?;
        });
        Ok(())
    }

    fn since_minor_1(&mut self) -> Checked {
        let tables = &self.snapshot.tables;
        let mut previous: Option<u32> = None;
        each_row!(self, scope_environments, SCOPE_ENVIRONMENTS, |row| {
            self.row_in(row.scope, tables.scopes)?;
            self.holds(
                previous < Some(row.scope.to_native()),
                "environments are not in the order of their scopes",
            )?;
            previous = Some(row.scope.to_native());
        });
        let mut previous = 0_u32;
        each_row!(self, exceptions, EXCEPTIONS, |row| {
            self.row_in(row.identity, tables.identities)?;
            self.all_texts(&[row.finding, row.reason])?;
            self.time(row.until)?;
            self.holds(
                previous <= row.identity.to_native(),
                "exceptions are not in the order of their identities",
            )?;
            previous = row.identity.to_native();
        });
        Ok(())
    }
}
