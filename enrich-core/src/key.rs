//! Keys: the typed strings that a log shows and that lead to an identity.

use core::fmt;

use event_scan::class;
use key_index::find::Query;

use crate::vocabulary::Provider;

/// Longest key value, in bytes.
pub const MAX_KEY_VALUE: usize = 2048;

/// How the value of a key is folded before it is stored or compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fold {
    /// Kept as it is.
    None,
    /// ASCII letters become lower case.
    Lower,
    /// Only the trust domain of a SPIFFE id becomes lower case.
    TrustDomain,
}

/// What decides whether a key type needs a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DomainRule {
    /// The value is unique by itself; the domain is empty.
    Global,
    /// The value is unique only inside a cluster, org or issuer.
    Required,
    /// As `Required`, with a domain that is meant when none is given.
    Default(&'static str),
}

macro_rules! key_types {
    ($( $(#[$meta:meta])* $variant:ident = $code:literal, $text:literal, $provider:ident, $domain:expr, $fold:ident, $unique:literal; )+) => {
        /// The type of a key. The list is closed: an unlisted type is an error at build.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum KeyType { $( $(#[$meta])* $variant = $code, )+ }

        impl KeyType {
            /// Every key type, in the order of the codes.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )+ ];
            /// The code that a snapshot stores.
            #[must_use]
            pub const fn code(self) -> u8 { self as u8 }
            /// The type of a stored code.
            #[must_use]
            pub const fn from_code(code: u8) -> Option<Self> {
                match code { $( $code => Some(Self::$variant), )+ _ => None }
            }
            /// The text that outputs carry.
            #[must_use]
            pub const fn as_str(self) -> &'static str { match self { $( Self::$variant => $text, )+ } }
            /// The type with this text.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                // A loop: a match over texts is code for each of them, which guests carry.
                Self::ALL.iter().copied().find(|known| known.as_str() == text)
            }
            /// The provider whose systems use this type.
            #[must_use]
            pub const fn provider(self) -> Provider { match self { $( Self::$variant => Provider::$provider, )+ } }
            /// Whether a domain belongs to the key.
            #[must_use]
            pub const fn domain_rule(self) -> DomainRule { match self { $( Self::$variant => $domain, )+ } }
            /// How values are folded.
            #[must_use]
            pub const fn fold(self) -> Fold { match self { $( Self::$variant => Fold::$fold, )+ } }
            /// Whether the value is given once and never reused for another identity. Such an id
            /// outranks a name: a name that leads to an identity with another id is no match.
            #[must_use]
            pub const fn is_unique_id(self) -> bool { match self { $( Self::$variant => $unique, )+ } }
        }
    };
}

use DomainRule::{Default, Global, Required};

key_types! {
    /// The canonical uid of an identity, used inside overlays only; no log shows it.
    Uid = 0, "uid", Other, Global, None, false;
    /// ARN of an IAM user, role or root. Never an assumed-role session ARN.
    AwsArn = 1, "aws_arn", Aws, Global, None, false;
    /// The part of a principal id before `:` (`AROA…`, `AIDA…`).
    AwsPrincipalId = 2, "aws_principal_id", Aws, Global, None, true;
    /// An access key id, long-term (`AKIA…`) or temporary (`ASIA…`).
    AwsAccessKeyId = 3, "aws_access_key_id", Aws, Global, None, false;
    /// An AWS service principal (`ec2.amazonaws.com`).
    AwsService = 4, "aws_service", Aws, Global, Lower, false;
    /// An AWS account id.
    AwsAccount = 5, "aws_account", Aws, Global, None, false;
    /// Id of a user of IAM Identity Center; the domain is the identity store (`d-…`).
    AwsIdentityStoreUserId = 6, "aws_identity_store_user_id", Aws, Required, None, true;
    /// Mail address of a GCP principal.
    GcpEmail = 10, "gcp_email", Gcp, Global, Lower, false;
    /// Numeric unique id of a GCP service account.
    GcpUniqueId = 11, "gcp_unique_id", Gcp, Global, None, true;
    /// A GCP principal (`principal://…`, `serviceAccount:…`).
    GcpPrincipal = 12, "gcp_principal", Gcp, Global, None, false;
    /// Id of a GCP service account key.
    GcpKeyId = 13, "gcp_key_id", Gcp, Global, None, false;
    /// A GCP OAuth client id.
    GcpOauthClientId = 14, "gcp_oauth_client_id", Gcp, Global, None, false;
    /// An Entra object id.
    EntraObjectId = 20, "entra_object_id", Entra, Global, Lower, true;
    /// An Entra application (client) id.
    EntraAppId = 21, "entra_app_id", Entra, Global, Lower, false;
    /// An Entra credential key id.
    EntraKeyId = 22, "entra_key_id", Entra, Global, Lower, false;
    /// An Entra user principal name.
    EntraUpn = 23, "entra_upn", Entra, Global, Lower, false;
    /// A mail address.
    Email = 24, "email", Other, Global, Lower, false;
    /// A Kubernetes user name (`system:serviceaccount:NAMESPACE:NAME` among them).
    K8sUser = 30, "k8s_user", K8s, Required, None, false;
    /// A Kubernetes uid.
    K8sUid = 31, "k8s_uid", K8s, Required, None, true;
    /// A GitHub login.
    GithubLogin = 40, "github_login", Github, Default("github.com"), Lower, false;
    /// The slug of a GitHub App, without `[bot]`.
    GithubApp = 41, "github_app", Github, Default("github.com"), Lower, false;
    /// A GitHub numeric actor id.
    GithubActorId = 42, "github_actor_id", Github, Default("github.com"), None, true;
    /// A GitHub token id.
    GithubTokenId = 43, "github_token_id", Github, Default("github.com"), None, false;
    /// Base64 of the SHA-256 of a GitHub token.
    GithubTokenHash = 44, "github_token_hash", Github, Default("github.com"), None, false;
    /// A GitHub OAuth application id.
    GithubOauthAppId = 45, "github_oauth_app_id", Github, Default("github.com"), None, false;
    /// An Okta id.
    OktaId = 50, "okta_id", Okta, Required, None, true;
    /// An Okta client id.
    OktaClientId = 51, "okta_client_id", Okta, Required, None, false;
    /// An Okta API token id.
    OktaTokenId = 52, "okta_token_id", Okta, Required, None, false;
    /// An Okta login.
    OktaLogin = 53, "okta_login", Okta, Required, Lower, false;
    /// A Vault entity id.
    VaultEntityId = 60, "vault_entity_id", Vault, Required, None, true;
    /// A Vault token accessor.
    VaultAccessor = 61, "vault_accessor", Vault, Required, None, false;
    /// A SPIFFE id.
    SpiffeId = 70, "spiffe_id", Spiffe, Global, TrustDomain, false;
    /// The subject of an OIDC token; the domain is the issuer, without scheme.
    OidcSubject = 71, "oidc_subject", Oidc, Required, None, false;
    /// `gen_ai.agent.id` of OpenTelemetry's conventions; the domain is `gen_ai.provider.name`.
    GenAiAgentId = 80, "gen_ai_agent_id", Other, Required, None, false;
    /// The `id` of a SCIM resource, an agent's among them (RFC 7643, section 3.1: never reassigned);
    /// the domain is the service provider.
    ScimId = 81, "scim_id", Other, Required, None, true;
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A key: type, domain when the type needs one, folded value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Key<'a> {
    /// Its type.
    pub key_type: KeyType,
    /// Cluster, org, host or issuer; empty for global types.
    pub domain: &'a str,
    /// The folded value.
    pub value: &'a str,
}

/// Why a text is no key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyRefused {
    /// Not of the form `TYPE[@DOMAIN]:VALUE`.
    Notation,
    /// The type is not in the list.
    UnknownType,
    /// Empty, or a word that stands for nothing.
    Placeholder,
    /// Longer than [`MAX_KEY_VALUE`].
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// Not shaped as values of that type are.
    Shape {
        /// The type.
        key_type: KeyType,
    },
    /// The type needs a domain and there is none.
    MissingDomain {
        /// The type.
        key_type: KeyType,
    },
}

