//! The exports for Fluent Bit's `filter_wasm` (`docs/hosts/fluent-bit.md`).
//!
//! For each record the host asks [`malloc`] for two blocks, copies tag and record into them, each with
//! a NUL behind it, calls [`enrich`], copies its result up to the first NUL, and gives the blocks back
//! to [`free`]. It checks neither whether `malloc` gave memory nor whether the result is its record:
//! a trap, a null pointer or text that is no JSON object makes it drop the record. So nothing here
//! traps, and whatever goes wrong, the record leaves as it came.
//!
//! The host upholds: a pointer and a length that it passes name memory of [`malloc`], which it does not
//! change while the call lasts.

use core::cell::UnsafeCell;

use crate::instance::{Instance, code};
use crate::memory::{self, bytes};
use crate::state;
use crate::wasi::{self, Errno, Folder};

/// The snapshot, in one of the folders that `accessible_paths` names.
const SNAPSHOT: &str = "snapshot.whose";
/// An overlay over it; not needed.
const OVERLAY: &str = "overlay.whose";
/// The configuration, as JSON; not needed.
const CONFIG: &str = "whose.json";
/// Most bytes of the configuration.
const MAX_CONFIG: u64 = 16 << 20;
/// Where a snapshot starts is a multiple of this.
const SNAPSHOT_ALIGN: i32 = 64;

/// The `flags` of `whose_attach`: check nothing, check everything.
const BY_HOST: i32 = 1;
const ALL: i32 = 0;

/// Bytes before each block of [`malloc`]: its length, and the length with [`MARK`]. Keeps the block
/// aligned to as much.
const HEADER: usize = 16;
const MARK: u32 = 0x7768_6F73;

/// Memory that has to be there before a record is enriched, beside four times its length.
const HEADROOM: usize = 1 << 20;

/// What is returned in a record's stead when the host did not pass it. Nothing is left of the record
/// but the time and the tag, and an event that says so is better than none.
const LOST: &[u8] =
    b"{\"whose_error\":\"the record did not fit into the memory of the module and is lost\"}\0";
/// The same in MessagePack: a map with one member.
const CUT: &[u8] =
    b"\x81\xABwhose_error\xD9\x56this record has a zero byte in MessagePack and is lost: set event_format of it to json\0";

const _: () = assert!(CUT.len() == 2 + 11 + 2 + 0x56 + 1);

/// What the filter keeps beside the instance.
struct Filter {
    prepared: bool,
    /// The result of the last call. One buffer for all calls: the host does not give it back.
    output: Vec<u8>,
    faults: Counter,
    lost: Counter,
    msgpack: Counter,
}

/// Counts what is logged the 1st, 2nd, 4th, 8th … time.
struct Counter(u64);

impl Counter {
    /// Counts; whether to speak of it.
    fn count(&mut self) -> bool {
        self.0 = self.0.saturating_add(1);
        self.0.is_power_of_two()
    }
}

struct Cell(UnsafeCell<Filter>);

// SAFETY: wasm32-unknown-unknown without the atomics feature has exactly one thread.
unsafe impl Sync for Cell {}

static FILTER: Cell = Cell(UnsafeCell::new(Filter {
    prepared: false,
    output: Vec::new(),
    faults: Counter(0),
    lost: Counter(0),
    msgpack: Counter(0),
}));

/// The filter, made ready if need be.
fn filter() -> &'static mut Filter {
    // SAFETY: exports are entered only by the host, one at a time; each calls this once and passes
    // what it got on, so no other reference to it exists meanwhile.
    let filter = unsafe { &mut *FILTER.0.get() };
    if !filter.prepared {
        filter.prepared = true;
        prepare();
    }
    filter
}

/// Memory for the host, aligned to 16 bytes; 0 when there is none.
#[unsafe(no_mangle)]
pub extern "C" fn malloc(len: i32) -> i32 {
    let Some(whole) = (len as u32)
        .checked_add(HEADER as u32)
        .and_then(|whole| i32::try_from(whole).ok())
    else {
        return 0;
    };
    let at = memory::allocate(whole, HEADER as i32);
    if at == 0 {
        return 0;
    }
    let header: *mut [u32; 2] = core::ptr::with_exposed_provenance_mut(at as u32 as usize);
    // SAFETY: `allocate` gave at least `HEADER` bytes, aligned to 16, that nobody else has.
    unsafe { header.write([whole as u32, whole as u32 ^ MARK]) };
    at.wrapping_add(HEADER as i32)
}

/// Takes memory of [`malloc`] back. A pointer that is no block of it, or not any more, is passed over.
#[unsafe(no_mangle)]
pub extern "C" fn free(ptr: i32) {
    let at = (ptr as u32).wrapping_sub(HEADER as u32);
    if !at.is_multiple_of(HEADER as u32) || bytes(at as i32, HEADER as i32).is_none() {
        return;
    }
    let header: *mut [u32; 2] = core::ptr::with_exposed_provenance_mut(at as usize);
    // SAFETY: the place lies in linear memory and is aligned (both checked above), and the host upholds
    // that `ptr` is from `malloc`, so that it is a header that nobody else reads or writes. The mark is
    // for a host that gives a block back twice.
    unsafe {
        let [whole, marked] = header.read();
        if whole ^ MARK != marked || (whole as usize) < HEADER {
            return;
        }
        header.write([0, 0]);
        memory::release(at as i32, whole as i32, HEADER as i32);
    }
}

