//! Classify: the central policy decides what the sources leave open.
//!
//! Rules apply in the order of the file. The first rule that sets a field wins, and no rule changes
//! what a source states, unless it says `force`. Two things that a connector derives are no
//! statements: the kind that a provider's type amounts to, and the privilege tier.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use enrich_core::vocabulary::{
    Criticality, Dimension, Environment, NetworkKind, OwnerStatus, PrivilegeLevel, Provider,
};

use crate::model::{
    Agent, EntityRef, Network, Owner, Privilege, Provenance, Revocation, Scope, Time,
};
use crate::policy::{ClassifyRule, Match, Policy, ResponseRule, owner_reference};
use crate::privacy::Pseudonyms;
use crate::reconcile::{Few, Subject, Tag, Tags, dimension_field};
use crate::record::Directory;
use crate::text::{closest, glob};

/// The source that provenance names for what the policy decides.
pub const POLICY: &str = "policy";

/// What the policy is applied with.
#[derive(Debug)]
#[non_exhaustive]
pub struct Context<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// People and teams.
    pub directory: &'a Directory,
    /// When the inventory was taken; ages are counted up to here.
    pub created_ms: i64,
    /// The organisation's own accounts and clusters; anybody else is a third party.
    pub own_domains: BTreeSet<String>,
    /// What hides people, when the policy asks for it.
    pub pseudonyms: Option<Pseudonyms>,
    /// Whether projects of Google Cloud are among them.
    pub knows_projects: bool,
}

impl<'a> Context<'a> {
    /// A context.
    #[must_use]
    pub fn new(
        policy: &'a Policy,
        directory: &'a Directory,
        created_ms: i64,
        scopes: &[Scope],
    ) -> Self {
        Self {
            policy,
            directory,
            created_ms,
            own_domains: scopes.iter().map(|scope| scope.domain.clone()).collect(),
            pseudonyms: policy.pseudonymise_people.then(Pseudonyms::withheld),
            knows_projects: scopes.iter().any(|scope| scope.provider == Provider::Gcp),
        }
    }
}

/// An owner of whom nothing is known but the reference.
pub(crate) fn owner(reference: &str, source: &str, as_of_ms: Option<i64>) -> Owner {
    Owner {
        entity: entity(reference),
        source: source.to_owned(),
        as_of_ms,
        status: OwnerStatus::Unknown,
    }
}

/// An entity of which nothing is known but the reference.
pub(crate) fn entity(reference: &str) -> EntityRef {
    EntityRef {
        reference: reference.to_owned(),
        name: None,
        contact: None,
    }
}

/// Networks that catalogues name by their prefix, and what they name that does not exist.
#[derive(Debug, Default)]
pub(crate) struct Named {
    networks: Vec<Network>,
    warnings: BTreeSet<String>,
}

impl Named {
    /// All networks that the inventory needs, and warnings.
    pub(crate) fn settle(mut self, policy: &Policy) -> (Vec<Network>, Vec<String>) {
        self.networks.extend(policy.networks.iter().cloned());
        self.networks.sort();
        (self.networks, self.warnings.into_iter().collect())
    }
}

/// Applies the policy to one identity: all but what needs the others to be decided as well.
pub(crate) fn decide(subject: &mut Subject, context: &Context<'_>, named: &Mutex<Named>) {
    let policy = context.policy;
    apply_tags(subject, policy);
    let tier = apply_rules(subject, context);
    apply_rule_owner(subject, context);
    privilege(subject, policy, tier);
    settle_owner(subject, context);
    credentials(subject, policy);
    behavior(subject, policy, named);
    subject.responses = matching(policy.response.iter().map(|rule| &rule.matches), subject);
    subject.exceptions = matching(policy.exceptions.iter().map(|rule| &rule.matches), subject);
    // Nothing is matched any more; in a large inventory this is a third of the memory.
    subject.tags = Tags::default();
    subject.grants = Vec::new();
    subject.sources = Few::default();
    subject.identity.provenance.shrink_to_fit();
}

