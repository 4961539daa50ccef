//! Why nothing could be audited.

use windrow_dataset::DatasetError;
use windrow_kafka::BrokerError;
use windrow_windows::BatchError;

/// Why nothing could be audited.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// No windows.
    #[error(
        "no window in {}: `windrow run` or `windrow consume` makes them; --workdir names another place",
        folder.display()
    )]
    Nothing {
        /// The folder.
        folder: std::path::PathBuf,
    },
    /// The dataset cannot be read.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The folders cannot be read.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// The topic cannot be read.
    #[error(transparent)]
    Broker(#[from] BrokerError),
}
