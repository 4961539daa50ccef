//! Why there is no export.

use std::path::PathBuf;

use crate::error::RegistryError;
use windrow_windows::BatchError;

/// Why there is no export.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// No windows.
    #[error("no window in {}: `windrow run` or `windrow consume` makes them; --workdir names another place", .0.display())]
    Nothing(PathBuf),
    /// The windows cannot be read.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// What is known of models cannot be read.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A file cannot be written.
    #[error("cannot write {}: {source}; name another place with --out", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}
