//! `whose explain`: what it says is what enriching does, for every case and every sample event; and
//! the command itself.

mod common;
#[path = "common/inventory.rs"]
mod inventory;
#[path = "common/place.rs"]
mod place;

use enrich_core::KeyType;
use enrich_core::explain::{Decision, KeyAnswer};
use enrich_core::vocabulary::{
    Basis, Criticality, Dimension, Environment, Kind, LifecycleState, OutcomeKind, Priority,
    PrivilegeLevel, Provider, Role, Severity, Verdict,
};
use host_harness::{Backend, Check, Native, SnapshotFile};
use serde_json::{Value, json};
use snapshots::format::build;
use snapshots::model::{
    Alias, Expectation, Finding, Identity, Inventory, Privilege, Scope, TriageRule,
};

use inventory::{CREATED_MS, EVENT, snapshot};
use place::{Place, code, err, out};

const ENVELOPES: &[&str] = &["Records", "records", "Events", "logEvents", "items"];

/// The contexts of an enriched line, in order.
fn contexts(value: &Value, found: &mut Vec<Value>) {
    let items = match value {
        Value::Array(items) => Some(items),
        Value::Object(event) if event.contains_key("whose") => {
            found.push(event["whose"].clone());
            None
        }
        Value::Object(event) => ENVELOPES
            .iter()
            .find_map(|name| event.get(*name)?.as_array()),
        _ => None,
    };
    for item in items.into_iter().flatten() {
        contexts(item, found);
    }
}

/// How often each kind of thing was compared: a test that compares nothing says nothing.
#[derive(Debug, Default)]
struct Seen {
    events: usize,
    unparsed: usize,
    winners: usize,
    without_winner: usize,
    deviations: usize,
    misses: usize,
    outranked: usize,
    not_asked: usize,
    chosen: usize,
}

/// Explains and enriches every line; what differs.
fn disagreements(
    config: &[u8],
    snapshots: &[SnapshotFile],
    events: &[u8],
    seen: &mut Seen,
) -> Vec<String> {
    let mut config: Value = serde_json::from_slice(config).expect("JSON");
    config["rendering"] = json!("native");
    // What a pipeline leaves out can't be compared.
    config["detail"] = json!("standard");
    config["fields"] = json!([]);
    let mut native = Native::default();
    native
        .configure(config.to_string().as_bytes())
        .expect("configured");
    for snapshot in snapshots {
        native.attach(snapshot, Check::All, None).expect("attached");
    }
    let mut out = Vec::new();
    for (number, line) in events.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let Ok(decisions) = native.explain(line) else {
            continue;
        };
        let enriched = native.enrich(line).bytes.to_vec();
        // The core passes over what a strict parser refuses.
        let Ok(enriched) = serde_json::from_slice::<Value>(&enriched) else {
            seen.unparsed += usize::from(!decisions.is_empty());
            continue;
        };
        let mut found = Vec::new();
        contexts(&enriched, &mut found);
        // Without a snapshot a forged context is removed and nothing is put in its stead.
        if decisions.len() != found.len() {
            out.push(format!(
                "line {}: {} explained, {} enriched",
                number + 1,
                decisions.len(),
                found.len()
            ));
            continue;
        }
        for (decision, context) in decisions.iter().zip(&found) {
            seen.events += 1;
            out.extend(
                compare(decision, context, seen)
                    .into_iter()
                    .map(|what| format!("line {}: {what}", number + 1)),
            );
        }
    }
    out
}

