//! `cargo xtask bench`: measures, and writes down what was measured on which machine.

use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use crate::failure::{Failure, While};
use crate::guests;
use crate::measurements;
use crate::process;
use crate::workspace::Workspace;

const RESULTS: &str = "benches/RESULTS.md";

/// `cargo xtask bench [FILTER | --report]`.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Failure> {
    let criterion = workspace.target.join("criterion");
    if arguments == ["--report"] {
        return write(workspace, &measurements::read(&criterion, None)?);
    }
    let filter = match arguments {
        [] => None,
        [filter] if !filter.starts_with('-') => Some(filter),
        _ => {
            return Err(Failure::usage(
                "`bench` takes one filter, which is a part of a benchmark's name, or --report",
            ));
        }
    };
    guests::build(workspace, &guests::PLAIN)?;
    // What an earlier run left behind, perhaps of benchmarks that are gone, does not count.
    let since = SystemTime::now();
    let mut command = workspace.cargo("bench");
    command.args(["--package", "whose-benches", "--benches"]);
    if let Some(filter) = filter {
        command.args(["--", filter]);
    }
    process::show(&mut command)?;
    let measured = measurements::read(&criterion, Some(since))?;
    match filter {
        None => write(workspace, &measured),
        Some(filter) if measured.is_empty() => Err(Failure::new(format!(
            "no benchmark has `{filter}` in its name"
        ))),
        Some(_) => {
            print!("{}", measurements::tables(&measured));
            Ok(())
        }
    }
}

fn write(workspace: &Workspace, measured: &[measurements::Measurement]) -> Result<(), Failure> {
    if measured.is_empty() {
        return Err(Failure::new(
            "there are no measurements; run `cargo xtask bench`",
        ));
    }
    let path = workspace.root.join(RESULTS);
    let text = format!("{}{}", heading(workspace), measurements::tables(measured));
    std::fs::write(&path, text).while_doing(|| format!("cannot write {RESULTS}"))?;
    println!("wrote {}", workspace.shown(&path));
    Ok(())
}

fn heading(workspace: &Workspace) -> String {
    let unknown = || "unknown".to_owned();
    let rustc = process::read(Command::new(&workspace.rustc).arg("--version"));
    let wasmtime = std::fs::read_to_string(workspace.root.join("Cargo.lock"))
        .ok()
        .and_then(|lock| locked_version(&lock, "wasmtime"));
    let system = process::read(Command::new("uname").arg("-srm"));
    format!(
        "# Benchmark results\n\n\
         Written by `cargo xtask bench`; run it to see your machine's. Times of different machines do not\n\
         compare; ratios within one table do.\n\n\
         | | |\n|---|---|\n\
         | date | {} |\n| commit | {} |\n| processor | {} |\n| memory | {} |\n| system | {} |\n\
         | compiler | {} |\n| wasmtime | {} |\n| commands | `cargo xtask bench` = `cargo xtask guests`, then \
         `cargo bench --package whose-benches --benches` |\n\n\
         Median: of criterion's samples, each divided by its iterations. MAD: median absolute deviation of\n\
         the samples. The interval is bootstrapped. “Time against”: the median divided by that of the other\n\
         row at the same size; below 1 the first is faster.\n",
        date(SystemTime::now()),
        commit(&workspace.root),
        processor().unwrap_or_else(unknown),
        memory().unwrap_or_else(unknown),
        system.unwrap_or_else(|_| std::env::consts::OS.to_owned()),
        rustc.unwrap_or_else(|_| unknown()),
        wasmtime.unwrap_or_else(unknown),
    )
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

/// The day of a moment, in UTC.
fn date(moment: SystemTime) -> String {
    let seconds = moment
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let (year, month, day) = civil(seconds / 86_400);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Year, month and day of a number of days since 1970, by counting eras of 400 years that begin
/// in March: then the leap day is the last of its year.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(59), (1970, 3, 1));
        assert_eq!(civil(11_016), (2000, 2, 29));
        assert_eq!(civil(20_532), (2026, 3, 20));
        assert_eq!(civil(47_482), (2100, 1, 1));
    }

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
