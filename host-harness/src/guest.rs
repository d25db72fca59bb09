//! One instance of a guest: typed calls across the boundary, and a check of all that comes back.

use std::fs::File;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use wasmtime::{
    Memory, ResourceLimiter, Store, StoreLimits, StoreLimitsBuilder, Trap, TypedFunc, WasmParams,
    WasmResults,
};

use crate::abi::{self, Check, WASM_PAGE};
use crate::engine::{GuestModule, Limits};
use crate::error::{Cause, HarnessError, Refusal, TrapClass};
use crate::text::{MAX_SENTENCE, printable_bytes};

/// Longest statistics text that is accepted.
const MAX_STATS: usize = 64 << 10;
/// Longest record that is accepted from a lookup.
const MAX_RECORD: usize = 4 << 20;
/// Smallest input buffer: a usual batch fits without asking again.
const MIN_INPUT: usize = 256 << 10;
/// Addresses of a 32-bit memory.
const ADDRESS_SPACE: usize = 1 << 32;

/// What a store carries: the limits, and whether memory was refused since the last call began.
#[derive(Debug)]
pub(crate) struct StoreData {
    limits: StoreLimits,
    cap: usize,
    memory_refused: bool,
}

impl StoreData {
    fn new(cap: usize) -> Self {
        Self {
            limits: limits(cap),
            cap,
            memory_refused: false,
        }
    }
}

fn limits(cap: usize) -> StoreLimits {
    StoreLimitsBuilder::new()
        .memory_size(cap)
        .table_elements(64 << 10)
        .instances(1)
        .tables(4)
        .memories(1)
        .build()
}

impl ResourceLimiter for StoreData {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let allowed = self.limits.memory_growing(current, desired, maximum)?;
        self.memory_refused |= !allowed;
        Ok(allowed)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.limits.table_growing(current, desired, maximum)
    }

    fn instances(&self) -> usize {
        self.limits.instances()
    }

    fn tables(&self) -> usize {
        self.limits.tables()
    }

    fn memories(&self) -> usize {
        self.limits.memories()
    }
}

/// The functions of the ABI, resolved once.
struct Functions {
    alloc: TypedFunc<(u32, u32), u32>,
    free: TypedFunc<(u32, u32, u32), ()>,
    configure: TypedFunc<(u32, u32), i32>,
    attach: TypedFunc<(u32, u32, i32, i64), i32>,
    detach: TypedFunc<i32, i32>,
    enrich: TypedFunc<(u32, u32), i64>,
    keys: TypedFunc<(u32, u32), i64>,
    lookup: TypedFunc<(u32, u32), i64>,
    stats: TypedFunc<(), i64>,
    last_error: TypedFunc<(), i64>,
    /// Not in every module of this ABI.
    baked: Option<TypedFunc<(), i32>>,
}

/// A running instance.
///
/// Nothing that it returns is believed: pointers and lengths are held against its memory, texts
/// against their caps. After [`HarnessError::ends_instance`] it must not be used any more.
pub struct Guest {
    module: Arc<GuestModule>,
    store: Store<StoreData>,
    memory: Memory,
    functions: Functions,
    /// The buffer that inputs are copied to, kept between calls.
    input: (u32, u32),
    /// Where files are mapped. Nothing that the host reads may lie there: those bytes can change.
    mapped: Vec<Range<usize>>,
    /// Room that was added for a file which has been let go.
    vacant: Vec<Range<usize>>,
}

impl std::fmt::Debug for Guest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guest")
            .field("module", &self.module)
            .field("memory_bytes", &self.memory.data_size(&self.store))
            .finish_non_exhaustive()
    }
}

