//! Findings that are known when the snapshot is built, each with its OWASP NHI id and evidence that
//! carries the value and the threshold. The thresholds are the policy's; OWASP gives none.

use enrich_core::vocabulary::{
    CredentialStatus, Criticality, Environment, Kind, LifecycleState, OwnerStatus, PrivilegeLevel,
    Provider, Severity,
};

use crate::classify::{Context, days_since, is_aged};
use crate::model::{Credential, Exception, Finding, Identity, Privilege, Time};
use crate::reconcile::Subject;
use crate::text::day;

/// Names of all findings, those that only an event can show (`human_use_suspected` and the rest) among
/// them.
pub(crate) const NAMES: &[&str] = &[
    "orphaned",
    "stale",
    "third_party",
    "overprivileged",
    "ci_static_credential",
    "unconditioned_trust",
    "long_lived_secret",
    "shared_across_environments",
    "reused",
    "secret_exposed",
    "weak_authentication",
    "human_use_suspected",
    "retired_identity_used",
    "disabled_identity_used",
    "dormant_identity_used",
    "outside_environment",
    "inactive_credential_used",
    "rotated_credential_used",
    "expired_credential_used",
    "unlisted_credential_used",
];

/// Finds what is wrong with an identity, and marks it dormant when it is stale.
pub(crate) fn find(subject: &mut Subject, context: &Context<'_>) {
    let identity = &subject.identity;
    // What is removed can't be mended.
    if identity.lifecycle_state == LifecycleState::Deprovisioned {
        return;
    }
    let is_stale = identity_is_stale(identity, context);
    let mut found: Vec<Finding> = [
        orphaned(identity),
        stale(identity, context),
        secret_exposed(subject),
        third_party(identity, context),
        weak_authentication(subject),
        overprivileged(identity, context),
        ci_static_credential(identity),
        unconditioned_trust(subject),
        long_lived_secret(identity, context),
        shared_across_environments(identity),
        reused(identity, context),
    ]
    .into_iter()
    .flatten()
    .collect();
    // What an event will show may be accepted as well.
    let mut accepted: Vec<Exception> = Vec::new();
    let rules = subject
        .exceptions
        .iter()
        .filter_map(|number| context.policy.exceptions.get(*number as usize))
        .filter(|rule| rule.until_ms > context.created_ms);
    for rule in rules {
        match found.iter_mut().find(|known| known.name == rule.finding) {
            Some(known) if known.exception.is_none() => {
                known.exception = Some((rule.until_ms, rule.reason.clone()));
            }
            None if accepted.iter().all(|known| known.finding != rule.finding) => {
                accepted.push(Exception {
                    finding: rule.finding.clone(),
                    until_ms: rule.until_ms,
                    reason: rule.reason.clone(),
                });
            }
            _ => {}
        }
    }
    accepted.sort();
    found.sort_by(|a, b| {
        (std::cmp::Reverse(a.severity), &a.name).cmp(&(std::cmp::Reverse(b.severity), &b.name))
    });
    subject.identity.findings = found;
    subject.identity.accepted = accepted.into();
    if is_stale
        && subject.identity.lifecycle_state == LifecycleState::Active
        && !subject.stated.contains(&"lifecycle_state")
    {
        subject.identity.lifecycle_state = LifecycleState::Dormant;
    }
}

fn finding(name: &str, owasp: &str, severity: Severity, evidence: String) -> Finding {
    Finding {
        name: name.to_owned(),
        owasp: Some(owasp.to_owned()),
        severity,
        evidence,
        exception: None,
    }
}

fn is_powerful(identity: &Identity) -> bool {
    identity
        .privilege
        .as_ref()
        .is_some_and(|privilege| privilege.tier <= 1)
        || identity
            .criticality
            .is_some_and(|word| word >= Criticality::High)
}