fn matching<'p>(rules: impl Iterator<Item = &'p Match>, subject: &Subject) -> Vec<u32> {
    rules
        .zip(0..)
        .filter(|(matches, _)| matches.holds(subject))
        .map(|(_, number)| number)
        .collect()
}

/// Ends with what needs the others to be decided: findings, and what is done in an incident.
pub(crate) fn complete(subject: &mut Subject, context: &Context<'_>) {
    expect(subject, context.policy);
    crate::findings::find(subject, context);
    respond(subject, context.policy);
    page_owner(subject, context.directory);
    if let Some(pseudonyms) = &context.pseudonyms {
        pseudonyms.hide(&mut subject.identity);
    }
    subject.identity.provenance.sort();
}

/// What a set of rules has decided for one identity.
struct Rules<'a> {
    subject: &'a mut Subject,
    decided: BTreeSet<&'static str>,
}

impl Rules<'_> {
    /// Whether a rule may set the field, and notes that it did.
    fn may(&mut self, field: &'static str, force: bool) -> bool {
        if self.decided.contains(field) || (self.subject.stated.contains(&field) && !force) {
            return false;
        }
        self.decided.insert(field);
        note(self.subject, field);
        true
    }

    fn option<T: Clone>(
        &mut self,
        field: &'static str,
        force: bool,
        value: Option<&T>,
        slot: impl Fn(&mut Subject) -> &mut Option<T>,
    ) {
        if let Some(value) = value
            && self.may(field, force)
        {
            *slot(self.subject) = Some(value.clone());
        }
    }
}

fn note(subject: &mut Subject, field: &'static str) {
    subject
        .identity
        .provenance
        .retain(|provenance| provenance.field != field);
    subject.identity.provenance.push(Provenance {
        field: field.into(),
        source: POLICY.into(),
        observed_ms: None,
    });
}

/// The classification rules but for the owner. Returns the tier that a rule sets.
fn apply_rules(subject: &mut Subject, context: &Context<'_>) -> Option<u8> {
    let mut tier = None;
    let mut rules = Rules {
        subject,
        decided: BTreeSet::new(),
    };
    for rule in &context.policy.classify {
        if !rule.matches.holds(rules.subject) {
            continue;
        }
        let (set, force) = (&rule.set, rule.force);
        if let Some(kind) = set.kind
            && rules.may("kind", force)
        {
            rules.subject.identity.kind = kind.0;
        }
        if !set.environment.0.is_empty() && rules.may("environment", force) {
            let mut words: Vec<Environment> = set.environment.0.iter().map(|word| word.0).collect();
            words.sort();
            words.dedup();
            rules.subject.identity.environment = words;
        }
        rules.option(
            "criticality",
            force,
            set.criticality.map(|word| word.0).as_ref(),
            |s| &mut s.identity.criticality,
        );
        rules.option("purpose", force, set.purpose.as_ref(), |s| {
            &mut s.identity.purpose
        });
        rules.option("service", force, set.service.as_ref(), |s| {
            &mut s.identity.service
        });
        rules.option("vendor", force, set.vendor.as_ref(), |s| {
            &mut s.identity.vendor
        });
        rules.option(
            "sponsor",
            force,
            set.sponsor.as_deref().map(entity).as_ref(),
            |s| &mut s.identity.sponsor,
        );
        if let Some(framework) = &set.agent_framework
            && rules.may("agent", force)
        {
            rules.subject.identity.agent = Some(Agent {
                framework: framework.clone(),
                parent: set.agent_parent.clone().unwrap_or_default(),
            });
        }
        if let Some(state) = set.lifecycle_state
            && rules.may("lifecycle_state", force)
        {
            rules.subject.identity.lifecycle_state = state.0;
        }
        if !set.secondary_owners.0.is_empty() && rules.may("secondary_owners", force) {
            rules
                .subject
                .identity
                .secondary_owners
                .clone_from(&set.secondary_owners.0);
        }
        if let Some(value) = set.tier
            && rules.decided.insert("tier")
        {
            tier = Some(value);
        }
        if let Some(place) = &set.secret_source
            && rules.decided.insert("secret_source")
        {
            for credential in &mut rules.subject.identity.credentials {
                if force || credential.secret_source.is_none() {
                    credential.secret_source = Some(place.clone());
                }
            }
        }
        if let Some(days) = set.max_age_days
            && rules.decided.insert("max_age_days")
        {
            for credential in &mut rules.subject.identity.credentials {
                credential.max_age_days = Some(days);
            }
        }
        if rule.force
            && let Some(reference) = &set.owner
            && rules.may("owner", true)
        {
            rules.subject.identity.owner = Some(owner(reference, POLICY, None));
        }
    }
    tier
}

