//! Errors of reading and writing Parquet files.

use std::io;

use parquet::errors::ParquetError;

impl ColumnarError {
    /// Converts the error of a write into an I/O error. The operating system's error is kept, so that callers can
    /// detect a full disk.
    pub fn into_io(self) -> io::Error {
        match self {
            Self::Parquet(ParquetError::External(source)) => match source.downcast::<io::Error>() {
                Ok(error) => *error,
                Err(source) => io::Error::other(source),
            },
            other => io::Error::other(other),
        }
    }
}

/// An error of reading or writing a Parquet file.
#[derive(Debug, thiserror::Error)]
pub enum ColumnarError {
    /// The file is damaged, or uses an encoding or compression that this build does not support.
    #[error("its Parquet data is damaged, or uses a feature that this build does not support: {0}")]
    Parquet(#[from] ParquetError),
    /// Columns of lists, maps or structs, which have no representation in a CSV record.
    #[error(
        "it has columns of lists, maps or structs ({}), which are not supported; write a copy without them (pandas: \
         df.drop(columns=[...]))",
        .0.join(", ")
    )]
    Nested(Vec<String>),
    /// A column of a type that is neither text nor a number, such as BSON.
    #[error(
        "its column `{column}` holds {what}, which is neither text nor a number; write a copy without it (pandas: \
         df.drop(columns=[...]))"
    )]
    ColumnType {
        /// The name of the column.
        column: String,
        /// The type of its values.
        what: String,
    },
    /// The file has no columns.
    #[error("it has no columns")]
    NoColumns,
    /// Columns of one row group differ in length.
    #[error("its columns differ in length: it is damaged")]
    Uneven,
    /// The Parquet library panicked, or an earlier read of this file failed.
    #[error("it is damaged and cannot be read any further")]
    Damaged,
    /// A value that cannot be written as text, or a text that is not a value of its column.
    #[error("{column}: {reason}")]
    Cell {
        /// The name of the column.
        column: String,
        /// The reason, as a phrase.
        reason: String,
    },
}
