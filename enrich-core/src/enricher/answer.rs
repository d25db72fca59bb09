//! What a key leads to: answers for whoever has a key and no event.

use alloc::string::String;
use alloc::vec::Vec;

use json_out::json::Json;

use super::Enricher;
use crate::key::{Key, KeyRefused};
use crate::layers::Holder;
use crate::lookup;
use crate::pick::LookupField;
use crate::render::out::Out;
use crate::render::record;
use crate::snapshot::SnapshotError;
use crate::vocabulary::OutcomeKind;

/// Most records of one key that a lookup writes.
const MAX_RECORDS: usize = 16;

impl Enricher<'_> {
    /// What a key leads to, as one JSON object. The key is written `TYPE[@DOMAIN]:VALUE`. The
    /// outcome is as of the snapshot's creation; `records` has everyone who ever held the key, first
    /// the one that the outcome is about.
    ///
    /// # Errors
    /// When the text is no key, or a snapshot turned out to be damaged.
    pub fn lookup(&mut self, key: &str) -> Result<&[u8], LookupError> {
        self.answer(key, None)?;
        Ok(&self.out)
    }

    /// One field of what a key leads to: a text as it is, everything else as JSON, and of a list the
    /// values of its elements as a JSON array. Empty when it is not known; `owner` and all else of
    /// the record also when nobody holds the key, or several do. `outcome` says which.
    ///
    /// # Errors
    /// When the text is no key, or a snapshot turned out to be damaged.
    pub fn lookup_field(
        &mut self,
        key: &str,
        field: &LookupField<'_>,
    ) -> Result<&[u8], LookupError> {
        self.answer(key, Some(field))?;
        let Some(lane) = self.lanes.first_mut() else {
            return Ok(&[]);
        };
        lane.bytes.clear();
        field.pick(&self.out, &mut lane.bytes);
        Ok(&lane.bytes)
    }

    /// Writes what a key leads to into `self.out`; for a field, no more than it needs.
    fn answer(&mut self, key: &str, field: Option<&LookupField<'_>>) -> Result<(), LookupError> {
        let (key_type, domain, value) = Key::split_notation(key)?;
        let mut buffer = String::new();
        let key = Key::canonical(key_type, domain, value, &mut buffer)?;
        let resolution = lookup::resolve_key(&self.layers, &key, self.layers.created_ms());
        let covered = self.layers.covers(key.key_type.provider(), key.domain)
            || (key.domain.is_empty() && !self.layers.is_empty());
        let outcome = match &resolution {
            Some(resolution) => resolution.outcome,
            None if covered => OutcomeKind::NotFound,
            None => OutcomeKind::OutOfScope,
        };
        let mut style = self.config.style.record();
        let mut most = MAX_RECORDS;
        let mut holders: Vec<Holder> = Vec::new();
        holders.extend(resolution.and_then(|resolution| resolution.holder));
        if let Some(field) = field {
            most = usize::from(field.record().is_some()).min(holders.len());
            style.fields = field.record().unwrap_or(style.fields);
            holders.truncate(most);
        }
        if holders.len() < most {
            self.layers.for_each_holder(&key, None, |holder, _| {
                if holders.len() < most && !holders.contains(&holder) {
                    holders.push(holder);
                }
            });
        }
        let mut out = core::mem::take(&mut self.out);
        out.clear();
        Json::new(&mut out).object(|out| {
            out.number("v", 1);
            out.string("outcome", outcome.as_str());
            out.member("key", |out| {
                out.object(|out| {
                    out.string("type", key.key_type.as_str());
                    out.some_string("domain", Some(key.domain));
                    out.string("value", key.value);
                });
            });
            out.member("records", |out| {
                out.array(|out| {
                    for holder in &holders {
                        if let Some(layer) = self.layers.get(holder.layer)
                            && let Some(identity) = self.layers.identity(*holder)
                        {
                            let created = layer.snapshot.header().created_ms;
                            out.element(|out| {
                                out.object(|out| {
                                    record::write(&identity, created, &mut Out::new(out, &style));
                                });
                            });
                        }
                    }
                });
            });
        });
        self.out = out;
        match self.layers.damage() {
            Some(damage) => Err(LookupError::Snapshot(damage)),
            None => Ok(()),
        }
    }
}

/// Why a lookup has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LookupError {
    /// The text is no key.
    Key(KeyRefused),
    /// An attached snapshot turned out to be damaged.
    Snapshot(SnapshotError),
}

impl From<KeyRefused> for LookupError {
    fn from(refused: KeyRefused) -> Self {
        Self::Key(refused)
    }
}

impl core::fmt::Display for LookupError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Key(refused) => refused.fmt(f),
            Self::Snapshot(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for LookupError {}
