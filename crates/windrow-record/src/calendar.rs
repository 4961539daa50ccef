//! Dates for tables and for the axes of pictures. All are in UTC.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
/// The steps between ticks that are shorter than a month, in seconds.
const SHORT_STEPS: [i64; 8] = [HOUR, 2 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY];
/// The steps between ticks in months, from one month to a hundred years.
const MONTH_STEPS: [i64; 11] = [1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200];
/// The Monday before 1970-01-01, from which steps of weeks are counted.
const MONDAY: i64 = -3 * DAY;

/// Returns a date, as in `2019-02-04`, of a time given in seconds since 1970; `-` if the calendar does not reach that far.
pub fn date(seconds: i64) -> String {
    time(seconds).map_or_else(|| "-".to_owned(), |time| time.date().to_string())
}

/// Returns a date with its time of day, as in `2019-02-04 06:00`, of a time given in seconds since 1970.
pub fn date_and_clock(seconds: i64) -> String {
    time(seconds).map_or_else(|| "-".to_owned(), |time| time.strftime("%Y-%m-%d %H:%M").to_string())
}

/// Returns the round dates from `first` to `last`, at most `most` of them, each with its label. Times are in seconds since
/// 1970. The step is a number of hours, days or weeks, or the first of a month or of a year.
pub fn date_ticks(first: i64, last: i64, most: usize) -> Vec<(i64, String)> {
    let most = i64::try_from(most.max(1)).unwrap_or(i64::MAX);
    if last.saturating_sub(first) < HOUR {
        return vec![(first, date_and_clock(first))];
    }
    for step in SHORT_STEPS {
        let origin = if step > 2 * DAY { MONDAY } else { 0 };
        let at = |index: i64| index.saturating_mul(step).saturating_add(origin);
        let from = first.saturating_sub(origin).div_euclid(step);
        let until = last.saturating_sub(origin).div_euclid(step);
        if until.saturating_sub(from) <= most {
            let label = if step < DAY { date_and_clock } else { date };
            let ticks: Vec<(i64, String)> =
                (from..=until).map(at).filter(|at| *at >= first).map(|at| (at, label(at))).collect();
            if !ticks.is_empty() && ticks.len() as i64 <= most {
                return ticks;
            }
        }
    }
    for step in MONTH_STEPS {
        let (Some(from), Some(until)) = (month_of(first), month_of(last)) else { break };
        let (from, until) = (from.div_euclid(step), until.div_euclid(step));
        if until - from > most {
            continue;
        }
        let ticks = (from..=until).filter_map(|index| begin_of_month(index * step)).filter(|at| *at >= first);
        let ticks: Vec<(i64, String)> = ticks.map(|at| (at, label_of_month(at, step))).collect();
        if !ticks.is_empty() && ticks.len() as i64 <= most {
            return ticks;
        }
    }
    vec![(first, date(first))]
}

fn label_of_month(seconds: i64, step: i64) -> String {
    let format = if step % 12 == 0 { "%Y" } else { "%b %Y" };
    time(seconds).map_or_else(|| "-".to_owned(), |time| time.strftime(format).to_string())
}

fn time(seconds: i64) -> Option<DateTime> {
    Timestamp::from_second(seconds).ok().map(|time| Offset::UTC.to_datetime(time))
}

/// Returns the number of months since year 0.
fn month_of(seconds: i64) -> Option<i64> {
    time(seconds).map(|time| i64::from(time.year()) * 12 + i64::from(time.month()) - 1)
}

fn begin_of_month(month: i64) -> Option<i64> {
    let year = i16::try_from(month.div_euclid(12)).ok()?;
    let of_year = i8::try_from(month.rem_euclid(12) + 1).ok()?;
    let begin = Date::new(year, of_year, 1).ok()?.at(0, 0, 0, 0);
    Offset::UTC.to_timestamp(begin).ok().map(Timestamp::as_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(first: i64, last: i64, most: usize) -> Vec<String> {
        date_ticks(first, last, most).into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn dates_have_the_form_of_the_names_of_windows() {
        assert_eq!([date(0), date(i64::MAX)], ["1970-01-01", "-"]);
        assert_eq!(date_and_clock(6 * HOUR), "1970-01-01 06:00");
    }

    #[test]
    fn ticks_are_round_dates_within_the_range() {
        // 2018-09-06 to 2020-12-31.
        let (first, last) = (1_536_192_000, 1_609_372_800);
        assert_eq!(labels(first, last, 5), ["Jan 2019", "Jul 2019", "Jan 2020", "Jul 2020"]);
        assert_eq!(labels(first, last, 3), ["2019", "2020"]);
        // Forty days from 1970-01-01.
        assert_eq!(labels(0, 40 * DAY, 4), ["1970-01-12", "1970-01-26", "1970-02-09"]);
        assert_eq!(labels(0, DAY, 3), ["1970-01-01 00:00", "1970-01-01 12:00", "1970-01-02 00:00"]);
        assert_eq!(labels(7, 9, 5), ["1970-01-01 00:00"]);
        assert_eq!(labels(-60 * 365 * DAY, 50 * 365 * DAY, 6), ["1920", "1940", "1960", "1980", "2000"]);
    }

    #[test]
    fn any_range_gives_a_few_ticks_in_ascending_order() {
        let ends = [i64::MIN, -377_705_116_800, -1, 0, 1, 253_402_207_200, i64::MAX];
        for first in ends {
            for last in ends {
                for most in [0, 1, 4, 50] {
                    let ticks = date_ticks(first, last, most);
                    assert!((1..=most.max(1)).contains(&ticks.len()), "{first} {last} {most}: {ticks:?}");
                    assert!(ticks.is_sorted_by_key(|(at, _)| *at), "{ticks:?}");
                }
            }
        }
    }
}
