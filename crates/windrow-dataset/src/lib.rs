//! The dataset: a CSV file, plain or compressed, as numbered rows.
//!
//! The bytes of a row are those of the file, except if the pipeline file names another quote, a decimal comma, or a time
//! that is made of two columns: those rows are written in the usual form. The kind of a file follows from its content and
//! not from its name. The reader knows files and CSV, and not what the columns mean.
//!
//! - `reader`: [`DatasetReader`], which reads the rows.
//! - `content`: the text of a file, unpacked; `encoding`: how that text is encoded.
//! - `dialect`: rewrites rows into the usual form.
//! - `digest`: the sha256 that identifies a dataset.
//! - [`inspection`]: what a file holds, and whether a pipeline file fits it.
//! - `error`: why a dataset cannot be read.

mod content;
mod dialect;
mod digest;
mod encoding;
mod error;
pub mod inspection;
mod reader;

pub use self::content::Source;
pub(crate) use self::dialect::with_point;
pub use self::digest::digest;
pub use self::encoding::Encoding;
pub use self::error::DatasetError;
pub use self::reader::{DatasetReader, Row};

#[cfg(test)]
mod tests;
