//! Expectations: what has to stand in the output, path by path.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::error::CaseError;

/// What a case asserts. Lines count from 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expect {
    /// Line, JSON pointer, value.
    values: Vec<(usize, String, Value)>,
    /// Line and JSON pointer where nothing stands.
    absent: Vec<(usize, String)>,
    /// Line, JSON pointer and the names of the members there, in their order.
    order: Vec<(usize, String, Vec<String>)>,
    /// All bytes leave as they came.
    unchanged: bool,
    /// The output without our members, byte for byte.
    stripped: Option<String>,
    /// Counters, and counters in groups.
    stats: BTreeMap<String, Value>,
}

impl Expect {
    /// Reads `[expect]`.
    pub(crate) fn read(case: &str, table: &toml::Table) -> Result<Self, CaseError> {
        let mut out = Self::default();
        let fault = |place: &str, value: &toml::Value, wanted| CaseError::Value {
            case: case.to_owned(),
            place: format!("expect, {place}"),
            value: value.to_string(),
            wanted,
        };
        let pointer = |place: &str, value: &toml::Value| {
            split(place)
                .ok_or_else(|| fault(place, value, "at a pointer: /a/b, or 2:/a/b for line 2"))
        };
        for (name, value) in table {
            match name.as_str() {
                "unchanged" => {
                    out.unchanged = value
                        .as_bool()
                        .ok_or_else(|| fault(name, value, "true or false"))?
                }
                "stripped" => {
                    out.stripped = Some(
                        value
                            .as_str()
                            .ok_or_else(|| fault(name, value, "a text"))?
                            .to_owned(),
                    )
                }
                "stats" => {
                    let counters = value
                        .as_table()
                        .ok_or_else(|| fault(name, value, "a table of counters"))?;
                    out.stats = counters
                        .iter()
                        .map(|(name, value)| (name.clone(), json(value)))
                        .collect();
                }
                "absent" => {
                    for place in value
                        .as_array()
                        .ok_or_else(|| fault(name, value, "a list of pointers"))?
                    {
                        out.absent
                            .push(pointer(place.as_str().unwrap_or_default(), value)?);
                    }
                }
                "order" => {
                    for (place, names) in value
                        .as_table()
                        .ok_or_else(|| fault(name, value, "a table of pointers"))?
                    {
                        let list = names.as_array().and_then(|names| {
                            names
                                .iter()
                                .map(|name| Some(name.as_str()?.to_owned()))
                                .collect()
                        });
                        let (line, at) = pointer(place, names)?;
                        out.order.push((
                            line,
                            at,
                            list.ok_or_else(|| fault(place, names, "a list of names"))?,
                        ));
                    }
                }
                place => {
                    let (line, at) = pointer(place, value)?;
                    out.values.push((line, at, json(value)));
                }
            }
        }
        if out == Self::default() {
            return Err(CaseError::Empty {
                case: case.to_owned(),
            });
        }
        Ok(out)
    }

    /// What does not hold. `lines` are the output's lines as JSON, where they are; `stripped` is
    /// the output without our members.
    pub(crate) fn failures(
        &self,
        input: &[u8],
        output: &[u8],
        stripped: &[u8],
        lines: &[Option<Value>],
        stats: &Value,
    ) -> Vec<String> {
        let mut out = Vec::new();
        if self.unchanged && input != output {
            out.push(format!("should leave unchanged, left as {}", shown(output)));
        }
        if let Some(wanted) = &self.stripped
            && wanted.as_bytes() != stripped
        {
            out.push(format!(
                "without our member it should be {}, is {}",
                shown(wanted.as_bytes()),
                shown(stripped)
            ));
        }
        let at = |line: usize, pointer: &str| {
            lines
                .get(line - 1)
                .and_then(Option::as_ref)
                .and_then(|value| value.pointer(pointer))
        };
        for (line, pointer, wanted) in &self.values {
            match at(*line, pointer) {
                Some(found) if found == wanted => {}
                Some(found) => out.push(format!(
                    "line {line}, {pointer}: should be {wanted}, is {found}"
                )),
                None => out.push(format!(
                    "line {line}, {pointer}: should be {wanted}, is absent"
                )),
            }
        }
        for (line, pointer) in &self.absent {
            match (lines.get(line - 1), at(*line, pointer)) {
                (Some(Some(_)), None) => {}
                (Some(Some(_)), Some(found)) => out.push(format!(
                    "line {line}, {pointer}: should be absent, is {found}"
                )),
                _ => out.push(format!("line {line} should be JSON, and is not")),
            }
        }
        for (line, pointer, wanted) in &self.order {
            let found: Option<Vec<&String>> = at(*line, pointer)
                .and_then(Value::as_object)
                .map(|object| object.keys().collect());
            if found
                .as_ref()
                .is_none_or(|found| !found.iter().copied().eq(wanted))
            {
                out.push(format!(
                    "line {line}, {pointer}: members should be {wanted:?}, are {found:?}"
                ));
            }
        }
        for (name, wanted) in &self.stats {
            let groups = wanted.as_object().map_or_else(
                || vec![(name.clone(), wanted, stats.get(name))],
                |group| {
                    group
                        .iter()
                        .map(|(word, count)| {
                            (
                                format!("{name}.{word}"),
                                count,
                                stats.get(name).and_then(|group| group.get(word)),
                            )
                        })
                        .collect()
                },
            );
            for (name, wanted, found) in groups {
                if found != Some(wanted) {
                    out.push(format!("counter {name}: should be {wanted}, is {found:?}"));
                }
            }
        }
        out
    }
}

