//! Directory roles of Entra: what each allows, by its template id, its name, or its own actions.

use enrich_core::vocabulary::PrivilegeLevel;

use super::lowered;
use super::shape::{Object, objects};
use crate::record::Grant;

/// Roles that lead to control of the directory (0) or of a whole service (1), and some that many hold and
/// that do neither (2), by template id.
/// (Microsoft Entra built-in roles.)
const ROLES: &[(&str, &str, u8)] = &[
    (
        "0526716b-113d-4c15-b2c8-68e3c22b9f80",
        "Authentication Policy Administrator",
        1,
    ),
    (
        "11451d60-acb2-45eb-a7d6-43d0f0125c13",
        "Windows 365 Administrator",
        2,
    ),
    (
        "11648597-926c-4cf3-9c36-bcebb0ba8dcc",
        "Power Platform Administrator",
        1,
    ),
    (
        "158c047a-c907-4556-b7ef-446551a6b5f7",
        "Cloud Application Administrator",
        0,
    ),
    (
        "17315797-102d-40b4-93e0-432062caca18",
        "Compliance Administrator",
        1,
    ),
    (
        "194ae4cb-b126-40b2-bd5b-6091b380977d",
        "Security Administrator",
        1,
    ),
    (
        "25a516ed-2fa0-40ea-a2d0-12923a21473a",
        "Authentication Extensibility Administrator",
        1,
    ),
    (
        "29232cdf-9323-42fd-ade2-1d097af3e4de",
        "Exchange Administrator",
        1,
    ),
    (
        "3a2c62db-5318-420d-8d74-23affee5d9d5",
        "Intune Administrator",
        1,
    ),
    (
        "44367163-eba1-44c3-98af-f5787879f96a",
        "Dynamics 365 Administrator",
        2,
    ),
    (
        "45d8d3c5-c802-45c6-b32a-1d70b5e1e86e",
        "Identity Governance Administrator",
        1,
    ),
    ("4a5d8f65-41da-4de4-8968-e035b65339cf", "Reports Reader", 2),
    (
        "4ba39ca4-527c-499a-b93d-d9b492c50246",
        "Partner Tier1 Support",
        0,
    ),
    (
        "4d6ac14f-3453-41d0-bef9-a3e0c569773a",
        "License Administrator",
        2,
    ),
    (
        "58a13ea3-c632-46ae-9ee0-9c0d43cd7f3d",
        "Attribute Assignment Administrator",
        2,
    ),
    (
        "59d46f88-662b-457b-bceb-5c3809e5908f",
        "Lifecycle Workflows Administrator",
        1,
    ),
    ("5d6b6bb7-de71-4623-b4af-96380a352509", "Security Reader", 2),
    (
        "5f2222b1-57c3-48ba-8ad5-d4759f1fde6f",
        "Security Operator",
        2,
    ),
    (
        "62e90394-69f5-4237-9190-012177145e10",
        "Global Administrator",
        0,
    ),
    (
        "644ef478-e28f-4e28-b9dc-3fdde9aa0b1f",
        "Printer Administrator",
        2,
    ),
    (
        "69091246-20e8-4a56-aa4d-066075b2a7a8",
        "Teams Administrator",
        1,
    ),
    (
        "6b942400-691f-4bf0-9d12-d8a254a2baf5",
        "Agent Registry Administrator",
        2,
    ),
    (
        "729827e3-9c14-49f7-bb1b-9608f156bbb8",
        "Helpdesk Administrator",
        1,
    ),
    (
        "75934031-6c7e-415a-99d7-48dbd49e875e",
        "Usage Summary Reports Reader",
        2,
    ),
    (
        "7698a772-787b-4ac8-901f-60d6b08affd2",
        "Cloud Device Administrator",
        1,
    ),
    (
        "790c1fb9-7f7d-4f88-86a1-ef1f95c05c1b",
        "Message Center Reader",
        2,
    ),
    (
        "7be44c8a-adaf-4e2a-84d6-ab2649e08a13",
        "Privileged Authentication Administrator",
        0,
    ),
    (
        "8329153b-31d0-4727-b945-745eb3bc5f31",
        "Domain Name Administrator",
        0,
    ),
    (
        "8424c6f0-a189-499e-bbd0-26c1753c96d4",
        "Attribute Definition Administrator",
        2,
    ),
    (
        "88d8e3e3-8f55-4a1e-953a-9b9898b8876b",
        "Directory Readers",
        2,
    ),
    (
        "892c5842-a9a6-463a-8041-72aa08ca3cf6",
        "Cloud App Security Administrator",
        2,
    ),
    (
        "8ac3fc64-6eca-42ea-9e69-59f4c7b60eb2",
        "Hybrid Identity Administrator",
        0,
    ),
    (
        "9360feb5-f418-4baa-8175-e2a00bac4301",
        "Directory Writers",
        1,
    ),
    ("95e79109-95c0-4d8e-aee3-d01accf2d47b", "Guest Inviter", 2),
    (
        "966707d0-3269-4727-9be2-8c3a10f19b9d",
        "Password Administrator",
        1,
    ),
    (
        "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3",
        "Application Administrator",
        0,
    ),
    (
        "a9ea8996-122f-4c74-9520-8edcd192826c",
        "Fabric Administrator",
        1,
    ),
    (
        "aaf43236-0c0d-4d5f-883a-6955382ac081",
        "B2C IEF Keyset Administrator",
        1,
    ),
    (
        "ac16e43d-7b2d-40e0-ac05-243ff356ab5b",
        "Message Center Privacy Reader",
        2,
    ),
    (
        "adb2368d-a9be-41b5-8667-d96778e081b0",
        "Agent ID Developer",
        2,
    ),
    (
        "b0f54661-2d74-4c50-afa3-1ec803f12efe",
        "Billing Administrator",
        2,
    ),
    (
        "b1be1c3e-b65d-4f19-8427-f6fa0d97feb9",
        "Conditional Access Administrator",
        1,
    ),
    (
        "be2f45a1-457d-42af-a067-6ec1fa63bc45",
        "External Identity Provider Administrator",
        0,
    ),
    (
        "c4e39bd9-1100-46d3-8c65-fb160da0071f",
        "Authentication Administrator",
        1,
    ),
    (
        "cf1c38e5-3621-4004-a7cb-879624dced7c",
        "Application Developer",
        2,
    ),
    (
        "d2562ede-74db-457e-a7b6-544e236ebb61",
        "AI Administrator",
        1,
    ),
    (
        "d29b2b05-8046-44ba-8758-1e26182fcf32",
        "Directory Synchronization Accounts",
        0,
    ),
    (
        "db506228-d27e-4b7d-95e5-295956d6615f",
        "Agent ID Administrator",
        1,
    ),
    (
        "e00e864a-17c5-4a4b-9c06-f5b95a8d5bd8",
        "Partner Tier2 Support",
        0,
    ),
    (
        "e3973bdf-4987-49ae-837a-ba8e231c7286",
        "Azure DevOps Administrator",
        1,
    ),
    (
        "e6d1a23a-da11-4be4-9570-befc86d067a7",
        "Compliance Data Administrator",
        2,
    ),
    (
        "e8611ab8-c189-46e8-94e1-60213ab1f814",
        "Privileged Role Administrator",
        0,
    ),
    (
        "ecb2c6bf-0ab6-418e-bd87-7986f8d63bbe",
        "Attribute Provisioning Administrator",
        1,
    ),
    (
        "f023fd81-a637-4b56-95fd-791ac0226033",
        "Service Support Administrator",
        2,
    ),
    (
        "f28a1f50-f6e7-4571-818b-6a12f2af6b6c",
        "SharePoint Administrator",
        1,
    ),
    ("f2ef992c-3afb-46b9-b7cf-a126ee74c451", "Global Reader", 2),
    (
        "fdd7a751-b60b-444a-984c-02652fe8fa1c",
        "Groups Administrator",
        1,
    ),
    (
        "fe930be7-5e62-47db-91af-98c3a49a38b1",
        "User Administrator",
        1,
    ),
];

