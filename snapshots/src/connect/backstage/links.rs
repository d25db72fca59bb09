//! Annotations by which an entity names things of other systems: repositories, Kubernetes labels,
//! AWS roles and accounts, PagerDuty services, and what people and teams are called elsewhere.

use std::collections::BTreeMap;

use enrich_core::KeyType;
use enrich_core::vocabulary::Provider;

use super::Entity;
use crate::connect::github::repository_name;
use crate::joins::{SERVICE, Selector, TeamLink};
use crate::model::{EntityRef, Scope};
use crate::record::{Facts, Harvest, Record, Source, alias};
use crate::text::printable;

/// Prefixes of the annotations that importers of AWS write.
const AWS: &[&str] = &["amazonaws.com/", "amazon.com/", "aws.amazon.com/"];

/// What holds for whatever belongs to an entity, and not only for the identities that it names.
fn ownership(facts: &Facts) -> Facts {
    Facts {
        owner: facts.owner.clone(),
        sponsor: facts.sponsor.clone(),
        service: facts.service.clone(),
        criticality: facts.criticality,
        escalation_policy: facts.escalation_policy.clone(),
        tags: facts.tags.clone(),
        ..Facts::default()
    }
}

impl Entity {
    /// Claims about what the entity names in other systems.
    pub(super) fn link(&self, facts: &Facts, source: &Source, harvest: &mut Harvest) {
        let claim = |local_name: Option<String>| {
            let mut record = Record::new(source, None);
            record.local_name = local_name;
            record.facts = ownership(facts);
            record
        };
        if let Some(slug) = self.foreign("github.com/project-slug") {
            if slug.split('/').filter(|part| !part.is_empty()).count() == 2 {
                let name = repository_name(&self.github_host(), &slug);
                let key = (source.name.clone(), name.clone());
                harvest
                    .joins
                    .repositories
                    .entry(key)
                    .or_default()
                    .push(claim(Some(name)));
            } else {
                let slug = printable(&slug, 80);
                harvest.warn(
                    source,
                    format!(
                        "{}: github.com/project-slug is {slug}, not ORG/REPOSITORY",
                        self.title()
                    ),
                );
            }
        }
        if let Some(labels) = self.labels(source, harvest) {
            harvest.joins.selectors.push(Selector {
                labels,
                cluster: self.foreign("backstage.io/kubernetes-cluster"),
                namespace: self.foreign("backstage.io/kubernetes-namespace"),
                record: claim(None),
            });
        }
        for (name, value) in self.metadata.annotations.iter().flatten() {
            let is_of_aws = AWS.iter().any(|prefix| name.starts_with(prefix));
            let Some(arn) = value.as_str().filter(|_| is_of_aws) else {
                continue;
            };
            // Roles and users; the ARN of a queue is no identity.
            let is_identity =
                arn.contains(":iam:") && (arn.contains(":role/") || arn.contains(":user/"));
            if is_identity && let Ok(alias) = alias(KeyType::AwsArn, "", arn.trim(), None) {
                let mut record = Record::new(source, None);
                record.aliases.push(alias);
                record.facts = facts.clone();
                harvest.records.push(record);
            }
        }
        self.account(facts, source, harvest);
    }