fn compare(decision: &Decision, context: &Value, seen: &mut Seen) -> Vec<String> {
    let mut out = Vec::new();
    let mut same = |what: &str, explained: Option<String>, enriched: &Value| {
        let enriched = enriched.as_str().map(str::to_owned);
        if explained != enriched {
            out.push(format!(
                "{what}: {explained:?} explained, {enriched:?} enriched"
            ));
        }
    };
    let triage = &decision.triage;
    let winner = triage.winner.map(|(rule, _)| &triage.rules[rule]);
    seen.winners += usize::from(winner.is_some());
    seen.without_winner += usize::from(winner.is_none());
    same(
        "rule",
        winner.map(|rule| rule.name.clone()),
        &context["triage"]["rule"],
    );
    same(
        "priority",
        winner.map(|rule| rule.priority.to_string()),
        &context["triage"]["priority"],
    );
    // Written where there are several, and where there is a response at all.
    let about = &context["response"]["about"];
    if about.is_object() {
        seen.chosen += 1;
        same(
            "because",
            Some(decision.about_because.to_owned()),
            &about["because"],
        );
        let role = decision
            .about
            .map(|about| decision.identities[about].role.to_string());
        same("role of the response", role, &about["role"]);
    }
    let identities = context["identities"].as_array().expect("identities");
    assert_eq!(decision.identities.len(), identities.len());
    for (decided, enriched) in decision.identities.iter().zip(identities) {
        same("role", Some(decided.role.to_string()), &enriched["role"]);
        same(
            "outcome",
            Some(decided.outcome.to_string()),
            &enriched["outcome"],
        );
        let uid = decided.found.as_ref().map(|found| found.uid.clone());
        seen.misses += usize::from(uid.is_none());
        same("uid", uid, &enriched["uid"]);
        let verdict = decided.verdict.map(|verdict| verdict.to_string());
        same("verdict", verdict, &enriched["behavior"]["verdict"]);
        let deviating: Vec<&str> = decided
            .compared
            .iter()
            .filter(|one| one.fits == Some(false))
            .map(|one| one.dimension.as_str())
            .collect();
        let told: Vec<&str> = enriched["behavior"]["deviations"]
            .as_array()
            .map_or(&[][..], Vec::as_slice)
            .iter()
            .filter_map(|one| one["dimension"].as_str())
            .collect();
        seen.deviations += told.len();
        same(
            "deviations",
            Some(deviating.join(" ")),
            &json!(told.join(" ")),
        );
        if let Some(key) = decided.key {
            let answer = decided.lookups[key].answer;
            same(
                "answer of the key that decides",
                match answer {
                    KeyAnswer::Outcome(outcome) => Some(outcome.to_string()),
                    _ => None,
                },
                &enriched["outcome"],
            );
        }
        seen.not_asked += decided
            .lookups
            .iter()
            .filter(|lookup| lookup.answer == KeyAnswer::NotAsked)
            .count();
        seen.outranked += decided
            .lookups
            .iter()
            .flat_map(|lookup| &lookup.holders)
            .filter(|holder| holder.is_outranked)
            .count();
    }
    // Every rule before the winner fails for everybody, with a condition that can be named.
    for (number, rule) in triage.rules.iter().enumerate() {
        let is_winner = triage.winner.map(|(rule, _)| rule) == Some(number);
        let fits = rule.tried.iter().any(|tried| tried.unmet.is_none());
        if fits != is_winner || (is_winner && number + 1 != triage.rules.len()) {
            out.push(format!(
                "rule {} fits: {fits}, wins: {is_winner}",
                rule.name
            ));
        }
    }
    out
}

