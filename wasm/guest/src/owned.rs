//! An instance that owns its snapshots, for hosts whose guests are handed bytes and not addresses.

use rkyv::util::AlignedVec;

use crate::instance::{Instance, Reply};

/// The bytes of a snapshot, aligned as one has to be.
pub type SnapshotBytes = AlignedVec<64>;

/// An [`Instance`] and the snapshots that are attached to it.
#[derive(Debug, Default)]
pub struct Owned {
    // Declared, and so dropped, before the bytes that it reads.
    instance: Instance,
    /// By handle.
    snapshots: Vec<(i32, SnapshotBytes)>,
}

impl Owned {
    /// An instance with the default configuration and no snapshot.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Attaches a snapshot and keeps it; a handle or a code.
    pub fn attach(&mut self, snapshot: SnapshotBytes, flags: i32, now_ms: i64) -> i32 {
        // SAFETY: the bytes lie on the heap and stay where they are when the vector that owns them
        // moves. They are kept until the instance no longer has the layer (`detach`), or is gone
        // itself (the order of the fields), and nobody changes them: `snapshots` is private and
        // only pushed to and removed from. The instance hands out no reference to them: its
        // replies borrow from itself.
        let bytes: &'static [u8] = unsafe { &*core::ptr::from_ref(snapshot.as_slice()) };
        let handle = self.instance.attach(bytes, flags, now_ms);
        if handle >= 0 {
            self.snapshots.push((handle, snapshot));
        }
        handle
    }

    /// Detaches a layer and lets go of its bytes; 0 or a code.
    pub fn detach(&mut self, handle: i32) -> i32 {
        let code = self.instance.detach(handle);
        if code == 0 {
            self.snapshots.retain(|(attached, _)| *attached != handle);
        }
        code
    }

    /// Reads a configuration; 0 or a code.
    pub fn configure(&mut self, json: &[u8]) -> i32 {
        self.instance.configure(json)
    }

    /// Enriches a batch.
    ///
    /// # Errors
    /// A code, when the batch is too large.
    pub fn enrich(&mut self, ndjson: &[u8]) -> Reply<'_> {
        self.instance.enrich(ndjson)
    }

    /// What was observed in a batch.
    ///
    /// # Errors
    /// A code, when the batch is too large.
    pub fn keys(&mut self, ndjson: &[u8]) -> Reply<'_> {
        self.instance.keys(ndjson)
    }

    /// What a key leads to.
    ///
    /// # Errors
    /// A code, when the text is no key.
    pub fn lookup(&mut self, key: &[u8]) -> Reply<'_> {
        self.instance.lookup(key)
    }

    /// What is attached, as a JSON array.
    pub fn snapshots(&mut self) -> &[u8] {
        self.instance.snapshots()
    }

    /// The counters.
    pub fn stats(&mut self) -> &[u8] {
        self.instance.stats()
    }

    /// The sentence about the last failure; empty when there was none.
    #[must_use]
    pub fn last_error(&self) -> &[u8] {
        self.instance.last_error()
    }

    /// Configures, and attaches what was baked into the module: how many snapshots, or a code.
    #[cfg(target_arch = "wasm32")]
    pub fn attach_baked(&mut self) -> i32 {
        crate::baked::attach(&mut self.instance)
    }
}
