//! Writes JSON to a reused buffer, and remembers pieces of it that are written again and again.
//!
//! [`json::Json`] appends members in the order of the calls; third-party texts are cut and escaped.
//! [`phrases::Phrases`] keeps what was written of rows that many events share, so that the next event
//! copies it. [`time`] formats times as RFC 3339 has them.
//!
//! It is a package of its own so that a guest can have it at the highest optimisation level while
//! the rest of the core is built for size.
//!
//! # What it does not do
//! It builds no tree and checks no nesting: who calls `open` calls `close`.

#![no_std]
#![forbid(unsafe_code)]
#![warn(
    missing_docs,
    clippy::std_instead_of_core,
    clippy::alloc_instead_of_core
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
#[cfg(test)]
extern crate std;

pub mod json;
pub mod phrases;
pub mod time;
