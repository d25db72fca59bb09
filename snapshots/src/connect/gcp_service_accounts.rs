//! Google Cloud's service accounts: what lists say about them, and the record of each.

use enrich_core::KeyType;
use enrich_core::vocabulary::{Kind, LifecycleState, Provider};
use serde_json::Value;

use super::gcp_iam_policy::{Holdings, Trust};
use super::gcp_names::{Class, Mail, id, project_in, text, time};
use super::gcp_projects::Hierarchy;
use super::sorted::Sorted;
use crate::model::{Credential, Time};
use crate::record::{Harvest, Record, Source};
use crate::text::printable;

/// What one list says about one account. A deleted account that was created again has the same
/// address and another unique id.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Listing {
    unique_id: Option<String>,
    oauth_client_id: Option<String>,
    project: Option<String>,
    purpose: Option<String>,
    is_disabled: bool,
    created: Option<i64>,
}

/// One address, and what was found about it.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) mail: Mail,
    pub(super) listings: Vec<Listing>,
    /// Unique ids of accounts of this address that were deleted.
    pub(super) deleted: Sorted<String>,
    pub(super) credentials: Vec<Credential>,
    pub(super) exposed: Sorted<String>,
    pub(super) last_seen: Time,
    pub(super) workloads: Sorted<String>,
    pub(super) trust: Trust,
}

/// Members of a service account that this version knows.
pub(super) const KNOWN: &[&str] = &[
    "createTime",
    "description",
    "disabled",
    "displayName",
    "email",
    "etag",
    "name",
    "oauth2ClientId",
    "projectId",
    "uniqueId",
];

impl Listing {
    /// An entry of `gcloud iam service-accounts list`, or of what an asset export holds of one.
    pub(super) fn parse(value: &Value) -> Self {
        let project = text(value, "projectId").map(str::to_owned);
        let of_name = || project_in(text(value, "name")?).map(str::to_owned);
        let purpose = text(value, "description").or_else(|| text(value, "displayName"));
        Self {
            unique_id: id(value, "uniqueId"),
            oauth_client_id: id(value, "oauth2ClientId"),
            project: project.or_else(of_name),
            purpose: purpose.map(str::to_owned),
            is_disabled: value.get("disabled") == Some(&Value::Bool(true)),
            created: time(value, "createTime"),
        }
    }

    /// The unique id.
    pub(super) fn unique_id(&self) -> Option<&str> {
        self.unique_id.as_deref()
    }

    /// The project, where the list names it by its id.
    pub(super) fn project(&self) -> Option<&str> {
        let project = self.project.as_deref()?;
        project
            .bytes()
            .any(|byte| !byte.is_ascii_digit())
            .then_some(project)
    }

    /// Completes what another export said about the same account.
    fn complete(&mut self, other: Self) {
        self.unique_id = self.unique_id.take().or(other.unique_id);
        self.oauth_client_id = self.oauth_client_id.take().or(other.oauth_client_id);
        self.project = self.project.take().or(other.project);
        self.purpose = self.purpose.take().or(other.purpose);
        self.is_disabled |= other.is_disabled;
        self.created = self.created.or(other.created);
    }
}

impl Account {
    /// An address of which nothing is known yet.
    pub(super) fn new(mail: Mail) -> Self {
        Self {
            mail,
            listings: Vec::new(),
            deleted: Sorted::default(),
            credentials: Vec::new(),
            exposed: Sorted::default(),
            last_seen: Time::Unknown,
            workloads: Sorted::default(),
            trust: Trust::default(),
        }
    }

    /// Takes in what a list says. Two that name the same unique id, or none, are about one account.
    pub(super) fn list(&mut self, listing: Listing) {
        let same = |known: &&mut Listing| match (&known.unique_id, &listing.unique_id) {
            (Some(a), Some(b)) => a == b,
            _ => true,
        };
        match self.listings.iter_mut().find(same) {
            Some(known) => known.complete(listing),
            None => self.listings.push(listing),
        }
    }

    /// The project's id, or its number where nothing says the id.
    pub(super) fn project<'s>(&'s self, hierarchy: &'s Hierarchy) -> &'s str {
        self.listings
            .iter()
            .find_map(Listing::project)
            .unwrap_or_else(|| hierarchy.project(&self.mail.home))
    }