/// What tags say about owner, environment and criticality, where no source states them.
fn apply_tags(subject: &mut Subject, policy: &Policy) {
    let find = |names: &[String], tags: &Tags| {
        let mut tags = names.iter().filter_map(|name| tags.tag(name));
        tags.find(|tag| !tag.value.trim().is_empty()).cloned()
    };
    if subject.identity.owner.is_none()
        && let Some(tag) = find(&policy.owner_tags, &subject.tags)
    {
        let reference = owner_reference(&tag.value);
        subject.identity.owner = Some(owner(&reference, &tag.source, Some(tag.observed_ms)));
        state(subject, "owner", &tag);
    }
    if subject.identity.environment.is_empty()
        && let Some(tag) = find(&policy.environment_tags, &subject.tags)
        && let Some(word) = environment(&tag.value)
    {
        subject.identity.environment = vec![word];
        state(subject, "environment", &tag);
    }
    if subject.identity.criticality.is_none()
        && let Some(tag) = find(&policy.criticality_tags, &subject.tags)
        && let Some(word) = Criticality::parse(&tag.value.trim().to_ascii_lowercase())
    {
        subject.identity.criticality = Some(word);
        state(subject, "criticality", &tag);
    }
}

/// Notes that a tag states a field.
fn state(subject: &mut Subject, field: &'static str, tag: &Tag) {
    subject.stated.insert(field);
    subject.identity.provenance.push(Provenance {
        field: field.into(),
        source: Arc::clone(&tag.source),
        observed_ms: Some(tag.observed_ms),
    });
}

/// The words that people write in tags.
pub(crate) fn environment(text: &str) -> Option<Environment> {
    Some(match text.trim().to_ascii_lowercase().as_str() {
        "production" | "prod" | "prd" | "live" => Environment::Production,
        "staging" | "stage" | "stg" | "preprod" | "pre-production" => Environment::Staging,
        "test" | "testing" | "qa" | "uat" => Environment::Test,
        "development" | "dev" | "sandbox" => Environment::Development,
        _ => return None,
    })
}

/// The owner that a rule names, where neither a catalogue nor a tag names one.
fn apply_rule_owner(subject: &mut Subject, context: &Context<'_>) {
    if subject.identity.owner.is_some() {
        return;
    }
    let rule: Option<&ClassifyRule> = context
        .policy
        .classify
        .iter()
        .find(|rule| rule.set.owner.is_some() && rule.matches.holds(subject));
    if let Some(reference) = rule.and_then(|rule| rule.set.owner.as_ref()) {
        subject.identity.owner = Some(owner(reference, POLICY, None));
        note(subject, "owner");
    }
}

