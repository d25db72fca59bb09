//! One line under way: from its bytes to the edits that make the enriched line.

use alloc::vec::Vec;
use core::cell::RefCell;

use arrayvec::ArrayVec;
use json_out::phrases::Phrases;
use key_index::find::Probe;

use crate::assess::{self, Assessment};
use crate::config::Config;
use crate::event::bytewise;
use crate::event::envelope::{self, Envelope};
use crate::event::familiar::Familiar;
use crate::event::findings::{Cut, Findings};
use crate::event::observation::{MAX_IDENTITIES, Observation};
use crate::event::scan::{self, ScanError};
use crate::event::text::{Source, Span, TextBuffers};
use crate::event::{Readers, Recognised};
use crate::layers::Layers;
use crate::lookup::{self, Resolution};
use crate::render::place::{Existing, Place};
use crate::render::{self, keys};
use crate::stats::Stats;
use crate::vocabulary::Format;

/// Envelopes inside envelopes, at most.
const MAX_NESTING: u32 = 4;

/// Contexts of a line may be this many times as long as the line, and this many bytes besides.
const GROWTH: usize = 8;
const GROWTH_OF_SHORT: usize = 1 << 20;
/// More bytes than a context has as a rule: its buffer grows before it is written, where a failure can
/// be told.
const LONG_CONTEXT: usize = 64 << 10;

/// A cut, or text put in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edit {
    pub(crate) at: usize,
    pub(crate) to: usize,
    /// Range of the rendered bytes to put in.
    pub(crate) text: (usize, usize),
}

impl Edit {
    /// Takes out what stands from one position to another.
    pub(crate) const fn cut(from: usize, to: usize) -> Self {
        Self {
            at: from,
            to,
            text: (0, 0),
        }
    }

    /// Puts in a range of the rendered bytes.
    pub(crate) const fn put(at: usize, from: usize, to: usize) -> Self {
        Self {
            at,
            to: at,
            text: (from, to),
        }
    }
}

impl From<Cut> for Edit {
    fn from(cut: Cut) -> Self {
        Self::cut(cut.from, cut.to)
    }
}

/// What is done with each event of a line.
pub(crate) enum Purpose<'p> {
    Enrich,
    Keys(&'p mut Vec<keys::SeenEvent>),
    /// Notes what was observed, and from where.
    #[cfg(feature = "explain")]
    Explain(&'p mut Vec<crate::explain::Explanation>),
    /// Notes how it was decided.
    #[cfg(feature = "explain")]
    Decide(&'p mut Vec<crate::explain::Decision>),
}

/// What a line came to, counted only when the whole line can be read.
#[derive(Debug, Default)]
pub(crate) struct LineStats {
    pub(crate) stats: Stats,
    /// Whether a context was left out because there was no room for it.
    pub(crate) no_room: bool,
}

/// Why a line leaves unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    NotJson,
    NotUtf8,
    TooLarge,
    TooDeep,
    NoRoom,
    Damaged,
}

#[cfg(feature = "explain")]
impl Refused {
    /// For a person.
    pub(crate) const fn in_words(self) -> &'static str {
        match self {
            Self::NotJson => "it is no JSON",
            Self::NotUtf8 => "it is no UTF-8",
            Self::TooLarge => "it is longer than the limit max_event_bytes",
            Self::TooDeep => "more brackets are open at once than max_depth allows",
            Self::NoRoom => "there is no room for its context",
            Self::Damaged => "an attached snapshot is damaged",
        }
    }
}

impl From<ScanError> for Refused {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::Syntax => Self::NotJson,
            ScanError::TooDeep => Self::TooDeep,
        }
    }
}

/// One line under way.
pub(crate) struct Pass<'p, 's, 'a, 'e> {
    pub(crate) config: &'p Config,
    pub(crate) readers: &'p Readers,
    pub(crate) layers: &'s Layers<'a>,
    pub(crate) familiar: &'p Familiar,
    pub(crate) findings: &'p mut Findings,
    pub(crate) observation: &'p mut Observation,
    pub(crate) buffers: TextBuffers<'p>,
    pub(crate) edits: &'p mut Vec<Edit>,
    pub(crate) later: &'p mut Vec<Cut>,
    pub(crate) rendered: &'p mut Vec<u8>,
    pub(crate) phrases: &'p RefCell<Phrases>,
    pub(crate) counted: &'p mut LineStats,
    /// Whether an event that is the whole line is looked up later, together with others: then where
    /// its context goes.
    pub(crate) may_wait: bool,
    pub(crate) waiting: &'p mut Option<Place>,
    /// How far the lookup of the event's first key is, if it has begun.
    pub(crate) probe: Option<&'p Probe>,
    pub(crate) purpose: &'p mut Purpose<'e>,
}

