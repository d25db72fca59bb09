//! What is said about a finding.

use json_out::json::Json;

use super::fields::Field;
use super::out::Out;
use super::phrase::About;
use super::style::People;
use crate::assess::findings::{EventFinding, Evidence};
use crate::vocabulary::Environment;

/// Writes a finding of an identity of a layer as members of an object; `time_ms` judges its exception.
pub(super) fn write(finding: &EventFinding<'_>, layer: u8, time_ms: i64, out: &mut Out<'_, '_>) {
    // An exception is in force or not, by the event's time.
    match finding.row.filter(|_| finding.exception.is_none()) {
        Some(row) => out.phrase(About::Finding.rows(layer, [row, 0]), |out| {
            members(finding, time_ms, out);
        }),
        None => members(finding, time_ms, out),
    }
}

#[inline(never)]
fn members(finding: &EventFinding<'_>, time_ms: i64, out: &mut Out<'_, '_>) {
    out.string(Field::FindingName, finding.name);
    out.some(Field::FindingOwasp, finding.owasp);
    out.string(Field::FindingSeverity, finding.severity.as_str());
    // A sentence that names a person is left out where people are not named.
    let names_a_person = |text: &str| text.as_bytes().windows(5).any(|part| part == b"user:");
    let is_hidden = out.style.people != People::Named
        && match finding.evidence {
            Evidence::Text(text) | Evidence::Named(_, text, _) => names_a_person(text),
            _ => false,
        };
    if !is_hidden {
        out.quoted(Field::FindingEvidence, |json| match finding.evidence {
            Evidence::Text(text) => json.escaped(text),
            Evidence::Rotated { days, limit } => {
                json.raw("rotated ");
                before_event(days, limit, json);
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
            Evidence::Named(before, name, after) => {
                json.raw(before);
                json.escaped(name);
                json.raw(after);
            }
            Evidence::Unused {
                credential,
                at,
                days,
                limit,
            } => {
                if !credential.is_empty() {
                    json.raw("credential ");
                    json.escaped(credential);
                    json.raw(" ");
                }
                json.raw("last used ");
                json.plain_time(at);
                json.raw(", ");
                before_event(days, limit, json);
            }
            Evidence::Replaced {
                old,
                new,
                at,
                days,
                grace,
            } => {
                json.escaped(old);
                json.raw(" replaced by ");
                json.escaped(new);
                json.raw(" of ");
                json.plain_time(at);
                json.raw(", ");
                before_event(days, grace, json);
            }
            Evidence::Unlisted(listed) => {
                json.raw("not among the access keys that the inventory lists: ");
                json.digits(listed);
            }
            Evidence::Outside { place, own } => {
                json.raw("in ");
                environments(place, json);
                json.raw(", the identity is of ");
                environments(own, json);
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

/// A count of days and its limit.
fn before_event(days: i64, limit: u16, json: &mut Json<'_>) {
    json.integer(days);
    json.raw(" days before the event, limit ");
    json.digits(u64::from(limit));
}

/// The words of a mask of environments.
fn environments(mask: u32, json: &mut Json<'_>) {
    let mut between = "";
    for word in Environment::ALL {
        if mask >> word.code() & 1 == 1 {
            json.raw(between);
            json.raw(word.as_str());
            between = ", ";
        }
    }
}
