//! The parts of Kubernetes objects that are read.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::kubernetes_rules::Rule;
use crate::text::parse_time;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Object {
    pub(super) metadata: Option<Metadata>,
    pub(super) rules: Option<Vec<Rule>>,
    pub(super) role_ref: Option<RoleRef>,
    pub(super) subjects: Option<Vec<Subject>>,
    pub(super) spec: Option<Spec>,
    /// Type of a Secret.
    #[serde(rename = "type")]
    pub(super) secret_type: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Metadata {
    pub(super) name: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) uid: Option<String>,
    pub(super) creation_timestamp: Option<String>,
    pub(super) labels: Option<BTreeMap<String, Option<String>>>,
    pub(super) annotations: Option<BTreeMap<String, Option<String>>>,
    pub(super) owner_references: Option<Vec<OwnerReference>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct OwnerReference {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) controller: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RoleRef {
    pub(super) kind: String,
    pub(super) name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Subject {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) namespace: Option<String>,
}

/// The parts of a pod spec, and of the specs that hold a pod template.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Spec {
    pub(super) service_account_name: Option<String>,
    pub(super) service_account: Option<String>,
    pub(super) template: Option<Box<Template>>,
    pub(super) job_template: Option<Box<Template>>,
    pub(super) containers: Option<Vec<Container>>,
    pub(super) init_containers: Option<Vec<Container>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Container {
    pub(super) name: String,
    pub(super) env: Option<Vec<Variable>>,
}

/// An environment variable. Its value is looked at and not kept.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) value: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Template {
    pub(super) spec: Option<Spec>,
}

impl Spec {
    pub(super) fn inner(&self) -> Option<&Self> {
        self.template
            .as_ref()
            .or(self.job_template.as_ref())
            .and_then(|template| template.spec.as_ref())
    }

    /// Environment variables that hold what is shaped as a secret: everybody who may read the pod reads
    /// them as well.
    pub(super) fn exposed(&self) -> Vec<String> {
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
    pub(super) fn account(&self) -> Option<&str> {
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

impl Object {
    pub(super) fn meta(&self) -> &Metadata {
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

    pub(super) fn name(&self) -> String {
        self.meta().name()
    }

    pub(super) fn namespace(&self) -> String {
        self.meta().namespace()
    }
}

impl Metadata {
    pub(super) fn name(&self) -> String {
        self.name.clone().unwrap_or_default()
    }

    /// Objects without a namespace that need one live in `default`, as kubectl would put them.
    pub(super) fn namespace(&self) -> String {
        self.namespace
            .clone()
            .filter(|text| !text.is_empty())
            .unwrap_or_else(|| "default".to_owned())
    }

    /// An order from old to young; between those of one age it is some order, and always the same.
    pub(super) fn age(&self) -> impl Ord + use<> {
        let created = self.creation_timestamp.as_deref().and_then(parse_time);
        (created, self.uid.clone(), self.tags())
    }

    /// Labels and annotations, without the copy of the whole object that `kubectl apply` keeps.
    pub(super) fn tags(&self) -> BTreeMap<String, String> {
        let both = self.labels.iter().chain(&self.annotations).flatten();
        let kept = both.filter(|(key, _)| !key.ends_with("last-applied-configuration"));
        kept.filter_map(|(key, value)| Some((key.clone(), value.clone()?)))
            .collect()
    }
}

/// The workload that a pod belongs to: its controller without the part that Kubernetes adds.
pub(super) fn workload(object: &Object) -> String {
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
