//! `aws iam get-account-authorization-details`: users, groups, roles and managed policies.
//!
//! Pages of one account may come in several files; a policy on one page counts for a role on another.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::aws::{Arn, AwsTime, Principal, RoleLastUsed, Tag, frame, ms};
use super::aws_policy::{Document, managed_grant};
use super::{ConnectError, Connector, Input};
use crate::record::{Grant, Harvest, Record, Source};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Page {
    user_detail_list: Option<Vec<Entry>>,
    group_detail_list: Option<Vec<Entry>>,
    role_detail_list: Option<Vec<Entry>>,
    policies: Option<Vec<Policy>>,
    /// Recordings of the API wrap the answer.
    #[serde(rename = "data")]
    data: Option<Box<Self>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Entry {
    arn: String,
    user_id: Option<String>,
    role_id: Option<String>,
    group_name: String,
    create_date: Option<AwsTime>,
    tags: Vec<Tag>,
    group_list: Vec<String>,
    attached_managed_policies: Vec<Attached>,
    user_policy_list: Vec<Inline>,
    role_policy_list: Vec<Inline>,
    group_policy_list: Vec<Inline>,
    permissions_boundary: Option<Boundary>,
    assume_role_policy_document: Document,
    role_last_used: Option<RoleLastUsed>,
    description: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Attached {
    policy_arn: String,
    policy_name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Inline {
    policy_name: String,
    policy_document: Document,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Boundary {
    permissions_boundary_arn: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Policy {
    arn: String,
    default_version_id: String,
    policy_version_list: Vec<Version>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Version {
    document: Document,
    version_id: String,
    is_default_version: bool,
}

/// What all pages together say about policies and groups.
#[derive(Default)]
struct Account {
    policies: BTreeMap<String, Document>,
    /// By account and name: groups of one account, whatever their path.
    groups: BTreeMap<(String, String), (Vec<Grant>, Vec<String>)>,
}

impl Account {
    fn grant(&self, attached: &Attached, boundary: bool) -> Option<Grant> {
        match self.policies.get(&attached.policy_arn) {
            Some(document) => Some(document.grant(&attached.policy_name)),
            None => managed_grant(&attached.policy_name)
                .or_else(|| (!boundary).then(|| unknown(&attached.policy_name))),
        }
    }

    fn grants(&self, entry: &Entry) -> (Vec<Grant>, Vec<String>) {
        let mut grants: Vec<Grant> = entry
            .attached_managed_policies
            .iter()
            .filter_map(|attached| self.grant(attached, false))
            .collect();
        let mut roles = Vec::new();
        for attached in &entry.attached_managed_policies {
            roles.extend(
                self.policies
                    .get(&attached.policy_arn)
                    .map(Document::assumable_roles)
                    .unwrap_or_default(),
            );
        }
        for inline in entry
            .user_policy_list
            .iter()
            .chain(&entry.role_policy_list)
            .chain(&entry.group_policy_list)
        {
            grants.push(inline.policy_document.grant(&inline.policy_name));
            roles.extend(inline.policy_document.assumable_roles());
        }
        (grants, roles)
    }
}

/// A policy whose document is not in the export and whose name says nothing: it allows something.
fn unknown(name: &str) -> Grant {
    Grant::new(name, enrich_core::vocabulary::PrivilegeLevel::Read, 3)
}

pub(super) fn connect(
    source: &Source,
    inputs: &[Input],
    harvest: &mut Harvest,
) -> Result<(), ConnectError> {
    let mut pages = Vec::new();
    for input in inputs {
        let page: Page = serde_json::from_slice(&input.bytes).map_err(|error| {
            ConnectError::json(input, Connector::AwsAuthorizationDetails, &error)
        })?;
        let page = match page {
            Page {
                data: Some(inner), ..
            } => *inner,
            page => page,
        };
        if page.user_detail_list.is_none()
            && page.role_detail_list.is_none()
            && page.group_detail_list.is_none()
            && page.policies.is_none()
        {
            return Err(ConnectError::nothing(
                input,
                Connector::AwsAuthorizationDetails,
                "UserDetailList, RoleDetailList, GroupDetailList or Policies",
            ));
        }
        pages.push(page);
    }
    let mut account = Account::default();
    for policy in pages
        .iter()
        .filter_map(|page| page.policies.as_ref())
        .flatten()
    {
        let is_default = |version: &&Version| {
            version.is_default_version || version.version_id == policy.default_version_id
        };
        if let Some(version) = policy.policy_version_list.iter().find(is_default) {
            account
                .policies
                .insert(policy.arn.clone(), version.document.clone());
        }
    }
    for group in pages
        .iter()
        .filter_map(|page| page.group_detail_list.as_ref())
        .flatten()
    {
        let of = Arn::parse(&group.arn)
            .map_or("", |arn| arn.account)
            .to_owned();
        let (mut grants, roles) = account.grants(group);
        for grant in &mut grants {
            grant.name = format!("{} (group {})", grant.name, group.group_name);
        }
        account
            .groups
            .insert((of, group.group_name.clone()), (grants, roles));
    }
    for entry in pages
        .iter()
        .flat_map(|page| page.user_detail_list.iter().chain(&page.role_detail_list))
        .flatten()
    {
        if let Some(record) = record(source, &account, entry, harvest) {
            harvest.records.push(record);
        }
    }
    Ok(())
}

fn record(
    source: &Source,
    account: &Account,
    entry: &Entry,
    harvest: &mut Harvest,
) -> Option<Record> {
    let created = ms(entry.create_date.as_ref());
    let principal_id = entry.user_id.as_deref().or(entry.role_id.as_deref());
    let mut record = frame(
        source,
        &Principal {
            arn: &entry.arn,
            principal_id,
            created,
            tags: &entry.tags,
        },
        harvest,
    )?;
    let (mut grants, mut roles) = account.grants(entry);
    let of = Arn::parse(&entry.arn).map_or("", |arn| arn.account);
    for group in &entry.group_list {
        match account.groups.get(&(of.to_owned(), group.clone())) {
            Some((group_grants, group_roles)) => {
                grants.extend(group_grants.iter().cloned());
                roles.extend(group_roles.iter().cloned());
            }
            None => harvest.warn(
                source,
                format!(
                    "{}: group {} is not in the export",
                    crate::text::printable(&entry.arn, 120),
                    crate::text::printable(group, 80)
                ),
            ),
        }
    }
    let trust = entry.assume_role_policy_document.trust();
    let facts = &mut record.facts;
    grants.sort();
    grants.dedup();
    roles.sort();
    roles.dedup();
    facts.grants = grants;
    facts.can_assume = roles;
    facts.boundary = entry.permissions_boundary.as_ref().and_then(|boundary| {
        let arn = boundary.permissions_boundary_arn.clone();
        let policy_name = Arn::parse(&arn)
            .map_or("", |parsed| parsed.name())
            .to_owned();
        account.grant(
            &Attached {
                policy_arn: arn,
                policy_name,
            },
            true,
        )
    });
    facts.assumable_by = trust.assumable_by;
    facts.workloads = trust.workloads;
    facts.unconditioned_trust = trust.unconditioned;
    facts.purpose = entry.description.clone().filter(|text| !text.is_empty());
    if entry.role_id.is_some() {
        facts.last_seen = RoleLastUsed::last_seen(entry.role_last_used.as_ref(), source, created);
    }
    Some(record)
}

#[cfg(test)]
mod tests {
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
            .map(|text| Input {
                path: "a.json".into(),
                bytes: text.as_bytes().to_vec(),
            })
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
            [Grant::new("deploy", PrivilegeLevel::Admin, 0)]
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
    fn another_export_is_refused_by_name() {
        let error =
            load(&[r#"{"Users":[{"Arn":"arn:aws:iam::1:user/x","UserId":"AIDAX"}]}"#]).unwrap_err();
        assert!(error.to_string().contains("aws_iam_users"), "{error}");
        let error = load(&["{\n  \"UserDetailList\": [,]}"]).unwrap_err();
        assert!(error.to_string().contains("line 2"), "{error}");
    }
}
