//! Microsoft Graph activity logs.
//!
//! Fields: "Access Microsoft Graph activity logs" and the `MicrosoftGraphActivityLogs` table of
//! the Azure Monitor reference.

use super::FormatReader;
use super::observer::{Observer, fields};
use super::text::{Part, Span};
use crate::key::{Fold, KeyType};
use crate::vocabulary::{Format, Provider, Role};

fields! {
    CATEGORY = "/category" | "/Category" | "/Type";
    PROPERTIES = "/properties";
    TIME = "/properties/timeGenerated" | "/time" | "/TimeGenerated";
    TENANT = "/tenantId" | "/tenantid" | "/AADTenantId" | "/AadTenantId" | "/properties/tenantId";
    APP_ID = "/properties/appId" | "/AppId";
    PRINCIPAL_OF = "/properties/UserPrincipalObjectID" | "/UserPrincipalObjectID";
    PRINCIPAL = "/properties/servicePrincipalId" | "/ServicePrincipalId";
    USER_ID = "/properties/userId" | "/UserId";
    ID_TYPE = "/properties/C_Idtyp" | "/C_Idtyp";
    METHOD = "/properties/requestMethod" | "/RequestMethod";
    URI = "/properties/requestUri" | "/RequestUri";
    ADDRESS = "/properties/ipAddress" | "/callerIpAddress" | "/calleripaddress" | "/IPAddress";
    REGION = "/properties/location" | "/location" | "/Location";
    AGENT = "/properties/userAgent" | "/UserAgent";
    STATUS = "/properties/responseStatusCode" | "/ResponseStatusCode" | "/resultSignature";
}

/// The reader.
pub(crate) const READER: FormatReader = FormatReader {
    format: Format::MsgraphActivity,
    paths: PATHS,
    aliases: &[],
    unfold: &[PROPERTIES],
    signs: &[CATEGORY],
    recognise,
    observe,
};

fn recognise(o: &Observer<'_, '_>) -> bool {
    o.is_word(CATEGORY, "MicrosoftGraphActivityLogs")
}

fn observe(o: &mut Observer<'_, '_>) {
    o.set_time(o.found(TIME));
    o.set_source(o.text(ADDRESS));
    let named = o.folded(Fold::Lower, o.text(TENANT));
    let tenant = o.or_default_domain(named);
    o.set_scope(Provider::Entra, tenant, Span::EMPTY);
    let (method, uri) = (o.text(METHOD), o.text(URI));
    let path = o.before(uri, b'?');
    o.out.facts.action = o.join(&[Part::Span(method), Part::Text(" "), Part::Span(path)]);
    o.out.facts.resource = path;
    o.out.facts.region = o.text(REGION);
    o.out.facts.user_agent = o.text(AGENT);
    let status = o.id(STATUS);
    if !status.is_empty() {
        let is_success = matches!(o.bytes(status).first(), Some(b'1'..=b'3'));
        o.set_outcome(is_success);
    }

    let principal = o.text(PRINCIPAL);
    let is_app = o.is_word(ID_TYPE, "app") || !principal.is_empty();
    // Of an application, this is the object id of its service principal.
    let object = o.text(PRINCIPAL_OF);
    o.begin(Role::Actor, Provider::Entra, tenant);
    if is_app {
        o.key(KeyType::EntraObjectId, principal.or(object));
        o.key(KeyType::EntraAppId, o.text(APP_ID));
    } else {
        o.key(KeyType::EntraObjectId, o.text(USER_ID).or(object));
    }
    let is_known = o.end();
    if !is_app {
        let role = if is_known { Role::Via } else { Role::Actor };
        o.begin(role, Provider::Entra, tenant);
        o.key(KeyType::EntraAppId, o.text(APP_ID));
        o.end();
    }
}
