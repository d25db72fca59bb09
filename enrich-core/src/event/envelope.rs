//! Envelopes: what carries events inside.
//!
//! Where several events lie in an array, each is an event and receives its own context in place.
//! Where the event lies in a member (EventBridge) or in a string (LookupEvents, AKS, CloudWatch
//! subscriptions, `event.original` of ECS), the context stands in the object around it.

use super::findings::{Findings, Sort};
use super::observer::Paths;
use super::text::Span;
use super::trie::Trie;
use crate::vocabulary::Format;

/// JSON pointers of what envelopes are recognised by.
pub(crate) const PATHS: Paths = Paths {
    text: concat!(
        "/Records\n",
        "/records\n",
        "/items\n",
        "/Events\n",
        "/logEvents\n",
        "/detail\n",
        "/CloudTrailEvent\n",
        "/properties/log\n",
        "/message\n",
        "/EventTime\n",
        "/time\n",
        "/detail/eventName\n",
        "/detail/userIdentity\n",
        "/kind\n",
        "/AuditData\n",
        "/event/original\n",
        "/event.original\n",
        "/@timestamp\n",
    ),
    count: 18,
};

const RECORDS: usize = 0;
const RECORDS_LOWER: usize = 1;
const ITEMS: usize = 2;
const EVENTS: usize = 3;
const LOG_EVENTS: usize = 4;
const DETAIL: usize = 5;
const CLOUD_TRAIL_EVENT: usize = 6;
const PROPERTIES_LOG: usize = 7;
const MESSAGE: usize = 8;
const LOOKUP_TIME: usize = 9;
const OUTER_TIME: usize = 10;
const DETAIL_NAME: usize = 11;
const DETAIL_IDENTITY: usize = 12;
const KIND: usize = 13;
const AUDIT_DATA: usize = 14;
const ORIGINAL: usize = 15;
const ORIGINAL_DOTTED: usize = 16;
const ECS_TIME: usize = 17;

/// What a scanned object carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Envelope {
    /// It is the event, or nothing that is known.
    None,
    /// Each element of this array is an event or an envelope.
    Array(Span),
    /// The event lies in this object.
    Object(Span),
    /// The event lies in this string; of that format, if the envelope says so.
    Text(Span, Option<Format>),
}

/// What kind of envelope a scanned object is, and the time that it states for its event.
pub(crate) fn recognise(findings: &Findings, trie: &Trie, base: u16) -> (Envelope, Span) {
    let get = |path: usize| findings.get(trie.of_path(usize::from(base) + path));
    for field in [RECORDS, RECORDS_LOWER, EVENTS, LOG_EVENTS] {
        let found = get(field);
        if found.sort == Sort::Array {
            return (Envelope::Array(found.span), Span::EMPTY);
        }
    }
    if get(ITEMS).sort == Sort::Array && get(KIND).sort == Sort::Text {
        return (Envelope::Array(get(ITEMS).span), Span::EMPTY);
    }
    let text = |field: usize| {
        Some(get(field))
            .filter(|found| found.sort == Sort::Text)
            .map(|found| found.span)
    };
    if let Some(inner) = text(CLOUD_TRAIL_EVENT) {
        return (
            Envelope::Text(inner, Some(Format::AwsCloudtrail)),
            text(LOOKUP_TIME).unwrap_or_default(),
        );
    }
    // `Search-UnifiedAuditLog` of PowerShell writes the record as a text in a column.
    if let Some(inner) = text(AUDIT_DATA) {
        return (Envelope::Text(inner, Some(Format::O365Ual)), Span::EMPTY);
    }
    if let Some(inner) = text(PROPERTIES_LOG) {
        return (
            Envelope::Text(inner, None),
            text(OUTER_TIME).unwrap_or_default(),
        );
    }
    // Elastic's integrations keep the vendor's event beside what they made of it; their reader
    // leaves it to us where they made nothing of it.
    if let Some(inner) = text(ORIGINAL).or_else(|| text(ORIGINAL_DOTTED)) {
        return (
            Envelope::Text(inner, None),
            text(ECS_TIME).unwrap_or_default(),
        );
    }
    if get(DETAIL).sort == Sort::Object
        && get(DETAIL_NAME).sort == Sort::Text
        && get(DETAIL_IDENTITY).sort == Sort::Object
    {
        return (
            Envelope::Object(get(DETAIL).span),
            text(OUTER_TIME).unwrap_or_default(),
        );
    }
    if let Some(inner) = text(MESSAGE) {
        return (Envelope::Text(inner, None), Span::EMPTY);
    }
    (Envelope::None, Span::EMPTY)
}
