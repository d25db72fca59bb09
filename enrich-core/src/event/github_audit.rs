//! GitHub audit log, as streamed and as the API gives it, and webhooks.
//!
//! Fields: "Audit log events for your enterprise/organization" and "Identifying audit log events
//! performed by an access token" of the GitHub documentation. An App shows only as its bot. Of a
//! webhook ("Webhook events and payloads") the body has the sender, but neither event name nor time.

use super::FormatReader;
use super::observer::{Observer, fields};
use super::text::{Part, Span};
use crate::key::KeyType;
use crate::vocabulary::{Format, Provider, Role};

fields! {
    TIME = "/@timestamp" | "/created_at" | "/timestamp";
    ACTION = "/action";
    ACTOR = "/actor" | "/sender/login";
    ACTOR_ID = "/actor_id" | "/sender/id";
    SENDER = "/sender/login";
    SENDER_ID = "/sender/id";
    SENT_FOR = "/repository/full_name" | "/organization/login" | "/installation/id" | "/enterprise/slug";
    IS_AGENT = "/actor_is_agent";
    DOCUMENT = "/_document_id";
    TOKEN_ID = "/token_id";
    TOKEN_HASH = "/hashed_token";
    OAUTH_APP = "/oauth_application_id";
    WORKFLOW = "/job_workflow_ref";
    MAIL = "/external_identity_nameid";
    ADDRESS = "/actor_ip";
    COUNTRY = "/actor_location/country_code";
    AGENT = "/user_agent";
    REPOSITORY = "/repo" | "/repository/full_name" | "/repository";
    ORG = "/org" | "/organization/login" | "/repository/owner/login";
    BUSINESS = "/business" | "/enterprise/name" | "/enterprise/slug";
    TEAM = "/team";
    USER = "/user";
    USER_ID = "/user_id";
    CONCLUSION = "/conclusion";
    ECS_VERSION = "/ecs/version";
    DATASET = "/event/dataset";
}

/// The reader.
pub(crate) const READER: FormatReader = FormatReader {
    format: Format::GithubAudit,
    paths: PATHS,
    aliases: &[],
    unfold: &[],
    signs: &[SENDER, ACTION],
    recognise,
    observe,
};

fn recognise(o: &Observer<'_, '_>) -> bool {
    if o.is_present(SENDER) && o.is_present(SENDER_ID) && o.is_present(SENT_FOR) {
        return true;
    }
    // Elastic events have a `@timestamp` too, and webhooks an `action`, but without a dot.
    let action = o.text(ACTION);
    !action.is_empty()
        && !o.is_present(ECS_VERSION)
        && !o.is_present(DATASET)
        && (o.is_present(DOCUMENT)
            || (o.is_present(TIME)
                && o.bytes(action).contains(&b'.')
                && (!o.id(ACTOR).is_empty() || o.is_present(ACTOR_ID))))
}

fn observe(o: &mut Observer<'_, '_>) {
    o.set_time(o.found(TIME));
    o.set_source(o.text(ADDRESS));
    o.out.facts.action = o.text(ACTION);
    o.out.facts.user_agent = o.text(AGENT);
    o.out.facts.region = o.text(COUNTRY);
    o.out.facts.workload = o.text(WORKFLOW);
    let (org, business) = (o.text(ORG), o.text(BUSINESS));
    o.out.facts.resource = o.text(REPOSITORY).or(o.text(TEAM)).or(org).or(business);
    if o.is_present(CONCLUSION) {
        o.set_outcome(o.is_word(CONCLUSION, "success"));
    }
    let host = host(o);
    o.set_scope(Provider::Github, host, org.or(business));

    let (actor, user) = (o.text(ACTOR), o.text(USER));
    o.begin(Role::Actor, Provider::Github, host);
    o.key_in(KeyType::GithubActorId, host, o.id(ACTOR_ID));
    o.github_login(host, actor);
    for (key_type, field) in [
        (KeyType::GithubTokenId, TOKEN_ID),
        (KeyType::GithubTokenHash, TOKEN_HASH),
    ] {
        let value = o.id(field);
        o.key_in(key_type, host, value);
    }
    o.key(KeyType::Email, o.text(MAIL));
    if o.is_true(IS_AGENT) {
        o.set_agent();
    }
    // The OAuth application that carried the call.
    let role = if o.end() { Role::Via } else { Role::Actor };
    o.begin(role, Provider::Github, host);
    o.key_in(KeyType::GithubOauthAppId, host, o.id(OAUTH_APP));
    o.end();

    if !o.is_same(user, actor) {
        o.begin(Role::Target, Provider::Github, host);
        o.key_in(KeyType::GithubActorId, host, o.id(USER_ID));
        o.github_login(host, user);
        o.end();
    }
}

/// The configured host, else the public one.
pub(super) fn host(o: &mut Observer<'_, '_>) -> Span {
    let host = o.default_domain();
    if host.is_empty() {
        o.join(&[Part::Text("github.com")])
    } else {
        host
    }
}
