//! What was observed, as one JSON object an input line (`whose keys`).

use alloc::vec::Vec;

use json_out::json::Json;

use crate::event::observation::{Facts, Observation};
use crate::event::text::TextBuffers;
use crate::vocabulary::Format;

/// What one event of a line showed, rendered while its texts were there.
#[derive(Debug)]
pub(crate) struct SeenEvent {
    format: Format,
    time_ms: Option<i64>,
    /// Elements of an array, without the brackets.
    identities: Vec<u8>,
    /// One object.
    facts: Vec<u8>,
}

/// The facts that behaviour is judged by.
fn facts(buffers: &TextBuffers<'_>, facts: &Facts) -> Vec<u8> {
    let mut bytes = Vec::new();
    Json::new(&mut bytes).object(|out| {
        for (name, span) in facts.texts() {
            out.some_string(name, Some(buffers.get(span)));
        }
        // A source that is a name or a word is compared with nothing.
        if !facts.source.is_empty() {
            out.bool("source_is_address", facts.source_address.is_some());
        }
        if let Some(outcome) = facts.outcome {
            out.string("outcome", outcome.as_str());
        }
        if facts.is_interactive {
            out.bool("interactive", true);
        }
    });
    bytes
}

/// Renders the identities of one event.
pub(crate) fn event(
    buffers: &TextBuffers<'_>,
    observation: &Observation,
    events: &mut Vec<SeenEvent>,
) {
    let mut identities = Vec::new();
    let mut out = Json::new(&mut identities);
    for observed in &observation.identities {
        out.element(|out| {
            out.object(|out| {
                out.string("role", observed.role.as_str());
                if observed.is_agent {
                    out.bool("agent", true);
                }
                out.member("keys", |out| {
                    out.array(|out| {
                        for key in observation.keys_of(observed) {
                            out.element(|out| {
                                out.object(|out| {
                                    out.string("type", key.key_type.as_str());
                                    out.some_string("domain", Some(buffers.get(key.domain)));
                                    out.string("value", buffers.get(key.value));
                                });
                            });
                        }
                    });
                });
            });
        });
    }
    events.push(SeenEvent {
        format: observation.format,
        time_ms: observation.time_ms,
        identities,
        facts: facts(buffers, &observation.facts),
    });
}

/// Writes one line. The identities of an envelope's events are merged, with the events beside.
pub(crate) fn line(number: u64, events: &[SeenEvent], out: &mut Json<'_>) {
    out.object(|out| {
        out.number("line", number);
        let first = events.first();
        out.string(
            "format",
            first.map_or(Format::Unknown, |event| event.format).as_str(),
        );
        if let Some(ms) = first.and_then(|event| event.time_ms) {
            out.time("time", ms);
        }
        out.member("identities", |out| {
            out.array(|out| {
                for event in events.iter().filter(|event| !event.identities.is_empty()) {
                    out.element(|out| out.bytes(&event.identities));
                }
            });
        });
        if let Some(first) = first
            && events.len() == 1
        {
            out.member("facts", |out| out.bytes(&first.facts));
        }
        if events.len() > 1 {
            out.member("records", |out| {
                out.array(|out| {
                    for event in events {
                        out.element(|out| {
                            out.object(|out| {
                                out.string("format", event.format.as_str());
                                if let Some(ms) = event.time_ms {
                                    out.time("time", ms);
                                }
                                out.member("identities", |out| {
                                    out.array(|out| out.bytes(&event.identities))
                                });
                                out.member("facts", |out| out.bytes(&event.facts));
                            });
                        });
                    }
                });
            });
        }
    });
}
