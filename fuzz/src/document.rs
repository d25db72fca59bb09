//! JSON as `serde_json` reads it, with members in order and duplicates kept.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Doc {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    Array(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl Doc {
    /// A whole text as JSON; `None` when `serde_json` refuses it.
    pub(crate) fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The member of that name; the last one, as in `serde_json::Value`.
    pub(crate) fn member(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else {
            return None;
        };
        let mut members = members.iter().rev();
        members.find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// Whether a number has a fraction or an exponent, or more digits than 64 bits hold.
    pub(crate) fn has_floats(&self) -> bool {
        match self {
            Self::Number(number) => number.is_f64(),
            Self::Array(items) => items.iter().any(Self::has_floats),
            Self::Object(members) => members.iter().any(|(_, value)| value.has_floats()),
            _ => false,
        }
    }

    /// Appends the value as plainly as it can be written: no duplicates, no blanks, no escapes but
    /// needed ones. Of duplicates the last one stays, where it is.
    pub(crate) fn write_plainly(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(number) => out.push_str(&number.to_string()),
            Self::Text(text) => write_text(text, out),
            Self::Array(items) => {
                let mut open = '[';
                for item in items {
                    out.push(std::mem::replace(&mut open, ','));
                    item.write_plainly(out);
                }
                out.push_str(if items.is_empty() { "[]" } else { "]" });
            }
            Self::Object(members) => {
                let mut open = '{';
                for (number, (name, value)) in members.iter().enumerate() {
                    let mut later = members.iter().skip(number + 1);
                    if later.any(|(other, _)| other == name) {
                        continue;
                    }
                    out.push(std::mem::replace(&mut open, ','));
                    write_text(name, out);
                    out.push(':');
                    value.write_plainly(out);
                }
                out.push_str(if members.is_empty() { "{}" } else { "}" });
            }
        }
    }

    /// What stands at a pointer as the scanner understands it: the step `0` is the first element of
    /// an array and no member, and there are no other elements.
    pub(crate) fn at(&self, pointer: &str) -> Option<&Self> {
        let mut steps = pointer.split('/').skip(1);
        steps.try_fold(self, |value, step| match (value, step) {
            (Self::Array(items), "0") => items.first(),
            (Self::Object(_), "0") => None,
            _ => value.member(&step.replace("~1", "/").replace("~0", "~")),
        })
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

impl<'de> Deserialize<'de> for Doc {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Doc;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Doc, E> {
        Ok(Doc::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Doc, E> {
        Ok(Doc::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Doc, E> {
        Ok(Doc::Number(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Doc, E> {
        Ok(Doc::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Doc, E> {
        let number = Number::from_f64(value);
        number
            .map(Doc::Number)
            .ok_or_else(|| E::custom("not finite"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Doc, E> {
        Ok(Doc::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Doc, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Doc::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Doc, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Doc::Object(members))
    }
}
