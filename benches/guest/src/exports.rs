//! What the module offers: memory for its host, and passes over what lies there.

use std::sync::Mutex;

use enrich_core::{Check, Snapshot, Trust};

use crate::{Map, Mode, Queries};

/// A snapshot starts at a multiple of this.
const ALIGN: usize = 64;

/// What was handed over. Nothing of it is given back: the instance goes with it.
struct State {
    room: Option<&'static mut [u8]>,
    snapshot: Option<Snapshot<'static>>,
    map: Option<&'static Map>,
    queries: Option<Queries>,
}

static STATE: Mutex<State> = Mutex::new(State {
    room: None,
    snapshot: None,
    map: None,
    queries: None,
});

fn with<T>(f: impl FnOnce(&mut State) -> Option<T>) -> Option<T> {
    f(&mut *STATE.lock().ok()?)
}

/// Memory that the host fills before it calls one of the functions that take it. Address 0 when there
/// is none.
#[unsafe(no_mangle)]
pub extern "C" fn bench_room(len: u32) -> u32 {
    let bytes: &'static mut [u8] = vec![0; len as usize + ALIGN].leak();
    let from = bytes.as_ptr().align_offset(ALIGN);
    let room = &mut bytes[from..from + len as usize];
    let at = room.as_mut_ptr().expose_provenance() as u32;
    with(|state| {
        state.room = Some(room);
        Some(at)
    })
    .unwrap_or(0)
}

/// Takes what was written as a snapshot; 0, or 1 when it is refused.
#[unsafe(no_mangle)]
pub extern "C" fn bench_snapshot() -> u32 {
    let taken = with(|state| {
        let bytes: &'static [u8] = state.room.take()?;
        state.snapshot = Some(Snapshot::open(bytes, Check::ByHost, &Trust::default()).ok()?);
        Some(())
    });
    u32::from(taken.is_none())
}

/// Takes what was written as an archive of rkyv's map; 0, or 1 when it is refused.
#[unsafe(no_mangle)]
pub extern "C" fn bench_map() -> u32 {
    let taken = with(|state| {
        let bytes: &'static [u8] = state.room.take()?;
        state.map = Some(rkyv::access::<Map, rkyv::rancor::Failure>(bytes).ok()?);
        Some(())
    });
    u32::from(taken.is_none())
}

/// Takes what was written as queries; 0, or 1 when it is refused.
#[unsafe(no_mangle)]
pub extern "C" fn bench_queries() -> u32 {
    let taken = with(|state| {
        state.queries = Some(Queries::new(state.room.take()?)?);
        Some(())
    });
    u32::from(taken.is_none())
}

/// One pass over the queries: its checksum, or `u64::MAX` when something was not handed over.
#[unsafe(no_mangle)]
pub extern "C" fn bench_pass(mode: u32) -> u64 {
    with(|state| {
        let queries = state.queries.as_ref()?;
        Some(match Mode::from_number(mode)? {
            Mode::Single => crate::single(state.snapshot.as_ref()?, queries),
            Mode::Dependent => crate::dependent(state.snapshot.as_ref()?, queries),
            Mode::Rkyv => crate::of_rkyv(state.map?, queries),
            Mode::Grouped => crate::grouped(state.snapshot.as_ref()?, queries),
        })
    })
    .unwrap_or(u64::MAX)
}
