//! The frozen snapshot of the format tests, for targets that need one attached.

use std::sync::LazyLock;

use enrich_core::vocabulary::Format;
use enrich_core::{Check, Config, Enricher, LayerHandle};
use rkyv::util::AlignedVec;

/// Bytes that start at a multiple of 64.
pub(crate) type Aligned = AlignedVec<64>;

/// The file's bytes.
pub(crate) const GOLDEN: &[u8] = include_bytes!("../../enrich-core/tests/golden/v1.whose");

static ALIGNED: LazyLock<Aligned> = LazyLock::new(|| aligned(GOLDEN));

/// A copy that starts at a multiple of 64.
pub(crate) fn aligned(bytes: &[u8]) -> Aligned {
    let mut out = Aligned::with_capacity(bytes.len());
    out.extend_from_slice(bytes);
    out
}

/// A configuration that knows the cluster of the snapshot.
pub(crate) fn config() -> Config {
    let mut config = Config::default();
    config.set_default_domain(Format::K8sAudit, "prod-eu");
    config
}

/// An enricher with the snapshot attached.
pub(crate) fn enricher() -> (Enricher<'static>, LayerHandle) {
    let mut enricher = Enricher::new(config());
    let attached = enricher.attach(&ALIGNED, Check::ByHost, None);
    (enricher, attached.expect("the frozen snapshot opens"))
}
