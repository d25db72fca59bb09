//! Part of target `enrich`: renderings that share places of the event with others leave it whole.

use std::cell::RefCell;

use enrich_core::{Config, Enricher};

use crate::document::Doc;
use crate::golden;

/// Configurations: each rendering, with all that it may write into shared places.
const CONFIGS: [&str; 3] = [
    r#"{"rendering":"ocsf","ocsf":{"typed_homes":true,"version":"1.9"},"default_domains":{"k8s_audit":"prod-eu"}}"#,
    r#"{"rendering":"ecs","default_domains":{"k8s_audit":"prod-eu"}}"#,
    r#"{"rendering":"splunk","detail":"full","default_domains":{"k8s_audit":"prod-eu"}}"#,
];

/// An event that is recognised, without its closing brace.
const HEAD: &str = r#"{"eventVersion":"1.11","eventSource":"s3.amazonaws.com","eventName":"GetObject","eventTime":"2026-03-20T07:30:00Z","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/x"}"#;

thread_local! {
    // To read a configuration and lay the paths takes longer than to enrich.
    static ENRICHERS: RefCell<Vec<Enricher<'static>>> = RefCell::new(CONFIGS.map(enricher).into());
}

fn enricher(config: &str) -> Enricher<'static> {
    let (mut enricher, _) = golden::enricher();
    enricher.configure(Config::from_json(config.as_bytes()).expect("a configuration"));
    enricher
}

/// Checks each line in every rendering, and once more as part of an event that is recognised.
pub(crate) fn check(data: &[u8]) {
    ENRICHERS.with_borrow_mut(|enrichers| {
        for enricher in enrichers {
            for line in data.split_inclusive(|byte| *byte == b'\n') {
                let Ok(text) = std::str::from_utf8(line) else {
                    continue;
                };
                one(text, enricher);
                let text = text.trim();
                if let Some(members) = text.strip_prefix('{')
                    && !members.trim_start().starts_with('}')
                {
                    one(&format!("{HEAD},{members}"), enricher);
                    // What stands first, and context of an earlier pass behind it.
                    let first = members.strip_suffix('}').unwrap_or(members);
                    one(&format!("{{{first},{}}}", &HEAD[1..]), enricher);
                }
            }
        }
    });
}

fn one(before: &str, enricher: &mut Enricher<'_>) {
    let out = enricher.enrich(before.as_bytes()).to_vec();
    let Some(event) = Doc::read(before) else {
        return;
    };
    let shown = String::from_utf8_lossy(&out);
    let left = Doc::read(&shown).unwrap_or_else(|| panic!("was JSON, is none: {shown}"));
    if let (Doc::Object(event), Doc::Object(left)) = (&event, &left) {
        // Members of others are there, in their order; ours and the shared ones may have changed.
        let others = |(name, _): &&(String, Doc)| {
            let shared = ["enrichments", "related", "related.user", "whose", "Nhi"];
            let prefixes = ["nhi_", "user_", "src_user_", "assignee", "ai_agent"];
            !shared.contains(&name.as_str())
                && !prefixes.iter().any(|prefix| name.starts_with(prefix))
        };
        let (event, kept): (Vec<_>, Vec<_>) = (
            event.iter().filter(others).collect(),
            left.iter().filter(others).collect(),
        );
        if !event.iter().any(|(_, value)| may_be_envelope(value)) {
            assert_eq!(event, kept, "others' members changed: {shown}");
        }
        for name in ["Nhi", "nhi_fields", "nhi_outcome"] {
            let count = left.iter().filter(|(known, _)| known == name).count();
            assert!(count <= 1, "{name} stands {count} times: {shown}");
        }
    }
    let again = enricher.enrich(&out).to_vec();
    assert_eq!(
        String::from_utf8_lossy(&again),
        shown,
        "enriched a second time"
    );
}

/// Whether events may stand in a value.
fn may_be_envelope(value: &Doc) -> bool {
    matches!(value, Doc::Array(_) | Doc::Object(_))
}
