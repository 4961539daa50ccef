//! Writes rows to a Parquet file: zstd, row groups, statistics for each column chunk and page.

use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

use crate::{Column, ColumnType, ColumnarError, Value};

/// The maximum number of rows in a row group.
const GROUP_ROWS: usize = 128 * 1024;
/// The size of the buffered cells, in bytes, at which a row group is written.
const GROUP_BYTES: usize = 64 * 1024 * 1024;

/// A writer of one Parquet file.
pub struct Writer<W: Write + Send> {
    file: SerializedFileWriter<W>,
    columns: Vec<Pending>,
    rows: usize,
    bytes: usize,
}

/// The cells of a column that are not in a row group yet.
struct Pending {
    /// The definition level of each cell: 1 if it has a value, 0 if it is missing.
    levels: Vec<i16>,
    cells: Cells,
}

enum Cells {
    Text {
        bytes: Vec<u8>,
        ends: Vec<usize>,
    },
    Number(Vec<f64>),
    /// The values of integer and time columns.
    Whole(Vec<i64>),
    Code(Vec<i32>),
    Flag(Vec<bool>),
}

impl<W: Write + Send> Writer<W> {
    /// Starts a file with these columns.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written.
    pub fn new(sink: W, columns: &[Column]) -> Result<Self, ColumnarError> {
        let fields = columns.iter().map(|column| field(column).map(Arc::new)).collect::<Result<Vec<_>, _>>()?;
        let schema = Type::group_type_builder("rows").with_fields(fields).build()?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
            .set_created_by(concat!("windrow ", env!("CARGO_PKG_VERSION")).to_owned());
        let file = SerializedFileWriter::new(sink, Arc::new(schema), Arc::new(properties.build()))?;
        Ok(Self { file, columns: columns.iter().map(Pending::new).collect(), rows: 0, bytes: 0 })
    }

    /// Appends a row: one value per column, of the column's type.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written.
    pub fn push<'a>(&mut self, row: impl IntoIterator<Item = Value<'a>>) -> Result<(), ColumnarError> {
        for (column, value) in self.columns.iter_mut().zip(row) {
            self.bytes += column.push(value);
        }
        self.rows += 1;
        if self.rows == GROUP_ROWS || self.bytes >= GROUP_BYTES {
            self.write_group()?;
        }
        Ok(())
    }

    fn write_group(&mut self) -> Result<(), ColumnarError> {
        let mut group = self.file.next_row_group()?;
        let mut columns = self.columns.iter_mut();
        while let (Some(mut writer), Some(column)) = (group.next_column()?, columns.next()) {
            column.write(writer.untyped())?;
            writer.close()?;
        }
        group.close()?;
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }

    /// Writes the remaining rows and the footer, and returns the sink.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written.
    pub fn finish(mut self) -> Result<W, ColumnarError> {
        if self.rows > 0 {
            self.write_group()?;
        }
        Ok(self.file.into_inner()?)
    }
}

fn field(column: &Column) -> Result<Type, ColumnarError> {
    let (physical, logical) = match column.kind {
        ColumnType::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        ColumnType::Number => (Physical::DOUBLE, None),
        ColumnType::Integer => (Physical::INT64, Some(LogicalType::integer(64, true))),
        ColumnType::Code => (Physical::INT32, None),
        ColumnType::Flag => (Physical::BOOLEAN, None),
        ColumnType::Time => (Physical::INT64, Some(LogicalType::timestamp(false, TimeUnit::MICROS))),
    };
    let field = Type::primitive_type_builder(&column.name, physical).with_repetition(Repetition::OPTIONAL);
    Ok(field.with_logical_type(logical).build()?)
}

impl Pending {
    fn new(column: &Column) -> Self {
        let cells = match column.kind {
            ColumnType::Text => Cells::Text { bytes: Vec::new(), ends: Vec::new() },
            ColumnType::Number => Cells::Number(Vec::new()),
            ColumnType::Integer | ColumnType::Time => Cells::Whole(Vec::new()),
            ColumnType::Code => Cells::Code(Vec::new()),
            ColumnType::Flag => Cells::Flag(Vec::new()),
        };
        Self { levels: Vec::new(), cells }
    }

    /// Appends a value and returns its size in bytes. A value of another type than the column's counts as missing.
    #[inline]
    fn push(&mut self, value: Value<'_>) -> usize {
        let length = match (&mut self.cells, value) {
            (Cells::Text { bytes, ends }, Value::Text(text)) => {
                bytes.extend_from_slice(text.as_bytes());
                ends.push(bytes.len());
                text.len()
            }
            (Cells::Number(numbers), Value::Number(number)) => {
                numbers.push(number);
                size_of::<f64>()
            }
            (Cells::Whole(numbers), Value::Integer(number) | Value::Time(number)) => {
                numbers.push(number);
                size_of::<i64>()
            }
            (Cells::Code(numbers), Value::Code(number)) => {
                numbers.push(number);
                size_of::<i32>()
            }
            (Cells::Flag(flags), Value::Flag(flag)) => {
                flags.push(flag);
                size_of::<bool>()
            }
            _ => {
                self.levels.push(0);
                return 0;
            }
        };
        self.levels.push(1);
        length
    }

    fn write(&mut self, writer: &mut ColumnWriter<'_>) -> Result<(), ColumnarError> {
        let levels = std::mem::take(&mut self.levels);
        match (&mut self.cells, writer) {
            (Cells::Text { bytes, ends }, ColumnWriter::ByteArrayColumnWriter(writer)) => {
                let text = Bytes::from(std::mem::take(bytes));
                let mut begin = 0;
                let cell = |end| ByteArray::from(text.slice(std::mem::replace(&mut begin, end)..end));
                let cells: Vec<ByteArray> = std::mem::take(ends).into_iter().map(cell).collect();
                writer.write_batch(&cells, Some(&levels), None)?;
            }
            (Cells::Number(numbers), ColumnWriter::DoubleColumnWriter(writer)) => {
                writer.write_batch(&std::mem::take(numbers), Some(&levels), None)?;
            }
            (Cells::Whole(numbers), ColumnWriter::Int64ColumnWriter(writer)) => {
                writer.write_batch(&std::mem::take(numbers), Some(&levels), None)?;
            }
            (Cells::Code(numbers), ColumnWriter::Int32ColumnWriter(writer)) => {
                writer.write_batch(&std::mem::take(numbers), Some(&levels), None)?;
            }
            (Cells::Flag(flags), ColumnWriter::BoolColumnWriter(writer)) => {
                writer.write_batch(&std::mem::take(flags), Some(&levels), None)?;
            }
            _ => unreachable!("a column's writer is of the type that its field was given"),
        }
        Ok(())
    }
}

impl<W: Write + Send> std::fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("rows", &self.rows).finish_non_exhaustive()
    }
}
