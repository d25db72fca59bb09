//! What a permission policy allows: level, tier, and the rules that say so.
//!
//! The level is an upper bound: conditions are not evaluated, and of denials only those count that
//! stand in the same document, without a condition and for every resource.

use std::sync::LazyLock;

use enrich_core::vocabulary::PrivilegeLevel;

use super::aws_policy::{Document, Gap, Statement};
use crate::record::Grant;
use crate::text::glob;

/// Actions with which an identity gives itself, or another, any permission: Rhino Security Labs' list
/// of 2018 with what was found since.
const ESCALATIONS: &[&str] = &[
    "iam:AddUserToGroup",
    "iam:AttachGroupPolicy",
    "iam:AttachRolePolicy",
    "iam:AttachUserPolicy",
    "iam:CreateAccessKey",
    "iam:CreateLoginProfile",
    "iam:CreatePolicyVersion",
    "iam:CreateServiceSpecificCredential",
    "iam:DeleteRolePermissionsBoundary",
    "iam:DeleteUserPermissionsBoundary",
    "iam:PutGroupPolicy",
    "iam:PutRolePermissionsBoundary",
    "iam:PutRolePolicy",
    "iam:PutUserPermissionsBoundary",
    "iam:PutUserPolicy",
    "iam:ResetServiceSpecificCredential",
    "iam:SetDefaultPolicyVersion",
    "iam:UpdateAssumeRolePolicy",
    "iam:UpdateLoginProfile",
    "iam:UpdateSAMLProvider",
    "identitystore:CreateGroupMembership",
    "organizations:*",
    "sso:AttachCustomerManagedPolicyReferenceToPermissionSet",
    "sso:AttachManagedPolicyToPermissionSet",
    "sso:CreateAccountAssignment",
    "sso:PutInlinePolicyToPermissionSet",
    "sts:AssumeRoot",
];

/// Those that make a credential: on the caller's own user they give nothing that it does not have.
const CREDENTIALS: &[&str] = &[
    "iam:createaccesskey",
    "iam:createloginprofile",
    "iam:createservicespecificcredential",
    "iam:resetservicespecificcredential",
    "iam:updateloginprofile",
];

/// Actions that put code or a session where another identity works, and so give its permissions.
const TAKEOVERS: &[&str] = &[
    "apprunner:UpdateService",
    "cloudformation:ExecuteChangeSet",
    "cloudformation:UpdateStack",
    "codebuild:StartBuild",
    "codebuild:StartBuildBatch",
    "codebuild:UpdateProject",
    "ec2-instance-connect:SendSSHPublicKey",
    "ec2-instance-connect:SendSerialConsoleSSHPublicKey",
    "ecs:ExecuteCommand",
    "eks:AssociateAccessPolicy",
    "glue:UpdateDevEndpoint",
    "glue:UpdateJob",
    "lambda:UpdateFunctionCode",
    "lambda:UpdateFunctionConfiguration",
    "s3:PutBucketPolicy",
    "sagemaker:CreatePresignedDomainUrl",
    "sagemaker:CreatePresignedNotebookInstanceUrl",
    "ssm:SendCommand",
    "ssm:StartSession",
    "states:UpdateStateMachine",
];

/// Services whose write actions reach secrets, keys or other identities.
const SENSITIVE: &[&str] = &[
    "iam",
    "kms",
    "organizations",
    "secretsmanager",
    "ssm",
    "sso",
    "sso-admin",
    "sts",
    "identitystore",
    "ram",
];

/// Reads that hand out secrets or data keys.
const SECRET_READS: &[&str] = &[
    "kms:decrypt",
    "secretsmanager:getsecretvalue",
    "secretsmanager:batchgetsecretvalue",
    "ssm:getparameter",
    "ssm:getparameterhistory",
    "ssm:getparameters",
    "ssm:getparametersbypath",
];

/// Reads of what people and customers keep in a service.
const DATA_READS: &[&str] = &[
    "athena:getqueryresults",
    "codecommit:getfile",
    "dynamodb:batchgetitem",
    "dynamodb:getitem",
    "dynamodb:query",
    "dynamodb:scan",
    "ebs:getsnapshotblock",
    "kinesis:getrecords",
    "lambda:getfunction",
    "redshift-data:getstatementresult",
    "s3:getobject",
];

