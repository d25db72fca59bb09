//! The tenant's objects in the shapes in which tools print them, through the connector.

use enrich_core::vocabulary::{Kind, LifecycleState, PrivilegeLevel};

use super::*;
use crate::model::Time;
use crate::record::{Grant, Record, notation};

const TENANT: &str = "4d3bac44-0000-4000-8000-cc00736f0a97";

fn load_files(files: &[(&str, &str)], domain: Option<&str>) -> Result<Harvest, ConnectError> {
    let source = Source {
        name: "entra".to_owned(),
        rank: 0,
        observed_ms: 1_773_986_400_000,
        domain: domain.map(str::to_owned),
    };
    let inputs: Vec<Input> = files
        .iter()
        .map(|(name, text)| Input::memory(name.as_ref(), text.as_bytes()))
        .collect();
    let mut harvest = Harvest::default();
    connect(&source, &inputs, &mut harvest)?;
    crate::connect::finish(&mut harvest);
    Ok(harvest)
}

fn load(texts: &[&str]) -> Harvest {
    let files: Vec<(&str, &str)> = texts.iter().map(|text| ("graph.json", *text)).collect();
    load_files(&files, Some(TENANT)).unwrap()
}

fn find<'h>(harvest: &'h Harvest, uid: &str) -> &'h Record {
    harvest
        .records
        .iter()
        .find(|record| record.uid.as_deref() == Some(uid))
        .unwrap_or_else(|| panic!("no {uid} in {:?}", harvest.records))
}

fn sp(number: u32) -> String {
    format!("entra:{TENANT}:sp/d9da5bf4-0000-4{number:03}-8000-123456789abc")
}

/// `az ad sp list --all`: an application of the tenant, one of a vendor, two managed identities.
const PRINCIPALS: &str = r##"[
    {"id":"d9da5bf4-0000-4001-8000-123456789abc","appId":"A1B2C3D4-0000-4000-8000-00000000000A","displayName":"ledger-sync","servicePrincipalType":"Application","accountEnabled":true,
     "appOwnerOrganizationId":"4d3bac44-0000-4000-8000-cc00736f0a97","createdDateTime":"2024-02-01T00:00:00Z","tags":["team:finance","HideApp"],"alternativeNames":[],
     "customSecurityAttributes":{"Ops":{"@odata.type":"#microsoft.graph.customSecurityAttributeValue","Env":"production"}}},
    {"id":"d9da5bf4-0000-4002-8000-123456789abc","appId":"b1b2c3d4-0000-4000-8000-00000000000b","displayName":"Paceline","servicePrincipalType":"Application","accountEnabled":false,
     "appOwnerOrganizationId":"77778888-0000-4000-8000-000000000001","verifiedPublisher":{"displayName":"Paceline Analytics"}},
    {"id":"d9da5bf4-0000-4003-8000-123456789abc","appId":"c1b2c3d4-0000-4000-8000-00000000000c","displayName":"shop-vm","servicePrincipalType":"ManagedIdentity",
     "alternativeNames":["isExplicit=False","/subscriptions/5ab1e000-0000-4000-8000-000000000001/resourceGroups/shop/providers/Microsoft.Compute/virtualMachines/shop-vm"]},
    {"id":"d9da5bf4-0000-4004-8000-123456789abc","appId":"00000003-0000-0000-c000-000000000000","displayName":"Microsoft Graph","servicePrincipalType":"Application",
     "appOwnerOrganizationId":"f8cdef31-a31e-4b4a-93e4-5f571e91255a","appRoles":[{"id":"e1e2e3e4-0000-4000-8000-000000000001","value":"Orders.Read"}]}]"##;

/// Applications with what `$expand=owners` adds.
const APPLICATIONS: &str = r##"{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#applications(owners())","value":[
    {"id":"0b0b0b0b-0000-4000-8000-000000000001","appId":"a1b2c3d4-0000-4000-8000-00000000000a","displayName":"ledger-sync","signInAudience":"AzureADMyOrg","notes":"Posts the ledger",
     "serviceManagementReference":"ERP-7","passwordCredentials":[{"keyId":"7e57c0de-0000-4000-8000-0000000000c1","hint":"x1Y","startDateTime":"2025-01-01T00:00:00Z","endDateTime":"2027-01-01T00:00:00Z"}],
     "owners":[{"@odata.type":"#microsoft.graph.servicePrincipal","id":"d9da5bf4-0000-4009-8000-123456789abc","displayName":"provisioner"},
               {"@odata.type":"#microsoft.graph.user","id":"0d0d0d0d-0000-4000-8000-000000000001","displayName":"Rim Haddad","mail":"Rim.Haddad@larkmoor.example","userPrincipalName":"rim@larkmoor.example"}]},
    {"id":"0b0b0b0b-0000-4000-8000-000000000002","appId":"a2b2c3d4-0000-4000-8000-00000000000a","displayName":"never-consented","signInAudience":"AzureADMultipleOrgs"}]}"##;

