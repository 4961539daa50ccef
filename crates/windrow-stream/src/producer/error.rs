//! Why a replay did not come to its end.

use crate::producer::share::Share;
use windrow_dataset::DatasetError;
use windrow_kafka::{BrokerError, PublishError, SurveyError};
use windrow_record::RowNumber;

/// Why a replay did not come to its end.
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
    /// The topic holds something else.
    #[error(transparent)]
    Survey(#[from] SurveyError),
    /// More processes than partitions.
    #[error("--share {share}: the topic has {partitions} partitions, and each process sends the rows of whole ones")]
    FewPartitions {
        /// What was asked for.
        share: Share,
        /// What the topic has.
        partitions: usize,
    },
    /// Nothing is there.
    #[error("--from-row {from}: the dataset has {rows} rows")]
    BeyondDataset {
        /// Where the replay was to begin.
        from: RowNumber,
        /// The rows of the dataset.
        rows: u64,
    },
    /// The topic's replay began elsewhere.
    #[error(
        "the replay in the topic `{topic}` begins at row {begins}, and this one at row {from}; give the same --from-row, or \
         empty the topic with `windrow topic delete` and `windrow topic create`"
    )]
    OtherStart {
        /// The topic.
        topic: String,
        /// Its first row.
        begins: u64,
        /// Ours.
        from: RowNumber,
    },
    /// Nothing can follow the end.
    #[error(
        "the replay in the topic `{topic}` began with row {first} and ended with row {}, and nothing can follow its end; \
         empty the topic with `windrow topic delete` and `windrow topic create`",
        last.map_or_else(|| "?".to_owned(), |last| last.to_string())
    )]
    Ended {
        /// The topic.
        topic: String,
        /// Its first row.
        first: RowNumber,
        /// Its last one, where the end marker says.
        last: Option<u64>,
    },
}
