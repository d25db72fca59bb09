//! Microsoft Graph's answers about a tenant, as `az rest`, `az ad … list` and PowerShell print them:
//! service principals, applications, agent identities, their owners, permissions, roles and
//! credentials. One source takes all files of a tenant: an application and its principal are one
//! identity, and which object has which role stands in another file.

pub(super) mod azure;
mod azure_roles;
mod credentials;
mod emit;
mod known;
mod people;
mod permissions;
mod principals;
mod recognise;
mod roles;
mod shape;
mod take;

use std::collections::{BTreeMap, BTreeSet};

use enrich_core::vocabulary::PrivilegeLevel;
use serde_json::Value;

use self::credentials::Federated;
use self::people::Party;
use self::principals::{Application, Principal};
pub(super) use self::recognise::recognise;
use self::recognise::{Hint, is_guid};
use self::roles::Definition;
use super::fields::Unknown;
use super::stream::each_json;
use super::{ConnectError, Connector, Input};
use crate::record::{Harvest, Source};

const CONNECTOR: Connector = Connector::EntraGraph;
/// Members whose arrays are read entry by entry: a page, a batch, a collection of pages by name.
const LISTS: &[&str] = &["value", "responses", "servicePrincipals", "applications"];
/// How deep unknown wrappers are looked into.
const DEPTH: usize = 4;

/// All that the files of a source say about one tenant.
#[derive(Debug, Default)]
struct Tenant {
    /// By object id, as all below unless said otherwise.
    principals: BTreeMap<String, Principal>,
    applications: BTreeMap<String, Application>,
    agent_users: BTreeMap<String, Principal>,
    /// Further descriptions of the same.
    more: More,
    people: BTreeMap<String, Party>,
    owners: BTreeMap<String, BTreeSet<String>>,
    sponsors: BTreeMap<String, BTreeSet<String>>,
    federated: BTreeMap<String, BTreeSet<Federated>>,
    /// Who is in a group or holds a role that was listed with its members.
    members: BTreeMap<String, BTreeSet<String>>,
    app_roles: BTreeSet<AppRole>,
    delegated: BTreeSet<Delegated>,
    role_assignments: BTreeSet<RoleAssignment>,
    definitions: BTreeMap<String, Definition>,
    /// Names of application roles, by resource and role.
    role_names: BTreeMap<(String, String), String>,
    /// Last sign-in, by application id.
    sign_ins: BTreeMap<String, i64>,
    /// Last use, by key id.
    key_uses: BTreeMap<String, i64>,
    /// Tenants that describe themselves, by id: their names.
    organizations: BTreeMap<String, Option<String>>,
    /// Collections of which a page says that another follows: how many do, and whether the last came.
    pages: BTreeMap<String, (usize, bool)>,
    known: usize,
    /// Members that came after this was written.
    fields: Unknown,
    unknown: usize,
    first_unknown: Option<String>,
    eligible: usize,
    /// Objects that are described twice, and differently.
    twice: usize,
    homeless: usize,
}

/// Descriptions of objects that are described already. They come together when all are there.
#[derive(Debug, Default)]
struct More {
    principals: BTreeMap<String, Vec<Principal>>,
    applications: BTreeMap<String, Vec<Application>>,
    agent_users: BTreeMap<String, Vec<Principal>>,
}

/// An application permission that was granted.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct AppRole {
    principal: String,
    resource: String,
    resource_name: Option<String>,
    role: String,
}

/// Permissions that were granted for acting on behalf of people.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Delegated {
    client: String,
    resource: String,
    scope: String,
}

/// A directory role that somebody holds.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct RoleAssignment {
    principal: String,
    role: String,
    scope: String,
}

