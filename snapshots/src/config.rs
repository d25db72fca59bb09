//! `inventory.toml`: which exports make the inventory, and what goes into the header.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::connect::Connector;
use crate::policy::ConfigError;
use crate::reconcile::{Order, Precedence};
use crate::text::{closest, parse_duration, parse_time};

/// The longest time for which a snapshot can count as fresh, in seconds: ten years.
pub const MOST_VALID_S: u64 = 3653 * 86_400;

/// The inventory configuration, read and checked. Paths are resolved against the file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InventoryConfig {
    /// The file itself.
    pub file: PathBuf,
    /// Name of the organisation.
    pub organization: String,
    /// The central policy; the built-in one when absent.
    pub policy: Option<PathBuf>,
    /// For how long the snapshot counts as fresh, in seconds.
    pub valid_for_s: Option<u64>,
    /// When the inventory was taken.
    pub created_ms: Option<i64>,
    /// Sequence number.
    pub sequence: Option<u64>,
    /// The previous snapshot.
    pub previous: Option<PathBuf>,
    /// Key to sign with.
    pub signing_key: Option<PathBuf>,
    /// Key that pseudonyms of people are made with.
    pub pseudonym_key: Option<PathBuf>,
    /// Which source is believed about which field.
    pub precedence: Precedence,
    /// For how long identities that are gone stay answerable.
    pub tombstone_retention_ms: Option<i64>,
    /// Sources; the first listed wins a conflict, unless `precedence` says otherwise.
    pub sources: Vec<SourceConfig>,
}

/// One source.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceConfig {
    /// Its name, used as provenance.
    pub name: String,
    /// Its connector; `None` = found out from each file.
    pub connector: Option<Connector>,
    /// Its files, patterns already expanded, in order.
    pub files: Vec<PathBuf>,
    /// Why patterns of a source that may be missing name no file.
    pub unmatched: Vec<String>,
    /// Account or cluster, where the export does not say.
    pub domain: Option<String>,
    /// Whether a missing file stops the export.
    pub required: bool,
    /// When the export was taken.
    pub observed_ms: Option<i64>,
    /// For CODEOWNERS: paths of the repository, and the keys of the identities that are declared there.
    pub paths: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    organization: String,
    policy: Option<PathBuf>,
    valid_for: Option<String>,
    created: Option<String>,
    sequence: Option<u64>,
    previous: Option<PathBuf>,
    signing_key: Option<PathBuf>,
    pseudonym_key: Option<PathBuf>,
    #[serde(default)]
    precedence: PrecedenceSpec,
    tombstone_retention: Option<String>,
    #[serde(default)]
    source: Vec<SourceSpec>,
}

/// One order for all fields, or a table with `default` and fields.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum PrecedenceSpec {
    All(String),
    Fields(BTreeMap<String, String>),
}

impl Default for PrecedenceSpec {
    fn default() -> Self {
        Self::Fields(BTreeMap::new())
    }
}

