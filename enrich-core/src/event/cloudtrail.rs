//! AWS CloudTrail.
//!
//! Fields: "CloudTrail record contents" and "CloudTrail userIdentity element" of the AWS
//! CloudTrail User Guide.

use super::FormatReader;
use super::observation::{Observer, fields};
use super::text::{Part, Span};
use crate::key::{KeyType, issuer_range};
use crate::vocabulary::{Format, Provider, Role};

fields! {
    EVENT_SOURCE = "/eventSource";
    EVENT_NAME = "/eventName";
    EVENT_VERSION = "/eventVersion";
    EVENT_TIME = "/eventTime";
    TIMESTAMP = "/@timestamp";
    REGION = "/awsRegion";
    SOURCE_ADDRESS = "/sourceIPAddress";
    USER_AGENT = "/userAgent";
    USER_AGENT_FIRST = "/userAgent/0";
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
    ISSUER_ARN = "/userIdentity/sessionContext/sessionIssuer/arn";
    ISSUER_PRINCIPAL = "/userIdentity/sessionContext/sessionIssuer/principalId";
    REQUESTED_ROLE = "/requestParameters/roleArn";
    REQUESTED_USER = "/requestParameters/userName";
    REQUESTED_ROOT = "/requestParameters/targetPrincipal";
    ASSUMED_ID = "/responseElements/assumedRoleUser/assumedRoleId";
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
    recognise,
    observe,
};

fn recognise(o: &Observer<'_, '_>) -> bool {
    // S3 event notifications have the same members, with sources such as `aws:s3`.
    if o.str(o.text(EVENT_SOURCE)).starts_with("aws:") {
        return false;
    }
    o.is_present(IDENTITY)
        && o.is_present(EVENT_NAME)
        && (o.is_present(EVENT_SOURCE) || o.is_present(EVENT_VERSION))
}

fn observe(o: &mut Observer<'_, '_>) {
    let time = o.text(EVENT_TIME);
    o.set_time(if time.is_empty() {
        o.text(TIMESTAMP)
    } else {
        time
    });
    let source = o.text(SOURCE_ADDRESS);
    o.set_source(source);
    facts(o);
    actor(o);
    target(o);
    let recipient = o.id(RECIPIENT);
    o.out.scope_provider = Some(Provider::Aws);
    o.out.scope_domain = if recipient.is_empty() {
        o.id(ACCOUNT)
    } else {
        recipient
    };
}

fn facts(o: &mut Observer<'_, '_>) {
    let (service, name) = (o.text(EVENT_SOURCE), o.text(EVENT_NAME));
    if !service.is_empty() && !name.is_empty() {
        o.out.facts.action =
            o.buffers
                .join(&[Part::Span(service), Part::Text(":"), Part::Span(name)]);
    }
    o.out.facts.region = o.text(REGION);
    let agent = o.text(USER_AGENT);
    o.out.facts.user_agent = if agent.is_empty() {
        o.text(USER_AGENT_FIRST)
    } else {
        agent
    };
    o.out.facts.resource = o.text(RESOURCE);
    let from_console = o.found(FROM_CONSOLE);
    o.out.facts.is_interactive = o.str(name) == "ConsoleLogin"
        || from_console.sort == super::scan::Sort::True
        || o.str(o.text(FROM_CONSOLE)) == "true";
}

/// The authenticated identity, and the service that forwarded its call.
fn actor(o: &mut Observer<'_, '_>) {
    let invoked_by = o.text(INVOKED_BY);
    let kind = o.text(TYPE);
    let (issuer_arn, issuer_id) = (o.text(ISSUER_ARN), o.text(ISSUER_PRINCIPAL));
    let (arn, principal) = (o.text(ARN), o.id(PRINCIPAL));
    let account = o.id(ACCOUNT);
    let mut actor = o.identity(Role::Actor, Provider::Aws, account);
    match o.str(kind) {
        // Records of some services have neither type nor principal, only who called.
        "AWSService" => {}
        "WebIdentityUser" => web_identity(o, &mut actor),
        "SAMLUser" => {
            let name = o.text(USER_NAME);
            o.key(&mut actor, KeyType::Email, Span::EMPTY, name);
        }
        "AssumedRole" => {
            // The session's own ARN is never the role's, and it has lost the role's path.
            o.key(&mut actor, KeyType::AwsPrincipalId, Span::EMPTY, issuer_id);
            let id = o.before(principal, ':');
            o.key(&mut actor, KeyType::AwsPrincipalId, Span::EMPTY, id);
            o.key(&mut actor, KeyType::AwsArn, Span::EMPTY, issuer_arn);
            o.out.facts.workload = o.after_last(principal, ':');
        }
        _ => {
            // A federated user was issued by an IAM user, which is the one to find.
            let (id, name) = if issuer_arn.is_empty() {
                (principal, arn)
            } else {
                (issuer_id, issuer_arn)
            };
            let id = o.before(id, ':');
            o.key(&mut actor, KeyType::AwsPrincipalId, Span::EMPTY, id);
            o.key(&mut actor, KeyType::AwsArn, Span::EMPTY, name);
        }
    }
    let access_key = o.text(ACCESS_KEY);
    // By itself a long-term key leads to its user, a temporary one to nobody.
    if !actor.keys.is_empty() || o.str(access_key).starts_with("AKIA") {
        o.key(&mut actor, KeyType::AwsAccessKeyId, Span::EMPTY, access_key);
    }
    if actor.keys.is_empty() && o.str(kind) == "AWSAccount" {
        o.key(&mut actor, KeyType::AwsAccount, Span::EMPTY, account);
    }
    if actor.domain.is_empty()
        && let Some(named) = actor
            .keys
            .iter()
            .find(|key| key.key_type == KeyType::AwsArn)
    {
        actor.domain = o.arn_account(named.value);
    }
    let has_actor = o.finish(actor);
    let role = if has_actor { Role::Via } else { Role::Actor };
    let mut service = o.identity(role, Provider::Aws, Span::EMPTY);
    o.key(&mut service, KeyType::AwsService, Span::EMPTY, invoked_by);
    o.finish(service);
}

