//! The totals of the sealed windows, and the point in each partition up to which they account for messages.

use std::collections::BTreeMap;

use crate::open::{OpenWindow, ReadPoint};
use crate::{Manifest, MessageCounts};
use windrow_record::Partition;

#[derive(Debug, Default)]
pub(super) struct SealedPoints {
    pub(super) counts: MessageCounts,
    /// The point after the last accounted message of each partition.
    after: BTreeMap<Partition, ReadPoint>,
}

impl SealedPoints {
    /// Restores the points from a manifest. Each manifest contains the points of all windows up to its own.
    pub(super) fn restore(&mut self, manifest: &Manifest, is_same_log: bool) {
        self.after.clear();
        for point in manifest.messages.resume.iter().filter(|_| is_same_log) {
            let (offset, at) = match point.accounted {
                Some(accounted) => (accounted.offset, accounted.at),
                None => (point.offset, point.newest.or(point.last_row)),
            };
            self.after.insert(point.partition, ReadPoint { offset, at });
        }
    }

    /// Moves the points to the end of a window that is being sealed.
    pub(super) fn advance(&mut self, open: &OpenWindow) {
        for (partition, after) in open.after() {
            let point = self.after.entry(partition).or_insert(after);
            *point = point.later(after);
        }
    }

    pub(super) fn after(&self) -> impl Iterator<Item = (Partition, ReadPoint)> {
        self.after.iter().map(|(partition, after)| (*partition, *after))
    }
}
