//! Secrets, certificates and federated credentials of applications and service principals. Of a secret
//! its id and its dates are read; its hint and its text never.

use std::collections::BTreeSet;

use enrich_core::KeyType;
use enrich_core::vocabulary::CredentialStatus;
use serde_json::Value;

use super::shape::{Object, id, objects, text};
use super::time;
use crate::actions_subject::{is_pattern, repository};
use crate::model::{Credential, Time};
use crate::record::{Harvest, Record, Source};

/// From this year on a date means that it never ends (9999-12-31).
const NO_END_MS: i64 = 253_370_764_800_000;

/// Adds the secrets and certificates of an object to its record.
pub(super) fn add(object: &Object, record: &mut Record, source: &Source, harvest: &mut Harvest) {
    let name = |key: &Object| text(key, "customKeyIdentifier").map(str::to_owned);
    let signs = |key: &&Object| text(key, "usage") == Some("Sign");
    // A certificate that signs SAML tokens stands here as well: once to sign, once to verify, and once
    // as the password of its private key. The principal does not sign in with it.
    let saml: BTreeSet<String> = objects(object, "keyCredentials")
        .filter(signs)
        .flat_map(|key| id(key, "keyId").into_iter().chain(name(key)))
        .collect();
    let of_saml = |key: &Object| {
        let known = id(key, "keyId").is_some_and(|id| saml.contains(&id));
        known || name(key).is_some_and(|name| saml.contains(&name))
    };
    let secrets = objects(object, "passwordCredentials")
        .filter(|key| !of_saml(key))
        .map(|key| (key, "secret"));
    let keys = objects(object, "keyCredentials").map(|key| {
        let word = if of_saml(key) {
            "saml_signing_certificate"
        } else if text(key, "type") == Some("Symmetric") {
            "key"
        } else {
            "certificate"
        };
        (key, word)
    });
    for (key, word) in secrets.chain(keys) {
        let Some(key_id) = id(key, "keyId") else {
            harvest.warn(
                source,
                format!("{}: a {word} without keyId is left out", who(object)),
            );
            continue;
        };
        if let Err(refusal) = record.add_key(KeyType::EntraKeyId, "", &key_id, None) {
            harvest.warn(source, format!("{}: {refusal}", who(object)));
        }
        record
            .facts
            .credentials
            .push(credential(key, &key_id, word, source));
    }
    for list in ["passwordCredentials", "keyCredentials"] {
        if object.get(list).is_some_and(is_flattened) {
            harvest.warn(
                source,
                format!(
                    "{}: {list} were cut off by PowerShell; export with ConvertTo-Json -Depth 6",
                    who(object)
                ),
            );
        }
    }
}

/// Beyond its depth `ConvertTo-Json` writes the name of the type in place of an object.
fn is_flattened(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => items.iter().any(Value::is_string),
        _ => false,
    }
}

pub(super) fn who(object: &Object) -> String {
    let name = text(object, "displayName").or_else(|| text(object, "id"));
    crate::text::printable(name.unwrap_or("an object without name"), 80)
}

fn credential(key: &Object, key_id: &str, word: &str, source: &Source) -> Credential {
    let start = time(key.get("startDateTime").or_else(|| key.get("startDate")));
    let end = time(key.get("endDateTime").or_else(|| key.get("endDate")));
    let now = source.observed_ms;
    Credential {
        uid: key_id.to_owned(),
        credential_type: word.to_owned(),
        created: start.map_or(Time::Unknown, Time::At),
        // A secret is never changed; a new one has an id of its own.
        last_rotated: start.map_or(Time::Unknown, Time::At),
        expires: match end {
            Some(end) if end >= NO_END_MS => Time::Never,
            Some(end) => Time::At(end),
            None => Time::Unknown,
        },
        last_used: Time::Unknown,
        status: match (start, end) {
            (_, Some(end)) if end <= now => CredentialStatus::Expired,
            (Some(start), _) if start > now => CredentialStatus::Inactive,
            (_, Some(_)) => CredentialStatus::Active,
            (_, None) => CredentialStatus::Unknown,
        },
        secret_source: None,
        max_age_days: None,
    }
}

/// A federated credential: tokens of which issuer and subject are let in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Federated {
    uid: String,
    issuer: String,
    /// The subjects, as patterns where the credential is a flexible one; none: any.
    subjects: Vec<String>,
}

