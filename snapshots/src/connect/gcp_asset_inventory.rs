//! Cloud Asset Inventory: exports and lists of assets, and searches over resources and policies. What an
//! asset holds of an account, key, role or policy is what the service's own list holds of it.

use serde_json::{Map, Value};

use super::gcp::{Estate, Leftover};
use super::gcp_names::{Mail, Spot, account_in, project_in, segment, text};

impl Estate {
    /// Takes in one asset, or one result of a search.
    pub(super) fn add_asset(&mut self, asset: &Value) {
        self.counts.assets += 1;
        let kind = text(asset, "assetType").unwrap_or_default();
        // A search over policies names what each is set on `resource`, which elsewhere is the content.
        let name = text(asset, "name").or_else(|| text(asset, "resource"));
        let Some(name) = name else {
            return self.leave(Leftover::Asset, "without a name");
        };
        self.learn_path(asset, name);
        if let Some(policy) = asset.get("iamPolicy").or_else(|| asset.get("policy")) {
            match Spot::parse(name) {
                Some(spot) => self.add_policy(policy, &spot),
                None => self.leave(Leftover::Asset, "policy on a resource without a name"),
            }
        }
        let content = content(asset);
        let is_search = text(asset, "name").is_some() && asset.get("iamPolicy").is_none();
        match (kind, content) {
            ("iam.googleapis.com/ServiceAccount", content) if content.is_some() || is_search => {
                let merged = merged(asset, content, name);
                self.add_account(&merged);
            }
            ("iam.googleapis.com/ServiceAccountKey", content) if content.is_some() || is_search => {
                let empty = Value::Null;
                let content = content.unwrap_or(&empty);
                // The content names the account by its address, the asset by its number.
                let of_content = text(content, "name").or_else(|| text(asset, "displayName"));
                let named = of_content.filter(|name| account_in(name).is_some());
                self.add_key(content, named.unwrap_or(name));
            }
            ("iam.googleapis.com/Role", Some(content)) => self.add_role(content),
            ("iam.googleapis.com/WorkloadIdentityPool", Some(content)) => {
                self.pools.add_pool(&named(content, name));
            }
            ("iam.googleapis.com/WorkloadIdentityPoolProvider", Some(content)) => {
                self.pools.add_provider(&named(content, name));
            }
            ("container.googleapis.com/Cluster", Some(content)) => self.pools.add_cluster(content),
            ("cloudresourcemanager.googleapis.com/Project", content) => {
                self.add_project_asset(asset, content);
            }
            (
                "cloudresourcemanager.googleapis.com/Folder"
                | "cloudresourcemanager.googleapis.com/Organization",
                Some(content),
            ) => self.hierarchy.add_container(content),
            (_, content) => {
                let runs = content.is_some_and(|content| self.add_runtime(content));
                if !runs && asset.get("iamPolicy").is_none() && asset.get("policy").is_none() {
                    self.leave(Leftover::Asset, kind);
                }
            }
        }
    }

    /// What an asset says about where it lies.
    fn learn_path(&mut self, asset: &Value, name: &str) {
        let texts = |member: &str| -> Vec<&str> {
            let list = asset.get(member).and_then(Value::as_array);
            list.into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect()
        };
        let mut path = texts("ancestors");
        if path.is_empty() {
            let folders = texts("folders");
            path.extend(text(asset, "project"));
            // In which order a search names several folders is not documented.
            if folders.len() <= 1 {
                path.extend(folders);
            }
            path.extend(text(asset, "organization"));
        }
        self.hierarchy.add_path(&path);
        let number = path
            .first()
            .and_then(|first| first.strip_prefix("projects/"));
        if let (Some(number), Some(project)) = (number, project_in(name)) {
            self.hierarchy.add_number(number, project);
        }
    }

    fn add_project_asset(&mut self, asset: &Value, content: Option<&Value>) {
        if let Some(content) = content {
            return self.hierarchy.add_project(content);
        }
        // A search: the id is among the further attributes, the labels stand in the result itself.
        let further = asset.get("additionalAttributes");
        let Some(project_id) = further.and_then(|further| text(further, "projectId")) else {
            return;
        };
        let mut project = Map::new();
        project.insert("projectId".to_owned(), project_id.into());
        let number = text(asset, "project").and_then(|name| name.strip_prefix("projects/"));
        for (member, value) in [
            ("projectNumber", number.map(Value::from)),
            ("displayName", asset.get("displayName").cloned()),
            ("labels", asset.get("labels").cloned()),
            ("state", asset.get("state").cloned()),
            ("parent", asset.get("parentFullResourceName").cloned()),
        ] {
            if let Some(value) = value {
                project.insert(member.to_owned(), value);
            }
        }
        self.hierarchy.add_project(&Value::Object(project));
    }

    /// Takes in something that runs as a service account. Whether it is such a thing.
    pub(super) fn add_runtime(&mut self, value: &Value) -> bool {
        let Some((workload, addresses)) = runtime(value) else {
            return false;
        };
        let workload = match workload.split_once(':') {
            Some((kind, path)) => match path.split_once('/') {
                Some((project, rest)) => {
                    format!("{kind}:{}/{rest}", self.hierarchy.project(project))
                }
                None => workload,
            },
            None => workload,
        };
        for address in addresses {
            if let Some(account) = self.account(address) {
                account.workloads.insert(workload.clone());
            }
        }
        true
    }
}

