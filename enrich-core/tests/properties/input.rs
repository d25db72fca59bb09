//! Input at the limits of what can be read.

use super::scanner::keys_of;
use super::*;

/// As deep as allowed, and one deeper: inside and outside of what is read, and as `serde_json` sees it.
#[test]
fn depth_has_a_limit() {
    let bytes = known();
    let nested = |depth: usize, open: &str, close: &str| {
        format!("{}0{}", open.repeat(depth), close.repeat(depth))
    };
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":", "}]")] {
        for member in ["x", "userIdentity", "resources", "requestParameters"] {
            for brackets in [1, 60, 120, 126, 127, 128, 129, 200, 5000] {
                let step = open.matches(['[', '{']).count();
                let depth = 1 + (brackets - 1) / step * step;
                let line = format!(
                    "{{\"{member}\":{}}}",
                    nested((brackets - 1) / step, open, close)
                );
                let mut enricher = common::enricher(&bytes);
                let out = enricher.enrich(line.as_bytes()).to_vec();
                assert_eq!(out, line.as_bytes());
                let stats = enricher.stats();
                assert_eq!(
                    (stats.too_deep, stats.unrecognized),
                    if depth > 128 { (1, 0) } else { (0, 1) },
                    "{member}, {depth} deep, {open}"
                );
            }
        }
    }
    // The limit of the configuration, and an event that stays under it.
    let config = Config::from_json(br#"{"limits":{"max_depth":4}}"#).unwrap();
    let event = role_event(
        COVERED,
        "r1",
        "AROAPOOLPOOLPOOL0001",
        "2026-03-20T05:00:00Z",
    );
    for (line, too_deep) in [
        (event.clone(), 0),
        (format!("{{\"Records\":[{event}]}}"), 1),
    ] {
        let mut enricher = Enricher::new(config.clone());
        enricher.attach(&bytes, Check::All, None).unwrap();
        let changed = enricher.enrich(line.as_bytes()) != line.as_bytes();
        assert_eq!(
            (enricher.stats().too_deep, changed),
            (too_deep, too_deep == 0)
        );
    }
}

/// Documents that no reader may take: unpaired surrogates, broken escapes, bare control characters,
/// in what is read. They leave as they came.
#[test]
fn broken_strings_leave_as_they_came() {
    let bytes = known();
    let event = role_event(
        COVERED,
        "r1",
        "AROAPOOLPOOLPOOL0001",
        "2026-03-20T05:00:00Z",
    );
    for broken in [
        "\\ud800",
        "\\udc00",
        "\\ud800\\u0041",
        "\\ud83d\\ud83d",
        "\\u12",
        "\\u12g4",
        "\\x41",
        "\\",
        "\u{1}",
        "\\U0041",
    ] {
        let line = event.replace("GetObject", broken);
        let mut enricher = common::enricher(&bytes);
        assert_eq!(
            enricher.enrich(line.as_bytes()),
            line.as_bytes(),
            "{broken}"
        );
        assert_eq!(
            (enricher.stats().not_json, enricher.stats().enriched),
            (1, 0),
            "{broken}"
        );
        assert!(serde_json::from_str::<Value>(&line).is_err());
    }
    for good in [
        "\\ud83d\\ude00",
        "\\u0000",
        "\\/",
        "é",
        "\u{7f}",
        "\u{10FFFF}",
    ] {
        let line = event.replace("GetObject", good);
        let mut enricher = common::enricher(&bytes);
        enricher.enrich(line.as_bytes());
        assert_eq!(enricher.stats().enriched, 1, "{good}");
    }
}

/// Times that are none are not guessed: what `eventTime` shows is a time or nothing.
#[test]
fn no_time_is_guessed() {
    let bytes = known();
    for (text, is_time) in [
        ("2026-03-20T05:00:00Z", true),
        ("2016-12-31T23:59:60Z", true),
        ("2026-03-20T05:00:61Z", false),
        ("2026-03-20T05:00:99Z", false),
        ("2026-03-20T05:61:00Z", false),
        ("2026-03-20T05:00:00+99:00", false),
        ("2026-03-20", false),
        ("1773982800", false),
    ] {
        let mut enricher = common::enricher(&bytes);
        let context = common::context_of(
            &mut enricher,
            &role_event(COVERED, "r1", "AROAPOOLPOOLPOOL0001", text),
        );
        assert_eq!(
            context["snapshot"]["event_time"] == "absent",
            !is_time,
            "{text}"
        );
    }
}

