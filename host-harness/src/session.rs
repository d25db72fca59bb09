//! A session: configuration, snapshots and one instance that works through batches.
//!
//! The instance is expendable. When it traps, runs out of time, fuel or memory, or returns
//! something that does not hold, the batch leaves as it came and a fresh instance takes over with
//! the same configuration and the same snapshots.

use std::ops::Range;
use std::sync::Arc;

use crate::abi::code;
use crate::counters::{Counters, EventCounters, HostCounters};
use crate::engine::GuestModule;
use crate::error::HarnessError;
use crate::guest::Guest;
use crate::layer::{Attached, Layer, LayerHandle, attach_one, remove};
use crate::output::{self, OutputCaps, count_lines};
use crate::text::printable;

/// What became of a batch.
#[derive(Debug)]
#[non_exhaustive]
pub struct Enriched<'a> {
    /// The bytes to pass on: one line for each line of the batch.
    pub bytes: &'a [u8],
    /// Why they are the batch itself, when the module failed on it.
    pub failure: Option<HarnessError>,
}

/// Configuration, layers and the instance that holds them.
#[derive(Debug)]
pub struct Session {
    pub(crate) module: Arc<GuestModule>,
    pub(crate) config: Option<Vec<u8>>,
    pub(crate) attached: Vec<Attached>,
    caps: OutputCaps,
    /// `None` after no fresh instance could be made.
    guest: Option<Guest>,
    next_handle: u32,
    /// Counted by instances that are gone.
    before: EventCounters,
    /// What the present instance had counted when it was last asked.
    latest: Option<String>,
    host: HostCounters,
}

impl Session {
    /// A session without configuration and snapshots.
    ///
    /// # Errors
    /// The module does not start.
    pub fn open(module: Arc<GuestModule>) -> Result<Self, HarnessError> {
        let guest = module.instantiate()?;
        Ok(Self {
            module,
            config: None,
            attached: Vec::new(),
            caps: OutputCaps::default(),
            guest: Some(guest),
            next_handle: 0,
            before: EventCounters::default(),
            latest: None,
            host: HostCounters::default(),
        })
    }

    /// Sets how much longer than its input an output line may be.
    pub const fn set_output_caps(&mut self, caps: OutputCaps) {
        self.caps = caps;
    }

    /// Sets the configuration: a fresh instance takes over with it and with all layers. When that
    /// is refused, the old one stays.
    ///
    /// # Errors
    /// The guest's refusal of the configuration, or of a layer under it.
    pub fn configure(&mut self, config: &[u8]) -> Result<(), HarnessError> {
        let layers = self.layers();
        let (guest, attached) = self.build(Some(config), &layers)?;
        self.config = Some(config.to_vec());
        self.take_over(guest, attached);
        Ok(())
    }

    /// Attaches what was baked into the module, and says how many snapshots that is.
    ///
    /// # Errors
    /// [`HarnessError::Snapshot`] with the guest's sentence.
    pub fn baked(&mut self) -> Result<u32, HarnessError> {
        let guest = self.guest.as_mut().ok_or_else(lost)?;
        guest.baked()?.map_err(|refusal| HarnessError::Snapshot {
            file: format!("baked into {}", self.module.name()),
            refusal,
        })
    }

    /// Attaches one more layer.
    ///
    /// # Errors
    /// [`HarnessError::Snapshot`] with the guest's sentence; the layers before stay attached.
    pub fn attach(&mut self, layer: Layer) -> Result<LayerHandle, HarnessError> {
        let handle = LayerHandle(self.next_handle);
        let bytes = self.snapshot_room().saturating_add(layer.snapshot.room());
        let guest = self.guest.as_mut().ok_or_else(lost)?;
        guest.allow(bytes);
        match attach_one(guest, handle, layer) {
            Ok(attached) => {
                self.next_handle += 1;
                self.attached.push(attached);
                Ok(handle)
            }
            Err(error) => {
                if error.ends_instance() {
                    self.renew(&error);
                }
                Err(error)
            }
        }
    }

    /// Detaches a layer and gives its memory back.
    ///
    /// # Errors
    /// [`HarnessError::UnknownHandle`], or the guest's refusal (another layer stands on this one).
    pub fn detach(&mut self, handle: LayerHandle) -> Result<(), HarnessError> {
        let Some(at) = self
            .attached
            .iter()
            .position(|attached| attached.handle == handle)
        else {
            return Err(HarnessError::UnknownHandle { handle: handle.0 });
        };
        let (guest_handle, placed) = (self.attached[at].guest_handle, self.attached[at].placed);
        if let Some(guest) = self.guest.as_mut() {
            let done = guest
                .detach(guest_handle)
                .and_then(|()| remove(guest, placed));
            if let Err(error) = done {
                if error.ends_instance() {
                    self.attached.remove(at);
                    self.renew(&error);
                }
                return Err(error);
            }
        }
        self.attached.remove(at);
        Ok(())
    }

