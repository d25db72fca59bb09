//! Files in memory: linear memories that a file can be mapped into, and read-only views for the host.
//! All unsafe code of the harness is here.
//!
//! A snapshot is mapped privately and writable. A guest that writes there gets a page of its own, so
//! neither the file nor another instance sees it; a read-only mapping would turn the write into a
//! fault that is not always a trap and then ends the host.

#![allow(
    unsafe_code,
    reason = "mapping is a matter of addresses; each block says who upholds what"
)]

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::ops::Deref;
use std::ptr::{self, NonNull};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap, mmap_anonymous, mprotect, munmap};
use wasmtime::{LinearMemory, Memory, MemoryCreator, MemoryType, Store};

// Every usual page size of a processor divides it.
use crate::abi::WASM_PAGE as PAGE;

/// Address space that is given back when it is dropped.
struct Space {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: it is an address range that this value alone owns, whichever thread holds it.
unsafe impl Send for Space {}
// SAFETY: a shared reference gives out numbers only; `View` reads below it and never writes.
unsafe impl Sync for Space {}

impl Space {
    /// `len` bytes that nobody may access yet.
    fn reserve(len: usize) -> io::Result<Self> {
        // SAFETY: without MAP_FIXED the kernel chooses a range that nobody uses.
        let start =
            unsafe { mmap_anonymous(ptr::null_mut(), len, ProtFlags::empty(), MapFlags::PRIVATE) }?;
        Self::new(start, len)
    }

    /// A file's bytes, to read.
    fn of_file(file: &File, len: usize) -> io::Result<Self> {
        // SAFETY: without MAP_FIXED the kernel chooses a range that nobody uses.
        let start = unsafe {
            mmap(
                ptr::null_mut(),
                len,
                ProtFlags::READ,
                MapFlags::PRIVATE,
                file,
                0,
            )
        }?;
        Self::new(start, len)
    }

    fn new(start: *mut c_void, len: usize) -> io::Result<Self> {
        match NonNull::new(start.cast()) {
            Some(start) => Ok(Self { start, len }),
            None => Err(io::Error::other("a mapping at address 0")),
        }
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        // SAFETY: the range came from mmap, is this value's own, and nothing outlives the value: views
        // borrow from it, and wasmtime drops a memory with the last store that can reach it.
        // It fails for ranges that were never mapped only.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.len) };
    }
}

/// A file's bytes as the host reads them, shared through the page cache.
///
/// Whoever writes the file in place changes these bytes, and whoever truncates it makes reading them
/// end the process. `snapshot_file` therefore takes only files of trusted owners this way, and asks
/// before each batch whether the file is still what it was.
pub(crate) struct View(Option<Space>);

impl View {
    /// Maps the first `len` bytes of a file.
    pub(crate) fn of(file: &File, len: usize) -> io::Result<Self> {
        // The kernel maps no empty ranges.
        Ok(Self(if len == 0 {
            None
        } else {
            Some(Space::of_file(file, len)?)
        }))
    }
}

impl Deref for View {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            // SAFETY: the range is mapped for reading as long as `self` lives, and nothing in this
            // process writes to it. That no other process writes to the file is what the type's
            // documentation asks of the files that are taken.
            Some(space) => unsafe { std::slice::from_raw_parts(space.start.as_ptr(), space.len) },
            None => &[],
        }
    }
}

/// Makes the linear memories of an engine and knows where each of them lies.
#[derive(Clone, Default)]
pub(crate) struct Memories {
    /// Start of a memory → bytes that were reserved for it.
    known: Arc<Mutex<BTreeMap<usize, usize>>>,
}

impl std::fmt::Debug for Memories {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memories").finish_non_exhaustive()
    }
}

impl Memories {
    /// Replaces `len` bytes of a guest's memory, and what follows up to the end of a page, by the
    /// file's. `at` is a multiple of 64 KiB, and the memory is large enough already. What lay there is
    /// gone, whatever comes of it.
    pub(crate) fn map<T>(
        &self,
        store: &mut Store<T>,
        memory: Memory,
        at: usize,
        (file, len): (&File, usize),
    ) -> io::Result<()> {
        let target = self.target(store, memory, at, len)?;
        // Without NORESERVE the kernel may refuse a private mapping that is larger than the memory
        // that is free, as if every page of it would be written to.
        let flags = MapFlags::PRIVATE | MapFlags::FIXED | no_reserve();
        // SAFETY: `target` has found the range to lie in a memory that this creator made. The store is
        // borrowed mutably: no slice of its memory is alive and no guest runs, and the memory cannot
        // be dropped. The range stays readable and writable, as wasmtime expects of it.
        let mapped = unsafe {
            mmap(
                target,
                len,
                ProtFlags::READ | ProtFlags::WRITE,
                flags,
                file,
                0,
            )
        };
        if let Err(error) = mapped {
            self.clear(store, memory, at, len)?;
            return Err(error.into());
        }
        Ok(())
    }

