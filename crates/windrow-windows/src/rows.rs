//! The formats of a batch file: CSV with each record as it arrived, or Parquet with the types of the schema.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read};
use std::path::Path;
use std::sync::Arc;

use crate::spill::CompleteFile;
use crate::{BatchError, FileDigest};
use windrow_columnar::{Column, ColumnType, ColumnarError, CsvReader, Style};
use windrow_config::{BatchFormat, Schema};
use windrow_record::{ReadError, RecordParser, RecordReader};

/// The records of a batch file.
pub type BatchRows = RecordReader<Box<dyn Read + Send>>;

/// The format of the rows in a batch file.
#[derive(Debug, Clone, Default)]
pub enum RowFormat {
    /// CSV, with the bytes of each record as they arrived.
    #[default]
    Csv,
    /// Parquet. Number columns are doubles. The time column is a timestamp if its format is a calendar time without an
    /// offset and the column has no other use. All other columns are text.
    Parquet(Arc<Layout>),
}

/// The columns of a Parquet file, and the text form of their cells.
#[derive(Debug)]
pub struct Layout {
    columns: Vec<Column>,
    style: Style,
}

impl RowFormat {
    /// Creates the format that a pipeline names.
    #[must_use]
    pub fn new(format: BatchFormat, schema: &Schema) -> Self {
        if format == BatchFormat::Csv {
            return Self::Csv;
        }
        let kind = |index: usize| match &schema.time {
            Some((time, form)) if *time == index && form.is_civil() && schema.is_only_time(index) => ColumnType::Time,
            _ if schema.is_number(index) => ColumnType::Number,
            _ => ColumnType::Text,
        };
        let columns = schema.columns.iter().enumerate();
        let columns = columns.map(|(index, name)| Column { name: name.clone(), kind: kind(index) }).collect();
        let time = schema.time.as_ref().map(|(_, format)| format.clone());
        let style = Style { delimiter: schema.delimiter, null: schema.null_texts().to_vec(), time };
        Self::Parquet(Arc::new(Layout { columns, style }))
    }

    /// The extension of a batch file, without the dot.
    pub fn extension(&self) -> &'static str {
        extension(match self {
            Self::Csv => BatchFormat::Csv,
            Self::Parquet(_) => BatchFormat::Parquet,
        })
    }

    /// Returns a record as it is read back from a file of this format. A record that cannot be stored is returned
    /// unchanged.
    pub fn stored<'a>(&self, record: &'a [u8], parser: &mut RecordParser) -> Cow<'a, [u8]> {
        let Self::Parquet(layout) = self else { return Cow::Borrowed(record) };
        let stored = parser.parse(record).ok().and_then(|fields| layout.style.canonical(&layout.columns, &fields).ok());
        stored.map_or(Cow::Borrowed(record), Cow::Owned)
    }

    /// Returns the records of a file, the header first. `path` is only used in errors.
    pub fn read(&self, file: File, path: &Path, delimiter: u8) -> Result<BatchRows, BatchError> {
        let source: Box<dyn Read + Send> = match self {
            Self::Csv => Box::new(file),
            Self::Parquet(layout) => Box::new(
                CsvReader::open(file, layout.style.clone())
                    .map_err(|error| BatchError::Damaged { path: path.to_owned(), reason: error.to_string() })?,
            ),
        };
        Ok(RecordReader::new(source, delimiter))
    }

    /// Converts a complete CSV file into this format, and deletes the CSV file if it was converted.
    pub(crate) fn convert(&self, whole: CompleteFile) -> Result<CompleteFile, BatchError> {
        let Self::Parquet(layout) = self else { return Ok(whole) };
        let path = whole.path.with_extension("parquet");
        let file = layout.write(&whole.path, &path)?;
        let digest = File::open(&path).and_then(FileDigest::of).map_err(BatchError::read(&path))?;
        std::fs::remove_file(&whole.path).map_err(BatchError::write(&whole.path))?;
        Ok(CompleteFile { path, file, digest })
    }
}

/// Returns the extension of a batch file, without the dot.
pub(crate) fn extension(format: BatchFormat) -> &'static str {
    match format {
        BatchFormat::Csv => "csv",
        BatchFormat::Parquet => "parquet",
    }
}

impl Layout {
    /// Writes the records of a CSV file to a Parquet file.
    fn write(&self, csv: &Path, parquet: &Path) -> Result<File, BatchError> {
        let damaged = |reason: String| BatchError::Damaged { path: csv.to_owned(), reason };
        let unread = |error: ReadError| match error {
            ReadError::Io(error) => BatchError::read(csv)(error),
            error => damaged(error.to_string()),
        };
        let unwritten = |error: ColumnarError| BatchError::write(parquet)(error.into_io());
        let source = BufReader::new(File::open(csv).map_err(BatchError::read(csv))?);
        let mut records = RecordReader::new(source, self.style.delimiter);
        let mut parser = RecordParser::new(self.style.delimiter);
        records.next_record().map_err(unread)?;
        let sink = BufWriter::new(File::create(parquet).map_err(BatchError::write(parquet))?);
        let mut writer = windrow_columnar::Writer::new(sink, &self.columns).map_err(unwritten)?;
        while let Some(record) = records.next_record().map_err(unread)? {
            let fields = parser.parse(record.bytes).map_err(|error| damaged(error.to_string()))?;
            let cells = self.columns.iter().zip(fields.iter());
            let cells = cells.map(|(column, text)| {
                self.style.value(column.kind, text).map_err(|reason| damaged(format!("{}: {reason}", column.name)))
            });
            writer.push(cells.collect::<Result<Vec<_>, _>>()?).map_err(unwritten)?;
        }
        let sink = writer.finish().map_err(unwritten)?;
        sink.into_inner().map_err(|error| BatchError::write(parquet)(error.into_error()))
    }
}
