//! What was measured: read from the lines that `whose-bench` writes, kept in `benches/results.json`.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::figures::{a_second, bytes_a_second, median, spread, time};
use crate::failure::{Failure, While};

/// How much one pass does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Work {
    Events(f64),
    Bytes(f64),
    Lookups(f64),
    Once,
}

/// Something that was timed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) group: String,
    pub(super) what: String,
    pub(super) size: String,
    pub(super) work: Work,
    pub(super) baseline: bool,
    /// Nanoseconds that a processor spent on a pass, one for each round.
    pub(super) ns: Vec<f64>,
    /// The same on the wall.
    pub(super) wall_ns: Vec<f64>,
    pub(super) run: String,
}

/// A number that is not a time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fact {
    pub(super) group: String,
    pub(super) what: String,
    pub(super) size: String,
    pub(super) value: f64,
    pub(super) unit: String,
}

/// A sentence about a measurement.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Note {
    pub(super) group: String,
    pub(super) what: String,
    pub(super) note: String,
}

/// Results, of one run or of several.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Measured {
    pub(super) rows: Vec<Row>,
    pub(super) facts: Vec<Fact>,
    pub(super) notes: Vec<Note>,
    /// What is known of each run, by its name.
    pub(super) runs: Map<String, Value>,
}

impl Row {
    pub(super) fn median(&self) -> f64 {
        median(&self.ns)
    }

    /// MAD as a part of the median.
    pub(super) fn spread(&self) -> f64 {
        spread(&self.ns)
    }

    /// Its time by that of another row, in each round.
    pub(super) fn ratios(&self, other: &Self) -> Vec<f64> {
        self.ns.iter().zip(&other.ns).map(|(a, b)| a / b).collect()
    }

    /// Amount a second, or the time itself.
    pub(super) fn rate(&self) -> String {
        let ns = self.median();
        match self.work {
            Work::Events(events) => format!("{} events", a_second(events / ns * 1e9)),
            Work::Bytes(bytes) => bytes_a_second(bytes / ns * 1e9),
            Work::Lookups(lookups) => format!("{} a lookup", time(ns / lookups)),
            Work::Once => time(ns),
        }
    }

    /// Whether it is about this project and not about a peer.
    pub(super) fn is_ours(&self) -> bool {
        self.what.starts_with("whose")
    }

    fn read(value: &Value) -> Option<Self> {
        let work = &value["work"];
        let amount = |name: &str| work.get(name).and_then(Value::as_f64);
        let work = amount("events")
            .map(Work::Events)
            .or_else(|| amount("bytes").map(Work::Bytes))
            .or_else(|| amount("lookups").map(Work::Lookups))
            .unwrap_or(Work::Once);
        Some(Self {
            group: text(value, "group")?,
            what: text(value, "what")?,
            size: text(value, "size")?,
            work,
            baseline: value["baseline"].as_bool()?,
            ns: numbers(value, "ns")?,
            wall_ns: numbers(value, "wall_ns")?,
            run: text(value, "run").unwrap_or_default(),
        })
    }

    fn write(&self) -> Value {
        let work = match self.work {
            Work::Events(events) => json!({"events": events}),
            Work::Bytes(bytes) => json!({"bytes": bytes}),
            Work::Lookups(lookups) => json!({"lookups": lookups}),
            Work::Once => json!("once"),
        };
        // A tenth of a nanosecond is less than any clock tells.
        let rounded =
            |ns: &[f64]| -> Vec<f64> { ns.iter().map(|ns| (ns * 10.0).round() / 10.0).collect() };
        json!({"run": self.run, "group": self.group, "what": self.what, "size": self.size, "work": work,
            "baseline": self.baseline, "ns": rounded(&self.ns), "wall_ns": rounded(&self.wall_ns)})
    }
}

fn numbers(value: &Value, name: &str) -> Option<Vec<f64>> {
    value[name].as_array()?.iter().map(Value::as_f64).collect()
}

fn text(value: &Value, name: &str) -> Option<String> {
    value[name].as_str().map(str::to_owned)
}

