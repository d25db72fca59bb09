//! The rendering of the Elastic Common Schema: `Nhi`, a name that ECS never uses, and `related.user`.
//!
//! ECS has no field for who owns an identity, nor for most of what is said here; names with a
//! capital are left to others. To `related.user` only what is missing is added.

use alloc::vec::Vec;

use json_out::json::Json;

use super::fields::Field;
use super::place::{Existing, Place, has_content};
use super::{Context, identity, native, response};
use crate::event::findings::Sort;
use crate::event::text::TextBuffers;
use crate::event::walk::{self, Items};
use crate::pass::Edit;

/// The list that others fill as well, and what it stands in.
pub(super) const SHARED: &[&str] = &["/related/user", "/related"];
/// Other name of the list, as ECS events may write it.
pub(crate) const ALIAS: (&str, &str) = ("/related.user", "/related/user");

/// Reads the list.
pub(super) fn existing(place: &Place, buffers: &mut TextBuffers<'_>) -> Existing {
    let mut out = Existing::default();
    let array = place.at(0);
    if array.sort != Sort::Array {
        return out;
    }
    out.has_elements = has_content(buffers.line.as_bytes(), array.span);
    // In front of the bracket that closes it.
    out.insert_at = array.span.end().saturating_sub(1);
    let mut items = Items::of(array);
    while let Some(element) = walk::next(buffers, &mut items) {
        if element.sort == Sort::Text && out.known.try_push(element.span).is_err() {
            out.is_crowded = true;
            break;
        }
    }
    out
}

/// Writes `Nhi`, and adds to `related.user`.
pub(super) fn write(
    context: &Context<'_, '_, '_>,
    place: &Place,
    existing: &Existing,
    rendered: &mut Vec<u8>,
    edits: &mut Vec<Edit>,
) {
    let line = context.buffers.line.as_bytes();
    let (list, around) = (place.at(0), place.at(1));
    let from = rendered.len();
    // In the list that is there, or in an object that has none: an empty list would say nothing.
    let adds = related(context, existing, None) != 0;
    let at = match (list.sort, around.sort) {
        _ if !adds => None,
        (Sort::Array, _) => {
            let mut json = Json::new(rendered);
            json.set_comma(existing.has_elements);
            related(context, existing, Some(&mut json));
            Some(existing.insert_at)
        }
        (Sort::Absent, Sort::Object) if place.raw(0).is_empty() => {
            let mut json = Json::new(rendered);
            json.set_comma(has_content(line, around.span));
            list_member(context, existing, "user", &mut json);
            Some(around.span.end().saturating_sub(1))
        }
        _ => None,
    };
    if let Some(at) = at {
        edits.push(Edit::put(at, from, rendered.len()));
    }
    let from = rendered.len();
    let mut json = Json::new(rendered);
    json.set_comma(place.has_members);
    if adds && place.raw(0).is_empty() && place.raw(1).is_empty() {
        json.member("related", |json| {
            json.object(|json| list_member(context, existing, "user", json));
        });
    }
    json.member("Nhi", |json| json.object(|json| members(context, json)));
    edits.push(Edit::put(place.close, from, rendered.len()));
}

fn list_member(
    context: &Context<'_, '_, '_>,
    existing: &Existing,
    name: &str,
    json: &mut Json<'_>,
) {
    json.member(name, |json| {
        json.array(|json| {
            related(context, existing, Some(json));
        });
    });
}

/// The matched keys, the names, and the people who own them, as far as the list lacks them: how
/// many, written where somebody wants to have them.
fn related(
    context: &Context<'_, '_, '_>,
    existing: &Existing,
    mut json: Option<&mut Json<'_>>,
) -> usize {
    if existing.is_crowded {
        return 0;
    }
    // What one identity adds, another may have added.
    let mut added = arrayvec::ArrayVec::<&str, 24>::new();
    for (observed, resolution, assessed) in context.identities() {
        let Some(identity) = &assessed.identity else {
            continue;
        };
        let key = context.deciding_key(observed, resolution);
        let key = key.map(|key| context.buffers.get(key.value));
        let owner = identity.owner().map(|owner| owner.reference);
        let login = owner
            .filter(|owner| !context.config.style.hides(owner))
            .and_then(|owner| owner.strip_prefix("user:"))
            .map(|owner| owner.rsplit_once('/').map_or(owner, |(_, name)| name));
        for text in [key, Some(identity.name()), login].into_iter().flatten() {
            let mut known = existing.known.iter();
            if text.is_empty()
                || known.any(|known| context.buffers.get(*known) == text)
                || added.contains(&text)
                || added.try_push(text).is_err()
            {
                continue;
            }
            if let Some(json) = &mut json {
                json.element(|json| json.text(&[text]));
            }
        }
    }
    added.len()
}

/// The identity that response is about, and the others below `other_identities`.
fn members(context: &Context<'_, '_, '_>, json: &mut Json<'_>) {
    let out = &mut context.out(json);
    let primary = context.assessment.primary;
    if primary.is_none() {
        out.string(Field::NoIdentity, "no_identity");
    }
    for (number, (observed, resolution, assessed)) in context.identities().enumerate() {
        if primary == Some(number) {
            out.json.member("summary", |json| {
                json.quoted(|json| {
                    identity::summary(context, assessed, &mut context.out(json));
                });
            });
            identity::write(context, observed, resolution, assessed, out);
            response::about(context, assessed, out);
            if out.wants(Field::Response) {
                response::write(assessed, out);
            }
        }
    }
    native::triage(context, out);
    native::snapshot(context, out);
    if context.observation.identities.len() > 1 {
        out.json.name("other_identities");
        out.json.open(b'[');
        for (number, (observed, resolution, assessed)) in context.identities().enumerate() {
            if primary != Some(number) {
                out.element(|out| identity::write(context, observed, resolution, assessed, out));
            }
        }
        out.json.close(b']');
    }
}
