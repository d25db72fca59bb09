//! One module instance: an enricher, and the sentence about what went wrong last.

use std::fmt::Display;

use enrich_core::{Check, Config, Enricher, LayerHandle, LookupError, LookupField};

/// Result codes of the ABI that the guest itself uses (`docs/abi.md`).
pub mod code {
    /// Something that cannot happen happened.
    pub const INTERNAL: i32 = -1;
    /// A pointer, length, alignment or flag is out of range.
    pub const BAD_ARGUMENT: i32 = -2;
    /// The configuration is refused.
    pub const BAD_CONFIGURATION: i32 = -3;
    /// A text is no key.
    pub const BAD_KEY: i32 = -16;
    /// More input than one call takes.
    pub const TOO_LARGE: i32 = -17;
    /// A snapshot's declared time is over.
    pub const EXPIRED: i32 = -18;
}

/// Most bytes of one batch: half of what 32-bit pointers reach, so that the output fits as well.
const MAX_BATCH: usize = 1 << 30;

/// Bytes for the host, valid until the next call, or a code.
pub type Reply<'a> = Result<&'a [u8], i32>;

/// The state of one module instance.
#[derive(Debug)]
pub struct Instance {
    enricher: Enricher<'static>,
    error: String,
}

impl Default for Instance {
    fn default() -> Self {
        Self::new()
    }
}

impl Instance {
    /// An instance with the default configuration and no snapshot.
    #[must_use]
    pub fn new() -> Self {
        Self {
            enricher: Enricher::new(Config::default()),
            error: String::new(),
        }
    }

    /// Notes a failure; returns its code.
    pub fn fail(&mut self, code: i32, error: impl Display) -> i32 {
        self.error = error.to_string();
        code
    }

    /// The sentence about the last failure; empty when there was none.
    #[must_use]
    pub fn last_error(&self) -> &[u8] {
        self.error.as_bytes()
    }

    /// The same, as text.
    #[must_use]
    pub fn error(&self) -> &str {
        &self.error
    }

    /// Reads a configuration; 0 or a code.
    pub fn configure(&mut self, json: &[u8]) -> i32 {
        match Config::from_json(json) {
            Ok(config) => {
                self.enricher.configure(config);
                0
            }
            Err(error) => self.fail(code::BAD_CONFIGURATION, error),
        }
    }

    /// Attaches a snapshot; a handle or a code.
    pub fn attach(&mut self, bytes: &'static [u8], flags: i32, now_ms: i64) -> i32 {
        let check = match flags {
            0 => Check::All,
            1 => Check::ByHost,
            2 => Check::OnFirstTouch,
            _ => return self.fail(code::BAD_ARGUMENT, "flags are 0 (verify all), 1 (verified by the host) or 2 (verify chunks on first touch)"),
        };
        match self
            .enricher
            .attach(bytes, check, (now_ms > 0).then_some(now_ms))
        {
            Ok(handle) => handle.number(),
            Err(error) => self.fail(error.code(), error),
        }
    }

    /// Detaches a layer; 0 or a code.
    pub fn detach(&mut self, handle: i32) -> i32 {
        match self.enricher.detach(LayerHandle::from_number(handle)) {
            Ok(()) => 0,
            Err(error) => self.fail(error.code(), error),
        }
    }

    /// Handles of the attached layers, in the order of attaching.
    #[must_use]
    pub fn handles(&self) -> Vec<i32> {
        self.enricher.layers().map(LayerHandle::number).collect()
    }

