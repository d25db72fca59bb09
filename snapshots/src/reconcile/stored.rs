//! Stored: identities between the steps of a build. What the steps ask of other identities stands open
//! beside the rest, which is packed.

use super::*;
use crate::model::{BlastRadius, Lineage};
use crate::packed::{KeyRef, Packed, keys};

/// One identity, packed.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) uid: Box<str>,
    pub(crate) provider: Provider,
    /// For a tombstone: when it was removed.
    pub(crate) retired_at_ms: Option<i64>,
    keys: Packed<Vec<Alias>>,
    edges: Packed<Edges>,
    /// Set once all edges are known.
    pub(crate) blast_radius: Option<Box<BlastRadius>>,
    rest: Packed<Subject>,
}

/// Trust edges, and the workloads that travel along them.
pub(super) type Edges = (Lineage, Vec<String>);

impl Stored {
    /// Packs an identity. Boxed or not, it is let go.
    pub(crate) fn of(mut subject: Box<Subject>) -> Self {
        let identity = &mut subject.identity;
        let uid = std::mem::take(&mut identity.uid).into();
        let keys = Packed::of(&std::mem::take(&mut identity.aliases));
        let edges = (
            std::mem::take(&mut identity.lineage),
            std::mem::take(&mut identity.workloads),
        );
        Self {
            uid,
            provider: identity.provider,
            retired_at_ms: identity.retired_at_ms,
            keys,
            edges: Packed::of(&edges),
            blast_radius: identity.blast_radius.take().map(Box::new),
            rest: Packed::of(&subject),
        }
    }

    /// The identity again.
    pub(crate) fn open(self) -> Box<Subject> {
        let mut subject = Box::new(self.rest.open());
        let identity = &mut subject.identity;
        identity.uid = self.uid.into();
        identity.aliases = self.keys.open();
        (identity.lineage, identity.workloads) = self.edges.open();
        identity.blast_radius = self.blast_radius.map(|radius| *radius);
        subject
    }

    /// All but keys and edges.
    pub(crate) fn rest(&self) -> Subject {
        self.rest.open()
    }

    pub(crate) fn aliases(&self) -> Vec<Alias> {
        self.keys.open()
    }

    pub(crate) fn set_aliases(&mut self, aliases: &Vec<Alias>) {
        self.keys = Packed::of(aliases);
    }

    /// Lets the keys go; the identity opens without them from now on.
    pub(crate) fn drop_aliases(&mut self) {
        self.keys = Packed::of(&Vec::new());
    }

    /// Its keys, one after the other.
    pub(crate) fn each_key<'k>(&'k self, see: impl FnMut(KeyRef<'k>)) {
        keys(&mut self.keys.bytes()).for_each(see);
    }

    pub(crate) fn edges(&self) -> Edges {
        self.edges.open()
    }

    pub(super) fn set_edges(&mut self, edges: &Edges) {
        self.edges = Packed::of(edges);
    }
}
