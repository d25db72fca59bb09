//! Joins: what one source says by a name that another source explains. They are settled when all
//! sources are read, so that the order of the sources does not matter to what meets.

mod parties;

use std::collections::{BTreeMap, BTreeSet};

use enrich_core::vocabulary::Provider;

pub use self::parties::Party;
use crate::kept::Kept;
use crate::model::EscalationPolicy;
use crate::record::{Directory, Facts, Harvest, Record, Source};

/// The tag or annotation that names a PagerDuty service.
pub(crate) const SERVICE: &str = "pagerduty.com/service-id";

/// What waits for the last source.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Joins {
    /// How many entries were read that make no statement by themselves.
    pub entries: usize,
    /// By source, from its configuration: paths of a repository, and the keys of the identities that
    /// are declared there.
    pub paths: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    /// PagerDuty services by id.
    pub services: BTreeMap<String, Service>,
    /// PagerDuty escalation policies by id.
    pub policies: BTreeMap<String, Policy>,
    /// Catalogue entities that name Kubernetes objects by label.
    pub selectors: Vec<Selector>,
    /// Catalogue entities by the repository that they name: source and repository.
    pub repositories: BTreeMap<(String, String), Vec<Record>>,
    /// Teams of the catalogue that say who is paged for them.
    pub teams: BTreeMap<String, TeamLink>,
    /// People and groups of a directory service, by the name that records use.
    pub parties: BTreeMap<String, Party>,
}

impl Joins {
    /// Takes over what waits of a source further down; the first source is believed.
    pub(crate) fn absorb(&mut self, mut other: Self) {
        self.paths.append(&mut other.paths);
        for (id, service) in other.services {
            self.services.entry(id).or_insert(service);
        }
        for (id, policy) in other.policies {
            self.policies.entry(id).or_insert(policy);
        }
        self.selectors.append(&mut other.selectors);
        for (key, mut records) in other.repositories {
            self.repositories
                .entry(key)
                .or_default()
                .append(&mut records);
        }
        for (name, link) in other.teams {
            self.teams.entry(name).or_insert(link);
        }
        for (name, party) in other.parties {
            self.parties.entry(name).or_insert(party);
        }
    }
}

/// A PagerDuty service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Id of its escalation policy.
    pub policy: String,
    /// Whether it pages anybody.
    pub enabled: bool,
    /// Who says so.
    pub source: Source,
}

/// A PagerDuty escalation policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Link.
    pub url: Option<String>,
    /// Ids of its teams.
    pub teams: Vec<String>,
    /// Who says so.
    pub source: Source,
}

/// A catalogue entity that names Kubernetes objects by label.
#[derive(Clone, Debug, PartialEq)]
pub struct Selector {
    /// Labels that must all be there.
    pub labels: BTreeMap<String, String>,
    /// Only in this cluster.
    pub cluster: Option<String>,
    /// Only in this namespace.
    pub namespace: Option<String>,
    /// What it says about them.
    pub record: Record,
}

/// Who is paged for a team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TeamLink {
    /// A policy, named outright.
    Policy(EscalationPolicy),
    /// The policy of a PagerDuty service.
    Service(String),
    /// The one policy of a PagerDuty team.
    Team(String),
}

/// Settles what waits.
pub(crate) fn settle(harvest: &mut Harvest) {
    let mut joins = std::mem::take(&mut harvest.joins);
    // The order in which a catalogue lists its entities says nothing.
    let order = |record: &Record| {
        let facts = &record.facts;
        (
            record.source.rank,
            facts.service.clone(),
            facts.owner.clone(),
        )
    };
    joins
        .selectors
        .sort_by_cached_key(|selector| (order(&selector.record), selector.labels.clone()));
    for claims in joins.repositories.values_mut() {
        claims.sort_by_cached_key(order);
    }
    repositories(&joins, harvest);
    selectors(&joins, harvest);
    parties::parties(&joins, harvest);
    people(harvest);
    paging(&joins, harvest);
    harvest.joins = joins;
}

