//! One enricher, its snapshots, and snapshots on their way in.

use js_sys::Uint8Array;
use serde::Serialize;
use wasm_bindgen::prelude::*;
use whose_guest::{Owned, Refused, code};

/// Takes less of the module than the standard library's allocator. A guest allocates when it is
/// configured and while its buffers grow, and per event not at all.
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();

/// What is thrown: the package makes an exception of it.
#[derive(Serialize)]
struct Failure<'a> {
    code: i32,
    message: &'a str,
}

fn failure(code: i32, message: &str) -> JsValue {
    serde_wasm_bindgen::to_value(&Failure { code, message }).unwrap_or(JsValue::UNDEFINED)
}

impl From<RefusedOnTheWay> for JsValue {
    fn from(RefusedOnTheWay(refused): RefusedOnTheWay) -> Self {
        failure(refused.code(), &refused.to_string())
    }
}

/// A refusal that becomes what is thrown.
struct RefusedOnTheWay(Refused);

/// Where a layer is: what is needed to attach it again in another instance.
#[derive(Serialize)]
struct Place {
    handle: i32,
    /// 0 and 0 for one that was baked in.
    address: usize,
    length: usize,
}

/// A snapshot on its way in.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Incoming(whose_guest::Incoming);

#[wasm_bindgen]
impl Incoming {
    /// Refuses snapshots of more than `most` bytes.
    #[wasm_bindgen(constructor)]
    pub fn new(most: f64) -> Self {
        // A number that is none, or below zero, allows nothing.
        Self(whose_guest::Incoming::new(most as u64))
    }

    /// Takes the next piece.
    pub fn push(&mut self, piece: &Uint8Array) -> Result<(), JsValue> {
        self.0
            .push(piece.length() as usize, |from, room| {
                let from = from as u32;
                piece.subarray(from, from + room.len() as u32).copy_to(room);
            })
            .map_err(|refused| RefusedOnTheWay(refused).into())
    }
}

/// An enricher.
#[wasm_bindgen]
#[derive(Debug, Default)]
pub struct Core {
    owned: Owned,
    /// The batch that is enriched. Kept, so that a call allocates nothing once it has its size.
    input: Vec<u8>,
}

#[wasm_bindgen]
impl Core {
    /// With the default configuration and no snapshot.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Attaches what was baked into the module; how many.
    pub fn attach_baked(&mut self) -> Result<i32, JsValue> {
        let attached = self.owned.attach_baked();
        self.judged(attached)
    }

    /// Reads a configuration.
    pub fn configure(&mut self, json: &str) -> Result<(), JsValue> {
        let code = self.owned.configure(json.as_bytes());
        self.judged(code).map(drop)
    }

    /// Attaches a snapshot that has arrived, with the flags of `docs/abi.md`; its handle.
    pub fn attach(&mut self, snapshot: Incoming, flags: i32, now: f64) -> Result<i32, JsValue> {
        let handle = self.owned.attach(snapshot.0.finish(), flags, now as i64);
        self.judged(handle)
    }

    /// Puts snapshots in the place of all others, or changes nothing.
    pub fn swap(
        &mut self,
        snapshots: Vec<Incoming>,
        flags: i32,
        now: f64,
    ) -> Result<Vec<i32>, JsValue> {
        let snapshots = snapshots.into_iter().map(|incoming| incoming.0.finish());
        self.owned
            .swap(snapshots, flags, now as i64)
            .map_err(|code| self.failure(code))
    }

    /// Detaches a layer.
    pub fn detach(&mut self, handle: i32) -> Result<(), JsValue> {
        let code = self.owned.detach(handle);
        self.judged(code).map(drop)
    }

    /// Enriches a batch; nothing when it comes out as it went in.
    pub fn enrich(&mut self, ndjson: &Uint8Array) -> Result<Option<Uint8Array>, JsValue> {
        self.take(ndjson)?;
        let Self { owned, input } = self;
        match owned.enrich(input) {
            Ok(out) if out == input.as_slice() => Ok(None),
            Ok(out) => Ok(Some(Uint8Array::from(out))),
            Err(code) => Err(self.failure(code)),
        }
    }

    /// Enriches a batch that is text; nothing when it comes out as it went in.
    pub fn enrich_text(&mut self, ndjson: &str) -> Result<Option<String>, JsValue> {
        match self.owned.enrich(ndjson.as_bytes()) {
            Ok(out) if out == ndjson.as_bytes() => Ok(None),
            Ok(out) => Ok(core::str::from_utf8(out).ok().map(str::to_owned)),
            Err(code) => Err(self.failure(code)),
        }
    }

    /// What was observed in a batch: one JSON object a line.
    pub fn keys(&mut self, ndjson: &Uint8Array) -> Result<String, JsValue> {
        self.take(ndjson)?;
        let Self { owned, input } = self;
        let reply = owned.keys(input).map(text);
        reply.map_err(|code| self.failure(code))
    }

    /// What a key leads to, as JSON.
    pub fn lookup(&mut self, key: &str) -> Result<String, JsValue> {
        let reply = self.owned.lookup(key.as_bytes()).map(text);
        reply.map_err(|code| self.failure(code))
    }

    /// What is attached, as JSON.
    pub fn snapshots(&mut self) -> String {
        text(self.owned.snapshots())
    }

    /// The counters, as JSON.
    pub fn stats(&mut self) -> String {
        text(self.owned.stats())
    }

    /// How many lines left without context because a snapshot is damaged. Asked after each batch.
    pub fn damaged(&self) -> f64 {
        self.owned.damaged() as f64
    }

    /// Where the layers are, in the order of attaching.
    pub fn places(&self) -> JsValue {
        let place = |handle| {
            let bytes = self.owned.snapshot(handle);
            Place {
                handle,
                address: bytes.map_or(0, |bytes| bytes.as_ptr().addr()),
                length: bytes.map_or(0, <[u8]>::len),
            }
        };
        let places: Vec<Place> = self.owned.handles().into_iter().map(place).collect();
        serde_wasm_bindgen::to_value(&places).unwrap_or(JsValue::UNDEFINED)
    }
}

impl Core {
    fn take(&mut self, ndjson: &Uint8Array) -> Result<(), JsValue> {
        let len = ndjson.length() as usize;
        self.input.clear();
        if self.input.try_reserve(len).is_err() {
            return Err(failure(
                code::TOO_LARGE,
                &format!(
                    "a batch has {len} bytes, and the module's memory could not grow by them; split it at line ends"
                ),
            ));
        }
        self.input.resize(len, 0);
        ndjson.copy_to(&mut self.input);
        Ok(())
    }

    fn judged(&self, number: i32) -> Result<i32, JsValue> {
        if number < 0 {
            return Err(self.failure(number));
        }
        Ok(number)
    }

    fn failure(&self, code: i32) -> JsValue {
        failure(code, &String::from_utf8_lossy(self.owned.last_error()))
    }
}

/// What the core wrote is UTF-8: JSON of its own making.
fn text(reply: &[u8]) -> String {
    String::from_utf8_lossy(reply).into_owned()
}
