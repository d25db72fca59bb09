//! Meet: which records speak of the same identity.

use std::collections::BTreeSet;

use super::precedence::listed_kept as listed;
use super::*;
use crate::packed::{KeyRef, Packed, keys};

/// An identity before its records are folded together.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) uid: String,
    /// `None`: those of its records.
    pub(super) aliases: Option<Packed<Vec<Alias>>>,
    pub(super) retired_at_ms: Option<i64>,
    /// Records, by their place in the harvest.
    pub(super) members: Vec<u32>,
}

impl Draft {
    /// Its keys. Those of its first record are its own until a claim brings more.
    pub(super) fn aliases(&self, records: &[Kept]) -> Vec<Alias> {
        match (&self.aliases, self.members.first()) {
            (Some(aliases), _) => aliases.open(),
            (None, Some(first)) => united(records[*first as usize].aliases()),
            (None, None) => Vec::new(),
        }
    }

    fn each_key<'k>(&'k self, records: &'k [Kept], see: impl FnMut(KeyRef<'k>)) {
        match (&self.aliases, self.members.first()) {
            (Some(aliases), _) => keys(&mut aliases.bytes()).for_each(see),
            (None, Some(first)) => records[*first as usize].each_key(see),
            (None, None) => {}
        }
    }
}

/// Each key once.
pub(super) fn united(aliases: Vec<Alias>) -> Vec<Alias> {
    let mut out = Vec::with_capacity(aliases.len());
    for alias in aliases {
        add_alias(&mut out, alias, None);
    }
    out
}

type KeyOf = (KeyType, String, String);

fn key_of(alias: &Alias) -> KeyOf {
    (alias.key_type, alias.domain.clone(), alias.value.clone())
}

pub(super) fn same_key(a: &Alias, b: &Alias) -> bool {
    (a.key_type, &a.value, &a.domain) == (b.key_type, &b.value, &b.domain)
}

/// Unique ids among keys, each for one key type and domain.
fn unique_ids(aliases: &[Alias]) -> BTreeSet<KeyOf> {
    aliases
        .iter()
        .filter(|alias| alias.key_type.is_unique_id())
        .map(key_of)
        .collect()
}

/// Records of one identity.
#[derive(Debug, Default)]
struct Group {
    records: Vec<u32>,
    unique: BTreeSet<KeyOf>,
    created: Option<i64>,
    is_gone: bool,
}

impl Group {
    /// Whether a record may speak of the same identity: a unique id is shared, or none of the same type
    /// differs and what is gone is not what still exists.
    fn admits(&self, unique: &BTreeSet<KeyOf>, is_gone: bool) -> bool {
        // Never given twice: who shares one is the same, whatever else each source knows.
        if !self.unique.is_disjoint(unique) {
            return true;
        }
        if self.is_gone != is_gone {
            return false;
        }
        unique.iter().all(|id| {
            self.unique.contains(id)
                || !self
                    .unique
                    .iter()
                    .any(|own| (own.0, &own.1) == (id.0, &id.1))
        })
    }

    fn join(&mut self, other: Self) {
        self.records.extend(other.records);
        self.unique.extend(other.unique);
        self.is_gone |= other.is_gone;
        self.created = self.created.or(other.created);
    }

    fn add(&mut self, index: u32, record: &Record) {
        self.records.push(index);
        self.unique.extend(unique_ids(&record.aliases));
        self.is_gone |= record.facts.retired_at_ms.is_some();
        self.created = self.created.or_else(|| record.facts.created.at());
    }
}

