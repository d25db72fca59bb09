//! Reconcile: many records of one identity become one, with provenance.
//!
//! Records meet through their canonical uid or through a shared key (type, domain, value), never by
//! name alone. Inventories whose uids differ are never merged: a key that both hold stays with both
//! and a lookup answers `ambiguous`. For a field that two sources state, the source that is listed
//! first in the configuration wins; what the other said is kept as a conflict.

mod credentials;
mod fold;
mod jobs;
mod link;
mod secrets;
mod tombstones;

use self::credentials::{later, merge_credentials, name_report_keys};
pub(crate) use self::fold::dimension_field;
use self::fold::fold;
use self::link::link;
pub use self::tombstones::tombstones;

use std::collections::{BTreeMap, BTreeSet};

use enrich_core::KeyType;
use enrich_core::vocabulary::{Dimension, Kind, LifecycleState, Provider};

use crate::model::{Alias, Conflict, Credential, Identity, Inventory, Provenance, Time};
use crate::record::{Grant, Harvest, Record, notation};
use crate::text::DAY_MS;

/// One identity with what the policy needs to judge it and the snapshot does not hold.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Subject {
    /// The identity.
    pub identity: Identity,
    /// What each policy or role allows.
    pub grants: Vec<Grant>,
    /// Upper bound of the privilege.
    pub boundary: Option<Grant>,
    /// Namespace inside the domain.
    pub namespace: Option<String>,
    /// Tags, labels and annotations.
    pub tags: BTreeMap<String, String>,
    /// Which source gave each tag.
    pub tag_sources: BTreeMap<String, (String, i64)>,
    /// Trust that does not say who is meant.
    pub unconditioned_trust: Vec<String>,
    /// Fields that a source stated; a policy rule leaves them alone.
    pub stated: BTreeSet<&'static str>,
    /// Names of the sources that speak about it.
    pub sources: BTreeSet<String>,
    /// Where secrets live, as stated: for one access key, or for all credentials.
    pub secret_places: Vec<(Option<String>, String)>,
}

/// The result for one export.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Reconciled {
    /// Identities in the order of their uids.
    pub subjects: Vec<Subject>,
    /// Keys that several identities hold at the same time.
    pub ambiguous_keys: Vec<String>,
    /// Claims about keys that no inventory lists, as `source: key`.
    pub unmatched: Vec<String>,
}

type KeyOf = (KeyType, String, String);

fn key_of(alias: &Alias) -> KeyOf {
    (alias.key_type, alias.domain.clone(), alias.value.clone())
}

fn unique_ids(aliases: &[Alias]) -> BTreeSet<KeyOf> {
    aliases
        .iter()
        .filter(|alias| alias.key_type.is_unique_id())
        .map(key_of)
        .collect()
}

/// Records of one identity, by their place in the harvest.
#[derive(Debug, Default)]
struct Group {
    records: Vec<usize>,
    unique: BTreeSet<KeyOf>,
    created: Option<i64>,
}

impl Group {
    /// Whether a record may speak of the same identity: no unique id of the same type differs.
    fn admits(&self, unique: &BTreeSet<KeyOf>) -> bool {
        unique.iter().all(|id| {
            self.unique.contains(id)
                || !self
                    .unique
                    .iter()
                    .any(|own| (own.0, &own.1) == (id.0, &id.1))
        })
    }

    fn add(&mut self, index: usize, record: &Record) {
        self.records.push(index);
        self.unique.extend(unique_ids(&record.aliases));
        if let (None, Time::At(created)) = (self.created, record.facts.created) {
            self.created = Some(created);
        }
    }
}

