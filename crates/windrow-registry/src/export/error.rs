//! Errors of an export.

use std::path::PathBuf;

use crate::error::RegistryError;
use windrow_windows::BatchError;

/// An error of an export.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The work directory has no sealed window. The field is the folder of the windows.
    #[error(
        "no window in {}: create windows with `windrow run` or `windrow consume`, or give another --workdir",
        .0.display()
    )]
    Nothing(PathBuf),
    /// The batch files or their manifests cannot be read.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// The losses cannot be read.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A file of the export cannot be written.
    #[error("cannot write {}: {source}; choose another place with --out", path.display())]
    Write {
        /// The path of the file.
        path: PathBuf,
        /// The underlying I/O error.
        source: std::io::Error,
    },
}
