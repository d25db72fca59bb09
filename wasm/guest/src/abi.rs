//! The exports of the plain ABI: pointers become slices, results become numbers.
//!
//! Everything unsafe in a guest is here. The host upholds: a pointer and a length that it passes
//! name memory that it got from [`whose_alloc`] or grew itself, and that it does not change while
//! the call lasts; for [`whose_attach`], until the layer is detached. Lengths and bounds are
//! checked here, so that a host that errs gets a code and not a trap.

use core::cell::UnsafeCell;
use std::alloc::Layout;

use crate::instance::{Instance, code};

/// The one instance. A module has one thread, and no export calls another.
struct Cell(UnsafeCell<Option<Instance>>);

// SAFETY: wasm32-unknown-unknown without the atomics feature has exactly one thread.
unsafe impl Sync for Cell {}

static INSTANCE: Cell = Cell(UnsafeCell::new(None));

/// Runs `f` on the instance, making it first if need be.
fn with<R>(f: impl FnOnce(&'static mut Instance) -> R) -> R {
    // SAFETY: exports are entered only by the host, one at a time, and none calls another, so no
    // other reference to the instance exists while `f` runs. What an export returns to the host is
    // a number; no reference outlives the call.
    let instance: &'static mut Option<Instance> = unsafe { &mut *INSTANCE.0.get() };
    f(instance.get_or_insert_with(Instance::new))
}

/// Greatest alignment that is given out.
const MAX_ALIGN: usize = 65_536;

fn layout(len: i32, align: i32) -> Option<Layout> {
    let (len, align) = (len as u32 as usize, align as u32 as usize);
    if len == 0 || align > MAX_ALIGN {
        return None;
    }
    Layout::from_size_align(len, align).ok()
}

/// The bytes that a pointer and a length name; `None` when they leave the memory.
fn bytes(ptr: i32, len: i32) -> Option<&'static [u8]> {
    let (at, len) = (ptr as u32 as usize, len as u32 as usize);
    if len == 0 {
        return Some(&[]);
    }
    // 65,536 pages are 4 GiB, one more than 32 bits hold.
    let size = core::arch::wasm32::memory_size(0) as u64 * 65_536;
    if at == 0 || at as u64 + len as u64 > size || len > isize::MAX as usize {
        return None;
    }
    // SAFETY: the range lies inside linear memory and is not empty; the host upholds that it does
    // not change it while it is used (module documentation).
    Some(unsafe { core::slice::from_raw_parts(core::ptr::with_exposed_provenance(at), len) })
}

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
    let Some(layout) = layout(len, align) else {
        return 0;
    };
    // SAFETY: the layout has a size above zero.
    let at = unsafe { std::alloc::alloc(layout) };
    at.expose_provenance() as i32
}

/// Gives memory of [`whose_alloc`] back; length and alignment are those that it was asked with.
#[unsafe(no_mangle)]
pub extern "C" fn whose_free(ptr: i32, len: i32, align: i32) {
    if ptr == 0 {
        return;
    }
    let Some(layout) = layout(len, align) else {
        return;
    };
    // SAFETY: the host upholds that this is memory of `whose_alloc`, with the same numbers, that
    // no attached layer uses.
    unsafe {
        std::alloc::dealloc(
            core::ptr::with_exposed_provenance_mut(ptr as u32 as usize),
            layout,
        )
    }
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
