//! How the command line brings snapshots in: mapped or copied, when they are checked, what may not be
//! written over.

#[path = "common/inventory.rs"]
mod inventory;
#[path = "common/place.rs"]
mod place;

use std::path::Path;

use inventory::{EVENT, FRIEND, STRANGER, public_key, real_module, signed, snapshot};
use place::{Place, code, err, out};

/// `--native`, and the guest when it is built.
fn engines() -> Vec<Vec<String>> {
    let mut engines = vec![vec!["--native".to_owned()]];
    if let Some(module) = real_module() {
        let module = module.to_str().expect("UTF-8").to_owned();
        engines.push(vec!["--module".to_owned(), module, "--no-cache".to_owned()]);
    }
    engines
}

/// Runs `enrich` over one event that every engine is given; the output of all is the same.
fn enrich(place: &Place, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut all: Vec<(Option<i32>, String, String)> = Vec::new();
    for engine in engines() {
        let mut whole = vec!["enrich"];
        whole.extend(engine.iter().map(String::as_str));
        whole.extend(arguments);
        let output = place.run(&whole, format!("{EVENT}\n").as_bytes());
        all.push((code(&output), out(&output), err(&output)));
    }
    assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{all:?}");
    all.swap_remove(0)
}

#[test]
fn mapped_and_copied_give_the_same_and_it_is_told() {
    let place = Place::new();
    place.put("s.whose", snapshot(1));
    let mapped = enrich(&place, &["--snapshot", "s.whose", "--stats"]);
    let copied = enrich(
        &place,
        &[
            "--snapshot",
            "s.whose",
            "--stats",
            "--snapshot-access",
            "copied",
        ],
    );
    assert_eq!(mapped.1, copied.1);
    assert!(mapped.1.contains("\"whose\":{"));
    let expected = if cfg!(unix) { "mapped" } else { "copied" };
    let last = format!("snapshot s.whose: {expected}\n");
    assert!(mapped.2.ends_with(&last), "{}", mapped.2);
    assert!(
        copied.2.ends_with("snapshot s.whose: copied\n"),
        "{}",
        copied.2
    );
    let json = enrich(&place, &["--snapshot", "s.whose", "--json"]).2;
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(
        json["snapshots"],
        serde_json::json!([{ "file": "s.whose", "access": expected }])
    );
    assert_eq!(json["events"], 1);
}

#[cfg(unix)]
#[test]
fn what_is_not_safe_to_map_is_copied_with_the_reason() {
    use std::os::unix::fs::PermissionsExt;

    let place = Place::new();
    let path = place.put("s.whose", snapshot(1));
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o666)).expect("set");
    let stats = enrich(&place, &["--snapshot", "s.whose", "--stats"]).2;
    let last = "snapshot s.whose: copied, because everybody may write to it\n";
    assert!(stats.ends_with(last), "{stats}");
    // From a pipe.
    place.put("events.ndjson", format!("{EVENT}\n"));
    for engine in engines() {
        let mut arguments = vec![
            "enrich",
            "--snapshot",
            "/dev/stdin",
            "--stats",
            "events.ndjson",
        ];
        arguments.extend(engine.iter().map(String::as_str));
        let output = place.run(&arguments, &snapshot(1));
        assert_eq!(code(&output), Some(0), "{}", err(&output));
        assert!(out(&output).contains("\"whose\":{"));
        let last = "snapshot /dev/stdin: copied, because it is not a regular file\n";
        assert!(err(&output).ends_with(last), "{}", err(&output));
    }
}

#[test]
fn integrity_is_checked_when_it_is_said() {
    let place = Place::new();
    let whole = signed(1, &FRIEND);
    place.put("s.whose", &whole);
    place.put("friend.pub", public_key(&FRIEND));
    place.put("stranger.pub", public_key(&STRANGER));
    let integrity = |arguments: &[&str]| {
        let mut all = vec!["--snapshot", "s.whose"];
        all.extend(arguments);
        let (code, out, err) = enrich(&place, &all);
        assert_eq!(code, Some(0), "{err}");
        let event: serde_json::Value = serde_json::from_str(&out).expect("JSON");
        event["whose"]["snapshot"]["integrity"]
            .as_str()
            .map(str::to_owned)
    };
    let said = |word: &str| Some(word.to_owned());
    assert_eq!(integrity(&[]), said("unverified"));
    for when in ["all", "first-touch"] {
        assert_eq!(integrity(&["--integrity", when]), said("unverified"));
        let trusted = ["--integrity", when, "--trust", "friend.pub"];
        assert_eq!(integrity(&trusted), said("verified"));
    }
    assert_eq!(integrity(&["--integrity", "by-host"]), said("by_host"));
    // Who asks for a signature is not given up on it.
    let (code, _, text) = enrich(
        &place,
        &[
            "--snapshot",
            "s.whose",
            "--integrity",
            "by-host",
            "--trust",
            "friend.pub",
        ],
    );
    assert_eq!(code, Some(2));
    assert!(
        text.contains("--integrity by-host checks no signature"),
        "{text}"
    );
    let (code, _, text) = enrich(
        &place,
        &[
            "--snapshot",
            "s.whose",
            "--integrity",
            "first-touch",
            "--trust",
            "stranger.pub",
        ],
    );
    assert_eq!(code, Some(1), "{text}");
}

