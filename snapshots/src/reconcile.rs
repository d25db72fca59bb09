//! Reconcile: many records of one identity become one, with provenance.
//!
//! Records meet through their canonical uid or through a shared key (type, domain, value), never by
//! name alone. Inventories whose uids differ are never merged: a key that both hold stays with both
//! and a lookup answers `ambiguous`. For a field that two sources state, the source that is listed
//! first in the configuration wins; what the other said is kept as a conflict.

use std::collections::{BTreeMap, BTreeSet};

use enrich_core::KeyType;
use enrich_core::vocabulary::{Dimension, Kind, LifecycleState, Provider};

use crate::model::{Alias, Conflict, Credential, Identity, Inventory, Provenance, Time};
use crate::record::{Grant, Harvest, Record, notation};
use crate::text::DAY_MS;

/// One identity with what the policy needs to judge it and the snapshot does not hold.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Subject {
    /// The identity.
    pub identity: Identity,
    /// What each policy or role allows.
    pub grants: Vec<Grant>,
    /// Upper bound of the privilege.
    pub boundary: Option<Grant>,
    /// Namespace inside the domain.
    pub namespace: Option<String>,
    /// Tags, labels and annotations.
    pub tags: BTreeMap<String, String>,
    /// Which source gave each tag.
    pub tag_sources: BTreeMap<String, (String, i64)>,
    /// Trust that does not say who is meant.
    pub unconditioned_trust: Vec<String>,
    /// Fields that a source stated; a policy rule leaves them alone.
    pub stated: BTreeSet<&'static str>,
    /// Names of the sources that speak about it.
    pub sources: BTreeSet<String>,
    /// Where secrets live, as stated: for one access key, or for all credentials.
    pub secret_places: Vec<(Option<String>, String)>,
}

/// The result for one export.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Reconciled {
    /// Identities in the order of their uids.
    pub subjects: Vec<Subject>,
    /// Keys that several identities hold at the same time.
    pub ambiguous_keys: Vec<String>,
    /// Claims about keys that no inventory lists, as `source: key`.
    pub unmatched: Vec<String>,
}

type KeyOf = (KeyType, String, String);

fn key_of(alias: &Alias) -> KeyOf {
    (alias.key_type, alias.domain.clone(), alias.value.clone())
}

fn unique_ids(aliases: &[Alias]) -> BTreeSet<KeyOf> {
    aliases
        .iter()
        .filter(|alias| alias.key_type.is_unique_id())
        .map(key_of)
        .collect()
}

/// Records of one identity, by their place in the harvest.
#[derive(Debug, Default)]
struct Group {
    records: Vec<usize>,
    unique: BTreeSet<KeyOf>,
    created: Option<i64>,
}

impl Group {
    /// Whether a record may speak of the same identity: no unique id of the same type differs.
    fn admits(&self, unique: &BTreeSet<KeyOf>) -> bool {
        unique.iter().all(|id| {
            self.unique.contains(id)
                || !self
                    .unique
                    .iter()
                    .any(|own| (own.0, &own.1) == (id.0, &id.1))
        })
    }

    fn add(&mut self, index: usize, record: &Record) {
        self.records.push(index);
        self.unique.extend(unique_ids(&record.aliases));
        if let (None, Time::At(created)) = (self.created, record.facts.created) {
            self.created = Some(created);
        }
    }
}

