//! Azure Resource Manager's answers: who holds which role where, user-assigned managed identities, and
//! the resources that run as an identity. Principals are those of the Entra tenant.

use std::collections::{BTreeMap, BTreeSet};

use enrich_core::KeyType;
use enrich_core::vocabulary::{Kind, Provider};
use serde_json::Value;

use super::azure_roles::{Definition, grant};
use super::credentials::Federated;
use super::principals::{place, workload};
use super::recognise::is_guid;
use super::shape::{Object, id, spell, text};
use crate::connect::stream::each_json;
use crate::connect::{ConnectError, Connector, Input};
use crate::model::Scope;
use crate::record::{Harvest, Record, Source};

const CONNECTOR: Connector = Connector::Azure;
/// Pages of REST and `az`, rows of Resource Graph.
const LISTS: &[&str] = &["value", "data"];
const DEPTH: usize = 4;

/// What the files of a source say.
#[derive(Debug, Default)]
struct Found {
    assignments: BTreeSet<Assignment>,
    /// By the last part of the id.
    definitions: BTreeMap<String, Definition>,
    /// By principal id.
    identities: BTreeMap<String, Identity>,
    /// Principal id of a user-assigned identity, by resource id.
    by_resource: BTreeMap<String, String>,
    /// Resources that run as an identity: by principal id, and by the identity's resource id.
    runs: BTreeSet<(String, String)>,
    federated: BTreeMap<String, BTreeSet<Federated>>,
    /// Lists by subscription and type: pages that lead on, and whether the last one came.
    pages: BTreeMap<(String, String), (usize, bool)>,
    of_people: usize,
    known: usize,
    unknown: usize,
    first_unknown: Option<String>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Assignment {
    principal: String,
    role_id: String,
    role_name: Option<String>,
    scope: String,
}

#[derive(Debug)]
struct Identity {
    name: String,
    client: Option<String>,
    tenant: Option<String>,
    resource: String,
    tags: BTreeMap<String, String>,
}

pub(in crate::connect) fn connect(
    source: &Source,
    inputs: &[Input],
    harvest: &mut Harvest,
) -> Result<(), ConnectError> {
    let mut found = Found::default();
    for input in inputs {
        let before = found.known;
        let mut of = (String::new(), String::new());
        let seen = each_json(input, CONNECTOR, LISTS, &mut |item| {
            let mut value = item.value;
            spell(&mut value);
            if item.is_wrapper {
                let (more, ended) = found.pages.entry(std::mem::take(&mut of)).or_default();
                if value.get("nextLink").is_some_and(Value::is_string) {
                    *more += 1;
                } else {
                    *ended = true;
                }
                return Ok(());
            }
            of = listed(&value);
            let before = found.known;
            found.visit(&value, 0);
            if found.known == before {
                found.unknown += 1;
                found
                    .first_unknown
                    .get_or_insert_with(|| item.place.to_string());
            }
            Ok(())
        })?;
        let is_empty_list = seen.items == 0 && !seen.lists.is_empty();
        if found.known == before && !is_empty_list {
            return Err(ConnectError::nothing(
                input,
                CONNECTOR,
                "role assignment, role definition, managed identity or resource with an identity",
            ));
        }
    }
    found.tell(source, harvest);
    found.emit(source, harvest)
}

/// The subscription and the type of a listed object: which list it is from.
fn listed(value: &Value) -> (String, String) {
    let word = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or("");
    let id = word("id").to_ascii_lowercase();
    let subscription = id.strip_prefix("/subscriptions/");
    let subscription = subscription.and_then(|rest| rest.split('/').next());
    (
        subscription.unwrap_or("").to_owned(),
        word("type").to_ascii_lowercase(),
    )
}

impl Found {
    fn visit(&mut self, value: &Value, depth: usize) {
        match value {
            Value::Array(items) if depth < DEPTH => {
                for item in items {
                    self.visit(item, depth + 1);
                }
            }
            Value::Object(object) => {
                if self.note(object) {
                    self.known += 1;
                } else if depth < DEPTH {
                    for inner in object.values() {
                        self.visit(inner, depth + 1);
                    }
                }
            }
            _ => {}
        }
    }

