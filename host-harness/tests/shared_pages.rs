//! What mapped snapshots cost: instances share their pages, and a swap leaves nothing behind.
//!
//! Counts the whole process, so that its tests take turns and have a program of their own.
#![cfg(target_os = "linux")]

mod common;

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Barrier, Mutex, PoisonError};

use common::guest;
use host_harness::{Access, GuestModule, Layer, Limits, Session, SnapshotFile};

static TURN: Mutex<()> = Mutex::new(());

const MIB: usize = 1 << 20;
/// Reads a byte of each page of its snapshot when it is attached, and refuses one that has none.
const READS_ALL: &str =
    "(param $ptr i32) (param $len i32) (param $flags i32) (param $now i64) (result i32)
     (local $at i32) (local $sum i32)
     (loop $next
       (local.set $sum (i32.add (local.get $sum)
         (i32.load8_u (i32.add (local.get $ptr) (local.get $at)))))
       (local.set $at (i32.add (local.get $at) (i32.const 4096)))
       (br_if $next (i32.lt_u (local.get $at) (local.get $len))))
     (select (i32.const 0) (i32.const -4) (local.get $sum))";

/// Kilobytes that `/proc/self/FILE` says under a name, in bytes.
fn kilobytes(file: &str, name: &str) -> usize {
    let text = std::fs::read_to_string(format!("/proc/self/{file}")).expect("Linux");
    let line = text.lines().find(|line| line.starts_with(name));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number
        .expect("a number")
        .parse::<usize>()
        .expect("a number")
        << 10
}

/// A file that is published under its name by a rename, opened.
fn big_file(folder: &Path, mib: usize) -> SnapshotFile {
    let (next, path) = (folder.join("next"), folder.join("s.whose"));
    let mut file = File::create(&next).expect("created");
    for _ in 0..mib {
        file.write_all(&[b's'; MIB]).expect("written");
    }
    std::fs::rename(next, &path).expect("renamed");
    let file = SnapshotFile::open(&path, Access::Mapped).expect("opened");
    assert!(file.is_mapped());
    file
}

fn session(module: &std::sync::Arc<GuestModule>, file: &SnapshotFile) -> Session {
    let mut session = Session::open(module.clone()).expect("starts");
    session.attach(Layer::new(file.clone())).expect("attached");
    session
}

fn module() -> std::sync::Arc<GuestModule> {
    GuestModule::from_bytes(
        "test",
        &guest(&[("whose_attach", READS_ALL)]),
        Limits::default(),
    )
    .expect("compiles")
}

#[test]
fn instances_on_several_threads_share_the_pages() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let place = tempfile::tempdir().expect("a temporary folder");
    let file = big_file(place.path(), 64);
    let module = module();
    let _first = session(&module, &file);
    let pss = || kilobytes("smaps_rollup", "Pss:");
    let dirty = || kilobytes("smaps_rollup", "Private_Dirty:");
    let (pss_before, dirty_before) = (pss(), dirty());
    const THREADS: usize = 8;
    let (ready, measured) = (Barrier::new(THREADS + 1), Barrier::new(THREADS + 1));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut session = session(&module, &file);
                let failure = session.enrich_batch(b"{}\n").failure;
                ready.wait();
                measured.wait();
                assert_eq!(failure, None);
            });
        }
        ready.wait();
        let (pss, dirty) = (
            pss().saturating_sub(pss_before),
            dirty().saturating_sub(dirty_before),
        );
        let resident = kilobytes("smaps_rollup", "Rss:");
        measured.wait();
        // Each has all 64 MiB in its own page tables, and they are the same pages.
        assert!(resident > THREADS * 64 * MIB, "{resident}");
        assert!(
            pss < THREADS * 2 * MIB,
            "{pss} bytes more for {THREADS} instances"
        );
        assert!(dirty < THREADS * 2 * MIB, "{dirty} private bytes more");
    });
}

#[test]
fn swaps_leave_no_address_space_behind() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let place = tempfile::tempdir().expect("a temporary folder");
    let module = module();
    let mut session = session(&module, &big_file(place.path(), 1));
    let maps = || {
        std::fs::read_to_string("/proc/self/maps")
            .expect("Linux")
            .lines()
            .count()
    };
    let mut swap = |count: usize| {
        for number in 0..count {
            let next = big_file(place.path(), 1 + number % 3);
            session.swap(&[Layer::new(next)]).expect("swapped");
            assert_eq!(session.enrich_batch(b"{}\n").failure, None);
        }
    };
    swap(20);
    let before = (
        maps(),
        kilobytes("status", "VmSize:"),
        kilobytes("status", "VmRSS:"),
    );
    swap(300);
    let after = (
        maps(),
        kilobytes("status", "VmSize:"),
        kilobytes("status", "VmRSS:"),
    );
    assert!(
        after.0 < before.0 + 10,
        "maps: {} and {}",
        before.0,
        after.0
    );
    // One instance that stayed would add more than 4 GiB of addresses.
    assert!(
        after.1 < before.1 + (1 << 30),
        "addresses: {} and {}",
        before.1,
        after.1
    );
    assert!(
        after.2 < before.2 + 8 * MIB,
        "resident: {} and {}",
        before.2,
        after.2
    );
}
