//! Why an inventory can't become a snapshot.

use enrich_core::{KeyRefused, SnapshotError};

/// The inventory is at fault, unless the variant says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Two identities have the same uid.
    #[error("two identities have the uid {uid:?}; a uid names one identity")]
    DuplicateUid {
        /// The uid.
        uid: String,
    },
    /// A uid is empty or too long.
    #[error("identity {name:?} has a uid of {len} bytes; it takes 1 to {limit}")]
    UidLength {
        /// Name of the identity.
        name: String,
        /// Length of the uid.
        len: usize,
        /// The limit.
        limit: usize,
    },
    /// A key of an identity is no key.
    #[error("identity {uid:?} has an alias {key:?} that is refused: {reason}")]
    Key {
        /// uid of the identity, or `removed keys`.
        uid: String,
        /// The key as written.
        key: String,
        /// Why.
        reason: KeyRefused,
    },
    /// A key ends before it begins.
    #[error("identity {uid:?} has the alias {key:?}, which ends before it begins; check its dates")]
    Interval {
        /// uid of the identity.
        uid: String,
        /// The key as written.
        key: String,
    },
    /// A privilege tier outside 0 to 3.
    #[error(
        "identity {uid:?} has privilege tier {tier}; tiers are 0 (controls everything) to 3 (harmless)"
    )]
    Tier {
        /// uid of the identity.
        uid: String,
        /// The tier.
        tier: u8,
    },
    /// A text is too long for the format.
    #[error("a text of {len} bytes is too long, the limit is {limit}: {start:?}…")]
    TextTooLong {
        /// Length.
        len: usize,
        /// The limit.
        limit: usize,
        /// Its first characters.
        start: String,
    },
    /// The snapshot id has a character outside its alphabet, or is too long.
    #[error("snapshot id {id:?} is refused: at most 48 characters of A-Z a-z 0-9 . _ : -")]
    Id {
        /// The id.
        id: String,
    },
    /// A network prefix is longer than its addresses.
    #[error(
        "network {network:?} has the prefix {prefix} with length {len}; the address has fewer bits"
    )]
    Prefix {
        /// Name of the network.
        network: String,
        /// The address.
        prefix: std::net::IpAddr,
        /// The length.
        len: u8,
    },
    /// More rows or bytes than the format holds.
    #[error("{what} do not fit a snapshot: {count}, the limit is {limit}; build shards by domain")]
    TooLarge {
        /// What.
        what: &'static str,
        /// How many.
        count: u64,
        /// The limit.
        limit: u64,
    },
    /// Bytes that should be a snapshot are none.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}
