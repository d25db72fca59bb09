//! Identity keys and behaviour facts out of CloudTrail events, beside serde_json over the same bytes.

#![allow(
    missing_docs,
    reason = "criterion's macros make undocumented functions"
)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use enrich_core::{Config, Enricher};
use serde::Deserialize;

/// The fields that `whose` reads, borrowed where JSON allows.
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

fn observe(criterion: &mut Criterion) {
    let events = whose_benches::events(1000, 1000);
    let lines: Vec<&[u8]> = events
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .collect();
    let mut group = criterion.benchmark_group("observe");
    group.throughput(Throughput::Bytes(events.len() as u64));
    // Without a snapshot, events are scanned and observed, and leave unchanged.
    let mut enricher = Enricher::new(Config::default());
    group.bench_function("whose, native", |bencher| {
        bencher.iter(|| enricher.enrich(black_box(&events)).len())
    });
    group.bench_function("serde_json, typed and borrowed", |bencher| {
        bencher.iter(|| {
            lines
                .iter()
                .map(|line| {
                    let event: Event<'_> = serde_json::from_slice(black_box(line)).expect("valid");
                    let issuer = &event.user_identity.session_context.session_issuer;
                    issuer.arn.len()
                        + issuer.principal_id.len()
                        + event.user_identity.principal_id.len()
                        + event.user_identity.arn.len()
                        + event.user_identity.access_key_id.len()
                        + event.event_time.len()
                        + event.event_source.len()
                        + event.event_name.len()
                        + event.aws_region.len()
                        + event.source_ip_address.len()
                        + event.user_agent.len()
                        + event.recipient_account_id.len()
                })
                .sum::<usize>()
        });
    });
    group.bench_function("serde_json, Value", |bencher| {
        bencher.iter(|| {
            lines
                .iter()
                .filter(|line| serde_json::from_slice::<serde_json::Value>(black_box(line)).is_ok())
                .count()
        });
    });
    group.finish();
}

criterion_group!(benches, observe);
criterion_main!(benches);
