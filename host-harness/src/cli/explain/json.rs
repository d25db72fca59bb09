//! An explained event as one JSON object. The order of the members is fixed.

use enrich_core::explain::{Compared, DecidedIdentity, ExplainedIdentity, KeyAnswer, Stated};
use serde_json::{Value, json};

use super::{Explained, time};

/// The whole explanation.
pub(super) fn object(explained: &Explained<'_>) -> Value {
    let decision = explained.decision;
    let observed = &decision.observed;
    let mut object = json!({ "line": explained.line });
    if let Some((record, _)) = explained.record {
        object["record"] = json!(record);
    }
    object["format"] = json!(observed.format.as_str());
    object["time"] = json!(observed.time_ms.map(time));
    object["time_path"] = json!(observed.time_path);
    object["resolved_at"] = json!(time(decision.resolved_at_ms));
    object["identities"] = observed
        .identities
        .iter()
        .zip(&decision.identities)
        .map(|(observed, decided)| identity(observed, decided))
        .collect();
    object["facts"] = observed
        .facts
        .iter()
        .map(|(name, value, path)| json!({ "name": name, "value": value, "path": path }))
        .collect();
    object["passed_over"] = observed
        .passed_over
        .iter()
        .map(|passed| json!({ "path": passed.path, "value": passed.value, "why": passed.why }))
        .collect();
    object["triage"] = triage(explained);
    object["about"] = json!({ "identity": decision.about, "because": decision.about_because });
    object["whose"] = explained.context.clone();
    object
}

fn identity(observed: &ExplainedIdentity, decided: &DecidedIdentity) -> Value {
    let keys: Vec<Value> = observed
        .keys
        .iter()
        .zip(&decided.lookups)
        .enumerate()
        .map(|(number, (key, lookup))| {
            let answer = match lookup.answer {
                KeyAnswer::NotAsked => "not_asked",
                KeyAnswer::Outcome(outcome) => outcome.as_str(),
                _ => "nobody",
            };
            let holders: Vec<Value> = lookup
                .holders
                .iter()
                .map(|holder| {
                    json!({
                        "uid": holder.identity.uid,
                        "name": holder.identity.name,
                        "from": holder.from_ms.map(time),
                        "to": holder.to_ms.map(time),
                        "outranked": holder.is_outranked,
                    })
                })
                .collect();
            json!({
                "type": key.key_type.as_str(),
                "domain": key.domain,
                "value": key.value,
                "path": key.path,
                "lacks_domain": key.lacks_domain,
                "answer": answer,
                "decides": decided.key == Some(number),
                "holders": holders,
            })
        })
        .collect();
    let found = decided.found.as_ref();
    json!({
        "role": decided.role.as_str(),
        "acted_as_agent": observed.is_agent,
        "provider": decided.provider.as_str(),
        "domain": decided.domain,
        "outcome": decided.outcome.as_str(),
        "uid": found.map(|found| &found.uid),
        "name": found.map(|found| &found.name),
        "keys": keys,
        "verdict": decided.verdict.map(|verdict| verdict.as_str()),
        "compared": decided.compared.iter().map(compared).collect::<Vec<_>>(),
    })
}

fn compared(compared: &Compared) -> Value {
    json!({
        "dimension": compared.dimension.as_str(),
        "result": match compared.fits {
            Some(true) => "fits",
            Some(false) => "deviates",
            None => "not_shown",
        },
        "seen": compared.seen,
        "seen_networks": compared.seen_networks,
        "allowed": compared.allowed,
        "basis": compared.basis.as_str(),
        "window_days": compared.window_days,
        "samples": compared.samples,
    })
}

fn triage(explained: &Explained<'_>) -> Value {
    let triage = &explained.decision.triage;
    let rules: Vec<Value> = triage
        .rules
        .iter()
        .map(|rule| {
            let tried: Vec<Value> = rule
                .tried
                .iter()
                .map(|tried| {
                    json!({
                        "identity": tried.identity,
                        "unmet": tried.unmet.as_ref().map(stated),
                        "met": tried.met.iter().map(stated).collect::<Vec<_>>(),
                    })
                })
                .collect();
            json!({
                "name": rule.name,
                "priority": rule.priority.as_str(),
                "rationale": rule.rationale,
                "tried": tried,
            })
        })
        .collect();
    let winner = triage.winner.and_then(|(rule, identity)| {
        let rule = triage.rules.get(rule)?;
        Some(json!({ "rule": rule.name, "priority": rule.priority.as_str(), "identity": identity }))
    });
    json!({
        "winner": winner,
        "rules": rules,
        "not_looked_at": triage.not_looked_at,
        "layer": triage.layer,
    })
}

fn stated(stated: &Stated) -> Value {
    json!({ "about": stated.about, "has": stated.has, "wants": stated.wants })
}
