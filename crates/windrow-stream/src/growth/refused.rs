//! Labels that have arrived for rows in quarantine.

use std::collections::BTreeMap;

use crate::growth::error::GrowthError;
use crate::growth::file_rows;
use windrow_config::Schema;
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
    rows: BTreeMap<RowNumber, WindowIndex>,
) -> Result<Vec<RefusedLabel>, GrowthError> {
    let mut found = Vec::new();
    let mut parser = RecordParser::new(schema.delimiter);
    let (column, _) = schema.target();
    file_rows::stored(dataset, schema, format, dropped, rows, |row, window, record| {
        let Ok(fields) = parser.parse(record) else { return Ok(()) };
        let Ok(Some(time)) = schema.time(&fields) else { return Ok(()) };
        let is_row = schema.check_count(&fields).is_ok() && schema.check(&fields).is_ok();
        let cell = fields.get(column).filter(|_| is_row);
        let time = time.seconds();
        found.extend(cell.map(|cell| RefusedLabel { row, window, time, cell: cell.to_owned() }));
        Ok(())
    })?;
    Ok(found)
}
