//! Where reading stands.

use windrow_record::{Offset, Partition};

/// Messages that the broker has deleted before they were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deleted {
    /// Of which partition.
    pub partition: Partition,
    /// Where reading was to go on.
    pub wanted: Offset,
    /// The first offset that is left.
    pub low: Offset,
}

/// Where reading stands.
#[derive(Debug, Default)]
pub(super) struct Positions(pub(super) Vec<Position>);

#[derive(Debug, Clone, Copy)]
pub(super) struct Position {
    pub(super) partition: Partition,
    /// The next offset to be handed out.
    pub(super) next: Offset,
    /// Whether the broker has said that there is no more.
    pub(super) is_at_end: bool,
}

impl Positions {
    pub(super) fn set(&mut self, partition: Partition, next: Offset) {
        let position = Position { partition, next, is_at_end: false };
        match self.0.iter_mut().find(|position| position.partition == partition) {
            Some(known) => *known = position,
            None => self.0.push(position),
        }
    }

    pub(super) fn remove(&mut self, partition: Partition) {
        self.0.retain(|position| position.partition != partition);
    }

    /// Whether that is news.
    pub(super) fn at_end(&mut self, partition: Partition) -> bool {
        let position = self.0.iter_mut().find(|position| position.partition == partition);
        position.is_some_and(|position| !std::mem::replace(&mut position.is_at_end, true))
    }

    pub(super) fn is_at_end(&self, partition: Partition) -> bool {
        self.0.iter().any(|position| position.partition == partition && position.is_at_end)
    }

    pub(super) fn all(&self) -> Vec<(Partition, Offset)> {
        self.0.iter().map(|position| (position.partition, position.next)).collect()
    }
}
