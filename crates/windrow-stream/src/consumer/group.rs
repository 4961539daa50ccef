//! Consuming as one of a group: each partition has a store of its own, which moves from member to member with it.
//!
//! The members share the work directory. A partition's lock says who writes its windows; the member that gets a partition waits
//! for that lock, goes on where the partition's manifests say, and so neither loses nor doubles a row in a window that
//! another member had begun. Windows of the whole are put together by whichever member sees that one is due.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::consumer::error::ConsumerError;
use crate::consumer::fetcher::Incoming;
use crate::consumer::ingest::{Ingested, ingest};
use crate::consumer::inputs::{Consumer, Group};
use crate::consumer::intake::Intake;
use crate::consumer::rejections::Rejections;
use crate::consumer::reporting::{count, note_deleted, sealed};
use windrow_base::telemetry::{Event, Progress};
use windrow_config::{Cut, Schema};
use windrow_kafka::{Deleted, Delivery, Membership, TopicState, Turn};
use windrow_record::{Offset, Partition};
use windrow_windows::{
    Assembly, BatchError, BatchStore, BatchWriter, CsvFormat, Manifest, OffsetRange, partial_folder, partials_folder,
};

const POLL_WAIT: Duration = Duration::from_millis(50);
/// So many messages are taken between two looks at the clock, at the latest.
const MESSAGES_A_STEP: u32 = 1024;
/// How often it is seen whether windows can be put together, and whether a lock that is waited for is free.
const ROUND: Duration = Duration::from_millis(300);

/// One member at work.
pub(crate) struct Member {
    membership: Membership,
    intake: Intake,
    assembly: Assembly,
    whole: BatchStore,
    partials: Partials,
    topic: String,
    /// Partitions that are ours, and whose lock another member still has.
    waiting: BTreeSet<Partition>,
    progress: Progress,
}

/// The partitions that are ours.
struct Partials {
    open: BTreeMap<Partition, Partial>,
    group: Group,
    cut: Cut,
    schema: Arc<Schema>,
    partitions: usize,
    max_share: f64,
}

struct Partial {
    /// `None` when the partition has ended before.
    writer: Option<BatchWriter>,
    rejections: Rejections,
}

impl Member {
    pub(crate) fn join(consumer: &Consumer, group: Group, topic: &TopicState) -> Result<Self, ConsumerError> {
        let Consumer { schema, stream, cut, store, connection, quarantine, progress, .. } = consumer;
        let stores =
            topic.partitions.iter().map(|state| BatchStore::open(&partial_folder(&group.workdir, state.partition)));
        let stores = stores.collect::<Result<Vec<_>, BatchError>>()?;
        let (before, now) = (count_partials(&group.workdir), stores.len());
        if before > now {
            return Err(ConsumerError::Repartitioned { topic: stream.topic.clone(), before, now });
        }
        let membership = Membership::join(connection, &stream.topic, &group.name)?;
        let form = CsvFormat { columns: &schema.columns, delimiter: schema.delimiter };
        Ok(Self {
            membership,
            intake: Intake::new(Arc::clone(schema), cut.span().is_some()),
            assembly: Assembly::new(store.clone(), stores, *cut, form),
            whole: store.clone(),
            partials: Partials {
                open: BTreeMap::new(),
                group,
                cut: *cut,
                schema: Arc::clone(schema),
                partitions: topic.partitions.len(),
                max_share: quarantine.max_share,
            },
            topic: stream.topic.clone(),
            waiting: BTreeSet::new(),
            progress: progress.clone(),
        })
    }

    /// Reads until the stream of all partitions is through. Gives the messages that the broker had deleted.
    pub(crate) fn work(mut self, stop: &CancellationToken) -> Result<Vec<OffsetRange>, ConsumerError> {
        let mut last_round = Instant::now();
        while !stop.is_cancelled() {
            let now = self.step()?;
            self.seal(now, stop)?;
            if now.saturating_duration_since(last_round) > ROUND {
                last_round = now;
                if let Some(topic) = self.membership.look_after() {
                    self.check_partitions(topic.partitions.len())?;
                }
                self.progress.counters().lag.set(self.membership.lag());
                self.look_for_locks()?;
                if self.assemble(stop)? {
                    break;
                }
            }
        }
        let end = self.whole.end()?;
        Ok(end.map(|end| end.deleted).unwrap_or_default())
    }

    /// Takes what is there, and waits for the first of it. Gives the time.
    fn step(&mut self) -> Result<Instant, ConsumerError> {
        let mut now = Instant::now();
        for place in 0..MESSAGES_A_STEP {
            let turn = self.membership.poll(if place == 0 { POLL_WAIT } else { Duration::ZERO })?;
            if place == 0 {
                now = Instant::now();
            }
            match turn {
                Some(Turn::Message(delivery)) => {
                    self.partials.take(&mut self.intake, &self.progress, &delivery, now)?
                }
                Some(Turn::Deleted(deleted)) => self.partials.note_deleted(deleted),
                Some(Turn::Assigned(partitions)) => {
                    self.take_up(&partitions)?;
                    break;
                }
                Some(Turn::Revoked(partitions)) => {
                    self.give_up(&partitions)?;
                    break;
                }
                None => break,
            }
        }
        self.partials.count(&self.progress)?;
        Ok(now)
    }

    /// Seals what is due, window by window, so that it can be stopped between two.
    fn seal(&mut self, now: Instant, stop: &CancellationToken) -> Result<(), ConsumerError> {
        for (partition, partial) in &mut self.partials.open {
            let Some(writer) = &mut partial.writer else { continue };
            if writer.has_all_ends() {
                partial.rejections.check(writer.rejections())?;
                writer.finish()?;
            }
            while !stop.is_cancelled()
                && let Some(manifest) = writer.seal_next(now)?
            {
                commit(&self.membership, *partition, &manifest);
            }
            if writer.end().is_some() {
                partial.writer = None;
            }
        }
        Ok(())
    }

