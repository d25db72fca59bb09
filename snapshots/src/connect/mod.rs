//! Connect: one file a vendor's export. A connector reads what the vendor writes and yields what
//! it says about each identity; it decides nothing that the policy should decide.

mod aws;
mod aws_access_keys;
mod aws_authorization_details;
mod aws_credential_report;
mod aws_eks;
mod aws_escalation;
mod aws_iam_users;
mod aws_organizations;
mod aws_policy;
mod aws_privilege;
mod aws_secrets;
mod aws_tags;
mod aws_trust;
mod backstage;
mod codeowners;
mod entra;
mod fields;
mod gcp;
mod gcp_asset_inventory;
mod gcp_iam_policy;
mod gcp_keys;
mod gcp_names;
mod gcp_pages;
mod gcp_principals;
mod gcp_projects;
mod gcp_roles;
mod gcp_service_accounts;
mod gcp_workload_identity;
pub(crate) mod github;
mod input;
mod kubernetes;
mod kubernetes_rules;
mod pagerduty;
mod sorted;
mod stream;
mod yaml;

use std::io;
use std::path::Path;

pub use input::Input;

use crate::record::{Harvest, Source};

/// The connectors that exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Connector {
    /// `aws iam get-account-authorization-details`.
    AwsAuthorizationDetails,
    /// `aws iam get-credential-report`, as CSV or in its JSON envelope.
    AwsCredentialReport,
    /// `aws iam list-users`, `list-roles`, `get-user`, `get-role`, or any JSON that holds their entries.
    AwsIamUsers,
    /// `aws iam list-access-keys`.
    AwsAccessKeys,
    /// `aws organizations list-accounts`.
    AwsOrganizations,
    /// `aws secretsmanager list-secrets`.
    AwsSecrets,
    /// `aws eks describe-pod-identity-association` and `describe-cluster`.
    AwsEks,
    /// `aws resourcegroupstaggingapi get-resources`.
    AwsTags,
    /// What `gcloud` and Google Cloud's REST API print about accounts, keys, policies, roles, projects and federation.
    Gcp,
    /// `kubectl get serviceaccounts,roles,… -A -o json|yaml`.
    Kubernetes,
    /// `catalog-info.yaml` of a Backstage catalogue.
    Backstage,
    /// Answers of the GitHub REST API.
    Github,
    /// Microsoft Graph: service principals, applications, owners, grants, roles, sign-in reports.
    EntraGraph,
    /// Azure Resource Manager: role assignments and definitions, managed identities, who runs as them.
    Azure,
    /// A CODEOWNERS file.
    Codeowners,
    /// PagerDuty services and escalation policies.
    Pagerduty,
}

impl Connector {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::AwsAuthorizationDetails,
        Self::AwsCredentialReport,
        Self::AwsIamUsers,
        Self::AwsAccessKeys,
        Self::AwsOrganizations,
        Self::AwsSecrets,
        Self::AwsEks,
        Self::AwsTags,
        Self::Gcp,
        Self::Kubernetes,
        Self::Backstage,
        Self::Github,
        Self::EntraGraph,
        Self::Azure,
        Self::Codeowners,
        Self::Pagerduty,
    ];

    /// Its name in `inventory.toml`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AwsAuthorizationDetails => "aws_authorization_details",
            Self::AwsCredentialReport => "aws_credential_report",
            Self::AwsIamUsers => "aws_iam_users",
            Self::AwsAccessKeys => "aws_access_keys",
            Self::AwsOrganizations => "aws_organizations",
            Self::AwsSecrets => "aws_secrets",
            Self::AwsEks => "aws_eks",
            Self::AwsTags => "aws_tags",
            Self::Gcp => "gcp",
            Self::Kubernetes => "kubernetes",
            Self::Backstage => "backstage",
            Self::Github => "github",
            Self::EntraGraph => "entra_graph",
            Self::Azure => "azure",
            Self::Codeowners => "codeowners",
            Self::Pagerduty => "pagerduty",
        }
    }

    /// Whether its exports list identities. The others only make claims about them.
    #[must_use]
    pub const fn is_inventory(self) -> bool {
        !matches!(
            self,
            Self::AwsAccessKeys
                | Self::AwsOrganizations
                | Self::AwsSecrets
                | Self::AwsEks
                | Self::AwsTags
                | Self::Backstage
                | Self::Codeowners
                | Self::Pagerduty
        )
    }

    /// The connector with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|connector| connector.as_str() == name)
    }
}

