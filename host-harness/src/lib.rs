//! Runs the `whose` module under wasmtime.
//!
//! A [`GuestModule`] is compiled once. A [`Session`] owns the configuration, the snapshots and one
//! instance; it takes batches of events and gives them back with context:
//!
//! ```no_run
//! use host_harness::{Access, GuestModule, Layer, Limits, Session, SnapshotFile};
//!
//! # fn main() -> Result<(), host_harness::HarnessError> {
//! let module = GuestModule::from_file("whose-plain.simd128.wasm".as_ref(), Limits::default())?;
//! let mut session = Session::open(module)?;
//! session.configure(br#"{"v":1}"#)?;
//! let file = SnapshotFile::open("inventory.whose".as_ref(), Access::Mapped)?;
//! session.attach(Layer::new(file))?;
//! let batch = b"{\"eventVersion\":\"1.10\"}\n";
//! let enriched = session.enrich_batch(batch);
//! assert!(enriched.bytes.ends_with(b"\n"));
//! # Ok(())
//! # }
//! ```
//!
//! # How a hostile or broken guest is handled
//! It gets no imports, a memory cap, and a deadline for each call. Every pointer, length and text
//! that it returns is checked, and so is every line. When something does not hold, the batch leaves
//! as it came, is counted, and a fresh instance takes over. Events always flow.
//!
//! # What it does not do
//! It does not decide anything about identities, and two instances share nothing that one of them could
//! change: snapshot files are mapped into each privately, so that they have their unchanged pages in common.
//!
//! # Unsafe code
//! All of it is in `mapping`, which maps files into linear memories.

#![deny(unsafe_code)]

pub mod abi;
pub mod discover;
pub mod inspect;
pub mod output;
pub mod text;

mod backend;
mod counters;
mod engine;
mod error;
mod guest;
mod layer;
#[cfg(all(unix, target_pointer_width = "64"))]
mod mapping;
#[cfg(not(all(unix, target_pointer_width = "64")))]
#[path = "unmapped.rs"]
mod mapping;
mod native;
mod reader;
mod session;
mod snapshot_file;
mod stamp;
mod swap;

pub use abi::Check;
pub use backend::Backend;
pub use counters::{Counters, EventCounters, HostCounters};
pub use engine::{GuestModule, Limits};
pub use error::{Cause, HarnessError, Refusal, TrapClass};
pub use guest::Guest;
pub use layer::{Layer, LayerHandle};
pub use native::Native;
pub use output::OutputCaps;
pub use reader::{BatchReader, BatchSize, Chunk};
pub use session::{Enriched, Session};
pub use snapshot_file::{Access, SnapshotFile};
