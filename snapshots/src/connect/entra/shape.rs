//! Tells the objects of Microsoft Graph apart: by `@odata.type`, by their members, by the
//! `@odata.context` of the answer. Names are brought to Graph's own spelling first, because PowerShell
//! prints `AppId` and the Python SDK `app_id`.

use serde_json::{Map, Value};

/// An object of Graph.
pub(super) type Object = Map<String, Value>;

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Principal,
    Agent,
    BlueprintPrincipal,
    Application,
    Blueprint,
    AgentUser,
    User,
    Group,
    AppRoleAssignment,
    DelegatedGrant,
    RoleAssignment,
    /// A role that a principal may activate but does not hold.
    Eligible,
    RoleDefinition,
    DirectoryRole,
    Federated,
    SignIn,
    KeyUse,
    Organization,
    /// An answer that says why there is none.
    Refusal,
}

/// Brings the names of an object and of all in it to Graph's spelling, and takes in what PowerShell
/// keeps apart as `AdditionalProperties`.
pub(super) fn spell(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(spell),
        Value::Object(map) => {
            for (name, inner) in map.iter_mut() {
                // The names in here are the customer's own.
                let is_free = matches!(
                    name.as_str(),
                    "tags" | "Tags" | "customSecurityAttributes" | "CustomSecurityAttributes"
                );
                if !is_free {
                    spell(inner);
                }
            }
            if map.keys().any(|name| !is_spelled(name)) {
                for (name, inner) in std::mem::take(map) {
                    let name = spelled(name);
                    // Of two spellings of one name the one with a value says something.
                    if map.get(&name).is_none_or(Value::is_null) {
                        map.insert(name, inner);
                    }
                }
            }
            for apart in ["additionalProperties", "additionalData"] {
                if let Some(Value::Object(more)) = map.remove(apart) {
                    for (name, inner) in more {
                        map.entry(name).or_insert(inner);
                    }
                }
            }
        }
        _ => {}
    }
}

fn is_spelled(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_uppercase())
        && (!name.contains('_') || name.contains(['@', '.', '/']))
}

fn spelled(name: String) -> String {
    if is_spelled(&name) {
        return name;
    }
    if name == "odata_type" {
        return "@odata.type".to_owned();
    }
    let mut out = String::with_capacity(name.len());
    let mut upper = false;
    for c in name.chars() {
        match c {
            '_' => upper = !out.is_empty(),
            _ if out.is_empty() => out.push(c.to_ascii_lowercase()),
            _ if upper => {
                out.push(c.to_ascii_uppercase());
                upper = false;
            }
            _ => out.push(c),
        }
    }
    out
}

/// The text of a member; nothing for an empty one.
pub(super) fn text<'o>(object: &'o Object, name: &str) -> Option<&'o str> {
    object
        .get(name)?
        .as_str()
        .map(str::trim)
        .filter(|text| !text.is_empty())
}

/// An id, in lower case as Entra compares them.
pub(super) fn id(object: &Object, name: &str) -> Option<String> {
    text(object, name).map(str::to_ascii_lowercase)
}

/// The objects of a member, whether it holds one or many.
pub(super) fn objects<'o>(object: &'o Object, name: &str) -> impl Iterator<Item = &'o Object> {
    let listed = match object.get(name) {
        Some(Value::Array(items)) => items.as_slice(),
        Some(one @ Value::Object(_)) => std::slice::from_ref(one),
        _ => &[],
    };
    listed.iter().filter_map(Value::as_object)
}

/// What the `@odata.context` of an answer says: `…/$metadata#applications('ID')/owners`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Context {
    /// `applications`, `owners`: the last collection that is named.
    pub(super) collection: String,
    /// The id of the object that the collection belongs to.
    pub(super) parent: Option<String>,
    /// The type to which the collection is narrowed.
    pub(super) cast: Option<String>,
}

impl Context {
    pub(super) fn parse(text: &str) -> Self {
        let mut out = Self::default();
        let path = text.split_once('#').map_or(text, |(_, path)| path);
        let (mut depth, mut start) = (0_u32, 0);
        let ends = path.char_indices().chain([(path.len(), '/')]);
        for (at, c) in ends {
            match c {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                '/' if depth == 0 => {
                    out.segment(&path[start..at]);
                    start = at + 1;
                }
                _ => {}
            }
        }
        out
    }

