//! What happened, for a person: enriched events as a table in which the usual is folded away.

mod colour;
mod print;
mod row;
mod story;

pub(crate) use colour::{Colour, Tone};
pub(crate) use row::Row;
pub(crate) use story::Story;
