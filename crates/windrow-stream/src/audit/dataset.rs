//! The rows of the dataset, as hashes that fit in memory.

use std::hash::{DefaultHasher, Hasher};

use tokio_util::sync::CancellationToken;

use windrow_dataset::{DatasetError, DatasetReader};
use windrow_record::{RecordParser, RowNumber};
use windrow_windows::RowFormat;

/// The number of rows between two checks of `stop`.
const ROWS_PER_CHECK: u64 = 65_536;

/// The hashes of the dataset's rows, eight bytes each. Empty if there is nothing to compare with.
#[derive(Debug, Default)]
pub(crate) struct DatasetHashes {
    hashes: Vec<u64>,
    format: RowFormat,
    delimiter: u8,
}

impl DatasetHashes {
    /// Reads the dataset. Returns `None` if `stop` is cancelled.
    pub(crate) fn read(
        dataset: &windrow_config::Dataset,
        format: &RowFormat,
        stop: &CancellationToken,
    ) -> Result<Option<Self>, DatasetError> {
        let mut reader = DatasetReader::open(dataset)?;
        let mut hashes = Vec::new();
        let mut parser = RecordParser::new(dataset.delimiter);
        while let Some(row) = reader.next_row()? {
            hashes.push(hash(&format.stored(row.bytes, &mut parser)));
            if row.number.get().is_multiple_of(ROWS_PER_CHECK) && stop.is_cancelled() {
                return Ok(None);
            }
        }
        Ok(Some(Self { hashes, format: format.clone(), delimiter: dataset.delimiter }))
    }

    pub(crate) fn rows(&self) -> u64 {
        self.hashes.len() as u64
    }

    pub(crate) fn comparison(&self) -> Comparison<'_> {
        Comparison { original: self, parser: RecordParser::new(self.delimiter) }
    }
}

/// Compares records, in the form in which they are stored, with the dataset's rows.
pub(crate) struct Comparison<'a> {
    original: &'a DatasetHashes,
    parser: RecordParser,
}

impl Comparison<'_> {
    /// Returns true if a record is the dataset's row with this number, or if the dataset was not read. A replay may
    /// repeat the dataset, so numbers can be higher than its number of rows.
    pub(crate) fn matches(&mut self, row: RowNumber, record: &[u8]) -> bool {
        let index = (row.get() - 1).checked_rem(self.original.rows()).and_then(|index| usize::try_from(index).ok());
        let expected = index.and_then(|index| self.original.hashes.get(index));
        expected.is_none_or(|expected| *expected == hash(&self.original.format.stored(record, &mut self.parser)))
    }
}

/// Returns the hash of a row. Two different rows have the same hash with a probability of 2^-64.
fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}
