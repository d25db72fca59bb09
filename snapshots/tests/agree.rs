//! `sources` and `build` agree on what a file is: what is recognised can be read by that connector, and what
//! no connector recognises none reads by itself.

use std::path::{Path, PathBuf};

use snapshots::config::InventoryConfig;
use snapshots::connect::{Connector, Input, connect, detect};
use snapshots::record::{Harvest, Source};

/// How many records a connector reads from the file, or why none. Which domain it is stands in the configuration.
fn reads(connector: Connector, input: Input) -> Result<usize, String> {
    let domain = match connector {
        Connector::EntraGraph | Connector::Azure => Some("7e57c0de-0000-4000-8000-000000000001"),
        Connector::Kubernetes => Some("prod"),
        Connector::Gcp => Some("shop"),
        Connector::Github => Some("github.com"),
        Connector::AwsAccessKeys | Connector::AwsIamUsers | Connector::AwsCredentialReport => {
            Some("111122223333")
        }
        _ => None,
    };
    let source = Source {
        name: "s".to_owned(),
        rank: 0,
        observed_ms: 1_773_986_400_000,
        domain: domain.map(str::to_owned),
    };
    let mut harvest = Harvest::default();
    connect(connector, &source, &[input], &mut harvest).map_err(|error| error.to_string())?;
    Ok(harvest.records.len())
}

fn is_about_domains(error: &str) -> bool {
    error.contains("was expected; give each") || error.contains("needs `domain")
}

fn check(path: &Path, input: &dyn Fn() -> Input, faults: &mut Vec<String>) {
    let found = detect(path, &input().head().expect("it can be read"));
    if let Some(found) = found {
        if let Err(error) = reads(found, input())
            && !is_about_domains(&error)
            // It is that export, without its end.
            && !error.contains("the file is truncated")
        {
            faults.push(format!(
                "{}: {} recognised, but {error}",
                path.display(),
                found.as_str()
            ));
        }
        return;
    }
    let readers: Vec<(&str, usize)> = Connector::ALL
        .iter()
        .filter_map(|connector| Some((connector.as_str(), reads(*connector, input()).ok()?)))
        .collect();
    // An empty list that several vendors print does not say whose it is, and nothing is lost with it.
    let says_nothing = readers.len() != 1 && readers.iter().all(|(_, records)| *records == 0);
    if !says_nothing {
        faults.push(format!(
            "{}: nobody recognises it, and it is read by {readers:?}",
            path.display()
        ));
    }
}

#[test]
fn samples_are_read_as_what_they_are_recognised_as() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/inventory.toml");
    let config = InventoryConfig::read(&file).expect("the sample configuration is good");
    let files: Vec<PathBuf> = config
        .sources
        .iter()
        .flat_map(|source| source.files.clone())
        .collect();
    let mut faults = Vec::new();
    for path in &files {
        check(path, &|| Input::file(path), &mut faults);
    }
    assert!(files.len() > 10 && faults.is_empty(), "{faults:#?}");
}

