//! Links: trust edges between identities, on both ends.

use std::fmt::Write;

use super::jobs::{Jobs, subject_of};
use super::*;
use crate::model::Lineage;
use crate::text::{glob, printable};

/// The annotations of a service account that name an identity of a cloud: in the words of a warning, what they
/// name and why it takes over nothing.
const ANNOTATIONS: &[(Provider, &str)] = &[
    (
        Provider::Aws,
        "an AWS role in eks.amazonaws.com/role-arn that does not trust them, and the role",
    ),
    (
        Provider::Gcp,
        "an account of Google Cloud in iam.gke.io/gcp-service-account that does not let them in (roles/iam.workloadIdentityUser), and the account",
    ),
    (
        Provider::Entra,
        "an identity of Entra in azure.workload.identity/client-id that has no federated credential for them, and the identity",
    ),
];

/// Writes trust edges as uids and on both ends; a cloud role takes over the workloads of the
/// Kubernetes accounts that become it. Gives warnings.
pub(super) fn link(subjects: &mut [Stored]) -> Vec<String> {
    let jobs = Jobs::of(subjects);
    jobs.take_subjects(subjects);
    // Only keys that an edge names are looked up: most identities are at the end of none.
    let mut by_key: HashMap<String, BTreeSet<String>> = HashMap::new();
    for subject in subjects.iter() {
        let (lineage, _) = subject.edges();
        for text in lineage.assumable_by.into_iter().chain(lineage.can_assume) {
            by_key.entry(text).or_default();
        }
    }
    if !by_key.is_empty() {
        let mut notation = String::new();
        for subject in subjects.iter() {
            subject.each_key(|key| {
                notation.clear();
                // Writing to a String cannot fail.
                let _ = write!(
                    notation,
                    "{}",
                    Key::new(key.key_type, key.domain, key.value)
                );
                if let Some(uids) = by_key.get_mut(&notation) {
                    uids.insert(subject.uid.to_string());
                }
            });
        }
    }
    // What leads nowhere is as good as not asked for.
    by_key.retain(|_, uids| uids.len() == 1);
    let resolve = |text: &mut String| {
        if let Some(uid) = by_key.get(text.as_str()).and_then(BTreeSet::first)
            // The subject of a job says under which conditions; the job's uid comes beside it.
            && !jobs.has(uid)
        {
            text.clone_from(uid);
        }
    };
    let (mut inward, mut outward): (
        BTreeMap<String, BTreeSet<String>>,
        BTreeMap<String, BTreeSet<String>>,
    ) = (BTreeMap::new(), BTreeMap::new());
    let mut running: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut asking: BTreeMap<String, Asking> = BTreeMap::new();
    for subject in subjects.iter_mut() {
        let stated = subject.edges();
        let mut edges = stated.clone();
        let lineage = &mut edges.0;
        lineage.assumable_by.iter_mut().for_each(resolve);
        lineage.can_assume.iter_mut().for_each(resolve);
        jobs.let_in(&subject.uid, lineage, &mut outward);
        for by in &lineage.assumable_by {
            outward
                .entry(by.clone())
                .or_default()
                .insert(subject.uid.to_string());
        }
        // Kubernetes states the edge alone; an AWS policy needs the role's consent as well, and so does
        // an annotation, which whoever may edit the account can write: the identity that it names changes
        // only when its own source confirms it. An association of EKS states both ends.
        if subject.provider == Provider::K8s {
            if !lineage.can_assume.is_empty() {
                asking.insert(subject.uid.to_string(), Asking::of(&subject.aliases()));
            }
            for role in &lineage.can_assume {
                inward
                    .entry(role.clone())
                    .or_default()
                    .insert(subject.uid.to_string());
            }
            // GKE's side of an edge stands in the policy of the Google account alone.
            if !edges.1.is_empty() {
                running.insert(subject.uid.to_string(), edges.1.clone());
            }
        }
        if edges != stated {
            subject.set_edges(&edges);
        }
    }
    let mut refused: BTreeMap<Provider, BTreeSet<String>> = BTreeMap::new();
    for subject in subjects.iter_mut() {
        let stated = subject.edges();
        let mut edges = stated.clone();
        let (lineage, workloads) = &mut edges;
        if subject.provider != Provider::K8s
            && let Some(accounts) = inward.get_mut(&*subject.uid)
        {
            accounts.retain(|account| {
                let is_let_in = asking
                    .get(account)
                    .is_none_or(|asking| asking.is_let_in(account, lineage));
                if !is_let_in {
                    let refused = refused.entry(subject.provider).or_default();
                    refused.insert(account.clone());
                }
                is_let_in
            });
        }
        let uid = &*subject.uid;
        for (list, more) in [
            (&mut lineage.assumable_by, inward.get(uid)),
            (&mut lineage.can_assume, outward.get(uid)),
        ] {
            if let Some(more) = more {
                list.extend(more.iter().cloned());
                list.sort();
                list.dedup();
            }
        }
        if subject.provider != Provider::K8s && !running.is_empty() {
            let by = lineage.assumable_by.iter();
            let before = workloads.len();
            let taken = by.filter_map(|by| running.get(by)).flatten().cloned();
            workloads.extend(taken);
            if workloads.len() > before {
                workloads.sort();
                workloads.dedup();
            }
        }
        if edges != stated {
            subject.set_edges(&edges);
        }
    }
    ANNOTATIONS
        .iter()
        .filter_map(|(provider, words)| Some((refused.get(provider)?, words)))
        .map(|(refused, words)| {
            let few: Vec<String> = refused
                .iter()
                .take(5)
                .map(|uid| printable(uid, 80))
                .collect();
            let more = if refused.len() > few.len() {
                ", …"
            } else {
                ""
            };
            format!(
                "{} service accounts name {words} takes over nothing from them: {}{more}",
                refused.len(),
                few.join(", ")
            )
        })
        .collect()
}

