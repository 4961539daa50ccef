//! The settings and connections of a consumer.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use windrow_base::telemetry::Progress;
use windrow_config::{Cut, Schema};
use windrow_kafka::Connection;
use windrow_record::RunId;
use windrow_windows::BatchStore;

/// A consumer of one topic.
#[derive(Debug)]
pub struct Consumer {
    /// The columns of the dataset.
    pub schema: Arc<Schema>,
    /// The topic and its settings.
    pub stream: windrow_config::Stream,
    /// The rule that cuts the stream into windows.
    pub cut: Cut,
    /// The store for the windows.
    pub store: BatchStore,
    /// The connection to the broker.
    pub connection: Connection,
    /// The replay of this pipeline's dataset, if the dataset is known. Rows of another replay are refused.
    pub run: Option<RunId>,
    /// The last row of the replay, if an earlier extract had fewer rows: its end markers do not end the stream.
    pub last: Option<u64>,
    /// The name of the broker's log, if it ends with this process.
    pub log_id: Option<String>,
    /// The group that this consumer joins. `None` for one consumer of all partitions.
    pub group: Option<Group>,
    /// The limits for refused messages.
    pub quarantine: windrow_config::Quarantine,
    /// The idle time that counts as the end of a stream without end markers.
    pub end_after_idle: Option<Duration>,
    /// The counters and events that report the progress.
    pub progress: Progress,
}

/// A consumer group and the replay that it reads.
#[derive(Debug, Clone)]
pub struct Group {
    /// The name of the group.
    pub name: String,
    /// The replay whose rows are taken. Other messages go to quarantine.
    pub run: RunId,
    /// The work directory that its members share.
    pub workdir: PathBuf,
}