    /// Replaces a range of a guest's memory by zeros that take no room: the file is let go.
    pub(crate) fn clear<T>(
        &self,
        store: &mut Store<T>,
        memory: Memory,
        at: usize,
        len: usize,
    ) -> io::Result<()> {
        let target = self.target(store, memory, at, len)?;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: as in `map`.
        let cleared =
            unsafe { mmap_anonymous(target, len, access, MapFlags::PRIVATE | MapFlags::FIXED) };
        if cleared.is_err() {
            // A hole in a memory that wasmtime believes to be whole: nothing that touches it is sound.
            std::process::abort();
        }
        Ok(())
    }

    /// The address of a range, when all of it is accessible memory of an instance of this engine.
    fn target<T>(
        &self,
        store: &Store<T>,
        memory: Memory,
        at: usize,
        len: usize,
    ) -> io::Result<*mut c_void> {
        let start = memory.data_ptr(store);
        let reserved = self.lock().get(&start.addr()).copied();
        let end = len
            .checked_next_multiple_of(PAGE)
            .and_then(|len| at.checked_add(len));
        match (reserved, end) {
            (Some(reserved), Some(end))
                if len > 0
                    && at.is_multiple_of(PAGE)
                    && end <= reserved
                    && end <= memory.data_size(store) =>
            {
                Ok(start.wrapping_add(at).cast())
            }
            _ => Err(io::Error::other(
                "not a range of a memory that is made here",
            )),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<usize, usize>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// SAFETY: `new_memory` gives ranges of their own, filled with zeros, of which wasmtime alone decides what
// is accessible, except that `map` and `clear` replace bytes between calls, as a host may.
unsafe impl MemoryCreator for Memories {
    fn new_memory(
        &self,
        _: MemoryType,
        minimum: usize,
        _: Option<usize>,
        reserved: Option<usize>,
        guard: usize,
    ) -> Result<Box<dyn LinearMemory>, String> {
        let reserved = reserved.unwrap_or(minimum).max(minimum);
        // A guard in front costs nothing but addresses and stops what a miscompiled offset would reach.
        let total = reserved
            .checked_add(guard)
            .and_then(|sum| sum.checked_add(guard));
        let total = total.ok_or("the memory's reservation is too large")?;
        let space = Space::reserve(total).map_err(|error| {
            format!("{total} bytes of address space cannot be reserved: {error}")
        })?;
        let mut reservation = Reservation {
            guard,
            reserved,
            size: 0,
            memories: self.clone(),
            space,
        };
        reservation
            .grow_to(minimum)
            .map_err(|error| error.to_string())?;
        self.lock().insert(reservation.as_ptr().addr(), reserved);
        Ok(Box::new(reservation))
    }
}

/// One linear memory: a reservation of which the first `size` bytes are accessible.
struct Reservation {
    guard: usize,
    reserved: usize,
    size: usize,
    memories: Memories,
    space: Space,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // Before the range is given back and may become another memory's.
        self.memories.lock().remove(&self.as_ptr().addr());
    }
}

// SAFETY: the pointer never moves, `size` bytes from it on are readable and writable, and what follows up
// to the end of the guard is not accessible.
unsafe impl LinearMemory for Reservation {
    fn byte_size(&self) -> usize {
        self.size
    }

    fn byte_capacity(&self) -> usize {
        self.reserved
    }

    fn grow_to(&mut self, new_size: usize) -> wasmtime::Result<()> {
        if new_size > self.reserved || new_size < self.size {
            return Err(wasmtime::Error::msg("a size outside the reservation"));
        }
        if new_size > self.size {
            let from = self.as_ptr().wrapping_add(self.size).cast();
            let access = MprotectFlags::READ | MprotectFlags::WRITE;
            // SAFETY: the range lies in this reservation, behind what is accessible so far.
            unsafe { mprotect(from, new_size - self.size, access) }.map_err(io::Error::from)?;
            self.size = new_size;
        }
        Ok(())
    }

    fn as_ptr(&self) -> *mut u8 {
        self.space.start.as_ptr().wrapping_add(self.guard)
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
const fn no_reserve() -> MapFlags {
    MapFlags::NORESERVE
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
const fn no_reserve() -> MapFlags {
    MapFlags::empty()
}
