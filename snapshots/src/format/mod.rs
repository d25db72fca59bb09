//! The snapshot format, written: an inventory becomes the bytes that `enrich-core` reads.
//!
//! `docs/format.md` describes the bytes. The result depends on the inventory alone: identities,
//! keys and scopes are sorted, tables number their rows in that order, and the seed of the index
//! comes from the keys.

mod error;
mod file;
mod index;
mod intern;
mod keys;
mod networks;
mod rows;

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeSet;

use enrich_core::snapshot::header::{ID_LEN, MAJOR, MINOR};
use enrich_core::snapshot::schema::{
    ExceptionRow, IdentityRow, MetaRow, ScopeEnvironmentRow, ScopeRow, section,
};
use enrich_core::snapshot::{Header, Limits};
use enrich_core::vocabulary::{Dimension, LayerKind};

pub use self::error::BuildError;
pub use self::file::{Sections, sign};
use self::keys::KeyTables;
use self::rows::Writer;
use crate::model::{Alias, Exception, Identity, Inventory, Meta, Time};

pub use enrich_core::MAX_UID;

/// A count as the format holds it.
fn fit(what: &'static str, count: usize) -> Result<u32, BuildError> {
    // The highest bit of a row number marks shared keys.
    u32::try_from(count)
        .ok()
        .filter(|count| *count < 0x7FFF_FFFF)
        .ok_or(BuildError::TooLarge {
            what,
            count: count as u64,
            limit: 0x7FFF_FFFF,
        })
}

/// What the key tables need of an identity.
#[derive(Clone, Debug)]
pub(crate) struct Holder<'k> {
    /// Its uid.
    pub(crate) uid: &'k str,
    /// Its keys.
    pub(crate) aliases: Cow<'k, [Alias]>,
    /// For a tombstone: when it was removed.
    pub(crate) retired_at_ms: Option<i64>,
}

/// So many identities, by the numbers of their rows.
pub(crate) type Holders<'f, 'k> = (usize, &'f dyn Fn(usize) -> Holder<'k>);

/// Writes an inventory as an unsigned snapshot.
///
/// # Errors
/// What in the inventory does not fit the format.
pub fn build(inventory: &Inventory) -> Result<Vec<u8>, BuildError> {
    let mut identities: Vec<&Identity> = inventory.identities.iter().collect();
    identities.sort_by(|a, b| a.uid.cmp(&b.uid));
    let holder = |number: usize| {
        let identity = identities[number];
        Holder {
            uid: &identity.uid,
            aliases: Cow::Borrowed(&identity.aliases),
            retired_at_ms: identity.retired_at_ms,
        }
    };
    let is_overlay = inventory.meta.overlay_of.is_some();
    let mut builder = Builder::new(
        (identities.len(), &holder),
        &inventory.removed_keys,
        is_overlay,
    )?;
    for identity in &identities {
        builder.add(identity)?;
    }
    builder.finish(inventory)
}

/// Writes a snapshot whose identities come one at a time, in the order of their uids: a large
/// inventory need not be held as a whole.
#[derive(Debug)]
pub(crate) struct Builder {
    writer: Writer,
    keys: KeyTables,
    rows: Vec<IdentityRow>,
    exceptions: Vec<ExceptionRow>,
    /// Networks that expectations name.
    networks: BTreeSet<String>,
}

