//! Accounts of people and machines, and the tokens and keys with which they come.

use std::collections::BTreeSet;

use enrich_core::KeyType;
use enrich_core::vocabulary::{CredentialStatus, Kind, PrivilegeLevel};
use serde_json::{Map, Value};

use super::permissions::{of_permissions, of_scopes};
use super::{State, at, id, known, moment, text};
use crate::model::{Credential, Time};
use crate::record::{Grant, Record};

/// Tokens that were let in, and those that wait for it.
#[derive(Default)]
pub(super) struct People {
    granted: BTreeSet<String>,
    requests: Vec<(String, Record)>,
}

/// A credential of which only the name is known.
fn credential(uid: String, credential_type: &str, status: CredentialStatus) -> Credential {
    Credential {
        uid,
        credential_type: credential_type.to_owned(),
        created: Time::Unknown,
        last_rotated: Time::Unknown,
        expires: Time::Unknown,
        last_used: Time::Unknown,
        status,
        secret_source: None,
        max_age_days: None,
    }
}

/// A member that the answer has: `null` says something, absence does not.
fn stated(value: &Value, name: &str, null: Time) -> Time {
    match value.get(name) {
        None => Time::Unknown,
        Some(Value::Null) => null,
        known => at(known),
    }
}

impl State<'_> {
    /// The account with a login. A login that ends in `[bot]` is that of an app.
    fn account(&self, host: &str, login: &str, account: &Value) -> Record {
        let organization = self.home.organization.as_deref();
        let login = login.to_lowercase();
        let (uid, sub_type, key_type, kind) = match login.strip_suffix("[bot]") {
            Some(slug) => (
                format!("app/{slug}"),
                "github_app",
                KeyType::GithubApp,
                Kind::Bot,
            ),
            None => {
                let kind = if text(account, "type") == Some("Bot") {
                    Kind::Bot
                } else {
                    Kind::Human
                };
                (
                    format!("user/{login}"),
                    "github_user",
                    KeyType::GithubLogin,
                    kind,
                )
            }
        };
        let mut record = self.record(host, &uid, sub_type, organization);
        record.facts.name = Some(login.clone());
        record.facts.native_kind = Some(kind);
        // A login that is a placeholder is no key, and the account is listed all the same.
        let _ = record.add_key(key_type, host, &login, None);
        if let Some(number) = id(account.get("id")) {
            let _ = record.add_key(KeyType::GithubActorId, host, &number, None);
        }
        record
    }

    /// An entry of `…/members`. `role` beside the list says which members were asked for.
    pub(super) fn member(&mut self, value: &Value, beside: &Map<String, Value>, list: &str) {
        self.unknown.note(value, known::MEMBER);
        let host = self.host(value);
        let Some(login) = text(value, "login") else {
            return self.leave_out("a member has no login");
        };
        if text(value, "type") == Some("Organization") {
            return self.leave_out("an organisation is no member");
        }
        let mut record = self.account(&host, login, value);
        let role = beside.get("role").and_then(Value::as_str);
        let organization = beside
            .get("organization")
            .and_then(Value::as_str)
            .or(self.home.organization.as_deref())
            .map(str::to_lowercase);
        if let Some(organization) = organization {
            record.facts.namespace = Some(organization.clone());
            let all = list == "members" && role.is_none_or(|role| role == "all");
            *self.organizations.entry((host, organization)).or_default() |= all;
        }
        if role == Some("admin") {
            let owner = Grant::new("organization owner", PrivilegeLevel::Admin, 0);
            record.facts.grants.push(owner);
        }
        self.records.push(record);
    }

    /// A fine-grained token that was granted access, or asks for it.
    pub(super) fn fine_grained_token(&mut self, value: &Value) {
        self.unknown.note(value, known::TOKEN);
        let host = self.host(value);
        let owner = value.get("owner").unwrap_or(&Value::Null);
        let (Some(login), Some(token)) = (text(owner, "login"), id(value.get("token_id"))) else {
            return self.leave_out("a token names no owner or has no id");
        };
        let mut record = self.account(&host, login, owner);
        // Id 0 stands for none.
        let _ = record.add_key(KeyType::GithubTokenId, &host, &token, None);
        let granted_at = moment(value.get("access_granted_at"));
        let status = match (
            value.get("token_expired").and_then(Value::as_bool),
            granted_at,
        ) {
            (Some(true), _) => CredentialStatus::Expired,
            // Nobody let it in yet.
            (_, None) => CredentialStatus::Inactive,
            (_, Some(_)) => CredentialStatus::Active,
        };
        let mut credential = credential(token.clone(), "token", status);
        credential.expires = stated(value, "token_expires_at", Time::Never);
        let unused = granted_at.map_or(Time::Unknown, Time::NeverSince);
        credential.last_used = stated(value, "token_last_used_at", unused);
        record.facts.credentials.push(credential);
        if let Some(organization) = &self.home.organization {
            let key = (host, organization.to_lowercase());
            self.organizations.entry(key).or_default();
        }
        if granted_at.is_none() {
            self.people.requests.push((token, record));
            return;
        }
        if status == CredentialStatus::Active {
            let all = text(value, "repository_selection") == Some("all");
            let permissions = value.get("permissions").and_then(Value::as_object);
            // The organisation's permissions have names of their own, but for a few.
            for (group, granted) in permissions.into_iter().flatten() {
                let Some(granted) = granted.as_object() else {
                    continue;
                };
                let everywhere = all || group == "organization";
                let grants = match group.as_str() {
                    "organization" => of_permissions(&organization_names(granted), everywhere),
                    _ => of_permissions(granted, everywhere),
                };
                record
                    .facts
                    .grants
                    .extend(grants.into_iter().map(|grant| Grant {
                        name: format!("token {token} {}", grant.name),
                        ..grant
                    }));
            }
        }
        self.people.granted.insert(token);
        self.records.push(record);
    }

    /// A classic token, an OAuth token or an SSH key that may use the organisation's single sign-on.
    pub(super) fn authorized_credential(&mut self, value: &Value) {
        self.unknown.note(value, known::AUTHORIZATION);
        let host = self.host(value);
        let (Some(login), Some(number)) = (text(value, "login"), id(value.get("credential_id")))
        else {
            return self.leave_out("an authorization names no login or has no id");
        };
        let mut record = self.account(&host, login, &Value::Null);
        let is_ssh =
            text(value, "credential_type").is_some_and(|word| word.eq_ignore_ascii_case("ssh key"));
        let credential_type = if is_ssh { "ssh_key" } else { "token" };
        // The number under which the authorization is revoked; the token's own is in no log.
        let uid = format!("credential-authorization/{number}");
        if text(value, "credential_type")
            .is_some_and(|word| word.eq_ignore_ascii_case("personal access token"))
        {
            record.facts.weak.push(format!(
                "the classic personal access token {uid} reaches all that its person does"
            ));
        }
        let mut credential = credential(uid, credential_type, CredentialStatus::Active);
        credential.expires = stated(value, "authorized_credential_expires_at", Time::Never);
        let unused =
            moment(value.get("credential_authorized_at")).map_or(Time::Unknown, Time::NeverSince);
        credential.last_used = stated(value, "credential_accessed_at", unused);
        if matches!(credential.expires, Time::At(end) if end <= self.source.observed_ms) {
            credential.status = CredentialStatus::Expired;
        } else {
            let scopes = value
                .get("scopes")
                .and_then(Value::as_array)
                .map(Vec::as_slice);
            record.facts.grants =
                of_scopes(scopes.unwrap_or_default().iter().filter_map(Value::as_str));
        }
        record.facts.credentials.push(credential);
        if let Some(organization) = &self.home.organization {
            let key = (host, organization.to_lowercase());
            self.organizations.entry(key).or_default();
        }
        self.records.push(record);
    }

    pub(super) fn finish_people(&mut self) {
        let people = std::mem::take(&mut self.people);
        // A token may be let in already and ask for more.
        let waiting = people
            .requests
            .into_iter()
            .filter(|(token, _)| !people.granted.contains(token));
        self.records.extend(waiting.map(|(_, record)| record));
    }
}

/// What a token's organisation permissions are called where apps have them.
fn organization_names(granted: &Map<String, Value>) -> Map<String, Value> {
    let renamed = granted.iter().map(|(name, access)| {
        let name = match name.as_str() {
            "administration"
            | "secrets"
            | "self_hosted_runners"
            | "hooks"
            | "custom_roles"
            | "custom_org_roles"
            | "personal_access_tokens"
            | "personal_access_token_requests"
            | "actions_variables"
            | "projects" => format!("organization_{name}"),
            _ => name.clone(),
        };
        (name, access.clone())
    });
    renamed.collect()
}
