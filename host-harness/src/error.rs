//! What can go wrong, by the party at fault: module file, guest, snapshot, key, configuration.

use std::fmt;

/// A cause in words, where the underlying error is not ours to expose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause(String);

impl Cause {
    /// A cause from anything that prints.
    pub fn new(cause: impl fmt::Display) -> Self {
        Self(cause.to_string())
    }

    /// A cause from an error, with its own causes in the same line.
    #[must_use]
    pub fn of_chain(error: &wasmtime::Error) -> Self {
        let parts: Vec<String> = error.chain().map(ToString::to_string).collect();
        Self(crate::text::printable(
            &parts.join(": "),
            crate::text::MAX_SENTENCE,
        ))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Cause {}

/// A refusal: the guest's code and its own sentence, capped and escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The code (`docs/abi.md`).
    pub code: i32,
    /// The sentence; empty when the guest gave none.
    pub sentence: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.sentence.is_empty() {
            let general = crate::abi::describe(self.code).unwrap_or("a code without a meaning");
            write!(f, "{general} (code {})", self.code)
        } else {
            f.write_str(&self.sentence)
        }
    }
}

impl std::error::Error for Refusal {}

/// Why a call into a guest did not return.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrapClass {
    /// Its time ran out.
    Deadline,
    /// Its fuel ran out.
    Fuel,
    /// It asked for more memory than it may have.
    MemoryLimit {
        /// The limit in bytes.
        cap: usize,
    },
    /// It accessed memory outside its own.
    OutOfBounds,
    /// It ran an `unreachable` instruction: a panic or an abort.
    Unreachable,
    /// Its stack was exhausted.
    StackOverflow,
    /// Any other trap.
    Other(String),
}

impl fmt::Display for TrapClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deadline => f.write_str("its time ran out"),
            Self::Fuel => f.write_str("its fuel ran out"),
            Self::MemoryLimit { cap } => write!(f, "it needed more than its {cap} bytes of memory"),
            Self::OutOfBounds => f.write_str("it accessed memory outside its own"),
            Self::Unreachable => f.write_str("it panicked or aborted"),
            Self::StackOverflow => f.write_str("its stack was exhausted"),
            Self::Other(what) => f.write_str(what),
        }
    }
}

/// Everything that the harness reports.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HarnessError {
    /// No module was named and none lies where modules are looked for.
    #[error("no module found ({}); build one with `cargo xtask demo`, or name one with --module FILE", tried.join(", "))]
    NoModule {
        /// The places that were tried.
        tried: Vec<String>,
    },
    /// The module's file cannot be read.
    #[error("module {module} cannot be read")]
    ModuleUnreadable {
        /// Its name.
        module: String,
        /// Why.
        #[source]
        cause: Cause,
    },
    /// The module is not valid WebAssembly, or uses features that are off here.
    #[error("module {module} is not a WebAssembly module that this host runs")]
    ModuleInvalid {
        /// Its name.
        module: String,
        /// Why.
        #[source]
        cause: Cause,
    },
    /// The module wants something from the host; a plain guest imports nothing.
    #[error(
        "module {module} imports {count} items, `{first}` first; a plain guest imports nothing"
    )]
    ModuleImports {
        /// Its name.
        module: String,
        /// The first import.
        first: String,
        /// How many.
        count: usize,
    },
    /// An export is missing or has another type.
    #[error(
        "module {module} must export `{export}` as {expected}, found {found}; is it a guest of ABI version 1?"
    )]
    ModuleExport {
        /// Its name.
        module: String,
        /// The export.
        export: &'static str,
        /// Its type by the ABI.
        expected: String,
        /// What is there.
        found: String,
    },
    /// Another ABI version.
    #[error(
        "module {module} has ABI version {found}, this host speaks {supported}; use a module and a host of one release"
    )]
    AbiVersion {
        /// Its name.
        module: String,
        /// In the module.
        found: i32,
        /// Here.
        supported: i32,
    },
    /// The host cannot set up what a guest runs on.
    #[error("the WebAssembly engine cannot be set up")]
    Engine {
        /// Why.
        #[source]
        cause: Cause,
    },
    /// A call into the guest did not return.
    #[error("the module failed in {call}: {trap}")]
    Trapped {
        /// The function.
        call: &'static str,
        /// Why.
        trap: TrapClass,
    },
    /// The guest refused a call.
    #[error("the module refused {call}")]
    Refused {
        /// The function.
        call: &'static str,
        /// Code and sentence.
        #[source]
        refusal: Refusal,
    },
    /// The configuration is refused.
    #[error("the configuration is refused")]
    Configuration {
        /// Code and sentence.
        #[source]
        refusal: Refusal,
    },
    /// A snapshot is refused.
    #[error("snapshot {file} is refused")]
    Snapshot {
        /// Its file.
        file: String,
        /// Code and sentence.
        #[source]
        refusal: Refusal,
    },
    /// A snapshot that was attached turns out to be damaged, or is refused when it is used first.
    #[error(
        "snapshot {file} is damaged; check it with `whose-snapshot verify` and build it again, or bake the module again if it is baked in"
    )]
    Damaged {
        /// Its file; several when it may be either.
        file: String,
        /// Code and sentence.
        #[source]
        refusal: Refusal,
    },
    /// A snapshot's file cannot be read.
    #[error("snapshot {file} cannot be read")]
    SnapshotUnreadable {
        /// Its file.
        file: String,
        /// Why.
        #[source]
        cause: Cause,
    },
    /// The file of a mapped snapshot was changed in place.
    #[error(
        "snapshot {file} was changed while it was in use: {what}; publish a snapshot by renaming it into place, and start again, or give --snapshot-access copied"
    )]
    SnapshotChanged {
        /// Its file.
        file: String,
        /// What has changed.
        what: String,
    },
    /// A snapshot does not fit into what a guest can address or may use.
    #[error(
        "snapshot {file} has {need} bytes and the module can be given {cap}; raise the memory cap or attach fewer snapshots"
    )]
    SnapshotTooLarge {
        /// Its file.
        file: String,
        /// Its length.
        need: usize,
        /// The limit.
        cap: usize,
    },
    /// A key is refused.
    #[error("key `{key}` is refused")]
    Key {
        /// The key, escaped.
        key: String,
        /// Code and sentence.
        #[source]
        refusal: Refusal,
    },
    /// What the guest returned does not hold.
    #[error("the module returned something wrong from {call}: {what}")]
    Output {
        /// The function.
        call: &'static str,
        /// What is wrong.
        what: String,
    },
    /// The guest has no room for an input.
    #[error("the module has no room for an input of {len} bytes")]
    NoRoom {
        /// Its length.
        len: usize,
    },
    /// A handle that this session never gave, or that was detached.
    #[error("no attached snapshot has the handle {handle}")]
    UnknownHandle {
        /// The handle.
        handle: u32,
    },
    /// After a failure no fresh instance could be made; events leave unchanged until a swap.
    #[error("no fresh instance could take over; events leave unchanged")]
    Lost {
        /// Why.
        #[source]
        cause: Box<Self>,
    },
}

