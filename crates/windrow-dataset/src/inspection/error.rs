//! Why a file cannot be inspected, or why there is no pipeline file for it.

use std::path::PathBuf;

use crate::encoding::Encoding;
use crate::error::DatasetError;
use crate::inspection::question::Question;
use windrow_config::ConfigError;

/// Why there is no pipeline file.
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
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// What was asked for cannot be.
    #[error("{0}")]
    Use(String),
    /// Something must be said first.
    #[error("{} things must be said", .0.len())]
    Questions(Vec<Question>),
    /// The file must be repaired first.
    #[error("{}", .0.join("\n"))]
    Faults(Vec<String>),
    /// No delimiter parts the lines into the same number of fields.
    #[error("the file {} is no table: no comma, semicolon, tab or | parts its lines into the same number of fields; --delimiter names another", path.display())]
    NoTable {
        /// The file.
        path: PathBuf,
    },
    /// The file has no rows.
    #[error("the file {} has a header line and no rows; is it whole?", path.display())]
    NoRows {
        /// The file.
        path: PathBuf,
    },
    /// The file is not UTF-8.
    #[error("the file {} is {encoding} and not UTF-8", path.display())]
    Encoding {
        /// The file.
        path: PathBuf,
        /// What it seems to be.
        encoding: Encoding,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {source}; choose another place", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
}
