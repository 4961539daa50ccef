//! Errors of an inspection.

use std::path::PathBuf;

use crate::MAX_COLUMNS;
use crate::error::DatasetError;
use crate::inspection::question::Question;
use windrow_config::ConfigError;
use windrow_record::display::{counted, thousands};

/// The result of a step of an inspection.
pub(crate) type Result<T, E = InspectionError> = std::result::Result<T, E>;

/// The reason why a file cannot be inspected, or why a pipeline file cannot be drafted.
#[derive(Debug, thiserror::Error)]
pub enum InspectionError {
    /// The dataset cannot be read.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The pipeline file is not valid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The file cannot be opened.
    #[error("cannot open the file {}: {source}", path.display())]
    Open {
        /// The path of the file.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// An option is not valid, for this reason.
    #[error("{0}")]
    Usage(String),
    /// The user must answer these questions first.
    #[error("{} must be answered", counted(.0.len() as u64, "question", "questions"))]
    Questions(Vec<Question>),
    /// The file must be repaired first, for these reasons.
    #[error("{}", .0.join("\n"))]
    Faults(Vec<String>),
    /// No delimiter splits the lines into the same number of fields.
    #[error(
        "the file {} is not a table: no comma, semicolon, tab or | splits its lines into the same number of fields; \
         give another delimiter with --delimiter",
        .0.display()
    )]
    NotATable(PathBuf),
    /// The file has too many columns.
    #[error(
        "the file {} has {} columns; at most {} are read: write a copy with the target, the time and the columns that \
         may predict the target",
        path.display(),
        thousands(*columns as u64),
        thousands(MAX_COLUMNS as u64)
    )]
    TooManyColumns {
        /// The path of the file.
        path: PathBuf,
        /// The number of columns.
        columns: usize,
    },
    /// A line is too long for the detection of the columns.
    #[error(
        "line {line} of the file {} has {} bytes, but the columns are found in the first {} bytes: has the file a row \
         on each line?",
        path.display(),
        thousands(*length as u64),
        thousands(*sample)
    )]
    LongLine {
        /// The path of the file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The length of the line in bytes.
        length: usize,
        /// The number of bytes in which the columns are found.
        sample: u64,
    },
    /// The file has no rows.
    #[error("the file {} has a header line but no rows; is it complete?", .0.display())]
    NoRows(PathBuf),
    /// The file is not UTF-8.
    #[error("the file {} is UTF-16 and not UTF-8", .0.display())]
    Utf16(PathBuf),
    /// A file cannot be written.
    #[error("cannot write {}: {source}; choose another place", path.display())]
    Write {
        /// The path of the file.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
}
