//! What the policy decides: kinds, tiers, owners, behaviour, responses, findings.

use enrich_core::vocabulary::{
    Criticality, Dimension, Environment, Kind, LifecycleState, PrivilegeLevel, Severity,
};
use snapshots::connect::{Connector, Input, connect};
use snapshots::export::{Explicit, Exported, assemble};
use snapshots::model::Identity;
use snapshots::policy::Policy;
use snapshots::record::{Harvest, Source};

const NOW: i64 = 1_773_986_400_000; // 2026-03-20T06:00:00Z

const ROLES: &str = r#"{"RoleDetailList":[
 {"Path":"/","RoleName":"ci-deploy","RoleId":"AROA4CIDEPLOY4CIDEPL","Arn":"arn:aws:iam::111122223333:role/ci-deploy","CreateDate":"2024-02-01T00:00:00Z",
  "AssumeRolePolicyDocument":{"Statement":{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"},
   "Condition":{"StringEquals":{"token.actions.githubusercontent.com:sub":["repo:northwind/shop:ref:refs/heads/main","repo:northwind/site:ref:refs/heads/main"]}}}},
  "AttachedManagedPolicies":[{"PolicyName":"AdministratorAccess","PolicyArn":"arn:aws:iam::aws:policy/AdministratorAccess"}],
  "RoleLastUsed":{"LastUsedDate":"2026-03-19T00:00:00Z"},"Tags":[{"Key":"Owner","Value":"platform"},{"Key":"env","Value":"prod"},{"Key":"Criticality","Value":"High"}]},
 {"Path":"/","RoleName":"vendor-scan","RoleId":"AROA4VENDOR44VENDOR4","Arn":"arn:aws:iam::111122223333:role/vendor-scan","CreateDate":"2023-02-01T00:00:00Z",
  "AssumeRolePolicyDocument":{"Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::999988887777:root"}}},
  "RolePolicyList":[{"PolicyName":"scan","PolicyDocument":{"Statement":{"Effect":"Allow","Action":["s3:List*"],"Resource":"*"}}}],
  "RoleLastUsed":{"LastUsedDate":"2025-06-01T00:00:00Z"}},
 {"Path":"/aws-service-role/ecs.amazonaws.com/","RoleName":"AWSServiceRoleForECS","RoleId":"AROA4SLR44SLR44SLR44","Arn":"arn:aws:iam::111122223333:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
  "AssumeRolePolicyDocument":{"Statement":{"Effect":"Allow","Principal":{"Service":"ecs.amazonaws.com"}}},"RoleLastUsed":{}},
 {"Path":"/","RoleName":"open","RoleId":"AROA4OPEN44OPEN44OPE","Arn":"arn:aws:iam::111122223333:role/open","CreateDate":"2026-03-01T00:00:00Z",
  "AssumeRolePolicyDocument":{"Statement":{"Effect":"Allow","Principal":{"AWS":"*"}}},"RoleLastUsed":{}}]}"#;

fn assembled(policy: &str) -> Exported {
    let source = Source {
        name: "aws".to_owned(),
        rank: 0,
        observed_ms: NOW,
        domain: None,
    };
    let mut harvest = Harvest::default();
    connect(
        Connector::AwsAuthorizationDetails,
        &source,
        &[Input::memory("a.json".as_ref(), ROLES.as_bytes())],
        &mut harvest,
    )
    .unwrap();
    let policy = Policy::parse(
        "policy.toml",
        &format!("version = 1\nextends = \"default\"\n{policy}"),
    )
    .unwrap();
    assemble("Northwind", &harvest, &policy, &Explicit::new(NOW, 1, 0))
}

fn find<'e>(exported: &'e Exported, name: &str) -> &'e Identity {
    exported
        .inventory
        .identities
        .iter()
        .find(|identity| identity.name == name)
        .unwrap()
}

fn findings(identity: &Identity) -> Vec<(&str, Severity)> {
    identity
        .findings
        .iter()
        .map(|finding| (finding.name.as_str(), finding.severity))
        .collect()
}

