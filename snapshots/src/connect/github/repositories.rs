//! What belongs to a repository: deploy keys, and the jobs of GitHub Actions with their subjects,
//! environments and the names of their secrets.

use std::collections::BTreeSet;

use enrich_core::KeyType;
use enrich_core::vocabulary::{CredentialStatus, Kind, LifecycleState, PrivilegeLevel};
use serde_json::{Map, Value};

use super::{State, at, id, known, text};
use crate::actions_subject;
use crate::connect::ConnectError;
use crate::model::{Credential, Time};
use crate::record::{Grant, Harvest, StoredSecret};

/// What is known of the jobs of one repository.
#[derive(Default)]
pub(super) struct Repository {
    /// `ORG/REPOSITORY` as it is written.
    name: String,
    /// As the newest description says: its time, whether it is in use, and its default branch. Of equally
    /// old ones the greatest holds, whatever the order of the files.
    described: Option<(Time, bool, Option<String>)>,
    environments: BTreeSet<String>,
    /// Workflows that run, and all of them.
    workflows: (u64, u64),
    has_secrets: bool,
    template: Option<Template>,
    /// What the token of a job may do when its workflow does not say.
    token: Option<PrivilegeLevel>,
}

/// How the subjects of a repository's tokens are made. Ordered, so that of two that say different
/// things one is chosen whatever comes first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Template {
    is_default: bool,
    is_immutable: bool,
    claims: Vec<String>,
    prefix: Option<String>,
}

/// The name under which claims meet what belongs to a repository.
pub(crate) fn repository_name(host: &str, full_name: &str) -> String {
    format!("github-repo:{host}/{}", full_name.to_lowercase())
}

/// The name under which claims meet the jobs of a repository alone.
pub(crate) fn actions_name(host: &str, full_name: &str) -> String {
    format!("github-actions:{host}/{}", full_name.to_lowercase())
}

