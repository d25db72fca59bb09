//! `inspect`: a snapshot, or one identity in it, for people.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use enrich_core::vocabulary::LifecycleState;
use enrich_core::{Check, Snapshot, Trust};
use serde_json::{Map, Value, json};
use snapshots::model::{Identity, Inventory, Time};
use snapshots::record::{notation, parse_key};
use snapshots::text::time;

use super::table::table;
use super::{Done, files};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The snapshot; `-` for standard input.
    file: PathBuf,
    /// Show one identity: a key such as aws_arn:arn:aws:iam::123456789012:role/x, or a uid.
    key: Option<String>,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<Done> {
    let bytes = files::read_snapshot(&args.file)?;
    // Who signed it is `verify`'s question; this shows what is there, if it is whole.
    let snapshot = Snapshot::open(&bytes, Check::All, &Trust::default())
        .with_context(|| format!("{} can't be shown", args.file.display()))?;
    let inventory = snapshots::read::inventory(&snapshot)
        .with_context(|| format!("{} can't be shown", args.file.display()))?;
    match &args.key {
        None => overview(args, &snapshot, &inventory),
        Some(key) => one(args, key, &inventory)?,
    }
    Ok(Done::Yes)
}

fn overview(args: &Args, snapshot: &Snapshot<'_>, inventory: &Inventory) {
    let header = snapshot.header();
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    let mut findings: BTreeMap<&str, usize> = BTreeMap::new();
    let mut retired = 0;
    for identity in &inventory.identities {
        retired += usize::from(identity.lifecycle_state == LifecycleState::Deprovisioned);
        *kinds.entry(identity.kind.as_str()).or_default() += 1;
        for finding in &identity.findings {
            *findings.entry(finding.name.as_str()).or_default() += 1;
        }
    }
    if args.json {
        let sections: Vec<Value> =
            snapshot.sections().map(|entry| json!({"id": entry.id, "rows": entry.rows, "row_bytes": entry.row_len, "offset": entry.offset, "bytes": entry.len})).collect();
        say!(
            "{}",
            json!({"id": header.id(), "organization": inventory.meta.organization, "format": format!("{}.{}", header.major, header.minor), "layer": header.layer.as_str(),
                "bytes": header.total_len, "created": time(header.created_ms), "sequence": header.sequence, "valid_for_s": header.valid_for_s,
                "digest": format!("blake3:{}", files::hex(&header.digest)), "signed": header.is_signed(), "identities": inventory.identities.len(), "retired": retired,
                "keys": snapshot.key_count(), "kinds": kinds, "findings": findings, "rules": snapshot.rules().count(), "sections": sections,
                "scopes": inventory.scopes.iter().map(|scope| json!({"provider": scope.provider.as_str(), "domain": scope.domain, "part": scope.part, "covered": scope.covered,
                    "owner": scope.owner.as_ref().map(|owner| &owner.reference)})).collect::<Vec<_>>()})
        );
        return;
    }
    let mut rows = Vec::new();
    let mut row = |what: &str, value: String| rows.push(vec![what.to_owned(), value]);
    row("id", header.id().to_owned());
    row("organization", inventory.meta.organization.clone());
    row(
        "format",
        format!("{}.{}, {}", header.major, header.minor, header.layer),
    );
    row("created", time(header.created_ms));
    row("sequence", header.sequence.to_string());
    row(
        "valid for",
        if header.valid_for_s == 0 {
            "no limit declared".to_owned()
        } else {
            format!("{} h", header.valid_for_s / 3600)
        },
    );
    row("digest", format!("blake3:{}", files::hex(&header.digest)));
    row(
        "signature",
        if header.is_signed() {
            format!(
                "there, by {}…; `verify --trust` checks it",
                files::hex(&header.signer[..8])
            )
        } else {
            "none".to_owned()
        },
    );
    row(
        "identities",
        format!("{}, of them {retired} retired", inventory.identities.len()),
    );
    for (kind, count) in kinds {
        row(&format!("  {kind}"), count.to_string());
    }
    row("keys", snapshot.key_count().to_string());
    row("triage rules", snapshot.rules().count().to_string());
    row("findings", findings.values().sum::<usize>().to_string());
    for (name, count) in findings {
        row(&format!("  {name}"), count.to_string());
    }
    for scope in &inventory.scopes {
        let place = if scope.part.is_empty() {
            scope.domain.clone()
        } else {
            format!("{}/{}", scope.domain, scope.part)
        };
        let owner = scope
            .owner
            .as_ref()
            .map_or("no owner", |owner| owner.reference.as_str());
        row(
            "scope",
            format!(
                "{} {place}: {owner}{}",
                scope.provider,
                if scope.covered { "" } else { ", not covered" }
            ),
        );
    }
    let an_identity = |bytes: u64| match snapshot.identity_count() {
        0 => String::new(),
        count => format!(", {:.1} an identity", bytes as f64 / count as f64),
    };
    row(
        "bytes",
        format!("{}{}", header.total_len, an_identity(header.total_len)),
    );
    for entry in snapshot.sections() {
        row(
            &format!("  section {}", entry.id),
            format!(
                "{} rows of {} bytes at {}{}",
                entry.rows,
                entry.row_len,
                entry.offset,
                an_identity(entry.len)
            ),
        );
    }
    say!("{}", table(rows).trim_fmt());
}

