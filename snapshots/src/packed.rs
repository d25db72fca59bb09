//! Packed: what waits between two steps of a build, in as few bytes as it takes. A record or an identity
//! has some forty fields, of which most are empty; a million of them have no room for the empty ones.
//!
//! The bytes never leave the process, so they have no version and no errors: what was not written here
//! reads as empty.

use std::borrow::Cow;
use std::cell::RefCell;
use std::cmp::Reverse;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

use enrich_core::KeyType;
use enrich_core::vocabulary::{
    Basis, CredentialStatus, Criticality, Dimension, Environment, Kind, LifecycleState,
    OwnerStatus, PrivilegeLevel, Provider, Severity,
};
use hashbrown::HashMap;

use crate::model::{
    Agent, Alias, BlastRadius, Conflict, Credential, EntityRef, EscalationPolicy, Exception,
    Expectation, Finding, Identity, Lineage, Owner, Privilege, Provenance, Response, Revocation,
    Time,
};
use crate::reconcile::{Few, Subject, Tag, Tags};
use crate::record::{Facts, Grant, KeyId, TagMap};

/// A value as bytes.
pub(crate) struct Packed<T>(Box<[u8]>, PhantomData<fn() -> T>);

impl<T> Clone for Packed<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<T> PartialEq for Packed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T> std::fmt::Debug for Packed<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Packed({} bytes)", self.0.len())
    }
}

impl<T: Pack> Packed<T> {
    /// Packs a value.
    pub(crate) fn of(value: &T) -> Self {
        Self::with(|out| value.put(out))
    }

    /// Packs what a closure writes, which must be the parts of a `T` in their order.
    pub(crate) fn with(write: impl FnOnce(&mut Vec<u8>)) -> Self {
        thread_local! {
            static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
        }
        BUFFER.with_borrow_mut(|buffer| {
            buffer.clear();
            write(buffer);
            Self(buffer.as_slice().into(), PhantomData)
        })
    }

    /// The value again.
    pub(crate) fn open(&self) -> T {
        T::get(&mut self.bytes())
    }

    /// The bytes, for a reader that looks at their beginning alone.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// What can be packed.
pub(crate) trait Pack: Sized {
    /// Writes the value.
    fn put(&self, out: &mut Vec<u8>);
    /// Reads it, and moves `from` behind it.
    fn get(from: &mut &[u8]) -> Self;
}

impl Pack for u64 {
    fn put(&self, out: &mut Vec<u8>) {
        let mut rest = *self;
        while rest >= 0x80 {
            out.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        out.push(rest as u8);
    }

    fn get(from: &mut &[u8]) -> Self {
        let (mut value, mut shift) = (0, 0);
        while let Some((byte, rest)) = from.split_first() {
            *from = rest;
            value |= Self::from(byte & 0x7F) << shift;
            shift += 7;
            if byte & 0x80 == 0 || shift > 63 {
                break;
            }
        }
        value
    }
}

impl Pack for i64 {
    fn put(&self, out: &mut Vec<u8>) {
        // Small numbers of both signs are short.
        ((self << 1) ^ (self >> 63)).cast_unsigned().put(out);
    }

    fn get(from: &mut &[u8]) -> Self {
        let value = u64::get(from);
        (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
    }
}

macro_rules! small_numbers {
    ($($type:ty),*) => {$(
        impl Pack for $type {
            fn put(&self, out: &mut Vec<u8>) {
                u64::from(*self).put(out);
            }

            fn get(from: &mut &[u8]) -> Self {
                Self::try_from(u64::get(from)).unwrap_or_default()
            }
        }
    )*};
}

small_numbers!(u8, u16, u32);

impl Pack for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn get(from: &mut &[u8]) -> Self {
        u8::get(from) != 0
    }
}

/// A text as it stands in the bytes.
pub(crate) fn text<'b>(from: &mut &'b [u8]) -> &'b str {
    let len = u64::get(from) as usize;
    let (text, rest) = from.split_at_checked(len).unwrap_or_default();
    *from = rest;
    std::str::from_utf8(text).unwrap_or_default()
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    (text.len() as u64).put(out);
    out.extend_from_slice(text.as_bytes());
}

impl Pack for String {
    fn put(&self, out: &mut Vec<u8>) {
        put_text(self, out);
    }

    fn get(from: &mut &[u8]) -> Self {
        text(from).to_owned()
    }
}

impl<T: Pack> Pack for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.is_some().put(out);
        if let Some(value) = self {
            value.put(out);
        }
    }

    fn get(from: &mut &[u8]) -> Self {
        bool::get(from).then(|| T::get(from))
    }
}

