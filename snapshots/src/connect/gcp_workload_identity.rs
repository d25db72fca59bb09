//! Google Cloud's workload identity pools: which tokens their providers accept, and whom that lets in.

use std::collections::{BTreeMap, BTreeSet};

use enrich_core::key::issuer_domain;
use serde_json::Value;

use super::gcp_iam_policy::Trust;
use super::gcp_names::{project_in, text};
use super::gcp_principals::{Federated, Principal, Selector};
use super::gcp_projects::Hierarchy;
use crate::actions_subject;

/// Members of a provider that this version knows.
pub(super) const KNOWN: &[&str] = &[
    "attributeCondition",
    "attributeMapping",
    "aws",
    "description",
    "disabled",
    "displayName",
    "expireTime",
    "name",
    "oidc",
    "saml",
    "state",
    "x509",
];

const GITHUB: &str = "token.actions.githubusercontent.com";

/// Issuers that sign for everybody who has an account there, and the claims that say whose account it is.
const SHARED_ISSUERS: &[(&str, &[&str])] = &[
    (
        GITHUB,
        &[
            "sub",
            "repository",
            "repository_id",
            "repository_owner",
            "repository_owner_id",
            "job_workflow_ref",
            "workflow_ref",
            "enterprise",
            "enterprise_id",
        ],
    ),
    (
        "gitlab.com",
        &[
            "sub",
            "project_path",
            "project_id",
            "namespace_path",
            "namespace_id",
            "ci_config_ref_uri",
        ],
    ),
    (
        "app.terraform.io",
        &[
            "sub",
            "terraform_organization_id",
            "terraform_organization_name",
            "terraform_project_id",
            "terraform_workspace_id",
            "terraform_full_workspace",
        ],
    ),
    (
        "agent.buildkite.com",
        &["sub", "organization_slug", "organization_id"],
    ),
    (
        "oidc.vercel.com",
        &["sub", "owner", "owner_id", "project_id"],
    ),
];

/// A provider of a pool.
#[derive(Debug, Default)]
struct PoolProvider {
    name: String,
    /// Without scheme; empty for providers that are not OpenID Connect.
    issuer: String,
    aws_account: Option<String>,
    mapping: BTreeMap<String, String>,
    has_condition: bool,
    is_off: bool,
}

/// Pools, their providers, and the clusters that have one.
#[derive(Debug, Default)]
pub(super) struct Pools {
    /// By the name of the pool, with the project as written.
    providers: BTreeMap<String, Vec<PoolProvider>>,
    disabled: BTreeSet<String>,
    /// Names of clusters by pool (`PROJECT.svc.id.goog`).
    clusters: BTreeMap<String, BTreeSet<String>>,
    pub(super) principals: BTreeMap<String, Principal>,
}

impl Pools {
    /// Takes in a pool.
    pub(super) fn add_pool(&mut self, value: &Value) {
        let is_off = value.get("disabled") == Some(&Value::Bool(true))
            || text(value, "state") == Some("DELETED");
        if let (true, Some(name)) = (is_off, text(value, "name")) {
            self.disabled.insert(name.to_owned());
        }
    }

    /// Takes in a provider.
    pub(super) fn add_provider(&mut self, value: &Value) {
        let Some((pool, name)) =
            text(value, "name").and_then(|name| name.split_once("/providers/"))
        else {
            return;
        };
        let issuer = value.get("oidc").and_then(|oidc| text(oidc, "issuerUri"));
        let account = value.get("aws").and_then(|aws| text(aws, "accountId"));
        let mapping = value.get("attributeMapping").and_then(Value::as_object);
        let condition = text(value, "attributeCondition").map(str::trim);
        let mapped =
            |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
        let provider = PoolProvider {
            name: name.to_owned(),
            issuer: issuer.map(issuer_domain).unwrap_or_default().to_owned(),
            aws_account: account.map(str::to_owned),
            mapping: mapping.into_iter().flatten().filter_map(mapped).collect(),
            has_condition: condition.is_some_and(|text| !text.is_empty() && text != "true"),
            is_off: value.get("disabled") == Some(&Value::Bool(true))
                || text(value, "state") == Some("DELETED"),
        };
        let known = self.providers.entry(pool.to_owned()).or_default();
        if !known.iter().any(|other| other.name == provider.name) {
            known.push(provider);
        }
    }

    /// Takes in a GKE cluster: which pool its accounts are in.
    pub(super) fn add_cluster(&mut self, value: &Value) {
        let pool = value
            .get("workloadIdentityConfig")
            .and_then(|config| text(config, "workloadPool"));
        if let (Some(pool), Some(name)) = (pool, text(value, "name")) {
            let names = self.clusters.entry(pool.to_owned()).or_default();
            names.insert(name.to_owned());
        }
    }

