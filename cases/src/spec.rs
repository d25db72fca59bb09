//! The case file as it is written: mirrors of the inventory model with every member optional that
//! the record lets be absent, and no other members.

use std::collections::BTreeMap;

use enrich_core::vocabulary as v;
use serde::{Deserialize, Deserializer, de::Error as _};

/// A closed vocabulary.
pub(crate) trait Vocabulary: Copy + 'static {
    fn word(text: &str) -> Option<Self>;
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
vocabularies! {
    Basis CredentialStatus Criticality Dimension Environment Kind LayerKind LifecycleState NetworkKind OutcomeKind OwnerStatus Priority
    PrivilegeLevel Provider Role Severity Verdict
}

/// A word of a vocabulary.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Word<T>(pub(crate) T);

impl<'de, T: Vocabulary> Deserialize<'de> for Word<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let unknown = || D::Error::custom(format!("unknown word {text:?}, the words are {}", T::texts().join(", ")));
        T::word(&text).map(Self).ok_or_else(unknown)
    }
}

/// One case file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CaseSpec {
    pub(crate) title: String,
    pub(crate) config: Option<toml::Table>,
    pub(crate) snapshot: Option<SnapshotSpec>,
    #[serde(flatten)]
    pub(crate) content: toml::Table,
}

/// What one snapshot holds.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ContentSpec {
    #[serde(default)]
    pub(crate) identity: Vec<IdentitySpec>,
    #[serde(default)]
    pub(crate) scope: Vec<ScopeSpec>,
    #[serde(default)]
    pub(crate) network: Vec<NetworkSpec>,
    #[serde(default)]
    pub(crate) rule: Vec<RuleSpec>,
}
