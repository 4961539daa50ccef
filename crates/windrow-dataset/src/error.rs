//! Errors of reading a dataset.

use std::io;
use std::path::{Path, PathBuf};

use crate::MAX_COLUMNS;
use windrow_config::unknown_column;
use windrow_record::display::thousands;
use windrow_record::{CsvError, ReadError, RowNumber};

/// The reason why a dataset cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The file does not exist, or may not be read.
    #[error("cannot open the dataset {} (dataset.path in the pipeline file): {source}", path.display())]
    Open {
        /// The path of the dataset.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The file is not of a kind that can be read.
    #[error("the dataset {} cannot be read: {reason}", path.display())]
    Kind {
        /// The path of the dataset.
        path: PathBuf,
        /// The kind of the file, and what the user can do.
        reason: String,
    },
    /// The text of the file is UTF-16.
    #[error(
        "the dataset {} is UTF-16: `windrow init DATA --repaired-copy OUT.csv.zst` makes a copy that can be read",
        .0.display()
    )]
    Utf16(PathBuf),
    /// The pipeline file skips all lines of the file.
    #[error(
        "the dataset {} has nothing after its first {lines} lines (dataset.skip in the pipeline file)",
        path.display()
    )]
    AllSkipped {
        /// The path of the dataset.
        path: PathBuf,
        /// The number of lines to skip.
        lines: u64,
    },
    /// A key of the `[dataset]` table names a column that does not exist.
    #[error(
        "{}",
        unknown_column(&format!("the dataset {} ({key} in the pipeline file)", path.display()), column, columns)
    )]
    NoColumn {
        /// The path of the dataset.
        path: PathBuf,
        /// The key that names the column.
        key: &'static str,
        /// The name of the missing column.
        column: String,
        /// The columns of the file.
        columns: Vec<String>,
    },
    /// The file is empty.
    #[error("the dataset {} is empty: it has no header line", .0.display())]
    Empty(PathBuf),
    /// The header line is not a CSV record.
    #[error("the header line of the dataset {} cannot be read: {source}{}", path.display(), header_advice(source))]
    Header {
        /// The path of the dataset.
        path: PathBuf,
        /// The error in the record.
        source: CsvError,
    },
    /// Two columns have the same name.
    #[error(
        "the dataset {} has two columns named `{column}`; name its columns in dataset.columns, and set dataset.skip = 1 if it has a header line",
        path.display()
    )]
    DuplicateColumn {
        /// The path of the dataset.
        path: PathBuf,
        /// The name of both columns.
        column: String,
    },
    /// The pipeline file has a key for CSV, but the file is JSON Lines.
    #[error("the dataset {} is JSON Lines, for which dataset.{key} has no meaning: remove the key", path.display())]
    NotInJson {
        /// The path of the dataset.
        path: PathBuf,
        /// The key in the `[dataset]` table.
        key: &'static str,
    },
    /// No object of JSON Lines has a key that the pipeline file names.
    #[error("no row of the dataset {} has the key `{key}` (dataset.columns in the pipeline file)", path.display())]
    NoKey {
        /// The path of the dataset.
        path: PathBuf,
        /// The name of the key.
        key: String,
    },
    /// The objects of JSON Lines have too many different keys.
    #[error(
        "the dataset {} has more than {} different keys, and no more are read: write a copy with fewer keys",
        .0.display(),
        thousands(MAX_COLUMNS as u64)
    )]
    TooManyKeys(PathBuf),
    /// An I/O error occurred in the middle of the file.
    #[error("the dataset {} cannot be read beyond row {row}: {source} (is the file complete?)", path.display())]
    Broken {
        /// The path of the dataset.
        path: PathBuf,
        /// The row that could not be read.
        row: RowNumber,
        /// The error of the reader.
        source: io::Error,
    },
    /// A record does not end.
    #[error("the dataset {} cannot be read: {source}", path.display())]
    Record {
        /// The path of the dataset.
        path: PathBuf,
        /// The error in the record.
        source: ReadError,
    },
}

impl DatasetError {
    /// The error for a row that could not be read.
    pub(crate) fn of_read(path: &Path, row: RowNumber, error: ReadError) -> Self {
        let path = path.to_owned();
        match error {
            ReadError::Io(source) => Self::Broken { path, row, source },
            source => Self::Record { path, source },
        }
    }
}

fn header_advice(error: &CsvError) -> &'static str {
    match error {
        CsvError::NotUtf8 => ": `windrow init DATA --repaired-copy OUT.csv.zst` makes a copy that can be read",
        _ => "",
    }
}
