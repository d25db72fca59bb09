//! Placeholder front page.
#![no_std]
#![forbid(unsafe_code)]
extern crate alloc;
pub mod key;
pub mod vocabulary;
pub use key::{DomainRule, Fold, KeyType, MAX_KEY_VALUE};
