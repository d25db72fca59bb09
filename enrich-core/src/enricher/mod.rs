//! The one entry: attach snapshots, then enrich batches of events.

mod answer;
mod batch;

use alloc::vec::Vec;
use core::cell::RefCell;

use json_out::json::Json;
use json_out::phrases::Phrases;

pub use self::answer::LookupError;
use crate::config::Config;
use crate::event::Readers;
use crate::event::bytewise;
use crate::event::familiar::Familiar;
use crate::event::findings::Findings;
use crate::lane::{Lane, buffers};
use crate::layers::Layers;
use crate::pass::{Pass, Purpose, Refused};
use crate::render::keys;
use crate::snapshot::{Check, Snapshot, SnapshotError};
use crate::stats::Stats;

/// Names an attached layer until it is detached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LayerHandle(i32);

impl LayerHandle {
    /// The number that the plain ABI uses.
    #[must_use]
    pub const fn number(self) -> i32 {
        self.0
    }

    /// The handle of a number; detaching an unknown one is an error.
    #[must_use]
    pub const fn from_number(number: i32) -> Self {
        Self(number)
    }
}

/// Attaches context to events.
///
/// Every buffer is reused: after the first events of their size, enriching allocates nothing.
#[derive(Debug)]
pub struct Enricher<'s> {
    config: Config,
    readers: Readers,
    layers: Layers<'s>,
    /// The first is always there.
    lanes: Vec<Lane>,
    /// What documents were like before.
    familiar: Familiar,
    /// What is written again and again, under this configuration and of these layers.
    phrases: RefCell<Phrases>,
    out: Vec<u8>,
    stats: Stats,
    keys_line: u64,
}

impl<'s> Enricher<'s> {
    /// An enricher without snapshots. Until one is attached, events leave without context; only
    /// forged members are removed.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let readers = Readers::new(&config.mappings, config.style.rendering);
        let lanes = alloc::vec![Lane::new(&readers)];
        let familiar = Familiar::new(readers.trie.node_count());
        Self {
            config,
            readers,
            layers: Layers::default(),
            lanes,
            familiar,
            phrases: RefCell::default(),
            out: Vec::new(),
            stats: Stats::default(),
            keys_line: 0,
        }
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Replaces the configuration; attached snapshots stay. Line numbers of [`Enricher::keys`]
    /// start again.
    pub fn configure(&mut self, config: Config) {
        if config.mappings != self.config.mappings
            || config.style.rendering != self.config.style.rendering
        {
            self.readers = Readers::new(&config.mappings, config.style.rendering);
            self.familiar = Familiar::new(self.readers.trie.node_count());
            self.lanes.truncate(1);
            for lane in &mut self.lanes {
                lane.findings = Findings::new(&self.readers.trie);
            }
        }
        self.config = config;
        self.keys_line = 0;
        self.phrases.get_mut().forget();
    }

    /// Attaches a snapshot. The bytes stay where they are and must start at a multiple of 64.
    /// `now_ms` only judges whether its declared time is over; `None` judges nothing.
    ///
    /// # Errors
    /// Why the snapshot is refused. What was attached before stays.
    pub fn attach(
        &mut self,
        bytes: &'s [u8],
        check: Check,
        now_ms: Option<i64>,
    ) -> Result<LayerHandle, SnapshotError> {
        let snapshot = Snapshot::open(bytes, check, &self.config.trust)?;
        self.phrases.get_mut().forget();
        self.layers.attach(snapshot, now_ms).map(LayerHandle)
    }

    /// Detaches a layer.
    ///
    /// # Errors
    /// When there is no such layer, or an overlay stands on it.
    pub fn detach(&mut self, handle: LayerHandle) -> Result<(), SnapshotError> {
        self.phrases.get_mut().forget();
        self.layers.detach(handle.0)
    }

    /// Every attached layer, in the order of attaching.
    pub fn layers(&self) -> impl DoubleEndedIterator<Item = LayerHandle> {
        self.layers.iter().map(|layer| LayerHandle(layer.handle))
    }

    /// What happened so far.
    #[must_use]
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The counters as one JSON object.
    pub fn stats_json(&mut self) -> &[u8] {
        self.out.clear();
        self.stats.write(&mut Json::new(&mut self.out));
        &self.out
    }