impl fmt::Display for KeyRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Notation => f.write_str("key is not written TYPE[@DOMAIN]:VALUE, for example aws_arn:arn:aws:iam::123456789012:role/x"),
            Self::UnknownType => f.write_str("key type is not known; the types are listed in docs/design.md"),
            Self::Placeholder => f.write_str("key value is empty, masked or a placeholder"),
            Self::TooLong { len } => write!(f, "key value has {len} bytes, the limit is {MAX_KEY_VALUE}"),
            Self::Shape { key_type } => write!(f, "key value is not shaped as an {key_type}"),
            Self::MissingDomain { key_type } => {
                write!(f, "key type {key_type} needs a domain; write {key_type}@DOMAIN:VALUE")
            }
        }
    }
}

impl core::error::Error for KeyRefused {}

/// Words that systems write where there is nothing.
const PLACEHOLDERS: &[&str] = &["", "-", "...", "null", "None", "unknown", "EXAMPLE", "N/A"];

/// Whether the value of a key can lead anywhere. The value is folded already.
///
/// # Errors
/// The reason why not.
pub fn check_value(key_type: KeyType, value: &str) -> Result<(), KeyRefused> {
    if is_value(key_type, value.as_bytes()) {
        return Ok(());
    }
    Err(if value.len() > MAX_KEY_VALUE {
        KeyRefused::TooLong { len: value.len() }
    } else if stands_for_nothing(value.as_bytes()) {
        KeyRefused::Placeholder
    } else {
        KeyRefused::Shape { key_type }
    })
}

