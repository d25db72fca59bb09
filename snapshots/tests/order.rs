//! The bytes of a snapshot depend on what sources say, not on the order in which files and entries come;
//! who is believed depends on the declared precedence.

use std::path::Path;

use serde_json::Value;
use snapshots::config::InventoryConfig;
use snapshots::export::{Explicit, Quiet, export, export_snapshot};
use snapshots::format::build;
use snapshots::model::Identity;
use snapshots::text::time;

const NOW: i64 = 1_773_986_400_000; // 2026-03-20T06:00:00Z

/// A linear congruential generator, so that a failure can be looked at again.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            list.swap(at, self.below(at + 1));
        }
    }
}

/// Shuffles the lists of an export that hold its entries; lists inside an entry may have a meaning.
fn shuffle(value: &mut Value, random: &mut Random) {
    match value {
        Value::Object(map) => map.values_mut().for_each(|inner| {
            if let Value::Array(items) = inner {
                random.shuffle(items);
            }
        }),
        Value::Array(items) => random.shuffle(items),
        _ => {}
    }
}

#[test]
fn files_and_entries_may_come_in_any_order() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let text = std::fs::read_to_string(samples.join("inventory.toml")).unwrap();
    let explicit = Explicit::new(NOW, 1, 0);
    let bytes = |config: &InventoryConfig| {
        let (bytes, exported) = export_snapshot(config, &explicit, &mut Quiet).unwrap();
        assert!(exported.report.identities > 60);
        bytes
    };
    let config = InventoryConfig::parse(&samples.join("inventory.toml"), &text).unwrap();
    let expected = bytes(&config);
    // The streamed way and the one over an inventory in memory make the same snapshot.
    let inventory = export(&config, &explicit, &mut Quiet).unwrap().inventory;
    assert_eq!(build(&inventory).unwrap(), expected);
    let mut random = Random(7);
    for round in 0..4 {
        let folder = tempfile::tempdir().unwrap();
        let mut altered = config.clone();
        for (number, source) in altered.sources.iter_mut().enumerate() {
            for (place, path) in source.files.iter_mut().enumerate() {
                let text = std::fs::read_to_string(&*path).unwrap();
                let Ok(mut document) = serde_json::from_str::<Value>(&text) else {
                    continue;
                };
                shuffle(&mut document, &mut random);
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                *path = folder.path().join(format!("{number}-{place}-{name}"));
                std::fs::write(&*path, document.to_string()).unwrap();
            }
            random.shuffle(&mut source.files);
        }
        assert!(
            bytes(&altered) == expected,
            "round {round} made other bytes"
        );
    }
}

const OLD: &str = r#"{"Users":[{"UserName":"ci","UserId":"AIDA4CICI4CICI4CICI4","Arn":"arn:aws:iam::111122223333:user/ci","CreateDate":"2024-01-01T00:00:00Z","Tags":[{"Key":"owner","Value":"old-team"}]}]}"#;
const NEW: &str = r#"{"Users":[{"UserName":"ci","UserId":"AIDA4CICI4CICI4CICI4","Arn":"arn:aws:iam::111122223333:user/ci","CreateDate":"2024-02-02T00:00:00Z","Tags":[{"Key":"owner","Value":"new-team"}]}]}"#;

const OLDER: &str = "2024-01-01T00:00:00Z";
const NEWER: &str = "2024-02-02T00:00:00Z";

/// The user of two sources of which the second one is newer.
fn decided(precedence: &str) -> Identity {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("old.json"), OLD).unwrap();
    std::fs::write(folder.path().join("new.json"), NEW).unwrap();
    let text = format!(
        "organization = \"x\"\n{precedence}\n\
        [[source]]\nname = \"old\"\nconnector = \"aws_iam_users\"\nfiles = [\"old.json\"]\nobserved = \"2026-03-01\"\n\
        [[source]]\nname = \"new\"\nconnector = \"aws_iam_users\"\nfiles = [\"new.json\"]\nobserved = \"2026-03-19\"\n"
    );
    let config = InventoryConfig::parse(&folder.path().join("inventory.toml"), &text).unwrap();
    let mut exported = export(&config, &Explicit::new(NOW, 1, 0), &mut Quiet).unwrap();
    assert_eq!(exported.inventory.identities.len(), 1);
    exported.inventory.identities.swap_remove(0)
}

