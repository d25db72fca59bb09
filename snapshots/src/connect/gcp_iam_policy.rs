//! Google Cloud's IAM policies: who holds which role where, and who may become which account.

use std::collections::BTreeMap;

use enrich_core::vocabulary::PrivilegeLevel;
use serde_json::Value;

use super::gcp::{Estate, Leftover};
use super::gcp_names::{Level, Mail, Member, Spot, text};
use super::gcp_roles::{Abilities, Power};
use super::sorted::Sorted;
use crate::record::Grant;
use crate::text::{parse_time, printable};

/// One binding of a policy.
#[derive(Debug)]
pub(super) struct Binding {
    spot: Spot,
    role: String,
    members: Vec<String>,
    is_conditional: bool,
}

/// Members of a binding that this version knows.
pub(super) const KNOWN: &[&str] = &["bindingId", "condition", "members", "role"];

/// What one principal holds.
#[derive(Debug, Default)]
pub(super) struct Holdings {
    pub(super) grants: Sorted<Grant>,
    pub(super) can_assume: Sorted<String>,
    /// Where it may attach service accounts, and by which role.
    acts_as: Sorted<(String, String)>,
    /// Where it may start what an account can be attached to.
    deploys: Sorted<(String, String)>,
}

/// Who may become an account.
#[derive(Clone, Debug, Default)]
pub(super) struct Trust {
    pub(super) assumable_by: Sorted<String>,
    pub(super) workloads: Sorted<String>,
    pub(super) unconditioned: Sorted<String>,
}

impl Trust {
    fn extend(&mut self, other: &Self) {
        self.assumable_by.extend(other.assumable_by.iter().cloned());
        self.workloads.extend(other.workloads.iter().cloned());
        let evidence = other.unconditioned.iter().cloned();
        self.unconditioned.extend(evidence);
    }
}

/// Up to so many accounts a permission to become all of a project, folder or organisation is written
/// out as edges. Beyond, the holder's side says it with one pattern.
const EDGES: usize = 1000;

/// Whether a condition has only an end, and that has passed.
fn has_ended(expression: &str, now_ms: i64) -> bool {
    let bare: String = expression.split_whitespace().collect();
    let end = ["request.time<timestamp(", "request.time<=timestamp("]
        .iter()
        .find_map(|start| bare.strip_prefix(start))
        .and_then(|rest| rest.strip_suffix(')'))
        .map(|quoted| quoted.trim_matches(['"', '\'']));
    end.and_then(parse_time).is_some_and(|end| end <= now_ms)
}

impl Estate {
    /// Takes in the bindings of a policy that is set on a place.
    pub(super) fn add_policy(&mut self, policy: &Value, spot: &Spot) {
        self.counts.policies += 1;
        let bindings = policy.get("bindings").and_then(Value::as_array);
        for value in bindings.into_iter().flatten() {
            self.unknown_members("binding", value, KNOWN);
            let Some(role) = text(value, "role") else {
                self.leave(Leftover::BrokenBinding, "without a role");
                continue;
            };
            let condition = value
                .get("condition")
                .and_then(|condition| text(condition, "expression"));
            if condition.is_some_and(|text| has_ended(text, self.observed_ms)) {
                self.leave(Leftover::EndedBinding, role);
                continue;
            }
            let members = value.get("members").and_then(Value::as_array);
            let members = members.into_iter().flatten().filter_map(Value::as_str);
            self.bindings.push(Binding {
                spot: spot.clone(),
                role: role.to_owned(),
                members: members.map(str::to_owned).collect(),
                is_conditional: condition.is_some(),
            });
        }
    }

