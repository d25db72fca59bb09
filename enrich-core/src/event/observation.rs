//! What one event says about identities: who, in which role, and what they did from where.

use core::net::IpAddr;

use arrayvec::ArrayVec;

use super::scan::{Findings, Found, Sort};
use super::text::{Part, Span, TextBuffers};
use super::trie::{SlotId, Trie};
use crate::key::{self, DomainRule, KeyType};
use crate::vocabulary::{Format, Provider, Role};

/// Most identities kept of one event. No format seen names more; further ones are left out.
pub(crate) const MAX_IDENTITIES: usize = 8;
/// Most keys kept of one identity.
pub(crate) const MAX_KEYS: usize = 6;

/// A key as it stood in an event. Type, folded value, domain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ObservedKey {
    pub(crate) key_type: KeyType,
    pub(crate) domain: Span,
    pub(crate) value: Span,
}

/// One identity of an event.
#[derive(Clone, Debug)]
pub(crate) struct Observed {
    pub(crate) role: Role,
    pub(crate) provider: Provider,
    /// Account, cluster, … that the identity lives in; empty when the event does not say.
    pub(crate) domain: Span,
    /// A part of the domain, such as a namespace.
    pub(crate) part: Span,
    pub(crate) keys: ArrayVec<ObservedKey, MAX_KEYS>,
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
    /// The event is of a kind that people cause: console login or console session.
    pub(crate) is_interactive: bool,
}

/// What one event says.
#[derive(Clone, Debug)]
pub(crate) struct Observation {
    pub(crate) format: Format,
    pub(crate) time_ms: Option<i64>,
    /// The time as written.
    pub(crate) time: Span,
    pub(crate) identities: ArrayVec<Observed, MAX_IDENTITIES>,
    pub(crate) facts: Facts,
    /// Where the event happened, for identities that no snapshot knows.
    pub(crate) scope_provider: Option<Provider>,
    pub(crate) scope_domain: Span,
    pub(crate) scope_part: Span,
}

impl Observation {
    pub(crate) fn new() -> Self {
        Self {
            format: Format::Unknown,
            time_ms: None,
            time: Span::EMPTY,
            identities: ArrayVec::new(),
            facts: Facts::default(),
            scope_provider: None,
            scope_domain: Span::EMPTY,
            scope_part: Span::EMPTY,
        }
    }

    pub(crate) fn clear(&mut self, format: Format) {
        *self = Self::new();
        self.format = format;
    }
}

/// A wanted path of one format, by its number in the format's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field(pub(crate) u16);

/// Gives each wanted path a name. `PATHS` is the list, in the order of the names.
macro_rules! fields {
    ($( $name:ident = $pointer:literal; )+) => {
        #[expect(non_camel_case_types, clippy::upper_case_acronyms, reason = "the variants become constants of the same name")]
        #[repr(u16)]
        enum Numbers { $( $name, )+ }
        $( const $name: $crate::event::observation::Field = $crate::event::observation::Field(Numbers::$name as u16); )+
        /// JSON pointers of the wanted values.
        const PATHS: &[&str] = &[ $( $pointer, )+ ];
    };
}
pub(crate) use fields;

/// Reads found values of one format and writes the observation.
pub(crate) struct Observer<'c, 't> {
    pub(crate) buffers: &'c mut TextBuffers<'t>,
    pub(crate) findings: &'c Findings,
    pub(crate) trie: &'c Trie,
    /// Number of this format's first path in the trie.
    pub(crate) base: u16,
    /// The domain that is meant when the event has none.
    pub(crate) default_domain: &'c str,
    pub(crate) out: &'c mut Observation,
}

impl Observer<'_, '_> {
    pub(crate) fn found(&self, field: Field) -> Found {
        let slot: SlotId = self
            .trie
            .slot(usize::from(self.base) + usize::from(field.0));
        self.findings.get(slot)
    }

    /// A text; empty when missing, null or of another sort.
    pub(crate) fn text(&self, field: Field) -> Span {
        let found = self.found(field);
        if found.sort == Sort::Text {
            found.span
        } else {
            Span::EMPTY
        }
    }

    /// A text, or a number written as digits only, for ids that some exporters write as numbers.
    pub(crate) fn id(&self, field: Field) -> Span {
        let found = self.found(field);
        let is_id = match found.sort {
            Sort::Text => true,
            Sort::Number => self
                .str(found.span)
                .bytes()
                .all(|byte| byte.is_ascii_digit()),
            _ => false,
        };
        if is_id { found.span } else { Span::EMPTY }
    }