impl HarnessError {
    /// The guest's error code, where one lies behind this error.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        match self {
            Self::Refused { refusal, .. }
            | Self::Configuration { refusal }
            | Self::Snapshot { refusal, .. }
            | Self::Damaged { refusal, .. }
            | Self::Key { refusal, .. } => Some(refusal.code),
            Self::Lost { cause } => cause.code(),
            _ => None,
        }
    }

    /// Whether the instance that reported this can no longer be relied on.
    #[must_use]
    pub const fn ends_instance(&self) -> bool {
        matches!(
            self,
            Self::Trapped { .. } | Self::Output { .. } | Self::NoRoom { .. }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error;

    #[test]
    fn texts_name_the_party_and_the_remedy() {
        let shown = |error: HarnessError| error.to_string();
        assert_eq!(
            shown(HarnessError::NoModule {
                tried: vec!["a".into(), "b".into()]
            }),
            "no module found (a, b); build one with `cargo xtask demo`, or name one with --module FILE"
        );
        assert_eq!(
            shown(HarnessError::AbiVersion {
                module: "m".into(),
                found: 9,
                supported: 1
            }),
            "module m has ABI version 9, this host speaks 1; use a module and a host of one release"
        );
        assert_eq!(
            shown(HarnessError::Trapped {
                call: "whose_enrich",
                trap: TrapClass::MemoryLimit { cap: 7 }
            }),
            "the module failed in whose_enrich: it needed more than its 7 bytes of memory"
        );
        assert_eq!(
            shown(HarnessError::ModuleImports {
                module: "m".into(),
                first: "env.f".into(),
                count: 2
            }),
            "module m imports 2 items, `env.f` first; a plain guest imports nothing"
        );
        assert_eq!(
            shown(HarnessError::SnapshotChanged {
                file: "s".into(),
                what: "it was written to".into()
            }),
            "snapshot s was changed while it was in use: it was written to; publish a snapshot by renaming it into place, and start again, or give --snapshot-access copied"
        );
        assert_eq!(
            shown(HarnessError::UnknownHandle { handle: 3 }),
            "no attached snapshot has the handle 3"
        );
    }

    #[test]
    fn a_refusal_without_a_sentence_says_its_code() {
        let error = HarnessError::Snapshot {
            file: "x.whose".into(),
            refusal: Refusal {
                code: -8,
                sentence: String::new(),
            },
        };
        assert_eq!(error.to_string(), "snapshot x.whose is refused");
        assert_eq!(
            error.source().map(ToString::to_string).as_deref(),
            Some("the snapshot is not signed and a signature is required (code -8)")
        );
        assert_eq!(error.code(), Some(-8));
        assert!(!error.ends_instance());
    }

    #[test]
    fn trap_classes_read_as_sentences() {
        for (class, text) in [
            (TrapClass::Deadline, "its time ran out"),
            (TrapClass::Fuel, "its fuel ran out"),
            (TrapClass::OutOfBounds, "it accessed memory outside its own"),
            (TrapClass::Unreachable, "it panicked or aborted"),
            (TrapClass::StackOverflow, "its stack was exhausted"),
            (TrapClass::Other("x".into()), "x"),
        ] {
            assert_eq!(class.to_string(), text);
        }
    }
}
