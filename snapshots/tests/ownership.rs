//! Who owns an identity when catalogue, tags, CODEOWNERS and policy all have something to say.

use std::path::Path;

use snapshots::config::InventoryConfig;
use snapshots::export::{Explicit, Exported, Quiet, export};
use snapshots::model::Identity;

const ROLES: &str = r#"{"Roles":[
  {"Path":"/","RoleName":"one","RoleId":"AROA4LARKMOOR00000001","Arn":"arn:aws:iam::111122223333:role/one","CreateDate":"2024-01-01T00:00:00Z","Tags":[{"Key":"owner","Value":"M.Okafor@example.com"},{"Key":"environment","Value":"prod"}]},
  {"Path":"/","RoleName":"two","RoleId":"AROA4LARKMOOR00000002","Arn":"arn:aws:iam::111122223333:role/two","CreateDate":"2024-01-01T00:00:00Z","Tags":[{"Key":"owner","Value":"Web Team"}]},
  {"Path":"/","RoleName":"three","RoleId":"AROA4LARKMOOR00000003","Arn":"arn:aws:iam::111122223333:role/three","CreateDate":"2024-01-01T00:00:00Z"}]}"#;

const CATALOGUE: &str = "apiVersion: backstage.io/v1alpha1
kind: User
metadata: {name: m.okafor}
spec: {profile: {displayName: Mbali Okafor, email: m.okafor@example.com}, memberOf: []}
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: cloud, annotations: {github.com/team-slug: larkmoor/platform, whose/escalation-policy: 'pagerduty:PLK1PLT'}}
spec: {type: team, children: []}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: two, annotations: {whose/identities: 'aws_arn:arn:aws:iam::111122223333:role/two', whose/environment: staging}}
spec: {type: service, owner: cloud, lifecycle: production}
";

const OWNERS: &str = "* @larkmoor/web\n/terraform/ @larkmoor/platform\n";

fn source(name: &str, connector: &str, file: &str, more: &str) -> String {
    format!(
        "[[source]]\nname = \"{name}\"\nconnector = \"{connector}\"\nfiles = [\"{file}\"]\n{more}\n"
    )
}

fn build(folder: &Path, sources: &[String]) -> Exported {
    for (file, text) in [
        ("roles.json", ROLES),
        ("catalog-info.yaml", CATALOGUE),
        ("CODEOWNERS", OWNERS),
    ] {
        std::fs::write(folder.join(file), text).unwrap();
    }
    let text = format!("organization = \"Larkmoor\"\n{}", sources.concat());
    let config = InventoryConfig::parse(&folder.join("inventory.toml"), &text).unwrap();
    export(&config, &Explicit::new(1_773_985_500_000, 1, 0), &mut Quiet).unwrap()
}

fn sources() -> [String; 3] {
    let paths = "domain = \"larkmoor/infra\"\npaths = { \"terraform/\" = [\"aws_arn:arn:aws:iam::111122223333:role/two\", \"aws_arn:arn:aws:iam::111122223333:role/three\"] }";
    [
        source("catalogue", "backstage", "catalog-info.yaml", ""),
        source("aws", "aws_iam_users", "roles.json", ""),
        source("reviewers", "codeowners", "CODEOWNERS", paths),
    ]
}

fn owner<'e>(exported: &'e Exported, name: &str) -> (&'e Identity, Option<(&'e str, &'e str)>) {
    let identity = exported
        .inventory
        .identities
        .iter()
        .find(|identity| identity.name == name)
        .unwrap();
    let owner = identity.owner.as_ref();
    (
        identity,
        owner.map(|owner| (owner.entity.reference.as_str(), owner.source.as_str())),
    )
}

#[test]
fn the_first_source_wins_and_tags_fill_what_none_says() {
    let folder = tempfile::tempdir().unwrap();
    let exported = build(folder.path(), &sources());
    // A mail address in a tag is that of a person of the catalogue.
    let (one, of_one) = owner(&exported, "one");
    assert_eq!(of_one, Some(("user:default/m.okafor", "aws")));
    let person = one.owner.as_ref().unwrap();
    assert_eq!(
        (person.entity.name.as_deref(), person.status.as_str()),
        (Some("Mbali Okafor"), "active")
    );
    // The catalogue outranks the tag, and the team is the one that the catalogue knows by GitHub's name.
    let (two, of_two) = owner(&exported, "two");
    assert_eq!(of_two, Some(("group:default/cloud", "catalogue")));
    assert_eq!(
        two.environment
            .iter()
            .map(|word| word.as_str())
            .collect::<Vec<_>>(),
        ["staging"]
    );
    assert!(
        two.conflicts
            .iter()
            .all(|conflict| conflict.field != "owner"),
        "{:?}",
        two.conflicts
    );
    let (three, of_three) = owner(&exported, "three");
    assert_eq!(of_three, Some(("group:default/cloud", "reviewers")));
    let paged = three
        .response
        .escalation_policy
        .as_ref()
        .map(|policy| policy.id.as_str());
    assert_eq!(
        paged,
        Some("PLK1PLT"),
        "the team's, since nobody says otherwise"
    );
    // Nothing of the repository itself is in the inventory.
    assert_eq!(
        exported.report.unmatched,
        ["reviewers: github-repo:github.com/larkmoor/infra"]
    );
}

#[test]
fn owners_do_not_depend_on_the_order_in_which_names_are_explained() {
    let folder = tempfile::tempdir().unwrap();
    let [catalogue, aws, reviewers] = sources();
    let exported = build(folder.path(), &[reviewers, aws, catalogue]);
    for (name, expected) in [
        ("one", ("user:default/m.okafor", "aws")),
        ("two", ("group:default/cloud", "reviewers")),
        ("three", ("group:default/cloud", "reviewers")),
    ] {
        assert_eq!(owner(&exported, name).1, Some(expected), "{name}");
    }
}
