//! Linear memory: what a host's pointers name, and memory that is lent to it.

#[cfg(any(feature = "plain", feature = "fluent-bit"))]
use std::alloc::Layout;

/// Greatest alignment that is given out.
#[cfg(any(feature = "plain", feature = "fluent-bit"))]
const MAX_ALIGN: usize = 65_536;

#[cfg(any(feature = "plain", feature = "fluent-bit"))]
fn layout(len: i32, align: i32) -> Option<Layout> {
    let (len, align) = (len as u32 as usize, align as u32 as usize);
    if len == 0 || align > MAX_ALIGN {
        return None;
    }
    Layout::from_size_align(len, align).ok()
}

/// The bytes that a pointer and a length name; `None` when they leave the memory.
///
/// Who calls this upholds that nobody changes them while they are used: a host, by its ABI.
pub(crate) fn bytes(ptr: i32, len: i32) -> Option<&'static [u8]> {
    let (at, len) = (ptr as u32 as usize, len as u32 as usize);
    if len == 0 {
        return Some(&[]);
    }
    // 65,536 pages are 4 GiB, one more than 32 bits hold.
    let size = core::arch::wasm32::memory_size(0) as u64 * 65_536;
    if at == 0 || at as u64 + len as u64 > size || len > isize::MAX as usize {
        return None;
    }
    // SAFETY: the range lies inside linear memory and is not empty; the caller upholds that nobody
    // changes it while it is used (documentation of this function).
    Some(unsafe { core::slice::from_raw_parts(core::ptr::with_exposed_provenance(at), len) })
}

/// Memory for a host; 0 when refused.
#[cfg(any(feature = "plain", feature = "fluent-bit"))]
pub(crate) fn allocate(len: i32, align: i32) -> i32 {
    let Some(layout) = layout(len, align) else {
        return 0;
    };
    // SAFETY: the layout has a size above zero.
    let at = unsafe { std::alloc::alloc(layout) };
    at.expose_provenance() as i32
}

/// Takes memory of [`allocate`] back; length and alignment are those that it was asked with.
#[cfg(any(feature = "plain", feature = "fluent-bit"))]
pub(crate) fn release(ptr: i32, len: i32, align: i32) {
    if ptr == 0 {
        return;
    }
    let Some(layout) = layout(len, align) else {
        return;
    };
    // SAFETY: the host upholds that this is memory of `allocate`, with the same numbers, that no
    // attached layer uses.
    unsafe {
        std::alloc::dealloc(
            core::ptr::with_exposed_provenance_mut(ptr as u32 as usize),
            layout,
        )
    }
}

/// Zeroed memory that is lent until it is released with the same numbers; `None` when there is none.
#[cfg(feature = "fluent-bit")]
pub(crate) fn lend(len: usize, align: i32) -> Option<&'static mut [u8]> {
    let layout = layout(i32::try_from(len).ok()?, align)?;
    // SAFETY: the layout has a size above zero.
    let at = unsafe { std::alloc::alloc_zeroed(layout) };
    if at.is_null() {
        return None;
    }
    at.expose_provenance();
    // SAFETY: the allocator gave `len` bytes, zeroed, to nobody but this caller.
    Some(unsafe { core::slice::from_raw_parts_mut(at, len) })
}

/// Whether the allocator has this much in one piece.
#[cfg(feature = "fluent-bit")]
pub(crate) fn is_available(len: usize) -> bool {
    let Some(layout) = i32::try_from(len).ok().and_then(|len| layout(len, 16)) else {
        return false;
    };
    // SAFETY: the layout has a size above zero; the block is given back as it was asked for, unused.
    unsafe {
        let at = std::alloc::alloc(layout);
        if !at.is_null() {
            std::alloc::dealloc(at, layout);
        }
        !at.is_null()
    }
}
