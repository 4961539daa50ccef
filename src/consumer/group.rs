//! Consuming as one of a group: each partition has a store of its own, which moves from member to member with it.
//!
//! The members share the work directory. A partition's lock says who writes its windows; whoever gets a partition waits
//! for that lock, goes on where the partition's manifests say, and so neither loses nor doubles a row in a window that
//! another member had begun. Windows of the whole are put together by whichever member sees that one is due.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::batch::{Assembly, BatchError, BatchStore, BatchWriter, Cut, Manifest, share_folder};
use crate::broker::{Delivery, Membership, TopicState, Turn};
use crate::consumer::desk::{Post, told};
use crate::consumer::garbage::Garbage;
use crate::consumer::intake::Intake;
use crate::consumer::{Consumer, ConsumerError};
use crate::record::{Offset, Partition, RunId};
use crate::telemetry::{Event, Progress};

const POLL_WAIT: Duration = Duration::from_millis(50);
/// How often it is seen whether windows can be put together, and whether a lock that is waited for is free.
const ROUND: Duration = Duration::from_millis(300);

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

/// One member at work.
pub(crate) struct Member {
    membership: Membership,
    intake: Intake,
    assembly: Assembly,
    whole: BatchStore,
    shares: Shares,
    /// Partitions that are ours, and whose lock another member still has.
    waiting: BTreeSet<Partition>,
    progress: Progress,
}

/// The partitions that are ours.
struct Shares {
    open: BTreeMap<Partition, Share>,
    group: Group,
    cut: Cut,
    columns: Vec<String>,
    delimiter: u8,
    partitions: u64,
    max_share: f64,
}

struct Share {
    /// `None` when the partition has ended before.
    writer: Option<BatchWriter>,
    garbage: Garbage,
}

impl Member {
    pub(crate) fn join(consumer: Consumer, group: Group, topic: &TopicState) -> Result<Self, ConsumerError> {
        let Consumer { schema, stream, cut, store, connection, quarantine, progress, .. } = consumer;
        let stores =
            topic.partitions.iter().map(|state| BatchStore::open(&share_folder(&group.workdir, state.partition)));
        let stores = stores.collect::<Result<Vec<_>, BatchError>>()?;
        let membership = Membership::join(&connection, &stream.topic, &group.name)?;
        let needs_time = cut.span().is_some();
        let (columns, delimiter) = (schema.columns.clone(), schema.delimiter);
        Ok(Self {
            membership,
            intake: Intake::new(schema, needs_time),
            assembly: Assembly::new(store.clone(), stores, (&columns, delimiter)),
            whole: store,
            shares: Shares {
                open: BTreeMap::new(),
                group,
                cut,
                columns,
                delimiter,
                partitions: topic.partitions.len() as u64,
                max_share: quarantine.max_share,
            },
            waiting: BTreeSet::new(),
            progress,
        })
    }

