//! The errors that end a consumer before its stream ends.

use std::path::PathBuf;

use windrow_kafka::BrokerError;
use windrow_windows::{BatchError, OffsetRange};

/// The number of ranges of deleted messages that an error lists.
const MAX_LISTED_RANGES: usize = 5;

/// Describes deleted messages, as in `offsets 0 to 19,999 of partition 0`.
fn describe(deleted: &[OffsetRange], rows: Option<(u64, u64)>) -> String {
    let one =
        |range: &OffsetRange| format!("offsets {} to {} of partition {}", range.first, range.last, range.partition);
    let listed: Vec<String> = deleted.iter().take(MAX_LISTED_RANGES).map(one).collect();
    let more = deleted.len().saturating_sub(MAX_LISTED_RANGES);
    let more = if more > 0 { format!(" and {more} more ranges") } else { String::new() };
    let messages: u64 = deleted.iter().filter_map(OffsetRange::count).sum();
    let rows = rows.map_or_else(String::new, |(missing, all)| {
        format!("; {missing} of the {all} rows of the replay are not in a window")
    });
    format!("{}{more}, {messages} messages in total{rows}", listed.join(", "))
}

/// An error that ends a consumer before its stream ends.
#[derive(Debug, thiserror::Error)]
pub enum ConsumerError {
    /// The broker cannot be used.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// A file cannot be written, or another consumer uses the folder.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// The broker has deleted messages before they were read.
    #[error(
        "the broker deleted a part of topic `{topic}` before it was read: {}. The remaining messages are in the \
         windows, and their manifests list the deleted offsets. To prevent this, raise the retention of the topic \
         (retention.ms, retention.bytes); to accept it, set stream.accept_deleted = true in the pipeline file",
        describe(.deleted, *.rows)
    )]
    Deleted {
        /// The name of the topic.
        topic: String,
        /// The ranges of deleted messages.
        deleted: Vec<OffsetRange>,
        /// Missing rows of the replay, and all of its rows, if an end marker says how many were sent.
        rows: Option<(u64, u64)>,
    },
    /// The number of partitions has changed, and the partial windows of a group are cut for a fixed number.
    #[error(
        "topic `{topic}` has {now} partitions, but the group began with {before}: its windows are assembled from the \
         windows of {before} partitions; consume it in another --workdir"
    )]
    Repartitioned {
        /// The name of the topic.
        topic: String,
        /// The earlier number of partitions.
        before: usize,
        /// The current number of partitions.
        now: usize,
    },
    /// More messages were refused than the pipeline file allows.
    #[error(
        "{quarantined} of {seen} messages were rejected, more than quarantine.max_share = {max_share} in the pipeline \
         file allows. The first: {}. Sealed windows are kept, with their rejected messages in {}; repair the stream or \
         raise the share, and start again",
        first.join("; "),
        folder.display()
    )]
    TooManyRejected {
        /// The number of refused messages.
        quarantined: u64,
        /// The number of all messages.
        seen: u64,
        /// The share that the pipeline file allows.
        max_share: f64,
        /// The first refusals, with their positions in the topic.
        first: Vec<String>,
        /// The folder with the refused messages of sealed windows.
        folder: PathBuf,
    },
}