/// Actions of a custom role with which its holder gives itself more. Microsoft lists the permissions of
/// custom roles at
/// <https://learn.microsoft.com/entra/identity/role-based-access-control/custom-available-permissions>
/// and those of consent at
/// <https://learn.microsoft.com/azure/active-directory/roles/custom-consent-permissions>.
const ESCALATIONS: &[(&str, u8)] = &[
    ("microsoft.directory/roleAssignments/", 0),
    ("microsoft.directory/roleDefinitions/", 0),
    ("microsoft.directory/applications/credentials/", 0),
    ("microsoft.directory/servicePrincipals/credentials/", 0),
    (
        "microsoft.directory/servicePrincipals/appRoleAssignedTo/",
        0,
    ),
    ("microsoft.directory/applications/allProperties/", 0),
    // An owner adds credentials.
    ("microsoft.directory/applications/owners/", 0),
    ("microsoft.directory/servicePrincipals/owners/", 0),
    (
        "microsoft.directory/servicePrincipals/managePermissionGrantsForAll.",
        0,
    ),
    ("microsoft.directory/groupsAssignableToRoles/members/", 0),
    ("microsoft.directory/groupsAssignableToRoles/owners/", 0),
    (
        "microsoft.directory/groupsAssignableToRoles/allProperties/",
        0,
    ),
    ("microsoft.directory/users/allProperties/", 0),
    ("microsoft.directory/servicePrincipals/allProperties/", 0),
    ("microsoft.directory/oAuth2PermissionGrants/", 1),
    ("microsoft.directory/users/password/", 1),
    ("microsoft.directory/users/authenticationMethods/", 1),
    ("microsoft.directory/groups/members/", 1),
    ("microsoft.directory/groups/owners/", 1),
];

