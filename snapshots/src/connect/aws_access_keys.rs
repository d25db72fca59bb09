//! `aws iam list-access-keys`: the ids, ages and states of access keys. Entries are found at any
//! depth, so the answers for many users may stand in one file.

use enrich_core::KeyType;
use enrich_core::vocabulary::CredentialStatus;
use serde::Deserialize;
use serde_json::Value;

use super::aws::{AwsTime, KEY_TRACKING_MS, at, local_user, ms, never_since};
use super::stream::each_json;
use super::{ConnectError, Connector, Input};
use crate::model::{Credential, Time};
use crate::record::{Harvest, Record, Source};

const CONNECTOR: Connector = Connector::AwsAccessKeys;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    access_key_id: String,
    user_name: String,
    status: Option<String>,
    create_date: Option<AwsTime>,
    /// `GetAccessKeyLastUsed` beside it: absent is not asked, null is "not since recording began".
    last_used_date: Option<Value>,
}

pub(super) fn connect(
    source: &Source,
    inputs: &[Input],
    harvest: &mut Harvest,
) -> Result<(), ConnectError> {
    for input in inputs {
        let mut found = false;
        let seen = each_json(
            input,
            CONNECTOR,
            &["AccessKeyMetadata", "data"],
            &mut |item| {
                let mut entries = Vec::new();
                collect(&item.value, None, 0, &mut entries);
                found |= !entries.is_empty();
                for (value, arn) in entries {
                    // A null is a statement here, so it is told from an absent member.
                    let asked = value.get("LastUsedDate").is_some();
                    match Entry::deserialize(value) {
                        Ok(entry) => key(source, &entry, asked, arn, harvest)?,
                        Err(error) => harvest.warn(
                            source,
                            format!("{}: an entry is left out: {error}", item.place),
                        ),
                    }
                }
                Ok(())
            },
        )?;
        if !found && !seen.lists.contains("AccessKeyMetadata") {
            return Err(ConnectError::nothing(input, CONNECTOR, "AccessKeyMetadata"));
        }
    }
    Ok(())
}

type Found<'v> = (&'v Value, Option<&'v str>);

/// Entries with the user ARN under which they stand, where a document groups them so.
fn collect<'v>(value: &'v Value, arn: Option<&'v str>, depth: usize, entries: &mut Vec<Found<'v>>) {
    if depth > 64 {
        return;
    }
    match value {
        Value::Object(map) => {
            if map.contains_key("AccessKeyId") && map.contains_key("UserName") {
                // An answer that carries the secret (CreateAccessKey) is read for its id alone.
                entries.push((value, arn));
                return;
            }
            for (name, inner) in map {
                let arn = if name.starts_with("arn:") && name.contains(":user/") {
                    Some(name.as_str())
                } else {
                    arn
                };
                collect(inner, arn, depth + 1, entries);
            }
        }
        Value::Array(items) => {
            for inner in items {
                collect(inner, arn, depth + 1, entries);
            }
        }
        _ => {}
    }
}

