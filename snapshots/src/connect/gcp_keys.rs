//! Keys of Google Cloud's service accounts, and when accounts and keys were last used.

use enrich_core::vocabulary::CredentialStatus;
use serde_json::Value;

use super::gcp_names::{account_in, segment, text, time};
use crate::model::{Credential, Time};

/// From here on a time means "never": Google writes the last second of the year 9999.
const NEVER_MS: i64 = 253_370_764_800_000;

/// Members of a key that this version knows. The key itself (`privateKeyData`) is known and never
/// read.
pub(super) const KNOWN: &[&str] = &[
    "contact",
    "description",
    "disableReason",
    "disabled",
    "extendedStatus",
    "keyAlgorithm",
    "keyOrigin",
    "keyType",
    "name",
    "privateKeyData",
    "privateKeyType",
    "publicKeyData",
    "validAfterTime",
    "validBeforeTime",
];

/// A key, and whose it is.
#[derive(Debug)]
pub(super) struct Key {
    /// Address or unique id.
    pub(super) account: String,
    /// The key as a credential.
    pub(super) credential: Credential,
    /// What Google found out about it, as evidence.
    pub(super) exposed: Option<String>,
}

/// What a list of keys holds beside those that somebody can hold.
#[derive(Debug)]
pub(super) enum Entry {
    /// Somebody can hold it.
    Held(Box<Key>),
    /// Google holds and rotates it.
    SystemManaged,
    /// A search that leaves the type out.
    Untyped,
    /// Not the name of a key.
    Nameless,
}

/// Reads an entry of `gcloud iam service-accounts keys list`, or of what an asset export holds of one.
pub(super) fn parse(value: &Value, name: &str, observed_ms: i64) -> Entry {
    let (Some(account), Some(key_id)) = (account_in(name), segment(name, "keys")) else {
        return Entry::Nameless;
    };
    match text(value, "keyType") {
        Some("SYSTEM_MANAGED") => return Entry::SystemManaged,
        None => return Entry::Untyped,
        Some(_) => {}
    }
    let created = time(value, "validAfterTime").map_or(Time::Unknown, Time::At);
    let expires = match time(value, "validBeforeTime") {
        Some(end) if end >= NEVER_MS => Time::Never,
        Some(end) => Time::At(end),
        None => Time::Unknown,
    };
    let is_disabled = value.get("disabled") == Some(&Value::Bool(true));
    let status = match expires {
        _ if is_disabled => CredentialStatus::Inactive,
        Time::At(end) if end <= observed_ms => CredentialStatus::Expired,
        _ => CredentialStatus::Active,
    };
    Entry::Held(Box::new(Key {
        account: account.to_ascii_lowercase(),
        exposed: exposed(value).map(|what| format!("Google {what} the key {key_id}")),
        credential: Credential {
            uid: key_id.to_owned(),
            credential_type: "key".to_owned(),
            created,
            // A key is never changed, only replaced.
            last_rotated: created,
            expires,
            last_used: Time::Unknown,
            status,
            secret_source: None,
            max_age_days: None,
        },
    }))
}

/// What Google found out about a key: as the reason why it is disabled, or for as long as the key
/// exists, should somebody enable it again.
fn exposed(value: &Value) -> Option<&'static str> {
    let statuses = value.get("extendedStatus").and_then(Value::as_array);
    let lasting = statuses
        .into_iter()
        .flatten()
        .filter_map(|status| text(status, "key"));
    let words: Vec<&str> = lasting.chain(text(value, "disableReason")).collect();
    let has = |end: &str| words.iter().any(|word| word.ends_with(end));
    if has("_COMPROMISE_DETECTED") {
        Some("saw an attacker use")
    } else if has("_EXPOSED") {
        Some("found in public")
    } else {
        None
    }
}

/// When an account or a key was last used.
#[derive(Debug)]
pub(super) struct Activity {
    /// Address or unique id.
    pub(super) account: String,
    /// The unique id, where the answer names it.
    pub(super) unique_id: Option<String>,
    /// The key, for an activity of one.
    pub(super) key_id: Option<String>,
    /// When.
    pub(super) at: Time,
    /// Number of the project.
    pub(super) project_number: Option<String>,
}

