//! Azure roles: what an assignment allows at its scope, by the role's name or by its actions.

use enrich_core::vocabulary::PrivilegeLevel;

use super::lowered;
use super::shape::{Object, objects, text};
use crate::record::Grant;

/// Where an assignment holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// The tenant's root, a management group, or a whole subscription.
    Subscription,
    ResourceGroup,
    Resource,
}

/// A role of the export.
#[derive(Clone, Debug, Default)]
pub(super) struct Definition {
    pub(super) name: String,
    /// What its actions allow in a whole subscription.
    own: Option<(PrivilegeLevel, u8)>,
    /// Whether Microsoft defines it, where the export says so.
    is_built_in: Option<bool>,
}

impl Definition {
    /// The wider of two descriptions of one role, whatever comes first.
    pub(super) fn wider(self, other: Self) -> Self {
        // One that says what it allows tells more than one that does not.
        let key = |it: &Self| {
            let own = it.own.map(|(level, tier)| (std::cmp::Reverse(tier), level));
            (own, it.name.clone(), it.is_built_in)
        };
        if key(&other) > key(&self) {
            other
        } else {
            self
        }
    }

    /// Reads `az role definition list`, the REST answer, and `Get-AzRoleDefinition`.
    pub(super) fn read(object: &Object) -> Option<Self> {
        let inner = object
            .get("properties")
            .and_then(serde_json::Value::as_object);
        let inner = inner.unwrap_or(object);
        let name = text(inner, "roleName").or_else(|| text(object, "name"))?;
        let texts = |object: &Object, name: &str| -> Vec<String> {
            let list = object.get(name).and_then(serde_json::Value::as_array);
            list.into_iter()
                .flatten()
                .filter_map(|value| Some(value.as_str()?.to_ascii_lowercase()))
                .collect()
        };
        // PowerShell writes the actions beside the name.
        let permissions: Vec<&Object> = match inner.get("permissions") {
            Some(_) => objects(inner, "permissions").collect(),
            None => vec![inner],
        };
        let own = permissions
            .iter()
            .map(|permission| {
                judge(
                    &texts(permission, "actions"),
                    &texts(permission, "notActions"),
                    &texts(permission, "dataActions"),
                )
            })
            .min_by_key(|(level, tier)| (*tier, std::cmp::Reverse(*level)));
        let has_actions = permissions
            .iter()
            .any(|permission| permission.contains_key("actions"));
        // `roleType` of the command line, `type` of REST, `IsCustom` of PowerShell.
        let kinds = [text(inner, "roleType"), text(inner, "type")];
        let is = |word: &str| {
            kinds
                .iter()
                .flatten()
                .any(|kind| kind.eq_ignore_ascii_case(word))
        };
        let is_custom = ["IsCustom", "isCustom"]
            .iter()
            .find_map(|name| inner.get(*name)?.as_bool());
        let is_built_in = match (is("BuiltInRole"), is("CustomRole")) {
            (true, _) => Some(true),
            (false, true) => Some(false),
            (false, false) => is_custom.map(|is_custom| !is_custom),
        };
        Some(Self {
            is_built_in,
            name: name.to_owned(),
            own: own.filter(|_| has_actions),
        })
    }
}

/// Actions with which somebody gives themselves any role.
const ESCALATIONS: &[&str] = &[
    "microsoft.authorization/elevateaccess/action",
    "microsoft.authorization/roleassignments/write",
    "microsoft.authorization/roledefinitions/write",
];

/// Actions that let somebody work as a managed identity, or on the machines that do.
const TAKEOVERS: &[&str] = &[
    "microsoft.compute/virtualmachines/extensions/write",
    "microsoft.compute/virtualmachines/runcommand/action",
    "microsoft.managedidentity/userassignedidentities/*/assign/action",
    "microsoft.managedidentity/userassignedidentities/assign/action",
    "microsoft.managedidentity/userassignedidentities/federatedidentitycredentials/write",
];

/// What actions allow in a whole subscription. `notActions` take away, so they count where they take
/// away one of the actions that are looked for.
fn judge(actions: &[String], not_actions: &[String], data: &[String]) -> (PrivilegeLevel, u8) {
    let covers = |patterns: &[String], action: &str| {
        patterns
            .iter()
            .any(|pattern| crate::text::glob(pattern, action))
    };
    let has = |list: &[&str]| {
        list.iter()
            .any(|action| covers(actions, action) && !covers(not_actions, action))
    };
    if has(ESCALATIONS) {
        return (PrivilegeLevel::Admin, 0);
    }
    let is_wide =
        |pattern: &String| pattern == "*" || pattern.ends_with(".*") || pattern == "*/write";
    if actions.iter().any(is_wide) || has(TAKEOVERS) {
        return (PrivilegeLevel::Write, 1);
    }
    let reads = |action: &String| {
        let verb = action.rsplit('/').next().unwrap_or("");
        verb == "read"
    };
    let hands_out = [
        "microsoft.storage/storageaccounts/listkeys/action",
        "microsoft.keyvault/vaults/secrets/getsecret/action",
    ];
    let writes = actions.iter().chain(data).any(|action| !reads(action));
    let yields = hands_out
        .iter()
        .any(|action| covers(actions, action) || covers(data, action));
    match (writes, yields || data.iter().any(reads)) {
        (true, _) => (PrivilegeLevel::Write, 2),
        (false, true) => (PrivilegeLevel::Read, 2),
        (false, false) => (PrivilegeLevel::Read, 3),
    }
}

