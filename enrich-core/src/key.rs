//! Keys: the typed strings that a log shows and that lead to an identity.

use core::fmt;

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
            pub fn parse(text: &str) -> Option<Self> { match text { $( $text => Some(Self::$variant), )+ _ => None } }
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
    /// A long-term access key id (`AKIA…`).
    AwsAccessKeyId = 3, "aws_access_key_id", Aws, Global, None, false;
    /// An AWS service principal (`ec2.amazonaws.com`).
    AwsService = 4, "aws_service", Aws, Global, Lower, false;
    /// An AWS account id.
    AwsAccount = 5, "aws_account", Aws, Global, None, false;
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
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
