//! Exports that every guest has, whatever its host's ABI.

use crate::state;

/// How many snapshots were baked into the module and are attached, or the code of the refusal.
#[unsafe(no_mangle)]
pub extern "C" fn whose_baked() -> i32 {
    state::baked()
}
