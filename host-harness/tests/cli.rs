//! The command line: bytes in and out, exit codes, error lines.

mod common;
#[path = "common/inventory.rs"]
mod inventory;
#[path = "common/place.rs"]
mod place;

use std::path::Path;
use std::process::{Command, Stdio};

use place::{Place, code, err, out};

use inventory::{EVENT, FRIEND, public_key, signed, snapshot};

#[test]
fn bytes_pass_as_they_came() {
    let place = Place::new();
    place.put("echo.wasm", common::guest(&[]));
    place.put("s.whose", b"any bytes");
    let enrich = [
        "enrich",
        "--snapshot",
        "s.whose",
        "--module",
        "echo.wasm",
        "--no-cache",
    ];
    for input in [&b""[..], b"\n", b"{}", b"{}\r\n{}\r\nlast", b"a\n\n\nb\n"] {
        let output = place.run(&enrich, input);
        assert_eq!((code(&output), err(&output)), (Some(0), String::new()));
        assert_eq!(output.stdout, input);
    }
    let big: Vec<u8> = (0..40_000)
        .flat_map(|line| format!("{{\"line\":{line},\"padding\":\"0123456789\"}}\n").into_bytes())
        .collect();
    assert_eq!(place.run(&enrich, &big).stdout, big);
}

#[test]
fn files_that_lack_a_last_newline_stay_apart() {
    let place = Place::new();
    place.put("s.whose", snapshot(1));
    place.put("a.ndjson", "{\"a\":1}");
    place.put("b.ndjson", "");
    place.put("c.ndjson", "{\"c\":1}\n");
    place.put("d.ndjson", "{\"d\":1}");
    let output = place.run(
        &[
            "enrich",
            "a.ndjson",
            "b.ndjson",
            "c.ndjson",
            "-",
            "d.ndjson",
            "--snapshot",
            "s.whose",
            "--native",
            "--trust",
            "k.pub",
        ],
        b"",
    );
    assert_eq!(code(&output), Some(1), "{}", err(&output));
    let module = place.put("echo.wasm", common::guest(&[]));
    let arguments = [
        "enrich",
        "a.ndjson",
        "b.ndjson",
        "c.ndjson",
        "-",
        "d.ndjson",
        "--snapshot",
        "s.whose",
        "--no-cache",
        "--module",
        module.to_str().expect("UTF-8"),
    ];
    let output = place.run(&arguments, b"{\"stdin\":1}");
    assert_eq!(
        out(&output),
        "{\"a\":1}\n{\"c\":1}\n{\"stdin\":1}\n{\"d\":1}"
    );
}

#[test]
fn a_guest_that_fails_costs_context_and_not_events() {
    let place = Place::new();
    place.put("s.whose", b"any bytes");
    place.put(
        "trap.wasm",
        common::guest(&[("whose_enrich", &common::on_bang("(unreachable)"))]),
    );
    let arguments = [
        "enrich",
        "--snapshot",
        "s.whose",
        "--module",
        "trap.wasm",
        "--no-cache",
        "--json",
    ];
    let output = place.run(&arguments, b"!\nb\n");
    assert_eq!((code(&output), out(&output)), (Some(1), "!\nb\n".into()));
    let text = err(&output);
    assert!(
        text.contains("\"trapped_batches\":1,\"trapped_lines\":2"),
        "{text}"
    );
    assert!(text.contains("error: 1 batches with 2 lines left without context\ncaused by: the module failed in whose_enrich: it panicked or aborted\n"), "{text}");
}

