//! Events: from bytes to an observation.
//!
//! A format is one file with a [`FormatReader`] and one line in [`READERS`].

pub(crate) mod envelope;
pub(crate) mod observation;
pub(crate) mod observer;

pub(crate) use event_scan::{bytewise, familiar, findings, index, scan, text, trie, walk};

mod agent;
mod azure_activity;
mod azure_keyvault;
mod cloudtrail;
mod ecs;
mod entra_audit;
mod entra_signin;
mod gcp_audit;
mod github_audit;
mod k8s_audit;
mod mapped;
mod msgraph_activity;
mod o365_ual;
mod ocsf;
mod okta_system_log;
#[cfg(feature = "explain")]
pub(crate) mod passed_over;

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use self::findings::{Findings, Sort};
use self::observation::Observation;
use self::observer::{Field, Observer, Paths};
use self::text::TextBuffers;
use self::trie::{Alias, NodeId, Trie};
use crate::config::Config;
use crate::mapping::Mapping;
use crate::render::style::Rendering;
use crate::vocabulary::Format;

/// How one format is recognised and read.
#[derive(Debug)]
pub(crate) struct FormatReader {
    pub(crate) format: Format,
    /// JSON pointers of the values it needs.
    pub(crate) paths: Paths,
    /// Other names of places, for exporters that rename members: what stands at the first pointer
    /// counts as standing at the second, with everything below.
    pub(crate) aliases: &'static [Alias<'static>],
    /// Paths (of the list above) that some exporters fill with a document in a string. Such a
    /// string is put in its place as the document, and the event is read again.
    pub(crate) unfold: &'static [Field],
    /// Each of its events has one of these at least.
    pub(crate) signs: &'static [Field],
    pub(crate) recognise: fn(&Observer<'_, '_>) -> bool,
    pub(crate) observe: fn(&mut Observer<'_, '_>),
}

/// Every format, in the order in which they are tried.
const READERS: &[FormatReader] = &[
    cloudtrail::READER,
    k8s_audit::READER,
    gcp_audit::READER,
    msgraph_activity::READER,
    entra_signin::READER,
    entra_audit::READER,
    azure_keyvault::READER,
    azure_activity::READER,
    o365_ual::READER,
    github_audit::READER,
    okta_system_log::READER,
    ocsf::READER,
    ecs::READER,
];

/// Readers that are tried before signs are looked for: theirs are most events.
const FIRST: usize = 2;

/// The merged paths of all formats and envelopes.
#[derive(Debug)]
pub(crate) struct Readers {
    pub(crate) trie: Trie,
    /// Nodes of all signs, and the readers whose they are: a bit each, by their numbers.
    signs: Vec<(NodeId, u16)>,
    /// Number of the first envelope path.
    pub(crate) envelope_base: u16,
    /// Number of the first path of the configured mappings.
    mapping_base: u16,
    /// Numbers of the paths of the places that the rendering shares with others.
    shared: Range<usize>,
}

