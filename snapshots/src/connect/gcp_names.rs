//! Names of Google Cloud: service account addresses, the place that a policy is set on, and members of
//! bindings.

use serde_json::Value;

use crate::text::parse_time;

/// What a service account is, told from its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Made by somebody in a project.
    User,
    /// Made by Google in each project that uses a service; workloads run as it unless told otherwise.
    Default,
    /// Google's own service acting for a project; nobody else can hold its credentials.
    Agent {
        /// The service.
        service: String,
    },
}

/// A service account's address, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mail {
    /// The address in lower case.
    pub(super) address: String,
    /// Project id, or the number where the address holds no id.
    pub(super) home: String,
    /// What it is.
    pub(super) class: Class,
}

/// Projects of Google in which service agents live, beside those that begin with `gcp-sa-`.
const AGENT_PROJECTS: &[&str] = &[
    "bigquery-encryption",
    "cloud-filer",
    "cloud-memcache-sa",
    "cloud-ml.google.com",
    "cloud-redis",
    "cloud-tpu",
    "cloudcomposer-accounts",
    "compute-system",
    "container-analysis",
    "container-engine-robot",
    "containerregistry",
    "dataflow-service-producer-prod",
    "dataproc-accounts",
    "endpoints-portal",
    "firebase-rules",
    "gae-api-prod.google.com",
    "gcf-admin-robot",
    "genomics-api.google.com",
    "gs-project-accounts",
    "remotebuildexecution",
    "security-center-api",
    "serverless-robot-prod",
    "service-consumer-management",
    "service-networking",
    "sourcerepo-service-accounts",
    "storage-transfer-service",
];

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The first run of at least six digits: the number of the project, folder or organisation.
fn number_in(text: &str) -> Option<&str> {
    text.split(|c: char| !c.is_ascii_digit())
        .find(|part| part.len() >= 6)
}

impl Mail {
    /// Takes the address of a service account apart. `None` for what is no such address.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let address = text.trim().to_ascii_lowercase();
        let (local, domain) = address.split_once('@')?;
        let zone = domain.strip_suffix("gserviceaccount.com")?;
        if local.is_empty() || address.contains(['[', '/', ' ']) {
            return None;
        }
        let agent = |service: &str| Class::Agent {
            service: service.to_owned(),
        };
        let number = || number_in(local).unwrap_or("google").to_owned();
        let (home, class) = match zone.strip_suffix('.')? {
            "developer" if local.ends_with("-compute") => (number(), Class::Default),
            "developer" => (number(), Class::User),
            "appspot" => (local.to_owned(), Class::Default),
            "cloudbuild" => (number(), Class::Default),
            zone => match zone.strip_suffix(".iam") {
                Some(project)
                    if project.starts_with("gcp-sa-") || AGENT_PROJECTS.contains(&project) =>
                {
                    (number(), agent(project.trim_start_matches("gcp-sa-")))
                }
                Some(project) if !project.is_empty() => (project_id(project), Class::User),
                // cloudservices, system and the like.
                _ => (number(), agent(zone)),
            },
        };
        Some(Self {
            address,
            home,
            class,
        })
    }

    /// Canonical uid. It comes from the address alone, so that all exports agree on it.
    pub(super) fn uid(&self) -> String {
        format!("gcp:{}:sa/{}", self.home, self.address)
    }

    /// The part in front of the `@`.
    pub(super) fn name(&self) -> &str {
        self.address.split('@').next().unwrap_or(&self.address)
    }
}

/// The id of a project from an address: that of a domain-scoped project (`example.com:shop`) is
/// written backwards there (`shop.example.com`).
fn project_id(zone: &str) -> String {
    match zone.split_once('.') {
        Some((project, domain)) => format!("{domain}:{project}"),
        None => zone.to_owned(),
    }
}

/// How much of the resource hierarchy a policy reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// All of an organisation.
    Organization,
    /// All of a folder.
    Folder,
    /// All of a project.
    Project,
    /// One resource.
    Resource,
}

/// What a policy is set on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spot {
    /// How much it reaches.
    pub(super) level: Level,
    /// `organizations/1`, `folders/2`, `projects/ID`, or a resource's name without its service.
    pub(super) name: String,
    /// A service account: address or unique id.
    pub(super) account: Option<String>,
}

