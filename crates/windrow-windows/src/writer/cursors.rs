//! The consumer's position in each partition.

use std::collections::BTreeMap;

use crate::open::{MessagePosition, ReadPoint};
use windrow_config::PartitionProgress;
use windrow_record::{Offset, Partition, RowNumber};

#[derive(Debug, Default)]
pub(super) struct Cursor {
    /// The offset from which reading continues, according to the manifests.
    pub(super) resumed_at: Option<Offset>,
    /// The offset after the last message that this process has read.
    pub(super) next: Option<Offset>,
    /// The positions of the partition's rows. The held row is `None` if its message is accounted for already.
    pub(super) progress: PartitionProgress<Option<HeldRow>>,
    /// The offset of the end marker, after it has arrived.
    pub(super) end: Option<Offset>,
    /// True if the partition was added while others were read. Until it sends a message, no window waits for it.
    pub(super) is_added: bool,
}

#[derive(Debug)]
pub(super) struct HeldRow {
    pub(super) message: MessagePosition,
    pub(super) row: RowNumber,
    pub(super) labelled: bool,
    pub(super) time: Option<i64>,
    pub(super) record: Vec<u8>,
}

impl Cursor {
    /// Returns true if no window needs to wait for the partition yet.
    pub(super) fn is_silent(&self) -> bool {
        self.is_added && self.next.is_none()
    }

    /// The point from which the partition must be read again if a row is held back.
    pub(super) fn needed(&self) -> Option<ReadPoint> {
        self.progress.held()?.1.as_ref().map(|held| held.message.needed)
    }
}

#[derive(Debug, Default)]
pub(super) struct Cursors(pub(super) BTreeMap<Partition, Cursor>);

impl Cursors {
    pub(super) fn get(&mut self, partition: Partition) -> &mut Cursor {
        self.0.entry(partition).or_default()
    }

    pub(super) fn has_all_ends(&self) -> bool {
        !self.0.is_empty() && self.0.values().all(|cursor| cursor.end.is_some())
    }

    /// The furthest position of all partitions.
    pub(super) fn furthest(&self) -> Option<i64> {
        self.0.values().filter_map(|cursor| cursor.progress.at()).max()
    }

    /// The position that every partition has reached, whatever comes after the end of the stream. `None` if one of them
    /// has no such position. While the stream goes on, it only rises.
    pub(super) fn proven(&self) -> Option<i64> {
        let counted = self.0.values().filter(|cursor| !cursor.is_silent());
        counted.map(|cursor| cursor.progress.proven()).min()?
    }

    /// The position of the slowest partition that has not ended. `None` if one of them has no accepted position.
    pub(super) fn slowest(&self) -> Option<i64> {
        let going = self.0.values().filter(|cursor| cursor.end.is_none() || cursor.progress.is_undecided());
        going.filter(|cursor| !cursor.is_silent()).map(|cursor| cursor.progress.at()).min()?
    }
}
