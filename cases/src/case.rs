//! Cases: read from their files, with their snapshots built.

use std::path::{Path, PathBuf};

use enrich_core::snapshot::Header;
use enrich_core::vocabulary::LayerKind;
use snapshots::format::build;

use crate::error::CaseError;
use crate::expect::Expect;
use crate::inventory;
use crate::spec::{CaseSpec, LayerSpec, Word};

/// Bytes that begin at a multiple of 64, as snapshots have to.
#[derive(Debug)]
pub struct Aligned {
    buffer: Vec<u8>,
    start: usize,
    len: usize,
}

impl Aligned {
    /// Copies bytes to such a place.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        let mut buffer = vec![0; bytes.len() + 64];
        let start = buffer.as_ptr().align_offset(64).min(64);
        buffer[start..start + bytes.len()].copy_from_slice(bytes);
        Self {
            buffer,
            start,
            len: bytes.len(),
        }
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.start + self.len]
    }
}

/// One case, ready to run.
#[derive(Debug)]
#[non_exhaustive]
pub struct Case {
    /// `AREA/NAME`.
    pub name: String,
    /// What it shows.
    pub title: String,
    /// The core's configuration as JSON.
    pub config: Vec<u8>,
    /// The snapshots in the order in which they are attached.
    pub snapshots: Vec<Aligned>,
    /// The lines that come in.
    pub event: Vec<u8>,
    /// What has to come out.
    pub expect: Expect,
    /// Lies in `data/fixme`: it is known to fail, and has to until it is moved.
    pub is_fixme: bool,
}

/// Every case, in the order of the names.
///
/// # Errors
/// The first file that is no case.
pub fn all() -> Result<Vec<Case>, CaseError> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    let mut files = Vec::new();
    collect(&root, &mut files)?;
    files.sort();
    files
        .iter()
        .map(|file| {
            let name = file
                .strip_prefix(&root)
                .unwrap_or(file)
                .with_extension("")
                .to_string_lossy()
                .replace('\\', "/");
            let text = std::fs::read_to_string(file).map_err(|error| unreadable(file, &error))?;
            Case::parse(&name, &text)
        })
        .collect()
}

fn unreadable(path: &Path, error: &std::io::Error) -> CaseError {
    CaseError::Read {
        file: path.display().to_string(),
        reason: error.to_string(),
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), CaseError> {
    let entries = std::fs::read_dir(folder).map_err(|error| unreadable(folder, &error))?;
    for entry in entries {
        let path = entry.map_err(|error| unreadable(folder, &error))?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            files.push(path);
        }
    }
    Ok(())
}

impl Case {
    /// Reads a case and builds its snapshots.
    ///
    /// # Errors
    /// What is wrong with the file, and where.
    pub fn parse(name: &str, text: &str) -> Result<Self, CaseError> {
        let spec: CaseSpec = toml::from_str(text).map_err(|error| CaseError::Toml {
            case: name.to_owned(),
            reason: error.to_string(),
        })?;
        let config =
            serde_json::to_vec(&spec.config.clone().unwrap_or_default()).map_err(|error| {
                CaseError::Toml {
                    case: name.to_owned(),
                    reason: error.to_string(),
                }
            })?;
        let event = event(name, &spec)?;
        let expect = Expect::read(name, &spec.expect)?;
        let (title, header) = (spec.title, spec.snapshot);
        let base = LayerSpec {
            kind: Word(LayerKind::Shard),
            over: 0,
            created: None,
            sequence: None,
            valid_for_s: header.valid_for_s,
            identity: spec.identity,
            scope: spec.scope,
            network: spec.network,
            rule: spec.rule,
            removed_keys: Vec::new(),
        };
        let mut snapshots: Vec<Aligned> = Vec::new();
        for (number, layer) in std::iter::once(&base)
            .chain(&spec.layer)
            .enumerate()
            .skip(usize::from(header.none))
        {
            let fault = |reason: String| CaseError::Build {
                case: name.to_owned(),
                number,
                reason,
            };
            let mut inventory = inventory::of_layer(name, number, &header, layer)?;
            if layer.kind.0 == LayerKind::Overlay {
                let below = snapshots.get(layer.over).ok_or_else(|| {
                    fault(format!(
                        "it stands over snapshot {}, which comes not before it",
                        layer.over
                    ))
                })?;
                inventory.meta.overlay_of = Some(
                    Header::parse(below.bytes())
                        .map_err(|error| fault(error.to_string()))?
                        .digest,
                );
            }
            snapshots.push(Aligned::new(
                &build(&inventory).map_err(|error| fault(error.to_string()))?,
            ));
        }
        Ok(Self {
            name: name.to_owned(),
            title,
            config,
            snapshots,
            event,
            expect,
            is_fixme: name.starts_with("fixme/"),
        })
    }
}