#[test]
fn odd_files_are_the_same_to_both() {
    let mut faults = Vec::new();
    for (name, text) in ODD {
        let input = || Input::memory(name.as_ref(), text.as_bytes());
        check(name.as_ref(), &input, &mut faults);
        // What an editor of Windows puts in front changes nothing.
        let marked = format!("\u{feff}{text}");
        let input = || Input::memory(name.as_ref(), marked.as_bytes());
        check(name.as_ref(), &input, &mut faults);
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Names and texts of files.
const ODD: &[(&str, &str)] = &[
    ("empty.json", ""),
    ("empty.yaml", ""),
    ("space.json", " \n\n"),
    ("object.json", "{}"),
    ("array.json", "[]"),
    ("null.json", "null"),
    ("number.json", "7"),
    ("text.txt", "hello"),
    ("cut.json", r#"{"UserDetailList":[{"#),
    ("lists.json", r#"{"UserDetailList":[],"RoleDetailList":[]}"#),
    ("policies.json", r#"{"Policies":[],"IsTruncated":false}"#),
    ("groups.json", r#"{"GroupDetailList":[]}"#),
    (
        "policies-1.json",
        r#"{"Policies":[{"Arn":"arn:aws:iam::111122223333:policy/x","PolicyId":"ANPA4AAA4AAA4AAA4AAA","DefaultVersionId":"v1","PolicyVersionList":[{"VersionId":"v1","Document":{"Statement":[]}}]}]}"#,
    ),
    ("users.json", r#"{"Users":[]}"#),
    ("roles.json", r#"{"Roles":[],"IsTruncated":false}"#),
    (
        "user.json",
        r#"{"User":{"UserName":"a","UserId":"AIDA4AAA4AAA4AAA4AAA","Arn":"arn:aws:iam::111122223333:user/a","CreateDate":"2024-02-01T00:00:00Z"}}"#,
    ),
    (
        "caller.json",
        r#"{"UserId":"AROA4AAA4AAA4AAA4AAA:ci","Account":"111122223333","Arn":"arn:aws:sts::111122223333:assumed-role/a/ci"}"#,
    ),
    (
        "schedules.json",
        r#"{"schedules":[{"id":"PLK4SCH","type":"schedule","self":"https://api.pagerduty.com/schedules/PLK4SCH","escalation_policies":[{"id":"PLK4SHP","type":"escalation_policy_reference"}]}]}"#,
    ),
    (
        "webhook.json",
        r#"{"action":"revoked","sender":{"login":"lena","id":1,"type":"User","site_admin":false,"avatar_url":"https://avatars.githubusercontent.com/u/1"}}"#,
    ),
    (
        "requests.json",
        r#"[{"id":1,"account":{"login":"larkmoor","id":2,"type":"Organization","site_admin":false,"avatar_url":"https://avatars.githubusercontent.com/u/2"},
            "requester":{"login":"lena","id":3,"type":"User","site_admin":false,"avatar_url":"https://avatars.githubusercontent.com/u/3"},"created_at":"2026-01-01T00:00:00Z"}]"#,
    ),
    ("keys.json", r#"{"AccessKeyMetadata":[]}"#),
    ("secrets.json", r#"{"SecretList":[]}"#),
    ("tags.json", r#"{"ResourceTagMappingList":[]}"#),
    ("accounts.json", r#"{"Accounts":[]}"#),
    ("value.json", r#"{"value":[]}"#),
    (
        "graph.json",
        r#"{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#servicePrincipals","value":[]}"#,
    ),
    (
        "assignments.json",
        r#"[{"id":"/subscriptions/5ab1/providers/Microsoft.Authorization/roleAssignments/1","principalId":"d9da5bf4-0000-4001-8000-123456789abc","principalType":"ServicePrincipal","roleDefinitionName":"Reader","scope":"/subscriptions/5ab1"}]"#,
    ),
    (
        "sdk.json",
        r#"[{"id":"1","principal_id":"d9da5bf4-0000-4001-8000-123456789abc","role_definition_id":"62e90394-69f5-4237-9190-012177145e10","directory_scope_id":"/"}]"#,
    ),
    (
        "projects.json",
        r#"[{"projectId":"shop","projectNumber":"123456789012","name":"Shop"}]"#,
    ),
    (
        "policy.json",
        r#"{"bindings":[{"role":"roles/viewer","members":["user:jane@larkmoor.example"]}],"etag":"BwX"}"#,
    ),
    ("policy-0.json", r#"{"etag":"ACAB"}"#),
    (
        "list.json",
        r#"{"apiVersion":"v1","kind":"List","items":[]}"#,
    ),
    (
        "account.yaml",
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a, namespace: b}\n",
    ),
    (
        "account-kind-first.yml",
        "kind: ServiceAccount\napiVersion: v1\nmetadata: {name: a, namespace: b}\n",
    ),
    (
        "commented.yaml",
        "# what we run\n---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a, namespace: b}\n",
    ),
    (
        "flow.yaml",
        "{apiVersion: v1, kind: ServiceAccount, metadata: {name: a, namespace: b}}\n",
    ),
    (
        "values.yaml",
        "replicaCount: 2\nimage: {repository: shop}\n",
    ),
    ("Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\n"),
    (
        "catalog-info.yaml",
        "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: a}\nspec: {type: service, lifecycle: production, owner: payments}\n",
    ),
    (
        "package.json",
        r#"{"name":"shop","version":"1.0.0","dependencies":{}}"#,
    ),
    (
        "trail.json",
        r#"{"Records":[{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/a","accessKeyId":"AKIA4EXAMPLE4EXAMPLE"},"eventName":"ListUsers"}]}"#,
    ),
    (
        "audit.json",
        r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","verb":"get","user":{"username":"system:serviceaccount:a:b"}}"#,
    ),
    (
        "log.json",
        r#"{"protoPayload":{"authenticationInfo":{"principalEmail":"api@shop.iam.gserviceaccount.com"},"serviceName":"storage.googleapis.com"},"insertId":"1"}"#,
    ),
    (
        "report.csv",
        "user,arn,user_creation_time,password_enabled\n",
    ),
    ("other.csv", "name,team\na,b\n"),
    ("CODEOWNERS", "* @larkmoor/payments\n"),
    ("CODEOWNERS", ""),
    ("README.md", "# Shop\n\n* [start](x)\n"),
];
