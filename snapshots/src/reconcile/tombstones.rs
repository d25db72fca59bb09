//! Tombstones: who is gone stays answerable for a while.

use super::*;

/// For how long a removed identity stays answerable.
const TOMBSTONE_MS: i64 = 400 * DAY_MS;

/// Keeps the identities of the previous snapshot that are gone as tombstones. Returns how many.
///
/// An identity is gone when its account or cluster was read again and does not list it any more.
/// Where nothing was read, nothing is known, and nothing is carried over.
pub fn tombstones(previous: &Inventory, current: &mut Inventory) -> usize {
    let created = current.meta.created_ms;
    let mut by_uid: BTreeMap<String, usize> = BTreeMap::new();
    let mut by_key: BTreeMap<KeyOf, usize> = BTreeMap::new();
    for (number, identity) in current.identities.iter().enumerate() {
        by_uid.insert(identity.uid.clone(), number);
        for alias in &identity.aliases {
            by_key.entry(key_of(alias)).or_insert(number);
        }
    }
    let mut added = 0;
    for old in &previous.identities {
        let retired = old.retired_at_ms;
        let end = retired.unwrap_or(created);
        if created.saturating_sub(end) > TOMBSTONE_MS {
            continue;
        }
        let read_again = current.scopes.iter().any(|scope| {
            scope.covered
                && scope.part.is_empty()
                && scope.provider == old.provider
                && scope.domain == old.domain
        });
        if !read_again {
            continue;
        }
        let ids = unique_ids(&old.aliases);
        let mut uid = old.uid.clone();
        if let Some(number) = by_uid.get(&old.uid) {
            let new_ids = unique_ids(&current.identities[*number].aliases);
            let differs = |id: &&KeyOf| {
                !new_ids.contains(*id)
                    && new_ids
                        .iter()
                        .any(|other| (other.0, &other.1) == (id.0, &id.1))
            };
            // The same uid with another unique id: the old one was deleted, the name was given again.
            let Some(id) = ids.iter().find(differs) else {
                continue;
            };
            uid = format!("{}#{}", old.uid, id.2);
            if by_uid.contains_key(&uid) {
                continue;
            }
        } else if let Some(number) = ids.iter().find_map(|id| by_key.get(id)) {
            // Renamed: the old name still leads to it for events from before.
            let renamed = &mut current.identities[*number];
            for alias in old
                .aliases
                .iter()
                .filter(|alias| !alias.key_type.is_unique_id())
            {
                if !renamed
                    .aliases
                    .iter()
                    .any(|known| key_of(known) == key_of(alias))
                {
                    renamed.aliases.push(Alias {
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
            if let Some(number) = by_key.get(&key_of(alias)) {
                let taken = current.identities[*number]
                    .aliases
                    .iter()
                    .find(|other| key_of(other) == key_of(alias));
                alias.valid_to_ms =
                    Some(taken.and_then(|other| other.valid_from_ms).unwrap_or(end));
            }
        }
        current.identities.push(tombstone);
        added += 1;
    }
    current.identities.sort_by(|a, b| a.uid.cmp(&b.uid));
    added
}
