//! `whose bench`: every measurement is there and makes sense; what cannot be measured is said.

#[path = "common/inventory.rs"]
mod inventory;
#[path = "common/place.rs"]
mod place;

use inventory::{EVENT, real_module, snapshot};
use place::{Place, code, err, out};
use serde_json::Value;

fn place() -> Place {
    let place = Place::new();
    place.put("s.whose", snapshot(1));
    place.put("events.ndjson", format!("{EVENT}\n").repeat(500));
    place
}

fn positive(value: &Value) {
    let [median, least, most] = ["median", "least", "most"].map(|name| value[name].as_f64());
    assert!(
        least > Some(0.0) && least <= median && median <= most,
        "{value}"
    );
    assert!(value["repetitions"].as_u64() >= Some(2), "{value}");
}

/// Runs it with an engine and gives its JSON.
fn bench(engine: &[&str]) -> Value {
    let place = place();
    let mut arguments = vec!["bench", "--snapshot", "s.whose", "events.ndjson", "--json"];
    arguments.extend(["--repetitions", "2", "--threads", "2", "--instances", "3"]);
    arguments.extend(engine);
    let output = place.run(&arguments, b"");
    assert_eq!(code(&output), Some(0), "{}", err(&output));
    let json: Value = serde_json::from_str(&out(&output)).expect("JSON");
    assert_eq!(json["events"], 500);
    assert_eq!(json["event_bytes"], 500 * (EVENT.len() + 1));
    assert_eq!(json["snapshots"][0]["file"], "s.whose");
    assert_eq!(json["snapshots"][0]["is_mapped"], cfg!(unix));
    for time in ["process_ms", "instance_ms", "attach_ms"] {
        positive(&json[time]);
    }
    if cfg!(target_os = "linux") {
        assert_eq!(json["growth"]["instances"], 3);
    }
    json
}

/// Engine and workers of each speed.
fn speeds(json: &Value) -> Vec<(String, u64)> {
    let speeds = json["speeds"].as_array().expect("an array");
    speeds
        .iter()
        .map(|speed| {
            positive(&speed["events_per_s"]);
            positive(&speed["mb_per_s"]);
            let engine = speed["engine"].as_str().expect("a word").to_owned();
            (engine, speed["threads"].as_u64().expect("a number"))
        })
        .collect()
}

#[test]
fn without_a_module() {
    let json = bench(&["--native"]);
    assert_eq!(speeds(&json), [("native".into(), 1), ("native".into(), 2)]);
    assert_eq!(
        (&json["module_ms"], &json["wasm_over_native"]),
        (&Value::Null, &Value::Null)
    );
}

#[test]
fn with_a_module_both_are_measured() {
    let Some(module) = real_module() else { return };
    let module = module.to_str().expect("UTF-8").to_owned();
    let json = bench(&["--module", &module, "--integrity", "by-host"]);
    positive(&json["module_ms"]);
    assert!(json["wasm_over_native"].as_f64() > Some(0.0));
    let both = [("wasm", 1), ("native", 1), ("wasm", 2), ("native", 2)];
    assert_eq!(
        speeds(&json),
        both.map(|(engine, threads)| (engine.to_owned(), threads))
    );
}

#[test]
fn for_a_person() {
    let output = place().run(
        &[
            "bench",
            "--native",
            "--snapshot",
            "s.whose",
            "events.ndjson",
            "--repetitions",
            "1",
        ],
        b"",
    );
    assert_eq!(code(&output), Some(0), "{}", err(&output));
    let text = out(&output);
    for line in [
        "500 events, ",
        "snapshot s.whose: ",
        "a process that enriches one event ",
        "snapshot opened to first enriched event ",
        "native, 1 worker ",
    ] {
        assert!(
            text.lines().any(|found| found.starts_with(line)),
            "{line}: {text}"
        );
    }
}

#[test]
fn what_cannot_be_measured() {
    let place = place();
    place.put("empty.ndjson", "");
    place.put("other.ndjson", "no event\n");
    place.put("damaged.whose", &snapshot(1)[..500]);
    for (events, snapshot, exit, text) in [
        ("-", "s.whose", 2, "standard input can be read once only"),
        ("empty.ndjson", "s.whose", 1, "empty.ndjson is empty"),
        (
            "other.ndjson",
            "s.whose",
            1,
            "there is no event of a known format",
        ),
        (
            "none.ndjson",
            "s.whose",
            1,
            "events file none.ndjson cannot be read",
        ),
        (
            "events.ndjson",
            "damaged.whose",
            1,
            "snapshot damaged.whose is refused",
        ),
    ] {
        let arguments = [
            "bench",
            "--native",
            "--snapshot",
            snapshot,
            events,
            "--repetitions",
            "1",
        ];
        let output = place.run(&arguments, b"");
        assert_eq!(code(&output), Some(exit), "{}", err(&output));
        assert!(err(&output).contains(text), "{}", err(&output));
        assert_eq!(out(&output), "");
    }
}
