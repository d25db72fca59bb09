//! What the pieces of contexts that are written again and again are about.

use json_out::phrases::Phrase;

/// What a phrase is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum About {
    /// Role and outcome of an identity.
    Standing = 1,
    /// A row of types.
    Type,
    /// A row of owners.
    Ownership,
    /// A row of environments and privileges.
    Exposure,
    /// A row of responses and one of owners.
    Response,
    /// A verdict without deviations, and a list of expectations.
    Behavior,
    /// A row of expectations, beside what was seen.
    Expected,
    /// A row of findings.
    Finding,
    /// A triage rule.
    Rule,
    /// A snapshot.
    Snapshot,
}

impl About {
    /// The phrase about rows of a layer.
    pub(crate) const fn rows(self, layer: u8, rows: [u32; 2]) -> Phrase {
        Phrase::new((self as u32) << 8 | layer as u32, rows)
    }
}