/// Called by the host when it has made the instance: reads the snapshot, so that it is the start that
/// takes the time and not the first record.
#[cfg(not(feature = "exec-wasi"))]
#[unsafe(no_mangle)]
pub extern "C" fn _initialize() {
    filter();
}

/// The filter: a record in, the record with context out, as text that ends with a NUL and is valid
/// until the next call.
#[unsafe(no_mangle)]
pub extern "C" fn enrich(
    _tag: i32,
    _tag_len: i32,
    _seconds: i32,
    _nanoseconds: i32,
    record: i32,
    record_len: i32,
) -> i32 {
    let filter = filter();
    let Some(input) = bytes(record, record_len) else {
        if filter.lost.count() {
            wasi::log(format_args!(
                "a record of {} bytes did not fit into the memory of the module and is lost ({} so far)",
                record_len as u32, filter.lost.0
            ));
        }
        return address(LOST);
    };
    if is_msgpack(input) {
        if filter.msgpack.count() {
            wasi::log(format_args!(
                "records arrive as MessagePack and leave without context: set event_format of this filter to json ({} so far)",
                filter.msgpack.0
            ));
        }
        // The host would cut it at the zero byte, and what is left of it spoils its neighbours.
        if input.contains(&0) {
            return address(CUT);
        }
        return filter.unchanged(record, input);
    }
    // The allocator ends the module when it has nothing left. With this much in one piece it has
    // enough: the buffers grow to the record and its context, once.
    let enough = input
        .len()
        .checked_mul(4)
        .and_then(|wanted| wanted.checked_add(HEADROOM))
        .is_some_and(memory::is_available);
    if !enough {
        filter.fault("there is no memory for a record's context");
        return filter.unchanged(record, input);
    }
    state::with(|instance| {
        let refused_before = instance.refused();
        let reply = instance.enrich(input);
        let is_good = reply.is_ok_and(|output| filter.keep(output));
        if !is_good {
            filter.fault("a record could not be enriched");
            return filter.unchanged(record, input);
        }
        if instance.refused() != refused_before {
            filter.fault("a record is no JSON object of UTF-8, too large or too deep, or the snapshot is damaged");
        }
        address(&filter.output)
    })
}

fn address(bytes: &[u8]) -> i32 {
    bytes.as_ptr().expose_provenance() as i32
}

/// Whether a record is a map of MessagePack. JSON begins with none of these bytes.
fn is_msgpack(record: &[u8]) -> bool {
    matches!(record.first(), Some(0x80..=0x8F | 0xDE | 0xDF))
}

impl Filter {
    /// Puts the result where it stays until the next call; whether it could be put there.
    fn keep(&mut self, result: &[u8]) -> bool {
        self.output.clear();
        if result.contains(&0) || self.output.try_reserve(result.len() + 1).is_err() {
            return false;
        }
        self.output.extend_from_slice(result);
        self.output.push(0);
        true
    }

    /// The record as it came.
    fn unchanged(&mut self, record: i32, input: &[u8]) -> i32 {
        self.output.clear();
        if self.output.try_reserve(input.len() + 1).is_ok() {
            self.output.extend_from_slice(input);
            self.output.push(0);
            return address(&self.output);
        }
        // Then the host's own copy, when it ends as text does: the host copies the result before it
        // frees that.
        let end = record.wrapping_add(input.len() as i32);
        if bytes(end, 1).is_some_and(|end| end == [0]) {
            return record;
        }
        address(LOST)
    }

    fn fault(&mut self, what: &str) {
        if self.faults.count() {
            wasi::log(format_args!(
                "{what}; it leaves as it came ({} so far)",
                self.faults.0
            ));
        }
    }
}

/// Attaches what was baked in or what lies in the host's folders. Events flow either way, and the log
/// says what they will be without.
fn prepare() {
    let baked = state::baked();
    state::with(|instance| match baked {
        0 => from_folders(instance),
        1.. => wasi::log(format_args!(
            "ready: {baked} snapshots baked in; {}",
            shown(instance.snapshots())
        )),
        _ => wasi::log(format_args!(
            "what was baked in is refused, records leave without context: {}",
            shown(instance.last_error())
        )),
    });
}

fn shown(text: &[u8]) -> &str {
    core::str::from_utf8(text).unwrap_or_default()
}

