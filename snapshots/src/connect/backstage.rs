//! Backstage `catalog-info.yaml`: who owns what, and what is expected of it.
//!
//! The catalogue lists no identities; its entities make claims about identities by key, in the
//! annotation `whose/identities`. Users and groups become the directory of owners.

use std::collections::BTreeMap;

use enrich_core::vocabulary::{Basis, Criticality, Dimension, Environment, Kind};
use serde::Deserialize;
use serde_json::Value;

use super::stream::each_document;
use super::{ConnectError, Connector, Input};
use crate::model::{Agent, EscalationPolicy, Expectation};
use crate::policy::hours;
use crate::record::{Directory, DirectoryEntry, Facts, Harvest, Record, Source, parse_key};
use crate::text::{closest, parse_time, printable};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Entity {
    kind: Option<String>,
    metadata: Metadata,
    spec: Spec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Metadata {
    name: String,
    namespace: Option<String>,
    annotations: Option<BTreeMap<String, Value>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Spec {
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
        let mut found = false;
        each_document(input, Connector::Backstage, &["items"], &mut |item| {
            let is_entity = item
                .value
                .get("apiVersion")
                .and_then(Value::as_str)
                .is_some_and(|version| version.starts_with("backstage.io/"));
            if !is_entity {
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
    "whose/contact",
    "whose/departed",
];

/// Writes an entity reference out in full: `kind:namespace/name`, in lower case as Backstage compares it.
pub(crate) fn reference(text: &str, kind: &str, namespace: &str) -> String {
    let text = text.trim();
    let (kind, rest) = text.split_once(':').unwrap_or((kind, text));
    let (namespace, name) = rest.split_once('/').unwrap_or((namespace, rest));
    format!("{kind}:{namespace}/{name}").to_lowercase()
}

impl Entity {
    fn namespace(&self) -> &str {
        self.metadata.namespace.as_deref().unwrap_or("default")
    }

    fn annotation(&self, name: &str) -> Option<String> {
        let value = self
            .metadata
            .annotations
            .as_ref()?
            .get(&format!("whose/{name}"))?;
        let text = match value {
            Value::String(text) => text.trim().to_owned(),
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            _ => return None,
        };
        (!text.is_empty()).then_some(text)
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
            self.list_in(&mut harvest.directory, &kind, source);
            return;
        }
        let facts = self.facts(source, harvest);
        for key in self.list("identities") {
            match parse_key(&key) {
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
                        printable(&key, 120)
                    ),
                ),
            }
        }
    }

    fn list_in(&self, directory: &mut Directory, kind: &str, source: &Source) {
        let profile = self.spec.profile.as_ref();
        // A person's mailbox is personal data; a team's is where it is reached.
        let mail = profile
            .and_then(|profile| profile.email.clone())
            .filter(|_| kind == "group");
        let entry = DirectoryEntry {
            name: profile.and_then(|profile| profile.display_name.clone()),
            contact: self.annotation("contact").or(mail),
            departed_ms: self.annotation("departed").as_deref().and_then(parse_time),
            source: source.name.clone(),
        };
        let name = reference(&self.metadata.name, kind, self.namespace());
        directory.entries.entry(name).or_insert(entry);
    }

    fn facts(&self, source: &Source, harvest: &mut Harvest) -> Facts {
        let mut facts = Facts {
            owner: self
                .spec
                .owner
                .as_deref()
                .filter(|owner| !owner.trim().is_empty())
                .map(|owner| reference(owner, "group", self.namespace())),
            sponsor: self
                .annotation("sponsor")
                .map(|sponsor| reference(&sponsor, "user", self.namespace())),
            service: self
                .spec
                .system
                .as_deref()
                .map(|system| reference(system, "system", self.namespace()))
                .and_then(|system| system.rsplit_once('/').map(|(_, name)| name.to_owned())),
            purpose: self.annotation("purpose"),
            vendor: self.annotation("vendor"),
            secret_source: self.annotation("secret-source"),
            workloads: self.list("workloads"),
            behavior: self.behavior(source, harvest),
            ..Facts::default()
        };
        // An entity that belongs to no system stands for itself.
        facts.service = facts.service.or_else(|| Some(self.metadata.name.clone()));
        facts.environment = self.words(
            source,
            harvest,
            "environment",
            Environment::parse,
            Environment::ALL.iter().map(|word| word.as_str()),
        );
        facts.criticality = self
            .words(
                source,
                harvest,
                "criticality",
                Criticality::parse,
                Criticality::ALL.iter().map(|word| word.as_str()),
            )
            .pop();
        facts.kind = self
            .words(
                source,
                harvest,
                "kind",
                Kind::parse,
                Kind::ALL.iter().map(|word| word.as_str()),
            )
            .pop();
        if let Some(framework) = self.annotation("agent-framework") {
            facts.agent = Some(Agent {
                framework,
                parent: self.annotation("agent-parent").unwrap_or_default(),
            });
        }
        if let Some(policy) = self.annotation("escalation-policy") {
            match policy.split_once(':') {
                Some((system, id)) => {
                    facts.escalation_policy = Some(EscalationPolicy {
                        system: system.to_owned(),
                        id: id.to_owned(),
                        url: None,
                    })
                }
                None => harvest.warn(
                    source,
                    format!(
                        "{}: whose/escalation-policy is not written SYSTEM:ID",
                        self.title()
                    ),
                ),
            }
        }
        if let Some(lifecycle) = &self.spec.lifecycle {
            facts
                .tags
                .insert("backstage/lifecycle".to_owned(), lifecycle.clone());
        }
        facts
    }

    fn words<T>(
        &self,
        source: &Source,
        harvest: &mut Harvest,
        name: &str,
        parse: fn(&str) -> Option<T>,
        known: impl Iterator<Item = &'static str> + Clone,
    ) -> Vec<T> {
        let mut out = Vec::new();
        for word in self.list(name) {
            match parse(&word.to_lowercase()) {
                Some(value) => out.push(value),
                None => {
                    let words: Vec<&str> = known.clone().collect();
                    harvest.warn(
                        source,
                        format!(
                            "{}: whose/{name} says {}; the words are {}",
                            self.title(),
                            printable(&word, 60),
                            words.join(", ")
                        ),
                    );
                }
            }
        }
        out
    }

    fn behavior(&self, source: &Source, harvest: &mut Harvest) -> Vec<Expectation> {
        let declared = |dimension, allowed| Expectation {
            dimension,
            allowed,
            hours: None,
            basis: Basis::Declared,
            window_days: 0,
            samples: 0,
        };
        let mut out = Vec::new();
        for (name, dimension) in [
            ("networks", Dimension::Network),
            ("regions", Dimension::Region),
            ("actions", Dimension::Action),
            ("user-agents", Dimension::UserAgent),
            ("resources", Dimension::Resource),
        ] {
            let allowed = self.list(name);
            if !allowed.is_empty() {
                out.push(declared(dimension, allowed));
            }
        }
        if let Some(text) = self.annotation("hours") {
            match hours::parse(&text) {
                Ok(hours) => out.push(Expectation {
                    hours: Some(hours),
                    ..declared(Dimension::Hours, Vec::new())
                }),
                Err(reason) => {
                    harvest.warn(source, format!("{}: whose/hours: {reason}", self.title()))
                }
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Harvest, ConnectError> {
        let source = Source {
            name: "catalog".to_owned(),
            rank: 0,
            observed_ms: 0,
            domain: None,
        };
        let mut harvest = Harvest::default();
        connect(
            &source,
            &[Input::memory("catalog-info.yaml".as_ref(), text.as_bytes())],
            &mut harvest,
        )
        .map(|()| harvest)
    }

    #[test]
    fn references_are_written_out() {
        for (text, expected) in [
            ("payments", "group:default/payments"),
            ("team/Payments", "group:team/payments"),
            ("user:jane", "user:default/jane"),
            ("User:default/A.Ortiz", "user:default/a.ortiz"),
        ] {
            assert_eq!(reference(text, "group", "default"), expected);
        }
    }

    #[test]
    fn components_claim_identities_by_key() {
        let harvest = load(
            "apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: checkout
  annotations:
    whose/identities: |
      aws_arn:arn:aws:iam::111122223333:role/ci/deployer,
      k8s_user@prod:system:serviceaccount:payments:api
      nonsense:x
    whose/networks: ci-egress, 198.51.100.0/24
    whose/hours: mon-fri 06:00-20:00
    whose/environment: production
    whose/criticality: HIGH
    whose/sponsor: a.ortiz
    whose/escalation-policy: pagerduty:PABC123
    whose/enviroment: test
spec: {type: service, owner: payments, system: shop, lifecycle: production}
",
        )
        .unwrap();
        assert_eq!(harvest.records.len(), 2);
        let facts = &harvest.records[0].facts;
        assert_eq!(
            (
                facts.owner.as_deref(),
                facts.sponsor.as_deref(),
                facts.service.as_deref()
            ),
            (
                Some("group:default/payments"),
                Some("user:default/a.ortiz"),
                Some("shop")
            )
        );
        assert_eq!(
            (facts.environment.as_slice(), facts.criticality),
            (&[Environment::Production][..], Some(Criticality::High))
        );
        assert_eq!(
            facts
                .behavior
                .iter()
                .map(|e| e.dimension)
                .collect::<Vec<_>>(),
            [Dimension::Network, Dimension::Hours]
        );
        assert_eq!(
            facts
                .escalation_policy
                .as_ref()
                .map(|policy| policy.id.as_str()),
            Some("PABC123")
        );
        assert_eq!(harvest.warnings.len(), 2, "{:?}", harvest.warnings);
        assert!(
            harvest
                .warnings
                .iter()
                .any(|warning| warning.contains("did you mean whose/environment"))
        );
    }

    #[test]
    fn people_are_listed_without_mail_or_phone() {
        let harvest = load(
            "apiVersion: backstage.io/v1alpha1
kind: User
metadata: {name: b.lin, annotations: {whose/departed: 2026-01-31}}
spec: {profile: {displayName: B. Lin, email: b.lin@example.com, phone: '+1 555 0100'}, memberOf: [payments]}
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: payments, annotations: {whose/contact: '#payments-oncall'}}
spec: {type: team, profile: {displayName: Payments, email: payments@example.com}, children: []}
",
        )
        .unwrap();
        let user = &harvest.directory.entries["user:default/b.lin"];
        assert_eq!(
            (user.contact.as_deref(), user.departed_ms),
            (None, parse_time("2026-01-31"))
        );
        assert_eq!(
            harvest.directory.entries["group:default/payments"]
                .contact
                .as_deref(),
            Some("#payments-oncall")
        );
        assert!(!format!("{harvest:?}").contains("555"));
    }

    #[test]
    fn other_yaml_is_refused() {
        assert!(
            load("apiVersion: v1\nkind: Pod\n")
                .unwrap_err()
                .to_string()
                .contains("connector kubernetes")
        );
        assert!(load("a: [").unwrap_err().to_string().contains("line"));
    }
}