    /// The providers of a pool that are switched on. A pool is written with the number of its project,
    /// providers with either.
    fn providers(&self, pool: &str, hierarchy: &Hierarchy) -> Vec<&PoolProvider> {
        let project = project_in(pool).unwrap_or_default();
        let by_id = pool.replacen(
            &format!("projects/{project}/"),
            &format!("projects/{}/", hierarchy.project(project)),
            1,
        );
        if self.disabled.contains(pool) || self.disabled.contains(&by_id) {
            return Vec::new();
        }
        let mut names = vec![pool];
        if by_id != pool {
            names.push(&by_id);
        }
        let found = names.iter().filter_map(|name| self.providers.get(*name));
        found
            .flatten()
            .filter(|provider| !provider.is_off)
            .collect()
    }

    /// Whether a subject of a pool is a job of GitHub Actions.
    pub(super) fn is_job(&self, pool: &str, subject: &str, hierarchy: &Hierarchy) -> bool {
        let providers = self.providers(pool, hierarchy);
        providers.iter().any(|provider| provider.is_job(subject))
    }

    /// Whom a selector of a pool means.
    pub(super) fn trust(&self, federated: &Federated<'_>, hierarchy: &Hierarchy) -> Trust {
        let mut trust = Trust::default();
        if let Some((namespace, name)) = federated.kubernetes() {
            let clusters = self.clusters.get(federated.pool_id);
            for cluster in clusters.into_iter().flatten() {
                let uid = format!("k8s:{cluster}:{namespace}/{name}");
                trust.assumable_by.insert(uid);
            }
            return trust;
        }
        for provider in self.providers(federated.pool, hierarchy) {
            provider.admit(federated, &mut trust);
        }
        trust
    }
}

impl PoolProvider {
    /// Whether a subject of the provider is a job of GitHub Actions.
    fn is_job(&self, subject: &str) -> bool {
        self.claim("google.subject") == Some("sub") && self.repository_of(subject).is_some()
    }

    /// The claim that an attribute of Google's is filled from, when it is filled from one.
    fn claim(&self, attribute: &str) -> Option<&str> {
        let expression = self.mapping.get(attribute)?.trim();
        let claim = expression.strip_prefix("assertion.")?;
        let is_name = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        claim.bytes().all(is_name).then_some(claim)
    }

    /// Whether a value of an attribute can come from strangers: the issuer serves everybody, and
    /// neither the condition nor the attribute says whose account it is.
    fn admits_strangers(&self, attribute: &str) -> bool {
        let shared = SHARED_ISSUERS
            .iter()
            .find(|(issuer, _)| *issuer == self.issuer);
        let (Some((_, claims)), Some(expression)) = (shared, self.mapping.get(attribute)) else {
            return false;
        };
        let names_it = |claim: &&str| {
            let words = expression.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
            words.into_iter().any(|word| word == *claim)
        };
        !self.has_condition && !claims.iter().any(names_it)
    }

    /// The repository of a GitHub Actions subject.
    fn repository_of(&self, subject: &str) -> Option<String> {
        let is_github = self.issuer == GITHUB || self.issuer.starts_with(&format!("{GITHUB}/"));
        actions_subject::repository(subject).filter(|_| is_github)
    }

    fn admit(&self, federated: &Federated<'_>, trust: &mut Trust) {
        let issuer = &self.issuer;
        let strangers = |what: &str| {
            format!(
                "provider {} of pool {} has no attribute condition, and {what} of {issuer} does not say whose account it is",
                self.name, federated.pool_id
            )
        };
        match federated.selector {
            Selector::Subject(subject) if !issuer.is_empty() => {
                match self.claim("google.subject") {
                    Some("sub") => {
                        let key = format!("oidc_subject@{issuer}:{subject}");
                        trust.assumable_by.insert(key);
                        let repository = self.repository_of(subject);
                        trust
                            .workloads
                            .extend(repository.map(|name| format!("github-actions:{name}")));
                    }
                    Some("repository") if issuer == GITHUB => self.repository(subject, trust),
                    _ => {}
                }
                if self.admits_strangers("google.subject") {
                    trust.unconditioned.insert(strangers("google.subject"));
                }
            }
            Selector::Attribute(attribute, value) if !issuer.is_empty() => {
                let key = format!("attribute.{attribute}");
                match self.claim(&key) {
                    Some("sub") => {
                        let key = format!("oidc_subject@{issuer}:{value}");
                        trust.assumable_by.insert(key);
                    }
                    Some("repository") if issuer == GITHUB => self.repository(value, trust),
                    Some("repository_owner") if issuer == GITHUB => {
                        self.repository(&format!("{value}/*"), trust);
                    }
                    _ => {}
                }
                if self.admits_strangers(&key) {
                    trust.unconditioned.insert(strangers(&key));
                }
            }
            Selector::All => {
                let everybody = match &self.aws_account {
                    Some(account) => Some(format!("aws:{account}:root")),
                    None if !issuer.is_empty() => Some(format!("oidc_subject@{issuer}:*")),
                    None => None,
                };
                trust.assumable_by.extend(everybody);
                if !self.has_condition && !issuer.is_empty() {
                    trust.unconditioned.insert(format!(
                        "every identity of pool {} may become it, and provider {} accepts every token of {issuer}: it has no attribute condition",
                        federated.pool_id, self.name
                    ));
                }
            }
            Selector::Subject(_)
            | Selector::Attribute(..)
            | Selector::Part(_)
            | Selector::Resource(_) => {}
        }
    }

