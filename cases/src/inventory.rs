//! From the case file to the inventory model: words are read already, times and keys are read here.

use std::net::IpAddr;

use enrich_core::Key;
use enrich_core::vocabulary as v;
use snapshots::model as m;
use snapshots::policy::hours;
use snapshots::text::parse_time;

use crate::error::CaseError;
use crate::spec::{
    AliasSpec, CredentialSpec, EntitySpec, EscalationSpec, ExpectationSpec, FindingSpec,
    IdentitySpec, LayerSpec, NetworkSpec, OwnerSpec, ResponseSpec, RuleSpec, ScopeSpec,
    SnapshotSpec, Word,
};

/// When an inventory was taken that does not say.
const CREATED: &str = "2026-03-20T06:00:00Z";

const TIME: &str = "a time such as 2026-03-20T06:00:00Z";

/// Where in a case file a value stands, for messages.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    case: &'a str,
    place: String,
}

impl<'a> Place<'a> {
    pub(crate) const fn new(case: &'a str, place: String) -> Self {
        Self { case, place }
    }

    fn fault(&self, member: &str, value: &str, wanted: &'static str) -> CaseError {
        CaseError::Value {
            case: self.case.to_owned(),
            place: format!("{}, {member}", self.place),
            value: value.to_owned(),
            wanted,
        }
    }

    fn moment(&self, member: &str, value: &str) -> Result<i64, CaseError> {
        parse_time(value).ok_or_else(|| self.fault(member, value, TIME))
    }

    fn some_moment(&self, member: &str, value: Option<&String>) -> Result<Option<i64>, CaseError> {
        value.map(|value| self.moment(member, value)).transpose()
    }

    fn time(&self, member: &str, value: Option<&String>) -> Result<m::Time, CaseError> {
        Ok(match value.map(String::as_str) {
            None | Some("unknown") => m::Time::Unknown,
            Some("not_tracked") => m::Time::NotTracked,
            Some("never") => m::Time::Never,
            Some(value) => match value.strip_prefix("never since ") {
                Some(since) => m::Time::NeverSince(self.moment(member, since)?),
                None => m::Time::At(self.moment(member, value)?),
            },
        })
    }

    pub(crate) fn alias(
        &self,
        key: &str,
        from: Option<&String>,
        to: Option<&String>,
    ) -> Result<m::Alias, CaseError> {
        let (key_type, domain, value) = Key::split_notation(key)
            .map_err(|_| self.fault("aliases", key, "TYPE[@DOMAIN]:VALUE with a known type"))?;
        Ok(m::Alias {
            key_type,
            domain: domain.to_owned(),
            value: value.to_owned(),
            valid_from_ms: self.some_moment("aliases", from)?,
            valid_to_ms: self.some_moment("aliases", to)?,
        })
    }
}

fn words<T: Copy>(words: &[Word<T>]) -> Vec<T> {
    words.iter().map(|word| word.0).collect()
}

fn entity(spec: &EntitySpec) -> m::EntityRef {
    match spec {
        EntitySpec::Ref(reference) => m::EntityRef {
            reference: reference.clone(),
            ..m::EntityRef::default()
        },
        EntitySpec::Full(full) => m::EntityRef {
            reference: full.r#ref.clone(),
            name: full.name.clone(),
            contact: full.contact.clone(),
        },
    }
}

fn escalation(spec: &EscalationSpec) -> m::EscalationPolicy {
    m::EscalationPolicy {
        system: spec.system.clone(),
        id: spec.id.clone(),
        url: spec.url.clone(),
    }
}

fn owner(place: &Place<'_>, spec: &OwnerSpec) -> Result<m::Owner, CaseError> {
    Ok(match spec {
        OwnerSpec::Ref(reference) => m::Owner {
            entity: m::EntityRef {
                reference: reference.clone(),
                ..m::EntityRef::default()
            },
            source: String::new(),
            as_of_ms: None,
            status: v::OwnerStatus::Active,
        },
        OwnerSpec::Full(full) => m::Owner {
            entity: m::EntityRef {
                reference: full.r#ref.clone(),
                name: full.name.clone(),
                contact: full.contact.clone(),
            },
            source: full.source.clone(),
            as_of_ms: place.some_moment("owner.as_of", full.as_of.as_ref())?,
            status: full
                .status
                .map_or(v::OwnerStatus::Active, |status| status.0),
        },
    })
}

fn credential(place: &Place<'_>, spec: &CredentialSpec) -> Result<m::Credential, CaseError> {
    Ok(m::Credential {
        uid: spec.uid.clone(),
        credential_type: spec.r#type.clone(),
        created: place.time("credentials.created", spec.created.as_ref())?,
        last_rotated: place.time("credentials.last_rotated", spec.last_rotated.as_ref())?,
        expires: place.time("credentials.expires", spec.expires.as_ref())?,
        last_used: place.time("credentials.last_used", spec.last_used.as_ref())?,
        status: spec
            .status
            .map_or(v::CredentialStatus::Unknown, |status| status.0),
        secret_source: spec.secret_source.clone(),
        max_age_days: spec.max_age_days,
    })
}

