//! Configuration: one JSON document, read once.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::document::{Document, Fault};
use crate::event::scan::MAX_DEPTH;
use crate::mapping::{self, Mapping};
use crate::render::fields::Detail;
use crate::render::style::{LEAST_KEY, People, Rendering, Style};
use crate::snapshot::Trust;
use crate::vocabulary::Format;

/// What stands in front of a public key in configuration and key files.
pub const PUBLIC_KEY_PREFIX: &str = "whose-public-ed25519:";

/// Longest event by default: 16 MiB.
pub const DEFAULT_MAX_EVENT_BYTES: usize = 16 << 20;

/// How events are read, and whom to trust. The default recognises every format, needs no signature
/// and knows no default domains.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Keys that may sign snapshots.
    pub trust: Trust,
    /// Longest event in bytes; longer lines leave unchanged.
    pub max_event_bytes: usize,
    /// Brackets open at once; deeper events leave unchanged.
    pub max_depth: u32,
    /// In the order of the formats, each once.
    default_domains: Vec<(Format, String)>,
    /// In-house logs; tried before the formats.
    pub(crate) mappings: Vec<Mapping>,
    /// How contexts are written.
    pub(crate) style: Style,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            trust: Trust::default(),
            max_event_bytes: DEFAULT_MAX_EVENT_BYTES,
            max_depth: MAX_DEPTH,
            default_domains: Vec::new(),
            mappings: Vec::new(),
            style: Style::default(),
        }
    }
}

/// The configuration is at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// Not the JSON that is expected.
    Json {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// A version of the configuration that this core does not read.
    Version {
        /// In the document.
        found: u64,
    },
    /// A word that is not in a list.
    Word {
        /// Which member.
        member: &'static str,
        /// The word.
        found: String,
        /// What is accepted.
        accepted: &'static str,
    },
    /// A trusted key is not `whose-public-ed25519:` and base64 of 32 bytes.
    TrustedKey {
        /// Its place in the list, from 0.
        number: usize,
    },
    /// The key of pseudonyms is too short to be one.
    PseudonymKey {
        /// Fewest bytes.
        least: usize,
    },
    /// A limit outside its range.
    Limit {
        /// Which.
        member: &'static str,
        /// Greatest value.
        most: u64,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json {
                line,
                column,
                message,
            } => write!(f, "configuration, line {line}, column {column}: {message}"),
            Self::Version { found } => write!(
                f,
                "configuration has version {found}, this core reads version 1; write \"v\":1"
            ),
            Self::Word {
                member,
                found,
                accepted,
            } => {
                write!(
                    f,
                    "configuration: {member} is \"{found}\"; accepted: {accepted}"
                )
            }
            Self::TrustedKey { number } => write!(
                f,
                "configuration: trusted key {number} is not {PUBLIC_KEY_PREFIX} and 44 characters of base64; copy the line from the .pub file"
            ),
            Self::PseudonymKey { least } => write!(
                f,
                "configuration: pseudonym_key needs at least {least} random bytes; `openssl rand -base64 32` makes some"
            ),
            Self::Limit { member, most } => {
                write!(f, "configuration: {member} has to lie between 1 and {most}")
            }
        }
    }
}

impl core::error::Error for ConfigError {}

impl Config {
    /// Reads a configuration (`docs/abi.md` lists its members).
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn from_json(json: &[u8]) -> Result<Self, ConfigError> {
        Self::read(json).map_err(|error| match error {
            ReadError::Config(error) => error,
            ReadError::Fault(fault) => {
                let before = json.get(..fault.at).unwrap_or(json);
                let line_from = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
                ConfigError::Json {
                    line: before.iter().filter(|byte| **byte == b'\n').count() + 1,
                    column: before.len() - line_from + 1,
                    message: fault.message.to_owned(),
                }
            }
        })
    }

