//! `aws secretsmanager list-secrets` and `describe-secret`: where secrets live, when they were replaced
//! and read. The values are neither in these answers nor looked at.
//!
//! A secret meets an identity by its tag `whose/identities`, or because a source says that a credential
//! lies in it (`secret_source`); never by its name.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::aws::{AwsTime, Tag, at, declared, entries, ms, text};
use super::fields::Unknown;
use super::stream::each_json;
use super::{ConnectError, Connector, Input};
use crate::model::Time;
use crate::record::{Harvest, Record, Source, StoredSecret};

const CONNECTOR: Connector = Connector::AwsSecrets;

/// What is read of a secret's description.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    #[serde(rename = "ARN")]
    arn: String,
    created_date: Option<AwsTime>,
    last_rotated_date: Option<AwsTime>,
    last_accessed_date: Option<AwsTime>,
    deleted_date: Option<AwsTime>,
    rotation_enabled: Option<bool>,
    rotation_rules: Option<Rules>,
    owning_service: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

/// The members of a secret's description.
const KNOWN: &[&str] = &[
    "ARN",
    "CreatedDate",
    "DeletedDate",
    "Description",
    "ExternalSecretRotationMetadata",
    "ExternalSecretRotationRoleArn",
    "KmsKeyId",
    "LastAccessedDate",
    "LastChangedDate",
    "LastRotatedDate",
    "Name",
    "NextRotationDate",
    "OwningService",
    "PrimaryRegion",
    "ReplicationStatus",
    "ResponseMetadata",
    "RotationEnabled",
    "RotationLambdaARN",
    "RotationRules",
    "SecretVersionsToStages",
    "Tags",
    "Type",
    "VersionIdsToStages",
];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Rules {
    automatically_after_days: Option<u16>,
}

fn is_entry(map: &Map<String, Value>) -> bool {
    text(map, "ARN").is_some_and(|arn| arn.contains(":secretsmanager:") && arn.contains(":secret:"))
        && map.contains_key("Name")
}

pub(super) fn connect(
    source: &Source,
    inputs: &[Input],
    harvest: &mut Harvest,
) -> Result<(), ConnectError> {
    let (mut unknown, mut others) = (Unknown::default(), BTreeSet::new());
    let (mut deleted, mut managed, mut with_value) = (0_u64, 0_u64, 0_u64);
    for input in inputs {
        let mut found = false;
        let seen = each_json(input, CONNECTOR, &["SecretList", "data"], &mut |item| {
            let at_hand = entries(&item.value, &is_entry);
            if at_hand.is_empty() && !item.list.is_empty() {
                unknown.entry();
            }
            for entry in at_hand {
                found = true;
                let has = |name: &str| entry.get(name).is_some();
                if has("SecretString") || has("SecretBinary") {
                    with_value += 1;
                    continue;
                }
                unknown.note(entry, KNOWN);
                if let Some(account) = other_account(source, entry) {
                    others.insert(account.to_owned());
                }
                match Entry::deserialize(entry) {
                    Ok(entry) if entry.deleted_date.is_some() => deleted += 1,
                    Ok(entry) => {
                        managed += u64::from(entry.owning_service.is_some());
                        add(source, &entry, harvest);
                    }
                    Err(error) => {
                        harvest.warn(source, format!("{}: left out: {error}", item.place))
                    }
                }
            }
            Ok(())
        })?;
        if !found && !seen.lists.contains("SecretList") {
            return Err(ConnectError::nothing(input, CONNECTOR, "SecretList"));
        }
    }
    for (what, count) in [
        (
            "answers of get-secret-value, which hold secrets, are left out; delete that file and export list-secrets",
            with_value,
        ),
        (
            "secrets that are scheduled for deletion are left out",
            deleted,
        ),
        ("secrets of AWS services, which rotate them", managed),
    ] {
        if count > 0 {
            harvest.warn(source, format!("{what}: {count}"));
        }
    }
    for account in others {
        harvest.warn(source, super::aws::another_account(source, &account));
    }
    unknown.warn(source, harvest);
    Ok(())
}

/// The account of a secret, when the configuration names another one.
fn other_account<'v>(source: &Source, entry: &'v Value) -> Option<&'v str> {
    let arn = entry.get("ARN").and_then(Value::as_str)?;
    let account = arn.split(':').nth(4)?;
    (source.domain.as_deref()? != account).then_some(account)
}