impl Guest {
    pub(crate) fn start(module: Arc<GuestModule>) -> Result<Self, HarnessError> {
        let mut store = Store::new(
            module.engine(),
            StoreData::new(
                module
                    .initial_memory()
                    .saturating_add(module.limits().working_memory)
                    .min(ADDRESS_SPACE),
            ),
        );
        store.limiter(|data| data);
        store.epoch_deadline_trap();
        refuel(&mut store, module.limits(), module.limits().call_deadline)?;
        let instance = module.template().instantiate(&mut store).map_err(|error| {
            if error.downcast_ref::<Trap>().is_some() {
                HarnessError::Trapped {
                    call: "its start function",
                    trap: classify(&error, store.data()),
                }
            } else {
                HarnessError::ModuleInvalid {
                    module: module.name().to_owned(),
                    cause: Cause::of_chain(&error),
                }
            }
        })?;
        // Types were compared when the module was compiled; this only resolves.
        let missing = |error: wasmtime::Error| HarnessError::ModuleInvalid {
            module: module.name().to_owned(),
            cause: Cause::of_chain(&error),
        };
        macro_rules! function {
            ($name:literal) => {
                instance
                    .get_typed_func(&mut store, $name)
                    .map_err(missing)?
            };
        }
        let version: TypedFunc<(), i32> = function!("whose_abi_version");
        let functions = Functions {
            alloc: function!("whose_alloc"),
            free: function!("whose_free"),
            configure: function!("whose_configure"),
            attach: function!("whose_attach"),
            detach: function!("whose_detach"),
            enrich: function!("whose_enrich"),
            keys: function!("whose_keys"),
            lookup: function!("whose_lookup"),
            stats: function!("whose_stats"),
            last_error: function!("whose_last_error"),
            baked: instance.get_typed_func(&mut store, "whose_baked").ok(),
        };
        let memory = instance.get_memory(&mut store, "memory").ok_or_else(|| {
            HarnessError::ModuleExport {
                module: module.name().to_owned(),
                export: "memory",
                expected: "a 32-bit memory".into(),
                found: "nothing".into(),
            }
        })?;
        let mut guest = Self {
            module,
            store,
            memory,
            functions,
            input: (0, 0),
            mapped: Vec::new(),
            vacant: Vec::new(),
        };
        let found = guest.call("whose_abi_version", version, ())?;
        if found != abi::VERSION {
            return Err(HarnessError::AbiVersion {
                module: guest.module.name().to_owned(),
                found,
                supported: abi::VERSION,
            });
        }
        Ok(guest)
    }

    /// Size of its memory now.
    #[must_use]
    pub fn memory_size(&self) -> usize {
        self.memory.data_size(&self.store)
    }

    /// Sets the memory cap: the snapshots' bytes and the working memory on top.
    pub(crate) fn allow(&mut self, snapshots: usize) {
        let cap = snapshots
            .saturating_add(self.module.initial_memory())
            .saturating_add(self.module.limits().working_memory)
            .min(ADDRESS_SPACE);
        let data = self.store.data_mut();
        data.cap = cap;
        data.limits = limits(cap);
    }

    /// Memory cap in force.
    pub(crate) fn cap(&self) -> usize {
        self.store.data().cap
    }

    /// Hands over the configuration.
    ///
    /// # Errors
    /// [`HarnessError::Configuration`] when the guest refuses it; otherwise the guest's fault.
    pub fn configure(&mut self, config: &[u8]) -> Result<(), HarnessError> {
        let (ptr, len) = self.put_input(config)?;
        let function = self.functions.configure.clone();
        let code = self.call("whose_configure", function, (ptr, len))?;
        if code >= 0 {
            return Ok(());
        }
        Err(HarnessError::Configuration {
            refusal: self.refusal(code),
        })
    }

    /// How many snapshots were baked into the module; with this call they are attached.
    pub(crate) fn baked(&mut self) -> Result<Result<u32, Refusal>, HarnessError> {
        let Some(function) = self.functions.baked.clone() else {
            return Ok(Ok(0));
        };
        let deadline = self.module.limits().attach_deadline;
        let result = self.call_within("whose_baked", deadline, function, ())?;
        Ok(u32::try_from(result).map_err(|_| self.refusal(result)))
    }

    /// Attaches a snapshot that lies in guest memory already.
    pub(crate) fn attach_at(
        &mut self,
        (ptr, len): (u32, u32),
        check: Check,
        now_ms: Option<i64>,
    ) -> Result<Result<i32, Refusal>, HarnessError> {
        let function = self.functions.attach.clone();
        let deadline = self.module.limits().attach_deadline;
        let result = self.call_within(
            "whose_attach",
            deadline,
            function,
            (ptr, len, check.flags(), now_ms.unwrap_or(0)),
        )?;
        Ok(if result >= 0 {
            Ok(result)
        } else {
            Err(self.refusal(result))
        })
    }

    /// Lets go of a layer.
    pub(crate) fn detach(&mut self, handle: i32) -> Result<(), HarnessError> {
        let function = self.functions.detach.clone();
        let code = self.call("whose_detach", function, handle)?;
        if code >= 0 {
            return Ok(());
        }
        Err(HarnessError::Refused {
            call: "whose_detach",
            refusal: self.refusal(code),
        })
    }

    /// Enriches a batch; the range is where the output lies, until the next call.
    pub(crate) fn enrich(&mut self, batch: &[u8]) -> Result<Range<usize>, HarnessError> {
        let function = self.functions.enrich.clone();
        self.text_call("whose_enrich", function, batch)
    }

    /// Observed keys of a batch.
    pub(crate) fn keys(&mut self, batch: &[u8]) -> Result<Range<usize>, HarnessError> {
        let function = self.functions.keys.clone();
        self.text_call("whose_keys", function, batch)
    }

    /// Looks one key up.
    pub(crate) fn lookup(&mut self, key: &str) -> Result<String, HarnessError> {
        let function = self.functions.lookup.clone();
        let range = self.text_call("whose_lookup", function, key.as_bytes())?;
        self.text_at("whose_lookup", range, MAX_RECORD)
    }

