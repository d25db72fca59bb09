//! GitHub: an organisation's apps, tokens, keys and pipelines, as the REST API lists them.
//!
//! `gh api` prints answers as they are, so which list an entry comes from shows only in its members.
//! Answers that do not name their repository are told it by a member `repository` beside them, or by
//! the source's domain.

mod apps;
mod known;
mod people;
mod permissions;
mod repositories;

use std::collections::{BTreeMap, BTreeSet};

use enrich_core::vocabulary::Provider;
use serde_json::{Map, Value};

use self::apps::Installation;
use self::people::People;
use self::repositories::Repository;
pub(crate) use self::repositories::{actions_name, repository_name};
use super::fields::Unknown;
use super::stream::each_json;
use super::{ConnectError, Connector, Input};
use crate::model::{Scope, Time};
use crate::record::{Harvest, Record, Source};
use crate::text::parse_time;

/// The host that is meant when nothing names one.
const HOST: &str = "github.com";

/// Lists that an organisation may have without end. The others are small and come with what names
/// their repository.
const LISTS: &[&str] = &["installations", "members"];

pub(super) fn connect(
    source: &Source,
    inputs: &[Input],
    harvest: &mut Harvest,
) -> Result<(), ConnectError> {
    let mut state = State::new(source);
    for input in inputs {
        let (mut read, mut unread, mut first) = (0_u64, 0_u64, String::new());
        let mut has_lists = false;
        let seen = each_json(input, Connector::Github, LISTS, &mut |item| {
            let (found, passed_over) = state.take(&item.value, item.beside, item.list, 0)?;
            read += found;
            let is_empty = item.is_wrapper || is_empty_list(&item.value);
            has_lists |= is_empty;
            let passed_over = passed_over + u64::from(found + passed_over == 0 && !is_empty);
            unread += passed_over;
            if passed_over > 0 && first.is_empty() {
                first = item.place.to_string();
            }
            Ok(())
        })?;
        // No deploy keys is an answer too.
        if read == 0 && (unread > 0 || (seen.lists.is_empty() && !has_lists)) {
            return Err(ConnectError::nothing(
                input,
                Connector::Github,
                "app installation, deploy key, token, secret name, workflow, environment or member of a GitHub API answer",
            ));
        }
        if unread > 0 {
            harvest.warn(
                source,
                format!("{unread} entries are of lists that are not read, the first in {first}"),
            );
        }
    }
    state.finish(harvest);
    Ok(())
}

/// Whether a text looks like an answer of the GitHub API that is read here.
pub(super) fn recognise(head: &str) -> bool {
    let has = |words: &[&str]| {
        words
            .iter()
            .all(|word| head.contains(&format!("\"{word}\"")))
    };
    head.starts_with(['{', '['])
        && (has(&["permissions", "repository_selection"])
            || has(&["read_only", "title", "verified"])
            || has(&["token_id", "token_name"])
            || has(&["credential_id", "credential_authorized_at"])
            || has(&["secrets", "total_count", "updated_at"])
            || has(&["secrets", "repository", "updated_at"])
            || has(&["include_claim_keys"])
            || has(&["use_default", "repository"])
            || has(&["sub_claim_prefix"])
            || has(&["default_workflow_permissions"])
            || has(&["workflows", "path", "state"])
            || has(&["environments", "protection_rules"])
            || has(&["full_name", "default_branch", "archived"])
            // A webhook and a request for an app name people as well, and are no list of them.
            || (has(&["login", "site_admin", "avatar_url", "type"])
                && !has(&["sender"])
                && !has(&["requester"]))
            || has(&["slug", "permissions", "external_url"]))
}

/// `{"total_count":0,"secrets":[]}` and the like.
fn is_empty_list(value: &Value) -> bool {
    let lists = ["secrets", "keys", "environments", "workflows"];
    let is_empty = |name: &str| {
        value
            .get(name)
            .and_then(Value::as_array)
            .is_some_and(Vec::is_empty)
    };
    lists.iter().any(|name| is_empty(name))
}

/// What was read so far: things that several answers speak about wait for the last of them.
struct State<'a> {
    source: &'a Source,
    home: Home,
    records: Vec<Record>,
    installations: Vec<Installation>,
    /// Owners of apps, by host and slug.
    makers: BTreeMap<(String, String), String>,
    people: People,
    repositories: BTreeMap<(String, String), Repository>,
    /// The organisation's template of subjects.
    claims: BTreeMap<(String, String), Vec<String>>,
    secrets: Vec<(String, Time, Time)>,
    /// Deploy keys that were deleted.
    gone: BTreeSet<String>,
    /// Organisations that were read, by host; whether all members were listed.
    organizations: BTreeMap<(String, String), bool>,
    unknown: Unknown,
    /// What could not be placed: how often, and the reason.
    left_out: BTreeMap<&'static str, u64>,
}

