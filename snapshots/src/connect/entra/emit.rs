//! Joins what the files say into records: one for each service principal with its application, one for
//! each application that has none here, and claims about objects that another source lists.

use std::collections::{BTreeMap, BTreeSet};

use enrich_core::KeyType;
use enrich_core::vocabulary::Provider;

use super::people::{self, Kind as PartyKind};
use super::permissions::{self, GRAPH, NO_ROLE};
use super::principals::{Principal, complete};
use super::{Tenant, roles};
use crate::model::{Scope, Time};
use crate::record::{DomainFacts, Grant, Harvest, Record, Source};

pub(super) fn emit(mut tenant: Tenant, domain: &str, source: &Source, harvest: &mut Harvest) {
    let lists_principals = !tenant.principals.is_empty();
    harvest.scopes.push(Scope {
        provider: Provider::Entra,
        domain: domain.to_owned(),
        part: String::new(),
        name: None,
        owner: None,
        escalation_policy: None,
        covered: lists_principals && !tenant.is_cut(),
        environment: Vec::new(),
    });
    if let Some(name) = tenant.organizations.remove(domain) {
        harvest.domains.push(DomainFacts {
            source: source.clone(),
            provider: Provider::Entra,
            domain: domain.to_owned(),
            name,
            state: None,
            closed: false,
            tags: BTreeMap::new(),
        });
    }
    let mut join = Join {
        domain,
        source,
        harvest,
        grants: grants(&tenant),
        nameless: nameless(&tenant),
        roleless: roleless(&tenant),
        undescribed: 0,
        by_app: tenant
            .principals
            .iter()
            .filter_map(|(id, principal)| Some((principal.app_id.clone()?, id.clone())))
            .collect(),
    };
    // They are the longest lists, and what they say stands in the grants now.
    tenant.app_roles.clear();
    tenant.delegated.clear();
    let mut applications: BTreeMap<String, String> = tenant
        .applications
        .iter()
        .filter_map(|(id, application)| Some((application.app_id.clone()?, id.clone())))
        .collect();
    for (id, mut principal) in std::mem::take(&mut tenant.principals) {
        let vendor = principal.vendor(domain);
        let mut ids = vec![id.clone()];
        // Only a registration of this tenant can be in the list, so it is not that of a foreign one.
        if vendor.is_none()
            && let Some(app_id) = &principal.app_id
            && let Some(of) = applications.remove(app_id)
            && let Some(application) = tenant.applications.remove(&of)
        {
            complete(&mut principal.record, application.record);
            ids.push(of);
        }
        principal.record.facts.vendor = vendor;
        let parent = join.parent(&mut principal);
        principal.record.uid = Some(join.uid(&id));
        let mut record = principal.record;
        if let Some(blueprint) = parent {
            record.facts.assumable_by.push(blueprint);
        }
        join.finish(&mut record, &ids, principal.app_id.as_deref(), &tenant);
        join.harvest.records.push(record);
    }
    for (id, mut user) in std::mem::take(&mut tenant.agent_users) {
        if let (Some(agent), Some(parent)) = (&mut user.record.facts.agent, &user.parent) {
            agent.parent = join.uid(parent);
        }
        let mut record = user.record;
        record.uid = Some(format!("entra:{domain}:user/{id}"));
        if let Some(parent) = user.parent {
            record.facts.assumable_by.push(join.uid(&parent));
        }
        join.finish(&mut record, &[id], None, &tenant);
        join.harvest.records.push(record);
    }
    let alone = std::mem::take(&mut tenant.applications);
    if !alone.is_empty() && !lists_principals {
        join.harvest.warn(source, format!(
            "{} applications without a list of service principals: put both lists into one source, so that each application meets its principal",
            alone.len()
        ));
    }
    for (id, application) in alone {
        let mut record = application.record;
        record.uid = Some(format!("entra:{domain}:app/{id}"));
        join.finish(&mut record, &[id], application.app_id.as_deref(), &tenant);
        join.harvest.records.push(record);
    }
    join.rest(tenant, lists_principals);
}

