//! The messages that a writer takes, and their outcomes.

use std::time::Instant;

use crate::{MessageCounts, RowRange};
use windrow_record::{Offset, Partition, RowNumber, WindowIndex};

/// The maximum number of different reasons that are kept for error messages.
const MAX_REASONS: usize = 3;

/// A message of the topic.
#[derive(Debug)]
pub struct Arrival<'a> {
    /// The partition of the message.
    pub partition: Partition,
    /// The offset of the message.
    pub offset: Offset,
    /// The replay that sent the message. `None` for other producers.
    pub run: Option<&'a str>,
    /// The row number. A row without one gets the smallest free number.
    pub row: Option<RowNumber>,
    /// The content of the message.
    pub content: Content<'a>,
    /// The time of the arrival.
    pub now: Instant,
}

/// The content of a message.
#[derive(Debug)]
pub enum Content<'a> {
    /// A row that can be stored.
    Row {
        /// True if the row has a target.
        labelled: bool,
        /// The event time, in seconds since 1970.
        time: Option<i64>,
        /// The CSV record, without a line end.
        record: &'a [u8],
    },
    /// A message that is not a row.
    Rejected {
        /// The reason why it is not a row.
        reason: String,
        /// The bytes of the value.
        raw: &'a [u8],
    },
}

/// The end marker of a partition.
#[derive(Debug, Clone, Copy)]
pub struct EndMark<'a> {
    /// The partition that ends.
    pub partition: Partition,
    /// The offset of the marker.
    pub offset: Offset,
    /// The replay that ends. `None` if the marker does not name one.
    pub run: Option<&'a str>,
    /// The rows of the replay, if the marker names them.
    pub sent: Option<RowRange>,
    /// The time of the arrival.
    pub now: Instant,
}

/// The outcome of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageOutcome {
    /// The row is in a window.
    Stored {
        /// The window of the row.
        window: WindowIndex,
        /// The number of the row.
        row: RowNumber,
    },
    /// The row is far ahead of its partition. The next message decides whether it is accepted.
    Pending,
    /// The message repeats a row that had already arrived.
    Repeated,
    /// This message was taken before. It is not counted again.
    Known,
    /// The message is in quarantine.
    Quarantined {
        /// The reason for the refusal.
        reason: String,
    },
}

/// A message in quarantine, as error messages name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The reason for the refusal.
    pub reason: String,
    /// The partition of the message.
    pub partition: Partition,
    /// The offset of the message.
    pub offset: Offset,
}

/// The outcomes of messages since they were last counted.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    pub(super) counts: MessageCounts,
    /// The first quarantined message of each reason since this process began, at most [`MAX_REASONS`].
    pub(super) rejections: Vec<Rejection>,
}

impl Outcomes {
    pub(super) fn reject(&mut self, partition: Partition, offset: Offset, reason: &str) {
        self.counts.quarantined += 1;
        if self.rejections.len() < MAX_REASONS && self.rejections.iter().all(|known| known.reason != reason) {
            self.rejections.push(Rejection { reason: reason.to_owned(), partition, offset });
        }
    }
}