#[test]
fn a_refused_snapshot_is_a_failure_with_its_file_and_reason() {
    let place = Place::new();
    place.put("cut.whose", &snapshot(1)[..100]);
    place.put("unsigned.whose", snapshot(1));
    place.put("key.pub", public_key(&FRIEND));
    place.put("kept.ndjson", "kept");
    let output = place.run(
        &[
            "enrich",
            "--native",
            "--snapshot",
            "cut.whose",
            "--out",
            "kept.ndjson",
        ],
        EVENT.as_bytes(),
    );
    assert_eq!((code(&output), out(&output)), (Some(1), String::new()));
    assert!(
        err(&output).starts_with(
            "error: snapshot cut.whose is refused\ncaused by: snapshot is cut off: 100 bytes of 320"
        ),
        "{}",
        err(&output)
    );
    assert_eq!(
        std::fs::read(place.0.path().join("kept.ndjson")).expect("still there"),
        b"kept"
    );
    let output = place.run(
        &[
            "enrich",
            "--native",
            "--snapshot",
            "unsigned.whose",
            "--trust",
            "key.pub",
        ],
        b"",
    );
    assert_eq!(code(&output), Some(1));
    assert!(
        err(&output).contains("caused by: snapshot is not signed"),
        "{}",
        err(&output)
    );
    let output = place.run(
        &[
            "enrich",
            "--native",
            "--snapshot",
            "unsigned.whose",
            "--refuse-expired",
        ],
        b"",
    );
    assert_eq!(code(&output), Some(1));
    assert!(
        err(&output).contains("caused by: snapshot expired at 2026-03-21T06:00:00Z"),
        "{}",
        err(&output)
    );
    let output = place.run(&["enrich", "--native", "--snapshot", "none.whose"], b"");
    assert_eq!(code(&output), Some(1));
    assert!(
        err(&output).starts_with("error: snapshot none.whose cannot be read\ncaused by: "),
        "{}",
        err(&output)
    );
}

#[test]
fn trust_takes_public_keys_only() {
    let place = Place::new();
    place.put("s.whose", signed(1, &FRIEND));
    place.put("good.pub", format!("{}\n", public_key(&FRIEND)));
    place.put(
        "private",
        "whose-private-ed25519:c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlY3JldA==\n",
    );
    place.put("other", "ssh-ed25519 AAAA");
    place.put("long", [b'x'; 5000]);
    let run = |key: &str| {
        place.run(
            &[
                "enrich",
                "--native",
                "--snapshot",
                "s.whose",
                "--trust",
                key,
            ],
            EVENT.as_bytes(),
        )
    };
    let output = run("good.pub");
    assert_eq!(code(&output), Some(0), "{}", err(&output));
    assert!(
        out(&output).contains("\"integrity\":\"verified\""),
        "{}",
        out(&output)
    );
    for (key, says) in [
        ("private", "error: private holds a private key"),
        ("other", "error: other is no public key file"),
        (
            "long",
            "error: long has 5000 bytes and is no public key file",
        ),
        (
            "none",
            "error: public key file none cannot be read\ncaused by: ",
        ),
    ] {
        let output = run(key);
        assert_eq!(code(&output), Some(1));
        assert!(err(&output).starts_with(says), "{}", err(&output));
        assert!(
            !err(&output).contains("c2VjcmV0"),
            "a private key is never printed"
        );
    }
}

#[test]
fn a_missing_module_is_explained() {
    let place = Place::new();
    place.put("s.whose", snapshot(1));
    // A copy of the program, so that nothing lies beside it.
    let program = place.0.path().join("whose");
    std::fs::copy(env!("CARGO_BIN_EXE_whose"), &program).expect("copied");
    let run = |module: Option<&str>| {
        let mut command = Command::new(&program);
        command
            .args(["keys"])
            .stdin(Stdio::null())
            .env_remove("WHOSE_MODULE");
        if let Some(module) = module {
            command.env("WHOSE_MODULE", module);
        }
        // A test beside this one that starts a program while the copy is written keeps it open for a
        // moment.
        loop {
            match command.output() {
                Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => {
                    std::thread::sleep(std::time::Duration::from_millis(10));
                }
                output => break output.expect("runs"),
            }
        }
    };
    let output = run(None);
    assert_eq!(code(&output), Some(1));
    assert!(
        err(&output).starts_with("error: no module found (WHOSE_MODULE is not set, "),
        "{}",
        err(&output)
    );
    assert!(
        err(&output).contains("`cargo xtask demo`") && err(&output).contains("--module FILE"),
        "{}",
        err(&output)
    );
    let output = run(Some("missing.wasm"));
    assert!(
        err(&output).starts_with("error: module missing.wasm cannot be read"),
        "{}",
        err(&output)
    );
}

