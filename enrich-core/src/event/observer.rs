//! What a format reader works with: found values of its paths, array walks, and the observation
//! that it writes.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use event_scan::class;

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
        self.out.path_base = self.base;
        self.default_domain = config.default_domain(format);
    }

    // ---- found values -------------------------------------------------------------------------

    /// What was found at a field; absent when nothing or null.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn found(&self, field: Field) -> Found {
        self.first(field)
    }

    /// As [`Self::found`], for the reads below: a guest hands a whole finding on through memory, and
    /// these are its most frequent calls.
    #[inline(always)]
    fn first(&self, field: Field) -> Found {
        let from = usize::from(self.base) + usize::from(field.path);
        for path in from..from + usize::from(field.count) {
            let found = self.findings.get(self.trie.of_path(path));
            if found.sort != Sort::Absent {
                return found;
            }
        }
        Found::default()
    }

    /// A text; empty when missing, null or of another sort.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn text(&self, field: Field) -> Span {
        self.first(field).text()
    }

    /// A text, or a number written as digits only, for ids that some exporters write as numbers.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn id(&self, field: Field) -> Span {
        let found = self.first(field);
        match found.sort {
            Sort::Text => found.span,
            Sort::Absent => Span::EMPTY,
            _ => self.id_of(found),
        }
    }

    /// As [`Self::id`], of a value that was found in an array.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn id_of(&self, found: Found) -> Span {
        let is_id = match found.sort {
            Sort::Text => true,
            Sort::Number => self.bytes(found.span).iter().all(u8::is_ascii_digit),
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
        self.first(field).sort != Sort::Absent
    }

    /// Whether `true`, or the text of it, stands there.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn is_true(&self, field: Field) -> bool {
        let found = self.found(field);
        found.sort == Sort::True || self.is_like(found.text(), "true")
    }

    /// Whether a field's text is this word, exactly.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn is_word(&self, field: Field, word: &str) -> bool {
        self.is(self.text(field), word)
    }

    /// Whether a field's text is one of some words, exactly.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn is_one_of(&self, field: Field, words: &[&str]) -> bool {
        let text = self.text(field);
        words.iter().any(|word| self.is(text, word))
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

    /// Members of the next element by their names, as of [`Self::members`].
    #[inline]
    pub(crate) fn next_members<const N: usize>(
        &mut self,
        items: &mut Items,
        names: &[&str; N],
        found: &mut [Found; N],
    ) -> bool {
        walk::next_members(self.buffers, items, names, found)
    }

    /// Members of a found object by their names; absent in anything else.
    #[inline]
    pub(crate) fn members<const N: usize>(
        &mut self,
        object: Found,
        names: &[&str; N],
    ) -> [Found; N] {
        let mut found = [Found::default(); N];
        walk::members(self.buffers, object, names, &mut found);
        found
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

    /// The text of a span as bytes.
    #[inline]
    pub(crate) fn bytes(&self, span: Span) -> &[u8] {
        self.buffers.bytes_of(span)
    }

    /// Whether a text is this word. Most are not even as long.
    #[inline]
    pub(crate) fn is(&self, span: Span, word: &str) -> bool {
        span.len() == word.len() && self.begins(span, word)
    }

    /// Whether two texts are the same.
    #[inline]
    pub(crate) fn is_same(&self, one: Span, other: Span) -> bool {
        one.len() == other.len() && self.bytes(one) == self.bytes(other)
    }

    /// Whether a text is this word, without regard to case.
    #[inline]
    pub(crate) fn is_like(&self, span: Span, word: &str) -> bool {
        span.len() == word.len() && class::is_like(self.bytes(span), word.as_bytes())
    }

    /// Whether a text begins with another.
    #[inline]
    pub(crate) fn starts(&self, span: Span, prefix: &str) -> bool {
        span.len() >= prefix.len() && self.begins(span, prefix)
    }

    #[cfg_attr(target_family = "wasm", inline(never))]
    fn begins(&self, span: Span, prefix: &str) -> bool {
        self.bytes(span).starts_with(prefix.as_bytes())
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
        class::find(self.bytes(span), b'@').is_some()
    }

    /// A text as keys and domains of its sort are compared; a copy where that is another.
    #[inline]
    pub(crate) fn folded(&mut self, fold: Fold, span: Span) -> Span {
        if fold == Fold::None {
            return span;
        }
        self.folded_copy(fold, span)
    }

    #[cfg_attr(target_family = "wasm", inline(never))]
    fn folded_copy(&mut self, fold: Fold, span: Span) -> Span {
        if !class::has_upper(self.bytes(span)) {
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

    /// The part of a span before an ASCII character; all of it when the character is not there.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn before(&self, span: Span, mark: u8) -> Span {
        let at = class::find(self.bytes(span), mark);
        at.map_or(span, |at| span.part(0, at))
    }

    /// The part of a span after the last occurrence of an ASCII character; empty without one.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn after_last(&self, span: Span, mark: u8) -> Span {
        let at = self.bytes(span).iter().rposition(|byte| *byte == mark);
        at.map_or(Span::EMPTY, |at| span.behind(at + 1))
    }

    /// The rest of a span behind a prefix; `None` without it.
    #[inline]
    pub(crate) fn after_prefix(&self, span: Span, prefix: &str) -> Option<Span> {
        self.starts(span, prefix).then(|| span.behind(prefix.len()))
    }

    /// The segment after another segment of a path, without regard to case: `/subscriptions/ID`.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn segment_after(&self, span: Span, name: &str) -> Span {
        let mut at = 0;
        let mut is_next = false;
        for segment in self.bytes(span).split(|byte| *byte == b'/') {
            if is_next {
                return span.part(at, at + segment.len());
            }
            is_next = class::is_like(segment, name.as_bytes());
            at += segment.len() + 1;
        }
        Span::EMPTY
    }

    /// The account in an ARN.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn arn_account(&self, arn: Span) -> Span {
        let text = self.bytes(arn);
        let Some(behind) = class::behind(text, b':', 4) else {
            return Span::EMPTY;
        };
        let from = text.len() - behind.len();
        let len = behind.iter().position(|byte| *byte == b':');
        arn.part(from, from + len.unwrap_or(0))
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
        self.out.facts.source_address = match ipv4(self.bytes(source)) {
            Some(address) => Some(IpAddr::V4(address)),
            None => other_address(self.str(source)),
        };
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
        let is_in = |list: &[&str]| list.iter().any(|known| self.is_like(word, known));
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
            && let Some(slug) = self.bytes(value).strip_suffix(b"[bot]")
        {
            value = value.part(0, slug.len());
        }
        value = self.folded(key_type.fold(), value);
        // What is known already need not be looked at: principal ids stand twice in most sessions.
        let is_known = self.out.identities.last().is_some_and(|last| {
            self.out
                .keys_of(last)
                .iter()
                .any(|known| known.key_type == key_type && self.is_same(known.value, value))
        });
        if is_known {
            #[cfg(feature = "explain")]
            self.attempt(key_type, written, value, Verdict::Known);
            return;
        }
        if !key::is_value(key_type, self.bytes(value)) {
            #[cfg(feature = "explain")]
            if let Err(refused) = key::check_value(key_type, self.str(value)) {
                self.attempt(key_type, written, value, Verdict::Refused(refused));
            }
            return;
        }
        let domain = match key_type.domain_rule() {
            DomainRule::Global => Span::EMPTY,
            DomainRule::Default(meant) if domain.is_empty() => {
                self.buffers.join(&[Part::Text(meant)])
            }
            _ => domain,
        };
        let is_kept = self.out.push_key(ObservedKey {
            key_type,
            domain,
            value,
        });
        #[cfg(feature = "explain")]
        {
            let verdict = if is_kept {
                Verdict::Kept
            } else {
                Verdict::NoRoom
            };
            self.attempt(key_type, written, value, verdict);
        }
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
        if self.is(login, "deploy_key") || self.is(login, "ghost") {
            return;
        }
        let key_type = if self.bytes(login).ends_with(b"[bot]") {
            KeyType::GithubApp
        } else {
            KeyType::GithubLogin
        };
        self.key_in(key_type, host, login);
    }

    /// Adds the AWS principal id in a uid that EKS' authenticator wrote: its name, in one of two
    /// spellings, the account and the id. False for any other uid.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) fn eks_principal(&mut self, uid: Span) -> bool {
        let is_eks = self.starts(uid, "aws-iam-authenticator:")
            || self.starts(uid, "heptio-authenticator-aws:");
        if is_eks {
            let id = self.after_last(uid, b':');
            self.key(KeyType::AwsPrincipalId, id);
        }
        is_eks
    }
}

