//! Behaviour cases as data: an event, an inventory and what has to come out.
//!
//! A case is one TOML file in `data/AREA/NAME.toml`; `README.md` says what may stand in it. The
//! expectations are written by hand. Whoever runs the core, in process or as a module, gives
//! [`check`] a function that enriches; the cases are the same for all.
//!
//! # What it does not do
//! It writes no expectation and knows no engine but [`native`].

#![forbid(unsafe_code)]

mod case;
mod check;
mod error;
mod expect;
mod inventory;
mod ours;
pub mod samples;
mod spec;

pub use case::{Aligned, Case, all};
pub use check::{Enrich, Ran, check, native};
pub use error::CaseError;
pub use expect::Expect;
