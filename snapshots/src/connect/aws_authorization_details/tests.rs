//! What the answer of `get-account-authorization-details` says about users and roles.

use enrich_core::vocabulary::{Kind, PrivilegeLevel};

use super::*;
use crate::model::Time;

fn load(texts: &[&str]) -> Result<Harvest, ConnectError> {
    let source = Source {
        name: "aws".to_owned(),
        rank: 0,
        observed_ms: 1_773_986_400_000,
        domain: None,
    };
    let inputs: Vec<Input> = texts
        .iter()
        .map(|text| Input::memory("a.json".as_ref(), text.as_bytes()))
        .collect();
    let mut harvest = Harvest::default();
    connect(&source, &inputs, &mut harvest).map(|()| harvest)
}

const ROLES: &str = r#"{"RoleDetailList":[{"Path":"/ci/","RoleName":"deployer","RoleId":"AROA4DEPLOYER4DEPLOY","Arn":"arn:aws:iam::111122223333:role/ci/deployer",
        "CreateDate":"2024-02-01T00:00:00Z","AssumeRolePolicyDocument":"%7B%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22%2C%22Principal%22%3A%7B%22AWS%22%3A%22444455556666%22%7D%7D%7D",
        "AttachedManagedPolicies":[{"PolicyName":"deploy","PolicyArn":"arn:aws:iam::111122223333:policy/deploy"}],"RoleLastUsed":{},
        "Tags":[{"Key":"team","Value":"platform"}],
        "PermissionsBoundary":{"PermissionsBoundaryType":"Policy","PermissionsBoundaryArn":"arn:aws:iam::aws:policy/ReadOnlyAccess"}}]}"#;
const POLICIES: &str = r#"{"Policies":[{"Arn":"arn:aws:iam::111122223333:policy/deploy","DefaultVersionId":"v2","PolicyVersionList":[
        {"VersionId":"v1","Document":{"Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}}},
        {"VersionId":"v2","Document":{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}}]}],
        "UserDetailList":[{"UserName":"bob","UserId":"AIDA4BOB4BOB4BOB4BOB","Arn":"arn:aws:iam::111122223333:user/bob","GroupList":["ops","gone"]}],
        "GroupDetailList":[{"GroupName":"ops","Arn":"arn:aws:iam::111122223333:group/ops","GroupPolicyList":[{"PolicyName":"inline","PolicyDocument":{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"arn:aws:iam::111122223333:role/ci/deployer"}}}]}]}"#;

#[test]
fn policies_on_another_page_count() {
    let harvest = load(&[ROLES, POLICIES]).unwrap();
    let role = harvest
        .records
        .iter()
        .find(|r| r.uid.as_deref() == Some("aws:111122223333:role/ci/deployer"))
        .unwrap();
    assert_eq!(
        role.facts.grants,
        [Grant::new("deploy", PrivilegeLevel::Admin, 0).by(Some("administrator"))]
    );
    assert_eq!(
        role.facts.boundary,
        Some(Grant::new("ReadOnlyAccess", PrivilegeLevel::Read, 2))
    );
    assert_eq!(role.facts.assumable_by, ["aws:444455556666:root"]);
    assert_eq!(role.facts.native_kind, Some(Kind::IamRole));
    assert_eq!(
        role.facts.tags.get("team").map(String::as_str),
        Some("platform")
    );
    assert!(matches!(role.facts.last_seen, Time::NeverSince(_)));
    let keys: Vec<String> = role.aliases.iter().map(crate::record::notation).collect();
    assert_eq!(
        keys,
        [
            "aws_arn:arn:aws:iam::111122223333:role/ci/deployer",
            "aws_principal_id:AROA4DEPLOYER4DEPLOY"
        ]
    );
}

#[test]
fn groups_give_their_members_what_they_allow() {
    let harvest = load(&[ROLES, POLICIES]).unwrap();
    let bob = harvest
        .records
        .iter()
        .find(|r| r.uid.as_deref() == Some("aws:111122223333:user/bob"))
        .unwrap();
    assert_eq!(bob.facts.can_assume, ["aws:111122223333:role/ci/deployer"]);
    assert_eq!(bob.facts.grants[0].name, "inline (group ops)");
    assert!(
        harvest
            .warnings
            .iter()
            .any(|warning| warning.contains("group gone is not in the export"))
    );
}

