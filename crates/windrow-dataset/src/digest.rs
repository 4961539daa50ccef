//! The digest that identifies a dataset.

use std::fs::File;
use std::io::Read;

use sha2::{Digest, Sha256};

use crate::error::DatasetError;

const DIGEST_CHUNK: usize = 256 * 1024;

/// The sha256 of the file as it lies on the disk, in hexadecimal: names the dataset, whatever its path.
///
/// # Errors
/// The file cannot be read.
pub fn digest(dataset: &windrow_config::Dataset) -> Result<String, DatasetError> {
    let failed = |source| DatasetError::Open { path: dataset.path.clone(), source };
    let mut file = File::open(&dataset.path).map_err(failed)?;
    let mut digest = Sha256::new();
    let mut chunk = vec![0; DIGEST_CHUNK];
    loop {
        match file.read(&mut chunk).map_err(failed)? {
            0 => break,
            read => digest.update(&chunk[..read]),
        }
    }
    Ok(hex::encode(digest.finalize()))
}
