//! Reads exports entry by entry: JSON in all the shapes in which lists of things are printed, CSV rows,
//! lines; YAML is in [`super::yaml`]. What is held at a time is one entry and the small members beside
//! its list.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::rc::Rc;

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::yaml::each_yaml;
use super::{ConnectError, Connector, Input};

/// The longest entry. Nothing that a vendor prints comes near; a file that unpacks without end does.
pub(super) const ENTRY_LIMIT: u64 = 256 << 20;
/// The longest line of a text file.
const LINE_LIMIT: u64 = 1 << 20;

/// One entry of an export.
#[derive(Debug)]
pub(super) struct Item<'a> {
    /// Name of the member whose array it stood in; empty for a document, or for an entry of a bare array.
    pub(super) list: &'a str,
    /// The entry.
    pub(super) value: Value,
    /// Members of the object around the list that were read before it.
    pub(super) beside: &'a Map<String, Value>,
    /// It is such an object itself, without its lists.
    pub(super) is_wrapper: bool,
    /// Where it stands, for messages.
    pub(super) place: Place<'a>,
}

/// Where an entry stands, for messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) path: &'a Path,
    pub(super) list: &'a str,
    pub(super) document: u64,
    pub(super) entry: u64,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if self.document > 1 {
            write!(f, ", document {}", self.document)?;
        }
        match (self.list, self.entry) {
            ("", 0) => Ok(()),
            ("", entry) => write!(f, ", entry {entry}"),
            (list, entry) => write!(f, ", entry {entry} of {list}"),
        }
    }
}

/// What a file held.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Entries, wrappers not counted.
    pub(super) items: u64,
    /// Names of the lists that were there, empty ones too.
    pub(super) lists: BTreeSet<String>,
    /// Lines that were comments.
    pub(super) comments: u64,
}

/// Visits the entries of one JSON document, of documents one after another or one a line, of a bare
/// array, and of the arrays in members named in `lists`. A member named there that holds an object is
/// looked into for lists as the document is. Lines that are comments are passed over and counted.
///
/// # Errors
/// Where the text is no JSON; what `visit` says.
pub(super) fn each_json(
    input: &Input,
    connector: Connector,
    lists: &[&str],
    visit: &mut dyn FnMut(Item<'_>) -> Result<(), ConnectError>,
) -> Result<Seen, ConnectError> {
    let text = input
        .open()
        .map_err(|error| ConnectError::read(input, connector, &error))?;
    let (held, comments) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let reader = BufReader::with_capacity(
        1 << 16,
        Lines {
            inner: text,
            state: Line::Start,
            held: Rc::clone(&held),
            comments: Rc::clone(&comments),
        },
    );
    let mut walk = Walk {
        path: input.path(),
        lists,
        visit,
        held,
        seen: Seen::default(),
        fault: None,
        document: 0,
    };
    let mut json = serde_json::Deserializer::from_reader(reader);
    let result = loop {
        match json.end() {
            Ok(()) => break Ok(()),
            Err(error) if error.is_io() => break Err(error),
            Err(_) => {}
        }
        walk.document += 1;
        let document = Document {
            walk: &mut walk,
            entry: 0,
        };
        if let Err(error) = document.deserialize(&mut json) {
            break Err(error);
        }
    };
    walk.seen.comments = comments.get();
    match (result, walk.fault) {
        (_, Some(fault)) => Err(fault),
        (Err(error), None) => Err(ConnectError::json(input, connector, &error)),
        (Ok(()), None) => Ok(walk.seen),
    }
}

struct Walk<'a> {
    path: &'a Path,
    lists: &'a [&'a str],
    visit: &'a mut dyn FnMut(Item<'_>) -> Result<(), ConnectError>,
    held: Rc<Cell<u64>>,
    seen: Seen,
    /// Why the walk was stopped, past serde's own error type.
    fault: Option<ConnectError>,
    document: u64,
}

impl Walk<'_> {
    fn item<E: serde::de::Error>(
        &mut self,
        list: &str,
        entry: u64,
        value: Value,
        beside: &Map<String, Value>,
        is_wrapper: bool,
    ) -> Result<(), E> {
        self.held.set(0);
        self.seen.items += u64::from(!is_wrapper);
        let item = Item {
            list,
            value,
            beside,
            is_wrapper,
            place: Place {
                path: self.path,
                list,
                document: self.document,
                entry,
            },
        };
        (self.visit)(item).map_err(|fault| {
            self.fault = Some(fault);
            E::custom("stopped")
        })
    }
}

/// A document, an element of a bare array, or a wrapper inside a wrapper.
struct Document<'w, 'a> {
    walk: &'w mut Walk<'a>,
    entry: u64,
}

impl<'de> DeserializeSeed<'de> for Document<'_, '_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// Scalars where a document may stand: `null` says nothing, the rest are entries.
macro_rules! scalars {
    ($($name:ident: $type:ty),*) => {$(
        fn $name<E: serde::de::Error>(self, value: $type) -> Result<(), E> {
            self.walk.item("", self.entry, Value::from(value), &Map::new(), false)
        }
    )*};
}

