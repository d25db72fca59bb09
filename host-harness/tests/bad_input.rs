//! Snapshots that must be refused, and what is said: by the core in process and by the module.

#[path = "common/inventory.rs"]
mod inventory;

use std::error::Error;

use host_harness::{
    Backend, Check, GuestModule, HarnessError, Layer, Limits, Native, Session, SnapshotFile,
    abi::code,
};
use inventory::{CREATED_MS, EVENT, FRIEND, STRANGER, public_key, real_module, signed, snapshot};

const NOW: i64 = CREATED_MS + 3_600_000;

/// A file that must be refused: its bytes, the code, and words of the sentence.
struct Case {
    name: &'static str,
    bytes: Vec<u8>,
    code: i32,
    says: &'static str,
}

fn case(name: &'static str, bytes: Vec<u8>, code: i32, says: &'static str) -> Case {
    Case {
        name,
        bytes,
        code,
        says,
    }
}

fn with(mut bytes: Vec<u8>, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    change(&mut bytes);
    bytes
}

/// Each against a module that trusts one key and has sequence 5 attached.
fn cases() -> Vec<Case> {
    let good = || signed(6, &FRIEND);
    let len = good().len();
    vec![
        case("empty", Vec::new(), code::TRUNCATED, "cut off: 0 bytes"),
        case("one byte", good()[..1].to_vec(), code::TRUNCATED, "cut off"),
        case(
            "header only",
            good()[..320].to_vec(),
            code::TRUNCATED,
            "cut off: 320 bytes of",
        ),
        case(
            "one byte short",
            good()[..len - 1].to_vec(),
            code::TRUNCATED,
            "cut off",
        ),
        case(
            "one byte more",
            with(good(), |bytes| bytes.push(0)),
            code::LAYOUT,
            "malformed at byte",
        ),
        case(
            "text",
            b"[[source]]\nname = \"x\"\n".to_vec(),
            code::NOT_A_SNAPSHOT,
            "not a snapshot",
        ),
        case(
            "newer major",
            with(good(), |bytes| bytes[8] = 2),
            code::UNSUPPORTED_MAJOR,
            "format major 2",
        ),
        case(
            "changed header",
            with(good(), |bytes| bytes[24] ^= 1),
            code::DIGEST_MISMATCH,
            "digest does not fit",
        ),
        case(
            "changed body",
            with(good(), |bytes| bytes[len - 1] ^= 1),
            code::DIGEST_MISMATCH,
            "does not have its digest",
        ),
        case("unsigned", snapshot(6), code::UNSIGNED, "not signed"),
        case(
            "stranger",
            signed(6, &STRANGER),
            code::UNTRUSTED_SIGNER,
            "not trusted",
        ),
        case(
            "forged",
            with(good(), |bytes| bytes[256] ^= 1),
            code::BAD_SIGNATURE,
            "signature does not fit",
        ),
        case(
            "older",
            signed(4, &FRIEND),
            code::ROLLBACK,
            "sequence 4, older than the attached 5",
        ),
    ]
}

/// Attaches a good snapshot, then each bad one; events flow in between. Returns the sentences.
fn refuses<'s>(
    backend: &mut dyn Backend<'s>,
    good: &'s SnapshotFile,
    cases: &[Case],
    files: &'s [SnapshotFile],
) -> Vec<String> {
    let config = format!(
        "{{\"v\":1,\"trusted_keys\":[\"{}\"],\"require_signature\":true}}",
        public_key(&FRIEND)
    );
    backend.configure(config.as_bytes()).expect("configured");
    backend
        .attach(good, Check::All, Some(NOW))
        .expect("attached");
    let batch = format!("{EVENT}\nnot json\n");
    let context = backend.enrich(batch.as_bytes()).bytes.to_vec();
    assert!(String::from_utf8_lossy(&context).contains("\"whose\":{"));
    let mut sentences = Vec::new();
    for (case, file) in cases.iter().zip(files) {
        let error = backend
            .attach(file, Check::All, Some(NOW))
            .expect_err(case.name);
        assert_eq!(
            error.to_string(),
            format!("snapshot {}.whose is refused", case.name)
        );
        let sentence = error.source().map(ToString::to_string).unwrap_or_default();
        assert_eq!(error.code(), Some(case.code), "{}: {sentence}", case.name);
        assert!(sentence.contains(case.says), "{}: {sentence}", case.name);
        let enriched = backend.enrich(batch.as_bytes());
        assert_eq!(
            (enriched.bytes, enriched.failure),
            (&context[..], None),
            "after {}",
            case.name
        );
        sentences.push(sentence);
    }
    sentences
}

#[test]
fn bad_snapshots_are_refused_and_events_flow() {
    let cases = cases();
    let good = SnapshotFile::from_bytes("good.whose", &signed(5, &FRIEND));
    let files: Vec<SnapshotFile> = cases
        .iter()
        .map(|case| SnapshotFile::from_bytes(&format!("{}.whose", case.name), &case.bytes))
        .collect();
    let native = refuses(&mut Native::default(), &good, &cases, &files);
    assert_eq!(native.len(), cases.len());
    if let Some(path) = real_module() {
        let module = GuestModule::from_file(&path, Limits::default()).expect("a plain guest");
        let mut session = Session::open(module).expect("starts");
        assert_eq!(refuses(&mut session, &good, &cases, &files), native);
    }
}

