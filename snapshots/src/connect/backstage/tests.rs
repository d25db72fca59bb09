use enrich_core::vocabulary::{Criticality, Dimension, Environment, Provider};

use super::*;
use crate::joins::TeamLink;
use crate::record::notation;

fn load(text: &str) -> Result<Harvest, ConnectError> {
    let source = Source {
        name: "catalog".to_owned(),
        rank: 0,
        observed_ms: 0,
        domain: None,
    };
    let mut harvest = Harvest::default();
    connect(
        &source,
        &[Input::memory("catalog-info.yaml".as_ref(), text.as_bytes())],
        &mut harvest,
    )
    .map(|()| harvest)
}

#[test]
fn references_are_written_out() {
    for (text, expected) in [
        ("payments", "group:default/payments"),
        ("team/Payments", "group:team/payments"),
        ("user:jane", "user:default/jane"),
        ("User:default/A.Ortiz", "user:default/a.ortiz"),
    ] {
        assert_eq!(reference(text, "group", "default"), expected);
    }
}

#[test]
fn components_claim_identities_by_key() {
    let harvest = load(
        "apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: checkout
  annotations:
    whose/identities: |
      aws_arn:arn:aws:iam::111122223333:role/ci/deployer,
      k8s_user@prod:system:serviceaccount:payments:api
      nonsense:x
    whose/networks: ci-egress, 198.51.100.0/24
    whose/hours: mon-fri 06:00-20:00
    whose/environment: production
    whose/criticality: HIGH
    whose/sponsor: a.ortiz
    whose/escalation-policy: pagerduty:PABC123
    whose/enviroment: test
spec: {type: service, owner: payments, system: shop, lifecycle: production}
",
    )
    .unwrap();
    assert_eq!(harvest.records.len(), 2);
    let facts = &harvest.records[0].facts;
    assert_eq!(
        (
            facts.owner.as_deref(),
            facts.sponsor.as_deref(),
            facts.service.as_deref()
        ),
        (
            Some("group:default/payments"),
            Some("user:default/a.ortiz"),
            Some("shop")
        )
    );
    assert_eq!(
        (facts.environment.as_slice(), facts.criticality),
        (&[Environment::Production][..], Some(Criticality::High))
    );
    assert_eq!(
        facts
            .behavior
            .iter()
            .map(|e| e.dimension)
            .collect::<Vec<_>>(),
        [Dimension::Network, Dimension::Hours]
    );
    assert_eq!(
        facts
            .escalation_policy
            .as_ref()
            .map(|policy| policy.id.as_str()),
        Some("PABC123")
    );
    assert_eq!(harvest.warnings.len(), 2, "{:?}", harvest.warnings);
    assert!(
        harvest
            .warnings
            .iter()
            .any(|warning| warning.contains("did you mean whose/environment"))
    );
}

#[test]
fn people_are_listed_without_mail_or_phone() {
    let harvest = load(
        "apiVersion: backstage.io/v1alpha1
kind: User
metadata: {name: b.lin, annotations: {whose/departed: 2026-01-31}}
spec: {profile: {displayName: B. Lin, email: b.lin@example.com, phone: '+1 555 0100'}, memberOf: [payments]}
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: payments, annotations: {whose/contact: '#payments-oncall'}}
spec: {type: team, profile: {displayName: Payments, email: payments@example.com}, children: []}
",
    )
    .unwrap();
    let user = &harvest.directory.entries["user:default/b.lin"];
    assert_eq!(
        (user.contact.as_deref(), user.departed_ms),
        (None, parse_time("2026-01-31"))
    );
    assert_eq!(
        harvest.directory.entries["group:default/payments"]
            .contact
            .as_deref(),
        Some("#payments-oncall")
    );
    assert!(!format!("{harvest:?}").contains("555"));
}

#[test]
fn other_yaml_is_refused() {
    assert!(
        load("apiVersion: v1\nkind: Pod\n")
            .unwrap_err()
            .to_string()
            .contains("connector kubernetes")
    );
    assert!(load("a: [").unwrap_err().to_string().contains("line"));
}