#[test]
fn the_declared_precedence_decides_field_by_field() {
    let of = |identity: &Identity| {
        let owner = identity.owner.as_ref().unwrap();
        let lost: Vec<String> = identity
            .conflicts
            .iter()
            .map(|lost| format!("{} {}: {}", lost.field, lost.source, lost.value))
            .collect();
        (
            identity.created.at().map(time),
            owner.entity.reference.clone(),
            lost,
        )
    };
    for (precedence, created, owner, lost) in [
        (
            "",
            OLDER,
            "group:default/old-team",
            "created new: 2024-02-02T00:00:00Z",
        ),
        (
            "precedence = \"SOURCE\"",
            OLDER,
            "group:default/old-team",
            "created new: 2024-02-02T00:00:00Z",
        ),
        (
            "precedence = \"RECENCY\"",
            NEWER,
            "group:default/new-team",
            "created old: 2024-01-01T00:00:00Z",
        ),
        (
            "precedence = { default = \"RECENCY\", tags = \"SOURCE\" }",
            NEWER,
            "group:default/old-team",
            "created old: 2024-01-01T00:00:00Z",
        ),
        (
            "[precedence]\ncreated = \"RECENCY\"",
            NEWER,
            "group:default/old-team",
            "created old: 2024-01-01T00:00:00Z",
        ),
    ] {
        let identity = decided(precedence);
        let expected = (
            Some(created.to_owned()),
            owner.to_owned(),
            vec![lost.to_owned()],
        );
        assert_eq!(of(&identity), expected, "{precedence}");
        let source = if created == OLDER { "old" } else { "new" };
        let stated = identity
            .provenance
            .iter()
            .find(|stated| stated.field == "created")
            .unwrap();
        assert_eq!(&*stated.source, source, "{precedence}");
    }
}

#[test]
fn a_precedence_that_does_not_exist_is_an_error_with_its_line() {
    let message = |line: &str| {
        let text = format!(
            "organization = \"x\"\n{line}\n[[source]]\nname = \"a\"\nconnector = \"auto\"\nfiles = [\"a.json\"]\n"
        );
        InventoryConfig::parse(Path::new("inventory.toml"), &text)
            .unwrap_err()
            .to_string()
    };
    let text = message("precedence = \"NEWEST\"");
    assert!(
        text.contains("line 2") && text.contains("SOURCE, RECENCY"),
        "{text}"
    );
    let text = message("precedence = { ownr = \"SOURCE\" }");
    assert!(text.contains("did you mean \"owner\""), "{text}");
    let text = message("tombstone_retention = \"a year\"");
    assert!(text.contains("line 2") && text.contains("400d"), "{text}");
}

/// The bytes of a snapshot of one source whose files come in every order, each also with its lines
/// reversed.
fn same_bytes(connector: &str, domain: &str, files: &[&str], beside: &str) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("principal.json"), PRINCIPAL).unwrap();
    let bytes = |names: &[String]| {
        let names: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
        let text = format!(
            "organization = \"x\"\n{beside}[[source]]\nname = \"s\"\nconnector = {connector:?}\ndomain = {domain:?}\nfiles = [{}]\n",
            names.join(", ")
        );
        let path = folder.path().join("inventory.toml");
        let config = InventoryConfig::parse(&path, &text).unwrap();
        let (bytes, exported) =
            export_snapshot(&config, &Explicit::new(NOW, 1, 0), &mut Quiet).unwrap();
        assert!(exported.report.identities > 0, "{connector}");
        bytes
    };
    let mut names: Vec<String> = Vec::new();
    for (number, text) in files.iter().enumerate() {
        names.push(format!("{number}.json"));
        std::fs::write(folder.path().join(&names[number]), text).unwrap();
    }
    // In one file as well: later entries are no better than earlier ones.
    let forth = files.join("\n");
    let back: Vec<&str> = files
        .iter()
        .rev()
        .flat_map(|text| text.lines().rev())
        .collect();
    std::fs::write(folder.path().join("forth.json"), &forth).unwrap();
    std::fs::write(folder.path().join("back.json"), back.join("\n")).unwrap();
    let expected = bytes(&names);
    for turn in 0..names.len() {
        names.rotate_left(1);
        assert!(bytes(&names) == expected, "{connector}: rotation {turn}");
        let reversed: Vec<String> = names.iter().rev().cloned().collect();
        assert!(bytes(&reversed) == expected, "{connector}: reversed {turn}");
    }
    for one in ["forth.json", "back.json"] {
        assert!(bytes(&[one.to_owned()]) == expected, "{connector}: {one}");
    }
}

const TENANT: &str = "11111111-1111-4111-8111-111111111111";
const PRINCIPAL: &str = r##"{"@odata.type": "#microsoft.graph.servicePrincipal", "id": "aaaaaaaa-0000-4000-8000-000000000001", "appId": "cccccccc-0000-4000-8000-000000000003", "displayName": "shop", "servicePrincipalType": "Application", "appOwnerOrganizationId": "11111111-1111-4111-8111-111111111111", "accountEnabled": true}"##;

