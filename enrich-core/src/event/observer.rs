//! What a format reader works with: found values of its paths, array walks, and the observation
//! that it writes.

use super::findings::{Findings, Found, Sort};
#[cfg(feature = "explain")]
use super::observation::{Attempt, Verdict};
use super::observation::{Observation, ObservedKey};
use super::text::{Part, Span, TextBuffers};
use super::trie::Trie;
use super::walk::{self, Items};
use crate::config::Config;
use crate::key::{self, DomainRule, Fold, KeyType};
use crate::vocabulary::{EventOutcome, Format, Provider, Role};

/// A wanted value of one format: one or several paths by their numbers in the format's list. The
/// first that holds something counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) path: u16,
    pub(crate) count: u16,
}

/// JSON pointers, one a line: a list of texts would take eight bytes more for each, in a guest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paths {
    pub(crate) text: &'static str,
    pub(crate) count: u16,
}

impl Paths {
    pub(crate) fn iter(self) -> impl Iterator<Item = &'static str> + Clone {
        self.text.split_terminator('\n')
    }
}

/// Gives wanted values their names and paths (JSON pointers; the step `0` is the first element of
/// an array). Several paths: the first that holds something counts.
macro_rules! fields {
    ($( $name:ident = $( $pointer:literal )|+ ; )+) => {
        /// JSON pointers of the wanted values.
        const PATHS: $crate::event::observer::Paths = $crate::event::observer::Paths {
            text: concat!( $( $( $pointer, "\n", )+ )+ ),
            count: [ $( $( $pointer, )+ )+ ].len() as u16,
        };
        $crate::event::observer::field_numbers! { 0; $( $name = [ $( $pointer ),+ ]; )+ }
    };
}

/// Numbers the fields by the paths in front of them.
macro_rules! field_numbers {
    ($from:expr;) => {};
    ($from:expr; $name:ident = [ $( $pointer:literal ),+ ]; $( $rest:tt )*) => {
        const $name: $crate::event::observer::Field = $crate::event::observer::Field {
            path: $from,
            count: [ $( $pointer ),+ ].len() as u16,
        };
        $crate::event::observer::field_numbers! { $name.path + $name.count; $( $rest )* }
    };
}
pub(crate) use {field_numbers, fields};

/// Reads found values of one format and writes the observation.
pub(crate) struct Observer<'c, 't> {
    pub(crate) buffers: &'c mut TextBuffers<'t>,
    pub(crate) findings: &'c Findings,
    pub(crate) trie: &'c Trie,
    /// Number of this format's first path in the trie.
    pub(crate) base: u16,
    /// The domain that is meant when the event has none; empty until the format is known.
    pub(crate) default_domain: &'c str,
    pub(crate) out: &'c mut Observation,
}