fn add(source: &Source, entry: &Entry, harvest: &mut Harvest) {
    let reference = format!("aws-secretsmanager:{}", entry.arn);
    for alias in declared(source, &entry.arn, &entry.tags, harvest) {
        let mut record = Record::new(source, None);
        record.aliases.push(alias);
        record.facts.secret_source = Some(reference.clone());
        harvest.records.push(record);
    }
    let created = ms(entry.created_date.as_ref());
    let secret = StoredSecret {
        last_read: match ms(entry.last_accessed_date.as_ref()) {
            Some(read) => Time::At(read),
            // The member is left out when nobody has read the secret.
            None => created.map_or(Time::Unknown, Time::NeverSince),
        },
        rotation_days: entry
            .rotation_rules
            .as_ref()
            .filter(|_| entry.rotation_enabled == Some(true))
            .and_then(|rules| rules.automatically_after_days),
        // LastChangedDate also moves when a tag is changed, so it does not count as a rotation.
        ..StoredSecret::new(
            source,
            at(created),
            at(ms(entry.last_rotated_date.as_ref())),
        )
    };
    harvest
        .stored_secrets
        .entry(reference.to_lowercase())
        .or_insert(secret);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::parse_time;

    fn load(text: &str, domain: Option<&str>) -> Result<Harvest, ConnectError> {
        let source = Source {
            name: "secrets".to_owned(),
            rank: 0,
            observed_ms: 0,
            domain: domain.map(str::to_owned),
        };
        let mut harvest = Harvest::default();
        let input = Input::memory("a.json".as_ref(), text.as_bytes());
        connect(&source, &[input], &mut harvest).map(|()| harvest)
    }

    const LIST: &str = r#"{"SecretList":[
        {"ARN":"arn:aws:secretsmanager:eu-central-1:111122223333:secret:erp/ledger-A1b2C3","Name":"erp/ledger","CreatedDate":"2024-01-02T00:00:00+00:00",
         "LastChangedDate":"2026-03-01T00:00:00+00:00","LastRotatedDate":"2026-02-01T00:00:00+00:00","LastAccessedDate":"2026-03-19T00:00:00+00:00",
         "NextRotationDate":"2026-05-01T23:59:59+00:00","RotationEnabled":true,"RotationRules":{"AutomaticallyAfterDays":30},
         "Tags":[{"Key":"whose/identities","Value":"aws_arn:arn:aws:iam::111122223333:user/svc/ledger"}],"SecretVersionsToStages":{"a":["AWSCURRENT"]}},
        {"ARN":"arn:aws:secretsmanager:eu-central-1:111122223333:secret:events!connection/x-A1b2C3","Name":"events!connection/x","OwningService":"events","CreatedDate":"2024-01-02T00:00:00Z"},
        {"ARN":"arn:aws:secretsmanager:eu-central-1:111122223333:secret:gone-A1b2C3","Name":"gone","DeletedDate":"2026-03-01T00:00:00Z"},
        {"ARN":"arn:aws:secretsmanager:eu-central-1:111122223333:secret:bad-A1b2C3","Name":"bad","SecretString":"OVERWRITTEN"}]}"#;

    #[test]
    fn a_secret_says_where_it_lives_and_whose_it_is() {
        let harvest = load(LIST, Some("111122223333")).unwrap();
        let arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:erp/ledger-A1b2C3";
        let stored = |arn: &str| {
            &harvest.stored_secrets[&format!("aws-secretsmanager:{arn}").to_lowercase()]
        };
        let ledger = stored(arn);
        let time = |text| Time::At(parse_time(text).unwrap());
        assert_eq!(
            (ledger.changed, ledger.last_read, ledger.rotation_days),
            (time("2026-02-01"), time("2026-03-19"), Some(30))
        );
        assert_eq!(
            harvest.records[0].facts.secret_source,
            Some(format!("aws-secretsmanager:{arn}"))
        );
        let never = stored(
            "arn:aws:secretsmanager:eu-central-1:111122223333:secret:events!connection/x-A1b2C3",
        );
        assert_eq!(never.changed, Time::Unknown);
        assert!(matches!(never.last_read, Time::NeverSince(_)));
        assert_eq!(harvest.stored_secrets.len(), 2);
        assert!(!format!("{harvest:?}").contains("OVERWRITTEN"));
        assert_eq!(harvest.warnings.len(), 3, "{:?}", harvest.warnings);
    }

    #[test]
    fn another_account_is_named_and_another_answer_refused() {
        let harvest = load(LIST, Some("444455556666")).unwrap();
        assert!(
            harvest.warnings[3]
                .contains("account 111122223333, the configuration names 444455556666")
        );
        assert!(load(r#"{"Users":[]}"#, None).is_err());
        assert!(load(r#"{"SecretList":[]}"#, None).is_ok());
    }
}
