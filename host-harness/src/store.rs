//! What a guest may use while it runs, and what it means when a call does not return.

use std::time::Duration;

use wasmtime::{ResourceLimiter, Store, StoreLimits, StoreLimitsBuilder, Trap};

use crate::engine::Limits;
use crate::error::{Cause, HarnessError, TrapClass};

/// Addresses of a 32-bit memory.
pub(crate) const ADDRESS_SPACE: usize = 1 << 32;

/// What a store carries: the limits, and whether memory was refused since the last call began.
#[derive(Debug)]
pub(crate) struct StoreData {
    limits: StoreLimits,
    cap: usize,
    memory_refused: bool,
}

impl StoreData {
    pub(crate) fn new(cap: usize) -> Self {
        Self {
            limits: limits(cap),
            cap,
            memory_refused: false,
        }
    }

    /// Memory cap in force, in bytes.
    pub(crate) const fn cap(&self) -> usize {
        self.cap
    }

    /// Sets it.
    pub(crate) fn set_cap(&mut self, cap: usize) {
        self.cap = cap;
        self.limits = limits(cap);
    }

    /// Forgets what the call before was refused.
    pub(crate) const fn begin_call(&mut self) {
        self.memory_refused = false;
    }
}

fn limits(cap: usize) -> StoreLimits {
    StoreLimitsBuilder::new()
        .memory_size(cap)
        .table_elements(64 << 10)
        .instances(1)
        .tables(4)
        .memories(1)
        .build()
}

impl ResourceLimiter for StoreData {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let allowed = self.limits.memory_growing(current, desired, maximum)?;
        self.memory_refused |= !allowed;
        Ok(allowed)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.limits.table_growing(current, desired, maximum)
    }

    fn instances(&self) -> usize {
        self.limits.instances()
    }

    fn tables(&self) -> usize {
        self.limits.tables()
    }

    fn memories(&self) -> usize {
        self.limits.memories()
    }
}

/// Sets time and fuel for one call.
pub(crate) fn refuel(
    store: &mut Store<StoreData>,
    limits: &Limits,
    deadline: Duration,
) -> Result<(), HarnessError> {
    store.set_epoch_deadline(Limits::ticks(deadline));
    if let Some(fuel) = limits.fuel {
        store.set_fuel(fuel).map_err(|error| HarnessError::Engine {
            cause: Cause::of_chain(&error),
        })?;
    }
    Ok(())
}

/// What a call that did not return means.
pub(crate) fn classify(error: &wasmtime::Error, data: &StoreData) -> TrapClass {
    let Some(trap) = error.downcast_ref::<Trap>() else {
        return TrapClass::Other(Cause::of_chain(error).to_string());
    };
    match trap {
        Trap::Interrupt => TrapClass::Deadline,
        Trap::OutOfFuel => TrapClass::Fuel,
        // A guest that is refused memory aborts: the limit is the reason, the abort only the form.
        _ if data.memory_refused => TrapClass::MemoryLimit { cap: data.cap },
        Trap::MemoryOutOfBounds => TrapClass::OutOfBounds,
        Trap::UnreachableCodeReached => TrapClass::Unreachable,
        Trap::StackOverflow => TrapClass::StackOverflow,
        other => TrapClass::Other(other.to_string()),
    }
}
