//! Where the contexts of an enriched line stand: where the core puts them, in the event or in an
//! element of an envelope. Looking anywhere else would let an event's own content pass for a context.

use memchr::memchr2;
use serde_json::Value;

/// Arrays whose elements are events.
const ENVELOPES: &[&str] = &["Records", "records", "Events", "logEvents", "items"];
/// Envelopes inside envelopes, at most.
const MAX_NESTING: usize = 4;

/// Events with their contexts, in the order of the line.
pub(crate) fn contexts(line: &Value) -> Vec<(&Value, &Value)> {
    let mut found = Vec::new();
    walk(line, 0, &mut found);
    found
}

fn walk<'v>(value: &'v Value, nesting: usize, found: &mut Vec<(&'v Value, &'v Value)>) {
    match value {
        Value::Object(event) => {
            if let Some(context) = event.get("whose") {
                found.push((value, context));
            } else if nesting < MAX_NESTING
                && let Some(items) = ENVELOPES
                    .iter()
                    .find_map(|name| event.get(*name)?.as_array())
            {
                items.iter().for_each(|item| walk(item, nesting + 1, found));
            }
        }
        Value::Array(items) if nesting < MAX_NESTING => {
            items.iter().for_each(|item| walk(item, nesting + 1, found));
        }
        _ => {}
    }
}

/// The contexts alone, of a line that the core has enriched, as they stand there. Nothing around them
/// is parsed, so that an event can't hide behind a value that the core passes over and a strict parser refuses, such as half a
/// surrogate pair. Of a line that left as it came nothing may be asked: what is in it may be forged.
pub(crate) fn contexts_of_enriched(line: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    walk_bytes(line, 0, &mut found);
    found
}

/// Whether two contexts say the same, byte for byte, whichever snapshot said it.
pub(crate) fn say_the_same(a: &[u8], b: &[u8]) -> bool {
    let members = |context| {
        let mut members = Vec::new();
        each(context, &mut |name, value| {
            if name != b"\"snapshot\"" {
                members.push((name, value));
            }
        });
        members
    };
    members(a) == members(b)
}

fn walk_bytes<'b>(value: &'b [u8], nesting: usize, found: &mut Vec<&'b [u8]>) {
    let value = value.trim_ascii_start();
    let Some(first) = value.first() else { return };
    let mut envelope: Option<(usize, &[u8])> = None;
    let mut context = None;
    let mut elements = Vec::new();
    each(value, &mut |name, element| {
        if *first == b'[' {
            elements.push(element);
        } else if name == b"\"whose\"" {
            context = Some(element);
        } else if element.starts_with(b"[") {
            let name = name.get(1..name.len() - 1).unwrap_or(b"");
            let rank = ENVELOPES.iter().position(|known| known.as_bytes() == name);
            if let Some(rank) = rank
                && envelope.is_none_or(|(best, _)| rank < best)
            {
                envelope = Some((rank, element));
            }
        }
    });
    if let Some(context) = context {
        found.push(context);
        return;
    }
    if nesting >= MAX_NESTING {
        return;
    }
    if let Some((_, items)) = envelope {
        each(items, &mut |_, element| elements.push(element));
    }
    for element in elements {
        walk_bytes(element, nesting + 1, found);
    }
}

/// Calls `f` with each member of an object, its name in quotes, or each element of an array.
fn each<'b>(value: &'b [u8], f: &mut dyn FnMut(&'b [u8], &'b [u8])) {
    let is_object = value.first() == Some(&b'{');
    if !is_object && value.first() != Some(&b'[') {
        return;
    }
    let mut rest = value.get(1..).unwrap_or(b"");
    loop {
        rest = rest.trim_ascii_start();
        let mut name: &[u8] = b"";
        if is_object {
            let (quoted, after) = rest.split_at(end_of_value(rest));
            let Some(after) = after.trim_ascii_start().strip_prefix(b":") else {
                return;
            };
            (name, rest) = (quoted, after.trim_ascii_start());
        }
        let (element, after) = rest.split_at(end_of_value(rest));
        if element.is_empty() {
            return;
        }
        f(name, element);
        match after.trim_ascii_start().strip_prefix(b",") {
            Some(after) => rest = after,
            None => return,
        }
    }
}

/// Length of the value at the start, found by its quotes and brackets.
fn end_of_value(bytes: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = end_of_string(bytes, at),
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' | b',' | b':' if depth == 0 => return at,
            b'}' | b']' => {
                depth -= 1;
                at += 1;
            }
            byte if depth == 0 && byte.is_ascii_whitespace() => return at,
            _ => at += 1,
        }
        if depth == 0 && matches!(bytes.get(at.wrapping_sub(1)), Some(b'"' | b'}' | b']')) {
            return at;
        }
    }
    bytes.len()
}

/// The position after the string that begins at `at`.
fn end_of_string(bytes: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found;
        if bytes[at] == b'"' {
            return at + 1;
        }
        // Whatever is escaped is no end.
        at += 2;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The marks of the contexts that are found, by both ways where a strict parser reads the line.
    fn marks(line: &str) -> Vec<i64> {
        let of = |context: &Value| context["m"].as_i64().unwrap_or(-1);
        let found: Vec<i64> = contexts_of_enriched(line.as_bytes())
            .iter()
            .map(|context| of(&serde_json::from_slice(context).expect("JSON")))
            .collect();
        if let Ok(value) = serde_json::from_str::<Value>(line) {
            let strict: Vec<i64> = contexts(&value)
                .iter()
                .map(|(_, context)| of(context))
                .collect();
            assert_eq!(found, strict, "{line}");
        }
        found
    }

    #[test]
    fn contexts_are_found_where_they_may_stand() {
        for (line, wanted) in [
            (r#"{"a":1,"whose":{"m":1}}"#, &[1][..]),
            (r#"{"whose":{"m":1}}"#, &[1]),
            (
                r#" { "a" : "}\"]\\" , "b":[{"whose":{"m":9}}], "whose" : {"m":2} }"#,
                &[2],
            ),
            (
                r#"{"Records":[{"x":[1,2],"whose":{"m":1}},{"y":{}},{"whose":{"m":2}}]}"#,
                &[1, 2],
            ),
            (r#"[{"whose":{"m":1}},[{"whose":{"m":2}}]]"#, &[1, 2]),
            (r#"{"items":[],"Records":[{"whose":{"m":3}}]}"#, &[3]),
            (r#"{"requestParameters":{"whose":{"m":9}}}"#, &[]),
            (r#"{"a":"\ud800","whose":{"m":4}}"#, &[4]),
            (r#"{"a":1e999,"b":01,"whose":{"m":5}}"#, &[5]),
            (r#"{"a":"\"#, &[]),
            (r#"{"a""#, &[]),
            ("{", &[]),
            ("[", &[]),
            ("", &[]),
            ("12", &[]),
        ] {
            assert_eq!(marks(line), wanted, "{line}");
        }
        let one = br#"{"v":1,"a":"}","snapshot":{"digest":"a"}}"#;
        assert!(say_the_same(
            one,
            br#"{"v":1,"a":"}","snapshot":{"digest":"b","x":[]}}"#
        ));
        assert!(say_the_same(one, br#"{"v":1,"a":"}"}"#));
        assert!(!say_the_same(
            one,
            br#"{"v":1,"a":"]","snapshot":{"digest":"a"}}"#
        ));
        let deep = format!(
            "{{\"a\":{}{},\"whose\":{{\"m\":6}}}}",
            "[".repeat(500),
            "]".repeat(500)
        );
        assert_eq!(marks(&deep), [6]);
    }
}
