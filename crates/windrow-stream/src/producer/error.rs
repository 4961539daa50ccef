//! The errors that end a replay before its end.

use crate::growth::GrowthError;
use crate::producer::share::Share;
use windrow_dataset::DatasetError;
use windrow_kafka::{BrokerError, PublishError, SurveyError};
use windrow_record::display::counted;
use windrow_record::{RowNumber, RunId};

/// An error that ends a replay before its end.
#[derive(Debug, thiserror::Error)]
pub enum ProducerError {
    /// The dataset cannot be read.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The broker cannot be used.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// A row cannot be delivered.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The topic cannot take the rows of this replay.
    #[error(transparent)]
    Survey(#[from] SurveyError),
    /// The topic holds a replay of another dataset, and this one is no newer extract of it.
    #[error(
        "the topic `{topic}` holds a replay of another dataset (replay {run}, not {ours}), and the dataset does not go \
         on after it: {source}; empty the topic with `windrow topic delete` and `windrow topic create`, or set another \
         one in stream.topic"
    )]
    NotGrown {
        /// The name of the topic.
        topic: String,
        /// The replay that the topic holds.
        run: RunId,
        /// The replay to be sent.
        ours: RunId,
        /// The reason why the dataset does not go on.
        source: GrowthError,
    },
    /// There are more processes than partitions.
    #[error(
        "--share {share}: the topic has only {}, and each process needs at least one",
        counted(*partitions as u64, "partition", "partitions")
    )]
    FewPartitions {
        /// The share that was requested.
        share: Share,
        /// The number of partitions of the topic.
        partitions: usize,
    },
    /// The dataset has no row at which the replay could begin.
    #[error("--from-row {from}: the dataset has {}", counted(*rows, "row", "rows"))]
    BeyondDataset {
        /// The row at which the replay was to begin.
        from: RowNumber,
        /// The number of rows of the dataset.
        rows: u64,
    },
    /// A row must be sent, but a newer extract of the dataset begins after it.
    #[error(
        "row {row} must be sent again, but the dataset begins with row {begins} now: restore a file that has it, or \
         start again with another topic and another --workdir"
    )]
    Gone {
        /// The first row to send.
        row: RowNumber,
        /// The row number of the file's first row.
        begins: RowNumber,
    },
    /// The replay in the topic began at another row.
    #[error(
        "the replay in the topic `{topic}` begins at row {begins}, but this one begins at row {from}; give the same \
         --from-row, or empty the topic with `windrow topic delete` and `windrow topic create`"
    )]
    OtherStart {
        /// The name of the topic.
        topic: String,
        /// The first row of the replay in the topic.
        begins: u64,
        /// The first row of this replay.
        from: RowNumber,
    },
    /// The replay in the topic has ended differently, and no row can follow its end.
    #[error(
        "the replay in the topic `{topic}` began with row {first} and ended with row {}, and no row can follow its \
         end; empty the topic with `windrow topic delete` and `windrow topic create`",
        last.map_or_else(|| "?".to_owned(), |last| last.to_string())
    )]
    Ended {
        /// The name of the topic.
        topic: String,
        /// The first row of the replay in the topic.
        first: RowNumber,
        /// The last row of the replay in the topic, if its end marker says.
        last: Option<u64>,
    },
}
