//! `whose enrich --threads`: the same bytes as with one worker, bounded memory, everything counted.

mod common;
#[path = "common/inventory.rs"]
mod inventory;
#[path = "common/place.rs"]
mod place;

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use inventory::{EVENT, real_module, snapshot};
use place::{Place, code, err, out};

/// Lines of many lengths, some of them events, with every kind of line end.
fn events(lines: usize) -> Vec<u8> {
    let mut all = Vec::new();
    for line in 0..lines {
        match line % 7 {
            0 | 3 => all.extend_from_slice(EVENT.as_bytes()),
            1 => all.extend_from_slice(format!("{{\"line\":{line}}}").as_bytes()),
            2 => all.extend_from_slice(b"no JSON"),
            4 => all.extend_from_slice(EVENT.replace("AIDA", "AROA").as_bytes()),
            5 => all.extend(std::iter::repeat_n(b'x', line % 5000)),
            _ => {}
        }
        all.extend_from_slice(if line % 11 == 0 { b"\r\n" } else { b"\n" });
    }
    all
}

/// `--native`, and the guest when it is built.
fn engines() -> Vec<Vec<String>> {
    let mut engines = vec![vec!["--native".to_owned()]];
    if let Some(module) = real_module() {
        let module = module.to_str().expect("UTF-8").to_owned();
        engines.push(vec!["--module".to_owned(), module, "--no-cache".to_owned()]);
    }
    engines
}

#[test]
fn any_number_of_workers_gives_the_same_bytes_and_counters() {
    let place = Place::new();
    place.put("s.whose", snapshot(1));
    place.put("a.ndjson", events(20_000));
    place.put("b.ndjson", "");
    place.put("c.ndjson", "{\"no line end\":1}");
    place.put("d.ndjson", events(100));
    for engine in engines() {
        let run = |threads: &str, more: &[&str]| {
            let mut arguments = vec!["enrich", "--snapshot", "s.whose", "--threads", threads];
            arguments.extend([
                "c.ndjson", "a.ndjson", "b.ndjson", "c.ndjson", "-", "d.ndjson",
            ]);
            arguments.extend(engine.iter().map(String::as_str));
            arguments.extend(more);
            let output = place.run(&arguments, b"{\"stdin\":1}");
            assert_eq!(code(&output), Some(0), "{}", err(&output));
            output
        };
        let one = run("1", &["--json"]);
        let counted = |text: &str| {
            let mut counters: serde_json::Value = serde_json::from_str(text).expect("JSON");
            // How many batches there are depends on what a read of standard input brings.
            counters["host"]["batches"].take();
            counters
        };
        for threads in ["2", "3", "8"] {
            let several = run(threads, &["--json"]);
            assert!(several.stdout == one.stdout, "{threads} threads");
            assert_eq!(counted(&err(&several)), counted(&err(&one)));
        }
        // What is for a person reads the same lines in the same order.
        for page in ["--pretty", "--table"] {
            let (one, several) = (run("1", &[page]), run("3", &[page]));
            assert!(one.stdout.len() > 1000, "{page}");
            assert!(one.stdout == several.stdout, "{page}");
        }
    }
}

#[test]
fn failures_of_all_workers_are_added_up() {
    let place = Place::new();
    place.put("s.whose", b"any bytes");
    let trap = common::on_bang("(unreachable)");
    place.put("trap.wasm", common::guest(&[("whose_enrich", &trap)]));
    // A file is a batch of its own.
    for file in 0..40 {
        let text = if file % 4 == 0 { "! a\nb\n" } else { "c\n" };
        place.put(&format!("{file:02}.ndjson"), text);
    }
    let names: Vec<String> = (0..40).map(|file| format!("{file:02}.ndjson")).collect();
    let mut arguments = vec!["enrich", "--snapshot", "s.whose", "--module", "trap.wasm"];
    arguments.extend(["--no-cache", "--threads", "4", "--json"]);
    arguments.extend(names.iter().map(String::as_str));
    let output = place.run(&arguments, b"");
    assert_eq!(code(&output), Some(1));
    assert_eq!(out(&output), "! a\nb\nc\nc\nc\n".repeat(10));
    let text = err(&output);
    assert!(
        text.contains("\"batches\":40,\"trapped_batches\":10,\"trapped_lines\":20,\"renewals\":10"),
        "{text}"
    );
    assert!(text.contains("error: 10 batches with 20 lines left without context\ncaused by: the module failed in whose_enrich: it panicked or aborted\n"), "{text}");
}

