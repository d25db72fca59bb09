//! The guest module without imports: the plain ABI, version 1, and nothing else.
//!
//! Everything is in `whose-guest`; this package only makes it a module of its own.

#[cfg(not(target_arch = "wasm32"))]
use whose_guest as _;
#[cfg(target_arch = "wasm32")]
pub use whose_guest::{abi, common};

/// Takes 7.6 kB less of the module than the standard library's allocator. A guest allocates when it
/// is configured and while its buffers grow, and per event not at all.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();
