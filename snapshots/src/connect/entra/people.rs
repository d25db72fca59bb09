//! Owners and sponsors: people, groups, and other principals.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::shape::{Context, Object, Shape, shape, text};
use crate::record::{DirectoryEntry, Facts, Harvest, Source};

/// Somebody who owns, sponsors or is a member. People first: they answer when asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    User,
    Group,
    Service,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Party {
    pub(super) kind: Kind,
    /// The reference, by mail address where there is one: names are given twice.
    reference: String,
    /// What the reference holds: 0 the id, 1 a name, 2 a mail address.
    named: u8,
    pub(super) name: Option<String>,
    mail: Option<String>,
    is_disabled: bool,
}

/// Reads a user, group or principal; nothing when the object does not say which it is.
pub(super) fn party(id: &str, object: &Object) -> Option<Party> {
    let kind = match shape(object, &Context::default())? {
        Shape::User => Kind::User,
        Shape::Group => Kind::Group,
        Shape::Principal
        | Shape::Agent
        | Shape::BlueprintPrincipal
        | Shape::AgentUser
        | Shape::Application => Kind::Service,
        _ => return None,
    };
    let slug = |text: &str| {
        text.split_whitespace()
            .collect::<Vec<_>>()
            .join("-")
            .to_lowercase()
    };
    let mail = text(object, "mail");
    let name = text(object, "displayName");
    let (reference, named) = match kind {
        Kind::User => match (mail, text(object, "userPrincipalName")) {
            (Some(mail), _) => (format!("user:default/{}", mail.to_lowercase()), 2),
            (None, Some(upn)) => (format!("user:default/{}", upn.to_lowercase()), 1),
            (None, None) => (format!("user:entra/{id}"), 0),
        },
        Kind::Group => match name {
            Some(name) => (format!("group:entra/{}", slug(name)), 1),
            None => (format!("group:entra/{id}"), 0),
        },
        Kind::Service => (format!("service:entra/{id}"), 1),
    };
    Some(Party {
        mail: mail.map(str::to_owned),
        name: name.map(str::to_owned),
        is_disabled: object.get("accountEnabled").and_then(Value::as_bool) == Some(false),
        reference,
        named,
        kind,
    })
}

impl Party {
    /// Takes over what another description adds.
    pub(super) fn complete(&mut self, other: Self) {
        // The order of the descriptions decides nothing.
        let (known, said) = (&self.reference, &other.reference);
        if self.named < other.named || (self.named == other.named && known > said) {
            self.reference = other.reference;
            self.named = other.named;
        }
        let least = |a: Option<String>, b: Option<String>| match (a, b) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self.name = least(self.name.take(), other.name);
        self.mail = least(self.mail.take(), other.mail);
        self.is_disabled |= other.is_disabled;
    }
}

impl Party {
    /// How records name it until the catalogue was asked who that is.
    fn name(&self, id: &str) -> String {
        match self.kind {
            Kind::User => format!("entra-user:{id}"),
            Kind::Group => format!("entra-group:{id}"),
            Kind::Service => self.reference.clone(),
        }
    }

    fn entry(&self, source: &Source) -> DirectoryEntry {
        DirectoryEntry {
            name: self.name.clone(),
            contact: self.mail.clone().filter(|_| self.kind == Kind::Group),
            // Since when is not said; at the time of the export they could not sign in any more.
            departed_ms: self.is_disabled.then_some(source.observed_ms),
            source: source.name.clone(),
            ..DirectoryEntry::default()
        }
    }
}

/// Writes owners and sponsors into the facts, and leaves word who they are. Returns how many of them
/// the export does not describe.
pub(super) fn answer(
    facts: &mut Facts,
    owners: &BTreeSet<String>,
    sponsors: &BTreeSet<String>,
    people: &BTreeMap<String, Party>,
    source: &Source,
    harvest: &mut Harvest,
) -> usize {
    let parties = |ids: &BTreeSet<String>| {
        let known = ids
            .iter()
            .filter_map(|id| Some((people.get(id)?, id.clone())));
        let mut known: Vec<(&Party, String)> = known.collect();
        known.sort();
        known
    };
    let (owners_known, sponsors_known) = (parties(owners), parties(sponsors));
    let missing = owners.len() + sponsors.len() - owners_known.len() - sponsors_known.len();
    for (party, id) in owners_known.iter().chain(&sponsors_known) {
        let name = party.name(id);
        if party.kind == Kind::Service {
            let entry = harvest.directory.entries.entry(name);
            entry.or_insert_with(|| party.entry(source));
            continue;
        }
        let found = harvest.joins.parties.entry(name).or_default();
        if found.reference.is_empty() {
            found.mail.clone_from(&party.mail);
            found.reference.clone_from(&party.reference);
            found.entry = party.entry(source);
        }
    }
    // A sponsor is a person or a group; a principal can't be asked.
    let mut sponsors = sponsors_known
        .iter()
        .filter(|(party, _)| party.kind != Kind::Service)
        .map(|(party, id)| party.name(id));
    facts.sponsor = facts.sponsor.take().or_else(|| sponsors.next());
    let mut owners = owners_known.iter().map(|(party, id)| party.name(id));
    facts.owner = facts.owner.take().or_else(|| owners.next());
    facts.secondary_owners.extend(owners.chain(sponsors));
    facts.secondary_owners.sort();
    facts.secondary_owners.dedup();
    missing
}