impl Pass<'_, '_, '_, '_> {
    /// An event or envelope at `at` in the line; returns the position after it.
    pub(crate) fn object(&mut self, at: usize, nesting: u32) -> Result<usize, Refused> {
        self.buffers.scratch.clear();
        let end = self.scan(Source::Line, at)?;
        let place = Place::of(self.findings, self.readers.shared());
        match self.look(None, true) {
            Recognised::No => {}
            Recognised::Yes => {
                self.cut(usize::MAX);
                if self.may_wait {
                    *self.waiting = Some(place);
                } else {
                    self.event(&place, Span::EMPTY);
                }
                return Ok(end);
            }
            Recognised::Unfolded(format) => {
                self.cut(usize::MAX);
                self.unfolded(&place, Span::EMPTY, format, Some(at));
                return Ok(end);
            }
        }
        let place = &place;
        let (envelope, time) = envelope::recognise(
            self.findings,
            &self.readers.trie,
            self.readers.envelope_base,
        );
        // Edits stand in the order of the line: what is inside comes before later cuts.
        let later_from = self.later.len();
        self.cut(match envelope {
            Envelope::Array(span) | Envelope::Object(span) => span.start(),
            Envelope::Text(..) | Envelope::None => usize::MAX,
        });
        match envelope {
            Envelope::Array(span) if nesting < MAX_NESTING => {
                self.array(span.start(), nesting + 1)?;
                self.cut_later(later_from);
            }
            Envelope::Object(span) => {
                self.scan(Source::Line, span.start())?;
                // Whoever unwraps the envelope must not find a forged context in it either.
                self.cut(usize::MAX);
                self.cut_later(later_from);
                self.inside(place, time, Some(span.start()));
            }
            Envelope::Text(span, format) => {
                self.copy_inner(span);
                if self.scan(Source::Inner, 0).is_ok() {
                    match self.look(format, true) {
                        Recognised::Yes => self.event(place, time),
                        Recognised::Unfolded(format) => self.unfolded(place, time, format, None),
                        Recognised::No => self.nested_text(place, time),
                    }
                } else {
                    self.unrecognized(place);
                }
            }
            Envelope::Array(_) | Envelope::None => {
                self.cut_later(later_from);
                self.unrecognized(place);
            }
        }
        Ok(end)
    }

    /// Cuts what the last scan found to be forged, up to a position; the rest is kept for later.
    fn cut(&mut self, until: usize) {
        for cut in &self.findings.cuts {
            self.counted.stats.forged_removed += 1;
            if cut.from < until {
                self.edits.push(Edit::from(*cut));
            } else {
                self.later.push(*cut);
            }
        }
    }

    /// Cuts what was kept since.
    fn cut_later(&mut self, from: usize) {
        let cuts = self.later.get(from..).unwrap_or(&[]);
        self.edits.extend(cuts.iter().copied().map(Edit::from));
        self.later.truncate(from);
    }

    /// A document in a string that is itself an envelope around one object.
    fn nested_text(&mut self, place: &Place, time: Span) {
        let (envelope, inner_time) = envelope::recognise(
            self.findings,
            &self.readers.trie,
            self.readers.envelope_base,
        );
        if let Envelope::Object(span) = envelope
            && self.scan(Source::Inner, span.start()).is_ok()
        {
            self.inside(
                place,
                if inner_time.is_empty() {
                    time
                } else {
                    inner_time
                },
                None,
            );
        } else {
            self.unrecognized(place);
        }
    }

    fn copy_inner(&mut self, span: Span) {
        let mut inner = core::mem::take(self.buffers.inner);
        inner.clear();
        inner.push_str(self.buffers.get(span));
        *self.buffers.inner = inner;
    }

    fn scan(&mut self, source: Source, at: usize) -> Result<usize, Refused> {
        let end = scan::scan_object(
            &mut self.buffers,
            source,
            at,
            self.config.max_depth,
            &self.readers.trie,
            self.familiar,
            self.findings,
        )?;
        Ok(end)
    }

    /// What was scanned last is the event that the envelope carries.
    fn inside(&mut self, place: &Place, time: Span, at: Option<usize>) {
        match self.look(None, true) {
            Recognised::Yes => self.event(place, time),
            Recognised::Unfolded(format) => self.unfolded(place, time, format, at),
            Recognised::No => self.unrecognized(place),
        }
    }

    /// Looks at what was scanned last. `forced`: the envelope has said which format is inside.
    fn look(&mut self, forced: Option<Format>, may_unfold: bool) -> Recognised {
        self.readers.observe(
            &mut self.buffers,
            self.findings,
            self.config,
            forced,
            may_unfold,
            self.observation,
        )
    }

    /// An event whose documents in strings now stand in their places in the inner text. `at`: where
    /// it stands in the line, if it does: when such a document is broken, the rest of the event is
    /// read without it.
    fn unfolded(&mut self, place: &Place, time: Span, format: Format, at: Option<usize>) {
        // A time of the envelope lies in the texts that the inner one was made of.
        let time_ms = crate::time::parse_rfc3339(self.buffers.get(time));
        let mut result = Recognised::Unfolded(format);
        // A document in a document's string, and no further.
        for may_unfold in [true, false] {
            if matches!(result, Recognised::Unfolded(_)) {
                result = match self.scan(Source::Inner, 0) {
                    Ok(_) => self.look(Some(format), may_unfold),
                    Err(_) => Recognised::No,
                };
            }
        }
        if let Some(at) = at
            && result != Recognised::Yes
            && self.scan(Source::Line, at).is_ok()
        {
            result = self.look(Some(format), false);
        }
        if result == Recognised::Yes {
            self.observation.time_ms = self.observation.time_ms.or(time_ms);
            self.event(place, Span::EMPTY);
        } else {
            self.unrecognized(place);
        }
    }