/// What a built-in role allows in a whole subscription, where it is known.
fn built_in(name: &str) -> Option<(PrivilegeLevel, u8)> {
    Some(match name {
        "Owner" | "User Access Administrator" | "Role Based Access Control Administrator" => {
            (PrivilegeLevel::Admin, 0)
        }
        "Contributor"
        | "Key Vault Administrator"
        | "Key Vault Data Access Administrator"
        | "Key Vault Secrets Officer"
        | "Managed Identity Contributor"
        | "Managed Identity Operator"
        | "Virtual Machine Administrator Login"
        | "Virtual Machine Contributor"
        | "Automation Contributor"
        | "Azure Kubernetes Service RBAC Cluster Admin"
        | "Storage Account Contributor" => (PrivilegeLevel::Write, 1),
        "Key Vault Secrets User"
        | "Reader and Data Access"
        | "Storage Account Key Operator Service Role"
        | "Azure Kubernetes Service Cluster Admin Role" => (PrivilegeLevel::Read, 2),
        "AcrPull" | "Reader" => (PrivilegeLevel::Read, 3),
        _ => return None,
    })
}

/// The same for other roles, whose names end in what they are for.
fn by_ending(name: &str) -> Option<(PrivilegeLevel, u8)> {
    Some(match name {
        _ if name.ends_with("Data Reader") => (PrivilegeLevel::Read, 2),
        _ if name.ends_with("Reader") => (PrivilegeLevel::Read, 3),
        _ if [
            "Contributor",
            "Owner",
            "Administrator",
            "Admin",
            "Officer",
            "Writer",
        ]
        .iter()
        .any(|word| name.ends_with(word)) =>
        {
            (PrivilegeLevel::Write, 2)
        }
        _ => return None,
    })
}

/// The place of a scope, for people.
fn place(scope: &str) -> (Reach, String) {
    let parts: Vec<&str> = scope.split('/').filter(|part| !part.is_empty()).collect();
    let is = |at: usize, word: &str| {
        parts
            .get(at)
            .is_some_and(|part| part.eq_ignore_ascii_case(word))
    };
    match parts.as_slice() {
        [] => (Reach::Subscription, "/".to_owned()),
        [_, _, _, group] if is(1, "Microsoft.Management") => {
            (Reach::Subscription, format!("management group {group}"))
        }
        [_, subscription] if is(0, "subscriptions") => {
            (Reach::Subscription, format!("subscription {subscription}"))
        }
        [_, subscription, _, group] if is(2, "resourceGroups") => (
            Reach::ResourceGroup,
            format!("resource group {subscription}/{group}"),
        ),
        _ => (Reach::Resource, scope.to_owned()),
    }
}

