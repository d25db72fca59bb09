//! What is said about a dimension in which an event is not as expected.

use json_out::json::Json;

use super::Context;
use super::fields::Field;
use super::out::Out;
use super::phrase::About;
use crate::assess::behavior::{self, Deviation};
use crate::snapshot::ExpectationRef;
use crate::vocabulary::Dimension;

/// Most allowed values that are written.
const MAX_EXPECTED: usize = 8;
/// Longest seen value.
const MAX_SEEN: usize = 256;

/// Writes a deviation of an identity of a layer as members of an object.
pub(super) fn write(
    context: &Context<'_, '_, '_>,
    deviation: &Deviation<'_>,
    layer: u8,
    out: &mut Out<'_, '_>,
) {
    out.string(Field::DeviationDimension, deviation.dimension.as_str());
    out.quoted(Field::DeviationSeen, |json| {
        if deviation.dimension == Dimension::Hours {
            hour(deviation.hour, json);
        } else {
            json.escaped_to(context.buffers.get(deviation.seen), MAX_SEEN);
        }
    });
    if deviation.dimension == Dimension::Network
        && let Some(address) = context.observation.facts.source_address
        && let Some(name) = context.layers.iter().find_map(|layer| {
            layer
                .snapshot
                .networks_of(address)
                .iter()
                .next()
                .map(|(name, _)| name)
        })
    {
        out.string(Field::DeviationNetwork, name);
    }
    let phrase = About::Expected.rows(layer, [deviation.expected.number, 0]);
    out.phrase(phrase, |out| expected(&deviation.expected, out));
}

/// What was expected instead, and why.
#[inline(never)]
fn expected(expected: &ExpectationRef<'_>, out: &mut Out<'_, '_>) {
    let mut values = expected.allowed();
    let mut more = values.len().saturating_sub(MAX_EXPECTED);
    out.strings(
        Field::DeviationExpected,
        &mut values.by_ref().take(MAX_EXPECTED),
    );
    if let Some(words) = expected.hours() {
        out.array(Field::DeviationExpected, |out| {
            more = hours(words, out.json);
        });
    }
    if more != 0 {
        out.number(Field::DeviationMore, more as u64);
    }
    out.string(Field::DeviationBasis, expected.basis().as_str());
    let (days, samples) = expected.evidence();
    if days != 0 || samples != 0 {
        out.number(Field::DeviationWindow, u64::from(days));
        out.number(Field::DeviationSamples, u64::from(samples));
    }
}

/// An hour of the week, as `fri 07:00`.
pub(super) fn hour(hour: u8, out: &mut Json<'_>) {
    day(hour / 24, out);
    out.raw(" ");
    of_day(hour % 24, out);
}

fn day(day: u8, out: &mut Json<'_>) {
    const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    out.raw(DAYS.get(usize::from(day)).copied().unwrap_or(""));
}

fn of_day(hour: u8, out: &mut Json<'_>) {
    if hour < 10 {
        out.raw("0");
    }
    out.digits(u64::from(hour));
    out.raw(":00");
}

/// Expected hours as a policy writes them, a part an element: `mon-fri 06:00-20:00`. Gives how many
/// parts there are beyond those that are written.
fn hours(words: [u32; 6], out: &mut Json<'_>) -> usize {
    let mut written = 0;
    let mut more = 0;
    behavior::spans(words, &mut |[first, last, from, to]| {
        if written == MAX_EXPECTED {
            more += 1;
            return;
        }
        written += 1;
        out.element(|out| {
            out.quoted(|out| {
                day(first, out);
                if last > first {
                    out.raw("-");
                    day(last, out);
                }
                out.raw(" ");
                of_day(from, out);
                out.raw("-");
                of_day(to, out);
            });
        });
    });
    more
}
