//! Tombstones: who is gone stays answerable for a while.

use hashbrown::HashSet;

use super::meet::same_key;
use super::*;
use crate::model::Scope;

/// For how long a removed identity stays answerable, when nothing else is configured.
pub const RETENTION_MS: i64 = 400 * DAY_MS;

/// Keeps the identities of the previous snapshot that are gone as tombstones. Returns how many.
///
/// An identity is gone when its account or cluster was read again and does not list it any more.
/// Where nothing was read, nothing is known, and nothing is carried over.
pub fn tombstones(
    previous: &Inventory,
    scopes: &[Scope],
    created_ms: i64,
    retention_ms: i64,
    current: &mut Vec<Box<Subject>>,
) -> usize {
    let read_again: BTreeSet<(Provider, &str)> = scopes
        .iter()
        .filter(|scope| scope.covered && scope.part.is_empty())
        .map(|scope| (scope.provider, scope.domain.as_str()))
        .collect();
    let open: Vec<(&Identity, i64)> = previous
        .identities
        .iter()
        .map(|old| (old, old.retired_at_ms.unwrap_or(created_ms)))
        .filter(|(_, end)| created_ms.saturating_sub(*end) <= retention_ms)
        .filter(|(old, _)| read_again.contains(&(old.provider, old.domain.as_str())))
        .filter(|(old, _)| !is_still_there(old, current))
        .collect();
    // Holders are looked up for the keys of those that are gone, which are few beside all keys.
    let wanted: HashSet<KeyId> = open
        .iter()
        .flat_map(|(old, _)| old.aliases.iter().map(KeyId::from))
        .collect();
    let mut by_key: HashMap<KeyId, usize> = HashMap::new();
    for (number, subject) in current.iter().enumerate() {
        for id in subject.identity.aliases.iter().map(KeyId::from) {
            if wanted.contains(&id) {
                by_key.entry(id).or_insert(number);
            }
        }
    }
    let mut added = Vec::new();
    for (old, end) in open {
        let unique = || old.aliases.iter().filter(|alias| is_unique(alias));
        let mut uid = old.uid.clone();
        if let Some(now) = find(current, &old.uid) {
            // The same uid with another unique id: the old one was deleted, the name was given again.
            let Some(id) = unique().find(|id| differs(id, &now.aliases)) else {
                continue;
            };
            uid = format!("{}#{}", old.uid, id.value);
            if find(current, &uid).is_some() {
                continue;
            }
        } else if let Some(number) = unique().find_map(|id| by_key.get(&KeyId::from(id))) {
            // Renamed: the old name still leads to it for events from before.
            let renamed = &mut current[*number].identity.aliases;
            for alias in old.aliases.iter().filter(|alias| !is_unique(alias)) {
                if !renamed.iter().any(|known| same_key(known, alias)) {
                    renamed.push(Alias {
                        valid_to_ms: alias.valid_to_ms.or(Some(end)),
                        ..alias.clone()
                    });
                }
            }
            continue;
        }
        let mut tombstone = old.clone();
        tombstone.uid = uid;
        tombstone.lifecycle_state = LifecycleState::Deprovisioned;
        tombstone.retired_at_ms = Some(end);
        for credential in &mut tombstone.credentials {
            credential.status = enrich_core::vocabulary::CredentialStatus::Revoked;
        }
        // A name that another identity holds by now ended when the other one began.
        for alias in tombstone
            .aliases
            .iter_mut()
            .filter(|alias| alias.valid_to_ms.is_none())
        {
            if let Some(number) = by_key.get(&KeyId::from(&*alias)) {
                let taken = current[*number]
                    .identity
                    .aliases
                    .iter()
                    .find(|other| same_key(other, alias));
                alias.valid_to_ms =
                    Some(taken.and_then(|other| other.valid_from_ms).unwrap_or(end));
            }
        }
        let mut subject = empty(String::new());
        subject.identity = tombstone;
        subject.is_tombstone = true;
        added.push(subject);
    }
    let count = added.len();
    current.append(&mut added);
    current.sort_by(|a, b| a.identity.uid.cmp(&b.identity.uid));
    count
}

fn is_unique(alias: &Alias) -> bool {
    alias.key_type.is_unique_id()
}

/// The identity of this uid; `current` is in the order of the uids.
fn find<'a>(current: &'a [Box<Subject>], uid: &str) -> Option<&'a Identity> {
    let place = current.binary_search_by(|subject| subject.identity.uid.as_str().cmp(uid));
    place.ok().map(|place| &current[place].identity)
}

/// Whether another unique id stands where this one stood.
fn differs(id: &Alias, now: &[Alias]) -> bool {
    let now = || now.iter().filter(|alias| is_unique(alias));
    !now().any(|other| same_key(other, id))
        && now().any(|other| (other.key_type, &other.domain) == (id.key_type, &id.domain))
}

fn is_still_there(old: &Identity, current: &[Box<Subject>]) -> bool {
    find(current, &old.uid).is_some_and(|now| {
        !old.aliases
            .iter()
            .any(|id| is_unique(id) && differs(id, &now.aliases))
    })
}
