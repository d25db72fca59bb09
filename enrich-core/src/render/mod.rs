//! Renderings: what an event's context looks like, and where in the event it stands.

pub(crate) mod fields;
pub(crate) mod keys;
pub(crate) mod native;
pub(crate) mod out;
pub(crate) mod phrase;
pub(crate) mod place;
pub(crate) mod record;
pub(crate) mod style;

mod deviation;
mod ecs;
mod finding;
mod identity;
mod ocsf;
mod reasons;
mod response;
mod splunk;

use alloc::vec::Vec;
use core::cell::RefCell;

use json_out::json::Json;
use json_out::phrases::Phrases;

pub(crate) use self::ecs::ALIAS as ECS_ALIAS;
use self::out::Out;
use self::place::{Existing, Place};
use self::style::Rendering;
use crate::assess::{Assessed, Assessment};
use crate::config::Config;
use crate::event::Readers;
use crate::event::findings::Findings;
use crate::event::observation::{Observation, Observed, ObservedKey};
use crate::event::text::TextBuffers;
use crate::layers::Layers;
use crate::lookup::Resolution;
use crate::pass::Edit;

/// Everything that one event's context is made of.
pub(crate) struct Context<'c, 's, 'a> {
    pub(crate) config: &'c Config,
    pub(crate) readers: &'c Readers,
    pub(crate) findings: &'c Findings,
    pub(crate) layers: &'s Layers<'a>,
    pub(crate) buffers: &'c TextBuffers<'c>,
    pub(crate) observation: &'c Observation,
    pub(crate) resolutions: &'c [Resolution],
    pub(crate) assessment: &'c Assessment<'s>,
    /// When keys were resolved.
    pub(crate) time_ms: i64,
    pub(crate) phrases: &'c RefCell<Phrases>,
}

impl<'c, 's> Context<'c, 's, '_> {
    /// The identities: what was observed, how it was resolved, what is known.
    fn identities(&self) -> impl Iterator<Item = (&'c Observed, &'c Resolution, &'c Assessed<'s>)> {
        let known = self.resolutions.iter().zip(&self.assessment.identities);
        let all = self.observation.identities.iter().zip(known);
        all.map(|(observed, (resolution, assessed))| (observed, resolution, assessed))
    }

    /// A writer of fields.
    fn out<'o, 'j>(&self, json: &'o mut Json<'j>) -> Out<'j, 'o>
    where
        'c: 'o,
    {
        Out::with(json, &self.config.style, self.phrases)
    }

    /// The identity that response is about.
    fn primary(&self) -> Option<&'c Assessed<'s>> {
        self.assessment.identities.get(self.assessment.primary?)
    }

    /// The key that decided; for a miss the first, which is the strongest that the event shows.
    fn deciding_key(
        &self,
        observed: &Observed,
        resolution: &Resolution,
    ) -> Option<&'c ObservedKey> {
        let keys = self.observation.keys_of(observed);
        keys.get(resolution.key.unwrap_or(0))
    }

    /// JSON pointer of where a key's value stands: the tightest place that its format reads and
    /// that holds it. A value that was folded is found by its text.
    fn path_of(&self, key: &ObservedKey) -> Option<&'c str> {
        let value = self.buffers.get(key.value);
        let mut best: Option<(usize, &str)> = None;
        let pointers = self
            .readers
            .paths_from(self.observation.path_base, self.config);
        for (number, pointer) in pointers.enumerate() {
            let path = usize::from(self.observation.path_base) + number;
            let found = self.findings.get(self.readers.trie.of_path(path));
            let len = found.span.len();
            let is_there = found.span.holds(key.value)
                || (len == value.len()
                    && self.buffers.get(found.text()).eq_ignore_ascii_case(value));
            if len != 0 && is_there && best.is_none_or(|(least, _)| len < least) {
                best = Some((len, pointer));
            }
        }
        best.map(|(_, pointer)| pointer)
    }
}

/// Reads what an event has of earlier contexts in places that are shared with others, and takes it
/// out.
pub(crate) fn existing(
    config: &Config,
    place: &Place,
    buffers: &mut TextBuffers<'_>,
    edits: &mut Vec<Edit>,
) -> Existing {
    match config.style.rendering {
        Rendering::Native => Existing::default(),
        Rendering::Ocsf => ocsf::existing(place, buffers, edits),
        Rendering::Ecs => ecs::existing(place, buffers),
        Rendering::Splunk => splunk::existing(place, buffers),
    }
}

/// Renders the context, and notes where in the line it goes.
pub(crate) fn write(
    context: &Context<'_, '_, '_>,
    place: &Place,
    existing: &Existing,
    rendered: &mut Vec<u8>,
    edits: &mut Vec<Edit>,
) {
    match context.config.style.rendering {
        Rendering::Native => {
            let from = rendered.len();
            let mut json = Json::new(rendered);
            json.set_comma(place.has_members);
            json.member("whose", |json| {
                json.object(|json| {
                    native::write(context, &mut context.out(json));
                });
            });
            edits.push(Edit::put(place.close, from, rendered.len()));
        }
        Rendering::Ocsf => ocsf::write(context, place, existing, rendered, edits),
        Rendering::Ecs => ecs::write(context, place, existing, rendered, edits),
        Rendering::Splunk => splunk::write(context, place, existing, rendered, edits),
    }
}

/// A JSON pointer as standards write places in events: `a.b[0].c`.
fn dotted(pointer: &str, json: &mut Json<'_>) {
    for (number, step) in pointer.split('/').skip(1).enumerate() {
        if step == "0" {
            json.raw("[0]");
            continue;
        }
        if number != 0 {
            json.raw(".");
        }
        let mut parts = step.split('~');
        json.escaped(parts.next().unwrap_or(""));
        for part in parts {
            json.raw(if part.starts_with('1') { "/" } else { "~" });
            json.escaped(part.get(1..).unwrap_or(""));
        }
    }
}
