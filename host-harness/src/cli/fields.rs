//! `whose fields`: the reference of all fields, generated from the code that writes them.

use std::io::{Write, stdout};

use clap::{Args, ValueEnum};
use enrich_core::explain::{FieldReference, fields};
use serde_json::{Map, Value, json};

use super::Failure;

/// Arguments of `whose fields`.
#[derive(Args, Debug)]
pub(crate) struct Fields {
    /// As what it is printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Only fields whose path begins with this.
    #[arg(value_name = "PATH", default_value = "")]
    path: String,
}

/// Forms of the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Lines for a terminal.
    Text,
    /// One JSON object a field.
    Json,
    /// docs/fields.md.
    Markdown,
    /// docs/ecs-component-template.json: what Elasticsearch has to know of `Nhi`.
    EcsTemplate,
}

impl Fields {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let all = fields();
        let fields: Vec<&FieldReference> = all
            .iter()
            .filter(|field| field.path.starts_with(&self.path))
            .collect();
        let mut page = String::new();
        match self.format {
            Format::Text => fields.iter().for_each(|field| text(field, &mut page)),
            Format::Json => {
                for field in &fields {
                    page.push_str(&serde_json::to_string(&as_json(field))?);
                    page.push('\n');
                }
            }
            Format::Markdown => markdown(&fields, &mut page),
            Format::EcsTemplate => {
                page = serde_json::to_string_pretty(&template(&fields))?;
                page.push('\n');
            }
        }
        stdout().lock().write_all(page.as_bytes())?;
        Ok(())
    }
}

fn text(field: &FieldReference, page: &mut String) {
    let FieldReference {
        path,
        sort,
        detail,
        meaning,
        source,
        ..
    } = field;
    page.push_str(&format!("{path}  ({sort}; {detail})\n    {meaning}\n"));
    if *source != "whose" {
        page.push_str(&format!("    after {source}\n"));
    }
    for (name, other) in [
        ("OCSF", field.ocsf.as_str()),
        ("ECS", field.ecs.as_str()),
        ("Splunk", field.splunk),
    ] {
        if !other.is_empty() {
            page.push_str(&format!("    {name}: {other}\n"));
        }
    }
}

fn as_json(field: &FieldReference) -> Value {
    json!({
        "path": field.path,
        "type": field.sort,
        "detail": field.detail,
        "meaning": field.meaning,
        "source": field.source,
        "ocsf": field.ocsf,
        "ecs": field.ecs,
        "splunk": field.splunk,
    })
}

const HEAD: &str = "\
# Fields

Everything that a context may have, generated from the code that writes it: `whose fields --format markdown > docs/fields.md`. A test
fails when this page is stale. `whose fields PREFIX` shows a part of it on a terminal.

- A fact that is not known is an absent member; there are no empty texts and no defaults.
- *Level* is the level of detail from which on a field is written: `--detail minimal|standard|full`. `--fields owner,triage.priority` writes
  exactly the fields that are named, what is around them, and those of level *always*.
- Names are those of the native rendering, `whose.identities[]` being left out in front of an identity's own. The other columns say where
  [the other renderings](renderings.md) have the same fact.
- Times are RFC 3339 in UTC. Where a time is known not to be one, the native rendering has the word in its place (`never`, `not_tracked`,
  `never since TIME`), and the others a member `NAME_state` beside it, because their fields have one type for all events. OCSF's own
  names in `_time` are milliseconds since 1970.
- A text of others is cut after 2,048 bytes.

";

fn markdown(fields: &[&FieldReference], page: &mut String) {
    page.push_str(HEAD);
    page.push_str("| field | type | level | meaning | name or rule from | OCSF | ECS | Splunk |\n");
    page.push_str("|---|---|---|---|---|---|---|---|\n");
    let code = |text: &str| {
        if text.is_empty() {
            String::new()
        } else {
            format!("`{text}`")
        }
    };
    for field in fields {
        page.push_str(&format!(
            "| `{}` | {} | {} | {} | {} | {} | {} | {} |\n",
            field.path,
            field.sort,
            field.detail,
            field.meaning,
            if field.source == "whose" {
                ""
            } else {
                field.source
            },
            code(field.ocsf.as_str()),
            code(field.ecs.as_str()),
            code(field.splunk),
        ));
    }
}

/// A component template: without it Elasticsearch guesses types from the first event, and a text
/// that looks like a date once would refuse the next one.
fn template(fields: &[&FieldReference]) -> Value {
    let mut nhi = Map::new();
    for field in fields {
        let Some(path) = field.ecs.strip_prefix("Nhi.") else {
            continue;
        };
        let sort = match field.sort.split([' ', ',']).next().unwrap_or("") {
            "integer" => "long",
            "date" => "date",
            "boolean" => "boolean",
            _ => "keyword",
        };
        let is_object = field.sort.contains("object");
        let mut at = &mut nhi;
        let mut steps = path.split('.').peekable();
        while let Some(step) = steps.next() {
            let place = at.entry(step).or_insert_with(|| json!({}));
            if steps.peek().is_none() {
                if is_object {
                    if place.get("properties").is_none() {
                        place["properties"] = json!({});
                    }
                } else {
                    *place = json!({ "type": sort });
                    if sort == "keyword" {
                        place["ignore_above"] = json!(2048);
                    }
                }
                break;
            }
            if place.get("properties").is_none() {
                place["properties"] = json!({});
            }
            let Some(below) = place["properties"].as_object_mut() else {
                break;
            };
            at = below;
        }
    }
    // What the states of times are, and the identities beside the first, is keyword.
    json!({
        "template": {
            "mappings": {
                "dynamic_templates": [{
                    "nhi": {
                        "path_match": "Nhi.*",
                        "match_mapping_type": "string",
                        "mapping": { "type": "keyword", "ignore_above": 2048 }
                    }
                }],
                "properties": { "Nhi": { "properties": nhi } }
            }
        },
        "_meta": { "description": "Fields that whose adds to ECS events" }
    })
}
