//! Reads a dataset from front to back, as numbered rows.

use std::io::{self, BufRead, BufReader, Read};
use std::path::PathBuf;

use crate::content::Source;
use crate::dialect::Rewriter;
use crate::error::DatasetError;
use windrow_record::{ReadError, RecordParser, RecordReader, RowNumber};

const READ_CHUNK: usize = 256 * 1024;
/// The maximum length of a skipped line, in bytes. A longer line counts as several.
const MAX_LINE_LENGTH: u64 = 16 * 1024 * 1024;

/// A dataset, read once from front to back.
pub struct DatasetReader {
    records: RecordReader<BufReader<Box<dyn Read + Send>>>,
    columns: Vec<String>,
    path: PathBuf,
    next: RowNumber,
    /// The number of lines before the first one that `records` counts.
    skipped: u64,
    rewriter: Option<Rewriter>,
}

/// A row of the dataset.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// The row number, from 1. The header line does not count.
    pub number: RowNumber,
    /// The line of the uncompressed file on which it begins, from 1.
    pub line: u64,
    /// The CSV record, without its line end. If the dataset has another dialect, the record is rewritten.
    pub bytes: &'a [u8],
}

impl DatasetReader {
    /// Opens the file and reads its header line, if it has one.
    ///
    /// # Errors
    /// The file cannot be read, is not of a known kind, or has no usable header.
    pub fn open(dataset: &windrow_config::Dataset) -> Result<Self, DatasetError> {
        let path = dataset.path.clone();
        let source = Source::open(&path)?;
        if source.utf16.is_some() {
            return Err(DatasetError::Utf16(path));
        }
        let mut source = BufReader::with_capacity(READ_CHUNK, source.reader);
        let skipped = dataset.skip.unwrap_or(0);
        let broken = |source| DatasetError::Broken { path: path.clone(), row: RowNumber::FIRST, source };
        skip_lines(&mut source, skipped).map_err(broken)?;
        let quote = dataset.quote.unwrap_or(b'"');
        let mut records = RecordReader::quoted(source, dataset.delimiter, quote);
        let own = match &dataset.columns {
            Some(columns) => columns.clone(),
            None => read_header(&mut records, dataset, skipped)?,
        };
        let rewriter = Rewriter::new(dataset, &own)?;
        let columns = dataset.with_joined_time(&own);
        Ok(Self { records, columns, path, next: RowNumber::FIRST, skipped, rewriter })
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
        match self.records.next_record() {
            Ok(Some(record)) => {
                self.next = number.next();
                let bytes = match &mut self.rewriter {
                    Some(rewriter) => rewriter.rewrite(record.bytes),
                    None => record.bytes,
                };
                Ok(Some(Row { number, line: record.line + self.skipped, bytes }))
            }
            Ok(None) => Ok(None),
            Err(ReadError::Io(source)) => Err(DatasetError::Broken { path: self.path.clone(), row: number, source }),
            Err(source) => Err(DatasetError::Record { path: self.path.clone(), source }),
        }
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
        Err(ReadError::Io(source)) => return Err(DatasetError::Broken { path: path(), row: RowNumber::FIRST, source }),
        Err(source) => return Err(DatasetError::Record { path: path(), source }),
    };
    let mut parser = RecordParser::quoted(dataset.delimiter, dataset.quote.unwrap_or(b'"'));
    let fields = parser.parse(record.bytes).map_err(|source| DatasetError::Header { path: path(), source })?;
    let columns: Vec<String> = fields.iter().map(str::to_owned).collect();
    match columns.iter().enumerate().find(|(index, column)| columns[..*index].contains(column)) {
        Some((_, column)) => Err(DatasetError::DuplicateColumn { path: path(), column: column.clone() }),
        None => Ok(columns),
    }
}
