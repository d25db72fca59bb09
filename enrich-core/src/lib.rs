//! Attach identity context to security events: owner, privilege, rotation, expected behaviour, and
//! who can switch the identity off.
//!
//! An [`Enricher`] holds one or more inventory snapshots ([`Snapshot`]) and adds one member,
//! `whose`, to each event that it recognises. It performs no I/O, reads no clock, allocates nothing
//! per event once warm, and panics on no input.
//!
//! ```
//! use enrich_core::{Check, Config, Enricher};
//!
//! # fn snapshot() -> &'static [u8] {
//! #     #[repr(align(64))]
//! #     struct Aligned<const N: usize>([u8; N]);
//! #     static BYTES: &Aligned<{ include_bytes!("../tests/golden/v1.whose").len() }> =
//! #         &Aligned(*include_bytes!("../tests/golden/v1.whose"));
//! #     &BYTES.0
//! # }
//! let snapshot: &[u8] = snapshot(); // built by `whose-snapshot build`; 64-byte aligned
//! let mut enricher = Enricher::new(Config::default());
//! enricher.attach(snapshot, Check::All, None)?;
//!
//! let event = br#"{"eventSource":"s3.amazonaws.com","eventName":"GetObject","userIdentity":{"type":"Root"}}"#;
//! let enriched = enricher.enrich(event);
//! assert!(enriched.starts_with(&event[..event.len() - 1]));
//! assert!(enriched.ends_with(b"}}}"));
//! # Ok::<(), enrich_core::SnapshotError>(())
//! ```
//!
//! # Words
//!
//! An **identity** has **credentials**; a log line shows **keys** that lead to it. *Attach* hands a
//! snapshot to the enricher, *observe* finds the keys in an event, *look up* resolves them as of the
//! event's time, *assess* judges what was seen, *render* writes it.
//!
//! # Features
//!
//! None. Nothing here needs the standard library.
//!
//! # What this does not do
//!
//! - It knows what its snapshot knows: attributes are those of the snapshot, which is named, with
//!   its age, in every enrichment.
//! - It matches whole keys. There are no patterns and no guesses by name.
//! - It validates what it reads. What it skips is delimited, not validated.
//! - It learns nothing and scores nothing: expectations and triage rules are declared.
//! - It recognises AWS CloudTrail and Kubernetes audit. Events of other formats leave unchanged.
//!
//! # Stability
//!
//! Snapshots of format major 1 stay readable; `docs/format.md` says what may grow. No type of a
//! dependency is part of this interface.
//!
//! ## How a hostile snapshot or log line is handled
//!
//! A snapshot is refused unless header, layout, digest and, with trusted keys, signature hold. What
//! a signed snapshot says is believed. In an unverified one every reference is bounds-checked, so a
//! wrong byte gives a wrong or absent fact. A line is data: whatever is in it, the line leaves
//! unchanged or with one member more, and a `whose` that came in is removed.

#![no_std]
#![forbid(unsafe_code)]
#![warn(
    missing_docs,
    clippy::std_instead_of_core,
    clippy::alloc_instead_of_core,
    clippy::exhaustive_enums,
    clippy::exhaustive_structs
)]
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::todo
    )
)]

extern crate alloc;
// Explicit, so that no_std does not rot: tests have to import what they take from std.
#[cfg(test)]
extern crate std;

pub mod assess;
pub mod config;
#[cfg(feature = "explain")]
pub mod explain;
pub use key_index::hash;
pub mod key;
pub mod snapshot;
pub mod time;
pub mod vocabulary;

mod document;
mod enricher;
mod event;
mod forged;
mod lane;
mod layers;
mod lookup;
mod mapping;
mod pass;
mod pick;
mod render;
mod stats;

pub use config::{Config, ConfigError};
pub use enricher::{Enricher, LayerHandle, LookupError};
pub use key::{DomainRule, Fold, Key, KeyRefused, KeyType, MAX_KEY_VALUE};
pub use layers::{MAX_LAYERS, MAX_UID};
pub use pick::LookupField;
pub use snapshot::{Check, Snapshot, SnapshotError, Trust};
pub use stats::Stats;
