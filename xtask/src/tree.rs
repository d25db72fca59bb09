//! Whether a run left the project's files as they were.

use std::process::Command;

use crate::failure::Failure;
use crate::process;
use crate::workspace::Workspace;

/// What git sees of the working tree.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tree {
    status: String,
    differences: String,
}

impl Tree {
    /// The state now; an error when this is no git working tree.
    pub(crate) fn read(workspace: &Workspace) -> Result<Self, Failure> {
        let git = |arguments: &[&str]| {
            process::read(
                Command::new("git")
                    .args(arguments)
                    .current_dir(&workspace.root),
            )
        };
        Ok(Self {
            status: git(&["status", "--porcelain", "--untracked-files=all"])?,
            differences: git(&["diff", "HEAD", "--no-ext-diff"])?,
        })
    }

    /// The files that changed from this state to a later one.
    pub(crate) fn changes(&self, later: &Self) -> Option<String> {
        if self == later {
            return None;
        }
        let known: Vec<&str> = self.status.lines().collect();
        let new: Vec<&str> = later
            .status
            .lines()
            .filter(|line| !known.contains(line))
            .collect();
        Some(if new.is_empty() {
            "files that were changed before have changed again; see `git diff`".to_owned()
        } else {
            new.join("\n")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(status: &str, differences: &str) -> Tree {
        Tree {
            status: status.to_owned(),
            differences: differences.to_owned(),
        }
    }

    #[test]
    fn changes_are_those_of_the_run_only() {
        let before = tree(" M a.rs", "+a");
        assert_eq!(before.changes(&tree(" M a.rs", "+a")), None);
        assert_eq!(
            before.changes(&tree(" M a.rs\n?? b.json", "+a")),
            Some("?? b.json".to_owned())
        );
        assert!(
            before
                .changes(&tree(" M a.rs", "+b"))
                .unwrap()
                .contains("changed again")
        );
    }
}
