//! The offsets of a topic.

use windrow_record::{Offset, Partition};

/// The state of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicState {
    /// The partitions of the topic, in ascending order.
    pub partitions: Vec<PartitionState>,
}

impl TopicState {
    /// The number of offsets that can be read, over all partitions.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.partitions.iter().map(|state| u64::try_from(state.high.0 - state.low.0).unwrap_or(0)).sum()
    }
}

/// The state of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionState {
    /// The number of the partition.
    pub partition: Partition,
    /// The first offset that can be read.
    pub low: Offset,
    /// The offset that the next message will have.
    pub high: Offset,
}