/// Lets the records of a harvest meet.
#[must_use]
pub fn reconcile(harvest: &Harvest) -> Reconciled {
    let records = &harvest.records;
    let mut by_uid: BTreeMap<&str, Vec<Group>> = BTreeMap::new();
    // Records with unique ids first: those without can then be told which incarnation they mean.
    for with_unique in [true, false] {
        for (index, record) in records.iter().enumerate() {
            let Some(uid) = record.uid.as_deref() else {
                continue;
            };
            let unique = unique_ids(&record.aliases);
            if unique.is_empty() == with_unique {
                continue;
            }
            let groups = by_uid.entry(uid).or_default();
            let created = if let Time::At(created) = record.facts.created {
                Some(created)
            } else {
                None
            };
            let same_age = groups.iter().position(|group| {
                unique.is_empty() && created.is_some() && group.created == created
            });
            let place = same_age.or_else(|| groups.iter().position(|group| group.admits(&unique)));
            match place {
                Some(place) => groups[place].add(index, record),
                None => {
                    let mut group = Group::default();
                    group.add(index, record);
                    groups.push(group);
                }
            }
        }
    }
    let mut subjects = Vec::new();
    let mut members: Vec<Vec<usize>> = Vec::new();
    for (uid, mut groups) in by_uid {
        // The youngest incarnation carries the uid; its predecessors carry their unique id as well.
        groups.sort_by_key(|group| {
            (
                std::cmp::Reverse(group.created),
                group.records.first().copied(),
            )
        });
        let mut successor: Option<i64> = None;
        for (number, group) in groups.into_iter().enumerate() {
            let suffix = group
                .unique
                .iter()
                .next()
                .filter(|_| number > 0)
                .map(|id| format!("#{}", id.2))
                .unwrap_or_default();
            let mut subject = empty(&format!("{uid}{suffix}"));
            for index in &group.records {
                for alias in &records[*index].aliases {
                    add_alias(
                        &mut subject.identity,
                        alias,
                        if number > 0 { successor } else { None },
                    );
                }
            }
            if number > 0
                && let Some(until) = successor
            {
                subject.identity.lifecycle_state = LifecycleState::Deprovisioned;
                subject.identity.retired_at_ms = Some(until);
                subject.stated.insert("lifecycle_state");
            }
            successor = group.created.or(successor);
            subjects.push(subject);
            members.push(group.records);
        }
    }
    let unmatched = attach_claims(records, &mut subjects, &mut members);
    for (subject, mut indexes) in subjects.iter_mut().zip(members) {
        indexes.sort_by_key(|index| (records[*index].source.rank, *index));
        for index in indexes {
            fold(subject, &records[index]);
        }
        finish(subject);
        secrets::age(subject, &harvest.stored_secrets);
    }
    link(&mut subjects);
    subjects.sort_by(|a, b| a.identity.uid.cmp(&b.identity.uid));
    let ambiguous_keys = ambiguous(&subjects);
    Reconciled {
        subjects,
        ambiguous_keys,
        unmatched,
    }
}

fn empty(uid: &str) -> Subject {
    Subject {
        identity: Identity::new(uid, "", Kind::Unknown, Provider::Other, ""),
        grants: Vec::new(),
        boundary: None,
        namespace: None,
        tags: BTreeMap::new(),
        tag_sources: BTreeMap::new(),
        unconditioned_trust: Vec::new(),
        stated: BTreeSet::new(),
        sources: BTreeSet::new(),
        secret_places: Vec::new(),
    }
}

/// Adds a key. A name ends when the successor of the identity begins; of two statements about the
/// same key the wider validity holds.
fn add_alias(identity: &mut Identity, alias: &Alias, until: Option<i64>) {
    let mut alias = alias.clone();
    if !alias.key_type.is_unique_id() && alias.valid_to_ms.is_none() {
        alias.valid_to_ms = until;
    }
    match identity
        .aliases
        .iter_mut()
        .find(|known| key_of(known) == key_of(&alias))
    {
        Some(known) => {
            // A known beginning is a fact; a missing one only means that the source does not say.
            known.valid_from_ms = match (known.valid_from_ms, alias.valid_from_ms) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
            known.valid_to_ms = match (known.valid_to_ms, alias.valid_to_ms) {
                (Some(a), Some(b)) => Some(a.max(b)),
                (a, b) => a.or(b),
            };
        }
        None => identity.aliases.push(alias),
    }
}

