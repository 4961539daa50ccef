//! Reads some columns of a Parquet file as typed values, in batches. Numbers, truth values and times are not converted to
//! text.

use std::fs::File;

use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;
use parquet::file::reader::{FileReader, SerializedFileReader};

use crate::read::{BATCH_ROWS, ColumnShape, Texts, catch_panic, read_column};
use crate::render::Meaning;
use crate::{ColumnarError, Style};

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

/// The value of one cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TypedCell<'a> {
    /// A cell of a column of truth values.
    Flag(bool),
    /// A cell of a column of whole numbers.
    Integer(i64),
    /// A number that is not NaN.
    Number(f64),
    /// A time or a date, in microseconds since 1970-01-01 00:00.
    Micros(i64),
    /// A text, or a value of another type as text.
    Text(&'a str),
}

/// A reader of some columns of one Parquet file, from the first row to the last.
pub struct TypedReader {
    file: SerializedFileReader<File>,
    names: Vec<String>,
    /// The columns that are read, with their index in the file.
    columns: Vec<(usize, ColumnShape)>,
    batch: Vec<Cells>,
    rows: usize,
    /// The index of the next row group. `readers` are those of the one before it, which has `left` more rows.
    next_group: usize,
    readers: Vec<ColumnReader>,
    left: usize,
    style: Style,
    is_broken: bool,
}

/// A batch of cells of one column.
#[derive(Default)]
struct Cells {
    values: Values,
    /// True for each cell that is missing; empty if none is.
    is_missing: Vec<bool>,
}

#[derive(Default)]
enum Values {
    #[default]
    None,
    Flags(Vec<bool>),
    Integers(Vec<i64>),
    Numbers(Vec<f64>),
    Micros(Vec<i64>),
    Texts(Texts),
}

impl TypedReader {
    /// Opens a file. Of its columns, those are read for which `is_wanted` returns `true`.
    ///
    /// # Errors
    /// Returns an error if the file is damaged, or a wanted column holds lists, maps, structs, or values that are neither
    /// text nor numbers.
    pub fn open(file: File, is_wanted: impl Fn(&str) -> bool) -> Result<Self, ColumnarError> {
        let file = catch_panic(|| Ok(SerializedFileReader::new(file)?))?;
        let schema = file.metadata().file_metadata().schema_descr_ptr();
        let (mut names, mut columns) = (Vec::new(), Vec::new());
        for (index, column) in schema.columns().iter().enumerate() {
            let path = column.path().parts();
            let name = path.first().cloned().unwrap_or_default();
            if names.last() != Some(&name) {
                names.push(name.clone());
            }
            if !is_wanted(&name) {
                continue;
            }
            if path.len() != 1 || column.max_rep_level() > 0 {
                return Err(ColumnarError::Nested(vec![name]));
            }
            let shape = ColumnShape { name, meaning: Meaning::of(column)?, is_optional: column.max_def_level() > 0 };
            columns.push((index, shape));
        }
        if names.is_empty() {
            return Err(ColumnarError::NoColumns);
        }
        let batch = columns.iter().map(|_| Cells::default()).collect();
        let (readers, style) = (Vec::new(), Style::plain());
        Ok(Self { file, names, columns, batch, rows: 0, next_group: 0, readers, left: 0, style, is_broken: false })
    }

    /// Returns the names of all columns of the file.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Returns the names of the columns that are read, in the order of [`Self::cell`].
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(_, shape)| shape.name.as_str())
    }

    /// Decodes the next rows. Returns their number, which is 0 at the end of the file.
    ///
    /// # Errors
    /// Returns an error if the file is damaged.
    pub fn next_batch(&mut self) -> Result<usize, ColumnarError> {
        if self.is_broken {
            return Err(ColumnarError::Damaged);
        }
        let filled = catch_panic(|| self.fill());
        self.is_broken = filled.is_err();
        filled?;
        Ok(self.rows)
    }

    /// Returns a cell of the current batch; `None` if it is missing. NaN counts as missing.
    #[inline]
    pub fn cell(&self, column: usize, row: usize) -> Option<TypedCell<'_>> {
        let Cells { values, is_missing } = &self.batch[column];
        if is_missing.get(row).copied().unwrap_or(false) {
            return None;
        }
        match values {
            Values::None => None,
            Values::Flags(values) => Some(TypedCell::Flag(values[row])),
            Values::Integers(values) => Some(TypedCell::Integer(values[row])),
            Values::Numbers(values) => Some(TypedCell::Number(values[row])).filter(|_| !values[row].is_nan()),
            Values::Micros(values) => Some(TypedCell::Micros(values[row])),
            Values::Texts(texts) => Some(TypedCell::Text(texts.cell(row, ""))),
        }
    }

    fn fill(&mut self) -> Result<(), ColumnarError> {
        self.rows = 0;
        while self.left == 0 {
            if self.next_group == self.file.num_row_groups() {
                return Ok(());
            }
            let group = self.file.get_row_group(self.next_group)?;
            let readers = self.columns.iter().map(|(index, _)| group.get_column_reader(*index));
            self.readers = readers.collect::<Result<Vec<_>, _>>()?;
            self.left = usize::try_from(group.metadata().num_rows().max(0)).unwrap_or(usize::MAX);
            self.next_group += 1;
        }
        let rows = self.left.min(BATCH_ROWS);
        for ((reader, (_, shape)), cells) in self.readers.iter_mut().zip(&self.columns).zip(&mut self.batch) {
            cells.fill(reader, shape, rows, &self.style)?;
        }
        self.left -= rows;
        self.rows = rows;
        Ok(())
    }
}

