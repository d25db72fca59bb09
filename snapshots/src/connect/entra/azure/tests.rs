//! What the answers of Azure Resource Manager say.

use super::*;

const TENANT: &str = "4d3bac44-0000-4000-8000-cc00736f0a97";
const SHOP: &str = "d9da5bf4-0000-4001-8000-123456789abc";

fn load(texts: &[&str], domain: Option<&str>) -> Result<Harvest, ConnectError> {
    let source = Source {
        name: "azure".to_owned(),
        rank: 0,
        observed_ms: 1_773_986_400_000,
        domain: domain.map(str::to_owned),
    };
    let inputs: Vec<Input> = texts
        .iter()
        .map(|text| Input::memory("a.json".as_ref(), text.as_bytes()))
        .collect();
    let mut harvest = Harvest::default();
    connect(&source, &inputs, &mut harvest).map(|()| harvest)
}

fn names(record: &Record) -> Vec<(&str, u8)> {
    let grants = record.facts.grants.iter();
    grants
        .map(|grant| (grant.name.as_str(), grant.tier))
        .collect()
}

#[test]
fn assignments_become_claims_of_principals() {
    let cli = r#"[{"condition":null,"createdOn":"2025-02-03T04:05:06.789+00:00","id":"/subscriptions/5ab1/providers/Microsoft.Authorization/roleAssignments/1","name":"1",
            "principalId":"D9DA5BF4-0000-4001-8000-123456789ABC","principalName":"a1b2c3d4-0000-4000-8000-00000000000a","principalType":"ServicePrincipal",
            "roleDefinitionId":"/subscriptions/5ab1/providers/Microsoft.Authorization/roleDefinitions/b24988ac-6180-42a0-ab88-20f7382dd24c","roleDefinitionName":"Contributor",
            "scope":"/subscriptions/5ab1","type":"Microsoft.Authorization/roleAssignments"},
            {"principalId":"d9da5bf4-0000-4009-8000-123456789abc","principalType":"User","roleDefinitionId":"/x","roleDefinitionName":"Owner","scope":"/"}]"#;
    let rest = r#"{"value":[{"properties":{"roleDefinitionId":"/providers/Microsoft.Authorization/roleDefinitions/8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
            "principalId":"d9da5bf4-0000-4001-8000-123456789abc","principalType":"ServicePrincipal","scope":"/subscriptions/5ab1/resourceGroups/shop"},
            "id":"/x/1","type":"Microsoft.Authorization/roleAssignments","name":"1"}]}"#;
    let powershell = r#"{"RoleAssignmentName":"1","Scope":"/","DisplayName":"shop","RoleDefinitionName":"Reader","RoleDefinitionId":"acdd72a7-3385-48ef-bd42-f606fba81ae7",
            "ObjectId":"d9da5bf4-0000-4001-8000-123456789abc","ObjectType":"ServicePrincipal"}"#;
    let harvest = load(&[cli, rest, powershell], None).unwrap();
    assert_eq!(harvest.records.len(), 1);
    let record = &harvest.records[0];
    assert_eq!(record.uid, None);
    assert_eq!(
        crate::record::notation(&record.aliases[0]),
        format!("entra_object_id:{SHOP}")
    );
    let mut names = names(record);
    names.sort_unstable();
    assert_eq!(
        names,
        [
            ("Contributor at subscription 5ab1", 1),
            ("Owner at resource group 5ab1/shop", 1),
            ("Reader at /", 3)
        ]
    );
    assert!(harvest.warnings[0].contains("1 role assignments to people"));
}

#[test]
fn a_custom_role_is_judged_by_its_definition() {
    let text = r#"[{"id":"/subscriptions/5ab1/providers/Microsoft.Authorization/roleDefinitions/c0ffee00-0000-4000-8000-000000000001","name":"c0ffee00-0000-4000-8000-000000000001",
            "roleName":"Deploy Reader","roleType":"CustomRole","permissions":[{"actions":["Microsoft.Authorization/roleAssignments/write"],"notActions":[],"dataActions":[],"notDataActions":[]}]},
            {"principalId":"d9da5bf4-0000-4001-8000-123456789abc","principalType":"ServicePrincipal","roleDefinitionName":"Deploy Reader",
            "roleDefinitionId":"/subscriptions/5ab1/providers/Microsoft.Authorization/roleDefinitions/c0ffee00-0000-4000-8000-000000000001","scope":"/subscriptions/5ab1"}]"#;
    let harvest = load(&[text], None).unwrap();
    assert_eq!(
        names(&harvest.records[0]),
        [("Deploy Reader at subscription 5ab1", 0)]
    );
}

