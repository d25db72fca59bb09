//! `aws iam list-access-keys` and `get-access-key-last-used`: the ids, ages, states and last uses of
//! access keys. Entries are found at any depth, so the answers for many users may stand in one file.

use std::collections::{BTreeMap, BTreeSet};

use enrich_core::KeyType;
use enrich_core::vocabulary::CredentialStatus;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::aws::{AwsTime, KEY_TRACKING_MS, at, local_user, ms, never_since};
use super::fields::Unknown;
use super::stream::each_json;
use super::{ConnectError, Connector, Input};
use crate::model::{Credential, Time};
use crate::record::{Harvest, Record, Source};

const CONNECTOR: Connector = Connector::AwsAccessKeys;

/// A key, or the answer of GetAccessKeyLastUsed about one.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    access_key_id: Option<String>,
    user_name: Option<String>,
    status: Option<Status>,
    create_date: Option<AwsTime>,
    /// Beside the key, as some tools put it there.
    last_used_date: Option<Value>,
    access_key_last_used: Option<LastUsed>,
}

/// The members of keys and of answers about them. A secret is never read.
const KNOWN: &[&str] = &[
    "AccessKeyId",
    "AccessKeyLastUsed",
    "CreateDate",
    "LastUsedDate",
    "LastUsedRegion",
    "LastUsedService",
    "ResponseMetadata",
    "SecretAccessKey",
    "Status",
    "UserName",
];

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LastUsed {
    last_used_date: Option<Value>,
    /// `N/A` when the key was not used.
    service_name: Option<String>,
}

/// A word, or the object around it that PowerShell writes.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Status {
    Word(String),
    Wrapped {
        #[serde(rename = "Value")]
        value: String,
    },
}

/// What is said about the last use of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    NotAsked,
    Never,
    At(i64),
}

fn is_entry(map: &Map<String, Value>) -> bool {
    map.contains_key("UserName")
        && (map.contains_key("AccessKeyId") || map.contains_key("AccessKeyLastUsed"))
        || map.contains_key("AccessKeyId") && map.contains_key("AccessKeyLastUsed")
}

/// What goes over the files of a source: an answer about a key that it does not name is of use when
/// the user turns out to have one key.
#[derive(Default)]
struct Keys {
    /// Places of records in the harvest, by local name of the user.
    by_user: BTreeMap<String, Vec<usize>>,
    unnamed: Vec<(String, Use)>,
}

pub(super) fn connect(
    source: &Source,
    inputs: &[Input],
    harvest: &mut Harvest,
) -> Result<(), ConnectError> {
    let mut keys = Keys::default();
    let mut unknown = Unknown::default();
    for input in inputs {
        let mut found = false;
        let lists = &["AccessKeyMetadata", "data"];
        let seen = each_json(input, CONNECTOR, lists, &mut |item| {
            let mut at_hand = Vec::new();
            collect(&item.value, &Above::default(), 0, &mut at_hand);
            found |= !at_hand.is_empty();
            if at_hand.is_empty() && !item.list.is_empty() {
                unknown.entry();
            }
            for (value, above) in at_hand {
                unknown.note(value, KNOWN);
                match Entry::deserialize(value) {
                    Ok(entry) => {
                        // A null is a statement here, so it is told from an absent member.
                        let asked = value.get("LastUsedDate").is_some();
                        key(source, entry, asked, above, &mut keys, harvest)?;
                    }
                    Err(error) => harvest.warn(
                        source,
                        format!("{}: an entry is left out: {error}", item.place),
                    ),
                }
            }
            Ok(())
        })?;
        if !found && !seen.lists.contains("AccessKeyMetadata") {
            return Err(ConnectError::nothing(input, CONNECTOR, "AccessKeyMetadata"));
        }
    }
    settle(source, keys, harvest);
    unknown.warn(source, harvest);
    Ok(())
}

/// Names of members above an entry that say what it belongs to.
#[derive(Clone, Copy, Default)]
struct Above<'v> {
    /// The user's ARN.
    arn: Option<&'v str>,
    /// The key's id.
    key: Option<&'v str>,
}

