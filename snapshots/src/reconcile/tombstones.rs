//! Tombstones: who is gone stays answerable for a while.

use super::meet::same_key;
use super::*;
use crate::previous::Previous;
use crate::record::Coverage;

/// For how long a removed identity stays answerable, when nothing else is configured.
pub const RETENTION_MS: i64 = 400 * DAY_MS;

/// Keeps the identities of the previous snapshot that are gone as tombstones. Returns how many, and
/// warnings.
///
/// An identity is gone when a source that listed it was read again completely and does not list it
/// any more, or when its unique id or its name stands elsewhere now. Where nothing was read, nothing is
/// known: it is left out, and named in a warning.
pub(crate) fn tombstones(
    previous: &Previous,
    coverage: &Coverage,
    created_ms: i64,
    retention_ms: i64,
    current: &mut Vec<Stored>,
) -> (usize, Vec<String>) {
    let mut left_out: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut open: Vec<(Identity, i64)> = Vec::new();
    previous.visit(|old| {
        let end = old.retired_at_ms.unwrap_or(created_ms);
        if created_ms.saturating_sub(end) <= retention_ms && !is_still_there(&old, current) {
            open.push((old, end));
        }
    });
    // Holders are looked up for the keys of those that are gone, which are few beside all keys.
    let wanted: HashSet<KeyId> = open
        .iter()
        .flat_map(|(old, _)| old.aliases.iter().map(KeyId::from))
        .collect();
    let mut by_key: HashMap<KeyId, usize> = HashMap::new();
    for (number, subject) in current.iter().enumerate() {
        if wanted.is_empty() {
            break;
        }
        subject.each_key(|key| {
            let id = key.id();
            if wanted.contains(&id) {
                by_key.entry(id).or_insert(number);
            }
        });
    }
    let mut added = Vec::new();
    for (old, end) in open {
        let unique = || old.aliases.iter().filter(|alias| is_unique(alias));
        let mut uid = old.uid.clone();
        if let Some(now) = find(current, &old.uid) {
            // The same uid with another unique id: the old one was deleted, the name was given again.
            let Some(id) = unique().find(|id| differs(id, &now.aliases())) else {
                continue;
            };
            uid = format!("{}#{}", old.uid, id.value);
            if find(current, &uid).is_some() {
                continue;
            }
        } else if let Some(number) = unique().find_map(|id| by_key.get(&KeyId::from(id))) {
            // Renamed: the old name still leads to it for events from before.
            let mut renamed = current[*number].aliases();
            for alias in old.aliases.iter().filter(|alias| !is_unique(alias)) {
                if !renamed.iter().any(|known| same_key(known, alias)) {
                    renamed.push(Alias {
                        valid_to_ms: alias.valid_to_ms.or(Some(end)),
                        ..alias.clone()
                    });
                }
            }
            current[*number].set_aliases(&renamed);
            continue;
        } else if old.retired_at_ms.is_none()
            && let Some(source) = unread(&old, coverage)
        {
            let source = source.to_owned();
            left_out.entry(source).or_default().push(old.uid);
            continue;
        }
        let mut tombstone = old;
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
                let now = current[*number].aliases();
                let taken = now.iter().find(|other| same_key(other, alias));
                alias.valid_to_ms =
                    Some(taken.and_then(|other| other.valid_from_ms).unwrap_or(end));
            }
        }
        let mut subject = empty(String::new());
        subject.identity = tombstone;
        subject.is_tombstone = true;
        added.push(Stored::of(subject));
    }
    let count = added.len();
    current.append(&mut added);
    current.sort_by(|a, b| a.uid.cmp(&b.uid));
    let warnings = left_out.into_iter().map(|(source, uids)| {
        let first: Vec<&str> = uids.iter().take(NAMED).map(String::as_str).collect();
        let first = first.join(", ");
        let more = if uids.len() > NAMED { ", …" } else { "" };
        let count = uids.len();
        let what = if count == 1 {
            "identity of the previous snapshot is"
        } else {
            "identities of the previous snapshot are"
        };
        format!(
            "{count} {what} left out: the source {source:?} was not read, or not completely ({first}{more})"
        )
    });
    (count, warnings.collect())
}

/// So many identities are named in a warning.
const NAMED: usize = 3;

/// The source for want of which an identity can't be called gone; `None` when it is gone.
fn unread<'a>(old: &'a Identity, coverage: &Coverage) -> Option<&'a str> {
    let sources: BTreeSet<&str> = old.provenance.iter().map(|entry| &*entry.source).collect();
    // Inventories state where an identity lives, claims don't.
    let first = old
        .provenance
        .iter()
        .find(|entry| entry.field == "domain")
        .map(|entry| &*entry.source);
    let lists = |source: &str| {
        coverage.listed.contains(&(
            source.to_owned(),
            old.provider,
            old.domain.clone(),
            Coverage::group(old.provider, &old.uid, &old.sub_type).to_owned(),
        ))
    };
    let is_lister = |source: &str| coverage.listed.iter().any(|listed| listed.0 == source);
    let missing = sources.iter().copied().find(|source| {
        coverage.partial.contains(*source)
            || (first == Some(*source)
                && (!coverage.read.contains(*source) || (is_lister(source) && !lists(source))))
    });
    missing.or_else(|| {
        let is_listed = sources.iter().any(|source| lists(source));
        (!is_listed).then(|| first.or_else(|| sources.first().copied()).unwrap_or(""))
    })
}

fn is_unique(alias: &Alias) -> bool {
    alias.key_type.is_unique_id()
}

/// The identity of this uid; `current` is in the order of the uids.
fn find<'a>(current: &'a [Stored], uid: &str) -> Option<&'a Stored> {
    let place = current.binary_search_by(|subject| (*subject.uid).cmp(uid));
    place.ok().map(|place| &current[place])
}

/// Whether another unique id stands where this one stood.
fn differs(id: &Alias, now: &[Alias]) -> bool {
    let now = || now.iter().filter(|alias| is_unique(alias));
    !now().any(|other| same_key(other, id))
        && now().any(|other| (other.key_type, &other.domain) == (id.key_type, &id.domain))
}

fn is_still_there(old: &Identity, current: &[Stored]) -> bool {
    find(current, &old.uid).is_some_and(|now| {
        let aliases = now.aliases();
        !old.aliases
            .iter()
            .any(|id| is_unique(id) && differs(id, &aliases))
    })
}
