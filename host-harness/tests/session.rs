//! Sessions over a guest that behaves: layers, handles, configuration, swap.

mod common;

use common::{module, on_bang};
use host_harness::{Check, HarnessError, Layer, Session, SnapshotFile};

fn layer(name: &str, bytes: &[u8]) -> Layer {
    Layer::new(SnapshotFile::from_bytes(name, bytes))
}

/// Names of the attached layers.
fn names(session: &Session) -> Vec<String> {
    session
        .layers()
        .iter()
        .map(|layer| layer.snapshot.name().to_owned())
        .collect()
}

#[test]
fn a_refused_snapshot_is_named_and_the_others_stay() {
    let mut session = Session::open(module(&[]).expect("compiles")).expect("starts");
    session.attach(layer("good.whose", b"x")).expect("attached");
    let error = session
        .attach(layer("empty.whose", b""))
        .expect_err("refused");
    assert_eq!(error.to_string(), "snapshot empty.whose is refused");
    assert_eq!(error.code(), Some(-6));
    assert_eq!(names(&session), ["good.whose"]);
    assert_eq!(session.enrich_batch(b"{}\n").bytes, b"{}\n");
}

#[test]
fn a_swap_replaces_all_or_nothing() {
    let mut session = Session::open(module(&[]).expect("compiles")).expect("starts");
    let old = session.attach(layer("old", b"x")).expect("attached");
    assert!(
        session
            .swap(&[layer("new", b"x"), layer("empty", b"")])
            .is_err()
    );
    assert_eq!(names(&session), ["old"]);
    let new = session
        .swap(&[layer("new-1", b"x"), layer("new-2", b"y")])
        .expect("swapped");
    assert_eq!(names(&session), ["new-1", "new-2"]);
    assert_eq!(
        session.detach(old),
        Err(HarnessError::UnknownHandle { handle: 0 })
    );
    session.detach(new[0]).expect("detached");
    assert_eq!(names(&session), ["new-2"]);
}

#[test]
fn counters_outlive_a_swap() {
    let mut session = Session::open(module(&[]).expect("compiles")).expect("starts");
    session.enrich_batch(b"{}\n");
    session.enrich_batch(b"{}\n");
    session.swap(&[]).expect("swapped");
    session.enrich_batch(b"{}\n");
    let counters = session.counters().expect("counted");
    assert_eq!(
        (
            counters.events.events,
            counters.host.batches,
            counters.host.renewals
        ),
        (3, 3, 0)
    );
}

#[test]
fn a_refused_configuration_changes_nothing() {
    let configure = "(param $ptr i32) (param $len i32) (result i32)
        (select (i32.const 0) (i32.const -3) (i32.eq (local.get $len) (i32.const 2)))";
    let mut session = Session::open(module(&[("whose_configure", configure)]).expect("compiles"))
        .expect("starts");
    session.configure(b"{}").expect("accepted");
    session.attach(layer("a", b"x")).expect("attached");
    let error = session.configure(b"{ }").expect_err("refused");
    assert_eq!(
        (error.to_string().as_str(), error.code()),
        ("the configuration is refused", Some(-3))
    );
    assert_eq!(names(&session), ["a"]);
    session
        .configure(b"[]")
        .expect("accepted, and the layer is attached again");
    assert_eq!(names(&session), ["a"]);
}

#[test]
fn flags_and_time_reach_the_guest() {
    // Refuses with a code made of both.
    let attach =
        "(param $ptr i32) (param $len i32) (param $flags i32) (param $now i64) (result i32)
        (i32.sub (i32.const -100) (i32.add (local.get $flags) (i32.wrap_i64 (local.get $now))))";
    let mut session =
        Session::open(module(&[("whose_attach", attach)]).expect("compiles")).expect("starts");
    let mut code = |layer: Layer| session.attach(layer).expect_err("refused").code();
    assert_eq!(code(layer("a", b"x")), Some(-100));
    assert_eq!(
        code(layer("a", b"x").with_check(Check::ByHost).at(10)),
        Some(-111)
    );
    assert_eq!(
        code(layer("a", b"x").with_check(Check::OnFirstTouch)),
        Some(-102)
    );
}

#[test]
fn a_batch_larger_than_any_before_fits() {
    let mut session = Session::open(module(&[]).expect("compiles")).expect("starts");
    for len in [10, 300 << 10, 20, 700 << 10] {
        let mut line = vec![b'x'; len];
        line.push(b'\n');
        let enriched = session.enrich_batch(&line);
        assert_eq!((enriched.failure, enriched.bytes.len()), (None, len + 1));
    }
}

#[test]
fn what_was_checked_once_is_not_read_again_after_a_failure() {
    // Remembers the flags, and refuses each key with a code made of them.
    let module = module(&[
        (
            "whose_attach",
            "(param $ptr i32) (param $len i32) (param $flags i32) (param $now i64) (result i32)
             (global.set $layers (local.get $flags)) (i32.const 0)",
        ),
        (
            "whose_lookup",
            "(param $ptr i32) (param $len i32) (result i64)
             (i64.sub (i64.const -1000) (i64.extend_i32_u (global.get $layers)))",
        ),
        ("whose_enrich", &on_bang("(unreachable)")),
    ]);
    let module = module.expect("compiles");
    for (check, first, later) in [
        (Check::All, -1000, -1002),
        (Check::ByHost, -1001, -1001),
        (Check::OnFirstTouch, -1002, -1002),
    ] {
        let mut session = Session::open(module.clone()).expect("starts");
        let layer = layer("a", b"x").with_check(check);
        session.attach(layer.clone()).expect("attached");
        let flags = |session: &mut Session| session.lookup("x").expect_err("refused").code();
        assert_eq!(flags(&mut session), Some(first));
        assert!(session.enrich_batch(b"!\n").failure.is_some());
        assert_eq!(flags(&mut session), Some(later));
        // What is new is checked as it says.
        session.swap(&[layer]).expect("swapped");
        assert_eq!(flags(&mut session), Some(first));
    }
}
