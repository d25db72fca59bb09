//! What the annotations of an entity say about the identities that it names.

use enrich_core::vocabulary::{Basis, Criticality, Dimension, Environment, Kind};

use super::{Entity, reference};
use crate::joins::SERVICE;
use crate::model::{Agent, EscalationPolicy, Expectation};
use crate::policy::hours;
use crate::record::{Facts, Harvest, Source};
use crate::text::printable;

impl Entity {
    pub(super) fn facts(&self, source: &Source, harvest: &mut Harvest) -> Facts {
        let mut facts = Facts {
            owner: self.owner(),
            sponsor: self
                .annotation("sponsor")
                .map(|sponsor| reference(&sponsor, "user", self.namespace())),
            service: self.system(),
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
        facts.escalation_policy = self.escalation_policy(source, harvest);
        // Only the id: `pagerduty.com/integration-key` is a secret and is not read.
        if let Some(service) = self.foreign(SERVICE) {
            facts.tags.insert(SERVICE.to_owned(), service);
        }
        if let Some(lifecycle) = &self.spec.lifecycle {
            facts
                .tags
                .insert("backstage/lifecycle".to_owned(), lifecycle.clone());
        }
        facts
    }

    /// Who has the last word: the relation, which the catalogue computes, before what the file says.
    fn owner(&self) -> Option<String> {
        let stated = self
            .spec
            .owner
            .as_deref()
            .filter(|owner| !owner.trim().is_empty());
        let owner = self.relation("ownedBy").or(stated)?;
        // Importers of AWS write the account where nobody owns what they import.
        let is_account = owner.len() == 12 && owner.bytes().all(|b| b.is_ascii_digit());
        (!is_account).then(|| reference(owner, "group", self.namespace()))
    }

    /// The name of the system that it is part of.
    fn system(&self) -> Option<String> {
        let of_relation = self
            .relation("partOf")
            .filter(|target| target.to_lowercase().starts_with("system:"));
        let system = of_relation.or(self.spec.system.as_deref())?;
        let system = reference(system, "system", self.namespace());
        if crate::limits::is_secret(&system) {
            // Its last part alone would not be recognised when texts are cleaned.
            return Some(system);
        }
        system.rsplit_once('/').map(|(_, name)| name.to_owned())
    }

    /// The policy that an entity names outright, as `SYSTEM:ID`.
    pub(super) fn escalation_policy(
        &self,
        source: &Source,
        harvest: &mut Harvest,
    ) -> Option<EscalationPolicy> {
        let policy = self.annotation("escalation-policy")?;
        let Some((system, id)) = policy.split_once(':') else {
            harvest.warn(
                source,
                format!(
                    "{}: whose/escalation-policy is not written SYSTEM:ID",
                    self.title()
                ),
            );
            return None;
        };
        Some(EscalationPolicy {
            system: system.to_owned(),
            id: id.to_owned(),
            url: None,
        })
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
