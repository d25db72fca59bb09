//! How records meet: recreated roles, claims, conflicts, tombstones.

use enrich_core::KeyType;
use enrich_core::vocabulary::{Kind, LifecycleState, OwnerStatus, Provider};
use snapshots::connect::{Connector, Input, connect};
use snapshots::export::{Explicit, Exported, assemble};
use snapshots::model::{Identity, Time};
use snapshots::policy::Policy;
use snapshots::record::{Harvest, Source};
use snapshots::text::parse_time;

const NOW: i64 = 1_773_986_400_000; // 2026-03-20T06:00:00Z

/// A harvest of exports that are given as text.
fn harvest(sources: &[(&str, Connector, Option<&str>, &[&str])]) -> Harvest {
    let mut harvest = Harvest::default();
    for (rank, (name, connector, domain, texts)) in sources.iter().enumerate() {
        let source = Source {
            name: (*name).to_owned(),
            rank,
            observed_ms: NOW - 1000,
            domain: domain.map(str::to_owned),
        };
        let inputs: Vec<Input> = texts
            .iter()
            .map(|text| Input::memory(format!("{name}.txt").as_ref(), text.as_bytes()))
            .collect();
        connect(*connector, &source, &inputs, &mut harvest).unwrap();
    }
    harvest
}

fn assembled(harvest: &Harvest) -> Exported {
    assemble(
        "Northwind",
        harvest,
        &Policy::built_in().unwrap(),
        &Explicit::new(NOW, 7, 86_400),
    )
}

fn find<'e>(exported: &'e Exported, uid: &str) -> &'e Identity {
    exported
        .inventory
        .identities
        .iter()
        .find(|identity| identity.uid == uid)
        .unwrap_or_else(|| panic!("no {uid}"))
}

fn role(id: &str, created: &str) -> String {
    format!(
        r#"{{"Roles":[{{"RoleName":"deployer","RoleId":"{id}","Arn":"arn:aws:iam::111122223333:role/ci/deployer","CreateDate":"{created}"}}]}}"#
    )
}

/// An inventory as the snapshot before this one.
fn previous(inventory: &snapshots::model::Inventory) -> snapshots::previous::Previous {
    let mut bytes = rkyv::util::AlignedVec::new();
    bytes.extend_from_slice(&snapshots::format::build(inventory).unwrap());
    snapshots::previous::Previous::read(bytes).unwrap()
}

#[test]
fn a_recreated_role_is_two_identities() {
    let (old, new) = (
        role("AROA4OLD4OLD4OLD4OLD", "2024-01-01T00:00:00Z"),
        role("AROA4NEW4NEW4NEW4NEW", "2025-06-01T00:00:00Z"),
    );
    let exported = assembled(&harvest(&[
        ("now", Connector::AwsIamUsers, None, &[&new]),
        ("then", Connector::AwsIamUsers, None, &[&old]),
    ]));
    let current = find(&exported, "aws:111122223333:role/ci/deployer");
    let former = find(
        &exported,
        "aws:111122223333:role/ci/deployer#AROA4OLD4OLD4OLD4OLD",
    );
    let arn = |identity: &Identity| {
        identity
            .aliases
            .iter()
            .find(|alias| alias.key_type == KeyType::AwsArn)
            .cloned()
            .unwrap()
    };
    assert_eq!(arn(current).valid_from_ms, parse_time("2025-06-01"));
    assert_eq!(
        (arn(former).valid_from_ms, arn(former).valid_to_ms),
        (parse_time("2024-01-01"), parse_time("2025-06-01"))
    );
    assert_eq!(
        (former.lifecycle_state, former.retired_at_ms),
        (LifecycleState::Deprovisioned, parse_time("2025-06-01"))
    );
    assert!(exported.report.ambiguous_keys.is_empty());
}