/// Where the source's domain says that its entries belong: `[HOST/]ORG[/REPOSITORY]`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Home {
    host: Option<String>,
    organization: Option<String>,
    repository: Option<String>,
}

impl Home {
    fn of(domain: Option<&str>) -> Self {
        let mut parts = domain
            .unwrap_or("")
            .split('/')
            .filter(|part| !part.is_empty())
            .peekable();
        // A login holds no dot.
        let host = parts
            .next_if(|part| part.contains('.'))
            .map(str::to_lowercase);
        let organization = parts.next().map(str::to_owned);
        let repository = organization
            .as_ref()
            .zip(parts.next())
            .map(|(organization, name)| format!("{organization}/{name}"));
        Self {
            host,
            organization,
            repository,
        }
    }
}

impl<'a> State<'a> {
    fn new(source: &'a Source) -> Self {
        Self {
            source,
            home: Home::of(source.domain.as_deref()),
            records: Vec::new(),
            installations: Vec::new(),
            makers: BTreeMap::new(),
            people: People::default(),
            repositories: BTreeMap::new(),
            claims: BTreeMap::new(),
            secrets: Vec::new(),
            gone: BTreeSet::new(),
            organizations: BTreeMap::new(),
            unknown: Unknown::default(),
            left_out: BTreeMap::new(),
        }
    }

    /// Takes an entry by its members. Returns how many things were read and how many passed over:
    /// lists of lists are walked.
    fn take(
        &mut self,
        value: &Value,
        beside: &Map<String, Value>,
        list: &str,
        depth: u8,
    ) -> Result<(u64, u64), ConnectError> {
        if let Value::Array(entries) = value {
            let (mut read, mut passed_over) = (0, 0);
            for entry in entries.iter().filter(|_| depth < 4) {
                let inner = self.take(entry, beside, list, depth + 1)?;
                read += inner.0;
                passed_over += inner.1 + u64::from(inner == (0, 0));
            }
            return Ok((read, passed_over));
        }
        let Value::Object(members) = value else {
            return Ok((0, 0));
        };
        let has = |name: &str| members.get(name).is_some_and(|value| !value.is_null());
        if text(value, "action").is_some() && (has("installation") || has("key")) {
            return self.webhook(value).map(|read| (u64::from(read), 0));
        }
        if has("token") || has("pem") || has("client_secret") {
            self.leave_out("they hold a secret (a token or an app's private key) and are no export; delete the file");
            return Ok((1, 0));
        }
        if has("token_id") && has("owner") {
            self.fine_grained_token(value);
        } else if has("credential_id") && has("login") {
            self.authorized_credential(value);
        } else if has("permissions")
            && has("repository_selection")
            && (has("app_id") || has("app_slug"))
        {
            self.installation(value, false);
        } else if has("permissions") && has("slug") && has("owner") {
            self.app(value);
        } else if has("read_only") && has("title") {
            self.deploy_key(value, beside, false)?;
        } else if has("use_default") || has("include_claim_keys") || has("sub_claim_prefix") {
            self.subject_template(value, beside);
        } else if has("default_workflow_permissions") {
            self.workflow_permissions(value, beside)?;
        } else if has("full_name") && has("default_branch") {
            self.repository(value);
        } else if has("path") && has("state") && has("name") {
            self.workflow(value, beside)?;
        } else if has("login") && has("id") && has("type") {
            self.member(value, beside, list);
        } else if has("name") && has("id") && is_environment(value) {
            self.environment(value, beside)?;
        } else if has("name") && has("updated_at") && !members.contains_key("value") && !has("id") {
            self.secret(value, beside)?;
        } else {
            // An answer that holds a list, with what names its repository beside the list.
            let (mut read, mut passed_over) = (0, 0);
            for (name, entries) in members.iter().filter(|(_, value)| value.is_array()) {
                let inner = self.take(entries, members, name, depth + 1)?;
                read += inner.0;
                passed_over += inner.1;
            }
            return Ok((read, passed_over));
        }
        Ok((1, 0))
    }

