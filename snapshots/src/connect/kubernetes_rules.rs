//! Kubernetes RBAC rules: what a Role or ClusterRole allows.

use enrich_core::vocabulary::PrivilegeLevel;
use serde::Deserialize;

use crate::record::Grant;

/// One rule of a role.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Rule {
    pub(super) api_groups: Option<Vec<String>>,
    pub(super) resources: Option<Vec<String>>,
    pub(super) verbs: Option<Vec<String>>,
}

fn has(list: Option<&Vec<String>>, word: &str) -> bool {
    list.is_some_and(|list| list.iter().any(|entry| entry == word || entry == "*"))
}

impl Rule {
    fn verb(&self, verbs: &[&str]) -> bool {
        verbs.iter().any(|verb| has(self.verbs.as_ref(), verb))
    }

    fn resource(&self, resources: &[&str]) -> bool {
        resources
            .iter()
            .any(|resource| has(self.resources.as_ref(), resource))
    }

    fn group(&self, group: &str) -> bool {
        self.api_groups.is_none() || has(self.api_groups.as_ref(), group)
    }

    /// What the rule allows, cluster-wide or inside one namespace. A namespace counts one tier less.
    fn grant(&self, name: &str, cluster: bool) -> Grant {
        let narrower = u8::from(!cluster);
        let grant = |level, tier: u8| Grant::new(name, level, tier);
        let star = |list: Option<&Vec<String>>| {
            list.is_some_and(|list| list.iter().any(|entry| entry == "*"))
        };
        if self.resources.as_ref().is_none_or(Vec::is_empty) {
            // A rule about URLs of the API server (`nonResourceURLs`).
            let reads = !self.verb(&["post", "put", "patch", "delete"]);
            return if reads {
                grant(PrivilegeLevel::Read, 3)
            } else {
                grant(PrivilegeLevel::Write, 2)
            };
        }
        let all = star(self.verbs.as_ref()) && star(self.resources.as_ref()) && self.group("");
        let rbac = self.group("rbac.authorization.k8s.io")
            && self.resource(&["roles", "clusterroles"])
            && self.verb(&["escalate", "bind"]);
        let binds = self.group("rbac.authorization.k8s.io")
            && self.resource(&["rolebindings", "clusterrolebindings"])
            && self.verb(&["create", "update", "patch"]);
        let impersonates = self.verb(&["impersonate"])
            && (self.group("") && self.resource(&["users", "groups", "serviceaccounts"]));
        let tokens =
            self.group("") && self.resource(&["serviceaccounts/token"]) && self.verb(&["create"]);
        let nodes =
            self.group("") && self.resource(&["nodes/proxy"]) && self.verb(&["create", "get"]);
        if all || rbac || impersonates || tokens || nodes {
            return grant(PrivilegeLevel::Admin, narrower);
        }
        let writes = self.verb(&["create", "update", "patch", "delete", "deletecollection"]);
        let runs = self.resource(&[
            "pods",
            "pods/exec",
            "pods/attach",
            "pods/ephemeralcontainers",
            "deployments",
            "daemonsets",
            "statefulsets",
            "jobs",
            "cronjobs",
        ]) && self.verb(&["create", "update", "patch"]);
        let secrets = self.group("") && self.resource(&["secrets"]);
        if secrets && self.verb(&["get", "list", "watch"]) {
            return grant(
                if writes {
                    PrivilegeLevel::Write
                } else {
                    PrivilegeLevel::Read
                },
                1 + narrower,
            );
        }
        if binds || runs {
            return grant(PrivilegeLevel::Write, 1 + narrower);
        }
        let other = self
            .verbs
            .iter()
            .flatten()
            .any(|verb| !matches!(verb.as_str(), "get" | "list" | "watch"));
        if writes || other {
            grant(PrivilegeLevel::Write, 2 + narrower)
        } else {
            grant(PrivilegeLevel::Read, 3)
        }
    }
}

/// What a role allows, as its widest rule.
pub(super) fn grant(name: &str, rules: &[Rule], cluster: bool) -> Grant {
    rules
        .iter()
        .map(|rule| rule.grant(name, cluster))
        .min()
        .unwrap_or_else(|| Grant::new(name, PrivilegeLevel::None, 3))
}

/// The roles that every cluster has, for exports that leave them out.
pub(super) fn built_in(name: &str, cluster: bool) -> Option<Grant> {
    let narrower = u8::from(!cluster);
    let (level, tier) = match name {
        "cluster-admin" => (PrivilegeLevel::Admin, narrower),
        "admin" => (PrivilegeLevel::Admin, 1),
        "edit" => (PrivilegeLevel::Write, 1 + narrower),
        "view" => (PrivilegeLevel::Read, 3),
        _ => return None,
    };
    Some(Grant::new(name, level, tier))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(groups: &[&str], resources: &[&str], verbs: &[&str]) -> Rule {
        let own = |list: &[&str]| Some(list.iter().map(|text| (*text).to_owned()).collect());
        Rule {
            api_groups: own(groups),
            resources: own(resources),
            verbs: own(verbs),
        }
    }

    #[test]
    fn the_widest_rule_decides() {
        use PrivilegeLevel::{Admin, Read, Write};
        let rbac = "rbac.authorization.k8s.io";
        for (rules, cluster, expected) in [
            (vec![rule(&["*"], &["*"], &["*"])], true, (Admin, 0)),
            (vec![rule(&["*"], &["*"], &["*"])], false, (Admin, 1)),
            (
                vec![rule(&[rbac], &["clusterroles"], &["bind"])],
                true,
                (Admin, 0),
            ),
            (
                vec![rule(&[rbac], &["rolebindings"], &["create"])],
                false,
                (Write, 2),
            ),
            (
                vec![rule(&["*"], &["users", "groups"], &["impersonate"])],
                false,
                (Admin, 1),
            ),
            (vec![rule(&[""], &["secrets"], &["get"])], true, (Read, 1)),
            (vec![rule(&[""], &["secrets"], &["list"])], false, (Read, 2)),
            (
                vec![
                    rule(&[""], &["pods", "pods/log"], &["get", "list"]),
                    rule(&[""], &["pods/exec"], &["create"]),
                ],
                false,
                (Write, 2),
            ),
            (
                vec![rule(&[""], &["serviceaccounts/token"], &["create"])],
                true,
                (Admin, 0),
            ),
            (
                vec![rule(&[""], &["configmaps"], &["patch"])],
                false,
                (Write, 3),
            ),
            (
                vec![rule(&[""], &["pods"], &["get", "list"])],
                true,
                (Read, 3),
            ),
            (vec![], true, (PrivilegeLevel::None, 3)),
        ] {
            let found = grant("r", &rules, cluster);
            assert_eq!(
                (found.level.0, found.tier),
                expected,
                "{rules:?} cluster {cluster}"
            );
        }
    }
}