    /// Enriches a batch.
    ///
    /// # Errors
    /// A code, when the batch is too large.
    pub fn enrich(&mut self, ndjson: &[u8]) -> Reply<'_> {
        if ndjson.len() > MAX_BATCH {
            return Err(self.fail(
                code::TOO_LARGE,
                format_args!(
                    "a batch has {} bytes, the limit is {MAX_BATCH}; split it at line ends",
                    ndjson.len()
                ),
            ));
        }
        if !self.enricher.make_room(ndjson.len()) {
            return Err(self.fail(
                code::TOO_LARGE,
                format_args!(
                    "there is no memory for the output of a batch of {} bytes; hand over less at once, or give the module more",
                    ndjson.len()
                ),
            ));
        }
        Ok(self.enricher.enrich(ndjson))
    }

    /// What was observed in a batch.
    ///
    /// # Errors
    /// A code, when the batch is too large.
    pub fn keys(&mut self, ndjson: &[u8]) -> Reply<'_> {
        if ndjson.len() > MAX_BATCH {
            return Err(self.fail(
                code::TOO_LARGE,
                format_args!(
                    "a batch has {} bytes, the limit is {MAX_BATCH}; split it at line ends",
                    ndjson.len()
                ),
            ));
        }
        Ok(self.enricher.keys(ndjson))
    }

    /// What a key leads to.
    ///
    /// # Errors
    /// A code, when the text is no key.
    pub fn lookup(&mut self, key: &[u8]) -> Reply<'_> {
        let Self { enricher, error } = self;
        answered(key, error, |key| enricher.lookup(key))
    }

    /// One field of what a key leads to; empty when it is not known.
    ///
    /// # Errors
    /// A code, when the text is no key.
    pub fn lookup_field(&mut self, key: &[u8], field: &LookupField<'_>) -> Reply<'_> {
        let Self { enricher, error } = self;
        answered(key, error, |key| enricher.lookup_field(key, field))
    }

    /// How many lines left without context because a snapshot is damaged.
    #[must_use]
    pub const fn damaged(&self) -> u64 {
        self.enricher.stats().damaged
    }

    /// What is attached, as a JSON array.
    pub fn snapshots(&mut self) -> &[u8] {
        self.enricher.snapshots_json()
    }

    /// How many lines were refused so far: they left without context through no choice of theirs.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        let stats = self.enricher.stats();
        stats.not_json + stats.not_utf8 + stats.too_large + stats.too_deep + stats.damaged
    }

    /// The counters.
    pub fn stats(&mut self) -> &[u8] {
        self.enricher.stats_json()
    }
}

fn answered<'a>(
    key: &[u8],
    error: &mut String,
    look_up: impl FnOnce(&str) -> Result<&'a [u8], LookupError>,
) -> Reply<'a> {
    let (code, sentence) = match core::str::from_utf8(key) {
        Ok(key) => match look_up(key) {
            Ok(found) => return Ok(found),
            Err(LookupError::Snapshot(damage)) => (damage.code(), damage.to_string()),
            Err(refused) => (code::BAD_KEY, refused.to_string()),
        },
        Err(_) => (code::BAD_KEY, "key is not UTF-8".to_owned()),
    };
    *error = sentence;
    Err(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_leave_a_code_and_a_sentence() {
        let mut instance = Instance::new();
        assert_eq!(instance.last_error(), b"");
        assert_eq!(instance.configure(b"{\"v\":7}"), code::BAD_CONFIGURATION);
        assert!(
            instance
                .last_error()
                .starts_with(b"configuration has version 7")
        );
        assert_eq!(instance.attach(b"not a snapshot", 0, 0), -4);
        assert_eq!(instance.attach(b"", 9, 0), code::BAD_ARGUMENT);
        assert_eq!(instance.detach(3), -15);
        assert_eq!(instance.lookup(b"\xFF"), Err(code::BAD_KEY));
        assert_eq!(instance.lookup(b"nonsense:x"), Err(code::BAD_KEY));
        assert!(instance.last_error().starts_with(b"key type is not known"));
    }

    #[test]
    fn events_flow_without_a_snapshot() {
        let mut instance = Instance::new();
        let line =
            b"{\"eventSource\":\"s3.amazonaws.com\",\"eventName\":\"X\",\"userIdentity\":{}}\n";
        assert_eq!(instance.enrich(line), Ok(line.as_slice()));
        assert!(
            instance
                .stats()
                .starts_with(b"{\"lines\":1,\"events\":1,\"enriched\":0")
        );
    }
}
