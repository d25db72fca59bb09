//! Entra sign-in logs: of people, not interactive, of service principals and of managed identities.
//!
//! Fields: `signIn` of the Microsoft Graph reference (top level), the same under `properties` in
//! diagnostic settings, and the columns of the `SigninLogs`, `AADServicePrincipalSignInLogs` and
//! `AADManagedIdentitySignInLogs` tables of Log Analytics.

use super::FormatReader;
use super::observer::{Observer, fields};
use super::text::Span;
use crate::key::{Fold, KeyType};
use crate::vocabulary::{Format, Provider, Role};

fields! {
    CATEGORY = "/category" | "/Category" | "/Type";
    PROPERTIES = "/properties";
    TIME = "/properties/createdDateTime" | "/createdDateTime" | "/CreatedDateTime" | "/time" | "/TimeGenerated";
    TENANT = "/tenantId" | "/tenantid" | "/AADTenantId" | "/properties/resourceTenantId" | "/homeTenantId";
    RESOURCE_ID = "/resourceId" | "/resourceid" | "/ResourceId";
    APP_ID = "/properties/appId" | "/appId" | "/AppId";
    USER_ID = "/properties/userId" | "/userId" | "/UserId";
    UPN = "/properties/userPrincipalName" | "/userPrincipalName" | "/UserPrincipalName";
    PRINCIPAL = "/properties/servicePrincipalId" | "/servicePrincipalId" | "/ServicePrincipalId";
    KEY_ID = "/properties/servicePrincipalCredentialKeyId" | "/servicePrincipalCredentialKeyId" | "/ServicePrincipalCredentialKeyId";
    FEDERATED_ID = "/properties/federatedCredentialId" | "/federatedCredentialId" | "/FederatedCredentialId";
    AGENT_TYPE = "/properties/agent/agentType" | "/agent/agentType";
    RESOURCE = "/properties/resourceDisplayName" | "/resourceDisplayName" | "/ResourceDisplayName";
    RESOURCE_PRINCIPAL = "/properties/resourceServicePrincipalId" | "/resourceServicePrincipalId" | "/ResourceServicePrincipalId";
    // A path in diagnostic settings, but an application id in the Graph API and under `properties`.
    RESOURCE_APP = "/properties/resourceId" | "/ResourceIdentity" | "/resourceId";
    ADDRESS = "/properties/ipAddress" | "/callerIpAddress" | "/calleripaddress" | "/CallerIpAddress" | "/ipAddress" | "/IPAddress";
    COUNTRY = "/properties/location/countryOrRegion" | "/location/countryOrRegion" | "/location" | "/Location";
    AGENT = "/properties/userAgent" | "/userAgent" | "/UserAgent";
    OPERATION = "/operationName" | "/operationname" | "/OperationName";
    RESULT = "/properties/status/errorCode" | "/status/errorCode" | "/resultType" | "/resulttype" | "/ResultType";
    INTERACTIVE = "/properties/isInteractive" | "/isInteractive" | "/IsInteractive";
    CREATED = "/createdDateTime" | "/CreatedDateTime";
}

/// The reader.
pub(crate) const READER: FormatReader = FormatReader {
    format: Format::EntraSignin,
    paths: PATHS,
    aliases: &[],
    unfold: &[PROPERTIES],
    signs: &[CATEGORY, OPERATION, CREATED],
    recognise,
    observe,
};

fn recognise(o: &Observer<'_, '_>) -> bool {
    let category = o.text(CATEGORY);
    // SignInLogs, NonInteractiveUserSignInLogs, ServicePrincipalSignInLogs,
    // ManagedIdentitySignInLogs and the tables of the same names.
    let end = category.behind(category.len().saturating_sub(10));
    if o.is_like(end, "SignInLogs") {
        return true;
    }
    if !category.is_empty() {
        return false;
    }
    // The Graph API gives records without a category.
    let is_signin = o
        .str(o.text(OPERATION))
        .eq_ignore_ascii_case("Sign-in activity");
    is_signin || (o.is_present(CREATED) && o.is_present(APP_ID) && o.is_present(RESULT))
}

fn observe(o: &mut Observer<'_, '_>) {
    o.set_time(o.found(TIME));
    o.set_source(o.text(ADDRESS));
    let tenant = tenant(o);
    o.set_scope(Provider::Entra, tenant, Span::EMPTY);
    o.out.facts.region = o.text(COUNTRY);
    o.out.facts.user_agent = o.text(AGENT);
    o.out.facts.resource = o.text(RESOURCE);
    o.out.facts.action = o.text(OPERATION);
    o.out.facts.is_interactive = o.is_true(INTERACTIVE);
    let result = o.id(RESULT);
    if !result.is_empty() {
        let is_success = o.is(result, "0");
        o.set_outcome(is_success);
    }

    let is_person = is_id(o, USER_ID) || !o.text(UPN).is_empty();
    o.begin(Role::Actor, Provider::Entra, tenant);
    if is_person {
        o.key(KeyType::EntraObjectId, o.text(USER_ID));
        o.key(KeyType::EntraUpn, o.text(UPN));
    } else {
        // An application id leads to one service principal a tenant; the principal's id to one.
        for (key_type, field) in [
            (KeyType::EntraObjectId, PRINCIPAL),
            (KeyType::EntraAppId, APP_ID),
            (KeyType::EntraKeyId, KEY_ID),
            (KeyType::EntraKeyId, FEDERATED_ID),
        ] {
            let value = o.text(field);
            o.key(key_type, value);
        }
    }
    let agent = o.text(AGENT_TYPE);
    if !(agent.is_empty() || o.is(agent, "notAgentic") || o.is(agent, "unknownFutureValue")) {
        o.set_agent();
    }
    o.end();

    if is_person {
        // The client that carried the sign-in.
        o.begin(Role::Via, Provider::Entra, tenant);
        o.key(KeyType::EntraAppId, o.text(APP_ID));
        o.end();
    }
    o.begin(Role::Target, Provider::Entra, tenant);
    o.key(KeyType::EntraObjectId, o.text(RESOURCE_PRINCIPAL));
    o.key(KeyType::EntraAppId, o.text(RESOURCE_APP));
    o.end();
}

/// Whether a field holds an id and not the zeros that stand for none.
fn is_id(o: &Observer<'_, '_>, field: super::observer::Field) -> bool {
    crate::key::is_value(KeyType::EntraObjectId, o.bytes(o.text(field)))
}

/// The tenant: named, else in the resource id, else as configured.
fn tenant(o: &mut Observer<'_, '_>) -> Span {
    let named = o.text(TENANT);
    let of_resource = o.segment_after(o.text(RESOURCE_ID), "tenants");
    let tenant = o.folded(Fold::Lower, named.or(of_resource));
    o.or_default_domain(tenant)
}
