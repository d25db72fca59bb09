//! `[privilege] rules` of the policy know a role by its name, whichever provider it is of and wherever it is
//! held.

use enrich_core::vocabulary::PrivilegeLevel;
use snapshots::connect::{Connector, Input, connect, finish};
use snapshots::export::{Explicit, assemble};
use snapshots::policy::Policy;
use snapshots::record::{Harvest, Source};

const NOW: i64 = 1_773_986_400_000;
const TENANT: &str = "7e57c0de-0000-4000-8000-000000000001";

const GOOGLE: &str = r#"[{"resource":"//cloudresourcemanager.googleapis.com/projects/shop","assetType":"cloudresourcemanager.googleapis.com/Project","project":"projects/123456789012",
    "policy":{"bindings":[{"role":"roles/owner","members":["serviceAccount:api@shop.iam.gserviceaccount.com"]}]}}]"#;
const ACCOUNTS: &str = r#"[{"name":"projects/shop/serviceAccounts/api@shop.iam.gserviceaccount.com","projectId":"shop","uniqueId":"100000000000000000001","email":"api@shop.iam.gserviceaccount.com"}]"#;

const GRAPH: &str = r##"[{"@odata.type":"#microsoft.graph.servicePrincipal","id":"d9da5bf4-0000-4001-8000-123456789abc","appId":"a1b2c3d4-0000-4000-8000-00000000000a","displayName":"sync","servicePrincipalType":"Application"},
    {"@odata.type":"#microsoft.graph.servicePrincipal","id":"d9da5bf4-0000-4002-8000-123456789abc","appId":"a1b2c3d4-0000-4000-8000-00000000000b","displayName":"unit","servicePrincipalType":"Application"},
    {"@odata.type":"#microsoft.graph.unifiedRoleAssignment","id":"1","principalId":"d9da5bf4-0000-4001-8000-123456789abc","roleDefinitionId":"62e90394-69f5-4237-9190-012177145e10","directoryScopeId":"/",
     "roleDefinition":{"id":"62e90394-69f5-4237-9190-012177145e10","displayName":"Global Administrator","isBuiltIn":true}},
    {"@odata.type":"#microsoft.graph.unifiedRoleAssignment","id":"2","principalId":"d9da5bf4-0000-4002-8000-123456789abc","roleDefinitionId":"fe930be7-5e62-47db-91af-98c3a49a38b1","directoryScopeId":"/administrativeUnits/5d1c9be0-0000-4000-8000-000000000001",
     "roleDefinition":{"id":"fe930be7-5e62-47db-91af-98c3a49a38b1","displayName":"User Administrator","isBuiltIn":true}}]"##;

const AZURE: &str = r#"[{"id":"/subscriptions/5ab1e000-0000-4000-8000-000000000001/providers/Microsoft.Authorization/roleAssignments/1","principalId":"d9da5bf4-0000-4003-8000-123456789abc","principalType":"ServicePrincipal",
    "roleDefinitionName":"Key Vault Administrator","scope":"/subscriptions/5ab1e000-0000-4000-8000-000000000001/resourceGroups/shop"}]"#;
const MANAGED: &str = r#"[{"id":"/subscriptions/5ab1e000-0000-4000-8000-000000000001/resourceGroups/shop/providers/Microsoft.ManagedIdentity/userAssignedIdentities/vault","type":"Microsoft.ManagedIdentity/userAssignedIdentities","name":"vault","location":"westeurope",
    "tenantId":"7e57c0de-0000-4000-8000-000000000001","principalId":"d9da5bf4-0000-4003-8000-123456789abc","clientId":"a1b2c3d4-0000-4000-8000-00000000000c"}]"#;

const CLUSTER: &str = r#"{"apiVersion":"v1","kind":"List","items":[
    {"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"api","namespace":"shop","uid":"0b1c2d3e-0000-4000-8000-000000000001"}},
    {"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":"shop-operator"},"rules":[{"apiGroups":["*"],"resources":["*"],"verbs":["*"]}]},
    {"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRoleBinding","metadata":{"name":"b"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"shop-operator"},
     "subjects":[{"kind":"ServiceAccount","name":"api","namespace":"shop"}]}]}"#;

/// Tier and level of each identity that has a privilege, by uid.
fn privileges(policy: &str) -> Vec<(String, u8, PrivilegeLevel)> {
    let mut harvest = Harvest::default();
    let sources: [(Connector, &str, &[&str]); 4] = [
        (Connector::Gcp, "shop", &[GOOGLE, ACCOUNTS]),
        (Connector::EntraGraph, TENANT, &[GRAPH]),
        (Connector::Azure, TENANT, &[AZURE, MANAGED]),
        (Connector::Kubernetes, "prod", &[CLUSTER]),
    ];
    for (rank, (connector, domain, texts)) in sources.into_iter().enumerate() {
        let source = Source {
            name: connector.as_str().to_owned(),
            rank,
            observed_ms: NOW,
            domain: Some(domain.to_owned()),
        };
        let inputs: Vec<Input> = texts
            .iter()
            .map(|text| Input::memory("x.json".as_ref(), text.as_bytes()))
            .collect();
        connect(connector, &source, &inputs, &mut harvest).expect("the export is good");
    }
    finish(&mut harvest);
    let policy = Policy::parse("policy.toml", &format!("version = 1\n{policy}"))
        .expect("the policy is good");
    let explicit = Explicit::new(NOW, 1, 0);
    let exported = assemble("Larkmoor", &harvest, &policy, &explicit);
    let identities = exported.inventory.identities.into_iter();
    identities
        .filter_map(|identity| {
            let privilege = identity.privilege?;
            Some((identity.uid, privilege.tier, privilege.level))
        })
        .collect()
}

#[test]
fn rules_override_the_tables_by_the_name_of_the_role() {
    let of = |policy: &str| -> Vec<u8> {
        let found = privileges(policy);
        assert_eq!(found.len(), 5, "{found:?}");
        found.into_iter().map(|(_, tier, _)| tier).collect()
    };
    // Two of Entra, one of Azure, one of Google, one of Kubernetes, in the order of their uids.
    let stated = of("");
    assert!(stated.iter().all(|tier| *tier < 3), "{stated:?}");
    let rules = r#"
[privilege]
rules = [
    { name = "roles/owner", level = "read", tier = 3 },
    { name = "Global Administrator", level = "read", tier = 3 },
    { name = "User Administrator", level = "read", tier = 3 },
    { name = "Key Vault Administrator", level = "read", tier = 3 },
    { name = "shop-operator", level = "read", tier = 3 },
]
"#;
    for (uid, tier, level) in privileges(rules) {
        assert_eq!((tier, level), (3, PrivilegeLevel::Read), "{uid}");
    }
    // A name is the whole name, unless it has a star.
    let others = rules.replace("name = \"", "name = \"x-");
    assert_eq!(of(&others), stated);
    let stars = r#"
[privilege]
rules = [{ name = "*", level = "write", tier = 1 }]
"#;
    assert_eq!(of(stars), [1; 5]);
}
