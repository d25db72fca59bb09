//! Kubernetes audit.
//!
//! Fields: `audit.k8s.io/v1` Event of the Kubernetes API reference; `user.extra` keys of EKS as its
//! IAM authenticator writes them; `admission.k8s.io` AdmissionReview, which an admission webhook
//! receives and which has no time. The event does not name its cluster: that comes from
//! configuration.

use super::FormatReader;
use super::observer::{Observer, fields};
use super::text::{Part, Span};
use crate::key::KeyType;
use crate::vocabulary::{Format, Provider, Role};

fields! {
    KIND = "/kind";
    API_VERSION = "/apiVersion";
    VERB = "/verb";
    AUDIT_ID = "/auditID";
    STAGE = "/stage";
    REQUEST_URI = "/requestURI";
    TIME = "/requestReceivedTimestamp" | "/stageTimestamp" | "/timestamp" | "/metadata/creationTimestamp";
    STATUS = "/responseStatus/code";
    DECISION = "/annotations/authorization.k8s.io~1decision";
    SOURCE_ADDRESS = "/sourceIPs/0";
    USER_AGENT = "/userAgent";
    USER = "/user/username" | "/request/userInfo/username";
    UID = "/user/uid" | "/request/userInfo/uid";
    CANONICAL_ARN = "/user/extra/canonicalArn/0" | "/request/userInfo/extra/canonicalArn/0";
    SESSION_ARN = "/user/extra/arn/0" | "/request/userInfo/extra/arn/0";
    ACCESS_KEY = "/user/extra/accessKeyId/0" | "/request/userInfo/extra/accessKeyId/0";
    POD = "/user/extra/authentication.kubernetes.io~1pod-name/0"
        | "/user/extra/authentication_kubernetes_io_slash_pod-name/0"
        | "/request/userInfo/extra/authentication.kubernetes.io~1pod-name/0";
    IMPERSONATED = "/impersonatedUser/username";
    IMPERSONATED_UID = "/impersonatedUser/uid";
    OBJECT = "/objectRef";
    GROUP = "/objectRef/apiGroup" | "/request/resource/group";
    RESOURCE = "/objectRef/resource" | "/request/resource/resource";
    SUBRESOURCE = "/objectRef/subresource" | "/request/subResource";
    NAMESPACE = "/objectRef/namespace" | "/request/namespace";
    NAME = "/objectRef/name" | "/request/name";
    REQUESTER = "/request/userInfo";
    REQUESTED = "/request/operation";
}

/// The reader.
pub(crate) const READER: FormatReader = FormatReader {
    format: Format::K8sAudit,
    paths: PATHS,
    aliases: &[],
    unfold: &[],
    signs: &[API_VERSION, KIND, VERB],
    recognise,
    observe,
};

/// Prefix of the user name of a service account; namespace and name follow.
const SERVICE_ACCOUNT: &str = "system:serviceaccount:";

fn recognise(o: &Observer<'_, '_>) -> bool {
    if o.starts(o.text(API_VERSION), "audit.k8s.io/") {
        return !o.is_word(KIND, "EventList");
    }
    if o.is_word(KIND, "AdmissionReview") {
        return o.is_present(REQUESTER);
    }
    // Shippers drop kind and version; what is left is still like nothing else.
    let has_request = o.is_present(VERB) && (o.is_present(OBJECT) || o.is_present(REQUEST_URI));
    has_request && (o.is_word(KIND, "Event") || (o.is_present(AUDIT_ID) && o.is_present(STAGE)))
}

