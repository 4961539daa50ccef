//! What the sealed windows account for, all together.

use std::collections::BTreeMap;

use crate::Manifest;
use crate::open::{Needed, OpenWindow, reach};
use windrow_record::Partition;

#[derive(Debug, Default)]
pub(super) struct Sealed {
    pub(super) rows: u64,
    pub(super) quarantined: u64,
    pub(super) repeated: u64,
    /// Behind the last message of each partition that they account for.
    behind: BTreeMap<Partition, Needed>,
}

impl Sealed {
    pub(super) fn count(&mut self, manifest: &Manifest) {
        self.rows += manifest.rows;
        self.quarantined += manifest.quarantined;
        self.repeated += manifest.repeated;
    }

    /// Takes up the points that a manifest tells, which are those of all windows so far.
    pub(super) fn recall(&mut self, manifest: &Manifest, is_this_log: bool) {
        self.behind.clear();
        for point in manifest.resume.iter().filter(|_| is_this_log) {
            let (offset, at) = match point.accounted {
                Some(accounted) => (accounted.offset, accounted.at),
                None => (point.offset, point.newest.or(point.last_row)),
            };
            self.behind.insert(point.partition, Needed { offset, at });
        }
    }

    /// A further window.
    pub(super) fn reach(&mut self, open: &OpenWindow) {
        open.behind().for_each(|(partition, behind)| reach(&mut self.behind, partition, behind));
    }

    pub(super) fn behind(&self) -> impl Iterator<Item = (Partition, Needed)> {
        self.behind.iter().map(|(partition, behind)| (*partition, *behind))
    }
}
