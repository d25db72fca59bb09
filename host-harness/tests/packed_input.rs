//! Events that come packed with gzip or zstd, in files and on standard input, whole and damaged.

#[path = "common/inventory.rs"]
mod inventory;
#[path = "common/place.rs"]
mod place;

use std::io::Write;

use inventory::{EVENT, snapshot};
use place::{Place, code, err, out};

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(text).expect("packed");
    packer.finish().expect("packed")
}

fn zstd(text: &[u8]) -> Vec<u8> {
    zstd::encode_all(text, 1).expect("packed")
}

fn place(events: &[u8]) -> Place {
    let place = Place::new();
    place.put("s.whose", snapshot(1));
    place.put("plain.ndjson", events);
    place.put("events.ndjson.gz", gzip(events));
    // Told by its bytes and not by its name.
    place.put("events.ndjson", zstd(events));
    place
}

#[test]
fn every_command_that_reads_events_unpacks_them() {
    let events = format!("{EVENT}\n{{}}\n{EVENT}\n");
    let place = place(events.as_bytes());
    place.put("t.whose", snapshot(2));
    for command in [
        &["enrich", "--native", "--snapshot", "s.whose"][..],
        &[
            "enrich",
            "--native",
            "--snapshot",
            "s.whose",
            "--threads",
            "2",
        ],
        &["keys", "--native"],
        &["keys", "--explain"],
        &["explain", "--snapshot", "s.whose"],
        &["replay", "--native", "--json", "s.whose", "t.whose"],
    ] {
        let of = |file: &str, input: &[u8]| {
            let output = place.run(&[command, &[file]].concat(), input);
            assert_eq!(code(&output), Some(0), "{command:?}: {}", err(&output));
            out(&output)
        };
        let plain = of("plain.ndjson", b"");
        assert!(!plain.is_empty());
        assert_eq!(of("events.ndjson.gz", b""), plain, "{command:?}");
        assert_eq!(of("events.ndjson", b""), plain, "{command:?}");
        assert_eq!(of("-", &gzip(events.as_bytes())), plain, "{command:?}");
        assert_eq!(of("-", &zstd(events.as_bytes())), plain, "{command:?}");
    }
}

#[test]
fn packed_and_plain_files_follow_each_other() {
    let place = place(b"{\"a\":1}");
    let output = place.run(
        &[
            "enrich",
            "--native",
            "--snapshot",
            "s.whose",
            "events.ndjson.gz",
            "plain.ndjson",
            "events.ndjson",
        ],
        b"",
    );
    assert_eq!(out(&output), "{\"a\":1}\n{\"a\":1}\n{\"a\":1}");
}

#[test]
fn what_was_unpacked_before_damage_is_passed_on() {
    let events: Vec<u8> = (0..200_000_u32)
        .flat_map(|line| format!("{{\"n\":{}}}\n", line.wrapping_mul(2_654_435_761)).into_bytes())
        .collect();
    for (name, packed) in [("gzip", gzip(&events)), ("zstd", zstd(&events))] {
        let half = packed.len() / 2;
        let place = place(b"");
        place.put("cut", &packed[..half]);
        let mut damaged = packed;
        damaged[half..half + 100].fill(0xFF);
        place.put("damaged", &damaged);
        for threads in ["1", "3"] {
            let run = |file: &str, input: &[u8]| {
                let arguments = [
                    "enrich",
                    "--native",
                    "--snapshot",
                    "s.whose",
                    "--threads",
                    threads,
                    file,
                ];
                let output = place.run(&arguments, input);
                assert_eq!(code(&output), Some(1));
                // Whole lines, and nothing else, up to about where it breaks off.
                assert!(
                    output.stdout.len() > events.len() / 4,
                    "{}",
                    output.stdout.len()
                );
                assert!(events.starts_with(&output.stdout) && output.stdout.ends_with(b"\n"));
                err(&output)
            };
            assert_eq!(
                run("cut", b""),
                format!(
                    "error: cut cannot be read\ncaused by: its {name} data ends early, at byte {half}: it was cut off\n"
                )
            );
            let text = run("damaged", b"");
            let start = format!(
                "error: damaged cannot be read\ncaused by: its {name} data is damaged before byte "
            );
            assert!(text.starts_with(&start), "{text}");
            let text = run("-", &damaged);
            assert!(
                text.starts_with("error: standard input cannot be read\n"),
                "{text}"
            );
        }
    }
}
