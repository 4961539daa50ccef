//! The reasons why a newer extract does not go on after the rows that were read.

use std::path::PathBuf;

use windrow_dataset::DatasetError;
use windrow_kafka::BrokerError;
use windrow_record::RowNumber;
use windrow_record::display::{counted, thousands};
use windrow_windows::BatchError;

/// The reason why a newer extract does not go on after the rows that were read.
#[derive(Debug, thiserror::Error)]
pub enum GrowthError {
    /// A cell has changed.
    #[error(
        "row {} of the dataset {}{} is not as it was read before: {} was `{before}` and is `{now}` now",
        thousands(row.get()),
        dataset.display(),
        moved(*row, *file_row),
        column.as_deref().unwrap_or("it")
    )]
    Differs {
        /// The path of the dataset.
        dataset: PathBuf,
        /// The number of the row in the replay.
        row: RowNumber,
        /// The number of the row in the file.
        file_row: u64,
        /// The column of the first cell that differs. `None` if the record cannot be split into cells.
        column: Option<String>,
        /// The cell or the record that was read before.
        before: String,
        /// The cell or the record in the file.
        now: String,
    },
    /// The last rows are missing.
    #[error(
        "the dataset {} ends too early: it has {}, from row {} on, and rows {} to {} were read before",
        dataset.display(),
        counted(*rows, "row", "rows"),
        thousands(*begins),
        thousands(missing.get()),
        thousands(*last)
    )]
    Shorter {
        /// The path of the dataset.
        dataset: PathBuf,
        /// The number of rows in the file.
        rows: u64,
        /// The row number of the file's first row.
        begins: u64,
        /// The first row that the file lacks.
        missing: RowNumber,
        /// The last row that was read.
        last: u64,
    },
    /// The file has other columns.
    #[error("the dataset {} has other columns: {before} before, now {now}", dataset.display())]
    Columns {
        /// The path of the dataset.
        dataset: PathBuf,
        /// The columns of the batch files.
        before: String,
        /// The columns of the file.
        now: String,
    },
    /// A label that has arrived cannot be read.
    #[error("row {} of the dataset {} has a label now, but {reason}", thousands(row.get()), dataset.display())]
    Label {
        /// The path of the dataset.
        dataset: PathBuf,
        /// The number of the row in the replay.
        row: RowNumber,
        /// The fault of the label, as part of a sentence.
        reason: String,
    },
    /// The row numbers are too far apart to compare them.
    #[error("{place} has {count} rows up to row {last}: these are too few to compare them")]
    Scattered {
        /// The folder of the batch files, or the name of the topic.
        place: String,
        /// The number of rows.
        count: u64,
        /// The number of the last row.
        last: u64,
    },
    /// The dataset cannot be read.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The topic cannot be read.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// A file of a window cannot be read.
    #[error(transparent)]
    Batch(#[from] BatchError),
}

impl GrowthError {
    /// The error for a file that ends before a row that was read.
    pub(crate) fn shorter(
        dataset: &windrow_config::Dataset,
        rows: u64,
        dropped: u64,
        missing: RowNumber,
        last: u64,
    ) -> Self {
        Self::Shorter { dataset: dataset.path.clone(), rows, begins: dropped + 1, missing, last }
    }
}

/// Returns the place of a row in a file whose first rows are gone.
fn moved(row: RowNumber, file_row: u64) -> String {
    if row.get() == file_row { String::new() } else { format!(" (row {} of the file)", thousands(file_row)) }
}
