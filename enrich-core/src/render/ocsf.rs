//! The rendering of the Open Cybersecurity Schema Framework: `enrichments`, one for each identity.
//!
//! Of an array that is there, others' elements stay as they are; ours, of type `nhi` by a provider
//! `whose/…`, are replaced.

use alloc::vec::Vec;

use json_out::json::Json;

use super::fields::Field;
use super::out::Out;
use super::place::{Existing, Place, own_member};
use super::{Context, dotted, identity, native, response};
use crate::event::bytewise;
use crate::event::findings::{Found, Sort};
use crate::event::text::TextBuffers;
use crate::event::walk::{self, Items};
use crate::pass::Edit;
use crate::vocabulary::Kind;

/// What an enrichment of ours is called.
const TYPE: &str = "nhi";
/// What its provider begins with; the snapshot's id follows.
const PROVIDER: &str = "whose/";

/// The array, the attributes in which OCSF has a place of its own for a fact, and the version.
pub(super) const SHARED: &[&str] = &[
    "/enrichments",
    "/assignee",
    "/assignee_group",
    "/ai_agent",
    "/metadata/version",
    "/metadata/profiles",
    "/class_uid",
];
const VERSION: usize = 4;
const PROFILES: usize = 5;
const CLASS: usize = 6;
/// The class whose findings are routed to somebody.
const INCIDENT_FINDING: &str = "2005";
const HOMES: [&str; 3] = ["assignee", "assignee_group", "ai_agent"];

/// Reads what is there, and takes out what is ours.
pub(super) fn existing(
    place: &Place,
    buffers: &mut TextBuffers<'_>,
    edits: &mut Vec<Edit>,
) -> Existing {
    let mut out = Existing::default();
    profiles(place, buffers, &mut out);
    let array = place.at(0);
    if array.sort != Sort::Array {
        return out;
    }
    out.insert_at = array.span.start() + 1;
    let mut items = Items::of(array);
    let mut seen_to = out.insert_at;
    // One of ours at the front: it ends where the next element begins.
    let mut front: Option<(usize, usize)> = None;
    while let Some(element) = walk::next(buffers, &mut items) {
        let before = seen_to;
        let (start, end) = element_at(buffers.line.as_bytes(), seen_to, array.span.end());
        seen_to = end;
        if let Some((from, _)) = front.take() {
            edits.push(Edit::cut(from, start));
        }
        let mut found = [Found::default(); 3];
        walk::members(buffers, element, &["type", "provider", "data"], &mut found);
        let [kind, provider, data] = found;
        let is_ours =
            buffers.get(kind.text()) == TYPE && buffers.get(provider.text()).starts_with(PROVIDER);
        if !is_ours {
            out.has_elements = true;
            out.insert_at = end;
            continue;
        }
        out.removed += 1;
        if out.has_elements {
            edits.push(Edit::cut(before, end));
        } else {
            front = Some((start, end));
        }
        let mut homes = [Found::default()];
        walk::members(buffers, data, &["typed_homes"], &mut homes);
        let [homes] = homes;
        let mut homes = Items::of(homes);
        while let Some(home) = walk::next(buffers, &mut homes) {
            let home = buffers.get(home.text());
            if let Some(number) = HOMES.iter().position(|known| *known == home) {
                out.own |= 1 << number;
            }
            out.own_agent |= home == "ai_agent";
        }
    }
    if let Some((from, to)) = front {
        edits.push(Edit::cut(from, to));
    }
    out
}

/// Notes which attributes of OCSF's own the event may have, by its class and profiles.
fn profiles(place: &Place, buffers: &mut TextBuffers<'_>, out: &mut Existing) {
    if buffers.get(place.at(CLASS).span) == INCIDENT_FINDING {
        out.allowed |= 3;
    }
    let mut items = Items::of(place.at(PROFILES));
    while let Some(profile) = walk::next(buffers, &mut items) {
        out.allowed |= match buffers.get(profile.text()) {
            "incident" => 3,
            "ai_operation" => 4,
            _ => 0,
        };
    }
}

/// The element behind a bracket, element or comma: its first byte and its end.
fn element_at(line: &[u8], at: usize, most: usize) -> (usize, usize) {
    let (mut at, byte) = bytewise::next_byte(line, at);
    if byte == Some(b',') {
        at = bytewise::next_byte(line, at + 1).0;
    }
    let end = bytewise::skip_value(line, at, 0, u32::MAX).unwrap_or(most);
    (at, end.min(most))
}