    fn segment(&mut self, segment: &str) {
        let (name, arguments) = segment.split_once('(').unwrap_or((segment, ""));
        if let Some(cast) = name.strip_prefix("microsoft.graph.") {
            self.cast = Some(cast.to_owned());
        } else if name != "$entity" && !name.is_empty() {
            name.clone_into(&mut self.collection);
        }
        if let Some(id) = arguments
            .strip_prefix('\'')
            .and_then(|rest| rest.split('\'').next())
        {
            self.parent = Some(id.to_ascii_lowercase());
        }
    }

    fn shape(&self) -> Option<Shape> {
        let cast = self.cast.as_deref().and_then(of_type);
        cast.or_else(|| {
            Some(match self.collection.as_str() {
                "servicePrincipals" => Shape::Principal,
                "applications" => Shape::Application,
                "users" => Shape::User,
                "groups" => Shape::Group,
                "appRoleAssignments" | "appRoleAssignedTo" => Shape::AppRoleAssignment,
                "oauth2PermissionGrants" => Shape::DelegatedGrant,
                "roleAssignments" | "roleAssignmentScheduleInstances" => Shape::RoleAssignment,
                "roleEligibilityScheduleInstances" => Shape::Eligible,
                "roleDefinitions" => Shape::RoleDefinition,
                "directoryRoles" => Shape::DirectoryRole,
                "federatedIdentityCredentials" => Shape::Federated,
                "servicePrincipalSignInActivities" => Shape::SignIn,
                "appCredentialSignInActivities" => Shape::KeyUse,
                "organization" => Shape::Organization,
                _ => return None,
            })
        })
    }
}

/// The shape that an `@odata.type` names, with or without `#microsoft.graph.`.
fn of_type(name: &str) -> Option<Shape> {
    Some(match name.rsplit('.').next().unwrap_or(name) {
        "servicePrincipal" => Shape::Principal,
        "agentIdentity" => Shape::Agent,
        "agentIdentityBlueprintPrincipal" => Shape::BlueprintPrincipal,
        "application" => Shape::Application,
        "agentIdentityBlueprint" => Shape::Blueprint,
        "agentUser" => Shape::AgentUser,
        "user" => Shape::User,
        "group" => Shape::Group,
        "appRoleAssignment" => Shape::AppRoleAssignment,
        "oAuth2PermissionGrant" => Shape::DelegatedGrant,
        "unifiedRoleAssignment" | "unifiedRoleAssignmentScheduleInstance" => Shape::RoleAssignment,
        "unifiedRoleEligibilityScheduleInstance" => Shape::Eligible,
        "unifiedRoleDefinition" => Shape::RoleDefinition,
        "directoryRole" => Shape::DirectoryRole,
        "federatedIdentityCredential" => Shape::Federated,
        "servicePrincipalSignInActivity" => Shape::SignIn,
        "appCredentialSignInActivity" => Shape::KeyUse,
        "organization" => Shape::Organization,
        _ => return None,
    })
}

/// What an object is, if it is one that is known.
pub(super) fn shape(object: &Object, context: &Context) -> Option<Shape> {
    text(object, "@odata.type")
        .and_then(of_type)
        .or_else(|| of_members(object, context))
        .or_else(|| context.shape())
}