#[test]
fn an_application_and_its_principal_are_one() {
    let harvest = load(&[PRINCIPALS, APPLICATIONS]);
    let ledger = find(&harvest, &sp(1));
    let keys: Vec<String> = ledger.aliases.iter().map(notation).collect();
    assert_eq!(
        keys,
        [
            "entra_object_id:d9da5bf4-0000-4001-8000-123456789abc",
            "entra_app_id:a1b2c3d4-0000-4000-8000-00000000000a",
            "entra_object_id:0b0b0b0b-0000-4000-8000-000000000001",
            "entra_key_id:7e57c0de-0000-4000-8000-0000000000c1",
        ]
    );
    let facts = &ledger.facts;
    assert_eq!(facts.native_kind, Some(Kind::ServicePrincipal));
    assert_eq!(
        facts.owner.as_deref(),
        Some("user:default/rim.haddad@larkmoor.example")
    );
    assert_eq!(
        facts.secondary_owners,
        ["service:entra/d9da5bf4-0000-4009-8000-123456789abc"]
    );
    assert_eq!(facts.purpose.as_deref(), Some("Posts the ledger"));
    assert_eq!(facts.service.as_deref(), Some("ERP-7"));
    assert_eq!(facts.vendor, None);
    assert_eq!(facts.tags.get("team").map(String::as_str), Some("finance"));
    assert_eq!(
        facts.tags.get("Ops/Env").map(String::as_str),
        Some("production")
    );
    assert_eq!(facts.credentials.len(), 1);
    assert!(!format!("{harvest:?}").contains("x1Y"));
    let entry = &harvest.directory.entries["user:default/rim.haddad@larkmoor.example"];
    assert_eq!(
        (entry.name.as_deref(), &entry.contact),
        (Some("Rim Haddad"), &None)
    );
    // What has no principal here is still a thing that can be asked for.
    let alone = find(
        &harvest,
        &format!("entra:{TENANT}:app/0b0b0b0b-0000-4000-8000-000000000002"),
    );
    assert_eq!(alone.facts.sub_type.as_deref(), Some("entra_application"));
    assert!(harvest.scopes[0].covered);
}

#[test]
fn third_parties_managed_identities_and_what_is_off() {
    let harvest = load(&[PRINCIPALS]);
    let vendor = &find(&harvest, &sp(2)).facts;
    assert_eq!(vendor.vendor.as_deref(), Some("Paceline Analytics"));
    assert_eq!(vendor.lifecycle_state, Some(LifecycleState::Disabled));
    let vm = &find(&harvest, &sp(3)).facts;
    assert_eq!(vm.native_kind, Some(Kind::ManagedIdentity));
    assert_eq!(
        vm.workloads,
        [
            "azure:/subscriptions/5ab1e000-0000-4000-8000-000000000001/resourcegroups/shop/providers/microsoft.compute/virtualmachines/shop-vm"
        ]
    );
    assert_eq!(
        vm.namespace.as_deref(),
        Some("5ab1e000-0000-4000-8000-000000000001")
    );
    let graph = &find(&harvest, &sp(4)).facts;
    assert_eq!(graph.vendor.as_deref(), Some("Microsoft"));
    assert_eq!(
        graph.sub_type.as_deref(),
        Some("entra_microsoft_service_principal")
    );
    assert_eq!(find(&harvest, &sp(1)).facts.lifecycle_state, None);
}

