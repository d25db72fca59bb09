//! Okta System Log.
//!
//! Fields: "System Log API" (`LogEvent`) of the Okta developer documentation. The event does not
//! name its org: that comes from configuration. Some shippers write the top names in lower case.

use super::FormatReader;
use super::findings::Found;
use super::observer::{Observer, fields};
use super::text::Span;
use crate::key::KeyType;
use crate::vocabulary::{Format, Provider, Role};

fields! {
    EVENT_TYPE = "/eventType";
    LEGACY_TYPE = "/legacyEventType";
    PUBLISHED = "/published";
    EVENT_TIME = "/p_event_time";
    UUID = "/uuid";
    VERSION = "/version";
    SEVERITY = "/severity";
    ACTOR = "/actor";
    ACTOR_ID = "/actor/id";
    ACTOR_LOGIN = "/actor/alternateId";
    ACTOR_TYPE = "/actor/type";
    CLIENT_ID = "/client/id";
    ADDRESS = "/client/ipAddress";
    AGENT = "/client/userAgent/rawUserAgent";
    COUNTRY = "/client/geographicalContext/country";
    TOKEN = "/transaction/detail/requestApiTokenId";
    TOKEN_PARENT = "/transaction/detail/rootApiTokenId";
    TOKEN_CLIENT = "/transaction/detail/requestApiTokenClientId";
    RESULT = "/outcome/result";
    TARGETS = "/target";
    URI = "/debugContext/debugData/requestUri";
}

/// The reader.
pub(crate) const READER: FormatReader = FormatReader {
    format: Format::OktaSystemLog,
    paths: PATHS,
    aliases: &[
        ("/eventtype", "/eventType"),
        ("/legacyeventtype", "/legacyEventType"),
        ("/debugcontext", "/debugContext"),
    ],
    unfold: &[],
    signs: &[EVENT_TYPE, LEGACY_TYPE],
    recognise,
    observe,
};

fn recognise(o: &Observer<'_, '_>) -> bool {
    let is_typed = o.is_present(EVENT_TYPE) || o.is_present(LEGACY_TYPE);
    // GitHub has an actor too, but a text; ids of Okta's actors stand in an object.
    is_typed
        && (o.is_present(ACTOR_ID) || o.is_present(ACTOR_TYPE) || o.is_present(ACTOR))
        && (o.is_present(PUBLISHED) || o.is_present(UUID) || o.is_present(VERSION))
        && (o.is_present(SEVERITY) || o.is_present(PUBLISHED))
}

fn observe(o: &mut Observer<'_, '_>) {
    let time = o.found(PUBLISHED);
    o.set_time(time);
    if time.text().is_empty() {
        o.set_time(o.found(EVENT_TIME));
    }
    o.set_source(o.text(ADDRESS));
    o.out.facts.action = o.text(EVENT_TYPE);
    o.out.facts.user_agent = o.text(AGENT);
    o.out.facts.region = o.text(COUNTRY);
    o.out.facts.resource = o.text(URI);
    if o.is_present(RESULT) {
        o.set_outcome(o.is_one_of(RESULT, &["SUCCESS", "ALLOW"]));
    }
    let org = o.default_domain();
    o.set_scope(Provider::Okta, org, Span::EMPTY);

    o.begin(Role::Actor, Provider::Okta, org);
    let (id, login) = (o.text(ACTOR_ID), o.text(ACTOR_LOGIN));
    let kind = o.text(ACTOR_TYPE);
    let is_client = o.starts(kind, "PublicClientApp");
    // "IP address" actors are nobody: their id and login are the address.
    if !o.starts(kind, "IP") {
        o.key_in(KeyType::OktaId, org, id);
        // A service app: its client id stands where people have their login.
        let login_type = if is_client {
            KeyType::OktaClientId
        } else {
            KeyType::OktaLogin
        };
        o.key_in(login_type, org, login);
    }
    // A call with an API token looks like its owner's; only this tells the credential.
    o.key_in(KeyType::OktaTokenId, org, o.text(TOKEN));
    o.key_in(KeyType::OktaTokenId, org, o.text(TOKEN_PARENT));
    if is_client {
        o.key_in(KeyType::OktaClientId, org, o.text(CLIENT_ID));
    }
    o.end();

    // The client that a person, or a token, came through.
    o.begin(Role::Via, Provider::Okta, org);
    if !is_client {
        o.key_in(KeyType::OktaClientId, org, o.text(CLIENT_ID));
    }
    o.key_in(KeyType::OktaClientId, org, o.text(TOKEN_CLIENT));
    o.end();

    let mut targets = o.items(o.found(TARGETS));
    let names = ["type", "id", "alternateId"];
    let mut members = [Found::default(); 3];
    while o.next_members(&mut targets, &names, &mut members) {
        let [kind, id, login] = members;
        let kind = kind.text();
        let is_login = o.is(kind, "User") || o.is(kind, "AppUser");
        let is_identity = is_login
            || matches!(
                o.str(kind),
                "PublicClientApp" | "PublicClientAppEntity" | "AppInstance" | "Token" | "api_token"
            );
        if !is_identity {
            continue;
        }
        let is_token = o.is(kind, "Token") || o.is(kind, "api_token");
        o.begin(Role::Target, Provider::Okta, org);
        let id_type = if is_token {
            KeyType::OktaTokenId
        } else {
            KeyType::OktaId
        };
        o.key_in(id_type, org, id.text());
        if is_login {
            o.key_in(KeyType::OktaLogin, org, login.text());
        }
        o.end();
    }
}