    /// Reads until the stream of all partitions is through.
    pub(crate) fn work(mut self, stop: &CancellationToken) -> Result<(), ConsumerError> {
        let mut last_round = Instant::now();
        while !stop.is_cancelled() {
            let Self { membership, intake, shares, progress, .. } = &mut self;
            let mut change = None;
            match membership.poll(POLL_WAIT)? {
                Some(Turn::Message(delivery)) => shares.take(intake, progress, &delivery)?,
                Some(Turn::Assigned(partitions)) => change = Some((true, partitions)),
                Some(Turn::Revoked(partitions)) => change = Some((false, partitions)),
                None => {}
            }
            match change {
                Some((true, partitions)) => self.take_up(&partitions)?,
                Some((false, partitions)) => self.give_up(&partitions)?,
                None => {}
            }
            let now = Instant::now();
            for (partition, manifest) in self.shares.sealed(now)? {
                self.commit(partition, &manifest);
            }
            if now - last_round > ROUND {
                last_round = now;
                self.progress.counters().lag.set(self.membership.lag());
                self.look_for_locks()?;
                if self.assemble()? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn take_up(&mut self, partitions: &[Partition]) -> Result<(), ConsumerError> {
        let mut positions = Vec::with_capacity(partitions.len());
        for partition in partitions {
            let position = self.shares.open(*partition)?;
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
            // What is not sealed is read again by whoever gets it.
            self.shares.open.remove(partition);
            self.waiting.remove(partition);
        }
        tracing::info!(partitions = names(partitions), "partitions are no longer ours");
        Ok(self.membership.give_up(partitions)?)
    }

    fn look_for_locks(&mut self) -> Result<(), ConsumerError> {
        for partition in self.waiting.clone() {
            if let Some(position) = self.shares.open(partition)? {
                self.waiting.remove(&partition);
                self.membership.begin(partition, position)?;
            }
        }
        Ok(())
    }

    /// Whether the stream is through.
    fn assemble(&mut self) -> Result<bool, ConsumerError> {
        // One at a time; whoever has the lock sees what we have sealed.
        let assembled = match self.whole.lock() {
            Ok(_lock) => self.assembly.advance()?,
            Err(BatchError::Locked { .. }) => return Ok(self.whole.end()?.is_some()),
            Err(error) => return Err(error.into()),
        };
        for manifest in &assembled.windows {
            self.progress.tell(told(manifest));
        }
        let Some(end) = self.whole.end()? else { return Ok(false) };
        self.progress.tell(Event::StreamEnded { windows: end.windows });
        Ok(true)
    }

    fn commit(&self, partition: Partition, manifest: &Manifest) {
        let positions = manifest.resume.iter().filter(|point| point.partition == partition);
        let positions: Vec<_> = positions.map(|point| (point.partition, point.offset)).collect();
        if let Err(error) = self.membership.commit(&positions) {
            tracing::warn!(%error, %partition, "offsets not committed");
        }
    }
}

impl Shares {
    /// Where reading of a partition goes on; `None` while another member has its lock.
    fn open(&mut self, partition: Partition) -> Result<Option<Offset>, ConsumerError> {
        let store = BatchStore::open(&share_folder(&self.group.workdir, partition))?;
        let lock = match store.lock() {
            Ok(lock) => lock,
            Err(BatchError::Locked { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let place = u64::try_from(partition.0).unwrap_or_default();
        let cut = self.cut.of_partition(place, self.partitions);
        let (has_ended, folder) = (store.end()?.is_some(), store.quarantine_folder().to_owned());
        let form = (self.columns.as_slice(), self.delimiter);
        let (writer, resumed) = BatchWriter::resume(store, lock, cut, form, &[partition], None)?;
        let garbage = Garbage::new(self.max_share, folder, (resumed.rows, resumed.quarantined));
        let writer = (!has_ended).then(|| writer.of_replay(&self.group.run));
        self.open.insert(partition, Share { writer, garbage });
        Ok(Some(resumed.positions.first().map_or(Offset(0), |(_, offset)| *offset)))
    }

    fn take(&mut self, intake: &mut Intake, progress: &Progress, delivery: &Delivery<'_>) -> Result<(), ConsumerError> {
        // What comes for a partition that is not open yet is read again when it is.
        let Some(Share { writer: Some(writer), garbage }) = self.open.get_mut(&delivery.partition()) else {
            return Ok(());
        };
        Post { intake, writer, garbage, progress }.take(delivery, Instant::now())
    }

    /// The windows that were sealed since the last call.
    fn sealed(&mut self, now: Instant) -> Result<Vec<(Partition, Manifest)>, ConsumerError> {
        let mut sealed = Vec::new();
        for (partition, share) in &mut self.open {
            let Some(writer) = &mut share.writer else { continue };
            if writer.has_all_ends() {
                share.garbage.judge()?;
                writer.finish(now)?;
            }
            sealed.extend(writer.sealed().into_iter().map(|manifest| (*partition, manifest)));
            if writer.end().is_some() {
                share.writer = None;
            }
        }
        Ok(sealed)
    }
}

fn names(partitions: &[Partition]) -> String {
    partitions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
