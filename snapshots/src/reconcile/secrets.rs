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
            && let Some(secret) = find(stored, place)
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
            subject.sources.insert(secret.source.name.as_str().into());
            identity.provenance.push(Provenance {
                field: "credentials".into(),
                source: secret.source.name.as_str().into(),
                observed_ms: Some(secret.source.observed_ms),
            });
        }
    }
    for credential in &mut identity.credentials {
        let Some(place) = &credential.secret_source else {
            continue;
        };
        let Some(secret) = find(stored, place) else {
            continue;
        };
        credential.max_age_days = credential.max_age_days.or(secret.rotation_days);
        if credential.last_rotated == Time::Unknown && secret.changed != Time::Unknown {
            credential.last_rotated = secret.changed;
            subject.sources.insert(secret.source.name.as_str().into());
            identity.provenance.push(Provenance {
                field: "credentials.last_rotated".into(),
                source: secret.source.name.as_str().into(),
                observed_ms: Some(secret.source.observed_ms),
            });
        }
        // A repository's secret is given to the jobs of that repository.
        if let Some((repository, _)) = place.split_once('#')
            && repository.starts_with("github-actions:")
            && repository.matches('/').count() == 1
            && !identity
                .workloads
                .iter()
                .any(|known| known.eq_ignore_ascii_case(repository))
        {
            identity.workloads.push(repository.to_owned());
            identity.workloads.sort();
        }
    }
    identity
        .credentials
        .sort_by(|a, b| (&a.credential_type, &a.uid).cmp(&(&b.credential_type, &b.uid)));
}

/// The secret at a place; a catalogue may write an ARN without the store in front.
fn find<'s>(stored: &'s BTreeMap<String, StoredSecret>, place: &str) -> Option<&'s StoredSecret> {
    let place = place.to_lowercase();
    let by_arn = || stored.get(&format!("aws-secretsmanager:{place}"));
    stored
        .get(&place)
        .or_else(|| place.starts_with("arn:").then(by_arn).flatten())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Source;

    #[test]
    fn a_store_ages_what_the_provider_does_not() {
        let source = Source {
            name: "github".to_owned(),
            rank: 0,
            observed_ms: 5,
            domain: None,
        };
        let secret = |changed| StoredSecret::new(&source, Time::At(1000), changed);
        let stored = BTreeMap::from([
            (
                "github-actions:larkmoor/docs#npm".to_owned(),
                secret(Time::At(9000)),
            ),
            (
                "aws-secretsmanager:arn:aws:secretsmanager:eu-west-1:1:secret:a-a1b2c3".to_owned(),
                secret(Time::At(8000)),
            ),
            (
                "github-actions:larkmoor#sign".to_owned(),
                secret(Time::At(7000)),
            ),
        ]);
        let aged = |place: &str, known: Time| {
            let mut subject = empty("x:1".to_owned());
            subject.identity.credentials.push(Credential {
                uid: "c".to_owned(),
                credential_type: "token".to_owned(),
                created: Time::Unknown,
                last_rotated: known,
                expires: Time::Unknown,
                last_used: Time::Unknown,
                status: enrich_core::vocabulary::CredentialStatus::Active,
                secret_source: Some(place.to_owned()),
                max_age_days: None,
            });
            age(&mut subject, &stored);
            (
                subject.identity.credentials[0].last_rotated,
                subject.identity.workloads,
                subject.identity.provenance.len(),
            )
        };
        let jobs = vec!["github-actions:Larkmoor/docs".to_owned()];
        assert_eq!(
            aged("github-actions:Larkmoor/docs#NPM", Time::Unknown),
            (Time::At(9000), jobs.clone(), 1)
        );
        assert_eq!(
            aged("github-actions:Larkmoor/docs#NPM", Time::At(1)),
            (Time::At(1), jobs, 0)
        );
        assert_eq!(
            aged("github-actions:larkmoor#SIGN", Time::Unknown),
            (Time::At(7000), Vec::new(), 1)
        );
        assert_eq!(
            aged(
                "arn:aws:secretsmanager:eu-west-1:1:secret:a-A1b2C3",
                Time::Unknown
            ),
            (Time::At(8000), Vec::new(), 1)
        );
        assert_eq!(
            aged("vault:kv/x#y", Time::Unknown),
            (Time::Unknown, Vec::new(), 0)
        );
    }
}
