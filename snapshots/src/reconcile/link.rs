//! Links: trust edges between identities, on both ends.

use super::jobs::Jobs;
use super::*;

/// Writes trust edges as uids and on both ends; a cloud role takes over the workloads of the
/// Kubernetes accounts that become it.
pub(super) fn link(subjects: &mut [Box<Subject>]) {
    let jobs = Jobs::of(subjects);
    jobs.take_subjects(subjects);
    // Only keys that an edge names are looked up: most identities are at the end of none.
    let mut by_key: HashMap<String, BTreeSet<String>> = HashMap::new();
    for subject in subjects.iter() {
        let lineage = &subject.identity.lineage;
        for text in lineage.assumable_by.iter().chain(&lineage.can_assume) {
            if !by_key.contains_key(text) {
                by_key.insert(text.clone(), BTreeSet::new());
            }
        }
    }
    if !by_key.is_empty() {
        for subject in subjects.iter() {
            for alias in &subject.identity.aliases {
                if let Some(uids) = by_key.get_mut(&notation(alias)) {
                    uids.insert(subject.identity.uid.clone());
                }
            }
        }
    }
    let resolve = |text: &mut String| {
        if let Some(uids) = by_key.get(text.as_str())
            && uids.len() == 1
            && let Some(uid) = uids.first()
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
    for subject in subjects.iter_mut() {
        let identity = &mut subject.identity;
        identity.lineage.assumable_by.iter_mut().for_each(resolve);
        identity.lineage.can_assume.iter_mut().for_each(resolve);
        jobs.let_in(identity, &mut outward);
        for by in &identity.lineage.assumable_by {
            outward
                .entry(by.clone())
                .or_default()
                .insert(identity.uid.clone());
        }
        // Kubernetes states the edge alone; an AWS policy needs the role's consent as well.
        if identity.provider == Provider::K8s {
            for role in &identity.lineage.can_assume {
                inward
                    .entry(role.clone())
                    .or_default()
                    .insert(identity.uid.clone());
            }
            // GKE's side of an edge stands in the policy of the Google account alone.
            if !identity.workloads.is_empty() {
                running.insert(identity.uid.clone(), identity.workloads.clone());
            }
        }
    }
    for subject in subjects.iter_mut() {
        let identity = &mut subject.identity;
        let uid = identity.uid.as_str();
        for (list, more) in [
            (&mut identity.lineage.assumable_by, inward.get(uid)),
            (&mut identity.lineage.can_assume, outward.get(uid)),
        ] {
            if let Some(more) = more {
                list.extend(more.iter().cloned());
                list.sort();
                list.dedup();
            }
        }
        if identity.provider != Provider::K8s && !running.is_empty() {
            let by = identity.lineage.assumable_by.iter();
            let before = identity.workloads.len();
            let taken = by.filter_map(|by| running.get(by)).flatten().cloned();
            identity.workloads.extend(taken);
            if identity.workloads.len() > before {
                identity.workloads.sort();
                identity.workloads.dedup();
            }
        }
    }
}