#[test]
fn rules_apply_in_order_and_leave_facts_alone() {
    let exported = assembled(
        "[[classify]]\nmatch = { name = \"ci-*\" }\nset = { kind = \"ci_job\", criticality = \"high\", owner = \"group:default/other\", environment = [\"test\"] }\n[[classify]]\nmatch = { kind = \"ci_job\" }\nset = { criticality = \"low\", purpose = \"deploys\", tier = 1 }\n",
    );
    let ci = find(&exported, "ci-deploy");
    assert_eq!(
        (ci.kind, ci.criticality, ci.purpose.as_deref()),
        (Kind::CiJob, Some(Criticality::High), Some("deploys"))
    );
    // Tags are what a source states; a rule is the fallback.
    assert_eq!(ci.environment, [Environment::Production]);
    assert_eq!(
        ci.owner
            .as_ref()
            .map(|owner| owner.entity.reference.as_str()),
        Some("group:default/platform")
    );
    assert_eq!(
        ci.privilege.as_ref().map(|privilege| (
            privilege.tier,
            privilege.level,
            privilege.basis.clone()
        )),
        Some((
            1,
            PrivilegeLevel::Admin,
            vec!["AdministratorAccess".to_owned()]
        ))
    );
    let forced = assembled(
        "[[classify]]\nmatch = { name = \"ci-*\" }\nset = { owner = \"group:default/other\" }\nforce = true\n",
    );
    assert_eq!(
        find(&forced, "ci-deploy")
            .owner
            .as_ref()
            .map(|owner| owner.entity.reference.as_str()),
        Some("group:default/other")
    );
}

#[test]
fn findings_carry_their_owasp_id_value_and_threshold() {
    let exported = assembled("");
    let ci = find(&exported, "ci-deploy");
    assert_eq!(
        findings(ci),
        [
            ("overprivileged", Severity::High),
            ("reused", Severity::Medium)
        ]
    );
    assert_eq!(
        ci.workloads,
        [
            "github-actions:northwind/shop",
            "github-actions:northwind/site"
        ]
    );
    assert!(
        !ci.aliases
            .iter()
            .any(|alias| alias.key_type.as_str() == "oidc_subject"),
        "the subject is another identity's key"
    );
    assert!(
        ci.findings[1].evidence.contains("2 workloads, limit 1")
            && ci.findings[1].owasp.as_deref() == Some("NHI9:2025")
    );
    let vendor = find(&exported, "vendor-scan");
    assert_eq!(
        findings(vendor),
        [
            ("orphaned", Severity::Medium),
            ("stale", Severity::Medium),
            ("third_party", Severity::Info)
        ]
    );
    assert!(
        vendor.findings[1].evidence.contains("limit 90"),
        "{}",
        vendor.findings[1].evidence
    );
    assert!(vendor.findings[2].evidence.contains("999988887777"));
    assert_eq!(vendor.lifecycle_state, LifecycleState::Dormant);
    // A service-linked role belongs to AWS and is unused for 400 days at least, since nobody knows when it was made.
    assert_eq!(
        findings(find(&exported, "AWSServiceRoleForECS")),
        [("stale", Severity::Medium)]
    );
    // Made 19 days ago, never used since: neither stale nor dormant.
    let open = find(&exported, "open");
    assert_eq!(
        findings(open),
        [
            ("unconditioned_trust", Severity::Critical),
            ("orphaned", Severity::Medium)
        ]
    );
    assert_eq!(open.lifecycle_state, LifecycleState::Active);
}

#[test]
fn own_accounts_are_no_third_party() {
    let exported = assembled(
        "[[scope]]\nprovider = \"aws\"\ndomain = \"999988887777\"\nowner = \"security\"\n",
    );
    assert!(
        !findings(find(&exported, "vendor-scan"))
            .iter()
            .any(|(name, _)| *name == "third_party")
    );
    let scope = exported
        .inventory
        .scopes
        .iter()
        .find(|scope| scope.domain == "999988887777")
        .unwrap();
    assert_eq!(
        (
            scope.covered,
            scope.owner.as_ref().map(|owner| owner.reference.as_str())
        ),
        (false, Some("group:default/security"))
    );
}

#[test]
fn exceptions_stay_visible_until_they_end() {
    let rule = |until: &str| {
        format!(
            "[[exception]]\nmatch = {{ name = \"open\" }}\nfinding = \"unconditioned_trust\"\nuntil = \"{until}\"\nreason = \"migration\"\n"
        )
    };
    let exception = |policy: &str| {
        find(&assembled(policy), "open").findings[0]
            .exception
            .clone()
    };
    assert_eq!(
        exception(&rule("2026-06-30"))
            .map(|(_, reason)| reason)
            .as_deref(),
        Some("migration")
    );
    assert_eq!(exception(&rule("2026-01-31")), None);
}

