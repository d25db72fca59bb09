//! Google Cloud: one connector for all that `gcloud` and the REST API print about service accounts,
//! keys, policies, roles, projects and federation. The entries of a file are told apart by their members.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use enrich_core::KeyType;
use enrich_core::vocabulary::{Kind, Provider};
use serde_json::Value;

use super::gcp_iam_policy::{Binding, Holdings};
use super::gcp_keys::{self, Entry};
use super::gcp_names::{Mail, Spot, account_in, id, text};
use super::gcp_pages::{Pages, listed};
use super::gcp_projects::Hierarchy;
use super::gcp_roles::Roles;
use super::gcp_service_accounts::{self, Account, Listing};
use super::gcp_workload_identity::{self, Pools};
use super::stream::each_document;
use super::{ConnectError, Connector, Input};
use crate::model::{Credential, Time};
use crate::reconcile::later;
use crate::record::{Harvest, Record, Source};
use crate::text::printable;

const CONNECTOR: Connector = Connector::Gcp;

/// The long lists of the API's answers. Names that are also members of single entries (`folders`) are
/// not among them; such answers are short and read as a whole.
const LISTS: &[&str] = &[
    "accounts",
    "activities",
    "assets",
    "clusters",
    "keys",
    "policyResults",
    "policy_results",
    "projects",
    "results",
    "roles",
    "workloadIdentityPoolProviders",
    "workloadIdentityPools",
];

/// Deeper than any answer of the API; looking for entries stops there.
const MAX_DEPTH: usize = 12;

/// Why something in the export has no effect on an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Leftover {
    Asset,
    BrokenBinding,
    EndedBinding,
    Error,
    Key,
    Member,
    Nameless,
    StaleMember,
    SwitchedOffRole,
    UndefinedRole,
    UnknownField,
    UnlistedAccount,
}

impl Leftover {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Asset => "assets of types that hold no identity",
            Self::BrokenBinding => "bindings that can't be read",
            Self::EndedBinding => "bindings whose condition has ended",
            Self::Error => "answers that are errors",
            Self::Key => "keys that nobody but Google holds, or whose type is not said",
            Self::Member => "members that are no single identity",
            Self::Nameless => "service accounts without an address",
            Self::StaleMember => "accounts that are named but not in the list of their project",
            Self::SwitchedOffRole => "bindings of roles that are deleted or disabled",
            Self::UndefinedRole => {
                "bindings of custom roles without a definition, taken as ordinary writing"
            }
            Self::UnknownField => "fields that this version does not know",
            Self::UnlistedAccount => "policies on accounts of which only the unique id is known",
        }
    }
}

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) accounts: u64,
    pub(super) keys: u64,
    pub(super) policies: u64,
    pub(super) assets: u64,
    pub(super) other: u64,
}

impl Counts {
    const fn all(&self) -> u64 {
        self.accounts + self.keys + self.policies + self.assets + self.other
    }
}

/// Everything that one source's files say.
#[derive(Debug, Default)]
pub(super) struct Estate {
    pub(super) observed_ms: i64,
    pub(super) hierarchy: Hierarchy,
    pub(super) roles: Roles,
    pub(super) pools: Pools,
    pub(super) bindings: Vec<Binding>,
    /// By address.
    pub(super) accounts: BTreeMap<String, Account>,
    /// Addresses by unique id.
    pub(super) addresses: BTreeMap<String, String>,
    /// People, by address.
    pub(super) users: BTreeSet<String>,
    /// By uid.
    pub(super) holdings: BTreeMap<String, Holdings>,
    pub(super) counts: Counts,
    /// By account (address or unique id) and key id.
    keys: BTreeMap<(String, String), (Credential, Option<String>)>,
    /// Last uses by account, and by account and key.
    uses: BTreeMap<(String, Option<String>), Time>,
    left: BTreeMap<(Leftover, String), u64>,
}

