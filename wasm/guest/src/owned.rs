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

    /// Puts snapshots in the place of everything that is attached, a base before its overlays: their
    /// handles, or a code. When one is refused, none of them is attached and the old ones stay. One
    /// of the same line as an old one may not have a lower sequence.
    ///
    /// # Errors
    /// The code of the first refusal.
    pub fn swap(
        &mut self,
        snapshots: impl IntoIterator<Item = SnapshotBytes>,
        flags: i32,
        now_ms: i64,
    ) -> Result<Vec<i32>, i32> {
        // The old ones are there until all of the new ones are: sequences are compared with them.
        let old = self.instance.handles();
        let mut new = Vec::new();
        for snapshot in snapshots {
            let handle = self.attach(snapshot, flags, now_ms);
            if handle < 0 {
                self.take_away(&new);
                return Err(handle);
            }
            new.push(handle);
        }
        self.take_away(&old);
        Ok(new)
    }

    /// Detaches layers, overlays before what they stand on. The sentence about a failure stays.
    fn take_away(&mut self, handles: &[i32]) {
        for handle in handles.iter().rev() {
            // Each is attached, and whatever stood on it is gone.
            let _ = self.detach(*handle);
        }
    }

    /// Where the bytes of a layer lie; `None` for one that was baked in or is not attached.
    #[must_use]
    pub fn snapshot(&self, handle: i32) -> Option<&[u8]> {
        let (_, bytes) = self.snapshots.iter().find(|(is, _)| *is == handle)?;
        Some(bytes.as_slice())
    }

    /// Handles of everything that is attached, in the order of attaching.
    #[must_use]
    pub fn handles(&self) -> Vec<i32> {
        self.instance.handles()
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

#[cfg(test)]
mod tests {
    use super::*;

    const GOLDEN: &[u8] = include_bytes!("../../../enrich-core/tests/golden/v1.whose");
    const NEWER: &[u8] = include_bytes!("../../../enrich-core/tests/golden/v1-1.whose");

    fn owned(bytes: &[u8]) -> SnapshotBytes {
        let mut owned = SnapshotBytes::new();
        owned.extend_from_slice(bytes);
        owned
    }

    #[test]
    fn a_swap_replaces_everything_or_nothing() {
        let mut instance = Owned::new();
        let first = instance.swap([owned(GOLDEN)], 0, 0).unwrap();
        assert_eq!(instance.handles(), first);
        let second = instance.swap([owned(NEWER), owned(GOLDEN)], 0, 0).unwrap();
        assert_eq!(instance.handles(), second);
        assert_eq!(instance.snapshot(second[0]), Some(NEWER));
        assert_eq!(instance.snapshot(first[0]), None);

        let mut wrong = NEWER.to_vec();
        let last = wrong.len() - 1;
        wrong[last] ^= 1;
        assert_eq!(instance.swap([owned(GOLDEN), owned(&wrong)], 0, 0), Err(-7));
        assert_eq!(instance.handles(), second);
        assert!(!instance.last_error().is_empty());
        assert_eq!(instance.swap([], 0, 0), Ok(Vec::new()));
        assert_eq!(instance.snapshots(), b"[]");
    }
}
