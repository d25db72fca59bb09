//! Keys of the inventory: folded, split into shared and own parts, grouped by holder.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use enrich_core::snapshot::schema::{
    KeyClassRow, KeyHolderRow, KeyRow, NOBODY, SHARED, ValidityRow,
};
use enrich_core::{Key, KeyType, hash};

use super::intern::{Lists, Rows, Texts};
use super::{BuildError, Holder, Holders, MAX_UID, fit};
use crate::model::Alias;
use crate::reconcile::repeated;
use crate::record::KeyId;

/// A folded key. Most aliases are folded when they come, and are borrowed then.
type Canonical<'k> = (KeyType, Cow<'k, str>, Cow<'k, str>);
/// Inclusive start and exclusive end.
type Interval = (i64, i64);

/// The key tables of one snapshot.
#[derive(Debug, Default)]
pub(super) struct KeyTables {
    pub(super) classes: Vec<KeyClassRow>,
    pub(super) keys: Vec<KeyRow>,
    pub(super) validity: Vec<ValidityRow>,
    pub(super) holders: Vec<KeyHolderRow>,
    /// First own key of each identity.
    pub(super) first: Vec<u32>,
    /// List of shared keys of each identity.
    pub(super) shared: Vec<u32>,
    /// Digest of all keys in their order; the seed of the index comes from it.
    content: blake3::Hasher,
}

impl KeyTables {
    /// The first seed of the index.
    pub(super) fn first_seed(&self) -> u64 {
        let content = self.content.finalize();
        let first = content.as_bytes().first_chunk();
        first.map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }

    /// The hash of key row `number`. The key is read from the tables, which hold all of it.
    pub(super) fn hash(&self, number: usize, seed: u64, texts: &Texts, value: &mut Vec<u8>) -> u64 {
        let row = self.keys[number];
        let class = self.classes[row.class as usize];
        value.clear();
        for part in [class.prefix, row.rest, class.suffix] {
            value.extend_from_slice(texts.get(part));
        }
        hash::key_hash(seed, class.key_type as u8, texts.get(class.domain), value)
    }

    fn see(&mut self, (key_type, domain, value): &Canonical<'_>) {
        self.content.update(&[key_type.code()]);
        for text in [domain, value] {
            self.content.update(&(text.len() as u64).to_le_bytes());
            self.content.update(text.as_bytes());
        }
    }
}

fn canonical<'k>(
    uid: &str,
    alias: &'k Alias,
    buffer: &mut String,
) -> Result<Canonical<'k>, BuildError> {
    let key =
        Key::canonical(alias.key_type, &alias.domain, &alias.value, buffer).map_err(|reason| {
            BuildError::Key {
                uid: uid.to_owned(),
                key: Key::new(alias.key_type, &alias.domain, &alias.value).to_string(),
                reason,
            }
        })?;
    let own = |folded: &str, given: &'k str| {
        if folded == given {
            Cow::Borrowed(given)
        } else {
            Cow::Owned(folded.to_owned())
        }
    };
    Ok((
        key.key_type,
        own(key.domain, &alias.domain),
        own(key.value, &alias.value),
    ))
}

fn id(key: &Canonical<'_>) -> KeyId {
    KeyId::of(key.0, &key.1, &key.2)
}

/// The keys of one identity with their intervals, in the order of the keys.
fn keys_of<'k>(
    holder: &'k Holder<'_>,
    with_uid: bool,
    buffer: &mut String,
) -> Result<Vec<(Canonical<'k>, Interval)>, BuildError> {
    let mut out = Vec::with_capacity(holder.aliases.len() + usize::from(with_uid));
    for alias in &*holder.aliases {
        let interval = (
            alias.valid_from_ms.unwrap_or(i64::MIN),
            alias.valid_to_ms.unwrap_or(i64::MAX),
        );
        if interval.0 > interval.1 {
            return Err(BuildError::Interval {
                uid: holder.uid.to_owned(),
                key: Key::new(alias.key_type, &alias.domain, &alias.value).to_string(),
            });
        }
        // A tombstone's keys end when it was retired, whatever the source forgot to say.
        let retired = holder.retired_at_ms.unwrap_or(i64::MAX);
        let interval = (interval.0.min(retired), interval.1.min(retired));
        out.push((canonical(holder.uid, alias, buffer)?, interval));
    }
    if with_uid {
        let key = (KeyType::Uid, Cow::Borrowed(""), Cow::Borrowed(holder.uid));
        out.push((key, (i64::MIN, i64::MAX)));
    }
    // Neither the order of aliases nor that of sources shows in the bytes.
    out.sort_unstable();
    out.dedup();
    Ok(out)
}