#[test]
fn two_identities_that_share_a_key_both_keep_it() {
    let text = r#"[{"RoleId":"AROA4AAAA4AAAA4AAAA4","Arn":"arn:aws:iam::111122223333:role/a"},{"RoleId":"AROA4AAAA4AAAA4AAAA4","Arn":"arn:aws:iam::444455556666:role/b"}]"#;
    let exported = assembled(&harvest(&[("aws", Connector::AwsIamUsers, None, &[text])]));
    assert_eq!(exported.inventory.identities.len(), 2);
    assert_eq!(
        exported.report.ambiguous_keys,
        ["aws_principal_id:AROA4AAAA4AAAA4AAAA4"]
    );
}

const USER: &str = r#"{"Users":[{"UserName":"ci","UserId":"AIDA4CICI4CICI4CICI4","Arn":"arn:aws:iam::111122223333:user/bots/ci","CreateDate":"2023-01-01T00:00:00Z"}]}"#;
const KEYS: &str = r#"{"AccessKeyMetadata":[
    {"UserName":"ci","AccessKeyId":"AKIA4SECOND4SECOND4X","Status":"Active","CreateDate":"2026-03-01T10:00:00Z"},
    {"UserName":"ci","AccessKeyId":"AKIA4FIRST44FIRST44X","Status":"Active","CreateDate":"2024-02-01T10:00:00Z"}]}"#;
const REPORT: &str = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated
ci,arn:aws:iam::111122223333:user/bots/ci,2023-01-01T00:00:00+00:00,false,N/A,N/A,N/A,false,true,2024-02-01T10:00:00+00:00,2026-03-19T10:00:00+00:00,eu-west-1,s3,true,2026-03-01T10:00:00+00:00,N/A,N/A,N/A,false,N/A,false,N/A
";

#[test]
fn keys_of_the_report_take_their_ids_by_date_and_the_oldest_decides() {
    let exported = assembled(&harvest(&[
        ("users", Connector::AwsIamUsers, None, &[USER]),
        ("report", Connector::AwsCredentialReport, None, &[REPORT]),
        (
            "keys",
            Connector::AwsAccessKeys,
            Some("111122223333"),
            &[KEYS],
        ),
    ]));
    let user = find(&exported, "aws:111122223333:user/bots/ci");
    let uids: Vec<&str> = user
        .credentials
        .iter()
        .map(|credential| credential.uid.as_str())
        .collect();
    assert_eq!(uids, ["AKIA4FIRST44FIRST44X", "AKIA4SECOND4SECOND4X"]);
    assert_eq!(
        user.credentials[0].last_used,
        Time::At(parse_time("2026-03-19T10:00:00Z").unwrap())
    );
    assert!(
        user.aliases
            .iter()
            .any(|alias| alias.key_type == KeyType::AwsAccessKeyId
                && alias.value == "AKIA4FIRST44FIRST44X")
    );
    let finding = user
        .findings
        .iter()
        .find(|finding| finding.name == "long_lived_secret")
        .unwrap();
    assert_eq!(finding.owasp.as_deref(), Some("NHI7:2025"));
    assert!(
        finding.evidence.contains("AKIA4FIRST44FIRST44X") && finding.evidence.contains("limit 90"),
        "{}",
        finding.evidence
    );
    assert!(exported.report.unmatched.is_empty());
}

const CATALOG: &str = "apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: payments}
spec: {type: team, profile: {displayName: Payments}, children: []}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: a, annotations: {whose/identities: 'aws_arn:arn:aws:iam::111122223333:user/bots/ci, aws_arn:arn:aws:iam::111122223333:role/gone'}}
spec: {owner: payments, lifecycle: production, type: service}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: b, annotations: {whose/identities: 'aws_principal_id:AIDA4CICI4CICI4CICI4', whose/kind: ci_job}}
spec: {owner: nobody, lifecycle: production, type: service}
";