    /// Lets the bindings take effect, once all definitions of roles, projects and pools are read.
    pub(super) fn bind(&mut self) {
        // Who may become every account below a place.
        let mut below: BTreeMap<String, Trust> = BTreeMap::new();
        for binding in std::mem::take(&mut self.bindings) {
            let (abilities, is_known) = self.roles.abilities(&binding.role);
            if !is_known {
                self.leave(Leftover::UndefinedRole, &binding.role);
            }
            let Some(abilities) = abilities else {
                self.leave(Leftover::SwitchedOffRole, &binding.role);
                continue;
            };
            let place = self.hierarchy.place(&binding.spot);
            let suffix = if binding.is_conditional {
                ", conditional"
            } else {
                ""
            };
            let (mut level, tier) = abilities.power.at(binding.spot.level);
            // Whoever becomes one account does not administer it; its own rights are another matter.
            if binding.spot.level == Level::Resource && abilities.impersonates {
                level = level.min(PrivilegeLevel::Write);
            }
            let shown = printable(&place, 160);
            let grant = Grant::new(&format!("{} ({shown}{suffix})", binding.role), level, tier);
            let on_account = self.account_of(&binding.spot);
            if let (Some(unique_id), None) = (&binding.spot.account, &on_account) {
                self.leave(Leftover::UnlistedAccount, unique_id);
            }
            let trusts = match &on_account {
                Some(_) => {
                    abilities.impersonates || abilities.acts_as || abilities.power == Power::Control
                }
                None => binding.spot.level != Level::Resource && abilities.impersonates,
            };
            for member in &binding.members {
                self.member(member, &grant, &place, &binding, abilities);
                if !trusts {
                    continue;
                }
                let by = self.trusted(member, &binding.role, &shown);
                match &on_account {
                    Some(address) => {
                        if let Some(account) = self.account(address) {
                            account.trust.extend(&by);
                        }
                    }
                    None => below.entry(place.clone()).or_default().extend(&by),
                }
            }
        }
        self.combine();
        self.reach_below(below);
    }

    /// One member of a binding receives what the role allows.
    fn member(
        &mut self,
        member: &str,
        grant: &Grant,
        place: &str,
        binding: &Binding,
        abilities: Abilities,
    ) {
        let uid = match Member::parse(member) {
            Member::Account(address) => {
                let Some(account) = self.account(address) else {
                    return;
                };
                account.mail.uid()
            }
            Member::Deleted(address, unique_id) => {
                if let Some(account) = self.account(address) {
                    account.deleted.insert(unique_id.to_owned());
                }
                return;
            }
            Member::User(address) => {
                let address = address.to_ascii_lowercase();
                let domain = address.rsplit('@').next().unwrap_or_default();
                let uid = format!("gcp:{domain}:user/{address}");
                self.users.insert(address);
                uid
            }
            Member::Principal(_) | Member::Gke(..) => match self.federated(member) {
                Some(uid) => uid,
                None => return self.leave(Leftover::Member, "principal of an unknown form"),
            },
            Member::PrincipalSet(_) => return self.leave(Leftover::Member, "principalSet"),
            Member::Everybody(word) => return self.leave(Leftover::Member, word),
            Member::Other(word) => return self.leave(Leftover::Member, word),
        };
        let holdings = self.holdings.entry(uid).or_default();
        holdings.grants.insert(grant.clone());
        if binding.spot.level == Level::Resource {
            return;
        }
        let here = (place.to_owned(), binding.role.clone());
        if abilities.acts_as {
            holdings.acts_as.insert(here.clone());
        }
        if abilities.deploys {
            holdings.deploys.insert(here);
        }
    }

    /// A member as one who may become an account.
    fn trusted(&mut self, member: &str, role: &str, place: &str) -> Trust {
        let mut trust = Trust::default();
        match Member::parse(member) {
            Member::Account(address) => {
                let uid = Mail::parse(address).map(|mail| mail.uid());
                trust.assumable_by.extend(uid);
            }
            Member::User(address) => {
                let address = address.to_ascii_lowercase();
                let domain = address.rsplit('@').next().unwrap_or_default();
                let uid = format!("gcp:{domain}:user/{address}");
                trust.assumable_by.insert(uid);
            }
            Member::Everybody(word) => {
                trust.assumable_by.insert("*".to_owned());
                let who = if word == "allUsers" {
                    "anybody"
                } else {
                    "anybody with a Google account"
                };
                let evidence = format!("{word} holds {role} on {place}: {who} may become it");
                trust.unconditioned.insert(evidence);
            }
            Member::Principal(_) | Member::PrincipalSet(_) | Member::Gke(..) => {
                trust = self.federated_trust(member);
            }
            // Who is in a group or a domain is not in the export.
            Member::Other("group" | "domain") => {
                trust.assumable_by.insert(member.to_owned());
            }
            Member::Deleted(..) | Member::Other(_) => {}
        }
        trust
    }