pub(super) fn connect(
    source: &Source,
    inputs: &[Input],
    harvest: &mut Harvest,
) -> Result<(), ConnectError> {
    let mut estate = Estate {
        observed_ms: source.observed_ms,
        ..Estate::default()
    };
    let mut empty = None;
    let mut pages = Pages::default();
    for input in inputs {
        let before = (estate.counts.all(), estate.left.len());
        let mut unread = 0_u64;
        let mut of = (String::new(), String::new());
        let seen = each_document(input, CONNECTOR, LISTS, &mut |item| {
            if item.is_wrapper || item.value.get("nextPageToken").is_some() {
                let has_more = text(&item.value, "nextPageToken").is_some();
                pages.note(std::mem::take(&mut of), has_more, input.path());
            } else {
                of = listed(item.list, &item.value);
            }
            let is_read = item.value.is_string()
                || estate.read(&item.value, source, input.path(), 0)?
                || item.is_wrapper;
            unread += u64::from(!is_read);
            Ok(())
        })?;
        if unread > 0 && before != (estate.counts.all(), estate.left.len()) {
            let path = input.path().display();
            let text = format!("{path}: {unread} entries hold nothing that is read");
            harvest.warn(source, text);
        }
        let is_empty = seen.items == 0 && !seen.lists.is_empty();
        if !is_empty && before == (estate.counts.all(), estate.left.len()) {
            empty = empty.or(Some(input));
            let path = input.path().display();
            harvest.warn(source, format!("{path} holds nothing that is read"));
        }
    }
    // Folders of answers hold other answers as well; a source that holds nothing is a mistake.
    if let Some(input) = empty
        && (estate.counts.all(), estate.left.len()) == (0, 0)
    {
        return Err(ConnectError::nothing(
            input,
            CONNECTOR,
            "service account, key, policy, asset, role, project, pool or activity",
        ));
    }
    pages.settle(source, harvest);
    estate.bind();
    estate.harvest(source, harvest);
    Ok(())
}

/// Whether the beginning of a file looks like assets of Cloud Asset Inventory.
pub(super) fn is_asset(head: &str) -> bool {
    head.contains("\"assetType\"") && head.contains("googleapis.com/")
}

/// What `get-iam-policy` prints where nobody holds anything: `{"etag": "ACAB"}`.
fn is_empty_policy(head: &str) -> bool {
    let policy: Option<BTreeMap<String, Value>> = serde_json::from_str(head).ok();
    policy.is_some_and(|policy| {
        policy.contains_key("etag")
            && policy
                .keys()
                .all(|name| name == "etag" || name == "version")
    })
}

/// Whether the beginning of a file looks like one of the other exports.
pub(super) fn detect(head: &str) -> bool {
    let has = |word: &str| head.contains(word);
    // Log entries name accounts, too.
    if has("\"protoPayload\"") {
        return false;
    }
    is_empty_policy(head)
        || has("/serviceAccounts/")
        || has("\"serviceAccount:")
        || has("/workloadIdentityPools/")
        || has("\"includedPermissions\"")
        || has("\"name\": \"roles/")
        || has("\"name\":\"roles/")
        || has("\"workloadIdentityConfig\"")
        || (has("\"bindings\"") && has("\"members\"") && has("\"roles/"))
        || (has("\"projectId\"") && has("\"projectNumber\""))
}

impl Estate {
    /// Counts what has no effect.
    pub(super) fn leave(&mut self, why: Leftover, what: &str) {
        *self.left.entry((why, printable(what, 100))).or_default() += 1;
    }

    /// Counts members that are not in a list of known ones.
    pub(super) fn unknown_members(&mut self, of: &str, value: &Value, known: &[&str]) {
        let members = value.as_object().into_iter().flatten();
        let unknown: Vec<String> = members
            .filter(|(name, _)| !known.contains(&name.as_str()))
            .map(|(name, _)| format!("{of}.{name}"))
            .collect();
        for name in unknown {
            self.leave(Leftover::UnknownField, &name);
        }
    }

    /// Reads a document or an entry of a list, or looks for entries inside it. Whether there was one.
    fn read(
        &mut self,
        value: &Value,
        source: &Source,
        path: &Path,
        depth: usize,
    ) -> Result<bool, ConnectError> {
        if depth > MAX_DEPTH {
            return Ok(false);
        }
        match value {
            Value::Object(_) => {}
            Value::Array(entries) => {
                let mut any = entries.is_empty();
                for entry in entries {
                    any |= self.read(entry, source, path, depth + 1)?;
                }
                return Ok(any);
            }
            _ => return Ok(false),
        }
        if self.entry(value) {
            return Ok(true);
        }
        if value.get("bindings").is_some_and(Value::is_array) {
            let spot = Spot::parse(&own_place(path, source)?);
            let spot = spot.ok_or_else(|| no_place(source))?;
            self.add_policy(value, &spot);
            return Ok(true);
        }
        let mut any = false;
        for inner in value.as_object().into_iter().flat_map(|map| map.values()) {
            if inner.is_object() || inner.is_array() {
                any |= self.read(inner, source, path, depth + 1)?;
            }
        }
        Ok(any)
    }

