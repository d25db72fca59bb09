//! Events in, events with context out: natively, in the module, in the module with every check of the
//! harness, and beside the usual way, which parses, looks up in a hash map and writes again.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use enrich_core::{Check, Config, Enricher};
use hashbrown::HashMap;
use host_harness::{Access, GuestModule, Layer, Limits, Session, SnapshotFile};
use serde_json::{Value, json};

use super::{Given, MODULES};
use crate::dataset::{self, Dataset, SnapshotBytes};
use crate::events;
use crate::module::{Attach, Compiled, Plain};
use crate::peer::Peer;
use crate::random::Spread;
use crate::record::{Sink, Work};
use crate::rounds::{self, Contestant};

const SIZES: [u64; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// The size that the targets are about, at which the peers run.
const MAIN: &str = "100k";
const GROUP: &str = "enrich";
const PEERS: &str = "peers";
/// What most would write.
const USUAL: &str = "serde_json Value + hashbrown + to_vec";

/// Measures.
///
/// # Errors
/// Something does not run, or what comes out is wrong.
pub fn measure(given: &Given, sink: &mut Sink) -> anyhow::Result<()> {
    let with_peers = given.wants(PEERS);
    if !given.wants(GROUP) && !with_peers {
        return Ok(());
    }
    for dataset in given.datasets(&SIZES) {
        let is_main = dataset.size() == MAIN;
        if !given.wants(GROUP) && !is_main {
            continue;
        }
        let (truth, snapshot) = (dataset.truth()?, dataset.read()?);
        for spread in [Spread::Zipf, Spread::Uniform] {
            let of_peers =
                is_main && spread == Spread::Zipf && with_peers && !given.peers.is_empty();
            if !given.wants(GROUP) && !of_peers {
                continue;
            }
            // Of a large inventory each event should be of an identity that was not met before.
            let count = if dataset.identities > 100_000 {
                40_000
            } else {
                20_000
            };
            let events = events::cloudtrail(&truth, spread, given.count(count));
            let run = Of {
                given,
                dataset: &dataset,
                snapshot: &snapshot,
                spread,
                events: &events,
            };
            if given.wants(GROUP) {
                run.measure(sink, false)?;
            }
            if of_peers {
                run.measure(sink, true)?;
            }
        }
    }
    Ok(())
}

/// One inventory and the events over it.
struct Of<'a> {
    given: &'a Given,
    dataset: &'a Dataset,
    snapshot: &'a SnapshotBytes,
    spread: Spread,
    events: &'a [u8],
}