/// Whether a text is empty, a placeholder or masked. The longest placeholder has seven bytes, and
/// most values are longer.
fn stands_for_nothing(bytes: &[u8]) -> bool {
    (bytes.len() <= 7 && PLACEHOLDERS.iter().any(|word| word.as_bytes() == bytes))
        || bytes_contain(bytes, b"****")
}

/// As [`check_value`], without a reason.
#[cfg_attr(target_family = "wasm", inline(never))]
pub(crate) fn is_value(key_type: KeyType, bytes: &[u8]) -> bool {
    let is_id = |least: usize, most: usize| {
        (least..=most).contains(&bytes.len()) && class::is_upper_or_digit(bytes)
    };
    let has_star = || class::find(bytes, b'*').is_some();
    if bytes.len() > MAX_KEY_VALUE {
        return false;
    }
    // These are shaped so that no placeholder and no mask is one.
    match key_type {
        KeyType::AwsArn => {
            // Behind the fifth colon is the resource.
            return bytes.starts_with(b"arn:")
                && class::behind(bytes, b':', 5)
                    .is_some_and(|resource| !resource.starts_with(b"assumed-role/"))
                && !has_star();
        }
        // Unique ids begin with four letters that name the kind (IAM User Guide, "IAM identifiers").
        KeyType::AwsPrincipalId => {
            return is_id(16, 128)
                && bytes.first() == Some(&b'A')
                && !bytes.iter().take(4).any(u8::is_ascii_digit);
        }
        // Long-term (AKIA) and temporary (ASIA) keys; sixteen times the same letter is a mask.
        KeyType::AwsAccessKeyId => {
            return is_id(20, 20)
                && (bytes.starts_with(b"AKIA") || bytes.starts_with(b"ASIA"))
                && bytes.iter().skip(5).any(|b| Some(b) != bytes.get(4));
        }
        KeyType::AwsAccount => return bytes.len() == 12 && bytes.iter().all(u8::is_ascii_digit),
        KeyType::EntraObjectId | KeyType::EntraAppId | KeyType::EntraKeyId => {
            return class::is_guid(bytes) && bytes.iter().any(|b| !matches!(b, b'0' | b'-'));
        }
        _ => {}
    }
    if stands_for_nothing(bytes) {
        return false;
    }
    match key_type {
        KeyType::AwsService => {
            let text = core::str::from_utf8(bytes).unwrap_or(" ");
            bytes.contains(&b'.') && !text.contains(char::is_whitespace) && !has_star()
        }
        KeyType::EntraUpn | KeyType::Email => class::find(bytes, b'@').is_some(),
        KeyType::GithubActorId | KeyType::GithubTokenId | KeyType::GithubOauthAppId => {
            bytes != b"0"
        }
        KeyType::SpiffeId => bytes.starts_with(b"spiffe://"),
        _ => true,
    }
}

/// Whether a text holds another. The standard searcher would cost a guest two kilobytes; this looks
/// for the first byte and compares from there.
fn bytes_contain(text: &[u8], wanted: &[u8]) -> bool {
    let Some(first) = wanted.first() else {
        return true;
    };
    let mut rest = text;
    while let Some(at) = class::find(rest, *first) {
        let Some(tail) = rest.get(at..) else {
            return false;
        };
        if tail.starts_with(wanted) {
            return true;
        }
        rest = tail.get(1..).unwrap_or(&[]);
    }
    false
}

/// Appends the folded value to `out`.
pub fn fold_into(fold: Fold, value: &str, out: &mut alloc::string::String) {
    let start = out.len();
    out.push_str(value);
    if let Some(copy) = out.get_mut(start..) {
        fold_text(fold, copy);
    }
}

