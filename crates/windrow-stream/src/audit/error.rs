//! The errors that prevent an audit.

use windrow_dataset::DatasetError;
use windrow_kafka::BrokerError;
use windrow_windows::BatchError;

/// An error that prevents an audit.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The folder has no windows.
    #[error(
        "no window in {}: create windows with `windrow run` or `windrow consume`, or give another --workdir",
        folder.display()
    )]
    Nothing {
        /// The folder that was searched.
        folder: std::path::PathBuf,
    },
    /// The dataset cannot be read.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// A file or a folder of the windows cannot be read.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// The topic cannot be read.
    #[error(transparent)]
    Broker(#[from] BrokerError),
}
