//! Mapped snapshots: what a guest writes stays its own, and a file that changes is refused.
#![cfg(unix)]

mod common;
#[path = "common/inventory.rs"]
mod inventory;

use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::{module, on_bang};
use host_harness::{
    Access, Backend, Check, GuestModule, HarnessError, Layer, Limits, Native, Session,
    SnapshotFile, TrapClass,
};
use inventory::{EVENT, real_module, snapshot};

/// Remembers where the snapshot lies.
const REMEMBERING: &str =
    "(param $ptr i32) (param $len i32) (param $flags i32) (param $now i64) (result i32)
     (global.set $layers (local.get $ptr)) (i32.const 0)";
/// Refuses every key with a code that is made of the snapshot's first byte.
const FIRST_BYTE: &str = "(param $ptr i32) (param $len i32) (result i64)
     (i64.sub (i64.const -1000) (i64.extend_i32_u (i32.load8_u (global.get $layers))))";

fn place(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let place = tempfile::tempdir().expect("a temporary folder");
    let path = place.path().join("s.whose");
    std::fs::write(&path, bytes).expect("written");
    (place, path)
}

fn mapped(path: &Path) -> SnapshotFile {
    let file = SnapshotFile::open(path, Access::Mapped).expect("opened");
    assert!(file.is_mapped(), "{:?}", file.copied_because());
    file
}

/// A session over a guest that does `bad` on a batch with `!`, with the file attached.
fn session(bad: &str, file: &SnapshotFile) -> Session {
    let module = module(&[
        ("whose_attach", REMEMBERING),
        ("whose_lookup", FIRST_BYTE),
        ("whose_enrich", &on_bang(bad)),
    ]);
    let mut session = Session::open(module.expect("compiles")).expect("starts");
    session.attach(Layer::new(file.clone())).expect("attached");
    session
}

/// What an instance sees as the first byte of its snapshot.
fn first_byte(session: &mut Session) -> u8 {
    let code = session.lookup("x").expect_err("always refused").code();
    u8::try_from(-1000 - code.expect("a code")).expect("a byte")
}

#[test]
fn what_a_guest_writes_is_its_own() {
    let (_place, path) = place(&[b'a'; 200_000]);
    let file = mapped(&path);
    let scribble = "(memory.fill (global.get $layers) (i32.const 122) (i32.const 200000))";
    let (mut bad, mut other) = (session(scribble, &file), session(scribble, &file));
    assert_eq!((first_byte(&mut bad), first_byte(&mut other)), (b'a', b'a'));
    let enriched = bad.enrich_batch(b"! scribble\n");
    assert_eq!(
        (enriched.bytes, enriched.failure),
        (&b"! scribble\n"[..], None)
    );
    assert_eq!(first_byte(&mut bad), b'z');
    // Neither the other instance, nor one that comes later, nor the host, nor the file.
    assert_eq!(first_byte(&mut other), b'a');
    assert_eq!(first_byte(&mut session(scribble, &file)), b'a');
    assert!(file.bytes().iter().all(|byte| *byte == b'a'));
    assert_eq!(std::fs::read(&path).expect("read"), [b'a'; 200_000]);
    // One whose instance was replaced begins with the file again.
    bad.swap(&[Layer::new(file.clone())]).expect("swapped");
    assert_eq!(first_byte(&mut bad), b'a');
}

#[test]
fn what_lies_behind_a_mapped_file_still_traps() {
    let (_place, path) = place(&[b'a'; 100]);
    let file = mapped(&path);
    let mut session = session(
        "(drop (i32.load (i32.shl (memory.size) (i32.const 16))))",
        &file,
    );
    let failure = session.enrich_batch(b"!\n").failure;
    let trapped = HarnessError::Trapped {
        call: "whose_enrich",
        trap: TrapClass::OutOfBounds,
    };
    assert_eq!(failure, Some(trapped));
    // A fresh instance has taken over, with the file.
    assert_eq!(first_byte(&mut session), b'a');
    assert_eq!(session.enrich_batch(b"{}\n").failure, None);
}

#[test]
fn an_output_inside_the_snapshot_is_not_taken() {
    let (_place, path) = place(b"! one\n{\"a\":1}\n");
    let file = mapped(&path);
    let echo_of_snapshot = "(return (i64.or
        (i64.shl (i64.extend_i32_u (global.get $layers)) (i64.const 32)) (i64.const 6)))";
    let mut session = session(echo_of_snapshot, &file);
    let enriched = session.enrich_batch(b"! one\n");
    assert_eq!(enriched.bytes, b"! one\n");
    let failure = enriched.failure.expect("reported").to_string();
    assert!(failure.ends_with("lie in a snapshot"), "{failure}");
}

