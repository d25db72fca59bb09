//! CODEOWNERS of GitHub and GitLab: who reviews changes of a repository, and so who knows it.
//!
//! Syntax: "About code owners" of the GitHub documentation; "Syntax of CODEOWNERS file" and "Advanced
//! CODEOWNERS configuration" of GitLab's. The last rule that matches a path decides; in GitLab in each
//! section by itself. The file does not say of which repository it is: the source's domain does.

use std::collections::BTreeMap;
use std::path::Path;

use super::github::{actions_name, repository_name};
use super::stream::each_line;
use super::{ConnectError, Connector, Input};
use crate::record::{Harvest, Record, Source, parse_key};
use crate::text::{glob, printable};

/// A file that no rule for particular files or folders names: rules for everything match it alone.
const ANYTHING: &str = "\u{1}/\u{1}";
/// A workflow that no rule names.
const WORKFLOW: &str = ".github/workflows/\u{1}.yml";
/// Folders in which the file may lie inside a repository.
const FOLDERS: &[&str] = &[".github", ".gitlab", "docs"];

/// Whether a file is one by its name.
pub(super) fn recognise(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().ends_with("CODEOWNERS"))
}

pub(super) fn connect(
    source: &Source,
    inputs: &[Input],
    harvest: &mut Harvest,
) -> Result<(), ConnectError> {
    let paths = harvest
        .joins
        .paths
        .get(&source.name)
        .cloned()
        .unwrap_or_default();
    let mut read: BTreeMap<(String, String), String> = BTreeMap::new();
    for input in inputs {
        let place = Place::of(source, input.path())?;
        let path = input.path().display().to_string();
        let key = (place.host.clone(), place.repository.to_lowercase());
        if let Some(first) = read.insert(key, path.clone()) {
            harvest.warn(
                source,
                format!(
                    "{first} and {path} both count for the repository {}: the folder around a file gives its name; where it is another repository, give the file a source of its own, with `domain = \"ORG/REPOSITORY\"`",
                    printable(&place.repository, 120)
                ),
            );
        }
        let mut file = Rules {
            is_gitlab: place.host.contains("gitlab"),
            ..Rules::default()
        };
        each_line(input, Connector::Codeowners, &mut |number, line| {
            file.line(number, line);
            Ok(())
        })?;
        if !file.names_owners() {
            if file.lines > 0 {
                return Err(ConnectError::nothing(
                    input,
                    Connector::Codeowners,
                    "line of a path and its owners",
                ));
            }
            // All of it commented out is no mistake.
            let path = input.path().display();
            harvest.warn(source, format!("{path} names no owners"));
            continue;
        }
        file.warn(source, input, harvest);
        harvest.joins.entries += file.rules.len();
        let claim = |local_name: Option<String>, owners: Vec<String>| {
            let mut record = Record::new(source, None);
            record.local_name = local_name;
            let mut owners = owners.into_iter();
            record.facts.owner = owners.next();
            record.facts.secondary_owners = owners.collect();
            record
        };
        let of_repository = file.owners(ANYTHING);
        let of_workflows = file.owners(WORKFLOW);
        // What is said about workflows comes first, so that it holds for the jobs.
        if !of_workflows.is_empty() && of_workflows != of_repository {
            let name = actions_name(&place.host, &place.repository);
            harvest.records.push(claim(Some(name), of_workflows));
        }
        if !of_repository.is_empty() {
            let name = repository_name(&place.host, &place.repository);
            harvest.records.push(claim(Some(name), of_repository));
        }
        for (path, keys) in &paths {
            let owners = file.owners(&probe(path));
            if owners.is_empty() {
                harvest.warn(
                    source,
                    format!("{}: nobody owns {path}", input.path().display()),
                );
                continue;
            }
            for key in keys {
                match parse_key(key) {
                    Ok(alias) => {
                        let mut record = claim(None, owners.clone());
                        record.aliases.push(alias);
                        harvest.records.push(record);
                    }
                    Err(refusal) => harvest.warn(
                        source,
                        format!("paths names {} for {path}: {refusal}", printable(key, 120)),
                    ),
                }
            }
        }
    }
    Ok(())
}

/// A path as configured; a folder stands for what lies in it.
fn probe(path: &str) -> String {
    let path = path.trim_start_matches('/');
    if path.is_empty() || path.ends_with('/') {
        format!("{path}{ANYTHING}")
    } else {
        path.to_owned()
    }
}

/// Of which repository a file is.
struct Place {
    host: String,
    repository: String,
}