/// `/a/b` or `2:/a/b`.
fn split(place: &str) -> Option<(usize, String)> {
    let (line, pointer) = match place.find(":/") {
        Some(at) if !place.starts_with('/') => (
            place[..at].parse().ok().filter(|line| *line > 0)?,
            &place[at + 1..],
        ),
        _ => (1, place),
    };
    pointer.starts_with('/').then(|| (line, pointer.to_owned()))
}

fn json(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::from(text.as_str()),
        toml::Value::Integer(number) => Value::from(*number),
        toml::Value::Float(number) => Value::from(*number),
        toml::Value::Boolean(truth) => Value::from(*truth),
        toml::Value::Datetime(time) => Value::from(time.to_string()),
        toml::Value::Array(list) => list.iter().map(json).collect(),
        toml::Value::Table(table) => table
            .iter()
            .map(|(name, value)| (name.clone(), json(value)))
            .collect(),
    }
}

/// Bytes for a message.
pub(crate) fn shown(bytes: &[u8]) -> String {
    const MOST: usize = 4000;
    let text = bytes.escape_ascii().to_string();
    if text.len() <= MOST {
        text
    } else {
        format!("{}… ({} bytes)", &text[..MOST], bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expect(text: &str) -> Expect {
        Expect::read("a/b", &toml::from_str(text).unwrap()).unwrap()
    }

    #[test]
    fn each_sort_of_expectation_can_fail() {
        let line = serde_json::json!({"a": {"b": 1, "c": "x"}});
        let lines = [Some(line), None];
        let stats = serde_json::json!({"lines": 2, "outcomes": {"matched": 1}});
        let failures = |text: &str| expect(text).failures(b"in", b"out", b"in", &lines, &stats);
        for holds in [
            "\"/a/b\" = 1",
            "\"1:/a/c\" = \"x\"",
            "absent = [\"/a/d\"]",
            "stripped = \"in\"",
            "stats = { lines = 2, outcomes = { matched = 1 } }",
            "[order]\n\"/a\" = [\"b\", \"c\"]",
        ] {
            assert_eq!(failures(holds), Vec::<String>::new(), "{holds}");
        }
        for fails in [
            "\"/a/b\" = 2",
            "\"/a/b\" = \"1\"",
            "\"/a/d\" = 2",
            "\"2:/a\" = 2",
            "\"3:/a\" = 2",
            "absent = [\"/a\"]",
            "absent = [\"2:/a\"]",
            "unchanged = true",
            "stripped = \"out\"",
            "stats = { lines = 1 }",
            "stats = { liness = 2 }",
            "stats = { outcomes = { matched = 2 } }",
            "[order]\n\"/a\" = [\"c\", \"b\"]",
        ] {
            assert_eq!(failures(fails).len(), 1, "{fails}");
        }
    }

    #[test]
    fn pointers_are_checked() {
        for text in [
            "whose = 1",
            "\"0:/a\" = 1",
            "\"x:/a\" = 1",
            "absent = [1]",
            "unchanged = 1",
            "stats = 1",
            "[order]\n\"/a\" = 1",
        ] {
            assert!(
                Expect::read("a/b", &toml::from_str(text).unwrap()).is_err(),
                "{text}"
            );
        }
        assert_eq!(split("/a:/b"), Some((1, "/a:/b".to_owned())));
        assert_eq!(split("12:/a"), Some((12, "/a".to_owned())));
    }
}
