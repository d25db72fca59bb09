//! Links: trust edges between identities, on both ends.

use std::fmt::Write;

use super::jobs::{Jobs, subject_of};
use super::*;
use crate::model::Lineage;
use crate::text::{glob, printable};

/// The annotation of a service account that names an AWS role.
const ROLE_ARN: &str = "eks.amazonaws.com/role-arn";

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
        // an annotation, which whoever may edit the account can write. An association of EKS states
        // both ends.
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
    let mut refused = BTreeSet::new();
    for subject in subjects.iter_mut() {
        let stated = subject.edges();
        let mut edges = stated.clone();
        let (lineage, workloads) = &mut edges;
        if subject.provider == Provider::Aws
            && let Some(accounts) = inward.get_mut(&*subject.uid)
        {
            accounts.retain(|account| {
                let is_let_in = asking
                    .get(account)
                    .is_none_or(|asking| asking.is_let_in(account, lineage));
                if !is_let_in {
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
    if refused.is_empty() {
        return Vec::new();
    }
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
    vec![format!(
        "{} service accounts name an AWS role in {ROLE_ARN} that does not trust them, and the role takes over nothing from them: {}{more}",
        refused.len(),
        few.join(", ")
    )]
}

/// A service account that says it becomes a role.
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

    /// Whether the role lets the account in.
    fn is_let_in(&self, account: &str, role: &Lineage) -> bool {
        role.assumable_by.iter().any(|by| {
            by == account
                || by == "*"
                || by == "aws_service:pods.eks.amazonaws.com"
                || subject_of(by).is_some_and(|(issuer, pattern)| {
                    (self.issuers.is_empty() || self.issuers.contains(&issuer))
                        && self.user.as_ref().is_some_and(|user| glob(&pattern, user))
                })
        })
    }
}