    /// The attached snapshots as a JSON array, in the order of attaching: id, digest, line, times,
    /// integrity and how many identities and keys they hold.
    pub fn snapshots_json(&mut self) -> &[u8] {
        self.out.clear();
        let mut json = Json::new(&mut self.out);
        json.array(|json| {
            for layer in self.layers.iter() {
                json.element(|json| json.object(|json| layer.describe(json)));
            }
        });
        &self.out
    }

    /// Indexes the first line of a text in a lane: the line with its end, and the rest. `None` at the
    /// end.
    fn next_line<'t>(&mut self, lane: usize, text: &'t [u8]) -> Option<(&'t [u8], &'t [u8])> {
        let len = self.lanes.get_mut(lane)?.line_index.line(text);
        if len == 0 {
            return None;
        }
        text.split_at_checked(len)
    }

    /// Makes room for a batch of this length, as it came, in the output; whether there is. What a host
    /// asks that may have no memory left: without room, [`Enricher::enrich`] would end the program.
    #[must_use]
    pub fn make_room(&mut self, len: usize) -> bool {
        self.out.clear();
        self.out.try_reserve(len).is_ok() || self.out.try_reserve_exact(len).is_ok()
    }

    /// Scans a line: the edits and what came of it are in the lane afterwards, `Ok(None)` for an empty
    /// line. Returns the line as a text. `may_wait`: an event that is the whole line is not looked up
    /// yet, and [`Self::finish_event`] does it.
    fn scan_line<'t>(
        &mut self,
        number: usize,
        body: &'t [u8],
        purpose: &mut Purpose<'_>,
        may_wait: bool,
    ) -> &'t str {
        let mut text = "";
        let result = self.scan_body(number, body, purpose, may_wait, &mut text);
        if let Some(lane) = self.lanes.get_mut(number) {
            lane.result = result;
        }
        text
    }

    fn scan_body<'t>(
        &mut self,
        number: usize,
        body: &'t [u8],
        purpose: &mut Purpose<'_>,
        may_wait: bool,
        whole: &mut &'t str,
    ) -> Result<Option<()>, Refused> {
        if let Some(lane) = self.lanes.get_mut(number) {
            lane.begin();
        }
        // A byte order mark is no part of the text, and stays where it is.
        let begin = if body.starts_with(b"\xEF\xBB\xBF") {
            3
        } else {
            0
        };
        let (start, Some(first)) = bytewise::next_byte(body, begin) else {
            return Ok(None);
        };
        if body.len() > self.config.max_event_bytes {
            return Err(Refused::TooLarge);
        }
        let Ok(text) = simdutf8::basic::from_utf8(body) else {
            return Err(Refused::NotUtf8);
        };
        *whole = text;
        let max_depth = self.config.max_depth;
        let Some(mut pass) = self.pass(number, text, purpose, may_wait && first == b'{') else {
            return Ok(None);
        };
        let end = match first {
            b'{' => pass.object(start, 0)?,
            b'[' => {
                let end = bytewise::skip_value(body, start, 0, max_depth)?;
                pass.array(start, 0)?;
                end
            }
            _ => return Err(Refused::NotJson),
        };
        let is_waiting = pass.waiting.is_some();
        if bytewise::next_byte(body, end).1.is_some() {
            return Err(Refused::NotJson);
        }
        if is_waiting {
            return Ok(Some(()));
        }
        self.settled(number)
    }

    /// What came of a line whose events are finished.
    fn settled(&self, number: usize) -> Result<Option<()>, Refused> {
        if self.layers.is_damaged() {
            return Err(Refused::Damaged);
        }
        if self
            .lanes
            .get(number)
            .is_some_and(|lane| lane.counted.no_room)
        {
            return Err(Refused::NoRoom);
        }
        Ok(Some(()))
    }

    /// A pass over a line in a lane. There is one for each lane that there is.
    fn pass<'p, 'e>(
        &'p mut self,
        number: usize,
        text: &'p str,
        purpose: &'p mut Purpose<'e>,
        may_wait: bool,
    ) -> Option<Pass<'p, 'p, 's, 'e>> {
        let lane = self.lanes.get_mut(number)?;
        Some(Pass {
            config: &self.config,
            readers: &self.readers,
            layers: &self.layers,
            familiar: &self.familiar,
            findings: &mut lane.findings,
            observation: &mut lane.observation,
            buffers: buffers!(lane, text),
            edits: &mut lane.edits,
            later: &mut lane.later,
            rendered: &mut lane.rendered,
            phrases: &self.phrases,
            counted: &mut lane.counted,
            may_wait,
            waiting: &mut lane.waiting,
            probe: lane.probe.as_ref(),
            purpose,
        })
    }

    /// Explains what is observed in one line: one explanation for each event in it.
    ///
    /// # Errors
    /// Why the line is not read, in words.
    #[cfg(feature = "explain")]
    pub fn explain(
        &mut self,
        line: &[u8],
    ) -> Result<Vec<crate::explain::Explanation>, &'static str> {
        let mut events = Vec::new();
        match self.tell(line, &mut Purpose::Explain(&mut events)) {
            // Only what the event shows is told.
            Ok(()) | Err(Refused::Damaged) => Ok(events),
            Err(refused) => Err(refused.in_words()),
        }
    }

    /// Explains how each event of a line is decided: lookups, behaviour, triage. The context itself
    /// comes from [`Enricher::enrich`]; both see the events of a line in the same order. Without an
    /// attached snapshot nothing is decided and the list is empty.
    ///
    /// # Errors
    /// Why the line is not read, in words.
    #[cfg(feature = "explain")]
    pub fn explain_decision(
        &mut self,
        line: &[u8],
    ) -> Result<Vec<crate::explain::Decision>, &'static str> {
        let mut events = Vec::new();
        self.tell(line, &mut Purpose::Decide(&mut events))
            .map(|()| events)
            .map_err(Refused::in_words)
    }

    /// Scans one line and keeps what was tried as keys.
    #[cfg(feature = "explain")]
    fn tell(&mut self, line: &[u8], purpose: &mut Purpose<'_>) -> Result<(), Refused> {
        let (line, _) = self.next_line(0, line).unwrap_or((line, &[]));
        let (body, _) = split_line_end(line);
        self.keep_attempts(Some(Vec::new()));
        self.scan_line(0, body, purpose, false);
        self.keep_attempts(None);
        let result = self.lanes.first().map_or(Ok(None), |lane| lane.result);
        result.map(|_| ())
    }

    #[cfg(feature = "explain")]
    fn keep_attempts(&mut self, attempts: Option<Vec<crate::event::observation::Attempt>>) {
        if let Some(lane) = self.lanes.first_mut() {
            lane.observation.attempts = attempts;
        }
    }

    /// What was observed in a batch: one JSON object a line. Line numbers count on from batch to
    /// batch until [`Enricher::configure`].
    pub fn keys(&mut self, ndjson: &[u8]) -> &[u8] {
        let mut out = core::mem::take(&mut self.out);
        out.clear();
        let mut events = Vec::new();
        let mut rest = ndjson;
        while let Some((line, after)) = self.next_line(0, rest) {
            rest = after;
            self.keys_line += 1;
            events.clear();
            let (body, _) = split_line_end(line);
            self.scan_line(0, body, &mut Purpose::Keys(&mut events), false);
            let number = self.keys_line;
            let mut is_read = false;
            if let Some(lane) = self.lanes.first() {
                is_read = matches!(lane.result, Ok(Some(())));
                finish_line(&mut self.stats, lane.result, &lane.counted.stats);
            }
            keys::line(
                number,
                if is_read { &events } else { &[] },
                &mut Json::new(&mut out),
            );
            out.push(b'\n');
        }
        self.out = out;
        &self.out
    }
}

/// Counts what became of a line.
fn finish_line(stats: &mut Stats, result: Result<Option<()>, Refused>, counted: &Stats) {
    match result {
        Ok(None) => return,
        Ok(Some(())) => stats.add(counted),
        Err(Refused::NotJson) => stats.not_json += 1,
        Err(Refused::NotUtf8) => stats.not_utf8 += 1,
        Err(Refused::TooLarge) => stats.too_large += 1,
        Err(Refused::TooDeep) => stats.too_deep += 1,
        Err(Refused::NoRoom) => {
            stats.no_room += 1;
            stats.forged_removed += counted.forged_removed;
        }
        Err(Refused::Damaged) => {
            stats.damaged += 1;
            stats.forged_removed += counted.forged_removed;
        }
    }
    stats.lines += 1;
}

/// A line without its end, and the end.
fn split_line_end(line: &[u8]) -> (&[u8], &[u8]) {
    let body = line.strip_suffix(b"\n").unwrap_or(line);
    let body = body.strip_suffix(b"\r").unwrap_or(body);
    line.split_at_checked(body.len()).unwrap_or((line, &[]))
}
