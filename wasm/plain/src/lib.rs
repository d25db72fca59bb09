//! The guest module without imports: the plain ABI, version 1, and nothing else.
//!
//! Everything is in `whose-guest`; this package only makes it a module of its own.

#[cfg(not(target_arch = "wasm32"))]
use whose_guest as _;
#[cfg(target_arch = "wasm32")]
pub use whose_guest::abi;