impl Federated {
    pub(super) fn read(object: &Object) -> Option<Self> {
        let issuer = text(object, "issuer")?;
        let expression = match object.get("claimsMatchingExpression") {
            Some(Value::Object(expression)) => text(expression, "value"),
            Some(Value::String(expression)) => Some(expression.as_str()),
            _ => None,
        };
        let subjects = match (text(object, "subject"), expression) {
            (Some(subject), _) => vec![subject.to_owned()],
            (None, Some(expression)) => compared_subjects(expression),
            (None, None) => return None,
        };
        let uid = text(object, "id").or_else(|| text(object, "name"))?;
        Some(Self {
            // Azure puts the whole resource path in front.
            uid: uid.rsplit('/').next().unwrap_or(uid).to_owned(),
            issuer: enrich_core::key::issuer_domain(issuer).to_owned(),
            subjects,
        })
    }

    /// Adds the trust to a record.
    pub(super) fn add(&self, record: &mut Record) {
        let facts = &mut record.facts;
        let issuer = &self.issuer;
        facts.credentials.push(Credential {
            uid: self.uid.clone(),
            credential_type: "oidc".to_owned(),
            created: Time::Unknown,
            last_rotated: Time::Unknown,
            expires: Time::Never,
            last_used: Time::Unknown,
            status: CredentialStatus::Active,
            secret_source: None,
            max_age_days: None,
        });
        if self.subjects.is_empty() {
            facts.assumable_by.push(format!("oidc_subject@{issuer}:*"));
            facts.unconditioned_trust.push(format!(
                "federated credential {} accepts tokens of {issuer} without a condition on sub",
                self.uid
            ));
        }
        let is_entra = issuer.starts_with("login.microsoftonline.com/")
            || issuer.starts_with("sts.windows.net/");
        for subject in &self.subjects {
            // Of Entra itself the subject is the object id of a managed identity.
            facts.assumable_by.push(if is_entra {
                format!("entra_object_id:{}", subject.to_ascii_lowercase())
            } else {
                format!("oidc_subject@{issuer}:{subject}")
            });
            match github_repository(issuer, subject) {
                Some(repository) if !is_pattern(&repository) => {
                    facts.workloads.push(format!("github-actions:{repository}"))
                }
                _ if names_nobody(subject) => facts.unconditioned_trust.push(format!(
                    "federated credential {} accepts the subject {subject} of {issuer}",
                    self.uid
                )),
                _ => {}
            }
        }
    }
}

/// `ORG/REPO` of a subject of GitHub Actions.
fn github_repository(issuer: &str, subject: &str) -> Option<String> {
    let is_github = issuer.starts_with("token.actions.") || issuer.ends_with("/_services/token");
    is_github.then(|| repository(subject)).flatten()
}

/// Whether a pattern leaves the repository or project open: `*`, `repo:*`, `repo:org/*`.
fn names_nobody(subject: &str) -> bool {
    let Some(open) = subject.find(['*', '?']) else {
        return false;
    };
    // Letters behind the organisation's slash say at least something about the repository.
    match subject[..open].split_once('/') {
        Some((_, repository)) => repository.is_empty(),
        None => true,
    }
}