/// Cuts a value where many others have the same beginning or end.
fn split(key_type: KeyType, value: &str) -> (&str, &str, &str) {
    let after = |separators: &[char]| value.rfind(separators).map_or(0, |at| at + 1);
    let cut = match key_type {
        KeyType::AwsArn | KeyType::Uid | KeyType::SpiffeId | KeyType::GcpPrincipal => {
            after(&['/', ':'])
        }
        KeyType::K8sUser => after(&[':']),
        KeyType::AwsPrincipalId | KeyType::AwsAccessKeyId => 4,
        KeyType::OidcSubject => value.match_indices(':').nth(1).map_or(0, |(at, _)| at + 1),
        KeyType::GcpEmail | KeyType::Email | KeyType::EntraUpn | KeyType::OktaLogin => {
            let at = value.rfind('@').unwrap_or(value.len());
            return ("", &value[..at], &value[at..]);
        }
        _ => 0,
    };
    let cut = if value.is_char_boundary(cut) { cut } else { 0 };
    (&value[..cut], &value[cut..], "")
}

/// Builds the key tables, and checks the uids beside.
pub(super) fn tables<'k>(
    (count, holder): Holders<'_, 'k>,
    removed: &[Alias],
    with_uids: bool,
    texts: &mut Texts,
    lists: &mut Lists,
) -> Result<KeyTables, BuildError> {
    let mut buffer = String::new();
    let mut gone = BTreeSet::new();
    for alias in removed {
        gone.insert(canonical("removed keys", alias, &mut buffer)?);
    }
    // How often a key is held decides where it stands; most are held once.
    let mut last = None;
    let mut ids: Vec<KeyId> = Vec::with_capacity(2 * count);
    for number in 0..count {
        let holder = holder(number);
        if holder.uid.is_empty() || holder.uid.len() > MAX_UID {
            let first = holder.aliases.first();
            return Err(BuildError::UidLength {
                name: first.map_or_else(String::new, crate::record::notation),
                len: holder.uid.len(),
                limit: MAX_UID,
            });
        }
        if last == Some(holder.uid) {
            return Err(BuildError::DuplicateUid {
                uid: holder.uid.to_owned(),
            });
        }
        last = Some(holder.uid);
        let keys = keys_of(&holder, with_uids, &mut buffer)?;
        ids.extend(keys.iter().map(|(key, _)| id(key)));
    }
    let most = ids.len() + gone.len();
    let mut several = repeated(ids);
    several.extend(gone.iter().map(id));

    let mut out = KeyTables::default();
    // Lists of this length would take twice their place while they grow.
    out.keys.reserve_exact(most);
    let (mut classes, mut validity) = (Rows::new(), Rows::new());
    let mut holder_rows: Rows<KeyHolderRow> = Rows::new();
    let mut add = |key: &Canonical<'_>,
                   interval: Interval,
                   holder: u32,
                   out: &mut KeyTables,
                   texts: &mut Texts,
                   validity: &mut Rows<ValidityRow>| {
        let (prefix, rest, suffix) = split(key.0, &key.2);
        let class = classes.add(KeyClassRow {
            key_type: u32::from(key.0.code()),
            domain: texts.add(&key.1)?,
            prefix: texts.add(prefix)?,
            suffix: texts.add(suffix)?,
            validity: validity_row(interval, validity)?,
        })?;
        let number = fit("keys", out.keys.len())?;
        out.keys.push(KeyRow {
            class,
            rest: texts.add(rest)?,
            holder,
        });
        out.see(key);
        Ok::<u32, BuildError>(number)
    };
    let mut shared: BTreeMap<Canonical<'_>, Vec<(u32, Interval)>> = BTreeMap::new();
    for number in 0..count {
        let holder = holder(number);
        let number = fit("identities", number)?;
        out.first.push(fit("keys", out.keys.len())?);
        for (key, interval) in keys_of(&holder, with_uids, &mut buffer)? {
            if several.contains(&id(&key)) {
                let (key_type, domain, value) = key;
                let key = (
                    key_type,
                    Cow::Owned(domain.into_owned()),
                    Cow::Owned(value.into_owned()),
                );
                shared.entry(key).or_default().push((number, interval));
            } else {
                add(&key, interval, number, &mut out, texts, &mut validity)?;
            }
        }
    }
    drop(several);
    let mut shared_of: Vec<Vec<u32>> = vec![Vec::new(); if shared.is_empty() { 0 } else { count }];
    for (key, of) in shared {
        let mut list = Vec::with_capacity(of.len() + 1);
        if gone.remove(&key) {
            // Whoever holds the key in the base holds it no longer.
            list.push(holder_rows.add(KeyHolderRow {
                identity: NOBODY,
                validity: 0,
            })?);
        }
        for (identity, interval) in &of {
            let row = KeyHolderRow {
                identity: *identity,
                validity: validity_row(*interval, &mut validity)?,
            };
            list.push(holder_rows.add(row)?);
        }
        let holder = SHARED | lists.add(list)?;
        let interval = (i64::MIN, i64::MAX);
        let number = add(&key, interval, holder, &mut out, texts, &mut validity)?;
        for (identity, _) in of {
            let of_identity = &mut shared_of[identity as usize];
            if of_identity.last() != Some(&number) {
                of_identity.push(number);
            }
        }
    }
    out.shared.resize(count, 0);
    for (slot, list) in out.shared.iter_mut().zip(shared_of) {
        *slot = lists.add(list)?;
    }
    // Keys that nobody holds here and somebody may in the base.
    for key in gone {
        let interval = (i64::MIN, i64::MAX);
        add(&key, interval, NOBODY, &mut out, texts, &mut validity)?;
    }
    out.classes = classes.into_rows();
    out.validity = validity.into_rows();
    out.holders = holder_rows.into_rows();
    Ok(out)
}

