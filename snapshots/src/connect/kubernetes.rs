//! `kubectl get … -o json|yaml`: service accounts, what RBAC grants them, and the workloads that run
//! as them. Any mix of objects, lists, concatenated documents and files.
//!
//! Of Secrets only the metadata of service account tokens is read; their data is never looked at.

mod object;
pub(super) mod tokens;

use std::collections::{BTreeMap, BTreeSet};

use enrich_core::KeyType;
use enrich_core::vocabulary::{CredentialStatus, Kind, Provider};
use serde_json::Value;

use self::object::{Metadata, Object, RoleRef, Subject, workload};
use super::aws::uid_of;
use super::kubernetes_rules::{Rule, built_in, grant, unknown};
use super::stream::each_document;
use super::{ConnectError, Connector, Input};
use crate::model::{Credential, EntityRef, Scope, Time};
use crate::record::{Grant, Harvest, Record, Source};
use crate::text::{parse_time, printable};

/// The provider's word for a service account.
const SERVICE_ACCOUNT: &str = "k8s_service_account";

/// The namespace that every cluster has from its creation on.
const SYSTEM: &str = "kube-system";

/// The kinds that are read.
const KINDS: &[&str] = &[
    "ServiceAccount",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "Pod",
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "Job",
    "CronJob",
    "Namespace",
    "Secret",
];

/// One service account or user, and what was found about it.
#[derive(Debug, Default)]
struct Account {
    listed: Option<Metadata>,
    grants: BTreeSet<Grant>,
    workloads: BTreeSet<String>,
    tokens: Vec<Credential>,
    /// What its pods show that is shaped as a secret.
    exposed: BTreeSet<String>,
}

/// A binding, without the rest of its object.
#[derive(Debug)]
struct Binding {
    cluster_wide: bool,
    namespace: String,
    role: RoleRef,
    subjects: Vec<Subject>,
}

/// All objects of one cluster.
#[derive(Debug, Default)]
struct Cluster {
    accounts: BTreeMap<(String, String), Account>,
    lists_accounts: bool,
    users: BTreeMap<String, BTreeSet<Grant>>,
    roles: BTreeMap<(Option<String>, String), Vec<Rule>>,
    bindings: Vec<Binding>,
    /// Workloads by the namespace and name of the account that they run as.
    runs: BTreeMap<(String, String), BTreeSet<String>>,
    /// By account: what its pods show that is shaped as a secret.
    exposed: BTreeMap<(String, String), BTreeSet<String>>,
    namespaces: BTreeMap<String, BTreeMap<String, String>>,
    tokens: Vec<Metadata>,
    /// By the uid of the namespace kube-system, which tells clusters apart: the file that shows it.
    systems: BTreeMap<String, String>,
    /// Accounts that the export lists with several uids.
    recreated: BTreeSet<(String, String)>,
    /// Accounts that something names and the export does not list.
    unlisted: BTreeSet<(String, String)>,
    /// Roles that a binding names and the export does not hold.
    unknown_roles: BTreeSet<(Option<String>, String)>,
    known: usize,
    seen: usize,
}

