//! Ranges of row numbers, offsets and times.

use roaring::RoaringTreemap;
use serde::{Deserialize, Serialize};

use windrow_record::{Offset, Partition};

/// Row numbers. Both ends are included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowRange {
    /// The first row number.
    pub first: u64,
    /// The last row number.
    pub last: u64,
    /// The distance between two neighbouring numbers: 1, or the number of partitions if one partition's rows make the
    /// window.
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
    /// Returns the ranges of a set of numbers, ascending. The numbers within a range are `step` apart.
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

    /// Creates the range of all numbers from `first` to `last`.
    #[must_use]
    pub fn new(first: u64, last: u64) -> Self {
        Self { first, last, step: 1 }
    }

    /// The count of numbers in the range. `None` if the range is not valid.
    #[must_use]
    pub fn count(&self) -> Option<u64> {
        let distance = self.last.checked_sub(self.first)?;
        distance.checked_div(self.step)?.checked_add(1)
    }

    /// Returns true if a number is in the range.
    #[must_use]
    pub fn contains(&self, number: u64) -> bool {
        (self.first..=self.last).contains(&number) && (number - self.first).is_multiple_of(self.step.max(1))
    }

    /// The numbers of the range, ascending.
    pub fn numbers(&self) -> impl Iterator<Item = u64> + use<> {
        let step = usize::try_from(self.step.max(1)).unwrap_or(usize::MAX);
        (self.first..=self.last).step_by(step)
    }

    /// Adds the numbers of the range to a set.
    pub fn insert_into(&self, numbers: &mut RoaringTreemap) {
        if self.step <= 1 {
            numbers.insert_range(self.first..=self.last);
        } else {
            numbers.extend(self.numbers());
        }
    }
}

/// Offsets of one partition. Both ends are included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OffsetRange {
    /// The partition of the offsets.
    pub partition: Partition,
    /// The first offset of the range.
    pub first: Offset,
    /// The last offset of the range.
    pub last: Offset,
}

impl OffsetRange {
    /// The count of offsets in the range. `None` if the range is not valid.
    #[must_use]
    pub fn count(&self) -> Option<u64> {
        u64::try_from(self.last.0.checked_sub(self.first.0)?).ok()?.checked_add(1)
    }

    /// Adds the offsets of the range to a set.
    pub fn insert_into(&self, offsets: &mut RoaringTreemap) {
        offsets.insert_range(self.first.bits()..=self.last.bits());
    }
}

/// Event times in seconds since 1970-01-01 00:00 UTC. Both ends are included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRange {
    /// The earliest event time.
    pub first: i64,
    /// The latest event time.
    pub last: i64,
}

impl EventRange {
    /// Returns the smallest range that contains both ranges.
    pub(crate) fn union(self, other: Self) -> Self {
        Self { first: self.first.min(other.first), last: self.last.max(other.last) }
    }
}

/// The bounds of an event window, in seconds since 1970-01-01 00:00 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeSpan {
    /// The beginning of the span, included.
    pub from: i64,
    /// The end of the span, excluded.
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
        assert!((0..20).all(|number| range.contains(number) == numbers.contains(number)));
    }
}
