//! `aws organizations list-accounts`: names and states of accounts, and their tags where they were
//! asked for (`list-tags-for-resource` with the id put beside the answer).

use enrich_core::vocabulary::Provider;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::aws::{Tag, entries, is_account, text};
use super::fields::Unknown;
use super::stream::each_json;
use super::{ConnectError, Connector, Input};
use crate::model::Scope;
use crate::record::{DomainFacts, Harvest, Source};

const CONNECTOR: Connector = Connector::AwsOrganizations;

/// What is read of an account. The mail address of its root user is not among it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Account {
    id: String,
    name: Option<String>,
    /// The state before 2025-09; `State` says more where it is there.
    status: Option<String>,
    state: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

/// The members of accounts.
const KNOWN: &[&str] = &[
    "Arn",
    "Email",
    "Id",
    "JoinedMethod",
    "JoinedTimestamp",
    "Name",
    "Paths",
    "State",
    "Status",
    "Tags",
];

/// An account, or the tags of one under its id.
fn is_entry(map: &Map<String, Value>) -> bool {
    text(map, "Id").is_some_and(is_account)
        && match text(map, "Arn") {
            Some(arn) => arn.contains(":organizations:") && arn.contains(":account/"),
            None => map.contains_key("Tags"),
        }
}

pub(super) fn connect(
    source: &Source,
    inputs: &[Input],
    harvest: &mut Harvest,
) -> Result<(), ConnectError> {
    let mut unknown = Unknown::default();
    for input in inputs {
        let mut found = false;
        let seen = each_json(input, CONNECTOR, &["Accounts", "data"], &mut |item| {
            let at_hand = entries(&item.value, &is_entry);
            if at_hand.is_empty() && !item.list.is_empty() {
                unknown.entry();
            }
            for entry in at_hand {
                found = true;
                unknown.note(entry, KNOWN);
                match Account::deserialize(entry) {
                    Ok(account) => add(source, account, harvest),
                    Err(error) => {
                        harvest.warn(source, format!("{}: left out: {error}", item.place))
                    }
                }
            }
            Ok(())
        })?;
        if !found && !seen.lists.contains("Accounts") {
            return Err(ConnectError::nothing(
                input,
                CONNECTOR,
                "account with an Id and an Arn of organizations",
            ));
        }
    }
    unknown.warn(source, harvest);
    Ok(())
}

fn add(source: &Source, account: Account, harvest: &mut Harvest) {
    let state = account.state.or(account.status);
    harvest.scopes.push(Scope {
        provider: Provider::Aws,
        domain: account.id.clone(),
        part: String::new(),
        name: account.name.clone(),
        owner: None,
        escalation_policy: None,
        // Its identities were not listed.
        covered: false,
        environment: Vec::new(),
    });
    harvest.domains.push(DomainFacts {
        source: source.clone(),
        provider: Provider::Aws,
        domain: account.id,
        name: account.name,
        closed: matches!(state.as_deref(), Some("SUSPENDED" | "CLOSED")),
        state,
        tags: account
            .tags
            .into_iter()
            .map(|tag| (tag.key, tag.value))
            .collect(),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Harvest, ConnectError> {
        let source = Source {
            name: "organization".to_owned(),
            rank: 0,
            observed_ms: 0,
            domain: None,
        };
        let mut harvest = Harvest::default();
        let input = Input::memory("a.json".as_ref(), text.as_bytes());
        connect(&source, &[input], &mut harvest).map(|()| harvest)
    }

    #[test]
    fn accounts_have_a_name_and_a_state() {
        let harvest = load(
            r#"{"Accounts":[
                {"Id":"111122223333","Arn":"arn:aws:organizations::999988887777:account/o-larkmoor01/111122223333","Email":"root@example.com","Name":"production","Status":"ACTIVE","State":"ACTIVE","JoinedMethod":"CREATED","JoinedTimestamp":"2020-01-02T03:04:05.678000+00:00"},
                {"Id":"444455556666","Arn":"arn:aws:organizations::999988887777:account/o-larkmoor01/444455556666","Name":"old","Status":"SUSPENDED"}]}
               {"Id":"111122223333","Tags":[{"Key":"owner","Value":"payments"},{"Key":"environment","Value":"production"}]}"#,
        )
        .unwrap();
        let facts: Vec<_> = harvest
            .domains
            .iter()
            .map(|facts| (facts.domain.as_str(), facts.name.as_deref(), facts.closed))
            .collect();
        assert_eq!(
            facts,
            [
                ("111122223333", Some("production"), false),
                ("444455556666", Some("old"), true),
                ("111122223333", None, false)
            ]
        );
        assert_eq!(harvest.domains[2].tags.len(), 2);
        assert!(harvest.scopes.iter().all(|scope| !scope.covered));
        assert!(!format!("{harvest:?}").contains("root@example.com"));
    }

    #[test]
    fn an_empty_list_is_an_export_and_another_answer_is_none() {
        assert!(load(r#"{"Accounts":[]}"#).unwrap().domains.is_empty());
        let error = load(r#"{"OrganizationalUnits":[{"Id":"ou-1","Arn":"arn:aws:organizations::1:ou/o-1/ou-1"}]}"#).unwrap_err();
        assert!(
            error.to_string().contains("Arn of organizations"),
            "{error}"
        );
    }
}