impl Spot {
    /// Reads a full resource name (`//service/…`), a relative one, the address of a service account,
    /// or the bare id of a project.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (service, path) = match text.strip_prefix("//") {
            Some(rest) => rest.split_once('/')?,
            None => ("", text),
        };
        let spot = |level, name: &str| {
            Some(Self {
                level,
                name: name.to_owned(),
                account: None,
            })
        };
        if let Some(account) = account_in(path) {
            return Some(Self {
                level: Level::Resource,
                name: path.to_owned(),
                account: Some(account.to_ascii_lowercase()),
            });
        }
        let is_container = service.is_empty() || service == "cloudresourcemanager.googleapis.com";
        let parts: Vec<&str> = path.split('/').collect();
        match parts.as_slice() {
            ["organizations", id] if is_container && is_digits(id) => {
                spot(Level::Organization, path)
            }
            ["folders", id] if is_container && is_digits(id) => spot(Level::Folder, path),
            ["projects", id] if is_container && !id.is_empty() => spot(Level::Project, path),
            [mail] if service.is_empty() && Mail::parse(mail).is_some() => Some(Self {
                level: Level::Resource,
                name: (*mail).to_owned(),
                account: Some(mail.to_ascii_lowercase()),
            }),
            [id] if service.is_empty() && !id.is_empty() => {
                spot(Level::Project, &format!("projects/{id}"))
            }
            [""] | [] => None,
            _ => spot(Level::Resource, path),
        }
    }

    /// The project: id or number, as written.
    pub(super) fn project(&self) -> Option<&str> {
        project_in(&self.name)
    }
}

/// The segment behind `/NAME/`, or behind `NAME/` at the start.
pub(super) fn segment<'a>(path: &'a str, name: &str) -> Option<&'a str> {
    let mut parts = path.split('/');
    parts.by_ref().find(|part| *part == name)?;
    parts.next().filter(|part| !part.is_empty())
}

/// The project in a resource's name.
pub(super) fn project_in(path: &str) -> Option<&str> {
    segment(path, "projects").filter(|project| *project != "-")
}

/// The service account in a resource's name.
pub(super) fn account_in(path: &str) -> Option<&str> {
    segment(path, "serviceAccounts").filter(|account| *account != "-")
}

