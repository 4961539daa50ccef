//! Reads a dataset from front to back, as numbered rows.

use std::io::{self, BufRead, BufReader, Read};
use std::path::PathBuf;

use crate::content::{Source, decode};
use crate::dialect::Rewriter;
use crate::error::DatasetError;
use crate::json::JsonRows;
use windrow_record::{RecordParser, RecordReader, RowNumber, SkipInitialSpace};

const READ_CHUNK: usize = 256 * 1024;
/// The maximum length of a skipped line, in bytes. A longer line counts as several.
const MAX_LINE_LENGTH: u64 = 16 * 1024 * 1024;

/// A dataset, read once from front to back.
pub struct DatasetReader {
    records: Records,
    columns: Vec<String>,
    path: PathBuf,
    next: RowNumber,
    /// The number of lines before the first one that `records` counts.
    skipped: u64,
    rewriter: Option<Rewriter>,
    /// True to decode rows that are not UTF-8.
    decodes: bool,
    /// The last row that was decoded.
    decoded: String,
}

/// The rows as CSV records.
enum Records {
    Csv(CsvRecords),
    Json(JsonRows),
}

type CsvRecords = RecordReader<Box<dyn Read + Send>>;

/// A row of the dataset.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// The row number, from 1. The header line does not count.
    pub number: RowNumber,
    /// The line of the uncompressed file on which it begins, from 1.
    pub line: u64,
    /// The CSV record, without its line end. If the dataset has another dialect, the record is rewritten.
    pub bytes: &'a [u8],
    /// The record in the file, without its line end: CSV without skipped spaces, or an object of JSON Lines.
    pub(crate) source: &'a [u8],
    /// True if `source` is not UTF-8 and was decoded.
    pub(crate) is_decoded: bool,
}

impl DatasetReader {
    /// Opens the file and reads its header line, if it has one.
    ///
    /// # Errors
    /// The file cannot be read, is not of a known kind, or has no usable header.
    pub fn open(dataset: &windrow_config::Dataset) -> Result<Self, DatasetError> {
        Self::open_as(dataset, false)
    }

    /// Opens the file like [`open`](Self::open). Rows that are not UTF-8 are decoded as Windows-1252.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub(crate) fn open_decoding(dataset: &windrow_config::Dataset) -> Result<Self, DatasetError> {
        Self::open_as(dataset, true)
    }

    fn open_as(dataset: &windrow_config::Dataset, decodes: bool) -> Result<Self, DatasetError> {
        let path = dataset.path.clone();
        let source = Source::open(&path)?;
        if source.utf16.is_some() {
            return Err(DatasetError::Utf16(path));
        }
        let (records, own) = if source.is_json {
            let (rows, own) = JsonRows::open(dataset, source.reader, decodes)?;
            (Records::Json(rows), own)
        } else {
            let (records, own) = open_csv(dataset, source.reader)?;
            (Records::Csv(records), own)
        };
        let rewriter = Rewriter::new(dataset, &own)?;
        let (columns, skipped) = (dataset.with_joined_time(&own), dataset.skip.unwrap_or(0));
        let (next, decoded) = (RowNumber::FIRST, String::new());
        Ok(Self { records, columns, path, next, skipped, rewriter, decodes, decoded })
    }

    /// The names of the columns, from the header line or the pipeline file.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Returns the next row, or `None` after the last one.
    ///
    /// # Errors
    /// The file ends too early, its compression is damaged, or a record does not end.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, DatasetError> {
        let number = self.next;
        let read = match &mut self.records {
            Records::Csv(records) => match records.next_record() {
                Ok(record) => record.map(|record| (record, record.bytes)),
                Err(error) => return Err(DatasetError::of_read(&self.path, number, error)),
            },
            Records::Json(rows) => rows.next_record(number)?,
        };
        let Some((record, source)) = read else { return Ok(None) };
        self.next = number.next();
        let mut bytes = record.bytes;
        let is_decoded = self.decodes && std::str::from_utf8(source).is_err();
        if is_decoded {
            self.decoded = decode(bytes).into_owned();
            bytes = self.decoded.as_bytes();
        }
        if let Some(rewriter) = &mut self.rewriter {
            bytes = rewriter.rewrite(bytes);
        }
        Ok(Some(Row { number, line: record.line + self.skipped, bytes, source, is_decoded }))
    }

    /// Reads to the end, and returns the number of all rows, including those read before.
    ///
    /// # Errors
    /// As [`next_row`](Self::next_row).
    pub fn count(mut self) -> Result<u64, DatasetError> {
        while self.next_row()?.is_some() {}
        Ok(self.next.get() - 1)
    }
}

impl std::fmt::Debug for DatasetReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DatasetReader").field("path", &self.path).field("next", &self.next).finish_non_exhaustive()
    }
}

/// Opens the records of a CSV file. Also returns the names of the columns.
fn open_csv(
    dataset: &windrow_config::Dataset,
    source: Box<dyn Read + Send>,
) -> Result<(CsvRecords, Vec<String>), DatasetError> {
    let mut source = BufReader::with_capacity(READ_CHUNK, source);
    let skipped = dataset.skip.unwrap_or(0);
    let broken = |error: io::Error| DatasetError::of_read(&dataset.path, RowNumber::FIRST, error.into());
    skip_lines(&mut source, skipped).map_err(broken)?;
    let (delimiter, quote) = (dataset.delimiter, dataset.quote.unwrap_or(b'"'));
    let source: Box<dyn Read + Send> = match dataset.skip_initial_space {
        Some(true) => Box::new(SkipInitialSpace::new(source, delimiter, quote)),
        _ => Box::new(source),
    };
    let mut records = RecordReader::quoted(source, delimiter, quote);
    let own = match &dataset.columns {
        Some(columns) => columns.clone(),
        None => read_header(&mut records, dataset, skipped)?,
    };
    Ok((records, own))
}

fn skip_lines(source: &mut impl BufRead, lines: u64) -> io::Result<()> {
    let mut line = Vec::new();
    for _ in 0..lines {
        line.clear();
        source.by_ref().take(MAX_LINE_LENGTH).read_until(b'\n', &mut line)?;
    }
    Ok(())
}

fn read_header<R: Read>(
    records: &mut RecordReader<R>,
    dataset: &windrow_config::Dataset,
    skipped: u64,
) -> Result<Vec<String>, DatasetError> {
    let path = || dataset.path.clone();
    let record = match records.next_record() {
        Ok(Some(record)) => record,
        Ok(None) if skipped > 0 => return Err(DatasetError::AllSkipped { path: path(), lines: skipped }),
        Ok(None) => return Err(DatasetError::Empty(path())),
        Err(error) => return Err(DatasetError::of_read(&dataset.path, RowNumber::FIRST, error)),
    };
    let mut parser = RecordParser::quoted(dataset.delimiter, dataset.quote.unwrap_or(b'"'));
    let fields = parser.parse(record.bytes).map_err(|source| DatasetError::Header { path: path(), source })?;
    let columns: Vec<String> = fields.iter().map(str::to_owned).collect();
    match columns.iter().enumerate().find(|(index, column)| columns[..*index].contains(column)) {
        Some((_, column)) => Err(DatasetError::DuplicateColumn { path: path(), column: column.clone() }),
        None => Ok(columns),
    }
}