#[test]
fn powershell_prints_the_same() {
    let text = r##"[{"AccountEnabled":true,"AppId":"a1b2c3d4-0000-4000-8000-00000000000a","Id":"d9da5bf4-0000-4001-8000-123456789abc","DisplayName":"ledger-sync",
        "ServicePrincipalType":"Application","CreatedDateTime":"\/Date(1706745600000)\/","DeletedDateTime":null,"Tags":["team:finance"],
        "PasswordCredentials":[{"KeyId":"7e57c0de-0000-4000-8000-0000000000c1","StartDateTime":"\/Date(1735689600000+0100)\/","EndDateTime":"\/Date(1798761600000)\/"}],
        "Owners":null,"AdditionalProperties":{"createdByAppId":"a9b2c3d4-0000-4000-8000-00000000000a"}}]"##;
    let harvest = load(&[text]);
    let facts = &find(&harvest, &sp(1)).facts;
    assert_eq!(facts.created, Time::At(1_706_745_600_000));
    assert_eq!(facts.credentials[0].created, Time::At(1_735_689_600_000));
    assert_eq!(
        facts.created_by.as_deref(),
        Some("entra_app_id:a9b2c3d4-0000-4000-8000-00000000000a")
    );
}

#[test]
fn permissions_and_roles_become_grants() {
    let granted = r##"{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#servicePrincipals('d9da5bf4-0000-4001-8000-123456789abc')/appRoleAssignments","value":[
        {"id":"x1","appRoleId":"9e3f62cf-ca93-4989-b6ce-bf83c28f9fe8","principalId":"d9da5bf4-0000-4001-8000-123456789abc","principalType":"ServicePrincipal","resourceDisplayName":"Microsoft Graph","resourceId":"d9da5bf4-0000-4004-8000-123456789abc"},
        {"id":"x2","appRoleId":"e1e2e3e4-0000-4000-8000-000000000001","principalId":"d9da5bf4-0000-4001-8000-123456789abc","principalType":"ServicePrincipal","resourceDisplayName":"Microsoft Graph","resourceId":"d9da5bf4-0000-4004-8000-123456789abc"},
        {"id":"x3","appRoleId":"e1e2e3e4-0000-4000-8000-000000000002","principalId":"d9da5bf4-0000-4001-8000-123456789abc","principalType":"ServicePrincipal","resourceDisplayName":"Shop API","resourceId":"d9da5bf4-0000-4005-8000-123456789abc"},
        {"id":"x4","appRoleId":"00000000-0000-0000-0000-000000000000","principalId":"0d0d0d0d-0000-4000-8000-000000000001","principalType":"User","resourceDisplayName":"Shop API","resourceId":"d9da5bf4-0000-4005-8000-123456789abc"}]}"##;
    let delegated = r##"{"value":[{"clientId":"d9da5bf4-0000-4002-8000-123456789abc","consentType":"AllPrincipals","id":"y","principalId":null,"resourceId":"d9da5bf4-0000-4004-8000-123456789abc","scope":" openid Mail.Send"}]}"##;
    let roles = r##"{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#roleManagement/directory/roleAssignments(principal(),roleDefinition())","value":[
        {"id":"r1","principalId":"d9da5bf4-0000-4003-8000-123456789abc","directoryScopeId":"/","roleDefinitionId":"9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3",
         "principal":{"@odata.type":"#microsoft.graph.servicePrincipal","id":"d9da5bf4-0000-4003-8000-123456789abc","displayName":"shop-vm"},
         "roleDefinition":{"id":"9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3","displayName":"Application Administrator","isBuiltIn":true,"templateId":"9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3"}},
        {"id":"r2","principalId":"0d0d0d0d-0000-4000-8000-000000000001","directoryScopeId":"/","roleDefinitionId":"62e90394-69f5-4237-9190-012177145e10",
         "principal":{"@odata.type":"#microsoft.graph.user","id":"0d0d0d0d-0000-4000-8000-000000000001","userPrincipalName":"rim@larkmoor.example"}},
        {"id":"r3","principalId":"06060606-0000-4000-8000-000000000001","directoryScopeId":"/","roleDefinitionId":"88d8e3e3-8f55-4a1e-953a-9b9898b8876b","roleDefinition":{"displayName":"Directory Readers"}}]}"##;
    let group = r##"{"@odata.type":"#microsoft.graph.group","id":"06060606-0000-4000-8000-000000000001","displayName":"Readers","members":[{"@odata.type":"#microsoft.graph.servicePrincipal","id":"d9da5bf4-0000-4002-8000-123456789abc"}]}"##;
    let harvest = load(&[PRINCIPALS, granted, delegated, roles, group]);
    assert_eq!(
        find(&harvest, &sp(1)).facts.grants,
        [
            Grant::new(
                "Microsoft Graph/RoleManagement.ReadWrite.Directory",
                PrivilegeLevel::Admin,
                0
            ),
            Grant::new("Microsoft Graph/Orders.Read", PrivilegeLevel::Read, 3),
            Grant::new(
                "Shop API/e1e2e3e4-0000-4000-8000-000000000002",
                PrivilegeLevel::Read,
                3
            ),
        ]
    );
    assert_eq!(
        find(&harvest, &sp(2)).facts.grants,
        [
            Grant::new(
                "Microsoft Graph/Mail.Send (delegated)",
                PrivilegeLevel::Write,
                2
            ),
            Grant::new("Directory Readers (group Readers)", PrivilegeLevel::Read, 3),
            Grant::new(
                "Microsoft Graph/openid (delegated)",
                PrivilegeLevel::Read,
                3
            ),
        ]
    );
    assert_eq!(
        find(&harvest, &sp(3)).facts.grants,
        [Grant::new(
            "Application Administrator",
            PrivilegeLevel::Admin,
            0
        )]
    );
    assert!(
        harvest
            .warnings
            .iter()
            .any(|warning| warning.contains("1 granted application roles have no name"))
    );
}

