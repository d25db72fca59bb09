//! Members that a vendor added after this was written, and entries of a list that are none: ignored,
//! counted and named once a source.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::record::{Harvest, Source};
use crate::text::printable;

/// More names than this are not kept; a file of another kind would bring them without end.
const KEPT: usize = 64;
/// Names that are shown.
const SHOWN: usize = 8;

/// Members and columns that are not known, with how often they were there.
#[derive(Debug, Default)]
pub(super) struct Unknown {
    names: BTreeMap<String, u64>,
    entries: u64,
}

impl Unknown {
    /// Notes the members of an entry that are not among the known ones, whether these are read or not.
    pub(super) fn note(&mut self, entry: &Value, known: &[&str]) {
        for name in entry.as_object().into_iter().flat_map(|map| map.keys()) {
            if !known.contains(&name.as_str()) {
                self.add(name);
            }
        }
    }

    /// Notes an entry of a list that is not what the list should hold.
    pub(super) fn entry(&mut self) {
        self.entries += 1;
    }

    /// Notes one name.
    pub(super) fn add(&mut self, name: &str) {
        if let Some(count) = self.names.get_mut(name) {
            *count += 1;
        } else if self.names.len() < KEPT {
            self.names.insert(name.to_owned(), 1);
        }
    }

    /// Names them, if there are any.
    pub(super) fn warn(self, source: &Source, harvest: &mut Harvest) {
        if self.entries > 0 {
            harvest.warn(
                source,
                format!(
                    "entries that are not what their list holds are left out: {}",
                    self.entries
                ),
            );
        }
        let mut names: Vec<(String, u64)> = self.names.into_iter().collect();
        names.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let more = names.len().saturating_sub(SHOWN);
        let shown: Vec<String> = names
            .iter()
            .take(SHOWN)
            .map(|(name, count)| format!("{} ({count})", printable(name, 60)))
            .collect();
        if !shown.is_empty() {
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            harvest.warn(
                source,
                format!(
                    "fields that are not known are ignored: {}{more}",
                    shown.join(", ")
                ),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn unknown_members_are_named_once_with_their_number() {
        let source = Source {
            name: "s".to_owned(),
            rank: 0,
            observed_ms: 0,
            domain: None,
        };
        let (mut unknown, mut harvest) = (Unknown::default(), Harvest::default());
        for entry in [
            json!({"Arn": 1, "New": 1}),
            json!({"New": 2, "Newer": {}}),
            json!(7),
        ] {
            unknown.note(&entry, &["Arn"]);
        }
        unknown.warn(&source, &mut harvest);
        assert!(
            harvest.warnings[0].ends_with("are ignored: New (2), Newer (1)"),
            "{:?}",
            harvest.warnings
        );
        Unknown::default().warn(&source, &mut harvest);
        assert_eq!(harvest.warnings.len(), 1);
        let mut unknown = Unknown::default();
        unknown.entry();
        unknown.warn(&source, &mut harvest);
        assert!(harvest.warnings[1].ends_with("left out: 1"));
    }
}
