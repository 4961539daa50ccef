//! The consumer: reads the topic and passes every message to the batch writer, as a row or as one for quarantine.
//!
//! Promises: offsets are committed only behind a sealed window, and reading goes on where the manifests say. Knows
//! nothing of models.

mod consumer_loop;
mod fetcher;
mod group;
mod ingest;
mod intake;
mod rejections;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use self::consumer_loop::{ConsumerLoop, note_deleted};
use self::group::Member;
use self::intake::Intake;
use self::rejections::Rejections;
use windrow_base::runtime::blocking;
use windrow_base::telemetry::{Event, Progress};
use windrow_config::{Schema, WindowPolicy};
use windrow_kafka::topics;
use windrow_kafka::{BrokerError, Connection, Deleted, PartitionState, Subscription, TopicState};
use windrow_record::{Offset, Partition, RunId};
use windrow_windows::{BatchError, BatchStore, BatchWriter, CsvFormat, Cut, Manifest, OffsetRange, Resumed};

pub use self::group::Group;

/// How long a consumer that is told to stop may go on with what it is at, as reading a million manifests.
const STOP_PATIENCE: Duration = Duration::from_secs(4);
/// So many ranges of deleted messages are listed one by one.
const PARTITIONS_TOLD: usize = 5;

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

impl Consumer {
    /// Reads to the end of the stream.
    ///
    /// # Errors
    /// Another consumer works in the same folder, the topic is not there or is another one, a file cannot be written, the
    /// stream is mostly refused, or the broker had deleted a part of it. A stop is no error: what was not sealed until then
    /// is read again next time.
    pub async fn run(self, stop: CancellationToken) -> Result<(), ConsumerError> {
        if let Some(end) = self.store.end()? {
            return self.complain_of_deleted(&end.deleted, None);
        }
        let described = topics::describe(&self.connection, &self.stream.topic);
        let state = tokio::select! {
            state = described => state?,
            () = stop.cancelled() => return Ok(()),
        };
        let stopped = stop.clone();
        let reading = blocking(move || self.read(&state, &stop));
        let cut_off = async {
            stopped.cancelled().await;
            tokio::time::sleep(STOP_PATIENCE).await;
        };
        tokio::select! {
            read = reading => read,
            // As good as a kill: what is sealed is safe, and the rest is read again.
            () = cut_off => Ok(()),
        }
    }

    fn read(mut self, topic: &TopicState, stop: &CancellationToken) -> Result<(), ConsumerError> {
        if let Some(group) = self.group.take() {
            let deleted = Member::join(&self, group, topic)?.work(stop)?;
            return self.complain_of_deleted(&deleted, None);
        }
        let lock = self.store.lock()?;
        let partitions: Vec<Partition> = topic.partitions.iter().map(|state| state.partition).collect();
        let form = CsvFormat { columns: &self.schema.columns, delimiter: self.schema.delimiter };
        let store = self.store.clone();
        let (mut writer, resumed) = BatchWriter::resume(store, lock, self.cut, form, &partitions, self.log.clone())?;
        if let Some(run) = &self.run {
            writer = writer.expecting(run.clone());
        }
        let counters = self.progress.counters();
        counters.stored.set(resumed.rows);
        counters.quarantined.set(resumed.quarantined);
        let (positions, deleted) = positions(&self.stream.topic, self.connection.address(), topic, &resumed)?;
        deleted.into_iter().for_each(|deleted| note_deleted(&mut writer, deleted));
        let subscription = Subscription::assign(&self.connection, &self.stream.topic, &self.stream.topic, &positions)?;
        let needs_time = matches!(self.cut.policy, WindowPolicy::Event { .. });
        let quarantine = self.store.quarantine_folder().to_owned();
        let reading = ConsumerLoop {
            intake: Intake::new(Arc::clone(&self.schema), needs_time),
            writer,
            policy: self.cut.policy,
            rejections: Rejections::new(self.quarantine.max_share, quarantine, (resumed.rows, resumed.quarantined)),
            progress: self.progress.clone(),
            end_after_idle: self.end_after_idle,
            committed: Vec::new(),
            at_end: BTreeSet::new(),
        };
        let read = reading.work(subscription, stop)?;
        self.complain_of_deleted(&read.deleted, read.missing_rows)
    }

    /// What the broker had deleted is reported at every end of the command, unless the pipeline file accepts it.
    fn complain_of_deleted(&self, deleted: &[OffsetRange], rows: Option<(u64, u64)>) -> Result<(), ConsumerError> {
        if deleted.is_empty() || self.stream.accept_deleted {
            return Ok(());
        }
        Err(ConsumerError::Deleted { topic: self.stream.topic.clone(), deleted: deleted.to_vec(), rows })
    }
}

/// Where to read each partition from, and what the broker has deleted before that.
type Begin = (Vec<(Partition, Offset)>, Vec<Deleted>);

/// Where to read from: one message before the point where reading goes on, so that another topic of the same name is
/// noticed; and what the broker has deleted before that.
fn positions(name: &str, address: &str, topic: &TopicState, resumed: &Resumed) -> Result<Begin, ConsumerError> {
    let state = |partition| topic.partitions.iter().find(|state| state.partition == partition);
    let (mut positions, mut deleted) = (Vec::new(), Vec::new());
    for (partition, wanted) in resumed.positions.iter().copied() {
        let Some(PartitionState { low, high, .. }) = state(partition).copied() else { continue };
        if wanted > high {
            let (topic, address, end) = (name.to_owned(), address.to_owned(), Some(high));
            return Err(BrokerError::OutOfRange { topic, address, partition, wanted, end }.into());
        }
        if wanted < low {
            deleted.push(Deleted { partition, wanted, low });
            positions.push((partition, low));
        } else if wanted > low && resumed.windows > 0 {
            positions.push((partition, Offset(wanted.0 - 1)));
        } else {
            positions.push((partition, wanted));
        }
    }
    Ok((positions, deleted))
}

/// A sealed window as an event.
fn told(manifest: &Manifest, policy: WindowPolicy) -> Event {
    Event::WindowSealed {
        window: manifest.window.get(),
        period: policy.period(manifest.span.map(|span| span.from)),
        rows: manifest.rows,
        unlabelled: manifest.rows - manifest.labelled,
        quarantined: manifest.quarantined,
        reason: manifest.sealed.to_string(),
    }
}

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
