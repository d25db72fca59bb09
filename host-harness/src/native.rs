//! The same core without WebAssembly, in this process: for comparison and for speed.

use enrich_core::explain::Decision;
use enrich_core::{Config, Enricher, LookupError};

use crate::abi::{Check, code};
use crate::backend::Backend;
use crate::counters::{Counters, EventCounters, HostCounters};
use crate::error::{HarnessError, Refusal};
use crate::output::count_lines;
use crate::session::Enriched;
use crate::snapshot_file::SnapshotFile;
use crate::text::printable;

/// The core in process. It is part of this program, so its output is not checked as a guest's is,
/// and no limit but those of the configuration applies.
#[derive(Debug)]
pub struct Native<'s> {
    enricher: Enricher<'s>,
    host: HostCounters,
    /// What is attached.
    snapshots: Vec<&'s SnapshotFile>,
}

impl Default for Native<'_> {
    fn default() -> Self {
        Self {
            enricher: Enricher::new(Config::default()),
            host: HostCounters::default(),
            snapshots: Vec::new(),
        }
    }
}

const fn core_check(check: Check) -> enrich_core::Check {
    match check {
        Check::All => enrich_core::Check::All,
        Check::ByHost => enrich_core::Check::ByHost,
        Check::OnFirstTouch => enrich_core::Check::OnFirstTouch,
    }
}

impl Native<'_> {
    /// Whether the files of mapped snapshots are what they were.
    fn check_unchanged(&self) -> Result<(), HarnessError> {
        self.snapshots
            .iter()
            .try_for_each(|snapshot| snapshot.check_unchanged())
    }

    /// What errors call the attached snapshots.
    fn names(&self) -> Vec<&str> {
        self.snapshots
            .iter()
            .map(|snapshot| snapshot.name())
            .collect()
    }

    /// How each event of a line is decided. The modules carry no sentences for people, so this is
    /// asked of the core in process, which is the same code.
    ///
    /// # Errors
    /// Why the line is not read, in words.
    pub fn explain(&mut self, line: &[u8]) -> Result<Vec<Decision>, &'static str> {
        self.enricher.explain_decision(line)
    }
}

impl<'s> Backend<'s> for Native<'s> {
    fn configure(&mut self, config: &[u8]) -> Result<(), HarnessError> {
        let config = Config::from_json(config).map_err(|error| HarnessError::Configuration {
            refusal: Refusal {
                code: code::CONFIGURATION,
                sentence: error.to_string(),
            },
        })?;
        self.enricher.configure(config);
        Ok(())
    }

    fn attach(
        &mut self,
        snapshot: &'s SnapshotFile,
        check: Check,
        now_ms: Option<i64>,
    ) -> Result<(), HarnessError> {
        snapshot.check_unchanged()?;
        match self
            .enricher
            .attach(snapshot.bytes(), core_check(check), now_ms)
        {
            Ok(_) => {
                self.snapshots.push(snapshot);
                Ok(())
            }
            Err(error) => Err(HarnessError::Snapshot {
                file: snapshot.name().to_owned(),
                refusal: Refusal {
                    code: error.code(),
                    sentence: error.to_string(),
                },
            }),
        }
    }

    fn enrich<'a>(&'a mut self, batch: &'a [u8]) -> Enriched<'a> {
        self.host.batches += 1;
        if let Err(error) = self.check_unchanged() {
            self.host.trapped_batches += 1;
            self.host.trapped_lines += count_lines(batch) as u64;
            return Enriched {
                bytes: batch,
                failure: Some(error),
            };
        }
        Enriched {
            bytes: self.enricher.enrich(batch),
            failure: None,
        }
    }

    fn keys(&mut self, batch: &[u8]) -> Result<&[u8], HarnessError> {
        self.check_unchanged()?;
        Ok(self.enricher.keys(batch))
    }

    fn lookup(&mut self, key: &str) -> Result<String, HarnessError> {
        self.check_unchanged()?;
        match self.enricher.lookup(key) {
            Ok(record) => Ok(String::from_utf8_lossy(record).into_owned()),
            Err(LookupError::Snapshot(error)) => Err(HarnessError::Damaged {
                file: self.names().join(" or "),
                refusal: Refusal {
                    code: error.code(),
                    sentence: error.to_string(),
                },
            }),
            Err(error) => Err(HarnessError::Key {
                key: printable(key, 200),
                refusal: Refusal {
                    code: code::KEY_REFUSED,
                    sentence: error.to_string(),
                },
            }),
        }
    }

    fn counters(&mut self) -> Result<Counters, HarnessError> {
        let text = String::from_utf8_lossy(self.enricher.stats_json()).into_owned();
        let events = EventCounters::parse(&text).map_err(|what| HarnessError::Output {
            call: "the core's counters",
            what,
        })?;
        Ok(Counters {
            events,
            host: self.host,
        })
    }
}
