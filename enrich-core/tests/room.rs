//! Contexts have a bound: a line of very many tiny events leaves without any, and is counted.

use std::path::Path;

use enrich_core::{Check, Config, Enricher};
use rkyv::util::AlignedVec;
use snapshots::config::InventoryConfig;
use snapshots::export::{Explicit, Quiet, export_snapshot};

const EVENT: &str = r#"{"eventVersion":"1.11","eventName":"GetUser","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::444455556666:user/ci/storefront-release"}}"#;

fn sample() -> AlignedVec<64> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../snapshots/samples/inventory.toml");
    let config = InventoryConfig::read(&file).expect("the sample configuration is good");
    let explicit = Explicit::new(1_773_985_500_000, 41, 0);
    let (bytes, _) = export_snapshot(&config, &explicit, &mut Quiet).expect("the samples load");
    let mut aligned = AlignedVec::new();
    aligned.extend_from_slice(&bytes);
    aligned
}

fn envelope(events: usize) -> String {
    let list = vec![EVENT; events].join(",");
    format!("{{\"Records\":[{list}]}}")
}

#[test]
fn a_line_that_would_become_many_times_as_long_leaves_without_context() {
    let snapshot = sample();
    let config = Config::from_json(br#"{"detail":"full"}"#).expect("a configuration");
    let mut enricher = Enricher::new(config);
    enricher
        .attach(&snapshot, Check::All, None)
        .expect("attaches");

    let few = envelope(50);
    let enriched = String::from_utf8(enricher.enrich(few.as_bytes()).to_vec()).expect("UTF-8");
    assert_eq!(enriched.matches("\"whose\":{\"v\":1").count(), 50);
    assert_eq!(enricher.stats().no_room, 0);

    let many = envelope(20_000);
    let forged = many.replacen("{\"Records\"", "{\"whose\":1,\"Records\"", 1);
    let batch = format!("{forged}\n{EVENT}\n");
    let out = String::from_utf8(enricher.enrich(batch.as_bytes()).to_vec()).expect("UTF-8");
    let (first, second) = out.split_once('\n').expect("two lines");
    assert_eq!(first, many, "as it came, without what was forged");
    assert!(
        second.contains("\"whose\":{\"v\":1"),
        "the next line is read"
    );
    let stats = enricher.stats();
    assert_eq!((stats.no_room, stats.forged_removed), (1, 1));
}

#[test]
fn room_for_a_batch_can_be_asked_for() {
    let mut enricher = Enricher::new(Config::default());
    assert!(enricher.make_room(1 << 16));
    assert!(!enricher.make_room(usize::MAX / 2));
    assert_eq!(enricher.enrich(b"{}\n"), b"{}\n");
}
