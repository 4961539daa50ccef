//! How a topic stands.

use windrow_record::{Offset, Partition};

/// A topic as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicState {
    /// Its partitions, by number.
    pub partitions: Vec<PartitionState>,
}

impl TopicState {
    /// The messages that can be read.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.partitions.iter().map(|state| u64::try_from(state.high.0 - state.low.0).unwrap_or(0)).sum()
    }
}

/// A partition as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionState {
    /// Its number.
    pub partition: Partition,
    /// The first offset that can be read.
    pub low: Offset,
    /// The offset that the next message will have.
    pub high: Offset,
}