/// A role as the export describes it.
#[derive(Clone, Debug, Default)]
pub(super) struct Definition {
    pub(super) name: String,
    /// What its own actions allow, for a role that is not built in.
    own: Option<(PrivilegeLevel, u8)>,
}

impl Definition {
    /// The wider of two descriptions of one role, whatever comes first.
    pub(super) fn wider(self, other: Self) -> Self {
        // One that says what it allows tells more than one that does not.
        let key = |it: &Self| {
            let own = it.own.map(|(level, tier)| (std::cmp::Reverse(tier), level));
            (own, it.name.clone())
        };
        if key(&other) > key(&self) {
            other
        } else {
            self
        }
    }

    pub(super) fn read(name: &str, object: &Object) -> Self {
        let is_custom = object.get("isBuiltIn").and_then(serde_json::Value::as_bool) == Some(false);
        let actions: Vec<&str> = objects(object, "rolePermissions")
            .filter_map(|permission| permission.get("allowedResourceActions")?.as_array())
            .flatten()
            .filter_map(serde_json::Value::as_str)
            .collect();
        Self {
            name: name.to_owned(),
            own: (is_custom && !actions.is_empty()).then(|| judge(&actions)),
        }
    }
}

/// The action without the suffix that narrows its kind of object: `applications.myOrganization`,
/// `groups.security.assignedMembership`.
fn whole(action: &str) -> String {
    let mut parts = action.splitn(3, '/');
    let (Some(service), Some(kind), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
        return action.to_owned();
    };
    let kind = kind.split('.').next().unwrap_or(kind);
    format!("{service}/{kind}/{rest}")
}

fn judge(actions: &[&str]) -> (PrivilegeLevel, u8) {
    let writes = |action: &&&str| {
        let verb = action.rsplit('/').next().unwrap_or("");
        !verb.eq_ignore_ascii_case("read")
    };
    let written = actions.iter().filter(writes);
    let escalates = written.clone().filter_map(|action| {
        let action = whole(action);
        let known = ESCALATIONS.iter().find(|(start, _)| {
            action
                .get(..start.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(start))
        });
        known.map(|(_, tier)| *tier)
    });
    match (escalates.min(), written.count()) {
        (Some(tier), _) => (PrivilegeLevel::Admin, tier),
        (None, 0) => (PrivilegeLevel::Read, 3),
        (None, _) => (PrivilegeLevel::Write, 2),
    }
}

/// Whether anything but its id is known of a role.
pub(super) fn is_known(role: &str, definition: Option<&Definition>) -> bool {
    definition.is_some_and(|definition| !definition.name.is_empty())
        || ROLES
            .binary_search_by(|(known, _, _)| (*known).cmp(role))
            .is_ok()
}

