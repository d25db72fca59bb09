//! Target `enrich`: a batch keeps its lines, and each line keeps what it says.

use enrich_core::Enricher;

use crate::document::Doc;
use crate::{golden, renderings};

/// Members that hold arrays of events.
const ARRAYS: [&str; 5] = ["Records", "records", "items", "Events", "logEvents"];

/// Checks one batch, with a snapshot and, when it is detached, without.
pub fn check(data: &[u8]) {
    let (mut enricher, snapshot) = golden::enricher();
    batch(data, &mut enricher, true);
    let detached = enricher.detach(snapshot);
    assert_eq!(detached, Ok(()));
    batch(data, &mut enricher, false);
    renderings::check(data);
}

fn batch(data: &[u8], enricher: &mut Enricher<'_>, has_snapshot: bool) {
    let out = enricher.enrich(data).to_vec();
    let before: Vec<&[u8]> = lines(data).collect();
    let after: Vec<&[u8]> = lines(&out).collect();
    assert_eq!(before.len(), after.len(), "one line out for each line in");
    for (before, after) in before.iter().zip(&after) {
        line(before, after, has_snapshot);
    }

    // Nothing is left in the buffers that the next batch would see.
    let mut apart = Vec::new();
    for line in before.iter().rev() {
        apart.splice(0..0, enricher.enrich(line).iter().copied());
    }
    assert_eq!(apart, out, "line by line, the last one first");
    assert_eq!(enricher.enrich(data), out, "the second time");

    // What is enriched again gets its context in place of the earlier one.
    let again = enricher.enrich(&out).to_vec();
    assert_eq!(enricher.enrich(&again), again, "the third time");
}

fn lines(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    data.split_inclusive(|byte| *byte == b'\n')
}

/// One line as it came and as it left.
fn line(before: &[u8], after: &[u8], has_snapshot: bool) {
    let end = |line: &[u8]| (line.ends_with(b"\n"), line.ends_with(b"\r\n"));
    assert_eq!(end(before), end(after), "the line end");
    let Ok(text) = std::str::from_utf8(before) else {
        assert_eq!(before, after, "what is not UTF-8 leaves as it came");
        return;
    };
    let Some(mut event) = Doc::read(text) else {
        return;
    };
    let shown = String::from_utf8_lossy(after);
    let mut left = Doc::read(&shown).unwrap_or_else(|| panic!("was JSON, is none: {shown}"));
    ours_only(&left, &shown, has_snapshot);
    strip(&mut event);
    strip(&mut left);
    assert_eq!(event, left, "changed beside our member: {shown}");

    // Byte by byte, where nothing can have been cut and context stands in one place only.
    let is_plain = !text.contains("whose") && !text.contains("\\u");
    if is_plain && matches!(&event, Doc::Object(members) if !members.iter().any(is_array)) {
        let close = text.rfind('}').unwrap_or(text.len());
        let (head, tail) = before.split_at(close);
        assert!(after.starts_with(head) && after.ends_with(tail), "{shown}");
    }
}

fn is_array((name, _): &(String, Doc)) -> bool {
    ARRAYS.contains(&name.as_str())
}

/// No member of our name leaves that came in: at most one stands in an object, the last, and it is
/// of our making.
fn ours_only(left: &Doc, shown: &str, has_snapshot: bool) {
    match left {
        Doc::Object(members) => {
            let mut found = members.iter().enumerate();
            let Some((at, (_, ours))) = found.find(|(_, (name, _))| name == "whose") else {
                return;
            };
            let is_ours = matches!(
                ours.member("snapshot").and_then(|it| it.member("digest")),
                Some(Doc::Text(digest)) if digest.starts_with("blake3:")
            );
            assert!(
                has_snapshot && is_ours && at + 1 == members.len(),
                "forged context leaves: {shown}"
            );
        }
        Doc::Array(items) => items
            .iter()
            .filter(|item| matches!(item, Doc::Object(_)))
            .for_each(|item| ours_only(item, shown, has_snapshot)),
        _ => {}
    }
}

/// Removes our member where an event may stand: at the top, in the elements of an array of events,
/// in an event that EventBridge carries.
fn strip(value: &mut Doc) {
    match value {
        Doc::Object(members) => {
            members.retain(|(name, _)| name != "whose");
            for (name, value) in members {
                if ARRAYS.contains(&name.as_str()) || name == "detail" {
                    strip(value);
                }
            }
        }
        Doc::Array(items) => items
            .iter_mut()
            .filter(|item| matches!(item, Doc::Object(_)))
            .for_each(strip),
        _ => {}
    }
}
