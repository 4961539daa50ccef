//! The records of a window, with the labels that arrived after it was sealed.

use std::borrow::Cow;

use windrow_config::Schema;
use windrow_record::{ReadError, RecordParser};
use windrow_windows::{BatchError, BatchRows, BatchStore, Labels, Manifest, RowRange};

/// A record, and its line in the file.
type Numbered<'r> = (Cow<'r, [u8]>, u64);

/// The records of one window, in the order of the rows.
pub(super) struct LabelledRows<'a> {
    records: BatchRows,
    manifest: &'a Manifest,
    labels: Labels,
    /// The position of the target's column.
    column: usize,
    delimiter: u8,
    parser: RecordParser,
    /// The range of row numbers that the next record belongs to, and the number of records of it that were read.
    range: usize,
    read: u64,
}

impl<'a> LabelledRows<'a> {
    pub(super) fn open(store: &BatchStore, manifest: &'a Manifest, schema: &Schema) -> Result<Self, BatchError> {
        let records = store.rows(manifest, schema.delimiter)?;
        let labels = store.labels(manifest.window)?;
        let ((column, _), delimiter) = (schema.target(), schema.delimiter);
        let parser = RecordParser::new(delimiter);
        Ok(Self { records, manifest, labels, column, delimiter, parser, range: 0, read: 0 })
    }

    /// Returns the next record and its line in the file.
    pub(super) fn next_record(&mut self) -> Result<Option<Numbered<'_>>, ReadError> {
        let number = if self.labels.is_empty() { None } else { self.next_number() };
        let Some(record) = self.records.next_record()? else { return Ok(None) };
        let labelled = number.and_then(|number| {
            self.labels.labelled(number, record.bytes, self.column, self.delimiter, &mut self.parser)
        });
        Ok(Some((labelled.map_or(Cow::Borrowed(record.bytes), Cow::Owned), record.line)))
    }

    fn next_number(&mut self) -> Option<u64> {
        let ranges: &[RowRange] = &self.manifest.rows.numbers;
        while ranges.get(self.range)?.count().is_none_or(|count| count <= self.read) {
            (self.range, self.read) = (self.range + 1, 0);
        }
        let range = ranges.get(self.range)?;
        self.read += 1;
        Some(range.first + (self.read - 1) * range.step.max(1))
    }
}