impl<'de> Visitor<'de> for Document<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    scalars!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        self.walk.seen.lists.insert(String::new());
        let mut entry = 0;
        loop {
            entry += 1;
            let document = Document {
                walk: &mut *self.walk,
                entry,
            };
            if sequence.next_element_seed(document)?.is_none() {
                return Ok(());
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (mut beside, mut is_wrapper) = (Map::new(), false);
        while let Some(name) = map.next_key::<String>()? {
            if !self.walk.lists.contains(&name.as_str()) {
                let value = map.next_value()?;
                beside.insert(name, value);
                continue;
            }
            let member = Member {
                walk: &mut *self.walk,
                name: &name,
                beside: &beside,
            };
            match map.next_value_seed(member)? {
                Some(value) => {
                    beside.insert(name, value);
                }
                None => is_wrapper = true,
            }
        }
        let none = Map::new();
        self.walk
            .item("", self.entry, Value::Object(beside), &none, is_wrapper)
    }
}

/// The value of a member that is named as a list. Gives the value back when it is a scalar.
struct Member<'w, 'a> {
    walk: &'w mut Walk<'a>,
    name: &'w str,
    beside: &'w Map<String, Value>,
}

impl<'de> DeserializeSeed<'de> for Member<'_, '_> {
    type Value = Option<Value>;

    fn deserialize<D: serde::Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Member<'_, '_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        self.walk.seen.lists.insert(self.name.to_owned());
        let mut entry = 0;
        while let Some(value) = sequence.next_element::<Value>()? {
            entry += 1;
            self.walk
                .item(self.name, entry, value, self.beside, false)?;
        }
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let inner = Document {
            walk: self.walk,
            entry: 0,
        };
        inner.visit_map(map).map(|()| None)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Some(value.into()))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Some(value.into()))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Some(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Some(value.into()))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Some(value.into()))
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
        Ok(Some(Value::Null))
    }
}

/// Where in a line the reader stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    Start,
    Body,
    Comment,
}

/// Blanks lines that start with `#` or `//` and counts what one entry takes. A JSON text has no such
/// line: a string can't hold a line end. The number of lines and columns stays.
struct Lines<R> {
    inner: R,
    state: Line,
    held: Rc<Cell<u64>>,
    comments: Rc<Cell<u64>>,
}

impl<R: BufRead> Read for Lines<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(out)?;
        let held = self.held.get() + read as u64;
        if held > ENTRY_LIMIT {
            return Err(io::Error::other(format!(
                "one entry is larger than {} MiB",
                ENTRY_LIMIT >> 20
            )));
        }
        self.held.set(held);
        let mut rest = &mut out[..read];
        while !rest.is_empty() {
            if self.state == Line::Start {
                let blank = rest.iter().take_while(|b| matches!(b, b' ' | b'\t'));
                let blank = blank.count();
                rest = &mut rest[blank..];
                match rest.first() {
                    None => break,
                    Some(b'#' | b'/') => {
                        self.state = Line::Comment;
                        self.comments.set(self.comments.get() + 1);
                    }
                    Some(_) => self.state = Line::Body,
                }
            }
            let end = memchr::memchr(b'\n', rest);
            if self.state == Line::Comment {
                let comment = end.unwrap_or(rest.len());
                rest[..comment].fill(b' ');
            }
            let Some(end) = end else { break };
            self.state = Line::Start;
            rest = &mut rest[end + 1..];
        }
        Ok(read)
    }
}

/// Visits JSON as [`each_json`] does, or YAML as [`each_yaml`] does, by the first character.
///
/// # Errors
/// As theirs.
pub(super) fn each_document(
    input: &Input,
    connector: Connector,
    lists: &[&str],
    visit: &mut dyn FnMut(Item<'_>) -> Result<(), ConnectError>,
) -> Result<Seen, ConnectError> {
    let head = input
        .head()
        .map_err(|error| ConnectError::read(input, connector, &error))?;
    if matches!(head.trim_ascii_start().first(), Some(b'{' | b'[')) {
        each_json(input, connector, lists, visit)
    } else {
        each_yaml(input, connector, lists, visit)
    }
}

/// Opens CSV with a head line; lines that start with `#` are comments.
///
/// # Errors
/// Why the file can't be read.
pub(super) fn csv_reader(
    input: &Input,
    connector: Connector,
) -> Result<csv::Reader<Box<dyn BufRead>>, ConnectError> {
    let text = input
        .open()
        .map_err(|error| ConnectError::read(input, connector, &error))?;
    Ok(csv::ReaderBuilder::new()
        .flexible(true)
        .comment(Some(b'#'))
        .from_reader(text))
}

/// Visits the lines of a text file with their numbers, without their ends.
///
/// # Errors
/// Why the file can't be read; what `visit` says.
pub(super) fn each_line(
    input: &Input,
    connector: Connector,
    visit: &mut dyn FnMut(u64, &str) -> Result<(), ConnectError>,
) -> Result<(), ConnectError> {
    let mut text = input
        .open()
        .map_err(|error| ConnectError::read(input, connector, &error))?;
    let (mut line, mut number) = (Vec::new(), 0);
    loop {
        line.clear();
        let read = text
            .by_ref()
            .take(LINE_LIMIT + 1)
            .read_until(b'\n', &mut line);
        let read = read.map_err(|error| ConnectError::read(input, connector, &error))?;
        if read == 0 {
            return Ok(());
        }
        number += 1;
        if read as u64 > LINE_LIMIT {
            let error = io::Error::other(format!("line {number} is longer than 1 MiB"));
            return Err(ConnectError::read(input, connector, &error));
        }
        visit(
            number,
            String::from_utf8_lossy(line.trim_ascii_end()).as_ref(),
        )?;
    }
}

#[cfg(test)]
mod tests;