/// First words of actions that change nothing.
const READS: &[&str] = &[
    "batchcheck",
    "batchdescribe",
    "batchget",
    "check",
    "describe",
    "detect",
    "discover",
    "download",
    "estimate",
    "filter",
    "get",
    "head",
    "list",
    "lookup",
    "preview",
    "query",
    "read",
    "scan",
    "search",
    "select",
    "simulate",
    "view",
];

/// The rules that are no single action, by name.
pub(super) const ADMINISTRATOR: &str = "administrator";
/// Everything but what a statement lists.
pub(super) const ALL_BUT: &str = "all-but-listed";
/// A pattern that holds many of [`ESCALATIONS`].
pub(super) const IAM_ADMINISTRATOR: &str = "iam-administrator";
const SERVICE_ADMINISTRATOR: &str = "service-administrator";
const SENSITIVE_WRITE: &str = "sensitive-write";
const PASS_ROLE: &str = "iam:PassRole";
const ASSUME_ANY: &str = "sts:AssumeRole-everywhere";
const SECRETS_READ: &str = "secrets-read";
const DATA_READ: &str = "data-read-everywhere";
/// Of such a policy nothing is known, and the privilege is an upper bound.
const MISSING: &str = "document missing";
const UNREADABLE: &str = "document unreadable";

/// More matches than this are one rule.
const NAMED: usize = 3;

