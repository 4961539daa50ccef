//! Compares the rows of two batch files cell by cell. The types of Parquet columns follow from the features of a
//! pipeline, so two files of the same rows can have different bytes and types.

use std::fs::File;
use std::path::Path;

use crate::BatchError;
use windrow_columnar::{ColumnarError, TypedCell, TypedReader};
use windrow_config::BatchFormat;
use windrow_record::{Fields, ReadError, RecordParser, RecordReader, TimeFormat, parse_number};

/// The form of the cells in the batch files of a pipeline.
#[derive(Debug, Clone)]
pub struct CellForm {
    /// The format of the files.
    pub format: BatchFormat,
    /// The byte between two fields of a CSV record.
    pub delimiter: u8,
    /// The texts that mean 'missing'.
    pub null: Vec<String>,
    /// The format of the times.
    pub time: Option<TimeFormat>,
}

/// The rows of a batch file.
enum Rows {
    Csv { records: Box<RecordReader<File>>, parser: Box<RecordParser> },
    Parquet { reader: Box<TypedReader>, next: usize, rows: usize },
}

/// One row of a batch file.
enum Row<'r> {
    Csv(Fields<'r>),
    Parquet { reader: &'r TypedReader, row: usize },
}

/// Returns true if two batch files have the same columns, and in each row the same cells. If one file has a number or a
/// time, the text of the other one is equal if it is read as this number or time. Missing cells are equal.
///
/// # Errors
/// A file cannot be read, or is damaged.
pub fn has_same_cells(a: (&Path, &CellForm), b: (&Path, &CellForm)) -> Result<bool, BatchError> {
    let ((names, mut rows_of_a), (names_of_b, mut rows_of_b)) = (open(a)?, open(b)?);
    if names != names_of_b {
        return Ok(false);
    }
    loop {
        let (row_of_a, row_of_b) = match (rows_of_a.next_row(a.0)?, rows_of_b.next_row(b.0)?) {
            (None, None) => return Ok(true),
            (Some(row_of_a), Some(row_of_b)) => (row_of_a, row_of_b),
            _ => return Ok(false),
        };
        let is_other = |column| !is_same((row_of_a.cell(column), a.1), (row_of_b.cell(column), b.1));
        if (0..names.len()).any(is_other) {
            return Ok(false);
        }
    }
}

/// Opens a file. Returns the names of its columns, and its rows.
fn open((path, form): (&Path, &CellForm)) -> Result<(Vec<String>, Rows), BatchError> {
    let file = File::open(path).map_err(BatchError::read(path))?;
    if form.format == BatchFormat::Parquet {
        let reader = Box::new(TypedReader::open(file, |_| true).map_err(broken(path))?);
        return Ok((reader.names().to_vec(), Rows::Parquet { reader, next: 0, rows: 0 }));
    }
    let (records, parser) = (RecordReader::new(file, form.delimiter), RecordParser::new(form.delimiter));
    let mut rows = Rows::Csv { records: Box::new(records), parser: Box::new(parser) };
    let names = match rows.next_row(path)? {
        Some(Row::Csv(fields)) => fields.iter().map(str::to_owned).collect(),
        _ => return Err(BatchError::Damaged { path: path.to_owned(), reason: "it has no header line".to_owned() }),
    };
    Ok((names, rows))
}

fn broken(path: &Path) -> impl FnOnce(ColumnarError) -> BatchError {
    move |error| BatchError::Damaged { path: path.to_owned(), reason: error.to_string() }
}

impl Rows {
    /// Returns the next row; `None` at the end. `path` is only used in errors.
    fn next_row(&mut self, path: &Path) -> Result<Option<Row<'_>>, BatchError> {
        let damaged = |reason: String| BatchError::Damaged { path: path.to_owned(), reason };
        match self {
            Self::Csv { records, parser } => {
                let record = records.next_record().map_err(|error| match error {
                    ReadError::Io(error) => BatchError::read(path)(error),
                    error => damaged(error.to_string()),
                })?;
                let Some(record) = record else { return Ok(None) };
                let fields = parser.parse(record.bytes).map_err(|error| damaged(error.to_string()))?;
                Ok(Some(Row::Csv(fields)))
            }
            Self::Parquet { reader, next, rows } => {
                if next == rows {
                    (*next, *rows) = (0, reader.next_batch().map_err(broken(path))?);
                }
                if next == rows {
                    return Ok(None);
                }
                *next += 1;
                Ok(Some(Row::Parquet { reader, row: *next - 1 }))
            }
        }
    }
}

impl Row<'_> {
    /// Returns the cell of a column; `None` if it is missing.
    fn cell(&self, column: usize) -> Option<TypedCell<'_>> {
        match self {
            Self::Csv(fields) => fields.get(column).map(TypedCell::Text),
            Self::Parquet { reader, row } => reader.cell(column, *row),
        }
    }
}

