//! `whose replay`: two snapshots over the same past events.

#[path = "common/inventory.rs"]
mod inventory;
#[path = "common/place.rs"]
mod place;

use enrich_core::KeyType;
use enrich_core::vocabulary::PrivilegeLevel;
use enrich_core::vocabulary::{Kind, LifecycleState, OwnerStatus, Priority, Provider, Severity};
use serde_json::{Value, json};
use snapshots::format::build;
use snapshots::model::{
    Alias, EntityRef, Finding, Identity, Inventory, Owner, Privilege, Revocation, Scope, TriageRule,
};

use inventory::{CREATED_MS, EVENT, real_module};
use place::{Place, code, err, out};

const ACCOUNT: &str = "111122223333";
/// Principal ids by the names of their users.
const USERS: [(&str, &str); 5] = [
    ("owner-changes", "AIDARTX3GSDSAAAAAAAA1"),
    ("tier-changes", "AIDARTX3GSDSAAAAAAAA2"),
    ("gets-a-finding", "AIDARTX3GSDSAAAAAAAA3"),
    ("is-removed", "AIDARTX3GSDSAAAAAAAA4"),
    ("stays", "AIDARTX3GSDSAAAAAAAA5"),
];

fn user(name: &str, id: &str) -> Identity {
    let uid = format!("aws:{ACCOUNT}:user/{name}");
    let mut user = Identity::new(&uid, name, Kind::IamUser, Provider::Aws, ACCOUNT);
    user.aliases.push(Alias {
        key_type: KeyType::AwsPrincipalId,
        domain: String::new(),
        value: id.to_owned(),
        valid_from_ms: None,
        valid_to_ms: None,
    });
    user.owner = Some(Owner {
        entity: EntityRef {
            reference: "group:default/red".to_owned(),
            ..EntityRef::default()
        },
        source: "catalogue".to_owned(),
        as_of_ms: None,
        status: OwnerStatus::Active,
    });
    user.privilege = Some(Privilege {
        tier: 2,
        level: PrivilegeLevel::Write,
        basis: Vec::new(),
    });
    user.response.revocation = vec![revocation("deactivate", 5), revocation("delete", 30)];
    user
}

fn revocation(action: &str, expected_minutes: u32) -> Revocation {
    Revocation {
        action: action.to_owned(),
        system: "aws-iam".to_owned(),
        team: "group:default/cloud-iam".to_owned(),
        expected_minutes,
        ..Revocation::default()
    }
}

/// The snapshot of a day. In the new one: another owner and a faster deletion; tier 0, which a rule
/// calls critical; a finding; a user removed before the event.
fn snapshot(is_new: bool) -> Vec<u8> {
    let mut inventory = Inventory::default();
    inventory.meta.organization = "Northwind Outfitters".into();
    inventory.meta.created_ms = CREATED_MS + i64::from(is_new) * 86_400_000;
    inventory.meta.sequence = 1 + u64::from(is_new);
    inventory.scopes.push(Scope {
        provider: Provider::Aws,
        domain: ACCOUNT.into(),
        part: String::new(),
        name: None,
        owner: None,
        escalation_policy: None,
        covered: true,
        environment: Vec::new(),
    });
    inventory.rules = vec![
        rule("controls-everything", Priority::Critical, Some(0)),
        rule("anything", Priority::Info, None),
    ];
    let mut users = USERS.map(|(name, id)| user(name, id));
    if is_new {
        let [owner, tier, finding, removed, _] = &mut users;
        if let Some(owner) = &mut owner.owner {
            owner.entity.reference = "group:default/blue".to_owned();
        }
        owner.response.revocation = vec![revocation("delete", 3), revocation("deactivate", 5)];
        if let Some(privilege) = &mut tier.privilege {
            privilege.tier = 0;
        }
        finding.findings.push(Finding {
            name: "long_lived_secret".to_owned(),
            owasp: Some("NHI7:2025".to_owned()),
            severity: Severity::High,
            evidence: "rotated 400 days ago\u{1b}[31m, limit 90".to_owned(),
            exception: None,
        });
        removed.retired_at_ms = Some(CREATED_MS);
        removed.lifecycle_state = LifecycleState::Deprovisioned;
        removed.aliases[0].valid_to_ms = Some(CREATED_MS);
    }
    inventory.identities = users.to_vec();
    build(&inventory).expect("fits the format")
}