    fn finish(mut self, harvest: &mut Harvest) {
        self.finish_apps(harvest);
        self.finish_people();
        self.finish_repositories(harvest);
        for ((host, organization), all_members) in &self.organizations {
            let scope = |part: &str| Scope {
                provider: Provider::Github,
                domain: host.clone(),
                part: part.to_owned(),
                name: None,
                owner: None,
                escalation_policy: None,
                covered: *all_members,
                environment: Vec::new(),
            };
            // Unless all members were listed, who is not in the inventory may still be one of them.
            if *all_members {
                harvest.scopes.push(scope(""));
            }
            harvest.scopes.push(scope(organization));
        }
        for (reason, count) in &self.left_out {
            harvest.warn(
                self.source,
                format!("{count} entries are left out: {reason}"),
            );
        }
        self.unknown.warn(self.source, harvest);
        harvest.records.append(&mut self.records);
    }

    fn leave_out(&mut self, reason: &'static str) {
        *self.left_out.entry(reason).or_default() += 1;
    }

    /// A record of an identity that lives on a host.
    fn record(&self, host: &str, uid: &str, sub_type: &str, organization: Option<&str>) -> Record {
        let mut record = Record::new(self.source, Some(format!("github:{host}:{uid}")));
        record.facts.provider = Some(Provider::Github);
        record.facts.domain = Some(host.to_owned());
        record.facts.sub_type = Some(sub_type.to_owned());
        record.facts.namespace = organization.map(str::to_lowercase);
        record
    }

    /// The host: what the source says, else what the entry's links say.
    fn host(&self, value: &Value) -> String {
        let of_links = || {
            [
                "html_url",
                "url",
                "repositories_url",
                "selected_repositories_url",
            ]
            .iter()
            .find_map(|name| host_of(text(value, name)?))
        };
        let owner = || host_of(text(value.get("owner")?, "url")?);
        self.home
            .host
            .clone()
            .or_else(of_links)
            .or_else(owner)
            .unwrap_or_else(|| HOST.to_owned())
    }

    /// The repository that an entry belongs to, as host and `ORG/REPOSITORY`.
    fn repository_of(
        &self,
        value: &Value,
        beside: &Map<String, Value>,
        what: &'static str,
    ) -> Result<(String, String), ConnectError> {
        let named = |value: Option<&Value>| {
            let value = value?;
            value
                .as_str()
                .or_else(|| text(value, "full_name"))
                .map(str::to_owned)
        };
        let of_links = || {
            ["url", "html_url"]
                .iter()
                .find_map(|name| repository_of_link(text(value, name)?))
        };
        let found = named(value.get("repository"))
            .or_else(|| named(beside.get("repository")))
            .or_else(of_links)
            .or_else(|| self.home.repository.clone());
        match found {
            Some(name) if name.contains('/') => Ok((self.host(value), name)),
            _ => Err(ConnectError::Domain {
                source_name: self.source.name.clone(),
                connector: Connector::Github.as_str(),
                what,
            }),
        }
    }
}

/// A member that is a text with something in it.
fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name)?.as_str().filter(|text| !text.is_empty())
}

/// An id as logs write it.
fn id(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::Number(number) => number
            .as_u64()
            .filter(|id| *id > 0)
            .map(|id| id.to_string()),
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        _ => None,
    }
}

/// RFC 3339, or seconds since 1970 as some webhooks have it.
fn moment(value: Option<&Value>) -> Option<i64> {
    match value? {
        Value::String(text) => parse_time(text),
        Value::Number(number) => number.as_i64().map(|seconds| seconds.saturating_mul(1000)),
        _ => None,
    }
}

fn at(value: Option<&Value>) -> Time {
    moment(value).map_or(Time::Unknown, Time::At)
}

/// The host of a link to the API or to a page.
fn host_of(link: &str) -> Option<String> {
    let authority = link.split_once("://")?.1.split('/').next()?.to_lowercase();
    let host = match authority.strip_prefix("api.") {
        Some("github.com") => HOST,
        Some(tenant) if tenant.ends_with(".ghe.com") => tenant,
        _ => &authority,
    };
    (!host.is_empty()).then(|| host.to_owned())
}

/// `ORG/REPOSITORY` of a link to something inside a repository.
fn repository_of_link(link: &str) -> Option<String> {
    let path = link.split_once("://")?.1.split_once('/')?.1;
    let path = path.strip_prefix("api/v3/").unwrap_or(path);
    let path = path.strip_prefix("repos/").unwrap_or(path);
    let mut parts = path.split('/');
    let (owner, name) = (parts.next()?, parts.next()?);
    // A page of a repository, or something of it; `orgs/…` and `users/…` are none.
    (parts.next().is_some() && !matches!(owner, "orgs" | "users" | "organizations"))
        .then(|| format!("{owner}/{name}"))
}

fn is_environment(value: &Value) -> bool {
    value.get("protection_rules").is_some()
        || ["html_url", "url"]
            .iter()
            .filter_map(|name| text(value, name))
            .any(|link| link.contains("/environments/"))
}

#[cfg(test)]
mod tests;
