//! Google Cloud's federated principals: workload identity pools and their providers, workforce pools,
//! agent identities, and the Kubernetes service accounts of GKE clusters.

use std::collections::{BTreeMap, BTreeSet};

use enrich_core::KeyType;
use enrich_core::key::issuer_domain;
use enrich_core::vocabulary::{Kind, Provider};
use serde_json::Value;

use super::gcp::Estate;
use super::gcp_iam_policy::{Holdings, Trust};
use super::gcp_names::{Member, project_in, segment, text};
use super::gcp_projects::Hierarchy;
use crate::actions_subject;
use crate::record::{Harvest, Record, Source};
use crate::text::printable;

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

/// One federated principal that a policy names.
#[derive(Debug, Default)]
pub(super) struct Principal {
    keys: BTreeSet<String>,
    name: String,
    sub_type: &'static str,
    kind: Option<Kind>,
    domain: String,
    trust: Trust,
}

/// A `principal://` or `principalSet://`, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Federated<'a> {
    /// `projects/N/locations/global/workloadIdentityPools/POOL`, or the trust domain of agents.
    pool: &'a str,
    pool_id: &'a str,
    selector: Selector<'a>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Selector<'a> {
    Subject(&'a str),
    Attribute(&'a str, &'a str),
    /// `group/…`, `namespace/…` and the like.
    Part(&'a str),
    All,
    /// The path of a resource that acts under an identity of its own.
    Resource(&'a str),
}

impl<'a> Federated<'a> {
    fn parse(member: &'a str) -> Option<Self> {
        let rest = member
            .strip_prefix("principal://")
            .or_else(|| member.strip_prefix("principalSet://"))?;
        let (domain, path) = rest.split_once('/')?;
        if domain.ends_with(".system.id.goog") {
            return Some(Self {
                pool: domain,
                pool_id: domain,
                selector: Selector::Resource(path),
            });
        }
        let mark = ["/workloadIdentityPools/", "/workforcePools/"]
            .iter()
            .find_map(|mark| path.find(mark).map(|at| at + mark.len()))?;
        let end = path[mark..].find('/').map_or(path.len(), |at| mark + at);
        let (pool, pool_id) = (&path[..end], &path[mark..end]);
        let tail = path[end..].strip_prefix('/')?;
        let selector = match tail.split_once('/') {
            None if tail == "*" => Selector::All,
            Some(("subject", subject)) if !subject.is_empty() => Selector::Subject(subject),
            Some((attribute, value)) => match attribute.strip_prefix("attribute.") {
                Some(attribute) => Selector::Attribute(attribute, value),
                None => Selector::Part(tail),
            },
            None => return None,
        };
        (domain == "iam.googleapis.com" && !pool_id.is_empty()).then_some(Self {
            pool,
            pool_id,
            selector,
        })
    }

    fn is_workforce(&self) -> bool {
        self.pool.contains("/workforcePools/")
    }

    /// Namespace and name, for the account of a GKE cluster.
    fn kubernetes(&self) -> Option<(&'a str, &'a str)> {
        let Selector::Subject(subject) = self.selector else {
            return None;
        };
        let (namespace, name) = subject.strip_prefix("ns/")?.split_once("/sa/")?;
        self.pool_id
            .ends_with(".svc.id.goog")
            .then_some((namespace, name))
    }
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

    /// Whom a selector of a pool means.
    fn trust(&self, federated: &Federated<'_>, hierarchy: &Hierarchy) -> Trust {
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
                match &self.aws_account {
                    Some(account) => trust.assumable_by.insert(format!("aws:{account}:root")),
                    None if !issuer.is_empty() => trust
                        .assumable_by
                        .insert(format!("oidc_subject@{issuer}:*")),
                    None => false,
                };
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

/// A member's place in a pool: GKE's old names are written as today's.
fn modern<'m>(member: &'m str, hierarchy: &Hierarchy, buffer: &'m mut String) -> &'m str {
    let Member::Gke(pool, namespace, name) = Member::parse(member) else {
        return member;
    };
    let project = pool.trim_end_matches(".svc.id.goog");
    let number = hierarchy.number(project).unwrap_or(project);
    *buffer = format!(
        "principal://iam.googleapis.com/projects/{number}/locations/global/workloadIdentityPools/{pool}/subject/ns/{namespace}/sa/{name}"
    );
    buffer
}

impl Estate {
    /// The uid of a federated principal, which becomes an identity with it. `None` for what has no
    /// form that is known.
    pub(super) fn federated(&mut self, member: &str) -> Option<String> {
        let mut buffer = String::new();
        let written = modern(member, &self.hierarchy, &mut buffer);
        let federated = Federated::parse(written)?;
        let number = project_in(federated.pool).unwrap_or_default();
        let project = self.hierarchy.project(number).to_owned();
        let mut keys = BTreeSet::from([member.to_owned()]);
        let (uid, name, sub_type, kind, domain) = match federated.selector {
            Selector::Subject(subject) if federated.is_workforce() => (
                format!("gcp:{}:principal/{subject}", federated.pool_id),
                subject,
                "gcp_workforce_principal",
                Kind::Human,
                federated.pool_id.to_owned(),
            ),
            Selector::Subject(subject) => match federated.kubernetes() {
                Some((namespace, name)) => {
                    let pool = federated.pool_id;
                    keys.insert(format!("serviceAccount:{pool}[{namespace}/{name}]"));
                    // Without the project's number today's name is not known.
                    if number.bytes().all(|byte| byte.is_ascii_digit()) {
                        keys.insert(written.to_owned());
                    }
                    (
                        format!("gcp:{pool}:principal/{subject}"),
                        subject,
                        "gcp_gke_service_account",
                        Kind::Workload,
                        pool.trim_end_matches(".svc.id.goog").to_owned(),
                    )
                }
                None => {
                    let providers = self.pools.providers(federated.pool, &self.hierarchy);
                    let is_ci = providers.iter().any(|provider| {
                        provider.claim("google.subject") == Some("sub")
                            && provider.repository_of(subject).is_some()
                    });
                    let kind = if is_ci { Kind::CiJob } else { Kind::Workload };
                    (
                        format!("gcp:{number}:principal/{}/{subject}", federated.pool_id),
                        subject,
                        "gcp_federated_principal",
                        kind,
                        project,
                    )
                }
            },
            Selector::Resource(path) => {
                let number = project_in(path).unwrap_or_default();
                let is_agent = federated.pool.starts_with("agents.");
                (
                    format!("gcp:{}:principal/{path}", federated.pool),
                    path.rsplit('/').next().unwrap_or(path),
                    "gcp_agent_identity",
                    if is_agent {
                        Kind::AiAgent
                    } else {
                        Kind::Workload
                    },
                    self.hierarchy.project(number).to_owned(),
                )
            }
            _ => return None,
        };
        let trust = self.pools.trust(&federated, &self.hierarchy);
        let known = self.pools.principals.entry(uid.clone()).or_default();
        known.keys.append(&mut keys);
        known.name = name.to_owned();
        known.sub_type = sub_type;
        known.kind = Some(kind);
        known.domain = domain;
        known.trust = trust;
        Some(uid)
    }

    /// Whom a federated member lets become an account.
    pub(super) fn federated_trust(&mut self, member: &str) -> Trust {
        let uid = match Member::parse(member) {
            Member::PrincipalSet(_) => None,
            _ => self.federated(member),
        };
        let mut buffer = String::new();
        let written = modern(member, &self.hierarchy, &mut buffer);
        let mut trust = Federated::parse(written)
            .map(|federated| self.pools.trust(&federated, &self.hierarchy))
            .unwrap_or_default();
        // Where the set says nothing that others could meet, its own name is what is known.
        if uid.is_none() && trust.assumable_by.is_empty() {
            trust.assumable_by.insert(member.to_owned());
        }
        trust.assumable_by.extend(uid);
        trust
    }
}

impl Principal {
    /// The record of a principal.
    pub(super) fn harvest(
        self,
        uid: &str,
        holdings: Holdings,
        source: &Source,
        harvest: &mut Harvest,
    ) {
        let mut record = Record::new(source, Some(uid.to_owned()));
        for key in &self.keys {
            if let Err(refusal) = record.add_key(KeyType::GcpPrincipal, "", key, None) {
                harvest.warn(source, format!("{}: {refusal}", printable(key, 160)));
            }
        }
        let facts = &mut record.facts;
        facts.name = Some(self.name);
        facts.native_kind = self.kind;
        facts.sub_type = Some(self.sub_type.to_owned());
        facts.provider = Some(Provider::Gcp);
        facts.domain = Some(self.domain);
        facts.namespace = segment(uid, "ns").map(str::to_owned);
        facts.assumable_by = self.trust.assumable_by.into_iter().collect();
        facts.workloads = self.trust.workloads.into_iter().collect();
        facts.unconditioned_trust = self.trust.unconditioned.into_iter().collect();
        facts.grants = holdings.grants.into_iter().collect();
        facts.can_assume = holdings.can_assume.into_iter().collect();
        harvest.records.push(record);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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

    fn list(set: &BTreeSet<String>) -> Vec<&str> {
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

    #[test]
    fn principals_have_many_forms() {
        let parse = |member| Federated::parse(member).map(|found| (found.pool_id, found.selector));
        assert_eq!(
            parse(
                "principal://iam.googleapis.com/locations/global/workforcePools/staff/subject/jane@example.com"
            ),
            Some(("staff", Selector::Subject("jane@example.com")))
        );
        assert_eq!(
            parse(
                "principal://agents.global.org-9.system.id.goog/resources/aiplatform/projects/1/locations/europe-west1/reasoningEngines/7"
            ),
            Some((
                "agents.global.org-9.system.id.goog",
                Selector::Resource(
                    "resources/aiplatform/projects/1/locations/europe-west1/reasoningEngines/7"
                )
            ))
        );
        assert_eq!(
            parse(
                "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/group/admins"
            ),
            Some(("p", Selector::Part("group/admins")))
        );
        for none in [
            "principalSet://goog/public:all",
            "principal://iam.googleapis.com/projects/1",
            "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p",
            "",
        ] {
            assert_eq!(parse(none), None, "{none}");
        }
    }
}
