//! Whether a failed allocation is the caller's to handle: for allocators that else end the query.

use core::sync::atomic::{AtomicBool, Ordering};

static IS_ASKED: AtomicBool = AtomicBool::new(false);

/// Runs what handles it itself when there is no memory: the allocator answers as any other.
pub(crate) fn asked<R>(f: impl FnOnce() -> R) -> R {
    IS_ASKED.store(true, Ordering::Relaxed);
    let result = f();
    IS_ASKED.store(false, Ordering::Relaxed);
    result
}

/// Whether such code is running.
#[cfg(target_arch = "wasm32")]
pub(crate) fn is_asked() -> bool {
    IS_ASKED.load(Ordering::Relaxed)
}