impl State<'_> {
    fn of_repository(&mut self, host: &str, name: &str) -> &mut Repository {
        let organization = name.split('/').next().unwrap_or(name).to_lowercase();
        self.organizations
            .entry((host.to_owned(), organization))
            .or_default();
        let known = self
            .repositories
            .entry((host.to_owned(), name.to_lowercase()))
            .or_default();
        // Capitals sort first, and nobody adds them to a name that has none.
        if known.name.is_empty() || name < known.name.as_str() {
            name.clone_into(&mut known.name);
        }
        known
    }

    /// An entry of `…/keys`. The key itself is not read.
    pub(super) fn deploy_key(
        &mut self,
        value: &Value,
        beside: &Map<String, Value>,
        gone: bool,
    ) -> Result<(), ConnectError> {
        self.unknown.note(value, known::DEPLOY_KEY);
        let (host, name) = self.repository_of(value, beside, "repository")?;
        let Some(number) = id(value.get("id")) else {
            self.leave_out("a deploy key has no id");
            return Ok(());
        };
        let organization = name.split('/').next().map(str::to_owned);
        if let Some(organization) = &organization {
            self.organizations
                .entry((host.clone(), organization.to_lowercase()))
                .or_default();
        }
        let uid = format!("deploy-key/{}/{number}", name.to_lowercase());
        let mut record = self.record(&host, &uid, "github_deploy_key", organization.as_deref());
        record.local_name = Some(repository_name(&host, &name));
        let reads = value
            .get("read_only")
            .and_then(Value::as_bool)
            .unwrap_or(false);
        let enabled = value
            .get("enabled")
            .and_then(Value::as_bool)
            .unwrap_or(true)
            && !gone;
        let created = at(value.get("created_at"));
        // It cannot be changed, so it is as old as it looks, and it has no end.
        let last_used = match (value.get("last_used"), created) {
            (None, _) => Time::Unknown,
            (Some(Value::Null), Time::At(created)) => Time::NeverSince(created),
            (known, _) => at(known),
        };
        if gone {
            self.gone.extend(record.uid.clone());
        }
        let status = match (gone, enabled) {
            (true, _) => CredentialStatus::Revoked,
            (_, false) => CredentialStatus::Inactive,
            (_, true) => CredentialStatus::Active,
        };
        let facts = &mut record.facts;
        facts.name = text(value, "title").map(str::to_owned);
        facts.native_kind = Some(Kind::Bot);
        facts.created = created;
        facts.last_seen = last_used;
        facts.created_by = text(value, "added_by")
            .map(|login| format!("github:{host}:user/{}", login.to_lowercase()));
        if enabled {
            facts.grants.push(if reads {
                Grant::new("deploy key, read", PrivilegeLevel::Read, 3)
            } else {
                Grant::new("deploy key, write", PrivilegeLevel::Write, 2)
            });
        } else {
            facts.lifecycle_state = Some(LifecycleState::Disabled);
        }
        facts.credentials.push(Credential {
            uid: number,
            credential_type: "ssh_key".to_owned(),
            created,
            last_rotated: created,
            expires: Time::Never,
            last_used,
            status,
            secret_source: None,
            max_age_days: None,
        });
        self.records.push(record);
        Ok(())
    }

    /// An entry of `/orgs/ORG/repos`.
    pub(super) fn repository(&mut self, value: &Value) {
        let host = self.host(value);
        let Some(name) = text(value, "full_name").filter(|name| name.contains('/')) else {
            return self.leave_out("a repository has no full name");
        };
        let known = self.of_repository(&host, name);
        let is_archived = value.get("archived").and_then(Value::as_bool) == Some(true);
        let described = (
            at(value.get("updated_at")),
            !is_archived,
            text(value, "default_branch").map(str::to_owned),
        );
        known.described = known.described.take().max(Some(described));
    }

    /// An entry of `…/actions/workflows`.
    pub(super) fn workflow(
        &mut self,
        value: &Value,
        beside: &Map<String, Value>,
    ) -> Result<(), ConnectError> {
        self.unknown.note(value, known::WORKFLOW);
        let (host, name) = self.repository_of(value, beside, "repository")?;
        let runs = text(value, "state") == Some("active");
        if text(value, "state") != Some("deleted") {
            let known = self.of_repository(&host, &name);
            known.workflows.0 += u64::from(runs);
            known.workflows.1 += 1;
        }
        Ok(())
    }

    /// An entry of `…/environments`.
    pub(super) fn environment(
        &mut self,
        value: &Value,
        beside: &Map<String, Value>,
    ) -> Result<(), ConnectError> {
        self.unknown.note(value, known::ENVIRONMENT);
        let (host, name) = self.repository_of(value, beside, "repository")?;
        if let Some(environment) = text(value, "name") {
            self.of_repository(&host, &name)
                .environments
                .insert(environment.to_owned());
        }
        Ok(())
    }

    /// `…/actions/permissions/workflow`.
    pub(super) fn workflow_permissions(
        &mut self,
        value: &Value,
        beside: &Map<String, Value>,
    ) -> Result<(), ConnectError> {
        self.unknown.note(value, known::WORKFLOW_PERMISSIONS);
        let (host, name) = self.repository_of(value, beside, "repository")?;
        let token = match text(value, "default_workflow_permissions") {
            Some("write") => Some(PrivilegeLevel::Write),
            Some("read") => Some(PrivilegeLevel::Read),
            _ => None,
        };
        // The answer has no date: the wider one is an upper bound.
        let known = self.of_repository(&host, &name);
        known.token = known.token.max(token);
        Ok(())
    }

    /// `…/actions/oidc/customization/sub`, of a repository or of the organisation.
    pub(super) fn subject_template(&mut self, value: &Value, beside: &Map<String, Value>) {
        self.unknown.note(value, known::TEMPLATE);
        let claims: Vec<String> = value
            .get("include_claim_keys")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect();
        let flag = |name: &str| value.get(name).and_then(Value::as_bool);
        let prefix = text(value, "sub_claim_prefix");
        let host = self.host(value);
        // The prefix names the repository, with or without ids.
        let of_prefix = prefix
            .and_then(actions_subject::repository)
            .map(|name| (host.clone(), name));
        let repository = self
            .repository_of(value, beside, "repository")
            .ok()
            .or(of_prefix);
        if let Some((host, name)) = repository {
            let template = Template {
                is_default: flag("use_default").unwrap_or(false),
                is_immutable: flag("use_immutable_subject").unwrap_or(false),
                claims,
                prefix: prefix.map(str::to_owned),
            };
            let known = self.of_repository(&host, &name);
            known.template = known.template.take().max(Some(template));
        } else if let Some(organization) = self
            .home
            .organization
            .clone()
            .filter(|_| flag("use_default").is_none())
        {
            let key = (host, organization.to_lowercase());
            self.organizations.entry(key.clone()).or_default();
            let known = self.claims.entry(key).or_default();
            *known = std::mem::take(known).max(claims);
        } else {
            self.leave_out(
                "a template of subjects names no repository; put `repository` beside it",
            );
        }
    }

    /// The name of a secret, its age, and where it lives.
    pub(super) fn secret(
        &mut self,
        value: &Value,
        beside: &Map<String, Value>,
    ) -> Result<(), ConnectError> {
        self.unknown.note(value, known::SECRET);
        let secret = text(value, "name").unwrap_or_default();
        let place = if value.get("visibility").is_some() {
            // Of the organisation.
            let of_link = || {
                let path = text(value, "selected_repositories_url")?
                    .split_once("/orgs/")?
                    .1;
                path.split('/').next()
            };
            let named = beside.get("organization").and_then(Value::as_str);
            match named.or_else(of_link).or(self.home.organization.as_deref()) {
                Some(organization) => {
                    format!("github-actions:{}#{secret}", organization.to_lowercase())
                }
                None => {
                    return Err(ConnectError::Domain {
                        source_name: self.source.name.clone(),
                        connector: crate::connect::Connector::Github.as_str(),
                        what: "organization",
                    });
                }
            }
        } else {
            let (host, name) = self.repository_of(value, beside, "repository")?;
            let environment = beside.get("environment").and_then(Value::as_str);
            let known = self.of_repository(&host, &name);
            known.has_secrets = true;
            let environment = environment.map_or_else(String::new, |name| format!("/{name}"));
            format!("github-actions:{}{environment}#{secret}", known.name)
        };
        self.secrets.push((
            place,
            at(value.get("created_at")),
            at(value.get("updated_at")),
        ));
        Ok(())
    }

    pub(super) fn finish_repositories(&mut self, harvest: &mut Harvest) {
        // A webhook says that a key is gone, and an older list or webhook still has it.
        let gone = std::mem::take(&mut self.gone);
        self.records.retain(|record| {
            let is_gone = record.uid.as_ref().is_some_and(|uid| gone.contains(uid));
            !is_gone || record.facts.lifecycle_state.is_some()
        });
        let mut secrets = std::mem::take(&mut self.secrets);
        // The newest change first: it is the one that is kept.
        secrets.sort_by(|(_, created, changed), (_, other, later)| {
            (later, other).cmp(&(changed, created))
        });
        for (place, created, changed) in secrets {
            let secret = StoredSecret::new(self.source, created, changed);
            harvest
                .stored_secrets
                .entry(place.to_lowercase())
                .or_insert(secret);
        }
        let mut own_templates = 0;
        for ((host, _), repository) in std::mem::take(&mut self.repositories) {
            if !repository.has_jobs() {
                continue;
            }
            let name = &repository.name;
            let organization = name.split('/').next();
            let uid = format!("actions/{}", name.to_lowercase());
            let mut record = self.record(&host, &uid, "github_actions", organization);
            record.local_name = Some(actions_name(&host, name));
            let key = (
                host.clone(),
                organization.unwrap_or_default().to_lowercase(),
            );
            match repository.subjects(self.claims.get(&key)) {
                Some(subjects) => {
                    for subject in subjects {
                        // A branch or environment too long for a key is left to trust policies.
                        let _ = record.add_key(
                            KeyType::OidcSubject,
                            &actions_subject::issuer(&host),
                            &subject,
                            None,
                        );
                    }
                }
                None => own_templates += u32::from(repository.template.is_some()),
            }
            let facts = &mut record.facts;
            facts.name = Some(name.clone());
            facts.native_kind = Some(Kind::CiJob);
            facts.last_seen = Time::NotTracked;
            facts.workloads.push(format!("github-actions:{name}"));
            let stopped = repository.workflows.1 > 0 && repository.workflows.0 == 0;
            let is_archived = matches!(repository.described, Some((_, false, _)));
            if is_archived || stopped {
                facts.lifecycle_state = Some(LifecycleState::Disabled);
            }
            if let Some(level) = repository.token {
                let word = level.as_str();
                let tier = if level == PrivilegeLevel::Write { 2 } else { 3 };
                facts
                    .grants
                    .push(Grant::new(&format!("GITHUB_TOKEN {word}"), level, tier));
            }
            // What belongs to a repository meets claims about it by this name as well.
            let mut again = crate::record::Record::new(self.source, record.uid.clone());
            again.local_name = Some(repository_name(&host, name));
            again.aliases.clone_from(&record.aliases);
            self.records.extend([record, again]);
        }
        if own_templates > 0 {
            harvest.warn(
                self.source,
                format!("{own_templates} repositories make subjects by a template of their own; only subjects that a trust policy names lead to their jobs"),
            );
        }
    }
}

