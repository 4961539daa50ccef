//! Why a window's rows cannot be had.

use std::io;

use windrow_config::RowFault;
use windrow_record::{CsvError, ReadError, WindowIndex};
use windrow_windows::BatchError;

/// Why a window's rows cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The windows cannot be listed.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// A window without a manifest.
    #[error("window {0} is not sealed")]
    NoWindow(WindowIndex),
    /// A batch file cannot be read.
    #[error("cannot read the batch file of window {window}: {source}")]
    Read {
        /// Which one.
        window: WindowIndex,
        /// Why.
        source: ReadError,
    },
    /// Encoded rows that do not fit into memory cannot be kept elsewhere.
    #[error(
        "cannot keep the encoded rows of window {window} in the work directory: {source}; make room there, or give more memory with --memory"
    )]
    Keep {
        /// Which one.
        window: WindowIndex,
        /// Why.
        source: io::Error,
    },
    /// A batch file holds what is no record.
    #[error("line {line} of the batch file of window {window} is no record: {source}")]
    Record {
        /// Which window.
        window: WindowIndex,
        /// Which line, the header line not counted.
        line: u64,
        /// Why.
        source: CsvError,
    },
    /// A batch file holds a row that does not fit the pipeline.
    #[error(
        "line {line} of the batch file of window {window} does not fit the pipeline file: {source}; was that changed since?"
    )]
    Row {
        /// Which window.
        window: WindowIndex,
        /// Which line, the header line not counted.
        line: u64,
        /// Why.
        source: RowFault,
    },
    /// A batch file that is shorter or longer than its manifest says.
    #[error(
        "the batch file of window {window} has {rows} rows where its manifest says {promised}: it was changed after it was sealed"
    )]
    RowCount {
        /// Which window.
        window: WindowIndex,
        /// Its rows.
        rows: u64,
        /// The manifest's.
        promised: u64,
    },
}
