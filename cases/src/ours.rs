//! What each rendering adds to an event, and how it is told from what was there.

use serde_json::{Map, Value};

/// Arrays whose elements are events of their own.
const ENVELOPES: &[&str] = &["Records", "records", "Events", "logEvents", "items"];

/// The rendering that a case's configuration asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rendering {
    Native,
    Ocsf,
    Ecs,
    Splunk,
}

impl Rendering {
    pub(crate) fn of(config: &[u8]) -> Self {
        let config: Value = serde_json::from_slice(config).unwrap_or_default();
        match config.get("rendering").and_then(Value::as_str) {
            Some("ocsf") => Self::Ocsf,
            Some("ecs") => Self::Ecs,
            Some("splunk") => Self::Splunk,
            _ => Self::Native,
        }
    }
}

/// Takes what is ours out of an event, or out of the events of an envelope, before and after it
/// was enriched: what is left has to be the same.
pub(crate) fn take_out(rendering: Rendering, before: &mut Value, after: &mut Value) {
    match (before, after) {
        (Value::Array(before), Value::Array(after)) => {
            for (before, after) in before.iter_mut().zip(after) {
                if before.is_object() {
                    take_out(rendering, before, after);
                }
            }
        }
        (Value::Object(before), Value::Object(after)) => {
            of_event(rendering, before, after);
            // EventBridge: the event is the detail, and nothing forged stays in it either.
            if let (Some(Value::Object(before)), Some(Value::Object(after))) =
                (before.get_mut("detail"), after.get_mut("detail"))
                && before.contains_key("eventName")
            {
                of_event(rendering, before, after);
            }
            for name in ENVELOPES {
                if let (Some(before), Some(after)) = (before.get_mut(*name), after.get_mut(*name))
                    && before.is_array()
                {
                    take_out(rendering, before, after);
                }
            }
        }
        _ => {}
    }
}

fn of_event(rendering: Rendering, before: &mut Map<String, Value>, after: &mut Map<String, Value>) {
    match rendering {
        Rendering::Ecs => related(before, after),
        Rendering::Splunk => flat(before, after),
        Rendering::Ocsf => {
            let (earlier, now) = (enrichments(before), enrichments(after));
            for home in &now {
                before.remove(home);
                after.remove(home);
            }
            // Of what was listed before, only what went was ours.
            before.retain(|name, _| !earlier.contains(name) || after.contains_key(name));
        }
        Rendering::Native => {}
    }
    for event in [before, after] {
        event.remove("whose");
        if rendering == Rendering::Ecs {
            event.remove("Nhi");
        }
    }
}

/// Takes out elements of ours; what is empty then says nothing. Gives the attributes that they name.
fn enrichments(event: &mut Map<String, Value>) -> Vec<String> {
    let Some(Value::Array(all)) = event.get_mut("enrichments") else {
        if event.get("enrichments") == Some(&Value::Null) {
            event.remove("enrichments");
        }
        return Vec::new();
    };
    let is_ours = |element: &Value| {
        let text = |name: &str| element.get(name).and_then(Value::as_str).unwrap_or("");
        text("type") == "nhi" && text("provider").starts_with("whose/")
    };
    let mut homes = Vec::new();
    for element in all.iter().filter(|element| is_ours(element)) {
        let listed = element.pointer("/data/typed_homes");
        let listed = listed.and_then(Value::as_array).into_iter().flatten();
        homes.extend(listed.filter_map(Value::as_str).map(str::to_owned));
    }
    all.retain(|element| !is_ours(element));
    if all.is_empty() {
        event.remove("enrichments");
    }
    homes
}

/// What was in `related.user` comes first, in its order; what follows is ours.
fn related(before: &Map<String, Value>, after: &mut Map<String, Value>) {
    let name = ["related.user", "related"]
        .into_iter()
        .find(|name| before.contains_key(*name));
    let Some(name) = name else {
        after.remove("related");
        return;
    };
    fn list<'v>(name: &str, value: &'v mut Value) -> Option<&'v mut Vec<Value>> {
        if name == "related" {
            value.get_mut("user")?.as_array_mut()
        } else {
            value.as_array_mut()
        }
    }
    let mut known = before.get(name).cloned();
    let known = known.as_mut();
    let is_new = name == "related"
        && before
            .get(name)
            .is_some_and(|all| all.get("user").is_none());
    let Some(value) = after.get_mut(name) else {
        return;
    };
    if is_new && let Some(all) = value.as_object_mut() {
        all.remove("user");
    } else if let (Some(known), Some(all)) =
        (known.and_then(|known| list(name, known)), list(name, value))
        && all.starts_with(known)
    {
        all.truncate(known.len());
    }
}

/// `nhi_…`, and the fields that `nhi_fields` lists. Of those that were listed before, only what
/// went was ours.
fn flat(before: &mut Map<String, Value>, after: &mut Map<String, Value>) {
    let listed = |event: &Map<String, Value>| {
        let list = event.get("nhi_fields").and_then(Value::as_str);
        let names = list.unwrap_or("").split('|').map(str::to_owned);
        names.collect::<Vec<_>>()
    };
    let (earlier, now) = (listed(before), listed(after));
    for event in [&mut *before, &mut *after] {
        event.retain(|name, _| !name.starts_with("nhi_") && !now.contains(name));
    }
    before.retain(|name, _| !earlier.contains(name) || after.contains_key(name));
}