/// A repository that several entities name has their owner when they agree, else none of them. Most
/// repositories have nothing in the inventory, and the annotation was not written for it: they are
/// passed over.
fn repositories(joins: &Joins, harvest: &mut Harvest) {
    let mut listed = BTreeSet::new();
    if !joins.repositories.is_empty() {
        let is_named = |kept: &Kept| kept.uid.is_some() && kept.local_name().is_some();
        harvest.visit(is_named, |record| {
            let name = record.local_name.clone();
            listed.extend(name.filter(|_| record.uid.is_some()));
        });
    }
    for ((_, name), claims) in &joins.repositories {
        let Some(first) = claims.first().filter(|_| listed.contains(name)) else {
            continue;
        };
        if claims
            .iter()
            .all(|claim| claim.facts.owner == first.facts.owner)
        {
            let mut claim = first.clone();
            // Of several services of one owner the repository is none's.
            if claims
                .iter()
                .any(|other| other.facts.service != first.facts.service)
            {
                claim.facts.service = None;
                claim.facts.tags.clear();
            }
            harvest.records.push(claim);
        } else {
            let owners: BTreeSet<&str> = claims
                .iter()
                .filter_map(|claim| claim.facts.owner.as_deref())
                .collect();
            let owners = owners.into_iter().collect::<Vec<_>>().join(", ");
            let repository = name.split_once('/').map_or(name.as_str(), |(_, name)| name);
            harvest.warn(
                &first.source,
                format!("{} entities name the repository {repository} and differ about its owner ({owners}); it gets none from them", claims.len()),
            );
        }
    }
}

/// Kubernetes objects get what the entity says that selects their labels.
fn selectors(joins: &Joins, harvest: &mut Harvest) {
    // Most objects carry no such label, so the entities are found by their first one.
    let mut by_label: BTreeMap<(&str, &str), Vec<&Selector>> = BTreeMap::new();
    for selector in &joins.selectors {
        if let Some((key, value)) = selector.labels.first_key_value() {
            by_label.entry((key, value)).or_default().push(selector);
        }
    }
    if by_label.is_empty() {
        return;
    }
    let mut more = Vec::new();
    let is_object = |kept: &Kept| kept.provider == Some(Provider::K8s) && kept.uid.is_some();
    harvest.visit(is_object, |record| {
        let facts = &record.facts;
        if facts.provider != Some(Provider::K8s) || record.uid.is_none() {
            return;
        }
        let near = facts
            .tags
            .iter()
            .filter_map(|(key, value)| by_label.get(&(key.as_str(), value.as_str())));
        for selector in near.flatten() {
            let holds = selector
                .labels
                .iter()
                .all(|(key, value)| facts.tags.get(key) == Some(value))
                && selector
                    .cluster
                    .as_ref()
                    .is_none_or(|cluster| facts.domain.as_ref() == Some(cluster))
                && selector
                    .namespace
                    .as_ref()
                    .is_none_or(|namespace| facts.namespace.as_ref() == Some(namespace));
            if holds {
                more.push(Record {
                    uid: record.uid.clone(),
                    aliases: record.aliases.clone(),
                    ..selector.record.clone()
                });
            }
        }
    });
    harvest.records.append(&mut more);
}

/// Owners that a source names as another system knows them.
fn people(harvest: &mut Harvest) {
    let directory = std::mem::take(&mut harvest.directory);
    harvest.revise(
        |kept| kept.is_owned,
        |record| {
            let facts = &mut record.facts;
            let mut is_changed = false;
            let named = facts
                .owner
                .iter_mut()
                .chain(&mut facts.sponsor)
                .chain(&mut facts.secondary_owners);
            for reference in named {
                if let Some(meant) = meant(reference, &directory) {
                    *reference = meant;
                    is_changed = true;
                }
            }
            is_changed
        },
    );
    harvest.directory = directory;
}

