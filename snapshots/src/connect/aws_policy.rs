//! IAM policy documents: what a permission policy allows, and whom a trust policy lets in.
//!
//! The level is an upper bound: conditions are not evaluated, and of denials only a blanket one
//! counts. The documents themselves never enter a snapshot.

use enrich_core::vocabulary::PrivilegeLevel;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::aws::{Arn, uid_of};
use crate::record::Grant;

/// A policy document, as an object or as the URL-encoded JSON text that the API returns.
#[derive(Clone, Debug, Default)]
pub(super) struct Document {
    statements: Vec<Statement>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Statement {
    #[serde(rename = "Effect", default)]
    effect: String,
    #[serde(rename = "Action", default)]
    action: Many,
    #[serde(rename = "NotAction", default)]
    not_action: Many,
    #[serde(rename = "Resource", default)]
    resource: Many,
    #[serde(rename = "NotResource", default)]
    not_resource: Many,
    #[serde(rename = "Principal", default)]
    principal: Value,
    #[serde(rename = "NotPrincipal", default)]
    not_principal: Value,
    #[serde(rename = "Condition", default)]
    condition: Value,
}

/// One or many texts.
#[derive(Clone, Debug, Default)]
struct Many(Vec<String>);

impl<'de> Deserialize<'de> for Many {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(texts(&Value::deserialize(deserializer)?)))
    }
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from_value(&Value::deserialize(deserializer)?))
    }
}

impl Document {
    /// Reads a document; what is none is an empty one, which allows nothing.
    pub(super) fn from_value(value: &Value) -> Self {
        let parsed;
        let value = if let Value::String(text) = value {
            parsed = serde_json::from_str::<Value>(text)
                .or_else(|_| serde_json::from_str(&percent_decoded(text)))
                .unwrap_or(Value::Null);
            &parsed
        } else {
            value
        };
        let statements = match value.get("Statement").unwrap_or(value) {
            Value::Array(items) => items.clone(),
            item @ Value::Object(_) => vec![item.clone()],
            _ => Vec::new(),
        };
        Self {
            statements: statements
                .into_iter()
                .filter_map(|item| serde_json::from_value(item).ok())
                .collect(),
        }
    }

    /// What the document allows.
    pub(super) fn grant(&self, name: &str) -> Grant {
        let denied = self.statements.iter().any(|s| {
            s.effect == "Deny"
                && s.condition.is_null()
                && covers_all(&s.action.0)
                && covers_all(&s.resource.0)
        });
        let allowed = self
            .statements
            .iter()
            .filter(|s| s.effect == "Allow" && !denied);
        allowed
            .map(|statement| statement.grant(name))
            .min()
            .unwrap_or_else(|| Grant::new(name, PrivilegeLevel::None, 3))
    }

    /// The roles that the document lets its holder assume, as uids; patterns are left out.
    pub(super) fn assumable_roles(&self) -> Vec<String> {
        let assume =
            |action: &String| crate::text::glob(&action.to_ascii_lowercase(), "sts:assumerole");
        let allowed = self
            .statements
            .iter()
            .filter(|s| s.effect == "Allow" && s.action.0.iter().any(assume));
        let named = allowed
            .flat_map(|s| &s.resource.0)
            .filter(|r| !r.contains(['*', '?', '$']));
        named
            .filter_map(|resource| {
                Arn::parse(resource)
                    .filter(|arn| arn.resource == "role")
                    .map(|arn| arn.uid(arn.account))
            })
            .collect()
    }

    /// Whom a trust policy lets in.
    pub(super) fn trust(&self) -> Trust {
        let mut trust = Trust::default();
        for statement in self.statements.iter().filter(|s| s.effect == "Allow") {
            statement.add_trust(&mut trust);
        }
        for list in [
            &mut trust.assumable_by,
            &mut trust.workloads,
            &mut trust.unconditioned,
        ] {
            list.sort();
            list.dedup();
        }
        trust
    }
}

/// Whom a trust policy lets in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Trust {
    /// uids, keys in KEY notation, or `*`.
    pub(super) assumable_by: Vec<String>,
    /// Workloads that the trust names: `github-actions:ORG/REPO`, `aws-service:ec2.amazonaws.com`.
    pub(super) workloads: Vec<String>,
    /// Trust that does not say who is meant, as evidence.
    pub(super) unconditioned: Vec<String>,
}

fn covers_all(patterns: &[String]) -> bool {
    patterns
        .iter()
        .any(|pattern| pattern == "*" || pattern == "*:*")
}

