//! Precedence: which of two sources is believed about a field.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::kept::Kept;
use crate::record::Record;

/// How the sources of a field are ordered; the first that states it is believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Order {
    /// As they are listed in the configuration.
    #[default]
    Source,
    /// The newest export first; as they are listed where two are of the same time.
    Recency,
}

impl Order {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::Source, Self::Recency];

    /// Its name in `inventory.toml`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Source => "SOURCE",
            Self::Recency => "RECENCY",
        }
    }

    /// The order with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|order| order.as_str() == name)
    }

    pub(super) fn compare(self, a: &Record, b: &Record) -> Ordering {
        let newest = match self {
            Self::Source => Ordering::Equal,
            Self::Recency => b.source.observed_ms.cmp(&a.source.observed_ms),
        };
        newest.then_with(|| listed(a, b))
    }
}

/// The order of records in which nothing depends on the order of files and of entries in them: by
/// the source's place, then by what is said.
pub(super) fn listed_kept(a: &Kept, b: &Kept) -> Ordering {
    a.source
        .rank
        .cmp(&b.source.rank)
        .then_with(|| a.uid.cmp(&b.uid))
        .then_with(|| a.compare_names(b))
        // Two statements of one source about one identity are rare.
        .then_with(|| {
            let (a, b) = (a.open(), b.open());
            format!("{a:?}").cmp(&format!("{b:?}"))
        })
}

/// The same order, of records that are open.
fn listed(a: &Record, b: &Record) -> Ordering {
    a.source
        .rank
        .cmp(&b.source.rank)
        .then_with(|| a.uid.cmp(&b.uid))
        .then_with(|| a.local_name.cmp(&b.local_name))
        .then_with(|| a.aliases.cmp(&b.aliases))
        // Two statements of one source about one identity are rare.
        .then_with(|| format!("{a:?}").cmp(&format!("{b:?}")))
}

/// The order for all fields, and for single ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Precedence {
    /// For fields that are not named.
    pub default: Order,
    /// By field.
    pub fields: BTreeMap<&'static str, Order>,
}

impl Precedence {
    /// Fields that one source wins; lists are united, and the latest use counts, whoever saw it.
    pub const FIELDS: &'static [&'static str] = &[
        "name",
        "sub_type",
        "domain",
        "kind",
        "purpose",
        "service",
        "vendor",
        "agent",
        "criticality",
        "created",
        "created_by",
        "escalation_policy",
        "owner",
        "sponsor",
        "environment",
        "lifecycle_state",
        "behavior",
        "tags",
    ];

    pub(super) fn of(&self, field: &str) -> Order {
        let field = field.split('.').next().unwrap_or(field);
        self.fields.get(field).copied().unwrap_or(self.default)
    }

    /// The orders that occur, the general one first.
    pub(super) fn orders(&self) -> impl Iterator<Item = Order> {
        let other = Order::ALL
            .iter()
            .copied()
            .filter(|order| *order != self.default && self.fields.values().any(|of| of == order));
        std::iter::once(self.default).chain(other)
    }
}