#[test]
fn usage_mistakes_exit_with_two() {
    let place = Place::new();
    let snapshot = place.put("s.whose", snapshot(1));
    let snapshot = snapshot.to_str().expect("UTF-8");
    place.put("e.ndjson", "{}\n");
    for arguments in [
        &["enrich"][..],
        &["frobnicate"],
        &[
            "enrich",
            "--snapshot",
            snapshot,
            "--default-domain",
            "prod-eu",
        ],
        &[
            "enrich",
            "--snapshot",
            snapshot,
            "--native",
            "--module",
            "x.wasm",
        ],
        &[
            "enrich",
            "e.ndjson",
            "--snapshot",
            snapshot,
            "--native",
            "--out",
            "e.ndjson",
        ],
        &["lookup", "no-key", "--snapshot", snapshot, "--native"],
    ] {
        let output = place.run(arguments, b"");
        assert_eq!(code(&output), Some(2), "{arguments:?}: {}", err(&output));
        assert!(err(&output).starts_with("error: "), "{}", err(&output));
    }
    assert_eq!(
        std::fs::read(place.0.path().join("e.ndjson")).expect("still there"),
        b"{}\n"
    );
    assert_eq!(code(&place.run(&["--help"], b"")), Some(0));
}

#[test]
fn a_key_that_nobody_holds_exits_with_three() {
    let place = Place::new();
    place.put("s.whose", snapshot(1));
    let run = |key: &str, more: &[&str]| {
        place.run(
            &[&["lookup", key, "--snapshot", "s.whose", "--native"], more].concat(),
            b"",
        )
    };
    let output = run("aws_arn:arn:aws:iam::111122223333:user/x", &[]);
    assert_eq!(code(&output), Some(3), "{}", err(&output));
    assert!(
        out(&output).starts_with("aws_arn:arn:aws:iam::111122223333:user/x: not_found ("),
        "{}",
        out(&output)
    );
    let output = run("k8s_user@prod:system:serviceaccount:a:b", &["--json"]);
    assert_eq!(code(&output), Some(3));
    assert!(
        out(&output).contains("\"outcome\":\"out_of_scope\""),
        "{}",
        out(&output)
    );
}

#[test]
fn keys_give_one_object_for_each_line() {
    let place = Place::new();
    let input = format!("{EVENT}\nnot json\n\n{EVENT}");
    let output = place.run(&["keys", "--native"], input.as_bytes());
    assert_eq!(code(&output), Some(0), "{}", err(&output));
    let lines: Vec<serde_json::Value> = out(&output)
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let numbers: Vec<_> = lines.iter().map(|line| line["line"].as_u64()).collect();
    assert_eq!(numbers, [Some(1), Some(2), Some(3), Some(4)]);
    assert_eq!(lines[0]["format"], "aws_cloudtrail");
    assert_eq!(lines[0]["identities"], lines[3]["identities"]);
}