fn rule(name: &str, priority: Priority, max_tier: Option<u8>) -> TriageRule {
    TriageRule {
        name: name.to_owned(),
        priority,
        rationale: String::new(),
        outcomes: Vec::new(),
        roles: Vec::new(),
        verdicts: Vec::new(),
        max_tier,
        min_criticality: None,
        min_finding_severity: None,
        findings: Vec::new(),
        kinds: Vec::new(),
        deviations: Vec::new(),
        environments: Vec::new(),
        lifecycle_states: Vec::new(),
    }
}

/// An event of a user, seven seconds after the first snapshot.
fn event(name: &str) -> String {
    let (_, id) = USERS
        .iter()
        .find(|(known, _)| *known == name)
        .expect("a user");
    EVENT
        .replace("AIDARTX3GSDSRAOPG3HK3", id)
        .replace("user/x", &format!("user/{name}"))
}

fn place() -> Place {
    let place = Place::new();
    place.put("old.whose", snapshot(false));
    place.put("new.whose", snapshot(true));
    place
}

fn objects(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

/// `field: old -> new` of an event.
fn fields(event: &Value) -> Vec<String> {
    let differences = event["differences"].as_array().expect("differences");
    differences
        .iter()
        .map(|one| {
            let role = one["role"].as_str().unwrap_or("event");
            let field = one["field"].as_str().expect("a field");
            format!("{role} {field}: {} -> {}", one["old"], one["new"])
        })
        .collect()
}

#[test]
fn each_kind_of_change_is_found() {
    let place = place();
    let input: String = USERS.iter().map(|(name, _)| event(name) + "\n").collect();
    place.put("past.ndjson", &input);
    let mut outputs = vec![place.run(
        &[
            "replay",
            "old.whose",
            "new.whose",
            "past.ndjson",
            "--native",
            "--json",
        ],
        b"",
    )];
    if let Some(module) = real_module() {
        let module = module.to_str().expect("UTF-8").to_owned();
        let arguments = [
            "replay",
            "old.whose",
            "new.whose",
            "past.ndjson",
            "--module",
            &module,
            "--json",
        ];
        outputs.push(place.run(&arguments, b""));
    }
    for output in outputs {
        assert_eq!(code(&output), Some(0), "{}", err(&output));
        let objects = objects(&out(&output));
        let [snapshots, owner, tier, finding, removed, summary] = objects.as_slice() else {
            panic!("{objects:?}");
        };
        assert_eq!(snapshots["old"][0]["created"], "2026-03-20T06:00:00Z");
        assert_eq!(snapshots["new"][0]["created"], "2026-03-21T06:00:00Z");
        assert_eq!(
            (&owner["line"], &owner["time"], &owner["format"]),
            (
                &json!(1),
                &json!("2026-03-20T06:00:07Z"),
                &json!("aws_cloudtrail")
            )
        );
        assert_eq!(
            owner["differences"][0],
            json!({
                "role": "actor",
                "name": "owner-changes",
                "uid": "aws:111122223333:user/owner-changes",
                "key": {"type": "aws_principal_id", "value": "AIDARTX3GSDSAAAAAAAA1"},
                "field": "owner.ref",
                "old": "group:default/red",
                "new": "group:default/blue",
            })
        );
        assert_eq!(
            fields(owner),
            [
                "actor owner.ref: \"group:default/red\" -> \"group:default/blue\"",
                "event response.context_owner: \"group:default/red\" -> \"group:default/blue\"",
                "event response.response_owner: \"group:default/red\" -> \"group:default/blue\"",
                "event response.revocation[delete].expected_minutes: 30 -> 3",
            ]
        );
        assert_eq!(
            fields(tier),
            [
                "actor privilege.tier: 2 -> 0",
                "event triage.priority: \"info\" -> \"critical\"",
                "event triage.rule: \"anything\" -> \"controls-everything\"",
                "event triage.reasons: [] -> [\"privilege tier 0\"]",
            ]
        );
        assert_eq!(finding["line"], 3);
        assert_eq!(
            (
                &finding["differences"][0]["field"],
                &finding["differences"][0]["old"],
                &finding["differences"][0]["new"]["severity"]
            ),
            (
                &json!("findings[long_lived_secret]"),
                &Value::Null,
                &json!("high")
            )
        );
        let removed = fields(removed);
        assert!(
            removed.contains(&"actor outcome: \"matched\" -> \"retired\"".to_owned())
                && removed
                    .iter()
                    .any(|one| one.starts_with("actor findings[retired_identity_used]: null -> {")),
            "{removed:?}"
        );
        assert_eq!(
            (
                &summary["events"],
                &summary["compared"],
                &summary["differing"],
                &summary["fields"]["owner.ref"]
            ),
            (&json!(5), &json!(5), &json!(4), &json!(1))
        );
    }
}

#[test]
fn a_person_reads_blocks_and_a_summary() {
    let place = place();
    let input = format!(
        "{}\r\n{}\r\n\r\n{}",
        event("stays"),
        event("gets-a-finding"),
        event("tier-changes")
    );
    let output = place.run(
        &["replay", "old.whose", "new.whose", "-", "--native"],
        input.as_bytes(),
    );
    assert_eq!(code(&output), Some(0), "{}", err(&output));
    let text = out(&output);
    for expected in [
        "OLD old.whose: northwind-outfit",
        ", made 2026-03-20T06:00:00Z\n    blake3:",
        "line 2: aws_cloudtrail, 2026-03-20T06:00:07Z\n  actor gets-a-finding \
         (aws:111122223333:user/gets-a-finding)\n    findings[long_lived_secret]  added: owasp \
         NHI7:2025, severity high",
        "line 4: aws_cloudtrail",
        "    privilege.tier  2 -> 0\n  the event of actor tier-changes\n    triage.priority  info -> critical\n",
        "3 events read, 3 compared, 2 read differently\n",
        "         1  findings[long_lived_secret]\n",
    ] {
        assert!(
            text.to_lowercase().contains(&expected.to_lowercase()),
            "{expected} in {text}"
        );
    }
    assert!(
        !text.contains("line 1:") && !text.contains('\u{1b}'),
        "{text}"
    );
}

#[test]
fn events_that_are_no_events_are_counted() {
    let place = place();
    let forged = event("stays").replacen('{', "{\"whose\":{\"v\":1,\"identities\":[]},", 1);
    let stranger = r#"{"whose":{"triage":{"priority":"info"}},"kind":"else"}"#;
    let input = format!("{forged}\nnot JSON\n{stranger}\n[1,2]\n");
    let output = place.run(
        &[
            "replay",
            "old.whose",
            "new.whose",
            "--native",
            "--json",
            "--fail-on-change",
        ],
        input.as_bytes(),
    );
    assert_eq!(code(&output), Some(0), "{}", err(&output));
    let objects = objects(&out(&output));
    let [_, summary] = objects.as_slice() else {
        panic!("{objects:?}");
    };
    assert_eq!(
        (
            &summary["compared"],
            &summary["differing"],
            &summary["not_compared"]["unrecognized"],
            &summary["not_compared"]["not_json"],
            &summary["forged_removed"]
        ),
        (&json!(1), &json!(0), &json!(1), &json!(1), &json!(2))
    );

    // Nothing that could be compared: no change was seen, and none was looked for.
    for input in [&b""[..], b"{\"log\":\"x\"}\nno json\n"] {
        let output = place.run(
            &[
                "replay",
                "old.whose",
                "new.whose",
                "--native",
                "--fail-on-change",
            ],
            input,
        );
        assert_eq!(code(&output), Some(1), "{}", err(&output));
        assert!(
            err(&output).contains("--fail-on-change: no event was compared"),
            "{}",
            err(&output)
        );
        assert!(out(&output).contains("0 compared"), "{}", out(&output));
    }

    let empty = place.run(&["replay", "old.whose", "new.whose", "--native"], b"");
    assert_eq!(code(&empty), Some(0), "{}", err(&empty));
    assert!(
        out(&empty).ends_with("0 events read, 0 compared, none reads differently\n"),
        "{}",
        out(&empty)
    );
}

/// The core passes over what it does not need; a strict parser refuses the line.
#[test]
fn an_event_cannot_hide_behind_a_value_that_parsers_refuse() {
    let place = place();
    for odd in [
        r#""\ud800""#,
        "1e999",
        "01",
        &format!("{}{}", "[".repeat(120), "]".repeat(120)),
    ] {
        let input = event("owner-changes").replace(
            "\"userAgent\":\"x\"",
            &format!("\"requestID\":{odd},\"responseElements\":{{\"a\":[{odd}]}}"),
        );
        let output = place.run(
            &["replay", "old.whose", "new.whose", "--native", "--json"],
            input.as_bytes(),
        );
        assert_eq!(code(&output), Some(0), "{}", err(&output));
        let objects = objects(&out(&output));
        assert_eq!(
            (objects.len(), &objects[1]["differences"][0]["field"]),
            (3, &json!("owner.ref")),
            "{odd}: {objects:?}"
        );
    }
}

#[test]
fn fields_and_exit_code_can_be_asked_for() {
    let place = place();
    let input: String = USERS.iter().map(|(name, _)| event(name) + "\n").collect();
    let run = |more: &[&str]| {
        let arguments = [&["replay", "old.whose", "new.whose", "--native"], more].concat();
        place.run(&arguments, input.as_bytes())
    };
    let output = run(&["--fields", "owner,triage.rule", "--fail-on-change"]);
    assert_eq!(code(&output), Some(3), "{}", err(&output));
    let text = out(&output);
    assert!(
        text.contains("owner.ref") && text.contains("triage.rule") && !text.contains("response"),
        "{text}"
    );
    // A misspelt field would select nothing, and the check would pass.
    for (option, name) in [
        ("--fields", "own"),
        ("--fields", "owner,triage.priorty"),
        ("--fields", "snapshot.id"),
        ("--except", "findings.evidense"),
    ] {
        let output = run(&[option, name, "--fail-on-change"]);
        assert_eq!(code(&output), Some(2), "{name}: {}", err(&output));
        let wrong = name.split(',').next_back().unwrap();
        let message = format!("error: {option}: \"{wrong}\" is no field");
        assert!(err(&output).starts_with(&message), "{}", err(&output));
        assert_eq!(out(&output), "");
    }
    let output = run(&["--fields", "findings[long_lived_secret].severity,owner.ref"]);
    assert_eq!(code(&output), Some(0), "{}", err(&output));
    let output = run(&[
        "--except",
        "owner,response.revocation.expected_minutes,response,privilege",
    ]);
    let text = out(&output);
    assert!(
        !text.contains("line 1:") && text.contains("line 2:") && !text.contains("privilege.tier"),
        "{text}"
    );
    let output = run(&["--summary"]);
    let text = out(&output);
    assert!(
        !text.contains("line 1") && text.contains("5 events read, 5 compared, 4 read differently"),
        "{text}"
    );
    let same = place.run(
        &[
            "replay",
            "old.whose",
            "old.whose",
            "--native",
            "--fail-on-change",
        ],
        input.as_bytes(),
    );
    assert_eq!(code(&same), Some(0));
    assert!(
        out(&same).contains("OLD and NEW are the same: nothing can differ\n"),
        "{}",
        out(&same)
    );
}

#[test]
fn a_record_of_an_envelope_is_named_with_its_own_time() {
    let place = place();
    let later = event("tier-changes").replace("06:00:07Z", "06:30:00Z");
    let input = format!(
        "{{\"Records\":[{},{},{later}]}}\n",
        event("stays"),
        event("is-removed")
    );
    let output = place.run(
        &["replay", "old.whose", "new.whose", "--native", "--json"],
        input.as_bytes(),
    );
    let objects = objects(&out(&output));
    let told: Vec<_> = objects
        .iter()
        .filter(|one| one["kind"] == "event")
        .map(|one| {
            (
                one["line"].clone(),
                one["record"].clone(),
                one["time"].clone(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (json!(1), json!(1), json!("2026-03-20T06:00:07Z")),
            (json!(1), json!(2), json!("2026-03-20T06:30:00Z")),
        ]
    );
}

#[test]
fn a_bad_snapshot_is_named_by_its_side() {
    let place = place();
    place.put("cut.whose", &snapshot(true)[..100]);
    for (arguments, message) in [
        (
            ["cut.whose", "new.whose"],
            "error: OLD cannot be used\ncaused by: snapshot cut.whose is refused\n",
        ),
        (
            ["old.whose", "cut.whose"],
            "error: NEW cannot be used\ncaused by: snapshot cut.whose is refused\n",
        ),
        (
            ["old.whose", "none.whose"],
            "error: NEW cannot be used\ncaused by: snapshot none.whose cannot be read\n",
        ),
    ] {
        let arguments = ["replay", arguments[0], arguments[1], "--native"];
        let output = place.run(&arguments, b"");
        assert_eq!((code(&output), out(&output)), (Some(1), String::new()));
        assert!(err(&output).starts_with(message), "{}", err(&output));
    }
}