struct Join<'a> {
    domain: &'a str,
    source: &'a Source,
    harvest: &'a mut Harvest,
    /// By object id; taken out as the objects are found.
    grants: BTreeMap<String, Vec<Grant>>,
    /// Application roles of which only the id is known.
    nameless: usize,
    /// Directory roles of which only the id is known.
    roleless: usize,
    /// Owners and sponsors of whom only the id is known.
    undescribed: usize,
    /// Object id of the principal, by application id.
    by_app: BTreeMap<String, String>,
}

impl Join<'_> {
    fn uid(&self, id: &str) -> String {
        format!("entra:{}:sp/{id}", self.domain)
    }

    /// The blueprint of an agent identity, which can get tokens for it.
    fn parent(&self, principal: &mut Principal) -> Option<String> {
        let blueprint = principal.parent.as_ref()?;
        let parent = match self.by_app.get(blueprint) {
            Some(id) => self.uid(id),
            None => format!("entra_app_id:{blueprint}"),
        };
        if let Some(agent) = &mut principal.record.facts.agent {
            agent.parent.clone_from(&parent);
        }
        Some(parent)
    }

    /// Adds what other answers say about the object with these ids.
    fn finish(&mut self, record: &mut Record, ids: &[String], app: Option<&str>, tenant: &Tenant) {
        let of = |lists: &BTreeMap<String, BTreeSet<String>>| -> BTreeSet<String> {
            let lists = ids.iter().filter_map(|id| lists.get(id));
            lists.flatten().cloned().collect()
        };
        self.undescribed += people::answer(
            &mut record.facts,
            &of(&tenant.owners),
            &of(&tenant.sponsors),
            &tenant.people,
            self.source,
            self.harvest,
        );
        for federated in ids
            .iter()
            .filter_map(|id| tenant.federated.get(id))
            .flatten()
        {
            federated.add(record);
        }
        let facts = &mut record.facts;
        facts.domain = Some(self.domain.to_owned());
        for id in ids {
            facts
                .grants
                .extend(self.grants.remove(id).into_iter().flatten());
        }
        facts.grants.sort();
        facts.grants.dedup();
        if let Some(used) = app.and_then(|app| tenant.sign_ins.get(app)) {
            facts.last_seen = Time::At(*used);
        }
        for credential in &mut facts.credentials {
            if let Some(used) = tenant.key_uses.get(&credential.uid) {
                credential.last_used = Time::At(*used);
            }
        }
        for list in [
            &mut facts.assumable_by,
            &mut facts.workloads,
            &mut facts.unconditioned_trust,
        ] {
            list.sort();
            list.dedup();
        }
    }

    /// What is said about objects that this source does not list. Where it lists none, another one may.
    fn rest(self, tenant: Tenant, lists_principals: bool) {
        let Self {
            source,
            harvest,
            mut grants,
            by_app,
            nameless,
            roleless,
            undescribed,
            ..
        } = self;
        // People's and groups' own rights are not those of a machine's identity.
        grants.retain(|id, _| {
            tenant
                .people
                .get(id)
                .is_none_or(|party| party.kind == PartyKind::Service)
                && !tenant.members.contains_key(id)
        });
        let count = |harvest: &mut Harvest, count: usize, what: &str| {
            if count > 0 {
                harvest.warn(source, format!("{count} {what}"));
            }
        };
        count(
            harvest,
            nameless,
            "granted application roles have no name here; export the service principals of their APIs with appRoles",
        );
        count(
            harvest,
            roleless,
            "assigned directory roles have no name here and count as writing; export roleDefinitions",
        );
        count(
            harvest,
            undescribed,
            "owners or sponsors are named by id alone and left out; export them with displayName and mail",
        );
        if lists_principals {
            count(
                harvest,
                grants.len(),
                "holders of roles or permissions are not among the service principals and left out",
            );
            let apps = tenant
                .sign_ins
                .keys()
                .filter(|app| !by_app.contains_key(*app));
            count(
                harvest,
                apps.count(),
                "applications of the sign-in report are not among the service principals and left out",
            );
            return;
        }
        let claim = |key_type: KeyType, value: &str| {
            let mut record = Record::new(source, None);
            record.add_key(key_type, "", value, None).ok()?;
            Some(record)
        };
        for (id, grants) in grants {
            if let Some(mut record) = claim(KeyType::EntraObjectId, &id) {
                record.facts.grants = grants;
                harvest.records.push(record);
            }
        }
        for (app, used) in &tenant.sign_ins {
            if let Some(mut record) = claim(KeyType::EntraAppId, app) {
                record.facts.last_seen = Time::At(*used);
                harvest.records.push(record);
            }
        }
        let ids: BTreeSet<&String> = tenant
            .owners
            .keys()
            .chain(tenant.sponsors.keys())
            .chain(tenant.federated.keys())
            .collect();
        let nobody = BTreeSet::new();
        for id in ids {
            let Some(mut record) = claim(KeyType::EntraObjectId, id) else {
                continue;
            };
            people::answer(
                &mut record.facts,
                tenant.owners.get(id).unwrap_or(&nobody),
                tenant.sponsors.get(id).unwrap_or(&nobody),
                &tenant.people,
                source,
                harvest,
            );
            for federated in tenant.federated.get(id).into_iter().flatten() {
                federated.add(&mut record);
            }
            harvest.records.push(record);
        }
    }
}