    /// Enriches a batch of whole lines. Never fails: what the module cannot do leaves unchanged.
    pub fn enrich_batch<'a>(&'a mut self, batch: &'a [u8]) -> Enriched<'a> {
        self.host.batches += 1;
        match self.try_enrich(batch) {
            Ok(range) => {
                let bytes = self
                    .guest
                    .as_ref()
                    .map_or(batch, |guest| guest.bytes(range));
                Enriched {
                    bytes,
                    failure: None,
                }
            }
            Err(error) => {
                self.host.trapped_batches += 1;
                self.host.trapped_lines += count_lines(batch) as u64;
                let failure = self.renew(&error).unwrap_or(error);
                Enriched {
                    bytes: batch,
                    failure: Some(failure),
                }
            }
        }
    }

    fn try_enrich(&mut self, batch: &[u8]) -> Result<Range<usize>, HarnessError> {
        self.check_unchanged()?;
        let guest = self.guest.as_mut().ok_or_else(lost)?;
        // The counters as they stand before this batch: if it ends the instance, they are kept.
        self.latest = Some(guest.stats()?);
        let range = guest.enrich(batch)?;
        output::check_enriched(batch, guest.bytes(range.clone()), self.caps).map_err(|what| {
            HarnessError::Output {
                call: "whose_enrich",
                what,
            }
        })?;
        Ok(range)
    }

    /// Observed keys of a batch: one JSON object for each line.
    ///
    /// # Errors
    /// The module failed; a fresh instance has taken over.
    pub fn keys(&mut self, batch: &[u8]) -> Result<&[u8], HarnessError> {
        self.check_unchanged()?;
        let guest = self.guest.as_mut().ok_or_else(lost)?;
        let checked = guest.keys(batch).and_then(|range| {
            output::check_objects(batch, guest.bytes(range.clone())).map_err(|what| {
                HarnessError::Output {
                    call: "whose_keys",
                    what,
                }
            })?;
            Ok(range)
        });
        match checked {
            Ok(range) => Ok(self.guest.as_ref().map_or(&[], |guest| guest.bytes(range))),
            Err(error) => {
                self.renew(&error);
                Err(error)
            }
        }
    }

    /// Looks one key up: the record as JSON text.
    ///
    /// # Errors
    /// [`HarnessError::Key`] when the key is refused, or the module failed.
    pub fn lookup(&mut self, key: &str) -> Result<String, HarnessError> {
        self.check_unchanged()?;
        let guest = self.guest.as_mut().ok_or_else(lost)?;
        match guest.lookup(key) {
            Ok(record) => Ok(record),
            Err(HarnessError::Refused { refusal, .. }) if is_about_key(refusal.code) => {
                Err(HarnessError::Key {
                    key: printable(key, 200),
                    refusal,
                })
            }
            // The guest failed, or the caller did: not for a snapshot to answer for.
            Err(HarnessError::Refused { call, refusal })
                if matches!(refusal.code, code::INTERNAL | code::BAD_ARGUMENT) =>
            {
                Err(HarnessError::Refused { call, refusal })
            }
            Err(HarnessError::Refused { refusal, .. }) => Err(HarnessError::Damaged {
                file: self.snapshot_names(),
                refusal,
            }),
            Err(error) => {
                self.renew(&error);
                Err(error)
            }
        }
    }

    /// All counters, of instances that are gone too.
    ///
    /// # Errors
    /// The module failed to say; what it had counted is lost.
    pub fn counters(&mut self) -> Result<Counters, HarnessError> {
        let mut events = self.before.clone();
        if let Some(guest) = self.guest.as_mut() {
            let counted = guest.stats().and_then(|text| parse_stats(&text));
            match counted {
                Ok(now) => events.add(&now),
                Err(error) => {
                    self.latest = None;
                    self.renew(&error);
                    return Err(error);
                }
            }
        }
        Ok(Counters {
            events,
            host: self.host,
        })
    }

    /// The attached layers, in order.
    #[must_use]
    pub fn layers(&self) -> Vec<Layer> {
        self.attached
            .iter()
            .map(|attached| attached.layer.clone())
            .collect()
    }

