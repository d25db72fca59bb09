//! Takes the objects of the answers in, each as what it is, with what hangs on it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::people::{self, Party};
use super::recognise::Hint;
use super::roles::Definition;
use super::shape::{self, Context, Object, Shape, id, objects, spell, text};
use super::{
    AppRole, DEPTH, Delegated, Federated, RoleAssignment, Tenant, known, principals, time,
};
use crate::connect::stream::Item;
use crate::record::{Harvest, Source};

impl Tenant {
    pub(super) fn take(
        &mut self,
        item: Item<'_>,
        hint: &Hint,
        source: &Source,
        harvest: &mut Harvest,
    ) {
        let place = item.place.to_string();
        let mut value = item.value;
        let says = |map: &Object| text(map, "@odata.context").map(Context::parse);
        if item.is_wrapper {
            if let Value::Object(map) = &value {
                self.page(map);
            }
            return;
        }
        let mut context = says(item.beside).unwrap_or_default();
        if context == Context::default() && !matches!(item.list, "" | "value" | "responses") {
            item.list.clone_into(&mut context.collection);
        }
        spell(&mut value);
        let mut visit = Visit {
            hint,
            source,
            harvest,
            place: &place,
        };
        let before = self.known;
        self.visit(&value, &context, 0, &mut visit);
        if self.known == before {
            self.unknown += 1;
            self.first_unknown.get_or_insert(place);
        }
    }

    /// Notes whether another page follows.
    fn page(&mut self, answer: &Object) {
        let context = text(answer, "@odata.context").unwrap_or("");
        let of = Context::parse(context);
        let key = format!(
            "{}{}",
            of.collection,
            of.parent
                .map(|parent| format!(" of {parent}"))
                .unwrap_or_default()
        );
        let (open, ended) = self.pages.entry(key).or_default();
        match text(answer, "@odata.nextLink") {
            Some(_) => *open += 1,
            None => *ended = true,
        }
    }

    fn visit(&mut self, value: &Value, context: &Context, depth: usize, at: &mut Visit<'_>) {
        let object = match value {
            Value::Array(items) if depth < DEPTH => {
                for item in items {
                    self.visit(item, context, depth + 1, at);
                }
                return;
            }
            Value::Object(object) => object,
            _ => return,
        };
        let own = text(object, "@odata.context").map(Context::parse);
        let context = own.as_ref().unwrap_or(context);
        if self.is_relative(object, context, at.hint) {
            self.known += 1;
            return;
        }
        match shape::shape(object, context) {
            Some(shape) => self.note(shape, object, context, at),
            // `$select=id&$expand=owners` without anything that tells the type.
            None if object.contains_key("id") && has_relations(object) => {
                if let Some(id) = id(object, "id") {
                    self.relations(&id, object);
                    self.known += 1;
                }
            }
            None if depth < DEPTH => {
                if object.get("value").is_some_and(Value::is_array) {
                    self.page(object);
                }
                for (name, inner) in object {
                    let named = Context {
                        collection: name.clone(),
                        ..Context::default()
                    };
                    let context = match name.as_str() {
                        "value" | "body" => context,
                        _ => &named,
                    };
                    self.visit(inner, context, depth + 1, at);
                }
            }
            None => {}
        }
    }

    /// Whether the object is an owner or a sponsor of another one, by the answer or the file's name.
    fn is_relative(&mut self, object: &Object, context: &Context, hint: &Hint) -> bool {
        let (relation, parent) = match (context.collection.as_str(), &context.parent) {
            (relation @ ("owners" | "sponsors"), Some(parent)) => (relation, parent),
            ("" | "directoryObjects" | "owners" | "sponsors" | "users", _) => {
                match (hint.relation, &hint.parent) {
                    (Some(relation), Some(parent)) => (relation, parent),
                    _ => return false,
                }
            }
            _ => return false,
        };
        let (Some(id), parent) = (id(object, "id"), parent.clone()) else {
            return false;
        };
        self.relative(relation == "sponsors", parent, id, object);
        true
    }

    fn relative(&mut self, is_sponsor: bool, parent: String, id: String, object: &Object) {
        if let Some(party) = people::party(&id, object) {
            self.person(id.clone(), party);
        }
        let of = if is_sponsor {
            &mut self.sponsors
        } else {
            &mut self.owners
        };
        of.entry(parent).or_default().insert(id);
    }

    /// Of two descriptions of a person the fuller one holds.
    fn person(&mut self, id: String, party: Party) {
        let known = self.people.entry(id).or_insert_with(|| party.clone());
        known.complete(party);
    }

