//! Attached snapshots: shards side by side, overlays above their base.

use alloc::vec::Vec;
use core::cell::Cell;

use arrayvec::ArrayString;
use json_out::json::Json;
use key_index::find::Probe;

use crate::key::{Key, KeyType};
use crate::render::native::Said;
use crate::snapshot::{
    Candidate, Candidates, IdentityRef, Limits, ScopeRef, Snapshot, SnapshotError,
};
use crate::vocabulary::{LayerKind, Provider};

/// Most layers attached at once.
pub const MAX_LAYERS: usize = 64;
/// Longest uid, in bytes.
pub const MAX_UID: usize = 1024;

/// One attached snapshot.
#[derive(Debug)]
pub(crate) struct Layer<'s> {
    pub(crate) handle: i32,
    pub(crate) snapshot: Snapshot<'s>,
    /// Digest of the shard at the bottom: its own for a shard.
    root: [u8; 32],
    /// What a context says about the snapshot in every event.
    pub(crate) said: Said,
}

impl Layer<'_> {
    /// Members of the object that says what is attached (`whose_snapshots` in `docs/abi.md`).
    pub(crate) fn describe(&self, json: &mut Json<'_>) {
        let header = self.snapshot.header();
        json.signed("layer", i64::from(self.handle));
        json.members(self.said.members());
        json.time("created", header.created_ms);
        json.number("valid_for_s", header.valid_for_s);
        json.number("sequence", header.sequence);
        json.string("kind", header.layer.as_str());
        json.string("integrity", self.snapshot.integrity().as_str());
        json.number("identities", self.snapshot.identity_count() as u64);
        json.number("keys", self.snapshot.key_count() as u64);
        json.number("bytes", header.total_len);
    }
}

/// A holder of a key, and in which layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) layer: u8,
    /// Row of the identity.
    pub(crate) identity: u32,
}

/// Every attached snapshot, in the order of attaching.
#[derive(Debug, Default)]
pub(crate) struct Layers<'s> {
    layers: Vec<Layer<'s>>,
    next_handle: i32,
    has_overlays: bool,
    /// What the policy says about times, read once, with the first event: attaching reads no rows.
    limits: Cell<Option<Limits>>,
}

