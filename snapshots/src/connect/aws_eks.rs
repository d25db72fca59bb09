//! `aws eks describe-pod-identity-association` and `describe-cluster`: which role a service account
//! becomes, and who issues the tokens of a cluster.
//!
//! The list of associations leaves the role out, so each is described.

use enrich_core::KeyType;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::aws::{entries, text, uid_of};
use super::fields::Unknown;
use super::stream::each_json;
use super::{ConnectError, Connector, Input};
use crate::record::{Harvest, Record, Source, alias, notation};

const CONNECTOR: Connector = Connector::AwsEks;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Association {
    cluster_name: String,
    namespace: String,
    service_account: String,
    role_arn: Option<String>,
    /// A role, mostly of another account, that the first one goes on to assume.
    target_role_arn: Option<String>,
}

/// The members of associations.
const KNOWN: &[&str] = &[
    "associationArn",
    "associationId",
    "clusterName",
    "createdAt",
    "disableSessionTags",
    "externalId",
    "modifiedAt",
    "namespace",
    "ownerArn",
    "policy",
    "roleArn",
    "serviceAccount",
    "tags",
    "targetRoleArn",
];

fn is_association(map: &Map<String, Value>) -> bool {
    ["clusterName", "namespace", "serviceAccount"]
        .iter()
        .all(|name| map.contains_key(*name))
}

fn is_cluster(map: &Map<String, Value>) -> bool {
    text(map, "arn").is_some_and(|arn| arn.contains(":eks:") && arn.contains(":cluster/"))
}

pub(super) fn connect(
    source: &Source,
    inputs: &[Input],
    harvest: &mut Harvest,
) -> Result<(), ConnectError> {
    let mut without_role = 0_u64;
    let mut unknown = Unknown::default();
    for input in inputs {
        let mut found = false;
        let lists = &["associations", "data"];
        let seen = each_json(input, CONNECTOR, lists, &mut |item| {
            let at_hand = entries(&item.value, &|map| is_association(map) || is_cluster(map));
            if at_hand.is_empty() && !item.list.is_empty() {
                unknown.entry();
            }
            for entry in at_hand {
                found = true;
                if entry.get("serviceAccount").is_none() {
                    add_cluster(source, entry, harvest);
                    continue;
                }
                unknown.note(entry, KNOWN);
                match Association::deserialize(entry) {
                    Ok(association) => {
                        without_role += u64::from(!add(source, &association, harvest));
                    }
                    Err(error) => {
                        harvest.warn(source, format!("{}: left out: {error}", item.place))
                    }
                }
            }
            Ok(())
        })?;
        if !found && !seen.lists.contains("associations") {
            return Err(ConnectError::nothing(
                input,
                CONNECTOR,
                "association with clusterName, namespace and serviceAccount, and no cluster",
            ));
        }
    }
    if without_role > 0 {
        harvest.warn(
            source,
            format!(
                "{without_role} associations name no role, as list-pod-identity-associations leaves it out; export describe-pod-identity-association for each"
            ),
        );
    }
    unknown.warn(source, harvest);
    Ok(())
}

/// The name under which the inventory knows a cluster: the configured one, else its own.
fn cluster<'s>(source: &'s Source, own: &'s str) -> &'s str {
    source.domain.as_deref().unwrap_or(own)
}

fn add_cluster(source: &Source, entry: &Value, harvest: &mut Harvest) {
    let name = entry.get("name").and_then(Value::as_str).unwrap_or("");
    let issuer = entry
        .pointer("/identity/oidc/issuer")
        .and_then(Value::as_str);
    if let Some(issuer) = issuer
        && !name.is_empty()
    {
        harvest
            .token_issuers
            .insert(cluster(source, name).to_owned(), issuer.to_owned());
    }
}

