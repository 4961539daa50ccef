//! Ranges of row numbers, offsets and times.

use roaring::RoaringTreemap;
use serde::{Deserialize, Serialize};

use windrow_record::{Offset, Partition};

/// Row numbers, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowRange {
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
    /// How far apart they are: 1, or the number of partitions in the windows of one partition.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub step: u64,
}

fn one() -> u64 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_one(step: &u64) -> bool {
    *step == 1
}

impl RowRange {
    /// The ranges of a set of numbers, ascending; within a range they lie `step` apart.
    #[must_use]
    pub fn of_set(numbers: &RoaringTreemap, step: u64) -> Vec<Self> {
        let mut ranges: Vec<Self> = Vec::new();
        for number in numbers {
            match ranges.last_mut() {
                Some(range) if range.last.checked_add(step) == Some(number) => {
                    (range.last, range.step) = (number, step)
                }
                _ => ranges.push(Self::new(number, number)),
            }
        }
        ranges
    }

    /// All numbers from the first to the last.
    #[must_use]
    pub fn new(first: u64, last: u64) -> Self {
        Self { first, last, step: 1 }
    }

    /// How many numbers it has; `None` when it is not a valid range.
    #[must_use]
    pub fn count(&self) -> Option<u64> {
        let distance = self.last.checked_sub(self.first)?;
        distance.checked_div(self.step)?.checked_add(1)
    }

    /// Its numbers, ascending.
    pub fn numbers(&self) -> impl Iterator<Item = u64> + use<> {
        let step = usize::try_from(self.step.max(1)).unwrap_or(usize::MAX);
        (self.first..=self.last).step_by(step)
    }

    /// Adds its numbers to a set.
    pub fn insert_into(&self, numbers: &mut RoaringTreemap) {
        if self.step <= 1 {
            numbers.insert_range(self.first..=self.last);
        } else {
            numbers.extend(self.numbers());
        }
    }
}

/// Offsets of one partition, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OffsetRange {
    /// The partition.
    pub partition: Partition,
    /// The first.
    pub first: Offset,
    /// The last.
    pub last: Offset,
}

impl OffsetRange {
    /// How many offsets it has; `None` when it is not a valid range.
    #[must_use]
    pub fn count(&self) -> Option<u64> {
        u64::try_from(self.last.0.checked_sub(self.first.0)?).ok()?.checked_add(1)
    }

    /// Adds its offsets to a set.
    pub fn insert_into(&self, offsets: &mut RoaringTreemap) {
        offsets.insert_range(self.first.bits()..=self.last.bits());
    }
}

/// Times in seconds since 1970-01-01 00:00 UTC, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRange {
    /// The earliest.
    pub first: i64,
    /// The latest.
    pub last: i64,
}

impl EventRange {
    /// The range of all times of both.
    pub(crate) fn and(self, other: Self) -> Self {
        Self { first: self.first.min(other.first), last: self.last.max(other.last) }
    }
}

/// Times in seconds since 1970-01-01 00:00 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeSpan {
    /// The beginning, included.
    pub from: i64,
    /// The end, excluded.
    pub until: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_of_one_partition_are_one_range() {
        let range = RowRange { first: 2, last: 11, step: 3 };
        let written = serde_json::to_string(&range).expect("JSON");
        assert_eq!(written, r#"{"first":2,"last":11,"step":3}"#);
        assert_eq!(serde_json::from_str::<RowRange>(&written).expect("JSON"), range);
        assert_eq!(serde_json::to_string(&RowRange::new(1, 2)).expect("JSON"), r#"{"first":1,"last":2}"#);
        let mut numbers = RoaringTreemap::new();
        range.insert_into(&mut numbers);
        assert_eq!(numbers.iter().collect::<Vec<_>>(), [2, 5, 8, 11]);
        assert_eq!((range.count(), range.numbers().count()), (Some(4), 4));
    }
}