    /// The elements of the array at `at` in the line.
    pub(crate) fn array(&mut self, at: usize, nesting: u32) -> Result<(), Refused> {
        let line = self.buffers.line;
        let bytes = line.as_bytes();
        let (mut at, mut byte) = bytewise::next_byte(bytes, at.saturating_add(1));
        while let Some(first) = byte {
            if first == b']' {
                return Ok(());
            }
            let end = if first == b'{' {
                self.object(at, nesting)?
            } else {
                bytewise::skip_value(bytes, at, 0, self.config.max_depth)?
            };
            let (after, next) = bytewise::next_byte(bytes, end);
            match next {
                Some(b',') => (at, byte) = bytewise::next_byte(bytes, after.saturating_add(1)),
                Some(b']') => return Ok(()),
                _ => return Err(Refused::NotJson),
            }
        }
        Err(Refused::NotJson)
    }

    /// Whether there is room for one more context. An envelope of thousands of tiny events would become
    /// many times as long, and a host's memory ends: then the line leaves without any.
    fn has_room(&mut self) -> bool {
        let most = self
            .buffers
            .line
            .len()
            .saturating_mul(GROWTH)
            .saturating_add(GROWTH_OF_SHORT);
        self.rendered.len() <= most
            && (self.rendered.try_reserve(LONG_CONTEXT).is_ok()
                || self.rendered.try_reserve_exact(LONG_CONTEXT).is_ok())
    }

    /// An event of no known format gets no context, and what it has of forged ones goes all the same.
    fn unrecognized(&mut self, place: &Place) {
        self.counted.stats.events += 1;
        self.counted.stats.unrecognized += 1;
        self.existing(place);
    }

    /// Takes out what earlier contexts left in places that are shared with others.
    fn existing(&mut self, place: &Place) -> Existing {
        let existing = render::existing(self.config, place, &mut self.buffers, self.edits);
        self.counted.stats.forged_removed += existing.removed;
        existing
    }

    /// A recognised event: looks its identities up and renders its context.
    pub(crate) fn event(&mut self, place: &Place, outer_time: Span) {
        if self.observation.time_ms.is_none() && !outer_time.is_empty() {
            self.observation.time_ms = crate::time::parse_rfc3339(self.buffers.get(outer_time));
        }
        let stats = &mut self.counted.stats;
        stats.events += 1;
        if self.observation.identities.is_empty() {
            stats.no_identity += 1;
        }
        if let Purpose::Keys(events) = self.purpose {
            keys::event(&self.buffers, self.observation, events);
            return;
        }
        #[cfg(feature = "explain")]
        if let Purpose::Explain(events) = self.purpose {
            events.push(crate::explain::explain(
                self.config,
                self.readers,
                self.findings,
                &self.buffers,
                self.observation,
            ));
            return;
        }
        let existing = self.existing(place);
        if self.layers.is_empty() || self.counted.no_room {
            return;
        }
        if !self.has_room() {
            self.counted.no_room = true;
            return;
        }
        if existing.own_agent {
            self.observation.forget_agents();
            // The first key may be another one now.
            self.probe = None;
        }
        // Without a time of its own, an event is resolved as of the snapshot.
        let time_ms = self
            .observation
            .time_ms
            .unwrap_or_else(|| self.layers.created_ms());
        let mut resolutions = ArrayVec::<Resolution, MAX_IDENTITIES>::new();
        lookup::resolve_all(
            self.layers,
            &self.buffers,
            self.observation,
            time_ms,
            self.probe,
            &mut resolutions,
        );
        let mut assessment = Assessment::default();
        assess::assess(
            self.layers,
            &self.buffers,
            self.observation,
            &resolutions,
            time_ms,
            &mut assessment,
        );
        #[cfg(feature = "explain")]
        if let Purpose::Decide(events) = self.purpose {
            let observed = crate::explain::explain(
                self.config,
                self.readers,
                self.findings,
                &self.buffers,
                self.observation,
            );
            events.push(crate::explain::decide(
                observed,
                self.layers,
                &self.buffers,
                self.observation,
                &assessment,
                time_ms,
            ));
            return;
        }
        let stats = &mut self.counted.stats;
        for assessed in &assessment.identities {
            stats.outcome(assessed.outcome);
            if let Some(judgement) = &assessed.judgement {
                stats.verdict(judgement.verdict);
            }
        }
        if let Some(triage) = &assessment.triage {
            stats.priority(triage.rule.priority());
        }
        stats.enriched += 1;
        let context = render::Context {
            config: self.config,
            readers: self.readers,
            findings: self.findings,
            layers: self.layers,
            buffers: &self.buffers,
            observation: self.observation,
            resolutions: &resolutions,
            assessment: &assessment,
            time_ms,
            phrases: self.phrases,
        };
        render::write(&context, place, &existing, self.rendered, self.edits);
    }
}
