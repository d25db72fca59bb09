//! Service principals, managed identities, agent identities and applications: what an object says about
//! itself.

use std::collections::BTreeMap;

use enrich_core::KeyType;
use enrich_core::vocabulary::{Kind, LifecycleState, Provider};
use serde_json::Value;

use super::shape::{Object, Shape, id, text};
use super::{credentials, time};
use crate::model::{Agent, Time};
use crate::record::{Harvest, Record, Source, TagMap};

/// Tenants in which Microsoft registers the applications of its own services.
const MICROSOFT: &[&str] = &[
    "f8cdef31-a31e-4b4a-93e4-5f571e91255a",
    "72f988bf-86f1-41af-91ab-2d7cd011db47",
    "33e01921-4d64-4f8c-a055-5bdaffd5e33d",
    "cdc5aeea-15c5-4db6-b079-fcadd2505dc2",
];

/// A service principal or an agent's user. Which tenant it is in is known once all files are read.
#[derive(Debug)]
pub(super) struct Principal {
    pub(super) record: Record,
    pub(super) app_id: Option<String>,
    says_state: bool,
    fullness: (u8, usize),
    /// The tenant that registers its application.
    pub(super) home: Option<String>,
    publisher: Option<String>,
    /// Application id of the blueprint, or object id of the agent whose user it is.
    pub(super) parent: Option<String>,
}

/// An application registration.
#[derive(Debug)]
pub(super) struct Application {
    pub(super) record: Record,
    pub(super) app_id: Option<String>,
    says_state: bool,
    fullness: (u8, usize),
}

/// What can be described twice: the fuller description holds and the other completes it.
pub(super) trait Described: Sized + std::fmt::Debug {
    fn record(&mut self) -> &mut Record;
    /// How much the description says: the type (2: one that only some answers tell), and how many
    /// members it has.
    fn fullness(&self) -> (u8, usize);
    /// Whether the description says if the object is switched on.
    fn says_state(&self) -> bool;
    /// Takes over what the record does not hold.
    fn absorb(&mut self, other: &mut Self);
}

impl Described for Principal {
    fn record(&mut self) -> &mut Record {
        &mut self.record
    }

    fn fullness(&self) -> (u8, usize) {
        self.fullness
    }

    fn says_state(&self) -> bool {
        self.says_state
    }

    fn absorb(&mut self, other: &mut Self) {
        self.app_id = self.app_id.take().or_else(|| other.app_id.take());
        self.home = self.home.take().or_else(|| other.home.take());
        self.publisher = self.publisher.take().or_else(|| other.publisher.take());
        self.parent = self.parent.take().or_else(|| other.parent.take());
    }
}

impl Described for Application {
    fn record(&mut self) -> &mut Record {
        &mut self.record
    }

    fn fullness(&self) -> (u8, usize) {
        self.fullness
    }

    fn says_state(&self) -> bool {
        self.says_state
    }

    fn absorb(&mut self, other: &mut Self) {
        self.app_id = self.app_id.take().or_else(|| other.app_id.take());
    }
}

/// Keeps what is read; what describes an object again goes to `more`.
pub(super) fn keep<T: Described>(
    known: &mut BTreeMap<String, T>,
    more: &mut BTreeMap<String, Vec<T>>,
    id: &str,
    read: T,
) {
    if known.contains_key(id) {
        more.entry(id.to_owned()).or_default().push(read);
    } else {
        known.insert(id.to_owned(), read);
    }
}

/// Makes one of all descriptions of an object. Returns how many objects are described in different ways, as
/// when exports of several days are among the files.
pub(super) fn settle<T: Described>(
    known: &mut BTreeMap<String, T>,
    more: BTreeMap<String, Vec<T>>,
) -> usize {
    let mut different = 0;
    for (id, mut all) in more {
        all.extend(known.remove(&id));
        // Of equally full ones the greater text, so that the order of the files decides nothing.
        all.sort_by_cached_key(|described| (described.fullness(), format!("{described:?}")));
        let Some(mut first) = all.pop() else {
            continue;
        };
        let mut differs = false;
        while let Some(next) = all.pop() {
            differs |= unite(&mut first, next);
        }
        different += usize::from(differs);
        known.insert(id, first);
    }
    different
}

