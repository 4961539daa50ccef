//! The dataset's rows, as something small enough to be kept.

use std::hash::{DefaultHasher, Hasher};

use tokio_util::sync::CancellationToken;

use windrow_dataset::{DatasetError, DatasetReader};
use windrow_record::{RecordParser, RowNumber};
use windrow_windows::RowFormat;

/// So many rows are read between two looks whether to stop.
const ROWS_BETWEEN_LOOKS: u64 = 65_536;

/// The rows of the dataset by their hashes, eight bytes each; empty where there is nothing to compare with.
#[derive(Debug, Default)]
pub(crate) struct Original {
    hashes: Vec<u64>,
    format: RowFormat,
    delimiter: u8,
}

impl Original {
    /// `None` when told to stop.
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
            if row.number.get().is_multiple_of(ROWS_BETWEEN_LOOKS) && stop.is_cancelled() {
                return Ok(None);
            }
        }
        Ok(Some(Self { hashes, format: format.clone(), delimiter: dataset.delimiter }))
    }

    pub(crate) fn rows(&self) -> u64 {
        self.hashes.len() as u64
    }

    /// Compares records with the dataset's rows.
    pub(crate) fn comparison(&self) -> Comparison<'_> {
        Comparison { original: self, parser: RecordParser::new(self.delimiter) }
    }
}

/// Compares records with the dataset's rows, as they are stored.
pub(crate) struct Comparison<'a> {
    original: &'a Original,
    parser: RecordParser,
}

impl Comparison<'_> {
    /// Whether a record is the dataset's row of this number; a replay may go round more than once.
    pub(crate) fn is(&mut self, row: RowNumber, record: &[u8]) -> bool {
        let place = (row.get() - 1).checked_rem(self.original.rows()).and_then(|place| usize::try_from(place).ok());
        let expected = place.and_then(|place| self.original.hashes.get(place));
        expected.is_none_or(|expected| *expected == hash(&self.original.format.stored(record, &mut self.parser)))
    }
}

/// Two different rows have the same hash once in 2^64.
fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}
