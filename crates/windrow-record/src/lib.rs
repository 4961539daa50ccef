//! The values that all crates exchange: rows, their numbers and names, and their form as messages.
//!
//! - `id`: [`RowNumber`], [`WindowIndex`], [`ModelId`], [`Offset`] and other numbers and names, each with its own type.
//! - `csv`: [`RecordReader`] splits bytes into records without changing them. [`RecordParser`] splits a record into
//!   [`Fields`]. [`SkipInitialSpace`] removes the spaces before fields.
//! - `cell`: [`parse_number`], [`TimeFormat`] and [`EventTime`], the cells of a row as numbers and times.
//! - `number_form`: [`NumberForm`], the way in which people write numbers, such as `$1,234.50`.
//! - `message`: [`Envelope`], the information in the headers of a Kafka message.
//! - [`calendar`]: dates, and the round dates of an axis.
//! - [`display`]: the wording of counts, shares, durations and names in all other crates.
//!
//! This crate contains pure values. It knows nothing of files, brokers, clocks or configuration.

pub mod calendar;
mod cell;
mod csv;
pub mod display;
mod id;
mod message;
mod number_form;

pub use cell::{CellError, EventTime, TimeFormat, is_plain_number, parse_number};
pub use csv::{
    BYTE_ORDER_MARK, CsvError, Fields, RawRecord, ReadError, RecordParser, RecordReader, SkipInitialSpace,
    append_record, trim_line_breaks, write_record,
};
pub use id::{IdError, ModelId, Offset, Partition, RowNumber, RunId, Scheme, WindowIndex};
pub use message::{END_HEADER, Envelope, FIRST_HEADER, ROW_HEADER, RUN_HEADER};
pub use number_form::{NumberForm, Separators, WrittenNumber, is_same_unit};
