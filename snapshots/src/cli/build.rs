//! `build`: exports in, a snapshot out.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use enrich_core::{Check, Snapshot, Trust};
use indicatif::{ProgressBar, ProgressStyle};
use snapshots::config::{InventoryConfig, MOST_VALID_S};
use snapshots::export::{Explicit, Exported, Progress, Report, export_snapshot};
use snapshots::previous::Previous;
use snapshots::text::{parse_duration, parse_time, printable, time};

use super::table::table;
use super::{Done, files};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Inventory configuration.
    #[arg(long, value_name = "FILE", default_value = "inventory.toml")]
    config: PathBuf,
    /// Where the snapshot goes; it is put in place only when it is complete.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// When the inventory was taken (RFC 3339); the current time when given nowhere.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    created: Option<i64>,
    /// Sequence number; one more than the previous snapshot's, else seconds since 1970.
    #[arg(long, value_name = "N")]
    sequence: Option<u64>,
    /// The previous snapshot: identities that are gone since then stay answerable.
    #[arg(long, value_name = "FILE")]
    previous: Option<PathBuf>,
    /// Private key file to sign with.
    #[arg(long, value_name = "KEYFILE")]
    sign: Option<PathBuf>,
    /// For how long the snapshot counts as fresh, such as 24h or 7d.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    valid_for: Option<u64>,
    /// Replace a snapshot that has a higher sequence number, or follow one that was taken later.
    #[arg(long)]
    force: bool,
    /// Write an inventory without a single identity.
    #[arg(long)]
    allow_empty: bool,
    /// Answer with the summary as JSON on standard output.
    #[arg(long)]
    json: bool,
}

fn moment(text: &str) -> Result<i64, String> {
    parse_time(text).ok_or_else(|| "not a time such as 2026-03-20T06:00:00Z".to_owned())
}

fn duration(text: &str) -> Result<u64, String> {
    let seconds =
        parse_duration(text).ok_or_else(|| "not a duration such as 24h, 90m or 7d".to_owned())?;
    if seconds > MOST_VALID_S {
        return Err(
            "longer than ten years; a snapshot that never gets old warns nobody".to_owned(),
        );
    }
    Ok(seconds)
}

/// A line on standard error, only when a person watches.
struct Line(ProgressBar);

impl Line {
    fn new() -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(bar)
    }
}

impl Progress for Line {
    fn step(&mut self, what: &str) {
        self.0.set_message(printable(what, 100));
    }
}

pub(super) fn run(args: &Args) -> Result<Done> {
    let config =
        InventoryConfig::read(&args.config).context("the inventory configuration can't be used")?;
    let key = args.sign.as_ref().or(config.signing_key.as_ref());
    // The previous snapshot may be the one that is replaced: it has been read by then.
    let inputs = [("configuration", args.config.as_path())];
    let signing = key.map(|path| ("signing key", path.as_path()));
    files::check_out(&args.out, inputs.into_iter().chain(signing))?;
    let mut line = Line::new();
    let explicit = explicit(args, &config)?;
    refuse_rollback(args, explicit.sequence)?;
    // The key is read before the work, so that a wrong path costs nothing.
    let seed = key.map(|path| files::read_private_key(path)).transpose()?;
    let (mut bytes, exported) =
        export_snapshot(&config, &explicit, &mut line).context("the snapshot can't be made")?;
    if exported.report.identities == exported.report.tombstones && !args.allow_empty {
        for warning in exported.report.warnings.iter().take(SHOWN) {
            eprintln!("warning: {}", printable(warning, 300));
        }
        bail!(
            "the sources list no identity at all, so nothing is written to {}; check that the exports are whole, or say --allow-empty",
            args.out.display()
        );
    }
    if let Some(seed) = &seed {
        snapshots::format::sign(&mut bytes, seed).context("the snapshot can't be signed")?;
    }
    line.step("writing");
    files::write_atomically(&args.out, &bytes, false)?;
    line.0.finish_and_clear();
    if args.json {
        say!("{}", json(&exported, bytes.len(), seed.is_some()));
    } else {
        summary(&exported, &args.out, bytes.len(), seed.is_some());
    }
    Ok(Done::Yes)
}