/// The reference of a person or team that a source calls `github-team:ORG/TEAM`,
/// `github-user:LOGIN`, `gitlab:PATH`, `mail:ADDRESS`, `entra-user:ID` or `entra-group:ID`. The catalogue's word counts; without one the
/// name is taken for that of the catalogue, as its importers take it. `None` for a plain reference.
fn meant(name: &str, directory: &Directory) -> Option<String> {
    let (system, rest) = name.split_once(':')?;
    if !matches!(
        system,
        "github-team" | "github-user" | "gitlab" | "mail" | "entra-user" | "entra-group"
    ) {
        return None;
    }
    let name = name.to_lowercase();
    if let Some(known) = directory.known_as.get(&name) {
        return Some(known.clone());
    }
    let rest = rest.to_lowercase();
    let lists = |reference: &String| directory.entries.contains_key(reference);
    Some(match (system, rest.split_once('/')) {
        ("github-team", Some((_, team))) => {
            // Importers of several organisations keep each in its namespace.
            let spaced = format!("group:{rest}");
            if lists(&spaced) {
                spaced
            } else {
                format!("group:default/{team}")
            }
        }
        ("entra-group", _) => format!("group:entra/{rest}"),
        ("gitlab", Some(_)) => format!("group:default/{}", rest.replace('/', "-")),
        // One name may be a person's or a group's there.
        ("gitlab", None) if lists(&format!("group:default/{rest}")) => {
            format!("group:default/{rest}")
        }
        _ => format!("user:default/{rest}"),
    })
}

/// Who is paged: identities that name a PagerDuty service, and teams.
fn paging(joins: &Joins, harvest: &mut Harvest) {
    let policy = |id: &str| EscalationPolicy {
        system: "pagerduty".to_owned(),
        id: id.to_owned(),
        url: joins.policies.get(id).and_then(|policy| policy.url.clone()),
    };
    let (mut more, mut unknown, mut disabled) = (Vec::new(), 0_u64, 0_u64);
    let mut of_service = |id: &str| match joins.services.get(id) {
        Some(service) if service.enabled => Some((policy(&service.policy), service.source.clone())),
        Some(_) => {
            disabled += 1;
            None
        }
        None => {
            unknown += 1;
            None
        }
    };
    harvest.revise(
        |kept| kept.is_paged,
        |record| {
            let mut is_changed = false;
            // The link is the same fact, whoever states the policy.
            if let Some(stated) = &mut record.facts.escalation_policy
                && stated.system == "pagerduty"
                && stated.url.is_none()
            {
                *stated = policy(&stated.id);
                is_changed = true;
            }
            let Some(service) = record.facts.tags.get(SERVICE) else {
                return is_changed;
            };
            if let Some((policy, source)) = of_service(service.trim()) {
                more.push(Record {
                    source,
                    uid: record.uid.clone(),
                    aliases: record.aliases.clone(),
                    local_name: record.local_name.clone(),
                    facts: Facts {
                        escalation_policy: Some(policy),
                        ..Facts::default()
                    },
                });
            }
            is_changed
        },
    );
    let mut unclear = Vec::new();
    for (team, link) in &joins.teams {
        let found = match link {
            TeamLink::Policy(stated) if stated.system == "pagerduty" => Some(policy(&stated.id)),
            TeamLink::Policy(stated) => Some(stated.clone()),
            TeamLink::Service(service) => of_service(service).map(|(policy, _)| policy),
            TeamLink::Team(id) => {
                let mut of_team = joins
                    .policies
                    .iter()
                    .filter(|(_, policy)| policy.teams.contains(id));
                match (of_team.next(), of_team.next()) {
                    (Some((id, _)), None) => Some(policy(id)),
                    _ => {
                        unclear.push(team.as_str());
                        None
                    }
                }
            }
        };
        if let Some(entry) = harvest.directory.entries.get_mut(team) {
            entry.escalation_policy = found;
        }
    }
    harvest.records.append(&mut more);
    let read = !joins.services.is_empty() || !joins.policies.is_empty();
    let mut warnings = Vec::new();
    if unknown > 0 && read {
        warnings.push(format!(
            "{unknown} references name PagerDuty services that no export lists"
        ));
    }
    if disabled > 0 {
        warnings.push(format!(
            "{disabled} references name PagerDuty services that are disabled and page nobody"
        ));
    }
    if !unclear.is_empty() && read {
        warnings.push(format!(
            "PagerDuty has not exactly one escalation policy for the team of {}",
            unclear.join(", ")
        ));
    }
    harvest.warnings.append(&mut warnings);
}

#[cfg(test)]
mod tests;
