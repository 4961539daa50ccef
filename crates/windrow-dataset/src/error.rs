//! Why a dataset cannot be read.

use std::io;
use std::path::PathBuf;

use crate::encoding::Encoding;
use windrow_record::{CsvError, ReadError, RowNumber};

/// Why a dataset cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The file is not there, or may not be read.
    #[error("cannot open the dataset {} (dataset.path in the pipeline file): {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that holds no text.
    #[error("the dataset {} cannot be read: {reason}", path.display())]
    Kind {
        /// The file.
        path: PathBuf,
        /// What it is, and what to do.
        reason: String,
    },
    /// Text, but not UTF-8.
    #[error(
        "the dataset {} is {encoding}: `windrow init DATA --repaired-copy OUT.csv.zst` makes a copy that can be read",
        path.display()
    )]
    Encoding {
        /// The file.
        path: PathBuf,
        /// How its text is written.
        encoding: Encoding,
    },
    /// More lines are skipped than there are.
    #[error("the dataset {} has nothing behind its first {lines} lines (dataset.skip in the pipeline file)", path.display())]
    AllSkipped {
        /// The file.
        path: PathBuf,
        /// How many lines are skipped.
        lines: u64,
    },
    /// A time is made of columns that are not there.
    #[error("the dataset {} has no column `{column}` (dataset.time.from in the pipeline file); it has {}", path.display(), columns.join(", "))]
    NoColumn {
        /// The file.
        path: PathBuf,
        /// The name.
        column: String,
        /// The names that there are.
        columns: Vec<String>,
    },
    /// Nothing in it.
    #[error("the dataset {} is empty: it has no header line", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A header line that is no CSV record.
    #[error("the header line of the dataset {} cannot be read: {source}", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// Why.
        source: CsvError,
    },
    /// Two columns of one name.
    #[error(
        "the dataset {} has two columns named `{column}`; name its columns in dataset.columns, and set dataset.skip = 1 if it has a header line",
        path.display()
    )]
    ColumnTwice {
        /// The file.
        path: PathBuf,
        /// The name.
        column: String,
    },
    /// Reading stopped in the middle.
    #[error("the dataset {} cannot be read beyond row {row}: {source} (is the file whole?)", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// The row that could not be read.
        row: RowNumber,
        /// Why.
        source: io::Error,
    },
    /// A record without an end.
    #[error("the dataset {} cannot be read: {source}", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ReadError,
    },
}
