//! The exports that ClickHouse calls: its ABI `BUFFERED_V1`, with RowBinary inside.
//!
//! ClickHouse upholds: a handle that it passes is one that [`clickhouse_create_buffer`] or a function
//! here returned and that it has not destroyed; it writes inside buffers that it asked for, and not
//! while a call lasts. Whatever else is wrong becomes a message of the query: [`clickhouse_throw`]
//! ends the call, and ClickHouse throws the instance away.

use core::alloc::{GlobalAlloc, Layout};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::borrow::Cow;
use std::mem::ManuallyDrop;

use crate::instance::Instance;
use crate::memory::bytes;
use crate::room;
use crate::rows;
use crate::state::{baked, with};

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    /// Writes a line into the server's log.
    fn clickhouse_log(level: u32, ptr: *const u8, len: u32);
    /// Ends the query with a message.
    fn clickhouse_throw(ptr: *const u8, len: u32) -> !;
}

/// ClickHouse's number for warnings, the most severe level that it takes from a module.
const WARNING: u32 = 4;

/// What a handle points at. The first two members are the host's.
#[repr(C)]
struct Buffer {
    data: *mut u8,
    size: u32,
    capacity: u32,
}

/// Bytes that a handle stands for.
fn handle_of(content: Vec<u8>) -> i32 {
    let mut content = ManuallyDrop::new(content);
    let buffer = Buffer {
        data: content.as_mut_ptr(),
        size: content.len() as u32,
        capacity: content.capacity() as u32,
    };
    Box::into_raw(Box::new(buffer)).expose_provenance() as i32
}

/// The bytes behind a handle; handle 0 is a call without arguments.
fn content(handle: i32) -> &'static [u8] {
    if handle == 0 {
        return &[];
    }
    let word = |at: usize| {
        let buffer = bytes(handle, 8)?;
        let word = buffer.get(at..at + 4)?.try_into().ok()?;
        Some(i32::from_le_bytes(word))
    };
    let found = (|| bytes(word(0)?, word(4)?))();
    found.unwrap_or_else(|| throw("the handle of a block leaves the module's memory"))
}

fn log(message: &str) {
    let message = format!("whose: {message}");
    // SAFETY: pointer and length are those of a text that lives as long as the call; the host reads
    // it and keeps nothing (its documentation).
    unsafe { clickhouse_log(WARNING, message.as_ptr(), message.len() as u32) }
}

fn throw(message: &str) -> ! {
    // SAFETY: pointer and length are those of a text that lives as long as the call; the host reads
    // it, and does not come back (its documentation).
    unsafe { clickhouse_throw(message.as_ptr(), message.len() as u32) }
}

/// A buffer for the host to fill.
#[unsafe(no_mangle)]
pub extern "C" fn clickhouse_create_buffer(size: i32) -> i32 {
    handle_of(vec![0; size as u32 as usize])
}

/// Gives a buffer back.
#[unsafe(no_mangle)]
pub extern "C" fn clickhouse_destroy_buffer(handle: i32) {
    if handle == 0 {
        return;
    }
    let buffer: *mut Buffer = core::ptr::with_exposed_provenance_mut(handle as u32 as usize);
    // SAFETY: the host upholds that the handle is one of `handle_of`, which made it of a box, and that
    // it is given back once.
    let buffer = unsafe { Box::from_raw(buffer) };
    // SAFETY: the three are those of a vector that `handle_of` took apart; the host changes what the
    // buffer holds, and not the buffer.
    drop(unsafe {
        Vec::from_raw_parts(buffer.data, buffer.size as usize, buffer.capacity as usize)
    });
}

/// Events in, events with context out: `(event String) -> String`.
#[unsafe(no_mangle)]
pub extern "C" fn whose_enrich(handle: i32, rows: i32) -> i32 {
    tell();
    with(|instance| {
        let enriched = rows::enrich(instance, content(handle), rows as u32 as usize);
        tell_damage(instance);
        if enriched == Err(rows::NO_ROOM) {
            throw(NO_MEMORY);
        }
        answer(enriched.map_err(Cow::Borrowed))
    })
}

/// What keys lead to: `(key String, field String) -> String`.
#[unsafe(no_mangle)]
pub extern "C" fn whose_lookup(handle: i32, rows: i32) -> i32 {
    tell();
    let refusal = baked();
    with(|instance| {
        let found = rows::lookup(instance, refusal, content(handle), rows as u32 as usize);
        tell_damage(instance);
        answer(found)
    })
}

/// What is attached: `() -> String`, a JSON array.
#[unsafe(no_mangle)]
pub extern "C" fn whose_snapshots(_handle: i32, rows: i32) -> i32 {
    tell();
    with(|instance| {
        let snapshots = instance.snapshots();
        let mut block = Vec::new();
        for _ in 0..rows as u32 {
            rows::push(snapshots, &mut block);
        }
        handle_of(block)
    })
}

fn answer(block: Result<Vec<u8>, Cow<'static, str>>) -> i32 {
    match block {
        Ok(block) => handle_of(block),
        Err(message) => throw(&message),
    }
}

/// Says once in the server's log why events leave without context, if they do.
fn tell() {
    static IS_TOLD: AtomicBool = AtomicBool::new(false);
    if IS_TOLD.swap(true, Ordering::Relaxed) {
        return;
    }
    match baked() {
        0 => log(
            "no snapshot is baked into this module, so events leave without context; make one that has with `whose-snapshot bake`",
        ),
        code if code < 0 => with(|instance| {
            log(&format!(
                "the snapshot in this module is refused ({code}), so events leave without context: {}",
                instance.error()
            ));
        }),
        _ => {}
    }
}

/// Says in the server's log when a snapshot turns out to be damaged.
fn tell_damage(instance: &Instance) {
    static TOLD: AtomicU64 = AtomicU64::new(0);
    let damaged = instance.damaged();
    if damaged != 0 && TOLD.swap(damaged, Ordering::Relaxed) == 0 {
        log(
            "the snapshot in this module is damaged, so events leave without context; bake it again from one that `whose-snapshot verify` accepts",
        );
    }
}

/// An allocator that ends the query with a sentence where another would end the module without one.
#[derive(Debug)]
pub struct Telling<A>(pub A);

const NO_MEMORY: &str = "whose has no memory left for a block of rows; raise webassembly_udf_max_memory, or lower webassembly_udf_max_input_block_size";

fn told(memory: *mut u8) -> *mut u8 {
    if memory.is_null() && !room::is_asked() {
        throw(NO_MEMORY);
    }
    memory
}

// SAFETY: everything is the inner allocator's, which upholds it; null is returned as it is, or not at all.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Telling<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller upholds what the inner allocator asks for.
        told(unsafe { self.0.alloc(layout) })
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller upholds what the inner allocator asks for.
        unsafe { self.0.dealloc(ptr, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller upholds what the inner allocator asks for.
        told(unsafe { self.0.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller upholds what the inner allocator asks for.
        told(unsafe { self.0.realloc(ptr, layout, size) })
    }
}
