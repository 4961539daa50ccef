//! What comes to a writer, and what becomes of it.

use std::time::Instant;

use crate::{MessageCounts, RowRange};
use windrow_record::{Offset, Partition, RowNumber, WindowIndex};

/// The number of different reasons that are kept for error messages.
const REASONS_KEPT: usize = 3;

/// A message.
#[derive(Debug)]
pub struct Arrival<'a> {
    /// Where it stood in the topic.
    pub partition: Partition,
    /// Where it stood in the partition.
    pub offset: Offset,
    /// The replay that sent it.
    pub run: Option<&'a str>,
    /// Its number; a row of another producer gets the smallest that is free.
    pub row: Option<RowNumber>,
    /// What it holds.
    pub content: Content<'a>,
    /// Now.
    pub now: Instant,
}

/// What a message holds.
#[derive(Debug)]
pub enum Content<'a> {
    /// A row that can be stored.
    Row {
        /// Whether its target is there.
        labelled: bool,
        /// When it happened, in seconds since 1970.
        time: Option<i64>,
        /// The CSV record, without a line end.
        record: &'a [u8],
    },
    /// What is no row.
    Rejected {
        /// Why it is not a row.
        reason: String,
        /// The value as it came.
        raw: &'a [u8],
    },
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
    /// The rows of the replay, where the mark says.
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
    /// It lies far ahead of its partition, and the next message decides what becomes of it.
    Pending,
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

/// A message in quarantine, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Why it is there.
    pub reason: String,
    /// Where it stood in the topic.
    pub partition: Partition,
    /// Where it stood in the partition.
    pub offset: Offset,
}

/// What became of the messages since they were last counted.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    pub(super) counts: MessageCounts,
    /// The first messages that went to quarantine since this process began, one of each reason.
    pub(super) rejections: Vec<Rejection>,
}

impl Outcomes {
    pub(super) fn reject(&mut self, partition: Partition, offset: Offset, reason: &str) {
        self.counts.quarantined += 1;
        if self.rejections.len() < REASONS_KEPT && self.rejections.iter().all(|known| known.reason != reason) {
            self.rejections.push(Rejection { reason: reason.to_owned(), partition, offset });
        }
    }
}
