//! Parquet: rows as typed columns in a file, and back as the CSV records that everything else reads.
//!
//! Promises: what is written is read back as [`Style::canonical`] says, cell by cell; memory holds a row group while it is
//! written, and some thousand rows while they are read. Knows files and cells, and nothing of pipelines.

mod cell;
mod error;
mod read;
mod render;
mod write;

pub use self::cell::{Column, Kind, Style, Value};
pub use self::error::ColumnarError;
pub use self::read::CsvReader;
pub use self::write::Writer;

#[cfg(test)]
mod tests;
