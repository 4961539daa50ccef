//! Reads the dataset as numbered rows. A dataset is a file of CSV or JSON Lines, which may be compressed, or a Parquet
//! file.
//!
//! The bytes of a row are those of the CSV file, unless the pipeline file names another quote, spaces before fields, the
//! written form of numbers, replaced texts, days between dates, or a time that is made of two columns. Rows are then
//! rewritten into the usual form, so that no later stage knows of it. The rows of the other formats are
//! written as CSV records. The kind of a file is detected from its content and not from its name. The reader knows files
//! and CSV, and not the meaning of the columns.
//!
//! - `reader`: [`DatasetReader`], which reads the rows.
//! - `content`: the uncompressed text of a file, its encoding, and the sha256 that identifies a dataset.
//! - `dialect`: rewrites rows into the usual form.
//! - `json`: JSON Lines as CSV records.
//! - [`inspection`]: the contents of a file, and the check of a pipeline file against it.
//! - `error`: the reasons why a dataset cannot be read.

mod content;
mod dialect;
mod error;
pub mod inspection;
mod json;
mod reader;

pub use self::content::digest;
pub(crate) use self::content::{Source, decode};
pub use self::error::DatasetError;
pub use self::reader::{DatasetReader, Row};

/// The maximum number of columns of JSON Lines, and of a file for which a pipeline file is written.
pub(crate) const MAX_COLUMNS: usize = 5000;

#[cfg(test)]
mod tests;
