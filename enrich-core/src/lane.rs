//! Lanes: lines that are under way together, each with buffers of its own.
//!
//! In a large snapshot an event waits for memory a dozen times, each time for a hundred nanoseconds.
//! So a few lines are read first, then what their lookups need is fetched for all of them, and then
//! each is finished in its turn. What comes out is the same.

use alloc::string::String;
use alloc::vec::Vec;

use arrayvec::ArrayVec;
use key_index::find::Probe;

use crate::event::Readers;
use crate::event::findings::{Cut, Findings};
use crate::event::index::Index;
use crate::event::observation::Observation;
use crate::event::text::Texts;
use crate::key::Key;
use crate::layers::Layers;
use crate::pass::{Edit, LineStats, Refused};
use crate::render::place::Place;

/// Lines that are under way together. Fewer leave the processor waiting, and the texts of more do not
/// stay in its fastest cache.
pub(crate) const LANES: usize = 8;

/// Bytes of snapshots from which on it is worth while: what is smaller is in a cache of the processor.
const LARGE: u64 = 1 << 20;

/// How many lines are read before the first is finished.
pub(crate) fn wanted(layers: &Layers<'_>) -> usize {
    if layers.total_len() > LARGE { LANES } else { 1 }
}

/// Buffers of one line, and how far it is.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) findings: Findings,
    pub(crate) observation: Observation,
    pub(crate) inner: String,
    pub(crate) scratch: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) line_index: Index,
    pub(crate) inner_index: Index,
    /// What changes in the line, in the order of the line.
    pub(crate) edits: Vec<Edit>,
    /// Cuts of objects under way that lie after what is inside them.
    pub(crate) later: Vec<Cut>,
    /// Rendered context of the line's events, one after the other.
    pub(crate) rendered: Vec<u8>,
    pub(crate) counted: LineStats,
    pub(crate) result: Result<Option<()>, Refused>,
    /// Where the context of an event goes that is read and not looked up yet.
    pub(crate) waiting: Option<Place>,
    /// How far the lookup of its first key is.
    pub(crate) probe: Option<Probe>,
}

impl Lane {
    pub(crate) fn new(readers: &Readers) -> Self {
        Self {
            findings: Findings::new(&readers.trie),
            observation: Observation::new(),
            inner: String::new(),
            scratch: String::new(),
            bytes: Vec::new(),
            line_index: Index::default(),
            inner_index: Index::default(),
            edits: Vec::new(),
            later: Vec::new(),
            rendered: Vec::new(),
            counted: LineStats::default(),
            result: Ok(None),
            waiting: None,
            probe: None,
        }
    }

    /// Forgets the line before.
    pub(crate) fn begin(&mut self) {
        self.edits.clear();
        self.later.clear();
        self.rendered.clear();
        self.counted = LineStats::default();
        self.waiting = None;
        self.probe = None;
    }

    /// The key that is looked up first.
    fn first_key<'l>(&'l self, line: &'l str) -> Option<Key<'l>> {
        self.waiting.as_ref()?;
        let observed = self.observation.identities.first()?;
        let key = self.observation.keys_of(observed).first()?;
        let texts = Texts {
            line,
            inner: &self.inner,
            scratch: &self.scratch,
        };
        Some(Key::new(
            key.key_type,
            texts.get(key.domain),
            texts.get(key.value),
        ))
    }
}

/// Fetches what the lookups of these lanes read, for all of them at once.
pub(crate) fn fetch(lanes: &mut [Lane], lines: &[&str; LANES], layers: &Layers<'_>) {
    let Some(layer) = layers.get(0) else {
        return;
    };
    let mut probes = [Probe::EMPTY; LANES];
    let mut numbers = ArrayVec::<usize, LANES>::new();
    {
        let mut keys = ArrayVec::<Key<'_>, LANES>::new();
        for (number, (lane, line)) in lanes.iter().zip(lines).enumerate() {
            if let Some(key) = lane.first_key(line) {
                let _ = keys.try_push(key);
                let _ = numbers.try_push(number);
            }
        }
        layer.snapshot.probe(&keys, &mut probes);
        layer
            .snapshot
            .fetch(probes.iter().take(keys.len()).map(Probe::likely_holder));
    }
    for (number, probe) in numbers.iter().zip(probes) {
        if let Some(lane) = lanes.get_mut(*number) {
            lane.probe = Some(probe);
        }
    }
}

/// The buffers of a lane, with a line.
macro_rules! buffers {
    ($lane:expr, $line:expr) => {
        $crate::event::text::TextBuffers {
            line: $line,
            inner: &mut $lane.inner,
            scratch: &mut $lane.scratch,
            bytes: &mut $lane.bytes,
            line_index: &$lane.line_index,
            inner_index: &mut $lane.inner_index,
        }
    };
}
pub(crate) use buffers;