fn expectation(place: &Place<'_>, spec: &ExpectationSpec) -> Result<m::Expectation, CaseError> {
    let hours = match &spec.hours {
        Some(text) => Some(hours::parse(text).map_err(|_| {
            place.fault("behavior.hours", text, "hours such as mon-fri 06:00-20:00")
        })?),
        None => None,
    };
    Ok(m::Expectation {
        dimension: spec.dimension.0,
        allowed: spec.allowed.clone(),
        hours,
        basis: spec.basis.map_or(v::Basis::Declared, |basis| basis.0),
        window_days: spec.window_days,
        samples: spec.samples,
    })
}

fn response(spec: &ResponseSpec) -> m::Response {
    let revocation = spec.revocation.iter().map(|option| m::Revocation {
        action: option.action.clone(),
        system: option.system.clone(),
        team: option.team.clone(),
        runbook: option.runbook.clone(),
        expected_minutes: option.expected_minutes,
        breaks: option.breaks.clone(),
    });
    m::Response {
        revocation: revocation.collect(),
        escalation_policy: spec.escalation_policy.as_ref().map(escalation),
        context_owner: spec.context_owner.clone(),
        response_owner: spec.response_owner.clone(),
    }
}

fn finding(place: &Place<'_>, spec: &FindingSpec) -> Result<m::Finding, CaseError> {
    let exception = match &spec.exception {
        Some(exception) => Some((
            place.moment("findings.exception.until", &exception.until)?,
            exception.reason.clone(),
        )),
        None => None,
    };
    Ok(m::Finding {
        name: spec.name.clone(),
        owasp: spec.owasp.clone(),
        severity: spec.severity.0,
        evidence: spec.evidence.clone(),
        exception,
    })
}

fn identity(place: &Place<'_>, spec: &IdentitySpec) -> Result<m::Identity, CaseError> {
    let last = spec.uid.rsplit(['/', ':']).next().unwrap_or(&spec.uid);
    let name = spec.name.as_deref().unwrap_or(last);
    let mut identity =
        m::Identity::new(&spec.uid, name, spec.kind.0, spec.provider.0, &spec.domain);
    identity.sub_type.clone_from(&spec.sub_type);
    identity.purpose.clone_from(&spec.purpose);
    identity.agent = spec.agent.as_ref().map(|agent| m::Agent {
        framework: agent.framework.clone(),
        parent: agent.parent.clone(),
    });
    for alias in &spec.aliases {
        identity.aliases.push(match alias {
            AliasSpec::Always(key) => place.alias(key, None, None)?,
            AliasSpec::During(during) => {
                place.alias(&during.key, during.from.as_ref(), during.to.as_ref())?
            }
        });
    }
    identity.owner = spec
        .owner
        .as_ref()
        .map(|spec| owner(place, spec))
        .transpose()?;
    identity.sponsor = spec.sponsor.as_ref().map(entity);
    identity.secondary_owners.clone_from(&spec.secondary_owners);
    identity.service.clone_from(&spec.service);
    identity.vendor.clone_from(&spec.vendor);
    identity.environment = words(&spec.environment);
    identity.criticality = spec.criticality.map(|word| word.0);
    identity.privilege = spec.privilege.as_ref().map(|spec| m::Privilege {
        tier: spec.tier,
        level: spec.level.0,
        basis: spec.basis.clone(),
    });
    identity.blast_radius = spec.blast_radius.as_ref().map(|spec| m::BlastRadius {
        identities: spec.identities,
        accounts: spec.accounts,
        environments: words(&spec.environments),
        teams: spec.teams.clone(),
    });
    identity.lineage = m::Lineage {
        created_by: spec.lineage.created_by.clone(),
        assumable_by: spec.lineage.assumable_by.clone(),
        can_assume: spec.lineage.can_assume.clone(),
        on_behalf_of: spec.lineage.on_behalf_of.clone(),
    };
    identity.retired_at_ms = place.some_moment("retired_at", spec.retired_at.as_ref())?;
    let usual = if identity.retired_at_ms.is_some() {
        v::LifecycleState::Deprovisioned
    } else {
        v::LifecycleState::Active
    };
    identity.lifecycle_state = spec.lifecycle_state.map_or(usual, |state| state.0);
    identity.created = place.time("created", spec.created.as_ref())?;
    identity.last_seen = place.time("last_seen", spec.last_seen.as_ref())?;
    identity.credentials = spec
        .credentials
        .iter()
        .map(|spec| credential(place, spec))
        .collect::<Result<_, _>>()?;
    identity.workloads.clone_from(&spec.workloads);
    identity.behavior = spec
        .behavior
        .iter()
        .map(|spec| expectation(place, spec))
        .collect::<Result<_, _>>()?;
    identity.response = response(&spec.response);
    identity.findings = spec
        .findings
        .iter()
        .map(|spec| finding(place, spec))
        .collect::<Result<_, _>>()?;
    identity.accepted = spec
        .accepted
        .iter()
        .map(|spec| {
            Ok(m::Exception {
                finding: spec.finding.clone(),
                until_ms: place.moment("accepted.until", &spec.until)?,
                reason: spec.reason.clone(),
            })
        })
        .collect::<Result<_, CaseError>>()?;
    for spec in &spec.provenance {
        identity.provenance.push(m::Provenance {
            field: spec.field.clone().into(),
            source: spec.source.as_str().into(),
            observed_ms: place.some_moment("provenance.observed", spec.observed.as_ref())?,
        });
    }
    identity.conflicts = spec
        .conflicts
        .iter()
        .map(|spec| m::Conflict {
            field: spec.field.clone(),
            source: spec.source.clone(),
            value: spec.value.clone(),
        })
        .collect();
    Ok(identity)
}