/// Actions with which an identity gives itself, or another, any permission.
const ESCALATIONS: &[&str] = &[
    "iam:addusertogroup",
    "iam:attachgrouppolicy",
    "iam:attachrolepolicy",
    "iam:attachuserpolicy",
    "iam:createaccesskey",
    "iam:createloginprofile",
    "iam:createpolicyversion",
    "iam:putgrouppolicy",
    "iam:putrolepolicy",
    "iam:putuserpolicy",
    "iam:setdefaultpolicyversion",
    "iam:updateassumerolepolicy",
    "iam:updateloginprofile",
    "organizations:*",
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
    "ssm:getparameters",
    "ssm:getparametersbypath",
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

impl Statement {
    fn grant(&self, name: &str) -> Grant {
        // Everything but some resources is everything; no resource at all is a resource policy.
        let everywhere = self.resource.0.is_empty()
            || !self.not_resource.0.is_empty()
            || self.resource.0.iter().any(|r| r == "*");
        let grant = |level, tier| Grant::new(name, level, tier);
        if !self.not_action.0.is_empty() {
            let keeps_iam = self
                .not_action
                .0
                .iter()
                .any(|action| matches!(action.to_ascii_lowercase().as_str(), "iam:*" | "*"));
            return match (everywhere, keeps_iam) {
                (true, false) => grant(PrivilegeLevel::Admin, 0),
                (true, true) => grant(PrivilegeLevel::Write, 1),
                (false, _) => grant(PrivilegeLevel::Write, 2),
            };
        }
        let actions = self
            .action
            .0
            .iter()
            .map(|action| action.to_ascii_lowercase());
        actions
            .map(|action| action_grant(name, &action, everywhere))
            .min()
            .unwrap_or_else(|| grant(PrivilegeLevel::None, 3))
    }

    fn add_trust(&self, trust: &mut Trust) {
        if !self.not_principal.is_null() {
            trust.assumable_by.push("*".to_owned());
            trust
                .unconditioned
                .push("trusts everybody but those in NotPrincipal".to_owned());
            return;
        }
        let groups = match &self.principal {
            Value::String(all) => vec![("AWS".to_owned(), vec![all.clone()])],
            Value::Object(map) => map
                .iter()
                .map(|(kind, value)| (kind.clone(), texts(value)))
                .collect(),
            _ => Vec::new(),
        };
        for (kind, names) in groups {
            for name in names {
                match kind.as_str() {
                    "AWS" => self.trust_aws(&name, trust),
                    "Service" => {
                        trust.workloads.push(format!("aws-service:{name}"));
                        trust.assumable_by.push(format!("aws_service:{name}"));
                    }
                    "Federated" => self.trust_federated(&name, trust),
                    _ => trust.assumable_by.push(name),
                }
            }
        }
    }

    fn trust_aws(&self, name: &str, trust: &mut Trust) {
        if name == "*" {
            trust.assumable_by.push("*".to_owned());
            if self
                .condition
                .as_object()
                .is_none_or(serde_json::Map::is_empty)
            {
                trust
                    .unconditioned
                    .push("trusts every AWS account (principal *) without a condition".to_owned());
            }
        } else if name.len() == 12 && name.bytes().all(|b| b.is_ascii_digit()) {
            trust.assumable_by.push(format!("aws:{name}:root"));
        } else if let Some(uid) = uid_of(name) {
            trust.assumable_by.push(uid);
        } else if !name.contains(':') && name.starts_with('A') {
            // AWS writes the id in place of the ARN once the trusted principal is deleted.
            trust.assumable_by.push(format!("aws_principal_id:{name}"));
        } else {
            trust.assumable_by.push(name.to_owned());
        }
    }

    fn trust_federated(&self, name: &str, trust: &mut Trust) {
        let Some(issuer) = name.split_once(":oidc-provider/").map(|(_, issuer)| issuer) else {
            trust.assumable_by.push(name.to_owned());
            return;
        };
        let subjects = self.condition_values(&format!("{issuer}:sub"));
        if subjects.is_empty() {
            trust.assumable_by.push(format!("oidc_subject@{issuer}:*"));
            trust.unconditioned.push(format!(
                "OIDC trust in {issuer} has no condition on {issuer}:sub"
            ));
        }
        for subject in subjects {
            if subject.trim_end_matches('*').trim_end_matches(':').len() <= "repo".len() {
                trust.unconditioned.push(format!(
                    "OIDC trust in {issuer} accepts the subject {subject}"
                ));
            }
            if let Some(repository) = github_repository(issuer, &subject) {
                trust.workloads.push(format!("github-actions:{repository}"));
            }
            trust
                .assumable_by
                .push(format!("oidc_subject@{issuer}:{subject}"));
        }
    }

    /// The values that a key is compared with for equality or likeness, whatever the operator's set prefix.
    fn condition_values(&self, key: &str) -> Vec<String> {
        let Some(operators) = self.condition.as_object() else {
            return Vec::new();
        };
        let positive = operators.iter().filter(|(operator, _)| {
            let operator = operator
                .rsplit(':')
                .next()
                .unwrap_or(operator)
                .trim_end_matches("IfExists");
            matches!(
                operator,
                "StringEquals" | "StringLike" | "StringEqualsIgnoreCase"
            )
        });
        let compared = positive
            .filter_map(|(_, keys)| keys.as_object())
            .flat_map(|keys| keys.iter());
        compared
            .filter(|(name, _)| name.eq_ignore_ascii_case(key))
            .flat_map(|(_, value)| texts(value))
            .collect()
    }
}

/// `ORG/REPO` of a GitHub Actions subject.
fn github_repository<'a>(issuer: &str, subject: &'a str) -> Option<&'a str> {
    if !issuer.starts_with("token.actions.githubusercontent.com") {
        return None;
    }
    let repository = subject.strip_prefix("repo:")?.split(':').next()?;
    repository.contains('/').then_some(repository)
}

