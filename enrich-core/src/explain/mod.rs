//! Which path gave each key of an event, why others were passed over, and how it was decided.
//!
//! For people, not for pipelines: only programs that ask for the feature `explain` have it. The
//! modules are built without it.

mod decision;
mod rules;

pub(crate) use self::decision::decide;
pub use self::decision::{
    Compared, DecidedIdentity, Decision, KeyAnswer, KeyHolder, KeyLookup, Named,
};
pub use self::rules::{RuleTrace, Stated, TriageTrace, Tried};

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::config::Config;
use crate::event::findings::{Findings, Sort};
use crate::event::observation::{Attempt, Observation, Verdict};
use crate::event::text::{Span, TextBuffers};
use crate::event::{Readers, passed_over};
use crate::key::{DomainRule, KeyRefused, KeyType};
use crate::vocabulary::{Format, Role};

/// Why the ARN that most AWS events show is no key.
const SESSION: &str =
    "names a session: its ARN is never the role's, and it has lost the role's path";

/// Why a value gave no key when the key was there already.
pub const AGAIN: &str = "this identity has the same key already";

/// What one event shows, and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// The format that it was recognised as.
    pub format: Format,
    /// When it happened, in milliseconds since 1970.
    pub time_ms: Option<i64>,
    /// Where that stands.
    pub time_path: Option<String>,
    /// The identities in the order of the output.
    pub identities: Vec<ExplainedIdentity>,
    /// Values that look like a key and gave none.
    pub passed_over: Vec<PassedOver>,
    /// The facts that behaviour is judged by: name, value, path.
    pub facts: Vec<(&'static str, String, Option<String>)>,
}

/// One identity.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExplainedIdentity {
    /// What it does in the event.
    pub role: Role,
    /// The event says that it is an AI agent.
    pub is_agent: bool,
    /// Its keys, the deciding ones first.
    pub keys: Vec<ExplainedKey>,
}

/// One key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExplainedKey {
    /// Its type.
    pub key_type: KeyType,
    /// The domain that it is unique in; empty for a global one.
    pub domain: String,
    /// The value, folded.
    pub value: String,
    /// JSON pointer of where it stands in the event; `None` when it was put together.
    pub path: Option<String>,
    /// It needs a domain, and neither the event nor the configuration names one.
    pub lacks_domain: bool,
}

/// A value that gave no key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PassedOver {
    /// JSON pointer of where it stands; `None` when it was put together.
    pub path: Option<String>,
    /// The value.
    pub value: String,
    /// Why.
    pub why: String,
}

/// Where the paths of the recognised format are.
struct Paths<'e> {
    readers: &'e Readers,
    findings: &'e Findings,
    base: usize,
    pointers: Vec<&'e str>,
}

impl Paths<'_> {
    /// The tightest wanted place that holds a span.
    fn origin(&self, span: Span) -> Option<String> {
        let mut best: Option<(usize, &str)> = None;
        for (number, pointer) in self.pointers.iter().enumerate() {
            let node = self.readers.trie.of_path(self.base + number);
            let found = self.findings.get(node);
            if found.sort == Sort::Absent || !found.span.holds(span) {
                continue;
            }
            if best.is_none_or(|(len, _)| found.span.len() < len) {
                best = Some((found.span.len(), pointer));
            }
        }
        best.map(|(_, pointer)| pointer.to_owned())
    }

    /// Where a key's value stands: the first text of a wanted array or object is below it.
    fn of_value(&self, span: Span) -> Option<String> {
        (!span.is_empty()).then(|| self.origin(span)).flatten()
    }
}

