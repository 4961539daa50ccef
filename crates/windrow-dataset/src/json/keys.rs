//! The first pass over JSON Lines, which finds the columns.

use std::io::Read;
use std::path::Path;

use indexmap::IndexMap;

use crate::json::object;
use crate::{DatasetError, MAX_COLUMNS, Source, decode};
use windrow_record::display::{counted, thousands};
use windrow_record::{RecordReader, RowNumber};

/// The maximum length of a key, in bytes. Longer keys are not read.
const MAX_KEY_LENGTH: usize = 1000;

/// The keys of all objects of a file.
#[derive(Debug, Default)]
pub(crate) struct JsonKeys {
    /// The keys without nested values, in the order of their first appearance.
    pub(crate) columns: Vec<String>,
    /// The keys with nested values, and the number of rows that have one.
    nested: Vec<(String, u64)>,
    not_objects: Option<NotObjects>,
    /// The first row with a key that is too long.
    long_key: Option<u64>,
}

/// The lines that are not objects.
#[derive(Debug)]
struct NotObjects {
    rows: u64,
    first_row: u64,
    first_line: u64,
    /// The reason for the first one.
    reason: String,
}

impl JsonKeys {
    /// Reads all keys of a file. `None` if the file is not JSON Lines.
    ///
    /// # Errors
    /// The file cannot be read, has too many keys, or has no key with plain values.
    pub(crate) fn find(path: &Path) -> Result<Option<Self>, DatasetError> {
        let source = Source::open(path)?;
        if source.is_json { Self::read(path, source.reader).map(Some) } else { Ok(None) }
    }

    /// Reads all keys of JSON Lines.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub(crate) fn read(path: &Path, source: impl Read) -> Result<Self, DatasetError> {
        let mut lines = RecordReader::lines(source);
        let (mut keys, mut found) = (Keys::default(), Self::default());
        let mut row = RowNumber::FIRST;
        while let Some(line) = lines.next_record().map_err(|error| DatasetError::of_read(path, row, error))? {
            let text = line.bytes.trim_ascii();
            if text.is_empty() {
                continue;
            }
            if let Err(error) = keys.add(row.get(), &decode(text)) {
                let (first_row, first_line) = (row.get(), line.line);
                let first = || NotObjects { rows: 0, first_row, first_line, reason: object::reason(&error) };
                found.not_objects.get_or_insert_with(first).rows += 1;
            }
            if keys.facts.len() > MAX_COLUMNS {
                return Err(DatasetError::TooManyKeys(path.to_owned()));
            }
            row = row.next();
        }
        found.long_key = keys.long_key;
        for (key, facts) in keys.facts {
            match facts.nested_rows {
                0 => found.columns.push(key),
                rows => found.nested.push((key, rows)),
            }
        }
        if found.columns.is_empty() {
            return Err(DatasetError::Kind { path: path.to_owned(), reason: found.no_columns(row.get() - 1) });
        }
        Ok(found)
    }

    /// The reason why a file without columns cannot be read. `all_rows` is the number of its rows.
    fn no_columns(&self, all_rows: u64) -> String {
        match &self.not_objects {
            Some(NotObjects { rows, first_line, reason, .. }) if *rows == all_rows => format!(
                "no line is a JSON object (line {first_line}: {reason}); write one object on each line, as `jq -c .` \
                 does"
            ),
            _ => "its objects have no key with plain values; nested values (objects and lists) are not read".to_owned(),
        }
    }

    /// The keys that are not columns, with the reason as an end of a sentence.
    pub(crate) fn nested(&self) -> impl Iterator<Item = (&str, String)> {
        self.nested.iter().map(|(key, rows)| {
            let rows = counted(*rows, "row", "rows");
            (key.as_str(), format!("objects or lists in {rows}; nested values are not read"))
        })
    }

    /// The keys that are left out of the columns, with the reason.
    pub(crate) fn left_out(&self) -> impl Iterator<Item = (String, String)> {
        self.nested().map(|(key, reason)| (key.to_owned(), format!("{reason}, so the column is left out")))
    }

    /// The lines and keys that cannot be read, each in a sentence.
    pub(crate) fn notes(&self) -> Vec<String> {
        let not_objects = self.not_objects.as_ref().map(|NotObjects { rows, first_row, first_line, reason }| {
            let rows = counted(*rows, "line is not a JSON object", "lines are not JSON objects");
            let [first_row, first_line] = [*first_row, *first_line].map(thousands);
            format!("{rows} (the first is row {first_row} on line {first_line}: {reason})")
        });
        let long_key = self.long_key.map(|row| {
            let most = thousands(MAX_KEY_LENGTH as u64);
            format!("keys of more than {most} bytes are not read (the first is in row {})", thousands(row))
        });
        not_objects.into_iter().chain(long_key).collect()
    }
}

/// The keys so far. There is at most one more than [`MAX_COLUMNS`].
#[derive(Debug, Default)]
struct Keys {
    facts: IndexMap<String, KeyFacts>,
    long_key: Option<u64>,
}

#[derive(Debug)]
struct KeyFacts {
    /// The last row that has the key.
    row: u64,
    /// True if its value in that row is nested. If a key is repeated, the last value counts.
    is_nested: bool,
    nested_rows: u64,
}

impl Keys {
    /// Adds the keys of a row. A line that is not an object adds none.
    fn add(&mut self, row: u64, line: &str) -> Result<(), serde_json::Error> {
        let known = self.facts.len();
        let (mut has_nested, mut long_key) = (false, self.long_key);
        let read = object::read(line, |line| {
            object::members(line, |key, value| {
                let is_nested = object::is_nested(value);
                has_nested |= is_nested;
                if let Some(facts) = self.facts.get_mut(key) {
                    (facts.row, facts.is_nested) = (row, is_nested);
                } else if key.len() > MAX_KEY_LENGTH {
                    long_key.get_or_insert(row);
                } else if self.facts.len() <= MAX_COLUMNS {
                    self.facts.insert(key.to_owned(), KeyFacts { row, is_nested, nested_rows: 0 });
                }
            })
        });
        if read.is_err() {
            self.facts.truncate(known);
            return read;
        }
        self.long_key = long_key;
        if has_nested {
            for facts in self.facts.values_mut().filter(|facts| facts.row == row && facts.is_nested) {
                facts.nested_rows += 1;
            }
        }
        Ok(())
    }
}
