//! What the modules exchange: rows, the numbers and names they go by, and the form they take as messages.
//!
//! Pure values. Knows nothing of files, brokers, clocks or configuration.

mod cell;
mod csv;
mod id;
mod message;

pub use cell::{CellError, EventTime, TimeFormat, is_plain_number, parse_number};
pub use csv::{
    CsvError, Fields, RawRecord, ReadError, RecordParser, RecordReader, append_record, trim_line_breaks, write_record,
};
pub use id::{IdError, ModelId, Offset, Partition, RowNumber, RunId, Scheme, WindowIndex};
pub use message::{END_HEADER, Envelope, FIRST_HEADER, ROW_HEADER, RUN_HEADER};