    /// Takes in an entry, told by its members. Whether it is one.
    fn entry(&mut self, value: &Value) -> bool {
        let has = |name: &str| value.get(name).is_some();
        let name = text(value, "name").unwrap_or_default();
        if value.get("deleted") == Some(&Value::Bool(true)) && has("asset") {
            // An entry of an asset's history, or of a feed.
            self.leave(Leftover::Asset, "deleted");
        } else if has("assetType") {
            self.add_asset(value);
        } else if has("email") && (has("uniqueId") || account_in(name).is_some()) {
            self.add_account(value);
        } else if account_in(name).is_some() && name.contains("/keys/") {
            self.add_key(value, name);
        } else if name.contains("/workloadIdentityPools/") && name.contains("/providers/") {
            self.unknown_members("provider", value, gcp_workload_identity::KNOWN);
            self.pools.add_provider(value);
            self.counts.other += 1;
        } else if name.contains("/workloadIdentityPools/") {
            self.pools.add_pool(value);
            self.counts.other += 1;
        } else if has("projectId") && (has("projectNumber") || name.starts_with("projects/")) {
            self.hierarchy.add_project(value);
            self.counts.other += 1;
        } else if (name.starts_with("folders/") || name.starts_with("organizations/"))
            && name.split('/').count() == 2
        {
            self.hierarchy.add_container(value);
            self.counts.other += 1;
        } else if name.starts_with("roles/") || name.contains("/roles/") {
            self.add_role(value);
        } else if has("activityType") || (has("activity") && has("fullResourceName")) {
            self.add_activity(value);
        } else if let Some(policies) = value.get("policies").and_then(Value::as_array) {
            // Effective policies, each with the place that it is set on.
            for policy in policies {
                let place = text(policy, "attachedResource")
                    .or_else(|| text(policy, "attached_resource"))
                    .and_then(Spot::parse);
                match (place, policy.get("policy")) {
                    (Some(spot), Some(policy)) => self.add_policy(policy, &spot),
                    _ => self.leave(Leftover::BrokenBinding, "policy without a place"),
                }
            }
        } else if has("workloadIdentityConfig") || name_of_cluster(value) {
            self.pools.add_cluster(value);
            self.counts.other += 1;
        } else if let Some(error) = value.get("error").filter(|error| error.is_object()) {
            let code = id(error, "code").unwrap_or_default();
            let message = text(error, "message").unwrap_or_default();
            self.leave(Leftover::Error, &format!("{code} {message}"));
        } else if self.add_runtime(value) {
            self.counts.other += 1;
        } else {
            // A policy without bindings is printed as its etag alone.
            let members = value.as_object().map_or(0, serde_json::Map::len);
            let is_bare =
                members > 0 && members == usize::from(has("etag")) + usize::from(has("version"));
            self.counts.policies += u64::from(is_bare);
            return is_bare;
        }
        true
    }

    /// The account of an address, which is noted when it is new.
    pub(super) fn account(&mut self, address: &str) -> Option<&mut Account> {
        let mail = Mail::parse(address)?;
        let entry = self.accounts.entry(mail.address.clone());
        Some(entry.or_insert_with(|| Account::new(mail)))
    }

    /// Takes in an entry of a list of accounts.
    pub(super) fn add_account(&mut self, value: &Value) {
        self.counts.accounts += 1;
        self.unknown_members("serviceAccount", value, gcp_service_accounts::KNOWN);
        let Some(mail) = text(value, "email").and_then(Mail::parse) else {
            let shown = text(value, "name").or_else(|| text(value, "uniqueId"));
            return self.leave(Leftover::Nameless, shown.unwrap_or("without a name"));
        };
        let listing = Listing::parse(value);
        if let Some(unique_id) = listing.unique_id() {
            self.addresses
                .insert(unique_id.to_owned(), mail.address.clone());
        }
        if let Some(project) = listing.project() {
            self.hierarchy.listed(project);
            if mail.home.bytes().all(|byte| byte.is_ascii_digit()) {
                self.hierarchy.add_number(&mail.home, project);
            }
        }
        let entry = self.accounts.entry(mail.address.clone());
        entry.or_insert_with(|| Account::new(mail)).list(listing);
    }

