//! One key in, its holder out: hits and misses in random order, beside hashbrown with the same keys.

#![allow(
    missing_docs,
    reason = "criterion's macros make undocumented functions"
)]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use enrich_core::{Check, Key, KeyType, Snapshot, Trust};
use hashbrown::HashMap;
use std::hint::black_box;
use whose_benches::{Lcg, arn};

/// Keys asked for in one iteration.
const QUERIES: u64 = 1000;

fn lookup(criterion: &mut Criterion) {
    for (case, offset) in [("lookup, hit", 0), ("lookup, miss", 1_000_000_000)] {
        let mut group = criterion.benchmark_group(case);
        group.throughput(Throughput::Elements(QUERIES));
        for size in whose_benches::sizes(&[1_000, 100_000, 1_000_000]) {
            let bytes = whose_benches::snapshot(size);
            let snapshot =
                Snapshot::open(bytes.get(), Check::ByHost, &Trust::default()).expect("opens");
            let map: HashMap<String, u32> = (0..size).map(|n| (arn(n), n as u32)).collect();
            let mut random = Lcg::new(3);
            // Far more than fit a cache, so that each iteration meets other keys.
            let queries: Vec<String> = (0..QUERIES * 200)
                .map(|_| arn(offset + random.next() % size))
                .collect();
            let expected = offset == 0;
            let mut batches = queries.chunks(QUERIES as usize).cycle();
            group.bench_function(BenchmarkId::new("whose", size), |bencher| {
                bencher.iter(|| {
                    let batch = batches.next().expect("cycles");
                    let mut found = 0_usize;
                    for query in batch {
                        snapshot.holders(&Key::new(KeyType::AwsArn, "", black_box(query)), |_| {
                            found += 1
                        });
                    }
                    assert_eq!(found == batch.len(), expected);
                });
            });
            let mut batches = queries.chunks(QUERIES as usize).cycle();
            group.bench_function(BenchmarkId::new("hashbrown", size), |bencher| {
                bencher.iter(|| {
                    let batch = batches.next().expect("cycles");
                    let found = batch
                        .iter()
                        .filter(|query| map.contains_key(black_box(query.as_str())))
                        .count();
                    assert_eq!(found == batch.len(), expected);
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, lookup);
criterion_main!(benches);