/// Lets the records of a harvest meet.
#[must_use]
pub fn reconcile(harvest: &Harvest) -> Reconciled {
    let records = &harvest.records;
    let mut by_uid: BTreeMap<&str, Vec<Group>> = BTreeMap::new();
    // Records with unique ids first: those without can then be told which incarnation they mean.
    for with_unique in [true, false] {
        for (index, record) in records.iter().enumerate() {
            let Some(uid) = record.uid.as_deref() else {
                continue;
            };
            let unique = unique_ids(&record.aliases);
            if unique.is_empty() == with_unique {
                continue;
            }
            let groups = by_uid.entry(uid).or_default();
            let created = if let Time::At(created) = record.facts.created {
                Some(created)
            } else {
                None
            };
            let same_age = groups.iter().position(|group| {
                unique.is_empty() && created.is_some() && group.created == created
            });
            let place = same_age.or_else(|| groups.iter().position(|group| group.admits(&unique)));
            match place {
                Some(place) => groups[place].add(index, record),
                None => {
                    let mut group = Group::default();
                    group.add(index, record);
                    groups.push(group);
                }
            }
        }
    }
    let mut subjects = Vec::new();
    let mut members: Vec<Vec<usize>> = Vec::new();
    for (uid, mut groups) in by_uid {
        // The youngest incarnation carries the uid; its predecessors carry their unique id as well.
        groups.sort_by_key(|group| {
            (
                std::cmp::Reverse(group.created),
                group.records.first().copied(),
            )
        });
        let mut successor: Option<i64> = None;
        for (number, group) in groups.into_iter().enumerate() {
            let suffix = group
                .unique
                .iter()
                .next()
                .filter(|_| number > 0)
                .map(|id| format!("#{}", id.2))
                .unwrap_or_default();
            let mut subject = empty(&format!("{uid}{suffix}"));
            for index in &group.records {
                for alias in &records[*index].aliases {
                    add_alias(
                        &mut subject.identity,
                        alias,
                        if number > 0 { successor } else { None },
                    );
                }
            }
            if number > 0
                && let Some(until) = successor
            {
                subject.identity.lifecycle_state = LifecycleState::Deprovisioned;
                subject.identity.retired_at_ms = Some(until);
                subject.stated.insert("lifecycle_state");
            }
            successor = group.created.or(successor);
            subjects.push(subject);
            members.push(group.records);
        }
    }
    let unmatched = attach_claims(records, &mut subjects, &mut members);
    for (subject, mut indexes) in subjects.iter_mut().zip(members) {
        indexes.sort_by_key(|index| (records[*index].source.rank, *index));
        for index in indexes {
            fold(subject, &records[index]);
        }
        finish(subject);
    }
    link(&mut subjects);
    subjects.sort_by(|a, b| a.identity.uid.cmp(&b.identity.uid));
    let ambiguous_keys = ambiguous(&subjects);
    Reconciled {
        subjects,
        ambiguous_keys,
        unmatched,
    }
}

fn empty(uid: &str) -> Subject {
    Subject {
        identity: Identity::new(uid, "", Kind::Unknown, Provider::Other, ""),
        grants: Vec::new(),
        boundary: None,
        namespace: None,
        tags: BTreeMap::new(),
        tag_sources: BTreeMap::new(),
        unconditioned_trust: Vec::new(),
        stated: BTreeSet::new(),
        sources: BTreeSet::new(),
        secret_places: Vec::new(),
    }
}

/// Adds a key. A name ends when the successor of the identity begins; of two statements about the
/// same key the wider validity holds.
fn add_alias(identity: &mut Identity, alias: &Alias, until: Option<i64>) {
    let mut alias = alias.clone();
    if !alias.key_type.is_unique_id() && alias.valid_to_ms.is_none() {
        alias.valid_to_ms = until;
    }
    match identity
        .aliases
        .iter_mut()
        .find(|known| key_of(known) == key_of(&alias))
    {
        Some(known) => {
            // A known beginning is a fact; a missing one only means that the source does not say.
            known.valid_from_ms = match (known.valid_from_ms, alias.valid_from_ms) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
            known.valid_to_ms = match (known.valid_to_ms, alias.valid_to_ms) {
                (Some(a), Some(b)) => Some(a.max(b)),
                (a, b) => a.or(b),
            };
        }
        None => identity.aliases.push(alias),
    }
}

