//! Tokens of service accounts: those that lie in Secrets, and under which name an issuer's tokens are known.

use std::collections::BTreeMap;

use super::*;

impl Cluster {
    /// Tokens in Secrets don't expire.
    pub(super) fn hold_tokens(&mut self, cluster: &str) {
        for secret in std::mem::take(&mut self.tokens) {
            let (namespace, secret_name) = (secret.namespace(), secret.name());
            let tags = secret.tags();
            let Some(name) = tags.get("kubernetes.io/service-account.name").cloned() else {
                continue;
            };
            let created = secret
                .creation_timestamp
                .as_deref()
                .and_then(parse_time)
                .map_or(Time::Unknown, Time::At);
            if let Some(account) = self.account(&namespace, &name) {
                account.tokens.push(Credential {
                    uid: format!("secret/{namespace}/{secret_name}"),
                    credential_type: "token".to_owned(),
                    created,
                    last_rotated: created,
                    expires: Time::Never,
                    last_used: Time::NotTracked,
                    status: CredentialStatus::Active,
                    secret_source: Some(format!("k8s:{cluster}/{namespace}/secret/{secret_name}")),
                    max_age_days: None,
                });
            }
        }
    }
}

/// Where the issuer of a cluster's tokens is known, its service accounts are the subjects of those
/// tokens: clouds and their logs know them under that name.
pub(in crate::connect) fn add_token_subjects(harvest: &mut Harvest) {
    if harvest.token_issuers.is_empty() {
        return;
    }
    let mut refused = BTreeMap::new();
    let issuers = std::mem::take(&mut harvest.token_issuers);
    let add = |record: &mut Record| {
        let facts = &record.facts;
        if facts.sub_type.as_deref() != Some(SERVICE_ACCOUNT) {
            return false;
        }
        let Some(cluster) = facts.domain.clone() else {
            return false;
        };
        let Some(issuer) = issuers.get(&cluster) else {
            return false;
        };
        let user = record
            .aliases
            .iter()
            .find(|alias| alias.key_type == KeyType::K8sUser);
        if let Some((user, from)) = user.map(|user| (user.value.clone(), user.valid_from_ms))
            && let Err(refusal) = record.add_key(KeyType::OidcSubject, issuer, &user, from)
        {
            refused.insert(cluster, refusal.to_string());
        }
        true
    };
    harvest.revise(|kept| kept.provider == Some(Provider::K8s), add);
    harvest.token_issuers = issuers;
    let refused = refused.into_iter();
    let warnings = refused.map(|(cluster, refusal)| format!("tokens of {cluster}: {refusal}"));
    harvest.warnings.extend(warnings);
}
