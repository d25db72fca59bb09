//! Reconcile: many records of one identity become one, with provenance.
//!
//! Records meet through their canonical uid or through a shared key (type, domain, value), never by
//! name alone. Inventories whose uids differ are never merged: a key that both hold stays with both
//! and a lookup answers `ambiguous`. For a field that two sources state, the source that is listed
//! first in the configuration wins; what the other said is kept as a conflict.

mod credentials;
mod few;
mod fold;
mod jobs;
mod link;
mod meet;
mod precedence;
mod secrets;
mod stored;
mod tombstones;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use enrich_core::vocabulary::{Dimension, Kind, LifecycleState, Provider};
use enrich_core::{Key, KeyType};
use hashbrown::{HashMap, HashSet};

pub(crate) use self::credentials::later;
use self::credentials::{merge_credentials, name_report_keys};
pub use self::few::{Few, Tag, Tags};
pub(crate) use self::fold::dimension_field;
use self::fold::fold;
use self::link::link;
use self::meet::{Draft, add_alias, attach_claims, meet, united};
pub use self::precedence::{Order, Precedence};
pub(crate) use self::stored::Stored;
pub use self::tombstones::RETENTION_MS;
pub(crate) use self::tombstones::tombstones;
use crate::kept::Kept;
use crate::model::{Alias, Conflict, Credential, Identity, Provenance, Time};
use crate::packed::KeyRef;
use crate::record::{Grant, Harvest, KeyId, Record, notation};
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
    pub tags: Tags,
    /// Trust that does not say who is meant.
    pub unconditioned_trust: Vec<String>,
    /// Places where a source shows what is shaped as a secret.
    pub exposed: Vec<String>,
    /// Ways to authenticate that are weaker than what the provider offers.
    pub weak: Vec<String>,
    /// Fields that a source stated; a policy rule leaves them alone.
    pub stated: Few<&'static str>,
    /// Names of the sources that speak about it.
    pub sources: Few<Arc<str>>,
    /// Where secrets live, as stated: for one access key, or for all credentials.
    pub secret_places: Vec<(Option<String>, String)>,
    /// Baselines of the policy that match and state something new, by their place.
    pub baselines: Vec<u32>,
    /// Response rules of the policy that match, by their place.
    pub responses: Vec<u32>,
    /// Exceptions of the policy that match, by their place.
    pub exceptions: Vec<u32>,
    /// It is known from the previous snapshot alone, and nothing is decided about it any more.
    pub is_tombstone: bool,
}

/// The result for one export.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reconciled {
    /// Identities in the order of their uids.
    pub(crate) subjects: Vec<Stored>,
    /// Keys that several identities hold at the same time.
    pub(crate) ambiguous_keys: Vec<String>,
    /// Claims about keys that no inventory lists, as `source: key`.
    pub(crate) unmatched: Vec<String>,
    /// What did not come together.
    pub(crate) warnings: Vec<String>,
}

/// Lets the records of a harvest meet. They are taken out of the harvest.
#[must_use]
pub(crate) fn reconcile(harvest: &mut Harvest, precedence: &Precedence) -> Reconciled {
    harvest.keep();
    let mut records = std::mem::take(&mut harvest.kept);
    let mut drafts = meet(&mut records);
    let unmatched = attach_claims(&records, &mut drafts);
    let names: BTreeMap<String, Arc<str>> = records
        .iter()
        .map(|record| record.source.name.as_str())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .map(|name| (name.to_owned(), Arc::from(name)))
        .collect();
    let mut uses = vec![0_u32; records.len()];
    for index in drafts.iter().flat_map(|draft| &draft.members) {
        uses[*index as usize] += 1;
    }
    let held = Held {
        records: records
            .into_iter()
            .zip(uses)
            .map(|(record, uses)| Mutex::new((Some(record), uses)))
            .collect(),
        names,
    };
    let stored = &harvest.stored_secrets;
    let mut subjects: Vec<Stored> = in_parallel(drafts, |draft| {
        let mut subject = held.subject(draft, precedence);
        secrets::age(&mut subject, stored);
        Stored::of(subject)
    });
    drop(held);
    let warnings = link(&mut subjects);
    let ambiguous_keys = ambiguous(&subjects);
    Reconciled {
        subjects,
        ambiguous_keys,
        unmatched,
        warnings,
    }
}

/// So many items are worked on before the next ones are taken up.
const BATCH: usize = 65_536;

/// Works through a list on all processors; the results are in the order of the list.
pub(crate) fn in_parallel<T: Send, R: Send>(
    mut list: Vec<T>,
    work: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    if workers == 1 || list.len() < 1024 {
        return list.into_iter().map(work).collect();
    }
    let mut out = Vec::with_capacity(list.len());
    // From the end, so that the list shrinks while the results grow.
    list.reverse();
    while !list.is_empty() {
        let rest = list.len().saturating_sub(BATCH);
        let mut slots: Vec<(Option<T>, Option<R>)> = list
            .drain(rest..)
            .rev()
            .map(|item| (Some(item), None))
            .collect();
        let size = slots.len().div_ceil(workers);
        std::thread::scope(|scope| {
            for part in slots.chunks_mut(size) {
                scope.spawn(|| {
                    for (item, result) in part {
                        *result = item.take().map(&work);
                    }
                });
            }
        });
        out.extend(slots.into_iter().filter_map(|(_, result)| result));
    }
    out
}

