//! What application permissions and delegated permissions of APIs amount to. Microsoft Graph names them
//! `Thing.Verb.Reach`; the few that lead to control of the directory are listed.

use enrich_core::vocabulary::PrivilegeLevel;

use super::lowered;
use crate::record::Grant;

/// Application id of Microsoft Graph.
pub(super) const GRAPH: &str = "00000003-0000-0000-c000-000000000000";
/// The role that stands for "assigned, without a role".
pub(super) const NO_ROLE: &str = "00000000-0000-0000-0000-000000000000";

/// Whoever holds one of these can make itself or another one Global Administrator.
const DIRECTORY: &[&str] = &[
    "Application.ReadWrite.All",
    "AppRoleAssignment.ReadWrite.All",
    "Directory.ReadWrite.All",
    "Domain.ReadWrite.All",
    "Organization.ReadWrite.All",
    "Policy.ReadWrite.PermissionGrant",
    "PrivilegedAccess.ReadWrite.AzureAD",
    "PrivilegedAccess.ReadWrite.AzureADGroup",
    "PrivilegedAssignmentSchedule.ReadWrite.AzureADGroup",
    "PrivilegedEligibilitySchedule.ReadWrite.AzureADGroup",
    "RoleAssignmentSchedule.ReadWrite.Directory",
    "RoleEligibilitySchedule.ReadWrite.Directory",
    "RoleManagement.ReadWrite.Directory",
    "RoleManagementPolicy.ReadWrite.AzureADGroup",
    "RoleManagementPolicy.ReadWrite.Directory",
    "UserAuthenticationMethod.ReadWrite.All",
    "User-PasswordProfile.ReadWrite.All",
];

/// These control a whole service, its people or its data.
const SERVICE: &[&str] = &[
    "AdministrativeUnit.ReadWrite.All",
    "AgentIdentityBlueprint.ReadWrite.All",
    "Application.ReadWrite.OwnedBy",
    "DelegatedPermissionGrant.ReadWrite.All",
    "DeviceManagementConfiguration.ReadWrite.All",
    "DeviceManagementManagedDevices.PrivilegedOperations.All",
    "DeviceManagementRBAC.ReadWrite.All",
    "DeviceManagementScripts.ReadWrite.All",
    "EntitlementManagement.ReadWrite.All",
    "Exchange.ManageAsApp",
    "Files.ReadWrite.All",
    "full_access_as_app",
    "Group.ReadWrite.All",
    "GroupMember.ReadWrite.All",
    "Mail.ReadWrite",
    "Mail.Send",
    "OnPremDirectorySynchronization.ReadWrite.All",
    "Policy.ReadWrite.AuthenticationMethod",
    "Policy.ReadWrite.ConditionalAccess",
    "Sites.FullControl.All",
    "Sites.Manage.All",
    "Sites.ReadWrite.All",
    "Synchronization.ReadWrite.All",
    "User.DeleteRestore.All",
    "User.EnableDisableAccount.All",
    "User.ManageIdentities.All",
    "User.ReadWrite.All",
];

/// Reading these yields what people wrote, or secrets.
const CONTENT: &[&str] = &[
    "BitlockerKey",
    "Calendars",
    "Chat",
    "ChannelMessage",
    "Contacts",
    "DeviceLocalCredential",
    "eDiscovery",
    "Files",
    "Mail",
    "MailboxItem",
    "Notes",
    "OnlineMeetingTranscript",
    "Sites",
];

