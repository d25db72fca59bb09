//! GitHub Apps: where each is installed, and with which permissions.

use std::collections::{BTreeMap, BTreeSet};

use enrich_core::KeyType;
use enrich_core::vocabulary::{CredentialStatus, Kind, LifecycleState};
use serde_json::{Map, Value};

use super::permissions::of_permissions;
use super::{State, at, id, known, moment, text};
use crate::connect::ConnectError;
use crate::model::{Credential, Time};
use crate::record::{Grant, Harvest};

/// One app in one organisation.
pub(super) struct Installation {
    host: String,
    organization: Option<String>,
    slug: Option<String>,
    app_id: Option<String>,
    credential: Option<Credential>,
    grants: Vec<Grant>,
    tags: BTreeMap<String, String>,
    updated_ms: Option<i64>,
}

impl Installation {
    fn order(&self) -> (&str, Option<&str>, Option<&str>) {
        let number = self
            .credential
            .as_ref()
            .map(|credential| credential.uid.as_str());
        (&self.host, self.organization.as_deref(), number)
    }
}

impl Installation {
    /// When it was changed last, and whether it is off.
    fn age(&self) -> (Option<i64>, Option<CredentialStatus>) {
        let status = self.credential.as_ref().map(|credential| credential.status);
        (self.updated_ms, status)
    }
}