/// What only an event shows, or what is not due yet, is accepted for the event.
#[test]
fn exceptions_are_kept_for_findings_that_an_event_will_show() {
    let rule = |finding: &str, until: &str, reason: &str| {
        format!(
            "[[exception]]\nmatch = {{ name = \"open\" }}\nfinding = \"{finding}\"\nuntil = \"{until}\"\nreason = \"{reason}\"\n"
        )
    };
    let policy = [
        rule("unconditioned_trust", "2026-06-30", "migration"),
        rule("human_use_suspected", "2026-06-30", "first"),
        rule("human_use_suspected", "2026-12-31", "second"),
        rule("dormant_identity_used", "2026-01-31", "over"),
    ]
    .concat();
    let exported = assembled(&policy);
    let open = find(&exported, "open");
    let accepted: Vec<_> = open
        .accepted
        .iter()
        .map(|known| (known.finding.as_str(), known.reason.as_str()))
        .collect();
    assert_eq!(accepted, [("human_use_suspected", "first")]);
    assert!(find(&exported, "ci-deploy").accepted.is_empty());
}

#[test]
fn limits_that_events_are_judged_by_go_along() {
    let limits = |policy: &str| {
        let limits = assembled(policy).inventory.limits;
        (limits.dormant_after_days, limits.rotation_grace_days)
    };
    assert_eq!(limits(""), (Some(90), Some(7)));
    assert_eq!(
        limits("[thresholds]\ndormant_after_days = 30\nrotation_grace_days = 0\n"),
        (Some(30), Some(0))
    );
}

