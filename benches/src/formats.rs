//! One event of each log format, as many lines as a benchmark wants.

use crate::random::Lcg;
use crate::repository;

/// The formats, CloudTrail first.
pub const FORMATS: [&str; 13] = [
    "aws_cloudtrail",
    "gcp_audit",
    "entra_signin",
    "entra_audit",
    "msgraph_activity",
    "azure_activity",
    "azure_keyvault",
    "o365_ual",
    "k8s_audit",
    "github_audit",
    "okta_system_log",
    "ocsf",
    "ecs",
];

/// `count` lines of a format. Each has a member of random length besides, so that no two lines lie
/// alike in memory and no branch predictor learns one of them by heart.
///
/// # Panics
/// When the file of the format is missing from `benches/events`.
#[must_use]
pub fn lines(format: &str, count: u64) -> Vec<u8> {
    let path = repository("benches/events").join(format!("{format}.json"));
    let text = std::fs::read_to_string(&path).expect("an event for each format");
    let event = text.trim_end().strip_suffix('}').expect("an object");
    let mut random = Lcg::new(3);
    let mut out = String::new();
    for _ in 0..count {
        let len = random.below(64);
        let fill = random.id(len);
        out.push_str(event);
        out.push_str(&format!(",\"batch\":\"{fill}\"}}\n"));
    }
    out.into_bytes()
}
