//! What must hold for any bytes, as functions that panic when it does not. Each target is one file;
//! libFuzzer and the replay call the same functions.

#![forbid(unsafe_code)]

pub mod change;
pub mod config;
pub mod corpus;
pub mod enrich;
pub mod generate;
pub mod keys;
pub mod probe;
pub mod random;
mod renderings;
pub mod scan;
pub mod snapshot;

mod document;
mod golden;
pub mod pointers;
mod words;

/// One fuzz target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Of the program under `fuzz_targets` and of the folder under `corpus`.
    pub name: &'static str,
    /// Panics when something does not hold for these bytes.
    pub check: fn(&[u8]),
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target {
        name: "scan",
        check: scan::check,
    },
    Target {
        name: "enrich",
        check: enrich::check,
    },
    Target {
        name: "keys",
        check: keys::check,
    },
    Target {
        name: "config",
        check: config::check,
    },
    Target {
        name: "snapshot",
        check: snapshot::check,
    },
];

/// The target of that name.
#[must_use]
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
