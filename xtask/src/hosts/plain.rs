//! wasmtime, in the harness: the plain guest at both levels, attached and baked.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Checked, Given, Row};
use crate::failure::{Failure, While};
use crate::guests::{self, BASELINE, PLAIN, SIMD};
use crate::process;

pub(super) fn check(given: &Given<'_>) -> Result<Checked, Failure> {
    guests::build(given.workspace, &PLAIN)?;
    pages(given)?;
    let mut rows = Vec::new();
    for level in [BASELINE, SIMD] {
        let module = guests::path(given.workspace, &PLAIN, level);
        rows.push(run(given, &module, level.name)?);
    }
    Ok(Checked::rows(rows))
}

fn run(given: &Given<'_>, module: &Path, level: &str) -> Result<Row, Failure> {
    let manifest = given.vectors.manifest()?;
    let folder = &given.vectors.folder;
    let mut vectors = 0;
    for set in manifest["sets"].as_array().into_iter().flatten() {
        let name = |member: &str| folder.join(set[member].as_str().unwrap_or_default());
        let read = |path: &Path| {
            std::fs::read(path).while_doing(|| format!("cannot read {}", path.display()))
        };
        let expected = read(&name("expected"))?;
        let out = folder.join("plain.out.ndjson");
        // Once handed a snapshot, once with nothing but what was baked in.
        let baked = folder.join("plain.baked.wasm");
        given
            .vectors
            .bake(given.workspace, module, &set["config"], &baked)?;
        for with_baked in [false, true] {
            let mut enrich = given.workspace.run_program("whose");
            enrich.arg("enrich").arg(name("events"));
            enrich.arg("--out").arg(&out);
            if with_baked {
                enrich.arg("--baked").arg(&baked);
            } else {
                enrich.arg("--module").arg(module);
                enrich.arg("--config").arg(config(given, &set["config"])?);
                enrich.arg("--snapshot").arg(&given.vectors.snapshot);
            }
            process::quietly(&format!("wasmtime, {level}, {}", set["name"]), &mut enrich)?;
            if read(&out)? != expected {
                return Err(Failure::check(format!(
                    "the {level} module answers {} otherwise than the core does natively (baked: {with_baked})",
                    set["name"]
                )));
            }
            vectors += expected.split(|byte| *byte == b'\n').count() as u64;
        }
    }
    let (events_per_second, memory_bytes) = measure(given, module, &manifest["bench"])?;
    Ok(Row {
        host: format!("wasmtime, {level}"),
        version: wasmtime_version(given)?,
        vectors,
        events_per_second,
        memory_bytes,
    })
}

/// Pages whose command lines are run as they stand.
const PAGES: [&str; 2] = ["docs/hosts/README.md", "docs/hosts/wasmtime.md"];

/// Runs the command lines of the pages, in a folder with the files that they name.
fn pages(given: &Given<'_>) -> Result<(), Failure> {
    let vectors = &given.vectors.folder;
    let folder = given.workspace.target.join("hosts/page");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).while_doing(|| format!("cannot make {}", folder.display()))?;
    let bring = |from: &Path, name: &str| {
        std::fs::copy(from, folder.join(name))
            .while_doing(|| format!("cannot copy {}", from.display()))
            .map(|_| ())
    };
    for guest in guests::ALL {
        for module in guests::build(given.workspace, guest)?.modules {
            let name = module.file_name().unwrap_or_default().to_string_lossy();
            bring(&module, &name)?;
        }
    }
    bring(&given.vectors.snapshot, "inventory.whose")?;
    bring(&vectors.join("signing.key.pub"), "signing.key.pub")?;
    bring(&vectors.join("events.ndjson"), "events.ndjson")?;
    given.vectors.bake(
        given.workspace,
        &guests::path(given.workspace, &PLAIN, SIMD),
        &given.vectors.manifest()?["bench"]["config"],
        &folder.join("baked.wasm"),
    )?;
    let programs = given.workspace.program("whose");
    let programs = programs.parent().unwrap_or(&folder);
    let mut path = vec![programs.to_owned()];
    path.extend(std::env::split_paths(
        &std::env::var_os("PATH").unwrap_or_default(),
    ));
    let path = std::env::join_paths(path)
        .map_err(|error| Failure::new(format!("PATH cannot be written: {error}")))?;
    for page in PAGES {
        let file = given.workspace.root.join(page);
        let text = std::fs::read_to_string(&file)
            .while_doing(|| format!("cannot read {}", file.display()))?;
        let lines: Vec<&str> = command_lines(&text).collect();
        if lines.is_empty() {
            return Err(Failure::check(format!("{page} has no command line")));
        }
        for line in lines {
            let mut words = line.split_whitespace();
            let mut command = Command::new(words.next().unwrap_or_default());
            command.args(words).current_dir(&folder).env("PATH", &path);
            process::quietly(line, &mut command).map_err(|failure| failure.under(page))?;
        }
    }
    Ok(())
}

