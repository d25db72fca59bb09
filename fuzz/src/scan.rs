//! Target `scan`: the scanner sees what `serde_json` sees.
//!
//! What `serde_json` accepts as an object, the scanner accepts, and at every pointer both find the
//! same value. The reverse does not hold: the scanner delimits what it skips without validating it.
//! Of what it accepts by itself, strings hold no control characters and found numbers are numbers.

use crate::probe::{Probe, Probed, Refusal, Scan};
use serde::de::IgnoredAny;

use crate::document::Doc;
use crate::pointers::{FIXED, MOST_DERIVED, derived};
use crate::random::Random;

/// Checks one document.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let document = Doc::read(text).filter(|doc| matches!(doc, Doc::Object(_)));
    compare(text, document.as_ref(), FIXED);
    let Some(document) = &document else {
        return;
    };
    let derived = derived(document, text);
    let all: Vec<&str> = derived.iter().map(String::as_str).collect();
    compare(text, Some(document), &all);
    // With fewer pointers, what was looked into is skipped, and what was a part is whole.
    let half: Vec<&str> = all.iter().copied().skip(1).step_by(2).collect();
    compare(text, Some(document), &half);
    members(text, document);
}

/// Scans a document in several surroundings and compares each result with the tree.
fn compare(text: &str, document: Option<&Doc>, pointers: &[&str]) {
    let mut probe = Probe::new(pointers);
    let alone = probe.inner(text, 0);
    judge(&alone, text, 0, document, pointers);

    // A line holds no line feeds; between values they are as good as blanks.
    let line = text.replace('\n', " ");
    let as_line = probe.line(&line, 0);
    if line == text && !line.ends_with('\r') {
        assert_eq!(as_line, alone, "the line and the document differ: {text:?}");
    }
    judge(&as_line, &line, 0, document, pointers);

    // The same inside an array, at any distance from the bounds of a block, with a line behind it.
    let blanks = Random::of(text.as_bytes()).below(64);
    let before = format!("[\"\\\\\",{:blanks$}", "");
    for end in ["\n", "\r\n"] {
        let whole = format!("{before}{line}]{end}{{\"a\":\"\\");
        let inside = probe.line(&whole, before.len());
        judge(&inside, &whole, before.len(), document, pointers);
    }
}

/// Compares a result with the tree, if there is one. `from`: where the document stands in the text.
fn judge(
    result: &Result<Scan, Refusal>,
    text: &str,
    from: usize,
    document: Option<&Doc>,
    pointers: &[&str],
) {
    let Some(document) = document else {
        if let Ok(scan) = result {
            let object = &text[from..scan.end];
            let refused = "the scanner accepts what it says that it refuses";
            assert!(!has_bare_controls(object), "{refused}: {object:?}");
            for value in &scan.values {
                let is_number = |raw: &str| serde_json::from_str::<IgnoredAny>(raw).is_ok();
                let holds = !matches!(value, Probed::Number(raw) if !is_number(raw));
                assert!(holds, "{refused}: {value:?} in {object:?}");
            }
        }
        return;
    };
    let scan = result
        .as_ref()
        .unwrap_or_else(|refusal| panic!("{refusal:?}, but serde_json accepts {text:?}"));
    let object = text.get(from..scan.end);
    assert!(
        object.is_some_and(|object| {
            object.ends_with('}') && Doc::read(object).as_ref() == Some(document)
        }),
        "ends at {}: {text:?}",
        scan.end
    );
    assert_eq!(scan.values.len(), pointers.len());
    for (pointer, value) in pointers.iter().zip(&scan.values) {
        // Our own member at the top is cut and never looked into; a text can be read as it is written.
        let is_text = matches!(document.at(pointer), Some(Doc::Text(_)));
        if *pointer == "/whose" && is_text {
            let raw = match value {
                Probed::Text(raw) => serde_json::from_str::<String>(&format!("\"{raw}\"")).ok(),
                _ => None,
            };
            let read = raw.map(Doc::Text);
            assert_eq!(read.as_ref(), document.at(pointer), "in {text:?}");
            continue;
        }
        let is_ours = *pointer == "/whose" || pointer.starts_with("/whose/");
        let expected = if is_ours { None } else { document.at(pointer) };
        assert!(
            is_same(value, expected),
            "at {pointer:?} the scanner has {value:?}, serde_json {expected:?}, in {text:?}"
        );
    }
}

/// Whether a control character stands in a string as it is. Texts with backslashes outside strings
/// are passed over: where their strings end is a matter of opinion.
fn has_bare_controls(text: &str) -> bool {
    let mut found = false;
    let mut is_inside = false;
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => is_inside = !is_inside,
            b'\\' if !is_inside => return false,
            b'\\' => found |= bytes.next().is_some_and(|byte| byte < 0x20),
            0..0x20 => found |= is_inside,
            _ => {}
        }
    }
    found
}

/// Whether a found value is that of the tree.
fn is_same(value: &Probed, expected: Option<&Doc>) -> bool {
    match (value, expected) {
        (Probed::Absent, None | Some(Doc::Null))
        | (Probed::True, Some(Doc::Bool(true)))
        | (Probed::False, Some(Doc::Bool(false))) => true,
        (Probed::Text(text), Some(Doc::Text(expected))) => text == expected,
        (Probed::Number(raw), Some(Doc::Number(_)))
        | (Probed::Object(raw), Some(Doc::Object(_))) => is_raw(raw, expected),
        (Probed::Array(raw, elements), Some(Doc::Array(items))) => {
            let is_alike = |(element, item): (&Probed, &Doc)| match (element, item) {
                // Arrays in arrays come without elements.
                (Probed::Array(raw, _), Doc::Array(_)) => is_raw(raw, Some(item)),
                (element, item) => is_same(element, Some(item)),
            };
            is_raw(raw, expected)
                && elements.len() == items.len()
                && elements.iter().zip(items).all(is_alike)
        }
        _ => false,
    }
}

/// Whether a raw text is exactly the text of a value, without blanks around it.
fn is_raw(raw: &str, expected: Option<&Doc>) -> bool {
    raw.trim() == raw && Doc::read(raw).as_ref() == expected
}

/// Members at the top as readers look for them in an object that they have found.
fn members(text: &str, document: &Doc) {
    let Doc::Object(members) = document else {
        return;
    };
    let mut probe = Probe::new(&[]);
    let object = text.trim_matches([' ', '\t', '\r', '\n']);
    let names = members.iter().map(|(name, _)| name.as_str());
    for name in names.take(MOST_DERIVED).chain(["", "a", "no member"]) {
        let value = probe.member(object, name);
        let expected = document.member(name);
        assert!(
            is_same(&value, expected),
            "the member {name:?} is {value:?}, for serde_json {expected:?}, in {text:?}"
        );
    }
}