#[test]
fn a_damaged_snapshot_is_met_when_its_check_is() {
    let place = Place::new();
    let mut damaged = snapshot(1);
    let text = damaged
        .windows(9)
        .position(|window| window == b"Northwind")
        .expect("the organization is in it");
    damaged[text] ^= 1;
    place.put("s.whose", &damaged);
    // Refused before the first event.
    let (code, out, err) = enrich(&place, &["--snapshot", "s.whose"]);
    assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
    assert!(err.contains("does not have its digest"), "{err}");
    // The event needs the damaged part: it leaves as it came, and the run has failed.
    let (code, out, err) = enrich(
        &place,
        &["--snapshot", "s.whose", "--integrity", "first-touch"],
    );
    assert_eq!((code, out), (Some(1), format!("{EVENT}\n")), "{err}");
    assert!(
        err.contains("1 lines left without context because a snapshot is damaged"),
        "{err}"
    );
    // Whoever vouches for the bytes gets what they say.
    let (code, out, err) = enrich(&place, &["--snapshot", "s.whose", "--integrity", "by-host"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("by_host"));
}

#[test]
fn an_output_that_is_an_input_or_a_snapshot_is_refused() {
    let place = Place::new();
    let whole = snapshot(1);
    let path = place.put("s.whose", &whole);
    place.put("events.ndjson", EVENT);
    let refused = |arguments: &[&str], text: &str| {
        let mut all = vec!["--snapshot", "s.whose"];
        all.extend(arguments);
        let (code, out, err) = enrich(&place, &all);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{err}");
        assert!(err.contains(text), "{err}");
    };
    refused(
        &["events.ndjson", "--out", "events.ndjson"],
        "events.ndjson is both input and --out; name another file",
    );
    refused(
        &["--out", "s.whose"],
        "s.whose is both --snapshot and --out; name another file",
    );
    refused(&["--out", "./s.whose"], "is both --snapshot and --out");
    #[cfg(unix)]
    {
        std::fs::hard_link(&path, path.with_file_name("link")).expect("linked");
        refused(&["--out", "link"], "is both --snapshot and --out");
    }
    assert_eq!(std::fs::read(&path).expect("read"), whole);
}

#[test]
fn a_dash_is_standard_output() {
    let place = Place::new();
    place.put("s.whose", snapshot(1));
    let plain = enrich(&place, &["--snapshot", "s.whose"]);
    assert_eq!(
        enrich(&place, &["--snapshot", "s.whose", "--out", "-"]),
        plain
    );
    assert!(!Path::new(&place.0.path().join("-")).exists());
    for page in ["--table", "--pretty"] {
        let (code, out, err) = enrich(&place, &["--snapshot", "s.whose", "--out", "-", page]);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{err}");
        assert!(err.contains("--out - is taken"), "{err}");
    }
}

#[test]
fn the_other_commands_take_the_same_options() {
    let place = Place::new();
    place.put("s.whose", snapshot(1));
    place.put("t.whose", snapshot(2));
    place.put("events.ndjson", EVENT);
    let key = "aws_arn:arn:aws:iam::111122223333:user/x";
    for command in [
        &["lookup", key, "--snapshot", "s.whose", "--native"][..],
        &["explain", "--snapshot", "s.whose", "events.ndjson"],
        &["replay", "s.whose", "t.whose", "events.ndjson", "--native"],
    ] {
        let plain = place.run(command, b"");
        for integrity in ["all", "first-touch", "by-host"] {
            for access in ["mapped", "copied"] {
                let options = ["--integrity", integrity, "--snapshot-access", access];
                let output = place.run(&[command, &options].concat(), b"");
                assert_eq!(code(&output), code(&plain), "{}", err(&output));
                // Only what `integrity` says of itself differs.
                if integrity != "by-host" {
                    assert_eq!(out(&output), out(&plain));
                }
            }
        }
    }
}