/// The issuer of a token is one domain, however it is written: that under which the builder files it.
#[test]
fn issuers_are_those_of_the_builder() {
    let event = |issuer: &str| {
        let issuer = serde_json::to_string(issuer).unwrap();
        format!(
            concat!(
                r#"{{"eventName":"AssumeRoleWithWebIdentity","eventSource":"sts.amazonaws.com","userIdentity":"#,
                r#"{{"type":"WebIdentityUser","userName":"repo:o/r:ref:x","identityProvider":{}}}}}"#
            ),
            issuer
        )
    };
    for issuer in [
        "token.example",
        "https://token.example",
        "https://token.example/",
        "https://token.example/path/",
        "https://token.example//",
        "https://é/é//",
        "arn:aws:iam::111122223333:oidc-provider/token.example",
        "arn:aws:iam::111122223333:oidc-provider/oidc.eks.example/id/AB12",
        "arn:aws:iam::111122223333:oidc-provider/https://token.example/",
        "/",
        "//",
        "https://",
        "https:///",
    ] {
        let mut buffer = String::new();
        let key =
            Key::canonical(KeyType::OidcSubject, issuer, "repo:o/r:ref:x", &mut buffer).unwrap();
        let seen = keys_of(&mut Enricher::new(common::config()), &event(issuer));
        let domain = seen["identities"][0]["keys"][0]["domain"]
            .as_str()
            .unwrap_or("");
        assert_eq!(domain, key.domain, "{issuer}");
    }
}

/// Input that is no event, or none that can be read: each has its counter and leaves as it came.
#[test]
fn bad_input_has_a_result() {
    let bytes = known();
    let event = role_event(
        COVERED,
        "r1",
        "AROAPOOLPOOLPOOL0001",
        "2026-03-20T05:00:00Z",
    );
    let with = |text: &str| event.replace("GetObject", text).into_bytes();
    let long = with(&"x".repeat(50 << 20));
    let deep = [
        b"{\"a\":".to_vec(),
        b"[".repeat(1000),
        b"]".repeat(1000),
        b"}".to_vec(),
    ]
    .concat();
    let not_utf8 = [&event.as_bytes()[..20], b"\xFF", &event.as_bytes()[20..]].concat();
    // lines, not_json, not_utf8, too_large, too_deep, unrecognized, enriched
    for (name, line, counters) in [
        ("50 MiB", &long[..], [1, 0, 0, 1, 0, 0, 0]),
        ("1000 deep", &deep, [1, 0, 0, 0, 1, 0, 0]),
        ("not UTF-8", &not_utf8, [1, 0, 1, 0, 0, 0, 0]),
        ("NUL in a string", &with("a\0b"), [1, 1, 0, 0, 0, 0, 0]),
        (
            "NUL in front",
            &[b"\0", event.as_bytes()].concat(),
            [1, 1, 0, 0, 0, 0, 0],
        ),
        (
            "NUL behind",
            &[event.as_bytes(), b"\0"].concat(),
            [1, 1, 0, 0, 0, 0, 0],
        ),
        (
            "byte order mark inside",
            &[b" \xEF\xBB\xBF", event.as_bytes()].concat(),
            [1, 1, 0, 0, 0, 0, 0],
        ),
        (
            "two documents",
            &[event.as_bytes(), event.as_bytes()].concat(),
            [1, 1, 0, 0, 0, 0, 0],
        ),
        (
            "cut off",
            &event.as_bytes()[..event.len() - 1],
            [1, 1, 0, 0, 0, 0, 0],
        ),
        (
            "text",
            b"Mar 20 05:00:00 host sshd[1]: hello",
            [1, 1, 0, 0, 0, 0, 0],
        ),
        ("a string", b"\"userIdentity\"", [1, 1, 0, 0, 0, 0, 0]),
        ("a number", b"7", [1, 1, 0, 0, 0, 0, 0]),
        ("empty", b"", [0; 7]),
        ("blank", b" \t\r", [0; 7]),
        (
            "unknown format",
            b"{\"hello\":[1,2,{\"world\":null}]}",
            [1, 0, 0, 0, 0, 1, 0],
        ),
        ("empty object", b"{}", [1, 0, 0, 0, 0, 1, 0]),
        ("empty array", b"[]", [1, 0, 0, 0, 0, 0, 0]),
        (
            "array of others",
            b"[1,\"x\",null,[{}]]",
            [1, 0, 0, 0, 0, 0, 0],
        ),
    ] {
        let mut enricher = common::enricher(&bytes);
        let batch = [line, b"\r\n", event.as_bytes()].concat();
        let out = enricher.enrich(&batch).to_vec();
        assert!(
            out.starts_with(line) && out[line.len()..].starts_with(b"\r\n"),
            "{name} leaves as it came"
        );
        assert!(
            out.ends_with(b"}") && out.len() > batch.len(),
            "{name}: the event behind it is enriched"
        );
        let stats = enricher.stats();
        let seen = [
            stats.lines,
            stats.not_json,
            stats.not_utf8,
            stats.too_large,
            stats.too_deep,
            stats.unrecognized,
            stats.enriched,
        ];
        let mut expected = counters;
        (expected[0], expected[6]) = (counters[0] + 1, counters[6] + 1);
        assert_eq!(seen, expected, "{name}");
    }
}
