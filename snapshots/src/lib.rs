//! Builds inventory snapshots: connect, reconcile, classify, build, sign.
//!
//! The flow is one function, [`export::export`]: it reads the sources that an
//! [`config::InventoryConfig`] names, lets their records meet, applies the central policy and
//! returns an [`model::Inventory`]; [`format::build`] turns that into bytes.
//!
//! | module | subject |
//! |---|---|
//! | [`config`] | `inventory.toml` |
//! | [`connect`] | one file a vendor's export |
//! | [`record`] | what one source says about one identity |
//! | [`reconcile`] | many records of one identity become one, with provenance |
//! | [`policy`], [`classify`] | the central policy and what it decides |
//! | [`privacy`] | pseudonyms of people |
//! | [`secrets`] | shapes of secrets |
//! | [`limits`] | what may enter a snapshot: lengths, control characters, no secrets |
//! | [`mod@format`] | the bytes |
//! | [`bake`] | a guest module with snapshots in it |
//! | [`previous`] | the snapshot before this one |
//! | [`lint`], [`diff`] | what an inventory leaves open, and what changed between two |
//! | [`read`] | a snapshot's bytes as an inventory again |
#![forbid(unsafe_code)]

mod actions_subject;
mod assemble;
pub mod bake;
pub mod classify;
pub mod config;
pub mod connect;
pub mod diff;
mod domains;
pub mod export;
mod findings;
pub mod format;
pub mod joins;
mod kept;
pub mod limits;
pub mod lint;
pub mod model;
mod packed;
pub mod policy;
pub mod previous;
pub mod privacy;
mod reach;
pub mod read;
pub mod reconcile;
pub mod record;
pub mod secrets;
pub mod text;