fn explicit(args: &Args, config: &InventoryConfig) -> Result<Explicit> {
    let created_ms = match args.created.or(config.created_ms) {
        Some(created) => created,
        None => {
            i64::try_from(
                SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .context("the clock stands before 1970")?
                    .as_secs(),
            )? * 1000
        }
    };
    let previous = match args.previous.as_ref().or(config.previous.as_ref()) {
        None => None,
        Some(path) => {
            let previous = Previous::read(files::read_snapshot(path)?)
                .with_context(|| format!("previous snapshot {} can't be used", path.display()))?;
            Some(previous)
        }
    };
    let following = previous.as_ref().map(|previous| previous.sequence() + 1);
    let sequence = args.sequence.or(config.sequence).or(following);
    let sequence = sequence.unwrap_or_else(|| u64::try_from(created_ms / 1000).unwrap_or(0));
    if let Some(previous) = &previous
        && previous.sequence() >= sequence
    {
        bail!(
            "sequence {sequence} does not follow the previous snapshot, which has {}; readers would refuse the new one",
            previous.sequence()
        );
    }
    if let Some(previous) = &previous
        && previous.created_ms() > created_ms
        && !args.force
    {
        bail!(
            "the snapshot would be of {}, before the previous one, which is of {}; check `created` and the clock, or say --force",
            time(created_ms),
            time(previous.created_ms())
        );
    }
    let mut explicit = Explicit::new(
        created_ms,
        sequence,
        args.valid_for.or(config.valid_for_s).unwrap_or(0),
    );
    explicit.previous = previous;
    Ok(explicit)
}

/// A reader that has the newer one would refuse what is about to be written.
fn refuse_rollback(args: &Args, sequence: u64) -> Result<()> {
    if args.force || !args.out.exists() {
        return Ok(());
    }
    let bytes = files::read_snapshot(&args.out)?;
    match Snapshot::open(&bytes, Check::ByHost, &Trust::default()) {
        Ok(there) if there.header().sequence > sequence => bail!(
            "{} has sequence {}, which is newer than {sequence}; raise --sequence, or say --force to replace it",
            args.out.display(),
            there.header().sequence
        ),
        Ok(_) => Ok(()),
        Err(error)
            if bytes.is_empty()
                || matches!(error, enrich_core::SnapshotError::Truncated { .. }) =>
        {
            Ok(())
        }
        Err(error) => Err(error).with_context(|| {
            format!(
                "{} is there and is no snapshot that could be replaced; say --force to replace it",
                args.out.display()
            )
        }),
    }
}

/// How many warnings and names are shown before "and N more".
const SHOWN: usize = 12;

fn summary(exported: &Exported, out: &Path, bytes: usize, signed: bool) {
    let (inventory, report) = (&exported.inventory, &exported.report);
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut row = |what: &str, value: String| rows.push(vec![what.to_owned(), value]);
    row(
        "snapshot",
        format!(
            "{} ({bytes} bytes{}, {})",
            out.display(),
            match report.identities {
                0 => String::new(),
                count => format!(", {:.1} an identity", bytes as f64 / count as f64),
            },
            if signed { "signed" } else { "not signed" }
        ),
    );
    row(
        "taken",
        format!(
            "{}, sequence {}",
            time(inventory.meta.created_ms),
            inventory.meta.sequence
        ),
    );
    for read in &report.read {
        let counts = [
            (read.files, "file"),
            (read.records, "record"),
            (read.people, "entry of people and teams"),
            (read.domains, "account"),
            (read.secrets, "place of secrets"),
            (read.besides, "entry besides"),
        ];
        let counts: Vec<String> = counts
            .into_iter()
            .filter(|(count, what)| *count > 0 || *what == "file")
            .map(|(count, what)| format!("{count} {}", plural(count, what)))
            .collect();
        let value = format!("{}: {}", read.connector, counts.join(", "));
        row(&format!("read {}", printable(&read.source, 60)), value);
    }
    row("identities", report.identities.to_string());
    for (kind, count) in &report.kinds {
        row(&format!("  {kind}"), count.to_string());
    }
    row("without an owner", report.without_owner.to_string());
    row("owner departed", report.departed_owner.to_string());
    row(
        "findings",
        report
            .findings
            .values()
            .map(|(count, _)| count)
            .sum::<usize>()
            .to_string(),
    );
    for (name, (count, severity)) in &report.findings {
        row(&format!("  {name}"), format!("{count} (up to {severity})"));
    }
    row("conflicts", report.conflicts.to_string());
    row("ambiguous keys", report.ambiguous_keys.len().to_string());
    row(
        "claims about unknown keys",
        report.unmatched.len().to_string(),
    );
    row("scopes", inventory.scopes.len().to_string());
    if report.tombstones > 0 {
        row("kept as tombstones", report.tombstones.to_string());
    }
    eprintln!("{}", table(rows).trim_fmt());
    list("ambiguous key", &report.ambiguous_keys);
    list("claim about an unknown key", &report.unmatched);
    list("warning", &cleaned(report));
    list("warning", &report.warnings);
}