/// What an assignment allows. Writing in a resource group counts one tier lower than in a subscription,
/// at one resource two.
pub(super) fn grant(role: &str, definition: Option<&Definition>, scope: &str) -> Grant {
    let own = definition.and_then(|definition| definition.own);
    let is_built_in = definition.and_then(|definition| definition.is_built_in);
    // Names of built-in roles are Microsoft's, and what they lead to is known better than their actions
    // say; a custom role may look like one. Where it is not said which, the wider counts.
    let judged = match (is_built_in, own) {
        (Some(true), own) => built_in(role).or(own),
        (Some(false), Some(own)) => Some(own),
        (None, Some(own)) => built_in(role)
            .into_iter()
            .chain([own])
            .min_by_key(|(level, tier)| (*tier, std::cmp::Reverse(*level))),
        (_, None) => built_in(role),
    };
    let (level, tier) = judged
        .or_else(|| by_ending(role))
        .unwrap_or((PrivilegeLevel::Write, 2));
    let (reach, place) = place(scope);
    let down = match reach {
        Reach::Subscription => 0,
        Reach::ResourceGroup => 1,
        Reach::Resource => 2,
    };
    Grant::new(
        &format!("{role} at {place}"),
        level,
        lowered(level, tier, down),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SUBSCRIPTION: &str = "/subscriptions/5ab1e000-0000-4000-8000-000000000001";

    #[test]
    fn a_role_counts_less_the_smaller_its_scope() {
        let group = format!("{SUBSCRIPTION}/resourceGroups/shop");
        let vault = format!("{group}/providers/Microsoft.KeyVault/vaults/shop");
        for (role, scope, level, tier) in [
            ("Owner", "/", PrivilegeLevel::Admin, 0),
            ("Owner", SUBSCRIPTION, PrivilegeLevel::Admin, 0),
            ("Owner", group.as_str(), PrivilegeLevel::Admin, 1),
            ("Contributor", SUBSCRIPTION, PrivilegeLevel::Write, 1),
            ("Contributor", group.as_str(), PrivilegeLevel::Write, 2),
            (
                "Key Vault Secrets User",
                vault.as_str(),
                PrivilegeLevel::Read,
                2,
            ),
            ("Reader", SUBSCRIPTION, PrivilegeLevel::Read, 3),
            (
                "Storage Blob Data Reader",
                SUBSCRIPTION,
                PrivilegeLevel::Read,
                2,
            ),
            ("Something of ours", SUBSCRIPTION, PrivilegeLevel::Write, 2),
        ] {
            let grant = grant(role, None, scope);
            assert_eq!((grant.level.0, grant.tier), (level, tier), "{}", grant.name);
        }
        let at = grant(
            "Reader",
            None,
            "/providers/Microsoft.Management/managementGroups/larkmoor",
        );
        assert_eq!(at.name, "Reader at management group larkmoor");
    }

    #[test]
    fn actions_that_lead_to_more_count_as_what_they_lead_to() {
        let custom = |action: &str| {
            let object = json!({"roleName": "Reader", "roleType": "CustomRole", "permissions": [{"actions": [action]}]});
            let definition = Definition::read(object.as_object().unwrap()).unwrap();
            let grant = grant(&definition.name, Some(&definition), SUBSCRIPTION);
            (grant.level.0, grant.tier)
        };
        for action in [
            "Microsoft.Authorization/roleDefinitions/write",
            "Microsoft.Authorization/roleAssignments/write",
            "Microsoft.Authorization/elevateAccess/action",
            "Microsoft.Authorization/*/action",
        ] {
            assert_eq!(custom(action), (PrivilegeLevel::Admin, 0), "{action}");
        }
        for action in [
            "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write",
            "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
            "Microsoft.ManagedIdentity/userAssignedIdentities/*/assign/action",
            "Microsoft.Compute/virtualMachines/runCommand/action",
            "Microsoft.Compute/virtualMachines/extensions/write",
        ] {
            assert_eq!(custom(action), (PrivilegeLevel::Write, 1), "{action}");
        }
    }

    #[test]
    fn a_built_in_role_is_what_its_name_says() {
        let of = |kind: serde_json::Value, name: &str, action: &str| {
            let mut object = json!({"roleName": name, "permissions": [{"actions": [action]}]});
            object
                .as_object_mut()
                .unwrap()
                .extend(kind.as_object().unwrap().clone());
            let definition = Definition::read(object.as_object().unwrap()).unwrap();
            let grant = grant(name, Some(&definition), SUBSCRIPTION);
            (grant.level.0, grant.tier)
        };
        let machines = "Microsoft.Compute/virtualMachines/*";
        let vaults = "Microsoft.KeyVault/vaults/read";
        let built_in = json!({"roleType": "BuiltInRole"});
        assert_eq!(
            of(built_in.clone(), "Key Vault Administrator", vaults),
            (PrivilegeLevel::Write, 1)
        );
        for kind in [
            json!({"type": "BuiltInRole"}),
            json!({"IsCustom": false}),
            json!({}),
        ] {
            assert_eq!(
                of(kind, "Key Vault Administrator", vaults),
                (PrivilegeLevel::Write, 1)
            );
        }
        assert_eq!(
            of(
                json!({"roleType": "CustomRole"}),
                "Key Vault Administrator",
                vaults
            ),
            (PrivilegeLevel::Read, 3)
        );
        // A role that the table does not name.
        assert_eq!(
            of(built_in, "Some Machine Contributor", machines),
            (PrivilegeLevel::Write, 1)
        );
    }

    #[test]
    fn a_custom_role_is_what_its_actions_are() {
        let custom = |actions: &[&str], not: &[&str], data: &[&str]| {
            let object = json!({"roleName": "Ours", "permissions": [{"actions": actions, "notActions": not, "dataActions": data}]});
            let definition =
                Definition::read(object.as_object().expect("an object")).expect("a role");
            let grant = grant(&definition.name, Some(&definition), SUBSCRIPTION);
            (grant.level.0, grant.tier)
        };
        assert_eq!(custom(&["*"], &[], &[]), (PrivilegeLevel::Admin, 0));
        assert_eq!(
            custom(
                &["*"],
                &[
                    "Microsoft.Authorization/*/Write",
                    "Microsoft.Authorization/elevateAccess/Action"
                ],
                &[]
            ),
            (PrivilegeLevel::Write, 1)
        );
        assert_eq!(custom(&["*/read"], &[], &[]), (PrivilegeLevel::Read, 3));
        assert_eq!(
            custom(
                &["*/read"],
                &[],
                &["Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"]
            ),
            (PrivilegeLevel::Read, 2)
        );
        assert_eq!(
            custom(&["Microsoft.Sql/servers/*"], &[], &[]),
            (PrivilegeLevel::Write, 2)
        );
    }
}