fn action_grant(name: &str, action: &str, everywhere: bool) -> Grant {
    let grant = |level, tier| Grant::new(name, level, tier);
    if action == "*" || action == "*:*" {
        return if everywhere {
            grant(PrivilegeLevel::Admin, 0)
        } else {
            grant(PrivilegeLevel::Write, 2)
        };
    }
    let (service, verb) = action.split_once(':').unwrap_or((action, "*"));
    // A pattern such as iam:put* holds what it matches; a pattern such as iam:get* does not.
    let escalates = ESCALATIONS
        .iter()
        .any(|escalation| crate::text::glob(action, escalation));
    if escalates {
        return if everywhere {
            grant(PrivilegeLevel::Admin, 0)
        } else {
            grant(PrivilegeLevel::Admin, 1)
        };
    }
    let sensitive = SENSITIVE.contains(&service);
    let literal = verb.split(['*', '?']).next().unwrap_or("");
    let reads = READS.iter().any(|read| literal.starts_with(read))
        || action == "kms:decrypt"
        || action.starts_with("sts:get");
    if reads {
        let hands_out = SECRET_READS
            .iter()
            .any(|secret| crate::text::glob(action, secret));
        return grant(PrivilegeLevel::Read, if hands_out { 2 } else { 3 });
    }
    let whole_service = literal.is_empty() && everywhere;
    grant(
        PrivilegeLevel::Write,
        if everywhere && (sensitive || whole_service) {
            1
        } else {
            2
        },
    )
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

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let decoded = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match decoded {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn level(document: Value) -> (PrivilegeLevel, u8) {
        let grant = Document::from_value(&document).grant("p");
        (grant.level.0, grant.tier)
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
            (json!("not a document"), (None, 3)),
        ] {
            assert_eq!(level(document.clone()), expected, "{document}");
        }
    }

    #[test]
    fn trust_names_who_may_come_in() {
        let trust = Document::from_value(&json!({"Statement": [
            {"Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam::222233334444:root", "444455556666", "AROA4DELETED4DELETED"], "Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"},
            {"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole"},
            {"Effect": "Allow", "Principal": {"Federated": "arn:aws:iam::1:oidc-provider/token.actions.githubusercontent.com"}, "Action": "sts:AssumeRoleWithWebIdentity",
             "Condition": {"StringLike": {"token.actions.githubusercontent.com:sub": "repo:northwind/shop:ref:refs/heads/main"}}}
        ]}))
        .trust();
        assert_eq!(
            trust.assumable_by,
            [
                "aws:222233334444:root",
                "aws:444455556666:root",
                "aws_principal_id:AROA4DELETED4DELETED",
                "aws_service:ec2.amazonaws.com",
                "oidc_subject@token.actions.githubusercontent.com:repo:northwind/shop:ref:refs/heads/main",
            ]
        );
        assert_eq!(
            trust.workloads,
            [
                "aws-service:ec2.amazonaws.com",
                "github-actions:northwind/shop"
            ]
        );
        assert!(trust.unconditioned.is_empty());
    }

    #[test]
    fn trust_without_a_subject_is_reported() {
        let federated = |condition: Value| {
            let document = json!({"Statement": {"Effect": "Allow", "Principal": {"Federated": "arn:aws:iam::1:oidc-provider/token.actions.githubusercontent.com"}, "Condition": condition}});
            Document::from_value(&document).trust().unconditioned.len()
        };
        assert_eq!(
            federated(
                json!({"StringEquals": {"token.actions.githubusercontent.com:aud": "sts.amazonaws.com"}})
            ),
            1
        );
        assert_eq!(
            federated(json!({"StringLike": {"token.actions.githubusercontent.com:sub": "repo:*"}})),
            1
        );
        assert_eq!(
            federated(json!({"StringLike": {"token.actions.githubusercontent.com:sub": "*"}})),
            1
        );
        assert_eq!(
            federated(
                json!({"ForAnyValue:StringLike": {"token.actions.githubusercontent.com:sub": ["repo:northwind/*"]}})
            ),
            0
        );
        let everybody = Document::from_value(&json!({"Statement": {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}})).trust();
        assert_eq!(
            (everybody.assumable_by.len(), everybody.unconditioned.len()),
            (1, 1)
        );
    }

    #[test]
    fn named_roles_can_be_assumed() {
        let document = Document::from_value(&allow(
            json!("sts:AssumeRole"),
            "arn:aws:iam::222233334444:role/ops/deploy",
        ));
        assert_eq!(
            document.assumable_roles(),
            ["aws:222233334444:role/ops/deploy"]
        );
        assert!(
            Document::from_value(&allow(json!("sts:AssumeRole"), "*"))
                .assumable_roles()
                .is_empty()
        );
    }
}