#[test]
fn the_first_source_wins_and_the_other_is_kept() {
    let exported = assembled(&harvest(&[
        ("users", Connector::AwsIamUsers, None, &[USER]),
        ("catalog", Connector::Backstage, None, &[CATALOG]),
    ]));
    let user = find(&exported, "aws:111122223333:user/bots/ci");
    let owner = user.owner.as_ref().unwrap();
    assert_eq!(
        (
            owner.entity.reference.as_str(),
            owner.entity.name.as_deref(),
            owner.status,
            owner.source.as_str()
        ),
        (
            "group:default/payments",
            Some("Payments"),
            OwnerStatus::Active,
            "catalog"
        )
    );
    assert!(
        user.conflicts
            .iter()
            .any(|conflict| conflict.field == "owner" && conflict.value == "group:default/nobody")
    );
    assert_eq!(user.kind, Kind::CiJob);
    assert!(user.provenance.iter().any(|entry| entry.field == "owner"
        && *entry.source == *"catalog"
        && entry.observed_ms == Some(NOW - 1000)));
    assert_eq!(
        exported.report.unmatched,
        ["catalog: aws_arn:arn:aws:iam::111122223333:role/gone"]
    );
}

#[test]
fn an_owner_that_the_catalogue_lost_makes_an_orphan() {
    let catalog = CATALOG.replace("owner: payments", "owner: former-team");
    let exported = assembled(&harvest(&[
        ("users", Connector::AwsIamUsers, None, &[USER]),
        ("catalog", Connector::Backstage, None, &[&catalog]),
    ]));
    let user = find(&exported, "aws:111122223333:user/bots/ci");
    assert_eq!(
        user.owner.as_ref().map(|owner| owner.status),
        Some(OwnerStatus::Departed)
    );
    assert!(
        user.findings
            .iter()
            .any(|finding| finding.name == "orphaned"
                && finding.owasp.as_deref() == Some("NHI1:2025"))
    );
    assert_eq!(exported.report.departed_owner, 1);
    // Without people in the catalogue, nothing can be said about a person.
    let person = CATALOG.replace("owner: payments", "owner: user:a.ortiz");
    let exported = assembled(&harvest(&[
        ("users", Connector::AwsIamUsers, None, &[USER]),
        ("catalog", Connector::Backstage, None, &[&person]),
    ]));
    assert_eq!(
        find(&exported, "aws:111122223333:user/bots/ci")
            .owner
            .as_ref()
            .map(|owner| owner.status),
        Some(OwnerStatus::Unknown)
    );
}

#[test]
fn an_annotation_alone_opens_no_role() {
    let role = |trust: &str| {
        format!(
            r#"{{"Roles":[{{"RoleName":"api","RoleId":"AROA4API44API44API44","Arn":"arn:aws:iam::111122223333:role/api","AssumeRolePolicyDocument":{{"Statement":[{trust}]}}}}]}}"#
        )
    };
    let cluster = r#"{"kind":"List","apiVersion":"v1","items":[
        {"kind":"ServiceAccount","apiVersion":"v1","metadata":{"name":"evil","namespace":"tenant","annotations":{"eks.amazonaws.com/role-arn":"arn:aws:iam::111122223333:role/api"}}},
        {"kind":"Deployment","apiVersion":"apps/v1","metadata":{"name":"p","namespace":"tenant"},"spec":{"template":{"spec":{"serviceAccountName":"evil"}}}}]}"#;
    let pods = r#"{"Effect":"Allow","Action":["sts:AssumeRole","sts:TagSession"],"Principal":{"Service":"pods.eks.amazonaws.com"}}"#;
    let other = r#"{"Effect":"Allow","Action":"sts:AssumeRoleWithWebIdentity","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/0A1B"},
        "Condition":{"StringEquals":{"oidc.eks.eu-central-1.amazonaws.com/id/0A1B:sub":"system:serviceaccount:pay:api"}}}"#;
    for (trust, is_let_in) in [("", false), (other, false), (pods, true)] {
        let exported = assembled(&harvest(&[
            ("aws", Connector::AwsIamUsers, None, &[&role(trust)]),
            ("k8s", Connector::Kubernetes, Some("prod"), &[cluster]),
        ]));
        let role = find(&exported, "aws:111122223333:role/api");
        let by = &role.lineage.assumable_by;
        assert_eq!(by.contains(&"k8s:prod:tenant/evil".to_owned()), is_let_in);
        assert_eq!(
            role.workloads.contains(&"k8s:prod/tenant/p".to_owned()),
            is_let_in
        );
        let account = find(&exported, "k8s:prod:tenant/evil");
        assert_eq!(account.lineage.can_assume, ["aws:111122223333:role/api"]);
        let told = exported.report.warnings.iter();
        assert_eq!(
            told.filter(|warning| warning.contains("k8s:prod:tenant/evil"))
                .count(),
            usize::from(!is_let_in)
        );
    }
}