    /// A repository of GitHub, or all of an owner's.
    fn repository(&self, name: &str, trust: &mut Trust) {
        let key = format!("oidc_subject@{}:repo:{name}:*", self.issuer);
        trust.assumable_by.insert(key.replace("/*:*", "/*"));
        trust.workloads.insert(format!("github-actions:{name}"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::sorted::Sorted;
    use super::*;

    const POOL: &str = "projects/123456789012/locations/global/workloadIdentityPools/github";

    fn pools(condition: Option<&str>) -> Pools {
        let mut pools = Pools::default();
        pools.add_provider(&json!({"name": format!("{POOL}/providers/actions"), "state": "ACTIVE", "attributeCondition": condition,
            "attributeMapping": {"google.subject": "assertion.sub", "attribute.repository": "assertion.repository",
                "attribute.actor": "assertion.actor", "attribute.repository_owner": "assertion.repository_owner"},
            "oidc": {"issuerUri": "https://token.actions.githubusercontent.com"}}));
        pools
    }

    fn trust(pools: &Pools, member: &str) -> Trust {
        pools.trust(&Federated::parse(member).unwrap(), &Hierarchy::default())
    }

    fn list(set: &Sorted<String>) -> Vec<&str> {
        set.iter().map(String::as_str).collect()
    }

    #[test]
    fn selectors_become_subjects_and_repositories() {
        let pools = pools(Some("assertion.repository_owner == 'larkmoor'"));
        let set = |selector: &str| format!("principalSet://iam.googleapis.com/{POOL}/{selector}");
        for (member, by, workload) in [
            (
                format!(
                    "principal://iam.googleapis.com/{POOL}/subject/repo:larkmoor/shop:ref:refs/heads/main"
                ),
                "oidc_subject@token.actions.githubusercontent.com:repo:larkmoor/shop:ref:refs/heads/main",
                "github-actions:larkmoor/shop",
            ),
            (
                set("attribute.repository/larkmoor/shop"),
                "oidc_subject@token.actions.githubusercontent.com:repo:larkmoor/shop:*",
                "github-actions:larkmoor/shop",
            ),
            (
                set("attribute.repository_owner/larkmoor"),
                "oidc_subject@token.actions.githubusercontent.com:repo:larkmoor/*",
                "github-actions:larkmoor/*",
            ),
        ] {
            let trust = trust(&pools, &member);
            assert_eq!(list(&trust.assumable_by), [by]);
            assert_eq!(list(&trust.workloads), [workload]);
            assert!(trust.unconditioned.is_empty());
        }
        let all = trust(&pools, &set("*"));
        assert_eq!(
            list(&all.assumable_by),
            ["oidc_subject@token.actions.githubusercontent.com:*"]
        );
        assert!(all.unconditioned.is_empty());
    }

    #[test]
    fn a_pool_without_a_condition_lets_strangers_in() {
        let pools = pools(None);
        let set = |selector: &str| format!("principalSet://iam.googleapis.com/{POOL}/{selector}");
        for (selector, is_open) in [
            ("*", true),
            ("attribute.actor/jane", true),
            ("attribute.repository/larkmoor/shop", false),
            ("attribute.repository_owner/larkmoor", false),
        ] {
            let trust = trust(&pools, &set(selector));
            assert_eq!(!trust.unconditioned.is_empty(), is_open, "{selector}");
        }
        let mut off = self::pools(None);
        off.add_pool(&json!({"name": POOL, "disabled": true}));
        assert!(trust(&off, &set("*")).assumable_by.is_empty());
    }
}
