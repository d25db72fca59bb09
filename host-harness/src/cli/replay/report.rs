//! What is printed about a replay: an event's differences, and the summary.

use std::collections::BTreeMap;

use host_harness::text::printable;
use serde_json::{Value, json};

use super::differences::{Difference, Subject};
use crate::cli::explain::Wrapped;
use crate::cli::table::{Colour, Tone};

/// Longest value, in characters.
const VALUE: usize = 120;
/// Old and new stand in one line up to this many characters.
const SIDE_BY_SIDE: usize = 64;
/// Most fields that are counted one by one; memory does not grow with what events bring.
const MAX_FIELDS: usize = 256;
/// Most fields that are listed when an identity became known or unknown, and all its facts with it.
const MAX_LISTED: usize = 8;

/// One past event that reads differently.
#[derive(Clone, Debug)]
pub(super) struct Differing {
    /// Line, from 1.
    pub(super) line: u64,
    /// Number of the event in its line, and how many there are, when there are several.
    pub(super) record: Option<(usize, usize)>,
    pub(super) format: Option<String>,
    pub(super) time: Option<String>,
    /// Those of the event, whether they differ or not.
    pub(super) identities: Vec<Subject>,
    pub(super) differences: Vec<Difference>,
}

impl Differing {
    /// One JSON object; the order of the members is fixed.
    pub(super) fn object(&self) -> Value {
        let mut object = json!({ "kind": "event", "line": self.line });
        if let Some((record, _)) = self.record {
            object["record"] = json!(record);
        }
        object["format"] = json!(self.format);
        object["time"] = json!(self.time);
        object["identities"] = self.identities.iter().map(Subject::object).collect();
        object["differences"] = self.differences.iter().map(Difference::object).collect();
        object
    }

    /// A block for a person.
    pub(super) fn block(&self, colour: Colour) -> String {
        let mut out = Wrapped::new(colour);
        let mut head = format!("line {}", self.line);
        if let Some((record, count)) = self.record {
            head.push_str(&format!(", record {} of {count}", record + 1));
        }
        let format = self.format.as_deref().unwrap_or("unknown format");
        let time = self.time.as_deref().unwrap_or("no time");
        head.push_str(&format!(
            ": {}, {}",
            printable(format, VALUE),
            printable(time, VALUE)
        ));
        out.line(0, 4, &[(Tone::Plain, &head)]);
        let mut subjects: Vec<Option<&Subject>> = Vec::new();
        for one in &self.differences {
            if !subjects.contains(&one.subject.as_ref()) {
                subjects.push(one.subject.as_ref());
            }
        }
        for subject in subjects {
            let named = match subject {
                Some(subject) => full_name(subject),
                None => self.event_name(),
            };
            out.line(2, 4, &[(Tone::Plain, &named)]);
            let all: Vec<&Difference> = self
                .differences
                .iter()
                .filter(|one| one.subject.as_ref() == subject)
                .collect();
            fields(&all, &mut out);
        }
        out.gap();
        out.finish()
    }

    /// The event as a whole, by who is in it.
    fn event_name(&self) -> String {
        let names: Vec<String> = self.identities.iter().map(short_name).collect();
        if names.is_empty() {
            return "the event".to_owned();
        }
        format!("the event of {}", names.join(", "))
    }
}

/// `actor release-deployer (aws:111122223333:role/ci/release-deployer)`.
fn full_name(subject: &Subject) -> String {
    let name = short_name(subject);
    match &subject.uid {
        Some(uid) => format!("{name} ({})", printable(uid, VALUE)),
        None => name,
    }
}

/// `actor release-deployer`; without a name, the key.
fn short_name(subject: &Subject) -> String {
    let role = printable(&subject.role, VALUE);
    if let Some(name) = &subject.name {
        return format!("{role} {}", printable(name, VALUE));
    }
    let part = |name: &str| printable(subject.key[name].as_str().unwrap_or("?"), VALUE);
    format!("{role} {} {}", part("type"), part("value"))
}