/// Writes a list.
fn put_all<T: Pack>(list: std::slice::Iter<'_, T>, out: &mut Vec<u8>) {
    (list.len() as u64).put(out);
    for value in list {
        value.put(out);
    }
}

impl<T: Pack> Pack for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        put_all(self.iter(), out);
    }

    fn get(from: &mut &[u8]) -> Self {
        let len = u64::get(from);
        (0..len).map(|_| T::get(from)).collect()
    }
}

impl<T: Pack> Pack for Box<[T]> {
    fn put(&self, out: &mut Vec<u8>) {
        put_all(self.iter(), out);
    }

    fn get(from: &mut &[u8]) -> Self {
        Vec::get(from).into_boxed_slice()
    }
}

impl<A: Pack, B: Pack> Pack for (A, B) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }

    fn get(from: &mut &[u8]) -> Self {
        (A::get(from), B::get(from))
    }
}

impl Pack for TagMap {
    fn put(&self, out: &mut Vec<u8>) {
        (self.len() as u64).put(out);
        for (key, value) in self {
            key.put(out);
            value.put(out);
        }
    }

    fn get(from: &mut &[u8]) -> Self {
        let len = u64::get(from);
        (0..len)
            .map(|_| (String::get(from), String::get(from)))
            .collect()
    }
}

impl Pack for [u8; 21] {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }

    fn get(from: &mut &[u8]) -> Self {
        let (bytes, rest) = from.split_first_chunk().unwrap_or((&[0; 21], &[]));
        *from = rest;
        *bytes
    }
}

// Words that very many values share: names of fields, of rules and of sources. There are a few dozen, and
// each has a number for as long as the process runs.
macro_rules! words {
    ($type:ty, $known:ident, $seen:ident) => {
        /// All of them, by their number.
        static $known: Mutex<Vec<$type>> = Mutex::new(Vec::new());
        thread_local! {
            /// What this thread has seen of them, so that it seldom waits for another one.
            static $seen: RefCell<(HashMap<$type, u64>, Vec<$type>)> = RefCell::default();
        }

        impl Pack for $type {
            fn put(&self, out: &mut Vec<u8>) {
                let number = $seen.with_borrow_mut(|(numbers, _)| {
                    if let Some(number) = numbers.get(self) {
                        return *number;
                    }
                    let mut known = $known.lock().unwrap_or_else(PoisonError::into_inner);
                    let place = known.iter().position(|word| word == self);
                    let place = place.unwrap_or_else(|| {
                        known.push(self.clone());
                        known.len() - 1
                    });
                    numbers.insert(self.clone(), place as u64);
                    place as u64
                });
                number.put(out);
            }

            fn get(from: &mut &[u8]) -> Self {
                let number = u64::get(from) as usize;
                $seen.with_borrow_mut(|(_, words)| {
                    if words.len() <= number {
                        let known = $known.lock().unwrap_or_else(PoisonError::into_inner);
                        words.clone_from(&known);
                    }
                    words.get(number).cloned().unwrap_or_default()
                })
            }
        }
    };
}

words!(&'static str, FIXED, FIXED_SEEN);
words!(Arc<str>, SHARED, SHARED_SEEN);

impl Pack for Cow<'static, str> {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Cow::Borrowed(word) => {
                true.put(out);
                word.put(out);
            }
            Cow::Owned(text) => {
                false.put(out);
                text.put(out);
            }
        }
    }

    fn get(from: &mut &[u8]) -> Self {
        if bool::get(from) {
            Cow::Borrowed(Pack::get(from))
        } else {
            Cow::Owned(String::get(from))
        }
    }
}

impl Pack for Time {
    fn put(&self, out: &mut Vec<u8>) {
        let (code, ms) = match *self {
            Self::Unknown => (0_u8, None),
            Self::NotTracked => (1, None),
            Self::Never => (2, None),
            Self::NeverSince(ms) => (3, Some(ms)),
            Self::At(ms) => (4, Some(ms)),
        };
        code.put(out);
        if let Some(ms) = ms {
            ms.put(out);
        }
    }

    fn get(from: &mut &[u8]) -> Self {
        match u8::get(from) {
            1 => Self::NotTracked,
            2 => Self::Never,
            3 => Self::NeverSince(i64::get(from)),
            4 => Self::At(i64::get(from)),
            _ => Self::Unknown,
        }
    }
}

macro_rules! codes {
    ($($type:ident or $other:ident),* $(,)?) => {$(
        impl Pack for $type {
            fn put(&self, out: &mut Vec<u8>) {
                self.code().put(out);
            }

            fn get(from: &mut &[u8]) -> Self {
                Self::from_code(u8::get(from)).unwrap_or(Self::$other)
            }
        }
    )*};
}