/// Why there is no snapshot.
enum Missing {
    Everywhere {
        folders: usize,
    },
    File(&'static str, Errno),
    Size {
        name: &'static str,
        size: u64,
        limit: u64,
    },
    Memory {
        name: &'static str,
        size: u64,
    },
    Ended {
        name: &'static str,
    },
    Refused(&'static str),
}

fn from_folders(instance: &mut Instance) {
    if let Err(missing) = attach(instance) {
        let why = missing.told(instance);
        wasi::log(format_args!(
            "{why}; records leave without context until Fluent Bit is restarted"
        ));
        return;
    }
    wasi::log(format_args!("ready: {}", shown(instance.snapshots())));
}

impl Missing {
    fn told(&self, instance: &Instance) -> String {
        match self {
            Self::Everywhere { folders: 0 } => format!(
                "no folder is open to the module: name the one with {SNAPSHOT} in accessible_paths"
            ),
            Self::Everywhere { folders } => {
                format!("{SNAPSHOT} is in none of the {folders} folders of accessible_paths")
            }
            Self::File(name, errno) => format!("{name} can't be read: {errno}"),
            Self::Size { name, size, limit } => format!(
                "{name} has {size} bytes, and {limit} fit into the module; build a shard for each pipeline"
            ),
            Self::Memory { name, size } => {
                format!("{name} has {size} bytes, and the host gives the module no memory for it")
            }
            Self::Ended { name } => format!(
                "{name} became shorter while it was read: replace it by renaming a finished file"
            ),
            Self::Refused(name) => {
                format!("{name} is refused: {}", shown(instance.last_error()))
            }
        }
    }
}

fn attach(instance: &mut Instance) -> Result<(), Missing> {
    let mut folders = 0;
    let mut found = None;
    for folder in wasi::folders() {
        folders += 1;
        match folder.open(SNAPSHOT) {
            Ok(file) => {
                found = Some((folder, file));
                break;
            }
            Err(errno) if errno.is_missing() => {}
            Err(errno) => return Err(Missing::File(SNAPSHOT, errno)),
        }
    }
    let (folder, file) = found.ok_or(Missing::Everywhere { folders })?;
    // Its trusted keys decide over the snapshots. One that is refused is not passed over: what it
    // forbids would be attached.
    if let Some(config) = optional(folder, CONFIG)? {
        let config = read(CONFIG, &config, MAX_CONFIG)?;
        if instance.configure(config) != 0 {
            return Err(Missing::Refused(CONFIG));
        }
        // The configuration is read once and nothing of it kept.
        memory::release(address(config), config.len() as i32, SNAPSHOT_ALIGN);
    }
    attach_file(instance, SNAPSHOT, &file)?;
    // What the snapshot says still holds without it.
    let overlaid = optional(folder, OVERLAY).and_then(|overlay| match overlay {
        Some(overlay) => attach_file(instance, OVERLAY, &overlay),
        None => Ok(()),
    });
    if let Err(missing) = overlaid {
        let why = missing.told(instance);
        wasi::log(format_args!("{why}; {SNAPSHOT} is used without it"));
    }
    Ok(())
}

fn optional(folder: Folder, name: &'static str) -> Result<Option<wasi::File>, Missing> {
    match folder.open(name) {
        Ok(file) => Ok(Some(file)),
        Err(errno) if errno.is_missing() => Ok(None),
        Err(errno) => Err(Missing::File(name, errno)),
    }
}

fn attach_file(
    instance: &mut Instance,
    name: &'static str,
    file: &wasi::File,
) -> Result<(), Missing> {
    // One piece of memory has at most 2 GiB.
    let snapshot = read(name, file, i32::MAX as u64 - 65_535)?;
    // Only its time is asked for: an old owner is better than none, and each context says that it is
    // not fresh. Checks of the bytes would take seconds twice.
    match instance.attach(snapshot, BY_HOST, wasi::now_ms().unwrap_or(0)) {
        code::EXPIRED => wasi::log(format_args!(
            "{name}: {}; it is used all the same",
            shown(instance.last_error())
        )),
        probed if probed >= 0 => {
            instance.detach(probed);
        }
        _ => {}
    }
    let handle = instance.attach(snapshot, ALL, 0);
    if handle < 0 {
        memory::release(address(snapshot), snapshot.len() as i32, SNAPSHOT_ALIGN);
        return Err(Missing::Refused(name));
    }
    Ok(())
}

/// Reads a file into memory that stays until it is released.
fn read(name: &'static str, file: &wasi::File, limit: u64) -> Result<&'static [u8], Missing> {
    let size = file.size().map_err(|errno| Missing::File(name, errno))?;
    if size > limit {
        return Err(Missing::Size { name, size, limit });
    }
    let len = size as usize;
    if len == 0 {
        return Ok(&[]);
    }
    let Some(place) = memory::lend(len, SNAPSHOT_ALIGN) else {
        return Err(Missing::Memory { name, size });
    };
    let filled = file.fill(place).map_err(|errno| Missing::File(name, errno));
    let place: &'static [u8] = place;
    match filled {
        Ok(filled) if filled == len => Ok(place),
        not => {
            memory::release(address(place), len as i32, SNAPSHOT_ALIGN);
            Err(not.err().unwrap_or(Missing::Ended { name }))
        }
    }
}
