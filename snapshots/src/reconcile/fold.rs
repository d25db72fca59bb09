//! Fold: what one record says goes into the identity, unless somebody before it said otherwise.

use super::*;

/// Takes over what a record says and nobody before it said.
pub(super) fn fold(subject: &mut Subject, record: &Record) {
    let facts = &record.facts;
    subject.sources.insert(record.source.name.clone());
    let mut at = Fold {
        record,
        provenance: Vec::new(),
        conflicts: Vec::new(),
        stated: &mut subject.stated,
    };
    let identity = &mut subject.identity;
    at.text("name", &mut identity.name, facts.name.as_ref());
    at.text("sub_type", &mut identity.sub_type, facts.sub_type.as_ref());
    at.text("domain", &mut identity.domain, facts.domain.as_ref());
    if let Some(provider) = facts.provider
        && identity.provider == Provider::Other
    {
        identity.provider = provider;
    }
    if let Some(kind) = facts.kind {
        let mut known = at.stated.contains("kind").then_some(identity.kind);
        at.option("kind", &mut known, Some(&kind), |kind| {
            kind.as_str().to_owned()
        });
        identity.kind = known.unwrap_or(kind);
    } else if let Some(kind) = facts.native_kind
        && identity.kind == Kind::Unknown
    {
        // Not a statement: a policy rule may say more than the provider's type does.
        identity.kind = kind;
        at.renote("kind");
    }
    let text = |value: &String| value.clone();
    at.option(
        "purpose",
        &mut identity.purpose,
        facts.purpose.as_ref(),
        text,
    );
    at.option(
        "service",
        &mut identity.service,
        facts.service.as_ref(),
        text,
    );
    at.option("vendor", &mut identity.vendor, facts.vendor.as_ref(), text);
    at.option(
        "agent",
        &mut identity.agent,
        facts.agent.as_ref(),
        |agent| agent.framework.clone(),
    );
    at.option(
        "criticality",
        &mut identity.criticality,
        facts.criticality.as_ref(),
        |word| word.as_str().to_owned(),
    );
    at.option(
        "created_by",
        &mut identity.lineage.created_by,
        facts.created_by.as_ref(),
        text,
    );
    at.option(
        "escalation_policy",
        &mut identity.response.escalation_policy,
        facts.escalation_policy.as_ref(),
        |policy| format!("{}:{}", policy.system, policy.id),
    );
    let owner = facts.owner.as_ref().map(|owner| {
        crate::classify::owner(owner, &record.source.name, Some(record.source.observed_ms))
    });
    let mut known = identity.owner.clone();
    match (&known, &owner) {
        // The same owner from two sources is no conflict, whenever each said so.
        (Some(known), Some(owner)) if known.entity.reference == owner.entity.reference => {}
        _ => at.option("owner", &mut known, owner.as_ref(), |owner| {
            owner.entity.reference.clone()
        }),
    }
    identity.owner = known;
    let sponsor = facts
        .sponsor
        .as_ref()
        .map(|sponsor| crate::classify::entity(sponsor));
    at.option(
        "sponsor",
        &mut identity.sponsor,
        sponsor.as_ref(),
        |sponsor| sponsor.reference.clone(),
    );
    if !facts.environment.is_empty() {
        let mut stated = facts.environment.clone();
        stated.sort();
        stated.dedup();
        let mut known = (!identity.environment.is_empty()).then(|| identity.environment.clone());
        at.option("environment", &mut known, Some(&stated), |words| {
            words
                .iter()
                .map(|word| word.as_str())
                .collect::<Vec<_>>()
                .join(",")
        });
        identity.environment = known.unwrap_or_default();
    }
    if let Some(state) = facts.lifecycle_state {
        let mut known = at
            .stated
            .contains("lifecycle_state")
            .then_some(identity.lifecycle_state);
        at.option("lifecycle_state", &mut known, Some(&state), |state| {
            state.as_str().to_owned()
        });
        identity.lifecycle_state = known.unwrap_or(state);
    }
    if facts.created != Time::Unknown {
        match (identity.created, facts.created) {
            (Time::Unknown, created) => {
                identity.created = created;
                at.note("created");
            }
            (Time::At(known), Time::At(other)) if (known - other).abs() > 1000 => {
                at.lose("created", crate::text::time(other))
            }
            _ => {}
        }
    }
    if later(identity.last_seen, facts.last_seen) {
        identity.last_seen = facts.last_seen;
        at.renote("last_seen");
    }
    for expectation in &facts.behavior {
        let field = dimension_field(expectation.dimension);
        match identity
            .behavior
            .iter()
            .find(|known| known.dimension == expectation.dimension)
        {
            None => {
                identity.behavior.push(expectation.clone());
                at.note(field);
            }
            Some(known)
                if known.allowed != expectation.allowed || known.hours != expectation.hours =>
            {
                at.lose(field, expectation.allowed.join(","))
            }
            Some(_) => {}
        }
    }
    for (list, more, field) in [
        (&mut identity.workloads, &facts.workloads, "workloads"),
        (
            &mut identity.secondary_owners,
            &facts.secondary_owners,
            "secondary_owners",
        ),
        (
            &mut identity.lineage.assumable_by,
            &facts.assumable_by,
            "assumable_by",
        ),
        (
            &mut identity.lineage.can_assume,
            &facts.can_assume,
            "can_assume",
        ),
        (
            &mut subject.unconditioned_trust,
            &facts.unconditioned_trust,
            "",
        ),
    ] {
        let before = list.len();
        list.extend(more.iter().cloned());
        list.sort();
        list.dedup();
        if list.len() > before && !field.is_empty() {
            at.note(field);
        }
    }
    if !facts.credentials.is_empty() {
        at.note("credentials");
        merge_credentials(&mut identity.credentials, &facts.credentials);
    }
    if let Some(place) = &facts.secret_source {
        // A claim about one key speaks of that key alone. The credentials may come from a source
        // further down, so it is kept until all of them are known.
        let key = record
            .aliases
            .iter()
            .find(|alias| alias.key_type == KeyType::AwsAccessKeyId)
            .map(|alias| alias.value.clone());
        subject.secret_places.push((key, place.clone()));
    }
    if !facts.grants.is_empty() {
        at.note("privilege");
    }
    identity.provenance.extend(at.provenance);
    identity.conflicts.extend(at.conflicts);
    subject.grants.extend(facts.grants.iter().cloned());
    subject.boundary = subject.boundary.take().or_else(|| facts.boundary.clone());
    subject.namespace = subject.namespace.take().or_else(|| facts.namespace.clone());
    for (key, value) in &facts.tags {
        subject
            .tags
            .entry(key.clone())
            .or_insert_with(|| value.clone());
        subject
            .tag_sources
            .entry(key.clone())
            .or_insert_with(|| (record.source.name.clone(), record.source.observed_ms));
    }
}

