//! Backstage: who owns what, and what is expected of it. Files as they lie in repositories
//! (`catalog-info.yaml`), or the catalogue's answer (`GET /api/catalog/entities`).
//!
//! The catalogue lists no identities; its entities make claims about identities by key, in the
//! annotation `whose/identities`, and through the annotations by which they name things of other
//! systems. Users and groups become the directory of owners.

mod facts;
mod links;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::stream::each_document;
use super::{ConnectError, Connector, Input};
use crate::record::{DirectoryEntry, Harvest, Record, Source, parse_key};
use crate::text::{closest, parse_time, printable};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Entity {
    kind: Option<String>,
    metadata: Metadata,
    spec: Spec,
    relations: Vec<Relation>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Metadata {
    name: String,
    namespace: Option<String>,
    title: Option<String>,
    annotations: Option<BTreeMap<String, Value>>,
}

/// What the catalogue computed; only its answers have it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Relation {
    #[serde(rename = "type")]
    relation_type: String,
    target_ref: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Spec {
    #[serde(rename = "type")]
    resource_type: Option<String>,
    owner: Option<String>,
    lifecycle: Option<String>,
    system: Option<String>,
    profile: Option<Profile>,
}

/// What is read of a profile. A phone number is not among it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Profile {
    display_name: Option<String>,
    email: Option<String>,
}

pub(super) fn connect(
    source: &Source,
    inputs: &[Input],
    harvest: &mut Harvest,
) -> Result<(), ConnectError> {
    for input in inputs {
        let (mut found, mut others) = (false, 0_u64);
        each_document(input, Connector::Backstage, &["items"], &mut |item| {
            let is_entity = item
                .value
                .get("apiVersion")
                .and_then(Value::as_str)
                .is_some_and(|version| version.starts_with("backstage.io/"));
            if !is_entity {
                others += u64::from(!item.is_wrapper);
                return Ok(());
            }
            found = true;
            match serde_json::from_value::<Entity>(item.value) {
                Ok(entity) => entity.harvest(source, harvest),
                Err(error) => harvest.warn(
                    source,
                    format!("{}: an entity is left out: {error}", item.place),
                ),
            }
            Ok(())
        })?;
        if !found {
            return Err(ConnectError::nothing(
                input,
                Connector::Backstage,
                "entity of apiVersion backstage.io/…",
            ));
        }
        if others > 0 {
            let path = input.path().display();
            harvest.warn(
                source,
                format!("{path}: {others} documents are of another apiVersion than backstage.io/… and are not read"),
            );
        }
    }
    Ok(())
}

/// The annotations that this connector reads, for the message about one that it does not.
const ANNOTATIONS: &[&str] = &[
    "whose/identities",
    "whose/networks",
    "whose/regions",
    "whose/actions",
    "whose/user-agents",
    "whose/hours",
    "whose/workloads",
    "whose/resources",
    "whose/environment",
    "whose/criticality",
    "whose/purpose",
    "whose/sponsor",
    "whose/vendor",
    "whose/secret-source",
    "whose/agent-framework",
    "whose/agent-parent",
    "whose/kind",
    "whose/escalation-policy",
    "whose/pagerduty-team",
    "whose/contact",
    "whose/departed",
];

/// Writes an entity reference out in full: `kind:namespace/name`, in lower case as Backstage compares it.
pub(crate) fn reference(text: &str, kind: &str, namespace: &str) -> String {
    let text = text.trim();
    if crate::limits::is_secret(text) {
        // In lower case it would not be recognised any more when texts are cleaned.
        return text.to_owned();
    }
    let (kind, rest) = text.split_once(':').unwrap_or((kind, text));
    let (namespace, name) = rest.split_once('/').unwrap_or((namespace, rest));
    format!("{kind}:{namespace}/{name}").to_lowercase()
}

/// The keys of an item of a list. A subject of OIDC may hold spaces, so they separate only where every
/// part is a key.
fn keys(item: &str) -> Vec<&str> {
    let parts: Vec<&str> = item.split_whitespace().collect();
    if parts.iter().all(|part| parse_key(part).is_ok()) {
        parts
    } else {
        vec![item]
    }
}