/// Entries with what the names above them say, where a document groups them so.
fn collect<'v>(
    value: &'v Value,
    above: &Above<'v>,
    depth: usize,
    found: &mut Vec<(&'v Value, Above<'v>)>,
) {
    if depth > 64 {
        return;
    }
    match value {
        // An answer that carries the secret (CreateAccessKey) is read for its id alone.
        Value::Object(map) if is_entry(map) => found.push((value, *above)),
        Value::Object(map) => {
            for (name, inner) in map {
                let mut above = *above;
                if name.starts_with("arn:") && name.contains(":user/") {
                    above.arn = Some(name);
                } else if name.starts_with("AKIA") {
                    above.key = Some(name);
                }
                collect(inner, &above, depth + 1, found);
            }
        }
        Value::Array(items) => {
            for inner in items {
                collect(inner, above, depth + 1, found);
            }
        }
        _ => {}
    }
}

fn key(
    source: &Source,
    entry: Entry,
    asked: bool,
    above: Above<'_>,
    keys: &mut Keys,
    harvest: &mut Harvest,
) -> Result<(), ConnectError> {
    let used = last_use(&entry, asked);
    let user = match (above.arn, entry.user_name.as_deref(), &source.domain) {
        (Some(_), ..) | (None, None, _) => None,
        // User names are unique inside an account, whatever their path.
        (None, Some(name), Some(account)) => Some(local_user(account, name)),
        (None, Some(_), None) => {
            return Err(ConnectError::Domain {
                source_name: source.name.clone(),
                connector: CONNECTOR.as_str(),
                what: "account",
            });
        }
    };
    let Some(id) = entry.access_key_id.as_deref().or(above.key) else {
        keys.unnamed.extend(user.map(|user| (user, used)));
        return Ok(());
    };
    let mut record = Record::new(source, None);
    if let Some(arn) = above.arn
        && let Err(refusal) = record.add_key(KeyType::AwsArn, "", arn, None)
    {
        harvest.warn(source, refusal.to_string());
    }
    // The log shows the id, so it also leads to the identity; it is never given again.
    if let Err(refusal) = record.add_key(KeyType::AwsAccessKeyId, "", id, None) {
        let name = entry.user_name.as_deref().unwrap_or("");
        harvest.warn(
            source,
            format!(
                "access key of user {}: {refusal}",
                crate::text::printable(name, 80)
            ),
        );
        return Ok(());
    }
    let created = ms(entry.create_date.as_ref());
    record.facts.credentials.push(Credential {
        uid: id.to_owned(),
        credential_type: "access_key".to_owned(),
        created: at(created),
        last_rotated: at(created),
        expires: Time::Never,
        last_used: Time::Unknown,
        status: match &entry.status {
            Some(Status::Word(word) | Status::Wrapped { value: word }) => match word.as_str() {
                "Active" => CredentialStatus::Active,
                "Inactive" => CredentialStatus::Inactive,
                "Expired" => CredentialStatus::Expired,
                _ => CredentialStatus::Unknown,
            },
            None => CredentialStatus::Unknown,
        },
        secret_source: None,
        max_age_days: None,
    });
    note_use(&mut record, used);
    if let Some(user) = user {
        let places = keys.by_user.entry(user.clone()).or_default();
        places.push(harvest.records.len());
        record.local_name = Some(user);
    }
    harvest.records.push(record);
    Ok(())
}

fn last_use(entry: &Entry, asked: bool) -> Use {
    let date = |value: &Option<Value>| {
        let time = value
            .as_ref()
            .and_then(|value| AwsTime::deserialize(value).ok());
        time.and_then(|time| time.ms())
    };
    let answer = entry.access_key_last_used.as_ref();
    let nested = answer.and_then(|used| date(&used.last_used_date));
    match nested.or_else(|| date(&entry.last_used_date)) {
        Some(used) => Use::At(used),
        // The command line leaves a null out; the service then reads N/A.
        None if asked || answer.is_some_and(|used| used.service_name.is_some()) => Use::Never,
        None => Use::NotAsked,
    }
}

/// Writes the last use of the one key of a record.
fn note_use(record: &mut Record, used: Use) {
    let Some(credential) = record.facts.credentials.first_mut() else {
        return;
    };
    let created = if let Time::At(created) = credential.created {
        Some(created)
    } else {
        None
    };
    match used {
        Use::At(used) => {
            credential.last_used = Time::At(used);
            record.facts.last_seen = Time::At(used);
        }
        Use::Never => credential.last_used = never_since(KEY_TRACKING_MS, created),
        Use::NotAsked => {}
    }
}

