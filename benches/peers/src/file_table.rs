//! A table out of a CSV file, indexed as Vector's enrichment table of type `file` is: a map from the SeaHash of
//! the indexed columns, each ended by a zero byte, to the numbers of the rows, which are compared afterwards.

use std::collections::HashMap;
use std::hash::Hasher;
use std::path::Path;

use hash_hasher::HashBuildHasher;
use seahash::SeaHasher;
use vrl::value::{ObjectMap, Value};

use crate::Failure;

/// The rows and one index.
#[derive(Debug)]
pub struct FileTable {
    headers: Vec<String>,
    rows: Vec<Vec<Value>>,
    index: HashMap<u64, Vec<usize>, HashBuildHasher>,
}

impl FileTable {
    /// Reads a file, and indexes one column.
    pub fn read(path: &Path, key: &str, integers: &[&str]) -> Result<Self, Failure> {
        let mut reader = csv::Reader::from_path(path)?;
        let headers: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
        let key = headers
            .iter()
            .position(|header| header == key)
            .ok_or("the table has no such column")?;
        let mut rows = Vec::new();
        let mut index: HashMap<u64, Vec<usize>, HashBuildHasher> = HashMap::default();
        for record in reader.records() {
            let record = record?;
            let row: Vec<Value> = headers
                .iter()
                .zip(&record)
                .map(|(header, text)| match text.parse::<i64>() {
                    Ok(number) if integers.contains(&header.as_str()) => Value::from(number),
                    _ => Value::from(text),
                })
                .collect();
            index.entry(hash(&row[key])).or_default().push(rows.len());
            rows.push(row);
        }
        Ok(Self {
            headers,
            rows,
            index,
        })
    }

    /// The one row whose column is this value, all columns of it.
    pub fn find(&self, column: &str, value: &Value) -> Result<ObjectMap, &'static str> {
        let rows = self.index.get(&hash(value)).ok_or("no rows found")?;
        let mut found = rows.iter().filter(|number| {
            let column = self.headers.iter().position(|header| header == column);
            column.is_some_and(|column| self.rows[**number][column] == *value)
        });
        match (found.next(), found.next()) {
            (Some(number), None) => Ok(self.object(&self.rows[*number])),
            (None, _) => Err("no rows found"),
            _ => Err("more than one row found"),
        }
    }

    fn object(&self, row: &[Value]) -> ObjectMap {
        self.headers
            .iter()
            .zip(row)
            .map(|(header, value)| (header.as_str().into(), value.clone()))
            .collect()
    }
}

fn hash(value: &Value) -> u64 {
    let mut hasher = SeaHasher::default();
    if let Some(bytes) = value.as_bytes() {
        hasher.write(bytes);
    }
    hasher.write_u8(0);
    hasher.finish()
}