#[test]
fn keys_are_explained_for_a_person() {
    let place = Place::new();
    let session = br#"{"eventVersion":"1.11","userIdentity":{"type":"AssumedRole","principalId":"AROA4EXPLAINROLE7QWZK:ci\u001b[31m","arn":"arn:aws:sts::111122223333:assumed-role/deployer/ci","accountId":"111122223333","sessionContext":{"sessionIssuer":{"principalId":"AROA4EXPLAINROLE7QWZK","arn":"arn:aws:iam::111122223333:role/ci/deployer"}}},"eventTime":"2026-03-20T06:00:00Z","eventSource":"s3.amazonaws.com","eventName":"GetObject"}
{"kind":"gateway","who":{"client":"abc"}}
not JSON
{"kind":"else"}
"#;
    place.put(
        "config.json",
        r#"{"mappings":[{"name":"gateway","when":{"/kind":"gateway"},
            "identities":[{"role":"actor","keys":[{"type":"okta_client_id","value":"/who/client"}]}]}]}"#,
    );
    let output = place.run(&["keys", "--explain", "--config", "config.json"], session);
    assert_eq!(code(&output), Some(0), "{}", err(&output));
    let text = out(&output);
    let session = "/userIdentity/sessionContext/sessionIssuer";
    for expected in [
        "line 1: aws_cloudtrail, 2026-03-20T06:00:00Z  /eventTime\n  actor\n".to_owned(),
        format!("    aws_principal_id AROA4EXPLAINROLE7QWZK  {session}/principalId\n"),
        format!("    aws_arn arn:aws:iam::111122223333:role/ci/deployer  {session}/arn\n"),
        "assumed-role/deployer/ci  /userIdentity/arn: names a session".to_owned(),
        "    action s3.amazonaws.com:GetObject\n".to_owned(),
        "line 2: mapped, no time\n  actor\n    okta_client_id abc  /who/client; has no domain: \
         give --default-domain mapped=DOMAIN"
            .to_owned(),
        "line 3: not read, it is no JSON\n".to_owned(),
        "line 4: unknown;".to_owned(),
    ] {
        assert!(text.contains(&expected), "{expected} in {text}");
    }
    assert!(!text.contains('\u{1b}'), "terminal codes are escaped");

    place.put("wrong.json", "{\"mappings\":[\n{\"name\":\"x\"}]}");
    let output = place.run(&["keys", "--config", "wrong.json", "--native"], b"");
    assert_eq!(code(&output), Some(1));
    let error = err(&output);
    let expected = "line 2, column 1: a mapping needs `when`";
    assert!(
        error.contains("wrong.json") && error.contains(expected),
        "{error}"
    );
}

#[test]
fn a_module_is_checked() {
    let place = Place::new();
    place.put("good.wasm", common::guest(&[]));
    place.put("bad.wasm", common::guest(&[("whose_free", "(param i32)")]));
    place.put("text.wasm", "hello");
    let output = place.run(&["check", "good.wasm"], b"");
    assert_eq!(code(&output), Some(0), "{}", out(&output));
    assert!(out(&output).contains("imports   none"), "{}", out(&output));
    let output = place.run(&["check", "bad.wasm", "--json"], b"");
    assert_eq!(code(&output), Some(3));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        report["problems"][0],
        "`whose_free` must be (i32, i32, i32) -> (), found (i32) -> ()"
    );
    assert_eq!(code(&place.run(&["check", "text.wasm"], b"")), Some(3));
    let output = place.run(&["check", "none.wasm"], b"");
    assert_eq!(code(&output), Some(1));
    assert!(
        err(&output).starts_with("error: module none.wasm cannot be read\ncaused by: "),
        "{}",
        err(&output)
    );
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let place = Place::new();
    place.put("s.whose", snapshot(1));
    place.put("many.ndjson", format!("{EVENT}\n").repeat(5_000));
    let mut child = Command::new(env!("CARGO_BIN_EXE_whose"))
        .args(["enrich", "many.ndjson", "--snapshot", "s.whose", "--native"])
        .current_dir(place.0.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("ends");
    assert_eq!((code(&output), err(&output)), (Some(0), String::new()));
}

#[test]
fn a_table_is_for_people() {
    let place = Place::new();
    place.put("s.whose", snapshot(1));
    let arguments = [
        "enrich",
        "--snapshot",
        "s.whose",
        "--native",
        "--table",
        "--out",
        "out.ndjson",
    ];
    let output = place.run(&arguments, format!("{EVENT}\nx\n").as_bytes());
    assert_eq!(code(&output), Some(0), "{}", err(&output));
    let text = out(&output);
    assert!(
        text.contains("06:00:07")
            && text.contains("not found")
            && text.contains("1 lines not JSON"),
        "{text}"
    );
    assert!(!text.contains('\x1b'));
    let written =
        std::fs::read_to_string(Path::new(place.0.path()).join("out.ndjson")).expect("written");
    assert!(
        written.contains("\"whose\":{") && written.ends_with("}\nx\n"),
        "{written}"
    );
}
