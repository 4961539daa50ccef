//! What comes to a writer, and what becomes of it.

use std::time::Instant;

use crate::batch::RowRange;
use crate::record::{Offset, Partition, RowNumber, WindowIndex};

/// A row that can be stored.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// Where it stood in the topic.
    pub partition: Partition,
    /// Where it stood in the partition.
    pub offset: Offset,
    /// The replay that sent it.
    pub run: Option<&'a str>,
    /// Its number; a row of another producer gets the smallest that is free.
    pub row: Option<RowNumber>,
    /// Whether its target is there.
    pub labelled: bool,
    /// When it happened, in seconds since 1970.
    pub time: Option<i64>,
    /// The CSV record, without a line end.
    pub record: &'a [u8],
    /// Now.
    pub now: Instant,
}

/// A message that is no row.
#[derive(Debug, Clone)]
pub struct Rejected<'a> {
    /// Where it stood in the topic.
    pub partition: Partition,
    /// Where it stood in the partition.
    pub offset: Offset,
    /// The replay that sent it.
    pub run: Option<&'a str>,
    /// Its number, if it has one.
    pub row: Option<RowNumber>,
    /// Why it is no row.
    pub reason: String,
    /// The value as it came.
    pub raw: &'a [u8],
    /// Now.
    pub now: Instant,
}

/// The mark that a partition ends.
#[derive(Debug, Clone, Copy)]
pub struct EndMark<'a> {
    /// Which partition.
    pub partition: Partition,
    /// Where the mark stands.
    pub offset: Offset,
    /// The replay that ends.
    pub run: Option<&'a str>,
    /// The rows of the replay, where the mark tells them.
    pub sent: Option<RowRange>,
    /// Now.
    pub now: Instant,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It is in a window.
    Stored {
        /// Which one.
        window: WindowIndex,
        /// Under this number.
        row: RowNumber,
    },
    /// Its row was there already.
    Repeated,
    /// It is this same message that was taken before; it is not counted again.
    Known,
    /// It is in quarantine.
    Quarantined {
        /// Why.
        reason: String,
    },
}