/// The identities that inventories list, in the order of their uids.
///
/// The uid is taken out of a record that is the only one of its identity.
pub(super) fn meet(records: &mut [Kept]) -> Vec<Draft> {
    let mut order: Vec<u32> = records
        .iter()
        .zip(0..)
        .filter(|(record, _)| record.uid.is_some())
        .map(|(_, index)| index)
        .collect();
    {
        let record = |index: u32| &records[index as usize];
        sort(&mut order, &|a, b| {
            let by_uid = record(*a).uid.cmp(&record(*b).uid);
            by_uid.then_with(|| listed(record(*a), record(*b)))
        });
    }
    let mut out: Vec<Draft> = Vec::with_capacity(order.len());
    let mut rest = order.as_slice();
    while let Some(first) = rest.first() {
        let uid = &records[*first as usize].uid;
        let len = rest
            .iter()
            .take_while(|index| records[**index as usize].uid == *uid)
            .count();
        let (run, more) = rest.split_at(len);
        rest = more;
        if let [index] = run {
            let record = &mut records[*index as usize];
            let draft = Draft {
                // It stays a statement of an inventory, without the text.
                uid: record
                    .uid
                    .as_mut()
                    .map(std::mem::take)
                    .unwrap_or_default()
                    .into(),
                members: vec![*index],
                ..Draft::default()
            };
            out.push(draft);
        } else {
            let uid = uid.as_deref().unwrap_or_default().to_owned();
            incarnations(&uid, run, records, &mut out);
        }
    }
    // Incarnations carry a suffix, which may sort behind the next uid.
    out.sort_by(|a, b| a.uid.cmp(&b.uid));
    out
}

/// Sorts on two processors when there is much to sort.
fn sort<T: Send>(list: &mut [T], compare: &(impl Fn(&T, &T) -> std::cmp::Ordering + Sync)) {
    if list.len() > 10_000 {
        let half = list.len() / 2;
        let (left, right) = list.split_at_mut(half);
        std::thread::scope(|scope| {
            scope.spawn(|| left.sort_by(compare));
            right.sort_by(compare);
        });
    }
    // Two sorted halves are merged in one pass.
    list.sort_by(compare);
}

/// Several records of one uid: of one identity, or of one and its predecessors under the same name.
fn incarnations(uid: &str, run: &[u32], records: &[Kept], out: &mut Vec<Draft>) {
    let opened: BTreeMap<u32, Record> = run
        .iter()
        .map(|index| (*index, records[*index as usize].open()))
        .collect();
    let mut groups: Vec<Group> = Vec::new();
    // Records with unique ids first: those without can then be told which incarnation they mean.
    for with_unique in [true, false] {
        for index in run {
            let record = &opened[index];
            let unique = unique_ids(&record.aliases);
            if unique.is_empty() == with_unique {
                continue;
            }
            let created = record.facts.created.at();
            let is_gone = record.facts.retired_at_ms.is_some();
            let same_age = groups.iter().position(|group| {
                unique.is_empty() && created.is_some() && group.created == created
            });
            // Who shares a unique id is the same, and so are groups that a record joins together.
            let mut sharing =
                (0..groups.len()).filter(|place| !groups[*place].unique.is_disjoint(&unique));
            let shared = sharing.next();
            let joined: Vec<usize> = sharing.collect();
            if let Some(first) = shared {
                for place in joined.into_iter().rev() {
                    let other = groups.remove(place);
                    groups[first].join(other);
                }
            }
            let place = shared.or(same_age).or_else(|| {
                groups
                    .iter()
                    .position(|group| group.admits(&unique, is_gone))
            });
            match place {
                Some(place) => groups[place].add(*index, record),
                None => {
                    let mut group = Group::default();
                    group.add(*index, record);
                    groups.push(group);
                }
            }
        }
    }
    // The youngest incarnation carries the uid; its predecessors carry their unique id as well.
    groups
        .sort_by(|a, b| (a.is_gone, b.created, &a.unique).cmp(&(b.is_gone, a.created, &b.unique)));
    let mut successor: Option<i64> = None;
    for (number, group) in groups.into_iter().enumerate() {
        let is_former = number > 0;
        let until = successor.filter(|_| is_former);
        let id = group.unique.iter().next().filter(|_| is_former);
        let mut draft = Draft {
            uid: id.map_or_else(|| uid.to_owned(), |id| format!("{uid}#{}", id.2)),
            retired_at_ms: until,
            ..Draft::default()
        };
        let mut aliases = Vec::new();
        for index in &group.records {
            for alias in &opened[index].aliases {
                // The name leads to the living; until when it led to the dead is not known.
                let is_taken = is_former && until.is_none() && group.is_gone;
                if !is_taken || alias.key_type.is_unique_id() {
                    add_alias(&mut aliases, alias.clone(), until);
                }
            }
        }
        draft.aliases = Some(Packed::of(&aliases));
        successor = group.created.or(successor);
        draft.members = group.records;
        out.push(draft);
    }
}

