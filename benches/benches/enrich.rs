//! Events in, events with context out: natively, in the module under wasmtime with every check of
//! the harness, and beside the usual way, which parses, looks up in a hash map and writes again.

#![allow(
    missing_docs,
    reason = "criterion's macros make undocumented functions"
)]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use enrich_core::{Check, Config, Enricher};
use hashbrown::HashMap;
use host_harness::{GuestModule, Layer, Limits, Session, SnapshotFile};
use serde_json::{Value, json};

/// Lines of one batch.
const BATCH: usize = 64;

fn enrich(criterion: &mut Criterion) {
    let identities = whose_benches::sizes(&[1_000, 100_000])
        .into_iter()
        .max()
        .unwrap_or(1_000);
    let events = whose_benches::events(5000, identities);
    let lines: Vec<&[u8]> = events.split_inclusive(|byte| *byte == b'\n').collect();
    let batches: Vec<Vec<u8>> = lines.chunks(BATCH).map(<[&[u8]]>::concat).collect();
    let snapshot = whose_benches::snapshot(identities);

    let mut group = criterion.benchmark_group(format!("enrich, {identities} identities"));
    group.throughput(Throughput::Elements(lines.len() as u64));
    group.sample_size(20);

    let mut native = Enricher::new(Config::default());
    native
        .attach(snapshot.get(), Check::All, None)
        .expect("attaches");
    let expected: usize = batches.iter().map(|batch| native.enrich(batch).len()).sum();
    group.bench_function("whose, native", |bencher| {
        bencher.iter(|| {
            batches
                .iter()
                .map(|batch| native.enrich(black_box(batch)).len())
                .sum::<usize>()
        });
    });

    for (name, file) in [
        ("whose, wasm simd128", "whose-plain.simd128.wasm"),
        ("whose, wasm baseline", "whose-plain.wasm"),
    ] {
        let path = whose_benches::repository("target/guests").join(file);
        assert!(
            path.exists(),
            "{} is missing; run `cargo xtask bench`, which builds the guests",
            path.display()
        );
        let module = GuestModule::from_file(&path, Limits::default()).expect("compiles");
        let mut session = Session::open(module).expect("opens");
        session
            .attach(Layer::new(SnapshotFile::from_bytes(
                "bench",
                snapshot.get(),
            )))
            .expect("attaches");
        let found: usize = batches
            .iter()
            .map(|batch| session.enrich_batch(batch).bytes.len())
            .sum();
        assert_eq!(found, expected, "native and wasm give the same bytes");
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                batches
                    .iter()
                    .map(|batch| session.enrich_batch(black_box(batch)).bytes.len())
                    .sum::<usize>()
            });
        });
    }

    let table: HashMap<String, Value> = (0..identities)
        .map(|n| {
            (
                whose_benches::arn(n),
                json!({"owner": format!("group:default/team-{}", n / 200), "tier": n % 4}),
            )
        })
        .collect();
    group.bench_function("serde_json Value + hashbrown + to_vec", |bencher| {
        bencher.iter(|| {
            let mut len = 0;
            for line in &lines {
                let mut event: Value = serde_json::from_slice(black_box(line)).expect("valid");
                let context = event
                    .pointer("/userIdentity/sessionContext/sessionIssuer/arn")
                    .and_then(Value::as_str)
                    .and_then(|arn| table.get(arn))
                    .cloned();
                if let (Some(context), Some(event)) = (context, event.as_object_mut()) {
                    event.insert("whose".to_owned(), context);
                }
                len += serde_json::to_vec(&event).expect("writes").len();
            }
            len
        });
    });
    group.finish();
}

/// What is written, and how much of it: in the module, whose time this is about.
const CONFIGS: [(&str, &str); 7] = [
    ("outcome only", r#"{"fields":["outcome"]}"#),
    ("native, minimal", r#"{"detail":"minimal"}"#),
    ("native, standard", r#"{"detail":"standard"}"#),
    ("native, full", r#"{"detail":"full"}"#),
    ("ocsf, standard", r#"{"rendering":"ocsf"}"#),
    ("ecs, standard", r#"{"rendering":"ecs"}"#),
    ("splunk, standard", r#"{"rendering":"splunk"}"#),
];

fn renderings(criterion: &mut Criterion) {
    let identities = whose_benches::sizes(&[1_000, 100_000])
        .into_iter()
        .max()
        .unwrap_or(1_000);
    let events = whose_benches::events(5000, identities);
    let lines: Vec<&[u8]> = events.split_inclusive(|byte| *byte == b'\n').collect();
    let batches: Vec<Vec<u8>> = lines.chunks(BATCH).map(<[&[u8]]>::concat).collect();
    let snapshot = whose_benches::snapshot(identities);
    let path = whose_benches::repository("target/guests").join("whose-plain.simd128.wasm");
    let module = GuestModule::from_file(&path, Limits::default()).expect("compiles");

    let mut group =
        criterion.benchmark_group(format!("renderings, wasm simd128, {identities} identities"));
    group.throughput(Throughput::Elements(lines.len() as u64));
    group.sample_size(20);
    for (name, config) in CONFIGS {
        let mut session = Session::open(Arc::clone(&module)).expect("opens");
        session
            .configure(config.as_bytes())
            .expect("a configuration");
        session
            .attach(Layer::new(SnapshotFile::from_bytes(
                "bench",
                snapshot.get(),
            )))
            .expect("attaches");
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                batches
                    .iter()
                    .map(|batch| session.enrich_batch(black_box(batch)).bytes.len())
                    .sum::<usize>()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, enrich, renderings);
criterion_main!(benches);
