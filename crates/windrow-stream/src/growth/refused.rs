//! Labels that have arrived for rows in quarantine.

use std::collections::BTreeMap;

use crate::growth::error::GrowthError;
use windrow_config::Schema;
use windrow_dataset::DatasetReader;
use windrow_record::{RecordParser, RowNumber, WindowIndex};
use windrow_windows::RowFormat;

/// A label that has arrived for a row in quarantine. The row may leave it if the window is opened again: later rows may
/// confirm its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedLabel {
    /// The number of the row.
    pub row: RowNumber,
    /// The window whose quarantine has the row.
    pub window: WindowIndex,
    /// The event time of the row, in seconds since 1970.
    pub time: i64,
    /// The cell of the target's column, in the form of the batch files.
    pub cell: String,
}

/// Reads the labels that have arrived for rows in quarantine, given with the window whose quarantine has them. A row
/// that still cannot be read, or has no time, stays in quarantine, so it is left out.
pub(crate) fn refused_labels(
    dataset: &windrow_config::Dataset,
    schema: &Schema,
    format: &RowFormat,
    dropped: u64,
    mut rows: BTreeMap<RowNumber, WindowIndex>,
) -> Result<Vec<RefusedLabel>, GrowthError> {
    let mut found = Vec::new();
    if rows.is_empty() {
        return Ok(found);
    }
    let mut reader = DatasetReader::open(dataset)?;
    let (mut parser, mut stored) = (RecordParser::new(schema.delimiter), RecordParser::new(schema.delimiter));
    let (column, _) = schema.target();
    while !rows.is_empty()
        && let Some(row) = reader.next_row()?
    {
        let Some(number) = RowNumber::new(row.number.get() + dropped) else { continue };
        let Some(window) = rows.remove(&number) else { continue };
        let record = format.stored(row.bytes, &mut stored);
        let Ok(fields) = parser.parse(&record) else { continue };
        let Ok(Some(time)) = schema.time(&fields) else { continue };
        let is_row = schema.check_count(&fields).is_ok() && schema.check(&fields).is_ok();
        let cell = fields.get(column).filter(|_| is_row);
        let (time, row) = (time.seconds(), number);
        found.extend(cell.map(|cell| RefusedLabel { row, window, time, cell: cell.to_owned() }));
    }
    Ok(found)
}