/// Gives each claim to the identities that hold one of its keys.
fn attach_claims(
    records: &[Record],
    subjects: &mut [Subject],
    members: &mut [Vec<usize>],
) -> Vec<String> {
    let mut holders: BTreeMap<KeyOf, BTreeSet<usize>> = BTreeMap::new();
    let mut local: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for (number, subject) in subjects.iter().enumerate() {
        for alias in &subject.identity.aliases {
            holders.entry(key_of(alias)).or_default().insert(number);
        }
        for name in members[number]
            .iter()
            .filter_map(|index| records[*index].local_name.as_deref())
        {
            local.entry(name).or_default().insert(number);
        }
    }
    let mut waiting: Vec<usize> = (0..records.len())
        .filter(|index| records[*index].uid.is_none())
        .collect();
    // A claim may bring a key that a later claim needs (an access key id), so this repeats until
    // nothing more is attached.
    loop {
        let before = waiting.len();
        waiting.retain(|index| {
            let record = &records[*index];
            let by_key = record
                .aliases
                .iter()
                .filter_map(|alias| holders.get(&key_of(alias)));
            let by_name = record
                .local_name
                .as_deref()
                .and_then(|name| local.get(name));
            let mut found: BTreeSet<usize> = by_key.chain(by_name).flatten().copied().collect();
            if found
                .iter()
                .any(|number| subjects[*number].identity.retired_at_ms.is_none())
            {
                found.retain(|number| subjects[*number].identity.retired_at_ms.is_none());
            }
            for number in &found {
                members[*number].push(*index);
                for alias in &record.aliases {
                    // What a claim calls a key is not a statement about how long it has led here.
                    if !subjects[*number]
                        .identity
                        .aliases
                        .iter()
                        .any(|known| key_of(known) == key_of(alias))
                    {
                        add_alias(&mut subjects[*number].identity, alias, None);
                        holders.entry(key_of(alias)).or_default().insert(*number);
                    }
                }
            }
            found.is_empty()
        });
        if waiting.len() == before {
            break;
        }
    }
    let name = |record: &Record| {
        record
            .aliases
            .first()
            .map(notation)
            .or_else(|| record.local_name.clone())
            .unwrap_or_default()
    };
    let mut unmatched: Vec<String> = waiting
        .iter()
        .map(|index| {
            format!(
                "{}: {}",
                records[*index].source.name,
                name(&records[*index])
            )
        })
        .collect();
    unmatched.sort();
    unmatched.dedup();
    unmatched
}