impl Place {
    /// From the domain `[HOST/]ORG/REPOSITORY`; of `[HOST/]ORG` the repository is the folder.
    fn of(source: &Source, path: &Path) -> Result<Self, ConnectError> {
        let mut parts: Vec<&str> = source
            .domain
            .as_deref()
            .unwrap_or("")
            .split('/')
            .filter(|part| !part.is_empty())
            .collect();
        let host = match parts.first() {
            Some(host) if host.contains('.') => parts.remove(0).to_lowercase(),
            _ => "github.com".to_owned(),
        };
        let of_folder = || {
            let folders = path.parent()?.components().rev();
            let mut names = folders.filter_map(|part| part.as_os_str().to_str());
            names
                .find(|name| !FOLDERS.contains(name))
                .map(str::to_owned)
        };
        let repository = match parts.as_slice() {
            [] => None,
            [organization] => of_folder().map(|folder| format!("{organization}/{folder}")),
            more => Some(more.join("/")),
        };
        match repository {
            Some(repository) => Ok(Self { host, repository }),
            None => Err(ConnectError::Domain {
                source_name: source.name.clone(),
                connector: Connector::Codeowners.as_str(),
                what: "repository (ORG/REPOSITORY)",
            }),
        }
    }
}

/// A line, or what is left of it.
#[derive(Debug)]
struct Rule {
    pattern: String,
    owners: Vec<String>,
    section: usize,
    /// GitLab: what matches has no owner in this section, whatever other rules say.
    excludes: bool,
}

#[derive(Debug, Default)]
struct Rules {
    rules: Vec<Rule>,
    is_gitlab: bool,
    /// Sections by name, and the owners of each where a line has none.
    names: BTreeMap<String, usize>,
    sections: Vec<Vec<String>>,
    section: usize,
    lines: u64,
    /// Lines and words that are not understood, and where the first stands.
    odd: u64,
    first_odd: u64,
    roles: u64,
}

impl Rules {
    fn line(&mut self, number: u64, line: &str) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return;
        }
        self.lines += 1;
        if let Some((name, owners)) = heading(line) {
            self.is_gitlab = true;
            let owners = self.read_owners(number, owners.split_whitespace());
            // A section that comes again goes on.
            let place = *self.names.entry(name).or_insert(self.sections.len());
            if place == self.sections.len() {
                self.sections.push(owners);
            } else if !owners.is_empty() {
                self.sections[place] = owners;
            }
            self.section = place + 1;
            return;
        }
        let (pattern, rest) = split_pattern(line);
        let excludes = pattern.starts_with('!');
        if excludes && !self.is_gitlab {
            // GitHub does not know it and passes the line over.
            return self.odd_line(number);
        }
        let words: Vec<&str> = rest.split_whitespace().collect();
        let owners = self.read_owners(number, words.iter().copied());
        if owners.is_empty() && words.iter().any(|word| !word.starts_with('#')) && !excludes {
            return self.odd_line(number);
        }
        self.rules.push(Rule {
            pattern: pattern.trim_start_matches('!').to_owned(),
            owners,
            section: self.section,
            excludes,
        });
    }

    fn odd_line(&mut self, number: u64) {
        self.odd += 1;
        if self.first_odd == 0 {
            self.first_odd = number;
        }
    }

    /// Owners in the notation that the catalogue's names are found by.
    fn read_owners<'a>(
        &mut self,
        number: u64,
        words: impl Iterator<Item = &'a str>,
    ) -> Vec<String> {
        let mut out: Vec<String> = Vec::new();
        for word in words {
            if word.starts_with('#') && !self.is_gitlab {
                break;
            }
            let owner = match word.strip_prefix('@') {
                Some(role) if role.starts_with('@') => {
                    self.roles += 1;
                    continue;
                }
                Some("") => None,
                Some(path) if self.is_gitlab => Some(format!("gitlab:{path}")),
                Some(name) if name.matches('/').count() == 1 && !name.ends_with('/') => {
                    Some(format!("github-team:{name}"))
                }
                Some(name) if !name.contains('/') => Some(format!("github-user:{name}")),
                Some(_) => None,
                None if word.contains('@') && !word.ends_with('@') => Some(format!("mail:{word}")),
                None => None,
            };
            match owner {
                Some(owner) if !out.contains(&owner) => out.push(owner),
                Some(_) => {}
                // A comment behind the owners, where GitLab knows none.
                None if self.is_gitlab => {}
                None => self.odd_line(number),
            }
        }
        out
    }

    /// The owners of a path, the first team before the people: a team is who can be reached.
    fn owners(&self, path: &str) -> Vec<String> {
        let mut decides: Vec<Option<&Rule>> = vec![None; self.sections.len() + 1];
        let mut is_excluded = vec![false; self.sections.len() + 1];
        for rule in self
            .rules
            .iter()
            .filter(|rule| matches(&rule.pattern, path))
        {
            if rule.excludes {
                is_excluded[rule.section] = true;
            } else {
                decides[rule.section] = Some(rule);
            }
        }
        let mut out: Vec<String> = Vec::new();
        for (section, rule) in decides.into_iter().enumerate() {
            let Some(rule) = rule.filter(|_| !is_excluded[section]) else {
                continue;
            };
            let usual = section
                .checked_sub(1)
                .map(|section| &self.sections[section]);
            let owners = match usual {
                Some(usual) if rule.owners.is_empty() => usual,
                _ => &rule.owners,
            };
            for owner in owners {
                if !out.contains(owner) {
                    out.push(owner.clone());
                }
            }
        }
        let team = out.iter().position(|owner| {
            owner.starts_with("github-team:")
                || (owner.starts_with("gitlab:") && owner.contains('/'))
        });
        if let Some(team) = team {
            out[..=team].rotate_right(1);
        }
        out
    }

    fn names_owners(&self) -> bool {
        let mut all = self
            .rules
            .iter()
            .map(|rule| &rule.owners)
            .chain(&self.sections);
        all.any(|owners| !owners.is_empty()) || self.roles > 0
    }

    fn warn(&self, source: &Source, input: &Input, harvest: &mut Harvest) {
        let path = input.path().display();
        if self.odd > 0 {
            harvest.warn(
                source,
                format!(
                    "{path}: {} lines or owners are not understood, the first in line {}",
                    self.odd, self.first_odd
                ),
            );
        }
        if self.roles > 0 {
            harvest.warn(
                source,
                format!(
                    "{path}: {} roles are named as owners; who has them is not said",
                    self.roles
                ),
            );
        }
    }
}

