//! Fold: what one record says goes into the identity, unless somebody before it said otherwise.

use super::*;
use crate::model::Expectation;
use crate::record::Facts;
use crate::secrets::shape;
use crate::text::printable;

/// Takes over what a record says and nobody before it said. `mine` tells the fields that are folded
/// in this order of the records; what is taken is gone from the record.
pub(super) fn fold(
    subject: &mut Subject,
    record: &mut Record,
    source: &Arc<str>,
    mine: &dyn Fn(&str) -> bool,
) {
    subject.sources.insert(Arc::clone(source));
    let observed_ms = record.source.observed_ms;
    let facts = &mut record.facts;
    if mine("") {
        let more = exposed(facts, source);
        facts.exposed.extend(more);
    }
    let identity = &mut subject.identity;
    let mut at = Fold {
        source,
        observed_ms,
        mine,
        provenance: &mut identity.provenance,
        conflicts: &mut identity.conflicts,
        stated: &mut subject.stated,
    };
    at.text("name", &mut identity.name, &mut facts.name);
    at.text("sub_type", &mut identity.sub_type, &mut facts.sub_type);
    at.text("domain", &mut identity.domain, &mut facts.domain);
    if mine("kind") {
        kind(&mut at, &mut identity.kind, facts);
    }
    let text = |value: &String| value.clone();
    at.option("purpose", &mut identity.purpose, &mut facts.purpose, text);
    at.option("service", &mut identity.service, &mut facts.service, text);
    at.option("vendor", &mut identity.vendor, &mut facts.vendor, text);
    at.option("agent", &mut identity.agent, &mut facts.agent, |agent| {
        agent.framework.clone()
    });
    at.option(
        "criticality",
        &mut identity.criticality,
        &mut facts.criticality,
        |word| word.as_str().to_owned(),
    );
    at.option(
        "created_by",
        &mut identity.lineage.created_by,
        &mut facts.created_by,
        text,
    );
    at.option(
        "escalation_policy",
        &mut identity.response.escalation_policy,
        &mut facts.escalation_policy,
        |policy| format!("{}:{}", policy.system, policy.id),
    );
    if mine("owner")
        && let Some(owner) = facts.owner.take()
    {
        match &identity.owner {
            // The same owner from two sources is no conflict, whenever each said so.
            Some(known) if known.entity.reference == owner => {}
            _ => {
                let owner = crate::classify::owner(&owner, source, Some(observed_ms));
                at.option("owner", &mut identity.owner, &mut Some(owner), |owner| {
                    owner.entity.reference.clone()
                });
            }
        }
    }
    let mut sponsor = facts.sponsor.as_deref().map(crate::classify::entity);
    at.option("sponsor", &mut identity.sponsor, &mut sponsor, |sponsor| {
        sponsor.reference.clone()
    });
    if !facts.environment.is_empty() && mine("environment") {
        let mut stated = std::mem::take(&mut facts.environment);
        stated.sort();
        stated.dedup();
        let known = std::mem::take(&mut identity.environment);
        let mut known = (!known.is_empty()).then_some(known);
        at.option("environment", &mut known, &mut Some(stated), |words| {
            let words: Vec<&str> = words.iter().map(|word| word.as_str()).collect();
            words.join(",")
        });
        identity.environment = known.unwrap_or_default();
    }
    if let Some(state) = facts.lifecycle_state {
        let mut known = at
            .stated
            .contains(&"lifecycle_state")
            .then_some(identity.lifecycle_state);
        at.option(
            "lifecycle_state",
            &mut known,
            &mut facts.lifecycle_state,
            |state| state.as_str().to_owned(),
        );
        if mine("lifecycle_state") {
            identity.lifecycle_state = known.unwrap_or(state);
        }
    }
    identity.retired_at_ms = identity.retired_at_ms.or(facts.retired_at_ms);
    if facts.created != Time::Unknown && mine("created") {
        match (identity.created, facts.created) {
            (Time::Unknown, created) => {
                identity.created = created;
                at.note("created");
            }
            (Time::At(known), Time::At(other)) if (known - other).abs() > 1000 => {
                at.lose("created", crate::text::time(other));
            }
            _ => {}
        }
    }
    if mine("behavior") {
        for expectation in std::mem::take(&mut facts.behavior) {
            behavior(&mut at, &mut identity.behavior, expectation);
        }
    }
    if mine("tags") {
        for (key, value) in std::mem::take(&mut facts.tags) {
            subject.tags.add(key, value, source, observed_ms);
        }
    }
    // What follows is united, whatever the order. It is folded once, with the general order.
    if !mine("") {
        return;
    }
    if let Some(provider) = facts.provider
        && identity.provider == Provider::Other
    {
        identity.provider = provider;
    }
    if later(identity.last_seen, facts.last_seen) {
        identity.last_seen = facts.last_seen;
        at.renote("last_seen");
    }
    let lineage = &mut identity.lineage;
    for (field, list, more) in [
        ("workloads", &mut identity.workloads, &mut facts.workloads),
        (
            "secondary_owners",
            &mut identity.secondary_owners,
            &mut facts.secondary_owners,
        ),
        (
            "assumable_by",
            &mut lineage.assumable_by,
            &mut facts.assumable_by,
        ),
        ("can_assume", &mut lineage.can_assume, &mut facts.can_assume),
        (
            "",
            &mut subject.unconditioned_trust,
            &mut facts.unconditioned_trust,
        ),
        ("", &mut subject.exposed, &mut facts.exposed),
        ("", &mut subject.weak, &mut facts.weak),
    ] {
        if unite(list, more) && !field.is_empty() {
            at.note(field);
        }
    }
    if !facts.credentials.is_empty() {
        at.note("credentials");
        merge_credentials(
            &mut identity.credentials,
            std::mem::take(&mut facts.credentials),
        );
    }
    if !facts.grants.is_empty() {
        at.note("privilege");
        subject.grants.append(&mut facts.grants);
    }
    if let Some(place) = facts.secret_source.take() {
        // A claim about one key speaks of that key alone. The credentials may come from a source
        // further down, so it is kept until all of them are known.
        let key = record
            .aliases
            .iter()
            .find(|alias| matches!(alias.key_type, KeyType::AwsAccessKeyId | KeyType::GcpKeyId))
            .map(|alias| alias.value.clone());
        subject.secret_places.push((key, place));
    }
    subject.boundary = subject.boundary.take().or_else(|| facts.boundary.take());
    subject.namespace = subject.namespace.take().or_else(|| facts.namespace.take());
}