/// Takes over what a record says and nobody before it said.
fn fold(subject: &mut Subject, record: &Record) {
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

/// Whether a statement about the last use says more than the one before.
fn later(known: Time, other: Time) -> bool {
    let weight = |time: Time| match time {
        Time::Unknown => (0, 0),
        Time::NotTracked => (1, 0),
        Time::NeverSince(since) => (2, since),
        Time::Never => (3, 0),
        Time::At(at) => (4, at),
    };
    weight(other) > weight(known)
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

fn merge_credentials(known: &mut Vec<Credential>, more: &[Credential]) {
    for credential in more {
        match known.iter_mut().find(|known| {
            known.uid == credential.uid && known.credential_type == credential.credential_type
        }) {
            Some(known) => complete(known, credential),
            None => known.push(credential.clone()),
        }
    }
}

/// Fills what is unknown; the later of two last uses holds.
fn complete(known: &mut Credential, other: &Credential) {
    for (slot, value) in [
        (&mut known.created, other.created),
        (&mut known.last_rotated, other.last_rotated),
        (&mut known.expires, other.expires),
    ] {
        if *slot == Time::Unknown {
            *slot = value;
        }
    }
    if later(known.last_used, other.last_used) {
        known.last_used = other.last_used;
    }
    if known.status == enrich_core::vocabulary::CredentialStatus::Unknown {
        known.status = other.status;
    }
    known.secret_source = known
        .secret_source
        .take()
        .or_else(|| other.secret_source.clone());
}

/// Settles what needs all records of an identity.
fn finish(subject: &mut Subject) {
    let identity = &mut subject.identity;
    name_report_keys(&mut identity.credentials);
    for (key, place) in &subject.secret_places {
        for credential in identity.credentials.iter_mut().filter(|credential| {
            credential.credential_type != "password"
                && key.as_ref().is_none_or(|key| credential.uid == *key)
        }) {
            credential
                .secret_source
                .get_or_insert_with(|| place.clone());
        }
    }
    identity
        .credentials
        .sort_by(|a, b| (&a.credential_type, &a.uid).cmp(&(&b.credential_type, &b.uid)));
    identity.aliases.sort();
    // The last statement about a field is the one that holds (`last_seen` moves forward).
    let mut latest: BTreeMap<String, Provenance> = BTreeMap::new();
    for provenance in identity.provenance.drain(..) {
        latest.insert(provenance.field.clone(), provenance);
    }
    identity.provenance.extend(latest.into_values());
    identity.conflicts.sort();
    identity.conflicts.dedup();
    subject.grants.sort();
    subject.grants.dedup();
    if identity.name.is_empty() {
        identity.name.clone_from(&identity.uid);
    }
}

/// The credential report calls access keys by their slot; another source knows their ids. They meet
/// by date (a key that was never changed was last changed when it was made), then by order.
fn name_report_keys(credentials: &mut Vec<Credential>) {
    let is_slot = |credential: &Credential| {
        credential.credential_type == "access_key" && credential.uid.starts_with("access_key_")
    };
    let (mut slots, rest): (Vec<Credential>, Vec<Credential>) =
        credentials.drain(..).partition(is_slot);
    let (mut named, mut other): (Vec<Credential>, Vec<Credential>) = rest
        .into_iter()
        .partition(|credential| credential.credential_type == "access_key");
    named.sort_by_key(|credential| (credential.created, credential.uid.clone()));
    slots.sort_by_key(|credential| (credential.last_rotated, credential.uid.clone()));
    let mut met = vec![false; named.len()];
    let near =
        |a: Time, b: Time| matches!((a, b), (Time::At(a), Time::At(b)) if (a - b).abs() <= 60_000);
    slots.retain(|slot| {
        match (0..named.len()).find(|n| !met[*n] && near(named[*n].created, slot.last_rotated)) {
            Some(found) => {
                met[found] = true;
                complete(&mut named[found], slot);
                false
            }
            None => true,
        }
    });
    let free: Vec<usize> = (0..named.len()).filter(|n| !met[*n]).collect();
    if free.len() == slots.len() {
        for (number, slot) in free.into_iter().zip(slots.drain(..)) {
            complete(&mut named[number], &slot);
        }
    }
    other.append(&mut named);
    other.append(&mut slots);
    *credentials = other;
}

/// Writes trust edges as uids and on both ends; a cloud role takes over the workloads of the
/// Kubernetes accounts that become it.
fn link(subjects: &mut [Subject]) {
    let mut by_key: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for subject in subjects.iter() {
        for alias in &subject.identity.aliases {
            by_key
                .entry(notation(alias))
                .or_default()
                .insert(subject.identity.uid.clone());
        }
    }
    let resolve = |text: &mut String| {
        if let Some(uids) = by_key.get(text.as_str())
            && uids.len() == 1
            && let Some(uid) = uids.first()
        {
            text.clone_from(uid);
        }
    };
    let (mut inward, mut outward): (
        BTreeMap<String, BTreeSet<String>>,
        BTreeMap<String, BTreeSet<String>>,
    ) = (BTreeMap::new(), BTreeMap::new());
    let mut workloads: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for subject in subjects.iter_mut() {
        let identity = &mut subject.identity;
        identity.lineage.assumable_by.iter_mut().for_each(resolve);
        identity.lineage.can_assume.iter_mut().for_each(resolve);
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
                workloads
                    .entry(role.clone())
                    .or_default()
                    .extend(identity.workloads.iter().cloned());
            }
        }
    }
    for subject in subjects.iter_mut() {
        let identity = &mut subject.identity;
        let uid = identity.uid.clone();
        for (list, more) in [
            (&mut identity.lineage.assumable_by, inward.get(&uid)),
            (&mut identity.lineage.can_assume, outward.get(&uid)),
            (&mut identity.workloads, workloads.get(&uid)),
        ] {
            list.extend(more.into_iter().flatten().cloned());
            list.sort();
            list.dedup();
        }
    }
}

