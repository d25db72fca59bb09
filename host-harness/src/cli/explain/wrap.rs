//! Lines for a person: indented, broken at spaces, coloured word by word.

use crate::cli::table::{Colour, Tone};

/// Columns of a line.
const WIDTH: usize = 100;

/// A page of such lines.
#[derive(Debug)]
pub(crate) struct Wrapped {
    text: String,
    colour: Colour,
}

impl Wrapped {
    pub(crate) const fn new(colour: Colour) -> Self {
        Self {
            text: String::new(),
            colour,
        }
    }

    /// Adds a line that begins at column `indent` and goes on at `hang`. A word that is longer than a
    /// line stands alone.
    pub(crate) fn line(&mut self, indent: usize, hang: usize, parts: &[(Tone, &str)]) {
        self.text.push_str(&" ".repeat(indent));
        let mut column = indent;
        let mut is_first = true;
        // Parts follow each other without a space unless they bring one.
        let mut needs_space = false;
        for (tone, part) in parts {
            for (number, word) in part.split(' ').enumerate() {
                needs_space |= number > 0;
                if word.is_empty() {
                    continue;
                }
                let width = word.chars().count();
                if needs_space && !is_first {
                    if column + 1 + width > WIDTH {
                        self.text.push('\n');
                        self.text.push_str(&" ".repeat(hang));
                        column = hang;
                    } else {
                        self.text.push(' ');
                        column += 1;
                    }
                }
                self.text.push_str(&self.colour.paint(word, *tone));
                column += width;
                is_first = false;
                needs_space = false;
            }
        }
        self.text.push('\n');
    }

    /// Adds a line with a label in front, padded so that what follows stands at column `hang`.
    pub(crate) fn labelled(
        &mut self,
        indent: usize,
        hang: usize,
        label: &str,
        parts: &[(Tone, &str)],
    ) {
        self.item(indent, [hang, hang], label, parts);
    }

    /// As [`Self::labelled`]; what follows begins at the first column and goes on at the second.
    pub(crate) fn item(
        &mut self,
        indent: usize,
        [begin, hang]: [usize; 2],
        label: &str,
        parts: &[(Tone, &str)],
    ) {
        self.text.push_str(&" ".repeat(indent));
        self.text.push_str(&self.colour.paint(label, Tone::Dim));
        let column = indent + label.chars().count();
        // `line` begins at its indent; what stands there already is taken from it.
        let gap = begin.saturating_sub(column).max(1);
        self.text.push_str(&" ".repeat(gap));
        let at = self.text.len();
        self.line(column + gap, hang, parts);
        self.text.replace_range(at..at + column + gap, "");
    }

    /// An empty line.
    pub(crate) fn gap(&mut self) {
        self.text.push('\n');
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_spaces_and_hang() {
        let mut page = Wrapped::new(Colour::for_stdout(false));
        page.line(
            2,
            6,
            &[(Tone::Plain, "a"), (Tone::Bad, "b, "), (Tone::Plain, "c")],
        );
        page.line(0, 4, &[(Tone::Plain, &"word ".repeat(25))]);
        page.labelled(2, 10, "label", &[(Tone::Plain, &"x".repeat(120))]);
        page.labelled(2, 4, "label", &[(Tone::Plain, "y")]);
        let twenty = ["word"; 20].join(" ");
        let five = ["word"; 5].join(" ");
        assert_eq!(
            page.finish(),
            format!(
                "  ab, c\n{twenty}\n    {five}\n  label   {}\n  label y\n",
                "x".repeat(120)
            )
        );
    }
}
