//! Google Cloud's projects, folders and organisations: which number is which project, what lies in
//! what, and the labels that name owner and environment.

use std::collections::{BTreeMap, BTreeSet};

use enrich_core::vocabulary::Provider;
use serde_json::Value;

use super::gcp_names::{Level, Spot, id, project_in, text};
use crate::model::Scope;
use crate::record::{DomainFacts, Harvest, Source};

#[derive(Debug, Default)]
struct Project {
    name: Option<String>,
    state: Option<String>,
    labels: BTreeMap<String, String>,
    parent: Option<String>,
}

/// What is known of the resource hierarchy.
#[derive(Debug, Default)]
pub(super) struct Hierarchy {
    projects: BTreeMap<String, Project>,
    /// Project ids by number, and back.
    ids: BTreeMap<String, String>,
    numbers: BTreeMap<String, String>,
    /// Folders and organisations: what they lie in.
    parents: BTreeMap<String, String>,
    /// Projects whose service accounts were listed.
    listed: BTreeSet<String>,
}

impl Hierarchy {
    /// Takes in a project of `gcloud projects list`, of the Resource Manager API (v1 and v3) or of an
    /// asset export.
    pub(super) fn add_project(&mut self, value: &Value) {
        let Some(project_id) = text(value, "projectId") else {
            return;
        };
        let number = id(value, "projectNumber").or_else(|| {
            let name = text(value, "name")?.strip_prefix("projects/")?;
            Some(name.to_owned())
        });
        // v1 calls the display name `name`, v3 and later `displayName`.
        let name = text(value, "displayName")
            .or_else(|| text(value, "name").filter(|name| !name.starts_with("projects/")));
        let labels = value.get("labels").and_then(Value::as_object);
        let known = self.projects.entry(project_id.to_owned()).or_default();
        known.name = known.name.take().or_else(|| name.map(str::to_owned));
        let state = text(value, "lifecycleState").or_else(|| text(value, "state"));
        known.state = known.state.take().or_else(|| state.map(str::to_owned));
        known.parent = known.parent.take().or_else(|| parent(value));
        for (key, label) in labels.into_iter().flatten() {
            if let Some(label) = label.as_str() {
                known.labels.insert(key.clone(), label.to_owned());
            }
        }
        if let Some(number) = number {
            self.add_number(&number, project_id);
        }
    }

    /// Takes in a folder or an organisation: what it lies in.
    pub(super) fn add_container(&mut self, value: &Value) {
        if let (Some(name), Some(parent)) = (text(value, "name"), parent(value)) {
            self.parents.insert(name.to_owned(), parent);
        }
    }

    /// Takes in the path from a resource up to its organisation, closest first.
    pub(super) fn add_path(&mut self, path: &[&str]) {
        for (below, above) in path.iter().zip(path.iter().skip(1)) {
            self.parents
                .entry((*below).to_owned())
                .or_insert_with(|| (*above).to_owned());
        }
    }

    /// Notes the number of a project, where an export writes both.
    pub(super) fn add_number(&mut self, number: &str, project_id: &str) {
        let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
        if is_number && !number.is_empty() && project_id.bytes().any(|b| !b.is_ascii_digit()) {
            let known = self.ids.entry(number.to_owned());
            known.or_insert_with(|| project_id.to_owned());
            let known = self.numbers.entry(project_id.to_owned());
            known.or_insert_with(|| number.to_owned());
        }
    }

    /// Notes that the service accounts of a project were listed.
    pub(super) fn listed(&mut self, project_id: &str) {
        if !self.listed.contains(project_id) {
            self.listed.insert(project_id.to_owned());
        }
    }

    /// Whether the service accounts of a project were listed.
    pub(super) fn is_listed(&self, project_id: &str) -> bool {
        self.listed.contains(project_id)
    }

    /// The id of a project that is named by id or number; the number where the id is not known.
    pub(super) fn project<'s>(&'s self, named: &'s str) -> &'s str {
        self.ids.get(named).map_or(named, String::as_str)
    }

    /// The number of a project.
    pub(super) fn number(&self, project_id: &str) -> Option<&str> {
        self.numbers.get(project_id).map(String::as_str)
    }

    /// The name of a place with the project's id in it.
    pub(super) fn place(&self, spot: &Spot) -> String {
        match (spot.level, spot.project()) {
            (Level::Project, Some(project)) => format!("projects/{}", self.project(project)),
            _ => spot.name.clone(),
        }
    }

