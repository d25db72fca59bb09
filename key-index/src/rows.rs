//! The archived rows that a lookup reads.

#![allow(
    missing_docs,
    missing_debug_implementations,
    clippy::exhaustive_structs,
    reason = "rkyv derives bare resolver types for every row; the rows themselves are documented, and frozen within a major version"
)]

use rkyv::{Archive, Serialize};

/// Slots in one index bucket.
pub const BUCKET_SLOTS: usize = 10;

/// Stands for "nobody" in [`KeyRow::holder`].
pub const NOBODY: u32 = u32::MAX;

/// Set in [`KeyRow::holder`] when the rest is a list of key holders.
pub const SHARED: u32 = 0x8000_0000;

/// Declares rows and their archived forms.
#[macro_export]
macro_rules! rows {
    ($( $(#[$meta:meta])* $name:ident { $( $(#[$fmeta:meta])* $field:ident : $ty:ty, )+ } )+) => {
        $(
            $(#[$meta])*
            #[derive(Archive, Serialize, Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
            #[rkyv(derive(Debug, Clone, Copy))]
            #[repr(C)]
            pub struct $name { $( $(#[$fmeta])* pub $field: $ty, )+ }
        )+
    };
}

rows! {
    /// One cache line of the index.
    BucketRow {
        /// Two 16-bit tags a word, low half first; 0 marks an empty slot.
        tags: [u32; 5],
        /// Key rows.
        slots: [u32; 10],
        /// How many keys whose probe started at or before this bucket stand after it.
        overflow: u32,
    }

    /// What many keys share.
    KeyClassRow {
        /// Code of the key type.
        key_type: u32,
        /// Text: the domain.
        domain: u32,
        /// Text: the first part of the value.
        prefix: u32,
        /// Text: the last part of the value.
        suffix: u32,
        /// Validity interval.
        validity: u32,
    }

    /// A key: `prefix + rest + suffix` leads to its holder.
    KeyRow {
        /// Key class.
        class: u32,
        /// Text: the middle part of the value.
        rest: u32,
        /// An identity; or [`SHARED`] with a list; or [`NOBODY`].
        holder: u32,
    }

    /// When a key led to its holder: `[from, to)` in milliseconds.
    ValidityRow {
        /// Inclusive; `i64::MIN` when unknown.
        from_ms: i64,
        /// Exclusive; `i64::MAX` when still valid.
        to_ms: i64,
    }
}