pub(super) fn connect(
    source: &Source,
    inputs: &[Input],
    harvest: &mut Harvest,
) -> Result<(), ConnectError> {
    let mut tenant = Tenant::default();
    for input in inputs {
        let before = tenant.known;
        let hint = Hint::of(input.path());
        let seen = each_json(input, CONNECTOR, LISTS, &mut |item| {
            tenant.take(item, &hint, source, harvest);
            Ok(())
        })?;
        let is_empty_list = seen.items == 0 && !seen.lists.is_empty();
        if tenant.known == before && !is_empty_list {
            return Err(ConnectError::nothing(
                input,
                CONNECTOR,
                "service principal, application, owner, grant, role or other object of Microsoft Graph",
            ));
        }
    }
    let domain = tenant.domain(source)?;
    tenant.settle();
    tenant.tell(source, harvest);
    std::mem::take(&mut tenant.fields).warn(source, harvest);
    emit::emit(tenant, &domain, source, harvest);
    Ok(())
}

/// A time of Graph or PowerShell: RFC 3339, `/Date(1700000000000)/`, or the object around either.
pub(super) fn time(value: Option<&Value>) -> Option<i64> {
    let ms = match value? {
        Value::String(text) => crate::text::parse_time(text)?,
        Value::Object(map) => return time(map.get("value").or_else(|| map.get("dateTime"))),
        _ => return None,
    };
    // .NET's smallest date stands for none.
    (ms > 0).then_some(ms)
}

impl Tenant {
    /// The tenant: as configured, else as the export's organization says.
    fn domain(&self, source: &Source) -> Result<String, ConnectError> {
        let configured = source.domain.as_deref().map(str::to_ascii_lowercase);
        let stated = self.organizations.keys().next();
        match (configured, stated) {
            (Some(domain), _) if !is_guid(&domain) => Err(ConnectError::DomainShape {
                source_name: source.name.clone(),
                connector: CONNECTOR.as_str(),
                what: "tenant id, a GUID",
                domain,
            }),
            (Some(domain), None) => Ok(domain),
            (configured, Some(stated)) => {
                let expected = configured.as_ref().unwrap_or(stated);
                match self.organizations.keys().find(|found| *found != expected) {
                    Some(found) => Err(ConnectError::MixedDomains {
                        source_name: source.name.clone(),
                        what: "tenant",
                        expected: expected.clone(),
                        found: found.clone(),
                    }),
                    None => Ok(expected.clone()),
                }
            }
            (None, None) => Err(ConnectError::Domain {
                source_name: source.name.clone(),
                connector: CONNECTOR.as_str(),
                what: "tenant",
            }),
        }
    }

    /// Makes one of several descriptions.
    fn settle(&mut self) {
        let more = std::mem::take(&mut self.more);
        self.twice += principals::settle(&mut self.principals, more.principals);
        self.twice += principals::settle(&mut self.applications, more.applications);
        self.twice += principals::settle(&mut self.agent_users, more.agent_users);
    }

    /// Whether a listing ended with a page that says that another follows.
    fn is_cut(&self) -> bool {
        self.pages.iter().any(|(name, (open, ended))| {
            *open > 0 && !ended && name.starts_with("servicePrincipals")
        })
    }

    fn tell(&self, source: &Source, harvest: &mut Harvest) {
        for (name, (open, ended)) in &self.pages {
            if *open > 0 && !ended {
                harvest.incomplete(source);
                harvest.warn(source, format!(
                    "the last page of {} is missing (@odata.nextLink leads on); what it lists is not known here",
                    crate::text::printable(name, 80)
                ));
            }
        }
        let mut count = |count: usize, what: &str| {
            if count > 0 {
                harvest.warn(source, format!("{count} {what}"));
            }
        };
        count(
            self.eligible,
            "eligible role assignments are left out, because they are not held until they are activated",
        );
        count(
            self.twice,
            "objects are described twice and differently; are exports of several days among the files?",
        );
        count(
            self.homeless,
            "federated credentials are left out, because neither the answer nor the file's name says whose they are",
        );
        if let Some(place) = &self.first_unknown {
            count(
                self.unknown,
                &format!("objects of unknown kind are left out, the first at {place}"),
            );
        }
    }
}

/// The tier of a permission that holds for less than the whole, so many steps below the whole. Writing
/// somewhere is never harmless, and what can be read there is what can be read.
fn lowered(level: PrivilegeLevel, tier: u8, steps: u8) -> u8 {
    match level {
        PrivilegeLevel::Admin | PrivilegeLevel::Write => (tier + steps).min(2).max(tier),
        _ => tier,
    }
}

#[cfg(test)]
mod tests;
