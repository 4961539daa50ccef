//! The errors of reading a window's rows.

use std::io;

use windrow_config::RowFault;
use windrow_record::{CsvError, ReadError, WindowIndex};
use windrow_windows::BatchError;

/// The reason why the rows of a window cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The batch file of a window cannot be opened.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// The window has no manifest.
    #[error("window {0} is not sealed")]
    NoWindow(WindowIndex),
    /// The batch file of a window cannot be read.
    #[error("cannot read the batch file of window {window}: {source}")]
    Read {
        /// The window of the batch file.
        window: WindowIndex,
        /// The error of the reader.
        source: ReadError,
    },
    /// Encoded rows that do not fit into memory cannot be written to a file or read back.
    #[error(
        "cannot store the encoded rows of window {window} in the work directory: {source}; free some space there, or \
         allow more memory with --memory"
    )]
    Store {
        /// The window of the encoded rows.
        window: WindowIndex,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A line of the batch file is not a valid record.
    #[error("line {line} of the batch file of window {window} is not a valid record: {source}")]
    Record {
        /// The window of the batch file.
        window: WindowIndex,
        /// The line of the file, from 1. The header line is line 1.
        line: u64,
        /// The error of the parser.
        source: CsvError,
    },
    /// A row of the batch file does not fit the pipeline file.
    #[error(
        "line {line} of the batch file of window {window} does not fit the pipeline file: {source}; was the pipeline \
         file changed after the run?"
    )]
    Row {
        /// The window of the batch file.
        window: WindowIndex,
        /// The line of the file, from 1. The header line is line 1.
        line: u64,
        /// The fault of the row.
        source: RowFault,
    },
    /// The batch file has more or fewer rows than its manifest says.
    #[error(
        "the batch file of window {window} has {rows} rows, but its manifest says {promised}: it was changed after it \
         was sealed"
    )]
    RowCount {
        /// The window of the batch file.
        window: WindowIndex,
        /// The number of rows in the file.
        rows: u64,
        /// The number of rows in the manifest.
        promised: u64,
    },
}
