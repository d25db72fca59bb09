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
        let list = self.resources.as_ref();
        resources.iter().any(|resource| {
            // `*/exec` is the subresource of whatever has one.
            let of_any = resource.split_once('/').map(|(_, sub)| format!("*/{sub}"));
            has(list, resource) || of_any.is_some_and(|of_any| has(list, &of_any))
        })
    }

    fn group(&self, group: &str) -> bool {
        self.api_groups.is_none() || has(self.api_groups.as_ref(), group)
    }

    /// Ways to more than the rule says, after "RBAC good practices" of Kubernetes: approving
    /// certificates of a client, changing what the API server admits, and volumes of the host.
    fn escalates(&self) -> bool {
        let changes = self.verb(&["create", "update", "patch"]);
        let approves = self.group("certificates.k8s.io")
            && self.resource(&["certificatesigningrequests/approval"])
            && self.verb(&["update", "patch"]);
        let admits = self.group("admissionregistration.k8s.io")
            && self.resource(&[
                "mutatingwebhookconfigurations",
                "validatingwebhookconfigurations",
            ])
            && changes;
        let mounts =
            self.group("") && self.resource(&["persistentvolumes"]) && self.verb(&["create"]);
        approves || admits || mounts
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
            "pods/portforward",
            "pods/ephemeralcontainers",
            "deployments",
            "daemonsets",
            "statefulsets",
            "replicasets",
            "replicationcontrollers",
            "jobs",
            "cronjobs",
        ]) && self.verb(&["create", "update", "patch"]);
        // Over WebSocket these begin with a GET, for which `get` is the verb.
        let enters = self.group("")
            && self.resource(&["pods/exec", "pods/attach", "pods/portforward"])
            && self.verb(&["get"]);
        let escalates = self.escalates();
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
        if binds || runs || enters || escalates {
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

/// A role whose rules are not known. That nothing is known is no proof of harmlessness, and a
/// privilege is an upper bound.
pub(super) fn unknown(name: &str) -> Grant {
    let name = format!("{name} (not in the export)");
    Grant::new(&name, PrivilegeLevel::Write, 1)
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
            (
                vec![rule(&[""], &["pods/exec"], &["get"])],
                true,
                (Write, 1),
            ),
            (
                vec![rule(&[""], &["*/attach"], &["get"])],
                false,
                (Write, 2),
            ),
            (
                vec![rule(&[""], &["pods/portforward"], &["create"])],
                true,
                (Write, 1),
            ),
            (vec![rule(&[""], &["pods/log"], &["get"])], true, (Read, 3)),
            (
                vec![rule(&["apps"], &["replicasets"], &["create"])],
                true,
                (Write, 1),
            ),
            (
                vec![rule(&[""], &["replicationcontrollers"], &["patch"])],
                true,
                (Write, 1),
            ),
            (
                vec![rule(&[""], &["*/token"], &["create"])],
                true,
                (Admin, 0),
            ),
            (
                vec![rule(
                    &["certificates.k8s.io"],
                    &["certificatesigningrequests/approval"],
                    &["update"],
                )],
                true,
                (Write, 1),
            ),
            (
                vec![rule(
                    &["admissionregistration.k8s.io"],
                    &["mutatingwebhookconfigurations"],
                    &["patch"],
                )],
                true,
                (Write, 1),
            ),
            (
                vec![rule(&[""], &["persistentvolumes"], &["create"])],
                true,
                (Write, 1),
            ),
            (
                vec![rule(&[""], &["persistentvolumes"], &["delete"])],
                true,
                (Write, 2),
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
