//! One field of a lookup's answer, by its name: what a host asks that has columns and not documents.

use alloc::vec::Vec;

use crate::event::bytewise;
use crate::event::scan::MAX_DEPTH;
use crate::render::fields::Selection;

/// A field of what a lookup answers, ready to be asked for many keys.
///
/// Names are those of `docs/fields.md`, an identity's own as they stand in the record: `owner.ref`,
/// `privilege.tier`, `credentials.uid`, `response.revocation.team`; and of the answer itself
/// `outcome` and `key` with what is below them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookupField<'n> {
    name: &'n str,
    /// What has to be written of the identity's record; none: the field is the answer's own.
    record: Option<Selection>,
}

/// Members of the answer that are not in a record.
const ANSWER: [&str; 5] = ["outcome", "key", "key.type", "key.domain", "key.value"];

impl<'n> LookupField<'n> {
    /// The field with a name; `None` when there is none.
    #[must_use]
    pub fn named(name: &'n str) -> Option<Self> {
        let record = if ANSWER.contains(&name) {
            None
        } else {
            Some(Selection::of_record_path(name)?)
        };
        Some(Self { name, record })
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'n str {
        self.name
    }

    pub(crate) const fn record(&self) -> Option<Selection> {
        self.record
    }

    /// Appends the field's value in an answer that has the one record, or none.
    pub(crate) fn pick(&self, answer: &[u8], out: &mut Vec<u8>) {
        let from = if self.record.is_some() {
            member(answer, "records").and_then(first_element)
        } else {
            Some(answer)
        };
        let mut values = Values {
            out,
            in_array: false,
            count: 0,
        };
        if let Some(from) = from {
            values.collect(from, self.name);
        }
        if values.in_array && values.count > 0 {
            values.out.push(b']');
        }
    }
}

/// What a path leads to: one value, or the values in the elements of an array.
struct Values<'o> {
    out: &'o mut Vec<u8>,
    in_array: bool,
    count: usize,
}

impl Values<'_> {
    fn collect(&mut self, value: &[u8], path: &str) {
        match value.first() {
            _ if path.is_empty() => self.value(value),
            Some(b'{') => {
                let (name, below) = path.split_once('.').unwrap_or((path, ""));
                if let Some(value) = member(value, name) {
                    self.collect(value, below);
                }
            }
            Some(b'[') => {
                self.in_array = true;
                let mut elements = Items {
                    bytes: value,
                    at: 1,
                };
                while let Some(element) = elements.value() {
                    self.collect(element, path);
                }
            }
            _ => {}
        }
    }

    fn value(&mut self, value: &[u8]) {
        if self.in_array {
            self.out.push(if self.count == 0 { b'[' } else { b',' });
        }
        self.count += 1;
        let text = value
            .strip_prefix(b"\"")
            .and_then(|value| value.strip_suffix(b"\""));
        match text {
            // What our own writer escaped is well escaped.
            Some(text) if !self.in_array => {
                let _ = bytewise::decode(text, self.out);
            }
            _ => self.out.extend_from_slice(value),
        }
    }
}

/// Goes through the inside of an object or array that our own writer wrote.
struct Items<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Items<'a> {
    /// The next value, or name of a member; `None` at the end.
    fn value(&mut self) -> Option<&'a [u8]> {
        let mut from = self.at;
        while let Some(b',' | b':') = self.bytes.get(from) {
            from += 1;
        }
        let end = bytewise::skip_value(self.bytes, from, 0, MAX_DEPTH).ok()?;
        self.at = end;
        self.bytes.get(from..end)
    }
}

fn member<'a>(object: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut items = Items {
        bytes: object,
        at: 1,
    };
    loop {
        let (found, value) = (items.value()?, items.value()?);
        let found = found
            .strip_prefix(b"\"")
            .and_then(|found| found.strip_suffix(b"\""));
        if found == Some(name.as_bytes()) {
            return Some(value);
        }
    }
}

fn first_element(array: &[u8]) -> Option<&[u8]> {
    Items {
        bytes: array,
        at: 1,
    }
    .value()
}

#[cfg(test)]
mod tests {
    use std::string::String;

    use super::*;

    fn picked(name: &str, answer: &str) -> String {
        let mut out = Vec::new();
        LookupField::named(name)
            .unwrap_or_else(|| panic!("{name} is a field"))
            .pick(answer.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    const ANSWER: &str = r#"{"v":1,"outcome":"matched","key":{"type":"aws_arn","value":"a\"b"},"records":[{"uid":"u","owner":{"ref":"group:default/é\n"},"privilege":{"tier":1,"basis":["x","y"]},"findings":[{"name":"a","severity":"high"},{"severity":"low"},{"name":"b"}],"workloads":[]}]}"#;

    #[test]
    fn texts_are_raw_and_the_rest_is_json() {
        assert_eq!(picked("outcome", ANSWER), "matched");
        assert_eq!(picked("key.value", ANSWER), "a\"b");
        assert_eq!(
            picked("key", ANSWER),
            r#"{"type":"aws_arn","value":"a\"b"}"#
        );
        assert_eq!(picked("uid", ANSWER), "u");
        assert_eq!(picked("owner.ref", ANSWER), "group:default/é\n");
        assert_eq!(picked("owner", ANSWER), r#"{"ref":"group:default/é\n"}"#);
        assert_eq!(picked("privilege.tier", ANSWER), "1");
        assert_eq!(picked("privilege.basis", ANSWER), r#"["x","y"]"#);
        assert_eq!(picked("findings.name", ANSWER), r#"["a","b"]"#);
        assert_eq!(picked("workloads", ANSWER), "[]");
    }

    #[test]
    fn what_is_not_known_is_empty() {
        assert_eq!(picked("sponsor.ref", ANSWER), "");
        assert_eq!(picked("findings.owasp", ANSWER), "");
        assert_eq!(picked("key.domain", ANSWER), "");
        let nobody = r#"{"v":1,"outcome":"not_found","key":{},"records":[]}"#;
        assert_eq!(picked("owner", nobody), "");
        assert_eq!(picked("outcome", nobody), "not_found");
        for broken in ["", "{", "[", "{\"records\":", "{\"records\":[{\"owner\":"] {
            assert_eq!(picked("owner", broken), "", "{broken}");
        }
    }

    #[test]
    fn names_that_no_record_has_are_none() {
        for name in [
            "",
            "ownr",
            "owner.",
            ".owner",
            "owner.reff",
            "owner.ref.x",
            "role",
            "triage.priority",
            "snapshot.id",
            "credential.uid",
            "behavior.verdict",
            "response.about",
            "response.blast_radius",
            "record.behavior",
            "records",
            "identities",
        ] {
            assert_eq!(LookupField::named(name), None, "{name}");
        }
        for name in [
            "credentials",
            "credentials.rotation_age_days",
            "behavior",
            "behavior.allowed",
            "blast_radius.teams",
            "response",
            "response.revocation.team",
            "response.escalation_policy.url",
            "findings.exception.until",
            "aliases.valid_to",
            "provenance.source",
            "retired",
        ] {
            assert!(LookupField::named(name).is_some(), "{name}");
        }
    }
}