#[test]
fn agents_have_a_blueprint_and_a_sponsor() {
    let text = r##"{"value":[
        {"@odata.type":"#microsoft.graph.agentIdentityBlueprintPrincipal","id":"d9da5bf4-0000-4010-8000-123456789abc","appId":"ab000000-0000-4000-8000-000000000001","displayName":"Returns blueprint"},
        {"@odata.type":"#microsoft.graph.agentIdentity","id":"d9da5bf4-0000-4011-8000-123456789abc","displayName":"Returns triage","servicePrincipalType":"ServiceIdentity",
         "agentIdentityBlueprintId":"ab000000-0000-4000-8000-000000000001","createdByAppId":"ab000000-0000-4000-8000-000000000001",
         "sponsors":[{"@odata.type":"#microsoft.graph.group","id":"06060606-0000-4000-8000-000000000002","displayName":"Applied AI","mail":"ai@larkmoor.example"},
                     {"@odata.type":"#microsoft.graph.user","id":"0d0d0d0d-0000-4000-8000-000000000001","userPrincipalName":"rim@larkmoor.example"}]},
        {"@odata.type":"#microsoft.graph.agentUser","id":"0d0d0d0d-0000-4000-8000-000000000011","userPrincipalName":"returns@larkmoor.example","identityParentId":"d9da5bf4-0000-4011-8000-123456789abc","displayName":"Returns triage"}]}"##;
    // A list of all principals does not tell a blueprint from an application.
    let plain = r##"[{"id":"d9da5bf4-0000-4010-8000-123456789abc","appId":"ab000000-0000-4000-8000-000000000001","displayName":"Returns blueprint","servicePrincipalType":"Application",
        "accountEnabled":true,"alternativeNames":[],"appRoles":[],"tags":["team:ai"]}]"##;
    let harvest = load(&[plain, text]);
    let blueprint = &find(&harvest, &sp(10)).facts;
    assert_eq!(blueprint.native_kind, Some(Kind::AiAgent));
    assert_eq!(blueprint.tags.get("team").map(String::as_str), Some("ai"));
    let agent = &find(&harvest, &sp(11)).facts;
    assert_eq!(agent.native_kind, Some(Kind::AiAgent));
    assert_eq!(
        agent.agent.as_ref().map(|agent| agent.parent.as_str()),
        Some(sp(10).as_str())
    );
    assert_eq!(agent.assumable_by, [sp(10)]);
    assert_eq!(
        agent.sponsor.as_deref(),
        Some("user:default/rim@larkmoor.example")
    );
    assert_eq!(agent.secondary_owners, ["group:entra/applied-ai"]);
    assert_eq!(agent.owner, None);
    let user = find(
        &harvest,
        &format!("entra:{TENANT}:user/0d0d0d0d-0000-4000-8000-000000000011"),
    );
    assert_eq!(
        user.facts.agent.as_ref().map(|agent| agent.parent.as_str()),
        Some(sp(11).as_str())
    );
    assert!(
        user.aliases
            .iter()
            .any(|alias| notation(alias) == "entra_upn:returns@larkmoor.example")
    );
}