#[test]
fn two_descriptions_of_a_repository_may_come_in_any_order() {
    same_bytes(
        "github",
        "larkmoor",
        &[
            r#"{"full_name": "Larkmoor/Docs", "name": "Docs", "id": 1, "default_branch": "main", "archived": false, "html_url": "https://github.com/Larkmoor/Docs"}
{"repository": "Larkmoor/Docs", "default_workflow_permissions": "write"}
{"repository": "Larkmoor/Docs", "secrets": [{"name": "NPM", "created_at": "2024-01-01T00:00:00Z", "updated_at": "2024-01-01T00:00:00Z"}]}
{"repository": "Larkmoor/Docs", "use_default": true}"#,
            r#"{"full_name": "larkmoor/docs", "name": "docs", "id": 1, "default_branch": "trunk", "archived": true, "html_url": "https://github.com/larkmoor/docs"}
{"repository": "larkmoor/docs", "default_workflow_permissions": "read"}
{"repository": "larkmoor/docs", "secrets": [{"name": "NPM", "created_at": "2024-01-01T00:00:00Z", "updated_at": "2025-01-01T00:00:00Z"}]}
{"repository": "larkmoor/docs", "use_default": false, "include_claim_keys": ["repo", "job_workflow_ref"]}"#,
        ],
        "",
    );
}

#[test]
fn two_definitions_of_a_role_of_google_may_come_in_any_order() {
    same_bytes(
        "gcp",
        "proj",
        &[
            r#"{"name": "projects/proj/roles/r", "includedPermissions": ["storage.objects.get"], "title": "R"}"#,
            r#"{"name": "projects/proj/roles/r", "includedPermissions": ["resourcemanager.projects.setIamPolicy"], "title": "R"}"#,
            r#"{"name": "projects/proj/roles/r", "stage": "DISABLED", "title": "R"}"#,
            r#"{"bindings": [{"role": "projects/proj/roles/r", "members": ["serviceAccount:a@proj.iam.gserviceaccount.com"]}]}"#,
        ],
        "",
    );
}

#[test]
fn two_definitions_of_a_directory_role_may_come_in_any_order() {
    let role = |action: &str| {
        format!(
            r##"{{"@odata.type": "#microsoft.graph.unifiedRoleDefinition", "id": "dddddddd-0000-4000-8000-000000000004", "displayName": "Ours", "isBuiltIn": false, "rolePermissions": [{{"allowedResourceActions": ["microsoft.directory/{action}"]}}]}}"##
        )
    };
    same_bytes(
        "entra_graph",
        TENANT,
        &[
            &role("x/read"),
            &role("roleAssignments/update"),
            PRINCIPAL,
            r##"{"@odata.type": "#microsoft.graph.unifiedRoleAssignment", "id": "r1", "principalId": "aaaaaaaa-0000-4000-8000-000000000001", "roleDefinitionId": "dddddddd-0000-4000-8000-000000000004", "directoryScopeId": "/"}"##,
        ],
        "",
    );
}

#[test]
fn two_descriptions_of_a_principal_may_come_in_any_order() {
    let notes = |notes: &str, tag: &str| {
        let more = format!(r#", "notes": "{notes}", "tags": ["team={tag}"]}}"#);
        PRINCIPAL.replace('}', &more)
    };
    same_bytes(
        "entra_graph",
        TENANT,
        &[&notes("one", "a"), &notes("two", "b")],
        "",
    );
}

#[test]
fn two_definitions_of_a_role_of_azure_may_come_in_any_order() {
    let role = |actions: &str| {
        format!(
            r#"{{"id": "/subscriptions/5ab1e000-0000-4000-8000-000000000001/providers/Microsoft.Authorization/roleDefinitions/9980e02c-c2be-4d73-94e8-173b1dc7cf3c", "name": "9980e02c-c2be-4d73-94e8-173b1dc7cf3c", "roleName": "Ours", "roleType": "CustomRole", "permissions": [{{"actions": ["{actions}"], "notActions": [], "dataActions": [], "notDataActions": []}}]}}"#
        )
    };
    same_bytes(
        "azure",
        TENANT,
        &[
            &role("Microsoft.Compute/virtualMachines/read"),
            &role("*"),
            r#"{"principalId": "aaaaaaaa-0000-4000-8000-000000000001", "principalType": "ServicePrincipal", "roleDefinitionName": "Ours", "roleDefinitionId": "/subscriptions/5ab1e000-0000-4000-8000-000000000001/providers/Microsoft.Authorization/roleDefinitions/9980e02c-c2be-4d73-94e8-173b1dc7cf3c", "scope": "/subscriptions/5ab1e000-0000-4000-8000-000000000001", "id": "/x", "name": "x"}"#,
        ],
        "[[source]]\nname = \"graph\"\nconnector = \"entra_graph\"\ndomain = \"11111111-1111-4111-8111-111111111111\"\nfiles = [\"principal.json\"]\n",
    );
}