fn key(
    source: &Source,
    entry: &Entry,
    asked: bool,
    arn: Option<&str>,
    harvest: &mut Harvest,
) -> Result<(), ConnectError> {
    let mut record = Record::new(source, None);
    match (arn, &source.domain) {
        (Some(arn), _) => {
            if let Err(refusal) = record.add_key(KeyType::AwsArn, "", arn, None) {
                harvest.warn(source, refusal.to_string());
            }
        }
        // User names are unique inside an account, whatever their path.
        (None, Some(account)) => record.local_name = Some(local_user(account, &entry.user_name)),
        (None, None) => {
            return Err(ConnectError::Domain {
                source_name: source.name.clone(),
                connector: CONNECTOR.as_str(),
                what: "account",
            });
        }
    }
    // The log shows the id, so it also leads to the identity; it is never given again.
    if let Err(refusal) = record.add_key(KeyType::AwsAccessKeyId, "", &entry.access_key_id, None) {
        harvest.warn(
            source,
            format!(
                "access key of user {}: {refusal}",
                crate::text::printable(&entry.user_name, 80)
            ),
        );
        return Ok(());
    }
    let created = ms(entry.create_date.as_ref());
    let used = entry
        .last_used_date
        .as_ref()
        .and_then(|value| AwsTime::deserialize(value).ok())
        .and_then(|time| time.ms());
    let credential = Credential {
        uid: entry.access_key_id.clone(),
        credential_type: "access_key".to_owned(),
        created: at(created),
        last_rotated: at(created),
        expires: Time::Never,
        last_used: match used {
            Some(used) => Time::At(used),
            None if asked => never_since(KEY_TRACKING_MS, created),
            None => Time::Unknown,
        },
        status: match entry.status.as_deref() {
            Some("Active") => CredentialStatus::Active,
            Some("Inactive") => CredentialStatus::Inactive,
            Some("Expired") => CredentialStatus::Expired,
            _ => CredentialStatus::Unknown,
        },
        secret_source: None,
        max_age_days: None,
    };
    if let Time::At(used) = credential.last_used {
        record.facts.last_seen = Time::At(used);
    }
    record.facts.credentials.push(credential);
    harvest.records.push(record);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, domain: Option<&str>) -> Result<Harvest, ConnectError> {
        let source = Source {
            name: "keys".to_owned(),
            rank: 0,
            observed_ms: 1_773_986_400_000,
            domain: domain.map(str::to_owned),
        };
        let mut harvest = Harvest::default();
        connect(
            &source,
            &[Input::memory("a.json".as_ref(), text.as_bytes())],
            &mut harvest,
        )
        .map(|()| harvest)
    }

    #[test]
    fn keys_meet_their_user_by_account_and_name() {
        let text = r#"{"AccessKeyMetadata":[{"UserName":"Ci","AccessKeyId":"AKIA4AAAA4AAAA4AAAA4","Status":"Active","CreateDate":"2024-02-01T00:00:00Z","LastUsedDate":null}]}"#;
        let harvest = load(text, Some("111122223333")).unwrap();
        let record = &harvest.records[0];
        assert_eq!(
            (record.uid.as_deref(), record.local_name.as_deref()),
            (None, Some("aws-user:111122223333/ci"))
        );
        assert_eq!(
            record.facts.credentials[0].last_used,
            Time::NeverSince(1_706_745_600_000)
        );
        assert!(matches!(load(text, None), Err(ConnectError::Domain { .. })));
    }

    #[test]
    fn a_last_use_that_was_not_asked_for_is_unknown() {
        let harvest = load(r#"{"AccessKeyMetadata":[{"UserName":"ci","AccessKeyId":"AKIA4AAAA4AAAA4AAAA4","Status":"Inactive"}]}"#, Some("1")).unwrap();
        assert_eq!(
            harvest.records[0].facts.credentials[0].last_used,
            Time::Unknown
        );
    }

    #[test]
    fn the_arn_above_an_entry_is_used() {
        let harvest = load(r#"{"arn:aws:iam::111122223333:user/x/ci":[{"UserName":"ci","AccessKeyId":"AKIA4AAAA4AAAA4AAAA4"}]}"#, None).unwrap();
        assert_eq!(
            crate::record::notation(&harvest.records[0].aliases[0]),
            "aws_arn:arn:aws:iam::111122223333:user/x/ci"
        );
    }

    #[test]
    fn a_secret_beside_the_id_goes_nowhere() {
        let text = r#"{"AccessKey":{"UserName":"ci","AccessKeyId":"AKIA4AAAA4AAAA4AAAA4","SecretAccessKey":"OVERWRITTEN","Status":"Active"}}"#;
        let harvest = load(text, Some("1")).unwrap();
        assert!(!format!("{harvest:?}").contains("OVERWRITTEN"));
    }
}