fn observe(o: &mut Observer<'_, '_>) {
    o.set_time(o.found(TIME));
    let source = o.text(SOURCE_ADDRESS);
    o.set_source(source);
    let cluster = o.default_domain();
    facts(o);

    let (name, uid) = (o.text(USER), o.text(UID));
    user(o, Role::Actor, cluster, name, uid);
    o.eks_principal(uid);
    let arn = o.text(CANONICAL_ARN);
    o.key(KeyType::AwsArn, arn);
    if arn.is_empty() {
        // Sessions of roles are refused by the key's shape; users pass.
        let session = o.text(SESSION_ARN);
        o.key(KeyType::AwsArn, session);
    }
    let access_key = o.text(ACCESS_KEY);
    o.key(KeyType::AwsAccessKeyId, access_key);
    o.end();

    let (name, uid) = (o.text(IMPERSONATED), o.text(IMPERSONATED_UID));
    user(o, Role::Effective, cluster, name, uid);
    o.end();

    target(o, cluster);
    o.set_scope(Provider::K8s, cluster, o.text(NAMESPACE));
}

/// An identity from user name and uid.
fn user(o: &mut Observer<'_, '_>, role: Role, cluster: Span, name: Span, uid: Span) {
    o.begin(role, Provider::K8s, cluster);
    o.key_in(KeyType::K8sUid, cluster, uid);
    o.key_in(KeyType::K8sUser, cluster, name);
    if let Some(rest) = o.after_prefix(name, SERVICE_ACCOUNT) {
        let len = o.bytes(rest).iter().position(|byte| *byte == b':');
        o.set_part(rest.part(0, len.unwrap_or(0)));
    }
}

/// A service account that the request is about, such as one whose token is asked for.
fn target(o: &mut Observer<'_, '_>, cluster: Span) {
    let (namespace, name) = (o.text(NAMESPACE), o.text(NAME));
    if !o.is_word(RESOURCE, "serviceaccounts") || namespace.is_empty() || name.is_empty() {
        return;
    }
    let value = o.buffers.join(&[
        Part::Text(SERVICE_ACCOUNT),
        Part::Span(namespace),
        Part::Text(":"),
        Part::Span(name),
    ]);
    o.begin(Role::Target, Provider::K8s, cluster);
    o.set_part(namespace);
    o.key_in(KeyType::K8sUser, cluster, value);
    o.end();
}

fn facts(o: &mut Observer<'_, '_>) {
    let code = o.id(STATUS);
    if !code.is_empty() {
        o.set_outcome(o.bytes(code) < b"4" as &[u8]);
    } else if o.is_present(DECISION) {
        o.set_outcome(o.is_word(DECISION, "allow"));
    }
    let (verb, resource) = (verb(o), o.text(RESOURCE));
    let uri = o.text(REQUEST_URI);
    if !verb.is_empty() {
        let (group, sub) = (o.text(GROUP), o.text(SUBRESOURCE));
        let mut parts =
            arrayvec::ArrayVec::<Part<'_>, 7>::from_iter([Part::Span(verb), Part::Text(" ")]);
        if resource.is_empty() {
            parts.push(Part::Span(o.before(uri, b'?')));
        } else {
            if !group.is_empty() {
                parts.extend([Part::Span(group), Part::Text("/")]);
            }
            parts.push(Part::Span(resource));
            if !sub.is_empty() {
                parts.extend([Part::Text("/"), Part::Span(sub)]);
            }
        }
        o.out.facts.action = o.buffers.join(&parts);
    }
    o.out.facts.user_agent = o.text(USER_AGENT);
    o.out.facts.workload = o.text(POD);
    o.out.facts.resource = o.before(uri, b'?');
    if uri.is_empty() {
        let (namespace, name) = (o.text(NAMESPACE), o.text(NAME));
        o.out.facts.resource = if namespace.is_empty() || name.is_empty() {
            name
        } else {
            o.join(&[Part::Span(namespace), Part::Text("/"), Part::Span(name)])
        };
    }
}

/// The verb; of an admission request its operation, in the words that audit events have.
fn verb(o: &mut Observer<'_, '_>) -> Span {
    let requested = o.text(REQUESTED);
    let operation = match o.str(requested) {
        "" => return o.text(VERB),
        "CREATE" => "create",
        "UPDATE" => "update",
        "DELETE" => "delete",
        "CONNECT" => "connect",
        _ => return o.text(VERB),
    };
    o.join(&[Part::Text(operation)])
}
