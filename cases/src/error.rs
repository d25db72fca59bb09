//! What is wrong with a case file.

/// A case file that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CaseError {
    /// A file or folder can't be read.
    #[error("{file} can't be read: {reason}")]
    Read {
        /// Which.
        file: String,
        /// What the system says.
        reason: String,
    },
    /// Not the TOML that is expected; the text names line and column.
    #[error("case {case}: {reason}")]
    Toml {
        /// The case.
        case: String,
        /// What is wrong, and where.
        reason: String,
    },
    /// A value that says nothing usable.
    #[error("case {case}, {place}: {value:?} is not {wanted}")]
    Value {
        /// The case.
        case: String,
        /// Where in the file.
        place: String,
        /// The value.
        value: String,
        /// What is accepted there.
        wanted: &'static str,
    },
    /// The event stands in the file not at all or several times.
    #[error("case {case}: give exactly one of event, event_hex and event_base64, found {found}")]
    Event {
        /// The case.
        case: String,
        /// How many stand there.
        found: usize,
    },
    /// The inventory does not fit the snapshot format.
    #[error("case {case}: snapshot {number} can't be built: {reason}")]
    Build {
        /// The case.
        case: String,
        /// Which snapshot, the base being 0.
        number: usize,
        /// Why.
        reason: String,
    },
    /// A case that asserts nothing.
    #[error("case {case}: [expect] is empty; say what has to come out")]
    Empty {
        /// The case.
        case: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_say_where() {
        let error = CaseError::Value {
            case: "a/b".into(),
            place: "identity 0, aliases".into(),
            value: "x".into(),
            wanted: "TYPE[@DOMAIN]:VALUE",
        };
        assert_eq!(
            error.to_string(),
            "case a/b, identity 0, aliases: \"x\" is not TYPE[@DOMAIN]:VALUE"
        );
        let error = CaseError::Event {
            case: "a/b".into(),
            found: 2,
        };
        assert_eq!(
            error.to_string(),
            "case a/b: give exactly one of event, event_hex and event_base64, found 2"
        );
    }
}