/// Application roles of Microsoft Graph by id, for exports that do not hold Graph's own principal.
/// (Permissions reference of Microsoft Graph.)
const GRAPH_ROLES: &[(&str, &str)] = &[
    (
        "01c0a623-fc9b-48e9-b794-0756f8e8f067",
        "Policy.ReadWrite.ConditionalAccess",
    ),
    ("01d4889c-1287-42c6-ac1f-5d1e02578ef6", "Files.Read.All"),
    (
        "06b708a9-e830-4db3-a914-8e69da51d44f",
        "AppRoleAssignment.ReadWrite.All",
    ),
    ("0c0bf378-bf22-4481-8f81-9e89a9b4960a", "Sites.Manage.All"),
    (
        "18a4783c-866b-4cc7-a460-3d5e5662c884",
        "Application.ReadWrite.OwnedBy",
    ),
    (
        "19dbc75e-c2e2-444c-a770-ec69d8559fc7",
        "Directory.ReadWrite.All",
    ),
    (
        "1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9",
        "Application.ReadWrite.All",
    ),
    (
        "292d869f-3427-49a8-9dab-8c70152b74e9",
        "Organization.ReadWrite.All",
    ),
    ("294ce7c9-31ba-490a-ad7d-97a7d075e4ed", "Chat.ReadWrite.All"),
    (
        "29c18626-4985-4dcd-85c0-193eef327366",
        "Policy.ReadWrite.AuthenticationMethod",
    ),
    (
        "2f6817f8-7b12-4f0f-bc18-eeaf60705a9e",
        "PrivilegedAccess.ReadWrite.AzureADGroup",
    ),
    (
        "3011c876-62b7-4ada-afa2-506cbbecc68c",
        "User.EnableDisableAccount.All",
    ),
    (
        "31e08e0a-d3f7-4ca2-ac39-7343fb83e8ad",
        "RoleManagementPolicy.ReadWrite.Directory",
    ),
    ("332a536c-c7ef-4017-ab91-336970924f0d", "Sites.Read.All"),
    (
        "41202f2c-f7ab-45be-b001-85c9728b9d69",
        "PrivilegedAssignmentSchedule.ReadWrite.AzureADGroup",
    ),
    (
        "483bed4a-2ad3-4361-a73b-c83ccdbdc53c",
        "RoleManagement.Read.Directory",
    ),
    (
        "50483e42-d915-4231-9639-7fdb7fd190e5",
        "UserAuthenticationMethod.ReadWrite.All",
    ),
    ("5b567255-7703-4780-807c-7be8301ae99b", "Group.Read.All"),
    (
        "5eb59dd3-1da2-4329-8733-9dabdc435916",
        "AdministrativeUnit.ReadWrite.All",
    ),
    (
        "618b6020-bca8-4de6-99f6-ef445fa4d857",
        "PrivilegedEligibilitySchedule.ReadWrite.AzureADGroup",
    ),
    (
        "62a82d76-70ea-41e2-9197-370581804d09",
        "Group.ReadWrite.All",
    ),
    ("6b7d71aa-70aa-4810-a8d9-5d9fb2830017", "Chat.Read.All"),
    ("741f803b-c850-494e-b5df-cde7c675a1ca", "User.ReadWrite.All"),
    (
        "75359482-378d-4052-8f01-80520e7db3cd",
        "Files.ReadWrite.All",
    ),
    ("7ab1d382-f21e-4acd-a863-ba3e13f7da61", "Directory.Read.All"),
    (
        "7e05723c-0bb0-42da-be95-ae9f08a6e53c",
        "Domain.ReadWrite.All",
    ),
    ("810c84a8-4a9e-49e6-bf7d-12d183f40d01", "Mail.Read"),
    (
        "8e8e4742-1d95-4f68-9d56-6ee75648c72a",
        "DelegatedPermissionGrant.ReadWrite.All",
    ),
    (
        "9241abd9-d0e6-425a-bd4f-47ba86e767a4",
        "DeviceManagementConfiguration.ReadWrite.All",
    ),
    (
        "9492366f-7969-46a4-8d15-ed1a20078fff",
        "Sites.ReadWrite.All",
    ),
    (
        "98830695-27a2-44f7-8c18-0c3ebc9698f6",
        "GroupMember.Read.All",
    ),
    (
        "9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30",
        "Application.Read.All",
    ),
    (
        "9acd699f-1e81-4958-b001-93b1d2506e19",
        "EntitlementManagement.ReadWrite.All",
    ),
    (
        "9e3f62cf-ca93-4989-b6ce-bf83c28f9fe8",
        "RoleManagement.ReadWrite.Directory",
    ),
    (
        "a402ca1c-2696-4531-972d-6e5ee4aa11ea",
        "Policy.ReadWrite.PermissionGrant",
    ),
    (
        "a82116e5-55eb-4c41-a434-62fe8a61c773",
        "Sites.FullControl.All",
    ),
    ("b0afded3-3588-46d8-8b3d-9842eff778da", "AuditLog.Read.All"),
    (
        "b38dcc4d-a239-4ed6-aa84-6c65b284f97c",
        "RoleManagementPolicy.ReadWrite.AzureADGroup",
    ),
    ("b633e1c5-b582-4048-a93e-9f11b44c7e96", "Mail.Send"),
    (
        "c7fbd983-d9aa-4fa7-84b8-17382c103bc4",
        "RoleManagement.Read.All",
    ),
    (
        "cc117bb9-00cf-4eb8-b580-ea2a878fe8f7",
        "User-PasswordProfile.ReadWrite.All",
    ),
    (
        "db51be59-e728-414b-b800-e0f010df1a79",
        "DeviceLocalCredential.Read.All",
    ),
    (
        "dbaae8cf-10b5-4b86-a4a1-f871c94c6695",
        "GroupMember.ReadWrite.All",
    ),
    (
        "dd199f4a-f148-40a4-a2ec-f0069cc799ec",
        "RoleAssignmentSchedule.ReadWrite.Directory",
    ),
    ("df021288-bdef-4463-88db-98f22de89214", "User.Read.All"),
    ("e2a3a72e-5f79-4c64-b1b1-878b674786c9", "Mail.ReadWrite"),
    (
        "e330c4f0-4170-414e-a55a-2f022ec2b57b",
        "DeviceManagementRBAC.ReadWrite.All",
    ),
    (
        "eccc023d-eccf-4e7b-9683-8813ab36cecc",
        "User.DeleteRestore.All",
    ),
    (
        "ef54d2bf-783f-4e0f-bca1-3210c0444d99",
        "Calendars.ReadWrite",
    ),
    (
        "fee28b28-e1f3-4841-818e-2704dc62245f",
        "RoleEligibilitySchedule.ReadWrite.Directory",
    ),
];