    /// Its counters as JSON.
    pub(crate) fn stats(&mut self) -> Result<String, HarnessError> {
        let function = self.functions.stats.clone();
        let packed = self.call("whose_stats", function, ())?;
        let range = self.unpack("whose_stats", packed)?;
        self.text_at("whose_stats", range, MAX_STATS)
    }

    /// Bytes of its memory; empty when the range lies outside.
    pub(crate) fn bytes(&self, range: Range<usize>) -> &[u8] {
        self.memory.data(&self.store).get(range).unwrap_or(&[])
    }

    /// Room in guest memory, checked; `None` when the guest refuses.
    pub(crate) fn alloc(&mut self, len: usize, align: u32) -> Result<Option<u32>, HarnessError> {
        let Ok(wanted) = u32::try_from(len) else {
            return Ok(None);
        };
        let function = self.functions.alloc.clone();
        let ptr = self.call("whose_alloc", function, (wanted, align))?;
        if ptr == 0 {
            return Ok(None);
        }
        if !ptr.is_multiple_of(align) {
            return Err(wrong(
                "whose_alloc",
                format!("{ptr:#x} is not a multiple of {align}"),
            ));
        }
        self.range("whose_alloc", ptr, wanted)?;
        Ok(Some(ptr))
    }

    /// Gives room back.
    pub(crate) fn free(&mut self, ptr: u32, len: u32, align: u32) -> Result<(), HarnessError> {
        let function = self.functions.free.clone();
        self.call("whose_free", function, (ptr, len, align))
    }

    /// Copies bytes into guest memory.
    pub(crate) fn write(&mut self, ptr: u32, bytes: &[u8]) -> Result<(), HarnessError> {
        self.memory
            .write(&mut self.store, ptr as usize, bytes)
            .map_err(|_| {
                wrong(
                    "whose_alloc",
                    format!("{} bytes at {ptr:#x} do not fit its memory", bytes.len()),
                )
            })
    }

    /// Maps the first `len` bytes of a file into memory that is added for it; `None` when that is not
    /// possible here, and then the bytes can still be copied.
    pub(crate) fn map(&mut self, file: &File, len: u32) -> Option<u32> {
        let memories = self.module.memories()?.clone();
        let len = len as usize;
        let room = self.room(len.div_ceil(WASM_PAGE))?;
        let at = room.start;
        if memories
            .map(&mut self.store, self.memory, at, (file, len))
            .is_err()
        {
            self.vacant.push(room);
            return None;
        }
        self.mapped.push(room);
        u32::try_from(at).ok()
    }

    /// Lets go of what [`Self::map`] mapped.
    pub(crate) fn unmap(&mut self, ptr: u32) {
        let at = self
            .mapped
            .iter()
            .position(|room| room.start == ptr as usize);
        if let (Some(at), Some(memories)) = (at, self.module.memories().cloned()) {
            let room = self.mapped.swap_remove(at);
            let (start, len) = (room.start, room.len());
            if memories
                .clear(&mut self.store, self.memory, start, len)
                .is_ok()
            {
                self.vacant.push(room);
            }
        }
    }

    /// Room of so many pages that the guest's allocator does not know: vacant, or added.
    fn room(&mut self, pages: usize) -> Option<Range<usize>> {
        let len = pages.checked_mul(WASM_PAGE).filter(|len| *len > 0)?;
        let smallest = self
            .vacant
            .iter()
            .enumerate()
            .filter(|(_, room)| room.len() >= len)
            .min_by_key(|(_, room)| room.len());
        if let Some((at, _)) = smallest {
            return Some(self.vacant.swap_remove(at));
        }
        let before = self.memory.grow(&mut self.store, pages as u64).ok()?;
        let at = usize::try_from(before).ok()?.checked_mul(WASM_PAGE)?;
        Some(at..at.checked_add(len)?)
    }

    fn text_call(
        &mut self,
        call: &'static str,
        function: TypedFunc<(u32, u32), i64>,
        input: &[u8],
    ) -> Result<Range<usize>, HarnessError> {
        let place = self.put_input(input)?;
        let packed = self.call(call, function, place)?;
        self.unpack(call, packed)
    }

    /// Copies an input to the input buffer, which grows by powers of two.
    fn put_input(&mut self, input: &[u8]) -> Result<(u32, u32), HarnessError> {
        if input.len() > self.input.1 as usize {
            let (old, size) = std::mem::take(&mut self.input);
            if size != 0 {
                self.free(old, size, abi::BUFFER_ALIGN)?;
            }
            let size = input
                .len()
                .max(MIN_INPUT)
                .next_power_of_two()
                .min(u32::MAX as usize);
            let Some(ptr) = self.alloc(size, abi::BUFFER_ALIGN)? else {
                return Err(HarnessError::NoRoom { len: input.len() });
            };
            self.input = (ptr, size as u32);
        }
        // An empty input still gets a pointer that is not null, when there is one.
        self.write(self.input.0, input)?;
        Ok((self.input.0, input.len() as u32))
    }

