//! Kept: the records of a harvest between the end of their source and the moment when they meet.

use std::cmp::Ordering;
use std::sync::Arc;

use enrich_core::vocabulary::Provider;

use crate::model::Alias;
use crate::packed::{KeyRef, Pack, Packed, keys, text};
use crate::record::{Facts, Harvest, Record, Source};

/// A record, packed. What decides whether it has to be opened stands beside it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Kept {
    pub(crate) source: Arc<Source>,
    pub(crate) uid: Option<Box<str>>,
    pub(crate) provider: Option<Provider>,
    /// It names an owner or sponsor.
    pub(crate) is_owned: bool,
    /// It names who is paged.
    pub(crate) is_paged: bool,
    rest: Packed<Rest>,
}

/// Keys, local name and facts.
type Rest = (Vec<Alias>, (Option<String>, Facts));

impl Kept {
    /// Packs a record; `last` is what records from before share with it, when it is the same source.
    pub(crate) fn new(record: &Record, last: Option<&Arc<Source>>) -> Self {
        match last.filter(|source| ***source == record.source) {
            Some(source) => Self::of(record, Arc::clone(source)),
            None => Self::of(record, Arc::new(record.source.clone())),
        }
    }

    fn of(record: &Record, source: Arc<Source>) -> Self {
        let facts = &record.facts;
        Self {
            source,
            uid: record.uid.as_deref().map(Into::into),
            provider: facts.provider,
            is_owned: facts.owner.is_some()
                || facts.sponsor.is_some()
                || !facts.secondary_owners.is_empty(),
            is_paged: facts.escalation_policy.is_some()
                || facts.tags.contains_key(crate::joins::SERVICE),
            rest: Packed::with(|out| {
                record.aliases.put(out);
                record.local_name.put(out);
                facts.put(out);
            }),
        }
    }

    /// The record again.
    pub(crate) fn open(&self) -> Record {
        let (aliases, (local_name, facts)) = self.rest.open();
        Record {
            source: Source::clone(&self.source),
            uid: self.uid.as_deref().map(str::to_owned),
            aliases,
            local_name,
            facts,
        }
    }

    /// Its keys, as a list of its own.
    pub(crate) fn aliases(&self) -> Vec<Alias> {
        Vec::get(&mut self.rest.bytes())
    }

    /// Calls `see` with each of its keys.
    pub(crate) fn each_key<'k>(&'k self, see: impl FnMut(KeyRef<'k>)) {
        keys(&mut self.rest.bytes()).for_each(see);
    }

    /// A name that its provider keeps unique.
    pub(crate) fn local_name(&self) -> Option<&str> {
        let mut bytes = self.rest.bytes();
        keys(&mut bytes).for_each(drop);
        bool::get(&mut bytes).then(|| text(&mut bytes))
    }

    /// Compares keys, then local names… as [`Record`]s do it by their lists.
    pub(crate) fn compare_names(&self, other: &Self) -> Ordering {
        let (mut a, mut b) = (self.rest.bytes(), other.rest.bytes());
        let by_name = self.local_name().cmp(&other.local_name());
        by_name.then_with(|| keys(&mut a).cmp(keys(&mut b)))
    }
}

/// So many records are held open while a source is read.
const OPEN: usize = 16_384;

impl Harvest {
    /// How many records there are.
    pub(crate) fn len(&self) -> usize {
        self.kept.len() + self.records.len()
    }

    /// Adds a record to which nobody comes back by its place.
    pub(crate) fn add(&mut self, record: Record) {
        self.records.push(record);
        if self.records.len() >= OPEN {
            self.keep();
        }
    }

    /// Packs the records that are open.
    pub(crate) fn keep(&mut self) {
        for record in std::mem::take(&mut self.records) {
            let last = self.kept.last().map(|kept| &kept.source);
            self.kept.push(Kept::new(&record, last));
        }
    }

    /// Notes that a source lists the identities of the records from a place on.
    pub(crate) fn list(&mut self, source: &Source, from: usize) {
        let packed = self.kept.get(from..).unwrap_or_default();
        for part in packed.chunks(OPEN) {
            let records: Vec<Record> = part.iter().map(Kept::open).collect();
            self.coverage.list(source, &records);
        }
        let open = from.saturating_sub(self.kept.len());
        let records = self.records.get(open..).unwrap_or_default();
        self.coverage.list(source, records);
    }

    /// Shows the records that `wants` wants, one at a time.
    pub(crate) fn visit(&self, wants: impl Fn(&Kept) -> bool, mut see: impl FnMut(&Record)) {
        for kept in self.kept.iter().filter(|kept| wants(kept)) {
            see(&kept.open());
        }
        self.records.iter().for_each(see);
    }

    /// Changes the records that `wants` wants, one at a time. `change` says whether it did.
    pub(crate) fn revise(
        &mut self,
        wants: impl Fn(&Kept) -> bool,
        mut change: impl FnMut(&mut Record) -> bool,
    ) {
        for kept in self.kept.iter_mut().filter(|kept| wants(kept)) {
            let mut record = kept.open();
            if change(&mut record) {
                *kept = Kept::of(&record, Arc::clone(&kept.source));
            }
        }
        for record in &mut self.records {
            change(record);
        }
    }
}