/// The event's bytes, from the one member that gives them.
fn event(case: &str, spec: &CaseSpec) -> Result<Vec<u8>, CaseError> {
    let fault = |place: &str, value: &str, wanted| CaseError::Value {
        case: case.to_owned(),
        place: place.to_owned(),
        value: value.to_owned(),
        wanted,
    };
    match (&spec.event, &spec.event_hex, &spec.event_base64) {
        (Some(text), None, None) => Ok(text.clone().into_bytes()),
        (None, Some(text), None) => {
            hex(text).ok_or_else(|| fault("event_hex", text, "pairs of hexadecimal digits"))
        }
        (None, None, Some(text)) => {
            base64(text).ok_or_else(|| fault("event_base64", text, "base64"))
        }
        given => {
            let found = usize::from(given.0.is_some())
                + usize::from(given.1.is_some())
                + usize::from(given.2.is_some());
            Err(CaseError::Event {
                case: case.to_owned(),
                found,
            })
        }
    }
}

/// Hexadecimal digits; blanks between bytes, and whole lines after `#`, are for people.
fn hex(text: &str) -> Option<Vec<u8>> {
    let lines = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or(""));
    let mut bytes = Vec::new();
    for word in lines.flat_map(str::split_whitespace) {
        if !word.is_ascii() || word.len() % 2 != 0 {
            return None;
        }
        for at in (0..word.len()).step_by(2) {
            bytes.push(u8::from_str_radix(&word[at..at + 2], 16).ok()?);
        }
    }
    Some(bytes)
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let (mut bits, mut held, mut bytes) = (0_u32, 0_u32, Vec::new());
    for byte in text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=')
    {
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
            bytes.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        Case::parse("area/name", text)
            .map(|case| case.title)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_case_is_read() {
        let case = Case::parse(
            "area/name",
            "title = \"t\"\n[config.limits]\nmax_depth = 5\n",
        );
        assert!(case.unwrap_err().to_string().contains("expect"));
        let case = Case::parse("fixme/name", "title = \"t\"\nevent_hex = \"7b 7d0a # an object\"\nconfig = { limits = { max_depth = 5 } }\n[expect]\nunchanged = true\n").unwrap();
        assert_eq!(case.event, b"{}\n");
        assert_eq!(case.config, br#"{"limits":{"max_depth":5}}"#);
        assert!(case.is_fixme);
        assert_eq!(case.snapshots.len(), 1);
        assert_eq!(case.snapshots[0].bytes().as_ptr() as usize % 64, 0);
        let case = Case::parse("area/name", "title = \"t\"\nevent_base64 = \"e30K\"\nsnapshot = { none = true }\n[expect]\nunchanged = true\n").unwrap();
        assert_eq!(
            (case.event.as_slice(), case.snapshots.len()),
            (&b"{}\n"[..], 0)
        );
    }

    #[test]
    fn mistakes_are_named() {
        let rest = "\nevent = \"{}\"\n[expect]\nunchanged = true\n";
        for (text, wanted) in [
            (
                format!("title = \"t\"\ncolour = 1{rest}"),
                "unknown field `colour`",
            ),
            (
                format!(
                    "title = \"t\"\nidentity = [{{ uid = \"u\", kind = \"iam_rôle\", provider = \"aws\" }}]{rest}"
                ),
                "unknown word \"iam_rôle\"",
            ),
            (
                format!(
                    "title = \"t\"\nidentity = [{{ uid = \"u\", kind = \"iam_role\", provider = \"aws\", aliases = [\"aws_arm:x\"] }}]{rest}"
                ),
                "snapshot 0, identity 0, aliases: \"aws_arm:x\" is not",
            ),
            (
                format!(
                    "title = \"t\"\nidentity = [{{ uid = \"u\", kind = \"iam_role\", provider = \"aws\", aliases = [\"aws_arn:x\"] }}]{rest}"
                ),
                "snapshot 0 can't be built",
            ),
            (
                format!("title = \"t\"\nsnapshot = {{ created = \"soon\" }}{rest}"),
                "created: \"soon\" is not a time",
            ),
            (
                format!("title = \"t\"\nlayer = [{{ kind = \"overlay\", over = 3 }}]{rest}"),
                "snapshot 1 can't be built: it stands over snapshot 3",
            ),
            (
                "title = \"t\"\n[expect]\nunchanged = true\n".to_owned(),
                "found 0",
            ),
            (
                "title = \"t\"\nevent = \"{}\"\nevent_hex = \"7b\"\n[expect]\nunchanged = true\n"
                    .to_owned(),
                "found 2",
            ),
            (
                "title = \"t\"\nevent_hex = \"7\"\n[expect]\nunchanged = true\n".to_owned(),
                "is not pairs of hexadecimal digits",
            ),
            (
                "title = \"t\"\nevent = \"{}\"\n[expect]\n".to_owned(),
                "[expect] is empty",
            ),
        ] {
            let error = refused(&text);
            assert!(error.contains(wanted), "{error}");
        }
    }
}
