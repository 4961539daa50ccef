//! The consumer: reads the topic and passes every message to the batch writer, as a row or as a message for quarantine.
//!
//! It commits offsets only after their window is sealed. It continues at the positions in the manifests. It does not
//! know about models.

mod consumer_loop;
mod error;
mod fetcher;
mod group;
mod guarded;
mod ingest;
mod inputs;
mod intake;
mod rejections;
mod reporting;

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use self::consumer_loop::ConsumerLoop;
use self::group::Member;
use self::guarded::GuardedWriter;
use self::rejections::Rejections;
use windrow_base::runtime::blocking;
use windrow_kafka::{BrokerError, Deleted, PartitionState, Subscription, TopicState, topics};
use windrow_record::{Offset, Partition};
use windrow_windows::{BatchWriter, CsvFormat, OffsetRange, Resumed};

pub use self::error::ConsumerError;
pub use self::inputs::{Consumer, Group};

/// The time that a stopped consumer has to finish its current work, for example to read a million manifests.
const STOP_TIMEOUT: Duration = Duration::from_secs(4);

impl Consumer {
    /// Reads to the end of the stream.
    ///
    /// # Errors
    /// Another consumer uses the same folder, the topic does not exist or is a different one, or a file cannot be
    /// written. Too many messages are refused, or the broker had deleted a part of the stream. A stop is not an error:
    /// messages that were not sealed are read again next time.
    pub async fn run(self, stop: CancellationToken) -> Result<(), ConsumerError> {
        if let Some(end) = self.store.end()? {
            return self.check_deleted(&end.deleted, None);
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
            tokio::time::sleep(STOP_TIMEOUT).await;
        };
        tokio::select! {
            read = reading => read,
            // Like a kill: the sealed windows are safe, and the rest is read again.
            () = cut_off => Ok(()),
        }
    }

    fn read(&self, topic: &TopicState, stop: &CancellationToken) -> Result<(), ConsumerError> {
        if let Some(group) = &self.group {
            let deleted = Member::join(self, group, topic)?.work(stop)?;
            return self.check_deleted(&deleted, None);
        }
        let lock = self.store.lock()?;
        let partitions: Vec<Partition> = topic.partitions.iter().map(|state| state.partition).collect();
        let form = CsvFormat { columns: &self.schema.columns, delimiter: self.schema.delimiter };
        let store = self.store.clone();
        let (mut writer, resumed) = BatchWriter::resume(store, lock, self.cut, form, &partitions, self.log_id.clone())?;
        if let Some(run) = &self.run {
            writer = writer.expecting(run.clone());
        }
        writer = writer.ending_at(self.last);
        let counters = self.progress.counters();
        counters.stored.set(resumed.counts.stored);
        counters.quarantined.set(resumed.counts.quarantined);
        let (positions, deleted) = positions(&self.stream.topic, self.connection.address(), topic, &resumed)?;
        let rejections =
            Rejections::new(self.quarantine.max_share, self.store.quarantine_folder().to_owned(), resumed.counts);
        let mut guarded = GuardedWriter::new(writer, rejections, self.progress.clone());
        deleted.into_iter().for_each(|deleted| guarded.record_deleted(deleted));
        let subscription = Subscription::assign(&self.connection, &self.stream.topic, &self.stream.topic, &positions)?;
        let read = ConsumerLoop::new(self, guarded).work(subscription, stop)?;
        self.check_deleted(&read.deleted, read.missing_rows)
    }

    /// Returns an error if the broker had deleted messages, unless the pipeline file accepts that. Every end of the
    /// command checks it.
    fn check_deleted(&self, deleted: &[OffsetRange], rows: Option<(u64, u64)>) -> Result<(), ConsumerError> {
        if deleted.is_empty() || self.stream.accept_deleted {
            return Ok(());
        }
        Err(ConsumerError::Deleted { topic: self.stream.topic.clone(), deleted: deleted.to_vec(), rows })
    }
}

/// The position to read each partition from, and the messages before it that the broker has deleted.
type Begin = (Vec<(Partition, Offset)>, Vec<Deleted>);

/// Returns the positions to read from, and the messages that the broker has deleted before them. After a sealed window,
/// a position is one message before the point to continue at. So a different topic with the same name is noticed.
///
/// # Errors
/// [`BrokerError::OutOfRange`] if a partition ends before the point to continue at.
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
        }
        let is_resumed = wanted > low && resumed.windows > 0;
        positions.push((partition, if is_resumed { Offset(wanted.0 - 1) } else { wanted.max(low) }));
    }
    Ok((positions, deleted))
}

#[cfg(test)]
mod tests;