/// Reads an answer of `gcloud policy-intelligence query-activity`. Where it names no day, the account
/// or key was not used in the time looked at.
pub(super) fn activity(value: &Value) -> Option<Activity> {
    let inner = value.get("activity");
    let part = |name: &str| inner.and_then(|inner| inner.get(name));
    let of = part("serviceAccount").or_else(|| part("serviceAccountKey"));
    let name = text(value, "fullResourceName")
        .or_else(|| of.and_then(|of| text(of, "fullResourceName")))?;
    let since = value
        .get("observationPeriod")
        .and_then(|period| time(period, "startTime"));
    let at = inner
        .and_then(|inner| time(inner, "lastAuthenticatedTime"))
        .map(Time::At);
    Some(Activity {
        account: account_in(name)?.to_ascii_lowercase(),
        unique_id: of
            .and_then(|of| text(of, "serviceAccountId"))
            .map(str::to_owned),
        key_id: segment(name, "keys").map(str::to_owned),
        at: at
            .or_else(|| since.map(Time::NeverSince))
            .unwrap_or(Time::Unknown),
        project_number: of
            .and_then(|of| text(of, "projectNumber"))
            .map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NAME: &str = "projects/p/serviceAccounts/a@p.iam.gserviceaccount.com/keys/0123456789abcdef0123456789abcdef01234567";

    fn held(value: Value, observed_ms: i64) -> Option<Key> {
        match parse(&value, NAME, observed_ms) {
            Entry::Held(key) => Some(*key),
            _ => None,
        }
    }

    #[test]
    fn only_keys_that_somebody_holds_are_credentials() {
        let key = held(
            json!({"keyType": "USER_MANAGED", "validAfterTime": "2025-01-02T00:00:00Z", "validBeforeTime": "9999-12-31T23:59:59Z",
                "privateKeyData": "c2VjcmV0"}),
            0,
        )
        .unwrap();
        assert_eq!(key.account, "a@p.iam.gserviceaccount.com");
        assert_eq!(
            key.credential.uid,
            "0123456789abcdef0123456789abcdef01234567"
        );
        assert_eq!(key.credential.created, Time::At(1_735_776_000_000));
        assert_eq!(key.credential.expires, Time::Never);
        assert_eq!(key.credential.status, CredentialStatus::Active);
        assert!(!format!("{key:?}").contains("c2VjcmV0"));
        let expired = json!({"keyType": "USER_MANAGED", "validBeforeTime": "2025-01-02T00:00:00Z"});
        let status = |value, at| held(value, at).map(|key| key.credential.status);
        assert_eq!(
            status(expired.clone(), 1_735_776_000_000),
            Some(CredentialStatus::Expired)
        );
        assert_eq!(status(expired, 0), Some(CredentialStatus::Active));
        assert_eq!(
            status(json!({"keyType": "USER_MANAGED", "disabled": true}), 0),
            Some(CredentialStatus::Inactive)
        );
        let found = |value: Value| held(value, 0).and_then(|key| key.exposed);
        assert_eq!(found(json!({"keyType": "USER_MANAGED"})), None);
        for exposed in [
            json!({"keyType": "USER_MANAGED", "disableReason": "SERVICE_ACCOUNT_KEY_DISABLE_REASON_EXPOSED", "disabled": true}),
            json!({"keyType": "USER_MANAGED", "extendedStatus": [{"key": "SERVICE_ACCOUNT_KEY_EXTENDED_STATUS_KEY_EXPOSED", "value": "https://github.com/larkmoor/shop"}]}),
        ] {
            let evidence = found(exposed).unwrap();
            assert!(
                evidence.starts_with("Google found in public the key 0123"),
                "{evidence}"
            );
        }
        let entry = |value: Value| parse(&value, NAME, 0);
        assert!(matches!(
            entry(json!({"keyType": "SYSTEM_MANAGED"})),
            Entry::SystemManaged
        ));
        assert!(matches!(entry(json!({})), Entry::Untyped));
        assert!(matches!(
            parse(&json!({}), "projects/p", 0),
            Entry::Nameless
        ));
    }

    #[test]
    fn an_activity_without_a_day_means_not_in_the_time_looked_at() {
        let mut value = json!({"fullResourceName": "//iam.googleapis.com/projects/p/serviceAccounts/a@p.iam.gserviceaccount.com",
            "activityType": "serviceAccountLastAuthentication", "observationPeriod": {"startTime": "2025-01-02T08:00:00Z", "endTime": "2026-03-19T07:00:00Z"},
            "activity": {"lastAuthenticatedTime": "2026-03-19T07:00:00Z", "serviceAccount": {"serviceAccountId": "123", "projectNumber": "456",
                "fullResourceName": "//iam.googleapis.com/projects/p/serviceAccounts/a@p.iam.gserviceaccount.com"}}});
        let used = activity(&value).unwrap();
        assert_eq!(used.at, Time::At(1_773_903_600_000));
        assert_eq!(
            (used.unique_id.as_deref(), used.project_number.as_deref()),
            (Some("123"), Some("456"))
        );
        value["activity"] = json!({"serviceAccount": {"serviceAccountId": "123"}});
        assert_eq!(
            activity(&value).unwrap().at,
            Time::NeverSince(1_735_804_800_000)
        );
        value["observationPeriod"] = Value::Null;
        assert_eq!(activity(&value).unwrap().at, Time::Unknown);
    }
}