/// Folds a text where it stands: folding changes no length.
pub(crate) fn fold_text(fold: Fold, text: &mut str) {
    let end = match fold {
        Fold::None => 0,
        Fold::Lower => text.len(),
        Fold::TrustDomain => text.strip_prefix("spiffe://").map_or(0, |rest| {
            "spiffe://".len() + rest.find('/').unwrap_or(rest.len())
        }),
    };
    if let Some(part) = text.get_mut(..end) {
        part.make_ascii_lowercase();
    }
}

/// Whether folding would change the value.
#[must_use]
pub fn needs_folding(fold: Fold, value: &str) -> bool {
    !matches!(fold, Fold::None) && class::has_upper(value.as_bytes())
}

/// The issuer of an OIDC token as a domain: without scheme, without the ARN that AWS writes in
/// front of it, without a closing slash.
#[must_use]
pub fn issuer_domain(issuer: &str) -> &str {
    let (from, to) = issuer_range(issuer);
    issuer.get(from..to).unwrap_or(issuer)
}

/// Where the domain stands in the text of an issuer.
pub(crate) fn issuer_range(issuer: &str) -> (usize, usize) {
    let mark = b":oidc-provider/";
    let at = issuer
        .as_bytes()
        .windows(mark.len())
        .position(|window| window == mark);
    let from = at.map_or(0, |at| at + mark.len());
    let rest = issuer.get(from..).unwrap_or("");
    let from = if rest.starts_with("https://") {
        from + "https://".len()
    } else {
        from
    };
    let to = issuer.len() - usize::from(issuer.len() > from && issuer.ends_with('/'));
    (from, to)
}

impl<'a> Key<'a> {
    /// A key of parts that are folded and checked already.
    #[must_use]
    pub const fn new(key_type: KeyType, domain: &'a str, value: &'a str) -> Self {
        Self {
            key_type,
            domain,
            value,
        }
    }

    /// Folds and checks a key; `buffer` holds what has to be rewritten.
    ///
    /// # Errors
    /// When the parts make no key.
    pub fn canonical(
        key_type: KeyType,
        domain: &str,
        value: &str,
        buffer: &'a mut alloc::string::String,
    ) -> Result<Self, KeyRefused> {
        buffer.clear();
        match key_type.domain_rule() {
            Global => {}
            Required if domain.is_empty() => return Err(KeyRefused::MissingDomain { key_type }),
            Default(meant) if domain.is_empty() => buffer.push_str(meant),
            _ if key_type == KeyType::OidcSubject => buffer.push_str(issuer_domain(domain)),
            _ => buffer.push_str(domain),
        }
        let split = buffer.len();
        let value = if key_type == KeyType::GithubApp {
            value.strip_suffix("[bot]").unwrap_or(value)
        } else {
            value
        };
        fold_into(key_type.fold(), value, buffer);
        // It is where the value was put; the check spares a guest the panic's words, 2 kB of them.
        let (domain, value) = buffer.split_at_checked(split).unwrap_or_default();
        check_value(key_type, value)?;
        Ok(Self {
            key_type,
            domain,
            value,
        })
    }

    /// Takes `TYPE[@DOMAIN]:VALUE` apart; nothing is folded yet.
    ///
    /// # Errors
    /// [`KeyRefused::Notation`] or [`KeyRefused::UnknownType`].
    pub fn split_notation(text: &str) -> Result<(KeyType, &str, &str), KeyRefused> {
        let (head, value) = text.split_once(':').ok_or(KeyRefused::Notation)?;
        let (name, domain) = head.split_once('@').unwrap_or((head, ""));
        let key_type = KeyType::parse(name).ok_or(KeyRefused::UnknownType)?;
        Ok((key_type, domain, value))
    }