/// The name of an application role of Microsoft Graph.
pub(super) fn graph_role(id: &str) -> Option<&'static str> {
    GRAPH_ROLES
        .binary_search_by(|(known, _)| (*known).cmp(id))
        .ok()
        .map(|at| GRAPH_ROLES[at].1)
}

/// What a permission of an API allows an application on its own.
pub(super) fn application(resource: &str, permission: &str) -> Grant {
    let (level, tier) = judge(permission);
    Grant::new(&format!("{resource}/{permission}"), level, tier)
}

/// What a permission allows an application on behalf of a person: never more than the person may, so
/// it counts one tier lower.
pub(super) fn delegated(resource: &str, permission: &str) -> Grant {
    let (level, tier) = judge(permission);
    let name = format!("{resource}/{permission} (delegated)");
    Grant::new(&name, level, lowered(level, tier, 1))
}

fn judge(permission: &str) -> (PrivilegeLevel, u8) {
    if DIRECTORY.contains(&permission) {
        return (PrivilegeLevel::Admin, 0);
    }
    if SERVICE.contains(&permission) {
        return (PrivilegeLevel::Write, 1);
    }
    // Sign-in itself, and access that somebody has still to give item by item.
    if matches!(
        permission,
        "openid" | "profile" | "email" | "offline_access" | "User.Read"
    ) || permission.ends_with(".Selected")
    {
        return (PrivilegeLevel::Read, 3);
    }
    let mut words = permission.split(['.', '_', '-']);
    let subject = words.clone().next().unwrap_or("");
    let writes = words.any(|word| {
        let word = word.to_ascii_lowercase();
        [
            "write",
            "manage",
            "send",
            "create",
            "delete",
            "update",
            "full",
            "invite",
            "admin",
            "import",
            "impersonation",
        ]
        .iter()
        .any(|verb| word.contains(verb))
    });
    match (writes, CONTENT.contains(&subject)) {
        (true, _) => (PrivilegeLevel::Write, 2),
        (false, true) => (PrivilegeLevel::Read, 2),
        (false, false) => (PrivilegeLevel::Read, 3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_known_names_are_judged() {
        assert!(GRAPH_ROLES.is_sorted());
        assert_eq!(
            graph_role("9e3f62cf-ca93-4989-b6ce-bf83c28f9fe8"),
            Some("RoleManagement.ReadWrite.Directory")
        );
        assert_eq!(graph_role("11111111-0000-4000-8000-000000000000"), None);
    }

    #[test]
    fn permissions_have_tiers() {
        for (name, level, tier) in [
            (
                "RoleManagement.ReadWrite.Directory",
                PrivilegeLevel::Admin,
                0,
            ),
            ("Mail.Send", PrivilegeLevel::Write, 1),
            ("Calendars.ReadWrite", PrivilegeLevel::Write, 2),
            ("Mail.Read", PrivilegeLevel::Read, 2),
            ("Directory.Read.All", PrivilegeLevel::Read, 3),
            ("Sites.Selected", PrivilegeLevel::Read, 3),
            ("Orders.Write", PrivilegeLevel::Write, 2),
            ("Orders.Read", PrivilegeLevel::Read, 3),
            ("user_impersonation", PrivilegeLevel::Write, 2),
        ] {
            let grant = application("Microsoft Graph", name);
            assert_eq!((grant.level.0, grant.tier), (level, tier), "{name}");
        }
        let grant = delegated("Microsoft Graph", "RoleManagement.ReadWrite.Directory");
        assert_eq!((grant.level.0, grant.tier), (PrivilegeLevel::Admin, 1));
    }
}
