//! The rows of JSON Lines as CSV records.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Read;
use std::path::PathBuf;

use serde_json::value::RawValue;

use crate::json::keys::JsonKeys;
use crate::json::object;
use crate::{DatasetError, Source, decode};
use windrow_record::{RawRecord, RecordReader, RowNumber, append_record};

/// The delimiter of the records.
const DELIMITER: u8 = b',';
/// The maximum length, in bytes, of the text that is kept of a line that cannot be read. A message with a longer one
/// might be larger than a broker accepts.
const MAX_KEPT: usize = 64 * 1024;

/// A reader of the rows. Blank lines are skipped.
pub(crate) struct JsonRows {
    path: PathBuf,
    lines: RecordReader<Box<dyn Read + Send>>,
    /// The place of each column in a record.
    places: HashMap<String, usize>,
    /// True for each column that a row has had.
    is_seen: Vec<bool>,
    /// True to decode lines that are not UTF-8.
    decodes: bool,
    line: Vec<u8>,
    record: Vec<u8>,
}

impl JsonRows {
    /// Opens the rows in `source`. Also returns the names of the columns.
    ///
    /// # Errors
    /// The pipeline file has a key that JSON Lines do not have, or the columns cannot be read.
    pub(crate) fn open(
        dataset: &windrow_config::Dataset,
        source: Box<dyn Read + Send>,
        decodes: bool,
    ) -> Result<(Self, Vec<String>), DatasetError> {
        let path = dataset.path.clone();
        let csv_keys = [
            ("skip", dataset.skip.is_some_and(|lines| lines > 0)),
            ("delimiter", dataset.delimiter != DELIMITER),
            ("quote", dataset.quote.is_some()),
            ("skip_initial_space", dataset.skip_initial_space == Some(true)),
        ];
        if let Some((key, _)) = csv_keys.into_iter().find(|(_, is_given)| *is_given) {
            return Err(DatasetError::NotInJson { path, key });
        }
        let columns = match &dataset.columns {
            Some(columns) => columns.clone(),
            None => JsonKeys::read(&path, Source::open(&path)?.reader)?.columns,
        };
        let places = columns.iter().enumerate().map(|(place, column)| (column.clone(), place)).collect();
        let (lines, is_seen) = (RecordReader::lines(source), vec![false; columns.len()]);
        Ok((Self { path, lines, places, is_seen, decodes, line: Vec::new(), record: Vec::new() }, columns))
    }

    /// Returns the next row as a record, and its line. A line that cannot be read becomes a record with another number
    /// of fields, so that the row goes to quarantine.
    ///
    /// # Errors
    /// The file cannot be read, a line is too long, or no row has one of the columns.
    pub(crate) fn next_record(&mut self, row: RowNumber) -> Result<Option<(RawRecord<'_>, &[u8])>, DatasetError> {
        let number = loop {
            let read = self.lines.next_record().map_err(|error| DatasetError::of_read(&self.path, row, error));
            let Some(line) = read? else { return self.missing_key().map_or(Ok(None), Err) };
            let text = line.bytes.trim_ascii();
            if !text.is_empty() {
                self.line.clear();
                self.line.extend_from_slice(text);
                break line.line;
            }
        };
        let Self { places, is_seen, decodes, line, record, .. } = self;
        let text = decode(line);
        let is_object = object::read(&text, |text| write(text, places, is_seen, record)).is_ok();
        let is_utf8 = matches!(text, Cow::Borrowed(_));
        if !is_object || !(is_utf8 || *decodes) {
            write_refused(if *decodes { text.as_bytes() } else { &line[..] }, places.len(), record);
        }
        Ok(Some((RawRecord { bytes: &record[..], line: number }, &line[..])))
    }

    /// The error for a column that no row has. The pipeline file names it.
    fn missing_key(&self) -> Option<DatasetError> {
        let missing = self.places.iter().filter(|(_, place)| !self.is_seen[**place]);
        let (key, _) = missing.min_by_key(|(_, place)| **place)?;
        Some(DatasetError::NoKey { path: self.path.clone(), key: key.clone() })
    }
}

/// Writes the cells of an object as a record.
fn write(
    line: &str,
    places: &HashMap<String, usize>,
    is_seen: &mut [bool],
    record: &mut Vec<u8>,
) -> Result<(), serde_json::Error> {
    let mut values: Vec<Option<&RawValue>> = vec![None; is_seen.len()];
    object::members(line, |key, value| {
        if let Some(place) = places.get(key) {
            values[*place] = Some(value);
        }
    })?;
    for (is_seen, value) in is_seen.iter_mut().zip(&values) {
        *is_seen |= value.is_some();
    }
    let cells = values.into_iter().map(|value| value.map_or(Ok(Cow::Borrowed("")), object::cell));
    let cells = cells.collect::<Result<Vec<_>, _>>()?;
    record.clear();
    append_record(record, cells.iter().map(AsRef::as_ref), DELIMITER);
    Ok(())
}

/// Writes a line as a record whose number of fields is not that of the columns.
fn write_refused(line: &[u8], columns: usize, record: &mut Vec<u8>) {
    let mut end = line.len().min(MAX_KEPT);
    // The bytes of a character stay together.
    while end < line.len() && end > 0 && line[end] & 0xc0 == 0x80 {
        end -= 1;
    }
    record.clear();
    record.push(b'"');
    for byte in &line[..end] {
        if *byte == b'"' {
            record.push(b'"');
        }
        record.push(*byte);
    }
    record.push(b'"');
    if columns == 1 {
        record.push(DELIMITER);
    }
}