#[test]
fn one_name_that_is_too_long_leaves_one_identity_out() {
    let cluster = format!(
        r#"{{"kind":"RoleBinding","apiVersion":"rbac.authorization.k8s.io/v1","metadata":{{"name":"b","namespace":"n"}},"roleRef":{{"kind":"ClusterRole","name":"view"}},"subjects":[{{"kind":"User","name":"{}"}},{{"kind":"User","name":"jane"}}]}}"#,
        "u".repeat(1020)
    );
    let exported = assembled(&harvest(&[(
        "k8s",
        Connector::Kubernetes,
        Some("prod"),
        &[&cluster],
    )]));
    let uids: Vec<&str> = exported
        .inventory
        .identities
        .iter()
        .map(|identity| identity.uid.as_str())
        .collect();
    assert_eq!(uids, ["k8s:prod:user:jane"]);
    assert!(
        exported
            .report
            .warnings
            .iter()
            .any(|warning| warning.starts_with("1 identities are left out because their uids")),
        "{:?}",
        exported.report.warnings
    );
}

#[test]
fn a_cluster_account_and_its_role_know_each_other() {
    let role = r#"{"Roles":[{"RoleName":"api","RoleId":"AROA4API44API44API44","Arn":"arn:aws:iam::111122223333:role/api","AssumeRolePolicyDocument":{"Statement":{
        "Effect":"Allow","Action":"sts:AssumeRoleWithWebIdentity","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/0A1B"},
        "Condition":{"StringLike":{"oidc.eks.eu-central-1.amazonaws.com/id/0A1B:sub":"system:serviceaccount:pay:*"}}}}}]}"#;
    let cluster = r#"{"kind":"List","apiVersion":"v1","items":[
        {"kind":"ServiceAccount","apiVersion":"v1","metadata":{"name":"api","namespace":"pay","annotations":{"eks.amazonaws.com/role-arn":"arn:aws:iam::111122223333:role/api"}}},
        {"kind":"Deployment","apiVersion":"apps/v1","metadata":{"name":"api","namespace":"pay"},"spec":{"template":{"spec":{"serviceAccountName":"api"}}}}]}"#;
    let exported = assembled(&harvest(&[
        ("aws", Connector::AwsIamUsers, None, &[role]),
        ("k8s", Connector::Kubernetes, Some("prod"), &[cluster]),
    ]));
    let role = find(&exported, "aws:111122223333:role/api");
    assert_eq!(
        (
            role.lineage.assumable_by.as_slice(),
            role.workloads.as_slice()
        ),
        (
            &[
                "k8s:prod:pay/api".to_owned(),
                "oidc_subject@oidc.eks.eu-central-1.amazonaws.com/id/0A1B:system:serviceaccount:pay:*"
                    .to_owned(),
            ][..],
            &["k8s:prod/pay/api".to_owned()][..]
        )
    );
    let account = find(&exported, "k8s:prod:pay/api");
    assert_eq!(
        account
            .blast_radius
            .as_ref()
            .map(|radius| (radius.identities, radius.accounts)),
        Some((1, 1))
    );
    assert_eq!(account.last_seen, Time::NotTracked);
    assert!(
        !account
            .findings
            .iter()
            .any(|finding| finding.name == "stale"),
        "what is not tracked is not stale"
    );
}

#[test]
fn the_order_of_files_does_not_matter_to_the_result() {
    let texts = [
        role("AROA4OLD4OLD4OLD4OLD", "2024-01-01T00:00:00Z"),
        USER.to_owned(),
    ];
    let there = assembled(&harvest(&[(
        "a",
        Connector::AwsIamUsers,
        None,
        &[&texts[0], &texts[1]],
    )]));
    let back = assembled(&harvest(&[(
        "a",
        Connector::AwsIamUsers,
        None,
        &[&texts[1], &texts[0]],
    )]));
    assert_eq!(there, back);
    assert_eq!(
        snapshots::format::build(&there.inventory).unwrap(),
        snapshots::format::build(&back.inventory).unwrap()
    );
}

