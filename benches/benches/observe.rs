//! Identity keys and behaviour facts out of each log format: natively, in both builds of the module,
//! and beside three JSON libraries over the same bytes.
//!
//! Without a snapshot, events are scanned and observed, and leave unchanged; the copy of the line to
//! the output is part of the time. The peers parse and stop there.

#![allow(
    missing_docs,
    reason = "criterion's macros make undocumented functions"
)]

use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use enrich_core::{Config, Enricher};
use serde::Deserialize;
use sonic_rs::JsonValueTrait;
use whose_benches::formats;
use whose_benches::module::BareModule;

/// Lines of one batch.
const BATCH: usize = 64;

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
    session_context: SessionContext<'a>,
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
        let issuer = &self.user_identity.session_context.session_issuer;
        issuer.arn.len()
            + issuer.principal_id.len()
            + self.user_identity.principal_id.len()
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
fn peer(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    lines: &[&[u8]],
    mut each: impl FnMut(&[u8]) -> Option<usize>,
) {
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            lines
                .iter()
                .map(|line| each(black_box(line)).expect("valid"))
                .sum::<usize>()
        });
    });
}

fn observe(criterion: &mut Criterion) {
    let folder = whose_benches::repository("target/guests");
    for format in formats::FORMATS {
        let events = formats::lines(format, 1024);
        let lines: Vec<&[u8]> = events.split_inclusive(|byte| *byte == b'\n').collect();
        let batches: Vec<Vec<u8>> = lines.chunks(BATCH).map(<[&[u8]]>::concat).collect();
        let room = batches.iter().map(Vec::len).max().unwrap_or(0);
        let mut group = criterion.benchmark_group(format!("observe, {format}"));
        group.throughput(Throughput::Bytes(events.len() as u64));
        group.sample_size(20);
        group.warm_up_time(Duration::from_millis(500));
        group.measurement_time(Duration::from_secs(1));

        let mut enricher = Enricher::new(Config::default());
        group.bench_function("whose, native", |bencher| {
            bencher.iter(|| {
                batches
                    .iter()
                    .map(|batch| enricher.enrich(black_box(batch)).len())
                    .sum::<usize>()
            });
        });
        assert_eq!(enricher.stats().unrecognized, 0, "{format} is recognised");
        for (name, file) in [
            ("whose, wasm simd128", "whose-plain.simd128.wasm"),
            ("whose, wasm baseline", "whose-plain.wasm"),
        ] {
            let mut module = BareModule::open(&folder.join(file), room);
            group.bench_function(name, |bencher| {
                bencher.iter(|| {
                    batches
                        .iter()
                        .map(|batch| module.enrich(black_box(batch)))
                        .sum::<usize>()
                });
            });
        }
        if format == "aws_cloudtrail" {
            peer(
                &mut group,
                "serde_json, typed and borrowed",
                &lines,
                |line| {
                    serde_json::from_slice(line)
                        .map(|event: Event<'_>| event.len())
                        .ok()
                },
            );
            peer(&mut group, "sonic-rs, typed and borrowed", &lines, |line| {
                sonic_rs::from_slice(line)
                    .map(|event: Event<'_>| event.len())
                    .ok()
            });
            let (mut copy, mut buffers) = (Vec::new(), simd_json::Buffers::default());
            peer(
                &mut group,
                "simd-json, typed and borrowed",
                &lines,
                |line| {
                    copy.clear();
                    copy.extend_from_slice(line);
                    simd_json::serde::from_slice_with_buffers(&mut copy, &mut buffers)
                        .map(|event: Event<'_>| event.len())
                        .ok()
                },
            );
        }
        peer(&mut group, "serde_json, Value", &lines, |line| {
            let value: Option<serde_json::Value> = serde_json::from_slice(line).ok();
            value.map(|value| usize::from(value.is_object()))
        });
        peer(&mut group, "sonic-rs, Value", &lines, |line| {
            let value: Option<sonic_rs::Value> = sonic_rs::from_slice(line).ok();
            value.map(|value| usize::from(value.is_object()))
        });
        let (mut copy, mut buffers) = (Vec::new(), simd_json::Buffers::default());
        peer(&mut group, "simd-json, tape", &lines, |line| {
            copy.clear();
            copy.extend_from_slice(line);
            simd_json::to_tape_with_buffers(&mut copy, &mut buffers)
                .map(|tape| tape.0.len())
                .ok()
        });
        group.finish();
    }
}

criterion_group!(benches, observe);
criterion_main!(benches);