    fn read(json: &[u8]) -> Result<Self, ReadError> {
        let mut config = Self::default();
        let mut required = None;
        let (mut detail, mut fields) = (Detail::default(), Vec::new());
        let (mut is_pseudonymous, mut pseudonyms) = (false, People::Pseudonymous(None));
        let mut document = Document::new(json);
        document.object(&mut |document, name| {
            match name.as_str() {
                "v" => match document.number()? {
                    1 => {}
                    found => return Err(ConfigError::Version { found }.into()),
                },
                "rendering" => {
                    config.style.rendering = word("rendering", document.text()?, &RENDERINGS)?;
                }
                "detail" => detail = word("detail", document.text()?, &DETAILS)?,
                "fields" => document.array(&mut |document| {
                    fields.push(document.text()?);
                    Ok::<_, ReadError>(())
                })?,
                "people" => is_pseudonymous = word("people", document.text()?, &PEOPLE)?,
                "pseudonym_key" => {
                    let people = People::of_key(&document.text()?);
                    let short = ConfigError::PseudonymKey { least: LEAST_KEY };
                    pseudonyms = people.ok_or(short)?;
                }
                "ocsf" => document.object(&mut |document, name| {
                    match name.as_str() {
                        "version" => {
                            let version = word("ocsf.version", document.text()?, &OCSF)?;
                            config.style.has_ocsf_1_9 = version;
                        }
                        "typed_homes" => config.style.has_typed_homes = document.bool()?,
                        _ => {}
                    }
                    Ok::<_, ReadError>(())
                })?,
                "default_domains" => document.object(&mut |document, name| {
                    let Some(format) = Format::parse(&name) else {
                        return Err(ReadError::from(ConfigError::Word {
                            member: "default_domains",
                            found: name,
                            accepted: "names of log formats, such as k8s_audit",
                        }));
                    };
                    config.set_default_domain(format, &document.text()?);
                    Ok(())
                })?,
                "trusted_keys" => {
                    let mut keys = Vec::new();
                    document.array(&mut |document| {
                        let number = keys.len();
                        let key = public_key(&document.text()?);
                        keys.push(key.ok_or(ConfigError::TrustedKey { number })?);
                        Ok::<_, ReadError>(())
                    })?;
                    config.trust = Trust::new(keys);
                }
                "mappings" => config.mappings = mapping::read(document)?,
                "require_signature" => required = Some(document.bool()?),
                "limits" => document.object(&mut |document, name| {
                    match name.as_str() {
                        "max_event_bytes" => {
                            let bytes = limit("max_event_bytes", document.number()?, 1 << 30)?;
                            config.max_event_bytes = usize::try_from(bytes).unwrap_or(1 << 30);
                        }
                        "max_depth" => {
                            let most = u64::from(MAX_DEPTH);
                            config.max_depth = limit("max_depth", document.number()?, most)? as u32;
                        }
                        _ => {}
                    }
                    Ok::<_, ReadError>(())
                })?,
                _ => {}
            }
            Ok::<_, ReadError>(())
        })?;
        document.end()?;
        if let Some(required) = required {
            config.trust.require_signature = required;
        }
        config
            .style
            .select(detail, &fields)
            .map_err(|field| ConfigError::Word {
                member: "fields",
                found: field.to_owned(),
                accepted: "the names in docs/fields.md, such as owner or privilege.tier",
            })?;
        if is_pseudonymous {
            config.style.people = pseudonyms;
        }
        Ok(config)
    }

    /// The domain that is meant in events of a format that do not name one.
    #[must_use]
    pub fn default_domain(&self, format: Format) -> &str {
        let mut domains = self.default_domains.iter();
        let named = domains.find(|(known, _)| *known == format);
        named.map_or("", |(_, domain)| domain.as_str())
    }

    /// Sets the domain that is meant in events of a format.
    pub fn set_default_domain(&mut self, format: Format, domain: &str) {
        let domains = &mut self.default_domains;
        domains.retain(|(known, _)| *known != format);
        let at = domains.iter().take_while(|(known, _)| *known < format);
        let at = at.count();
        domains.insert(at, (format, domain.to_owned()));
    }
}

/// Why a configuration is not read; the place of a fault is a byte.
enum ReadError {
    Config(ConfigError),
    Fault(Fault),
}