impl Repository {
    /// Whether anything says that jobs run here; a repository alone does not.
    fn has_jobs(&self) -> bool {
        self.workflows.1 > 0
            || self.has_secrets
            || !self.environments.is_empty()
            || self.template.is_some()
            || self.token.is_some()
    }

    /// The subjects that are known without seeing a token. `None` when the template is not exported or
    /// holds claims of which the values are not known.
    fn subjects(&self, of_organization: Option<&Vec<String>>) -> Option<Vec<String>> {
        let template = self.template.as_ref()?;
        let claims = match (&template.claims, template.is_default) {
            (_, true) => None,
            (claims, false) if claims.is_empty() => Some(of_organization?),
            (claims, false) => Some(claims),
        };
        if claims.is_some_and(|claims| *claims != ["repo", "context"]) {
            return None;
        }
        let prefix = match &template.prefix {
            Some(prefix) => prefix.trim_end_matches(':').to_owned(),
            None if template.is_immutable => return None,
            None => format!("repo:{}", self.name),
        };
        let branch = self
            .described
            .iter()
            .filter_map(|(_, _, branch)| branch.as_ref())
            .map(|branch| format!("ref:refs/heads/{branch}"));
        // A colon would end the claim.
        let environments = self
            .environments
            .iter()
            .map(|name| format!("environment:{}", name.replace(':', "%3A")));
        let contexts = branch
            .chain(environments)
            .chain(["pull_request".to_owned()]);
        Some(
            contexts
                .map(|context| format!("{prefix}:{context}"))
                .collect(),
        )
    }
}
