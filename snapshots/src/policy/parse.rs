//! Reads and checks `policy.toml`: unknown keys, unknown words and references that lead nowhere are
//! errors that name the line and the closest known word.

use std::net::IpAddr;

use enrich_core::vocabulary::{
    Basis, Criticality, Dimension, Environment, Kind, LifecycleState, NetworkKind, OutcomeKind,
    Priority, Provider, Role, Severity, Verdict,
};
use serde::Deserialize;

use super::shares::{self, LintSpec};
use super::words::{Many, Tables, Word};
use super::{
    Baseline, ClassifyRule, ConfigError, DEFAULT, DIMENSIONS, EscalationSpec, ExceptionRule, Match,
    Policy, PrivilegeRule, ResponseRule, Thresholds, hours, owner_reference,
};
use crate::lint;
use crate::model::{EntityRef, Expectation, Network, Scope, TriageRule};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    extends: Option<String>,
    #[serde(default)]
    thresholds: ThresholdsSpec,
    #[serde(default)]
    networks: Tables<NetworkSpec>,
    #[serde(default)]
    classify: Vec<ClassifyRule>,
    #[serde(default)]
    privilege: PrivilegeSpec,
    #[serde(default)]
    behavior: Tables<BaselineSpec>,
    #[serde(default)]
    response: Vec<ResponseRule>,
    #[serde(default)]
    scope: Vec<ScopeSpec>,
    #[serde(default)]
    exception: Vec<ExceptionSpec>,
    #[serde(default)]
    triage: Vec<TriageSpec>,
    #[serde(default)]
    tags: TagsSpec,
    #[serde(default)]
    lint: LintSpec,
    #[serde(default)]
    privacy: PrivacySpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct PrivacySpec {
    pseudonymise_people: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ThresholdsSpec {
    credential_max_age_days: Option<u16>,
    dormant_after_days: Option<u16>,
    overprivileged_max_tier: Option<u8>,
    max_workloads: Option<u16>,
    rotation_grace_days: Option<u16>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NetworkSpec {
    kind: Word<NetworkKind>,
    cidrs: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct PrivilegeSpec {
    rules: Vec<PrivilegeRule>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct TagsSpec {
    owner: Option<Vec<String>>,
    environment: Option<Vec<String>>,
    criticality: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct BaselineSpec {
    #[serde(rename = "match")]
    matches: Match,
    networks: Many<String>,
    regions: Many<String>,
    actions: Many<String>,
    user_agents: Many<String>,
    hours: Option<String>,
    workloads: Many<String>,
    resources: Many<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScopeSpec {
    provider: Word<Provider>,
    domain: String,
    #[serde(default)]
    part: String,
    name: Option<String>,
    owner: Option<String>,
    owner_name: Option<String>,
    owner_contact: Option<String>,
    escalation_policy: Option<EscalationSpec>,
    #[serde(default)]
    environment: Many<Word<Environment>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExceptionSpec {
    #[serde(rename = "match", default)]
    matches: Match,
    finding: String,
    until: String,
    reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TriageSpec {
    name: String,
    priority: Word<Priority>,
    rationale: String,
    #[serde(default)]
    when: When,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct When {
    outcomes: Many<Word<OutcomeKind>>,
    roles: Many<Word<Role>>,
    verdicts: Many<Word<Verdict>>,
    max_tier: Option<u8>,
    min_criticality: Option<Word<Criticality>>,
    min_finding_severity: Option<Word<Severity>>,
    findings: Many<String>,
    kinds: Many<Word<Kind>>,
    deviations: Many<Word<Dimension>>,
    environments: Many<Word<Environment>>,
    lifecycle_states: Many<Word<LifecycleState>>,
}

/// The version of the policy format that this build reads.
const VERSION: u32 = 1;

pub(super) fn parse(file: &str, text: &str) -> Result<Policy, ConfigError> {
    let spec: File = toml::from_str(text).map_err(|error| ConfigError::toml(file, text, &error))?;
    let fault = |value: &str, reason: String, candidates: &[&str]| {
        ConfigError::meaning(file, text, value, reason, candidates)
    };
    if spec.version != VERSION {
        return Err(fault(
            "",
            format!(
                "policy version {} is not known, this build reads version {VERSION}",
                spec.version
            ),
            &[],
        ));
    }
    let base = match spec.extends.as_deref() {
        None => None,
        Some("default") => Some(parse("the built-in default policy", DEFAULT)?),
        Some(other) => {
            return Err(fault(
                other,
                format!("extends = {other:?} names no policy; the only one is \"default\""),
                &["default"],
            ));
        }
    };
    let check = Check { file, text };
    let of_base = |list: fn(&Policy) -> &Vec<String>| base.as_ref().map(list);
    let own = base.as_ref().map_or(&[][..], |base| &base.networks);
    let mut networks = check.networks(&spec.networks, own)?;
    let mut policy = Policy {
        thresholds: check
            .thresholds(&spec.thresholds, base.as_ref().map(|base| base.thresholds))?,
        behavior: check.behavior(spec.behavior, &mut networks)?,
        networks,
        classify: check.classify(spec.classify)?,
        privilege: spec.privilege.rules,
        response: check.response(spec.response),
        pseudonymise_people: spec.privacy.pseudonymise_people,
        lint: shares::limits(&check, spec.lint)?,
        scopes: spec.scope.into_iter().map(scope).collect(),
        exceptions: check.exceptions(spec.exception)?,
        triage: check.triage(spec.triage)?,
        owner_tags: tags(
            spec.tags.owner,
            of_base(|base| &base.owner_tags),
            OWNER_TAGS,
        ),
        environment_tags: tags(
            spec.tags.environment,
            of_base(|base| &base.environment_tags),
            ENVIRONMENT_TAGS,
        ),
        criticality_tags: tags(
            spec.tags.criticality,
            of_base(|base| &base.criticality_tags),
            CRITICALITY_TAGS,
        ),
    };
    let mut limits = base
        .as_ref()
        .map_or_else(Vec::new, |base| base.lint.clone());
    lint::replace(&mut limits, &policy.lint);
    policy.lint = limits;
    for rule in &policy.privilege {
        check.tier(rule.tier, &rule.name)?;
    }
    if let Some(base) = base {
        policy.classify.extend(base.classify);
        policy.privilege.extend(base.privilege);
        policy.behavior.extend(base.behavior);
        policy.response.extend(base.response);
        policy.exceptions.extend(base.exceptions);
        let own: Vec<String> = policy.triage.iter().map(|rule| rule.name.clone()).collect();
        // A rule of the same name replaces the default one.
        policy.triage.extend(
            base.triage
                .into_iter()
                .filter(|rule| !own.contains(&rule.name)),
        );
        policy.scopes.extend(base.scopes);
    }
    Ok(policy)
}

/// Tags that count where a policy neither names any nor takes in the default one.
const OWNER_TAGS: &[&str] = &[
    "owner",
    "Owner",
    "team",
    "Team",
    "namespace/owner",
    "namespace/team",
];
const ENVIRONMENT_TAGS: &[&str] = &[
    "environment",
    "Environment",
    "env",
    "Env",
    "namespace/environment",
    "namespace/env",
];
const CRITICALITY_TAGS: &[&str] = &["criticality", "Criticality", "namespace/criticality"];

fn tags(own: Option<Vec<String>>, base: Option<&Vec<String>>, usual: &[&str]) -> Vec<String> {
    own.or_else(|| base.cloned())
        .unwrap_or_else(|| usual.iter().map(|tag| (*tag).to_owned()).collect())
}

fn scope(spec: ScopeSpec) -> Scope {
    Scope {
        provider: spec.provider.0,
        domain: spec.domain,
        part: spec.part,
        name: spec.name,
        owner: spec.owner.map(|owner| EntityRef {
            reference: owner_reference(&owner),
            name: spec.owner_name,
            contact: spec.owner_contact,
        }),
        escalation_policy: spec.escalation_policy.as_ref().map(Into::into),
        covered: false,
        environment: spec.environment.0.into_iter().map(|word| word.0).collect(),
    }
}

/// Reads `ADDRESS/LENGTH` or a bare address and clears the host bits.
pub(crate) fn cidr(text: &str) -> Option<(IpAddr, u8)> {
    let (address, len) = match text.split_once('/') {
        Some((address, len)) => (address, Some(len)),
        None => (text, None),
    };
    let address: IpAddr = address.trim().parse().ok()?;
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let len: u8 = len.map_or(Some(bits), |len| {
        len.trim().parse().ok().filter(|len| *len <= bits)
    })?;
    Some(match address {
        IpAddr::V4(v4) => (
            IpAddr::V4(
                (u32::from(v4) & u32::MAX.checked_shl(u32::from(32 - len)).unwrap_or(0)).into(),
            ),
            len,
        ),
        IpAddr::V6(v6) => (
            IpAddr::V6(
                (u128::from(v6) & u128::MAX.checked_shl(u32::from(128 - len)).unwrap_or(0)).into(),
            ),
            len,
        ),
    })
}

pub(super) struct Check<'a> {
    file: &'a str,
    text: &'a str,
}

impl Check<'_> {
    pub(super) fn fault(&self, value: &str, reason: String, candidates: &[&str]) -> ConfigError {
        ConfigError::meaning(self.file, self.text, value, reason, candidates)
    }

    fn tier(&self, tier: u8, value: &str) -> Result<(), ConfigError> {
        if tier <= 3 {
            Ok(())
        } else {
            Err(self.fault(
                value,
                format!("tier {tier}: tiers are 0 (controls everything) to 3 (harmless)"),
                &[],
            ))
        }
    }

    fn thresholds(
        &self,
        spec: &ThresholdsSpec,
        base: Option<Thresholds>,
    ) -> Result<Thresholds, ConfigError> {
        let base = base.unwrap_or(Thresholds {
            credential_max_age_days: 90,
            dormant_after_days: 90,
            overprivileged_max_tier: 0,
            max_workloads: 1,
            rotation_grace_days: 7,
        });
        let out = Thresholds {
            credential_max_age_days: spec
                .credential_max_age_days
                .unwrap_or(base.credential_max_age_days),
            dormant_after_days: spec.dormant_after_days.unwrap_or(base.dormant_after_days),
            overprivileged_max_tier: spec
                .overprivileged_max_tier
                .unwrap_or(base.overprivileged_max_tier),
            max_workloads: spec.max_workloads.unwrap_or(base.max_workloads),
            rotation_grace_days: spec.rotation_grace_days.unwrap_or(base.rotation_grace_days),
        };
        self.tier(out.overprivileged_max_tier, "thresholds")?;
        Ok(out)
    }

    fn networks(
        &self,
        specs: &Tables<NetworkSpec>,
        base: &[Network],
    ) -> Result<Vec<Network>, ConfigError> {
        let mut out = Vec::new();
        for (name, spec) in &specs.0 {
            let mut prefixes = Vec::new();
            for text in &spec.cidrs {
                let prefix = cidr(text).ok_or_else(|| self.fault(text, format!("networks.{name}: {text:?} is no address prefix such as 198.51.100.0/24 or 2001:db8::/32"), &[]))?;
                prefixes.push(prefix);
            }
            prefixes.sort();
            prefixes.dedup();
            out.push(Network {
                name: name.clone(),
                kind: spec.kind.0,
                prefixes,
            });
        }
        out.extend(
            base.iter()
                .filter(|network| !specs.0.iter().any(|(name, _)| *name == network.name))
                .cloned(),
        );
        Ok(out)
    }

    fn behavior(
        &self,
        specs: Tables<BaselineSpec>,
        networks: &mut Vec<Network>,
    ) -> Result<Vec<Baseline>, ConfigError> {
        let mut out = Vec::new();
        for (name, spec) in specs.0 {
            self.matches(&spec.matches)?;
            for network in &spec.networks.0 {
                if networks.iter().any(|known| known.name == *network) {
                    continue;
                }
                let Some(prefix) = cidr(network) else {
                    let names: Vec<&str> = networks
                        .iter()
                        .map(|network| network.name.as_str())
                        .collect();
                    return Err(self.fault(network, format!("behavior.{name}: {network:?} is neither one of [networks] nor an address prefix"), &names));
                };
                networks.push(Network {
                    name: network.clone(),
                    kind: NetworkKind::Other,
                    prefixes: vec![prefix],
                });
            }
            let mut expectations = Vec::new();
            let lists = [
                spec.networks,
                spec.regions,
                spec.actions,
                spec.user_agents,
                spec.workloads,
                spec.resources,
            ];
            for ((_, dimension), allowed) in DIMENSIONS.iter().zip(lists) {
                if !allowed.0.is_empty() {
                    expectations.push(declared(*dimension, allowed.0));
                }
            }
            if let Some(text) = &spec.hours {
                let hours = hours::parse(text).map_err(|reason| {
                    self.fault(text, format!("behavior.{name}: {reason}"), &[])
                })?;
                expectations.push(Expectation {
                    hours: Some(hours),
                    ..declared(Dimension::Hours, Vec::new())
                });
            }
            if expectations.is_empty() {
                return Err(self.fault(
                    &format!("behavior.{name}"),
                    format!("behavior.{name} states no dimension, so it expects nothing"),
                    &[],
                ));
            }
            out.push(Baseline {
                source: format!("{} behavior.{name}", crate::classify::POLICY).into(),
                name,
                matches: spec.matches,
                expectations,
            });
        }
        Ok(out)
    }

    /// Words of a closed vocabulary are checked, so that a typing error does not match nothing for ever.
    fn matches(&self, matches: &Match) -> Result<(), ConfigError> {
        let known = [
            (
                "kind",
                &matches.kind,
                Kind::ALL
                    .iter()
                    .map(|word| word.as_str())
                    .collect::<Vec<_>>(),
            ),
            (
                "provider",
                &matches.provider,
                Provider::ALL.iter().map(|word| word.as_str()).collect(),
            ),
        ];
        for (field, patterns, words) in known {
            for pattern in &patterns.0 {
                if !words.iter().any(|word| crate::text::glob(pattern, word)) {
                    return Err(self.fault(
                        pattern,
                        format!(
                            "match {field} = {pattern:?} fits none of {}",
                            words.join(", ")
                        ),
                        &words,
                    ));
                }
            }
        }
        for pattern in &matches.alias.0 {
            let name = pattern.split([':', '@']).next().unwrap_or("");
            if !name.contains(['*', '?']) && enrich_core::KeyType::parse(name).is_none() {
                let types: Vec<&str> = enrich_core::KeyType::ALL
                    .iter()
                    .map(|key_type| key_type.as_str())
                    .collect();
                return Err(self.fault(pattern, format!("match alias = {pattern:?}: {name:?} is no key type; keys are written TYPE[@DOMAIN]:VALUE"), &types));
            }
        }
        Ok(())
    }

    fn classify(&self, mut rules: Vec<ClassifyRule>) -> Result<Vec<ClassifyRule>, ConfigError> {
        for rule in &mut rules {
            self.matches(&rule.matches)?;
            if let Some(tier) = rule.set.tier {
                self.tier(tier, "tier")?;
            }
            for owner in rule
                .set
                .owner
                .iter_mut()
                .chain(&mut rule.set.secondary_owners.0)
            {
                *owner = owner_reference(owner);
            }
            if let Some(sponsor) = &mut rule.set.sponsor {
                *sponsor = if sponsor.contains(':') {
                    owner_reference(sponsor)
                } else {
                    owner_reference(&format!("user:{sponsor}"))
                };
            }
        }
        Ok(rules)
    }

    fn response(&self, mut rules: Vec<ResponseRule>) -> Vec<ResponseRule> {
        for rule in &mut rules {
            let teams = rule
                .revocation
                .iter_mut()
                .filter_map(|revocation| revocation.team.as_mut());
            for owner in rule
                .response_owner
                .iter_mut()
                .chain(&mut rule.context_owner)
                .chain(teams)
            {
                *owner = owner_reference(owner);
            }
        }
        rules
    }

    fn exceptions(&self, specs: Vec<ExceptionSpec>) -> Result<Vec<ExceptionRule>, ConfigError> {
        let mut out = Vec::new();
        for spec in specs {
            self.matches(&spec.matches)?;
            self.finding(&spec.finding)?;
            let until_ms = crate::text::parse_time(&spec.until).ok_or_else(|| {
                self.fault(
                    &spec.until,
                    format!(
                        "exception until = {:?} is no date such as 2026-12-31",
                        spec.until
                    ),
                    &[],
                )
            })?;
            out.push(ExceptionRule {
                matches: spec.matches,
                finding: spec.finding,
                until_ms,
                reason: spec.reason,
            });
        }
        Ok(out)
    }

    fn finding(&self, name: &str) -> Result<(), ConfigError> {
        if crate::findings::NAMES.contains(&name) {
            return Ok(());
        }
        Err(self.fault(
            name,
            format!(
                "there is no finding {name:?}; the findings are {}",
                crate::findings::NAMES.join(", ")
            ),
            crate::findings::NAMES,
        ))
    }

    fn triage(&self, specs: Vec<TriageSpec>) -> Result<Vec<TriageRule>, ConfigError> {
        let mut out: Vec<TriageRule> = Vec::new();
        for spec in specs {
            let when = spec.when;
            if out.iter().any(|rule| rule.name == spec.name) {
                return Err(self.fault(
                    &spec.name,
                    format!(
                        "two triage rules are named {:?}; an output names the rule that matched",
                        spec.name
                    ),
                    &[],
                ));
            }
            for finding in &when.findings.0 {
                self.finding(finding)?;
            }
            if let Some(tier) = when.max_tier {
                self.tier(tier, &spec.name)?;
            }
            out.push(TriageRule {
                name: spec.name,
                priority: spec.priority.0,
                rationale: spec.rationale,
                outcomes: plain(when.outcomes),
                roles: plain(when.roles),
                verdicts: plain(when.verdicts),
                max_tier: when.max_tier,
                min_criticality: when.min_criticality.map(|word| word.0),
                min_finding_severity: when.min_finding_severity.map(|word| word.0),
                findings: when.findings.0,
                kinds: plain(when.kinds),
                deviations: plain(when.deviations),
                environments: plain(when.environments),
                lifecycle_states: plain(when.lifecycle_states),
            });
        }
        Ok(out)
    }
}

fn plain<T>(words: Many<Word<T>>) -> Vec<T> {
    words.0.into_iter().map(|word| word.0).collect()
}

fn declared(dimension: Dimension, allowed: Vec<String>) -> Expectation {
    Expectation {
        dimension,
        allowed,
        hours: None,
        basis: Basis::Declared,
        window_days: 0,
        samples: 0,
    }
}
