//! From a key to its row in a snapshot: the hash, the rows that a lookup reads, and the lookup.
//!
//! A lookup of a large snapshot is a chain of cache misses: the bucket, the key's row, its class and
//! text, its validity. [`find::Finder`] takes them as steps, so that the misses of several lookups
//! overlap ([`find::Finder::advance`]), and gives the same answers either way.
//!
//! It is a package of its own so that a guest can have it at the highest optimisation level while
//! the rest of the core is built for size.
//!
//! # What it does not do
//! It folds no keys and knows no key types, reads no list of holders, and checks no digest. A lookup
//! that meets what is rare (another key with the same tag, a text of 128 bytes or more, a reference
//! that leads nowhere, a chunk that nobody has checked yet) says so, and the core does it over.

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

#[cfg(test)]
extern crate std;

pub mod find;
pub mod hash;
pub mod rows;