impl From<ConfigError> for ReadError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<Fault> for ReadError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Words that a member may have, and what each means.
type Words<T, const N: usize> = ([(&'static str, T); N], &'static str);

const RENDERINGS: Words<Rendering, 4> = (
    [
        ("native", Rendering::Native),
        ("ocsf", Rendering::Ocsf),
        ("ecs", Rendering::Ecs),
        ("splunk", Rendering::Splunk),
    ],
    "native, ocsf, ecs, splunk",
);
const DETAILS: Words<Detail, 3> = (
    [
        ("minimal", Detail::Minimal),
        ("standard", Detail::Standard),
        ("full", Detail::Full),
    ],
    "minimal, standard, full",
);
const PEOPLE: Words<bool, 2> = (
    [("named", false), ("pseudonymous", true)],
    "named, pseudonymous",
);
const OCSF: Words<bool, 2> = ([("1.8", false), ("1.9", true)], "1.8, 1.9");

fn word<T: Copy, const N: usize>(
    member: &'static str,
    found: String,
    words: &Words<T, N>,
) -> Result<T, ConfigError> {
    let known = words.0.iter().find(|(word, _)| *word == found);
    known.map(|(_, meaning)| *meaning).ok_or(ConfigError::Word {
        member,
        found,
        accepted: words.1,
    })
}

fn limit(member: &'static str, value: u64, most: u64) -> Result<u64, ConfigError> {
    if (1..=most).contains(&value) {
        Ok(value)
    } else {
        Err(ConfigError::Limit { member, most })
    }
}

/// The key behind [`PUBLIC_KEY_PREFIX`].
#[must_use]
pub fn public_key(text: &str) -> Option<[u8; 32]> {
    let encoded = text.trim().strip_prefix(PUBLIC_KEY_PREFIX)?;
    let encoded = encoded.strip_suffix('=').unwrap_or(encoded);
    if encoded.len() != 43 {
        return None;
    }
    let mut out = [0_u8; 32];
    let (mut bits, mut held, mut at) = (0_u32, 0_u32, 0_usize);
    for byte in encoded.bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            *out.get_mut(at)? = (bits >> held) as u8;
            at += 1;
            bits &= (1 << held) - 1;
        }
    }
    (bits == 0).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_member_is_optional_and_unknown_ones_are_refused() {
        assert_eq!(Config::from_json(b"{}"), Ok(Config::default()));
        let config = Config::from_json(
            br#"{"v":1,"rendering":"native","detail":"standard","default_domains":{"k8s_audit":"prod-eu"},
            "trusted_keys":["whose-public-ed25519:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="],
            "limits":{"max_event_bytes":100,"max_depth":5}}"#,
        )
        .unwrap();
        assert_eq!(config.default_domain(Format::K8sAudit), "prod-eu");
        assert_eq!(config.trust.keys, [core::array::from_fn(|n| n as u8)]);
        assert!(config.trust.require_signature);
        assert_eq!((config.max_event_bytes, config.max_depth), (100, 5));
    }

    #[test]
    fn says_what_is_wrong() {
        for (json, text) in [
            (
                "{\"colour\":1}",
                "configuration, line 1, column 2: unknown member",
            ),
            (
                "{\"v\":2}",
                "configuration has version 2, this core reads version 1; write \"v\":1",
            ),
            (
                "{\"rendering\":\"xml\"}",
                "configuration: rendering is \"xml\"; accepted: native, ocsf, ecs, splunk",
            ),
            (
                "{\"trusted_keys\":[\"x\"]}",
                "configuration: trusted key 0 is not",
            ),
            (
                "{\"limits\":{\"max_depth\":129}}",
                "configuration: max_depth has to lie between 1 and 128",
            ),
            (
                "{\"default_domains\":{\"k8s\":\"x\"}}",
                "configuration: default_domains is \"k8s\"",
            ),
            ("", "configuration, line 1, column 1: an object is expected"),
            (
                "{\"mappings\":[\n{\"name\":\"x\"}]}",
                "configuration, line 2, column 1: a mapping needs `when`",
            ),
            (
                "{\"mappings\":[{\"when\":{\"kind\":\"x\"}}]}",
                "configuration, line 1, column 30: a JSON pointer begins with /",
            ),
            (
                "{\"mappings\":[{\"identities\":[{\"role\":\"owner\"}]}]}",
                "configuration, line 1, column 37: not a role: actor,",
            ),
            (
                "{\"mappings\":[{\"identities\":[{\"keys\":[{\"type\":\"aws_arn\"}]}]}]}",
                "configuration, line 1, column 38: a key needs a type and a value",
            ),
        ] {
            let error = Config::from_json(json.as_bytes()).unwrap_err();
            let error = alloc::string::ToString::to_string(&error);
            assert!(error.starts_with(text), "{error}");
        }
    }
}
