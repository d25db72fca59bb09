//! The steady state allocates nothing: a batch of every sort of event, enriched twice over the same
//! layers, allocates in the first pass at most.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::Path;

use common::inventory::{
    ACCOUNT, CREATED_MS, alias, full, many, many_path, many_principal, meta, role, scope,
};
use common::{Aligned, attach, build, digest, k8s_event, role_event, user_event};
use enrich_core::vocabulary::{LifecycleState, OutcomeKind, Provider};
use enrich_core::{Check, Enricher, KeyType};
use snapshots::config::InventoryConfig;
use snapshots::export::{Explicit, Quiet, export};
use snapshots::model::{Inventory, Meta};

thread_local! {
    /// Whether this thread counts.
    static ARMED: Cell<bool> = const { Cell::new(false) };
    /// How often it allocated while it did, and the longest of them in bytes.
    static COUNTED: Cell<(u64, usize)> = const { Cell::new((0, 0)) };
}

/// The system's allocator, which also counts.
struct Counting;

fn note(bytes: usize) {
    let is_armed = ARMED.try_with(Cell::get).unwrap_or(false);
    if is_armed {
        let _ = COUNTED.try_with(|counted| {
            let (count, most) = counted.get();
            counted.set((count + 1, most.max(bytes)));
        });
    }
}

