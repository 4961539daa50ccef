//! The reasons why predictions cannot be judged.

use std::io;
use std::path::PathBuf;

use windrow_columnar::ColumnarError;
use windrow_config::LabelDelayError;
use windrow_dataset::DatasetError;
use windrow_record::CsvError;

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
    /// A file is not a table, or does not have the columns that are needed.
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
            DatasetError::Empty(path) => Self::columns(path, "it is empty"),
            DatasetError::Kind { path, reason } => Self::columns(path, reason),
            DatasetError::Utf16(path) => Self::columns(path, "it is UTF-16: write it as UTF-8"),
            DatasetError::Header { path, source: CsvError::NotUtf8 } => {
                Self::columns(path, "the header line is not UTF-8: write the file as UTF-8")
            }
            DatasetError::Header { path, source } => {
                Self::columns(path, format!("the header line cannot be read: {source}"))
            }
            DatasetError::TooManyKeys(path) => {
                Self::columns(path, "its objects have thousands of different keys: keep those of the predictions")
            }
            DatasetError::Broken { path, row, source } => {
                let problem = format!("it cannot be read beyond row {row}: {source} (is the file complete?)");
                Self::columns(path, problem)
            }
            DatasetError::Record { path, source } => Self::columns(path, format!("it cannot be read: {source}")),
            // These need a pipeline file.
            error @ (DatasetError::AllSkipped { .. }
            | DatasetError::NoColumn { .. }
            | DatasetError::NotInJson { .. }
            | DatasetError::NoKey { .. }) => Self::Text(error),
        }
    }
}

impl JudgeError {
    /// Returns the error for two columns of one name.
    pub(crate) fn two_columns(path: PathBuf, column: &str) -> Self {
        Self::columns(path, format!("two columns are named `{column}`: rename one of them"))
    }

    fn columns(path: PathBuf, problem: impl Into<String>) -> Self {
        Self::Columns { path, problem: problem.into() }
    }
}
