//! Google Cloud Audit Logs.
//!
//! Fields: `LogEntry` and `google.cloud.audit.AuditLog` of the Cloud Logging reference;
//! `ServiceAccountDelegationInfo` for calls with impersonation.

use event_scan::class;

use super::FormatReader;
use super::findings::{Found, Sort};
use super::observer::{Observer, fields};
use super::text::{Part, Span};
use crate::key::KeyType;
use crate::vocabulary::{Format, Provider, Role};

fields! {
    PAYLOAD = "/protoPayload";
    LOG_NAME = "/logName" | "/data/logName" | "/logname";
    TIME = "/timestamp" | "/data/timestamp" | "/protoPayload/requestMetadata/requestAttributes/time";
    MAIL = "/protoPayload/authenticationInfo/principalEmail";
    SUBJECT = "/protoPayload/authenticationInfo/principalSubject";
    KEY_NAME = "/protoPayload/authenticationInfo/serviceAccountKeyName";
    OAUTH_CLIENT = "/protoPayload/authenticationInfo/oauthInfo/oauthClientId";
    DELEGATION = "/protoPayload/authenticationInfo/serviceAccountDelegationInfo";
    AUTHENTICATION = "/protoPayload/authenticationInfo";
    IMPERSONATED = "/protoPayload/metadata/identityDelegationChain";
    METHOD = "/protoPayload/methodName";
    SERVICE = "/protoPayload/serviceName";
    RESOURCE = "/protoPayload/resourceName";
    ADDRESS = "/protoPayload/requestMetadata/callerIp";
    AGENT = "/protoPayload/requestMetadata/callerSuppliedUserAgent";
    LOCATION = "/protoPayload/resourceLocation/currentLocations/0";
    STATUS = "/protoPayload/status";
    STATUS_CODE = "/protoPayload/status/code";
    RESOURCE_TYPE = "/resource/type" | "/data/resource/type";
    LABEL_MAIL = "/resource/labels/email_id" | "/data/resource/labels/email_id";
    LABEL_ID = "/resource/labels/unique_id" | "/data/resource/labels/unique_id";
    PROJECT = "/resource/labels/project_id" | "/data/resource/labels/project_id";
    CLUSTER = "/resource/labels/cluster_name" | "/data/resource/labels/cluster_name";
    REGION = "/resource/labels/location" | "/resource/labels/region" | "/resource/labels/zone"
        | "/data/resource/labels/location" | "/data/resource/labels/region" | "/data/resource/labels/zone";
}

/// The reader.
pub(crate) const READER: FormatReader = FormatReader {
    format: Format::GcpAudit,
    paths: PATHS,
    aliases: &[
        ("/protopayload", "/protoPayload"),
        ("/protopayload_auditlog", "/protoPayload"),
        ("/data/protoPayload", "/protoPayload"),
    ],
    unfold: &[],
    signs: &[PAYLOAD],
    recognise,
    observe,
};

fn recognise(o: &Observer<'_, '_>) -> bool {
    o.found(PAYLOAD).sort == Sort::Object
        && [AUTHENTICATION, METHOD, SERVICE, LOG_NAME]
            .iter()
            .any(|field| o.is_present(*field))
}

fn observe(o: &mut Observer<'_, '_>) {
    o.set_time(o.found(TIME));
    o.set_source(o.text(ADDRESS));
    facts(o);
    let project = project(o);
    o.set_scope(Provider::Gcp, project, Span::EMPTY);
    let cluster = o.text(CLUSTER);

    let (mail, subject) = (o.text(MAIL), o.text(SUBJECT));
    // The chain in front of an impersonated service account; its last entry made the call.
    let mut chain = arrayvec::ArrayVec::<(Span, Span), 6>::new();
    let mut items = o.items(o.found(DELEGATION));
    let names = ["firstPartyPrincipal", "principalSubject"];
    let mut members = [Found::default(); 2];
    while o.next_members(&mut items, &names, &mut members) {
        let [first_party, subject] = members;
        let [mail] = o.members(first_party, &["principalEmail"]);
        let entry = (mail.text(), subject.text());
        if !entry.0.is_empty() || !entry.1.is_empty() {
            // Of a chain too long the last entry, the caller, still counts.
            if chain.is_full() {
                chain.pop();
            }
            chain.push(entry);
        }
    }
    let is_delegated = !chain.is_empty();
    let role = if is_delegated {
        Role::Effective
    } else {
        Role::Actor
    };
    if let Some((mail, subject)) = chain.pop() {
        principal(o, Role::Actor, cluster, mail, subject);
        credential(o);
        o.end();
    }
    principal(o, role, cluster, mail, subject);
    // An impersonated account used no key of its own.
    if !is_delegated {
        credential(o);
    }
    o.end();
    for (mail, subject) in chain {
        principal(o, Role::Delegator, cluster, mail, subject);
        o.end();
    }
    client(o);
    targets(o);
}

/// The project: of the resource, else of the log's name.
fn project(o: &mut Observer<'_, '_>) -> Span {
    let of_log = o.segment_after(o.text(LOG_NAME), "projects");
    o.or_default_domain(o.text(PROJECT).or(of_log))
}