    /// Whether events leave unchanged because no fresh instance could take over.
    #[must_use]
    pub const fn is_lost(&self) -> bool {
        self.guest.is_none()
    }

    /// The counters of the harness itself.
    pub const fn host_counters_mut(&mut self) -> &mut HostCounters {
        &mut self.host
    }

    /// What errors call the attached snapshots: which of them it was, the guest does not say.
    fn snapshot_names(&self) -> String {
        if self.attached.is_empty() {
            return format!("baked into {}", self.module.name());
        }
        let names: Vec<&str> = self
            .attached
            .iter()
            .map(|attached| attached.layer.snapshot.name())
            .collect();
        names.join(" or ")
    }

    /// What the attached snapshots take of a guest's memory.
    fn snapshot_room(&self) -> usize {
        self.attached
            .iter()
            .map(|attached| attached.layer.snapshot.room())
            .sum()
    }

    /// Whether the files of mapped snapshots are what they were.
    fn check_unchanged(&self) -> Result<(), HarnessError> {
        self.attached
            .iter()
            .try_for_each(|attached| attached.layer.snapshot.check_unchanged())
    }

    /// A fresh instance with a configuration and layers.
    pub(crate) fn build(
        &self,
        config: Option<&[u8]>,
        layers: &[Layer],
    ) -> Result<(Guest, Vec<Attached>), HarnessError> {
        let mut guest = self.module.instantiate()?;
        guest.allow(layers.iter().map(|layer| layer.snapshot.room()).sum());
        if let Some(config) = config {
            guest.configure(config)?;
        }
        let mut attached = Vec::with_capacity(layers.len());
        for (layer, number) in layers.iter().zip(0..) {
            // The caller gives the lasting handle.
            attached.push(attach_one(&mut guest, LayerHandle(number), layer.clone())?);
        }
        Ok((guest, attached))
    }

    /// The new instance takes the place of the old one; layers keep the handles they had.
    fn take_over(&mut self, guest: Guest, mut attached: Vec<Attached>) {
        for (new, old) in attached.iter_mut().zip(&self.attached) {
            new.handle = old.handle;
        }
        self.settle(guest, attached);
    }

    /// As [`Self::take_over`], with layers that get new handles.
    pub(crate) fn take_over_with(
        &mut self,
        guest: Guest,
        mut attached: Vec<Attached>,
    ) -> Vec<LayerHandle> {
        for new in &mut attached {
            new.handle = LayerHandle(self.next_handle);
            self.next_handle += 1;
        }
        let handles = attached.iter().map(|attached| attached.handle).collect();
        self.settle(guest, attached);
        handles
    }

    fn settle(&mut self, guest: Guest, attached: Vec<Attached>) {
        // The instance that goes is asked once more; if it fails, its last answer counts.
        if let Some(stats) = self.guest.as_mut().and_then(|old| old.stats().ok()) {
            self.latest = Some(stats);
        }
        self.keep_counters();
        self.guest = Some(guest);
        self.attached = attached;
    }

    /// Replaces an instance that failed. Gives the error when none could take over.
    fn renew(&mut self, failure: &HarnessError) -> Option<HarnessError> {
        // Nothing to replace, or refused without damage: the instance can go on.
        if self.guest.is_none() || !failure.ends_instance() {
            return None;
        }
        self.keep_counters();
        self.guest = None;
        let config = self.config.clone();
        let layers = self.layers();
        match self.build(config.as_deref(), &layers) {
            Ok((guest, mut attached)) => {
                for (new, old) in attached.iter_mut().zip(&self.attached) {
                    new.handle = old.handle;
                }
                self.guest = Some(guest);
                self.attached = attached;
                self.host.renewals += 1;
                None
            }
            Err(cause) => Some(HarnessError::Lost {
                cause: Box::new(cause),
            }),
        }
    }

    fn keep_counters(&mut self) {
        if let Some(counters) = self.latest.take().and_then(|text| parse_stats(&text).ok()) {
            self.before.add(&counters);
        }
    }
}

/// Whether a refusal of a lookup is about the key that was asked for.
const fn is_about_key(number: i32) -> bool {
    matches!(number, code::KEY_REFUSED | code::TOO_LARGE)
}

fn parse_stats(text: &str) -> Result<EventCounters, HarnessError> {
    EventCounters::parse(text).map_err(|what| HarnessError::Output {
        call: "whose_stats",
        what,
    })
}

fn lost() -> HarnessError {
    HarnessError::Lost {
        cause: Box::new(HarnessError::Output {
            call: "an earlier call",
            what: "the instance was given up; swap the snapshots or open a new session".into(),
        }),
    }
}
