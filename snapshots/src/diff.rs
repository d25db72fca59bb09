//! Diff: what changed between two snapshots, identity by identity.
//!
//! Both snapshots are in the order of their uids, so one pass over the two compares them and holds
//! only what differs. An identity that moved to another uid and kept a unique id was renamed.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use enrich_core::vocabulary::LifecycleState;
use enrich_core::{KeyType, Snapshot, SnapshotError};

use crate::model::{Alias, Credential, Identity, Time};
use crate::read;
use crate::record::notation;
use crate::text::time;

/// What differs between two snapshots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diff {
    /// Identities that only the newer one lists as alive.
    pub new: Vec<Brief>,
    /// Identities that are gone or retired.
    pub gone: Vec<Brief>,
    /// Identities under another uid, by their unique id.
    pub renamed: Vec<Renamed>,
    /// Identities that both list and about which something differs.
    pub changed: Vec<Changed>,
    /// Identities that are alive in both and the same.
    pub unchanged: usize,
    /// Accounts, clusters and namespaces that only the newer one covers.
    pub scopes_new: Vec<String>,
    /// Those that only the older one covers.
    pub scopes_gone: Vec<String>,
}

/// An identity in one line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Brief {
    /// Its uid.
    pub uid: String,
    /// Its kind.
    pub kind: &'static str,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Its privilege tier.
    pub tier: Option<u8>,
}

/// An identity under another uid.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Renamed {
    /// The older uid.
    pub from: String,
    /// The newer uid.
    pub to: String,
    /// What else differs.
    pub changes: Vec<Change>,
}

/// What differs about one identity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Changed {
    /// Its uid.
    pub uid: String,
    /// Field by field.
    pub changes: Vec<Change>,
}

/// One field that differs. A single value has `from` and `to`, a list what was added and removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Change {
    /// Name of the field, as `inspect` shows it.
    pub field: &'static str,
    /// The older value.
    pub from: Option<String>,
    /// The newer value.
    pub to: Option<String>,
    /// Entries that only the newer one has.
    pub added: Vec<String>,
    /// Entries that only the older one has.
    pub removed: Vec<String>,
}

impl Diff {
    /// Compares two snapshots.
    ///
    /// # Errors
    /// When one of them is damaged.
    pub fn between(old: &Snapshot<'_>, new: &Snapshot<'_>) -> Result<Self, SnapshotError> {
        let mut out = Self::between_identities(
            old.identities().map(|row| read::identity(&row)),
            new.identities().map(|row| read::identity(&row)),
        );
        let (before, after) = (covered(old), covered(new));
        out.scopes_new = after.difference(&before).cloned().collect();
        out.scopes_gone = before.difference(&after).cloned().collect();
        if old.is_damaged() || new.is_damaged() {
            return Err(SnapshotError::DigestMismatch);
        }
        Ok(out)
    }