/// Answers that do not name their key: the user's only one, else a use of the user by some key.
fn settle(source: &Source, keys: Keys, harvest: &mut Harvest) {
    let mut vague = 0_u64;
    for (user, used) in keys.unnamed {
        let ids: BTreeSet<&str> = keys
            .by_user
            .get(&user)
            .into_iter()
            .flatten()
            .flat_map(|place| &harvest.records[*place].facts.credentials)
            .map(|credential| credential.uid.as_str())
            .collect();
        if ids.len() == 1
            && let Some(place) = keys.by_user.get(&user).and_then(|places| places.first())
        {
            note_use(&mut harvest.records[*place], used);
            continue;
        }
        vague += 1;
        if let Use::At(used) = used {
            let mut record = Record::new(source, None);
            record.local_name = Some(user);
            record.facts.last_seen = Time::At(used);
            harvest.records.push(record);
        }
    }
    if vague > 0 {
        harvest.warn(
            source,
            format!(
                "{vague} answers of get-access-key-last-used do not name their key, and their users have several or none here; put AccessKeyId beside each answer"
            ),
        );
    }
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
    fn answers_about_the_last_use_meet_their_key() {
        let ms = |text| crate::text::parse_time(text).unwrap();
        let list = r#"{"AccessKeyMetadata":[{"UserName":"ci","AccessKeyId":"AKIA4AAAA4AAAA4AAAA4","Status":"Active","CreateDate":"2024-02-01T00:00:00+00:00"}]}"#;
        let used = r#""UserName":"ci","AccessKeyLastUsed":{"LastUsedDate":"2026-03-19T10:00:00+00:00","ServiceName":"s3","Region":"eu-central-1"}"#;
        let never = r#""UserName":"ci","AccessKeyLastUsed":{"ServiceName":"N/A","Region":"N/A"}"#;
        let at = Time::At(ms("2026-03-19T10:00:00Z"));
        let since = Time::NeverSince(ms("2024-02-01"));
        for (answer, expected) in [
            (format!("{{{used}}}"), at),
            (format!("{{{never}}}"), since),
            (
                format!("{{\"AccessKeyId\":\"AKIA4AAAA4AAAA4AAAA4\",{used}}}"),
                at,
            ),
            (format!("{{\"AKIA4AAAA4AAAA4AAAA4\":{{{used}}}}}"), at),
        ] {
            let harvest = load(&format!("{list}\n{answer}"), Some("1")).unwrap();
            let uses: Vec<Time> = harvest
                .records
                .iter()
                .flat_map(|record| &record.facts.credentials)
                .map(|credential| credential.last_used)
                .collect();
            assert!(uses.contains(&expected), "{answer}: {uses:?}");
            assert!(harvest.warnings.is_empty(), "{:?}", harvest.warnings);
        }
    }

    #[test]
    fn an_answer_about_one_of_two_keys_is_a_use_of_the_user() {
        let text = r#"{"AccessKeyMetadata":[{"UserName":"ci","AccessKeyId":"AKIA4AAAA4AAAA4AAAA4"},{"UserName":"ci","AccessKeyId":"AKIA4AAAA4AAAA4AAAB4"}]}
            {"UserName":"ci","AccessKeyLastUsed":{"LastUsedDate":"2026-03-19T10:00:00Z","ServiceName":"s3","Region":"eu-central-1"}}"#;
        let harvest = load(text, Some("1")).unwrap();
        assert!(
            harvest
                .records
                .iter()
                .flat_map(|record| &record.facts.credentials)
                .all(|credential| credential.last_used == Time::Unknown)
        );
        let claim = harvest.records.last().unwrap();
        assert!(matches!(claim.facts.last_seen, Time::At(_)));
        assert_eq!(claim.local_name.as_deref(), Some("aws-user:1/ci"));
        assert!(harvest.warnings[0].contains("put AccessKeyId beside"));
    }

    #[test]
    fn powershell_writes_dates_and_words_in_its_own_way() {
        let text = r#"[{"UserName":"ci","AccessKeyId":"AKIA4AAAA4AAAA4AAAA4","Status":{"Value":"Active"},"CreateDate":"\/Date(1706745600000)\/"}]"#;
        let harvest = load(text, Some("1")).unwrap();
        let credential = &harvest.records[0].facts.credentials[0];
        assert_eq!(
            (credential.status, credential.created),
            (CredentialStatus::Active, Time::At(1_706_745_600_000))
        );
    }

    #[test]
    fn a_secret_beside_the_id_goes_nowhere() {
        let text = r#"{"AccessKey":{"UserName":"ci","AccessKeyId":"AKIA4AAAA4AAAA4AAAA4","SecretAccessKey":"OVERWRITTEN","Status":"Active"}}"#;
        let harvest = load(text, Some("1")).unwrap();
        assert!(!format!("{harvest:?}").contains("OVERWRITTEN"));
    }
}