/// The name of an application role, where it is known.
fn role_name<'t>(
    tenant: &'t Tenant,
    resource: &str,
    name: Option<&str>,
    role: &str,
) -> Option<&'t str> {
    let listed = tenant
        .role_names
        .get(&(resource.to_owned(), role.to_owned()));
    let is_graph = || {
        let app = tenant
            .principals
            .get(resource)
            .and_then(|principal| principal.app_id.as_deref());
        match app {
            Some(app) => app == GRAPH,
            None => name == Some("Microsoft Graph"),
        }
    };
    listed
        .map(String::as_str)
        .or_else(|| permissions::graph_role(role).filter(|_| is_graph()))
}

fn nameless(tenant: &Tenant) -> usize {
    let roles = tenant
        .app_roles
        .iter()
        .filter(|grant| grant.role != NO_ROLE);
    roles
        .filter(|grant| {
            let name = grant.resource_name.as_deref();
            role_name(tenant, &grant.resource, name, &grant.role).is_none()
        })
        .count()
}

fn roleless(tenant: &Tenant) -> usize {
    let held = tenant.role_assignments.iter();
    held.filter(|held| !roles::is_known(&held.role, tenant.definitions.get(&held.role)))
        .count()
}

/// What each object may do, by permissions, roles, and groups that hold either.
fn grants(tenant: &Tenant) -> BTreeMap<String, Vec<Grant>> {
    let mut out: BTreeMap<String, Vec<Grant>> = BTreeMap::new();
    let mut add = |id: &str, grant: Grant| {
        out.entry(id.to_owned()).or_default().push(grant);
    };
    let name_of = |resource: &str, stated: Option<&str>| {
        let listed = tenant.principals.get(resource);
        let listed = listed.and_then(|principal| principal.record.facts.name.as_deref());
        stated.or(listed).unwrap_or(resource).to_owned()
    };
    for grant in tenant
        .app_roles
        .iter()
        .filter(|grant| grant.role != NO_ROLE)
    {
        let stated = grant.resource_name.as_deref();
        let role = role_name(tenant, &grant.resource, stated, &grant.role);
        let resource = name_of(&grant.resource, stated);
        add(
            &grant.principal,
            permissions::application(&resource, role.unwrap_or(&grant.role)),
        );
    }
    for grant in &tenant.delegated {
        let resource = name_of(&grant.resource, None);
        for scope in grant.scope.split_whitespace() {
            add(&grant.client, permissions::delegated(&resource, scope));
        }
    }
    for held in &tenant.role_assignments {
        let definition = tenant.definitions.get(&held.role);
        add(
            &held.principal,
            roles::grant(&held.role, definition, &held.scope),
        );
    }
    for (of, members) in &tenant.members {
        let Some(held) = out.get(of).cloned() else {
            continue;
        };
        let group = tenant
            .people
            .get(of)
            .and_then(|party| party.name.as_deref());
        for member in members {
            let to = out.entry(member.clone()).or_default();
            to.extend(held.iter().cloned().map(|mut grant| {
                if let Some(group) = group {
                    grant.name = format!("{} (group {group})", grant.name);
                }
                grant
            }));
        }
    }
    out
}