/// The widest grant decides; the policy may know a name better than the connector.
fn privilege(subject: &mut Subject, policy: &Policy, tier: Option<u8>) {
    for grant in &mut subject.grants {
        let is_meant = |name: &str| glob(name, grant.bare_name()) || glob(name, &grant.name);
        let mut rules = policy.privilege.iter();
        if let Some(rule) = rules.find(|rule| is_meant(&rule.name)) {
            grant.tier = rule.tier;
            grant.level = std::cmp::Reverse(rule.level.0);
            // The policy knows the name, whatever the document says.
            grant.rule = None;
        }
    }
    subject.grants.sort();
    let widest = subject.grants.first().cloned();
    let level = subject.grants.iter().map(|grant| grant.level.0).max();
    let mut out = match (widest, level) {
        (Some(widest), Some(level)) => {
            let basis = subject
                .grants
                .iter()
                .filter(|grant| grant.tier == widest.tier)
                .map(crate::record::Grant::basis);
            Privilege {
                tier: widest.tier,
                level,
                basis: basis.take(8).collect(),
            }
        }
        _ if tier.is_none() => return,
        _ => Privilege {
            tier: 3,
            level: PrivilegeLevel::None,
            basis: Vec::new(),
        },
    };
    if let Some(boundary) = &subject.boundary
        && (boundary.tier > out.tier || boundary.level.0 < out.level)
    {
        out.tier = out.tier.max(boundary.tier);
        out.level = out.level.min(boundary.level.0);
        out.basis.push(format!("boundary {}", boundary.name));
    }
    if let Some(tier) = tier {
        out.tier = tier;
        note(subject, "privilege.tier");
    }
    subject.identity.privilege = Some(out);
}

/// What the directory says about owner and sponsor.
fn settle_owner(subject: &mut Subject, context: &Context<'_>) {
    let complete = |entity: &mut EntityRef| {
        // Tags name people by their mail address, and the catalogue may know whose it is.
        if let Some((_, mail)) = entity.reference.split_once('/')
            && mail.contains('@')
            && let Some(meant) = context.directory.known_as.get(&format!("mail:{mail}"))
        {
            entity.reference.clone_from(meant);
        }
        if let Some(entry) = context.directory.entries.get(&entity.reference) {
            entity.name = entity.name.take().or_else(|| entry.name.clone());
            entity.contact = entity.contact.take().or_else(|| entry.contact.clone());
        }
    };
    if let Some(owner) = &mut subject.identity.owner {
        complete(&mut owner.entity);
        owner.status = owner_status(&owner.entity.reference, context);
    }
    if let Some(sponsor) = &mut subject.identity.sponsor {
        complete(sponsor);
    }
}

/// Listed and not departed: active. Not listed: departed, if the catalogue lists entities of that
/// kind at all, else not known.
pub(crate) fn owner_status(reference: &str, context: &Context<'_>) -> OwnerStatus {
    let kind = reference.split(':').next().unwrap_or("");
    match context.directory.entries.get(reference) {
        Some(entry)
            if entry
                .departed_ms
                .is_some_and(|departed| departed <= context.created_ms) =>
        {
            OwnerStatus::Departed
        }
        Some(_) => OwnerStatus::Active,
        None if matches!(kind, "user" | "group") && context.directory.kinds.contains(kind) => {
            OwnerStatus::Departed
        }
        None => OwnerStatus::Unknown,
    }
}

/// Credential types whose age is limited. Passwords of people have rules of their own.
pub(crate) fn is_aged(credential_type: &str) -> bool {
    matches!(
        credential_type,
        "access_key" | "token" | "certificate" | "secret" | "api_key" | "key" | "ssh_key"
    )
}

fn credentials(subject: &mut Subject, policy: &Policy) {
    for credential in &mut subject.identity.credentials {
        if is_aged(&credential.credential_type) {
            credential
                .max_age_days
                .get_or_insert(policy.thresholds.credential_max_age_days);
        } else {
            credential.max_age_days = None;
        }
    }
}

