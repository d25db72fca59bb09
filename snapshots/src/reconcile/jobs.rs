//! Jobs of GitHub Actions and the trust policies that name them: the subject of a job's token says
//! which repository it is of, so a policy that names subjects of a repository lets its jobs in.

use enrich_core::KeyType;

use super::*;
use crate::actions_subject::{is_pattern, issuer, repository};
use crate::model::Lineage;
use crate::record::{alias, parse_key};
use crate::text::glob;

/// The jobs that an inventory lists: issuer and `ORG/REPOSITORY` to uid.
pub(super) struct Jobs {
    uids: BTreeMap<(String, String), String>,
    known: BTreeSet<String>,
}

impl Jobs {
    pub(super) fn of(subjects: &[Stored]) -> Self {
        let of_github = subjects.iter().filter(|it| it.provider == Provider::Github);
        let uids: BTreeMap<_, _> = of_github
            .map(|stored| (stored.rest().identity, &*stored.uid))
            .filter(|(identity, _)| identity.sub_type == "github_actions")
            .map(|(identity, uid)| ((issuer(&identity.domain), identity.name), uid.to_owned()))
            .collect();
        let known = uids.values().cloned().collect();
        Self { uids, known }
    }

    pub(super) fn has(&self, uid: &str) -> bool {
        self.known.contains(uid)
    }

    /// Gives jobs the subjects that trust policies name outright: such a subject is a key, and the
    /// repository in it says whose. A pattern is none.
    pub(super) fn take_subjects(&self, subjects: &mut [Stored]) {
        if self.uids.is_empty() {
            return;
        }
        let mut keys: BTreeMap<String, BTreeSet<(String, String)>> = BTreeMap::new();
        let trusted = subjects
            .iter()
            .flat_map(|subject| subject.edges().0.assumable_by);
        for (issuer, text) in trusted.filter_map(|by| subject_of(&by)) {
            if !is_pattern(&text)
                && let Some(name) = repository(&text)
                && let Some(uid) = self.uids.get(&(issuer.clone(), name))
            {
                keys.entry(uid.clone()).or_default().insert((issuer, text));
            }
        }
        for subject in subjects {
            let Some(more) = keys.remove(&*subject.uid) else {
                continue;
            };
            let mut aliases = subject.aliases();
            for (issuer, text) in more {
                // Too long for a key: the edge stays.
                if let Ok(alias) = alias(KeyType::OidcSubject, &issuer, &text, None) {
                    add_alias(&mut aliases, alias, None);
                }
            }
            aliases.sort();
            subject.set_aliases(&aliases);
        }
    }

    /// The jobs that the subjects and patterns of a trust policy let in. A policy that names one
    /// repository names its jobs; one that names many is an edge of each job, lest its list has no end.
    pub(super) fn let_in(
        &self,
        uid: &str,
        lineage: &mut Lineage,
        outward: &mut BTreeMap<String, BTreeSet<String>>,
    ) {
        if self.uids.is_empty() {
            return;
        }
        let mut named = Vec::new();
        for (issuer, pattern) in lineage.assumable_by.iter().filter_map(|by| subject_of(by)) {
            // Without a repository the pattern holds for whoever the issuer serves, which is a
            // finding and no edge.
            let Some(name) = repository(&pattern) else {
                continue;
            };
            if let Some(uid) = self.uids.get(&(issuer.clone(), name.clone())) {
                named.push(uid.clone());
                continue;
            }
            if !is_pattern(&name) {
                continue;
            }
            let literal = name.split(['*', '?']).next().unwrap_or("").to_owned();
            let from = (issuer.clone(), literal.clone());
            let near = self
                .uids
                .range(from..)
                .take_while(|((of, known), _)| *of == issuer && known.starts_with(&literal));
            for (_, job) in near.filter(|((_, known), _)| glob(&name, known)) {
                outward
                    .entry(job.clone())
                    .or_default()
                    .insert(uid.to_owned());
            }
        }
        lineage.assumable_by.append(&mut named);
        lineage.assumable_by.sort();
        lineage.assumable_by.dedup();
    }
}

/// Issuer and subject of an edge in KEY notation.
pub(super) fn subject_of(edge: &str) -> Option<(String, String)> {
    if !edge.starts_with("oidc_subject@") {
        return None;
    }
    let alias = parse_key(edge).ok()?;
    Some((alias.domain, alias.value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Source;

    fn source() -> Source {
        Source {
            name: "s".to_owned(),
            rank: 0,
            observed_ms: 0,
            domain: None,
        }
    }

    fn job(name: &str) -> Record {
        let mut record = Record::new(&source(), Some(format!("github:github.com:actions/{name}")));
        record.facts.name = Some(name.to_owned());
        record.facts.sub_type = Some("github_actions".to_owned());
        record.facts.domain = Some("github.com".to_owned());
        record.facts.provider = Some(Provider::Github);
        record
    }

    fn role(name: &str, subjects: &[&str]) -> Record {
        let mut record = Record::new(&source(), Some(format!("aws:1:role/{name}")));
        let issuer = "oidc_subject@token.actions.githubusercontent.com";
        record.facts.assumable_by = subjects
            .iter()
            .map(|subject| format!("{issuer}:{subject}"))
            .collect();
        record
    }

    #[test]
    fn subjects_in_trust_policies_are_edges_and_exact_ones_are_keys() {
        let mut harvest = Harvest {
            records: vec![
                job("larkmoor/docs"),
                job("larkmoor/shop"),
                job("larkmoor-labs/x"),
                role("exact", &["repo:larkmoor/docs:ref:refs/heads/main"]),
                role("immutable", &["repo:larkmoor@7001/docs@1:environment:live"]),
                role("one", &["repo:larkmoor/shop:*"]),
                role("many", &["repo:larkmoor/*"]),
                role("all", &["*", "repo:*"]),
            ],
            ..Harvest::default()
        };
        let reconciled = reconcile(&mut harvest, &Precedence::default());
        let of = |uid: &str| {
            let mut all = reconciled.subjects.iter();
            let stored = all.find(|subject| *subject.uid == *uid).unwrap();
            stored.clone().open().identity
        };
        let docs = of("github:github.com:actions/larkmoor/docs");
        assert_eq!(
            docs.lineage.can_assume,
            [
                "aws:1:role/exact",
                "aws:1:role/immutable",
                "aws:1:role/many"
            ]
        );
        let keys: Vec<String> = docs.aliases.iter().map(notation).collect();
        assert_eq!(
            keys,
            [
                "oidc_subject@token.actions.githubusercontent.com:repo:larkmoor/docs:ref:refs/heads/main",
                "oidc_subject@token.actions.githubusercontent.com:repo:larkmoor@7001/docs@1:environment:live",
            ]
        );
        let shop = of("github:github.com:actions/larkmoor/shop");
        assert_eq!(
            (shop.lineage.can_assume.as_slice(), shop.aliases.len()),
            (
                &["aws:1:role/many".to_owned(), "aws:1:role/one".to_owned()][..],
                0
            )
        );
        assert!(
            of("github:github.com:actions/larkmoor-labs/x")
                .lineage
                .can_assume
                .is_empty()
        );
        // The condition stays beside the identity that meets it.
        assert_eq!(
            of("aws:1:role/exact").lineage.assumable_by,
            [
                "github:github.com:actions/larkmoor/docs",
                "oidc_subject@token.actions.githubusercontent.com:repo:larkmoor/docs:ref:refs/heads/main"
            ]
        );
        assert_eq!(of("aws:1:role/many").lineage.assumable_by.len(), 1);
    }
}