fn one(args: &Args, key: &str, inventory: &Inventory) -> Result<()> {
    let uid = key.strip_prefix("uid:").unwrap_or(key);
    let mut found: Vec<&Identity> = inventory
        .identities
        .iter()
        .filter(|identity| identity.uid == uid)
        .collect();
    if found.is_empty() {
        let wanted = parse_key(key)
            .with_context(|| format!("{key:?} is neither a uid of this snapshot nor a key"))?;
        let is_it = |identity: &&Identity| {
            identity.aliases.iter().any(|alias| {
                (alias.key_type, &alias.domain, &alias.value)
                    == (wanted.key_type, &wanted.domain, &wanted.value)
            })
        };
        found = inventory.identities.iter().filter(is_it).collect();
    }
    if found.is_empty() {
        bail!("no identity of this snapshot has the key {key}");
    }
    let records: Vec<Value> = found.iter().map(|identity| record(identity)).collect();
    if args.json {
        for record in records {
            say!("{record}");
        }
        return Ok(());
    }
    for (number, record) in records.iter().enumerate() {
        if number > 0 {
            say!("");
        }
        let mut rows = Vec::new();
        flatten("", record, &mut rows);
        say!("{}", table(rows).trim_fmt());
    }
    Ok(())
}

/// One row a value, with its path.
fn flatten(path: &str, value: &Value, rows: &mut Vec<Vec<String>>) {
    match value {
        Value::Object(map) => {
            for (name, inner) in map {
                flatten(
                    &if path.is_empty() {
                        name.clone()
                    } else {
                        format!("{path}.{name}")
                    },
                    inner,
                    rows,
                );
            }
        }
        Value::Array(items) if items.iter().all(Value::is_string) => {
            for item in items {
                rows.push(vec![
                    path.to_owned(),
                    item.as_str().unwrap_or("").to_owned(),
                ]);
            }
        }
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                flatten(&format!("{path}[{number}]"), item, rows);
            }
        }
        Value::String(text) => rows.push(vec![path.to_owned(), text.clone()]),
        other => rows.push(vec![path.to_owned(), other.to_string()]),
    }
}

/// An object that leaves out what is absent.
struct Object(Map<String, Value>);

impl Object {
    fn put(&mut self, name: &str, value: impl Into<Value>) -> &mut Self {
        let value = value.into();
        let absent = match &value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(map) => map.is_empty(),
            _ => false,
        };
        if !absent {
            self.0.insert(name.to_owned(), value);
        }
        self
    }
}

fn object(members: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let mut out = Object(Map::new());
    for (name, value) in members {
        out.put(name, value);
    }
    Value::Object(out.0)
}

fn when(fact: Time) -> Value {
    match fact {
        Time::Unknown => Value::Null,
        Time::NotTracked => json!("not tracked"),
        Time::Never => json!("never"),
        Time::NeverSince(ms) => json!({"never_since": time(ms)}),
        Time::At(ms) => json!(time(ms)),
    }
}

fn words<T: std::fmt::Display>(list: &[T]) -> Value {
    list.iter()
        .map(|word| Value::from(word.to_string()))
        .collect()
}

