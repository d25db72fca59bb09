//! Pages of Google's lists: whether the last one is among the files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::gcp_names::text;
use crate::record::{Harvest, Source};

/// Which list an entry is from: the member that it stood in, and the project where each has a list of its own.
pub(super) fn listed(list: &str, entry: &Value) -> (String, String) {
    let project = match list {
        "accounts" => text(entry, "projectId").unwrap_or_default(),
        _ => "",
    };
    (list.to_owned(), project.to_owned())
}

/// Pages by their list: the last one of those that lead on, and whether one came that does not.
#[derive(Debug, Default)]
pub(super) struct Pages(BTreeMap<(String, String), (Option<PathBuf>, bool)>);

impl Pages {
    pub(super) fn note(&mut self, of: (String, String), has_more: bool, path: &Path) {
        let (more, ended) = self.0.entry(of).or_default();
        if has_more {
            *more = Some(path.to_owned());
        } else {
            *ended = true;
        }
    }

    /// Says so where pages lead on and the last one is missing.
    pub(super) fn settle(self, source: &Source, harvest: &mut Harvest) {
        let cut = self.0.into_values().filter(|(_, ended)| !ended);
        for path in cut.filter_map(|(more, _)| more) {
            harvest.incomplete(source);
            harvest.warn(
                source,
                format!(
                    "{}: the list is cut (a nextPageToken without a last page); what is not in it is not known to be gone",
                    path.display()
                ),
            );
        }
    }
}
