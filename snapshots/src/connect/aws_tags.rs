//! `aws resourcegroupstaggingapi get-resources`: tags by ARN.
//!
//! The API leaves out IAM users and roles (their tags come with the authorization details). What it
//! gives are the tags of accounts, and those of resources that name an identity in `whose/identities`;
//! lists of the same shape that other tools make may hold users and roles as well.

use enrich_core::KeyType;
use enrich_core::vocabulary::Provider;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::aws::{Arn, IDENTITIES, Tag, declared, entries, is_account, text};
use super::fields::Unknown;
use super::stream::each_json;
use super::{ConnectError, Connector, Input};
use crate::record::{DomainFacts, Harvest, Record, Source};

const CONNECTOR: Connector = Connector::AwsTags;

#[derive(Debug, Deserialize)]
struct Entry {
    #[serde(rename = "ResourceARN")]
    arn: String,
    #[serde(rename = "Tags", default)]
    tags: Vec<Tag>,
}

fn is_entry(map: &Map<String, Value>) -> bool {
    text(map, "ResourceARN").is_some_and(|arn| arn.starts_with("arn:"))
}

pub(super) fn connect(
    source: &Source,
    inputs: &[Input],
    harvest: &mut Harvest,
) -> Result<(), ConnectError> {
    let mut others = 0_u64;
    let mut unknown = Unknown::default();
    for input in inputs {
        let mut found = false;
        let lists = &["ResourceTagMappingList", "data"];
        let seen = each_json(input, CONNECTOR, lists, &mut |item| {
            let at_hand = entries(&item.value, &is_entry);
            if at_hand.is_empty() && !item.list.is_empty() {
                unknown.entry();
            }
            for entry in at_hand {
                found = true;
                unknown.note(entry, &["ComplianceDetails", "ResourceARN", "Tags"]);
                match Entry::deserialize(entry) {
                    Ok(entry) => others += u64::from(!add(source, entry, harvest)),
                    Err(error) => {
                        harvest.warn(source, format!("{}: left out: {error}", item.place))
                    }
                }
            }
            Ok(())
        })?;
        if !found && !seen.lists.contains("ResourceTagMappingList") {
            return Err(ConnectError::nothing(
                input,
                CONNECTOR,
                "ResourceTagMappingList",
            ));
        }
    }
    if others > 0 {
        harvest.warn(
            source,
            format!("resources that are no identity and name none in {IDENTITIES}: {others}"),
        );
    }
    unknown.warn(source, harvest);
    Ok(())
}

/// Whether the resource is of use.
fn add(source: &Source, entry: Entry, harvest: &mut Harvest) -> bool {
    if let Some(account) = account(&entry.arn) {
        harvest.domains.push(DomainFacts {
            source: source.clone(),
            provider: Provider::Aws,
            domain: account.to_owned(),
            name: None,
            state: None,
            closed: false,
            tags: tags(&entry.tags),
        });
        return true;
    }
    let mut aliases = declared(source, &entry.arn, &entry.tags, harvest);
    let is_identity =
        Arn::parse(&entry.arn).is_some_and(|arn| matches!(arn.resource, "user" | "role"));
    if is_identity {
        match crate::record::alias(KeyType::AwsArn, "", &entry.arn, None) {
            Ok(alias) => aliases.push(alias),
            Err(refusal) => harvest.warn(source, refusal.to_string()),
        }
    }
    let of_use = !aliases.is_empty();
    for alias in aliases {
        let mut record = Record::new(source, None);
        record.aliases.push(alias);
        record.facts.tags = tags(&entry.tags).into_iter().collect();
        record.facts.tags.remove(IDENTITIES);
        harvest.records.push(record);
    }
    of_use
}

fn tags(tags: &[Tag]) -> std::collections::BTreeMap<String, String> {
    tags.iter()
        .map(|tag| (tag.key.clone(), tag.value.clone()))
        .collect()
}

/// The account that an ARN of Organizations names.
fn account(arn: &str) -> Option<&str> {
    let mut parts = arn.splitn(6, ':');
    let service = parts.nth(2)?;
    let (kind, rest) = parts.nth(2)?.split_once('/')?;
    let account = rest.rsplit('/').next()?;
    (service == "organizations" && kind == "account" && is_account(account)).then_some(account)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Harvest, ConnectError> {
        let source = Source {
            name: "tags".to_owned(),
            rank: 0,
            observed_ms: 0,
            domain: None,
        };
        let mut harvest = Harvest::default();
        let input = Input::memory("a.json".as_ref(), text.as_bytes());
        connect(&source, &[input], &mut harvest).map(|()| harvest)
    }

    #[test]
    fn tags_reach_identities_and_accounts() {
        let harvest = load(
            r#"{"PaginationToken":"","ResourceTagMappingList":[
                {"ResourceARN":"arn:aws:iam::111122223333:role/ci/deployer","Tags":[{"Key":"owner","Value":"platform"}]},
                {"ResourceARN":"arn:aws:lambda:eu-central-1:111122223333:function:resize","Tags":[{"Key":"environment","Value":"production"},
                    {"Key":"whose/identities","Value":"aws_arn:arn:aws:iam::111122223333:role/fn/resize nonsense:x"}]},
                {"ResourceARN":"arn:aws:organizations::999988887777:account/o-larkmoor01/111122223333","Tags":[{"Key":"owner","Value":"payments"}]},
                {"ResourceARN":"arn:aws:s3:::assets","Tags":[]}]}"#,
        )
        .unwrap();
        let claims: Vec<_> = harvest
            .records
            .iter()
            .map(|record| {
                (
                    crate::record::notation(&record.aliases[0]),
                    record.facts.tags.clone(),
                )
            })
            .collect();
        let tag =
            |key: &str, value: &str| std::iter::once((key.to_owned(), value.to_owned())).collect();
        assert_eq!(
            claims,
            [
                (
                    "aws_arn:arn:aws:iam::111122223333:role/ci/deployer".to_owned(),
                    tag("owner", "platform")
                ),
                (
                    "aws_arn:arn:aws:iam::111122223333:role/fn/resize".to_owned(),
                    tag("environment", "production")
                )
            ]
        );
        assert_eq!(harvest.domains[0].domain, "111122223333");
        assert_eq!(harvest.warnings.len(), 2, "{:?}", harvest.warnings);
        assert!(harvest.warnings[0].contains("nonsense:x"));
        assert!(harvest.warnings[1].contains("whose/identities: 1"));
    }

    #[test]
    fn another_answer_is_refused() {
        assert!(load(r#"{"Tags":[{"Key":"a","Value":"b"}]}"#).is_err());
        assert!(load(r#"{"ResourceTagMappingList":[]}"#).is_ok());
    }
}