/// In lower case, with the name in AWS's own writing.
type Table = LazyLock<Vec<(String, &'static str)>>;
static ESCALATION_TABLE: Table = LazyLock::new(|| lower(ESCALATIONS));
static TAKEOVER_TABLE: Table = LazyLock::new(|| lower(TAKEOVERS));

fn lower(names: &[&'static str]) -> Vec<(String, &'static str)> {
    names
        .iter()
        .map(|name| (name.to_ascii_lowercase(), *name))
        .collect()
}

/// The actions of a table that a pattern holds. A pattern such as `iam:put*` holds what it matches; a
/// pattern such as `iam:get*` does not.
fn held(pattern: &str, table: &Table) -> Vec<&'static str> {
    table
        .iter()
        .filter(|(action, _)| glob(pattern, action))
        .map(|(_, name)| *name)
        .collect()
}

/// What a statement or document grants, before it has a policy's name.
type Allowed = (u8, PrivilegeLevel, Option<&'static str>);

impl Document {
    /// What the document allows: one grant for each rule of its widest tier.
    pub(super) fn grants(&self, name: &str) -> Vec<Grant> {
        let denied = Denied::of(self);
        let mut found: Vec<Allowed> = self
            .allowed()
            .flat_map(|statement| statement.allows(&denied))
            .collect();
        match self.gap {
            Gap::Missing => found.push((1, PrivilegeLevel::Write, Some(MISSING))),
            Gap::Unreadable => found.push((1, PrivilegeLevel::Write, Some(UNREADABLE))),
            Gap::Closed => {}
        }
        let widest = |a: &Allowed, b: &Allowed| (a.0, b.1).cmp(&(b.0, a.1));
        found.sort_by(|a, b| {
            widest(a, b)
                .then(a.2.is_none().cmp(&b.2.is_none()))
                .then(a.2.cmp(&b.2))
        });
        let Some(&(tier, level, rule)) = found.first() else {
            return vec![Grant::new(name, PrivilegeLevel::None, 3)];
        };
        // What no rule explains needs no second mention beside one that does.
        found.retain(|allowed| {
            (allowed.0, allowed.1) == (tier, level) && (allowed.2.is_some() || rule.is_none())
        });
        found.dedup();
        found
            .into_iter()
            .map(|(tier, level, rule)| Grant::new(name, level, tier).by(rule))
            .collect()
    }
}

/// What the unconditional denials for every resource take away.
struct Denied {
    /// Patterns, in lower case.
    actions: Vec<String>,
    /// Everything but these, a list for each statement.
    all_but: Vec<Vec<String>>,
}

impl Denied {
    fn of(document: &Document) -> Self {
        let lower = |list: &[String]| -> Vec<String> {
            list.iter()
                .map(|action| action.to_ascii_lowercase())
                .collect()
        };
        let (mut actions, mut all_but) = (Vec::new(), Vec::new());
        for statement in document.denials() {
            actions.extend(lower(&statement.action.0));
            if !statement.not_action.0.is_empty() {
                all_but.push(lower(&statement.not_action.0));
            }
        }
        Self { actions, all_but }
    }

    /// Whether every action of a pattern is denied.
    fn covers(&self, pattern: &str) -> bool {
        let covered = |denied: &String| !denied.contains('?') && glob(denied, pattern);
        self.actions.iter().any(covered)
            || self
                .all_but
                .iter()
                .any(|kept| kept.iter().all(|kept| disjoint(kept, pattern)))
    }
}

/// Whether two patterns surely have no text in common.
fn disjoint(a: &str, b: &str) -> bool {
    let literal = |text: &str| -> usize { text.find(['*', '?']).unwrap_or(text.len()) };
    let (a, b) = (&a[..literal(a)], &b[..literal(b)]);
    !a.starts_with(b) && !b.starts_with(a)
}

/// Whether a resource pattern leaves nothing of its kind out: `*`, `arn:aws:s3:::*`,
/// `arn:aws:iam::*:role/*`.
fn is_everything(resource: &str) -> bool {
    let all = |text: &str| matches!(text, "*" | "*/*" | "*:*" | "**");
    let mut parts = resource.splitn(6, ':');
    let (Some(service), Some(rest)) = (parts.nth(2), parts.nth(2)) else {
        return all(resource);
    };
    // Buckets have no type in front of their name.
    let name = rest.split_once(['/', ':']).filter(|_| service != "s3");
    all(rest) || name.is_some_and(|(_, name)| all(name))
}

impl Statement {
    /// Everything but some resources is everything; no resource at all is a resource policy.
    pub(super) fn is_everywhere(&self) -> bool {
        self.resource.0.is_empty()
            || !self.not_resource.0.is_empty()
            || self
                .resource
                .0
                .iter()
                .any(|resource| is_everything(resource))
    }

    /// Only the caller's own user.
    fn is_own_user(&self) -> bool {
        !self.resource.0.is_empty()
            && self
                .resource
                .0
                .iter()
                .all(|resource| resource.ends_with("user/${aws:username}"))
    }

    fn allows(&self, denied: &Denied) -> Vec<Allowed> {
        let everywhere = self.is_everywhere();
        if !self.not_action.0.is_empty() {
            let kept =
                |action: &String| matches!(action.to_ascii_lowercase().as_str(), "iam:*" | "*");
            let keeps_iam = self.not_action.0.iter().any(kept) || denied.covers("iam:*");
            return vec![match (everywhere, keeps_iam) {
                (true, false) => (0, PrivilegeLevel::Admin, Some(ALL_BUT)),
                (true, true) => (1, PrivilegeLevel::Write, Some(ALL_BUT)),
                (false, _) => (2, PrivilegeLevel::Write, None),
            }];
        }
        let actions = self
            .action
            .0
            .iter()
            .map(|action| action.to_ascii_lowercase());
        actions
            .filter(|action| !denied.covers(action))
            .flat_map(|action| self.action_allows(&action, everywhere, denied))
            .collect()
    }

    fn action_allows(&self, action: &str, everywhere: bool, denied: &Denied) -> Vec<Allowed> {
        use PrivilegeLevel::{Admin, Read, Write};
        if action == "*" || action == "*:*" {
            return vec![match everywhere {
                true if denied.covers("iam:*") => (1, Write, Some(ALL_BUT)),
                true => (0, Admin, Some(ADMINISTRATOR)),
                false => (2, Write, None),
            }];
        }
        let mut escalations = held(action, &ESCALATION_TABLE);
        escalations.retain(|name| {
            let name = name.to_ascii_lowercase();
            let is_own = CREDENTIALS.contains(&name.as_str()) && self.is_own_user();
            !denied.covers(&name) && !is_own
        });
        if !escalations.is_empty() {
            if escalations.len() > NAMED {
                escalations = vec![IAM_ADMINISTRATOR];
            }
            let tier = u8::from(!everywhere);
            return escalations
                .into_iter()
                .map(|name| (tier, Admin, Some(name)))
                .collect();
        }
        let (service, verb) = action.split_once(':').unwrap_or((action, "*"));
        let literal = verb.split(['*', '?']).next().unwrap_or("");
        let reads = READS.iter().any(|read| literal.starts_with(read))
            || action == "kms:decrypt"
            || action.starts_with("sts:get");
        if reads {
            let hands_out = |list: &[&str]| list.iter().any(|read| glob(action, read));
            return vec![if hands_out(SECRET_READS) {
                (2, Read, Some(SECRETS_READ))
            } else if everywhere && hands_out(DATA_READS) {
                (2, Read, Some(DATA_READ))
            } else {
                (3, Read, None)
            }];
        }
        if !everywhere {
            return vec![(2, Write, None)];
        }
        let takeovers = held(action, &TAKEOVER_TABLE);
        let rules = match service {
            _ if literal.is_empty() => vec![SERVICE_ADMINISTRATOR],
            "iam" if glob(action, "iam:passrole") => vec![PASS_ROLE],
            "sts" if glob(action, "sts:assumerole") => vec![ASSUME_ANY],
            _ if takeovers.len() > NAMED => vec![SERVICE_ADMINISTRATOR],
            _ if !takeovers.is_empty() => takeovers,
            _ if SENSITIVE.contains(&service) => vec![SENSITIVE_WRITE],
            _ => return vec![(2, Write, None)],
        };
        rules
            .into_iter()
            .map(|rule| (1, Write, Some(rule)))
            .collect()
    }
}

/// What a policy counts as of which neither the document nor AWS's meaning of its name is known.
pub(super) fn missing(name: &str) -> Grant {
    Grant::new(name, PrivilegeLevel::Write, 1).by(Some(MISSING))
}

/// What an AWS managed policy allows whose document the export leaves out, from its name.
pub(super) fn managed_grant(name: &str) -> Option<Grant> {
    let grant = |level, tier| Some(Grant::new(name, level, tier));
    match name {
        "AdministratorAccess" | "IAMFullAccess" | "AWSOrganizationsFullAccess" => {
            grant(PrivilegeLevel::Admin, 0)
        }
        "PowerUserAccess"
        | "SystemAdministrator"
        | "AWSKeyManagementServicePowerUser"
        | "SecretsManagerReadWrite" => grant(PrivilegeLevel::Write, 1),
        "ReadOnlyAccess" => grant(PrivilegeLevel::Read, 2),
        "SecurityAudit" | "ViewOnlyAccess" | "Billing" => grant(PrivilegeLevel::Read, 3),
        _ if name.contains("ReadOnly") || name.ends_with("ReadAccess") => {
            grant(PrivilegeLevel::Read, 3)
        }
        _ if name.contains("FullAccess") || name.contains("PowerUser") => {
            grant(PrivilegeLevel::Write, 1)
        }
        _ if name.contains("BasicExecutionRole") => grant(PrivilegeLevel::Write, 3),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn level(document: Value) -> (PrivilegeLevel, u8) {
        let grants = Document::from_value(&document).grants("p");
        (grants[0].level.0, grants[0].tier)
    }

    fn allow(action: Value, resource: &str) -> Value {
        json!({"Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}]})
    }

    #[test]
    fn levels_follow_the_widest_statement() {
        use PrivilegeLevel::{Admin, None, Read, Write};
        for (document, expected) in [
            (allow(json!("*"), "*"), (Admin, 0)),
            (allow(json!("*"), "arn:aws:s3:::one"), (Write, 2)),
            (allow(json!("iam:*"), "*"), (Admin, 0)),
            (allow(json!("iam:Put*"), "*"), (Admin, 0)),
            (
                allow(json!("iam:PutRolePolicy"), "arn:aws:iam::1:role/x"),
                (Admin, 1),
            ),
            (allow(json!(["iam:GetRole", "iam:List*"]), "*"), (Read, 3)),
            (allow(json!("s3:*"), "*"), (Write, 1)),
            (allow(json!("s3:*"), "arn:aws:s3:::x"), (Write, 2)),
            (
                allow(json!(["s3:GetObject", "s3:PutObject"]), "arn:aws:s3:::x/*"),
                (Write, 2),
            ),
            (
                allow(json!("secretsmanager:GetSecretValue"), "*"),
                (Read, 2),
            ),
            (allow(json!("kms:Decrypt"), "*"), (Read, 2)),
            (
                json!({"Statement": {"Effect": "Allow", "NotAction": ["iam:*", "organizations:*"], "Resource": "*"}}),
                (Write, 1),
            ),
            (
                json!({"Statement": {"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}}),
                (Admin, 0),
            ),
            (
                json!({"Statement": {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}}),
                (None, 3),
            ),
            (
                json!({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}, {"Effect": "Deny", "Action": "*", "Resource": "*"}]}),
                (None, 3),
            ),
            (
                json!(
                    "%7B%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22iam%3A%2A%22%2C%22Resource%22%3A%22%2A%22%7D%5D%7D"
                ),
                (Admin, 0),
            ),
            (json!("not a document"), (Write, 1)),
        ] {
            assert_eq!(level(document.clone()), expected, "{document}");
        }
    }

    fn rules(document: Value) -> Vec<&'static str> {
        let grants = Document::from_value(&document).grants("p");
        grants.into_iter().filter_map(|grant| grant.rule).collect()
    }

    #[test]
    fn the_rules_that_decide_are_named() {
        for (document, expected) in [
            (allow(json!("*"), "*"), vec!["administrator"]),
            (
                allow(
                    json!(["iam:CreatePolicyVersion", "iam:attachrolepolicy", "s3:*"]),
                    "*",
                ),
                vec!["iam:AttachRolePolicy", "iam:CreatePolicyVersion"],
            ),
            (allow(json!("iam:*"), "*"), vec!["iam-administrator"]),
            (
                allow(json!("iam:PassRole"), "arn:aws:iam::*:role/*"),
                vec!["iam:PassRole"],
            ),
            (
                allow(json!("iam:PassRole"), "arn:aws:iam::1:role/one"),
                vec![],
            ),
            (
                allow(json!("sts:AssumeRole"), "*"),
                vec!["sts:AssumeRole-everywhere"],
            ),
            (
                allow(json!("lambda:Update*"), "*"),
                vec![
                    "lambda:UpdateFunctionCode",
                    "lambda:UpdateFunctionConfiguration",
                ],
            ),
            (allow(json!("ec2:*"), "*"), vec!["service-administrator"]),
            (
                allow(json!("kms:ScheduleKeyDeletion"), "*"),
                vec!["sensitive-write"],
            ),
            (
                allow(
                    json!("secretsmanager:GetSecretValue"),
                    "arn:aws:secretsmanager:eu-central-1:1:secret:a",
                ),
                vec!["secrets-read"],
            ),
            (
                allow(json!("s3:Get*"), "arn:aws:s3:::*/*"),
                vec!["data-read-everywhere"],
            ),
            (allow(json!("s3:GetObject"), "arn:aws:s3:::one/*"), vec![]),
            (allow(json!("ec2:RunInstances"), "*"), vec![]),
        ] {
            assert_eq!(rules(document.clone()), expected, "{document}");
        }
    }

    #[test]
    fn denials_for_everything_count_and_others_do_not() {
        use PrivilegeLevel::{Admin, Read, Write};
        let with_denial = |denial: Value| {
            let mut document = allow(json!(["iam:CreatePolicyVersion", "s3:GetObject"]), "*");
            document["Statement"].as_array_mut().unwrap().push(denial);
            level(document)
        };
        let deny = |more: Value| {
            let mut denial = json!({"Effect": "Deny", "Resource": "*"});
            denial
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            denial
        };
        assert_eq!(
            with_denial(deny(json!({"Action": "iam:Create*"}))),
            (Read, 2)
        );
        assert_eq!(
            with_denial(deny(json!({"NotAction": ["s3:*", "sts:*"]}))),
            (Read, 2)
        );
        assert_eq!(
            with_denial(deny(json!({"NotAction": ["iam:*"]}))),
            (Admin, 0)
        );
        let if_no_mfa = json!({"Action": "iam:*", "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "false"}}});
        assert_eq!(with_denial(deny(if_no_mfa)), (Admin, 0));
        assert_eq!(
            with_denial(deny(
                json!({"Action": "iam:*", "Resource": "arn:aws:iam::1:role/x"})
            )),
            (Admin, 0)
        );
        let mut all_but_iam = allow(json!("*"), "*");
        all_but_iam["Statement"]
            .as_array_mut()
            .unwrap()
            .push(deny(json!({"Action": "iam:*"})));
        assert_eq!(level(all_but_iam), (Write, 1));
    }

    #[test]
    fn a_user_may_change_its_own_keys() {
        let own = "arn:aws:iam::*:user/${aws:username}";
        assert_eq!(
            level(allow(
                json!(["iam:CreateAccessKey", "iam:UpdateLoginProfile"]),
                own
            )),
            (PrivilegeLevel::Write, 2)
        );
        assert_eq!(
            level(allow(json!("iam:PutUserPolicy"), own)),
            (PrivilegeLevel::Admin, 1)
        );
    }
}