/// Nobody answers for it. Service-linked roles belong to AWS, service agents to Google, Microsoft's own
/// principals to Microsoft, people to themselves.
fn orphaned(identity: &Identity) -> Option<Finding> {
    if identity.kind == Kind::Human || identity.is_of_provider() {
        return None;
    }
    let evidence = match &identity.owner {
        None => "no source and no policy rule names an owner".to_owned(),
        Some(owner) if owner.status == OwnerStatus::Departed => format!(
            "owner {} is not in the catalogue any more",
            owner.entity.reference
        ),
        Some(owner) => {
            let kind = owner.entity.reference.split(':').next().unwrap_or("");
            if matches!(kind, "user" | "group") || identity.sponsor.is_some() {
                return None;
            }
            format!(
                "owner {} is no person or team, and no sponsor is named",
                owner.entity.reference
            )
        }
    };
    Some(finding(
        "orphaned",
        "NHI1:2025",
        if is_powerful(identity) {
            Severity::High
        } else {
            Severity::Medium
        },
        evidence,
    ))
}

fn identity_is_stale(identity: &Identity, context: &Context<'_>) -> bool {
    let limit = i64::from(context.policy.thresholds.dormant_after_days);
    // What is not tracked or not known is not stale, and "never since" counts from then.
    let usable = identity.credentials.is_empty() || identity.credentials.iter().any(is_active);
    usable && days_since(identity.last_seen, context.created_ms).is_some_and(|days| days >= limit)
}

/// Unused for too long: the identity, or one active credential of an identity that is in use.
fn stale(identity: &Identity, context: &Context<'_>) -> Option<Finding> {
    let limit = i64::from(context.policy.thresholds.dormant_after_days);
    let since = |time: Time| match time {
        Time::NeverSince(at) => format!("never used since {}", day(at)),
        Time::At(at) => format!("last used {}", day(at)),
        _ => String::new(),
    };
    if identity_is_stale(identity, context) {
        let days = days_since(identity.last_seen, context.created_ms)?;
        let severity = if is_powerful(identity) {
            Severity::High
        } else {
            Severity::Medium
        };
        return Some(finding(
            "stale",
            "NHI1:2025",
            severity,
            format!(
                "{}, {days} days before the snapshot, limit {limit}",
                since(identity.last_seen)
            ),
        ));
    }
    let unused = identity
        .credentials
        .iter()
        .filter(|credential| is_active(credential) && is_aged(&credential.credential_type));
    let (days, credential) = unused
        .filter_map(|credential| {
            Some((
                days_since(credential.last_used, context.created_ms)?,
                credential,
            ))
        })
        .filter(|(days, _)| *days >= limit)
        .max_by_key(|(days, credential)| (*days, std::cmp::Reverse(&credential.uid)))?;
    Some(finding(
        "stale",
        "NHI1:2025",
        Severity::Low,
        format!(
            "{} {} {}, {days} days before the snapshot, limit {limit}",
            credential.credential_type,
            credential.uid,
            since(credential.last_used)
        ),
    ))
}

/// An attribute rather than a fault: a third party holds it, or may come in.
fn third_party(identity: &Identity, context: &Context<'_>) -> Option<Finding> {
    let foreign = identity
        .lineage
        .assumable_by
        .iter()
        .filter_map(|by| account_of(by))
        .find(|account| !context.own_domains.contains(*account));
    // Policies of Google Cloud name accounts of other projects, which makes them known here.
    let is_foreign = identity.sub_type == "gcp_service_account"
        && context.knows_projects
        && !context.own_domains.contains(&identity.domain);
    let evidence = match (&identity.vendor, foreign) {
        (Some(vendor), Some(account)) => format!(
            "vendor {vendor}; account {account} may assume it and is none of the organization's"
        ),
        (Some(vendor), None) => format!("vendor {vendor}"),
        (None, Some(account)) => format!(
            "account {account} may assume it and is none of the organization's {} accounts and clusters",
            context.own_domains.len()
        ),
        (None, None) if is_foreign => format!(
            "it belongs to project {}, which is none of the organization's {} accounts and clusters",
            identity.domain,
            context.own_domains.len()
        ),
        (None, None) => return None,
    };
    Some(finding(
        "third_party",
        "NHI3:2025",
        Severity::Info,
        evidence,
    ))
}