pub(super) fn connect(
    source: &Source,
    inputs: &[Input],
    harvest: &mut Harvest,
) -> Result<(), ConnectError> {
    let Some(name) = source.domain.clone() else {
        return Err(ConnectError::Domain {
            source_name: source.name.clone(),
            connector: Connector::Kubernetes.as_str(),
            what: "cluster",
        });
    };
    let mut cluster = Cluster::default();
    for input in inputs {
        let before = cluster.seen;
        // Items of a typed list do not repeat its kind, which may stand behind them.
        let mut waiting: Vec<(Value, String)> = Vec::new();
        each_document(input, Connector::Kubernetes, &["items"], &mut |item| {
            let place = item.place.to_string();
            // What the API server says of itself at /.well-known/openid-configuration.
            if let (Some(Value::String(issuer)), Some(_)) =
                (item.value.get("issuer"), item.value.get("jwks_uri"))
            {
                cluster.seen += 1;
                cluster.known += 1;
                harvest.token_issuers.insert(name.clone(), issuer.clone());
            } else if item.is_wrapper {
                let of = cluster.add_list(&item.value);
                for (value, place) in waiting.drain(..) {
                    cluster.add(value, of, &place, source, harvest);
                }
            } else if item.list.is_empty() || item.value.get("kind").is_some() {
                cluster.add(item.value, None, &place, source, harvest);
            } else if let Some(Value::String(list)) = item.beside.get("kind") {
                cluster.add(
                    item.value,
                    list.strip_suffix("List"),
                    &place,
                    source,
                    harvest,
                );
            } else {
                waiting.push((item.value, place));
            }
            Ok(())
        })?;
        if cluster.seen == before {
            return Err(ConnectError::nothing(
                input,
                Connector::Kubernetes,
                "object with apiVersion and kind",
            ));
        }
        cluster.note_system(input);
    }
    cluster.is_one(source)?;
    cluster.bind();
    cluster.run(&name);
    cluster.hold_tokens(&name);
    cluster.harvest(&name, source, harvest);
    cluster.warn(source, harvest);
    if cluster.known == 0 {
        harvest.warn(
            source,
            "the export holds no ServiceAccount, role, binding, workload or namespace",
        );
    }
    Ok(())
}