    fn unpack(&mut self, call: &'static str, packed: i64) -> Result<Range<usize>, HarnessError> {
        match abi::unpack(packed) {
            Ok((_, 0)) => Ok(0..0),
            Ok((ptr, len)) => self.range(call, ptr, len),
            Err(code) => Err(HarnessError::Refused {
                call,
                refusal: self.refusal(code),
            }),
        }
    }

    fn range(&self, call: &'static str, ptr: u32, len: u32) -> Result<Range<usize>, HarnessError> {
        let size = self.memory_size();
        let (from, len) = (ptr as usize, len as usize);
        match from.checked_add(len) {
            Some(to) if ptr != 0 && to <= size => {
                if self
                    .mapped
                    .iter()
                    .any(|room| from < room.end && room.start < to)
                {
                    return Err(wrong(
                        call,
                        format!("{len} bytes at {ptr:#x} lie in a snapshot"),
                    ));
                }
                Ok(from..to)
            }
            _ => Err(wrong(
                call,
                format!("{len} bytes at {ptr:#x} lie outside its memory of {size} bytes"),
            )),
        }
    }

    fn text_at(
        &self,
        call: &'static str,
        range: Range<usize>,
        cap: usize,
    ) -> Result<String, HarnessError> {
        if range.len() > cap {
            return Err(wrong(
                call,
                format!("{} bytes of text, more than {cap}", range.len()),
            ));
        }
        match std::str::from_utf8(self.bytes(range)) {
            Ok(text) => Ok(text.to_owned()),
            Err(error) => Err(wrong(
                call,
                format!("no UTF-8 at byte {}", error.valid_up_to()),
            )),
        }
    }

    /// The guest's sentence for a code it just returned. A guest that fails here has no sentence.
    fn refusal(&mut self, code: i32) -> Refusal {
        let function = self.functions.last_error.clone();
        let sentence = self
            .call("whose_last_error", function, ())
            .ok()
            .and_then(|packed| abi::unpack(packed).ok())
            .and_then(|(ptr, len)| self.range("whose_last_error", ptr, len).ok())
            .map(|range| printable_bytes(self.bytes(range), MAX_SENTENCE))
            .unwrap_or_default();
        Refusal { code, sentence }
    }

    fn call<P: WasmParams, R: WasmResults>(
        &mut self,
        name: &'static str,
        function: TypedFunc<P, R>,
        parameters: P,
    ) -> Result<R, HarnessError> {
        self.call_within(
            name,
            self.module.limits().call_deadline,
            function,
            parameters,
        )
    }

    fn call_within<P: WasmParams, R: WasmResults>(
        &mut self,
        name: &'static str,
        deadline: Duration,
        function: TypedFunc<P, R>,
        parameters: P,
    ) -> Result<R, HarnessError> {
        refuel(&mut self.store, self.module.limits(), deadline)?;
        self.store.data_mut().memory_refused = false;
        function
            .call(&mut self.store, parameters)
            .map_err(|error| HarnessError::Trapped {
                call: name,
                trap: classify(&error, self.store.data()),
            })
    }
}

/// Sets time and fuel for one call.
fn refuel(
    store: &mut Store<StoreData>,
    limits: &Limits,
    deadline: Duration,
) -> Result<(), HarnessError> {
    store.set_epoch_deadline(Limits::ticks(deadline));
    if let Some(fuel) = limits.fuel {
        store.set_fuel(fuel).map_err(|error| HarnessError::Engine {
            cause: Cause::of_chain(&error),
        })?;
    }
    Ok(())
}

fn wrong(call: &'static str, what: String) -> HarnessError {
    HarnessError::Output { call, what }
}

fn classify(error: &wasmtime::Error, data: &StoreData) -> TrapClass {
    let Some(trap) = error.downcast_ref::<Trap>() else {
        return TrapClass::Other(Cause::of_chain(error).to_string());
    };
    match trap {
        Trap::Interrupt => TrapClass::Deadline,
        Trap::OutOfFuel => TrapClass::Fuel,
        // A guest that is refused memory aborts: the limit is the reason, the abort only the form.
        _ if data.memory_refused => TrapClass::MemoryLimit { cap: data.cap },
        Trap::MemoryOutOfBounds => TrapClass::OutOfBounds,
        Trap::UnreachableCodeReached => TrapClass::Unreachable,
        Trap::StackOverflow => TrapClass::StackOverflow,
        other => TrapClass::Other(other.to_string()),
    }
}
