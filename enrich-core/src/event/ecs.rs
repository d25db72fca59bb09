//! Elastic Common Schema, as Elastic's integrations write the logs that other readers take raw.
//!
//! Fields: the ECS field reference and the fields of the integrations `aws.cloudtrail`,
//! `gcp.audit`, `azure.*`, `okta.system`, `kubernetes.audit_logs` and `github.audit`. `user.id` and
//! `user.name` mean another thing in each, so they are read only where the module says what. Where an
//! integration names nobody, the vendor's event in `event.original` is read instead. A field may stand
//! under its dotted name at the top as well as in its objects.

use super::gcp_audit::service_account_project;
use super::github_audit::host;
use super::observer::{Field, Observer, fields};
use super::text::{Part, Span};
use super::{FormatReader, agent};
use crate::key::KeyType;
use crate::vocabulary::{Format, Provider, Role};

fields! {
    TIME = "/@timestamp";
    VERSION = "/ecs/version";
    DATASET = "/event/dataset" | "/data_stream/dataset";
    MODULE = "/event/module";
    ACTION = "/event/action";
    PROVIDER = "/event/provider";
    OUTCOME = "/event/outcome";
    ADDRESS = "/source/ip" | "/source/address" | "/client/ip";
    REGION = "/cloud/region" | "/source/geo/country_iso_code";
    ACCOUNT = "/cloud/account/id" | "/cloud/project/id";
    AGENT = "/user_agent/original";
    RESOURCE = "/orchestrator/resource/name" | "/azure/resource/id" | "/gcp/audit/resource_name" | "/github/repo";
    WORKLOAD = "/container/id" | "/host/id";
    USER_ID = "/user/id";
    USER_NAME = "/user/name";
    USER_MAIL = "/user/email";
    CLUSTER = "/orchestrator/cluster/name";
    TENANT = "/azure/tenant_id" | "/azure/signinlogs/tenant_id" | "/azure/auditlogs/tenant_id";
    AWS_TYPE = "/aws/cloudtrail/user_identity/type";
    AWS_ARN = "/aws/cloudtrail/user_identity/arn";
    AWS_KEY = "/aws/cloudtrail/user_identity/access_key_id" | "/aws/cloudtrail/user_identity/accessKeyId";
    AWS_BY = "/aws/cloudtrail/user_identity/invoked_by" | "/aws/cloudtrail/user_identity/invokedBy";
    AWS_ISSUER_ARN = "/aws/cloudtrail/user_identity/session_context/session_issuer/arn"
        | "/aws/cloudtrail/user_identity/session_context/sessionIssuer/arn"
        | "/aws/cloudtrail/user_identity/sessionContext/sessionIssuer/arn";
    AWS_ISSUER_ID = "/aws/cloudtrail/user_identity/session_context/session_issuer/principal_id"
        | "/aws/cloudtrail/user_identity/session_context/sessionIssuer/principalId"
        | "/aws/cloudtrail/user_identity/sessionContext/sessionIssuer/principalId";
    GCP_MAIL = "/gcp/audit/authentication_info/principal_email";
    GCP_SUBJECT = "/gcp/audit/authentication_info/principal_subject";
    ENTRA_PRINCIPAL = "/azure/signinlogs/properties/service_principal_id" | "/azure/graphactivitylogs/properties/service_principal_id";
    ENTRA_APP = "/azure/signinlogs/properties/app_id" | "/azure/graphactivitylogs/properties/app_id"
        | "/azure/activitylogs/identity/claims/appid";
    // The integration writes `_` for the dots in the names of claims.
    CLAIM_OBJECT = "/azure/activitylogs/identity/claims/http:~1~1schemas_microsoft_com~1identity~1claims~1objectidentifier";
    CLAIM_UPN = "/azure/activitylogs/identity/claims/http:~1~1schemas_xmlsoap_org~1ws~12005~105~1identity~1claims~1upn";
    ENTRA_KEY = "/azure/signinlogs/properties/service_principal_credential_key_id";
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
    GEN_AI_AGENT = "/gen_ai/agent/id";
    GEN_AI_PROVIDER = "/gen_ai/provider/name" | "/gen_ai/system";
    GITHUB_HASH = "/github/hashed_token";
    ORIGINAL = "/event/original" | "/event.original";
}

/// The reader.
pub(crate) const READER: FormatReader = FormatReader {
    format: Format::Ecs,
    paths: PATHS,
    aliases: &[],
    unfold: &[],
    signs: &[TIME],
    recognise,
    observe,
};

fn recognise(o: &Observer<'_, '_>) -> bool {
    o.is_present(TIME)
        && (o.is_present(VERSION) || o.is_present(DATASET) || o.is_present(MODULE))
        && !has_only_original(o)
}