#[test]
fn explaining_and_enriching_agree_in_every_case_and_sample() {
    let mut failures = Vec::new();
    let mut seen = Seen::default();
    for case in whose_cases::all().unwrap_or_else(|error| panic!("{error}")) {
        let snapshots: Vec<SnapshotFile> = case
            .snapshots
            .iter()
            .map(|snapshot| SnapshotFile::from_bytes(&case.name, snapshot.bytes()))
            .collect();
        if snapshots.is_empty() {
            continue;
        }
        let failed = disagreements(&case.config, &snapshots, &case.event, &mut seen);
        failures.extend(
            failed
                .into_iter()
                .map(|what| format!("{}: {what}", case.name)),
        );
    }
    let sample = whose_cases::samples::snapshot().expect("the samples build");
    let sample = [SnapshotFile::from_bytes("samples", sample.bytes())];
    let events = whose_cases::samples::events().expect("the sample events");
    let config = whose_cases::samples::CONFIG;
    failures.extend(disagreements(config, &sample, &events, &mut seen));
    assert!(
        failures.is_empty(),
        "{} failures:\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert!(seen.unparsed < 10, "{seen:?}");
    assert!(seen.events > 300 && seen.winners > 200, "{seen:?}");
    assert!(
        seen.without_winner > 0
            && seen.deviations > 50
            && seen.misses > 20
            && seen.outranked > 0
            && seen.not_asked > 50
            && seen.chosen > 20,
        "{seen:?}"
    );
}

#[test]
fn lines_are_explained_for_a_person() {
    let place = Place::new();
    place.put("s.whose", snapshot(1));
    // Half a surrogate pair is nothing to hide behind.
    let odd = EVENT.replace(
        "\"userAgent\":\"x\"",
        "\"requestID\":\"\\ud800\\u001b[31m\"",
    );
    let input = format!("{EVENT}\r\nnot JSON\n\n{{\"kind\":\"else\"}}\n{odd}\n");
    let output = place.run(&["explain", "--snapshot", "s.whose"], input.as_bytes());
    assert_eq!(code(&output), Some(0), "{}", err(&output));
    let text = out(&output);
    for expected in [
        "line 1: aws_cloudtrail, 2026-03-20T06:00:07Z\n",
        "actor AIDARTX3GSDSRAOPG3HK3: not found (its account or cluster is covered",
        "nobody holds it\n",
        "(/userIdentity/principalId)\n",
        "triage: the snapshot has no rules\n",
        "response: about the actor AIDARTX3GSDSRAOPG3HK3; it is the only one in the event\n",
        "line 2: not read, it is no JSON\n",
        "line 4: unknown; no format and no mapping has such an event\n",
        "line 5: aws_cloudtrail",
    ] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
    assert!(
        !text.contains('\u{1b}') && !text.contains("line 3"),
        "{text}"
    );

    let one = place.run(
        &["explain", "--snapshot", "s.whose", "--line", "2"],
        input.as_bytes(),
    );
    assert_eq!(out(&one), "line 2: not read, it is no JSON\n\n");
    let none = place.run(
        &["explain", "--snapshot", "s.whose", "--line", "9"],
        input.as_bytes(),
    );
    assert_eq!(code(&none), Some(1));
    assert_eq!(
        err(&none),
        "error: there is no line 9: the events end with line 5\n"
    );
}

#[test]
fn explanations_are_objects_too() {
    let place = Place::new();
    place.put("s.whose", snapshot(1));
    let input = format!("{{\"Records\":[{EVENT},{EVENT}]}}\nnot JSON\n");
    let output = place.run(
        &["explain", "--snapshot", "s.whose", "--json"],
        input.as_bytes(),
    );
    assert_eq!(code(&output), Some(0), "{}", err(&output));
    let objects: Vec<Value> = out(&output)
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(objects.len(), 3);
    assert_eq!(
        (&objects[0]["record"], &objects[1]["record"]),
        (&json!(0), &json!(1))
    );
    let identity = &objects[0]["identities"][0];
    assert_eq!(identity["outcome"], "not_found");
    assert_eq!(identity["keys"][0]["type"], "aws_principal_id");
    assert_eq!(identity["keys"][0]["answer"], "nobody");
    assert_eq!(objects[0]["triage"]["winner"], Value::Null);
    assert_eq!(objects[0]["whose"]["identities"][0]["outcome"], "not_found");
    assert_eq!(objects[2], json!({"line": 2, "error": "it is no JSON"}));
}

#[test]
fn the_incident_of_the_samples_is_explained() {
    let place = Place::new();
    let sample = whose_cases::samples::snapshot().expect("the samples build");
    place.put("s.whose", sample.bytes());
    place.put(
        "e.ndjson",
        whose_cases::samples::events().expect("the sample events"),
    );
    let arguments = [
        "explain",
        "e.ndjson",
        "--snapshot",
        "s.whose",
        "--default-domain",
        "k8s_audit=prod-eu",
        "--line",
        "147",
    ];
    let output = place.run(&arguments, b"");
    let text = out(&output);
    for expected in [
        "actor release-deployer: matched\n",
        "network     deviates: 203.0.113.199 (in no named network)\n                          expected (declared): ci-egress\n",
        "triage: critical by rule critical-identity-from-foreign-network, for the actor release-deployer\n",
        "fastest     revoke the role's active sessions within 5 minutes",
        "snapshot larkmoor-outdoor-2026-03-20T05:45:00Z-41, made 2026-03-20T05:45:00Z, 2 h 0 min before",
    ] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
    // Only what cannot be broken is longer than a line.
    for line in text.lines().filter(|line| line.chars().count() > 100) {
        assert!(!line.trim().contains(' '), "{line}");
    }
}

fn rule(name: &str, change: impl FnOnce(&mut TriageRule)) -> TriageRule {
    let mut rule = TriageRule {
        name: name.to_owned(),
        priority: Priority::High,
        rationale: format!("why {name}"),
        outcomes: Vec::new(),
        roles: Vec::new(),
        verdicts: Vec::new(),
        max_tier: None,
        min_criticality: None,
        min_finding_severity: None,
        findings: Vec::new(),
        kinds: Vec::new(),
        deviations: Vec::new(),
        environments: Vec::new(),
        lifecycle_states: Vec::new(),
    };
    change(&mut rule);
    rule
}

fn finding(name: &str, severity: Severity, exception: Option<(i64, String)>) -> Finding {
    Finding {
        name: name.to_owned(),
        owasp: None,
        severity,
        evidence: "seen".to_owned(),
        exception,
    }
}

/// One identity that fails each rule at another condition, and fits the last but one.
fn ruled() -> Vec<u8> {
    let mut inventory = Inventory::default();
    inventory.meta.organization = "Northwind Outfitters".into();
    inventory.meta.created_ms = CREATED_MS;
    inventory.meta.sequence = 1;
    inventory.scopes.push(Scope {
        provider: Provider::Aws,
        domain: "111122223333".into(),
        part: String::new(),
        name: None,
        owner: None,
        escalation_policy: None,
        covered: true,
        environment: Vec::new(),
    });
    let uid = "aws:111122223333:user/x";
    let mut user = Identity::new(uid, "x", Kind::IamUser, Provider::Aws, "111122223333");
    user.aliases.push(Alias {
        key_type: KeyType::AwsPrincipalId,
        domain: String::new(),
        value: "AIDARTX3GSDSRAOPG3HK3".to_owned(),
        valid_from_ms: None,
        valid_to_ms: None,
    });
    user.privilege = Some(Privilege {
        tier: 2,
        level: PrivilegeLevel::Write,
        basis: Vec::new(),
    });
    user.criticality = Some(Criticality::Medium);
    user.environment = vec![Environment::Production, Environment::Test];
    let accepted = Some((CREATED_MS + 86_400_000, "moves in May".to_owned()));
    user.findings = vec![
        finding(
            "stale",
            Severity::Low,
            Some((CREATED_MS - 1000, "over".to_owned())),
        ),
        finding("orphaned", Severity::High, accepted),
    ];
    user.behavior = vec![Expectation {
        dimension: Dimension::Region,
        allowed: vec!["us-east-1".to_owned()],
        hours: None,
        basis: Basis::Observed,
        window_days: 30,
        samples: 412,
    }];
    inventory.identities.push(user);
    inventory.rules = vec![
        rule("by-role", |rule| rule.roles.push(Role::Target)),
        rule("by-outcome", |rule| {
            rule.outcomes.push(OutcomeKind::Retired)
        }),
        rule("by-verdict", |rule| {
            rule.verdicts = vec![Verdict::Expected, Verdict::NoBaseline];
        }),
        rule("by-kind", |rule| rule.kinds.push(Kind::AiAgent)),
        rule("by-state", |rule| {
            rule.lifecycle_states.push(LifecycleState::Dormant)
        }),
        rule("by-tier", |rule| rule.max_tier = Some(1)),
        rule("by-criticality", |rule| {
            rule.min_criticality = Some(Criticality::High)
        }),
        rule("by-environment", |rule| {
            rule.environments.push(Environment::Staging)
        }),
        rule("by-deviation", |rule| {
            rule.deviations.push(Dimension::Network)
        }),
        rule("by-severity", |rule| {
            rule.min_finding_severity = Some(Severity::High)
        }),
        rule("by-finding", |rule| {
            rule.findings.push("orphaned".to_owned())
        }),
        rule("winner", |rule| {
            rule.verdicts.push(Verdict::Unexpected);
            rule.max_tier = Some(2);
            rule.findings.push("stale".to_owned());
        }),
        rule("not-looked-at", |_| {}),
    ];
    build(&inventory).expect("fits the format")
}

#[test]
fn each_rule_names_the_condition_that_fails_and_what_was_there() {
    let place = Place::new();
    place.put("s.whose", ruled());
    let output = place.run(&["explain", "--snapshot", "s.whose"], EVENT.as_bytes());
    // Where lines break is not asked here.
    let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = flat(&out(&output));
    for expected in [
        "region      deviates: eu-west-1\n                          expected (observed over 30 days in 412 events): us-east-1\n",
        "findings    stale (low): seen; was accepted until 2026-03-20T05:59:59Z, so it counts again",
        "orphaned (high): seen; accepted until 2026-03-21T06:00:00Z, so it does not count (reason:",
        "triage: high by rule winner, for the actor x\n",
        "no by-role (high): actor: the rule is about target\n",
        "no by-outcome (high): actor: outcome is matched, wants retired\n",
        "no by-verdict (high): actor: verdict is unexpected, wants expected or no_baseline\n",
        "no by-kind (high): actor: kind is iam_user, wants ai_agent\n",
        "no by-state (high): actor: lifecycle state is active, wants dormant\n",
        "no by-tier (high): actor: privilege tier is 2, wants at most 1\n",
        "no by-criticality (high): actor: criticality is medium, wants at least high\n",
        "no by-environment (high): actor: environment is production and test, wants staging\n",
        "no by-deviation (high): actor: deviation is region, wants network\n",
        "no by-severity (high): actor: finding severity is low of stale, high of orphaned (accepted, does\n       not count), wants at least high\n",
        "no by-finding (high): actor: finding is stale, orphaned (accepted, does not count), wants orphaned\n",
        "yes winner (high): actor x: verdict unexpected; privilege tier 2 (wants at most 2); finding stale,\n       orphaned (accepted, does not count) (wants stale)\n      why: why winner\n",
        "  1 more rule was not looked at\n",
        "response: about the actor x; it is the only one in the event\n",
    ] {
        assert!(text.contains(&flat(expected)), "{expected}\nin\n{text}");
    }
    let output = place.run(
        &["explain", "--snapshot", "s.whose", "--json"],
        EVENT.as_bytes(),
    );
    let object: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    // What a pipeline keeps is not what a person wants to see.
    place.put(
        "c.json",
        r#"{"rendering":"ocsf","detail":"minimal","fields":["owner"]}"#,
    );
    let arguments = [
        "explain",
        "--snapshot",
        "s.whose",
        "--json",
        "--config",
        "c.json",
    ];
    let configured = place.run(&arguments, EVENT.as_bytes());
    assert_eq!(out(&configured), out(&output), "{}", err(&configured));
    let triage = &object["triage"];
    assert_eq!(
        (
            &triage["winner"]["rule"],
            &triage["not_looked_at"],
            &triage["rules"][5]["tried"][0]["unmet"]
        ),
        (
            &json!("winner"),
            &json!(1),
            &json!({"about": "privilege tier", "has": "2", "wants": "at most 1"})
        )
    );
}
