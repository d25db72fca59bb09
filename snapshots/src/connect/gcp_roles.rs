//! Google Cloud's roles: how much each allows, from the permissions of its definition or, for the
//! roles that Google defines, from its name.

use std::collections::BTreeMap;

use enrich_core::vocabulary::PrivilegeLevel;
use serde_json::Value;

use super::gcp_names::{Level, text};

/// How much a role allows, widest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Power {
    /// Whoever holds it can give themselves anything below the place where it is bound.
    Control,
    /// Changes nearly everything.
    Wide,
    /// All of one service, or a step that leads to another account's rights.
    Sensitive,
    /// Changes something.
    Write,
    /// Reads secrets or decrypts.
    Secrets,
    /// Reads.
    Read,
}

/// What a role allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Abilities {
    pub(super) power: Power,
    /// Makes tokens or keys of service accounts.
    pub(super) impersonates: bool,
    /// Attaches service accounts to what it starts.
    pub(super) acts_as: bool,
    /// Starts something that a service account can be attached to.
    pub(super) deploys: bool,
}

impl Abilities {
    /// What either allows.
    fn and(self, other: Self) -> Self {
        Self {
            power: self.power.min(other.power),
            impersonates: self.impersonates || other.impersonates,
            acts_as: self.acts_as || other.acts_as,
            deploys: self.deploys || other.deploys,
        }
    }
}

impl Power {
    /// Level and tier at a place. On one resource nothing reaches further than that resource.
    pub(super) const fn at(self, level: Level) -> (PrivilegeLevel, u8) {
        let is_one = matches!(level, Level::Resource);
        match self {
            Self::Control => (PrivilegeLevel::Admin, if is_one { 2 } else { 0 }),
            // An editor of a folder or of the organisation can run code as any account in it.
            Self::Wide => (
                PrivilegeLevel::Write,
                match level {
                    Level::Organization | Level::Folder => 0,
                    Level::Project => 1,
                    Level::Resource => 2,
                },
            ),
            Self::Sensitive => (PrivilegeLevel::Write, if is_one { 2 } else { 1 }),
            Self::Write => (PrivilegeLevel::Write, 2),
            Self::Secrets => (PrivilegeLevel::Read, 2),
            Self::Read => (PrivilegeLevel::Read, 3),
        }
    }
}

/// Roles whose meaning a rule about names would miss.
const NAMED: &[(&str, Power)] = &[
    ("admin", Power::Control),
    ("browser", Power::Read),
    // As its permission `cloudbuild.builds.create`: a build runs as an account of the project.
    ("cloudbuild.builds.editor", Power::Sensitive),
    ("deploymentmanager.editor", Power::Wide),
    ("editor", Power::Wide),
    ("iam.organizationRoleAdmin", Power::Control),
    ("iam.roleAdmin", Power::Control),
    ("iam.securityAdmin", Power::Control),
    ("iam.securityReviewer", Power::Read),
    ("iam.serviceAccountAdmin", Power::Control),
    ("iam.serviceAccountCreator", Power::Write),
    ("iam.serviceAccountKeyAdmin", Power::Control),
    ("iam.serviceAccountOpenIdTokenCreator", Power::Sensitive),
    ("iam.serviceAccountTokenCreator", Power::Control),
    ("iam.serviceAccountUser", Power::Sensitive),
    ("iam.workloadIdentityUser", Power::Control),
    ("owner", Power::Control),
    ("reader", Power::Read),
    ("resourcemanager.folderAdmin", Power::Control),
    ("resourcemanager.folderIamAdmin", Power::Control),
    ("resourcemanager.organizationAdmin", Power::Control),
    ("resourcemanager.projectIamAdmin", Power::Control),
    ("viewer", Power::Read),
    ("writer", Power::Wide),
];

/// Predefined roles that make tokens or keys of service accounts.
const IMPERSONATE: &[&str] = &[
    "iam.serviceAccountKeyAdmin",
    "iam.serviceAccountTokenCreator",
    "iam.workloadIdentityUser",
];

