//! The one instance of a module, with what was baked into it.

use core::cell::UnsafeCell;

use crate::baked;
use crate::instance::Instance;

/// An instance, and what attaching the baked snapshots came to: how many, or a code.
struct State {
    #[cfg_attr(
        not(feature = "single"),
        expect(dead_code, reason = "only what was baked in is asked of it")
    )]
    instance: Instance,
    baked: i32,
}

/// A module has one thread, and no export calls another.
struct Cell(UnsafeCell<Option<State>>);

// SAFETY: wasm32-unknown-unknown without the atomics feature has exactly one thread.
unsafe impl Sync for Cell {}

static STATE: Cell = Cell(UnsafeCell::new(None));

fn state() -> &'static mut State {
    // SAFETY: exports are entered only by the host, one at a time, and none calls another, so no
    // other reference to the state exists while this one is used. What an export returns to the
    // host is a number; no reference outlives the call.
    let state: &'static mut Option<State> = unsafe { &mut *STATE.0.get() };
    state.get_or_insert_with(|| {
        let mut instance = Instance::new();
        let baked = baked::attach(&mut instance);
        State { instance, baked }
    })
}

/// Runs `f` on the instance, making it first if need be.
#[cfg(feature = "single")]
pub(crate) fn with<R>(f: impl FnOnce(&'static mut Instance) -> R) -> R {
    f(&mut state().instance)
}

/// How many snapshots were baked into the module and are attached, or why one was refused.
pub(crate) fn baked() -> i32 {
    state().baked
}
