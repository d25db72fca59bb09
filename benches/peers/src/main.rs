//! VRL as Vector runs it, beside whose: JSON is decoded to a VRL value, a compiled program asks a table, and
//! the value is encoded again.
//!
//! `whose-peers EVENTS TABLE FOLDER`: the table is Vector's enrichment table of type `file` ([`file_table`]) behind
//! `get_enrichment_table_record`. Obeys the lines `pass` and `write PATH` (`benches/src/peer.rs`).

mod file_table;
mod functions;

use std::fs::File;
use std::io::{BufRead, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use vrl::compiler::runtime::Runtime;
use vrl::compiler::{Program, TargetValue, TimeZone};
use vrl::value::{Secrets, Value};

use file_table::FileTable;
use functions::GetRecord;

type Failure = Box<dyn std::error::Error>;

const PROGRAM: &str = r#"
arn = .userIdentity.sessionContext.sessionIssuer.arn || .userIdentity.arn
row, err = get_enrichment_table_record("identities", { "key": arn })
if err == null { .identity = row }
"#;
const HOW: &str = "lines in memory; serde_json to a VRL value (Vector's json codec), a compiled program with get_enrichment_table_record \
    over Vector's file table (SeaHash of the key, rows compared), serde_json::to_vec";

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [events, table, _folder] = &arguments[..] else {
        return Err("usage: whose-peers EVENTS TABLE FOLDER".into());
    };
    let table = FileTable::read(Path::new(table), "key", &["privilege_tier"])?;
    let function = Box::new(GetRecord(Arc::new(table))) as Box<dyn vrl::compiler::Function>;
    let compiled = vrl::compiler::compile(PROGRAM, &[function])
        .map_err(|list| format!("the program does not compile: {list:?}"))?;
    let events = std::fs::read(events)?;
    let lines: Vec<&[u8]> = events
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .collect();

    let ready = serde_json::json!({"peer": "VRL", "version": "0.38.0", "how": HOW});
    println!("{ready}");
    let mut runtime = Runtime::default();
    for order in std::io::stdin().lock().lines() {
        let order = order?;
        let (begun, cpu) = (Instant::now(), of_this_thread());
        let out = pass(&compiled.program, &mut runtime, &lines)?;
        let wall = begun.elapsed();
        let cpu = of_this_thread()
            .zip(cpu)
            .map_or(wall, |(now, then)| now - then);
        if let Some(path) = order.strip_prefix("write ") {
            let mut file = BufWriter::new(File::create(path)?);
            for line in out {
                file.write_all(&line)?;
                file.write_all(b"\n")?;
            }
            file.flush()?;
        }
        let took =
            serde_json::json!({"cpu_ns": cpu.as_nanos() as u64, "wall_ns": wall.as_nanos() as u64});
        println!("{took}");
    }
    Ok(())
}

/// What processors spent on this thread; `None` where the system does not tell.
#[cfg(unix)]
fn of_this_thread() -> Option<Duration> {
    Duration::try_from(rustix::time::clock_gettime(
        rustix::time::ClockId::ThreadCPUTime,
    ))
    .ok()
}

#[cfg(not(unix))]
fn of_this_thread() -> Option<Duration> {
    None
}

fn pass(
    program: &Program,
    runtime: &mut Runtime,
    lines: &[&[u8]],
) -> Result<Vec<Vec<u8>>, Failure> {
    let timezone = TimeZone::default();
    let mut out = Vec::with_capacity(lines.len());
    for line in lines {
        let mut target = TargetValue {
            value: serde_json::from_slice(line)?,
            metadata: Value::Object(Default::default()),
            secrets: Secrets::default(),
        };
        runtime.clear();
        runtime
            .resolve(&mut target, program, &timezone)
            .map_err(|error| error.to_string())?;
        out.push(serde_json::to_vec(&target.value)?);
    }
    Ok(out)
}