/// A service account that says it becomes an identity of a cloud.
struct Asking {
    /// Who it is to those who trust its tokens.
    user: Option<String>,
    /// Who issues its tokens, where that is known.
    issuers: Vec<String>,
}

impl Asking {
    fn of(aliases: &[Alias]) -> Self {
        let keys = |key_type| {
            let aliases = aliases.iter();
            aliases.filter(move |alias| alias.key_type == key_type)
        };
        Self {
            user: keys(KeyType::K8sUser)
                .next()
                .map(|alias| alias.value.clone()),
            issuers: keys(KeyType::OidcSubject)
                .map(|alias| alias.domain.clone())
                .collect(),
        }
    }

    /// Whether the identity lets the account in.
    fn is_let_in(&self, account: &str, identity: &Lineage) -> bool {
        identity.assumable_by.iter().any(|by| {
            by == account
                || by == "*"
                || by == "aws_service:pods.eks.amazonaws.com"
                || self.is_of_pool(by)
                || subject_of(by).is_some_and(|(issuer, pattern)| {
                    (self.issuers.is_empty() || self.issuers.contains(&issuer))
                        && self.user.as_ref().is_some_and(|user| glob(&pattern, user))
                })
        })
    }

    /// Whether this is the account as GKE's pool of a project names it. Which cluster of the project it
    /// is does not matter to Google: all of them are one to the pool.
    fn is_of_pool(&self, by: &str) -> bool {
        let Some((pool, account)) = by
            .strip_prefix("gcp:")
            .and_then(|rest| rest.split_once(":principal/ns/"))
        else {
            return false;
        };
        let Some(project) = pool.strip_suffix(".svc.id.goog") else {
            return false;
        };
        let user = self.user.as_deref();
        let name = user.and_then(|user| user.strip_prefix("system:serviceaccount:"));
        let of_project = format!("container.googleapis.com/v1/projects/{project}/");
        name.and_then(|name| name.split_once(':')) == account.split_once("/sa/")
            && (self.issuers.is_empty()
                || self.issuers.iter().any(|it| it.starts_with(&of_project)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Source;

    fn record(uid: &str, provider: Provider, keys: &[(KeyType, &str, &str)]) -> Record {
        let source = Source {
            name: "s".to_owned(),
            rank: 0,
            observed_ms: 0,
            domain: None,
        };
        let mut record = Record::new(&source, Some(uid.to_owned()));
        for (key_type, domain, value) in keys {
            record.add_key(*key_type, domain, value, None).unwrap();
        }
        record.facts.provider = Some(provider);
        record
    }

    const ACCOUNT: &str = "k8s:prod:shop/api";

    /// An account of Kubernetes that names `named`, beside `cloud` that lets in `trusted`.
    fn meet(named: &str, mut cloud: Record, trusted: &str, issuer: &str) -> (Lineage, Vec<String>) {
        let user = "system:serviceaccount:shop:api";
        let mut keys = vec![(KeyType::K8sUser, "prod", user)];
        if !issuer.is_empty() {
            keys.push((KeyType::OidcSubject, issuer, user));
        }
        let mut account = record(ACCOUNT, Provider::K8s, &keys);
        account.facts.can_assume = vec![named.to_owned()];
        account.facts.workloads = vec!["k8s:prod/shop/Deployment/api".to_owned()];
        if !trusted.is_empty() {
            cloud.facts.assumable_by = vec![trusted.to_owned()];
        }
        let uid = cloud.uid.clone().unwrap();
        let mut harvest = Harvest {
            records: vec![account, cloud],
            ..Harvest::default()
        };
        let reconciled = reconcile(&mut harvest, &Precedence::default());
        let of = |uid: &str| {
            let stored = reconciled.subjects.iter().find(|it| *it.uid == *uid);
            stored.unwrap().clone().open().identity
        };
        assert_eq!(of(ACCOUNT).lineage.can_assume, std::slice::from_ref(&uid));
        let cloud = of(&uid);
        let takes_over = !cloud.workloads.is_empty();
        let knows = cloud.lineage.assumable_by.contains(&ACCOUNT.to_owned());
        assert_eq!(takes_over, knows, "both or neither");
        (cloud.lineage, reconciled.warnings)
    }

    fn is_in(lineage: &Lineage) -> bool {
        lineage.assumable_by.contains(&ACCOUNT.to_owned())
    }

    #[test]
    fn an_account_of_google_cloud_has_to_let_in_who_names_it() {
        let mail = "api@larkmoor.iam.gserviceaccount.com";
        let named = format!("gcp_email:{mail}");
        let meet = |trusted: &str, issuer: &str| {
            let uid = format!("gcp:larkmoor:sa/{mail}");
            let cloud = record(&uid, Provider::Gcp, &[(KeyType::GcpEmail, "", mail)]);
            meet(&named, cloud, trusted, issuer)
        };
        let (lineage, warnings) = meet("", "");
        assert!(lineage.assumable_by.is_empty());
        assert!(
            warnings[0].starts_with("1 service accounts name an account of Google Cloud in iam.gke.io/gcp-service-account"),
            "{warnings:?}"
        );
        let pool = "gcp:larkmoor.svc.id.goog:principal/ns/shop/sa/api";
        let issuer = "container.googleapis.com/v1/projects/larkmoor/locations/eu/clusters/prod";
        for (trusted, issuer) in [(ACCOUNT, ""), (pool, ""), (pool, issuer), ("*", "")] {
            let (lineage, warnings) = meet(trusted, issuer);
            assert!(is_in(&lineage), "{trusted} {issuer}");
            assert_eq!(warnings, [""; 0]);
        }
        for (trusted, issuer) in [
            ("gcp:larkmoor.svc.id.goog:principal/ns/shop/sa/other", ""),
            ("gcp:larkmoor.svc.id.goog:principal/ns/other/sa/api", ""),
            (pool, "oidc.eks.eu-west-1.amazonaws.com/id/7E57"),
            (
                pool,
                "container.googleapis.com/v1/projects/larkmoor-2/locations/eu/clusters/prod",
            ),
        ] {
            let (lineage, warnings) = meet(trusted, issuer);
            assert!(!is_in(&lineage), "{trusted} {issuer}");
            assert_eq!(warnings.len(), 1);
        }
    }

    #[test]
    fn an_identity_of_entra_has_to_let_in_who_names_it() {
        let app = "a1b2c3d4-0000-4000-8000-00000000000a";
        let named = format!("entra_app_id:{app}");
        let meet = |trusted: &str, issuer: &str| {
            let cloud = record(
                "entra:7e57:sp/1",
                Provider::Entra,
                &[(KeyType::EntraAppId, "", app)],
            );
            meet(&named, cloud, trusted, issuer)
        };
        let issuer = "eastus.oic.prod-aks.azure.com/7e57/c1";
        let subject = format!("oidc_subject@{issuer}:system:serviceaccount:shop:api");
        let other = format!("oidc_subject@{issuer}:system:serviceaccount:shop:other");
        for (trusted, issuer) in [(&*subject, issuer), (&subject, ""), (ACCOUNT, "")] {
            let (lineage, warnings) = meet(trusted, issuer);
            assert!(is_in(&lineage), "{trusted} {issuer}");
            assert_eq!(warnings, [""; 0]);
        }
        for (trusted, issuer) in [
            ("", issuer),
            (&*other, issuer),
            (&subject, "westeurope.oic.prod-aks.azure.com/7e57/c2"),
        ] {
            let (lineage, warnings) = meet(trusted, issuer);
            assert!(!is_in(&lineage), "{trusted} {issuer}");
            assert!(
                warnings[0].contains("azure.workload.identity/client-id"),
                "{warnings:?}"
            );
        }
    }
}