/// Returns true if two cells are the same.
fn is_same(a: (Option<TypedCell<'_>>, &CellForm), b: (Option<TypedCell<'_>>, &CellForm)) -> bool {
    if a.0 == b.0 {
        return true;
    }
    match (a.1.present(a.0), b.1.present(b.0)) {
        (None, None) => true,
        (Some(TypedCell::Text(text)), Some(other)) => a.1.is_read_as(text, other),
        (Some(other), Some(TypedCell::Text(text))) => b.1.is_read_as(text, other),
        // A time that is also a number, as in 20130101.
        (Some(TypedCell::Micros(time)), Some(number)) => a.1.is_written_as(time, number),
        (Some(number), Some(TypedCell::Micros(time))) => b.1.is_written_as(time, number),
        _ => false,
    }
}

impl CellForm {
    /// Returns a cell that is not missing. In a CSV file, a missing cell is a text.
    fn present<'c>(&self, cell: Option<TypedCell<'c>>) -> Option<TypedCell<'c>> {
        let is_null = |text: &str| self.null.iter().any(|null| null == text);
        cell.filter(|cell| !matches!(cell, TypedCell::Text(text) if is_null(text)))
    }

    /// Returns true if a text is read as this number or time.
    fn is_read_as(&self, text: &str, cell: TypedCell<'_>) -> bool {
        match cell {
            TypedCell::Number(number) => parse_number(text).is_ok_and(|read| read == number),
            TypedCell::Micros(time) => {
                self.time.as_ref().is_some_and(|format| format.parse(text).is_ok_and(|read| read.micros() == time))
            }
            _ => false,
        }
    }

    /// Returns true if the text of a time is read as this number.
    fn is_written_as(&self, time: i64, number: TypedCell<'_>) -> bool {
        let text = self.time.as_ref().and_then(|format| format.write(time));
        matches!(number, TypedCell::Number(_)) && text.is_some_and(|text| self.is_read_as(&text, number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use windrow_columnar::{Column, ColumnType, Value, Writer};

    fn form(format: BatchFormat) -> CellForm {
        let time = TimeFormat::new("%Y-%m-%d %H:%M").expect("a good format");
        CellForm { format, delimiter: b';', null: vec!["NA".to_owned(), String::new()], time: Some(time) }
    }

    fn parquet(path: &Path, columns: [(&str, ColumnType); 3], rows: &[[Value<'_>; 3]]) {
        let columns = columns.map(|(name, kind)| Column { name: name.to_owned(), kind });
        let mut writer = Writer::new(File::create(path).expect("a file"), &columns).expect("a writer");
        for row in rows {
            writer.push(*row).expect("a row");
        }
        writer.finish().expect("a file");
    }

    #[test]
    fn cells_are_equal_whatever_the_types_of_their_columns() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let [texts, typed, other] = ["texts.parquet", "typed.parquet", "other.parquet"].map(path);
        let text = Value::Text;
        let first = |size| [text("2013-01-01 05:15"), text(size), text("007")];
        let of_text = [("at", ColumnType::Text), ("size", ColumnType::Text), ("code", ColumnType::Text)];
        parquet(&texts, of_text, &[first("2.50"), [text("2013-01-01 05:16"), Value::Missing, text("a;b")]]);
        parquet(&other, of_text, &[first("2.51"), [text("2013-01-01 05:16"), Value::Missing, text("a;b")]]);
        let at = |minutes: i64| Value::Time(1_356_998_400_000_000 + (5 * 60 + minutes) * 60_000_000);
        let of_types = [("at", ColumnType::Time), ("size", ColumnType::Number), ("code", ColumnType::Text)];
        let rows = [[at(15), Value::Number(2.5), text("007")], [at(16), Value::Missing, text("a;b")]];
        parquet(&typed, of_types, &rows);
        let csv = path("rows.csv");
        fs::write(&csv, "at;size;code\n2013-01-01 05:15;2.5;007\n2013-01-01 05:16;NA;\"a;b\"\n").expect("a file");
        let is_same = |a: &Path, b: &Path| {
            let kind = |path: &Path| match path.extension().is_some_and(|extension| extension == "csv") {
                true => form(BatchFormat::Csv),
                false => form(BatchFormat::Parquet),
            };
            has_same_cells((a, &kind(a)), (b, &kind(b))).expect("readable files")
        };
        for (a, b) in [(&texts, &typed), (&typed, &csv), (&csv, &csv)] {
            assert!(is_same(a, b) && is_same(b, a), "{} {}", a.display(), b.display());
        }
        // Two texts are equal only if they have the same characters.
        assert!(!is_same(&texts, &csv), "2.50 and 2.5");
        assert!(!is_same(&other, &typed) && !is_same(&typed, &other));
        parquet(&other, of_types, &rows[..1]);
        assert!(!is_same(&typed, &other) && !is_same(&other, &typed), "a row is missing");
        parquet(&other, [("at", ColumnType::Time), ("length", ColumnType::Number), ("code", ColumnType::Text)], &rows);
        assert!(!is_same(&typed, &other), "another column");
    }
}
