//! The partitions that a member of a group has. Each has its own store.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use crate::consumer::error::ConsumerError;
use crate::consumer::fetcher::Incoming;
use crate::consumer::guarded::GuardedWriter;
use crate::consumer::inputs::{Consumer, Group};
use crate::consumer::intake::Intake;
use crate::consumer::rejections::Rejections;
use windrow_kafka::{Deleted, Delivery};
use windrow_record::{Offset, Partition};
use windrow_windows::{BatchError, BatchStore, BatchWriter, CsvFormat, partial_folder};

pub(super) struct Partials<'a> {
    pub(super) consumer: &'a Consumer,
    pub(super) group: &'a Group,
    pub(super) partitions: usize,
    /// The writer of each partition. `None` for a partition that has ended.
    pub(super) open: BTreeMap<Partition, Option<GuardedWriter>>,
    /// The partitions whose lock another member still has.
    pub(super) waiting: BTreeSet<Partition>,
}

impl Partials<'_> {
    /// Opens the store of a partition. Returns the offset to read from, or `None` while another member has the lock.
    pub(super) fn open_partition(&mut self, partition: Partition) -> Result<Option<Offset>, ConsumerError> {
        let store = BatchStore::open(&partial_folder(&self.group.workdir, partition))?;
        let lock = match store.lock() {
            Ok(lock) => lock,
            Err(BatchError::Locked { .. }) => {
                self.waiting.insert(partition);
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let index = u64::try_from(partition.0).unwrap_or_default();
        let Consumer { schema, cut, quarantine, progress, .. } = self.consumer;
        let cut = cut.for_partition(index, self.partitions as u64);
        let (has_ended, folder) = (store.end()?.is_some(), store.quarantine_folder().to_owned());
        let form = CsvFormat { columns: &schema.columns, delimiter: schema.delimiter };
        let (writer, resumed) = BatchWriter::resume(store, lock, cut, form, &[partition], None)?;
        let rejections = Rejections::new(quarantine.max_share, folder, resumed.counts);
        let writer = writer.of_replay(self.group.run.clone());
        let guarded = (!has_ended).then(|| GuardedWriter::new(writer, rejections, progress.clone()));
        self.waiting.remove(&partition);
        self.open.insert(partition, guarded);
        Ok(Some(resumed.positions.first().map_or(Offset(0), |(_, offset)| *offset)))
    }

    /// Closes a partition. The member that gets it next reads again all that was not sealed.
    pub(super) fn close_partition(&mut self, partition: Partition) {
        self.open.remove(&partition);
        self.waiting.remove(&partition);
    }

    /// Passes a message to the writer of its partition. If the partition is not open yet, the message is read again
    /// later.
    pub(super) fn take(
        &mut self,
        intake: &mut Intake,
        delivery: &Delivery<'_>,
        now: Instant,
    ) -> Result<(), ConsumerError> {
        if let Some(Some(guarded)) = self.open.get_mut(&delivery.partition()) {
            guarded.take(intake, Incoming::of(delivery), now)?;
        }
        Ok(())
    }

    pub(super) fn count(&mut self) -> Result<(), ConsumerError> {
        self.open.values_mut().flatten().try_for_each(GuardedWriter::count)
    }

    pub(super) fn record_deleted(&mut self, deleted: Deleted) {
        if let Some(Some(guarded)) = self.open.get_mut(&deleted.partition) {
            guarded.record_deleted(deleted);
        }
    }
}