/// An export that can't be read. The export is at fault, or the connector that was chosen for it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// Not there, not readable, damaged, or packed in a way that is not read.
    #[error("export {path} can't be read for {connector}: {reason}")]
    Read {
        /// The file.
        path: String,
        /// The connector.
        connector: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Not JSON.
    #[error(
        "export {path} is not the JSON that {connector} reads, line {line}, column {column}: {reason}"
    )]
    Json {
        /// The file.
        path: String,
        /// The connector.
        connector: &'static str,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong.
        reason: String,
    },
    /// Not YAML.
    #[error("export {path} is not the YAML that {connector} reads{position}: {reason}")]
    Yaml {
        /// The file.
        path: String,
        /// The connector.
        connector: &'static str,
        /// ` at line L, column C`, where known.
        position: String,
        /// What is wrong.
        reason: String,
    },
    /// Not CSV, or without the columns that are needed.
    #[error("export {path} is not the CSV that {connector} reads, line {line}: {reason}")]
    Csv {
        /// The file.
        path: String,
        /// The connector.
        connector: &'static str,
        /// Line, from 1.
        line: u64,
        /// What is wrong.
        reason: String,
    },
    /// Well formed, but not what this connector reads.
    #[error("export {path} holds nothing that {connector} reads: it has no {expected}; {hint}")]
    Nothing {
        /// The file.
        path: String,
        /// The connector.
        connector: &'static str,
        /// What should be there.
        expected: &'static str,
        /// What to do.
        hint: String,
    },
    /// The domain is needed and not configured.
    #[error(
        "source {source_name:?} needs `domain = \"…\"` in the inventory configuration: {connector} exports do not say which {what} they describe"
    )]
    Domain {
        /// Name of the source.
        source_name: String,
        /// The connector.
        connector: &'static str,
        /// Account or cluster.
        what: &'static str,
    },
    /// The configured domain can't be one.
    #[error(
        "source {source_name:?} says `domain = {domain:?}` in the inventory configuration, which is no {what}, as {connector} needs it"
    )]
    DomainShape {
        /// Name of the source.
        source_name: String,
        /// The connector.
        connector: &'static str,
        /// What it should be.
        what: &'static str,
        /// What it is.
        domain: String,
    },
    /// The files of one source describe several domains, or another one than configured.
    #[error(
        "source {source_name:?} describes {what} {found}, and {expected} was expected; give each {what} a source of its own"
    )]
    MixedDomains {
        /// Name of the source.
        source_name: String,
        /// Account, tenant or cluster.
        what: &'static str,
        /// As configured, or as the first file says.
        expected: String,
        /// What else was found.
        found: String,
    },
}

impl ConnectError {
    fn read(input: &Input, connector: Connector, error: &io::Error) -> Self {
        Self::Read {
            path: input.path().display().to_string(),
            connector: connector.as_str(),
            reason: error.to_string(),
        }
    }

    fn json(input: &Input, connector: Connector, error: &serde_json::Error) -> Self {
        let reason = error.to_string();
        // serde_json ends its text with the position that is given apart.
        let reason = reason
            .rsplit_once(" at line ")
            .map_or(reason.as_str(), |(text, _)| text);
        match error.classify() {
            serde_json::error::Category::Io => Self::Read {
                path: input.path().display().to_string(),
                connector: connector.as_str(),
                reason: reason.to_owned(),
            },
            category => Self::Json {
                path: input.path().display().to_string(),
                connector: connector.as_str(),
                line: error.line(),
                column: error.column(),
                reason: if category == serde_json::error::Category::Eof {
                    format!("{reason}; the file is truncated, make the export again")
                } else {
                    reason.to_owned()
                },
            },
        }
    }

    /// `line` is that of the file, where the parser saw a part of it.
    fn yaml(
        input: &Input,
        connector: Connector,
        error: &serde_norway::Error,
        line: Option<u64>,
    ) -> Self {
        let reason = error.to_string();
        let reason = reason
            .rsplit_once(" at line ")
            .map_or(reason.as_str(), |(text, _)| text);
        Self::Yaml {
            path: input.path().display().to_string(),
            connector: connector.as_str(),
            position: error
                .location()
                .zip(line)
                .map_or_else(String::new, |(at, line)| {
                    format!(" at line {line}, column {}", at.column())
                }),
            reason: reason.to_owned(),
        }
    }

    fn nothing(input: &Input, connector: Connector, expected: &'static str) -> Self {
        let other = input
            .head()
            .ok()
            .and_then(|head| detect(input.path(), &head));
        let hint = match other {
            Some(other) if other != connector => format!(
                "it looks like an export for the connector {other}",
                other = other.as_str()
            ),
            _ => "name the export that the connector is for, or leave the file out".to_owned(),
        };
        Self::Nothing {
            path: input.path().display().to_string(),
            connector: connector.as_str(),
            expected,
            hint,
        }
    }
}

