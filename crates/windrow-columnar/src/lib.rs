//! Parquet: rows as typed columns in a file, and back as the CSV records that everything else reads.
//!
//! - `write`: [`Writer`] writes rows. `read`: [`CsvReader`] reads a file as CSV text; `render` turns its values into text.
//! - `cell`: [`Column`], [`Value`] and [`Style`], how cells are written as text.
//! - `error`: [`ColumnarError`].
//!
//! Promises: a row that was written is read back as [`Style::canonical`] says, cell by cell. A writer holds one row group in
//! memory, a reader some thousand rows. This crate knows files and cells, and nothing of pipelines.

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
