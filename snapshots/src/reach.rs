//! Blast radius: what an identity can become, step by step, over the trust edges.

use std::collections::{BTreeMap, BTreeSet};

use enrich_core::vocabulary::{Environment, Provider};

use crate::model::BlastRadius;
use crate::reconcile::Stored;

/// Where an identity is, and whose it is.
struct Place {
    provider: Provider,
    domain: String,
    environments: Vec<Environment>,
    team: Option<String>,
}

impl Place {
    fn of(stored: &Stored) -> Self {
        let identity = stored.rest().identity;
        Self {
            provider: identity.provider,
            domain: identity.domain,
            environments: identity.environment,
            team: identity.owner.map(|owner| owner.entity.reference),
        }
    }
}

/// Computes the blast radius of every identity that can become another one. The identities are in the
/// order of their uids.
pub(crate) fn reach(subjects: &mut [Stored]) {
    let edges = edges(subjects);
    let reached: Vec<(usize, BTreeSet<usize>)> = edges
        .keys()
        .map(|start| (*start, walk(*start, &edges)))
        .collect();
    // Most identities are reached by none.
    let mut places: BTreeMap<usize, Place> = BTreeMap::new();
    for number in reached
        .iter()
        .flat_map(|(start, all)| all.iter().chain([start]))
    {
        places
            .entry(*number)
            .or_insert_with(|| Place::of(&subjects[*number]));
    }
    for (number, reached) in reached {
        if reached.is_empty() {
            continue;
        }
        let own_team = &places[&number].team;
        let others = || reached.iter().map(|other| &places[other]);
        let accounts: BTreeSet<(Provider, &str)> = others()
            .map(|other| (other.provider, other.domain.as_str()))
            .collect();
        let environments: BTreeSet<_> = others()
            .flat_map(|other| other.environments.iter().copied())
            .collect();
        let teams: BTreeSet<&String> = others()
            .filter(|other| other.team != *own_team)
            .filter_map(|other| other.team.as_ref())
            .collect();
        let radius = BlastRadius {
            identities: u32::try_from(reached.len()).unwrap_or(u32::MAX),
            accounts: u32::try_from(accounts.len()).unwrap_or(u32::MAX),
            environments: environments.into_iter().collect(),
            teams: teams.into_iter().cloned().collect(),
        };
        subjects[number].blast_radius = Some(Box::new(radius));
    }
}

/// Whom an identity can become, by its place; those that can become nobody are left out.
type Reaching = BTreeMap<usize, BTreeSet<usize>>;

/// Who can become whom. An identity that a trust policy names may come in; one that is only let in
/// as a member of its account also needs a permission that names the role.
fn edges(subjects: &[Stored]) -> Reaching {
    let mut out = Reaching::new();
    for (number, subject) in subjects.iter().enumerate() {
        let (lineage, _) = subject.edges();
        if lineage.can_assume.is_empty() {
            continue;
        }
        let root = format!("aws:{}:root", subject.rest().identity.domain);
        for target in &lineage.can_assume {
            let Ok(other) = subjects.binary_search_by(|other| (*other.uid).cmp(target)) else {
                continue;
            };
            let lets_in = subject.provider != Provider::Aws || {
                let (lineage, _) = subjects[other].edges();
                let mut trusted = lineage.assumable_by.iter();
                trusted.any(|by| **by == *subject.uid || *by == root || by == "*")
            };
            if lets_in && other != number {
                out.entry(number).or_default().insert(other);
            }
        }
    }
    out
}

fn walk(start: usize, edges: &Reaching) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut open = vec![start];
    while let Some(at) = open.pop() {
        for next in edges.get(&at).into_iter().flatten() {
            if *next != start && reached.insert(*next) {
                open.push(*next);
            }
        }
    }
    reached
}
