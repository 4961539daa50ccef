//! The names of batch files.

use crate::rows::extension;
use windrow_config::Batch;
use windrow_record::WindowIndex;

/// The number of digits of a file's sha256 in its name.
const DIGEST_DIGITS: usize = 12;

/// Returns the name of a sealed window's batch file in the folder or object store that `batch` describes.
#[must_use]
pub fn batch_file_name(batch: &Batch, window: WindowIndex, sha256: &str) -> String {
    file_name(window, extension(batch.format), batch.url.as_ref().map(|_| sha256))
}

/// Returns the name of a batch file. `object_sha256` is its sha256 if it is an object, and otherwise `None`.
pub(crate) fn file_name(window: WindowIndex, extension: &str, object_sha256: Option<&str>) -> String {
    let stem = window.file_stem();
    match object_sha256 {
        Some(sha256) => format!("{stem}-{}.{extension}", digits(sha256)),
        None => format!("{stem}.{extension}"),
    }
}

/// Returns the digits of a sha256 that are part of a name.
pub(crate) fn digits(sha256: &str) -> &str {
    sha256.get(..DIGEST_DIGITS).unwrap_or(sha256)
}
