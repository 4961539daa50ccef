//! A consumer that is a member of a group. Each partition has its own store, which moves from member to member with the
//! partition.
//!
//! The members share the work directory. The member with the lock of a partition writes its windows. The member that
//! gets a partition waits for the lock, and continues at the position in the partition's manifests. So no row of a
//! window that another member had begun is lost or stored twice. Any member that sees that a window of the whole stream
//! is due assembles it.

mod partials;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use self::partials::Partials;
use crate::consumer::error::ConsumerError;
use crate::consumer::inputs::{Consumer, Group};
use crate::consumer::intake::Intake;
use crate::consumer::reporting::{names, report_lags, sealed};
use windrow_base::telemetry::Event;
use windrow_kafka::{Membership, PollEvent, TopicState};
use windrow_record::Partition;
use windrow_windows::{
    Assembly, BatchError, BatchStore, CsvFormat, Manifest, OffsetRange, partial_folder, partials_folder,
};

const POLL_TIMEOUT: Duration = Duration::from_millis(50);
/// The maximum number of messages between two checks of the clock.
const MESSAGES_PER_STEP: u32 = 1024;
/// The interval between two checks for windows to assemble and for locks to take.
const ASSEMBLY_INTERVAL: Duration = Duration::from_millis(300);

pub(crate) struct Member<'a> {
    consumer: &'a Consumer,
    membership: Membership,
    intake: Intake,
    /// The windows of the whole stream, assembled from those of the partitions.
    assembly: Assembly,
    /// The partitions that are assigned to this member, and their windows.
    partials: Partials<'a>,
}

impl<'a> Member<'a> {
    pub(crate) fn join(consumer: &'a Consumer, group: &'a Group, topic: &TopicState) -> Result<Self, ConsumerError> {
        let Consumer { schema, stream, cut, store, connection, .. } = consumer;
        let folders = topic.partitions.iter().map(|state| partial_folder(&group.workdir, state.partition));
        let stores = folders.map(|folder| BatchStore::open(&folder)).collect::<Result<Vec<_>, BatchError>>()?;
        let (before, now) = (count_partials(&group.workdir), stores.len());
        if before > now {
            return Err(ConsumerError::Repartitioned { topic: stream.topic.clone(), before, now });
        }
        let membership = Membership::join(connection, &stream.topic, &group.name)?;
        let form = CsvFormat { columns: &schema.columns, delimiter: schema.delimiter };
        Ok(Self {
            consumer,
            membership,
            intake: Intake::new(Arc::clone(schema), cut.span().is_some()),
            assembly: Assembly::new(store.clone(), stores, *cut, form),
            partials: Partials { consumer, group, partitions: now, open: BTreeMap::new(), waiting: BTreeSet::new() },
        })
    }

    /// Reads until all partitions have ended or `stop` is cancelled. Returns the messages that the broker had deleted.
    pub(crate) fn work(mut self, stop: &CancellationToken) -> Result<Vec<OffsetRange>, ConsumerError> {
        let mut last_round = Instant::now();
        while !stop.is_cancelled() {
            let now = self.step()?;
            self.seal(now, stop)?;
            if now.saturating_duration_since(last_round) > ASSEMBLY_INTERVAL {
                last_round = now;
                if let Some(topic) = self.membership.check_topic() {
                    self.check_partitions(topic.partitions.len())?;
                }
                report_lags(self.consumer.progress.counters(), &self.membership.lags());
                self.retry_locks()?;
                if self.assemble(stop)? {
                    break;
                }
            }
        }
        let end = self.assembly.whole().end()?;
        Ok(end.map(|end| end.deleted).unwrap_or_default())
    }

    /// Waits for a message, and takes those that are available. Returns the time after the wait.
    fn step(&mut self) -> Result<Instant, ConsumerError> {
        let mut now = Instant::now();
        for index in 0..MESSAGES_PER_STEP {
            let event = self.membership.poll(if index == 0 { POLL_TIMEOUT } else { Duration::ZERO })?;
            if index == 0 {
                now = Instant::now();
            }
            match event {
                Some(PollEvent::Message(delivery)) => self.partials.take(&mut self.intake, &delivery, now)?,
                Some(PollEvent::Deleted(deleted)) => self.partials.record_deleted(deleted),
                Some(PollEvent::Assigned(partitions)) => {
                    self.open_partitions(&partitions)?;
                    break;
                }
                Some(PollEvent::Revoked(partitions)) => {
                    self.close_partitions(&partitions)?;
                    break;
                }
                None => break,
            }
        }
        self.partials.count()?;
        Ok(now)
    }