/// Predefined roles that start what runs as a service account. The account still has to be attached,
/// which `iam.serviceAccountUser` allows.
const DEPLOY: &[&str] = &[
    "aiplatform.admin",
    "aiplatform.user",
    "appengine.appAdmin",
    "appengine.deployer",
    "batch.jobsEditor",
    "cloudbuild.builds.editor",
    "cloudfunctions.admin",
    "cloudfunctions.developer",
    "cloudscheduler.admin",
    "composer.admin",
    "compute.admin",
    "compute.instanceAdmin",
    "compute.instanceAdmin.v1",
    "dataflow.admin",
    "dataflow.developer",
    "dataproc.admin",
    "dataproc.editor",
    "notebooks.admin",
    "run.admin",
    "run.developer",
    "run.sourceDeveloper",
    "workflows.admin",
    "workflows.editor",
];

/// Permissions with which somebody gives themselves more.
const CONTROL_PERMISSIONS: &[&str] = &[
    "deploymentmanager.deployments.create",
    "deploymentmanager.deployments.update",
    "iam.roles.update",
    "iam.serviceAccountKeys.create",
    "iam.serviceAccounts.getAccessToken",
    "iam.serviceAccounts.implicitDelegation",
    "iam.serviceAccounts.setIamPolicy",
    "iam.serviceAccounts.signBlob",
    "iam.serviceAccounts.signJwt",
    "resourcemanager.folders.setIamPolicy",
    "resourcemanager.organizations.setIamPolicy",
    "resourcemanager.projects.setIamPolicy",
];

const IMPERSONATE_PERMISSIONS: &[&str] = &[
    "iam.serviceAccountKeys.create",
    "iam.serviceAccounts.getAccessToken",
    "iam.serviceAccounts.implicitDelegation",
    "iam.serviceAccounts.signBlob",
    "iam.serviceAccounts.signJwt",
];

const SENSITIVE_PERMISSIONS: &[&str] = &[
    "cloudbuild.builds.create",
    "compute.instances.setMetadata",
    "compute.instances.setServiceAccount",
    "compute.projects.setCommonInstanceMetadata",
    "container.clusterRoleBindings.create",
    "container.clusterRoles.bind",
    "container.pods.exec",
    "iam.googleapis.com/workloadIdentityPoolProviders.create",
    "iam.googleapis.com/workloadIdentityPoolProviders.update",
    "iam.serviceAccounts.actAs",
    "iam.serviceAccounts.getOpenIdToken",
    "orgpolicy.policy.set",
];

const DEPLOY_PERMISSIONS: &[&str] = &[
    "aiplatform.customJobs.create",
    "appengine.versions.create",
    "batch.jobs.create",
    "cloudbuild.builds.create",
    "cloudfunctions.functions.create",
    "cloudfunctions.functions.update",
    "cloudscheduler.jobs.create",
    "composer.environments.create",
    "compute.instances.create",
    "dataflow.jobs.create",
    "dataproc.clusters.create",
    "notebooks.instances.create",
    "run.jobs.create",
    "run.services.create",
    "run.services.update",
    "workflows.workflows.create",
];

const SECRET_PERMISSIONS: &[&str] = &[
    "cloudkms.cryptoKeyVersions.useToDecrypt",
    "container.secrets.get",
    "container.secrets.list",
    "secretmanager.versions.access",
];

/// Definitions of roles.
#[derive(Debug, Default)]
pub(super) struct Roles {
    /// By name; `None` for one that is deleted or disabled.
    defined: BTreeMap<String, Option<Abilities>>,
}

