//! What every guest module shares: one [`Instance`] behind the plain ABI, version 1.
//!
//! The ABI itself (module `abi`, only for `wasm32`) turns pointers into slices and results into numbers;
//! that is all the unsafe code there is in a guest. `docs/abi.md` is the contract with the host.

mod instance;

#[cfg(target_arch = "wasm32")]
pub mod abi;

pub use instance::{Instance, Reply, code};

/// Version of the plain ABI.
pub const ABI_VERSION: i32 = 1;