    /// An account that the catalogue lists as a resource has an owner, who answers for what nobody
    /// else owns there. Things inside an account carry the same annotation.
    fn account(&self, facts: &Facts, source: &Source, harvest: &mut Harvest) {
        let is_account = matches!(
            self.spec.resource_type.as_deref(),
            Some("cloud-account" | "aws-account")
        );
        let Some(account) = self
            .foreign("amazonaws.com/account-id")
            .filter(|_| is_account)
        else {
            return;
        };
        if account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit()) {
            let account = printable(&account, 40);
            harvest.warn(
                source,
                format!(
                    "{}: amazonaws.com/account-id is {account}, no account",
                    self.title()
                ),
            );
            return;
        }
        harvest.scopes.push(Scope {
            provider: Provider::Aws,
            domain: account,
            part: String::new(),
            name: self.metadata.title.clone(),
            owner: facts.owner.clone().map(|reference| EntityRef {
                reference,
                name: None,
                contact: None,
            }),
            escalation_policy: facts.escalation_policy.clone(),
            covered: false,
            environment: Vec::new(),
        });
    }

    /// The host of the repository, where the catalogue says from where it read the entity.
    fn github_host(&self) -> String {
        let of_location = || {
            let location = self.foreign("backstage.io/source-location")?;
            let host = location
                .split_once("://")?
                .1
                .split('/')
                .next()?
                .to_lowercase();
            (!host.is_empty()).then_some(host)
        };
        of_location().unwrap_or_else(|| "github.com".to_owned())
    }

    /// The labels that select its Kubernetes objects. A selector outranks the id, as in the catalogue.
    fn labels(&self, source: &Source, harvest: &mut Harvest) -> Option<BTreeMap<String, String>> {
        if let Some(selector) = self.foreign("backstage.io/kubernetes-label-selector") {
            let pairs = selector.split(',').map(|part| {
                let (key, value) = part.split_once("==").or_else(|| part.split_once('='))?;
                let (key, value) = (key.trim(), value.trim());
                let plain = !key.is_empty() && !key.ends_with('!') && !key.contains(' ');
                plain.then(|| (key.to_owned(), value.to_owned()))
            });
            let labels = pairs
                .collect::<Option<BTreeMap<_, _>>>()
                .filter(|labels| !labels.is_empty());
            if labels.is_none() {
                harvest.warn(
                    source,
                    format!("{}: backstage.io/kubernetes-label-selector is no list of KEY=VALUE and is not read", self.title()),
                );
            }
            return labels;
        }
        let id = self.foreign("backstage.io/kubernetes-id")?;
        Some(BTreeMap::from([(
            "backstage.io/kubernetes-id".to_owned(),
            id,
        )]))
    }

    /// What a person or team is called elsewhere, as [`crate::record::Directory::known_as`] has it.
    pub(super) fn names(&self, kind: &str, mail: Option<String>) -> Vec<String> {
        let is_group = kind == "group";
        let mut out: Vec<String> = mail
            .into_iter()
            .map(|mail| format!("mail:{mail}"))
            .collect();
        for (name, value) in self.metadata.annotations.iter().flatten() {
            let Some(value) = value
                .as_str()
                .map(str::trim)
                .filter(|value| !value.is_empty())
            else {
                continue;
            };
            let Some((host, word)) = name.split_once('/') else {
                continue;
            };
            // Importers write the host in front, and GitLab's write a link.
            let last = || value.rsplit('/').next().unwrap_or(value);
            match (word, is_group) {
                ("team-slug", true) => out.push(format!("github-team:{value}")),
                ("team-path", true) => out.push(format!("gitlab:{value}")),
                ("user-login", false) if host.contains("gitlab") => {
                    out.push(format!("gitlab:{}", last()))
                }
                ("user-login", false) => out.push(format!("github-user:{}", last())),
                ("user-id", false) if host == "graph.microsoft.com" => {
                    out.push(format!("entra-user:{value}"))
                }
                ("group-id", true) if host == "graph.microsoft.com" => {
                    out.push(format!("entra-group:{value}"))
                }
                _ => {}
            }
        }
        out.iter().map(|name| name.to_lowercase()).collect()
    }

    /// Who is paged for what a team owns.
    pub(super) fn paging(&self, source: &Source, harvest: &mut Harvest) -> Option<TeamLink> {
        let policy = self
            .escalation_policy(source, harvest)
            .map(TeamLink::Policy);
        policy
            .or_else(|| self.foreign(SERVICE).map(TeamLink::Service))
            .or_else(|| self.annotation("pagerduty-team").map(TeamLink::Team))
    }
}