fn scope(spec: &ScopeSpec) -> m::Scope {
    m::Scope {
        provider: spec.provider.0,
        domain: spec.domain.clone(),
        part: spec.part.clone(),
        name: spec.name.clone(),
        owner: spec.owner.as_ref().map(entity),
        escalation_policy: spec.escalation_policy.as_ref().map(escalation),
        covered: spec.covered.unwrap_or(true),
        environment: words(&spec.environment),
    }
}

fn network(place: &Place<'_>, spec: &NetworkSpec) -> Result<m::Network, CaseError> {
    let prefix = |text: &str| -> Option<(IpAddr, u8)> {
        let (address, len) = text.split_once('/')?;
        Some((address.parse().ok()?, len.parse().ok()?))
    };
    let read =
        |text: &String| prefix(text).ok_or_else(|| place.fault("cidrs", text, "ADDRESS/LENGTH"));
    Ok(m::Network {
        name: spec.name.clone(),
        kind: spec.kind.map_or(v::NetworkKind::Other, |kind| kind.0),
        prefixes: spec.cidrs.iter().map(read).collect::<Result<_, _>>()?,
    })
}

fn rule(spec: &RuleSpec) -> m::TriageRule {
    let when = &spec.when;
    m::TriageRule {
        name: spec.name.clone(),
        priority: spec.priority.0,
        rationale: spec.rationale.clone(),
        outcomes: words(&when.outcomes),
        roles: words(&when.roles),
        verdicts: words(&when.verdicts),
        max_tier: when.max_tier,
        min_criticality: when.min_criticality.map(|word| word.0),
        min_finding_severity: when.min_finding_severity.map(|word| word.0),
        findings: when.findings.clone(),
        kinds: words(&when.kinds),
        deviations: words(&when.deviations),
        environments: words(&when.environments),
        lifecycle_states: words(&when.lifecycle_states),
    }
}

/// A layer's snapshot as an inventory; the digest of an overlay's base is not known yet.
pub(crate) fn of_layer(
    case: &str,
    number: usize,
    header: &SnapshotSpec,
    layer: &LayerSpec,
) -> Result<m::Inventory, CaseError> {
    let at = |what: &str, of: usize| Place::new(case, format!("snapshot {number}, {what} {of}"));
    let top = at("header of", number);
    let mut inventory = m::Inventory::default();
    let created = layer
        .created
        .as_deref()
        .or(header.created.as_deref())
        .unwrap_or(CREATED);
    inventory.meta = m::Meta {
        id: header.id.clone().unwrap_or_default(),
        organization: header
            .organization
            .clone()
            .unwrap_or_else(|| "Case".to_owned()),
        created_ms: top.moment("created", created)?,
        sequence: layer.sequence.or(header.sequence).unwrap_or(1),
        valid_for_s: layer.valid_for_s,
        previous: None,
        overlay_of: None,
    };
    for (of, spec) in layer.identity.iter().enumerate() {
        inventory
            .identities
            .push(identity(&at("identity", of), spec)?);
    }
    inventory.scopes = layer.scope.iter().map(scope).collect();
    for (of, spec) in layer.network.iter().enumerate() {
        inventory.networks.push(network(&at("network", of), spec)?);
    }
    inventory.rules = layer.rule.iter().map(rule).collect();
    inventory.limits = m::EventLimits {
        dormant_after_days: header.dormant_after_days,
        rotation_grace_days: header.rotation_grace_days,
    };
    for key in &layer.removed_keys {
        inventory.removed_keys.push(top.alias(key, None, None)?);
    }
    Ok(inventory)
}
