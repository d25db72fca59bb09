//! AWS CloudTrail.
//!
//! Fields: "CloudTrail record contents" and "CloudTrail userIdentity element" of the AWS
//! CloudTrail User Guide.

use super::FormatReader;
use super::observer::{Observer, fields};
use super::text::{Part, Span};
use crate::key::{KeyType, issuer_range};
use crate::vocabulary::{Format, Provider, Role};

fields! {
    EVENT_SOURCE = "/eventSource";
    EVENT_NAME = "/eventName";
    EVENT_VERSION = "/eventVersion";
    EVENT_TIME = "/eventTime" | "/@timestamp";
    REGION = "/awsRegion";
    SOURCE_ADDRESS = "/sourceIPAddress";
    USER_AGENT = "/userAgent";
    USER_AGENT_FIRST = "/userAgent/0";
    ERROR_CODE = "/errorCode";
    LOGIN_RESULT = "/responseElements/ConsoleLogin";
    RECIPIENT = "/recipientAccountId";
    IDENTITY = "/userIdentity";
    TYPE = "/userIdentity/type";
    PRINCIPAL = "/userIdentity/principalId";
    ARN = "/userIdentity/arn";
    ACCOUNT = "/userIdentity/accountId";
    ACCESS_KEY = "/userIdentity/accessKeyId";
    USER_NAME = "/userIdentity/userName";
    INVOKED_BY = "/userIdentity/invokedBy";
    ISSUING_PROVIDER = "/userIdentity/identityProvider";
    ON_BEHALF_OF = "/userIdentity/onBehalfOf/userId";
    IDENTITY_STORE = "/userIdentity/onBehalfOf/identityStoreArn";
    ISSUER_ARN = "/userIdentity/sessionContext/sessionIssuer/arn";
    ISSUER_PRINCIPAL = "/userIdentity/sessionContext/sessionIssuer/principalId";
    REQUESTED_ROLE = "/requestParameters/roleArn";
    REQUESTED_USER = "/requestParameters/userName";
    REQUESTED_ROOT = "/requestParameters/targetPrincipal";
    ASSUMED_ID = "/responseElements/assumedRoleUser/assumedRoleId"
        | "/responseElements/assumedRoleUser/assumeRoleId"
        | "/responseElements/credentialSet/0/assumedRoleUser/assumedRoleId";
    CREATED_KEY_USER = "/responseElements/accessKey/userName";
    CREATED_USER = "/responseElements/user/arn";
    CREATED_USER_ID = "/responseElements/user/userId";
    CREATED_ROLE = "/responseElements/role/arn";
    CREATED_ROLE_ID = "/responseElements/role/roleId";
    RESOURCE = "/resources/0/ARN";
    FROM_CONSOLE = "/sessionCredentialFromConsole";
}

/// The reader.
pub(crate) const READER: FormatReader = FormatReader {
    format: Format::AwsCloudtrail,
    paths: PATHS,
    aliases: &[],
    unfold: &[],
    signs: &[IDENTITY],
    recognise,
    observe,
};

fn recognise(o: &Observer<'_, '_>) -> bool {
    o.is_present(IDENTITY)
        && o.is_present(EVENT_NAME)
        && (o.is_present(EVENT_SOURCE) || o.is_present(EVENT_VERSION))
        // S3 event notifications have the same members, with sources such as `aws:s3`.
        && !o.starts(o.text(EVENT_SOURCE), "aws:")
}

fn observe(o: &mut Observer<'_, '_>) {
    o.set_time(o.found(EVENT_TIME));
    let source = o.text(SOURCE_ADDRESS);
    o.set_source(source);
    let (service, name) = (o.text(EVENT_SOURCE), o.text(EVENT_NAME));
    let account = o.id(ACCOUNT);
    let scope = o.id(RECIPIENT).or(account);
    facts(o, service, name);
    actor(o, account);
    target(o, service, name, scope);
    o.set_scope(Provider::Aws, scope, Span::EMPTY);
}

fn facts(o: &mut Observer<'_, '_>, service: Span, name: Span) {
    if !service.is_empty() && !name.is_empty() {
        o.out.facts.action =
            o.buffers
                .join(&[Part::Span(service), Part::Text(":"), Part::Span(name)]);
    }
    o.out.facts.region = o.text(REGION);
    o.out.facts.user_agent = o.text(USER_AGENT).or_else(|| o.text(USER_AGENT_FIRST));
    o.out.facts.resource = o.text(RESOURCE);
    o.out.facts.is_interactive = o.is(name, "ConsoleLogin") || o.is_true(FROM_CONSOLE);
    let login = o.text(LOGIN_RESULT);
    let is_success = o.text(ERROR_CODE).is_empty() && (login.is_empty() || o.is(login, "Success"));
    o.set_outcome(is_success);
}