/// Adds what another description says; whether the two differ.
fn unite<T: Described>(first: &mut T, mut read: T) -> bool {
    let both_say = first.says_state() && read.says_state();
    first.absorb(&mut read);
    let (first, second) = (first.record(), std::mem::replace(read.record(), empty()));
    let (known, other) = (&mut first.facts, &second.facts);
    let differs = |a: &Option<String>, b: &Option<String>| a.is_some() && b.is_some() && a != b;
    let differs = differs(&known.name, &other.name)
        || (both_say && known.lifecycle_state != other.lifecycle_state);
    // Whatever comes first: the order of the files decides nothing.
    if other.name.is_some() {
        let least = known.name.take().min(other.name.clone());
        known.name = least.or_else(|| other.name.clone());
    }
    known.lifecycle_state = known.lifecycle_state.max(other.lifecycle_state);
    complete(first, second);
    differs
}

fn empty() -> Record {
    let nobody = Source {
        name: String::new(),
        rank: 0,
        observed_ms: 0,
        domain: None,
    };
    Record::new(&nobody, None)
}

/// Adds what one record says and the other does not.
pub(super) fn complete(known: &mut Record, other: Record) {
    for alias in other.aliases {
        if !known.aliases.contains(&alias) {
            known.aliases.push(alias);
        }
    }
    let (facts, more) = (&mut known.facts, other.facts);
    facts.name = facts.name.take().or(more.name);
    facts.purpose = facts.purpose.take().or(more.purpose);
    facts.service = facts.service.take().or(more.service);
    facts.vendor = facts.vendor.take().or(more.vendor);
    facts.created_by = facts.created_by.take().or(more.created_by);
    facts.namespace = facts.namespace.take().or(more.namespace);
    facts.agent = facts.agent.take().or(more.agent);
    facts.lifecycle_state = facts.lifecycle_state.take().or(more.lifecycle_state);
    if facts.created == Time::Unknown {
        facts.created = more.created;
    }
    for credential in more.credentials {
        if !facts
            .credentials
            .iter()
            .any(|known| known.uid == credential.uid)
        {
            facts.credentials.push(credential);
        }
    }
    for (key, value) in more.tags {
        facts.tags.entry(key).or_insert(value);
    }
    for (list, more) in [
        (&mut facts.assumable_by, more.assumable_by),
        (&mut facts.workloads, more.workloads),
        (&mut facts.unconditioned_trust, more.unconditioned_trust),
    ] {
        list.extend(more);
        list.sort();
        list.dedup();
    }
}

pub(super) fn principal(
    object_id: &str,
    shape: Shape,
    object: &Object,
    source: &Source,
    harvest: &mut Harvest,
) -> Principal {
    let mut record = frame(object_id, object, source, harvest);
    let app_id = id(object, "appId");
    let home = id(object, "appOwnerOrganizationId");
    let is_microsoft = home
        .as_deref()
        .is_some_and(|home| MICROSOFT.contains(&home));
    let (kind, sub_type) = match (shape, text(object, "servicePrincipalType")) {
        (Shape::Agent, _) | (_, Some("ServiceIdentity")) => (Kind::AiAgent, "entra_agent_identity"),
        (Shape::BlueprintPrincipal, _) => {
            (Kind::AiAgent, "entra_agent_identity_blueprint_principal")
        }
        (_, Some("ManagedIdentity")) => managed(object, &mut record),
        (_, Some("Legacy")) => (Kind::ServicePrincipal, "entra_legacy_service_principal"),
        (_, Some("SocialIdp")) => (Kind::ServicePrincipal, "entra_social_identity_provider"),
        _ if is_microsoft => (Kind::ServicePrincipal, "entra_microsoft_service_principal"),
        _ => (Kind::ServicePrincipal, "entra_service_principal"),
    };
    let facts = &mut record.facts;
    facts.native_kind = Some(kind);
    facts.sub_type = Some(sub_type.to_owned());
    let parent = id(object, "agentIdentityBlueprintId");
    if sub_type == "entra_agent_identity" {
        facts.agent = Some(Agent::default());
    }
    let verified = object
        .get("verifiedPublisher")
        .and_then(Value::as_object)
        .and_then(|publisher| text(publisher, "displayName"));
    let publisher = verified
        .or_else(|| text(object, "publisherName"))
        .or_else(|| is_microsoft.then_some("Microsoft"));
    Principal {
        record,
        app_id,
        says_state: object.contains_key("accountEnabled"),
        fullness: (
            match shape {
                Shape::Principal => u8::from(object.contains_key("servicePrincipalType")),
                _ => 2,
            },
            object.len(),
        ),
        home,
        publisher: publisher.map(str::to_owned),
        parent,
    }
}

