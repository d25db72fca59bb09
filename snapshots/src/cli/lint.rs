//! `lint`: which share of the identities answers the questions of an incident, against limits.

use std::path::PathBuf;

use anyhow::{Context, Result};
use enrich_core::{Check, Snapshot, Trust};
use serde_json::{Map, Value, json};
use snapshots::lint::{Aspect, Group, Limit, Lint, Share, replace};
use snapshots::policy::Policy;
use snapshots::text::printable;

use super::table::table;
use super::{Done, files};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The snapshot; `-` for standard input.
    file: PathBuf,
    /// Policy whose `[lint]` gives the limits.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// A limit such as owner=95 or ai_agent:sponsor=100 (a kind or a provider stands in front);
    /// can be given several times and outranks the policy.
    #[arg(long, value_name = "LIMIT", value_parser = Limit::parse)]
    min: Vec<Limit>,
    /// List the identities for which this is not known: owner, sponsor, rotation, revocation,
    /// escalation or behavior.
    #[arg(long, value_name = "ASPECT", value_parser = aspect)]
    missing: Option<Aspect>,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
}

fn aspect(text: &str) -> Result<Aspect, String> {
    Aspect::parse(text).ok_or_else(|| {
        let names: Vec<&str> = Aspect::ALL.iter().map(|aspect| aspect.as_str()).collect();
        format!("the aspects are {}", names.join(", "))
    })
}

pub(super) fn run(args: &Args) -> Result<Done> {
    let mut limits = match &args.policy {
        None => Vec::new(),
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("policy {} can't be read", path.display()))?;
            Policy::parse(&path.display().to_string(), &text)
                .context("the policy can't be used")?
                .lint
        }
    };
    replace(&mut limits, &args.min);
    let bytes = files::read_snapshot(&args.file)?;
    let snapshot = Snapshot::open(&bytes, Check::All, &Trust::default())
        .with_context(|| format!("{} can't be checked", args.file.display()))?;
    let mut lint = Lint::default();
    let mut missing = Vec::new();
    // One identity at a time: a large snapshot is not held twice.
    for row in snapshot.identities() {
        let identity = snapshots::read::identity(&row);
        lint.add(&identity);
        let is_retired = identity.retired_at_ms.is_some();
        if let Some(aspect) = args.missing
            && !is_retired
            && aspect.answered(&identity) == Some(false)
        {
            missing.push(identity.uid);
        }
    }
    if snapshot.is_damaged() {
        return Err(enrich_core::SnapshotError::DigestMismatch)
            .with_context(|| format!("{} can't be checked", args.file.display()));
    }
    let failed = lint.failed(&limits);
    if args.json {
        say!(
            "{}",
            as_json(&lint, &limits, &failed, args.missing, &missing)
        );
    } else {
        people(&lint, &limits, &failed);
        for uid in &missing {
            say!("{}", printable(uid, 400));
        }
    }
    Ok(if failed.is_empty() {
        Done::Yes
    } else {
        Done::CheckFailed
    })
}

fn percent(share: Share) -> String {
    share.permille().map_or_else(
        || "-".to_owned(),
        |tenths| format!("{}.{}%", tenths / 10, tenths % 10),
    )
}

fn people(lint: &Lint, limits: &[Limit], failed: &[(Limit, Share)]) {
    let mut head = vec!["group".to_owned(), "identities".to_owned()];
    head.extend(Aspect::ALL.iter().map(|aspect| aspect.as_str().to_owned()));
    let mut rows = vec![head];
    for (group, count) in &lint.identities {
        let mut row = vec![group.to_string(), count.to_string()];
        row.extend(
            Aspect::ALL
                .iter()
                .map(|aspect| percent(lint.share(*group, *aspect))),
        );
        rows.push(row);
    }
    say!("{}", table(rows).trim_fmt());
    for (limit, share) in failed {
        eprintln!(
            "error: {} of {}: {} of {} known, {}; the limit is {}%",
            limit.aspect,
            limit.group,
            share.known,
            share.applies,
            percent(*share),
            limit.percent
        );
    }
    if failed.is_empty() && !limits.is_empty() {
        eprintln!("{} limits hold", limits.len());
    }
}

fn as_json(
    lint: &Lint,
    limits: &[Limit],
    failed: &[(Limit, Share)],
    aspect: Option<Aspect>,
    missing: &[String],
) -> Value {
    let shares = |group: Group| -> Value {
        let mut out = Map::new();
        out.insert(
            "identities".to_owned(),
            json!(lint.identities.get(&group).copied().unwrap_or(0)),
        );
        for aspect in Aspect::ALL {
            let share = lint.share(group, *aspect);
            let percent = share.permille().map(|tenths| tenths as f64 / 10.0);
            out.insert(
                aspect.as_str().to_owned(),
                json!({"applies": share.applies, "known": share.known, "percent": percent}),
            );
        }
        Value::Object(out)
    };
    let (mut kinds, mut providers) = (Map::new(), Map::new());
    for group in lint.identities.keys() {
        match group {
            Group::Kind(kind) => kinds.insert(kind.as_str().to_owned(), shares(*group)),
            Group::Provider(provider) => {
                providers.insert(provider.as_str().to_owned(), shares(*group))
            }
            _ => None,
        };
    }
    let mut out = json!({
        "ok": failed.is_empty(), "limits": limits.len(), "all": shares(Group::All), "kinds": kinds, "providers": providers,
        "failed": failed.iter().map(|(limit, share)| json!({"group": limit.group.to_string(), "aspect": limit.aspect.as_str(),
            "limit_percent": limit.percent, "known": share.known, "applies": share.applies})).collect::<Vec<_>>(),
    });
    if let Some(aspect) = aspect {
        out["missing"] = json!({"aspect": aspect.as_str(), "uids": missing});
    }
    out
}
