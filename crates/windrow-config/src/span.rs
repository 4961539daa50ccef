//! The length of an event window: a duration, or a unit of the calendar.

use std::time::Duration;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

const DAY: i64 = 86_400;
/// The Monday before 1970-01-01, which was a Thursday.
const MONDAY: i64 = -3 * DAY;

/// The length of an event window. The span that contains 1970-01-01 00:00 UTC has index 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum EventSpan {
    /// A fixed duration of at least one second, aligned to 1970-01-01 00:00 UTC.
    Fixed(Duration),
    /// A day, from midnight to midnight UTC.
    Day,
    /// A week, from Monday to Sunday.
    Week,
    /// A month of the calendar.
    Month,
    /// A quarter of a year: January to March, April to June, ...
    Quarter,
}

impl EventSpan {
    /// Returns the index of the span that contains a time, in seconds since 1970-01-01 00:00 UTC.
    #[inline]
    pub fn index_of(self, seconds: i64) -> i64 {
        match self {
            Self::Fixed(_) | Self::Day | Self::Week => {
                let (origin, length) = self.regular();
                seconds.saturating_sub(origin).div_euclid(length)
            }
            Self::Month => month_of(seconds),
            Self::Quarter => month_of(seconds).div_euclid(3),
        }
    }

    /// Returns the beginning of a span, in seconds since 1970-01-01 00:00 UTC.
    #[inline]
    pub fn begin(self, span: i64) -> i64 {
        match self {
            Self::Fixed(_) | Self::Day | Self::Week => {
                let (origin, length) = self.regular();
                span.saturating_mul(length).saturating_add(origin)
            }
            Self::Month => begin_of_month(span),
            Self::Quarter => begin_of_month(span.saturating_mul(3)),
        }
    }

    /// Returns the length of the longest span, in seconds.
    pub fn longest(self) -> i64 {
        match self {
            Self::Fixed(_) | Self::Day | Self::Week => self.regular().1,
            Self::Month => 31 * DAY,
            Self::Quarter => 92 * DAY,
        }
    }

    /// Returns the length of the shortest run of this number of consecutive spans, in seconds.
    pub(crate) fn shortest_run(self, spans: u32) -> i64 {
        // Every order of long and short months is in the four years from 1970 on, with a leap day and without.
        let starts = match self {
            Self::Fixed(_) | Self::Day | Self::Week => 0..1,
            Self::Month => 0..48,
            Self::Quarter => 0..16,
        };
        let length = |first: i64| self.begin(first + i64::from(spans)).saturating_sub(self.begin(first));
        starts.map(length).min().unwrap_or_default()
    }

    /// Returns the name of the span that begins at `from`, as in `week of 2013-04-01`, `2013-04` or `2013 Q2`.
    pub fn name(self, from: i64) -> String {
        let date = date_of(from);
        match self {
            Self::Fixed(length) if length.as_secs().is_multiple_of(86_400) => match length.as_secs() / 86_400 {
                1 => date.to_string(),
                days => format!("{days} days from {date}"),
            },
            Self::Fixed(length) => {
                let time = jiff::Timestamp::from_second(from).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
                format!("{} from {}", humantime::format_duration(length), time.strftime("%Y-%m-%d %H:%M"))
            }
            Self::Day => date.to_string(),
            Self::Week => format!("week of {date}"),
            Self::Month => date.strftime("%Y-%m").to_string(),
            Self::Quarter => format!("{} Q{}", date.year(), (date.month() - 1) / 3 + 1),
        }
    }

    /// Returns the plural name of the spans, as in `weeks` or `windows of 14 days`.
    pub fn plural(self) -> String {
        match self {
            Self::Fixed(length) if length.as_secs() == 86_400 => "days".to_owned(),
            Self::Fixed(length) if length.as_secs().is_multiple_of(86_400) => {
                format!("windows of {} days", length.as_secs() / 86_400)
            }
            Self::Fixed(length) => format!("windows of {}", humantime::format_duration(length)),
            Self::Day => "days".to_owned(),
            Self::Week => "weeks".to_owned(),
            Self::Month => "months".to_owned(),
            Self::Quarter => "quarters".to_owned(),
        }
    }

    /// Returns the plural name of the unit of time that each span lasts, as in `weeks`; `windows` for another length. A
    /// duration of 7 days counts as a week, on whichever day it begins.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Day => "days",
            Self::Week => "weeks",
            Self::Month => "months",
            Self::Quarter => "quarters",
            Self::Fixed(length) => match length.as_secs() {
                3_600 => "hours",
                86_400 => "days",
                604_800 => "weeks",
                _ => "windows",
            },
        }
    }

    /// Returns the origin and the length, in seconds, of spans of equal length.
    #[inline]
    fn regular(self) -> (i64, i64) {
        match self {
            Self::Fixed(length) => (0, i64::try_from(length.as_secs()).unwrap_or(i64::MAX).max(1)),
            Self::Week => (MONDAY, 7 * DAY),
            Self::Day | Self::Month | Self::Quarter => (0, DAY),
        }
    }
}

impl From<EventSpan> for String {
    fn from(span: EventSpan) -> Self {
        match span {
            EventSpan::Fixed(length) => humantime::format_duration(length).to_string(),
            EventSpan::Day => "day".to_owned(),
            EventSpan::Week => "week".to_owned(),
            EventSpan::Month => "month".to_owned(),
            EventSpan::Quarter => "quarter".to_owned(),
        }
    }
}