/// Explains an event that was observed with attempts kept.
pub(crate) fn explain(
    config: &Config,
    readers: &Readers,
    findings: &Findings,
    buffers: &TextBuffers<'_>,
    observation: &Observation,
) -> Explanation {
    let paths = Paths {
        readers,
        findings,
        base: usize::from(observation.path_base),
        pointers: readers.paths_from(observation.path_base, config).collect(),
    };
    let attempts = observation.attempts.as_deref().unwrap_or(&[]);
    let mut explanation = Explanation {
        format: observation.format,
        time_ms: observation.time_ms,
        time_path: paths.of_value(observation.time_span),
        identities: Vec::new(),
        passed_over: Vec::new(),
        facts: Vec::new(),
    };
    for observed in &observation.identities {
        let keys = observation.keys_of(observed).iter().map(|key| {
            let kept = |attempt: &&Attempt| {
                attempt.verdict == Verdict::Kept
                    && attempt.key_type == key.key_type
                    && attempt.kept_as == key.value
            };
            let domain = buffers.get(key.domain).to_owned();
            ExplainedKey {
                key_type: key.key_type,
                lacks_domain: key.key_type.domain_rule() == DomainRule::Required
                    && domain.is_empty(),
                domain,
                value: buffers.get(key.value).to_owned(),
                path: attempts
                    .iter()
                    .find(kept)
                    .and_then(|attempt| paths.of_value(attempt.value)),
            }
        });
        explanation.identities.push(ExplainedIdentity {
            role: observed.role,
            is_agent: observed.is_agent,
            keys: keys.collect(),
        });
    }
    refused(&paths, buffers, attempts, &mut explanation);
    by_rule(&paths, buffers, observation.format, &mut explanation);
    for (name, span) in observation.facts.texts() {
        if !span.is_empty() {
            let value = buffers.get(span).to_owned();
            explanation.facts.push((name, value, paths.of_value(span)));
        }
    }
    explanation
}

/// Values that were tried as keys and made none.
fn refused(
    paths: &Paths<'_>,
    buffers: &TextBuffers<'_>,
    attempts: &[Attempt],
    out: &mut Explanation,
) {
    for attempt in attempts {
        let why = match &attempt.verdict {
            Verdict::Kept => continue,
            Verdict::Refused(KeyRefused::Shape {
                key_type: KeyType::AwsArn,
            }) if buffers.get(attempt.value).contains(":assumed-role/") => SESSION.to_owned(),
            Verdict::Refused(refused) => refused.to_string(),
            Verdict::Known => AGAIN.to_owned(),
            Verdict::NoRoom => "the event names more keys than are kept".to_owned(),
        };
        let passed = PassedOver {
            path: paths.of_value(attempt.value),
            value: buffers.get(attempt.value).to_owned(),
            why,
        };
        // The same key under the same place is no news.
        let is_same_place = attempt.verdict == Verdict::Known
            && out.identities.iter().any(|identity| {
                let mut keys = identity.keys.iter();
                keys.any(|key| key.path == passed.path)
            });
        if !is_same_place && !out.passed_over.contains(&passed) {
            out.passed_over.push(passed);
        }
    }
}

/// Values that a format's rules leave alone, with the rule.
fn by_rule(paths: &Paths<'_>, buffers: &TextBuffers<'_>, format: Format, out: &mut Explanation) {
    for (pointer, why) in passed_over::reasons(format) {
        let number = paths.pointers.iter().position(|known| known == pointer);
        let Some(number) = number else { continue };
        let found = paths
            .findings
            .get(paths.readers.trie.of_path(paths.base + number));
        let is_text = matches!(found.sort, Sort::Text | Sort::Number);
        if !is_text || found.span.is_empty() {
            continue;
        }
        let is_told = |path: &Option<String>| path.as_deref() == Some(*pointer);
        let gave = |key: &ExplainedKey| is_told(&key.path);
        if out.identities.iter().any(|one| one.keys.iter().any(gave))
            || out.passed_over.iter().any(|passed| is_told(&passed.path))
        {
            continue;
        }
        out.passed_over.push(PassedOver {
            path: Some((*pointer).to_owned()),
            value: buffers.get(found.span).to_owned(),
            why: (*why).to_owned(),
        });
    }
}
