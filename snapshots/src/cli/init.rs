//! `init`: commented configuration files to start from.

use std::path::PathBuf;

use anyhow::{Result, bail};

use super::{Done, files};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folder to write into.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Replace files that are there.
    #[arg(long)]
    force: bool,
}

const INVENTORY: &str = include_str!("../../policies/inventory.example.toml");
const POLICY: &str = include_str!("../../policies/policy.example.toml");

pub(super) fn run(args: &Args) -> Result<Done> {
    let files = [("inventory.toml", INVENTORY), ("policy.toml", POLICY)];
    for (name, _) in files {
        let path = args.folder.join(name);
        if path.exists() && !args.force {
            bail!(
                "{} is there already; say --force to replace it",
                path.display()
            );
        }
    }
    std::fs::create_dir_all(&args.folder)?;
    for (name, text) in files {
        let path = args.folder.join(name);
        files::write_atomically(&path, text.as_bytes(), false)?;
        eprintln!("wrote {}", path.display());
    }
    eprintln!(
        "next: put the exports where inventory.toml names them, then `whose-snapshot build --config {} --out inventory.snap`",
        args.folder.join("inventory.toml").display()
    );
    Ok(Done::Yes)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use snapshots::config::InventoryConfig;
    use snapshots::policy::Policy;

    use super::*;

    #[test]
    fn what_init_writes_can_be_read() {
        let config = InventoryConfig::parse(Path::new("inventory.toml"), INVENTORY).unwrap();
        assert!(!config.sources.is_empty());
        let policy = Policy::parse("policy.toml", POLICY).unwrap();
        assert!(!policy.behavior.is_empty() && !policy.response.is_empty());
    }
}
