//! The consumer: reads the topic and hands every message to the batch writer, as a row or as one for quarantine.
//!
//! Promises: offsets are committed only behind a sealed window, and reading goes on where the manifests say. Knows
//! nothing of models.

mod desk;
mod garbage;
mod group;
mod intake;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use self::desk::Desk;
use self::garbage::Garbage;
use self::group::Member;
use self::intake::Intake;
use crate::batch::{BatchError, BatchStore, BatchWriter, Cut, Resumed};
use crate::broker::topics::{self, PartitionState, TopicState};
use crate::broker::{BrokerError, Connection, Subscription};
use crate::config::{self, Schema, WindowPolicy};
use crate::record::{Offset, Partition};
use crate::telemetry::Progress;

pub use self::group::Group;

/// What a consumer needs.
#[derive(Debug)]
pub struct Consumer {
    /// The columns.
    pub schema: Arc<Schema>,
    /// Which topic.
    pub stream: config::Stream,
    /// How the stream is cut.
    pub cut: Cut,
    /// Where the windows go.
    pub store: BatchStore,
    /// Where the rows come from.
    pub connection: Connection,
    /// Names this life of the topic, where it ends with this process.
    pub log: Option<String>,
    /// The group that it is a member of; none for one consumer of all partitions.
    pub group: Option<Group>,
    /// How much garbage the stream may hold.
    pub quarantine: config::Quarantine,
    /// Taken as the end of a stream that has no end marker: so long without a message.
    pub end_after_idle: Option<Duration>,
    /// Where to tell of it.
    pub progress: Progress,
}

impl Consumer {
    /// Reads to the end of the stream.
    ///
    /// # Errors
    /// Another consumer works in the same folder, the topic is not there or is another one, a file cannot be written, or
    /// the stream is mostly garbage. A stop is no error: what was not sealed until then is read again next time.
    pub async fn run(self, stop: CancellationToken) -> Result<(), ConsumerError> {
        let state = topics::describe(&self.connection, &self.stream.topic).await?;
        let reading = tokio::task::spawn_blocking(move || self.read(&state, &stop));
        reading.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
    }

    fn read(mut self, topic: &TopicState, stop: &CancellationToken) -> Result<(), ConsumerError> {
        if let Some(group) = self.group.take() {
            if self.store.end()?.is_some() {
                return Ok(());
            }
            return Member::join(self, group, topic)?.work(stop);
        }
        let lock = self.store.lock()?;
        if self.store.end()?.is_some() {
            return Ok(());
        }
        let partitions: Vec<Partition> = topic.partitions.iter().map(|state| state.partition).collect();
        let form = (self.schema.columns.as_slice(), self.schema.delimiter);
        let quarantine = self.store.quarantine_folder().to_owned();
        let (writer, resumed) = BatchWriter::resume(self.store, lock, self.cut, form, &partitions, self.log)?;
        let counters = self.progress.counters();
        counters.stored.set(resumed.rows);
        counters.quarantined.set(resumed.quarantined);
        let positions = positions(&self.stream.topic, self.connection.address(), topic, &resumed)?;
        let subscription = Subscription::assign(&self.connection, &self.stream.topic, &self.stream.topic, &positions)?;
        let needs_time = matches!(self.cut.policy, WindowPolicy::Event { .. });
        let desk = Desk {
            intake: Intake::new(self.schema, needs_time),
            writer,
            subscription,
            garbage: Garbage::new(self.quarantine.max_share, quarantine, (resumed.rows, resumed.quarantined)),
            progress: self.progress,
            last: Vec::new(),
        };
        desk.work(self.end_after_idle, stop)
    }
}

/// Where to read from: one message before the point where reading goes on, so that another topic of the same name is
/// noticed.
fn positions(
    name: &str,
    address: &str,
    topic: &TopicState,
    resumed: &Resumed,
) -> Result<Vec<(Partition, Offset)>, ConsumerError> {
    let state = |partition| topic.partitions.iter().find(|state| state.partition == partition);
    let position = |(partition, wanted): &(Partition, Offset)| {
        let Some(PartitionState { low, high, .. }) = state(*partition).copied() else {
            return Ok((*partition, *wanted));
        };
        // What a directory without windows has not seen, it was not promised.
        if resumed.windows == 0 {
            return Ok((*partition, low.max(*wanted)));
        }
        if *wanted > high {
            let (topic, address) = (name.to_owned(), address.to_owned());
            let (partition, wanted, end) = (*partition, *wanted, Some(high));
            return Err(BrokerError::OutOfRange { topic, address, partition, wanted, end }.into());
        }
        if *wanted < low {
            let (topic, partition, first) = (name.to_owned(), *partition, *wanted);
            return Err(ConsumerError::Deleted { topic, partition, first, low });
        }
        Ok((*partition, if *wanted > low { Offset(wanted.0 - 1) } else { *wanted }))
    };
    resumed.positions.iter().map(position).collect()
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
        "the broker has deleted what was still to be read of partition {partition} of topic `{topic}`: reading was to go \
         on at offset {first}, and the first that is left is {low}; its retention is too short. Begin anew in another \
         --workdir to take what is left"
    )]
    Deleted {
        /// The topic.
        topic: String,
        /// The partition.
        partition: Partition,
        /// Where reading was to go on.
        first: Offset,
        /// The first offset that is left.
        low: Offset,
    },
    /// More was refused than the pipeline file allows.
    #[error(
        "{quarantined} of {seen} messages cannot be taken, more than quarantine.max_share = {max_share} of the pipeline \
         file allows. The first: {}. What was sealed stays, with its refused messages in {}; mend the stream or raise \
         the share, and start again",
        first.join("; "),
        folder.display()
    )]
    Garbage {
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