    /// Compares identities; both sides in the order of their uids.
    pub fn between_identities(
        old: impl Iterator<Item = Identity>,
        new: impl Iterator<Item = Identity>,
    ) -> Self {
        let mut out = Self::default();
        let (mut gone, mut fresh): (Vec<Identity>, Vec<Identity>) = (Vec::new(), Vec::new());
        let (mut old, mut new) = (old.peekable(), new.peekable());
        loop {
            let order = match (old.peek(), new.peek()) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(before), Some(after)) => before.uid.cmp(&after.uid),
            };
            let before = order.is_le().then(|| old.next()).flatten();
            let after = order.is_ge().then(|| new.next()).flatten();
            let (before, after) = (before.filter(is_alive), after.filter(is_alive));
            match (before, after) {
                (Some(before), Some(after)) => {
                    let changes = compare(&before, &after);
                    if changes.is_empty() {
                        out.unchanged += 1;
                    } else {
                        out.changed.push(Changed {
                            uid: after.uid,
                            changes,
                        });
                    }
                }
                (Some(before), None) => gone.push(before),
                (None, Some(after)) => fresh.push(after),
                (None, None) => {}
            }
        }
        out.settle(gone, fresh);
        out
    }

    /// Tells the renamed from the new and the gone.
    fn settle(&mut self, gone: Vec<Identity>, fresh: Vec<Identity>) {
        let unique = |identity: &Identity| -> Vec<(KeyType, String, String)> {
            identity
                .aliases
                .iter()
                .filter(|alias| alias.key_type.is_unique_id())
                .map(|alias| (alias.key_type, alias.domain.clone(), alias.value.clone()))
                .collect()
        };
        let mut by_id = BTreeMap::new();
        for (number, identity) in gone.iter().enumerate() {
            for id in unique(identity) {
                by_id.insert(id, number);
            }
        }
        let mut met = BTreeSet::new();
        for after in &fresh {
            let before = unique(after).iter().find_map(|id| by_id.get(id).copied());
            match before.filter(|number| met.insert(*number)) {
                Some(number) => self.renamed.push(Renamed {
                    from: gone[number].uid.clone(),
                    to: after.uid.clone(),
                    changes: compare(&gone[number], after),
                }),
                None => self.new.push(Brief::of(after)),
            }
        }
        self.gone = gone
            .iter()
            .enumerate()
            .filter(|(number, _)| !met.contains(number))
            .map(|(_, identity)| Brief::of(identity))
            .collect();
    }

    /// Whether nothing differs.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.new.is_empty()
            && self.gone.is_empty()
            && self.renamed.is_empty()
            && self.changed.is_empty()
            && self.scopes_new.is_empty()
            && self.scopes_gone.is_empty()
    }

    /// How many identities changed in each field.
    #[must_use]
    pub fn fields(&self) -> BTreeMap<&'static str, usize> {
        let mut out = BTreeMap::new();
        let changes = self.changed.iter().map(|changed| &changed.changes);
        for change in changes
            .chain(self.renamed.iter().map(|renamed| &renamed.changes))
            .flatten()
        {
            *out.entry(change.field).or_default() += 1;
        }
        out
    }
}

impl Brief {
    fn of(identity: &Identity) -> Self {
        Self {
            uid: identity.uid.clone(),
            kind: identity.kind.as_str(),
            owner: identity
                .owner
                .as_ref()
                .map(|owner| owner.entity.reference.clone()),
            tier: identity.privilege.as_ref().map(|privilege| privilege.tier),
        }
    }
}

fn is_alive(identity: &Identity) -> bool {
    identity.lifecycle_state != LifecycleState::Deprovisioned
}

fn covered(snapshot: &Snapshot<'_>) -> BTreeSet<String> {
    snapshot
        .scopes()
        .filter(|scope| scope.is_covered)
        .map(|scope| {
            let provider = scope.provider.map_or("", |provider| provider.as_str());
            match scope.part {
                "" => format!("{provider}:{}", scope.domain),
                part => format!("{provider}:{}/{part}", scope.domain),
            }
        })
        .collect()
}

