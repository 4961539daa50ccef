//! Consuming as one of a group: each partition has a store of its own, which moves from member to member with it.
//!
//! The members share the work directory. A partition's lock says who writes its windows; the member that gets a partition waits
//! for that lock, goes on where the partition's manifests say, and so neither loses nor doubles a row in a window that
//! another member had begun. Windows of the whole are put together by whichever member sees that one is due.

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
use crate::consumer::reporting::sealed;
use windrow_base::telemetry::{Event, Progress};
use windrow_kafka::{Membership, TopicState, Turn};
use windrow_record::Partition;
use windrow_windows::{
    Assembly, BatchError, BatchStore, CsvFormat, Manifest, OffsetRange, partial_folder, partials_folder,
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
    /// The windows of the whole.
    assembly: Assembly,
    /// The partitions that are ours, and their windows.
    partials: Partials,
    topic: String,
    progress: Progress,
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
            partials: Partials {
                open: BTreeMap::new(),
                waiting: BTreeSet::new(),
                group,
                cut: *cut,
                schema: Arc::clone(schema),
                partitions: topic.partitions.len(),
                max_share: quarantine.max_share,
                progress: progress.clone(),
            },
            topic: stream.topic.clone(),
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
        let end = self.assembly.whole().end()?;
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
                Some(Turn::Message(delivery)) => self.partials.take(&mut self.intake, &delivery, now)?,
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
        self.partials.count()?;
        Ok(now)
    }

    /// Seals what is due, window by window, so that it can be stopped between two.
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
        Err(ConsumerError::Repartitioned { topic: self.topic.clone(), before, now })
    }

    fn take_up(&mut self, partitions: &[Partition]) -> Result<(), ConsumerError> {
        let highest = partitions.iter().map(|partition| usize::try_from(partition.0).unwrap_or(0) + 1).max();
        self.check_partitions(highest.unwrap_or(0).max(self.partials.partitions))?;
        let mut positions = Vec::with_capacity(partitions.len());
        for partition in partitions {
            positions.push((*partition, self.partials.take_up(*partition)?));
        }
        tracing::info!(partitions = names(partitions), "partitions are ours");
        Ok(self.membership.take_up(&positions)?)
    }

    fn give_up(&mut self, partitions: &[Partition]) -> Result<(), ConsumerError> {
        partitions.iter().for_each(|partition| self.partials.give_up(*partition));
        tracing::info!(partitions = names(partitions), "partitions are no longer ours");
        Ok(self.membership.give_up(partitions)?)
    }

    fn look_for_locks(&mut self) -> Result<(), ConsumerError> {
        for partition in self.partials.waiting.clone() {
            if let Some(position) = self.partials.take_up(partition)? {
                self.membership.begin(partition, position)?;
            }
        }
        Ok(())
    }

    /// Whether the stream is through.
    fn assemble(&mut self, stop: &CancellationToken) -> Result<bool, ConsumerError> {
        // One at a time; the member with the lock sees what we have sealed.
        let assembled = match self.assembly.whole().lock() {
            Ok(_lock) => self.assembly.advance(&|| stop.is_cancelled())?,
            Err(BatchError::Locked { .. }) => return Ok(self.assembly.whole().end()?.is_some()),
            Err(error) => return Err(error.into()),
        };
        for manifest in &assembled.windows {
            self.progress.report(sealed(manifest, self.partials.cut.policy));
        }
        let Some(end) = self.assembly.whole().end()? else { return Ok(false) };
        self.progress.report(Event::StreamEnded { windows: end.windows });
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

/// How many partitions have partial windows of a group.
fn count_partials(workdir: &Path) -> usize {
    let entries = std::fs::read_dir(partials_folder(workdir)).into_iter().flatten();
    entries.filter(|entry| entry.as_ref().is_ok_and(|entry| entry.path().is_dir())).count()
}

fn names(partitions: &[Partition]) -> String {
    partitions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