/// The account of an AWS identity, the project of a Google service account. A number instead of a
/// project's id is that of a service agent.
fn account_of(uid: &str) -> Option<&str> {
    if let Some(rest) = uid.strip_prefix("aws:") {
        return rest.split(':').next();
    }
    let (project, _) = uid.strip_prefix("gcp:")?.split_once(":sa/")?;
    project
        .bytes()
        .any(|byte| !byte.is_ascii_digit())
        .then_some(project)
}

/// A default service account with a basic role: whatever nobody gave an account of its own runs as it.
fn overprivileged_default(identity: &Identity) -> Option<Finding> {
    let privilege = identity.privilege.as_ref()?;
    if identity.sub_type != "gcp_default_service_account" || privilege.tier > 1 {
        return None;
    }
    let is_basic = |name: &&String| {
        ["roles/owner ", "roles/editor "]
            .iter()
            .any(|role| name.starts_with(role))
    };
    let role = privilege.basis.iter().find(is_basic)?;
    Some(finding(
        "overprivileged",
        "NHI5:2025",
        Severity::High,
        format!(
            "a default service account, as which everything runs that has no account of its own, holds {role}; no default account should hold a basic role"
        ),
    ))
}

/// Who may read the inventory may use the secret.
fn secret_exposed(subject: &Subject) -> Option<Finding> {
    Some(finding(
        "secret_exposed",
        "NHI2:2025",
        Severity::High,
        format!("{}; limit 0", first_of(&subject.exposed)?),
    ))
}

/// The first entry, and how many more there are.
fn first_of(list: &[String]) -> Option<String> {
    let first = list.first()?;
    Some(match list.len() {
        1 => first.clone(),
        several => format!("{first}, and {} more", several - 1),
    })
}

/// A way in that is weaker than what the provider offers for the same purpose.
fn weak_authentication(subject: &Subject) -> Option<Finding> {
    let identity = &subject.identity;
    let mut weak = subject.weak.clone();
    let active = |credential: &&Credential| credential.status == CredentialStatus::Active;
    let of_type = |word: &str| {
        let mut held = identity.credentials.iter().filter(active);
        held.find(|credential| credential.credential_type == word)
    };
    if identity.sub_type == "aws_account_root"
        && let Some(key) = of_type("access_key")
    {
        weak.push(format!("the account's root has the access key {}", key.uid));
    }
    // Bound tokens are issued for an hour and die with the pod; one in a Secret does neither.
    if identity.provider == Provider::K8s
        && let Some(token) = of_type("token").filter(|token| token.expires == Time::Never)
    {
        weak.push(format!("the token in {} never expires", token.uid));
    }
    if identity.provider == Provider::Entra
        && of_type("oidc").is_some()
        && let Some(secret) = of_type("secret")
    {
        weak.push(format!(
            "the client secret {} stands beside a federated credential that needs none",
            secret.uid
        ));
    }
    let evidence = first_of(&weak)?;
    let severity = if is_powerful(identity) || identity.sub_type == "aws_account_root" {
        Severity::High
    } else {
        Severity::Medium
    };
    Some(finding(
        "weak_authentication",
        "NHI4:2025",
        severity,
        format!("{evidence}; limit 0"),
    ))
}

fn overprivileged(identity: &Identity, context: &Context<'_>) -> Option<Finding> {
    let limit = context.policy.thresholds.overprivileged_max_tier;
    let wide = |privilege: &&Privilege| {
        privilege.level == PrivilegeLevel::Admin && privilege.tier <= limit
    };
    let Some(privilege) = identity.privilege.as_ref().filter(wide) else {
        return overprivileged_default(identity);
    };
    // Root is admin by nature; that it is used at all is another matter.
    if identity.sub_type == "aws_account_root" {
        return None;
    }
    let basis = if privilege.basis.is_empty() {
        "the policy".to_owned()
    } else {
        privilege.basis.join(", ")
    };
    Some(finding(
        "overprivileged",
        "NHI5:2025",
        Severity::High,
        format!(
            "level admin, tier {} through {basis}; tiers up to {limit} are a finding",
            privilege.tier
        ),
    ))
}

fn is_active(credential: &Credential) -> bool {
    matches!(
        credential.status,
        CredentialStatus::Active | CredentialStatus::Unknown
    )
}