/// Reads one field of an identity: its name and what it holds.
type Of<T> = fn(&Identity) -> (&'static str, T);

/// What differs between two states of one identity. Ages and last uses move by themselves and are
/// left out; so is where a field comes from.
fn compare(before: &Identity, after: &Identity) -> Vec<Change> {
    let mut out = Vec::new();
    let mut value = |field, from: Option<String>, to: Option<String>| {
        if from != to {
            out.push(Change {
                field,
                from,
                to,
                ..Change::default()
            });
        }
    };
    let values: [Of<Option<String>>; 16] = [
        |i| ("name", Some(i.name.clone())),
        |i| ("kind", Some(i.kind.to_string())),
        |i| {
            let owner = i.owner.as_ref();
            ("owner", owner.map(|owner| owner.entity.reference.clone()))
        },
        |i| {
            let owner = i.owner.as_ref();
            ("owner.status", owner.map(|owner| owner.status.to_string()))
        },
        |i| {
            let sponsor = i.sponsor.as_ref();
            ("sponsor", sponsor.map(|sponsor| sponsor.reference.clone()))
        },
        |i| {
            let privilege = i.privilege.as_ref();
            (
                "privilege.tier",
                privilege.map(|privilege| privilege.tier.to_string()),
            )
        },
        |i| {
            let privilege = i.privilege.as_ref();
            (
                "privilege.level",
                privilege.map(|privilege| privilege.level.to_string()),
            )
        },
        |i| ("criticality", i.criticality.map(|word| word.to_string())),
        |i| ("lifecycle_state", Some(i.lifecycle_state.to_string())),
        |i| ("purpose", i.purpose.clone()),
        |i| ("service", i.service.clone()),
        |i| ("vendor", i.vendor.clone()),
        |i| ("created", at(i.created)),
        |i| {
            let policy = i.response.escalation_policy.as_ref();
            (
                "escalation_policy",
                policy.map(|policy| format!("{}:{}", policy.system, policy.id)),
            )
        },
        |i| ("response_owner", i.response.response_owner.clone()),
        |i| ("context_owner", i.response.context_owner.clone()),
    ];
    for of in values {
        let ((field, from), (_, to)) = (of(before), of(after));
        value(field, from, to);
    }
    let lists: [Of<BTreeSet<String>>; 10] = [
        |i| ("environment", words(&i.environment)),
        |i| ("secondary_owners", words(&i.secondary_owners)),
        |i| ("keys", i.aliases.iter().map(key).collect()),
        |i| {
            (
                "credentials",
                i.credentials.iter().map(credential).collect(),
            )
        },
        |i| ("assumable_by", words(&i.lineage.assumable_by)),
        |i| ("can_assume", words(&i.lineage.can_assume)),
        |i| ("workloads", words(&i.workloads)),
        |i| {
            let stated = i.behavior.iter().map(|stated| {
                let hours = stated
                    .hours
                    .map_or(0, |hours| hours.iter().map(|byte| byte.count_ones()).sum());
                match hours {
                    0 => format!("{}: {}", stated.dimension, stated.allowed.join(", ")),
                    hours => format!("{}: {hours} hours a week", stated.dimension),
                }
            });
            ("behavior", stated.collect())
        },
        |i| {
            let ways = i.response.revocation.iter();
            (
                "revocation",
                ways.map(|way| format!("{} ({} min)", way.action, way.expected_minutes))
                    .collect(),
            )
        },
        |i| {
            let found = i.findings.iter();
            (
                "findings",
                found
                    .map(|finding| format!("{} ({})", finding.name, finding.severity))
                    .collect(),
            )
        },
    ];
    for of in lists {
        let ((field, from), (_, to)) = (of(before), of(after));
        if from != to {
            out.push(Change {
                field,
                added: to.difference(&from).cloned().collect(),
                removed: from.difference(&to).cloned().collect(),
                ..Change::default()
            });
        }
    }
    out
}

fn words<T: std::fmt::Display>(list: &[T]) -> BTreeSet<String> {
    list.iter().map(ToString::to_string).collect()
}

fn at(fact: Time) -> Option<String> {
    match fact {
        Time::Unknown => None,
        Time::NotTracked => Some("not tracked".to_owned()),
        Time::Never => Some("never".to_owned()),
        Time::NeverSince(ms) => Some(format!("never since {}", time(ms))),
        Time::At(ms) => Some(time(ms)),
    }
}

/// A key with the interval in which it leads here.
fn key(alias: &Alias) -> String {
    let mut out = notation(alias);
    if let Some(ms) = alias.valid_from_ms {
        out.push_str(" from ");
        out.push_str(&time(ms));
    }
    if let Some(ms) = alias.valid_to_ms {
        out.push_str(" until ");
        out.push_str(&time(ms));
    }
    out
}

/// A credential with what a rotation or a revocation changes.
fn credential(credential: &Credential) -> String {
    let mut out = format!(
        "{} {} {}",
        credential.credential_type, credential.uid, credential.status
    );
    for (word, fact) in [
        ("rotated", credential.last_rotated),
        ("expires", credential.expires),
    ] {
        if let Some(text) = at(fact) {
            out.push_str(&format!(", {word} {text}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use enrich_core::vocabulary::{Kind, OwnerStatus, PrivilegeLevel, Provider};

    use super::*;
    use crate::model::{Owner, Privilege};

    fn user(name: &str, id: &str) -> Identity {
        let uid = format!("aws:1:user/{name}");
        let mut out = Identity::new(&uid, name, Kind::IamUser, Provider::Aws, "1");
        out.aliases
            .push(crate::record::alias(KeyType::AwsPrincipalId, "", id, None).unwrap());
        out
    }

    fn owner(reference: &str) -> Option<Owner> {
        Some(Owner {
            entity: crate::classify::entity(reference),
            source: String::new(),
            as_of_ms: None,
            status: OwnerStatus::Active,
        })
    }

    fn between(old: &[Identity], new: &[Identity]) -> Diff {
        Diff::between_identities(old.iter().cloned(), new.iter().cloned())
    }

    #[test]
    fn the_same_is_no_difference() {
        let list = [user("a", "AIDA4AAAA4AAAA4AAAA4")];
        let diff = between(&list, &list);
        assert!(diff.is_empty());
        assert_eq!(diff.unchanged, 1);
        // When it was last seen moves with every export.
        let mut later = list.clone();
        later[0].last_seen = Time::At(1_000_000);
        assert!(between(&list, &later).is_empty());
    }

    #[test]
    fn new_gone_renamed_and_recreated() {
        let mut retired = user("b", "AIDA4BBBB4BBBB4BBBB4");
        retired.lifecycle_state = LifecycleState::Deprovisioned;
        let old = [
            user("a", "AIDA4AAAA4AAAA4AAAA4"),
            user("b", "AIDA4BBBB4BBBB4BBBB4"),
            user("c", "AIDA4CCCC4CCCC4CCCC4"),
        ];
        let new = [
            retired,
            user("c", "AIDA4DDDD4DDDD4DDDD4"),
            user("z", "AIDA4AAAA4AAAA4AAAA4"),
            user("zz", "AIDA4ZZZZ4ZZZZ4ZZZZ4"),
        ];
        let diff = between(&old, &new);
        let uids = |list: &[Brief]| {
            list.iter()
                .map(|brief| brief.uid.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(uids(&diff.new), ["aws:1:user/zz"]);
        assert_eq!(uids(&diff.gone), ["aws:1:user/b"]);
        assert_eq!(
            (diff.renamed[0].from.as_str(), diff.renamed[0].to.as_str()),
            ("aws:1:user/a", "aws:1:user/z")
        );
        // The same name with another unique id.
        assert_eq!(diff.changed[0].changes[0].field, "keys");
        assert_eq!(
            diff.changed[0].changes[0].added,
            ["aws_principal_id:AIDA4DDDD4DDDD4DDDD4"]
        );
    }

    #[test]
    fn owner_tier_and_keys_are_named() {
        let old = user("a", "AIDA4AAAA4AAAA4AAAA4");
        let mut new = old.clone();
        new.owner = owner("group:default/payments");
        new.privilege = Some(Privilege {
            tier: 0,
            level: PrivilegeLevel::Admin,
            basis: Vec::new(),
        });
        new.aliases.push(
            crate::record::alias(KeyType::AwsAccessKeyId, "", "AKIA4AAAA4AAAA4AAAA4", None)
                .unwrap(),
        );
        let diff = between(std::slice::from_ref(&old), &[new]);
        let fields: Vec<&str> = diff.changed[0]
            .changes
            .iter()
            .map(|change| change.field)
            .collect();
        assert_eq!(
            fields,
            [
                "owner",
                "owner.status",
                "privilege.tier",
                "privilege.level",
                "keys"
            ]
        );
        assert_eq!(
            diff.changed[0].changes[0].to.as_deref(),
            Some("group:default/payments")
        );
        assert_eq!(diff.fields()["keys"], 1);
    }
}
