//! Reads a Parquet file as the text of a CSV file: a header line, then one record per row.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};

use parquet::basic::Type as PhysicalType;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;
use parquet::file::reader::{FileReader, SerializedFileReader};

use crate::render::{Meaning, Render};
use crate::{ColumnarError, Style};
use windrow_record::{append_record, write_record};

/// The maximum number of rows decoded at once.
pub(super) const BATCH_ROWS: usize = 8192;
/// The maximum size of the rows decoded at once, in uncompressed bytes by the file's metadata. At least one row is
/// decoded.
const BATCH_BYTES: i64 = 8 * 1024 * 1024;

/// A reader of one Parquet file, from the first row to the last, as CSV text.
pub struct CsvReader {
    file: SerializedFileReader<File>,
    style: Style,
    columns: Vec<ColumnShape>,
    /// The index of the next row group. `group` holds the readers of the one before it.
    next_group: usize,
    group: Option<RowGroup>,
    /// Decoded texts, one entry per column.
    texts: Vec<Texts>,
    ready: Cursor<Vec<u8>>,
    is_broken: bool,
}

pub(super) struct ColumnShape {
    pub(super) name: String,
    pub(super) meaning: Meaning,
    pub(super) is_optional: bool,
}

struct RowGroup {
    readers: Vec<ColumnReader>,
    left: usize,
    batch_rows: usize,
}

/// The texts of a batch of cells of one column.
#[derive(Default)]
pub(super) struct Texts {
    text: String,
    ends: Vec<usize>,
    is_missing: Vec<bool>,
}

impl CsvReader {
    /// Opens a file and reads its schema.
    ///
    /// # Errors
    /// Returns an error if the file is damaged, has no columns, or has a column of a type that is neither text nor a
    /// number.
    pub fn open(file: File, style: Style) -> Result<Self, ColumnarError> {
        let file = catch_panic(|| Ok(SerializedFileReader::new(file)?))?;
        let schema = file.metadata().file_metadata().schema_descr_ptr();
        let mut columns = Vec::new();
        let mut nested = Vec::new();
        for column in schema.columns() {
            let path = column.path().parts();
            if path.len() != 1 || column.max_rep_level() > 0 {
                let name = path.first().cloned().unwrap_or_default();
                nested.extend((nested.last() != Some(&name)).then_some(name));
                continue;
            }
            let (name, meaning) = (column.name().to_owned(), Meaning::of(column)?);
            columns.push(ColumnShape { name, meaning, is_optional: column.max_def_level() > 0 });
        }
        if !nested.is_empty() {
            return Err(ColumnarError::Nested(nested));
        }
        if columns.is_empty() {
            return Err(ColumnarError::NoColumns);
        }
        let mut ready = write_record(columns.iter().map(|column| column.name.as_str()), style.delimiter);
        ready.push(b'\n');
        let (texts, ready) = (columns.iter().map(|_| Texts::default()).collect(), Cursor::new(ready));
        Ok(Self { file, style, columns, next_group: 0, group: None, texts, ready, is_broken: false })
    }

    /// Decodes the next rows. Returns `false` at the end of the file.
    fn fill(&mut self) -> Result<bool, ColumnarError> {
        while self.group.as_ref().is_none_or(|group| group.left == 0) {
            if self.next_group == self.file.num_row_groups() {
                return Ok(false);
            }
            self.group = Some(self.open_group(self.next_group)?);
            self.next_group += 1;
        }
        let Some(group) = &mut self.group else { return Ok(false) };
        let rows = group.left.min(group.batch_rows);
        group.left -= rows;
        // Columns are not decoded in parallel by rayon: a producer's rows must not wait for a trainer.
        for ((reader, column), texts) in group.readers.iter_mut().zip(&self.columns).zip(&mut self.texts) {
            texts.clear();
            read_column(reader, column, rows, &self.style, texts)?;
        }
        let ready = self.ready.get_mut();
        ready.clear();
        for row in 0..rows {
            let cells = self.texts.iter().map(|texts| texts.cell(row, self.style.missing()));
            append_record(ready, cells, self.style.delimiter);
            ready.push(b'\n');
        }
        self.ready.set_position(0);
        Ok(true)
    }