#[test]
fn answers_without_a_parent_take_it_from_the_files_name() {
    let owners = r##"[{"id":"0d0d0d0d-0000-4000-8000-000000000001","displayName":"Rim Haddad","mail":"Rim.Haddad@larkmoor.example","userPrincipalName":"rim@larkmoor.example"}]"##;
    let trust = r##"[{"id":"f1f1f1f1-0000-4000-8000-000000000001","name":"main","issuer":"https://token.actions.githubusercontent.com","subject":"repo:larkmoor/ledger:ref:refs/heads/main","audiences":["api://AzureADTokenExchange"]}]"##;
    let files = [
        ("sp.json", PRINCIPALS),
        ("apps.json", APPLICATIONS),
        ("owners/d9da5bf4-0000-4003-8000-123456789abc.json", owners),
        ("federated/0b0b0b0b-0000-4000-8000-000000000001.json", trust),
        ("federated/nobody.json", trust),
    ];
    let harvest = load_files(&files, Some(TENANT)).unwrap();
    assert_eq!(
        find(&harvest, &sp(3)).facts.owner.as_deref(),
        Some("user:default/rim.haddad@larkmoor.example")
    );
    let ledger = &find(&harvest, &sp(1)).facts;
    assert_eq!(ledger.workloads, ["github-actions:larkmoor/ledger"]);
    assert_eq!(ledger.credentials.len(), 2);
    assert!(
        harvest
            .warnings
            .iter()
            .any(|warning| warning.contains("1 federated credentials"))
    );
}

#[test]
fn use_comes_from_the_reports() {
    let report = r##"{"@odata.context":"https://graph.microsoft.com/beta/$metadata#reports/servicePrincipalSignInActivities","value":[
        {"id":"z1","appId":"a1b2c3d4-0000-4000-8000-00000000000a","lastSignInActivity":{"lastSignInDateTime":"2026-03-19T00:00:00Z"},
         "applicationAuthenticationClientSignInActivity":{"lastSignInDateTime":"2026-03-01T00:00:00Z"},"delegatedClientSignInActivity":null},
        {"id":"z2","appId":"c1b2c3d4-0000-4000-8000-00000000000c","lastSignInActivity":{"lastSignInDateTime":"2026-03-02T00:00:00Z","lastSignInRequestId":"q"}}]}"##;
    let keys = r##"{"value":[{"id":"k","keyId":"7e57c0de-0000-4000-8000-0000000000c1","keyType":"clientSecret","credentialOrigin":"application","appId":"a1b2c3d4-0000-4000-8000-00000000000a",
        "signInActivity":{"lastSignInDateTime":"2026-02-01T00:00:00Z"}}]}"##;
    let harvest = load(&[PRINCIPALS, APPLICATIONS, report, keys]);
    let at = |text: &str| Time::At(crate::text::parse_time(text).unwrap());
    // Called by others on the 19th, but itself last in use on the 1st.
    assert_eq!(find(&harvest, &sp(1)).facts.last_seen, at("2026-03-01"));
    assert_eq!(find(&harvest, &sp(3)).facts.last_seen, at("2026-03-02"));
    assert_eq!(find(&harvest, &sp(2)).facts.last_seen, Time::Unknown);
    assert_eq!(
        find(&harvest, &sp(1)).facts.credentials[0].last_used,
        at("2026-02-01")
    );
}

#[test]
fn a_listing_that_goes_on_covers_nothing() {
    let first = r##"{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#servicePrincipals","@odata.nextLink":"https://graph.microsoft.com/v1.0/servicePrincipals?$skiptoken=x","value":[
        {"id":"d9da5bf4-0000-4001-8000-123456789abc","appId":"a1b2c3d4-0000-4000-8000-00000000000a","displayName":"ledger-sync","servicePrincipalType":"Application"}]}"##;
    let last = r##"{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#servicePrincipals","value":[]}"##;
    let harvest = load(&[first]);
    assert!(!harvest.scopes[0].covered);
    assert!(harvest.warnings[0].contains("last page of servicePrincipals is missing"));
    let harvest = load(&[first, last]);
    assert!(harvest.scopes[0].covered && harvest.warnings.is_empty());
}

#[test]
fn a_batch_holds_answers_and_refusals() {
    let text = r##"{"responses":[
        {"id":"1","status":200,"body":{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#applications('0b0b0b0b-0000-4000-8000-000000000001')/owners","value":[
            {"@odata.type":"#microsoft.graph.user","id":"0d0d0d0d-0000-4000-8000-000000000001","userPrincipalName":"rim@larkmoor.example"}]}},
        {"id":"2","status":403,"body":{"error":{"code":"Authorization_RequestDenied","message":"Insufficient privileges to complete the operation."}}}]}"##;
    let harvest = load(&[PRINCIPALS, APPLICATIONS, text]);
    assert!(find(&harvest, &sp(1)).facts.owner.is_some());
    assert!(
        harvest
            .warnings
            .iter()
            .any(|warning| warning.contains("Authorization_RequestDenied"))
    );
}