#[test]
fn the_catalogues_answer_is_read_with_its_relations() {
    let entity = r#"{"apiVersion":"backstage.io/v1alpha1","kind":"Component","metadata":{"name":"checkout","namespace":"default","uid":"e1","etag":"x","labels":{},"annotations":{"whose/identities":"github_app:checkout-bot"}},"spec":{"type":"service","lifecycle":"production","owner":"nobody-any-more","system":"old"},"relations":[{"type":"partOf","targetRef":"domain:default/x"},{"type":"ownedBy","targetRef":"group:default/storefront","target":{"kind":"group","namespace":"default","name":"storefront"}}]}"#;
    for text in [
        format!("[{entity}]"),
        format!(r#"{{"items":[{entity}],"totalItems":1,"pageInfo":{{}}}}"#),
        entity.to_owned(),
    ] {
        let harvest = load(&text).unwrap();
        let facts = &harvest.records[0].facts;
        assert_eq!(
            (facts.owner.as_deref(), facts.service.as_deref()),
            (Some("group:default/storefront"), Some("old"))
        );
    }
}

#[test]
fn annotations_of_other_tools_are_links() {
    let harvest = load(
        "apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: checkout
  annotations:
    github.com/project-slug: Larkmoor/Checkout
    backstage.io/kubernetes-id: checkout
    backstage.io/kubernetes-namespace: shop
    pagerduty.com/service-id: PSVC001
    pagerduty.com/integration-key: 0123456789abcdef0123456789abcdef
    amazon.com/iam-role-arn: arn:aws:iam::111122223333:role/irsa/checkout
    amazon.com/sqs-queue-arn: arn:aws:sqs:eu-west-1:111122223333:role/x
spec: {type: service, owner: storefront, lifecycle: production}
---
apiVersion: backstage.io/v1alpha1
kind: Resource
metadata:
  name: production
  title: Larkmoor production
  annotations: {amazonaws.com/account-id: '111122223333', amazonaws.com/arn: 'arn:aws:organizations::111122223333:account/o-1/111122223333'}
spec: {type: cloud-account, owner: platform}
---
apiVersion: backstage.io/v1beta1
kind: Resource
metadata: {name: imported, annotations: {amazon.com/iam-role-arn: 'arn:aws:iam::111122223333:role/imported'}}
spec: {type: aws-role, owner: '111122223333'}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: other, annotations: {backstage.io/kubernetes-label-selector: 'app=x, tier==web', github.com/project-slug: nonsense}}
spec: {type: service, owner: storefront}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: third, annotations: {backstage.io/kubernetes-label-selector: 'app in (x)'}}
spec: {type: service, owner: storefront}
---
apiVersion: v1
kind: ConfigMap
",
    )
    .unwrap();
    let keys: Vec<String> = harvest
        .records
        .iter()
        .flat_map(|record| &record.aliases)
        .map(notation)
        .collect();
    assert_eq!(
        keys,
        [
            "aws_arn:arn:aws:iam::111122223333:role/irsa/checkout",
            "aws_arn:arn:aws:iam::111122223333:role/imported"
        ]
    );
    assert_eq!(
        harvest.records[0]
            .facts
            .tags
            .get("pagerduty.com/service-id")
            .unwrap(),
        "PSVC001"
    );
    assert_eq!(
        harvest.records[1].facts.owner, None,
        "an account owns nothing"
    );
    assert!(
        !format!("{harvest:?}").contains("0123456789abcdef"),
        "the integration key is a secret"
    );
    let (key, claims) = harvest.joins.repositories.first_key_value().unwrap();
    assert_eq!(
        (key.1.as_str(), claims[0].facts.owner.as_deref()),
        (
            "github-repo:github.com/larkmoor/checkout",
            Some("group:default/storefront")
        )
    );
    let selectors = &harvest.joins.selectors;
    assert_eq!(
        (selectors.len(), selectors[0].namespace.as_deref()),
        (2, Some("shop"))
    );
    assert_eq!(selectors[1].labels.len(), 2);
    let scope = &harvest.scopes[0];
    assert_eq!(
        (scope.provider, scope.domain.as_str(), scope.covered),
        (Provider::Aws, "111122223333", false)
    );
    assert_eq!(
        scope.owner.as_ref().unwrap().reference,
        "group:default/platform"
    );
    let told = harvest.warnings.join("; ");
    for words in [
        "project-slug is nonsense",
        "no list of KEY=VALUE",
        "1 documents are of another apiVersion",
    ] {
        assert!(told.contains(words), "{told}");
    }
}

#[test]
fn people_and_teams_have_names_elsewhere() {
    let harvest = load(
        "apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: payments-squad, annotations: {github.com/team-slug: Larkmoor/payments, whose/pagerduty-team: PTEA001}}
spec: {type: team, profile: {email: payments@example.com}, children: []}
---
apiVersion: backstage.io/v1alpha1
kind: User
metadata: {name: m.okafor, annotations: {github.com/user-login: MOkafor, gitlab.example.com/user-login: 'https://gitlab.example.com/mbali'}}
spec: {profile: {email: M.Okafor@example.com}, memberOf: []}
",
    )
    .unwrap();
    let known: Vec<(&str, &str)> = harvest
        .directory
        .known_as
        .iter()
        .map(|(name, reference)| (name.as_str(), reference.as_str()))
        .collect();
    assert_eq!(
        known,
        [
            (
                "github-team:larkmoor/payments",
                "group:default/payments-squad"
            ),
            ("github-user:mokafor", "user:default/m.okafor"),
            ("gitlab:mbali", "user:default/m.okafor"),
            ("mail:m.okafor@example.com", "user:default/m.okafor"),
            ("mail:payments@example.com", "group:default/payments-squad"),
        ]
    );
    assert_eq!(
        harvest.joins.teams["group:default/payments-squad"],
        TeamLink::Team("PTEA001".to_owned())
    );
}

#[test]
fn spaces_separate_keys_where_all_parts_are_keys() {
    let of = |text: &str| {
        let entity = format!(
            "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: a\n  annotations:\n    whose/identities: \"{text}\"\nspec: {{type: service, owner: x}}\n"
        );
        let harvest = load(&entity).unwrap();
        let keys: Vec<String> = harvest
            .records
            .iter()
            .flat_map(|record| record.aliases.iter().map(notation))
            .collect();
        keys
    };
    assert_eq!(
        of("aws_arn:arn:aws:iam::111122223333:role/a  github_app:b, github_app:c"),
        [
            "aws_arn:arn:aws:iam::111122223333:role/a",
            "github_app@github.com:b",
            "github_app@github.com:c"
        ]
    );
    let subject = "oidc_subject@https://issuer.example:repo:x/y:environment:Big Shop";
    assert_eq!(of(subject), [subject]);
}