/// A member of a binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Member<'a> {
    /// A service account.
    Account(&'a str),
    /// A service account that was deleted: address and unique id.
    Deleted(&'a str, &'a str),
    /// A Kubernetes service account of a GKE cluster, by the old name: pool, namespace, name.
    Gke(&'a str, &'a str, &'a str),
    /// A person.
    User(&'a str),
    /// One federated principal, `principal://…`.
    Principal(&'a str),
    /// Many federated principals, `principalSet://…`.
    PrincipalSet(&'a str),
    /// `allUsers`, `allAuthenticatedUsers`.
    Everybody(&'a str),
    /// Groups, domains, deleted people and what this version does not know; with the word for it.
    Other(&'a str),
}

impl<'a> Member<'a> {
    /// Reads a member as bindings write it.
    pub(super) fn parse(text: &'a str) -> Self {
        if matches!(text, "allUsers" | "allAuthenticatedUsers") {
            return Self::Everybody(text);
        }
        if text.starts_with("principal://") {
            return Self::Principal(text);
        }
        if text.starts_with("principalSet://") {
            return Self::PrincipalSet(text);
        }
        let Some((kind, name)) = text.split_once(':') else {
            return Self::Other("without a prefix");
        };
        match kind {
            "serviceAccount" => match gke(name) {
                Some((pool, namespace, account)) => Self::Gke(pool, namespace, account),
                None if Mail::parse(name).is_some() => Self::Account(name),
                None => Self::Other("serviceAccount without an address of one"),
            },
            "deleted" => match name
                .strip_prefix("serviceAccount:")
                .and_then(|rest| rest.split_once("?uid="))
            {
                Some((mail, id)) if Mail::parse(mail).is_some() && is_digits(id) => {
                    Self::Deleted(mail, id)
                }
                _ => Self::Other("deleted"),
            },
            "user" if name.contains('@') => Self::User(name),
            "group" | "domain" | "projectOwner" | "projectEditor" | "projectViewer" => {
                Self::Other(kind)
            }
            _ => Self::Other("of an unknown kind"),
        }
    }
}

/// `PROJECT.svc.id.goog[NAMESPACE/NAME]`.
fn gke(text: &str) -> Option<(&str, &str, &str)> {
    let (pool, rest) = text.strip_suffix(']')?.split_once('[')?;
    let (namespace, name) = rest.split_once('/')?;
    (pool.ends_with(".svc.id.goog") && !namespace.is_empty() && !name.is_empty())
        .then_some((pool, namespace, name))
}

/// A member of an object that is text and not empty.
pub(super) fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name)?.as_str().filter(|text| !text.is_empty())
}

/// A number or text as text: unique ids and project numbers come as both.
pub(super) fn id(value: &Value, name: &str) -> Option<String> {
    match value.get(name)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => number.as_u64().map(|number| number.to_string()),
        _ => None,
    }
}

/// A time: text, or an object with seconds, as older asset exports write it.
pub(super) fn time(value: &Value, name: &str) -> Option<i64> {
    match value.get(name)? {
        Value::String(text) => parse_time(text),
        Value::Object(parts) => match parts.get("seconds")? {
            Value::Number(seconds) => seconds.as_i64(),
            Value::String(seconds) => seconds.parse().ok(),
            _ => None,
        }?
        .checked_mul(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn addresses_say_project_and_class() {
        let agent = |service: &str| Class::Agent {
            service: service.to_owned(),
        };
        for (address, home, class) in [
            (
                "App@larkmoor-prod.iam.gserviceaccount.com",
                "larkmoor-prod",
                Class::User,
            ),
            (
                "app@shop.example.com.iam.gserviceaccount.com",
                "example.com:shop",
                Class::User,
            ),
            (
                "123456789012-compute@developer.gserviceaccount.com",
                "123456789012",
                Class::Default,
            ),
            (
                "larkmoor-prod@appspot.gserviceaccount.com",
                "larkmoor-prod",
                Class::Default,
            ),
            (
                "123456789012@cloudbuild.gserviceaccount.com",
                "123456789012",
                Class::Default,
            ),
            (
                "123456789012@cloudservices.gserviceaccount.com",
                "123456789012",
                agent("cloudservices"),
            ),
            (
                "service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com",
                "123456789012",
                agent("pubsub"),
            ),
            (
                "service-org-987654321098@gcp-sa-scc.iam.gserviceaccount.com",
                "987654321098",
                agent("scc"),
            ),
            (
                "service-123456789012@container-engine-robot.iam.gserviceaccount.com",
                "123456789012",
                agent("container-engine-robot"),
            ),
            // Anybody may call an account so.
            (
                "service-1@larkmoor-prod.iam.gserviceaccount.com",
                "larkmoor-prod",
                Class::User,
            ),
        ] {
            let mail = Mail::parse(address).unwrap_or_else(|| panic!("{address}"));
            assert_eq!(
                (mail.home.as_str(), &mail.class),
                (home, &class),
                "{address}"
            );
            assert_eq!(
                mail.uid(),
                format!("gcp:{home}:sa/{}", address.to_lowercase())
            );
        }
        for none in [
            "jane@example.com",
            "larkmoor-prod.svc.id.goog[a/b]",
            "@x.iam.gserviceaccount.com",
            "x@notgserviceaccount.com",
        ] {
            assert_eq!(Mail::parse(none), None, "{none}");
        }
    }

    #[test]
    fn policies_stand_on_places() {
        for (name, level, shown, account) in [
            (
                "//cloudresourcemanager.googleapis.com/organizations/1",
                Level::Organization,
                "organizations/1",
                None,
            ),
            ("folders/22", Level::Folder, "folders/22", None),
            (
                "//cloudresourcemanager.googleapis.com/projects/123",
                Level::Project,
                "projects/123",
                None,
            ),
            (
                "larkmoor-prod",
                Level::Project,
                "projects/larkmoor-prod",
                None,
            ),
            (
                "example.com:shop",
                Level::Project,
                "projects/example.com:shop",
                None,
            ),
            (
                "//iam.googleapis.com/projects/p/serviceAccounts/a@p.iam.gserviceaccount.com",
                Level::Resource,
                "projects/p/serviceAccounts/a@p.iam.gserviceaccount.com",
                Some("a@p.iam.gserviceaccount.com"),
            ),
            (
                "a@p.iam.gserviceaccount.com",
                Level::Resource,
                "a@p.iam.gserviceaccount.com",
                Some("a@p.iam.gserviceaccount.com"),
            ),
            (
                "//storage.googleapis.com/bucket",
                Level::Resource,
                "bucket",
                None,
            ),
            // A bucket may be called as it likes.
            (
                "//storage.googleapis.com/organizations/1",
                Level::Resource,
                "organizations/1",
                None,
            ),
        ] {
            let spot = Spot::parse(name).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(
                (spot.level, spot.name.as_str(), spot.account.as_deref()),
                (level, shown, account)
            );
        }
        assert_eq!(Spot::parse(""), None);
    }

    #[test]
    fn members_have_many_forms() {
        let account = "serviceAccount:a@p.iam.gserviceaccount.com";
        let deleted = "deleted:serviceAccount:a@p.iam.gserviceaccount.com?uid=123";
        for (text, expected) in [
            (account, Member::Account("a@p.iam.gserviceaccount.com")),
            (
                deleted,
                Member::Deleted("a@p.iam.gserviceaccount.com", "123"),
            ),
            (
                "serviceAccount:p.svc.id.goog[ns/ksa]",
                Member::Gke("p.svc.id.goog", "ns", "ksa"),
            ),
            ("user:jane@example.com", Member::User("jane@example.com")),
            ("allUsers", Member::Everybody("allUsers")),
            ("group:devs@example.com", Member::Other("group")),
            (
                "deleted:user:jane@example.com?uid=1",
                Member::Other("deleted"),
            ),
            ("abcdefg", Member::Other("without a prefix")),
        ] {
            assert_eq!(Member::parse(text), expected);
        }
    }

    #[test]
    fn times_come_in_three_shapes() {
        let value = json!({"a": "2026-03-20T06:00:00Z", "b": {"seconds": 1_773_986_400}, "c": "/Date(1773986400000)/",
            "d": "/Date(1773986400000+0100)/", "e": "N/A", "f": {"seconds": "1773986400"}});
        for name in ["a", "b", "c", "d", "f"] {
            assert_eq!(time(&value, name), Some(1_773_986_400_000), "{name}");
        }
        assert_eq!(time(&value, "e"), None);
    }
}