    /// Takes an object in, if it is one that is known.
    fn note(&mut self, object: &Object) -> bool {
        let inner = object
            .get("properties")
            .and_then(Value::as_object)
            .unwrap_or(object);
        let is_definition = inner.contains_key("roleName")
            || (inner.contains_key("notActions") && inner.contains_key("assignableScopes"));
        if is_definition {
            if let (Some(definition), Some(id)) = (Definition::read(object), id(object, "id")) {
                let id = last(&id);
                let known = self.definitions.remove(&id).unwrap_or_default();
                self.definitions.insert(id, known.wider(definition));
            }
            return true;
        }
        if inner.contains_key("roleDefinitionId") || inner.contains_key("roleDefinitionName") {
            self.assignment(inner);
            return true;
        }
        let resource = id(object, "id").filter(|id| id.starts_with("/subscriptions/"));
        if inner.contains_key("issuer") && inner.contains_key("audiences") {
            let parent = resource.as_deref().and_then(|id| {
                let (parent, _) = id.split_once("/federatedidentitycredentials/")?;
                Some(parent.to_owned())
            });
            let mut flat = inner.clone();
            if let Some(id) = object.get("id") {
                flat.insert("id".to_owned(), id.clone());
            }
            if let (Some(parent), Some(federated)) = (parent, Federated::read(&flat)) {
                self.federated.entry(parent).or_default().insert(federated);
            }
            return true;
        }
        let Some(resource) = resource else {
            return false;
        };
        if inner.contains_key("clientId") && inner.contains_key("principalId") {
            self.identity(object, inner, resource);
            return true;
        }
        match object.get("identity") {
            Some(Value::Object(identity)) => {
                self.run(identity, &resource);
                true
            }
            // A list of resources also holds those without an identity.
            Some(Value::Null) => true,
            _ => text(object, "type").is_some() && object.contains_key("location"),
        }
    }

    fn assignment(&mut self, object: &Object) {
        let principal = id(object, "principalId").or_else(|| id(object, "objectId"));
        let kind = text(object, "principalType").or_else(|| text(object, "objectType"));
        if matches!(kind, Some("User" | "Group" | "ForeignGroup" | "Device")) {
            self.of_people += 1;
            return;
        }
        if let Some(principal) = principal {
            self.assignments.insert(Assignment {
                principal,
                role_id: id(object, "roleDefinitionId").map_or_else(String::new, |id| last(&id)),
                role_name: text(object, "roleDefinitionName").map(str::to_owned),
                scope: text(object, "scope").unwrap_or("/").to_owned(),
            });
        }
    }

    fn identity(&mut self, object: &Object, inner: &Object, resource: String) {
        let Some(principal) = id(inner, "principalId") else {
            return;
        };
        let tags = object.get("tags").and_then(Value::as_object);
        self.by_resource.insert(resource.clone(), principal.clone());
        self.identities.insert(
            principal,
            Identity {
                name: text(object, "name").unwrap_or(&resource).to_owned(),
                client: id(inner, "clientId"),
                tenant: id(inner, "tenantId"),
                tags: tags
                    .into_iter()
                    .flatten()
                    .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
                    .collect(),
                resource,
            },
        );
    }

    /// A resource that runs as its own identity, or as some that are assigned to it.
    fn run(&mut self, identity: &Object, resource: &str) {
        if let Some(principal) = id(identity, "principalId") {
            self.runs.insert((principal, resource.to_owned()));
        }
        let assigned = identity
            .get("userAssignedIdentities")
            .and_then(Value::as_object);
        for (of, ids) in assigned.into_iter().flatten() {
            let principal = ids.as_object().and_then(|ids| id(ids, "principalId"));
            let key = principal.unwrap_or_else(|| of.to_ascii_lowercase());
            self.runs.insert((key, resource.to_owned()));
        }
    }

    fn tell(&self, source: &Source, harvest: &mut Harvest) {
        let cut = self.pages.values();
        let cut = cut.filter(|(more, ended)| *more > 0 && !ended).count();
        if cut > 0 {
            harvest.incomplete(source);
        }
        let mut count = |count: usize, what: &str| {
            if count > 0 {
                harvest.warn(source, format!("{count} {what}"));
            }
        };
        count(
            self.of_people,
            "role assignments to people and groups are left out",
        );
        count(
            cut,
            "lists are cut (the last page that is there has a nextLink); what is not in them is not known to be gone",
        );
        if let Some(place) = &self.first_unknown {
            count(
                self.unknown,
                &format!("objects of unknown kind are left out, the first at {place}"),
            );
        }
    }