/// The differences of one subject. When it became known or unknown, all its facts came or went with
/// it, and only their names are listed.
fn fields(all: &[&Difference], out: &mut Wrapped) {
    let uid = all.iter().find(|one| one.field == "uid");
    let is_known_before = uid.is_some_and(|uid| uid.new.is_none());
    let is_known_now = uid.is_some_and(|uid| uid.old.is_none());
    let goes_along = |one: &Difference| {
        let is_telling = ["outcome", "uid", "owner.ref", "key.value"].contains(&&*one.field);
        !is_telling
            && ((is_known_before && one.new.is_none()) || (is_known_now && one.old.is_none()))
    };
    let width = all
        .iter()
        .filter(|one| !goes_along(one))
        .map(|one| one.field.chars().count())
        .max()
        .unwrap_or(0)
        .min(40);
    for one in all.iter().filter(|one| !goes_along(one)) {
        let field = printable(&one.field, VALUE);
        let (old, new) = (one.old.as_ref(), one.new.as_ref());
        let (old_text, new_text) = (value(old), value(new));
        if let (Some(Value::Array(old)), Some(Value::Array(new))) = (old, new) {
            list_line(&field, old, new, width, out);
            continue;
        }
        let parts: [(Tone, &str); 3] = match (old, new) {
            (None, Some(Value::Object(_))) => [
                (Tone::Warn, "added: "),
                (Tone::Plain, &new_text),
                (Tone::Plain, ""),
            ],
            (Some(Value::Object(_)), None) => [
                (Tone::Warn, "removed: "),
                (Tone::Plain, &old_text),
                (Tone::Plain, ""),
            ],
            _ if old_text.chars().count() + new_text.chars().count() > SIDE_BY_SIDE => {
                out.line(4, 6, &[(Tone::Dim, &field)]);
                out.line(6, 8, &[(Tone::Plain, "- "), (Tone::Plain, &old_text)]);
                out.line(6, 8, &[(Tone::Plain, "+ "), (Tone::Plain, &new_text)]);
                continue;
            }
            _ => [
                (Tone::Plain, &old_text),
                (Tone::Dim, " -> "),
                (Tone::Plain, &new_text),
            ],
        };
        out.labelled(4, 4 + width + 2, &field, &parts);
    }
    let along: Vec<String> = all
        .iter()
        .filter(|one| goes_along(one))
        .map(|one| printable(&one.field, VALUE))
        .collect();
    if !along.is_empty() {
        let what = if is_known_before {
            "no longer known"
        } else {
            "known now"
        };
        let more = along.len().saturating_sub(MAX_LISTED);
        let mut said = format!(
            "{what}: {}",
            along
                .iter()
                .take(MAX_LISTED)
                .cloned()
                .collect::<Vec<_>>()
                .join(", ")
        );
        if more > 0 {
            said.push_str(&format!(" and {more} more fields"));
        }
        out.line(4, 6, &[(Tone::Dim, &said)]);
    }
}

/// A list: what is no longer in it, and what is new in it.
fn list_line(field: &str, old: &[Value], new: &[Value], width: usize, out: &mut Wrapped) {
    let only = |these: &[Value], those: &[Value]| {
        let only = these.iter().filter(|item| !those.contains(item));
        only.map(|item| value(Some(item))).collect::<Vec<_>>()
    };
    let (gone, come) = (only(old, new), only(new, old));
    if gone.is_empty() && come.is_empty() {
        let said = "the same values, some more often";
        return out.labelled(4, 4 + width + 2, field, &[(Tone::Plain, said)]);
    }
    for (number, (sign, item)) in gone
        .iter()
        .map(|item| ("- ", item))
        .chain(come.iter().map(|item| ("+ ", item)))
        .enumerate()
    {
        let field = if number == 0 { field } else { "" };
        let parts = [(Tone::Dim, sign), (Tone::Plain, &**item)];
        out.labelled(4, 4 + width + 2, field, &parts);
    }
}

/// A value in a few words.
fn value(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "none".to_owned(),
        Some(Value::String(text)) => printable(text, VALUE),
        Some(Value::Array(items)) => {
            let items: Vec<String> = items
                .iter()
                .map(|item| {
                    item.as_str()
                        .map_or_else(|| item.to_string(), str::to_owned)
                })
                .collect();
            printable(&items.join(", "), VALUE)
        }
        Some(Value::Object(members)) => {
            // Its name stands in the path already.
            let told = members
                .iter()
                .filter(|(name, _)| !["name", "action", "dimension", "uid"].contains(&&***name))
                .map(|(name, member)| {
                    let text = member
                        .as_str()
                        .map_or_else(|| member.to_string(), str::to_owned);
                    format!("{name} {text}")
                });
            printable(&told.collect::<Vec<_>>().join(", "), 2 * VALUE)
        }
        Some(other) => printable(&other.to_string(), VALUE),
    }
}

