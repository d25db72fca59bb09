//! `[lint]`: which share of the identities has to have an owner, a sponsor and so on.

use enrich_core::vocabulary::{Kind, Provider};
use serde::Deserialize;

use super::ConfigError;
use super::parse::Check;
use super::words::Tables;
use crate::lint::{Aspect, Group, Limit};

/// Percentages by aspect, for all identities and for those of a kind or a provider.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LintSpec {
    owner: Option<u8>,
    sponsor: Option<u8>,
    rotation: Option<u8>,
    revocation: Option<u8>,
    escalation: Option<u8>,
    behavior: Option<u8>,
    kind: Tables<AspectsSpec>,
    provider: Tables<AspectsSpec>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AspectsSpec {
    owner: Option<u8>,
    sponsor: Option<u8>,
    rotation: Option<u8>,
    revocation: Option<u8>,
    escalation: Option<u8>,
    behavior: Option<u8>,
}

/// The limits of a policy.
pub(super) fn limits(check: &Check<'_>, spec: LintSpec) -> Result<Vec<Limit>, ConfigError> {
    let all = AspectsSpec {
        owner: spec.owner,
        sponsor: spec.sponsor,
        rotation: spec.rotation,
        revocation: spec.revocation,
        escalation: spec.escalation,
        behavior: spec.behavior,
    };
    let mut groups = vec![(Group::All, all)];
    for (name, aspects) in spec.kind.0 {
        let words: Vec<&str> = Kind::ALL.iter().map(|word| word.as_str()).collect();
        let kind = Kind::parse(&name).ok_or_else(|| {
            let value = format!("lint.kind.{name}");
            check.fault(
                &value,
                format!(
                    "[{value}]: {name:?} is no kind; the kinds are {}",
                    words.join(", ")
                ),
                &[],
            )
        })?;
        groups.push((Group::Kind(kind), aspects));
    }
    for (name, aspects) in spec.provider.0 {
        let words: Vec<&str> = Provider::ALL.iter().map(|word| word.as_str()).collect();
        let provider = Provider::parse(&name).ok_or_else(|| {
            let value = format!("lint.provider.{name}");
            check.fault(
                &value,
                format!(
                    "[{value}]: {name:?} is no provider; the providers are {}",
                    words.join(", ")
                ),
                &[],
            )
        })?;
        groups.push((Group::Provider(provider), aspects));
    }
    let mut out = Vec::new();
    for (group, aspects) in groups {
        for (aspect, percent) in [
            (Aspect::Owner, aspects.owner),
            (Aspect::Sponsor, aspects.sponsor),
            (Aspect::Rotation, aspects.rotation),
            (Aspect::Revocation, aspects.revocation),
            (Aspect::Escalation, aspects.escalation),
            (Aspect::Behavior, aspects.behavior),
        ] {
            let Some(percent) = percent else { continue };
            if percent > 100 {
                return Err(check.fault(
                    "lint",
                    format!("lint: {aspect} = {percent} for {group}: a share is 0 to 100 percent"),
                    &[],
                ));
            }
            out.push(Limit::new(group, aspect, percent));
        }
    }
    Ok(out)
}
