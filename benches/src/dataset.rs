//! An inventory to measure with: its snapshot, and what the vendor's exports say of its AWS identities.
//!
//! `cargo xtask bench` makes both: exports in the vendors' formats, `whose-snapshot build` over them, and
//! `benches/python/truth.py`, which reads the same exports without any code of this project.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use enrich_core::{Check, KeyType, Snapshot, Trust};
use hashbrown::HashMap;
use whose_bench_guest::Pack;

use crate::random::{Lcg, Spread};

/// An inventory on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// How many identities it has.
    pub identities: u64,
    folder: PathBuf,
}

impl Dataset {
    /// The inventory of so many identities below a folder; `None` when it was not made.
    #[must_use]
    pub fn find(below: &Path, identities: u64) -> Option<Self> {
        let folder = below.join(identities.to_string());
        let found = Self { identities, folder };
        (found.snapshot_file().is_file() && found.truth_file().is_file()).then_some(found)
    }

    /// Its size, as measurements call it.
    #[must_use]
    pub fn size(&self) -> String {
        match self.identities {
            n if n % 1_000_000 == 0 => format!("{}M", n / 1_000_000),
            n if n % 1_000 == 0 => format!("{}k", n / 1_000),
            n => n.to_string(),
        }
    }

    /// The snapshot's file.
    #[must_use]
    pub fn snapshot_file(&self) -> PathBuf {
        self.folder.join("snapshot.whose")
    }

    /// What the exports say of each AWS identity.
    #[must_use]
    pub fn truth_file(&self) -> PathBuf {
        self.folder.join("truth.tsv")
    }

    /// A file beside them.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The snapshot's bytes.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(&self) -> anyhow::Result<SnapshotBytes> {
        let path = self.snapshot_file();
        let what = || format!("cannot read {}", path.display());
        let mut file = File::open(&path).with_context(what)?;
        let len = usize::try_from(file.metadata().with_context(what)?.len())?;
        let mut bytes = vec![0; len + 64];
        let from = bytes.as_ptr().align_offset(64);
        file.read_exact(&mut bytes[from..from + len])
            .with_context(what)?;
        Ok(SnapshotBytes { bytes, from, len })
    }

    /// What the exports say.
    ///
    /// # Errors
    /// The file cannot be read, or is empty.
    pub fn truth(&self) -> anyhow::Result<Truth> {
        let path = self.truth_file();
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let starts: Vec<usize> = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .filter(|at| *at < text.len())
            .collect();
        ensure!(!starts.is_empty(), "{} is empty", path.display());
        Ok(Truth { text, starts })
    }
}

/// A snapshot in memory, at a multiple of 64.
#[derive(Debug)]
pub struct SnapshotBytes {
    bytes: Vec<u8>,
    from: usize,
    len: usize,
}

impl SnapshotBytes {
    /// The bytes.
    #[must_use]
    pub fn get(&self) -> &[u8] {
        &self.bytes[self.from..self.from + self.len]
    }

    /// The snapshot, whose bytes were made a moment ago.
    ///
    /// # Errors
    /// It does not open.
    pub fn open(&self) -> anyhow::Result<Snapshot<'_>> {
        Ok(Snapshot::open(
            self.get(),
            Check::ByHost,
            &Trust::default(),
        )?)
    }
}

/// One line of the truth.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// Unique id.
    pub id: &'a str,
    /// ARN.
    pub arn: &'a str,
    /// Account.
    pub account: &'a str,
    /// Name.
    pub name: &'a str,
    /// `aws_iam_role` or `aws_iam_user`.
    pub sub_type: &'a str,
}

/// The AWS identities of an inventory.
#[derive(Debug)]
pub struct Truth {
    text: String,
    starts: Vec<usize>,
}

impl Truth {
    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.starts.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// One of them.
    ///
    /// # Panics
    /// When there are fewer, or the line has not enough columns.
    #[must_use]
    pub fn get(&self, number: usize) -> Identity<'_> {
        let line = self.text[self.starts[number]..]
            .lines()
            .next()
            .expect("a line");
        let mut columns = line.split('\t');
        let mut next = || columns.next().expect("columns of truth.py");
        Identity {
            id: next(),
            arn: next(),
            account: next(),
            name: next(),
            sub_type: next(),
        }
    }
}

/// All keys of a snapshot, as a map from text to identity.
#[must_use]
pub fn map(snapshot: &Snapshot<'_>) -> HashMap<String, u32> {
    let mut map = HashMap::with_capacity(snapshot.key_count());
    for identity in snapshot.identities() {
        for alias in identity.aliases() {
            let [prefix, rest, suffix] = alias.parts;
            map.insert(
                [alias.domain, prefix, rest, suffix].concat(),
                identity.number(),
            );
        }
    }
    map
}

/// Queries over a snapshot's keys. Those that miss differ from a key in its last three characters.
#[must_use]
pub fn queries(snapshot: &Snapshot<'_>, count: usize, spread: Spread, hit: bool) -> (Vec<u8>, f64) {
    let mut random = Lcg::new(17);
    let numbers = spread.draw(count, snapshot.identity_count(), &mut random);
    let (mut pack, mut bytes) = (Pack::default(), 0);
    for number in numbers {
        let Some(identity) = snapshot.identity(number as u32) else {
            continue;
        };
        let aliases: Vec<_> = identity.aliases().collect();
        let alias = aliases[random.below(aliases.len())];
        let mut value = alias.parts.concat();
        if !hit {
            value.truncate(value.len() - 3);
            value.push_str("~~~");
        }
        bytes += alias.domain.len() + value.len();
        pack.push(alias.key_type, alias.domain, &value);
    }
    (pack.finish(), bytes as f64 / count as f64)
}

/// The table that a pipeline without `whose` would be given: one line for each ARN.
///
/// # Errors
/// It cannot be written.
pub fn write_table(snapshot: &Snapshot<'_>, path: &Path) -> anyhow::Result<usize> {
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut out = BufWriter::new(file);
    writeln!(
        out,
        "key,uid,name,type,owner,environment,privilege_tier,privilege_level"
    )?;
    let mut lines = 0;
    for identity in snapshot.identities() {
        for alias in identity
            .aliases()
            .filter(|alias| alias.key_type == KeyType::AwsArn)
        {
            // None of these has a comma or a quote: `truth.py` and the exports see to it.
            let environment = identity.environments().next().map_or("", |e| e.as_str());
            writeln!(
                out,
                "{},{},{},{},{},{environment},{},{}",
                alias.parts.concat(),
                identity.uid().concat(),
                identity.name(),
                identity.sub_type().unwrap_or_default(),
                identity.owner().map_or("", |owner| owner.reference),
                identity
                    .privilege_tier()
                    .map_or(String::new(), |t| t.to_string()),
                identity
                    .privilege_level()
                    .map_or("", |level| level.as_str()),
            )?;
            lines += 1;
        }
    }
    out.flush()?;
    Ok(lines)
}
