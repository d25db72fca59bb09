//! Replacing all snapshots at once: a new generation gets a new instance, or the old one stays.

use enrich_core::snapshot::{Check, Snapshot, SnapshotError, Trust};

use crate::error::{HarnessError, Refusal};
use crate::layer::{Layer, LayerHandle};
use crate::session::Session;

impl Session {
    /// Replaces every attached layer. A new instance is configured and given the new layers; only
    /// when it has accepted all of them does it take over. Both generations exist for that moment.
    ///
    /// A new instance cannot know what the old one held, so the refusal of an older snapshot is
    /// decided here, once the guest has found the new bytes to be in order.
    ///
    /// # Errors
    /// Why the new generation is refused; then the old one stays attached and goes on.
    pub fn swap(&mut self, generation: &[Layer]) -> Result<Vec<LayerHandle>, HarnessError> {
        let config = self.config.clone();
        let (guest, attached) = self.build(config.as_deref(), generation)?;
        refuse_rollback(&self.layers(), generation)?;
        Ok(self.take_over_with(guest, attached))
    }
}

/// Refuses a layer that is older than an attached one of the same line.
fn refuse_rollback(old: &[Layer], new: &[Layer]) -> Result<(), HarnessError> {
    let trust = Trust::default();
    let open = |layer| -> Option<Snapshot<'_>> {
        let layer: &Layer = layer;
        Snapshot::open(layer.snapshot.bytes(), Check::ByHost, &trust).ok()
    };
    let old: Vec<Snapshot<'_>> = old.iter().filter_map(open).collect();
    for layer in new {
        // What the core here cannot open, the guest has judged alone.
        let Some(snapshot) = open(layer) else {
            continue;
        };
        let found = snapshot.header().sequence;
        let newest = old
            .iter()
            .filter(|attached| is_same_line(attached, &snapshot))
            .map(|attached| attached.header().sequence)
            .max();
        if let Some(attached) = newest.filter(|attached| found < *attached) {
            let error = SnapshotError::Rollback { found, attached };
            return Err(HarnessError::Snapshot {
                file: layer.snapshot.name().to_owned(),
                refusal: Refusal {
                    code: error.code(),
                    sentence: error.to_string(),
                },
            });
        }
    }
    Ok(())
}

/// Whether two snapshots are generations of the same thing: organisation, kind, and a scope in
/// common. The base of an overlay is not compared: it changes with each generation.
fn is_same_line(a: &Snapshot<'_>, b: &Snapshot<'_>) -> bool {
    a.header().layer == b.header().layer
        && a.meta("organization") == b.meta("organization")
        && a.scopes().filter(|scope| scope.is_covered).any(|scope| {
            scope
                .provider
                .and_then(|provider| b.scope(provider, scope.domain, scope.part))
                .is_some_and(|other| other.is_covered)
        })
}
