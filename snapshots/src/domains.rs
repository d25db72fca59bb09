//! What is known of an account as a whole reaches the identities inside, as tags for the policy.

use std::collections::BTreeMap;

use enrich_core::vocabulary::{Environment, LifecycleState, Provider};

use crate::model::{EntityRef, Provenance, Scope};
use crate::policy::{Policy, owner_reference};
use crate::reconcile::{Stored, Subject};
use crate::record::DomainFacts;

/// What the provider calls its domains, in front of the names of their tags.
const fn word(provider: Provider) -> &'static str {
    match provider {
        Provider::Aws => "account",
        Provider::Gcp => "project",
        Provider::Entra => "tenant",
        Provider::K8s => "cluster",
        _ => "organization",
    }
}

type Domain<'a> = (Provider, &'a str);

/// What sources say about accounts, by account. Of two sources the first that states a tag wins.
pub(crate) struct Domains<'a>(BTreeMap<Domain<'a>, Vec<&'a DomainFacts>>);

impl<'a> Domains<'a> {
    pub(crate) fn new(facts: &'a [DomainFacts]) -> Self {
        let mut by_domain: BTreeMap<Domain<'_>, Vec<&DomainFacts>> = BTreeMap::new();
        for facts in facts {
            let domain = (facts.provider, facts.domain.as_str());
            by_domain.entry(domain).or_default().push(facts);
        }
        Self(by_domain)
    }

    /// Gives an identity the tags of its account as `account/KEY`, its name and its state as
    /// `account.name` and `account.state`. What is in a closed account can't be used: it is disabled.
    pub(crate) fn apply(&self, subject: &mut Subject) {
        let identity = &mut subject.identity;
        let domain = (identity.provider, identity.domain.as_str());
        for facts in self.0.get(&domain).into_iter().flatten() {
            let word = word(facts.provider);
            let own = [("name", &facts.name), ("state", &facts.state)]
                .into_iter()
                .filter_map(|(name, value)| Some((format!("{word}.{name}"), value.clone()?)));
            let tags = facts
                .tags
                .iter()
                .map(|(key, value)| (format!("{word}/{key}"), value.clone()));
            for (key, value) in own.chain(tags) {
                let source = facts.source.name.as_str().into();
                subject
                    .tags
                    .add(key, value, &source, facts.source.observed_ms);
            }
            if facts.closed && subject.stated.insert("lifecycle_state") {
                identity.lifecycle_state = LifecycleState::Disabled;
                identity.provenance.push(Provenance {
                    field: "lifecycle_state".into(),
                    source: facts.source.name.as_str().into(),
                    observed_ms: Some(facts.source.observed_ms),
                });
            }
        }
    }
}

/// Scopes with the owner that an account's tags name, by the policy's list of owner tags.
pub(crate) fn owned(scopes: &[Scope], facts: &[DomainFacts], policy: &Policy) -> Vec<Scope> {
    let mut out = scopes.to_vec();
    for scope in out
        .iter_mut()
        .filter(|scope| scope.part.is_empty() && scope.owner.is_none())
    {
        let of_it = facts
            .iter()
            .filter(|facts| facts.provider == scope.provider && facts.domain == scope.domain);
        let owner = of_it.clone().find_map(|facts| {
            let tags = policy.owner_tags.iter();
            let mut values = tags.filter_map(|tag| facts.tags.get(tag));
            values.find(|value| !value.trim().is_empty())
        });
        scope.owner = owner.map(|owner| EntityRef {
            reference: owner_reference(owner),
            name: None,
            contact: None,
        });
        let name = of_it.clone().find_map(|facts| facts.name.clone());
        scope.name = scope.name.take().or(name);
    }
    for scope in out
        .iter_mut()
        .filter(|scope| scope.part.is_empty() && scope.environment.is_empty())
    {
        let word = word(scope.provider);
        let of_it = facts
            .iter()
            .filter(|facts| facts.provider == scope.provider && facts.domain == scope.domain);
        let stated = of_it.filter_map(|facts| {
            first_environment(policy, |tag| {
                // Its own tags go by their names here, and as `account/KEY` at its identities.
                let own = tag
                    .strip_prefix(word)
                    .and_then(|tag| tag.strip_prefix('/'))
                    .unwrap_or(tag);
                facts.tags.get(own).map(String::as_str)
            })
        });
        scope.environment.extend(stated.take(1));
    }
    out
}

/// Gives a namespace the environment that its labels name, by the policy's list of environment tags.
/// Its accounts carry the labels as `namespace/KEY`.
pub(crate) fn namespaces(scopes: &mut [Scope], subjects: &[Stored], policy: &Policy) {
    let mut wanted: BTreeMap<(Provider, String, String), &mut Vec<Environment>> = scopes
        .iter_mut()
        .filter(|scope| !scope.part.is_empty() && scope.environment.is_empty())
        .map(|scope| {
            let place = (scope.provider, scope.domain.clone(), scope.part.clone());
            (place, &mut scope.environment)
        })
        .collect();
    for stored in subjects {
        // Only clusters have namespaces, and to open one costs what a hundred of these looks cost.
        if wanted.is_empty() || !stored.uid.starts_with("k8s:") {
            continue;
        }
        let subject = stored.rest();
        let identity = &subject.identity;
        let Some(namespace) = &subject.namespace else {
            continue;
        };
        let place = (
            identity.provider,
            identity.domain.clone(),
            namespace.to_string(),
        );
        if let Some(environment) = wanted.get_mut(&place) {
            let stated = first_environment(policy, |tag| {
                let is_of_namespace = tag.starts_with("namespace/");
                let value = is_of_namespace.then(|| subject.tags.get(tag));
                value.flatten()
            });
            if let Some(stated) = stated {
                environment.push(stated);
                wanted.remove(&place);
            }
        }
    }
}

/// The environment that the first tag with a value names, if it is one.
fn first_environment<'t>(
    policy: &Policy,
    value_of: impl Fn(&str) -> Option<&'t str>,
) -> Option<Environment> {
    let mut values = policy
        .environment_tags
        .iter()
        .filter_map(|tag| value_of(tag));
    let value = values.find(|value| !value.trim().is_empty())?;
    crate::classify::environment(value)
}
