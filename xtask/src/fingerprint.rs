//! A short value that changes when any of the files it covers changes.

use std::fmt;
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};

use crate::failure::{Failure, While};

/// Gathers what an output depends on. It answers “did anything change by accident”, not “did
/// somebody forge it”: a 64-bit hash is enough.
pub(crate) struct Fingerprint {
    hasher: DefaultHasher,
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Fingerprint")
            .finish_non_exhaustive()
    }
}

impl Fingerprint {
    pub(crate) fn new() -> Self {
        Self {
            hasher: DefaultHasher::new(),
        }
    }

    /// Adds a text, its length included: `ab` + `c` differs from `a` + `bc`.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.hasher.write_usize(bytes.len());
        self.hasher.write(bytes);
    }

    /// Adds a file, or every file below a folder, by name and content.
    pub(crate) fn add_path(&mut self, root: &Path, relative: &str) -> Result<(), Failure> {
        let mut files = Vec::new();
        list(&root.join(relative), &mut files)?;
        files.sort();
        for file in files {
            let content =
                std::fs::read(&file).while_doing(|| format!("cannot read {}", file.display()))?;
            self.add(
                file.strip_prefix(root)
                    .unwrap_or(&file)
                    .to_string_lossy()
                    .as_bytes(),
            );
            self.add(&content);
        }
        Ok(())
    }

    pub(crate) fn finish(&self) -> String {
        format!("{:016x}", self.hasher.finish())
    }
}

fn list(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    if path.is_file() {
        files.push(path.to_owned());
        return Ok(());
    }
    let entries =
        std::fs::read_dir(path).while_doing(|| format!("cannot list {}", path.display()))?;
    for entry in entries {
        let entry = entry.while_doing(|| format!("cannot list {}", path.display()))?;
        list(&entry.path(), files)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(root: &Path) -> String {
        let mut fingerprint = Fingerprint::new();
        fingerprint.add_path(root, "sources").unwrap();
        fingerprint.finish()
    }

    #[test]
    fn content_and_names_count_and_the_place_does_not() {
        let folder = std::env::temp_dir().join(format!("whose-fingerprint-{}", std::process::id()));
        let (here, there) = (folder.join("here"), folder.join("there"));
        for root in [&here, &there] {
            std::fs::create_dir_all(root.join("sources/deep")).unwrap();
            std::fs::write(root.join("sources/a.rs"), "one").unwrap();
            std::fs::write(root.join("sources/deep/b.rs"), "two").unwrap();
        }
        let before = of(&here);
        assert_eq!(before, of(&there));
        std::fs::write(here.join("sources/deep/b.rs"), "three").unwrap();
        let changed = of(&here);
        assert_ne!(before, changed);
        std::fs::rename(there.join("sources/a.rs"), there.join("sources/c.rs")).unwrap();
        assert_ne!(before, of(&there));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
