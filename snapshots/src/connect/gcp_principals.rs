//! Google Cloud's federated principals as members of policies name them: subjects of workload identity and
//! workforce pools, agent identities, and the Kubernetes service accounts of GKE clusters.

use std::collections::BTreeSet;

use enrich_core::KeyType;
use enrich_core::vocabulary::{Kind, Provider};

use super::gcp::Estate;
use super::gcp_iam_policy::{Holdings, Trust};
use super::gcp_names::{Member, project_in, segment};
use super::gcp_projects::Hierarchy;
use crate::record::{Harvest, Record, Source};
use crate::text::printable;

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
pub(super) struct Federated<'a> {
    /// `projects/N/locations/global/workloadIdentityPools/POOL`, or the trust domain of agents.
    pub(super) pool: &'a str,
    pub(super) pool_id: &'a str,
    pub(super) selector: Selector<'a>,
}

/// Whom of a pool a member means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Selector<'a> {
    Subject(&'a str),
    Attribute(&'a str, &'a str),
    /// `group/…`, `namespace/…` and the like.
    Part(&'a str),
    All,
    /// The path of a resource that acts under an identity of its own.
    Resource(&'a str),
}

impl<'a> Federated<'a> {
    pub(super) fn parse(member: &'a str) -> Option<Self> {
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
    pub(super) fn kubernetes(&self) -> Option<(&'a str, &'a str)> {
        let Selector::Subject(subject) = self.selector else {
            return None;
        };
        let (namespace, name) = subject.strip_prefix("ns/")?.split_once("/sa/")?;
        self.pool_id
            .ends_with(".svc.id.goog")
            .then_some((namespace, name))
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
                    let is_ci = self.pools.is_job(federated.pool, subject, &self.hierarchy);
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
        facts.assumable_by = self.trust.assumable_by.into_vec();
        facts.workloads = self.trust.workloads.into_vec();
        facts.unconditioned_trust = self.trust.unconditioned.into_vec();
        facts.grants = holdings.grants.into_vec();
        facts.can_assume = holdings.can_assume.into_vec();
        harvest.records.push(record);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
