//! The behaviour cases and the sample events through the modules: the same bytes as the core in
//! this process gives, and every case holds.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use host_harness::{
    Access, Backend, Check, GuestModule, Layer, Limits, Native, Session, SnapshotFile,
};
use whose_cases::{Case, Ran, all, check, samples};

/// The builds of the plain guest.
const MODULES: &[&str] = &["whose-plain.wasm", "whose-plain.simd128.wasm"];

/// The folder that `cargo xtask` builds guests into, or the one named by `WHOSE_GUESTS`.
fn guests() -> PathBuf {
    if let Some(named) = std::env::var_os("WHOSE_GUESTS").filter(|named| !named.is_empty()) {
        return PathBuf::from(named);
    }
    let executable = std::env::current_exe().expect("this test has a path");
    let target = executable
        .ancestors()
        .find(|folder| folder.file_name().is_some_and(|name| name == "target"));
    target.map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/guests"),
        |target| target.join("guests"),
    )
}

/// The modules that are built. In CI both have to be.
fn modules(test: &str) -> Vec<(&'static str, Arc<GuestModule>)> {
    let folder = guests();
    let mut found = Vec::new();
    for name in MODULES {
        let path = folder.join(name);
        if path.is_file() {
            let module = GuestModule::from_file(&path, Limits::default())
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            found.push((*name, module));
        } else {
            assert!(
                std::env::var_os("CI").is_none(),
                "{} is not built; cargo xtask test builds it first",
                path.display()
            );
            eprintln!(
                "skipped: {test} with {name}, which is not built; cargo xtask test builds it first"
            );
        }
    }
    found
}

fn files(case: &Case) -> Vec<SnapshotFile> {
    case.snapshots
        .iter()
        .enumerate()
        .map(|(number, snapshot)| {
            SnapshotFile::from_bytes(
                &format!("{}, snapshot {number}", case.name),
                snapshot.bytes(),
            )
        })
        .collect()
}

/// The same from files in `folder`, mapped.
fn mapped_files(case: &Case, folder: &Path) -> Vec<SnapshotFile> {
    case.snapshots
        .iter()
        .enumerate()
        .map(|(number, snapshot)| {
            let path = folder.join(format!("{number}.whose"));
            // A file of an earlier case may still be mapped: it is replaced, not written to.
            let _ = std::fs::remove_file(&path);
            std::fs::write(&path, snapshot.bytes()).expect("written");
            SnapshotFile::open(&path, Access::Mapped).expect("opened")
        })
        .collect()
}

/// Enriches with any backend, and gives its counters as JSON. A failure of the module is an error,
/// although events would flow on.
fn run<'s>(
    backend: &mut dyn Backend<'s>,
    config: &[u8],
    files: &'s [SnapshotFile],
    input: &[u8],
) -> Result<Ran, String> {
    backend
        .configure(config)
        .map_err(|error| error.to_string())?;
    for file in files {
        backend
            .attach(file, Check::All, None)
            .map_err(|error| error.to_string())?;
    }
    let enriched = backend.enrich(input);
    if let Some(failure) = enriched.failure {
        return Err(format!("the module failed: {failure}"));
    }
    let output = enriched.bytes.to_vec();
    let counters = backend.counters().map_err(|error| error.to_string())?;
    let stats = serde_json::to_value(counters.events).map_err(|error| error.to_string())?;
    Ok(Ran { output, stats })
}

fn in_module(module: &Arc<GuestModule>, case: &Case, input: &[u8]) -> Result<Ran, String> {
    let mut session = Session::open(Arc::clone(module)).map_err(|error| error.to_string())?;
    let files = files(case);
    run(&mut session, &case.config, &files, input)
}