/// One record being folded in: what it gives and what it loses.
struct Fold<'a> {
    record: &'a Record,
    provenance: Vec<Provenance>,
    conflicts: Vec<Conflict>,
    stated: &'a mut BTreeSet<&'static str>,
}

impl Fold<'_> {
    fn note(&mut self, field: &'static str) {
        if self.stated.insert(field) {
            self.renote(field);
        }
    }

    fn renote(&mut self, field: &'static str) {
        self.provenance.push(Provenance {
            field: field.to_owned(),
            source: self.record.source.name.clone(),
            observed_ms: Some(self.record.source.observed_ms),
        });
    }

    fn lose(&mut self, field: &str, value: String) {
        self.conflicts.push(Conflict {
            field: field.to_owned(),
            source: self.record.source.name.clone(),
            value,
        });
    }

    fn option<T: Clone + PartialEq>(
        &mut self,
        field: &'static str,
        slot: &mut Option<T>,
        value: Option<&T>,
        show: impl Fn(&T) -> String,
    ) {
        match (slot.as_ref(), value) {
            (None, Some(value)) => {
                *slot = Some(value.clone());
                self.note(field);
            }
            (Some(known), Some(value)) if known != value => self.lose(field, show(value)),
            _ => {}
        }
    }

    fn text(&mut self, field: &'static str, slot: &mut String, value: Option<&String>) {
        let mut known = (!slot.is_empty()).then(|| slot.clone());
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
