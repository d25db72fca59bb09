//! Placeholder front page.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod assess;
pub mod config;
pub mod hash;
pub mod key;
pub mod snapshot;
pub mod time;
pub mod vocabulary;

mod enricher;
mod event;
mod layers;
mod lookup;
mod render;
mod stats;

pub use config::{Config, ConfigError};
pub use enricher::{Enricher, LayerHandle};
pub use key::{DomainRule, Fold, Key, KeyRefused, KeyType, MAX_KEY_VALUE};
pub use layers::MAX_LAYERS;
pub use snapshot::{Check, Snapshot, SnapshotError, Trust};
pub use stats::Stats;
