//! Events: from bytes to an observation.
//!
//! A format is one file with a [`FormatReader`] and one line in [`READERS`].

pub(crate) mod envelope;
pub(crate) mod observation;
pub(crate) mod scan;
pub(crate) mod text;
pub(crate) mod trie;

mod cloudtrail;
mod k8s_audit;

use self::observation::{Observation, Observer};
use self::scan::Findings;
use self::text::TextBuffers;
use self::trie::Trie;
use crate::config::Config;
use crate::vocabulary::Format;

/// How one format is recognised and read.
#[derive(Debug)]
pub(crate) struct FormatReader {
    pub(crate) format: Format,
    /// JSON pointers of the values it needs.
    pub(crate) paths: &'static [&'static str],
    pub(crate) recognise: fn(&Observer<'_, '_>) -> bool,
    pub(crate) observe: fn(&mut Observer<'_, '_>),
}

/// Every format, in the order in which they are tried.
const READERS: &[FormatReader] = &[cloudtrail::READER, k8s_audit::READER];

/// The merged paths of all formats and envelopes.
#[derive(Debug)]
pub(crate) struct Readers {
    pub(crate) trie: Trie,
    /// Number of the first envelope path.
    pub(crate) envelope_base: u16,
}

impl Readers {
    pub(crate) fn new() -> Self {
        let formats = READERS
            .iter()
            .flat_map(|reader| reader.paths.iter().copied());
        let trie = Trie::new(formats.chain(envelope::PATHS.iter().copied()));
        let envelope_base = READERS.iter().map(|reader| reader.paths.len() as u16).sum();
        Self {
            trie,
            envelope_base,
        }
    }

    /// Recognises the scanned event and writes what it says. `forced`: the envelope has said which
    /// format is inside. False: no format is recognised.
    pub(crate) fn observe(
        &self,
        buffers: &mut TextBuffers<'_>,
        findings: &Findings,
        config: &Config,
        forced: Option<Format>,
        out: &mut Observation,
    ) -> bool {
        out.clear(Format::Unknown);
        let mut base = 0;
        for reader in READERS {
            let mut observer = Observer {
                buffers,
                findings,
                trie: &self.trie,
                base,
                default_domain: config.default_domain(reader.format),
                out,
            };
            let is_it = match forced {
                Some(format) => format == reader.format,
                None => (reader.recognise)(&observer),
            };
            if is_it {
                observer.out.format = reader.format;
                (reader.observe)(&mut observer);
                return true;
            }
            base += reader.paths.len() as u16;
        }
        false
    }
}
