//! OCSF events, of Amazon Security Lake among others.
//!
//! Fields: the `actor`, `user`, `session`, `api`, `cloud` and `src_endpoint` objects of the OCSF
//! schema, 0.x to 1.8. What a `uid` holds changed between versions and differs by product, so its
//! shape and the product decide what key it is; an id of no known shape is left out.

use event_scan::class;

use super::github_audit::host;
use super::observer::{Observer, fields};
use super::text::{Part, Span};
use super::{FormatReader, agent};
use crate::key::{self, KeyType};
use crate::vocabulary::{Format, Provider, Role};

fields! {
    CLASS = "/class_uid";
    VERSION = "/metadata/version";
    PRODUCT = "/metadata/product/name";
    VENDOR = "/metadata/product/vendor_name";
    TENANT = "/metadata/tenant_uid" | "/metadata/product/tenant_uid";
    TIME = "/time" | "/time_dt";
    ACCOUNT = "/cloud/account/uid" | "/cloud/account_uid" | "/cloud/project_uid";
    REGION = "/cloud/region" | "/src_endpoint/location/country";
    UID = "/actor/user/uid";
    UUID = "/actor/user/uuid";
    UID_ALT = "/actor/user/uid_alt";
    NAME = "/actor/user/name";
    MAIL = "/actor/user/email_addr";
    CREDENTIAL = "/actor/user/credential_uid" | "/actor/session/credential_uid"
        | "/actor/user/programmatic_credentials/0/uid";
    ISSUER = "/actor/session/issuer";
    INVOKED_BY = "/actor/invoked_by";
    USER_ACCOUNT = "/actor/user/account/uid" | "/actor/user/account_uid";
    TARGET_UID = "/user/uid";
    TARGET_ALT = "/user/uid_alt" | "/user/uuid";
    TARGET_NAME = "/user/name";
    TARGET_MAIL = "/user/email_addr";
    SERVICE = "/api/service/name";
    OPERATION = "/api/operation";
    ACTIVITY = "/activity_name";
    ADDRESS = "/src_endpoint/ip" | "/src_endpoint/domain";
    INSTANCE = "/src_endpoint/instance_uid" | "/device/uid";
    AGENT = "/http_request/user_agent";
    RESOURCE = "/resources/0/uid" | "/resources/0/name" | "/resource/uid";
    AI_AGENT = "/ai_agent/uid" | "/ai_operation/ai_agent/uid" | "/actor/ai_agent/uid";
    STATUS = "/status_id";
}

/// The reader.
pub(crate) const READER: FormatReader = FormatReader {
    format: Format::Ocsf,
    paths: PATHS,
    aliases: &[],
    unfold: &[],
    signs: &[CLASS],
    recognise,
    observe,
};

fn recognise(o: &Observer<'_, '_>) -> bool {
    o.is_present(CLASS) && o.is_present(VERSION)
}

/// Whose ids an event shows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Product {
    Aws,
    Kubernetes,
    Gcp,
    Microsoft,
    Github,
    Okta,
    Other,
}

/// Words in the names of product and vendor; the first of them that stands there decides.
const PRODUCTS: &[(&str, Product)] = &[
    ("EKS", Product::Kubernetes),
    ("Kubernetes", Product::Kubernetes),
    ("CloudTrail", Product::Aws),
    ("GitHub", Product::Github),
    ("Okta", Product::Okta),
    ("Google", Product::Gcp),
    ("Entra", Product::Microsoft),
    ("Azure", Product::Microsoft),
    ("Microsoft", Product::Microsoft),
    ("AWS", Product::Aws),
    ("Amazon", Product::Aws),
];

fn product(o: &Observer<'_, '_>) -> Product {
    let mut first = PRODUCTS.len();
    for field in [PRODUCT, VENDOR] {
        // Whole words: "EKS" is no part of another name.
        let words = o
            .bytes(o.text(field))
            .split(|byte| !byte.is_ascii_alphanumeric());
        for found in words {
            let known = PRODUCTS.iter().position(|(word, _)| {
                word.len() == found.len() && class::is_like(found, word.as_bytes())
            });
            first = first.min(known.unwrap_or(first));
        }
    }
    PRODUCTS
        .get(first)
        .map_or(Product::Other, |(_, product)| *product)
}

