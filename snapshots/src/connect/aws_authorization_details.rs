//! `aws iam get-account-authorization-details`: users, groups, roles and managed policies.
//!
//! Pages of one account may come in several files; a policy on one page counts for a role on another.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::aws::{Arn, AwsTime, Pages, Principal, RoleLastUsed, Tag, frame, ms};
use super::aws_escalation::{self, Powers};
use super::aws_policy::{Document, Gap};
use super::aws_privilege::{ADMINISTRATOR, ALL_BUT, IAM_ADMINISTRATOR, managed_grant, missing};
use super::fields::Unknown;
use super::stream::each_json;
use super::{ConnectError, Connector, Input};
use crate::kept::Kept;
use crate::record::{Grant, Harvest, Source};

const CONNECTOR: Connector = Connector::AwsAuthorizationDetails;
const USERS: &str = "UserDetailList";
const ROLES: &str = "RoleDetailList";
const GROUPS: &str = "GroupDetailList";
const POLICIES: &str = "Policies";
/// The lists of the answer; recordings of the API wrap it in `data`.
const LISTS: &[&str] = &[USERS, ROLES, GROUPS, POLICIES, "data"];

/// The members of users, roles and groups.
const KNOWN: &[&str] = &[
    "Arn",
    "AssumeRolePolicyDocument",
    "AttachedManagedPolicies",
    "CreateDate",
    "Description",
    "GroupId",
    "GroupList",
    "GroupName",
    "GroupPolicyList",
    "InstanceProfileList",
    "MaxSessionDuration",
    "Path",
    "PermissionsBoundary",
    "RoleId",
    "RoleLastUsed",
    "RoleName",
    "RolePolicyList",
    "Tags",
    "UserId",
    "UserName",
    "UserPolicyList",
];
/// The members of managed policies.
const KNOWN_OF_POLICIES: &[&str] = &[
    "Arn",
    "AttachmentCount",
    "CreateDate",
    "DefaultVersionId",
    "Description",
    "IsAttachable",
    "Path",
    "PermissionsBoundaryUsageCount",
    "PolicyId",
    "PolicyName",
    "PolicyVersionList",
    "UpdateDate",
];

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
struct ManagedPolicy {
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

/// What a policy allows, without its document.
#[derive(Clone, Default)]
struct Allowed {
    /// Empty where the export leaves the document out.
    grants: Vec<Grant>,
    roles: Vec<String>,
    powers: Powers,
    /// The document could be read only in part or not at all.
    is_unreadable: bool,
}

/// A user, role or group until the policies are known, which come last in an export: what its inline
/// policies allow, and the names of the rest.
#[derive(Default)]
struct Draft {
    grants: Vec<Grant>,
    roles: Vec<String>,
    /// Of inline policies, by name.
    powers: Vec<(String, Powers)>,
    attached: Vec<Policy>,
    boundary: Option<Policy>,
    groups: Vec<String>,
}

/// A managed policy by its number in [`Account::policies`], and its name.
struct Policy {
    number: usize,
    name: String,
    /// AWS's own, so that the name says what it allows. Anybody can give these names to a policy of
    /// their own.
    is_of_aws: bool,
}

fn is_of_aws(arn: &str) -> bool {
    let mut parts = arn.splitn(6, ':').skip(2);
    parts.next() == Some("iam")
        && parts.nth(1) == Some("aws")
        && parts.next().is_some_and(|rest| rest.starts_with("policy/"))
}

/// What all pages together say.
#[derive(Default)]
struct Account {
    numbers: BTreeMap<String, usize>,
    policies: Vec<Allowed>,
    /// By account and name: groups of one account, whatever their path.
    groups: BTreeMap<(String, String), Draft>,
    /// Users and roles: what they are by themselves, and what they hold.
    drafts: Vec<(Kept, Draft)>,
}

impl Account {
    fn number(&mut self, arn: String) -> usize {
        let next = self.numbers.len();
        let number = *self.numbers.entry(arn).or_insert(next);
        if number == next {
            self.policies.push(Allowed::default());
        }
        number
    }

    /// Takes a managed policy in; whether its document could be read.
    fn add_policy(&mut self, policy: ManagedPolicy) -> bool {
        let is_default = |version: &&Version| {
            version.is_default_version || version.version_id == policy.default_version_id
        };
        let Some(version) = policy.policy_version_list.iter().find(is_default) else {
            // Counted where the policy is attached.
            return true;
        };
        if version.document.gap == Gap::Missing {
            return true;
        }
        let is_unreadable = version.document.gap == Gap::Unreadable;
        let name = Arn::parse(&policy.arn).map_or("", |arn| arn.name());
        let mut grants = version.document.grants(name);
        // The names of AWS's own policies say what they are.
        if is_of_aws(&policy.arn) && !is_unreadable {
            grants.iter_mut().for_each(|grant| grant.rule = None);
            grants.dedup();
        }
        let allowed = Allowed {
            grants,
            roles: version.document.assumable_roles(),
            powers: Powers::of(&version.document),
            is_unreadable,
        };
        let number = self.number(policy.arn);
        self.policies[number] = allowed;
        !is_unreadable
    }