/// A token of an OIDC provider (GitHub Actions, EKS service accounts): the subject is the identity.
fn web_identity(o: &mut Observer<'_, '_>, actor: &mut super::observation::Observed) {
    let issuer = o.text(ISSUING_PROVIDER);
    let (from, to) = issuer_range(o.str(issuer));
    let issuer = issuer.part(from, to);
    let subject = o.text(USER_NAME);
    o.key(actor, KeyType::OidcSubject, issuer, subject);
    actor.provider = Provider::Oidc;
    actor.domain = issuer;
}

/// The identity that the call acts upon, where the event names it outright.
fn target(o: &mut Observer<'_, '_>) {
    let name = o.text(EVENT_NAME);
    let mut target = o.identity(Role::Target, Provider::Aws, Span::EMPTY);
    let requested = o.text(REQUESTED_ROLE);
    let assumes = o.str(name).starts_with("AssumeRole")
        || name.is_empty()
        || o.str(o.text(EVENT_SOURCE)) == "sts.amazonaws.com";
    if assumes {
        let assumed = o.before(o.text(ASSUMED_ID), ':');
        o.key(&mut target, KeyType::AwsPrincipalId, Span::EMPTY, assumed);
        o.key(&mut target, KeyType::AwsArn, Span::EMPTY, requested);
        if o.str(name) == "AssumeRoot" {
            assumed_root(o, &mut target);
        }
    } else if o.str(o.text(EVENT_SOURCE)) == "iam.amazonaws.com" {
        for (id, arn) in [
            (CREATED_USER_ID, CREATED_USER),
            (CREATED_ROLE_ID, CREATED_ROLE),
        ] {
            let (id, arn) = (o.text(id), o.text(arn));
            o.key(&mut target, KeyType::AwsPrincipalId, Span::EMPTY, id);
            o.key(&mut target, KeyType::AwsArn, Span::EMPTY, arn);
        }
        let (issued_to, asked_for) = (o.text(CREATED_KEY_USER), o.text(REQUESTED_USER));
        let user = if issued_to.is_empty() {
            asked_for
        } else {
            issued_to
        };
        let account = o.id(RECIPIENT);
        let account = if account.is_empty() {
            o.id(ACCOUNT)
        } else {
            account
        };
        // IAM names a user in the request without its path. A user with a path is not found by
        // this key, which is a miss and never a wrong match.
        if target.keys.is_empty() && !user.is_empty() && !account.is_empty() {
            let arn = o.buffers.join(&[
                Part::Text("arn:aws:iam::"),
                Part::Span(account),
                Part::Text(":user/"),
                Part::Span(user),
            ]);
            o.key(&mut target, KeyType::AwsArn, Span::EMPTY, arn);
        }
    }
    if let Some(named) = target
        .keys
        .iter()
        .find(|key| key.key_type == KeyType::AwsArn)
    {
        target.domain = o.arn_account(named.value);
    }
    o.finish(target);
}

/// `AssumeRoot` names the member account by id or by the ARN of its root.
fn assumed_root(o: &mut Observer<'_, '_>, target: &mut super::observation::Observed) {
    let principal = o.id(REQUESTED_ROOT);
    let is_account =
        o.str(principal).len() == 12 && o.str(principal).bytes().all(|byte| byte.is_ascii_digit());
    let arn = if is_account {
        o.buffers.join(&[
            Part::Text("arn:aws:iam::"),
            Part::Span(principal),
            Part::Text(":root"),
        ])
    } else {
        principal
    };
    o.key(target, KeyType::AwsArn, Span::EMPTY, arn);
}