impl Readers {
    pub(crate) fn new<'p>(mappings: &'p [Mapping], rendering: Rendering) -> Self {
        let formats = READERS.iter().map(|reader| reader.paths);
        let dotted = dotted_names();
        let mut aliases: Vec<Alias<'_>> = Vec::new();
        for reader in READERS {
            aliases.extend_from_slice(reader.aliases);
        }
        for (name, path) in &dotted {
            aliases.push((name, path));
        }
        let configured = mappings
            .iter()
            .flat_map(|mapping| mapping.pointers.iter().map(String::as_str));
        let known = formats.chain([envelope::PATHS]).flat_map(Paths::iter);
        let shared = rendering.shared();
        let mut pointers = known
            .map(|pointer| -> &'p str { pointer })
            .chain(configured)
            .chain(shared.iter().copied());
        if rendering == Rendering::Ecs {
            aliases.push(crate::render::ECS_ALIAS);
        }
        let mut ours = core::iter::once("/whose").chain(rendering.ours().iter().copied());
        let trie = Trie::new(&mut ours, &mut pointers, &aliases);
        let mut envelope_base = 0;
        let mut signs: Vec<(NodeId, u16)> = Vec::new();
        for (number, reader) in READERS.iter().enumerate() {
            let paths = reader
                .signs
                .iter()
                .flat_map(|sign| sign.path..sign.path + sign.count);
            for path in paths {
                let node = trie.of_path(usize::from(envelope_base + path));
                match signs.iter_mut().find(|(known, _)| *known == node) {
                    Some((_, readers)) => *readers |= 1 << number,
                    None => signs.push((node, 1 << number)),
                }
            }
            envelope_base += reader.paths.count;
        }
        let mapping_base = envelope_base + envelope::PATHS.count;
        let of_mappings = mappings.iter().map(|mapping| mapping.pointers.len());
        let shared_base = usize::from(mapping_base) + of_mappings.sum::<usize>();
        Self {
            trie,
            signs,
            envelope_base,
            mapping_base,
            shared: shared_base..shared_base + shared.len(),
        }
    }

    /// The nodes of the places that the rendering shares with others.
    pub(crate) fn shared(&self) -> impl Iterator<Item = NodeId> {
        self.shared.clone().map(|path| self.trie.of_path(path))
    }

    /// The paths of an observed event's format or mapping, by the number of the first one.
    pub(crate) fn paths_from<'p>(
        &self,
        base: u16,
        config: &'p Config,
    ) -> impl Iterator<Item = &'p str> {
        let mut at = 0;
        let mut of_format = None;
        for reader in READERS {
            if at == base {
                of_format = Some(reader.paths);
            }
            at += reader.paths.count;
        }
        at = self.mapping_base;
        let mut of_mapping: &[String] = &[];
        for mapping in &config.mappings {
            if at == base && of_format.is_none() {
                of_mapping = &mapping.pointers;
            }
            at += mapping.pointers.len() as u16;
        }
        let of_format = of_format
            .into_iter()
            .flat_map(Paths::iter)
            .map(|pointer| -> &'p str { pointer });
        of_format.chain(of_mapping.iter().map(String::as_str))
    }

    /// Recognises the scanned event and writes what it says. `forced`: the envelope has said which
    /// format is inside.
    pub(crate) fn observe(
        &self,
        buffers: &mut TextBuffers<'_>,
        findings: &Findings,
        config: &Config,
        forced: Option<Format>,
        may_unfold: bool,
        out: &mut Observation,
    ) -> Recognised {
        out.clear(Format::Unknown);
        let mut base = self.mapping_base;
        for mapping in &config.mappings {
            let mut observer = Observer {
                buffers,
                findings,
                trie: &self.trie,
                base,
                default_domain: "",
                out,
            };
            if forced.is_none() && mapped::recognise(&observer, mapping) {
                observer.begin_event(Format::Mapped, config);
                mapped::observe(&mut observer, mapping);
                return Recognised::Yes;
            }
            base += mapping.pointers.len() as u16;
        }
        base = 0;
        let mut candidates = u16::MAX;
        for (number, reader) in READERS.iter().enumerate() {
            if number == FIRST && forced.is_none() {
                candidates = self.candidates(findings);
            }
            if candidates >> number & 1 == 0 {
                base += reader.paths.count;
                continue;
            }
            let mut observer = Observer {
                buffers,
                findings,
                trie: &self.trie,
                base,
                default_domain: "",
                out,
            };
            let is_it = match forced {
                Some(format) => format == reader.format,
                None => (reader.recognise)(&observer),
            };
            if is_it {
                observer.begin_event(reader.format, config);
                if may_unfold && observer.unfold(reader.unfold) {
                    return Recognised::Unfolded(reader.format);
                }
                (reader.observe)(&mut observer);
                return Recognised::Yes;
            }
            base += reader.paths.count;
        }
        Recognised::No
    }

    /// Readers that the scanned event has a sign of. Most of the thirteen are out at once, and
    /// looking into an event is a dozen reads for each.
    fn candidates(&self, findings: &Findings) -> u16 {
        let mut candidates = 0;
        for (node, readers) in &self.signs {
            if findings.get(*node).sort != Sort::Absent {
                candidates |= readers;
            }
        }
        candidates
    }
}

/// Other names of ECS fields: the same with dots, at the top.
fn dotted_names() -> Vec<(String, &'static str)> {
    let mut names = Vec::new();
    for path in ecs::READER.paths.iter() {
        // A name with an escape is one of an object's own, a claim's, and has dots that mean nothing.
        let nested = path.get(1..).filter(|rest| rest.contains('/'));
        if let Some(rest) = nested.filter(|rest| !rest.contains('~')) {
            let mut name = String::from("/");
            let dotted = rest
                .chars()
                .map(|step| if step == '/' { '.' } else { step });
            name.extend(dotted);
            names.push((name, path));
        }
    }
    names
}

/// What came of looking at a scanned event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recognised {
    /// No format has such events.
    No,
    /// It is observed.
    Yes,
    /// It is of this format, and documents that stood in strings now stand in their places in the
    /// inner text, which has to be scanned and observed.
    Unfolded(Format),
}

#[cfg(all(test, feature = "explain"))]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_given_for_paths_that_are_read() {
        for reader in READERS {
            for (pointer, why) in passed_over::reasons(reader.format) {
                let is_read = reader.paths.iter().any(|path| path == *pointer);
                assert!(is_read && !why.is_empty(), "{} {pointer}", reader.format);
            }
        }
    }
}