#[test]
fn what_is_gone_becomes_a_tombstone() {
    const OTHER: &str = r#"{"Roles":[{"RoleName":"o","RoleId":"AROA4OTHER4OTHER4OTH","Arn":"arn:aws:iam::111122223333:role/o"}]}"#;
    let before = assembled(&harvest(&[(
        "a",
        Connector::AwsIamUsers,
        None,
        &[
            &role("AROA4OLD4OLD4OLD4OLD", "2024-01-01T00:00:00Z"),
            USER,
            OTHER,
        ],
    )]));
    let mut explicit = Explicit::new(NOW + 86_400_000, 8, 0);
    explicit.previous = Some(previous(&before.inventory));
    let policy = Policy::built_in().unwrap();
    let after = assemble(
        "Northwind",
        &harvest(&[("a", Connector::AwsIamUsers, None, &[USER, OTHER])]),
        &policy,
        &explicit,
    );
    let gone = find(&after, "aws:111122223333:role/ci/deployer");
    assert_eq!(
        (
            gone.lifecycle_state,
            gone.retired_at_ms,
            after.report.tombstones
        ),
        (LifecycleState::Deprovisioned, Some(NOW + 86_400_000), 1)
    );
    // Recreated under the same name: the old one stays answerable by its id, the name is the new one's.
    let after = assemble(
        "Northwind",
        &harvest(&[(
            "a",
            Connector::AwsIamUsers,
            None,
            &[&role("AROA4NEW4NEW4NEW4NEW", "2026-03-20T12:00:00Z"), USER],
        )]),
        &policy,
        &explicit,
    );
    let gone = find(
        &after,
        "aws:111122223333:role/ci/deployer#AROA4OLD4OLD4OLD4OLD",
    );
    assert_eq!(
        gone.aliases
            .iter()
            .find(|alias| alias.key_type == KeyType::AwsArn)
            .and_then(|alias| alias.valid_to_ms),
        parse_time("2026-03-20T12:00:00Z")
    );
    // An account that was not read again says nothing about its identities.
    let other =
        r#"{"Users":[{"UserId":"AIDA4OTHER4OTHER4OTH","Arn":"arn:aws:iam::444455556666:user/x"}]}"#;
    let after = assemble(
        "Northwind",
        &harvest(&[("a", Connector::AwsIamUsers, None, &[other])]),
        &policy,
        &explicit,
    );
    assert_eq!(
        (after.report.tombstones, after.inventory.identities.len()),
        (0, 1)
    );
    assert!(
        after
            .inventory
            .identities
            .iter()
            .all(|identity| identity.provider == Provider::Aws)
    );
}