/// Each dimension that no source declares comes from the first baseline that matches and states it.
fn behavior(subject: &mut Subject, policy: &Policy, named: &Mutex<Named>) {
    // Names that a catalogue uses are checked here, because the policy defines them.
    for expectation in &mut subject.identity.behavior {
        if expectation.dimension == Dimension::Network {
            expectation
                .allowed
                .retain(|name| known_network(name, policy, &subject.identity.uid, named));
        }
    }
    subject
        .identity
        .behavior
        .retain(|expectation| expectation.hours.is_some() || !expectation.allowed.is_empty());
    let mut stated: Vec<Dimension> = subject
        .identity
        .behavior
        .iter()
        .map(|known| known.dimension)
        .collect();
    for (baseline, number) in policy.behavior.iter().zip(0..) {
        let mut dimensions = baseline.expectations.iter().map(|new| new.dimension);
        if dimensions.all(|dimension| stated.contains(&dimension))
            || !baseline.matches.holds(subject)
        {
            continue;
        }
        subject.baselines.push(number);
        stated.extend(baseline.expectations.iter().map(|new| new.dimension));
    }
}

/// What the baselines that match expect, dimension by dimension. Many identities share it, so it is
/// written out only when the identity is finished.
fn expect(subject: &mut Subject, policy: &Policy) {
    let identity = &mut subject.identity;
    for number in std::mem::take(&mut subject.baselines) {
        let Some(baseline) = policy.behavior.get(number as usize) else {
            continue;
        };
        for expectation in &baseline.expectations {
            let mut known = identity.behavior.iter();
            if known.any(|known| known.dimension == expectation.dimension) {
                continue;
            }
            identity.behavior.push(expectation.clone());
            identity.provenance.push(Provenance {
                field: dimension_field(expectation.dimension).into(),
                source: Arc::clone(&baseline.source),
                observed_ms: None,
            });
        }
    }
    identity.behavior.sort();
}

fn known_network(name: &str, policy: &Policy, uid: &str, named: &Mutex<Named>) -> bool {
    if policy.networks.iter().any(|network| network.name == name) {
        return true;
    }
    let mut named = named.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(prefix) = crate::policy::cidr(name) {
        if !named.networks.iter().any(|network| network.name == name) {
            named.networks.push(Network {
                name: name.to_owned(),
                kind: NetworkKind::Other,
                prefixes: vec![prefix],
            });
        }
        return true;
    }
    let names = policy.networks.iter().map(|network| network.name.as_str());
    let meant =
        closest(name, names).map_or_else(String::new, |meant| format!("; did you mean {meant:?}"));
    named.warnings.insert(format!(
        "{uid}: the catalogue expects the network {:?}, which the policy does not define{meant}",
        crate::text::printable(name, 80)
    ));
    false
}

/// Where neither a source nor a rule says who is paged, it is the team that owns it, when the catalogue
/// says how that team is paged.
fn page_owner(subject: &mut Subject, directory: &Directory) {
    let identity = &mut subject.identity;
    if identity.response.escalation_policy.is_some() {
        return;
    }
    let present = identity
        .owner
        .as_ref()
        .filter(|owner| owner.status != OwnerStatus::Departed);
    let entry = present.and_then(|owner| directory.entries.get(&owner.entity.reference));
    if let Some((entry, policy)) =
        entry.and_then(|entry| Some((entry, entry.escalation_policy.as_ref()?)))
    {
        identity.response.escalation_policy = Some(policy.clone());
        identity.provenance.push(Provenance {
            field: "escalation_policy".into(),
            source: entry.source.as_str().into(),
            observed_ms: None,
        });
    }
}