    fn check_partitions(&self, now: usize) -> Result<(), ConsumerError> {
        let before = self.partials.partitions;
        if now == before {
            return Ok(());
        }
        Err(ConsumerError::Repartitioned { topic: self.topic.clone(), before, now })
    }

    fn take_up(&mut self, partitions: &[Partition]) -> Result<(), ConsumerError> {
        let highest = partitions.iter().map(|partition| usize::try_from(partition.0).unwrap_or(0) + 1).max();
        self.check_partitions(highest.unwrap_or(0).max(self.partials.partitions))?;
        let mut positions = Vec::with_capacity(partitions.len());
        for partition in partitions {
            let position = self.partials.open(*partition)?;
            if position.is_none() {
                self.waiting.insert(*partition);
            }
            positions.push((*partition, position));
        }
        tracing::info!(partitions = names(partitions), "partitions are ours");
        Ok(self.membership.take_up(&positions)?)
    }

    fn give_up(&mut self, partitions: &[Partition]) -> Result<(), ConsumerError> {
        for partition in partitions {
            // What is not sealed is read again by the member that gets it.
            self.partials.open.remove(partition);
            self.waiting.remove(partition);
        }
        tracing::info!(partitions = names(partitions), "partitions are no longer ours");
        Ok(self.membership.give_up(partitions)?)
    }

    fn look_for_locks(&mut self) -> Result<(), ConsumerError> {
        for partition in self.waiting.clone() {
            if let Some(position) = self.partials.open(partition)? {
                self.waiting.remove(&partition);
                self.membership.begin(partition, position)?;
            }
        }
        Ok(())
    }

    /// Whether the stream is through.
    fn assemble(&mut self, stop: &CancellationToken) -> Result<bool, ConsumerError> {
        // One at a time; the member with the lock sees what we have sealed.
        let assembled = match self.whole.lock() {
            Ok(_lock) => self.assembly.advance(&|| stop.is_cancelled())?,
            Err(BatchError::Locked { .. }) => return Ok(self.whole.end()?.is_some()),
            Err(error) => return Err(error.into()),
        };
        for manifest in &assembled.windows {
            self.progress.report(sealed(manifest, self.partials.cut.policy));
        }
        let Some(end) = self.whole.end()? else { return Ok(false) };
        self.progress.report(Event::StreamEnded { windows: end.windows });
        Ok(true)
    }
}

fn commit(membership: &Membership, partition: Partition, manifest: &Manifest) {
    let positions = manifest.resume.iter().filter(|point| point.partition == partition);
    let positions: Vec<_> = positions.map(|point| (point.partition, point.offset)).collect();
    if let Err(error) = membership.commit(&positions) {
        tracing::warn!(%error, %partition, "offsets not committed");
    }
}

impl Partials {
    /// Where reading of a partition goes on; `None` while another member has its lock.
    fn open(&mut self, partition: Partition) -> Result<Option<Offset>, ConsumerError> {
        let store = BatchStore::open(&partial_folder(&self.group.workdir, partition))?;
        let lock = match store.lock() {
            Ok(lock) => lock,
            Err(BatchError::Locked { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let place = u64::try_from(partition.0).unwrap_or_default();
        let cut = self.cut.of_partition(place, self.partitions as u64);
        let (has_ended, folder) = (store.end()?.is_some(), store.quarantine_folder().to_owned());
        let form = CsvFormat { columns: &self.schema.columns, delimiter: self.schema.delimiter };
        let (writer, resumed) = BatchWriter::resume(store, lock, cut, form, &[partition], None)?;
        let rejections = Rejections::new(self.max_share, folder, (resumed.rows, resumed.quarantined));
        let writer = (!has_ended).then(|| writer.of_replay(self.group.run.clone()));
        self.open.insert(partition, Partial { writer, rejections });
        Ok(Some(resumed.positions.first().map_or(Offset(0), |(_, offset)| *offset)))
    }

    fn take(
        &mut self,
        intake: &mut Intake,
        progress: &Progress,
        delivery: &Delivery<'_>,
        now: Instant,
    ) -> Result<(), ConsumerError> {
        // What comes for a partition that is not open yet is read again when it is.
        let Some(Partial { writer: Some(writer), rejections }) = self.open.get_mut(&delivery.partition()) else {
            return Ok(());
        };
        let ingested = ingest(intake, writer, Incoming::of(delivery), now)?;
        if ingested == Ingested::OtherEnd || writer.has_refused() {
            rejections.add(count(progress, writer), writer.rejections())?;
        }
        if ingested == Ingested::OtherEnd {
            rejections.check_at_other_end(writer.rejections())?;
        }
        Ok(())
    }

    fn count(&mut self, progress: &Progress) -> Result<(), ConsumerError> {
        for Partial { writer, rejections } in self.open.values_mut() {
            let Some(writer) = writer else { continue };
            rejections.add(count(progress, writer), writer.rejections())?;
        }
        Ok(())
    }

    fn note_deleted(&mut self, deleted: Deleted) {
        if let Some(Partial { writer: Some(writer), .. }) = self.open.get_mut(&deleted.partition) {
            note_deleted(writer, deleted);
        }
    }
}

/// How many partitions have partial windows of a group.
fn count_partials(workdir: &Path) -> usize {
    let entries = std::fs::read_dir(partials_folder(workdir)).into_iter().flatten();
    entries.filter(|entry| entry.as_ref().is_ok_and(|entry| entry.path().is_dir())).count()
}

fn names(partitions: &[Partition]) -> String {
    partitions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