impl State<'_> {
    /// An entry of an installation list. An installation that a webhook says is gone grants nothing.
    pub(super) fn installation(&mut self, value: &Value, gone: bool) {
        self.unknown.note(value, known::INSTALLATION);
        let host = self.host(value);
        let of_account = value
            .get("account")
            .and_then(|account| text(account, "login").or_else(|| text(account, "slug")));
        // Enterprise answers name the organisation in a link alone.
        let of_link = || {
            let path = text(value, "repositories_url")?
                .split_once("/organizations/")?
                .1;
            path.split_once("/installations/").map(|(name, _)| name)
        };
        let organization = of_account
            .or_else(of_link)
            .or(self.home.organization.as_deref())
            .map(str::to_owned);
        if let Some(organization) = &organization {
            self.organizations
                .entry((host.clone(), organization.to_lowercase()))
                .or_default();
        }
        let status = if gone {
            CredentialStatus::Revoked
        } else if value.get("suspended_at").is_some_and(|at| !at.is_null()) {
            CredentialStatus::Inactive
        } else {
            CredentialStatus::Active
        };
        let selection = text(value, "repository_selection");
        let none = Map::new();
        let permissions = value
            .get("permissions")
            .and_then(Value::as_object)
            .unwrap_or(&none);
        let grants = if gone {
            Vec::new()
        } else {
            of_permissions(permissions, selection == Some("all"))
        };
        let mut tags = BTreeMap::new();
        let mut tag = |name: &str, value: Option<String>| {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                tags.insert(format!("github/{name}"), value);
            }
        };
        tag("app_id", id(value.get("app_id")));
        tag("repository_selection", selection.map(str::to_owned));
        for list in ["events", "single_file_paths"] {
            let words = value.get(list).and_then(Value::as_array).map(Vec::as_slice);
            let words: Vec<&str> = words
                .unwrap_or_default()
                .iter()
                .filter_map(Value::as_str)
                .collect();
            tag(list, Some(words.join(",")));
        }
        let credential = id(value.get("id")).map(|uid| Credential {
            uid,
            credential_type: "installation".to_owned(),
            created: at(value.get("created_at")),
            last_rotated: Time::Unknown,
            expires: Time::Unknown,
            // No list says when an app last acted.
            last_used: Time::NotTracked,
            status,
            secret_source: None,
            max_age_days: None,
        });
        self.installations.push(Installation {
            host,
            organization,
            slug: text(value, "app_slug").map(str::to_lowercase),
            app_id: id(value.get("app_id")),
            credential,
            grants,
            tags,
            updated_ms: moment(value.get("updated_at")),
        });
    }

    /// `GET /apps/SLUG`: who makes an app.
    pub(super) fn app(&mut self, value: &Value) {
        self.unknown.note(value, known::APP);
        let maker = value
            .get("owner")
            .and_then(|owner| text(owner, "login").or_else(|| text(owner, "slug")));
        if let (Some(slug), Some(maker)) = (text(value, "slug"), maker) {
            let key = (self.host(value), slug.to_lowercase());
            self.makers.insert(key, maker.to_owned());
        }
    }

    /// A webhook's body, for what it says about an installation or a deploy key.
    pub(super) fn webhook(&mut self, value: &Value) -> Result<bool, ConnectError> {
        let gone = text(value, "action") == Some("deleted");
        let Value::Object(beside) = value else {
            return Ok(false);
        };
        if let Some(key) = value
            .get("key")
            .filter(|key| key.get("read_only").is_some())
        {
            return self.deploy_key(key, beside, gone).map(|()| true);
        }
        match value.get("installation") {
            Some(installation) if installation.get("permissions").is_some() => {
                self.installation(installation, gone);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    pub(super) fn finish_apps(&mut self, harvest: &mut Harvest) {
        harvest.joins.entries += self.makers.len();
        let mut installations = std::mem::take(&mut self.installations);
        // Webhooks leave the slug out; another list of the same source may name it.
        let slugs: BTreeMap<(String, String), String> = installations
            .iter()
            .filter_map(|one| Some(((one.host.clone(), one.app_id.clone()?), one.slug.clone()?)))
            .collect();
        // Of what two installations say the first counts, whatever the order of the pages; of two
        // statements about one the later, and of two of one age the one that leaves less.
        installations.sort_by(|a, b| (a.order(), a.age()).cmp(&(b.order(), b.age())));
        installations.dedup_by(|later, kept| {
            let is_same = later.credential.is_some() && later.order() == kept.order();
            if is_same {
                std::mem::swap(later, kept);
            }
            is_same
        });
        let mut works: BTreeMap<String, bool> = BTreeMap::new();
        let mut unnamed = BTreeSet::new();
        for mut one in installations {
            let app_id = one.app_id.take();
            let slug = one
                .slug
                .take()
                .or_else(|| slugs.get(&(one.host.clone(), app_id.clone()?)).cloned());
            let uid = match (&slug, &app_id) {
                (Some(slug), _) => format!("app/{slug}"),
                (None, Some(app_id)) => {
                    unnamed.insert(app_id.clone());
                    format!("app-id/{app_id}")
                }
                (None, None) => {
                    self.leave_out("an installation names neither the app's slug nor its id");
                    continue;
                }
            };
            let mut record =
                self.record(&one.host, &uid, "github_app", one.organization.as_deref());
            if let Some(slug) = &slug {
                // A slug may be no key (a placeholder); the app is listed all the same.
                let _ = record.add_key(KeyType::GithubApp, &one.host, slug, None);
                let maker = self.makers.get(&(one.host.clone(), slug.clone()));
                record.facts.vendor = maker
                    .filter(|maker| {
                        let own = (one.host.clone(), maker.to_lowercase());
                        !self.organizations.contains_key(&own)
                    })
                    .cloned();
            }
            let is_usable = one
                .credential
                .as_ref()
                .is_none_or(|credential| credential.status == CredentialStatus::Active);
            *works.entry(uid.clone()).or_default() |= is_usable;
            record.facts.name = Some(slug.unwrap_or_else(|| uid.clone()));
            record.facts.native_kind = Some(Kind::Bot);
            record.facts.last_seen = Time::NotTracked;
            record.facts.grants = one.grants;
            record.facts.tags = one.tags.into_iter().collect();
            record.facts.credentials.extend(one.credential);
            self.records.push(record);
        }
        if !unnamed.is_empty() {
            harvest.warn(
                self.source,
                format!(
                    "{} apps are named by their id alone; no event leads to them",
                    unnamed.len()
                ),
            );
        }
        // Suspended somewhere is not suspended: it takes all installations.
        for record in &mut self.records {
            let uid = record
                .uid
                .as_deref()
                .and_then(|uid| uid.splitn(3, ':').nth(2));
            if uid.and_then(|uid| works.get(uid)) == Some(&false) {
                record.facts.lifecycle_state = Some(LifecycleState::Disabled);
            }
        }
    }
}
