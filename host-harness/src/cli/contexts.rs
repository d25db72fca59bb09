//! Where the contexts of an enriched line stand.

use serde_json::Value;

/// Arrays whose elements are events.
const ENVELOPES: &[&str] = &["Records", "records", "Events", "logEvents", "items"];
/// Envelopes inside envelopes, at most.
const MAX_NESTING: usize = 4;

/// Events with their contexts, in the order of the line: where the core puts them, in the event or in
/// an element of an envelope. Looking anywhere else would let an event's own content pass for a
/// context.
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