impl Roles {
    /// Takes in a role of `gcloud iam roles list` or `describe`, or of an asset export. Whether it says
    /// which permissions the role has: a list leaves them out.
    pub(super) fn add(&mut self, value: &Value) -> bool {
        let Some(name) = text(value, "name") else {
            return false;
        };
        let is_off = value.get("deleted") == Some(&Value::Bool(true))
            || text(value, "stage") == Some("DISABLED");
        if is_off {
            self.defined.entry(name.to_owned()).or_insert(None);
            return true;
        }
        let permissions = value.get("includedPermissions").and_then(Value::as_array);
        let Some(permissions) = permissions else {
            return false;
        };
        let permissions: Vec<&str> = permissions.iter().filter_map(Value::as_str).collect();
        let abilities = of_permissions(&permissions);
        // Two definitions of one role: what either says, whatever comes first.
        let known = self.defined.entry(name.to_owned()).or_insert(None);
        *known = Some(known.map_or(abilities, |known| known.and(abilities)));
        true
    }

    /// What a role allows; `None` for one that is switched off. The second value is false when
    /// neither a definition nor the name says so, and ordinary writing is assumed.
    pub(super) fn abilities(&self, role: &str) -> (Option<Abilities>, bool) {
        // What Google's own roles amount to is known; a definition can be cut short.
        if let Some(named) = role.strip_prefix("roles/").and_then(of_well_known) {
            return (Some(named), true);
        }
        match (self.defined.get(role), role.strip_prefix("roles/")) {
            (Some(defined), _) => (*defined, true),
            (None, Some(name)) => (Some(of_name(name)), true),
            (None, None) => (Some(plain(Power::Write)), false),
        }
    }
}

const fn plain(power: Power) -> Abilities {
    Abilities {
        power,
        impersonates: false,
        acts_as: false,
        deploys: false,
    }
}

fn of_well_known(name: &str) -> Option<Abilities> {
    let power = NAMED
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, power)| *power);
    Some(Abilities {
        impersonates: IMPERSONATE.contains(&name),
        acts_as: name == "iam.serviceAccountUser",
        deploys: DEPLOY.contains(&name),
        ..plain(power?)
    })
}

