//! Errors of configuration files: which file, line and column, and the word that was likely meant.

use crate::text::closest;

/// A configuration file that can't be used. Whoever wrote the file is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Not TOML, or not the fields that this file has.
    #[error("{file}, line {line}, column {column}: {reason}{meant}")]
    Syntax {
        /// The file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong.
        reason: String,
        /// `; did you mean "…"`, or empty.
        meant: String,
    },
    /// Well formed, but it does not fit together.
    #[error("{file}{}: {reason}{meant}", line.map_or_else(String::new, |line| format!(", line {line}")))]
    Meaning {
        /// The file.
        file: String,
        /// Line, from 1, where it can be told.
        line: Option<usize>,
        /// What is wrong.
        reason: String,
        /// `; did you mean "…"`, or empty.
        meant: String,
    },
    /// The file can't be read.
    #[error("{file} can't be read: {reason}")]
    Read {
        /// The file.
        file: String,
        /// What the system says.
        reason: String,
    },
}

impl ConfigError {
    /// An error of the TOML reader, with its position.
    pub(crate) fn toml(file: &str, text: &str, error: &toml::de::Error) -> Self {
        let at = error.span().map_or(0, |span| span.start.min(text.len()));
        let before = text.get(..at).unwrap_or("");
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        let message = error.message().replace('\n', " ");
        Self::Syntax {
            file: file.to_owned(),
            line,
            column,
            meant: meant(&message),
            reason: message,
        }
    }

    /// A semantic error about a value that stands in the file.
    pub(crate) fn meaning(
        file: &str,
        text: &str,
        value: &str,
        reason: String,
        candidates: &[&str],
    ) -> Self {
        let quoted = format!("\"{value}\"");
        let line = text
            .lines()
            .position(|line| {
                !line.trim_start().starts_with('#')
                    && (line.contains(&quoted) || line.contains(&format!("[{value}]")))
            })
            .map(|n| n + 1);
        let meant = closest(value, candidates.iter().copied())
            .map_or_else(String::new, |word| format!("; did you mean {word:?}"));
        Self::Meaning {
            file: file.to_owned(),
            line,
            reason,
            meant,
        }
    }
}

/// The closest known key, from the reader's "unknown field `x`, expected one of `a`, `b`".
fn meant(message: &str) -> String {
    let Some(rest) = message.strip_prefix("unknown field `") else {
        return String::new();
    };
    let Some((unknown, rest)) = rest.split_once('`') else {
        return String::new();
    };
    closest(unknown, rest.split('`').skip(1).step_by(2))
        .map_or_else(String::new, |word| format!("; did you mean {word:?}"))
}
