//! The arithmetic of windows: the rows and the times of each window. Pure: numbers and times are parameters.

use crate::{EventSpan, WindowPolicy};
use windrow_record::{RowNumber, WindowIndex};

/// A window policy and the rows that it is applied to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// The policy of the pipeline file.
    pub policy: WindowPolicy,
    rows: u64,
    /// Rows of the dataset before the first one that is replayed. Equal parts begin after them.
    before: u64,
    /// The index, from 0, of the one row that counts in every `of` rows: the rows of one partition.
    partition: u64,
    of: u64,
}

/// The partition, from 0, that a replay sends a row to. The rows go round the partitions, from the replay's first row on.
#[inline]
pub fn partition_of_row(row: RowNumber, first: RowNumber, partitions: u64) -> u64 {
    row.get().saturating_sub(first.get()) % partitions.max(1)
}

impl Cut {
    /// Creates the cut of all rows. `rows` is the number of rows that are replayed, which only equal parts need.
    pub fn new(policy: WindowPolicy, rows: Option<u64>) -> Self {
        Self { policy, rows: rows.unwrap_or_default(), before: 0, partition: 0, of: 1 }
    }

    /// Returns the same cut for a replay that begins with `row`.
    #[must_use]
    pub fn starting_at(self, row: RowNumber) -> Self {
        Self { before: row.get() - 1, ..self }
    }

    /// Returns the same windows for the rows of one partition only, the `partition`-th of `partitions` from 0.
    #[must_use]
    pub fn for_partition(self, partition: u64, partitions: u64) -> Self {
        let of = partitions.max(1);
        Self { partition: (partition + self.before) % of, of, ..self }
    }

    /// The distance between two consecutive rows: 1, or the number of partitions.
    #[inline]
    pub fn stride(&self) -> u64 {
        self.of
    }

    /// The number of rows in a window of a replay that began with row 1. `None` if row numbers do not decide.
    pub fn size_of_window(&self, window: WindowIndex) -> Option<u64> {
        let (first, last) = self.rows_of_window(window)?;
        // The count of rows 1 to n that are in the partition.
        let up_to = |n: u64| (n + self.of - 1 - self.partition) / self.of;
        Some(up_to(last).saturating_sub(up_to(first - 1)))
    }

    /// The window of a row number. `None` if row numbers do not decide.
    #[inline]
    pub fn window_of_row(&self, row: RowNumber) -> Option<WindowIndex> {
        let index = row.get() - 1;
        let index = match self.policy {
            WindowPolicy::Rows(size) => index / size.get(),
            WindowPolicy::Parts(parts) => {
                let (base, larger) = self.parts(parts.get());
                let in_larger = larger * (base + 1);
                match index.saturating_sub(self.before) {
                    // A stream of another producer can have more rows than the dataset.
                    index if index >= self.rows => u64::from(parts.get()) - 1,
                    index if index < in_larger => index / (base + 1),
                    // The row is after the larger parts and within the dataset, so the smaller parts are not empty.
                    index => larger + (index - in_larger) / base.max(1),
                }
            }
            WindowPolicy::Every(_) | WindowPolicy::Event { .. } => return None,
        };
        WindowIndex::new(u32::try_from(index + 1).unwrap_or(u32::MAX))
    }

    /// The first and last row numbers of a window. `None` if row numbers do not decide, and for the last part, which
    /// takes all further rows.
    #[inline]
    pub fn rows_of_window(&self, window: WindowIndex) -> Option<(u64, u64)> {
        let index = u64::from(window.get()) - 1;
        match self.policy {
            WindowPolicy::Rows(size) => {
                Some((index.saturating_mul(size.get()) + 1, (index + 1).saturating_mul(size.get())))
            }
            WindowPolicy::Parts(parts) if window.get() < parts.get() => {
                let (base, larger) = self.parts(parts.get());
                let until = |index: u64| self.before + index * base + index.min(larger);
                Some((until(index) + 1, until(index + 1)))
            }
            _ => None,
        }
    }

    /// The position of a row on the axis that windows are cut along: its number, or its time in seconds. `None` if neither
    /// decides, or if the row does not have it.
    #[inline]
    pub fn position(&self, row: Option<RowNumber>, time: Option<i64>) -> Option<i64> {
        match self.policy {
            WindowPolicy::Rows(_) | WindowPolicy::Parts(_) => {
                row.map(|row| i64::try_from(row.get()).unwrap_or(i64::MAX))
            }
            WindowPolicy::Event { .. } => time,
            WindowPolicy::Every(_) => None,
        }
    }

    /// The index of a position among the windows, or among the spans since 1970.
    pub(crate) fn window_of_position(&self, position: i64) -> i64 {
        match self.span_of_time(position) {
            Some(span) => span,
            None => {
                let row = u64::try_from(position).ok().and_then(RowNumber::new).unwrap_or(RowNumber::FIRST);
                self.window_of_row(row).map_or(0, |window| i64::from(window.get()))
            }
        }
    }

    /// The length of a window in positions; at least 1.
    pub(crate) fn length(&self) -> i64 {
        match self.policy {
            WindowPolicy::Rows(size) => i64::try_from(size.get()).unwrap_or(i64::MAX),
            WindowPolicy::Parts(parts) => i64::try_from(self.parts(parts.get()).0).unwrap_or(i64::MAX).max(1),
            WindowPolicy::Event { span, .. } => span.longest(),
            WindowPolicy::Every(_) => 1,
        }
    }