impl Of<'_> {
    fn measure(&self, sink: &mut Sink, with_peers: bool) -> anyhow::Result<()> {
        let size = format!("{}, {}", self.dataset.size(), self.spread.as_str());
        let batches = crate::batches(self.events);
        let room = batches.iter().map(Vec::len).max().unwrap_or(0);
        let count = self.events.iter().filter(|byte| **byte == b'\n').count();
        sink.fact(
            (GROUP, "bytes of an event", &size),
            self.events.len() as f64 / count as f64,
            "B",
        )?;

        let mut native = Enricher::new(Config::default());
        native.attach(self.snapshot.get(), Check::All, None)?;
        let mut plains = Vec::new();
        // Where an instance holds more than a gigabyte, one is enough.
        let modules = &MODULES[..if self.given.large { 1 } else { MODULES.len() }];
        for (name, file) in modules {
            let compiled = Compiled::new(&self.given.module(file))?;
            let snapshot = Some((self.snapshot.get(), Attach::All));
            plains.push((*name, Plain::start(&compiled, room, None, snapshot)?));
        }
        self.check(sink, &size, &batches, &mut native, &mut plains)?;

        // A parsed context takes more than a kilobyte: ten million do not fit.
        let table = if self.given.large {
            None
        } else {
            Some(contexts(&self.snapshot.open()?))
        };
        let mut session = self.session()?;
        let mut peers = if with_peers {
            self.peers(sink)?
        } else {
            Vec::new()
        };
        let batches = &batches;
        let native = Contestant::new("whose, native", || batches_through(&mut native, batches));
        let mut contestants = match &table {
            None => vec![native.baseline()],
            Some(table) => {
                let usual = Contestant::new(USUAL, || usual_way(self.events, table));
                vec![usual.baseline(), native]
            }
        };
        for (name, plain) in &mut plains {
            contestants.push(Contestant::new(*name, || plain.enrich_all(batches)));
        }
        contestants.push(Contestant::new(
            "whose, wasm simd128, in the harness",
            || {
                batches
                    .iter()
                    .map(|batch| session.enrich_batch(batch).bytes.len())
                    .sum::<usize>()
            },
        ));
        for peer in &mut peers {
            contestants.push(Contestant::timed(peer.name.clone(), || peer.pass()));
        }
        let group = if with_peers { PEERS } else { GROUP };
        let rounds = if with_peers { 7 } else { 9 };
        rounds::run(
            sink,
            (group, &size),
            Work::Events(count as f64),
            self.given.rounds(rounds),
            contestants,
        )
    }

    fn session(&self) -> anyhow::Result<Session> {
        let module = GuestModule::from_file(&self.given.module(MODULES[0].1), Limits::default())?;
        let mut session = Session::open(module)?;
        session.attach(Layer::new(SnapshotFile::open(
            &self.dataset.snapshot_file(),
            Access::Mapped,
        )?))?;
        Ok(session)
    }

    /// Native, modules and harness give the same bytes, and Python agrees with each line of them.
    fn check(
        &self,
        sink: &mut Sink,
        size: &str,
        batches: &[Vec<u8>],
        native: &mut Enricher<'_>,
        plains: &mut [(&'static str, Plain)],
    ) -> anyhow::Result<()> {
        let mut session = self.session()?;
        let mut all = Vec::new();
        for batch in batches {
            let expected = native.enrich(batch).to_vec();
            for (name, plain) in &mut *plains {
                let same = plain.enrich(batch)? == expected;
                ensure!(same, "{name} and native give different bytes");
            }
            let harness = session.enrich_batch(batch);
            ensure!(
                harness.bytes == expected,
                "harness and native give different bytes"
            );
            all.extend_from_slice(&expected);
        }
        let said = self.ask_python("whose", &all)?;
        sink.note(GROUP, size, &said)
    }

    /// What Python says of enriched events, which is an error when one of them is wrong.
    fn ask_python(&self, form: &str, enriched: &[u8]) -> anyhow::Result<String> {
        let (events, out) = (self.events_file()?, self.dataset.file("enriched.ndjson"));
        std::fs::write(&out, enriched)?;
        ask_python(self.given, self.dataset, form, &events, &out)
    }

    fn events_file(&self) -> anyhow::Result<std::path::PathBuf> {
        let path = self.dataset.file("events.ndjson");
        std::fs::write(&path, self.events)?;
        Ok(path)
    }

    fn peers(&self, sink: &mut Sink) -> anyhow::Result<Vec<Peer>> {
        let (events, table) = (self.events_file()?, self.dataset.file("table.csv"));
        dataset::write_table(&self.snapshot.open()?, &table)?;
        let mut peers = Vec::new();
        for description in &self.given.peers {
            let folder = self.dataset.file(&format!("peer-{}", peers.len()));
            std::fs::create_dir_all(&folder)?;
            let mut peer = Peer::start(description, &events, &table, &folder)?;
            let out = folder.join("enriched.ndjson");
            peer.write(&out)?;
            let said = ask_python(self.given, self.dataset, "peer", &events, &out)
                .with_context(|| peer.name.clone())?;
            eprintln!("  {} {}: {said}", peer.name, peer.version);
            let note = format!("version {}; {}; checked: {said}", peer.version, peer.how);
            sink.note(PEERS, &peer.name, &note)?;
            peers.push(peer);
        }
        Ok(peers)
    }
}

fn ask_python(
    given: &Given,
    dataset: &Dataset,
    form: &str,
    events: &Path,
    enriched: &Path,
) -> anyhow::Result<String> {
    let done = Command::new(&given.python)
        .arg(crate::repository("benches/python/check.py"))
        .arg(form)
        .args([&dataset.truth_file(), events, enriched])
        .output()
        .context("cannot start Python")?;
    ensure!(
        done.status.success(),
        "what was added to the events is wrong: {}{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
    Ok(String::from_utf8_lossy(&done.stdout).trim().to_owned())
}

fn batches_through(enricher: &mut Enricher<'_>, batches: &[Vec<u8>]) -> usize {
    batches
        .iter()
        .map(|batch| enricher.enrich(std::hint::black_box(batch)).len())
        .sum()
}

/// What is added to an event, made in advance: by ARN.
fn contexts(snapshot: &enrich_core::Snapshot<'_>) -> HashMap<String, Value> {
    let mut contexts = HashMap::new();
    for identity in snapshot.identities() {
        for alias in identity.aliases() {
            if alias.key_type == enrich_core::KeyType::AwsArn {
                let context = json!({
                    "uid": identity.uid().concat(), "name": identity.name(), "type": identity.sub_type(),
                    "owner": identity.owner().map(|owner| owner.reference),
                    "environment": identity.environments().next().map(|e| e.as_str()),
                    "privilege_tier": identity.privilege_tier(),
                    "privilege_level": identity.privilege_level().map(|level| level.as_str()),
                });
                contexts.insert(alias.parts.concat(), context);
            }
        }
    }
    contexts
}

fn usual_way(events: &[u8], table: &HashMap<String, Value>) -> usize {
    let mut len = 0;
    for line in events.split_inclusive(|byte| *byte == b'\n') {
        let Ok(mut event) = serde_json::from_slice::<Value>(std::hint::black_box(line)) else {
            continue;
        };
        let context = event
            .pointer("/userIdentity/sessionContext/sessionIssuer/arn")
            .or_else(|| event.pointer("/userIdentity/arn"))
            .and_then(Value::as_str)
            .and_then(|arn| table.get(arn))
            .cloned();
        if let (Some(context), Some(event)) = (context, event.as_object_mut()) {
            event.insert("identity".to_owned(), context);
        }
        len += serde_json::to_vec(&event).map_or(0, |bytes| bytes.len());
    }
    len
}