impl Fact {
    fn read(value: &Value) -> Option<Self> {
        Some(Self {
            group: text(value, "group")?,
            what: text(value, "what")?,
            size: text(value, "size")?,
            value: value["value"].as_f64()?,
            unit: text(value, "unit")?,
        })
    }

    fn write(&self) -> Value {
        json!({"group": self.group, "what": self.what, "size": self.size, "value": self.value, "unit": self.unit})
    }
}

impl Note {
    fn read(value: &Value) -> Option<Self> {
        Some(Self {
            group: text(value, "group")?,
            what: text(value, "what")?,
            note: text(value, "note")?,
        })
    }

    fn write(&self) -> Value {
        json!({"group": self.group, "what": self.what, "note": self.note})
    }
}

impl Measured {
    /// Reads the lines of a run.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let lines = std::fs::read_to_string(path)
            .while_doing(|| format!("cannot read {}", path.display()))?;
        let mut measured = Self::default();
        measured.add_lines(&lines)?;
        Ok(measured)
    }

    /// Adds lines of JSON.
    pub(super) fn add_lines(&mut self, lines: &str) -> Result<(), Failure> {
        for line in lines.lines() {
            let value: Value = serde_json::from_str(line)
                .while_doing(|| format!("a measurement is no JSON: {line}"))?;
            self.add_value(&value)
                .ok_or_else(|| Failure::new(format!("no measurement: {line}")))?;
        }
        Ok(())
    }

    fn add_value(&mut self, value: &Value) -> Option<()> {
        if value.get("ns").is_some() {
            self.rows.push(Row::read(value)?);
        } else if value.get("note").is_some() {
            self.notes.push(Note::read(value)?);
        } else {
            self.add(Fact::read(value)?);
        }
        Some(())
    }

    /// Adds a number; of the same name the last one counts.
    pub(super) fn add(&mut self, fact: Fact) {
        self.facts.retain(|other| {
            (&other.group, &other.what, &other.size) != (&fact.group, &fact.what, &fact.size)
        });
        self.facts.push(fact);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len() + self.facts.len()
    }

    /// Says of which run everything is.
    pub(super) fn stamp(&mut self, run: &str, about: Value) {
        for row in &mut self.rows {
            run.clone_into(&mut row.run);
        }
        self.runs.insert(run.to_owned(), about);
    }

    /// These results with those of a later run: what the run of the same name had measured goes, what other
    /// runs had measured stays.
    pub(super) fn with(mut self, later: Self) -> Self {
        self.rows.retain(|row| !later.runs.contains_key(&row.run));
        self.rows.extend(later.rows);
        for fact in later.facts {
            self.add(fact);
        }
        for note in later.notes {
            self.notes
                .retain(|other| (&other.group, &other.what) != (&note.group, &note.what));
            self.notes.push(note);
        }
        for (name, about) in later.runs {
            self.runs.insert(name, about);
        }
        self
    }

    /// Reads what was kept.
    pub(super) fn load(path: &Path) -> Result<Self, Failure> {
        let what = || format!("{} is not as `cargo xtask bench` writes it", path.display());
        let bytes =
            std::fs::read(path).while_doing(|| format!("cannot read {}", path.display()))?;
        let value: Value = serde_json::from_slice(&bytes).while_doing(what)?;
        let mut measured = Self {
            runs: value["runs"].as_object().cloned().unwrap_or_default(),
            ..Self::default()
        };
        for part in ["rows", "facts", "notes"] {
            for value in value[part].as_array().into_iter().flatten() {
                measured
                    .add_value(value)
                    .ok_or_else(|| Failure::new(value.to_string()).under(what()))?;
            }
        }
        Ok(measured)
    }

    /// Writes it, one measurement a line, so that a diff shows what changed.
    pub(super) fn save(&self, path: &Path) -> Result<(), Failure> {
        let list = |values: Vec<Value>| {
            let lines: Vec<String> = values.iter().map(|value| format!("    {value}")).collect();
            lines.join(",\n")
        };
        let text = format!(
            "{{\n  \"runs\": {},\n  \"rows\": [\n{}\n  ],\n  \"facts\": [\n{}\n  ],\n  \"notes\": [\n{}\n  ]\n}}\n",
            Value::Object(self.runs.clone()),
            list(self.rows.iter().map(Row::write).collect()),
            list(self.facts.iter().map(Fact::write).collect()),
            list(self.notes.iter().map(Note::write).collect()),
        );
        std::fs::write(path, text).while_doing(|| format!("cannot write {}", path.display()))
    }

    pub(super) fn row(&self, group: &str, size: &str, what: &str) -> Option<&Row> {
        self.rows
            .iter()
            .find(|row| row.group == group && row.size == size && row.what == what)
    }

    pub(super) fn fact(&self, group: &str, size: &str, what: &str) -> Option<f64> {
        self.facts
            .iter()
            .find(|fact| fact.group == group && fact.size == size && fact.what == what)
            .map(|fact| fact.value)
    }

    /// What a row is divided by.
    pub(super) fn baseline_of(&self, row: &Row) -> Option<&Row> {
        self.rows
            .iter()
            .find(|other| other.baseline && other.group == row.group && other.size == row.size)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A row of a group, with these times.
    pub(in crate::bench) fn row(what: &str, ns: &[f64], baseline: bool) -> Row {
        Row {
            group: "enrich".to_owned(),
            what: what.to_owned(),
            size: "1k".to_owned(),
            work: Work::Events(10.0),
            baseline,
            ns: ns.to_vec(),
            wall_ns: ns.to_vec(),
            run: "default".to_owned(),
        }
    }

    #[test]
    fn lines_are_understood() {
        let mut measured = Measured::default();
        measured
            .add_lines(
                "{\"group\":\"open\",\"what\":\"whose\",\"size\":\"1k\",\"work\":{\"bytes\":100.0},\"baseline\":false,\"ns\":[10.0,30.0,20.0],\"wall_ns\":[12.0,31.0,21.0]}\n\
                 {\"group\":\"open\",\"what\":\"keys\",\"size\":\"1k\",\"value\":5.0,\"unit\":\"\"}\n\
                 {\"group\":\"open\",\"what\":\"keys\",\"size\":\"1k\",\"value\":6.0,\"unit\":\"\"}\n\
                 {\"group\":\"peers\",\"what\":\"VRL\",\"note\":\"how\"}\n",
            )
            .unwrap();
        let row = measured.row("open", "1k", "whose").unwrap();
        assert_eq!((row.median(), row.work), (20.0, Work::Bytes(100.0)));
        assert_eq!(row.rate(), "5.00 GB/s");
        assert_eq!(measured.fact("open", "1k", "keys"), Some(6.0));
        assert_eq!(measured.notes[0].note, "how");
        assert!(measured.add_lines("{\"group\":\"open\"}").is_err());
    }

    #[test]
    fn what_is_kept_is_read_again() {
        let mut measured = Measured {
            rows: vec![
                row("whose", &[1.5, 2.0], false),
                row("peer", &[4.0, 4.0], true),
            ],
            ..Measured::default()
        };
        measured.stamp("default", json!({"commit": "abc"}));
        let path = std::env::temp_dir().join(format!("whose-kept-{}.json", std::process::id()));
        measured.save(&path).unwrap();
        let read = Measured::load(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(read, measured);
        let ours = &read.rows[0];
        assert_eq!(ours.ratios(read.baseline_of(ours).unwrap()), [0.375, 0.5]);
    }

    #[test]
    fn a_later_run_replaces_only_its_own() {
        let of = |run: &str, what: &str| {
            let mut measured = Measured {
                rows: vec![row(what, &[1.0], false)],
                ..Measured::default()
            };
            measured.stamp(run, json!({"commit": what}));
            measured
        };
        let all = of("default", "a")
            .with(of("large", "b"))
            .with(of("default", "c"));
        let whats: Vec<&str> = all.rows.iter().map(|row| row.what.as_str()).collect();
        assert_eq!(whats, ["b", "c"]);
        assert_eq!(all.runs["large"]["commit"], "b");
        assert_eq!(all.runs["default"]["commit"], "c");
    }
}
