//! Reads YAML document by document, and lists as `kubectl` prints them item by item: the parser holds
//! what it is given, so it is given no more than that.

use std::io::{self, BufRead, Read};

use serde_json::{Map, Value};

use super::stream::{ENTRY_LIMIT, Item, Place, Seen};
use super::{ConnectError, Connector, Input};

/// Visits YAML documents one at a time, and the elements of a top-level list named in `lists` as
/// `kubectl -o yaml` prints it (`items:` on a line of its own) one at a time. What stands around such a
/// list comes last, as a document without it.
///
/// # Errors
/// Where the text is no such YAML; what `visit` says.
pub(super) fn each_yaml(
    input: &Input,
    connector: Connector,
    lists: &[&str],
    visit: &mut dyn FnMut(Item<'_>) -> Result<(), ConnectError>,
) -> Result<Seen, ConnectError> {
    let mut text = input
        .open()
        .map_err(|error| ConnectError::read(input, connector, &error))?;
    let mut yaml = Yaml {
        input,
        connector,
        seen: Seen::default(),
        document: Part::default(),
        entry: Part::default(),
        list: None,
        nothing: Map::new(),
        documents: 1,
        entries: 0,
    };
    let (mut line, mut number) = (Vec::new(), 0);
    loop {
        line.clear();
        let room = ENTRY_LIMIT - yaml.document.text.len().max(yaml.entry.text.len()) as u64;
        let read = text.by_ref().take(room + 1).read_until(b'\n', &mut line);
        let read = read.map_err(|error| ConnectError::read(input, connector, &error))?;
        if read as u64 > room {
            let error = io::Error::other("one document is larger than 256 MiB");
            return Err(ConnectError::read(input, connector, &error));
        }
        number += 1;
        if read == 0 {
            yaml.end(visit)?;
            return Ok(yaml.seen);
        }
        // These three characters at the start of a line end a document wherever they stand.
        let marks = line.starts_with(b"---") || line.starts_with(b"...");
        if marks && line.get(3).is_none_or(u8::is_ascii_whitespace) {
            yaml.end(visit)?;
            // A document may begin behind the mark.
            line.splice(..3, *b"   ");
            if line.trim_ascii().is_empty() {
                continue;
            }
        }
        yaml.line(&line, number, lists, visit)?;
    }
}

/// Lines that are parsed together, and their numbers in the file.
#[derive(Default)]
struct Part {
    text: Vec<u8>,
    lines: u64,
    /// From this line of the part on, its lines are this much further down in the file.
    runs: Vec<(u64, u64)>,
}

impl Part {
    fn push(&mut self, line: &[u8], number: u64) {
        self.lines += 1;
        let shift = number - self.lines;
        if self.runs.last().is_none_or(|(_, last)| *last != shift) {
            self.runs.push((self.lines, shift));
        }
        self.text.extend(line);
    }

    /// The number in the file of a line of the part.
    fn number(&self, line: u64) -> u64 {
        let run = self.runs.iter().rev().find(|(from, _)| *from <= line);
        line + run.map_or(0, |(_, shift)| *shift)
    }
}

struct Yaml<'a> {
    input: &'a Input,
    connector: Connector,
    seen: Seen,
    document: Part,
    entry: Part,
    /// The list that is being read, and how far its dashes are indented.
    list: Option<(&'a str, Option<usize>)>,
    nothing: Map<String, Value>,
    documents: u64,
    entries: u64,
}

impl<'a> Yaml<'a> {
    fn line(
        &mut self,
        line: &[u8],
        number: u64,
        lists: &[&'a str],
        visit: &mut dyn FnMut(Item<'_>) -> Result<(), ConnectError>,
    ) -> Result<(), ConnectError> {
        let text = line.trim_ascii_end();
        let indent = text.iter().take_while(|b| **b == b' ').count();
        let first = text.get(indent).copied();
        if let Some((name, dashes)) = self.list {
            let dash = first == Some(b'-') && text.get(indent + 1).is_none_or(|b| *b == b' ');
            let dashes = dashes.or_else(|| dash.then_some(indent));
            self.list = Some((name, dashes));
            if dash && dashes == Some(indent) {
                self.entry(visit)?;
                self.entries += 1;
                self.entry.push(line, number);
                return Ok(());
            }
            // Blank lines and comments belong to the entry; so does what is indented further.
            if first.is_none()
                || first == Some(b'#')
                || dashes.is_some_and(|dashes| indent > dashes)
            {
                self.entry.push(line, number);
                return Ok(());
            }
            self.entry(visit)?;
            self.list = None;
        }
        let opens = |name: &&&str| {
            indent == 0 && text.strip_prefix(name.as_bytes()) == Some(b":".as_slice())
        };
        if let Some(name) = lists.iter().find(opens) {
            self.list = Some((name, None));
            self.entries = 0;
            self.seen.lists.insert((*name).to_owned());
            return Ok(());
        }
        self.document.push(line, number);
        Ok(())
    }

    fn entry(
        &mut self,
        visit: &mut dyn FnMut(Item<'_>) -> Result<(), ConnectError>,
    ) -> Result<(), ConnectError> {
        let part = std::mem::take(&mut self.entry);
        let list = self.list.map_or("", |(name, _)| name);
        if self.entries == 0 {
            return Ok(());
        }
        let Some(Value::Array(values)) = self.parse(&part)? else {
            return Ok(());
        };
        for value in values {
            self.seen.items += 1;
            visit(self.item(list, self.entries, value))?;
        }
        Ok(())
    }

    fn end(
        &mut self,
        visit: &mut dyn FnMut(Item<'_>) -> Result<(), ConnectError>,
    ) -> Result<(), ConnectError> {
        self.entry(visit)?;
        self.list = None;
        let is_wrapper = std::mem::take(&mut self.entries) > 0;
        let part = std::mem::take(&mut self.document);
        if let Some(value) = self.parse(&part)? {
            self.seen.items += u64::from(!is_wrapper);
            let mut item = self.item("", 0, value);
            item.is_wrapper = is_wrapper;
            visit(item)?;
            self.documents += 1;
        }
        Ok(())
    }

    fn item<'s>(&'s self, list: &'s str, entry: u64, value: Value) -> Item<'s> {
        Item {
            list,
            value,
            beside: &self.nothing,
            is_wrapper: false,
            place: Place {
                path: self.input.path(),
                list,
                document: self.documents,
                entry,
            },
        }
    }

    /// `None` for what holds nothing but comments.
    fn parse(&self, part: &Part) -> Result<Option<Value>, ConnectError> {
        let parsed = serde_norway::from_slice::<Option<serde_norway::Value>>(&part.text);
        parsed.map(|value| value.map(plain)).map_err(|error| {
            let line = error.location().map(|at| part.number(at.line() as u64));
            ConnectError::yaml(self.input, self.connector, &error, line)
        })
    }
}

/// YAML as JSON: keys that are numbers or truth values become texts, tags are left out.
fn plain(value: serde_norway::Value) -> Value {
    use serde_norway::Value as Yaml;
    match value {
        Yaml::Null => Value::Null,
        Yaml::Bool(value) => value.into(),
        Yaml::String(text) => text.into(),
        Yaml::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(whole), _) => whole.into(),
            (None, Some(whole)) => whole.into(),
            (None, None) => number.as_f64().into(),
        },
        Yaml::Sequence(items) => items.into_iter().map(plain).collect(),
        Yaml::Mapping(members) => {
            let named = members.into_iter().map(|(key, value)| {
                let key = match plain(key) {
                    Value::String(key) => key,
                    other => other.to_string(),
                };
                (key, plain(value))
            });
            Value::Object(named.collect())
        }
        Yaml::Tagged(tagged) => plain(tagged.value),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn documents(text: &str) -> Result<Vec<String>, ConnectError> {
        let input = Input::memory(Path::new("a.yaml"), text.as_bytes());
        let mut out = Vec::new();
        each_yaml(&input, Connector::Kubernetes, &["items"], &mut |item| {
            out.push(format!("{}: {}", item.place, item.value));
            Ok(())
        })?;
        Ok(out)
    }

    #[test]
    fn yaml_comes_document_by_document_and_item_by_item() {
        let text = "# first\n---\na: 1\n--- {b: 2}\n...\n---\n---\napiVersion: v1\nitems:\n- x: |\n    - not an item\n  y: 2\n\n# between\n- x: 3\nkind: List\n";
        assert_eq!(
            documents(text).unwrap(),
            [
                r#"a.yaml: {"a":1}"#,
                r#"a.yaml, document 2: {"b":2}"#,
                r#"a.yaml, document 3, entry 1 of items: {"x":"- not an item\n","y":2}"#,
                r#"a.yaml, document 3, entry 2 of items: {"x":3}"#,
                r#"a.yaml, document 3: {"apiVersion":"v1","kind":"List"}"#,
            ]
        );
        let indented = "items:\n  - x: 1\n    y: [2,\n      3]\n  - z\n";
        assert_eq!(
            documents(indented).unwrap(),
            [
                r#"a.yaml, entry 1 of items: {"x":1,"y":[2,3]}"#,
                r#"a.yaml, entry 2 of items: "z""#
            ]
        );
        assert_eq!(
            documents("items: []\n").unwrap(),
            [r#"a.yaml: {"items":[]}"#]
        );
    }

    #[test]
    fn yaml_faults_count_lines_from_the_start_of_the_file() {
        let error = documents("a: 1\n---\nb: 2\nc: [1\n")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("line 5") || error.contains("line 4"),
            "{error}"
        );
        let error = documents("kind: List\nitems:\n- a: 1\n- b: 'x\nkind: y\n")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("line 4") || error.contains("line 5"),
            "{error}"
        );
    }
}
