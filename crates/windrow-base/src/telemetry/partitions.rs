//! The rows read and the lag of each partition of the topic, as the consumer reports them.
//!
//! Only the first partitions are counted one by one, so a topic with thousands of partitions costs no more.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use serde::{Deserialize, Serialize};

use crate::telemetry::number::{Counter, Gauge};

/// The number of partitions that are counted one by one. Those after them are counted together.
pub const LISTED_PARTITIONS: usize = 32;

/// The counters of the partitions of a topic.
#[derive(Debug, Default)]
pub struct PartitionCounters {
    listed: [Listed; LISTED_PARTITIONS],
    /// The rows read from all other partitions.
    others: Counter,
    /// The number of partitions that are known, at most one more than those that are listed.
    known: AtomicUsize,
}

#[derive(Debug, Default)]
struct Listed {
    read: Counter,
    lag: Gauge,
}

/// The counts of a partition at one moment. The last entry of a list can be the sum of all partitions after
/// [`LISTED_PARTITIONS`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionCounts {
    /// The number of rows read since the process began: stored, repeated, or put into quarantine.
    pub read: u64,
    /// The number of messages that are not read yet; `None` if unknown, and for the sum.
    pub lag: Option<u64>,
}

impl PartitionCounters {
    /// Adds rows that were read from a partition.
    #[inline]
    pub fn add_read(&self, partition: usize, rows: u64) {
        self.listed.get(partition).map_or(&self.others, |listed| &listed.read).add(rows);
        self.note(partition);
    }

    /// Sets the lags of the partitions that are read. The lag of every other partition becomes unknown.
    pub fn set_lags(&self, lags: impl IntoIterator<Item = (usize, Option<u64>)>) {
        let mut found = [None; LISTED_PARTITIONS];
        for (partition, lag) in lags {
            self.note(partition);
            if let Some(found) = found.get_mut(partition) {
                *found = lag;
            }
        }
        self.listed.iter().zip(found).for_each(|(listed, lag)| listed.lag.set(lag));
    }

    /// Notes that a partition exists.
    fn note(&self, partition: usize) {
        self.known.fetch_max(partition.saturating_add(1).min(LISTED_PARTITIONS + 1), Relaxed);
    }

    /// Returns the present counts by partition, from partition 0 to the last one that is known.
    pub fn counts(&self) -> Vec<PartitionCounts> {
        let listed =
            self.listed.iter().map(|listed| PartitionCounts { read: listed.read.get(), lag: listed.lag.get() });
        let others = PartitionCounts { read: self.others.get(), lag: None };
        listed.chain([others]).take(self.known.load(Relaxed)).collect()
    }
}

impl PartitionCounts {
    /// Combines the counts of two processes that read different partitions of one topic.
    #[must_use]
    pub fn combine(one: &[Self], other: &[Self]) -> Vec<Self> {
        let at = |counts: &[Self], index: usize| counts.get(index).copied().unwrap_or_default();
        let combined = |index| {
            let (one, other) = (at(one, index), at(other, index));
            Self { read: one.read.saturating_add(other.read), lag: one.lag.or(other.lag) }
        };
        (0..one.len().max(other.len()).min(LISTED_PARTITIONS + 1)).map(combined).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(read: u64, lag: Option<u64>) -> PartitionCounts {
        PartitionCounts { read, lag }
    }

    #[test]
    fn partitions_are_counted_one_by_one_up_to_a_limit() {
        let counters = PartitionCounters::default();
        assert!(counters.counts().is_empty());
        counters.add_read(1, 5);
        counters.set_lags([(0, Some(7)), (1, None), (2, Some(0))]);
        assert_eq!(counters.counts(), [count(0, Some(7)), count(5, None), count(0, Some(0))]);
        // A partition that is not read any more has no lag.
        counters.set_lags([(1, Some(3))]);
        assert_eq!(counters.counts(), [count(0, None), count(5, Some(3)), count(0, None)]);
        for partition in [31, 32, 33, 50_000, usize::MAX] {
            counters.add_read(partition, 2);
        }
        counters.set_lags([(31, Some(1)), (32, Some(1)), (50_000, Some(1))]);
        let counts = counters.counts();
        assert_eq!((counts.len(), counts[31], counts[32]), (33, count(2, Some(1)), count(8, None)));
    }

    #[test]
    fn members_of_a_group_are_combined_by_partition() {
        let (one, other) = ([count(5, Some(2)), count(1, None)], [count(0, None), count(4, Some(9)), count(6, None)]);
        let both = [count(5, Some(2)), count(5, Some(9)), count(6, None)];
        assert_eq!(PartitionCounts::combine(&one, &other), both);
        assert_eq!(PartitionCounts::combine(&[], &[count(1, None); 5000]).len(), 33);
    }
}