/// `[Name]`, `^[Name][2] @owners`: the name and what stands behind it.
fn heading(line: &str) -> Option<(String, &str)> {
    let (name, mut rest) = line
        .strip_prefix('^')
        .unwrap_or(line)
        .strip_prefix('[')?
        .split_once(']')?;
    if let Some(inside) = rest.strip_prefix('[') {
        let (count, behind) = inside.split_once(']')?;
        count.bytes().all(|b| b.is_ascii_digit()).then_some(())?;
        rest = behind;
    }
    // A pattern with a range in it is none.
    (!name.is_empty() && (rest.is_empty() || rest.starts_with(char::is_whitespace)))
        .then(|| (name.trim().to_lowercase(), rest))
}

/// The pattern, with its escapes taken out, and the rest of the line.
fn split_pattern(line: &str) -> (String, &str) {
    let mut pattern = String::new();
    let mut chars = line.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => pattern.extend(chars.next().map(|(_, c)| c)),
            c if c.is_whitespace() => return (pattern, &line[at..]),
            c => pattern.push(c),
        }
    }
    (pattern, "")
}

/// Whether a pattern matches a path, as .gitignore has it: a slash at the front or inside ties it to
/// the root, one at the end means a folder, and a folder stands for all in it.
fn matches(pattern: &str, path: &str) -> bool {
    let is_folder = pattern.ends_with('/');
    let body = pattern.trim_end_matches('/');
    let anchored = body.contains('/');
    let body = body.trim_start_matches('/');
    if body.is_empty() {
        // `/` alone is the root and so everything.
        return pattern.starts_with('/');
    }
    let mut wanted: Vec<&str> = Vec::new();
    if !anchored {
        wanted.push("**");
    }
    for segment in body.split('/') {
        // Twice any number of segments is once; a line of many would take for ever.
        if segment != "**" || wanted.last() != Some(&"**") {
            wanted.push(segment);
        }
    }
    let parts: Vec<&str> = path.split('/').collect();
    // `docs/*` owns the files of the folder and not those of folders in it.
    let stops = wanted.last().is_some_and(|last| *last == "*") && anchored;
    let longest = if is_folder {
        parts.len().saturating_sub(1)
    } else {
        parts.len()
    };
    (1..=longest)
        .filter(|length| !stops || is_folder || *length == parts.len())
        .any(|length| segments(&wanted, &parts[..length]))
}

/// `**` is any number of segments; the others match one each.
fn segments(wanted: &[&str], parts: &[&str]) -> bool {
    match (wanted.split_first(), parts.split_first()) {
        (None, None) => true,
        (Some((&"**", rest)), _) => (0..=parts.len()).any(|skip| segments(rest, &parts[skip..])),
        (Some((first, wanted)), Some((part, parts))) => {
            glob(first, part) && segments(wanted, parts)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