/// Google names its roles after what they allow.
fn of_name(name: &str) -> Abilities {
    // `compute.instanceAdmin.v1`: a version is no name.
    let is_version = |part: &&str| {
        part.strip_prefix('v')
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let last = name.rsplit('.').find(|part| !is_version(part));
    let last = last.unwrap_or(name).to_ascii_lowercase();
    let ends = |words: &[&str]| words.iter().any(|word| last.ends_with(word));
    let power = if last.contains("secretaccessor") || ends(&["decrypter", "decrypterviadelegation"])
    {
        Power::Secrets
    } else if ends(&["viewer", "reader", "lister", "auditor", "reviewer"]) {
        Power::Read
    } else if ends(&["admin", "owner"]) {
        Power::Sensitive
    } else {
        Power::Write
    };
    Abilities {
        deploys: DEPLOY.contains(&name),
        ..plain(power)
    }
}

fn of_permissions(permissions: &[&str]) -> Abilities {
    let has = |list: &[&str]| permissions.iter().any(|name| list.contains(name));
    let ends = |word: &str| permissions.iter().any(|name| name.ends_with(word));
    let reads = |name: &&str| {
        let verb = name.rsplit('.').next().unwrap_or(name);
        let words = ["get", "list", "search", "query", "read", "view", "test"];
        words.iter().any(|word| verb.starts_with(word)) || SECRET_PERMISSIONS.contains(name)
    };
    let power = if has(CONTROL_PERMISSIONS) {
        Power::Control
    } else if has(SENSITIVE_PERMISSIONS) || ends(".setIamPolicy") {
        Power::Sensitive
    } else if !permissions.iter().all(reads) {
        Power::Write
    } else if has(SECRET_PERMISSIONS) {
        Power::Secrets
    } else {
        Power::Read
    };
    Abilities {
        power,
        impersonates: has(IMPERSONATE_PERMISSIONS),
        acts_as: has(&["iam.serviceAccounts.actAs"]),
        deploys: has(DEPLOY_PERMISSIONS),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn predefined_roles_say_it_by_their_names() {
        use PrivilegeLevel::{Admin, Read, Write};
        for (role, level, expected) in [
            ("roles/owner", Level::Organization, (Admin, 0)),
            ("roles/owner", Level::Project, (Admin, 0)),
            ("roles/owner", Level::Resource, (Admin, 2)),
            ("roles/editor", Level::Folder, (Write, 0)),
            ("roles/editor", Level::Project, (Write, 1)),
            ("roles/viewer", Level::Organization, (Read, 3)),
            (
                "roles/iam.serviceAccountTokenCreator",
                Level::Project,
                (Admin, 0),
            ),
            (
                "roles/iam.serviceAccountTokenCreator",
                Level::Resource,
                (Admin, 2),
            ),
            ("roles/iam.serviceAccountUser", Level::Project, (Write, 1)),
            ("roles/storage.admin", Level::Project, (Write, 1)),
            ("roles/compute.instanceAdmin", Level::Project, (Write, 1)),
            ("roles/compute.instanceAdmin.v1", Level::Project, (Write, 1)),
            ("roles/cloudbuild.builds.editor", Level::Project, (Write, 1)),
            ("roles/storage.objectAdmin", Level::Resource, (Write, 2)),
            ("roles/storage.objectViewer", Level::Project, (Read, 3)),
            (
                "roles/secretmanager.secretAccessor",
                Level::Project,
                (Read, 2),
            ),
            (
                "roles/cloudkms.cryptoKeyDecrypter",
                Level::Resource,
                (Read, 2),
            ),
            ("roles/run.developer", Level::Project, (Write, 2)),
            ("roles/something.new", Level::Project, (Write, 2)),
        ] {
            let (abilities, is_known) = Roles::default().abilities(role);
            let power = abilities.map(|abilities| abilities.power);
            assert_eq!(power.map(|power| power.at(level)), Some(expected), "{role}");
            assert!(is_known);
        }
        let (builder, _) = Roles::default().abilities("roles/cloudbuild.builds.editor");
        assert!(builder.is_some_and(|role| role.deploys));
        let (creator, _) = Roles::default().abilities("roles/iam.serviceAccountTokenCreator");
        assert!(creator.is_some_and(|role| role.impersonates && !role.acts_as));
    }

    #[test]
    fn custom_roles_say_it_by_their_permissions() {
        let mut roles = Roles::default();
        let name = "projects/p/roles/r";
        for (permissions, expected) in [
            (
                json!(["iam.roles.get", "storage.buckets.list"]),
                Power::Read,
            ),
            (json!(["secretmanager.versions.access"]), Power::Secrets),
            (json!(["storage.objects.create"]), Power::Write),
            (json!(["pubsub.topics.setIamPolicy"]), Power::Sensitive),
            (
                json!(["iam.serviceAccounts.actAs", "run.services.create"]),
                Power::Sensitive,
            ),
            (
                json!(["resourcemanager.projects.setIamPolicy"]),
                Power::Control,
            ),
            (
                json!(["storage.objects.get", "iam.serviceAccounts.signJwt"]),
                Power::Control,
            ),
        ] {
            let mut roles = Roles::default();
            assert!(roles.add(&json!({"name": name, "includedPermissions": permissions})));
            let (abilities, is_known) = roles.abilities(name);
            assert_eq!(abilities.map(|a| a.power), Some(expected), "{permissions}");
            assert!(is_known);
        }
        assert!(!roles.add(&json!({"name": "projects/p/roles/cut", "title": "Cut"})));
        assert_eq!(
            roles.abilities("projects/p/roles/cut"),
            (Some(plain(Power::Write)), false)
        );
        let off = "projects/p/roles/off";
        assert!(roles.add(&json!({"name": off, "stage": "DISABLED"})));
        assert_eq!(roles.abilities(off).0, None);
    }
}
