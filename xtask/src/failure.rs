//! What went wrong: a sentence, its causes, and the exit status that goes with it.

use std::fmt;

/// Why a command did not finish, outermost sentence first.
#[derive(Debug)]
pub(crate) struct Failure {
    text: String,
    causes: Vec<String>,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Failed,
    Usage,
    Check,
}

impl Failure {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            causes: Vec::new(),
            kind: Kind::Failed,
        }
    }

    /// The command line was wrong.
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self {
            kind: Kind::Usage,
            ..Self::new(text)
        }
    }

    /// Everything ran, and what was checked does not hold.
    pub(crate) fn check(text: impl Into<String>) -> Self {
        Self {
            kind: Kind::Check,
            ..Self::new(text)
        }
    }

    /// Puts a sentence in front of this one.
    pub(crate) fn under(mut self, text: impl Into<String>) -> Self {
        let inner = std::mem::replace(&mut self.text, text.into());
        self.causes.insert(0, inner);
        self
    }

    pub(crate) fn exit_status(&self) -> u8 {
        match self.kind {
            Kind::Failed => 1,
            Kind::Usage => 2,
            Kind::Check => 3,
        }
    }

    /// The lines for stderr.
    pub(crate) fn report(&self) -> String {
        let mut report = format!("error: {}\n", self.text);
        for cause in &self.causes {
            report.push_str(&format!("caused by: {cause}\n"));
        }
        report
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)?;
        for cause in &self.causes {
            write!(formatter, ": {cause}")?;
        }
        Ok(())
    }
}

/// Adds what was being done to an error that only says what happened.
pub(crate) trait While<T> {
    fn while_doing(self, text: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T, E: fmt::Display> While<T> for Result<T, E> {
    fn while_doing(self, text: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(error.to_string()).under(text()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn report_names_the_outermost_sentence_first() {
        let failure = Failure::check("3 stages failed").under("cannot release");
        assert_eq!(
            failure.report(),
            "error: cannot release\ncaused by: 3 stages failed\n"
        );
        assert_eq!(failure.exit_status(), 3);
        assert_eq!(failure.to_string(), "cannot release: 3 stages failed");
    }
}