/// What an assignment of a role allows. In a part of the directory (an administrative unit, one
/// application) it counts one tier lower.
pub(super) fn grant(role: &str, definition: Option<&Definition>, directory_scope: &str) -> Grant {
    let listed = ROLES
        .binary_search_by(|(known, _, _)| (*known).cmp(role))
        .ok()
        .map(|at| ROLES[at]);
    let name = definition
        .map(|definition| definition.name.as_str())
        .filter(|name| !name.is_empty())
        .or_else(|| Some(listed?.1))
        .unwrap_or(role);
    let own = definition.and_then(|definition| definition.own);
    let (level, tier) = match (own, listed) {
        (Some(own), _) => own,
        (None, Some((_, _, tier))) if tier < 2 => (PrivilegeLevel::Admin, tier),
        (None, _) if name.ends_with("Reader") || name.ends_with("Readers") => {
            let sees_all = name == "Global Reader";
            (PrivilegeLevel::Read, if sees_all { 2 } else { 3 })
        }
        (None, _) => (PrivilegeLevel::Write, 2),
    };
    if matches!(directory_scope, "" | "/") {
        return Grant::new(name, level, tier);
    }
    let place = directory_scope.trim_start_matches('/');
    Grant::new(
        &format!("{name} at {place}"),
        level,
        lowered(level, tier, 1),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn roles_are_known_by_template_name_or_actions() {
        assert!(ROLES.is_sorted());
        let global = grant("62e90394-69f5-4237-9190-012177145e10", None, "/");
        assert_eq!(
            global,
            Grant::new("Global Administrator", PrivilegeLevel::Admin, 0)
        );
        let scoped = grant(
            "62e90394-69f5-4237-9190-012177145e10",
            None,
            "/administrativeUnits/7",
        );
        assert_eq!(
            (scoped.tier, scoped.name.as_str()),
            (1, "Global Administrator at administrativeUnits/7")
        );
        let named = |name: &str| {
            let definition = Definition {
                name: name.to_owned(),
                own: None,
            };
            let grant = grant(
                "00000000-1111-4000-8000-000000000000",
                Some(&definition),
                "/",
            );
            (grant.level.0, grant.tier)
        };
        let readers = grant("88d8e3e3-8f55-4a1e-953a-9b9898b8876b", None, "/");
        assert_eq!(
            readers,
            Grant::new("Directory Readers", PrivilegeLevel::Read, 3)
        );
        assert!(!is_known("00000000-1111-4000-8000-000000000000", None));
        assert_eq!(named("Reports Reader"), (PrivilegeLevel::Read, 3));
        assert_eq!(named("Search Editor"), (PrivilegeLevel::Write, 2));
    }

    #[test]
    fn a_custom_role_is_what_its_actions_are() {
        let custom = |action: &str| {
            let object = json!({"isBuiltIn": false, "rolePermissions": [{"allowedResourceActions": [action]}]});
            let definition = Definition::read("custom", object.as_object().expect("an object"));
            let grant = grant("id", Some(&definition), "/");
            (grant.level.0, grant.tier)
        };
        assert_eq!(
            custom("microsoft.directory/applications/credentials/update"),
            (PrivilegeLevel::Admin, 0)
        );
        for action in [
            "applications.myOrganization/credentials/update",
            "applications/owners/update",
            "applications/allProperties/allTasks",
            "servicePrincipals/credentials/update",
            "servicePrincipals/owners/update",
            "servicePrincipals/allProperties/allTasks",
            "servicePrincipals/managePermissionGrantsForAll.microsoft-company-admin",
            "groupsAssignableToRoles/members/update",
            "groupsAssignableToRoles/owners/update",
            "roleAssignments/allProperties/allTasks",
            "users/allProperties/allTasks",
        ] {
            let action = format!("microsoft.directory/{action}");
            assert_eq!(custom(&action), (PrivilegeLevel::Admin, 0), "{action}");
        }
        for action in [
            "users/authenticationMethods/create",
            "users/password/update",
            "groups.security.assignedMembership/members/update",
            "groups.unified/owners/update",
        ] {
            let action = format!("microsoft.directory/{action}");
            assert_eq!(custom(&action), (PrivilegeLevel::Admin, 1), "{action}");
        }
        assert_eq!(
            custom("microsoft.directory/applications/credentials/read"),
            (PrivilegeLevel::Read, 3)
        );
        assert_eq!(
            custom("microsoft.directory/applications/tag/update"),
            (PrivilegeLevel::Write, 2)
        );
    }
}
