//! Reading cluster exports: any mix of objects, lists, documents and files.

use enrich_core::vocabulary::PrivilegeLevel;

use super::*;

fn load(texts: &[&str]) -> Result<Harvest, ConnectError> {
    let source = Source {
        name: "k8s".to_owned(),
        rank: 0,
        observed_ms: 0,
        domain: Some("prod".to_owned()),
    };
    let inputs: Vec<Input> = texts
        .iter()
        .map(|text| Input::memory("k.yaml".as_ref(), text.as_bytes()))
        .collect();
    let mut harvest = Harvest::default();
    connect(&source, &inputs, &mut harvest).map(|()| harvest)
}

fn find<'h>(harvest: &'h Harvest, uid: &str) -> &'h Record {
    harvest
        .records
        .iter()
        .find(|record| record.uid.as_deref() == Some(uid))
        .unwrap_or_else(|| panic!("no {uid}"))
}

const YAML: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: payments, labels: {team: payments, environment: production}}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: api
  namespace: payments
  uid: 0b1c2d3e-0000-4000-8000-000000000001
  creationTimestamp: 2025-01-02T03:04:05Z
  annotations: {eks.amazonaws.com/role-arn: 'arn:aws:iam::111122223333:role/app/payments-api'}
---
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: b, namespace: payments}
roleRef: {kind: ClusterRole, name: admin, apiGroup: rbac.authorization.k8s.io}
subjects: [{kind: ServiceAccount, name: api}, {kind: ServiceAccount, name: ghost}, {kind: User, name: jane@example.com}, {kind: Group, name: devs}]
";
const LIST: &str = r#"{"kind":"PodList","apiVersion":"v1","items":[
        {"metadata":{"name":"api-7d9c5b8f4-x2x4v","namespace":"payments","ownerReferences":[{"kind":"ReplicaSet","name":"api-7d9c5b8f4","controller":true}]},"spec":{"serviceAccountName":"api"}},
        {"metadata":{"name":"report-28012345-abcde","namespace":"payments","ownerReferences":[{"kind":"Job","name":"report-28012345"}]},"spec":{"serviceAccountName":"api"}}]}
        {"kind":"Secret","apiVersion":"v1","type":"kubernetes.io/service-account-token","data":{"token":"b3ZlcndyaXR0ZW4="},
         "metadata":{"name":"api-token","namespace":"payments","creationTimestamp":"2024-01-01T00:00:00Z","annotations":{"kubernetes.io/service-account.name":"api"}}}"#;

#[test]
fn lists_documents_and_files_make_one_cluster() {
    let harvest = load(&[YAML, LIST]).unwrap();
    let api = find(&harvest, "k8s:prod:payments/api");
    assert_eq!(
        api.facts.grants,
        [Grant::new("admin", PrivilegeLevel::Admin, 1)]
    );
    assert_eq!(
        api.facts.workloads,
        ["k8s:prod/payments/api", "k8s:prod/payments/report"]
    );
    assert_eq!(
        api.facts.can_assume,
        ["aws:111122223333:role/app/payments-api"]
    );
    assert_eq!(
        api.facts.tags.get("namespace/team").map(String::as_str),
        Some("payments")
    );
    assert_eq!(api.facts.credentials[0].expires, Time::Never);
    assert!(!format!("{harvest:?}").contains("b3ZlcndyaXR0ZW4"));
    let keys: Vec<String> = api.aliases.iter().map(crate::record::notation).collect();
    assert_eq!(
        keys,
        [
            "k8s_user@prod:system:serviceaccount:payments:api",
            "k8s_uid@prod:0b1c2d3e-0000-4000-8000-000000000001"
        ]
    );
    // A binding may name an account that does not exist; groups are no identities.
    let uids: Vec<_> = harvest
        .records
        .iter()
        .filter_map(|record| record.uid.as_deref())
        .collect();
    assert_eq!(
        uids,
        ["k8s:prod:payments/api", "k8s:prod:user:jane@example.com"]
    );
    assert_eq!(
        find(&harvest, "k8s:prod:user:jane@example.com")
            .facts
            .native_kind,
        Some(Kind::Human)
    );
    assert_eq!(
        harvest
            .scopes
            .iter()
            .map(|scope| scope.part.as_str())
            .collect::<Vec<_>>(),
        ["", "payments"]
    );
    assert_eq!(
        harvest.scopes[1]
            .owner
            .as_ref()
            .map(|owner| owner.reference.as_str()),
        Some("group:default/payments")
    );
}

