//! What tells these exports apart before they are read: words of their text, and names of files.

use std::path::Path;

use super::{CONNECTOR, Connector};

/// Which of the two connectors a text looks like, by words that only Graph and Azure write.
pub(in crate::connect) fn recognise(head: &str) -> Option<Connector> {
    let has = |word: &str| head.contains(word);
    // PowerShell and the Python SDK spell the names in their own way.
    let named = |name: &str| {
        let mut upper = name.to_owned();
        upper[..1].make_ascii_uppercase();
        let snake: String = name
            .chars()
            .flat_map(|c| {
                let mark = c.is_ascii_uppercase().then_some('_');
                mark.into_iter().chain([c.to_ascii_lowercase()])
            })
            .collect();
        [name, &upper, &snake]
            .iter()
            .any(|name| has(&format!("\"{name}\"")))
    };
    let is_graph = has("#microsoft.graph.")
        || has("https://graph.microsoft.com/")
        || named("servicePrincipalType")
        || named("appOwnerOrganizationId")
        || (named("signInAudience") && named("appId"))
        || (named("appRoleId") && named("principalId"))
        || (named("directoryScopeId") && named("roleDefinitionId"))
        || (named("consentType") && named("clientId"));
    if is_graph {
        return Some(CONNECTOR);
    }
    let is_azure = has("Microsoft.Authorization/role")
        || has("microsoft.authorization/role")
        || (named("roleDefinitionName") && named("scope"))
        || (named("roleName") && named("assignableScopes"))
        || (named("principalId") && (has("\"/subscriptions/") || has("userAssignedIdentities")));
    if is_azure {
        return Some(Connector::Azure);
    }
    if named("issuer") && named("subject") && named("audiences") {
        let is_of_resource = has("\"/subscriptions/");
        return Some(if is_of_resource {
            Connector::Azure
        } else {
            CONNECTOR
        });
    }
    (named("verifiedDomains") && named("tenantType")).then_some(CONNECTOR)
}

/// What the name of a file says, for answers that do not name whose they are: `owners/ID.json`.
#[derive(Debug, Default)]
pub(super) struct Hint {
    pub(super) relation: Option<&'static str>,
    pub(super) parent: Option<String>,
}

impl Hint {
    pub(super) fn of(path: &Path) -> Self {
        let name = |part: Option<&std::ffi::OsStr>| {
            part.map(|part| part.to_string_lossy().to_ascii_lowercase())
                .unwrap_or_default()
        };
        let file = name(path.file_name());
        let folder = name(path.parent().and_then(Path::file_name));
        let parent = (0..file.len())
            .filter_map(|at| file.get(at..at + 36))
            .find(|part| is_guid(part))
            .map(str::to_owned);
        let about = |word: &str| file.contains(word) || folder.contains(word);
        let relation = if about("sponsor") {
            Some("sponsors")
        } else if about("owner") {
            Some("owners")
        } else {
            None
        };
        Self { relation, parent }
    }
}

pub(super) fn is_guid(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 36
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}