fn validity_row(interval: Interval, rows: &mut Rows<ValidityRow>) -> Result<u32, BuildError> {
    if interval == (i64::MIN, i64::MAX) {
        return Ok(0);
    }
    rows.add(ValidityRow {
        from_ms: interval.0,
        to_ms: interval.1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_make_the_value_again() {
        for (key_type, value) in [
            (
                KeyType::AwsArn,
                "arn:aws:iam::123456789012:role/ci/deployer",
            ),
            (KeyType::AwsArn, "arn:aws:iam::123456789012:root"),
            (KeyType::AwsPrincipalId, "AROAABCDEFGHIJKLMNOPQ"),
            (KeyType::K8sUser, "system:serviceaccount:payments:api"),
            (KeyType::K8sUser, "kubernetes-admin"),
            (KeyType::OidcSubject, "repo:acme/shop:ref:refs/heads/main"),
            (KeyType::Email, "a.ortiz@example.com"),
            (KeyType::K8sUid, "é"),
        ] {
            let (prefix, rest, suffix) = split(key_type, value);
            assert_eq!(format!("{prefix}{rest}{suffix}"), value);
        }
        assert_eq!(
            split(KeyType::Email, "a@example.com"),
            ("", "a", "@example.com")
        );
        assert_eq!(
            split(KeyType::K8sUser, "system:serviceaccount:p:api").0,
            "system:serviceaccount:p:"
        );
    }
}