/// What an expression such as `claims['sub'] matches 'repo:org/app:ref:refs/heads/*'` compares the
/// subject with. An expression of another claim alone leaves the subject open.
fn compared_subjects(expression: &str) -> Vec<String> {
    let mut out = Vec::new();
    let parts = expression.split("claims[");
    for part in parts {
        let Some((claim, rest)) = part.split_once(']') else {
            continue;
        };
        if claim.trim().trim_matches(['\'', '"', '‘', '’']) != "sub" {
            continue;
        }
        let quoted = rest.split(['\'', '‘', '’']).nth(1);
        out.extend(quoted.map(str::to_owned));
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn source() -> Source {
        Source {
            name: "entra".to_owned(),
            rank: 0,
            observed_ms: 1_773_986_400_000,
            domain: None,
        }
    }

    fn read(value: &Value) -> (Record, Harvest) {
        let (mut record, mut harvest) = (Record::new(&source(), None), Harvest::default());
        let object = value.as_object().expect("an object");
        add(object, &mut record, &source(), &mut harvest);
        (record, harvest)
    }

    #[test]
    fn secrets_give_ids_and_dates_and_nothing_else() {
        let (record, _) = read(&json!({
            "passwordCredentials": [
                {"keyId": "7E57C0DE-0000-4000-8000-0000000000C1", "hint": "aB3", "secretText": "OVERWRITTEN",
                 "displayName": "ci", "startDateTime": "2024-12-17T09:00:00Z", "endDateTime": "2026-12-17T09:00:00Z"},
                {"keyId": "7e57c0de-0000-4000-8000-0000000000c2", "startDateTime": "/Date(1700000000000)/", "endDateTime": "/Date(1710000000000)/"}],
            "keyCredentials": [{"keyId": "7e57c0de-0000-4000-8000-0000000000c3", "type": "AsymmetricX509Cert", "usage": "Verify",
                 "startDateTime": "2026-01-01T00:00:00Z", "endDateTime": "9999-12-31T23:59:59Z", "key": null}],
        }));
        let credentials = &record.facts.credentials;
        assert_eq!(credentials[0].uid, "7e57c0de-0000-4000-8000-0000000000c1");
        assert_eq!(credentials[0].last_rotated, Time::At(1_734_426_000_000));
        assert_eq!(credentials[1].created, Time::At(1_700_000_000_000));
        assert_eq!(
            credentials
                .iter()
                .map(|c| (c.credential_type.as_str(), c.status))
                .collect::<Vec<_>>(),
            [
                ("secret", CredentialStatus::Active),
                ("secret", CredentialStatus::Expired),
                ("certificate", CredentialStatus::Active)
            ]
        );
        assert_eq!(credentials[2].expires, Time::Never);
        assert_eq!(record.aliases.len(), 3);
        let all = format!("{record:?}");
        assert!(!all.contains("aB3") && !all.contains("OVERWRITTEN"));
    }

    #[test]
    fn the_certificate_of_saml_is_no_way_to_sign_in() {
        let (record, _) = read(&json!({
            "keyCredentials": [
                {"keyId": "7e57c0de-0000-4000-8000-000000000001", "usage": "Sign", "type": "AsymmetricX509Cert", "customKeyIdentifier": "QUJD"},
                {"keyId": "7e57c0de-0000-4000-8000-000000000002", "usage": "Verify", "type": "AsymmetricX509Cert", "customKeyIdentifier": "QUJD"}],
            "passwordCredentials": [{"keyId": "7e57c0de-0000-4000-8000-000000000001", "customKeyIdentifier": "QUJD"}],
        }));
        assert_eq!(record.facts.credentials.len(), 2);
        assert!(
            record
                .facts
                .credentials
                .iter()
                .all(|c| c.credential_type == "saml_signing_certificate")
        );
    }

    #[test]
    fn what_powershell_cut_off_is_named() {
        let (record, harvest) = read(
            &json!({"displayName": "x", "passwordCredentials": ["Microsoft.Graph.PowerShell.Models.MicrosoftGraphPasswordCredential"]}),
        );
        assert!(record.facts.credentials.is_empty());
        assert!(harvest.warnings[0].contains("-Depth 6"));
    }

    fn trust(value: &Value) -> Record {
        let mut record = Record::new(&source(), None);
        let object = value.as_object().expect("an object");
        Federated::read(object)
            .expect("a federated credential")
            .add(&mut record);
        record
    }

    #[test]
    fn a_subject_that_names_a_repository_is_a_workload() {
        let record = trust(
            &json!({"id": "f1", "issuer": "https://token.actions.githubusercontent.com/",
            "subject": "repo:larkmoor/shop:ref:refs/heads/main"}),
        );
        assert_eq!(
            record.facts.assumable_by,
            [
                "oidc_subject@token.actions.githubusercontent.com:repo:larkmoor/shop:ref:refs/heads/main"
            ]
        );
        assert_eq!(record.facts.workloads, ["github-actions:larkmoor/shop"]);
        assert!(record.facts.unconditioned_trust.is_empty());
    }

    #[test]
    fn an_expression_may_leave_open_who_is_meant() {
        let with = |value: &str| {
            let record = trust(
                &json!({"id": "f", "issuer": "https://token.actions.githubusercontent.com",
                "subject": null, "claimsMatchingExpression": {"languageVersion": 1, "value": value}}),
            );
            record.facts.unconditioned_trust.len()
        };
        assert_eq!(with("claims['sub'] matches 'repo:larkmoor/*'"), 1);
        assert_eq!(with("claims['sub'] matches '*'"), 1);
        assert_eq!(with("claims['job_workflow_ref'] matches 'x/y/*'"), 1);
        assert_eq!(with("claims['sub'] matches 'repo:larkmoor/shop:*'"), 0);
        assert_eq!(
            with("claims['sub'] eq 'repo:larkmoor/shop:environment:prod'"),
            0
        );
    }

    #[test]
    fn a_managed_identity_comes_in_by_its_object_id() {
        let record = trust(
            &json!({"id": "f", "issuer": "https://login.microsoftonline.com/4d3bac44-0000-4000-8000-cc00736f0a97/v2.0",
            "subject": "D9DA5BF4-0000-4001-8000-123456789ABC"}),
        );
        assert_eq!(
            record.facts.assumable_by,
            ["entra_object_id:d9da5bf4-0000-4001-8000-123456789abc"]
        );
    }
}
