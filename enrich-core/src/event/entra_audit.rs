//! Entra audit logs.
//!
//! Fields: `directoryAudit` of the Microsoft Graph reference (top level), the same under
//! `properties` in diagnostic settings, and the columns of the `AuditLogs` table of Log Analytics.

use super::FormatReader;
use super::findings::Found;
use super::observer::{Observer, fields};
use super::text::Span;
use crate::key::{Fold, KeyType};
use crate::vocabulary::{Format, Provider, Role};

fields! {
    CATEGORY = "/category" | "/Category";
    TABLE = "/Type";
    PROPERTIES = "/properties";
    INITIATED = "/properties/initiatedBy" | "/initiatedBy" | "/InitiatedBy";
    TARGETS = "/properties/targetResources" | "/targetResources" | "/TargetResources";
    DETAILS = "/properties/additionalDetails" | "/additionalDetails" | "/AdditionalDetails";
    TIME = "/properties/activityDateTime" | "/activityDateTime" | "/ActivityDateTime" | "/time" | "/TimeGenerated";
    TENANT = "/tenantId" | "/tenantid" | "/AADTenantId";
    RESOURCE_ID = "/resourceId" | "/resourceid" | "/ResourceId";
    ACTION = "/properties/activityDisplayName" | "/activityDisplayName" | "/ActivityDisplayName"
        | "/operationName" | "/operationname" | "/OperationName";
    ACTIVITY_TIME = "/properties/activityDateTime" | "/activityDateTime" | "/ActivityDateTime";
    RESULT = "/properties/result" | "/result" | "/Result";
    ADDRESS = "/callerIpAddress" | "/calleripaddress";
}

/// The reader.
pub(crate) const READER: FormatReader = FormatReader {
    format: Format::EntraAudit,
    paths: PATHS,
    aliases: &[],
    unfold: &[PROPERTIES, INITIATED, TARGETS, DETAILS],
    signs: &[CATEGORY, TABLE, INITIATED, ACTIVITY_TIME],
    recognise,
    observe,
};

fn recognise(o: &Observer<'_, '_>) -> bool {
    o.is_word(CATEGORY, "AuditLogs")
        || o.is_word(TABLE, "AuditLogs")
        || (o.is_present(INITIATED) && (o.is_present(ACTIVITY_TIME) || o.is_present(TARGETS)))
        // Rows of Log Analytics, whose lists stand in strings.
        || (o.is_present(ACTIVITY_TIME) && o.is_present(ACTION) && o.is_present(RESOURCE_ID))
}

fn observe(o: &mut Observer<'_, '_>) {
    o.set_time(o.found(TIME));
    let named = o
        .text(TENANT)
        .or(o.segment_after(o.text(RESOURCE_ID), "tenants"));
    let named = o.folded(Fold::Lower, named);
    let tenant = o.or_default_domain(named);
    o.set_scope(Provider::Entra, tenant, Span::EMPTY);
    o.out.facts.action = o.text(ACTION);
    let result = o.text(RESULT);
    if !result.is_empty() {
        let is_success = o.is_like(result, "success");
        o.set_outcome(is_success);
    }
    let mut details = o.items(o.found(DETAILS));
    let mut members = [Found::default(); 2];
    while o.next_members(&mut details, &["key", "value"], &mut members) {
        let [key, value] = members;
        if o.is_like(key.text(), "User-Agent") {
            o.out.facts.user_agent = value.text();
        }
    }

    let initiated = o.found(INITIATED);
    let [user, app] = o.members(initiated, &["user", "app"]);
    let [address, user_id, upn] = o.members(user, &["ipAddress", "id", "userPrincipalName"]);
    let [principal, app_id] = o.members(app, &["servicePrincipalId", "appId"]);
    let address = address.text().or(o.text(ADDRESS));
    o.set_source(address);
    o.begin(Role::Actor, Provider::Entra, tenant);
    o.key(KeyType::EntraObjectId, user_id.text());
    o.key(KeyType::EntraUpn, upn.text());
    let is_person = o.end();
    // An application that acted by itself is the actor; beside a person it carried the call.
    let role = if is_person { Role::Via } else { Role::Actor };
    o.begin(role, Provider::Entra, tenant);
    o.key(KeyType::EntraObjectId, principal.text());
    o.key(KeyType::EntraAppId, app_id.text());
    o.end();

    let mut targets = o.items(o.found(TARGETS));
    let names = ["type", "displayName", "id", "userPrincipalName"];
    let mut members = [Found::default(); 4];
    while o.next_members(&mut targets, &names, &mut members) {
        let [kind, name, id, upn] = members;
        let kind = kind.text();
        if o.out.facts.resource.is_empty() {
            o.out.facts.resource = name.text();
        }
        let is_identity = ["ServicePrincipal", "User", "Application", "Device"]
            .iter()
            .any(|known| o.is_like(kind, known));
        if is_identity {
            o.begin(Role::Target, Provider::Entra, tenant);
            o.key(KeyType::EntraObjectId, id.text());
            o.key(KeyType::EntraUpn, upn.text());
            o.end();
        }
    }
}
