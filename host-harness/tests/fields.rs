//! The reference of fields is what the code says, and each rendering has the fields that it names.

mod common;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use enrich_core::explain::fields;
use enrich_core::{Check, Config, Enricher};
use serde_json::Value;

fn printed(format: &str) -> String {
    let out = Command::new(env!("CARGO_BIN_EXE_whose"))
        .args(["fields", "--format", format])
        .output()
        .unwrap();
    assert!(out.status.success());
    String::from_utf8(out.stdout).unwrap()
}

fn is_page(name: &str, format: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs")
        .join(name);
    let page = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        page == printed(format),
        "docs/{name} is stale: whose fields --format {format} > docs/{name}"
    );
}

#[test]
fn the_pages_are_what_the_code_says() {
    is_page("fields.md", "markdown");
    is_page("ecs-component-template.json", "ecs-template");
}

#[test]
fn every_field_is_described_once() {
    let mut seen = BTreeSet::new();
    for field in fields() {
        assert!(!field.sort.is_empty() && !field.meaning.is_empty() && !field.source.is_empty());
        // The outcome of an event without identities and that of an identity have the same name.
        assert!(
            seen.insert(field.path) || field.path == "outcome",
            "{}",
            field.path
        );
        let above = field.path.rsplit_once('.').map(|(above, _)| above);
        assert!(
            above.is_none_or(|above| seen.contains(above)),
            "{}",
            field.path
        );
        // A table of Markdown has one column for it.
        assert!(!field.meaning.contains('|'), "{}", field.path);
    }
}

/// Paths of the members of a value, as the reference writes them.
fn paths(value: &Value, before: &str, out: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let path = if before.is_empty() {
                    name.clone()
                } else {
                    format!("{before}.{name}")
                };
                out.insert(path.clone());
                paths(value, &path, out);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| paths(value, before, out)),
        _ => {}
    }
}

/// All contexts of the cases, in a rendering, at the fullest.
fn contexts(rendering: &str) -> Vec<Value> {
    let mut out = Vec::new();
    for case in whose_cases::all().unwrap() {
        let mut config: Value = serde_json::from_slice(&case.config).unwrap();
        config["rendering"] = rendering.into();
        config["detail"] = "full".into();
        config.as_object_mut().unwrap().remove("fields");
        let config = Config::from_json(&serde_json::to_vec(&config).unwrap()).unwrap();
        let mut enricher = Enricher::new(config);
        for snapshot in &case.snapshots {
            enricher.attach(snapshot.bytes(), Check::All, None).unwrap();
        }
        let enriched = enricher.enrich(&case.event);
        let lines = enriched.split(|byte| *byte == b'\n');
        out.extend(lines.filter_map(|line| serde_json::from_slice(line).ok()));
    }
    out
}

/// What the cases show of a rendering is in the reference, and nearly all of the reference is shown.
fn agree(rendering: &str, found: BTreeSet<String>, known: BTreeSet<String>) {
    let unknown: Vec<_> = found.difference(&known).collect();
    assert!(unknown.is_empty(), "{rendering} writes {unknown:?}");
    let unseen: Vec<_> = known.difference(&found).collect();
    assert!(
        unseen.len() * 10 < known.len(),
        "no case of {rendering} has {unseen:?}"
    );
}

#[test]
fn the_native_rendering_has_the_fields_of_the_reference() {
    let mut found = BTreeSet::new();
    for event in contexts("native") {
        let context = &event["whose"];
        for identity in context["identities"].as_array().into_iter().flatten() {
            paths(identity, "", &mut found);
        }
        for name in ["triage", "response", "snapshot"] {
            if !context[name].is_null() {
                found.insert(name.to_owned());
                paths(&context[name], name, &mut found);
            }
        }
        let names = context.as_object().into_iter().flatten();
        found.extend(names.map(|(name, _)| name.clone()));
    }
    // All credentials have the members of the one that was used.
    found.retain(|path| !path.starts_with("credentials."));
    let known = fields().iter().map(|field| field.path.to_owned()).collect();
    agree("native", found, known);
}

#[test]
fn the_rendering_of_ocsf_has_the_fields_of_the_reference() {
    let mut found = BTreeSet::new();
    for event in contexts("ocsf") {
        for element in event["enrichments"].as_array().into_iter().flatten() {
            if element["type"] == "nhi" && element["value"] != "x" {
                paths(&element["data"], "", &mut found);
            }
        }
    }
    found.retain(|path| {
        let is_state = path.ends_with("_state") && path != "lifecycle_state";
        !is_state && !path.starts_with("programmatic_credentials.") && path != "typed_homes"
    });
    let known = fields();
    let known = known
        .iter()
        .filter_map(|field| field.ocsf.strip_prefix("enrichments[].data."));
    agree("ocsf", found, known.map(str::to_owned).collect());
}

#[test]
fn the_rendering_of_ecs_has_the_fields_of_the_reference() {
    let mut found = BTreeSet::new();
    for event in contexts("ecs") {
        paths(&event["Nhi"], "", &mut found);
    }
    found.retain(|path| {
        let is_state = path.ends_with("_state") && path != "lifecycle_state";
        let is_other = path.starts_with("other_identities") || path.starts_with("credentials.");
        !is_state && !is_other && path != "summary"
    });
    let known = fields();
    let known = known
        .iter()
        .filter_map(|field| field.ecs.strip_prefix("Nhi."));
    agree("ecs", found, known.map(str::to_owned).collect());
}

#[test]
fn the_rendering_for_splunk_is_flat_and_has_the_fields_of_the_reference() {
    let mut found = BTreeSet::new();
    for event in contexts("splunk") {
        for (name, value) in event.as_object().into_iter().flatten() {
            if name.starts_with("nhi_") {
                assert!(value.is_string() || value.is_number(), "{name} is {value}");
                found.insert(name.clone());
            }
        }
    }
    let known = fields();
    let known = known.iter().map(|field| field.splunk.to_owned());
    let mut known: BTreeSet<String> = known.filter(|name| name.starts_with("nhi_")).collect();
    known.insert("nhi_fields".to_owned());
    agree("splunk", found, known);
}