    /// A project and what it lies in, closest first.
    pub(super) fn above(&self, project_id: &str) -> Vec<String> {
        let mut out = vec![format!("projects/{project_id}")];
        let known = self.projects.get(project_id);
        let number = self.numbers.get(project_id);
        let mut next = known
            .and_then(|project| project.parent.as_ref())
            .or_else(|| self.parents.get(&out[0]))
            .or_else(|| self.parents.get(&format!("projects/{}", number?)));
        // A hierarchy has at most ten levels of folders; a damaged export may go in circles.
        while let Some(name) = next
            && out.len() < 16
        {
            out.push(name.clone());
            next = self.parents.get(name);
        }
        out
    }

    /// Whether what holds at the first place holds at the second one: they are the same, or the
    /// second is a project inside the first.
    pub(super) fn covers(&self, place: &str, other: &str) -> bool {
        place == other
            || project_in(other)
                .is_some_and(|project| self.above(project).iter().any(|name| name == place))
    }

    /// Says which projects there are and which were read.
    pub(super) fn harvest(&self, source: &Source, harvest: &mut Harvest) {
        let named: BTreeSet<&String> = self.projects.keys().chain(&self.listed).collect();
        for project_id in named {
            let known = self.projects.get(project_id);
            harvest.scopes.push(Scope {
                provider: Provider::Gcp,
                domain: project_id.clone(),
                part: String::new(),
                name: known.and_then(|project| project.name.clone()),
                owner: None,
                escalation_policy: None,
                covered: self.listed.contains(project_id),
                environment: Vec::new(),
            });
            if let Some(project) = known {
                harvest.domains.push(DomainFacts {
                    source: source.clone(),
                    provider: Provider::Gcp,
                    domain: project_id.clone(),
                    name: project.name.clone(),
                    state: project.state.clone(),
                    closed: project.state.as_deref() == Some("DELETE_REQUESTED"),
                    tags: project.labels.clone(),
                });
            }
        }
    }
}

/// `parent` as text (v3) or as type and id (v1).
fn parent(value: &Value) -> Option<String> {
    match value.get("parent")? {
        Value::String(name) => {
            let name = name.trim_start_matches("//cloudresourcemanager.googleapis.com/");
            (!name.is_empty()).then(|| name.to_owned())
        }
        parts => Some(format!("{}s/{}", text(parts, "type")?, id(parts, "id")?)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_and_paths_lead_to_projects() {
        let mut hierarchy = Hierarchy::default();
        hierarchy.add_project(&json!({"projectId": "larkmoor-prod", "projectNumber": "123456789012", "name": "Larkmoor production",
            "lifecycleState": "ACTIVE", "labels": {"env": "prod"}, "parent": {"type": "folder", "id": "77"}}));
        hierarchy.add_project(
            &json!({"name": "projects/222222222222", "projectId": "larkmoor-dev", "parent": "folders/77"}),
        );
        hierarchy.add_container(&json!({"name": "folders/77", "parent": "organizations/9"}));
        hierarchy.add_path(&["projects/333333333333", "organizations/9"]);
        hierarchy.add_number("333333333333", "larkmoor-lab");
        assert_eq!(hierarchy.project("123456789012"), "larkmoor-prod");
        assert_eq!(hierarchy.project("222222222222"), "larkmoor-dev");
        assert_eq!(hierarchy.project("444444444444"), "444444444444");
        assert_eq!(
            hierarchy.above("larkmoor-prod"),
            ["projects/larkmoor-prod", "folders/77", "organizations/9"]
        );
        assert_eq!(
            hierarchy.above("larkmoor-lab"),
            ["projects/larkmoor-lab", "organizations/9"]
        );
        assert!(hierarchy.covers("folders/77", "projects/larkmoor-dev"));
        assert!(!hierarchy.covers("folders/77", "projects/larkmoor-lab"));
        // A hierarchy in circles ends.
        hierarchy.add_container(&json!({"name": "folders/1", "parent": "folders/2"}));
        hierarchy.add_container(&json!({"name": "folders/2", "parent": "folders/1"}));
        hierarchy.add_project(&json!({"projectId": "odd", "parent": "folders/1"}));
        assert_eq!(hierarchy.above("odd").len(), 16);
    }
}
