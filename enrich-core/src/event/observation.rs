//! What one event says about identities: who, in which role, and what they did from where.

use core::net::IpAddr;

use arrayvec::ArrayVec;

use super::text::Span;
use crate::key::KeyType;
use crate::vocabulary::{EventOutcome, Format, Provider, Role};

/// Most identities kept of one event. No format seen names more; further ones are left out.
pub(crate) const MAX_IDENTITIES: usize = 8;
/// Most keys kept of all identities of one event.
pub(crate) const MAX_KEYS: usize = 32;

/// A key as it stood in an event. Type, folded value, domain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ObservedKey {
    pub(crate) key_type: KeyType,
    pub(crate) domain: Span,
    pub(crate) value: Span,
}

/// A value that was tried as a key, kept for [`crate::explain`].
#[cfg(feature = "explain")]
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) key_type: KeyType,
    /// As it stands in the event.
    pub(crate) value: Span,
    /// As it was kept: folded.
    pub(crate) kept_as: Span,
    pub(crate) verdict: Verdict,
}

/// What became of it.
#[cfg(feature = "explain")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Kept,
    Refused(crate::key::KeyRefused),
    Known,
    NoRoom,
}

/// One identity of an event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observed {
    pub(crate) role: Role,
    /// The event says that it is an AI agent.
    pub(crate) is_agent: bool,
    pub(crate) provider: Provider,
    /// Account, cluster, … that the identity lives in; empty when the event does not say.
    pub(crate) domain: Span,
    /// A part of the domain, such as a namespace.
    pub(crate) part: Span,
    /// Range of its keys among those of the event.
    pub(crate) keys_from: u8,
    pub(crate) keys_to: u8,
}

/// Facts that expected behaviour is judged by. Empty spans: the event does not say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// Only a real address can be compared with networks.
    pub(crate) source_address: Option<IpAddr>,
    /// The source as written.
    pub(crate) source: Span,
    pub(crate) region: Span,
    /// `eventSource:eventName` or `verb group/resource`.
    pub(crate) action: Span,
    pub(crate) user_agent: Span,
    pub(crate) resource: Span,
    /// An instance, pod, function or job that shows in the event.
    pub(crate) workload: Span,
    /// Whether what was tried came about, where the event says so.
    pub(crate) outcome: Option<EventOutcome>,
    /// The event is of a kind that people cause: console login or console session.
    pub(crate) is_interactive: bool,
}

impl Facts {
    /// The facts that are texts, by their names.
    pub(crate) const fn texts(&self) -> [(&'static str, Span); 6] {
        [
            ("source", self.source),
            ("region", self.region),
            ("action", self.action),
            ("user_agent", self.user_agent),
            ("resource", self.resource),
            ("workload", self.workload),
        ]
    }
}

/// What one event says.
#[derive(Clone, Debug)]
pub(crate) struct Observation {
    pub(crate) format: Format,
    pub(crate) time_ms: Option<i64>,
    pub(crate) identities: ArrayVec<Observed, MAX_IDENTITIES>,
    keys: ArrayVec<ObservedKey, MAX_KEYS>,
    pub(crate) facts: Facts,
    /// Where the event happened, for identities that no snapshot knows.
    pub(crate) scope_provider: Option<Provider>,
    pub(crate) scope_domain: Span,
    pub(crate) scope_part: Span,
    /// What was tried as keys, when somebody asks.
    #[cfg(feature = "explain")]
    pub(crate) attempts: Option<alloc::vec::Vec<Attempt>>,
    /// Where the time stands.
    #[cfg(feature = "explain")]
    pub(crate) time_span: Span,
    /// Number of the first path of its format.
    pub(crate) path_base: u16,
}

impl Observation {
    pub(crate) fn new() -> Self {
        Self {
            format: Format::Unknown,
            time_ms: None,
            identities: ArrayVec::new(),
            keys: ArrayVec::new(),
            facts: Facts::default(),
            scope_provider: None,
            scope_domain: Span::EMPTY,
            scope_part: Span::EMPTY,
            #[cfg(feature = "explain")]
            attempts: None,
            #[cfg(feature = "explain")]
            time_span: Span::EMPTY,
            path_base: 0,
        }
    }

    pub(crate) fn clear(&mut self, format: Format) {
        // Member by member: the lists are large and only their lengths change.
        self.format = format;
        self.time_ms = None;
        self.identities.clear();
        self.keys.clear();
        self.facts = Facts::default();
        self.scope_provider = None;
        self.scope_domain = Span::EMPTY;
        self.scope_part = Span::EMPTY;
        #[cfg(feature = "explain")]
        {
            self.time_span = Span::EMPTY;
            if let Some(attempts) = &mut self.attempts {
                attempts.clear();
            }
        }
    }

    /// The keys of an identity, in the order in which they decide: unique ids first.
    pub(crate) fn keys_of(&self, observed: &Observed) -> &[ObservedKey] {
        self.keys
            .get(usize::from(observed.keys_from)..usize::from(observed.keys_to))
            .unwrap_or(&[])
    }

    /// Drops identities that only an AI agent's id names.
    #[cold]
    pub(crate) fn forget_agents(&mut self) {
        let keys = &self.keys;
        self.identities.retain(|observed| {
            let of = usize::from(observed.keys_from)..usize::from(observed.keys_to);
            let keys = keys.get(of).unwrap_or(&[]);
            !keys.iter().all(|key| key.key_type == KeyType::GenAiAgentId)
        });
    }

    /// Begins an identity; keys are added to the one begun last.
    pub(crate) fn begin(&mut self, role: Role, provider: Provider, domain: Span) {
        let at = self.keys.len() as u8;
        let _ = self.identities.try_push(Observed {
            role,
            is_agent: false,
            provider,
            domain,
            part: Span::EMPTY,
            keys_from: at,
            keys_to: at,
        });
    }

    /// The identity begun last, as long as its keys are the last ones.
    pub(crate) fn current(&mut self) -> Option<&mut Observed> {
        let end = self.keys.len();
        self.identities
            .last_mut()
            .filter(|last| usize::from(last.keys_to) == end)
    }

    /// Adds a key to the identity begun last: unique ids before names.
    /// False when there is no room.
    pub(crate) fn push_key(&mut self, key: ObservedKey) -> bool {
        let Some(last) = self.identities.last_mut() else {
            return false;
        };
        if usize::from(last.keys_to) != self.keys.len() || self.keys.try_push(key).is_err() {
            return false;
        }
        last.keys_to += 1;
        if key.key_type.is_unique_id() {
            let mut held = self.keys.iter_mut().skip(usize::from(last.keys_from));
            // It takes the place of the first name, and each name that of the next one.
            if let Some(place) = held.find(|held| !held.key_type.is_unique_id()) {
                let mut moved = core::mem::replace(place, key);
                held.for_each(|place| core::mem::swap(place, &mut moved));
            }
        }
        true
    }

    /// Drops the identity begun last when it has no key. True when it is kept.
    pub(crate) fn end(&mut self) -> bool {
        let is_kept = self
            .identities
            .last()
            .is_some_and(|last| last.keys_to > last.keys_from);
        if !is_kept {
            self.identities.pop();
        }
        is_kept
    }
}
