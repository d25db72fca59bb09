//! Trust policies: who may become a role.

use serde_json::Value;

use super::aws::uid_of;
use super::aws_policy::{Document, Gap, Statement, texts};
use crate::record::{Harvest, Source};

/// What is said of a trust policy that is no document, or has a part that is none.
pub(super) const UNREADABLE: &str =
    "the trust policy, or a part of it, can't be read, so it counts as trust in everybody";

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

impl Document {
    /// Whom a trust policy lets in.
    pub(super) fn trust(&self) -> Trust {
        let mut trust = Trust::default();
        for statement in self.allowed() {
            statement.add_trust(&mut trust);
        }
        if self.gap == Gap::Unreadable {
            // It may let in anybody; whom it does is not known, so it is no consent to anything.
            trust.unconditioned.push(UNREADABLE.to_owned());
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

impl Trust {
    /// Tells of a trust policy that can't be read.
    pub(super) fn warn(&self, arn: &str, source: &Source, harvest: &mut Harvest) {
        if self.unconditioned.iter().any(|text| text == UNREADABLE) {
            let arn = crate::text::printable(arn, 120);
            harvest.warn(source, format!("{arn}: {UNREADABLE}"));
        }
    }
}

impl Statement {
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
}

/// `ORG/REPO` of a GitHub Actions subject.
fn github_repository(issuer: &str, subject: &str) -> Option<String> {
    let is_github = issuer.starts_with("token.actions.") || issuer.ends_with("/_services/token");
    is_github
        .then(|| crate::actions_subject::repository(subject))
        .flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
    fn a_trust_policy_that_cannot_be_read_is_not_the_same_as_none() {
        for document in [
            json!("{garbage"),
            json!({"Version": "2012-10-17"}),
            json!({"Statement": [{"Effect": "Allow", "Principal": {"AWS": "444455556666"}}, "torn"]}),
        ] {
            let trust = Document::from_value(&document).trust();
            assert_eq!(trust.unconditioned, [UNREADABLE], "{document}");
            assert!(!trust.assumable_by.contains(&"*".to_owned()), "no consent");
        }
        let closed = json!({"Statement": [{"Effect": "Deny", "Principal": "*"}]});
        assert_eq!(Document::from_value(&closed).trust(), Trust::default());
        assert_eq!(Document::from_value(&Value::Null).trust(), Trust::default());
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
}