impl Principal {
    /// Who registered its application, when that is somebody else.
    pub(super) fn vendor(&self, tenant: &str) -> Option<String> {
        let home = self.home.as_ref().filter(|home| *home != tenant)?;
        let name = self.publisher.clone();
        Some(name.unwrap_or_else(|| format!("tenant {home}")))
    }
}

/// A managed identity says which Azure resource it belongs to, and whether it is that resource.
fn managed(object: &Object, record: &mut Record) -> (Kind, &'static str) {
    let names = object.get("alternativeNames").and_then(Value::as_array);
    let names: Vec<&str> = names
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let resource = names
        .iter()
        .find(|name| name.to_ascii_lowercase().starts_with("/subscriptions/"));
    let says = |word: &str| names.iter().any(|name| name.eq_ignore_ascii_case(word));
    let facts = &mut record.facts;
    if let Some(resource) = resource {
        place(resource, facts);
    }
    if says("isExplicit=True") {
        return (
            Kind::ManagedIdentity,
            "entra_managed_identity_user_assigned",
        );
    }
    if says("isExplicit=False") {
        // The identity is the resource's own: nothing else can use it.
        facts
            .workloads
            .extend(resource.map(|resource| workload(resource)));
        return (
            Kind::ManagedIdentity,
            "entra_managed_identity_system_assigned",
        );
    }
    (Kind::ManagedIdentity, "entra_managed_identity")
}

/// An Azure resource as a workload; Azure does not tell upper from lower case in ids.
pub(super) fn workload(resource: &str) -> String {
    format!("azure:{}", resource.to_ascii_lowercase())
}

/// Where a resource is: its id as a tag, its subscription as the part of the tenant.
pub(super) fn place(resource: &str, facts: &mut crate::record::Facts) {
    let resource = resource.to_ascii_lowercase();
    facts.namespace = resource
        .strip_prefix("/subscriptions/")
        .and_then(|rest| rest.split('/').next())
        .map(str::to_owned);
    facts.tags.insert("azure/resource-id".to_owned(), resource);
}

/// The user account that an agent acts with where a service lets in users alone.
pub(super) fn agent_user(
    object_id: &str,
    object: &Object,
    source: &Source,
    harvest: &mut Harvest,
) -> Principal {
    let mut record = frame(object_id, object, source, harvest);
    if let Some(upn) = text(object, "userPrincipalName") {
        let created = match record.facts.created {
            Time::At(created) => Some(created),
            _ => None,
        };
        key(
            &mut record,
            KeyType::EntraUpn,
            upn,
            created,
            source,
            harvest,
        );
    }
    let facts = &mut record.facts;
    facts.native_kind = Some(Kind::AiAgent);
    facts.sub_type = Some("entra_agent_user".to_owned());
    facts.agent = Some(Agent::default());
    Principal {
        record,
        app_id: None,
        says_state: object.contains_key("accountEnabled"),
        fullness: (2, object.len()),
        home: None,
        publisher: None,
        parent: id(object, "identityParentId"),
    }
}

