//! Microsoft 365 unified audit log.
//!
//! Fields: "Office 365 Management Activity API schema" of the Microsoft documentation. Times are
//! UTC without a zone.

use super::FormatReader;
use super::findings::{Found, Sort};
use super::observer::{Field, Observer, fields};
use super::text::{Part, Span};
use crate::key::KeyType;
use crate::vocabulary::{Format, Provider, Role};

fields! {
    RECORD_TYPE = "/RecordType";
    WORKLOAD = "/Workload";
    OPERATION = "/Operation";
    TIME = "/CreationTime";
    TENANT = "/OrganizationId";
    USER_ID = "/UserId";
    USER_TYPE = "/UserType";
    ACTORS = "/Actor";
    TARGETS = "/Target";
    APP_ID = "/AppId" | "/ClientAppId" | "/ApplicationId" | "/AppAccessContext/ClientAppId";
    ADDRESS = "/ClientIP" | "/ClientIPAddress" | "/ActorIpAddress";
    AGENT = "/UserAgent" | "/ClientInfoString";
    DETAILS = "/ExtendedProperties";
    OBJECT = "/ObjectId";
    RESULT = "/ResultStatus";
}

/// The reader.
pub(crate) const READER: FormatReader = FormatReader {
    format: Format::O365Ual,
    paths: PATHS,
    aliases: &[],
    unfold: &[],
    signs: &[OPERATION],
    recognise,
    observe,
};

fn recognise(o: &Observer<'_, '_>) -> bool {
    o.is_present(OPERATION)
        && o.is_present(WORKLOAD)
        && (o.is_present(RECORD_TYPE) || (o.is_present(TIME) && o.is_present(USER_ID)))
}

fn observe(o: &mut Observer<'_, '_>) {
    o.set_time(o.found(TIME));
    o.set_source(o.text(ADDRESS));
    let named = o.text(TENANT);
    let tenant = o.or_default_domain(named);
    o.set_scope(Provider::Entra, tenant, Span::EMPTY);
    let (workload, operation) = (o.text(WORKLOAD), o.text(OPERATION));
    o.out.facts.action = o.join(&[Part::Span(workload), Part::Text(":"), Part::Span(operation)]);
    o.out.facts.resource = o.text(OBJECT);
    o.out.facts.user_agent = o.text(AGENT);
    let mut details = o.items(o.found(DETAILS));
    let mut members = [Found::default(); 2];
    while o.next_members(&mut details, &["Name", "Value"], &mut members) {
        let [name, value] = members;
        let (name, span) = (name.text(), value.text());
        if o.is(name, "UserAgent") {
            o.out.facts.user_agent = span;
        } else if o.is(name, "additionalDetails") {
            // A document in a text.
            let sort = Sort::Object;
            let [agent] = o.members(Found { sort, span }, &["User-Agent"]);
            o.out.facts.user_agent = agent.text().or(o.out.facts.user_agent);
        }
    }
    o.set_outcome_word(
        o.text(RESULT),
        &["Success", "Succeeded", "True", "PartiallySucceeded"],
        &["Failure", "Failed", "False"],
    );

    let user = o.text(USER_ID);
    let kind = o.id(USER_TYPE);
    let principal = o.after_prefix(user, "ServicePrincipal_");
    // User types 5 (application) and 6 (service principal) of the schema.
    let is_app = principal.is_some()
        || o.is_like(user, "app@sharepoint")
        || ["5", "6", "Application", "ServicePrincipal"]
            .iter()
            .any(|known| o.is(kind, known));
    o.begin(Role::Actor, Provider::Entra, tenant);
    o.key(KeyType::EntraObjectId, principal.unwrap_or(user));
    // Type 4 is the system; its user ids are names of services.
    if !is_app && !o.is(kind, "4") && !o.is(kind, "System") {
        o.key(KeyType::EntraUpn, user);
    }
    identities(o, ACTORS, is_app);
    if is_app {
        o.key(KeyType::EntraAppId, o.text(APP_ID));
    }
    let is_known = o.end();
    if !is_app {
        let role = if is_known { Role::Via } else { Role::Actor };
        o.begin(role, Provider::Entra, tenant);
        o.key(KeyType::EntraAppId, o.text(APP_ID));
        o.end();
    }
    // Targets are identities where the directory is what was changed.
    if o.is_word(WORKLOAD, "AzureActiveDirectory") {
        o.begin(Role::Target, Provider::Entra, tenant);
        identities(o, TARGETS, false);
        o.end();
    }
}

/// Keys of a list of `{ID, Type}`: type 5 is a user principal name, 2 an object id, a client id or a
/// name.
fn identities(o: &mut Observer<'_, '_>, field: Field, is_app: bool) {
    let mut is_named = false;
    let mut items = o.items(o.found(field));
    let mut members = [Found::default(); 2];
    while o.next_members(&mut items, &["ID", "Type"], &mut members) {
        let [value, kind] = members;
        let (value, kind) = (value.text(), o.id_of(kind));
        if o.is(kind, "5") && !is_app {
            o.key(KeyType::EntraUpn, value);
        } else if o.is(kind, "2") {
            let id = ["ServicePrincipal_", "User_", "Application_"]
                .iter()
                .find_map(|prefix| o.after_prefix(value, prefix));
            // Behind a named object, a bare id may be the application's client id.
            if let Some(id) = id {
                is_named = true;
                o.key(KeyType::EntraObjectId, id);
            } else if !is_app && !is_named {
                o.key(KeyType::EntraObjectId, value);
            }
        }
    }
}