    /// Whether the account is there: it is listed, or it is named and nothing lists the accounts of
    /// its project. Google's own accounts are in no list.
    pub(super) fn is_there(&self, hierarchy: &Hierarchy) -> bool {
        let is_googles = matches!(self.mail.class, Class::Agent { .. })
            || self
                .mail
                .address
                .ends_with("@cloudbuild.gserviceaccount.com");
        !self.listings.is_empty() || is_googles || !hierarchy.is_listed(self.project(hierarchy))
    }

    /// The records of the account and of its deleted predecessors.
    pub(super) fn harvest(
        mut self,
        holdings: Holdings,
        hierarchy: &Hierarchy,
        source: &Source,
        harvest: &mut Harvest,
    ) {
        let project = self.project(hierarchy).to_owned();
        let is_alive = !self.listings.is_empty() || self.deleted.is_empty();
        for unique_id in self.deleted.iter() {
            let listing = Listing {
                unique_id: Some(unique_id.clone()),
                ..Listing::default()
            };
            let mut record = self.frame(&listing, &project, false, source, harvest);
            record.facts.lifecycle_state = Some(LifecycleState::Deprovisioned);
            record.facts.retired_at_ms = Some(source.observed_ms);
            harvest.records.push(record);
        }
        if !is_alive {
            return;
        }
        let mut listings = if self.listings.is_empty() {
            vec![Listing::default()]
        } else {
            std::mem::take(&mut self.listings)
        };
        // Two lists that differ in the unique id: the order of the files must not decide.
        listings.sort_by(|a, b| b.unique_id.cmp(&a.unique_id));
        let mut records: Vec<Record> = listings
            .iter()
            .map(|listing| self.frame(listing, &project, true, source, harvest))
            .collect();
        // Policies, keys and uses name the address, and it leads to the account that exists now.
        let facts = &mut records[0].facts;
        facts.grants = holdings.grants.into_vec();
        facts.can_assume = holdings.can_assume.into_vec();
        facts.assumable_by = self.trust.assumable_by.into_vec();
        facts.unconditioned_trust = self.trust.unconditioned.into_vec();
        self.workloads.extend(self.trust.workloads.into_vec());
        facts.workloads = self.workloads.into_vec();
        facts.credentials = self.credentials;
        facts.exposed = self.exposed.into_vec();
        facts.last_seen = self.last_seen;
        harvest.records.append(&mut records);
    }

    fn frame(
        &self,
        listing: &Listing,
        project: &str,
        has_keys: bool,
        source: &Source,
        harvest: &mut Harvest,
    ) -> Record {
        let mut record = Record::new(source, Some(self.mail.uid()));
        let address = self.mail.address.as_str();
        let mut keys = vec![(KeyType::GcpEmail, address, listing.created)];
        let unique_id = listing.unique_id.as_deref();
        keys.extend(unique_id.map(|id| (KeyType::GcpUniqueId, id, None)));
        let client = listing.oauth_client_id.as_deref();
        keys.extend(client.map(|id| (KeyType::GcpOauthClientId, id, None)));
        if has_keys {
            let of_keys = self.credentials.iter();
            keys.extend(of_keys.map(|key| (KeyType::GcpKeyId, key.uid.as_str(), None)));
        }
        for (key_type, value, from) in keys {
            if let Err(refusal) = record.add_key(key_type, "", value, from) {
                let shown = printable(&self.mail.address, 120);
                harvest.warn(source, format!("{shown}: {refusal}"));
            }
        }
        let facts = &mut record.facts;
        facts.name = Some(self.mail.name().to_owned());
        facts.native_kind = Some(Kind::ServiceAccount);
        facts.provider = Some(Provider::Gcp);
        facts.domain = Some(project.to_owned());
        facts.purpose = listing.purpose.clone();
        facts.created = listing.created.map_or(Time::Unknown, Time::At);
        if listing.is_disabled {
            facts.lifecycle_state = Some(LifecycleState::Disabled);
        }
        let sub_type = match &self.mail.class {
            Class::User => "gcp_service_account",
            Class::Default => "gcp_default_service_account",
            Class::Agent { service } => {
                facts.service = Some(service.clone());
                facts.vendor = Some("Google".to_owned());
                "gcp_service_agent"
            }
        };
        facts.sub_type = Some(sub_type.to_owned());
        record
    }
}