#[test]
fn without_a_list_of_principals_there_are_claims() {
    let roles = r##"[{"id":"r1","principalId":"d9da5bf4-0000-4003-8000-123456789abc","directoryScopeId":"/","roleDefinitionId":"62e90394-69f5-4237-9190-012177145e10"}]"##;
    let harvest = load(&[roles]);
    let record = &harvest.records[0];
    assert_eq!(record.uid, None);
    assert_eq!(record.facts.grants[0].name, "Global Administrator");
    assert!(!harvest.scopes[0].covered);
}

#[test]
fn the_tenant_is_known_or_the_source_is_refused() {
    let organization = r##"{"value":[{"id":"4D3BAC44-0000-4000-8000-CC00736F0A97","displayName":"Larkmoor","tenantType":"AAD","verifiedDomains":[]}]}"##;
    let files = [("sp.json", PRINCIPALS), ("org.json", organization)];
    let harvest = load_files(&files, None).unwrap();
    assert!(find(&harvest, &sp(1)).facts.vendor.is_none());
    assert_eq!(harvest.domains[0].name.as_deref(), Some("Larkmoor"));
    assert!(matches!(
        load_files(&files[..1], None),
        Err(ConnectError::Domain { .. })
    ));
    assert!(matches!(
        load_files(&files, Some("00000000-1111-4000-8000-000000000000")),
        Err(ConnectError::MixedDomains { .. })
    ));
    assert!(matches!(
        load_files(&files[..1], Some("larkmoor.example")),
        Err(ConnectError::DomainShape { .. })
    ));
    let error = load_files(&[("x.json", r##"{"UserDetailList":[]}"##)], Some(TENANT)).unwrap_err();
    assert!(error.to_string().contains("Microsoft Graph"));
    let error = load_files(&[("x.json", &PRINCIPALS[..400])], Some(TENANT)).unwrap_err();
    assert!(error.to_string().contains("truncated"));
}

#[test]
fn exports_are_recognised() {
    for text in [
        PRINCIPALS,
        APPLICATIONS,
        r#"[{"AppId":"x","SignInAudience":"y"}]"#,
    ] {
        assert_eq!(recognise(text), Some(Connector::EntraGraph), "{text}");
    }
    for text in [
        r#"[{"principalId":"x","roleDefinitionName":"Owner","scope":"/"}]"#,
        r#"[{"RoleDefinitionName":"Owner","Scope":"/","ObjectId":"x"}]"#,
        r#"[{"clientId":"x","principalId":"y","id":"/subscriptions/1/z"}]"#,
    ] {
        assert_eq!(recognise(text), Some(Connector::Azure), "{text}");
    }
    assert_eq!(recognise(r#"{"Users":[{"Arn":"x","UserId":"y"}]}"#), None);
}

#[test]
fn an_object_that_is_described_twice_is_one() {
    let first = r#"[{"id":"d9da5bf4-0000-4001-8000-123456789abc","appId":"a1b2c3d4-0000-4000-8000-00000000000a","displayName":"b","servicePrincipalType":"Application","accountEnabled":true}]"#;
    let second = r#"[{"id":"d9da5bf4-0000-4001-8000-123456789abc","appId":"a1b2c3d4-0000-4000-8000-00000000000a","displayName":"a","servicePrincipalType":"Application","accountEnabled":false}]"#;
    let (one, other) = (load(&[first, second]), load(&[second, first]));
    assert_eq!(one, other);
    assert_eq!(one.records.len(), 1);
    assert_eq!(one.records[0].facts.name.as_deref(), Some("a"));
    assert!(one.warnings[0].contains("1 objects are described twice"));
    assert!(load(&[first, first]).warnings.is_empty());
    // What `$select` left out is no difference.
    let part = r#"[{"id":"d9da5bf4-0000-4001-8000-123456789abc","displayName":"a","servicePrincipalType":"Application","owners":[]}]"#;
    assert!(load(&[second, part]).warnings.is_empty());
}

#[test]
fn the_fuller_description_holds_wherever_it_stands() {
    let part = r##"{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#servicePrincipals(id,appId,owners())","value":[
        {"id":"d9da5bf4-0000-4002-8000-123456789abc","appId":"b1b2c3d4-0000-4000-8000-00000000000b","owners":[]},
        {"id":"d9da5bf4-0000-4003-8000-123456789abc","appId":"c1b2c3d4-0000-4000-8000-00000000000c","owners":[
            {"@odata.type":"#microsoft.graph.user","id":"0d0d0d0d-0000-4000-8000-000000000001","userPrincipalName":"rim@larkmoor.example"}]}]}"##;
    let (one, other) = (load(&[part, PRINCIPALS]), load(&[PRINCIPALS, part]));
    assert_eq!(one, other);
    let facts = &find(&one, &sp(3)).facts;
    assert_eq!(facts.native_kind, Some(Kind::ManagedIdentity));
    assert!(facts.owner.is_some());
    assert_eq!(
        find(&one, &sp(2)).facts.vendor.as_deref(),
        Some("Paceline Analytics")
    );
    assert!(one.warnings.is_empty());
}

#[test]
fn three_descriptions_are_one_whatever_their_order() {
    let of = |rest: &str| {
        format!(
            r#"[{{"id":"d9da5bf4-0000-4001-8000-123456789abc","appId":"a1b2c3d4-0000-4000-8000-00000000000a","servicePrincipalType":"Application",{rest}}}]"#
        )
    };
    let texts = [
        of(r#""displayName":"c","description":"first","tags":["team:a"],"accountEnabled":true"#),
        of(
            r#""displayName":"a","description":"second","tags":["team:b"],"notes":"x","publisherName":"P""#,
        ),
        of(
            r#""displayName":"b","description":"third","tags":["team:c"],"accountEnabled":false,"publisherName":"Q""#,
        ),
    ];
    let loaded: Vec<Harvest> = [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ]
    .iter()
    .map(|order| load(&order.map(|number: usize| texts[number].as_str())))
    .collect();
    for other in &loaded[1..] {
        assert_eq!(loaded[0], *other);
    }
    assert_eq!(loaded[0].records.len(), 1);
    assert_eq!(loaded[0].records[0].facts.name.as_deref(), Some("a"));
    assert!(loaded[0].warnings[0].contains("1 objects are described twice"));
}

#[test]
fn members_that_came_later_are_counted_and_ignored() {
    let harvest = load(&[
        r##"[{"@odata.type":"#microsoft.graph.servicePrincipal","id":"d9da5bf4-0000-4001-8000-123456789abc","appId":"a1b2c3d4-0000-4000-8000-00000000000a",
             "displayName":"a","servicePrincipalType":"Application","quantumSeal":{"a":1},"tags":["team:a"],"owners@odata.context":"x"},
            {"@odata.type":"#microsoft.graph.application","id":"d9da5bf4-0000-4005-8000-123456789abc","appId":"a1b2c3d4-0000-4000-8000-00000000000b",
             "displayName":"b","signInAudience":"AzureADMyOrg","quantumSeal":null}]"##,
        r##"[{"@odata.type":"#microsoft.graph.user","id":"0d0d0d0d-0000-4000-8000-000000000001","userPrincipalName":"j@larkmoor.example","extension_abc_badge":"7"}]"##,
    ]);
    assert_eq!(
        harvest
            .warnings
            .iter()
            .filter(|text| text.contains("not known"))
            .collect::<Vec<_>>(),
        ["source \"entra\": fields that are not known are ignored: quantumSeal (2)"]
    );
    assert_eq!(find(&harvest, &sp(1)).facts.name.as_deref(), Some("a"));
}

#[test]
fn a_list_that_is_cut_retires_nobody() {
    let page = |link: &str| {
        format!(
            r##"{{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#servicePrincipals"{link},"value":[{{"id":"d9da5bf4-0000-4001-8000-123456789abc","appId":"a1b2c3d4-0000-4000-8000-00000000000a","displayName":"a","servicePrincipalType":"Application"}}]}}"##
        )
    };
    let first = page(
        r#","@odata.nextLink":"https://graph.microsoft.com/v1.0/servicePrincipals?$skiptoken=x""#,
    );
    let last = page("");
    assert!(load(&[&first]).coverage.partial.contains("entra"));
    assert!(load(&[&first, &last]).coverage.partial.is_empty());
    assert!(load(&[&last]).coverage.partial.is_empty());
}
