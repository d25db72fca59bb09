//! Finds the values of wanted JSON pointers in one pass over the bytes of a line.
//!
//! No tree is built and nothing is allocated per line once buffers are warm. The wanted pointers of
//! all log formats are merged into one [`trie::Trie`]; [`index::Index`] marks where a line's quotes
//! are; [`scan::scan_object`] walks the members, knows those that followed the last time by one
//! comparison, and keeps what the trie leads to in [`findings::Findings`]. What is not wanted is
//! delimited, not validated.
//!
//! It is a package of its own so that a guest can have it at the highest optimisation level while
//! the rest of the core is built for size.
//!
//! # What it does not do
//! It knows no log format, and it is no JSON validator: `{"a":01}` passes when nobody wants `a`.

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

pub mod bytewise;
pub mod class;
pub mod familiar;
pub mod findings;
pub mod index;
pub mod scan;
pub mod text;
pub mod trie;
pub mod walk;
