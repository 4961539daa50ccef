//! The rows of the newer extract.

use std::collections::BTreeMap;

use tokio_util::sync::CancellationToken;

use crate::growth::error::GrowthError;
use crate::growth::row_hash::{RowHash, RowHasher};
use windrow_config::Schema;
use windrow_dataset::{DatasetError, DatasetReader};
use windrow_record::{RecordParser, RowNumber, WindowIndex};
use windrow_windows::RowFormat;

/// The number of rows between two checks of `stop`.
const ROWS_PER_CHECK: u64 = 65_536;

/// The rows of a file.
pub(crate) struct FileRows {
    /// The hashes of the first rows.
    pub(crate) hashes: Vec<RowHash>,
    /// The number of all rows.
    pub(crate) count: u64,
}

/// Reads a file, and keeps the hashes of at most the first `most` rows. Returns `None` if `stop` is cancelled.
pub(crate) fn read(
    dataset: &windrow_config::Dataset,
    hasher: &mut RowHasher<'_>,
    most: u64,
    stop: &CancellationToken,
) -> Result<Option<FileRows>, DatasetError> {
    let mut reader = DatasetReader::open(dataset)?;
    let mut rows = FileRows { hashes: Vec::new(), count: 0 };
    while let Some(row) = reader.next_row()? {
        rows.count += 1;
        if rows.count <= most {
            rows.hashes.push(hasher.hash(row.bytes));
        }
        if rows.count.is_multiple_of(ROWS_PER_CHECK) && stop.is_cancelled() {
            return Ok(None);
        }
    }
    Ok(Some(rows))
}

/// Returns the record of a row. `dropped` is the number of rows before the first one of the file.
pub(crate) fn record(dataset: &windrow_config::Dataset, row: RowNumber, dropped: u64) -> Result<Vec<u8>, DatasetError> {
    let mut reader = DatasetReader::open(dataset)?;
    while let Some(now) = reader.next_row()? {
        if now.number.get() + dropped == row.get() {
            return Ok(now.bytes.to_vec());
        }
    }
    Ok(Vec::new())
}

/// Calls `take` with some rows, their windows and their records in the form of the batch files. The rows are given with
/// their windows; `dropped` is the number of rows before the first one of the file.
pub(crate) fn stored(
    dataset: &windrow_config::Dataset,
    schema: &Schema,
    format: &RowFormat,
    dropped: u64,
    mut rows: BTreeMap<RowNumber, WindowIndex>,
    mut take: impl FnMut(RowNumber, WindowIndex, &[u8]) -> Result<(), GrowthError>,
) -> Result<(), GrowthError> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut reader = DatasetReader::open(dataset)?;
    let mut parser = RecordParser::new(schema.delimiter);
    while !rows.is_empty()
        && let Some(row) = reader.next_row()?
    {
        let Some(number) = RowNumber::new(row.number.get() + dropped) else { continue };
        let Some(window) = rows.remove(&number) else { continue };
        take(number, window, &format.stored(row.bytes, &mut parser))?;
    }
    Ok(())
}