/// Whether the association names a role.
fn add(source: &Source, association: &Association, harvest: &mut Harvest) -> bool {
    let Some(role) = &association.role_arn else {
        return false;
    };
    let cluster = cluster(source, &association.cluster_name);
    let user = format!(
        "system:serviceaccount:{}:{}",
        association.namespace, association.service_account
    );
    let role_uid = uid_of(role).unwrap_or_else(|| role.clone());
    // The association is the word of whoever administers AWS, so it holds for both ends.
    if let Ok(account) = alias(KeyType::K8sUser, cluster, &user, None) {
        let mut record = Record::new(source, None);
        if record.add_key(KeyType::AwsArn, "", role, None).is_ok() {
            record.facts.assumable_by.push(notation(&account));
            harvest.records.push(record);
        }
    }
    let mut claims = vec![(KeyType::K8sUser, cluster, user.as_str(), role_uid)];
    if let Some(target) = &association.target_role_arn {
        let target = uid_of(target).unwrap_or_else(|| target.clone());
        claims.push((KeyType::AwsArn, "", role.as_str(), target));
    }
    for (key_type, domain, value, becomes) in claims {
        let mut record = Record::new(source, None);
        match record.add_key(key_type, domain, value, None) {
            Ok(()) => {
                record.facts.can_assume.push(becomes);
                harvest.records.push(record);
            }
            Err(refusal) => harvest.warn(
                source,
                format!("{}: {refusal}", crate::text::printable(value, 120)),
            ),
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, domain: Option<&str>) -> Result<Harvest, ConnectError> {
        let source = Source {
            name: "eks".to_owned(),
            rank: 0,
            observed_ms: 0,
            domain: domain.map(str::to_owned),
        };
        let mut harvest = Harvest::default();
        let input = Input::memory("a.json".as_ref(), text.as_bytes());
        connect(&source, &[input], &mut harvest).map(|()| harvest)
    }

    const ASSOCIATION: &str = r#"{"association":{"clusterName":"prod-eu","namespace":"payments","serviceAccount":"api",
        "roleArn":"arn:aws:iam::111122223333:role/pods/payments-api","associationArn":"arn:aws:eks:eu-central-1:111122223333:podidentityassociation/prod-eu/a-abcdefghijklmnop1",
        "associationId":"a-abcdefghijklmnop1","tags":{},"createdAt":1773986400.0,"modifiedAt":1773986400.0,"disableSessionTags":false,
        "targetRoleArn":"arn:aws:iam::444455556666:role/shared/ledger"}}
        {"cluster":{"name":"prod-eu","arn":"arn:aws:eks:eu-central-1:111122223333:cluster/prod-eu","identity":{"oidc":{"issuer":"https://oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE"}}}}"#;

    #[test]
    fn an_association_lets_the_account_become_the_role() {
        for (domain, key) in [
            (None, "k8s_user@prod-eu:system:serviceaccount:payments:api"),
            (
                Some("eu-1"),
                "k8s_user@eu-1:system:serviceaccount:payments:api",
            ),
        ] {
            let harvest = load(ASSOCIATION, domain).unwrap();
            let role = "aws_arn:arn:aws:iam::111122223333:role/pods/payments-api";
            let claims: Vec<_> = harvest
                .records
                .iter()
                .map(|record| {
                    let facts = &record.facts;
                    (
                        notation(&record.aliases[0]),
                        facts.assumable_by.iter().chain(&facts.can_assume).next(),
                    )
                })
                .collect();
            assert_eq!(
                claims,
                [
                    (role.to_owned(), Some(&key.to_owned())),
                    (
                        key.to_owned(),
                        Some(&"aws:111122223333:role/pods/payments-api".to_owned())
                    ),
                    (
                        role.to_owned(),
                        Some(&"aws:444455556666:role/shared/ledger".to_owned())
                    )
                ]
            );
            assert_eq!(harvest.token_issuers.len(), 1);
        }
    }

    #[test]
    fn a_list_says_that_it_leaves_the_role_out() {
        let harvest = load(
            r#"{"associations":[{"clusterName":"prod-eu","namespace":"a","serviceAccount":"b","associationArn":"x","associationId":"a-1"}]}"#,
            None,
        )
        .unwrap();
        assert!(harvest.records.is_empty());
        assert!(harvest.warnings[0].contains("describe-pod-identity-association"));
        assert!(load(r#"{"associations":[]}"#, None).is_ok());
        assert!(load(r#"{"clusters":["a"]}"#, None).is_err());
    }
}