    fn emit(mut self, source: &Source, harvest: &mut Harvest) -> Result<(), ConnectError> {
        let configured = source.domain.as_deref().map(str::to_ascii_lowercase);
        if let Some(domain) = configured.as_ref().filter(|domain| !is_guid(domain)) {
            return Err(ConnectError::DomainShape {
                source_name: source.name.clone(),
                connector: CONNECTOR.as_str(),
                what: "tenant id, a GUID",
                domain: domain.clone(),
            });
        }
        // One claim for each principal, whoever lists it.
        let mut claims: BTreeMap<String, Record> = BTreeMap::new();
        let mut refused = 0_usize;
        let mut claim = |principal: &str, fill: &mut dyn FnMut(&mut Record)| {
            let mut record = Record::new(source, None);
            if record
                .add_key(KeyType::EntraObjectId, "", principal, None)
                .is_err()
            {
                refused += 1;
                return;
            }
            fill(claims.entry(principal.to_owned()).or_insert(record));
        };
        for assignment in &self.assignments {
            let definition = self.definitions.get(&assignment.role_id);
            let name = assignment
                .role_name
                .as_deref()
                .or_else(|| Some(definition?.name.as_str()))
                .or_else(|| known_role(&assignment.role_id))
                .unwrap_or(&assignment.role_id);
            let granted = grant(name, definition, &assignment.scope);
            claim(&assignment.principal, &mut |record| {
                record.facts.grants.push(granted.clone());
            });
        }
        for (principal, resource) in &self.runs {
            let principal = self.by_resource.get(principal).unwrap_or(principal);
            claim(principal, &mut |record| {
                record.facts.workloads.push(workload(resource));
            });
        }
        let mut parentless = 0_usize;
        for (resource, credentials) in &self.federated {
            let Some(principal) = self.by_resource.get(resource) else {
                parentless += credentials.len();
                continue;
            };
            claim(principal, &mut |record| {
                for federated in credentials {
                    federated.add(record);
                }
            });
        }
        for (principal, identity) in std::mem::take(&mut self.identities) {
            let tenant = identity.tenant.clone().or_else(|| configured.clone());
            let Some(tenant) = tenant else {
                return Err(ConnectError::Domain {
                    source_name: source.name.clone(),
                    connector: CONNECTOR.as_str(),
                    what: "tenant",
                });
            };
            if let Some(expected) = configured.as_ref().filter(|domain| **domain != tenant) {
                return Err(ConnectError::MixedDomains {
                    source_name: source.name.clone(),
                    what: "tenant",
                    expected: expected.clone(),
                    found: tenant,
                });
            }
            identity.describe(&principal, &tenant, &mut claims, source, harvest);
        }
        for (count, what) in [
            (
                refused,
                "entries are left out, because their principal id is no GUID",
            ),
            (
                parentless,
                "federated credentials of managed identities that are not listed are left out",
            ),
        ] {
            if count > 0 {
                harvest.warn(source, format!("{count} {what}"));
            }
        }
        harvest.records.extend(claims.into_values());
        Ok(())
    }
}

impl Identity {
    /// Makes the record of a managed identity, under the uid that Graph's list gives it as well.
    fn describe(
        self,
        principal: &str,
        tenant: &str,
        claims: &mut BTreeMap<String, Record>,
        source: &Source,
        harvest: &mut Harvest,
    ) {
        let mut record = claims
            .remove(principal)
            .unwrap_or_else(|| Record::new(source, None));
        let keys = [
            (KeyType::EntraObjectId, Some(principal)),
            (KeyType::EntraAppId, self.client.as_deref()),
        ];
        for (key_type, value) in keys {
            if let Some(value) = value
                && let Err(refusal) = record.add_key(key_type, "", value, None)
            {
                harvest.warn(
                    source,
                    format!("{}: {refusal}", crate::text::printable(&self.name, 80)),
                );
            }
        }
        record.uid = Some(format!("entra:{tenant}:sp/{principal}"));
        let facts = &mut record.facts;
        facts.name = Some(self.name);
        facts.native_kind = Some(Kind::ManagedIdentity);
        facts.sub_type = Some("entra_managed_identity_user_assigned".to_owned());
        facts.provider = Some(Provider::Entra);
        facts.domain = Some(tenant.to_owned());
        facts.tags = self.tags.into_iter().collect();
        place(&self.resource, facts);
        harvest.records.push(record);
        // Other principals of the tenant are in Graph's list, so this does not cover it.
        let scope = Scope {
            provider: Provider::Entra,
            domain: tenant.to_owned(),
            part: String::new(),
            name: None,
            owner: None,
            escalation_policy: None,
            covered: false,
            environment: Vec::new(),
        };
        if !harvest.scopes.contains(&scope) {
            harvest.scopes.push(scope);
        }
    }
}

fn last(id: &str) -> String {
    id.rsplit('/').next().unwrap_or(id).to_owned()
}

/// Ids of the built-in roles that decide most, for exports without names (REST, Resource Graph).
fn known_role(id: &str) -> Option<&'static str> {
    Some(match id {
        "8e3af657-a8ff-443c-a75c-2fe8c4bcb635" => "Owner",
        "b24988ac-6180-42a0-ab88-20f7382dd24c" => "Contributor",
        "acdd72a7-3385-48ef-bd42-f606fba81ae7" => "Reader",
        "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9" => "User Access Administrator",
        "f58310d9-a9f6-439a-9e8d-f62e7b41a168" => "Role Based Access Control Administrator",
        "00482a5a-887f-4fb3-b363-3b7fe8e74483" => "Key Vault Administrator",
        "4633458b-17de-408a-b874-0445c86b69e6" => "Key Vault Secrets User",
        "b86a8fe4-44ce-4948-aee5-eccb2c155cd7" => "Key Vault Secrets Officer",
        "9980e02c-c2be-4d73-94e8-173b1dc7cf3c" => "Virtual Machine Contributor",
        "17d1049b-9a84-46fb-8f53-869881c3d3ab" => "Storage Account Contributor",
        "f1a07417-d97a-45cb-824c-7a7467783830" => "Managed Identity Operator",
        "e40ec5ca-96e0-45a2-b4ff-59039f2c2b59" => "Managed Identity Contributor",
        "7f951dda-4ed3-4680-a7ca-43fe172d538d" => "AcrPull",
        "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1" => "Storage Blob Data Reader",
        "ba92f5b4-2d11-453d-a403-e96b0029c9fe" => "Storage Blob Data Contributor",
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