#[test]
fn an_expired_snapshot_is_refused() {
    let file = SnapshotFile::from_bytes("old.whose", &snapshot(1));
    let late = CREATED_MS + 86_400_001;
    let mut native = Native::default();
    let error = native
        .attach(&file, Check::All, Some(late))
        .expect_err("refused");
    assert_eq!(error.code(), Some(code::EXPIRED));
    assert!(
        native.attach(&file, Check::All, None).is_ok(),
        "without a clock nothing expires"
    );
    if let Some(path) = real_module() {
        let mut session =
            Session::open(GuestModule::from_file(&path, Limits::default()).expect("a plain guest"))
                .expect("starts");
        let error =
            Backend::attach(&mut session, &file, Check::All, Some(late)).expect_err("refused");
        assert_eq!(error.code(), Some(code::EXPIRED));
    }
}

#[test]
fn a_bad_configuration_is_refused() {
    let refused = |backend: &mut dyn Backend<'_>| {
        let error = backend
            .configure(b"{\"v\":1,\"colour\":2}")
            .expect_err("refused");
        assert!(matches!(error, HarnessError::Configuration { .. }));
        (error.code(), error.source().map(ToString::to_string))
    };
    let native = refused(&mut Native::default());
    assert_eq!(native.0, Some(code::CONFIGURATION));
    if let Some(path) = real_module() {
        let mut session =
            Session::open(GuestModule::from_file(&path, Limits::default()).expect("a plain guest"))
                .expect("starts");
        assert_eq!(refused(&mut session), native);
    }
}

#[test]
fn a_swap_refuses_to_go_back() {
    let Some(path) = real_module() else { return };
    let module = GuestModule::from_file(&path, Limits::default()).expect("a plain guest");
    let mut session = Session::open(module).expect("starts");
    let layer = |sequence| Layer::new(SnapshotFile::from_bytes("s.whose", &snapshot(sequence)));
    let attached = |session: &mut Session| {
        let enriched = session.enrich_batch(EVENT.as_bytes());
        assert_eq!(enriched.failure, None);
        String::from_utf8_lossy(enriched.bytes).into_owned()
    };
    session.attach(layer(5)).expect("attached");
    let five = attached(&mut session);
    let error = session.swap(&[layer(4)]).expect_err("refused");
    assert_eq!(error.code(), Some(code::ROLLBACK));
    assert_eq!(attached(&mut session), five, "the old one stays");
    session.swap(&[layer(6)]).expect("swapped");
    assert_ne!(attached(&mut session), five);
    let broken = Layer::new(SnapshotFile::from_bytes("cut.whose", &snapshot(7)[..400]));
    assert_eq!(
        session.swap(&[broken]).expect_err("refused").code(),
        Some(code::TRUNCATED)
    );
    assert_ne!(attached(&mut session), five);
    session
        .swap(&[layer(6)])
        .expect("the same again is not older");
}

#[test]
fn bad_events_leave_unchanged_and_both_agree() {
    let mut lines: Vec<Vec<u8>> = vec![
        b"not json\n".to_vec(),
        b"\n".to_vec(),
        b"   \r\n".to_vec(),
        b"{\"unknown\":\"format\"}\n".to_vec(),
        b"{\"a\":\"\xff\xfe\"}\n".to_vec(),
        b"\0\0{}\n".to_vec(),
        b"{\"a\":\"\0\"}\n".to_vec(),
        b"{\"a\":\n".to_vec(),
        b"\xef\xbb\xbf{}\n".to_vec(),
    ];
    let mut deep = b"[".repeat(100_000);
    deep.push(b'\n');
    lines.push(deep);
    lines.push(format!("{EVENT}\r\n").into_bytes());
    lines.push(
        EVENT
            .replace("}", ",\"whose\":{\"forged\":1}}")
            .into_bytes(),
    );
    let input: Vec<u8> = lines.concat();

    let file = SnapshotFile::from_bytes("s.whose", &snapshot(1));
    let run = |backend: &mut dyn Backend<'_>| {
        let enriched = backend.enrich(&input);
        assert_eq!(enriched.failure, None);
        enriched.bytes.to_vec()
    };
    let mut native = Native::default();
    native.attach(&file, Check::All, None).expect("attached");
    let out = run(&mut native);
    let out_lines: Vec<&[u8]> = host_harness::output::Lines::new(&out).collect();
    assert_eq!(out_lines.len(), lines.len());
    for (before, after) in lines.iter().zip(&out_lines).take(10) {
        assert_eq!(before, after);
    }
    assert!(out_lines[10].ends_with(b"}}\r\n") && out_lines[10].len() > EVENT.len() + 50);
    assert_eq!(
        host_harness::output::check_enriched(&input, &out, host_harness::OutputCaps::default()),
        Ok(())
    );
    if let Some(path) = real_module() {
        let mut session =
            Session::open(GuestModule::from_file(&path, Limits::default()).expect("a plain guest"))
                .expect("starts");
        Backend::attach(&mut session, &file, Check::All, None).expect("attached");
        assert_eq!(run(&mut session), out);
        let (theirs, mine) = (
            session.counters().expect("counted"),
            Backend::counters(&mut native).expect("counted"),
        );
        assert_eq!(theirs, mine);
    }
}