impl Entity {
    fn namespace(&self) -> &str {
        self.metadata.namespace.as_deref().unwrap_or("default")
    }

    /// An annotation of ours.
    fn annotation(&self, name: &str) -> Option<String> {
        self.foreign(&format!("whose/{name}"))
    }

    /// An annotation by its whole name.
    fn foreign(&self, name: &str) -> Option<String> {
        let value = self.metadata.annotations.as_ref()?.get(name)?;
        let text = match value {
            Value::String(text) => text.trim().to_owned(),
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            _ => return None,
        };
        (!text.is_empty()).then_some(text)
    }

    /// The first thing that it is related to in this way.
    fn relation(&self, relation_type: &str) -> Option<&str> {
        let related = self
            .relations
            .iter()
            .find(|relation| relation.relation_type == relation_type);
        related?
            .target_ref
            .as_deref()
            .filter(|target| !target.is_empty())
    }

    /// Comma or newline separated.
    fn list(&self, name: &str) -> Vec<String> {
        let text = self.annotation(name).unwrap_or_default();
        text.split([',', '\n'])
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect()
    }

    fn title(&self) -> String {
        printable(
            &format!(
                "{}:{}/{}",
                self.kind.as_deref().unwrap_or("?"),
                self.namespace(),
                self.metadata.name
            ),
            120,
        )
    }

    fn harvest(&self, source: &Source, harvest: &mut Harvest) {
        let kind = self.kind.as_deref().unwrap_or_default().to_lowercase();
        harvest.directory.kinds.insert(kind.clone());
        for name in self
            .metadata
            .annotations
            .iter()
            .flat_map(BTreeMap::keys)
            .filter(|name| name.starts_with("whose/"))
        {
            if !ANNOTATIONS.contains(&name.as_str()) {
                let meant = closest(name, ANNOTATIONS.iter().copied())
                    .map_or_else(String::new, |meant| format!(", did you mean {meant}"));
                harvest.warn(
                    source,
                    format!(
                        "{} has the unknown annotation {}{meant}",
                        self.title(),
                        printable(name, 80)
                    ),
                );
            }
        }
        if kind == "user" || kind == "group" {
            self.list_in(harvest, &kind, source);
            return;
        }
        harvest.joins.entries += 1;
        let facts = self.facts(source, harvest);
        self.link(&facts, source, harvest);
        for key in self.list("identities").iter().flat_map(|item| keys(item)) {
            match parse_key(key) {
                Ok(alias) => {
                    let mut record = Record::new(source, None);
                    record.aliases.push(alias);
                    record.facts = facts.clone();
                    harvest.records.push(record);
                }
                Err(refusal) => harvest.warn(
                    source,
                    format!(
                        "{}: whose/identities names {}: {refusal}",
                        self.title(),
                        printable(key, 120)
                    ),
                ),
            }
        }
    }

    fn list_in(&self, harvest: &mut Harvest, kind: &str, source: &Source) {
        let profile = self.spec.profile.as_ref();
        let mail = profile.and_then(|profile| profile.email.clone());
        let entry = DirectoryEntry {
            name: profile.and_then(|profile| profile.display_name.clone()),
            // A person's mailbox is personal data; a team's is where it is reached.
            contact: self
                .annotation("contact")
                .or_else(|| mail.clone().filter(|_| kind == "group")),
            departed_ms: self.annotation("departed").as_deref().and_then(parse_time),
            escalation_policy: None,
            source: source.name.clone(),
        };
        let name = reference(&self.metadata.name, kind, self.namespace());
        for known_as in self.names(kind, mail) {
            harvest
                .directory
                .known_as
                .entry(known_as)
                .or_insert_with(|| name.clone());
        }
        if let Some(link) = self.paging(source, harvest) {
            harvest.joins.teams.entry(name.clone()).or_insert(link);
        }
        harvest.directory.entries.entry(name).or_insert(entry);
    }
}

#[cfg(test)]
mod tests;