// In a guest these are calls: inlined into thirteen readers they would cost 26 kB of its 300.
impl<'c> Observer<'c, '_> {
    /// The event is of this format.
    pub(crate) fn begin_event(&mut self, format: Format, config: &'c Config) {
        self.out.format = format;
        #[cfg(feature = "explain")]
        {
            self.out.path_base = self.base;
        }
        self.default_domain = config.default_domain(format);
    }

    // ---- found values -------------------------------------------------------------------------

    /// What was found at a field; absent when nothing or null.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn found(&self, field: Field) -> Found {
        let path = usize::from(self.base) + usize::from(field.path);
        self.findings
            .first(self.trie, path, usize::from(field.count))
    }

    /// A text; empty when missing, null or of another sort.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn text(&self, field: Field) -> Span {
        self.found(field).text()
    }

    /// A text, or a number written as digits only, for ids that some exporters write as numbers.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn id(&self, field: Field) -> Span {
        self.id_of(self.found(field))
    }

    /// As [`Self::id`], of a value that was found in an array.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn id_of(&self, found: Found) -> Span {
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

    /// A text, number or boolean as it is written.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn word(&self, field: Field) -> Span {
        let found = self.found(field);
        match found.sort {
            Sort::Absent | Sort::Object | Sort::Array => Span::EMPTY,
            _ => found.span,
        }
    }

    /// Whether anything but null stands there.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn is_present(&self, field: Field) -> bool {
        self.found(field).sort != Sort::Absent
    }

    /// Whether `true`, or the text of it, stands there.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn is_true(&self, field: Field) -> bool {
        let found = self.found(field);
        found.sort == Sort::True
            || (found.sort == Sort::Text && self.str(found.span).eq_ignore_ascii_case("true"))
    }

    /// Whether a field's text is one of some words, exactly.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn is_one_of(&self, field: Field, words: &[&str]) -> bool {
        words.contains(&self.str(self.text(field)))
    }

    // ---- arrays and objects under a found value ------------------------------------------------

    /// The elements of a found array, to be taken with [`Self::next`].
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn items(&self, found: Found) -> Items {
        Items::of(found)
    }

    /// The next element; strings are decoded.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn next(&mut self, items: &mut Items) -> Option<Found> {
        walk::next(self.buffers, items)
    }

    /// A member of a found object; absent in anything else. Keys with escapes are not found.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn member(&mut self, object: Found, name: &str) -> Found {
        walk::member(self.buffers, object, name)
    }

    /// Puts documents that stand in strings in their places, in the inner text. False when no field
    /// holds such a string.
    pub(crate) fn unfold(&mut self, fields: &[Field]) -> bool {
        let mut places = arrayvec::ArrayVec::<(Span, Span), 4>::new();
        for field in fields {
            for path in field.path..field.path + field.count {
                let node = self
                    .trie
                    .of_path(usize::from(self.base) + usize::from(path));
                let (found, raw) = (self.findings.get(node), self.findings.raw(node));
                let text = self.str(found.text());
                if text.starts_with(['{', '[']) && !places.is_full() {
                    // In the order of the text.
                    let before = places.iter().filter(|(one, _)| one.start() < raw.start());
                    places.insert(before.count(), (raw, found.span));
                }
            }
        }
        if places.is_empty() {
            return false;
        }
        self.buffers.replace(&places, self.findings.whole)
    }

    // ---- texts ---------------------------------------------------------------------------------

    /// The text of a span.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn str(&self, span: Span) -> &str {
        self.buffers.get(span)
    }

    /// The first span that is not empty.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn first_of(&self, spans: &[Span]) -> Span {
        let found = spans.iter().copied().find(|span| !span.is_empty());
        found.unwrap_or_default()
    }

    /// A span, or the configured default domain where it is empty.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn or_default_domain(&mut self, named: Span) -> Span {
        if named.is_empty() {
            self.default_domain()
        } else {
            named
        }
    }

    /// Whether a text could be a mail address.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn is_mail(&self, span: Span) -> bool {
        self.str(span).bytes().any(|byte| byte == b'@')
    }

    /// A text as keys and domains of its sort are compared; a copy where that is another.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn folded(&mut self, fold: Fold, span: Span) -> Span {
        if !key::needs_folding(fold, self.str(span)) {
            return span;
        }
        let copy = self.join(&[Part::Span(span)]);
        if let Some(text) = self.buffers.scratch.get_mut(copy.start()..copy.end()) {
            key::fold_text(fold, text);
        }
        copy
    }

    /// Puts a text together.
    pub(crate) fn join(&mut self, parts: &[Part<'_>]) -> Span {
        self.buffers.join(parts)
    }

    /// The part of a span before a character; all of it when the character is not there.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn before(&self, span: Span, mark: char) -> Span {
        self.str(span)
            .find(mark)
            .map_or(span, |at| span.part(0, at))
    }

    /// The part of a span after the last occurrence of a character; empty without one.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn after_last(&self, span: Span, mark: char) -> Span {
        let text = self.str(span);
        text.rfind(mark).map_or(Span::EMPTY, |at| {
            span.part(at + mark.len_utf8(), text.len())
        })
    }

    /// The rest of a span behind a prefix; `None` without it.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn after_prefix(&self, span: Span, prefix: &str) -> Option<Span> {
        let text = self.str(span);
        text.starts_with(prefix)
            .then(|| span.part(prefix.len(), text.len()))
    }

    /// The segment after another segment of a path, without regard to case: `/subscriptions/ID`.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn segment_after(&self, span: Span, name: &str) -> Span {
        let text = self.str(span);
        let mut at = 0;
        let mut is_next = false;
        for segment in text.split('/') {
            if is_next {
                return span.part(at, at + segment.len());
            }
            is_next = segment.eq_ignore_ascii_case(name);
            at += segment.len() + 1;
        }
        Span::EMPTY
    }

    /// The account in an ARN.
    #[cfg_attr(target_family = "wasm", inline(never))]
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
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn default_domain(&mut self) -> Span {
        if self.default_domain.is_empty() {
            return Span::EMPTY;
        }
        self.buffers.join(&[Part::Text(self.default_domain)])
    }

    // ---- what is written -----------------------------------------------------------------------

    /// Sets the time from a text as RFC 3339 and its relatives write it, or from a number since
    /// 1970. Anything else is no time: none is guessed.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn set_time(&mut self, found: Found) {
        #[cfg(feature = "explain")]
        {
            self.out.time_span = found.span;
        }
        let text = self.str(found.span);
        self.out.time_ms = match found.sort {
            Sort::Text => crate::time::parse_rfc3339(text),
            Sort::Number => crate::time::parse_epoch(text),
            _ => None,
        };
    }

    /// Sets the source as written and, where it is one, its address. A port is taken off, and so
    /// are the brackets of an IPv6 address.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn set_source(&mut self, source: Span) {
        self.out.facts.source = source;
        let text = self.str(source);
        let address = text.parse().ok().or_else(|| {
            let socket = text.parse::<core::net::SocketAddr>().ok();
            socket.map(|socket| socket.ip()).or_else(|| {
                let inner = text.strip_prefix('[')?.strip_suffix(']')?;
                inner.parse().ok()
            })
        });
        self.out.facts.source_address = address;
    }

    /// Sets whether what was tried came about.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn set_outcome(&mut self, is_success: bool) {
        self.out.facts.outcome = Some(if is_success {
            EventOutcome::Success
        } else {
            EventOutcome::Failure
        });
    }

    /// Sets it from a word, without regard to case; a word of neither list says nothing.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn set_outcome_word(&mut self, word: Span, success: &[&str], failure: &[&str]) {
        let word = self.str(word);
        let is_in = |list: &[&str]| list.iter().any(|known| word.eq_ignore_ascii_case(known));
        let is_success = is_in(success);
        if is_success || is_in(failure) {
            self.set_outcome(is_success);
        }
    }

    /// Where the event happened, for identities that no snapshot knows.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn set_scope(&mut self, provider: Provider, domain: Span, part: Span) {
        self.out.scope_provider = Some(provider);
        self.out.scope_domain = domain;
        self.out.scope_part = part;
    }

    /// Begins an identity. Keys are added with [`Self::key`]; [`Self::end`] ends it.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn begin(&mut self, role: Role, provider: Provider, domain: Span) {
        self.out.begin(role, provider, domain);
    }

    /// Sets the part of the domain of the identity under way, such as a namespace.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn set_part(&mut self, part: Span) {
        if let Some(current) = self.out.current() {
            current.part = part;
        }
    }

    /// Sets where the identity under way lives.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn set_home(&mut self, provider: Provider, domain: Span) {
        if let Some(current) = self.out.current() {
            current.provider = provider;
            current.domain = domain;
        }
    }

    /// Notes that the event says that the identity under way is an AI agent.
    pub(crate) fn set_agent(&mut self) {
        if let Some(current) = self.out.current() {
            current.is_agent = true;
        }
    }

    /// The value of the first key of a type of the identity under way; empty without one.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn key_value(&self, key_type: KeyType) -> Span {
        let keys = self
            .out
            .identities
            .last()
            .map(|last| self.out.keys_of(last))
            .unwrap_or_default();
        keys.iter()
            .find(|key| key.key_type == key_type)
            .map_or(Span::EMPTY, |key| key.value)
    }

    /// Whether the identity under way has a key.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn has_key(&self) -> bool {
        self.out
            .identities
            .last()
            .is_some_and(|last| last.keys_to > last.keys_from)
    }

    /// Ends the identity under way; one without keys is dropped. True when it is kept.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn end(&mut self) -> bool {
        self.out.end()
    }

    /// Adds a global key to the identity under way when the value makes one. Masks, placeholders
    /// and misshapen values add nothing.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn key(&mut self, key_type: KeyType, value: Span) {
        self.key_in(key_type, Span::EMPTY, value);
    }

    /// As [`Self::key`], for a key that is unique only inside a domain.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn key_in(&mut self, key_type: KeyType, domain: Span, value: Span) {
        let mut value = value;
        if value.is_empty() {
            return;
        }
        #[cfg(feature = "explain")]
        let written = value;
        if key_type == KeyType::GithubApp
            && let Some(slug) = self.str(value).strip_suffix("[bot]")
        {
            value = value.part(0, slug.len());
        }
        value = self.folded(key_type.fold(), value);
        let checked = key::check_value(key_type, self.str(value));
        #[cfg(feature = "explain")]
        if let Err(refused) = &checked {
            self.attempt(key_type, written, value, Verdict::Refused(refused.clone()));
        }
        if checked.is_err() {
            return;
        }
        let domain = match key_type.domain_rule() {
            DomainRule::Global => Span::EMPTY,
            DomainRule::Default(meant) if domain.is_empty() => {
                self.buffers.join(&[Part::Text(meant)])
            }
            _ => domain,
        };
        let is_known = self.out.identities.last().is_none_or(|last| {
            self.out
                .keys_of(last)
                .iter()
                .any(|known| known.key_type == key_type && self.str(known.value) == self.str(value))
        });
        let is_kept = !is_known
            && self.out.push_key(ObservedKey {
                key_type,
                domain,
                value,
            });
        #[cfg(feature = "explain")]
        self.attempt(
            key_type,
            written,
            value,
            match (is_kept, is_known) {
                (true, _) => Verdict::Kept,
                (false, true) => Verdict::Known,
                (false, false) => Verdict::NoRoom,
            },
        );
        let _ = is_kept;
    }

    /// Keeps what was tried, when somebody asks.
    #[cfg(feature = "explain")]
    fn attempt(&mut self, key_type: KeyType, value: Span, kept_as: Span, verdict: Verdict) {
        if let Some(attempts) = &mut self.out.attempts {
            attempts.push(Attempt {
                key_type,
                value,
                kept_as,
                verdict,
            });
        }
    }

    /// Adds the key that a GitHub login makes: a person's or machine account's, or an App's when it
    /// is a bot.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn github_login(&mut self, host: Span, login: Span) {
        // Deploy keys and deleted accounts have no login; the word stands in its place.
        let text = self.str(login);
        let key_type = match text {
            "deploy_key" | "ghost" => return,
            _ if text.ends_with("[bot]") => KeyType::GithubApp,
            _ => KeyType::GithubLogin,
        };
        self.key_in(key_type, host, login);
    }

    /// Adds the AWS principal id in a uid that EKS' authenticator wrote: its name, in one of two
    /// spellings, the account and the id. False for any other uid.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn eks_principal(&mut self, uid: Span) -> bool {
        let text = self.str(uid);
        let is_eks = ["aws-iam-authenticator:", "heptio-authenticator-aws:"]
            .iter()
            .any(|name| text.starts_with(name));
        if is_eks {
            let id = self.after_last(uid, ':');
            self.key(KeyType::AwsPrincipalId, id);
        }
        is_eks
    }
}
