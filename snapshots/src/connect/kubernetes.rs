//! `kubectl get … -o json|yaml`: service accounts, what RBAC grants them, and the workloads that run
//! as them. Any mix of objects, lists, concatenated documents and files.
//!
//! Of Secrets only the metadata of service account tokens is read; their data is never looked at.

use std::collections::{BTreeMap, BTreeSet};

use enrich_core::KeyType;
use enrich_core::vocabulary::{CredentialStatus, Kind, Provider};
use serde::Deserialize;
use serde_json::Value;

use super::aws::uid_of;
use super::kubernetes_rules::{Rule, built_in, grant};
use super::stream::each_document;
use super::{ConnectError, Connector, Input};
use crate::model::{Credential, EntityRef, Scope, Time};
use crate::record::{Grant, Harvest, Record, Source};
use crate::text::parse_time;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Object {
    metadata: Option<Metadata>,
    rules: Option<Vec<Rule>>,
    role_ref: Option<RoleRef>,
    subjects: Option<Vec<Subject>>,
    spec: Option<Spec>,
    /// Type of a Secret.
    #[serde(rename = "type")]
    secret_type: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    creation_timestamp: Option<String>,
    labels: Option<BTreeMap<String, Option<String>>>,
    annotations: Option<BTreeMap<String, Option<String>>>,
    owner_references: Option<Vec<OwnerReference>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct OwnerReference {
    kind: String,
    name: String,
    controller: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RoleRef {
    kind: String,
    name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Subject {
    kind: String,
    name: String,
    namespace: Option<String>,
}

/// The parts of a pod spec, and of the specs that hold a pod template.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    service_account_name: Option<String>,
    service_account: Option<String>,
    template: Option<Box<Template>>,
    job_template: Option<Box<Template>>,
    containers: Option<Vec<Container>>,
    init_containers: Option<Vec<Container>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Container {
    name: String,
    env: Option<Vec<Variable>>,
}

/// An environment variable. Its value is looked at and not kept.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Variable {
    name: String,
    value: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Template {
    spec: Option<Spec>,
}

impl Spec {
    fn inner(&self) -> Option<&Self> {
        self.template
            .as_ref()
            .or(self.job_template.as_ref())
            .and_then(|template| template.spec.as_ref())
    }

    /// Environment variables that hold what is shaped as a secret: everybody who may read the pod reads
    /// them as well.
    fn exposed(&self) -> Vec<String> {
        if let Some(inner) = self.inner() {
            return inner.exposed();
        }
        let containers = self.containers.iter().chain(&self.init_containers);
        let mut out = Vec::new();
        for container in containers.flatten() {
            for variable in container.env.iter().flatten() {
                if let Some(shape) = variable.value.as_deref().and_then(crate::secrets::shape) {
                    out.push(format!(
                        "environment variable {} of container {} holds {shape}",
                        crate::text::printable(&variable.name, 80),
                        crate::text::printable(&container.name, 80)
                    ));
                }
            }
        }
        out
    }

    /// The service account of the pod, or of the innermost pod template.
    fn account(&self) -> Option<&str> {
        match self.inner() {
            Some(spec) => spec.account(),
            None => Some(
                self.service_account_name
                    .as_deref()
                    .or(self.service_account.as_deref())
                    .filter(|name| !name.is_empty())
                    .unwrap_or("default"),
            ),
        }
    }
}

/// The provider's word for a service account.
const SERVICE_ACCOUNT: &str = "k8s_service_account";

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
    }
    cluster.bind();
    cluster.run(&name);
    cluster.hold_tokens(&name);
    cluster.harvest(&name, source, harvest);
    if cluster.known == 0 {
        harvest.warn(
            source,
            "the export holds no ServiceAccount, role, binding, workload or namespace",
        );
    }
    Ok(())
}

impl Object {
    fn meta(&self) -> &Metadata {
        const EMPTY: &Metadata = &Metadata {
            name: None,
            namespace: None,
            uid: None,
            creation_timestamp: None,
            labels: None,
            annotations: None,
            owner_references: None,
        };
        self.metadata.as_ref().unwrap_or(EMPTY)
    }

    fn name(&self) -> String {
        self.meta().name()
    }

    fn namespace(&self) -> String {
        self.meta().namespace()
    }
}

impl Metadata {
    fn name(&self) -> String {
        self.name.clone().unwrap_or_default()
    }

    /// Objects without a namespace that need one live in `default`, as kubectl would put them.
    fn namespace(&self) -> String {
        self.namespace
            .clone()
            .filter(|text| !text.is_empty())
            .unwrap_or_else(|| "default".to_owned())
    }

    /// Labels and annotations, without the copy of the whole object that `kubectl apply` keeps.
    fn tags(&self) -> BTreeMap<String, String> {
        let both = self.labels.iter().chain(&self.annotations).flatten();
        let kept = both.filter(|(key, _)| !key.ends_with("last-applied-configuration"));
        kept.filter_map(|(key, value)| Some((key.clone(), value.clone()?)))
            .collect()
    }
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
                self.accounts.entry(key).or_default().listed = object.metadata;
            }
            "Role" => {
                let key = (Some(object.namespace()), object.name());
                self.roles.insert(key, object.rules.unwrap_or_default());
            }
            "ClusterRole" => {
                let key = (None, object.name());
                self.roles.insert(key, object.rules.unwrap_or_default());
            }
            "RoleBinding" | "ClusterRoleBinding" => self.bindings.push(Binding {
                cluster_wide: kind == "ClusterRoleBinding",
                namespace: object.namespace(),
                role: object.role_ref.unwrap_or_default(),
                subjects: object.subjects.unwrap_or_default(),
            }),
            "Namespace" => {
                let tags = object.meta().tags();
                self.namespaces.insert(object.name(), tags);
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

    fn account(&mut self, namespace: &str, name: &str) -> Option<&mut Account> {
        let key = (namespace.to_owned(), name.to_owned());
        // Where the export lists the accounts, a reference to another one leads nowhere.
        if self.lists_accounts && !self.accounts.contains_key(&key) {
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
                None => built_in(&role.name, cluster_wide).unwrap_or_else(|| {
                    Grant::new(&role.name, enrich_core::vocabulary::PrivilegeLevel::Read, 3)
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

    /// Tokens in Secrets don't expire.
    fn hold_tokens(&mut self, cluster: &str) {
        for secret in std::mem::take(&mut self.tokens) {
            let (namespace, secret_name) = (secret.namespace(), secret.name());
            let tags = secret.tags();
            let Some(name) = tags.get("kubernetes.io/service-account.name").cloned() else {
                continue;
            };
            let created = secret
                .creation_timestamp
                .as_deref()
                .and_then(parse_time)
                .map_or(Time::Unknown, Time::At);
            if let Some(account) = self.account(&namespace, &name) {
                account.tokens.push(Credential {
                    uid: format!("secret/{namespace}/{secret_name}"),
                    credential_type: "token".to_owned(),
                    created,
                    last_rotated: created,
                    expires: Time::Never,
                    last_used: Time::NotTracked,
                    status: CredentialStatus::Active,
                    secret_source: Some(format!("k8s:{cluster}/{namespace}/secret/{secret_name}")),
                    max_age_days: None,
                });
            }
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
            harvest.records.push(record);
        }
        for (user, grants) in &self.users {
            let mut record = Record::new(source, Some(format!("k8s:{cluster}:user/{user}")));
            if let Err(refusal) = record.add_key(KeyType::K8sUser, cluster, user, None) {
                harvest.warn(
                    source,
                    format!("user {}: {refusal}", crate::text::printable(user, 80)),
                );
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
            harvest.records.push(record);
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
            harvest.warn(source, format!("{namespace}/{name}: {refusal}"));
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

/// Where the issuer of a cluster's tokens is known, its service accounts are the subjects of those
/// tokens: clouds and their logs know them under that name.
pub(super) fn add_token_subjects(harvest: &mut Harvest) {
    if harvest.token_issuers.is_empty() {
        return;
    }
    let mut refused = BTreeMap::new();
    for record in &mut harvest.records {
        let facts = &record.facts;
        if facts.sub_type.as_deref() != Some(SERVICE_ACCOUNT) {
            continue;
        }
        let Some(cluster) = facts.domain.clone() else {
            continue;
        };
        let Some(issuer) = harvest.token_issuers.get(&cluster) else {
            continue;
        };
        let user = record
            .aliases
            .iter()
            .find(|alias| alias.key_type == KeyType::K8sUser);
        if let Some((user, from)) = user.map(|user| (user.value.clone(), user.valid_from_ms))
            && let Err(refusal) = record.add_key(KeyType::OidcSubject, issuer, &user, from)
        {
            refused.insert(cluster, refusal.to_string());
        }
    }
    let refused = refused.into_iter();
    let warnings = refused.map(|(cluster, refusal)| format!("tokens of {cluster}: {refusal}"));
    harvest.warnings.extend(warnings);
}

/// The workload that a pod belongs to: its controller without the part that Kubernetes adds.
fn workload(object: &Object) -> String {
    let owners = object.meta().owner_references.iter().flatten();
    let Some(owner) = owners
        .clone()
        .find(|owner| owner.controller == Some(true))
        .or_else(|| object.meta().owner_references.iter().flatten().next())
    else {
        return object.name();
    };
    let added = |name: &str, is_added: fn(&str) -> bool| {
        name.rsplit_once('-')
            .filter(|(_, end)| is_added(end))
            .map(|(start, _)| start.to_owned())
    };
    let found = match owner.kind.as_str() {
        // Deployment-HASH: the alphabet of Kubernetes' safe names, 5 to 10 characters.
        "ReplicaSet" => added(&owner.name, |end| {
            (5..=10).contains(&end.len())
                && end
                    .bytes()
                    .all(|b| b"bcdfghjklmnpqrstvwxz2456789".contains(&b))
        }),
        // CronJob-MINUTES since 1970.
        "Job" => added(&owner.name, |end| {
            end.len() >= 8 && end.bytes().all(|b| b.is_ascii_digit())
        }),
        _ => None,
    };
    found.unwrap_or_else(|| owner.name.clone())
}

#[cfg(test)]
mod tests {
    use enrich_core::vocabulary::PrivilegeLevel;

    use super::*;

    fn load(texts: &[&str]) -> Result<Harvest, ConnectError> {
        let source = Source {
            name: "k8s".to_owned(),
            rank: 0,
            observed_ms: 0,
            domain: Some("prod".to_owned()),
        };
        let inputs: Vec<Input> = texts
            .iter()
            .map(|text| Input::memory("k.yaml".as_ref(), text.as_bytes()))
            .collect();
        let mut harvest = Harvest::default();
        connect(&source, &inputs, &mut harvest).map(|()| harvest)
    }

    fn find<'h>(harvest: &'h Harvest, uid: &str) -> &'h Record {
        harvest
            .records
            .iter()
            .find(|record| record.uid.as_deref() == Some(uid))
            .unwrap_or_else(|| panic!("no {uid}"))
    }

    const YAML: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: payments, labels: {team: payments, environment: production}}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: api
  namespace: payments
  uid: 0b1c2d3e-0000-4000-8000-000000000001
  creationTimestamp: 2025-01-02T03:04:05Z
  annotations: {eks.amazonaws.com/role-arn: 'arn:aws:iam::111122223333:role/app/payments-api'}
---
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: b, namespace: payments}
roleRef: {kind: ClusterRole, name: admin, apiGroup: rbac.authorization.k8s.io}
subjects: [{kind: ServiceAccount, name: api}, {kind: ServiceAccount, name: ghost}, {kind: User, name: jane@example.com}, {kind: Group, name: devs}]
";
    const LIST: &str = r#"{"kind":"PodList","apiVersion":"v1","items":[
        {"metadata":{"name":"api-7d9c5b8f4-x2x4v","namespace":"payments","ownerReferences":[{"kind":"ReplicaSet","name":"api-7d9c5b8f4","controller":true}]},"spec":{"serviceAccountName":"api"}},
        {"metadata":{"name":"report-28012345-abcde","namespace":"payments","ownerReferences":[{"kind":"Job","name":"report-28012345"}]},"spec":{"serviceAccountName":"api"}}]}
        {"kind":"Secret","apiVersion":"v1","type":"kubernetes.io/service-account-token","data":{"token":"b3ZlcndyaXR0ZW4="},
         "metadata":{"name":"api-token","namespace":"payments","creationTimestamp":"2024-01-01T00:00:00Z","annotations":{"kubernetes.io/service-account.name":"api"}}}"#;

    #[test]
    fn lists_documents_and_files_make_one_cluster() {
        let harvest = load(&[YAML, LIST]).unwrap();
        let api = find(&harvest, "k8s:prod:payments/api");
        assert_eq!(
            api.facts.grants,
            [Grant::new("admin", PrivilegeLevel::Admin, 1)]
        );
        assert_eq!(
            api.facts.workloads,
            ["k8s:prod/payments/api", "k8s:prod/payments/report"]
        );
        assert_eq!(
            api.facts.can_assume,
            ["aws:111122223333:role/app/payments-api"]
        );
        assert_eq!(
            api.facts.tags.get("namespace/team").map(String::as_str),
            Some("payments")
        );
        assert_eq!(api.facts.credentials[0].expires, Time::Never);
        assert!(!format!("{harvest:?}").contains("b3ZlcndyaXR0ZW4"));
        let keys: Vec<String> = api.aliases.iter().map(crate::record::notation).collect();
        assert_eq!(
            keys,
            [
                "k8s_user@prod:system:serviceaccount:payments:api",
                "k8s_uid@prod:0b1c2d3e-0000-4000-8000-000000000001"
            ]
        );
        // A binding may name an account that does not exist; groups are no identities.
        let uids: Vec<_> = harvest
            .records
            .iter()
            .filter_map(|record| record.uid.as_deref())
            .collect();
        assert_eq!(
            uids,
            ["k8s:prod:payments/api", "k8s:prod:user/jane@example.com"]
        );
        assert_eq!(
            find(&harvest, "k8s:prod:user/jane@example.com")
                .facts
                .native_kind,
            Some(Kind::Human)
        );
        assert_eq!(
            harvest
                .scopes
                .iter()
                .map(|scope| scope.part.as_str())
                .collect::<Vec<_>>(),
            ["", "payments"]
        );
        assert_eq!(
            harvest.scopes[1]
                .owner
                .as_ref()
                .map(|owner| owner.reference.as_str()),
            Some("group:default/payments")
        );
    }

    #[test]
    fn without_a_list_of_accounts_references_make_them() {
        let harvest = load(&[r#"{"kind":"ClusterRoleBinding","apiVersion":"rbac.authorization.k8s.io/v1","metadata":{"name":"b"},"roleRef":{"kind":"ClusterRole","name":"cluster-admin"},"subjects":[{"kind":"ServiceAccount","name":"ops","namespace":"kube-system"}]}"#]).unwrap();
        assert_eq!(
            find(&harvest, "k8s:prod:kube-system/ops").facts.grants,
            [Grant::new("cluster-admin", PrivilegeLevel::Admin, 0)]
        );
    }

    #[test]
    fn the_issuer_makes_accounts_the_subjects_of_their_tokens() {
        let issuer = r#"{"issuer":"https://oidc.eks.eu-central-1.amazonaws.com/id/0A1B","jwks_uri":"https://x/openid/v1/jwks","response_types_supported":["id_token"],"subject_types_supported":["public"],"id_token_signing_alg_values_supported":["RS256"]}"#;
        let mut harvest = load(&[YAML, issuer]).unwrap();
        super::super::finish(&mut harvest);
        let keys: Vec<String> = find(&harvest, "k8s:prod:payments/api")
            .aliases
            .iter()
            .map(crate::record::notation)
            .collect();
        assert!(
            keys.contains(&"oidc_subject@oidc.eks.eu-central-1.amazonaws.com/id/0A1B:system:serviceaccount:payments:api".to_owned()),
            "{keys:?}"
        );
        assert!(harvest.warnings.is_empty(), "{:?}", harvest.warnings);
    }

    #[test]
    fn items_of_a_typed_list_take_its_kind_wherever_it_stands() {
        for text in [
            r#"{"kind":"ServiceAccountList","apiVersion":"v1","items":[{"metadata":{"name":"a","namespace":"n"}}]}"#,
            r#"{"apiVersion":"v1","items":[{"metadata":{"name":"a","namespace":"n"}}],"kind":"ServiceAccountList"}"#,
            "apiVersion: v1\nitems:\n- metadata:\n    name: a\n    namespace: n\nkind: ServiceAccountList\n",
        ] {
            let harvest = load(&[text]).unwrap();
            assert_eq!(harvest.records.len(), 1, "{text}");
            find(&harvest, "k8s:prod:n/a");
        }
    }

    #[test]
    fn one_odd_object_does_not_stop_the_rest() {
        let text = r#"{"kind":"List","apiVersion":"v1","items":[{"kind":"ServiceAccount","apiVersion":"v1","metadata":7},
            {"kind":"Widget","apiVersion":"example.com/v1","spec":{"template":"text"}},
            {"kind":"ServiceAccount","apiVersion":"v1","metadata":{"name":"a","namespace":"n"}}]}"#;
        let harvest = load(&[text]).unwrap();
        assert_eq!(harvest.records.len(), 1);
        assert!(
            harvest.warnings[0].contains("entry 1 of items: a ServiceAccount is left out"),
            "{:?}",
            harvest.warnings
        );
    }

    #[test]
    fn what_is_no_export_is_refused() {
        assert!(
            load(&["{\"Users\":[]}"])
                .unwrap_err()
                .to_string()
                .contains("apiVersion and kind")
        );
        assert!(load(&["a: [1"]).unwrap_err().to_string().contains("line"));
        let source = Source {
            name: "k".to_owned(),
            rank: 0,
            observed_ms: 0,
            domain: None,
        };
        assert!(matches!(
            connect(&source, &[], &mut Harvest::default()),
            Err(ConnectError::Domain { .. })
        ));
    }
}
