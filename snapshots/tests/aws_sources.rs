//! How the lesser AWS exports meet the identities that IAM and Kubernetes list.

use enrich_core::vocabulary::{Environment, LifecycleState};
use snapshots::connect::{Connector, Input, connect, finish};
use snapshots::export::{Explicit, Exported, assemble};
use snapshots::model::{Identity, Time};
use snapshots::policy::Policy;
use snapshots::record::{Harvest, Source};
use snapshots::text::parse_time;

const NOW: i64 = 1_773_986_400_000; // 2026-03-20T06:00:00Z
const CLUSTER: &str = "prod-eu";

fn build(sources: &[(Connector, &str)]) -> Exported {
    let mut harvest = Harvest::default();
    for (rank, (connector, text)) in sources.iter().enumerate() {
        let source = Source {
            name: format!("{}-{rank}", connector.as_str()),
            rank,
            observed_ms: NOW - 1000,
            domain: (*connector == Connector::Kubernetes).then(|| CLUSTER.to_owned()),
        };
        let input = Input::memory("export.json".as_ref(), text.as_bytes());
        connect(*connector, &source, &[input], &mut harvest).unwrap();
    }
    finish(&mut harvest);
    assemble(
        "Larkmoor",
        &harvest,
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

const USERS: &str = r#"{"Users":[
    {"UserName":"ledger","UserId":"AIDA4LEDGER4LEDGER4L","Arn":"arn:aws:iam::111122223333:user/svc/ledger","CreateDate":"2024-01-01T00:00:00Z"},
    {"UserName":"old","UserId":"AIDA4OLDOLD4OLDOLD4O","Arn":"arn:aws:iam::444455556666:user/svc/old","CreateDate":"2024-01-01T00:00:00Z"}]}"#;

/// `CreateAccessKey` and its like name a user without its path.
#[test]
fn a_user_with_a_path_is_found_by_its_name_as_well() {
    let exported = build(&[(Connector::AwsIamUsers, USERS)]);
    let ledger = find(&exported, "aws:111122223333:user/svc/ledger");
    let arns: Vec<_> = ledger
        .aliases
        .iter()
        .filter(|alias| alias.value.starts_with("arn:"))
        .map(|alias| (alias.value.as_str(), alias.valid_from_ms))
        .collect();
    // A name can be given again, so both lead here only since this user exists.
    let since = parse_time("2024-01-01");
    assert_eq!(
        arns,
        [
            ("arn:aws:iam::111122223333:user/svc/ledger", since),
            ("arn:aws:iam::111122223333:user/ledger", since),
        ]
    );
}

#[test]
fn a_secret_that_names_its_identity_is_a_credential_of_it() {
    let secrets = r#"{"SecretList":[
        {"ARN":"arn:aws:secretsmanager:eu-central-1:111122223333:secret:erp/ledger-A1b2C3","Name":"erp/ledger","CreatedDate":"2024-01-02T00:00:00Z",
         "LastRotatedDate":"2026-02-01T00:00:00Z","LastAccessedDate":"2026-03-19T00:00:00Z","RotationEnabled":true,"RotationRules":{"AutomaticallyAfterDays":30},
         "Tags":[{"Key":"whose/identities","Value":"aws_arn:arn:aws:iam::111122223333:user/svc/ledger"}]},
        {"ARN":"arn:aws:secretsmanager:eu-central-1:444455556666:secret:old-A1b2C3","Name":"old","CreatedDate":"2024-01-02T00:00:00Z"}]}"#;
    let exported = build(&[
        (Connector::AwsIamUsers, USERS),
        (Connector::AwsSecrets, secrets),
    ]);
    let [credential] = &find(&exported, "aws:111122223333:user/svc/ledger").credentials[..] else {
        panic!("one credential")
    };
    assert_eq!(credential.credential_type, "secret");
    assert_eq!(
        (credential.last_rotated, credential.max_age_days),
        (Time::At(parse_time("2026-02-01").unwrap()), Some(30))
    );
    assert!(
        credential
            .secret_source
            .as_ref()
            .unwrap()
            .ends_with("secret:erp/ledger-A1b2C3")
    );
    // The same name is no reason to meet.
    assert!(
        find(&exported, "aws:444455556666:user/svc/old")
            .credentials
            .is_empty()
    );
}

#[test]
fn a_secret_that_holds_a_known_key_adds_no_second_credential() {
    let keys = r#"{"arn:aws:iam::111122223333:user/svc/ledger":[{"UserName":"ledger","AccessKeyId":"AKIA4AAAA4AAAA4AAAA4","Status":"Active","CreateDate":"2025-01-01T00:00:00Z"}]}"#;
    let secrets = r#"{"SecretList":[{"ARN":"arn:aws:secretsmanager:eu-central-1:111122223333:secret:erp/ledger-A1b2C3","Name":"erp/ledger","LastRotatedDate":"2026-02-01T00:00:00Z",
         "Tags":[{"Key":"whose/identities","Value":"aws_access_key_id:AKIA4AAAA4AAAA4AAAA4"}]}]}"#;
    let exported = build(&[
        (Connector::AwsIamUsers, USERS),
        (Connector::AwsAccessKeys, keys),
        (Connector::AwsSecrets, secrets),
    ]);
    let [credential] = &find(&exported, "aws:111122223333:user/svc/ledger").credentials[..] else {
        panic!("one credential")
    };
    assert_eq!(credential.credential_type, "access_key");
    assert!(credential.secret_source.is_some());
    // The provider's own date outranks that of the store.
    assert_eq!(
        credential.last_rotated,
        Time::At(parse_time("2025-01-01").unwrap())
    );
}