fn respond(subject: &mut Subject, policy: &Policy) {
    let rules: Vec<&ResponseRule> = subject
        .responses
        .iter()
        .filter_map(|number| policy.response.get(*number as usize))
        .collect();
    let identity = &mut subject.identity;
    let response = &mut identity.response;
    response.response_owner = rules.iter().find_map(|rule| rule.response_owner.clone());
    response.context_owner = rules
        .iter()
        .find_map(|rule| rule.context_owner.clone())
        .or_else(|| {
            // Who is gone can't say whether the behaviour is legitimate; the sponsor may.
            let present = identity
                .owner
                .as_ref()
                .filter(|owner| owner.status != OwnerStatus::Departed)
                .map(|owner| owner.entity.reference.clone());
            present.or_else(|| {
                identity
                    .sponsor
                    .as_ref()
                    .map(|sponsor| sponsor.reference.clone())
            })
        });
    if response.escalation_policy.is_none() {
        response.escalation_policy = rules
            .iter()
            .find_map(|rule| rule.escalation_policy.as_ref().map(Into::into));
    }
    for spec in rules
        .iter()
        .flat_map(|rule| rule.revocation.iter().map(move |spec| (rule, spec)))
    {
        let (rule, spec) = spec;
        let revocation = Revocation {
            action: spec.action.clone(),
            system: spec.system.clone(),
            team: spec
                .team
                .clone()
                .or_else(|| rule.response_owner.clone())
                .or_else(|| response.response_owner.clone())
                .unwrap_or_default(),
            runbook: spec.runbook.clone(),
            expected_minutes: spec.expected_minutes,
            breaks: identity.workloads.clone(),
        };
        if !response.revocation.contains(&revocation) {
            response.revocation.push(revocation);
        }
    }
    response
        .revocation
        .sort_by(|a, b| (a.expected_minutes, &a.action).cmp(&(b.expected_minutes, &b.action)));
}

/// Scopes of the sources, with the owners that the policy names; scopes of the policy alone are not covered.
#[must_use]
pub fn scopes(covered: &[Scope], policy: &Policy, directory: &Directory) -> Vec<Scope> {
    let mut out: BTreeMap<(String, String, String), Scope> = BTreeMap::new();
    let key = |scope: &Scope| {
        (
            scope.provider.as_str().to_owned(),
            scope.domain.clone(),
            scope.part.clone(),
        )
    };
    for scope in covered {
        let known = out.entry(key(scope)).or_insert_with(|| scope.clone());
        known.owner = known.owner.take().or_else(|| scope.owner.clone());
        known.name = known.name.take().or_else(|| scope.name.clone());
        known.covered |= scope.covered;
        if known.environment.is_empty() {
            known.environment.clone_from(&scope.environment);
        }
    }
    let mut named = BTreeSet::new();
    for scope in &policy.scopes {
        if !named.insert(key(scope)) {
            continue;
        }
        // A namespace of a cluster that was read is covered, even if it holds no account.
        let inside = covered.iter().any(|known| {
            known.covered && known.provider == scope.provider && known.domain == scope.domain
        });
        let known = out.entry(key(scope)).or_insert_with(|| Scope {
            covered: inside,
            owner: None,
            ..scope.clone()
        });
        known.name = scope.name.clone().or_else(|| known.name.take());
        known.owner = scope.owner.clone().or_else(|| known.owner.take());
        if !scope.environment.is_empty() {
            known.environment.clone_from(&scope.environment);
        }
        known.escalation_policy = scope
            .escalation_policy
            .clone()
            .or_else(|| known.escalation_policy.take());
    }
    let mut out: Vec<Scope> = out.into_values().collect();
    for owner in out.iter_mut().filter_map(|scope| scope.owner.as_mut()) {
        if let Some(entry) = directory.entries.get(&owner.reference) {
            owner.name = owner.name.take().or_else(|| entry.name.clone());
            owner.contact = owner.contact.take().or_else(|| entry.contact.clone());
        }
    }
    out
}

/// The age of a fact in days at a moment; `None` where it is not known or in the future.
pub(crate) fn days_since(time: Time, now_ms: i64) -> Option<i64> {
    match time {
        Time::At(at) | Time::NeverSince(at) if at <= now_ms => {
            Some((now_ms - at) / crate::text::DAY_MS)
        }
        _ => None,
    }
}
