//! The positions of a reader.

use std::collections::BTreeMap;

use windrow_record::{Offset, Partition};

/// Messages that the broker deleted before they were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deleted {
    /// The partition of the messages.
    pub partition: Partition,
    /// The offset at which reading was to continue.
    pub wanted: Offset,
    /// The first offset that still exists.
    pub low: Offset,
}

#[derive(Debug, Default)]
pub(super) struct Positions(pub(super) BTreeMap<Partition, Position>);

#[derive(Debug, Clone, Copy)]
pub(super) struct Position {
    /// The next offset to be handed out.
    pub(super) next: Offset,
    /// True if the broker has reported that the partition has no more messages.
    pub(super) is_at_end: bool,
}

impl Positions {
    pub(super) fn set(&mut self, partition: Partition, next: Offset) {
        self.0.insert(partition, Position { next, is_at_end: false });
    }

    /// Marks a partition as read to its end. Returns false if it already was.
    pub(super) fn at_end(&mut self, partition: Partition) -> bool {
        self.0.get_mut(&partition).is_some_and(|position| !std::mem::replace(&mut position.is_at_end, true))
    }

    pub(super) fn is_at_end(&self, partition: Partition) -> bool {
        self.0.get(&partition).is_some_and(|position| position.is_at_end)
    }

    pub(super) fn all(&self) -> Vec<(Partition, Offset)> {
        self.0.iter().map(|(partition, position)| (*partition, position.next)).collect()
    }
}