#[test]
fn an_account_says_environment_owner_and_whether_it_is_closed() {
    let accounts = r#"{"Accounts":[
        {"Id":"111122223333","Arn":"arn:aws:organizations::999988887777:account/o-larkmoor01/111122223333","Name":"larkmoor-production","Status":"ACTIVE"},
        {"Id":"444455556666","Arn":"arn:aws:organizations::999988887777:account/o-larkmoor01/444455556666","Name":"larkmoor-old","Status":"SUSPENDED"}]}"#;
    let tags = r#"{"ResourceTagMappingList":[{"ResourceARN":"arn:aws:organizations::999988887777:account/o-larkmoor01/111122223333",
        "Tags":[{"Key":"environment","Value":"production"},{"Key":"owner","Value":"payments"}]}]}"#;
    let exported = build(&[
        (Connector::AwsIamUsers, USERS),
        (Connector::AwsOrganizations, accounts),
        (Connector::AwsTags, tags),
    ]);
    let ledger = find(&exported, "aws:111122223333:user/svc/ledger");
    assert_eq!(ledger.environment, [Environment::Production]);
    let old = find(&exported, "aws:444455556666:user/svc/old");
    assert_eq!(old.lifecycle_state, LifecycleState::Disabled);
    let scope = exported
        .inventory
        .scopes
        .iter()
        .find(|scope| scope.domain == "111122223333" && scope.part.is_empty())
        .unwrap();
    assert_eq!(scope.name.as_deref(), Some("larkmoor-production"));
    assert_eq!(
        scope.owner.as_ref().map(|owner| owner.reference.as_str()),
        Some("group:default/payments")
    );
    assert!(scope.covered);
}

const ACCOUNTS: &str = r#"{"kind":"List","apiVersion":"v1","items":[
    {"kind":"ServiceAccount","apiVersion":"v1","metadata":{"name":"api","namespace":"payments"}},
    {"kind":"ServiceAccount","apiVersion":"v1","metadata":{"name":"job","namespace":"payments"}},
    {"kind":"Pod","apiVersion":"v1","metadata":{"name":"api-0","namespace":"payments"},"spec":{"serviceAccountName":"api"}},
    {"kind":"Pod","apiVersion":"v1","metadata":{"name":"job-0","namespace":"payments"},"spec":{"serviceAccountName":"job"}}]}"#;

#[test]
fn a_pod_identity_lets_the_account_become_the_role() {
    let roles = r#"{"Roles":[{"RoleName":"payments-api","RoleId":"AROA4PAYMENTS4PAYMEN","Arn":"arn:aws:iam::111122223333:role/pods/payments-api","CreateDate":"2024-01-01T00:00:00Z"}]}"#;
    let association = r#"{"association":{"clusterName":"prod-eu","namespace":"payments","serviceAccount":"api","roleArn":"arn:aws:iam::111122223333:role/pods/payments-api","associationId":"a-1"}}"#;
    let exported = build(&[
        (Connector::AwsIamUsers, roles),
        (Connector::Kubernetes, ACCOUNTS),
        (Connector::AwsEks, association),
    ]);
    let role = find(&exported, "aws:111122223333:role/pods/payments-api");
    assert_eq!(role.lineage.assumable_by, ["k8s:prod-eu:payments/api"]);
    assert_eq!(role.workloads, ["k8s:prod-eu/payments/api-0"]);
    assert_eq!(
        find(&exported, "k8s:prod-eu:payments/api")
            .lineage
            .can_assume,
        ["aws:111122223333:role/pods/payments-api"]
    );
}

#[test]
fn with_the_issuer_the_trust_of_a_role_leads_to_the_account() {
    let roles = r#"{"Roles":[{"RoleName":"job","RoleId":"AROA4PAYMENTS4PAYMEN","Arn":"arn:aws:iam::111122223333:role/irsa/job","CreateDate":"2024-01-01T00:00:00Z",
        "AssumeRolePolicyDocument":{"Statement":[{"Effect":"Allow","Action":"sts:AssumeRoleWithWebIdentity",
            "Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/0A1B"},
            "Condition":{"StringEquals":{"oidc.eks.eu-central-1.amazonaws.com/id/0A1B:sub":"system:serviceaccount:payments:job"}}}]}}]}"#;
    let cluster = r#"{"cluster":{"name":"prod-eu","arn":"arn:aws:eks:eu-central-1:111122223333:cluster/prod-eu","identity":{"oidc":{"issuer":"https://oidc.eks.eu-central-1.amazonaws.com/id/0A1B"}}}}"#;
    let exported = build(&[
        (Connector::AwsIamUsers, roles),
        (Connector::Kubernetes, ACCOUNTS),
        (Connector::AwsEks, cluster),
    ]);
    let role = find(&exported, "aws:111122223333:role/irsa/job");
    assert_eq!(role.lineage.assumable_by, ["k8s:prod-eu:payments/job"]);
    assert_eq!(role.workloads, ["k8s:prod-eu/payments/job-0"]);
    assert_eq!(
        find(&exported, "k8s:prod-eu:payments/job")
            .lineage
            .can_assume,
        ["aws:111122223333:role/irsa/job"]
    );
}
