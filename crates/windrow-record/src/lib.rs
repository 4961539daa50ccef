//! The values that all crates exchange: rows, their numbers and names, and their form as messages.
//!
//! - `id`: [`RowNumber`], [`WindowIndex`], [`ModelId`], [`Offset`] and other numbers and names, each a type of its own.
//! - `csv`: [`RecordReader`] splits bytes into records without changing them, [`RecordParser`] splits a record into [`Fields`].
//! - `cell`: [`parse_number`], [`TimeFormat`] and [`EventTime`], the cells of a row as numbers and times.
//! - `message`: [`Envelope`], what the headers of a Kafka message say about its value.
//! - [`display`]: counts, shares, durations and names, as all other crates print them.
//!
//! Pure values. This crate knows nothing of files, brokers, clocks or configuration.

mod cell;
mod csv;
pub mod display;
mod id;
mod message;

pub use cell::{CellError, EventTime, TimeFormat, is_plain_number, parse_number};
pub use csv::{
    CsvError, Fields, RawRecord, ReadError, RecordParser, RecordReader, append_record, trim_line_breaks, write_record,
};
pub use id::{IdError, ModelId, Offset, Partition, RowNumber, RunId, Scheme, WindowIndex};
pub use message::{END_HEADER, Envelope, FIRST_HEADER, ROW_HEADER, RUN_HEADER};