codes! {
    KeyType or Uid, Basis or Declared, CredentialStatus or Unknown, Criticality or Low,
    Dimension or Network, Environment or Other, Kind or Unknown, LifecycleState or Active,
    OwnerStatus or Unknown, PrivilegeLevel or None, Provider or Other, Severity or Info,
}

impl Pack for Reverse<PrivilegeLevel> {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }

    fn get(from: &mut &[u8]) -> Self {
        Self(Pack::get(from))
    }
}

/// Structs, field by field: one that is not named here does not compile.
macro_rules! fields {
    ($($type:ident { $($field:ident),* $(,)? })*) => {$(
        impl Pack for $type {
            fn put(&self, out: &mut Vec<u8>) {
                let Self { $($field),* } = self;
                $($field.put(out);)*
            }

            fn get(from: &mut &[u8]) -> Self {
                $(let $field = Pack::get(from);)*
                Self { $($field),* }
            }
        }
    )*};
}

fields! {
    Agent { framework, parent }
    Alias { key_type, domain, value, valid_from_ms, valid_to_ms }
    BlastRadius { identities, accounts, environments, teams }
    Conflict { field, source, value }
    Credential {
        uid, credential_type, created, last_rotated, expires, last_used, status, secret_source,
        max_age_days,
    }
    EntityRef { reference, name, contact }
    EscalationPolicy { system, id, url }
    Exception { finding, until_ms, reason }
    Expectation { dimension, allowed, hours, basis, window_days, samples }
    Facts {
        name, native_kind, kind, sub_type, provider, domain, namespace, purpose, agent, owner, sponsor,
        secondary_owners, service, vendor, environment, criticality, grants, boundary, created_by,
        assumable_by, can_assume, unconditioned_trust, exposed, weak, lifecycle_state, retired_at_ms,
        created, last_seen, credentials, secret_source, workloads, behavior, escalation_policy, tags,
    }
    Finding { name, owasp, severity, evidence, exception }
    Grant { tier, level, name, rule }
    Identity {
        uid, name, kind, sub_type, provider, domain, purpose, agent, aliases, owner, sponsor,
        secondary_owners, service, vendor, environment, criticality, privilege, blast_radius, lineage,
        lifecycle_state, created, last_seen, retired_at_ms, credentials, workloads, behavior, response,
        findings, accepted, provenance, conflicts,
    }
    Lineage { created_by, assumable_by, can_assume, on_behalf_of }
    Owner { entity, source, as_of_ms, status }
    Privilege { tier, level, basis }
    Provenance { field, source, observed_ms }
    Response { revocation, escalation_policy, context_owner, response_owner }
    Revocation { action, system, team, runbook, expected_minutes, breaks }
    Subject {
        identity, grants, boundary, namespace, tags, unconditioned_trust, exposed, weak, stated, sources,
        secret_places, baselines, responses, exceptions, is_tombstone,
    }
    Tag { key, value, source, observed_ms }
}

impl<T: Pack> Pack for Few<T> {
    fn put(&self, out: &mut Vec<u8>) {
        put_all(self.iter(), out);
    }

    fn get(from: &mut &[u8]) -> Self {
        Vec::get(from).into()
    }
}

impl Pack for Tags {
    fn put(&self, out: &mut Vec<u8>) {
        put_all(self.iter(), out);
    }

    fn get(from: &mut &[u8]) -> Self {
        Vec::get(from).into()
    }
}

/// A key of a packed list, not copied out of it. The fields stand in the order of [`Alias`], by which
/// lists of keys are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KeyRef<'b> {
    pub(crate) key_type: KeyType,
    pub(crate) domain: &'b str,
    pub(crate) value: &'b str,
    pub(crate) valid_from_ms: Option<i64>,
    pub(crate) valid_to_ms: Option<i64>,
}

impl KeyRef<'_> {
    /// Its number.
    pub(crate) fn id(&self) -> KeyId {
        KeyId::of(self.key_type, self.domain, self.value)
    }
}

/// The keys of a packed list that stands first in the bytes; `from` moves behind it when all are read.
pub(crate) fn keys<'f, 'b>(
    from: &'f mut &'b [u8],
) -> impl Iterator<Item = KeyRef<'b>> + use<'f, 'b> {
    let len = u64::get(from);
    (0..len).map(move |_| KeyRef {
        key_type: Pack::get(from),
        domain: text(from),
        value: text(from),
        valid_from_ms: Pack::get(from),
        valid_to_ms: Pack::get(from),
    })
}

#[cfg(test)]
mod tests;
