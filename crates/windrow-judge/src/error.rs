//! The reasons why predictions cannot be judged.

use std::io;
use std::path::PathBuf;

use windrow_columnar::ColumnarError;
use windrow_config::LabelDelayError;
use windrow_dataset::DatasetError;

/// The reason why predictions cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// A file cannot be opened.
    #[error("cannot open {}: {source}", path.display())]
    Open {
        /// The path of the file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A file of text cannot be read.
    #[error(transparent)]
    Text(DatasetError),
    /// A Parquet file cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Parquet {
        /// The path of the file.
        path: PathBuf,
        /// The error of the reader.
        source: ColumnarError,
    },
    /// A file does not have the columns that are needed.
    #[error("{}: {problem}", path.display())]
    Columns {
        /// The path of the file.
        path: PathBuf,
        /// The problem, and what to do.
        problem: String,
    },
    /// Rows contradict each other, or are not predictions.
    #[error("{}{}", faults.join("\n"), if *is_cut { "\nand possibly more: reading stopped here" } else { "" })]
    Faults {
        /// A sentence for each fault, with its row.
        faults: Vec<String>,
        /// `true` if the rest of the table was not read.
        is_cut: bool,
    },
    /// The label delay does not fit the windows.
    #[error("--label-delay: {0}")]
    LabelDelay(#[from] LabelDelayError),
    /// The table has nothing that can be judged.
    #[error("{0}")]
    Nothing(String),
}

impl From<DatasetError> for JudgeError {
    /// The sentences of a dataset name keys of a pipeline file. A table has none.
    fn from(error: DatasetError) -> Self {
        match error {
            DatasetError::Open { path, source } => Self::Open { path, source },
            DatasetError::DuplicateColumn { path, column } => Self::two_columns(path, &column),
            DatasetError::Empty(path) => Self::Columns { path, problem: "it is empty".to_owned() },
            error => Self::Text(error),
        }
    }
}

impl JudgeError {
    /// Returns the error for two columns of one name.
    pub(crate) fn two_columns(path: PathBuf, column: &str) -> Self {
        Self::Columns { path, problem: format!("two columns are named `{column}`: rename one of them") }
    }
}
