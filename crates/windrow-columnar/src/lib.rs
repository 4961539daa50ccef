//! Writes rows as typed columns of Parquet files, and reads Parquet files as CSV records.
//!
//! - `write`: [`Writer`] writes rows. `read`: [`CsvReader`] reads a file as CSV text. `render` converts its values to
//!   text. `typed`: [`TypedReader`] reads some columns as typed values.
//! - `cell`: [`Column`], [`Value`] and [`Style`], the text format of cells.
//! - `error`: [`ColumnarError`].
//!
//! Guarantees: a row is read back cell by cell as [`Style::canonical`] returns it. A writer holds at most one row group
//! in memory, a reader at most 8,192 rows. This crate works on files and cells only; it does not depend on pipelines.

mod cell;
mod error;
mod read;
mod render;
mod typed;
mod write;

pub use self::cell::{Column, ColumnType, Style, Value};
pub use self::error::ColumnarError;
pub use self::read::CsvReader;
pub use self::typed::{TypedCell, TypedReader};
pub use self::write::Writer;

#[cfg(test)]
mod tests;
