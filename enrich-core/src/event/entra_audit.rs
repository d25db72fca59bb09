//! Entra audit logs.
//!
//! Fields: `directoryAudit` of the Microsoft Graph reference (top level), the same under
//! `properties` in diagnostic settings, and the columns of the `AuditLogs` table of Log Analytics.

use super::FormatReader;
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
    recognise,
    observe,
};

fn recognise(o: &Observer<'_, '_>) -> bool {
    o.is_one_of(CATEGORY, &["AuditLogs"])
        || o.is_one_of(TABLE, &["AuditLogs"])
        || (o.is_present(INITIATED) && (o.is_present(ACTIVITY_TIME) || o.is_present(TARGETS)))
        // Rows of Log Analytics, whose lists stand in strings.
        || (o.is_present(ACTIVITY_TIME) && o.is_present(ACTION) && o.is_present(RESOURCE_ID))
}

fn observe(o: &mut Observer<'_, '_>) {
    o.set_time(o.found(TIME));
    let named = o.first_of(&[
        o.text(TENANT),
        o.segment_after(o.text(RESOURCE_ID), "tenants"),
    ]);
    let named = o.folded(Fold::Lower, named);
    let tenant = o.or_default_domain(named);
    o.set_scope(Provider::Entra, tenant, Span::EMPTY);
    o.out.facts.action = o.text(ACTION);
    let result = o.text(RESULT);
    if !result.is_empty() {
        let is_success = o.str(result).eq_ignore_ascii_case("success");
        o.set_outcome(is_success);
    }
    let mut details = o.items(o.found(DETAILS));
    while let Some(detail) = o.next(&mut details) {
        let key = o.member(detail, "key").text();
        if o.str(key).eq_ignore_ascii_case("User-Agent") {
            o.out.facts.user_agent = o.member(detail, "value").text();
        }
    }

    let initiated = o.found(INITIATED);
    let (user, app) = (o.member(initiated, "user"), o.member(initiated, "app"));
    let address = o.member(user, "ipAddress").text();
    let address = o.first_of(&[address, o.text(ADDRESS)]);
    o.set_source(address);
    let (user_id, upn) = (
        o.member(user, "id").text(),
        o.member(user, "userPrincipalName").text(),
    );
    let principal = o.member(app, "servicePrincipalId").text();
    let app_id = o.member(app, "appId").text();
    o.begin(Role::Actor, Provider::Entra, tenant);
    o.key(KeyType::EntraObjectId, user_id);
    o.key(KeyType::EntraUpn, upn);
    let is_person = o.end();
    // An application that acted by itself is the actor; beside a person it carried the call.
    let role = if is_person { Role::Via } else { Role::Actor };
    o.begin(role, Provider::Entra, tenant);
    o.key(KeyType::EntraObjectId, principal);
    o.key(KeyType::EntraAppId, app_id);
    o.end();

    let mut targets = o.items(o.found(TARGETS));
    while let Some(target) = o.next(&mut targets) {
        let kind = o.member(target, "type").text();
        let name = o.member(target, "displayName").text();
        if o.out.facts.resource.is_empty() {
            o.out.facts.resource = name;
        }
        let is_identity = ["ServicePrincipal", "User", "Application", "Device"]
            .iter()
            .any(|known| o.str(kind).eq_ignore_ascii_case(known));
        if is_identity {
            let (id, upn) = (
                o.member(target, "id").text(),
                o.member(target, "userPrincipalName").text(),
            );
            o.begin(Role::Target, Provider::Entra, tenant);
            o.key(KeyType::EntraObjectId, id);
            o.key(KeyType::EntraUpn, upn);
            o.end();
        }
    }
}