fn record(identity: &Identity) -> Value {
    let bound = |ms: Option<i64>| ms.map_or(Value::Null, |ms| json!(time(ms)));
    let response = &identity.response;
    object([
        ("uid", json!(identity.uid)),
        ("name", json!(identity.name)),
        ("kind", json!(identity.kind.as_str())),
        ("sub_type", json!(identity.sub_type)),
        ("provider", json!(identity.provider.as_str())),
        ("domain", json!(identity.domain)),
        ("purpose", json!(identity.purpose)),
        (
            "agent",
            identity.agent.as_ref().map_or(Value::Null, |agent| {
                object([
                    ("framework", json!(agent.framework)),
                    ("parent", json!(agent.parent)),
                ])
            }),
        ),
        (
            "keys",
            identity
                .aliases
                .iter()
                .map(|alias| {
                    object([
                        ("key", json!(notation(alias))),
                        ("valid_from", bound(alias.valid_from_ms)),
                        ("valid_to", bound(alias.valid_to_ms)),
                    ])
                })
                .collect(),
        ),
        (
            "owner",
            identity.owner.as_ref().map_or(Value::Null, |owner| {
                object([
                    ("ref", json!(owner.entity.reference)),
                    ("name", json!(owner.entity.name)),
                    ("contact", json!(owner.entity.contact)),
                    ("status", json!(owner.status.as_str())),
                    ("source", json!(owner.source)),
                    ("as_of", bound(owner.as_of_ms)),
                ])
            }),
        ),
        (
            "sponsor",
            identity.sponsor.as_ref().map_or(Value::Null, |sponsor| {
                object([
                    ("ref", json!(sponsor.reference)),
                    ("name", json!(sponsor.name)),
                    ("contact", json!(sponsor.contact)),
                ])
            }),
        ),
        ("secondary_owners", json!(identity.secondary_owners)),
        ("service", json!(identity.service)),
        ("vendor", json!(identity.vendor)),
        ("environment", words(&identity.environment)),
        (
            "criticality",
            json!(identity.criticality.map(|word| word.as_str())),
        ),
        (
            "privilege",
            identity
                .privilege
                .as_ref()
                .map_or(Value::Null, |privilege| {
                    object([
                        ("tier", json!(privilege.tier)),
                        ("level", json!(privilege.level.as_str())),
                        ("basis", json!(privilege.basis)),
                    ])
                }),
        ),
        (
            "blast_radius",
            identity
                .blast_radius
                .as_ref()
                .map_or(Value::Null, |radius| {
                    object([
                        ("identities", json!(radius.identities)),
                        ("accounts", json!(radius.accounts)),
                        ("environments", words(&radius.environments)),
                        ("teams", json!(radius.teams)),
                    ])
                }),
        ),
        (
            "lineage",
            object([
                ("created_by", json!(identity.lineage.created_by)),
                ("assumable_by", json!(identity.lineage.assumable_by)),
                ("can_assume", json!(identity.lineage.can_assume)),
                ("on_behalf_of", json!(identity.lineage.on_behalf_of)),
            ]),
        ),
        ("lifecycle_state", json!(identity.lifecycle_state.as_str())),
        ("created", when(identity.created)),
        ("last_seen", when(identity.last_seen)),
        ("retired_at", bound(identity.retired_at_ms)),
        (
            "credentials",
            identity
                .credentials
                .iter()
                .map(|credential| {
                    object([
                        ("uid", json!(credential.uid)),
                        ("type", json!(credential.credential_type)),
                        ("status", json!(credential.status.as_str())),
                        ("created", when(credential.created)),
                        ("last_rotated", when(credential.last_rotated)),
                        ("expires", when(credential.expires)),
                        ("last_used", when(credential.last_used)),
                        ("secret_source", json!(credential.secret_source)),
                        ("max_age_days", json!(credential.max_age_days)),
                    ])
                })
                .collect(),
        ),
        ("workloads", json!(identity.workloads)),
        (
            "behavior",
            identity
                .behavior
                .iter()
                .map(|stated| {
                    object([
                        ("dimension", json!(stated.dimension.as_str())),
                        ("basis", json!(stated.basis.as_str())),
                        ("allowed", json!(stated.allowed)),
                        (
                            "hours_a_week",
                            json!(stated.hours.map(|hours| {
                                hours.iter().map(|byte| byte.count_ones()).sum::<u32>()
                            })),
                        ),
                    ])
                })
                .collect(),
        ),
        (
            "response",
            object([
                ("response_owner", json!(response.response_owner)),
                ("context_owner", json!(response.context_owner)),
                (
                    "escalation_policy",
                    response
                        .escalation_policy
                        .as_ref()
                        .map_or(Value::Null, |policy| {
                            object([
                                ("system", json!(policy.system)),
                                ("id", json!(policy.id)),
                                ("url", json!(policy.url)),
                            ])
                        }),
                ),
                (
                    "revocation",
                    response
                        .revocation
                        .iter()
                        .map(|way| {
                            object([
                                ("action", json!(way.action)),
                                ("system", json!(way.system)),
                                ("team", json!(way.team)),
                                ("expected_minutes", json!(way.expected_minutes)),
                                ("runbook", json!(way.runbook)),
                                ("breaks", json!(way.breaks)),
                            ])
                        })
                        .collect(),
                ),
            ]),
        ),
        (
            "findings",
            identity
                .findings
                .iter()
                .map(|finding| {
                    object([
                        ("name", json!(finding.name)),
                        ("owasp", json!(finding.owasp)),
                        ("severity", json!(finding.severity.as_str())),
                        ("evidence", json!(finding.evidence)),
                        (
                            "exception",
                            finding.exception.as_ref().map_or(
                                Value::Null,
                                |(until, reason)| json!({"until": time(*until), "reason": reason}),
                            ),
                        ),
                    ])
                })
                .collect(),
        ),
        (
            "provenance",
            identity
                .provenance
                .iter()
                .map(|entry| {
                    object([
                        ("field", json!(entry.field)),
                        ("source", json!(&*entry.source)),
                        ("observed", bound(entry.observed_ms)),
                    ])
                })
                .collect(),
        ),
        (
            "conflicts",
            identity
                .conflicts
                .iter()
                .map(|entry| {
                    object([
                        ("field", json!(entry.field)),
                        ("source", json!(&*entry.source)),
                        ("value", json!(entry.value)),
                    ])
                })
                .collect(),
        ),
    ])
}