    /// Seals the windows that are due, one by one, so that it can be stopped between two of them.
    fn seal(&mut self, now: Instant, stop: &CancellationToken) -> Result<(), ConsumerError> {
        for (partition, partial) in &mut self.partials.open {
            let Some(guarded) = partial else { continue };
            if guarded.writer.has_all_ends() {
                guarded.finish()?;
            }
            while !stop.is_cancelled()
                && let Some(manifest) = guarded.writer.seal_next(now)?
            {
                commit(&self.membership, *partition, &manifest);
            }
            if guarded.writer.end().is_some() {
                *partial = None;
            }
        }
        Ok(())
    }

    fn check_partitions(&self, now: usize) -> Result<(), ConsumerError> {
        let before = self.partials.partitions;
        if now == before {
            return Ok(());
        }
        Err(ConsumerError::Repartitioned { topic: self.consumer.stream.topic.clone(), before, now })
    }

    fn open_partitions(&mut self, partitions: &[Partition]) -> Result<(), ConsumerError> {
        let highest = partitions.iter().map(|partition| usize::try_from(partition.0).unwrap_or(0) + 1).max();
        self.check_partitions(highest.unwrap_or(0).max(self.partials.partitions))?;
        let mut positions = Vec::with_capacity(partitions.len());
        for partition in partitions {
            positions.push((*partition, self.partials.open_partition(*partition)?));
        }
        tracing::info!(partitions = names(partitions), "partitions assigned");
        Ok(self.membership.start_reading(&positions)?)
    }

    fn close_partitions(&mut self, partitions: &[Partition]) -> Result<(), ConsumerError> {
        partitions.iter().for_each(|partition| self.partials.close_partition(*partition));
        tracing::info!(partitions = names(partitions), "partitions revoked");
        Ok(self.membership.stop_reading(partitions)?)
    }

    fn retry_locks(&mut self) -> Result<(), ConsumerError> {
        for partition in self.partials.waiting.clone() {
            if let Some(position) = self.partials.open_partition(partition)? {
                self.membership.start_partition(partition, position)?;
            }
        }
        Ok(())
    }

    /// Assembles the windows that are due. Returns true if the stream has ended.
    fn assemble(&mut self, stop: &CancellationToken) -> Result<bool, ConsumerError> {
        // Only one member assembles at a time. The member with the lock also sees the windows that this one has sealed.
        let assembled = match self.assembly.whole().lock() {
            Ok(_lock) => self.assembly.advance(&|| stop.is_cancelled())?,
            Err(BatchError::Locked { .. }) => return Ok(self.assembly.whole().end()?.is_some()),
            Err(error) => return Err(error.into()),
        };
        for manifest in &assembled {
            self.consumer.progress.report(sealed(manifest, self.consumer.cut.policy));
        }
        let Some(end) = self.assembly.whole().end()? else { return Ok(false) };
        self.consumer.progress.report(Event::StreamEnded { windows: end.windows });
        Ok(true)
    }
}

fn commit(membership: &Membership, partition: Partition, manifest: &Manifest) {
    let positions = manifest.messages.resume.iter().filter(|point| point.partition == partition);
    let positions: Vec<_> = positions.map(|point| (point.partition, point.offset)).collect();
    if let Err(error) = membership.commit(&positions) {
        tracing::warn!(%error, %partition, "offsets not committed");
    }
}

/// The number of partitions that have partial windows of a group.
fn count_partials(workdir: &Path) -> usize {
    let entries = std::fs::read_dir(partials_folder(workdir)).into_iter().flatten();
    entries.filter(|entry| entry.as_ref().is_ok_and(|entry| entry.path().is_dir())).count()
}