impl Cluster {
    /// Takes note of a list, whose items are added by themselves; gives the kind of them.
    fn add_list<'v>(&mut self, list: &'v Value) -> Option<&'v str> {
        let kind = list.get("kind").and_then(Value::as_str)?;
        self.seen += 1;
        self.lists_accounts |= kind == "ServiceAccountList";
        kind.strip_suffix("List").filter(|of| !of.is_empty())
    }

    fn add(
        &mut self,
        value: Value,
        list_kind: Option<&str>,
        place: &str,
        source: &Source,
        harvest: &mut Harvest,
    ) {
        let own = value.get("kind").and_then(Value::as_str);
        let Some(kind) = own.or(list_kind).map(str::to_owned) else {
            return;
        };
        self.seen += 1;
        // Other kinds may hold anything where these have a field of the same name.
        if !KINDS.contains(&kind.as_str()) {
            return;
        }
        let object: Object = match serde_json::from_value(value) {
            Ok(object) => object,
            Err(error) => {
                // The reason may quote a value of any length.
                let error = printable(&error.to_string(), 100);
                let what = format!("{place}: a {kind} is left out: {error}");
                harvest.warn(source, what);
                return;
            }
        };
        self.known += 1;
        match kind.as_str() {
            "ServiceAccount" => {
                self.lists_accounts = true;
                let key = (object.namespace(), object.name());
                self.list(key, object.metadata.unwrap_or_default());
            }
            // Of two definitions nothing says which one holds, so the rules of both are taken.
            "Role" => {
                let key = (Some(object.namespace()), object.name());
                let rules = object.rules.unwrap_or_default();
                self.roles.entry(key).or_default().extend(rules);
            }
            "ClusterRole" => {
                let key = (None, object.name());
                let rules = object.rules.unwrap_or_default();
                self.roles.entry(key).or_default().extend(rules);
            }
            "RoleBinding" | "ClusterRoleBinding" => self.bindings.push(Binding {
                cluster_wide: kind == "ClusterRoleBinding",
                namespace: object.namespace(),
                role: object.role_ref.unwrap_or_default(),
                subjects: object.subjects.unwrap_or_default(),
            }),
            "Namespace" => {
                let tags = object.meta().tags();
                if object.name() == SYSTEM
                    && let Some(uid) = object.meta().uid.clone().filter(|uid| !uid.is_empty())
                {
                    self.systems.entry(uid).or_default();
                }
                // Of two, the same one whatever the order of the files.
                let known = self.namespaces.entry(object.name()).or_default();
                if tags > *known {
                    *known = tags;
                }
            }
            "Secret" => {
                if object.secret_type.as_deref() == Some("kubernetes.io/service-account-token") {
                    self.tokens.push(object.metadata.unwrap_or_default());
                }
            }
            _ => {
                if let Some(spec) = &object.spec
                    && let Some(name) = spec.account()
                {
                    let key = (object.namespace(), name.to_owned());
                    let exposed = spec.exposed();
                    if !exposed.is_empty() {
                        let of = workload(&object);
                        let exposed = exposed.into_iter().map(|place| format!("{of}: {place}"));
                        self.exposed.entry(key.clone()).or_default().extend(exposed);
                    }
                    self.runs.entry(key).or_default().insert(workload(&object));
                }
            }
        }
    }

    /// Notes which file showed a cluster.
    fn note_system(&mut self, input: &Input) {
        for file in self.systems.values_mut().filter(|file| file.is_empty()) {
            *file = input.path().display().to_string();
        }
    }

    /// Accounts of the same name in two clusters are not one another.
    fn is_one(&self, source: &Source) -> Result<(), ConnectError> {
        let told = |(uid, file): (&String, &String)| {
            let uid = printable(uid, 80);
            format!("of {file} (namespace {SYSTEM} has uid {uid})")
        };
        let mut systems = self.systems.iter();
        match (systems.next(), systems.next()) {
            (Some(first), Some(second)) => Err(ConnectError::MixedDomains {
                source_name: source.name.clone(),
                what: "cluster",
                expected: format!("that {}", told(first)),
                found: told(second),
            }),
            _ => Ok(()),
        }
    }

    /// An account that was created again may stand in an older file as well: the younger one holds,
    /// whatever the order of the files.
    fn list(&mut self, key: (String, String), metadata: Metadata) {
        let listed = &mut self.accounts.entry(key.clone()).or_default().listed;
        let Some(known) = listed else {
            *listed = Some(metadata);
            return;
        };
        if known.uid.is_some() && metadata.uid.is_some() && known.uid != metadata.uid {
            self.recreated.insert(key);
        }
        if metadata.age() > known.age() {
            *known = metadata;
        }
    }

    fn account(&mut self, namespace: &str, name: &str) -> Option<&mut Account> {
        let key = (namespace.to_owned(), name.to_owned());
        // Where the export lists the accounts, a reference to another one leads nowhere.
        if self.lists_accounts && !self.accounts.contains_key(&key) {
            self.unlisted.insert(key);
            return None;
        }
        Some(self.accounts.entry(key).or_default())
    }

    fn bind(&mut self) {
        for binding in std::mem::take(&mut self.bindings) {
            let Binding {
                cluster_wide,
                namespace,
                role,
                subjects,
            } = binding;
            let own = self
                .roles
                .get(&(Some(namespace.clone()), role.name.clone()));
            let shared = self.roles.get(&(None, role.name.clone()));
            let rules = if role.kind == "ClusterRole" {
                shared
            } else if cluster_wide {
                own.or(shared)
            } else {
                own
            };
            let granted = match rules {
                Some(rules) => grant(&role.name, rules, cluster_wide),
                // A Role of a namespace may have the name of a built-in one and other rules.
                None => Some(&role)
                    .filter(|role| role.kind != "Role")
                    .and_then(|role| built_in(&role.name, cluster_wide))
                    .unwrap_or_else(|| {
                        let of = (role.kind == "Role").then(|| namespace.clone());
                        self.unknown_roles.insert((of, role.name.clone()));
                        unknown(&role.name)
                    }),
            };
            for subject in &subjects {
                self.grant(subject, &namespace, &granted);
            }
        }
    }

    fn grant(&mut self, subject: &Subject, namespace: &str, granted: &Grant) {
        match subject.kind.as_str() {
            "ServiceAccount" => {
                let namespace = subject
                    .namespace
                    .as_deref()
                    .filter(|text| !text.is_empty())
                    .unwrap_or(namespace);
                if let Some(account) = self.account(namespace, &subject.name) {
                    account.grants.insert(granted.clone());
                }
            }
            "User" => match subject
                .name
                .strip_prefix("system:serviceaccount:")
                .and_then(|rest| rest.split_once(':'))
            {
                Some((namespace, name)) => {
                    if let Some(account) = self.account(namespace, name) {
                        account.grants.insert(granted.clone());
                    }
                }
                None => {
                    self.users
                        .entry(subject.name.clone())
                        .or_default()
                        .insert(granted.clone());
                }
            },
            "Group" => {
                let of = match subject.name.as_str() {
                    "system:serviceaccounts" | "system:authenticated" => None,
                    name => match name.strip_prefix("system:serviceaccounts:") {
                        Some(namespace) => Some(namespace),
                        // Who is in another group is known to the authenticator alone.
                        None => return,
                    },
                };
                let members = self
                    .accounts
                    .iter_mut()
                    .filter(|((namespace, _), _)| of.is_none_or(|of| of == namespace));
                for (_, account) in members {
                    account.grants.insert(granted.clone());
                }
            }
            _ => {}
        }
    }

    /// Notes which workloads run as which account.
    fn run(&mut self, cluster: &str) {
        for ((namespace, name), workloads) in std::mem::take(&mut self.runs) {
            let Some(account) = self.account(&namespace, &name) else {
                continue;
            };
            let named = workloads
                .iter()
                .map(|workload| format!("k8s:{cluster}/{namespace}/{workload}"));
            account.workloads.extend(named);
        }
        for ((namespace, name), places) in std::mem::take(&mut self.exposed) {
            if let Some(account) = self.account(&namespace, &name) {
                account.exposed.extend(places);
            }
        }
    }

    /// What the export leaves open.
    fn warn(&self, source: &Source, harvest: &mut Harvest) {
        let account = |(namespace, name): &(String, String)| format!("{namespace}/{name}");
        if !self.recreated.is_empty() {
            let names = few(self.recreated.iter().map(account));
            let count = self.recreated.len();
            harvest.warn(
                source,
                format!(
                    "{count} service accounts stand in the export with several uids ({names}); the one created last is kept; give each cluster a source of its own, and leave out older exports"
                ),
            );
        }
        if !self.unlisted.is_empty() {
            let names = few(self.unlisted.iter().map(account));
            let count = self.unlisted.len();
            harvest.warn(
                source,
                format!(
                    "{count} service accounts that bindings, workloads or tokens name are not in the export ({names}) and left out; if they exist, export serviceaccounts of all namespaces"
                ),
            );
        }
        if !self.unknown_roles.is_empty() {
            let names = few(self.unknown_roles.iter().map(|(namespace, name)| {
                let place = namespace.iter().map(|namespace| format!("{namespace}/"));
                place.chain([name.clone()]).collect::<String>()
            }));
            let count = self.unknown_roles.len();
            harvest.warn(
                source,
                format!(
                    "{count} roles that bindings name are not in the export ({names}) and count as write, tier 1; export roles and clusterroles of all namespaces"
                ),
            );
        }
    }

    fn harvest(&self, cluster: &str, source: &Source, harvest: &mut Harvest) {
        let scope = |part: &str, tags: Option<&BTreeMap<String, String>>| Scope {
            provider: Provider::K8s,
            domain: cluster.to_owned(),
            part: part.to_owned(),
            name: None,
            owner: tags
                .and_then(|tags| ["owner", "team"].iter().find_map(|key| tags.get(*key)))
                .map(|owner| EntityRef {
                    reference: crate::policy::owner_reference(owner),
                    name: None,
                    contact: None,
                }),
            escalation_policy: None,
            covered: true,
            environment: Vec::new(),
        };
        harvest.scopes.push(scope("", None));
        let used = self.accounts.keys().map(|(namespace, _)| namespace);
        let namespaces: BTreeSet<&String> = self.namespaces.keys().chain(used).collect();
        for namespace in namespaces {
            harvest
                .scopes
                .push(scope(namespace, self.namespaces.get(namespace)));
        }
        for ((namespace, name), account) in &self.accounts {
            let record = self.record(cluster, namespace, name, account, source, harvest);
            harvest.add(record);
        }
        for (user, grants) in &self.users {
            // No namespace holds a colon, so no service account has this uid.
            let mut record = Record::new(source, Some(format!("k8s:{cluster}:user:{user}")));
            if let Err(refusal) = record.add_key(KeyType::K8sUser, cluster, user, None) {
                harvest.warn(source, format!("user {}: {refusal}", printable(user, 80)));
                continue;
            }
            let facts = &mut record.facts;
            facts.name = Some(user.clone());
            facts.native_kind = Some(if user.contains('@') {
                Kind::Human
            } else {
                Kind::Unknown
            });
            facts.sub_type = Some("k8s_user".to_owned());
            facts.provider = Some(Provider::K8s);
            facts.domain = Some(cluster.to_owned());
            facts.grants = grants.iter().cloned().collect();
            harvest.add(record);
        }
    }

    fn record(
        &self,
        cluster: &str,
        namespace: &str,
        name: &str,
        account: &Account,
        source: &Source,
        harvest: &mut Harvest,
    ) -> Record {
        let mut record = Record::new(source, Some(format!("k8s:{cluster}:{namespace}/{name}")));
        let meta = account.listed.as_ref();
        let created = meta
            .and_then(|meta| meta.creation_timestamp.as_deref())
            .and_then(parse_time);
        let mut refused = record
            .add_key(
                KeyType::K8sUser,
                cluster,
                &format!("system:serviceaccount:{namespace}:{name}"),
                created,
            )
            .err();
        if let Some(uid) = meta.and_then(|meta| meta.uid.as_deref()) {
            let other = record.add_key(KeyType::K8sUid, cluster, uid, None).err();
            refused = refused.or(other);
        }
        if let Some(refusal) = refused {
            let account = printable(&format!("{namespace}/{name}"), 80);
            harvest.warn(source, format!("{account}: {refusal}"));
        }
        let facts = &mut record.facts;
        facts.name = Some(name.to_owned());
        facts.native_kind = Some(Kind::ServiceAccount);
        facts.sub_type = Some(SERVICE_ACCOUNT.to_owned());
        facts.provider = Some(Provider::K8s);
        facts.domain = Some(cluster.to_owned());
        facts.namespace = Some(namespace.to_owned());
        facts.created = created.map_or(Time::Unknown, Time::At);
        facts.last_seen = Time::NotTracked;
        facts.grants = account.grants.iter().cloned().collect();
        facts.workloads = account.workloads.iter().cloned().collect();
        facts.credentials = account.tokens.clone();
        facts.exposed = account.exposed.iter().cloned().collect();
        let of_namespace = self.namespaces.get(namespace).into_iter().flatten();
        facts.tags = of_namespace
            .map(|(key, value)| (format!("namespace/{key}"), value.clone()))
            .collect();
        facts
            .tags
            .extend(meta.map(Metadata::tags).unwrap_or_default());
        // Annotations through which a cloud lets the account become one of its own identities.
        let annotation = |key: &str| facts.tags.get(key).filter(|value| !value.is_empty());
        let mut can_assume: Vec<String> = Vec::new();
        can_assume.extend(
            annotation("eks.amazonaws.com/role-arn")
                .map(|arn| uid_of(arn).unwrap_or_else(|| arn.clone())),
        );
        can_assume.extend(
            annotation("iam.gke.io/gcp-service-account").map(|mail| format!("gcp_email:{mail}")),
        );
        can_assume.extend(
            annotation("azure.workload.identity/client-id").map(|id| format!("entra_app_id:{id}")),
        );
        facts.can_assume = can_assume;
        record
    }
}

/// The first few names, for a message.
fn few(names: impl ExactSizeIterator<Item = String>) -> String {
    const FEW: usize = 5;
    let more = if names.len() > FEW { ", …" } else { "" };
    let first: Vec<String> = names.take(FEW).map(|name| printable(&name, 80)).collect();
    first.join(", ") + more
}

#[cfg(test)]
mod tests;
