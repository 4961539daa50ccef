//! Why reading ends before the stream does.

use std::path::PathBuf;

use windrow_kafka::BrokerError;
use windrow_windows::{BatchError, OffsetRange};

/// So many ranges of deleted messages are listed one by one.
const PARTITIONS_TOLD: usize = 5;

/// What the broker had deleted, as in `offsets 0 to 19,999 of partition 0`.
fn in_words(deleted: &[OffsetRange], rows: Option<(u64, u64)>) -> String {
    let one =
        |range: &OffsetRange| format!("offsets {} to {} of partition {}", range.first, range.last, range.partition);
    let told: Vec<String> = deleted.iter().take(PARTITIONS_TOLD).map(one).collect();
    let more = deleted.len().saturating_sub(PARTITIONS_TOLD);
    let more = if more > 0 { format!(" and {more} more ranges") } else { String::new() };
    let messages: u64 = deleted.iter().filter_map(OffsetRange::count).sum();
    let rows = rows.map_or_else(String::new, |(missing, all)| {
        format!("; {missing} of the {all} rows of the replay are in no window")
    });
    format!("{}{more}, {messages} messages in all{rows}", told.join(", "))
}

/// Why reading ended before the stream did.
#[derive(Debug, thiserror::Error)]
pub enum ConsumerError {
    /// The broker cannot be used.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// A file cannot be written, or another consumer is at work.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// The broker did not keep what was still to be read.
    #[error(
        "the broker had deleted a part of topic `{topic}` before it was read: {}. All that was left is in the windows, and \
         their manifests tell what is gone. Longer retention of the topic (retention.ms, retention.bytes) keeps this from \
         happening; stream.accept_deleted = true in the pipeline file accepts it",
        in_words(.deleted, *.rows)
    )]
    Deleted {
        /// The topic.
        topic: String,
        /// The messages.
        deleted: Vec<OffsetRange>,
        /// Rows of the replay that are in no window, and all rows of it, where that is known.
        rows: Option<(u64, u64)>,
    },
    /// The partial windows of a group are cut for a number of partitions.
    #[error(
        "topic `{topic}` has {now} partitions, and the group began with {before}: its windows are put together from \
         {before} partitions' windows; consume it in another --workdir"
    )]
    Repartitioned {
        /// The topic.
        topic: String,
        /// The partitions that it had.
        before: usize,
        /// The partitions that it has.
        now: usize,
    },
    /// More was refused than the pipeline file allows.
    #[error(
        "{quarantined} of {seen} messages cannot be taken, more than quarantine.max_share = {max_share} of the pipeline \
         file allows. The first: {}. What was sealed stays, with its refused messages in {}; mend the stream or raise \
         the share, and start again",
        first.join("; "),
        folder.display()
    )]
    TooManyRejected {
        /// Refused messages.
        quarantined: u64,
        /// All messages.
        seen: u64,
        /// What is allowed.
        max_share: f64,
        /// The first refusals, with their places.
        first: Vec<String>,
        /// Where refused messages of sealed windows are.
        folder: PathBuf,
    },
}
