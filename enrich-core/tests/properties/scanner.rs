//! What the scanner sees and leaves, against `serde_json`.

use super::events::*;
use super::json::*;
use super::*;

/// What `keys` says of one line, without the line number.
pub(super) fn keys_of(enricher: &mut Enricher<'_>, line: &str) -> Value {
    enricher.configure(common::config());
    serde_json::from_slice(enricher.keys(line.as_bytes())).expect("one JSON object a line")
}

/// A pointer's text as `serde_json` sees it.
pub(super) fn text_at<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}

/// The members of an object as written, duplicates kept.
pub(super) struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Members, M::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

pub(super) fn members_of(line: &[u8]) -> Option<Vec<(String, Value)>> {
    serde_json::from_slice::<Members>(line)
        .ok()
        .map(|members| members.0)
}

proptest! {
    #![proptest_config(cases(5000))]

    /// However a document is written, the same identities are seen as in the document that
    /// `serde_json` makes of it: no duplicates, no escapes, no blanks, members sorted.
    #[test]
    fn the_scanner_sees_what_serde_json_sees(json in event(), seed in any::<u64>()) {
        let line = Writer::write(&json, seed);
        let value: Value = serde_json::from_str(&line).expect("generated documents are JSON");
        let plain = serde_json::to_string(&value).unwrap();
        let mut enricher = Enricher::new(common::config());
        prop_assert_eq!(keys_of(&mut enricher, &line), keys_of(&mut enricher, &plain), "{} and {}", line, plain);
    }

    /// The same, field by field, for sessions of roles and for IAM users.
    #[test]
    fn the_fields_of_cloudtrail_are_those_of_serde_json(json in cloudtrail(), seed in any::<u64>()) {
        let line = Writer::write(&json, seed);
        let value: Value = serde_json::from_str(&line).unwrap();
        let seen = keys_of(&mut Enricher::new(common::config()), &line);
        let is_event = value.get("userIdentity").is_some_and(|v| !v.is_null())
            && value.get("eventName").is_some_and(|v| !v.is_null())
            && (value.get("eventSource").is_some_and(|v| !v.is_null()) || value.get("eventVersion").is_some_and(|v| !v.is_null()));
        let is_event = is_event && !text_at(&value, "/eventSource").starts_with("aws:");
        prop_assert_eq!(seen["format"] == "aws_cloudtrail", is_event, "{}", line);
        if !is_event {
            return Ok(());
        }
        let identity = "/userIdentity";
        let issuer = format!("{identity}/sessionContext/sessionIssuer");
        let first = |text: &str| text.split(':').next().unwrap_or("").to_owned();
        // Ids may be numbers; none of those is shaped as a key.
        let mut expected: Vec<(KeyType, String)> = Vec::new();
        let mut add = |key_type: KeyType, text: String| {
            if enrich_core::key::check_value(key_type, &text).is_ok() && !expected.contains(&(key_type, text.clone())) {
                expected.push((key_type, text));
            }
        };
        match text_at(&value, "/userIdentity/type") {
            "AssumedRole" => {
                add(KeyType::AwsPrincipalId, text_at(&value, &format!("{issuer}/principalId")).to_owned());
                add(KeyType::AwsPrincipalId, first(text_at(&value, "/userIdentity/principalId")));
                add(KeyType::AwsArn, text_at(&value, &format!("{issuer}/arn")).to_owned());
            }
            "IAMUser" if text_at(&value, &format!("{issuer}/arn")).is_empty() => {
                add(KeyType::AwsPrincipalId, first(text_at(&value, "/userIdentity/principalId")));
                add(KeyType::AwsArn, text_at(&value, "/userIdentity/arn").to_owned());
            }
            _ => return Ok(()),
        }
        let has_key = !expected.is_empty();
        let access_key = text_at(&value, "/userIdentity/accessKeyId").to_owned();
        // By itself a temporary key leads to nobody.
        if (has_key || access_key.starts_with("AKIA")) && enrich_core::key::check_value(KeyType::AwsAccessKeyId, &access_key).is_ok() {
            expected.push((KeyType::AwsAccessKeyId, access_key));
        }
        let actor = seen["identities"].as_array().unwrap().iter().find(|identity| {
            identity["role"] == "actor" && identity["keys"][0]["type"] != "aws_service"
        });
        let keys: Vec<(KeyType, String)> = actor.map_or_else(Vec::new, |actor| {
            actor["keys"].as_array().unwrap().iter().map(|key| {
                (KeyType::parse(key["type"].as_str().unwrap()).unwrap(), key["value"].as_str().unwrap().to_owned())
            }).collect()
        });
        prop_assert_eq!(keys, expected, "{}", line);
    }

    /// Whatever `whose` comes in at the top, none leaves but ours; the rest is untouched.
    #[test]
    fn forged_context_is_removed(json in event(), forged in vec((any::<prop::sample::Index>(), any_json()), 0..4), seed in any::<u64>()) {
        let Json::Object(mut members) = json else { return Ok(()) };
        for (at, value) in forged {
            members.insert(at.index(members.len() + 1), ("whose".to_owned(), value));
        }
        let line = Writer::write(&Json::Object(members.clone()), seed);
        let bytes = known();
        let mut enricher = common::enricher(&bytes);
        let out = enricher.enrich(line.as_bytes()).to_vec();
        let came_in = members.iter().filter(|(name, _)| name == "whose").count();
        prop_assert_eq!(enricher.stats().forged_removed, came_in as u64, "{}", line);
        let left = members_of(&out).expect("JSON stays JSON");
        let ours: Vec<_> = left.iter().filter(|(name, _)| name == "whose").collect();
        prop_assert_eq!(ours.len() as u64, enricher.stats().enriched);
        if let Some((_, ours)) = ours.first() {
            prop_assert_eq!(left.last().map(|(name, _)| name.as_str()), Some("whose"), "inserted last");
            prop_assert!(ours["v"] == 1 && ours["snapshot"]["digest"].as_str().is_some_and(|digest| digest.starts_with("blake3:")));
        }
        let before: Vec<_> = members_of(line.as_bytes()).unwrap().into_iter().filter(|(name, _)| name != "whose").collect();
        let after: Vec<_> = left.into_iter().filter(|(name, _)| name != "whose").collect();
        prop_assert_eq!(before, after);
        if came_in == 0 {
            // Byte for byte, but for what was put in.
            let close = line.rfind('}').unwrap();
            prop_assert!(out.starts_with(&line.as_bytes()[..close]) && out.ends_with(&line.as_bytes()[close..]));
        }
    }

    /// Records of an envelope are cleaned and enriched one by one.
    #[test]
    fn records_are_events(records in vec((event(), any::<bool>()), 0..4), seed in any::<u64>()) {
        let records: Vec<Json> = records.into_iter().map(|(json, is_forged)| match json {
            Json::Object(mut members) if is_forged => {
                members.push(("whose".to_owned(), Json::Text("forged".to_owned())));
                Json::Object(members)
            }
            other => other,
        }).collect();
        let bytes = known();
        let mut enricher = common::enricher(&bytes);
        for envelope in [Json::Object(vec![("Records".to_owned(), Json::Array(records.clone()))]), Json::Array(records.clone())] {
            let line = Writer::write(&envelope, seed);
            let out = enricher.enrich(line.as_bytes()).to_vec();
            let out: Value = serde_json::from_slice(&out).expect("JSON stays JSON");
            let before: Value = serde_json::from_str(&line).unwrap();
            let list = |value: &Value| value.get("Records").unwrap_or(value).as_array().unwrap().clone();
            for (before, after) in list(&before).into_iter().zip(list(&out)) {
                let Value::Object(mut after) = after else { prop_assert_eq!(before, after); continue };
                let Value::Object(mut before) = before else { panic!("{line}") };
                // What is an envelope itself carries its context further inside.
                if ["Records", "records", "Events", "logEvents", "items"].iter().any(|name| before.contains_key(*name)) { continue }
                before.remove("whose");
                if let Some(ours) = after.remove("whose") {
                    prop_assert_eq!(&ours["v"], 1);
                }
                prop_assert_eq!(before, after);
            }
        }
    }

    /// Bytes of any kind: no panic, the same lines, and nothing changed that is not JSON.
    #[test]
    fn any_bytes_keep_their_lines(input in vec(any::<u8>(), 0..300)) {
        lines_are_kept(&input);
    }

    /// Bytes that are nearly events: cut, repeated, overwritten.
    #[test]
    fn damaged_events_keep_their_lines(
        json in event(),
        seed in any::<u64>(),
        damage in vec((any::<prop::sample::Index>(), prop_oneof![any::<u8>(), proptest::sample::select(b"{}[]\",:\\\n\r 0u\x00\x7F\xC3".to_vec())], 0..3_u8), 0..6),
    ) {
        let mut input = Writer::write(&json, seed).into_bytes();
        for (at, byte, how) in damage {
            let at = at.index(input.len().max(1));
            match how {
                0 if !input.is_empty() => input[at] = byte,
                1 => input.insert(at.min(input.len()), byte),
                _ => input.truncate(at),
            }
        }
        lines_are_kept(&input);
    }

    /// Many lines, each with its own end.
    #[test]
    fn line_ends_stay(lines in vec((event(), any::<u64>(), 0..4_u8), 0..6), last in any::<bool>()) {
        let mut input = Vec::new();
        for (json, seed, end) in &lines {
            if *end != 3 {
                input.extend_from_slice(Writer::write(json, *seed).as_bytes());
            }
            input.extend_from_slice(if *end == 1 { b"\r\n" } else { b"\n" });
        }
        if last {
            input.pop();
        }
        lines_are_kept(&input);
    }
}