impl Builder {
    /// Begins with the keys of all identities, in the order in which [`Self::add`] will see them.
    ///
    /// # Errors
    /// A uid or key that does not fit the format.
    pub(crate) fn new<'k>(
        holders: Holders<'_, 'k>,
        removed_keys: &[Alias],
        is_overlay: bool,
    ) -> Result<Self, BuildError> {
        let mut writer = Writer::new();
        let keys = keys::tables(
            holders,
            removed_keys,
            is_overlay,
            &mut writer.texts,
            &mut writer.lists,
        )?;
        Ok(Self {
            writer,
            keys,
            rows: Vec::with_capacity(holders.0),
            exceptions: Vec::new(),
            networks: BTreeSet::new(),
        })
    }

    /// Adds the next identity.
    ///
    /// # Errors
    /// What in it does not fit the format.
    pub(crate) fn add(&mut self, identity: &Identity) -> Result<(), BuildError> {
        let (writer, number) = (&mut self.writer, self.rows.len());
        let (uid_prefix, uid_rest) = split_uid(&identity.uid);
        let first_credential = fit("credentials", writer.credentials.len())?;
        writer.credentials(identity)?;
        self.rows.push(IdentityRow {
            uid_prefix: writer.texts.add(uid_prefix)?,
            uid_rest: writer.texts.add(uid_rest)?,
            profile: writer.profile(identity)?,
            details: writer.details(identity, uid_rest, self.keys.shared[number])?,
            created: writer.time(identity.created)?,
            last_seen: writer.time(identity.last_seen)?,
            first_credential,
            first_key: self.keys.first[number],
        });
        let mut accepted: Vec<&Exception> = identity.accepted.iter().collect();
        accepted.sort();
        for exception in accepted {
            self.exceptions.push(ExceptionRow {
                identity: fit("identities", number)?,
                finding: writer.texts.add(&exception.finding)?,
                until: writer.time(Time::At(exception.until_ms))?,
                reason: writer.texts.add(&exception.reason)?,
            });
        }
        for name in identity
            .behavior
            .iter()
            .filter(|expectation| expectation.dimension == Dimension::Network)
            .flat_map(|expectation| &expectation.allowed)
        {
            if !self.networks.contains(name) {
                self.networks.insert(name.clone());
            }
        }
        Ok(())
    }

    /// Ends with what is not about one identity: header, scopes, networks and rules. The
    /// identities of `inventory` are not looked at.
    ///
    /// # Errors
    /// What in it does not fit the format.
    pub(crate) fn finish(self, inventory: &Inventory) -> Result<Vec<u8>, BuildError> {
        let Self {
            mut writer,
            keys,
            rows,
            exceptions,
            networks: expected,
        } = self;
        let (scopes, environments) = scopes(inventory, &mut writer)?;
        let rules = inventory
            .rules
            .iter()
            .map(|rule| writer.rule(rule))
            .collect::<Result<Vec<_>, _>>()?;
        let (networks, ranges_v4, ranges_v6) = networks::tables(
            &inventory.networks,
            &expected,
            &mut writer.texts,
            &mut writer.lists,
        )?;
        let meta = meta(inventory)
            .iter()
            .map(|(name, value)| {
                Ok(MetaRow {
                    name: writer.texts.add(name)?,
                    value: writer.texts.add(value)?,
                })
            })
            .collect::<Result<Vec<_>, BuildError>>()?;

        let value = RefCell::default();
        let index = index::build(keys.keys.len(), keys.first_seed(), |number, seed| {
            keys.hash(number, seed, &writer.texts, &mut value.borrow_mut())
        });
        let mut header = header(&inventory.meta, (index.seed, index.longest_probe))?;
        // A file that uses nothing of a later minor is one of the earlier.
        let uses_minor_1 = !environments.is_empty() || !exceptions.is_empty();
        header.minor = if uses_minor_1 { MINOR } else { 0 };

        let mut out = Sections::default();
        // Hot sections first: an event touches the index, the keys and the identities.
        out.push(section::INDEX, &index.buckets)?;
        out.push(section::KEYS, &keys.keys)?;
        out.push(section::KEY_CLASSES, &keys.classes)?;
        out.push(section::VALIDITY, &keys.validity)?;
        out.push(section::KEY_HOLDERS, &keys.holders)?;
        out.push(section::IDENTITIES, &rows)?;
        drop((index, keys, rows));
        out.push(section::SCOPES, &scopes)?;
        out.push(section::NETWORKS, &networks)?;
        out.push(section::RANGES_V4, &ranges_v4)?;
        out.push(section::RANGES_V6, &ranges_v6)?;
        out.push(section::RULES, &rules)?;
        out.push(section::META, &meta)?;
        if uses_minor_1 {
            out.push(section::SCOPE_ENVIRONMENTS, &environments)?;
            out.push(section::EXCEPTIONS, &exceptions)?;
        }
        writer.push_into(&mut out)?;
        out.write(header)
    }
}