fn ci_static_credential(identity: &Identity) -> Option<Finding> {
    let key = identity
        .credentials
        .iter()
        .find(|credential| {
            credential.status == CredentialStatus::Active
                && matches!(credential.credential_type.as_str(), "access_key" | "key")
        })
        .filter(|_| identity.kind == Kind::CiJob)?;
    Some(finding(
        "ci_static_credential",
        "NHI6:2025",
        Severity::Medium,
        format!(
            "a CI job holds the static {} {} where a federated token would do",
            key.credential_type.replace('_', " "),
            key.uid
        ),
    ))
}

fn unconditioned_trust(subject: &Subject) -> Option<Finding> {
    let first = subject.unconditioned_trust.first()?;
    let more = subject.unconditioned_trust.len() - 1;
    let more = if more == 0 {
        String::new()
    } else {
        format!(", and {more} more")
    };
    let severity = if subject
        .identity
        .lineage
        .assumable_by
        .iter()
        .any(|by| by == "*")
    {
        Severity::Critical
    } else {
        Severity::High
    };
    Some(finding(
        "unconditioned_trust",
        "NHI6:2025",
        severity,
        format!("{first}{more}"),
    ))
}

/// The oldest active credential decides.
fn long_lived_secret(identity: &Identity, context: &Context<'_>) -> Option<Finding> {
    let aged = identity
        .credentials
        .iter()
        .filter(|credential| is_active(credential) && is_aged(&credential.credential_type));
    let age = |credential: &Credential| {
        let at = [credential.last_rotated, credential.created]
            .into_iter()
            .find(|time| matches!(time, Time::At(_)))?;
        days_since(at, context.created_ms).map(|days| (days, at))
    };
    let over = aged.filter_map(|credential| {
        let (days, at) = age(credential)?;
        let limit = i64::from(credential.max_age_days?);
        (days > limit).then_some((days, limit, at, credential))
    });
    let (days, limit, at, credential) = over.max_by_key(|(days, _, _, credential)| {
        (*days, std::cmp::Reverse(credential.uid.clone()))
    })?;
    let severity = if days > 2 * limit || is_powerful(identity) {
        Severity::High
    } else {
        Severity::Medium
    };
    let Time::At(at) = at else { return None };
    let evidence = format!(
        "{} {} rotated {}, {days} days before the snapshot, limit {limit}",
        credential.credential_type,
        credential.uid,
        day(at)
    );
    Some(finding(
        "long_lived_secret",
        "NHI7:2025",
        severity,
        evidence,
    ))
}

fn shared_across_environments(identity: &Identity) -> Option<Finding> {
    if identity.environment.len() < 2 {
        return None;
    }
    let words: Vec<&str> = identity
        .environment
        .iter()
        .map(|word| word.as_str())
        .collect();
    let severity = if identity.environment.contains(&Environment::Production) {
        Severity::High
    } else {
        Severity::Medium
    };
    Some(finding(
        "shared_across_environments",
        "NHI8:2025",
        severity,
        format!(
            "used in {} environments: {}; limit 1",
            words.len(),
            words.join(", ")
        ),
    ))
}

fn reused(identity: &Identity, context: &Context<'_>) -> Option<Finding> {
    let limit = usize::from(context.policy.thresholds.max_workloads);
    // That a cloud service may assume a role does not say which workload does.
    let workloads: Vec<&str> = identity
        .workloads
        .iter()
        .map(String::as_str)
        .filter(|workload| !workload.starts_with("aws-service:"))
        .collect();
    if workloads.len() <= limit {
        return None;
    }
    // Everything in a namespace runs as its default account unless told otherwise.
    let severity = if identity.provider == Provider::K8s && identity.name == "default" {
        Severity::Low
    } else {
        Severity::Medium
    };
    let shown = workloads
        .iter()
        .take(4)
        .copied()
        .collect::<Vec<_>>()
        .join(", ");
    Some(finding(
        "reused",
        "NHI9:2025",
        severity,
        format!(
            "used by {} workloads, limit {limit}: {shown}",
            workloads.len()
        ),
    ))
}
