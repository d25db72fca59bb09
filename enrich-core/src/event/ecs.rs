//! Elastic Common Schema, as Elastic's integrations write the logs that other readers take raw.
//!
//! Fields: the ECS field reference and the fields of the integrations `aws.cloudtrail`,
//! `gcp.audit`, `azure.*`, `okta.system`, `kubernetes.audit_logs` and `github.audit`. `user.id` and
//! `user.name` mean another thing in each, so they are read only where the module says what.

use super::observer::{Field, Observer, fields};
use super::text::{Part, Span};
use super::{FormatReader, agent};
use crate::key::KeyType;
use crate::vocabulary::{Format, Provider, Role};

fields! {
    TIME = "/@timestamp";
    VERSION = "/ecs/version" | "/ecs.version";
    DATASET = "/event/dataset" | "/event.dataset" | "/data_stream/dataset";
    MODULE = "/event/module" | "/event.module";
    ACTION = "/event/action" | "/event.action";
    PROVIDER = "/event/provider" | "/event.provider";
    OUTCOME = "/event/outcome" | "/event.outcome";
    ADDRESS = "/source/ip" | "/source.ip" | "/source/address" | "/source.address" | "/client/ip";
    REGION = "/cloud/region" | "/cloud.region" | "/source/geo/country_iso_code";
    ACCOUNT = "/cloud/account/id" | "/cloud.account.id" | "/cloud/project/id";
    AGENT = "/user_agent/original" | "/user_agent.original";
    RESOURCE = "/orchestrator/resource/name" | "/azure/resource/id" | "/gcp/audit/resource_name" | "/github/repo";
    WORKLOAD = "/container/id" | "/host/id";
    USER_ID = "/user/id" | "/user.id";
    USER_NAME = "/user/name" | "/user.name";
    USER_MAIL = "/user/email" | "/user.email";
    CLUSTER = "/orchestrator/cluster/name";
    TENANT = "/azure/tenant_id" | "/azure/signinlogs/tenant_id" | "/azure/auditlogs/tenant_id";
    AWS_TYPE = "/aws/cloudtrail/user_identity/type";
    AWS_ARN = "/aws/cloudtrail/user_identity/arn";
    AWS_KEY = "/aws/cloudtrail/user_identity/access_key_id" | "/aws/cloudtrail/user_identity/accessKeyId";
    AWS_BY = "/aws/cloudtrail/user_identity/invoked_by" | "/aws/cloudtrail/user_identity/invokedBy";
    AWS_ISSUER_ARN = "/aws/cloudtrail/user_identity/session_context/session_issuer/arn"
        | "/aws/cloudtrail/user_identity/sessionContext/sessionIssuer/arn";
    AWS_ISSUER_ID = "/aws/cloudtrail/user_identity/session_context/session_issuer/principal_id"
        | "/aws/cloudtrail/user_identity/sessionContext/sessionIssuer/principalId";
    GCP_MAIL = "/gcp/audit/authentication_info/principal_email";
    GCP_SUBJECT = "/gcp/audit/authentication_info/principal_subject";
    ENTRA_PRINCIPAL = "/azure/signinlogs/properties/service_principal_id" | "/azure/graphactivitylogs/properties/service_principal_id";
    ENTRA_APP = "/azure/signinlogs/properties/app_id" | "/azure/graphactivitylogs/properties/app_id"
        | "/azure/activitylogs/identity/claims/appid";
    ENTRA_USER = "/azure/signinlogs/properties/user_id" | "/azure/auditlogs/properties/initiated_by/user/id";
    ENTRA_UPN = "/azure/signinlogs/properties/user_principal_name"
        | "/azure/auditlogs/properties/initiated_by/user/userPrincipalName"
        | "/azure/auditlogs/properties/initiated_by/user/user_principal_name";
    ENTRA_AUDIT_APP = "/azure/auditlogs/properties/initiated_by/app/servicePrincipalId"
        | "/azure/auditlogs/properties/initiated_by/app/service_principal_id";
    OKTA_ID = "/okta/actor/id";
    OKTA_LOGIN = "/okta/actor/alternate_id";
    OKTA_TYPE = "/okta/actor/type";
    OKTA_TOKEN = "/okta/transaction/detail/request_api_token_id";
    K8S_USER = "/kubernetes/audit/user/username";
    K8S_UID = "/kubernetes/audit/user/uid";
    K8S_IMPERSONATED = "/kubernetes/audit/impersonatedUser/username" | "/kubernetes/audit/impersonated_user/username";
    GITHUB_ID = "/github/actor_id";
    GEN_AI_AGENT = "/gen_ai/agent/id" | "/gen_ai.agent.id";
    GEN_AI_PROVIDER = "/gen_ai/provider/name" | "/gen_ai.provider.name" | "/gen_ai/system" | "/gen_ai.system";
    GITHUB_HASH = "/github/hashed_token";
}

/// The reader.
pub(crate) const READER: FormatReader = FormatReader {
    format: Format::Ecs,
    paths: PATHS,
    aliases: &[],
    unfold: &[],
    recognise,
    observe,
};

fn recognise(o: &Observer<'_, '_>) -> bool {
    o.is_present(TIME) && (o.is_present(VERSION) || o.is_present(DATASET) || o.is_present(MODULE))
}

/// Adds global keys of fields.
fn keys(o: &mut Observer<'_, '_>, table: &[(KeyType, Field)]) {
    for (key_type, field) in table {
        let value = o.id(*field);
        o.key(*key_type, value);
    }
}