    /// The draft of an entry, and the inline policies of it that can't be read.
    fn draft(&mut self, entry: &mut Entry) -> (Draft, Vec<String>) {
        let mut draft = Draft {
            groups: std::mem::take(&mut entry.group_list),
            ..Draft::default()
        };
        for attached in std::mem::take(&mut entry.attached_managed_policies) {
            draft.attached.push(Policy {
                is_of_aws: is_of_aws(&attached.policy_arn),
                number: self.number(attached.policy_arn),
                name: attached.policy_name,
            });
        }
        if let Some(boundary) = entry.permissions_boundary.take() {
            let arn = boundary.permissions_boundary_arn;
            let name = Arn::parse(&arn).map_or("", |arn| arn.name()).to_owned();
            draft.boundary = Some(Policy {
                is_of_aws: is_of_aws(&arn),
                number: self.number(arn),
                name,
            });
        }
        let inline = [
            &entry.user_policy_list,
            &entry.role_policy_list,
            &entry.group_policy_list,
        ];
        let mut unreadable = Vec::new();
        for inline in inline.into_iter().flatten() {
            let document = &inline.policy_document;
            if document.gap != Gap::Closed {
                unreadable.push(inline.policy_name.clone());
            }
            draft.grants.extend(document.grants(&inline.policy_name));
            draft.roles.extend(document.assumable_roles());
            let powers = Powers::of(document);
            if !powers.is_empty() {
                draft.powers.push((inline.policy_name.clone(), powers));
            }
        }
        (draft, unreadable)
    }

    /// What a policy grants; of AWS's own by its name where its document is not in the export. Empty when
    /// nothing is known.
    fn grants(&self, policy: &Policy) -> Vec<Grant> {
        let known = self.policies.get(policy.number).map(|known| &known.grants);
        match known.filter(|grants| !grants.is_empty()) {
            Some(grants) => grants
                .iter()
                .map(|grant| Grant {
                    name: policy.name.clone(),
                    ..grant.clone()
                })
                .collect(),
            None if policy.is_of_aws => managed_grant(&policy.name).into_iter().collect(),
            None => Vec::new(),
        }
    }

    /// What a boundary leaves. Of a document that is not there or not readable it is not known what it
    /// takes away, so it takes nothing.
    fn boundary(&self, policy: &Policy) -> Option<Grant> {
        let known = self.policies.get(policy.number);
        if known.is_some_and(|known| known.is_unreadable) {
            return None;
        }
        self.grants(policy).into_iter().next()
    }

