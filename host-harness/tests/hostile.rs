//! A guest that misbehaves: the batch leaves unchanged and is counted, a fresh instance goes on.

mod common;

use std::time::{Duration, Instant};

use common::{guest, limits, module, on_bang, returns};
use host_harness::{GuestModule, HarnessError, Layer, Limits, Session, SnapshotFile, TrapClass};

const GOOD: &[u8] = b"{\"a\":1}\n{\"b\":2}\r\nlast";
const BAD: &[u8] = b"! first\nsecond\n";

/// A session with a configuration and two layers over a guest that does `bad` on [`BAD`].
fn session(bad: &str) -> Session {
    session_with(bad, limits())
}

fn session_with(bad: &str, limits: Limits) -> Session {
    let module =
        GuestModule::from_bytes("test", &guest(&[("whose_enrich", &on_bang(bad))]), limits)
            .expect("compiles");
    let mut session = Session::open(module).expect("starts");
    session.configure(b"{}").expect("configured");
    for name in ["one", "two"] {
        session
            .attach(Layer::new(SnapshotFile::from_bytes(name, b"any bytes")))
            .expect("attached");
    }
    session
}

/// The whole promise, for one kind of misbehaviour. Returns what was reported.
fn misbehaves(session: &mut Session) -> HarnessError {
    assert_eq!(session.enrich_batch(GOOD).bytes, GOOD);
    let enriched = session.enrich_batch(BAD);
    assert_eq!(enriched.bytes, BAD, "the batch leaves unchanged");
    let failure = enriched.failure.expect("it is reported");
    assert!(!session.is_lost());
    assert_eq!(session.layers().len(), 2, "snapshots are attached again");
    let enriched = session.enrich_batch(GOOD);
    assert_eq!(enriched.bytes, GOOD);
    assert_eq!(enriched.failure, None, "the next batch goes on");
    let counters = session.counters().expect("counted");
    assert_eq!(counters.host.batches, 3);
    assert_eq!(counters.host.trapped_batches, 1);
    assert_eq!(counters.host.trapped_lines, 2);
    assert_eq!(counters.host.renewals, 1);
    // One good batch by each instance: counters outlive the instance that counted.
    assert_eq!(counters.events.events, 2);
    failure
}

fn trap(session: &mut Session) -> TrapClass {
    match misbehaves(session) {
        HarnessError::Trapped {
            call: "whose_enrich",
            trap,
        } => trap,
        other => panic!("expected a trap, got {other:?}"),
    }
}

fn output(bad: &str) -> String {
    match misbehaves(&mut session(bad)) {
        HarnessError::Output {
            call: "whose_enrich",
            what,
        } => what,
        other => panic!("expected bad output, got {other:?}"),
    }
}

#[test]
fn a_trap() {
    assert_eq!(trap(&mut session("(unreachable)")), TrapClass::Unreachable);
}

#[test]
fn an_access_outside_memory() {
    assert_eq!(
        trap(&mut session("(i32.store (i32.const -8) (i32.const 1))")),
        TrapClass::OutOfBounds
    );
}

#[test]
fn an_endless_loop_by_fuel() {
    assert_eq!(trap(&mut session("(loop $l (br $l))")), TrapClass::Fuel);
}

