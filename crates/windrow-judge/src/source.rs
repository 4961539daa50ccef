//! A file of predictions as rows of cells: Parquet, read as typed values, or CSV and JSON Lines, read as text.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::error::JudgeError;
use windrow_columnar::{TypedCell, TypedReader};
use windrow_config::Dataset;
use windrow_dataset::DatasetReader;
use windrow_record::RecordParser;

/// The maximum number of columns that are read.
pub(crate) const MAX_COLUMNS: usize = 10;

/// The cells of a row, in the order of the columns that were asked for.
pub(crate) type Cells<'a> = [Option<TypedCell<'a>>; MAX_COLUMNS];

/// A file that is open for reading.
pub(crate) struct Source {
    path: PathBuf,
    names: Vec<String>,
    rows: Rows,
}

enum Rows {
    Parquet(Box<TypedReader>),
    Text { reader: Box<DatasetReader>, delimiter: u8 },
}

impl Source {
    /// Opens a file. Of a Parquet file, only the `wanted` columns can be read.
    ///
    /// # Errors
    /// The file cannot be read, or its kind is not supported.
    pub(crate) fn open(path: &Path, wanted: &[&str]) -> Result<Self, JudgeError> {
        let opened = |source| JudgeError::Open { path: path.to_owned(), source };
        let kind = std::fs::metadata(path).map_err(opened)?.file_type();
        if !kind.is_file() && !kind.is_dir() {
            let problem = "it is a pipe or a device, and a table is read more than once: write it to a file first";
            return Err(JudgeError::Columns { path: path.to_owned(), problem: problem.to_owned() });
        }
        let mut magic = Vec::with_capacity(4);
        File::open(path).and_then(|file| file.take(4).read_to_end(&mut magic)).map_err(opened)?;
        if magic == b"PAR1" {
            let file = File::open(path).map_err(opened)?;
            let reader = TypedReader::open(file, |name| wanted.contains(&name));
            let reader = reader.map_err(|source| JudgeError::Parquet { path: path.to_owned(), source })?;
            let mut known = HashSet::new();
            if let Some(column) = reader.columns().find(|column| !known.insert(*column)) {
                return Err(JudgeError::two_columns(path.to_owned(), column));
            }
            let names = reader.names().to_vec();
            return Ok(Self { path: path.to_owned(), names, rows: Rows::Parquet(Box::new(reader)) });
        }
        let mut dataset = Dataset::new(path.to_owned());
        let mut reader = DatasetReader::open(&dataset)?;
        // A single column whose name has another delimiter shows that this one is used.
        if let [name] = reader.columns()
            && let Some(delimiter) = [b';', b'\t'].into_iter().find(|one| name.contains(char::from(*one)))
        {
            dataset.delimiter = delimiter;
            reader = DatasetReader::open(&dataset)?;
        }
        let (names, delimiter) = (reader.columns().to_vec(), dataset.delimiter);
        Ok(Self { path: path.to_owned(), names, rows: Rows::Text { reader: Box::new(reader), delimiter } })
    }

    /// Returns the names of all columns of the file.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    pub(crate) fn has(&self, column: &str) -> bool {
        self.names.iter().any(|name| name == column)
    }

    /// Returns the error for a problem with the columns of this file.
    pub(crate) fn problem(&self, problem: impl Into<String>) -> JudgeError {
        JudgeError::Columns { path: self.path.clone(), problem: problem.into() }
    }

    /// Calls `visit` with the number of each row, from 1, and its cells in these columns. A column that the file does not
    /// have has only missing cells. Instead of cells, `visit` gets the reason why a line is not a row. It returns `false`
    /// to stop.
    ///
    /// # Errors
    /// The file is damaged.
    pub(crate) fn visit(
        self,
        columns: &[&str],
        mut visit: impl FnMut(u64, Result<&Cells<'_>, String>) -> bool,
    ) -> Result<(), JudgeError> {
        let Self { path, names, rows } = self;
        match rows {
            Rows::Parquet(mut reader) => {
                let read: Vec<&str> = reader.columns().collect();
                let places: Vec<Option<usize>> =
                    columns.iter().map(|column| read.iter().position(|name| name == column)).collect();
                let mut number = 0;
                loop {
                    let rows =
                        reader.next_batch().map_err(|source| JudgeError::Parquet { path: path.clone(), source })?;
                    if rows == 0 {
                        return Ok(());
                    }
                    for row in 0..rows {
                        number += 1;
                        let mut cells: Cells<'_> = [None; MAX_COLUMNS];
                        for (cell, place) in cells.iter_mut().zip(&places) {
                            *cell = place.and_then(|place| reader.cell(place, row));
                        }
                        if !visit(number, Ok(&cells)) {
                            return Ok(());
                        }
                    }
                }
            }
            Rows::Text { mut reader, delimiter } => {
                let places: Vec<Option<usize>> =
                    columns.iter().map(|column| names.iter().position(|name| name == column)).collect();
                let mut parser = RecordParser::new(delimiter);
                while let Some(row) = reader.next_row()? {
                    let number = row.number.get();
                    let goes_on = match parser.parse(row.bytes) {
                        Ok(fields) if fields.len() == names.len() => {
                            let mut cells: Cells<'_> = [None; MAX_COLUMNS];
                            for (cell, place) in cells.iter_mut().zip(&places) {
                                let text = place.and_then(|place| fields.get(place)).filter(|text| !text.is_empty());
                                *cell = text.map(TypedCell::Text);
                            }
                            visit(number, Ok(&cells))
                        }
                        Ok(fields) => {
                            visit(number, Err(format!("it has {} fields instead of {}", fields.len(), names.len())))
                        }
                        Err(error) => visit(number, Err(error.to_string())),
                    };
                    if !goes_on {
                        return Ok(());
                    }
                }
                Ok(())
            }
        }
    }
}