/// Records on their way into identities. A claim may speak of several; the last one takes it.
struct Held {
    records: Vec<Mutex<(Option<Kept>, u32)>>,
    names: BTreeMap<String, Arc<str>>,
}

impl Held {
    fn take(&self, index: u32) -> Option<Record> {
        let mut slot = self.records.get(index as usize)?.lock().ok()?;
        slot.1 = slot.1.saturating_sub(1);
        let record = slot.0.as_ref().map(Kept::open);
        if slot.1 == 0 {
            slot.0 = None;
        }
        record
    }

    fn subject(&self, draft: Draft, precedence: &Precedence) -> Box<Subject> {
        let mut subject = empty(draft.uid);
        let mut records: Vec<Record> = draft
            .members
            .iter()
            .filter_map(|index| self.take(*index))
            .collect();
        subject.identity.aliases = match (&draft.aliases, records.first()) {
            (Some(aliases), _) => aliases.open(),
            (None, Some(first)) => united(first.aliases.clone()),
            (None, None) => Vec::new(),
        };
        if let Some(until) = draft.retired_at_ms {
            subject.identity.lifecycle_state = LifecycleState::Deprovisioned;
            subject.identity.retired_at_ms = Some(until);
            subject.stated.insert("lifecycle_state");
        }
        for order in precedence.orders() {
            records.sort_by(|a, b| order.compare(a, b));
            for record in &mut records {
                let source = self.names.get(&record.source.name);
                let source = source.map_or_else(|| record.source.name.as_str().into(), Arc::clone);
                fold(&mut subject, record, &source, &|field| {
                    precedence.of(field) == order
                });
            }
        }
        finish(&mut subject);
        subject
    }
}

fn empty(uid: String) -> Box<Subject> {
    Box::new(Subject {
        identity: Identity::new(&uid, "", Kind::Unknown, Provider::Other, ""),
        grants: Vec::new(),
        boundary: None,
        namespace: None,
        tags: Tags::default(),
        unconditioned_trust: Vec::new(),
        exposed: Vec::new(),
        weak: Vec::new(),
        stated: Few::default(),
        sources: Few::default(),
        secret_places: Vec::new(),
        baselines: Vec::new(),
        responses: Vec::new(),
        exceptions: Vec::new(),
        is_tombstone: false,
    })
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
    let stated = std::mem::take(&mut identity.provenance);
    for provenance in stated {
        match identity
            .provenance
            .iter_mut()
            .find(|known| known.field == provenance.field)
        {
            Some(known) => *known = provenance,
            None => identity.provenance.push(provenance),
        }
    }
    identity.provenance.sort();
    identity.conflicts.sort();
    identity.conflicts.dedup();
    subject.grants.sort();
    subject.grants.dedup();
    if identity.name.is_empty() {
        identity.name.clone_from(&identity.uid);
    }
}

/// Keys that more than one identity holds at the same time.
fn ambiguous(subjects: &[Stored]) -> Vec<String> {
    // Most keys have one holder: only those with several are looked at closely.
    let mut ids: Vec<KeyId> = Vec::with_capacity(2 * subjects.len());
    for subject in subjects {
        subject.each_key(|key| ids.push(key.id()));
    }
    let several = repeated(ids);
    if several.is_empty() {
        return Vec::new();
    }
    let mut holders: BTreeMap<(KeyType, &str, &str), Vec<KeyRef<'_>>> = BTreeMap::new();
    for subject in subjects {
        subject.each_key(|key| {
            if several.contains(&key.id()) {
                let held = holders.entry((key.key_type, key.domain, key.value));
                held.or_default().push(key);
            }
        });
    }
    let overlap = |a: &KeyRef<'_>, b: &KeyRef<'_>| {
        let before = |to: Option<i64>, from: Option<i64>| matches!((to, from), (Some(to), Some(from)) if to <= from);
        !before(a.valid_to_ms, b.valid_from_ms) && !before(b.valid_to_ms, a.valid_from_ms)
    };
    let shared = holders.into_iter().filter(|(_, held)| {
        held.iter()
            .enumerate()
            .any(|(n, a)| held[n + 1..].iter().any(|b| overlap(a, b)))
    });
    shared
        .map(|((key_type, domain, value), _)| Key::new(key_type, domain, value).to_string())
        .collect()
}

/// The ids that stand in a list more than once. A sorted list takes a quarter of the place of a map.
pub(crate) fn repeated(mut ids: Vec<KeyId>) -> HashSet<KeyId> {
    ids.sort_unstable();
    let pairs = ids.windows(2).filter(|pair| pair[0] == pair[1]);
    pairs.map(|pair| pair[0]).collect()
}
