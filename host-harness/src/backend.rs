//! What the command line needs from whatever does the work: a module, or the core in process.

use crate::abi::Check;
use crate::counters::Counters;
use crate::error::HarnessError;
use crate::layer::Layer;
use crate::session::{Enriched, Session};
use crate::snapshot_file::SnapshotFile;

/// Configure, attach, enrich, keys, lookup, counters. Snapshots live for `'s`. Each is used by one
/// thread at a time.
pub trait Backend<'s>: Send {
    /// Sets the configuration; call it before snapshots are attached.
    ///
    /// # Errors
    /// The configuration is refused.
    fn configure(&mut self, config: &[u8]) -> Result<(), HarnessError>;

    /// Attaches a snapshot.
    ///
    /// # Errors
    /// The snapshot is refused; those before stay attached.
    fn attach(
        &mut self,
        snapshot: &'s SnapshotFile,
        check: Check,
        now_ms: Option<i64>,
    ) -> Result<(), HarnessError>;

    /// Enriches a batch of whole lines. Events always flow: see [`Enriched::failure`].
    fn enrich<'a>(&'a mut self, batch: &'a [u8]) -> Enriched<'a>;

    /// Observed keys: one JSON object for each line.
    ///
    /// # Errors
    /// The module failed.
    fn keys(&mut self, batch: &[u8]) -> Result<&[u8], HarnessError>;

    /// The record behind a key, as JSON text.
    ///
    /// # Errors
    /// The key is refused, or the module failed.
    fn lookup(&mut self, key: &str) -> Result<String, HarnessError>;

    /// What was counted so far.
    ///
    /// # Errors
    /// The module failed.
    fn counters(&mut self) -> Result<Counters, HarnessError>;
}

impl<'s> Backend<'s> for Session {
    fn configure(&mut self, config: &[u8]) -> Result<(), HarnessError> {
        Self::configure(self, config)
    }

    fn attach(
        &mut self,
        snapshot: &'s SnapshotFile,
        check: Check,
        now_ms: Option<i64>,
    ) -> Result<(), HarnessError> {
        let mut layer = Layer::new(snapshot.clone()).with_check(check);
        layer.now_ms = now_ms;
        Self::attach(self, layer).map(|_| ())
    }

    fn enrich<'a>(&'a mut self, batch: &'a [u8]) -> Enriched<'a> {
        self.enrich_batch(batch)
    }

    fn keys(&mut self, batch: &[u8]) -> Result<&[u8], HarnessError> {
        Self::keys(self, batch)
    }

    fn lookup(&mut self, key: &str) -> Result<String, HarnessError> {
        Self::lookup(self, key)
    }

    fn counters(&mut self) -> Result<Counters, HarnessError> {
        Self::counters(self)
    }
}