/// The authenticated identity, and the service that forwarded its call.
fn actor(o: &mut Observer<'_, '_>, account: Span) {
    let kind = o.text(TYPE);
    let (issuer_arn, issuer_id) = (o.text(ISSUER_ARN), o.text(ISSUER_PRINCIPAL));
    let principal = o.id(PRINCIPAL);
    o.begin(Role::Actor, Provider::Aws, account);
    match o.str(kind) {
        // Records of some services have neither type nor principal, only who called.
        "AWSService" => {}
        "WebIdentityUser" => web_identity(o),
        "SAMLUser" => {
            let name = o.text(USER_NAME);
            o.key(KeyType::Email, name);
        }
        "AssumedRole" => {
            // The session's own ARN is never the role's, and it has lost the role's path.
            o.key(KeyType::AwsPrincipalId, issuer_id);
            let id = o.before(principal, b':');
            o.key(KeyType::AwsPrincipalId, id);
            o.key(KeyType::AwsArn, issuer_arn);
            // Principal id and session ARN both end with the session's name: an instance, a
            // function, a task or whatever the caller chose.
            o.out.facts.workload = o
                .after_last(principal, b':')
                .or_else(|| o.after_last(o.text(ARN), b'/'));
        }
        _ => {
            // A federated user was issued by an IAM user, which is the one to find.
            let (id, name) = if issuer_arn.is_empty() {
                (principal, o.text(ARN))
            } else {
                (issuer_id, issuer_arn)
            };
            let id = o.before(id, b':');
            o.key(KeyType::AwsPrincipalId, id);
            o.key(KeyType::AwsArn, name);
        }
    }
    let access_key = o.text(ACCESS_KEY);
    // By itself a long-term key leads to its user, a temporary one to nobody.
    if o.has_key() || o.starts(access_key, "AKIA") {
        o.key(KeyType::AwsAccessKeyId, access_key);
    }
    if !o.has_key() && o.is(kind, "AWSAccount") {
        o.key(KeyType::AwsAccount, account);
    }
    if account.is_empty() && !o.is(kind, "WebIdentityUser") {
        home(o);
    }
    let mut has_actor = o.end();
    // A person of IAM Identity Center, for whom a role's session or an application acts.
    let user = o.text(ON_BEHALF_OF);
    if !user.is_empty() {
        let store = o.after_last(o.text(IDENTITY_STORE), b'/');
        let role = if has_actor {
            Role::Delegator
        } else {
            Role::Actor
        };
        o.begin(role, Provider::Aws, account);
        o.key_in(KeyType::AwsIdentityStoreUserId, store, user);
        has_actor |= o.end();
    }
    let invoked_by = o.text(INVOKED_BY);
    if !invoked_by.is_empty() {
        let role = if has_actor { Role::Via } else { Role::Actor };
        o.begin(role, Provider::Aws, Span::EMPTY);
        o.key(KeyType::AwsService, invoked_by);
        o.end();
    }
}

/// The identity under way lives in the account that its ARN names.
fn home(o: &mut Observer<'_, '_>) {
    let account = o.arn_account(o.key_value(KeyType::AwsArn));
    o.set_home(Provider::Aws, account);
}

/// A token of an OIDC provider (GitHub Actions, EKS service accounts): the subject is the identity.
/// The subject of a SPIFFE JWT is a SPIFFE id, which is the same with any issuer.
fn web_identity(o: &mut Observer<'_, '_>) {
    let issuer = o.text(ISSUING_PROVIDER);
    let (from, to) = issuer_range(o.str(issuer));
    let issuer = issuer.part(from, to);
    let subject = o.text(USER_NAME);
    o.key_in(KeyType::OidcSubject, issuer, subject);
    o.key(KeyType::SpiffeId, subject);
    o.set_home(Provider::Oidc, issuer);
}

/// The identity that the call acts upon, where the event names it outright.
fn target(o: &mut Observer<'_, '_>, service: Span, name: Span, account: Span) {
    // Roles Anywhere hands out a role's session without a call of STS.
    let assumes = o.is(service, "sts.amazonaws.com")
        || o.is(service, "rolesanywhere.amazonaws.com")
        || name.is_empty()
        || o.starts(name, "AssumeRole");
    if !assumes && !o.is(service, "iam.amazonaws.com") {
        return;
    }
    o.begin(Role::Target, Provider::Aws, Span::EMPTY);
    if assumes {
        let requested = o.text(REQUESTED_ROLE);
        let assumed = o.before(o.text(ASSUMED_ID), b':');
        o.key(KeyType::AwsPrincipalId, assumed);
        o.key(KeyType::AwsArn, requested);
        if o.is(name, "AssumeRoot") {
            assumed_root(o);
        }
    } else {
        for (id, arn) in [
            (CREATED_USER_ID, CREATED_USER),
            (CREATED_ROLE_ID, CREATED_ROLE),
        ] {
            let (id, arn) = (o.text(id), o.text(arn));
            o.key(KeyType::AwsPrincipalId, id);
            o.key(KeyType::AwsArn, arn);
        }
        let user = o.text(CREATED_KEY_USER).or(o.text(REQUESTED_USER));
        // IAM names a user in the request without its path. Names are unique in an account whatever
        // the path, and snapshots hold users with a path under this ARN as well.
        if !o.has_key() && !user.is_empty() && !account.is_empty() {
            let arn = o.buffers.join(&[
                Part::Text("arn:aws:iam::"),
                Part::Span(account),
                Part::Text(":user/"),
                Part::Span(user),
            ]);
            o.key(KeyType::AwsArn, arn);
        }
    }
    home(o);
    o.end();
}

/// `AssumeRoot` names the member account by id or by the ARN of its root.
fn assumed_root(o: &mut Observer<'_, '_>) {
    let principal = o.id(REQUESTED_ROOT);
    let is_account = principal.len() == 12 && o.bytes(principal).iter().all(u8::is_ascii_digit);
    let arn = if is_account {
        o.buffers.join(&[
            Part::Text("arn:aws:iam::"),
            Part::Span(principal),
            Part::Text(":root"),
        ])
    } else {
        principal
    };
    o.key(KeyType::AwsArn, arn);
}