    fn open_group(&self, index: usize) -> Result<RowGroup, ColumnarError> {
        let group = self.file.get_row_group(index)?;
        let metadata = group.metadata();
        let rows = metadata.num_rows().max(0);
        let width = metadata.total_byte_size().max(0) / rows.max(1);
        let batch_rows = usize::try_from(BATCH_BYTES / width.max(1)).unwrap_or(1).clamp(1, BATCH_ROWS);
        let readers = (0..self.columns.len()).map(|column| group.get_column_reader(column));
        let readers = readers.collect::<Result<Vec<_>, _>>()?;
        Ok(RowGroup { readers, left: usize::try_from(rows).unwrap_or(usize::MAX), batch_rows })
    }
}

impl std::fmt::Debug for CsvReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CsvReader").field("next_group", &self.next_group).finish_non_exhaustive()
    }
}

impl Read for CsvReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.ready.position() == self.ready.get_ref().len() as u64 {
            let filled = if self.is_broken { Err(ColumnarError::Damaged) } else { catch_panic(|| self.fill()) };
            match filled {
                Ok(true) => {}
                Ok(false) => return Ok(0),
                Err(error) => {
                    self.is_broken = true;
                    return Err(io::Error::new(io::ErrorKind::InvalidData, error));
                }
            }
        }
        self.ready.read(buffer)
    }
}

impl Texts {
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.is_missing.clear();
    }

    pub(super) fn is_missing(&self, row: usize) -> bool {
        self.is_missing[row]
    }

    pub(super) fn cell<'a>(&'a self, row: usize, missing: &'a str) -> &'a str {
        if self.is_missing[row] {
            return missing;
        }
        let begin = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[begin..self.ends[row]]
    }
}

pub(super) fn read_column(
    reader: &mut ColumnReader,
    column: &ColumnShape,
    rows: usize,
    style: &Style,
    texts: &mut Texts,
) -> Result<(), ColumnarError> {
    match reader {
        ColumnReader::BoolColumnReader(reader) => decode(reader, column, rows, style, texts),
        ColumnReader::Int32ColumnReader(reader) => decode(reader, column, rows, style, texts),
        ColumnReader::Int64ColumnReader(reader) => decode(reader, column, rows, style, texts),
        ColumnReader::Int96ColumnReader(reader) => decode(reader, column, rows, style, texts),
        ColumnReader::FloatColumnReader(reader) => decode(reader, column, rows, style, texts),
        ColumnReader::DoubleColumnReader(reader) => decode(reader, column, rows, style, texts),
        ColumnReader::ByteArrayColumnReader(reader) => decode(reader, column, rows, style, texts),
        ColumnReader::FixedLenByteArrayColumnReader(reader) => decode(reader, column, rows, style, texts),
    }
}

/// Decodes one column. NaN and infinities in columns of floating-point numbers count as missing cells.
fn decode<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    column: &ColumnShape,
    rows: usize,
    style: &Style,
    texts: &mut Texts,
) -> Result<(), ColumnarError>
where
    T::T: Render,
{
    let mut levels = Vec::new();
    let mut values = Vec::with_capacity(rows);
    let (records, ..) = reader.read_records(rows, column.is_optional.then_some(&mut levels), None, &mut values)?;
    if records != rows {
        return Err(ColumnarError::Uneven);
    }
    let is_float = matches!(T::get_physical_type(), PhysicalType::FLOAT | PhysicalType::DOUBLE)
        || matches!(column.meaning, Meaning::Half);
    let mut values = values.into_iter();
    for row in 0..rows {
        let is_there = !column.is_optional || levels.get(row).is_some_and(|level| *level > 0);
        let begin = texts.text.len();
        if is_there {
            let value = values.next().ok_or(ColumnarError::Uneven)?;
            value.render(column.meaning, style, &mut texts.text).ok_or_else(|| ColumnarError::Cell {
                column: column.name.clone(),
                reason: format!("a value cannot be written as text: {value:?}"),
            })?;
        }
        let is_number = !is_float || !matches!(&texts.text[begin..], "NaN" | "inf" | "-inf");
        texts.ends.push(texts.text.len());
        texts.is_missing.push(!is_there || !is_number);
    }
    Ok(())
}

/// Runs `work` and converts a panic of the Parquet library on a damaged file into an error.
pub(super) fn catch_panic<T>(work: impl FnOnce() -> Result<T, ColumnarError>) -> Result<T, ColumnarError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(ColumnarError::Damaged))
}