#[test]
fn an_endless_loop_by_time() {
    let mut limits = limits();
    limits.fuel = None;
    limits.call_deadline = Duration::from_millis(100);
    let started = Instant::now();
    assert_eq!(
        trap(&mut session_with("(loop $l (br $l))", limits)),
        TrapClass::Deadline
    );
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_memory_bomb() {
    let bomb =
        "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) (unreachable)";
    let mut session = session(bomb);
    let TrapClass::MemoryLimit { cap } = trap(&mut session) else {
        panic!("the limit is the reason")
    };
    // What the guest begins with (2 pages), its working memory, and the snapshots.
    assert_eq!(cap, (2 << 16) + (4 << 20) + 2 * b"any bytes".len());
}

#[test]
fn a_pointer_outside_memory() {
    let low = output(&returns("(i32.const 0x200000)", "(i32.const 1)"));
    assert!(
        low.starts_with("1 bytes at 0x200000 lie outside its memory of "),
        "{low}"
    );
    let high = output(&returns("(i32.const -16)", "(i32.const 32)"));
    assert!(
        high.starts_with("32 bytes at 0xfffffff0 lie outside"),
        "{high}"
    );
    let null = output(&returns("(i32.const 0)", "(i32.const 9)"));
    assert!(null.starts_with("9 bytes at 0x0 lie outside"), "{null}");
}

#[test]
fn a_wrong_number_of_lines() {
    // The input without its last line, which is seven bytes long.
    let short = output(&returns(
        "(local.get $ptr)",
        "(i32.sub (local.get $len) (i32.const 7))",
    ));
    assert_eq!(short, "1 lines for 2 lines of input");
    assert_eq!(
        output("(return (i64.const 0))"),
        "0 lines for 2 lines of input"
    );
}

#[test]
fn a_missing_line_end() {
    let cut = output(&returns(
        "(local.get $ptr)",
        "(i32.sub (local.get $len) (i32.const 1))",
    ));
    assert_eq!(cut, "line 2: another line end than its input");
}

/// What becomes of `{"a":1}` when the guest overwrites one byte of it.
fn changes(byte: u8, at: u8) -> Option<HarnessError> {
    let enrich = format!(
        "(param $ptr i32) (param $len i32) (result i64)
         (i32.store8 offset={at} (local.get $ptr) (i32.const {byte}))
         (i64.or (i64.shl (i64.extend_i32_u (local.get $ptr)) (i64.const 32)) (i64.extend_i32_u (local.get $len)))"
    );
    let mut session =
        Session::open(module(&[("whose_enrich", &enrich)]).expect("compiles")).expect("starts");
    let input = b"{\"a\":1}\n";
    let enriched = session.enrich_batch(input);
    if enriched.failure.is_some() {
        assert_eq!(enriched.bytes, input);
    }
    enriched.failure
}

#[test]
fn bytes_that_do_not_belong() {
    let what = |failure: Option<HarnessError>| match failure {
        Some(HarnessError::Output { what, .. }) => what,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        what(changes(0xFF, 2)),
        "line 1: no UTF-8 at byte 2, where its input is"
    );
    assert_eq!(
        what(changes(0, 2)),
        "line 1: a NUL byte that its input has not"
    );
    assert_eq!(
        what(changes(b'x', 0)),
        "line 1: not the JSON object or array that its input is"
    );
    assert_eq!(
        what(changes(b'\n', 3)),
        "line 1: not the JSON object or array that its input is"
    );
    assert_eq!(
        changes(b'b', 2),
        None,
        "what looks like an event may change"
    );
}

#[test]
fn an_error_code_from_enrich() {
    // The instance is sound: the batch leaves unchanged, and nothing is renewed.
    let mut session = session("(return (i64.const -17))");
    let enriched = session.enrich_batch(BAD);
    assert_eq!(enriched.bytes, BAD);
    let failure = enriched.failure.expect("reported");
    assert_eq!(failure.code(), Some(-17));
    let cause = std::error::Error::source(&failure)
        .expect("a cause")
        .to_string();
    assert_eq!(cause, "no such\\u{1b}luck!", "the sentence is escaped");
    let counters = session.counters().expect("counted");
    assert_eq!(
        (counters.host.trapped_batches, counters.host.renewals),
        (1, 0)
    );
}

#[test]
fn a_hostile_sentence() {
    for (sentence, shown) in [
        (
            "(result i64) (i64.or (i64.shl (i64.const 1024) (i64.const 32)) (i64.const 0x7fffffff))",
            "",
        ),
        ("(result i64) (unreachable)", ""),
        ("(result i64) (i64.const -1)", ""),
        (
            "(result i64) (i64.or (i64.shl (i64.const 1024) (i64.const 32)) (i64.const 60000))",
            "no such",
        ),
    ] {
        let module = module(&[("whose_last_error", sentence)]).expect("compiles");
        let mut session = Session::open(module).expect("starts");
        let error = session.lookup("x").expect_err("refused");
        assert_eq!(error.code(), Some(-16));
        let HarnessError::Key { refusal, .. } = &error else {
            panic!("{error:?}")
        };
        assert!(
            refusal.sentence.starts_with(shown) && refusal.sentence.len() < 11_000,
            "{}",
            refusal.sentence.len()
        );
        assert!(!refusal.sentence.contains(['\0', '\x1b']));
    }
}

#[test]
fn hostile_allocation() {
    for (alloc, what) in [
        (
            "(param i32 i32) (result i32) (i32.const 0x7fff0000)",
            "lie outside its memory",
        ),
        (
            "(param i32 i32) (result i32) (i32.const 4097)",
            "is not a multiple of 16",
        ),
    ] {
        let module = module(&[("whose_alloc", alloc)]).expect("compiles");
        let mut session = Session::open(module).expect("starts");
        let enriched = session.enrich_batch(GOOD);
        assert_eq!(enriched.bytes, GOOD);
        let text = enriched.failure.expect("reported").to_string();
        assert!(text.contains(what), "{text}");
    }
}

#[test]
fn refused_allocation() {
    let module =
        module(&[("whose_alloc", "(param i32 i32) (result i32) (i32.const 0)")]).expect("compiles");
    let mut session = Session::open(module).expect("starts");
    let enriched = session.enrich_batch(GOOD);
    assert_eq!(
        (enriched.bytes, enriched.failure),
        (GOOD, Some(HarnessError::NoRoom { len: GOOD.len() }))
    );
}

#[test]
fn hostile_statistics_cost_a_batch_and_not_the_run() {
    let module = module(&[("whose_stats", "(result i64) (unreachable)")]).expect("compiles");
    let mut session = Session::open(module).expect("starts");
    let enriched = session.enrich_batch(GOOD);
    assert_eq!(enriched.bytes, GOOD);
    assert!(enriched.failure.is_some());
    assert!(session.counters().is_err());
    assert!(!session.is_lost());
}

#[test]
fn keys_must_be_objects() {
    let mut session = Session::open(module(&[]).expect("compiles")).expect("starts");
    assert_eq!(session.keys(b"{}\n{}\n").expect("objects"), b"{}\n{}\n");
    let error = session.keys(b"x\n").expect_err("not an object");
    assert_eq!(
        error.to_string(),
        "the module returned something wrong from whose_keys: line 1: not a JSON object"
    );
    assert_eq!(session.keys(b"{}\n").expect("a fresh instance"), b"{}\n");
}

#[test]
fn a_snapshot_on_which_the_guest_traps() {
    let attach = "(param $ptr i32) (param $len i32) (param $flags i32) (param $now i64) (result i32)
        (if (result i32) (i32.eq (i32.load8_u (local.get $ptr)) (i32.const 88)) (then (unreachable)) (else (i32.const 0)))";
    let module = module(&[("whose_attach", attach)]).expect("compiles");
    let mut session = Session::open(module).expect("starts");
    session
        .attach(Layer::new(SnapshotFile::from_bytes("good", b"g")))
        .expect("attached");
    let error = session
        .attach(Layer::new(SnapshotFile::from_bytes("bomb", b"X")))
        .expect_err("traps");
    assert!(matches!(
        error,
        HarnessError::Trapped {
            call: "whose_attach",
            ..
        }
    ));
    assert_eq!(session.layers().len(), 1, "the one before stays attached");
    assert_eq!(session.enrich_batch(GOOD).failure, None);
}

#[test]
fn when_no_fresh_instance_can_take_over_events_still_flow() {
    // Accepts a snapshot only at an address that it does not get again in a fresh instance.
    let attach =
        "(param $ptr i32) (param $len i32) (param $flags i32) (param $now i64) (result i32)
        (select (i32.const 0) (i32.const -14) (i32.gt_u (local.get $ptr) (i32.const 100000)))";
    let enrich = on_bang("(unreachable)");
    let module = module(&[("whose_attach", attach), ("whose_enrich", &enrich)]).expect("compiles");
    let mut session = Session::open(module).expect("starts");
    // The input buffer of the first batch lies before the snapshot; in a fresh instance nothing does.
    assert_eq!(session.enrich_batch(GOOD).failure, None);
    session
        .attach(Layer::new(SnapshotFile::from_bytes("picky", b"g")))
        .expect("attached");
    let enriched = session.enrich_batch(BAD);
    assert_eq!(enriched.bytes, BAD);
    let failure = enriched.failure.expect("reported");
    assert_eq!(
        failure.to_string(),
        "no fresh instance could take over; events leave unchanged"
    );
    assert_eq!(failure.code(), Some(-14));
    assert!(session.is_lost());
    let enriched = session.enrich_batch(GOOD);
    assert_eq!(enriched.bytes, GOOD);
    assert!(enriched.failure.is_some());
    // A swap is the way out, and nothing that was counted is lost.
    session.swap(&[]).expect("swapped");
    assert_eq!(session.enrich_batch(GOOD).failure, None);
    let counters = session.counters().expect("counted");
    assert_eq!(
        (
            counters.events.events,
            counters.host.batches,
            counters.host.trapped_batches
        ),
        (2, 4, 2)
    );
}

#[test]
fn a_module_must_be_a_plain_guest() {
    let error = |bytes: &[u8]| {
        GuestModule::from_bytes("test", bytes, limits())
            .expect_err("refused")
            .to_string()
    };
    let text = |text: &str| wat::parse_str(text).expect("valid text");
    assert_eq!(
        error(&text(
            "(module (import \"env\" \"now\" (func)) (import \"env\" \"log\" (func)))"
        )),
        "module test imports 2 items, `env.now` first; a plain guest imports nothing"
    );
    assert!(
        error(&text("(module)")).contains("must export `memory` as a 32-bit memory, found nothing")
    );
    assert!(error(b"not wasm").contains("is not a WebAssembly module"));
    assert_eq!(
        error(&guest(&[(
            "whose_detach",
            "(param i64) (result i32) (i32.const 0)"
        )])),
        "module test must export `whose_detach` as (i32) -> i32, found (i64) -> (i32); is it a guest of ABI version 1?"
    );
    assert_eq!(
        error(&guest(&[(
            "whose_abi_version",
            "(result i32) (i32.const 2)"
        )])),
        "module test has ABI version 2, this host speaks 1; use a module and a host of one release"
    );
}