#[test]
fn room_is_used_again() {
    let (_place, path) = place(b"");
    let big = OpenOptions::new().write(true).open(&path).expect("opened");
    big.set_len(1 << 30).expect("a file without blocks");
    let mut session = Session::open(module(&[]).expect("compiles")).expect("starts");
    // Ten times a gibibyte would not fit into one memory.
    for _ in 0..10 {
        let first = session.attach(Layer::new(mapped(&path))).expect("fits");
        let second = session.attach(Layer::new(mapped(&path))).expect("fits");
        session.detach(second).expect("detached");
        session.detach(first).expect("detached");
    }
    let three = [(); 3].map(|()| session.attach(Layer::new(mapped(&path))));
    assert!(three.iter().all(Result::is_ok));
    let error = session
        .attach(Layer::new(mapped(&path)))
        .expect_err("does not fit");
    assert!(
        matches!(error, HarnessError::SnapshotTooLarge { need, .. } if need == 1 << 30),
        "{error}"
    );
    // What cannot be given to a guest is refused, and what was attached goes on.
    assert_eq!(session.enrich_batch(b"{}\n").failure, None);
}

/// Every backend that there is, each with a file of its own attached, which holds `bytes`.
fn backends(bytes: &[u8], each: impl Fn(&Path, &mut dyn Backend<'_>)) {
    let (_place, path) = place(bytes);
    // Times of files move in steps of a few milliseconds.
    std::thread::sleep(Duration::from_millis(30));
    let file = mapped(&path);
    let mut native = Native::default();
    Backend::attach(&mut native, &file, Check::All, None).expect("attached");
    each(&path, &mut native);
    if let Some(module) = real_module() {
        let (_place, path) = place(bytes);
        std::thread::sleep(Duration::from_millis(30));
        let module = GuestModule::from_file(&module, Limits::default());
        let mut session = Session::open(module.expect("a plain guest")).expect("starts");
        session.attach(Layer::new(mapped(&path))).expect("attached");
        each(&path, &mut session);
    }
}

fn event() -> Vec<u8> {
    format!("{EVENT}\n").into_bytes()
}

/// An event gets its context, and after the change the next ones get none.
fn refused_after(change: impl Fn(&Path), what: &str) {
    backends(&snapshot(1), |path, backend| {
        let event = event();
        assert!(backend.enrich(&event).bytes.len() > event.len());
        change(path);
        for _ in 0..2 {
            let enriched = backend.enrich(&event);
            assert_eq!(enriched.bytes, event);
            let failure = enriched.failure.expect("reported");
            let text = failure.to_string();
            assert!(
                text.contains(what) && text.contains("by renaming it into place"),
                "{text}"
            );
            assert!(!failure.ends_instance());
        }
        assert!(backend.keys(&event).is_err());
        assert!(backend.lookup("aws_arn:x").is_err());
        let counters = backend.counters().expect("counted");
        assert_eq!(
            (
                counters.host.trapped_batches,
                counters.host.trapped_lines,
                counters.host.renewals,
                counters.events.events
            ),
            (2, 2, 0, 1)
        );
    });
}

#[test]
fn a_file_that_is_written_in_place_is_refused() {
    refused_after(
        |path| {
            let mut file = OpenOptions::new().write(true).open(path).expect("opened");
            file.seek(SeekFrom::Start(500)).expect("sought");
            file.write_all(b"x").expect("written");
        },
        "it was written to",
    );
}

#[test]
fn a_file_that_is_truncated_is_refused_before_it_is_read() {
    refused_after(
        |path| {
            let file = OpenOptions::new().write(true).open(path).expect("opened");
            file.set_len(0).expect("truncated");
        },
        "bytes and has 0",
    );
}

#[test]
fn setting_the_time_back_does_not_help() {
    refused_after(
        |path| {
            let modified = path
                .metadata()
                .and_then(|metadata| metadata.modified())
                .expect("a time");
            let mut file = OpenOptions::new().write(true).open(path).expect("opened");
            file.seek(SeekFrom::End(-1)).expect("sought");
            file.write_all(b"\xFE").expect("written");
            file.set_modified(modified).expect("set");
        },
        "digest",
    );
}

#[test]
fn a_snapshot_that_is_replaced_by_a_rename_goes_on_as_it_was() {
    backends(&snapshot(1), |path, backend| {
        let event = event();
        let before = backend.enrich(&event).bytes.to_vec();
        assert!(before.len() > event.len());
        // Moved away, a newer one published in its place, deleted: the open file's content stays.
        let moved = path.with_extension("old");
        let next = path.with_extension("next");
        std::fs::write(&next, snapshot(2)).expect("written");
        std::fs::rename(path, &moved).expect("renamed");
        std::fs::rename(&next, path).expect("renamed");
        let enriched = backend.enrich(&event);
        assert_eq!((enriched.failure, enriched.bytes), (None, &before[..]));
        std::fs::remove_file(&moved).expect("removed");
        let enriched = backend.enrich(&event);
        assert_eq!((enriched.failure, enriched.bytes), (None, &before[..]));
    });
}

#[test]
fn a_changed_file_cannot_be_attached() {
    let (_place, path) = place(&snapshot(1));
    let file = mapped(&path);
    std::fs::write(&path, b"short").expect("written");
    let mut session = Session::open(module(&[]).expect("compiles")).expect("starts");
    let error = session.attach(Layer::new(file)).expect_err("refused");
    assert!(
        matches!(&error, HarnessError::SnapshotChanged { file, what }
            if file.ends_with("s.whose") && what.ends_with("bytes and has 5")),
        "{error}"
    );
    assert_eq!(session.enrich_batch(b"{}\n").failure, None);
}
