//! A layer: a snapshot, how it is attached, and where it lies in a guest's memory.

use crate::abi::{Check, SNAPSHOT_ALIGN};
use crate::error::HarnessError;
use crate::guest::Guest;
use crate::snapshot_file::SnapshotFile;

/// A snapshot and how it is attached.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Layer {
    /// Its bytes.
    pub snapshot: SnapshotFile,
    /// How the guest checks them.
    pub check: Check,
    /// The time now, milliseconds since 1970, to judge expiry; `None` = unknown.
    pub now_ms: Option<i64>,
}

impl Layer {
    /// A layer that the guest checks completely.
    #[must_use]
    pub const fn new(snapshot: SnapshotFile) -> Self {
        Self {
            snapshot,
            check: Check::All,
            now_ms: None,
        }
    }

    /// With another check.
    #[must_use]
    pub const fn with_check(mut self, check: Check) -> Self {
        self.check = check;
        self
    }

    /// With the time now.
    #[must_use]
    pub const fn at(mut self, now_ms: i64) -> Self {
        self.now_ms = Some(now_ms);
        self
    }

    /// How a fresh instance checks a snapshot that an instance before it has accepted: the bytes cannot
    /// have changed, so nothing has to be read before events go on.
    pub(crate) const fn check_again(&self) -> Check {
        match self.check {
            Check::All => Check::OnFirstTouch,
            other => other,
        }
    }
}

/// An attached layer, by a number that stays the same when a fresh instance takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LayerHandle(pub(crate) u32);

/// A layer inside a guest.
#[derive(Debug)]
pub(crate) struct Attached {
    pub(crate) handle: LayerHandle,
    pub(crate) layer: Layer,
    pub(crate) guest_handle: i32,
    pub(crate) placed: Placed,
}

/// A snapshot inside a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    ptr: u32,
    len: u32,
    room: Room,
}

/// Whose room a snapshot lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    /// The guest's: so many bytes, at least one, so that an empty file still gets the guest's verdict.
    Allocated(u32),
    /// The host's, which it added to the memory and mapped the file into.
    Mapped,
}

/// Brings a snapshot into guest memory and has it attached there. `check` is the layer's, or less when
/// the same bytes have passed it before.
pub(crate) fn attach_one(
    guest: &mut Guest,
    handle: LayerHandle,
    layer: Layer,
    check: Check,
) -> Result<Attached, HarnessError> {
    let placed = place(guest, &layer.snapshot)?;
    match guest.attach_at((placed.ptr, placed.len), check, layer.now_ms)? {
        Ok(guest_handle) => Ok(Attached {
            handle,
            layer,
            guest_handle,
            placed,
        }),
        Err(refusal) => {
            remove(guest, placed)?;
            Err(HarnessError::Snapshot {
                file: layer.snapshot.name().to_owned(),
                refusal,
            })
        }
    }
}

/// Brings a snapshot into guest memory, at a multiple of 64: maps it, or else copies it.
fn place(guest: &mut Guest, snapshot: &SnapshotFile) -> Result<Placed, HarnessError> {
    snapshot.check_unchanged()?;
    let bytes = snapshot.bytes();
    let too_large = |cap| HarnessError::SnapshotTooLarge {
        file: snapshot.name().to_owned(),
        need: bytes.len(),
        cap,
    };
    let Ok(len) = u32::try_from(bytes.len()) else {
        return Err(too_large(guest.cap()));
    };
    if let Some(file) = snapshot.file()
        && let Some(ptr) = guest.map(file, len)
    {
        let room = Room::Mapped;
        return Ok(Placed { ptr, len, room });
    }
    let allocated = len.max(1);
    let Some(ptr) = guest.alloc(allocated as usize, SNAPSHOT_ALIGN)? else {
        return Err(too_large(guest.cap()));
    };
    guest.write(ptr, bytes)?;
    let room = Room::Allocated(allocated);
    Ok(Placed { ptr, len, room })
}

/// Gives the room of a snapshot back, after it was refused or detached.
pub(crate) fn remove(guest: &mut Guest, placed: Placed) -> Result<(), HarnessError> {
    match placed.room {
        Room::Allocated(allocated) => guest.free(placed.ptr, allocated, SNAPSHOT_ALIGN),
        Room::Mapped => {
            guest.unmap(placed.ptr);
            Ok(())
        }
    }
}