    /// What hangs on an object by `$expand`.
    fn relations(&mut self, id: &str, object: &Object) {
        for (list, is_sponsor) in [("owners", false), ("sponsors", true)] {
            for party in objects(object, list) {
                if let Some(of) = shape::id(party, "id") {
                    self.relative(is_sponsor, id.to_owned(), of, party);
                }
            }
        }
        for credential in objects(object, "federatedIdentityCredentials") {
            self.federated(id, credential);
        }
        for list in ["appRoleAssignments", "appRoleAssignedTo"] {
            for grant in objects(object, list) {
                self.app_role(grant);
            }
        }
        for grant in objects(object, "oauth2PermissionGrants") {
            self.delegated_grant(grant);
        }
        for member in objects(object, "members") {
            if let Some(member) = shape::id(member, "id") {
                self.members
                    .entry(id.to_owned())
                    .or_default()
                    .insert(member);
            }
        }
        for group in objects(object, "memberOf") {
            let Some(of) = shape::id(group, "id") else {
                continue;
            };
            if shape::shape(group, &Context::default()) == Some(Shape::DirectoryRole) {
                self.directory_role(&of, group);
            } else if let Some(party) = people::party(&of, group) {
                self.person(of.clone(), party);
            }
            self.members.entry(of).or_default().insert(id.to_owned());
        }
    }

    fn note(&mut self, shape: Shape, object: &Object, context: &Context, at: &mut Visit<'_>) {
        self.known += 1;
        if let Some(known) = known::of(shape) {
            let members = object.keys().filter(|name| !name.contains('@'));
            for name in members.filter(|name| !known.contains(&name.as_str())) {
                self.fields.add(name);
            }
        }
        let Some(id) = id(object, "id").or_else(|| {
            // Sign-in reports and grants are about others.
            matches!(
                shape,
                Shape::AppRoleAssignment
                    | Shape::DelegatedGrant
                    | Shape::RoleAssignment
                    | Shape::SignIn
                    | Shape::KeyUse
                    | Shape::Refusal
                    | Shape::Eligible
                    | Shape::Federated
            )
            .then(String::new)
        }) else {
            at.warn("an object without id is left out");
            return;
        };
        match shape {
            Shape::Principal | Shape::Agent | Shape::BlueprintPrincipal => {
                self.resource(&id, object);
                let read = principals::principal(&id, shape, object, at.source, at.harvest);
                principals::keep(&mut self.principals, &mut self.more.principals, &id, read);
            }
            Shape::AgentUser => {
                let read = principals::agent_user(&id, object, at.source, at.harvest);
                principals::keep(&mut self.agent_users, &mut self.more.agent_users, &id, read);
            }
            Shape::Application | Shape::Blueprint => {
                let read = principals::application(&id, shape, object, at.source, at.harvest);
                principals::keep(
                    &mut self.applications,
                    &mut self.more.applications,
                    &id,
                    read,
                );
            }
            Shape::User | Shape::Group => {
                if let Some(party) = people::party(&id, object) {
                    self.person(id.clone(), party);
                }
            }
            Shape::AppRoleAssignment => self.app_role(object),
            Shape::DelegatedGrant => self.delegated_grant(object),
            Shape::RoleAssignment => self.role_assignment(object),
            Shape::Eligible => self.eligible += 1,
            Shape::RoleDefinition => {
                let name = text(object, "displayName").unwrap_or("");
                self.define(id.clone(), Definition::read(name, object));
            }
            Shape::DirectoryRole => self.directory_role(&id, object),
            Shape::Federated => {
                match context.parent.as_ref().or(at.hint.parent.as_ref()).cloned() {
                    Some(parent) => self.federated(&parent, object),
                    None => self.homeless += 1,
                }
                return;
            }
            Shape::SignIn => self.sign_in(object),
            Shape::KeyUse => {
                let used = object
                    .get("signInActivity")
                    .and_then(Value::as_object)
                    .and_then(|activity| time(activity.get("lastSignInDateTime")));
                if let (Some(key), Some(used)) = (shape::id(object, "keyId"), used) {
                    later(&mut self.key_uses, key, used);
                }
            }
            Shape::Organization => {
                let name = text(object, "displayName").map(str::to_owned);
                self.organizations.insert(id.clone(), name);
            }
            Shape::Refusal => {
                let error = &object["error"];
                let word = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or("");
                let said =
                    crate::text::printable(&format!("{}: {}", word("code"), word("message")), 160);
                at.warn(&format!("Graph refused and this answer is missing: {said}"));
            }
        }
        if !id.is_empty() {
            self.relations(&id, object);
        }
    }

    fn define(&mut self, id: String, definition: Definition) {
        let known = self.definitions.remove(&id).unwrap_or_default();
        self.definitions.insert(id, known.wider(definition));
    }