fn observe(o: &mut Observer<'_, '_>) {
    o.set_time(o.found(TIME));
    o.set_source(o.text(ADDRESS));
    let product = product(o);
    let default = o.default_domain();
    let (provider, domain) = match product {
        Product::Aws => (Provider::Aws, o.id(ACCOUNT)),
        Product::Gcp => (Provider::Gcp, o.id(ACCOUNT)),
        Product::Kubernetes => (Provider::K8s, default),
        Product::Github => (Provider::Github, host(o)),
        Product::Okta => (Provider::Okta, default),
        Product::Microsoft => (Provider::Entra, o.text(TENANT).or(default)),
        Product::Other => (Provider::Other, default),
    };
    o.set_scope(provider, domain, Span::EMPTY);
    let (service, operation) = (o.text(SERVICE), o.text(OPERATION));
    o.out.facts.action = if service.is_empty() {
        operation.or(o.text(ACTIVITY))
    } else {
        o.join(&[Part::Span(service), Part::Text(":"), Part::Span(operation)])
    };
    o.out.facts.region = o.text(REGION);
    o.out.facts.user_agent = o.text(AGENT);
    o.out.facts.resource = o.text(RESOURCE);
    o.out.facts.workload = o.text(INSTANCE);
    let status = o.id(STATUS);
    let is_success = o.is(status, "1");
    if is_success || o.is(status, "2") {
        o.set_outcome(is_success);
    }

    // Authentication (3002): `user` is who signs in. Elsewhere it is acted upon.
    let class = o.id(CLASS);
    let is_signin = o.is(class, "3002");
    let home = o.id(USER_ACCOUNT).or(domain);
    o.begin(Role::Actor, provider, home);
    // Of an assumed role only the issuer is the role; other products write a URL or a name there.
    let issuer = o.text(ISSUER);
    o.key(KeyType::AwsArn, issuer);
    for field in [UID_ALT, UID, UUID] {
        let value = o.id(field);
        uid(o, product, domain, value);
    }
    let (name, mail) = (o.text(NAME), o.text(MAIL));
    named(o, product, domain, name, mail);
    let credential = o.id(CREDENTIAL);
    // By itself a long-term key leads to its user, a temporary one to nobody.
    if o.has_key() || o.starts(credential, "AKIA") {
        o.key(KeyType::AwsAccessKeyId, credential);
    }
    if product == Product::Okta {
        o.key_in(KeyType::OktaTokenId, domain, credential);
    }
    let mut is_known = o.end();
    // Who signs in is named twice by some, and is not acted upon.
    if !(is_signin && is_known) {
        let role = if is_signin { Role::Actor } else { Role::Target };
        o.begin(role, provider, domain);
        for field in [TARGET_ALT, TARGET_UID] {
            let value = o.id(field);
            uid(o, product, domain, value);
        }
        let (name, mail) = (o.text(TARGET_NAME), o.text(TARGET_MAIL));
        named(o, product, domain, name, mail);
        is_known |= o.end() && is_signin;
    }

    let role = if is_known { Role::Via } else { Role::Actor };
    o.begin(role, Provider::Aws, Span::EMPTY);
    o.key(KeyType::AwsService, o.text(INVOKED_BY));
    o.end();
    agent::observe(o, o.id(AI_AGENT), Span::EMPTY);
}

/// The key that an id makes, by its shape and the product.
fn uid(o: &mut Observer<'_, '_>, product: Product, domain: Span, value: Span) {
    if value.is_empty() {
        return;
    }
    // Some sources write the session behind a principal id, and EKS the authenticator before it.
    if o.eks_principal(value) {
        return;
    }
    if o.starts(value, "arn:") {
        o.key(KeyType::AwsArn, value);
        return;
    }
    match product {
        Product::Aws => {
            let id = o.before(value, b':');
            o.key(KeyType::AwsPrincipalId, id);
        }
        Product::Kubernetes => o.key_in(KeyType::K8sUid, domain, value),
        Product::Gcp => {
            if o.is_mail(value) {
                o.key(KeyType::GcpEmail, value);
            } else if value.len() == 21 {
                o.key(KeyType::GcpUniqueId, value);
            }
        }
        Product::Microsoft => o.key(KeyType::EntraObjectId, value),
        Product::Github => {
            if o.bytes(value).iter().all(u8::is_ascii_digit) {
                o.key_in(KeyType::GithubActorId, domain, value);
            }
        }
        Product::Okta => o.key_in(KeyType::OktaId, domain, value),
        Product::Other => {
            let is_id = key::is_value(KeyType::AwsPrincipalId, o.bytes(value));
            if is_id && o.starts(value, "A") {
                o.key(KeyType::AwsPrincipalId, value);
            }
        }
    }
}

/// The keys that a name and a mail address make.
fn named(o: &mut Observer<'_, '_>, product: Product, domain: Span, name: Span, mail: Span) {
    match product {
        Product::Kubernetes => o.key_in(KeyType::K8sUser, domain, name),
        Product::Github => o.github_login(domain, name),
        Product::Okta => {
            let login = mail.or(name);
            if o.is_mail(login) {
                o.key_in(KeyType::OktaLogin, domain, login);
            }
        }
        Product::Gcp => {
            for text in [mail, name] {
                if o.is_mail(text) {
                    o.key(KeyType::GcpEmail, text);
                }
            }
        }
        Product::Microsoft => {
            for text in [mail, name] {
                o.key(KeyType::EntraUpn, text);
            }
        }
        Product::Aws | Product::Other => {}
    }
}
