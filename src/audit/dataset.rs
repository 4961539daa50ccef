//! The dataset's rows, as something small enough to be kept.

use std::hash::{DefaultHasher, Hasher};

use tokio_util::sync::CancellationToken;

use crate::config;
use crate::dataset::{DatasetError, DatasetReader};
use crate::record::RowNumber;

/// So many rows are read between two looks whether to stop.
const ROWS_BETWEEN_LOOKS: u64 = 65_536;

/// The rows of the dataset by their hashes, eight bytes each; empty where there is nothing to compare with.
#[derive(Debug, Default)]
pub(crate) struct Original {
    hashes: Vec<u64>,
}

impl Original {
    /// `None` when told to stop.
    pub(crate) fn read(dataset: &config::Dataset, stop: &CancellationToken) -> Result<Option<Self>, DatasetError> {
        let mut reader = DatasetReader::open(dataset)?;
        let mut hashes = Vec::new();
        while let Some(row) = reader.next_row()? {
            hashes.push(hash(row.bytes));
            if row.number.get().is_multiple_of(ROWS_BETWEEN_LOOKS) && stop.is_cancelled() {
                return Ok(None);
            }
        }
        Ok(Some(Self { hashes }))
    }

    pub(crate) fn rows(&self) -> u64 {
        self.hashes.len() as u64
    }

    /// Whether a record is the dataset's row of this number; a replay may go round more than once.
    pub(crate) fn is(&self, row: RowNumber, record: &[u8]) -> bool {
        let place = (row.get() - 1).checked_rem(self.rows()).and_then(|place| usize::try_from(place).ok());
        place.and_then(|place| self.hashes.get(place)).is_none_or(|expected| *expected == hash(record))
    }
}

/// Two different rows have the same hash once in 2^64.
fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}
