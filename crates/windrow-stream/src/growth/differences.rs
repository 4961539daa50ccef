//! The cells in which a newer extract differs from the rows that were read.

use std::collections::BTreeMap;
use std::fs::File;

use crate::growth::error::GrowthError;
use crate::growth::file_rows;
use windrow_config::Schema;
use windrow_record::display::excerpt;
use windrow_record::{RecordParser, RowNumber, WindowIndex};
use windrow_windows::{BatchError, BatchStore, Manifest, RowFormat, RowRange};

/// The maximum number of characters of a cell or a record that an error repeats.
const MAX_EXCERPT: usize = 60;

/// Rows by number whose labels have arrived, by their window.
type LabelledRows = BTreeMap<WindowIndex, Vec<RowNumber>>;

/// The new cells of these rows.
type LabelCells = BTreeMap<WindowIndex, Vec<(RowNumber, String)>>;

/// Returns the error for a row that differs, given with the number of rows before the first one of the file. `before`
/// is the record that was read before.
pub(crate) fn difference(
    dataset: &windrow_config::Dataset,
    schema: &Schema,
    format: &RowFormat,
    (row, dropped): (RowNumber, u64),
    before: &[u8],
) -> GrowthError {
    let now = match file_rows::record(dataset, row, dropped) {
        Ok(now) => now,
        Err(error) => return error.into(),
    };
    let parser = || RecordParser::new(schema.delimiter);
    let (mut first, mut second, mut stored) = (parser(), parser(), parser());
    let before = format.stored(before, &mut stored);
    let now = format.stored(&now, &mut stored);
    let cells = first.parse(&before).ok().zip(second.parse(&now).ok());
    let cell = cells.and_then(|(before, now)| {
        let mut cells = schema.columns.iter().zip(before.iter().zip(now.iter()));
        let (column, (before, now)) = cells.find(|(_, (before, now))| before != now)?;
        Some((column.clone(), [before, now].map(|cell| excerpt(cell, MAX_EXCERPT).into_owned())))
    });
    let text = |record: &[u8]| excerpt(&String::from_utf8_lossy(record), MAX_EXCERPT).into_owned();
    let (column, [before, now]) = match cell {
        Some((column, cells)) => (Some(column), cells),
        None => (None, [text(before.as_ref()), text(now.as_ref())]),
    };
    GrowthError::Differs { dataset: dataset.path.clone(), row, file_row: row.get() - dropped, column, before, now }
}

/// The files of the windows, in which a row can be found.
pub(crate) struct RowFinder<'a> {
    pub(crate) schema: &'a Schema,
    pub(crate) store: &'a BatchStore,
    pub(crate) manifests: &'a [Manifest],
}

impl RowFinder<'_> {
    /// Returns the record of a row in the files of the windows, with a label that has arrived since.
    pub(crate) fn record(&self, row: RowNumber) -> Result<Vec<u8>, GrowthError> {
        let is_in = |ranges: &[RowRange]| ranges.iter().any(|range| range.contains(row.get()));
        for manifest in self.manifests {
            let damaged = |reason: String| BatchError::Damaged { path: self.store.batch_location(manifest), reason };
            if is_in(&manifest.rows.numbers) {
                let mut records = self.store.rows(manifest, self.schema.delimiter)?;
                let mut numbers = manifest.rows.numbers.iter().flat_map(RowRange::numbers);
                while let Some(record) = records.next_record().map_err(|error| damaged(error.to_string()))? {
                    if numbers.next() == Some(row.get()) {
                        let (column, _) = self.schema.target();
                        let labels = self.store.labels(manifest.window)?;
                        let (delimiter, mut parser) = (self.schema.delimiter, RecordParser::new(self.schema.delimiter));
                        let labelled = labels.labelled(row.get(), record.bytes, column, delimiter, &mut parser);
                        return Ok(labelled.unwrap_or_else(|| record.bytes.to_vec()));
                    }
                }
            }
            if is_in(&manifest.quarantine.numbers) {
                let path = self.store.quarantine_path(manifest.window);
                let file = File::open(&path).map_err(BatchError::read(&path))?;
                let mut found = None;
                self.store.quarantined(manifest.window, file, |line| {
                    if line.row == Some(row) {
                        found = Some(line.raw);
                    }
                })?;
                if let Some(found) = found {
                    return Ok(found);
                }
            }
        }
        Ok(Vec::new())
    }
}

/// Reads the labels that have arrived, in the form of the batch files.
pub(crate) fn new_cells(
    dataset: &windrow_config::Dataset,
    schema: &Schema,
    format: &RowFormat,
    dropped: u64,
    labelled: LabelledRows,
) -> Result<LabelCells, GrowthError> {
    let rows = labelled.into_iter().flat_map(|(window, rows)| rows.into_iter().map(move |row| (row, window)));
    let mut found = LabelCells::new();
    let mut parser = RecordParser::new(schema.delimiter);
    let (column, _) = schema.target();
    file_rows::stored(dataset, schema, format, dropped, rows.collect(), |row, window, record| {
        let refused = |reason: String| GrowthError::Label { dataset: dataset.path.clone(), row, reason };
        let fields = parser.parse(record).map_err(|error| refused(error.to_string()))?;
        schema.label(&fields).map_err(|error| refused(error.to_string()))?;
        let cell = fields.get(column).unwrap_or_default().to_owned();
        found.entry(window).or_default().push((row, cell));
        Ok(())
    })?;
    Ok(found)
}