    /// Attaching accounts and starting something to attach them to, together, is to become them.
    fn combine(&mut self) {
        let hierarchy = &self.hierarchy;
        for holdings in self.holdings.values_mut() {
            let found = holdings.acts_as.iter().find_map(|(acting, by)| {
                let (running, with) = holdings.deploys.iter().find(|(running, _)| {
                    hierarchy.covers(acting, running) || hierarchy.covers(running, acting)
                })?;
                let narrower = if hierarchy.covers(acting, running) {
                    running
                } else {
                    acting
                };
                Some((by, with, narrower))
            });
            if let Some((by, with, place)) = found {
                let (level, tier) = Power::Control.at(Level::Project);
                let name = if by == with {
                    format!("{by} attaching accounts ({place})")
                } else {
                    format!("{by} with {with} ({place})")
                };
                holdings.grants.insert(Grant::new(&name, level, tier));
            }
        }
    }

    /// Writes out who may become all accounts below a place.
    fn reach_below(&mut self, below: BTreeMap<String, Trust>) {
        if below.is_empty() {
            return;
        }
        let mut inside: BTreeMap<&str, usize> = BTreeMap::new();
        let mut chains: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for account in self.accounts.values() {
            let project = account.project(&self.hierarchy);
            if !chains.contains_key(project) {
                chains.insert(project.to_owned(), self.hierarchy.above(project));
            }
            for place in &chains[project] {
                if let Some((place, _)) = below.get_key_value(place) {
                    *inside.entry(place).or_default() += 1;
                }
            }
        }
        for (place, trust) in &below {
            let count = inside.get(place.as_str()).copied().unwrap_or(0);
            if count > EDGES {
                for by in trust.assumable_by.iter() {
                    let holdings = self.holdings.entry(by.clone()).or_default();
                    holdings
                        .can_assume
                        .insert(format!("{place}/serviceAccounts/*"));
                }
            }
        }
        for account in self.accounts.values_mut() {
            let project = account.project(&self.hierarchy);
            let Some(chain) = chains.get(project) else {
                continue;
            };
            for place in chain {
                let Some(trust) = below.get(place) else {
                    continue;
                };
                if inside.get(place.as_str()).copied().unwrap_or(0) <= EDGES {
                    account.trust.extend(trust);
                } else if trust.assumable_by.contains("*") {
                    account.trust.assumable_by.insert("*".to_owned());
                    let evidence = trust.unconditioned.iter().cloned();
                    account.trust.unconditioned.extend(evidence);
                }
            }
            // Nobody becomes themselves.
            account.trust.assumable_by.remove(&account.mail.uid());
        }
    }

    /// The account that a policy is set on, by its address.
    fn account_of(&self, spot: &Spot) -> Option<String> {
        let named = spot.account.as_deref()?;
        match self.addresses.get(named) {
            Some(address) => Some(address.clone()),
            None => Mail::parse(named).map(|mail| mail.address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_end_in_the_past_ends_a_binding() {
        let now = parse_time("2026-03-20T00:00:00Z").unwrap();
        for (expression, expected) in [
            ("request.time < timestamp(\"2026-01-01T00:00:00Z\")", true),
            (
                "request.time <= timestamp('2026-01-01T00:00:00.000Z')",
                true,
            ),
            ("request.time < timestamp(\"2027-01-01T00:00:00Z\")", false),
            ("request.time < timestamp(\"soon\")", false),
            (
                "request.time < timestamp(\"2026-01-01T00:00:00Z\") || true",
                false,
            ),
            ("resource.name.startsWith(\"x\")", false),
        ] {
            assert_eq!(has_ended(expression, now), expected, "{expression}");
        }
    }
}
