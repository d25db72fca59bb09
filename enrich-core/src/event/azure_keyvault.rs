//! Azure Key Vault logs (category `AuditEvent`).
//!
//! Fields: "Azure Key Vault logging" of the Microsoft documentation. The event does not always name
//! its tenant: then it comes from configuration.

use super::FormatReader;
use super::observer::{Observer, fields};
use crate::key::{Fold, KeyType};
use crate::vocabulary::{Format, Provider, Role};

fields! {
    CATEGORY = "/category" | "/Category";
    PROPERTIES = "/properties";
    CLAIM = "/identity/claim";
    RESOURCE_ID = "/resourceId" | "/resourceid" | "/ResourceId";
    TIME = "/time" | "/TimeGenerated";
    TENANT = "/tenantId" | "/tenantid" | "/identity/claim/http:~1~1schemas.microsoft.com~1identity~1claims~1tenantid" | "/identity/claim/tid";
    APP_ID = "/identity/claim/appid" | "/identity/claim/azp" | "/identity_claim_appid_g";
    OBJECT_ID = "/identity/claim/oid"
        | "/identity/claim/http:~1~1schemas.microsoft.com~1identity~1claims~1objectidentifier"
        | "/identity_claim_http_schemas_microsoft_com_identity_claims_objectidentifier_g";
    UPN = "/identity/claim/upn"
        | "/identity/claim/http:~1~1schemas.xmlsoap.org~1ws~12005~105~1identity~1claims~1upn";
    SCOPES = "/identity/claim/http:~1~1schemas.microsoft.com~1identity~1claims~1scope" | "/identity/claim/scp";
    IDENTITY = "/identity";
    ID_TYPE = "/identity/claim/idtyp";
    MANAGED = "/identity/claim/xms_mirid";
    OPERATION = "/operationName" | "/operationname" | "/OperationName";
    ADDRESS = "/callerIpAddress" | "/calleripaddress" | "/CallerIPAddress";
    AGENT = "/properties/clientInfo" | "/clientInfo_s";
    ITEM = "/properties/id" | "/properties/requestUri" | "/id_s";
    STATUS = "/properties/httpStatusCode" | "/resultSignature" | "/ResultSignature";
    RESULT = "/resultType" | "/resulttype" | "/ResultType";
}

/// The reader.
pub(crate) const READER: FormatReader = FormatReader {
    format: Format::AzureKeyvault,
    paths: PATHS,
    aliases: &[],
    unfold: &[PROPERTIES, IDENTITY],
    signs: &[CATEGORY],
    recognise,
    observe,
};

fn recognise(o: &Observer<'_, '_>) -> bool {
    let has = |name: &str| !o.segment_after(o.text(RESOURCE_ID), name).is_empty();
    o.is_word(CATEGORY, "AuditEvent")
        && (o.is_present(CLAIM) || o.is_present(APP_ID) || has("vaults") || has("managedHSMs"))
}

fn observe(o: &mut Observer<'_, '_>) {
    o.set_time(o.found(TIME));
    o.set_source(o.text(ADDRESS));
    let named = o.folded(Fold::Lower, o.text(TENANT));
    let tenant = o.or_default_domain(named);
    let subscription = o.segment_after(o.text(RESOURCE_ID), "subscriptions");
    let subscription = o.folded(Fold::Lower, subscription);
    o.set_scope(Provider::Entra, tenant, subscription);
    o.out.facts.action = o.text(OPERATION);
    o.out.facts.user_agent = o.text(AGENT);
    o.out.facts.resource = o.text(ITEM).or(o.text(RESOURCE_ID));
    let status = o.id(STATUS);
    let first = o.bytes(status).first().copied();
    if first.is_some_and(|first| first.is_ascii_digit()) {
        let is_success = matches!(first, Some(b'1'..=b'3'));
        o.set_outcome(is_success);
    } else if o.is_present(RESULT) {
        o.set_outcome(o.is_one_of(RESULT, &["Success", "Succeeded"]));
    }
    o.out.facts.workload = o.text(MANAGED);

    let upn = o.text(UPN);
    // A token with a user in it was asked for by a client application; without one by the
    // application itself.
    let is_person = (!upn.is_empty() || o.is_present(SCOPES)) && !o.is_word(ID_TYPE, "app");
    o.begin(Role::Actor, Provider::Entra, tenant);
    o.key(KeyType::EntraObjectId, o.text(OBJECT_ID));
    o.key(KeyType::EntraUpn, upn);
    if !is_person {
        o.key(KeyType::EntraAppId, o.text(APP_ID));
    }
    o.end();
    if is_person {
        o.begin(Role::Via, Provider::Entra, tenant);
        o.key(KeyType::EntraAppId, o.text(APP_ID));
        o.end();
    }
}
