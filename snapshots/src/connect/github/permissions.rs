//! What a GitHub permission or scope amounts to: level and tier.
//!
//! Names: "Permissions required for GitHub Apps" and "Scopes for OAuth apps" of the GitHub documentation.

use enrich_core::vocabulary::PrivilegeLevel::{Admin, Read, Write};
use serde_json::{Map, Value};

use crate::record::Grant;

/// Permissions to write that reach further than the thing they are named after: name, level, tier
/// over all repositories (or the organisation), tier over selected repositories.
const FAR: &[(&str, bool, u8, u8)] = &[
    // The organisation itself, who belongs to it and what roles there are.
    ("organization_administration", true, 0, 0),
    ("members", true, 0, 0),
    ("organization_custom_roles", true, 0, 0),
    ("organization_custom_org_roles", true, 0, 0),
    ("enterprise_administration", true, 0, 0),
    ("enterprise_organizations", true, 0, 0),
    ("enterprise_custom_org_roles", true, 0, 0),
    ("enterprise_organization_installations", true, 0, 0),
    // Deploy keys, collaborators and branch protection: whoever writes them owns the repository.
    ("administration", true, 0, 1),
    // Whose tokens are let in, and on which machines the pipelines run.
    ("organization_personal_access_tokens", true, 1, 1),
    ("organization_personal_access_token_requests", true, 1, 1),
    ("organization_self_hosted_runners", true, 1, 1),
    // The pipelines, what they are given, and the code that they build.
    ("workflows", false, 1, 1),
    ("secrets", false, 1, 1),
    ("organization_secrets", false, 1, 1),
    ("environments", false, 1, 1),
    ("organization_actions_variables", false, 1, 1),
    ("actions_variables", false, 1, 2),
    ("actions", false, 1, 2),
    ("contents", false, 1, 2),
    ("single_file", false, 2, 2),
    // A webhook sends what happens to an address of the writer's choice.
    ("organization_hooks", false, 1, 1),
    ("repository_hooks", false, 2, 2),
];

/// Permissions to write that change talk and bookkeeping only.
const MILD: &[&str] = &[
    "issues",
    "discussions",
    "team_discussions",
    "repository_projects",
    "organization_projects",
    "organization_announcement_banners",
    "starring",
    "followers",
    "metadata",
];

/// Reading these shows secrets.
const REVEALING: &[&str] = &["secret_scanning_alerts"];

/// The permissions of an app or a fine-grained token, `{"contents":"write",…}`. What is not known is
/// taken for the usual: writing tier 2, reading tier 3.
pub(super) fn of_permissions(permissions: &Map<String, Value>, all: bool) -> Vec<Grant> {
    let grants = permissions.iter().filter_map(|(name, access)| {
        let access = access.as_str()?;
        let (level, tier) = match access {
            "read" if REVEALING.contains(&name.as_str()) => (Read, 2),
            "read" => (Read, 3),
            "write" | "admin" => {
                let far = FAR.iter().find(|(known, ..)| known == name);
                match far {
                    Some((_, is_admin, everywhere, selected)) => (
                        if *is_admin { Admin } else { Write },
                        if all { *everywhere } else { *selected },
                    ),
                    None if access == "admin" => (Admin, 1),
                    None if MILD.contains(&name.as_str()) => (Write, 3),
                    None => (Write, 2),
                }
            }
            _ => return None,
        };
        let place = if all { " (all repositories)" } else { "" };
        Some(Grant::new(&format!("{name}:{access}{place}"), level, tier))
    });
    grants.collect()
}

/// The scopes of a classic token or an OAuth token. They hold wherever its person may go.
pub(super) fn of_scopes<'a>(scopes: impl Iterator<Item = &'a str>) -> Vec<Grant> {
    let grants = scopes.map(|scope| {
        let (level, tier) = match scope {
            "site_admin" | "admin:enterprise" | "manage_runners:enterprise" | "admin:org" => {
                (Admin, 0)
            }
            "manage_runners:org" | "delete_repo" | "admin:org_hook" | "admin:repo_hook"
            | "admin:public_key" => (Admin, 1),
            "repo" | "workflow" | "write:org" | "codespace" | "write:public_key" => (Write, 1),
            "notifications" | "gist" | "write:discussion" | "project" | "copilot" => (Write, 3),
            _ if scope.starts_with("read:") || scope.ends_with(":read") => (Read, 3),
            _ => (Write, 2),
        };
        Grant::new(&format!("scope {scope}"), level, tier)
    });
    grants.collect()
}

#[cfg(test)]
mod tests {
    use enrich_core::vocabulary::PrivilegeLevel;
    use serde_json::json;

    use super::*;

    fn widest(permissions: Value, all: bool) -> (u8, PrivilegeLevel, String) {
        let grants = of_permissions(permissions.as_object().unwrap(), all);
        let first = grants.into_iter().min().unwrap();
        (first.tier, first.level.0, first.name)
    }

    #[test]
    fn reach_decides_the_tier() {
        for (permissions, all, tier, level) in [
            (
                json!({"metadata": "read", "members": "write"}),
                false,
                0,
                Admin,
            ),
            (json!({"administration": "write"}), true, 0, Admin),
            (json!({"administration": "write"}), false, 1, Admin),
            (json!({"contents": "write"}), true, 1, Write),
            (json!({"contents": "write"}), false, 2, Write),
            (
                json!({"workflows": "write", "issues": "write"}),
                false,
                1,
                Write,
            ),
            (json!({"issues": "write"}), true, 3, Write),
            (json!({"contents": "read"}), true, 3, Read),
            (json!({"secret_scanning_alerts": "read"}), true, 2, Read),
            (json!({"something_new": "write"}), true, 2, Write),
            (json!({"something_new": "admin"}), true, 1, Admin),
        ] {
            let found = widest(permissions.clone(), all);
            assert_eq!((found.0, found.1), (tier, level), "{permissions}");
        }
        let (.., name) = widest(json!({"contents": "write"}), true);
        assert_eq!(name, "contents:write (all repositories)");
    }

    #[test]
    fn scopes_of_classic_tokens() {
        let tier = |scope: &str| of_scopes(std::iter::once(scope))[0].tier;
        assert_eq!(
            ["admin:org", "repo", "public_repo", "read:org", "gist"].map(tier),
            [0, 1, 2, 3, 3]
        );
    }
}
