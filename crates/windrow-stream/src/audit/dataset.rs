//! The rows of the dataset, as hashes that fit in memory.

use std::hash::{DefaultHasher, Hasher};

use tokio_util::sync::CancellationToken;

use crate::growth::{RowHash, RowHasher};
use windrow_config::Schema;
use windrow_dataset::{DatasetError, DatasetReader};
use windrow_record::{RecordParser, RowNumber};
use windrow_windows::RowFormat;

/// The number of rows between two checks of `stop`.
const ROWS_PER_CHECK: u64 = 65_536;

/// The dataset, and how its rows are compared with those in the files.
pub(crate) struct Source<'a> {
    pub(crate) dataset: &'a windrow_config::Dataset,
    pub(crate) schema: &'a Schema,
    pub(crate) format: &'a RowFormat,
    /// The row number of the dataset's first row.
    pub(crate) begins: RowNumber,
    /// True to compare the values of the cells instead of their bytes.
    pub(crate) by_value: bool,
}

/// The hashes of the dataset's rows. Empty if there is nothing to compare with.
#[derive(Debug, Default)]
pub(crate) struct DatasetHashes {
    rows: Rows,
    /// The number of rows before the first one of the file.
    before: u64,
    format: RowFormat,
}

#[derive(Debug)]
enum Rows {
    /// The hashes of the bytes, eight bytes each.
    Bytes(Vec<u64>),
    /// The hashes of the values, 16 bytes each.
    Values(Vec<RowHash>),
}

impl Default for Rows {
    fn default() -> Self {
        Self::Bytes(Vec::new())
    }
}

impl DatasetHashes {
    /// Reads the dataset. Returns `None` if `stop` is cancelled.
    pub(crate) fn read(source: &Source<'_>, stop: &CancellationToken) -> Result<Option<Self>, DatasetError> {
        let Source { dataset, schema, format, begins, by_value } = *source;
        let mut reader = DatasetReader::open(dataset)?;
        let mut rows = if by_value { Rows::Values(Vec::new()) } else { Rows::default() };
        let (mut parser, mut hasher) = (RecordParser::new(dataset.delimiter), RowHasher::new(schema, format));
        while let Some(row) = reader.next_row()? {
            match &mut rows {
                Rows::Bytes(hashes) => hashes.push(hash(&format.stored(row.bytes, &mut parser))),
                Rows::Values(hashes) => hashes.push(hasher.hash(row.bytes)),
            }
            if row.number.get().is_multiple_of(ROWS_PER_CHECK) && stop.is_cancelled() {
                return Ok(None);
            }
        }
        Ok(Some(Self { rows, before: begins.get() - 1, format: format.clone() }))
    }

    pub(crate) fn rows(&self) -> u64 {
        match &self.rows {
            Rows::Bytes(hashes) => hashes.len() as u64,
            Rows::Values(hashes) => hashes.len() as u64,
        }
    }

    /// The number of rows before the first one of the file. They came from earlier extracts and are not compared.
    pub(crate) fn before(&self) -> u64 {
        self.before
    }

    /// Returns true if values are compared instead of bytes.
    pub(crate) fn is_by_value(&self) -> bool {
        matches!(self.rows, Rows::Values(_))
    }

    pub(crate) fn comparison<'a>(&'a self, schema: &'a Schema) -> Comparison<'a> {
        let hasher = RowHasher::new(schema, &self.format);
        Comparison { original: self, parser: RecordParser::new(schema.delimiter), hasher }
    }

    /// Returns the index of a row in the file. `None` if the file does not have the row any more. A replay may repeat
    /// the dataset, so numbers can be higher than its number of rows.
    fn index(&self, row: RowNumber) -> Option<usize> {
        let index = (row.get() - 1).checked_sub(self.before)?.checked_rem(self.rows())?;
        usize::try_from(index).ok()
    }
}

/// Compares records, in the form in which they are stored, with the dataset's rows.
pub(crate) struct Comparison<'a> {
    original: &'a DatasetHashes,
    parser: RecordParser,
    hasher: RowHasher<'a>,
}

impl Comparison<'_> {
    /// Returns true if a record is the dataset's row with this number, or if the dataset does not have the row or was
    /// not read. `label` is the label that has arrived since.
    pub(crate) fn matches(&mut self, row: RowNumber, record: &[u8], label: Option<&str>) -> bool {
        let Some(index) = self.original.index(row) else { return true };
        match &self.original.rows {
            Rows::Bytes(hashes) => {
                let found = hash(&self.original.format.stored(record, &mut self.parser));
                hashes.get(index).is_none_or(|expected| *expected == found)
            }
            Rows::Values(hashes) => {
                let found = self.hasher.hash(record);
                let found = label.map_or(found, |label| self.hasher.with_target(found, label));
                hashes.get(index).is_none_or(|expected| *expected == found)
            }
        }
    }

    /// The same for a record in quarantine. It is in no window, so a label that arrives later is not kept for it.
    pub(crate) fn matches_refused(&mut self, row: RowNumber, record: &[u8]) -> bool {
        let Rows::Values(hashes) = &self.original.rows else { return self.matches(row, record, None) };
        let expected = self.original.index(row).and_then(|index| hashes.get(index));
        let found = self.hasher.hash(record);
        expected.is_none_or(|expected| found.can_become(*expected))
    }
}

/// Returns the hash of a row. Two different rows have the same hash with a probability of 2^-64.
fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}