    /// Takes in an entry of a list of keys.
    pub(super) fn add_key(&mut self, value: &Value, name: &str) {
        self.counts.keys += 1;
        self.unknown_members("key", value, gcp_keys::KNOWN);
        match gcp_keys::parse(value, name, self.observed_ms) {
            Entry::Held(key) => {
                let at = (key.account, key.credential.uid.clone());
                let known = self.keys.entry(at);
                known.or_insert((key.credential, key.exposed));
            }
            Entry::SystemManaged => self.leave(Leftover::Key, "SYSTEM_MANAGED"),
            Entry::Untyped => self.leave(Leftover::Key, "without keyType"),
            Entry::Nameless => self.leave(Leftover::Key, "without a name"),
        }
    }

    /// Takes in a role.
    pub(super) fn add_role(&mut self, value: &Value) {
        self.counts.other += 1;
        self.roles.add(value);
    }

    fn add_activity(&mut self, value: &Value) {
        self.counts.other += 1;
        let Some(activity) = gcp_keys::activity(value) else {
            return self.leave(Leftover::Error, "activity without a service account");
        };
        if let (Some(unique_id), Some(mail)) = (&activity.unique_id, Mail::parse(&activity.account))
        {
            let known = self.addresses.entry(unique_id.clone());
            known.or_insert(mail.address);
        }
        if let Some(number) = &activity.project_number
            && let Some(mail) = Mail::parse(&activity.account)
        {
            self.hierarchy.add_number(number, &mail.home);
        }
        // A key's use is its account's as well.
        let mut places = vec![(activity.account.clone(), activity.key_id.clone())];
        if activity.key_id.is_some() && matches!(activity.at, Time::At(_)) {
            places.push((activity.account, None));
        }
        for place in places {
            let known = self.uses.entry(place).or_default();
            if later(*known, activity.at) {
                *known = activity.at;
            }
        }
    }

    /// Gives keys and uses to the accounts. Those of an account that only its unique id names become
    /// claims, for a source that lists it.
    fn settle(&mut self, source: &Source, harvest: &mut Harvest) {
        let mut claims: BTreeMap<String, Record> = BTreeMap::new();
        let claim = |unique_id: &str, harvest: &mut Harvest| {
            let mut record = Record::new(source, None);
            if let Err(refusal) = record.add_key(KeyType::GcpUniqueId, "", unique_id, None) {
                let shown = printable(unique_id, 60);
                harvest.warn(source, format!("service account {shown}: {refusal}"));
            }
            record
        };
        // Some exports name an account by its address, others by its unique id.
        let mut uses: BTreeMap<(String, Option<String>), Time> = BTreeMap::new();
        for ((named, key_id), at) in std::mem::take(&mut self.uses) {
            let named = self.addresses.get(&named).cloned().unwrap_or(named);
            let known = uses.entry((named, key_id)).or_default();
            if later(*known, at) {
                *known = at;
            }
        }
        for ((named, key_id), (mut credential, exposed)) in std::mem::take(&mut self.keys) {
            let named = self.addresses.get(&named).cloned().unwrap_or(named);
            let used = uses.get(&(named.clone(), Some(key_id)));
            credential.last_used = used.copied().unwrap_or_default();
            match self.account(&named) {
                Some(account) => {
                    account.exposed.extend(exposed);
                    let known = &mut account.credentials;
                    if !known.iter().any(|known| known.uid == credential.uid) {
                        known.push(credential);
                    }
                }
                None => {
                    let entry = claims.entry(named);
                    let record = entry.or_insert_with_key(|named| claim(named, harvest));
                    let uid = credential.uid.clone();
                    if record.add_key(KeyType::GcpKeyId, "", &uid, None).is_ok() {
                        record.facts.credentials.push(credential);
                        record.facts.exposed.extend(exposed);
                    }
                }
            }
        }
        let of_accounts = uses.into_iter().filter(|((_, key_id), _)| key_id.is_none());
        for ((named, _), at) in of_accounts {
            match self.account(&named) {
                Some(account) if later(account.last_seen, at) => account.last_seen = at,
                Some(_) => {}
                None => {
                    let entry = claims.entry(named);
                    let record = entry.or_insert_with_key(|named| claim(named, harvest));
                    record.facts.last_seen = at;
                }
            }
        }
        harvest.records.extend(claims.into_values());
    }