/// The plural of the words that are counted.
fn plural(count: usize, what: &str) -> String {
    match what.split_once(' ') {
        _ if count == 1 => what.to_owned(),
        Some((first, rest)) => format!("{} {rest}", plural(count, first)),
        None => match what.strip_suffix('y') {
            Some(stem) => format!("{stem}ies"),
            None => format!("{what}s"),
        },
    }
}

fn cleaned(report: &Report) -> Vec<String> {
    let cleaned = report.cleaned;
    let mut out = Vec::new();
    for (count, what) in [
        (
            cleaned.secrets,
            "values were shaped as secrets and are left out",
        ),
        (cleaned.shortened, "texts were cut at their limit"),
        (
            cleaned.control,
            "texts and keys held control characters, which are replaced in texts; such keys are left out",
        ),
        (
            cleaned.entries,
            "list entries were beyond their limit and are left out",
        ),
    ] {
        if count > 0 {
            out.push(format!("{count} {what}"));
        }
    }
    out
}

fn list(what: &str, lines: &[String]) {
    for line in lines.iter().take(SHOWN) {
        eprintln!("{what}: {}", printable(line, 300));
    }
    if lines.len() > SHOWN {
        eprintln!(
            "{what}: and {} more (--json has them all)",
            lines.len() - SHOWN
        );
    }
}

fn json(exported: &Exported, bytes: usize, signed: bool) -> serde_json::Value {
    let (inventory, report) = (&exported.inventory, &exported.report);
    let findings: serde_json::Map<String, serde_json::Value> = report
        .findings
        .iter()
        .map(|(name, (count, severity))| {
            (
                name.clone(),
                serde_json::json!({"count": count, "highest": severity.as_str()}),
            )
        })
        .collect();
    let read: Vec<serde_json::Value> = report
        .read
        .iter()
        .map(|read| {
            serde_json::json!({
                "source": read.source, "connector": read.connector, "files": read.files, "records": read.records,
                "people": read.people, "domains": read.domains, "secrets": read.secrets, "besides": read.besides,
            })
        })
        .collect();
    serde_json::json!({
        "read": read, "bytes": bytes, "signed": signed, "created": time(inventory.meta.created_ms), "sequence": inventory.meta.sequence,
        "identities": report.identities, "bytes_per_identity": bytes.checked_div(report.identities), "kinds": report.kinds, "without_owner": report.without_owner, "departed_owner": report.departed_owner,
        "findings": findings, "conflicts": report.conflicts, "ambiguous_keys": report.ambiguous_keys, "unmatched": report.unmatched,
        "tombstones": report.tombstones, "secrets_left_out": report.cleaned.secrets, "texts_cut": report.cleaned.shortened,
        "control_characters": report.cleaned.control, "entries_left_out": report.cleaned.entries, "warnings": report.warnings,
    })
}
