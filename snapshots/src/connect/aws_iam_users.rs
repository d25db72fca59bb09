//! `aws iam list-users`, `list-roles`, `get-user`, `get-role`, and any JSON that holds their
//! entries at any depth: an object with an IAM `Arn` and a `UserId` or `RoleId` is one entry.

use serde::Deserialize;
use serde_json::Value;

use super::aws::{AwsTime, Pages, Principal, RoleLastUsed, Tag, frame, ms};
use super::aws_policy::Document;
use super::fields::Unknown;
use super::stream::each_json;
use super::{ConnectError, Connector, Input};
use crate::model::Time;
use crate::record::{Harvest, Source};

const CONNECTOR: Connector = Connector::AwsIamUsers;
/// The lists of the API's answers; recordings wrap an answer in `data`.
const LISTS: &[&str] = &["Users", "Roles", "data"];

/// The members of users and roles.
const KNOWN: &[&str] = &[
    "Arn",
    "AssumeRolePolicyDocument",
    "CreateDate",
    "Description",
    "MaxSessionDuration",
    "PasswordLastUsed",
    "Path",
    "PermissionsBoundary",
    "RoleId",
    "RoleLastUsed",
    "RoleName",
    "Tags",
    "UserId",
    "UserName",
];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    arn: String,
    user_id: Option<String>,
    role_id: Option<String>,
    create_date: Option<AwsTime>,
    password_last_used: Option<AwsTime>,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default)]
    assume_role_policy_document: Document,
    role_last_used: Option<RoleLastUsed>,
    description: Option<String>,
}

pub(super) fn connect(
    source: &Source,
    inputs: &[Input],
    harvest: &mut Harvest,
) -> Result<(), ConnectError> {
    let mut empty: Option<&Input> = None;
    let mut found = false;
    let mut unknown = Unknown::default();
    let mut pages = Pages::default();
    for input in inputs {
        let mut any = false;
        let seen = each_json(input, CONNECTOR, LISTS, &mut |item| {
            let mut entries = Vec::new();
            let mut is_list = matches!(item.list, "Users" | "Roles");
            collect(&item.value, 0, &mut entries, &mut is_list);
            any |= is_list;
            let before = harvest.records.len();
            // The CLI writes NextToken where it was told to stop early; the API says IsTruncated.
            pages.note(&item.value);
            if entries.is_empty() && !item.list.is_empty() {
                unknown.entry();
            }
            for entry in entries {
                any = true;
                unknown.note(entry, KNOWN);
                match Entry::deserialize(entry) {
                    Ok(entry) => harvest_entry(source, &entry, harvest),
                    Err(error) => {
                        harvest.incomplete(source);
                        harvest.warn(
                            source,
                            format!("{}: an entry is left out: {error}", item.place),
                        );
                    }
                }
            }
            if is_list {
                let records = harvest.records.get(before..).unwrap_or_default();
                harvest.coverage.list(source, records);
            }
            Ok(())
        })?;
        any |= ["Users", "Roles"]
            .iter()
            .any(|name| seen.lists.contains(*name));
        if any {
            found = true;
        } else {
            empty = empty.or(Some(input));
            harvest.warn(
                source,
                format!(
                    "{} holds no object with an IAM Arn and a UserId or RoleId",
                    input.path().display()
                ),
            );
        }
    }
    pages.settle(source, harvest);
    unknown.warn(source, harvest);
    match empty {
        // Folders of answers hold other answers as well; one file that holds nothing is a mistake.
        Some(input) if !found => Err(ConnectError::nothing(
            input,
            CONNECTOR,
            "object with an IAM Arn and a UserId or RoleId",
        )),
        _ => Ok(()),
    }
}

/// Deeper than any answer of the API; recursion stops there.
const MAX_DEPTH: usize = 64;