/// Removes every member `whose`, however deep.
pub(super) fn without_whose(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.remove("whose");
            members.values_mut().for_each(without_whose);
        }
        Value::Array(items) => items.iter_mut().for_each(without_whose),
        _ => {}
    }
}

pub(super) fn lines_are_kept(input: &[u8]) {
    let bytes = known();
    let mut enricher = common::enricher(&bytes);
    let out = enricher.enrich(input).to_vec();
    let before: Vec<&[u8]> = input.split_inclusive(|byte| *byte == b'\n').collect();
    let after: Vec<&[u8]> = out.split_inclusive(|byte| *byte == b'\n').collect();
    assert_eq!(before.len(), after.len(), "one line out for each line in");
    for (before, after) in before.iter().zip(&after) {
        let end = |line: &[u8]| (line.ends_with(b"\n"), line.ends_with(b"\r\n"));
        assert_eq!(end(before), end(after));
        if before == after {
            continue;
        }
        assert!(
            std::str::from_utf8(before).is_ok(),
            "what is not UTF-8 leaves as it came"
        );
        if let Ok(mut event) = serde_json::from_slice::<Value>(before) {
            let mut extended: Value = serde_json::from_slice(after)
                .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(after)));
            without_whose(&mut event);
            without_whose(&mut extended);
            assert_eq!(event, extended);
        }
    }
    let stats = enricher.stats();
    let filled = before
        .iter()
        .filter(|line| {
            line.iter()
                .any(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
        })
        .count();
    assert_eq!(stats.lines, filled as u64);
    let mut again = common::enricher(&bytes);
    let twice = again.enrich(&out).to_vec();
    assert_eq!(
        again.enrich(&twice),
        twice,
        "enriching what is enriched replaces the context by itself"
    );
    // The other entry takes the same bytes.
    let mut keys = Enricher::new(Config::default());
    let lines = keys
        .keys(input)
        .split(|byte| *byte == b'\n')
        .filter(|line| serde_json::from_slice::<Value>(line).is_ok())
        .count();
    assert_eq!(lines, before.len());
}