#[test]
fn what_was_read_in_part_retires_nobody() {
    let roles = r#"{"Roles":[
        {"RoleName":"a","RoleId":"AROA4AAAA4AAAA4AAAA4","Arn":"arn:aws:iam::111122223333:role/a"},
        {"RoleName":"b","RoleId":"AROA4BBBB4BBBB4BBBB4","Arn":"arn:aws:iam::111122223333:role/b"}]}"#;
    let two = format!(
        "{REPORT}{}",
        REPORT.lines().nth(1).unwrap().replace("ci", "ci2") + "\n"
    );
    let inventory = Connector::AwsIamUsers;
    let report = Connector::AwsCredentialReport;
    let before = assembled(&harvest(&[
        ("roles", inventory, None, &[roles]),
        ("report", report, None, &[&two]),
    ]));
    let mut explicit = Explicit::new(NOW + 86_400_000, 8, 0);
    explicit.previous = Some(previous(&before.inventory));
    let policy = Policy::built_in().unwrap();
    let after = |harvest: &Harvest| assemble("Northwind", harvest, &policy, &explicit);
    let left_out =
        |exported: &Exported, source: &str| {
            exported.report.warnings.iter().any(|warning| {
                warning.contains(" left out: the source") && warning.contains(source)
            })
        };
    // The report lists users alone: who is missing there is gone, the roles are not.
    let users_only = after(&harvest(&[("report", report, None, &[REPORT])]));
    assert_eq!(users_only.report.tombstones, 1);
    let gone = find(&users_only, "aws:111122223333:user/bots/ci2");
    assert_eq!(gone.lifecycle_state, LifecycleState::Deprovisioned);
    assert!(
        left_out(&users_only, "\"roles\"") && left_out(&users_only, "2 identities"),
        "{:?}",
        users_only.report.warnings
    );
    // A report with a row that can't be read, and an answer about one role, list nothing.
    let one = r#"{"Role":{"RoleName":"a","RoleId":"AROA4AAAA4AAAA4AAAA4","Arn":"arn:aws:iam::111122223333:role/a"}}"#;
    let broken = two.replace("arn:aws:iam::111122223333:user/bots/ci2", "no ARN");
    assert_ne!(broken, two);
    let partly = after(&harvest(&[
        ("roles", inventory, None, &[one]),
        ("report", report, None, &[&broken]),
    ]));
    assert_eq!(partly.report.tombstones, 0, "{:?}", partly.report.warnings);
    assert!(left_out(&partly, "\"report\"") && left_out(&partly, "\"roles\""));
    // A list with more pages behind it lists no end.
    let page = r#"{"Roles":[{"RoleName":"a","RoleId":"AROA4AAAA4AAAA4AAAA4","Arn":"arn:aws:iam::111122223333:role/a"}],"IsTruncated":true,"Marker":"x"}"#;
    let paged = after(&harvest(&[
        ("roles", inventory, None, &[page]),
        ("report", report, None, &[&two]),
    ]));
    assert_eq!(paged.report.tombstones, 0, "{:?}", paged.report.warnings);
    // The whole list again, without one of them.
    let whole = page.replace("true,\"Marker\":\"x\"", "false");
    let all = after(&harvest(&[
        ("roles", inventory, None, &[&whole]),
        ("report", report, None, &[&two]),
    ]));
    assert_eq!(all.report.tombstones, 1, "{:?}", all.report.warnings);
}

#[test]
fn one_principal_in_two_sources_is_one_in_any_order() {
    let principal = r##"{"@odata.type":"#microsoft.graph.servicePrincipal","id":"aaaaaaaa-0000-4000-8000-000000000001","appId":"cccccccc-0000-4000-8000-000000000003","displayName":"shop","servicePrincipalType":"Application","accountEnabled":true}"##;
    let application = r##"{"@odata.type":"#microsoft.graph.application","id":"bbbbbbbb-0000-4000-8000-000000000002","appId":"cccccccc-0000-4000-8000-000000000003","displayName":"shop"}"##;
    let (alone, both) = (
        format!("[{principal}]"),
        format!("[{principal},{application}]"),
    );
    let tenant = Some("11111111-1111-4111-8111-111111111111");
    let entra = Connector::EntraGraph;
    for texts in [[&alone, &both], [&both, &alone]] {
        let mut harvest = harvest(&[
            ("one", entra, tenant, &[texts[0]]),
            ("two", entra, tenant, &[texts[1]]),
        ]);
        snapshots::connect::finish(&mut harvest);
        let exported = assembled(&harvest);
        let uids: Vec<&str> = exported
            .inventory
            .identities
            .iter()
            .map(|identity| identity.uid.as_str())
            .collect();
        assert_eq!(uids.len(), 1, "{uids:?}");
    }
}

#[test]
fn a_secret_in_a_triage_rule_does_not_enter() {
    let token = format!("{}{}", "ghp_", "a1B2c3D4e5".repeat(4));
    let policy = Policy::parse(
        "policy.toml",
        &format!(
            "version = 1\n[[triage]]\nname = \"x\"\npriority = \"high\"\nrationale = \"see {token}\"\n"
        ),
    );
    let policy = policy.unwrap();
    let exported = assemble(
        "Northwind",
        &harvest(&[("users", Connector::AwsIamUsers, None, &[USER])]),
        &policy,
        &Explicit::new(NOW, 7, 0),
    );
    assert!(!format!("{:?}", exported.inventory).contains(&token));
    assert_eq!(exported.report.cleaned.secrets, 1);
}