/// Writes the enrichments, and the attributes of OCSF's own when they are asked for.
pub(super) fn write(
    context: &Context<'_, '_, '_>,
    place: &Place,
    existing: &Existing,
    rendered: &mut Vec<u8>,
    edits: &mut Vec<Edit>,
) {
    let style = &context.config.style;
    let line = context.buffers.line.as_bytes();
    // Attributes that are free: not there, or taken out because we wrote them.
    let mut free = 0;
    for (number, name) in HOMES.iter().enumerate() {
        let raw = place.raw(number + 1);
        if raw.is_empty() {
            free |= 1 << number;
        } else if existing.own >> number & 1 == 1
            && let Some(cut) = own_member(line, raw, name, edits)
        {
            edits.push(cut);
            free |= 1 << number;
        }
    }
    let homes = homes(context) & free & existing.allowed;
    let from = rendered.len();
    let array = place.at(0).sort;
    let is_empty = context.observation.identities.is_empty();
    let tail = if array == Sort::Array {
        if existing.has_elements {
            rendered.push(b',');
        }
        enrichments(context, place, homes, &mut Json::new(rendered));
        // Nothing to say: the comma was too much.
        if rendered.len() == from + 1 {
            rendered.truncate(from);
        }
        edits.push(Edit::put(existing.insert_at, from, rendered.len()));
        rendered.len()
    } else if array == Sort::Absent && !place.raw(0).is_empty() && !is_empty {
        // `null` stands there, which is nobody's.
        Json::new(rendered).array(|json| enrichments(context, place, homes, json));
        let null = place.raw(0);
        edits.push(Edit {
            at: null.start(),
            to: null.end(),
            text: (from, rendered.len()),
        });
        rendered.len()
    } else {
        from
    };
    let mut json = Json::new(rendered);
    json.set_comma(place.has_members);
    if array == Sort::Absent && place.raw(0).is_empty() && !is_empty {
        json.member("enrichments", |json| {
            json.array(|json| enrichments(context, place, homes, json));
        });
    }
    typed_homes(context, homes, &mut Out::new(&mut json, style));
    edits.push(Edit::put(place.close, tail, rendered.len()));
}

/// The attributes of OCSF's own that are written: a bit each.
fn homes(context: &Context<'_, '_, '_>) -> u32 {
    let style = &context.config.style;
    let Some(assessed) = context.primary().filter(|_| style.has_typed_homes) else {
        return 0;
    };
    let mut homes = 0;
    match response::owners(assessed)[1] {
        Some(owner) if owner.starts_with("user:") => homes |= 1,
        Some(owner) if owner.starts_with("group:") => homes |= 2,
        _ => {}
    }
    let kind = assessed.identity.as_ref().map(|identity| identity.kind());
    if style.has_ocsf_1_9 && kind == Some(Kind::AiAgent) {
        homes |= 4;
    }
    homes
}

fn typed_homes(context: &Context<'_, '_, '_>, homes: u32, out: &mut Out<'_, '_>) {
    let Some(assessed) = context.primary().filter(|_| homes != 0) else {
        return;
    };
    let style = out.style;
    let json = &mut *out.json;
    let owner = response::owners(assessed)[1].unwrap_or("");
    for (number, name) in HOMES.iter().enumerate().take(2) {
        if homes >> number & 1 == 1 {
            json.member(name, |json| {
                json.object(|json| {
                    json.member("uid", |json| {
                        json.quoted(|json| super::out::reference_text(style, owner, json));
                    });
                    if !style.hides(owner) {
                        let short = owner.rsplit_once('/').map_or(owner, |(_, name)| name);
                        json.string("name", short);
                    }
                });
            });
        }
    }
    if homes & 4 != 0
        && let Some(identity) = &assessed.identity
    {
        json.member("ai_agent", |json| {
            json.object(|json| {
                json.member("uid", |json| json.text(&identity.uid()));
                json.string("name", identity.name());
            });
        });
    }
}

/// The elements: one for each identity.
fn enrichments(context: &Context<'_, '_, '_>, place: &Place, homes: u32, json: &mut Json<'_>) {
    // Enrichments have these attributes since 1.3; an event of an older version, such as Amazon
    // Security Lake's of CloudTrail, would no longer be one.
    let version = context.buffers.get(place.at(VERSION).text());
    let has_1_3 = !["0.", "1.0", "1.1", "1.2"].iter().any(|old| {
        let rest = version.strip_prefix(old);
        rest.is_some_and(|rest| {
            old.ends_with('.') || rest.is_empty() || rest.starts_with(['.', '-'])
        })
    });
    let style = &context.config.style;
    let Some(layer) = native::layer_of(context) else {
        return;
    };
    let header = layer.snapshot.header();
    let primary = context.assessment.primary;
    for (number, (observed, resolution, assessed)) in context.identities().enumerate() {
        json.element(|json| {
            json.object(|json| {
                let key = context.deciding_key(observed, resolution);
                let pointer = key.and_then(|key| context.path_of(key));
                json.member("name", |json| {
                    json.quoted(|json| match pointer {
                        Some(pointer) => dotted(pointer, json),
                        // Put together from several places.
                        None => json.raw(observed.role.as_str()),
                    });
                });
                let value = key.map_or("", |key| context.buffers.get(key.value));
                json.string("value", value);
                json.string("type", TYPE);
                json.member("provider", |json| json.text(&[PROVIDER, header.id()]));
                if has_1_3 {
                    json.signed("created_time", header.created_ms);
                    json.member("short_desc", |json| {
                        json.quoted(|json| {
                            identity::summary(context, assessed, &mut Out::new(json, style));
                        });
                    });
                }
                json.member("data", |json| {
                    json.object(|json| {
                        let is_primary = primary == Some(number);
                        let out = &mut context.out(json);
                        identity::write(context, observed, resolution, assessed, out);
                        if is_primary {
                            native::triage(context, out);
                        }
                        if is_primary {
                            response::about(context, assessed, out);
                        }
                        if out.wants(Field::Response) {
                            response::write(assessed, out);
                        }
                        native::snapshot(context, out);
                        if is_primary && homes != 0 {
                            let written = HOMES.iter().enumerate();
                            let written = written.filter(|(number, _)| homes >> number & 1 == 1);
                            json.strings("typed_homes", written.map(|(_, name)| *name));
                        }
                    });
                });
            });
        });
    }
}