/// What a service says about its resource: an export's `resource.data`, or the newest version that a
/// search was asked to read.
fn content(asset: &Value) -> Option<&Value> {
    let exported = asset
        .get("resource")
        .and_then(|resource| resource.get("data"));
    let searched = || {
        let versions = asset.get("versionedResources").and_then(Value::as_array)?;
        versions.last()?.get("resource")
    };
    exported
        .or_else(searched)
        .filter(|content| content.is_object())
}

/// Content under the asset's name, where the content has none.
fn named(content: &Value, name: &str) -> Value {
    let mut out = content.clone();
    if let Value::Object(members) = &mut out
        && !members.contains_key("name")
    {
        let path = name.trim_start_matches("//iam.googleapis.com/");
        members.insert("name".to_owned(), path.into());
    }
    out
}

/// A service account from the content, else from what a search shows.
fn merged(asset: &Value, content: Option<&Value>, name: &str) -> Value {
    let mut out = content
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    let further = asset.get("additionalAttributes");
    let of_name = account_in(name).unwrap_or_default();
    let is_mail = Mail::parse(of_name).is_some();
    for (member, value) in [
        (
            "email",
            further
                .and_then(|further| further.get("email"))
                .cloned()
                .or_else(|| is_mail.then(|| of_name.into())),
        ),
        (
            "uniqueId",
            further
                .and_then(|further| further.get("uniqueId"))
                .cloned()
                .or_else(|| (!is_mail && !of_name.is_empty()).then(|| of_name.into())),
        ),
        ("projectId", project_in(name).map(Value::from)),
        ("description", asset.get("description").cloned()),
        ("displayName", asset.get("displayName").cloned()),
        ("createTime", asset.get("createTime").cloned()),
    ] {
        if let Some(value) = value {
            out.entry(member).or_insert(value);
        }
    }
    Value::Object(out)
}

/// What runs as a service account: its name as a workload, and the account's address.
fn runtime(value: &Value) -> Option<(String, Vec<&str>)> {
    let at = |pointer: &str| value.pointer(pointer).and_then(Value::as_str);
    // Cloud Run as `gcloud run services list` and the older asset exports write it.
    if at("/apiVersion").is_some_and(|version| version.starts_with("serving.knative.dev/")) {
        let project = at("/metadata/namespace")?;
        let location = value
            .pointer("/metadata/labels")
            .and_then(|labels| labels.get("cloud.googleapis.com/location"))
            .and_then(Value::as_str)?;
        let account = at("/spec/template/spec/serviceAccountName")?;
        let name = at("/metadata/name")?;
        return Some((
            format!("gcp-run:{project}/{location}/{name}"),
            vec![account],
        ));
    }
    if let Some(list) = value.get("serviceAccounts").and_then(Value::as_array) {
        let link = at("/selfLink").filter(|link| link.contains("/instances/"))?;
        let (project, zone) = (project_in(link)?, segment(link, "zones")?);
        let name = segment(link, "instances")?;
        let accounts = list.iter().filter_map(|account| text(account, "email"));
        return Some((
            format!("gcp-vm:{project}/{zone}/{name}"),
            accounts.collect(),
        ));
    }
    let name = at("/name")?;
    let (project, location) = (project_in(name)?, segment(name, "locations")?);
    for (collection, kind, pointers) in [
        (
            "services",
            "gcp-run",
            ["/template/serviceAccount", "/template/serviceAccount"],
        ),
        (
            "jobs",
            "gcp-run-job",
            [
                "/template/template/serviceAccount",
                "/template/template/serviceAccount",
            ],
        ),
        (
            "functions",
            "gcp-function",
            ["/serviceConfig/serviceAccountEmail", "/serviceAccountEmail"],
        ),
    ] {
        if let Some(own) = segment(name, collection)
            && let Some(account) = pointers.iter().find_map(|pointer| at(pointer))
        {
            return Some((format!("{kind}:{project}/{location}/{own}"), vec![account]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_runs_as_an_account_is_a_workload() {
        for (value, workload) in [
            (
                json!({"name": "projects/p/locations/europe-west1/services/shop", "template": {"serviceAccount": "a@p.iam.gserviceaccount.com"}}),
                "gcp-run:p/europe-west1/shop",
            ),
            (
                json!({"name": "projects/p/locations/europe-west1/jobs/nightly", "template": {"template": {"serviceAccount": "a@p.iam.gserviceaccount.com"}}}),
                "gcp-run-job:p/europe-west1/nightly",
            ),
            (
                json!({"name": "projects/p/locations/europe-west1/functions/resize", "serviceAccountEmail": "a@p.iam.gserviceaccount.com"}),
                "gcp-function:p/europe-west1/resize",
            ),
            (
                json!({"selfLink": "https://www.googleapis.com/compute/v1/projects/p/zones/europe-west1-b/instances/web",
                    "serviceAccounts": [{"email": "a@p.iam.gserviceaccount.com", "scopes": []}]}),
                "gcp-vm:p/europe-west1-b/web",
            ),
            (
                json!({"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"name": "shop", "namespace": "123456789012",
                    "labels": {"cloud.googleapis.com/location": "europe-west1"}},
                    "spec": {"template": {"spec": {"serviceAccountName": "a@p.iam.gserviceaccount.com"}}}}),
                "gcp-run:123456789012/europe-west1/shop",
            ),
        ] {
            assert_eq!(
                runtime(&value),
                Some((workload.to_owned(), vec!["a@p.iam.gserviceaccount.com"]))
            );
        }
        assert_eq!(runtime(&json!({"name": "projects/p/topics/t"})), None);
    }
}
