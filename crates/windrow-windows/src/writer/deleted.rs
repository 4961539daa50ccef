//! The messages that the broker had deleted before they were read.

use crate::OffsetRange;
use windrow_record::{Offset, Partition};

#[derive(Debug)]
pub(super) struct DeletedMessages {
    all: Vec<OffsetRange>,
    /// The number of ranges that manifests list.
    listed: usize,
}

impl DeletedMessages {
    /// Restores the ranges that the manifests or the summary of the stream list.
    pub(super) fn restored(all: Vec<OffsetRange>) -> Self {
        Self { listed: all.len(), all }
    }

    /// Adds a range, without the part that is known. After a kill, a partition without accounted messages is read from
    /// its beginning again, so a range may be reported twice.
    pub(super) fn insert(&mut self, range: OffsetRange) {
        let first = self.after(range.partition).map_or(range.first, |known| known.max(range.first));
        if first <= range.last {
            self.all.push(OffsetRange { first, ..range });
        }
    }

    /// The offset after the last deleted message of a partition.
    pub(super) fn after(&self, partition: Partition) -> Option<Offset> {
        let ranges = self.all.iter().filter(|range| range.partition == partition);
        ranges.map(|range| range.last.next()).max()
    }

    /// Returns the ranges that no manifest lists, and marks them as listed. The caller must write them to the next
    /// manifest.
    pub(super) fn take_unlisted(&mut self) -> Vec<OffsetRange> {
        let unlisted = std::mem::replace(&mut self.listed, self.all.len());
        sorted(&self.all[unlisted..])
    }

    pub(super) fn all(&self) -> Vec<OffsetRange> {
        sorted(&self.all)
    }
}

fn sorted(ranges: &[OffsetRange]) -> Vec<OffsetRange> {
    let mut ranges = ranges.to_vec();
    ranges.sort_by_key(|range| (range.partition, range.first));
    ranges
}