    /// The key as the index looks for it.
    pub(crate) const fn query(&self) -> Query<'_> {
        Query {
            key_type: self.key_type.code(),
            domain: self.domain.as_bytes(),
            value: self.value.as_bytes(),
        }
    }

    /// The seeded hash that the index is built on.
    #[must_use]
    pub fn hash(&self, seed: u64) -> u64 {
        self.query().hash(seed)
    }
}

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key_type.as_str())?;
        if !self.domain.is_empty() {
            write!(f, "@{}", self.domain)?;
        }
        write!(f, ":{}", self.value)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::{String, ToString};

    use super::*;

    fn canonical(key_type: KeyType, domain: &str, value: &str) -> Result<String, KeyRefused> {
        Key::canonical(key_type, domain, value, &mut String::new()).map(|key| key.to_string())
    }

    #[test]
    fn folds_as_the_table_says() {
        for (key_type, domain, value, expected) in [
            (
                KeyType::AwsService,
                "",
                "EC2.amazonaws.com",
                "aws_service:ec2.amazonaws.com",
            ),
            (
                KeyType::AwsArn,
                "",
                "arn:aws:iam::123456789012:role/Ci/X",
                "aws_arn:arn:aws:iam::123456789012:role/Ci/X",
            ),
            (
                KeyType::Email,
                "",
                "A.Ortiz@Example.COM",
                "email:a.ortiz@example.com",
            ),
            (
                KeyType::EntraAppId,
                "",
                "0A0A0A0A-1111-2222-3333-444444444444",
                "entra_app_id:0a0a0a0a-1111-2222-3333-444444444444",
            ),
            (
                KeyType::GithubApp,
                "",
                "Renovate[bot]",
                "github_app@github.com:renovate",
            ),
            (
                KeyType::K8sUser,
                "prod-eu",
                "system:serviceaccount:pay:Api",
                "k8s_user@prod-eu:system:serviceaccount:pay:Api",
            ),
            (
                KeyType::SpiffeId,
                "",
                "spiffe://Prod.Example/ns/A",
                "spiffe_id:spiffe://prod.example/ns/A",
            ),
            (
                KeyType::OidcSubject,
                "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com",
                "repo:o/r:ref:refs/heads/main",
                "oidc_subject@token.actions.githubusercontent.com:repo:o/r:ref:refs/heads/main",
            ),
        ] {
            assert_eq!(canonical(key_type, domain, value).unwrap(), expected);
        }
    }

    #[test]
    fn refuses_what_is_no_key() {
        for (key_type, domain, value) in [
            (
                KeyType::AwsArn,
                "",
                "arn:aws:sts::123456789012:assumed-role/x/y",
            ),
            (KeyType::AwsArn, "", "arn:aws:iam::************:role/x"),
            (KeyType::AwsArn, "", "role/x"),
            (KeyType::AwsPrincipalId, "", "AROA****************"),
            (KeyType::AwsPrincipalId, "", "123456789012"),
            (KeyType::AwsPrincipalId, "", "AIDAXXXXXXXXXXXXXXXXX:User"),
            (KeyType::AwsAccessKeyId, "", "ASIAXXXXXXXXXXXXXXXX"),
            (KeyType::AwsAccessKeyId, "", "0123456789ABCDEFGHIJ"),
            (KeyType::AwsAccessKeyId, "", "EXAMPLE"),
            (KeyType::AwsAccount, "", "12345678901"),
            (KeyType::AwsService, "", "AWS Internal"),
            (
                KeyType::EntraObjectId,
                "",
                "00000000-0000-0000-0000-000000000000",
            ),
            (KeyType::EntraObjectId, "", "not-a-guid"),
            (KeyType::EntraUpn, "", "nobody"),
            (KeyType::GithubTokenId, "", "0"),
            (KeyType::K8sUser, "", "kubernetes-admin"),
            (KeyType::K8sUid, "prod", ""),
            (KeyType::K8sUser, "prod", "..."),
        ] {
            assert!(
                canonical(key_type, domain, value).is_err(),
                "{key_type} {value}"
            );
        }
        let long = "x".repeat(MAX_KEY_VALUE + 1);
        assert_eq!(
            canonical(KeyType::K8sUser, "c", &long),
            Err(KeyRefused::TooLong {
                len: MAX_KEY_VALUE + 1
            })
        );
    }

    #[test]
    fn notation_keeps_colons_in_the_value() {
        assert_eq!(
            Key::split_notation("k8s_user@prod-eu:system:serviceaccount:a:b"),
            Ok((KeyType::K8sUser, "prod-eu", "system:serviceaccount:a:b"))
        );
        assert_eq!(Key::split_notation("aws_arn"), Err(KeyRefused::Notation));
        assert_eq!(
            Key::split_notation("aws_arm:x"),
            Err(KeyRefused::UnknownType)
        );
    }

    #[test]
    fn every_type_has_its_own_code_and_text() {
        for key_type in KeyType::ALL {
            assert_eq!(KeyType::from_code(key_type.code()), Some(*key_type));
            assert_eq!(KeyType::parse(key_type.as_str()), Some(*key_type));
        }
    }
}