/// The indented lines of a page that start a program of this project.
fn command_lines(page: &str) -> impl Iterator<Item = &str> {
    page.lines()
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|line| line.starts_with("whose ") || line.starts_with("whose-snapshot "))
}

fn config(given: &Given<'_>, config: &Value) -> Result<std::path::PathBuf, Failure> {
    let path = given.vectors.folder.join("plain.json");
    std::fs::write(&path, config.to_string())
        .while_doing(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// A whole run of the program, start and compilation included, and its memory at the peak.
fn measure(given: &Given<'_>, module: &Path, bench: &Value) -> Result<(f64, u64), Failure> {
    let events = given
        .vectors
        .folder
        .join(bench["events"].as_str().unwrap_or_default());
    let count = std::fs::read(&events)
        .while_doing(|| format!("cannot read {}", events.display()))?
        .iter()
        .filter(|byte| **byte == b'\n')
        .count();
    let mut enrich = given.workspace.run_program("whose");
    enrich.arg("enrich").arg(&events);
    enrich.arg("--module").arg(module);
    enrich.arg("--config").arg(config(given, &bench["config"])?);
    enrich.arg("--snapshot").arg(&given.vectors.snapshot);
    enrich
        .arg("--out")
        .arg(given.vectors.folder.join("plain.out.ndjson"));
    enrich.stdout(std::process::Stdio::null());
    enrich.stderr(std::process::Stdio::null());
    let begun = Instant::now();
    let mut child = enrich
        .spawn()
        .while_doing(|| format!("cannot start `{}`", process::describe(&enrich)))?;
    let status = format!("/proc/{}/status", child.id());
    let (peak, done) = (AtomicU64::new(0), AtomicBool::new(false));
    let ended = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let text = std::fs::read_to_string(&status).unwrap_or_default();
                peak.fetch_max(peak_memory(&text), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let ended = child.wait();
        done.store(true, Ordering::Relaxed);
        ended
    });
    let took = begun.elapsed();
    let ended = ended.while_doing(|| "cannot wait for `whose`".to_owned())?;
    if !ended.success() {
        return Err(Failure::check(format!("`whose enrich` ended with {ended}")));
    }
    Ok((
        count as f64 / took.as_secs_f64(),
        peak.load(Ordering::Relaxed),
    ))
}

/// The line `VmHWM` of a process' status, in bytes; 0 where there is none.
fn peak_memory(status: &str) -> u64 {
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.trim().strip_suffix("kB"))
        .and_then(|number| number.trim().parse::<u64>().ok())
        .map_or(0, |kib| kib * 1024)
}

fn wasmtime_version(given: &Given<'_>) -> Result<String, Failure> {
    let lock = given.workspace.root.join("Cargo.lock");
    let text =
        std::fs::read_to_string(&lock).while_doing(|| format!("cannot read {}", lock.display()))?;
    Ok(text
        .split("[[package]]")
        .find(|package| package.contains("name = \"wasmtime\"\n"))
        .and_then(|package| package.split("version = \"").nth(1))
        .and_then(|rest| rest.split('"').next())
        .unwrap_or_default()
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines_are_indented() {
        let page = "whose enrich\n\n    whose enrich x\n    other\n    whose-snapshot bake y\n";
        let lines: Vec<&str> = command_lines(page).collect();
        assert_eq!(lines, ["whose enrich x", "whose-snapshot bake y"]);
    }

    #[test]
    fn memory_is_read_from_a_status() {
        assert_eq!(peak_memory("VmPeak:\t 9 kB\nVmHWM:\t   12 kB\n"), 12_288);
        assert_eq!(peak_memory(""), 0);
    }
}
