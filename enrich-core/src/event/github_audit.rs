//! GitHub audit log, as streamed and as the API gives it.
//!
//! Fields: "Audit log events for your enterprise/organization" and "Identifying audit log events
//! performed by an access token" of the GitHub documentation. An App shows only as its bot.

use super::FormatReader;
use super::observer::{Observer, fields};
use crate::key::KeyType;
use crate::vocabulary::{Format, Provider, Role};

fields! {
    TIME = "/@timestamp" | "/created_at" | "/timestamp";
    ACTION = "/action";
    ACTOR = "/actor";
    ACTOR_ID = "/actor_id";
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
    REPOSITORY = "/repo" | "/repository";
    ORG = "/org";
    BUSINESS = "/business" | "/enterprise/name";
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
    recognise,
    observe,
};

fn recognise(o: &Observer<'_, '_>) -> bool {
    // Elastic events have a `@timestamp` too, and webhooks an `action`, but without a dot.
    let action = o.str(o.text(ACTION));
    !action.is_empty()
        && !o.is_present(ECS_VERSION)
        && !o.is_present(DATASET)
        && (o.is_present(DOCUMENT)
            || (o.is_present(TIME)
                && action.bytes().any(|byte| byte == b'.')
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
    o.out.facts.resource = o.first_of(&[o.text(REPOSITORY), o.text(TEAM), org, business]);
    if o.is_present(CONCLUSION) {
        o.set_outcome(o.is_one_of(CONCLUSION, &["success"]));
    }
    let host = o.default_domain();
    o.set_scope(Provider::Github, host, o.first_of(&[org, business]));

    let (actor, user) = (o.text(ACTOR), o.text(USER));
    o.begin(Role::Actor, Provider::Github, host);
    o.key_in(KeyType::GithubActorId, host, o.id(ACTOR_ID));
    o.github_login(host, actor);
    for (key_type, field) in [
        (KeyType::GithubTokenId, TOKEN_ID),
        (KeyType::GithubTokenHash, TOKEN_HASH),
        (KeyType::GithubOauthAppId, OAUTH_APP),
    ] {
        let value = o.id(field);
        o.key_in(key_type, host, value);
    }
    o.key(KeyType::Email, o.text(MAIL));
    if o.is_true(IS_AGENT) {
        o.set_agent();
    }
    o.end();

    if o.str(user) != o.str(actor) {
        o.begin(Role::Target, Provider::Github, host);
        o.key_in(KeyType::GithubActorId, host, o.id(USER_ID));
        o.github_login(host, user);
        o.end();
    }
}
