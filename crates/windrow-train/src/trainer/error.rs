//! Why no more models can be made.

use std::io;

use windrow_learn::frames::FrameError;
use windrow_learn::model::RemoteError;
use windrow_record::{ModelId, WindowIndex};
use windrow_registry::RegistryError;
use windrow_windows::BatchError;

/// Why no more models can be made.
#[derive(Debug, thiserror::Error)]
pub enum TrainerError {
    /// The windows cannot be listed.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// A window's rows cannot be had.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A model cannot be written.
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
    #[error("{model} is not fitted: {source}")]
    Remote {
        /// Which one.
        model: ModelId,
        /// Why.
        source: RemoteError,
    },
}
