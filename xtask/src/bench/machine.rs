//! What a measurement was taken on: machine, versions, commit, day.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::process;
use crate::workspace::Workspace;

/// Facts about a run, by the names that the report gives them.
pub(super) fn describe(workspace: &Workspace, command: &str) -> Value {
    let unknown = || "unknown".to_owned();
    let rustc = process::read(Command::new(&workspace.rustc).arg("--version"));
    let lock = std::fs::read_to_string(workspace.root.join("Cargo.lock")).unwrap_or_default();
    let system = process::read(Command::new("uname").arg("-srm"));
    let date = process::read(Command::new("date").args(["-u", "+%Y-%m-%d"]));
    json!({
        "date": date.unwrap_or_else(|_| unknown()),
        "commit": commit(&workspace.root),
        "processor": processor().unwrap_or_else(unknown),
        "memory": memory().unwrap_or_else(unknown),
        "system": system.unwrap_or_else(|_| std::env::consts::OS.to_owned()),
        "compiler": rustc.unwrap_or_else(|_| unknown()),
        "wasmtime": locked_version(&lock, "wasmtime").unwrap_or_else(unknown),
        "command": command,
    })
}

fn commit(root: &Path) -> String {
    let git =
        |arguments: &[&str]| process::read(Command::new("git").args(arguments).current_dir(root));
    let Ok(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else {
        return "unknown".to_owned();
    };
    match git(&["status", "--porcelain"]) {
        Ok(status) if status.is_empty() => commit,
        _ => format!("{commit} with changes"),
    }
}

fn processor() -> Option<String> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let model = match std::fs::read_to_string("/proc/cpuinfo") {
        Ok(text) => field(&text, "model name").or_else(|| field(&text, "Hardware")),
        Err(_) => {
            process::read(Command::new("sysctl").args(["-n", "machdep.cpu.brand_string"])).ok()
        }
    };
    let model = model.unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    Some(format!("{model}, {cores} cores"))
}

fn memory() -> Option<String> {
    let bytes = match std::fs::read_to_string("/proc/meminfo") {
        Ok(text) => {
            let kibibytes = field(&text, "MemTotal")?;
            kibibytes.trim_end_matches(" kB").parse::<f64>().ok()? * 1024.0
        }
        Err(_) => process::read(Command::new("sysctl").args(["-n", "hw.memsize"]))
            .ok()?
            .parse()
            .ok()?,
    };
    Some(format!("{:.1} GB", bytes / 1e9))
}

/// The value of the first line `name : value`.
fn field(text: &str, name: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    })
}

/// The version of a package in Cargo.lock.
fn locked_version(lock: &str, package: &str) -> Option<String> {
    let mut lines = lock
        .lines()
        .skip_while(|line| *line != format!("name = \"{package}\""));
    let version = lines.nth(1)?.strip_prefix("version = \"")?;
    Some(version.trim_end_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_file_tells_a_version() {
        let lock = "[[package]]\nname = \"wasmtime-environ\"\nversion = \"1.0.0\"\n\n\
                    [[package]]\nname = \"wasmtime\"\nversion = \"48.0.8\"\n";
        assert_eq!(locked_version(lock, "wasmtime").as_deref(), Some("48.0.8"));
        assert_eq!(locked_version(lock, "extism"), None);
    }

    #[test]
    fn system_files_are_read_by_field() {
        let text = "processor\t: 0\nmodel name\t: Some CPU @ 2.0GHz\nMemTotal:       1024 kB\n";
        assert_eq!(
            field(text, "model name").as_deref(),
            Some("Some CPU @ 2.0GHz")
        );
        assert_eq!(field(text, "MemTotal").as_deref(), Some("1024 kB"));
        assert_eq!(field(text, "model"), None);
    }
}