#[test]
fn an_input_that_cannot_be_read_ends_the_run_after_what_came_before() {
    let place = Place::new();
    place.put("s.whose", snapshot(1));
    place.put("a.ndjson", events(5000));
    let output = place.run(
        &[
            "enrich",
            "--snapshot",
            "s.whose",
            "--native",
            "--threads",
            "3",
            "a.ndjson",
            "none.ndjson",
        ],
        b"",
    );
    assert_eq!(code(&output), Some(1));
    assert!(err(&output).starts_with("error: events file none.ndjson cannot be read\n"));
    let alone = place.run(
        &["enrich", "--snapshot", "s.whose", "--native", "a.ndjson"],
        b"",
    );
    assert!(output.stdout == alone.stdout);
}

#[test]
fn a_refused_snapshot_is_told_once() {
    let place = Place::new();
    place.put("cut.whose", &snapshot(1)[..400]);
    let output = place.run(
        &[
            "enrich",
            "--snapshot",
            "cut.whose",
            "--native",
            "--threads",
            "3",
        ],
        b"",
    );
    assert_eq!(code(&output), Some(1));
    assert_eq!(
        err(&output).matches("cut.whose").count(),
        1,
        "{}",
        err(&output)
    );
}

fn start(place: &Place, threads: &str) -> std::process::Child {
    Command::new(env!("CARGO_BIN_EXE_whose"))
        .args([
            "enrich",
            "--snapshot",
            "s.whose",
            "--native",
            "--threads",
            threads,
        ])
        .current_dir(place.0.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts")
}

#[test]
fn a_slow_reader_holds_the_input_up_and_nothing_is_lost() {
    let place = Place::new();
    place.put("s.whose", snapshot(1));
    let input = events(60_000);
    assert!(input.len() > 24 << 20, "{}", input.len());
    let alone = place.run(&["enrich", "--snapshot", "s.whose", "--native"], &input);
    let mut child = start(&place, "3");
    let mut stdin = child.stdin.take().expect("piped");
    let taken = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&taken);
    let feeder = std::thread::spawn(move || {
        for piece in input.chunks(16 << 10) {
            stdin.write_all(piece).expect("taken");
            counted.fetch_add(piece.len(), Ordering::Relaxed);
        }
    });
    // Until nothing moves any more.
    let mut before = usize::MAX;
    while taken.load(Ordering::Relaxed) != before {
        before = taken.load(Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(500));
    }
    // 12 jobs of at most 256 KiB each way, what is being read, and the pipes.
    assert!(before > 0 && before < 6 << 20, "{before} bytes were taken");
    let mut output = Vec::new();
    let mut stdout = child.stdout.take().expect("piped");
    stdout.read_to_end(&mut output).expect("read");
    feeder.join().expect("all was taken");
    assert!(child.wait().expect("ends").success());
    assert!(output == alone.stdout);
}

#[test]
fn a_reader_that_leaves_ends_the_run() {
    let place = Place::new();
    place.put("s.whose", snapshot(1));
    for threads in ["1", "3"] {
        let mut child = start(&place, threads);
        let mut stdin = child.stdin.take().expect("piped");
        let mut stdout = child.stdout.take().expect("piped");
        stdin.write_all(&events(100)).expect("taken");
        let mut first = [0; 10];
        stdout.read_exact(&mut first).expect("a first event");
        drop(stdout);
        let input = events(40_000);
        // The program leaves before it has taken everything.
        assert!(stdin.write_all(&input).is_err(), "{threads} threads");
        drop(stdin);
        let output = child.wait_with_output().expect("ends");
        assert_eq!((code(&output), err(&output)), (Some(0), String::new()));
    }
}

#[test]
fn one_event_goes_through_before_the_next_comes() {
    let place = Place::new();
    place.put("s.whose", snapshot(1));
    let mut child = start(&place, "4");
    let mut stdin = child.stdin.take().expect("piped");
    let mut stdout = child.stdout.take().expect("piped");
    for _ in 0..5 {
        stdin
            .write_all(format!("{EVENT}\n").as_bytes())
            .expect("taken");
        let mut line = Vec::new();
        let mut byte = [0];
        while byte != *b"\n" {
            stdout.read_exact(&mut byte).expect("it comes");
            line.extend_from_slice(&byte);
        }
        assert!(line.len() > EVENT.len());
    }
    drop(stdin);
    assert!(child.wait().expect("ends").success());
}
