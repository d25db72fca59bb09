//! The exports of the plain ABI: pointers become slices, results become numbers.
//!
//! The host upholds: a pointer and a length that it passes name memory that it got from
//! [`whose_alloc`] or grew itself, and that it does not change while the call lasts; for
//! [`whose_attach`], until the layer is detached. Lengths and bounds are checked, so that a host
//! that errs gets a code and not a trap.

use crate::instance::code;
use crate::memory::{self, bytes};
use crate::state::with;

fn pack(reply: Result<&[u8], i32>) -> i64 {
    match reply {
        Ok(bytes) => ((bytes.as_ptr() as usize as i64) << 32) | bytes.len() as i64,
        Err(code) => i64::from(code),
    }
}

const OUTSIDE: &str = "pointer and length leave the module's memory";

/// Version of this ABI.
#[unsafe(no_mangle)]
pub extern "C" fn whose_abi_version() -> i32 {
    crate::ABI_VERSION
}

/// Memory for the host; 0 when refused.
#[unsafe(no_mangle)]
pub extern "C" fn whose_alloc(len: i32, align: i32) -> i32 {
    memory::allocate(len, align)
}

/// Gives memory of [`whose_alloc`] back; length and alignment are those that it was asked with.
#[unsafe(no_mangle)]
pub extern "C" fn whose_free(ptr: i32, len: i32, align: i32) {
    memory::release(ptr, len, align);
}

/// Reads a configuration.
#[unsafe(no_mangle)]
pub extern "C" fn whose_configure(ptr: i32, len: i32) -> i32 {
    with(|instance| match bytes(ptr, len) {
        Some(json) => instance.configure(json),
        None => instance.fail(code::BAD_ARGUMENT, OUTSIDE),
    })
}

/// Attaches a snapshot, which stays where it is.
#[unsafe(no_mangle)]
pub extern "C" fn whose_attach(ptr: i32, len: i32, flags: i32, now_ms: i64) -> i32 {
    with(|instance| match bytes(ptr, len) {
        Some(snapshot) => instance.attach(snapshot, flags, now_ms),
        None => instance.fail(code::BAD_ARGUMENT, OUTSIDE),
    })
}

/// Detaches a layer.
#[unsafe(no_mangle)]
pub extern "C" fn whose_detach(handle: i32) -> i32 {
    with(|instance| instance.detach(handle))
}

/// Enriches a batch of lines.
#[unsafe(no_mangle)]
pub extern "C" fn whose_enrich(ptr: i32, len: i32) -> i64 {
    with(|instance| match bytes(ptr, len) {
        Some(ndjson) => pack(instance.enrich(ndjson)),
        None => i64::from(instance.fail(code::BAD_ARGUMENT, OUTSIDE)),
    })
}

/// What was observed in a batch of lines.
#[unsafe(no_mangle)]
pub extern "C" fn whose_keys(ptr: i32, len: i32) -> i64 {
    with(|instance| match bytes(ptr, len) {
        Some(ndjson) => pack(instance.keys(ndjson)),
        None => i64::from(instance.fail(code::BAD_ARGUMENT, OUTSIDE)),
    })
}

/// What a key leads to.
#[unsafe(no_mangle)]
pub extern "C" fn whose_lookup(ptr: i32, len: i32) -> i64 {
    with(|instance| match bytes(ptr, len) {
        Some(key) => pack(instance.lookup(key)),
        None => i64::from(instance.fail(code::BAD_ARGUMENT, OUTSIDE)),
    })
}

/// What is attached.
#[unsafe(no_mangle)]
pub extern "C" fn whose_snapshots() -> i64 {
    with(|instance| pack(Ok(instance.snapshots())))
}

/// The counters.
#[unsafe(no_mangle)]
pub extern "C" fn whose_stats() -> i64 {
    with(|instance| pack(Ok(instance.stats())))
}

/// The sentence about the last failure.
#[unsafe(no_mangle)]
pub extern "C" fn whose_last_error() -> i64 {
    with(|instance| pack(Ok(instance.last_error())))
}
