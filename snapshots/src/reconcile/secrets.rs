//! Secrets in stores: when the copy of a credential was replaced, and by whom it is used.

use super::*;
use crate::record::StoredSecret;

/// Ages the credentials of which somebody says where their secret lives. The provider's own date
/// outranks that of the store: a store can hold an old copy. Where a source says that a secret of the
/// identity lies in a store, and no inventory lists the credential, the store's entry is all that is
/// known of it.
pub(super) fn age(subject: &mut Subject, stored: &BTreeMap<String, StoredSecret>) {
    let identity = &mut subject.identity;
    for (key, place) in &subject.secret_places {
        let is_here = |credential: &Credential| credential.secret_source.as_ref() == Some(place);
        if key.is_none()
            && !identity.credentials.iter().any(is_here)
            && let Some(secret) = stored.get(&place.to_lowercase())
        {
            identity.credentials.push(Credential {
                uid: place.clone(),
                credential_type: "secret".to_owned(),
                created: secret.created,
                last_rotated: secret.changed,
                expires: Time::Unknown,
                last_used: secret.last_read,
                status: enrich_core::vocabulary::CredentialStatus::Unknown,
                secret_source: Some(place.clone()),
                max_age_days: None,
            });
            subject.sources.insert(secret.source.name.clone());
            identity.provenance.push(Provenance {
                field: "credentials".to_owned(),
                source: secret.source.name.clone(),
                observed_ms: Some(secret.source.observed_ms),
            });
        }
    }
    for credential in &mut identity.credentials {
        let Some(place) = &credential.secret_source else {
            continue;
        };
        let Some(secret) = stored.get(&place.to_lowercase()) else {
            continue;
        };
        credential.max_age_days = credential.max_age_days.or(secret.rotation_days);
        if credential.last_rotated == Time::Unknown && secret.changed != Time::Unknown {
            credential.last_rotated = secret.changed;
            subject.sources.insert(secret.source.name.clone());
            identity.provenance.push(Provenance {
                field: "credentials.last_rotated".to_owned(),
                source: secret.source.name.clone(),
                observed_ms: Some(secret.source.observed_ms),
            });
        }
    }
    identity
        .credentials
        .sort_by(|a, b| (&a.credential_type, &a.uid).cmp(&(&b.credential_type, &b.uid)));
}
