//! What was observed, as one JSON object an input line (`whose keys`).

use alloc::vec::Vec;

use super::json::Json;
use crate::event::observation::Observation;
use crate::event::text::TextBuffers;
use crate::vocabulary::Format;

/// What one event of a line showed, rendered while its texts were there.
#[derive(Debug)]
pub(crate) struct SeenEvent {
    format: Format,
    time_ms: Option<i64>,
    /// Elements of an array, without the brackets.
    identities: Vec<u8>,
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
                out.member("keys", |out| {
                    out.array(|out| {
                        for key in &observed.keys {
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
                            });
                        });
                    }
                });
            });
        }
    });
}