fn facts(o: &mut Observer<'_, '_>) {
    let (service, method) = (o.text(SERVICE), o.text(METHOD));
    o.out.facts.action = if service.is_empty() {
        method
    } else {
        o.join(&[Part::Span(service), Part::Text(":"), Part::Span(method)])
    };
    o.out.facts.user_agent = o.text(AGENT);
    o.out.facts.resource = o.text(RESOURCE);
    o.out.facts.region = o.text(LOCATION).or(o.text(REGION));
    // An empty status is that of a call that came about; code 0 is OK (google.rpc.Code).
    if o.found(STATUS).sort == Sort::Object {
        let code = o.id(STATUS_CODE);
        let is_success = code.is_empty() || o.is(code, "0");
        o.set_outcome(is_success);
    }
}

/// Begins an identity from a mail address and a principal's subject.
fn principal(o: &mut Observer<'_, '_>, role: Role, cluster: Span, mail: Span, subject: Span) {
    let home = service_account_project(o, mail);
    o.begin(role, Provider::Gcp, home);
    if o.starts(mail, "system:") {
        // GKE: users of the cluster, whose names repeat in other clusters.
        o.set_home(Provider::K8s, cluster);
        o.key_in(KeyType::K8sUser, cluster, mail);
        if let Some(rest) = o.after_prefix(mail, "system:serviceaccount:") {
            o.set_part(o.before(rest, b':'));
        }
        return;
    }
    if o.is_mail(mail) {
        o.key(KeyType::GcpEmail, mail);
    }
    let account = ["serviceAccount:", "user:"]
        .iter()
        .find_map(|prefix| o.after_prefix(subject, prefix));
    match account {
        Some(named) if !o.is_mail(mail) => {
            o.key(KeyType::GcpPrincipal, subject);
            o.key(KeyType::GcpEmail, named);
            let home = service_account_project(o, named);
            o.set_home(Provider::Gcp, home);
        }
        Some(named) if class::is_like(o.bytes(named), o.bytes(mail)) => {
            o.key(KeyType::GcpPrincipal, subject);
        }
        // Where the two contradict each other (redaction), the mail address counts.
        Some(_) => {}
        // A federated principal (`principal://…`) stands beside no mail address or its own.
        None if !o.is_mail(mail) || !o.is_mail(subject) => o.key(KeyType::GcpPrincipal, subject),
        None => {}
    }
}

/// The credential of the identity under way.
fn credential(o: &mut Observer<'_, '_>) {
    let key = o.after_last(o.text(KEY_NAME), b'/');
    o.key(KeyType::GcpKeyId, key);
}

/// The OAuth client that carried a person's call; without one, it is the actor.
fn client(o: &mut Observer<'_, '_>) {
    let role = if o.out.identities.is_empty() {
        Role::Actor
    } else {
        Role::Via
    };
    o.begin(role, Provider::Gcp, Span::EMPTY);
    o.key(KeyType::GcpOauthClientId, o.id(OAUTH_CLIENT));
    o.end();
}

/// The project in the mail address of a user-managed service account.
pub(super) fn service_account_project(o: &Observer<'_, '_>, mail: Span) -> Span {
    let Some(at) = class::find(o.bytes(mail), b'@') else {
        return Span::EMPTY;
    };
    let domain = mail.behind(at + 1);
    let suffix = ".iam.gserviceaccount.com";
    if o.bytes(domain).ends_with(suffix.as_bytes()) {
        domain.part(0, domain.len() - suffix.len())
    } else if o.is(domain, "appspot.gserviceaccount.com") {
        mail.part(0, at)
    } else {
        Span::EMPTY
    }
}

/// Service accounts that the call is about.
fn targets(o: &mut Observer<'_, '_>) {
    let (mail, id) = (o.text(LABEL_MAIL), o.id(LABEL_ID));
    let is_about_account = o.is_word(RESOURCE_TYPE, "service_account");
    let named = o.segment_after(o.text(RESOURCE), "serviceAccounts");
    if is_about_account || !named.is_empty() {
        let mail = mail.or(named);
        let home = service_account_project(o, mail);
        o.begin(Role::Target, Provider::Gcp, home);
        o.key(KeyType::GcpUniqueId, id);
        // Unique ids of service accounts are 21 digits.
        let text = o.bytes(mail);
        if o.is_mail(mail) {
            o.key(KeyType::GcpEmail, mail);
        } else if text.len() == 21 && text.iter().all(u8::is_ascii_digit) {
            o.key(KeyType::GcpUniqueId, mail);
        }
        o.end();
        return;
    }
    // A token request names whom it is for by the chain that leads there.
    let mut items = o.items(o.found(IMPERSONATED));
    let mut last = Found::default();
    while let Some(item) = o.next(&mut items) {
        last = item;
    }
    let name = last.text();
    let tail = o.after_last(name, b'/');
    let mail = tail.or(name);
    let home = service_account_project(o, mail);
    o.begin(Role::Target, Provider::Gcp, home);
    if o.is_mail(mail) {
        o.key(KeyType::GcpEmail, mail);
    }
    o.end();
}