/// Reads the files of one source.
///
/// # Errors
/// The first file that can't be read as this connector's export.
pub fn connect(
    connector: Connector,
    source: &Source,
    inputs: &[Input],
    harvest: &mut Harvest,
) -> Result<(), ConnectError> {
    let before = harvest.len();
    read(connector, source, inputs, harvest)?;
    harvest.coverage.read.insert(source.name.clone());
    // Answers about one user or role list nothing; that connector says itself what is a list.
    if connector != Connector::AwsIamUsers {
        harvest.list(source, before);
    }
    Ok(())
}

fn read(
    connector: Connector,
    source: &Source,
    inputs: &[Input],
    harvest: &mut Harvest,
) -> Result<(), ConnectError> {
    match connector {
        Connector::AwsAuthorizationDetails => {
            aws_authorization_details::connect(source, inputs, harvest)
        }
        Connector::AwsCredentialReport => aws_credential_report::connect(source, inputs, harvest),
        Connector::AwsIamUsers => aws_iam_users::connect(source, inputs, harvest),
        Connector::AwsAccessKeys => aws_access_keys::connect(source, inputs, harvest),
        Connector::AwsOrganizations => aws_organizations::connect(source, inputs, harvest),
        Connector::AwsSecrets => aws_secrets::connect(source, inputs, harvest),
        Connector::AwsEks => aws_eks::connect(source, inputs, harvest),
        Connector::AwsTags => aws_tags::connect(source, inputs, harvest),
        Connector::Gcp => gcp::connect(source, inputs, harvest),
        Connector::Kubernetes => kubernetes::connect(source, inputs, harvest),
        Connector::Backstage => backstage::connect(source, inputs, harvest),
        Connector::Github => github::connect(source, inputs, harvest),
        Connector::EntraGraph => entra::connect(source, inputs, harvest),
        Connector::Azure => entra::azure::connect(source, inputs, harvest),
        Connector::Codeowners => codeowners::connect(source, inputs, harvest),
        Connector::Pagerduty => pagerduty::connect(source, inputs, harvest),
    }
}

/// What needs the words of several sources: called once when all of them have been read.
pub fn finish(harvest: &mut Harvest) {
    kubernetes::tokens::add_token_subjects(harvest);
    crate::joins::settle(harvest);
}