/// Fields of which each names somebody.
const SOMEBODY: &[Field] = &[
    AWS_ARN,
    AWS_KEY,
    AWS_BY,
    AWS_ISSUER_ARN,
    AWS_ISSUER_ID,
    GCP_MAIL,
    GCP_SUBJECT,
    ENTRA_PRINCIPAL,
    ENTRA_APP,
    CLAIM_OBJECT,
    ENTRA_USER,
    ENTRA_UPN,
    ENTRA_AUDIT_APP,
    OKTA_ID,
    OKTA_LOGIN,
    OKTA_TOKEN,
    K8S_USER,
    K8S_UID,
    GITHUB_ID,
    GITHUB_HASH,
];

/// Whether the integration named nobody, and the vendor's event stands beside it as a document in
/// a text: then that is read, as an envelope's.
fn has_only_original(o: &Observer<'_, '_>) -> bool {
    let original = o.bytes(o.text(ORIGINAL));
    if !(original.starts_with(b"{") && original.ends_with(b"}")) {
        return false;
    }
    let (module, _) = module(o);
    let by_name = match module {
        "aws" => o.is_present(USER_ID),
        "github" => o.is_present(USER_NAME),
        "gcp" | "azure" | "okta" | "kubernetes" | "o365" => false,
        _ => true,
    };
    !by_name && !SOMEBODY.iter().any(|field| o.is_present(*field))
}

/// The integration that wrote the event, and its dataset.
fn module<'o>(o: &'o Observer<'_, '_>) -> (&'o str, &'o str) {
    let dataset = o.str(o.text(DATASET).or(o.text(MODULE)));
    dataset.split_once('.').unwrap_or((dataset, ""))
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
        o.set_outcome(o.is_word(OUTCOME, "success"));
    }
    let (default, account) = (o.default_domain(), o.id(ACCOUNT));
    let is = |name: &str| module(o).0 == name;
    if is("aws") {
        o.set_scope(Provider::Aws, account, Span::EMPTY);
        aws(o, account);
    } else if is("gcp") {
        o.set_scope(Provider::Gcp, account, Span::EMPTY);
        gcp(o);
    } else if is("azure") {
        let tenant = o.text(TENANT).or(default);
        o.set_scope(Provider::Entra, tenant, account);
        entra(o, tenant);
    } else if is("okta") {
        o.set_scope(Provider::Okta, default, Span::EMPTY);
        o.begin(Role::Actor, Provider::Okta, default);
        let is_client = o.starts(o.text(OKTA_TYPE), "PublicClientApp");
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
    } else if is("kubernetes") {
        let cluster = o.text(CLUSTER).or(default);
        o.set_scope(Provider::K8s, cluster, Span::EMPTY);
        o.begin(Role::Actor, Provider::K8s, cluster);
        let uid = o.text(K8S_UID);
        o.key_in(KeyType::K8sUid, cluster, uid);
        o.key_in(KeyType::K8sUser, cluster, o.text(K8S_USER));
        o.eks_principal(uid);
        o.end();
        o.begin(Role::Effective, Provider::K8s, cluster);
        o.key_in(KeyType::K8sUser, cluster, o.text(K8S_IMPERSONATED));
        o.end();
    } else if is("github") {
        let default = host(o);
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
    let id = o.before(id, b':');
    if !o.is_word(AWS_TYPE, "AWSService") {
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
    if o.has_key() || o.starts(key, "AKIA") {
        o.key(KeyType::AwsAccessKeyId, key);
    }
    let is_known = o.end();
    let role = if is_known { Role::Via } else { Role::Actor };
    o.begin(role, Provider::Aws, Span::EMPTY);
    o.key(KeyType::AwsService, o.text(AWS_BY));
    o.end();
}

/// As in raw Cloud Audit: users of a GKE cluster are the cluster's.
fn gcp(o: &mut Observer<'_, '_>) {
    let mail = o.text(GCP_MAIL);
    if o.starts(mail, "system:") {
        let cluster = o.text(CLUSTER);
        o.begin(Role::Actor, Provider::K8s, cluster);
        o.key_in(KeyType::K8sUser, cluster, mail);
    } else {
        let home = service_account_project(o, mail);
        o.begin(Role::Actor, Provider::Gcp, home);
        if o.is_mail(mail) {
            o.key(KeyType::GcpEmail, mail);
        }
        o.key(KeyType::GcpPrincipal, o.text(GCP_SUBJECT));
    }
    o.end();
}

fn entra(o: &mut Observer<'_, '_>, tenant: Span) {
    o.begin(Role::Actor, Provider::Entra, tenant);
    keys(
        o,
        &[
            (KeyType::EntraObjectId, ENTRA_USER),
            (KeyType::EntraUpn, ENTRA_UPN),
            (KeyType::EntraUpn, CLAIM_UPN),
        ],
    );
    let claimed = o.text(CLAIM_OBJECT);
    if o.has_key() {
        o.key(KeyType::EntraObjectId, claimed);
    }
    let is_person = o.end();
    let role = if is_person { Role::Via } else { Role::Actor };
    o.begin(role, Provider::Entra, tenant);
    if !is_person {
        o.key(KeyType::EntraObjectId, claimed);
        keys(
            o,
            &[
                (KeyType::EntraObjectId, ENTRA_PRINCIPAL),
                (KeyType::EntraKeyId, ENTRA_KEY),
            ],
        );
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
