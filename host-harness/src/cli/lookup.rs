//! `whose lookup`: the identity behind one key.

use std::io::{IsTerminal, Write, stdout};

use clap::Args;
use host_harness::text::printable;
use serde_json::Value;

use super::Failure;
use super::opener::open;
use super::setup::{Domains, Engine, Inventory};

/// Deepest nesting that is printed for a person.
const MAX_DEPTH: usize = 12;

/// Arguments of `whose lookup`.
#[derive(Args, Debug)]
pub(crate) struct Lookup {
    /// TYPE[@DOMAIN]:VALUE, for example aws_arn:arn:aws:iam::123456789012:role/x
    key: String,
    #[command(flatten)]
    inventory: Inventory,
    /// Print the record as the module returned it.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    domains: Domains,
    #[command(flatten)]
    engine: Engine,
}

impl Lookup {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let snapshots = self.inventory.read()?;
        let mut backend = open(
            &self.engine,
            &self.domains,
            Some(&self.inventory),
            &snapshots,
        )?;
        let text = backend.lookup(&self.key)?;
        let answer: Value = serde_json::from_str(&text).map_err(|error| {
            anyhow::anyhow!("the module returned a record that is not JSON: {error}")
        })?;
        let mut out = stdout().lock();
        if self.json {
            writeln!(out, "{text}")?;
        } else {
            let colour = super::table::Colour::for_stdout(stdout().is_terminal());
            out.write_all(page(&self.key, &answer, colour).as_bytes())?;
        }
        out.flush()?;
        // A retired or an ambiguous key has led somewhere; these have not.
        match answer["outcome"].as_str() {
            Some("not_found" | "not_found_at_time" | "out_of_scope") | None => {
                Err(Failure::CheckFailed)
            }
            Some(_) => Ok(()),
        }
    }
}

/// The answer for a person: the outcome, then each record as indented lines.
fn page(key: &str, answer: &Value, colour: super::table::Colour) -> String {
    let outcome = answer["outcome"].as_str().unwrap_or("no outcome");
    let meaning = match outcome {
        "matched" => "one identity holds this key",
        "retired" => "the identity of this key is retired",
        "ambiguous" => "several identities hold this key",
        "not_found" => "the inventory covers this key's scope and nobody holds the key",
        "out_of_scope" => "no attached snapshot covers this key's scope",
        _ => "",
    };
    let shown = printable(outcome, 40);
    let shown = if outcome == "matched" {
        colour.good(&shown)
    } else {
        colour.warn(&shown)
    };
    let mut out = format!("{}: {shown}", printable(key, 300));
    if !meaning.is_empty() {
        out.push_str(&format!(" ({meaning})"));
    }
    out.push('\n');
    let records = answer["records"].as_array().map_or(&[][..], Vec::as_slice);
    for record in records {
        out.push('\n');
        write_value(&mut out, record, 0, colour);
    }
    out
}

/// A value as indented lines; empty members are not there to begin with.
fn write_value(out: &mut String, value: &Value, depth: usize, colour: super::table::Colour) {
    if depth > MAX_DEPTH {
        out.push_str(" …\n");
        return;
    }
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                out.push_str(&format!("{indent}{}:", colour.dim(&printable(name, 80))));
                write_member(out, member, depth, colour);
            }
        }
        Value::Array(items) => {
            for item in items {
                if item.is_object() || item.is_array() {
                    let mut inner = String::new();
                    write_value(&mut inner, item, depth + 1, colour);
                    // The first line of an item carries its dash.
                    let rest = inner.get(indent.len() + 2..).unwrap_or(&inner);
                    out.push_str(&format!("{indent}- {rest}"));
                } else {
                    out.push_str(&format!("{indent}- {}\n", scalar(item)));
                }
            }
        }
        other => out.push_str(&format!("{indent}{}\n", scalar(other))),
    }
}

fn write_member(out: &mut String, member: &Value, depth: usize, colour: super::table::Colour) {
    match member {
        Value::Object(members) if !members.is_empty() => {
            out.push('\n');
            write_value(out, member, depth + 1, colour);
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            out.push('\n');
            write_value(out, member, depth + 1, colour);
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(scalar).collect();
            out.push_str(&format!(" {}\n", items.join(", ")));
        }
        other => out.push_str(&format!(" {}\n", scalar(other))),
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => printable(text, 500),
        other => printable(&other.to_string(), 500),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_record_is_printed_as_lines() {
        let answer = json!({"v":1,"outcome":"matched","records":[
            {"uid":"aws:1:x","owner":{"ref":"group:default/a\u{1b}"},"environment":["production","test"],
             "credentials":[{"uid":"AKIA","type":"access_key"},{"uid":"AKIB"}]}]});
        let page = page(
            "aws_arn:x",
            &answer,
            super::super::table::Colour::for_stdout(false),
        );
        assert_eq!(
            page,
            "aws_arn:x: matched (one identity holds this key)\n\n\
             uid: aws:1:x\nowner:\n  ref: group:default/a\\u{1b}\nenvironment: production, test\n\
             credentials:\n  - uid: AKIA\n    type: access_key\n  - uid: AKIB\n"
        );
    }

    #[test]
    fn a_miss_says_what_it_means() {
        let page = page(
            "k",
            &json!({"outcome":"out_of_scope","records":[]}),
            super::super::table::Colour::for_stdout(false),
        );
        assert_eq!(
            page,
            "k: out_of_scope (no attached snapshot covers this key's scope)\n"
        );
    }
}
