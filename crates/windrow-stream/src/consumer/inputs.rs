//! What a consumer is given.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use windrow_base::telemetry::Progress;
use windrow_config::Schema;
use windrow_kafka::Connection;
use windrow_record::RunId;
use windrow_windows::{BatchStore, Cut};

/// What a consumer needs.
#[derive(Debug)]
pub struct Consumer {
    /// The columns.
    pub schema: Arc<Schema>,
    /// Which topic.
    pub stream: windrow_config::Stream,
    /// How the stream is cut.
    pub cut: Cut,
    /// Where the windows go.
    pub store: BatchStore,
    /// Where the rows come from.
    pub connection: Connection,
    /// The replay of this pipeline's dataset: rows of another are not taken. None where the dataset is not there.
    pub run: Option<RunId>,
    /// Names this epoch of the topic, where it ends with this process.
    pub log: Option<String>,
    /// The group that it is a member of; none for one consumer of all partitions.
    pub group: Option<Group>,
    /// How much garbage the stream may hold.
    pub quarantine: windrow_config::Quarantine,
    /// Taken as the end of a stream that has no end marker: so long without a message.
    pub end_after_idle: Option<Duration>,
    /// Where to tell of it.
    pub progress: Progress,
}

/// A group, by name, and the replay that it reads.
#[derive(Debug, Clone)]
pub struct Group {
    /// The name that its members share.
    pub name: String,
    /// Whose rows are taken; whatever else comes goes to quarantine.
    pub run: RunId,
    /// The work directory that its members share.
    pub workdir: PathBuf,
}