/// What was counted over all events.
#[derive(Debug, Default)]
pub(super) struct Summary {
    /// Events that received a context from both.
    pub(super) compared: u64,
    pub(super) differing: u64,
    /// Lines that are too long to be read whole.
    pub(super) oversize: u64,
    fields: BTreeMap<String, u64>,
    /// Differences in fields that found no place in the map.
    other_fields: u64,
}

impl Summary {
    pub(super) fn add(&mut self, differences: &[Difference]) {
        self.differing += 1;
        // Once an event, however many of its identities differ.
        let mut fields: Vec<String> = differences.iter().map(|one| general(&one.field)).collect();
        fields.sort_unstable();
        fields.dedup();
        for field in fields {
            if let Some(count) = self.fields.get_mut(&field) {
                *count += 1;
            } else if self.fields.len() < MAX_FIELDS {
                self.fields.insert(field, 1);
            } else {
                self.other_fields += 1;
            }
        }
    }

    /// The fields, the most frequent first.
    fn ranked(&self) -> Vec<(&String, &u64)> {
        let mut fields: Vec<(&String, &u64)> = self.fields.iter().collect();
        fields.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        fields
    }

    /// Events and lines that were not compared, by why.
    fn not_compared(&self, counted: &host_harness::EventCounters) -> Vec<(&'static str, u64)> {
        let mut reasons = vec![
            ("events of no known format", counted.unrecognized),
            ("lines not JSON", counted.not_json),
            ("lines not UTF-8", counted.not_utf8),
            ("lines too large", counted.too_large + self.oversize),
            ("lines too deep", counted.too_deep),
            ("lines read with a damaged snapshot", counted.damaged),
        ];
        reasons.retain(|(_, count)| *count > 0);
        reasons
    }

    pub(super) fn object(&self, counted: &host_harness::EventCounters) -> Value {
        let fields: serde_json::Map<String, Value> = self
            .ranked()
            .into_iter()
            .map(|(field, count)| (field.clone(), json!(count)))
            .collect();
        json!({
            "kind": "summary",
            "events": counted.events,
            "compared": self.compared,
            "differing": self.differing,
            "not_compared": {
                "unrecognized": counted.unrecognized,
                "not_json": counted.not_json,
                "not_utf8": counted.not_utf8,
                "too_large": counted.too_large + self.oversize,
                "too_deep": counted.too_deep,
                "damaged": counted.damaged,
            },
            "forged_removed": counted.forged_removed,
            "fields": fields,
            "other_fields": self.other_fields,
        })
    }

    pub(super) fn page(&self, counted: &host_harness::EventCounters, colour: Colour) -> String {
        let mut out = Wrapped::new(colour);
        let differing = match self.differing {
            0 => "none reads differently".to_owned(),
            1 => "1 reads differently".to_owned(),
            count => format!("{count} read differently"),
        };
        let tone = if self.differing == 0 {
            Tone::Good
        } else {
            Tone::Warn
        };
        let head = format!(
            "{} events read, {} compared, ",
            counted.events, self.compared
        );
        out.line(0, 4, &[(Tone::Plain, &head), (tone, &differing)]);
        let reasons = self.not_compared(counted);
        if !reasons.is_empty() {
            let reasons: Vec<String> = reasons
                .iter()
                .map(|(what, count)| format!("{count} {what}"))
                .collect();
            let said = format!("not compared: {}", reasons.join(", "));
            out.line(0, 4, &[(Tone::Plain, &said)]);
        }
        if counted.forged_removed > 0 {
            let said = format!(
                "{} forged contexts in the events were ignored",
                counted.forged_removed
            );
            out.line(0, 4, &[(Tone::Plain, &said)]);
        }
        if self.differing > 0 {
            out.line(0, 4, &[(Tone::Plain, "events by field:")]);
            for (field, count) in self.ranked() {
                let field = printable(field, VALUE);
                out.labelled(2, 12, &format!("{count:>8}"), &[(Tone::Plain, &field)]);
            }
            if self.other_fields > 0 {
                let count = format!("{:>8}", self.other_fields);
                out.labelled(2, 12, &count, &[(Tone::Plain, "in further fields")]);
            }
        }
        out.finish()
    }
}

/// A field as it is counted: candidates by the event are as many as there are identities.
fn general(field: &str) -> String {
    match field.split_once('[') {
        Some(("candidates", rest)) => {
            let rest = rest.rsplit_once(']').map_or("", |(_, rest)| rest);
            format!("candidates[]{rest}")
        }
        _ => field.to_owned(),
    }
}