/// Keys that more than one identity holds at the same time.
fn ambiguous(subjects: &[Subject]) -> Vec<String> {
    let mut holders: BTreeMap<KeyOf, Vec<&Alias>> = BTreeMap::new();
    for alias in subjects
        .iter()
        .flat_map(|subject| &subject.identity.aliases)
    {
        holders.entry(key_of(alias)).or_default().push(alias);
    }
    let overlap = |a: &Alias, b: &Alias| {
        let before = |to: Option<i64>, from: Option<i64>| matches!((to, from), (Some(to), Some(from)) if to <= from);
        !before(a.valid_to_ms, b.valid_from_ms) && !before(b.valid_to_ms, a.valid_from_ms)
    };
    let shared = holders.into_values().filter(|held| {
        held.iter()
            .enumerate()
            .any(|(n, a)| held[n + 1..].iter().any(|b| overlap(a, b)))
    });
    shared
        .filter_map(|held| held.first().map(|alias| notation(alias)))
        .collect()
}

/// For how long a removed identity stays answerable.
const TOMBSTONE_MS: i64 = 400 * DAY_MS;

/// Keeps the identities of the previous snapshot that are gone as tombstones. Returns how many.
///
/// An identity is gone when its account or cluster was read again and does not list it any more.
/// Where nothing was read, nothing is known, and nothing is carried over.
pub fn tombstones(previous: &Inventory, current: &mut Inventory) -> usize {
    let created = current.meta.created_ms;
    let mut by_uid: BTreeMap<String, usize> = BTreeMap::new();
    let mut by_key: BTreeMap<KeyOf, usize> = BTreeMap::new();
    for (number, identity) in current.identities.iter().enumerate() {
        by_uid.insert(identity.uid.clone(), number);
        for alias in &identity.aliases {
            by_key.entry(key_of(alias)).or_insert(number);
        }
    }
    let mut added = 0;
    for old in &previous.identities {
        let retired = old.retired_at_ms;
        let end = retired.unwrap_or(created);
        if created.saturating_sub(end) > TOMBSTONE_MS {
            continue;
        }
        let read_again = current.scopes.iter().any(|scope| {
            scope.covered
                && scope.part.is_empty()
                && scope.provider == old.provider
                && scope.domain == old.domain
        });
        if !read_again {
            continue;
        }
        let ids = unique_ids(&old.aliases);
        let mut uid = old.uid.clone();
        if let Some(number) = by_uid.get(&old.uid) {
            let new_ids = unique_ids(&current.identities[*number].aliases);
            let differs = |id: &&KeyOf| {
                !new_ids.contains(*id)
                    && new_ids
                        .iter()
                        .any(|other| (other.0, &other.1) == (id.0, &id.1))
            };
            // The same uid with another unique id: the old one was deleted, the name was given again.
            let Some(id) = ids.iter().find(differs) else {
                continue;
            };
            uid = format!("{}#{}", old.uid, id.2);
            if by_uid.contains_key(&uid) {
                continue;
            }
        } else if let Some(number) = ids.iter().find_map(|id| by_key.get(id)) {
            // Renamed: the old name still leads to it for events from before.
            let renamed = &mut current.identities[*number];
            for alias in old
                .aliases
                .iter()
                .filter(|alias| !alias.key_type.is_unique_id())
            {
                if !renamed
                    .aliases
                    .iter()
                    .any(|known| key_of(known) == key_of(alias))
                {
                    renamed.aliases.push(Alias {
                        valid_to_ms: alias.valid_to_ms.or(Some(end)),
                        ..alias.clone()
                    });
                }
            }
            continue;
        }
        let mut tombstone = old.clone();
        tombstone.uid = uid;
        tombstone.lifecycle_state = LifecycleState::Deprovisioned;
        tombstone.retired_at_ms = Some(end);
        for credential in &mut tombstone.credentials {
            credential.status = enrich_core::vocabulary::CredentialStatus::Revoked;
        }
        // A name that another identity holds by now ended when the other one began.
        for alias in tombstone
            .aliases
            .iter_mut()
            .filter(|alias| alias.valid_to_ms.is_none())
        {
            if let Some(number) = by_key.get(&key_of(alias)) {
                let taken = current.identities[*number]
                    .aliases
                    .iter()
                    .find(|other| key_of(other) == key_of(alias));
                alias.valid_to_ms =
                    Some(taken.and_then(|other| other.valid_from_ms).unwrap_or(end));
            }
        }
        current.identities.push(tombstone);
        added += 1;
    }
    current.identities.sort_by(|a, b| a.uid.cmp(&b.uid));
    added
}
