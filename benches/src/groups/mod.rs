//! What is measured, one file for each kind.

pub mod attach;
pub mod enrich;
pub mod lookup;
pub mod observe;
pub mod open;
pub mod renderings;

use std::path::PathBuf;

use crate::dataset::Dataset;
use crate::peer::Description;

/// What every group is given.
#[derive(Clone, Debug)]
pub struct Given {
    /// Where inventories lie.
    pub data: PathBuf,
    /// Where modules lie.
    pub modules: PathBuf,
    /// A Python with nothing in it, for the check.
    pub python: PathBuf,
    /// Processes beside us.
    pub peers: Vec<Description>,
    /// Once each, over the smallest.
    pub smoke: bool,
    /// The largest inventory alone.
    pub large: bool,
    /// A part of a group's name.
    pub filter: Option<String>,
}

impl Given {
    /// Whether a group is asked for.
    #[must_use]
    pub fn wants(&self, group: &str) -> bool {
        self.filter
            .as_ref()
            .is_none_or(|filter| group.contains(filter.as_str()))
    }

    /// How often everything runs: `rounds`, but once in a smoke run.
    #[must_use]
    pub const fn rounds(&self, rounds: usize) -> usize {
        if self.smoke { 1 } else { rounds }
    }

    /// A number of things, but few in a smoke run.
    #[must_use]
    pub fn count(&self, count: usize) -> usize {
        if self.smoke { count.min(2_000) } else { count }
    }

    /// Those of the inventories that were made and are of this run.
    #[must_use]
    pub fn datasets(&self, sizes: &[u64]) -> Vec<Dataset> {
        let sizes = match (self.smoke, self.large) {
            (true, _) => &[1_000][..],
            (_, true) => &[10_000_000],
            _ => sizes,
        };
        sizes
            .iter()
            .filter_map(|identities| Dataset::find(&self.data, *identities))
            .collect()
    }

    /// A module's file.
    #[must_use]
    pub fn module(&self, file: &str) -> PathBuf {
        self.modules.join(file)
    }
}

/// The module for hosts with SIMD, and the one for those without.
pub const MODULES: [(&str, &str); 2] = [
    ("whose, wasm simd128", "whose-plain.simd128.wasm"),
    ("whose, wasm baseline", "whose-plain.wasm"),
];
