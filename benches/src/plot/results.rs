//! The kept results as points of curves.

use std::path::Path;

use anyhow::Context;
use serde::Deserialize;
use serde_json::Value;

/// What of `benches/results.json` is drawn.
#[derive(Debug, Deserialize)]
pub(super) struct Results {
    rows: Vec<Row>,
    facts: Vec<Fact>,
}

#[derive(Debug, Deserialize)]
struct Row {
    group: String,
    what: String,
    size: String,
    work: Value,
    ns: Vec<f64>,
}

#[derive(Debug, Deserialize)]
struct Fact {
    group: String,
    what: String,
    size: String,
    value: f64,
}

/// Size and value, by size.
pub(super) type Points = Vec<(f64, f64)>;

impl Results {
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let what = || format!("cannot read {}", path.display());
        let bytes = std::fs::read(path).with_context(what)?;
        serde_json::from_slice(&bytes).with_context(what)
    }

    fn points<'a>(
        &'a self,
        group: &'a str,
        what: &'a str,
        mut point: impl FnMut(&Row) -> Option<(f64, f64)>,
    ) -> Points {
        let rows = self.rows.iter();
        let mut points: Points = rows
            .filter(|row| row.group == group && row.what == what)
            .filter_map(&mut point)
            .collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        points
    }

    /// Nanoseconds a lookup against keys.
    pub(super) fn lookups(&self, group: &str, what: &str) -> Points {
        self.points(group, what, |row| {
            let keys = self.fact("lookup", "keys", &row.size)?;
            Some((keys, middle(&row.ns) / row.work.get("lookups")?.as_f64()?))
        })
    }

    /// Thousands of events a second against identities.
    pub(super) fn thousands(&self, group: &str, spread: &str, what: &str) -> Points {
        self.points(group, what, |row| {
            let (size, of) = row.size.split_once(", ")?;
            let events = row.work.get("events")?.as_f64()?;
            (of == spread).then_some((number(size)?, events / middle(&row.ns) * 1e6))
        })
    }

    /// Milliseconds against identities.
    pub(super) fn milliseconds(&self, group: &str, what: &str) -> Points {
        self.points(group, what, |row| {
            Some((number(&row.size)?, middle(&row.ns) / 1e6))
        })
    }

    /// A number against identities.
    pub(super) fn facts(&self, group: &str, what: &str) -> Points {
        let facts = self.facts.iter();
        let mut points: Points = facts
            .filter(|fact| fact.group == group && fact.what == what)
            .filter_map(|fact| Some((number(&fact.size)?, fact.value)))
            .collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        points
    }

    fn fact(&self, group: &str, what: &str, size: &str) -> Option<f64> {
        self.facts
            .iter()
            .find(|fact| fact.group == group && fact.what == what && fact.size == size)
            .map(|fact| fact.value)
    }
}

fn middle(ns: &[f64]) -> f64 {
    let mut sorted = ns.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The number of `1k`, `10M`.
fn number(size: &str) -> Option<f64> {
    let (digits, factor) = match size.strip_suffix('k') {
        Some(digits) => (digits, 1e3),
        None => size
            .strip_suffix('M')
            .map_or((size, 1.0), |digits| (digits, 1e6)),
    };
    Some(digits.parse::<f64>().ok()? * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_numbers() {
        assert_eq!(number("10k"), Some(1e4));
        assert_eq!(number("10M"), Some(1e7));
        assert_eq!(number("ecs"), None);
    }

    #[test]
    fn points_are_per_lookup_and_by_size() {
        let results: Results = serde_json::from_str(
            r#"{"rows":[
                {"group":"g","what":"w","size":"10k","work":{"lookups":10},"ns":[300,100,200]},
                {"group":"g","what":"w","size":"1k","work":{"lookups":10},"ns":[50]}],
               "facts":[{"group":"lookup","what":"keys","size":"1k","value":1900},
                {"group":"lookup","what":"keys","size":"10k","value":19000}]}"#,
        )
        .unwrap();
        assert_eq!(results.lookups("g", "w"), [(1900.0, 5.0), (19_000.0, 20.0)]);
    }
}