    /// The roles that an API offers, for the names of grants.
    fn resource(&mut self, id: &str, object: &Object) {
        for role in objects(object, "appRoles") {
            if let (Some(role_id), Some(value)) = (shape::id(role, "id"), text(role, "value")) {
                self.role_names
                    .insert((id.to_owned(), role_id), value.to_owned());
            }
        }
    }

    fn app_role(&mut self, object: &Object) {
        // People and groups may be assigned to an application as well; that is no permission.
        if matches!(text(object, "principalType"), Some("User" | "Group")) {
            return;
        }
        let (Some(principal), Some(resource), Some(role)) = (
            id(object, "principalId"),
            id(object, "resourceId"),
            id(object, "appRoleId"),
        ) else {
            return;
        };
        self.app_roles.insert(AppRole {
            principal,
            resource,
            resource_name: text(object, "resourceDisplayName").map(str::to_owned),
            role,
        });
    }

    fn delegated_grant(&mut self, object: &Object) {
        if let (Some(client), Some(resource), Some(scope)) = (
            id(object, "clientId"),
            id(object, "resourceId"),
            text(object, "scope"),
        ) {
            self.delegated.insert(Delegated {
                client,
                resource,
                scope: scope.to_owned(),
            });
        }
    }

    fn role_assignment(&mut self, object: &Object) {
        let (Some(principal), Some(role)) =
            (id(object, "principalId"), id(object, "roleDefinitionId"))
        else {
            return;
        };
        if let Some(person) = object.get("principal").and_then(Value::as_object)
            && let Some(party) = people::party(&principal, person)
        {
            self.person(principal.clone(), party);
        }
        if let Some(definition) = object.get("roleDefinition").and_then(Value::as_object) {
            let name = text(definition, "displayName").unwrap_or("");
            self.define(role.clone(), Definition::read(name, definition));
        }
        let scope = text(object, "directoryScopeId")
            .or_else(|| text(object, "appScopeId"))
            .unwrap_or("/");
        self.role_assignments.insert(RoleAssignment {
            principal,
            role,
            scope: scope.to_owned(),
        });
    }

    /// A role in the older form, whose members hold it.
    fn directory_role(&mut self, id: &str, object: &Object) {
        let template = shape::id(object, "roleTemplateId").unwrap_or_else(|| id.to_owned());
        let definition = Definition::read(text(object, "displayName").unwrap_or(""), object);
        self.define(template.clone(), definition);
        // The members come as the members of a group do, under the id of the role.
        self.role_assignments.insert(RoleAssignment {
            principal: id.to_owned(),
            role: template,
            scope: "/".to_owned(),
        });
    }

    fn federated(&mut self, parent: &str, object: &Object) {
        if let Some(federated) = Federated::read(object) {
            self.federated
                .entry(parent.to_owned())
                .or_default()
                .insert(federated);
        }
    }

    fn sign_in(&mut self, object: &Object) {
        let Some(app) = id(object, "appId") else {
            return;
        };
        let last = |name: &str| {
            let activity = object.get(name).and_then(Value::as_object)?;
            let times = [
                "lastSignInDateTime",
                "lastNonInteractiveSignInDateTime",
                "lastSuccessfulSignInDateTime",
            ];
            times
                .iter()
                .filter_map(|name| time(activity.get(*name)))
                .max()
        };
        // That others called it does not say that it was in use itself.
        let clients = [
            "applicationAuthenticationClientSignInActivity",
            "delegatedClientSignInActivity",
        ];
        let is_broken_down = clients.iter().any(|name| object.contains_key(*name));
        let used = if is_broken_down {
            clients.iter().filter_map(|name| last(name)).max()
        } else {
            last("lastSignInActivity")
        };
        if let Some(used) = used {
            later(&mut self.sign_ins, app, used);
        }
    }
}

fn has_relations(object: &Object) -> bool {
    [
        "owners",
        "sponsors",
        "federatedIdentityCredentials",
        "appRoleAssignments",
        "appRoleAssignedTo",
        "oauth2PermissionGrants",
        "members",
        "memberOf",
    ]
    .iter()
    .any(|name| object.contains_key(*name))
}

fn later(known: &mut BTreeMap<String, i64>, key: String, time: i64) {
    let last = known.entry(key).or_insert(time);
    *last = time.max(*last);
}

/// What is the same for all that is found in one item.
struct Visit<'a> {
    hint: &'a Hint,
    source: &'a Source,
    harvest: &'a mut Harvest,
    place: &'a str,
}

impl Visit<'_> {
    fn warn(&mut self, what: &str) {
        self.harvest
            .warn(self.source, format!("{}: {what}", self.place));
    }
}