pub(super) fn application(
    object_id: &str,
    shape: Shape,
    object: &Object,
    source: &Source,
    harvest: &mut Harvest,
) -> Application {
    let mut record = frame(object_id, object, source, harvest);
    let (kind, sub_type) = match shape {
        Shape::Blueprint => (Kind::AiAgent, "entra_agent_identity_blueprint"),
        _ => (Kind::ServicePrincipal, "entra_application"),
    };
    record.facts.native_kind = Some(kind);
    record.facts.sub_type = Some(sub_type.to_owned());
    Application {
        record,
        app_id: id(object, "appId"),
        says_state: object.contains_key("isDisabled"),
        fullness: (u8::from(shape == Shape::Blueprint), object.len()),
    }
}

/// What all of them share.
fn frame(object_id: &str, object: &Object, source: &Source, harvest: &mut Harvest) -> Record {
    let mut record = Record::new(source, None);
    key(
        &mut record,
        KeyType::EntraObjectId,
        object_id,
        None,
        source,
        harvest,
    );
    if let Some(app) = text(object, "appId") {
        key(&mut record, KeyType::EntraAppId, app, None, source, harvest);
    }
    credentials::add(object, &mut record, source, harvest);
    let facts = &mut record.facts;
    facts.name = text(object, "displayName")
        .or_else(|| text(object, "appDisplayName"))
        .map(str::to_owned);
    facts.provider = Some(Provider::Entra);
    facts.created = time(object.get("createdDateTime")).map_or(Time::Unknown, Time::At);
    facts.created_by = id(object, "createdByAppId").map(|app| format!("entra_app_id:{app}"));
    facts.purpose = ["description", "appDescription", "notes"]
        .iter()
        .find_map(|name| text(object, name))
        .map(str::to_owned);
    facts.service = text(object, "serviceManagementReference").map(str::to_owned);
    facts.lifecycle_state = state(object);
    tags(object, &mut facts.tags);
    record
}

fn key(
    record: &mut Record,
    key_type: KeyType,
    value: &str,
    since: Option<i64>,
    source: &Source,
    harvest: &mut Harvest,
) {
    if let Err(refusal) = record.add_key(key_type, "", value, since) {
        harvest.warn(
            source,
            format!("{}: {refusal}", crate::text::printable(value, 80)),
        );
    }
}

/// Switched off or deleted; that it is on says nothing about whether it is used.
fn state(object: &Object) -> Option<LifecycleState> {
    if time(object.get("deletedDateTime")).is_some() {
        return Some(LifecycleState::Deprovisioned);
    }
    let is = |name: &str| object.get(name).and_then(Value::as_bool);
    let by_microsoft = text(object, "disabledByMicrosoftStatus")
        .is_some_and(|status| !matches!(status, "NotDisabled" | "null"));
    (is("accountEnabled") == Some(false) || is("isDisabled") == Some(true) || by_microsoft)
        .then_some(LifecycleState::Disabled)
}

/// Tags are words here; `team:payments` and `team=payments` are read as key and value. Custom security
/// attributes become `SET/ATTRIBUTE`.
fn tags(object: &Object, out: &mut TagMap) {
    match object.get("tags") {
        Some(Value::Array(words)) => {
            for word in words.iter().filter_map(Value::as_str) {
                let (key, value) = word.split_once([':', '=']).unwrap_or((word, ""));
                out.insert(key.trim().to_owned(), value.trim().to_owned());
            }
        }
        Some(Value::Object(map)) => out.extend(
            map.iter()
                .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))),
        ),
        _ => {}
    }
    let sets = object
        .get("customSecurityAttributes")
        .and_then(Value::as_object);
    for (set, attributes) in sets.into_iter().flatten() {
        let named = attributes.as_object().into_iter().flatten();
        for (name, value) in named.filter(|(name, _)| !name.contains('@')) {
            let value = match value {
                Value::String(text) => text.clone(),
                Value::Array(items) => items
                    .iter()
                    .filter_map(Value::as_str)
                    .collect::<Vec<_>>()
                    .join(","),
                Value::Bool(_) | Value::Number(_) => value.to_string(),
                _ => continue,
            };
            out.insert(format!("{set}/{name}"), value);
        }
    }
}
