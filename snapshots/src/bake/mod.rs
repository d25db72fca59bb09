//! Baking: a guest module and snapshots become one module that needs nothing else.
//!
//! Hosts such as Fluent Bit, Envoy or ClickHouse give a module no file and no configuration. What is
//! baked lies in the module itself: one data segment above the memory that it begins with, where no
//! allocator reaches, and four numbers at the address of the exported global `WHOSE_BAKED` that say
//! where. The guest reads them with the first call (`docs/abi.md`).

mod module;

use enrich_core::{Check, Config, Enricher, Snapshot, SnapshotError};
use thiserror::Error;

use module::Module;

/// Name of the custom section that marks a module as baked, with one line for each snapshot.
pub const SECTION: &str = "whose.baked";
/// The exported global that says where the guest looks.
const DESCRIPTOR: &str = "WHOSE_BAKED";
/// Where a snapshot starts is a multiple of this.
const ALIGNMENT: usize = 64;
/// Bytes of one entry of the table of snapshots.
const ENTRY: usize = 16;
/// Bytes of a page of linear memory.
const PAGE: u64 = 65_536;
/// Pages that a 32-bit memory has at most.
const MAX_PAGES: u64 = 65_536;

/// Why nothing was baked. Names the file at fault by its role; the caller knows its path.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BakeError {
    /// Not a WebAssembly module.
    #[error("module is no WebAssembly module: {0}")]
    NotAModule(String),
    /// A module of another make.
    #[error("module does not export {DESCRIPTOR}: it is no guest of whose, or older than baking")]
    NotAGuest,
    /// The module has been baked before.
    #[error("module has snapshots baked into it already; bake the module as it was built")]
    AlreadyBaked,
    /// A shape that is not supported.
    #[error("module {0}")]
    Unsupported(&'static str),
    /// The configuration is refused.
    #[error("configuration is refused: {0}")]
    Config(String),
    /// A snapshot is refused, counted from 1.
    #[error("snapshot {number} is refused")]
    Snapshot {
        /// Which one.
        number: usize,
        /// Why.
        #[source]
        cause: SnapshotError,
    },
    /// More than a 32-bit memory holds.
    #[error(
        "module and snapshots take {needed} bytes of memory, and at most {limit} of a 32-bit memory can be filled so that the module can still work; bake a shard for each pipeline"
    )]
    TooLarge {
        /// Bytes that are needed.
        needed: u64,
        /// Bytes that there can be.
        limit: u64,
    },
}

/// What to bake.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Ingredients<'a> {
    /// A guest module.
    pub module: &'a [u8],
    /// Snapshots in the order of attaching: a base before its overlays. Each starts at a multiple of 64.
    pub snapshots: Vec<&'a [u8]>,
    /// The configuration as JSON, as `whose_configure` takes it; empty for the defaults. Its
    /// trusted keys decide which snapshots are accepted, now and when the module starts.
    pub config: Vec<u8>,
}

/// Checks everything that goes in, as completely as it can be checked, and bakes it. The same
/// ingredients give the same bytes.
///
/// # Errors
/// What is wrong with which ingredient.
pub fn bake(ingredients: &Ingredients<'_>) -> Result<Vec<u8>, BakeError> {
    let module = Module::read(ingredients.module)?;
    let names = check(ingredients)?;
    let region = Region::lay_out(ingredients, module.memory_pages * PAGE)?;
    Ok(module.with(&region, &names))
}

/// What a guest would refuse at its start is refused here. Returns a line about each snapshot.
fn check(ingredients: &Ingredients<'_>) -> Result<String, BakeError> {
    let config = if ingredients.config.is_empty() {
        Config::default()
    } else {
        Config::from_json(&ingredients.config)
            .map_err(|error| BakeError::Config(error.to_string()))?
    };
    let trust = config.trust.clone();
    let mut enricher = Enricher::new(config);
    let mut names = String::new();
    for (index, bytes) in ingredients.snapshots.iter().enumerate() {
        let refused = |cause| BakeError::Snapshot {
            number: index + 1,
            cause,
        };
        let snapshot = Snapshot::open(bytes, Check::All, &trust).map_err(refused)?;
        snapshot.verify().map_err(refused)?;
        // Whether it fits to the layers before it.
        enricher.attach(bytes, Check::All, None).map_err(refused)?;
        let header = snapshot.header();
        names.push_str(&format!(
            "{} blake3:{}\n",
            header.id(),
            blake3::Hash::from_bytes(header.digest).to_hex()
        ));
    }
    Ok(names)
}

/// What comes to lie above the module's memory.
struct Region {
    /// Its address.
    base: u32,
    bytes: Vec<u8>,
    /// Pages that the memory has with it.
    pages: u64,
    /// What stands in `WHOSE_BAKED`.
    descriptor: [u32; 4],
}

impl Region {
    fn lay_out(ingredients: &Ingredients<'_>, base: u64) -> Result<Self, BakeError> {
        let table_len = ingredients.snapshots.len() * ENTRY;
        let config_at = table_len.next_multiple_of(ALIGNMENT);
        let mut end = (config_at + ingredients.config.len()).next_multiple_of(ALIGNMENT);
        let mut places = Vec::new();
        for snapshot in &ingredients.snapshots {
            places.push(end);
            end = (end + snapshot.len()).next_multiple_of(ALIGNMENT);
        }
        let needed = base + end as u64;
        let pages = needed.div_ceil(PAGE);
        // The last page stays free: the guest has to work as well, and no address may reach 2^32.
        let limit = (MAX_PAGES - 1) * PAGE;
        if needed > limit {
            return Err(BakeError::TooLarge { needed, limit });
        }
        let number =
            |value: u64| u32::try_from(value).map_err(|_| BakeError::TooLarge { needed, limit });
        let mut bytes = vec![0; end];
        for ((snapshot, at), entry) in ingredients
            .snapshots
            .iter()
            .zip(&places)
            .zip(bytes.chunks_exact_mut(ENTRY).collect::<Vec<_>>())
        {
            let words = [
                number(base + *at as u64)?,
                number(snapshot.len() as u64)?,
                // A host may make an instance for each query, so what is not used is not read.
                ON_FIRST_TOUCH,
                0,
            ];
            for (word, place) in words.iter().zip(entry.chunks_exact_mut(4)) {
                place.copy_from_slice(&word.to_le_bytes());
            }
        }
        bytes[config_at..config_at + ingredients.config.len()].copy_from_slice(&ingredients.config);
        for (snapshot, at) in ingredients.snapshots.iter().zip(&places) {
            bytes[*at..*at + snapshot.len()].copy_from_slice(snapshot);
        }
        Ok(Self {
            base: number(base)?,
            pages,
            descriptor: [
                number(base)?,
                number(table_len as u64)?,
                number(base + config_at as u64)?,
                number(ingredients.config.len() as u64)?,
            ],
            bytes,
        })
    }
}

/// The check that the guest makes: the `flags` of `whose_attach`.
const ON_FIRST_TOUCH: u32 = 2;