impl std::fmt::Debug for TypedReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TypedReader").field("next_group", &self.next_group).finish_non_exhaustive()
    }
}

impl Cells {
    fn fill(
        &mut self,
        reader: &mut ColumnReader,
        shape: &ColumnShape,
        rows: usize,
        style: &Style,
    ) -> Result<(), ColumnarError> {
        let is_missing = &mut self.is_missing;
        is_missing.clear();
        self.values = match (reader, shape.meaning) {
            (ColumnReader::BoolColumnReader(reader), Meaning::Plain) => {
                Values::Flags(values(reader, shape, rows, is_missing)?)
            }
            (ColumnReader::Int32ColumnReader(reader), Meaning::Plain) => {
                Values::Integers(values(reader, shape, rows, is_missing)?.into_iter().map(i64::from).collect())
            }
            (ColumnReader::Int32ColumnReader(reader), Meaning::Date) => {
                let days = values(reader, shape, rows, is_missing)?;
                Values::Micros(days.into_iter().map(|days| i64::from(days) * MICROS_PER_DAY).collect())
            }
            (ColumnReader::Int64ColumnReader(reader), Meaning::Plain) => {
                Values::Integers(values(reader, shape, rows, is_missing)?)
            }
            (ColumnReader::Int64ColumnReader(reader), Meaning::Time(units)) => {
                let times = values(reader, shape, rows, is_missing)?;
                Values::Micros(times.into_iter().map(|time| micros(time, units)).collect())
            }
            (ColumnReader::FloatColumnReader(reader), Meaning::Plain) => {
                Values::Numbers(values(reader, shape, rows, is_missing)?.into_iter().map(f64::from).collect())
            }
            (ColumnReader::DoubleColumnReader(reader), Meaning::Plain) => {
                Values::Numbers(values(reader, shape, rows, is_missing)?)
            }
            (reader, _) => {
                let mut texts = match std::mem::take(&mut self.values) {
                    Values::Texts(texts) => texts,
                    _ => Texts::default(),
                };
                texts.clear();
                read_column(reader, shape, rows, style, &mut texts)?;
                is_missing.extend((0..rows).map(|row| texts.is_missing(row)));
                Values::Texts(texts)
            }
        };
        Ok(())
    }
}

fn micros(time: i64, units: i64) -> i64 {
    let seconds = time.div_euclid(units).saturating_mul(MICROS_PER_SECOND);
    seconds.saturating_add(time.rem_euclid(units) * MICROS_PER_SECOND / units)
}

/// Decodes values, with a default value for each missing cell.
fn values<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    shape: &ColumnShape,
    rows: usize,
    is_missing: &mut Vec<bool>,
) -> Result<Vec<T::T>, ColumnarError>
where
    T::T: Default + Copy,
{
    let mut levels = Vec::new();
    let mut found = Vec::with_capacity(rows);
    let (records, ..) = reader.read_records(rows, shape.is_optional.then_some(&mut levels), None, &mut found)?;
    if records != rows || (!shape.is_optional && found.len() != rows) {
        return Err(ColumnarError::Uneven);
    }
    if found.len() == rows {
        return Ok(found);
    }
    let mut present = found.into_iter();
    let mut all = Vec::with_capacity(rows);
    for row in 0..rows {
        let is_there = levels.get(row).is_some_and(|level| *level > 0);
        is_missing.push(!is_there);
        all.push(if is_there { present.next().ok_or(ColumnarError::Uneven)? } else { T::T::default() });
    }
    Ok(all)
}
