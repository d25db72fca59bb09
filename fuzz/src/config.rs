//! Target `config`: a configuration is refused, or it is JSON and can be used.

use enrich_core::{Config, Enricher};
use serde_json::Value;

/// A line that reaches the readers.
const EVENT: &[u8] = br#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","verb":"get","user":{"username":"system:serviceaccount:payments:api"}}"#;

/// Checks one configuration.
pub fn check(data: &[u8]) {
    match Config::from_json(data) {
        Ok(config) => {
            let read = serde_json::from_slice::<Value>(data);
            assert!(
                read.is_ok_and(|value| value.is_object()),
                "accepted, but no JSON object: {}",
                String::from_utf8_lossy(data)
            );
            assert!((1..=128).contains(&config.max_depth) && config.max_event_bytes > 0);
            let mut enricher = Enricher::new(config);
            assert_eq!(enricher.enrich(EVENT), EVENT);
            assert!(serde_json::from_slice::<Value>(enricher.keys(EVENT)).is_ok());
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
