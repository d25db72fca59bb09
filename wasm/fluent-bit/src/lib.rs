//! The guest module for Fluent Bit's `filter_wasm` (`docs/hosts/fluent-bit.md`), and with the feature
//! `exec-wasi` the same as a WASI command, which its `exec_wasi` runs (`docs/hosts/tenzir.md`).
//!
//! Everything is in `whose-guest`; this package only makes it a module of its own.

#[cfg(not(target_arch = "wasm32"))]
use whose_guest as _;
#[cfg(all(target_arch = "wasm32", feature = "exec-wasi"))]
pub use whose_guest::exec_wasi;
#[cfg(target_arch = "wasm32")]
pub use whose_guest::{common, fluent_bit};

/// Smaller than the standard library's allocator, as in the plain guest.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();