    /// The row number before the first one of a window. `None` if row numbers do not decide.
    pub fn position_before(&self, window: WindowIndex) -> Option<i64> {
        let first = match self.policy {
            WindowPolicy::Rows(_) => self.rows_of_window(window)?.0,
            WindowPolicy::Parts(parts) => {
                let (base, larger) = self.parts(parts.get());
                let index = u64::from(window.get().min(parts.get())) - 1;
                self.before + index * base + index.min(larger) + 1
            }
            WindowPolicy::Every(_) | WindowPolicy::Event { .. } => return None,
        };
        i64::try_from(first - 1).ok()
    }

    /// The last window, if the policy fixes the number of windows.
    pub fn fixed_windows(&self) -> Option<WindowIndex> {
        match self.policy {
            WindowPolicy::Parts(parts) => WindowIndex::new(parts.get()),
            _ => None,
        }
    }

    /// The index of a time among the spans since 1970. `None` if windows are not cut by event time.
    #[inline]
    pub fn span_of_time(&self, seconds: i64) -> Option<i64> {
        self.span().map(|span| span.index_of(seconds))
    }

    /// The beginning and the end, in seconds, of a window if window 1 is the span `first`. `None` if windows are not cut by
    /// event time.
    pub fn span_of_window(&self, first: i64, window: WindowIndex) -> Option<(i64, i64)> {
        let span = first.saturating_add(i64::from(window.get()) - 1);
        self.span().map(|spans| (spans.begin(span), spans.begin(span.saturating_add(1))))
    }

    /// The length of an event window. `None` if windows are not cut by event time.
    #[inline]
    pub fn span(&self) -> Option<EventSpan> {
        match self.policy {
            WindowPolicy::Event { span, .. } => Some(span),
            _ => None,
        }
    }

    /// The number of seconds after the end of a window for which the window still accepts rows.
    #[inline]
    pub(crate) fn lateness(&self) -> i64 {
        match self.policy {
            WindowPolicy::Event { lateness, .. } => i64::try_from(lateness.as_secs()).unwrap_or(i64::MAX),
            _ => 0,
        }
    }

    /// The size of the smaller parts, and the number of parts that are larger by one.
    #[inline]
    fn parts(&self, parts: u32) -> (u64, u64) {
        (self.rows / u64::from(parts), self.rows % u64::from(parts))
    }
}

#[cfg(test)]
mod tests {
    use std::num::{NonZeroU32, NonZeroU64};
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn parts(count: u32, rows: u64) -> Cut {
        Cut::new(WindowPolicy::Parts(NonZeroU32::new(count).expect("at least 1")), Some(rows))
    }

    fn window(cut: &Cut, row: u64) -> u32 {
        cut.window_of_row(RowNumber::new(row).expect("from 1")).expect("numbers decide").get()
    }

    #[test]
    fn equal_parts_differ_by_one_row_at_most() {
        let cut = parts(3, 11);
        let windows: Vec<u32> = (1..=13).map(|row| window(&cut, row)).collect();
        assert_eq!(windows, [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3]);
        let later = parts(2, 4).starting_at(RowNumber::new(11).expect("from 1"));
        assert_eq!((11..=15).map(|row| window(&later, row)).collect::<Vec<_>>(), [1, 1, 2, 2, 2]);
        assert_eq!(later.rows_of_window(WindowIndex::FIRST), Some((11, 12)));
        let few = parts(4, 2);
        assert_eq!((1..=4).map(|row| window(&few, row)).collect::<Vec<_>>(), [1, 2, 4, 4]);
        assert_eq!(few.rows_of_window(WindowIndex::new(3).expect("from 1")), Some((3, 2)), "an empty part");
    }

    #[test]
    fn spans_of_event_time_are_aligned_to_1970_on_both_sides() {
        let policy = WindowPolicy::Event { span: EventSpan::Day, lateness: Duration::from_secs(5) };
        let cut = Cut::new(policy, None);
        let spans = [0, 86_399, 86_400, -1, -86_400, -86_401].map(|seconds| cut.span_of_time(seconds));
        assert_eq!(spans, [0, 0, 1, -1, -1, -2].map(Some));
        assert_eq!(cut.lateness(), 5);
    }

    proptest! {
        #[test]
        fn the_partitions_share_a_window_among_them(
            size in 1_u64..50, window in 1_u32..20, partitions in 1_u64..9, begin in 1_u64..20,
        ) {
            let cut = Cut::new(WindowPolicy::Rows(NonZeroU64::new(size).expect("at least 1")), None)
                .starting_at(RowNumber::new(begin).expect("from 1"));
            let window = WindowIndex::new(window).expect("from 1");
            let (first, last) = cut.rows_of_window(window).expect("numbers decide");
            for partition in 0..partitions {
                // The first row that is replayed goes to the first partition.
                let of_row = |row: u64| (i128::from(row) - i128::from(begin)).rem_euclid(i128::from(partitions));
                let expected = (first..=last).filter(|row| of_row(*row) == i128::from(partition)).count() as u64;
                prop_assert_eq!(cut.for_partition(partition, partitions).size_of_window(window), Some(expected));
            }
        }

        #[test]
        fn a_row_is_within_the_rows_of_its_window(count in 1_u32..50, rows in 0_u64..1000, size in 1_u64..50, row in 1_u64..1000) {
            let by_rows = Cut::new(WindowPolicy::Rows(NonZeroU64::new(size).expect("at least 1")), None);
            for cut in [parts(count, rows), by_rows] {
                let window = cut.window_of_row(RowNumber::new(row).expect("from 1")).expect("numbers decide");
                if let Some((first, last)) = cut.rows_of_window(window) {
                    prop_assert!((first..=last).contains(&row), "{row} in {first}..={last}");
                }
            }
        }
    }
}