    /// All that a draft was granted, its groups not counted; `unknown` collects the policies without a
    /// document.
    fn granted(&self, draft: &mut Draft, unknown: &mut BTreeSet<String>) {
        for policy in &draft.attached {
            let mut grants = self.grants(policy);
            if grants.is_empty() {
                unknown.insert(policy.name.clone());
                grants.push(missing(&policy.name));
            }
            draft.grants.extend(grants);
            let Some(allowed) = self.policies.get(policy.number) else {
                continue;
            };
            draft.roles.extend(allowed.roles.iter().cloned());
            if !allowed.powers.is_empty() {
                draft
                    .powers
                    .push((policy.name.clone(), allowed.powers.clone()));
            }
        }
    }
}

/// What the policies of an identity amount to together. Beside full control it needs no mention.
fn together(draft: &Draft) -> Vec<Grant> {
    let full = [ADMINISTRATOR, IAM_ADMINISTRATOR, ALL_BUT];
    let controls_all = draft
        .grants
        .iter()
        .any(|grant| grant.tier == 0 && grant.rule.is_none_or(|rule| full.contains(&rule)));
    if controls_all || draft.powers.is_empty() {
        return Vec::new();
    }
    let policies: Vec<(&str, &Powers)> = draft
        .powers
        .iter()
        .map(|(name, powers)| (name.as_str(), powers))
        .collect();
    aws_escalation::grants(&policies)
}

pub(super) fn connect(
    source: &Source,
    inputs: &[Input],
    harvest: &mut Harvest,
) -> Result<(), ConnectError> {
    let mut account = Account::default();
    let mut unknown = Unknown::default();
    let mut pages = Pages::default();
    for input in inputs {
        let seen = each_json(input, CONNECTOR, LISTS, &mut |item| {
            if item.list.is_empty() {
                pages.note(&item.value);
            }
            match item.list {
                POLICIES => unknown.note(&item.value, KNOWN_OF_POLICIES),
                "" => {}
                _ => unknown.note(&item.value, KNOWN),
            }
            let left_out = |error: serde_json::Error| format!("{}: left out: {error}", item.place);
            let read = match item.list {
                POLICIES => serde_json::from_value(item.value).map(|policy: ManagedPolicy| {
                    let name = policy.arn.clone();
                    let is_read = account.add_policy(policy);
                    (!is_read).then_some(name).into_iter().collect()
                }),
                GROUPS => {
                    serde_json::from_value(item.value).map(|group| add_group(&mut account, group))
                }
                USERS | ROLES => serde_json::from_value(item.value)
                    .map(|entry| add_entry(source, &mut account, entry, harvest)),
                _ => Ok(Vec::new()),
            };
            match read.map_err(left_out) {
                Ok(unreadable) => {
                    for name in unreadable {
                        harvest.warn(
                            source,
                            format!(
                                "{}: the document of policy {} can't be read, so it counts as level write, tier 1",
                                item.place,
                                crate::text::printable(&name, 120)
                            ),
                        );
                    }
                }
                Err(warning) => {
                    harvest.incomplete(source);
                    harvest.warn(source, warning);
                }
            }
            Ok(())
        })?;
        if !seen.lists.iter().any(|list| LISTS.contains(&list.as_str())) {
            return Err(ConnectError::nothing(
                input,
                CONNECTOR,
                "UserDetailList, RoleDetailList, GroupDetailList or Policies",
            ));
        }
    }
    finish(source, account, harvest);
    pages.settle(source, harvest);
    unknown.warn(source, harvest);
    Ok(())
}

fn add_group(account: &mut Account, mut group: Entry) -> Vec<String> {
    let of = Arn::parse(&group.arn)
        .map_or("", |arn| arn.account)
        .to_owned();
    let (draft, unreadable) = account.draft(&mut group);
    account.groups.insert((of, group.group_name), draft);
    unreadable
}

fn add_entry(
    source: &Source,
    account: &mut Account,
    mut entry: Entry,
    harvest: &mut Harvest,
) -> Vec<String> {
    let created = ms(entry.create_date.as_ref());
    let principal_id = entry.user_id.as_deref().or(entry.role_id.as_deref());
    let principal = Principal {
        arn: &entry.arn,
        principal_id,
        created,
        tags: &entry.tags,
    };
    let Some(mut record) = frame(source, &principal, harvest) else {
        return Vec::new();
    };
    let trust = entry.assume_role_policy_document.trust();
    trust.warn(&entry.arn, source, harvest);
    let facts = &mut record.facts;
    facts.assumable_by = trust.assumable_by;
    facts.workloads = trust.workloads;
    facts.unconditioned_trust = trust.unconditioned;
    facts.purpose = entry.description.take().filter(|text| !text.is_empty());
    if entry.role_id.is_some() {
        facts.last_seen = RoleLastUsed::last_seen(entry.role_last_used.as_ref(), source, created);
    }
    let (draft, unreadable) = account.draft(&mut entry);
    let last = account.drafts.last().map(|(kept, _)| &kept.source);
    let kept = Kept::new(&record, last);
    account.drafts.push((kept, draft));
    unreadable
}

/// Everything was read: what groups and managed policies grant is known.
fn finish(source: &Source, mut account: Account, harvest: &mut Harvest) {
    let mut groups = std::mem::take(&mut account.groups);
    let mut unknown = BTreeSet::new();
    for ((_, name), group) in &mut groups {
        account.granted(group, &mut unknown);
        let grants = group.grants.iter_mut().map(|grant| &mut grant.name);
        for policy in grants.chain(group.powers.iter_mut().map(|(policy, _)| policy)) {
            *policy = format!("{policy} (group {name})");
        }
    }
    for (kept, mut draft) in std::mem::take(&mut account.drafts) {
        account.granted(&mut draft, &mut unknown);
        let mut record = kept.open();
        let arn = record
            .aliases
            .first()
            .map_or("", |alias| alias.value.as_str());
        let of = Arn::parse(arn).map_or("", |arn| arn.account);
        let mut missing = Vec::new();
        for group in std::mem::take(&mut draft.groups) {
            match groups.get(&(of.to_owned(), group.clone())) {
                Some(known) => {
                    draft.grants.extend(known.grants.iter().cloned());
                    draft.roles.extend(known.roles.iter().cloned());
                    draft.powers.extend(known.powers.iter().cloned());
                }
                None => missing.push(format!(
                    "{}: group {} is not in the export",
                    crate::text::printable(arn, 120),
                    crate::text::printable(&group, 80)
                )),
            }
        }
        for warning in missing {
            harvest.warn(source, warning);
        }
        draft.grants.extend(together(&draft));
        draft.grants.sort();
        draft.grants.dedup();
        draft.roles.sort();
        draft.roles.dedup();
        let facts = &mut record.facts;
        facts.grants = draft.grants;
        facts.can_assume = draft.roles;
        facts.boundary = draft
            .boundary
            .and_then(|boundary| account.boundary(&boundary));
        harvest.add(record);
    }
    if let Some(first) = unknown.first() {
        harvest.warn(
            source,
            format!(
                "the export holds no document of {} attached policies (first {}); each counts as level write, tier 1: make the export again without --filter",
                unknown.len(),
                crate::text::printable(first, 120)
            ),
        );
    }
}

#[cfg(test)]
mod tests;