#[test]
fn without_a_list_of_accounts_references_make_them() {
    let harvest = load(&[r#"{"kind":"ClusterRoleBinding","apiVersion":"rbac.authorization.k8s.io/v1","metadata":{"name":"b"},"roleRef":{"kind":"ClusterRole","name":"cluster-admin"},"subjects":[{"kind":"ServiceAccount","name":"ops","namespace":"kube-system"}]}"#]).unwrap();
    assert_eq!(
        find(&harvest, "k8s:prod:kube-system/ops").facts.grants,
        [Grant::new("cluster-admin", PrivilegeLevel::Admin, 0)]
    );
}

#[test]
fn the_issuer_makes_accounts_the_subjects_of_their_tokens() {
    let issuer = r#"{"issuer":"https://oidc.eks.eu-central-1.amazonaws.com/id/0A1B","jwks_uri":"https://x/openid/v1/jwks","response_types_supported":["id_token"],"subject_types_supported":["public"],"id_token_signing_alg_values_supported":["RS256"]}"#;
    let mut harvest = load(&[YAML, issuer]).unwrap();
    super::super::finish(&mut harvest);
    let keys: Vec<String> = find(&harvest, "k8s:prod:payments/api")
        .aliases
        .iter()
        .map(crate::record::notation)
        .collect();
    assert!(
        keys.contains(&"oidc_subject@oidc.eks.eu-central-1.amazonaws.com/id/0A1B:system:serviceaccount:payments:api".to_owned()),
        "{keys:?}"
    );
    // Of the binding alone.
    assert_eq!(harvest.warnings.len(), 1, "{:?}", harvest.warnings);
    assert!(
        harvest.warnings[0]
            .contains("1 service accounts that bindings, workloads or tokens name are not in the export (payments/ghost)"),
        "{:?}",
        harvest.warnings
    );
}

#[test]
fn items_of_a_typed_list_take_its_kind_wherever_it_stands() {
    for text in [
        r#"{"kind":"ServiceAccountList","apiVersion":"v1","items":[{"metadata":{"name":"a","namespace":"n"}}]}"#,
        r#"{"apiVersion":"v1","items":[{"metadata":{"name":"a","namespace":"n"}}],"kind":"ServiceAccountList"}"#,
        "apiVersion: v1\nitems:\n- metadata:\n    name: a\n    namespace: n\nkind: ServiceAccountList\n",
    ] {
        let harvest = load(&[text]).unwrap();
        assert_eq!(harvest.records.len(), 1, "{text}");
        find(&harvest, "k8s:prod:n/a");
    }
}

#[test]
fn one_odd_object_does_not_stop_the_rest() {
    let text = r#"{"kind":"List","apiVersion":"v1","items":[{"kind":"ServiceAccount","apiVersion":"v1","metadata":7},
            {"kind":"Widget","apiVersion":"example.com/v1","spec":{"template":"text"}},
            {"kind":"ServiceAccount","apiVersion":"v1","metadata":{"name":"a","namespace":"n"}}]}"#;
    let harvest = load(&[text]).unwrap();
    assert_eq!(harvest.records.len(), 1);
    assert!(
        harvest.warnings[0].contains("entry 1 of items: a ServiceAccount is left out"),
        "{:?}",
        harvest.warnings
    );
}

#[test]
fn a_warning_does_not_quote_at_length() {
    let text = format!(
        r#"{{"kind":"ServiceAccount","apiVersion":"v1","metadata":"{}"}}"#,
        "m".repeat(4000)
    );
    let harvest = load(&[&text]).unwrap();
    assert!(
        harvest.warnings[0].contains("mmm"),
        "{:?}",
        harvest.warnings
    );
    assert!(harvest.warnings.iter().all(|warning| warning.len() < 250));
}

#[test]
fn what_is_no_export_is_refused() {
    assert!(
        load(&["{\"Users\":[]}"])
            .unwrap_err()
            .to_string()
            .contains("apiVersion and kind")
    );
    assert!(load(&["a: [1"]).unwrap_err().to_string().contains("line"));
    let source = Source {
        name: "k".to_owned(),
        rank: 0,
        observed_ms: 0,
        domain: None,
    };
    assert!(matches!(
        connect(&source, &[], &mut Harvest::default()),
        Err(ConnectError::Domain { .. })
    ));
}

