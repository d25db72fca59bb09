//! `whose-bench-allocations DATA MODULES`: what the core allocates and how much a module grows once they are warm.
//!
//! A program of its own, because counting costs the allocations of what stands beside us time.

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, ensure};
use enrich_core::{Check, Config, Enricher};
use serde_json::json;
use whose_benches::dataset::Dataset;
use whose_benches::events;
use whose_benches::module::{Attach, Compiled, Plain};
use whose_benches::random::Spread;

/// Counts what is asked of the system.
struct Counting;

static COUNT: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `GlobalAlloc::alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, len: usize) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `GlobalAlloc::realloc`.
        unsafe { System.realloc(at, layout, len) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `GlobalAlloc::dealloc`.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [data, modules] = &arguments[..] else {
        anyhow::bail!("usage: whose-bench-allocations DATA MODULES");
    };
    let dataset =
        Dataset::find(Path::new(data), 1_000).context("there is no inventory of 1,000")?;
    let snapshot = dataset.read()?;
    let lines = events::cloudtrail(&dataset.truth()?, Spread::Uniform, 10_000);
    let batches = whose_benches::batches(&lines);
    let say = |what: &str, value: f64, unit: &str| {
        println!(
            "{}",
            json!({"group": "allocations", "what": what, "size": dataset.size(), "value": value, "unit": unit})
        );
    };

    let mut enricher = Enricher::new(Config::default());
    enricher.attach(snapshot.get(), Check::All, None)?;
    let mut counts = [0; 3];
    for count in &mut counts {
        let before = COUNT.load(Ordering::Relaxed);
        for batch in &batches {
            std::hint::black_box(enricher.enrich(batch));
        }
        *count = COUNT.load(Ordering::Relaxed) - before;
    }
    // The buffers grow in the first pass; the last one is the steady state.
    ensure!(counts[0] > 0, "nothing is counted");
    say("allocations an event", counts[2] as f64 / 10_000.0, "");
    say(
        "allocations until the buffers have grown",
        counts[0] as f64,
        "",
    );

    let compiled = Compiled::new(&Path::new(modules).join("whose-plain.simd128.wasm"))?;
    say("imports", compiled.imports() as f64, "");
    let room = batches.iter().map(Vec::len).max().unwrap_or(0);
    let mut plain = Plain::start(&compiled, room, None, Some((snapshot.get(), Attach::All)))?;
    plain.enrich_all(&batches)?;
    let before = plain.memory_len();
    for _ in 0..3 {
        plain.enrich_all(&batches)?;
    }
    say(
        "growth of the module",
        (plain.memory_len() - before) as f64,
        "B",
    );
    say(
        "memory of the module beyond the snapshot",
        plain.memory_len().saturating_sub(snapshot.get().len()) as f64,
        "B",
    );
    Ok(())
}
