//! The digest that identifies a dataset.

use std::fs::File;

use crate::error::DatasetError;
use windrow_base::files;

/// Returns the sha256 of the file on the disk, in hexadecimal. It identifies the dataset independently of its path.
///
/// # Errors
/// The file cannot be read.
pub fn digest(dataset: &windrow_config::Dataset) -> Result<String, DatasetError> {
    let digest = File::open(&dataset.path).and_then(files::digest);
    digest.map(|(_, sha256)| sha256).map_err(|source| DatasetError::Open { path: dataset.path.clone(), source })
}
