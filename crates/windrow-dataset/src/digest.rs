//! The digest that identifies a dataset.

use std::fs::File;

use crate::error::DatasetError;
use windrow_base::files;

/// The sha256 of the file as it lies on the disk, in hexadecimal: names the dataset, whatever its path.
///
/// # Errors
/// The file cannot be read.
pub fn digest(dataset: &windrow_config::Dataset) -> Result<String, DatasetError> {
    let digest = File::open(&dataset.path).and_then(files::digest);
    digest.map(|(_, sha256)| sha256).map_err(|source| DatasetError::Open { path: dataset.path.clone(), source })
}