fn of_members(object: &Object, context: &Context) -> Option<Shape> {
    let has = |name: &str| object.contains_key(name);
    let any = |names: &[&str]| names.iter().any(|name| has(name));
    if has("error") && object["error"].get("code").is_some() {
        return Some(Shape::Refusal);
    }
    if has("principalId") {
        if has("appRoleId") {
            return Some(Shape::AppRoleAssignment);
        }
        if has("roleDefinitionId")
            && any(&[
                "directoryScopeId",
                "appScopeId",
                "roleDefinition",
                "memberType",
            ])
        {
            return context.shape().or(Some(Shape::RoleAssignment));
        }
    }
    if has("consentType") && has("clientId") {
        return Some(Shape::DelegatedGrant);
    }
    if has("issuer") && any(&["subject", "claimsMatchingExpression"]) {
        return Some(Shape::Federated);
    }
    if has("keyId") && any(&["credentialOrigin", "signInActivity"]) {
        return Some(Shape::KeyUse);
    }
    if has("lastSignInActivity") && has("appId") {
        return Some(Shape::SignIn);
    }
    if has("agentIdentityBlueprintId") {
        return Some(Shape::Agent);
    }
    if any(&[
        "servicePrincipalType",
        "servicePrincipalNames",
        "appOwnerOrganizationId",
    ]) {
        return Some(match text(object, "servicePrincipalType") {
            Some("AgentIdentityBlueprintPrincipal") => Shape::BlueprintPrincipal,
            _ => Shape::Principal,
        });
    }
    if has("identityParentId") {
        return Some(Shape::AgentUser);
    }
    if has("userPrincipalName") {
        return Some(Shape::User);
    }
    if any(&["securityEnabled", "groupTypes", "mailEnabled"]) {
        return Some(Shape::Group);
    }
    if has("rolePermissions") || (has("isBuiltIn") && has("templateId")) {
        return Some(Shape::RoleDefinition);
    }
    if has("roleTemplateId") {
        return Some(Shape::DirectoryRole);
    }
    if any(&["verifiedDomains", "tenantType"]) {
        return Some(Shape::Organization);
    }
    let is_application = any(&[
        "signInAudience",
        "publisherDomain",
        "identifierUris",
        "requiredResourceAccess",
    ]);
    (has("appId") && is_application && context.shape().is_none()).then_some(Shape::Application)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn powershell_and_python_spell_as_graph_does() {
        let mut value = json!({
            "AppId": "a", "PasswordCredentials": [{"KeyId": "k"}], "Tags": ["Keep_Me"],
            "AdditionalProperties": {"@odata.type": "#microsoft.graph.user", "userPrincipalName": "j@x"},
        });
        spell(&mut value);
        assert_eq!(
            value,
            json!({
                "appId": "a", "passwordCredentials": [{"keyId": "k"}], "tags": ["Keep_Me"],
                "@odata.type": "#microsoft.graph.user", "userPrincipalName": "j@x",
            })
        );
        let mut value = json!({"odata_type": "#microsoft.graph.application", "app_id": "a"});
        spell(&mut value);
        assert_eq!(
            value,
            json!({"@odata.type": "#microsoft.graph.application", "appId": "a"})
        );
    }

    #[test]
    fn a_context_names_collection_and_parent() {
        for (text, collection, parent) in [
            (
                "https://graph.microsoft.com/v1.0/$metadata#servicePrincipals(id,appId,owners())",
                "servicePrincipals",
                None,
            ),
            (
                "https://graph.microsoft.com/v1.0/$metadata#applications('0A1B')/federatedIdentityCredentials",
                "federatedIdentityCredentials",
                Some("0a1b"),
            ),
            (
                "https://graph.microsoft.com/v1.0/$metadata#roleManagement/directory/roleAssignments(principal(),roleDefinition())",
                "roleAssignments",
                None,
            ),
            (
                "https://graph.microsoft.com/beta/$metadata#applications/$entity",
                "applications",
                None,
            ),
        ] {
            let context = Context::parse(text);
            assert_eq!(
                (context.collection.as_str(), context.parent.as_deref()),
                (collection, parent),
                "{text}"
            );
        }
        let cast = "https://graph.microsoft.com/v1.0/$metadata#servicePrincipals/microsoft.graph.agentIdentity";
        assert_eq!(Context::parse(cast).shape(), Some(Shape::Agent));
    }

    #[test]
    fn members_tell_what_the_answer_does_not_say() {
        let none = Context::default();
        for (value, expected) in [
            (
                json!({"id": "1", "appId": "2", "servicePrincipalType": "Application", "signInAudience": "AzureADMyOrg"}),
                Some(Shape::Principal),
            ),
            (
                json!({"id": "1", "appId": "2", "signInAudience": "AzureADMyOrg"}),
                Some(Shape::Application),
            ),
            (
                json!({"principalId": "1", "appRoleId": "2", "resourceId": "3"}),
                Some(Shape::AppRoleAssignment),
            ),
            (
                json!({"principalId": "1", "roleDefinitionId": "2", "directoryScopeId": "/"}),
                Some(Shape::RoleAssignment),
            ),
            (
                json!({"error": {"code": "Authorization_RequestDenied"}}),
                Some(Shape::Refusal),
            ),
            (json!({"id": "1", "appId": "2"}), None),
            (json!({"Users": []}), None),
        ] {
            let object = value.as_object().expect("an object").clone();
            assert_eq!(shape(&object, &none), expected, "{value}");
        }
    }
}