// SAFETY: every call is passed on to the system's allocator unchanged; counting touches only
// thread-local cells that need neither allocation nor destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller keeps the contract of `GlobalAlloc::alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size);
        // SAFETY: the caller keeps the contract of `GlobalAlloc::realloc`.
        unsafe { System.realloc(at, layout, size) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `GlobalAlloc::dealloc`.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often `f` allocates, and the longest allocation.
fn allocations<T>(f: impl FnOnce() -> T) -> (T, u64, usize) {
    COUNTED.set((0, 0));
    ARMED.set(true);
    let out = f();
    ARMED.set(false);
    let (count, most) = COUNTED.get();
    (out, count, most)
}

/// The sample organisation's events.
fn sample_events() -> String {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../snapshots/samples/events/events.ndjson");
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn sample_snapshot() -> Aligned {
    let config = InventoryConfig::read(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("../snapshots/samples/inventory.toml"),
    )
    .unwrap();
    let exported = export(
        &config,
        &Explicit::new(CREATED_MS - 900_000, 41, 86_400),
        &mut Quiet,
    )
    .unwrap();
    build(&exported.inventory)
}

/// Events of our own: each outcome, each envelope, each sort of refusal.
fn own_events() -> String {
    let now = "2026-03-20T05:00:00Z";
    let escape = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let deployer = role_event(ACCOUNT, "ci/deployer", "AROAGOLDENDEPLOYER01", now);
    let k8s = k8s_event(
        "system:serviceaccount:payments:api",
        "5b0a1f8e-7d7e-4c55-9a53-2f0c3f5e1a01",
        "payments",
        now,
    );
    let mut lines = vec![
        deployer.clone(),
        role_event(ACCOUNT, "ci/deployer", "AROASOMEBODYELSE0001", now),
        role_event(ACCOUNT, "shop/worker", "AROAGOLDENWORKEROLD1", now),
        role_event(ACCOUNT, "shop/worker", "", "2026-03-10T20:00:00Z"),
        role_event(ACCOUNT, "nobody", "AROANOBODY0000000001", now),
        role_event("777788889999", "x", "AROAUNKNOWNUNKNOWN01", now),
        user_event(ACCOUNT, "nobody", "", "AKIAGOLDENSHARED0001", now),
        user_event(
            ACCOUNT,
            "legacy-backup",
            "AIDAGOLDENLEGACY0001",
            "AKIAGOLDENSHARED0001",
            now,
        ),
        user_event(ACCOUNT, "nobody", "", "AKIAGOLDENDEPLOYER01", "no time"),
        user_event(
            ACCOUNT,
            "nobody",
            "",
            "AKIAGOLDENLENTOUT001",
            "2026-02-10T00:00:00Z",
        ),
        k8s.clone(),
        k8s.replace(
            "\"stage\"",
            "\"impersonatedUser\":{\"username\":\"system:serviceaccount:payments:gone\"},\"stage\"",
        ),
        format!("{{\"Records\":[{deployer},{deployer}]}}"),
        format!("[{k8s},{deployer}]"),
        format!("{{\"version\":\"0\",\"time\":\"{now}\",\"detail\":{deployer}}}"),
        format!(
            "{{\"EventTime\":\"{now}\",\"CloudTrailEvent\":\"{}\"}}",
            escape(&deployer)
        ),
        format!(
            "{{\"category\":\"kube-audit\",\"properties\":{{\"log\":\"{}\"}}}}",
            escape(&k8s)
        ),
        // Escapes in values and keys, a duplicate, a forged context, upper case to fold.
        deployer.replace(
            "\"eventName\":\"GetObject\"",
            "\"event\\u004eame\":\"Get\\u004fbject\",\"whose\":{\"v\":9},\"awsRegion\":\"x\"",
        ),
        deployer.replace("\"userAgent\"", "\"whose\":1,\"whose\":2,\"userAgent\""),
        deployer.replace("AssumedRole", "AWSService").replace(
            "\"accountId\"",
            "\"invokedBy\":\"Backup.Amazonaws.com\",\"accountId\"",
        ),
        deployer.replace("198.51.100.7", "2001:db8:10::9"),
        "not json".to_owned(),
        "{\"a\":".to_owned(),
        "{\"hello\":\"world\"}".to_owned(),
        "[".repeat(200),
        String::new(),
    ];
    for n in (0..2000).step_by(61) {
        lines.push(role_event(ACCOUNT, &many_path(n), &many_principal(n), now));
    }
    lines.join("\n")
}

fn batch() -> Vec<u8> {
    let mut batch = sample_events().into_bytes();
    batch.extend_from_slice(own_events().as_bytes());
    batch.extend_from_slice(b"\r\n\xFF\xFE broken\n");
    batch
}

/// Enriches the batch until buffers have their size, then counts.
fn measure(enricher: &mut Enricher<'_>, batch: &[u8]) -> (u64, usize) {
    let first = enricher.enrich(batch).to_vec();
    enricher.enrich(batch);
    let (out_len, count, most) = allocations(|| enricher.enrich(batch).len());
    assert_eq!(out_len, first.len(), "the same batch gives the same bytes");
    assert!(enricher.enrich(batch) == first);
    (count, most)
}

#[test]
fn the_counter_counts() {
    let (_, count, most) = allocations(|| std::hint::black_box(vec![0_u8; 12_345]));
    assert_eq!((count, most), (1, 12_345));
    assert_eq!(allocations(|| ()).1, 0);
}

#[test]
fn one_shard_allocates_nothing() {
    let samples = sample_snapshot();
    let mut enricher = Enricher::new(common::config());
    attach(&mut enricher, &samples).unwrap();
    let (count, most) = measure(&mut enricher, &batch());
    assert!(
        enricher.stats().outcomes(OutcomeKind::Matched) > 400,
        "the sample events match the sample inventory"
    );
    assert_eq!(
        count, 0,
        "allocations in the steady state, the longest of {most} bytes"
    );
}

#[test]
fn several_shards_allocate_nothing() {
    let (samples, golden) = (sample_snapshot(), build(&many(2000)));
    for check in [Check::All, Check::ByHost, Check::OnFirstTouch] {
        let mut enricher = Enricher::new(common::config());
        enricher.attach(&samples, check, None).unwrap();
        enricher.attach(&golden, check, None).unwrap();
        let (count, most) = measure(&mut enricher, &batch());
        for outcome in OutcomeKind::ALL {
            assert!(
                enricher.stats().outcomes(*outcome) > 0,
                "no event with the outcome {outcome}"
            );
        }
        let stats = enricher.stats();
        assert!(
            stats.not_json > 0
                && stats.not_utf8 > 0
                && stats.too_deep > 0
                && stats.unrecognized > 0
                && stats.forged_removed > 0
        );
        assert_eq!(
            count, 0,
            "{check:?}: allocations in the steady state, the longest of {most} bytes"
        );
    }
}

#[test]
fn a_shard_and_an_overlay_allocate_nothing() {
    let base = build(&many(2000));
    let mut retired = role(ACCOUNT, &many_path(61), &many_principal(61));
    retired.lifecycle_state = LifecycleState::Deprovisioned;
    retired.retired_at_ms = Some(CREATED_MS - 86_400_000);
    let overlay = build(&Inventory {
        meta: Meta {
            overlay_of: Some(digest(&base)),
            ..meta("Golden Works", 1)
        },
        identities: vec![full().identities.remove(0), retired],
        scopes: vec![scope(Provider::Aws, ACCOUNT)],
        removed_keys: vec![alias(KeyType::AwsPrincipalId, &many_principal(122))],
        ..Inventory::default()
    });
    let mut enricher = Enricher::new(common::config());
    attach(&mut enricher, &base).unwrap();
    attach(&mut enricher, &overlay).unwrap();
    let events = batch();
    let (count, most) = measure(&mut enricher, &events);
    assert!(enricher.stats().outcomes(OutcomeKind::Retired) > 0);
    let lines = events.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(
        count, 0,
        "{count} allocations over {lines} lines, the longest of {most} bytes"
    );
}

/// Other events of the same size need no room either.
#[test]
fn new_events_of_a_known_size_allocate_nothing() {
    let bytes = build(&many(2000));
    let mut enricher = Enricher::new(common::config());
    attach(&mut enricher, &bytes).unwrap();
    let events = |from: usize| {
        let lines: Vec<String> = (from..from + 100)
            .map(|n| {
                role_event(
                    ACCOUNT,
                    &many_path(n),
                    &many_principal(n),
                    "2026-03-20T05:00:00Z",
                )
            })
            .collect();
        lines.join("\n")
    };
    let (warm, fresh) = (events(0), events(1000));
    enricher.enrich(warm.as_bytes());
    enricher.enrich(warm.as_bytes());
    let (_, count, most) = allocations(|| enricher.enrich(fresh.as_bytes()).len());
    assert_eq!(
        count, 0,
        "allocations for events not seen before, the longest of {most} bytes"
    );
    assert_eq!(enricher.stats().outcomes(OutcomeKind::Matched), 300);
}