impl PrecedenceSpec {
    /// The orders, or the word that is wrong, what is wrong and what there is.
    fn read(&self) -> Result<Precedence, (String, String, Vec<&'static str>)> {
        let order = |word: &str| {
            Order::parse(word).ok_or_else(|| {
                let words: Vec<&str> = Order::ALL.iter().map(|order| order.as_str()).collect();
                let reason = format!("precedence {word:?} is none of {}", words.join(", "));
                (word.to_owned(), reason, words)
            })
        };
        let mut out = Precedence::default();
        match self {
            Self::All(word) => out.default = order(word)?,
            Self::Fields(fields) => {
                for (name, word) in fields {
                    if name == "default" {
                        out.default = order(word)?;
                        continue;
                    }
                    let known = Precedence::FIELDS.iter().find(|field| *field == name);
                    let field = known.ok_or_else(|| {
                        let fields = Precedence::FIELDS;
                        let reason = format!(
                            "precedence of {name:?}: there is no such field; the fields are default, {}",
                            fields.join(", ")
                        );
                        (name.clone(), reason, fields.to_vec())
                    })?;
                    out.fields.insert(field, order(word)?);
                }
            }
        }
        Ok(out)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceSpec {
    name: String,
    connector: String,
    files: Vec<String>,
    domain: Option<String>,
    #[serde(default = "yes")]
    required: bool,
    observed: Option<String>,
    #[serde(default)]
    paths: BTreeMap<String, Vec<String>>,
}

const fn yes() -> bool {
    true
}

impl InventoryConfig {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// Position and the closest known key.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Read {
            file,
            reason: error.to_string(),
        })?;
        Self::parse(path, &text)
    }

    /// Reads the text of a configuration file that lies at `path`.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let file = path.display().to_string();
        let spec: File =
            toml::from_str(text).map_err(|error| ConfigError::toml(&file, text, &error))?;
        let fault = |value: &str, reason: String, words: &[&str]| {
            ConfigError::meaning(&file, text, value, reason, words)
        };
        let moment = |name: &str, value: Option<&String>| match value {
            None => Ok(None),
            Some(value) => parse_time(value).map(Some).ok_or_else(|| {
                fault(
                    value,
                    format!("{name} = {value:?} is no time such as 2026-03-20T06:00:00Z"),
                    &[],
                )
            }),
        };
        let base = path.parent().unwrap_or_else(|| Path::new(""));
        let valid_for_s = match &spec.valid_for {
            None => None,
            Some(value) => Some(parse_duration(value).ok_or_else(|| {
                fault(
                    value,
                    format!("valid_for = {value:?} is no duration such as 24h, 90m or 7d"),
                    &[],
                )
            })?),
        };
        if let Some(value) = &spec.valid_for
            && valid_for_s.is_some_and(|seconds| seconds > MOST_VALID_S)
        {
            let reason = format!(
                "valid_for = {value:?} is longer than ten years; a snapshot that never gets old warns nobody"
            );
            return Err(fault(value, reason, &[]));
        }
        let precedence = spec
            .precedence
            .read()
            .map_err(|(word, reason, words)| fault(&word, reason, &words))?;
        let tombstone_retention_ms = match &spec.tombstone_retention {
            None => None,
            Some(value) => {
                let ms = parse_duration(value)
                    .and_then(|seconds| i64::try_from(seconds).ok()?.checked_mul(1000));
                Some(ms.ok_or_else(|| {
                    fault(
                        value,
                        format!("tombstone_retention = {value:?} is no duration such as 400d"),
                        &[],
                    )
                })?)
            }
        };
        if spec.source.is_empty() {
            return Err(fault(
                "source",
                "there is no [[source]]; an inventory needs at least one".to_owned(),
                &[],
            ));
        }
        let mut sources: Vec<SourceConfig> = Vec::new();
        let mut reads_stdin = false;
        for source in &spec.source {
            if sources.iter().any(|known| known.name == source.name) {
                return Err(fault(
                    &source.name,
                    format!(
                        "two sources are named {:?}; provenance could not tell them apart",
                        source.name
                    ),
                    &[],
                ));
            }
            let connector = match source.connector.as_str() {
                "auto" => None,
                name => Some(Connector::parse(name).ok_or_else(|| {
                    let names: Vec<&str> = Connector::ALL
                        .iter()
                        .map(|connector| connector.as_str())
                        .chain(["auto"])
                        .collect();
                    fault(
                        name,
                        format!(
                            "there is no connector {name:?}; the connectors are {}",
                            names.join(", ")
                        ),
                        &names,
                    )
                })?),
            };
            if let Some(path) = source.paths.keys().next()
                && connector != Some(Connector::Codeowners)
            {
                return Err(fault(
                    path,
                    format!(
                        "source {:?}: paths is for the connector codeowners alone",
                        source.name
                    ),
                    &[],
                ));
            }
            let (mut files, mut unmatched) = (Vec::new(), Vec::new());
            for pattern in &source.files {
                if pattern == "-" {
                    if std::mem::replace(&mut reads_stdin, true) {
                        return Err(fault(
                            pattern,
                            "standard input (\"-\") can be read once".to_owned(),
                            &[],
                        ));
                    }
                    files.push(PathBuf::from(pattern));
                    continue;
                }
                match expand(&base.join(pattern)) {
                    Ok(found) => files.extend(found),
                    Err(reason) if !source.required => unmatched.push(reason),
                    Err(reason) => {
                        let reason = format!("source {:?}: {reason}", source.name);
                        return Err(fault(pattern, reason, &[]));
                    }
                }
            }
            sources.push(SourceConfig {
                name: source.name.clone(),
                connector,
                files,
                unmatched,
                domain: source.domain.clone(),
                required: source.required,
                observed_ms: moment("observed", source.observed.as_ref())?,
                paths: source.paths.clone(),
            });
        }
        Ok(Self {
            organization: spec.organization,
            policy: spec.policy.map(|policy| base.join(policy)),
            valid_for_s,
            created_ms: moment("created", spec.created.as_ref())?,
            sequence: spec.sequence,
            previous: spec.previous.map(|previous| base.join(previous)),
            signing_key: spec.signing_key.map(|key| base.join(key)),
            pseudonym_key: spec.pseudonym_key.map(|key| base.join(key)),
            precedence,
            tombstone_retention_ms,
            sources,
            file: path.to_owned(),
        })
    }
}

