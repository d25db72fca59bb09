//! Where context goes in an event: last in its object, or among what others have written.

use arrayvec::ArrayVec;

use crate::event::bytewise;
use crate::event::findings::{Findings, Found};
use crate::event::text::Span;
use crate::pass::Edit;

/// Most places that a rendering shares with others.
pub(crate) const MAX_SHARED: usize = 20;

/// A place that a rendering shares with others, as the event has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shared {
    pub(crate) found: Found,
    /// As it stands in the line: a text with its quotes.
    pub(crate) raw: Span,
}

/// The object that the context is put into.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// Its closing brace.
    pub(crate) close: usize,
    /// Whether a member is left after the cuts.
    pub(crate) has_members: bool,
    /// In the order of [`super::style::Rendering::shared`].
    pub(crate) shared: ArrayVec<Shared, MAX_SHARED>,
}

impl Place {
    /// The object that was scanned last.
    pub(crate) fn of(
        findings: &Findings,
        shared: impl Iterator<Item = crate::event::trie::NodeId>,
    ) -> Self {
        Self {
            close: findings.close,
            has_members: findings.has_members,
            shared: shared
                .take(MAX_SHARED)
                .map(|node| Shared {
                    found: findings.get(node),
                    raw: findings.raw(node),
                })
                .collect(),
        }
    }

    /// What stands at a shared place; absent when nothing or null.
    pub(crate) fn at(&self, number: usize) -> Found {
        let shared = self.shared.get(number);
        shared.map_or_else(Found::default, |shared| shared.found)
    }

    /// Where a member's value stands at a shared place.
    pub(crate) fn raw(&self, number: usize) -> Span {
        self.shared
            .get(number)
            .map_or(Span::EMPTY, |shared| shared.raw)
    }
}

/// The cut that takes out a member that we wrote earlier, by where its value stands. We write
/// members last, behind a comma; one that stands elsewhere is somebody else's and stays.
pub(crate) fn own_member(line: &[u8], value: Span, name: &str, edits: &[Edit]) -> Option<Edit> {
    let before = line.get(..value.start())?;
    let before = before.strip_suffix(b":")?.strip_suffix(b"\"")?;
    let before = before.strip_suffix(name.as_bytes())?.strip_suffix(b"\"")?;
    let before = before.strip_suffix(b",")?;
    let comma_at = before.len();
    // Where what stands before it goes, its comma goes as well.
    let is_cut = |edit: &Edit| edit.at <= comma_at && comma_at < edit.to;
    (!edits.iter().any(is_cut)).then(|| Edit::cut(comma_at, value.end()))
}

/// Whether an object or array at a span has anything in it.
pub(crate) fn has_content(line: &[u8], span: Span) -> bool {
    let byte = bytewise::next_byte(line, span.start() + 1).1;
    !matches!(byte, Some(b'}' | b']') | None)
}

/// Most elements of an array of others that are looked at.
const MAX_KNOWN: usize = 64;

/// What an event has of earlier contexts and of others in the shared places, read before anything
/// is written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Existing {
    /// Where a further element of the shared array goes.
    pub(crate) insert_at: usize,
    /// Whether one stands before it.
    pub(crate) has_elements: bool,
    /// The shared places that we filled: a bit each.
    pub(crate) own: u32,
    /// The shared places that an event of this sort may have: a bit each.
    pub(crate) allowed: u32,
    /// Texts in the shared array.
    pub(crate) known: ArrayVec<Span, MAX_KNOWN>,
    /// The array has more of them than are looked at.
    pub(crate) is_crowded: bool,
    /// Whether the AI agent that the event names is one that we wrote there.
    pub(crate) own_agent: bool,
    /// Elements of ours that are taken out.
    pub(crate) removed: u64,
}
