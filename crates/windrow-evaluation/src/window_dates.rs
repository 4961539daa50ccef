//! The dates of windows, for tables and for the axes of pictures.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use windrow_record::calendar::{date, date_and_clock};
use windrow_record::display::duration;

const DAY: i64 = 86_400;

/// The times at which windows begin. Empty if windows have no times.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WindowDates {
    /// The beginning of windows 1, 2, 3, ... and the end of the last one, in seconds since 1970 and in ascending order.
    begins: Vec<i64>,
}

impl WindowDates {
    /// Collects the beginnings of windows 1, 2, 3, ... A window without a time, such as one without rows, begins with the
    /// window after it. Without any time, windows have no dates.
    pub fn new(begins: impl IntoIterator<Item = Option<i64>>, end: Option<i64>) -> Self {
        let begins: Vec<Option<i64>> = begins.into_iter().collect();
        let Some(end) = end.filter(|_| begins.iter().any(Option::is_some)) else { return Self::default() };
        let mut next = end;
        let mut dates = vec![end];
        for begin in begins.into_iter().rev() {
            next = begin.map_or(next, |begin| begin.min(next));
            dates.push(next);
        }
        dates.reverse();
        Self { begins: dates }
    }

    /// Returns the time at which a window begins, in seconds since 1970. The window after the last one begins at the end
    /// of the last one.
    pub fn begin(&self, window: u32) -> Option<i64> {
        self.begins.get((window as usize).checked_sub(1)?).copied()
    }

    /// Returns the date on which a window begins, as in `2019-02-04`. With windows that are shorter than a day, it has the
    /// time of day.
    pub fn date(&self, window: u32) -> Option<String> {
        self.begin(window).map(|begin| self.text(begin))
    }

    /// Returns the dates of some windows, as in `2018-09-06 to 2020-12-31`: the last one is that of the end of `last`. A
    /// window of one day has one date.
    pub fn range(&self, first: u32, last: u32) -> Option<String> {
        let (from, until) = (self.begin(first)?, self.begin(last.checked_add(1)?)?);
        // The end of a window is the first moment after it.
        let (from, last) = (self.text(from), self.text(until.saturating_sub(1).max(from)));
        Some(if from == last { from } else { format!("{from} to {last}") })
    }

    /// Returns the date of a window with its number, as in `2019-02-04 (window 29)`, or only the number without dates.
    pub fn name(&self, window: u32) -> String {
        self.date(window).map_or_else(|| format!("window {window}"), |date| format!("{date} (window {window})"))
    }

    /// Returns the dates of some windows with their numbers, as in `2018-09-06 to 2020-12-31 (windows 17 to 79)`, or only
    /// the numbers without dates.
    pub fn range_name(&self, first: u32, last: u32) -> String {
        let numbers = if first == last { format!("window {first}") } else { format!("windows {first} to {last}") };
        self.range(first, last).map_or_else(|| numbers.clone(), |range| format!("{range} ({numbers})"))
    }

    /// Returns the time from the beginning of one window to that of a later one, as in `28 days`.
    pub fn time_between(&self, first: u32, last: u32) -> Option<String> {
        let seconds = self.begin(last)?.checked_sub(self.begin(first)?)?;
        Some(duration(Duration::from_secs(u64::try_from(seconds).ok().filter(|seconds| *seconds > 0)?)))
    }

    fn text(&self, seconds: i64) -> String {
        if self.needs_clock() { date_and_clock(seconds) } else { date(seconds) }
    }

    /// Returns `true` if the windows are shorter than a day on average, so that a date is not enough.
    fn needs_clock(&self) -> bool {
        let windows = i64::try_from(self.begins.len()).unwrap_or(i64::MAX).saturating_sub(1).max(1);
        let ends = self.begins.first().zip(self.begins.last());
        ends.is_some_and(|(first, last)| last.saturating_sub(*first) / windows < DAY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_named_by_their_first_day() {
        let days = |days: &[Option<i64>], end: i64| {
            WindowDates::new(days.iter().map(|day| day.map(|day| day * DAY)), Some(end * DAY))
        };
        let dates = days(&[Some(0), Some(14), None, Some(42)], 56);
        assert_eq!(dates.date(1).as_deref(), Some("1970-01-01"));
        assert_eq!(dates.name(3), "1970-02-12 (window 3)", "a window without rows begins with the next one");
        assert_eq!(dates.range(2, 4).as_deref(), Some("1970-01-15 to 1970-02-25"));
        assert_eq!(dates.range_name(1, 1), "1970-01-01 to 1970-01-14 (window 1)");
        assert_eq!(days(&[Some(0), Some(1)], 2).range_name(2, 2), "1970-01-02 (window 2)");
        assert_eq!((dates.date(0), dates.date(6), dates.range(4, 5)), (None, None, None));
        assert_eq!((dates.time_between(1, 4).as_deref(), dates.time_between(4, 1)), (Some("42 days"), None));
        // Rows that are not in the order of their times.
        assert_eq!(days(&[Some(9), Some(3)], 20).date(1).as_deref(), Some("1970-01-04"));
    }

    #[test]
    fn short_windows_have_a_time_of_day_and_others_may_have_no_dates() {
        let hours = WindowDates::new([Some(0), Some(3_600)], Some(7_200));
        assert_eq!(hours.date(2).as_deref(), Some("1970-01-01 01:00"));
        for none in [WindowDates::new([None, None], Some(5)), WindowDates::new([Some(5)], None)] {
            assert_eq!(none, WindowDates::default());
            assert_eq!((none.name(2), none.range_name(1, 2)), ("window 2".to_owned(), "windows 1 to 2".to_owned()));
        }
    }

    #[test]
    fn damaged_dates_are_no_panic() {
        let dates = WindowDates { begins: vec![i64::MIN, i64::MAX, 0, i64::MIN] };
        assert_eq!(dates.range(1, 1).as_deref(), Some("-"));
        let _ = (dates.range(2, 2), dates.range(3, 3), dates.name(u32::MAX), dates.range_name(u32::MAX, u32::MAX));
        assert_eq!((dates.time_between(1, 2), dates.time_between(0, u32::MAX)), (None, None));
    }
}
