//! An instance that owns its snapshots, for hosts whose guests are handed bytes and not addresses.

use enrich_core::SnapshotError;
use enrich_core::snapshot::Header;
use enrich_core::vocabulary::LayerKind;
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
                self.take_away(&new)?;
                return Err(handle);
            }
            if let Err(code) = self.stands_on(handle, &new) {
                new.push(handle);
                self.take_away(&new)?;
                return Err(code);
            }
            new.push(handle);
        }
        self.take_away(&old)?;
        Ok(new)
    }

    /// Whether a layer is no overlay, or one of `others` is what it stands on. An old layer that is
    /// about to go carries nothing.
    fn stands_on(&mut self, handle: i32, others: &[i32]) -> Result<(), i32> {
        let header_of = |handle| Header::parse(self.snapshot(handle)?).ok();
        let Some(header) = header_of(handle) else {
            return Ok(());
        };
        let has_base = others
            .iter()
            .filter_map(|other| header_of(*other))
            .any(|other| other.digest == header.overlay_of);
        if header.layer != LayerKind::Overlay || has_base {
            return Ok(());
        }
        let base = header.overlay_of.first_chunk().copied().unwrap_or_default();
        let error = SnapshotError::MissingBase { base };
        Err(self.instance.fail(error.code(), error))
    }

    /// Detaches layers, overlays before what they stand on. The sentence about a failure stays.
    ///
    /// # Errors
    /// The code of a layer that stays, which would be a mistake of this module: each is attached, and
    /// whatever stood on it is gone.
    fn take_away(&mut self, handles: &[i32]) -> Result<(), i32> {
        for handle in handles.iter().rev() {
            let code = self.detach(*handle);
            if code < 0 {
                return Err(code);
            }
        }
        Ok(())
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

    /// How many lines left without context because a snapshot is damaged.
    #[must_use]
    pub const fn damaged(&self) -> u64 {
        self.instance.damaged()
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

    /// A snapshot that says it stands on another.
    fn overlay_of(base: &[u8]) -> SnapshotBytes {
        let mut header = Header::parse(base).unwrap();
        header.layer = LayerKind::Overlay;
        header.overlay_of = header.digest;
        header.digest = [7; 32];
        let mut overlay = owned(base);
        overlay[..header.to_bytes().len()].copy_from_slice(&header.to_bytes());
        overlay
    }

    #[test]
    fn a_swap_is_judged_on_its_own() {
        let (host, overlay) = (1, || overlay_of(GOLDEN));
        let mut instance = Owned::new();
        let old = instance.swap([owned(GOLDEN), overlay()], host, 0).unwrap();
        // The base that it would stand on is about to go.
        assert_eq!(instance.swap([overlay()], host, 0), Err(-13));
        assert_eq!(instance.swap([overlay(), owned(GOLDEN)], host, 0), Err(-13));
        assert!(
            instance
                .last_error()
                .starts_with(b"overlay belongs to a base")
        );
        assert_eq!(instance.handles(), old);
        let new = instance.swap([owned(GOLDEN), overlay()], host, 0).unwrap();
        assert_eq!(instance.handles(), new);
        assert_eq!(
            instance.swap([owned(NEWER)], host, 0).map(|new| new.len()),
            Ok(1)
        );
        assert_eq!(instance.detach(instance.handles()[0]), 0);
        assert_eq!(instance.snapshots(), b"[]");
    }
}