#[test]
fn permissions_of_several_policies_come_together() {
    let harvest = load(&[r#"{"UserDetailList":[{"UserName":"ops","UserId":"AIDA4OPS4OPS4OPS4OPS","Arn":"arn:aws:iam::111122223333:user/ops","GroupList":["build"],
            "AttachedManagedPolicies":[{"PolicyName":"pass","PolicyArn":"arn:aws:iam::111122223333:policy/pass"}]}],
            "GroupDetailList":[{"GroupName":"build","Arn":"arn:aws:iam::111122223333:group/build","GroupPolicyList":[{"PolicyName":"run","PolicyDocument":{"Statement":{"Effect":"Allow","Action":"ec2:RunInstances","Resource":"*"}}}]}],
            "Policies":[{"Arn":"arn:aws:iam::111122223333:policy/pass","DefaultVersionId":"v1","PolicyVersionList":[{"VersionId":"v1","Document":{"Statement":{"Effect":"Allow","Action":"iam:PassRole","Resource":"*"}}}]}]}"#])
        .unwrap();
    assert_eq!(
        harvest.records[0].facts.grants[0],
        Grant::new("pass + run (group build)", PrivilegeLevel::Admin, 0)
            .by(Some("iam:PassRole + ec2:RunInstances"))
    );
}

#[test]
fn a_policy_without_its_document_may_allow_anything() {
    let harvest = load(&[r#"{"UserDetailList":[{"UserName":"a","UserId":"AIDA4AAA4AAA4AAA4AAA","Arn":"arn:aws:iam::111122223333:user/a",
            "PermissionsBoundary":{"PermissionsBoundaryArn":"arn:aws:iam::111122223333:policy/ReadOnlyAccess"},
            "AttachedManagedPolicies":[{"PolicyName":"SecurityAudit","PolicyArn":"arn:aws:iam::111122223333:policy/SecurityAudit"},
                {"PolicyName":"SecurityAudit","PolicyArn":"arn:aws:iam::aws:policy/SecurityAudit"},
                {"PolicyName":"ours","PolicyArn":"arn:aws:iam::111122223333:policy/ours"}]}]}"#])
        .unwrap();
    let facts = &harvest.records[0].facts;
    let unknown = |name| Grant::new(name, PrivilegeLevel::Write, 1).by(Some("document missing"));
    for grant in [
        unknown("SecurityAudit"),
        unknown("ours"),
        Grant::new("SecurityAudit", PrivilegeLevel::Read, 3),
    ] {
        assert!(facts.grants.contains(&grant), "{grant:?}");
    }
    assert_eq!(facts.grants.len(), 3);
    assert_eq!(facts.boundary, None);
    assert_eq!(unknown("ours").basis(), "ours: document missing");
    let [warning] = &harvest.warnings[..] else {
        panic!("{:?}", harvest.warnings)
    };
    assert!(warning.contains("no document of 2 attached policies (first SecurityAudit)"));
}

#[test]
fn a_document_that_cannot_be_read_may_allow_anything() {
    let harvest = load(&[r#"{"RoleDetailList":[{"RoleName":"a","RoleId":"AROA4AAA4AAA4AAA4AAA","Arn":"arn:aws:iam::111122223333:role/a",
            "RolePolicyList":[{"PolicyName":"cut","PolicyDocument":"{garbage"}],
            "PermissionsBoundary":{"PermissionsBoundaryArn":"arn:aws:iam::111122223333:policy/torn"},
            "AttachedManagedPolicies":[{"PolicyName":"torn","PolicyArn":"arn:aws:iam::111122223333:policy/torn"}]}],
            "Policies":[{"Arn":"arn:aws:iam::111122223333:policy/torn","DefaultVersionId":"v1","PolicyVersionList":[{"VersionId":"v1","Document":"%7Btorn"}]}]}"#])
        .unwrap();
    let facts = &harvest.records[0].facts;
    let unknown = |name| Grant::new(name, PrivilegeLevel::Write, 1).by(Some("document unreadable"));
    assert_eq!(facts.grants, [unknown("cut"), unknown("torn")]);
    assert_eq!(facts.boundary, None);
    let told = |name: &str| {
        harvest.warnings.iter().any(|warning| {
            warning.contains("a.json") && warning.contains(&format!("{name} can't be read"))
        })
    };
    assert!(told("cut") && told("policy/torn"), "{:?}", harvest.warnings);
}

#[test]
fn a_trust_policy_that_cannot_be_read_is_told() {
    let harvest = load(&[r#"{"RoleDetailList":[{"RoleName":"a","RoleId":"AROA4AAA4AAA4AAA4AAA","Arn":"arn:aws:iam::111122223333:role/a",
            "AssumeRolePolicyDocument":"%7Btorn"}]}"#])
        .unwrap();
    let facts = &harvest.records[0].facts;
    assert_eq!(facts.unconditioned_trust.len(), 1);
    assert!(facts.assumable_by.is_empty());
    assert!(
        harvest.warnings[0].contains("role/a: the trust policy"),
        "{:?}",
        harvest.warnings
    );
}

#[test]
fn another_export_is_refused_by_name() {
    let error =
        load(&[r#"{"Users":[{"Arn":"arn:aws:iam::1:user/x","UserId":"AIDAX"}]}"#]).unwrap_err();
    assert!(error.to_string().contains("aws_iam_users"), "{error}");
    let error = load(&["{\n  \"UserDetailList\": [,]}"]).unwrap_err();
    assert!(error.to_string().contains("line 2"), "{error}");
}