/// An IPv4 address in four decimal numbers, which is what nearly all events write.
fn ipv4(text: &[u8]) -> Option<Ipv4Addr> {
    let (mut bits, mut octet) = (0_u32, 0_u32);
    let (mut digits, mut dots) = (0, 0);
    for byte in text {
        let digit = u32::from(byte.wrapping_sub(b'0'));
        if digit <= 9 {
            // A zero in front would be octal to some.
            if digits != 0 && octet == 0 {
                return None;
            }
            octet = octet * 10 + digit;
            digits += 1;
            if octet > 255 {
                return None;
            }
        } else if *byte == b'.' && digits != 0 && dots < 3 {
            bits = bits << 8 | octet;
            (octet, digits) = (0, 0);
            dots += 1;
        } else {
            return None;
        }
    }
    (dots == 3 && digits != 0).then(|| Ipv4Addr::from_bits(bits << 8 | octet))
}

/// Any other address. Most texts that are none are names, and their last character tells.
fn other_address(text: &str) -> Option<IpAddr> {
    let last = text.as_bytes().last()?;
    if !last.is_ascii_hexdigit() && !matches!(last, b':' | b']') {
        return None;
    }
    text.parse().ok().or_else(|| {
        let socket = text.parse::<SocketAddr>().ok();
        socket.map(|socket| socket.ip()).or_else(|| {
            let inner = text.strip_prefix('[')?.strip_suffix(']')?;
            inner.parse().ok()
        })
    })
}
