//! Identity keys and behaviour facts out of each log format: natively, in both builds of the module,
//! and beside three JSON libraries over the same bytes.
//!
//! Without a snapshot, events are scanned and observed, and leave unchanged; the copy of the line to
//! the output is part of the time. The peers parse and stop there.

use std::hint::black_box;

use anyhow::ensure;
use enrich_core::{Config, Enricher};
use serde::Deserialize;

use super::{Given, MODULES};
use crate::events;
use crate::formats;
use crate::module::{Compiled, Plain};
use crate::random::Spread;
use crate::record::{Sink, Work};
use crate::rounds::{self, Contestant};

/// The fields that `whose` reads of a CloudTrail event, borrowed where JSON allows.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    #[serde(borrow)]
    user_identity: UserIdentity<'a>,
    event_time: &'a str,
    event_source: &'a str,
    event_name: &'a str,
    aws_region: &'a str,
    #[serde(rename = "sourceIPAddress")]
    source_ip_address: &'a str,
    #[serde(borrow)]
    user_agent: std::borrow::Cow<'a, str>,
    recipient_account_id: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserIdentity<'a> {
    principal_id: &'a str,
    arn: &'a str,
    access_key_id: &'a str,
    #[serde(borrow)]
    session_context: Option<SessionContext<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SessionContext<'a> {
    #[serde(borrow)]
    session_issuer: SessionIssuer<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SessionIssuer<'a> {
    principal_id: &'a str,
    arn: &'a str,
}

impl Event<'_> {
    /// Something of every field, so that none is optimised away.
    fn len(&self) -> usize {
        let issuer = self.user_identity.session_context.as_ref();
        issuer.map_or(0, |context| {
            context.session_issuer.arn.len() + context.session_issuer.principal_id.len()
        }) + self.user_identity.principal_id.len()
            + self.user_identity.arn.len()
            + self.user_identity.access_key_id.len()
            + self.event_time.len()
            + self.event_source.len()
            + self.event_name.len()
            + self.aws_region.len()
            + self.source_ip_address.len()
            + self.user_agent.len()
            + self.recipient_account_id.len()
    }
}

/// Another library over the same lines. `each` gives a number that depends on what was parsed.
fn peer<'a>(
    name: &str,
    lines: &'a [&'a [u8]],
    mut each: impl FnMut(&[u8]) -> Option<usize> + 'a,
) -> Contestant<'a> {
    Contestant::new(name, move || {
        lines
            .iter()
            .map(|line| each(black_box(line)).expect("valid JSON"))
            .sum::<usize>()
    })
}

/// Measures.
///
/// # Errors
/// Something does not run, or a format is not recognised.
pub fn measure(given: &Given, sink: &mut Sink) -> anyhow::Result<()> {
    if given.large || !given.wants("observe") {
        return Ok(());
    }
    for format in formats::FORMATS {
        let lines = if format == "aws_cloudtrail" {
            let Some(dataset) = given.datasets(&[100_000]).into_iter().next() else {
                continue;
            };
            events::cloudtrail(&dataset.truth()?, Spread::Uniform, given.count(4_000))
        } else {
            formats::lines(format, 2_000)
        };
        of_format(given, sink, format, &lines)?;
    }
    Ok(())
}

fn of_format(given: &Given, sink: &mut Sink, format: &str, events: &[u8]) -> anyhow::Result<()> {
    let lines: Vec<&[u8]> = events.split_inclusive(|byte| *byte == b'\n').collect();
    let batches = crate::batches(events);
    let room = batches.iter().map(Vec::len).max().unwrap_or(0);

    let mut enricher = Enricher::new(Config::default());
    for batch in &batches {
        enricher.enrich(batch);
    }
    ensure!(
        enricher.stats().unrecognized == 0,
        "{format} is not recognised"
    );
    let batches = &batches;
    let mut contestants = vec![
        peer("serde_json, Value", &lines, |line| {
            let value: Option<serde_json::Value> = serde_json::from_slice(line).ok();
            value.map(|value| usize::from(value.is_object()))
        })
        .baseline(),
        Contestant::new("whose, native", move || {
            batches
                .iter()
                .map(|batch| enricher.enrich(black_box(batch)).len())
                .sum::<usize>()
        }),
    ];
    for (name, file) in MODULES {
        let mut plain = Plain::start(&Compiled::new(&given.module(file))?, room, None, None)?;
        contestants.push(Contestant::new(name, move || plain.enrich_all(batches)));
    }
    if format == "aws_cloudtrail" {
        contestants.push(peer("serde_json, typed and borrowed", &lines, |line| {
            serde_json::from_slice(line)
                .map(|event: Event<'_>| event.len())
                .ok()
        }));
        contestants.push(peer("sonic-rs, typed and borrowed", &lines, |line| {
            sonic_rs::from_slice(line)
                .map(|event: Event<'_>| event.len())
                .ok()
        }));
        let (mut copy, mut buffers) = (Vec::new(), simd_json::Buffers::default());
        contestants.push(peer("simd-json, typed and borrowed", &lines, move |line| {
            copy.clear();
            copy.extend_from_slice(line);
            simd_json::serde::from_slice_with_buffers(&mut copy, &mut buffers)
                .map(|event: Event<'_>| event.len())
                .ok()
        }));
    }
    contestants.push(peer("sonic-rs, Value", &lines, |line| {
        use sonic_rs::JsonValueTrait;
        let value: Option<sonic_rs::Value> = sonic_rs::from_slice(line).ok();
        value.map(|value| usize::from(value.is_object()))
    }));
    let (mut copy, mut buffers) = (Vec::new(), simd_json::Buffers::default());
    contestants.push(peer("simd-json, tape", &lines, move |line| {
        copy.clear();
        copy.extend_from_slice(line);
        simd_json::to_tape_with_buffers(&mut copy, &mut buffers)
            .map(|tape| tape.0.len())
            .ok()
    }));
    let work = Work::Bytes(events.len() as f64);
    rounds::run(
        sink,
        ("observe", format),
        work,
        given.rounds(15),
        contestants,
    )
}
