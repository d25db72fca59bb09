//! Azure Activity log: diagnostic settings, the REST API and exports of the SDK.
//!
//! Fields: "Azure Activity Log event schema" of the Microsoft documentation; claims as Entra
//! tokens name them.

use super::FormatReader;
use super::observer::{Observer, fields};
use crate::key::{Fold, KeyType};
use crate::vocabulary::{Format, Provider, Role};

fields! {
    OPERATION = "/operationName/value" | "/operationName" | "/operation_name/value" | "/operation_name"
        | "/operationname/value" | "/operationname" | "/OperationNameValue" | "/operationNameValue" | "/OperationName" | "/authorization/action" | "/identity/authorization/action";
    RESOURCE_ID = "/resourceId" | "/resource_id" | "/ResourceId" | "/_ResourceId" | "/resourceid"
        | "/authorization/scope" | "/identity/authorization/scope";
    CLAIMS = "/identity/claims" | "/claims" | "/Claims" | "/Claims_d";
    IDENTITY = "/identity";
    CALLER = "/caller" | "/Caller";
    PROPERTIES = "/properties";
    TIME = "/eventTimestamp" | "/event_timestamp" | "/EventSubmissionTimestamp" | "/time" | "/TimeGenerated";
    TENANT = "/identity/claims/http:~1~1schemas.microsoft.com~1identity~1claims~1tenantid"
        | "/claims/http:~1~1schemas.microsoft.com~1identity~1claims~1tenantid"
        | "/Claims/http:~1~1schemas.microsoft.com~1identity~1claims~1tenantid"
        | "/tenantId" | "/tenant_id";
    SUBSCRIPTION = "/subscriptionId" | "/subscription_id" | "/SubscriptionId";
    APP_ID = "/identity/claims/appid" | "/claims/appid" | "/Claims/appid" | "/identity/claims/azp" | "/claims/azp";
    OBJECT_ID = "/identity/claims/http:~1~1schemas.microsoft.com~1identity~1claims~1objectidentifier"
        | "/claims/http:~1~1schemas.microsoft.com~1identity~1claims~1objectidentifier"
        | "/Claims/http:~1~1schemas.microsoft.com~1identity~1claims~1objectidentifier"
        | "/identity/claims/oid" | "/claims/oid";
    UPN = "/identity/claims/http:~1~1schemas.xmlsoap.org~1ws~12005~105~1identity~1claims~1upn"
        | "/claims/http:~1~1schemas.xmlsoap.org~1ws~12005~105~1identity~1claims~1upn"
        | "/Claims/http:~1~1schemas.xmlsoap.org~1ws~12005~105~1identity~1claims~1upn"
        | "/identity/claims/upn" | "/claims/upn";
    SCOPES = "/identity/claims/http:~1~1schemas.microsoft.com~1identity~1claims~1scope"
        | "/claims/http:~1~1schemas.microsoft.com~1identity~1claims~1scope"
        | "/Claims/http:~1~1schemas.microsoft.com~1identity~1claims~1scope"
        | "/identity/claims/scp" | "/claims/scp";
    CATEGORY = "/category/value" | "/category" | "/CategoryValue" | "/Category";
    ID_TYPE = "/identity/claims/idtyp" | "/claims/idtyp" | "/Claims/idtyp";
    PRINCIPAL_TYPE = "/identity/authorization/evidence/principalType" | "/authorization/evidence/principalType";
    PRINCIPAL = "/identity/authorization/evidence/principalId" | "/authorization/evidence/principalId";
    WORKLOAD = "/identity/claims/xms_mirid" | "/claims/xms_mirid";
    ADDRESS = "/callerIpAddress" | "/calleripaddress" | "/CallerIpAddress" | "/httpRequest/clientIpAddress"
        | "/http_request/client_ip_address" | "/identity/claims/ipaddr" | "/claims/ipaddr";
    REGION = "/location" | "/Location";
    RESULT = "/resultType" | "/resulttype" | "/status/value" | "/status" | "/ActivityStatusValue" | "/ActivityStatus";
}

/// The reader.
pub(crate) const READER: FormatReader = FormatReader {
    format: Format::AzureActivity,
    paths: PATHS,
    aliases: &[],
    unfold: &[CLAIMS, IDENTITY],
    signs: &[OPERATION],
    recognise,
    observe,
};

/// Categories of the log; resource logs have others and look alike in the rest.
const CATEGORIES: &[&str] = &[
    "Administrative",
    "ServiceHealth",
    "ResourceHealth",
    "Alert",
    "Autoscale",
    "Recommendation",
    "Policy",
    "Security",
    "Action",
    "Write",
    "Delete",
];

fn recognise(o: &Observer<'_, '_>) -> bool {
    // Events of Entra live in a tenant and not in a subscription.
    let is_in_subscription = || {
        let id = o.segment_after(o.text(RESOURCE_ID), "subscriptions");
        !id.is_empty() || o.is_present(SUBSCRIPTION)
    };
    o.is_present(OPERATION)
        && (o.is_present(CLAIMS) || o.is_present(CALLER) || o.is_present(IDENTITY))
        && (!o.is_present(CATEGORY) || o.is_one_of(CATEGORY, CATEGORIES))
        && is_in_subscription()
}

fn observe(o: &mut Observer<'_, '_>) {
    o.set_time(o.found(TIME));
    o.set_source(o.text(ADDRESS));
    let named = o.folded(Fold::Lower, o.text(TENANT));
    let tenant = o.or_default_domain(named);
    let resource = o.text(RESOURCE_ID);
    let subscription = o
        .segment_after(resource, "subscriptions")
        .or(o.text(SUBSCRIPTION));
    let subscription = o.folded(Fold::Lower, subscription);
    o.set_scope(Provider::Entra, tenant, subscription);
    o.out.facts.action = o.text(OPERATION);
    o.out.facts.resource = resource;
    o.out.facts.region = o.text(REGION);
    o.out.facts.workload = o.text(WORKLOAD);
    let result = o.text(RESULT);
    o.set_outcome_word(result, &["Success", "Succeeded"], &["Failure", "Failed"]);

    let (upn, caller) = (o.text(UPN), o.text(CALLER));
    let is_app = o.is_word(ID_TYPE, "app")
        || o.is_word(PRINCIPAL_TYPE, "ServicePrincipal")
        // A token with scopes is a person's, also where it names no user (guests).
        || (upn.is_empty() && !o.is_present(SCOPES) && !o.is_mail(caller));
    o.begin(Role::Actor, Provider::Entra, tenant);
    o.key(KeyType::EntraObjectId, o.text(OBJECT_ID));
    // The caller is an object id or a user principal name.
    if !o.is_mail(caller) {
        o.key(KeyType::EntraObjectId, caller);
    }
    if o.is_one_of(PRINCIPAL_TYPE, &["ServicePrincipal", "User"]) && !o.has_key() {
        o.key(KeyType::EntraObjectId, o.text(PRINCIPAL));
    }
    if is_app {
        o.key(KeyType::EntraAppId, o.text(APP_ID));
    } else {
        o.key(KeyType::EntraUpn, upn);
        o.key(KeyType::EntraUpn, caller);
    }
    o.end();
    if !is_app {
        o.begin(Role::Via, Provider::Entra, tenant);
        o.key(KeyType::EntraAppId, o.text(APP_ID));
        o.end();
    }
}
