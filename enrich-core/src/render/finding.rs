//! What is said about a finding.

use super::fields::Field;
use super::out::Out;
use crate::assess::findings::{EventFinding, Evidence};

/// Writes a finding as members of an object; `time_ms` judges its exception.
pub(super) fn write(finding: &EventFinding<'_>, time_ms: i64, out: &mut Out<'_, '_>) {
    out.string(Field::FindingName, finding.name);
    out.some(Field::FindingOwasp, finding.owasp);
    out.string(Field::FindingSeverity, finding.severity.as_str());
    let is_hidden = matches!(finding.evidence, Evidence::Text(text)
        if out.style.people != super::style::People::Named && text.contains("user:"));
    if !is_hidden {
        out.quoted(Field::FindingEvidence, |json| match finding.evidence {
            Evidence::Text(text) => json.escaped(text),
            Evidence::Rotated { days, limit } => {
                json.raw("rotated ");
                json.integer(days);
                json.raw(" days before the event, limit ");
                json.digits(u64::from(limit));
            }
            Evidence::EndedAt(ms) => {
                json.raw("expired at ");
                json.plain_time(ms);
            }
            Evidence::State(text) => json.raw(text),
            Evidence::RetiredAt(ms) => {
                json.raw("retired at ");
                json.plain_time(ms);
            }
            Evidence::Interactive => {
                json.raw("console login or console session by a non-human identity");
            }
        });
    }
    if let Some((until, reason)) = finding.exception {
        out.object(Field::FindingException, |out| {
            out.time(Field::ExceptionUntil, until);
            out.some(Field::ExceptionReason, Some(reason));
            out.bool(Field::ExceptionInForce, finding.is_accepted(time_ms));
        });
    }
}
