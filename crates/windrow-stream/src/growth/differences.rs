//! The cells in which a newer extract differs from the rows that were read.

use std::collections::BTreeMap;
use std::fs::File;

use crate::growth::error::GrowthError;
use windrow_config::Schema;
use windrow_dataset::DatasetReader;
use windrow_record::display::excerpt;
use windrow_record::{RecordParser, RowNumber, WindowIndex};
use windrow_windows::{BatchError, BatchStore, Manifest, RowFormat, RowRange};

/// The maximum number of characters of a cell or a record that an error repeats.
const MAX_EXCERPT: usize = 60;

/// Rows by number whose labels have arrived, by their window.
type LabelledRows = BTreeMap<WindowIndex, Vec<RowNumber>>;

/// The new cells of these rows.
type LabelCells = BTreeMap<WindowIndex, Vec<(RowNumber, String)>>;

/// The places in which a row can be found.
pub(crate) struct RowFinder<'a> {
    pub(crate) dataset: &'a windrow_config::Dataset,
    pub(crate) schema: &'a Schema,
    pub(crate) store: &'a BatchStore,
    pub(crate) manifests: &'a [Manifest],
}

impl RowFinder<'_> {
    /// Returns the error for a row that differs. `dropped` is the number of rows before the first one of the file.
    pub(crate) fn difference(&self, row: RowNumber, dropped: u64) -> GrowthError {
        self.find(row, dropped).unwrap_or_else(|error| error)
    }

    fn find(&self, row: RowNumber, dropped: u64) -> Result<GrowthError, GrowthError> {
        let (format, schema) = (self.store.format(), self.schema);
        let parser = || RecordParser::new(schema.delimiter);
        let (mut first, mut second, mut stored) = (parser(), parser(), parser());
        let before = self.record_before(row)?;
        let before = format.stored(&before, &mut stored);
        let now = self.record_now(row, dropped)?;
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
            None => (None, [text(&*before), text(&*now)]),
        };
        let (dataset, file_row) = (self.dataset.path.clone(), row.get() - dropped);
        Ok(GrowthError::Differs { dataset, row, file_row, column, before, now })
    }

    /// Returns the record of a row in the files of the windows, with a label that has arrived since.
    fn record_before(&self, row: RowNumber) -> Result<Vec<u8>, GrowthError> {
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

    fn record_now(&self, row: RowNumber, dropped: u64) -> Result<Vec<u8>, GrowthError> {
        let mut reader = DatasetReader::open(self.dataset)?;
        while let Some(now) = reader.next_row()? {
            if now.number.get() + dropped == row.get() {
                return Ok(now.bytes.to_vec());
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
    let mut rows: BTreeMap<RowNumber, WindowIndex> = rows.collect();
    let mut found = LabelCells::new();
    let mut reader = DatasetReader::open(dataset)?;
    let (mut parser, mut stored) = (RecordParser::new(schema.delimiter), RecordParser::new(schema.delimiter));
    let (column, _) = schema.target();
    while !rows.is_empty()
        && let Some(row) = reader.next_row()?
    {
        let Some(number) = RowNumber::new(row.number.get() + dropped) else { continue };
        let Some(window) = rows.remove(&number) else { continue };
        let record = format.stored(row.bytes, &mut stored);
        let refused = |reason: String| GrowthError::Label { dataset: dataset.path.clone(), row: number, reason };
        let fields = parser.parse(&record).map_err(|error| refused(error.to_string()))?;
        schema.label(&fields).map_err(|error| refused(error.to_string()))?;
        let cell = fields.get(column).unwrap_or_default().to_owned();
        found.entry(window).or_default().push((number, cell));
    }
    Ok(found)
}
