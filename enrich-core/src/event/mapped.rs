//! In-house logs, described by configuration.

use alloc::string::String;

use super::findings::Sort;
use super::observer::{Field, Observer};
use super::text::{Part, Span};
use crate::key::{DomainRule, KeyType};
use crate::mapping::{MappedKey, Mapping, Text};
use crate::vocabulary::Provider;

/// Whether an event is of this log: all conditions hold.
pub(crate) fn recognise(o: &Observer<'_, '_>, mapping: &Mapping) -> bool {
    mapping.when.iter().all(|(field, text)| {
        let found = o.found(*field);
        match (found.sort, text) {
            (Sort::Absent, _) => false,
            (_, None) => true,
            (Sort::Object | Sort::Array, Some(_)) => false,
            // Numbers and booleans are compared as they are written.
            (_, Some(text)) => o.is(found.span, text),
        }
    })
}

pub(crate) fn observe(o: &mut Observer<'_, '_>, mapping: &Mapping) {
    o.set_time(o.found(mapping.time));
    o.set_source(o.text(mapping.source));
    o.out.facts.region = o.id(mapping.region);
    o.out.facts.user_agent = o.text(mapping.user_agent);
    o.out.facts.resource = o.id(mapping.resource);
    o.out.facts.workload = o.id(mapping.workload);
    o.out.facts.action = action(o, &mapping.action);
    let word = o.word(mapping.outcome);
    for (words, is_success) in [(&mapping.failure, false), (&mapping.success, true)] {
        let is_it = |known: &String| o.is_like(word, known);
        if !word.is_empty() && words.iter().any(is_it) {
            o.set_outcome(is_success);
        }
    }
    let mut scope_domain = Span::EMPTY;
    if let Some(scope) = &mapping.scope {
        let part = text(o, &scope.part);
        scope_domain = text(o, &scope.domain);
        scope_domain = o.or_default_domain(scope_domain);
        o.set_scope(scope.provider, scope_domain, part);
    }
    for identity in &mapping.identities {
        let named = text(o, &identity.domain);
        // The scope's domain is none of another provider's, and nor is the default.
        let scope = mapping.scope.as_ref();
        let is_of_scope = scope.is_none_or(|scope| scope.provider == identity.provider);
        let home = match (named.is_empty(), is_of_scope) {
            (true, true) => o.or_default_domain(scope_domain),
            _ => named,
        };
        o.begin(identity.role, identity.provider, home);
        for wanted in &identity.keys {
            key(o, wanted, home);
        }
        if home.is_empty() && identity.provider == Provider::Aws {
            let account = o.arn_account(o.key_value(KeyType::AwsArn));
            o.set_home(Provider::Aws, account);
        }
        if o.is_true(identity.agent) {
            o.set_agent();
        }
        o.end();
    }
}

fn key(o: &mut Observer<'_, '_>, wanted: &MappedKey, home: Span) {
    let mut value = o.id(wanted.value);
    let named = text(o, &wanted.domain);
    match wanted.key_type {
        KeyType::GithubLogin => {
            o.github_login(named, value);
            return;
        }
        // A session's name may follow.
        KeyType::AwsPrincipalId => value = o.before(value, b':'),
        _ => {}
    }
    // A key type with a default domain (GitHub's host) has another one only where it is named.
    let domain = match wanted.key_type.domain_rule() {
        DomainRule::Required if named.is_empty() => o.or_default_domain(home),
        _ => named,
    };
    o.key_in(wanted.key_type, domain, value);
}

fn text(o: &mut Observer<'_, '_>, text: &Text) -> Span {
    if text.literal.is_empty() {
        o.id(text.field)
    } else {
        o.join(&[Part::Text(&text.literal)])
    }
}

fn action(o: &mut Observer<'_, '_>, fields: &[Field]) -> Span {
    let mut action = Span::EMPTY;
    for field in fields {
        let next = o.id(*field);
        action = match (action.is_empty(), next.is_empty()) {
            (true, _) => next,
            (false, true) => action,
            (false, false) => o.join(&[Part::Span(action), Part::Text(":"), Part::Span(next)]),
        };
    }
    action
}