fn observe(o: &mut Observer<'_, '_>) {
    o.set_time(o.found(TIME));
    o.set_source(o.text(ADDRESS));
    let (provider, action) = (o.text(PROVIDER), o.text(ACTION));
    o.out.facts.action = if provider.is_empty() {
        action
    } else {
        o.join(&[Part::Span(provider), Part::Text(":"), Part::Span(action)])
    };
    o.out.facts.region = o.text(REGION);
    o.out.facts.user_agent = o.text(AGENT);
    o.out.facts.resource = o.text(RESOURCE);
    o.out.facts.workload = o.text(WORKLOAD);
    if o.is_one_of(OUTCOME, &["success", "failure"]) {
        o.set_outcome(o.is_one_of(OUTCOME, &["success"]));
    }
    let dataset = o.first_of(&[o.text(DATASET), o.text(MODULE)]);
    let (default, account) = (o.default_domain(), o.id(ACCOUNT));
    let module = |text: &str| o.str(dataset).split('.').next() == Some(text);
    if module("aws") {
        o.set_scope(Provider::Aws, account, Span::EMPTY);
        aws(o, account);
    } else if module("gcp") {
        o.set_scope(Provider::Gcp, account, Span::EMPTY);
        o.begin(Role::Actor, Provider::Gcp, Span::EMPTY);
        keys(
            o,
            &[
                (KeyType::GcpEmail, GCP_MAIL),
                (KeyType::GcpPrincipal, GCP_SUBJECT),
            ],
        );
        o.end();
    } else if module("azure") {
        let tenant = o.first_of(&[o.text(TENANT), default]);
        o.set_scope(Provider::Entra, tenant, account);
        entra(o, tenant);
    } else if module("okta") {
        o.set_scope(Provider::Okta, default, Span::EMPTY);
        o.begin(Role::Actor, Provider::Okta, default);
        let is_client = o.str(o.text(OKTA_TYPE)).starts_with("PublicClientApp");
        let login_type = if is_client {
            KeyType::OktaClientId
        } else {
            KeyType::OktaLogin
        };
        for (key_type, field) in [
            (KeyType::OktaId, OKTA_ID),
            (login_type, OKTA_LOGIN),
            (KeyType::OktaTokenId, OKTA_TOKEN),
        ] {
            let value = o.text(field);
            o.key_in(key_type, default, value);
        }
        o.end();
    } else if module("kubernetes") {
        let cluster = o.first_of(&[o.text(CLUSTER), default]);
        o.set_scope(Provider::K8s, cluster, Span::EMPTY);
        o.begin(Role::Actor, Provider::K8s, cluster);
        o.key_in(KeyType::K8sUid, cluster, o.text(K8S_UID));
        o.key_in(KeyType::K8sUser, cluster, o.text(K8S_USER));
        o.end();
        o.begin(Role::Effective, Provider::K8s, cluster);
        o.key_in(KeyType::K8sUser, cluster, o.text(K8S_IMPERSONATED));
        o.end();
    } else if module("github") {
        o.set_scope(Provider::Github, default, Span::EMPTY);
        o.begin(Role::Actor, Provider::Github, default);
        let (id, hash) = (o.id(GITHUB_ID), o.text(GITHUB_HASH));
        o.key_in(KeyType::GithubActorId, default, id);
        o.github_login(default, o.text(USER_NAME));
        o.key_in(KeyType::GithubTokenHash, default, hash);
        o.end();
    } else {
        // An agent's own events name the person that it works for as the user.
        let role = if o.is_present(GEN_AI_AGENT) {
            Role::Delegator
        } else {
            Role::Actor
        };
        o.begin(role, Provider::Other, default);
        o.key(KeyType::Email, o.text(USER_MAIL));
        o.end();
    }
    agent::observe(o, o.id(GEN_AI_AGENT), o.text(GEN_AI_PROVIDER));
}

/// The same order as in raw CloudTrail: the session's own ARN is never the role's.
fn aws(o: &mut Observer<'_, '_>, account: Span) {
    o.begin(Role::Actor, Provider::Aws, account);
    let (issuer_id, id) = (o.text(AWS_ISSUER_ID), o.text(USER_ID));
    let id = o.before(id, ':');
    if !o.is_one_of(AWS_TYPE, &["AWSService"]) {
        o.key(KeyType::AwsPrincipalId, issuer_id);
        o.key(KeyType::AwsPrincipalId, id);
        keys(
            o,
            &[
                (KeyType::AwsArn, AWS_ISSUER_ARN),
                (KeyType::AwsArn, AWS_ARN),
            ],
        );
    }
    let key = o.text(AWS_KEY);
    if o.has_key() || o.str(key).starts_with("AKIA") {
        o.key(KeyType::AwsAccessKeyId, key);
    }
    let is_known = o.end();
    let role = if is_known { Role::Via } else { Role::Actor };
    o.begin(role, Provider::Aws, Span::EMPTY);
    o.key(KeyType::AwsService, o.text(AWS_BY));
    o.end();
}

fn entra(o: &mut Observer<'_, '_>, tenant: Span) {
    o.begin(Role::Actor, Provider::Entra, tenant);
    keys(
        o,
        &[
            (KeyType::EntraObjectId, ENTRA_USER),
            (KeyType::EntraUpn, ENTRA_UPN),
        ],
    );
    let is_person = o.end();
    let role = if is_person { Role::Via } else { Role::Actor };
    o.begin(role, Provider::Entra, tenant);
    if !is_person {
        keys(o, &[(KeyType::EntraObjectId, ENTRA_PRINCIPAL)]);
    }
    keys(
        o,
        &[
            (KeyType::EntraObjectId, ENTRA_AUDIT_APP),
            (KeyType::EntraAppId, ENTRA_APP),
        ],
    );
    o.end();
}