/// Where people left secrets in what everybody may read: tags, labels, descriptions, names.
fn exposed(facts: &Facts, source: &Arc<str>) -> Vec<String> {
    let tags = facts.tags.iter().filter_map(|(key, value)| {
        let in_key = shape(key);
        let found = in_key.or_else(|| shape(value))?;
        let key = in_key.map_or(key.as_str(), |_| "…");
        Some((format!("tag {}", printable(key, 80)), found))
    });
    let fields = [
        ("description", &facts.purpose),
        ("name", &facts.name),
        ("place of its secret", &facts.secret_source),
    ];
    let fields = fields
        .into_iter()
        .filter_map(|(field, text)| Some((field.to_owned(), shape(text.as_deref()?)?)));
    tags.chain(fields)
        .map(|(place, found)| format!("{source}: {place} holds {found}"))
        .collect()
}

/// Adds what is new to a sorted list; whether anything was.
fn unite(list: &mut Vec<String>, more: &mut Vec<String>) -> bool {
    if more.is_empty() {
        return false;
    }
    let before = list.len();
    list.append(more);
    list.sort();
    list.dedup();
    list.len() > before
}

fn kind(at: &mut Fold<'_>, known: &mut Kind, facts: &mut Facts) {
    if let Some(kind) = facts.kind {
        let mut stated = at.stated.contains(&"kind").then_some(*known);
        at.option("kind", &mut stated, &mut facts.kind, |kind| {
            kind.as_str().to_owned()
        });
        *known = stated.unwrap_or(kind);
    } else if let Some(kind) = facts.native_kind
        && *known == Kind::Unknown
    {
        // Not a statement: a policy rule may say more than the provider's type does.
        *known = kind;
        at.renote("kind");
    }
}

fn behavior(at: &mut Fold<'_>, known: &mut Vec<Expectation>, expectation: Expectation) {
    let field = dimension_field(expectation.dimension);
    match known
        .iter()
        .find(|known| known.dimension == expectation.dimension)
    {
        None => {
            known.push(expectation);
            at.note(field);
        }
        Some(known) if known.allowed != expectation.allowed || known.hours != expectation.hours => {
            at.lose(field, expectation.allowed.join(","));
        }
        Some(_) => {}
    }
}

/// One record being folded in: what it gives and what it loses.
struct Fold<'a> {
    source: &'a Arc<str>,
    observed_ms: i64,
    mine: &'a dyn Fn(&str) -> bool,
    provenance: &'a mut Vec<Provenance>,
    conflicts: &'a mut Vec<Conflict>,
    stated: &'a mut Few<&'static str>,
}

impl Fold<'_> {
    fn note(&mut self, field: &'static str) {
        if self.stated.insert(field) {
            self.renote(field);
        }
    }

    fn renote(&mut self, field: &'static str) {
        self.provenance.push(Provenance {
            field: field.into(),
            source: Arc::clone(self.source),
            observed_ms: Some(self.observed_ms),
        });
    }

    fn lose(&mut self, field: &str, value: String) {
        self.conflicts.push(Conflict {
            field: field.to_owned(),
            source: self.source.to_string(),
            value,
        });
    }

    fn option<T: PartialEq>(
        &mut self,
        field: &'static str,
        slot: &mut Option<T>,
        value: &mut Option<T>,
        show: impl Fn(&T) -> String,
    ) {
        if value.is_none() || !(self.mine)(field) {
            return;
        }
        match (slot.as_ref(), value.take()) {
            (None, value @ Some(_)) => {
                *slot = value;
                self.note(field);
            }
            (Some(known), Some(value)) if *known != value => self.lose(field, show(&value)),
            _ => {}
        }
    }

    fn text(&mut self, field: &'static str, slot: &mut String, value: &mut Option<String>) {
        if value.is_none() {
            return;
        }
        let known = std::mem::take(slot);
        let mut known = (!known.is_empty()).then_some(known);
        self.option(field, &mut known, value, String::clone);
        *slot = known.unwrap_or_default();
    }
}

/// The provenance field of a dimension.
#[must_use]
pub(crate) fn dimension_field(dimension: Dimension) -> &'static str {
    match dimension {
        Dimension::Network => "behavior.network",
        Dimension::Region => "behavior.region",
        Dimension::Action => "behavior.action",
        Dimension::UserAgent => "behavior.user_agent",
        Dimension::Hours => "behavior.hours",
        Dimension::Workload => "behavior.workload",
        Dimension::Resource => "behavior.resource",
        _ => "behavior",
    }
}