#[test]
fn a_managed_identity_knows_its_resource_and_who_runs_as_it() {
    let identity = r#"[{"clientId":"a1b2c3d4-0000-4000-8000-00000000000a","principalId":"d9da5bf4-0000-4001-8000-123456789abc","tenantId":"4d3bac44-0000-4000-8000-cc00736f0a97",
            "id":"/subscriptions/5ab1/resourcegroups/shop/providers/Microsoft.ManagedIdentity/userAssignedIdentities/shop-api","name":"shop-api","location":"westeurope",
            "resourceGroup":"shop","tags":{"team":"storefront"},"type":"Microsoft.ManagedIdentity/userAssignedIdentities"}]"#;
    let app = r#"{"data":[{"id":"/subscriptions/5ab1/resourceGroups/shop/providers/Microsoft.Web/sites/shop-api","type":"microsoft.web/sites","location":"westeurope",
            "identity":{"type":"SystemAssigned, UserAssigned","principalId":"d9da5bf4-0000-4002-8000-123456789abc",
            "userAssignedIdentities":{"/subscriptions/5ab1/resourceGroups/shop/providers/Microsoft.ManagedIdentity/userAssignedIdentities/shop-api":{}}}}]}"#;
    let trust = r#"{"id":"/subscriptions/5ab1/resourcegroups/shop/providers/Microsoft.ManagedIdentity/userAssignedIdentities/shop-api/federatedIdentityCredentials/aks",
            "issuer":"https://westeurope.oic.prod-aks.azure.com/t/c/","subject":"system:serviceaccount:shop:api","audiences":["api://AzureADTokenExchange"],"name":"aks"}"#;
    let harvest = load(&[identity, app, trust], Some(TENANT)).unwrap();
    let own = harvest
        .records
        .iter()
        .find(|record| record.uid.is_some())
        .unwrap();
    assert_eq!(
        own.uid.as_deref(),
        Some(format!("entra:{TENANT}:sp/{SHOP}").as_str())
    );
    let site =
        "azure:/subscriptions/5ab1/resourcegroups/shop/providers/microsoft.web/sites/shop-api";
    assert_eq!(own.facts.workloads, [site]);
    assert_eq!(
        own.facts.tags.get("team").map(String::as_str),
        Some("storefront")
    );
    assert_eq!(own.facts.namespace.as_deref(), Some("5ab1"));
    assert_eq!(
        own.facts.assumable_by,
        ["oidc_subject@westeurope.oic.prod-aks.azure.com/t/c:system:serviceaccount:shop:api"]
    );
    let claim = harvest
        .records
        .iter()
        .find(|record| record.uid.is_none())
        .unwrap();
    assert_eq!(claim.facts.workloads, [site]);
    let other = Some("00000000-1111-4000-8000-000000000000");
    assert!(matches!(
        load(&[identity], other),
        Err(ConnectError::MixedDomains { .. })
    ));
}

#[test]
fn what_is_no_answer_of_azure_is_refused() {
    assert!(
        load(&[r#"{"UserDetailList":[]}"#], None)
            .unwrap_err()
            .to_string()
            .contains("role assignment")
    );
    assert!(load(&["[]"], None).unwrap().records.is_empty());
    assert!(matches!(
        load(&["[]"], Some("larkmoor.example")),
        Err(ConnectError::DomainShape { .. })
    ));
}

#[test]
fn a_list_that_is_cut_retires_nobody() {
    let page = |subscription: u8, link: &str| {
        format!(
            r#"{{"value":[{{"id":"/subscriptions/5ab1e000-0000-4000-8000-00000000000{subscription}/resourceGroups/shop/providers/Microsoft.ManagedIdentity/userAssignedIdentities/shop","type":"Microsoft.ManagedIdentity/userAssignedIdentities",
                    "name":"shop","location":"westeurope","properties":{{"tenantId":"4d3bac44-0000-4000-8000-cc00736f0a97","principalId":"d9da5bf4-0000-4001-8000-123456789abc","clientId":"a1b2c3d4-0000-4000-8000-00000000000a"}}}}]{link}}}"#
        )
    };
    let more = r#","nextLink":"https://management.azure.com/subscriptions/x?$skiptoken=y""#;
    let (cut, other) = (page(1, more), page(2, ""));
    let is_partial = |texts: &[&str]| {
        let harvest = load(texts, None).unwrap();
        let told = harvest
            .warnings
            .iter()
            .any(|text| text.contains("nextLink"));
        assert_eq!(told, harvest.coverage.partial.contains("azure"));
        told
    };
    assert!(is_partial(&[&cut]));
    // The end of another subscription's list is not the end of this one.
    assert!(is_partial(&[&cut, &other]));
    assert!(!is_partial(&[&cut, &page(1, "")]));
    assert!(!is_partial(&[&other]));
}
