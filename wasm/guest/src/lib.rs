//! What every guest module shares: one [`Instance`], the memory that its host reaches, what was baked
//! into it, and behind a feature each the ABIs of the hosts.
//!
//! All the unsafe code of the guests is in this package, and only for `wasm32`, but for
//! [`Owned`]. `docs/abi.md` is the contract of the plain ABI, `docs/hosts/` has the others.

mod incoming;
mod instance;
mod owned;

#[cfg(all(target_arch = "wasm32", feature = "plain"))]
pub mod abi;
#[cfg(target_arch = "wasm32")]
mod baked;
#[cfg(all(target_arch = "wasm32", feature = "clickhouse"))]
pub mod clickhouse;
#[cfg(target_arch = "wasm32")]
pub mod common;
#[cfg(all(target_arch = "wasm32", feature = "exec-wasi"))]
pub mod exec_wasi;
#[cfg(all(target_arch = "wasm32", feature = "fluent-bit"))]
pub mod fluent_bit;
#[cfg(target_arch = "wasm32")]
mod memory;
#[cfg(any(test, all(target_arch = "wasm32", feature = "clickhouse")))]
mod room;
#[cfg(any(test, all(target_arch = "wasm32", feature = "clickhouse")))]
mod rows;
#[cfg(target_arch = "wasm32")]
mod state;
#[cfg(all(target_arch = "wasm32", feature = "fluent-bit"))]
mod wasi;

pub use incoming::{Incoming, Refused};
pub use instance::{Instance, Reply, code};
pub use owned::{Owned, SnapshotBytes};

/// Version of the plain ABI.
pub const ABI_VERSION: i32 = 1;
