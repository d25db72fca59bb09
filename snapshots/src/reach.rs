//! Blast radius: what an identity can become, step by step, over the trust edges.

use std::collections::{BTreeMap, BTreeSet};

use enrich_core::vocabulary::Provider;

use crate::model::BlastRadius;
use crate::reconcile::Subject;

/// Computes the blast radius of every identity that can become another one.
pub(crate) fn reach(subjects: &mut [Box<Subject>]) {
    let edges = edges(subjects);
    let reached: Vec<BTreeSet<usize>> = (0..subjects.len())
        .map(|start| walk(start, &edges))
        .collect();
    for (number, reached) in reached.into_iter().enumerate() {
        if reached.is_empty() {
            continue;
        }
        let own = &subjects[number].identity;
        let own_team = own
            .owner
            .as_ref()
            .map(|owner| owner.entity.reference.clone());
        let others = || reached.iter().map(|other| &subjects[*other].identity);
        let places: BTreeSet<(Provider, &str)> = others()
            .map(|other| (other.provider, other.domain.as_str()))
            .collect();
        let environments: BTreeSet<_> = others()
            .flat_map(|other| other.environment.iter().copied())
            .collect();
        let teams: BTreeSet<String> = others()
            .filter_map(|other| other.owner.as_ref())
            .map(|owner| owner.entity.reference.clone())
            .filter(|team| Some(team) != own_team.as_ref())
            .collect();
        let radius = BlastRadius {
            identities: u32::try_from(reached.len()).unwrap_or(u32::MAX),
            accounts: u32::try_from(places.len()).unwrap_or(u32::MAX),
            environments: environments.into_iter().collect(),
            teams: teams.into_iter().collect(),
        };
        subjects[number].identity.blast_radius = Some(radius);
    }
}

/// Who can become whom. An identity that a trust policy names may come in; one that is only let in
/// as a member of its account also needs a permission that names the role.
fn edges(subjects: &[Box<Subject>]) -> Vec<BTreeSet<usize>> {
    let by_uid: BTreeMap<&str, usize> = subjects
        .iter()
        .enumerate()
        .map(|(number, subject)| (subject.identity.uid.as_str(), number))
        .collect();
    let mut out = vec![BTreeSet::new(); subjects.len()];
    for (number, subject) in subjects.iter().enumerate() {
        let identity = &subject.identity;
        let root = format!("aws:{}:root", identity.domain);
        for target in &identity.lineage.can_assume {
            let Some(&other) = by_uid.get(target.as_str()) else {
                continue;
            };
            let trusted = &subjects[other].identity.lineage.assumable_by;
            let lets_in = identity.provider != Provider::Aws
                || trusted
                    .iter()
                    .any(|by| *by == identity.uid || *by == root || by == "*");
            if lets_in && other != number {
                out[number].insert(other);
            }
        }
    }
    out
}

fn walk(start: usize, edges: &[BTreeSet<usize>]) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut open = vec![start];
    while let Some(at) = open.pop() {
        for next in &edges[at] {
            if *next != start && reached.insert(*next) {
                open.push(*next);
            }
        }
    }
    reached
}