impl<'s> Layers<'s> {
    pub(crate) const fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }

    /// Bytes of all snapshots.
    pub(crate) fn total_len(&self) -> u64 {
        let lens = self
            .layers
            .iter()
            .map(|layer| layer.snapshot.header().total_len);
        lens.fold(0, u64::saturating_add)
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Layer<'s>> {
        self.layers.iter()
    }

    pub(crate) fn get(&self, layer: u8) -> Option<&Layer<'s>> {
        self.layers.get(usize::from(layer))
    }

    /// Whether a chunk of any attached snapshot turned out to be wrong.
    pub(crate) fn is_damaged(&self) -> bool {
        self.layers.iter().any(|layer| layer.snapshot.is_damaged())
    }

    /// What is wrong with the first damaged snapshot.
    pub(crate) fn damage(&self) -> Option<SnapshotError> {
        self.layers.iter().find_map(|layer| layer.snapshot.damage())
    }

    /// When the first layer's inventory was taken.
    pub(crate) fn created_ms(&self) -> i64 {
        self.layers
            .first()
            .map_or(0, |layer| layer.snapshot.header().created_ms)
    }

    /// Attaches a snapshot. `now_ms` judges expiry; `None` judges nothing.
    pub(crate) fn attach(
        &mut self,
        snapshot: Snapshot<'s>,
        now_ms: Option<i64>,
    ) -> Result<i32, SnapshotError> {
        let header = snapshot.header();
        if self.layers.len() >= MAX_LAYERS {
            return Err(SnapshotError::TooManyLayers { limit: MAX_LAYERS });
        }
        if let Some(now) = now_ms
            && header.valid_for_s != 0
        {
            let span = i64::try_from(header.valid_for_s)
                .unwrap_or(i64::MAX)
                .saturating_mul(1000);
            let ended_ms = header.created_ms.saturating_add(span);
            if now > ended_ms {
                return Err(SnapshotError::Expired { ended_ms });
            }
        }
        let root = if header.layer == LayerKind::Overlay {
            let base = self
                .layers
                .iter()
                .find(|layer| layer.snapshot.header().digest == header.overlay_of);
            base.map(|layer| layer.root)
                .ok_or_else(|| SnapshotError::MissingBase {
                    base: crate::snapshot::header::bytes_at(&header.overlay_of, 0),
                })?
        } else {
            header.digest
        };
        // A snapshot of the same line as an attached one may not be older.
        if let Some(newest) = self
            .layers
            .iter()
            .filter(|layer| same_line(&layer.snapshot, &snapshot))
            .map(|layer| layer.snapshot.header().sequence)
            .max()
            && header.sequence < newest
        {
            return Err(SnapshotError::Rollback {
                found: header.sequence,
                attached: newest,
            });
        }
        // What was read for these checks may have been damaged.
        if let Some(damage) = snapshot.damage() {
            return Err(damage);
        }
        let handle = self.next_handle;
        self.next_handle = self.next_handle.checked_add(1).unwrap_or(0);
        self.has_overlays |= snapshot.header().layer == LayerKind::Overlay;
        let said = Said::of(snapshot.header());
        self.limits.set(None);
        self.layers.push(Layer {
            handle,
            snapshot,
            root,
            said,
        });
        Ok(handle)
    }

    pub(crate) fn detach(&mut self, handle: i32) -> Result<(), SnapshotError> {
        let at = self
            .layers
            .iter()
            .position(|layer| layer.handle == handle)
            .ok_or(SnapshotError::UnknownHandle { handle })?;
        let digest = self
            .layers
            .get(at)
            .map(|layer| layer.snapshot.header().digest);
        // The same snapshot may be attached twice, while one replaces the other.
        let is_there_twice = self
            .layers
            .iter()
            .any(|layer| layer.handle != handle && Some(layer.snapshot.header().digest) == digest);
        let carries_overlay = self.layers.iter().any(|layer| {
            let header = layer.snapshot.header();
            header.layer == LayerKind::Overlay && Some(header.overlay_of) == digest
        });
        if carries_overlay && !is_there_twice {
            return Err(SnapshotError::BaseInUse { handle });
        }
        self.limits.set(None);
        self.layers.remove(at);
        self.has_overlays = self
            .layers
            .iter()
            .any(|layer| layer.snapshot.header().layer == LayerKind::Overlay);
        Ok(())
    }

    /// Calls `f` with everyone who holds a key, at any time, and when they do; after overlays.
    /// `probe`: how far the lookup in the first layer is, if it has begun.
    pub(crate) fn for_each_holder(
        &self,
        key: &Key<'_>,
        probe: Option<&Probe>,
        mut f: impl FnMut(Holder, Candidate),
    ) {
        for (number, layer) in self.layers.iter().enumerate() {
            let candidates = match probe {
                Some(probe) if number == 0 => layer.snapshot.find_probed(key, probe),
                _ => layer.snapshot.find(key),
            };
            if matches!(candidates, Candidates::Absent | Candidates::Nobody)
                || (self.has_overlays && self.is_removed_above(number, key))
            {
                continue;
            }
            layer.snapshot.for_each_candidate(candidates, |candidate| {
                if !self.has_overlays || !self.is_replaced_above(number, candidate.identity) {
                    let holder = Holder {
                        layer: number as u8,
                        identity: candidate.identity,
                    };
                    f(holder, candidate);
                }
            });
        }
    }

    /// The overlays above a layer, which is part of the same stack.
    fn above(&self, number: usize) -> impl Iterator<Item = &Layer<'s>> {
        let root = self.layers.get(number).map(|layer| layer.root);
        self.layers.iter().skip(number + 1).filter(move |layer| {
            layer.snapshot.header().layer == LayerKind::Overlay && Some(layer.root) == root
        })
    }

    fn is_removed_above(&self, number: usize, key: &Key<'_>) -> bool {
        self.above(number)
            .any(|layer| layer.snapshot.takes_from_below(layer.snapshot.find(key)))
    }

    fn is_replaced_above(&self, number: usize, identity: u32) -> bool {
        let Some(identity) = self
            .layers
            .get(number)
            .and_then(|layer| layer.snapshot.identity(identity))
        else {
            return false;
        };
        // No uid that a builder writes is longer.
        let mut uid = ArrayString::<MAX_UID>::new();
        if identity
            .uid()
            .iter()
            .any(|part| uid.try_push_str(part).is_err())
        {
            return false;
        }
        let key = Key::new(KeyType::Uid, "", &uid);
        self.above(number)
            .any(|layer| !matches!(layer.snapshot.find(&key), Candidates::Absent))
    }

    pub(crate) fn identity(&self, holder: Holder) -> Option<IdentityRef<'_>> {
        self.get(holder.layer)?.snapshot.identity(holder.identity)
    }

    /// The scope of a provider, domain and part, from the newest layer that names its owner, else
    /// from the newest that has it.
    pub(crate) fn scope(
        &self,
        provider: Provider,
        domain: &str,
        part: &str,
    ) -> Option<ScopeRef<'_>> {
        let scopes = || {
            self.layers
                .iter()
                .rev()
                .filter_map(|layer| layer.snapshot.scope(provider, domain, part))
        };
        scopes()
            .find(|scope| scope.owner.is_some())
            .or_else(|| scopes().next())
    }

    /// The limits of the first layer that carries any, as with the triage rules: a policy is central.
    pub(crate) fn limits(&self) -> Limits {
        self.limits.get().unwrap_or_else(|| {
            let mut all = self.layers.iter().map(|layer| layer.snapshot.limits());
            let limits = all
                .find(|limits| *limits != Limits::default())
                .unwrap_or_default();
            self.limits.set(Some(limits));
            limits
        })
    }

    /// The environments of a provider, domain and part, from the newest layer that knows them.
    pub(crate) fn environments(&self, provider: Provider, domain: &str, part: &str) -> u32 {
        self.layers
            .iter()
            .rev()
            .map(|layer| layer.snapshot.environments_of(provider, domain, part))
            .find(|environments| *environments != 0)
            .unwrap_or(0)
    }

    /// Whether the identities of a domain are in any attached snapshot.
    pub(crate) fn covers(&self, provider: Provider, domain: &str) -> bool {
        !domain.is_empty()
            && self.layers.iter().any(|layer| {
                layer
                    .snapshot
                    .scope(provider, domain, "")
                    .is_some_and(|scope| scope.is_covered)
            })
    }
}

/// Whether two snapshots are generations of the same thing: same organisation, layer kind and base,
/// and a covered scope in common, or none on either side.
fn same_line(a: &Snapshot<'_>, b: &Snapshot<'_>) -> bool {
    let covers = |snapshot: &Snapshot<'_>| snapshot.scopes().any(|scope| scope.is_covered);
    let in_common = || {
        a.scopes()
            .filter(|scope| scope.is_covered)
            .any(|scope| match scope.provider {
                Some(provider) => b
                    .scope(provider, scope.domain, scope.part)
                    .is_some_and(|scope| scope.is_covered),
                None => false,
            })
    };
    a.header().layer == b.header().layer
        && a.header().overlay_of == b.header().overlay_of
        && a.meta("organization") == b.meta("organization")
        && (in_common() || (!covers(a) && !covers(b)))
}