/// Seed and longest probe of the index.
type IndexFacts = (u64, u16);

/// Cuts a uid before its last part, which is the name of most identities.
fn split_uid(uid: &str) -> (&str, &str) {
    uid.split_at(uid.rfind(['/', ':']).map_or(0, |at| at + 1))
}

/// Names and values about the snapshot itself.
fn meta(inventory: &Inventory) -> Vec<(&'static str, String)> {
    let limits = &inventory.limits;
    let days = [
        (Limits::DORMANT_AFTER, limits.dormant_after_days),
        (Limits::ROTATION_GRACE, limits.rotation_grace_days),
    ];
    let stated = days
        .into_iter()
        .filter_map(|(name, days)| Some((name, days?.to_string())));
    let organization = ("organization", inventory.meta.organization.clone());
    std::iter::once(organization).chain(stated).collect()
}

/// The scopes, sorted, and what those are for of which it is known.
fn scopes(
    inventory: &Inventory,
    writer: &mut Writer,
) -> Result<(Vec<ScopeRow>, Vec<ScopeEnvironmentRow>), BuildError> {
    let mut sorted: Vec<_> = inventory.scopes.iter().collect();
    sorted.sort_by(|a, b| {
        (a.provider.code(), &a.domain, &a.part).cmp(&(b.provider.code(), &b.domain, &b.part))
    });
    sorted.dedup_by(|b, a| (a.provider, &a.domain, &a.part) == (b.provider, &b.domain, &b.part));
    let known = sorted
        .iter()
        .zip(0_u32..)
        .filter(|(scope, _)| !scope.environment.is_empty());
    let environments = known
        .map(|(known, scope)| ScopeEnvironmentRow {
            scope,
            environments: rows::environments(&known.environment),
        })
        .collect();
    let rows = sorted
        .into_iter()
        .map(|scope| {
            Ok(ScopeRow {
                provider: u32::from(scope.provider.code()),
                domain: writer.texts.add(&scope.domain)?,
                part: writer.texts.add(&scope.part)?,
                name: writer.texts.option(scope.name.as_deref())?,
                owner: writer.entity(scope.owner.as_ref())?,
                escalation: writer.escalation(scope.escalation_policy.as_ref())?,
                flags: u32::from(scope.covered),
            })
        })
        .collect::<Result<_, BuildError>>()?;
    Ok((rows, environments))
}

fn header(meta: &Meta, (seed, longest_probe): IndexFacts) -> Result<Header, BuildError> {
    let id = if meta.id.is_empty() {
        default_id(meta)
    } else {
        meta.id.clone()
    };
    let clean = id
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte));
    if !clean || id.is_empty() || id.len() > ID_LEN {
        return Err(BuildError::Id { id });
    }
    let mut id_field = [0_u8; ID_LEN];
    id_field[..id.len()].copy_from_slice(id.as_bytes());
    let mut header = Header::empty();
    header.major = MAJOR;
    header.sequence = meta.sequence;
    header.created_ms = meta.created_ms;
    header.valid_for_s = meta.valid_for_s;
    header.id = id_field;
    header.layer = if meta.overlay_of.is_some() {
        LayerKind::Overlay
    } else {
        LayerKind::Shard
    };
    header.longest_probe = longest_probe;
    header.index_seed = seed;
    header.overlay_of = meta.overlay_of.unwrap_or_default();
    header.previous = meta.previous.unwrap_or_default();
    Ok(header)
}

/// `organisation-2026-03-20T06:00:00Z-41`.
fn default_id(meta: &Meta) -> String {
    let mut slug: String = meta
        .organization
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .take(16)
        .collect();
    slug = slug.trim_matches('-').to_owned();
    let mut time = String::new();
    let seconds = meta.created_ms.div_euclid(1000) * 1000;
    // Writing to a String cannot fail.
    let _ = enrich_core::time::write_rfc3339(&mut time, seconds);
    let mut id = if slug.is_empty() {
        format!("{time}-{}", meta.sequence)
    } else {
        format!("{slug}-{time}-{}", meta.sequence)
    };
    id.truncate(ID_LEN);
    id
}