#[test]
fn every_case_holds_in_every_module_with_the_same_bytes() {
    let cases = all().unwrap_or_else(|error| panic!("{error}"));
    assert!(!cases.is_empty());
    let mut failures = Vec::new();
    let place = tempfile::tempdir().expect("a temporary folder");
    for (name, module) in modules("every case") {
        for case in &cases {
            let files = files(case);
            let native = run(&mut Native::default(), &case.config, &files, &case.event);
            let guest = in_module(&module, case, &case.event);
            if native != guest || native.is_err() {
                failures.push(format!(
                    "{}: {name} and the core in process differ{OLD}: {}",
                    case.name,
                    difference(&guest, &native)
                ));
            }
            let mapped = mapped_files(case, place.path());
            assert!(mapped.iter().all(SnapshotFile::is_mapped) || !cfg!(unix));
            let in_process = run(&mut Native::default(), &case.config, &mapped, &case.event);
            let in_guest = Session::open(Arc::clone(&module))
                .map_err(|error| error.to_string())
                .and_then(|mut session| run(&mut session, &case.config, &mapped, &case.event));
            if in_process != native || in_guest != native {
                failures.push(format!("{}: {name} differs with mapped files", case.name));
            }
            if !case.is_fixme {
                let failed = check(case, &mut |case, input| in_module(&module, case, input));
                failures.extend(
                    failed
                        .into_iter()
                        .map(|failure| format!("{} in {name}: {failure}", case.name)),
                );
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} failures:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

/// What a person should think of first.
const OLD: &str =
    " (a module that is older than the core differs too: cargo xtask test builds it again)";

fn difference(guest: &Result<Ran, String>, native: &Result<Ran, String>) -> String {
    match (guest, native) {
        (Ok(guest), Ok(native)) if guest.output != native.output => {
            first_difference(&guest.output, &native.output)
        }
        (Ok(guest), Ok(native)) => format!("counters {} and {}", guest.stats, native.stats),
        (guest, native) => format!("{:?} and {:?}", guest.as_ref().err(), native.as_ref().err()),
    }
}

/// The events as one batch, and in batches of seven lines: how lines are batched changes nothing.
#[test]
fn the_sample_events_come_out_the_same_in_every_module() {
    let snapshot = samples::snapshot().expect("the samples build");
    let events = samples::events().expect("the sample events");
    let file = [SnapshotFile::from_bytes("samples", snapshot.bytes())];
    let native = run(&mut Native::default(), samples::CONFIG, &file, &events).expect("enriched");
    assert!(native.output.len() > events.len());
    let lines: Vec<&[u8]> = events.split_inclusive(|byte| *byte == b'\n').collect();
    for (name, module) in modules("the sample events") {
        let mut session = Session::open(module).expect("starts");
        session.configure(samples::CONFIG).expect("configured");
        session
            .attach(Layer::new(file[0].clone()))
            .expect("attached");
        let whole = session.enrich_batch(&events);
        assert_eq!(whole.failure, None, "{name}");
        assert!(
            whole.bytes == native.output,
            "{name}{OLD}: {}",
            first_difference(whole.bytes, &native.output)
        );
        let counters = session.counters().expect("counted");
        assert_eq!(
            serde_json::to_value(counters.events).expect("JSON"),
            native.stats,
            "{name}"
        );
        let mut parts = Vec::new();
        for batch in lines.chunks(7) {
            parts.extend_from_slice(session.enrich_batch(&batch.concat()).bytes);
        }
        assert!(
            parts == native.output,
            "{name} in batches: {}",
            first_difference(&parts, &native.output)
        );
    }
}

/// Both around the first byte that differs.
fn first_difference(found: &[u8], wanted: &[u8]) -> String {
    let at = found
        .iter()
        .zip(wanted)
        .take_while(|(found, wanted)| found == wanted)
        .count();
    let part = |bytes: &[u8]| {
        bytes[at.saturating_sub(60)..bytes.len().min(at + 120)]
            .escape_ascii()
            .to_string()
    };
    let line = 1 + found[..at].iter().filter(|byte| **byte == b'\n').count();
    format!(
        "line {line}, byte {at}:\n  {}\n  {}",
        part(found),
        part(wanted)
    )
}
