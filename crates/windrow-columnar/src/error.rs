//! Why a Parquet file cannot be read or written.

use std::io;

use parquet::errors::ParquetError;

impl ColumnarError {
    /// As the failure of a write, with the cause that the system told: a full disk is known by it.
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

/// Why a Parquet file cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ColumnarError {
    /// It is damaged, or packed in a way that is not read.
    #[error("its Parquet is damaged, or written in a way that this build does not read: {0}")]
    Parquet(#[from] ParquetError),
    /// Lists, maps and structs have no place in a record.
    #[error(
        "it has columns of lists, maps or structs ({}), which no row of a table holds; write a copy without them (pandas: \
         df.drop(columns=[...]))",
        columns.join(", ")
    )]
    Nested {
        /// Their names.
        columns: Vec<String>,
    },
    /// No text.
    #[error(
        "its column `{column}` holds {what}, which is no text and no number; write a copy without it (pandas: df.drop(columns=[...]))"
    )]
    Kind {
        /// Its name.
        column: String,
        /// What it holds.
        what: String,
    },
    /// No columns.
    #[error("it has no columns")]
    NoColumns,
    /// One column is shorter than another.
    #[error("its columns differ in length: it is damaged")]
    Uneven,
    /// The library gave up on it.
    #[error("it is damaged, and cannot be read from here on")]
    Damaged,
    /// A value that has no text, or a text that is no value of its column.
    #[error("{column}: {reason}")]
    Cell {
        /// The column's name.
        column: String,
        /// What is wrong.
        reason: String,
    },
}
