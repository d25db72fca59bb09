//! One key in, its holder out: natively and in a module, beside hashbrown and rkyv's own map with the same
//! keys. More distinct queries than caches hold.

use std::path::Path;

use anyhow::{Context, ensure};
use hashbrown::HashMap;
use rkyv::rancor::Error;
use whose_bench_guest::{Map, Mode, Queries, chain, dependent, grouped, of_rkyv, single};

use super::Given;
use crate::Aligned;
use crate::dataset::{self, Dataset};
use crate::module::{Compiled, Running};
use crate::random::Spread;
use crate::record::{Sink, Work};
use crate::rounds::{self, Contestant};

const GROUP: &str = "lookup";
/// The guest of this measurement.
const MODULE: &str = "whose-bench.simd128.wasm";
/// Queries of a pass.
const QUERIES: usize = 400_000;
/// rkyv's map takes 85 bytes a key, and hashbrown with the snapshot as much again.
const MOST_FOR_RKYV: usize = 4_000_000;

/// Which queries.
const CASES: [(&str, Spread, bool); 4] = [
    ("hit, uniform", Spread::Uniform, true),
    ("hit, Zipf 1.1", Spread::Zipf, true),
    ("miss, uniform", Spread::Uniform, false),
    ("miss, Zipf 1.1", Spread::Zipf, false),
];

/// Measures.
///
/// # Errors
/// Something does not run, or two ways find different holders.
pub fn measure(given: &Given, sink: &mut Sink) -> anyhow::Result<()> {
    if !given.wants(GROUP) {
        return Ok(());
    }
    for dataset in given.datasets(&[1_000, 10_000, 100_000, 1_000_000]) {
        of_size(given, sink, &dataset)?;
    }
    Ok(())
}

fn of_size(given: &Given, sink: &mut Sink, dataset: &Dataset) -> anyhow::Result<()> {
    let snapshot_bytes = dataset.read()?;
    let snapshot = snapshot_bytes.open()?;
    let map = dataset::map(&snapshot);
    let archived = if map.len() <= MOST_FOR_RKYV {
        let pairs: std::collections::HashMap<String, u32> = map
            .iter()
            .map(|(key, number)| (key.clone(), *number))
            .collect();
        Some(Aligned::new(&rkyv::to_bytes::<Error>(&pairs)?))
    } else {
        None
    };
    let rkyv_map = match &archived {
        Some(bytes) => Some(rkyv::access::<Map, Error>(bytes.get())?),
        None => None,
    };
    let mut guest = Guest::start(&given.module(MODULE), snapshot_bytes.get())?;
    if let Some(bytes) = &archived {
        guest.take("bench_map", bytes.get())?;
    }
    sink.fact(
        (GROUP, "keys", &dataset.size()),
        snapshot.key_count() as f64,
        "",
    )?;
    for (case, spread, hit) in CASES {
        let (packed, mean) = dataset::queries(&snapshot, given.count(QUERIES), spread, hit);
        sink.fact((GROUP, "bytes of a key", &dataset.size()), mean, "B")?;
        guest.take("bench_queries", &packed)?;
        // Kept until the process ends: the loops ask for queries that live as long.
        let queries = Queries::new(packed.leak()).context("packed a moment ago")?;
        let sums = [
            ("hashbrown", by_map(&map, &queries)),
            ("hashbrown, dependent", by_map_dependent(&map, &queries)),
            ("native", single(&snapshot, &queries)),
            ("native, dependent", dependent(&snapshot, &queries)),
            ("native, grouped", grouped(&snapshot, &queries)),
            ("wasm", guest.pass(Mode::Single)?),
            ("wasm, grouped", guest.pass(Mode::Grouped)?),
            ("wasm, dependent", guest.pass(Mode::Dependent)?),
        ];
        for (name, sum) in sums {
            ensure!(
                sum == sums[0].1,
                "{name} and hashbrown find different holders"
            );
        }
        ensure!((sums[0].1 > 0) == hit, "{case}: {}", sums[0].1);

        let (snapshot, queries, map) = (&snapshot, &queries, &map);
        let guest = std::cell::RefCell::new(&mut guest);
        let in_guest = |mode| guest.borrow_mut().pass(mode);
        let mut contestants = vec![
            Contestant::new("hashbrown", || by_map(map, queries)).baseline(),
            Contestant::new("hashbrown, dependent", || by_map_dependent(map, queries)),
            Contestant::new("whose, native", || single(snapshot, queries)),
            Contestant::new("whose, native, dependent", || dependent(snapshot, queries)),
            Contestant::new("whose, native, grouped", || grouped(snapshot, queries)),
            Contestant::new("whose, wasm simd128", || in_guest(Mode::Single)),
            Contestant::new("whose, wasm simd128, grouped", || in_guest(Mode::Grouped)),
            Contestant::new("whose, wasm simd128, dependent", || {
                in_guest(Mode::Dependent)
            }),
        ];
        if let Some(map) = rkyv_map {
            contestants.push(Contestant::new("rkyv's map, native", || {
                of_rkyv(map, queries)
            }));
            contestants.push(Contestant::new("rkyv's map, wasm simd128", || {
                in_guest(Mode::Rkyv)
            }));
        }
        let group = format!("{GROUP}, {case}");
        let work = Work::Lookups(queries.len() as f64);
        let size = dataset.size();
        rounds::run(sink, (&group, &size), work, given.rounds(7), contestants)?;
    }
    Ok(())
}

fn by_map(map: &HashMap<String, u32>, queries: &Queries) -> u64 {
    (0..queries.len())
        .filter_map(|number| map.get(queries.text(number)))
        .map(|identity| u64::from(*identity) + 1)
        .sum()
}

fn by_map_dependent(map: &HashMap<String, u32>, queries: &Queries) -> u64 {
    chain(queries, |number| {
        map.get(queries.text(number))
            .map_or(0, |identity| u64::from(*identity) + 1)
    })
}

/// The module with the loops.
struct Guest {
    running: Running,
    room: wasmtime::TypedFunc<u32, u32>,
    pass: wasmtime::TypedFunc<u32, u64>,
}

impl Guest {
    fn start(path: &Path, snapshot: &[u8]) -> anyhow::Result<Self> {
        let mut running = Compiled::new(path)?.start()?;
        let room = running.function("bench_room")?;
        let pass = running.function("bench_pass")?;
        let mut guest = Self {
            running,
            room,
            pass,
        };
        guest.take("bench_snapshot", snapshot)?;
        Ok(guest)
    }

    fn take(&mut self, what: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let at = self.running.call(&self.room, u32::try_from(bytes.len())?)?;
        ensure!(at != 0, "the module has no room");
        self.running.write(at, bytes)?;
        let function: wasmtime::TypedFunc<(), u32> = self.running.function(what)?;
        let answer = self.running.call(&function, ())?;
        ensure!(answer == 0, "{what} refuses what it was given");
        Ok(())
    }

    fn pass(&mut self, mode: Mode) -> anyhow::Result<u64> {
        let sum = self.running.call(&self.pass, mode as u32)?;
        ensure!(
            sum != u64::MAX,
            "the module was not given what {mode:?} needs"
        );
        Ok(sum)
    }
}