/// Adds a key. A name ends when the successor of the identity begins; of two statements about the
/// same key the wider validity holds.
pub(super) fn add_alias(aliases: &mut Vec<Alias>, mut alias: Alias, until: Option<i64>) {
    if !alias.key_type.is_unique_id() && alias.valid_to_ms.is_none() {
        alias.valid_to_ms = until;
    }
    match aliases.iter_mut().find(|known| same_key(known, &alias)) {
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
        None => aliases.push(alias),
    }
}

/// Gives each claim to the identities that hold one of its keys.
pub(super) fn attach_claims(records: &[Kept], drafts: &mut [Draft]) -> Vec<String> {
    let mut waiting: Vec<u32> = records
        .iter()
        .zip(0..)
        .filter(|(record, _)| record.uid.is_none())
        .map(|(_, index)| index)
        .collect();
    if waiting.is_empty() {
        return Vec::new();
    }
    waiting.sort_by(|a, b| listed(&records[*a as usize], &records[*b as usize]));
    // Holders are looked up for the keys that claims name, which are few beside all keys.
    let claims = || waiting.iter().map(|index| &records[*index as usize]);
    let mut wanted: HashSet<KeyId> = HashSet::new();
    for claim in claims() {
        claim.each_key(|key| {
            wanted.insert(key.id());
        });
    }
    let names: HashSet<&str> = claims().filter_map(Kept::local_name).collect();
    let mut holders: HashMap<KeyId, BTreeSet<usize>> = HashMap::new();
    let mut local: HashMap<&str, BTreeSet<usize>> = HashMap::new();
    for (number, draft) in drafts.iter().enumerate() {
        draft.each_key(records, |key| {
            let id = key.id();
            if wanted.contains(&id) {
                holders.entry(id).or_default().insert(number);
            }
        });
        for name in draft
            .members
            .iter()
            .filter_map(|index| records[*index as usize].local_name())
            .filter(|name| names.contains(name))
        {
            local.entry(name).or_default().insert(number);
        }
    }
    // A claim may bring a key that a later claim needs (an access key id), so this repeats until
    // nothing more is attached.
    loop {
        let before = waiting.len();
        waiting.retain(|index| {
            let record = &records[*index as usize];
            let aliases = record.aliases();
            let by_key = aliases
                .iter()
                .filter_map(|alias| holders.get(&KeyId::from(alias)));
            let by_name = record.local_name().and_then(|name| local.get(name));
            let mut found: BTreeSet<usize> = by_key.chain(by_name).flatten().copied().collect();
            if found
                .iter()
                .any(|number| drafts[*number].retired_at_ms.is_none())
            {
                found.retain(|number| drafts[*number].retired_at_ms.is_none());
            }
            for number in &found {
                let draft = &mut drafts[*number];
                let mut known = draft.aliases(records);
                let before = known.len();
                for alias in &aliases {
                    // What a claim calls a key is not a statement about how long it has led here.
                    if !known.iter().any(|known| same_key(known, alias)) {
                        add_alias(&mut known, alias.clone(), None);
                        holders.entry(alias.into()).or_default().insert(*number);
                    }
                }
                if known.len() > before {
                    draft.aliases = Some(Packed::of(&known));
                }
                draft.members.push(*index);
            }
            found.is_empty()
        });
        if waiting.len() == before {
            break;
        }
    }
    let name = |record: &Kept| {
        let aliases = record.aliases();
        let name = || record.local_name().map(str::to_owned);
        let key = aliases.first().map(notation);
        key.or_else(name).unwrap_or_default()
    };
    let mut unmatched: Vec<String> = waiting
        .iter()
        .map(|index| &records[*index as usize])
        .map(|record| format!("{}: {}", record.source.name, name(record)))
        .collect();
    unmatched.sort();
    unmatched.dedup();
    unmatched
}
