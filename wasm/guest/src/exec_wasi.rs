//! The filter as a WASI command: reads `events.ndjson` from the first folder that has it, and calls the
//! filter for each line as Fluent Bit does for each record. Its lines go to standard output.

use crate::fluent_bit::{enrich, free, malloc};
use crate::memory::{self, bytes};
use crate::wasi::{self, STDOUT};

const EVENTS: &str = "events.ndjson";
/// Most bytes of the file.
const MAX_EVENTS: u64 = 1 << 30;
/// Written at once.
const PIECE: usize = 1 << 16;
/// What the filter is told that the tag is.
const TAG: &[u8] = b"whose";

/// The command.
#[unsafe(no_mangle)]
pub extern "C" fn _start() {
    if let Err(why) = run() {
        wasi::log(format_args!("{EVENTS}: {why}"));
    }
}

fn run() -> Result<(), String> {
    let file = wasi::folders()
        .find_map(|folder| folder.open(EVENTS).ok())
        .ok_or("is in none of the folders of accessible_paths")?;
    let size = file.size().map_err(|errno| errno.to_string())?;
    if size > MAX_EVENTS {
        return Err(format!("has {size} bytes, the limit is {MAX_EVENTS}"));
    }
    if size == 0 {
        return Ok(());
    }
    let events = memory::lend(size as usize, 16).ok_or("there is no memory for it")?;
    let filled = file.fill(events).map_err(|errno| errno.to_string())?;
    let events: &[u8] = events.get(..filled).unwrap_or_default();

    // Makes the filter ready, so that the time below is that of the events.
    call(b"{}", &mut Vec::new());
    let begun = wasi::now_ms();
    let mut count = 0_u64;
    let mut output = Vec::new();
    for line in events
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        call(line, &mut output);
        output.push(b'\n');
        count += 1;
        if output.len() >= PIECE {
            wasi::write(STDOUT, &output).map_err(|errno| errno.to_string())?;
            output.clear();
        }
    }
    wasi::write(STDOUT, &output).map_err(|errno| errno.to_string())?;
    let took = begun
        .zip(wasi::now_ms())
        .map_or(0, |(begun, end)| end - begun);
    let memory = core::arch::wasm32::memory_size(0) as u64 * 65_536;
    wasi::log(format_args!(
        "{EVENTS}: {count} events in {took} ms, {memory} bytes of memory"
    ));
    Ok(())
}

/// One record, in the order of the host's calls.
fn call(record: &[u8], output: &mut Vec<u8>) {
    let tag = copy(TAG);
    let copied = copy(record);
    let mut at = enrich(tag, TAG.len() as i32, 0, 0, copied, record.len() as i32);
    while let Some([byte]) = bytes(at, 1)
        && *byte != 0
    {
        output.push(*byte);
        at = at.wrapping_add(1);
    }
    free(tag);
    free(copied);
}

/// Text in memory of the filter, with a NUL behind it; 0 when there is no memory.
fn copy(text: &[u8]) -> i32 {
    let at = malloc(text.len() as i32 + 1);
    if at != 0 {
        let place: *mut u8 = core::ptr::with_exposed_provenance_mut(at as u32 as usize);
        // SAFETY: `malloc` gave one byte more than the text has, and nobody else has them yet.
        unsafe {
            place.copy_from_nonoverlapping(text.as_ptr(), text.len());
            place.add(text.len()).write(0);
        }
    }
    at
}