    pub(crate) fn is_present(&self, field: Field) -> bool {
        self.found(field).sort != Sort::Absent
    }

    pub(crate) fn str(&self, span: Span) -> &str {
        self.buffers.get(span)
    }

    /// The part of a span before a character; all of it when the character is not there.
    pub(crate) fn before(&self, span: Span, mark: char) -> Span {
        self.str(span)
            .find(mark)
            .map_or(span, |at| span.part(0, at))
    }

    /// The part of a span after the last occurrence of a character; empty without one.
    pub(crate) fn after_last(&self, span: Span, mark: char) -> Span {
        let text = self.str(span);
        text.rfind(mark).map_or(Span::EMPTY, |at| {
            span.part(at + mark.len_utf8(), text.len())
        })
    }

    /// The account in an ARN.
    pub(crate) fn arn_account(&self, arn: Span) -> Span {
        let text = self.str(arn);
        let mut from = 0;
        for _ in 0..4 {
            let Some(at) = text.get(from..).and_then(|rest| rest.find(':')) else {
                return Span::EMPTY;
            };
            from += at + 1;
        }
        let len = text
            .get(from..)
            .and_then(|rest| rest.find(':'))
            .unwrap_or(0);
        arn.part(from, from + len)
    }

    /// The configured default domain as a span.
    pub(crate) fn default_domain(&mut self) -> Span {
        if self.default_domain.is_empty() {
            return Span::EMPTY;
        }
        self.buffers.join(&[Part::Text(self.default_domain)])
    }

    /// Sets time and source address.
    pub(crate) fn set_time(&mut self, time: Span) {
        self.out.time = time;
        self.out.time_ms = crate::time::parse_rfc3339(self.str(time));
    }

    pub(crate) fn set_source(&mut self, source: Span) {
        self.out.facts.source = source;
        self.out.facts.source_address = self.str(source).parse().ok();
    }

    /// Begins an identity.
    pub(crate) fn identity(&self, role: Role, provider: Provider, domain: Span) -> Observed {
        Observed {
            role,
            provider,
            domain,
            part: Span::EMPTY,
            keys: ArrayVec::new(),
        }
    }

    /// Adds a key when the value makes one. Masks, placeholders and misshapen values add nothing.
    pub(crate) fn key(
        &mut self,
        observed: &mut Observed,
        key_type: KeyType,
        domain: Span,
        value: Span,
    ) {
        let mut value = value;
        if key_type == KeyType::GithubApp
            && let Some(slug) = self.str(value).strip_suffix("[bot]")
        {
            value = value.part(0, slug.len());
        }
        let fold = key_type.fold();
        if key::needs_folding(fold, self.str(value)) {
            let mut folded = core::mem::take(self.buffers.bytes);
            folded.clear();
            folded.extend_from_slice(self.str(value).as_bytes());
            value = self.buffers.compose(|scratch| {
                key::fold_into(fold, core::str::from_utf8(&folded).unwrap_or(""), scratch);
            });
            *self.buffers.bytes = folded;
        }
        if key::check_value(key_type, self.str(value)).is_err() {
            return;
        }
        let domain = match key_type.domain_rule() {
            DomainRule::Global => Span::EMPTY,
            DomainRule::Default(meant) if domain.is_empty() => {
                self.buffers.join(&[Part::Text(meant)])
            }
            _ => domain,
        };
        let same = |known: &ObservedKey| {
            known.key_type == key_type && self.str(known.value) == self.str(value)
        };
        if !observed.keys.iter().any(same) {
            let _ = observed.keys.try_push(ObservedKey {
                key_type,
                domain,
                value,
            });
        }
    }

    /// Ends an identity; one without keys is not kept. Unique ids come first, because they decide.
    pub(crate) fn finish(&mut self, observed: Observed) -> bool {
        let mut observed = observed;
        let (ids, names) = (observed.keys.clone(), observed.keys.clone());
        observed.keys.clear();
        let ids = ids.into_iter().filter(|key| key.key_type.is_unique_id());
        let names = names.into_iter().filter(|key| !key.key_type.is_unique_id());
        observed.keys.extend(ids.chain(names));
        !observed.keys.is_empty() && self.out.identities.try_push(observed).is_ok()
    }
}
