//! The guest for JavaScript: what `wasm-bindgen` makes glue for. The package's own modules
//! (`wasm/js/npm/`) are what a program uses; this is what they stand on.
//!
//! No unsafe code is here: all of that is in `whose-guest`.
#![forbid(unsafe_code)]

#[cfg(target_arch = "wasm32")]
mod core;
#[cfg(target_arch = "wasm32")]
pub use whose_guest::common;