impl TryFrom<String> for EventSpan {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "day" => Ok(Self::Day),
            "week" => Ok(Self::Week),
            "month" => Ok(Self::Month),
            "quarter" => Ok(Self::Quarter),
            other => match humantime::parse_duration(other) {
                Ok(length) if length.as_secs() > 0 => Ok(Self::Fixed(length)),
                _ => Err(format!(
                    "`{other}` is not day, week, month, quarter, or a duration of at least 1s (as in 12h or 30d)"
                )),
            },
        }
    }
}

/// Returns the name of the period between two times, as in `2013-04-01 to 2013-04-09`. Within a day, it has the times of day, as
/// in `2013-04-01 08:05 to 09:12`. All are in UTC.
pub(crate) fn period_between(first: i64, last: i64) -> String {
    let (from, to) = (date_of(first), date_of(last));
    if from != to {
        return format!("{from} to {to}");
    }
    let clock = |seconds: i64| {
        let minutes = seconds.rem_euclid(DAY) / 60;
        format!("{:02}:{:02}", minutes / 60, minutes % 60)
    };
    let (first, last) = (clock(first), clock(last));
    if first == last { from.to_string() } else { format!("{from} {first} to {last}") }
}

/// Returns the date of a time, or the calendar's first or last date if the time is outside the calendar.
fn date_of(seconds: i64) -> Date {
    let end = if seconds < 0 { Date::MIN } else { Date::MAX };
    jiff::Timestamp::from_second(seconds).map_or(end, |time| jiff::tz::Offset::UTC.to_datetime(time).date())
}

/// Returns the number of months since January 1970.
fn month_of(seconds: i64) -> i64 {
    let date = date_of(seconds);
    (i64::from(date.year()) - 1970) * 12 + i64::from(date.month()) - 1
}

fn begin_of_month(month: i64) -> i64 {
    let year = i16::try_from(month.div_euclid(12).saturating_add(1970)).ok();
    let of_year = i8::try_from(month.rem_euclid(12) + 1).unwrap_or(1);
    let date = year.and_then(|year| Date::new(year, of_year, 1).ok());
    let begin = date.and_then(|date| jiff::tz::Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok());
    begin.map_or(if month < 0 { i64::MIN } else { i64::MAX }, jiff::Timestamp::as_second)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seconds(date: &str) -> i64 {
        let date: Date = date.parse().expect("a date");
        jiff::tz::Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).expect("in range").as_second()
    }

    #[test]
    fn spans_begin_where_the_calendar_says() {
        let cases = [
            (EventSpan::Day, "2013-04-03", "2013-04-03", "2013-04-03"),
            (EventSpan::Week, "2013-04-03", "2013-04-01", "week of 2013-04-01"),
            (EventSpan::Week, "1969-12-30", "1969-12-29", "week of 1969-12-29"),
            (EventSpan::Month, "2012-02-29", "2012-02-01", "2012-02"),
            (EventSpan::Month, "1969-12-31", "1969-12-01", "1969-12"),
            (EventSpan::Quarter, "2013-06-30", "2013-04-01", "2013 Q2"),
            (EventSpan::Fixed(Duration::from_secs(7 * 86_400)), "2013-04-03", "2013-03-28", "7 days from 2013-03-28"),
            (EventSpan::Fixed(Duration::from_secs(3_600)), "2013-04-03", "2013-04-03", "1h from 2013-04-03 00:00"),
        ];
        for (span, time, begins, name) in cases {
            let begin = span.begin(span.index_of(seconds(time)));
            assert_eq!((begin, span.name(begin).as_str()), (seconds(begins), name), "{span:?} {time}");
        }
        assert_eq!(date_of(0).weekday(), jiff::civil::Weekday::Thursday);
    }

    #[test]
    fn a_period_has_dates_and_within_a_day_the_times_of_day() {
        let [day, next] = ["2013-04-01", "2013-04-02"].map(seconds);
        let cases = [
            ((day, next), "2013-04-01 to 2013-04-02"),
            ((day + 86_399, next), "2013-04-01 to 2013-04-02"),
            ((day, day), "2013-04-01"),
            ((day + 29_100, day + 29_130), "2013-04-01"),
            ((day + 29_100, day + 33_120), "2013-04-01 08:05 to 09:12"),
            ((-1, 0), "1969-12-31 to 1970-01-01"),
            ((-86_400, -1), "1969-12-31 00:00 to 23:59"),
        ];
        for ((first, last), name) in cases {
            assert_eq!(period_between(first, last), name);
        }
    }

    proptest! {
        #[test]
        fn a_time_is_within_its_span(at in -200_000_000_000_i64..200_000_000_000, every in 1_u64..10_000_000) {
            let fixed = EventSpan::Fixed(Duration::from_secs(every));
            for span in [fixed, EventSpan::Day, EventSpan::Week, EventSpan::Month, EventSpan::Quarter] {
                let index = span.index_of(at);
                let (begin, end) = (span.begin(index), span.begin(index + 1));
                prop_assert!((begin..end).contains(&at), "{span:?}: {begin} {at} {end}");
                prop_assert!((span.shortest_run(1)..=span.longest()).contains(&(end - begin)));
            }
        }

        #[test]
        fn no_time_is_too_far_away(at in any::<i64>()) {
            for span in [EventSpan::Day, EventSpan::Week, EventSpan::Month, EventSpan::Quarter] {
                let _ = (span.begin(span.index_of(at)), span.begin(at), span.name(at));
            }
            let _ = (period_between(at, at), period_between(i64::MIN, at), period_between(at, i64::MAX));
        }
    }
}
