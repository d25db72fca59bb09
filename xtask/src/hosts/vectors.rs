//! The shared vectors: events, configurations and lookups, with what the core answers natively.
//!
//! Every host reads the same folder. `manifest.json` says what is in it:
//!
//! ```json
//! {"v": 1, "snapshot": "sample.whose",
//!  "sets": [{"name": "…", "config": {}, "events": "events.ndjson", "expected": "….ndjson"}],
//!  "lookups": [{"key": "…", "expected": {}}, {"key": "…", "code": -16}],
//!  "bench": {"config": {}, "events": "bench.ndjson"}}
//! ```

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::demo;
use crate::failure::{Failure, While};
use crate::process;
use crate::workspace::Workspace;

const INVENTORY: &str = "snapshots/samples/inventory.toml";
/// Events of every format.
const EVENTS: [&str; 3] = [
    "snapshots/samples/events/events.ndjson",
    "standards/events/ocsf.ndjson",
    "standards/events/ecs.ndjson",
];
/// The cluster that the events of Kubernetes come from; they do not say.
const DOMAINS: &str = r#"{"k8s_audit":"prod-eu","ocsf":"prod-eu","ecs":"prod-eu"}"#;
/// Renderings, levels and selections.
const SETS: &[(&str, &str)] = &[
    ("native-minimal", r#"{"detail":"minimal"}"#),
    ("native-standard", r#"{"detail":"standard"}"#),
    ("native-full", r#"{"detail":"full"}"#),
    (
        "native-fields",
        r#"{"fields":["owner","privilege","snapshot.digest"]}"#,
    ),
    (
        "native-pseudonymous",
        r#"{"people":"pseudonymous","pseudonym_key":"a key of the shared vectors"}"#,
    ),
    ("ocsf", r#"{"rendering":"ocsf"}"#),
    ("ecs", r#"{"rendering":"ecs"}"#),
    ("splunk", r#"{"rendering":"splunk"}"#),
    (
        "small-limits",
        r#"{"limits":{"max_event_bytes":1200,"max_depth":6}}"#,
    ),
];
/// What leads nowhere.
const MISSES: [&str; 3] = [
    "aws_arn:arn:aws:iam::111122223333:role/of-nobody",
    "aws_arn:arn:aws:iam::999999999999:role/of-another-company",
    "email:nobody@example.com",
];
/// What is no key, and the code of the refusal.
const NO_KEYS: [&str; 3] = ["", "nonsense:x", "aws_arn"];
const BAD_KEY: i32 = -16;
/// Looked-up keys.
const MOST_KEYS: usize = 60;
/// Events of the measurement, no two alike.
const BENCH_EVENTS: usize = 20_000;

/// The folder, and what a host needs besides.
#[derive(Debug)]
pub(super) struct Vectors {
    pub(super) folder: PathBuf,
    pub(super) snapshot: PathBuf,
}

/// Makes the folder anew: it costs a second, and never is of another build.
pub(super) fn make(workspace: &Workspace) -> Result<Vectors, Failure> {
    demo::build_programs(workspace)?;
    let folder = workspace.target.join("hosts/vectors");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).while_doing(|| format!("cannot make {}", folder.display()))?;
    let (snapshot, public) = signed_snapshot(workspace, &folder)?;
    let vectors = Vectors { folder, snapshot };

    let events = all_events(workspace)?;
    vectors.write("events.ndjson", &events)?;
    vectors.write("bench.ndjson", &many(&events))?;
    let mut sets = Vec::new();
    for (name, settings) in SETS {
        let mut config = parsed(settings)?;
        config["default_domains"] = parsed(DOMAINS)?;
        config["trusted_keys"] = json!([public]);
        let expected = format!("{name}.ndjson");
        vectors.enrich(workspace, &config, &expected)?;
        sets.push(json!({"name": name, "config": config, "events": "events.ndjson", "expected": expected}));
    }
    let config = json!({"default_domains": parsed(DOMAINS)?, "trusted_keys": [public]});
    let manifest = json!({
        "v": 1,
        "snapshot": "sample.whose",
        "sets": sets,
        "lookups": vectors.lookups(workspace)?,
        "bench": {"config": config, "events": "bench.ndjson"},
    });
    vectors.write("manifest.json", manifest.to_string().as_bytes())?;
    Ok(vectors)
}

fn signed_snapshot(workspace: &Workspace, folder: &Path) -> Result<(PathBuf, String), Failure> {
    let key = folder.join("signing.key");
    let snapshot = folder.join("sample.whose");
    let mut keygen = workspace.run_program("whose-snapshot");
    keygen.args(["keygen", "--out"]).arg(&key);
    process::quietly("signing key", &mut keygen)?;
    let mut build = workspace.run_program("whose-snapshot");
    build.args(["build", "--config", INVENTORY, "--sign"]);
    build.arg(&key).arg("--out").arg(&snapshot);
    process::quietly("signed snapshot", &mut build)?;
    // Nobody needs to sign again, and a private key is not handed to the hosts.
    std::fs::remove_file(&key).while_doing(|| format!("cannot remove {}", key.display()))?;
    let public = folder.join("signing.key.pub");
    let text = std::fs::read_to_string(&public)
        .while_doing(|| format!("cannot read {}", public.display()))?;
    Ok((snapshot, text.trim().to_owned()))
}

/// Samples of every format, then lines that are broken in every way that a pipeline has seen.
fn all_events(workspace: &Workspace) -> Result<Vec<u8>, Failure> {
    let mut events = Vec::new();
    for name in EVENTS {
        let file = workspace.root.join(name);
        let bytes =
            std::fs::read(&file).while_doing(|| format!("cannot read {}", file.display()))?;
        events.extend_from_slice(&bytes);
    }
    let good: Vec<u8> = events
        .split(|byte| *byte == b'\n')
        .find(|line| line.starts_with(b"{"))
        .unwrap_or_default()
        .to_vec();
    let with = |member: &str| {
        let mut line = format!("{{{member},").into_bytes();
        line.extend_from_slice(good.get(1..).unwrap_or_default());
        line
    };
    let cut = |back: usize| {
        good.get(..good.len().saturating_sub(back))
            .unwrap_or_default()
    };
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    let mut lines: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"  ".to_vec(),
        b"not json".to_vec(),
        b"{".to_vec(),
        b"{}".to_vec(),
        b"[]".to_vec(),
        b"null".to_vec(),
        b"\"text\"".to_vec(),
        cut(1).to_vec(),
        cut(good.len() / 2).to_vec(),
        b"{\"eventSource\":\"\xff\xfe\"}".to_vec(),
        b"\xef\xbb\xbf{}".to_vec(),
        deep.clone().into_bytes(),
        with(&format!("\"deep\":{deep}")),
        with(r#""whose":{"v":1,"outcome":"matched","forged":true}"#),
        with(r#""Nhi":{"outcome":"matched"},"nhi_owner":"forged""#),
        with(r#""text":"\u0000\u001f\ud800 \ud83d\ude00 é""#),
        with(&format!("\"padding\":\"{}\"", "x".repeat(9_000))),
        with(&format!("\"padding\":\"{}\"", "é\\n".repeat(60_000))),
        [good.as_slice(), b"\r"].concat(),
        [b"\t ".as_slice(), &good].concat(),
        [good.as_slice(), b" x"].concat(),
        [b"[".as_slice(), &good, b",", &good, b"]"].concat(),
    ];
    // The last line has no end.
    lines.push(good);
    events.extend_from_slice(&lines.join(&b'\n'));
    Ok(events)
}

/// Events for the measurement: those that are JSON objects, again and again, no two alike.
fn many(events: &[u8]) -> Vec<u8> {
    let good: Vec<&[u8]> = events
        .split(|byte| *byte == b'\n')
        .filter(|line| line.len() < 8_000)
        .filter(|line| serde_json::from_slice::<Value>(line).is_ok_and(|event| event.is_object()))
        .collect();
    let mut out = Vec::new();
    for (number, line) in good.iter().cycle().take(BENCH_EVENTS).enumerate() {
        let Some(open) = line.iter().position(|byte| *byte == b'{') else {
            continue;
        };
        let (before, after) = line.split_at(open + 1);
        out.extend_from_slice(before);
        out.extend_from_slice(format!("\"bench\":{number}").as_bytes());
        let is_empty = after.trim_ascii_start().starts_with(b"}");
        out.extend_from_slice(if is_empty { b"" } else { b"," });
        out.extend_from_slice(after.trim_ascii_end());
        out.push(b'\n');
    }
    out
}

impl Vectors {
    fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, Failure> {
        let path = self.folder.join(name);
        std::fs::write(&path, bytes).while_doing(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// What the core answers in this process' own machine code.
    fn enrich(&self, workspace: &Workspace, config: &Value, to: &str) -> Result<(), Failure> {
        let config = self.write("config.json", config.to_string().as_bytes())?;
        let mut enrich = workspace.run_program("whose");
        enrich.args(["enrich", "--native", "--config"]).arg(&config);
        enrich.arg("--snapshot").arg(&self.snapshot);
        enrich.arg("--out").arg(self.folder.join(to));
        enrich.arg(self.folder.join("events.ndjson"));
        process::quietly(&format!("vectors {to}"), &mut enrich).map(|_| ())
    }

    /// Keys of the events, misses and nonsense, each with its answer.
    fn lookups(&self, workspace: &Workspace) -> Result<Vec<Value>, Failure> {
        let mut observe = workspace.run_program("whose");
        observe.args(["keys", "--native"]);
        observe.args(["--default-domain", "k8s_audit=prod-eu"]);
        observe.arg(self.folder.join("events.ndjson"));
        let mut keys = BTreeSet::new();
        for line in process::read(&mut observe)?.lines() {
            let observed: Value = serde_json::from_str(line)
                .map_err(|error| Failure::new(format!("`whose keys` wrote no JSON: {error}")))?;
            for identity in observed["identities"].as_array().into_iter().flatten() {
                for key in identity["keys"].as_array().into_iter().flatten() {
                    keys.insert(written(key));
                }
            }
        }
        let step = keys.len().div_ceil(MOST_KEYS).max(1);
        let chosen = keys.into_iter().step_by(step);
        let mut lookups = Vec::new();
        for key in chosen.chain(MISSES.map(str::to_owned)) {
            let mut lookup = workspace.run_program("whose");
            lookup.args(["lookup", "--native", "--json", "--snapshot"]);
            lookup.arg(&self.snapshot).arg("--").arg(&key);
            // A miss is an answer too, with an exit status of its own.
            let output = lookup
                .output()
                .while_doing(|| format!("cannot start `{}`", process::describe(&lookup)))?;
            // An event need not say which tenant a login belongs to; a key has to.
            if output.status.code() == Some(2) {
                lookups.push(json!({"key": key, "code": BAD_KEY}));
                continue;
            }
            let answer: Value = serde_json::from_slice(&output.stdout).map_err(|error| {
                Failure::new(error.to_string()).under(format!("`whose lookup {key}` gave no JSON"))
            })?;
            lookups.push(json!({"key": key, "expected": answer}));
        }
        lookups.extend(NO_KEYS.map(|key| json!({"key": key, "code": BAD_KEY})));
        Ok(lookups)
    }

    /// A module with the sample snapshot and a configuration in it.
    pub(super) fn bake(
        &self,
        workspace: &Workspace,
        module: &Path,
        config: &Value,
        out: &Path,
    ) -> Result<(), Failure> {
        let config = self.write("config.json", config.to_string().as_bytes())?;
        let mut bake = workspace.run_program("whose-snapshot");
        bake.arg("bake").arg("--module").arg(module);
        bake.arg("--config").arg(&config).arg("--out").arg(out);
        bake.arg(&self.snapshot);
        process::quietly("whose-snapshot bake", &mut bake).map(|_| ())
    }

    /// The manifest, for hosts that are driven from here.
    pub(super) fn manifest(&self) -> Result<Value, Failure> {
        let path = self.folder.join("manifest.json");
        let text = std::fs::read_to_string(&path)
            .while_doing(|| format!("cannot read {}", path.display()))?;
        parsed(&text)
    }
}

/// A key as `whose lookup` takes it.
fn written(key: &Value) -> String {
    let text = |name: &str| key[name].as_str().unwrap_or_default();
    let domain = text("domain");
    let at = if domain.is_empty() { "" } else { "@" };
    format!("{}{at}{domain}:{}", text("type"), text("value"))
}

fn parsed(text: &str) -> Result<Value, Failure> {
    serde_json::from_str(text).map_err(|error| Failure::new(format!("no JSON: {error}: {text}")))
}