/// A policy's word, else tags of the account or project, else labels of the namespace, by the same
/// list of tags that identities go by.
#[test]
fn scopes_have_environments() {
    let mut harvest = Harvest::default();
    let mut take = |connector, name: &str, domain: Option<&str>, text: &str| {
        let source = Source {
            name: name.to_owned(),
            rank: 0,
            observed_ms: NOW,
            domain: domain.map(str::to_owned),
        };
        let inputs = [Input::memory("a.json".as_ref(), text.as_bytes())];
        connect(connector, &source, &inputs, &mut harvest).unwrap();
    };
    take(
        Connector::AwsOrganizations,
        "organization",
        None,
        r#"{"Accounts":[
 {"Id":"111122223333","Name":"shop","Status":"ACTIVE","Tags":[{"Key":"env","Value":"prd"}]},
 {"Id":"444455556666","Name":"lab","Status":"ACTIVE","Tags":[{"Key":"environment","Value":"nobody knows"},{"Key":"env","Value":"test"}]},
 {"Id":"777788889999","Name":"tools","Status":"ACTIVE","Tags":[{"Key":"stage","Value":"dev"}]}]}"#,
    );
    take(
        Connector::Kubernetes,
        "cluster",
        Some("prod-eu"),
        r#"{"apiVersion":"v1","kind":"List","items":[
 {"apiVersion":"v1","kind":"Namespace","metadata":{"name":"preview","labels":{"environment":"qa"}}},
 {"apiVersion":"v1","kind":"Namespace","metadata":{"name":"payments"}},
 {"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"default","namespace":"preview"}},
 {"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"api","namespace":"payments","labels":{"environment":"production"}}}]}"#,
    );
    let environments = |policy: &str| -> Vec<(String, Vec<Environment>)> {
        let text = format!("version = 1\nextends = \"default\"\n{policy}");
        let policy = Policy::parse("policy.toml", &text).unwrap();
        let exported = assemble("Northwind", &harvest, &policy, &Explicit::new(NOW, 1, 0));
        let scopes = exported.inventory.scopes.into_iter();
        scopes
            .map(|scope| {
                let place = [scope.domain, scope.part].join("/");
                (place, scope.environment)
            })
            .filter(|(_, environment)| !environment.is_empty())
            .collect()
    };
    let own = |list: &[(&str, &[Environment])]| -> Vec<(String, Vec<Environment>)> {
        list.iter()
            .map(|(place, words)| ((*place).to_owned(), words.to_vec()))
            .collect()
    };
    use Environment::{Development, Production, Staging, Test};
    // The first tag with a value decides, for scopes as for identities, and that one is no word.
    assert_eq!(
        environments(""),
        own(&[
            ("111122223333/", &[Production]),
            ("prod-eu/preview", &[Test])
        ])
    );
    assert_eq!(
        environments(
            "[tags]\nenvironment = [\"account/stage\"]\n[[scope]]\nprovider = \"aws\"\ndomain = \"111122223333\"\nenvironment = [\"production\", \"staging\"]\n[[scope]]\nprovider = \"k8s\"\ndomain = \"prod-eu\"\nenvironment = \"production\"\n"
        ),
        own(&[
            ("111122223333/", &[Production, Staging]),
            ("777788889999/", &[Development]),
            ("prod-eu/", &[Production]),
        ])
    );
}

#[test]
fn the_first_baseline_that_states_a_dimension_counts() {
    let exported = assembled(
        "[networks.ci]\nkind = \"egress\"\ncidrs = [\"198.51.100.0/26\"]\n[behavior.first]\nmatch = { name = \"ci-*\" }\nnetworks = [\"ci\"]\n[behavior.second]\nmatch = { provider = \"aws\" }\nnetworks = [\"10.0.0.0/8\"]\nregions = [\"eu-west-1\"]\n",
    );
    let stated = |name: &str| {
        find(&exported, name)
            .behavior
            .iter()
            .map(|stated| (stated.dimension, stated.allowed.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        stated("ci-deploy"),
        [
            (Dimension::Network, vec!["ci".to_owned()]),
            (Dimension::Region, vec!["eu-west-1".to_owned()])
        ]
    );
    assert_eq!(stated("open")[0].1, ["10.0.0.0/8"]);
    assert!(
        exported
            .inventory
            .networks
            .iter()
            .any(|network| network.name == "10.0.0.0/8")
    );
    assert!(
        find(&exported, "ci-deploy")
            .provenance
            .iter()
            .any(|entry| entry.field == "behavior.network"
                && *entry.source == *"policy behavior.first")
    );
}

#[test]
fn responses_are_collected_fastest_first() {
    let exported = assembled(
        "[[response]]\nmatch = { name = \"ci-*\" }\nresponse_owner = \"ci-team\"\nrevocation = [ { action = \"delete the role\", system = \"aws-iam\", expected_minutes = 30 } ]\n[[response]]\nmatch = { provider = \"aws\" }\nresponse_owner = \"group:default/cloud-iam\"\nescalation_policy = { system = \"pagerduty\", id = \"P1\" }\nrevocation = [ { action = \"attach deny-all\", system = \"aws-iam\", expected_minutes = 5 } ]\n",
    );
    let response = &find(&exported, "ci-deploy").response;
    assert_eq!(
        (
            response.response_owner.as_deref(),
            response.context_owner.as_deref()
        ),
        (
            Some("group:default/ci-team"),
            Some("group:default/platform")
        )
    );
    let ways: Vec<(&str, &str, usize)> = response
        .revocation
        .iter()
        .map(|way| (way.action.as_str(), way.team.as_str(), way.breaks.len()))
        .collect();
    assert_eq!(
        ways,
        [
            ("attach deny-all", "group:default/cloud-iam", 2),
            ("delete the role", "group:default/ci-team", 2)
        ]
    );
    assert_eq!(
        response
            .escalation_policy
            .as_ref()
            .map(|policy| policy.id.as_str()),
        Some("P1")
    );
}

#[test]
fn an_owner_that_is_a_service_needs_a_sponsor() {
    let owned = |set: &str| {
        assembled(&format!(
            "[[classify]]\nmatch = {{ name = \"open\" }}\nset = {{ {set} }}\n"
        ))
    };
    let orphaned = |exported: &Exported| {
        findings(find(exported, "open"))
            .iter()
            .any(|(name, _)| *name == "orphaned")
    };
    assert!(orphaned(&owned("owner = \"service:default/app\"")));
    assert!(!orphaned(&owned(
        "owner = \"service:default/app\", sponsor = \"a.ortiz\""
    )));
    assert!(!orphaned(&owned("owner = \"group:default/app\"")));
}

#[test]
fn criticality_comes_from_tags_before_rules() {
    let rule = "[[classify]]\nset = { criticality = \"low\" }\n";
    for (policy, tagged, other) in [
        ("", Some(Criticality::High), None),
        (rule, Some(Criticality::High), Some(Criticality::Low)),
        ("[tags]\ncriticality = [\"nothing\"]\n", None, None),
    ] {
        let exported = assembled(policy);
        let of = |name| find(&exported, name).criticality;
        assert_eq!(
            (of("ci-deploy"), of("vendor-scan")),
            (tagged, other),
            "{policy}"
        );
    }
}