/// Gives each claim to the identities that hold one of its keys.
fn attach_claims(
    records: &[Record],
    subjects: &mut [Subject],
    members: &mut [Vec<usize>],
) -> Vec<String> {
    let mut holders: BTreeMap<KeyOf, BTreeSet<usize>> = BTreeMap::new();
    let mut local: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for (number, subject) in subjects.iter().enumerate() {
        for alias in &subject.identity.aliases {
            holders.entry(key_of(alias)).or_default().insert(number);
        }
        for name in members[number]
            .iter()
            .filter_map(|index| records[*index].local_name.as_deref())
        {
            local.entry(name).or_default().insert(number);
        }
    }
    let mut waiting: Vec<usize> = (0..records.len())
        .filter(|index| records[*index].uid.is_none())
        .collect();
    // A claim may bring a key that a later claim needs (an access key id), so this repeats until
    // nothing more is attached.
    loop {
        let before = waiting.len();
        waiting.retain(|index| {
            let record = &records[*index];
            let by_key = record
                .aliases
                .iter()
                .filter_map(|alias| holders.get(&key_of(alias)));
            let by_name = record
                .local_name
                .as_deref()
                .and_then(|name| local.get(name));
            let mut found: BTreeSet<usize> = by_key.chain(by_name).flatten().copied().collect();
            if found
                .iter()
                .any(|number| subjects[*number].identity.retired_at_ms.is_none())
            {
                found.retain(|number| subjects[*number].identity.retired_at_ms.is_none());
            }
            for number in &found {
                members[*number].push(*index);
                for alias in &record.aliases {
                    // What a claim calls a key is not a statement about how long it has led here.
                    if !subjects[*number]
                        .identity
                        .aliases
                        .iter()
                        .any(|known| key_of(known) == key_of(alias))
                    {
                        add_alias(&mut subjects[*number].identity, alias, None);
                        holders.entry(key_of(alias)).or_default().insert(*number);
                    }
                }
            }
            found.is_empty()
        });
        if waiting.len() == before {
            break;
        }
    }
    let name = |record: &Record| {
        record
            .aliases
            .first()
            .map(notation)
            .or_else(|| record.local_name.clone())
            .unwrap_or_default()
    };
    let mut unmatched: Vec<String> = waiting
        .iter()
        .map(|index| {
            format!(
                "{}: {}",
                records[*index].source.name,
                name(&records[*index])
            )
        })
        .collect();
    unmatched.sort();
    unmatched.dedup();
    unmatched
}

/// Settles what needs all records of an identity.
fn finish(subject: &mut Subject) {
    let identity = &mut subject.identity;
    name_report_keys(&mut identity.credentials);
    for (key, place) in &subject.secret_places {
        for credential in identity.credentials.iter_mut().filter(|credential| {
            credential.credential_type != "password"
                && key.as_ref().is_none_or(|key| credential.uid == *key)
        }) {
            credential
                .secret_source
                .get_or_insert_with(|| place.clone());
        }
    }
    identity
        .credentials
        .sort_by(|a, b| (&a.credential_type, &a.uid).cmp(&(&b.credential_type, &b.uid)));
    identity.aliases.sort();
    // The last statement about a field is the one that holds (`last_seen` moves forward).
    let mut latest: BTreeMap<String, Provenance> = BTreeMap::new();
    for provenance in identity.provenance.drain(..) {
        latest.insert(provenance.field.clone(), provenance);
    }
    identity.provenance.extend(latest.into_values());
    identity.conflicts.sort();
    identity.conflicts.dedup();
    subject.grants.sort();
    subject.grants.dedup();
    if identity.name.is_empty() {
        identity.name.clone_from(&identity.uid);
    }
}

/// Keys that more than one identity holds at the same time.
fn ambiguous(subjects: &[Subject]) -> Vec<String> {
    let mut holders: BTreeMap<KeyOf, Vec<&Alias>> = BTreeMap::new();
    for alias in subjects
        .iter()
        .flat_map(|subject| &subject.identity.aliases)
    {
        holders.entry(key_of(alias)).or_default().push(alias);
    }
    let overlap = |a: &Alias, b: &Alias| {
        let before = |to: Option<i64>, from: Option<i64>| matches!((to, from), (Some(to), Some(from)) if to <= from);
        !before(a.valid_to_ms, b.valid_from_ms) && !before(b.valid_to_ms, a.valid_from_ms)
    };
    let shared = holders.into_values().filter(|held| {
        held.iter()
            .enumerate()
            .any(|(n, a)| held[n + 1..].iter().any(|b| overlap(a, b)))
    });
    shared
        .filter_map(|held| held.first().map(|alias| notation(alias)))
        .collect()
}