    /// Yields the records.
    fn harvest(mut self, source: &Source, harvest: &mut Harvest) {
        self.settle(source, harvest);
        self.addresses.clear();
        self.hierarchy.harvest(source, harvest);
        let mut stale = Vec::new();
        for (address, account) in std::mem::take(&mut self.accounts) {
            let holdings = self.holdings.remove(&account.mail.uid());
            if account.is_there(&self.hierarchy) || !account.deleted.is_empty() {
                let holdings = holdings.unwrap_or_default();
                account.harvest(holdings, &self.hierarchy, source, harvest);
            } else {
                stale.push(address);
            }
        }
        for address in stale {
            self.leave(Leftover::StaleMember, &address);
        }
        for address in std::mem::take(&mut self.users) {
            let domain = address.rsplit('@').next().unwrap_or_default().to_owned();
            let uid = format!("gcp:{domain}:user/{address}");
            let holdings = self.holdings.remove(&uid).unwrap_or_default();
            let mut record = Record::new(source, Some(uid));
            if let Err(refusal) = record.add_key(KeyType::GcpEmail, "", &address, None) {
                harvest.warn(source, format!("{}: {refusal}", printable(&address, 120)));
                continue;
            }
            let facts = &mut record.facts;
            facts.name = Some(address);
            facts.native_kind = Some(Kind::Human);
            facts.sub_type = Some("gcp_user".to_owned());
            facts.provider = Some(Provider::Gcp);
            facts.domain = Some(domain);
            facts.grants = holdings.grants.into_vec();
            facts.can_assume = holdings.can_assume.into_vec();
            harvest.records.push(record);
        }
        for (uid, principal) in std::mem::take(&mut self.pools.principals) {
            let holdings = self.holdings.remove(&uid).unwrap_or_default();
            principal.harvest(&uid, holdings, source, harvest);
        }
        self.report(source, harvest);
    }

    /// One line for each reason why something has no effect.
    fn report(&self, source: &Source, harvest: &mut Harvest) {
        let mut by_reason: BTreeMap<Leftover, Vec<(u64, &str)>> = BTreeMap::new();
        for ((why, what), count) in &self.left {
            by_reason.entry(*why).or_default().push((*count, what));
        }
        for (why, mut parts) in by_reason {
            parts.sort_by_key(|(count, what)| (std::cmp::Reverse(*count), *what));
            let total: u64 = parts.iter().map(|(count, _)| count).sum();
            let shown: Vec<String> = parts
                .iter()
                .take(5)
                .map(|(count, what)| format!("{what} {count}"))
                .collect();
            let more = parts.len().saturating_sub(5);
            let more = if more == 0 {
                String::new()
            } else {
                format!(", and {more} more")
            };
            let text = format!("{total} {}: {}{more}", why.as_str(), shown.join(", "));
            harvest.warn(source, text);
        }
    }
}

fn name_of_cluster(value: &Value) -> bool {
    text(value, "selfLink").is_some_and(|link| {
        link.contains("//container.googleapis.com/") && link.contains("/clusters/")
    })
}

/// What a policy is set on that does not say it: the account whose address the file is named after, or
/// the configured domain.
fn own_place(path: &Path, source: &Source) -> Result<String, ConnectError> {
    let stem = path.file_name().map(|name| name.to_string_lossy());
    let stem = stem.as_deref().unwrap_or_default();
    let stem = stem.split(".json").next().unwrap_or_default();
    if Mail::parse(stem).is_some() {
        return Ok(stem.to_owned());
    }
    source.domain.clone().ok_or_else(|| no_place(source))
}

fn no_place(source: &Source) -> ConnectError {
    ConnectError::Domain {
        source_name: source.name.clone(),
        connector: CONNECTOR.as_str(),
        what: "project, folder, organization or account",
    }
}
