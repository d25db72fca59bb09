//! Opening a snapshot: checked access, and with the digest of every byte; beside building a hash
//! map of the same keys, which is what a pipeline without snapshots does at start.

#![allow(
    missing_docs,
    reason = "criterion's macros make undocumented functions"
)]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use enrich_core::{Check, Snapshot, Trust};
use hashbrown::HashMap;
use std::hint::black_box;

fn open(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("open");
    group.sample_size(20);
    for size in whose_benches::sizes(&[1_000, 100_000, 1_000_000]) {
        let snapshot = whose_benches::snapshot(size);
        let bytes = snapshot.get();
        let trust = Trust::default();
        group.bench_function(BenchmarkId::new("whose, checked access", size), |bencher| {
            bencher.iter(|| {
                Snapshot::open(black_box(bytes), Check::ByHost, &trust)
                    .expect("opens")
                    .key_count()
            });
        });
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(BenchmarkId::new("whose, with digest", size), |bencher| {
            bencher.iter(|| {
                Snapshot::open(black_box(bytes), Check::All, &trust)
                    .expect("opens")
                    .key_count()
            });
        });
        let keys: Vec<String> = (0..size).map(whose_benches::arn).collect();
        group.bench_function(
            BenchmarkId::new("hashbrown, insert every ARN", size),
            |bencher| {
                bencher.iter(|| {
                    keys.iter()
                        .enumerate()
                        .map(|(n, key)| (key.clone(), n as u32))
                        .collect::<HashMap<String, u32>>()
                        .len()
                });
            },
        );
    }
    group.finish();
}

criterion_group!(benches, open);
criterion_main!(benches);
