//! Colours, when a person looks and wants them.

use comfy_table::{Attribute, Cell, Color};
use owo_colors::OwoColorize;

/// Whether to colour. Colour never says what words do not say too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Colour(bool);

/// How loud something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Dim,
    Good,
    Warn,
    Bad,
    Worst,
}

impl Colour {
    /// Colours on a terminal, unless NO_COLOR is set or the terminal is a dumb one.
    pub(crate) fn for_stdout(is_terminal: bool) -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self(is_terminal && !refused && !is_dumb)
    }

    pub(crate) fn good(self, text: &str) -> String {
        if self.0 {
            text.green().to_string()
        } else {
            text.to_owned()
        }
    }

    pub(crate) fn warn(self, text: &str) -> String {
        if self.0 {
            text.yellow().to_string()
        } else {
            text.to_owned()
        }
    }

    pub(crate) fn bad(self, text: &str) -> String {
        if self.0 {
            text.red().to_string()
        } else {
            text.to_owned()
        }
    }

    pub(crate) fn dim(self, text: &str) -> String {
        if self.0 {
            text.dimmed().to_string()
        } else {
            text.to_owned()
        }
    }

    /// Text in a tone.
    pub(crate) fn paint(self, text: &str, tone: Tone) -> String {
        match tone {
            Tone::Plain => text.to_owned(),
            Tone::Dim => self.dim(text),
            Tone::Good => self.good(text),
            Tone::Warn => self.warn(text),
            Tone::Bad | Tone::Worst => self.bad(text),
        }
    }

    /// A table cell. The table measures its cells, so colour is its own business there.
    pub(crate) fn cell(self, text: &str, tone: Tone) -> Cell {
        let cell = Cell::new(text);
        if !self.0 {
            return cell;
        }
        match tone {
            Tone::Plain => cell,
            Tone::Dim => cell.add_attribute(Attribute::Dim),
            Tone::Good => cell.fg(Color::Green),
            Tone::Warn => cell.fg(Color::Yellow),
            Tone::Bad => cell.fg(Color::Red),
            Tone::Worst => cell.fg(Color::Red).add_attribute(Attribute::Bold),
        }
    }
}
