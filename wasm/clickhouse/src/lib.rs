//! The guest module for ClickHouse: `whose_enrich`, `whose_lookup` and `whose_snapshots` over columns.
//!
//! Everything is in `whose-guest`; this package only makes it a module of its own.

#[cfg(not(target_arch = "wasm32"))]
use whose_guest as _;
#[cfg(target_arch = "wasm32")]
pub use whose_guest::{clickhouse, common};

/// As small as the plain module's, and out of memory it ends the query with a sentence.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: clickhouse::Telling<rlsf::SmallGlobalTlsf> =
    clickhouse::Telling(rlsf::SmallGlobalTlsf::new());
