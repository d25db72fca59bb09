//! The corpus of every target, and inputs made from it and from seeds, in a few seconds.

use whose_fuzz::corpus::{self, Seed};
use whose_fuzz::probe::{Probe, Refusal};
use whose_fuzz::random::Random;
use whose_fuzz::{TARGETS, change, enrich, generate, keys, scan};

/// Fewer without optimisation, where each takes many times as long.
const fn rounds(count: u64) -> u64 {
    if cfg!(debug_assertions) {
        count / 10
    } else {
        count
    }
}

fn seeds(target: &str) -> Vec<Seed> {
    let seeds = corpus::read(&corpus::folder(target)).unwrap();
    assert!(seeds.len() >= 5, "{target} has {} seeds", seeds.len());
    seeds
}

/// Calls a check and says for which input it panicked.
fn hold(name: &str, check: fn(&[u8]), input: &[u8], which: &dyn std::fmt::Display) {
    if std::panic::catch_unwind(|| check(input)).is_err() {
        panic!("{name}, {which}: {}", input.escape_ascii());
    }
}

#[test]
fn the_corpus_holds() {
    for target in TARGETS {
        for seed in seeds(target.name) {
            let path = seed.path.display();
            hold(target.name, target.check, &seed.bytes, &path);
        }
    }
}

#[test]
fn every_folder_of_the_corpus_is_a_target() {
    let root = corpus::folder("");
    for entry in std::fs::read_dir(root).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(whose_fuzz::target(&name).is_some(), "{name}");
    }
}

#[test]
fn generated_documents_hold() {
    for seed in 0..rounds(6000) {
        let text = generate::document(&mut Random::new(seed), seed % 2 == 0);
        hold("scan", scan::check, text.as_bytes(), &seed);
    }
}

#[test]
fn generated_batches_hold() {
    for seed in 0..rounds(600) {
        let mut random = Random::new(seed);
        let mut batch = String::new();
        for _ in 0..random.below(5) {
            let line = generate::document(&mut random, false);
            batch.push_str(&match random.below(3) {
                0 => format!("[{line},{line}]"),
                1 => format!("{{\"Records\":[{line},{line}]}}"),
                _ => line,
            });
            batch.push_str(["\n", "\r\n", "\n\n"][random.below(3)]);
        }
        if random.is_one_in(2) {
            batch.pop();
        }
        hold("enrich", enrich::check, batch.as_bytes(), &seed);
        hold("keys", keys::check, batch.as_bytes(), &seed);
    }
}

/// Seeds with damage, those of every target.
#[test]
fn changed_seeds_hold() {
    for target in TARGETS {
        let seeds = seeds(target.name);
        let count = match target.name {
            "config" => 10_000,
            "scan" => 4000,
            "snapshot" => 150,
            _ => 1200,
        };
        for number in 0..rounds(count) {
            let input = change::changed(number, &seeds);
            hold(target.name, target.check, &input, &number);
        }
    }
}

/// What a scanner has met before changes how long a scan takes and never what it finds: one that has
/// seen thousands of documents, damaged ones among them, finds in each what a new one finds.
#[test]
fn what_was_met_before_changes_nothing() {
    use whose_fuzz::pointers::FIXED;

    let seeds = seeds("scan");
    let mut old = Probe::new(FIXED);
    let mut texts = Vec::new();
    for number in 0..rounds(3000) {
        let mut random = Random::new(number);
        texts.push(generate::document(&mut random, number % 2 == 0));
        let changed = change::changed(number, &seeds);
        texts.extend(String::from_utf8(changed));
        // The same member behind a brace, behind a value and behind nothing.
        for (before, after) in [("{", ""), ("{,", ""), ("{\"a\":1", ""), ("{\"a\":{", "}")] {
            texts.push(format!(
                "{before}\"b\":[{{\"c\":2}}]{after},\"a\":\"{number}\"}}"
            ));
        }
    }
    let (mut found, mut refused) = (0, 0);
    for text in texts.iter().chain(&texts) {
        let mut new = Probe::new(FIXED);
        let line = text.replace('\n', " ");
        let result = old.line(&line, 0);
        assert_eq!(result, new.line(&line, 0), "{line:?}");
        assert_eq!(old.inner(text, 0), new.inner(text, 0), "{text:?}");
        match result {
            Ok(_) => found += 1,
            Err(_) => refused += 1,
        }
    }
    assert!(found > 100 && refused > 100, "{found} {refused}");
}

/// As deep as allowed and one deeper, one bracket more than `serde_json` reads: what is looked
/// into, what is skipped, and with control characters, which take another way through the scanner.
#[test]
fn depth_ends_where_it_is_said_to() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("{\"b\":", "}")] {
        for blank in ["", "\t"] {
            for depth in 1..140_usize {
                let inside = depth - 1;
                let text = format!(
                    "{{\"a\":{blank}{}0{}}}",
                    open.repeat(inside),
                    close.repeat(inside)
                );
                let below = "/a".repeat(inside.clamp(1, 130));
                for pointers in [&["/x"][..], &["/a"], &["/a/0/0", "/a/a/a"], &[&below]] {
                    let mut probe = Probe::new(pointers);
                    for result in [probe.line(&text, 0), probe.inner(&text, 0)] {
                        match result {
                            Ok(scan) => assert!(depth <= 128 && scan.end == text.len(), "{depth}"),
                            Err(Refusal::TooDeep) => assert!(depth > 128, "{depth}"),
                            Err(refusal) => panic!("{refusal:?} at {depth}"),
                        }
                    }
                }
                // Against `serde_json` near its own limit; the check itself takes long on these.
                if depth > 120 {
                    scan::check(text.as_bytes());
                }
            }
        }
    }
}
