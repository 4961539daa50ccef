//! Why there is no advice.

use std::io;

use windrow_learn::frames::FrameError;
use windrow_learn::model::RemoteError;
use windrow_record::WindowIndex;
use windrow_registry::RegistryError;
use windrow_windows::BatchError;

/// Why there is no advice.
#[derive(Debug, thiserror::Error)]
pub enum AdvisorError {
    /// The windows cannot be listed.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// A window's rows cannot be had.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// Losses, models or advice cannot be read or written.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// Encoded rows that did not fit into memory cannot be read again.
    #[error("cannot read the encoded rows of window {window} again: {source}")]
    Keep {
        /// Which one.
        window: WindowIndex,
        /// Why.
        source: io::Error,
    },
    /// There is no optimum from elsewhere.
    #[error("a model of window {window} for the advice is not fitted: {source}")]
    Remote {
        /// Its newest window.
        window: WindowIndex,
        /// Why.
        source: RemoteError,
    },
}