/// Which connector a file looks like, from words that only its export has, in its first bytes
/// ([`Input::head`]). `None` when in doubt.
#[must_use]
pub fn detect(path: &Path, head: &[u8]) -> Option<Connector> {
    let head = String::from_utf8_lossy(head);
    let head = head.trim_start_matches('\u{feff}').trim_start();
    let has = |word: &str| head.contains(word);
    if head.starts_with("user,arn,user_creation_time") {
        return Some(Connector::AwsCredentialReport);
    }
    if codeowners::recognise(path) {
        return Some(Connector::Codeowners);
    }
    if github::recognise(head) {
        return Some(Connector::Github);
    }
    if has("backstage.io/v1") {
        return Some(Connector::Backstage);
    }
    if pagerduty::recognise(head) {
        return Some(Connector::Pagerduty);
    }
    if head.starts_with(['{', '[']) {
        let is_empty_list = |name: &str| {
            let mut rest = head.chars().filter(|c| !c.is_whitespace());
            let mut start = format!("{{\"{name}\":[]").into_bytes().into_iter();
            start.all(|byte| rest.next() == Some(char::from(byte)))
        };
        return if has("\"UserDetailList\"")
            || has("\"RoleDetailList\"")
            || has("\"GroupDetailList\"")
            || (has("\"Policies\"") && has("\"PolicyVersionList\""))
            || is_empty_list("Policies")
        {
            Some(Connector::AwsAuthorizationDetails)
        } else if has("\"Content\"")
            && (has("\"ReportFormat\"") || has("user,arn,user_creation_time"))
        {
            Some(Connector::AwsCredentialReport)
        } else if gcp::is_asset(head) {
            // Before the next: an asset can hold an object of Kubernetes.
            Some(Connector::Gcp)
        } else if has("\"apiVersion\"") && has("\"kind\"") {
            Some(Connector::Kubernetes)
        } else if gcp::detect(head) {
            Some(Connector::Gcp)
        } else if has("\"SecretList\"")
            || (has(":secretsmanager:") && has(":secret:") && has("\"LastChangedDate\""))
        {
            Some(Connector::AwsSecrets)
        } else if has("\"ResourceTagMappingList\"") || (has("\"ResourceARN\"") && has("\"Tags\"")) {
            Some(Connector::AwsTags)
        } else if let Some(connector) = entra::recognise(head) {
            Some(connector)
        } else if is_empty_list("Accounts") || (has(":organizations::") && has("\"JoinedMethod\""))
        {
            Some(Connector::AwsOrganizations)
        } else if (has("\"serviceAccount\"") && has("\"associationId\""))
            || (has(":eks:") && has("\"cluster\"") && has("\"issuer\""))
        {
            Some(Connector::AwsEks)
        } else if has("\"issuer\"")
            && has("\"jwks_uri\"")
            && has("\"id_token_signing_alg_values_supported\"")
        {
            Some(Connector::Kubernetes)
        } else if is_empty_list("Users")
            || is_empty_list("Roles")
            || (has("\"Arn\"")
                && (has("\"UserId\"") || has("\"RoleId\""))
                // Who asks STS who he is may be no user.
                && (has(":iam:") || !has(":sts:")))
        {
            Some(Connector::AwsIamUsers)
        } else if [
            "\"AccessKeyMetadata\"",
            "\"AccessKeyId\"",
            "\"AccessKeyLastUsed\"",
        ]
        .iter()
        .any(|word| has(word))
        {
            Some(Connector::AwsAccessKeys)
        } else {
            None
        };
    }
    let is_yaml = path
        .extension()
        .is_some_and(|extension| extension == "yaml" || extension == "yml");
    let line_starts = |word: &str| head.lines().any(|line| line.starts_with(word));
    ((is_yaml || head.starts_with("---")) && line_starts("apiVersion:") && line_starts("kind:"))
        .then_some(Connector::Kubernetes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_recognised_by_their_words() {
        for (name, text, expected) in [
            (
                "a.json",
                r#"{"UserDetailList":[],"RoleDetailList":[]}"#,
                Some(Connector::AwsAuthorizationDetails),
            ),
            (
                "a.csv",
                "user,arn,user_creation_time,password_enabled\n",
                Some(Connector::AwsCredentialReport),
            ),
            (
                "a.json",
                r#"{"Content":"dXNlcixhcm4=","ReportFormat":"text/csv"}"#,
                Some(Connector::AwsCredentialReport),
            ),
            (
                "a.json",
                r#"{"Users":[{"Arn":"x","UserId":"y"}]}"#,
                Some(Connector::AwsIamUsers),
            ),
            (
                "a.json",
                r#"{"AccessKeyMetadata":[]}"#,
                Some(Connector::AwsAccessKeys),
            ),
            (
                "a.json",
                r#"{"UserName":"a","AccessKeyLastUsed":{}}"#,
                Some(Connector::AwsAccessKeys),
            ),
            (
                "a.json",
                r#"{"SecretList":[]}"#,
                Some(Connector::AwsSecrets),
            ),
            (
                "a.json",
                r#"{"ResourceTagMappingList":[]}"#,
                Some(Connector::AwsTags),
            ),
            (
                "a.json",
                r#"{"Accounts":[{"Arn":"arn:aws:organizations::1:account/o-1/1","JoinedMethod":"CREATED"}]}"#,
                Some(Connector::AwsOrganizations),
            ),
            (
                "a.json",
                r#"{"association":{"serviceAccount":"a","associationId":"b"}}"#,
                Some(Connector::AwsEks),
            ),
            (
                "a.json",
                r#"{"apiVersion":"v1","kind":"List","items":[]}"#,
                Some(Connector::Kubernetes),
            ),
            (
                "a.yaml",
                "apiVersion: v1\nkind: ServiceAccount\n",
                Some(Connector::Kubernetes),
            ),
            (
                "catalog-info.yaml",
                "apiVersion: backstage.io/v1alpha1\nkind: Component\n",
                Some(Connector::Backstage),
            ),
            (
                "a.json",
                r#"[{"email":"a@p.iam.gserviceaccount.com","name":"projects/p/serviceAccounts/a@p.iam.gserviceaccount.com"}]"#,
                Some(Connector::Gcp),
            ),
            (
                "a.json",
                r#"{"bindings":[{"members":["user:jane@example.com"],"role":"roles/viewer"}]}"#,
                Some(Connector::Gcp),
            ),
            (
                "a.json",
                r#"{"assetType":"run.googleapis.com/Service","resource":{"data":{"apiVersion":"serving.knative.dev/v1","kind":"Service"}}}"#,
                Some(Connector::Gcp),
            ),
            (
                "a.json",
                r#"{"protoPayload":{"resourceName":"projects/p/serviceAccounts/1"}}"#,
                None,
            ),
            ("a.json", r#"{"SAMLProviderList":[]}"#, None),
            ("a.txt", "hello", None),
            ("a.json", "", None),
        ] {
            assert_eq!(detect(Path::new(name), text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn names_lead_back() {
        for connector in Connector::ALL {
            assert_eq!(Connector::parse(connector.as_str()), Some(*connector));
        }
        assert_eq!(Connector::parse("auto"), None);
    }
}