fn account(namespace: &str, name: &str, uid: &str, created: &str) -> String {
    format!(
        r#"{{"kind":"ServiceAccount","apiVersion":"v1","metadata":{{"name":"{name}","namespace":"{namespace}","uid":"{uid}","creationTimestamp":"{created}"}}}}"#
    )
}

#[test]
fn a_user_and_an_account_in_the_namespace_user_are_two() {
    let binding = r#"{"kind":"ClusterRoleBinding","apiVersion":"rbac.authorization.k8s.io/v1","metadata":{"name":"b"},"roleRef":{"kind":"ClusterRole","name":"cluster-admin"},"subjects":[{"kind":"User","name":"alice"}]}"#;
    let listed = account("user", "alice", "u-1", "2024-01-01T00:00:00Z");
    let harvest = load(&[&listed, binding]).unwrap();
    assert!(
        find(&harvest, "k8s:prod:user/alice")
            .facts
            .grants
            .is_empty()
    );
    assert_eq!(
        find(&harvest, "k8s:prod:user:alice").facts.grants,
        [Grant::new("cluster-admin", PrivilegeLevel::Admin, 0)]
    );
}

#[test]
fn two_clusters_in_one_source_are_refused() {
    let system = |uid: &str| {
        format!(
            r#"{{"kind":"Namespace","apiVersion":"v1","metadata":{{"name":"kube-system","uid":"{uid}"}}}}"#
        )
    };
    assert!(load(&[&system("n-1"), &system("n-1")]).is_ok());
    let error = load(&[&system("n-1"), &system("n-2")]).unwrap_err();
    assert!(matches!(error, ConnectError::MixedDomains { .. }));
    let text = error.to_string();
    for part in ["k.yaml", "n-1", "n-2", "a source of its own"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn of_two_accounts_of_one_name_the_younger_holds_in_any_order() {
    let old = account("pay", "api", "u-9", "2024-01-01T00:00:00Z");
    let new = account("pay", "api", "u-1", "2024-02-01T00:00:00Z");
    for texts in [[old.as_str(), &new], [&new, &old]] {
        let harvest = load(&texts).unwrap();
        let api = find(&harvest, "k8s:prod:pay/api");
        assert_eq!(api.aliases[1].value, "u-1");
        assert!(
            harvest.warnings[0]
                .contains("1 service accounts stand in the export with several uids (pay/api)"),
            "{:?}",
            harvest.warnings
        );
    }
    let harvest = load(&[&old, &old]).unwrap();
    assert!(harvest.warnings.is_empty(), "{:?}", harvest.warnings);
}

#[test]
fn rules_of_two_definitions_count_together_and_unknown_roles_are_no_harmless_ones() {
    let role = |verb: &str| {
        format!(
            r#"{{"kind":"Role","apiVersion":"rbac.authorization.k8s.io/v1","metadata":{{"name":"r","namespace":"n"}},"rules":[{{"apiGroups":[""],"resources":["pods"],"verbs":["{verb}"]}}]}}"#
        )
    };
    let binding = |kind: &str, name: &str| {
        format!(
            r#"{{"kind":"RoleBinding","apiVersion":"rbac.authorization.k8s.io/v1","metadata":{{"name":"b","namespace":"n"}},"roleRef":{{"kind":"{kind}","name":"{name}"}},"subjects":[{{"kind":"ServiceAccount","name":"a"}}]}}"#
        )
    };
    let (get, create) = (role("get"), role("create"));
    for [first, second] in [[&get, &create], [&create, &get]] {
        let harvest = load(&[first, second, &binding("Role", "r")]).unwrap();
        assert_eq!(
            find(&harvest, "k8s:prod:n/a").facts.grants,
            [Grant::new("r", PrivilegeLevel::Write, 2)]
        );
    }
    // A Role has nothing of the built-in ClusterRole of that name.
    let harvest = load(&[
        &binding("Role", "view"),
        &binding("ClusterRole", "gone"),
        &binding("ClusterRole", "view"),
    ])
    .unwrap();
    assert_eq!(
        find(&harvest, "k8s:prod:n/a").facts.grants,
        [
            Grant::new("gone (not in the export)", PrivilegeLevel::Write, 1),
            Grant::new("view (not in the export)", PrivilegeLevel::Write, 1),
            Grant::new("view", PrivilegeLevel::Read, 3),
        ]
    );
    assert!(
        harvest.warnings[0]
            .contains("2 roles that bindings name are not in the export (gone, n/view)"),
        "{:?}",
        harvest.warnings
    );
}