/// Expands `*` and `?` in the file name; directories are named as they are. Sorted, so that the
/// order of a directory does not reach the snapshot.
fn expand(path: &Path) -> Result<Vec<PathBuf>, String> {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    if !name.contains(['*', '?']) {
        return Ok(vec![path.to_owned()]);
    }
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let listed = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let entries = std::fs::read_dir(listed)
        .map_err(|error| format!("{} can't be listed: {error}", listed.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    let found: Vec<PathBuf> = names
        .iter()
        .filter(|entry| crate::text::glob(&name, entry))
        .map(|entry| folder.join(entry))
        .collect();
    if found.is_empty() {
        let near = closest(&name, names.iter().map(String::as_str))
            .map_or_else(String::new, |near| format!("; {near} lies there"));
        return Err(format!("{} names no file{near}", path.display()));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<InventoryConfig, ConfigError> {
        InventoryConfig::parse(Path::new("conf/inventory.toml"), text)
    }

    const GOOD: &str = "organization = \"Northwind\"\npolicy = \"policy.toml\"\nvalid_for = \"24h\"\ncreated = \"2026-03-20T06:00:00Z\"\n\n[[source]]\nname = \"aws\"\nconnector = \"aws_iam_users\"\nfiles = [\"aws/users.json\"]\n";

    #[test]
    fn paths_are_relative_to_the_file() {
        let config = parse(GOOD).unwrap();
        assert_eq!(
            config.policy.as_deref(),
            Some(Path::new("conf/policy.toml"))
        );
        assert_eq!(config.sources[0].files, [Path::new("conf/aws/users.json")]);
        assert_eq!(
            (config.valid_for_s, config.sources[0].required),
            (Some(86_400), true)
        );
    }

    #[test]
    fn errors_name_line_and_meant_word() {
        let message =
            |from: &str, to: &str| parse(&GOOD.replace(from, to)).unwrap_err().to_string();
        let text = message(
            "connector = \"aws_iam_users\"",
            "conector = \"aws_iam_users\"",
        );
        assert!(
            text.contains("line 8") && text.contains("did you mean \"connector\""),
            "{text}"
        );
        let text = message("\"aws_iam_users\"", "\"aws_iam_user\"");
        assert!(
            text.contains("line 8") && text.contains("did you mean \"aws_iam_users\""),
            "{text}"
        );
        assert!(message("24h", "1 day").contains("no duration"));
        assert!(message("24h", "3654d").contains("longer than ten years"));
        assert!(parse(&GOOD.replace("24h", "3653d")).is_ok());
        assert!(message("2026-03-20T06:00:00Z", "yesterday").contains("line 4"));
        let paths = format!("{GOOD}paths = {{ \"terraform/\" = [\"email:x@example.com\"] }}\n");
        let text = parse(&paths).unwrap_err().to_string();
        assert!(text.contains("codeowners alone"), "{text}");
        let right = paths.replace("\"aws_iam_users\"", "\"codeowners\"");
        assert_eq!(
            parse(&right).unwrap().sources[0].paths["terraform/"].len(),
            1
        );
        let twice = format!("{GOOD}{}", &GOOD[GOOD.find("[[source]]").unwrap()..]);
        assert!(
            parse(&twice)
                .unwrap_err()
                .to_string()
                .contains("two sources are named")
        );
        assert!(
            parse("organization = \"x\"")
                .unwrap_err()
                .to_string()
                .contains("no [[source]]")
        );
    }
}
