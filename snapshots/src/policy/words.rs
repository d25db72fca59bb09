//! How the policy's values are read: words of a vocabulary, one or many, tables in file order.

use std::fmt;
use std::marker::PhantomData;

use enrich_core::vocabulary as v;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::text::closest;

/// A closed vocabulary.
pub(crate) trait Vocabulary: Copy + 'static {
    /// The word with this text.
    fn word(text: &str) -> Option<Self>;
    /// Every text.
    fn texts() -> Vec<&'static str>;
}

macro_rules! vocabularies {
    ($($name:ident)+) => { $(
        impl Vocabulary for v::$name {
            fn word(text: &str) -> Option<Self> { Self::parse(text) }
            fn texts() -> Vec<&'static str> { Self::ALL.iter().map(|word| word.as_str()).collect() }
        }
    )+ };
}
vocabularies! { Kind Provider Environment Criticality PrivilegeLevel LifecycleState Dimension NetworkKind OutcomeKind Priority Role Severity Verdict }

/// A word of a vocabulary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<T>(pub T);

impl<'de, T: Vocabulary> Deserialize<'de> for Word<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        T::word(&text).map(Self).ok_or_else(|| {
            let meant = closest(&text, T::texts())
                .map_or_else(String::new, |meant| format!("; did you mean {meant:?}"));
            D::Error::custom(format!(
                "unknown word {text:?}, the words are {}{meant}",
                T::texts().join(", ")
            ))
        })
    }
}

/// One value or a list of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Many<T>(pub Vec<T>);

impl<T> Default for Many<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrMany<T> {
            type Value = Many<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of texts")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                T::deserialize(serde::de::value::StrDeserializer::new(text))
                    .map(|value| Many(vec![value]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut out = Vec::new();
                while let Some(value) = seq.next_element()? {
                    out.push(value);
                }
                Ok(Many(out))
            }
        }
        deserializer.deserialize_any(OneOrMany(PhantomData))
    }
}

/// Named tables in the order of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Tables<T>(pub Vec<(String, T)>);

impl<T> Default for Tables<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Tables<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for InOrder<T> {
            type Value = Tables<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("named tables")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut out = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    out.push(entry);
                }
                Ok(Tables(out))
            }
        }
        deserializer.deserialize_map(InOrder(PhantomData))
    }
}
