//! `diff`: what changed between two snapshots.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use enrich_core::{Check, Snapshot, Trust};
use serde_json::{Map, Value, json};
use snapshots::diff::{Brief, Change, Diff};
use snapshots::text::{printable, time};

use super::table::table;
use super::{Done, files};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The older snapshot.
    old: PathBuf,
    /// The newer snapshot; `-` for standard input.
    new: PathBuf,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
    /// Show so many identities of each list.
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
}

pub(super) fn run(args: &Args) -> Result<Done> {
    let (old, new) = (
        files::read_snapshot(&args.old)?,
        files::read_snapshot(&args.new)?,
    );
    let (old, new) = (open(&args.old, &old)?, open(&args.new, &new)?);
    let diff = Diff::between(&old, &new).context("the snapshots can't be compared")?;
    if args.json {
        say!("{}", as_json(&diff, &old, &new));
    } else {
        people(&diff, &old, &new, args.limit);
    }
    Ok(Done::Yes)
}

fn open<'a>(path: &Path, bytes: &'a [u8]) -> Result<Snapshot<'a>> {
    Snapshot::open(bytes, Check::All, &Trust::default())
        .with_context(|| format!("{} can't be compared", path.display()))
}

fn people(diff: &Diff, old: &Snapshot<'_>, new: &Snapshot<'_>, limit: usize) {
    for (sign, snapshot) in [("-", old), ("+", new)] {
        let header = snapshot.header();
        say!(
            "{sign} {}, {}, sequence {}",
            printable(header.id(), 60),
            time(header.created_ms),
            header.sequence
        );
    }
    say!(
        "{} new, {} gone, {} renamed, {} changed, {} the same",
        diff.new.len(),
        diff.gone.len(),
        diff.renamed.len(),
        diff.changed.len(),
        diff.unchanged
    );
    let fields = diff.fields();
    if !fields.is_empty() {
        let counts: Vec<String> = fields
            .iter()
            .map(|(field, count)| format!("{field} {count}"))
            .collect();
        say!("changed fields: {}", counts.join(", "));
    }
    for (what, scopes) in [
        ("covered now", &diff.scopes_new),
        ("not covered any more", &diff.scopes_gone),
    ] {
        for scope in scopes.iter().take(limit) {
            say!("{what}: {}", printable(scope, 200));
        }
        more(scopes.len(), limit);
    }
    for (what, list) in [("new", &diff.new), ("gone", &diff.gone)] {
        if list.is_empty() {
            continue;
        }
        say!("\n{what}");
        say!(
            "{}",
            table(list.iter().take(limit).map(brief_row)).trim_fmt()
        );
        more(list.len(), limit);
    }
    if !diff.renamed.is_empty() {
        say!("\nrenamed");
        for renamed in diff.renamed.iter().take(limit) {
            say!(
                "{} -> {}",
                printable(&renamed.from, 200),
                printable(&renamed.to, 200)
            );
            changes(&renamed.changes);
        }
        more(diff.renamed.len(), limit);
    }
    if !diff.changed.is_empty() {
        say!("\nchanged");
        for changed in diff.changed.iter().take(limit) {
            say!("{}", printable(&changed.uid, 200));
            changes(&changed.changes);
        }
        more(diff.changed.len(), limit);
    }
}

fn more(count: usize, limit: usize) {
    if count > limit {
        say!(
            "and {} more (--limit shows them, --json has them all)",
            count - limit
        );
    }
}

fn brief_row(brief: &Brief) -> Vec<String> {
    let tier = brief
        .tier
        .map_or_else(String::new, |tier| format!("tier {tier}"));
    vec![
        format!("  {}", brief.uid),
        brief.kind.to_owned(),
        brief.owner.clone().unwrap_or_else(|| "no owner".to_owned()),
        tier,
    ]
}

fn changes(changes: &[Change]) {
    for change in changes {
        if change.added.is_empty() && change.removed.is_empty() {
            let show =
                |value: &Option<String>| printable(value.as_deref().unwrap_or("(none)"), 200);
            say!(
                "  {}: {} -> {}",
                change.field,
                show(&change.from),
                show(&change.to)
            );
        }
        for (sign, list) in [("-", &change.removed), ("+", &change.added)] {
            for entry in list {
                say!("  {}: {sign} {}", change.field, printable(entry, 300));
            }
        }
    }
}

fn as_json(diff: &Diff, old: &Snapshot<'_>, new: &Snapshot<'_>) -> Value {
    let header = |snapshot: &Snapshot<'_>| {
        let header = snapshot.header();
        json!({"id": header.id(), "digest": format!("blake3:{}", files::hex(&header.digest)), "created": time(header.created_ms), "sequence": header.sequence})
    };
    let briefs = |list: &[Brief]| -> Value {
        list.iter()
            .map(|brief| {
                let mut out = Map::new();
                out.insert("uid".to_owned(), json!(brief.uid));
                out.insert("kind".to_owned(), json!(brief.kind));
                if let Some(owner) = &brief.owner {
                    out.insert("owner".to_owned(), json!(owner));
                }
                if let Some(tier) = brief.tier {
                    out.insert("tier".to_owned(), json!(tier));
                }
                Value::Object(out)
            })
            .collect()
    };
    json!({
        "old": header(old), "new": header(new),
        "counts": {"new": diff.new.len(), "gone": diff.gone.len(), "renamed": diff.renamed.len(), "changed": diff.changed.len(), "unchanged": diff.unchanged},
        "fields": diff.fields(),
        "scopes": {"new": diff.scopes_new, "gone": diff.scopes_gone},
        "new_identities": briefs(&diff.new), "gone_identities": briefs(&diff.gone),
        "renamed": diff.renamed.iter().map(|renamed| json!({"from": renamed.from, "to": renamed.to, "changes": fields(&renamed.changes)})).collect::<Vec<_>>(),
        "changed": diff.changed.iter().map(|changed| json!({"uid": changed.uid, "changes": fields(&changed.changes)})).collect::<Vec<_>>(),
    })
}

/// Changes by field: `{"owner": {"from": …, "to": …}, "keys": {"added": […], "removed": […]}}`.
fn fields(changes: &[Change]) -> Value {
    let mut out = Map::new();
    for change in changes {
        let value = if change.added.is_empty() && change.removed.is_empty() {
            json!({"from": change.from, "to": change.to})
        } else {
            json!({"added": change.added, "removed": change.removed})
        };
        out.insert(change.field.to_owned(), value);
    }
    Value::Object(out)
}