fn collect<'v>(value: &'v Value, depth: usize, entries: &mut Vec<&'v Value>, lists: &mut bool) {
    if depth > MAX_DEPTH {
        return;
    }
    match value {
        Value::Object(map) => {
            let arn = map
                .get("Arn")
                .and_then(Value::as_str)
                .is_some_and(|arn| arn.starts_with("arn:") && arn.contains(":iam::"));
            if arn && (map.contains_key("UserId") || map.contains_key("RoleId")) {
                entries.push(value);
                return;
            }
            *lists |= map
                .get("Users")
                .or_else(|| map.get("Roles"))
                .is_some_and(Value::is_array);
            for inner in map.values() {
                collect(inner, depth + 1, entries, lists);
            }
        }
        Value::Array(items) => {
            for inner in items {
                collect(inner, depth + 1, entries, lists);
            }
        }
        _ => {}
    }
}

fn harvest_entry(source: &Source, entry: &Entry, harvest: &mut Harvest) {
    let created = ms(entry.create_date.as_ref());
    let principal_id = entry.user_id.as_deref().or(entry.role_id.as_deref());
    let Some(mut record) = frame(
        source,
        &Principal {
            arn: &entry.arn,
            principal_id,
            created,
            tags: &entry.tags,
        },
        harvest,
    ) else {
        return;
    };
    let trust = entry.assume_role_policy_document.trust();
    trust.warn(&entry.arn, source, harvest);
    let facts = &mut record.facts;
    facts.assumable_by = trust.assumable_by;
    facts.workloads = trust.workloads;
    facts.unconditioned_trust = trust.unconditioned;
    facts.purpose = entry.description.clone().filter(|text| !text.is_empty());
    if entry.role_id.is_some() {
        facts.last_seen = RoleLastUsed::last_seen(entry.role_last_used.as_ref(), source, created);
    } else if let Some(used) = ms(entry.password_last_used.as_ref()) {
        // Its absence may mean that there is no password, so nothing is said then.
        facts.last_seen = Time::At(used);
    }
    harvest.records.push(record);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, domain: Option<&str>) -> Result<Harvest, ConnectError> {
        let source = Source {
            name: "aws".to_owned(),
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
    fn entries_are_found_at_any_depth() {
        for text in [
            r#"{"Users":[{"UserName":"a","UserId":"AIDA4AAAA4AAAA4AAAA","Arn":"arn:aws:iam::111122223333:user/x/a"}]}"#,
            r#"[{"UserId":"AIDA4AAAA4AAAA4AAAA","Arn":"arn:aws:iam::111122223333:user/x/a"}]"#,
            r#"{"data":{"User":{"UserId":"AIDA4AAAA4AAAA4AAAA","Arn":"arn:aws:iam::111122223333:user/x/a","CreateDate":{"__class__":"datetime","year":2020,"month":1,"day":2}}}}"#,
            r#"{"ANY":{"NAMES":[[{"UserId":"AIDA4AAAA4AAAA4AAAA","Arn":"arn:aws:iam::111122223333:user/x/a"}]]}}"#,
        ] {
            let harvest = load(text, None).unwrap();
            assert_eq!(harvest.records.len(), 1, "{text}");
            assert_eq!(
                harvest.records[0].uid.as_deref(),
                Some("aws:111122223333:user/x/a")
            );
            assert_eq!(harvest.records[0].aliases.len(), 2);
        }
    }

    #[test]
    fn a_masked_account_takes_the_configured_one() {
        let harvest = load(
            r#"[{"RoleId":"AROA4AAAA4AAAA4AAAA","Arn":"arn:aws:iam::aws:role/r"}]"#,
            Some("111122223333"),
        )
        .unwrap();
        assert_eq!(
            harvest.records[0].uid.as_deref(),
            Some("aws:111122223333:role/r")
        );
    }

    #[test]
    fn ids_that_are_none_are_left_out_with_a_warning() {
        let harvest = load(
            r#"[{"RoleId":"AROA4","Arn":"arn:aws:iam::1:role/r"}]"#,
            None,
        )
        .unwrap();
        assert_eq!(
            (harvest.records[0].aliases.len(), harvest.warnings.len()),
            (1, 1)
        );
    }

    #[test]
    fn sso_users_and_other_documents_are_no_entries() {
        assert!(
            load(
                r#"{"Users":[{"UserName":"a","UserId":"11111111-aaaa"}]}"#,
                None
            )
            .unwrap()
            .records
            .is_empty()
        );
        assert!(
            load(r#"{"Functions":[]}"#, None)
                .unwrap_err()
                .to_string()
                .contains("UserId or RoleId")
        );
    }
}
